"""Asking metadata servers how they are: what mdsctl, ``run up`` and the demo share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from mdscluster.config import ConfigError
from mdscluster.pki import ClusterPki
from mdsproto import admin_pb2, admin_pb2_grpc, certcheck, credentials
from mdsproto.callfailure import in_words
from mdsproto.credentials import ROLE_ADMIN

ADMIN_ID: Final = "admin"


@dataclass(frozen=True, slots=True)
class Target:
    """A metadata server as ``cluster.json`` names it."""

    id: str
    admin: str
    """``host:port`` of its gRPC listener."""
    nfs: str
    """``host:port`` of its NFS listener."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one node said, or why it said nothing."""

    target: Target
    reply: admin_pb2.StatusReply | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ClusterFile:
    """``cluster.json``."""

    path: Path
    mds: tuple[Target, ...]
    ds: tuple[dict[str, Any], ...]

    @classmethod
    def load(cls, path: Path) -> ClusterFile:
        """Read it; raises :class:`ConfigError` in the operator's words."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            mds = tuple(
                Target(node["id"], node["admin"], f"{node['host']}:{node['nfs_port']}") for node in content["mds"]
            )
            return cls(path, mds, tuple(content["ds"]))
        except FileNotFoundError as problem:
            raise ConfigError(
                f"there is no {path}: is the cluster up? `run up` writes it once it serves; "
                "--cluster FILE names another"
            ) from problem
        except OSError as problem:
            raise ConfigError(f"cannot read {path}: {problem.strerror}") from problem
        except (ValueError, KeyError, TypeError) as problem:
            raise ConfigError(f"{path} is not a cluster file as `run up` writes it: {problem!r}") from problem


class AdminClient:
    """Channels to every metadata server, with the operator's certificate from ``pki/`` beside ``cluster.json``.

    ``ConfigError`` for a certificate that cannot work: servers would hang up, and say nothing.
    """

    def __init__(self, targets: Iterable[Target], pki: ClusterPki) -> None:
        paths = pki.paths(ADMIN_ID)
        certcheck.require_own(pki.ca, paths.certificate, paths.key, ADMIN_ID, ROLE_ADMIN)
        told, usable = certcheck.days(pki.ca, paths.certificate)
        if not usable:
            raise ConfigError(told)
        try:
            self._credentials = credentials.channel_credentials(pki.ca, paths.certificate, paths.key)
        except OSError as problem:
            raise ConfigError(
                f"cannot read the operator's certificate {problem.filename}: {problem.strerror}"
            ) from problem
        self.targets: tuple[Target, ...] = ()
        self._channels: dict[str, grpc.Channel] = {}
        self._open(targets)

    def _open(self, targets: Iterable[Target]) -> None:
        for target in targets:
            self.targets = (*self.targets, target)
            self._channels[target.id] = grpc.secure_channel(
                target.admin, self._credentials, options=credentials.channel_options(target.id)
            )

    def __enter__(self) -> AdminClient:
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self._channels.values():
            channel.close()

    def status(self, timeout_s: float) -> list[Answer]:
        """Ask all at once; a node that does not answer within ``timeout_s`` is an answer too.

        Members that the answers name, and that were not known before, are asked as well.
        """
        answers = self._ask(self.targets, timeout_s)
        new = [
            Target(member.node_id, member.admin, member.nfs)
            for member in members_of(answers)
            if member.admin and member.node_id not in self._channels
        ]
        self._open(new)
        return answers + self._ask(new, timeout_s)

    def _ask(self, targets: Iterable[Target], timeout_s: float) -> list[Answer]:
        calls = [
            (target, admin_pb2_grpc.AdminStub(self._channels[target.id]).Status.future(
                admin_pb2.StatusRequest(), timeout=timeout_s
            ))
            for target in targets
        ]  # fmt: skip
        answers = []
        for target, call in calls:
            try:
                answers.append(Answer(target, call.result()))
            except grpc.RpcError as problem:
                answers.append(Answer(target, None, in_words(problem)))
        return answers

    def digest(self, node_id: str, at_index: int, timeout_s: float) -> admin_pb2.DigestReply:
        """The node's digest of its whole state. Raises ``grpc.RpcError``."""
        stub = admin_pb2_grpc.AdminStub(self._channels[node_id])
        return stub.Digest(admin_pb2.DigestRequest(at_index=at_index), timeout=timeout_s)

    def channel(self, node_id: str) -> grpc.Channel:
        """For calls of other services than Admin to a node."""
        return self._channels[node_id]

    def stub(self, node_id: str) -> admin_pb2_grpc.AdminStub:
        """Calls to a node. They raise ``grpc.RpcError``: give each a timeout."""
        return admin_pb2_grpc.AdminStub(self._channels[node_id])

    def change_members(
        self, node_id: str, request: admin_pb2.ChangeMembersRequest, timeout_s: float
    ) -> admin_pb2.ChangeMembersReply:
        """What the node, were it the leader, made of a change of the membership. Raises ``grpc.RpcError``."""
        stub = admin_pb2_grpc.AdminStub(self._channels[node_id])
        return stub.ChangeMembers(request, timeout=timeout_s)


def has_quorum(answers: Iterable[Answer]) -> bool:
    """Whether some node that answered says that a majority works together."""
    return any(answer.reply is not None and answer.reply.has_quorum for answer in answers)


def leader_of(answers: Iterable[Answer]) -> str:
    """The leader by the newest term that a node with quorum knows of; empty when there is none."""
    known = [
        (answer.reply.term, answer.reply.leader_id) for answer in answers if answer.reply and answer.reply.has_quorum
    ]
    return max(known)[1] if known else ""


def members_of(answers: Iterable[Answer]) -> list[admin_pb2.Member]:
    """The newest committed membership that any node told; empty when none answered."""
    told = [answer.reply for answer in answers if answer.reply and answer.reply.membership_applied]
    newest = max(told, key=lambda reply: (reply.membership_index, reply.has_quorum), default=None)
    return [] if newest is None else list(newest.members)
