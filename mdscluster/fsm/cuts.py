"""Cutting the objects of a file that became shorter.

A file's size is the metadata server's word alone, so a cut is committed at once and no operation on metadata ever
waits for a data server. What lies behind the new end on the data servers must not come back, though, when the file
grows again: so a row here says which of them still have to cut, and where. Until they have, no layout of the file is
granted, a proxied WRITE waits for the data servers that it goes to, and a proxied READ takes what lies behind the cut
for zeros. Nobody holds a layout when a cut begins (:mod:`mdscluster.fsm.recalls`; below feature level 9, when what a
revoked writer left was cut off, somebody could hold one for reading).

A proxied WRITE that began before a cut may have lost its data to it. ``Inode.cuts`` counts them, and the WRITE is not
counted as done unless it is what it was (:mod:`mdscluster.fsm.operations.proxy`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import data_servers
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm import commands
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.records import Inode
    from mdscluster.fsm.tables import Tables

EVENT_TRUNCATE: Final = b"T"  # + fileid: objects are to be cut
EVENT_RETURNED: Final = b"D"  # + fileid: something that requests may wait for is done

PREFIX: Final = b"T"
"""In the table of recalls: PREFIX + fileid -> :class:`Cut`."""
KEY_BYTES: Final = 9


class Cut(msgspec.Struct, array_like=True):
    """A file whose objects are being cut."""

    fileid: int
    serial: int  # Inode.cuts since then
    remaining: list[tuple[int, int]]  # number of a data server that has not done it yet, and the size to cut to


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Cut).decode


def begin(cx: Compound, inode: Inode, size: int) -> None:
    """Have the file's objects cut to ``size``. Counted in ``inode``, which is not stored.

    Nothing was written to where an earlier cut is still to be done, so the smaller of the two sizes holds there.
    """
    striping = data_servers.striping_of(cx.txn, cx.tables, inode.fileid)
    if striping is None:
        return
    earlier = of_file(cx.txn, cx.tables, inode.fileid)
    before = {} if earlier is None else dict(earlier.remaining)
    inode.cuts += 1
    lost = data_servers.lost_numbers(cx)
    remaining = [(n, min(size, before.get(n, size))) for n in striping.numbers if n not in lost]
    if not remaining:
        return
    cx.put(PREFIX + U64.pack(inode.fileid), encode(Cut(inode.fileid, inode.cuts, remaining)), db=cx.tables.recall)
    cx.events.items.append(EVENT_TRUNCATE + U64.pack(inode.fileid))


def of_file(txn: lmdb.Transaction, tables: Tables, fileid: int) -> Cut | None:
    """The cut of a file that data servers have not all carried out."""
    raw = txn.get(PREFIX + U64.pack(fileid), db=tables.recall)
    return None if raw is None else decode(raw)


def forget(cx: Compound, fileid: int) -> None:
    """The file is gone, and its objects go with it."""
    key = PREFIX + U64.pack(fileid)
    if cx.get(key, db=cx.tables.recall) is not None:
        cx.delete(key, db=cx.tables.recall)
        cx.events.items.append(EVENT_RETURNED + U64.pack(fileid))


def truncated(cx: Compound, command: commands.Truncated) -> bytes:
    """Some data servers have carried out a cut. An older cut's report says nothing of the one that is under way."""
    cut = of_file(cx.txn, cx.tables, command.fileid)
    if cut is None or cut.serial != command.serial:
        return b""
    _done(cx, cut, command.numbers)
    return b""


def _done(cx: Compound, cut: Cut, numbers: list[int]) -> None:
    cut.remaining = [entry for entry in cut.remaining if entry[0] not in numbers]
    if cut.remaining:
        cx.put(PREFIX + U64.pack(cut.fileid), encode(cut), db=cx.tables.recall)
    else:
        forget(cx, cut.fileid)


def forget_server(cx: Compound, number: int) -> None:
    """A data server's store is lost: nothing is left there that could be cut."""
    with cx.txn.cursor(db=cx.tables.recall) as cursor:
        found = [decode(value) for key, value in cursor if key.startswith(PREFIX) and len(key) == KEY_BYTES]
    for cut in found:
        if number in dict(cut.remaining):
            _done(cx, cut, [number])
