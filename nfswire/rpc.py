"""ONC RPC version 2 (RFC 5531): calls, replies, credentials, record marking. Sans-IO.

Messages are built and parsed *without* the record mark; ``frame`` puts it before a list of parts. A call that the RFC
wants refused raises ``RpcReject`` with the reply to send; bytes that are no RPC message at all raise ``XdrError``
(there is no transaction ID to answer to, so the connection is closed).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from nfswire.records import RecordError as RecordError
from nfswire.records import RecordReader as RecordReader
from nfswire.records import frame as frame
from nfswire.records import record_mark as record_mark
from nfswire.xdr import PADS, Buffer, Payload, XdrError

RPC_VERSION = 2
CALL = 0
REPLY = 1
MSG_ACCEPTED = 0
MSG_DENIED = 1

SUCCESS = 0
PROG_UNAVAIL = 1
PROG_MISMATCH = 2
PROC_UNAVAIL = 3
GARBAGE_ARGS = 4
SYSTEM_ERR = 5

RPC_MISMATCH = 0
AUTH_ERROR = 1

AUTH_OK = 0
AUTH_BADCRED = 1
AUTH_REJECTEDCRED = 2
AUTH_BADVERF = 3
AUTH_REJECTEDVERF = 4
AUTH_TOOWEAK = 5

FLAVOR_NONE = 0
FLAVOR_SYS = 1
FLAVOR_GSS = 6

AUTH_BODY_MAX = 400
"""Longest body of a credential or verifier, bytes (RFC 5531 section 8.2)."""
MACHINE_MAX = 255
GIDS_MAX = 16
_CREDENTIAL_CACHE_MAX = 4096

_U32 = struct.Struct(">I")
_CALL = struct.Struct(">IIIIIIII")      # xid CALL rpcvers prog vers proc flavor length
_PAIR = struct.Struct(">II")
_REPLY = struct.Struct(">III")          # xid REPLY reply_stat
_ACCEPTED = struct.Struct(">IIIIII")    # xid REPLY MSG_ACCEPTED verf(flavor, length) accept_stat
_DENIED = struct.Struct(">IIIII")       # xid REPLY MSG_DENIED reject_stat auth_stat
_RANGE = struct.Struct(">IIIIIIII")


class AuthNone(msgspec.Struct, frozen=True, gc=False):
    """No credential (flavor 0)."""


class AuthSys(msgspec.Struct, frozen=True, gc=False):
    """Unix credential (RFC 5531 appendix A): claimed by the client's kernel, not proven."""

    stamp: int
    machine: bytes
    uid: int
    gid: int
    gids: tuple[int, ...]


Credential: TypeAlias = "AuthNone | AuthSys"
AUTH_NONE = AuthNone()


class Call(msgspec.Struct, gc=False):
    """A call; its arguments begin at ``args_pos`` of the buffer it was read from."""

    xid: int
    program: int
    version: int
    procedure: int
    credential: Credential
    args_pos: int


class Reply(msgspec.Struct, gc=False):
    """A reply. ``accepted`` tells which of the enumerations ``status`` is from (accept_stat, reject_stat).

    ``low`` and ``high`` are the versions of a mismatch; ``low`` is the auth_stat of AUTH_ERROR.
    """

    xid: int
    accepted: bool
    status: int
    low: int
    high: int
    results_pos: int


class RpcReject(Exception):
    """A call that gets an RPC-level refusal: ``reply`` is the message to send (without record mark)."""

    def __init__(self, reason: str, reply: bytes) -> None:
        super().__init__(reason)
        self.reply = reply


def peek(buf: Buffer, pos: int = 0) -> tuple[int, int]:
    """Transaction ID and message type (CALL or REPLY): a connection with a back channel carries both ways."""
    try:
        xid, kind = _PAIR.unpack_from(buf, pos)
    except struct.error:
        raise XdrError("rpc_msg: truncated") from None
    return xid, kind


_credentials: dict[bytes, Credential] = {}


def unpack_credential(flavor: int, body: bytes) -> Credential:
    """The credential in ``body``. ``XdrError`` when malformed or of a flavor that is not spoken here."""
    if flavor == FLAVOR_NONE:
        if body:
            raise XdrError("AUTH_NONE with a body")
        return AUTH_NONE
    if flavor != FLAVOR_SYS:
        raise XdrError("credential flavor not supported")
    known = _credentials.get(body)
    if known is None:
        known = _unpack_auth_sys(body)
        if len(_credentials) >= _CREDENTIAL_CACHE_MAX:
            _credentials.clear()
        _credentials[body] = known
    return known


def _unpack_auth_sys(body: bytes) -> AuthSys:
    """authsys_parms (RFC 5531 appendix A), which must fill ``body`` to its end."""
    try:
        stamp, length = _PAIR.unpack_from(body, 0)
        pos = 8 + length + (-length & 3)
        if length > MACHINE_MAX:
            raise XdrError("authsys_parms: machine name")
        uid, gid, count = struct.unpack_from(">III", body, pos)
        if count > GIDS_MAX or pos + 12 + 4 * count != len(body):
            raise XdrError("authsys_parms: group list")
        gids = struct.unpack_from(f">{count}I", body, pos + 12)
    except struct.error:
        raise XdrError("authsys_parms: truncated") from None
    return AuthSys(stamp, body[8:8 + length], uid, gid, gids)


def pack_credential(credential: Credential) -> bytes:
    """opaque_auth of a credential: flavor, length, body."""
    if isinstance(credential, AuthNone):
        return bytes(8)
    name, gids = credential.machine, credential.gids
    if len(name) > MACHINE_MAX or len(gids) > GIDS_MAX:
        raise XdrError("authsys_parms: too long")
    body = b"".join((
        _PAIR.pack(credential.stamp, len(name)), name, PADS[len(name) & 3],
        struct.pack(f">III{len(gids)}I", credential.uid, credential.gid, len(gids), *gids),
    ))
    return _PAIR.pack(FLAVOR_SYS, len(body)) + body


def unpack_call(buf: Buffer, pos: int, end: int) -> Call:
    """The call in ``buf[pos:end]``.

    Raises ``XdrError`` when it is no call, ``RpcReject`` with RPC_MISMATCH for another RPC version ("the RPC protocol
    version number in a call MUST be 2", RFC 5531 section 9) and with AUTH_ERROR for a credential or verifier that is
    malformed or of a flavor not spoken here. Program, version and procedure are the caller's to check.
    """
    if end - pos < 40 or end > len(buf):
        raise XdrError("rpc call: truncated")
    xid, kind, rpc_version, program, version, procedure, flavor, length = _CALL.unpack_from(buf, pos)
    if kind != CALL:
        raise XdrError("rpc_msg: not a call")
    if rpc_version != RPC_VERSION:
        raise RpcReject("RPC version", reply_rpc_mismatch(xid))
    start = pos + 32
    verifier = start + length + (-length & 3)
    if length > AUTH_BODY_MAX:
        raise RpcReject("credential too long", reply_auth_error(xid, AUTH_BADCRED))
    if verifier + 8 > end:
        raise XdrError("rpc call: truncated credential")
    try:
        credential = unpack_credential(flavor, bytes(buf[start:start + length]))
    except XdrError as error:
        raise RpcReject(str(error), reply_auth_error(xid, AUTH_BADCRED)) from None
    _, length = _PAIR.unpack_from(buf, verifier)
    args_pos: int = verifier + 8 + length + (-length & 3)
    if length > AUTH_BODY_MAX:
        raise RpcReject("verifier too long", reply_auth_error(xid, AUTH_BADVERF))
    if args_pos > end:
        raise XdrError("rpc call: truncated verifier")
    return Call(xid, program, version, procedure, credential, args_pos)


def pack_call(
    xid: int, program: int, version: int, procedure: int, credential: Credential | bytes, body_parts: Sequence[Payload]
) -> list[bytes]:
    """A call with an AUTH_NONE verifier, as parts to be sent in order. ``credential`` may be packed already."""
    packed = credential if isinstance(credential, bytes) else pack_credential(credential)
    head = struct.pack(">IIIIII", xid, CALL, RPC_VERSION, program, version, procedure)
    parts: list[bytes] = [head + packed + bytes(8)]
    parts.extend(body_parts)  # type: ignore[arg-type]
    return parts


def unpack_reply(buf: Buffer, pos: int, end: int) -> Reply:
    """The reply in ``buf[pos:end]``; ``XdrError`` when it is none."""
    try:
        if end > len(buf):
            raise XdrError("rpc reply: truncated")
        xid, kind, stat = _REPLY.unpack_from(buf, pos)
        if kind != REPLY or stat > MSG_DENIED:
            raise XdrError("rpc_msg: not a reply")
        low = high = 0
        if stat == MSG_ACCEPTED:
            length = _U32.unpack_from(buf, pos + 16)[0]
            if length > AUTH_BODY_MAX:
                raise XdrError("rpc reply: verifier too long")
            at = pos + 20 + length + (-length & 3)
            status = _U32.unpack_from(buf, at)[0]
            at += 4
            if status == PROG_MISMATCH:
                low, high = _PAIR.unpack_from(buf, at)
                at += 8
            elif status > SYSTEM_ERR:
                raise XdrError("rpc reply: accept_stat")
        else:
            status, low = _PAIR.unpack_from(buf, pos + 12)
            at = pos + 20
            if status == RPC_MISMATCH:
                high = _U32.unpack_from(buf, at)[0]
                at += 4
            elif status != AUTH_ERROR:
                raise XdrError("rpc reply: reject_stat")
    except struct.error:
        raise XdrError("rpc reply: truncated") from None
    if at > end:
        raise XdrError("rpc reply: truncated")
    return Reply(xid, stat == MSG_ACCEPTED, status, low, high, at)


def reply_success(xid: int) -> bytes:
    """Head of a successful reply; the results follow."""
    return _ACCEPTED.pack(xid, REPLY, MSG_ACCEPTED, FLAVOR_NONE, 0, SUCCESS)


def reply_prog_unavail(xid: int) -> bytes:
    """The program is not served here."""
    return _ACCEPTED.pack(xid, REPLY, MSG_ACCEPTED, FLAVOR_NONE, 0, PROG_UNAVAIL)


def reply_prog_mismatch(xid: int, low: int, high: int) -> bytes:
    """The program is served in versions ``low`` to ``high`` only."""
    return _RANGE.pack(xid, REPLY, MSG_ACCEPTED, FLAVOR_NONE, 0, PROG_MISMATCH, low, high)


def reply_proc_unavail(xid: int) -> bytes:
    """The version has no such procedure."""
    return _ACCEPTED.pack(xid, REPLY, MSG_ACCEPTED, FLAVOR_NONE, 0, PROC_UNAVAIL)


def reply_garbage_args(xid: int) -> bytes:
    """The arguments cannot be decoded."""
    return _ACCEPTED.pack(xid, REPLY, MSG_ACCEPTED, FLAVOR_NONE, 0, GARBAGE_ARGS)


def reply_system_err(xid: int) -> bytes:
    """The server failed for a reason of its own, such as memory."""
    return _ACCEPTED.pack(xid, REPLY, MSG_ACCEPTED, FLAVOR_NONE, 0, SYSTEM_ERR)


def reply_rpc_mismatch(xid: int) -> bytes:
    """Only RPC version 2 is spoken here."""
    return struct.pack(">IIIIII", xid, REPLY, MSG_DENIED, RPC_MISMATCH, RPC_VERSION, RPC_VERSION)


def reply_auth_error(xid: int, auth_stat: int) -> bytes:
    """The caller's credential or verifier is refused for the reason ``auth_stat``."""
    return _DENIED.pack(xid, REPLY, MSG_DENIED, AUTH_ERROR, auth_stat)
