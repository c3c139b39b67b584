"""A follower that needs a snapshot, and its install."""

from __future__ import annotations

from tests.simulation.consensus.cluster import Cluster
from tests.simulation.fixtures import MakeCluster


def behind(make_cluster: MakeCluster, *, n2_keeps: int = 16) -> Cluster:
    """n3 missed so much that n1's log begins after its end; it is connected again and was offered a snapshot."""
    cluster = make_cluster(log_keep_entries=16)
    cluster.start("n1", "n3")
    cluster.start("n2", log_keep_entries=n2_keeps)
    cluster.calm()
    cluster.elect("n1")
    cluster.settle()
    cluster.propose("n1", b"before")
    cluster.settle()
    cluster.isolate("n3")
    for i in range(60):
        cluster.propose("n1", b"missed %d" % i)
        cluster.settle("n1", "n2", rounds=1)
        cluster.calm()
    cluster.connect("n3", "n1")
    cluster.connect("n3", "n2")
    cluster.settle(rounds=8)
    assert cluster["n3"].snapshot_from == "n1"
    assert cluster["n3"].history() == [b"before"]
    return cluster


def install(cluster: Cluster) -> None:
    """n3 gets n1's state, and is started again on it."""
    assert cluster["n3"].install_snapshot(cluster["n1"])
    cluster.kill("n3")
    cluster.start("n3")


def install_later(cluster: Cluster) -> None:
    """n3 has nothing of what it was offered before: it is offered a snapshot once more, and installs that."""
    node = cluster["n3"]
    node.snapshot_from = None
    cluster.run(300)
    assert node.snapshot_from == "n1"
    install(cluster)
