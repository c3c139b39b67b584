"""``mdsctl nodes``: every metadata server in detail, and who hears whom."""

from __future__ import annotations

from typing import Any

import typer

from mdscluster.adminclient import Answer, has_quorum, leader_of, members_of
from mdscluster.mdsctl.asking import answers_of
from mdscluster.mdsctl.desk import EXIT_NO_QUORUM, EXIT_OK, STATUS_TIMEOUT_S, Desk, Json
from mdscluster.mdsctl.status import Timeout, node_json, role_of, standing
from mdscluster.mdsctl.view import Block, Grid, human_time


def nodes(context: typer.Context, as_json: Json = False, timeout: Timeout = STATUS_TIMEOUT_S) -> int:
    """Every metadata server in detail: whom it follows, whom it hears, its log and the feature level of its release."""
    desk = Desk.of(context, as_json)
    with desk.connect() as client:
        answers = answers_of(client, timeout)
    desk.answer(json_of(answers), blocks_of(answers))
    return EXIT_OK if has_quorum(answers) else EXIT_NO_QUORUM


def json_of(answers: list[Answer]) -> dict[str, Any]:
    """For programs: what ``status`` tells of each server, with its number and its consensus address."""
    newest = max((answer.reply.commit_index for answer in answers if answer.reply), default=0)
    members = {member.node_id: member for member in members_of(answers)}
    rows = []
    for answer in answers:
        member = members.get(answer.target.id)
        own = {"number": None, "raft": None} if member is None else {"number": member.number, "raft": member.raft}
        rows.append(node_json(answer, newest) | {"member": standing(answer, answers)} | own)
    return {"quorum": has_quorum(answers), "leader": leader_of(answers) or None, "nodes": rows}


def blocks_of(answers: list[Answer]) -> list[Block]:
    """For people. A link that only one side has is the sign of a broken network: each side's word is shown."""
    members = {member.node_id: member for member in members_of(answers)}
    rows = []
    for answer in answers:
        reply, member = answer.reply, members.get(answer.target.id)
        number, raft = ("-", "-") if member is None else (str(member.number), member.raft or "-")
        addresses = [raft, answer.target.admin, answer.target.nfs]
        if reply is None:
            addresses[2] += f"  ({answer.problem})"
            rows.append([answer.target.id, number, "DOWN", *["-"] * 7, *addresses])
            continue
        level = str(reply.feature_level)
        if reply.feature_level_known != reply.feature_level:
            level += f" of {reply.feature_level_known}"
        rows.append([
            answer.target.id, number, role_of(answer, standing(answer, answers)), reply.leader_id or "nobody",
            _hears(answer), f"{reply.first_log_index}-{reply.last_log_index}", str(reply.pending_proposals),
            f"{max(reply.consensus_lag_ms, reply.frontend_lag_ms):.0f} ms", level, human_time(reply.uptime_s),
            *addresses,
        ])  # fmt: skip
    head = ["NODE", "NUMBER", "ROLE", "FOLLOWS", "HEARS", "LOG", "PENDING", "LOOP LATE", "FEATURES", "UP", "RAFT",
            "ADMIN", "NFS"]  # fmt: skip
    return [Grid(head, rows, right=(1, 6, 7, 8, 9))]


def _hears(answer: Answer) -> str:
    """Which other servers a connection stands to."""
    assert answer.reply is not None
    heard = sorted(peer.node_id for peer in answer.reply.peers if peer.connected)
    unheard = sorted(peer.node_id for peer in answer.reply.peers if not peer.connected)
    told = ", ".join(heard) or ("nobody" if unheard else "-")
    return f"{told}; not {', '.join(unheard)}" if unheard and heard else told
