"""A node that comes back with an empty disk, on a cluster moved by hand."""

from __future__ import annotations

import pytest

from tests.simulation.fixtures import MakeCluster
from tests.unit.raft.support.clusters import elected, ping


def test_a_node_that_lost_its_disk_promises_nothing_until_it_has_caught_up(make_cluster: MakeCluster) -> None:
    """INV-1, INV-2: n3 and n1 hold what is committed; n3 comes back empty and must not help n2, which lacks it."""
    cluster = make_cluster()
    cluster.start()
    cluster.calm()
    cluster.elect("n1")
    cluster.settle()
    cluster.calm()
    cluster.propose("n1", b"kept")
    for _ in range(2):
        cluster.settle("n1", "n3")
        for other in ("n1", "n3"):
            cluster.drop(other, "n2")
    assert cluster["n1"].results
    cluster.kill("n1", "n3")
    cluster.wipe("n3")
    cluster.start("n3", replace=True)
    assert cluster["n3"].engine.status(cluster.now_ms).quarantined
    cluster.run(3_000)
    assert not any(cluster[node_id].engine.core.is_leader for node_id in ("n2", "n3"))
    cluster.start("n1")
    cluster.await_leader()
    ping(cluster, "n2", "n3")
    cluster.run(500)
    assert not cluster["n3"].engine.status(cluster.now_ms).quarantined
    assert all(node.history() == [b"kept"] for node in cluster.nodes.values())
    cluster.check()


def test_a_replaced_node_does_not_acknowledge_a_stale_leader(make_cluster: MakeCluster) -> None:
    """INV-2: n1 slept through term 2, where n2 and n3 committed; n3 comes back empty and hears n1 first."""
    cluster = make_cluster()
    cluster.start()
    cluster.calm()
    cluster.elect("n1")
    cluster.settle()
    cluster.calm()
    cluster.elect("n2", "n2", "n3")
    cluster.settle("n2", "n3")
    cluster.propose("n2", b"kept")
    cluster.settle("n2", "n3")
    assert cluster["n2"].results
    cluster.cut_off("n1")
    cluster.kill("n3")
    cluster.disconnect("n1", "n2")
    cluster.wipe("n3")
    cluster["n3"].start(replace=True)
    cluster.connect("n1", "n3")
    cluster.calm()
    cluster.propose("n1", b"wrong")
    cluster.settle("n1", "n3")
    assert not cluster["n1"].results
    cluster.connect("n2", "n3")
    cluster.connect("n1", "n2")
    ping(cluster, "n1", "n3")
    cluster.run(2_000)
    cluster.check()
    assert b"kept" in cluster["n3"].history()


@pytest.mark.parametrize("log_keep_entries", [50_000, 16])
def test_a_replacement_whose_clock_is_behind_is_served(make_cluster: MakeCluster, log_keep_entries: int) -> None:
    """INV-3: its predecessor's numbers are higher; it goes on above them, having met them in the log or in a snapshot.

    Found by simulation (3 nodes, seeds 11 and 17): every proposal of such a node waited for ever.
    """
    cluster, leader, others = elected(make_cluster, log_keep_entries=log_keep_entries)
    node = cluster[others[0]]
    for i in range(40):
        cluster.propose(node.id, b"first life %d" % i)
        cluster.run(20)
    cluster.kill(node.id)
    cluster.wipe(node.id)
    node.clock.jump_ms = -1e9
    cluster.start(node.id, replace=True)
    ping(cluster, others[1], node.id)
    cluster.propose(node.id, b"second life")
    cluster.run(300)
    if node.snapshot_from is not None:
        assert node.install_snapshot(cluster[leader])
        cluster.kill(node.id)
        cluster.start(node.id)
        ping(cluster, others[1], node.id)
    cluster.propose(node.id, b"third", b"fourth")
    cluster.run(300)
    assert node.results.get(b"third") is not None
    assert node.results.get(b"fourth") is not None
    assert (node.results.get(b"second life") is not None) == (log_keep_entries > 16)
    cluster.check()


def test_a_replacement_does_not_take_an_earlier_selfs_results_for_its_own(make_cluster: MakeCluster) -> None:
    """INV-3: earlier selves numbered themselves one after the other; its own number is none of theirs.

    Found by simulation (whole, 3 nodes, seed 400): it counted on from the first that it met in the log, and so became
    the second, which it had yet to meet.
    """
    cluster, _, others = elected(make_cluster)
    node = cluster[others[0]]
    for life in range(4):
        for i in range(6):
            cluster.propose(node.id, b"life %d, %d" % (life, i))
        cluster.run(100)
        cluster.kill(node.id)
        node.clock.jump_ms = -1e6  # so that the numbers follow one another
        if life < 3:
            cluster.start(node.id)
            cluster.run(300)
    cluster.wipe(node.id)
    node.clock.jump_ms = -1e9
    cluster.start(node.id, replace=True)
    node.results.clear()
    now = [b"now %d" % i for i in range(6)]
    cluster.propose(node.id, *now)
    ping(cluster, others[1], node.id)
    cluster.run(500)
    assert not node.engine.guards.quarantine.on
    assert node.results.keys() == set(now)
    history = node.history()
    assert [payload for payload in history if payload.startswith(b"now")] == now, "each ran once"
    for payload in now:
        assert node.results[payload] == b"%d" % (history.index(payload) + 1)
    cluster.check()


def test_a_replacement_that_joins_under_load_catches_up(make_cluster: MakeCluster) -> None:
    """Entries that came before it might take any fill the leader's window; once it may, it asks for them again.

    Found by simulation (3 nodes, seeds 25 and 37): the window stayed full for ever.
    """
    cluster = make_cluster(window_bytes=300)
    cluster.start("n1", "n2")
    cluster.start("n3", replace=True)
    cluster.calm()
    cluster.elect("n1", "n1", "n2")
    for i in range(20):
        cluster.propose("n1", b"under load %d" % i)
        cluster.run(20)
    node = cluster["n3"]
    assert node.engine.guards.quarantine.on
    ping(cluster, "n2", "n3")
    cluster.run(500)
    assert not node.engine.guards.quarantine.on
    assert len(node.history()) == 20
    cluster.check()
