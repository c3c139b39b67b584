"""COMPOUND by table: every operation that is legal at a data server, and the right refusal for all others.

RFC 8881 §13.6: a data server serves the housekeeping operations and COMMIT, READ, WRITE and PUTFH; "any attempted use
of operations against a data server other than those ... MUST return NFS4ERR_NOTSUPP". Beyond the letter it has
PUTROOTFH, GETATTR, GETFH and RECLAIM_COMPLETE: Linux asks every new server, data servers too, for the lease time with
SEQUENCE+PUTROOTFH+GETATTR (nfs4_proc_get_lease_time), and ends its set-up with RECLAIM_COMPLETE.

The table is the reference; :mod:`dataserver.fastpath` answers its three shapes with the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Final

import msgspec

from dataserver import housekeeping
from dataserver.attributes import ROOT_HANDLE, object_attributes, root_attributes
from dataserver.core import REPLY_OVERHEAD
from nfswire import nfs4, rpc
from nfswire.attributes import WRITE_ONLY
from nfswire.xdr import PADS, Buffer, Payload, XdrError, unpack_opaque, unpack_uint32

if TYPE_CHECKING:
    from dataserver.authority import Grant, Table, Ticket
    from dataserver.core import Core
    from dataserver.counters import Counters
    from dataserver.sessions import Session

TAG_BYTES_MAX: Final = 1024
SLOT_WAIT_S: Final = 5.0
"""How long a retransmission waits for the first run's reply before it is told NFS4ERR_DELAY."""
CACHE_ALWAYS_BYTES: Final = 1024
"""Replies up to this length are kept for retransmissions also when the client did not ask for it."""
LAST_OP: Final = {1: nfs4.OP_RECLAIM_COMPLETE, 2: nfs4.OP_REMOVEXATTR}
"""The last operation of each minor version; what lies beyond is NFS4ERR_OP_ILLEGAL."""

_XID = Struct(">I")
#: The pseudo-grant of the root filehandle.
ROOT: Final = object()


class Cursor(msgspec.Struct):
    """A COMPOUND under way."""

    core: Core
    ticket: Ticket
    counters: Counters
    scratch: memoryview
    buf: Buffer
    pos: int
    end: int
    minor: int
    principal: object
    out: list[Payload]
    table: Table | None = None
    grant: Grant | object | None = None
    handle: bytes = b""
    session: Session | None = None
    slot: int = -1
    cache_this: bool = False
    scratch_used: int = 0
    cacheable: bool = True
    replay: bytes | None = None
    operations: int = 0
    number: int = 0
    request_bytes: int = 0
    fingerprint: bytes = b""


Handler = Callable[[Cursor], int]
"""Reads its arguments at ``pos``, appends the whole result when it is NFS4_OK, returns the status."""


def serve(core: Core, ticket: Ticket, counters: Counters, scratch: memoryview, buf: Buffer, pos: int, end: int
          ) -> list[Payload]:
    """The reply to the record ``buf[pos:end]``, without record mark; empty where none is owed."""
    try:
        call = rpc.unpack_call(buf, pos, end)
    except rpc.RpcReject as refusal:
        return [refusal.reply]
    except XdrError:
        return _unreadable_call(buf, pos, end)
    if call.program != nfs4.NFS4_PROGRAM:
        return [rpc.reply_prog_unavail(call.xid)]
    if call.version != nfs4.NFS_V4:
        return [rpc.reply_prog_mismatch(call.xid, 4, 4)]
    if call.procedure == 0:
        return [rpc.reply_success(call.xid)]
    if call.procedure != 1:
        return [rpc.reply_proc_unavail(call.xid)]
    credential = call.credential
    principal = credential.uid if isinstance(credential, rpc.AuthSys) else None
    bounded = buf if end == len(buf) else memoryview(buf)[:end]
    try:
        tag, at = unpack_opaque(bounded, call.args_pos, TAG_BYTES_MAX)
        minor, at = unpack_uint32(bounded, at)
        operations, at = unpack_uint32(bounded, at)
    except XdrError:
        return [rpc.reply_garbage_args(call.xid)]
    if minor not in LAST_OP:
        return [nfs4.pack_reply_head(call.xid, nfs4.NFS4ERR_MINOR_VERS_MISMATCH, 0, tag)]
    cursor = Cursor(core, ticket, counters, scratch, bounded, at, end, minor, principal, [])
    cursor.operations = operations
    cursor.request_bytes = end - pos
    cursor.fingerprint = bytes(bounded[call.args_pos : call.args_pos + housekeeping.FINGERPRINT_BYTES])
    try:
        return _run(cursor, call.xid, tag)
    finally:
        ticket.table = None
        if cursor.session is not None and cursor.slot >= 0:
            cursor.session.busy[cursor.slot].release()


def _unreadable_call(buf: Buffer, pos: int, end: int) -> list[Payload]:
    """A call that ends within its header gets GARBAGE_ARGS if it has a number; anything else gets no reply.

    The record's length was right, so the stream can be followed and the connection goes on (RFC 5531 §9, §11).
    """
    if end - pos < 8:
        return []
    xid, kind = rpc.peek(buf, pos)
    return [rpc.reply_garbage_args(xid)] if kind == rpc.CALL else []


def _run(cx: Cursor, xid: int, tag: bytes) -> list[Payload]:
    status = 0
    results = 0
    out = cx.out
    while results < cx.operations and not status:
        results += 1
        mark = len(out)
        try:
            op, cx.pos = unpack_uint32(cx.buf, cx.pos)
        except XdrError:
            op, status = nfs4.OP_ILLEGAL, nfs4.NFS4ERR_BADXDR  # the array is shorter than it says
        else:
            status, op = _step(cx, op, results)
        if cx.replay is not None:
            cx.counters.replays += 1
            return [_XID.pack(xid), memoryview(cx.replay)[4:]]
        if status:
            del out[mark:]
            out.append(nfs4.pack_op_status(op, status))
            cx.counters.errors[status] += 1
    return _finish(cx, xid, tag, status, results)


def _step(cx: Cursor, op: int, index: int) -> tuple[int, int]:
    """Run one operation; its status, and the number under which the result goes."""
    cx.number = index
    if not nfs4.OP_ACCESS <= op <= LAST_OP[cx.minor]:
        return nfs4.NFS4ERR_OP_ILLEGAL, nfs4.OP_ILLEGAL
    if index == 1 and op != nfs4.OP_SEQUENCE:
        if op not in housekeeping.SESSIONLESS:
            return nfs4.NFS4ERR_OP_NOT_IN_SESSION, op
        if cx.operations != 1:
            return nfs4.NFS4ERR_NOT_ONLY_OP, op
    handler = HANDLERS.get(op)
    if handler is None:
        return nfs4.NFS4ERR_NOTSUPP, op
    try:
        return handler(cx), op
    except XdrError:
        return nfs4.NFS4ERR_BADXDR, op


def _finish(cx: Cursor, xid: int, tag: bytes, status: int, results: int) -> list[Payload]:
    """Put the head before the results, and keep the reply for a retransmission."""
    parts: list[Payload] = [nfs4.pack_reply_head(xid, status, results, tag), *cx.out]
    cx.counters.compounds += 1
    session = cx.session
    if session is not None and cx.slot >= 0:
        length = sum(map(len, parts))
        kept = cx.cacheable and length <= CACHE_ALWAYS_BYTES
        if kept or (cx.cache_this and length <= max(CACHE_ALWAYS_BYTES, session.max_response_cached)):
            session.replies[cx.slot] = b"".join(parts)
    return parts


# ---------------------------------------------------------------- SEQUENCE
def _sequence(cx: Cursor) -> int:
    """SEQUENCE (RFC 8881 §18.46): the slot's rules, strictly; a retransmission gets the reply of the first run."""
    if cx.number != 1:
        return nfs4.NFS4ERR_SEQUENCE_POS
    args, cx.pos = nfs4.unpack_SEQUENCE4args(cx.buf, cx.pos)
    session = cx.core.registry.sessions.get(args.sa_sessionid)
    if session is None:
        return nfs4.NFS4ERR_BADSESSION
    slot = args.sa_slotid
    if slot >= session.slots:
        return nfs4.NFS4ERR_BADSLOT
    if args.sa_highest_slotid >= session.slots:
        return nfs4.NFS4ERR_BAD_HIGH_SLOT
    if cx.request_bytes > session.max_request_bytes:
        return nfs4.NFS4ERR_REQ_TOO_BIG
    if cx.operations > session.max_operations:
        return nfs4.NFS4ERR_TOO_MANY_OPS
    # A retransmission on a new connection may find the first run still at work. RFC 8881 §2.10.6.2 would answer
    # NFS4ERR_DELAY; waiting a little costs only this connection's thread, and spares Linux a sleep of 15 s.
    if not session.busy[slot].acquire(timeout=SLOT_WAIT_S):
        return nfs4.NFS4ERR_DELAY
    cx.session, cx.slot, cx.cache_this = session, slot, args.sa_cachethis
    status = _admit(cx, session, slot, args.sa_sequenceid)
    if status or cx.replay is not None:
        session.busy[slot].release()
        cx.slot = -1
        return status
    session.used_ns = cx.core.authority.clock_ns()
    highest = session.slots - 1
    cx.out.append(nfs4.pack_op_sequence(session.session_id, args.sa_sequenceid, slot, highest, highest, 0))
    return 0


def _admit(cx: Cursor, session: Session, slot: int, sequence: int) -> int:
    """Whether the request is the slot's next (status 0), a retransmission (``replay`` is set), or neither."""
    last = session.sequences[slot]
    if sequence == (last + 1) & 0xFFFFFFFF:
        session.sequences[slot] = sequence
        session.replies[slot] = None
        session.prints[slot] = cx.fingerprint
        return 0
    if sequence != last or not session.prints[slot]:
        return nfs4.NFS4ERR_SEQ_MISORDERED
    if session.prints[slot] != cx.fingerprint:
        return nfs4.NFS4ERR_SEQ_FALSE_RETRY
    cx.replay = session.replies[slot]
    # Only replies with READ data are not kept; the client sends the READ again under the next sequence ID.
    return 0 if cx.replay is not None else nfs4.NFS4ERR_RETRY_UNCACHED_REP


# ---------------------------------------------------------------- filehandles
def _putfh(cx: Cursor) -> int:
    """PUTFH (RFC 8881 §18.19): the capability is checked here, once for all operations that use it."""
    args, cx.pos = nfs4.unpack_PUTFH4args(cx.buf, cx.pos)
    handle = args.object
    if handle == ROOT_HANDLE:
        cx.grant = ROOT
    else:
        table = cx.table
        if table is None:
            table = cx.table = cx.core.authority.enter(cx.ticket)
            if table is None:
                return nfs4.NFS4ERR_DELAY
        judged = table.judge(handle)
        if type(judged) is int:
            return judged
        cx.grant = judged
    cx.handle = handle
    cx.out.append(nfs4.pack_op_status(nfs4.OP_PUTFH, 0))
    return 0


def _putrootfh(cx: Cursor) -> int:
    """PUTROOTFH (RFC 8881 §18.21), for Linux's question after the lease time."""
    cx.grant = ROOT
    cx.handle = ROOT_HANDLE
    cx.out.append(nfs4.pack_op_status(nfs4.OP_PUTROOTFH, 0))
    return 0


def _getfh(cx: Cursor) -> int:
    """GETFH (RFC 8881 §18.8)."""
    if cx.grant is None:
        return nfs4.NFS4ERR_NOFILEHANDLE
    cx.out.append(nfs4.pack_op_getfh(cx.handle))
    return 0


def _getattr(cx: Cursor) -> int:
    """GETATTR (RFC 8881 §18.7) of the object, which knows its own size and times only; the MDS knows the file's."""
    args, cx.pos = nfs4.unpack_GETATTR4args(cx.buf, cx.pos)
    if cx.grant is None:
        return nfs4.NFS4ERR_NOFILEHANDLE
    if any(args.attr_request >> number & 1 for number in WRITE_ONLY):
        return nfs4.NFS4ERR_INVAL
    grant = _object(cx)
    found = (
        root_attributes(cx.core, args.attr_request)
        if grant is None
        else object_attributes(cx.core, grant, cx.handle, args.attr_request)
    )
    if isinstance(found, int):
        return found
    cx.out.append(nfs4.pack_op_getattr(found.attrmask, found.attr_vals))
    return 0


def _object(cx: Cursor) -> Grant | None:
    """The current filehandle's grant; None for the root."""
    return None if cx.grant is ROOT else cx.grant  # type: ignore[return-value]


# ---------------------------------------------------------------- I/O
def _read(cx: Cursor) -> int:
    args, cx.pos = nfs4.unpack_READ4args(cx.buf, cx.pos)
    if cx.grant is None:
        return nfs4.NFS4ERR_NOFILEHANDLE
    grant = _object(cx)
    if grant is None:
        return nfs4.NFS4ERR_ISDIR
    session = cx.session
    assert session is not None
    room = min(session.max_response_bytes - REPLY_OVERHEAD, len(cx.scratch)) - cx.scratch_used
    wanted = min(args.count, cx.core.limits.max_io_bytes, room)
    if wanted < 0 or (wanted == 0 and args.count):
        return nfs4.NFS4ERR_REP_TOO_BIG
    if cx.cache_this and cx.scratch_used + wanted > session.max_response_cached - REPLY_OVERHEAD:
        return nfs4.NFS4ERR_REP_TOO_BIG_TO_CACHE
    view = cx.scratch[cx.scratch_used : cx.scratch_used + wanted]
    status, count = cx.core.read(grant, args.offset, view, cx.counters)
    if status:
        return status
    cx.cacheable = False
    cx.scratch_used += count
    cx.out.append(nfs4.pack_op_read_head(count < wanted, count))
    cx.out.append(view[:count])
    if count & 3:
        cx.out.append(PADS[count & 3])
    return 0


def _write(cx: Cursor) -> int:
    args, cx.pos = nfs4.unpack_WRITE4args(cx.buf, cx.pos)
    if cx.grant is None:
        return nfs4.NFS4ERR_NOFILEHANDLE
    grant = _object(cx)
    if grant is None:
        return nfs4.NFS4ERR_ISDIR
    status, count, verifier = cx.core.write(grant, args.offset, args.stable, args.data, cx.counters)
    if status:
        return status
    cx.out.append(nfs4.pack_op_write(count, args.stable, verifier))
    return 0


def _commit(cx: Cursor) -> int:
    args, cx.pos = nfs4.unpack_COMMIT4args(cx.buf, cx.pos)
    if cx.grant is None:
        return nfs4.NFS4ERR_NOFILEHANDLE
    grant = _object(cx)
    if grant is None:
        return nfs4.NFS4ERR_ISDIR
    status, verifier = cx.core.commit(grant, args.offset, args.count, cx.counters)
    if status:
        return status
    cx.out.append(nfs4.pack_op_commit(verifier))
    return 0


HANDLERS: Final[dict[int, Handler]] = {
    nfs4.OP_SEQUENCE: _sequence,
    nfs4.OP_PUTFH: _putfh,
    nfs4.OP_PUTROOTFH: _putrootfh,
    nfs4.OP_GETFH: _getfh,
    nfs4.OP_GETATTR: _getattr,
    nfs4.OP_READ: _read,
    nfs4.OP_WRITE: _write,
    nfs4.OP_COMMIT: _commit,
    nfs4.OP_EXCHANGE_ID: housekeeping.exchange_id,
    nfs4.OP_CREATE_SESSION: housekeeping.create_session,
    nfs4.OP_DESTROY_SESSION: housekeeping.destroy_session,
    nfs4.OP_DESTROY_CLIENTID: housekeeping.destroy_clientid,
    nfs4.OP_BIND_CONN_TO_SESSION: housekeeping.bind_conn_to_session,
    nfs4.OP_RECLAIM_COMPLETE: housekeeping.reclaim_complete,
    nfs4.OP_SECINFO_NO_NAME: housekeeping.secinfo_no_name,
}
"""One row per operation that is served; every other one of the minor version is NFS4ERR_NOTSUPP."""
