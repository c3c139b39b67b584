"""What an operator may ask of a metadata node (proto: Admin)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import grpc

from mdscluster import replica_async
from mdscluster.fsm import data_servers, deletions, features
from mdscluster.fsm.digest import digest
from mdsproto import admin_pb2, admin_pb2_grpc, credentials

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from mdscluster.control.registry import Registry
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class FrontEndView(Protocol):
    """What the admin service reads of the NFS front end."""

    lag_ms: float

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

    async def Status(
        self, request: admin_pb2.StatusRequest, context: Context
    ) -> admin_pb2.StatusReply:
        await self._require(context)
        status = await replica_async.status(self._replica)
        now_ms = self._clock_ms()
        with self._replica.env.begin() as txn:
            clients = txn.stat(self._tables.client)["entries"] // 2  # a record and a lease each
            sessions = txn.stat(self._tables.session)["entries"]
            servers = data_servers.all_servers(txn, self._tables)
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
        )  # fmt: skip
        for server in servers:
            silent = self._registry.silent_ms(server.ds_id, now_ms)
            reply.data_servers.append(
                admin_pb2.DataServer(
                    ds_id=server.ds_id, host=server.host, port=server.port, state="up" if server.up else "down",
                    capacity_bytes=server.capacity_bytes, free_bytes=server.free_bytes,
                    silent_ms=-1 if silent is None else silent, pending_deletes=pending[server.ds_id],
                )
            )
        for node_id, peer in sorted(status.peers.items()):
            reply.peers.append(
                admin_pb2.Peer(
                    node_id=node_id, connected=peer.connected, match_index=peer.match_index,
                    lag_entries=peer.lag_entries, silent_ms=peer.silent_ms,
                )
            )
        return reply

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

    async def _require(self, context: Context) -> None:
        if not credentials.caller_has_role(context, credentials.ROLE_ADMIN, credentials.ROLE_MDS):
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, "the caller's certificate has neither the role admin nor mds"
            )
