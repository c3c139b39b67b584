"""READ, WRITE and COMMIT of one open file: through its layout in parallel over the data servers, else through the MDS.

What a data server cannot do now is done through the MDS, piece by piece, and reported (LAYOUTERROR where the minor
version has it). Data written unstable is kept, by reference, until a COMMIT with the same write verifier has covered
it; when the verifier changed, the server may have lost the data and gets it again (RFC 8881 section 18.32.4).
"""

from __future__ import annotations

import msgspec

from nfsclient import striping
from nfsclient.channel import Channel
from nfsclient.compound import Compound
from nfsclient.data_servers import DataServer, DataServerFailed, DataServers
from nfsclient.errors import NfsClientError, status_name
from nfsclient.layouts import Grant, Layouts
from nfsclient.runtime import Lock, Runtime, gather
from nfsclient.stats import Stats
from nfswire import nfs4
from nfswire.attributes import unpack_fattr
from nfswire.xdr import Payload

LAYOUTS_PER_CALL_MAX = 3
UNSTABLE_BYTES_MAX = 64 << 20
"""More uncommitted data than this makes ``write`` commit before it returns."""


class Unstable(msgspec.Struct):
    """Data that a server (None: the MDS) took, but did not yet put on stable storage."""

    server: DataServer | None
    filehandle: bytes
    server_offset: int
    file_offset: int
    data: memoryview
    verifier: bytes


class Run(msgspec.Struct):
    """A part of a READ: ``got`` of ``length`` bytes from ``offset`` of the file, in ``parts``."""

    offset: int
    length: int
    parts: list[Payload]
    got: int


class IoLimits(msgspec.Struct, frozen=True):
    """Largest payload of one request, bytes."""

    mds_read: int
    mds_write: int
    data_server: int


class DataPath:
    """I/O of one open. ``stateid`` is the open's, with sequence ID 0 ("the current one") on the wire."""

    def __init__(self, runtime: Runtime, mds: Channel, layouts: Layouts, servers: DataServers, stats: Stats,
                 limits: IoLimits, filehandle: bytes, stateid: nfs4.stateid4) -> None:
        self._runtime = runtime
        self._mds = mds
        self._layouts = layouts
        self._servers = servers
        self._stats = stats
        self._limits = limits
        self.filehandle = filehandle
        self.stateid = nfs4.stateid4(0, stateid.other)
        self._unstable: list[Unstable] = []
        self._unstable_bytes = 0
        self._flushing = Lock(runtime)
        self.end_uncommitted = 0        # end of what was written through the layout since the last LAYOUTCOMMIT

    # -- reading

    async def read(self, offset: int, length: int) -> list[Payload]:
        """Up to ``length`` bytes as parts in order; fewer only where the file ends."""
        runs = await self._read_range(offset, length, 0)
        if all(run.got == run.length for run in runs):
            return [part for run in runs for part in run.parts]
        # A data server knows the end of its own part only: what is missing is a hole, or lies behind the file's end.
        end = max(await self._size(), self.end_uncommitted, *(run.offset + run.got for run in runs if run.got), 0)
        parts: list[Payload] = []
        for run in runs:
            parts.extend(run.parts)
            missing = min(run.length, end - run.offset) - run.got
            if missing > 0:
                parts.append(bytes(missing))
        return parts

    async def _size(self) -> int:
        compound = Compound().putfh(self.filehandle).getattr(1 << nfs4.FATTR4_SIZE)
        found = (await self._mds.call(compound)).check().result(nfs4.OP_GETATTR).resok4.obj_attributes
        size: int = unpack_fattr(found)[nfs4.FATTR4_SIZE]
        return size

    async def _read_range(self, offset: int, length: int, attempt: int) -> list[Run]:
        grant = await self._layouts.use(self.filehandle, self.stateid, nfs4.LAYOUTIOMODE4_READ)
        if grant is None or attempt >= LAYOUTS_PER_CALL_MAX:
            if grant is not None:
                self._layouts.done(grant)
            return await self._read_through_mds(offset, length)
        try:
            pieces = striping.pieces(grant.layout, grant.device, offset, length, self._limits.data_server)
            tried = await gather(self._runtime, (self._read_piece(grant.device, piece) for piece in pieces))
        finally:
            self._layouts.done(grant)
        runs: list[Run] = []
        for run, failure in tried:
            if run.got:
                runs.append(run)
            if failure is None:
                if not run.got:
                    runs.append(run)
                continue
            rest_offset, rest = run.offset + run.got, run.length - run.got
            run.length = run.got
            if await self._layout_refused(grant, failure, nfs4.OP_READ):
                runs.extend(await self._read_range(rest_offset, rest, attempt + 1))
            else:
                runs.extend(await self._read_through_mds(rest_offset, rest))
        return runs

    async def _read_piece(self, device: striping.Device, piece: striping.Piece) -> tuple[Run, DataServerFailed | None]:
        server = self._servers.at(device.data_servers[piece.server])
        handle = piece.filehandle or self.filehandle
        run = Run(piece.file_offset, piece.length, [], 0)
        while run.got < piece.length:
            try:
                found = await server.read(handle, self.stateid, piece.server_offset + run.got, piece.length - run.got)
            except DataServerFailed as failure:
                if failure.status == nfs4.NFS4ERR_PNFS_IO_HOLE:
                    return run, None
                return run, failure
            if len(found.data):
                run.parts.append(found.data)
            run.got += len(found.data)
            self._stats.bytes_read_ds += len(found.data)
            if found.eof or not len(found.data):
                break
        return run, None

    async def _read_through_mds(self, offset: int, length: int) -> list[Run]:
        step = self._limits.mds_read
        starts = range(offset, offset + length, step)
        return await gather(self._runtime, (
            self._read_mds_piece(start, min(step, offset + length - start)) for start in starts))

    async def _read_mds_piece(self, offset: int, length: int) -> Run:
        run = Run(offset, length, [], 0)
        while run.got < length:
            args = nfs4.READ4args(self.stateid, offset + run.got, length - run.got)
            reply = await self._mds.call(Compound().putfh(self.filehandle).add(nfs4.OP_READ, args))
            found = reply.check().result(nfs4.OP_READ).resok4
            if len(found.data):
                run.parts.append(found.data)
            run.got += len(found.data)
            self._stats.bytes_read_mds += len(found.data)
            if found.eof or not len(found.data):
                break
        return run

    # -- writing

    async def write(self, offset: int, data: Payload, stable: int) -> None:
        """All of ``data`` at ``offset``. Unless ``stable`` asked for more, it is kept by reference until ``flush``."""
        view = memoryview(data).cast("B")
        await self._write_range(offset, view, stable, 0)
        if self._unstable_bytes > UNSTABLE_BYTES_MAX:
            await self.flush()

    async def _write_range(self, offset: int, view: memoryview, stable: int, attempt: int) -> None:
        grant = await self._layouts.use(self.filehandle, self.stateid, nfs4.LAYOUTIOMODE4_RW)
        if grant is None or attempt >= LAYOUTS_PER_CALL_MAX:
            if grant is not None:
                self._layouts.done(grant)
            await self._write_through_mds(offset, view, stable)
            return
        try:
            pieces = list(striping.pieces(grant.layout, grant.device, offset, len(view), self._limits.data_server))
            failures = await gather(self._runtime, (
                self._write_piece(grant, piece, view[piece.file_offset - offset:][:piece.length], stable)
                for piece in pieces))
        finally:
            self._layouts.done(grant)
        for piece, failure in zip(pieces, failures, strict=True):
            if failure is None:
                continue
            again = view[piece.file_offset - offset:][:piece.length]
            if await self._layout_refused(grant, failure, nfs4.OP_WRITE):
                await self._write_range(piece.file_offset, again, stable, attempt + 1)
            else:
                await self._write_through_mds(piece.file_offset, again, stable)

    async def _write_piece(self, grant: Grant, piece: striping.Piece, data: memoryview,
                           stable: int) -> DataServerFailed | None:
        server = self._servers.at(grant.device.data_servers[piece.server])
        handle = piece.filehandle or self.filehandle
        done = 0
        while done < len(data):
            try:
                result = await server.write(handle, self.stateid, piece.server_offset + done, stable, data[done:])
            except DataServerFailed as failure:
                return failure
            part = data[done:done + result.count]
            self._stats.bytes_written_ds += len(part)
            self.end_uncommitted = max(self.end_uncommitted, piece.file_offset + done + len(part))
            if result.committed < nfs4.FILE_SYNC4:
                self._keep(Unstable(None if grant.layout.commit_through_mds else server, handle,
                                    piece.server_offset + done, piece.file_offset + done, part, result.writeverf))
            done += result.count
        return None

    def _keep(self, unstable: Unstable) -> None:
        self._unstable.append(unstable)
        self._unstable_bytes += len(unstable.data)

    async def _write_through_mds(self, offset: int, view: memoryview, stable: int) -> None:
        step = self._limits.mds_write
        await gather(self._runtime, (
            self._write_mds_piece(offset + start, view[start:start + step], stable)
            for start in range(0, len(view), step)))

    async def _write_mds_piece(self, offset: int, data: memoryview, stable: int) -> None:
        done = 0
        while done < len(data):
            args = nfs4.WRITE4args(self.stateid, offset + done, stable, data[done:])
            reply = await self._mds.call(Compound().putfh(self.filehandle).add(nfs4.OP_WRITE, args))
            result = reply.check().result(nfs4.OP_WRITE).resok4
            part = data[done:done + result.count]
            self._stats.bytes_written_mds += len(part)
            if result.committed < nfs4.FILE_SYNC4:
                self._keep(Unstable(None, self.filehandle, offset + done, offset + done, part, result.writeverf))
            done += result.count

    # -- committing

    async def flush(self) -> None:
        """Everything written is on stable storage, and the MDS knows the size, when this returns."""
        async with self._flushing:
            kept, self._unstable, self._unstable_bytes = self._unstable, [], 0
            groups: dict[tuple[str, bytes], list[Unstable]] = {}
            for unstable in kept:
                where = unstable.server.name if unstable.server is not None else ""
                groups.setdefault((where, unstable.filehandle if where else b""), []).append(unstable)
            try:
                await gather(self._runtime, (self._commit_group(group) for group in groups.values()))
                await self._commit_layout()
            except BaseException:
                for unstable in kept:  # committing twice does no harm
                    self._keep(unstable)
                raise

    async def _commit_group(self, group: list[Unstable]) -> None:
        """COMMIT one object, and write again what was not covered."""
        server = group[0].server
        verifier: bytes | None = None
        if server is None:
            reply = await self._mds.call(Compound().putfh(self.filehandle).add(
                nfs4.OP_COMMIT, nfs4.COMMIT4args(0, 0)))
            verifier = reply.check().result(nfs4.OP_COMMIT).resok4.writeverf
        else:
            try:
                verifier = await server.commit(group[0].filehandle)
            except DataServerFailed as failure:
                self._stats.notes[f"COMMIT: {failure}"] += 1
        lost = [unstable for unstable in group if unstable.verifier != verifier]
        if lost:
            self._stats.verifier_changes += 1
            await gather(self._runtime, (self._write_again(unstable) for unstable in lost))

    async def _write_again(self, unstable: Unstable) -> None:
        """Straight to stable storage: at the same server if it lives, else through the MDS."""
        data, done = unstable.data, 0
        while unstable.server is not None and done < len(data):
            try:
                result = await unstable.server.write(
                    unstable.filehandle, self.stateid, unstable.server_offset + done, nfs4.FILE_SYNC4, data[done:])
            except DataServerFailed as failure:
                self._stats.notes[f"WRITE again: {failure}"] += 1
                break
            self._stats.bytes_written_ds += result.count
            done += result.count
        if done < len(data):
            await self._write_through_mds(unstable.file_offset + done, data[done:], nfs4.FILE_SYNC4)

    async def _commit_layout(self) -> None:
        """Tell the MDS how far was written: by LAYOUTCOMMIT, or by SETATTR when the layout is gone."""
        end = self.end_uncommitted
        if not end:
            return
        grant = self._layouts.current(self.filehandle)
        status = nfs4.NFS4ERR_BADLAYOUT
        if grant is not None:
            status = await self._layouts.commit(grant, end)
        if status != nfs4.NFS4_OK:
            self._stats.notes[f"LAYOUTCOMMIT: {status_name(status)}"] += 1
            await self._grow(end)
        if self.end_uncommitted == end:
            self.end_uncommitted = 0

    async def _grow(self, end: int) -> None:
        """The size at least ``end``. Writing nothing but the last byte's place would need its value; SETATTR does not.
        """
        if await self._size() >= end:
            return
        size = nfs4.fattr4(1 << nfs4.FATTR4_SIZE, end.to_bytes(8, "big"))
        args = nfs4.SETATTR4args(self.stateid, size)
        (await self._mds.call(Compound().putfh(self.filehandle).add(nfs4.OP_SETATTR, args))).check()

    # -- failures

    async def _layout_refused(self, grant: Grant, failure: DataServerFailed, op: int) -> bool:
        """Report ``failure``. True: the layout was to blame and is given back, so try with another; False: use the
        MDS.
        """
        self._stats.notes[f"through the MDS: {failure}" if not failure.layout_invalid else str(failure)] += 1
        if failure.layout_invalid:
            await self._layouts.give_back(grant)
            return True
        if self._mds.core.minor_version >= 2 and not grant.recalled:
            status = failure.status or nfs4.NFS4ERR_NXIO
            device_error = nfs4.device_error4(grant.device.device_id, status, op)
            args = nfs4.LAYOUTERROR4args(0, nfs4.NFS4_UINT64_MAX, grant.stateid, [device_error])
            self._runtime.spawn(self._report(Compound().putfh(self.filehandle).add(nfs4.OP_LAYOUTERROR, args)))
        return False

    async def _report(self, compound: Compound) -> None:
        try:
            reply = await self._mds.call(compound)
        except NfsClientError as error:
            self._stats.notes[f"LAYOUTERROR: {error}"] += 1
            return
        if reply.status != nfs4.NFS4_OK:
            self._stats.notes[f"LAYOUTERROR: {status_name(reply.status)}"] += 1
