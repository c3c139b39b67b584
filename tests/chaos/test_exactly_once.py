"""INV-2, INV-3, INV-7, INV-8: changes run exactly once while connections are cut and nodes killed.

The long form makes 10,000 calls (``EXACTLY_ONCE_CALLS=10000``); ``./run test`` makes fewer of them.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from nfsclient.client import Client
from nfsclient.cuts import Cutter, CuttingRuntime
from nfsclient.transport import AsyncioRuntime
from nfsclient.workloads import Report, exactly_once
from tests.support.embedded import Embedded

pytestmark = pytest.mark.slow

CALLS = int(os.environ.get("EXACTLY_ONCE_CALLS", "1500"))
SEED = int(os.environ.get("EXACTLY_ONCE_SEED", "1"))
KILL_EVERY = 250
LAG_WHILE_WORKING = 200
"""Log entries: a node that is this close has caught up, as far as can be told while the others go on."""


class Killer:
    """Kills a node, each in turn, lets the others go on, and starts it again."""

    def __init__(self, cluster: Embedded, seed: int) -> None:
        self.cluster = cluster
        self.random = random.Random(seed)
        self.victims: list[str] = []
        self._turn = asyncio.Lock()

    async def __call__(self, calls: int) -> None:
        async with self._turn:  # never two nodes of three at once
            nodes = sorted(self.cluster.nodes())
            victim = nodes[len(self.victims) % len(nodes)]
            self.victims.append(victim)
            await asyncio.to_thread(self.cluster.kill, victim)
            await asyncio.sleep(0.3 + self.random.random())
            await asyncio.to_thread(self.cluster.start, victim)
            await asyncio.to_thread(self.cluster.await_all, LAG_WHILE_WORKING)


def test_calls_run_exactly_once(tmp_path: Path) -> None:
    """No EEXIST or ENOENT that a single execution would not have given; the final tree equals the model's."""
    with Embedded(tmp_path / "cluster") as cluster:
        cutter = Cutter(SEED, sends_per_cut=60)
        killer = Killer(cluster, SEED)

        async def run() -> Report:
            runtime = CuttingRuntime(AsyncioRuntime(), cutter)
            async with await Client.connect(cluster.addresses(), runtime=runtime) as client:
                report = await exactly_once(
                    client, calls=CALLS, seed=SEED, workers=8, disturb=killer, disturb_every=KILL_EVERY
                )
                cutter.armed = False
                return report

        report = asyncio.run(run())
        print(report, dict(cutter.cuts), killer.victims)
        assert report.ok, str(report)
        assert report.calls >= CALLS
        assert report.reconnects > len(killer.victims) >= CALLS // KILL_EVERY - 1, "vacuous: hardly anything happened"
        cluster.await_all()
        digests = cluster.mdsctl("digest")
        assert (digests.returncode, digests.stdout.splitlines()[-1]) == (0, "equal"), digests.stdout
