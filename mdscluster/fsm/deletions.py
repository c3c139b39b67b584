"""The deletion queue: objects of dead files that data servers still have to delete (INV-11).

One row for each data server that owes a deletion: its number and a sequence number, so that each works
off its own part in order, and one that is down for long is in nobody's way. All rows of a file are
entered in the transaction that removes the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from mdscluster.fsm import recalls
from mdscluster.fsm.data_servers import lost_numbers, number_of, striping_of
from mdscluster.fsm.tables import U64, U64x2

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm import commands
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.tables import Tables

_NEXT: Final = b"next_deletion"


def enqueue(cx: Compound, fileid: int) -> None:
    """Pass the objects of a file that is being removed to the queue, and forget its layouts."""
    recalls.forget_file(cx, fileid)
    striping = striping_of(cx.txn, cx.tables, fileid)
    if striping is None:
        return
    cx.delete(U64.pack(fileid), db=cx.tables.layout)
    raw = cx.get(_NEXT, db=cx.tables.meta)
    sequence: int = 1 if raw is None else U64.unpack(raw)[0]
    cx.put(_NEXT, U64.pack(sequence + 1), db=cx.tables.meta)
    lost = lost_numbers(cx)
    for number in striping.numbers:
        if number in lost:
            continue  # and its objects with it
        cx.put(U64x2.pack(number, sequence), U64.pack(fileid), db=cx.tables.deletion)
    cx.events.items.append(recalls.EVENT_DELETE)


def objects_deleted(cx: Compound, command: commands.ObjectsDeleted) -> bytes:
    """A data server has deleted the objects of these entries: it owes nothing more for them."""
    number = number_of(cx.txn, cx.tables, command.ds_id)
    for sequence in command.sequences:
        cx.delete(U64x2.pack(number, sequence), db=cx.tables.deletion)
    return b""


def forget_server(cx: Compound, number: int) -> None:
    """A data server's store is lost, and all objects on it."""
    for sequence, _ in list(_queue(cx.txn, cx.tables, number)):
        cx.delete(U64x2.pack(number, sequence), db=cx.tables.deletion)


def _queue(txn: lmdb.Transaction, tables: Tables, number: int) -> Iterator[tuple[int, int]]:
    with txn.cursor(db=tables.deletion) as cursor:
        if cursor.set_range(U64x2.pack(number, 0)):
            for key, value in cursor:
                owner, sequence = U64x2.unpack(key)
                if owner != number:
                    return
                yield sequence, U64.unpack(value)[0]


def _queue_of(txn: lmdb.Transaction, tables: Tables, ds_id: str) -> Iterator[tuple[int, int]]:
    return _queue(txn, tables, number_of(txn, tables, ds_id))


def deletions_for(txn: lmdb.Transaction, tables: Tables, ds_id: str, limit: int) -> list[tuple[int, int]]:
    """The oldest entries of a data server, at most ``limit``: (sequence, fileid)."""
    return list(islice(_queue_of(txn, tables, ds_id), limit))


def pending_deletes(txn: lmdb.Transaction, tables: Tables, ds_id: str) -> int:
    """How many entries a data server has yet to work off."""
    return sum(1 for _ in _queue_of(txn, tables, ds_id))
