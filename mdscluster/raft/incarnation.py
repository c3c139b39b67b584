"""Names for the processes that a node has been, one after the other: numbers that grow, and that none of them shares.

A number is a count, at least the wall clock's milliseconds, followed by a mark that a process draws at random. On one
disk the count alone would do, as the disk remembers it. A node that lost its disk, and whose clock is behind, counts
from below what its earlier selves used, and meets their numbers one by one in the log: without the mark it could take
one that it has yet to meet, and would take the results of that self's proposals for its own (INV-3).
"""

from __future__ import annotations

from typing import Final

MARK_BITS: Final = 20
"""With the milliseconds of the wall clock it makes 61 bits."""
_MARKS: Final = (1 << MARK_BITS) - 1


def above(earlier: int, mark: int) -> int:
    """The next number with this mark that is above ``earlier``."""
    return (earlier >> MARK_BITS) + 1 << MARK_BITS | mark


def at(wall_ms: int, mark: int) -> int:
    """The number with this mark for a time of the wall clock (ms since 1970)."""
    return max(wall_ms, 0) << MARK_BITS | mark


def mark_of(incarnation: int) -> int:
    """What the process drew."""
    return incarnation & _MARKS


def count_of(incarnation: int) -> int:
    """Which process of its disk it is."""
    return incarnation >> MARK_BITS
