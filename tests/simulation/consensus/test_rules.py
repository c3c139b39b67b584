"""The rules of Raft that pysyncobj does not know, or that are ours to keep: one scenario each.

That each fails without its rule is shown by the mutation check (``./run sim --mutate``).
"""

from __future__ import annotations

from mdsproto.raft_pb2 import AppendEntries, Message
from tests.simulation.consensus.cluster import Cluster
from tests.simulation.consensus.directed import COMMANDS, append_entries, holds, led, stand
from tests.simulation.fixtures import MakeCluster
from tests.unit.raft.support.clusters import bodies


def test_a_vote_counts_once(make_cluster: MakeCluster) -> None:
    """INV-1, rule 5: two candidates of one term, and one of them hears the same vote twice."""
    cluster = make_cluster(5)
    cluster.start()
    cluster.calm()
    for candidate in ("n1", "n2"):
        stand(cluster, candidate)
    for voter in ("n4", "n5"):
        cluster.deliver("n2", voter)
        cluster.deliver(voter, "n2")
    cluster.deliver("n1", "n3")
    vote = cluster.queues["n3", "n1"][0]
    for _ in range(2):
        cluster.hand("n3", "n1", vote)
        cluster.turn("n1")
    assert cluster["n2"].engine.core.is_leader
    assert not cluster.violations, cluster.violations


def test_a_returning_node_does_not_depose_the_leader(make_cluster: MakeCluster) -> None:
    """Rule 6: a node that was cut off for long comes back without an election."""
    cluster = make_cluster()
    cluster.start()
    leader = cluster.await_leader()
    term = cluster[leader].engine.core.term
    outcast = next(node_id for node_id in cluster.ids if node_id != leader)
    # Nothing reaches it, but the connections stand.
    for _ in range(100):
        cluster.settle(*(node_id for node_id in cluster.ids if node_id != outcast), rounds=1)
        cluster[outcast].turn()
        for node_id in cluster.ids:
            if node_id != outcast:
                cluster.drop(node_id, outcast)
                cluster.drop(outcast, node_id)
    cluster.run(1_000)
    assert cluster[cluster.await_leader()].engine.core.term == term, "liveness: an election for nothing"


def test_who_hears_a_leader_votes_for_nobody_else(make_cluster: MakeCluster) -> None:
    """Rule 6: n3 stands without having asked, as after its own pause; n1 leads and n2 hears it: neither minds."""
    cluster = led(make_cluster)
    stand(cluster, "n3")
    assert cluster["n3"].engine.core.term == 2
    for voter in ("n1", "n2"):
        cluster.deliver("n3", voter)
        assert "vote" not in bodies(cluster, voter, "n3")
        assert cluster[voter].engine.core.term == 1
    assert cluster["n1"].engine.core.is_leader


def test_who_hears_a_leader_grants_nobody_a_pre_vote(make_cluster: MakeCluster) -> None:
    """Rule 6: nor does it encourage one that does not hear the leader. Once the leader is silent it does."""
    cluster = led(make_cluster)
    for granted in (False, True):
        cluster["n3"].engine.guards._start_pre_vote()
        cluster.turn("n3")
        cluster.deliver("n3", "n2")
        assert ("pre_vote_granted" in bodies(cluster, "n2", "n3")) == granted
        cluster.now_ms += cluster["n2"].engine.config.election_min_ms


def test_a_commit_index_counts_as_far_as_the_log_was_verified(make_cluster: MakeCluster) -> None:
    """INV-2, INV-8: n1 has a tail of its own when n2, which leads now, tells it the commit index without entries.

    It does so while n1 owes it acknowledgements; such an append verifies what lies before it, and no more.
    """
    cluster = led(make_cluster)
    known = cluster["n1"].engine.journal.last_index
    append_entries(cluster, "n1", b"lost-1", b"lost-2", b"lost-3")
    cluster.isolate("n1")
    cluster.elect("n2", "n2", "n3")
    append_entries(cluster, "n2", *COMMANDS)
    cluster.settle("n2", "n3")
    engine = cluster["n1"].engine
    commit = cluster["n2"].engine.core.commit_index
    assert known < engine.journal.last_index < commit
    cluster.connect("n1", "n2")
    body = AppendEntries(prev_index=known, prev_term=1, commit_index=commit)
    cluster.hand("n2", "n1", Message(term=2, append=body).SerializeToString())
    cluster.turn("n1")
    assert (engine.core.leader_id, engine.core.commit_index) == ("n2", known)
    cluster.run(500)
    cluster.check()
    assert cluster["n1"].history() == cluster["n2"].history()


def test_a_vote_goes_to_no_log_that_lacks_something(make_cluster: MakeCluster) -> None:
    """INV-2: n3 slept while n1 and n2 committed; it must not lead (Raft paper §5.4.1)."""
    cluster = led(make_cluster)
    append_entries(cluster, "n1", *COMMANDS)
    cluster.cut_off("n3")
    cluster.settle("n1", "n2")
    cluster.cut_off("n3")
    cluster.calm()
    assert cluster.acknowledged()
    cluster.kill("n1")
    cluster.elect("n3", "n2", "n3")
    cluster.settle("n2", "n3")
    assert not cluster["n3"].engine.core.is_leader
    cluster.start("n1")
    cluster.await_leader()
    cluster.run(300)
    cluster.check()


def test_a_vote_survives_power_loss(make_cluster: MakeCluster) -> None:
    """INV-1, fault I: n3 votes for n1, loses power, and is asked by n2 in the same term."""
    cluster = make_cluster()
    cluster.start()
    cluster.calm()
    stand(cluster, "n1")
    stand(cluster, "n2")
    request = cluster.queues["n2", "n3"][-1]
    cluster.deliver("n1", "n3")
    cluster.deliver("n3", "n1")
    assert cluster["n1"].engine.core.is_leader
    cluster.kill("n3", power_loss=0)
    cluster.start("n3")
    cluster.calm()
    cluster.hand("n2", "n3", request)
    cluster.turn("n3")
    cluster.deliver("n3", "n2")
    cluster.turn("n2")
    assert not cluster.violations, cluster.violations
    assert not cluster["n2"].engine.core.is_leader


def test_nothing_promised_leaves_before_the_commit(make_cluster: MakeCluster) -> None:
    """INV-1, INV-2: what leaves with a turn's first half is a leader's entries; a vote and an ack wait for the disk."""
    cluster = make_cluster()
    cluster.start()
    cluster.calm()
    stand(cluster, "n1")
    request = cluster.queues["n1", "n3"].pop()
    cluster.hand("n1", "n3", request)
    assert cluster["n3"].begin_turn() == []
    cluster["n3"].finish_turn()
    cluster.deliver("n1", "n2")
    cluster.deliver("n3", "n1")
    assert cluster["n1"].engine.core.is_leader
    cluster.propose("n1", b"x")
    cluster.turn("n1")
    for data in cluster.queues["n1", "n3"]:
        cluster.hand("n1", "n3", data)
    assert cluster["n3"].engine.journal.last_index > 1
    assert cluster["n3"].begin_turn() == []
    kinds = {Message.FromString(data).WhichOneof("body") for _, data in cluster["n3"].finish_turn().messages}
    assert kinds == {"ack"}


def trace_figure_8(cluster: Cluster) -> None:
    """n1's entry of term 1 reaches a majority in term 3 only, and n5, which leads term 4, has another in its place."""
    cluster.propose("n2", b"old")
    cluster.turn("n2")
    cluster.deliver("n2", "n1")
    cluster.turn("n1")
    cluster.turn("n1")
    cluster.cut_off("n3", "n4", "n5")
    cluster.deliver("n1", "n2")
    cluster.kill("n1")
    cluster.elect("n5", "n3", "n4", "n5")
    assert cluster["n5"].engine.core.is_leader
    cluster.turn("n5", 60)
    cluster.kill("n5")
    cluster.start("n1")
    for _ in range(2):
        cluster.calm()
        cluster.elect("n1", "n1", "n2", "n3", "n4")
    engine = cluster["n1"].engine
    assert (engine.core.is_leader, engine.core.term) == (True, 3)
    old = engine.journal.last_index - 1
    cluster.drop("n1", "n2")
    for _ in range(4):  # n3 says where its log ends, and gets the old entry, and not the new one of term 3.
        cluster.turn("n1", 60)
        for data in cluster.queues["n1", "n3"]:
            message = Message.FromString(data)
            del message.append.entries[max(old - message.append.prev_index, 0) :]
            cluster.hand("n1", "n3", message.SerializeToString())
            cluster.turn("n3")
        cluster.drop("n1", "n3")
        cluster.deliver("n3", "n1")
        cluster.deliver("n1", "n2")
        cluster.deliver("n2", "n1")
    assert cluster["n3"].engine.journal.last_index == old
    cluster.turn("n1")
    cluster.cut_off("n3")
    cluster.kill("n1", "n2")
    cluster.start("n5")
    for _ in range(2):
        cluster.calm()
        cluster.elect("n5", "n3", "n4", "n5")
    assert cluster["n5"].engine.core.is_leader
    cluster.settle("n3", "n4", "n5")
    cluster.start("n1", "n2")
    cluster.calm()
    cluster.settle()


def test_an_older_terms_entry_is_not_committed_by_count(make_cluster: MakeCluster) -> None:
    """INV-2: only an entry of the leader's own term is committed by counting (Raft paper §5.4.2, figure 8)."""
    holds(led(make_cluster, 5), trace_figure_8)


# Who vouches for a read.


def deposed_unheard(cluster: Cluster) -> None:
    """n2 and n3 elect n3 in term 2 and commit ``new``; n1, which led term 1, hears nothing and still takes itself
    for the leader."""
    cluster.disconnect("n1", "n3")
    cluster.calm()
    cluster.elect("n3", "n2", "n3")
    cluster.propose("n3", b"new")
    for _ in range(4):
        cluster.settle("n2", "n3", rounds=1, step_ms=1)
    cluster.calm()
    assert cluster.acknowledged() == [b"new"]
    cluster.cut_off("n1")


def read_of_n1_asked_of_n2(cluster: Cluster) -> None:
    """n1 asks n2 for its word, which alone would do. A read that it answers must show ``new``."""
    node = cluster["n1"]
    assert node.engine.core.is_leader
    node.engine.barrier("read", node.now_ms)
    cluster.turn("n1", 1)
    assert "read_confirm" in bodies(cluster, "n1", "n2")
    cluster.deliver("n1", "n2")
    cluster.deliver("n2", "n1")
    cluster.turn("n1", 1)
    assert not node.barriers.get("read") or b"new" in node.history(), "INV-4: a read that is stale"


def test_a_voter_of_a_later_term_vouches_for_no_read(make_cluster: MakeCluster) -> None:
    """INV-4: n2 voted for n3 and acknowledged ``new``: it is no majority for n1, which led before."""
    cluster = led(make_cluster)
    deposed_unheard(cluster)
    read_of_n1_asked_of_n2(cluster)


def test_a_voter_that_lost_its_term_vouches_for_no_read(make_cluster: MakeCluster) -> None:
    """INV-4: as above, and n2 has lost its disk since, and with it that it knows of term 2."""
    cluster = led(make_cluster)
    deposed_unheard(cluster)
    cluster.kill("n2")
    cluster.wipe("n2")
    cluster.start("n2", connect=False, replace=True)
    cluster.connect("n1", "n2")
    cluster.calm()
    read_of_n1_asked_of_n2(cluster)
