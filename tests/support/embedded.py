"""``mdscluster up`` for tests: real processes on loopback, killed with SIGKILL and started again by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.ports import free_base_port

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 60.0


class Embedded:
    """``with Embedded(folder) as cluster``: everything up and serving."""

    def __init__(
        self, base_dir: Path, *, mds: int = 3, ds: int = 1, release: Path = ROOT, patches: Path | None = None
    ) -> None:
        """``release``: the source tree that ``up`` runs; whatever is started by hand is this one's. ``patches``: a
        folder with a ``sitecustomize.py`` that every process of the cluster begins with; it learns where the cluster
        lives from ``PATCHED_BASE``."""
        self.base_dir = base_dir
        self._patches = [] if patches is None else [str(patches)]
        self._release = release
        self._words = ["up", "--base-dir", str(base_dir), "--ds", str(ds)]
        if not (base_dir / "up.toml").exists():  # else it comes back on its ports
            self._words += ["--port", str(free_base_port()), "--mds", str(mds)]
        self._by_hand: dict[str, subprocess.Popen[bytes]] = {}
        self._up: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Embedded:
        log = self.base_dir.with_suffix(".out")
        self.file.unlink(missing_ok=True)
        with log.open("ab") as out:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "mdscluster", *self._words],
                stdout=out, stderr=out, cwd=self._release, env=self._environment(self._release),
            )  # fmt: skip
        deadline = time.monotonic() + TIMEOUT_S
        while not self.file.exists():
            assert self._up.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"the cluster did not come up: {log.read_text()}"
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (*self._by_hand.values(), self._up):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in (*self._by_hand.values(), self._up):
            if process is not None:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _environment(self, release: Path) -> dict[str, str]:
        places = ":".join([*self._patches, str(release)])
        return {**os.environ, "PYTHONPATH": places, "PATCHED_BASE": str(self.base_dir)}

    @property
    def file(self) -> Path:
        return self.base_dir / "cluster.json"

    def nodes(self, kind: str = "mds") -> dict[str, dict[str, Any]]:
        """The nodes in ``cluster.json``, by ID."""
        return {node["id"]: node for node in json.loads(self.file.read_text())[kind]}

    def addresses(self) -> list[tuple[str, int]]:
        return [(node["host"], node["nfs_port"]) for node in self.nodes().values()]

    def mdsctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mdscluster.mdsctl", "--cluster", str(self.file), *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=TIMEOUT_S, check=False)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.mdsctl("status", "--json").stdout)
        return found

    def pid(self, node_id: str) -> int:
        """The node's process, whoever started it."""
        return int((self.base_dir / node_id / "node.pid").read_text())

    def source(self, node_id: str) -> Path:
        """The source tree that the node's process was started in."""
        return Path(f"/proc/{self.pid(node_id)}/cwd").resolve()

    def kill(self, *node_ids: str) -> None:
        """SIGKILL, as a crash would be: all of them, before the first end is waited for."""
        for pid in [self.pid(node_id) for node_id in node_ids]:
            os.kill(pid, signal.SIGKILL)
        for node_id in node_ids:
            by_hand = self._by_hand.pop(node_id, None)
            if by_hand is not None:
                by_hand.wait()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``mdscluster WORDS``."""
        command = [sys.executable, "-m", "mdscluster", *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=TIMEOUT_S, check=False)

    def by_hand_log(self, node_id: str) -> Path:
        return self.base_dir / node_id / "log" / "by-hand.log"

    def exit_code(self, node_id: str) -> int:
        """Wait for the end of a node that was started by hand."""
        return self._by_hand.pop(node_id).wait(TIMEOUT_S)

    def start(self, node_id: str, kind: str = "mds", release: Path = ROOT) -> None:
        """Start a killed node again, as its operator would."""
        module = "mdscluster" if kind == "mds" else "dataserver"
        if earlier := self._by_hand.pop(node_id, None):
            earlier.poll()  # it has ended, whoever ended it: nobody else collects it
        with self.by_hand_log(node_id).open("ab") as out:
            self._by_hand[node_id] = subprocess.Popen(
                [sys.executable, "-m", module, "serve", "--config", self.nodes(kind)[node_id]["config"]],
                stdout=out, stderr=out, cwd=release, env=self._environment(release),
            )  # fmt: skip

    def await_all(self, lag_entries: int = 0) -> dict[str, Any]:
        """Wait until every metadata server answers and none is further behind than ``lag_entries``; its status."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            status = self.status()
            applied = [node.get("applied_index", 0) for node in status["mds"]]
            reachable = all(node["reachable"] for node in status["mds"])
            if status["quorum"] and reachable and max(applied) - min(applied) <= lag_entries:
                return status
            assert time.monotonic() < deadline, f"the nodes did not come together: {status}"
            time.sleep(0.2)
