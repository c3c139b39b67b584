"""The control plane: gRPC channels to the MDS nodes, and the service that they call. Mutual TLS both ways."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NoReturn

import grpc
import structlog

from dataserver.authority import Authority
from dataserver.deletions import Deletions
from dataserver.heartbeats import DRAIN_TIMEOUT_S, Beat, fences_of
from dataserver.leadership import Leadership, NotObeyed
from dataserver.life import Life, LifeOver
from dataserver.objects import ObjectStore
from dataserver.reports import Send
from mdsproto import control_pb2, control_pb2_grpc, credentials
from mdsproto.mandate import Mandate

if TYPE_CHECKING:
    from dataserver.config import DsConfig

log = structlog.get_logger()

_WORKERS: Final = 8
_CUTS_REMEMBERED_MAX: Final = 65_536


class MdsLinks:
    """One channel to each MDS, which must show that node's certificate; anew when our own was renewed."""

    def __init__(self, config: DsConfig, mds: dict[str, str]) -> None:
        """``mds``: node id -> address. ``OSError`` when a certificate cannot be read."""
        tls = config.tls
        self._credentials = credentials.RenewedCredentials(tls.ca, tls.certificate, tls.key)
        self._channels: dict[tuple[str, str], grpc.Channel] = {}
        self._retired: list[grpc.Channel] = []
        self._changing = threading.Lock()
        self._mds: dict[str, str] = {}
        self.beats: dict[str, Beat] = {}
        self.reports: list[Send] = []
        self.follow(mds)

    def follow(self, mds: dict[str, str]) -> None:
        """Talk to these from now on. ``beats`` and ``reports`` stay the same objects.

        Channels to those that went stay open until the end: calls may be under way on them, and they are few.
        """
        with self._changing:
            self._mds = dict(mds)
            self._connect()

    def refresh(self) -> None:
        """Look for a renewed certificate. Channels made with an earlier one are closed at the next renewal:
        calls may be under way on them until then."""
        with self._changing:
            if self._credentials.refresh():
                for channel in self._retired:
                    channel.close()
                self._retired = list(self._channels.values())
                self._channels.clear()
                self._connect()

    def _connect(self) -> None:
        mds = self._mds
        stubs = {peer: control_pb2_grpc.ControlStub(self._channel(*peer)) for peer in mds.items()}
        self.beats.update({mds_id: _beat(stub) for (mds_id, _), stub in stubs.items()})
        for gone in self.beats.keys() - mds.keys():
            del self.beats[gone]
        self.reports[:] = [_report(stub) for stub in stubs.values()]

    def _channel(self, mds_id: str, address: str) -> grpc.Channel:
        channel = self._channels.get((mds_id, address))
        if channel is None:
            channel = self._channels[mds_id, address] = grpc.secure_channel(
                address, self._credentials.current, options=credentials.channel_options(mds_id)
            )
        return channel

    def close(self) -> None:
        for channel in (*self._channels.values(), *self._retired):
            channel.close()


def _beat(stub: control_pb2_grpc.ControlStub) -> Beat:
    return lambda request, timeout_s: stub.Heartbeat(request, timeout=timeout_s)


def _report(stub: control_pb2_grpc.ControlStub) -> Send:
    return lambda request, timeout_s: stub.ReportWrites(request, timeout=timeout_s)


class ControlService(control_pb2_grpc.DataServerControlServicer):
    """What metadata servers ask of this data server, and nobody else may: none that a later one has superseded."""

    def __init__(
        self, authority: Authority, store: ObjectStore, deletions: Deletions, leadership: Leadership, life: Life
    ) -> None:
        self._authority = authority
        self._store = store
        self._deletions = deletions
        self._leadership = leadership
        self._life = life
        self._truncating = threading.Lock()
        self._cuts: dict[int, int] = {}  # by file: the last cut carried out in this life; longest ago first
        life.ends_with(self._forget_cuts)

    def Fence(
        self, request: control_pb2.FenceRequest, context: grpc.ServicerContext
    ) -> control_pb2.FenceReply:
        """Answered when the fences are in force and no I/O of before is under way (INV-6).

        Durable without a disk: after a restart nothing is served until a quorum has told the whole list.
        """
        _require_mds(context)
        life = self._obey(Mandate.of(request.mandate), context)
        try:
            version = self._authority.fence(
                request.version, fences_of(request.fences), drain_timeout_s=DRAIN_TIMEOUT_S, life=life
            )
        except TimeoutError as error:
            log.warning("fences not in force yet", request=f"fence-{request.version}", reason=str(error))
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            raise
        except LifeOver as error:
            _abort(context, error)
        return control_pb2.FenceReply(version=version)

    def GetObjectSizes(
        self, request: control_pb2.GetObjectSizesRequest, context: grpc.ServicerContext
    ) -> control_pb2.GetObjectSizesReply:
        """What lies in the files' objects now, written back or not."""
        _require_mds(context)
        self._obey(Mandate.of(request.mandate), context)
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
        life = self._obey(Mandate.of(request.mandate), context)
        try:
            done = self._deletions.delete(request.deletes, life)
        except (OSError, LifeOver) as error:  # TimeoutError is an OSError
            _abort(context, error)
        return control_pb2.DeleteObjectsReply(deleted=done)

    def Truncate(
        self, request: control_pb2.TruncateRequest, context: grpc.ServicerContext
    ) -> control_pb2.TruncateReply:
        """Idempotent; answered when durable. The MDS has recalled or fenced the writers before.

        A cut that was carried out already is not carried out again, for it may come late: from the same leader, and
        while this process lives. In all other cases its mandate tells. That is looked at when it is its turn: a later
        leader's cut waits for it, and is not overtaken; and the next life of the cluster waits, too.
        """
        _require_mds(context)
        mandate = Mandate.of(request.mandate)
        life = self._obey(mandate, context)
        try:
            with self._truncating, self._life.held(life):
                if refusal := self._leadership.superseded(mandate):
                    self._refuse(context, refusal)
                if not 0 < request.serial <= self._cuts.get(request.fileid, 0):
                    self._store.truncate(request.fileid, request.stripes, request.size_bytes)
                    self._remember_cut(request.fileid, request.serial)
        except (OSError, LifeOver) as error:
            _abort(context, error, f"cut-{request.fileid:x}-{request.serial}")
        return control_pb2.TruncateReply()

    def _obey(self, mandate: Mandate | None, context: grpc.ServicerContext) -> int:
        """Go on only if the caller's mandate is the latest, in the life whose number is returned; who is refused has to
        find out whether it still leads."""
        try:
            return self._leadership.hear(mandate)
        except NotObeyed as refusal:
            if self._leadership.known is None:
                context.abort(grpc.StatusCode.UNAVAILABLE, str(refusal))
            self._refuse(context, str(refusal))
            raise
        except OSError as error:
            _abort(context, error)

    @staticmethod
    def _refuse(context: grpc.ServicerContext, refusal: str) -> None:
        caller = credentials.caller_name(context)
        log.warning("refused: the caller is superseded", mds=caller, reason=refusal)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, refusal)

    def _remember_cut(self, fileid: int, serial: int) -> None:
        self._cuts.pop(fileid, None)
        self._cuts[fileid] = serial
        if len(self._cuts) > _CUTS_REMEMBERED_MAX:
            del self._cuts[next(iter(self._cuts))]

    def _forget_cuts(self, era: int, restored: bool) -> None:
        """The next life's cuts of these files have the same numbers."""
        self._cuts.clear()

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


def _abort(context: grpc.ServicerContext, error: Exception, request: str = "") -> NoReturn:
    log.error("control request failed", request=request, reason=str(error))
    context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
    raise error
