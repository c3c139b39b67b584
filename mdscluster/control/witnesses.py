"""What the other voters have seen of those whom a leader has not met (docs/adr/0021).

It is asked for when a decision needs it, and kept for no other one. A server that does not answer, one that stood still
and one of a release that does not know the question are no evidence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import grpc
import structlog

from fencing.suspicion import Statement
from mdscluster.control.channels import Channels, why
from mdsproto import fencing_pb2, fencing_pb2_grpc

if TYPE_CHECKING:
    from mdscluster.replica import MemberStatus

AskVoter: TypeAlias = "Callable[[MemberStatus], Awaitable[Statement | None]]"
"""Ask another server whom it misses. None: it does not answer, or its release has nothing to say."""

log = structlog.get_logger()

CALL_TIMEOUT_S: Final = 1.0
EVIDENCE_MS: Final = 2_000
"""From the asking: a second for the answers, and one for the leader to prove itself in the log."""


class Evidence(NamedTuple):
    """Answers, and since when they may have been true no more."""

    asked_ms: int
    statements: Mapping[str, Statement]

    def fresh(self, now_ms: int) -> bool:
        return now_ms - self.asked_ms <= EVIDENCE_MS


async def gather(
    ask: AskVoter, members: Collection[MemberStatus], but: Collection[str], clock_ms: Callable[[], int]
) -> Evidence:
    """Ask all voters at once, ``but`` those; at most :data:`CALL_TIMEOUT_S` long. Who has not answered then says
    nothing."""
    asked_ms = clock_ms()
    tasks = {
        member.id: asyncio.ensure_future(ask(member)) for member in members if member.voter and member.id not in but
    }
    try:
        if tasks:
            await asyncio.wait(tasks.values(), timeout=CALL_TIMEOUT_S)
        told = {name: task.result() for name, task in tasks.items() if task.done()}
    finally:
        for task in tasks.values():
            task.cancel()
    return Evidence(asked_ms, {name: said for name, said in told.items() if said is not None})


def statement(reply: fencing_pb2.MissedReply) -> Statement:
    """As it came."""
    return Statement(dict(reply.missed_ms), frozenset(reply.heard))


class VoterLinks:
    """Calls to the other servers' fencing service, by kept channels."""

    def __init__(self, ca: Path, certificate: Path, key: Path) -> None:
        """``OSError`` when a certificate cannot be used."""
        self._channels = Channels(ca, certificate, key, CALL_TIMEOUT_S)
        self._told: dict[str, str] = {}

    async def ask(self, member: MemberStatus) -> Statement | None:
        """An :data:`AskVoter`."""
        if not member.admin:
            return None
        stub = fencing_pb2_grpc.FencingStub(self._channels.to(member.id, member.admin))
        try:
            reply = await stub.Missed(fencing_pb2.MissedRequest(), timeout=CALL_TIMEOUT_S)
        except (TimeoutError, grpc.aio.AioRpcError) as error:
            self._tell(member.id, why(error))
            return None
        self._told.pop(member.id, None)
        return statement(reply)

    def _tell(self, node_id: str, reason: str) -> None:
        """Once for each reason: a leader asks again and again."""
        if self._told.get(node_id) != reason:
            log.warning("a server does not say whom it misses", server=node_id, error=reason)
        self._told[node_id] = reason

    async def close(self) -> None:
        await self._channels.close()
