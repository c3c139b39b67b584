"""``mdsctl node``: a metadata server is to be stopped, and nobody shall notice; or it has lost its disk."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from mdscluster.adminclient import AdminClient, Answer, leader_of
from mdscluster.config import NodeConfig
from mdscluster.mdsctl.asking import asking, current_leader, looks
from mdscluster.mdsctl.desk import EXIT_OK, STATUS_TIMEOUT_S, Desk, Failure, Json, not_empty
from mdscluster.mdsctl.power import await_nobody_at_it
from mdscluster.mdsctl.vip import STANDING_BY, UNKNOWN, addresses_of
from mdsproto import admin_pb2

CALL_TIMEOUT_S: Final = 15.0
_PATIENCE_S: Final = 10.0
_ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.1

app = typer.Typer(no_args_is_help=True)


class Switch(StrEnum):
    """On or off."""

    ON = "on"
    OFF = "off"


@app.command()
def maintenance(
    context: typer.Context,
    node: Annotated[str, typer.Argument(metavar="NODE", callback=not_empty)],
    switch: Annotated[Switch, typer.Argument(metavar="on|off")],
    as_json: Json = False,
) -> int:
    """Take a metadata server out of office before it is stopped; refused when a quorum would be lost with it.

    It goes on serving clients and voting until it is stopped, but gives its service addresses away, then does not lead,
    and is not fenced whatever happens to it: a fence agent that is under way is waited for. `off` when it is back.
    """
    desk = Desk.of(context, as_json)
    on = switch is Switch.ON
    with desk.connect() as client:
        before = client.status(STATUS_TIMEOUT_S) if on else []
        if reason := without_heir(before, node):
            raise Failure(reason, "`mdsctl vip` shows why; is keepalived running there?")
        set_maintenance(client, node, on)
        leader = _await_out_of_office(client, node, held_by(before, node)) if on else current_leader(client)
        if on:
            await_nobody_at_it(client, desk, leader, node)
    told = f"{node} is in maintenance: it can be stopped now. {leader} leads" if on else f"{node} may lead again"
    desk.answer({"node": node, "maintenance": on, "leader": leader}, [told])
    return EXIT_OK


@app.command()
def rejoin(
    context: typer.Context,
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The metadata server's TOML file.")],
    set_aside: Annotated[bool, typer.Option("--set-aside", help="Move a state that is there out of the way.")] = False,
    as_json: Json = False,
) -> int:
    """On the host of a metadata server that lost its disk: an empty state in quarantine. Then start it as usual.

    The same as `mdscluster rejoin`. As the service's user: the state is to be its, and another user is refused.
    """
    from mdscluster.rejoin import rejoin as make_empty  # brings the log's code along, which other commands do not need

    desk = Desk.of(context, as_json)
    chosen = NodeConfig.load(config)
    desk.answer({"node": chosen.node_id}, make_empty(chosen, set_aside=set_aside).splitlines())
    return EXIT_OK


def without_heir(answers: list[Answer], node: str) -> str:
    """Why a service address of a server would be nowhere if it gave them away; empty: it would not.

    Whoever is to take one over is fit, and its keepalived stands by for that address: one that does not run, or that
    was told nothing good by its guard, waits for nobody's adverts.
    """
    held = [each for each in addresses_of(answers) if each.holders[:1] == (node,)]
    fit = {
        answer.target.id
        for answer in answers
        if answer.reply is not None and answer.target.id != node and answer.reply.guarded and not answer.reply.unfit
    }
    if held and not fit:
        named = ", ".join(each.address for each in held)
        return f"{node} has {named}, and no other server is fit for service addresses now"
    for each in held:
        said = {name: each.states.get(name, UNKNOWN) for name in sorted(fit)}
        if not STANDING_BY & {*said.values()}:
            others = ", ".join(f"{name} says {state}" for name, state in said.items())
            return f"{node} has {each.address}, and no other server that is fit stands by: keepalived of {others}"
    return ""


def held_by(answers: list[Answer], node: str) -> list[str]:
    """The service addresses that a server has."""
    return [each.address for each in addresses_of(answers) if each.holders[:1] == (node,)]


def set_maintenance(client: AdminClient, node: str, on: bool) -> None:
    """Ask the leader, again while the answer may change. ``Failure``: it is refused, or nobody confirmed it."""
    text = ""
    for _ in range(_ATTEMPTS):
        leader = current_leader(client)
        request = admin_pb2.MaintenanceRequest(node_id=node, on=on)
        with asking(leader, "give the command again"):
            reply = client.stub(leader).SetMaintenance(request, timeout=CALL_TIMEOUT_S)
        if reply.code == "done":
            return
        text = reply.text
        if reply.code == "refused":
            raise Failure(text, "`mdsctl nodes` shows who is at work")
        time.sleep(_PAUSE_S)
    raise Failure(text, "give the command again; see `mdsctl status`")


def _await_out_of_office(client: AdminClient, node: str, held: list[str]) -> str:
    """The new leader's name, once the addresses that the node had are elsewhere. Of others nothing was taken away."""
    keeps: list[str] = []
    nowhere: list[str] = []
    for answers in looks(client, _PATIENCE_S, _PAUSE_S):
        leader = leader_of(answers)
        addresses = [each for each in addresses_of(answers) if each.address in held]
        keeps = [each.address for each in addresses if each.holders[:1] == (node,)]
        nowhere = [each.address for each in addresses if not each.holders]
        if leader and leader != node and not keeps and not nowhere:
            return leader
    if nowhere:
        raise Failure(
            f"{node} is in maintenance, but {', '.join(nowhere)} is at no server: nobody took over",
            "`mdsctl vip` shows who may have it; is keepalived running there?",
        )
    if keeps:
        raise Failure(
            f"{node} is in maintenance, but still has {', '.join(keeps)}: nobody took over",
            "do not stop it yet; `mdsctl vip` shows who may have it",
        )
    raise Failure(
        f"{node} is in maintenance, but still leads: nobody took over",
        "do not stop it yet; `mdsctl nodes` shows who keeps up",
    )
