"""One connection between two consensus processes: frames, the peer's introduction, and when it is given up."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final, cast

from google.protobuf.message import DecodeError

from mdscluster.raft.errors import OtherCluster, PeerError
from mdscluster.raft.framing import FrameReader

if TYPE_CHECKING:
    from mdscluster.raft.transport import Transport

_HELLO_BYTES_MAX: Final = 16_384
_UNSENT_BYTES_MAX: Final = 64 << 20


class Stranger(Exception):
    """One side does not belong to the other's cluster, (any more, or yet): its id, and who says so."""


class Superseded(Exception):
    """Another connection with the same node goes before this one."""


class Link(asyncio.Protocol):
    """One connection. ``peer`` is empty until its Hello was accepted."""

    def __init__(self, owner: Transport, dialled: str | None) -> None:
        self.peer = ""
        self.dialled = dialled
        """Whom this node dialled; None: this connection was accepted."""
        self.closed = asyncio.get_running_loop().create_future()
        self.received_s = owner.loop.time()
        self.sent_s = 0.0
        self.refused = False
        """One side has no such member, or is of another cluster."""
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        """Set when connected, which is after the TLS handshake."""
        self._given_up = False
        self._reader = FrameReader(_HELLO_BYTES_MAX)
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._given_up:
            self._transport.abort()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, self._owner.config.connection_timeout_ms)
        if self.dialled is not None:
            self._owner.reached(self, self.dialled)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        if not self.closed.done():
            self.closed.set_result(None)
        self._owner.lost(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self.received_s = self._owner.loop.time()
        try:
            frames = self._reader.feed(data)
            if frames and not self.peer:
                self._owner.introduced(self, frames.pop(0))
            if frames and self.peer:
                self._owner.arrived(self, frames)
        except Stranger as error:
            self._owner.note_stranger(*error.args)
            self.refused = True
            self.close()
        except Superseded:
            self.close()
        except OtherCluster as error:
            self._owner.note_refusal(error.peer, str(error))
            self.refused = True
            self.close()
        except (PeerError, DecodeError) as error:
            self._owner.note_refusal(self.peer or self.dialled or "", str(error))
            self.abort()

    def certificate_names(self) -> list[str] | None:
        """DNS names of the peer's certificate; None without TLS."""
        if self._owner.config.tls is None:
            return None
        assert self._transport is not None, "asked of a connection that stands"
        certificate = self._transport.get_extra_info("peercert") or {}
        return [name for kind, name in certificate.get("subjectAltName", ()) if kind == "DNS"]

    def write(self, data: bytes) -> None:
        """Send frames; the connection is given up when the peer takes none for too long."""
        if self._transport is None:
            return
        self.sent_s = self._owner.loop.time()
        self._transport.write(data)
        if not self._writable.is_set() and self._transport.get_write_buffer_size() > _UNSENT_BYTES_MAX:
            self.abort()

    @property
    def connected(self) -> bool:
        """Whether the handshake is over."""
        return self._transport is not None

    async def drained(self) -> None:
        """Until the peer has taken most of what was written, or the connection is gone."""
        await self._writable.wait()

    def abort(self) -> None:
        """Give the connection up; one that is still in its handshake as soon as that is over."""
        self._given_up = True
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """The same, after what was written is sent."""
        self._given_up = True
        if self._transport is not None:
            self._transport.close()
