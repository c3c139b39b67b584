"""What many clients that are lost at once cost the log."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mdscluster.control import revoking
from mdscluster.fsm import clients, io_claims
from mdscluster.fsm.commands import ClaimIo, pack_internal, unpack_internal
from tests.unit.nfs_frontend.nodes import LEASE_MS, REPORT_MS, Cluster, PnfsClient

CLIENTS = 40


class Log:
    """Counts what is proposed, and answers in the loop's next turn, as consensus does at the earliest."""

    def __init__(self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
        self.proposed: Counter[str] = Counter()
        self.most_at_once = 0
        self._under_way = 0
        self._propose = cluster.replica.propose
        monkeypatch.setattr(cluster.replica, "propose", self.propose)

    def propose(self, payload: bytes, done: Callable[[bytes | None], None]) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a front end's
            self._propose(payload, done)
            return
        self.proposed[type(unpack_internal(payload)).__name__] += 1
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        loop.call_soon(self._commit, payload, done)

    def _commit(self, payload: bytes, done: Callable[[bytes | None], None]) -> None:
        self._under_way -= 1
        self._propose(payload, done)


def test_many_clients_that_lapse_at_once_ride_in_few_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-6, and the others do not wait for it: each is fenced once, many at a time, and also while a data server is
    slow nothing is proposed again that would change nothing."""
    monkeypatch.setattr(revoking, "AT_ONCE", 16)
    cluster = Cluster(tmp_path)
    lost = [PnfsClient(cluster, b"client %d" % number).client_id for number in range(CLIENTS)]
    for client_id in lost:
        cluster.replica.propose(pack_internal(ClaimIo(client_id, b"process1")), lambda _: None)
    cluster.links.busy.add("ds2")
    log = Log(cluster, monkeypatch)
    cluster.advance(LEASE_MS + 5 * REPORT_MS, step_ms=2_500)
    tables = cluster.nodes[0].dispatcher.tables
    with cluster.replica.env.begin() as txn:
        assert len(io_claims.pending(txn, tables)) == CLIENTS
    assert log.proposed["StartFence"] == CLIENTS
    assert log.proposed["FenceConfirmed"] == 0, "none of them had layouts"
    assert log.most_at_once == 16
    cluster.links.busy.clear()
    cluster.advance(2_000)
    assert log.proposed["StartFence"] == CLIENTS
    assert log.proposed["IoClaimsInForce"] == 3
    with cluster.replica.env.begin() as txn:
        assert not clients.any_client(txn, tables)
        assert not io_claims.pending(txn, tables)
