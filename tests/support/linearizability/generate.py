"""Valid histories of any size, and spoilt ones: random calls run one at a time, in intervals around that time."""

from __future__ import annotations

import random

import msgspec

from tests.support.linearizability.calls import Answer
from tests.support.linearizability.history import History, Operation
from tests.support.linearizability.reference import Server


def valid_history(server: Server, rng: random.Random, operations: int, clients: int, *,
                  unknown: float = 0.0, lost: float = 0.5) -> History:
    """``clients`` clients with a call under way nearly all the time, as fast as ``server`` goes.

    A share ``unknown`` of the calls gets no answer; of those, a share ``lost`` never runs, and the others some time
    later.
    """
    points: list[tuple[float, int, float, float | None]] = []      # when it runs, client, asked, answered
    free = [rng.random() for _ in range(clients)]
    for _ in range(operations):
        client = min(range(clients), key=free.__getitem__)
        start = free[client] + 0.05 * rng.random()
        free[client] = start + rng.expovariate(1.0) + 0.01
        if rng.random() >= unknown:
            points.append((rng.uniform(start, free[client]), client, start, free[client]))
        elif rng.random() < lost:
            points.append((float("inf"), client, start, None))
        else:
            points.append((rng.uniform(start, free[client] + 5), client, start, None))
    history = History([], list(server.directories))
    for point, client, start, end in sorted(points, key=lambda p: p[0]):
        name = f"c{client}"
        call = server.choose(rng, name)
        answer = server.run(call) if point != float("inf") else None
        history.add(Operation(name, call, start, end, None if end is None else answer))
    return history


def spoilt(history: History, rng: random.Random) -> History:
    """One answer exchanged for that of another call of its kind, or changed in a detail. Perhaps still valid."""
    operations = list(history.operations)
    for _ in range(100):
        number = rng.randrange(len(operations))
        operation = operations[number]
        others = [o.answer for o in operations if type(o.call) is type(operation.call) and o.answer is not None]
        if operation.answer is None or not others:
            continue
        answer = _changed(operation.answer, rng) if rng.random() < 0.3 else rng.choice(others)
        if answer != operation.answer:
            operations[number] = msgspec.structs.replace(operation, answer=answer)
            break
    return History(operations, history.directories)


def _changed(answer: Answer, rng: random.Random) -> Answer:
    if answer.entries:
        kept = dict(answer.entries)
        kept.pop(rng.choice(sorted(kept)))
        return msgspec.structs.replace(answer, entries=kept)
    if answer.moved is not None:
        return msgspec.structs.replace(answer, moved=(answer.moved[0] - 1, answer.moved[1]))
    if answer.change is not None:
        return msgspec.structs.replace(answer, change=answer.change + rng.choice((-1, 1)))
    return answer
