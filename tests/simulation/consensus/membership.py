"""Clusters whose membership changes: who may connect to whom is the nodes' own decision, as between processes.

``Changing`` makes any cluster of the simulator so. ``MembershipSimulation`` has an operator who adds, promotes, removes
and replaces at random, while all the other faults go on; now and then she asks a leader that is none any more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.errors import PeerError
from mdscluster.raft.members import MEMBERSHIP, Membership
from mdscluster.replica import ChangeOutcome, MemberChange
from mdsproto.raft_pb2 import Message
from tests.simulation.consensus.cluster import Cluster, SimNode
from tests.simulation.consensus.simulation import Simulation

_OPERATOR_MS = 120.0
_DIAL_MS = 40.0
_PING_MS = 150.0


class Changing(Cluster):
    """The first ``founders`` ids make the cluster; the others join it, when they are started."""

    def __init__(self, directory: Path, size: int = 3, *, founders: int = 3, **options: Any) -> None:
        super().__init__(directory, size=size, **options)
        self.founders = self.ids[:founders]
        self.wiped: set[str] = set()
        self.changes_done: list[tuple[object, ChangeOutcome]] = []
        self.positions: dict[str, tuple[int, int]] = {}
        self.taken_back = 0
        """Memberships that were truncated, or lost with power."""

    def config(self, node_id: str, directory: Path, **changes: object) -> RaftConfig:
        settings: dict[str, Any] = {"commit_notice_ms": 0, **self.changes, **changes}
        founds = node_id in self.founders and node_id not in self.wiped
        peers = [*self.founders, *([] if node_id in self.founders else [node_id])]
        addresses = {peer: (f"host-{peer}", 1) for peer in peers}
        return RaftConfig(node_id=node_id, peers=addresses, state_dir=directory, join=not founds, **settings)

    def connect(self, a: str, b: str) -> None:
        """Both tell their membership; who finds the other in none that it knows refuses."""
        nodes = self.nodes[a].engine, self.nodes[b].engine
        told = [engine.introduction() for engine in nodes]
        agreed = [nodes[0].introduced(b, told[1], self.now_ms), nodes[1].introduced(a, told[0], self.now_ms)]
        if all(agreed):
            super().connect(a, b)

    def hand(self, a: str, b: str, data: bytes) -> None:
        try:
            super().hand(a, b, data)
        except PeerError:
            self.disconnect(a, b)

    def observe(self, node: SimNode) -> None:
        """Connections to whoever is no peer any more are closed. The roster is what the log says, whatever it went
        through."""
        super().observe(node)
        engine = node.engine
        for other in self.ids:
            if (node.id, other) in self.links and other not in engine.roster.peers:
                self.disconnect(node.id, other)
        held = engine.roster.applied
        for index in range(max(engine.applied, held[0][1]) + 1, engine.journal.last_index + 1):
            data, _, term = engine.journal.entry(index)
            if data[0] == MEMBERSHIP:
                held = (term, index), Membership.unpack(data)
        if engine.roster.position < self.positions.get(node.id, (0, 0)):
            self.taken_back += 1
        self.positions[node.id] = engine.roster.position
        if held != (engine.roster.position, engine.roster.membership):
            self.violations.append(f"{node.id} goes by the membership of {engine.roster.position}, not of {held[0]}")

    def note_change(self, node: SimNode, token: object, outcome: ChangeOutcome) -> None:
        self.changes_done.append((token, outcome))

    def change(self, node_id: str, kind: str, member: str, *, even_ok: bool = True) -> MemberChange:
        """Ask a node to change the membership; the answer comes with one of its turns."""
        change = MemberChange(kind, member, f"host-{member}", 1, even_ok=even_ok)  # type: ignore[arg-type]
        self.nodes[node_id].engine.change_members(change, change)
        return change

    def dial(self) -> None:
        """Whoever may be connected is."""
        for a in self.ids:
            for b in self.ids:
                if a < b and self.nodes[a].up and self.nodes[b].up and (a, b) not in self.links:
                    self.connect(a, b)

    def membership(self, node_id: str) -> Membership:
        return self.nodes[node_id].engine.roster.membership


class MembershipSimulation(Changing, Simulation):
    """3 founders of 6 machines; the cluster has 2 to 5 voters, whatever the operator is told about even numbers."""

    def __init__(self, directory: Path, seed: int, size: int = 6, **options: Any) -> None:
        super().__init__(directory, size, **options, seed=seed)
        self.strangers = set(self.ids) - set(self.founders)
        """Machines that the operator knows not to be members."""

    # Connections come by themselves, and are tried again and again.

    def run_faults(self, ms: float) -> None:
        self.start(*self.founders)
        self.at(0, "propose")
        self.at(500, "fault")
        self.at(600, "operate")
        self.at(_DIAL_MS, "dial")
        self.at(_PING_MS, "ping")
        self.course(ms)

    def _on_dial(self) -> None:
        for a in self.rng.sample(self.ids, len(self.ids)):
            for b in self.ids:
                if a < b and not (self.holes[a, b] or self.holes[b, a] or {a, b} & self.paused):
                    if self._works(a) and self._works(b) and (a, b) not in self.links and self.rng.random() < 0.5:
                        self.connect(a, b)
        self.at(_DIAL_MS, "dial")

    def _on_ping(self) -> None:
        """As the transport does on every connection: it tells the sender's term."""
        for a, b in sorted(self.links):
            if self._works(a) and a not in self.paused:
                message = Message(term=self.nodes[a].engine.core.term)
                message.ping.SetInParent()
                self.post(a, b, message.SerializeToString())
        self.at(_PING_MS, "ping")

    def _on_connect(self, a: str, b: str) -> None:
        if self._works(a) and self._works(b):
            super()._on_connect(a, b)

    def _works(self, node_id: str) -> bool:
        node = self.nodes[node_id]
        return node.up and not node.engine.store.failed

    # The operator.

    def _on_operate(self) -> None:
        if not self.trouble:
            return
        self.at(self.rng.expovariate(1 / _OPERATOR_MS), "operate")
        leaders = [n.id for n in self.nodes.values() if self._works(n.id) and n.engine.core.is_leader]
        if not leaders:
            return
        leader = self.rng.choice(leaders)
        membership = self.membership(leader)
        kind = self.rng.choice(["add", "promote", "promote", "remove"])
        if kind == "add" and len(membership.ids) < 5:
            self._add(leader)
        elif kind == "promote" and (learners := sorted(membership.ids - membership.voters)):
            self.change(leader, "promote", self.rng.choice(learners))
        elif kind == "remove" and len(membership.voters) > 2:
            self.change(leader, "remove", self.rng.choice(sorted(membership.ids)))
        if self.rng.random() < 0.3:
            self.at(self.rng.uniform(0, 25), "strike", leader)

    def _on_strike(self, leader: str) -> None:
        """Trouble just when a change is under way: whoever was asked dies, or reaches one other node at most."""
        self.counts["strike"] += 1
        if not self._works(leader):
            return
        if self.rng.random() < 0.3:
            self._kill(leader, self.rng.uniform(300, 1500))
            return
        reached = self.rng.choice(self.ids)
        ms = self.rng.uniform(400, 1500)
        for other in self.ids:
            if other not in (leader, reached):
                self._hole(leader, other, ms)
                self._hole(other, leader, ms)

    def _add(self, leader: str) -> None:
        """A machine with an empty disk, or none that has heard of the cluster for a while."""
        known = sorted(self.strangers)
        if not known:
            return
        member = self.rng.choice(known)
        self.strangers.discard(member)
        self._renew(member)
        self.change(leader, "add", member)

    def _renew(self, member: str) -> None:
        if self.nodes[member].up:
            self.kill(member)
        if self.nodes[member].dir.exists():
            self.wipe(member)
        self.wiped.add(member)
        self.paused.discard(member)
        self.nodes[member].start()

    def note_change(self, node: SimNode, token: object, outcome: ChangeOutcome) -> None:
        super().note_change(node, token, outcome)
        assert isinstance(token, MemberChange)
        self.counts[f"{token.kind} {outcome.code}"] += 1
        if token.kind == "remove" and outcome.code == "done":
            self.strangers.add(token.id)

    # Afterwards.

    def heal(self, limit_ms: float = 20_000) -> None:
        """No more faults: the members elect a leader, propose with success, and catch up."""
        self.trouble = False
        calm_ms, end_ms = self.now_ms + 3_500, self.now_ms + limit_ms
        asked: dict[str, object] = {}
        wanted: dict[str, bytes] = {}
        while self.now_ms < end_ms:
            self.step()
            leaders = [n for n in self.nodes.values() if n.up and n.engine.core.is_leader]
            if self.now_ms < calm_ms or not leaders:
                continue
            newest = max(leaders, key=lambda node: node.engine.core.term)
            members = [self.nodes[member] for member in sorted(newest.engine.roster.membership.ids)]
            for node in members:
                if node.up and wanted.get(node.id) not in node.results and asked.get(node.id) is not node.engine:
                    asked[node.id] = node.engine
                    wanted[node.id] = command = b"last of %s at %d" % (node.id.encode(), self.now_ms)
                    node.engine.propose(command, command, self.now_ms)
            if all(node.up and wanted.get(node.id) in node.results for node in members):
                if len({(len(node.history()), node.engine.roster.membership) for node in members}) == 1:
                    return
        states = [(n.id, n.engine.status(self.now_ms)) if n.up else n.id for n in self.nodes.values()]
        raise AssertionError(f"no convergence: {states}")
