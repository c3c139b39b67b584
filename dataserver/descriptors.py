"""Open objects: a bounded cache of file descriptors that threads use without a lock.

A descriptor must not be closed, and its number given to another file, while a thread is between looking it up and its
system call. The reference count of :class:`OpenObject` says when that is: the cache and every user hold a reference,
and the last one to let go closes the descriptor.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Final

from dataserver.datadir import Shard

Key = tuple[int, int]
"""File ID and stripe index."""

_BATCH_DIVISOR: Final = 16
"""Share of the cache that one eviction empties, so that evictions are few."""


class OpenObject:
    """An object that is open for reading and writing."""

    __slots__ = ("change", "dirty", "fd", "gone", "key", "recent", "shard", "suspect", "sync_lock", "synced", "syncing")

    def __init__(self, key: Key, fd: int, shard: Shard, change: int) -> None:
        self.key = key
        self.fd = fd
        self.shard = shard
        self.change = change
        """The change of the shard that made its directory entry, at the latest."""
        self.dirty = False
        """Written to since the last sync began."""
        self.recent = True
        """Used since the cache last looked (second chance)."""
        self.gone = False
        """Deleted: there is nothing left to sync."""
        self.suspect = False
        """A read failed while its reply was on its way: read first, answer then."""
        self.sync_lock = threading.Lock()
        self.syncing = 0
        """Number of the last sync that began; changed under ``sync_lock`` only."""
        self.synced = 0
        """Number of the last sync that succeeded."""

    def __del__(self) -> None:
        os.close(self.fd)


class DescriptorCache:
    """At most about ``limit`` open objects; ``sync`` is called before one with unsynced writes is let go."""

    def __init__(self, limit: int, sync: Callable[[OpenObject], None]) -> None:
        self.limit = limit
        self._sync = sync
        self._entries: dict[Key, OpenObject] = {}
        self._lock = threading.Lock()
        self.get: Callable[[Key], OpenObject | None] = self._entries.get
        """Look up without a lock; set ``recent`` on what you get."""

    def put(self, entry: OpenObject) -> OpenObject:
        """Keep ``entry``, or return the one that another thread has put there first."""
        victims: list[OpenObject] = []
        with self._lock:
            kept = self._entries.setdefault(entry.key, entry)
            if len(self._entries) > self.limit:
                victims = self._choose_victims()
        for victim in victims:
            # Without this a write-back error that comes after the close would be seen by nobody, and the client
            # would be told that its COMMIT succeeded (the error is kept by the inode only while it is cached).
            if victim.dirty and not victim.gone:
                self._sync(victim)
        return kept

    def _choose_victims(self) -> list[OpenObject]:
        """Take the oldest that were not used since they were last looked at."""
        wanted = max(1, self.limit // _BATCH_DIVISOR)
        victims: list[OpenObject] = []
        for key in list(self._entries):
            entry = self._entries.pop(key)
            if entry.recent and len(self._entries) >= wanted:
                entry.recent = False
                self._entries[key] = entry  # to the young end
                continue
            victims.append(entry)
            if len(victims) >= wanted:
                break
        return victims

    def forget(self, key: Key) -> OpenObject | None:
        """Take an object out of the cache; users that have it go on using it."""
        with self._lock:
            return self._entries.pop(key, None)

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self) -> list[OpenObject]:
        with self._lock:
            return list(self._entries.values())
