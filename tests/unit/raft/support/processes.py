"""Real consensus processes on loopback, for the bench and the end-to-end tests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import uvloop

from mdscluster.raft.config import RaftConfig, TlsConfig
from mdscluster.raft.environment import open_environment
from mdscluster.raft.interface import RESTART_EXIT_CODE
from mdscluster.raft.local import LocalReplica
from mdscluster.raft.process import run
from mdscluster.replica import ChangeOutcome, MemberChange, ReplicaStatus
from tests.simulation.consensus.machine import AppendMachine, NullMachine
from tests.support.ports import free_ports
from tests.unit.raft.support.tls import make_tls

ROOT = Path(__file__).resolve().parents[4]


class Processes:
    """A cluster of child processes; ``close`` ends them by pid.

    Only the first ``founders`` of them found it, and their files name only each other; the rest are to be added.
    """

    def __init__(
        self, directory: Path, size: int = 3, *, founders: int | None = None, machine: str = "append", **settings: Any
    ) -> None:
        self.dir = directory
        self.ids = [f"n{i + 1}" for i in range(size)]
        tls = make_tls(directory / "tls", self.ids)
        ports = free_ports(size)
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.envs: dict[str, lmdb.Environment] = {}
        self.replicas: list[LocalReplica] = []
        self.ports = dict(zip(self.ids, ports, strict=True))
        first = self.ids[:founders]
        for node_id in self.ids:
            joins = {} if node_id in first else {"join": True}
            config = {
                "node_id": node_id,
                "peers": {peer: ["127.0.0.1", self.ports[peer]] for peer in sorted({*first, node_id})},
                "state_dir": str(directory / node_id / "state"),
                "socket_path": str(directory / node_id / "raft.sock"),
                "tls": [str(tls[node_id].ca), str(tls[node_id].certificate), str(tls[node_id].key)],
                "machine": machine,
                "settings": {**settings, **joins},
            }
            (directory / node_id).mkdir(parents=True, exist_ok=True)
            self.config_path(node_id).write_text(json.dumps(config))

    def config_path(self, node_id: str) -> Path:
        return self.dir / node_id / "config.json"

    def start(self, *ids: str, release: Path = ROOT) -> None:
        """Of the release whose source tree is ``release``."""
        for node_id in ids or self.ids:
            with (self.dir / node_id / "log").open("ab") as out:
                self.children[node_id] = subprocess.Popen(
                    [sys.executable, "-m", "tests.unit.raft.support.processes", str(self.config_path(node_id))],
                    cwd=release,
                    stdout=out,
                    stderr=out,
                )

    def kill(self, node_id: str, signum: int = signal.SIGKILL) -> None:
        child = self.children[node_id]
        child.send_signal(signum)
        if signum in (signal.SIGKILL, signal.SIGTERM):
            child.wait(10)

    def close(self) -> None:
        for child in self.children.values():
            if child.poll() is None:
                child.kill()
            child.wait(10)
        for env in self.envs.values():
            env.close()

    async def disconnect(self) -> None:
        """End the front ends' connections, while their loop still runs."""
        for replica in self.replicas:
            await replica.close()
        self.replicas.clear()
        for env in self.envs.values():
            env.close()
        self.envs.clear()

    async def replica(self, node_id: str, **options: Any) -> LocalReplica:
        """A front end's view of a node."""
        replica = LocalReplica(self.dir / node_id / "raft.sock", None, **options)  # type: ignore[arg-type]
        self.replicas.append(replica)
        await replica.connect(30)
        if node_id not in self.envs:
            self.envs[node_id] = open_environment(self.dir / node_id / "state", readonly=True)
        replica.env = self.envs[node_id]
        return replica

    def cpu_s(self, node_id: str) -> float:
        """Time the process's main thread spent on a CPU."""
        return int(Path(f"/proc/{self.children[node_id].pid}/schedstat").read_text().split()[0]) / 1e9


async def propose(replica: LocalReplica, payload: bytes) -> bytes | None:
    future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    replica.propose(payload, future.set_result)
    return await future


async def barrier(replica: LocalReplica) -> bool:
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    replica.barrier(future.set_result)
    return await future


async def status(replica: LocalReplica) -> ReplicaStatus:
    future: asyncio.Future[ReplicaStatus] = asyncio.get_running_loop().create_future()
    replica.status(future.set_result)
    return await future


async def add(replica: LocalReplica, node_id: str, port: int) -> None:
    """A server becomes a voter; ``replica`` is the leader's."""
    for kind in ("add", "promote"):
        change = MemberChange(kind, node_id, "127.0.0.1", port)  # type: ignore[arg-type]
        async with asyncio.timeout(30):
            while True:
                future: asyncio.Future[ChangeOutcome] = asyncio.get_running_loop().create_future()
                replica.change_members(change, future.set_result)
                if (await future).code == "done":
                    break
                await asyncio.sleep(0.05)


async def await_status(
    replica: LocalReplica, wanted: Callable[[ReplicaStatus], bool], timeout_s: float = 15.0
) -> ReplicaStatus:
    """Poll until the node's status is as wanted."""
    end_s = time.monotonic() + timeout_s
    while True:
        seen = await status(replica)
        if wanted(seen):
            return seen
        if time.monotonic() > end_s:
            raise TimeoutError(f"still {seen}")
        await asyncio.sleep(0.02)


def main(path: str) -> int:
    """One node's process; starts itself again after installing a snapshot, as the product does."""
    raw = json.loads(Path(path).read_text())
    config = RaftConfig(
        node_id=raw["node_id"],
        peers={peer: (host, port) for peer, (host, port) in raw["peers"].items()},
        state_dir=Path(raw["state_dir"]),
        socket_path=Path(raw["socket_path"]),
        tls=TlsConfig(*map(Path, raw["tls"])),
        **raw["settings"],
    )
    factory = NullMachine if raw["machine"] == "null" else AppendMachine

    async def serve() -> int:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        return await run(config, factory, stop=stop)

    if raw.get("profile"):
        import cProfile

        profile = cProfile.Profile()
        code = profile.runcall(uvloop.run, serve())
        profile.dump_stats(raw["profile"])
    else:
        code = uvloop.run(serve())
    if code == RESTART_EXIT_CODE:
        os.execv(sys.executable, [sys.executable, "-m", "tests.unit.raft.support.processes", path])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
