"""The NFS listener: one protocol object per connection, record marking, one write per turn of the loop.

The outer shell: everything it receives goes to the :class:`~mdscluster.nfs_frontend.dispatcher.Dispatcher`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Final, cast

import structlog

from mdscluster.nfs_frontend import exports
from mdscluster.nfs_frontend.quorum import REFUSING

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.callbacks import Callbacks
    from mdscluster.nfs_frontend.dispatcher import Dispatcher
    from mdscluster.nfs_frontend.exports import ExportRule, Identity
    from mdscluster.nfs_frontend.sessions import Session

log = structlog.get_logger()

_MARK: Final = Struct(">I")
_LAST: Final = 0x80000000
_MOST_FRAGMENTS: Final = 64


class ClientConnection(asyncio.Protocol):
    """One client's TCP connection."""

    def __init__(self, server: NfsServer) -> None:
        self._server = server
        self._dispatcher = server.dispatcher
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._fragments: list[bytes] = []
        self._out: list[bytes] = []
        self.rule: ExportRule | None = None
        self.peer = ""
        self.identities: dict[bytes, Identity] = {}
        self.sessions: list[Session] = []
        self.callback_replies: dict[int, Callable[[bytes], None]] = {}
        """By xid: calls of our own on the back channel that wait for their reply."""

    # ------------------------------------------------------------ asyncio.Protocol
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = transport.get_extra_info("peername")[0]
        self.rule = exports.choose(self._server.rules, self.peer)
        self._transport.set_write_buffer_limits(high=self._server.max_unsent_bytes)
        if self._dispatcher.service == REFUSING:
            self.abort("no quorum")
            return
        if len(self._server.connections) >= self._server.max_connections:
            self.abort("too many connections")
            return
        self._server.connections[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.pop(self, None)
        self._transport = None
        for session in self.sessions:
            session.unbind(self)
        waiting, self.callback_replies = self.callback_replies, {}
        for lost in waiting.values():
            lost(b"")

    def pause_writing(self) -> None:
        """The client does not read its replies: stop reading its requests."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Hand every whole record on; the usual case, whole records in one chunk, copies nothing."""
        if self._buffer:
            self._buffer += data
            have = len(self._buffer)
            if have < 4 or have < 4 + (_MARK.unpack_from(self._buffer)[0] & ~_LAST) <= self._server.max_record_bytes:
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        pos = 0
        size = len(data)
        receive = self._dispatcher.receive
        while size - pos >= 4:
            mark = _MARK.unpack_from(data, pos)[0]
            length = mark & ~_LAST
            if length > self._server.max_record_bytes:
                self.abort(f"record of {length} bytes is over the limit of {self._server.max_record_bytes}")
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
        if pos < size:
            self._buffer += memoryview(data)[pos:]

    def _fragment(self, piece: bytes, last: bool) -> bool:
        self._fragments.append(piece)
        total = sum(map(len, self._fragments))
        if len(self._fragments) > _MOST_FRAGMENTS or total > self._server.max_record_bytes:
            self.abort("too many or too large fragments")
            return False
        if last:
            record = b"".join(self._fragments)
            self._fragments.clear()
            self._dispatcher.receive(self, record, 0, len(record))
        return True

    # ------------------------------------------------------------ what the dispatcher calls
    @property
    def closed(self) -> bool:
        return self._transport is None

    def send(self, record: bytes) -> None:
        """Queue a record; all of one turn leave in one write."""
        if not self._out:
            self._server.flush_later(self)
        self._out.append(record)

    def flush(self) -> None:
        out = self._out
        if self._transport is not None and out:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        self._out = []

    def abort(self, reason: str) -> None:
        """Close the connection at once; the client comes again, here or on another node."""
        if self._transport is not None:
            log.info("connection closed", peer=self.peer, reason=reason)
            self.flush()
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


class NfsServer:
    """The listener and its connections."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        callbacks: Callbacks,
        rules: list[ExportRule],
        *,
        max_record_bytes: int,
        max_unsent_bytes: int = 8 << 20,
        max_connections: int = 4096,
    ) -> None:
        self.dispatcher = dispatcher
        self.callbacks = callbacks
        self.rules = rules
        self.max_record_bytes = max_record_bytes
        self.max_unsent_bytes = max_unsent_bytes
        self.max_connections = max_connections
        self.connections: dict[ClientConnection, None] = {}
        """Those that stand, oldest first."""
        self._unflushed: list[ClientConnection] = []
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> None:
        """Bind before the service address can arrive here: a refused client backs off for 3 s and more."""
        self._server = await self._loop.create_server(
            lambda: ClientConnection(self), host, port, reuse_address=True, backlog=1024
        )

    def flush_later(self, connection: ClientConnection) -> None:
        if not self._unflushed:
            self._loop.call_soon(self._flush)
        self._unflushed.append(connection)

    def _flush(self) -> None:
        waiting, self._unflushed = self._unflushed, []
        for connection in waiting:
            connection.flush()

    def close_clients(self, reason: str) -> None:
        """Drop every client, so that they find a node with quorum."""
        for connection in list(self.connections):
            connection.abort(reason)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.close_clients("the server stops")
