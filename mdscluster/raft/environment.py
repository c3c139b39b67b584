"""The node's one LMDB environment: raft's sub-databases beside the state machine's."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

import lmdb

from mdscluster.raft.errors import StorageError

MAP_BYTES: Final = 256 << 30
"""Address space reserved, not disk. So large that the map never has to grow under running readers."""
DATABASES_MAX: Final = 64
READERS_MAX: Final = 512
_LOCK_FILE: Final = "lock.mdb"
_LOCK_BYTES: Final = 192 + 64 * (READERS_MAX - 1)
"""What LMDB makes of it: a head, and a cache line for each reader."""
_ROOM_BYTES: Final = 1 << 20
"""A file system with less than this is full."""
_DISK_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)


def open_environment(
    path: str | os.PathLike[str], *, readonly: bool = False, map_bytes: int = MAP_BYTES
) -> lmdb.Environment:
    """Open the environment at directory ``path``; only the consensus process opens it for writing.

    ``metasync`` is off: a commit makes its pages durable and leaves the switch to them (the meta page)
    to the next commit or to ``env.sync(True)``. The log calls the latter whenever it promised something.

    Which file it is that was opened is durable then: whoever put a snapshot's there may have died, or failed, before it
    was, and power loss would bring back the old one, without what was promised in the new one.

    :class:`StorageError` in the disk's words when there is no room for it, or what is there is damaged.
    """
    try:
        if not readonly:
            Path(path).mkdir(parents=True, exist_ok=True)
            _take_room(Path(path))
        env = lmdb.open(
            os.fspath(path),
            map_size=map_bytes,
            max_dbs=DATABASES_MAX,
            max_readers=READERS_MAX,
            readonly=readonly,
            create=not readonly,
            metasync=False,
            meminit=False,
            readahead=False,
        )
        if not readonly:
            try:
                sync_directory(path)
            except BaseException:
                env.close()
                raise
        return env
    except lmdb.Error as problem:
        raise StorageError(f"cannot open the environment: {problem}") from problem
    except OSError as problem:
        if problem.errno not in _DISK_ERRORS:
            raise
        raise StorageError(f"cannot open the environment {os.fspath(path)}: {problem.strerror}") from problem


def sync_directory(path: str | os.PathLike[str]) -> None:
    """Make durable which files it holds."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def words(path: str | os.PathLike[str], problem: Exception) -> str:
    """What LMDB says, for an operator. To it, a write of which a full disk took a part is an "Input/output error"."""
    text = str(problem)
    try:
        room = os.statvfs(path)
    except OSError:
        return text
    full = os.strerror(errno.ENOSPC)
    return f"{text}: {full}" if full not in text and room.f_bavail * room.f_frsize < _ROOM_BYTES else text


def _take_room(path: Path) -> None:
    """LMDB maps its lock file, which has holes. A hole that is first used on a full disk finds no room, and the process
    that used it is ended by SIGBUS, at any time: a server, its front end, or a tool. So there are none."""
    handle = os.open(path / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(handle, 0, _LOCK_BYTES)
    finally:
        os.close(handle)
