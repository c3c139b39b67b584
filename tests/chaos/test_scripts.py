"""What the scripts of scenarios ask for, and in what order, of a ``Chaos`` that only writes it down."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from tests.chaos import scripts
from tests.chaos.chaos import Chaos
from tests.chaos.scenarios import BY_NAME
from tests.chaos.test_judge import good, verdict_on


class Told:
    """Three nodes, the first of which leads."""

    round = 0

    def __init__(self) -> None:
        self.words: list[str] = []
        self.snapshots = [0]
        self.proofs: list[bool] = []

    def leader(self) -> str:
        return "mds1"

    def followers(self) -> list[str]:
        return ["mds2", "mds3"]

    @contextlib.contextmanager
    def fault(self, what: str, nodes: list[str]) -> Iterator[None]:
        self.words.append("fault")
        yield
        self.words.append("fault over")

    @contextlib.contextmanager
    def _lasting(self, node: str, size: float) -> Iterator[None]:
        self.words.append("made")
        yield
        self.words.append("undone")

    wrong_clock = slow_disk = _lasting

    def snapshots_installed(self, name: str) -> int:
        return self.snapshots.pop(0)

    def prove(self, what: str, shown: bool) -> None:
        self.proofs.append(shown)

    def kill(self, *names: str) -> None:
        self.words.append("killed")

    def start(self, *names: str) -> None:
        self.words.append("started")

    def await_progress(self) -> None:
        self.words.append("progress")

    def rest(self, seconds: float) -> None:
        self.words.append("rest")

    def settle(self, timeout_s: float = 0.0) -> None:
        self.words.append("settled")


@pytest.mark.parametrize("script", [scripts.clock_forward, scripts.clock_back])
def test_an_election_that_a_clocks_return_causes_falls_into_the_fault(script: Callable[[Chaos], None]) -> None:
    """New terms are counted from a fault's beginning to its end: it ends when one would have been seen."""
    told = Told()
    script(cast(Any, told))
    assert told.words == ["fault", "made", "progress", "rest", "undone", "rest", "settled", "fault over"]


def test_an_election_at_the_end_of_a_slow_disk_falls_into_the_fault() -> None:
    """As of clocks."""
    told = Told()
    scripts.slow_disk_leader(cast(Any, told))
    assert told.words == ["fault", "made", "rest", "progress", "undone", "settled", "fault over"]


@pytest.mark.parametrize("name", ["clock-forward", "clock-back"])
def test_no_clock_that_jumps_may_cost_an_election(name: str) -> None:
    """Nothing of ours goes by the wall clock but what is shown."""
    evidence = good()
    assert not verdict_on("terms", evidence, name).kept, "the leader was elected anew"
    evidence.faults[0].term_after = evidence.faults[0].term_before
    assert not verdict_on("terms", evidence, name).kept, "and seen to lead, at any time after"
    del evidence.samples[-1]
    assert verdict_on("terms", evidence, name).kept
    assert BY_NAME[name].terms_max == 0


@pytest.mark.parametrize(("later", "shown"), [(1, False), (2, True)])
def test_a_snapshot_of_an_earlier_round_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, later: int, shown: bool
) -> None:
    """The node got one in the round before; was there another?"""
    monkeypatch.setattr(scripts, "flood", lambda chaos, until_behind: None)
    told = Told()
    told.snapshots = [1, later]
    scripts.far_behind_follower(cast(Any, told))
    assert told.proofs == [shown]
