"""``mdsctl member``: servers come and go, one at a time, while the cluster serves (docs/MEMBERSHIP.md).

Each step asks the present leader, and asks again while the answer may still change: every step may be repeated, so an
interrupted command is simply given again. What is allowed is consensus's to say (``mdscluster.raft.reconfiguration``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import grpc
import typer

from mdscluster.adminclient import AdminClient, Answer, leader_of, members_of
from mdscluster.mdsctl import clusterfile
from mdscluster.mdsctl.asking import ASK_AGAIN
from mdscluster.mdsctl.desk import EXIT_OK, STATUS_TIMEOUT_S, Desk, Failure, Json, not_empty
from mdscluster.mdsctl.view import Grid, plain
from mdsproto import admin_pb2
from mdsproto.callfailure import in_words

CALL_TIMEOUT_S: Final = 10.0
_PAUSE_S: Final = 0.3
_SETTLE_S: Final = 30.0
"""How long elections, hand-overs and other changes are waited for."""
_MAJORITY_S: Final = 5.0
"""How long a majority that is missing is waited for: a new leader has not heard everybody yet."""

app = typer.Typer(no_args_is_help=True)

MemberId = Annotated[str, typer.Argument(metavar="ID", callback=not_empty)]
Raft = Annotated[str, typer.Option("--raft", metavar="HOST:PORT", help="Where its consensus listener is.")]
Admin = Annotated[str, typer.Option("--admin", metavar="HOST:PORT", help="Where its control and admin listener is.")]
Nfs = Annotated[str, typer.Option("--nfs", metavar="HOST:PORT", help="Where its NFS listener is.")]
CatchUp = Annotated[
    float, typer.Option("--timeout", metavar="S", help="For catching up; after it the server stays a learner.")
]


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> int:
    """Who belongs to the cluster, and who keeps up."""
    desk = Desk.of(context, as_json)
    with desk.connect() as client:
        answers = client.status(STATUS_TIMEOUT_S)
    if not members_of(answers):
        raise Failure("no metadata server told who belongs to the cluster", "`mdsctl status` shows why")
    desk.answer(json_of(answers), [grid_of(answers)])
    return EXIT_OK


@app.command()
def add(
    context: typer.Context,
    node: MemberId,
    raft: Raft,
    admin: Admin,
    nfs: Nfs,
    timeout: CatchUp = 3600.0,
    as_json: Json = False,
) -> int:
    """Add a metadata server; returns when it has caught up and votes."""
    return _carry_out(context, as_json, lambda operator: operator.add(node, raft, admin, nfs, timeout))


@app.command()
def remove(
    context: typer.Context,
    node: MemberId,
    even: Annotated[bool, typer.Option("--even", help="An even number of voters may be left.")] = False,
    as_json: Json = False,
) -> int:
    """Remove a metadata server, alive or dead."""
    return _carry_out(context, as_json, lambda operator: operator.remove(node, even_ok=even))


@app.command()
def replace(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", callback=not_empty)],
    new: Annotated[str, typer.Argument(metavar="NEW", callback=not_empty)],
    raft: Raft,
    admin: Admin,
    nfs: Nfs,
    timeout: CatchUp = 3600.0,
    as_json: Json = False,
) -> int:
    """Add a metadata server, then remove another one."""
    return _carry_out(context, as_json, lambda operator: operator.replace(old, new, raft, admin, nfs, timeout))


def _carry_out(context: typer.Context, as_json: bool, command: Callable[[Operator], None]) -> int:
    desk = Desk.of(context, as_json)
    with desk.connect() as client:
        try:
            command(Operator(client, desk.cluster_file, desk.progress))
        except Refused as problem:
            raise Failure(str(problem), problem.advice) from problem
        if desk.json:
            desk.answer(json_of(client.status(STATUS_TIMEOUT_S)), [])
    return EXIT_OK


_MEMBERS: Final = "`mdsctl member list` shows who is, docs/MEMBERSHIP.md tells what is allowed"
_ADVICE: Final = {
    "refused": _MEMBERS,
    "behind": "give the command again to go on waiting; `mdsctl nodes` shows whom it hears",
    "no_majority": "start those that are missing first: `mdsctl nodes` shows them",
}


class Refused(Exception):
    """It would not work, or not now; the text and ``advice`` are for the operator."""

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(problem)
        self.advice = advice


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
            raise Refused(f"{node_id} is no member", _MEMBERS)
        self._change(admin_pb2.ChangeMembersRequest(kind="remove", node_id=node_id, even_ok=even_ok))
        self._forget_in_cluster_file(node_id)
        voters = self._voters()
        self._say(f"{node_id} is removed: {len(voters)} voters ({', '.join(voters)}). Stop it, if it still runs")

    def replace(self, old: str, node_id: str, raft: str, admin: str, nfs: str, timeout_s: float) -> None:
        """Add the new one before the old one goes: never fewer voters than before."""
        members = {member.node_id for member in members_of(self._client.status(STATUS_TIMEOUT_S))}
        if old not in members and node_id not in members:
            raise Refused(f"{old} is no member", _MEMBERS)
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
                raise Refused(reply.text, _ADVICE.get(code, ASK_AGAIN))
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
            return admin_pb2.ChangeMembersReply(code="unknown", text=f"{leader}: {in_words(problem)}")

    def _voters(self) -> list[str]:
        return [member.node_id for member in members_of(self._client.status(STATUS_TIMEOUT_S)) if member.voter]

    # cluster.json: where this and other tools look for the cluster.

    def _note_in_cluster_file(self, node_id: str, admin: str, nfs: str) -> None:
        host, _, port = nfs.rpartition(":")
        entry = {"id": node_id, "host": host.strip("[]"), "nfs_port": int(port), "admin": admin}
        self._tell(clusterfile.edit(self._cluster_file, "mds", lambda mds: clusterfile.with_entry(mds, entry)))

    def _forget_in_cluster_file(self, node_id: str) -> None:
        self._tell(clusterfile.edit(self._cluster_file, "mds", lambda mds: clusterfile.without(mds, node_id)))

    def _tell(self, note: str) -> None:
        if note:
            self._say(note)


def _roles(answers: list[Answer]) -> list[tuple[admin_pb2.Member, str, admin_pb2.Peer | None]]:
    """The members by the newest membership that any node told, their roles, and how each is seen by the leader."""
    leader = leader_of(answers)
    said = next((answer.reply for answer in answers if answer.reply and answer.target.id == leader), None)
    seen = {peer.node_id: peer for peer in said.peers} if said is not None else {}
    return [
        (
            member,
            "leader" if member.node_id == leader else "voter" if member.voter else "learner",
            seen.get(member.node_id),
        )
        for member in members_of(answers)
    ]


def json_of(answers: list[Answer]) -> dict[str, Any]:
    """The membership for programs; ``lag_entries`` and ``connected`` are the leader's view, null where it has none."""
    members = [
        {
            "id": member.node_id, "number": member.number, "role": role, "voter": member.voter,
            "lag_entries": None if peer is None or peer.lag_entries < 0 else peer.lag_entries,
            "connected": None if peer is None else peer.connected,
            "raft": member.raft, "admin": member.admin, "nfs": member.nfs,
        }
        for member, role, peer in _roles(answers)
    ]  # fmt: skip
    return {"leader": leader_of(answers) or None, "members": members}


def grid_of(answers: list[Answer]) -> Grid:
    """The same for people."""
    rows = []
    for member, role, peer in _roles(answers):
        behind = "-" if peer is None or peer.lag_entries < 0 else str(peer.lag_entries)
        if peer is not None and not peer.connected:
            behind = "not connected"
        rows.append([member.node_id, str(member.number), role, behind, member.raft, member.admin, member.nfs])
    return Grid(["ID", "NUMBER", "ROLE", "BEHIND", "RAFT", "ADMIN", "NFS"], rows, right=(1,))


def as_rows(answers: list[Answer]) -> list[str]:
    """Plain lines of it."""
    return plain([grid_of(answers)])
