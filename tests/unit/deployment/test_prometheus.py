"""Every alert, raised by a running Prometheus: it is served what the promtool cases say, and asks, judges and tells.

Each case is a cluster of its own, all of them at once. `for` is cut short, as nobody can wait for hours here: how long
an alert waits is promtool's to judge. What brings the numbers about is tests/chaos/test_monitoring.py's and
tests/chaos/alerts/'s.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from deploy import monitoring
from tests.support.debian import Unavailable
from tests.support.prometheus import Prometheus, hasty
from tests.unit.deployment.alert_cases import CASES, Series
from tests.unit.deployment.conftest import unavailable

pytestmark = pytest.mark.slow

SERIES: Final = re.compile(r"(\w+)\{(.*)\}")
LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
WITHIN_S: Final = 240.0
"""Half a minute where nothing else runs."""
SINCE_1970: Final = {"mdscluster_time_seconds", "mdscluster_certificate_end_timestamp_seconds"}
"""promtool's time begins at 0, and Prometheus' in 1970."""


class Told:
    """A server's page: each sample once a scrape, the last one for ever. ``up`` is whether there is a page."""

    def __init__(self) -> None:
        self._series: list[tuple[str, str, list[str]]] = []
        self.up = True
        self._scrapes = 0

    def add(self, name: str, labels: dict[str, str], values: str) -> None:
        if name == "up":
            self.up = not values.split()[-1].startswith("0")
            return
        text = ",".join(f'{key}="{value}"' for key, value in labels.items())
        self._series.append((name, text, list(_unfolded(values))))

    def page(self) -> str:
        at, lines = self._scrapes, []
        self._scrapes += 1
        for name, labels, values in self._series:
            value = values[min(at, len(values) - 1)]
            if name in SINCE_1970:
                # Of a clock promtool's values grow with its own time; here only what it is off by is left.
                value = str(time.time() + float(values[0]))
            lines.append(f"{name}{{{labels}}} {value}\n")
        return "".join(lines)


def _unfolded(values: str) -> Iterator[str]:
    """promtool's notation: ``a+bxn`` and ``axn``."""
    for word in values.split():
        if found := re.fullmatch(r"([\d.]+)(?:\+([\d.]+))?x(\d+)", word):
            first, step, count = found.groups()
            for number in range(min(int(count), 1_000) + 1):
                yield str(float(first) + number * float(step or 0))
        else:
            yield word


def servers(cluster: str, series: Series) -> dict[str, tuple[str, Told]]:
    """By node: its job, and its page."""
    found: dict[str, tuple[str, Told]] = {}
    for text, values in series.items():
        match = SERIES.fullmatch(text)
        assert match is not None, text
        name, labels = match[1], dict(LABEL.findall(match[2]))
        assert labels.pop("cluster") == "files"
        node, job = labels.pop("node"), labels.pop("job", "")
        job = job or ("mdscluster-ds" if node.startswith("ds") else "mdscluster-mds")
        _, told = found.setdefault(node, (job, Told()))
        told.add(name, labels, values)
    return found


class Exporter:
    """All pages of all clusters, at /CLUSTER/NODE."""

    def __init__(self) -> None:
        self.pages: dict[str, Told] = {}
        pages = self.pages

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # connections stay

            def do_GET(self) -> None:
                told = pages[self.path]
                body = told.page().encode()
                self.send_response(200 if told.up else 500)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Prometheus has given up, and asks again."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Exporter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def configuration(exporter: Exporter) -> str:
    """Jobs and labels as `mdsctl deploy render` gives them, a cluster for each alert."""
    jobs: dict[str, list[dict[str, Any]]] = {"mdscluster-mds": [], "mdscluster-ds": []}
    for alert, case in CASES.items():
        for node, (job, told) in servers(alert, case.fires).items():
            path = f"/{alert}/{node}"
            exporter.pages[path] = told
            labels = {"cluster": alert, "node": node, "__metrics_path__": path}
            jobs[job].append({"targets": [exporter.address], "labels": labels})
    return json.dumps(
        {
            "global": {"evaluation_interval": "1s"},
            "rule_files": [monitoring.RULES],
            "scrape_configs": [
                {"job_name": job, "scrape_interval": "3s", "scrape_timeout": "3s", "static_configs": targets}
                for job, targets in jobs.items()
            ],
        }
    )


@pytest.mark.long
def test_a_running_prometheus_raises_every_alert(tmp_path: Path) -> None:
    """Each for its own cluster, with the labels that its case says, its page of the runbook, and no hole in it."""
    with Exporter() as exporter:
        try:
            prometheus = Prometheus(tmp_path / "prometheus", configuration(exporter), hasty(monitoring.rules()))
        except Unavailable as problem:
            unavailable(problem)
        with prometheus:
            deadline = time.monotonic() + WITHIN_S
            while missing := sorted(CASES.keys() - raised(prometheus).keys()):
                assert time.monotonic() < deadline, f"never raised: {missing}"
                time.sleep(1)
            for name, alert in raised(prometheus).items():
                wanted = CASES[name].labels | {"cluster": name}
                assert alert["labels"].items() >= wanted.items(), name
                assert alert["annotations"]["runbook"] == f"docs/RUNBOOK.md#{name.lower()}"
                assert "no value" not in json.dumps(alert["annotations"]), name


def raised(prometheus: Prometheus) -> dict[str, dict[str, Any]]:
    """Alerts that fire for the cluster that is theirs; others may fire there, too."""
    return {
        alert["labels"]["alertname"]: alert
        for alert in prometheus.alerts()
        if alert["labels"]["alertname"] == alert["labels"]["cluster"]
    }
