"""One client's TCP connection: record marking, one write per turn of the loop, and bounds on what it may make us hold.

Requests of a connection are taken in only as long as few enough are under way, few enough reply bytes wait for the
client to read them, and it has had its share of this turn. Otherwise its socket is not read: it is the client that
waits then, and nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Final, cast

import structlog

from mdscluster import silence
from mdscluster.fsm import client_connections
from mdscluster.nfs_frontend import exports
from mdscluster.nfs_frontend.quorum import REFUSING, SERVING
from mdscluster.nfs_frontend.whereabouts import path_of

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.exports import ExportRule, Identity
    from mdscluster.nfs_frontend.server import NfsServer
    from mdscluster.nfs_frontend.sessions import Session

log = structlog.get_logger()

_MARK: Final = Struct(">I")
_LAST: Final = 0x80000000
_MOST_FRAGMENTS: Final = 64
_RECORDS_PER_TURN: Final = 64
_PROBES: Final = 4


class Ticket:
    """A request under way, counted for as long as anything refers to it: so no way out of the front end forgets it."""

    __slots__ = ("_connection", "_size_bytes")

    def __init__(self, connection: ClientConnection, size_bytes: int) -> None:
        self._connection = connection
        self._size_bytes = size_bytes
        connection.in_flight += 1
        connection.in_flight_bytes += size_bytes

    def __del__(self) -> None:
        connection = self._connection
        connection.in_flight -= 1
        connection.in_flight_bytes -= self._size_bytes
        if connection.stalled:
            connection.resume_later()


class ClientConnection(asyncio.Protocol):
    """One client's TCP connection."""

    def __init__(self, server: NfsServer) -> None:
        self._server = server
        self._dispatcher = server.dispatcher
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._counted_bytes = 0
        self._fragments: list[bytes] = []
        self._out: list[bytes] = []
        self._out_bytes = 0
        self.stalled = False
        self._resuming = False
        self._writing_paused = False
        self.congested = False
        self.in_session = False
        self.in_flight = 0
        self.in_flight_bytes = 0
        self.opened_ms = server.now_ms
        self.partial_since_ms: int | None = None
        """When a record began that is not whole yet."""
        self.rule: ExportRule | None = None
        self.peer = ""
        self.path: bytes | None = None
        """Both its ends, as others are told of them."""
        self.address = ""
        """By which of this node's addresses it came; empty where it is none of TCP."""
        self.identities: dict[bytes, Identity] = {}
        self.sessions: list[Session] = []
        self.callback_replies: dict[int, Callable[[bytes], None]] = {}
        """By xid: calls of our own on the back channel that wait for their reply."""

    # ------------------------------------------------------------ asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if not peer:
            self._transport.abort()  # reset before it was accepted; not worth a line each
            self._transport = None
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            _set_options(sock, self._server.limits.keepalive_s)
            self.path = path_of(transport.get_extra_info("sockname"), peer)
            self.address = client_connections.unpack(self.path).local if self.path else ""
        self.peer = peer[0]
        self.rule = exports.choose(self._server.rules, self.peer)
        self._transport.set_write_buffer_limits(high=self._server.limits.max_unsent_bytes)
        if self._dispatcher.service == REFUSING:
            self.abort("no quorum")
        elif self._dispatcher.service != SERVING and self._server.is_service_address(self.address):
            # It should have left this node, and has not: keepalived hangs. Who has a quorum may have it, too.
            self.abort("no quorum, and a service address")
        elif not self._server.admit(self):
            self.abort("too many connections")

    def eof_received(self) -> None:
        """The client is done, and may still wait for what it was answered."""
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        if sock is not None:
            silence.end_in_order(sock)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.drop_buffer()
        self._server.leave(self)
        self._dispatcher.reads.lost(self)
        for session in self.sessions:
            session.unbind(self)
        waiting, self.callback_replies = self.callback_replies, {}
        for lost in waiting.values():
            lost(b"")

    def pause_writing(self) -> None:
        """The client does not read its replies: stop running and reading its requests."""
        self._writing_paused = self.congested = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._drained()

    def _drained(self) -> None:
        self.congested = False
        self._dispatcher.reads.drained(self)
        self.resume_later()

    def data_received(self, data: bytes) -> None:
        self._server.arrived(self, data)

    def take(self, data: bytes) -> None:
        """Hand every whole record on; the usual case, whole records in one chunk, copies nothing."""
        if self._transport is None:
            return
        if self.stalled:
            self._buffer += data
            self._count()
            return
        if self._buffer:
            self._buffer += data
            have = len(self._buffer)
            length = _MARK.unpack_from(self._buffer)[0] & ~_LAST if have >= 4 else 0
            if have < 4 or have < 4 + length <= self._server.limits.max_record_bytes + 4:
                self._count()
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        self._take_in(data)

    def _take_in(self, data: bytes) -> None:
        pos = 0
        size = len(data)
        limits = self._server.limits
        receive = self._dispatcher.receive
        for _ in range(_RECORDS_PER_TURN):
            if size - pos < 4:
                break
            if (
                self.congested
                or self.in_flight >= limits.max_requests_in_flight
                or self.in_flight_bytes >= limits.max_requests_bytes
            ):  # as _must_wait has it, without a call for each record
                break
            mark = _MARK.unpack_from(data, pos)[0]
            length = mark & ~_LAST
            if length > limits.max_record_bytes:
                self.abort(f"record of {length} bytes is over the limit of {limits.max_record_bytes}")
                return
            end = pos + 4 + length
            if end > size:
                break
            if mark & _LAST and not self._fragments:
                receive(self, data, pos + 4, end)
            elif not self._fragment(data[pos + 4 : end], bool(mark & _LAST)):
                return
            if self._transport is None:
                return  # the record made us close
            pos = end
        else:
            self._stall(data, pos)
            self.resume_later()
            return
        if size - pos >= 4 and self._must_wait():
            self._stall(data, pos)
        elif pos < size:
            self._buffer += memoryview(data)[pos:]
        self.partial_since_ms = None
        if (self._buffer and not self.stalled) or self._fragments:
            self.partial_since_ms = self._server.now_ms
        if self._buffer or self._counted_bytes:
            self._count()

    def _must_wait(self) -> bool:
        limits = self._server.limits
        return (
            self.congested
            or self.in_flight >= limits.max_requests_in_flight
            or self.in_flight_bytes >= limits.max_requests_bytes
        )

    def _stall(self, data: bytes, pos: int) -> None:
        """Keep what is left for later, and have the kernel keep what follows."""
        self.stalled = True
        self.partial_since_ms = None
        self._buffer += memoryview(data)[pos:]
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_later(self) -> None:
        """Go on in the loop's next turn, if what this connection waited for is over."""
        if self.stalled and not self._resuming and self._transport is not None:
            self._resuming = True
            self._server.call_soon(self._resume)

    def _resume(self) -> None:
        self._resuming = False
        if not self.stalled or self._transport is None or self._must_wait():
            return
        self.stalled = False
        data = bytes(self._buffer)
        self._buffer.clear()
        self._transport.resume_reading()
        self._take_in(data)

    def _fragment(self, piece: bytes, last: bool) -> bool:
        self._fragments.append(piece)
        total = sum(map(len, self._fragments))
        if len(self._fragments) > _MOST_FRAGMENTS or total > self._server.limits.max_record_bytes:
            self.abort("too many or too large fragments")
            return False
        if last:
            record = b"".join(self._fragments)
            self._fragments.clear()
            self._dispatcher.receive(self, record, 0, len(record))
        return True

    def _count(self) -> None:
        """Tell the server what it holds of this connection, as long as that is nobody's whom it knows."""
        now_bytes = 0 if self.in_session else len(self._buffer) + sum(map(len, self._fragments))
        delta, self._counted_bytes = now_bytes - self._counted_bytes, now_bytes
        if delta:
            self._server.note_held(delta)

    def drop_buffer(self) -> None:
        """Nothing more is to come of it."""
        self._buffer = bytearray()
        self._fragments.clear()
        self._count()

    @property
    def held_bytes(self) -> int:
        """Parts of records held of a connection without a session."""
        return self._counted_bytes

    # ------------------------------------------------------------ what the dispatcher calls
    @property
    def closed(self) -> bool:
        return self._transport is None

    def ticket(self, size_bytes: int) -> Ticket:
        """Counts a request of this size as under way, for as long as the object lives."""
        return Ticket(self, size_bytes)

    def note_session(self) -> None:
        self.in_session = True
        self._count()
        self._server.known(self)

    def send(self, record: bytes) -> None:
        """Queue a record; all of one turn leave in one write."""
        if not self._out:
            self._server.flush_later(self)
        self._out.append(record)
        self._out_bytes += len(record)
        if self._out_bytes > self._server.limits.max_unsent_bytes:
            self.congested = True

    def flush(self) -> None:
        out, self._out, self._out_bytes = self._out, [], 0
        if self._transport is None:
            return
        if out:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))
            self._out_bytes = self._transport.get_write_buffer_size()  # counts with what the next turn adds
        if self.congested and not self._writing_paused:
            if self._transport.get_write_buffer_size() <= self._server.limits.max_unsent_bytes:
                self._drained()
            else:
                self._writing_paused = True  # until resume_writing says that it was read

    def abort(self, reason: str) -> None:
        """Reset the connection; the client comes again, here or on another node.

        Nothing of it stays in the kernel. When a service address is back, what it left behind would answer for it: a
        client that happens to come again from the same port would be told what the remains of its former connection
        expect, which cannot end while the client is elsewhere, and neither be taken in nor refused (docs/adr/0019). A
        reply that the reset overtakes is in the reply cache.

        Of a server that ends no client is told at a service address: who has that next does it (docs/adr/0019).
        """
        if self._transport is not None:
            log.info("connection closed", peer=self.peer, reason=reason)
            self.flush()
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                silence.end_by_reset(sock)  # after the client's end, too
                if not self._server.ends:
                    with contextlib.suppress(OSError):  # not permitted, which was told when this node started
                        silence.mark(sock)
            self._transport.abort()
            self._transport = None

    def bind_session(self, session: Session) -> None:
        session.bind_back_channel(self)
        if session not in self.sessions:
            self.sessions.append(session)
        self._server.callbacks.session_bound(session)

    def on_callback_reply(self, record: bytes) -> None:
        waiting = self.callback_replies.pop(_MARK.unpack_from(record)[0], None)
        if waiting is not None:
            waiting(record)


def _set_options(sock: socket.socket, keepalive_s: int) -> None:
    """No delay; dead peers, and those who never take their data, are found out. It ends by a reset."""
    silence.end_by_reset(sock)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, keepalive_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, keepalive_s // _PROBES))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2 * keepalive_s * 1000)
