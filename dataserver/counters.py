"""What was served: one :class:`Counters` per connection thread, so that counting takes no lock; summed when asked."""

from __future__ import annotations

import threading
from collections import Counter

import msgspec

from telemetry.histogram import Histogram


class Counters(msgspec.Struct):
    """Counts since start; bytes are payload."""

    reads: int = 0
    writes: int = 0
    commits: int = 0
    compounds: int = 0
    replays: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    errors: Counter[int] = msgspec.field(default_factory=Counter)
    """By NFS status: every result but NFS4_OK that was sent."""
    sync: Histogram = msgspec.field(default_factory=Histogram)
    """COMMITs and stable WRITEs, made durable."""

    def add(self, other: Counters) -> None:
        self.reads += other.reads
        self.writes += other.writes
        self.commits += other.commits
        self.compounds += other.compounds
        self.replays += other.replays
        self.read_bytes += other.read_bytes
        self.written_bytes += other.written_bytes
        self.errors.update(other.errors.copy())
        self.sync.add(other.sync)


class Ledger:
    """All counters of a server: of live connections, and the sum of those that ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[int, Counters] = {}
        self._ended = Counters()

    def open(self) -> Counters:
        counters = Counters()
        with self._lock:
            self._live[id(counters)] = counters
        return counters

    def close(self, counters: Counters) -> None:
        with self._lock:
            if self._live.pop(id(counters), None) is not None:
                self._ended.add(counters)

    def total(self) -> Counters:
        total = Counters()
        with self._lock:
            total.add(self._ended)
            for counters in self._live.values():
                total.add(counters)
        return total
