"""``mdsctl``: the operator's look at a cluster. Every number is what that node says of itself, right now."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc

from mdscluster import memberctl
from mdscluster.adminclient import AdminClient, Answer, ClusterFile, explain, has_quorum, leader_of, members_of
from mdscluster.config import ConfigError
from mdscluster.nfs_frontend.quorum import READ_ONLY, SERVING
from mdscluster.pki import ClusterPki

EXIT_OK: Final = 0
EXIT_NO_QUORUM: Final = 1
EXIT_USAGE: Final = 2
EXIT_DIFFERENT: Final = 3
STATUS_TIMEOUT_S: Final = 3.0
DIGEST_TIMEOUT_S: Final = 60.0
_DIGEST_ATTEMPTS: Final = 10


def main(argv: list[str] | None = None) -> int:
    """Parse and run; the exit code."""
    arguments = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except ConfigError as problem:
        print(f"mdsctl: {problem}", file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:
        return EXIT_OK


def parser() -> argparse.ArgumentParser:
    """The command line."""
    from mdscluster.launcher import default_base_dir

    top = argparse.ArgumentParser(
        prog="mdsctl",
        description="Look at an mdscluster.",
        epilog="Exit code: 0 all is well, 1 no quorum, 2 wrong usage or no such cluster, 3 digests differ.",
    )
    top.add_argument(
        "--cluster", type=Path, metavar="FILE", default=default_base_dir() / "cluster.json",
        help="cluster.json as `run up` writes it, with pki/ beside it (default: %(default)s)",
    )  # fmt: skip
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    status = commands.add_parser("status", help="every server's state")
    status.add_argument("--json", action="store_true", help="everything the nodes say, for programs")
    status.add_argument("-v", "--verbose", action="store_true", help="also which NFS statuses each node has sent")
    status.add_argument(
        "--timeout", type=float, default=STATUS_TIMEOUT_S, metavar="S", help="for an answer (%(default)s)"
    )
    status.set_defaults(run=_status)
    digest = commands.add_parser("digest", help="compare the nodes' whole replicated state (INV-8)")
    digest.set_defaults(run=_digest)
    memberctl.add_commands(commands)
    top.set_defaults(run=_member)
    return top


def _client(path: Path) -> tuple[ClusterFile, AdminClient]:
    cluster = ClusterFile.load(path)
    return cluster, AdminClient(cluster.mds, ClusterPki(path.resolve().parent / "pki"))


def _member(arguments: argparse.Namespace) -> int:
    _, client = _client(arguments.cluster)
    with client:
        return memberctl.run(client, arguments)


# ---------------------------------------------------------------------- status
def _status(arguments: argparse.Namespace) -> int:
    cluster, client = _client(arguments.cluster)
    with client:
        answers = client.status(arguments.timeout)
    if arguments.json:
        print(json.dumps(as_json(cluster, answers), indent=2))
    else:
        print("\n".join(as_text(cluster, answers, verbose=arguments.verbose)))
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
        }
    return list(rows.values())


def as_json(cluster: ClusterFile, answers: list[Answer]) -> dict[str, Any]:
    """The whole answer for programs. Field names are the admin protocol's (proto/admin.proto)."""
    newest = max((answer.reply.commit_index for answer in answers if answer.reply), default=0)
    return {
        "quorum": has_quorum(answers),
        "leader": leader_of(answers) or None,
        "mds": [_node_as_json(answer, newest) | {"member": _standing(answer, answers)} for answer in answers],
        "ds": data_servers(cluster, answers),
    }


def _node_as_json(answer: Answer, newest: int) -> dict[str, Any]:
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
    """The tables an operator reads."""
    up = sum(answer.reply is not None for answer in answers)
    leader = leader_of(answers)
    servers = data_servers(cluster, answers)
    serving = sum(server["state"] == "up" for server in servers)
    verdict = f"quorum, led by {leader}" if leader else "quorum, no leader at this moment"
    if not has_quorum(answers):
        verdict = f"NO QUORUM: no change is acknowledged until a majority works together again; {_without(answers)}"
    lines = [
        f"{verdict}",
        f"{up} of {len(answers)} metadata servers and {serving} of {len(servers)} data servers up",
        "",
    ]
    newest = max((answer.reply.commit_index for answer in answers if answer.reply), default=0)
    head = [
        "METADATA",
        "ROLE",
        "TERM",
        "COMMIT",
        "APPLIED",
        "LAG",
        "CLIENTS",
        "SESSIONS",
        "CONNS",
        "LOOP LATE",
        "UP",
        "NFS",
    ]
    rows = (_node_row(answer, newest, _standing(answer, answers)) for answer in answers)
    lines += table([head, *rows], right=range(2, 11))
    head = ["DATA", "STATE", "CAPACITY", "FREE", "USED", "HEARD", "TO DELETE", "NFS"]
    lines += ["", *table([head, *(_server_row(server) for server in servers)], right=range(2, 7))]
    lines += _features(answers)
    if verbose:
        lines += ["", *_sent_statuses(answers)]
    return lines


def _standing(answer: Answer, answers: list[Answer]) -> str:
    """voter, learner, or none: by the newest membership that anybody told."""
    members = {member.node_id: member.voter for member in members_of(answers)}
    if not members:
        return "voter"  # Nobody told.
    return {None: "none", True: "voter", False: "learner"}[members.get(answer.target.id)]


def _features(answers: list[Answer]) -> list[str]:
    """A hint while an upgrade is under way; empty when every member uses all that it knows."""
    answers = [answer for answer in answers if _standing(answer, answers) != "none"]
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


def _node_row(answer: Answer, newest: int, standing: str) -> list[str]:
    reply = answer.reply
    if reply is None:
        return [answer.target.id, "DOWN", *["-"] * 9, f"{answer.target.nfs}  ({answer.problem})"]
    role = {"voter": reply.role, "learner": "learner", "none": "no member"}[standing]
    if reply.quarantined:
        role = "catching up"
    if not reply.has_quorum:
        role += ", no quorum"
    if reply.service and reply.service != SERVING:
        role += f", {reply.service}"
    late = max(reply.consensus_lag_ms, reply.frontend_lag_ms)
    counts = (reply.term, reply.commit_index, reply.applied_index, max(newest - reply.applied_index, 0), reply.clients)
    return [
        answer.target.id, role, *map(str, counts), str(reply.sessions), str(reply.connections), f"{late:.0f} ms",
        human_time(reply.uptime_s), answer.target.nfs,
    ]  # fmt: skip


def _server_row(server: dict[str, Any]) -> list[str]:
    address = f"{server['host']}:{server['nfs_port']}"
    state = "up" if server["state"] == "up" else str(server["state"]).upper()
    if "capacity_bytes" not in server:
        return [server["id"], state, *["-"] * 5, address]
    capacity, free, silent = server["capacity_bytes"], server["free_bytes"], server["silent_ms"]
    used = f"{100 * (capacity - free) / capacity:.0f} %" if capacity else "-"
    heard = "-" if silent is None else f"{human_time(silent / 1000)} ago"
    return [
        server["id"], state, human_bytes(capacity), human_bytes(free), used, heard,
        str(server["pending_deletes"]), address,
    ]  # fmt: skip


def _sent_statuses(answers: list[Answer]) -> list[str]:
    names = sorted({name for answer in answers if answer.reply for name in answer.reply.statuses})
    rows = [["SENT SINCE START", *(answer.target.id for answer in answers)]]
    for name in names:
        counts = [str(answer.reply.statuses.get(name, 0)) if answer.reply else "-" for answer in answers]
        rows.append([name, *counts])
    return table(rows, right=range(1, len(answers) + 1))


def table(rows: list[list[str]], right: range) -> list[str]:
    """Columns as wide as they need to be; those in ``right`` are aligned to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def human_bytes(count: int) -> str:
    """``1.5 GiB``."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} PiB"


def human_time(seconds: float) -> str:
    """``0.3 s``, ``42 s``, ``7 min``, ``3 h``, ``12 d``."""
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}" if seconds < 10 else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


# ---------------------------------------------------------------------- digest
def _digest(arguments: argparse.Namespace) -> int:
    """Digests can only be compared at one index; a busy cluster gives a few chances to meet."""
    _, client = _client(arguments.cluster)
    with client:
        seen: dict[tuple[int, str], bytes] = {}
        for _ in range(_DIGEST_ATTEMPTS):
            answers = [answer for answer in client.status(STATUS_TIMEOUT_S) if answer.reply is not None]
            members = {member.node_id for member in members_of(answers)}
            nodes = [answer.target.id for answer in answers if answer.target.id in members]
            if not has_quorum(answers):
                print("NO QUORUM: digests cannot be compared now")
                return EXIT_NO_QUORUM
            at_index = max(answer.reply.applied_index for answer in answers if answer.reply is not None)
            try:
                replies = {node: client.digest(node, at_index, DIGEST_TIMEOUT_S) for node in nodes}
            except grpc.RpcError as problem:
                print(f"mdsctl: {explain(problem)}", file=sys.stderr)
                return EXIT_NO_QUORUM
            seen |= {(reply.applied_index, node): reply.digest for node, reply in replies.items()}
            for index in sorted({index for index, _ in seen}, reverse=True):
                values = {node: digest for (at, node), digest in seen.items() if at == index}
                if len(values) == len(nodes):
                    return _verdict(index, values)
            time.sleep(0.2)
    print("mdsctl: the nodes were never at the same index: too busy to compare", file=sys.stderr)
    return EXIT_NO_QUORUM


def _verdict(index: int, values: dict[str, bytes]) -> int:
    equal = len(set(values.values())) == 1
    for node, digest in sorted(values.items()):
        print(f"{node}  {index}  {digest.hex()}")
    print("equal" if equal else "DIFFERENT: the replicas have diverged; keep all data directories and report this")
    return EXIT_OK if equal else EXIT_DIFFERENT


if __name__ == "__main__":
    sys.exit(main())
