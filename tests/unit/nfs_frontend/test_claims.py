"""Claims to write for a client, in the log and in force at the data servers (docs/adr/0012)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mdscluster.fsm import clients, io_claims
from mdscluster.fsm.commands import ClaimIo, ConfigureCluster, pack_internal
from mdscluster.fsm.settings import Settings
from nfswire import dsfh
from tests.unit.nfs_frontend.nodes import LEASE_MS, REPORT_MS, Cluster, PnfsClient

A, B = b"holder-a", b"holder-b"


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def claim(cluster: Cluster, client_id: int, holder: bytes) -> int:
    results: list[bytes | None] = []
    cluster.replica.propose(pack_internal(ClaimIo(client_id, holder)), results.append)
    assert results[0] is not None
    return int.from_bytes(results[0][1:], "big")


def seen(cluster: Cluster, client_id: int) -> io_claims.IoClaim | None:
    with cluster.replica.env.begin() as txn:
        return io_claims.load(txn, cluster.nodes[0].dispatcher.tables, client_id)


@pytest.mark.parametrize("cluster_id", [0x1234567, 0x50000000, 0x504F198B, 0x50FFFFFF])
def test_a_claim_is_in_force_once_every_data_server_refuses_the_earlier_one(cluster: Cluster, cluster_id: int) -> None:
    """INV-2, INV-6: also the one that is slow to let its older I/O end. The client's layouts are not concerned.

    Whatever the cluster's ID, which its clients' IDs begin with. Found by simulation (whole, 3 nodes, seed 623): in one
    cluster of 128 no second claim ever came into force, and WRITEs by way of the metadata servers hung for good.
    """
    settings = Settings(cluster_id=cluster_id, name=b"test")
    cluster.replica.propose(pack_internal(ConfigureCluster(msgspec.msgpack.encode(settings))), lambda _: None)
    client = PnfsClient(cluster, b"c").client_id
    first = claim(cluster, client, A)
    assert seen(cluster, client) == io_claims.IoClaim(A, first, True), "nobody to be fenced"
    cluster.links.busy.add("ds2")
    second = claim(cluster, client, B)
    cluster.advance(1_000)
    assert seen(cluster, client) == io_claims.IoClaim(B, second, False)
    cluster.links.busy.clear()
    cluster.advance(1_000)
    assert seen(cluster, client) == io_claims.IoClaim(B, second, True)
    for ds_id in cluster.data_servers:
        for identity, epoch, refused in (
            (io_claims.identity(client), first, True), (io_claims.identity(client), second, False),
            (client, first, False),
        ):  # fmt: skip
            handle = dsfh.pack_ds_fh(bytes(32), dsfh.FLAG_WRITE, 0, 7, identity, epoch)
            assert cluster.links.refuses(ds_id, handle) == refused


def test_the_same_holder_may_claim_again_to_fence_itself(cluster: Cluster) -> None:
    """INV-2: when it does not know what became of something it sent."""
    client = PnfsClient(cluster, b"c").client_id
    first = claim(cluster, client, A)
    assert claim(cluster, client, A) > first
    held = seen(cluster, client)
    assert held is not None
    assert not held.in_force


def test_a_client_that_is_gone_is_written_for_no_more(cluster: Cluster) -> None:
    """INV-6: its claim ends with it, fenced; and there is none for a client that is not there."""
    client = PnfsClient(cluster, b"c").client_id
    first = claim(cluster, client, A)
    cluster.advance(LEASE_MS + 5 * REPORT_MS, step_ms=2_500)
    assert seen(cluster, client) is None
    assert claim(cluster, client, B) == 0
    with cluster.replica.env.begin() as txn:
        entries = io_claims.fences.fences(txn, cluster.nodes[0].dispatcher.tables)[1]
    assert any(dsfh.Fence(*one).clientid == io_claims.identity(client) and one[2] > first for one in entries)


def test_a_lapsed_client_keeps_all_until_nobody_can_write_for_it(cluster: Cluster) -> None:
    """INV-5, INV-6: a node may stand still with a WRITE since before the lease ran out; what a lock of the client's
    protects must not be free while a data server would still take that WRITE."""
    client = PnfsClient(cluster, b"c").client_id
    first = claim(cluster, client, A)
    cluster.links.busy.add("ds2")
    cluster.advance(LEASE_MS + 5 * REPORT_MS, step_ms=2_500)

    def is_known() -> bool:
        with cluster.replica.env.begin() as txn:
            return clients.renewed_ms(txn, cluster.nodes[0].dispatcher.tables, client) is not None

    assert is_known()
    held = seen(cluster, client)
    assert held is not None
    assert (held.holder, held.in_force, held.epoch > first) == (b"", False, True)
    cluster.links.busy.clear()
    cluster.advance(2_000)
    assert not is_known()
    assert seen(cluster, client) is None
    handle = dsfh.pack_ds_fh(bytes(32), dsfh.FLAG_WRITE, 0, 7, io_claims.identity(client), first)
    assert all(cluster.links.refuses(ds_id, handle) for ds_id in cluster.data_servers)
