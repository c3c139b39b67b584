"""The object store: one sparse file of a local file system for each stripe of a file that lies here.

Offsets in an object are the file's own (sparse striping, RFC 8881 §13.4.4), so an object has holes where the other
data servers' stripes are, and its size says only how far *this* server was written.

Every method may be called from any thread at any time. Failures come as ``OSError``; ``status_of`` names the NFS
status. What was acknowledged as stable survives power loss (INV-10).
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from dataserver.datadir import DataDir
from dataserver.descriptors import DescriptorCache, OpenObject
from dataserver.reserve import Reserve
from nfswire import nfs4

OFFSET_MAX: Final = (1 << 63) - 1
_NAME_BYTES: Final = 4096
"""What a new object takes before anything is written to it."""

_STATUSES: Final = {
    errno.EIO: nfs4.NFS4ERR_IO,
    errno.ENOSPC: nfs4.NFS4ERR_NOSPC,
    errno.EDQUOT: nfs4.NFS4ERR_DQUOT,
    errno.EFBIG: nfs4.NFS4ERR_FBIG,
    errno.EROFS: nfs4.NFS4ERR_ROFS,
    # Out of descriptors or memory passes; the client is to come again.
    errno.EMFILE: nfs4.NFS4ERR_DELAY,
    errno.ENFILE: nfs4.NFS4ERR_DELAY,
    errno.ENOMEM: nfs4.NFS4ERR_DELAY,
}


def status_of(error: OSError) -> int:
    """The NFS status for a failure of the local file system."""
    return _STATUSES.get(error.errno or 0, nfs4.NFS4ERR_IO)


class ObjectStat(msgspec.Struct, frozen=True, gc=False):
    """What lies in one object."""

    fileid: int
    stripe: int
    size_bytes: int
    mtime_ns: int
    used_bytes: int


class Space(msgspec.Struct, frozen=True, gc=False):
    """The file system's space, as clients could fill it: its reserve is not free to them."""

    capacity_bytes: int
    free_bytes: int


class ObjectStore:
    """All objects of this data server. ``draw_verifier`` gives 8 bytes that no earlier call has given."""

    def __init__(
        self, path: Path, ds_id: str, draw_verifier: Callable[[], bytes], *, fsync: bool = True, open_max: int = 4096,
        reserve_bytes: int = 0,
    ) -> None:  # fmt: skip
        """``reserve_bytes``: as in the configuration. :class:`mdsproto.configfile.ConfigError` when the directory
        cannot be used."""
        self.directory = DataDir(path, ds_id)
        self._draw_verifier = draw_verifier
        self.verifier = draw_verifier()
        """The write verifier: another one after a restart, or when written data may have been lost."""
        self._fsync = fsync
        self._cache = DescriptorCache(open_max, self._sync_victim)
        self._verifier_lock = threading.Lock()
        self._reserve = Reserve(self._statvfs, reserve_bytes)

    # ------------------------------------------------------------ the data path
    def get(self, fileid: int, stripe: int) -> OpenObject | None:
        """An object, open; None where nothing was written yet."""
        entry = self._cache.get((fileid, stripe))
        if entry is not None:
            entry.recent = True
            return entry
        try:
            return self._open(fileid, stripe, create=False)
        except FileNotFoundError:
            return None

    def get_or_create(self, fileid: int, stripe: int) -> OpenObject:
        """An object, open, made empty where there was none: ENOSPC where that would touch the reserve."""
        entry = self._cache.get((fileid, stripe))
        if entry is not None:
            entry.recent = True
            return entry
        try:
            return self._open(fileid, stripe, create=False)
        except FileNotFoundError:
            if not self._reserve.admits(_NAME_BYTES):
                raise _no_space() from None
            if stripe >= self.directory.stripe_width:
                self.directory.widen(stripe)
            return self._open(fileid, stripe, create=True)

    def _open(self, fileid: int, stripe: int, *, create: bool) -> OpenObject:
        shard = self.directory.shard_of(fileid)
        fd, change = shard.open(name_of(fileid, stripe), create=create)
        return self._cache.put(OpenObject((fileid, stripe), fd, shard, change))

    def read(self, entry: OpenObject, view: memoryview, offset: int) -> int:
        """Fill ``view`` from ``offset``; returns the bytes read, fewer only at the object's end.

        A short read is made sure of: it may also mean that the device failed on the way, and must then not be taken
        for the end, or the client would make zeros of it.
        """
        done = os.preadv(entry.fd, (view,), offset)
        while 0 < done < len(view):
            more = os.preadv(entry.fd, (view[done:],), offset + done)
            if not more:
                break
            done += more
        return done

    def size(self, entry: OpenObject) -> int:
        """The object's size, bytes."""
        return os.fstat(entry.fd).st_size

    def write(self, entry: OpenObject, data: bytes | memoryview, offset: int) -> int:
        """Write all of ``data``; returns the bytes written, fewer only where the device filled up on the way.

        ENOSPC where that would touch the reserve. What is there may be written over in any case.
        """
        if not self._reserve.admits(len(data)) and not _holds(entry, offset, len(data)):
            raise _no_space()
        entry.dirty = True
        done = os.pwrite(entry.fd, data, offset)
        if done == len(data):
            return done
        view = memoryview(data)
        while done < len(view):
            try:
                done += os.pwrite(entry.fd, view[done:], offset + done)
            except OSError:
                return done  # the client sends the rest again and is then told why it fails
        return done

    def sync(self, entry: OpenObject) -> None:
        """Return when everything written to the object before this call, and its name, is on stable storage.

        One sync of an object runs at a time, and one that began after this call serves it too. One at a time also
        because the kernel tells of a failed write-back once: whoever syncs next finds it told, and the verifier
        changed.
        """
        if not self._fsync:
            return
        wanted = entry.syncing + 1
        with entry.sync_lock:
            if entry.synced >= wanted:
                return
            entry.syncing = number = entry.syncing + 1
            entry.dirty = False  # before the sync: a write that comes during it sets it again
            try:
                os.fdatasync(entry.fd)
                entry.shard.sync_up_to(entry.change)
            except OSError:
                self._lost_writes()
                raise
            entry.synced = number

    def _sync_victim(self, entry: OpenObject) -> None:
        try:
            self.sync(entry)
        except OSError:
            return  # told to the clients by the new verifier

    def _lost_writes(self) -> None:
        """After a failed fsync the kernel has dropped the pages, and the next fsync would succeed without them.

        A new verifier makes every client send again all that it has not had committed (RFC 8881 §18.32.4).
        """
        with self._verifier_lock:
            self.verifier = self._draw_verifier()

    # ------------------------------------------------------------ the control plane
    def stripes_of(self, fileid: int, stripes: Iterable[int] = ()) -> list[int]:
        """The given stripe indices, or all that may exist here."""
        chosen = list(stripes)
        return chosen or list(range(self.directory.stripe_width))

    def stat(self, fileid: int, stripes: Iterable[int] = ()) -> list[ObjectStat]:
        """What is there of a file; nothing for objects that do not exist."""
        found = []
        shard = self.directory.shard_of(fileid)
        for stripe in self.stripes_of(fileid, stripes):
            try:
                st = os.stat(name_of(fileid, stripe), dir_fd=shard.fd, follow_symlinks=False)
            except FileNotFoundError:
                continue
            found.append(ObjectStat(fileid, stripe, st.st_size, st.st_mtime_ns, st.st_blocks * 512))
        return found

    def delete(self, fileids: Iterable[tuple[int, Iterable[int]]]) -> int:
        """Delete objects, given as (file ID, stripes or nothing for all), durably; returns how many there were.

        The caller has made sure that no I/O on them can come any more.
        """
        removed = 0
        changes: dict[int, int] = {}
        for fileid, stripes in fileids:
            shard = self.directory.shard_of(fileid)
            for stripe in self.stripes_of(fileid, stripes):
                entry = self._cache.forget((fileid, stripe))
                if entry is not None:
                    entry.gone = True
                there, changes[fileid] = shard.remove(name_of(fileid, stripe))
                removed += there
        if self._fsync:
            for fileid, change in changes.items():
                self.directory.shard_of(fileid).sync_up_to(change)
        return removed

    def truncate(self, fileid: int, stripes: Iterable[int], size_bytes: int) -> None:
        """Cut a file's objects so that none reaches beyond ``size_bytes``, durably.

        None is made longer: what lies between an object's end and the file's is a hole either way, and an object's
        size would then claim writes that never came.
        """
        for stripe in self.stripes_of(fileid, stripes):
            entry = self.get(fileid, stripe)
            if entry is None:
                continue
            if os.fstat(entry.fd).st_size > size_bytes:
                entry.dirty = True
                os.ftruncate(entry.fd, size_bytes)
            self.sync(entry)  # also when a truncation of before was not made durable

    def space(self) -> Space:
        """Asks the file system. ``OSError``."""
        return Space(*self._reserve.look())

    def _statvfs(self) -> tuple[int, int]:
        st = os.statvfs(self.directory.path)
        return st.f_blocks * st.f_frsize, st.f_bavail * st.f_frsize

    def count(self) -> int:
        """How many objects there are. Reads every directory: for an operator's question."""
        return sum(len(os.listdir(shard.fd)) for shard in self.directory.shards)

    def close(self) -> None:
        """Sync what was written (it need not be: no client was promised it) and let go of the directory."""
        for entry in self._cache.entries():
            if entry.dirty and not entry.gone:
                self._sync_victim(entry)
        self.directory.close()


def name_of(fileid: int, stripe: int) -> str:
    """An object's name in its shard."""
    return f"{fileid:016x}.{stripe:02x}"


def _holds(entry: OpenObject, offset: int, length: int) -> bool:
    """Whether all of that range has blocks: there is no hole in it, and the object does not end before."""
    try:
        return os.lseek(entry.fd, offset, os.SEEK_HOLE) >= offset + length
    except OSError:
        return False  # ENXIO: beyond the end


def _no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
