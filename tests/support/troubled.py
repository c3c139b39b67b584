"""A cluster of real processes in trouble, and who mends it by docs/RUNBOOK.md."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dataserver.config import DsConfig
from mdsproto.configfile import save
from nfsclient.client import Client
from nfsclient.cluster_file import read_cluster_file
from nfswire import nfs4
from tests.support.cluster import ROOT
from tests.support.embedded import Embedded
from tests.support.lifeline import die_with_parent
from tests.support.prometheus import get
from tests.support.runbook import OnProcesses
from tests.support.watched import NODES, Watched

FLOOD_S = 480.0
"""For as many entries as MdsclusterFollowerLag asks for: on two busy processors it took 190 s."""


class Stage:
    """A cluster, its operator, and clients who get in the way."""

    def __init__(self, watched: Watched, cluster: Embedded) -> None:
        self.watched = watched
        self.cluster = cluster
        self.operator = OnProcesses(cluster, watched.folder, watched.mds | watched.ds)
        self.follow = self.operator.follow

    def leader(self) -> str:
        return str(self.cluster.status()["leader"])

    def follower(self) -> str:
        leader = self.leader()
        return next(name for name in NODES if name != leader)

    def json(self, *words: str) -> Any:
        done = self.cluster.mdsctl(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def data_server(self, server: str) -> dict[str, Any]:
        """What the cluster says of it."""
        found = {one["id"]: one for one in self.json("ds", "list")["data_servers"]}
        return dict(found[server])

    def page(self, server: str) -> str:
        """What a server tells Prometheus now; empty while it does not answer."""
        with contextlib.suppress(OSError):
            return get(f"http://{(self.watched.mds | self.watched.ds)[server]}/metrics")[1]
        return ""

    def clients(self) -> list[str]:
        return [client["client_id"] for client in self.json("clients", "list")["clients"]]

    def ready(self, node: str) -> bool:
        with contextlib.suppress(OSError):
            return get(f"http://{self.watched.mds[node]}/ready")[0] == 200
        return False

    def beside_a_client(self, act: Callable[[str], None]) -> None:
        """While a client has a file open and a layout of it."""

        async def main() -> None:
            found = read_cluster_file(self.cluster.file)
            before = set(self.clients())
            client = await Client.connect(found.addresses, root=found.export)
            try:
                file = await client.open("/held", create=nfs4.UNCHECKED4)
                await file.write(0, bytes(1 << 16))
                (client_id,) = set(await asyncio.to_thread(self.clients)) - before
                await asyncio.to_thread(act, client_id)
            finally:
                client.abandon()  # it is evicted, and has nothing to give back
                await asyncio.sleep(0.1)

        asyncio.run(main())


def until(what: str, condition: Callable[[], Any], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


@contextlib.contextmanager
def staged(watched: Watched, patches: Path | None = None) -> Iterator[Stage]:
    """Two data servers, and all of it up and serving. ``patches``: :class:`.Embedded`'s."""
    with Embedded(watched.folder / "cluster", ds=2, patches=patches) as cluster:
        cluster.await_all(200)
        yield Stage(watched, cluster)


def place_data(watched: Watched, server: str, folder: Path) -> None:
    """A data server's data into another folder, a disk's; its log stays where it is."""
    (file,) = (node.config for node in watched.plan.ds if node.id == server)
    data = folder / "data"
    (watched.plan.base_dir / server / "node.pid").symlink_to(data / "node.pid")  # where a test looks for it
    save(dataclasses.replace(DsConfig.load(file), data_dir=data), file)


def left_behind(stage: Stage, late: str, enough: Callable[[], bool] = lambda: True) -> None:
    """Kill it, and change things until no other node's log reaches back to where it was, and it is ``enough``."""
    last = next(node["applied_index"] for node in stage.cluster.status()["mds"] if node["id"] == late)
    stage.cluster.kill(late)

    def behind() -> bool:
        nodes = [node for node in stage.cluster.status()["mds"] if node["reachable"]]
        return len(nodes) > 1 and min(node["first_log_index"] for node in nodes) > last + 1 and enough()

    with flooded(stage, late) as flood:
        until("no log reaches back to it", lambda: flood() and behind(), FLOOD_S)


@contextlib.contextmanager
def flooded(stage: Stage, but: str = "") -> Iterator[Callable[[], bool]]:
    """Large changes all the time, on every metadata server but one. Given: whether they go on, or it fails."""
    stop = stage.watched.folder / "flood.stop"
    servers = [f"{node['host']}:{node['nfs_port']}" for name, node in stage.cluster.nodes().items() if name != but]
    flood = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.flood", str(stop), *servers], cwd=ROOT, preexec_fn=die_with_parent,
    )  # fmt: skip

    def goes_on() -> bool:
        assert flood.poll() is None, "the client has ended"
        return True

    try:
        yield goes_on
    finally:
        stop.touch()
        try:
            flood.wait(20)
        except subprocess.TimeoutExpired:
            flood.kill()
            flood.wait()
