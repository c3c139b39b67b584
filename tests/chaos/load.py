"""What clients do while faults strike: one process a client host, its calls timed and its answers checked.

``python -m tests.chaos.load ORDERS`` (a JSON file that ``Load`` writes) works until OUT/stop exists. It writes
OUT/calls (every call, as it ends), OUT/holds (every lock and exclusive open that was held) and OUT/report.json.

Whenever the harness writes OUT/rushN.json, one more client makes changes without a pause for a while, at the node that
is about to be hit: so some are under way there when it is (INV-3). OUT/rushN.ready says that it has begun.

Two NFS clients work in each process, beside those that only look (``lookers``). One makes changes in a tree of its own,
operation by operation against a model (INV-2, INV-3), writes and reads a file by its layout, and takes byte-range locks
and exclusive opens that all others want too, for a moment each (INV-5). The other does, together with those of the
other hosts, whatever it likes to a few shared names, locks and opens; what it was answered goes into OUT/history for
the linearizability checker (INV-4).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from nfsclient import Client
from nfsclient.channel import ChannelSettings
from nfsclient.client import Settings
from nfsclient.errors import LockDenied, NfsClientError, NfsError, status_name
from nfsclient.file import File
from nfsclient.results import Handle
from nfsclient.stats import Event, Stats
from nfsclient.workloads import ExactlyOnce
from nfswire import nfs4
from tests.chaos.lookers import Looker, Wait
from tests.support.linearizability.recorder import Recorder
from tests.support.linearizability.workloads import SharedLocks, SharedNames, SharedOpens, Workload

CHANNEL = ChannelSettings(connect_timeout_ms=400.0, reply_timeout_ms=700.0)
"""A client's patience with a node that has fallen silent. Connections that break are noticed at once anyway."""
LOCK_RANGES, RANGE_BYTES, OPEN_FILES = 2, 8, 1
HOLD_S = (0.004, 0.030)
SHARED_READY, SHARED_NAMES, SHARED_PAUSE_S = "/shared-ready", 8, 0.12
DATA_BLOCKS, BLOCK_BYTES, DATA_PAUSES = 16, 8192, 3
REMOVED = "NFS4ERR_STALE"
"""What a client is rightly told of an object that another one has removed; the checker knows when."""
HISTORY, RUSH_CALLS = "history.jsonl.gz", "rush-calls"
FLUSH_S = 0.1
RUSH_S, RUSH_WORKERS = 3.0, 2
"""Longer than any fault takes from its order to its effect; and never without a change under way."""


class Orders(msgspec.Struct, frozen=True):
    """What a load process is to do."""

    name: str
    out: str
    servers: list[tuple[str, int]]
    seed: int
    pace_s: float
    """Pause of each worker between two calls."""
    first: bool
    """This host makes what all share."""
    looked_at: dict[str, tuple[str, int]]
    """Nodes that clients of this host only look at (``lookers``), and where they find them."""


class RushOrders(msgspec.Struct, frozen=True):
    """Where a client is to make changes without a pause."""

    servers: list[tuple[str, int]]
    """The node that is about to be hit comes first."""


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One call of the client's interface, from invocation to answer, whatever happened in between."""

    client: str
    operation: str
    invoked_s: float
    completed_s: float
    status: str
    """NFS4_OK, the status refused with, or the name of the exception."""

    @property
    def took_ms(self) -> float:
        return (self.completed_s - self.invoked_s) * 1000


class Hold(msgspec.Struct, frozen=True, array_like=True):
    """Something that only one client may hold, and the time for which this client was certain to hold it."""

    what: str
    client: str
    from_s: float
    """The grant had arrived."""
    until_s: float
    """Giving it back had not begun."""


class ClientReport(msgspec.Struct):
    """A load process's last words."""

    client: str
    exactly_once: str = ""
    exactly_once_calls: int = 0
    problems: list[str] = []
    """Wrong answers, and differences from the model."""
    failures: list[str] = []
    """Calls that ended without an answer, or a workload that broke."""
    failover_statuses: dict[str, int] = {}
    reconnects: int = 0
    retransmissions: int = 0
    changes_in_doubt: int = 0
    """Of these: changes sent again because their connection was lost before their reply came."""
    blocks: int = 0
    """How many blocks of a file were written and flushed."""
    looks: dict[str, int] = {}
    """By node: how often whoever looks at that node alone was answered."""
    waits: list[Wait] = []
    """Looks that lay at a node that could not answer."""
    late_ms: float = 0.0
    """The longest that this process itself was late: stalls up to that are the machine's, not the cluster's."""
    notes: dict[str, int] = {}


class Holds:
    """Takes what others want too, holds it for a moment, gives it back."""

    def __init__(self, client: Client, name: str, seed: int, pace_s: float, note: Callable[[Hold], None]) -> None:
        self.client, self.name, self.pace_s, self.note = client, name, pace_s, note
        self.random = random.Random(f"holds-{seed}-{name}")
        self._locks: File

    async def prepare(self) -> None:
        """The folder and the file of the ranges; whoever comes first makes them."""
        try:
            await self.client.mkdir("/holds")
        except NfsError as error:
            if error.status != nfs4.NFS4ERR_EXIST:
                raise
        self._locks = await self.client.open("/holds/locks", create=nfs4.UNCHECKED4)

    async def step(self) -> None:
        """One attempt."""
        number = self.random.randrange(LOCK_RANGES + OPEN_FILES)
        if number < LOCK_RANGES:
            await self._hold_lock(number)
        else:
            await self._hold_open(number - LOCK_RANGES)
        await asyncio.sleep(self.pace_s)

    async def _hold_lock(self, number: int) -> None:
        try:
            await self._locks.lock(number * RANGE_BYTES, RANGE_BYTES)
        except LockDenied:
            return
        await self._hold(f"byte range {number}")
        await self._locks.locku(number * RANGE_BYTES, RANGE_BYTES)

    async def _hold_open(self, number: int) -> None:
        both = nfs4.OPEN4_SHARE_DENY_BOTH
        try:
            file = await self.client.open(f"/holds/open{number}", deny=both, create=nfs4.UNCHECKED4)
        except NfsError as error:
            if error.status != nfs4.NFS4ERR_SHARE_DENIED:
                raise
            return
        await self._hold(f"exclusive open {number}")
        await file.close()

    async def _hold(self, what: str) -> None:
        begun = time.monotonic()
        await asyncio.sleep(self.random.uniform(*HOLD_S))
        self.note(Hold(what, self.name, begun, time.monotonic()))


class Data:
    """A file of this host's own, by layouts: every block that was flushed is read as it was written, at any time."""

    def __init__(self, client: Client, name: str, seed: int, pace_s: float) -> None:
        self.client, self.path, self.pace_s = client, f"/data-{name}", pace_s
        self.random = random.Random(f"data-{seed}-{name}")
        self.flushed: dict[int, bytes] = {}
        """By block: what is there."""
        self.blocks = 0
        """How many were written and flushed, in all."""
        self.problems: list[str] = []
        self._file: File

    async def prepare(self) -> None:
        self._file = await self.client.open(self.path, create=nfs4.UNCHECKED4)

    async def step(self) -> None:
        """Write a block, look at another; now and then leave the file, and with it the layout."""
        block = self.random.randrange(DATA_BLOCKS)
        content = self.random.randbytes(8) * (BLOCK_BYTES // 8)
        await self._file.write(block * BLOCK_BYTES, content)
        await self._file.flush()
        self.flushed[block] = content
        self.blocks += 1
        await self._look(self.random.choice([*self.flushed]))
        if self.blocks % DATA_BLOCKS == 0:
            await self._file.close()
            await self.prepare()
        await asyncio.sleep(DATA_PAUSES * self.pace_s)

    async def _look(self, block: int) -> None:
        found = await self._file.read(block * BLOCK_BYTES, BLOCK_BYTES)
        if found != self.flushed[block]:
            wrong = f"{len(found)} bytes beginning {found[:8].hex()} instead of {self.flushed[block][:8].hex()}"
            self.problems.append(f"{self.path}, block {block}: {wrong}")

    async def compare(self) -> None:
        """All that was flushed is there."""
        for block in self.flushed:
            await self._look(block)
        await self._file.close()


class Shared:
    """This host's part of the work on shared names, locks and opens. The first host makes what is shared."""

    def __init__(self, orders: Orders, stopping: Callable[[], bool]) -> None:
        self.orders, self.stopping = orders, stopping
        self.recorder = Recorder()
        self._workloads: list[Workload] = []
        self._directories: list[Handle] = []
        self.lookers = [
            Looker(f"chaos-looker-{server[0]}-{orders.seed}", node, server, orders.seed, self.recorder)
            for node, server in orders.looked_at.items()
        ]
        self._client: Client
        self._tell: Callable[[Event], None] = lambda event: None

    async def prepare(self, note: Callable[[Event], None]) -> None:
        """Mount, and make or find what is shared."""

        def told(event: Event) -> None:
            note(event)
            self._tell(event)

        self._client = client = await _connect(self.orders, "shared", told)
        for looker in self.lookers:
            await looker.prepare()
        if self.orders.first:
            names = await SharedNames.prepare(client, "/names", self.recorder, seed=self.orders.seed)
            locks = await SharedLocks.prepare(client, "/locks", self.recorder, seed=self.orders.seed)
            opens = await SharedOpens.prepare(client, "/opens", self.recorder, seed=self.orders.seed)
            self._workloads, self._directories = [names, locks, opens], names.directories
            await client.mkdir(SHARED_READY)
        else:
            await self._find()
        # A lock in the way is reported with its holder's client ID: under that name every host knows every other.
        self._tell = self.recorder.of(f"client {client.mds.session.client_id:#x}")

    async def _find(self) -> None:
        while not await self._is_there(SHARED_READY):  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.1)
        self._directories, lock_files, open_files = [
            await self._inside(base) for base in ("/names", "/locks", "/opens")
        ]
        for directory in self._directories:
            self.recorder.watch(directory)
        seed = self.orders.seed
        self._workloads = [
            SharedNames(self._directories, seed, SHARED_NAMES),
            SharedLocks(lock_files, seed),
            SharedOpens(open_files, seed),
        ]

    async def _is_there(self, path: str) -> bool:
        try:
            await self._client.lookup(path)
        except NfsError as error:
            if error.status != nfs4.NFS4ERR_NOENT:
                raise
            return False
        return True

    async def _inside(self, folder: str) -> list[Handle]:
        names = sorted(entry.name.decode() for entry in await self._client.readdir(folder))
        return [await self._client.lookup(f"{folder}/{name}") for name in names]

    async def run(self) -> None:
        """Until it is time to stop."""
        steps = [workload.worker(self._client, self.orders.name) for workload in self._workloads]
        names = [f"n{number}" for number in range(SHARED_NAMES)]
        looks = [looker.run(self._directories, names, self.stopping) for looker in self.lookers]
        await asyncio.gather(*looks, *map(self._repeat, steps))

    async def _repeat(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while not self.stopping():
            with contextlib.suppress(NfsError):  # a refusal: the history has it
                await step()
            await asyncio.sleep(SHARED_PAUSE_S)

    async def finish(self, out: Path) -> list[Stats]:
        """Save the history, then close the clients, which gives back what they hold; their counters."""
        self.recorder.history().save(out)
        await self._client.close()
        return [self._client.stats, *[await looker.close() for looker in self.lookers]]


async def _connect(orders: Orders, purpose: str, history: Callable[[Event], None]) -> Client:
    return await Client.connect(
        orders.servers, settings=Settings(channel=CHANNEL), history=history,
        owner=f"chaos-{purpose}-{orders.name}-{orders.seed}".encode(),
    )  # fmt: skip


class Worker:
    """One load process."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.out = Path(orders.out)
        self.report = ClientReport(orders.name, problems=[], failures=[])
        self._encode = msgspec.json.Encoder().encode
        self._calls = (self.out / "calls").open("wb")
        self._rush_calls = (self.out / RUSH_CALLS).open("wb")
        """Apart: whoever waits for this process to go on does not mean them."""
        self._holds = (self.out / "holds").open("wb")
        self._stopping = False
        self._rushes: list[asyncio.Task[None]] = []

    def stopping(self) -> bool:
        """True once the harness wants the work to end."""
        return self._stopping

    def note_call(self, event: Event) -> None:
        """The history hook of both clients."""
        self._note(event, self._calls)

    def _note(self, event: Event, out: BinaryIO) -> None:
        if event.completed_ms is None:
            return
        result = event.result
        if isinstance(result, NfsError):
            status = status_name(result.status)
        else:
            status = type(result).__name__ if isinstance(result, BaseException) else "NFS4_OK"
        call = Call(self.orders.name, event.op, event.invoked_ms / 1000, event.completed_ms / 1000, status)
        out.write(self._encode(call) + b"\n")

    def note_hold(self, hold: Hold) -> None:
        self._holds.write(self._encode(hold) + b"\n")

    async def run(self) -> None:
        """Everything, up to the report."""
        orders = self.orders
        client = await _connect(orders, "own", self.note_call)
        shared = Shared(orders, self.stopping)
        await shared.prepare(self.note_call)
        exactly_once = ExactlyOnce(client, f"/exactly-{orders.name}", seed=orders.seed, workers=2)
        holds = Holds(client, orders.name, orders.seed, orders.pace_s, self.note_hold)
        await exactly_once.prepare()
        data = Data(client, orders.name, orders.seed, orders.pace_s)
        await holds.prepare()
        await data.prepare()
        (self.out / "ready").touch()
        keeper = asyncio.create_task(self._keep_files())
        await asyncio.gather(
            self._guard("exactly once", self._repeat(lambda: self._few_calls(exactly_once))),
            self._guard("holds", self._repeat(holds.step)),
            self._guard("data", self._repeat(data.step)),
            self._guard("shared names", shared.run()),
        )
        keeper.cancel()
        await asyncio.gather(*self._rushes)
        await self._guard("comparison with the model", self._compare(exactly_once))
        await self._guard("comparison of data", data.compare())
        self.report.blocks = data.blocks
        self.report.problems += data.problems[:50]
        self._add(client.stats)
        for stats in await shared.finish(self.out / HISTORY):
            self._add(stats, expected=REMOVED)
        self.report.looks = {looker.node: looker.answered for looker in shared.lookers}
        self.report.waits = [wait for looker in shared.lookers for wait in looker.waits]
        await client.close()
        self._flush()
        put(self.out / "report.json", msgspec.json.encode(self.report))

    def _add(self, stats: Stats, expected: str = "") -> None:
        report = self.report
        found = Counter({name: count for name, count in stats.failover_statuses().items() if name != expected})
        report.failover_statuses = dict(Counter(report.failover_statuses) + found)
        report.notes = dict(Counter(report.notes) + stats.notes)
        report.reconnects += stats.reconnects
        report.retransmissions += stats.retransmissions
        report.changes_in_doubt += stats.changes_in_doubt

    async def _few_calls(self, load: ExactlyOnce) -> None:
        await load.run(2)
        await asyncio.sleep(self.orders.pace_s)

    async def _repeat(self, step: Callable[[], Any]) -> None:
        while not self._stopping:
            await step()

    async def _guard(self, what: str, work: Any) -> None:
        """A workload that breaks is a finding, and the others go on."""
        try:
            await work
        except (NfsClientError, OSError) as error:
            self.report.failures.append(f"{what}: {type(error).__name__}: {error}")

    async def _compare(self, load: ExactlyOnce) -> None:
        done = await load.verify()
        self.report.exactly_once += f"{done}\n"
        self.report.exactly_once_calls += done.calls
        self.report.problems += [*done.violations[:50], *done.differences[:50]]

    def _rush_when_told(self) -> None:
        number = len(self._rushes) + 1
        orders = self.out / f"rush{number}.json"
        if orders.exists():
            rush = self._rush(number, msgspec.json.decode(orders.read_bytes(), type=RushOrders).servers)
            self._rushes.append(asyncio.create_task(self._guard(f"rush {number}", rush)))

    async def _rush(self, number: int, servers: list[tuple[str, int]]) -> None:
        """Changes without a pause, by a client of its own that begins at the first of ``servers``."""
        orders = msgspec.structs.replace(self.orders, servers=servers)
        client = await _connect(orders, f"rush{number}", lambda event: self._note(event, self._rush_calls))
        base, seed = f"/rush{number}-{orders.name}", orders.seed + number
        load = ExactlyOnce(client, base, seed=seed, workers=RUSH_WORKERS)
        await load.prepare()
        (self.out / f"rush{number}.ready").touch()
        end_s = time.monotonic() + RUSH_S
        await load.run(None, until=lambda: time.monotonic() > end_s)
        await self._compare(load)
        self._add(client.stats)
        await client.close()

    async def _keep_files(self) -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(FLUSH_S)
            self.report.late_ms = max(self.report.late_ms, (time.monotonic() - begun - FLUSH_S) * 1000)
            self._flush()
            self._stopping = self._stopping or (self.out / "stop").exists()
            self._rush_when_told()

    def _flush(self) -> None:
        self._calls.flush()
        self._rush_calls.flush()
        self._holds.flush()


def put(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or nothing."""
    partial = path.with_suffix(".tmp")
    partial.write_bytes(content)
    partial.rename(path)


if __name__ == "__main__":
    asyncio.run(Worker(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Orders)).run())
