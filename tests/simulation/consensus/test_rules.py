"""The rules of Raft that pysyncobj does not know, or that are ours to keep: one scenario each.

That each fails without its rule is shown by the mutation check (``./run sim --mutate``).
"""

from __future__ import annotations

import pytest

from mdsproto.raft_pb2 import AppendEntries, Message, ReadConfirm
from tests.simulation.consensus.cluster import Cluster
from tests.simulation.consensus.directed import COMMANDS, append_entries, holds, led, stand, stand_after_pre_vote
from tests.simulation.fixtures import MakeCluster
from tests.unit.raft.support.clusters import bodies


def test_a_vote_counts_once(make_cluster: MakeCluster) -> None:
    """INV-1, rule 5: two candidates of one term, and one of them hears the same vote twice."""
    cluster = make_cluster(5)
    cluster.start()
    cluster.calm()
    for candidate in ("n1", "n2"):
        engine = cluster[candidate].engine
        engine._at(cluster.now_ms)
        engine.core.start_election()
        engine._work = True
        cluster.turn(candidate)
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


def trace_lost_disk(cluster: Cluster) -> None:
    """n3 acknowledges an entry, loses its disk, and catches up to what was committed: not to that entry."""
    append_entries(cluster, "n1", *COMMANDS)
    cluster.settle()
    cluster.calm()
    append_entries(cluster, "n1", b"x")
    cluster.deliver("n1", "n3")
    cluster.deliver("n3", "n1")
    committed = cluster["n1"].engine.core.commit_index
    assert cluster["n1"].engine.core.match_index("n3") == committed + 1
    cluster.kill("n3")
    cluster.wipe("n3")
    cluster.start("n3", replace=True)
    cluster.calm()
    for other in ("n2", "n4", "n5"):
        ping(cluster, other, "n3")
    while cluster["n3"].engine.guards.quarantine.on:
        cluster.turn("n1", 60)
        while cluster["n3"].engine.journal.last_index < committed and cluster.deliver("n1", "n3", 1):
            cluster.deliver("n3", "n1")
        cluster.turn("n3")
    assert cluster["n3"].engine.journal.last_index == committed
    cluster.isolate("n3")
    for other in ("n4", "n5"):
        cluster.drop("n1", other)
    cluster.deliver("n1", "n2")
    cluster.deliver("n2", "n1")
    for _ in range(3):
        cluster.turn("n1", 10)
        for other in ("n4", "n5"):
            cluster.drop("n1", other)
    cluster.kill("n1", "n2")
    cluster.connect("n3", "n4")
    cluster.connect("n3", "n5")
    cluster.elect("n4", "n3", "n4", "n5")
    cluster.settle("n3", "n4", "n5")
    assert cluster["n4"].engine.core.is_leader
    cluster.start("n1", "n2")
    cluster.calm()
    cluster.settle()


@pytest.mark.usefixtures("small_batches")
def test_an_entry_lost_with_a_disk_is_not_counted(make_cluster: MakeCluster) -> None:
    """INV-2: what a node acknowledged before it lost its disk counts for nothing once it asks for it again."""
    holds(led(make_cluster, 5), trace_lost_disk)


def deliver_through(cluster: Cluster, a: str, b: str, wanted: str) -> None:
    """Hand over what ``a`` sent to ``b``, up to the first message of the kind ``wanted``."""
    queue = cluster.queues[a, b]
    while queue:
        data = queue.popleft()
        cluster.hand(a, b, data)
        cluster.turn(b)
        if Message.FromString(data).WhichOneof("body") == wanted:
            return
    raise AssertionError(f"{a} sent {b} no {wanted}")


def ping(cluster: Cluster, peer: str, *others: str) -> None:
    """What the transport sends on idle connections."""
    message = Message(term=cluster[peer].engine.core.term)
    message.ping.SetInParent()
    for other in others:
        cluster.hand(peer, other, message.SerializeToString())


def forgotten_vote(cluster: Cluster, late: str) -> None:
    """n1 leads term 1. n5 stands in term 2, n4 alone hears of it and votes, loses its disk and is back, empty.

    What n5 asked of ``late`` stays under way; nothing else of n5 reaches anybody, and n4 has not heard it since.
    """
    cluster.now_ms += 400  # Nobody is sticky any more.
    stand_after_pre_vote(cluster, "n5", "n2", "n4")
    deliver_through(cluster, "n5", "n4", "request_vote")
    assert cluster["n4"].engine.store.vote() == (2, "n5")
    cluster["n4"].engine.store.commit()
    deliver_through(cluster, "n4", "n5", "vote")
    for other in {"n1", "n2", "n3"} - {late}:
        cluster.disconnect("n5", other)
    cluster.kill("n4")
    cluster.wipe("n4")
    cluster.start("n4", connect=False, replace=True)
    for other in ("n1", "n2", "n3"):
        cluster.connect("n4", other)
    cluster.calm()
    ping(cluster, "n2", "n4")
    ping(cluster, "n3", "n4")
    cluster.settle("n1", "n2", "n3", "n4", rounds=20)
    cluster.calm()


def trace_forgotten_vote(cluster: Cluster) -> None:
    """n4 hears a majority's worth of others in term 1; then n3 asks for its vote in term 2, and n5 asks n1 late."""
    forgotten_vote(cluster, late="n1")
    assert cluster["n1"].engine.core.is_leader
    for other in ("n2", "n3", "n4"):
        cluster.disconnect("n1", other)
    cluster.now_ms += 700
    stand_after_pre_vote(cluster, "n3", "n2", "n4")
    for voter in ("n2", "n4"):
        cluster.deliver("n3", voter)
        cluster.deliver(voter, "n3")
    cluster.turn("n1")
    cluster.deliver("n5", "n1")
    cluster.deliver("n1", "n5")
    assert cluster["n5"].engine.core.is_leader


def test_a_vote_lost_with_a_disk_is_not_given_again(make_cluster: MakeCluster) -> None:
    """INV-1: of five voters a wiped one must hear all others: the candidate that it voted for may be the last."""
    cluster = led(make_cluster, 5)
    trace_forgotten_vote(cluster)
    assert not cluster.violations, cluster.violations
    assert cluster["n4"].engine.guards.quarantine.on


def test_a_wiped_voter_that_heard_everybody_votes_again(make_cluster: MakeCluster) -> None:
    """INV-1: as above, and n5 is heard at last: n4 takes part again in a term above the one that it voted in."""
    cluster = led(make_cluster, 5)
    forgotten_vote(cluster, late="n1")
    assert cluster["n4"].engine.guards.quarantine.on
    for other in ("n2", "n3", "n4"):
        cluster.connect("n5", other)
    end_ms = cluster.now_ms + 3_000
    while cluster.now_ms < end_ms:
        cluster.run(100)
        for peer in cluster.ids:
            ping(cluster, peer, *(other for other in cluster.ids if other != peer))
    cluster.await_leader()
    assert not cluster["n4"].engine.guards.quarantine.on
    assert cluster["n4"].engine.core.term >= 2
    cluster.check()


def test_a_wiped_voter_hears_everybody_at_one_time(make_cluster: MakeCluster) -> None:
    """INV-1: n3 was heard before it made n5 the leader of term 2, n5 after it had lost its disk: neither told of 2."""
    cluster = led(make_cluster, 5)
    forgotten_vote(cluster, late="n3")
    cluster.now_ms += 320
    cluster.deliver("n5", "n3")
    cluster.deliver("n3", "n5", 3)
    assert cluster["n5"].engine.core.is_leader
    cluster.kill("n5")
    cluster.wipe("n5")
    cluster.start("n5", connect=False, replace=True)
    cluster.connect("n5", "n4")
    cluster.calm()
    ping(cluster, "n5", "n4")
    ping(cluster, "n2", "n4")
    cluster.settle("n1", "n2", "n4", rounds=10)
    assert cluster["n1"].engine.core.is_leader
    assert cluster["n4"].engine.guards.quarantine.on
    ping(cluster, "n3", "n4")
    cluster.settle("n1", "n2", "n4", rounds=3)
    assert cluster["n4"].engine.guards.quarantine.on
    cluster.check()


def wiped(cluster: Cluster) -> None:
    """n1, which leads, dies, and n3 loses its disk: it is back in quarantine, and n2 lacks nothing but its vote."""
    append_entries(cluster, "n1", *COMMANDS)
    cluster.settle()
    cluster.kill("n1", "n3")
    cluster.wipe("n3")
    cluster.start("n3", replace=True)
    cluster.calm()
    cluster.now_ms += cluster["n3"].engine.config.election_min_ms
    assert cluster["n3"].engine.guards.quarantine.on


def out_of_quarantine(cluster: Cluster) -> None:
    """n1 is back, and votes for n2; so n3 hears everybody, and has caught up. Then n2 is silent."""
    cluster.start("n1")
    cluster.calm()
    cluster.elect("n2", "n1", "n2")
    assert cluster["n2"].engine.core.is_leader
    ping(cluster, "n1", "n3")
    cluster.settle(rounds=20)
    cluster.calm()
    assert not cluster["n3"].engine.guards.quarantine.on
    cluster.isolate("n2")
    cluster.now_ms += cluster["n3"].engine.config.election_min_ms


def test_a_voter_in_quarantine_votes_for_nobody(make_cluster: MakeCluster) -> None:
    """INV-1: n2 asks for its vote and not for its pre-vote, as the one does that the leader hands over to.

    Its log is as good as any; but n3 does not know for whom its earlier self voted. Out of quarantine it votes.
    """
    cluster = led(make_cluster)
    wiped(cluster)
    stand(cluster, "n2")
    assert "request_vote" in bodies(cluster, "n2", "n3")
    cluster.deliver("n2", "n3")
    assert "vote" not in bodies(cluster, "n3", "n2")
    assert cluster["n3"].engine.journal.getVotedForNodeId() is None
    cluster.deliver("n3", "n2")
    assert not cluster["n2"].engine.core.is_leader
    out_of_quarantine(cluster)
    stand(cluster, "n1")
    cluster.deliver("n1", "n3")
    assert "vote" in bodies(cluster, "n3", "n1")
    cluster.check()


def test_a_voter_in_quarantine_grants_nobody_a_pre_vote(make_cluster: MakeCluster) -> None:
    """INV-1: nor does it encourage n2 to stand, for want of it alone. Out of quarantine it does."""
    cluster = led(make_cluster)
    wiped(cluster)
    cluster["n2"].engine.guards._start_pre_vote()
    cluster.turn("n2")
    assert "pre_vote" in bodies(cluster, "n2", "n3")
    cluster.deliver("n2", "n3")
    assert "pre_vote_granted" not in bodies(cluster, "n3", "n2")
    out_of_quarantine(cluster)
    cluster["n1"].engine.guards._start_pre_vote()
    cluster.turn("n1")
    cluster.deliver("n1", "n3")
    assert "pre_vote_granted" in bodies(cluster, "n3", "n1")
    cluster.check()


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


def admitted(make_cluster: MakeCluster) -> Cluster:
    """A replaced n3 takes n1's appends already, and so is in its term, but has yet to apply what it lacks."""
    cluster = led(make_cluster)
    append_entries(cluster, "n1", *COMMANDS)
    cluster.settle()
    cluster.kill("n3")
    cluster.wipe("n3")
    cluster.start("n3", replace=True)
    cluster.calm()
    ping(cluster, "n2", "n3")
    engine = cluster["n3"].engine
    while engine.core.term != cluster["n1"].engine.core.term:
        cluster.turn("n1", 60)
        cluster.deliver("n1", "n3", 1)
    assert engine.guards.quarantine.on
    assert engine.core.leader_id == "n1"
    return cluster


def test_a_voter_in_quarantine_vouches_for_no_read(make_cluster: MakeCluster) -> None:
    """INV-4: what it once promised it does not know yet, so its word is no part of a majority."""
    cluster = admitted(make_cluster)
    engine = cluster["n3"].engine
    asked = Message(term=engine.core.term, read_confirm=ReadConfirm(id=1)).SerializeToString()
    cluster.hand("n1", "n3", asked)
    cluster.turn("n3")
    assert "read_confirmed" not in bodies(cluster, "n3", "n1")
    cluster.settle()
    assert not engine.guards.quarantine.on
    cluster.hand("n1", "n3", asked)
    cluster.turn("n3")
    assert "read_confirmed" in bodies(cluster, "n3", "n1")


def test_a_voter_in_quarantine_asks_for_no_read(make_cluster: MakeCluster) -> None:
    """INV-4: its asking would count as its word. Its own barriers wait until it is out of quarantine."""
    cluster = admitted(make_cluster)
    node = cluster["n3"]
    node.engine.barrier("own", node.now_ms)
    cluster.turn("n3")
    assert "read_request" not in bodies(cluster, "n3", "n1")
    cluster.settle()
    assert not node.engine.guards.quarantine.on
    assert node.barriers == {"own": True}
