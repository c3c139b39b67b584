"""A follower that is behind the log: it is offered a snapshot; what it may do until it has one, and what it has then.

The stream, the steps of the install and the sender have modules of their own (``test_snapshot_*.py``).
"""

from __future__ import annotations

from pathlib import Path

from tests.simulation.consensus.cluster import Cluster
from tests.simulation.consensus.directed import append_entries
from tests.simulation.fixtures import MakeCluster
from tests.unit.raft.support.snapshots import behind, install


def test_a_follower_behind_the_log_gets_the_state(make_cluster: MakeCluster) -> None:
    """INV-1: its term and vote stay its own; log and state are the leader's; then it follows as before."""
    cluster = behind(make_cluster)
    vote = cluster["n3"].engine.store.vote()
    install(cluster)
    assert cluster["n3"].engine.store.vote() == vote
    assert len(cluster["n3"].history()) == 61
    cluster.propose("n1", b"after")
    cluster.run(500)
    assert [len(node.history()) for node in cluster.nodes.values()] == [62, 62, 62]
    cluster.check()


def test_an_image_of_a_later_term_brings_its_term(make_cluster: MakeCluster) -> None:
    """INV-1: n3 has heard of no term but the first when it gets a state of the second. It never goes by a log of a term
    later than its own (it could stand, and vote, in terms that are over), and its vote of the first counts no more."""
    cluster = behind(make_cluster)
    node = cluster["n3"]
    cluster.isolate("n3")
    cluster.kill("n1")
    cluster.start("n1", connect=False)
    cluster.connect("n1", "n2")
    cluster.calm()
    cluster.elect("n2", "n1", "n2")
    cluster.propose("n2", b"of term 2")
    cluster.settle("n1", "n2")
    (term, voted_for), image_term = node.engine.store.vote(), cluster["n1"].engine.store.applied()[1]
    cluster["n1"].engine.store.commit()
    assert (term, voted_for, image_term) == (1, "n1", 2)
    assert node.install_snapshot(cluster["n1"])
    cluster.kill("n3")
    cluster.start("n3", connect=False)
    assert (node.engine.journal.last_term, node.engine.store.vote()) == (2, (2, None))
    for peer in ("n1", "n2"):
        cluster.connect("n3", peer)
    cluster.run(500)
    assert node.history() == cluster["n2"].history()
    cluster.check()


def test_reads_of_a_node_that_waits_for_a_snapshot_are_refused_in_time(make_cluster: MakeCluster) -> None:
    """INV-4: it hears its leader, which confirms its barriers for an index that it will not reach: none may wait on."""
    cluster = behind(make_cluster)
    node = cluster["n3"]
    patience_ms = node.engine.config.barrier_deadline_ms
    asked_ms = cluster.now_ms
    node.engine.barrier("first", node.now_ms)
    cluster.run(300)
    node.engine.barrier("second", node.now_ms)
    cluster.run(300)
    assert node.barriers == {}
    assert not node.engine.reads._new
    assert not node.engine.reads._sent
    assert node.engine.reads.deadline_ms(node.now_ms) <= asked_ms + patience_ms + 10, "no timer would end the wait"
    cluster.run(patience_ms, step_ms=50)
    assert node.barriers == {"first": False, "second": False}
    node.engine.barrier("third", node.now_ms)
    cluster.run(300)
    assert node.barriers.keys() == {"first", "second"}
    assert node.engine.reads.deadline_ms(node.now_ms) < float("inf")


def test_a_node_that_waits_for_a_snapshot_does_not_count_itself_as_serving(make_cluster: MakeCluster) -> None:
    """INV-4: its front end goes by ``has_quorum``; with the snapshot installed it serves again."""
    cluster = behind(make_cluster)
    node = cluster["n3"]
    for _ in range(5):
        cluster.run(200)
        assert not node.engine.status(node.now_ms).has_quorum
        assert cluster["n1"].engine.status(cluster["n1"].now_ms).has_quorum
    install(cluster)
    cluster.run(300)
    node.engine.barrier("read", node.now_ms)
    cluster.run(100)
    assert node.engine.status(node.now_ms).has_quorum
    assert node.barriers == {"read": True}


def test_a_node_that_waits_for_a_snapshot_knows_how_far_it_is_behind(make_cluster: MakeCluster) -> None:
    """All that is committed here is applied: only its leader's word tells of the rest. And its leader, which it
    answers, does not count on it."""
    cluster = behind(make_cluster)
    leader, node = cluster["n1"], cluster["n3"]
    cluster.run(300)
    own, seen = node.engine.status(node.now_ms), leader.engine.status(leader.now_ms).peers["n3"]
    assert own.commit_index == own.applied_index
    assert own.behind == leader.engine.applied - own.applied_index >= 60
    assert (seen.answers, seen.able, seen.needs_snapshot) == (True, True, True)
    told = node.engine.status(node.now_ms).peers["n1"]
    assert (told.connected, told.answers, told.able, told.needs_snapshot) == (True, False, False, False)
    install(cluster)
    cluster.run(500)
    own, seen = node.engine.status(node.now_ms), leader.engine.status(leader.now_ms).peers["n3"]
    assert own.behind == 0
    assert (seen.answers, seen.able, seen.needs_snapshot, seen.lag_entries) == (True, True, False, 0)


def test_a_leader_with_a_longer_log_makes_the_snapshot_needless(make_cluster: MakeCluster) -> None:
    """n2's log goes back to where n3's ends: led by n2, n3 catches up from it, and serves again."""
    cluster = behind(make_cluster, n2_keeps=50_000)
    node = cluster["n3"]
    node.engine.barrier("read", node.now_ms)
    cluster.kill("n1")
    cluster.elect("n2", "n2", "n3")
    cluster.run(500)
    assert cluster["n2"].engine.core.is_leader
    assert len(node.history()) == 61
    assert node.engine.status(node.now_ms).has_quorum
    assert node.barriers == {"read": True}


def caught_up_meanwhile(make_cluster: MakeCluster) -> tuple[Cluster, Path]:
    """n1's image, whose last entry only n1 knows to be committed, is on its way to n3; n2 leads now, has given n3 that
    entry and ``answered``, and knows this to be committed. n3 knows neither to be.
    """
    cluster = behind(make_cluster, n2_keeps=50_000)
    cluster.disconnect("n3", "n2")
    append_entries(cluster, "n1", b"last of the image")
    cluster.deliver("n1", "n2", 1)
    cluster.deliver("n2", "n1")
    index = cluster["n1"].engine.applied
    assert cluster["n2"].engine.core.commit_index < index == cluster["n2"].engine.journal.last_index
    image = cluster["n3"].receive_image(cluster["n1"])
    cluster.isolate("n1")
    cluster.connect("n2", "n3")
    cluster.calm()
    cluster.elect("n2", "n2", "n3")
    cluster.propose("n2", b"answered")
    for _ in range(20):
        cluster.turn("n2", 60)
        if cluster.acknowledged()[-1:] == [b"answered"]:
            break
        cluster.deliver("n2", "n3")
        cluster.deliver("n3", "n2")
    assert b"answered" in cluster.acknowledged()
    node = cluster["n3"]
    assert node.engine.applied < index < node.engine.journal.last_index
    return cluster, image


def test_an_image_that_comes_late_drops_nothing_acknowledged(make_cluster: MakeCluster) -> None:
    """INV-2: n3 has acknowledged more than the image has. n2 is lost: what n3 holds is the only copy that is left.

    Nor is n3 stuck: it leads, and applies what it holds.
    """
    cluster, image = caught_up_meanwhile(make_cluster)
    if cluster["n3"].adopt_image(image):
        cluster.kill("n3")
        cluster.start("n3")
    cluster.kill("n2")
    cluster.connect("n1", "n3")
    cluster.await_leader()
    cluster.run(500)
    cluster.check()
    assert len(cluster["n3"].history()) == len(cluster["n1"].history()) == 63


def test_the_installed_node_can_lead(make_cluster: MakeCluster) -> None:
    cluster = behind(make_cluster)
    install(cluster)
    cluster.run(500)
    cluster.kill("n1")
    cluster.calm()
    cluster.elect("n3")
    cluster.run(300)
    assert cluster["n3"].engine.core.is_leader
    cluster.start("n1")
    cluster.run(500)
    cluster.check()


def test_an_offered_follower_keeps_its_leader(make_cluster: MakeCluster) -> None:
    """While the image travels the follower stays loyal: no election, no commit of what it lacks."""
    cluster = behind(make_cluster)
    term = cluster["n1"].engine.core.term
    cluster.run(3_000)
    assert cluster["n1"].engine.core.is_leader
    assert cluster["n1"].engine.core.term == term
    assert cluster["n3"].engine.core.commit_index <= cluster["n3"].engine.journal.last_index
    cluster.check()


def test_a_tail_of_its_own_does_not_hide_that_a_follower_is_behind(make_cluster: MakeCluster) -> None:
    """n3 led alone for a while: its log reaches into the others', which begin after what it has committed."""
    cluster = make_cluster(log_keep_entries=16)
    cluster.start()
    cluster.calm()
    cluster.elect("n3")
    cluster.settle()
    cluster.calm()
    for i in range(60):
        cluster.propose("n3", b"lost %d" % i)
        cluster.turn("n3")
        cluster.turn("n3")
    cluster.isolate("n3")
    cluster.calm()
    cluster.elect("n1", "n1", "n2")
    for i in range(40):
        cluster.propose("n1", b"kept %d" % i)
        cluster.settle("n1", "n2", rounds=1)
        cluster.calm()
    journal = cluster["n1"].engine.journal
    assert cluster["n3"].engine.core.commit_index < journal.first_index < cluster["n3"].engine.journal.last_index
    cluster.connect("n3", "n1")
    cluster.connect("n3", "n2")
    cluster.settle(rounds=8)
    assert cluster["n3"].snapshot_from == "n1"
    assert cluster["n3"].engine.journal.last_index > cluster["n1"].engine.applied
    install(cluster)
    cluster.run(500)
    assert len(cluster["n3"].history()) >= 40
    cluster.check()


def test_never_back(make_cluster: MakeCluster) -> None:
    """INV-2, guard 4: an image that is not ahead of this node's state is thrown away, and the node goes on."""
    cluster = behind(make_cluster)
    assert not cluster["n1"].install_snapshot(cluster["n3"])
    cluster.propose("n1", b"goes on")
    cluster.settle("n1", "n2")
    assert cluster["n1"].results[b"goes on"] is not None
