"""A metadata server loses its disk while the cluster works, and joins again under its own id by one command."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from mdscluster.raft.environment import open_environment
from nfsclient.client import Client
from nfsclient.workloads import Report, exactly_once
from tests.support.embedded import Embedded

pytestmark = [pytest.mark.slow, pytest.mark.alone]

CALLS, EVERY = 600, 250
LAG_WHILE_WORKING = 200


class DiskThief:
    """Takes the disk of a node that is not the leader, and lets the node join again; then the leader's."""

    def __init__(self, cluster: Embedded) -> None:
        self.cluster = cluster
        self.victims: list[str] = []
        self.said = ""
        self._turn = asyncio.Lock()

    async def __call__(self, calls: int) -> None:
        async with self._turn:
            if len(self.victims) < 2:
                await asyncio.to_thread(self._steal)

    def _steal(self) -> None:
        cluster = self.cluster
        leader = str(cluster.status()["leader"])
        victim = leader if self.victims else next(name for name in cluster.nodes() if name != leader)
        self.victims.append(victim)
        cluster.kill(victim)
        shutil.rmtree(cluster.base_dir / victim / "state")
        config = cluster.nodes()[victim]["config"]
        cluster.start(victim)
        assert cluster.exit_code(victim) == 2, "a node that lost its disk was let in"
        self.said = cluster.by_hand_log(victim).read_text()
        done = cluster.command("rejoin", "--config", config)
        assert done.returncode == 0, done.stderr
        again = cluster.command("rejoin", "--config", config)
        assert again.returncode == 2
        assert "is not empty" in again.stderr
        cluster.start(victim)
        cluster.await_all(LAG_WHILE_WORKING)


def test_a_node_that_lost_its_disk_joins_again_under_load(tmp_path: Path) -> None:
    """INV-1, INV-2, INV-3, INV-8: it is refused without the command, and with it nothing is lost or run twice."""
    with Embedded(tmp_path / "cluster") as cluster:
        thief = DiskThief(cluster)

        async def run() -> Report:
            async with await Client.connect(cluster.addresses()) as client:
                return await exactly_once(client, calls=CALLS, seed=3, workers=8, disturb=thief, disturb_every=EVERY)

        report = asyncio.run(run())
        print(report, thief.victims)
        assert report.ok, str(report)
        assert len(thief.victims) == 2, "vacuous: no disk was lost"
        assert "mdscluster rejoin --config FILE" in thief.said
        status = cluster.await_all()
        assert not any(node["quarantined"] for node in status["mds"])
        digests = cluster.mdsctl("digest")
        assert (digests.returncode, digests.stdout.splitlines()[-1]) == (0, "equal"), digests.stdout
        survivor = next(name for name in cluster.nodes() if name not in thief.victims)
        cluster.kill(survivor)  # those who came back are a quorum of their own

        async def works() -> None:
            async with await Client.connect(cluster.addresses()) as client:
                await client.mkdir("/after")

        asyncio.run(works())


def write_as_a_later_release(state_dir: Path) -> None:
    env = open_environment(state_dir)
    with env.begin(write=True) as txn:
        txn.put(b"format", (99).to_bytes(8, "big"), db=env.open_db(b"raft_state", txn=txn))
    env.close()


def test_an_intact_node_is_not_emptied(tmp_path: Path) -> None:
    """INV-2: rejoin neither deletes state nor runs beside the node; it is moved aside on request only.

    That holds for state that this release cannot read too, which a start refuses in the operator's words.
    """
    with Embedded(tmp_path / "cluster") as cluster:
        config = cluster.nodes()["mds1"]["config"]
        running = cluster.command("rejoin", "--config", config)
        assert running.returncode == 2
        assert "is running already" in running.stderr
        cluster.kill("mds1")
        write_as_a_later_release(cluster.base_dir / "mds1" / "state")
        cluster.start("mds1")
        assert cluster.exit_code("mds1") == 2
        said = cluster.by_hand_log("mds1").read_text()
        assert "has format 99, this release reads up to 1: install the release that wrote it" in said
        assert "Traceback" not in said
        refused = cluster.command("rejoin", "--config", config)
        assert refused.returncode == 2
        assert "--set-aside" in refused.stderr
        moved = cluster.command("rejoin", "--config", config, "--set-aside")
        assert moved.returncode == 0, moved.stderr
        aside = list((cluster.base_dir / "mds1").glob("state.aside-*"))
        assert len(aside) == 1
        assert (aside[0] / "data.mdb").exists()
        cluster.start("mds1")
        cluster.await_all()
