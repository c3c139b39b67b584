"""Concurrent workloads on shared names, locks and opens, for any ``Runtime``: several clients that get in each other's
way, and a history that tells whether they were answered rightly.

Unlike ``nfsclient.workloads`` nothing here knows the right answers: the checker does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from nfsclient.client import Client
from nfsclient.errors import NfsError, Unavailable
from nfsclient.file import WHOLE, File
from nfsclient.results import STAT, Handle
from nfsclient.runtime import gather
from nfswire import nfs4
from tests.support.linearizability.recorder import LISTED, Recorder

CREATES = (nfs4.GUARDED4, nfs4.EXCLUSIVE4_1, nfs4.UNCHECKED4)


class Workload(Protocol):
    """Something that clients do together."""

    def worker(self, client: Client, name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        """A new worker of ``client``: each call of it makes one step, a few operations at most."""


async def run(workloads: Sequence[Workload], clients: Sequence[Client], *, steps: int | None = None, workers: int = 1,
              until: Callable[[], bool] = lambda: False, pause_ms: float = 0.0) -> int:
    """Have each client work on each workload with ``workers`` tasks, until ``steps`` steps are done altogether or
    ``until`` says so; the number of steps. A worker whose server is out of reach for good ends.
    """
    done = 0

    async def work(client: Client, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        nonlocal done
        while not until() and (steps is None or done < steps):
            done += 1
            try:
                await step()
            except NfsError:
                pass  # a refusal: the history has it
            except Unavailable:
                return
            if pause_ms:
                await client.runtime.sleep(pause_ms)

    tasks = [
        work(client, workload.worker(client, f"{c}-{w}"))
        for workload in workloads for c, client in enumerate(clients) for w in range(workers)]
    await gather(clients[0].runtime, tasks)
    return done


class SharedNames:
    """Few names in few directories: created in every way, looked up, listed, renamed, linked, removed, resized."""

    KINDS = ("create", "mkdir", "lookup", "readdir", "rename", "link", "remove", "setsize", "getattr")
    WEIGHTS = (22, 5, 16, 8, 14, 8, 15, 5, 7)
    REMEMBERED = 30

    def __init__(self, directories: list[Handle], seed: int, names: int) -> None:
        self.directories = directories
        self.names = [f"n{number}" for number in range(names)]
        self.seed = seed
        self._objects: list[Handle] = []        # of whichever client: seen lately
        self._size = 0

    @classmethod
    async def prepare(cls, client: Client, base: str, recorder: Recorder, *, seed: int, directories: int = 3,
                      names: int = 8) -> SharedNames:
        """Make the directories; ``base`` must not exist."""
        await client.mkdir(base)
        made = [(await client.mkdir(f"{base}/d{number}")).handle for number in range(directories)]
        for handle in made:
            recorder.watch(handle)
        return cls(made, seed, names)

    def worker(self, client: Client, name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        rng = random.Random(f"names-{self.seed}-{name}")
        return lambda: self._step(client, rng)

    async def _step(self, client: Client, rng: random.Random) -> None:
        kind = rng.choices(self.KINDS, self.WEIGHTS)[0]
        place, other = self._place(rng), self._place(rng)
        if kind == "create":
            file = await client.open(place, create=rng.choice(CREATES))
            self._remember(file.handle)
            await file.close()
        elif kind == "mkdir":
            self._remember((await client.mkdir(place)).handle)
        elif kind == "lookup":
            self._remember(await client.lookup(place))
        elif kind == "readdir":
            await client.readdir(place[0], LISTED)
        elif kind == "rename":
            await client.rename(place, other)
        elif kind == "remove":
            await client.remove(place)
        elif kind == "getattr" and rng.random() < 0.3:
            await client.getattr(place[0], 1 << nfs4.FATTR4_CHANGE)
        elif self._objects:
            await self._on_object(client, kind, rng.choice(self._objects), other)

    async def _on_object(self, client: Client, kind: str, handle: Handle, place: tuple[Handle, str]) -> None:
        if kind == "link":
            await client.link(handle, place)
        elif kind == "setsize":
            self._size += 1
            await client.setattr(handle, {nfs4.FATTR4_SIZE: self._size})
        else:
            await client.getattr(handle, STAT)

    def _place(self, rng: random.Random) -> tuple[Handle, str]:
        return rng.choice(self.directories), rng.choice(self.names)

    def _remember(self, handle: Handle) -> None:
        self._objects.append(handle)
        del self._objects[:-self.REMEMBERED]


class SharedLocks:
    """Byte ranges of few files: locked for reading and writing, tested, unlocked. Each worker is a lock owner."""

    SLOTS = 6
    SLOT_BYTES = 100
    HELD_MAX = 2

    def __init__(self, files: list[Handle], seed: int) -> None:
        self.files = files
        self.seed = seed

    @classmethod
    async def prepare(cls, client: Client, base: str, recorder: Recorder, *, seed: int, files: int = 2) -> SharedLocks:
        """Make the files; ``base`` must not exist."""
        return cls(await _files(client, base, files), seed)

    def worker(self, client: Client, name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        rng = random.Random(f"locks-{self.seed}-{name}")
        owner = f"lock-{name}".encode()
        opened: dict[Handle, File] = {}
        held: list[tuple[Handle, int, int]] = []

        async def step() -> None:
            if len(held) >= self.HELD_MAX or (held and rng.random() < 0.4):
                handle, offset, length = held[rng.randrange(len(held))]
                await opened[handle].locku(offset, length, owner=owner)
                held.remove((handle, offset, length))
                return
            handle = rng.choice(self.files)
            if handle not in opened:
                opened[handle] = await client.open(handle, owner=owner)
            offset, length = self._range(rng)
            kind = rng.choice((nfs4.READ_LT, nfs4.WRITE_LT))
            if rng.random() < 0.15:
                await opened[handle].lockt(offset, length, kind, owner=owner)
                return
            await opened[handle].lock(offset, length, kind, owner=owner)
            held.append((handle, offset, length))

        return step

    def _range(self, rng: random.Random) -> tuple[int, int]:
        first = rng.randrange(self.SLOTS)
        if rng.random() < 0.05:
            return first * self.SLOT_BYTES, WHOLE
        slots = min(rng.choice((1, 1, 1, 2, 3)), self.SLOTS - first)
        return first * self.SLOT_BYTES, slots * self.SLOT_BYTES


class SharedOpens:
    """Few files opened with every mixture of access and denial, opened again, downgraded, closed."""

    def __init__(self, files: list[Handle], seed: int) -> None:
        self.files = files
        self.seed = seed

    @classmethod
    async def prepare(cls, client: Client, base: str, recorder: Recorder, *, seed: int, files: int = 3) -> SharedOpens:
        """Make the files; ``base`` must not exist."""
        return cls(await _files(client, base, files), seed)

    def worker(self, client: Client, name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        rng = random.Random(f"opens-{self.seed}-{name}")
        owner = f"open-{name}".encode()

        async def step() -> None:
            handle = rng.choice(self.files)
            access, deny = rng.choice((1, 2, 3)), rng.choice((0, 0, 0, 1, 2, 3))
            file = await client.open(handle, access, deny, owner=owner)
            try:
                if rng.random() < 0.3:
                    await client.open(handle, rng.choice((1, 2, 3)), rng.choice((0, 0, 1, 2)), owner=owner)
                    if rng.random() < 0.5:
                        await file.open_downgrade(access, deny)
            finally:
                await file.close()

        return step


async def _files(client: Client, base: str, count: int) -> list[Handle]:
    await client.mkdir(base)
    handles = []
    for number in range(count):
        file = await client.open(f"{base}/f{number}", create=nfs4.GUARDED4, mode=0o666)
        handles.append(file.handle)
        await file.close()
    return handles
