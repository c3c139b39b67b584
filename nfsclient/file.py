"""An open file: I/O, byte-range locks, downgrade, close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nfsclient.compound import Compound
from nfsclient.data_path import DataPath
from nfsclient.errors import LockDenied, NfsError
from nfsclient.namespace import HasRecorder, recorded
from nfsclient.results import STAT, Attributes, Change, Handle, Held
from nfswire import nfs4
from nfswire.attributes import pack_fattr
from nfswire.xdr import Payload

if TYPE_CHECKING:
    from nfsclient.client import Client

WHOLE = nfs4.NFS4_UINT64_MAX
LOCK_POLL_MS = 100.0


class File(HasRecorder):
    """One open of one file. Close it; ``async with`` does."""

    def __init__(self, client: Client, handle: Handle, stateid: nfs4.stateid4, access: int, deny: int, owner: bytes,
                 path: DataPath) -> None:
        self.client = client
        self.recorder = client.recorder
        self.handle = handle
        self.stateid = stateid
        self.access = access
        self.deny = deny
        self.owner = owner
        self.path = path
        self.closed = False
        self.directory_change: Change | None = None
        """How opening it by name, and perhaps making it, changed the directory."""
        self._locks: dict[bytes, nfs4.stateid4] = {}    # lock stateid of each lock owner

    async def __aenter__(self) -> File:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if not self.closed:
            await self.close()

    def _begin(self) -> Compound:
        return Compound().putfh(self.handle.fh)

    # -- data

    @recorded
    async def read(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; fewer only where the file ends."""
        return b"".join(await self.path.read(offset, length))

    @recorded
    async def read_parts(self, offset: int, length: int) -> list[Payload]:
        """As ``read``, but as received, without putting the parts together."""
        return await self.path.read(offset, length)

    @recorded
    async def write(self, offset: int, data: Payload, stable: int = nfs4.UNSTABLE4) -> int:
        """Write all of ``data``. Unless ``stable`` is FILE_SYNC4 the buffer must not change before ``flush``."""
        await self.path.write(offset, data, stable)
        return len(data)

    @recorded
    async def flush(self) -> None:
        """Put everything written on stable storage (COMMIT), and tell the MDS (LAYOUTCOMMIT)."""
        await self.path.flush()

    commit = flush

    @recorded
    async def truncate(self, size: int) -> None:
        """Set the size, in bytes."""
        await self.path.flush()
        attributes = pack_fattr({nfs4.FATTR4_SIZE: size})
        compound = self._begin().add(nfs4.OP_SETATTR, nfs4.SETATTR4args(self.stateid, attributes))
        await self.client.run(compound)

    @recorded
    async def getattr(self, attributes: int = STAT) -> Attributes:
        """Attributes as the MDS knows them; ``flush`` first to have what was just written counted in."""
        reply = await self.client.run(self._begin().getattr(attributes))
        return Attributes.decode(reply.result(nfs4.OP_GETATTR).resok4.obj_attributes)

    # -- locks

    @recorded
    async def lock(self, offset: int = 0, length: int = WHOLE, locktype: int = nfs4.WRITE_LT, *,
                   owner: bytes | None = None, wait_ms: float = 0.0) -> None:
        """Lock bytes; ``LockDenied`` when somebody else holds them for longer than ``wait_ms``."""
        deadline_ms = self.client.runtime.now_ms() + wait_ms
        while True:
            try:
                await self._lock(offset, length, locktype, owner or self.owner)
                return
            except LockDenied:
                if self.client.runtime.now_ms() >= deadline_ms:
                    raise
                await self.client.runtime.sleep(LOCK_POLL_MS)

    async def _lock(self, offset: int, length: int, locktype: int, owner: bytes) -> None:
        held = self._locks.get(owner)
        client_id = self.client.mds.session.client_id
        if held is None:
            locker = nfs4.locker4(True, open_owner=nfs4.open_to_lock_owner4(
                0, self.stateid, 0, nfs4.state_owner4(client_id, owner)))
        else:
            locker = nfs4.locker4(False, lock_owner=nfs4.exist_lock_owner4(held, 0))
        args = nfs4.LOCK4args(locktype, False, offset, length, locker)
        reply = await self.client.mds.call(self._begin().add(nfs4.OP_LOCK, args))
        if reply.status == nfs4.NFS4ERR_DENIED:
            raise LockDenied(reply.result(nfs4.OP_LOCK).denied, nfs4.OP_LOCK)
        self._locks[owner] = reply.check().result(nfs4.OP_LOCK).resok4.lock_stateid

    @recorded
    async def lockt(self, offset: int = 0, length: int = WHOLE, locktype: int = nfs4.WRITE_LT, *,
                    owner: bytes | None = None) -> Held | None:
        """The lock that would be in the way; None: it would be granted."""
        whose = nfs4.state_owner4(self.client.mds.session.client_id, owner or self.owner)
        args = nfs4.LOCKT4args(locktype, offset, length, whose)
        reply = await self.client.mds.call(self._begin().add(nfs4.OP_LOCKT, args))
        if reply.status != nfs4.NFS4ERR_DENIED:
            reply.check()
            return None
        denied = reply.result(nfs4.OP_LOCKT).denied
        return Held(denied.offset, denied.length, denied.locktype, denied.owner.clientid, denied.owner.owner)

    @recorded
    async def locku(self, offset: int = 0, length: int = WHOLE, *, owner: bytes | None = None) -> None:
        """Unlock bytes. ``NfsError`` BAD_STATEID when this owner never locked anything here."""
        who = owner or self.owner
        held = self._locks.get(who)
        if held is None:
            raise NfsError(nfs4.NFS4ERR_BAD_STATEID, nfs4.OP_LOCKU, "this owner holds no lock")
        args = nfs4.LOCKU4args(nfs4.WRITE_LT, 0, held, offset, length)
        reply = await self.client.run(self._begin().add(nfs4.OP_LOCKU, args))
        self._locks[who] = reply.result(nfs4.OP_LOCKU).lock_stateid

    # -- the open

    @recorded
    async def open_downgrade(self, access: int, deny: int = nfs4.OPEN4_SHARE_DENY_NONE) -> None:
        """Keep only part of the share reservation."""
        if not access & nfs4.OPEN4_SHARE_ACCESS_WRITE:
            await self.path.flush()
        args = nfs4.OPEN_DOWNGRADE4args(self.stateid, 0, access, deny)
        reply = await self.client.run(self._begin().add(nfs4.OP_OPEN_DOWNGRADE, args))
        self.stateid = reply.result(nfs4.OP_OPEN_DOWNGRADE).resok4.open_stateid
        self.access, self.deny = access, deny

    @recorded
    async def close(self) -> None:
        """Flush, return the layout with the file's last open, CLOSE."""
        await self.path.flush()
        self.closed = True
        await self.client.closing(self)
        args = nfs4.CLOSE4args(0, self.stateid)
        await self.client.run(self._begin().add(nfs4.OP_CLOSE, args))
