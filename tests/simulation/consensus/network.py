"""Connections between the nodes: production frames, FIFO as TCP is, and everything that happens to packets.

Each side of a connection has a view of its own of whether it stands: one side may learn of its end long before the
other. A hole swallows packets; TCP sends them again, so what was sent into it arrives when it closes, unless the
connection was given up meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from mdscluster.raft.framing import FrameReader, pack_frames

if TYPE_CHECKING:
    from tests.simulation.consensus.simulation import Simulation

LATENCY_MS: Final = 1.0
_DIAL_MS: Final = (1.0, 80.0)
_CUT_STREAM: Final = 0.05
"""How often a write arrives in two pieces."""


class Lane:
    """One direction of a connection."""

    __slots__ = ("a", "b", "holes", "latency_ms", "queue", "reader", "received_ms", "sent_ms")

    def __init__(self, a: str, b: str) -> None:
        self.a = a
        self.b = b
        self.holes = 0
        self.latency_ms = LATENCY_MS
        self.clear(0.0)

    def clear(self, now_ms: float) -> None:
        self.queue: deque[tuple[float, bytes]] = deque()
        self.reader = FrameReader()
        self.sent_ms = self.received_ms = now_ms


class Link:
    """The connections of two nodes, one after the other; ``dialler`` has the smaller id."""

    def __init__(self, dialler: str, other: str) -> None:
        self.ends = (dialler, other)
        self.epoch = 0
        self.dead = True
        """The connection broke; a side that still believes in it will learn so."""
        self.stands = {dialler: False, other: False}
        self.lanes = {(dialler, other): Lane(dialler, other), (other, dialler): Lane(other, dialler)}

    def other(self, node_id: str) -> str:
        return self.ends[1] if node_id == self.ends[0] else self.ends[0]


class Network:
    """Every link of a simulated cluster."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        ids = world.ids
        self.links = [Link(a, b) for a in ids for b in ids if a < b]
        self._by_pair = {pair: link for link in self.links for pair in link.lanes}
        self.lanes = {pair: lane for link in self.links for pair, lane in link.lanes.items()}
        self.links_of = {node_id: [link for link in self.links if node_id in link.ends] for node_id in ids}

    def link(self, a: str, b: str) -> Link:
        return self._by_pair[a, b]

    # Messages.

    def send(self, a: str, messages: list[tuple[str, bytes]]) -> None:
        """One write for each peer, as the production transport makes it."""
        writes: dict[str, list[bytes]] = {}
        for peer, data in messages:
            writes.setdefault(peer, []).append(data)
        world = self._world
        for b, frames in writes.items():
            link = self._by_pair[a, b]
            if link.dead or not link.stands[a]:
                continue
            lane = self.lanes[a, b]
            due_ms = world.now_ms + lane.latency_ms * world.rng.uniform(0.5, 1.5)
            if lane.queue and lane.queue[-1][0] > due_ms:
                due_ms = lane.queue[-1][0]
            lane.queue.append((due_ms, pack_frames(frames)))
            lane.sent_ms = world.now_ms
            world.at(due_ms - world.now_ms, self.pump, lane)

    def pump(self, lane: Lane) -> None:
        """Hand over what has arrived, if the receiver listens."""
        world = self._world
        link = self._by_pair[lane.a, lane.b]
        while lane.queue and lane.queue[0][0] <= world.now_ms:
            if lane.holes or not link.stands[lane.b] or not world.listens(lane.b):
                return
            due_ms, data = lane.queue.popleft()
            lane.received_ms = world.now_ms
            if len(data) > 1 and world.rng.random() < _CUT_STREAM:
                at = world.rng.randrange(1, len(data))
                lane.queue.appendleft((due_ms, data[at:]))
                data = data[:at]
            for frame in lane.reader.feed(data):
                world.arrive(lane.a, lane.b, frame)
                if not link.stands[lane.b] or not world.listens(lane.b):
                    return  # The process ended with this frame; what followed it in the buffer is lost.

    def pump_to(self, node_id: str) -> None:
        for link in self.links_of[node_id]:
            self.pump(link.lanes[link.other(node_id), node_id])

    # Connections.

    def dial(self, link: Link, epoch: int) -> None:
        """The dialler tries; it goes on trying while both nodes live and packets are lost."""
        world, (a, b) = self._world, link.ends
        if link.epoch != epoch or link.stands[a] or not (world.nodes[a].up and world.nodes[b].up):
            return
        if any(lane.holes for lane in link.lanes.values()) or not (world.listens(a) and world.listens(b)):
            world.at(world.rng.uniform(20, 60), self.dial, link, epoch)
            return
        if b not in world.nodes[a].engine.roster.peers or not world.introduce(a, b):
            if world.nodes[a].up and world.nodes[b].up:
                world.at(world.rng.uniform(40, 120), self.dial, link, epoch)
            return
        link.epoch += 1
        link.dead = False
        for lane in link.lanes.values():
            lane.clear(world.now_ms)
        for side in world.rng.sample(link.ends, 2):
            world.at(world.rng.uniform(0.0, 1.5), self._connected, link, side, link.epoch)

    def _connected(self, link: Link, side: str, epoch: int) -> None:
        world = self._world
        if link.epoch != epoch or not world.nodes[side].up:
            return
        if link.dead:
            world.met_in_vain(side, link.other(side))
            return
        if not world.listens(side):
            world.defer(side, self._connected, link, side, epoch)
            return
        if link.other(side) not in world.nodes[side].engine.roster.peers:
            self._abort(link, side)
            return
        link.stands[side] = True
        world.note(side, f"connected to {link.other(side)}")
        world.connected(side, link.other(side))
        self.pump_to(side)

    def reset(self, link: Link, *, slow: bool = False) -> None:
        """The connection breaks with everything under way. With ``slow`` one side learns of it much later."""
        world = self._world
        link.dead = True
        late = world.rng.choice(link.ends) if slow else ""
        for side in link.ends:
            link.lanes[link.other(side), side].clear(world.now_ms)
            delay_ms = world.rng.uniform(50, 400) if side == late else world.rng.uniform(0, 3)
            world.at(delay_ms, self.lost, link, side, link.epoch)

    def lost(self, link: Link, side: str, epoch: int) -> None:
        """One side learns that its connection is gone."""
        world = self._world
        if link.epoch != epoch:
            return
        if world.nodes[side].up and not world.listens(side):
            world.defer(side, self.lost, link, side, epoch)
            return
        if not link.dead:
            self.reset(link)
        if link.stands[side]:
            link.stands[side] = False
            if world.nodes[side].up:
                world.note(side, f"lost its connection to {link.other(side)}")
                world.disconnected(side, link.other(side))
        if side == link.ends[0]:
            world.at(world.rng.uniform(*_DIAL_MS), self.dial, link, epoch)

    def tend(self, node_id: str, ping: bytes) -> None:
        """As the production transport does now and then: ping idle connections, give up silent ones."""
        world = self._world
        for link in self.links_of[node_id]:
            peer = link.other(node_id)
            out, back = link.lanes[node_id, peer], link.lanes[peer, node_id]
            if not link.stands[node_id]:
                continue
            if world.now_ms - back.received_ms > world.timeout_ms:
                self._abort(link, node_id)
            elif world.now_ms - out.sent_ms > world.ping_ms:
                self.send(node_id, [(peer, ping)])

    def drop_others(self, node_id: str, peers: Collection[str]) -> None:
        """The node gives up its connections to whoever is none of ``peers``."""
        for link in self.links_of[node_id]:
            if link.stands[node_id] and link.other(node_id) not in peers:
                self._abort(link, node_id)

    def _abort(self, link: Link, side: str) -> None:
        """One side gives the connection up; the other is told, unless the word is lost."""
        peer, was_dead, link.dead = link.other(side), link.dead, True
        link.lanes[peer, side].clear(self._world.now_ms)
        self.lost(link, side, link.epoch)
        if not was_dead:
            out = link.lanes[side, peer]
            out.clear(self._world.now_ms)
            self._say_closed(link, out, link.epoch, self._world.now_ms + self._world.timeout_ms)

    def died(self, node_id: str, *, power: bool) -> None:
        """The node's process is gone. Its kernel says so to the others; a machine without power says nothing."""
        world = self._world
        for link in self.links_of[node_id]:
            peer = link.other(node_id)
            link.stands[node_id] = False
            was_dead, link.dead = link.dead, True
            link.lanes[peer, node_id].clear(world.now_ms)
            if was_dead:
                continue
            lane = link.lanes[node_id, peer]
            if not power and world.rng.random() < 0.5:
                lane.clear(world.now_ms)  # A reset overtakes what was under way.
            if power:
                world.at(world.timeout_ms * world.rng.uniform(1.0, 1.2), self.lost, link, peer, link.epoch)
            else:
                self._say_closed(link, lane, link.epoch, world.now_ms + world.timeout_ms)

    def _say_closed(self, link: Link, lane: Lane, epoch: int, limit_ms: float) -> None:
        """The end of the stream arrives behind what was sent, and through no hole."""
        world = self._world
        if link.epoch != epoch:
            return
        if (lane.holes or lane.queue) and world.now_ms < limit_ms and world.nodes[lane.b].up:
            world.at(10.0, self._say_closed, link, lane, epoch, limit_ms)
        else:
            world.at(world.rng.uniform(0.1, 3.0), self.lost, link, lane.b, epoch)

    def started(self, node_id: str) -> None:
        """A new process: whoever still writes to the old one is told, and the diallers find it."""
        world = self._world
        for link in self.links_of[node_id]:
            peer = link.other(node_id)
            if link.stands[peer]:
                world.at(world.rng.uniform(0, 50), self.lost, link, peer, link.epoch)
            if node_id == link.ends[0] or not link.stands[peer]:
                world.at(world.rng.uniform(1, 60), self.dial, link, link.epoch)

    # Faults.

    def hole(self, a: str, b: str, ms: float) -> None:
        """Packets of ``a`` to ``b`` are lost for a time."""
        world, lane = self._world, self.lanes[a, b]
        lane.holes += 1
        world.at(ms, self._unhole, lane)

    def _unhole(self, lane: Lane) -> None:
        lane.holes = max(lane.holes - 1, 0)
        self.pump(lane)

    def slow_down(self, a: str, b: str, latency_ms: float, ms: float) -> None:
        lane = self.lanes[a, b]
        lane.latency_ms = latency_ms
        self._world.at(ms, self._hurry, lane)

    def _hurry(self, lane: Lane) -> None:
        lane.latency_ms = LATENCY_MS

    def heal(self) -> None:
        for lane in self.lanes.values():
            lane.holes = 0
            lane.latency_ms = LATENCY_MS
            self._world.at(0.0, self.pump, lane)
