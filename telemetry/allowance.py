"""So many a second, and no more: for what is told in a log."""

from __future__ import annotations


class Allowance:
    """Counts what is taken in each second of a clock that is passed in."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._second = -1
        self._taken = 0
        self._refused = 0
        self.refused_before = 0
        """How many were refused since one was allowed last."""

    def take(self, now_s: float) -> bool:
        """Whether there is one left."""
        second = int(now_s)
        if second != self._second:
            self._second, self._taken = second, 0
        if self._taken >= self._per_s:
            self._refused += 1
            return False
        self._taken += 1
        self.refused_before, self._refused = self._refused, 0
        return True
