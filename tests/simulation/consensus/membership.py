"""Clusters whose membership changes: who may connect to whom is the nodes' own decision, as between processes.

``Changing`` makes any cluster of the simulator so. ``MembershipSimulation`` has an operator who adds, promotes, removes
and replaces at random, while all the other faults go on; now and then she asks a leader that is none any more. Its
founders begin on empty disks, and found their cluster first.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.errors import PeerError
from mdscluster.raft.members import MEMBERSHIP, Membership
from mdscluster.replica import ChangeOutcome, MemberChange
from tests.simulation.consensus.admitting import Admitting
from tests.simulation.consensus.cluster import Cluster, SimNode
from tests.simulation.consensus.faults import FAULTS
from tests.simulation.consensus.run import batch_bytes, digest, heal, profile, trouble
from tests.simulation.logs import bugs_in_logs
from tests.simulation.result import SeedResult, Trace

_OPERATOR_MS = 90.0
_START_MS = 600.0
"""Founders start one after the other, the last of them when faults have begun."""

FLOORS = {
    "acked": 40.0,
    "founded": 1.0,
    "death in a founding": 0.3,
    "elections": 2.0,
    "add done": 0.5,
    "promote done": 0.15,
    "remove done": 0.3,
    "taken back": 0.05,
    "strike": 0.5,
    "snapshots": 0.5,
    "torn": 0.05,
    "fail-stop": 0.2,
    "death in a turn": 0.2,
    "death in an install": 0.05,
    "failure in an install": 0.02,
    "kill": 0.5,
    **{name: 0.1 for name in FAULTS if name not in ("kill", "wipe")},
}
"""What a seed does in the mean, at the least (``Depth.floors``)."""


class Changing(Cluster):
    """The first ``founders`` ids make the cluster; the others join it, when they are started."""

    def __init__(self, directory: Path, size: int = 3, *, founders: int = 3, **options: Any) -> None:
        self.founders = [f"n{i + 1}" for i in range(founders)]
        self.wiped: set[str] = set()
        """Machines that were given an empty disk, and so join."""
        super().__init__(directory, size=size, **options)
        self.changes_done: list[tuple[object, ChangeOutcome]] = []

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


class MembershipSimulation(Changing, Admitting):
    """3 founders of 6 machines; the cluster has 2 to 5 voters, whatever the operator is told about even numbers."""

    def __init__(self, directory: Path, size: int = 6, **options: Any) -> None:
        super().__init__(directory, size, **options)
        self.strangers = set(self.ids) - set(self.founders)
        """Machines that the operator knows not to be members."""
        self.positions: dict[str, tuple[int, int]] = {}

    def members(self) -> list[SimNode]:
        """Who belongs to the cluster, as its newest leader has it; nobody while none leads."""
        leaders = [node for node in self.nodes.values() if node.up and node.engine.core.is_leader]
        if not leaders:
            return []
        newest = max(leaders, key=lambda node: node.engine.core.term)
        return [self.nodes[member] for member in sorted(newest.engine.roster.membership.ids)]

    # The operator.

    def operate(self) -> None:
        """Ask for a change, of whoever leads or thinks so; but not before every founder is a member. One that is not
        yet would be told by a member that was added, and does not know its disk, that it has lost it (docs/adr/0013).
        """
        if not self.trouble:
            return
        self.at(self.rng.expovariate(1 / _OPERATOR_MS), self.operate)
        if not self.settled.issuperset(self.founders):
            return
        leaders = [node_id for node_id in self.ids if self.listens(node_id)]
        leaders = [node_id for node_id in leaders if self.nodes[node_id].engine.core.is_leader]
        if not leaders:
            return
        leader = self.rng.choice(leaders)
        membership = self.membership(leader)
        learners = sorted(membership.ids - membership.voters)
        kinds = ["add"] if len(membership.ids) < 5 and self.strangers else []
        kinds += ["promote"] * 2 if learners else []
        kinds += ["remove"] if len(membership.voters) > 2 else []
        kind = self.rng.choice(kinds) if kinds else ""
        if kind == "add":
            self._add(leader)
        elif kind == "promote":
            self.change(leader, "promote", self.rng.choice(learners))
        elif kind == "remove":
            self.change(leader, "remove", self.rng.choice(sorted(membership.ids)))
        self.wake(leader)
        if self.rng.random() < 0.2:
            self.at(self.rng.uniform(0, 25), self.strike, leader)

    def strike(self, leader: str) -> None:
        """Trouble just when a change is under way: whoever was asked dies, or reaches one other node at most."""
        if not self.trouble or not self.nodes[leader].up:
            return
        self.counts["strike"] += 1
        if self.rng.random() < 0.3:
            self.note("**", f"{leader} dies while it changes the membership")
            self.end(leader, self.rng.uniform(300, 1200))
            return
        reached, ms = self.rng.choice(self.ids), self.rng.uniform(400, 1200)
        self.note("**", f"{leader} reaches {reached} at most for {ms:.0f} ms while it changes the membership")
        for other in self.ids:
            if other not in (leader, reached):
                self.network.hole(leader, other, ms)
                self.network.hole(other, leader, ms)

    def observe(self, node: SimNode) -> None:
        super().observe(node)
        position = node.engine.roster.position
        if position < self.positions.get(node.id, (0, 0)):
            self.counts["taken back"] += 1
        self.positions[node.id] = position

    def _add(self, leader: str) -> None:
        """A machine with an empty disk."""
        member = self.rng.choice(sorted(self.strangers))
        self.strangers.discard(member)
        node = self.nodes[member]
        self.end(member, 5.0)
        if node.dir.exists():
            node.wipe()
        self.wiped.add(member)
        self.positions.pop(member, None)
        self.at(5.0, self.begin, member)
        self.note("**", f"{member} is empty, and to be added")
        self.change(leader, "add", member)

    def note_change(self, node: SimNode, token: object, outcome: ChangeOutcome) -> None:
        super().note_change(node, token, outcome)
        assert isinstance(token, MemberChange)
        self.counts[f"{token.kind} {outcome.code}"] += 1
        self.note(node.id, f"answers the operator, {token.kind} {token.id}: {outcome.code}")
        if (token.kind, outcome.code) in (("remove", "done"), ("add", "busy"), ("add", "refused")):
            self.strangers.add(token.id)


def run_seed(seed: int, nodes: int, directory: Path, trace: Trace | None = None) -> SeedResult:
    """Faults and an operator; then the members must converge. ``nodes`` found the cluster; 3 machines more join it."""
    settings, small = profile(seed)
    settings["founding_wait_ms"] = Random(f"founding {seed}").choice([20, 150, 400])
    world = MembershipSimulation(directory, nodes + 3, seed=seed, founders=nodes, trace=trace, **settings)
    world.note("**", f"{nodes} founders, {'small' if small else 'large'} messages, {settings}")
    try:
        with batch_bytes(small), bugs_in_logs(world.violated):
            world.at(600, world.operate)
            trouble(world, world.founders, without=("wipe",), apart_ms=_START_MS)
            heal(world, world.members)
            if not world.violations:
                world.check()
    except AssertionError as error:
        world.violated(str(error))
    finally:
        world.close()
    return SeedResult(seed, nodes, tuple(world.violations), dict(world.counts), digest(world))
