"""Data servers that are to go, by the operator's word (proto: Admin.ChangeDataServer)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mdscluster import replica_async
from mdscluster.fsm import data_servers, draining, features, lost_stores
from mdscluster.fsm.commands import DrainDataServer, Internal, RetireDataServer, pack_internal
from mdscluster.fsm.draining import Verdict
from mdsproto import admin_pb2

if TYPE_CHECKING:
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

Reply = admin_pb2.ChangeDataServerReply

SHOWN: Final = 10
"""Files that are named."""
_PAGE_S: Final = 0.05
_BREATH_ROWS: Final = 64

_WORDS: Final = {
    Verdict.UNKNOWN: "there is no such data server",
    Verdict.LAST: "no other data server that is up takes new files: nothing could be written any more",
    Verdict.NOT_DRAINED: "it is not drained, or was not all the time",
    Verdict.UP: "it is up, and would come back by itself: stop it first",
}


async def change(replica: Replica, tables: Tables, request: admin_pb2.ChangeDataServerRequest) -> Reply:
    """Carry one change out, or say why not. Nothing is done that would lose data.

    A lost store is let go like a data server: when no file is left that had data there.
    """
    ds_id = lost_stores.id_of(request.ds_id)
    if not await replica_async.barrier(replica):
        return Reply(code="unknown", text="no quorum: nothing was changed")
    if request.kind in ("drain", "undrain"):
        reply = await _propose(replica, tables, DrainDataServer(ds_id, request.kind == "drain"))
        return await _with_files(replica, tables, ds_id, reply) if reply.code == "done" else reply
    if request.kind == "remove":
        return await _remove(replica, tables, ds_id)
    return Reply(code="refused", text=f"there is no change {request.kind!r}")


async def _remove(replica: Replica, tables: Tables, ds_id: str) -> Reply:
    with replica.env.begin() as txn:
        server = data_servers.registered(txn, tables, ds_id)
        serial = None if server is None else data_servers.drains(txn, tables).get(server.number)
    if server is None:
        return Reply(code="refused", text=_WORDS[Verdict.UNKNOWN])
    if serial is None:
        return Reply(code="refused", text="it is not drained: new files may come to it at any moment")
    # The drain is committed and shown here: no file can come to it from now on while that serial is in force.
    found = await _with_files(replica, tables, ds_id, Reply(code="holds_files"))
    if found.files:
        return found
    return await _propose(replica, tables, RetireDataServer(ds_id, serial))


async def _propose(replica: Replica, tables: Tables, command: Internal) -> Reply:
    with replica.env.begin() as txn:
        level = features.level(txn, tables)
    if too_early := features.shortfall(command, level):
        return Reply(code="refused", text=too_early)
    result = await replica_async.propose(replica, pack_internal(command))
    if result is None:
        return Reply(code="unknown", text="no quorum confirmed it: it may still happen")
    if len(result) < 2:
        return Reply(code="refused", text="the cluster's feature level does not allow it")
    verdict = Verdict(result[1])
    return Reply(code="done") if verdict is Verdict.DONE else Reply(code="refused", text=_WORDS[verdict])


async def _with_files(replica: Replica, tables: Tables, ds_id: str, reply: Reply) -> Reply:
    """Count the files that have data there, and name some; a page at a time: no transaction is open for long."""
    with replica.env.begin() as txn:
        number = data_servers.number_of(txn, tables, ds_id)

    def page(after: bytes) -> tuple[bytes, list[int]]:
        with replica.env.begin() as txn:
            return _on(draining.stripings(txn, tables, after), number)

    after = b""
    while True:
        after, found = await asyncio.to_thread(page, after)
        reply.files += len(found)
        reply.fileids.extend(found[: SHOWN - len(reply.fileids)])
        if not after:
            return reply


def _on(stripings: Iterator[tuple[bytes, tuple[int, list[int]]]], number: int) -> tuple[bytes, list[int]]:
    """Files with data at this number, until the page's time is up; where to go on (empty: that was all)."""
    until_s = time.monotonic() + _PAGE_S
    found: list[int] = []
    for seen, (place, (fileid, numbers)) in enumerate(stripings, 1):
        if number in numbers:
            found.append(fileid)
        if seen % _BREATH_ROWS == 0:
            if time.monotonic() > until_s:
                return place, found
            time.sleep(0)  # the loop's turn, if it wants one
    return b"", found
