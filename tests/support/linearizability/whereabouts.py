"""Which operations may meet which objects: a ``remove`` does not say what it removed.

An object is followed from where it was made or linked: whatever may take it from there does, if its time allows, until
an operation that certainly left nothing of it there is over. The result errs on the side of too many.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TypeAlias

from nfswire import nfs4
from tests.support.linearizability.calls import Create, Link, MkDir, Remove, Rename
from tests.support.linearizability.history import Operation

Place: TypeAlias = "tuple[str, str]"
"""Directory and name."""


class _Visits:
    """What happens at one place, by time of invocation."""

    def __init__(self) -> None:
        self.takers: list[Operation] = []
        self.silent: list[Operation] = []   # takers without an answer
        self.enders: list[Operation] = []
        self.longest_ms = 0.0

    def add_taker(self, operation: Operation) -> None:
        if operation.answer is None:
            self.silent.append(operation)
        else:
            self.takers.append(operation)
            self.longest_ms = max(self.longest_ms, operation.ends_ms - operation.invoked_ms)

    def leaves_by(self, latest_ms: float) -> float:
        """What was here at ``latest_ms`` is not any more at this time."""
        after = bisect_left(self.enders, latest_ms, key=_invoked)
        best = float("inf")
        for operation in self.enders[after:]:
            if operation.invoked_ms > best:
                break
            if operation.invoked_ms > latest_ms:
                best = min(best, operation.ends_ms)
        return best

    def between(self, earliest_ms: float, latest_ms: float) -> Iterable[Operation]:
        """Takers that may take something that came not before ``earliest_ms`` and is gone by ``latest_ms``."""
        start = bisect_left(self.takers, earliest_ms - self.longest_ms, key=_invoked)
        for operation in self.takers[start:]:
            if operation.invoked_ms > latest_ms:
                break
            if operation.ends_ms >= earliest_ms:
                yield operation
        yield from (o for o in self.silent if o.invoked_ms <= latest_ms)


class Whereabouts:
    """Of the objects ``wanted``, in ``operations``. ``found``: those that an unanswered operation may have made."""

    def __init__(self, operations: list[Operation], wanted: Iterable[str], found: frozenset[str]) -> None:
        self._visits: dict[Place, _Visits] = {}
        self._met: dict[int, set[str]] = {}
        arrivals: dict[str, list[tuple[Place, Operation]]] = {id_: [] for id_ in wanted}
        for operation in sorted(operations, key=_invoked):
            if operation.answer is None or operation.answer.status == nfs4.NFS4_OK:
                self._note(operation)
                for id_ in _brings(operation, found):
                    if id_ in arrivals:
                        arrivals[id_].append((_place(operation), operation))
                        self._met.setdefault(id(operation), set()).add(id_)
        for id_, first in arrivals.items():
            self._follow(id_, first)

    def met(self, operation: Operation) -> Iterable[str]:
        """Objects that the operation may make, link, move, or take away."""
        return self._met.get(id(operation), ())

    def _note(self, operation: Operation) -> None:
        call = operation.call
        if isinstance(call, Create | MkDir | Link | Remove | Rename):
            here = self._at(_place(operation))
            if isinstance(call, Remove | Rename):
                here.add_taker(operation)
            if _certain(operation):
                here.enders.append(operation)
            if isinstance(call, Rename):
                there = self._at((call.to_directory, call.to_name))
                there.add_taker(operation)
                if _certain(operation):
                    there.enders.append(operation)

    def _at(self, place: Place) -> _Visits:
        return self._visits.setdefault(place, _Visits())

    def _follow(self, id_: str, first: list[tuple[Place, Operation]]) -> None:
        """Where the object may get to from there. At each place it arrives by one operation, at some time in it."""
        todo = [(place, by, by.invoked_ms) for place, by in first]
        done: dict[tuple[Place, int], float] = {}
        while todo:
            place, by, earliest_ms = todo.pop()
            if done.get((place, id(by)), float("inf")) <= earliest_ms:
                continue
            done[place, id(by)] = earliest_ms
            visits = self._at(place)
            for taker in visits.between(earliest_ms, visits.leaves_by(by.ends_ms)):
                self._met.setdefault(id(taker), set()).add(id_)
                call = taker.call
                if isinstance(call, Rename) and (call.directory, call.name) == place:
                    todo.append(((call.to_directory, call.to_name), taker, max(earliest_ms, taker.invoked_ms)))


def _invoked(operation: Operation) -> float:
    return operation.invoked_ms


def _place(operation: Operation) -> Place:
    call = operation.call
    assert isinstance(call, Create | MkDir | Link | Remove | Rename)
    return call.directory, call.name


def _brings(operation: Operation, found: frozenset[str]) -> Iterable[str]:
    """Objects that may have come to the operation's place by it."""
    call, answer = operation.call, operation.answer
    if isinstance(call, Link):
        return [call.object]
    if not isinstance(call, Create | MkDir):
        return []
    if answer is None:
        return found
    return [] if answer.object is None else [answer.object]


def _certain(operation: Operation) -> bool:
    """Whether nothing that was at its places before can be there after it.

    Not a rename that may have done nothing (two names of one object), nor a create that may have found its file.
    """
    call, answer = operation.call, operation.answer
    if answer is None:
        return False
    if isinstance(call, Rename):
        return any(moved is not None and moved[0] < moved[1] for moved in (answer.moved, answer.moved_target))
    return not isinstance(call, Create) or call.how != "unchecked"
