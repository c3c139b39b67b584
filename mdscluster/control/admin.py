"""What an operator may ask of a metadata node (proto: Admin)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final, Protocol

import grpc

from mdscluster import replica_async
from mdscluster.control import ds_changes, evicting
from mdscluster.control.backing_up import BackingUp, CannotBackUp
from mdscluster.control.inspecting import Inspector
from mdscluster.control.upkeep import Upkeep
from mdscluster.fsm import data_servers, deletions, draining, features, fencing_state
from mdscluster.fsm.digest import digest
from mdscluster.replica import MemberChange
from mdsproto import admin_pb2, admin_pb2_grpc, credentials
from mdsproto.configfile import Address, ConfigError

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from mdscluster.control.admission import Refusal
    from mdscluster.control.guarding import Guarding
    from mdscluster.control.registry import Registry
    from mdscluster.control.vips import ServiceAddresses
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


_EVICTION_S: Final = 60.0
_ANSWER_S: Final = 0.5
"""Of a call's time, kept for its answer."""


def member_change(request: admin_pb2.ChangeMembersRequest) -> MemberChange:
    """The wire's request as consensus takes it. ``ConfigError`` for what cannot be meant."""
    name = request.node_id
    if request.kind == "add":
        if not name or len(name) > 63 or not name.isascii() or not name.replace("-", "x").isalnum():
            raise ConfigError(f"{name!r} is no node id: letters, digits and hyphens, at most 63")
        raft, admin, nfs = (Address.parse(text) for text in (request.raft, request.admin, request.nfs))
        if len({raft, admin, nfs}) < 3:
            raise ConfigError("its raft, admin and NFS listeners must have three different addresses")
        return MemberChange("add", name, raft.host, raft.port, str(admin), str(nfs))
    if request.kind == "promote":
        return MemberChange("promote", name)
    if request.kind == "remove":
        return MemberChange("remove", name, even_ok=request.even_ok)
    if request.kind == "transfer":
        return MemberChange("transfer", name)
    raise ConfigError(f"there is no change {request.kind!r}")


class FrontEndView(Protocol):
    """What the admin service reads of the NFS front end."""

    lag_ms: float
    guarding: Guarding | None
    service_addresses: ServiceAddresses

    def service(self) -> str: ...
    def connections(self) -> int: ...
    def statuses(self) -> dict[str, int]: ...
    def operations(self) -> dict[str, int]: ...


class AdminService(admin_pb2_grpc.AdminServicer):
    """This node's own view of the cluster and of itself."""

    def __init__(
        self,
        replica: Replica,
        tables: Tables,
        registry: Registry,
        front_end: FrontEndView,
        clock_ms: Callable[[], int],
    ) -> None:
        self._replica = replica
        self._tables = tables
        self._registry = registry
        self._front_end = front_end
        self._clock_ms = clock_ms
        self._started = time.monotonic()
        self._inspector = Inspector(replica, tables)
        self._backing_up = BackingUp(replica)
        self._upkeep = Upkeep(replica, tables)

    async def Status(
        self, request: admin_pb2.StatusRequest, context: Context
    ) -> admin_pb2.StatusReply:
        await self._require(context)
        status = await replica_async.status(self._replica)
        now_ms = self._clock_ms()
        with self._replica.env.begin() as txn:
            clients = txn.stat(self._tables.client)["entries"] // 2  # a record and a lease each
            sessions = txn.stat(self._tables.session)["entries"]
            servers = [s for s in data_servers.all_servers(txn, self._tables) if draining.REMOVED not in s.ds_id]
            drained = data_servers.drains(txn, self._tables)
            away = fencing_state.in_maintenance(txn, self._tables)
            level = features.level(txn, self._tables)
            pending = {s.ds_id: deletions.pending_deletes(txn, self._tables, s.ds_id) for s in servers}
        reply = admin_pb2.StatusReply(
            node_id=status.node_id, role=status.role, term=status.term, leader_id=status.leader_id,
            has_quorum=status.has_quorum, commit_index=status.commit_index, applied_index=status.applied_index,
            first_log_index=status.first_log_index, last_log_index=status.last_log_index,
            pending_proposals=status.pending_proposals, quarantined=status.quarantined,
            consensus_lag_ms=status.loop_lag_ms, frontend_lag_ms=self._front_end.lag_ms, clients=clients,
            sessions=sessions, connections=self._front_end.connections(), statuses=self._front_end.statuses(),
            operations=self._front_end.operations(), uptime_s=time.monotonic() - self._started, build="pure Python",
            service=self._front_end.service(), feature_level=level, feature_level_known=features.SUPPORTED,
            maintenance=away,
        )  # fmt: skip
        _tell_of_addresses(reply, self._front_end)
        refused = self._registry.refused(now_ms)
        for server in servers:
            silent = self._registry.silent_ms(server.ds_id, now_ms)
            reply.data_servers.append(
                admin_pb2.DataServer(
                    ds_id=server.ds_id, host=server.host, port=server.port, state=_state(server, refused),
                    capacity_bytes=server.capacity_bytes, free_bytes=server.free_bytes,
                    silent_ms=-1 if silent is None else silent, pending_deletes=pending[server.ds_id],
                    drained=server.number in drained,
                )
            )
        for ds_id in sorted(refused.keys() - {server.ds_id for server in servers}):
            reply.data_servers.append(admin_pb2.DataServer(ds_id=ds_id, state=refused[ds_id].state, silent_ms=-1))
        for node_id, peer in sorted(status.peers.items()):
            reply.peers.append(
                admin_pb2.Peer(
                    node_id=node_id, connected=peer.connected, match_index=peer.match_index,
                    lag_entries=peer.lag_entries, silent_ms=peer.silent_ms,
                )
            )
        reply.membership_index, reply.membership_applied = status.membership_index, status.membership_applied
        for member in status.members:
            reply.members.append(
                admin_pb2.Member(
                    node_id=member.id, number=member.number, voter=member.voter, raft=member.raft,
                    admin=member.admin, nfs=member.nfs,
                )
            )
        return reply

    async def ChangeMembers(
        self, request: admin_pb2.ChangeMembersRequest, context: Context
    ) -> admin_pb2.ChangeMembersReply:
        """One change of the membership (docs/MEMBERSHIP.md); consensus judges it."""
        await self._require_operator(context)
        try:
            change = member_change(request)
        except ConfigError as problem:
            return admin_pb2.ChangeMembersReply(code="refused", text=str(problem))
        outcome = await replica_async.change_members(self._replica, change)
        return admin_pb2.ChangeMembersReply(code=outcome.code, text=outcome.text)

    async def Digest(
        self, request: admin_pb2.DigestRequest, context: Context
    ) -> admin_pb2.DigestReply:
        """A hash over the replicated state. Waits until ``at_index`` is applied, up to the call's deadline."""
        await self._require(context)
        while True:
            status = await replica_async.status(self._replica)
            if status.applied_index >= request.at_index:
                break
            await asyncio.sleep(0.05)
        index, value = await asyncio.to_thread(self._digest)
        return admin_pb2.DigestReply(applied_index=index, digest=value)

    def _digest(self) -> tuple[int, bytes]:
        with self._replica.env.begin() as txn:
            return digest(txn, self._tables)

    async def ListClients(
        self, request: admin_pb2.ListRequest, context: Context
    ) -> admin_pb2.ClientList:
        await self._require(context)
        return await self._inspector.clients(request)

    async def ListSessions(
        self, request: admin_pb2.ListRequest, context: Context
    ) -> admin_pb2.SessionList:
        await self._require(context)
        return await self._inspector.sessions(request)

    async def ListLayouts(
        self, request: admin_pb2.ListRequest, context: Context
    ) -> admin_pb2.LayoutList:
        await self._require(context)
        return await self._inspector.layouts(request)

    async def ListLocks(
        self, request: admin_pb2.ListRequest, context: Context
    ) -> admin_pb2.LockList:
        await self._require(context)
        return await self._inspector.locks(request)

    async def EvictClient(
        self, request: admin_pb2.EvictClientRequest, context: Context
    ) -> admin_pb2.EvictClientReply:
        """Take all that a client holds from it (:mod:`mdscluster.control.evicting`)."""
        await self._require_operator(context)
        patience_s = (context.time_remaining() or _EVICTION_S) - _ANSWER_S
        return await evicting.evict(self._replica, self._tables, request.client_id, max(patience_s, 0.0))

    async def ChangeDataServer(
        self, request: admin_pb2.ChangeDataServerRequest, context: Context
    ) -> admin_pb2.ChangeDataServerReply:
        """Let a data server go (:mod:`mdscluster.control.ds_changes`)."""
        await self._require_operator(context)
        return await ds_changes.change(self._replica, self._tables, request)

    async def SetMaintenance(
        self, request: admin_pb2.MaintenanceRequest, context: Context
    ) -> admin_pb2.MaintenanceReply:
        """Take a metadata server out of office (:mod:`mdscluster.control.upkeep`)."""
        await self._require_operator(context)
        by = credentials.caller_name(context)
        return await self._upkeep.set_maintenance(request.node_id, request.on, by)

    async def Backup(
        self, request: admin_pb2.BackupRequest, context: Context
    ) -> AsyncIterator[admin_pb2.BackupPiece]:
        """A backup of the metadata (:mod:`mdscluster.control.backing_up`)."""
        await self._require_operator(context)
        try:
            async for piece in self._backing_up.pieces():
                yield admin_pb2.BackupPiece(data=piece)
        except CannotBackUp as problem:
            await context.abort(grpc.StatusCode.ABORTED, str(problem))

    async def _require_operator(self, context: Context) -> None:
        if not credentials.caller_has_role(context, credentials.ROLE_ADMIN):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "the caller's certificate has not the role admin")

    async def _require(self, context: Context) -> None:
        if not credentials.caller_has_role(context, credentials.ROLE_ADMIN, credentials.ROLE_MDS):
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, "the caller's certificate has neither the role admin nor mds"
            )


def _tell_of_addresses(reply: admin_pb2.StatusReply, front_end: FrontEndView) -> None:
    """Whether this node may have service addresses, and how it stands with each."""
    if front_end.guarding is None:
        return
    reply.guarded = True
    reply.unfit, reply.last_resort = front_end.guarding.standing()
    for vip in front_end.service_addresses.states():
        reply.vips.append(
            admin_pb2.VipState(address=vip.address, state=vip.state, priority=vip.priority, since_s=vip.since_s)
        )


def _state(server: data_servers.DataServer, refused: dict[str, Refusal]) -> str:
    """A data server's state in a word or two."""
    if server.lost:
        return "lost"
    if not server.up and server.ds_id in refused:
        return refused[server.ds_id].state
    return "up" if server.up else "down"
