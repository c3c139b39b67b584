"""Proposals on a cluster moved by hand: entries, forwards, outcomes, clocks."""

from __future__ import annotations

import pytest

from mdscluster.raft.engine import LEASE_STEP_MS_MAX
from mdscluster.raft.entry import COMMAND, unpack_groups
from mdscluster.raft.proposals import Bound
from mdsproto.raft_pb2 import Message
from tests.simulation.consensus.cluster import Cluster
from tests.simulation.fixtures import MakeCluster
from tests.unit.raft.support.clusters import elected


def test_commands_of_a_turn_share_an_entry(make_cluster: MakeCluster) -> None:
    cluster, leader, _ = elected(make_cluster)
    before = cluster[leader].engine.journal.last_index
    cluster.propose(leader, *(b"%d" % i for i in range(50)))
    cluster.run(50)
    assert cluster[leader].engine.journal.last_index == before + 1


def test_large_turns_become_several_entries(make_cluster: MakeCluster) -> None:
    cluster, leader, others = elected(make_cluster, entry_bytes_max=1000)
    commands = [bytes([65 + i]) * 400 for i in range(9)]
    cluster.propose(others[0], *commands)
    cluster.run(100)
    assert cluster[leader].history() == commands
    assert all(result is not None for result in cluster[others[0]].results.values())
    sizes = [len(cluster[leader].engine.journal.entry(i)[0]) for i in range(3, 6)]
    assert max(sizes) < 1100


def test_oversized_and_surplus_commands_are_refused(make_cluster: MakeCluster) -> None:
    cluster, leader, _ = elected(make_cluster, payload_bytes_max=100, pending_bytes_max=250)
    cluster.propose(leader, b"a" * 101, b"b" * 100, b"c" * 100, b"d" * 100)
    cluster.run(100)
    assert cluster[leader].results[b"a" * 101] is None
    assert cluster[leader].results[b"d" * 100] is None
    assert cluster[leader].history() == [b"b" * 100, b"c" * 100]


def test_forwarded_commands_run_once_whatever_is_lost(make_cluster: MakeCluster) -> None:
    """INV-3: the forward, the entry, the commit notice or the leader is lost; the origin's number makes it one run."""
    for lost in range(6):
        cluster, leader, others = elected(make_cluster)
        origin, other = others
        cluster.propose(origin, b"once", b"twice")
        cluster.turn(origin)
        if lost == 0:
            cluster.connect(origin, leader)
        cluster.deliver(origin, leader)
        if lost == 1:
            cluster.connect(origin, leader)
        cluster.turn(leader)
        if lost == 2:
            cluster.kill(leader)
        else:
            cluster.deliver(leader, other)
            if lost == 3:
                cluster.kill(leader)
            else:
                cluster.deliver(other, leader)
                if lost == 4:
                    cluster.connect(origin, leader)
                if lost == 5:
                    cluster.kill(leader)
        cluster.await_leader()
        cluster.run(1_500)
        assert cluster[origin].results.keys() == {b"once", b"twice"}
        assert cluster[origin].history() == [b"once", b"twice"], f"case {lost}"
        cluster.check()


def test_repeated_forwards_fall_out_in_apply(make_cluster: MakeCluster) -> None:
    """INV-3: what the leader appended twice is applied once, on every node alike."""
    cluster, leader, others = elected(make_cluster)
    origin = others[0]
    cluster.propose(origin, b"a", b"b")
    cluster.turn(origin)
    forward = next(d for d in cluster.queues[origin, leader] if Message.FromString(d).WhichOneof("body") == "forward")
    again = Message.FromString(forward)
    again.forward.again = True
    for data in (forward, again.SerializeToString(), forward):
        cluster.hand(origin, leader, data)
        cluster.turn(leader)
    cluster.run(200)
    journal = cluster[leader].engine.journal
    entries = [journal.entry(i)[0] for i in range(2, journal.last_index + 1)]
    assert sum(len(g.payloads) for e in entries if e[0] == COMMAND for g in unpack_groups(e)) >= 4
    assert all(node.history() == [b"a", b"b"] for node in cluster.nodes.values())


def test_a_gap_is_never_applied(make_cluster: MakeCluster) -> None:
    """INV-3: a proposal whose predecessor was lost waits until both come again."""
    cluster, leader, others = elected(make_cluster)
    origin = others[0]
    cluster.propose(origin, b"first")
    cluster.turn(origin)
    cluster.drop(origin, leader)
    cluster.propose(origin, b"second")
    cluster.turn(origin)
    cluster.run(300)
    assert cluster[leader].history() == []
    cluster.run(2_000)
    assert cluster[leader].history() == [b"first", b"second"]
    assert all(result is not None for result in cluster[origin].results.values())


def test_a_restarted_origin_counts_anew(make_cluster: MakeCluster) -> None:
    """INV-3: numbers of an earlier life never hide those of the next."""
    cluster, _, others = elected(make_cluster)
    origin = others[0]
    for life in range(3):
        cluster.propose(origin, b"life %d" % life)
        cluster.run(200)
        cluster.kill(origin)
        cluster.now_ms += 1
        cluster.start(origin)
        cluster.run(300)
    assert cluster[origin].history() == [b"life 0", b"life 1", b"life 2"]


def test_without_quorum_the_outcome_is_unknown_in_time(make_cluster: MakeCluster) -> None:
    cluster, leader, others = elected(make_cluster, propose_deadline_ms=500)
    cluster.kill(*others)
    cluster.propose(leader, b"x")
    cluster.settle(leader, rounds=40)
    assert cluster[leader].results == {b"x": None}
    cluster.start(*others)
    cluster.await_leader()
    cluster.run(500)
    assert cluster[leader].history() in ([], [b"x"])
    cluster.check()


def test_a_node_without_a_leader_does_not_spin(make_cluster: MakeCluster) -> None:
    """Cut off with a proposal under way, a node has nothing due at once: its event loop would take a whole core."""
    cluster, leader, others = elected(make_cluster, propose_deadline_ms=500)
    cluster.kill(*others)
    cluster.propose(leader, b"x")
    cluster.settle(leader, rounds=100)
    engine = cluster[leader].engine
    assert not engine.core.is_leader
    assert engine.proposals.pending, "vacuous: nothing waits"
    for _ in range(50):
        cluster.turn(leader, 7)
        now_ms = cluster.now_ms
        assert engine.deadline_ms(now_ms) > now_ms


def test_the_clock_of_leases_never_goes_back(make_cluster: MakeCluster) -> None:
    """INV-7: whoever leads next goes on from the clock that the log has."""
    cluster, leader, _ = elected(make_cluster)
    for i in range(4):
        cluster.propose(leader, b"%d" % i)
        cluster.run(400)
        cluster.kill(leader)
        old, leader = leader, cluster.await_leader()
        cluster.start(old)
        cluster.run(200)
    cluster.propose(leader, b"end")
    cluster.run(100)
    stamps = [lease_ms for _, _, lease_ms in cluster[leader].machine.entries]
    assert stamps == sorted(stamps)
    assert stamps[-1] > 500


def test_the_clock_of_leases_does_not_count_what_the_leader_stood_still(make_cluster: MakeCluster) -> None:
    """INV-7: after the whole cluster was paused for an hour, nobody's lease has run out."""
    cluster, leader, _ = elected(make_cluster)
    engine = cluster[leader].engine
    now_ms, before = cluster.now_ms, engine._lease_now()
    for _ in range(20):
        now_ms += 100
        engine._at(now_ms)
    assert engine._lease_now() - before == pytest.approx(2_000, abs=2)
    engine._at(now_ms + 3_600_000)
    assert engine._lease_now() - before <= 2_002 + LEASE_STEP_MS_MAX


def test_the_clock_of_leases_counts_no_time_twice(make_cluster: MakeCluster) -> None:
    """INV-7: a turn ends with the time at which it began, and more was received in between: leases ended too early,
    by 3 of 100 at 200 changes a second, and by more the busier the leader was."""
    cluster, leader, _ = elected(make_cluster)
    engine = cluster[leader].engine
    peer = next(node_id for node_id in cluster.nodes if node_id != leader)
    ping = Message(term=engine.core.term)
    ping.ping.SetInParent()
    began_ms, before = cluster.now_ms, engine._lease_now()
    for turn in range(20):
        now_ms = began_ms + 10 * turn
        engine.propose(b"%d" % turn, b"%d" % turn, now_ms)
        engine.begin_turn(now_ms, 0)
        engine.receive(peer, ping, now_ms + 4)
        engine.finish_turn(now_ms)
    engine._at(began_ms + 200)
    assert engine._lease_now() - before == pytest.approx(200, abs=2)


def test_events_reach_every_node_once(make_cluster: MakeCluster) -> None:
    cluster, leader, _ = elected(make_cluster)
    cluster.propose(leader, b"event 1", b"plain", b"event 2")
    cluster.run(100)
    assert all(node.events == [b"event 1", b"event 2"] for node in cluster.nodes.values())


def test_commit_notices_wait_for_company_but_not_for_long(make_cluster: MakeCluster) -> None:
    """A follower that proposed nothing hears of a commit with the next entries, or a moment later."""
    cluster, leader, others = elected(make_cluster, commit_notice_ms=3)
    cluster.propose(leader, b"x")
    cluster.turn(leader)
    for other in others:
        cluster.deliver(leader, other)
        cluster.deliver(other, leader)
    assert cluster[leader].results
    assert not cluster.queues[leader, others[0]]
    cluster.turn(leader, 4)
    cluster.deliver(leader, others[0])
    assert cluster[others[0]].history() == [b"x"]


def say(cluster: Cluster, leader: str) -> int:
    """What only this leader can say, and what anybody could; the term that it leads in."""
    engine = cluster[leader].engine
    term = engine.core.term
    engine.propose("word", b"word", cluster.now_ms, Bound(term, b"nothing"))
    cluster.propose(leader, b"after")
    return term


def test_a_leaders_word_counts_in_its_term(make_cluster: MakeCluster) -> None:
    cluster, leader, _ = elected(make_cluster)
    say(cluster, leader)
    cluster.run(100)
    assert cluster[leader].history() == [b"word", b"after"]
    assert cluster[leader].results["word"] is not None


def test_a_leaders_word_never_gets_into_the_log_of_another(make_cluster: MakeCluster) -> None:
    """INV-7: it was cut off, and says it too late. Its number must run, or nothing that it proposed after would."""
    cluster, old, others = elected(make_cluster)
    cluster.isolate(old)
    say(cluster, old)
    cluster.run(1_500)
    assert any(cluster[other].engine.core.is_leader for other in others)
    for other in others:
        cluster.connect(old, other)
    cluster.run(500)
    assert all(node.history() == [b"nothing", b"after"] for node in cluster.nodes.values())
    assert cluster[old].results["word"] is None
    assert cluster[old].results[b"after"] is not None
    assert cluster[old].engine.proposals._pending_bytes == 0
    cluster.check()


def test_a_leaders_word_that_its_successor_has_in_its_log_runs_once(make_cluster: MakeCluster) -> None:
    """INV-3: it went there in its term. What takes its place elsewhere is passed over, nobody is told an outcome."""
    cluster, old, others = elected(make_cluster)
    say(cluster, old)
    cluster.turn(old)
    for other in others:
        cluster.deliver(old, other)
        cluster.drop(other, old)
    cluster.isolate(old)
    cluster.run(1_500)
    for other in others:
        cluster.connect(old, other)
    cluster.run(500)
    assert all(node.history() == [b"word", b"after"] for node in cluster.nodes.values())
    assert "word" in cluster[old].results
    cluster.check()


def test_a_word_of_a_term_that_has_passed_is_not_even_sent(make_cluster: MakeCluster) -> None:
    """The front end learns late that another leads."""
    cluster, leader, others = elected(make_cluster)
    engine = cluster[others[0]].engine
    engine.propose("word", b"word", cluster.now_ms, Bound(engine.core.term - 1, b"nothing"))
    cluster.run(100)
    assert cluster[leader].history() == [b"nothing"]
    assert cluster[others[0]].results["word"] is None
