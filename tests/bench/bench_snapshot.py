"""``./run bench snapshot``: what a snapshot of a large file system costs the leader that sends it, and who gets it.

    ./run bench snapshot [--inodes 1000000] [--snapshots 3] [--rate 100] [--seconds 15] [--dir DIR] [--json FILE]

Three real nodes (``mdscluster up``); the state of two of them is replaced by one with so many inodes more, so that the
third, started last, is too far behind for the log and gets a snapshot. It is then killed, given its old state again,
and gets the next one. A client makes directories at the leader all the while, at a fixed rate (a late call counts from
when it was due). For each snapshot: p50 and p99 of the changes in the quiet ``--seconds`` before it, while it is sent,
and their ratios; how long it took; by how much the memory of their own (anonymous, not mapped) of sender and receiver
grew at most; the load average, which tells of what else ran on the machine.

``--write-docs`` puts the figures into docs/BENCHMARKS.md; ``--beside`` says there what else ran on the machine.

Exit status 1, and a line that says why, where a bound does not hold or was not put to the test: the median over the
snapshots of the p99 ratio is at most ``P99_RATIO_MAX``; no snapshot lets sender or receiver grow by more than
``GROWTH_MAX_MIB``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import textwrap
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from mdscluster.fsm.handles import pack_handle
from mdscluster.fsm.machine import StateMachine, load_settings
from mdscluster.fsm.tables import U64
from mdscluster.raft.entry import NO_OP
from mdscluster.raft.environment import open_environment
from mdscluster.raft.store import Store
from nfsclient.client import Client
from tests.bench.report import SNAPSHOTS
from tests.support.cluster import ROOT as REPOSITORY
from tests.support.embedded import Embedded
from tests.unit.fsm.support.compounds import ROOT, SUPERUSER, getfh, mkdir, pack_compound, putfh, unpack_reply

DOCUMENT = REPOSITORY / "docs" / "BENCHMARKS.md"
PER_DIRECTORY = 1000
RECEIVING, INSTALLED = "receiving a snapshot", "snapshot installed"
BEHIND = "mds3"
"""The node that gets the snapshots."""
SETTLE_S = 3.0
"""Work that is not measured, after a start."""
P99_RATIO_MAX = 2.0
"""Changes while a snapshot is sent, to those just before it."""
GROWTH_MAX_MIB = 32.0
"""Of one process's own memory over a snapshot, however large the state is: the pipe, a frame, and buffers."""
VACUOUS_BELOW = 4
"""The state must be that many times ``GROWTH_MAX_MIB``, or a process that holds all of it could pass."""
SAMPLES_MIN = 100
"""Changes while a snapshot is sent: of fewer, one alone is the 99th percentile."""


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


@dataclass(frozen=True)
class Snapshot:
    """One snapshot. Times of changes in milliseconds."""

    seconds: float
    """From its first byte until it is installed."""
    until_it_follows: float
    """From then until the receiver has caught up, in seconds."""
    changes: int
    """How many fell due while it was sent."""
    before_p50: float
    before_p99: float
    during_p50: float
    during_p99: float
    during_max: float
    sender_grew_mib: float
    receiver_grew_mib: float
    load_average: float
    """Of the machine's last minute, at its end."""

    @property
    def p50_ratio(self) -> float:
        return self.during_p50 / self.before_p50

    @property
    def p99_ratio(self) -> float:
        return self.during_p99 / self.before_p99

    def line(self) -> str:
        """For the terminal."""
        return (
            f"{self.seconds:5.1f} s, {self.changes} changes: p50 {self.before_p50:.1f} -> {self.during_p50:.1f} ms "
            f"({self.p50_ratio:.2f}), p99 {self.before_p99:.1f} -> {self.during_p99:.1f} ms ({self.p99_ratio:.2f}), "
            f"longest {self.during_max:.0f} ms; sender +{self.sender_grew_mib:.1f} MiB, receiver "
            f"+{self.receiver_grew_mib:.1f} MiB; load {self.load_average:.1f}"
        )


def broken(snapshots: list[Snapshot], state_mib: float) -> list[str]:
    """Which bounds do not hold, or were not put to the test."""
    found = []
    ratio = statistics.median(s.p99_ratio for s in snapshots)
    if ratio > P99_RATIO_MAX:
        found.append(f"the p99 of changes during a snapshot is {ratio:.2f} times the usual, over {P99_RATIO_MAX:g}")
    for who, grew in (
        ("sender", max(s.sender_grew_mib for s in snapshots)),
        ("receiver", max(s.receiver_grew_mib for s in snapshots)),
    ):
        if grew > GROWTH_MAX_MIB:
            found.append(f"the {who} grew by {grew:.0f} MiB, over {GROWTH_MAX_MIB:g}")
    if state_mib < VACUOUS_BELOW * GROWTH_MAX_MIB:
        found.append(f"vacuous: a state of {state_mib:.0f} MiB says nothing of bounded memory; more --inodes")
    if (fewest := min(s.changes for s in snapshots)) < SAMPLES_MIN:
        found.append(f"vacuous: {fewest} changes during a snapshot are too few for a p99; more --inodes or --rate")
    return found


def section(snapshots: list[Snapshot], inodes: int, state_mib: float, rate: float, beside: str) -> str:
    """The part of docs/BENCHMARKS.md, its marks included."""
    ratio = statistics.median(s.p99_ratio for s in snapshots)
    columns = ["", "seconds", "changes", "p50 before / during ms", "p99 before / during ms", "p99 ratio", "longest ms"]
    columns += ["sender MiB", "receiver MiB", "load"]
    head = f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|"
    rows = [
        f"| {number} | {s.seconds:.1f} | {s.changes} | {s.before_p50:.1f} / {s.during_p50:.1f} "
        f"| {s.before_p99:.1f} / {s.during_p99:.1f} | {s.p99_ratio:.2f} | {s.during_max:.0f} "
        f"| +{s.sender_grew_mib:.1f} | +{s.receiver_grew_mib:.1f} | {s.load_average:.1f} |"
        for number, s in enumerate(snapshots, 1)
    ]
    told = (
        f"A node that is too far behind gets the whole state, {inodes:,} inodes in {state_mib:,.0f} MiB, "
        f"{len(snapshots)} times, from a leader that goes on with {rate:g} changes a second "
        f"({os.cpu_count()} cores, Linux {platform.release()}; servers and client on one machine). "
        f"p99 of changes while it is sent, to the usual: **{ratio:.2f}** (median; at most {P99_RATIO_MAX:g}). "
        f"Neither sender nor receiver may grow by more than {GROWTH_MAX_MIB:g} MiB. Beside the run: {beside}."
    )
    lines = "\n".join([textwrap.fill(told, 120, break_long_words=False, break_on_hyphens=False), "", head, *rows])
    begin, end = "<!-- snapshots: written by ./run bench snapshot --write-docs -->", "<!-- end of snapshots -->"
    return f"{begin}\n## Snapshots\n\n{lines}\n{end}\n"


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
    behind = cluster.base_dir / BEHIND / "state" / "data.mdb"
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


def set_back(cluster: Embedded, image: Path) -> None:
    """Kill the node that gets the snapshots, and give it the state that the log no longer reaches."""
    cluster.kill(BEHIND)
    state = cluster.base_dir / BEHIND / "state"
    for file in ("lock.mdb", "data.mdb"):  # its front end may have them mapped a moment longer: new files
        (state / file).unlink(missing_ok=True)
    shutil.copyfile(image / "behind.mdb", state / "data.mdb")


async def one_snapshot(
    cluster: Embedded, leader: str, load: Load, seconds: float, receiver_idle_mib: float
) -> Snapshot:
    """Quiet work, then a snapshot for the node that is behind (and does not run yet)."""
    log = cluster.by_hand_log(BEHIND)
    start_s = time.monotonic()
    await asyncio.sleep(seconds)
    sender_idle_mib = anonymous_mib(cluster.pid(leader))
    watch = Watch(cluster, [leader, BEHIND])
    watching = asyncio.create_task(watch.run())
    log.touch()
    since = len(log.read_text())
    before_s = time.monotonic()
    await asyncio.to_thread(cluster.start, BEHIND)
    sent_s = await log_says(log, RECEIVING, since)
    done_s = await log_says(log, INSTALLED, since)
    load_average = os.getloadavg()[0]
    await asyncio.to_thread(cluster.await_all, 500)
    caught_up_s = time.monotonic()
    watching.cancel()
    before, during = load.between(start_s, before_s), load.between(sent_s, done_s)
    return Snapshot(
        seconds=done_s - sent_s,
        until_it_follows=caught_up_s - done_s,
        changes=len(during),
        before_p50=quantile(before, 0.5),
        before_p99=quantile(before, 0.99),
        during_p50=quantile(during, 0.5),
        during_p99=quantile(during, 0.99),
        during_max=during[-1],
        sender_grew_mib=watch.most[leader] - sender_idle_mib,
        receiver_grew_mib=watch.most[BEHIND] - receiver_idle_mib,
        load_average=load_average,
    )


async def measure(
    cluster: Embedded, image: Path, count: int, rate: float, seconds: float, receiver_idle_mib: float
) -> list[Snapshot]:
    """So many snapshots of a cluster whose nodes are all down, one after the other, under one load."""
    for name in ("mds1", "mds2"):
        await asyncio.to_thread(cluster.start, name)
    leader = ""
    while not leader:
        await asyncio.sleep(0.5)
        leader = (await asyncio.to_thread(cluster.status))["leader"] or ""
    home = cluster.nodes()[leader]
    found = []
    async with await Client.connect([(home["host"], home["nfs_port"])]) as client:
        load = Load(client, rate)
        working = asyncio.create_task(load.run())
        for number in range(count):
            if number:
                await asyncio.to_thread(set_back, cluster, image)
            await asyncio.sleep(SETTLE_S)
            found.append(await one_snapshot(cluster, leader, load, seconds, receiver_idle_mib))
            print(f"snapshot {number + 1}: {found[-1].line()}", flush=True)
            now = (await asyncio.to_thread(cluster.status))["leader"]
            if now != leader:
                raise RuntimeError(f"{leader} lost its office to {now or 'nobody'} over a snapshot")
        load.stop()
        await working
    return found


def main(words: list[str] | None = None) -> int:
    """Entry point; exit status 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(
        prog="./run bench snapshot", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inodes", type=int, default=1_000_000)
    parser.add_argument("--snapshots", type=int, default=3)
    parser.add_argument("--rate", type=float, default=100.0, help="changes a second")
    parser.add_argument("--seconds", type=float, default=15.0, help="of quiet work before each snapshot")
    parser.add_argument("--dir", type=Path, help="where the cluster lives; kept when it is given")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs/BENCHMARKS.md")
    parser.add_argument("--beside", default="nothing that we know of", help="what else ran on the machine")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="bench-snapshot-") as name:
        base = options.dir or Path(name)
        base.mkdir(parents=True, exist_ok=True)
        with Embedded(base / "cluster", ds=1) as cluster:
            cluster.await_all()
            receiver_idle_mib = anonymous_mib(cluster.pid(BEHIND))
            state_mib = two_with_more(cluster, options.inodes, base / "image") / (1 << 20)
            under = (options.snapshots, options.rate, options.seconds)
            found = asyncio.run(measure(cluster, base / "image", *under, receiver_idle_mib))
    ratio = statistics.median(s.p99_ratio for s in found)
    sender, receiver = max(s.sender_grew_mib for s in found), max(s.receiver_grew_mib for s in found)
    print(
        f"{options.inodes} inodes, {state_mib:.0f} MiB, {len(found)} snapshots: p99 ratio {ratio:.2f} (median; at most "
        f"{P99_RATIO_MAX:g}), sender +{sender:.1f} MiB, receiver +{receiver:.1f} MiB (at most {GROWTH_MAX_MIB:g})"
    )
    if options.json:
        figures = {"inodes": options.inodes, "state_mib": state_mib, "p99_ratio": ratio}
        figures["snapshots"] = [asdict(s) for s in found]
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if options.write_docs:
        text = section(found, options.inodes, state_mib, options.rate, options.beside)
        DOCUMENT.write_text(SNAPSHOTS.sub(lambda _: text, DOCUMENT.read_text(), count=1))
    problems = broken(found, state_mib)
    for problem in problems:
        print(f"BROKEN: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
