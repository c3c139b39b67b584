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
from mdscluster.control.cutting import CutLinks, Cutter
from mdscluster.control.fencing import FenceLinks, FencePusher
from mdscluster.control.liveness import Liveness
from mdscluster.control.mandates import Standing, mandate
from mdscluster.control.renewals import Renewals
from mdscluster.control.revoking import Revoker
from mdscluster.control.upkeep import Office
from mdscluster.fsm import client_connections, clients, eras, features, io_claims, recalls
from mdscluster.fsm.commands import (
    NOTHING,
    BeginEra,
    ConfigureCluster,
    Internal,
    LeaderStarted,
    NoteConnections,
    RaiseFeatures,
    StartRecall,
    pack_internal,
)
from mdscluster.fsm.lease_reports import Report, lease_clock_ms
from mdscluster.fsm.machine import load_settings
from mdscluster.fsm.tables import Tables
from mdscluster.replica import LEADER, Replica, ReplicaStatus

if TYPE_CHECKING:
    import lmdb

    from mdscluster.control.registry import Registry
    from mdscluster.fsm.settings import Settings

log = structlog.get_logger()

PERIOD_MS: Final = 250


class Links(FenceLinks, CutLinks, Protocol):
    """Calls to data servers."""


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
        address_gone: Callable[[], bool] = lambda: True,
    ) -> None:
        self._wanted = wanted
        self._draw_cluster_id = draw_cluster_id
        self._replica = replica
        self._tables = tables
        self._registry = registry
        self._links = links
        self._clock_ms = clock_ms
        self._liveness = Liveness(replica, tables, registry, self._propose_in_office)
        self._standing = Standing(replica)
        fences = FencePusher(
            replica, tables, registry, links, clock_ms, self._standing.heard, ds_lease_ms=ds_lease_ms
        )
        self._revoker = Revoker(replica, tables, fences, self.propose)
        self._term = -1
        self._since_ms = 0
        self._looked_ms = -PERIOD_MS
        self._renewals = Renewals()
        self._office = Office(replica, tables, address_gone)
        self._lease_base = (-1, 0)  # the log's lease clock when it last moved, and our own clock then
        self.wake = asyncio.Event()
        self._cutter = Cutter(
            replica, tables, registry, links, clock_ms, self.propose, self.wake.set, self._standing.heard
        )

    async def run(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self.wake.wait(), PERIOD_MS / 1000)
            except TimeoutError:
                pass
            self.wake.clear()
            began_ms = self._clock_ms()
            await self.turn()
            # A pass reads all that is pending: where that is much, at least as long is left to the clients.
            await asyncio.sleep(min(self._clock_ms() - began_ms, PERIOD_MS) / 1000)

    def reported(self, report: Report) -> None:
        """A front end has told the log which clients it heard of."""
        with self._replica.env.begin() as txn:
            lease_ms = load_settings(txn, self._tables).lease_ms
        self._renewals.reported(report, lease_ms)

    async def cuts_done(self) -> None:
        """Return when no call to a data server is under way for a cut."""
        await self._cutter.idle()

    async def turn(self) -> None:
        """One pass, if this node leads. One that is in doubt does nothing, and goes on when a quorum has confirmed it:
        it has led all the time, and no lease begins again."""
        status = await replica_async.status(self._replica)
        sure = await self._standing.is_sure(status)
        if status.role != LEADER or not status.has_quorum:
            self._term = -1
        elif sure:
            await self._pass(status)

    async def propose(self, command: Internal) -> bytes | None:
        """Commit one command; None when there was no outcome in time, or the cluster is not at its feature level."""
        if not self._permitted(command):
            return None
        return await replica_async.propose(self._replica, pack_internal(command))

    def _permitted(self, command: Internal) -> bool:
        with self._replica.env.begin() as txn:
            return features.permitted(command, features.level(txn, self._tables))

    async def _propose_in_office(self, command: Internal, term: int | None = None) -> bytes | None:
        """As ``propose``, but of what this node says as the leader of this term: cut off since, it may say it too late,
        when another one has heard what it had not (INV-7), or has configured the cluster or its members otherwise."""
        if not self._permitted(command):
            return None
        term = self._term if term is None else term
        return await replica_async.propose_in_term(self._replica, term, pack_internal(command), NOTHING)

    async def _pass(self, status: ReplicaStatus) -> None:
        now_ms = self._clock_ms()
        if status.term != self._term:
            # In this order: when the first has an outcome everything of earlier terms is applied here.
            if await self.propose(LeaderStarted(status.node_id)) is None or not await self._configure(status.term):
                return
            self._term, self._since_ms = status.term, now_ms
            self._renewals.begin(self._lease_clock())
            log.info("this node leads", term=status.term)
        if now_ms - self._looked_ms >= PERIOD_MS:
            self._looked_ms = now_ms
            await self._raise_features(status)
            await self._begin_era()
            await self._forget_strangers(status)
            if await self._office.leave(status, now_ms):
                return  # this node leads no more
            await self._liveness.judge(now_ms, self._since_ms)
        with self._replica.env.begin() as txn:
            pending = recalls.pending(txn, self._tables)
            lease_now = self._lease_now(txn, now_ms)
            settings = load_settings(txn, self._tables)
            if not clients.any_client(txn, self._tables):
                self._renewals.begin(lease_now)
            judged_ms = self._renewals.known_ms(settings.lease_ms, lease_clock_ms(txn, self._tables))
            lapsed = clients.clients_lapsed(txn, self._tables, judged_ms)
            if features.level(txn, self._tables) < features.JUDGED:
                judged_ms = 0
            dead = clients.clients_dead(txn, self._tables)
            claims = io_claims.pending(txn, self._tables)
            own = mandate(txn, self._tables, status.term)
        recalled_before = lease_now - settings.recall_timeout_ms
        if pending.stale:
            await self.propose(StartRecall(0, 0))
        self._cutter.start(pending.cuts, own)
        await asyncio.gather(
            self._revoker.revoke(pending, lapsed + dead, judged_ms, recalled_before, own),
            self._revoker.confirm(claims, own),
        )
        if pending.stale:
            self.wake.set()  # there may be more

    async def _configure(self, term: int) -> bool:
        """Commit this node's configuration where the log's settings differ from it; the cluster ID is drawn once."""
        with self._replica.env.begin() as txn:
            committed = load_settings(txn, self._tables)
        cluster_id = committed.cluster_id or self._draw_cluster_id()
        wanted = msgspec.structs.replace(self._wanted, cluster_id=cluster_id)
        if wanted == committed:
            return True
        command = ConfigureCluster(msgspec.msgpack.encode(wanted))
        return await self._propose_in_office(command, term) is not None

    async def _raise_features(self, status: ReplicaStatus) -> None:
        """Use what every member knows, learners too, once all of them are here and have said what they know."""
        if not status.membership_applied:
            return  # who belongs is being decided
        others = {member.id for member in status.members} - {status.node_id} or status.peers.keys()
        known = [status.peers[peer].feature_level if peer in status.peers else 0 for peer in others]
        await self._raise_to(min([features.SUPPORTED, *known]))

    async def _raise_to(self, known: int) -> None:
        with self._replica.env.begin() as txn:
            used = features.level(txn, self._tables)
        if known > used:
            await self._propose_in_office(RaiseFeatures(known))
            log.info("feature level raised", level=known, before=used)

    async def _begin_era(self) -> None:
        """The first leader that may begins the cluster's era."""
        with self._replica.env.begin() as txn:
            begun = eras.current(txn, self._tables)
        if not begun:
            await self.propose(BeginEra())

    async def _forget_strangers(self, status: ReplicaStatus) -> None:
        """Nodes that are members no more have no clients connected."""
        members = {member.id for member in status.members}
        if not members or not status.membership_applied:
            return
        with self._replica.env.begin() as txn:
            known = client_connections.nodes(txn, self._tables)
        for node_id in known:
            if node_id not in members:
                await self._propose_in_office(NoteConnections(node_id, [], [], anew=True))

    def _lease_clock(self) -> int:
        with self._replica.env.begin() as txn:
            return self._lease_now(txn, self._clock_ms())

    def _lease_now(self, txn: lmdb.Transaction, now_ms: int) -> int:
        """The lease clock now: the log's last, plus what has passed since it last moved."""
        last = lease_clock_ms(txn, self._tables)
        if last != self._lease_base[0]:
            self._lease_base = (last, now_ms)
        return last + now_ms - self._lease_base[1]
