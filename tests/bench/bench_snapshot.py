"""What a snapshot of a large file system costs the leader that sends it, and the node that gets it.

    python -m tests.bench.bench_snapshot [--inodes 1000000] [--rate 100] [--seconds 15] [--dir DIR]

Three real nodes (``mdscluster up``); the state of two of them is replaced by one with so many inodes more, so that the
third, started last, is too far behind for the log and gets a snapshot. A client makes directories at the leader, at a
fixed rate (a late call counts from when it was due), before, while the snapshot is sent, and after. Prints p50, p99 and
their ratios to before, how long it took, and the most memory of their own (anonymous, not mapped) that sender and
receiver had.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from pathlib import Path

from mdscluster.fsm.handles import pack_handle
from mdscluster.fsm.machine import StateMachine, load_settings
from mdscluster.fsm.tables import U64
from mdscluster.raft.entry import NO_OP
from mdscluster.raft.environment import open_environment
from mdscluster.raft.store import Store
from nfsclient.client import Client
from tests.support.embedded import Embedded
from tests.unit.fsm.support.compounds import ROOT, SUPERUSER, getfh, mkdir, pack_compound, putfh, unpack_reply

PER_DIRECTORY = 1000
RECEIVING, INSTALLED = "receiving a snapshot", "snapshot installed"


def enlarge(state_dir: Path, inodes: int) -> None:
    """Make so many directories in a stopped node's state, as log entries that are applied and trimmed already."""
    env = open_environment(state_dir)
    store = Store(env)
    machine = StateMachine(env)
    machine.open(store.txn)
    index, term, lease_ms = store.applied()
    generation = load_settings(store.txn, machine.tables).cluster_id
    parent = pack_handle(ROOT, generation)
    for first in range(0, inodes, PER_DIRECTORY):
        index += 1
        machine.begin_entry(store.txn, index, 1_700_000_000_000_000_000, lease_ms)
        made = machine.apply(pack_compound((putfh(parent), mkdir(b"bulk%d" % first, 0o777), getfh()), SUPERUSER))
        folder = unpack_reply(made).handle
        for number in range(1, PER_DIRECTORY):
            machine.apply(pack_compound((putfh(folder), mkdir(b"entry number %d" % number)), SUPERUSER))
        machine.end_entry()
        if first % (50 * PER_DIRECTORY) == 0:
            store.set_applied(index, term, lease_ms)
            store.commit()
    store.txn.drop(store.log, delete=False)
    store.txn.put(U64.pack(index), U64.pack(term) + bytes((NO_OP,)), db=store.log)
    store.set_applied(index, term, lease_ms)
    store.commit()
    env.sync(True)
    env.close()


class Load:
    """Changes at a fixed rate; (when it was due, how long it took) of each."""

    def __init__(self, client: Client, rate: float) -> None:
        self.client = client
        self.rate = rate
        self.samples: list[tuple[float, float]] = []
        self._stop = False

    async def run(self) -> None:
        await self.client.mkdir("/load")
        due_s, number = time.monotonic(), 0
        calls: set[asyncio.Task[None]] = set()
        while not self._stop:
            due_s += 1 / self.rate
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            number += 1
            call = asyncio.create_task(self._one(number, due_s))
            calls.add(call)
            call.add_done_callback(calls.discard)
        if calls:
            await asyncio.wait(calls)

    async def _one(self, number: int, due_s: float) -> None:
        await self.client.mkdir(f"/load/{number}")
        self.samples.append((due_s, (time.monotonic() - due_s) * 1000))

    def stop(self) -> None:
        self._stop = True

    def between(self, start_s: float, end_s: float) -> list[float]:
        return sorted(ms for due_s, ms in self.samples if start_s <= due_s < end_s)


def quantile(values: list[float], q: float) -> float:
    return values[min(int(len(values) * q), len(values) - 1)]


def anonymous_mib(pid: int) -> float:
    """Memory of the process's own: what it maps of its state is the page cache's."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        pass
    return 0.0


class Watch:
    """The most memory seen of some processes."""

    def __init__(self, cluster: Embedded, names: list[str]) -> None:
        self._cluster = cluster
        self.most = dict.fromkeys(names, 0.0)

    async def run(self) -> None:
        while True:
            for name in self.most:
                try:
                    self.most[name] = max(self.most[name], anonymous_mib(self._cluster.pid(name)))
                except (OSError, ValueError):
                    continue
            await asyncio.sleep(0.05)


async def log_says(path: Path, text: str, since: int, limit_s: float = 300) -> float:
    """When the node's log said so."""
    end_s = time.monotonic() + limit_s
    while text not in path.read_text()[since:]:  # noqa: ASYNC240 - short, and the load is not this loop's alone
        assert time.monotonic() < end_s, f"{path} never said {text!r}"
        await asyncio.sleep(0.02)
    return time.monotonic()


def two_with_more(cluster: Embedded, inodes: int, image: Path) -> int:
    """Give two nodes a state with so many inodes more, and the third what it had before; the state's size in bytes.

    All of it is kept in ``image``, for another run over the same folder.
    """
    for name in cluster.nodes():
        cluster.kill(name)
    began_s = time.monotonic()
    states = [cluster.base_dir / name / "state" for name in ("mds1", "mds2")]
    behind = cluster.base_dir / "mds3" / "state" / "data.mdb"
    if not (image / "behind.mdb").exists():
        shutil.copytree(states[0], image, dirs_exist_ok=True)
        enlarge(image, inodes)
        shutil.copyfile(behind, image / "behind.mdb")
        print(f"{inodes} inodes made in {time.monotonic() - began_s:.0f} s", flush=True)
    shutil.copyfile(image / "behind.mdb", behind)
    for state in states:
        (state / "lock.mdb").unlink()
        shutil.copyfile(image / "data.mdb", state / "data.mdb")
        env = open_environment(state)
        store = Store(env)
        applied_term = store.applied()[1]
        term, _ = store.vote()
        store.set_vote(max(term, applied_term), None)
        store.commit()
        env.sync(True)
        env.close()
    return (image / "data.mdb").stat().st_size


async def measure(cluster: Embedded, rate: float, seconds: float) -> dict[str, float]:
    for name in ("mds1", "mds2"):
        await asyncio.to_thread(cluster.start, name)
    leader = ""
    while not leader:
        await asyncio.sleep(0.5)
        leader = (await asyncio.to_thread(cluster.status))["leader"] or ""
    home = cluster.nodes()[leader]
    log = cluster.base_dir / "mds3" / "log" / "by-hand.log"
    async with await Client.connect([(home["host"], home["nfs_port"])]) as client:
        load, watch = Load(client, rate), Watch(cluster, [leader, "mds3"])
        working = asyncio.create_task(load.run())
        await asyncio.sleep(3)
        start_s = time.monotonic()
        await asyncio.sleep(seconds)
        idle = anonymous_mib(cluster.pid(leader))
        watching = asyncio.create_task(watch.run())
        log.touch()
        since = len(log.read_text())
        before_s = time.monotonic()
        await asyncio.to_thread(cluster.start, "mds3")
        sent_s = await log_says(log, RECEIVING, since)
        done_s = await log_says(log, INSTALLED, since)
        await asyncio.to_thread(cluster.await_all, 500)
        caught_up_s = time.monotonic()
        await asyncio.sleep(seconds)
        after_s = time.monotonic()
        load.stop()
        await working
        watching.cancel()
    before, during = load.between(start_s, before_s), load.between(sent_s, done_s)
    after = load.between(caught_up_s, after_s)
    figures = {"seconds": done_s - sent_s, "until it follows": caught_up_s - done_s}
    for name, values in (("before", before), ("during", during), ("after", after)):
        p50, p99 = quantile(values, 0.5), quantile(values, 0.99)
        figures |= {f"{name} p50": p50, f"{name} p99": p99, f"{name} max": values[-1]}
    figures |= {"p50 ratio": figures["during p50"] / figures["before p50"]}
    figures |= {"p99 ratio": figures["during p99"] / figures["before p99"]}
    figures |= {"sender grew by MiB": watch.most[leader] - idle, "receiver MiB": watch.most["mds3"]}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inodes", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=100.0, help="changes a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="before and after")
    parser.add_argument("--dir", type=Path, help="where the cluster lives; kept when it is given")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-snapshot-") as name:
        base = options.dir or Path(name)
        base.mkdir(parents=True, exist_ok=True)
        with Embedded(base / "cluster", ds=1) as cluster:
            cluster.await_all()
            size = two_with_more(cluster, options.inodes, base / "image")
            figures = asyncio.run(measure(cluster, options.rate, options.seconds))
    figures["MiB"] = size / (1 << 20)
    for what, value in figures.items():
        print(f"{what:20} {value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
