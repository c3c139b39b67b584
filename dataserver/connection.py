"""One client connection: a blocking thread, a receive buffer, record marking, the two paths, and limits on time.

Received bytes lie in one preallocated buffer and WRITE data goes from there to the file. The GIL is given up in every
call that moves bytes, so connections run in parallel where it matters.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import structlog

from dataserver import compound
from dataserver.fastpath import READ_HEAD_BYTES, FastPath
from dataserver.lanes import Lanes
from dataserver.whereabouts import ends_of
from nfswire import rpc
from nfswire.xdr import PADS, Payload

if TYPE_CHECKING:
    from dataserver.authority import Ticket
    from dataserver.core import Core
    from dataserver.counters import Counters

log = structlog.get_logger()

FIRST_READ_BYTES: Final = 4096
"""Received at first: the head of a WRITE, or several small requests, without taking in much of the next record."""
LANES: Final = 8
"""COMMITs and stable WRITEs of one connection that may wait at once without holding up the others."""
RECORD_TIMEOUT_MS: Final = 60_000
"""A record that takes longer to arrive, and a reply that takes longer to be taken, end the connection."""
IDLE_TIMEOUT_MS: Final = 900_000
"""Linux sends SEQUENCE at two thirds of the lease time (90 s), and drops idle connections itself."""
_LAST_FRAGMENT: Final = 0x80000000
_U32 = struct.Struct(">I")
_TIMEVAL = struct.Struct("@ll")
_ZEROS: Final = bytes(65536)
_MSG_MORE: Final = socket.MSG_MORE
_IOV_MAX: Final = 64


class Closed(Exception):
    """The connection is to end; the text says why, empty when the client closed it in good order."""


class Connection:
    """Serves one socket until it ends; :meth:`run` is the thread."""

    def __init__(
        self, core: Core, sock: socket.socket, clock_ms: Callable[[], int], *, fast: bool = True, lanes: int = LANES
    ) -> None:
        self._core = core
        self._sock = sock
        self.ends = ends_of(sock)
        self._clock_ms = clock_ms
        self._ticket = core.authority.ticket()
        self._counters = core.ledger.open()
        # Both are given memory by the kernel page by page as they are used: an idle connection costs little.
        self._buf = memoryview(bytearray(4 + core.limits.max_record_bytes))
        self._have = 0
        self._reply = memoryview(bytearray(READ_HEAD_BYTES + core.limits.max_io_bytes + 4))
        self._scratch = self._reply[READ_HEAD_BYTES : READ_HEAD_BYTES + core.limits.max_io_bytes]
        self._lanes = Lanes(core, lanes, self._serve_in_lane)
        self._sending = threading.Lock()
        offer = self._lanes.offer if lanes else None
        self._fast = FastPath(core, self._ticket, self._counters, self._reply, offer) if fast else None
        set_options(sock)

    def close(self) -> None:
        """End the connection from another thread: it runs and answers nothing more, and its next call on the socket
        fails."""
        self._core.authority.close(self._ticket)
        self._lanes.close()
        self._shut_down()

    def _shut_down(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already

    def run(self) -> None:
        """Serve until the client closes, the server closes, or a limit is passed."""
        try:
            while True:
                self._turn()
        except Closed as reason:
            if reason.args:
                log.info("connection closed", peer=_peer(self._sock), reason=str(reason))
        except ConnectionError:
            pass  # the client went away; it comes back or not
        except BlockingIOError:
            log.info("connection closed", peer=_peer(self._sock), reason="the client does not take its replies")
        except OSError as error:
            log.info("connection closed", peer=_peer(self._sock), reason=error.strerror)
        finally:
            self._lanes.end()
            self._shut_down()  # a lane that is sending ends
            self._sock.close()
            self._core.authority.drop(self._ticket)
            self._core.ledger.close(self._counters)

    # ------------------------------------------------------------ receiving
    def _turn(self) -> None:
        """Receive, then serve every whole record that is there."""
        buf = self._buf
        if self._have < FIRST_READ_BYTES:
            self._receive_some(FIRST_READ_BYTES)
        pos = 0
        while self._have - pos >= 4:
            mark = _U32.unpack_from(buf, pos)[0]
            length = mark & 0x7FFFFFFF
            if not mark & _LAST_FRAGMENT:
                self._drop_front(pos)
                self._serve_fragments()
                return
            if length > self._core.limits.max_record_bytes:
                raise Closed(f"a record of {length} bytes")
            end = pos + 4 + length
            if end > self._have:
                self._drop_front(pos)
                self._receive_whole(4 + length)
                pos, end = 0, 4 + length
            self._serve(buf, pos + 4, end)
            pos = end
        self._drop_front(pos)

    def _drop_front(self, count: int) -> None:
        """Move what follows the first ``count`` bytes to the front: little, as FIRST_READ_BYTES says."""
        rest = self._have - count
        if count and rest:
            self._buf[:rest] = bytes(self._buf[count : self._have])
        self._have = rest

    def _receive_some(self, limit: int) -> None:
        """At least one more byte, up to ``limit`` in all. ``Closed`` when the client has ended or idled too long."""
        started_ms = 0
        while True:
            try:
                count = self._sock.recv_into(self._buf[self._have : limit])
            except BlockingIOError:  # SO_RCVTIMEO
                now_ms = self._clock_ms()
                started_ms = started_ms or now_ms - RECORD_TIMEOUT_MS
                if self._have:
                    raise Closed("a record does not arrive") from None
                if now_ms - started_ms >= IDLE_TIMEOUT_MS:
                    raise Closed("idle") from None
                continue
            if not count:
                raise Closed
            self._have += count
            return

    def _receive_whole(self, limit: int) -> None:
        """All ``limit`` bytes, in bounded time however they trickle."""
        deadline_ms = 0
        while self._have < limit:
            try:
                count = self._sock.recv_into(self._buf[self._have : limit], 0, socket.MSG_WAITALL)
            except BlockingIOError:
                raise Closed("a record does not arrive") from None
            if not count:
                raise Closed
            self._have += count
            if self._have < limit:
                now_ms = self._clock_ms()
                deadline_ms = deadline_ms or now_ms + RECORD_TIMEOUT_MS
                if now_ms > deadline_ms:
                    raise Closed("a record does not arrive")

    def _serve_fragments(self) -> None:
        """A record in several fragments (RFC 5531 §11), which no client in use sends: put together, then served."""
        record = bytearray()
        limits = self._core.limits
        for _ in range(limits.max_fragments):
            self._receive_whole(max(4, min(self._have, 4)))
            mark = _U32.unpack_from(self._buf, 0)[0]
            length = mark & 0x7FFFFFFF
            if len(record) + length > limits.max_record_bytes:
                raise Closed("a record in fragments is too long")
            self._receive_whole(4 + length)
            record += self._buf[4 : 4 + length]
            self._drop_front(4 + length)
            if mark & _LAST_FRAGMENT:
                self._serve(memoryview(record), 0, len(record))
                return
        raise Closed(f"a record in more than {limits.max_fragments} fragments")

    # ------------------------------------------------------------ serving
    def _serve(self, buf: memoryview, pos: int, end: int) -> None:
        try:
            reply = self._fast.serve(buf, pos, end) if self._fast is not None else None
            parts = self._general(buf, pos, end) if reply is None else ()
        except Exception:
            # A bug of ours. The record is answered so that the client does not wait for it for ever, and the
            # connection goes on: one bad request must not end the I/O of everybody on this client.
            log.exception("request failed", peer=_peer(self._sock), record=bytes(buf[pos : min(end, pos + 256)]).hex())
            if self._fast is not None:
                self._fast.file = None
            reply, parts = None, (rpc.reply_system_err(rpc.peek(buf, pos)[0]),)
        if self._ticket.closed:
            raise Closed  # by us: what waited for a lease got NFS4ERR_DELAY of it, for which Linux would sleep 15 s
        if reply is None:
            if parts:
                with self._sending:
                    send_all(self._sock, rpc.frame(parts))
        elif self._fast is not None and self._fast.file is not None:
            with self._sending:
                self._send_file(reply, self._fast)
        elif reply:
            with self._sending:
                self._sock.sendall(reply)

    def _serve_in_lane(self, fast: FastPath, ticket: Ticket, counters: Counters, record: bytes) -> None:
        """Run a COMMIT or a stable WRITE in a lane's thread (see :mod:`dataserver.lanes`), and send its reply."""
        view = memoryview(record)
        try:
            reply = fast.serve(view, 0, len(view))
            if reply is None:  # a retransmission, say
                parts = compound.serve(self._core, ticket, counters, memoryview(b""), view, 0, len(view))
                reply = b"".join(rpc.frame(parts))
        except Exception:
            log.exception("request failed", peer=_peer(self._sock), record=record[:256].hex())
            reply = b"".join(rpc.frame((rpc.reply_system_err(rpc.peek(record, 0)[0]),)))
        if self._ticket.closed:
            return  # as above; the connection's own thread ends it
        try:
            with self._sending:
                self._sock.sendall(reply)
        except OSError:
            self._shut_down()  # half a reply may be out; the connection's own thread ends it

    def _general(self, buf: memoryview, pos: int, end: int) -> Sequence[Payload]:
        return compound.serve(self._core, self._ticket, self._counters, self._scratch, buf, pos, end)

    def _send_file(self, head: Payload, fast: FastPath) -> None:
        """A READ reply: its head, then the object's bytes straight from the page cache, then padding."""
        assert fast.file is not None
        entry, offset, left = fast.file, fast.file_offset, fast.file_bytes
        fast.file = None
        pad = PADS[left & 3]
        self._sock.sendall(head, _MSG_MORE)
        out = self._sock.fileno()
        while left:
            try:
                count = os.sendfile(out, entry.fd, offset, left)
            except (ConnectionError, BlockingIOError):
                raise
            except OSError as error:
                entry.suspect = True
                raise Closed(f"an object cannot be read: {error.strerror}") from None
            if not count:
                # Cut short since its size was looked at. The length is out already: what is no more reads as zeros.
                self._sock.sendall(_ZEROS[: min(left, len(_ZEROS))])
                count = min(left, len(_ZEROS))
            offset += count
            left -= count
        if pad:
            self._sock.sendall(pad)


def send_all(sock: socket.socket, parts: Sequence[Payload]) -> None:
    """Send every part in order without putting them together first."""
    left = sum(map(len, parts))
    views = [memoryview(part) for part in parts]
    while left:
        count = sock.sendmsg(views[:_IOV_MAX])
        left -= count
        while views and count >= len(views[0]):
            count -= len(views.pop(0))
        if count:
            views[0] = views[0][count:]


def set_options(sock: socket.socket) -> None:
    """No delay; dead peers found out; blocking calls that end by themselves (the kernel keeps the time)."""
    sock.setblocking(True)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, RECORD_TIMEOUT_MS)
    limit = _TIMEVAL.pack(RECORD_TIMEOUT_MS // 1000, RECORD_TIMEOUT_MS % 1000 * 1000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _peer(sock: socket.socket) -> str:
    try:
        name = sock.getpeername()
    except OSError:
        return "?"
    return f"{name[0]}:{name[1]}"
