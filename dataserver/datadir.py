"""The data directory: whose it is, its shards, and what is durable about their entries.

Layout: ``dataserver.json`` (format, owner, store identity, stripe width), ``node.pid``, the lock, ``tombstones``,
``mandate`` and ``metadata-servers.json`` (whom this data server obeys, and where they are), ``connections`` (a hint:
:mod:`dataserver.whereabouts`), and ``objects/00`` to ``objects/ff``, the shards, each a directory of objects named
``FILEID.STRIPE`` in hexadecimal.

File IDs are consecutive, so their low bits spread them evenly. The stripe width is one more than the highest stripe
index ever stored here: with it "all objects of a file" is a handful of look-ups and not a scan. It is made durable
before the first object that needs it.

A missing object is a hole, so an empty directory looks like one full of zeros. What tells a store from another is its
identity, drawn when it is made and registered with the metadata servers, who let no other serve in its place (INV-10).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mdsproto.configfile import ConfigError, refused, write_atomically
from mdsproto.nodelock import NodeLock

FORMAT: Final = 2
_FORMATS_READ: Final = (1, FORMAT)
"""Format 1 had no identity: it gets one when it is opened."""
STORE_ID_BYTES: Final = 16
SHARDS: Final = 256
STRIPES_MAX: Final = 256
SUPERBLOCK: Final = "dataserver.json"


class Shard:
    """One directory of objects, and up to which of its changes it is on stable storage.

    ``_changes`` counts creations and removals; each is made and counted under the lock, so that whoever sees its
    effect and then takes the lock sees the count. ``_synced`` is the count that the last fsync of the directory
    covers. At start nothing is known of the past, so the first one that asks syncs once.
    """

    __slots__ = ("_changes", "_lock", "_synced", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._changes = 1
        self._synced = 0
        self._lock = threading.Lock()

    def open(self, name: str, *, create: bool) -> tuple[int, int]:
        """A descriptor for reading and writing, and the change that :meth:`sync_up_to` must cover for the name.

        ``OSError``; ``FileNotFoundError`` unless ``create``.
        """
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        if not create:
            fd = os.open(name, flags, dir_fd=self.fd)
            with self._lock:
                return fd, self._changes
        with self._lock:
            fd = os.open(name, flags | os.O_CREAT, 0o600, dir_fd=self.fd)
            self._changes += 1
            return fd, self._changes

    def remove(self, name: str) -> tuple[bool, int]:
        """Whether there was such a name, and the change that makes its absence durable. ``OSError``."""
        with self._lock:
            try:
                os.unlink(name, dir_fd=self.fd)
            except FileNotFoundError:
                return False, self._changes  # removed before, perhaps by a process that died before it synced
            self._changes += 1
            return True, self._changes

    def sync_up_to(self, change: int) -> None:
        """Return when that change is durable; ``OSError`` where the directory cannot be synced."""
        if self._synced >= change:
            return
        with self._lock:
            covered = self._changes
        os.fsync(self.fd)
        with self._lock:
            self._synced = max(self._synced, covered)


class DataDir:
    """An open data directory, locked against a second data server."""

    store_id: bytes
    """The store's identity, for good."""
    replaces: bool
    """The operator's word that this store takes the place of a lost one, or is taken in again though it was removed;
    not yet taken by the metadata servers."""

    def __init__(self, path: Path, ds_id: str, *, draw_id: Callable[[int], bytes] = os.urandom) -> None:
        """Make or check it; :class:`ConfigError` in the operator's words when it cannot be used."""
        self.path = path
        self._draw_id = draw_id
        self._width_lock = threading.Lock()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise refused(f"data_dir {path} cannot be used: {problem.strerror}", problem) from problem
        self._lock = NodeLock(path, f"data server {ds_id}")
        try:
            self._ds_id = ds_id
            self.stripe_width = self._superblock()
            self.shards = self._open_shards()
        except BaseException:
            self._lock.release()
            raise

    def _superblock(self) -> int:
        """Check whose directory it is, or make it this data server's; returns the stripe width."""
        file = self.path / SUPERBLOCK
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            owner, version, width = found["ds_id"], found["format"], found["stripe_width"]
            identity = bytes.fromhex(found["store_id"]) if version != 1 else b""
        except FileNotFoundError:
            if (self.path / "objects").exists():
                raise ConfigError(
                    f"data_dir {self.path} holds objects but no {SUPERBLOCK}: it is damaged, or no data server's"
                ) from None
            self.store_id, self.replaces = self._draw_id(STORE_ID_BYTES), False
            self._write_superblock(1)
            return 1
        except OSError as problem:
            raise refused(f"{file} cannot be read: {problem}", problem) from problem
        except (ValueError, KeyError, TypeError) as problem:
            raise ConfigError(f"{file} cannot be read: {problem}") from problem
        if version not in _FORMATS_READ:
            raise ConfigError(f"data_dir {self.path} has format {version}; this version of the program reads {FORMAT}")
        if owner != self._ds_id:
            raise ConfigError(f"data_dir {self.path} belongs to data server {owner!r}, and this is {self._ds_id!r}")
        if not isinstance(width, int) or not 1 <= width <= STRIPES_MAX:
            raise ConfigError(f"{file}: stripe_width is {width!r}")
        if identity and len(identity) != STORE_ID_BYTES:
            raise ConfigError(f"{file}: store_id is {found['store_id']!r}")
        self.store_id, self.replaces = identity or self._draw_id(STORE_ID_BYTES), bool(found.get("replaces"))
        if not identity:
            self._write_superblock(width)
        return width

    def _write_superblock(self, width: int) -> None:
        content = {
            "format": FORMAT, "ds_id": self._ds_id, "store_id": self.store_id.hex(), "stripe_width": width,
            "replaces": self.replaces,
        }  # fmt: skip
        write_atomically(self.path / SUPERBLOCK, json.dumps(content).encode() + b"\n", mode=0o600)

    def _open_shards(self) -> list[Shard]:
        objects = self.path / "objects"
        try:
            objects.mkdir(mode=0o700, exist_ok=True)
            shards = []
            for number in range(SHARDS):
                name = objects / f"{number:02x}"
                name.mkdir(mode=0o700, exist_ok=True)
                shards.append(Shard(os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)))
            for directory in (objects, self.path, self.path.parent):
                sync_directory(directory)
        except OSError as problem:
            raise refused(f"data_dir {self.path}: {problem.strerror} ({problem.filename})", problem) from problem
        return shards

    def shard_of(self, fileid: int) -> Shard:
        return self.shards[fileid % SHARDS]

    def widen(self, stripe: int) -> None:
        """Make sure, durably, that objects of this stripe index will be found. ``OSError`` where it cannot be."""
        with self._width_lock:
            if stripe < self.stripe_width:
                return
            width = min(STRIPES_MAX, 1 << stripe.bit_length())
            self._write_superblock(width)
            self.stripe_width = width

    def is_empty(self) -> bool:
        """Whether there is no object. Reads every directory."""
        return not any(os.listdir(shard.fd) for shard in self.shards)

    def set_replaces(self, *, replaces: bool) -> None:
        """Keep, durably, whether this store is still to take a lost one's place. ``OSError``."""
        with self._width_lock:
            if self.replaces is not replaces:
                self.replaces = replaces
                self._write_superblock(self.stripe_width)

    def close(self) -> None:
        for shard in self.shards:
            os.close(shard.fd)
        self._lock.release()


def sync_directory(path: Path) -> None:
    """Make the directory's entries durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
