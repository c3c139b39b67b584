"""Eras: which of its lives the cluster is in (docs/adr/0026).

Raft's term orders leaders, and orders nothing across a restore: a cluster made from a backup has the same ID, and its
terms begin anew. So each life has an *era*, the log's wall clock when its first leader came to know it, and data
servers order what they are told by (era, term). An era is always greater than that of the life that was backed up; that
it is greater than that of another life restored from the same backup hangs on the wall clock.

So do the numbers that two such lives hand out. Both begin with those of the backup, advanced by the same jump
(:mod:`mdscluster.fsm.restoring`). With its era a restored life advances them once more, by more than can have been used
in the time since the backup: whoever begins later begins above all that the other has handed out. Until then it takes
no client in (:func:`is_awaited`), so that nothing at all is handed out twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm import features, numbers
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm import commands
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.tables import Tables

USED_PER_S: Final = 1 << 12
"""Numbers that a life uses in a second, at most, on average from its beginning to the next one's."""
USED_PER_S_32: Final = 1 << 2
"""Of those that have 32 bits on the wire: clients that come, and fences."""
ADVANCE_MAX: Final = 1 << 36
ADVANCE_MAX_32: Final = 1 << 26
"""Reached with a backup that is half a year old: two lives of an older one are told apart by their eras only."""

_ERA: Final = b"era"
_LAST: Final = b"last_era"
"""Of the life that the backup is of; there until a further backup is restored."""
_BACKUP: Final = b"backup_s"
"""The log's time when that was made, seconds."""


def current(txn: lmdb.Transaction, tables: Tables) -> int:
    """The era, nanoseconds since 1970; 0: none was begun."""
    return _read(txn, tables, _ERA)


def is_awaited(txn: lmdb.Transaction, tables: Tables) -> bool:
    """Whether the state was restored, and this life of the cluster has yet to begin: no number may be handed out."""
    return txn.get(_LAST, db=tables.meta) is not None and not current(txn, tables)


def begin(cx: Compound, command: commands.BeginEra) -> bytes:
    """Begin one, if there is none. That it comes twice, or late, changes nothing."""
    tables = cx.tables
    if current(cx.txn, tables):
        return b""
    if is_awaited(cx.txn, tables):
        passed_s = max(0, cx.now_s - _read(cx.txn, tables, _BACKUP))
        numbers.advance(cx, min(passed_s * USED_PER_S, ADVANCE_MAX), min(passed_s * USED_PER_S_32, ADVANCE_MAX_32))
    now_ns = cx.now_s * 1_000_000_000 + cx.now_ns
    cx.put(_ERA, U64.pack(max(now_ns, _read(cx.txn, tables, _LAST) + 1)), db=tables.meta)
    return b""


def end(cx: Compound) -> None:
    """The state was restored from a backup, made at the log's time: its next leader begins another era.

    Below the level that eras need, later leaders begin one when the level is reached, and nobody waits for that.
    """
    if features.level(cx.txn, cx.tables) < features.MANDATES:
        return
    cx.put(_LAST, U64.pack(max(current(cx.txn, cx.tables), _read(cx.txn, cx.tables, _LAST))), db=cx.tables.meta)
    cx.put(_BACKUP, U64.pack(cx.now_s), db=cx.tables.meta)
    cx.delete(_ERA, db=cx.tables.meta)


def _read(txn: lmdb.Transaction, tables: Tables, key: bytes) -> int:
    raw = txn.get(key, db=tables.meta)
    return 0 if raw is None else int(U64.unpack(raw)[0])
