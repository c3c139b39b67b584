"""``mdsctl digest``: compare the nodes' whole replicated state (INV-8)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

import typer

from mdscluster.adminclient import AdminClient, has_quorum, members_of
from mdscluster.mdsctl.asking import asking
from mdscluster.mdsctl.desk import EXIT_DIFFERENT, EXIT_NO_QUORUM, EXIT_OK, STATUS_TIMEOUT_S, Desk, Failure, Json
from mdscluster.mdsctl.view import Block

DIGEST_TIMEOUT_S: Final = 60.0
_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """The members' digests at one applied index."""

    index: int
    values: dict[str, bytes]
    missing: tuple[str, ...]
    """Members that did not answer: nothing is known of their state."""

    @property
    def equal(self) -> bool:
        """Of those that answered."""
        return len(set(self.values.values())) == 1


def digest(context: typer.Context, as_json: Json = False) -> int:
    """Compare the nodes' whole replicated state (INV-8): exit code 3 when it differs, 1 when a member's is missing."""
    desk = Desk.of(context, as_json)
    with desk.connect() as client:
        compared = compare(client)
    desk.answer(json_of(compared), verdict(compared))
    if not compared.equal:
        return EXIT_DIFFERENT
    return EXIT_NO_QUORUM if compared.missing else EXIT_OK


def compare(client: AdminClient) -> Comparison:
    """Every member's digest that can be had, at one index: digests can only be compared at one, and a busy cluster
    gives a few chances to meet. ``Failure`` when they cannot be had."""
    seen: dict[tuple[int, str], bytes] = {}
    for _ in range(_ATTEMPTS):
        answers = [answer for answer in client.status(STATUS_TIMEOUT_S) if answer.reply is not None]
        members = {member.node_id for member in members_of(answers)}
        nodes = [answer.target.id for answer in answers if answer.target.id in members]
        if not has_quorum(answers):
            raise Failure("NO QUORUM: digests cannot be compared now", "`mdsctl status` shows who is missing")
        at_index = max(answer.reply.applied_index for answer in answers if answer.reply is not None)
        for node in nodes:
            with asking(node):
                reply = client.digest(node, at_index, DIGEST_TIMEOUT_S)
            seen[reply.applied_index, node] = reply.digest
        for index in sorted({index for index, _ in seen}, reverse=True):
            values = {node: value for (at, node), value in seen.items() if at == index}
            if values.keys() >= set(nodes):
                return Comparison(index, values, tuple(sorted(members.difference(values))))
        time.sleep(0.2)
    raise Failure(
        "the nodes were never at the same index: too busy to compare", "give the command again when there is less load"
    )


def json_of(compared: Comparison) -> dict[str, Any]:
    """For programs."""
    return {
        "applied_index": compared.index, "equal": compared.equal, "missing": [*compared.missing],
        "digests": {node: value.hex() for node, value in sorted(compared.values.items())},
    }  # fmt: skip


def verdict(compared: Comparison) -> list[Block]:
    """What the operator reads."""
    lines: list[Block] = [f"{node}  {compared.index}  {value.hex()}" for node, value in sorted(compared.values.items())]
    if not compared.equal:
        return [*lines, "DIFFERENT: the replicas have diverged; keep all data directories and report this"]
    if compared.missing:
        return [*lines, f"equal, but not compared: {', '.join(compared.missing)} (no answer; see `mdsctl status`)"]
    return [*lines, "equal"]
