"""A Prometheus watches a cluster of real processes: quiet while all is well, and each trouble made raises its alert."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.monitoring import dashboard
from mdscluster.pki import NODE_DAYS, ClusterPki
from mdsproto.credentials import ROLE_MDS
from nfswire import nfs4, rpc
from tests.chaos.conftest import unavailable
from tests.support.debian import Unavailable
from tests.support.embedded import Embedded
from tests.support.prometheus import Prometheus, complete, get
from tests.support.troubled import Stage, until
from tests.support.watched import ADDRESS, NODES, Load, Watched

pytestmark = [pytest.mark.slow, pytest.mark.alone]

ELSEWHERE = "203.0.113.7"
LASTING = {
    "NodeRestarts", "LeaderFlapping", "ForbiddenStatusSent", "SlowOperations", "FsyncSlow", "LoopLag",
    "CertificateEndsSoon",
}  # fmt: skip
"""Alerts that look back on minutes, or on what this machine is at besides, or that nobody mends here."""


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Watched, Embedded, Prometheus, Load]]:
    watched = Watched(tmp_path)
    with Embedded(tmp_path / "cluster", ds=2) as cluster:
        try:
            prometheus = Prometheus.watching(tmp_path / "prometheus", "files", watched.mds, watched.ds)
        except Unavailable as problem:
            unavailable(problem)
        with prometheus:
            load = Load(cluster)
            load.start()
            try:
                yield watched, cluster, prometheus, load
            finally:
                load.stop()


def say(watched: Watched, node_id: str, path: str) -> tuple[int, dict[str, Any]]:
    """What a server answers to /health, /ready, /leader."""
    status, body = get(f"http://{(watched.mds | watched.ds)[node_id]}/{path}")
    return status, json.loads(body)


def settle(cluster: Embedded, prometheus: Prometheus) -> None:
    """All is well again, also in Prometheus' eyes but for what looks back on minutes."""
    cluster.await_all(200)
    prometheus.wait_until(lambda firing: firing <= LASTING, "alerts that should have ended", 90)


def follower(cluster: Embedded) -> str:
    leader = cluster.status()["leader"]
    return next(name for name in NODES if name != leader)


def test_a_cluster_that_is_well_and_one_alert(watched: tuple[Watched, Embedded, Prometheus, Load]) -> None:
    """The short form: nothing fires while all is well, the dashboard is full, and a forbidden status is told."""
    plan, cluster, prometheus, load = watched
    all_is_well(plan, cluster, prometheus, load)
    complete(a_forged_session(plan, cluster, prometheus))
    logs_are_json_and_name_requests(cluster)


@pytest.mark.long
def test_alerts_come_with_their_trouble_and_go_with_it(
    watched: tuple[Watched, Embedded, Prometheus, Load],
) -> None:
    """As many as can be provoked within minutes, each with its runbook and without a hole in its text.

    A dashboard of the product is evaluated on the same Prometheus: every expression of it returns data.
    """
    plan, cluster, prometheus, load = watched
    all_is_well(plan, cluster, prometheus, load)
    certificate_with_ten_days(plan)
    seen: dict[str, dict[str, Any]] = {}
    for provoke in PROVOCATIONS:
        seen |= provoke(plan, cluster, prometheus)
    seen |= prometheus.wait_for(("CertificateEndsSoon",), 120)
    damaged = a_certificate_is_damaged(plan)
    seen |= prometheus.wait_for(("CertificateUnreadable",), 120)
    damaged()
    complete(seen)
    logs_are_json_and_name_requests(cluster)


def all_is_well(watched: Watched, cluster: Embedded, prometheus: Prometheus, load: Load) -> None:
    """Nothing fires, everybody is ready, one leads, and the dashboard is full."""
    cluster.await_all(200)
    deadline = time.monotonic() + 30
    while load.rounds < 50:
        assert time.monotonic() < deadline, "the load does not get on"
        time.sleep(0.2)
    time.sleep(20)  # rates need samples, and some alerts a while
    settle(cluster, prometheus)
    assert {say(watched, name, "health")[0] for name in (*watched.mds, *watched.ds)} == {200}
    assert {say(watched, name, "ready")[0] for name in (*watched.mds, *watched.ds)} == {200}
    leads = {name: say(watched, name, "leader") for name in watched.mds}
    assert sorted(status for status, _ in leads.values()) == [200, 503, 503]
    leader = cluster.status()["leader"]
    assert leads[leader][1]["leads"]
    assert all(body["reasons"] == [f"{leader} leads"] for name, (_, body) in leads.items() if name != leader)
    assert not prometheus.firing() & {"NodeDown", "NoQuorum", "NodeNotReady", "DataServerDown"}
    watched.tell_vip(leader, ADDRESS, "MASTER")
    time.sleep(3)
    empty = [text for text in dashboard.expressions() if not prometheus.query(concrete(text))]
    assert not empty, f"panels without data: {empty}"
    numbers = {
        "operations": 'sum(rate(mdscluster_nfs_operations_total{cluster="files"}[15s]))',
        "bytes": 'sum(rate(mdscluster_ds_bytes_total{cluster="files"}[15s]))',
        "latency": "histogram_quantile(0.99, sum by (le) (rate(mdscluster_nfs_request_duration_seconds_bucket[15s])))",
        "commit": "histogram_quantile(0.5, sum by (le) (rate(mdscluster_raft_commit_duration_seconds_bucket[15s])))",
        "sync": "histogram_quantile(0.5, sum by (le) (rate(mdscluster_ds_sync_duration_seconds_bucket[15s])))",
    }
    for what, text in numbers.items():
        assert float(prometheus.query(text)[0]["value"][1]) > 0, what
    (watched.vips(leader) / f"vip_{ADDRESS}").unlink()


def concrete(expression: str) -> str:
    """As Grafana would ask."""
    return expression.replace("$cluster", "files").replace("$__rate_interval", "15s")


def addresses_move_wrongly(watched: Watched, cluster: Embedded, prometheus: Prometheus) -> dict[str, Any]:
    """The loopback address is on all three "hosts"; the other one is nowhere."""
    for name in NODES:
        watched.tell_vip(name, ADDRESS, "MASTER" if name == "mds1" else "BACKUP")
        watched.tell_vip(name, ELSEWHERE, "BACKUP")
    seen = prometheus.wait_for(("VipTwoHolders", "VipStateWrong", "VipNoHolder"), 90)
    for name in NODES:
        shutil.rmtree(watched.vips(name))
        watched.vips(name).mkdir()
    settle(cluster, prometheus)
    return seen


def a_node_is_killed_and_its_device_is_broken(
    watched: Watched, cluster: Embedded, prometheus: Prometheus
) -> dict[str, Any]:
    watched.victim = follower(cluster)
    cluster.kill(watched.victim)
    return prometheus.wait_for(("NodeDown", "FencingFailed"), 90)


def the_device_works_again(watched: Watched, cluster: Embedded, prometheus: Prometheus) -> dict[str, Any]:
    watched.manner.write_text("well")
    seen = prometheus.wait_for(("ServerFenced",), 180)
    cluster.start(watched.victim)
    settle(cluster, prometheus)
    return seen


def a_node_is_missed_while_fencing_is_suspended(
    watched: Watched, cluster: Embedded, prometheus: Prometheus
) -> dict[str, Any]:
    assert cluster.mdsctl("fence", "suspend").returncode == 0
    victim = follower(cluster)
    cluster.kill(victim)
    seen = prometheus.wait_for(("ServerMissing",), 90)
    cluster.start(victim)
    cluster.await_all(200)
    assert cluster.mdsctl("fence", "resume").returncode == 0
    settle(cluster, prometheus)
    return seen


def a_data_server_stops(watched: Watched, cluster: Embedded, prometheus: Prometheus) -> dict[str, Any]:
    os.kill(cluster.nodes("ds")["ds2"]["pid"], signal.SIGTERM)
    seen = prometheus.wait_for(("DataServerDown", "DataServerUnreachable"), 90)
    cluster.start("ds2", "ds")
    settle(cluster, prometheus)
    return seen


def a_majority_is_killed(watched: Watched, cluster: Embedded, prometheus: Prometheus) -> dict[str, Any]:
    """INV-6 in the eyes of whoever watches: the last node says that it does not serve, and why."""
    last, *victims = NODES
    for victim in victims:
        cluster.kill(victim)
    seen = prometheus.wait_for(("NoQuorum", "NodeNotReady", "DataServerNotReady"), 90)
    status, body = say(watched, last, "ready")
    assert (status, body["ready"]) == (503, False)
    assert "it has no quorum" in body["reasons"]
    assert say(watched, last, "health")[0] == 200
    for victim in victims:
        cluster.start(victim)
    settle(cluster, prometheus)
    return seen


def a_forged_session(watched: Watched, cluster: Embedded, prometheus: Prometheus) -> dict[str, Any]:
    """A client asks in a session that never was."""
    sequence = nfs4.SEQUENCE4args(b"\xee" * 16, 1, 0, 0, False)
    operations = [nfs4.nfs_argop4(nfs4.OP_SEQUENCE, sequence), nfs4.nfs_argop4(nfs4.OP_PUTROOTFH)]
    body = nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"", 1, operations))
    call = b"".join(rpc.pack_call(1, 100003, 4, 1, rpc.AuthSys(0, b"x", 0, 0, ()), [body]))

    async def ask() -> None:
        host, port = cluster.addresses()[0]
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(rpc.record_mark(len(call)) + call)
        assert await asyncio.wait_for(reader.read(64), 10)
        writer.close()

    asyncio.run(ask())
    seen = prometheus.wait_for(("ForbiddenStatusSent",), 30)
    assert seen["ForbiddenStatusSent"]["labels"]["status"] == "NFS4ERR_BADSESSION"
    return seen


def the_leader_changes_again_and_again(
    watched: Watched, cluster: Embedded, prometheus: Prometheus
) -> dict[str, Any]:
    for _ in range(6):
        assert cluster.mdsctl("leader", "transfer").returncode == 0
        time.sleep(2)
    seen = prometheus.wait_for(("LeaderFlapping",), 30)
    stage = Stage(watched, cluster)
    weak = stage.leader()
    stage.follow("MdsclusterLeaderFlapping", NODE=weak)
    for _ in range(2):
        assert cluster.mdsctl("leader", "transfer").returncode == 0
        until("another one leads than who was taken out of office", lambda: stage.leader() not in ("", weak))
    assert cluster.mdsctl("node", "maintenance", weak, "off").returncode == 0
    return seen


def a_node_starts_again_and_again(watched: Watched, cluster: Embedded, prometheus: Prometheus) -> dict[str, Any]:
    for _ in range(3):
        victim = "mds2"
        cluster.kill(victim)
        cluster.start(victim)
        cluster.await_all(200)
        time.sleep(3)
    return prometheus.wait_for(("NodeRestarts",), 30)


PROVOCATIONS = (
    addresses_move_wrongly, a_node_is_killed_and_its_device_is_broken, the_device_works_again,
    a_node_is_missed_while_fencing_is_suspended, a_data_server_stops, a_majority_is_killed, a_forged_session,
    the_leader_changes_again_and_again, a_node_starts_again_and_again,
)  # fmt: skip


def certificate_with_ten_days(watched: Watched) -> None:
    """Replaced on disk, and taken up by the running server."""
    pki = ClusterPki(watched.plan.base_dir / "pki")
    then = datetime.now(UTC) - timedelta(days=NODE_DAYS - 10)
    pki.paths("mds1").certificate.unlink()
    pki.issue("mds1", ROLE_MDS, [ADDRESS], now=then)


def a_certificate_is_damaged(watched: Watched) -> Callable[[], None]:
    """On disk; the server goes on with what it has read. What mends it."""
    certificate = ClusterPki(watched.plan.base_dir / "pki").paths("mds3").certificate
    good = certificate.read_bytes()
    certificate.write_bytes(b"damaged")

    def mend() -> None:
        certificate.write_bytes(good)

    return mend


def logs_are_json_and_name_requests(cluster: Embedded) -> None:
    """Every line of every server is one object; what failed is named by session, slot and sequence ID."""
    wanted = re.compile(r"[0-9a-f]{32}-\d+-\d+|(recall|fence|cut|intent)-[0-9a-f-]+")
    named = []
    for file in cluster.base_dir.glob("*/log/*.log"):
        for line in file.read_text().splitlines():
            if line.startswith("{"):
                entry = json.loads(line)
                assert {"event", "level", "timestamp"} <= entry.keys(), line
                named += [entry["request"]] if "request" in entry else []
    assert "ee" * 16 + "-0-1" in named
    assert all(wanted.fullmatch(name) for name in named), named
