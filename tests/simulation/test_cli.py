"""The command line, the sums it makes, and the mutation table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.simulation import docs, mutation_check, runner
from tests.simulation.cli import main
from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.result import DEPTHS, Depth, DepthMissing, SeedResult, Trace

HERE = "tests.simulation.test_cli"


def run_seed(seed: int, nodes: int, directory: Path, trace: Trace | None) -> SeedResult:
    """A depth for these tests: every third seed fails, and the seventh raises."""
    assert directory.is_dir()
    assert not any(directory.iterdir())
    if seed == 7:
        raise ValueError("seven")
    if trace is not None:
        trace("a line")
    return SeedResult(seed, nodes, ("INV-9: third",) if seed % 3 == 2 else (), {"acked": 5}, "d")


FLOORS = {"acked": 5.0, "never": 0.2}


@pytest.fixture
def depth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEPTHS, "consensus", Depth("consensus", HERE, "for a test"))  # type: ignore[misc]


def test_a_missing_depth_is_said_so() -> None:
    with pytest.raises(DepthMissing, match=r"there is no tests\.simulation\.nowhere"):
        Depth("x", "tests.simulation.nowhere.run", "").run_seed()


@pytest.mark.usefixtures("depth")
def test_a_failing_seed_names_the_command_that_replays_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--depth", "consensus", "--seed", "2", "--trace"]) == 1
    assert "a line" in capsys.readouterr().out
    assert main(["--depth", "consensus", "--seed", "1"]) == 0
    result = runner.run_one("consensus", 7, 3)
    assert result.violations[0].startswith("bug: ValueError: seven")


def test_a_run_that_shows_nothing_is_vacuous() -> None:
    """Enough seeds, none failed, and still nothing is proven: the floors say so."""
    totals = runner.Totals("consensus", 3)
    for seed in range(runner.SEEDS_FOR_FLOORS):
        assert totals.below(FLOORS) == []
        totals.add(SeedResult(seed, 3, (), {"acked": 5}, ""))
    assert totals.below({"acked": 5.0}) == []
    assert [line.split(":")[0] for line in totals.below(FLOORS)] == ["never"]
    rare = {"never": runner.EVENTS_FOR_FLOORS / (runner.SEEDS_FOR_FLOORS + 0.5)}
    assert totals.below(rare) == [], "so few events are chance"
    totals.add(SeedResult(99, 3, (), {"acked": 5}, ""))
    assert totals.below(rare) != []


def test_many_seeds_on_several_processes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--depth", "consensus", "--seeds", "0:6", "--jobs", "2"]) == 0
    told = capsys.readouterr().out
    assert "ok: depth consensus, 3 nodes, seeds 0:6: 0 of 6 seeds violated" in told
    assert " acked" in told


def test_a_row_that_nothing_catches_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Mutation("nothing", "contextlib:nullcontext", ("tests/simulation/test_cli.py::test_seven_is_odd",), seeds=1)
    monkeypatch.setattr(mutation_check, "MUTATIONS", (row,))
    verdict = mutation_check.check_row(0, 0)
    assert not verdict.caught
    assert "NOT CAUGHT" in mutation_check.report([verdict])
    assert "0 of 1 mutations caught" in mutation_check.report([verdict])


def test_every_test_of_a_row_must_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that a row lists and that passes all the same defends something else, whatever its name says."""
    here = "tests/simulation/test_cli.py::"
    row = Mutation("half", f"{HERE}:eight_is_odd", (here + "test_eight_is_even", here + "test_seven_is_odd"))
    monkeypatch.setattr(mutation_check, "MUTATIONS", (row,))
    verdict = mutation_check.check_row(0, 0)
    assert verdict.directed.startswith("test_eight_is_even")
    assert verdict.missed == ("test_seven_is_odd",)
    assert not verdict.caught
    assert "passes: test_seven_is_odd" in mutation_check.report([verdict])
    whole = Mutation("whole", row.off, row.directed[:1])
    monkeypatch.setattr(mutation_check, "MUTATIONS", (whole,))
    assert mutation_check.check_row(0, 0).caught


def test_seeds_that_found_a_mutation_once_must_find_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An oracle that looks at nothing finds nothing, in any number of seeds."""
    test = ("tests/simulation/test_cli.py::test_eight_is_even",)
    row = Mutation("blind", f"{HERE}:eight_is_odd", test, seeds=2)
    hard = Mutation("hard", row.off, test, seeds=2, by_seeds=False)
    monkeypatch.setattr(mutation_check, "MUTATIONS", (row, hard))
    verdict = mutation_check.check_row(0, None)
    assert verdict.directed
    assert not verdict.caught
    assert "random: not caught by 2 seeds, which once caught it" in mutation_check.report([verdict])
    assert mutation_check.check_row(0, 1).caught, "fewer were tried"
    assert mutation_check.check_row(1, None).caught


def test_a_test_that_stumbles_over_a_mutation_has_not_caught_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutation that raises by a mistake of its own would count as caught by whatever calls it. Where an exception is
    what somebody would meet, the row says by which."""
    test = ("tests/simulation/test_cli.py::test_eight_is_even",)
    mistaken = Mutation("mistaken", f"{HERE}:eight_is_missing", test)
    told = Mutation("told", mistaken.off, test, by="KeyError")
    monkeypatch.setattr(mutation_check, "MUTATIONS", (mistaken, told))
    verdict = mutation_check.check_row(0, 0)
    assert not verdict.caught
    assert verdict.directed == ""
    assert verdict.missed == ()
    assert verdict.broken == ""
    report = mutation_check.report([verdict])
    assert "NOT CAUGHT" in report
    assert "directed, but test_eight_is_even: caught by KeyError" in report
    verdict = mutation_check.check_row(1, 0)
    assert verdict.caught
    assert verdict.stumbled == ()


NUMBERS = {"eight": 8}


@contextmanager
def eight_is_odd() -> Iterator[None]:
    """A mutation for the test above."""
    with patch.dict(NUMBERS, {"eight": 9}):
        yield


@contextmanager
def eight_is_missing() -> Iterator[None]:
    """Another, by which what looks for it stumbles."""
    with patch.dict(NUMBERS, clear=True):
        yield


def test_eight_is_even() -> None:
    """What the mutation above breaks."""
    assert NUMBERS["eight"] % 2 == 0


def test_seven_is_odd() -> None:
    """Nothing can switch this off."""
    assert 7 % 2 == 1


def test_every_row_names_tests_and_a_mutation_that_exist() -> None:
    root = mutation_check.ROOT
    names = [row.name for row in MUTATIONS]
    assert len(set(names)) == len(names)
    for row in MUTATIONS:
        assert row.directed or row.seeds, f"{row.name}: nothing is tried"
        for node_id in row.directed:
            path, _, name = node_id.partition("::")
            assert f"def {name.partition('[')[0]}(" in (root / path).read_text(), node_id
        with row.switched_off():
            pass


def test_the_document_lists_every_mutation_as_the_table_does() -> None:
    """Run ``./run sim --mutate --write-docs`` after changing the table, or a docstring that it shows."""
    text = docs.DOCUMENT.read_text(encoding="utf-8")
    assert docs.written(text) == text
    assert all(row.what() for row in MUTATIONS), "a mutation that does not say what is wrong meanwhile"
    with pytest.raises(ValueError, match="no list of mutations"):
        docs.written("nothing here")
