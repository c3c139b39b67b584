"""The leader's jobs: only while it leads, and again by whoever leads next."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mdscluster.control.cutting import BATCH
from mdscluster.control.registry import Heard
from mdscluster.fsm import client_connections, cuts, data_servers
from mdscluster.fsm.commands import (
    KIND_INTERNAL,
    NOTHING,
    NoteConnections,
    RaiseFeatures,
    pack_internal,
    unpack_internal,
)
from mdscluster.fsm.machine import load_settings
from mdscluster.replica import FOLLOWER, MemberStatus, ReplicaStatus
from mdsproto.mandate import Mandate
from nfswire import nfs4
from tests.unit.nfs_frontend.nodes import Cluster, PnfsClient, layoutcommit, layoutreturn, putfh, setsize


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def a_cut(cluster: Cluster, client: PnfsClient) -> bytes:
    handle, opened = client.open(b"f")
    layout, _ = client.layout(handle, opened)
    client.ok(putfh(handle), layoutcommit(layout, 999))
    client.ok(putfh(handle), layoutreturn(layout))
    client.ok(putfh(handle), setsize(10, opened))
    return handle


def with_striping(cluster: Cluster, handle: bytes, numbers: list[int]) -> None:
    """Give a file its data servers, as if it had been written."""
    tables = cluster.nodes[0].dispatcher.tables
    striping = data_servers.Striping(numbers, 1 << 20)
    with cluster.replica.env.begin(write=True) as txn:
        txn.put(handle[8:16], msgspec.msgpack.encode(striping), db=tables.layout)


def cuts_left(cluster: Cluster, handle: bytes) -> cuts.Cut | None:
    with cluster.replica.env.begin() as txn:
        return cuts.of_file(txn, cluster.nodes[0].dispatcher.tables, int.from_bytes(handle[8:16], "big"))


def test_a_follower_does_nothing(cluster: Cluster) -> None:
    handle = a_cut(cluster, PnfsClient(cluster, b"a"))
    status = cluster.replica.status

    def follower(done: Callable[[ReplicaStatus], None]) -> None:
        status(lambda known: done(dataclasses.replace(known, role=FOLLOWER)))

    cluster.replica.status = follower  # type: ignore[method-assign]
    cluster.advance(2_000)
    assert cluster.links.cuts == []
    cluster.replica.status = status  # type: ignore[method-assign]
    cluster.advance(250)
    assert len(cluster.links.cuts) == 3
    assert cuts_left(cluster, handle) is None


def test_a_leader_that_has_lost_its_quorum_cuts_nothing(cluster: Cluster) -> None:
    """INV-6, INV-10: it may be an old leader, and the file was written again since."""
    handle = a_cut(cluster, PnfsClient(cluster, b"a"))
    barrier = cluster.replica.barrier
    cluster.replica.barrier = lambda done: done(False)  # type: ignore[method-assign]
    cluster.advance(1_000)
    assert cluster.links.cuts == []
    cluster.replica.barrier = barrier  # type: ignore[method-assign]
    cluster.advance(250)
    assert cuts_left(cluster, handle) is None


def test_a_cut_is_finished_when_the_data_server_is_back(cluster: Cluster) -> None:
    a = PnfsClient(cluster, b"a")
    cluster.links.dead.add("ds3")
    handle = a_cut(cluster, a)
    cluster.advance(500)
    left = cuts_left(cluster, handle)
    assert left is not None
    assert dict(left.remaining) == {3: 10}
    cluster.leader = cluster.new_leader()
    cluster.links.dead.clear()
    cluster.advance(500)
    assert cuts_left(cluster, handle) is None


def test_a_dead_data_servers_cuts_keep_no_other_waiting(cluster: Cluster) -> None:
    """INV-10: however many cuts a dead data server owes, those of the others are carried out, and once."""
    a = PnfsClient(cluster, b"a")
    cluster.links.dead.add("ds1")
    cluster.advance(4_000)
    handles = []
    for number in range(2 * BATCH + 7):
        handle, opened = a.open(b"f%d" % number)
        with_striping(cluster, handle, [1, 2, 3])
        a.ok(putfh(handle), setsize(99, opened), setsize(10, opened))
        handles.append(handle)
    cluster.advance(2_000)
    for handle in handles:
        left = cuts_left(cluster, handle)
        assert left is not None
        assert [number for number, _ in left.remaining] == [1]
    assert len(cluster.links.cuts) == 2 * len(handles)
    cluster.leader.wake.clear()
    cluster.advance(1_000)
    assert not cluster.leader.wake.is_set()
    cluster.links.dead.clear()
    cluster.advance(2_000)
    assert not any(cuts_left(cluster, handle) for handle in handles)


def test_files_that_a_data_server_cannot_cut_keep_no_other_waiting(cluster: Cluster) -> None:
    """A data server that answers, but fails at some objects: the others are cut, and it is asked less and less."""
    a = PnfsClient(cluster, b"a")
    handles = [a.open(b"f%d" % number) for number in range(BATCH + 9)]
    bad = {int.from_bytes(handle[8:16], "big") for handle, _ in handles[:BATCH]}
    asked: list[int] = []
    truncate = cluster.links.truncate

    async def failing(heard: Heard, fileid: int, size: int, serial: int, mandate: Mandate | None) -> bool:
        asked.append(fileid)
        return fileid not in bad and await truncate(heard, fileid, size, serial, mandate)

    cluster.links.truncate = failing  # type: ignore[method-assign]
    for handle, opened in handles:
        with_striping(cluster, handle, [2])
        a.ok(putfh(handle), setsize(99, opened), setsize(10, opened))
    cluster.advance(2_000)
    assert all(cuts_left(cluster, handle) is None for handle, _ in handles[BATCH:])
    cluster.advance(10_000)
    asked.clear()
    cluster.leader.wake.clear()
    cluster.advance(20_000, step_ms=1_000)
    assert 3 * BATCH <= len(asked) <= 5 * BATCH
    assert not cluster.leader.wake.is_set()


def test_a_new_leader_renews_every_lease_and_keeps_the_settings(cluster: Cluster) -> None:
    """INV-7: renewals that only the lost leader had heard of must not be missed."""
    a = PnfsClient(cluster, b"a")
    cluster.advance(60_000)
    with cluster.replica.env.begin() as txn:
        before = load_settings(txn, cluster.nodes[0].dispatcher.tables)
    cluster.leader = cluster.new_leader()
    cluster.advance(60_000)
    assert a.status() == "NFS4_OK"
    with cluster.replica.env.begin() as txn:
        assert load_settings(txn, cluster.nodes[0].dispatcher.tables) == before
    cluster.advance(55_000)
    assert a.status(nfs4.nfs_argop4(nfs4.OP_PUTROOTFH)) == "NFS4ERR_BADSESSION"


@pytest.mark.parametrize("applied", [True, False])
def test_connections_of_nodes_that_were_removed_are_forgotten(cluster: Cluster, applied: bool) -> None:
    """Once that is decided; those of members stay, be they there or not."""
    members = [MemberStatus(node_id, number, True, "", "", "") for number, node_id in enumerate(("mds1", "mds2"))]
    for command in (RaiseFeatures(3), *(NoteConnections(f"mds{n}", [b"\0" * 12], []) for n in (1, 2, 3))):
        cluster.replica.propose(pack_internal(command), lambda _: None)
    status = cluster.replica.status
    cluster.replica.status = lambda done: status(  # type: ignore[method-assign]
        lambda known: done(dataclasses.replace(known, members=members, membership_applied=applied))
    )
    cluster.advance(1_000)
    with cluster.replica.env.begin() as txn:
        left = client_connections.nodes(txn, cluster.nodes[0].dispatcher.tables)
    assert left == (["mds1", "mds2"] if applied else ["mds1", "mds2", "mds3"])


def test_what_a_leader_says_on_its_own_authority_counts_in_its_term_only(cluster: Cluster) -> None:
    """INV-7: cut off since, it may say it too late. How it configures the cluster above all, whose ID every handle and
    every data server has by then; and that comes when all of earlier terms is applied here. Who is a member no more
    may be one again, with clients that a late word would forget."""
    said: list[tuple[str, int]] = []
    replica, status = cluster.replica, cluster.replica.status
    propose = replica.propose

    def note(payload: bytes, term: int) -> None:
        if payload[0] == KIND_INTERNAL:
            said.append((type(unpack_internal(payload)).__name__, term))

    def noted(payload: bytes, done: Callable[[bytes | None], None]) -> None:
        note(payload, 0)
        propose(payload, done)

    def noted_in_term(term: int, payload: bytes, otherwise: bytes, done: Callable[[bytes | None], None]) -> None:
        note(payload, term)
        assert otherwise == NOTHING
        propose(payload, done)

    members = [MemberStatus("mds1", 1, True, "", "", "")]

    def later(done: Callable[[ReplicaStatus], None]) -> None:
        status(lambda known: done(dataclasses.replace(known, term=9, members=members, membership_applied=True)))

    for command in (RaiseFeatures(3), NoteConnections("mds2", [b"\0" * 12], [])):
        propose(pack_internal(command), lambda _: None)

    cluster.replica.status = later  # type: ignore[method-assign]
    replica.propose, replica.propose_in_term = noted, noted_in_term  # type: ignore[method-assign]
    jobs = cluster.leader
    jobs._wanted = msgspec.structs.replace(jobs._wanted, lease_ms=jobs._wanted.lease_ms + 1_000)
    cluster.advance(250)
    cluster.data_servers.clear()  # they are heard no more
    cluster.advance(5_000)
    assert said[:2] == [("LeaderStarted", 0), ("ConfigureCluster", 9)]
    assert {("DataServerUpdate", 9), ("NoteConnections", 9)} <= set(said)
    bound = ("ConfigureCluster", "RaiseFeatures", "DataServerUpdate", "NoteConnections")
    assert {term for name, term in said if name in bound} == {9}
