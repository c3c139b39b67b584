"""One session as a state machine without a socket: requests in, bytes out, replies in, outcomes out.

The rules of exactly-once (RFC 8881 section 2.10.6.2): a request keeps its slot, its sequence ID and its bytes until it
is answered. When the connection breaks, "the requester MUST retransmit" every outstanding request on the next
connection, wherever that leads: ``connection_made`` queues them all again, byte for byte. Which server stands behind
the connection is no concern of this module.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from nfsclient import compound as compounds
from nfsclient.compound import Compound, Reply
from nfsclient.errors import (
    ConnectionClosed,
    NfsClientError,
    NfsError,
    ProtocolViolation,
    RpcRefused,
    SessionLost,
    Unavailable,
)
from nfsclient.retry import RetryPolicy
from nfsclient.slots import Slot, SlotTable
from nfsclient.stats import Stats
from nfswire import nfs4, rpc
from nfswire.xdr import Payload, XdrError

Outcome: TypeAlias = "Reply | NfsClientError"

SESSION_GONE = frozenset({
    nfs4.NFS4ERR_BADSESSION, nfs4.NFS4ERR_DEADSESSION, nfs4.NFS4ERR_STALE_CLIENTID, nfs4.NFS4ERR_EXPIRED,
})
"""Answers to SEQUENCE after which nothing more can be asked in the session."""

SLOT_LOST = frozenset({
    nfs4.NFS4ERR_SEQ_MISORDERED, nfs4.NFS4ERR_SEQ_FALSE_RETRY, nfs4.NFS4ERR_BADSLOT, nfs4.NFS4ERR_BAD_HIGH_SLOT,
    nfs4.NFS4ERR_RETRY_UNCACHED_REP,
})
"""Answers to SEQUENCE that show the server's slot and ours to differ: whether the request ran is not known."""


class SessionParameters(msgspec.Struct, frozen=True):
    """What EXCHANGE_ID and CREATE_SESSION agreed on."""

    client_id: int
    session_id: bytes
    slots: int
    request_bytes_max: int
    response_bytes_max: int
    operations_max: int
    persistent: bool
    back_channel: bool
    exchange_flags: int
    server_owner: bytes
    server_scope: bytes


class Call:
    """One COMPOUND under way; ``on_done`` gets its outcome, once."""

    __slots__ = ("compound", "delays", "in_doubt", "message", "on_done", "sent_ms", "slot", "times_sent", "xid")

    def __init__(self, compound: Compound, on_done: Callable[[Outcome], None]) -> None:
        self.compound = compound
        self.on_done = on_done
        self.slot: Slot | None = None
        self.xid = 0
        self.message: list[bytes] = []
        self.sent_ms: float | None = None       # when it last left on the present connection
        self.times_sent = 0
        self.in_doubt = False                   # its connection was lost before its reply came
        self.delays = 0                         # how often SEQUENCE put it off


class SessionCore:
    """Requests of one session (and of the handshake before it) over whatever connection there is."""

    def __init__(self, minor_version: int, credential: bytes, first_xid: int, stats: Stats, retry: RetryPolicy) -> None:
        self.minor_version = minor_version
        self.credential = credential
        self.stats = stats
        self.retry = retry
        self.session: SessionParameters | None = None
        self.slots = SlotTable(1)
        self.connected = False
        self.failure: NfsClientError | None = None      # set once: every call ends with it
        self.status_flags = 0                           # sr_status_flags of the last SEQUENCE
        self.executed = 0                               # requests that the server executed, ever
        self.needs_binding = False                      # the server asks for BIND_CONN_TO_SESSION
        self._xid = first_xid & 0xFFFFFFFF
        self._pending: dict[int, Call] = {}             # by xid; those with a slot survive the connection
        self._waiting: deque[Call] = deque()            # no slot yet
        self._delayed: dict[int, tuple[float, Call]] = {}   # by xid: put off by SEQUENCE; the same bytes again, then
        self._output: list[list[bytes]] = []

    # -- requests

    def establish(self, session: SessionParameters) -> None:
        """CREATE_SESSION succeeded: from now on requests may be submitted in the session."""
        self.session = session
        self.slots = SlotTable(session.slots)

    def submit(self, call: Call, now_ms: float) -> None:
        """Run a COMPOUND in the session, as soon as a slot is free."""
        if self.failure is not None:
            call.on_done(self.failure)
            return
        self._waiting.append(call)
        self._start_waiting(now_ms)

    def submit_bare(self, call: Call, now_ms: float) -> None:
        """Run a COMPOUND outside of any session, on the present connection only (EXCHANGE_ID and its like)."""
        if not self.connected:
            call.on_done(ConnectionClosed("not connected"))
            return
        call.xid = self._next_xid()
        call.message = compounds.encode(call.compound, call.xid, self.minor_version, self.credential, None)
        self._pending[call.xid] = call
        self._send(call, now_ms)

    def outstanding(self) -> int:
        """Calls that are not answered yet."""
        return len(self._pending) + len(self._waiting)

    def take_output(self) -> list[list[bytes]]:
        """Messages to be sent now, in order, each as parts."""
        output, self._output = self._output, []
        return output

    def _next_xid(self) -> int:
        self._xid = (self._xid + 1) & 0xFFFFFFFF
        return self._xid

    def _start_waiting(self, now_ms: float) -> None:
        """Give free slots to waiting calls."""
        session = self.session
        assert session is not None, "submitted before the session was established"
        while self._waiting:
            slot = self.slots.acquire()
            if slot is None:
                return
            call = self._waiting.popleft()
            call.slot, call.xid = slot, self._next_xid()
            sequence = nfs4.SEQUENCE4args(
                session.session_id, slot.sequence_id, slot.number, self.slots.highest_busy(), call.compound.cache)
            call.message = compounds.encode(call.compound, call.xid, self.minor_version, self.credential, sequence)
            self._pending[call.xid] = call
            if self.connected:
                self._send(call, now_ms)

    def _send(self, call: Call, now_ms: float) -> None:
        if call.times_sent:
            self.stats.retransmissions += 1
        call.times_sent += 1
        call.sent_ms = now_ms
        self._delayed.pop(call.xid, None)
        self._output.append(call.message)

    # -- connections and time

    def connection_made(self) -> None:
        """A connection stands, to the same server or to another. Next: ``retransmit``."""
        assert not self.connected
        self.connected = True

    def retransmit(self, now_ms: float) -> None:
        """Send everything outstanding in the session again on the new connection, in the order of first sending."""
        for call in self._pending.values():
            if call.slot is not None and call.sent_ms is None:
                if call.in_doubt and call.compound.cache:
                    self.stats.changes_in_doubt += 1
                self._send(call, now_ms)

    def connection_lost(self) -> None:
        """The connection is gone. Calls in the session stay as they are; others end with ``ConnectionClosed``."""
        self.connected = False
        self._output.clear()
        for call in [call for call in self._pending.values() if call.slot is None]:
            del self._pending[call.xid]
            call.on_done(ConnectionClosed("connection lost"))
        self._delayed.clear()
        for call in self._pending.values():
            call.in_doubt = call.sent_ms is not None
            call.sent_ms = None

    def fail(self, error: NfsClientError) -> None:
        """End every call, now and to come, with ``error``."""
        self.failure = self.failure or error
        calls = [*self._pending.values(), *self._waiting]
        self._pending.clear()
        self._delayed.clear()
        self._waiting.clear()
        for call in calls:
            sent = call.times_sent > 0
            call.on_done(Unavailable(str(error), sent) if isinstance(error, Unavailable) else error)

    def oldest_sent_ms(self) -> float | None:
        """When the request that waits longest for its reply on this connection was sent."""
        return min((call.sent_ms for call in self._pending.values() if call.sent_ms is not None), default=None)

    def next_resend_ms(self) -> float | None:
        """When ``tick`` has something to send again."""
        return min((at_ms for at_ms, _ in self._delayed.values()), default=None)

    def tick(self, now_ms: float) -> None:
        """Send again what SEQUENCE put off with DELAY."""
        for at_ms, call in list(self._delayed.values()):
            if at_ms <= now_ms and self.connected:
                self._send(call, now_ms)

    # -- replies

    def reply_received(self, record: Payload, now_ms: float) -> None:
        """A reply came in. ``ProtocolViolation`` when the bytes are no RPC reply: close the connection."""
        try:
            reply = rpc.unpack_reply(record, 0, len(record))
        except XdrError as error:
            raise ProtocolViolation(str(error)) from None
        call = self._pending.get(reply.xid)
        if call is None or not call.times_sent:
            self.stats.notes["reply to nothing outstanding"] += 1
            return
        call.sent_ms = None
        if not reply.accepted or reply.status != rpc.SUCCESS:
            self._finish(call, RpcRefused(f"accepted={reply.accepted} status={reply.status}"), False, now_ms)
            return
        try:
            sequence, result = compounds.decode(call.compound, record, reply.results_pos, call.slot is not None)
        except ProtocolViolation as error:
            self.stats.notes[f"protocol violation: {error}"] += 1
            self._finish(call, error, True, now_ms)
            return
        self._count(sequence, result)
        if call.slot is None:
            self._finish(call, result, False, now_ms)
        elif sequence is None:  # refused before SEQUENCE was looked at, such as by MINOR_VERS_MISMATCH
            self._finish(call, NfsError(result.status, None), False, now_ms)
        elif sequence.resok is None:
            self._sequence_refused(call, sequence.status, now_ms)
        else:
            self._sequence_done(call, sequence.resok)
            if result.status != nfs4.NFS4ERR_RETRY_UNCACHED_REP:
                self._finish(call, result, True, now_ms)
            elif call.compound.cache:
                self.stats.session_failures += 1
                self._finish(call, SessionLost(result.status), True, now_ms)
            else:  # told by the operation behind SEQUENCE (RFC 8881 section 2.10.6.1.3), as Ganesha does
                self._run_anew(call, now_ms)

    def _count(self, sequence: compounds.SequenceResult | None, reply: Reply) -> None:
        if sequence is not None:
            self.stats.status(nfs4.OP_SEQUENCE, sequence.status)
        for index, op in enumerate(reply.ops[:len(reply.results)]):
            self.stats.status(op, reply.status if index == reply.failed else nfs4.NFS4_OK)

    def _sequence_done(self, call: Call, resok: nfs4.SEQUENCE4resok) -> None:
        assert call.slot is not None
        self.executed += 1
        self.status_flags = resok.sr_status_flags
        self.slots.set_target(resok.sr_target_highest_slotid)
        if resok.sr_sequenceid != call.slot.sequence_id or resok.sr_slotid != call.slot.number:
            self.stats.notes["SEQUENCE answered for another slot or sequence ID"] += 1

    def _sequence_refused(self, call: Call, status: int, now_ms: float) -> None:
        """SEQUENCE itself failed: nothing of the request ran this time (RFC 8881 section 18.46)."""
        if status in (nfs4.NFS4ERR_DELAY, nfs4.NFS4ERR_CONN_NOT_BOUND_TO_SESSION):
            self.needs_binding |= status != nfs4.NFS4ERR_DELAY
            self._delayed[call.xid] = now_ms + self.retry.backoff_ms(call.delays), call
            call.delays += 1
        elif status == nfs4.NFS4ERR_RETRY_UNCACHED_REP and not call.compound.cache:
            self._run_anew(call, now_ms)
        elif status in SESSION_GONE:
            self.stats.session_failures += 1
            self.fail(SessionLost(status))
        elif status in SLOT_LOST:
            self.stats.session_failures += 1
            self._pending.pop(call.xid)
            assert call.slot is not None
            self.slots.retire(call.slot)
            call.on_done(SessionLost(status))
        else:
            self._finish(call, NfsError(status, nfs4.OP_SEQUENCE), False, now_ms)

    def _run_anew(self, call: Call, now_ms: float) -> None:
        """It ran, its reply is gone and was not to be kept: harmless to run again, as a new request."""
        assert call.slot is not None
        self.stats.reexecutions += 1
        del self._pending[call.xid]
        self.slots.release(call.slot, executed=True)
        call.slot, call.times_sent = None, 0
        self._waiting.appendleft(call)
        self._start_waiting(now_ms)

    def _finish(self, call: Call, outcome: Outcome, executed: bool, now_ms: float) -> None:
        del self._pending[call.xid]
        if call.slot is not None:
            self.slots.release(call.slot, executed)
            if self._waiting:
                self._start_waiting(now_ms)
        call.on_done(outcome)
