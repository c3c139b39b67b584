"""A cluster moved by hand: with a leader, and what lies on its wires."""

from __future__ import annotations

from mdsproto.raft_pb2 import Message
from tests.simulation.consensus.cluster import Cluster
from tests.simulation.fixtures import MakeCluster


def elected(make_cluster: MakeCluster, size: int = 3, **options: object) -> tuple[Cluster, str, list[str]]:
    cluster = make_cluster(size, **options)
    cluster.start()
    leader = cluster.await_leader()
    cluster.run(100)
    return cluster, leader, [node_id for node_id in cluster.ids if node_id != leader]


def bodies(cluster: Cluster, a: str, b: str) -> list[str | None]:
    return [Message.FromString(data).WhichOneof("body") for data in cluster.queues[a, b]]


def ping(cluster: Cluster, a: str, b: str) -> None:
    """What the transport sends on an idle connection."""
    message = Message(term=cluster[a].engine.core.term)
    message.ping.SetInParent()
    cluster.hand(a, b, message.SerializeToString())
