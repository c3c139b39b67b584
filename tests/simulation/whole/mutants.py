"""Rules of the whole product switched off, one at a time: rows of the mutation check. Production code has no switch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from mdscluster.control.fencing import FencePusher
from mdscluster.control.renewals import Renewals
from mdscluster.fsm import fences, internal
from mdscluster.fsm.commands import LeaderStarted
from mdscluster.fsm.machine import StateMachine
from mdscluster.nfs_frontend.reads import Batch, Reads
from mdscluster.nfs_frontend.request import Request
from mdscluster.nfs_frontend.sessions import Session


@contextmanager
def _all(*patches: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


@contextmanager
def without_reply_cache() -> Iterator[None]:
    """The reply is not written with the change that it is owed for: a retransmission elsewhere runs again (INV-3)."""
    apply = StateMachine._compound

    def forgetful(self: StateMachine, payload: bytes) -> bytes:
        put = self._cx.put

        def passing_over(key: bytes, value: bytes, *, db: Any) -> bool:
            return True if db is self._cx.tables.slot else put(key, value, db=db)

        self._cx.put = passing_over
        try:
            return apply(self, payload)
        finally:
            self._cx.put = put

    with _all(patch.object(StateMachine, "_compound", forgetful)):
        yield


@contextmanager
def strict_slots() -> Iterator[None]:
    """A node takes only the next sequence ID, though the client may have used the slot on another node (INV-7)."""
    with _all(patch.object(Session, "knows", lambda self, slot, connection: True)):
        yield


@contextmanager
def leases_by_wall_clock() -> Iterator[None]:
    """Leases are judged by the entry's wall clock, which jumps, instead of the log's lease clock (INV-7)."""
    begin = StateMachine.begin_entry

    def stamped(self: StateMachine, txn: Any, index: int, wall_ns: int, lease_ms: int) -> None:
        begin(self, txn, index, wall_ns, wall_ns // 1_000_000)

    with _all(patch.object(StateMachine, "begin_entry", stamped)):
        yield


@contextmanager
def without_lease_floor() -> Iterator[None]:
    """Neither a new leader nor the loss of a node gives every client more time (INV-7)."""
    with _all(
        patch.dict(internal._HANDLERS, {LeaderStarted: lambda cx, command: b""}),
        patch.object(Renewals, "known_ms", lambda self, lease_ms, log_ms: log_ms),
    ):
        yield


@contextmanager
def without_waiting_for_reports() -> Iterator[None]:
    """Leases are judged by what happens to be in the log now (INV-7)."""
    with _all(patch.object(Renewals, "known_ms", lambda self, lease_ms, log_ms: log_ms)):
        yield


@contextmanager
def without_fence_epoch() -> Iterator[None]:
    """To fence a layout raises no epoch: its handles stay good at the data servers (INV-6)."""

    def raised(cx: Any, fileid: int, client_id: int) -> int:
        cx.events.items.append(fences.EVENT_FENCE)
        return fences.epoch(cx)

    with _all(patch.object(fences, "raise_fence", raised)):
        yield


@contextmanager
def without_waiting_for_fences() -> Iterator[None]:
    """A revocation is reported before the data servers have the fence in force (INV-6)."""

    async def pushed(self: FencePusher) -> int:
        with self._replica.env.begin() as txn:
            return fences.fences(txn, self._tables)[0]

    with _all(patch.object(FencePusher, "push", pushed)):
        yield


@contextmanager
def stale_guesses() -> Iterator[None]:
    """What reads came to before their barrier is answered behind it, whatever was committed meanwhile (INV-4)."""

    def answered(self: Reads, batch: Batch) -> list[Request]:
        self._steady = True
        if batch.guess is None:
            return batch.requests
        self._reader.answer(batch.guess)
        return batch.guess.others

    with _all(patch.object(Reads, "_answer_guessed", answered)):
        yield
