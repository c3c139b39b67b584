"""Files whose objects were deleted, remembered across restarts.

A layout may be out when a file dies, and its capability is good until a fence names it. A WRITE under it that comes
after the deletion would bring the object back, with nobody to delete it ever again (INV-11): so the last
``limit`` deleted files' handles are refused as stale. File IDs are never used again within one life of the cluster;
with the next one all of it is forgotten, as these files may be there again (:mod:`dataserver.life`).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import structlog

from dataserver.datadir import sync_directory
from mdsproto.configfile import write_atomically

log = structlog.get_logger()

FILE: Final = "tombstones"
_ID: Final = struct.Struct(">Q")
_KEEP_SIZE: Final = 1
"""FALLOC_FL_KEEP_SIZE of fallocate(2)."""


class Tombstones:
    """An append-only file of file IDs, cut back to the newest ``limit`` when it has more than twice as many.

    Nothing here needs room on the disk where that can be avoided: on a full one it is deletions that make room. So a
    start makes no file anew, and blocks for all that the file will hold are taken beforehand.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """``OSError`` when the file cannot be read, or the rest of a torn append not be cut off."""
        self._path = path
        self._limit = limit
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            raw = b""
        whole = len(raw) - len(raw) % _ID.size
        if whole < len(raw):  # a crash has cut the last append: the next one would be out of step
            self._cut(whole)
        ids = [fileid for (fileid,) in _ID.iter_unpack(raw[:whole])]
        self._ids: dict[int, None] = dict.fromkeys(ids[-limit:])
        self._filed = len(ids)
        """How many are in the file, but for those that could not be taken back: where it ends the file tells."""
        self._cut_back()
        self._take_room()

    def ids(self) -> list[int]:
        return list(self._ids)

    def add(self, fileids: Iterable[int]) -> list[int]:
        """Remember them, durably; returns those that are forgotten for it. ``OSError``: none was remembered."""
        new = [fileid for fileid in dict.fromkeys(fileids) if fileid not in self._ids]
        if not new:
            return []
        self._append(b"".join(map(_ID.pack, new)))
        self._ids.update(dict.fromkeys(new))
        self._filed += len(new)
        surplus = len(self._ids) - self._limit
        forgotten = list(self._ids)[:surplus] if surplus > 0 else []
        for fileid in forgotten:
            del self._ids[fileid]
        self._cut_back()
        return forgotten

    def _append(self, data: bytes) -> None:
        fd = self._open(os.O_APPEND)
        try:
            size = os.fstat(fd).st_size
            if size % _ID.size:  # of an append that could not be taken back
                size -= size % _ID.size
                os.ftruncate(fd, size)
            try:
                if os.write(fd, data) < len(data):  # the disk filled up on the way
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
                os.fdatasync(fd)
            except OSError:
                os.ftruncate(fd, size)
                raise
        finally:
            os.close(fd)

    def _open(self, flags: int = 0) -> int:
        """A descriptor for writing; where there was no file there is one now, durably. ``OSError``."""
        made = not self._path.exists()
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
        try:
            if made:
                sync_directory(self._path.parent)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def clear(self) -> None:
        """Forget all of them, durably, and without needing space for that: the disk may be full. ``OSError``."""
        if self._path.exists():
            self._cut(0)
        self._ids.clear()
        self._filed = 0
        self._take_room()

    def _cut(self, size_bytes: int) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(fd, size_bytes)
            os.fsync(fd)
        finally:
            os.close(fd)

    def _cut_back(self) -> None:
        """Leave the newest in the file, when it has become long; some other time if there is no room for a new one."""
        if self._filed <= 2 * self._limit:
            return
        try:
            write_atomically(self._path, b"".join(map(_ID.pack, self._ids)), mode=0o600)
        except OSError as problem:
            log.warning("the list of deleted files stays long", file=str(self._path), reason=problem.strerror)
            return
        self._filed = len(self._ids)
        self._take_room()

    def _take_room(self) -> None:
        """Blocks for twice ``limit``, behind the file's end, as far as there are any."""
        try:
            fd = self._open()
        except OSError as problem:
            log.warning("no room is taken for the list of deleted files", reason=problem.strerror)
            return
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            size = ctypes.c_int64(2 * self._limit * _ID.size)
            if libc.fallocate(fd, _KEEP_SIZE, ctypes.c_int64(0), size):
                reason = os.strerror(ctypes.get_errno())
                log.warning("no room is taken for the list of deleted files", reason=reason)
        finally:
            os.close(fd)
