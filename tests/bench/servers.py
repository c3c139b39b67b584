"""What is measured: our cluster, started as a newcomer does, and the load generator."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.cluster import ROOT, ClusterStatus, parse_status
from tests.support.debian import Unavailable, need_tools
from tests.support.lifeline import die_with_parent, stop_with_parent

START_S = 90
SOURCE = Path(__file__).resolve().parent


@dataclass
class OurCluster:
    """``./run up`` in a folder of its own."""

    folder: Path
    port: int = 20490
    mds: int = 3
    ds: int = 3
    extra_env: dict[str, str] = field(default_factory=dict)
    _up: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _restarted: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    @property
    def file(self) -> Path:
        """``cluster.json``."""
        return self.folder / "cluster.json"

    def __enter__(self) -> OurCluster:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "mdscluster", "up", "--base-dir", str(self.folder), "--port", str(self.port)]
        command += ["--mds", str(self.mds), "--ds", str(self.ds)]
        log = self.folder / "up.log"
        with open(log, "ab") as out:
            self._up = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **self.extra_env},
                start_new_session=True,
                preexec_fn=stop_with_parent,
            )
        deadline = time.monotonic() + START_S
        while not self.file.exists():
            if self._up.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Unavailable(f"our cluster does not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.2)
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """SIGTERM, as an operator would."""
        for process in [self._up, *self._restarted]:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in [self._up, *self._restarted]:
            if process is not None:
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def nodes(self, kind: str) -> list[dict[str, Any]]:
        """``mds`` or ``ds`` of cluster.json, as it is now."""
        return list(json.loads(self.file.read_text())[kind])

    def address(self, node_id: str) -> tuple[str, int]:
        """Where a metadata server speaks NFS."""
        node = next(n for n in self.nodes("mds") if n["id"] == node_id)
        return node["host"], node["nfs_port"]

    def status(self) -> ClusterStatus:
        """What ``mdsctl status --json`` says."""
        program = "import sys; from mdscluster.mdsctl import main; sys.exit(main())"
        command = [sys.executable, "-c", program, "--cluster", str(self.file), "status", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
        if not done.stdout:
            raise Unavailable(f"mdsctl says nothing: {done.stderr[-500:]}")
        return parse_status(json.loads(done.stdout))

    def wait_healthy(self, timeout_s: float = 60.0) -> str:
        """Wait until every metadata server follows; the leader's id."""
        deadline = time.monotonic() + timeout_s
        while True:
            status = self.status()
            nodes = status.nodes.values()
            if status.leader and all(n.reachable for n in nodes):
                newest = max(n.applied_index for n in nodes)
                if all(newest - n.applied_index < 100 for n in nodes):
                    return status.leader
            if time.monotonic() > deadline:
                raise Unavailable(f"the cluster does not recover: {status.raw}")
            time.sleep(0.3)

    def kill(self, node_id: str) -> None:
        """``kill -9`` by the pid of cluster.json."""
        node = next(n for n in self.nodes("mds") + self.nodes("ds") if n["id"] == node_id)
        os.kill(node["pid"], signal.SIGKILL)

    def start(self, node_id: str) -> None:
        """Start a killed node again, with the public command."""
        node = next(n for n in self.nodes("mds") + self.nodes("ds") if n["id"] == node_id)
        module = "mdscluster" if node_id.startswith("mds") else "dataserver"
        command = [sys.executable, "-m", module, "serve", "--config", node["config"]]
        with open(self.folder / f"{node_id}.restarted.log", "ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, preexec_fn=die_with_parent
            )
        self._restarted.append(process)

    def memory_mib(self) -> dict[str, float]:
        """Resident memory of every process (a metadata server is two: consensus, and its child, the front end)."""
        found = {}
        for node in self.nodes("mds") + self.nodes("ds"):
            found[node["id"]] = resident_mib(node["pid"])
            for child in children(node["pid"]):
                found[f"{node['id']} front end"] = resident_mib(child)
        return found

    def pids(self, kind: str) -> list[int]:
        """All processes of one kind of server."""
        own = [int(n["pid"]) for n in self.nodes(kind)]
        return own + [child for pid in own for child in children(pid)]


def resident_mib(pid: int) -> float:
    """VmRSS."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def children(pid: int) -> list[int]:
    """A process's children."""
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def build_nfsload(folder: Path) -> Path:
    """Compile the load generator."""
    need_tools({"gcc": "gcc"})
    if not Path("/usr/include/stdio.h").exists():
        need_tools({"libc-headers-are-missing": "libc6-dev"})
    target = folder / "nfsload"
    if not shutil.which(str(target)):
        subprocess.run(["gcc", "-O2", "-o", str(target), str(SOURCE / "nfsload.c")], check=True)
    return target


@dataclass(frozen=True)
class Load:
    """One thing to measure."""

    mode: str
    inflight: int
    connections: int

    def run(self, program: Path, address: tuple[str, int], export: str, seconds: float, file_mb: int) -> dict[str, Any]:
        """nfsload's JSON line; RuntimeError with its words when it fails."""
        host, port = address
        words = [host, str(port), export, self.mode, str(seconds), str(self.inflight), str(self.connections)]
        env = {**os.environ, "FILE_MB": str(file_mb)}
        limit_s = seconds + 120
        done = subprocess.run([str(program), *words], capture_output=True, text=True, env=env, timeout=limit_s)
        if done.returncode or not done.stdout:
            raise RuntimeError(f"nfsload {' '.join(words)}: {done.stderr.strip()}")
        result: dict[str, Any] = json.loads(done.stdout)
        if result["errors"]:
            raise RuntimeError(f"nfsload {' '.join(words)}: {result['errors']} errors, first {result['first_error']}")
        return result
