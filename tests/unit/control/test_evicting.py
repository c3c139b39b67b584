"""Evicting a client through the leader's jobs and the data servers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mdscluster.control.evicting import evict
from mdscluster.fsm import features
from mdsproto import admin_pb2
from tests.unit.nfs_frontend.nodes import Cluster, PnfsClient


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def ask(cluster: Cluster, client_id: int) -> admin_pb2.EvictClientReply:
    """Ask, and wait for nothing."""
    return asyncio.run(evict(cluster.replica, cluster.nodes[0].dispatcher.tables, client_id, 0.0))


def test_a_client_is_fenced_at_every_data_server_before_it_counts_as_gone(cluster: Cluster) -> None:
    """INV-6: "done" is told when no data server accepts its I/O any more; not while one is busy with it."""
    lost, other = PnfsClient(cluster, b"lost"), PnfsClient(cluster, b"other")
    handle, opened = lost.open(b"f")
    _, handles = lost.layout(handle, opened)
    cluster.links.busy.add("ds2")
    assert ask(cluster, lost.client_id).code == "under_way"
    assert lost.status() == "NFS4ERR_BADSESSION"
    cluster.advance(1_000)
    assert cluster.links.refuses("ds1", handles[0])
    assert ask(cluster, lost.client_id).code == "under_way", "ds2 has older I/O under way"
    cluster.links.busy.clear()
    cluster.advance(1_000)
    assert ask(cluster, lost.client_id).code == "no_client"
    for number, one in enumerate(handles):
        assert cluster.links.refuses(f"ds{number + 1}", one)
    other.open(b"f")


def test_another_leader_ends_what_one_began(cluster: Cluster) -> None:
    """INV-6: nothing hangs on the node that was asked."""
    lost = PnfsClient(cluster, b"lost")
    lost.layout(*lost.open(b"f"))
    cluster.links.dead.add("ds1")
    assert ask(cluster, lost.client_id).code == "under_way"
    cluster.advance(1_000)
    cluster.leader = cluster.new_leader()
    cluster.links.dead.clear()
    cluster.advance(1_000)
    assert ask(cluster, lost.client_id).code == "no_client"


def test_an_idle_client_is_gone_at_once(cluster: Cluster) -> None:
    idle = PnfsClient(cluster, b"idle")
    assert ask(cluster, idle.client_id).code == "under_way"
    cluster.lead()
    assert ask(cluster, idle.client_id).code == "no_client"


def test_without_quorum_or_level_nothing_is_proposed(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = PnfsClient(cluster, b"lost")
    with monkeypatch.context() as patched:
        patched.setattr(cluster.replica, "barrier", lambda done: done(False))
        assert ask(cluster, lost.client_id).code == "unknown"
    with monkeypatch.context() as patched:
        patched.setattr(features, "level", lambda txn, tables: 3)
        refused = ask(cluster, lost.client_id)
        assert (refused.code, "level 6" in refused.text) == ("refused", True)
    lost.ok()
