"""Directed changes of a membership: asked of the leader, and seen through."""

from __future__ import annotations

from mdscluster.replica import MemberChange
from mdsproto.raft_pb2 import Message
from tests.simulation.consensus.membership import Changing


def run(cluster: Changing, ms: float = 600.0) -> None:
    """Everybody talks to everybody, with no timer for elections."""
    end_ms = cluster.now_ms + ms
    while cluster.now_ms < end_ms:
        cluster.calm()
        cluster.dial()
        for a, b in sorted(cluster.links):
            cluster.nodes[b].engine.guards.quarantine.hear(a, cluster.nodes[a].engine.core.term)  # as pings do
        cluster.settle(rounds=2)


def outcome(cluster: Changing, change: MemberChange) -> str:
    """What the change was answered last; empty: nothing yet."""
    return next((answer.code for token, answer in reversed(cluster.changes_done) if token is change), "")


def done(cluster: Changing, kind: str, member: str, leader: str = "n1") -> None:
    """Change, and see it committed everywhere."""
    change = cluster.change(leader, kind, member)
    run(cluster)
    assert outcome(cluster, change) == "done", cluster.changes_done


def grown(cluster: Changing, *, learners: str = "", voters: str = "") -> Changing:
    for number in learners + voters:
        done(cluster, "add", f"n{number}")
    for number in voters:
        done(cluster, "promote", f"n{number}")
    return cluster


def cluster_message(data: bytes) -> str | None:
    return Message.FromString(data).WhichOneof("body")
