"""Epochs and fences: which filehandles data servers have to refuse (INV-6).

Filehandles carry the epoch in which they were granted. A fence says: handles of this client (of one file, or of all)
below an epoch are void. Raising a fence raises the epoch, so that what is granted afterwards is not hit by it; the
epoch is therefore also the version of the whole list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm.tables import U64, U64x2

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.tables import Tables

EVENT_FENCE: Final = b"F"  # the fence list grew: data servers must hear of it
EVERY: Final = 0
"""In the place of a fileid or client ID."""

_EPOCH: Final = b"epoch"


def _epoch(txn: lmdb.Transaction, tables: Tables) -> int:
    raw = txn.get(_EPOCH, db=tables.meta)
    return 1 if raw is None else int(U64.unpack(raw)[0])


def epoch(cx: Compound) -> int:
    """The epoch that filehandles are granted in now."""
    return _epoch(cx.txn, cx.tables)


def raise_fence(cx: Compound, fileid: int, client_id: int) -> int:
    """Void every handle of this client that was granted so far; the first epoch that is good again."""
    following = epoch(cx) + 1
    cx.put(_EPOCH, U64.pack(following), db=cx.tables.meta)
    cx.put(U64x2.pack(fileid, client_id), U64.pack(following), db=cx.tables.fence)
    cx.events.items.append(EVENT_FENCE)
    return following


def of(cx: Compound, fileid: int, client_id: int) -> int:
    """The least epoch that this fence lets pass; 0 when there is none."""
    raw = cx.get(U64x2.pack(fileid, client_id), db=cx.tables.fence)
    return 0 if raw is None else int(U64.unpack(raw)[0])


def count(cx: Compound) -> int:
    """How many fences there are."""
    return int(cx.txn.stat(cx.tables.fence)["entries"])


def collapse(cx: Compound, epoch_oldest: int) -> None:
    """Void everything below ``epoch_oldest``, and drop the fences that say no more than that.

    So handles of clients long gone stay refused, and the list stays short. No live layout may be older.
    """
    key = U64x2.pack(EVERY, EVERY)
    with cx.txn.cursor(db=cx.tables.fence) as cursor:
        said = [name for name, value in cursor if U64.unpack(value)[0] <= epoch_oldest]
    for name in said:
        cx.delete(name, db=cx.tables.fence)
    if said:
        cx.put(key, U64.pack(epoch_oldest), db=cx.tables.fence)


def fences(txn: lmdb.Transaction, tables: Tables) -> tuple[int, list[tuple[int, int, int]]]:
    """The list for the data servers: its version (the epoch), and (fileid, client ID, least epoch) of each fence."""
    with txn.cursor(db=tables.fence) as cursor:
        return _epoch(txn, tables), [(*U64x2.unpack(key), U64.unpack(value)[0]) for key, value in cursor]
