"""Kept gRPC channels from this node to others, with its own certificate."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc

from mdsproto import credentials


class Channels:
    """One channel per node and address, opened when first needed, and anew when this node's certificate was renewed."""

    def __init__(self, ca: Path, certificate: Path, key: Path, call_timeout_s: float) -> None:
        """``call_timeout_s``: no call takes longer. ``OSError`` when a certificate cannot be used."""
        self._credentials = credentials.RenewedCredentials(ca, certificate, key)
        self._call_timeout_s = call_timeout_s
        self._channels: dict[tuple[str, str], grpc.aio.Channel] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def to(self, node_id: str, address: str) -> grpc.aio.Channel:
        """To this node and to nobody else at that address (``host:port``): its certificate must name it."""
        if self._credentials.refresh():
            self._retire()
        channel = self._channels.get((node_id, address))
        if channel is None:
            channel = self._channels[node_id, address] = grpc.aio.secure_channel(
                address, self._credentials.current, options=credentials.channel_options(node_id)
            )
        return channel

    def _retire(self) -> None:
        """Channels of an earlier certificate end with the calls that are under way on them."""
        for channel in self._channels.values():
            task = asyncio.ensure_future(channel.close(2 * self._call_timeout_s))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self._channels.clear()

    async def close(self) -> None:
        await asyncio.gather(*(channel.close(None) for channel in self._channels.values()), *self._closing)


def why(error: BaseException) -> str:
    """What a call that failed says of it, for people."""
    details = getattr(error, "details", None)
    return str(details()) if callable(details) else type(error).__name__
