"""What consensus has measured of itself: kept in memory, told with a node's status.

Every turn adds to a few counters, and nothing is done for a single proposal. The clock is passed in; a simulator's may
stand still.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from mdscluster.replica import Measured
from telemetry.histogram import Histogram

_UNCOMMITTED_MAX: Final = 4_096
"""Entries that a leader remembers the time of; without a quorum there may be many, and those say nothing."""


class Measures:
    """One consensus process's, since its start."""

    def __init__(self, clock_s: Callable[[], float] = lambda: 0.0) -> None:
        self.clock_s = clock_s
        self.commit = Histogram()
        self.apply = Histogram()
        self.fsync = Histogram()
        self.lag = Histogram()
        self.leader_changes = 0
        self.snapshots: dict[str, int] = {"sent": 0, "not sent": 0, "not received": 0}
        self._leader: tuple[str, int] | None = None
        self._appended: deque[tuple[int, float]] = deque(maxlen=_UNCOMMITTED_MAX)  # last index, when
        self._term = 0

    def appended(self, term: int, last_index: int, now_ms: float) -> None:
        """A leader's log reaches up to ``last_index``; called once a turn."""
        if term != self._term:
            self._term = term
            self._appended.clear()  # an earlier term's entries, if they are there, commit with this one's
        if not self._appended or self._appended[-1][0] < last_index:
            self._appended.append((last_index, now_ms))

    def committed(self, commit_index: int, now_ms: float) -> None:
        """A leader's entries up to ``commit_index`` are held by a majority."""
        waiting = self._appended
        while waiting and waiting[0][0] <= commit_index:
            self.commit.note((now_ms - waiting.popleft()[1]) / 1000)

    def led_by(self, leader: str, term: int) -> None:
        """Who leads, as this node knows. Changes are counted, the first leader after the start is none."""
        known = self._leader
        if known is None or known != (leader, term):
            self._leader = (leader, term)
            self.leader_changes += known is not None

    def told(self) -> Measured:
        """As it is now."""
        return Measured(
            self.commit, self.apply, self.fsync, self.lag, self.leader_changes, self.snapshots
        )
