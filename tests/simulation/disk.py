"""A disk under LMDB: what a loss of power, a full disk and an I/O error leave of an environment opened as ours is.

What LMDB promises with ``metasync`` off, and so what is modelled here. A commit writes its pages where neither of the
two newest states has any, flushes them (``fdatasync``), and then writes one of two meta pages, which alone puts them
in force; that page is not flushed. The flush of the next commit, or ``env.sync(True)``, flushes it. Therefore:

- power lost after a commit: its meta page is on disk or not. If not, the state before it is in force. Older
  commits stand, for the flush inside the newest one made their meta pages durable;
- power lost in a commit: any of its pages may be on disk, whole, in part (a sector is 512 bytes), or not; no meta page
  of it is. If the commit before was not flushed either, then it may be gone as well, for its flush was under way;
- a commit or flush that fails is final for the process (nobody knows what is on disk): a failed commit put nothing in
  force, a failed ``env.sync`` leaves the newest commit in force until the power goes.

The files are real and LMDB writes them; only the two meta pages are remembered.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import lmdb

SECTOR_BYTES: Final = 512
COMMIT_FAILS: Final = "commit"
SYNC_FAILS: Final = "sync"
_DATA: Final = "data.mdb"


class Disk:
    """What is on the platters below one environment's ``data.mdb``. ``environment`` is the way to it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / _DATA
        self.fault: tuple[str, str] | None = None
        """The next commit or sync fails: (``COMMIT_FAILS`` or ``SYNC_FAILS``, the error's text)."""
        self.failed = False
        """A commit or sync did fail, in the life of this process."""
        self.on_failure: Callable[[], object] | None = None
        """Called whenever one does."""
        self._fd = -1
        self._meta_bytes = 0
        self._metas = b""
        self._undone: bytes | None = None
        self._before: tuple[bytes, bytes | None] | None = None

    def attach(self, env: lmdb.Environment) -> DiskEnvironment:
        """Watch ``env`` from now on. What stands in the file is durable, unless this disk knows better."""
        page_bytes: int = env.stat()["psize"]
        self.detach()
        self.failed = False
        self._meta_bytes = 2 * page_bytes
        self._fd = os.open(self.path, os.O_RDONLY)
        if not self._metas:
            self._metas = self._read_metas()
        return DiskEnvironment(env, self)

    def detach(self) -> None:
        """The process is gone; what it wrote is in the kernel's cache and stays there while there is power."""
        if self._fd >= 0:
            self._note_commit()
            os.close(self._fd)
            self._fd = -1

    def replaced(self) -> None:
        """Another file was put in this one's place, and made durable."""
        self.detach()
        self._metas, self._undone = b"", None

    # What the environment tells.

    def fails(self) -> None:
        """A commit or a flush fails now."""
        self.failed = True
        if self.on_failure is not None:
            self.on_failure()

    def begins(self) -> None:
        """A write transaction begins. A commit since the last one has put its meta page in the cache."""
        self._note_commit()

    def synced(self) -> None:
        """``env.sync(True)`` has returned."""
        self._metas, self._undone = self._read_metas(), None

    def _note_commit(self) -> None:
        metas = self._read_metas()
        if metas != self._metas:
            self._metas, self._undone = metas, self._metas

    def _read_metas(self) -> bytes:
        return os.pread(self._fd, self._meta_bytes, 0)

    # Power loss. The environment is closed, or about to be, and nothing is written any more.

    @property
    def may_undo(self) -> bool:
        """The newest commit is not certain to survive."""
        if self._fd >= 0:
            self._note_commit()
        return self._undone is not None

    def lose_power(self, *, undo: bool) -> None:
        """The newest commit's meta page was not on disk, if ``undo`` and if that may be."""
        undone = self._undone if self.may_undo else None
        self.detach()
        if undo and undone is not None:
            with self.path.open("r+b") as file:
                file.write(undone)
        self._metas, self._undone = b"", None

    def remember(self) -> None:
        """The commit that comes now is the one that ``tear`` interrupts."""
        self._note_commit()
        self._before = (self.path.read_bytes(), self._undone)

    def tear(self, rng: Random) -> int:
        """Power was lost in the commit made since ``remember``; how many of its pages are there whole."""
        assert self._before is not None, "tear() without remember()"
        (before, undone), self._before = self._before, None
        self.detach()
        page_bytes = self._meta_bytes // 2
        after = self.path.read_bytes()
        old = before.ljust(len(after), b"\0")
        metas = undone if undone is not None and rng.random() < 0.5 else before[: self._meta_bytes]
        image = bytearray(metas + old[self._meta_bytes :])
        whole = 0
        for start in range(self._meta_bytes, len(after), page_bytes):
            page = after[start : start + page_bytes]
            if page == old[start : start + page_bytes]:
                continue
            fate = rng.random()
            kept = page_bytes if fate < 0.4 else rng.randrange(0, page_bytes, SECTOR_BYTES) if fate < 0.7 else 0
            image[start : start + kept] = page[:kept]
            whole += kept == page_bytes
        if rng.random() < 0.5:
            del image[len(before) :]  # The file had not grown yet.
        self.path.write_bytes(image)
        self._metas, self._undone = b"", None
        return whole


class DiskEnvironment:
    """An ``lmdb.Environment`` on a ``Disk``: the same calls, of which the disk sees those that it must."""

    def __init__(self, env: lmdb.Environment, disk: Disk) -> None:
        self._env = env
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env, name)

    def begin(self, *, write: bool = False) -> Any:
        if not write:
            return self._env.begin()
        self._disk.begins()
        txn = self._env.begin(write=True)
        fault = self._disk.fault
        if fault is not None and fault[0] == COMMIT_FAILS:
            return FailingTransaction(txn, self._disk, fault[1])
        return txn

    def open_db(self, key: bytes | None = None, txn: Any = None, **options: Any) -> Any:
        return self._env.open_db(key, txn=txn.real if isinstance(txn, FailingTransaction) else txn, **options)

    def sync(self, force: bool = False) -> None:
        fault = self._disk.fault
        if fault is not None and fault[0] == SYNC_FAILS:
            self._disk.fails()
            raise lmdb.DiskError(f"mdb_env_sync: {fault[1]}")
        self._env.sync(force)
        if force:
            self._disk.synced()


class FailingTransaction:
    """A write transaction whose commit fails, as LMDB's does: nothing of it is in force."""

    def __init__(self, real: lmdb.Transaction, disk: Disk, text: str) -> None:
        self.real = real
        self._disk = disk
        self._text = text

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def commit(self) -> None:
        self.real.abort()
        self._disk.fails()
        raise lmdb.DiskError(f"mdb_txn_commit: {self._text}")
