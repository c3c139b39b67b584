"""The control plane: gRPC channels to the MDS nodes, and the service that they call. Mutual TLS both ways."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import grpc
import structlog

from dataserver.authority import Authority
from dataserver.deletions import Deletions
from dataserver.heartbeats import DRAIN_TIMEOUT_S, Beat, fences_of
from dataserver.objects import ObjectStore
from dataserver.reports import Send
from mdsproto import control_pb2, control_pb2_grpc, credentials

if TYPE_CHECKING:
    from dataserver.config import DsConfig

log = structlog.get_logger()

_WORKERS: Final = 8
_CUTS_REMEMBERED_MAX: Final = 65_536


class MdsLinks:
    """One channel to each MDS, which must show that node's certificate."""

    def __init__(self, config: DsConfig, mds: dict[str, str]) -> None:
        """``mds``: node id -> address. ``OSError`` when a certificate cannot be read."""
        tls = config.tls
        self._credentials = credentials.channel_credentials(tls.ca, tls.certificate, tls.key)
        self._channels: dict[tuple[str, str], grpc.Channel] = {}
        self.beats: dict[str, Beat] = {}
        self.reports: list[Send] = []
        self.follow(mds)

    def follow(self, mds: dict[str, str]) -> None:
        """Talk to these from now on. ``beats`` and ``reports`` stay the same objects; called by one thread at a time.

        Channels to those that went stay open until the end: calls may be under way on them, and they are few.
        """
        stubs = {peer: control_pb2_grpc.ControlStub(self._channel(*peer)) for peer in mds.items()}
        self.beats.update({mds_id: _beat(stub) for (mds_id, _), stub in stubs.items()})
        for gone in self.beats.keys() - mds.keys():
            del self.beats[gone]
        self.reports[:] = [_report(stub) for stub in stubs.values()]

    def _channel(self, mds_id: str, address: str) -> grpc.Channel:
        channel = self._channels.get((mds_id, address))
        if channel is None:
            channel = self._channels[mds_id, address] = grpc.secure_channel(
                address, self._credentials, options=credentials.channel_options(mds_id)
            )
        return channel

    def close(self) -> None:
        for channel in self._channels.values():
            channel.close()


def _beat(stub: control_pb2_grpc.ControlStub) -> Beat:
    return lambda request, timeout_s: stub.Heartbeat(request, timeout=timeout_s)


def _report(stub: control_pb2_grpc.ControlStub) -> Send:
    return lambda request, timeout_s: stub.ReportWrites(request, timeout=timeout_s)


class ControlService(control_pb2_grpc.DataServerControlServicer):
    """What metadata servers ask of this data server, and nobody else may."""

    def __init__(self, authority: Authority, store: ObjectStore, deletions: Deletions) -> None:
        self._authority = authority
        self._store = store
        self._deletions = deletions
        self._truncating = threading.Lock()
        self._cuts: dict[int, int] = {}  # by file: the last cut carried out; longest ago first

    def Fence(
        self, request: control_pb2.FenceRequest, context: grpc.ServicerContext
    ) -> control_pb2.FenceReply:
        """Answered when the fences are in force and no I/O of before is under way (INV-6).

        Durable without a disk: after a restart nothing is served until a quorum has told the whole list.
        """
        _require_mds(context)
        try:
            version = self._authority.fence(
                request.version, fences_of(request.fences), drain_timeout_s=DRAIN_TIMEOUT_S
            )
        except TimeoutError as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            raise
        return control_pb2.FenceReply(version=version)

    def GetObjectSizes(
        self, request: control_pb2.GetObjectSizesRequest, context: grpc.ServicerContext
    ) -> control_pb2.GetObjectSizesReply:
        """What lies in the files' objects now, written back or not."""
        _require_mds(context)
        reply = control_pb2.GetObjectSizesReply()
        try:
            for fileid in request.fileids:
                for found in self._store.stat(fileid):
                    reply.objects.add(
                        fileid=found.fileid, stripe=found.stripe, size_bytes=found.size_bytes,
                        mtime_ns=found.mtime_ns, used_bytes=found.used_bytes,
                    )  # fmt: skip
        except OSError as error:
            _abort(context, error)
        return reply

    def DeleteObjects(
        self, request: control_pb2.DeleteObjectsRequest, context: grpc.ServicerContext
    ) -> control_pb2.DeleteObjectsReply:
        """Idempotent; answered when durable."""
        _require_mds(context)
        try:
            done = self._deletions.delete(request.deletes)
        except OSError as error:  # TimeoutError is one
            _abort(context, error)
        return control_pb2.DeleteObjectsReply(deleted=done)

    def Truncate(
        self, request: control_pb2.TruncateRequest, context: grpc.ServicerContext
    ) -> control_pb2.TruncateReply:
        """Idempotent; answered when durable. The MDS has recalled or fenced the writers before.

        A cut that was carried out already is not carried out again, for it may come late.
        """
        _require_mds(context)
        try:
            with self._truncating:
                if not 0 < request.serial <= self._cuts.get(request.fileid, 0):
                    self._store.truncate(request.fileid, request.stripes, request.size_bytes)
                    self._remember_cut(request.fileid, request.serial)
        except OSError as error:
            _abort(context, error)
        return control_pb2.TruncateReply()

    def _remember_cut(self, fileid: int, serial: int) -> None:
        self._cuts.pop(fileid, None)
        self._cuts[fileid] = serial
        if len(self._cuts) > _CUTS_REMEMBERED_MAX:
            del self._cuts[next(iter(self._cuts))]

    def Statfs(
        self, request: control_pb2.StatfsRequest, context: grpc.ServicerContext
    ) -> control_pb2.StatfsReply:
        """Space, and how many objects there are."""
        _require_mds(context)
        try:
            space = self._store.space()
            objects = self._store.count()
        except OSError as error:
            _abort(context, error)
        return control_pb2.StatfsReply(
            capacity_bytes=space.capacity_bytes, free_bytes=space.free_bytes, objects=objects
        )


def start_control_server(config: DsConfig, service: ControlService) -> grpc.Server:
    """Listen for metadata servers. ``OSError`` when the address or a certificate cannot be used."""
    server = grpc.server(
        ThreadPoolExecutor(_WORKERS, thread_name_prefix="control"), options=credentials.server_options()
    )
    control_pb2_grpc.add_DataServerControlServicer_to_server(service, server)
    tls = config.tls
    own = credentials.server_credentials(tls.ca, tls.certificate, tls.key)
    try:
        port = server.add_secure_port(str(config.control), own)
    except RuntimeError as problem:
        raise OSError(f"cannot listen on {config.control}: {problem}") from problem
    if not port:
        raise OSError(f"cannot listen on {config.control}")
    server.start()
    return server


def _require_mds(context: grpc.ServicerContext) -> None:
    if not credentials.caller_has_role(context, credentials.ROLE_MDS):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "the caller's certificate is no metadata server's")


def _abort(context: grpc.ServicerContext, error: OSError) -> None:
    log.error("control request failed", reason=str(error))
    context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
