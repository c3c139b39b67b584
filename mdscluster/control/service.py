"""What data servers may ask of any metadata node (proto: Control)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import grpc
import structlog

from mdscluster import replica_async
from mdscluster.control import admission
from mdscluster.control.mandates import mandate
from mdscluster.control.registry import Heard, Registry
from mdscluster.fsm import data_servers, deletions, eras, fences
from mdscluster.fsm.commands import (
    REPORT_REFUSED,
    RESULT_DONE,
    DataServerUpdate,
    ObjectsDeleted,
    ReplaceStore,
    ReportWrite,
    pack_internal,
)
from mdscluster.fsm.machine import load_settings
from mdscluster.fsm.records import unpack_inode
from mdscluster.fsm.tables import U64
from mdsproto import control_pb2, control_pb2_grpc, credentials
from mdsproto.mandate import Mandate, wire
from nfswire import dsfh

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from mdscluster.fsm.data_servers import DataServer
    from mdscluster.fsm.settings import Settings
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

log = structlog.get_logger()

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
        """Take note of a data server, and tell it what the cluster has decided: only with a quorum behind it.

        One that is not what it says is told so, and counts as silent (:mod:`mdscluster.control.admission`). What one
        says of the fences in force there, and of deletions, counts only if it obeys this life of the cluster: in
        another the same numbers are other fences, and other files.
        """
        await self._require(context, request.ds_id)
        if self._is_welcome(request):  # by what this node knows; a new leader has to know at once who is alive
            self._note(request)
            if request.deleted and self._is_of_this_life(request):
                done = ObjectsDeleted(request.ds_id, list(request.deleted))
                await replica_async.propose(self._replica, pack_internal(done))
        if not await replica_async.barrier(self._replica):
            return control_pb2.HeartbeatReply(quorum_backed=False)
        settings = self._settings()
        if not settings.cluster_id:
            return control_pb2.HeartbeatReply(quorum_backed=False)  # the first leader has yet to commit the key
        # The barrier's leader was of this term, or an earlier one. That somebody leads in it has to be known: a term
        # for which there was only a vote must not depose anybody at a data server.
        status = await replica_async.status(self._replica)
        with self._replica.env.begin() as txn:
            own = mandate(txn, self._tables, status.term)
            begins = eras.is_awaited(txn, self._tables)
        if own is not None and not status.leader_id:
            return control_pb2.HeartbeatReply(quorum_backed=False)
        refusal = self._refusal(request, settings, own)
        if refusal is not None:
            self._registry.refuse(request.ds_id, refusal, self._clock_ms())
            return control_pb2.HeartbeatReply(quorum_backed=False, refused=refusal.reason, mandate=wire(own))
        if begins or (own is None and Mandate.of(request.obeys) is not None):
            return control_pb2.HeartbeatReply(quorum_backed=False)  # it would not obey who has no era yet
        if not await self._registered(request):
            return control_pb2.HeartbeatReply(quorum_backed=False)
        self._note(request)
        with self._replica.env.begin() as txn:
            version, entries = fences.fences(txn, self._tables)
            deletes = deletions.deletions_for(txn, self._tables, request.ds_id, _DELETES_PER_HEARTBEAT)
        reply = control_pb2.HeartbeatReply(
            quorum_backed=True, cluster_epoch=version, fence_version=version, lease_ms=self._ds_lease_ms,
            deletes=[control_pb2.DeleteRequest(sequence=sequence, fileid=fileid) for sequence, fileid in deletes],
            mandate=wire(own),
        )  # fmt: skip
        if status.membership_index and status.membership_applied:
            reply.membership_index = status.membership_index
            reply.mds.extend(
                control_pb2.MetadataServer(node_id=member.id, control=member.admin)
                for member in status.members if member.admin
            )  # fmt: skip
        if version != self._fences_in_force(request):
            reply.fences.extend(
                control_pb2.FenceEntry(fileid=f, client_id=c, min_epoch=e) for f, c, e in entries
            )
        return reply

    def _known(self, request: control_pb2.HeartbeatRequest) -> DataServer | None:
        with self._replica.env.begin() as txn:
            return data_servers.registered(txn, self._tables, request.ds_id)

    def _refusal(
        self, request: control_pb2.HeartbeatRequest, settings: Settings, own: Mandate | None
    ) -> admission.Refusal | None:
        with self._replica.env.begin() as txn:
            known = data_servers.registered(txn, self._tables, request.ds_id)
            registered = admission.is_registered(known, request)
            given_up = None if registered else data_servers.given_up(txn, self._tables, request.store_id)
        return admission.judge(known, request, settings, own, given_up)

    def _settings(self) -> Settings:
        with self._replica.env.begin() as txn:
            return load_settings(txn, self._tables)

    def _is_welcome(self, request: control_pb2.HeartbeatRequest) -> bool:
        known, settings = self._known(request), self._settings()
        with self._replica.env.begin() as txn:
            own = mandate(txn, self._tables, request.obeys.term)  # who leads is not known yet
            begins = eras.is_awaited(txn, self._tables)
        if begins or (own is None and Mandate.of(request.obeys) is not None):
            return False
        return admission.is_registered(known, request) and self._refusal(request, settings, own) is None

    def _is_of_this_life(self, request: control_pb2.HeartbeatRequest) -> bool:
        """Whether the data server obeys the present life of this cluster, and its numbers are ours.

        One of a release that tells nothing of that is believed, as by that release: there is no other way for it to
        get rid of its deletions.
        """
        with self._replica.env.begin() as txn:
            own = mandate(txn, self._tables, 0)
        obeyed = Mandate.of(request.obeys)
        if own is None or not request.HasField("obeys"):
            return obeyed is None
        return obeyed is not None and (obeyed.cluster_id, obeyed.era) == (own.cluster_id, own.era)

    def _fences_in_force(self, request: control_pb2.HeartbeatRequest) -> int:
        """The version of this life's fence list that the data server has in force; 0: none."""
        return int(request.fence_version) if self._is_of_this_life(request) else 0

    async def _registered(self, request: control_pb2.HeartbeatRequest) -> bool:
        """Whether the data server's store is the registered one, after registering it where that is still to be done.

        It serves nothing before: of two that start as one, the one that is registered first has the data.
        """
        with self._replica.env.begin() as txn:
            known = data_servers.registered(txn, self._tables, request.ds_id)
            gone = data_servers.given_up(txn, self._tables, request.store_id)
        if admission.is_registered(known, request):
            return True
        lost = known if known is not None and known.store_id else None
        if not request.new_store and (lost is not None or gone is not None):
            return False  # given up since it was judged, or another registered: the next heartbeat is told
        if gone is not None:
            log.warning("a store that was given up is taken in again", ds=request.ds_id, was=gone.ds_id)
        if lost is not None:
            log.error("a store is given up", ds=request.ds_id, lost=lost.store_id.hex(), new=request.store_id.hex())
            replacement = ReplaceStore(request.ds_id, request.store_id, lost.number)
            await replica_async.propose(self._replica, pack_internal(replacement))
        else:
            registration = DataServerUpdate(
                request.ds_id, request.nfs_host, request.nfs_port, True, request.capacity_bytes, request.free_bytes,
                request.instance, request.store_id, 0 if gone is None else gone.number,
            )  # fmt: skip
            await replica_async.propose(self._replica, pack_internal(registration))
        return admission.is_registered(self._known(request), request)

    def _note(self, request: control_pb2.HeartbeatRequest) -> None:
        self._registry.note(
            Heard(
                request.ds_id, request.instance, request.nfs_host, request.nfs_port, request.control_host,
                request.control_port, request.capacity_bytes, request.free_bytes, self._fences_in_force(request),
                self._clock_ms(),
            )
        )

    async def ReportWrites(
        self, request: control_pb2.ReportWritesRequest, context: Context
    ) -> control_pb2.ReportWritesReply:
        """Commit sizes and times of stable writes; answered when a quorum has them (INV-10)."""
        await self._require(context, request.ds_id)
        # How often each file has been cut by now, and not by what a node that is behind knows: it would refuse.
        if not await replica_async.barrier(self._replica):
            return control_pb2.ReportWritesReply(committed=False)
        left_s = context.time_remaining()
        if left_s is not None and left_s <= 0:
            # Who asks has given this call up, and has perhaps been answered elsewhere, before a cut that counts by now.
            return control_pb2.ReportWritesReply(committed=False)
        latest: dict[tuple[int, int], ReportWrite] = {}
        for write in request.writes:
            if dsfh.is_proxied(write.client_id):
                continue  # a metadata server wrote for a client, and commits that itself
            key = write.fileid, write.client_id
            known = latest.get(key)
            end, mtime_ns = write.end_offset, write.mtime_ns
            if known is not None:
                end, mtime_ns = max(end, known.end_offset), max(mtime_ns, known.mtime_ns)
            latest[key] = ReportWrite(write.fileid, end, mtime_ns, write.client_id, self._cuts_of(write.fileid))
        results = await asyncio.gather(
            *(replica_async.propose(self._replica, pack_internal(report)) for report in latest.values())
        )
        late = {key for key, result in zip(latest, results, strict=True) if result == RESULT_DONE + REPORT_REFUSED}
        return control_pb2.ReportWritesReply(
            committed=all(result is not None for result in results),
            refused=[n for n, write in enumerate(request.writes) if (write.fileid, write.client_id) in late],
        )

    def _cuts_of(self, fileid: int) -> int:
        with self._replica.env.begin() as txn:
            raw = txn.get(U64.pack(fileid), db=self._tables.inode)
        return -1 if raw is None else unpack_inode(raw).cuts

    async def _require(self, context: Context, ds_id: str) -> None:
        if not credentials.caller_is(context, ds_id, credentials.ROLE_DS):
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, f"the caller's certificate is not data server {ds_id}'s"
            )
