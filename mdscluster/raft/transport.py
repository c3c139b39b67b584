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
from typing import Final, Protocol, cast

import structlog
from google.protobuf.message import DecodeError

from mdscluster.raft.config import RaftConfig, TlsConfig
from mdscluster.raft.errors import PeerError
from mdscluster.raft.framing import FrameReader, pack_frame, pack_frames
from mdsproto.raft_pb2 import Hello

log = structlog.get_logger()

PROTOCOL: Final = 1
_HELLO_BYTES_MAX: Final = 16_384
_UNSENT_BYTES_MAX: Final = 64 << 20
_REFUSED_S: Final = 2.0
"""Pause before a node is dialled again that said it has no such member."""


class Handler(Protocol):
    """Who hears of the connections."""

    def introduce(self) -> Hello:
        """What this node says of itself besides its name."""

    def on_introduced(self, peer: str, body: Hello) -> bool:
        """What ``peer``, whose certificate is good, says of itself; whether it belongs here. ``PeerError`` refuses the
        connection."""

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


def hello(config: RaftConfig, purpose: Hello.Purpose, more: Hello | None = None) -> bytes:
    """This node's first frame; ``more`` is what it says of itself besides its name."""
    body = Hello(protocol=PROTOCOL, node_id=config.node_id, cluster_id=config.cluster_id, purpose=purpose)
    if more is not None:
        body.MergeFrom(more)
    return pack_frame(body.SerializeToString())


class Stranger(Exception):
    """One side does not belong to the other's cluster, (any more, or yet): its id, and who says so."""


class Link(asyncio.Protocol):
    """One connection. ``peer`` is empty until its Hello was accepted."""

    def __init__(self, owner: Transport, dialled: str | None) -> None:
        self.peer = ""
        self.closed = asyncio.get_running_loop().create_future()
        self.received_s = owner.loop.time()
        self.sent_s = 0.0
        self.refused = False
        """The other side has no such member."""
        self._owner = owner
        self._dialled = dialled
        self._transport: asyncio.Transport | None = None
        """Set when connected, which is after the TLS handshake."""
        self._given_up = False
        self._reader = FrameReader(_HELLO_BYTES_MAX)
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._given_up:
            self._transport.abort()
            return
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
            frames = self._reader.feed(data)
            if frames and not self.peer:
                self._owner.introduced(self, frames.pop(0), self._dialled)
            if frames and self.peer:
                self._owner.arrived(self, frames)
        except Stranger as error:
            self._owner.note_stranger(*error.args)
            self.refused = True
            self.close()
        except (PeerError, DecodeError) as error:
            self._owner.note_refusal(self.peer or self._dialled or "", str(error))
            self.abort()

    def certificate_names(self) -> list[str] | None:
        """DNS names of the peer's certificate; None without TLS."""
        if self._owner.config.tls is None:
            return None
        assert self._transport is not None, "asked of a connection that stands"
        certificate = self._transport.get_extra_info("peercert") or {}
        return [name for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS"]

    def write(self, data: bytes) -> None:
        """Send frames; the connection is given up when the peer takes none for too long."""
        if self._transport is None:
            return
        self.sent_s = self._owner.loop.time()
        self._transport.write(data)
        if not self._writable.is_set() and self._transport.get_write_buffer_size() > _UNSENT_BYTES_MAX:
            self.abort()

    @property
    def connected(self) -> bool:
        """Whether the handshake is over."""
        return self._transport is not None

    async def drained(self) -> None:
        """Until the peer has taken most of what was written, or the connection is gone."""
        await self._writable.wait()

    def abort(self) -> None:
        """Give the connection up; one that is still in its handshake as soon as that is over."""
        self._given_up = True
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """The same, after what was written is sent."""
        self._given_up = True
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
        self._peers: dict[str, tuple[str, int]] = {}
        self._strangers: set[str] = set()
        self._dialers: dict[str, asyncio.Task[None]] = {}
        self._closing = False
        self._refusals: dict[str, str] = {}

    async def start(self) -> None:
        """Listen. ``OSError`` when the address is not ours to use."""
        config = self.config
        host, port = config.peers[config.node_id]
        context = server_context(config.tls) if config.tls else None
        self._server = await self.loop.create_server(self._accept, host, port, ssl=context, reuse_address=True)

    def follow(self, peers: dict[str, tuple[str, int]]) -> None:
        """Be connected with ``peers`` (id -> address of its listener) and nobody else from now on."""
        before, self._peers = self._peers, dict(peers)
        for peer in before.keys() - peers.keys():
            self.drop(peer)
        for peer, address in before.items():
            if peers.get(peer) != address and peer in self._dialers:
                self._dialers.pop(peer).cancel()
        for peer in sorted(peers.keys() - self._dialers.keys()):
            if self.config.node_id < peer and not self._closing:
                self._dialers[peer] = self.loop.create_task(self._dial(peer, peers[peer]))

    async def close(self) -> None:
        self._closing = True
        dialers = list(self._dialers.values())
        for task in dialers:
            task.cancel()
        if dialers:
            await asyncio.wait(dialers, timeout=1.0)
        if self._server is not None:
            self._server.close()
        waits = [link.closed for link in self._all if link.connected]
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
            writes.setdefault(peer, []).append(data)
        for peer, frames in writes.items():
            link = self._links.get(peer)
            if link is not None:
                link.write(pack_frames(frames))

    def drop(self, peer: str) -> None:
        """Give up the connection to ``peer``; it will be dialled again."""
        link = self._links.get(peer)
        if link is not None:
            link.abort()

    def tend(self) -> None:
        """Every few hundred milliseconds: ping idle connections, give up dead ones."""
        now_s = self.loop.time()
        timeout_s = self.config.connection_timeout_ms / 1000
        ping_s = self.config.ping_ms / 1000
        for link in list(self._all):
            if link.peer and self._links.get(link.peer) is not link:
                continue  # A snapshot's; its owner watches it.
            if now_s - link.received_s > timeout_s:
                link.abort()
            elif link.peer and now_s - link.sent_s > ping_s:
                link.write(self.ping)

    # Called by links.

    def greeting(self, refused: str = "") -> bytes:
        """This node's first frame on a connection between members, or why there is none."""
        body = self._handler.introduce()
        body.refused = refused
        return hello(self.config, Hello.RAFT, body)

    def note_refusal(self, peer: str, reason: str) -> None:
        """Told once, however often the peer is dialled."""
        if self._refusals.get(peer) != reason:
            self._refusals[peer] = reason
            log.warning("raft connection refused", peer=peer, reason=reason)

    def introduced(self, link: Link, frame: bytes, dialled: str | None) -> None:
        """The peer's Hello. ``PeerError`` unless it is who it says, ``Stranger`` unless it belongs here.

        A stranger is told the membership before the connection is closed: it may have been removed while it slept,
        or it waits to be added.
        """
        if self._closing:
            raise PeerError("this node is stopping")
        body = Hello.FromString(frame)
        names = link.certificate_names()
        if body.protocol != PROTOCOL or body.cluster_id != self.config.cluster_id:
            raise PeerError(f"protocol {body.protocol} of cluster {body.cluster_id!r}")
        if body.node_id == self.config.node_id or body.node_id != (dialled or body.node_id):
            raise PeerError(f"node {body.node_id!r} is not expected here")
        if names is not None and not {body.node_id, self.config.tls_role or body.node_id} <= set(names):
            raise PeerError(f"node {body.node_id!r} showed a certificate of {names}")
        if body.purpose == Hello.SNAPSHOT:
            belongs = body.node_id in self._peers
        else:
            belongs = self._handler.on_introduced(body.node_id, body)
        if body.refused:
            raise Stranger(body.node_id, body.refused)
        if not belongs:
            if dialled is None:
                link.write(self.greeting(f"{self.config.node_id} knows of no member {body.node_id}"))
            raise Stranger(body.node_id, "it is in no membership known here")
        link.peer = body.node_id
        self._strangers.discard(body.node_id)
        if body.purpose == Hello.SNAPSHOT:
            self._handler.on_snapshot_wanted(link)
            return
        self._refusals.pop(link.peer, None)
        old = self._links.get(link.peer)
        if old is not None:
            old.abort()
        self._links[link.peer] = link
        if dialled is None:
            link.write(self.greeting())
        self._handler.on_connected(link.peer)

    def note_stranger(self, peer: str, reason: str) -> None:
        """Log it once: a node that was removed, or waits to be added, comes again and again."""
        if peer not in self._strangers:
            self._strangers.add(peer)
            log.info("raft connection between strangers", peer=peer, reason=reason)

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

    async def _dial(self, peer: str, address: tuple[str, int]) -> None:
        """Keep a connection to ``peer``."""
        config = self.config
        host, port = address
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
            await asyncio.sleep(_REFUSED_S if link.refused else config.dial_interval_ms / 1000)
