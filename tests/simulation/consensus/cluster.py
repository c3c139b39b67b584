"""A cluster in one process, its time and network moved by hand: real engines, real LMDB, real messages."""

from __future__ import annotations

import shutil
from collections import deque
from pathlib import Path
from random import Random
from typing import Any

import lmdb

from mdscluster.raft import snapshot
from mdscluster.raft.config import RaftConfig
from mdscluster.raft.engine import Engine, Output
from mdscluster.raft.guards import Guards
from mdsproto.raft_pb2 import Message
from tests.simulation.consensus.machine import AppendMachine

MAP_BYTES = 64 << 20


def open_env(path: Path) -> lmdb.Environment:
    """As the product opens it, but small."""
    path.mkdir(parents=True, exist_ok=True)
    return lmdb.open(str(path), map_size=MAP_BYTES, max_dbs=64, metasync=False, meminit=False)


class SimNode:
    """A node that can be killed, lose its disk's newest writes, and come back."""

    def __init__(self, cluster: Cluster, node_id: str, directory: Path) -> None:
        self.cluster = cluster
        self.id = node_id
        self.dir = directory
        self.up = False
        self.engine: Engine = None  # type: ignore[assignment]  # while down
        self.env: lmdb.Environment = None  # type: ignore[assignment]
        self.machine: Any = None
        """An ``AppendMachine``, unless the cluster makes another."""
        self.results: dict[object, bytes | None] = {}
        self.barriers: dict[object, bool] = {}
        self.events: list[bytes] = []
        self.snapshot_from: str | None = None
        self.images: list[bytes] = []
        """What a power failure now may leave: the file as it is certain to be, and as it may be."""

    def start(self, **changes: object) -> None:
        cluster = self.cluster
        config = cluster.config(self.id, self.dir, **changes)
        self.env = open_env(self.dir)
        self.machine = cluster.make_machine(self)
        Engine.guards_class = cluster.guards_class
        try:
            self.engine = Engine(
                config, self.env, self.machine, now_ms=cluster.now_ms, wall_ns=cluster.wall_ns, rng=cluster.rng
            )
        finally:
            Engine.guards_class = Guards
        self.up = True
        if cluster.keep_images:
            self.images = [self._image()]
            self._watch_commits()

    def install_snapshot(self, leader: SimNode) -> bool:
        """What the processes do between a snapshot offer and the restart; False when the image was refused."""
        directory = snapshot.incoming_dir(self.dir)
        snapshot.discard_incoming(self.dir)
        directory.mkdir()
        leader.env.copy(str(directory), compact=True)
        try:
            snapshot.adopt(directory, self.engine.store, self.engine.applied)
        except snapshot.SnapshotError:
            self.engine.store.commit()
            return False
        self.engine.store.commit()
        snapshot.switch(directory, self.dir)
        return True

    def _image(self) -> bytes:
        return (self.dir / "data.mdb").read_bytes()

    def _watch_commits(self) -> None:
        """Note what is on disk for certain after each commit, and what the kernel may have written beyond it."""
        store, commit = self.engine.store, self.engine.store.commit

        def watched() -> bool:
            promised = store._promised
            wrote = commit()
            if wrote:
                image = self._image()
                self.images = [image] if promised else [*self.images[:1], image]
            return wrote

        store.commit = watched  # type: ignore[method-assign]

    def kill(self, power_loss: int | None = None) -> None:
        """kill -9; with ``power_loss`` the disk is left as the given one of ``images``."""
        self.engine.store.abandon()
        self.env.close()
        self.up = False
        if power_loss is not None:
            (self.dir / "data.mdb").write_bytes(self.images[power_loss])
            (self.dir / "lock.mdb").unlink()

    def history(self) -> list[bytes]:
        with self.env.begin() as txn:
            history: list[bytes] = self.machine.history(txn)
        return history

    def turn(self) -> Output:
        """One turn at the cluster's time; messages go to the network's queues."""
        cluster = self.cluster
        self._post(self.engine.begin_turn(cluster.now_ms, cluster.wall_ns))
        if cluster.dies_before_commit(self):
            return Output()
        output = self.engine.finish_turn(cluster.now_ms)
        self._post(output.messages)
        for token, result in output.results:
            assert token not in self.results, f"two results for {token!r}"
            self.results[token] = result
            cluster.note_result(self, token, result)
        for token, ok in output.barriers:
            assert token not in self.barriers, f"two answers for {token!r}"
            self.barriers[token] = ok
            cluster.note_barrier(self, token, ok)
        self.events += output.events
        self.snapshot_from = output.snapshot_from or self.snapshot_from
        cluster.observe(self)
        return output

    def _post(self, messages: list[tuple[str, bytes]]) -> None:
        for peer, data in messages:
            if (self.id, peer) in self.cluster.links:
                self.cluster.post(self.id, peer, data)


class Cluster:
    """Nodes n1, n2, ... and the messages between them, delivered when the test says so."""

    node_class: type[SimNode] = SimNode

    def __init__(
        self,
        directory: Path,
        size: int = 3,
        *,
        seed: int = 1,
        guards_class: type[Guards] = Guards,
        keep_images: bool = False,
        **changes: object,
    ) -> None:
        self.rng = Random(seed)
        self.guards_class = guards_class
        self.keep_images = keep_images
        self.changes = changes
        self.now_ms = 1_000.0
        self.ids = [f"n{i + 1}" for i in range(size)]
        self.nodes = {node_id: self.node_class(self, node_id, directory / node_id) for node_id in self.ids}
        self.links: set[tuple[str, str]] = set()
        self.queues: dict[tuple[str, str], deque[bytes]] = {
            (a, b): deque() for a in self.ids for b in self.ids if a != b
        }
        self.leaders: dict[int, str] = {}
        self.committed: dict[int, tuple[int, bytes]] = {}
        self.violations: list[str] = []

    @property
    def wall_ns(self) -> int:
        return int(self.now_ms * 1_000_000) + 1_700_000_000_000_000_000

    def config(self, node_id: str, directory: Path, **changes: object) -> RaftConfig:
        settings: dict[str, object] = {"commit_notice_ms": 0, **self.changes, **changes}
        return RaftConfig(
            node_id=node_id,
            peers=dict.fromkeys(self.ids, ("127.0.0.1", 0)),
            state_dir=directory,
            **settings,  # type: ignore[arg-type]
        )

    def make_machine(self, node: SimNode) -> Any:
        """The state machine of a node that starts."""
        return AppendMachine(node.env)

    # Life and death.

    def start(self, *ids: str, connect: bool = True, **changes: object) -> None:
        for node_id in ids or self.ids:
            self.nodes[node_id].start(**changes)
        if connect:
            for a in ids or self.ids:
                for b in self.ids:
                    if a != b and self.nodes[b].up:
                        self.connect(a, b)

    def kill(self, *ids: str, power_loss: int | None = None) -> None:
        for node_id in ids:
            self.nodes[node_id].kill(power_loss)
            for other in self.ids:
                if other != node_id:
                    self.disconnect(node_id, other)

    def close(self) -> None:
        for node in self.nodes.values():
            if node.up:
                node.kill()

    def wipe(self, node_id: str) -> None:
        shutil.rmtree(self.nodes[node_id].dir)

    def connect(self, a: str, b: str) -> None:
        """A new connection, which replaces the old one and all it still carried."""
        for x, y in ((a, b), (b, a)):
            self.queues[x, y].clear()
            self.links.add((x, y))
        self.nodes[a].engine.connected(b, self.now_ms)
        self.nodes[b].engine.connected(a, self.now_ms)

    def disconnect(self, a: str, b: str) -> None:
        for x, y in ((a, b), (b, a)):
            self.queues[x, y].clear()
            if (x, y) in self.links:
                self.links.discard((x, y))
                if self.nodes[x].up:
                    self.nodes[x].engine.disconnected(y, self.now_ms)

    def isolate(self, node_id: str) -> None:
        for other in self.ids:
            if other != node_id:
                self.disconnect(node_id, other)

    # Steps.

    def __getitem__(self, node_id: str) -> SimNode:
        return self.nodes[node_id]

    def turn(self, node_id: str, after_ms: float = 0.0) -> Output:
        self.now_ms += after_ms
        return self.nodes[node_id].turn()

    def deliver(self, a: str, b: str, count: int = 1 << 30, *, turn: bool = True) -> int:
        """Hand ``b`` up to ``count`` messages of ``a``; how many there were."""
        queue, done = self.queues[a, b], 0
        while queue and done < count:
            self.hand(a, b, queue.popleft())
            done += 1
            if turn:
                self.nodes[b].turn()
        return done

    def post(self, a: str, b: str, data: bytes) -> None:
        self.queues[a, b].append(data)

    def hand(self, a: str, b: str, data: bytes) -> None:
        self.nodes[b].engine.receive(a, Message.FromString(data), self.now_ms)

    def drop(self, a: str, b: str) -> None:
        self.queues[a, b].clear()

    def cut_off(self, *ids: str) -> None:
        """Drop everything under way to and from the nodes."""
        for (a, b), queue in self.queues.items():
            if a in ids or b in ids:
                queue.clear()

    def settle(self, *ids: str, rounds: int = 6, step_ms: float = 20.0) -> None:
        """Let ``ids`` talk among themselves; what they send to others stays queued."""
        members = [node_id for node_id in ids or self.ids if self.nodes[node_id].up]
        for _ in range(rounds):
            self.now_ms += step_ms
            for node_id in members:
                self.nodes[node_id].turn()
            for _ in range(8):
                if not sum(self.deliver(a, b) for a in members for b in members if a != b):
                    break

    def calm(self) -> None:
        """No election by timer until the test wants one."""
        for node in self.nodes.values():
            if node.up:
                node.engine.guards._deadline_ms = float("inf")

    def elect(self, node_id: str, *voters: str) -> None:
        """Make a node stand and, if its voters agree, lead."""
        engine = self.nodes[node_id].engine
        for voter in voters or self.ids:
            if self.nodes[voter].up:
                self.nodes[voter].engine.guards._heard_leader_ms = -1e12
        engine._at(self.now_ms)
        engine.core.start_election()
        engine._work = True
        self.turn(node_id)
        for voter in voters or self.ids:
            if voter != node_id and self.nodes[voter].up:
                self.deliver(node_id, voter)
                self.deliver(voter, node_id)

    def propose(self, node_id: str, *commands: bytes) -> None:
        for command in commands:
            self.nodes[node_id].engine.propose(command, command, self.now_ms)

    def run(self, ms: float, step_ms: float = 10.0) -> None:
        """Let everybody talk to everybody."""
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.settle(rounds=1, step_ms=step_ms)

    def await_leader(self, limit_ms: float = 5_000) -> str:
        end_ms = self.now_ms + limit_ms
        while self.now_ms < end_ms:
            self.settle(rounds=1, step_ms=10)
            leaders = [n for n in self.nodes.values() if n.up and n.engine.core.is_leader]
            leaders = [n for n in leaders if n.engine.guards.has_quorum() and n.engine.reads._may_answer()]
            if len(leaders) == 1:
                return leaders[0].id
        raise AssertionError("no leader")

    # Invariants.

    def dies_before_commit(self, node: SimNode) -> bool:
        """Whether ``node`` dies now, its entries sent and its turn not committed."""
        return False

    def note_result(self, node: SimNode, token: object, result: bytes | None) -> None:
        """A proposal was answered."""

    def note_barrier(self, node: SimNode, token: object, ok: bool) -> None:
        """A barrier was answered."""

    def observe(self, node: SimNode) -> None:
        """INV-1 and INV-8 at every turn of every node."""
        core, journal = node.engine.core, node.engine.journal
        if core.is_leader and self.leaders.setdefault(core.term, node.id) != node.id:
            self.violations.append(f"INV-1: term {core.term} has leaders {self.leaders[core.term]} and {node.id}")
        for index in range(max(node.engine.applied - 20, journal.first_index + 1), node.engine.applied + 1):
            data, _, term = journal.entry(index)
            known = self.committed.setdefault(index, (term, data))
            if known != (term, data):
                self.violations.append(f"INV-8: {node.id} applied {index} of term {term}, others of term {known[0]}")

    def acknowledged(self) -> list[bytes]:
        """Commands that somebody was told have run."""
        return [
            token
            for node in self.nodes.values()
            for token, result in node.results.items()
            if result is not None and isinstance(token, bytes)
        ]

    def check(self) -> None:
        """INV-1, INV-2 (acknowledged commands are there, once), INV-8 for the nodes that are up."""
        assert not self.violations, self.violations
        histories = [node.history() for node in self.nodes.values() if node.up]
        longest = max(histories, key=len)
        for history in histories:
            assert history == longest[: len(history)], "INV-8: histories diverge"
        assert len(set(longest)) == len(longest), "INV-3: a command ran twice"
        lost = set(self.acknowledged()) - set(longest)
        assert not lost, f"INV-2: acknowledged and lost: {sorted(lost)[:5]}"
