"""Moving a file's data between this node and the data servers that it is striped over (DESIGN §6).

This node reaches them as an NFSv4.1 client with capability filehandles of its own (client ID 0, the present epoch).
Striping is sparse: offsets are the file's own everywhere.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import structlog

from mdscluster import replica_async
from mdscluster.fsm import cuts, data_servers, fences, io_claims, stateids
from mdscluster.fsm.data_servers import Striping
from mdscluster.fsm.tables import U64
from mdscluster.nfs_frontend.claims import Claims
from nfsclient.data_servers import DataServer, DataServerFailed, DataServers
from nfswire import dsfh, nfs4

if TYPE_CHECKING:
    import lmdb

    from mdscluster.nfs_frontend.dispatcher import Dispatcher

log = structlog.get_logger()
T = TypeVar("T")

FRESH_S: Final = 2.0
"""What was looked up longer ago is not acted upon: the node may have been paused, and the state moved on (INV-6)."""
_WORST_S: Final = 20.0
"""The client of the data servers gives up long before."""
#: Statuses of a data server that say what is the matter, so that the client may hear them.
_TELLING: Final = frozenset(
    (nfs4.NFS4ERR_NOSPC, nfs4.NFS4ERR_DQUOT, nfs4.NFS4ERR_FBIG, nfs4.NFS4ERR_ROFS, nfs4.NFS4ERR_INVAL)
)
_UNKNOWN: Final = bytes(8)


class IoFailed(Exception):
    """An operation cannot be done; ``status`` is what the client gets."""

    def __init__(self, status: int) -> None:
        super().__init__(nfs4.STATUS_NAMES.get(status, str(status)))
        self.status = status


class Writer(msgspec.Struct, frozen=True):
    """For whom, and under which claim, data is written."""

    client_id: int
    epoch: int


class Answer(msgspec.Struct, frozen=True):
    """What a data server said of its part of a WRITE or COMMIT."""

    number: int
    verifier: bytes
    level: int = nfs4.FILE_SYNC4


class Piece(msgspec.Struct, frozen=True):
    """The part of a transfer that lies in one stripe unit."""

    stripe: int
    offset: int
    length: int


def pieces(striping: Striping, offset: int, length: int) -> list[Piece]:
    """Cut ``length`` bytes at ``offset`` where the data server changes."""
    unit = striping.stripe_unit_bytes
    count = len(striping.numbers)
    cut: list[Piece] = []
    end = offset + length
    while offset < end:
        upto = min(end, (offset // unit + 1) * unit)
        cut.append(Piece(offset // unit % count, offset, upto - offset))
        offset = upto
    return cut


class Place:
    """Where a file lies, as of a moment."""

    def __init__(self, txn: lmdb.Transaction, dispatcher: Dispatcher, fileid: int, as_of_s: float) -> None:
        tables = dispatcher.tables
        self.fileid = fileid
        self.as_of_s = as_of_s
        self.striping = data_servers.striping_of(txn, tables, fileid)
        self.servers = {server.number: server for server in data_servers.all_servers(txn, tables)}
        self.epoch, _ = fences.fences(txn, tables)
        cut = cuts.of_file(txn, tables, fileid)
        self.uncut = {} if cut is None else dict(cut.remaining)
        """Data servers (by number) that have to cut their objects first, and to which size."""

    def number(self, stripe: int) -> int:
        assert self.striping is not None
        return self.striping.numbers[stripe]


class Stripes:
    """Reads, writes and commits files on the data servers."""

    def __init__(self, dispatcher: Dispatcher, servers: DataServers, claims: Claims) -> None:
        self._dispatcher = dispatcher
        self._claims = claims
        self._servers = servers
        self._verifiers: dict[int, bytes] = {}  # by data server's number: as last heard, by any request

    async def read(self, place: Place, offset: int, length: int) -> bytes:
        """Holes, what no data server holds, and what lies behind a cut that is still to be made, are zeros."""
        striping = place.striping
        if striping is None or not length:
            return bytes(length)
        parts = await self._all([self._read_piece(place, piece) for piece in pieces(striping, offset, length)])
        return b"".join(parts)

    async def _read_piece(self, place: Place, piece: Piece) -> bytes:
        wanted = piece.length
        if (cut := place.uncut.get(place.number(piece.stripe))) is not None:
            wanted = max(0, min(wanted, cut - piece.offset))
        data = b""
        if wanted:

            async def call(server: DataServer, handle: bytes) -> bytes:
                return bytes((await server.read(handle, stateids.ANONYMOUS, piece.offset, wanted)).data)

            data = await self._at(place, piece.stripe, 0, call)
        return data[:wanted] + bytes(piece.length - min(len(data), wanted))

    async def write(
        self, place: Place, writer: Writer, offset: int, data: memoryview, stable: int
    ) -> tuple[int, bytes]:
        """The level at which all of it is stable at least, and the file's write verifier. ``ClaimLost``: refused."""
        assert place.striping is not None
        answers = await self._all(
            [
                self._write_piece(place, writer, piece, data[piece.offset - offset :][: piece.length], stable)
                for piece in pieces(place.striping, offset, len(data))
            ]
        )
        level = min(answer.level for answer in answers)
        return level, await self._verifier(place, answers, learn=level == nfs4.UNSTABLE4)

    async def _write_piece(
        self, place: Place, writer: Writer, piece: Piece, data: memoryview, stable: int
    ) -> Answer:
        done = 0
        level = nfs4.FILE_SYNC4
        first = b""
        while done < len(data):

            async def call(server: DataServer, handle: bytes) -> nfs4.WRITE4resok:
                offset, left = piece.offset + done, data[done:]  # noqa: B023 - awaited before the loop goes on
                return await server.write(handle, stateids.ANONYMOUS, offset, stable, left)

            result = await self._at(place, piece.stripe, dsfh.FLAG_WRITE, call, writer)
            if not result.count or (first and result.writeverf != first):
                raise IoFailed(nfs4.NFS4ERR_DELAY)  # it restarted in between: what it took before may be lost
            first = result.writeverf
            done += result.count
            level = min(level, result.committed)
        return self._heard(Answer(place.number(piece.stripe), first, level))

    async def commit(self, place: Place, offset: int, end: int) -> bytes:
        """COMMIT on the data servers that hold a part of the range; the file's write verifier."""
        if place.striping is None:
            return _UNKNOWN
        width = len(place.striping.numbers)
        unit = place.striping.stripe_unit_bytes
        units = range(offset // unit, min(-(-end // unit), offset // unit + width))
        answers = await self._all([self._commit_stripe(place, unit % width) for unit in units])
        return await self._verifier(place, answers, learn=True)

    async def _commit_stripe(self, place: Place, stripe: int) -> Answer:
        async def call(server: DataServer, handle: bytes) -> bytes:
            return await server.commit(handle)

        verifier = await self._at(place, stripe, dsfh.FLAG_WRITE, call)
        return self._heard(Answer(place.number(stripe), verifier))

    def _heard(self, answer: Answer) -> Answer:
        self._verifiers[answer.number] = answer.verifier
        return answer

    async def _verifier(self, place: Place, answers: list[Answer], *, learn: bool) -> bytes:
        """One verifier for the file, made of those of all its data servers: it changes when any of them restarts.

        Of a data server that this request asked it is what that one told *this request*: another request may have
        heard a newer one meanwhile, after a restart that lost what this one wrote, and must not vouch for that. A
        COMMIT asks every data server that holds bytes it covers, so it agrees with the WRITE of those bytes only if
        none of them restarted between (INV-10).

        If none did the two must agree, on whichever node. Each talks to some of the data servers only, so the others'
        need to be known too (``learn``); theirs are as last heard. One that is down counts as unknown: the client then
        writes again what it has not had committed.
        """
        assert place.striping is not None
        numbers = place.striping.numbers
        told = _told(answers)
        if learn:
            missing = [
                stripe
                for stripe, number in enumerate(numbers)
                if number not in told and number not in self._verifiers and place.servers[number].up
            ]
            try:
                await self._all([self._commit_stripe(place, stripe) for stripe in missing])
            except IoFailed as failure:
                log.info("a write verifier is not known", reason=str(failure))
        known = self._verifiers | told
        said = b"".join(U64.pack(number) + known.get(number, _UNKNOWN) for number in numbers)
        return hashlib.blake2b(said, digest_size=8).digest()

    # ------------------------------------------------------------ one data server
    async def _at(
        self,
        place: Place,
        stripe: int,
        flags: int,
        call: Callable[[DataServer, bytes], Awaitable[T]],
        writer: Writer | None = None,
    ) -> T:
        """Call a stripe's data server; IoFailed with what the client gets.

        The filehandle is of the present epoch, as what is only read may be asked for by anybody, or ``writer``'s.
        """
        for again in (True, False):
            if self._dispatcher.clock_s() - place.as_of_s > FRESH_S:
                raise IoFailed(nfs4.NFS4ERR_DELAY)
            known = place.servers[place.number(stripe)]
            if not known.up:
                raise IoFailed(nfs4.NFS4ERR_IO)
            key = self._dispatcher.settings.capability_key
            if writer is not None and self._claims.is_doubtful(writer.client_id, writer.epoch, known.number):
                raise self._claims.lost(writer.client_id, writer.epoch)
            if writer is None:
                handle = dsfh.pack_ds_fh(key, flags, stripe, place.fileid, 0, place.epoch)
            else:
                proxied = io_claims.identity(writer.client_id)
                handle = dsfh.pack_ds_fh(key, flags, stripe, place.fileid, proxied, writer.epoch)
            server = self._servers.at(((known.host, known.port),))
            try:
                return await call(server, handle)
            except asyncio.CancelledError:
                if writer is not None:
                    self._claims.doubt_at(writer.client_id, writer.epoch, known.number)
                raise
            except DataServerFailed as error:
                if error.status == nfs4.NFS4ERR_STALE and writer is not None:
                    raise self._claims.lost(writer.client_id, writer.epoch) from None
                if error.status is None and writer is not None:
                    self._claims.doubt_at(writer.client_id, writer.epoch, known.number)
                if error.status == nfs4.NFS4ERR_STALE and again:
                    await self._renew_epoch(place)  # the fence list was collapsed past the epoch that we knew
                    continue
                log.warning("data server failed", ds=known.ds_id, error=str(error))
                raise IoFailed(_status_of(error)) from None
        raise AssertionError("not reached")

    async def _renew_epoch(self, place: Place) -> None:
        if not await replica_async.barrier(self._dispatcher.replica):
            raise IoFailed(nfs4.NFS4ERR_DELAY)
        place.epoch = self._epoch()

    def _epoch(self) -> int:
        with self._dispatcher.env.begin() as txn:
            return fences.fences(txn, self._dispatcher.tables)[0]

    async def _all(self, work: list[Coroutine[Any, Any, T]]) -> list[T]:
        """All at once, and none is left behind: a WRITE that came late would undo one that was answered meanwhile."""
        try:
            ended = await asyncio.wait_for(asyncio.gather(*work, return_exceptions=True), _WORST_S)
        except TimeoutError:
            log.error("data servers neither answer nor fail", seconds=_WORST_S)
            raise IoFailed(nfs4.NFS4ERR_DELAY) from None
        results: list[T] = []
        failed: IoFailed | None = None
        for one in ended:
            if isinstance(one, IoFailed):
                if failed is None or failed.status == nfs4.NFS4ERR_DELAY:
                    failed = one
            elif isinstance(one, BaseException):
                raise one
            else:
                results.append(one)
        if failed is not None:
            raise failed
        return results


def _told(answers: list[Answer]) -> dict[int, bytes]:
    """By data server's number, the write verifier that it gave in each of the answers.

    Two different ones: it restarted in between, and what it took before may be lost. The client comes again.
    """
    told: dict[int, bytes] = {}
    for answer in answers:
        if told.setdefault(answer.number, answer.verifier) != answer.verifier:
            raise IoFailed(nfs4.NFS4ERR_DELAY)
    return told


def _status_of(error: DataServerFailed) -> int:
    """A data server that says nothing is an I/O error once it counts as down; until then the client comes again."""
    if error.status is None or error.status in (nfs4.NFS4ERR_DELAY, nfs4.NFS4ERR_GRACE):
        return nfs4.NFS4ERR_DELAY
    if error.status in _TELLING or error.status == nfs4.NFS4ERR_STALE:
        return error.status
    return nfs4.NFS4ERR_IO
