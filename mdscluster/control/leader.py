"""What the leader does beside serving: leases, recalls that ran out, fences, truncations, deletions, liveness.

One pass runs a few times a second and whenever the state machine says that there is something to do. All of
it may be done twice or by two nodes that both take themselves for the leader: every command is re-judged
in ``apply``, at the log's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from mdscluster import replica_async
from mdscluster.fsm import clients, data_servers, recalls
from mdscluster.fsm.commands import (
    ConfigureCluster,
    DataServerUpdate,
    ExpireClients,
    FenceConfirmed,
    Internal,
    LeaderStarted,
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

    from mdscluster.control.links import DataServerLinks
    from mdscluster.control.registry import Heard, Registry
    from mdscluster.fsm.settings import Settings

log = structlog.get_logger()

PERIOD_MS: Final = 250
DS_DOWN_MS: Final = 3_000
"""Silence after which a data server counts as down: long before the 60 s that a client would wait."""
_SPACE_STEP: Final = 64  # report free space again when it moved by a 64th of the capacity


class LeaderJobs:
    """Runs on every node; acts only while the node's own consensus says that it leads."""

    def __init__(
        self,
        replica: Replica,
        tables: Tables,
        registry: Registry,
        links: DataServerLinks,
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
        self._ds_lease_ms = ds_lease_ms
        self._term = -1
        self._since_ms = 0
        self._lease_base = (0, 0)  # the log's lease clock when it last moved, and our own clock then
        self.wake = asyncio.Event()

    async def run(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self.wake.wait(), PERIOD_MS / 1000)
            except TimeoutError:
                pass
            self.wake.clear()
            status = await replica_async.status(self._replica)
            if status.role == LEADER and status.has_quorum:
                await self._pass(status)
            else:
                self._term = -1

    async def propose(self, command: Internal) -> bytes | None:
        """Commit one command; None when there was no outcome within the deadline."""
        return await replica_async.propose(self._replica, pack_internal(command))

    async def _pass(self, status: ReplicaStatus) -> None:
        now_ms = self._clock_ms()
        if status.term != self._term:
            if not await self._configure() or await self.propose(LeaderStarted(status.node_id)) is None:
                return
            self._term, self._since_ms = status.term, now_ms
            log.info("this node leads", term=status.term)
        await self._judge_data_servers(now_ms)
        with self._replica.env.begin() as txn:
            waiting, truncations = recalls.pending(txn, self._tables)
            lease_now = self._lease_now(txn, now_ms)
            expired = clients.clients_expired(txn, self._tables, lease_now)
            settings = load_settings(txn, self._tables)
        late = [
            other
            for other, record in waiting
            if not record.fencing and lease_now - record.started_lease_ms > settings.recall_timeout_ms
        ]
        for other in late:
            await self.propose(StartFence(0, other))
        if expired:
            await self._expire(expired)
        if late or any(record.fencing for _, record in waiting):
            await self._finish_fences()
        await asyncio.gather(*(self._truncate(t) for t in truncations))

    async def _configure(self) -> bool:
        """Commit this node's configuration where the log's settings differ from it; the cluster ID is drawn once."""
        with self._replica.env.begin() as txn:
            committed = load_settings(txn, self._tables)
        cluster_id = committed.cluster_id or self._draw_cluster_id()
        wanted = msgspec.structs.replace(self._wanted, cluster_id=cluster_id)
        if wanted == committed:
            return True
        return await self.propose(ConfigureCluster(msgspec.msgpack.encode(wanted))) is not None

    def _lease_now(self, txn: lmdb.Transaction, now_ms: int) -> int:
        """The lease clock now: the log's last, plus what has passed since it last moved."""
        raw = txn.get(b"lease_ms", db=self._tables.meta)
        last = 0 if raw is None else int(U64.unpack(raw)[0])
        if last != self._lease_base[0]:
            self._lease_base = (last, now_ms)
        return last + now_ms - self._lease_base[1]

    # ------------------------------------------------------------ leases
    async def _expire(self, expired: list[int]) -> None:
        """Clients whose lease ran out. The log's clock is moved first; who holds layouts is fenced first."""
        await self.propose(RenewLeases([]))
        holders = []
        with self._replica.env.begin() as txn:
            for client_id in expired:
                with txn.cursor(db=self._tables.state_client) as cursor:
                    prefix = U64.pack(client_id) + b"\3"
                    if cursor.set_range(prefix) and cursor.key().startswith(prefix):
                        holders.append(client_id)
        for client_id in holders:
            await self.propose(StartFence(client_id, b""))
        if holders:
            epoch = await self._push_fences()
            if epoch is None:
                expired = [client_id for client_id in expired if client_id not in holders]
            else:
                for client_id in holders:
                    await self.propose(FenceConfirmed(client_id, epoch))
        if expired:
            log.info("leases ran out", clients=len(expired))
            await self.propose(ExpireClients(expired))

    # ------------------------------------------------------------ fences
    async def _finish_fences(self) -> None:
        if await self._push_fences() is None:
            return
        with self._replica.env.begin() as txn:
            waiting, _ = recalls.pending(txn, self._tables)
        for other, record in waiting:
            if record.fencing:
                await self.propose(RecallDone(other, True))

    async def _push_fences(self) -> int | None:
        """Bring the committed fence list into force everywhere; its version, or None when that is not certain.

        A data server that cannot be reached counts as fenced only once its own lease must have run out:
        it then serves nothing until it has fetched the list anew (INV-6).
        """
        with self._replica.env.begin() as txn:
            version, fences = recalls.fences(txn, self._tables)
            servers = data_servers.all_servers(txn, self._tables)
        confirmed = await asyncio.gather(*(self._fence_one(server.ds_id, version, fences) for server in servers))
        return version if all(confirmed) else None

    async def _fence_one(self, ds_id: str, version: int, fences: list[tuple[int, int, int]]) -> bool:
        heard = self._registry.heard.get(ds_id)
        if heard is not None:
            if heard.fence_version >= version:
                return True
            in_force = await self._links.fence(heard, version, fences)
            if in_force >= version:
                heard.fence_version = in_force
                return True
        now_ms = self._clock_ms()
        silent_ms = now_ms - (heard.at_ms if heard is not None else self._since_ms)
        return silent_ms > self._ds_lease_ms + DS_DOWN_MS

    # ------------------------------------------------------------ truncation
    async def _truncate(self, truncation: recalls.Truncation) -> None:
        """Cut a file's objects on each of its data servers, then let the SETATTR that waits go on."""
        with self._replica.env.begin() as txn:
            by_number = {server.number: server.ds_id for server in data_servers.all_servers(txn, self._tables)}
        heard = [self._registry.heard.get(by_number[number]) for number in truncation.numbers]
        if any(one is None for one in heard):
            return
        done = await asyncio.gather(
            *(self._links.truncate(one, truncation.fileid, truncation.size) for one in heard if one is not None)
        )
        if all(done):
            await self.propose(Truncated(truncation.fileid, truncation.size))

    # ------------------------------------------------------------ data servers
    async def _judge_data_servers(self, now_ms: int) -> None:
        with self._replica.env.begin() as txn:
            known = {server.ds_id: server for server in data_servers.all_servers(txn, self._tables)}
        for ds_id, heard in sorted(self._registry.heard.items()):
            up = now_ms - heard.at_ms < DS_DOWN_MS
            server = known.get(ds_id)
            if server is None:
                if up:
                    await self.propose(_update(heard, True))
            elif self._changed(server, heard, up):
                await self.propose(_update(heard, up))
                if server.up != up:
                    log.warning("data server", ds=ds_id, state="up" if up else "down")
                if server.up and (not up or (server.host, server.port) != (heard.host, heard.port)):
                    await self.propose(StartRecall(0, 0))
        for ds_id, server in known.items():
            if server.up and ds_id not in self._registry.heard and now_ms - self._since_ms > DS_DOWN_MS:
                log.warning("data server", ds=ds_id, state="down")
                await self.propose(
                    DataServerUpdate(
                        ds_id, server.host, server.port, False, server.capacity_bytes, server.free_bytes,
                        server.instance,
                    )
                )
                await self.propose(StartRecall(0, 0))

    @staticmethod
    def _changed(server: data_servers.DataServer, heard: Heard, up: bool) -> bool:
        moved = abs(server.free_bytes - heard.free_bytes) * _SPACE_STEP > max(heard.capacity_bytes, 1)
        same = (server.host, server.port, server.up, server.instance, server.capacity_bytes)
        return moved or same != (heard.host, heard.port, up, heard.instance, heard.capacity_bytes)


def _update(heard: Heard, up: bool) -> DataServerUpdate:
    return DataServerUpdate(
        heard.ds_id, heard.host, heard.port, up, heard.capacity_bytes, heard.free_bytes, heard.instance
    )
