"""Histories by hand, and a search so simple that it can be seen to be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.linearizability import History, Operation
from tests.support.linearizability.calls import Answer, AnyCall
from tests.support.linearizability.checker import ModelClass
from tests.support.linearizability.model import Key

D = "d0"


def op(
    call: AnyCall, start: float, end: float | None = None, answer: Answer | None = None, by: str = "c0"
) -> Operation:
    """An operation; ``end`` None: of unknown outcome."""
    return Operation(by, call, start, end, (answer or Answer()) if end is not None else None)


def history(*operations: Operation, directories: Sequence[str] = (D, "d1")) -> History:
    return History(list(operations), list(directories))


def naively_linearizable(found: History, make: ModelClass) -> bool:
    """Try every order that respects real time. No part, no rule, no memory."""
    model = make(found)
    operations = model.operations()

    def explains(state: dict[Key, Any], left: frozenset[int]) -> bool:
        if all(operations[n].answer is None for n in left):
            return True
        deadline = min(operations[n].ends_ms for n in left)
        for number in left:
            operation = operations[number]
            if operation.invoked_ms <= deadline:
                for effect in model.step(state, number, operation.call, operation.answer):
                    after = {**state, **dict(effect)}
                    after = {key: value for key, value in after.items() if value is not None}
                    if explains(after, left - {number}):
                        return True
        return False

    return explains({}, frozenset(range(len(operations))))
