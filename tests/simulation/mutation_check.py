"""Runs the mutation table: each row in a process of its own, its directed tests first, then random seeds."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.runner import run_one

ROOT: Final = Path(__file__).resolve().parents[2]
NOTICED: Final = (AssertionError, pytest.fail.Exception)
"""How a test says that something does not hold: ``assert``, the product's own ``ConsensusBug``, ``pytest.raises``."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one row."""

    name: str
    directed: str
    """The test that caught it and how it failed; empty: none did."""
    seeds: str
    """Which seed caught it and how; empty: none did, or none was tried."""
    missed: tuple[str, ...]
    """Directed tests that pass with the mutation as well: they do not defend what the row says."""
    stumbled: tuple[str, ...]
    """Directed tests that fail with the mutation by an exception that neither is an assertion's nor is named in the
    row, and by which: the mutation itself may be broken, or the test meets it by chance."""
    tried: int
    """Random seeds run."""
    blind: bool
    """Random seeds that should have caught it have not."""
    broken: str
    """Why the row itself is wrong: a test that fails without the mutation, or cannot be found."""
    seconds: float

    @property
    def caught(self) -> bool:
        return bool(self.directed or self.seeds) and not (self.missed or self.stumbled or self.blind or self.broken)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Of one test."""

    node_id: str
    when: str
    """``call``: the test itself failed, and nothing around it."""
    told: str
    """The first line of what it said."""
    by: str
    """The exception that it failed by, where that is none of ``NOTICED``; else empty."""


class _Collector:
    """Hears how each test went."""

    def __init__(self) -> None:
        self.failures: list[_Failure] = []
        self.passed = 0
        self._raised: type[BaseException] | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """A report is about to be made, by others."""
        self._raised = None if call.excinfo is None else call.excinfo.type

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            told = crash.message.splitlines()[0] if crash is not None else "error outside the test"
            by = "" if self._raised is None or issubclass(self._raised, NOTICED) else self._raised.__name__
            self.failures.append(_Failure(report.nodeid, report.when or "", told, by))
        elif report.passed and report.when == "call":
            self.passed += 1


def _run_tests(ids: tuple[str, ...]) -> _Collector:
    collector = _Collector()
    arguments = [
        "-q",
        "-p",
        "no:cacheprovider",
        "--no-header",
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = pytest.main([*arguments, *(str(ROOT / node_id) for node_id in ids)], plugins=[collector])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        collector.failures.append(_Failure(", ".join(ids), "run", f"pytest ended with {code!r}", ""))
    return collector


def check_row(index: int, seeds_max: int | None) -> Verdict:
    """One row of the table, in this process. ``seeds_max`` replaces the row's own bound; 0: directed tests only."""
    row = MUTATIONS[index]
    began_s = time.monotonic()
    directed = broken = ""
    missed: list[str] = []
    stumbled: list[str] = []
    if row.directed:
        if failures := _run_tests(row.directed).failures:
            first = failures[0]
            broken = f"fails without the mutation: {_name(first.node_id)}: {first.when}: {first.told}"
        with row.switched_off():
            failures = _run_tests(row.directed).failures
        called = [failure for failure in failures if failure.when == "call"]
        caught = [failure for failure in called if failure.by in ("", row.by)]
        for node_id in row.directed:
            if _of(node_id, caught):
                continue
            if others := _of(node_id, called):
                stumbled.append(f"{_name(node_id)}: caught by {others[0].by} ({others[0].told})")
            else:
                missed.append(_name(node_id))
        if caught:
            directed = f"{_name(caught[0].node_id)}: {caught[0].told}"
        elif failures and not called:
            broken = broken or f"no failure of a test, but: {failures[0].when}: {failures[0].told}"
    seeds, tried = _try_seeds(row, row.seeds if seeds_max is None else min(seeds_max, row.seeds))
    blind = row.by_seeds and not seeds and 0 < tried == row.seeds
    seconds = time.monotonic() - began_s
    return Verdict(row.name, directed, seeds, tuple(missed), tuple(stumbled), tried, blind, broken, seconds)


def _name(node_id: str) -> str:
    return node_id.partition("::")[2] or node_id


def _of(node_id: str, failures: list[_Failure]) -> list[_Failure]:
    """The test's; of one with parameters that are not named, those of all its cases."""
    return [each for each in failures if each.node_id == node_id or each.node_id.startswith(f"{node_id}[")]


def _try_seeds(row: Mutation, bound: int) -> tuple[str, int]:
    tried = 0
    with row.switched_off():
        for seed, nodes in _seeds(row, bound):
            tried += 1
            result = run_one(row.depth, seed, nodes)
            if not result.ok:
                return f"seed {seed} of {nodes} nodes: {result.violations[0]}", tried
    return "", tried


def _seeds(row: Mutation, bound: int) -> Iterator[tuple[int, int]]:
    for number in range(bound):
        yield number // len(row.nodes), row.nodes[number % len(row.nodes)]


def report(verdicts: list[Verdict]) -> str:
    """The table for people."""
    lines = []
    for verdict in verdicts:
        lines.append(f"{'caught' if verdict.caught else 'NOT CAUGHT':<11} {verdict.name}  ({verdict.seconds:.1f} s)")
        if verdict.broken:
            lines.append(f"            the row is broken: {verdict.broken}")
        lines.append(f"            directed: {verdict.directed or 'not caught'}"[:220])
        lines += [f"            directed, but passes: {name}"[:220] for name in verdict.missed if verdict.directed]
        lines += [f"            directed, but {told}"[:220] for told in verdict.stumbled]
        if verdict.seeds:
            lines.append(f"            random, after {_count(verdict.tried)}: {verdict.seeds}"[:220])
        elif verdict.tried:
            told = ", which once caught it" if verdict.blind else ""
            lines.append(f"            random: not caught by {_count(verdict.tried)}{told}")
    missed = sum(not verdict.caught for verdict in verdicts)
    lines.append(f"{len(verdicts) - missed} of {len(verdicts)} mutations caught")
    return "\n".join(lines)


def _count(seeds: int) -> str:
    return f"{seeds} seed{'s' if seeds != 1 else ''}"
