"""The client: a session with the metadata server, the namespace, and files through layouts.

``Client.connect([(host, port), ...])`` mounts: the addresses are those of one replicated service, and the session moves
among them when a node dies. Everything else is method calls; see ``Namespace`` and ``File``.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

import msgspec

from nfsclient.callbacks import BackChannel
from nfsclient.channel import Channel, ChannelSettings
from nfsclient.compound import Compound
from nfsclient.data_path import DataPath, IoLimits
from nfsclient.data_servers import DataServers, DataServerSettings
from nfsclient.file import File
from nfsclient.handshake import HEADER_BYTES, Identity, Offer
from nfsclient.layouts import Layouts, LayoutSettings
from nfsclient.namespace import Namespace, recorded
from nfsclient.results import Change, Handle, Location, components
from nfsclient.retry import RetryPolicy
from nfsclient.runtime import Address, Runtime
from nfsclient.stats import History, Recorder, Stats
from nfswire import nfs4, rpc
from nfswire.attributes import bitmap, pack_fattr, unpack_fattr

LEASE_MS_DEFAULT = 90_000.0


class Settings(msgspec.Struct, frozen=True):
    """Everything about a client that may be chosen."""

    channel: ChannelSettings = ChannelSettings()
    """Patience with the metadata servers."""
    retry: RetryPolicy = RetryPolicy()
    """How DELAY and the like are waited out."""
    offer: Offer = Offer()
    """What CREATE_SESSION asks for."""
    data_servers: DataServerSettings = DataServerSettings()
    layouts: LayoutSettings = LayoutSettings()
    pnfs: bool = True
    """False: all I/O goes through the MDS, as for a client without pNFS."""
    verify_reclaim: bool = True
    """Send RECLAIM_COMPLETE, as every client must before its first OPEN (RFC 8881 section 18.51)."""


def own_credential() -> rpc.AuthSys:
    """AUTH_SYS of this process."""
    groups = tuple(sorted(os.getgroups())[:rpc.GIDS_MAX])
    return rpc.AuthSys(0, socket.gethostname().encode()[:rpc.MACHINE_MAX], os.geteuid(), os.getegid(), groups)


class Client(Namespace):
    """One NFSv4.1 or 4.2 client. Made by ``connect``."""

    def __init__(self, runtime: Runtime, mds: Channel, settings: Settings, identity: Identity,
                 credential: rpc.Credential, root: list[bytes], stats: Stats, history: History | None) -> None:
        super().__init__(mds, Recorder(runtime, stats, history), root)
        self.runtime = runtime
        self.settings = settings
        self.identity = identity
        self.stats = stats
        self.lease_ms = LEASE_MS_DEFAULT
        self.layouts = Layouts(mds, runtime, settings.layouts, stats, self._flush_file)
        self._credential = credential
        self._limits = IoLimits(1 << 20, 1 << 20, 1 << 20)
        self._files: dict[bytes, list[File]] = {}       # open files by filehandle
        self._owners = 0
        self._exclusive_creates = 0
        minor, payload_max = mds.core.minor_version, settings.offer.payload_bytes_max
        self.servers = DataServers(runtime, identity, minor, credential, settings.data_servers, payload_max, stats)
        mds.on_session = self._session_made

    @classmethod
    async def connect(
        cls, addresses: Sequence[Address], minor_version: int = 2, *, root: str | bytes = "/",
        settings: Settings | None = None, owner: bytes | None = None, credential: rpc.Credential | None = None,
        runtime: Runtime | None = None, stats: Stats | None = None, history: History | None = None,
    ) -> Client:
        """Mount ``root`` of the service at ``addresses``.

        ``owner`` names the client to the server (default: one of its own per call); ``runtime`` is asyncio's unless
        given.
        """
        chosen = settings or Settings()
        if runtime is None:
            from nfsclient.transport import AsyncioRuntime  # a simulator needs neither sockets nor asyncio
            runtime = AsyncioRuntime()
        name = owner or b"nfsclient-%s-%d-%s" % (
            socket.gethostname().encode(), os.getpid(), runtime.random_bytes(8).hex().encode())
        identity = Identity(name, runtime.random_bytes(8))
        who = credential or own_credential()
        counters = stats or Stats()
        mds = Channel(runtime, addresses, identity, chosen.offer, minor_version, who, chosen.channel, chosen.retry,
                      counters)
        client = cls(runtime, mds, chosen, identity, who, components(root), counters, history)
        try:
            await mds.open()
            await client._prepare()
        except BaseException:
            client.abandon()
            raise
        return client

    def _session_made(self, back: BackChannel) -> None:
        back.handlers = {
            nfs4.OP_CB_LAYOUTRECALL: self.layouts.recalled,
            nfs4.OP_CB_NOTIFY_DEVICEID: self.layouts.device_notified,
            nfs4.OP_CB_RECALL: lambda args: nfs4.NFS4ERR_BAD_STATEID,     # no delegation is ever held
            nfs4.OP_CB_RECALL_ANY: lambda args: nfs4.NFS4_OK,
            nfs4.OP_CB_RECALL_SLOT: self._slots_recalled,
        }

    def _slots_recalled(self, args: nfs4.CB_RECALL_SLOT4args) -> int:
        self.mds.core.slots.set_target(args.rsa_target_highest_slotid)
        return nfs4.NFS4_OK

    async def _prepare(self) -> None:
        """What follows CREATE_SESSION: RECLAIM_COMPLETE, the server's limits, lease renewal."""
        if self.settings.verify_reclaim:
            args = nfs4.RECLAIM_COMPLETE4args(False)
            await self.run(Compound().add(nfs4.OP_RECLAIM_COMPLETE, args))
        wanted = bitmap(nfs4.FATTR4_LEASE_TIME, nfs4.FATTR4_MAXREAD, nfs4.FATTR4_MAXWRITE, nfs4.FATTR4_FS_LAYOUT_TYPES)
        reply = await self.run((await self.begin("/")).getattr(wanted))
        found = unpack_fattr(reply.result(nfs4.OP_GETATTR).resok4.obj_attributes)
        session, payload_max = self.mds.session, self.settings.offer.payload_bytes_max
        read_max = min(payload_max, session.response_bytes_max - HEADER_BYTES)
        write_max = min(payload_max, session.request_bytes_max - HEADER_BYTES)
        self._limits = IoLimits(
            max(4096, min(found.get(nfs4.FATTR4_MAXREAD, read_max), read_max)),
            max(4096, min(found.get(nfs4.FATTR4_MAXWRITE, write_max), write_max)),
            payload_max)
        self.layouts.enabled = (
            self.settings.pnfs and bool(session.exchange_flags & nfs4.EXCHGID4_FLAG_USE_PNFS_MDS)
            and nfs4.LAYOUT4_NFSV4_1_FILES in found.get(nfs4.FATTR4_FS_LAYOUT_TYPES, []))
        self.lease_ms = found.get(nfs4.FATTR4_LEASE_TIME, LEASE_MS_DEFAULT / 1000) * 1000.0
        self.mds.renew_every(self.lease_ms / 3)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close open files, give back layouts, destroy the session and the client ID, disconnect."""
        if self.mds.core.failure is None:
            for opens in list(self._files.values()):
                for file in list(opens):
                    await file.close()
        for server in self.servers.all():
            await server.close()
        await self.mds.close()

    def abandon(self) -> None:
        """Disconnect without a word, as a crashed client does: its state stays at the server until the lease ends."""
        for server in self.servers.all():
            server.abandon()
        self.mds.abandon()

    # -- open

    @recorded
    async def open(
        self, location: Location, access: int = nfs4.OPEN4_SHARE_ACCESS_BOTH, deny: int = nfs4.OPEN4_SHARE_DENY_NONE, *,
        create: int | None = None, mode: int = 0o644, attributes: dict[int, Any] | None = None,
        owner: bytes | None = None,
    ) -> File:
        """Open a file. ``create`` is UNCHECKED4, GUARDED4 or EXCLUSIVE4_1; None opens what is there (a handle will do).

        ``attributes`` are set at creation, besides ``mode``; a size of 0 with UNCHECKED4 truncates.
        """
        if owner is None:
            self._owners += 1
            owner = b"open-%d" % self._owners
        wanted = {nfs4.FATTR4_MODE: mode, **(attributes or {})}
        how, claim, compound = await self._open_how(location, create, wanted)
        who = nfs4.state_owner4(self.mds.session.client_id, owner)
        args = nfs4.OPEN4args(0, access | nfs4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG, deny, who, how, claim)
        reply = await self.run(compound.add(nfs4.OP_OPEN, args).getfh())
        opened, handle = reply.result(nfs4.OP_OPEN).resok4, Handle(reply.handle())
        await self._refuse_delegation(handle, opened.delegation)
        file = self._opened(handle, opened.stateid, access, deny, owner)
        if not isinstance(location, Handle):
            file.directory_change = Change.decode(opened.cinfo)
        missed = {number: value for number, value in wanted.items() if not opened.attrset >> number & 1}
        if create == nfs4.EXCLUSIVE4_1 and missed:  # "the client SHOULD ... SETATTR" (RFC 8881 section 18.16.3)
            args_set = nfs4.SETATTR4args(opened.stateid, pack_fattr(missed))
            await self.run(Compound().putfh(handle.fh).add(nfs4.OP_SETATTR, args_set))
        return file

    def _opened(self, handle: Handle, stateid: nfs4.stateid4, access: int, deny: int, owner: bytes) -> File:
        """The ``File`` of an open. An owner's second open of a file only widens the first (RFC 8881 section 9.9)."""
        opens = self._files.setdefault(handle.fh, [])
        for file in opens:
            if file.owner == owner and file.stateid.other == stateid.other:
                file.stateid, file.access, file.deny = stateid, file.access | access, file.deny | deny
                return file
        path = DataPath(self.runtime, self.mds, self.layouts, self.servers, self.stats, self._limits, handle.fh,
                        stateid)
        opens.append(File(self, handle, stateid, access, deny, owner, path))
        return opens[-1]

    async def _open_how(self, location: Location, create: int | None, wanted: dict[int, Any]) -> tuple[
            nfs4.openflag4, nfs4.open_claim4, Compound]:
        if isinstance(location, Handle):
            if create is not None:
                raise ValueError("creating needs a directory and a name")
            return (nfs4.openflag4(nfs4.OPEN4_NOCREATE), nfs4.open_claim4(nfs4.CLAIM_FH), await self.begin(location))
        compound, name = await self.begin_parent(location)
        claim = nfs4.open_claim4(nfs4.CLAIM_NULL, file=name)
        if create is None:
            return nfs4.openflag4(nfs4.OPEN4_NOCREATE), claim, compound
        if create == nfs4.EXCLUSIVE4_1:
            self._exclusive_creates += 1
            verifier = self.runtime.random_bytes(4) + (self._exclusive_creates & 0xFFFFFFFF).to_bytes(4, "big")
            how = nfs4.createhow4(create, ch_createboth=nfs4.creatverfattr(verifier, pack_fattr(wanted)))
        elif create in (nfs4.UNCHECKED4, nfs4.GUARDED4):
            how = nfs4.createhow4(create, createattrs=pack_fattr(wanted))
        else:
            raise ValueError(f"create mode {create}")
        return nfs4.openflag4(nfs4.OPEN4_CREATE, how), claim, compound

    async def _refuse_delegation(self, handle: Handle, delegation: nfs4.open_delegation4) -> None:
        """None was wanted; one that comes all the same goes straight back."""
        given = delegation.read or delegation.write
        if given is not None:
            self.stats.notes["delegation that was not wanted"] += 1
            args = nfs4.DELEGRETURN4args(given.stateid)
            await self.run(Compound().putfh(handle.fh).add(nfs4.OP_DELEGRETURN, args))

    async def closing(self, file: File) -> None:
        """``file`` is about to be closed: the last one out returns the layout."""
        opens = self._files[file.handle.fh]
        opens.remove(file)
        if not opens:
            del self._files[file.handle.fh]
            await self.layouts.release(file.handle.fh)

    async def _flush_file(self, filehandle: bytes) -> None:
        """Commit what was written through a layout that is about to be returned."""
        for file in list(self._files.get(filehandle, ())):
            await file.path.flush()
