"""Sequential model of byte-range locks (RFC 8881 §9): a file, cut at every offset that the history names.

State: ``(file, first byte of a segment)`` -> who holds the segment and how, sorted (owner, kind). Locks on different
segments have nothing to do with each other, so disjoint ranges are judged apart.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from nfswire import nfs4
from tests.support.linearizability.calls import TO_THE_END, Answer, Call, Close, Holder, Kind, Lock, TestLock, Unlock
from tests.support.linearizability.history import History, Operation
from tests.support.linearizability.model import IMPOSSIBLE, UNCHANGED, Effect, Footprint, Key, State

OK = nfs4.NFS4_OK
DENIED = nfs4.NFS4ERR_DENIED

Held = tuple[tuple[str, Kind], ...]


class LockModel:
    """The locks of one history."""

    name = "locks"

    def __init__(self, history: History) -> None:
        ranged = [o for o in history.operations if isinstance(o.call, Lock | TestLock | Unlock)]
        self._cuts: dict[str, list[int]] = {}
        self._used: dict[tuple[str, str], set[int]] = {}    # segments that an owner ever asked to lock
        for operation in ranged:
            call = operation.call
            assert isinstance(call, Lock | TestLock | Unlock)
            self._cuts.setdefault(call.file, []).extend(_bounds(call))
            holder = None if operation.answer is None else operation.answer.holder
            if holder is not None:
                self._cuts[call.file].extend(_bounds(holder))
        self._cuts = {file: sorted(set(cuts)) for file, cuts in self._cuts.items()}
        for operation in ranged:
            call = operation.call
            if isinstance(call, Lock):
                self._used.setdefault((call.file, call.owner), set()).update(self._segments(call.file, call))
        self._operations = [
            o for o in history.operations
            if isinstance(o.call, Lock | TestLock | Unlock)
            or (isinstance(o.call, Close) and (o.call.file, o.call.owner) in self._used
                and (o.answer is None or o.answer.status == OK))
        ]

    def operations(self) -> list[Operation]:
        return self._operations

    def _segments(self, file: str, range_: Lock | TestLock | Unlock | Holder) -> list[int]:
        """First bytes of the segments in a range."""
        cuts = self._cuts[file]
        first, end = _bounds(range_)
        return cuts[bisect_left(cuts, first):bisect_left(cuts, end)]

    def footprint(self, operation: Operation) -> Footprint:
        call, answer = operation.call, operation.answer
        assert isinstance(call, Lock | TestLock | Unlock | Close)
        if isinstance(call, Close):
            return Footprint(writes=frozenset((call.file, at) for at in self._used[call.file, call.owner]))
        keys: frozenset[Key] = frozenset((call.file, at) for at in self._segments(call.file, call))
        if isinstance(call, TestLock) or (answer is not None and answer.status != OK):
            if answer is not None and answer.holder is not None:
                keys |= {(call.file, at) for at in self._segments(call.file, answer.holder)}
            return Footprint(reads=keys)
        return Footprint(writes=keys)

    def step(self, state: State, number: int, call: Call, answer: Answer | None) -> Sequence[Effect]:
        assert isinstance(call, Lock | TestLock | Unlock | Close)
        if isinstance(call, Close):
            return _release(state, call.file, self._used[call.file, call.owner], call.owner)
        segments = self._segments(call.file, call)
        if isinstance(call, Unlock):
            if answer is not None and answer.status != OK:
                return IMPOSSIBLE
            return _release(state, call.file, segments, call.owner)
        free = not any(_conflict(state.get((call.file, at), ()), call.owner, call.kind) for at in segments)
        if answer is not None and answer.status == DENIED:
            holder = answer.holder
            if free or (holder is not None and not self._holds(state, call, holder)):
                return IMPOSSIBLE
            return UNCHANGED
        if not free or (answer is not None and answer.status != OK):
            return IMPOSSIBLE
        if isinstance(call, TestLock):
            return UNCHANGED
        effect = []
        for at in segments:
            others = [(owner, kind) for owner, kind in state.get((call.file, at), ()) if owner != call.owner]
            effect.append(((call.file, at), tuple(sorted([*others, (call.owner, call.kind)]))))
        return (tuple(effect),)

    def _holds(self, state: State, call: Lock | TestLock, holder: Holder) -> bool:
        """Whether the lock reported is held, whole, and is in the way."""
        reported = self._segments(call.file, holder)
        whole = all((holder.owner, holder.kind) in state.get((call.file, at), ()) for at in reported)
        in_the_way = not set(reported).isdisjoint(self._segments(call.file, call))
        return whole and in_the_way and holder.owner != call.owner and "write" in (holder.kind, call.kind)


def _bounds(range_: Lock | TestLock | Unlock | Holder) -> tuple[int, int]:
    """First byte, and the one behind the last."""
    end = 1 << 64 if range_.length == TO_THE_END else range_.offset + range_.length
    return range_.offset, end


def _conflict(held: Held, owner: str, kind: Kind) -> bool:
    return any(other != owner and "write" in (kind, how) for other, how in held)


def _release(state: State, file: str, segments: Sequence[int] | set[int], owner: str) -> Sequence[Effect]:
    effect = []
    for at in sorted(segments):
        held: Held = state.get((file, at), ())
        kept = tuple((other, kind) for other, kind in held if other != owner)
        if kept != held:
            effect.append(((file, at), kept or None))
    return (tuple(effect),)
