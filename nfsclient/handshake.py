"""EXCHANGE_ID and CREATE_SESSION (RFC 8881 sections 18.35 and 18.36) as a generator of compounds. Sans-IO.

``establish`` yields a compound, is sent its reply, and returns the session's parameters. Both operations may be
repeated with the same arguments after a lost connection: EXCHANGE_ID by its nature, CREATE_SESSION by its own sequence
ID.
"""

from __future__ import annotations

from collections.abc import Generator

import msgspec

from nfsclient.compound import Compound, Reply
from nfsclient.errors import ProtocolViolation
from nfsclient.session import SessionParameters
from nfswire import nfs4

CALLBACK_PROGRAM = 0x40000000
"""Number under which the server calls back; ours to choose (RFC 8881 section 18.36.3, csa_cb_program)."""

HEADER_BYTES = 4096
"""Room for everything in a request or reply that is not payload."""

ATTEMPTS_MAX = 8
"""So often the handshake begins anew when its client ID was replaced."""


class Identity(msgspec.Struct, frozen=True):
    """Who the client says it is: same owner and same verifier mean the same incarnation of the same client."""

    owner: bytes
    verifier: bytes


class Offer(msgspec.Struct, frozen=True):
    """What is asked of CREATE_SESSION; servers may grant less."""

    slots: int = 64
    payload_bytes_max: int = 1 << 20
    cached_bytes_max: int = 8192
    operations_max: int = 32
    back_slots: int = 16
    back_channel: bool = True
    data_server: bool = False


def establish(identity: Identity, offer: Offer) -> Generator[Compound, Reply, SessionParameters]:
    """Become known and get a session. ``NfsError`` when the server refuses.

    Until it is confirmed by CREATE_SESSION a client ID lasts only to the owner's next EXCHANGE_ID (RFC 8881 section
    18.35.5, case 4), which may be our own first one, late on its way through another server: NFS4ERR_STALE_CLIENTID
    then says to begin anew.
    """
    role = nfs4.EXCHGID4_FLAG_USE_PNFS_DS if offer.data_server else nfs4.EXCHGID4_FLAG_USE_PNFS_MDS
    exchange = Compound().add(nfs4.OP_EXCHANGE_ID, nfs4.EXCHANGE_ID4args(
        nfs4.client_owner4(identity.verifier, identity.owner), role, nfs4.state_protect4_a(nfs4.SP4_NONE), []))
    frame = offer.payload_bytes_max + HEADER_BYTES
    flags = nfs4.CREATE_SESSION4_FLAG_PERSIST | nfs4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN
    fore = nfs4.channel_attrs4(0, frame, frame, offer.cached_bytes_max, offer.operations_max, offer.slots, [])
    back = nfs4.channel_attrs4(0, 65536, 65536, 4096, 16, offer.back_slots, [])
    for _ in range(ATTEMPTS_MAX):
        who = (yield exchange).check().result(nfs4.OP_EXCHANGE_ID).eir_resok4
        answer = yield Compound().add(nfs4.OP_CREATE_SESSION, nfs4.CREATE_SESSION4args(
            who.eir_clientid, who.eir_sequenceid, flags if offer.back_channel else 0, fore, back, CALLBACK_PROGRAM,
            [nfs4.callback_sec_parms4(nfs4.AUTH_NONE)]))
        if answer.status != nfs4.NFS4ERR_STALE_CLIENTID:
            break
    made = answer.check().result(nfs4.OP_CREATE_SESSION).csr_resok4
    granted = made.csr_fore_chan_attrs
    if granted.ca_maxrequests < 1 or granted.ca_maxrequests > offer.slots:
        raise ProtocolViolation(f"CREATE_SESSION granted {granted.ca_maxrequests} slots of {offer.slots} asked for")
    return SessionParameters(
        client_id=who.eir_clientid,
        session_id=made.csr_sessionid,
        slots=granted.ca_maxrequests,
        request_bytes_max=granted.ca_maxrequestsize,
        response_bytes_max=granted.ca_maxresponsesize,
        operations_max=granted.ca_maxoperations,
        persistent=bool(made.csr_flags & nfs4.CREATE_SESSION4_FLAG_PERSIST),
        back_channel=bool(made.csr_flags & nfs4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN),
        exchange_flags=who.eir_flags,
        server_owner=who.eir_server_owner.so_major_id,
        server_scope=who.eir_server_scope,
    )
