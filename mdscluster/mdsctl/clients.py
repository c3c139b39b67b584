"""``mdsctl clients``: who they are and how much they hold; and sending one away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import grpc
import typer

from mdscluster.adminclient import AdminClient
from mdscluster.mdsctl.asking import ASK_AGAIN, current_leader
from mdscluster.mdsctl.desk import EXIT_OK, Desk, Failure, Json, not_empty
from mdscluster.mdsctl.paging import SHOWN, Limit, client_id_of, open_listing, readable
from mdscluster.mdsctl.view import Grid, human_time
from mdsproto import admin_pb2
from mdsproto.callfailure import in_words

COUNTED_MAX: Final = 1_000
"""What servers count up to."""

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(context: typer.Context, limit: Limit = SHOWN, as_json: Json = False) -> int:
    """Who is known as a client, since when, and how much it holds."""
    desk = Desk.of(context, as_json)
    listing = open_listing(desk, "ListClients", limit)
    rows: list[admin_pb2.ClientRow] = listing.rows
    head = ["CLIENT", "STATE", "RENEWED", "KNOWN SINCE", "USER", "SESSIONS", "OPENS", "LOCKS", "LAYOUTS", "NAME"]
    grid = Grid(head, [_cells(row) for row in rows], right=(2, 4, 5, 6, 7, 8))
    desk.answer(listing.document("clients", [row_json(row) for row in rows]), listing.blocks(grid))
    return EXIT_OK


@app.command()
def evict(
    context: typer.Context,
    client: Annotated[str, typer.Argument(metavar="ID", help="As `mdsctl clients list` shows it.", callback=not_empty)],
    timeout: Annotated[float, typer.Option(metavar="S", min=1, help="How long its end is waited for.")] = 30.0,
    as_json: Json = False,
) -> int:
    """Take all that a client holds from it: its sessions, opens, locks and layouts. Its data servers are told first.

    Its programs get errors for files they have open. It may come back, as a new client that holds nothing.
    """
    desk = Desk.of(context, as_json)
    client_id = client_id_of(client)
    with desk.connect() as connection:
        reply = _ask(connection, client_id, timeout)
    if reply.code != "done":
        advice = {
            "no_client": "`mdsctl clients list` shows who is there",
            "under_way": "look again by `mdsctl clients list`; a data server that is down is waited for until its lease"
            " has run out",
            "unknown": "give the command again",
        }
        raise Failure(f"{client}: {reply.text}", advice.get(reply.code, ASK_AGAIN))
    gone = f"{client_id:016x}"
    desk.answer({"client_id": gone, "evicted": True}, [f"{gone} is gone, and all that it held"])
    return EXIT_OK


def _ask(connection: AdminClient, client_id: int, timeout_s: float) -> admin_pb2.EvictClientReply:
    leader = current_leader(
        connection, "there is no quorum: no client can be evicted", "`mdsctl status` shows who is missing"
    )
    try:
        return connection.stub(leader).EvictClient(
            admin_pb2.EvictClientRequest(client_id=client_id), timeout=timeout_s
        )
    except grpc.RpcError as problem:
        raise Failure(f"{leader}: {in_words(problem)}; it may still happen", "look by `mdsctl clients list`") \
            from problem


def row_json(row: admin_pb2.ClientRow) -> dict[str, Any]:
    """A client, for programs."""
    return {
        "client_id": f"{row.client_id:016x}",
        "name": readable(row.owner),
        "state": row.state,
        "user": row.principal,
        "created_s": row.created_s,
        "renewed_ms": None if row.renewed_ms < 0 else row.renewed_ms,
        "sessions": row.sessions,
        "opens": row.opens,
        "locks": row.locks,
        "layouts": row.layouts,
    }


def _cells(row: admin_pb2.ClientRow) -> list[str]:
    since = datetime.fromtimestamp(row.created_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    counts = (row.sessions, row.opens, row.locks, row.layouts)
    return [
        f"{row.client_id:016x}", row.state, "-" if row.renewed_ms < 0 else f"{human_time(row.renewed_ms / 1000)} ago",
        since, str(row.principal), *(f"{n}+" if n >= COUNTED_MAX else str(n) for n in counts), readable(row.owner),
    ]  # fmt: skip
