"""A request ID follows an operation over servers (docs/MONITORING.md): one and the same is in the logs of two of them.

Real processes. What is asked at a follower goes to the leader without its name: a COMPOUND is told of by whichever node
a client asked.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mdscluster.config import Metrics, NodeConfig
from mdsproto.configfile import save
from nfsclient.client import Client
from nfswire import nfs4
from tests.chaos.test_superseded import PATCHES, until
from tests.support.embedded import Embedded
from tests.unit.mdsctl.commands import answer

pytestmark = [pytest.mark.slow, pytest.mark.alone]

DATA = b"data" * 100_000
LISTED = 400


def lines(cluster: Embedded, name: str, event: str) -> list[dict[str, Any]]:
    """What a server's logs have of an event; the last line may be half written."""
    texts = [path.read_text(errors="replace") for path in (cluster.base_dir / name / "log").iterdir()]
    whole = [line for text in texts for line in text.split("\n")[:-1] if f'"{event}"' in line]
    return [entry for entry in map(json.loads, whole) if entry["event"] == event]


def named(cluster: Embedded, name: str, event: str, kind: str) -> set[str]:
    """The requests of that kind that an event is told of."""
    return {line["request"] for line in lines(cluster, name, event) if re.fullmatch(kind, line.get("request", ""))}


async def left_waiting(client: Client) -> asyncio.Task[Any]:
    """The first listing that is not answered: asked when the others are dead for certain it might come too late, when
    the follower has sent its clients away already. Few in a second, as a log tells of 20 at most."""
    while True:
        await asyncio.sleep(0.1)
        listing = asyncio.create_task(client.readdir("/"))
        await asyncio.wait([listing], timeout=0.3)
        if not listing.done():
            return listing


def test_an_operation_that_a_client_takes_to_another_server_keeps_its_id(tmp_path: Path) -> None:
    """INV-4: asked at a follower that has just lost the others, and gives it up; sent again to one of those. A listing
    of some length, which takes more than the 1 ms that is slow here."""
    with Embedded(tmp_path / "c") as cluster:
        cluster.await_all()
        for name, node in cluster.nodes().items():
            config = Path(node["config"])
            changed = replace(NodeConfig.load(config), metrics=Metrics(slow_ms=1), on_quorum_loss="refuse")
            save(changed, config)
            cluster.kill(name)
            cluster.start(name)
        leader = str(cluster.await_all()["leader"])
        follower, *others = sorted(cluster.nodes(), key=lambda name: name == leader)
        addresses = [(cluster.nodes()[name]["host"], cluster.nodes()[name]["nfs_port"]) for name in (follower, *others)]

        def given_up() -> set[str]:
            return named(cluster, follower, "operation given up", r"[0-9a-f]{32}-\d+-\d+")

        async def run() -> str:
            async with await Client.connect(addresses) as client:
                for number in range(LISTED):
                    await client.mkdir(f"/d{number}")
                await asyncio.sleep(1.0)  # all of these were slow, and told of
                killing = asyncio.create_task(asyncio.to_thread(cluster.kill, *others))
                listing = await left_waiting(client)
                await killing
                await until("not given up", lambda: bool(given_up()))
                await asyncio.to_thread(cluster.kill, follower)
                for name in others:
                    await asyncio.to_thread(cluster.start, name)
                assert len(await asyncio.wait_for(listing, 30)) == LISTED
            (request,) = given_up()
            return request

        request = asyncio.run(run())
        told = {
            (name, line["operation"], line["status"]) for name in cluster.nodes()
            for line in lines(cluster, name, "slow operation") if line.get("request") == request
        }  # fmt: skip
        print(request, told)
        assert [(operation, status) for _, operation, status in told] == [("READDIR", "NFS4_OK")]
        assert follower not in {name for name, *_ in told}


def test_what_a_leader_asks_of_a_data_server_has_one_id_on_both_sides(tmp_path: Path) -> None:
    """INV-6, INV-10: a cut that the data server's disk refuses, and a fence that has to wait for I/O that hangs. Both
    are asked for again, and done."""
    with Embedded(tmp_path / "c", ds=1, patches=PATCHES) as cluster:
        leader = str(cluster.await_all()["leader"])
        hung = cluster.base_dir / "ds1.hung"

        def on_both_sides(kind: str, here: str, there: str) -> set[str]:
            return named(cluster, leader, here, kind) & named(cluster, "ds1", there, kind)

        async def run() -> None:
            async with await Client.connect(cluster.addresses()) as client:
                file = await client.open("/f", nfs4.OPEN4_SHARE_ACCESS_BOTH, create=nfs4.UNCHECKED4)
                await file.write(0, DATA)
                await file.flush()
                await asyncio.to_thread(cluster.kill, "ds1")
                (thing,) = (cluster.base_dir / "ds1").rglob("*.00")
                assert thing.stat().st_size == len(DATA)
                aside = thing.rename(tmp_path / "aside")
                thing.mkdir()
                await asyncio.to_thread(cluster.start, "ds1", "ds")
                cut = asyncio.create_task(file.truncate(9))
                refused = "data server did not truncate", "control request failed"
                await until("no cut on both sides", lambda: bool(on_both_sides(r"cut-[0-9a-f]+-\d+", *refused)))
                thing.rmdir()
                aside.rename(thing)
                await asyncio.wait_for(cut, 30)
                await until("not cut", lambda: thing.stat().st_size == 9)

                await file.write(0, DATA)
                hung.touch()
                flush = asyncio.create_task(file.flush())
                await until("nothing hangs", hung.with_suffix(".hanging").exists)
                (found,) = (await asyncio.to_thread(answer, cluster, "clients", "list"))["clients"]
                evict = asyncio.create_task(asyncio.to_thread(answer, cluster, "clients", "evict", found["client_id"]))
                late = "data server did not take the fence list", "fences not in force yet"
                await until("no fence on both sides", lambda: bool(on_both_sides(r"fence-\d+", *late)))
                hung.unlink()
                assert (await evict)["evicted"]
                flush.cancel()
                client.abandon()

        asyncio.run(run())
        assert cluster.mdsctl("digest").returncode == 0
