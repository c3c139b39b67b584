"""``mdsctl member``: servers come and go, one at a time, while the cluster serves (docs/MEMBERSHIP.md).

Each step asks the present leader, and asks again while the answer may still change: every step may be repeated, so an
interrupted command is simply given again. What is allowed is consensus's to say (``mdscluster.raft.reconfiguration``).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc

from mdscluster.adminclient import AdminClient, Answer, explain, leader_of, members_of
from mdscluster.config import ConfigError
from mdsproto import admin_pb2
from mdsproto.configfile import write_atomically

STATUS_TIMEOUT_S: Final = 3.0
CALL_TIMEOUT_S: Final = 10.0
_PAUSE_S: Final = 0.3
_SETTLE_S: Final = 30.0
"""How long elections, hand-overs and other changes are waited for."""
_MAJORITY_S: Final = 5.0
"""How long a majority that is missing is waited for: a new leader has not heard everybody yet."""


def add_commands(commands: Any) -> None:
    """``member list|add|remove|replace``."""
    member = commands.add_parser("member", help="metadata servers: add, remove, replace")
    actions = member.add_subparsers(required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="who belongs to the cluster, and who keeps up")
    listing.set_defaults(member=lambda operator, arguments: operator.show())

    add = actions.add_parser("add", help="add a metadata server; returns when it has caught up and votes")
    add.add_argument("id", metavar="ID")
    _add_addresses(add)
    add.set_defaults(member=lambda operator, a: operator.add(a.id, a.raft, a.admin, a.nfs, a.timeout))

    remove = actions.add_parser("remove", help="remove a metadata server, alive or dead")
    remove.add_argument("id", metavar="ID")
    remove.add_argument("--even", action="store_true", help="an even number of voters may be left")
    remove.set_defaults(member=lambda operator, a: operator.remove(a.id, even_ok=a.even))

    replace = actions.add_parser("replace", help="add a metadata server, then remove another one")
    replace.add_argument("old", metavar="OLD")
    replace.add_argument("id", metavar="NEW")
    _add_addresses(replace)
    replace.set_defaults(member=lambda operator, a: operator.replace(a.old, a.id, a.raft, a.admin, a.nfs, a.timeout))


def _add_addresses(command: argparse.ArgumentParser) -> None:
    for name, what in (("raft", "consensus"), ("admin", "control and admin"), ("nfs", "NFS")):
        command.add_argument(f"--{name}", required=True, metavar="HOST:PORT", help=f"where its {what} listener is")
    command.add_argument(
        "--timeout", type=float, default=3600.0, metavar="S",
        help="for catching up (%(default).0f); after it the server stays a learner",
    )  # fmt: skip


class Refused(Exception):
    """It would not work, or not now; the text is for the operator."""


class Operator:
    """Carries out one command."""

    def __init__(
        self,
        client: AdminClient,
        cluster_file: Path,
        say: Callable[[str], None],
        clock_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._cluster_file = cluster_file
        self._say = say
        self._clock_s = clock_s
        self._sleep = sleep

    # Commands.

    def show(self) -> None:
        """Who belongs to the cluster."""
        answers = self._client.status(STATUS_TIMEOUT_S)
        for line in as_rows(answers):
            self._say(line)

    def add(self, node_id: str, raft: str, admin: str, nfs: str, timeout_s: float) -> None:
        """Add as a learner, wait until it has caught up, make it a voter."""
        self._change(admin_pb2.ChangeMembersRequest(kind="add", node_id=node_id, raft=raft, admin=admin, nfs=nfs))
        self._say(f"{node_id} is a learner: it gets the state and the log, and does not vote yet")
        promote = admin_pb2.ChangeMembersRequest(kind="promote", node_id=node_id)
        self._change(promote, behind_s=timeout_s)
        self._note_in_cluster_file(node_id, admin, nfs)
        voters = self._voters()
        self._say(f"{node_id} votes: {len(voters)} voters ({', '.join(voters)})")
        if len(voters) % 2 == 0:
            self._say(
                f"note: {len(voters)} voters survive no more failures than {len(voters) - 1}; add or remove one more"
            )

    def remove(self, node_id: str, *, even_ok: bool) -> None:
        """Remove a voter or a learner; a leader hands over first."""
        if node_id not in {member.node_id for member in members_of(self._client.status(STATUS_TIMEOUT_S))}:
            raise Refused(f"{node_id} is no member")
        self._change(admin_pb2.ChangeMembersRequest(kind="remove", node_id=node_id, even_ok=even_ok))
        self._forget_in_cluster_file(node_id)
        voters = self._voters()
        self._say(f"{node_id} is removed: {len(voters)} voters ({', '.join(voters)}). Stop it, if it still runs")

    def replace(self, old: str, node_id: str, raft: str, admin: str, nfs: str, timeout_s: float) -> None:
        """Add the new one before the old one goes: never fewer voters than before."""
        members = {member.node_id for member in members_of(self._client.status(STATUS_TIMEOUT_S))}
        if old not in members and node_id not in members:
            raise Refused(f"{old} is no member")
        self.add(node_id, raft, admin, nfs, timeout_s)
        if old in members:
            self.remove(old, even_ok=len(members) % 2 == 0)

    # Steps.

    def _change(self, request: admin_pb2.ChangeMembersRequest, behind_s: float = 0.0) -> None:
        """Ask the leader until it is done. ``Refused`` when it will not be."""
        limits_s = {"refused": -1.0, "behind": behind_s, "no_majority": _MAJORITY_S}
        code = told = ""
        since_s = 0.0
        while (reply := self._ask(request)).code != "done":
            if reply.code != code:
                code, since_s = reply.code, self._clock_s()
            if self._clock_s() - since_s > limits_s.get(code, _SETTLE_S):
                raise Refused(reply.text)
            if code in ("behind", "handing_over") and reply.text != told:
                told = reply.text
                self._say(told)
            self._sleep(_PAUSE_S)

    def _ask(self, request: admin_pb2.ChangeMembersRequest) -> admin_pb2.ChangeMembersReply:
        """One attempt at whoever leads now."""
        leader = leader_of(self._client.status(STATUS_TIMEOUT_S))
        if not leader:
            return admin_pb2.ChangeMembersReply(code="not_leader", text="there is no quorum: nothing can be changed")
        try:
            return self._client.change_members(leader, request, CALL_TIMEOUT_S)
        except grpc.RpcError as problem:
            return admin_pb2.ChangeMembersReply(code="unknown", text=f"{leader}: {explain(problem)}")

    def _voters(self) -> list[str]:
        return [member.node_id for member in members_of(self._client.status(STATUS_TIMEOUT_S)) if member.voter]

    # cluster.json: where this and other tools look for the cluster.

    def _note_in_cluster_file(self, node_id: str, admin: str, nfs: str) -> None:
        host, _, port = nfs.rpartition(":")
        entry = {"id": node_id, "host": host.strip("[]"), "nfs_port": int(port), "admin": admin}
        self._edit_cluster_file(
            lambda mds: mds if any(node["id"] == node_id for node in mds) else [*mds, entry]
        )

    def _forget_in_cluster_file(self, node_id: str) -> None:
        self._edit_cluster_file(lambda mds: [node for node in mds if node["id"] != node_id])

    def _edit_cluster_file(self, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        path = self._cluster_file
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            mds = edit(content["mds"])
            if mds != content["mds"]:
                write_atomically(path, json.dumps({**content, "mds": mds}, indent=2).encode() + b"\n")
        except (OSError, ValueError, KeyError) as problem:
            self._say(f"note: {path} still lists the servers of before: {problem}")


def as_rows(answers: list[Answer]) -> list[str]:
    """The members by the newest membership that any node told, and how each is seen by the leader."""
    from mdscluster.mdsctl import table

    leader = leader_of(answers)
    said = next((answer.reply for answer in answers if answer.reply and answer.target.id == leader), None)
    seen = {peer.node_id: peer for peer in said.peers} if said is not None else {}
    rows = [["ID", "NUMBER", "ROLE", "BEHIND", "RAFT", "ADMIN", "NFS"]]
    for member in members_of(answers):
        role = "leader" if member.node_id == leader else "voter" if member.voter else "learner"
        peer = seen.get(member.node_id)
        behind = "-" if peer is None or peer.lag_entries < 0 else str(peer.lag_entries)
        if peer is not None and not peer.connected:
            behind = "not connected"
        rows.append([member.node_id, str(member.number), role, behind, member.raft, member.admin, member.nfs])
    return table(rows, right=range(1, 2))


def run(client: AdminClient, arguments: argparse.Namespace) -> int:
    """One command; 0 when it is done, 1 when it was refused."""
    operator = Operator(client, arguments.cluster, lambda text: print(text, flush=True))
    try:
        arguments.member(operator, arguments)
    except Refused as problem:
        print(f"mdsctl: {problem}", flush=True)
        return 1
    except (KeyboardInterrupt, ConfigError) as problem:
        print(f"mdsctl: stopped; give the command again to go on ({type(problem).__name__})", flush=True)
        return 1
    return 0
