"""The door between a front end and the consensus process of its node: a Unix socket, one message a turn each way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

import msgspec
import structlog

from mdscluster.raft import localwire as wire
from mdscluster.raft.proposals import Bound
from mdscluster.replica import ChangeOutcome, MemberChange, ReplicaStatus

if TYPE_CHECKING:
    import lmdb

log = structlog.get_logger()

_RECONNECT_S: Final = 0.05
_encode = msgspec.msgpack.Encoder().encode
_decode_change = msgspec.msgpack.Decoder(MemberChange).decode
_decode_outcome = msgspec.msgpack.Decoder(ChangeOutcome).decode
_decode_status = msgspec.msgpack.Decoder(ReplicaStatus).decode


class Token(NamedTuple):
    """Names a front end's request inside the engine."""

    session: FrontEndSession
    number: int


class Consensus(Protocol):
    """The consensus process, as its front ends use it."""

    def propose(self, tokens_and_payloads: Iterable[tuple[Token, bytes]]) -> None: ...

    def propose_bound(self, token: Token, payload: bytes, bound: Bound) -> None: ...

    def barrier(self, token: Token) -> None: ...

    def status(self) -> ReplicaStatus: ...

    def change_members(self, token: Token, change: MemberChange) -> None: ...


class FrontEndSession(asyncio.Protocol):
    """The consensus process's end of one front end's connection."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._reader = wire.FrameReader()
        self._transport: asyncio.Transport | None = None
        self.out: list[bytes] = []
        self.results: list[tuple[int, bytes | None]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server.sessions.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.sessions.discard(self)

    def data_received(self, data: bytes) -> None:
        consensus = self._server.consensus
        try:
            for frame in self._reader.feed(data):
                kind = frame[0]
                if kind == wire.PROPOSE:
                    first_id, payloads = wire.unpack_propose(frame)
                    consensus.propose([(Token(self, first_id + i), payload) for i, payload in enumerate(payloads)])
                elif kind == wire.PROPOSE_BOUND:
                    number, term, payload, otherwise = wire.unpack_bound(frame)
                    consensus.propose_bound(Token(self, number), payload, Bound(term, otherwise))
                elif kind == wire.BARRIER:
                    consensus.barrier(Token(self, wire.unpack_numbered(frame)[0]))
                elif kind == wire.STATUS:
                    number, _ = wire.unpack_numbered(frame)
                    self.out.append(wire.pack_numbered(wire.STATUS_DONE, number, _encode(consensus.status())))
                    self.flush()
                elif kind == wire.CHANGE:
                    number, body = wire.unpack_numbered(frame)
                    consensus.change_members(Token(self, number), _decode_change(body))
                else:
                    raise ValueError(f"frame of kind {kind}")
        except ValueError as error:
            log.error("front end sent nonsense", reason=str(error))
            if self._transport is not None:
                self._transport.abort()

    def flush(self) -> None:
        """Write what a turn brought for this front end, at once."""
        if self.results:
            self.out.append(wire.pack_results(self.results))
            self.results = []
        if self.out:
            if self._transport is not None:
                self._transport.write(b"".join(self.out))
            self.out = []


class LocalServer:
    """Listens on the node's Unix socket."""

    def __init__(self, path: Path, consensus: Consensus) -> None:
        self.consensus = consensus
        self.sessions: set[FrontEndSession] = set()
        self._path = path
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        with suppress(FileNotFoundError):
            self._path.unlink()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: FrontEndSession(self), str(self._path))
        os.chmod(self._path, 0o600)

    def deliver(
        self,
        results: Iterable[tuple[Token, bytes | None]],
        barriers: Iterable[tuple[Token, bool]],
        events: list[bytes],
    ) -> None:
        """A turn's news: events first, for a result may be acted upon at once."""
        if events:
            packed = wire.pack_events(events)
            for session in self.sessions:
                session.out.append(packed)
        touched: set[FrontEndSession] = set(self.sessions) if events else set()
        for (session, number), ok in barriers:
            session.out.append(wire.pack_numbered(wire.BARRIER_DONE, number, b"\1" if ok else b"\0"))
            touched.add(session)
        for (session, number), result in results:
            session.results.append((number, result))
            touched.add(session)
        for session in touched:
            session.flush()

    def deliver_changes(self, changes: Iterable[tuple[Token, ChangeOutcome]]) -> None:
        """What became of changes of the membership."""
        for (session, number), outcome in changes:
            session.out.append(wire.pack_numbered(wire.CHANGE_DONE, number, _encode(outcome)))
            session.flush()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()


def _ignore(event: bytes) -> None:
    """Nobody listens yet."""


class LocalReplica(asyncio.Protocol):
    """``Replica`` over the Unix socket.

    At most ``barriers_in_flight_max`` barriers are under way; those asked for meanwhile share the next one. When the
    connection is lost everything under way is answered "unknown", and so is what is asked until it stands again.
    """

    def __init__(self, path: Path, env: lmdb.Environment, *, barriers_in_flight_max: int = 3) -> None:
        self.env = env
        self.on_event: Callable[[bytes], None] = _ignore
        self.on_lost: Callable[[], None] | None = None
        self.failure: Exception | None = None
        """A bug of ours: what an answer was handed to has failed. Nothing can be trusted then, and the node stops."""
        self._path = path
        self._barriers_max = barriers_in_flight_max
        self._loop = asyncio.get_running_loop()
        self._reader = wire.FrameReader()
        self._transport: asyncio.Transport | None = None
        self._scheduled = False
        self._number = 0
        self._payloads: list[bytes] = []
        self._out: list[bytes] = []
        self._last_proposal = 0
        self._proposals: dict[int, Callable[[bytes | None], None]] = {}
        self._waiting_barriers: list[Callable[[bool], None]] = []
        self._barriers: dict[int, list[Callable[[bool], None]]] = {}
        self._new_statuses: list[int] = []
        self._statuses: dict[int, Callable[[ReplicaStatus], None]] = {}
        self._new_changes: list[tuple[int, bytes]] = []
        self._changes: dict[int, Callable[[ChangeOutcome], None]] = {}
        self._closing = False
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def connect(self, timeout_s: float = 30.0) -> None:
        """Wait until the consensus process answers. ``TimeoutError`` when it does not."""
        if self._task is None:
            self._task = self._loop.create_task(self._keep_connected())
        await asyncio.wait_for(self._connected.wait(), timeout_s)

    async def close(self) -> None:
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._transport is not None:
            self._transport.abort()
            await self._lost.wait()

    # Replica.

    def propose(self, payload: bytes, done: Callable[[bytes | None], None]) -> None:
        self._last_proposal += 1
        self._proposals[self._last_proposal] = done
        self._payloads.append(payload)
        self._schedule_once()

    def propose_in_term(
        self, term: int, payload: bytes, otherwise: bytes, done: Callable[[bytes | None], None]
    ) -> None:
        self._pack_payloads()  # they have the numbers before this one
        self._last_proposal += 1
        self._proposals[self._last_proposal] = done
        self._out.append(wire.pack_bound(self._last_proposal, term, payload, otherwise))
        self._schedule_once()

    def barrier(self, done: Callable[[bool], None]) -> None:
        self._waiting_barriers.append(done)
        if self._transport is None or len(self._barriers) >= self._barriers_max:
            self._schedule_once()
        else:
            self._transport.write(self._next_barrier())  # at once: every read of the turn waits for it

    def status(self, done: Callable[[ReplicaStatus], None]) -> None:
        self._number += 1
        self._statuses[self._number] = done
        self._new_statuses.append(self._number)
        self._schedule_once()

    def change_members(self, change: MemberChange, done: Callable[[ChangeOutcome], None]) -> None:
        self._number += 1
        self._changes[self._number] = done
        self._new_changes.append((self._number, _encode(change)))
        self._schedule_once()

    # Out.

    def _schedule_once(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _next_barrier(self) -> bytes:
        self._number += 1
        self._barriers[self._number], self._waiting_barriers = self._waiting_barriers, []
        return wire.pack_numbered(wire.BARRIER, self._number)

    def _flush(self) -> None:
        self._scheduled = False
        if self._transport is None:
            self._fail()
            return
        self._pack_payloads()
        out, self._out = self._out, []
        if self._waiting_barriers and len(self._barriers) < self._barriers_max:
            out.append(self._next_barrier())
        for number in self._new_statuses:
            out.append(wire.pack_numbered(wire.STATUS, number))
        self._new_statuses.clear()
        for number, body in self._new_changes:
            out.append(wire.pack_numbered(wire.CHANGE, number, body))
        self._new_changes.clear()
        if out:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _pack_payloads(self) -> None:
        if self._payloads:
            payloads, self._payloads = self._payloads, []
            self._out.append(wire.pack_propose(self._last_proposal - len(payloads) + 1, payloads))

    # In.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._reader = wire.FrameReader()
        self._lost.clear()
        self._connected.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connected.clear()
        self._lost.set()
        if self.on_lost is not None and not self._closing:
            self.on_lost()  # before those are told who wait: they close their clients' connections
        self._fail()

    def data_received(self, data: bytes) -> None:
        try:
            self._handle(data)
        except Exception as error:
            log.critical("a bug: an answer of consensus could not be handled; this node stops", exc_info=error)
            self.failure = self.failure or error
            if self._transport is not None:
                self._transport.abort()  # and so on_lost is called

    def _handle(self, data: bytes) -> None:
        for frame in self._reader.feed(data):
            kind = frame[0]
            if kind == wire.RESULTS:
                proposals = self._proposals
                for number, result in wire.unpack_results(frame):
                    proposals.pop(number)(result)
            elif kind == wire.BARRIER_DONE:
                number, ok = wire.unpack_numbered(frame)
                answer = ok == b"\1"
                for done in self._barriers.pop(number):
                    done(answer)
                if self._waiting_barriers:
                    self._schedule_once()
            elif kind == wire.EVENTS:
                for event in wire.unpack_events(frame):
                    self.on_event(event)
            elif kind == wire.STATUS_DONE:
                number, body = wire.unpack_numbered(frame)
                self._statuses.pop(number)(_decode_status(body))
            elif kind == wire.CHANGE_DONE:
                number, body = wire.unpack_numbered(frame)
                self._changes.pop(number)(_decode_outcome(body))

    def _fail(self) -> None:
        """Nobody will answer: unknown, unavailable, and a status that says so."""
        self._payloads.clear()
        self._out.clear()
        self._new_statuses.clear()
        self._new_changes.clear()
        proposals, self._proposals = self._proposals, {}
        barriers = [done for group in self._barriers.values() for done in group] + self._waiting_barriers
        self._barriers, self._waiting_barriers = {}, []
        statuses, self._statuses = self._statuses, {}
        for propose_done in proposals.values():
            propose_done(None)
        for barrier_done in barriers:
            barrier_done(False)
        changes, self._changes = self._changes, {}
        for change_done in changes.values():
            change_done(ChangeOutcome("unknown", "this node's consensus process is gone"))
        for status_done in statuses.values():
            status_done(ReplicaStatus("", "down", 0, "", 0, 0, 0, 0, False))

    async def _keep_connected(self) -> None:
        while not self._closing:
            with suppress(OSError):
                await self._loop.create_unix_connection(lambda: self, str(self._path))
                await self._lost.wait()
            await asyncio.sleep(_RECONNECT_S)
