"""The data-server housekeeping operations (RFC 8881 §13.6): client IDs, sessions, security."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dataserver.sessions import FINGERPRINT_BYTES as FINGERPRINT_BYTES
from dataserver.sessions import Client, Session
from nfswire import nfs4
from nfswire.xdr import pack_u32

if TYPE_CHECKING:
    from dataserver.compound import Cursor

SESSIONLESS: Final = frozenset((
    nfs4.OP_EXCHANGE_ID, nfs4.OP_CREATE_SESSION, nfs4.OP_DESTROY_SESSION, nfs4.OP_DESTROY_CLIENTID,
    nfs4.OP_BIND_CONN_TO_SESSION,
))  # fmt: skip
"""May be the only operation of a COMPOUND without SEQUENCE."""

_EXCHANGE_FLAGS: Final = (
    nfs4.EXCHGID4_FLAG_SUPP_MOVED_REFER | nfs4.EXCHGID4_FLAG_SUPP_MOVED_MIGR | nfs4.EXCHGID4_FLAG_SUPP_FENCE_OPS
    | nfs4.EXCHGID4_FLAG_BIND_PRINC_STATEID | nfs4.EXCHGID4_FLAG_MASK_PNFS | nfs4.EXCHGID4_FLAG_UPD_CONFIRMED_REC_A
)  # fmt: skip
_SESSION_FLAGS: Final = (
    nfs4.CREATE_SESSION4_FLAG_PERSIST | nfs4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN | nfs4.CREATE_SESSION4_FLAG_CONN_RDMA
)
REQUEST_BYTES_MIN: Final = 512
"""A channel for smaller messages cannot carry SEQUENCE+PUTFH+WRITE: NFS4ERR_TOOSMALL."""
_RESPONSE_OVERHEAD: Final = 4096
_CACHED_BYTES_MAX: Final = 1024
_AUTH_SYS: Final = 1
_AUTH_NONE: Final = 0


def exchange_id(cx: Cursor) -> int:
    """EXCHANGE_ID (RFC 8881 §18.35), always as a data server and nothing else."""
    args, cx.pos = nfs4.unpack_EXCHANGE_ID4args(cx.buf, cx.pos)
    if args.eia_flags & ~_EXCHANGE_FLAGS:
        return nfs4.NFS4ERR_INVAL
    if args.eia_state_protect.spa_how != nfs4.SP4_NONE:
        return nfs4.NFS4ERR_INVAL  # machine credentials and SSV need RPCSEC_GSS, which is not spoken here
    owner = args.eia_clientowner
    update = bool(args.eia_flags & nfs4.EXCHGID4_FLAG_UPD_CONFIRMED_REC_A)
    status, client = cx.core.registry.exchange_id(owner.co_ownerid, owner.co_verifier, cx.principal, update=update)
    if client is None:
        return status
    flags = nfs4.EXCHGID4_FLAG_USE_PNFS_DS | (nfs4.EXCHGID4_FLAG_CONFIRMED_R if client.confirmed else 0)
    identity = cx.core.identity
    result = nfs4.EXCHANGE_ID4resok(
        client.client_id, client.sequence, flags, nfs4.state_protect4_r(nfs4.SP4_NONE),
        nfs4.server_owner4(0, identity.major_id), identity.scope, [],
    )  # fmt: skip
    cx.out.append(pack_u32(nfs4.OP_EXCHANGE_ID))
    cx.out.append(nfs4.pack_EXCHANGE_ID4res(nfs4.EXCHANGE_ID4res(0, result)))
    return 0


def create_session(cx: Cursor) -> int:
    """CREATE_SESSION (RFC 8881 §18.36). No PERSIST, as sessions end with the process; no back channel."""
    args, cx.pos = nfs4.unpack_CREATE_SESSION4args(cx.buf, cx.pos)
    registry = cx.core.registry
    client = registry.client(args.csa_clientid)
    if client is None:
        return nfs4.NFS4ERR_STALE_CLIENTID
    if client.principal != cx.principal and not client.confirmed:
        return nfs4.NFS4ERR_CLID_INUSE
    result = registry.create_session(client, args.csa_sequence, lambda client: _make_session(cx, client, args))
    status = int.from_bytes(result[4:8], "big")
    if not status:
        cx.out.append(result)
    return status


def _make_session(cx: Cursor, client: Client, args: nfs4.CREATE_SESSION4args) -> tuple[bytes, Session | None]:
    if args.csa_flags & ~_SESSION_FLAGS:
        return nfs4.pack_op_status(nfs4.OP_CREATE_SESSION, nfs4.NFS4ERR_INVAL), None
    asked = args.csa_fore_chan_attrs
    if min(asked.ca_maxrequestsize, asked.ca_maxresponsesize) < REQUEST_BYTES_MIN or not asked.ca_maxoperations:
        return nfs4.pack_op_status(nfs4.OP_CREATE_SESSION, nfs4.NFS4ERR_TOOSMALL), None
    limits = cx.core.limits
    granted = nfs4.channel_attrs4(
        0,
        min(asked.ca_maxrequestsize, limits.max_record_bytes),
        min(asked.ca_maxresponsesize, limits.max_io_bytes + _RESPONSE_OVERHEAD),
        min(asked.ca_maxresponsesize_cached, _CACHED_BYTES_MAX),
        # Linux gives up on a server that grants fewer operations than it asked for; it asks for 8.
        min(asked.ca_maxoperations, limits.max_operations),
        max(1, min(asked.ca_maxrequests, limits.max_slots)),
        [],
    )
    session = Session(cx.core.registry.new_session_id(), client.client_id, granted)
    session.used_ns = cx.core.authority.clock_ns()
    back = args.csa_back_chan_attrs
    back.ca_rdma_ird = []
    result = nfs4.CREATE_SESSION4resok(session.session_id, args.csa_sequence, 0, granted, back)
    packed = pack_u32(nfs4.OP_CREATE_SESSION) + nfs4.pack_CREATE_SESSION4res(nfs4.CREATE_SESSION4res(0, result))
    return packed, session


def destroy_session(cx: Cursor) -> int:
    """DESTROY_SESSION (RFC 8881 §18.37)."""
    args, cx.pos = nfs4.unpack_DESTROY_SESSION4args(cx.buf, cx.pos)
    session_id = args.dsa_sessionid
    if cx.session is not None and cx.session.session_id == session_id and cx.number != cx.operations:
        # "DESTROY_SESSION MUST be the final operation in the COMPOUND request" on its own session.
        return nfs4.NFS4ERR_NOT_ONLY_OP
    return _plain(cx, nfs4.OP_DESTROY_SESSION, cx.core.registry.destroy_session(session_id))


def destroy_clientid(cx: Cursor) -> int:
    """DESTROY_CLIENTID (RFC 8881 §18.50)."""
    args, cx.pos = nfs4.unpack_DESTROY_CLIENTID4args(cx.buf, cx.pos)
    return _plain(cx, nfs4.OP_DESTROY_CLIENTID, cx.core.registry.destroy_client(args.dca_clientid))


def bind_conn_to_session(cx: Cursor) -> int:
    """BIND_CONN_TO_SESSION (RFC 8881 §18.34). Any connection may use a session; there is no back channel to bind."""
    args, cx.pos = nfs4.unpack_BIND_CONN_TO_SESSION4args(cx.buf, cx.pos)
    if cx.number != 1 or cx.operations != 1:
        return nfs4.NFS4ERR_NOT_ONLY_OP
    if args.bctsa_sessid not in cx.core.registry.sessions:
        return nfs4.NFS4ERR_BADSESSION
    if args.bctsa_dir in (nfs4.CDFC4_BACK, nfs4.CDFC4_BACK_OR_BOTH):
        return nfs4.NFS4ERR_NOTSUPP
    result = nfs4.BIND_CONN_TO_SESSION4resok(args.bctsa_sessid, nfs4.CDFS4_FORE, False)
    cx.out.append(pack_u32(nfs4.OP_BIND_CONN_TO_SESSION))
    cx.out.append(nfs4.pack_BIND_CONN_TO_SESSION4res(nfs4.BIND_CONN_TO_SESSION4res(0, result)))
    return 0


def reclaim_complete(cx: Cursor) -> int:
    """RECLAIM_COMPLETE (RFC 8881 §18.51): there is nothing to reclaim at a data server."""
    _, cx.pos = nfs4.unpack_RECLAIM_COMPLETE4args(cx.buf, cx.pos)
    return _plain(cx, nfs4.OP_RECLAIM_COMPLETE, 0)


def secinfo_no_name(cx: Cursor) -> int:
    """SECINFO_NO_NAME (RFC 8881 §18.45): AUTH_SYS and AUTH_NONE. It consumes the current filehandle."""
    style, cx.pos = nfs4.ARGS[nfs4.OP_SECINFO_NO_NAME][0](cx.buf, cx.pos)
    if cx.grant is None:
        return nfs4.NFS4ERR_NOFILEHANDLE
    if style == nfs4.SECINFO_STYLE4_PARENT:
        return nfs4.NFS4ERR_NOENT
    cx.grant = None
    result = nfs4.SECINFO4res(0, [nfs4.secinfo4(_AUTH_SYS), nfs4.secinfo4(_AUTH_NONE)])
    cx.out.append(pack_u32(nfs4.OP_SECINFO_NO_NAME))
    cx.out.append(nfs4.pack_SECINFO4res(result))
    return 0


def _plain(cx: Cursor, op: int, status: int) -> int:
    if not status:
        cx.out.append(nfs4.pack_op_status(op, 0))
    return status
