"""Streams between the consensus processes: one mutually authenticated TLS connection for each pair of nodes.

The node with the smaller id dials. A frame is a u32 length (big endian) and a protobuf message; the first frame each
way is ``Hello``. A newer connection replaces the older one, of which nothing is delivered any more. A connection for
a snapshot is one of its own.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from struct import Struct
from typing import Final, Protocol, cast

import structlog
from google.protobuf.message import DecodeError

from mdscluster.raft.config import RaftConfig, TlsConfig
from mdscluster.raft.errors import PeerError
from mdsproto.raft_pb2 import Hello

log = structlog.get_logger()

PROTOCOL: Final = 1
FRAME_BYTES_MAX: Final = 8 << 20
_HELLO_BYTES_MAX: Final = 4096
_UNSENT_BYTES_MAX: Final = 64 << 20
_LENGTH: Final = Struct(">I")


class Handler(Protocol):
    """Who hears of the connections."""

    def introduce(self) -> Hello:
        """What this node says of itself besides its name."""

    def on_introduced(self, peer: str, body: Hello) -> None:
        """What ``peer``, whose certificate is good, says of itself. ``PeerError`` refuses the connection."""

    def on_connected(self, peer: str) -> None:
        """A connection to ``peer`` stands, and replaces the one before it."""

    def on_disconnected(self, peer: str) -> None:
        """The connection to ``peer`` is gone."""

    def on_frames(self, peer: str, frames: list[bytes]) -> None:
        """What arrived at once. ``PeerError`` or ``DecodeError`` closes the connection."""

    def on_snapshot_wanted(self, link: Link) -> None:
        """``link.peer`` asks for a snapshot on this connection."""


def server_context(tls: TlsConfig) -> ssl.SSLContext:
    """Accepts only certificates of the cluster's CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tls.ca)
    context.load_cert_chain(tls.certificate, tls.key)
    return context


def client_context(tls: TlsConfig) -> ssl.SSLContext:
    """Shows this node's certificate; checks the peer's against the id it is dialled by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(tls.ca)
    context.load_cert_chain(tls.certificate, tls.key)
    return context


def pack_frame(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


def hello(config: RaftConfig, purpose: Hello.Purpose, more: Hello | None = None) -> bytes:
    """This node's first frame; ``more`` is what it says of itself besides its name."""
    body = Hello(protocol=PROTOCOL, node_id=config.node_id, cluster_id=config.cluster_id, purpose=purpose)
    if more is not None:
        body.MergeFrom(more)
    return pack_frame(body.SerializeToString())


class Link(asyncio.Protocol):
    """One connection. ``peer`` is empty until its Hello was accepted."""

    def __init__(self, owner: Transport, dialled: str | None) -> None:
        self.peer = ""
        self.closed = asyncio.get_running_loop().create_future()
        self.received_s = owner.loop.time()
        self.sent_s = 0.0
        self._owner = owner
        self._dialled = dialled
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # while it is being dialled
        self._buffer = b""
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._owner.config.connection_timeout_ms)
        if self._dialled is not None:
            self.write(self._owner.greeting())

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        if not self.closed.done():
            self.closed.set_result(None)
        self._owner.lost(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self.received_s = self._owner.loop.time()
        try:
            frames = self._split(data)
            if frames and not self.peer:
                self._owner.introduced(self, frames.pop(0), self._dialled)
            if frames and self.peer:
                self._owner.arrived(self, frames)
        except (PeerError, DecodeError) as error:
            self._owner.note_refusal(self.peer or self._dialled or "", str(error))
            self.abort()

    def _split(self, data: bytes) -> list[bytes]:
        """Whole frames; the rest waits for more."""
        if self._buffer:
            data = self._buffer + data
        frames: list[bytes] = []
        pos, end = 0, len(data)
        limit = FRAME_BYTES_MAX if self.peer else _HELLO_BYTES_MAX
        while end - pos >= 4:
            (length,) = _LENGTH.unpack_from(data, pos)
            if length > limit:
                raise PeerError(f"frame of {length} bytes")
            if end - pos - 4 < length:
                break
            frames.append(data[pos + 4 : pos + 4 + length])
            pos += 4 + length
            limit = FRAME_BYTES_MAX
        self._buffer = data[pos:] if pos < end else b""
        return frames

    def certificate_names(self) -> list[str] | None:
        """DNS names of the peer's certificate; None without TLS."""
        if self._owner.config.tls is None:
            return None
        certificate = self._transport.get_extra_info("peercert") or {}
        return [name for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS"]

    def write(self, data: bytes) -> None:
        """Send frames; the connection is given up when the peer takes none for too long."""
        self.sent_s = self._owner.loop.time()
        self._transport.write(data)
        if not self._writable.is_set() and self._transport.get_write_buffer_size() > _UNSENT_BYTES_MAX:
            self.abort()

    async def drained(self) -> None:
        """Until the peer has taken most of what was written, or the connection is gone."""
        await self._writable.wait()

    def abort(self) -> None:
        """Give the connection up; one that does not stand yet is its dialler's to give up."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Transport:
    """Listens, dials, and keeps at most one connection to each peer."""

    def __init__(self, config: RaftConfig, handler: Handler, ping: bytes) -> None:
        self.config = config
        self.loop = asyncio.get_running_loop()
        self.ping = pack_frame(ping)
        """A frame sent on idle connections; whoever owns the term renews it."""
        self._handler = handler
        self._links: dict[str, Link] = {}
        self._all: set[Link] = set()
        self._server: asyncio.Server | None = None
        self._dialers: list[asyncio.Task[None]] = []
        self._closing = False
        self._refusals: dict[str, str] = {}

    async def start(self) -> None:
        """Listen and begin to dial. ``OSError`` when the address is not ours to use."""
        config = self.config
        host, port = config.peers[config.node_id]
        context = server_context(config.tls) if config.tls else None
        self._server = await self.loop.create_server(self._accept, host, port, ssl=context, reuse_address=True)
        for peer in config.other_ids:
            if config.node_id < peer:
                self._dialers.append(self.loop.create_task(self._dial(peer)))

    async def close(self) -> None:
        self._closing = True
        for task in self._dialers:
            task.cancel()
        if self._dialers:
            await asyncio.wait(self._dialers, timeout=1.0)
        if self._server is not None:
            self._server.close()
        waits = [link.closed for link in self._all]
        for link in list(self._all):
            link.close()
        if waits:
            await asyncio.wait(waits, timeout=0.5)
        for link in list(self._all):
            link.abort()

    def send(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Send a turn's messages, one write for each peer. Those to peers without a connection are lost."""
        writes: dict[str, list[bytes]] = {}
        for peer, data in messages:
            parts = writes.get(peer)
            if parts is None:
                parts = writes[peer] = []
            parts.append(_LENGTH.pack(len(data)))
            parts.append(data)
        for peer, parts in writes.items():
            link = self._links.get(peer)
            if link is not None:
                link.write(b"".join(parts))

    def drop(self, peer: str) -> None:
        """Give up the connection to ``peer``; it will be dialled again."""
        link = self._links.get(peer)
        if link is not None:
            link.abort()

    def tend(self) -> None:
        """Every few hundred milliseconds: ping idle connections, give up dead ones."""
        now_s = self.loop.time()
        timeout_s = self.config.connection_timeout_ms / 1000
        for link in list(self._all):
            if link.peer and self._links.get(link.peer) is not link:
                continue  # A snapshot's; its owner watches it.
            if now_s - link.received_s > timeout_s:
                link.abort()
            elif link.peer and now_s - link.sent_s > timeout_s / 4:
                link.write(self.ping)

    # Called by links.

    def greeting(self) -> bytes:
        return hello(self.config, Hello.RAFT, self._handler.introduce())

    def note_refusal(self, peer: str, reason: str) -> None:
        """Told once, however often the peer is dialled."""
        if self._refusals.get(peer) != reason:
            self._refusals[peer] = reason
            log.warning("raft connection refused", peer=peer, reason=reason)

    def introduced(self, link: Link, frame: bytes, dialled: str | None) -> None:
        """The peer's Hello. ``PeerError`` unless it is who it says and belongs here."""
        if self._closing:
            raise PeerError("this node is stopping")
        body = Hello.FromString(frame)
        names = link.certificate_names()
        if body.protocol != PROTOCOL or body.cluster_id != self.config.cluster_id:
            raise PeerError(f"protocol {body.protocol} of cluster {body.cluster_id!r}")
        if body.node_id not in self.config.other_ids or body.node_id != (dialled or body.node_id):
            raise PeerError(f"node {body.node_id!r} is not expected here")
        if names is not None and body.node_id not in names:
            raise PeerError(f"node {body.node_id!r} showed a certificate of {names}")
        if body.purpose == Hello.SNAPSHOT:
            link.peer = body.node_id
            self._handler.on_snapshot_wanted(link)
            return
        self._handler.on_introduced(body.node_id, body)
        link.peer = body.node_id
        self._refusals.pop(link.peer, None)
        old = self._links.get(link.peer)
        if old is not None:
            old.abort()
        self._links[link.peer] = link
        if dialled is None:
            link.write(self.greeting())
        self._handler.on_connected(link.peer)

    def arrived(self, link: Link, frames: list[bytes]) -> None:
        """Frames of a link; an older link's are lost."""
        if self._links.get(link.peer) is link:
            self._handler.on_frames(link.peer, frames)

    def lost(self, link: Link) -> None:
        self._all.discard(link)
        if link.peer and self._links.get(link.peer) is link:
            del self._links[link.peer]
            self._handler.on_disconnected(link.peer)

    def _accept(self) -> Link:
        link = Link(self, None)
        self._all.add(link)
        return link

    async def _dial(self, peer: str) -> None:
        """Keep a connection to ``peer``."""
        config = self.config
        host, port = config.peers[peer]
        context = client_context(config.tls) if config.tls else None
        name = peer if context else None
        reached = True
        while not self._closing:
            link = Link(self, peer)
            self._all.add(link)
            try:
                async with asyncio.timeout(config.connection_timeout_ms / 1000):
                    await self.loop.create_connection(
                        lambda link=link: link, host, port, ssl=context, server_hostname=name
                    )
                reached = True
                await link.closed
            except (OSError, ssl.SSLError) as error:
                if reached:
                    log.info("raft peer not reached", peer=peer, reason=str(error) or type(error).__name__)
                reached = False
            finally:
                self._all.discard(link)
            await asyncio.sleep(config.dial_interval_ms / 1000)
