"""Durations in preallocated buckets: noting one is a clock's difference and two additions.

The buckets' bounds are powers of two of a microsecond, so that the bucket is the length of the number in bits: no
search, no branch. Exposed are those from 64 us to 33 s. A percentile over them is wrong by less than a factor of two at
worst, and by far less with Prometheus' interpolation.
"""

from __future__ import annotations

from typing import Final

import msgspec

BUCKETS: Final = 64
"""One for each possible length in bits of a number of microseconds: no duration needs a check."""
FIRST_EXPOSED: Final = 6
LAST_EXPOSED: Final = 25
_US: Final = 1_000_000


class Histogram(msgspec.Struct):
    """How often something took how long. ``counts[n]``: at least 2**(n-1) and less than 2**n microseconds."""

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * BUCKETS)
    sum_s: float = 0.0

    def note(self, seconds: float) -> None:
        """One more. A clock that went back counts as no time at all."""
        if seconds <= 0.0:
            self.counts[0] += 1
            return
        self.counts[int(seconds * _US).bit_length()] += 1
        self.sum_s += seconds

    def add(self, other: Histogram) -> None:
        """All of another's."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.sum_s += other.sum_s

    @property
    def count(self) -> int:
        """How many."""
        return sum(self.counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus' buckets: upper bound in seconds and how many were no longer, the last one's bound ``+Inf``."""
        found = []
        total = sum(self.counts[:FIRST_EXPOSED])
        for bits in range(FIRST_EXPOSED, LAST_EXPOSED + 1):
            total += self.counts[bits]
            found.append((BOUNDS[bits - FIRST_EXPOSED], float(total)))
        total += sum(self.counts[LAST_EXPOSED + 1 :])
        return [*found, ("+Inf", float(total))]


BOUNDS: Final = tuple(repr((1 << bits) / _US) for bits in range(FIRST_EXPOSED, LAST_EXPOSED + 1))
"""Seconds, as Prometheus is told them."""
