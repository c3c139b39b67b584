"""Stores that are lost for good: a data server goes on with an empty one, by the operator's word.

A missing object is a hole, and reads as zeros. So the objects of a lost store must not be looked for in the one that
takes its place, or acknowledged data would turn into zeros without anybody being told (INV-10). Files name data servers
by number: the data server gets a new number, and the old one stays as a registration that is never up. Reading a stripe
that lay there is an I/O error; the rest of the file can be read, and the file removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import cuts, data_servers, deletions, features
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    from mdscluster.fsm import commands
    from mdscluster.fsm.compound import Compound

LOST: Final = "/lost-"
"""In the ID of a store that was given up, before its number."""
_KEY: Final = b"%b\0%d"  # data server's ID, number: beside the registrations, and no data server's ID


def replace(cx: Compound, command: commands.ReplaceStore) -> bytes:
    """A data server's registered store is lost. Returns its new number, as 8 bytes; nothing if it is not registered, or
    no more as the number that the word was given for.

    Every metadata server passes the word on, and that may be late: the store that it was given for is known by another
    number by then, or another one has taken its place, which holds the data now and must not be given up for it.
    """
    key = command.ds_id.encode()
    server = data_servers.registered(cx.txn, cx.tables, command.ds_id)
    if server is None or server.store_id == command.store_id:
        return b""  # done before, or nothing to be lost: it registers as any other
    if features.level(cx.txn, cx.tables) >= features.STORES_STAY_AWAY and server.number != command.number:
        return b""
    number = data_servers.next_number(cx)
    lost = msgspec.structs.replace(
        server, ds_id=f"{server.ds_id}{LOST}{server.number}", up=False, capacity_bytes=0, free_bytes=0, lost=True
    )
    data_servers.save(cx, _KEY % (key, server.number), lost)
    data_servers.note_lost(cx, server.number)
    # It is up again with the next heartbeat, and layouts through the old number have to be recalled.
    following = msgspec.structs.replace(server, number=number, up=False, store_id=command.store_id)
    data_servers.save(cx, key, following)
    cx.put(data_servers.STALE_KEY, b"", db=cx.tables.recall)
    cuts.forget_server(cx, server.number)
    deletions.forget_server(cx, server.number)
    return U64.pack(number)


def id_of(name: str) -> str:
    """The ID by which a registration is found, of what lists call ``name``.

    Of a lost store, listed as ``ds1/lost-3``, it is its key's: no data server's ID. Of all others the name.
    """
    ds_id, lost, number = name.partition(LOST)
    return f"{ds_id}\0{number}" if lost else name
