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
from tests.simulation.consensus.cluster import Cluster, SimNode
from tests.simulation.consensus.run import FLOORS as FLOORS_OF_ALL
from tests.simulation.consensus.run import run_world
from tests.simulation.consensus.simulation import Simulation
from tests.simulation.result import SeedResult, Trace

_OPERATOR_MS = 100.0
_VOTERS_MIN, _MEMBERS_MAX = 2, 5
_SPARE_MACHINES = 3

FLOORS = {
    **{name: floor for name, floor in FLOORS_OF_ALL.items() if name in ("acked", "barrier", "elections", "snapshots")},
    "add done": 1.0,
    "promote done": 0.3,
    "remove done": 0.5,
}
"""What a seed does in the mean, at the least (``Depth.floors``)."""


class Changing(Cluster):
    """The first ``founders`` ids make the cluster; the others join it, when they are started."""

    def __init__(self, directory: Path, size: int = 3, *, founders: int = 3, **options: Any) -> None:
        self.founders = [f"n{i + 1}" for i in range(founders)]
        self.renewed: set[str] = set()
        """Machines that came with an empty disk, whatever their ids were once."""
        self.changes_done: list[tuple[object, ChangeOutcome]] = []
        super().__init__(directory, size=size, **options)

    def config(self, node_id: str, directory: Path, **changes: object) -> RaftConfig:
        settings: dict[str, Any] = {"commit_notice_ms": 0, **self.changes, **changes}
        founds = node_id in self.founders and node_id not in self.renewed
        peers = [*self.founders, *([] if node_id in self.founders else [node_id])]
        addresses = {peer: (f"host-{peer}", 1) for peer in peers}
        return RaftConfig(node_id=node_id, peers=addresses, state_dir=directory, join=not founds, **settings)

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
            if other != node.id and other not in engine.roster.peers:
                self.part(node.id, other)
        held = engine.roster.applied
        for index in range(max(engine.applied, held[0][1]) + 1, engine.journal.last_index + 1):
            data, _, term = engine.journal.entry(index)
            if data[0] == MEMBERSHIP:
                held = (term, index), Membership.unpack(data)
        if held != (engine.roster.position, engine.roster.membership):
            self.violations.append(f"{node.id} goes by the membership of {engine.roster.position}, not of {held[0]}")

    def part(self, node_id: str, other: str) -> None:
        """The node does not want this connection any more."""
        if (node_id, other) in self.links:
            self.disconnect(node_id, other)

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
    """Founders and spare machines; the cluster has 2 to 5 voters, whatever the operator is told of even numbers.

    A machine loses its disk only when it is no member: of a cluster of two nobody may.
    """

    without_faults = frozenset(("wipe",))

    def __init__(self, directory: Path, seed: int, size: int = 6, **options: Any) -> None:
        super().__init__(directory, size, seed=seed, **options)
        self.strangers = set(self.ids) - set(self.founders)
        """Machines that the operator knows not to be members."""

    def beginners(self) -> list[str]:
        return self.founders

    def stir(self) -> None:
        self.at(500, self._operate)

    def peer_error(self, node: SimNode, peer: str, error: PeerError) -> None:
        """As the transport does: the connection is closed."""
        self.note(node.id, f"refuses a message of {peer}: {error}")
        self.part(node.id, peer)

    def part(self, node_id: str, other: str) -> None:
        link = self.network.link(node_id, other)
        if link.stands[node_id] and not link.dead:
            self.note(node_id, f"closes its connection to {other}")
            self.network.reset(link)

    # The operator.

    def _operate(self) -> None:
        if not self.trouble:
            return
        self.at(self.rng.expovariate(1 / _OPERATOR_MS), self._operate)
        leaders = [n.id for n in self.nodes.values() if self.listens(n.id) and n.engine.core.is_leader]
        if not leaders:
            return
        leader = self.rng.choice(leaders)
        membership = self.membership(leader)
        kind = self.rng.choice(["add", "promote", "promote", "remove"])
        if kind == "add" and len(membership.ids) < _MEMBERS_MAX:
            self._add(leader)
        elif kind == "promote" and (learners := sorted(membership.ids - membership.voters)):
            self._ask(leader, "promote", self.rng.choice(learners))
        elif kind == "remove" and len(membership.voters) > _VOTERS_MIN:
            self._ask(leader, "remove", self.rng.choice(sorted(membership.ids)))

    def _ask(self, leader: str, kind: str, member: str) -> None:
        self.note("op", f"asks {leader} to {kind} {member}")
        self.change(leader, kind, member)
        self.wake(leader)

    def _add(self, leader: str) -> None:
        """A machine with an empty disk."""
        known = sorted(self.strangers)
        if not known:
            return
        member = self.rng.choice(known)
        self.strangers.discard(member)
        self._renew(member)
        self._ask(leader, "add", member)

    def _renew(self, member: str) -> None:
        node = self.nodes[member]
        self.end(member, back_ms=5.0)
        if node.dir.exists():
            node.wipe()
        self.renewed.add(member)
        self.begin(member)

    def note_change(self, node: SimNode, token: object, outcome: ChangeOutcome) -> None:
        super().note_change(node, token, outcome)
        assert isinstance(token, MemberChange)
        self.counts[f"{token.kind} {outcome.code}"] += 1
        self.note(node.id, f"answers {token.kind} {token.id}: {outcome.code}")
        if token.kind == "remove" and outcome.code == "done":
            self.strangers.add(token.id)

    # Afterwards.

    def members(self) -> list[SimNode]:
        """The members by the newest leader's word; nobody when there is none."""
        leaders = [n for n in self.nodes.values() if n.up and n.engine.core.is_leader]
        if not leaders:
            return []
        newest = max(leaders, key=lambda node: node.engine.core.term)
        return [self.nodes[member] for member in sorted(newest.engine.roster.membership.ids)]


def run_seed(seed: int, nodes: int, directory: Path, trace: Trace | None = None) -> SeedResult:
    """Trouble and changes of the membership, healing, and the check of everything promised."""
    return run_world(
        MembershipSimulation, seed, nodes, directory, trace, size=nodes + _SPARE_MACHINES, founders=nodes
    )
