"""INV-7: no lease runs out that a client was promised, and those of dead clients do, whatever becomes of the nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdscluster.control.renewals import patience_ms
from tests.unit.nfs_frontend.nodes import LEASE_MS, REPORT_MS, Cluster, PnfsClient

LATE_MS = 3 * REPORT_MS
"""How much longer than a lease it may take that nobody renews."""
PATIENCE_MS = patience_ms(LEASE_MS)


class Reporting(Cluster):
    """Three nodes whose front ends report every few seconds, those that are in ``reporting``, and a client at mds1."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reporting |= dict.fromkeys(("mds2", "mds3"), 1)
        self.resident = PnfsClient(self, b"resident")
        self.resident_left = False
        self.leader = self.new_leader()
        self.pass_time(3 * LEASE_MS)

    def report(self, node_id: str, *client_ids: int) -> None:
        if node_id == "mds1" and not self.resident_left:
            client_ids = (*client_ids, self.resident.client_id)
        super().report(node_id, *client_ids)

    def pass_time(self, ms: int) -> None:
        self.advance(ms, step_ms=1_000)

    def lives(self, client: PnfsClient) -> bool:
        with self.replica.env.begin() as txn:
            table = self.nodes[0].dispatcher.tables.client
            return txn.get(client.client_id.to_bytes(8, "big"), db=table) is not None


@pytest.fixture
def cluster(tmp_path: Path) -> Reporting:
    return Reporting(tmp_path)


def test_leases_run_out_in_time_where_every_node_reports(cluster: Reporting) -> None:
    """What a dead client held is free after its lease, not after two."""
    client = PnfsClient(cluster, b"a")
    cluster.pass_time(LEASE_MS)
    assert cluster.lives(client)
    cluster.pass_time(LATE_MS)
    assert not cluster.lives(client)


@pytest.mark.parametrize("age_ms", range(500, REPORT_MS, 1_500))
def test_a_renewal_late_in_the_lease_counts_though_its_report_is_due_later(cluster: Reporting, age_ms: int) -> None:
    """Every node is well. One of them answers the client just before its lease is over, and reports it later."""
    client = PnfsClient(cluster, b"a")
    connected_ms = cluster.now_ms
    del cluster.reporting["mds2"]
    for _ in range(LEASE_MS // REPORT_MS):
        cluster.report("mds2")
        cluster.advance(REPORT_MS)
    late_ms = cluster.now_ms - connected_ms - LEASE_MS
    assert late_ms == 0, "the client was heard of at mds2 now, in its lease's last moment"
    cluster.advance(age_ms)
    assert cluster.lives(client)
    cluster.report("mds2", client.client_id)
    cluster.reporting["mds2"] = 1
    cluster.pass_time(LEASE_MS - REPORT_MS)
    assert cluster.lives(client)


def test_no_lease_runs_out_while_a_node_that_stands_still_may_have_heard_of_the_client(cluster: Reporting) -> None:
    """It was answered there, and not reported yet. Nobody is waited for for ever: a lease after it may last have
    answered anybody nothing of that counts.

    Found by simulation (whole, 5 nodes, seed 310): a client was dropped 885 ms after an answer, its lease 1,500 ms.
    """
    client = PnfsClient(cluster, b"a")
    cluster.pass_time(60_000)
    del cluster.reporting["mds2"]
    cluster.pass_time(LEASE_MS + PATIENCE_MS - 5_000)
    assert cluster.lives(client)
    cluster.pass_time(5_000 + LATE_MS)
    assert not cluster.lives(client)
    other = PnfsClient(cluster, b"b")
    cluster.pass_time(LEASE_MS + LATE_MS)
    assert not cluster.lives(other), "the same silence counts again"
    cluster.reporting["mds2"] = 1
    cluster.pass_time(10_000)
    third = PnfsClient(cluster, b"c")
    cluster.pass_time(60_000)
    del cluster.reporting["mds2"]
    cluster.pass_time(LEASE_MS + PATIENCE_MS - 5_000)
    assert cluster.lives(third), "a node that was back is missed again"


def test_what_a_front_end_heard_before_it_restarted_may_be_lost(cluster: Reporting) -> None:
    """Its successor knows nothing of it, and is another one. Nor is it waited for for ever."""
    client = PnfsClient(cluster, b"a")
    cluster.pass_time(60_000)
    cluster.reporting["mds3"] = 2
    cluster.pass_time(LEASE_MS + PATIENCE_MS - 5_000)
    assert cluster.lives(client)
    cluster.pass_time(5_000 + LATE_MS)
    assert not cluster.lives(client)


def test_who_answered_before_the_leader_led_may_be_lost(cluster: Reporting) -> None:
    """The new leader has heard no report of it, and its last answers may have come a while after the beginning."""
    client = PnfsClient(cluster, b"a")
    del cluster.reporting["mds3"]
    cluster.leader = cluster.new_leader()
    cluster.pass_time(LEASE_MS + PATIENCE_MS - 1_000)
    assert cluster.lives(client)
    cluster.pass_time(LATE_MS)
    assert not cluster.lives(client)


@pytest.mark.parametrize("away_s", [4, 14, 34, 50, 80])
def test_a_link_that_breaks_again_and_again_keeps_no_dead_client(cluster: Reporting, away_s: int) -> None:
    """The node is the same, and tells in the end what it heard."""
    client = PnfsClient(cluster, b"a")
    began_ms = cluster.now_ms
    while cluster.now_ms - began_ms < LEASE_MS + away_s * 1_000 + LATE_MS:
        cluster.pass_time(18_000)
        del cluster.reporting["mds2"]
        cluster.pass_time(away_s * 1_000)
        cluster.reporting["mds2"] = 1
    cluster.pass_time(LATE_MS)
    assert not cluster.lives(client)


def test_a_node_that_restarts_again_and_again_keeps_no_dead_client_for_ever(cluster: Reporting) -> None:
    """Each of its processes is waited for as if it had heard of the client."""
    client = PnfsClient(cluster, b"a")
    for process in range(2, 14):
        cluster.pass_time(20_000)
        cluster.reporting["mds2"] = process
    assert 2 * LEASE_MS + PATIENCE_MS + LATE_MS < 12 * 20_000
    assert not cluster.lives(client)


def test_where_there_is_no_client_nobody_is_missed(cluster: Reporting) -> None:
    """Front ends that have nobody to report are silent, and the log is too. The first client has its whole lease."""
    cluster.resident_left = True
    cluster.pass_time(LEASE_MS + LATE_MS)
    assert not cluster.lives(cluster.resident)
    cluster.reporting.clear()
    cluster.pass_time(3 * LEASE_MS)
    client = PnfsClient(cluster, b"a")
    cluster.reporting |= {"mds1": 1, "mds2": 1, "mds3": 1}
    cluster.pass_time(LEASE_MS)
    assert cluster.lives(client)
    cluster.pass_time(PATIENCE_MS + LATE_MS)
    assert not cluster.lives(client)
