"""What the leader does beside serving: leases, recalls that ran out, fences, cuts, data servers that come and go.

One pass runs a few times a second and whenever the state machine says that there is something to do. All of it may be
done twice or by two nodes that both take themselves for the leader: every command is judged again when it is applied,
at the log's time. Nothing is kept here but what can be found out again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import structlog

from mdscluster import replica_async
from mdscluster.control.fencing import FenceLinks, FencePusher
from mdscluster.control.liveness import Liveness
from mdscluster.fsm import clients, cuts, data_servers, features, recalls
from mdscluster.fsm.commands import (
    ConfigureCluster,
    ExpireClients,
    FenceConfirmed,
    Internal,
    LeaderStarted,
    RaiseFeatures,
    RecallDone,
    RenewLeases,
    StartFence,
    StartRecall,
    Truncated,
    pack_internal,
)
from mdscluster.fsm.machine import load_settings
from mdscluster.fsm.tables import U64, Tables
from mdscluster.replica import LEADER, Replica, ReplicaStatus

if TYPE_CHECKING:
    import lmdb

    from mdscluster.control.registry import Heard, Registry
    from mdscluster.fsm.recalls import Pending
    from mdscluster.fsm.settings import Settings

log = structlog.get_logger()

PERIOD_MS: Final = 250
_CUTS_AT_ONCE: Final = 64


class Links(FenceLinks, Protocol):
    """Calls to data servers."""

    async def truncate(self, heard: Heard, fileid: int, size: int, serial: int) -> bool:
        """Carry out a cut of a file on one data server; False when it could not be reached."""


class LeaderJobs:
    """Runs on every node; acts only while the node's own consensus says that it leads."""

    def __init__(
        self,
        replica: Replica,
        tables: Tables,
        registry: Registry,
        links: Links,
        clock_ms: Callable[[], int],
        *,
        ds_lease_ms: int,
        wanted: Settings,
        draw_cluster_id: Callable[[], int],
    ) -> None:
        self._wanted = wanted
        self._draw_cluster_id = draw_cluster_id
        self._replica = replica
        self._tables = tables
        self._registry = registry
        self._links = links
        self._clock_ms = clock_ms
        self._liveness = Liveness(replica, tables, registry, self.propose)
        self._fences = FencePusher(replica, tables, registry, links, clock_ms, ds_lease_ms=ds_lease_ms)
        self._term = -1
        self._since_ms = 0
        self._looked_ms = -PERIOD_MS
        self._lease_base = (-1, 0)  # the log's lease clock when it last moved, and our own clock then
        self.wake = asyncio.Event()

    async def run(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self.wake.wait(), PERIOD_MS / 1000)
            except TimeoutError:
                pass
            self.wake.clear()
            await self.turn()

    async def turn(self) -> None:
        """One pass, if this node leads."""
        status = await replica_async.status(self._replica)
        if status.role == LEADER and status.has_quorum:
            await self._pass(status)
        else:
            self._term = -1

    async def propose(self, command: Internal) -> bytes | None:
        """Commit one command; None when there was no outcome in time, or the cluster is not at its feature level."""
        with self._replica.env.begin() as txn:
            if not features.permitted(command, features.level(txn, self._tables)):
                return None
        return await replica_async.propose(self._replica, pack_internal(command))

    async def _pass(self, status: ReplicaStatus) -> None:
        now_ms = self._clock_ms()
        if status.term != self._term:
            if not await self._configure() or await self.propose(LeaderStarted(status.node_id)) is None:
                return
            self._term, self._since_ms = status.term, now_ms
            log.info("this node leads", term=status.term)
        if now_ms - self._looked_ms >= PERIOD_MS:
            self._looked_ms = now_ms
            await self._raise_features(status)
            await self._liveness.judge(now_ms, self._since_ms)
        with self._replica.env.begin() as txn:
            pending = recalls.pending(txn, self._tables)
            lease_now = self._lease_now(txn, now_ms)
            expired = clients.clients_expired(txn, self._tables, lease_now)
            timeout_ms = load_settings(txn, self._tables).recall_timeout_ms
        if pending.stale:
            await self.propose(StartRecall(0, 0))
        await asyncio.gather(self._revoke(pending, expired, lease_now - timeout_ms), self._cut(pending.cuts))
        if pending.stale:
            self.wake.set()  # there may be more

    async def _configure(self) -> bool:
        """Commit this node's configuration where the log's settings differ from it; the cluster ID is drawn once."""
        with self._replica.env.begin() as txn:
            committed = load_settings(txn, self._tables)
        cluster_id = committed.cluster_id or self._draw_cluster_id()
        wanted = msgspec.structs.replace(self._wanted, cluster_id=cluster_id)
        if wanted == committed:
            return True
        return await self.propose(ConfigureCluster(msgspec.msgpack.encode(wanted))) is not None

    async def _raise_features(self, status: ReplicaStatus) -> None:
        """Use what every metadata server knows, once all of them are here and have said what they know."""
        known = min([features.SUPPORTED, *(peer.feature_level for peer in status.peers.values())])
        with self._replica.env.begin() as txn:
            used = features.level(txn, self._tables)
        if known > used:
            await self.propose(RaiseFeatures(known))
            log.info("feature level raised", level=known, before=used)

    def _lease_now(self, txn: lmdb.Transaction, now_ms: int) -> int:
        """The lease clock now: the log's last, plus what has passed since it last moved."""
        raw = txn.get(b"lease_ms", db=self._tables.meta)
        last = 0 if raw is None else int(U64.unpack(raw)[0])
        if last != self._lease_base[0]:
            self._lease_base = (last, now_ms)
        return last + now_ms - self._lease_base[1]

    # ------------------------------------------------------------ revocation
    async def _revoke(self, pending: Pending, expired: list[int], started_before_lease_ms: int) -> None:
        """Recalls and leases that have run out: fence, and only when that is in force say that it is done."""
        late = [
            other
            for other, record in pending.recalls
            if not record.fence_epoch and record.started_lease_ms < started_before_lease_ms
        ]
        if late or expired:
            await self.propose(RenewLeases([]))  # the log's own clock is what they are judged by
        for other in late:
            await self.propose(StartFence(0, other))
        holders = await self._expire(expired) if expired else []
        for client_id in holders:
            await self.propose(StartFence(client_id, b""))
        if not late and not holders and not any(record.fence_epoch for _, record in pending.recalls):
            return
        version = await self._fences.push()
        with self._replica.env.begin() as txn:
            fenced = recalls.pending(txn, self._tables).recalls
        for other, record in fenced:
            if 0 < record.fence_epoch <= version:
                log.warning("layout revoked", client=f"{record.client_id:x}", fileid=f"{record.fileid:x}")
                await self.propose(RecallDone(other, version))
        for client_id in holders:
            await self.propose(FenceConfirmed(client_id, version))
        if holders:
            await self._expire(holders)

    async def _expire(self, client_ids: list[int]) -> list[int]:
        """Drop clients whose lease ran out; those that hold layouts are returned, and keep all they have until then."""
        result = await self.propose(ExpireClients(client_ids))
        if result is None:
            return []
        outcome = clients.decode_expired(result[1:])
        if outcome.removed:
            log.info("leases ran out", clients=len(outcome.removed))
        return outcome.holding_layouts

    # ------------------------------------------------------------ cuts
    async def _cut(self, pending: list[cuts.Cut]) -> None:
        """Have files cut on their data servers, those that can be reached."""
        if not pending:
            return
        # An old leader must not cut what was written since: look again behind a barrier, directly before. (A data
        # server knows the cuts that it has carried out; this is for one that was restarted.)
        if not await replica_async.barrier(self._replica):
            return
        with self._replica.env.begin() as txn:
            by_number = {server.number: server for server in data_servers.all_servers(txn, self._tables)}
            current = [cuts.of_file(txn, self._tables, cut.fileid) for cut in pending[:_CUTS_AT_ONCE]]
        await asyncio.gather(*(self._cut_file(cut, by_number) for cut in current if cut is not None))
        if len(pending) > _CUTS_AT_ONCE:
            self.wake.set()

    async def _cut_file(self, cut: cuts.Cut, by_number: dict[int, data_servers.DataServer]) -> None:
        async def one(number: int, size: int) -> int:
            server = by_number[number]
            heard = self._registry.heard.get(server.ds_id)
            if heard is None or not server.up:
                return 0
            return number if await self._links.truncate(heard, cut.fileid, size, cut.serial) else 0

        done = await asyncio.gather(*(one(number, size) for number, size in cut.remaining))
        numbers = [number for number in done if number]
        if numbers:
            await self.propose(Truncated(cut.fileid, cut.serial, numbers))
