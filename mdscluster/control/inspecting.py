"""Lists of what clients hold, for an operator (proto: Admin.List...): a page at a time.

A page is read in a thread, which lets go of the interpreter every few rows, and ends when its time is up: so that the
front end's loop, which serves clients meanwhile, is late by no more than a few rows take.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

from mdscluster import replica_async
from mdscluster.fsm import data_servers, inspection
from mdsproto import admin_pb2
from nfswire import nfs4

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

ROWS_MAX: Final = 1_000
PAGE_BYTES_MAX: Final = 1 << 20
"""Of rows: well below what a message may have."""
PAGE_S: Final = 0.05
"""How long a page may take to be read."""
_BREATH_ROWS: Final = 8

Row = TypeVar("Row")
Message = TypeVar("Message", admin_pb2.ClientRow, admin_pb2.SessionRow, admin_pb2.LayoutRow, admin_pb2.LockRow)


class Inspector:
    """Reads pages from this node's tables."""

    def __init__(self, replica: Replica, tables: Tables) -> None:
        self._replica = replica
        self._tables = tables

    async def clients(self, request: admin_pb2.ListRequest) -> admin_pb2.ClientList:
        def rows(txn: lmdb.Transaction) -> Iterator[tuple[bytes, inspection.ClientRow]]:
            if not request.client_id:
                return inspection.all_clients(txn, self._tables, request.after)
            found = inspection.one_client(txn, self._tables, request.client_id)
            return iter([] if found is None else [(b"", found)])

        page, following, confirmed = await self._page(request, rows, lambda _: client_row)
        return admin_pb2.ClientList(rows=page, next=following, confirmed=confirmed)

    async def sessions(self, request: admin_pb2.ListRequest) -> admin_pb2.SessionList:
        page, following, confirmed = await self._page(
            request,
            lambda txn: inspection.sessions(txn, self._tables, request.after, request.client_id),
            lambda _: session_row,
        )
        return admin_pb2.SessionList(rows=page, next=following, confirmed=confirmed)

    async def layouts(self, request: admin_pb2.ListRequest) -> admin_pb2.LayoutList:
        def packer(txn: lmdb.Transaction) -> Callable[[inspection.LayoutRow], admin_pb2.LayoutRow]:
            names = {server.number: server.ds_id for server in data_servers.all_servers(txn, self._tables)}
            return lambda row: layout_row(row, names)

        page, following, confirmed = await self._page(
            request,
            lambda txn: inspection.layouts(txn, self._tables, request.after, request.client_id, request.fileid),
            packer,
        )
        return admin_pb2.LayoutList(rows=page, next=following, confirmed=confirmed)

    async def locks(self, request: admin_pb2.ListRequest) -> admin_pb2.LockList:
        page, following, confirmed = await self._page(
            request,
            lambda txn: inspection.locks(txn, self._tables, request.after, request.client_id, request.fileid),
            lambda _: lock_row,
        )
        return admin_pb2.LockList(rows=page, next=following, confirmed=confirmed)

    async def _page(
        self,
        request: admin_pb2.ListRequest,
        rows: Callable[[lmdb.Transaction], Iterator[tuple[bytes, Row]]],
        packer: Callable[[lmdb.Transaction], Callable[[Row], Message]],
    ) -> tuple[list[Message], bytes, bool]:
        """Rows, where to go on, and whether a quorum stood behind it."""
        confirmed = await replica_async.barrier(self._replica)
        limit = min(request.limit or ROWS_MAX, ROWS_MAX)

        def read() -> tuple[list[Message], bytes]:
            with self._replica.env.begin() as txn:
                return take(rows(txn), packer(txn), limit, time.monotonic, time.sleep)

        page, following = await asyncio.to_thread(read)
        return page, following, confirmed


def take(
    rows: Iterator[tuple[bytes, Row]],
    pack: Callable[[Row], Message],
    limit: int,
    clock_s: Callable[[], float],
    sleep: Callable[[float], None],
) -> tuple[list[Message], bytes]:
    """A page of at least one row, if there is one, and where to go on: empty, when that was all."""
    until_s = clock_s() + PAGE_S
    taken: list[Message] = []
    size = 0
    for place, row in rows:
        message = pack(row)
        taken.append(message)
        size += message.ByteSize()
        if len(taken) == limit or size > PAGE_BYTES_MAX or clock_s() > until_s:
            return taken, place
        if len(taken) % _BREATH_ROWS == 0:
            sleep(0)  # the loop's turn, if it wants one
    return taken, b""


def client_row(row: inspection.ClientRow) -> admin_pb2.ClientRow:
    return admin_pb2.ClientRow(
        client_id=row.client_id, owner=row.owner, principal=row.principal, state=row.state, created_s=row.created_s,
        renewed_ms=row.renewed_ms, sessions=row.sessions, opens=row.opens, locks=row.locks, layouts=row.layouts,
    )  # fmt: skip


def session_row(row: inspection.SessionRow) -> admin_pb2.SessionRow:
    return admin_pb2.SessionRow(
        session_id=row.session_id, client_id=row.client_id, slots=row.slots, back_slots=row.back_slots,
        back_channel=row.back_channel, max_request_bytes=row.max_request_bytes,
        max_response_bytes=row.max_response_bytes, max_operations=row.max_operations,
    )  # fmt: skip


def layout_row(row: inspection.LayoutRow, names: dict[int, str]) -> admin_pb2.LayoutRow:
    return admin_pb2.LayoutRow(
        stateid_other=row.other, client_id=row.client_id, fileid=row.fileid, seqid=row.seqid, iomodes=row.iomodes,
        epoch=row.epoch, data_servers=[names.get(number, str(number)) for number in row.data_servers],
        recalled_ms=row.recalled_ms,
    )  # fmt: skip


def lock_row(row: inspection.LockRow) -> admin_pb2.LockRow:
    return admin_pb2.LockRow(
        fileid=row.fileid, stateid_other=row.other, client_id=row.client_id, owner=row.owner,
        ranges=[
            admin_pb2.LockRange(first=first, last=last, write=kind == nfs4.WRITE_LT) for first, last, kind in row.ranges
        ],
    )  # fmt: skip
