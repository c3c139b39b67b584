"""pysyncobj's journal on LMDB: index -> term and entry, in the tick's write transaction.

Positions are pysyncobj's (0 = first entry held); indexes are Raft's. The newest entries stay in memory,
and the terms of all that are held; older entries are read back when a follower needs them.
"""

from __future__ import annotations

from array import array
from struct import Struct
from typing import Final

import lmdb
from pysyncobj.journal import Journal

from mdscluster.raft.entry import is_newer
from mdscluster.raft.errors import ConsensusBug, FormatError, StorageError
from mdscluster.raft.roster import Roster
from mdscluster.raft.store import Store

LogEntry = tuple[bytes, int, int]
"""pysyncobj's form: (data, index, term)."""

_U64: Final = Struct(">Q")
_CACHE_ENTRIES_MAX: Final = 2048
_CACHE_BYTES_MAX: Final = 16 << 20
_SLICE_ENTRIES_MAX: Final = 512
_SLICE_BYTES_MAX: Final = 2 << 20
_TRIM_ENTRIES: Final = 256


class LmdbJournal(Journal):  # type: ignore[misc]  # pysyncobj is untyped
    """The durable log. Never empty after start; entries at or below the applied index are never changed."""

    def __init__(self, store: Store, roster: Roster | None = None) -> None:
        """``roster``: is told of every entry that comes or goes, and holds what is applied already."""
        self._store = store
        self._roster = roster
        self._term, self._voted_for = store.vote()
        self._applied = store.applied()[0]
        self._first = 1
        self._terms = array("Q")
        self._sizes = array("Q")
        self._bytes = 0
        self._cache: list[LogEntry] = []
        self._cache_first = 1
        self._cache_bytes = 0
        self._load()

    def _load(self) -> None:
        """Read the log; check it against the state (guard 7). Never drops anything."""
        expected = 0
        with self._store.txn.cursor(db=self._store.log) as cursor:
            for key, value in cursor:
                (index,) = _U64.unpack(key)
                if expected and index != expected:
                    raise StorageError(f"the log has a gap: entry {expected} is missing, {index} follows")
                if not expected:
                    self._first = self._cache_first = index
                expected = index + 1
                if is_newer(value[8:]):
                    raise FormatError(
                        f"log entry {index} has a format that this release does not know: "
                        "install the release that wrote it, or a later one"
                    )
                self._terms.append(_U64.unpack_from(value)[0])
                self._sizes.append(len(value))
                self._bytes += len(value)
                self._cache.append((value[8:], index, self._terms[-1]))
                self._cache_bytes += len(value)
                self._shrink_cache()
                if self._roster is not None and index > self._applied:
                    self._roster.appended(index, self._terms[-1], value[8:])
        if not expected:
            if self._applied > 1:
                raise StorageError(f"state is applied up to entry {self._applied}, but the log is empty")
            return
        if not self._first <= self._applied < expected:
            raise StorageError(
                f"state is applied up to entry {self._applied}, the log holds {self._first} to {expected - 1}"
            )

    # pysyncobj's interface.

    def add(self, command: bytes, idx: int, term: int) -> None:
        if self._terms and idx != self.last_index + 1:
            raise ConsensusBug(f"entry {idx} appended after {self.last_index}")
        value = _U64.pack(term) + command
        self._store.txn.put(_U64.pack(idx), value, db=self._store.log, append=True)
        self._store.promise()
        self._terms.append(term)
        self._sizes.append(len(value))
        self._bytes += len(value)
        self._cache.append((command, idx, term))
        self._cache_bytes += len(value)
        self._shrink_cache()
        if self._roster is not None:
            self._roster.appended(idx, term, command)

    def deleteEntriesFrom(self, entryFrom: int) -> None:
        """Drop a conflicting tail. Guard 2 lets only a real conflict come here."""
        index = self._first + entryFrom
        if index <= self._applied:
            raise ConsensusBug(f"a conflict would drop applied entry {index} (applied up to {self._applied})")
        txn, log = self._store.txn, self._store.log
        for doomed in range(index, self.last_index + 1):
            txn.delete(_U64.pack(doomed), db=log)
        self._store.promise()
        self._bytes -= sum(self._sizes[entryFrom:])
        del self._terms[entryFrom:]
        del self._sizes[entryFrom:]
        keep = max(index - self._cache_first, 0)
        self._cache_bytes -= sum(len(entry[0]) + 8 for entry in self._cache[keep:])
        del self._cache[keep:]
        if not self._cache:
            self._cache_first = index
        if self._roster is not None:
            self._roster.truncated(index)

    def clear(self) -> None:
        raise ConsensusBug("pysyncobj asked to clear the log")

    def deleteEntriesTo(self, entryTo: int) -> None:
        raise ConsensusBug("pysyncobj asked to compact the log")

    def __len__(self) -> int:
        return len(self._terms)

    def __getitem__(self, item: int | slice) -> LogEntry | list[LogEntry]:
        if isinstance(item, slice):
            return self._slice(item)
        index = self._first + item if item >= 0 else self._first + len(self._terms) + item
        return self.entry(index)

    def _destroy(self) -> None:
        """The environment outlives the journal."""

    def setRaftCommitIndex(self, raftCommitIndex: int) -> None:
        """Not stored: what is applied is committed, and the rest is learnt again."""

    def getRaftCommitIndex(self) -> int:
        """Never above the log's end (fault F), for it is the applied index."""
        return self._applied

    def setCurrentTerm(self, term: int, votedForNodeId: str | None) -> None:
        if term < self._term or (term == self._term and self._voted_for not in (None, votedForNodeId)):
            raise ConsensusBug(f"vote of term {self._term} for {self._voted_for} replaced by {term}, {votedForNodeId}")
        self._term, self._voted_for = term, votedForNodeId
        self._store.set_vote(term, votedForNodeId)

    def getCurrentTerm(self) -> int:
        return self._term

    def getVotedForNodeId(self) -> str | None:
        return self._voted_for

    # Ours.

    @property
    def first_index(self) -> int:
        return self._first

    @property
    def last_index(self) -> int:
        return self._first + len(self._terms) - 1

    @property
    def last_term(self) -> int:
        return self._terms[-1]

    def term_at(self, index: int) -> int:
        """Term of a held entry."""
        return self._terms[index - self._first]

    def entry(self, index: int) -> LogEntry:
        """A held entry; ``IndexError`` when it is not held."""
        at = index - self._cache_first
        if at >= 0:
            return self._cache[at]
        if index < self._first:
            raise IndexError(index)
        return self._read(index, 1)[0]

    def set_applied(self, index: int) -> None:
        """Entries up to ``index`` are in the state machine, in this tick's transaction."""
        self._applied = index

    def trim(self, keep_entries: int, keep_bytes: int, pinned_index: int) -> None:
        """Drop the oldest applied entries beyond either limit, in steps, and none from ``pinned_index`` on.

        At least one applied entry stays: its term anchors the log.
        """
        drop = 0
        excess = len(self._terms) - keep_entries
        if excess >= min(_TRIM_ENTRIES, keep_entries):
            drop = excess
        if self._bytes > keep_bytes + (keep_bytes >> 3):
            size, count = self._bytes, 0
            while size > keep_bytes and count < len(self._sizes):
                size -= self._sizes[count]
                count += 1
            drop = max(drop, count)
        drop = min(drop, self._applied - self._first, pinned_index - self._first)
        if drop > 0:
            self._drop_front(drop)

    def _drop_front(self, count: int) -> None:
        txn, log = self._store.txn, self._store.log
        for index in range(self._first, self._first + count):
            txn.delete(_U64.pack(index), db=log)
        self._bytes -= sum(self._sizes[:count])
        del self._terms[:count]
        del self._sizes[:count]
        self._first += count
        stale = self._first - self._cache_first
        if stale > 0:
            self._cache_bytes -= sum(len(entry[0]) + 8 for entry in self._cache[:stale])
            del self._cache[:stale]
            self._cache_first = self._first

    def _slice(self, item: slice) -> list[LogEntry]:
        """Entries by position. An open end is bounded: pysyncobj sends from it in batches and looks at its head."""
        start = item.start or 0
        bounded = item.stop is not None
        stop = min(item.stop if bounded else start + _SLICE_ENTRIES_MAX, len(self._terms))
        if start >= stop:
            return []
        at = self._first + start - self._cache_first
        if at >= 0:
            return self._cache[at : at + stop - start]
        entries = self._read(
            self._first + start, min(stop - start, -at), bytes_max=None if bounded else _SLICE_BYTES_MAX
        )
        if len(entries) == -at:
            entries += self._cache[: stop - start - len(entries)]
        return entries

    def _read(self, first: int, count: int, bytes_max: int | None = None) -> list[LogEntry]:
        """Committed entries that left the memory."""
        entries: list[LogEntry] = []
        size = 0
        try:
            with self._store.reading() as txn, txn.cursor(db=self._store.log) as cursor:
                cursor.set_key(_U64.pack(first))
                for key, value in cursor:
                    if len(entries) == count or (bytes_max is not None and size >= bytes_max):
                        break
                    entries.append((value[8:], _U64.unpack(key)[0], _U64.unpack_from(value)[0]))
                    size += len(value)
        except lmdb.Error as error:
            raise StorageError(f"cannot read the log: {error}") from error
        if not entries or entries[0][1] != first:
            raise StorageError(f"log entry {first} is missing")
        return entries

    def _shrink_cache(self) -> None:
        """Halve the cache when it is over its limits: amortized constant."""
        cache = self._cache
        if len(cache) <= _CACHE_ENTRIES_MAX and self._cache_bytes <= _CACHE_BYTES_MAX:
            return
        # Entries not yet applied stay: they may not be committed to LMDB yet, and are wanted soon.
        drop = min(len(cache) // 2, max(self._applied - self._cache_first, 0))
        if drop:
            self._cache_bytes -= sum(len(entry[0]) + 8 for entry in cache[:drop])
            del cache[:drop]
            self._cache_first += drop
