"""State machines for the consensus tests: what was applied, in order, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING

from mdscluster.raft.members import FEATURE_LEVEL

if TYPE_CHECKING:
    import lmdb

_U64 = Struct(">Q")
_COUNT = b"count"


class AppendMachine:
    """Keeps every command in LMDB under its ordinal. A command that starts with ``event`` is also an event."""

    feature_level = FEATURE_LEVEL

    def __init__(self, env: lmdb.Environment, ran: Callable[[int, bytes], None] = lambda index, command: None) -> None:
        """``ran`` is told of each command and its entry."""
        self._env = env
        self._ran = ran
        self._count = 0
        self._events: list[bytes] = []
        self.entries: list[tuple[int, int, int]] = []
        """(index, wall_ns, lease_ms) of the entries applied by this process."""

    def open(self, txn: lmdb.Transaction) -> None:
        self._db = self._env.open_db(b"append", txn=txn)
        self._txn = txn
        raw = txn.get(_COUNT, db=self._db)
        self._count = 0 if raw is None else _U64.unpack(raw)[0]

    def begin_entry(self, txn: lmdb.Transaction, index: int, wall_ns: int, lease_ms: int) -> None:
        self._txn = txn
        self.entries.append((index, wall_ns, lease_ms))

    def apply(self, payload: bytes) -> bytes:
        self._txn.put(_U64.pack(self._count), payload, db=self._db)
        self._count += 1
        if payload.startswith(b"event"):
            self._events.append(payload)
        self._ran(self.entries[-1][0], payload)
        return b"%d" % self._count

    def end_entry(self) -> None:
        self._txn.put(_COUNT, _U64.pack(self._count), db=self._db)

    def take_events(self) -> list[bytes]:
        events, self._events = self._events, []
        return events

    def digest(self, txn: lmdb.Transaction) -> bytes:
        return hashlib.blake2b(b"\0".join(self.history(txn)), digest_size=16).digest()

    def count(self, txn: lmdb.Transaction) -> int:
        """How many commands were applied, as committed."""
        raw = txn.get(_COUNT, db=self._db)
        return 0 if raw is None else int(_U64.unpack(raw)[0])

    def history(self, txn: lmdb.Transaction) -> list[bytes]:
        """Every command applied, in order, as committed."""
        with txn.cursor(db=self._db) as cursor:
            return [bytes(value) for key, value in cursor if key != _COUNT]


class NullMachine:
    """Answers every command at once and keeps nothing: what consensus alone costs."""

    feature_level = FEATURE_LEVEL

    def __init__(self, env: lmdb.Environment) -> None:
        """Needs no table."""

    def open(self, txn: lmdb.Transaction) -> None:
        """Needs no table."""

    def begin_entry(self, txn: lmdb.Transaction, index: int, wall_ns: int, lease_ms: int) -> None:
        """Keeps nothing."""

    def apply(self, payload: bytes) -> bytes:
        return payload[:8]

    def end_entry(self) -> None:
        """Keeps nothing."""

    def take_events(self) -> list[bytes]:
        return []

    def digest(self, txn: lmdb.Transaction) -> bytes:
        return b""
