"""The leader's part in taking things away: recalls and leases that ran out, and claims to write for clients.

What is committed in which order, and why, is told in :mod:`mdscluster.fsm.revocation`. Here it is found out what is
due, and the fences are brought into force in between. Many clients may be lost at once, with the switch that they are
behind: so commands are proposed many at a time, and ride in few entries of the log, and none is proposed that would
change nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from mdscluster.fsm import clients, recalls, revocation
from mdscluster.fsm.commands import (
    ExpireClients,
    FenceConfirmed,
    Internal,
    IoClaimsInForce,
    RecallDone,
    RenewLeases,
    StartFence,
)

if TYPE_CHECKING:
    from mdscluster.control.fencing import FencePusher
    from mdscluster.fsm.recalls import Pending
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica
    from mdsproto.mandate import Mandate

log = structlog.get_logger()

AT_ONCE: Final = 256
"""Commands under way, and clients in one command: an entry of the log stays small, and others come in between."""

T = TypeVar("T")
Propose = Callable[[Internal], Awaitable[bytes | None]]


class Revoker:
    """What a leader does of it in each of its passes; nothing is kept from one to the next."""

    def __init__(self, replica: Replica, tables: Tables, fences: FencePusher, propose: Propose) -> None:
        self._replica = replica
        self._tables = tables
        self._fences = fences
        self._propose = propose

    async def revoke(
        self, pending: Pending, expired: list[int], judged_ms: int, started_before_lease_ms: int, own: Mandate | None
    ) -> None:
        """Recalls and leases that have run out: fence, and only when that is in force say that it is done.

        Any of these commands may come late, when another leads and clients have come back: leases are judged as of now.
        """
        late = [
            other
            for other, record in pending.recalls
            if not record.fence_epoch and record.started_lease_ms < started_before_lease_ms
        ]
        if late or expired:
            await self._propose(RenewLeases([]))  # the log's own clock is what they are judged by
        await self._propose_all([StartFence(0, other) for other in late])
        unfenced, with_layouts = self._look(await self._expire(expired, judged_ms))
        await self._propose_all([StartFence(client_id, b"", judged_ms) for client_id in unfenced])
        if not late and not with_layouts and not any(record.fence_epoch for _, record in pending.recalls):
            return  # where it is only claims that have to be fenced: see below
        version = await self._fences.push(own)
        await self._say_done(version)
        await self._propose_all([FenceConfirmed(client_id, version) for client_id in with_layouts])
        await self._expire(with_layouts, judged_ms)

    async def confirm(self, claims: list[tuple[int, int]], own: Mandate | None) -> None:
        """Claims to write for a client (docs/adr/0012): bring their fences into force, and say so."""
        if not claims:
            return
        version = await self._fences.push(own)
        in_force = [client_id for client_id, epoch in claims if epoch <= version]
        await self._propose_all([IoClaimsInForce(some, version) for some in _portions(in_force)])

    def _look(self, client_ids: list[int]) -> tuple[list[int], list[int]]:
        """Of clients that are to be dropped: those that are not fenced yet, and those that hold layouts."""
        if not client_ids:
            return [], []
        with self._replica.env.begin() as txn:
            return revocation.unfenced(txn, self._tables, client_ids)

    async def _say_done(self, version: int) -> None:
        with self._replica.env.begin() as txn:
            fenced = recalls.pending(txn, self._tables).recalls
        done = [(other, record) for other, record in fenced if 0 < record.fence_epoch <= version]
        for other, record in done:
            log.warning(
                "layout revoked", request=f"recall-{other.hex()}", client=f"{record.client_id:x}",
                fileid=f"{record.fileid:x}",
            )  # fmt: skip
        await self._propose_all([RecallDone(other, version) for other, _ in done])

    async def _expire(self, client_ids: list[int], judged_ms: int) -> list[int]:
        """Drop clients whose lease ran out; those that something is to be fenced of are returned, and keep all they
        have until then."""
        results = await self._propose_all([ExpireClients(some, judged_ms) for some in _portions(client_ids)])
        outcomes = [clients.decode_expired(result[1:]) for result in results if result is not None]
        if removed := sum(len(outcome.removed) for outcome in outcomes):
            log.info("leases ran out", clients=removed)
        return [client_id for outcome in outcomes for client_id in outcome.holding_layouts]

    async def _propose_all(self, commands: Sequence[Internal]) -> list[bytes | None]:
        results: list[bytes | None] = []
        for some in _portions(commands):
            results += await asyncio.gather(*map(self._propose, some))
        return results


def _portions(items: Sequence[T]) -> list[list[T]]:
    return [list(items[start : start + AT_ONCE]) for start in range(0, len(items), AT_ONCE)]
