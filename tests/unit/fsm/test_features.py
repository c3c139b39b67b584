"""Feature levels: no command above the cluster's level, and no node below it (docs/adr/0014)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from mdscluster.fsm import features
from mdscluster.fsm.commands import (
    RESULT_DONE,
    RESULT_REFUSED,
    ConfigureCluster,
    ExpireClients,
    RaiseFeatures,
    RenewLeases,
    StartFence,
    pack_internal,
)
from mdscluster.fsm.machine import StateMachine
from mdscluster.fsm.settings import Settings
from mdscluster.raft.environment import open_environment
from mdscluster.raft.solo import SoloReplica
from mdscluster.replica import MemberStatus, PeerStatus, ReplicaStatus
from tests.unit.nfs_frontend.nodes import Cluster


@pytest.fixture
def replica(tmp_path: Path) -> SoloReplica:
    replica = SoloReplica(open_environment(tmp_path, map_bytes=64 << 20), StateMachine)
    replica.apply_entry([pack_internal(ConfigureCluster(msgspec.msgpack.encode(Settings(cluster_id=7))))])
    return replica


def used(replica: SoloReplica) -> int:
    with replica.env.begin() as txn:
        return features.level(txn, replica.machine.tables)


def test_a_level_is_raised_and_never_lowered(replica: SoloReplica) -> None:
    """And it survives a restart: it is part of the state."""
    assert used(replica) == features.BASE
    for level in (2, 1):
        assert replica.apply_entry([pack_internal(RaiseFeatures(level))]) == [RESULT_DONE]
        assert used(replica) == 2
    again = SoloReplica(replica.env, StateMachine)
    assert again.machine.feature_level == 2


def test_a_command_above_the_level_is_refused_everywhere_alike(
    replica: SoloReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-8: whether it runs depends on the log alone."""
    monkeypatch.setitem(features._NEEDS, RenewLeases, 2)
    command = pack_internal(RenewLeases([]))
    before = replica.digest()
    assert replica.apply_entry([command]) == [RESULT_REFUSED]
    assert replica.apply_entry([pack_internal(RaiseFeatures(2)), command])[1][:1] == RESULT_DONE
    assert replica.digest() != before


def test_what_earlier_releases_would_pass_over_has_a_level_too() -> None:
    """INV-8: they would judge a late expiry by another time."""
    for command in (ExpireClients([1]), StartFence(1, b"")):
        assert features.permitted(command, features.BASE)
    for command in (ExpireClients([1], 5), StartFence(1, b"", 5)):
        assert not features.permitted(command, features.JUDGED - 1)
        assert features.permitted(command, features.JUDGED)


def test_a_release_that_is_too_old_for_the_state_says_so(
    replica: SoloReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-8: it stops, at the command or at the next start, rather than skip what it does not know."""
    with pytest.raises(features.TooNew, match=f"level {features.SUPPORTED + 1}, this release knows up to"):
        replica.apply_entry([pack_internal(RaiseFeatures(features.SUPPORTED + 1))])
    assert used(replica) == features.BASE
    replica.apply_entry([pack_internal(RaiseFeatures(2))])
    monkeypatch.setattr(features, "SUPPORTED", 1)
    with pytest.raises(features.TooNew, match="level 2, this release knows up to 1: install the release"):
        SoloReplica(replica.env, StateMachine)
    with pytest.raises(features.TooNew):
        replica.apply_entry([pack_internal(RaiseFeatures(2))])


@pytest.mark.parametrize(
    ("peers", "raised"),
    [
        ({"mds2": features.SUPPORTED, "mds3": features.SUPPORTED}, True),
        ({"mds2": features.SUPPORTED, "mds3": features.SUPPORTED - 1}, False),
        ({"mds2": features.SUPPORTED, "mds3": 0}, False),
    ],
    ids=["all know it", "one runs an older release", "one is not connected"],
)
def test_a_leader_raises_what_every_node_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peers: dict[str, int], raised: bool
) -> None:
    cluster = Cluster(tmp_path)
    with cluster.replica.env.begin(write=True) as txn:
        txn.delete(b"feature_level", db=cluster.replica.machine.tables.meta)
    connected = {peer: PeerStatus(level > 0, 1, 0, 0, feature_level=level) for peer, level in peers.items()}
    status = ReplicaStatus("mds1", "leader", 2, "mds1", 9, 9, 9, 1, True, connected)
    monkeypatch.setattr(cluster.replica, "status", lambda done: done(status))
    asyncio.run(cluster.new_leader().turn())
    assert (used(cluster.replica) == features.SUPPORTED) is raised


@pytest.mark.parametrize(
    ("members", "applied", "raised"),
    [
        (("mds1", "mds2"), True, True),
        (("mds1", "mds2"), False, False),
        (("mds1", "mds2", "mds3"), True, False),
        (("mds1", "mds2", "mds4"), True, False),
    ],
    ids=["who was removed is not asked", "not while that is undecided", "a learner is asked", "a member never met"],
)
def test_who_must_know_a_level_is_the_membership_in_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: tuple[str, ...], applied: bool, raised: bool
) -> None:
    """INV-8: a learner becomes a voter; and whoever is gone must not keep the others from going on."""
    cluster = Cluster(tmp_path)
    with cluster.replica.env.begin(write=True) as txn:
        txn.delete(b"feature_level", db=cluster.replica.machine.tables.meta)
    knows = {"mds2": features.SUPPORTED, "mds3": features.BASE}
    peers = {peer: PeerStatus(True, 1, 0, 0, feature_level=level) for peer, level in knows.items()}
    status = ReplicaStatus(
        "mds1", "leader", 2, "mds1", 9, 9, 9, 1, True, peers,
        members=[MemberStatus(node_id, 0, node_id != "mds3", "", "", "") for node_id in members],
        membership_applied=applied,
    )  # fmt: skip
    monkeypatch.setattr(cluster.replica, "status", lambda done: done(status))
    asyncio.run(cluster.new_leader().turn())
    assert (used(cluster.replica) == features.SUPPORTED) is raised


def test_a_leader_proposes_nothing_above_the_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older node would not even be able to read it."""
    cluster = Cluster(tmp_path)
    monkeypatch.setitem(features._NEEDS, RenewLeases, features.SUPPORTED + 1)
    index = cluster.replica.index
    assert asyncio.run(cluster.leader.propose(RenewLeases([]))) is None
    assert cluster.replica.index == index
