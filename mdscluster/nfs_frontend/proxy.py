"""READ, WRITE and COMMIT for clients without pNFS: the front end moves the data itself (DESIGN §6).

It reaches the data servers as an NFSv4.1 client with capability filehandles of its own (client ID 0).
The data never enters the log. A WRITE becomes, once its bytes lie on the data servers, a PROXY_WRITE:
size and times are committed together with the slot's reply, so a retransmission gets the same answer.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any, Final

import structlog

from mdscluster import replica_async
from mdscluster.fsm import data_servers, progress, recalls, stateids
from mdscluster.fsm.commands import RESULT_DONE, EnsureStriping, pack_internal
from mdscluster.fsm.compound import NEED_CHANGE, NEED_IO, Compound, run
from mdscluster.fsm.data_servers import Striping
from mdscluster.fsm.operations import DISPATCH
from mdscluster.fsm.operations.proxy import may_do_io
from mdscluster.fsm.progress import Progress
from mdscluster.fsm.records import Inode
from mdscluster.nfs_frontend.wire import U32, U32x2
from nfsclient.data_servers import DataServer, DataServerFailed, DataServers
from nfswire import dsfh, nfs4
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.dispatcher import Dispatcher
    from mdscluster.nfs_frontend.request import Request

log = structlog.get_logger()

_IO_TIMEOUT_S: Final = 5.0
_VERIFIER: Final = struct.Struct(">Q")


class IoFailed(Exception):
    """An operation cannot be done; ``status`` is what the client gets."""

    def __init__(self, status: int) -> None:
        super().__init__(nfs4.STATUS_NAMES.get(status, str(status)))
        self.status = status


class Piece:
    """The part of a transfer that lies in one stripe unit."""

    __slots__ = ("length", "offset", "stripe")

    def __init__(self, stripe: int, offset: int, length: int) -> None:
        self.stripe = stripe
        self.offset = offset
        self.length = length


def pieces(striping: Striping, offset: int, length: int) -> list[Piece]:
    """Cut ``length`` bytes at ``offset`` where the data server changes; offsets stay the file's (sparse)."""
    unit = striping.stripe_unit_bytes
    count = len(striping.numbers)
    cut: list[Piece] = []
    end = offset + length
    while offset < end:
        upto = min(end, (offset // unit + 1) * unit)
        cut.append(Piece(offset // unit % count, offset, upto - offset))
        offset = upto
    return cut


class ProxyIo:
    """Runs COMPOUNDs that hold READ, WRITE or COMMIT, each in a task of its own."""

    def __init__(self, dispatcher: Dispatcher, servers: DataServers) -> None:
        self._dispatcher = dispatcher
        self._servers = servers
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, dispatcher: Dispatcher, request: Request, done: Progress | None) -> None:
        """Run a COMPOUND with I/O in it; ``done`` is what the log has run of it already."""
        task = asyncio.get_running_loop().create_task(self._run(request, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, request: Request, done: Progress | None) -> None:
        """Run the COMPOUND on a view of its own, doing its I/O on the way; hand changes to the log."""
        dispatcher = self._dispatcher
        cx = Compound(dispatcher.tables, dispatcher.settings)
        dispatcher.prepare(cx, request)
        part = 0
        if done is not None:
            part = done.part
            progress.restore(cx, done)
            cx.pos = request.end - done.bytes_left
        dispatch = DISPATCH[request.minor]
        while True:
            with dispatcher.env.begin() as txn:
                cx.bind_view(txn)
                status = run(cx, dispatch.handlers, dispatch.changes, dispatch.needs_fh)
            if status == NEED_IO:
                try:
                    replaced = await self._operation(cx)
                except IoFailed as failure:
                    op = U32.unpack_from(cx.data, cx.op_start)[0]
                    cx.res.append(U32x2.pack(op, failure.status))
                    cx.ops_done += 1
                    status = failure.status
                else:
                    if replaced is not None:
                        self._propose(request, cx, part, replaced)
                        return
                    continue
            if status == NEED_CHANGE:
                self._propose(request, cx, part, b"")
            elif part:
                self._conclude(request, cx, part, status)
            else:
                dispatcher.reply(request, status, cx.ops_done, b"".join(cx.res))
            return

    def _propose(self, request: Request, cx: Compound, part: int, replaced: bytes) -> None:
        """Commit what is left, the operation that was done through ``replaced`` first in it."""
        operations = replaced + request.data[cx.pos : request.end]
        done = progress.take(cx, part)
        self._send(request, operations, done, proxied=bool(replaced))

    def _conclude(self, request: Request, cx: Compound, part: int, status: int) -> None:
        """Nothing is left to change: the reply, complete now, becomes the slot's."""
        cx.ops_left = 0
        self._send(request, b"", progress.take(cx, part, status), proxied=False)

    def _send(self, request: Request, operations: bytes, done: Progress, *, proxied: bool) -> None:
        dispatcher = self._dispatcher
        request.payload = dispatcher.command(request, operations, continued=done, proxied=proxied)
        dispatcher.propose(request)

    async def _operation(self, cx: Compound) -> bytes | None:
        """Do the READ, WRITE or COMMIT at ``cx.op_start``.

        Of READ and COMMIT the result is appended. Of WRITE, what takes its place in the log is returned.
        """
        op = U32.unpack_from(cx.data, cx.op_start)[0]
        pos = cx.op_start + 4
        try:
            if op == nfs4.OP_READ:
                read, cx.pos = nfs4.unpack_READ4args(cx.data, pos)
                self._whole(cx)
                await self._read(cx, read)
            elif op == nfs4.OP_COMMIT:
                commit, cx.pos = nfs4.unpack_COMMIT4args(cx.data, pos)
                self._whole(cx)
                await self._commit(cx, commit)
            else:
                write, cx.pos = nfs4.unpack_WRITE4args(cx.data, pos)
                self._whole(cx)
                return await self._write(cx, write)
        except XdrError:
            raise IoFailed(nfs4.NFS4ERR_BADXDR) from None
        cx.ops_done += 1
        cx.ops_left -= 1
        return None

    @staticmethod
    def _whole(cx: Compound) -> None:
        if cx.pos > cx.end:
            raise IoFailed(nfs4.NFS4ERR_BADXDR)

    # ------------------------------------------------------------ the operations
    async def _read(self, cx: Compound, args: nfs4.READ4args) -> None:
        """READ (RFC 8881 §18.22). Holes and what no data server holds are zeros, up to the file's size."""
        inode, striping = self._check(cx, args.stateid, write=False)
        count = min(args.count, self._dispatcher.settings.max_io_bytes)
        length = max(0, min(count, inode.size - args.offset))
        if striping is None or not length:
            data = bytes(length)
        else:
            parts = await self._gather(
                self._read_piece(striping, inode, piece) for piece in pieces(striping, args.offset, length)
            )
            data = b"".join(parts)
        eof = args.offset + length >= inode.size
        cx.res.append(struct.pack(">IIII", nfs4.OP_READ, 0, eof, length))
        cx.res.append(data)
        cx.res.append(bytes(-length & 3))

    async def _read_piece(self, striping: Striping, inode: Inode, piece: Piece) -> bytes:
        server, handle = self._target(striping, inode, piece.stripe, 0)
        data = (await server.read(handle, stateids.ANONYMOUS, piece.offset, piece.length)).data
        return bytes(data) + bytes(piece.length - len(data))

    async def _write(self, cx: Compound, args: nfs4.WRITE4args) -> bytes:
        """WRITE (§18.32): data first; its size goes through the log, as the PROXY_WRITE that is returned."""
        inode, striping = self._check(cx, args.stateid, write=True)
        data = memoryview(args.data)
        if args.offset + len(data) > 0x7FFFFFFFFFFFFFFF:
            raise IoFailed(nfs4.NFS4ERR_FBIG)
        committed = args.stable
        verifier = 0
        if len(data):
            if striping is None:
                striping = await self._ensure_striping(inode)
            chosen = striping
            base = args.offset
            results = await self._gather(
                self._write_piece(chosen, inode, piece, data[piece.offset - base :][: piece.length], args.stable)
                for piece in pieces(chosen, base, len(data))
            )
            committed = min(level for level, _ in results)
            verifier = self._combined(results)
        written = nfs4.OP_PROXY_WRITE4args(
            args.stateid, args.offset, len(data), committed, _VERIFIER.pack(verifier)
        )
        return U32.pack(nfs4.OP_PROXY_WRITE) + nfs4.pack_OP_PROXY_WRITE4args(written)

    async def _write_piece(
        self, striping: Striping, inode: Inode, piece: Piece, data: memoryview, stable: int
    ) -> tuple[int, tuple[int, bytes]]:
        server, handle = self._target(striping, inode, piece.stripe, dsfh.FLAG_WRITE)
        done = 0
        committed = nfs4.FILE_SYNC4
        verifier = b""
        while done < len(data):
            result = await server.write(handle, stateids.ANONYMOUS, piece.offset + done, stable, data[done:])
            if not result.count:
                raise IoFailed(nfs4.NFS4ERR_IO)
            done += result.count
            committed = min(committed, result.committed)
            verifier = result.writeverf
        return committed, (piece.stripe, verifier)

    async def _commit(self, cx: Compound, args: nfs4.COMMIT4args) -> None:
        """COMMIT (§18.3) on every data server of the file; the verifier changes when one of them restarted."""
        with self._dispatcher.env.begin() as txn:
            cx.bind_view(txn)
            inode = self._inode(cx)
            striping = data_servers.striping_of(txn, cx.tables, inode.fileid)
        verifier = 0
        if striping is not None:
            chosen = striping
            results = await self._gather(
                self._commit_one(chosen, inode, stripe) for stripe in range(len(chosen.numbers))
            )
            verifier = self._combined(results)
        cx.res.append(struct.pack(">IIQ", nfs4.OP_COMMIT, 0, verifier))

    async def _commit_one(self, striping: Striping, inode: Inode, stripe: int) -> tuple[int, tuple[int, bytes]]:
        server, handle = self._target(striping, inode, stripe, dsfh.FLAG_WRITE)
        return nfs4.FILE_SYNC4, (stripe, await server.commit(handle))

    @staticmethod
    def _combined(results: list[tuple[int, tuple[int, bytes]]]) -> int:
        """One verifier out of those of several data servers: it changes when any of them does."""
        combined = 0
        for stripe, raw in sorted({entry for _, entry in results}):
            combined ^= int.from_bytes(raw, "big") * (2 * stripe + 1) & 0xFFFFFFFFFFFFFFFF
        return combined

    # ------------------------------------------------------------ helpers
    @staticmethod
    def _inode(cx: Compound) -> Inode:
        """The current file, read anew."""
        cx.inode = None
        if not cx.fileid:
            raise IoFailed(nfs4.NFS4ERR_NOFILEHANDLE)
        inode = cx.load()
        if inode is None:
            raise IoFailed(nfs4.NFS4ERR_STALE)
        if inode.type != nfs4.NF4REG:
            raise IoFailed(nfs4.NFS4ERR_ISDIR if inode.type == nfs4.NF4DIR else nfs4.NFS4ERR_WRONG_TYPE)
        return inode

    def _check(self, cx: Compound, stateid: nfs4.stateid4, *, write: bool) -> tuple[Inode, Striping | None]:
        """The current file and its striping, if the stateid allows the I/O."""
        with self._dispatcher.env.begin() as txn:
            cx.bind_view(txn)
            inode = self._inode(cx)
            status = may_do_io(cx, stateid, inode, write=write)
            if status:
                raise IoFailed(status)
            if write and recalls.truncating(cx, inode.fileid):
                raise IoFailed(nfs4.NFS4ERR_DELAY)
            return inode, data_servers.striping_of(txn, cx.tables, inode.fileid)

    async def _ensure_striping(self, inode: Inode) -> Striping:
        result = await replica_async.propose(self._dispatcher.replica, pack_internal(EnsureStriping(inode.fileid)))
        if result is None:
            raise IoFailed(nfs4.NFS4ERR_DELAY)
        if result == RESULT_DONE:
            raise IoFailed(nfs4.NFS4ERR_NOSPC)  # no data server is registered or up
        return data_servers.decode_striping(result[1:])

    def _target(self, striping: Striping, inode: Inode, stripe: int, flags: int) -> tuple[DataServer, bytes]:
        """The stripe's data server and a filehandle for it; IoFailed when it is down."""
        dispatcher = self._dispatcher
        number = striping.numbers[stripe]
        with dispatcher.env.begin() as txn:
            server = next(s for s in data_servers.all_servers(txn, dispatcher.tables) if s.number == number)
            epoch, _ = recalls.fences(txn, dispatcher.tables)
        if not server.up:
            raise IoFailed(nfs4.NFS4ERR_IO)
        handle = dsfh.pack_ds_fh(dispatcher.settings.capability_key, flags, stripe, inode.fileid, 0, epoch)
        return self._servers.at(((server.host, server.port),)), handle

    async def _gather(self, work: Any) -> list[Any]:
        """All at once; a data server that does not answer is an I/O error for its stripes."""
        try:
            return list(await asyncio.wait_for(asyncio.gather(*work), _IO_TIMEOUT_S))
        except (DataServerFailed, OSError, TimeoutError) as error:
            log.warning("data server did not answer", error=repr(error))
            raise IoFailed(nfs4.NFS4ERR_IO) from None
