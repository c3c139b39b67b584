"""A fault on a node's disk or clock proves that it lasted, not only that it struck once."""

from __future__ import annotations

from typing import cast

import pytest

from tests.chaos import chaos as module
from tests.chaos.chaos import BUSY, LOOKS_PER_S_MIN, Chaos
from tests.chaos.evidence import Fault
from tests.chaos.monitor import Monitor
from tests.chaos.shim import Shim
from tests.chaos.site import Site

DELAY_MS, LASTS_S = 150, 6.0


class Clock:
    """What time it is in this test."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


class Counts:
    """A fault library that has struck as often as it is told."""

    def __init__(self) -> None:
        self.syncs = self.looks = 0

    def delay_syncs(self, node: str, delay_ms: int) -> None:
        """Nothing is slow here."""

    def shift_clock(self, node: str, offset_s: float) -> None:
        """Nothing is wrong here."""

    def struck(self, node: str) -> tuple[int, int]:
        return self.syncs, self.looks


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def under_fault(shim: Counts) -> tuple[Chaos, Fault]:
    chaos = Chaos(cast(Site, None), cast(Monitor, None), [], 1, shim=cast(Shim, shim))
    chaos._fault = fault = Fault("a fault", ("mds1",), 100.0, 1)
    return chaos, fault


@pytest.mark.parametrize(("short_by", "shown"), [(0, True), (1, False)])
def test_a_slow_disk_is_waited_for_most_of_the_time(clock: Clock, short_by: int, shown: bool) -> None:
    """A disk that delayed one fsync, and then none, was not slow."""
    shim = Counts()
    chaos, fault = under_fault(shim)
    with chaos.slow_disk("mds1", DELAY_MS):
        clock.now_s += LASTS_S
        shim.syncs += int(LASTS_S * 1000 / DELAY_MS * BUSY) - short_by
    assert fault.took_effect == shown, fault.proofs


@pytest.mark.parametrize(("short_by", "shown"), [(0, True), (1, False)])
def test_a_wrong_clock_is_looked_at_over_and_over(clock: Clock, short_by: int, shown: bool) -> None:
    """A node that looked once and never again was not told the wrong time."""
    shim = Counts()
    chaos, fault = under_fault(shim)
    with chaos.wrong_clock("mds1", 3600.0):
        clock.now_s += LASTS_S
        shim.looks += int(LASTS_S * LOOKS_PER_S_MIN) - short_by
    assert fault.took_effect == shown, fault.proofs


def test_a_fault_of_no_time_must_have_struck_all_the_same(clock: Clock) -> None:
    """Nothing in no time is no effect."""
    chaos, fault = under_fault(Counts())
    with chaos.slow_disk("mds1", DELAY_MS):
        pass
    assert not fault.took_effect
