"""``mdsctl status``: the operator's look at a cluster. Every number is what that node says of itself, right now."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from mdscluster.adminclient import Answer, ClusterFile, has_quorum, leader_of, members_of
from mdscluster.mdsctl.desk import EXIT_NO_QUORUM, EXIT_OK, STATUS_TIMEOUT_S, Desk, Json
from mdscluster.mdsctl.view import Block, Grid, human_bytes, human_time, plain
from mdsproto import admin_pb2

SERVING: Final = "serving"
READ_ONLY: Final = "read-only"
"""``StatusReply.service``; the servers' own constants would bring the whole NFS protocol along, half a second."""

Timeout = Annotated[float, typer.Option("--timeout", metavar="S", help="How long an answer is waited for.")]


def status(
    context: typer.Context,
    as_json: Json = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Also which NFS statuses each node has sent.")
    ] = False,
    timeout: Timeout = STATUS_TIMEOUT_S,
) -> int:
    """Every server's state; exit code 1 when there is no quorum."""
    desk = Desk.of(context, as_json)
    cluster = desk.cluster()
    with desk.connect(cluster) as client:
        answers = client.status(timeout)
    desk.answer(json_of(cluster, answers), blocks_of(cluster, answers, verbose=verbose))
    return EXIT_OK if has_quorum(answers) else EXIT_NO_QUORUM


def data_servers(cluster: ClusterFile, answers: list[Answer]) -> list[dict[str, Any]]:
    """Every data server, by the word of the node that has applied most; silence by whoever heard it last."""
    replies = [answer.reply for answer in answers if answer.reply is not None]
    best = max(replies, key=lambda reply: reply.applied_index, default=None)
    rows: dict[str, dict[str, Any]] = {
        str(node["id"]): {"id": node["id"], "host": node["host"], "nfs_port": node["nfs_port"], "state": "unknown"}
        for node in cluster.ds
    }
    for server in best.data_servers if best is not None else ():
        heard = [
            other.silent_ms
            for reply in replies
            for other in reply.data_servers
            if other.ds_id == server.ds_id and other.silent_ms >= 0
        ]
        rows[server.ds_id] = {
            "id": server.ds_id,
            "host": server.host,
            "nfs_port": server.port,
            "state": server.state,
            "capacity_bytes": server.capacity_bytes,
            "free_bytes": server.free_bytes,
            "silent_ms": min(heard) if heard else None,
            "pending_deletes": server.pending_deletes,
            "drained": server.drained,
        }
    return list(rows.values())


def json_of(cluster: ClusterFile, answers: list[Answer]) -> dict[str, Any]:
    """The whole answer for programs. Field names are the admin protocol's (proto/admin.proto)."""
    newest = max((answer.reply.commit_index for answer in answers if answer.reply), default=0)
    return {
        "quorum": has_quorum(answers),
        "leader": leader_of(answers) or None,
        "mds": [node_json(answer, newest) | {"member": standing(answer, answers)} for answer in answers],
        "ds": data_servers(cluster, answers),
    }


def node_json(answer: Answer, newest: int) -> dict[str, Any]:
    """One server's answer for programs; ``newest``: the highest commit index that any server told."""
    row: dict[str, Any] = {
        "id": answer.target.id,
        "nfs": answer.target.nfs,
        "admin": answer.target.admin,
        "reachable": answer.reply is not None,
    }
    reply = answer.reply
    if reply is None:
        return row | {"problem": answer.problem}
    return row | {
        "role": reply.role,
        "term": reply.term,
        "leader_id": reply.leader_id or None,
        "has_quorum": reply.has_quorum,
        "quarantined": reply.quarantined,
        "service": reply.service,
        "maintenance": reply.node_id in reply.maintenance,
        "fit": not reply.unfit if reply.guarded else None,
        "unfit": reply.unfit,
        "last_resort": reply.last_resort,
        "vips": [{"address": vip.address, "state": vip.state} for vip in reply.vips],
        "feature_level": reply.feature_level,
        "feature_level_known": reply.feature_level_known,
        "commit_index": reply.commit_index,
        "applied_index": reply.applied_index,
        "lag_entries": max(newest - reply.applied_index, 0),
        "first_log_index": reply.first_log_index,
        "last_log_index": reply.last_log_index,
        "pending_proposals": reply.pending_proposals,
        "clients": reply.clients,
        "sessions": reply.sessions,
        "connections": reply.connections,
        "consensus_lag_ms": round(reply.consensus_lag_ms, 3),
        "frontend_lag_ms": round(reply.frontend_lag_ms, 3),
        "uptime_s": round(reply.uptime_s, 3),
        "build": reply.build,
        "statuses": dict(sorted(reply.statuses.items())),
        "operations": dict(sorted(reply.operations.items())),
        "peers": [
            {
                "id": peer.node_id,
                "connected": peer.connected,
                "match_index": peer.match_index,
                "lag_entries": peer.lag_entries,
                "silent_ms": peer.silent_ms,
            }
            for peer in reply.peers
        ],
    }


def as_text(cluster: ClusterFile, answers: list[Answer], *, verbose: bool = False) -> list[str]:
    """The tables an operator reads, as plain lines."""
    return plain(blocks_of(cluster, answers, verbose=verbose))


def blocks_of(cluster: ClusterFile, answers: list[Answer], *, verbose: bool = False) -> list[Block]:
    """The tables an operator reads."""
    up = sum(answer.reply is not None for answer in answers)
    leader = leader_of(answers)
    servers = data_servers(cluster, answers)
    serving = sum(server["state"] == "up" for server in servers)
    verdict = f"quorum, led by {leader}" if leader else "quorum, no leader at this moment"
    if not has_quorum(answers):
        verdict = f"NO QUORUM: no change is acknowledged until a majority works together again; {_without(answers)}"
    newest = max((answer.reply.commit_index for answer in answers if answer.reply), default=0)
    return [
        verdict,
        f"{up} of {len(answers)} metadata servers and {serving} of {len(servers)} data servers up",
        "",
        Grid(
            ["METADATA", "ROLE", "TERM", "COMMIT", "APPLIED", "LAG", "CLIENTS", "SESSIONS", "CONNS", "LOOP LATE", "UP",
             "NFS"],
            [_node_row(answer, newest, standing(answer, answers)) for answer in answers],
            right=range(2, 11), spare=("LOOP LATE", "SESSIONS", "COMMIT", "TERM", "UP", "CONNS"),
        ),
        "",
        server_grid(servers),
        *_unfit(answers),
        *_features(answers),
        *_sent_statuses(answers, verbose),
    ]  # fmt: skip


def server_grid(servers: list[dict[str, Any]]) -> Grid:
    """The data servers, as :func:`data_servers` tells of them."""
    return Grid(
        ["DATA", "STATE", "CAPACITY", "FREE", "USED", "HEARD", "TO DELETE", "NFS"],
        [_server_row(server) for server in servers],
        right=range(2, 7),
        spare=("HEARD", "TO DELETE", "CAPACITY"),
    )


def standing(answer: Answer, answers: list[Answer]) -> str:
    """voter, learner, or none: by the newest membership that anybody told."""
    members = {member.node_id: member.voter for member in members_of(answers)}
    if not members:
        return "voter"  # Nobody told.
    return {None: "none", True: "voter", False: "learner"}[members.get(answer.target.id)]


def _unfit(answers: list[Answer]) -> list[Block]:
    """Who may not have service addresses, and why; empty where all may, or nobody is judged."""
    told: list[Block] = [
        f"{answer.target.id} {_may(answer.reply)}: {answer.reply.unfit}"
        for answer in answers
        if answer.reply is not None and answer.reply.unfit
    ]
    return ["", *told] if told else []


def _may(reply: admin_pb2.StatusReply) -> str:
    how = "have service addresses as a last resort only" if reply.last_resort else "not have service addresses"
    return f"may {how}"


def _features(answers: list[Answer]) -> list[Block]:
    """A hint while an upgrade is under way; empty when every member uses all that it knows."""
    answers = [answer for answer in answers if standing(answer, answers) != "none"]
    replies = [answer.reply for answer in answers if answer.reply is not None]
    used = max((reply.feature_level for reply in replies), default=0)
    newest = max((reply.feature_level_known for reply in replies), default=0)
    if newest <= used:
        return []
    behind = [
        answer.target.id for answer in answers if answer.reply is None or answer.reply.feature_level_known < newest
    ]
    waits = f"waits for {', '.join(behind)}" if behind else "is about to be raised"
    return ["", f"feature level {used}; {newest} {waits}"]


def _without(answers: list[Answer]) -> str:
    """What nodes without quorum do for clients."""
    readers = [answer.target.id for answer in answers if answer.reply and answer.reply.service == READ_ONLY]
    return f"old state can be read at {', '.join(readers)}" if readers else "nothing can be read"


def role_of(answer: Answer, standing: str) -> str:
    """What a server that answered is, in a few words."""
    reply = answer.reply
    assert reply is not None
    role = {"voter": reply.role, "learner": "learner", "none": "no member"}[standing]
    if reply.quarantined:
        role = "catching up"
    if reply.node_id in reply.maintenance:
        role += ", maintenance"
    if not reply.has_quorum:
        role += ", no quorum"
    if reply.unfit:
        role += ", last resort" if reply.last_resort else ", unfit"
    if reply.service and reply.service != SERVING:
        role += f", {reply.service}"
    return role


def _node_row(answer: Answer, newest: int, standing: str) -> list[str]:
    reply = answer.reply
    if reply is None:
        return [answer.target.id, "DOWN", *["-"] * 9, f"{answer.target.nfs}  ({answer.problem})"]
    late = max(reply.consensus_lag_ms, reply.frontend_lag_ms)
    counts = (
        reply.term, reply.commit_index, reply.applied_index, max(newest - reply.applied_index, 0),
        reply.clients, reply.sessions, reply.connections,
    )  # fmt: skip
    return [
        answer.target.id, role_of(answer, standing), *map(str, counts), f"{late:.0f} ms", human_time(reply.uptime_s),
        answer.target.nfs,
    ]  # fmt: skip


def _server_row(server: dict[str, Any]) -> list[str]:
    address = f"{server['host']}:{server['nfs_port']}"
    state = "up" if server["state"] == "up" else str(server["state"]).upper()
    state += ", drained" if server.get("drained") else ""
    if "capacity_bytes" not in server:
        return [server["id"], state, *["-"] * 5, address]
    capacity, free, silent = server["capacity_bytes"], server["free_bytes"], server["silent_ms"]
    used = f"{100 * (capacity - free) / capacity:.0f} %" if capacity else "-"
    heard = "-" if silent is None else f"{human_time(silent / 1000)} ago"
    return [
        server["id"], state, human_bytes(capacity), human_bytes(free), used, heard,
        str(server["pending_deletes"]), address,
    ]  # fmt: skip


def _sent_statuses(answers: list[Answer], verbose: bool) -> list[Block]:
    if not verbose:
        return []
    names = sorted({name for answer in answers if answer.reply for name in answer.reply.statuses})
    rows = [
        [name, *(str(answer.reply.statuses.get(name, 0)) if answer.reply else "-" for answer in answers)]
        for name in names
    ]
    head = ["SENT SINCE START", *(answer.target.id for answer in answers)]
    return ["", Grid(head, rows, right=range(1, len(answers) + 1))]
