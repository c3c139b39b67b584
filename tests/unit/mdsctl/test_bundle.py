"""What a support bundle takes from this machine; what servers tell is in tests/unit/mdsctl/test_commands.py."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.writing import MANIFEST
from mdscluster.adminclient import ClusterFile, Target
from mdscluster.mdsctl.bundle import JOURNAL, Collection, collect_local, collect_metrics
from tests.support.cluster import ROOT
from tests.unit.deployment.support import BMC_PASSWORD, PDU_PASSWORD, deploy_render, write_inventory

PAGE = b"mdscluster_up 1\n"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The example inventory, rendered."""
    deploy_render(write_inventory(tmp_path), tmp_path / "out")
    return tmp_path / "out"


def collected(out: Path) -> Collection:
    collection = Collection()
    collect_local(ClusterFile.load(out / "cluster.json"), collection)
    return collection


def test_what_was_rendered_is_taken_and_no_secret(out: Path) -> None:
    """Every server's configuration and unit; none of the keys and passwords that lie beside them."""
    found = collected(out).found
    servers = [f"{kind}{number}" for kind in ("mds", "ds") for number in (1, 2, 3)]
    assert {f"rendered/{each}/{each}/{each}.toml" for each in servers} <= found.keys()
    for number in (1, 2, 3):
        assert f"rendered/mds{number}/mdscluster-mds.service" in found
        assert f"rendered/mds{number}/keepalived.conf" in found
    secrets = [path.read_bytes().strip() for path in (*out.rglob("*.key"), *out.rglob("*.secret"))]
    secrets += [BMC_PASSWORD.encode(), PDU_PASSWORD.encode(), b"PRIVATE KEY"]
    assert len(secrets) > 20
    for name, content in found.items():
        assert not any(secret in content for secret in secrets), name


def test_what_a_later_release_renders_is_not_taken_unseen(out: Path) -> None:
    """A list of what may be taken, not of what may not."""
    known = json.loads((out / MANIFEST).read_text())
    known["files"]["mds1/mds1/new.token"] = "0"
    (out / MANIFEST).write_text(json.dumps(known))
    (out / "mds1" / "mds1" / "new.token").write_text("a secret of tomorrow")
    assert not [name for name, content in collected(out).found.items() if b"of tomorrow" in content]


def test_it_says_how_the_logs_of_hosts_are_taken_along(out: Path) -> None:
    """The same line that the documents have, where a test gives it on hosts (chaos/installed/test_operation.py)."""
    missing = collected(out).missing
    (name,) = missing
    assert name.startswith("logs of mds1 (192.0.2.11), ")
    assert name.endswith("ds3 (192.0.2.23)")
    assert missing[name].endswith(JOURNAL)
    for document in ("RUNBOOK.md", "OPERATIONS.md"):
        lines = (ROOT / "docs" / document).read_text().splitlines()
        assert [line for line in lines if line.partition("  #")[0] == JOURNAL], document


def test_a_server_whose_file_is_not_at_hand_is_named(out: Path) -> None:
    (out / "mds2" / "mds2" / "mds2.toml").unlink()
    assert collected(out).missing["rendered/mds2/mds2/mds2.toml"].endswith("No such file or directory")
    (out / MANIFEST).unlink()
    missing = collected(out).missing
    assert missing["configuration of mds2"] == "cluster.json does not tell where it is"


@pytest.fixture
def watched() -> Iterator[int]:
    """Somebody who answers Prometheus; the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody wants to know."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_the_pages_for_prometheus_are_taken(watched: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From whoever answers, by no proxy; who does not is named, and a broken file is in nobody's way."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    cluster = ClusterFile(Path("cluster.json"), (Target("mds1", "a:1", "127.0.0.1:2049"),), ())
    collection = Collection({
        "a.toml": f'node_id = "mds1"\n[metrics]\nlisten = "0.0.0.0:{watched}"\n'.encode(),
        "b.toml": b'ds_id = "ds1"\n[metrics]\nlisten = "127.0.0.1:9"\n',
        "c.toml": b'ds_id = "ds2"\n[metrics]\nlisten = ""\n',
        "d.toml": b"\xff = [",
    })  # fmt: skip
    collect_metrics(cluster, collection)
    assert collection.found["mds1/metrics.txt"] == PAGE
    assert collection.missing.keys() == {"metrics of ds1"}
    assert "refused" in collection.missing["metrics of ds1"]
