"""Many clients, and one that does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mdscluster.config import NodeConfig
from mdsproto.configfile import save
from nfsclient.channel import ChannelSettings
from nfsclient.client import Client, Settings
from nfsclient.errors import NfsClientError
from nfswire import nfs4
from tests.chaos.alerts.scene import restart, scene
from tests.chaos.shim import Shim
from tests.support.cluster import ROOT
from tests.support.lifeline import die_with_parent
from tests.support.troubled import until
from tests.support.watched import NODES, Watched

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long]

CROWD, SLOTS = 48, 64
"""Clients, each with so many requests under way: half as many more than MdsclusterQueueDepth allows."""
HANGING = "ds2"
"""Whose disk hangs."""
HANG_S = 60.0
RECALL_MS = 2_000
WAITERS = 8
_HOLDER = """
import asyncio, sys
from nfsclient import Client
from nfswire import nfs4

async def main():
    async with await Client.connect([(sys.argv[1], int(sys.argv[2]))]) as client:
        file = await client.open("/held", create=nfs4.UNCHECKED4)
        while True:
            await file.write(0, bytes(4 << 20))
            await file.commit()
            print("committed", flush=True)
            await asyncio.sleep(0.05)

asyncio.run(main())
"""


class Crowd(threading.Thread):
    """Many clients of one server, with all requests under way that they may have."""

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._enough = threading.Event()
        self.answered = 0

    def run(self) -> None:
        asyncio.run(self._work())

    def stop(self) -> None:
        self._enough.set()
        self.join(60)

    async def _work(self) -> None:
        patient = Settings(channel=ChannelSettings(reply_timeout_ms=60_000.0, reply_timeout_max_ms=60_000.0))
        clients = [await Client.connect([self._address], settings=patient) for _ in range(CROWD)]
        tasks = [
            asyncio.create_task(self._ask(client, f"/{number}-{slot}"))
            for number, client in enumerate(clients) for slot in range(SLOTS)
        ]  # fmt: skip
        await asyncio.to_thread(self._enough.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in clients:
            client.abandon()
        await asyncio.sleep(0.1)

    async def _ask(self, client: Client, name: str) -> None:
        while True:
            with contextlib.suppress(NfsClientError):
                await client.symlink(name, "x")
                self.answered += 1
                await client.remove(name)
                self.answered += 1


def test_requests_pile_up_while_a_majority_stands_still(tmp_path: Path) -> None:
    """INV-6: none of them is answered meanwhile."""
    with scene(Watched(tmp_path)) as it:
        last = it.stage.leader()
        others = [it.cluster.pid(name) for name in NODES if name != last]
        node = it.cluster.nodes()[last]
        crowd = Crowd((node["host"], node["nfs_port"]))
        crowd.start()
        try:
            until("the crowd is served", lambda: crowd.answered > CROWD * SLOTS)
            try:
                with it.raises("QueueDepth", node=last, queue="proposals"):
                    for pid in others:
                        os.kill(pid, signal.SIGSTOP)
                    time.sleep(2)
                    answered = crowd.answered
                assert crowd.answered == answered
                told = it.stage.follow("MdsclusterQueueDepth", may_fail=("mdsctl status", "mdsctl clients list"))
                assert "NO QUORUM" in told[0].told, "the page leads to the reason"
                assert crowd.answered == answered
            finally:
                for pid in others:
                    os.kill(pid, signal.SIGCONT)
            it.ends("QueueDepth")
        finally:
            crowd.stop()


async def want(address: tuple[str, int], done: threading.Event) -> None:
    """Cut a file that somebody else has a layout of, many times at once."""
    patient = Settings(channel=ChannelSettings(reply_timeout_ms=30_000.0))
    async with await Client.connect([address], settings=patient) as client:
        async with await client.open("/own", create=nfs4.UNCHECKED4) as own:
            await own.truncate(1)
        await asyncio.sleep(3)  # Prometheus' rate does not see a series begin
        async with await client.open("/held") as file:
            await asyncio.gather(*(file.truncate(size) for size in range(WAITERS)))
    done.set()


def test_a_data_servers_disk_hangs_and_nobody_gets_a_layout_back(
    tmp_path: Path, shim: Shim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-6: a layout is not reported as revoked while what was written under it is under way on a data server."""
    watched = Watched(tmp_path)
    for node in watched.plan.mds:
        config = NodeConfig.load(node.config)
        save(dataclasses.replace(
            config, cluster=dataclasses.replace(config.cluster, recall_timeout_ms=RECALL_MS)
        ), node.config)  # fmt: skip
    with scene(watched) as it:
        restart(it.stage, HANGING, "ds", shim, monkeypatch)
        until("it is up", lambda: it.stage.data_server(HANGING)["state"] == "up")
        first, *_, other = it.cluster.addresses()
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, first[0], str(first[1])], stdout=subprocess.PIPE, text=True, cwd=ROOT,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "committed\n"
            shim.delay_syncs(HANGING, int(HANG_S * 1000))
            time.sleep(1)
            holder.send_signal(signal.SIGSTOP)  # with a COMMIT under way: it neither answers a recall nor gives up
            shim.delay_syncs(HANGING, 0)
            done = threading.Event()
            waiter = threading.Thread(target=lambda: asyncio.run(want(other, done)), daemon=True)
            with it.raises("SlowOperations", "RecallOverdue", within_s=HANG_S):
                waiter.start()
            assert not done.is_set()
            layouts = it.stage.json("layouts")["layouts"]
            (stands_still,) = {one["client_id"] for one in layouts if one["recalled_ms"] is not None}
            told = it.stage.follow("MdsclusterRecallOverdue", may_fail=("mdsctl clients evict",), CLIENT=stands_still)
            assert stands_still in told[0].told, "the page leads to who gives nothing back"
            until("what was waited for is done", done.is_set, 2 * HANG_S)
            until("it is sent away", lambda: stands_still not in it.stage.clients())
            assert shim.struck(HANGING)[0] > 0
            it.ends("RecallOverdue")
        finally:
            holder.kill()
            holder.communicate()
