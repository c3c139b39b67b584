"""One session's callback slot of this node: calls to a client, one at a time (RFC 8881 §2.10.3.1, §20.9). Sans-IO.

Callback slots are per node (each node has the slot of its own number, where the client offers enough), because a
client takes nothing on a slot but the last sequence ID plus one, and nodes do not share a count. A node that cannot
know the count (it was restarted, another node shares the slot, or a call got no reply) finds it out first, by
CB_SEQUENCE alone: to repeat that is harmless, while the answer to a repeated recall might be the cached one to another.

A call that gets no reply in time costs its connection the back channel, so that a client which has another one, or
binds one when SEQUENCE tells it that the path is down, is reached again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog

from mdscluster.fsm.session_records import SessionView
from nfswire import nfs4, rpc
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.request import Connection
    from mdscluster.nfs_frontend.sessions import Session

log = structlog.get_logger()

ANSWER_MS: Final = 5_000
"""A client answers a callback at once, whatever it has to do about it; longer means that the path is dead."""
PROBES_MAX: Final = 1_024
"""So many sequence IDs are tried before the client is told to make a new session."""
_CB_COMPOUND: Final = 1

Done = Callable[["int | None"], None]
"""Gets the operation's status; None: it did not get through."""
Later = Callable[[float, Callable[[], None]], object]
"""(seconds, callback): the event loop's call_later, or a test's."""


class BackChannel:
    """Queues calls and makes them."""

    def __init__(
        self,
        session: Session,
        slot: int,
        record_of: Callable[[bytes], bytes | None],
        next_xid: Callable[[], int],
        later: Later,
    ) -> None:
        """``record_of``: the session's record in the state machine as it is now; None when it is gone.

        ``next_xid`` never gives the same soon again: sessions may share a connection.
        """
        self.session = session
        self._slot = slot
        self._record_of = record_of
        self._later = later
        self._queue: deque[tuple[nfs4.nfs_cb_argop4, list[nfs4.referring_call_list4], Done]] = deque()
        self._out: object | None = None  # the call under way
        self._sequence_id = 0
        self._sure = session.home is not None  # the slot's sequence ID at the client is known to be that
        self._probes = 0
        self._next_xid = next_xid

    def call(
        self, operation: nfs4.nfs_cb_argop4, referring: list[nfs4.referring_call_list4], done: Done
    ) -> None:
        """Send an operation as soon as those before it are answered. ``referring``: calls of the client whose answers
        it has to have before (§2.10.6.3)."""
        self._queue.append((operation, referring, done))
        if self._out is None:
            self._send_next()

    def _send_next(self) -> None:
        while self._queue and self._out is None:
            record = self._record_of(self.session.session_id)
            if record is None or not self.session.connections:
                failed = list(self._queue)
                self._queue.clear()
                for _, _, done in failed:
                    done(None)
                continue
            self._send(self.session.connections[-1], SessionView(record))

    def _send(self, connection: Connection, view: SessionView) -> None:
        """One CB_COMPOUND: the first call of the queue or, where the sequence ID has to be found out, none."""
        if self._slot >= view.back_slots:
            self._slot, self._sure = 0, False
        sequence_id = (self._sequence_id + 1) & 0xFFFFFFFF
        operation, referring, _ = self._queue[0]
        xid = self._next_xid()
        if self._sure:
            parts = self._pack(xid, view, sequence_id, referring, operation)
            # What the client offered (§2.10.6.4) counts the RPC header, and not the record mark (§18.36.3). Where the
            # list does not fit it is left away: a client whom the recall then reaches before the reply that grants the
            # layout says NOMATCHING_LAYOUT, and its handles are fenced before the layout is gone. One that offered less
            # than the call takes without the list is sent that call all the same, as it may take it; if it says
            # NFS4ERR_REQ_TOO_BIG it is asked again until the recall's time is over, and then its layout is revoked.
            if referring and sum(map(len, parts)) > view.back_max_request_bytes:
                parts = self._pack(xid, view, sequence_id, [], operation)
        else:
            parts = self._pack(xid, view, sequence_id, [])
        ticket = self._out = object()

        def answered(reply: bytes) -> None:
            if self._out is ticket:
                self._out = None
                self._answered(sequence_id, connection, reply)
                self._send_next()

        def overdue() -> None:
            if self._out is ticket:
                connection.callback_replies.pop(xid, None)
                self.session.unbind(connection)
                log.info("a client does not answer a callback", peer=connection.peer)
                answered(b"")

        connection.callback_replies[xid] = answered
        connection.send(b"".join(rpc.frame(parts)))
        self._later(ANSWER_MS / 1000, overdue)

    def _pack(
        self, xid: int, view: SessionView, sequence_id: int, referring: list[nfs4.referring_call_list4],
        *operations: nfs4.nfs_cb_argop4,
    ) -> list[bytes]:  # fmt: skip
        """The call, as parts to be sent in order, without its record mark."""
        sequence = nfs4.CB_SEQUENCE4args(
            self.session.session_id, sequence_id, self._slot, self._slot, False, referring
        )
        first = nfs4.nfs_cb_argop4(nfs4.OP_CB_SEQUENCE, sequence)
        compound = nfs4.CB_COMPOUND4args(b"", self.session.minor, 0, [first, *operations])
        return rpc.pack_call(
            xid, view.cb_program, 1, _CB_COMPOUND, credential_of(view), [nfs4.pack_CB_COMPOUND4args(compound)]
        )

    def _answered(self, sequence_id: int, connection: Connection, reply: bytes) -> None:
        """Judge the reply (b"": there is none) to the call that is first in the queue, or to a probe for it."""
        probing = not self._sure
        result = parse(reply, connection.peer)
        if result is None:
            # Whether the client saw it is not known: the same sequence ID is tried again, alone.
            self._sure = False
            self._end(None)
            return
        sequence = result.resarray[0].arm
        status = sequence.csr_status
        if status == nfs4.NFS4ERR_SEQ_MISORDERED and self._probes < PROBES_MAX:
            self._probes += 1
            self._sequence_id = sequence_id if probing else 0
            self._sure = False
            return  # try the next one
        if status == nfs4.NFS4ERR_BADSLOT and self._slot:
            self._slot, self._sequence_id, self._sure = 0, 0, False
            return
        if status == nfs4.NFS4ERR_DELAY:  # the reply to a referring call is on its way; the slot stays as it was
            self._end(status)
            return
        if status:
            log.info("CB_SEQUENCE refused", peer=connection.peer, status=nfs4.STATUS_NAMES.get(status, status))
            if status == nfs4.NFS4ERR_SEQ_MISORDERED:
                self._probes = self._sequence_id = 0
                self.session.flags |= nfs4.SEQ4_STATUS_BACKCHANNEL_FAULT
            self._end(None)
            return
        self._sequence_id = sequence_id
        self._probes = 0
        self._sure = True
        self.session.flags &= ~nfs4.SEQ4_STATUS_BACKCHANNEL_FAULT
        if not probing:
            self._end(result.status if len(result.resarray) > 1 else None)

    def _end(self, status: int | None) -> None:
        _, _, done = self._queue.popleft()
        done(status)


def parse(reply: bytes, peer: str) -> nfs4.CB_COMPOUND4res | None:
    """The result of a CB_COMPOUND that began with CB_SEQUENCE; None where there is none that says anything."""
    if not reply:
        return None
    try:
        head = rpc.unpack_reply(reply, 0, len(reply))
        if not head.accepted or head.status != rpc.SUCCESS:
            log.warning("a client refuses callbacks", peer=peer, accepted=head.accepted, status=head.status)
            return None
        result, _ = nfs4.unpack_CB_COMPOUND4res(reply, head.results_pos)
    except XdrError as error:
        log.warning("malformed callback reply", peer=peer, error=str(error))
        return None
    if not result.resarray or result.resarray[0].resop != nfs4.OP_CB_SEQUENCE:
        log.warning("a client refuses CB_COMPOUND", peer=peer, status=nfs4.STATUS_NAMES.get(result.status))
        return None
    return result


def credential_of(view: SessionView) -> rpc.Credential:
    """A credential that the client accepts in callbacks (csa_sec_parms): Linux offers AUTH_SYS, refuses AUTH_NONE."""
    for offered in view.security:
        given = offered.cbsp_sys_cred
        if offered.cb_secflavor == rpc.FLAVOR_SYS and given is not None:
            return rpc.AuthSys(given.stamp, given.machinename, given.uid, given.gid, tuple(given.gids))
    return rpc.AUTH_NONE
