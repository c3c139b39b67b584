"""Small servers that run one call at a time, written apart from the models: where valid histories come from."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from nfswire import nfs4
from tests.support.linearizability.calls import (
    Answer,
    AnyCall,
    Close,
    Create,
    Downgrade,
    GetAttr,
    Holder,
    Link,
    Lock,
    Lookup,
    MkDir,
    Open,
    ReadDir,
    Remove,
    Rename,
    SetSize,
    TestLock,
    Unlock,
)

EXIST = Answer(nfs4.NFS4ERR_EXIST)
NOENT = Answer(nfs4.NFS4ERR_NOENT)
STALE = Answer(nfs4.NFS4ERR_STALE)
ISDIR = Answer(nfs4.NFS4ERR_ISDIR)


class Server(Protocol):
    """Chooses calls and runs them."""

    directories: list[str]

    def choose(self, rng: random.Random, client: str) -> AnyCall:
        """What ``client`` might ask now."""

    def run(self, call: AnyCall) -> Answer:
        """Do it; the answer."""


class _Object:
    def __init__(self, id_: str, directory: bool) -> None:
        self.id = id_
        self.directory = directory
        self.links = 1
        self.size = 0
        self.change = 1


class Names:
    """Directories of files and empty directories. ``told``: answers tell how directories changed."""

    def __init__(self, directories: int = 3, names: int = 8, *, told: bool = True, kinds: str = "cmlLdrRsg") -> None:
        self.directories = [f"d{n}" for n in range(directories)]
        self.names = [f"n{n}" for n in range(names)]
        self.told = told
        self.kinds = kinds      # c/reate, m/kdir, l/ookup, L/ink, d: readdir, r/emove, R/ename, s/etsize, g/etattr
        self.tree: dict[str, dict[str, _Object]] = {d: {} for d in self.directories}
        self.changes = dict.fromkeys(self.directories, 10)
        self.objects: dict[str, _Object] = {}
        self.size = 0

    def choose(self, rng: random.Random, client: str) -> AnyCall:
        kind = rng.choice(self.kinds)
        place, other = self._place(rng), self._place(rng)
        recent = list(self.objects)[-12:]
        id_ = rng.choice(recent) if recent else ""
        if kind == "c" or (kind in "Lsg" and not id_):
            return Create(*place, rng.choice(("guarded", "exclusive", "unchecked")))
        if kind == "s":
            self.size += 1
            return SetSize(id_, self.size)
        if kind == "g":
            return GetAttr(rng.choice([*self.directories, id_, id_, id_]))
        calls: dict[str, AnyCall] = {
            "m": MkDir(*place), "l": Lookup(*place), "L": Link(id_, *place), "d": ReadDir(place[0]),
            "r": Remove(*place), "R": Rename(*place, *other)}
        return calls[kind]

    def _place(self, rng: random.Random) -> tuple[str, str]:
        return rng.choice(self.directories), rng.choice(self.names)

    def run(self, call: AnyCall) -> Answer:
        if isinstance(call, Create | MkDir):
            return self._make(call)
        if isinstance(call, Lookup):
            found = self.tree[call.directory].get(call.name)
            return NOENT if found is None else Answer(object=found.id)
        if isinstance(call, ReadDir):
            return Answer(entries={name: found.id for name, found in self.tree[call.directory].items()})
        if isinstance(call, Remove):
            return self._remove(call)
        if isinstance(call, Rename):
            return self._rename(call)
        if isinstance(call, Link):
            return self._link(call)
        if isinstance(call, GetAttr) and call.object in self.changes:
            return Answer(change=self.changes[call.object])
        assert isinstance(call, SetSize | GetAttr)
        target = self.objects[call.object]
        if not target.links:
            return STALE
        if isinstance(call, SetSize):
            if target.directory:
                return ISDIR
            target.size = call.size
            target.change += 1
            return Answer()
        if target.directory:
            return Answer(size=0, nlink=2, change=target.change)
        return Answer(size=target.size, nlink=target.links, change=target.change)

    def _make(self, call: Create | MkDir) -> Answer:
        entries = self.tree[call.directory]
        found = entries.get(call.name)
        if found is not None:
            if isinstance(call, MkDir) or call.how != "unchecked":
                return EXIST
            return ISDIR if found.directory else Answer(object=found.id, moved=self._moved(call.directory, 0))
        made = _Object(f"o{len(self.objects)}", isinstance(call, MkDir))
        entries[call.name] = self.objects[made.id] = made
        return Answer(object=made.id, moved=self._moved(call.directory, 1))

    def _remove(self, call: Remove) -> Answer:
        gone = self.tree[call.directory].pop(call.name, None)
        if gone is None:
            return NOENT
        gone.links -= 1
        gone.change += 1
        return Answer(moved=self._moved(call.directory, 1))

    def _rename(self, call: Rename) -> Answer:
        source, target = self.tree[call.directory], self.tree[call.to_directory]
        found, there = source.get(call.name), target.get(call.to_name)
        if found is None:
            return NOENT
        if there is not None and there.directory != found.directory:
            return EXIST
        steps = 0
        if there is not found:
            steps = 1
            if there is not None:
                there.links -= 1
                there.change += 1
            del source[call.name]
            target[call.to_name] = found
            found.change += 1
        left = self._moved(call.directory, steps)
        same = call.directory == call.to_directory
        return Answer(moved=left, moved_target=left if same else self._moved(call.to_directory, steps))

    def _link(self, call: Link) -> Answer:
        found = self.objects[call.object]
        if not found.links:
            return STALE
        if found.directory:
            return ISDIR
        if call.name in self.tree[call.directory]:
            return EXIST
        self.tree[call.directory][call.name] = found
        found.links += 1
        found.change += 1
        return Answer(moved=self._moved(call.directory, 1))

    def _moved(self, directory: str, steps: int) -> tuple[int, int] | None:
        before = self.changes[directory]
        self.changes[directory] += steps
        return (before, before + steps) if self.told else None


class Locks:
    """Byte by byte: who holds it, and how."""

    def __init__(self, files: int = 2, size: int = 12) -> None:
        self.directories: list[str] = []
        self.files = [f"f{n}" for n in range(files)]
        self.size = size
        self.held: dict[tuple[str, int], dict[str, str]] = {
            (file, byte): {} for file in self.files for byte in range(size)}

    def choose(self, rng: random.Random, client: str) -> AnyCall:
        file, first = rng.choice(self.files), rng.randrange(self.size)
        length = min(rng.choice((1, 2, 2, 4)), self.size - first)
        kind = rng.choices((Lock, TestLock, Unlock, Close), (40, 15, 40, 3))[0]
        if kind is Close:
            return Close(file, client)
        if kind is Unlock:
            return Unlock(file, client, 0, self.size) if rng.random() < 0.5 else Unlock(file, client, first, length)
        return (Lock if kind is Lock else TestLock)(file, client, first, length, rng.choice(("read", "write")))

    def run(self, call: AnyCall) -> Answer:
        assert isinstance(call, Lock | TestLock | Unlock | Close)
        if isinstance(call, Close):
            call = Unlock(call.file, call.owner, 0, self.size)
        mine = [self.held[call.file, byte] for byte in range(call.offset, call.offset + call.length)]
        if isinstance(call, Unlock):
            for holders in mine:
                holders.pop(call.owner, None)
            return Answer()
        for at, holders in enumerate(mine, call.offset):
            for owner, kind in holders.items():
                if owner != call.owner and "write" in (kind, call.kind):
                    return Answer(nfs4.NFS4ERR_DENIED, holder=self._around(call.file, at, owner))
        if isinstance(call, Lock):
            for holders in mine:
                holders[call.owner] = call.kind
        return Answer()

    def _around(self, file: str, at: int, owner: str) -> Holder:
        """The whole lock that byte ``at`` belongs to."""
        kind = self.held[file, at][owner]
        first = last = at
        while first > 0 and self.held[file, first - 1].get(owner) == kind:
            first -= 1
        while last + 1 < self.size and self.held[file, last + 1].get(owner) == kind:
            last += 1
        return Holder(owner, first, last - first + 1, "read" if kind == "read" else "write")


class Opens:
    """A list of opens for each file and owner."""

    def __init__(self, files: int = 2) -> None:
        self.directories: list[str] = []
        self.files = [f"f{n}" for n in range(files)]
        self.opens: dict[tuple[str, str], list[tuple[int, int]]] = {}

    def choose(self, rng: random.Random, client: str) -> AnyCall:
        mine = [file for file, owner in self.opens if owner == client]
        if mine and rng.random() < 0.5:
            file = rng.choice(mine)
            pairs = self.opens[file, client]
            if len(pairs) > 1 and rng.random() < 0.3:
                return Downgrade(file, client, *pairs[0])
            return Close(file, client)
        return Open(rng.choice(self.files), client, rng.choice((1, 2, 3)), rng.choice((0, 0, 0, 1, 2, 3)))

    def run(self, call: AnyCall) -> Answer:
        assert isinstance(call, Open | Downgrade | Close)
        key = call.file, call.owner
        if isinstance(call, Close):
            return Answer() if self.opens.pop(key, None) else Answer(nfs4.NFS4ERR_BAD_STATEID)
        if isinstance(call, Downgrade):
            if key not in self.opens:
                return Answer(nfs4.NFS4ERR_BAD_STATEID)
            self.opens[key] = [(call.access, call.deny)]
            return Answer()
        for (file, _), pairs in self.opens.items():
            if file == call.file:
                if any(call.access & deny or call.deny & access for access, deny in pairs):
                    return Answer(nfs4.NFS4ERR_SHARE_DENIED)
        self.opens.setdefault(key, []).append((call.access, call.deny))
        return Answer()


SMALL: dict[str, Callable[[], Server]] = {
    "names": lambda: Names(2, 2),
    "names whose changes are not told": lambda: Names(2, 2, told=False),
    "entries": lambda: Names(1, 3, told=False, kinds="cclr"),
    "links and sizes": lambda: Names(1, 3, told=False, kinds="cLLrRsg"),
    "locks": lambda: Locks(1, 6),
    "opens": lambda: Opens(1),
}
"""Servers so small that clients are in each other's way all the time, by what they serve."""
