"""Calls to clients on the back channel: CB_SEQUENCE and CB_LAYOUTRECALL (RFC 8881 §2.10.3.1, ch. 20).

A recall is a row of the state machine. Every front end hears of it; the one that holds a connection bound
to the client's back channel makes the call. Callback slots are per node (each node has the slot of its own
number where the client offers enough): a client checks that a slot's sequence ID is exactly one more than
the last, and nodes do not share a count. Sans-IO: time is passed in, connections are given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog

from mdscluster.fsm import handles, recalls, session_records
from mdscluster.fsm.commands import RecallDone, pack_internal
from mdscluster.fsm.tables import U64
from nfswire import nfs4, rpc
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.dispatcher import Dispatcher
    from mdscluster.nfs_frontend.request import Connection
    from mdscluster.nfs_frontend.sessions import Session

log = structlog.get_logger()

_CB_COMPOUND: Final = 1
_WHOLE: Final = 0xFFFFFFFFFFFFFFFF
_RETRY_DELAY_MS: Final = 100


class BackChannel:
    """One session's callback slot of this node: at most one call is out at a time."""

    __slots__ = ("program", "queue", "running", "sequence_id", "session", "slot")

    def __init__(self, session: Session, program: int, slot: int) -> None:
        self.session = session
        self.program = program
        self.slot = slot
        self.sequence_id = 0
        self.running = False
        self.queue: list[tuple[nfs4.nfs_cb_argop4, Callable[[int | None], None]]] = []


class Callbacks:
    """Makes the calls that the state machine's recalls ask for."""

    def __init__(
        self, dispatcher: Dispatcher, node_number: int, later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._dispatcher = dispatcher
        self._node_number = node_number
        self._later = later  # (seconds, callback): the event loop's call_later, or the simulator's
        self._channels: dict[bytes, BackChannel] = {}
        self._next_xid = 1
        self._calling: set[bytes] = set()

    def recall(self, other: bytes) -> None:
        """A layout's recall was committed, or a client that it concerns just bound its back channel here."""
        if other in self._calling:
            return
        dispatcher = self._dispatcher
        with dispatcher.env.begin() as txn:
            record = recalls.load(txn, dispatcher.tables, other)
            if record is None or record.fencing:
                return
            channel = self._channel_of(record.client_id)
            if channel is None:
                return  # another node holds its back channel, or none does: then the lease of the recall runs out
            inode = txn.get(U64.pack(record.fileid), db=dispatcher.tables.inode)
        if inode is None:
            return
        args = nfs4.CB_LAYOUTRECALL4args(
            nfs4.LAYOUT4_NFSV4_1_FILES,
            record.iomode,
            True,
            nfs4.layoutrecall4(
                nfs4.LAYOUTRECALL4_FILE,
                lor_layout=nfs4.layoutrecall_file4(
                    handles.handle_of(inode), 0, _WHOLE, nfs4.stateid4(record.seqid, other)
                ),
            ),
        )
        self._calling.add(other)
        operation = nfs4.nfs_cb_argop4(nfs4.OP_CB_LAYOUTRECALL, args)
        self._enqueue(channel, operation, lambda status: self._recalled(other, status))

    def session_bound(self, client_id: int) -> None:
        """A client's back channel has come to this node: make the calls that wait for it."""
        with self._dispatcher.env.begin() as txn:
            waiting, _ = recalls.pending(txn, self._dispatcher.tables)
        for other, record in waiting:
            if record.client_id == client_id:
                self.recall(other)

    def _recalled(self, other: bytes, status: int | None) -> None:
        """What the client answered. OK: LAYOUTRETURN follows. No such layout: it is gone. Otherwise: again."""
        self._calling.discard(other)
        if status == nfs4.NFS4ERR_NOMATCHING_LAYOUT:
            self._dispatcher.replica.propose(pack_internal(RecallDone(other, False)), lambda _: None)
        elif status != 0:
            self._later(_RETRY_DELAY_MS / 1000, lambda: self.recall(other))

    def _channel_of(self, client_id: int) -> BackChannel | None:
        """A back channel of the client with a live connection on this node."""
        for session in self._dispatcher.sessions.values():
            if session.client_id == client_id and session.connections:
                channel = self._channels.get(session.session_id)
                if channel is None:
                    channel = self._open(session)
                return channel
        return None

    def _open(self, session: Session) -> BackChannel:
        with self._dispatcher.env.begin() as txn:
            record = txn.get(session.session_id, db=self._dispatcher.tables.session)
        assert record is not None, "a bound session was not forgotten with its record"
        view = session_records.SessionView(record)
        slot = self._node_number if self._node_number < view.back_slots else 0
        channel = self._channels[session.session_id] = BackChannel(session, view.cb_program, slot)
        for gone in [sid for sid in self._channels if sid not in self._dispatcher.sessions]:
            del self._channels[gone]
        return channel

    def _enqueue(
        self, channel: BackChannel, operation: nfs4.nfs_cb_argop4, done: Callable[[int | None], None]
    ) -> None:
        channel.queue.append((operation, done))
        if not channel.running:
            self._call_next(channel)

    def _call_next(self, channel: BackChannel) -> None:
        if not channel.queue:
            return
        operation, done = channel.queue.pop(0)
        if not channel.session.connections:
            done(None)
            self._call_next(channel)
            return
        connection = channel.session.connections[-1]
        channel.running = True
        sequence_id = channel.sequence_id + 1
        sequence = nfs4.CB_SEQUENCE4args(channel.session.session_id, sequence_id, channel.slot, channel.slot, False, [])
        compound = nfs4.CB_COMPOUND4args(
            b"", 1, 0, [nfs4.nfs_cb_argop4(nfs4.OP_CB_SEQUENCE, sequence), operation]
        )
        xid = self._next_xid = self._next_xid + 1 & 0xFFFFFFFF
        parts = rpc.pack_call(
            xid, channel.program, 1, _CB_COMPOUND, rpc.AUTH_NONE, [nfs4.pack_CB_COMPOUND4args(compound)]
        )

        def answered(record: bytes) -> None:
            channel.running = False
            done(self._outcome(channel, sequence_id, connection, record))
            self._call_next(channel)

        connection.callback_replies[xid] = answered
        connection.send(b"".join(rpc.frame(parts)))

    def _outcome(self, channel: BackChannel, sequence_id: int, connection: Connection, record: bytes) -> int | None:
        """The operation's status; None when the call did not get through."""
        if not record:
            return None
        try:
            reply = rpc.unpack_reply(record, 0, len(record))
            result, _ = nfs4.unpack_CB_COMPOUND4res(record, reply.results_pos)
        except XdrError as error:
            log.warning("malformed callback reply", peer=connection.peer, error=str(error))
            return None
        if not result.resarray:
            return None
        sequence = result.resarray[0].arm if result.resarray[0].resop == nfs4.OP_CB_SEQUENCE else None
        if sequence is None or sequence.csr_status != 0:
            status = None if sequence is None else sequence.csr_status
            log.info("CB_SEQUENCE refused", peer=connection.peer, status=status)
            if status == nfs4.NFS4ERR_SEQ_MISORDERED:
                # This node has lost count of its callback slot (it was restarted): a new session heals it.
                channel.session.flags |= nfs4.SEQ4_STATUS_BACKCHANNEL_FAULT
            return None
        channel.sequence_id = sequence_id
        channel.session.flags &= ~nfs4.SEQ4_STATUS_BACKCHANNEL_FAULT
        return int(result.status)

