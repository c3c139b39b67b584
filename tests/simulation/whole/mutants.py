"""Rules of the whole product switched off, one at a time: rows of the mutation check. Production code has no switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

import msgspec

from dataserver.leadership import Leadership, NotObeyed
from fencing import state as rules
from fencing.suspicion import Statement, Suspicions
from mdscluster import replica_async
from mdscluster.control import liveness
from mdscluster.control.fencing import FencePusher
from mdscluster.control.mandates import Standing
from mdscluster.control.renewals import Renewals
from mdscluster.fsm import clients, fences, fencing_state, internal, layout_states, recalls, revocation
from mdscluster.fsm.commands import ExpireClients, LeaderStarted, RecallDone
from mdscluster.fsm.machine import StateMachine
from mdscluster.fsm.tables import U64
from mdscluster.nfs_frontend.reads import Batch, Reads
from mdscluster.nfs_frontend.request import Request
from mdscluster.nfs_frontend.sessions import Session
from mdscluster.nfs_frontend.stripes import IoFailed, Stripes
from nfswire import nfs4


@contextmanager
def _all(*patches: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


def _with_replies(put_reply: Callable[[StateMachine, bytes, bytes], None]) -> Any:
    """A COMPOUND's reply is given to ``put_reply``, in the place of the table of slots."""
    apply = StateMachine._compound

    def compound(self: StateMachine, payload: bytes) -> bytes:
        put = self._cx.put

        def passing_over(key: bytes, value: bytes, *, db: Any) -> bool:
            if db is not self._cx.tables.slot:
                return put(key, value, db=db)
            put_reply(self, key, value)
            return True

        self._cx.put = passing_over
        try:
            return apply(self, payload)
        finally:
            self._cx.put = put

    return patch.object(StateMachine, "_compound", compound)


@contextmanager
def without_reply_cache() -> Iterator[None]:
    """No reply is kept for the change that it is owed for: a retransmission elsewhere runs again (INV-3)."""
    with _all(_with_replies(lambda self, key, value: None)):
        yield


@contextmanager
def reply_in_a_later_transaction() -> Iterator[None]:
    """The reply is written as the next entry begins: whoever dies in between has the change without it (INV-3)."""
    held: WeakKeyDictionary[StateMachine, dict[bytes, bytes]] = WeakKeyDictionary()
    begin = StateMachine.begin_entry

    def begun(self: StateMachine, *arguments: Any) -> None:
        begin(self, *arguments)
        for key, value in held.pop(self, {}).items():
            self._cx.put(key, value, db=self._cx.tables.slot)

    def hold(self: StateMachine, key: bytes, value: bytes) -> None:
        held.setdefault(self, {})[key] = value

    with _all(_with_replies(hold), patch.object(StateMachine, "begin_entry", begun)):
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
def trusting_nomatching() -> Iterator[None]:
    """Who says NOMATCHING_LAYOUT has no layout, though the reply that grants it may be on its way (INV-5, INV-6)."""

    def done(cx: Any, command: RecallDone) -> bytes:
        state = layout_states.load(cx, command.stateid_other)
        if state is not None and not command.epoch:
            recalls.returned(cx, command.stateid_other, state)
            return b""
        return revocation.recall_done(cx, command)

    with _all(patch.dict(internal._HANDLERS, {RecallDone: done})):
        yield


@contextmanager
def without_waiting_for_fences() -> Iterator[None]:
    """A revocation is reported before the data servers have the fence in force (INV-6)."""

    async def pushed(self: FencePusher, mandate: object) -> int:
        with self._replica.env.begin() as txn:
            return fences.fences(txn, self._tables)[0]

    with _all(patch.object(FencePusher, "push", pushed)):
        yield


@contextmanager
def lapsed_clients_dropped_unfenced() -> Iterator[None]:
    """A client whose lease ran out goes at once, its layouts with it, and no fence is raised (INV-6)."""

    def dropped(cx: Any, command: ExpireClients) -> bytes:
        removed = []
        for client_id in command.client_ids:
            if clients.is_lost(cx, client_id, command.judged_ms):
                for other, state in layout_states.of_client(cx, client_id):
                    recalls.returned(cx, other, state)
                clients.bury(cx, client_id, clients.decode(cx.get(U64.pack(client_id), db=cx.tables.client)))
                removed.append(client_id)
        return msgspec.msgpack.encode(clients.Expired(removed, []))

    with _all(patch.dict(internal._HANDLERS, {ExpireClients: dropped})):
        yield


@contextmanager
def lapsed_clients_fenced_late() -> Iterator[None]:
    """A client whose lease ran out loses its opens and locks at once, and is fenced only then (INV-5, INV-6)."""

    def buried(cx: Any, command: ExpireClients) -> bytes:
        removed, holding = [], []
        for client_id in command.client_ids:
            if clients.is_lost(cx, client_id, command.judged_ms):
                clients.bury(cx, client_id, clients.decode(cx.get(U64.pack(client_id), db=cx.tables.client)))
                left = recalls.client_has_layouts(cx, client_id)
                (holding if left else removed).append(client_id)
        return msgspec.msgpack.encode(clients.Expired(removed, holding))

    with _all(patch.dict(internal._HANDLERS, {ExpireClients: buried})):
        yield


@contextmanager
def lapsed_clients_written_for() -> Iterator[None]:
    """A client whose lease ran out goes while a metadata server may still write for it (INV-6)."""
    with _all(patch.object(clients, "_is_written_for", lambda cx, client_id: False)):
        yield


@contextmanager
def data_servers_down_at_failover() -> Iterator[None]:
    """A new leader counts as down whom it has not heard since it began to lead (INV-7)."""
    judge = liveness.judge

    def hasty(server: Any, heard: Any, now_ms: int, since_ms: int) -> Any:
        if server is not None and server.up and heard is not None and heard.at_ms < since_ms:
            return liveness._update(heard, False)
        return judge(server, heard, now_ms, since_ms)

    with _all(patch.object(liveness, "judge", hasty)):
        yield


@contextmanager
def io_errors_at_failover() -> Iterator[None]:
    """A front end's first I/O after a change of leader fails as if its data server were down (INV-7)."""
    at = Stripes._at

    async def failing(self: Any, *arguments: Any) -> Any:
        term = (await replica_async.status(self._dispatcher.replica)).term
        before, self.term_seen = getattr(self, "term_seen", term), term
        if term != before:
            raise IoFailed(nfs4.NFS4ERR_IO)
        return await at(self, *arguments)

    with _all(patch.object(Stripes, "_at", failing)):
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


@contextmanager
def obeying_everybody() -> Iterator[None]:
    """A data server obeys whoever takes himself for the leader (INV-10)."""
    hear = Leadership.hear

    def obedient(self: Leadership, mandate: Any, *, quorum_backed: bool = False) -> int:
        with suppress(NotObeyed):
            hear(self, mandate, quorum_backed=quorum_backed)
        return self._life.number

    with _all(
        patch.object(Leadership, "hear", obedient), patch.object(Leadership, "superseded", lambda self, mandate: "")
    ):
        yield


@contextmanager
def forgetful_data_servers() -> Iterator[None]:
    """A data server forgets at its end whom it obeyed, and obeys the first who speaks (INV-10)."""
    begin, refusal = Leadership.__init__, Leadership._refusal

    def begun(self: Leadership, known: Any, keep: Any, life: Any) -> None:
        begin(self, None, lambda mandate: None, life)

    def refuses_if_it_knows(self: Leadership, mandate: Any, *, quorum_backed: bool) -> str:
        return "" if self.known is None else refusal(self, mandate, quorum_backed=quorum_backed)

    with _all(
        patch.object(Leadership, "__init__", begun),
        patch.object(Leadership, "_refusal", refuses_if_it_knows),
    ):
        yield


@contextmanager
def undoubting_leaders() -> Iterator[None]:
    """A leader that a data server refused goes on as if nothing had been (INV-6)."""

    async def sure(self: Standing, status: object) -> bool:
        return True

    with _all(patch.object(Standing, "is_sure", sure)):
        yield


@contextmanager
def claims_outlive_their_process() -> Iterator[None]:
    """What a fenced process claimed to write for clients stays good at the data servers (INV-6)."""
    with _all(patch.object(fencing_state, "_void_claims", lambda cx, gone: None)):
        yield


@contextmanager
def proofs_of_any_term() -> Iterator[None]:
    """Whoever says that he leads gets a ticket to fence others, also in a term that is over (INV-9)."""
    prove = rules.prove

    def credulous(state: Any, now: Any, leader: str, term: int) -> Any:
        return prove(state, now, leader, max(term, state.watch.term if state.watch else 0))

    with _all(patch.object(rules, "prove", credulous)):
        yield


@contextmanager
def attempts_given_back() -> Iterator[None]:
    """What somebody had tried to carry out does not count towards the limits once it is taken back (INV-9)."""
    with _all(patch.object(rules, "_untried", lambda intent: True)):
        yield


@contextmanager
def nothing_given_back() -> Iterator[None]:
    """What nobody had tried counts towards the limits: a node that then fails is left to the operator."""
    with _all(patch.object(rules, "_untried", lambda intent: False)):
        yield


@contextmanager
def everybody_counts_as_met() -> Iterator[None]:
    """A leader counts whoever is armed in the log as met: it suspects servers that have not come yet (INV-9)."""
    with _all(
        patch.object(Suspicions, "suspected", Suspicions._missed),
        patch.object(Suspicions, "never_met", lambda self: {}),
    ):
        yield


@contextmanager
def credulous_witnesses() -> Iterator[None]:
    """A server says that it had met whomever it misses, also those that it has not (INV-9)."""

    def said(self: Suspicions, now_ms: int) -> Statement:
        return Statement(self._missed(), self._nodes.keys() - self.missing())

    with _all(patch.object(Suspicions, "statement", said)):
        yield
