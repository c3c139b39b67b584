"""Calls from a metadata node to data servers (proto: DataServerControl)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import structlog

from mdsproto import control_pb2, control_pb2_grpc, credentials

if TYPE_CHECKING:
    from mdscluster.control.registry import Heard

log = structlog.get_logger()

_CALL_TIMEOUT_S = 2.0


class DataServerLinks:
    """One channel per data server, opened when first needed."""

    def __init__(self, ca: Path, certificate: Path, key: Path) -> None:
        self._credentials = credentials.channel_credentials(ca, certificate, key)
        self._channels: dict[tuple[str, str], grpc.aio.Channel] = {}

    def _stub(self, heard: Heard) -> control_pb2_grpc.DataServerControlAsyncStub:
        key = (heard.ds_id, heard.control_address)
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = grpc.aio.secure_channel(
                heard.control_address, self._credentials, options=credentials.channel_options(heard.ds_id)
            )
        return control_pb2_grpc.DataServerControlStub(channel)

    async def fence(self, heard: Heard, version: int, fences: list[tuple[int, int, int]]) -> int:
        """Put a fence list in force; returns the version in force there, 0 when it could not be reached."""
        entries = [control_pb2.FenceEntry(fileid=f, client_id=c, min_epoch=e) for f, c, e in fences]
        try:
            reply = await self._stub(heard).Fence(
                control_pb2.FenceRequest(version=version, fences=entries), timeout=_CALL_TIMEOUT_S
            )
        except (TimeoutError, grpc.aio.AioRpcError) as error:
            log.warning("data server did not take the fence list", ds=heard.ds_id, error=_reason(error))
            return 0
        return int(reply.version)

    async def truncate(self, heard: Heard, fileid: int, size: int, serial: int) -> bool:
        """Carry out a cut of a file on one data server; False when it could not be reached."""
        try:
            await self._stub(heard).Truncate(
                control_pb2.TruncateRequest(fileid=fileid, size_bytes=size, serial=serial), timeout=_CALL_TIMEOUT_S
            )
        except (TimeoutError, grpc.aio.AioRpcError) as error:
            log.warning("data server did not truncate", ds=heard.ds_id, fileid=fileid, error=_reason(error))
            return False
        return True

    async def close(self) -> None:
        await asyncio.gather(*(channel.close(None) for channel in self._channels.values()))


def _reason(error: BaseException) -> str:
    details = getattr(error, "details", None)
    return str(details()) if callable(details) else type(error).__name__
