"""From a record to a request: RPC header, caller, COMPOUND header (RFC 5531 §9, RFC 8881 §16.2).

What is wrong with any of these is answered here, with the error that the RFCs prescribe; COMPOUNDs outside of a
session go to :mod:`mdscluster.nfs_frontend.sessionless`, all others to the dispatcher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm.operations import DISPATCH
from mdscluster.nfs_frontend import scan, sessionless
from mdscluster.nfs_frontend.exports import NOBODY, Identity
from mdscluster.nfs_frontend.request import Connection, Request
from mdscluster.nfs_frontend.wire import CALL_HEAD, COMPOUND_START, SEQUENCE_ARGS, U32, U32x2, plain_reply
from nfswire import nfs4, rpc
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.dispatcher import Dispatcher

NFS_PROGRAM: Final = 100003
_LONGEST_CREDENTIAL: Final = 400  # bytes (RFC 5531 §8.2)


class Reception:
    """Takes in the records of every connection of one node."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def receive(self, connection: Connection, data: bytes, pos: int, end: int) -> None:
        """Handle one whole RPC record, ``data[pos:end]`` (without its mark).

        Decoders stop where their buffer does: what follows the record is another request's, and cut off first.
        """
        if end != len(data):
            data, pos, end = data[pos:end], 0, end - pos
        if end - pos < CALL_HEAD.size + 8:
            if end - pos >= 8 and U32x2.unpack_from(data, pos)[1] == 1:
                connection.on_callback_reply(data[pos:end])
            else:
                connection.abort("RPC record too short")
            return
        xid, kind, rpc_version, program, version, procedure, _, length = CALL_HEAD.unpack_from(data, pos)
        if kind != 0:
            if kind == 1:
                connection.on_callback_reply(data[pos:end])
            else:
                connection.abort("neither call nor reply")
            return
        body = pos + CALL_HEAD.size + ((length + 3) & ~3)
        if rpc_version != 2 or length > _LONGEST_CREDENTIAL or body + 8 > end:
            _refuse_call(connection, data, pos, end)
            return
        credential = data[pos + 24 : body]
        identity = connection.identities.get(credential)
        if identity is None:
            try:
                identity = _identify(connection, rpc.unpack_call(data, pos, end), credential)
            except rpc.RpcReject as refusal:
                if procedure == 0:
                    identity = Identity(NOBODY, NOBODY, ())  # NULL is answered to everybody
                else:
                    _send_rpc(connection, refusal.reply)
                    return
            except XdrError as error:
                connection.abort(f"malformed RPC header: {error}")
                return
        if procedure == 1 and program == NFS_PROGRAM and version == 4:
            self._compound(connection, identity, data, body, end, xid)
        elif program != NFS_PROGRAM:
            _send_rpc(connection, rpc.reply_prog_unavail(xid))
        elif version != 4:
            _send_rpc(connection, rpc.reply_prog_mismatch(xid, 4, 4))
        elif procedure == 0:
            _send_rpc(connection, rpc.reply_success(xid))
        else:
            _send_rpc(connection, rpc.reply_proc_unavail(xid))

    def _compound(
        self, connection: Connection, identity: Identity, data: bytes, pos: int, end: int, xid: int
    ) -> None:
        """A COMPOUND's arguments lie in ``data[pos:end]``."""
        if pos + COMPOUND_START.size > end:
            self._short_compound(connection, data, pos, end, xid)
            return
        _, verifier_length, tag_length, minor, count, op = COMPOUND_START.unpack_from(data, pos)
        tag = b""
        after = pos + COMPOUND_START.size
        if tag_length or verifier_length:
            try:
                tag, minor, count, op, after = _tagged(data, pos, end)
            except XdrError:
                _send_rpc(connection, rpc.reply_garbage_args(xid))
                return
        if not 1 <= minor <= 2:
            mismatch = nfs4.NFS4ERR_MINOR_VERS_MISMATCH
            self._dispatcher.send(connection, plain_reply(xid, tag, mismatch, 0, b""), mismatch)
            return
        if count == 0:
            self._dispatcher.send(connection, plain_reply(xid, tag, 0, 0, b""), 0)
            return
        if after > end:
            _send_rpc(connection, rpc.reply_garbage_args(xid))  # it announces operations, and holds none
            return
        if op != nfs4.OP_SEQUENCE:
            sessionless.start(self._dispatcher, connection, identity, data, after, end, xid, tag, minor, count, op)
            return
        if after + SEQUENCE_ARGS.size > end:
            self._dispatcher.send_first(connection, xid, tag, op, nfs4.NFS4ERR_BADXDR)
            return
        request = Request()
        request.connection = connection
        request.ticket = connection.ticket(end - pos)
        request.identity = identity
        request.xid = xid
        request.tag = tag
        request.minor = minor
        request.data = data
        request.end = end
        request.pos = after + SEQUENCE_ARGS.size
        request.ops_left = count - 1
        (
            request.session_id, request.sequence_id, request.slot, _, request.cache_this,
        ) = SEQUENCE_ARGS.unpack_from(data, after)  # fmt: skip
        request.payload = None
        request.started = False
        request.waiting_since_ms = None
        request.asked_s = 0.0
        request.came_s = self._dispatcher.turn_s
        request.op = scan.principal(data, request.pos, end, request.ops_left)
        self._dispatcher.begin(request, end - pos)

    def _short_compound(self, connection: Connection, data: bytes, pos: int, end: int, xid: int) -> None:
        """A COMPOUND header that ends before its first operation: fine when it announces none (RFC 5531 §9)."""
        try:
            tag, minor, count, _, _ = _tagged(data, pos, end)
        except XdrError:
            _send_rpc(connection, rpc.reply_garbage_args(xid))
            return
        if count:
            _send_rpc(connection, rpc.reply_garbage_args(xid))
            return
        status = 0 if minor in DISPATCH else nfs4.NFS4ERR_MINOR_VERS_MISMATCH
        self._dispatcher.send(connection, plain_reply(xid, tag, status, 0, b""), status)


def _identify(connection: Connection, call: rpc.Call, credential: bytes) -> Identity:
    """The caller behind a credential, squashed by the export's rule, and remembered for its next call.

    ``RpcReject`` where no export is for the client's address.
    """
    parsed, xid = call.credential, call.xid
    rule = connection.rule
    if rule is None:
        # As knfsd does, for every procedure but NULL: nothing is kept, in no log, for who may not mount.
        raise rpc.RpcReject("no export is for this address", rpc.reply_auth_error(xid, rpc.AUTH_TOOWEAK))
    if isinstance(parsed, rpc.AuthSys):
        identity = rule.squash(parsed.uid, parsed.gid, parsed.gids)
    else:
        identity = Identity(NOBODY, NOBODY, ())
    known = connection.identities
    if len(known) >= 1024:  # a client may send a new stamp with every call
        known.clear()
    known[credential] = identity
    return identity


def _refuse_call(connection: Connection, data: bytes, pos: int, end: int) -> None:
    """Answer a call whose header is not acceptable with the RPC error that RFC 5531 §9 prescribes."""
    try:
        rpc.unpack_call(data, pos, end)
    except rpc.RpcReject as refusal:
        _send_rpc(connection, refusal.reply)
    except XdrError as error:
        connection.abort(f"malformed RPC header: {error}")


def _tagged(data: bytes, pos: int, end: int) -> tuple[bytes, int, int, int, int]:
    """The COMPOUND header when it has a tag or a verifier: tag, minor, count, first operation, offset behind it.

    That offset lies behind ``end`` where the first operation is announced and is not there.
    """
    _, verifier_length = U32x2.unpack_from(data, pos)
    pos += 8 + ((verifier_length + 3) & ~3)
    if verifier_length > _LONGEST_CREDENTIAL or pos + 4 > end:
        raise XdrError("verifier")
    tag_length = U32.unpack_from(data, pos)[0]
    after_tag = pos + 4 + ((tag_length + 3) & ~3)
    if tag_length > 1024 or after_tag + 8 > end:
        raise XdrError("tag")
    tag = data[pos + 4 : pos + 4 + tag_length]
    minor, count = U32x2.unpack_from(data, after_tag)
    if count == 0:
        return tag, minor, 0, 0, after_tag + 8
    if after_tag + 12 > end:
        return tag, minor, count, 0, after_tag + 12
    return tag, minor, count, U32.unpack_from(data, after_tag + 8)[0], after_tag + 12


def _send_rpc(connection: Connection, message: bytes) -> None:
    connection.send(rpc.record_mark(len(message)) + message)
