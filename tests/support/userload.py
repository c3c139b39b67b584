"""The user-space client at work beside the kernel's: ``exactly_once`` against a model, until told to stop.

``python -m tests.support.userload OUT SEED HOST:PORT...`` works until OUT/stop exists, then writes OUT/report.json.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from nfsclient import Client
from nfsclient.workloads import ExactlyOnce
from tests.support.cluster import NFS_PORT, OPERATOR, ROOT, Cluster, ClusterError
from tests.support.lifeline import die_with_parent

_CALLS_PER_TURN = 20
_PAUSE_S = 0.05


async def work(out: Path, seed: int, servers: list[tuple[str, int]]) -> None:
    """Work at a pace that leaves the machine to the kernel client, then compare the tree with the model."""
    async with await Client.connect(servers) as client:
        load = ExactlyOnce(client, f"/userload-{seed}", seed=seed, workers=2)
        await load.prepare()
        while not (out / "stop").exists():
            await load.run(_CALLS_PER_TURN)
            _write(out / "progress.json", {"calls": load.report.calls, "violations": load.report.violations[:5]})
            await asyncio.sleep(_PAUSE_S)
        report = await load.verify()
        summary = {"ok": report.ok, "calls": report.calls, "longest_ms": report.longest_stall_ms, "text": str(report)}
        _write(out / "report.json", summary)


def _write(path: Path, content: dict[str, object]) -> None:
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(content))
    partial.rename(path)


class UserLoad:
    """The host's side: a process on the operator's host."""

    def __init__(self, cluster: Cluster, out: Path, seed: int = 1) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        servers = [f"{cluster.nodes[name].address}:{NFS_PORT}" for name in cluster.mds_ids]
        command = [sys.executable, "-m", "tests.support.userload", str(out), str(seed), *servers]
        with open(out / "log", "ab") as log:
            self._process = subprocess.Popen(
                cluster.net.wrap(OPERATOR, command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def calls(self) -> int:
        """How many calls it has made. ClusterError when it has died or seen a wrong answer."""
        if self._process.poll() is not None:
            raise ClusterError(f"the user-space client ended by itself:\n{(self.out / 'log').read_text()[-3000:]}")
        with contextlib.suppress(FileNotFoundError):
            progress = json.loads((self.out / "progress.json").read_text())
            if progress["violations"]:
                raise ClusterError(f"the user-space client got wrong answers: {progress['violations']}")
            return int(progress["calls"])
        return 0

    def await_progress(self, more: int = 20, timeout_s: float = 30.0) -> None:
        """Wait until it has made ``more`` further calls."""
        target, deadline = self.calls() + more, time.monotonic() + timeout_s
        while self.calls() < target:
            if time.monotonic() > deadline:
                raise ClusterError(f"the user-space client hangs after {self.calls()} calls")
            time.sleep(0.1)

    def finish(self, timeout_s: float = 60.0) -> dict[str, object]:
        """Stop it; its verdict: ``ok``, ``calls``, ``longest_ms``, ``text``."""
        (self.out / "stop").touch()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ClusterError("the user-space client does not end") from None
        report = self.out / "report.json"
        if not report.exists():
            raise ClusterError(f"the user-space client left no report:\n{(self.out / 'log').read_text()[-3000:]}")
        return dict(json.loads(report.read_text()))

    def kill(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


if __name__ == "__main__":
    os.nice(5)
    addresses = [(host, int(port)) for host, _, port in (word.rpartition(":") for word in sys.argv[3:])]
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2]), addresses))
