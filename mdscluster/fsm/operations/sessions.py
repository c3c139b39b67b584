"""EXCHANGE_ID, CREATE_SESSION, DESTROY_SESSION, DESTROY_CLIENTID, BACKCHANNEL_CTL, RECLAIM_COMPLETE.

SEQUENCE and BIND_CONN_TO_SESSION are here only to be refused where they must not stand: they concern connections
and slots, which the front end has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm import clients, eras, session_records
from mdscluster.fsm.clients import CONFIRMED, RECLAIM_COMPLETE, Client
from mdscluster.fsm.compound import NEED_CHANGE, U32x2
from mdscluster.fsm.operations.table import Operation
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.settings import Settings

_UPDATE: Final = nfs4.EXCHGID4_FLAG_UPD_CONFIRMED_REC_A
_EXCHANGE_FLAGS: Final = (
    nfs4.EXCHGID4_FLAG_SUPP_MOVED_REFER
    | nfs4.EXCHGID4_FLAG_SUPP_MOVED_MIGR
    | nfs4.EXCHGID4_FLAG_BIND_PRINC_STATEID
    | nfs4.EXCHGID4_FLAG_MASK_PNFS
    | _UPDATE
)
_SESSION_FLAGS: Final = (
    nfs4.CREATE_SESSION4_FLAG_PERSIST
    | nfs4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN
    | nfs4.CREATE_SESSION4_FLAG_CONN_RDMA
)
_GRANTED_SESSION_FLAGS: Final = nfs4.CREATE_SESSION4_FLAG_PERSIST | nfs4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN
_FIRST_SEQUENCE: Final = 1
_DOMAIN: Final = b"mdscluster"


def _not_alone(cx: Compound) -> bool:
    """Outside a session, operations of this module must be the only one of their COMPOUND (NFS4ERR_NOT_ONLY_OP)."""
    return not cx.session_id and cx.ops_done + cx.ops_left > 1


# ---------------------------------------------------------------- EXCHANGE_ID
def server_identity(settings: Settings) -> bytes:
    """Major ID of the server owner, and scope: the same on every node, another one in every other cluster.

    Linux takes servers with one owner and scope for one server, and mixes their client IDs and file handles.
    """
    return b"%s-%08x" % (settings.name, settings.cluster_id & 0xFFFFFFFF)


def exchange_id(cx: Compound) -> int:
    """Make a client known (§18.35). The cases are numbered as in §18.35.5."""
    args, cx.pos = nfs4.unpack_EXCHANGE_ID4args(cx.data, cx.pos)
    if _not_alone(cx):
        return nfs4.NFS4ERR_NOT_ONLY_OP
    flags = args.eia_flags
    # "Bits not defined above should not be set in the eia_flags field. If they are, the server MUST reject
    # the operation with NFS4ERR_INVAL" (§18.35.3). SUPP_FENCE_OPS came with minor version 2 (RFC 7862 §14.1).
    if flags & ~(_EXCHANGE_FLAGS | (nfs4.EXCHGID4_FLAG_SUPP_FENCE_OPS if cx.minor >= 2 else 0)):
        return nfs4.NFS4ERR_INVAL
    protect = args.eia_state_protect.spa_how
    if protect == nfs4.SP4_MACH_CRED:
        return nfs4.NFS4ERR_INVAL  # it asks for RPCSEC_GSS, which this request cannot have come by
    if protect == nfs4.SP4_SSV:
        return nfs4.NFS4ERR_ENCR_ALG_UNSUPP
    if eras.is_awaited(cx.txn, cx.tables):
        return nfs4.NFS4ERR_DELAY  # a restored cluster: nobody gets a number that another of its lives has given
    owner = args.eia_clientowner
    confirmed_id, unconfirmed_id = clients.of_owner(cx, owner.co_ownerid)
    implementation = _implementation(args)
    if flags & _UPDATE:
        return _update(cx, confirmed_id, owner, implementation)
    confirmed = clients.load(cx, confirmed_id) if confirmed_id else None
    if confirmed is not None:
        if confirmed.principal != cx.uid:
            # Case 3, client collision: a client without state, or whose lease has run out, loses its name.
            if clients.has_state(cx, confirmed_id):
                if not clients.lapsed(cx, confirmed_id):
                    return nfs4.NFS4ERR_CLID_INUSE
                if clients.may_write(cx, confirmed_id):
                    return nfs4.NFS4ERR_DELAY  # the leader ends it, once nothing can be written in its name any more
            clients.bury(cx, confirmed_id, confirmed)
            confirmed_id = 0
        elif confirmed.verifier == owner.co_verifier:
            # Case 2, non-update on an existing client ID: a retransmission, or trunking. Nothing changes.
            clients.renew(cx, confirmed_id)
            return _exchanged(cx, confirmed_id, confirmed)
        # Case 5, client restart: the confirmed record stays until the new one is confirmed by CREATE_SESSION.
    # Case 1, new owner; case 4, replacement of an unconfirmed record.
    if unconfirmed_id:
        replaced = clients.load(cx, unconfirmed_id)
        if replaced is not None:
            clients.bury(cx, unconfirmed_id, replaced)
    elif clients.too_many(cx):
        return nfs4.NFS4ERR_DELAY
    made = Client(0, owner.co_ownerid, owner.co_verifier, cx.uid, _FIRST_SEQUENCE, b"", implementation, cx.now_s)
    made_id = clients.create(cx, made)
    clients.set_owner(cx, owner.co_ownerid, confirmed_id, made_id)
    return _exchanged(cx, made_id, made)


def _update(cx: Compound, client_id: int, owner: nfs4.client_owner4, implementation: tuple[bytes, bytes]) -> int:
    """UPD_CONFIRMED_REC_A: cases 6 (update), 7 (no confirmed record), 8 (verifier) and 9 (principal)."""
    client = clients.load(cx, client_id) if client_id else None
    if client is None:
        return nfs4.NFS4ERR_NOENT
    if client.verifier != owner.co_verifier:
        return nfs4.NFS4ERR_NOT_SAME
    if client.principal != cx.uid:
        return nfs4.NFS4ERR_PERM
    client.implementation = implementation
    clients.save(cx, client_id, client)
    clients.renew(cx, client_id)
    return _exchanged(cx, client_id, client)


def _implementation(args: nfs4.EXCHANGE_ID4args) -> tuple[bytes, bytes]:
    if not args.eia_client_impl_id:
        return b"", b""
    implementation = args.eia_client_impl_id[0]
    return implementation.nii_domain[:256], implementation.nii_name[:256]


def _exchanged(cx: Compound, client_id: int, client: Client) -> int:
    identity = server_identity(cx.settings)
    flags = nfs4.EXCHGID4_FLAG_USE_PNFS_MDS
    if client.flags & CONFIRMED:
        flags |= nfs4.EXCHGID4_FLAG_CONFIRMED_R
    result = nfs4.EXCHANGE_ID4resok(
        client_id,
        client.next_sequence,
        flags,
        nfs4.state_protect4_r(nfs4.SP4_NONE),
        nfs4.server_owner4(0, identity),
        identity,
        [nfs4.nfs_impl_id4(_DOMAIN, cx.settings.name, nfs4.nfstime4(0, 0))],
    )
    cx.res.append(U32x2.pack(nfs4.OP_EXCHANGE_ID, nfs4.NFS4_OK))
    cx.res.append(nfs4.pack_EXCHANGE_ID4resok(result))
    return nfs4.NFS4_OK


# ---------------------------------------------------------------- CREATE_SESSION
def create_session(cx: Compound) -> int:
    """Make a session, and confirm the client by its first one (§18.36).

    ``csa_sequence`` makes it exactly once: the last reply is kept with the client and given again (INV-3).
    What is refused before the sequence is judged does not use it up; where only the arguments are to blame,
    a read view refuses, and the log is not troubled. (That is why its row says that it changes nothing.)
    """
    args, cx.pos = nfs4.unpack_CREATE_SESSION4args(cx.data, cx.pos)
    if _not_alone(cx):
        return nfs4.NFS4ERR_NOT_ONLY_OP
    if args.csa_flags & ~_SESSION_FLAGS or len(args.csa_sec_parms) > session_records.MAX_SECURITY_PARAMETERS:
        return nfs4.NFS4ERR_INVAL
    fore = session_records.negotiate_fore(args.csa_fore_chan_attrs, cx.settings)
    if isinstance(fore, int):
        return fore
    back = session_records.negotiate_back(args.csa_back_chan_attrs, cx.settings)
    if isinstance(back, int):
        return back
    if not cx.writable:
        return NEED_CHANGE
    cx.changed = True
    client_id = args.csa_clientid
    client = clients.load(cx, client_id)
    if client is None:
        return nfs4.NFS4ERR_STALE_CLIENTID
    confirmed = client.flags & CONFIRMED
    if not confirmed:
        # A record that is not confirmed within a lease period is to be removed (§18.35.4).
        if clients.lapsed(cx, client_id):
            return nfs4.NFS4ERR_STALE_CLIENTID
        if client.principal != cx.uid:
            return nfs4.NFS4ERR_CLID_INUSE
    if args.csa_sequence == (client.next_sequence - 1) & 0xFFFFFFFF and client.session_reply:
        return _session_made(cx, client.session_reply)
    if args.csa_sequence != client.next_sequence:
        return nfs4.NFS4ERR_SEQ_MISORDERED
    if len(session_records.of_client(cx, client_id)) >= cx.settings.max_sessions_per_client:
        return nfs4.NFS4ERR_NOSPC
    if not confirmed:
        status = _confirm(cx, client_id, client)
        if status:
            return status
    granted = args.csa_flags & _GRANTED_SESSION_FLAGS
    session_id = session_records.create(
        cx, client_id, granted, fore, back, args.csa_cb_program, args.csa_sec_parms
    )
    reply = nfs4.pack_CREATE_SESSION4resok(
        nfs4.CREATE_SESSION4resok(session_id, args.csa_sequence, granted, fore, back)
    )
    client.next_sequence = (args.csa_sequence + 1) & 0xFFFFFFFF
    client.session_reply = reply
    clients.save(cx, client_id, client)
    clients.renew(cx, client_id)
    return _session_made(cx, reply)


def _confirm(cx: Compound, client_id: int, client: Client) -> int:
    """The record takes its owner's name over; what the client held before it restarted is gone (§18.36.4).

    NFS4ERR_DELAY while a metadata server may still write for it: what its locks protect must not be free before that.
    """
    before_id, _ = clients.of_owner(cx, client.owner_id)
    before = clients.load(cx, before_id) if before_id else None
    if before is not None:
        if clients.waits_for_fence(cx, before_id):
            return nfs4.NFS4ERR_DELAY
        clients.bury(cx, before_id, before)
    clients.set_owner(cx, client.owner_id, client_id, 0)
    client.flags |= CONFIRMED
    return nfs4.NFS4_OK


def _session_made(cx: Compound, reply: bytes) -> int:
    cx.res.append(U32x2.pack(nfs4.OP_CREATE_SESSION, nfs4.NFS4_OK))
    cx.res.append(reply)
    return nfs4.NFS4_OK


# ---------------------------------------------------------------- the rest
def destroy_session(cx: Compound) -> int:
    """End a session (§18.37). It must be the final operation where it ends the session that it came by."""
    args, cx.pos = nfs4.unpack_DESTROY_SESSION4args(cx.data, cx.pos)
    if _not_alone(cx):
        return nfs4.NFS4ERR_NOT_ONLY_OP
    session_id = args.dsa_sessionid
    if cx.session_id == session_id and cx.ops_left > 1:
        return nfs4.NFS4ERR_NOT_ONLY_OP
    if cx.get(session_id, db=cx.tables.session) is None:
        return nfs4.NFS4ERR_BADSESSION
    clients.end_session(cx, session_id)
    cx.ok(nfs4.OP_DESTROY_SESSION)
    return nfs4.NFS4_OK


def destroy_clientid(cx: Compound) -> int:
    """Forget a client that holds nothing (§18.50); one with sessions or state is NFS4ERR_CLIENTID_BUSY."""
    args, cx.pos = nfs4.unpack_DESTROY_CLIENTID4args(cx.data, cx.pos)
    if _not_alone(cx):
        return nfs4.NFS4ERR_NOT_ONLY_OP
    client_id = args.dca_clientid
    client = clients.load(cx, client_id)
    if client is None:
        return nfs4.NFS4ERR_STALE_CLIENTID
    if clients.has_state(cx, client_id):
        return nfs4.NFS4ERR_CLIENTID_BUSY
    clients.bury(cx, client_id, client)
    cx.ok(nfs4.OP_DESTROY_CLIENTID)
    return nfs4.NFS4_OK


def backchannel_ctl(cx: Compound) -> int:
    """Another callback program and credentials for this session's back channel (§18.33)."""
    args, cx.pos = nfs4.unpack_BACKCHANNEL_CTL4args(cx.data, cx.pos)
    if len(args.bca_sec_parms) > session_records.MAX_SECURITY_PARAMETERS:
        return nfs4.NFS4ERR_INVAL
    if not cx.session_id:
        return nfs4.NFS4ERR_OP_NOT_IN_SESSION
    session_records.change_callbacks(cx, cx.session_id, args.bca_cb_program, args.bca_sec_parms)
    cx.ok(nfs4.OP_BACKCHANNEL_CTL)
    return nfs4.NFS4_OK


def reclaim_complete(cx: Compound) -> int:
    """The client will reclaim nothing more (§18.51). There is nothing to reclaim here, ever (INV-7).

    With rca_one_fs it concerns the current filehandle's file system only, and changes nothing.
    """
    args, cx.pos = nfs4.unpack_RECLAIM_COMPLETE4args(cx.data, cx.pos)
    if args.rca_one_fs:
        if not cx.fileid:
            return nfs4.NFS4ERR_NOFILEHANDLE
    else:
        client = clients.load(cx, cx.client_id)
        if client is None:
            return nfs4.NFS4ERR_OP_NOT_IN_SESSION
        if client.flags & RECLAIM_COMPLETE:
            return nfs4.NFS4ERR_COMPLETE_ALREADY
        client.flags |= RECLAIM_COMPLETE
        clients.save(cx, cx.client_id, client)
    cx.ok(nfs4.OP_RECLAIM_COMPLETE)
    return nfs4.NFS4_OK


def sequence(cx: Compound) -> int:
    """SEQUENCE anywhere but first (§18.46.3); the first one is the front end's and does not get here."""
    return nfs4.NFS4ERR_SEQUENCE_POS


def bind_conn_to_session(cx: Compound) -> int:
    """BIND_CONN_TO_SESSION must be alone (§18.34.3); then it is the front end's and does not get here."""
    return nfs4.NFS4ERR_NOT_ONLY_OP


OPERATIONS: Final[list[Operation]] = [
    Operation(nfs4.OP_SEQUENCE, sequence, needs_fh=False),
    Operation(nfs4.OP_BIND_CONN_TO_SESSION, bind_conn_to_session, needs_fh=False),
    Operation(nfs4.OP_EXCHANGE_ID, exchange_id, changes=True, needs_fh=False),
    Operation(nfs4.OP_CREATE_SESSION, create_session, needs_fh=False),
    Operation(nfs4.OP_DESTROY_SESSION, destroy_session, changes=True, needs_fh=False),
    Operation(nfs4.OP_DESTROY_CLIENTID, destroy_clientid, changes=True, needs_fh=False),
    Operation(nfs4.OP_BACKCHANNEL_CTL, backchannel_ctl, changes=True, needs_fh=False),
    Operation(nfs4.OP_RECLAIM_COMPLETE, reclaim_complete, changes=True, needs_fh=False),
]
