"""Reads on a cluster moved by hand: a barrier's rounds, and who may confirm one."""

from __future__ import annotations

import pytest

from mdsproto.raft_pb2 import Message
from tests.simulation.consensus.cluster import Cluster
from tests.simulation.fixtures import MakeCluster
from tests.unit.raft.support.clusters import bodies, elected


def ask(cluster: Cluster, node_id: str, token: str = "read") -> None:
    cluster[node_id].engine.barrier(token, cluster.now_ms)
    cluster.turn(node_id)


def test_one_message_each_way_is_a_round(make_cluster: MakeCluster) -> None:
    """INV-4 at its price: no transaction, no tick, two messages with three nodes."""
    cluster, leader, others = elected(make_cluster)
    last = [node.env.info()["last_txnid"] for node in cluster.nodes.values()]
    ask(cluster, others[0])
    assert bodies(cluster, others[0], leader) == ["read_request"]
    cluster.deliver(others[0], leader)
    assert bodies(cluster, leader, others[0]) == ["read_reply"]
    cluster.deliver(leader, others[0])
    assert cluster[others[0]].barriers == {"read": True}
    ask(cluster, leader, "own")
    asked = [other for other in others if cluster.queues[leader, other]]
    assert len(asked) == 1
    cluster.deliver(leader, asked[0])
    cluster.deliver(asked[0], leader)
    assert cluster[leader].barriers == {"own": True}
    assert [node.env.info()["last_txnid"] for node in cluster.nodes.values()] == last


def test_a_silent_follower_delays_a_leaders_read_by_milliseconds(make_cluster: MakeCluster) -> None:
    cluster, leader, others = elected(make_cluster)
    ask(cluster, leader)
    asked = next(other for other in others if cluster.queues[leader, other])
    cluster.drop(leader, asked)
    cluster.turn(leader, 6)
    other = next(node_id for node_id in others if node_id != asked)
    cluster.deliver(leader, other)
    cluster.deliver(other, leader)
    assert cluster[leader].barriers == {"read": True}


@pytest.mark.parametrize("size", [3, 5])
def test_a_deposed_leader_answers_no_read(make_cluster: MakeCluster, size: int) -> None:
    """INV-4: a paused leader wakes up after another was elected; its own reads and those it is asked for wait."""
    cluster, old, others = elected(make_cluster, size)
    new, *voters = others
    cluster.run(40)
    cluster.calm()
    cluster.elect(new, *voters)
    cluster.cut_off(old)
    cluster.settle(*others, rounds=4)
    cluster.propose(new, b"later")
    cluster.settle(*others, rounds=4)
    assert cluster[new].results
    ask(cluster, old)
    assert cluster[old].engine.core.is_leader
    assert cluster[old].barriers == {}
    cluster.run(1_000)
    assert cluster[old].barriers == {"read": True}
    assert cluster[old].history() == [b"later"]


def test_a_read_waits_until_this_node_has_applied(make_cluster: MakeCluster) -> None:
    """INV-4: True means that this node's LMDB shows it."""
    cluster, leader, others = elected(make_cluster)
    slow, quick = others
    cluster.propose(leader, b"x")
    cluster.turn(leader)
    cluster.drop(leader, slow)
    cluster.deliver(leader, quick)
    cluster.deliver(quick, leader)
    cluster.drop(leader, slow)
    ask(cluster, slow)
    cluster.deliver(slow, leader)
    reply = cluster.queues[leader, slow].pop()
    cluster.drop(leader, slow)
    cluster.hand(leader, slow, reply)
    cluster.turn(slow)
    assert cluster[slow].barriers == {}
    cluster.run(300)
    assert cluster[slow].barriers == {"read": True}
    assert cluster[slow].history() == [b"x"]


def test_a_new_leader_parks_reads_until_it_has_committed(make_cluster: MakeCluster) -> None:
    """INV-4: before that it does not know all that was acknowledged (Raft thesis §6.4)."""
    cluster = make_cluster()
    cluster.start()
    cluster.calm()
    cluster.elect("n1", "n1", "n2")
    assert cluster["n1"].engine.core.is_leader
    cluster.deliver("n1", "n2")
    ask(cluster, "n2")
    request = cluster.queues["n2", "n1"].pop()
    assert Message.FromString(request).WhichOneof("body") == "read_request"
    cluster.drop("n2", "n1")
    cluster.hand("n2", "n1", request)
    cluster.turn("n1")
    assert "read_reply" not in bodies(cluster, "n1", "n2")
    cluster.run(300)
    assert cluster["n2"].barriers == {"read": True}


def test_without_quorum_a_read_is_refused_in_time(make_cluster: MakeCluster) -> None:
    """INV-6."""
    cluster, leader, others = elected(make_cluster, barrier_deadline_ms=300)
    for other in others:
        cluster.disconnect(leader, other)
    ask(cluster, leader)
    cluster.settle(leader, rounds=100)
    assert cluster[leader].barriers == {"read": False}
