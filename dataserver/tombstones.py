"""Files whose objects were deleted, remembered across restarts.

A layout may be out when a file dies, and its capability is good until a fence names it. A WRITE under it that comes
after the deletion would bring the object back, with nobody to delete it ever again (INV-11): so the last
``limit`` deleted files' handles are refused as stale. File IDs are never used again within one life of the cluster;
with the next one all of it is forgotten, as these files may be there again (:mod:`dataserver.life`).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mdsproto.configfile import write_atomically

FILE: Final = "tombstones"
_ID: Final = struct.Struct(">Q")


class Tombstones:
    """An append-only file of file IDs, cut back to the newest ``limit`` when it has twice as many."""

    def __init__(self, path: Path, limit: int) -> None:
        """``OSError`` when the file cannot be read or written."""
        self._path = path
        self._limit = limit
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            raw = b""
        whole = len(raw) - len(raw) % _ID.size  # a crash may have cut the last append
        ids = [fileid for (fileid,) in _ID.iter_unpack(raw[:whole])]
        self._ids: dict[int, None] = dict.fromkeys(ids[-limit:])
        self._rewrite()

    def ids(self) -> list[int]:
        return list(self._ids)

    def add(self, fileids: Iterable[int]) -> list[int]:
        """Remember them, durably; returns those that are forgotten for it. ``OSError``."""
        new = [fileid for fileid in dict.fromkeys(fileids) if fileid not in self._ids]
        if not new:
            return []
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            os.write(fd, b"".join(map(_ID.pack, new)))
            os.fdatasync(fd)
        finally:
            os.close(fd)
        self._ids.update(dict.fromkeys(new))
        self._appended += len(new)
        surplus = len(self._ids) - self._limit
        forgotten = list(self._ids)[:surplus] if surplus > 0 else []
        for fileid in forgotten:
            del self._ids[fileid]
        if self._appended > self._limit:
            self._rewrite()
        return forgotten

    def clear(self) -> None:
        """Forget all of them, durably, and without needing space for that: the disk may be full. ``OSError``."""
        fd = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(fd, 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        self._ids.clear()
        self._appended = 0

    def _rewrite(self) -> None:
        write_atomically(self._path, b"".join(map(_ID.pack, self._ids)), mode=0o600)
        self._appended = 0
