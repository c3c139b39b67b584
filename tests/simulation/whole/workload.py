"""What the clients do. A worker is one task of a client; it goes on in the next generation where the last one ended."""

from __future__ import annotations

import copy
from random import Random
from typing import TYPE_CHECKING, Any, Final

from nfsclient import Client, LockDenied, NfsError, SessionLost
from nfsclient.errors import status_name
from nfsclient.file import File
from nfsclient.model import OK, Model, Step
from nfswire import nfs4
from nfswire.attributes import bitmap
from tests.simulation.whole.clients import holds_lock, holds_open
from tests.support.linearizability.recorder import LISTED as ENTRIES

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tests.simulation.whole.clients import Generation, SimClient
    from tests.simulation.whole.simulation import WholeSimulation

LISTED: Final = bitmap(nfs4.FATTR4_TYPE, nfs4.FATTR4_NUMLINKS, nfs4.FATTR4_FILEID)
LOCKED: Final = ("/s/lock0", "/s/lock1")
DENIED: Final = ("/s/deny0", "/s/deny1")
DATA: Final = ("/s/data0", "/s/data1")
READ, WRITE, BOTH = 1, 2, 3
LAST_OPERATIONS: Final = 3
"""How many a worker still does after everything has healed."""


class Worker:
    """One task. ``operation`` does the next thing; it raises what it does not expect."""

    def __init__(self, owner: SimClient, rng: Random, think_ms: float) -> None:
        self.owner = owner
        self.world: WholeSimulation = owner.world
        self.rng = rng
        self.think_ms = think_ms
        self.done = 0
        self.healed = 0
        """Operations done since everything has healed."""
        self.ended = False

    async def run(self, generation: Generation, client: Client) -> None:
        """Work until the client is to stop and enough was done since."""
        await self.begin(generation, client)
        while not (self.world.healed and self.healed >= LAST_OPERATIONS):
            await self.operation(generation, client)
            self.done += 1
            self.healed += self.world.healed
            await client.runtime.sleep(self.rng.expovariate(1 / self.think_ms))
        await self.end(generation, client)
        self.ended = True

    async def begin(self, generation: Generation, client: Client) -> None:
        """A new generation takes over."""

    async def operation(self, generation: Generation, client: Client) -> None:
        raise NotImplementedError

    async def end(self, generation: Generation, client: Client) -> None:
        """Leave nothing behind, and look at what is there."""

    def violation(self, text: str) -> None:
        self.world.note_violation(f"{text} ({self.owner.name}, {type(self).__name__})")

    async def status(self, call: Awaitable[Any]) -> tuple[int, Any]:
        """Its status and, if it is NFS4_OK, its result."""
        try:
            return OK, await call
        except SessionLost:
            raise
        except NfsError as error:
            return error.status, None


class TreeWorker(Worker):
    """Names that only this worker uses: every operation has one right answer (INV-3), and nothing is lost (INV-2)."""

    def __init__(self, owner: SimClient, rng: Random, think_ms: float) -> None:
        super().__init__(owner, rng, think_ms)
        base = f"/p/{owner.name}"
        self.base = base
        self.model = Model([f"{base}/d0", f"{base}/d1"], 5)
        self.pending: Step | None = None

    async def begin(self, generation: Generation, client: Client) -> None:
        """Make the directories, or find out what became of the operation that the last generation did not hear of."""
        for path in (self.base, *self.model.directories):
            status, _ = await self.status(client.mkdir(path))
            if status not in (OK, nfs4.NFS4ERR_EXIST):
                self.violation(f"INV-3: mkdir {path}: {status_name(status)}")
        step, self.pending = self.pending, None
        found = await self._found(generation, client)
        without = self.model.differences(found)
        if not without:
            return
        if step is not None and OK in step.expected:
            done = copy.deepcopy(self.model)
            done.apply(step)
            if not done.differences(found):
                self.model = done
                return
        self.violation(f"INV-2: after {step}, {without}")

    async def operation(self, generation: Generation, client: Client) -> None:
        step = self.pending = self.model.choose(self.rng)
        status, result = await self.status(self._call(client, step))
        self.pending = None
        if status == OK:
            self.model.apply(step)
        if status not in step.expected:
            wanted = "/".join(map(status_name, step.expected))
            self.violation(f"INV-3: {step.kind} {step.path} {step.other}: {status_name(status)}, not {wanted}")
        self.world.trace_call(generation, f"{step.kind} {step.path} {step.other}".rstrip(), status)
        if isinstance(result, File):
            await result.close()

    @staticmethod
    def _call(client: Client, step: Step) -> Awaitable[Any]:
        if step.kind == "mkdir":
            return client.mkdir(step.path)
        if step.kind == "create":
            return client.open(step.path, create=step.mode)
        if step.kind == "rename":
            return client.rename(step.path, step.other)
        if step.kind == "link":
            return client.link(step.path, step.other)
        return client.remove(step.path)

    async def _found(self, generation: Generation, client: Client) -> dict[str, Any]:
        """What is there: looked up again where a node without quorum had a part in the answer."""
        while True:
            before = generation.unconfirmed
            found = {directory: await client.readdir(directory, LISTED) for directory in self.model.directories}
            if generation.unconfirmed == before:
                return found

    async def end(self, generation: Generation, client: Client) -> None:
        found = await self._found(generation, client)
        for difference in self.model.differences(found):
            self.violation(f"INV-2: in the end {difference}")


class NamesWorker(Worker):
    """Names that all clients use, for the linearizability check (INV-4)."""

    async def operation(self, generation: Generation, client: Client) -> None:
        generation.stale_is_right = True  # it works on objects that others remove
        step = self.world.names.worker(client, f"{generation.name} {self.done}")
        status, _ = await self.status(step())
        self.world.trace_call(generation, "a shared name", status)


class Looker(Worker):
    """Looks at the shared names and changes nothing (INV-4)."""

    LISTINGS: Final = 0.2

    async def operation(self, generation: Generation, client: Client) -> None:
        names = self.world.names
        directory, name = self.rng.choice(names.directories), self.rng.choice(names.names)
        if self.rng.random() < self.LISTINGS:
            await self.status(client.readdir(directory, ENTRIES))
        else:
            await self.status(client.lookup((directory, name)))
        self.world.oracle.counts["look"] += 1


class LockWorker(Worker):
    """Byte-range locks that all clients want (INV-5)."""

    RANGES: Final = ((0, 10), (10, 10), (5, 10), (0, 20))

    def __init__(self, owner: SimClient, rng: Random, think_ms: float) -> None:
        super().__init__(owner, rng, think_ms)
        self._files: dict[str, File] = {}

    async def begin(self, generation: Generation, client: Client) -> None:
        self._files = {}
        for path in LOCKED:
            handle = await client.lookup(path)
            owner = f"{generation.name} {path}".encode()
            self._files[path] = await client.open(handle, BOTH, owner=owner)

    async def operation(self, generation: Generation, client: Client) -> None:
        oracle, rng = self.world.oracle, self.rng
        path = rng.choice(LOCKED)
        file = self._files[path]
        (offset, length), write = rng.choice(self.RANGES), rng.random() < 0.7
        kind = nfs4.WRITE_LT if write else nfs4.READ_LT
        try:
            await file.lock(offset, length, kind)
        except LockDenied:
            self.world.trace_call(generation, f"lock {path} {offset}+{length}", nfs4.NFS4ERR_DENIED)
            return
        key, claim = holds_lock(generation, path, offset, offset + length - 1, write=write)
        self.world.trace_call(generation, f"lock {path} {offset}+{length} {'write' if write else 'read'}", OK)
        oracle.told(key, claim)
        await client.runtime.sleep(rng.expovariate(1 / 120))
        oracle.released(key)
        self.world.trace_call(generation, f"asks to unlock {path} {offset}+{length}", OK)
        await file.locku(offset, length)

    async def end(self, generation: Generation, client: Client) -> None:
        for file in self._files.values():
            await file.close()


class DenyWorker(Worker):
    """Opens that keep others out (INV-5)."""

    async def operation(self, generation: Generation, client: Client) -> None:
        path, access, deny = self.rng.choice(DENIED), self.rng.choice((1, 2, 3)), self.rng.choice((0, 1, 2, 2, 3))
        handle = await client.lookup(path)
        owner = f"{generation.name} {path} {self.done}".encode()
        status, file = await self.status(client.open(handle, access, deny, owner=owner))
        self.world.trace_call(generation, f"open {path} access {access} deny {deny}", status)
        if status not in (OK, nfs4.NFS4ERR_SHARE_DENIED):
            self.violation(f"INV-5: open {path}: {status_name(status)}")
        if file is None:
            return
        key, claim = holds_open(generation, file, path)
        self.world.oracle.told(key, claim)
        await client.runtime.sleep(self.rng.expovariate(1 / 120))
        self.world.oracle.released(key)
        self.world.trace_call(generation, f"asks to close {path}", OK)
        await file.close()


class DataWorker(Worker):
    """Writes and reads through layouts that others want too (INV-5, INV-6), and now and then cuts the file.

    An I/O error is right while the log has a data server for down (INV-7), and a full disk where it has all of them.
    """

    async def operation(self, generation: Generation, client: Client) -> None:
        path = self.rng.choice(DATA)
        offset = self.rng.choice((0, self.world.stripe_unit_bytes - 8, self.world.stripe_unit_bytes))
        kind = self.rng.choices(("write", "read", "cut"), (5, 3, 1))[0]
        began_ms, unconfirmed = self.world.now_ms, generation.unconfirmed
        status, _ = await self.status(self._io(client, path, kind, offset))
        self.world.trace_call(generation, f"{kind} {path}", status)
        self.world.oracle.counts[f"{kind} data"] += 1
        oracle = self.world.oracle
        if status in (nfs4.NFS4ERR_IO, nfs4.NFS4ERR_NOSPC):
            oracle.counts["EIO heard"] += 1
            if oracle.trouble_since(began_ms, everywhere=status == nfs4.NFS4ERR_NOSPC):
                return
            if generation.unconfirmed > unconfirmed:
                return  # what a node without quorum has for down may be up again
        if status != OK:
            self.violation(f"INV-7: {kind} {path}: {status_name(status)}")

    async def _io(self, client: Client, path: str, kind: str, offset: int) -> None:
        file = await client.open(path, BOTH)
        status, _ = await self.status(self._use(client, file, kind, offset))
        await file.close()
        if status != OK:
            raise NfsError(status, None)

    async def _use(self, client: Client, file: File, kind: str, offset: int) -> None:
        if kind == "write":
            await file.write(offset, self.rng.randbytes(16))
            await client.runtime.sleep(self.rng.expovariate(1 / 60))
            await file.flush()
        elif kind == "read":
            await file.read(offset, 16)
        else:
            await file.truncate(self.rng.choice((0, 100)))


async def prepare(client: Client) -> None:
    """What the workers expect to be there."""
    for path in ("/s", "/p"):
        await client.mkdir(path)
    for path in (*LOCKED, *DENIED, *DATA):
        async with await client.open(path, create=nfs4.GUARDED4):
            pass


WORKERS: Final[tuple[tuple[type[Worker], float], ...]] = (
    (TreeWorker, 120.0),
    (NamesWorker, 70.0),
    (LockWorker, 120.0),
    (DenyWorker, 150.0),
    (DataWorker, 200.0),
)
"""Kinds of workers, with their mean pause between operations in ms."""
