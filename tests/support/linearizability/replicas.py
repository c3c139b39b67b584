"""Looks at one replica that may be behind: each may show a state of long ago, but none an older one than the last.

Such a look has an interval that begins before it was asked (``Recorder.answered_from``), so real time alone would let
a second one show less than the first. Their order is a part of the state here: each replica has a key, whose value is
the number of the newest look that was ordered. So looks at one replica conflict with one another, and the search's
rules, which go by footprints, hold as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.linearizability.calls import Answer, Call
from tests.support.linearizability.history import Operation
from tests.support.linearizability.model import IMPOSSIBLE, Effect, Footprint, Key, Model, State


class Ordered:
    """``model``, for a history in which some answers say which replica gave them (``Answer.replica``)."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name = model.name

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
        """What the model says, unless a later look was ordered already."""
        effects = self._model.step(state, number, call, answer)
        if answer is None or answer.replica is None:
            return effects
        key, place = _key(answer.replica), answer.replica[1]
        if state.get(key, place) > place:
            return IMPOSSIBLE
        return [(*effect, (key, place)) for effect in effects]


def ordered(model: Model, operations: Sequence[Operation]) -> Model:
    """The model itself where no replica is named: then looks cost nothing."""
    named = any(operation.answer is not None and operation.answer.replica is not None for operation in operations)
    return Ordered(model) if named else model


def _key(replica: tuple[str, int]) -> Key:
    return "replica", replica[0]
