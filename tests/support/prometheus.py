"""A Prometheus of its own for a test, on loopback: the Debian package's, with the product's rules."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from deploy import monitoring
from deploy.monitoring import scrape
from tests.support.debian import need_tools
from tests.support.lifeline import die_with_parent
from tests.support.ports import free_port

START_S = 30.0


def get(url: str, timeout_s: float = 10.0) -> tuple[int, str]:
    """Status and body, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def values(page: str, metric: str, **labels: str) -> list[float]:
    """A metric's samples on a server's page that have these labels, whatever others they have."""
    wanted = labels.items()
    return [
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == metric and wanted <= sample.labels.items()
    ]


def hasty(rules: str) -> str:
    """Alert rules that wait no longer than a glitch lasts: `for` is cut, thresholds and windows stay the product's."""
    cut, count = re.subn(r"(\n +for: )\w+", r"\g<1>2s", rules)
    assert count > 20, "the rules have changed"
    return cut


def complete(seen: dict[str, dict[str, Any]]) -> None:
    """Alerts by name: each has its section of the runbook, and no hole in its text."""
    for name, alert in seen.items():
        text = json.dumps(alert["annotations"])
        assert "no value" not in text, f"{name}: {text}"
        assert alert["annotations"]["runbook"] == f"docs/RUNBOOK.md#mdscluster{name.lower()}"


class Prometheus:
    """``with Prometheus.watching(folder, "files", {"mds1": "127.0.0.1:1"}, {}) as prometheus``: once a second."""

    def __init__(self, folder: Path, configuration: str, rules: str) -> None:
        """Texts of the two files. :class:`Unavailable` where there is no Prometheus."""
        need_tools({"prometheus": "prometheus"})
        self._folder = folder
        self._url = f"http://127.0.0.1:{free_port()}"
        folder.mkdir()
        (folder / monitoring.PROMETHEUS).write_text(configuration)
        (folder / monitoring.RULES).write_text(rules)
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def watching(
        cls, folder: Path, cluster: str, mds: dict[str, str], ds: dict[str, str], rules: str | None = None
    ) -> Prometheus:
        """Servers by id, each with where it answers, and the product's rules unless others are given."""
        configuration = scrape.configuration(cluster, mds, ds, monitoring.RULES, 1)
        return cls(folder, configuration, monitoring.rules() if rules is None else rules)

    def __enter__(self) -> Prometheus:
        command = [
            "prometheus", f"--config.file={self._folder / monitoring.PROMETHEUS}",
            f"--storage.tsdb.path={self._folder / 'data'}", f"--web.listen-address={self._url.removeprefix('http://')}",
        ]  # fmt: skip
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent)
        deadline = time.monotonic() + START_S
        while not self._is_ready():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "Prometheus does not start"
            time.sleep(0.2)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)

    def _is_ready(self) -> bool:
        try:
            return get(f"{self._url}/-/ready")[0] == 200
        except OSError:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now."""
        status, body = get(f"{self._url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        assert status == 200, f"{expression}: {body}"
        found: list[dict[str, Any]] = json.loads(body)["data"]["result"]
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Those that fire."""
        found = json.loads(get(f"{self._url}/api/v1/alerts")[1])["data"]["alerts"]
        return [alert for alert in found if alert["state"] == "firing"]

    def firing(self) -> set[str]:
        """Their names, without the prefix."""
        return {alert["labels"]["alertname"].removeprefix("Mdscluster") for alert in self.alerts()}

    def wait_for(self, names: Iterable[str], timeout_s: float) -> dict[str, dict[str, Any]]:
        """Until all of these have fired, each once; the alerts by name."""
        wanted, seen = set(names), {}
        deadline = time.monotonic() + timeout_s
        while wanted - seen.keys():
            for alert in self.alerts():
                seen.setdefault(alert["labels"]["alertname"].removeprefix("Mdscluster"), alert)
            assert time.monotonic() < deadline, f"never fired: {sorted(wanted - seen.keys())}; did: {sorted(seen)}"
            time.sleep(0.5)
        return {name: seen[name] for name in wanted}

    def wait_until(self, good: Callable[[set[str]], bool], what: str, timeout_s: float) -> None:
        """Until what fires is ``good``."""
        deadline = time.monotonic() + timeout_s
        while not good(firing := self.firing()):
            assert time.monotonic() < deadline, f"{what}; firing: {sorted(firing)}"
            time.sleep(0.5)
