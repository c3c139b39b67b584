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
    tried: int
    """Random seeds run."""
    broken: str
    """Why the row itself is wrong: a test that fails without the mutation, or cannot be found."""
    seconds: float

    @property
    def caught(self) -> bool:
        return bool(self.directed or self.seeds) and not self.missed and not self.broken


class _Collector:
    """Hears how each test went."""

    def __init__(self) -> None:
        self.failures: list[tuple[str, str]] = []
        self.passed = 0

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            told = crash.message.splitlines()[0] if crash is not None else "error outside the test"
            self.failures.append((report.nodeid, f"{report.when}: {told}"))
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
        collector.failures.append((", ".join(ids), f"pytest ended with {code!r}"))
    return collector


def check_row(index: int, seeds_max: int | None) -> Verdict:
    """One row of the table, in this process. ``seeds_max`` replaces the row's own bound; 0: directed tests only."""
    row = MUTATIONS[index]
    began_s = time.monotonic()
    directed = broken = ""
    missed: tuple[str, ...] = ()
    if row.directed:
        if failures := _run_tests(row.directed).failures:
            broken = f"fails without the mutation: {_name(failures[0][0])}: {failures[0][1]}"
        with row.switched_off():
            collector = _run_tests(row.directed)
        caught = [(name, told) for name, told in collector.failures if told.startswith("call:")]
        missed = tuple(_name(node_id) for node_id in row.directed if not _among(caught, node_id))
        if caught:
            directed = f"{_name(caught[0][0])}: {caught[0][1].removeprefix('call: ')}"
        elif collector.failures:
            broken = broken or f"no failure of a test, but: {collector.failures[0][1]}"
    seeds, tried = _try_seeds(row, row.seeds if seeds_max is None else min(seeds_max, row.seeds))
    return Verdict(row.name, directed, seeds, missed, tried, broken, time.monotonic() - began_s)


def _name(node_id: str) -> str:
    return node_id.partition("::")[2] or node_id


def _among(failures: list[tuple[str, str]], node_id: str) -> bool:
    """The test has failed; of one with parameters that are not named, one case at least."""
    return any(failed == node_id or failed.startswith(f"{node_id}[") for failed, _ in failures)


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
        if verdict.directed:
            lines += [f"            directed, but passes: {name}"[:220] for name in verdict.missed]
        if verdict.seeds:
            lines.append(f"            random, after {_count(verdict.tried)}: {verdict.seeds}"[:220])
        elif verdict.tried:
            lines.append(f"            random: not caught by {_count(verdict.tried)}")
    missed = sum(not verdict.caught for verdict in verdicts)
    lines.append(f"{len(verdicts) - missed} of {len(verdicts)} mutations caught")
    return "\n".join(lines)


def _count(seeds: int) -> str:
    return f"{seeds} seed{'s' if seeds != 1 else ''}"
