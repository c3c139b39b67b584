"""READ, WRITE and COMMIT for clients without pNFS: the front end moves the data itself (DESIGN §6).

A WRITE's data never enters the log. It becomes, once its bytes lie on the data servers, a PROXY_WRITE: size and times
are committed together with the slot's reply, so a retransmission gets the same answer. What a READ returned does only
in a COMPOUND that changes state, too, and is short there (:mod:`mdscluster.nfs_frontend.loggable`).

A COMPOUND with a WRITE in it is run, and answered, only under this node's claim to write for the client, and only when
the slot, looked at after the claim, does not hold its reply yet (docs/adr/0012, INV-2, INV-3).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import structlog

from mdscluster import replica_async
from mdscluster.fsm import progress
from mdscluster.fsm.attribute_plan import MAX_FILE_BYTES
from mdscluster.fsm.commands import RESULT_DONE, EnsureStriping, pack_internal
from mdscluster.fsm.compound import NEED_CHANGE, NEED_IO, Compound, run
from mdscluster.fsm.machine import SLOT_KEY, slot_is_open
from mdscluster.fsm.operations import DISPATCH, Dispatch
from mdscluster.fsm.operations.proxy import may_do_io
from mdscluster.fsm.progress import Progress
from mdscluster.nfs_frontend import loggable, scan
from mdscluster.nfs_frontend.claims import ClaimLost, Claims
from mdscluster.nfs_frontend.quorum import SERVING
from mdscluster.nfs_frontend.stripes import IoFailed, Place, Stripes, Writer, pieces
from mdscluster.nfs_frontend.view_reader import prepare
from mdscluster.nfs_frontend.wire import U32, U32x2
from nfswire import nfs4
from nfswire.xdr import XdrError
from telemetry import subject

if TYPE_CHECKING:
    from mdscluster.fsm.records import Inode
    from mdscluster.nfs_frontend.dispatcher import Dispatcher
    from mdscluster.nfs_frontend.request import Connection, Request
    from nfsclient.data_servers import DataServers

log = structlog.get_logger()

_CUT_PATIENCE_S: Final = 2.0
"""How long a WRITE waits for a data server to cut its objects."""
_CUT_POLL_S: Final = 0.02
_AT_ONCE_MAX: Final = 16
"""COMPOUNDs with I/O of one connection that run at once: each may hold ``max_io_bytes`` of what it read."""
_CONGESTED_POLL_S: Final = 0.02
_CLAIMS_MAX: Final = 3
"""So often a COMPOUND with a WRITE is begun when other nodes claim the client at the same time."""
_CONFIRM_AGAIN_S: Final = 1.0
"""A view confirmed longer ago is confirmed again before data moves (stripes.FRESH_S is the limit)."""
_READ_HEAD: Final = struct.Struct(">IIII")
_COMMIT_RESULT: Final = struct.Struct(">II8s")


class ProxyIo:
    """Runs COMPOUNDs that hold READ, WRITE or COMMIT, each in a task of its own."""

    def __init__(self, dispatcher: Dispatcher, servers: DataServers, holder: bytes) -> None:
        """``holder``: names this run of the front end in its claims (:class:`Claims`)."""
        self._dispatcher = dispatcher
        self._claims = Claims(dispatcher, holder)
        dispatcher.on_unknown = self._claims.doubt
        self._stripes = Stripes(dispatcher, servers, self._claims)
        self._lanes: WeakKeyDictionary[Connection, asyncio.Semaphore] = WeakKeyDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, dispatcher: Dispatcher, request: Request, done: Progress | None) -> None:
        """Run a COMPOUND with I/O in it; ``done`` is what the log has run of it already."""
        task = asyncio.get_running_loop().create_task(self._run(request, done, request.asked_s))
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, request))

    def _ended(self, task: asyncio.Task[None], request: Request) -> None:
        """A task that ended by a bug of ours must not leave its client waiting, and its slot busy, for ever."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a bug: proxied I/O failed", request=request.name, exc_info=error)
            self._dispatcher.give_up(request, "internal error")

    async def _run(self, request: Request, done: Progress | None, as_of_s: float) -> None:
        """Run the COMPOUND when its connection has had its turn, and reads its replies."""
        subject.work_on(request)  # whatever is told below names it
        connection = request.connection
        lanes = self._lanes.get(connection)
        if lanes is None:
            lanes = self._lanes[connection] = asyncio.Semaphore(_AT_ONCE_MAX)
        async with lanes:
            while connection.congested and not connection.closed:  # noqa: ASYNC110 - rare; it saves an event for each
                await asyncio.sleep(_CONGESTED_POLL_S)
            await self._run_now(request, done, as_of_s)

    async def _run_now(self, request: Request, done: Progress | None, as_of_s: float) -> None:
        """Run it, again where another node came between: then nothing of it has been answered."""
        for _ in range(_CLAIMS_MAX):
            try:
                await self._attempt(request, done, as_of_s)
            except ClaimLost:
                if self._dispatcher.service != SERVING:
                    break
            else:
                return
        self._dispatcher.give_up(request, "another node writes for this client")

    def _slot_is_open(self, request: Request, part: int) -> bool:
        """Whether the log has not answered the request yet, and has run no more than ``part`` parts of it."""
        dispatcher = self._dispatcher
        with dispatcher.env.begin() as txn:
            if txn.get(request.session_id, db=dispatcher.tables.session) is None:
                return False
            cached = txn.get(SLOT_KEY.pack(request.session_id, request.slot), db=dispatcher.tables.slot)
        return cached is None or slot_is_open(cached, request.sequence_id, part)

    async def _attempt(self, request: Request, done: Progress | None, as_of_s: float) -> None:
        """Run the COMPOUND on a view of its own, doing its I/O on the way; hand changes to the log.

        ``as_of_s``: when a quorum last stood behind what this node sees (INV-6: without one it moves no data).
        """
        dispatcher = self._dispatcher
        cx = Compound(dispatcher.tables, dispatcher.settings)
        cx.counts = dispatcher.counters.run
        prepare(cx, request)
        part = 0
        if done is not None:
            part = done.part
            progress.restore(cx, done)
            cx.pos = request.end - done.bytes_left
        if scan.effects(request.data, cx.pos, request.end, cx.ops_left, request.minor) & scan.WRITES:
            if self._slot_is_open(request, part):  # else the claim had better stay where it is
                cx.claim = await self._claims.hold(cx.client_id)
            if not self._slot_is_open(request, part):
                request.payload = loggable.command(request, request.data[request.pos : request.end])
                dispatcher.propose(request)  # the log has its reply, or what is to be gone on from
                return
        dispatch = DISPATCH[request.minor]
        while True:
            status = self._run_view(cx, dispatch)
            if status == NEED_IO:
                try:
                    as_of_s = await self._confirmed(as_of_s)
                    replaced = await self._operation(cx, as_of_s)
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
            elif part or (status and scan.effects_left(cx)):
                self._conclude(request, cx, part, status)
            else:
                dispatcher.reply(request, status, cx.ops_done, b"".join(cx.res))
            return

    # No transaction outlives a plain function: as a coroutine's local it would be kept while that waits.
    def _run_view(self, cx: Compound, dispatch: Dispatch) -> int:
        with self._dispatcher.env.begin() as txn:
            cx.bind_view(txn)
            try:
                return run(cx, dispatch.handlers, dispatch.changes, dispatch.needs_fh)
            finally:
                cx.unbind()

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
        request.payload = loggable.command(request, operations, continued=done, proxied=proxied)
        dispatcher.propose(request)

    async def _confirmed(self, as_of_s: float) -> float:
        """Have the view confirmed again if that was long ago."""
        now_s = self._dispatcher.clock_s()
        if now_s - as_of_s < _CONFIRM_AGAIN_S:
            return as_of_s
        if not await replica_async.barrier(self._dispatcher.replica):
            raise IoFailed(nfs4.NFS4ERR_DELAY)
        return now_s

    async def _operation(self, cx: Compound, as_of_s: float) -> bytes | None:
        """Do the READ, WRITE or COMMIT at ``cx.op_start``.

        Of READ and COMMIT the result is appended. Of WRITE, what takes its place in the log is returned.
        """
        op = U32.unpack_from(cx.data, cx.op_start)[0]
        pos = cx.op_start + 4
        cx.counts[op] += 1
        try:
            if op == nfs4.OP_READ:
                read, cx.pos = nfs4.unpack_READ4args(cx.data, pos)
                self._whole(cx)
                await self._read(cx, read, as_of_s)
            elif op == nfs4.OP_COMMIT:
                commit, cx.pos = nfs4.unpack_COMMIT4args(cx.data, pos)
                self._whole(cx)
                await self._commit(cx, commit, as_of_s)
            else:
                write, cx.pos = nfs4.unpack_WRITE4args(cx.data, pos)
                self._whole(cx)
                return await self._write(cx, write, as_of_s)
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
    async def _read(self, cx: Compound, args: nfs4.READ4args, as_of_s: float) -> None:
        """READ (RFC 8881 §18.22). What the data servers do not hold is zeros, up to the file's size."""
        inode, place = self._check(cx, args.stateid, as_of_s, write=False)
        cx.tight = True
        room = cx.room()
        if cx.changed or loggable.change_follows(cx.data, cx.pos, cx.end, cx.ops_left - 1, cx.minor):
            room = min(room, loggable.RESULTS_BYTES_MAX - sum(map(len, cx.res)))
        room = max(0, room - _READ_HEAD.size - 4)
        count = min(args.count, self._dispatcher.settings.max_io_bytes, room)
        length = max(0, min(count, inode.size - args.offset))
        data = await self._stripes.read(place, args.offset, length)
        self._dispatcher.counters.moved["read"] += length
        eof = args.offset + length >= inode.size
        cx.res.append(_READ_HEAD.pack(nfs4.OP_READ, 0, eof, length))
        cx.res.append(data)
        cx.res.append(bytes(-length & 3))

    async def _write(self, cx: Compound, args: nfs4.WRITE4args, as_of_s: float) -> bytes:
        """WRITE (§18.32): data first; its size goes through the log, as the PROXY_WRITE that is returned."""
        data = memoryview(args.data)
        inode, place = self._check(cx, args.stateid, as_of_s, write=True)
        if args.offset + len(data) > MAX_FILE_BYTES:
            raise IoFailed(nfs4.NFS4ERR_FBIG)
        level, verifier = args.stable, bytes(8)
        if len(data):
            if place.striping is None:
                as_of_s = self._dispatcher.clock_s()
                await self._ensure_striping(inode)
                inode, place = self._check(cx, args.stateid, as_of_s, write=True)
            inode, place = await self._until_cut(cx, args, inode, place)
            level, verifier = await self._stripes.write(
                place, Writer(cx.client_id, cx.claim), args.offset, data, args.stable
            )
            self._dispatcher.counters.moved["written"] += len(data)
        cx.cuts_seen = inode.cuts
        written = nfs4.OP_PROXY_WRITE4args(args.stateid, args.offset, len(data), level, verifier)
        return U32.pack(nfs4.OP_PROXY_WRITE) + nfs4.pack_OP_PROXY_WRITE4args(written)

    async def _until_cut(
        self, cx: Compound, args: nfs4.WRITE4args, inode: Inode, place: Place
    ) -> tuple[Inode, Place]:
        """Wait until the data servers of this WRITE have cut what an earlier truncation left to be cut.

        One that is down cannot, and could not take the data either: NFS4ERR_IO, at once.
        """
        clock_s = self._dispatcher.clock_s
        deadline_s = clock_s() + _CUT_PATIENCE_S
        while place.uncut and place.striping is not None:
            touched = {place.number(piece.stripe) for piece in pieces(place.striping, args.offset, len(args.data))}
            waits_for = touched & place.uncut.keys()
            if not waits_for:
                break
            if not all(place.servers[number].up for number in waits_for):
                raise IoFailed(nfs4.NFS4ERR_IO)
            if clock_s() > deadline_s:
                raise IoFailed(nfs4.NFS4ERR_DELAY)
            await asyncio.sleep(_CUT_POLL_S)
            as_of_s = await self._confirmed(place.as_of_s)
            inode, place = self._check(cx, args.stateid, as_of_s, write=True)
        return inode, place

    async def _commit(self, cx: Compound, args: nfs4.COMMIT4args, as_of_s: float) -> None:
        """COMMIT (§18.3); a count of 0 means "to the end". Nothing was written behind the end that the log knows."""
        inode, place = self._look(cx, as_of_s, lambda inode: nfs4.NFS4_OK)
        if args.offset + args.count > 0xFFFFFFFFFFFFFFFF:
            raise IoFailed(nfs4.NFS4ERR_INVAL)
        end = min(inode.size, args.offset + args.count) if args.count else inode.size
        verifier = await self._stripes.commit(place, args.offset, end)
        cx.res.append(_COMMIT_RESULT.pack(nfs4.OP_COMMIT, 0, verifier))

    # ------------------------------------------------------------ helpers
    @staticmethod
    def _inode(cx: Compound) -> Inode:
        """The current file, read anew."""
        if not cx.fileid:
            raise IoFailed(nfs4.NFS4ERR_NOFILEHANDLE)
        inode = cx.load()
        if inode is None:
            raise IoFailed(nfs4.NFS4ERR_STALE)
        if inode.type != nfs4.NF4REG:
            raise IoFailed(nfs4.NFS4ERR_ISDIR if inode.type == nfs4.NF4DIR else nfs4.NFS4ERR_WRONG_TYPE)
        return inode

    def _check(self, cx: Compound, stateid: nfs4.stateid4, as_of_s: float, *, write: bool) -> tuple[Inode, Place]:
        """The current file and where it lies, if the stateid allows the I/O."""
        return self._look(cx, as_of_s, lambda inode: may_do_io(cx, stateid, inode, write=write))

    def _look(self, cx: Compound, as_of_s: float, judge: Callable[[Inode], int]) -> tuple[Inode, Place]:
        """The current file and where it lies now; IoFailed with the status that ``judge`` gives."""
        with self._dispatcher.env.begin() as txn:
            cx.bind_view(txn)
            try:
                inode = self._inode(cx)
                if status := judge(inode):
                    raise IoFailed(status)
                return inode, Place(txn, self._dispatcher, inode.fileid, as_of_s)
            finally:
                cx.unbind()

    async def _ensure_striping(self, inode: Inode) -> None:
        result = await replica_async.propose(self._dispatcher.replica, pack_internal(EnsureStriping(inode.fileid)))
        if result is None:
            raise IoFailed(nfs4.NFS4ERR_DELAY)
        if result == RESULT_DONE:
            raise IoFailed(nfs4.NFS4ERR_NOSPC)  # no data server is registered or up
