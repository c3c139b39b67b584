"""``mdsctl sessions``, ``layouts`` and ``locks``: what clients hold, one by one."""

from __future__ import annotations

from typing import Any

import typer

from mdscluster.mdsctl.desk import EXIT_OK, Desk, Json
from mdscluster.mdsctl.paging import SHOWN, ClientId, FileId, Limit, open_listing, readable
from mdscluster.mdsctl.view import Grid, human_bytes, human_time
from mdsproto import admin_pb2

_END = (1 << 64) - 1
_IOMODES = {1: "read", 2: "read-write", 3: "read-write"}


def sessions(context: typer.Context, client: ClientId = "", limit: Limit = SHOWN, as_json: Json = False) -> int:
    """Clients' sessions: how much each may have under way, and whether it takes callbacks."""
    desk = Desk.of(context, as_json)
    listing = open_listing(desk, "ListSessions", limit, client=client)
    rows: list[admin_pb2.SessionRow] = listing.rows
    grid = Grid(
        ["SESSION", "CLIENT", "SLOTS", "CALLBACK SLOTS", "REQUEST", "RESPONSE", "OPERATIONS"],
        [
            [
                row.session_id.hex(), f"{row.client_id:016x}", str(row.slots),
                str(row.back_slots) if row.back_channel else "none", human_bytes(row.max_request_bytes),
                human_bytes(row.max_response_bytes), str(row.max_operations),
            ]
            for row in rows
        ],
        right=range(2, 7),
    )  # fmt: skip
    desk.answer(listing.document("sessions", [session_json(row) for row in rows]), listing.blocks(grid))
    return EXIT_OK


def session_json(row: admin_pb2.SessionRow) -> dict[str, Any]:
    """A session, for programs."""
    return {
        "session_id": row.session_id.hex(), "client_id": f"{row.client_id:016x}", "slots": row.slots,
        "back_channel": row.back_channel, "back_slots": row.back_slots,
        "max_request_bytes": row.max_request_bytes, "max_response_bytes": row.max_response_bytes,
        "max_operations": row.max_operations,
    }  # fmt: skip


def layouts(
    context: typer.Context, client: ClientId = "", file: FileId = "", limit: Limit = SHOWN, as_json: Json = False
) -> int:
    """Layouts that are out: who may do I/O to which data servers without asking."""
    desk = Desk.of(context, as_json)
    listing = open_listing(desk, "ListLayouts", limit, client=client, file=file)
    rows: list[admin_pb2.LayoutRow] = listing.rows
    grid = Grid(
        ["FILE", "CLIENT", "FOR", "DATA SERVERS", "RECALLED"],
        [
            [
                str(row.fileid), f"{row.client_id:016x}", _IOMODES.get(row.iomodes, "-"), ", ".join(row.data_servers),
                "-" if row.recalled_ms < 0 else f"{human_time(row.recalled_ms / 1000)} ago",
            ]
            for row in rows
        ],
        right=(0, 4),
    )  # fmt: skip
    desk.answer(listing.document("layouts", [layout_json(row) for row in rows]), listing.blocks(grid))
    return EXIT_OK


def layout_json(row: admin_pb2.LayoutRow) -> dict[str, Any]:
    """A layout, for programs."""
    return {
        "fileid": row.fileid, "client_id": f"{row.client_id:016x}", "stateid": row.stateid_other.hex(),
        "seqid": row.seqid, "iomode": _IOMODES.get(row.iomodes, ""), "epoch": row.epoch,
        "data_servers": list(row.data_servers), "recalled_ms": None if row.recalled_ms < 0 else row.recalled_ms,
    }  # fmt: skip


def locks(
    context: typer.Context, client: ClientId = "", file: FileId = "", limit: Limit = SHOWN, as_json: Json = False
) -> int:
    """Byte-range locks, by file and owner. The limit counts owners."""
    desk = Desk.of(context, as_json)
    listing = open_listing(desk, "ListLocks", limit, client=client, file=file)
    rows: list[admin_pb2.LockRow] = listing.rows
    grid = Grid(
        ["FILE", "CLIENT", "KIND", "FIRST BYTE", "LAST BYTE", "OWNER"],
        [
            [
                str(row.fileid), f"{row.client_id:016x}", "write" if one.write else "read", str(one.first),
                "end" if one.last == _END else str(one.last), readable(row.owner),
            ]
            for row in rows
            for one in row.ranges
        ],
        right=(0, 3, 4),
    )  # fmt: skip
    desk.answer(listing.document("locks", [lock_json(row) for row in rows]), listing.blocks(grid))
    return EXIT_OK


def lock_json(row: admin_pb2.LockRow) -> dict[str, Any]:
    """An owner's locks on a file, for programs."""
    return {
        "fileid": row.fileid, "client_id": f"{row.client_id:016x}", "stateid": row.stateid_other.hex(),
        "owner": readable(row.owner),
        "ranges": [
            {
                "kind": "write" if one.write else "read", "first": one.first,
                "last": None if one.last == _END else one.last,
            }
            for one in row.ranges
        ],
    }  # fmt: skip
