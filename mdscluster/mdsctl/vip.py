"""``mdsctl vip``: the service addresses, who has each of them now, and who may have one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

import typer

from mdscluster.adminclient import Answer
from mdscluster.mdsctl.asking import answers_of
from mdscluster.mdsctl.desk import EXIT_NO_QUORUM, EXIT_OK, STATUS_TIMEOUT_S, Desk, Failure, Json
from mdscluster.mdsctl.status import Timeout
from mdscluster.mdsctl.view import Block, Grid, human_time

MASTER, UNKNOWN = "MASTER", "UNKNOWN"
STANDING_BY: Final = frozenset({MASTER, "BACKUP"})
"""States of a keepalived that takes an address when nobody else says that he has it."""


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """One, by the word of all who answered."""

    address: str
    holders: tuple[str, ...]
    """Who says that it has it, the latest first; more than one: all but the first have lost it and do not know."""
    since_s: float
    """Since when the first one has it; 0: nobody has."""
    states: dict[str, str]
    """Node -> what its keepalived says."""


def vip(context: typer.Context, as_json: Json = False, timeout: Timeout = STATUS_TIMEOUT_S) -> int:
    """Service addresses: who has each, and which servers may have one; exit code 1 when one is nowhere."""
    desk = Desk.of(context, as_json)
    with desk.connect() as client:
        answers = answers_of(client, timeout)
    if not any(answer.reply.guarded for answer in answers if answer.reply):
        raise Failure(
            "no metadata server has a guard, which service addresses need",
            "set guard.run_dir and guard.vip_dir in their configuration, or render it (docs/GUARD.md)",
        )
    found = addresses_of(answers)
    desk.answer(json_of(found, answers), blocks_of(found, answers))
    return EXIT_OK if all(each.holders for each in found) else EXIT_NO_QUORUM


def addresses_of(answers: list[Answer]) -> list[ServiceAddress]:
    """Every address that anybody tells of."""
    told: dict[str, dict[str, tuple[str, float]]] = {}
    for answer in answers:
        for state in answer.reply.vips if answer.reply else ():
            told.setdefault(state.address, {})[answer.target.id] = (state.state, state.since_s)
    found = []
    for address, states in sorted(told.items()):
        holding = [(since_s, node) for node, (state, since_s) in states.items() if state == MASTER]
        holding.sort(reverse=True)
        found.append(
            ServiceAddress(
                address, tuple(node for _, node in holding), holding[0][0] if holding else 0.0,
                {node: state for node, (state, _) in states.items()},
            )
        )  # fmt: skip
    return found


def fitness_of(answer: Answer) -> str:
    """Whether a server may have service addresses, in words."""
    if answer.reply is None:
        return f"DOWN ({answer.problem})"
    if not answer.reply.guarded:
        return "no: it has no guard"
    if answer.reply.last_resort:
        return f"as a last resort: {answer.reply.unfit}"
    return f"no: {answer.reply.unfit}" if answer.reply.unfit else "yes"


def json_of(found: list[ServiceAddress], answers: list[Answer]) -> dict[str, Any]:
    """For programs."""
    return {
        "vips": [
            {
                "address": each.address, "holder": each.holders[0] if each.holders else None,
                "claimed_by": list(each.holders), "since_s": each.since_s or None, "states": each.states,
            }
            for each in found
        ],
        "nodes": [
            {
                "id": answer.target.id, "reachable": answer.reply is not None,
                "fit": None if answer.reply is None else answer.reply.guarded and not answer.reply.unfit,
                "unfit": answer.reply.unfit if answer.reply else answer.problem,
                "last_resort": bool(answer.reply and answer.reply.last_resort),
            }
            for answer in answers
        ],
    }  # fmt: skip


def blocks_of(found: list[ServiceAddress], answers: list[Answer]) -> list[Block]:
    """For people."""
    ids = [answer.target.id for answer in answers]
    rows = []
    for each in found:
        holder = each.holders[0] if each.holders else "NOBODY"
        if len(each.holders) > 1:
            holder += f" (also claimed by {', '.join(each.holders[1:])})"
        since = f"{human_time(max(time.time() - each.since_s, 0.0))} ago" if each.holders else "-"
        rows.append([each.address, holder, since, *(each.states.get(node, "-") for node in ids)])
    nodes = Grid(["NODE", "MAY HAVE ONE"], [[answer.target.id, fitness_of(answer)] for answer in answers])
    if not rows:
        return ["no metadata server tells of a service address", "", nodes]
    return [Grid(["ADDRESS", "AT", "SINCE", *ids], rows), "", nodes]
