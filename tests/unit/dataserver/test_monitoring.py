"""What a data server tells of itself: over HTTP, from counters that its connections keep anyway."""

from __future__ import annotations

import errno
import json
import re
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dataserver import monitoring
from dataserver.config import Metrics
from dataserver.monitoring import Monitoring
from dataserver.objects import status_of
from deploy.monitoring import rules
from nfswire import nfs4
from telemetry import http
from tests.support.ports import free_port
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.dataserver.support.wire import commit, handle, putfh, read, write


def answer(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


class Watched:
    """A data server with its HTTP listener."""

    def __init__(self, server: LocalServer, base: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        (base / "damaged.pem").write_text("no certificate")
        tls = SimpleNamespace(ca=base / "damaged.pem", certificate=base / "nowhere.pem")
        self.parts: Any = SimpleNamespace(
            config=SimpleNamespace(ds_id="ds1", metrics=Metrics(self.address), tls=tls), core=server.core,
            store=server.store, authority=server.authority, listener=server.listener,
            deletions=SimpleNamespace(pending=4), heartbeats=SimpleNamespace(answers=lambda: {"mds1": True}),
        )  # fmt: skip
        self.monitoring = Monitoring(self.parts)

    def __enter__(self) -> Watched:
        self.monitoring.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.monitoring.stop()

    def get(self, path: str) -> tuple[int, str]:
        return answer(f"http://{self.address}/{path}")

    def metrics(self) -> dict[tuple[str, str], float]:
        """By name and the values of the labels."""
        status, text = self.get("metrics")
        assert status == 200
        families = text_string_to_metric_families(text)
        return {(s.name, ",".join(s.labels.values())): s.value for family in families for s in family.samples}


def test_what_was_served_is_told(tmp_path: Path) -> None:
    with LocalServer(tmp_path / "data") as server, Watched(server, tmp_path) as watched:
        wire = server.session()
        assert wire.do(putfh(handle(1)), write(0, b"x" * 1000)).status == 0
        assert wire.do(putfh(handle(1)), commit()).status == 0
        assert wire.do(putfh(handle(1)), read(0, 400)).status == 0
        assert wire.do(putfh(b"forged")).status == nfs4.NFS4ERR_BADHANDLE
        found = watched.metrics()
        wire.close()
    assert found["mdscluster_ds_operations_total", "write"] == 1
    assert found["mdscluster_ds_operations_total", "read"] == 1
    assert found["mdscluster_ds_operations_total", "commit"] == 1
    assert found["mdscluster_ds_bytes_total", "written"] == 1000
    assert found["mdscluster_ds_bytes_total", "read"] == 400
    assert found["mdscluster_ds_sync_duration_seconds_count", ""] == 1
    assert found["mdscluster_ds_statuses_total", "NFS4ERR_BADHANDLE"] == 1
    for status in monitoring.ALERTED:
        assert found["mdscluster_ds_statuses_total", status] == 0, "increase() must see it begin"
    assert found["mdscluster_ds_connections", ""] == found["mdscluster_ds_sessions", ""] == 1
    assert found["mdscluster_ds_ready", ""] == 1
    assert 0 < found["mdscluster_ds_lease_left_seconds", ""] <= 60
    assert found["mdscluster_ds_metadata_server_answers", "mds1"] == 1
    assert found["mdscluster_ds_pending_deletes", ""] == 4
    assert found["mdscluster_ds_size_bytes", ""] > found["mdscluster_ds_free_bytes", ""] > 0
    assert found["mdscluster_ds_process_resident_memory_bytes", ""] > 1 << 20


def test_whatever_a_disk_fails_with_is_alerted() -> None:
    """A full disk, a broken one, and one that its kernel has made read-only over that (ext4's errors=remount-ro)."""
    failures = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EUCLEAN, errno.ENODEV)
    told = {nfs4.STATUS_NAMES[status_of(OSError(number, ""))] for number in failures}
    assert told == set(monitoring.ALERTED)
    (selected,) = re.findall(r'mdscluster_ds_statuses_total\{status=~"([^"]+)"\}', rules())
    assert set(selected.split("|")) == set(monitoring.ALERTED)


def test_a_data_server_without_a_lease_is_healthy_and_not_ready(tmp_path: Path) -> None:
    """INV-6: it serves nothing, and says why; to start it again would not help."""
    with LocalServer(tmp_path / "data") as server, Watched(server, tmp_path) as watched:
        assert watched.get("ready")[0] == 200
        server.authority.revoke_lease()
        status, body = watched.get("ready")
        assert (status, json.loads(body)["reasons"]) == (
            503, ["no quorum of metadata servers was heard within the lease"]
        )  # fmt: skip
        assert watched.get("health")[0] == 200
        assert watched.metrics()["mdscluster_ds_ready", ""] == 0


def test_a_file_system_that_fails_is_no_health(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(5, "Input/output error")

    with LocalServer(tmp_path / "data") as server, Watched(server, tmp_path) as watched:
        monkeypatch.setattr(server.store, "space", fail)
        status, body = watched.get("health")
        assert (status, json.loads(body)["reasons"]) == (503, ["data_dir cannot be used: Input/output error"])
        assert "mdscluster_ds_operations_total" in watched.get("metrics")[1]


def test_a_file_system_that_hangs_holds_up_one_thread_and_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead disk makes statvfs wait for ever. Everything else is told, and it is not asked again and again."""
    monkeypatch.setattr(monitoring, "DISK_S", 0.05)
    goes_on, asked = threading.Event(), []
    with LocalServer(tmp_path / "data") as server, Watched(server, tmp_path) as watched:
        space = server.store.space

        def hang() -> object:
            asked.append(threading.current_thread().name)
            goes_on.wait(20)
            return space()

        monkeypatch.setattr(server.store, "space", hang)
        for _ in range(40):
            status, body = watched.get("health")
            assert (status, json.loads(body)["reasons"]) == (503, ["data_dir does not answer within 0.05 s"])
        assert watched.get("ready")[0] == 503
        found = watched.metrics()
        assert found["mdscluster_ds_ready", ""] == 1
        assert ("mdscluster_ds_free_bytes", "") not in found
        assert len(asked) == 1
        goes_on.set()
        deadline = time.monotonic() + 5
        while watched.get("health")[0] != 200:
            assert time.monotonic() < deadline


def test_a_certificate_that_cannot_be_read_has_no_end(tmp_path: Path) -> None:
    """NaN, which MdsclusterCertificateUnreadable waits for."""
    with LocalServer(tmp_path / "data") as server, Watched(server, tmp_path) as watched:
        found = watched.metrics()
    for name in ("ca", "own"):
        assert str(found["mdscluster_ds_certificate_end_timestamp_seconds", name]) == "nan"


def test_an_address_that_is_taken_ends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalServer(tmp_path / "data") as server, Watched(server, tmp_path) as first:
        second = Watched(server, tmp_path)
        second.parts.config.metrics = Metrics(first.address)
        with second:
            assert first.get("ready")[0] == 200


def test_an_address_that_comes_late_is_listened_on_at_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at a boot where the network comes up after the servers."""
    monkeypatch.setattr(http, "RETRY_S", 0.02)
    with LocalServer(tmp_path / "data") as server:
        first, second = Watched(server, tmp_path), Watched(server, tmp_path)
        first.monitoring.start()
        second.parts.config.metrics, second.address = Metrics(first.address), first.address
        with second:
            first.monitoring.stop()
            deadline = time.monotonic() + 5
            while True:
                try:
                    assert second.get("ready")[0] == 200
                    break
                except urllib.error.URLError:
                    assert time.monotonic() < deadline, "nobody listens"
                    time.sleep(0.02)
