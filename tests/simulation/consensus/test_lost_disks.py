"""A voter that lost its disk has forgotten what it promised: until it is safe its word counts for nothing.

That each fails without its rule is shown by the mutation check (``./run sim --mutate``). docs/adr/0013-empty-disks.md.
"""

from __future__ import annotations

import pytest

from mdscluster.control.upkeep import objection
from mdsproto.raft_pb2 import Message, ReadConfirm
from tests.simulation.consensus.cluster import Cluster
from tests.simulation.consensus.directed import COMMANDS, append_entries, holds, led, stand, stand_after_pre_vote
from tests.simulation.fixtures import MakeCluster
from tests.unit.raft.support.clusters import bodies


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


def test_a_leader_counts_on_no_voter_in_quarantine(make_cluster: MakeCluster) -> None:
    """INV-7: n3 is connected and answers, but with n2 stopped nothing would be committed: n2 cannot be spared."""
    cluster = admitted(make_cluster)
    cluster.deliver("n3", "n1")
    cluster.settle("n1", "n2", rounds=1)
    status = cluster["n1"].engine.status(cluster["n1"].now_ms)
    seen = status.peers["n3"]
    assert (seen.connected, seen.answers, seen.able) == (True, True, False)
    assert "n3 (has no vote yet)" in objection(status, "n2", [])
    cluster.settle()
    assert not cluster["n3"].engine.guards.quarantine.on
    status = cluster["n1"].engine.status(cluster["n1"].now_ms)
    assert status.peers["n3"].able
    assert objection(status, "n2", []) == ""


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
