"""Sessions as they lie in the ``session`` table, and the negotiation of their channels (RFC 8881 §18.36).

A session ID is the client ID followed by a counter, so all sessions of a client lie together, and another
cluster's session ID cannot be found here.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from mdscluster.fsm.tables import U32, U64, U64x2
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.settings import Settings

EVENT_SESSION_GONE: Final = b"S"
"""Event for the front ends: + session ID. The session was destroyed, or its client is gone."""

_RECORD: Final = Struct(">QI5I5II")
_NEXT: Final = b"next_session"

#: The least a channel needs: an RPC call with AUTH_SYS, SEQUENCE and a little; its reply likewise.
MIN_REQUEST_BYTES: Final = 128
MIN_RESPONSE_BYTES: Final = 96
#: CB_SEQUENCE with CB_LAYOUTRECALL, its reply, and that both fit into one CB_COMPOUND.
MIN_CALLBACK_REQUEST_BYTES: Final = 256
MIN_CALLBACK_RESPONSE_BYTES: Final = 128
MIN_CALLBACK_OPERATIONS: Final = 2
MAX_CALLBACK_SLOTS: Final = 64
MAX_SECURITY_PARAMETERS: Final = 16


class SessionView:
    """A session record, read for the front end. Sizes in bytes."""

    __slots__ = (
        "_security", "back_max_operations", "back_max_request_bytes", "back_max_response_bytes", "back_slots",
        "cb_program", "client_id", "flags", "max_cached_bytes", "max_operations", "max_request_bytes",
        "max_response_bytes", "slots",
    )  # fmt: skip

    def __init__(self, record: bytes) -> None:
        (
            self.client_id, self.flags,
            self.max_request_bytes, self.max_response_bytes, self.max_cached_bytes, self.max_operations, self.slots,
            self.back_max_request_bytes, self.back_max_response_bytes, _, self.back_max_operations, self.back_slots,
            self.cb_program,
        ) = _RECORD.unpack_from(record)  # fmt: skip
        self._security = record[_RECORD.size :]

    @property
    def back_channel(self) -> bool:
        """The client offered the connection of its CREATE_SESSION for callbacks."""
        return bool(self.flags & nfs4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN)

    @property
    def security(self) -> list[nfs4.callback_sec_parms4]:
        """Credentials that the client accepts in callbacks, its favourite first."""
        parameters = []
        pos = 0
        while pos < len(self._security):
            one, pos = nfs4.unpack_callback_sec_parms4(self._security, pos)
            parameters.append(one)
        return parameters


def session_client_id(record: bytes) -> int:
    """The client that a session record belongs to."""
    client_id: int = U64.unpack_from(record)[0]
    return client_id


def negotiate_fore(asked: nfs4.channel_attrs4, settings: Settings) -> nfs4.channel_attrs4 | int:
    """The fore channel we grant, never more than was asked; NFS4ERR_TOOSMALL where nothing could be said by it.

    So is a response size by which we could never answer, or a request size by which nothing could be asked (§18.36.3).
    """
    if asked.ca_maxrequestsize < MIN_REQUEST_BYTES or asked.ca_maxresponsesize < MIN_RESPONSE_BYTES:
        return nfs4.NFS4ERR_TOOSMALL
    if not asked.ca_maxoperations:
        return nfs4.NFS4ERR_TOOSMALL
    if not asked.ca_maxrequests:
        return nfs4.NFS4ERR_INVAL
    response = min(asked.ca_maxresponsesize, settings.max_response_bytes)
    return nfs4.channel_attrs4(
        0,
        min(asked.ca_maxrequestsize, settings.max_request_bytes),
        response,
        min(asked.ca_maxresponsesize_cached, settings.max_cached_reply_bytes, response),
        min(asked.ca_maxoperations, settings.max_operations),
        min(asked.ca_maxrequests, settings.max_slots),
        [],
    )


def negotiate_back(asked: nfs4.channel_attrs4, settings: Settings) -> nfs4.channel_attrs4 | int:
    """The back channel we shall use; NFS4ERR_TOOSMALL where a recall would not fit."""
    if (
        asked.ca_maxrequestsize < MIN_CALLBACK_REQUEST_BYTES
        or asked.ca_maxresponsesize < MIN_CALLBACK_RESPONSE_BYTES
        or asked.ca_maxoperations < MIN_CALLBACK_OPERATIONS
    ):
        return nfs4.NFS4ERR_TOOSMALL
    if not asked.ca_maxrequests:
        return nfs4.NFS4ERR_INVAL
    return nfs4.channel_attrs4(
        0,
        min(asked.ca_maxrequestsize, settings.max_request_bytes),
        min(asked.ca_maxresponsesize, settings.max_response_bytes),
        min(asked.ca_maxresponsesize_cached, settings.max_cached_reply_bytes),
        min(asked.ca_maxoperations, settings.max_operations),
        min(asked.ca_maxrequests, MAX_CALLBACK_SLOTS),
        [],
    )


def _limits(channel: nfs4.channel_attrs4) -> tuple[int, int, int, int, int]:
    return (
        channel.ca_maxrequestsize, channel.ca_maxresponsesize, channel.ca_maxresponsesize_cached,
        channel.ca_maxoperations, channel.ca_maxrequests,
    )  # fmt: skip


def _pack_security(parameters: list[nfs4.callback_sec_parms4]) -> bytes:
    return b"".join(nfs4.pack_callback_sec_parms4(one) for one in parameters)


def create(
    cx: Compound, client_id: int, flags: int, fore: nfs4.channel_attrs4, back: nfs4.channel_attrs4,
    cb_program: int, security: list[nfs4.callback_sec_parms4],
) -> bytes:  # fmt: skip
    """Store a new session; its ID."""
    raw = cx.get(_NEXT, db=cx.tables.meta)
    number = 1 if raw is None else U64.unpack(raw)[0]
    cx.put(_NEXT, U64.pack(number + 1), db=cx.tables.meta)
    session_id = U64x2.pack(client_id, number)
    record = _RECORD.pack(client_id, flags, *_limits(fore), *_limits(back), cb_program)
    cx.put(session_id, record + _pack_security(security), db=cx.tables.session)
    return session_id


def change_callbacks(
    cx: Compound, session_id: bytes, cb_program: int, security: list[nfs4.callback_sec_parms4]
) -> None:
    """BACKCHANNEL_CTL: another callback program and other credentials (§18.33)."""
    record = cx.get(session_id, db=cx.tables.session)
    fixed = record[: _RECORD.size - U32.size] + U32.pack(cb_program)
    cx.put(session_id, fixed + _pack_security(security), db=cx.tables.session)


def of_client(cx: Compound, client_id: int) -> list[bytes]:
    """The IDs of a client's sessions."""
    prefix = U64.pack(client_id)
    found: list[bytes] = []
    with cx.txn.cursor(db=cx.tables.session) as cursor:
        more = cursor.set_range(prefix)
        while more and cursor.key().startswith(prefix):
            found.append(cursor.key())
            more = cursor.next()
    return found


def remove(cx: Compound, session_id: bytes) -> None:
    """Drop a session and its slots. A COMPOUND that drops its own session leaves no cached reply behind."""
    cx.delete(session_id, db=cx.tables.session)
    with cx.txn.cursor(db=cx.tables.slot) as cursor:
        found = cursor.set_range(session_id)
        while found and cursor.key().startswith(session_id):
            found = cursor.delete()
    if session_id == cx.session_id:
        cx.session_id = b""
    cx.events.items.append(EVENT_SESSION_GONE + session_id)
