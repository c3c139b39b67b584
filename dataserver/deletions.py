"""Objects deleted on the MDS's word: buried first, removed then, told to the MDS when durable (INV-11)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from dataserver.authority import Authority
    from dataserver.objects import ObjectStore
    from dataserver.tombstones import Tombstones
    from mdsproto.control_pb2 import DeleteRequest

log = structlog.get_logger()

DRAIN_TIMEOUT_S: Final = 15.0
REPEAT_AFTER_MS: Final = 3_000
"""An entry asked for again so soon after its acknowledgement crossed it on the way."""
_REMEMBERED_MAX: Final = 65_536


class Deletions:
    """The data server's part of the replicated deletion queue. All of it is idempotent."""

    def __init__(
        self, authority: Authority, store: ObjectStore, tombstones: Tombstones, clock_ns: Callable[[], int]
    ) -> None:
        self._authority = authority
        self._store = store
        self._tombstones = tombstones
        self._clock_ns = clock_ns
        self._working = threading.Lock()
        self._lock = threading.Condition()
        self._wanted: dict[int, DeleteRequest] = {}
        self._done: set[int] = set()
        self._acknowledged: dict[int, int] = {}
        self._stopping = False

    # ------------------------------------------------------------ with the heartbeat
    def request(self, entries: Iterable[DeleteRequest]) -> None:
        """Entries that an MDS asks for; those done already are acknowledged again."""
        repeat_ns = self._clock_ns() - REPEAT_AFTER_MS * 1_000_000
        with self._lock:
            for entry in entries:
                if entry.sequence in self._done or self._acknowledged.get(entry.sequence, repeat_ns - 1) > repeat_ns:
                    continue
                self._wanted.setdefault(entry.sequence, entry)
            if self._wanted:
                self._lock.notify()

    def take_done(self) -> list[int]:
        """Sequences to acknowledge in a heartbeat; then :meth:`acknowledged` or :meth:`put_back`."""
        with self._lock:
            taken, self._done = self._done, set()
        return sorted(taken)

    def acknowledged(self, sequences: Iterable[int]) -> None:
        """A quorum-backed MDS has taken them."""
        now_ns = self._clock_ns()
        with self._lock:
            for sequence in sequences:
                self._acknowledged.pop(sequence, None)
                self._acknowledged[sequence] = now_ns
            while len(self._acknowledged) > _REMEMBERED_MAX:
                del self._acknowledged[next(iter(self._acknowledged))]

    def put_back(self, sequences: Iterable[int]) -> None:
        """The heartbeat failed."""
        with self._lock:
            self._done.update(sequences)

    # ------------------------------------------------------------ the work
    def run(self) -> None:
        """The worker thread, until :meth:`stop`."""
        while True:
            with self._lock:
                while not self._wanted and not self._stopping:
                    self._lock.wait()
                if self._stopping:
                    return
                batch = list(self._wanted.values())
            try:
                done = self.delete(batch)
            except (OSError, TimeoutError) as error:
                log.warning("objects could not be deleted; the MDS will ask again", reason=str(error))
                done = []
            with self._lock:
                self._done.update(done)
                for entry in batch:
                    self._wanted.pop(entry.sequence, None)

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            self._lock.notify_all()

    def delete(self, entries: Iterable[DeleteRequest]) -> list[int]:
        """Delete now, durably; the sequences that are done. ``OSError``; ``TimeoutError`` when I/O does not end."""
        batch = list(entries)
        if not batch:
            return []
        with self._working:
            whole = [entry.fileid for entry in batch if not entry.stripes]
            forgotten = self._tombstones.add(whole)
            self._authority.bury(whole, forget=forgotten, drain_timeout_s=DRAIN_TIMEOUT_S)
            self._store.delete((entry.fileid, list(entry.stripes)) for entry in batch)
        return [entry.sequence for entry in batch]
