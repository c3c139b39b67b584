"""COMPOUNDs that do not begin with SEQUENCE (RFC 8881 §2.10.6, §18.35 to §18.37, §18.34, §18.50).

"If the first operation is not SEQUENCE, then EXCHANGE_ID, BIND_CONN_TO_SESSION, CREATE_SESSION,
DESTROY_SESSION or DESTROY_CLIENTID MUST be the only operation" - else NFS4ERR_NOT_ONLY_OP, and any
other operation is NFS4ERR_OP_NOT_IN_SESSION. All but BIND_CONN_TO_SESSION are replicated changes;
that one ties a connection, which only this node has, to a session that every node has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mdscluster.fsm.commands import COMPOUND_HEAD, KIND_SESSIONLESS, NO_SESSION, REPLY_HEAD, RESULT_REPLY
from mdscluster.nfs_frontend.quorum import SERVING
from mdscluster.nfs_frontend.wire import U32, U32x2, failed_first, plain_reply
from nfswire import nfs4
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.dispatcher import Dispatcher
    from mdscluster.nfs_frontend.exports import Identity
    from mdscluster.nfs_frontend.request import Connection

_REPLICATED: Final = frozenset(
    (nfs4.OP_EXCHANGE_ID, nfs4.OP_CREATE_SESSION, nfs4.OP_DESTROY_SESSION, nfs4.OP_DESTROY_CLIENTID)
)
_LARGEST_REPLY: Final = 1 << 16
_LARGEST_REQUEST: Final = 1 << 14
"""Bytes of one such operation: an owner of 1,024, an implementation's name, a few credentials for callbacks."""
_CHANNEL_DIRECTION: Final = {
    nfs4.CDFC4_FORE: nfs4.CDFS4_FORE,
    nfs4.CDFC4_BACK: nfs4.CDFS4_BACK,
    nfs4.CDFC4_FORE_OR_BOTH: nfs4.CDFS4_BOTH,
    nfs4.CDFC4_BACK_OR_BOTH: nfs4.CDFS4_BOTH,
}


def start(
    dispatcher: Dispatcher, connection: Connection, identity: Identity, data: bytes, pos: int, end: int,
    xid: int, tag: bytes, minor: int, count: int, op: int,
) -> None:  # fmt: skip
    """Run a COMPOUND whose first operation ``op`` is not SEQUENCE; ``pos`` is behind its number."""

    came_s, counters = dispatcher.turn_s, dispatcher.counters

    def answer(record: bytes, status: int) -> None:
        if connection.closed:  # the client has gone elsewhere, and nobody hears this
            return
        counters.statuses[status] += 1
        now_s = dispatcher.clock_s()
        if known:
            counters.note(op, now_s - came_s)
        counters.answered_outside(connection.peer, op, status, now_s - came_s, now_s)
        connection.send(record)

    def refuse(status: int, number: int = op) -> None:
        answer(failed_first(xid, tag, number, status), status)

    known = op in _REPLICATED or op == nfs4.OP_BIND_CONN_TO_SESSION
    if not known:
        if nfs4.OP_ACCESS <= op <= (nfs4.OP_RECLAIM_COMPLETE if minor == 1 else nfs4.OP_REMOVEXATTR):
            refuse(nfs4.NFS4ERR_OP_NOT_IN_SESSION)
        else:
            refuse(nfs4.NFS4ERR_OP_ILLEGAL, nfs4.OP_ILLEGAL)
        return
    if count != 1:
        refuse(nfs4.NFS4ERR_NOT_ONLY_OP)
        return
    if end - pos > _LARGEST_REQUEST:
        refuse(nfs4.NFS4ERR_BADXDR)
        return
    if op == nfs4.OP_BIND_CONN_TO_SESSION:
        try:
            args, _ = nfs4.unpack_BIND_CONN_TO_SESSION4args(data, pos)
        except XdrError:
            refuse(nfs4.NFS4ERR_BADXDR)
            return
        _bind(
            dispatcher, connection, minor, args,
            lambda body, status: answer(plain_reply(xid, tag, status, 1, body), status),
        )  # fmt: skip
        return
    if dispatcher.service != SERVING:
        # As the first operation of its request it may be sent again unchanged (§15.1.1.3).
        dispatcher.note_delayed(connection)
        refuse(nfs4.NFS4ERR_DELAY)
        return

    payload = (
        COMPOUND_HEAD.pack(
            KIND_SESSIONLESS, minor, 0, 0, 0, 0, 1, identity.uid, identity.gid, _LARGEST_REPLY, NO_SESSION
        )
        + U32.pack(op)
        + data[pos:end]
    )  # fmt: skip

    ticket = connection.ticket(end - pos)

    def proposed(result: bytes | None, ticket: object = ticket) -> None:
        if result is None or result[:1] != RESULT_REPLY:
            connection.abort("no outcome within the deadline")
            return
        _, status, results = REPLY_HEAD.unpack_from(result)
        body = result[REPLY_HEAD.size :]
        if status == 0:
            _take_note(dispatcher, connection, minor, op, data, pos, body)
        answer(plain_reply(xid, tag, status, results, body), status)

    dispatcher.replica.propose(payload, proposed)


def _take_note(
    dispatcher: Dispatcher, connection: Connection, minor: int, op: int, data: bytes, pos: int, body: bytes
) -> None:
    """Follow up on this node: a session was made or destroyed."""
    if op == nfs4.OP_CREATE_SESSION:
        result = nfs4.unpack_CREATE_SESSION4res(body, 4)[0].csr_resok4
        assert result is not None
        session_id = result.csr_sessionid
        if connection.closed or session_id in dispatcher.sessions:
            return  # its client has gone elsewhere; or a replay of the CREATE_SESSION that made it
        with dispatcher.env.begin() as txn:
            record = txn.get(session_id, db=dispatcher.tables.session)
        if record is None:
            return  # destroyed again, meanwhile
        session = dispatcher.adopt_session(session_id, record, home=connection)
        session.minor = minor
        if result.csr_flags & nfs4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN:
            connection.bind_session(session)
    elif op == nfs4.OP_DESTROY_SESSION:
        dispatcher.forget_session(bytes(data[pos : pos + 16]))


def _bind(
    dispatcher: Dispatcher,
    connection: Connection,
    minor: int,
    args: nfs4.BIND_CONN_TO_SESSION4args,
    answer: Callable[[bytes, int], None],
) -> None:
    """BIND_CONN_TO_SESSION (§18.34): the session may have been made on another node, so look behind a barrier."""
    session_id = args.bctsa_sessid

    def confirmed(ok: bool) -> None:
        if connection.closed:
            return  # no session is to take this for the way to its client
        if not ok:
            connection.abort("no quorum to look a session up")
            return
        with dispatcher.env.begin() as txn:
            record = txn.get(session_id, db=dispatcher.tables.session)
        if record is None and dispatcher.service != SERVING:
            dispatcher.note_delayed(connection)
            answer(U32x2.pack(nfs4.OP_BIND_CONN_TO_SESSION, nfs4.NFS4ERR_DELAY), nfs4.NFS4ERR_DELAY)
            return
        if record is None:
            dispatcher.forget_session(session_id)
            answer(U32x2.pack(nfs4.OP_BIND_CONN_TO_SESSION, nfs4.NFS4ERR_BADSESSION), nfs4.NFS4ERR_BADSESSION)
            return
        session = dispatcher.sessions.get(session_id)
        if session is None:
            session = dispatcher.adopt_session(session_id, record, home=None)
        direction = _CHANNEL_DIRECTION[args.bctsa_dir]
        session.minor = minor
        if direction != nfs4.CDFS4_FORE:
            connection.bind_session(session)
        answer(
            U32x2.pack(nfs4.OP_BIND_CONN_TO_SESSION, 0) + session_id + U32x2.pack(direction, 0),
            0,
        )

    if args.bctsa_dir not in _CHANNEL_DIRECTION:
        answer(U32x2.pack(nfs4.OP_BIND_CONN_TO_SESSION, nfs4.NFS4ERR_BADXDR), nfs4.NFS4ERR_BADXDR)
        return
    if dispatcher.service != SERVING:
        confirmed(True)  # ties a connection of this node to a session that it knows: nothing is granted
    else:
        dispatcher.replica.barrier(confirmed)
