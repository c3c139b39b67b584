"""CB_LAYOUTRECALL: this node's part in recalling layouts (RFC 8881 §20.3, §12.5.5). Sans-IO.

A recall is a row of the state machine. Every front end hears of it; the one that holds a connection bound to the
client's back channel makes the call, and goes on making it until the client has understood. It decides nothing: a
layout is gone when LAYOUTRETURN, RecallDone or a fence says so in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from mdscluster.fsm import handles, layout_states, recalls
from mdscluster.fsm.commands import RecallDone, pack_internal
from mdscluster.fsm.tables import U64
from mdscluster.nfs_frontend.backchannel import BackChannel, Later
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.layout_states import LayoutState
    from mdscluster.nfs_frontend.dispatcher import Dispatcher
    from mdscluster.nfs_frontend.sessions import Session

log = structlog.get_logger()

_WHOLE: Final = 0xFFFFFFFFFFFFFFFF
_FIRST_RETRY_MS: Final = 100
_LAST_RETRY_MS: Final = 2_000


class Callbacks:
    """Makes the calls that the state machine's recalls ask for."""

    def __init__(self, dispatcher: Dispatcher, node_number: int, later: Later) -> None:
        self._dispatcher = dispatcher
        self.node_number = node_number
        """Of this node alone; the cluster's membership has it."""
        self._later = later
        self._xid = 0
        self._channels: dict[bytes, BackChannel] = {}
        self._bound: dict[int, dict[bytes, Session]] = {}  # by client: its sessions whose back channel came here
        self._calling: dict[bytes, int] = {}  # stateid.other of a layout that is being called for: attempts

    def recall(self, other: bytes) -> None:
        """A layout's recall was committed, or a client that it concerns just bound its back channel here."""
        if other not in self._calling:
            self._recall(other, 0)

    def session_bound(self, session: Session) -> None:
        """A client's back channel has come to this node: make the calls that wait for it."""
        self._bound.setdefault(session.client_id, {})[session.session_id] = session
        with self._dispatcher.env.begin() as txn:
            waiting = recalls.pending(txn, self._dispatcher.tables).recalls
        for other, record in waiting:
            if record.client_id == session.client_id:
                self.recall(other)

    def session_gone(self, session_id: bytes) -> None:
        """A session was destroyed."""
        self._channels.pop(session_id, None)
        client_id = U64.unpack_from(session_id)[0]
        sessions = self._bound.get(client_id)
        if sessions is not None:
            sessions.pop(session_id, None)
            if not sessions:
                del self._bound[client_id]

    def _recall(self, other: bytes, attempt: int) -> None:
        self._calling.pop(other, None)
        dispatcher = self._dispatcher
        with dispatcher.env.begin() as txn:
            record = recalls.load(txn, dispatcher.tables, other)
            if record is None or record.fence_epoch:
                return  # it is back, or the client has had its time
            channel = self._channel_of(record.client_id)
            if channel is None:
                return  # another node holds its back channel; or none does, and time runs out
            inode = txn.get(U64.pack(record.fileid), db=dispatcher.tables.inode)
            state = txn.get(other, db=dispatcher.tables.state)
        if inode is None or state is None:
            return
        referring = _granting_call(layout_states.unpack(state))
        args = nfs4.CB_LAYOUTRECALL4args(
            nfs4.LAYOUT4_NFSV4_1_FILES,
            nfs4.LAYOUTIOMODE4_ANY,
            record.changed,
            nfs4.layoutrecall4(
                nfs4.LAYOUTRECALL4_FILE,
                lor_layout=nfs4.layoutrecall_file4(
                    handles.handle_of(inode), 0, _WHOLE, nfs4.stateid4(record.seqid, other)
                ),
            ),
        )
        self._calling[other] = attempt
        if not attempt:
            log.debug(
                "CB_LAYOUTRECALL", request=f"recall-{other.hex()}", client=f"{record.client_id:x}",
                fileid=f"{record.fileid:x}",
            )  # fmt: skip
        operation = nfs4.nfs_cb_argop4(nfs4.OP_CB_LAYOUTRECALL, args)
        channel.call(operation, referring, lambda status: self._recalled(other, attempt, status))

    def _recalled(self, other: bytes, attempt: int, status: int | None) -> None:
        """What the client answered.

        OK: LAYOUTRETURN follows, when its I/O is through. NOMATCHING_LAYOUT: it has none, it forgot it (§12.5.5.1), or
        does not know of it yet. DELAY: the grant's own reply, say, has not reached it yet. Anything else: it may come
        to its senses until its time has run out; only the data servers' word counts then.
        """
        if status == nfs4.NFS4_OK:
            self._calling.pop(other, None)
        elif status == nfs4.NFS4ERR_NOMATCHING_LAYOUT:
            self._calling.pop(other, None)
            self._dispatcher.replica.propose(pack_internal(RecallDone(other)), lambda _: None)
        else:
            if status not in (None, nfs4.NFS4ERR_DELAY):
                log.info(
                    "CB_LAYOUTRECALL refused", request=f"recall-{other.hex()}", attempt=attempt,
                    status=nfs4.STATUS_NAMES.get(status, status),
                )  # fmt: skip
            wait_ms = min(_FIRST_RETRY_MS << min(attempt, 8), _LAST_RETRY_MS)
            self._later(wait_ms / 1000, lambda: self._recall(other, attempt + 1))

    def _channel_of(self, client_id: int) -> BackChannel | None:
        """A back channel of the client with a live connection on this node."""
        for session in self._bound.get(client_id, {}).values():
            if session.connections and self._dispatcher.sessions.get(session.session_id) is session:
                channel = self._channels.get(session.session_id)
                if channel is None or channel.session is not session:
                    channel = BackChannel(
                        session, self.node_number, self._record_of, self._next_xid, self._later
                    )
                    self._channels[session.session_id] = channel
                return channel
        return None

    def _next_xid(self) -> int:
        self._xid = (self._xid + 1) & 0xFFFFFFFF
        return self._xid

    def _record_of(self, session_id: bytes) -> bytes | None:
        with self._dispatcher.env.begin() as txn:
            record: bytes | None = txn.get(session_id, db=self._dispatcher.tables.session)
        return record


def _granting_call(layout: LayoutState) -> list[nfs4.referring_call_list4]:
    """For CB_SEQUENCE: the call that the last grant answered. Who waits for that answer yet is not to judge the recall
    before it is there (§2.10.6.3); Linux would say NOMATCHING_LAYOUT."""
    if layout.granted_by is None:
        return []
    session_id, slot, sequence_id = layout.granted_by
    return [nfs4.referring_call_list4(session_id, [nfs4.referring_call4(sequence_id, slot)])]
