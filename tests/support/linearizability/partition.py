"""Splitting a history into parts that may be judged apart.

Linearizability is local (Herlihy & Wing 1990, theorem 1; "P-compositionality" in Horn & Kroening 2015): the state is a
set of keys, and operations that share no key, not even by way of others, cannot contradict each other. A key that
operations only add to is seen by nobody and joins nothing: so a directory's entries fall apart as long as nobody lists
the directory or is told its change attribute.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.linearizability.model import Footprint, Key


class Classes:
    """Disjoint sets (union and find)."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}

    def find(self, key: Key) -> Key:
        """The representative of the set that ``key`` is in."""
        parent = self._parent.setdefault(key, key)
        while parent != key:
            self._parent[key] = parent = self._parent[parent]
            key, parent = parent, self._parent[parent]
        return key

    def join(self, one: Key, other: Key) -> None:
        """Make their sets one."""
        self._parent[self.find(one)] = self.find(other)


def seen(footprints: Sequence[Footprint]) -> set[Key]:
    """Keys that some operation reads or sets."""
    return {key for footprint in footprints for key in (*footprint.reads, *footprint.writes)}


def partition(footprints: Sequence[Footprint]) -> list[list[int]]:
    """Numbers of operations that must be judged together, each part in the order given."""
    visible = seen(footprints)
    classes = Classes()
    anchors: list[Key | None] = []
    for footprint in footprints:
        keys = [key for part in footprint for key in part if key in visible]
        for key in keys[1:]:
            classes.join(keys[0], key)
        anchors.append(keys[0] if keys else None)
    parts: dict[Key, list[int]] = {}
    for number, anchor in enumerate(anchors):
        # An operation that concerns nothing visible is a part of its own: its answer may still be impossible.
        where = ("alone", number) if anchor is None else ("together", classes.find(anchor))
        parts.setdefault(where, []).append(number)
    return list(parts.values())
