"""Nodes that found their cluster, and let in whoever belongs to it, as processes do: ``raft/admission.py`` whole.

Until a node is a member its engine hears of no connection. So a cluster begins with empty disks that meet, under all
faults, and dies now and then in the moment at which it notes whom it met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mdscluster.raft.admission import Admission
from mdscluster.raft.founding import DiskLost
from tests.simulation.consensus.node import SimNode
from tests.simulation.consensus.simulation import Life, Simulation

if TYPE_CHECKING:
    from mdsproto.raft_pb2 import Hello

_DEATHS_IN_FOUNDINGS: Final = 0.3


class AdmittedNode(SimNode):
    """A node with what stands between its engine and its connections."""

    admission: Admission

    _lives = 0

    def start(self, **changes: object) -> None:
        wiped = self.wiped
        super().start(**changes)
        self._lives += 1
        try:
            self.admission = Admission(self.engine, b"%s, drawn in life %d" % (self.id.encode(), self._lives))
        except BaseException:
            self.stop()
            self.wiped = wiped
            raise


class Admitting(Simulation):
    """What ``raft/process.py`` and ``raft/transport.py`` ask ``Admission``, asked of it."""

    node_class = AdmittedNode

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.clusters: dict[bytes, str] = {}
        """Identities of clusters that nodes are members of, and who was the first to say so."""
        self.settled: set[str] = set()
        """Nodes that have been members."""

    def admission(self, node_id: str) -> Admission:
        node: Any = self.nodes[node_id]
        admission: Admission = node.admission
        return admission

    def introduce(self, a: str, b: str) -> bool:
        """``a``, who dialled, says Hello. It is answered even if it does not belong here."""
        belongs = self._meets(b, a, self._says(a))
        if not self.nodes[b].up:
            return False
        answer = self._says(b)
        answer.refused = "" if belongs else f"{b} knows of no member {a}"
        return self._meets(a, b, answer) and belongs

    def _says(self, node_id: str) -> Hello:
        body = self.admission(node_id).introduce()
        if body.member and body.cluster and self.clusters.setdefault(body.cluster, node_id) and len(self.clusters) > 1:
            self.violated(f"INV-1, INV-2: clusters were founded by {sorted(self.clusters.values())}")
        return body

    def _meets(self, node_id: str, peer: str, body: Hello) -> bool:
        node = self.nodes[node_id]
        try:
            belongs = self.guarded(node, self.admission(node_id).meet, peer, body, node.now_ms)
        except DiskLost as error:
            self.violated(f"{node_id} takes its own disk for a lost one: {error}")
            return False
        if belongs is not None:
            self._follow_roster(node)
            self._take_early(node_id)
        return bool(belongs)

    def _take_early(self, node_id: str) -> None:
        """The node may be a member now: its engine hears of the connections that were made before."""
        for peer in self.admission(node_id).take_early():
            super().connected(node_id, peer)

    def connected(self, node_id: str, peer: str) -> None:
        if self.admission(node_id).connected(peer):
            super().connected(node_id, peer)

    def met_in_vain(self, node_id: str, peer: str) -> None:
        self.admission(node_id).disconnected(peer)

    def disconnected(self, node_id: str, peer: str) -> None:
        if self.admission(node_id).disconnected(peer):
            super().disconnected(node_id, peer)

    def arrive(self, a: str, b: str, frame: bytes) -> None:
        admission = self.admission(b)
        if admission.member:
            super().arrive(a, b, frame)
        elif admission.founded_since([frame]):
            self.network.drop_others(b, self.nodes[b].engine.roster.peers.keys() - {a})

    def observe(self, node: SimNode) -> None:
        super().observe(node)
        if self.admission(node.id)._founding.done:
            self.settled.add(node.id)
        elif node.engine.core.term:
            self.violated(f"INV-1: {node.id} is in term {node.engine.core.term}, and no member yet")

    def _tend(self, node_id: str, life: Life) -> None:
        super()._tend(node_id, life)
        if life is self.lives[node_id] and self.nodes[node_id].up and self.listens(node_id):
            self._settle(node_id)

    def _settle(self, node_id: str) -> None:
        """Found the cluster, if it is time."""
        node, admission = self.nodes[node_id], self.admission(node_id)
        if not self.guarded(node, admission.settle, node.now_ms):
            return
        self.counts["founded"] += 1
        self.note(node_id, "has met everybody: this cluster is new")
        if self.trouble and self.rng.random() < _DEATHS_IN_FOUNDINGS:
            self.counts["death in a founding"] += 1
            power = self.rng.random() < 0.5
            self.note(node_id, f"{'loses power' if power else 'dies'} as it has founded the cluster")
            self.end(node_id, self.rng.uniform(20, 400), power=power, undo=True)
            return
        self._take_early(node_id)
