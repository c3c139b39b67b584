"""Streams between the consensus processes: one mutually authenticated TLS connection for each pair of nodes.

A frame is a u32 length (big endian) and a protobuf message; the first frame each way is ``Hello``, the dialling side's
first. The node with the smaller id dials at once. The other one does so when no connection has stood for a while: it
may be the only one that knows of both (docs/adr/0018). A newer connection replaces the older one, of which nothing is
delivered any more. Of two that were dialled both ways at once the smaller id's node keeps one: the one by which it said
Hello first, asked or answering. A connection for a snapshot is one of its own.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Final, Protocol

import structlog

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.errors import OtherCluster, PeerError
from mdscluster.raft.framing import pack_frame, pack_frames
from mdscluster.raft.link import Link, Stranger, Superseded
from mdscluster.raft.tls import Contexts, is_of_another_ca
from mdsproto.raft_pb2 import Hello

log = structlog.get_logger()

PROTOCOL: Final = 1
_REFUSED_S: Final = 2.0
"""Pause before a node is dialled again that said it has no such member, or that is of another cluster."""
_PATIENCE_S: Final = 0.5
"""A node leaves it this long to one with a smaller id to dial, which does so several times meanwhile."""


class Handler(Protocol):
    """Who hears of the connections."""

    def introduce(self) -> Hello:
        """What this node says of itself besides its name."""

    def check_cluster(self, peer: str, body: Hello) -> None:
        """``OtherCluster`` when ``peer``, whose certificate is good, is of another one of the same name."""

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


def hello(config: RaftConfig, purpose: Hello.Purpose, more: Hello | None = None) -> bytes:
    """This node's first frame; ``more`` is what it says of itself besides its name."""
    body = Hello(protocol=PROTOCOL, node_id=config.node_id, cluster_id=config.cluster_id, purpose=purpose)
    if more is not None:
        body.MergeFrom(more)
    return pack_frame(body.SerializeToString())


class Transport:
    """Listens, dials, and keeps at most one connection to each peer."""

    def __init__(self, config: RaftConfig, handler: Handler, ping: bytes) -> None:
        """``OSError`` when a certificate cannot be used."""
        self.config = config
        self.loop = asyncio.get_running_loop()
        self.ping = pack_frame(ping)
        """A frame sent on idle connections; whoever owns the term renews it."""
        self._handler = handler
        self._links: dict[str, Link] = {}
        self._asking: dict[str, Link] = {}
        """Connections dialled by this node that said Hello and have no answer yet."""
        self._all: set[Link] = set()
        self._server: asyncio.Server | None = None
        self._tls = Contexts(config.tls) if config.tls else None
        self._peers: dict[str, tuple[str, int]] = {}
        self._strangers: set[str] = set()
        self._dialers: dict[str, asyncio.Task[None]] = {}
        self._closing = False
        self._refusals: dict[str, str] = {}

    async def start(self) -> None:
        """Listen. ``OSError`` when the address is not ours to use."""
        config = self.config
        host, port = config.peers[config.node_id]
        context = self._tls.server if self._tls else None
        self._server = await self.loop.create_server(self._accept, host, port, ssl=context, reuse_address=True)

    def follow(self, peers: dict[str, tuple[str, int]]) -> None:
        """Be connected with ``peers`` (id -> address of its listener) and nobody else from now on."""
        before, self._peers = self._peers, dict(peers)
        for peer in before.keys() - peers.keys():
            self.drop(peer)
        for peer, address in before.items():
            if peers.get(peer) != address and peer in self._dialers:
                self._dialers.pop(peer).cancel()
                self.drop(peer)
        for peer in sorted(peers.keys() - self._dialers.keys()):
            if not self._closing:
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
        """Every few hundred milliseconds: ping idle connections, give up dead ones, look for a renewed certificate."""
        if self._tls is not None:
            self._tls.refresh()
        now_s = self.loop.time()
        timeout_s = self.config.connection_timeout_ms / 1000
        ping_s = self.config.ping_ms / 1000
        for link in list(self._all):
            if link.peer and self._links.get(link.peer) is not link:
                continue  # A snapshot's; its owner watches it.
            if now_s - link.received_s > timeout_s:
                link.abort()
                if not link.connected:
                    self._all.discard(link)  # it is told neither that its handshake failed nor that it is lost
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

    def _note_foreign(self, peer: str) -> None:
        """Both sides dial, so that both say it: whoever has the wrong folder of everybody, the others of that one."""
        assert self.config.tls is not None
        self.note_refusal(
            peer,
            f"{peer} shows a certificate of ANOTHER CA than {self.config.tls.ca}: neither takes anything from the "
            "other. One of the two has another cluster's files, as a rule the one that says this of every peer: copy "
            "the right host's folder there again, or mend the addresses. A new CA comes to all: docs/DEPLOY.md",
        )

    def _check_cluster(self, body: Hello) -> None:
        """``OtherCluster`` when a peer, whose certificate is good, belongs to another one: by name, or by founding."""
        if body.cluster_id != self.config.cluster_id:
            raise OtherCluster(
                body.node_id,
                f"{body.node_id} belongs to ANOTHER cluster: its configuration says {body.cluster_id!r}, this node's "
                f"{self.config.cluster_id!r}. Neither takes anything from the other: mend the name or the addresses",
            )
        self._handler.check_cluster(body.node_id, body)

    def reached(self, link: Link, peer: str) -> None:
        """The handshake of a connection dialled here is over: say Hello, unless there is another one by now."""
        if peer in self._links:
            link.abort()
            return
        self._asking[peer] = link
        link.write(self.greeting())

    def introduced(self, link: Link, frame: bytes) -> None:
        """The peer's Hello. ``PeerError`` unless it is who it says, ``OtherCluster`` or ``Stranger`` unless it belongs
        here, ``Superseded`` if another connection goes first.

        Whoever does not belong here is answered before the connection is closed: a stranger learns the membership, for
        it may have been removed while it slept, or it waits to be added; and both sides can tell their operator.
        """
        if self._closing:
            raise PeerError("this node is stopping")
        body, dialled = Hello.FromString(frame), link.dialled
        names = link.certificate_names()
        if body.protocol != PROTOCOL:
            raise PeerError(f"node {body.node_id!r} speaks protocol {body.protocol}, this one {PROTOCOL}")
        if body.node_id == self.config.node_id or body.node_id != (dialled or body.node_id):
            raise PeerError(f"node {body.node_id!r} is not expected here")
        if names is not None and not {body.node_id, self.config.tls_role or body.node_id} <= set(names):
            raise PeerError(f"node {body.node_id!r} showed a certificate of {names}")
        if dialled is not None and self._asking.get(dialled) is link:
            del self._asking[dialled]
        try:
            self._check_cluster(body)
        except OtherCluster:
            if dialled is None and body.purpose == Hello.RAFT:
                link.write(self.greeting(f"{self.config.node_id} belongs to another cluster"))
            raise
        if body.purpose == Hello.SNAPSHOT:
            belongs = body.node_id in self._peers
        else:
            if not body.refused:
                self._give_way(link, body.node_id)
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

    def _give_way(self, link: Link, peer: str) -> None:
        """``Superseded`` if ``link`` is the one to be given up of two that were dialled both ways.

        The smaller id's node decides: it says Hello on one connection at a time, and so what it told on the one that it
        has kept is never older than on another. The larger one's node takes that one, whatever else it has.
        """
        standing = self._links.get(peer)
        if self.config.node_id < peer:
            other = self._asking.get(peer) or standing
            given_up = link.dialled is None and other is not None and other.dialled is not None
        else:
            given_up = link.dialled is not None and standing is not None and standing.dialled is None
        if given_up:
            raise Superseded

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
        if link.dialled is not None and self._asking.get(link.dialled) is link:
            del self._asking[link.dialled]
        if link.peer and self._links.get(link.peer) is link:
            del self._links[link.peer]
            self._handler.on_disconnected(link.peer)

    def _accept(self) -> Link:
        link = Link(self, None)
        self._all.add(link)
        return link

    async def _dial(self, peer: str, address: tuple[str, int]) -> None:
        """Keep a connection to ``peer``, whoever of the two dials it."""
        config = self.config
        patience_s = 0.0 if config.node_id < peer else _PATIENCE_S
        pause_s = patience_s
        host, port = address
        name = peer if self._tls else None
        reached = True
        while not self._closing:
            await asyncio.sleep(pause_s)
            if peer in self._links:
                await asyncio.wait([self._links[peer].closed])
                pause_s = config.dial_interval_ms / 1000 + patience_s
                continue
            link = Link(self, peer)
            self._all.add(link)
            try:
                async with asyncio.timeout(config.connection_timeout_ms / 1000):
                    context = self._tls.client if self._tls else None
                    await self.loop.create_connection(
                        lambda link=link: link, host, port, ssl=context, server_hostname=name
                    )
                reached = True
                await asyncio.wait([link.closed])
            except (OSError, ssl.SSLError) as error:
                if is_of_another_ca(error):
                    self._note_foreign(peer)
                elif reached:
                    log.info("raft peer not reached", peer=peer, reason=str(error) or type(error).__name__)
                reached = False
            finally:
                self._all.discard(link)
            pause_s = _REFUSED_S if link.refused else config.dial_interval_ms / 1000 + (patience_s if link.peer else 0)
