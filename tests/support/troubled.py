"""A cluster of real processes in trouble, and who mends it by docs/RUNBOOK.md."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from nfsclient.client import Client
from nfsclient.cluster_file import read_cluster_file
from nfswire import nfs4
from tests.support.embedded import Embedded
from tests.support.prometheus import get
from tests.support.runbook import OnProcesses
from tests.support.watched import NODES, Watched


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
def staged(watched: Watched) -> Iterator[Stage]:
    """Two data servers, and all of it up and serving."""
    with Embedded(watched.folder / "cluster", ds=2) as cluster:
        cluster.await_all(200)
        yield Stage(watched, cluster)
