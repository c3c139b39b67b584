"""Sequential model of opens with share reservations (RFC 8881 §9.7): per file, who may do what and denies what.

State: ``("open", file, owner)`` -> (access, deny), and ``("sums", file)`` -> how many opens read, write, deny reading
and deny writing. An owner's own open is no exception to a conflict.
"""

from __future__ import annotations

from collections.abc import Sequence

from nfswire import nfs4
from tests.support.linearizability.calls import Answer, Call, Close, Downgrade, Open
from tests.support.linearizability.history import History, Operation
from tests.support.linearizability.model import IMPOSSIBLE, UNCHANGED, Effect, Footprint, Key, State

OK = nfs4.NFS4_OK
DENIED = nfs4.NFS4ERR_SHARE_DENIED
BITS = (1, 2)


class OpenModel:
    """The opens of one history."""

    name = "opens"

    def __init__(self, history: History) -> None:
        files = {o.call.file for o in history.operations if isinstance(o.call, Open | Downgrade)}
        self._operations = [
            o for o in history.operations if isinstance(o.call, Open | Downgrade | Close) and o.call.file in files]

    def operations(self) -> list[Operation]:
        return self._operations

    def footprint(self, operation: Operation) -> Footprint:
        """Opens that do not look at each other's bits commute."""
        call, answer = operation.call, operation.answer
        assert isinstance(call, Open | Downgrade | Close)
        file = call.file
        mine: frozenset[Key] = frozenset([("open", file, call.owner)])
        if not isinstance(call, Open):
            all_bits: frozenset[Key] = frozenset((what, file, bit) for what in ("access", "deny") for bit in BITS)
            return Footprint(writes=mine, adds=all_bits)
        looks: frozenset[Key] = frozenset(
            [("deny", file, bit) for bit in BITS if call.access & bit]
            + [("access", file, bit) for bit in BITS if call.deny & bit])
        if answer is not None and answer.status != OK:
            return Footprint(reads=looks)
        adds: frozenset[Key] = frozenset(
            [("access", file, bit) for bit in BITS if call.access & bit]
            + [("deny", file, bit) for bit in BITS if call.deny & bit])
        return Footprint(reads=looks, writes=mine, adds=adds)

    def step(self, state: State, number: int, call: Call, answer: Answer | None) -> Sequence[Effect]:
        assert isinstance(call, Open | Downgrade | Close)
        status = OK if answer is None else answer.status
        sums = state.get(("sums", call.file), (0, 0, 0, 0))
        key = "open", call.file, call.owner
        access, deny = state.get(key, (0, 0))
        if isinstance(call, Open):
            if status == DENIED:
                return UNCHANGED if _conflict(sums, call.access, call.deny) else IMPOSSIBLE
            if status != OK or _conflict(sums, call.access, call.deny):
                return IMPOSSIBLE
            now = (access | call.access, deny | call.deny)
        elif status != OK or not access:
            return IMPOSSIBLE  # nothing is open that could be closed
        elif isinstance(call, Downgrade):
            if call.access & ~access or call.deny & ~deny:
                return IMPOSSIBLE
            now = (call.access, call.deny)
        else:
            now = (0, 0)
        before, after = _bits(access, deny), _bits(*now)
        total = tuple(s - b + a for s, b, a in zip(sums, before, after, strict=True))
        return (((key, now if now[0] else None), (("sums", call.file), total if any(total) else None)),)


def _bits(access: int, deny: int) -> tuple[int, int, int, int]:
    return access & 1, access >> 1, deny & 1, deny >> 1


def _conflict(sums: tuple[int, int, int, int], access: int, deny: int) -> bool:
    """NFS4ERR_SHARE_DENIED: "(request.access & file_state.deny) or (request.deny & file_state.access)" (§9.7)."""
    reading, writing, no_reading, no_writing = sums
    return bool((access & 1 and no_reading) or (access & 2 and no_writing)
                or (deny & 1 and reading) or (deny & 2 and writing))
