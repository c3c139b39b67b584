"""The whole page of a metadata node, and what it answers, over a node in one process."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fencing.state import Event, Intent, Node, State
from mdscluster.config import Guard, Metrics, NodeConfig
from mdscluster.control.admission import Refusal
from mdscluster.control.vips import ServiceAddresses
from mdscluster.monitoring import census, service
from mdscluster.monitoring.service import Monitoring
from mdscluster.pki import ClusterPki
from mdscluster.replica import ReplicaStatus
from mdsproto.credentials import ROLE_MDS
from telemetry import http
from telemetry.histogram import Histogram
from tests.unit.nfs_frontend.nodes import Cluster, PnfsClient

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def fencing_state() -> State:
    """One server being fenced in vain, one fenced, everybody's maintenance."""
    intent = Intent(7, "mds3", 1, "silent", "mds1", 3, 0, True)
    intent.attempts = 2
    return State(
        nodes={"mds2": Node(1, down=True), "mds3": Node(1)}, intents={"mds3": intent}, paused={"*": "admin"},
        last_number=7,
        history=[
            Event(4_000_000_000, "intent", "mds2", "", 3), Event(5_000_000_000, "fenced", "mds2", "", 3),
            Event(9_000_000_000, "fenced", "mds2", "", 3), Event(9_500_000_000, "intent", "mds3", "", 7),
        ],
    )  # fmt: skip


@pytest.fixture
def view(tmp_path: Path) -> Any:
    """A node at work, as monitoring sees it."""
    cluster = Cluster(tmp_path / "state")
    client = PnfsClient(cluster, b"a")
    client.layout(*client.open(b"file"))
    pki = ClusterPki(tmp_path / "pki")
    pki.create()
    paths = pki.issue("mds1", ROLE_MDS, ["127.0.0.1"])
    vips = tmp_path / "vips"
    vips.mkdir()
    (vips / "vip_127.0.0.1").write_text("MASTER 200 1700000000.5\n")
    tls = SimpleNamespace(ca=pki.ca, certificate=paths.certificate)
    metrics, guard = Metrics("127.0.0.1:20890"), Guard(vip_dir=str(vips))
    config = SimpleNamespace(
        node_id="mds1", tls=tls, data_dir=tmp_path, metrics=metrics, guard=guard,
        service_addresses=("127.0.0.1", "192.0.2.102"),
    )  # fmt: skip
    cluster.registry.refuse("ds9", Refusal("foreign store", "it is another"), cluster.now_ms)
    return SimpleNamespace(
        config=config, service_addresses=ServiceAddresses(cast(NodeConfig, config)),
        replica=cluster.replica, dispatcher=client.dispatcher, registry=cluster.registry, lag=Histogram(), lag_ms=1.5,
        stonith=SimpleNamespace(state=fencing_state, enabled=True, held={"mds3": "?"}, outcomes={"not fenced": 2}),
        service=lambda: client.dispatcher.service, connections=lambda: 3, now_ms=cluster.now_ms,
    )  # fmt: skip


def scrape(view: Any) -> Samples:
    async def main() -> bytes:
        monitoring = Monitoring(view, lambda: view.now_ms)
        response = await monitoring.metrics()
        await monitoring.close()
        assert response.status == 200
        return response.body

    found: Samples = {}
    for family in text_string_to_metric_families(asyncio.run(main()).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def one(found: Samples, name: str, **labels: str) -> float:
    return found[name][tuple(sorted(labels.items()))]


def test_every_part_of_a_node_is_on_the_page(view: Any) -> None:
    found = scrape(view)
    assert one(found, "mdscluster_ready") == 1
    assert one(found, "mdscluster_raft_role", role="leader") == 1
    assert one(found, "mdscluster_raft_role", role="follower") == 0
    assert one(found, "mdscluster_service", service="serving") == 1
    assert one(found, "mdscluster_nfs_operations_total", operation="LAYOUTGET") == 1
    assert one(found, "mdscluster_nfs_request_duration_seconds_count", operation="LAYOUTGET") == 1
    assert one(found, "mdscluster_nfs_statuses_total", status="NFS4_OK") > 3
    assert one(found, "mdscluster_nfs_connections") == 3
    assert one(found, "mdscluster_layouts") == one(found, "mdscluster_opens") == one(found, "mdscluster_clients") == 1
    assert one(found, "mdscluster_data_server_state", data_server="ds1", state="up") == 1
    assert one(found, "mdscluster_data_server_size_bytes", data_server="ds1") == 1 << 40
    assert one(found, "mdscluster_queue_depth", queue="proposals") == 0
    assert one(found, "mdscluster_loop_lag_worst_seconds", loop="front_end") == 0.0015
    assert one(found, "mdscluster_vip_holder", vip="127.0.0.1") == 1
    assert one(found, "mdscluster_vip_address_present", vip="127.0.0.1") == 1
    assert one(found, "mdscluster_certificate_end_timestamp_seconds", certificate="own") > 1.8e9
    assert one(found, "mdscluster_state_size_bytes") == 64 << 20
    used, high_water = one(found, "mdscluster_state_used_bytes"), one(found, "mdscluster_state_high_water_bytes")
    assert 0 < used <= high_water < 64 << 20
    assert one(found, "mdscluster_front_end_process_resident_memory_bytes") > 1 << 20


def test_what_is_committed_and_not_there_yet_is_on_it(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """MdsclusterApplyLag goes by the difference: what is committed here is applied in the same turn."""
    told = view.replica.status
    for ahead, ready in ((0, 1), (1_000, 1), (1_001, 0)):

        def behind(done: Callable[[ReplicaStatus], None], ahead: int = ahead) -> None:
            told(lambda status: done(replace(status, leader_commit_index=status.commit_index + ahead)))

        monkeypatch.setattr(view.replica, "status", behind)
        found = scrape(view)
        lag = one(found, "mdscluster_raft_commit_index") - one(found, "mdscluster_raft_applied_index")
        assert (lag, one(found, "mdscluster_ready")) == (ahead, ready)


def test_an_address_of_which_keepalived_told_nothing_is_on_it(view: Any) -> None:
    """INV-7: MdsclusterVipNoHolder needs a series to be raised by. Since when is not told, as nobody knows."""
    found = scrape(view)
    assert one(found, "mdscluster_vip_holder", vip="192.0.2.102") == 0
    assert one(found, "mdscluster_vip_address_present", vip="192.0.2.102") == 0
    assert one(found, "mdscluster_vip_state", vip="192.0.2.102", state="UNKNOWN") == 1
    assert one(found, "mdscluster_vip_state", vip="192.0.2.102", state="FAULT") == 0
    assert one(found, "mdscluster_vip_state", vip="127.0.0.1", state="UNKNOWN") == 0
    since = found["mdscluster_vip_changed_timestamp_seconds"]
    assert [dict(labels)["vip"] for labels in since] == ["127.0.0.1"]


def test_what_was_never_counted_is_not_on_it(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No layouts and no recalls would be a lie, and an alert would believe it."""
    monkeypatch.setattr(census, "PATIENCE_S", 0.01)
    goes_on = threading.Event()
    count = census.Census.count

    def takes_long(counting: census.Census) -> census.Counted:
        goes_on.wait(10)
        return count(counting)

    monkeypatch.setattr(census.Census, "count", takes_long)
    threading.Timer(0.5, goes_on.set).start()
    found = scrape(view)
    assert one(found, "mdscluster_clients") == 1
    for name in ("opens", "locks", "layouts", "recalls", "recall_oldest_seconds", "data_server_pending_deletes"):
        assert f"mdscluster_{name}" not in found


def test_many_who_ask_at_once_get_one_page(view: Any) -> None:
    """Scrapers that are impatient, or many, must not make a node write pages all the time."""
    written: list[str] = []

    async def main() -> None:
        monitoring = Monitoring(view, lambda: view.now_ms)
        write = monitoring._write

        def note(*taken: Any) -> bytes:
            written.append(threading.current_thread().name)
            return write(*taken)

        monitoring._write = note  # type: ignore[method-assign]
        answers = await asyncio.gather(*(monitoring.metrics() for _ in range(30)))
        assert len({answer.body for answer in answers}) == 1
        assert await monitoring.metrics() == answers[0], "and who asks a moment later, too"
        assert len(written) == 1
        await asyncio.sleep(service.FRESH_S)
        assert (await monitoring.metrics()).body != answers[0].body
        assert len(written) == 2
        await monitoring.close()

    asyncio.run(main())
    assert {name.split("_")[0] for name in written} == {"metrics"}, "in a thread of its own"


def test_fencing_is_on_it_as_it_stands_in_the_log(view: Any) -> None:
    found = scrape(view)
    assert one(found, "mdscluster_fencing_server_down", server="mds2") == 1
    assert one(found, "mdscluster_fencing_server_down", server="mds3") == 0
    assert one(found, "mdscluster_fencing_open_intents", phase="off") == 1
    assert one(found, "mdscluster_fencing_failed_attempts", server="mds3", phase="off") == 2
    assert one(found, "mdscluster_fencing_held_servers") == 1
    assert one(found, "mdscluster_fencing_maintenance", server="*") == 1
    assert one(found, "mdscluster_fencing_intents_total") == 2, "leaders' proofs take numbers, too, and are none"
    assert one(found, "mdscluster_fencing_outcomes_total", outcome="not fenced") == 2
    assert one(found, "mdscluster_fencing_event_timestamp_seconds", server="mds2", kind="fenced") == 9


def test_statuses_that_must_never_be_sent_are_there_before_they_ever_were(view: Any) -> None:
    """INV-7: ``increase()`` does not see a series begin; an alert that waits for a second one would come too late."""
    found = scrape(view)
    for status in ("NFS4ERR_GRACE", "NFS4ERR_STALE_CLIENTID", "NFS4ERR_BADSESSION", "NFS4ERR_BAD_STATEID"):
        assert one(found, "mdscluster_nfs_statuses_total", status=status) == 0


def test_a_certificate_that_cannot_be_read_hides_nothing_else(view: Any) -> None:
    view.config.tls.certificate.write_text("damaged")
    found = scrape(view)
    assert str(one(found, "mdscluster_certificate_end_timestamp_seconds", certificate="own")) == "nan"
    assert one(found, "mdscluster_ready") == 1


def test_consensus_that_does_not_answer_hides_nothing_but_its_own(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "STATUS_S", 0.02)
    view.replica.status = lambda done: None
    found = scrape(view)
    assert one(found, "mdscluster_ready") == 0
    assert "mdscluster_raft_term" not in found
    assert one(found, "mdscluster_clients") == 1


@pytest.mark.parametrize(("path", "key"), [("health", "healthy"), ("ready", "ready"), ("leader", "leads")])
def test_health_readiness_and_leadership(view: Any, path: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 where it is so, 503 with the reasons where it is not."""
    monkeypatch.setattr(service, "STATUS_S", 0.02)

    async def ask() -> tuple[int, dict[str, Any]]:
        response = await getattr(Monitoring(view, lambda: 0), path)()
        return response.status, json.loads(response.body)

    status, body = asyncio.run(ask())
    assert (status, body[key], body["reasons"], body["node"], body["leader"]) == (200, True, [], "mds1", "mds1")
    view.replica.status = lambda done: None
    status, body = asyncio.run(ask())
    assert (status, body[key], body["leader"]) == (503, False, "")
    assert body["reasons"] == ["the consensus process does not answer"]


def test_an_address_that_is_taken_ends_nothing(view: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The service must not depend on whoever watches it."""

    async def main() -> None:
        taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = taken.sockets[0].getsockname()[1]
        view.config.metrics = Metrics(f"127.0.0.1:{port}")
        monitoring = Monitoring(view, lambda: 0)
        await monitoring.listen()
        await monitoring.close()
        taken.close()

    asyncio.run(main())


def test_an_address_that_comes_late_is_listened_on_at_last(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at a boot where the network comes up after the servers."""
    monkeypatch.setattr(http, "RETRY_S", 0.02)

    async def main() -> None:
        taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = taken.sockets[0].getsockname()[1]
        view.config.metrics = Metrics(f"127.0.0.1:{port}")
        monitoring = Monitoring(view, lambda: 0)
        await monitoring.listen()
        taken.close()
        await taken.wait_closed()
        async with asyncio.timeout(5):
            while True:
                await asyncio.sleep(0.02)
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    continue
                writer.write(b"GET /nowhere HTTP/1.0\r\n\r\n")
                said = await reader.read()
                writer.close()
                if b"there is no such path" in said:
                    break
        await monitoring.close()

    asyncio.run(main())


def test_nothing_listens_unless_it_is_told_where(view: Any) -> None:
    async def main() -> None:
        view.config.metrics = Metrics()
        monitoring = Monitoring(view, lambda: 0)
        await monitoring.listen()
        assert monitoring._http._server is None

    asyncio.run(main())
