"""Objects deleted on the MDS's word: buried first, removed then, told to the MDS when durable (INV-11).

A deletion belongs to the life of the cluster in which it was asked for (:mod:`dataserver.life`): in the next one its
file may be there again, and its sequence number another file's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from dataserver.life import LifeOver

if TYPE_CHECKING:
    from dataserver.authority import Authority
    from dataserver.life import Life
    from dataserver.objects import ObjectStore
    from dataserver.tombstones import Tombstones
    from mdsproto.control_pb2 import DeleteRequest

log = structlog.get_logger()

DRAIN_TIMEOUT_S: Final = 15.0
REPEAT_AFTER_MS: Final = 3_000
"""An entry asked for again so soon after its acknowledgement crossed it on the way."""
_REMEMBERED_MAX: Final = 65_536
_LIFE_ENDS_S: Final = 0.05
"""The worker looks again after so long, while a life of the cluster ends."""


class Deletions:
    """The data server's part of the replicated deletion queue. All of it is idempotent."""

    def __init__(
        self,
        authority: Authority,
        store: ObjectStore,
        tombstones: Tombstones,
        clock_ns: Callable[[], int],
        life: Life,
    ) -> None:
        self._authority = authority
        self._store = store
        self._tombstones = tombstones
        self._clock_ns = clock_ns
        self._life = life
        self._working = threading.Lock()
        self._lock = threading.Condition()
        self._wanted: dict[int, DeleteRequest] = {}
        self._done: set[int] = set()
        self._acknowledged: dict[int, int] = {}
        self._stopping = False
        life.ends_with(self._forget)

    # ------------------------------------------------------------ with the heartbeat
    def request(self, entries: Iterable[DeleteRequest], life: int) -> None:
        """Entries that an MDS asks for; those done already are acknowledged again. :class:`LifeOver`."""
        repeat_ns = self._clock_ns() - REPEAT_AFTER_MS * 1_000_000
        with self._life.held(life), self._lock:
            for entry in entries:
                if entry.sequence in self._done or self._acknowledged.get(entry.sequence, repeat_ns - 1) > repeat_ns:
                    continue
                self._wanted.setdefault(entry.sequence, entry)
            if self._wanted:
                self._lock.notify()

    def take_done(self) -> list[int]:
        """Sequences to acknowledge in a heartbeat; then :meth:`acknowledged` or :meth:`put_back`, with the number that
        the life had before. Should another one begin in between, they are asked for again."""
        with self._lock:
            taken, self._done = self._done, set()
        return sorted(taken)

    def acknowledged(self, sequences: Iterable[int], life: int) -> None:
        """A quorum-backed MDS has taken them. :class:`LifeOver`."""
        now_ns = self._clock_ns()
        with self._life.held(life), self._lock:
            for sequence in sequences:
                self._acknowledged.pop(sequence, None)
                self._acknowledged[sequence] = now_ns
            while len(self._acknowledged) > _REMEMBERED_MAX:
                del self._acknowledged[next(iter(self._acknowledged))]

    def put_back(self, sequences: Iterable[int], life: int) -> None:
        """The heartbeat failed. In another life nobody waits for them."""
        with suppress(LifeOver), self._life.held(life), self._lock:
            self._done.update(sequences)

    def _forget(self, era: int, restored: bool) -> None:
        """Who asked for them is no more. Those under way find that out before they remove anything."""
        with self._lock:
            self._wanted.clear()
            self._done.clear()
            self._acknowledged.clear()
        if restored:
            self._tombstones.clear()

    @property
    def pending(self) -> int:
        """How many are asked for and not done."""
        return len(self._wanted)

    # ------------------------------------------------------------ the work
    def run(self) -> None:
        """The worker thread, until :meth:`stop`."""
        while True:
            with self._lock:
                while not self._wanted and not self._stopping:
                    self._lock.wait()
                if self._stopping:
                    return
            if not self.work():
                with self._lock:
                    self._lock.wait(_LIFE_ENDS_S)

    def work(self) -> bool:
        """Do what is asked for now; False when the life in which it was is over, or ends in this moment."""
        life = self._life.number  # before the batch: what was asked for in a later one is not done in its name
        with self._lock:
            batch = list(self._wanted.values())
        try:
            try:
                done = self.delete(batch, life)
            except OSError as error:  # TimeoutError is one
                log.warning("objects could not be deleted; the MDS will ask again", reason=str(error))
                done = []
            with self._life.held(life), self._lock:
                self._done.update(done)
                for entry in batch:
                    self._wanted.pop(entry.sequence, None)
        except LifeOver:
            return False
        return True

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            self._lock.notify_all()

    def delete(self, entries: Iterable[DeleteRequest], life: int) -> list[int]:
        """Delete now, durably; the sequences that are done. ``OSError``; ``TimeoutError`` when I/O does not end;
        :class:`LifeOver`: perhaps nothing was deleted, and nobody is to be told."""
        batch = list(entries)
        if not batch:
            return []
        with self._working:
            whole = [entry.fileid for entry in batch if not entry.stripes]
            with self._life.held(life):
                forgotten = self._tombstones.add(whole)
            self._authority.bury(whole, forget=forgotten, drain_timeout_s=DRAIN_TIMEOUT_S, life=life)
            with self._life.held(life):  # looked at again: I/O of before may have taken long to end
                self._store.delete((entry.fileid, list(entry.stripes)) for entry in batch)
        return [entry.sequence for entry in batch]
