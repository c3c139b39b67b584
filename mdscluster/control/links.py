"""Calls from a metadata node to data servers (proto: DataServerControl)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import structlog

from mdscluster.control.channels import Channels, why
from mdscluster.control.mandates import Superseded
from mdsproto import control_pb2, control_pb2_grpc
from mdsproto.mandate import Mandate, wire

if TYPE_CHECKING:
    from mdscluster.control.registry import Heard

log = structlog.get_logger()

_CALL_TIMEOUT_S = 2.0


class DataServerLinks:
    """Each data server's control service, by a kept channel."""

    def __init__(self, ca: Path, certificate: Path, key: Path) -> None:
        """``OSError`` when a certificate cannot be used."""
        self._channels = Channels(ca, certificate, key, _CALL_TIMEOUT_S)

    def _stub(self, heard: Heard) -> control_pb2_grpc.DataServerControlAsyncStub:
        return control_pb2_grpc.DataServerControlStub(self._channels.to(heard.ds_id, heard.control_address))

    async def fence(
        self, heard: Heard, version: int, fences: list[tuple[int, int, int]], mandate: Mandate | None
    ) -> int:
        """Put a fence list in force; returns the version in force there, 0 when it could not be reached.
        :class:`Superseded`: it does not obey this mandate."""
        entries = [control_pb2.FenceEntry(fileid=f, client_id=c, min_epoch=e) for f, c, e in fences]
        try:
            reply = await self._stub(heard).Fence(
                control_pb2.FenceRequest(version=version, fences=entries, mandate=wire(mandate)),
                timeout=_CALL_TIMEOUT_S,
            )
        except (TimeoutError, grpc.aio.AioRpcError) as error:
            _raise_refusal(error)
            log.warning(
                "data server did not take the fence list", request=f"fence-{version}", ds=heard.ds_id,
                error=why(error),
            )  # fmt: skip
            return 0
        return int(reply.version)

    async def truncate(
        self, heard: Heard, fileid: int, size: int, serial: int, mandate: Mandate | None
    ) -> bool:
        """Carry out a cut of a file on one data server; False when it could not be reached. :class:`Superseded`."""
        request = control_pb2.TruncateRequest(fileid=fileid, size_bytes=size, serial=serial, mandate=wire(mandate))
        try:
            await self._stub(heard).Truncate(request, timeout=_CALL_TIMEOUT_S)
        except (TimeoutError, grpc.aio.AioRpcError) as error:
            _raise_refusal(error)
            log.warning(
                "data server did not truncate", request=f"cut-{fileid:x}-{serial}", ds=heard.ds_id,
                fileid=f"{fileid:x}", error=why(error),
            )  # fmt: skip
            return False
        return True

    async def close(self) -> None:
        await self._channels.close()


def _raise_refusal(error: BaseException) -> None:
    if isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.FAILED_PRECONDITION:
        raise Superseded(why(error)) from None
