"""The demonstration: a striped file and thousands of metadata operations, while the leader is killed.

``run_demo`` works on a running cluster and is told how to kill the leader; ``./run demo`` brings up the one and
supplies the other.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from typing import TextIO

import msgspec

from nfsclient.client import Client
from nfsclient.cluster_file import read_cluster_file
from nfsclient.errors import NfsClientError
from nfsclient.progress import Progress
from nfsclient.runtime import gather
from nfsclient.workloads import ExactlyOnce, Report
from nfswire import nfs4

FILE_BYTES = 256 << 20
BLOCK_BYTES = 4 << 20
BLOCKS_AT_ONCE = 3
LOAD_AFTER_KILL_MS = 4000.0
"""Metadata operations go on at least so long after the kill, so that the failover happens under load."""
STALL_MS_MAX = 3000.0


class DemoResult(msgspec.Struct):
    """What happened. ``ok`` is the verdict."""

    killed: str = "nobody"
    file_bytes: int = 0
    write_mb_s: float = 0.0
    read_mb_s: float = 0.0
    checksum_agrees: bool = False
    bytes_direct: int = 0       # between client and data servers
    bytes_through_mds: int = 0
    operations: Report = msgspec.field(default_factory=lambda: Report(0))

    @property
    def lost(self) -> int:
        """Operations that were acknowledged and are not there."""
        return len(self.operations.differences)

    @property
    def repeated(self) -> int:
        """Operations answered as only a second execution would have been."""
        return len(self.operations.violations)

    @property
    def ok(self) -> bool:
        """Nothing lost, nothing repeated, nothing seen of the failover but a pause."""
        return self.checksum_agrees and self.operations.ok


def block(number: int, pattern: bytes) -> bytes:
    """Block ``number`` of the file: different from every other, cheap to make again."""
    mark = number.to_bytes(16, "big")
    return b"".join((mark, pattern[16 + number % 4096:], pattern[16:16 + number % 4096]))


class Demo:
    """One run of the demonstration."""

    def __init__(self, client: Client, kill_leader: Callable[[], str | None], out: TextIO, file_bytes: int) -> None:
        self.client = client
        self.kill_leader = kill_leader
        self.out = out
        self.blocks = max(2, file_bytes // BLOCK_BYTES)
        self.result = DemoResult(file_bytes=self.blocks * BLOCK_BYTES)
        self.killed_at_ms: float | None = None
        self._pattern = random.Random(1).randbytes(BLOCK_BYTES)
        self._wanted = hashlib.blake2b()
        self._base = f"/demo-{client.runtime.random_bytes(4).hex()}"
        self._load = ExactlyOnce(client, f"{self._base}/operations", seed=1, workers=6)

    def _now_ms(self) -> float:
        return self.client.runtime.now_ms()

    async def run(self) -> DemoResult:
        """All of it. ``NfsClientError`` when the service fails its clients."""
        await self.client.mkdir(self._base)
        await self._load.prepare()
        self.client.stats.reset_stall()
        load = self.client.runtime.spawn(self._load.run(None, until=self._load_ends))
        try:
            await self._write()
            await self._read()
            await load
        finally:
            load.cancel()
        self.result.operations = await self._load.verify()
        stats = self.client.stats
        self.result.bytes_direct = stats.bytes_read_ds + stats.bytes_written_ds
        self.result.bytes_through_mds = stats.bytes_read_mds + stats.bytes_written_mds
        return self.result

    async def clean(self) -> None:
        """Leave nothing behind."""
        await self._load.clean()
        await self.client.remove(f"{self._base}/striped")
        await self.client.remove(self._base)

    def _load_ends(self) -> bool:
        return self.killed_at_ms is not None and self._done and (
            self._now_ms() - self.killed_at_ms > LOAD_AFTER_KILL_MS)

    _done = False       # the file was written and read back

    def _note(self) -> str:
        return f"{self._load.report.calls} operations beside it"

    async def _write(self) -> None:
        total = self.blocks * BLOCK_BYTES
        started_ms = self._now_ms()
        progress = Progress(self.out, "writing", total, started_ms)
        file = await self.client.open(f"{self._base}/striped", create=nfs4.GUARDED4)
        kill = None
        for first in range(0, self.blocks, BLOCKS_AT_ONCE):
            numbers = range(first, min(first + BLOCKS_AT_ONCE, self.blocks))
            data = [block(number, self._pattern) for number in numbers]
            for part in data:
                self._wanted.update(part)
            await gather(self.client.runtime, (
                file.write(number * BLOCK_BYTES, part) for number, part in zip(numbers, data, strict=True)))
            progress.show((numbers[-1] + 1) * BLOCK_BYTES, self._now_ms(), self._note())
            if kill is None and numbers[-1] + 1 >= self.blocks // 2:
                kill = self.client.runtime.spawn(self._kill(progress))
        await file.close()
        if kill is not None:
            await kill
        elapsed_ms = self._now_ms() - started_ms
        progress.show(total, self._now_ms(), self._note(), last=True)
        self.result.write_mb_s = total / 1e6 / (elapsed_ms / 1000)

    async def _kill(self, progress: Progress) -> None:
        try:
            killed: str | None = await asyncio.to_thread(self.kill_leader)
            self.result.killed = killed or "nobody"
        finally:
            self.killed_at_ms = self._now_ms()
        progress.say(f"   >>> kill -9 {self.result.killed}, the leader; nothing is told to the client <<<")

    async def _read(self) -> None:
        total = self.blocks * BLOCK_BYTES
        started_ms = self._now_ms()
        progress = Progress(self.out, "reading", total, started_ms)
        found = hashlib.blake2b()
        async with await self.client.open(f"{self._base}/striped", nfs4.OPEN4_SHARE_ACCESS_READ) as file:
            for first in range(0, self.blocks, BLOCKS_AT_ONCE):
                numbers = range(first, min(first + BLOCKS_AT_ONCE, self.blocks))
                blocks = await gather(self.client.runtime, (
                    file.read_parts(number * BLOCK_BYTES, BLOCK_BYTES) for number in numbers))
                for parts in blocks:
                    for part in parts:
                        found.update(part)
                progress.show((numbers[-1] + 1) * BLOCK_BYTES, self._now_ms(), self._note())
        progress.show(total, self._now_ms(), self._note(), last=True)
        self.result.read_mb_s = total / 1e6 / ((self._now_ms() - started_ms) / 1000)
        self.result.checksum_agrees = found.digest() == self._wanted.digest()
        self._done = True


def summary(result: DemoResult) -> str:
    """What a newcomer wants to know."""
    done = result.operations
    all_bytes = max(result.bytes_direct + result.bytes_through_mds, 1)
    stall_s = done.longest_stall_ms / 1000
    rows = [
        ("node killed", f"{result.killed} (kill -9, leader, under load)"),
        ("longest stall", f"{stall_s:.2f} s, of any call (here: {done.longest_stall_call})"),
        ("operations", f"{done.calls} acknowledged, {done.reconnects} reconnection(s), "
                       f"{done.retransmissions} request(s) retransmitted"),
        ("operations lost", str(result.lost)),
        ("operations repeated", str(result.repeated)),
        ("errors of failover", ", ".join(f"{name}: {count}" for name, count in done.failover_statuses.items())
         or "none (no grace period, no lost session, no stale handle)"),
        ("file", f"{result.file_bytes >> 20} MiB written at {result.write_mb_s:.0f} MB/s, read at "
                 f"{result.read_mb_s:.0f} MB/s, checksum {'agrees' if result.checksum_agrees else 'DIFFERS'}"),
        ("data path", f"{100 * result.bytes_direct / all_bytes:.0f} % straight to the data servers"),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {value}" for name, value in rows]
    verdict = "All well: the leader died, and all that was felt of it is the stall above."
    if not result.ok:
        verdict = "\n".join(["NOT as promised:", *done.violations[:10], *done.differences[:10]])
    return "\n".join(["", *lines, "", verdict])


async def demonstrate(cluster_json_path: str, kill_leader: Callable[[], str | None], out: TextIO,
                      file_bytes: int = FILE_BYTES, mount_from: str | None = None) -> DemoResult:
    """``run_demo`` as a coroutine."""
    cluster = read_cluster_file(cluster_json_path)
    nodes = sorted(cluster.metadata_servers, key=lambda node: node != mount_from)
    client = await Client.connect([cluster.metadata_servers[node] for node in nodes], root=cluster.export)
    try:
        demo = Demo(client, kill_leader, out, file_bytes)
        result = await demo.run()
        out.write(summary(result) + "\n")
        out.flush()
        await demo.clean()
    except NfsClientError:
        client.abandon()
        raise
    await client.close()
    return result


def run_demo(cluster_json_path: str, kill_leader: Callable[[], str | None], out: TextIO,
             file_bytes: int = FILE_BYTES, mount_from: str | None = None) -> DemoResult:
    """Write and read a striped file and do metadata operations beside it; call ``kill_leader`` half way; verify;
    report.

    ``kill_leader`` runs in a thread of its own, kills the leader's process and returns its node ID. ``mount_from`` is
    the ID of the node to connect to first: the leader's, so that the client loses its connection too.
    """
    return asyncio.run(demonstrate(cluster_json_path, kill_leader, out, file_bytes, mount_from))
