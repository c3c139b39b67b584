"""Nodes that begin with a restored state instead of an empty one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdscluster.raft.errors import PeerError
from mdscluster.raft.seeding import seed
from mdscluster.raft.store import Store
from tests.simulation.consensus.cluster import Cluster
from tests.simulation.consensus.node import open_env
from tests.simulation.fixtures import MakeCluster
from tests.unit.raft.test_founding import IDS, Disk, found

INDEX, LEASE_MS, STATE = 4_711, 600_000, b"a restored state"


def seeded(path: Path, index: int = INDEX, identity: bytes = STATE) -> None:
    path.mkdir(parents=True, exist_ok=True)
    env = open_env(path)
    store = Store(env)
    seed(store, index, LEASE_MS, identity)
    store.commit()
    env.close()


def test_they_go_on_behind_the_entry_that_the_state_is_of(make_cluster: MakeCluster) -> None:
    """INV-1, INV-7: terms begin anew, the log and the clock of leases go on."""
    cluster = make_cluster(3)
    for node in cluster.nodes.values():
        seeded(node.dir)
    cluster.start()
    leader = cluster.await_leader()
    cluster.propose(leader, b"a")
    cluster.run(100)
    for node in cluster.nodes.values():
        assert node.engine.applied > INDEX
        assert node.engine.store.applied()[2] >= LEASE_MS
        assert node.history() == [b"a"]
    cluster.check()


def test_who_loses_its_disk_later_gets_the_whole_state(make_cluster: MakeCluster) -> None:
    """INV-8: never a log to be replayed on nothing."""
    cluster: Cluster = make_cluster(3)
    for node in cluster.nodes.values():
        seeded(node.dir)
    cluster.start()
    leader = cluster.await_leader()
    lost = next(node_id for node_id in cluster.ids if node_id != leader)
    cluster.propose(leader, b"a")
    cluster.run(100)
    cluster.kill(lost)
    cluster[lost].wipe()
    cluster.start(lost)
    end_ms = cluster.now_ms + 3_000
    while cluster[lost].snapshot_from is None:
        assert cluster.now_ms < end_ms
        cluster.run(50)
    assert cluster[lost].history() == [], "nothing was replayed"
    assert cluster[lost].snapshot_from == leader
    assert cluster[lost].install_snapshot(cluster[leader])
    cluster.kill(lost)
    cluster.start(lost)
    cluster.propose(leader, b"b")
    cluster.run(500)
    assert cluster[lost].history() == [b"a", b"b"]
    cluster.check()


def disk(path: Path, node_id: str, identity: bytes) -> Disk:
    made = Disk(path, node_id)
    if identity:
        seed(made.store, INDEX, LEASE_MS, identity)
        made.store.commit()
        made.start()
    return made


def test_those_that_were_restored_alike_found_a_cluster(tmp_path: Path) -> None:
    disks = [disk(tmp_path, node_id, STATE) for node_id in IDS]
    found(disks)
    assert len({one.founding.cluster for one in disks}) == 1


@pytest.mark.parametrize("other", [b"", b"another state"])
def test_those_that_were_not_found_nothing(tmp_path: Path, other: bytes) -> None:
    """INV-8: they would never be alike. Both sides say so."""
    one, two, odd = (disk(tmp_path, node_id, s) for node_id, s in zip(IDS, (STATE, STATE, other), strict=True))
    one.meet(two)
    for here, there in ((one, odd), (odd, one)):
        with pytest.raises(PeerError, match="restore every metadata server of a new cluster from the same backup"):
            here.meet(there)
    assert not any(each.settle() for each in (one, two, odd))


def test_a_restored_disk_is_no_empty_one(tmp_path: Path) -> None:
    """INV-2: ``mdscluster rejoin`` would throw an unused state away."""
    env = open_env(tmp_path)
    store = Store(env)
    assert store.unused()
    seed(store, INDEX, LEASE_MS, STATE)
    assert not store.unused()
    store.abandon()
    env.close()
