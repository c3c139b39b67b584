"""``mdsctl fence``: which metadata servers are cut from power, why, and what came of it (docs/FENCING.md)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from mdscluster.mdsctl.asking import asking, current_leader
from mdscluster.mdsctl.desk import EXIT_NO_QUORUM, EXIT_OK, STATUS_TIMEOUT_S, Desk, Failure, Json, not_empty
from mdscluster.mdsctl.node import set_maintenance
from mdscluster.mdsctl.power import CALL_TIMEOUT_S, await_nobody_at_it, listed, stub_of
from mdscluster.mdsctl.view import Block, Grid
from mdsproto import fencing_pb2

TEST_TIMEOUT_S: Final = 120.0
"""Devices that hang are waited for, one after the other."""

app = typer.Typer(no_args_is_help=True)

Node = Annotated[str, typer.Argument(metavar="NODE", callback=not_empty)]


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> int:
    """Servers and their fencing devices, who is being fenced, and who is missing and is not fenced."""
    desk = Desk.of(context, as_json)
    with desk.connect() as client:
        leader = current_leader(client)
        shown = listed(client, leader)
    if not shown.enabled:
        raise Failure(
            f"{leader} has no fencing device: nobody is fenced", "name devices in the inventory (docs/FENCING.md)"
        )
    desk.answer(json_of(shown), blocks_of(shown))
    return EXIT_OK


@app.command()
def history(context: typer.Context, as_json: Json = False) -> int:
    """What was decided and done, the oldest first."""
    desk = Desk.of(context, as_json)
    with desk.connect() as client:
        events = listed(client, current_leader(client)).history
    rows = [[_time(event.wall_ns), event.node_id or "all", event.kind, event.text] for event in events]
    grid = Grid(["TIME (UTC)", "NODE", "WHAT", "HOW"], rows)
    desk.answer({"history": history_json(events)}, [grid] if rows else ["nothing has happened yet"])
    return EXIT_OK


def history_json(events: Iterable[fencing_pb2.Event]) -> list[dict[str, Any]]:
    """What was decided and done, for programs."""
    return [
        {
            "time": _time(event.wall_ns), "node": event.node_id, "kind": event.kind, "text": event.text,
            "intent": event.intent or None,
        }
        for event in events
    ]  # fmt: skip


@app.command("test")
def probe(

    context: typer.Context,
    node: Node,
    asker: Annotated[str, typer.Option("--from", metavar="NODE", help="Only this server asks.")] = "",
    as_json: Json = False,
) -> int:
    """Let every metadata server ask a server's devices for its power. Nothing is switched.

    Exit code 1 when some device did not tell: whoever asked could not fence by it.
    """
    desk = Desk.of(context, as_json)
    with desk.connect() as client:
        answers = client.status(STATUS_TIMEOUT_S)
        askers = [answer.target.id for answer in answers if answer.reply is not None and answer.target.id != node]
        if asker:
            askers = [each for each in askers if each == asker]
        if not askers:
            raise Failure("no metadata server that could ask is reachable", "see `mdsctl status`")
        calls = {
            each: stub_of(client, each).Test.future(fencing_pb2.TestRequest(node_id=node), timeout=TEST_TIMEOUT_S)
            for each in askers
        }
        found: dict[str, fencing_pb2.TestReply] = {}
        for each, call in calls.items():
            with asking(each):
                found[each] = call.result()
    rows = [
        [each, device.name, device.agent, device.power or "?", device.text]
        for each, reply in found.items()
        for device in reply.devices
    ]
    if not rows:
        raise Failure(f"no server has a fencing device for {node}", "`mdsctl fence list` shows the devices")
    keys = ("asked_by", "device", "agent", "power", "text")
    document = [dict(zip(keys, row, strict=True)) for row in rows]
    desk.answer({"node": node, "devices": document}, [Grid(["ASKED BY", "DEVICE", "AGENT", "POWER", "SAYS"], rows)])
    blind = [each for each, reply in found.items() if not reply.devices]
    return EXIT_OK if all(row[3] != "?" for row in rows) and not blind else EXIT_NO_QUORUM


@app.command()
def confirm(
    context: typer.Context,
    node: Node,
    sure: Annotated[bool, typer.Option("--i-have-seen-that-it-is-off", help="Needed: nothing can check it.")] = False,
    as_json: Json = False,
) -> int:
    """Your word that a server which waits to be fenced has no power. It lets the cluster stop trying.

    Said of a server that runs, it breaks the promise that fencing keeps: look first.
    """
    desk = Desk.of(context, as_json)
    if not sure:
        raise Failure(
            f"whether {node} is off is yours to know, and was not said",
            "look at the machine, then give the command again with --i-have-seen-that-it-is-off",
        )
    with desk.connect() as client:
        leader = current_leader(client)
        request = fencing_pb2.ConfirmRequest(node_id=node)
        with asking(leader):
            outcome = stub_of(client, leader).Confirm(request, timeout=CALL_TIMEOUT_S)
    if outcome.code != "done":
        raise Failure(outcome.text, "`mdsctl fence list` shows who waits to be fenced")
    told = (
        f"{node} counts as fenced, by your word; switch it on yourself when it is ready, but not before the timeout_ms "
        "of its devices has passed: an agent that is under way is not called back"
    )
    desk.answer({"node": node, "confirmed": True}, [told])
    return EXIT_OK


@app.command()
def suspend(context: typer.Context, as_json: Json = False) -> int:
    """Nobody is fenced from now on, for work on the power or the network. `mdsctl node maintenance` is for one.

    An agent that is under way is not called back, but waited for.
    """
    return _of_all(context, True, "nobody is fenced until `mdsctl fence resume`", as_json)


@app.command()
def resume(context: typer.Context, as_json: Json = False) -> int:
    """Take fencing up again."""
    return _of_all(context, False, "servers that fail are fenced again", as_json)


def _of_all(context: typer.Context, on: bool, told: str, as_json: bool) -> int:
    desk = Desk.of(context, as_json)
    with desk.connect() as client:
        set_maintenance(client, "", on)
        if on:
            await_nobody_at_it(client, desk, current_leader(client), "")
    desk.answer({"suspended": on}, [told])
    return EXIT_OK


def _time(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _state(server: fencing_pb2.Server, shown: fencing_pb2.ListReply) -> str:
    open_ = {intent.node_id: intent for intent in shown.intents}
    node = server.node_id
    if node in open_:
        return "to be fenced" if open_[node].phase == "off" else "fenced, to be powered on"
    if node in shown.held:
        return f"missing, not fenced: {shown.held[node]}"
    if server.down:
        return "fenced, not back yet"
    if paused := {node, ""} & set(shown.maintenance):
        return f"suspended by {shown.maintenance[min(paused)]}"
    return "watched" if server.armed else "not watched: it was never here, or stopped in good order"


def blocks_of(shown: fencing_pb2.ListReply) -> list[Block]:
    """For people."""
    rows = [[server.node_id, _state(server, shown), ", ".join(server.devices) or "none"] for server in shown.servers]
    blocks: list[Block] = [Grid(["NODE", "FENCING", "DEVICES"], rows)]
    for intent in shown.intents:
        at_it = f"{intent.executor} is at it" if intent.executor else "nobody is at it now"
        failure = f"; last: {intent.failure}" if intent.failure else ""
        blocks.append(
            f"{intent.node_id}: decided {_time(intent.begun_ns)} by {intent.decided_by} ({intent.reason}); "
            f"attempts {intent.attempts}, {at_it}{failure}"
        )
    return blocks


def json_of(shown: fencing_pb2.ListReply) -> dict[str, Any]:
    """For programs."""
    return {
        "suspended_by": shown.maintenance.get(""),
        "servers": [
            {
                "node": server.node_id, "state": _state(server, shown), "armed": server.armed, "down": server.down,
                "devices": list(server.devices), "maintenance_by": shown.maintenance.get(server.node_id),
                "held": shown.held.get(server.node_id),
            }
            for server in shown.servers
        ],
        "intents": [
            {
                "number": intent.number, "node": intent.node_id, "reason": intent.reason, "phase": intent.phase,
                "decided_by": intent.decided_by, "term": intent.term, "begun": _time(intent.begun_ns),
                "attempts": intent.attempts, "failure": intent.failure or None, "executor": intent.executor or None,
            }
            for intent in shown.intents
        ],
    }  # fmt: skip
