"""Which nodes a node has lost, by its own observations. Sans-IO.

A node is *missing* while it is not connected or was not heard for an interval, *suspected* when it was missing for the
configured time without a break, and *well* when it was heard that long without one. Only a node that was well since
this process began is ever suspected: when a cluster starts as a whole, nodes come one after the other. Time in which
this process itself stood still, or reached no majority, proves nothing about others: all counting begins anew after it.
If it reached none for as long as a suspicion takes, it has met nobody any more: what took the quorum away took other
nodes away, too, and they come back one after the other, as at a start.

A process that was started a moment ago has met nobody yet. Others may have: what they say is a :class:`Statement`, each
of its own observations by the same rules. A process that has just begun itself has nothing to tell, so a cluster that
starts as a whole has no witness.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

_STOOD_STILL: Final = 2
"""Intervals between two observations."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """How a node is seen at the moment."""

    connected: bool
    silent_ms: int
    """-1: never heard."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a node says of others, to one that was started after they were lost."""

    missed_ms: Mapping[str, int]
    """Whom it had met and suspects now -> for how many milliseconds it has missed them."""
    heard: Collection[str]
    """Whom it hears at the moment."""


@dataclass(slots=True)
class _Seen:
    missing: bool
    since_ms: int
    """When it began to be missing, or to be there."""
    was_well: bool = False


class Suspicions:
    """One node's. ``interval_ms``: the longest silence that means nothing; ``suspect_ms``: how long until suspicion."""

    def __init__(self, interval_ms: int, suspect_ms: int) -> None:
        self._interval_ms = interval_ms
        self._suspect_ms = suspect_ms
        self._nodes: dict[str, _Seen] = {}
        self._observed_ms: int | None = None
        self._alone_since_ms: int | None = None

    def observe(self, sightings: Mapping[str, Sighting], now_ms: int, *, reaches_majority: bool) -> None:
        """Called a few times in an interval, by a monotonic clock."""
        stood_still = self._stood_still(now_ms)
        anew = stood_still or not reaches_majority
        self._observed_ms = now_ms
        if reaches_majority:
            self._alone_since_ms = None
        elif self._alone_since_ms is None or stood_still:
            self._alone_since_ms = now_ms
        elif now_ms - self._alone_since_ms >= self._suspect_ms:
            self._forget_all()
        for gone in self._nodes.keys() - sightings.keys():
            del self._nodes[gone]
        for node, sighting in sightings.items():
            missing = not sighting.connected or not 0 <= sighting.silent_ms <= self._interval_ms
            seen = self._nodes.get(node)
            if seen is None:
                self._nodes[node] = _Seen(missing, now_ms)
                continue
            if seen.missing != missing or anew:
                # A silence began when it was last heard, as far as this process was there to hear: with a connection
                # that is gone, too, as that may be noticed a whole pass later.
                silent_ms = sighting.silent_ms if missing and not anew else 0
                seen.missing, seen.since_ms = missing, now_ms - max(0, silent_ms)
            elif not missing and now_ms - seen.since_ms >= self._suspect_ms:
                seen.was_well = True

    def _forget_all(self) -> None:
        for seen in self._nodes.values():
            seen.was_well = False

    def met(self) -> set[str]:
        """Well once since this process began, or reached a majority again."""
        return {node for node, seen in self._nodes.items() if seen.was_well}

    @property
    def has_forgotten(self) -> bool:
        """It has reached no majority for so long that it has met nobody any more."""
        return (
            self._alone_since_ms is not None
            and self._observed_ms is not None
            and self._observed_ms - self._alone_since_ms >= self._suspect_ms
        )

    def missing(self) -> set[str]:
        """Not heard at the moment."""
        return {node for node, seen in self._nodes.items() if seen.missing}

    def well(self) -> set[str]:
        """Heard without a break for as long as a suspicion takes."""
        return {node for node in self._nodes if self._long(node, missing=False)}

    def suspected(self) -> dict[str, int]:
        """Missing for too long, once it had been well: node -> for how many milliseconds."""
        return {node: ms for node, ms in self._missed().items() if self._nodes[node].was_well}

    def next_ms(self) -> int | None:
        """How long after the last observation the next node is suspected, if it is not heard before; None: none is
        missing that is not suspected already."""
        due = (
            self._suspect_ms - ((self._observed_ms or 0) - seen.since_ms)
            for node, seen in self._nodes.items()
            if seen.missing and seen.was_well and not self._long(node, missing=True)
        )
        return min(due, default=None)

    def never_met(self) -> dict[str, int]:
        """Missing for too long, but not known to have been well since this process began or reached a majority again:
        node -> for how many milliseconds."""
        return {node: ms for node, ms in self._missed().items() if not self._nodes[node].was_well}

    def statement(self, now_ms: int) -> Statement:
        """For another node. Empty when this process has not observed for a while, by the clock of :meth:`observe`: it
        stood still, and what it knows is of before."""
        if self._observed_ms is None or self._stood_still(now_ms):
            return Statement({}, ())
        return Statement(self.suspected(), self._nodes.keys() - self.missing())

    def _stood_still(self, now_ms: int) -> bool:
        return self._observed_ms is not None and now_ms - self._observed_ms > _STOOD_STILL * self._interval_ms

    def _missed(self) -> dict[str, int]:
        now_ms = self._observed_ms or 0
        return {node: now_ms - self._nodes[node].since_ms for node in self._nodes if self._long(node, missing=True)}

    def _long(self, node: str, *, missing: bool) -> bool:
        seen = self._nodes[node]
        return seen.missing == missing and (self._observed_ms or 0) - seen.since_ms >= self._suspect_ms
