"""``mdsctl watch``: the status again and again, with what each server does in a second."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from mdscluster.adminclient import AdminClient, Answer, ClusterFile, has_quorum
from mdscluster.mdsctl import status
from mdscluster.mdsctl.desk import EXIT_NO_QUORUM, EXIT_OK, Desk, Json
from mdscluster.mdsctl.view import Block, Grid, plain, styled

_TIMEOUT_S: Final = 1.0
"""A server that does not answer may not hold the picture up for long."""
_MOST_FREQUENT: Final = 3


def watch(
    context: typer.Context,
    interval: Annotated[float, typer.Option(metavar="S", min=0.1, help="From one look to the next.")] = 1.0,
    count: Annotated[int, typer.Option(metavar="N", min=0, help="End after so many looks; 0: by Ctrl-C.")] = 0,
    as_json: Json = False,
) -> int:
    """The status as it changes, with rates. With --json one document a line. Ctrl-C ends it."""
    desk = Desk.of(context, as_json)
    cluster = desk.cluster()
    with desk.connect(cluster) as client:
        try:
            answers = _show(desk, cluster, _looks(client, count, interval))
        except KeyboardInterrupt:
            return EXIT_OK
    return EXIT_OK if has_quorum(answers) else EXIT_NO_QUORUM


def _looks(client: AdminClient, count: int, interval_s: float) -> Iterator[list[Answer]]:
    due_s = time.monotonic()
    for turn in itertools.count(1):
        yield client.status(_TIMEOUT_S)
        if turn == count:
            return
        due_s = max(due_s + interval_s, time.monotonic())
        time.sleep(max(0.0, due_s - time.monotonic()))


def _show(desk: Desk, cluster: ClusterFile, looks: Iterator[list[Answer]]) -> list[Answer]:
    """Tell of each look; the last one."""
    rates = Rates()
    answers: list[Answer] = []
    if desk.json:
        for answers in looks:
            desk.stream(status.json_of(cluster, answers) | {"rates": rates.note(answers, time.monotonic())})
    elif not sys.stdout.isatty():
        for answers in looks:
            print("\n".join(plain(view(cluster, answers, rates.note(answers, time.monotonic())))) + "\n", flush=True)
    else:
        from rich.console import Console
        from rich.live import Live

        console = Console(highlight=False)
        with Live(console=console, screen=True, auto_refresh=False) as live:
            for answers in looks:
                blocks = view(cluster, answers, rates.note(answers, time.monotonic()))
                live.update(styled(blocks, console.width), refresh=True)
    return answers


def view(cluster: ClusterFile, answers: list[Answer], rates: dict[str, dict[str, Any]]) -> list[Block]:
    """One picture."""
    rows = []
    for answer in answers:
        rate = rates.get(answer.target.id)
        if rate is None:
            rows.append([answer.target.id, *["-"] * 5])
            continue
        frequent = sorted(rate["operations"].items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_FREQUENT]
        rows.append([
            answer.target.id, f"{rate['compounds_per_s']:.0f}", f"{rate['operations_per_s']:.0f}",
            f"{rate['refused_per_s']:.0f}", f"{rate['applied_per_s']:.0f}",
            ", ".join(f"{name} {value:.0f}" for name, value in frequent) or "-",
        ])  # fmt: skip
    head = ["EACH SECOND", "COMPOUNDS", "OPERATIONS", "NOT OK", "ENTRIES", "MOST FREQUENT"]
    return [*status.blocks_of(cluster, answers), "", Grid(head, rows, right=range(1, 5))]


@dataclass(frozen=True, slots=True)
class _Seen:
    at_s: float
    uptime_s: float
    applied: int
    statuses: dict[str, int]
    operations: dict[str, int]


class Rates:
    """What each server did between one look and the next."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def note(self, answers: list[Answer], now_s: float) -> dict[str, dict[str, Any]]:
        """Rates by node; none for one that is seen for the first time, or again after its restart."""
        rates: dict[str, dict[str, Any]] = {}
        for answer in answers:
            reply, before = answer.reply, self._seen.get(answer.target.id)
            if reply is None:
                continue
            seen = _Seen(now_s, reply.uptime_s, reply.applied_index, dict(reply.statuses), dict(reply.operations))
            self._seen[answer.target.id] = seen
            if before is not None and before.uptime_s <= seen.uptime_s and now_s > before.at_s:
                rates[answer.target.id] = _between(before, seen)
        return rates


def _between(before: _Seen, after: _Seen) -> dict[str, Any]:
    length_s = after.at_s - before.at_s

    def grown(now: dict[str, int], then: dict[str, int]) -> dict[str, float]:
        return {
            name: round((count - then.get(name, 0)) / length_s, 1)
            for name, count in sorted(now.items())
            if count > then.get(name, 0)
        }

    statuses, operations = grown(after.statuses, before.statuses), grown(after.operations, before.operations)
    return {
        "compounds_per_s": round(sum(statuses.values()), 1),
        "operations_per_s": round(sum(operations.values()), 1),
        "refused_per_s": round(sum(value for name, value in statuses.items() if name != "NFS4_OK"), 1),
        "applied_per_s": round((after.applied - before.applied) / length_s, 1),
        "operations": operations,
    }
