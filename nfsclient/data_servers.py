"""Data servers as seen by one client: a session with each, READ, WRITE and COMMIT, and what to do when one fails.

A data server's sessions are its own and do not survive its restart. Its I/O repeats without harm, so a lost session is
made anew and the request sent again (counted in ``Stats.ds_sessions``). A server that cannot be reached is left alone
for a while; the caller goes through the metadata server meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from nfsclient.channel import Channel, ChannelSettings
from nfsclient.compound import Compound, Reply
from nfsclient.errors import NfsClientError, NfsError, ProtocolViolation, RpcRefused, SessionLost, Unavailable
from nfsclient.handshake import Identity, Offer
from nfsclient.retry import RetryPolicy
from nfsclient.runtime import Address, Lock, Runtime
from nfsclient.stats import Stats
from nfswire import nfs4, rpc
from nfswire.xdr import Payload

FENCED = frozenset({
    nfs4.NFS4ERR_STALE, nfs4.NFS4ERR_BADHANDLE, nfs4.NFS4ERR_PNFS_NO_LAYOUT, nfs4.NFS4ERR_BAD_STATEID,
    nfs4.NFS4ERR_STALE_STATEID, nfs4.NFS4ERR_EXPIRED, nfs4.NFS4ERR_ADMIN_REVOKED, nfs4.NFS4ERR_FHEXPIRED,
    nfs4.NFS4ERR_ACCESS, nfs4.NFS4ERR_OLD_STATEID,
})
"""A data server's refusals that mean "this layout is not valid (any more)": get another one from the MDS."""

SESSIONS_PER_CALL_MAX = 3


class DataServerSettings(msgspec.Struct, frozen=True):
    """How patient a client is with a data server before it turns to the MDS."""

    channel: ChannelSettings = ChannelSettings(give_up_ms=1500.0, reply_timeout_ms=2500.0)
    """A mute server is given up after 2.5 s, one that refuses connections after 1.5 s."""
    retry: RetryPolicy = RetryPolicy(first_ms=10.0, longest_ms=250.0, patience_ms=3000.0)
    avoid_ms: float = 5000.0
    """A data server that failed is not tried again for so long."""
    slots: int = 32


class DataServerFailed(NfsClientError):
    """I/O through this data server is not possible now: ``status`` is what it said, None when it said nothing."""

    def __init__(self, server: DataServer, status: int | None, reason: str) -> None:
        super().__init__(f"data server {server.name}: {reason}")
        self.server = server
        self.status = status

    @property
    def layout_invalid(self) -> bool:
        """The data server lives, but refuses the layout."""
        return self.status in FENCED


class DataServer:
    """One data server, by the addresses at which it is reached."""

    def __init__(self, addresses: tuple[Address, ...], make_channel: Callable[[DataServer], Channel],
                 runtime: Runtime, settings: DataServerSettings, stats: Stats) -> None:
        self.addresses = addresses
        self.name = ",".join(f"{host}:{port}" for host, port in addresses)
        self.settings = settings
        self.failed_ms: float | None = None     # when it was last found dead
        self._make_channel = make_channel
        self._runtime = runtime
        self._stats = stats
        self._channel: Channel | None = None
        self._opening = Lock(runtime)

    @property
    def avoided(self) -> bool:
        """Whether it failed so recently that it is not tried."""
        return self.failed_ms is not None and self._runtime.now_ms() - self.failed_ms < self.settings.avoid_ms

    async def close(self) -> None:
        """Leave it."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    def abandon(self) -> None:
        """Disconnect without a word."""
        if self._channel is not None:
            self._channel.abandon()
            self._channel = None

    def _failed(self, reason: str) -> DataServerFailed:
        self._stats.ds_failures += 1
        self.failed_ms = self._runtime.now_ms()
        self.abandon()
        return DataServerFailed(self, None, reason)

    async def _open(self) -> Channel:
        async with self._opening:
            if self._channel is None:
                if self.avoided:
                    raise DataServerFailed(self, None, "failed a moment ago")
                channel = self._make_channel(self)
                try:
                    await channel.open()
                except NfsClientError as error:
                    channel.abandon()
                    raise self._failed(str(error)) from error
                except BaseException:
                    channel.abandon()
                    raise
                self._stats.ds_sessions += 1
                self._channel = channel
                self.failed_ms = None
            return self._channel

    async def call(self, compound: Compound) -> Reply:
        """Run ``compound`` at the data server; ``DataServerFailed`` for every way in which that can fail."""
        for _ in range(SESSIONS_PER_CALL_MAX):
            channel = await self._open()
            try:
                return (await channel.call(compound, self.settings.retry)).check()
            except NfsError as error:
                raise DataServerFailed(self, error.status, str(error)) from error
            except SessionLost as error:
                self._stats.notes[f"data server session: {error}"] += 1
                if self._channel is channel:
                    self.abandon()
            except Unavailable as error:
                if self._channel is channel:  # else another call has reported it already
                    raise self._failed(str(error)) from error
                raise DataServerFailed(self, None, str(error)) from error
            except (RpcRefused, ProtocolViolation) as error:
                raise self._failed(str(error)) from error
        raise self._failed("loses its sessions")

    async def read(self, filehandle: bytes, stateid: nfs4.stateid4, offset: int, count: int) -> nfs4.READ4resok:
        """READ (RFC 8881 section 18.22)."""
        read = Compound().putfh(filehandle).add(nfs4.OP_READ, nfs4.READ4args(stateid, offset, count))
        found: nfs4.READ4resok = (await self.call(read)).result(nfs4.OP_READ).resok4
        return found

    async def write(self, filehandle: bytes, stateid: nfs4.stateid4, offset: int, stable: int,
                    data: Payload) -> nfs4.WRITE4resok:
        """WRITE (RFC 8881 section 18.32)."""
        write = Compound().putfh(filehandle).add(nfs4.OP_WRITE, nfs4.WRITE4args(stateid, offset, stable, data))
        done: nfs4.WRITE4resok = (await self.call(write)).result(nfs4.OP_WRITE).resok4
        return done

    async def commit(self, filehandle: bytes) -> bytes:
        """COMMIT of the whole object (RFC 8881 section 18.3); returns the write verifier."""
        commit = Compound().putfh(filehandle).add(nfs4.OP_COMMIT, nfs4.COMMIT4args(0, 0))
        verifier: bytes = (await self.call(commit)).result(nfs4.OP_COMMIT).resok4.writeverf
        return verifier


class DataServers:
    """All data servers that this client has met."""

    def __init__(self, runtime: Runtime, identity: Identity, minor_version: int, credential: rpc.Credential,
                 settings: DataServerSettings, payload_bytes_max: int, stats: Stats) -> None:
        self._runtime = runtime
        self._identity = identity
        self._minor_version = minor_version
        self._credential = credential
        self._settings = settings
        self._offer = Offer(slots=settings.slots, payload_bytes_max=payload_bytes_max, back_channel=False,
                            data_server=True)
        self._stats = stats
        self._known: dict[tuple[Address, ...], DataServer] = {}

    def at(self, addresses: tuple[Address, ...]) -> DataServer:
        """The data server at ``addresses``; connected to when it is first used."""
        server = self._known.get(addresses)
        if server is None:
            server = DataServer(addresses, self._channel, self._runtime, self._settings, self._stats)
            self._known[addresses] = server
        return server

    def _channel(self, server: DataServer) -> Channel:
        return Channel(self._runtime, server.addresses, self._identity, self._offer, self._minor_version,
                       self._credential, self._settings.channel, self._settings.retry, self._stats)

    def all(self) -> list[DataServer]:
        """Every one met so far."""
        return list(self._known.values())
