"""INV-2, INV-3, INV-7, INV-8: metadata servers are added, killed, removed and replaced while clients work.

Real processes, by the very commands that docs/MEMBERSHIP.md names.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nfsclient.client import Client
from nfsclient.cuts import Cutter, CuttingRuntime
from nfsclient.transport import AsyncioRuntime
from nfsclient.workloads import ExactlyOnce, Report
from tests.support.embedded import ROOT, Embedded

pytestmark = [pytest.mark.slow, pytest.mark.alone]

PAUSE_S = float(os.environ.get("MEMBERSHIP_PAUSE_S", "2"))
"""Between the operator's steps."""
SEED = int(os.environ.get("MEMBERSHIP_SEED", "1"))
STEP_TIMEOUT_S = 120.0


class Growing(Embedded):
    """A cluster whose operator adds and removes metadata servers."""

    @property
    def base_port(self) -> int:
        return int(self._words[self._words.index("--port") + 1])

    def product(self, *words: str) -> str:
        """One of the product's commands; its output."""
        done = subprocess.run(
            [sys.executable, "-m", *words],
            capture_output=True, text=True, cwd=ROOT, timeout=STEP_TIMEOUT_S, check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def new_node(self, number: int) -> list[str]:
        """Certificate, configuration and process of another server; its addresses as ``member add`` wants them."""
        node_id, base = f"mds{number}", self.base_port
        ports = {"raft": base + 150 + number, "admin": base + 250 + number, "nfs": base + 50 + number}
        addresses = [word for name, port in ports.items() for word in (f"--{name}", f"127.0.0.1:{port}")]
        directory = self.base_dir / node_id
        config = directory / f"{node_id}.toml"
        (directory / "log").mkdir(parents=True)
        self.product("mdscluster", "pki", "--directory", str(self.base_dir / "pki"), f"{node_id}=127.0.0.1")
        self.product(
            "mdscluster", "new-node", node_id, "--like", str(self.base_dir / "mds1" / "mds1.toml"),
            "--out", str(config), "--data-dir", str(directory), *addresses,
        )  # fmt: skip
        self.run_node(node_id, config)
        return [node_id, *addresses]

    def run_node(self, node_id: str, config: Path) -> None:
        with (self.base_dir / node_id / "log" / "by-hand.log").open("ab") as out:
            self._by_hand[node_id] = subprocess.Popen(
                [sys.executable, "-m", "mdscluster", "serve", "--config", str(config)], stdout=out, stderr=out, cwd=ROOT
            )

    def member(self, *words: str) -> str:
        return self.product("mdscluster.mdsctl", "--cluster", str(self.file), "member", *words)

    def voters(self) -> list[str]:
        return [node["id"] for node in self.status()["mds"] if node["member"] == "voter"]

    def leader(self) -> str:
        return str(self.status()["leader"])


class Operator:
    """Does one step after the other; who works meanwhile goes on until all are done."""

    def __init__(self, cluster: Growing) -> None:
        self.cluster = cluster
        self.killed: list[str] = []
        self.done: list[str] = []
        self._steps = [self.add_4, self.add_5, self.kill_two, self.remove_the_dead, self.replace_leader]
        self.finished = False

    async def run(self) -> None:
        try:
            for step in self._steps:
                await asyncio.sleep(PAUSE_S)
                await asyncio.to_thread(step)
                self.done.append(step.__name__)
            await asyncio.sleep(PAUSE_S)
        finally:
            self.finished = True

    def add_4(self) -> None:
        self.cluster.member("add", *self.cluster.new_node(4))

    def add_5(self) -> None:
        self.cluster.member("add", *self.cluster.new_node(5))

    def kill_two(self) -> None:
        """Of five: the leader, and one that was there from the beginning."""
        leader = self.cluster.leader()
        self.killed = [leader, next(node for node in ("mds1", "mds2") if node != leader)]
        for node_id in self.killed:
            self.cluster.kill(node_id)

    def remove_the_dead(self) -> None:
        first, second = self.killed
        self.cluster.member("remove", first, "--even")
        self.cluster.member("remove", second)

    def replace_leader(self) -> None:
        """A machine is replaced while it leads."""
        self.cluster.member("replace", self.cluster.leader(), *self.cluster.new_node(6))


def test_the_cluster_grows_and_is_replaced_under_load(tmp_path: Path) -> None:
    """From 3 to 5; two of five die and are removed; the leader's machine is replaced: no call fails or runs twice."""
    with Growing(tmp_path / "cluster") as cluster:
        cutter = Cutter(SEED, sends_per_cut=200)
        operator = Operator(cluster)

        async def run() -> Report:
            addresses = [*cluster.addresses(), *(("127.0.0.1", cluster.base_port + 50 + n) for n in (4, 5, 6))]
            runtime = CuttingRuntime(AsyncioRuntime(), cutter)
            async with await Client.connect(addresses, runtime=runtime) as client:
                workload = ExactlyOnce(client, "/exactly-once", seed=SEED, workers=8)
                await workload.prepare()
                operating = asyncio.create_task(operator.run())
                await workload.run(None, until=lambda: operator.finished)
                await operating
                cutter.armed = False
                return await workload.verify()

        report = asyncio.run(run())
        print(report, dict(cutter.cuts), operator.done, operator.killed)
        assert report.ok, str(report)
        assert report.calls > 200, "vacuous: hardly anybody worked"
        assert report.reconnects > 2, "vacuous: nobody noticed"
        assert len(operator.done) == 5
        voters = cluster.voters()
        assert len(voters) == 3
        assert "mds6" in voters
        assert not set(operator.killed) & set(voters)
        digests = cluster.mdsctl("digest")
        assert (digests.returncode, digests.stdout.splitlines()[-1]) == (0, "equal"), digests.stdout
        assert len(digests.stdout.splitlines()) == 4
        assert sorted(cluster.nodes()) == sorted(voters)
