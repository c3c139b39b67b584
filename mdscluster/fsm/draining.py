"""Data servers that are to go: no new file is laid on them, and once none is left there, they are forgotten.

A file's striping never changes. So while a data server is drained, the files on it become fewer only. Whoever reads the
whole table of stripings after the drain was committed, and finds no file there, knows that there is none and will be
none, as long as that same drain is in force: its *serial* says so. That reading is long, and done outside of the log.

Moving a file's data to other data servers is not built: drained ones empty as files are deleted.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import cuts, data_servers, deletions
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    from collections.abc import Iterator

    import lmdb

    from mdscluster.fsm import commands
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.tables import Tables

_NEXT: Final = b"next_drain"
_KEY: Final = b"%b\0%d"  # data server's ID, number: beside the registrations, as lost stores are
REMOVED: Final = "/removed-"
"""In the ID of a registration that stays so that neither its number nor its store is used again."""


class Verdict(IntEnum):
    """What came of a command."""

    DONE = 0
    UNKNOWN = 1
    """There is no such data server."""
    LAST = 2
    """No other takes new files."""
    NOT_DRAINED = 3
    """It is not drained, or was not all the time."""
    UP = 4
    """It still runs: it would come back by itself."""


def drain(cx: Compound, command: commands.DrainDataServer) -> bytes:
    """DrainDataServer. The last data server that takes files is not drained: nothing could be written then."""
    server = data_servers.registered(cx.txn, cx.tables, command.ds_id)
    if server is None:
        return _say(Verdict.UNKNOWN)
    drained = data_servers.drains(cx.txn, cx.tables)
    if not command.on:
        drained.pop(server.number, None)
    elif server.number not in drained:
        servers = data_servers.all_servers(cx.txn, cx.tables)
        if not any(s.up and s.number not in drained and s.number != server.number for s in servers):
            return _say(Verdict.LAST)
        raw = cx.get(_NEXT, db=cx.tables.meta)
        serial = 1 if raw is None else int(U64.unpack(raw)[0])
        cx.put(_NEXT, U64.pack(serial + 1), db=cx.tables.meta)
        drained[server.number] = serial
    _save(cx, drained)
    return _say(Verdict.DONE)


def retire(cx: Compound, command: commands.RetireDataServer) -> bytes:
    """RetireDataServer. Its registration stays under another ID, as a lost store: numbers are not used again, and its
    store is known when it comes back (:func:`~mdscluster.fsm.data_servers.given_up`)."""
    server = data_servers.registered(cx.txn, cx.tables, command.ds_id)
    if server is None:
        return _say(Verdict.UNKNOWN)
    drained = data_servers.drains(cx.txn, cx.tables)
    if drained.get(server.number) != command.serial:
        return _say(Verdict.NOT_DRAINED)
    if server.up:
        return _say(Verdict.UP)
    del drained[server.number]
    _save(cx, drained)
    key = command.ds_id.encode()
    cx.delete(key, db=cx.tables.data_server)
    gone = msgspec.structs.replace(
        server, ds_id=f"{server.ds_id}{REMOVED}{server.number}", capacity_bytes=0, free_bytes=0, lost=True
    )
    data_servers.save(cx, _KEY % (key, server.number), gone)
    data_servers.note_lost(cx, server.number)
    cuts.forget_server(cx, server.number)
    deletions.forget_server(cx, server.number)
    return _say(Verdict.DONE)


def _save(cx: Compound, drained: dict[int, int]) -> None:
    cx.put(data_servers.DRAINS_KEY, msgspec.msgpack.encode(sorted(drained.items())), db=cx.tables.meta)


def _say(verdict: Verdict) -> bytes:
    return bytes((verdict,))


# ---------------------------------------------------------------- read views
def stripings(
    txn: lmdb.Transaction, tables: Tables, after: bytes
) -> Iterator[tuple[bytes, tuple[int, list[int]]]]:
    """(fileid, numbers of its data servers) of every file that has data, with places to go on behind."""
    with txn.cursor(db=tables.layout) as cursor:
        found = cursor.set_range(after) if after else cursor.first()
        if found and after and cursor.key() == after:
            found = cursor.next()
        while found:
            key = bytes(cursor.key())
            yield key, (U64.unpack(key)[0], data_servers.decode_striping(cursor.value()).numbers)
            found = cursor.next()
