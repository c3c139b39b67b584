"""A cluster in one process, its time and network moved by hand: real engines, real LMDB, real messages."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from random import Random

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.engine import Output
from mdscluster.replica import ChangeOutcome
from mdsproto.raft_pb2 import Message
from tests.simulation.consensus.node import SimNode, open_env

__all__ = ["Cluster", "SimNode", "open_env"]


class Cluster:
    """Nodes n1, n2, ... and the messages between them, delivered when the test says so."""

    node_class: type[SimNode] = SimNode

    def __init__(
        self,
        directory: Path,
        size: int = 3,
        *,
        seed: int = 1,
        **changes: object,
    ) -> None:
        self.rng = Random(seed)
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

    def config(self, node_id: str, directory: Path, **changes: object) -> RaftConfig:
        settings: dict[str, object] = {"commit_notice_ms": 0, **self.changes, **changes}
        return RaftConfig(
            node_id=node_id,
            peers=dict.fromkeys(self.ids, ("127.0.0.1", 0)),
            state_dir=directory,
            **settings,  # type: ignore[arg-type]
        )

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
        self.nodes[node_id].wipe()

    def connect(self, a: str, b: str) -> None:
        """A new connection, which replaces the old one and all it still carried."""
        for x, y in ((a, b), (b, a)):
            self.queues[x, y].clear()
            self.links.add((x, y))
        self.nodes[a].engine.connected(b, self.nodes[a].now_ms)
        self.nodes[b].engine.connected(a, self.nodes[b].now_ms)

    def disconnect(self, a: str, b: str) -> None:
        for x, y in ((a, b), (b, a)):
            self.queues[x, y].clear()
            if (x, y) in self.links:
                self.links.discard((x, y))
                if self.nodes[x].up:
                    self.nodes[x].engine.disconnected(y, self.nodes[x].now_ms)

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
        if (a, b) in self.links:
            self.queues[a, b].append(data)

    def hand(self, a: str, b: str, data: bytes) -> None:
        self.nodes[b].engine.receive(a, Message.FromString(data), self.nodes[b].now_ms)

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
            self.nodes[node_id].engine.propose(command, command, self.nodes[node_id].now_ms)

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

    def note_run(self, node: SimNode, index: int, command: bytes) -> None:
        """A command runs on a node, from the entry of this index."""

    def note_result(self, node: SimNode, token: object, result: bytes | None) -> None:
        """A proposal was answered."""

    def note_barrier(self, node: SimNode, token: object, ok: bool) -> None:
        """A barrier was answered."""

    def note_change(self, node: SimNode, token: object, outcome: ChangeOutcome) -> None:
        """A change of the membership was answered."""

    def observe(self, node: SimNode) -> None:
        """INV-1 and INV-8 at every turn of every node."""
        core, journal = node.engine.core, node.engine.journal
        if core.is_leader and self.leaders.setdefault(core.term, node.id) != node.id:
            self.violations.append(f"INV-1: term {core.term} has leaders {self.leaders[core.term]} and {node.id}")
        first = max(node.checked, journal.first_index)
        for index in range(first + 1, node.engine.applied + 1):
            data, _, term = journal.entry(index)
            known = self.committed.setdefault(index, (term, data))
            if known != (term, data):
                self.violations.append(f"INV-8: {node.id} applied {index} of term {term}, others of term {known[0]}")
        node.checked = node.engine.applied

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
