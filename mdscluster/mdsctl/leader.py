"""``mdsctl leader transfer``: another metadata server leads, and clients hardly notice."""

from __future__ import annotations

import time
from typing import Annotated, Final

import typer

from mdscluster.adminclient import AdminClient, leader_of
from mdscluster.mdsctl.asking import asking, current_leader, looks
from mdscluster.mdsctl.desk import EXIT_OK, Desk, Failure, Json, not_empty
from mdsproto import admin_pb2

CALL_TIMEOUT_S: Final = 5.0
_PATIENCE_S: Final = 10.0
_PAUSE_S: Final = 0.05

app = typer.Typer(no_args_is_help=True)


@app.command()
def transfer(
    context: typer.Context,
    node: Annotated[
        str | None,
        typer.Argument(metavar="[NODE]", help="To whom; without it, to whoever is best.", callback=not_empty),
    ] = None,
    as_json: Json = False,
) -> int:
    """Let another metadata server lead. What clients ask for meanwhile waits for a few milliseconds."""
    desk = Desk.of(context, as_json)
    with desk.connect() as client:
        before = current_leader(client)
        if before != node:
            _hand_over(client, before, node or "")
        after = before if before == node else await_leader(client, but=before)
    if node and after != node:
        raise Failure(f"{after} leads now, not {node}", "`mdsctl nodes` shows what is wrong with it; then ask again")
    told = f"{after} leads" + (" already" if after == before else f", {before} does not any more")
    desk.answer({"leader": after, "before": before}, [told])
    return EXIT_OK


def await_leader(client: AdminClient, *, but: str) -> str:
    """Another leader, as soon as there is one."""
    for answers in looks(client, _PATIENCE_S, _PAUSE_S):
        leader = leader_of(answers)
        if leader and leader != but:
            return leader
    raise Failure(f"nobody but {but} leads", "`mdsctl status` shows how things stand")


def _hand_over(client: AdminClient, leader: str, node: str) -> None:
    request = admin_pb2.ChangeMembersRequest(kind="transfer", node_id=node)
    for last in (False, False, True):
        with asking(leader, "look by `mdsctl status`, and ask again"):
            reply = client.change_members(leader, request, CALL_TIMEOUT_S)
        if reply.code in ("done", "unknown"):  # unknown: look who leads
            return
        if reply.code == "refused" or last:
            raise Failure(reply.text, "`mdsctl nodes` shows who is connected, and `mdsctl member list` who keeps up")
        time.sleep(_PAUSE_S)
