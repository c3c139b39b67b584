"""Looks at one replica that may be behind: each may show a state of long ago, but none an older one than the last.

Such a look has an interval that begins before it was asked (``Recorder.answered_from``), so real time alone would let
a second one show less than the first. Their order is a part of the state here: each replica has a key, whose value is
how many of its looks were ordered, and a look fits only when all before it were. So looks at one replica conflict with
one another, and the search's rules, which go by footprints, hold as they are. Rule 1 does, too, though such a look sets
its replica's key: what had to precede it was ordered before it fitted, so it may be moved to the front.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from tests.support.linearizability.calls import Answer, Call
from tests.support.linearizability.history import Operation
from tests.support.linearizability.model import IMPOSSIBLE, Effect, Footprint, Key, Model, State

REPLICA: Final = "replica"


class Ordered:
    """``model``, for a history in which some answers say which replica gave them (``Answer.replica``)."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name = model.name
        self._before: dict[tuple[str, int], int] = {}
        """How many of a replica's looks come before the one of this place. One that was taken apart has several."""
        looks = Counter(o.answer.replica for o in model.operations() if o.answer is not None and o.answer.replica)
        total: Counter[str] = Counter()
        for look in sorted(looks):
            self._before[look] = total[look[0]]
            total[look[0]] += looks[look]

    def operations(self) -> list[Operation]:
        """Those of the model."""
        return self._model.operations()

    def footprint(self, operation: Operation) -> Footprint:
        """What the model says, and the replica's key."""
        found = self._model.footprint(operation)
        if operation.answer is None or operation.answer.replica is None:
            return found
        return found | Footprint(writes=frozenset([_key(operation.answer.replica)]))

    def step(self, state: State, number: int, call: Call, answer: Answer | None) -> Sequence[Effect]:
        """What the model says, if the replica's looks before this one were ordered."""
        effects = self._model.step(state, number, call, answer)
        if answer is None or answer.replica is None:
            return effects
        key = _key(answer.replica)
        count = state.get(key, 0)
        if count < self._before[answer.replica]:
            return IMPOSSIBLE
        return [(*effect, (key, count + 1)) for effect in effects]


def ordered(model: Model, operations: Sequence[Operation]) -> Model:
    """The model itself where no replica is named: then looks cost nothing."""
    named = any(operation.answer is not None and operation.answer.replica is not None for operation in operations)
    return Ordered(model) if named else model


def _key(replica: tuple[str, int]) -> Key:
    return REPLICA, replica[0]


def is_replica(key: Key) -> bool:
    """Whether a key counts a replica's looks."""
    return isinstance(key, tuple) and bool(key) and key[0] == REPLICA
