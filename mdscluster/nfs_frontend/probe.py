"""Asks this node's own NFS listener whether it answers: NULL calls over TCP, as any client would send them.

One connection, kept open, and made anew now and then: a listener that serves whom it has and takes nobody new is found
out too. A listener that closes the connection (it has too many, or no session came by this one) lives.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

from mdscluster.nfs_frontend.reception import NFS_PROGRAM
from nfswire import rpc

CONNECTION_MS: Final = 20_000
"""Then the next one: long before one without a session would be closed."""
GIVE_UP_MS: Final = 1_000
"""A call that is not answered for so long was not: what is asked next is asked on a new connection, or one call that
was lost would say for ever that nobody answers."""
CONNECT_S: Final = 1.0
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Probe:
    """Sans a clock of its own: :meth:`ask` is called ten times a second, and told the time."""

    def __init__(self, host: str, port: int, clock_ms: Callable[[], int]) -> None:
        self._host, self._port = _LOOPBACK.get(host, host), port
        self._resolved = ""
        self._clock_ms = clock_ms
        self._answered_ms = self._made_ms = clock_ms()
        self._channel: _Channel | None = None
        self._connecting: asyncio.Task[None] | None = None

    def age_ms(self, now_ms: int) -> int:
        """Since the last call was sent that was answered."""
        return now_ms - self._answered_ms

    def forgive(self, late_ms: int, now_ms: int) -> None:
        """So long this process stood still: it was not there to take an answer, and its listener not to give one."""
        self._answered_ms = min(self._answered_ms + late_ms, now_ms)
        if self._channel is not None:
            self._channel.asked_ms = min(self._channel.asked_ms + late_ms, now_ms)

    def ask(self, now_ms: int) -> None:
        """Send a call, unless the last one is still to be answered; connect first where there is no connection."""
        channel = self._channel
        if channel is not None and channel.is_spent(now_ms - self._made_ms, now_ms):
            channel.close()
            channel = self._channel = None
        if channel is not None:
            channel.ask(now_ms)
        elif self._connecting is None or self._connecting.done():
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def close(self) -> None:
        """End."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._channel is not None:
            self._channel.close()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):  # or it would wait for its TCP to repeat something
                if not self._resolved:
                    found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                    self._resolved = str(found[0][4][0])  # once: a name server's failure is not the listener's
                _, channel = await loop.create_connection(lambda: _Channel(self), self._resolved, self._port)
        except OSError:
            return  # its age tells
        self._channel, self._made_ms = channel, self._clock_ms()
        channel.ask(self._made_ms)

    def answered(self, asked_ms: int) -> None:
        """The listener lives: it did something about a call sent then."""
        self._answered_ms = max(self._answered_ms, asked_ms)

    def lost(self, channel: _Channel) -> None:
        """The listener closed the connection."""
        if channel is self._channel:
            self._channel = None


class _Channel(asyncio.Protocol):
    """One connection, with one call at a time."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._transport: asyncio.Transport | None = None
        self._xid = 0
        self._received = b""
        self._closing = False
        self.waiting = False
        self.asked_ms = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def is_spent(self, lasts_ms: int, now_ms: int) -> bool:
        """Whether to go on with another connection. ``lasts_ms``: how old this one is."""
        return now_ms - self.asked_ms >= GIVE_UP_MS if self.waiting else lasts_ms >= CONNECTION_MS

    def ask(self, now_ms: int) -> None:
        if self.waiting or self._transport is None:
            return
        self.waiting, self.asked_ms, self._xid = True, now_ms, self._xid + 1 & 0xFFFFFFFF
        call = b"".join(rpc.pack_call(self._xid, NFS_PROGRAM, 4, 0, rpc.AUTH_NONE, ()))
        self._transport.write(rpc.record_mark(len(call)) + call)

    def data_received(self, data: bytes) -> None:
        wanted = rpc.reply_success(self._xid)
        wanted = rpc.record_mark(len(wanted)) + wanted
        self._received += data
        if self.waiting and self._received == wanted:
            self._received, self.waiting = b"", False
            self._probe.answered(self.asked_ms)
        elif len(self._received) >= len(wanted):
            self.close()  # whatever that is: it is not ours

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting and not self._closing:
            self._probe.answered(self.asked_ms)
        self._transport = None
        self._probe.lost(self)

    def close(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
            self._probe.lost(self)
