"""What data servers may ask of any metadata node (proto: Control)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import grpc

from mdscluster import replica_async
from mdscluster.control.registry import Heard, Registry
from mdscluster.fsm import deletions, fences
from mdscluster.fsm.commands import ObjectsDeleted, ReportWrite, pack_internal
from mdsproto import control_pb2, control_pb2_grpc, credentials

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_DELETES_PER_HEARTBEAT: Final = 256


class ControlService(control_pb2_grpc.ControlServicer):
    """Heartbeats and reports of stable writes."""

    def __init__(
        self, replica: Replica, tables: Tables, registry: Registry, clock_ms: Callable[[], int], *, ds_lease_ms: int
    ) -> None:
        self._replica = replica
        self._tables = tables
        self._registry = registry
        self._clock_ms = clock_ms
        self._ds_lease_ms = ds_lease_ms

    async def Heartbeat(
        self, request: control_pb2.HeartbeatRequest, context: Context
    ) -> control_pb2.HeartbeatReply:
        """Take note of a data server, and tell it what the cluster has decided: only with a quorum behind it."""
        await self._require(context, request.ds_id)
        self._registry.note(
            Heard(
                request.ds_id, request.instance, request.nfs_host, request.nfs_port, request.control_host,
                request.control_port, request.capacity_bytes, request.free_bytes, request.fence_version,
                self._clock_ms(),
            )
        )
        if request.deleted:
            done = ObjectsDeleted(request.ds_id, list(request.deleted))
            await replica_async.propose(self._replica, pack_internal(done))
        if not await replica_async.barrier(self._replica):
            return control_pb2.HeartbeatReply(quorum_backed=False)
        with self._replica.env.begin() as txn:
            version, entries = fences.fences(txn, self._tables)
            deletes = deletions.deletions_for(txn, self._tables, request.ds_id, _DELETES_PER_HEARTBEAT)
        reply = control_pb2.HeartbeatReply(
            quorum_backed=True, cluster_epoch=version, fence_version=version, lease_ms=self._ds_lease_ms,
            deletes=[control_pb2.DeleteRequest(sequence=sequence, fileid=fileid) for sequence, fileid in deletes],
        )  # fmt: skip
        status = await replica_async.status(self._replica)
        if status.membership_index and status.membership_applied:
            reply.membership_index = status.membership_index
            reply.mds.extend(
                control_pb2.MetadataServer(node_id=member.id, control=member.admin)
                for member in status.members if member.admin
            )  # fmt: skip
        if version != request.fence_version:
            reply.fences.extend(
                control_pb2.FenceEntry(fileid=f, client_id=c, min_epoch=e) for f, c, e in entries
            )
        return reply

    async def ReportWrites(
        self, request: control_pb2.ReportWritesRequest, context: Context
    ) -> control_pb2.ReportWritesReply:
        """Commit sizes and times of stable writes; answered when a quorum has them (INV-10)."""
        await self._require(context, request.ds_id)
        latest: dict[int, ReportWrite] = {}
        for write in request.writes:
            known = latest.get(write.fileid)
            end, mtime_ns = write.end_offset, write.mtime_ns
            if known is not None:
                end, mtime_ns = max(end, known.end_offset), max(mtime_ns, known.mtime_ns)
            latest[write.fileid] = ReportWrite(write.fileid, end, mtime_ns)
        results = await asyncio.gather(
            *(replica_async.propose(self._replica, pack_internal(report)) for report in latest.values())
        )
        return control_pb2.ReportWritesReply(committed=all(result is not None for result in results))

    async def _require(self, context: Context, ds_id: str) -> None:
        if not credentials.caller_is(context, ds_id, credentials.ROLE_DS):
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, f"the caller's certificate is not data server {ds_id}'s"
            )
