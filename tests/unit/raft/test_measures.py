"""What consensus measures of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdscluster.raft.environment import open_environment
from mdscluster.raft.measures import Measures
from mdscluster.raft.store import Store
from tests.simulation.fixtures import MakeCluster


def test_an_entry_counts_from_its_append_until_a_majority_holds_it() -> None:
    measures = Measures()
    measures.appended(1, 10, 1_000.0)
    measures.appended(1, 12, 1_004.0)
    measures.committed(9, 1_005.0)
    assert measures.commit.count == 0
    measures.committed(10, 1_006.0)
    assert (measures.commit.count, measures.commit.sum_s) == (1, pytest.approx(0.006))
    measures.committed(12, 1_006.0)
    assert (measures.commit.count, measures.commit.sum_s) == (2, pytest.approx(0.008))


def test_turns_that_append_nothing_are_no_entries() -> None:
    measures = Measures()
    for now_ms in (1_000.0, 1_010.0, 1_020.0):
        measures.appended(1, 10, now_ms)
    measures.committed(10, 1_030.0)
    assert (measures.commit.count, measures.commit.sum_s) == (1, pytest.approx(0.03))


def test_entries_of_an_earlier_term_say_nothing_of_this_leaders_commits() -> None:
    """They may have waited for minutes until there was a leader again."""
    measures = Measures()
    measures.appended(1, 10, 1_000.0)
    measures.appended(3, 12, 90_000.0)
    measures.committed(12, 90_002.0)
    assert (measures.commit.count, measures.commit.sum_s) == (1, pytest.approx(0.002))


def test_without_a_quorum_no_more_than_so_many_are_remembered() -> None:
    measures = Measures()
    for index in range(10_000):
        measures.appended(1, index + 1, float(index))
    measures.committed(10_000, 10_000.0)
    assert measures.commit.count == 4_096


def test_leaders_are_counted_from_the_second_on() -> None:
    measures = Measures()
    for leader, term in (("mds1", 1), ("mds1", 1), ("mds2", 2), ("mds2", 3), ("mds2", 3)):
        measures.led_by(leader, term)
    assert measures.leader_changes == 2


def test_a_commit_is_timed_and_an_empty_turn_is_not(tmp_path: Path) -> None:
    times = iter([1.0, 1.25, 9.0])
    measures = Measures(lambda: next(times))
    env = open_environment(tmp_path / "state", map_bytes=16 << 20)
    store = Store(env, measures)
    store.set_applied(2, 1, 0)
    assert store.commit()
    assert not store.commit()
    assert (measures.fsync.count, measures.fsync.sum_s) == (1, 0.25)
    env.close()


def test_a_cluster_tells_what_it_measured_with_its_status(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    cluster.start()
    leader = cluster.await_leader()
    cluster.propose(leader, b"a", b"b")
    cluster.run(100)
    told = {name: cluster[name].engine.status(cluster.now_ms).measured for name in cluster.ids}
    assert told[leader].commit.count >= 1
    assert all(told[name].commit.count == 0 for name in cluster.ids if name != leader)
    assert all(measured.apply.count >= 1 and measured.fsync.count >= 1 for measured in told.values())
    assert {measured.leader_changes for measured in told.values()} == {0}
    cluster.kill(leader)
    cluster.await_leader()
    cluster.run(500)
    others = [name for name in cluster.ids if name != leader]
    assert all(cluster[name].engine.status(cluster.now_ms).measured.leader_changes >= 1 for name in others)


def test_one_election_is_one_change_on_every_node(make_cluster: MakeCluster) -> None:
    """Also on the one that stood: in the tick in which it stands the term is new, and its leader is not known yet."""
    cluster = make_cluster()
    cluster.start()
    first = cluster.await_leader()
    cluster.run(100)
    cluster.calm()
    second = next(name for name in cluster.ids if name != first)
    cluster.elect(second)
    cluster.run(100)
    assert cluster[second].engine.core.is_leader
    changes = {name: cluster[name].engine.status(cluster.now_ms).measured.leader_changes for name in cluster.ids}
    assert changes == dict.fromkeys(cluster.ids, 1)


def test_barriers_that_wait_for_a_quorum_are_counted(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    cluster.start()
    leader = cluster.await_leader()
    cluster.run(100)
    cluster.cut_off(leader)
    engine = cluster[leader].engine
    assert engine.status(cluster.now_ms).pending_barriers == 0
    for number in range(3):
        engine.barrier(number, cluster.now_ms)
        cluster.turn(leader)
    assert engine.status(cluster.now_ms).pending_barriers == 3
