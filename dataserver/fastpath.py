"""The straight-line path: SEQUENCE, PUTFH of a capability, then READ, WRITE or COMMIT, and nothing else.

That is all that Linux sends to a data server while data flows. Three struct calls parse it, one packs the reply. What
is not exactly of this shape, or not plainly in order (an unknown session, a retransmission, a credential not seen
before), is left untouched for :mod:`dataserver.compound`, whose bytes this module's replies equal: a test holds them
against each other.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from dataserver.compound import CACHE_ALWAYS_BYTES
from dataserver.core import REPLY_OVERHEAD
from dataserver.sessions import FINGERPRINT_BYTES
from nfswire import nfs4, rpc
from nfswire.dsfh import HANDLE_BYTES
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dataserver.authority import Grant, Ticket
    from dataserver.core import Core
    from dataserver.counters import Counters
    from dataserver.descriptors import OpenObject
    from dataserver.sessions import Session

SENDFILE_BYTES_MIN: Final = 128 * 1024
"""READs of at least this length go from the page cache to the socket by sendfile.

Measured over loopback, 1 MiB: 1.5 to 1.9 times preadv and send; 64 KiB and less: preadv and one send are faster.
"""
CREDENTIALS_MAX: Final = 1024

_CALL = Struct(">IIIIIIII")  # xid CALL rpcvers prog vers proc, credential's flavor and length
_ARGS = Struct(f">IIIII I16sIIII II{HANDLE_BYTES}s I")
"""verifier (2), tag, minor, count; SEQUENCE (session, sequence, slot, highest, cachethis); PUTFH; third operation."""
_READ_ARGS = Struct(">16sQI")
_WRITE_ARGS = Struct(">16sQII")
_COMMIT_ARGS = Struct(">QI")
# mark; xid REPLY accepted verifier(2) success; status tag count; SEQUENCE; PUTFH; then the third operation
_HEAD: Final = ">I IIIIII III II16sIIIII II "
_READ_REPLY = Struct(_HEAD + "IIII")
_WRITE_REPLY = Struct(_HEAD + "IIII8s")
_COMMIT_REPLY = Struct(_HEAD + "II8s")
_FAILED_REPLY = Struct(_HEAD + "II")
_FAILED_PUTFH = Struct(">I IIIIII III II16sIIIII II")

READ_HEAD_BYTES: Final = _READ_REPLY.size
_LAST: Final = 0x80000000
_ARGS_BYTES: Final = _ARGS.size
_CALL_BYTES: Final = _CALL.size
_SEQ: Final = nfs4.OP_SEQUENCE
_PUTFH: Final = nfs4.OP_PUTFH
_OP_READ: Final = nfs4.OP_READ
_OP_WRITE: Final = nfs4.OP_WRITE
_OP_COMMIT: Final = nfs4.OP_COMMIT
_SHORT_PADS: Final = (b"", b"\0\0\0", b"\0\0", b"\0")

assert _WRITE_REPLY.size <= CACHE_ALWAYS_BYTES  # so WRITE and COMMIT replies are always kept


class FastPath:
    """One connection's straight-line path."""

    __slots__ = (
        "_core", "_counters", "_credentials", "_hand_over", "_reply", "_ticket", "file", "file_bytes", "file_offset",
    )  # fmt: skip

    def __init__(
        self,
        core: Core,
        ticket: Ticket,
        counters: Counters,
        reply: memoryview,
        hand_over: Callable[[memoryview], bool] | None = None,
    ) -> None:
        """``reply`` is where READ replies are put together; it holds READ_HEAD_BYTES + max_io_bytes + 3.

        ``hand_over`` takes the record of a COMMIT or of a stable WRITE and answers it later, or returns False.
        """
        self._core = core
        self._ticket = ticket
        self._counters = counters
        self._reply = reply
        self._hand_over = hand_over
        self._credentials: set[bytes] = set()
        self.file: OpenObject | None = None
        """Set when the reply that was returned is to be followed by ``file_bytes`` bytes of this object."""
        self.file_offset = 0
        self.file_bytes = 0

    def serve(self, buf: memoryview, pos: int, end: int) -> bytes | memoryview | None:
        """The reply with its record mark to the record ``buf[pos:end]``, or None: not for this path.

        An empty reply: another thread has taken the record over.
        """
        if end - pos < _CALL_BYTES + _ARGS_BYTES:
            return None
        xid, kind, rpc_version, program, version, procedure, _, length = _CALL.unpack_from(buf, pos)
        at = pos + _CALL_BYTES + length
        if (
            kind or rpc_version != 2 or program != 100003 or version != 4 or procedure != 1
            or length & 3 or length > 400 or end - at < _ARGS_BYTES
        ):  # fmt: skip
            return None
        (
            flavor, verifier_length, tag, minor, count, op1, session_id, sequence, slot, highest, cache, op2,
            handle_length, handle, op3,
        ) = _ARGS.unpack_from(buf, at)  # fmt: skip
        if (
            op1 != _SEQ or op2 != _PUTFH or count != 3 or tag or verifier_length or handle_length != HANDLE_BYTES
            or not 1 <= minor <= 2 or cache > 1 or flavor
        ):  # fmt: skip
            return None
        body = at + _ARGS_BYTES
        left = end - body
        if op3 == _OP_READ:
            if left != 28 or cache:
                return None
        elif op3 == _OP_WRITE:
            if left < 32:
                return None
        elif op3 != _OP_COMMIT or left != 12:
            return None
        session = self._core.registry.sessions.get(session_id)
        if (
            session is None or slot >= session.slots or highest >= session.slots
            or end - pos > session.max_request_bytes or session.max_operations < 3
        ):  # fmt: skip
            return None
        credential = bytes(buf[pos + 24 : at])
        if credential not in self._credentials and not self._check_credential(credential):
            return None
        stable = 1
        if op3 == _OP_WRITE:
            _, _, stable, size = _WRITE_ARGS.unpack_from(buf, body)
            if stable > 2 or left != 32 + size + (-size & 3):
                return None
        if stable and op3 != _OP_READ and self._hand_over is not None and self._hand_over(buf[pos:end]):
            return b""
        busy = session.busy[slot]
        if not busy.acquire(False):
            return None
        try:
            if sequence != (session.sequences[slot] + 1) & 0xFFFFFFFF:
                return None
            session.sequences[slot] = sequence
            session.replies[slot] = None
            session.prints[slot] = bytes(buf[at + 8 : min(at + 8 + FINGERPRINT_BYTES, end)])
            session.used_ns = self._core.authority.clock_ns()
            self._counters.compounds += 1
            return self._run(buf, body, op3, xid, session, slot, sequence, handle)
        finally:
            self._ticket.table = None
            busy.release()

    def _check_credential(self, credential: bytes) -> bool:
        """Whether the general path would take it; remembered, as a connection carries few."""
        try:
            rpc.unpack_credential(int.from_bytes(credential[:4], "big"), credential[8:])
        except XdrError:
            return False
        if len(self._credentials) >= CREDENTIALS_MAX:
            self._credentials.clear()
        self._credentials.add(credential)
        return True

    def _run(
        self, buf: memoryview, body: int, op: int, xid: int, session: Session, slot: int, sequence: int, handle: bytes
    ) -> bytes | memoryview:
        """The admitted request: from here on the slot has moved, and the reply is ours to give."""
        core = self._core
        high = session.slots - 1
        table = core.authority.enter(self._ticket)
        grant = nfs4.NFS4ERR_DELAY if table is None else table.judge(handle)
        if type(grant) is int:
            self._counters.errors[grant] += 1
            reply = _FAILED_PUTFH.pack(
                _LAST | _FAILED_PUTFH.size - 4, xid, 1, 0, 0, 0, 0, grant, 0, 2,
                _SEQ, 0, session.session_id, sequence, slot, high, high, 0, _PUTFH, grant,
            )  # fmt: skip
            session.replies[slot] = reply[4:]
            return reply
        assert not isinstance(grant, int)
        if op == _OP_WRITE:
            _, offset, stable, length = _WRITE_ARGS.unpack_from(buf, body)
            start = body + 32
            status, done, verifier = core.write(grant, offset, stable, buf[start : start + length], self._counters)
            if not status:
                reply = _WRITE_REPLY.pack(
                    _LAST | _WRITE_REPLY.size - 4, xid, 1, 0, 0, 0, 0, 0, 0, 3,
                    _SEQ, 0, session.session_id, sequence, slot, high, high, 0, _PUTFH, 0,
                    _OP_WRITE, 0, done, stable, verifier,
                )  # fmt: skip
                session.replies[slot] = reply[4:]
                return reply
        elif op == _OP_READ:
            _, offset, wanted = _READ_ARGS.unpack_from(buf, body)
            room = session.max_response_bytes - REPLY_OVERHEAD
            wanted = min(wanted, core.limits.max_io_bytes, room)
            status, done = self._read(grant, offset, wanted)
            if not status:
                file = self.file
                pad = -done & 3
                packed = (
                    _LAST | READ_HEAD_BYTES - 4 + done + pad, xid, 1, 0, 0, 0, 0, 0, 0, 3,
                    _SEQ, 0, session.session_id, sequence, slot, high, high, 0, _PUTFH, 0,
                    _OP_READ, 0, done < wanted, done,
                )  # fmt: skip
                if file is not None:
                    return _READ_REPLY.pack(*packed)
                _READ_REPLY.pack_into(self._reply, 0, *packed)
                data_end = READ_HEAD_BYTES + done
                self._reply[data_end : data_end + pad] = _SHORT_PADS[done & 3]
                return self._reply[: data_end + pad]
        else:
            offset, length = _COMMIT_ARGS.unpack_from(buf, body)
            status, verifier = core.commit(grant, offset, length, self._counters)
            if not status:
                reply = _COMMIT_REPLY.pack(
                    _LAST | _COMMIT_REPLY.size - 4, xid, 1, 0, 0, 0, 0, 0, 0, 3,
                    _SEQ, 0, session.session_id, sequence, slot, high, high, 0, _PUTFH, 0,
                    _OP_COMMIT, 0, verifier,
                )  # fmt: skip
                session.replies[slot] = reply[4:]
                return reply
        self._counters.errors[status] += 1
        reply = _FAILED_REPLY.pack(
            _LAST | _FAILED_REPLY.size - 4, xid, 1, 0, 0, 0, 0, status, 0, 3,
            _SEQ, 0, session.session_id, sequence, slot, high, high, 0, _PUTFH, 0, op, status,
        )  # fmt: skip
        session.replies[slot] = reply[4:]
        return reply

    def _read(self, grant: Grant, offset: int, wanted: int) -> tuple[int, int]:
        """READ into the reply buffer, or, when it is long, only what to send: see :attr:`file`."""
        if wanted >= SENDFILE_BYTES_MIN:
            status, done, self.file = self._core.locate(grant, offset, wanted, self._counters)
            if status or self.file is not None:
                self.file_offset, self.file_bytes = offset, done
                return status, done
        return self._core.read(
            grant, offset, self._reply[READ_HEAD_BYTES : READ_HEAD_BYTES + wanted], self._counters
        )
