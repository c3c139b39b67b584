"""What consensus asks of the state machine it replicates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import lmdb

RESTART_EXIT_CODE = 75
"""Exit code of a consensus process that installed a snapshot and must be started again at once (EX_TEMPFAIL)."""
STORAGE_EXIT_CODE = 74
"""Exit code after an error of the log's storage (EX_IOERR). fsync is never retried: what is on disk is unknown."""


class StateMachine(Protocol):
    """Deterministic: equal entries in equal order give equal tables (INV-8). No clock, network or randomness."""

    feature_level: int
    """What the cluster has committed to use; nodes that know less are not let in."""

    def open(self, txn: lmdb.Transaction) -> None:
        """Called once at start inside a write transaction: create what is missing."""

    def begin_entry(self, txn: lmdb.Transaction, index: int, wall_ns: int, lease_ms: int) -> None:
        """The commands that follow belong to log entry ``index``.

        ``wall_ns`` is the leader's wall clock at the append and may jump either way between entries.
        ``lease_ms`` only grows: it runs while a leader is in office, across changes of leader.
        """

    def apply(self, payload: bytes) -> bytes:
        """Run one command. A refusal is a value; an exception is a bug and stops the node."""

    def end_entry(self) -> None:
        """The entry is complete; the transaction goes on and may hold more entries."""

    def take_events(self) -> list[bytes]:
        """Opaque events for the local front end; asked for after the commit."""

    def digest(self, txn: lmdb.Transaction) -> bytes:
        """A hash over the whole replicated state (INV-8)."""


MachineFactory = Callable[["lmdb.Environment"], StateMachine]
"""Builds the node's state machine over its environment; ``open`` follows."""
