"""Directed scenarios: a cluster moved by hand, and what must hold when they end."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.consensus.cluster import Cluster
from tests.simulation.fixtures import MakeCluster

COMMANDS = tuple(b"command-%d" % i for i in range(6))


def led(make_cluster: MakeCluster, size: int = 3, **options: object) -> Cluster:
    """A cluster whose n1 leads term 1 and has told everybody; no timer starts elections."""
    cluster = make_cluster(size, **options)
    cluster.start()
    cluster.calm()
    cluster.elect("n1")
    cluster.settle()
    assert cluster["n1"].engine.core.is_leader
    cluster.calm()
    return cluster


def holds(cluster: Cluster, trace: Callable[[Cluster], None]) -> None:
    """The trace ends with every invariant whole."""
    trace(cluster)
    cluster.check()


def append_entries(cluster: Cluster, node: str, *commands: bytes) -> None:
    """One log entry for each command."""
    for command in commands:
        cluster.propose(node, command)
        cluster.turn(node)
        cluster.turn(node)


def stand(cluster: Cluster, candidate: str) -> None:
    """A node stands for election, without a word to anybody before."""
    engine = cluster[candidate].engine
    engine._at(cluster.now_ms)
    engine.core.start_election()
    engine._work = True
    cluster.turn(candidate)


def stand_after_pre_vote(cluster: Cluster, candidate: str, *granters: str) -> None:
    """A node stands for election as its timer would have it: it asks before, and ``granters`` answer."""
    engine = cluster[candidate].engine
    engine._at(cluster[candidate].now_ms)
    engine.guards._start_pre_vote()
    cluster.turn(candidate)
    for peer in granters:
        cluster.deliver(candidate, peer)
        cluster.deliver(peer, candidate)
    engine._work = True
    cluster.turn(candidate)
