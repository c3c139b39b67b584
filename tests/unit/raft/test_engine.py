"""Elections, votes, restarts and power loss on a cluster moved by hand."""

from __future__ import annotations

import pytest

from mdscluster.raft import core
from mdscluster.raft.elections import HASTENED_MS, Elections
from mdscluster.raft.errors import ConsensusBug, StorageError
from mdscluster.raft.store import Store
from mdsproto.raft_pb2 import Message
from tests.simulation.consensus.cluster import Cluster
from tests.simulation.disk import COMMIT_FAILS
from tests.simulation.fixtures import MakeCluster
from tests.unit.raft.support.clusters import bodies, elected


def test_another_release_of_pysyncobj_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "PYSYNCOBJ_VERSION", "0.3.18")
    with pytest.raises(ConsensusBug, match=r"0\.3\.17 only"):
        core.check_pysyncobj()


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_leader_arises_and_commits(make_cluster: MakeCluster, size: int) -> None:
    cluster, leader, _ = elected(make_cluster, size)
    cluster.propose(leader, b"a", b"b")
    cluster.run(100)
    assert all(node.history() == [b"a", b"b"] for node in cluster.nodes.values())
    cluster.check()


def test_a_killed_leader_is_replaced_soon_when_its_connections_break(make_cluster: MakeCluster) -> None:
    cluster, leader, _ = elected(make_cluster)
    cluster.kill(leader)
    died_ms = cluster.now_ms
    cluster.await_leader()
    assert cluster.now_ms - died_ms < 300


@pytest.mark.parametrize("size", [3, 5])
def test_nodes_that_start_together_elect_as_soon_as_they_meet(make_cluster: MakeCluster, size: int) -> None:
    """After everybody's death the clients wait: nobody sits out a silence in which there is nobody to hear. Nor does
    one node lead ever after, which may be the slowest."""
    cluster, _, _ = elected(make_cluster, size)
    leaders = set()
    for _ in range(10):
        cluster.kill(*cluster.ids)
        cluster.start()
        began_ms = cluster.now_ms
        leaders.add(cluster.await_leader())
        assert cluster.now_ms - began_ms < 300
    assert leaders == {*cluster.ids}


def test_a_survivor_and_a_node_that_comes_back_elect_as_soon_as_they_meet(make_cluster: MakeCluster) -> None:
    cluster, leader, others = elected(make_cluster)
    cluster.kill(leader, others[0])
    cluster.run(2_000)
    cluster.start(others[0])
    began_ms = cluster.now_ms
    cluster.await_leader()
    assert cluster.now_ms - began_ms < 300


def test_followers_that_come_back_together_leave_the_leader_alone(make_cluster: MakeCluster) -> None:
    """They are a quorum without it, until it has said a word: that is the first thing on a new connection. (One whose
    connections come much later than theirs is deposed: it has had no quorum all the time.)"""
    cluster, _, _ = elected(make_cluster)
    cluster.run(40)
    cluster.elect("n3")
    leader, others = "n3", ("n1", "n2")
    term = cluster[leader].engine.core.term
    for _ in range(20):
        cluster.kill(*others)
        cluster.run(100)
        cluster.start(*others)
        cluster.run(1_000)
        assert cluster[leader].engine.core.is_leader
        assert cluster[leader].engine.core.term == term


def test_the_lost_leader_has_no_turn(make_cluster: MakeCluster) -> None:
    """Whoever is first of those that are left asks for votes at once, whoever led and in whatever term."""
    cluster, _, _ = elected(make_cluster)
    for leader in cluster.ids:
        others = [node_id for node_id in cluster.ids if node_id != leader]
        while (cluster.ids.index(leader) + cluster[leader].engine.core.term + 1) % 3:  # its turn would not be the first
            cluster.elect(others[0])
            cluster.run(60)
            others.reverse()
        cluster.elect(leader)
        cluster.run(60)
        assert all(cluster[node_id].engine.core.leader_id == leader for node_id in cluster.ids)
        cluster.kill(leader)
        died_ms = cluster.now_ms
        cluster.await_leader()
        assert cluster.now_ms - died_ms <= HASTENED_MS[1] + 20
        cluster.start(leader)
        cluster.run(500)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who asks for votes; nobody gets any."""
    found: list[str] = []
    monkeypatch.setattr(Elections, "_start_pre_vote", lambda self: found.append(self.config.node_id))
    return found


def led_by_n1(make_cluster: MakeCluster) -> Cluster:
    """Five nodes, whom no timer makes stand for election."""
    cluster = make_cluster(5)
    cluster.start()
    cluster.calm()
    cluster.elect("n1")
    return cluster


def test_a_link_that_flaps_starts_no_election_where_nothing_has_become_possible(
    make_cluster: MakeCluster, asked: list[str]
) -> None:
    """Those that reached a quorum before have asked already, and it was in vain."""
    cluster = led_by_n1(make_cluster)
    cluster.kill("n1")
    cluster.calm()
    for _ in range(4):
        cluster.run(150)
        cluster.disconnect("n2", "n3")
        cluster.connect("n2", "n3")
    assert asked == []


def test_who_hears_a_leader_asks_for_no_votes_when_it_reaches_a_quorum(
    make_cluster: MakeCluster, asked: list[str]
) -> None:
    cluster = led_by_n1(make_cluster)
    for node_id in ("n2", "n3", "n4", "n5"):
        cluster.run(150)
        cluster.isolate(node_id)
        cluster.connect("n1", node_id)
        cluster.calm()
        cluster.run(20)
        for other in {*cluster.ids} - {"n1", node_id}:
            cluster.connect(node_id, other)
        cluster.run(40)
    assert asked == []


def test_a_silent_leader_is_replaced_within_the_election_timeout(make_cluster: MakeCluster) -> None:
    cluster, leader, others = elected(make_cluster)
    died_ms = cluster.now_ms
    while not any(cluster[node_id].engine.core.is_leader for node_id in others):
        cluster.settle(*others, rounds=1, step_ms=10)
        cluster.cut_off(leader)
        assert cluster.now_ms - died_ms < 2_000
    assert cluster.now_ms - died_ms > 250


def test_a_leader_without_quorum_steps_down(make_cluster: MakeCluster) -> None:
    """INV-6: a node without quorum says so, and acknowledges nothing."""
    cluster, leader, others = elected(make_cluster)
    cluster.propose(leader, b"never")
    for other in others:
        cluster.disconnect(leader, other)
    cluster.settle(leader, rounds=60)
    engine = cluster[leader].engine
    assert not engine.core.is_leader
    assert not engine.status(cluster.now_ms).has_quorum
    assert not cluster[leader].results


def stand(cluster: Cluster, candidate: str) -> None:
    engine = cluster[candidate].engine
    engine._at(cluster.now_ms)
    engine.core.start_election()
    engine._work = True
    cluster.turn(candidate)


@pytest.mark.parametrize("persistent", [True, False])
@pytest.mark.parametrize("power_loss", [False, True])
def test_a_vote_survives_a_restart(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch, persistent: bool, power_loss: bool
) -> None:
    """INV-1: n3 votes for n1, dies (or loses power), and is asked by n2 in the same term. Ablation: a vote not kept."""
    cluster = make_cluster()
    if not persistent:
        set_vote = Store.set_vote
        monkeypatch.setattr(Store, "set_vote", lambda self, term, who: set_vote(self, term, None))
    cluster.start()
    cluster.calm()
    stand(cluster, "n1")
    stand(cluster, "n2")
    request = cluster.queues["n2", "n3"][-1]
    cluster.deliver("n1", "n3")
    cluster.deliver("n3", "n1")
    assert cluster["n1"].engine.core.is_leader
    cluster.kill("n3", power_loss=0 if power_loss else None)
    cluster.start("n3")
    cluster.calm()
    cluster.hand("n2", "n3", request)
    cluster.turn("n3")
    cluster.deliver("n3", "n2")
    assert cluster["n2"].engine.core.is_leader == (not persistent)
    assert bool(cluster.violations) == (not persistent)


def test_votes_that_were_not_flushed_are_lost_with_the_power(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-1, mutation: without the flush of the meta page the same power loss makes a second vote possible."""
    monkeypatch.setattr(Store, "promise", lambda self: None)
    set_vote = Store.set_vote

    def unflushed(self: Store, term: int, who: str | None) -> None:
        set_vote(self, term, who)
        self._promised = False

    monkeypatch.setattr(Store, "set_vote", unflushed)
    cluster = make_cluster()
    cluster.start()
    cluster.calm()
    stand(cluster, "n1")
    stand(cluster, "n2")
    request = cluster.queues["n2", "n3"][-1]
    cluster.deliver("n1", "n3")
    cluster.deliver("n3", "n1")
    cluster.kill("n3", power_loss=0)
    cluster.start("n3")
    cluster.hand("n2", "n3", request)
    cluster.turn("n3")
    cluster.deliver("n3", "n2")
    assert cluster.violations


def test_hand_over_elects_at_once(make_cluster: MakeCluster) -> None:
    cluster, leader, _ = elected(make_cluster)
    asked_ms = cluster.now_ms
    assert cluster[leader].engine.hand_over(cluster.now_ms)
    cluster.settle(rounds=3, step_ms=5)
    new = [node.id for node in cluster.nodes.values() if node.engine.core.is_leader]
    assert len(new) == 1
    assert new != [leader]
    assert cluster.now_ms - asked_ms < 50
    cluster.check()


def test_a_leader_that_is_only_deaf_names_its_successor(make_cluster: MakeCluster) -> None:
    """Its heartbeats keep the others loyal; when it steps down for want of acknowledgements one of them must not wait
    for its silence first."""
    cluster, leader, _ = elected(make_cluster)
    cluster.settle()
    config = cluster[leader].engine.config
    deaf_ms = cluster.now_ms
    others = [node_id for node_id in cluster.ids if node_id != leader]
    while not any(cluster[node_id].engine.core.is_leader for node_id in others):
        assert cluster.now_ms - deaf_ms < config.election_max_ms + 100, "it waited for an election time-out"
        for node_id in others:
            cluster.drop(node_id, leader)
        cluster.settle(*others, rounds=1, step_ms=5)
        for node_id in others:
            cluster.drop(node_id, leader)
        cluster[leader].turn()
        for node_id in others:
            cluster.deliver(leader, node_id)
    cluster.check()


def test_a_node_knows_whether_it_reaches_a_majority(make_cluster: MakeCluster) -> None:
    """Two of five that hear each other and nobody else, one of them the leader: neither can get anything committed."""
    cluster = make_cluster(5)
    cluster.start()
    leader = cluster.await_leader()
    for _ in range(30):  # as the shell pings
        for a in cluster.ids:
            for b in cluster.ids:
                ping = Message(term=cluster[a].engine.core.term)
                ping.ping.SetInParent()
                if a != b:
                    cluster.post(a, b, ping.SerializeToString())
        cluster.settle(rounds=1)
    assert all(cluster[node_id].engine.status(cluster.now_ms).reaches_majority for node_id in cluster.ids)
    pair = (leader, next(node_id for node_id in cluster.ids if node_id != leader))
    config = cluster[leader].engine.config
    cluster.settle(*pair, rounds=25, step_ms=20)
    assert cluster.now_ms > config.election_min_ms
    for node_id in pair:
        assert not cluster[node_id].engine.status(cluster.now_ms).reaches_majority


# Restart and power loss.


@pytest.mark.parametrize("newest", ["lost", "kept"])
@pytest.mark.parametrize(
    "moment", ["entry written", "entry sent and acknowledged", "client answered", "everybody has applied"]
)
def test_everybody_loses_power_at_every_flush(make_cluster: MakeCluster, moment: str, newest: str) -> None:
    """INV-2: the whole cluster loses power at one moment of an entry's way, its newest commits durable or not.

    What a follower acknowledged is its newest commit just then. The leader comes back last, so that the others go by
    what they have.
    """
    cluster = make_cluster()
    cluster.start()
    for i in range(3):
        leader = cluster.await_leader()
        cluster.run(100)
        others = [node_id for node_id in cluster.ids if node_id != leader]
        cluster.cut_off(leader)
        cluster.propose(leader, b"entry %d" % i)
        cluster.turn(leader)
        if moment != "entry written":
            for other in others:
                cluster.deliver(leader, other)
                assert "ack" in bodies(cluster, other, leader)
        if moment in ("client answered", "everybody has applied"):
            for other in others:
                cluster.deliver(other, leader)
            assert cluster[leader].results[b"entry %d" % i] is not None
        if moment == "everybody has applied":
            cluster.settle(rounds=2, step_ms=3)
        for node_id in cluster.ids:
            node = cluster[node_id]
            cluster.kill(node_id, power_loss=0 if newest == "lost" else node.power_states - 1)
        cluster.start(*others)
        cluster.await_leader()
        cluster.run(100)
        cluster.start(leader)
    cluster.await_leader()
    cluster.run(300)
    cluster.check()
    if moment == "entry sent and acknowledged":
        assert cluster[leader].history() == [b"entry 0", b"entry 1", b"entry 2"], "nobody is told, and it stands"


def test_a_restart_applies_nothing_twice(make_cluster: MakeCluster) -> None:
    cluster, leader, _ = elected(make_cluster)
    for i in range(5):
        cluster.propose(leader, b"%d" % i)
        cluster.run(50)
        cluster.kill(*cluster.ids)
        cluster.start()
        leader = cluster.await_leader()
        cluster.run(100)
    assert cluster[leader].history() == [b"0", b"1", b"2", b"3", b"4"]
    cluster.check()


def test_a_failing_disk_stops_the_node(make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Condition 5: fail-stop, nothing is retried, and nothing left the node."""
    cluster, leader, others = elected(make_cluster)
    node = cluster[leader]
    node.engine.store.commit()

    class Broken:
        def __getattr__(self, name: str) -> object:
            return getattr(txn, name)

        def commit(self) -> None:
            import lmdb

            txn.abort()
            raise lmdb.DiskError("mdb_txn_commit: Input/output error")

    txn = node.env.begin(write=True)
    node.engine.store._txn = Broken()  # type: ignore[assignment]
    cluster.propose(leader, b"x")
    with pytest.raises(StorageError):
        cluster.turn(leader, 60)
    with pytest.raises(StorageError):
        cluster.propose(leader, b"y")
        cluster.turn(leader, 60)
    assert b"x" not in node.results
    del others


def test_after_a_failure_no_turn_hands_over_what_was_not_made_durable(make_cluster: MakeCluster) -> None:
    """INV-1, INV-2: n3's vote was not written. A later turn has nothing to write, and must not take that for leave."""
    cluster = make_cluster()
    cluster.start()
    cluster.calm()
    stand(cluster, "n1")
    node = cluster["n3"]
    node.disk.fault = (COMMIT_FAILS, "Input/output error")
    with pytest.raises(StorageError, match="Input/output error"):
        cluster.deliver("n1", "n3")
    node.disk.fault = None
    for step in (node.begin_turn, node.finish_turn, node.turn):
        with pytest.raises(StorageError, match="failed earlier"):
            step()
    assert not cluster.queues["n3", "n1"]
