"""What a leader does under which mandate, and what it does when a data server obeys somebody else (docs/adr/0026)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from mdscluster.fsm import eras, features
from mdscluster.fsm.commands import BeginEra, RaiseFeatures, pack_internal, unpack_internal
from mdscluster.replica import FOLLOWER, ReplicaStatus
from mdsproto.mandate import Mandate
from tests.unit.control.test_leader import a_cut, cuts_left
from tests.unit.nfs_frontend.nodes import Cluster, PnfsClient

REFUSAL = "this data server has heard a later leader"


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def has_status(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    status = cluster.replica.status

    def changed(done: Callable[[ReplicaStatus], None]) -> None:
        status(lambda known: done(dataclasses.replace(known, **changes)))  # type: ignore[arg-type]

    monkeypatch.setattr(cluster.replica, "status", changed)


def era(cluster: Cluster) -> int:
    with cluster.replica.env.begin() as txn:
        return eras.current(txn, cluster.nodes[0].dispatcher.tables)


def test_whatever_a_data_server_is_told_names_cluster_era_and_term(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-10."""
    has_status(cluster, monkeypatch, term=17)
    a_cut(cluster, PnfsClient(cluster, b"a"))
    cluster.advance(500)
    assert era(cluster) > 0
    assert set(cluster.links.mandates) == {Mandate(0x1234567, era(cluster), 17)}


def test_below_the_level_nobody_is_told_a_mandate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has heard one obeys nobody without: an older metadata server could not lead any more."""
    monkeypatch.setattr(features, "SUPPORTED", features.MANDATES - 1)
    cluster = Cluster(tmp_path)
    a_cut(cluster, PnfsClient(cluster, b"a"))
    cluster.advance(500)
    assert (cluster.links.mandates, era(cluster)) == ([None] * 3, 0)
    monkeypatch.undo()
    cluster.replica.apply_entry([pack_internal(RaiseFeatures(features.MANDATES))])
    cluster.advance(500)
    begun = era(cluster)
    assert begun > 0
    cluster.replica.apply_entry([pack_internal(BeginEra())])
    cluster.leader = cluster.new_leader()
    cluster.advance(500)
    assert era(cluster) == begun, "once"


def test_a_refused_leader_does_nothing_until_a_quorum_says_that_it_leads(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-6, INV-10: and goes on in its next term as if nothing had been."""
    cluster.links.refusing["ds2"] = REFUSAL
    handle = a_cut(cluster, PnfsClient(cluster, b"a"))
    with monkeypatch.context() as patched:
        cluster.advance(250)
        left = cuts_left(cluster, handle)
        assert left is not None
        assert [number for number, _ in left.remaining] == [2]
        patched.setattr(cluster.replica, "barrier", lambda done: done(False))
        index = cluster.replica.index
        told = len(cluster.links.mandates)
        reporting, cluster.reporting = cluster.reporting, {}
        cluster.links.dead.add("ds3")  # it would have to be marked down
        cluster.advance(5_000)
        assert (cluster.replica.index, len(cluster.links.mandates)) == (index, told), "nothing is proposed, none told"
        cluster.links.dead.clear()
        cluster.reporting = reporting
    with monkeypatch.context() as patched, structlog.testing.capture_logs() as logs:
        has_status(cluster, patched, role=FOLLOWER)
        cluster.advance(1_000)
        assert len(cluster.links.mandates) == told
    assert [entry["event"] for entry in logs] == ["a data server refused this node, which leads no more"]
    cluster.links.refusing.clear()
    has_status(cluster, monkeypatch, term=9)
    cluster.advance(5_000)
    assert cuts_left(cluster, handle) is None
    assert cluster.links.mandates[-1] == Mandate(0x1234567, era(cluster), 9)


def test_a_leader_that_is_deposed_while_it_asks_says_so(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """It learns it from the data server's refusal, before its own consensus told it."""
    cluster.links.refusing["ds2"] = REFUSAL
    a_cut(cluster, PnfsClient(cluster, b"a"))
    barrier = cluster.replica.barrier

    def deposed(done: Callable[[bool], None]) -> None:
        has_status(cluster, monkeypatch, role=FOLLOWER, term=2)
        barrier(done)

    cluster.lead()
    monkeypatch.setattr(cluster.replica, "barrier", deposed)
    with structlog.testing.capture_logs() as logs:
        cluster.lead()
    assert [entry["event"] for entry in logs] == ["a data server refused this node, which leads no more"]
    assert logs[0]["refused_by"] == {"ds2": REFUSAL}


def test_a_data_server_that_is_wrong_stops_nobody(cluster: Cluster) -> None:
    """A quorum says that this node leads: it goes on with the others, and tells the operator once."""
    cluster.links.refusing["ds2"] = REFUSAL
    handles = [a_cut(cluster, PnfsClient(cluster, b"a"))]
    with structlog.testing.capture_logs() as logs:
        cluster.advance(30_000)
    left = cuts_left(cluster, handles[0])
    assert left is not None
    assert [number for number, _ in left.remaining] == [2]
    told = [entry for entry in logs if entry["log_level"] == "error"]
    assert [(entry["event"], entry["ds"], entry["reason"]) for entry in told] == [
        ("a data server refuses the leader that a quorum stands behind", "ds2", REFUSAL)
    ]


def test_a_doubt_does_not_begin_the_leadership_anew(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data server that is wrong again and again would keep every lease alive, and so every lock of a dead client."""
    proposed: list[str] = []
    propose = cluster.replica.propose

    def noting(payload: bytes, done: Callable[[bytes | None], None]) -> None:
        if payload[:1] == pack_internal(BeginEra())[:1]:
            proposed.append(type(unpack_internal(payload)).__name__)
        propose(payload, done)

    monkeypatch.setattr(cluster.replica, "propose", noting)
    cluster.links.refusing["ds2"] = REFUSAL
    handle = a_cut(cluster, PnfsClient(cluster, b"a"))
    cluster.advance(500)
    with monkeypatch.context() as patched:
        patched.setattr(cluster.replica, "barrier", lambda done: done(False))
        cluster.advance(5_000)
    cluster.links.refusing.clear()
    cluster.advance(10_000)
    assert cuts_left(cluster, handle) is None
    assert "LeaderStarted" not in proposed


def test_a_data_server_that_is_wrong_again_is_told_of_again(cluster: Cluster) -> None:
    """It obeyed in between: what was told before is history."""
    with structlog.testing.capture_logs() as logs:
        for number in range(2):
            cluster.links.refusing["ds2"] = REFUSAL
            a_cut(cluster, PnfsClient(cluster, b"client %d" % number))
            cluster.advance(30_000)
            cluster.links.refusing.clear()
            cluster.advance(10_000)
    events = [entry["event"] for entry in logs if entry.get("ds") == "ds2" and "leader" in entry["event"]]
    assert events == [
        "a data server refuses the leader that a quorum stands behind", "a data server obeys the leader again"
    ] * 2  # fmt: skip
