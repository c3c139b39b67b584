"""What a sequential model tells the checker.

A state is a mapping from keys to values, and begins empty. ``step`` says what an answered operation would make of a
state; an operation's ``footprint`` says which keys that may concern, whatever the state. The checker splits histories
and prunes its search by footprints alone, so a footprint may be too large, never too small.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from tests.support.linearizability.calls import Answer, Call
from tests.support.linearizability.history import Operation

Key: TypeAlias = Hashable
State: TypeAlias = Mapping[Any, Any]
Effect: TypeAlias = "tuple[tuple[Key, Any], ...]"
"""New values by key; None removes the key."""

NOTHING: Effect = ()
IMPOSSIBLE: Sequence[Effect] = ()
"""``step``: in this state the operation would not have been answered so."""
UNCHANGED: Sequence[Effect] = (NOTHING,)

_NONE: frozenset[Key] = frozenset()


class Footprint(NamedTuple):
    """Keys that an operation looks at, sets, or adds to. Additions commute with one another and with nothing else."""

    reads: frozenset[Key] = _NONE
    writes: frozenset[Key] = _NONE
    adds: frozenset[Key] = _NONE

    def conflicts(self, other: Footprint) -> bool:
        """Whether their order may matter."""
        return not (
            self.writes.isdisjoint(other.writes) and self.writes.isdisjoint(other.reads)
            and self.writes.isdisjoint(other.adds) and self.reads.isdisjoint(other.writes)
            and self.adds.isdisjoint(other.writes) and self.adds.isdisjoint(other.reads)
            and self.reads.isdisjoint(other.adds)
        )

    def __or__(self, other: tuple[object, ...]) -> Footprint:
        """Of several operations taken together."""
        assert isinstance(other, Footprint)
        return Footprint(self.reads | other.reads, self.writes | other.writes, self.adds | other.adds)


class Model(Protocol):
    """A sequential specification, made for one history."""

    name: str

    def operations(self) -> list[Operation]:
        """Those of the history that this model judges, perhaps taken apart into simpler ones."""

    def footprint(self, operation: Operation) -> Footprint:
        """Which keys ``operation`` concerns."""

    def step(self, state: State, number: int, call: Call, answer: Answer | None) -> Sequence[Effect]:
        """What ``call``, answered so, may do to ``state``; several where the answer does not tell.

        ``number`` is the operation's own. Without an answer: every effect it may have had, "none" left out.
        """
