"""What a tree of names must look like if every operation ran exactly once. Pure.

Files and empty directories in flat directories: enough for every operation to have one right answer, known beforehand.
"""

from __future__ import annotations

import random
from collections import Counter

import msgspec

from nfsclient.results import DirEntry
from nfswire import nfs4

OK = nfs4.NFS4_OK
EXIST = nfs4.NFS4ERR_EXIST
NOENT = nfs4.NFS4ERR_NOENT
KINDS = ("mkdir", "create", "rename", "link", "remove")
WEIGHTS = (25, 30, 20, 10, 15)
MODES = (nfs4.GUARDED4, nfs4.EXCLUSIVE4_1)


class Step(msgspec.Struct, frozen=True):
    """One operation, and the statuses that a single execution may answer."""

    kind: str
    path: str
    other: str = ""         # new name of rename and link
    mode: int = 0           # create mode
    expected: tuple[int, ...] = (OK,)


class Inode(msgspec.Struct, eq=False):
    """An object of the model."""

    directory: bool
    links: int = 1


class Model:
    """Objects by path, in the directories it is given. One task at a time uses it."""

    def __init__(self, directories: list[str], names_per_directory: int) -> None:
        self.directories = directories
        self.names = names_per_directory
        self.objects: dict[str, Inode] = {}

    def choose(self, rng: random.Random) -> Step:
        """The next operation, with its right answers. Now and then one that must be refused."""
        kind = rng.choices(KINDS, WEIGHTS)[0]
        path = self._any(rng)
        if kind == "mkdir":
            return Step(kind, path, expected=(EXIST,) if path in self.objects else (OK,))
        if kind == "create":
            mode = rng.choice(MODES)
            at = self.objects.get(path)
            refused = (EXIST, nfs4.NFS4ERR_ISDIR) if at is not None and at.directory else (EXIST,)
            return Step(kind, path, mode=mode, expected=(OK,) if at is None else refused)
        if kind == "remove":
            path = self._present(rng, path)
            return Step(kind, path, expected=(OK,) if path in self.objects else (NOENT,))
        path = self._present(rng, path)
        other = self._any(rng)
        expected = self._linked(path, other) if kind == "link" else self._renamed(path, other)
        return Step(kind, path, other, expected=expected)

    def _any(self, rng: random.Random) -> str:
        return f"{rng.choice(self.directories)}/n{rng.randrange(self.names)}"

    def _present(self, rng: random.Random, otherwise: str) -> str:
        """Mostly a name that exists."""
        if self.objects and rng.random() < 0.85:
            return rng.choice(list(self.objects))
        return otherwise

    def _linked(self, old: str, new: str) -> tuple[int, ...]:
        source = self.objects.get(old)
        if source is None:
            return (NOENT,)
        if source.directory:
            # Whether the source's type or the target's name is looked at first is the server's choice.
            refused = (nfs4.NFS4ERR_ISDIR, nfs4.NFS4ERR_PERM, nfs4.NFS4ERR_INVAL)
            return (*refused, EXIST) if new in self.objects else refused
        return (EXIST,) if new in self.objects else (OK,)

    def _renamed(self, old: str, new: str) -> tuple[int, ...]:
        source, target = self.objects.get(old), self.objects.get(new)
        if source is None:
            return (NOENT,)
        if target is None or target is source or source.directory == target.directory:
            return (OK,)
        return (EXIST, nfs4.NFS4ERR_NOTDIR if source.directory else nfs4.NFS4ERR_ISDIR)

    def apply(self, step: Step) -> None:
        """``step`` succeeded."""
        if step.kind in ("mkdir", "create"):
            self.objects[step.path] = Inode(step.kind == "mkdir")
        elif step.kind == "remove":
            self._drop(step.path)
        elif step.kind == "link":
            self.objects[step.other] = self.objects[step.path]
            self.objects[step.other].links += 1
        elif self.objects[step.path] is not self.objects.get(step.other):
            source = self.objects.pop(step.path)
            self._drop(step.other)
            self.objects[step.other] = source

    def _drop(self, path: str) -> None:
        inode = self.objects.pop(path, None)
        if inode is not None:
            inode.links -= 1

    def differences(self, found: dict[str, list[DirEntry]]) -> list[str]:
        """How the real directories (``readdir`` with type, link count and file ID) differ from the model."""
        wrong: list[str] = []
        fileids: dict[int, Inode] = {}
        for directory, entries in found.items():
            names = Counter(f"{directory}/{entry.name.decode()}" for entry in entries)
            wanted = {path for path in self.objects if path.rsplit("/", 1)[0] == directory}
            wrong.extend(f"{path} is missing" for path in sorted(wanted - set(names)))
            wrong.extend(f"{path} should not be there" for path in sorted(set(names) - wanted))
            wrong.extend(f"{path} is listed {count} times" for path, count in names.items() if count > 1)
            for entry in entries:
                path = f"{directory}/{entry.name.decode()}"
                if path in self.objects:
                    wrong.extend(self._compare(path, entry, fileids))
        return wrong

    def _compare(self, path: str, entry: DirEntry, fileids: dict[int, Inode]) -> list[str]:
        inode, attributes = self.objects[path], entry.attributes
        wrong = []
        if attributes.type != (nfs4.NF4DIR if inode.directory else nfs4.NF4REG):
            wrong.append(f"{path} has type {attributes.type}")
        if not inode.directory and attributes.numlinks != inode.links:
            wrong.append(f"{path} has {attributes.numlinks} links, not {inode.links}")
        if attributes.fileid is not None and fileids.setdefault(attributes.fileid, inode) is not inode:
            wrong.append(f"{path} shares its file ID with an object that it is no link of")
        return wrong
