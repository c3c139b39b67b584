"""The consensus process: the engine, its clock, its sockets, and what happens when something breaks."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final

import structlog
from google.protobuf.message import DecodeError

from mdscluster.raft import snapshot, snapshot_sender
from mdscluster.raft.admission import Admission
from mdscluster.raft.config import RaftConfig
from mdscluster.raft.engine import Engine
from mdscluster.raft.environment import open_environment
from mdscluster.raft.errors import PeerError, StorageError
from mdscluster.raft.founding import DiskLost
from mdscluster.raft.framing import pack_frame
from mdscluster.raft.interface import RESTART_EXIT_CODE, STORAGE_EXIT_CODE, MachineFactory
from mdscluster.raft.link import Link
from mdscluster.raft.local import LocalServer, Token
from mdscluster.raft.measures import Measures
from mdscluster.raft.proposals import Bound
from mdscluster.raft.snapshot import SnapshotError
from mdscluster.raft.snapshot_sender import Pacer
from mdscluster.raft.transport import Transport
from mdscluster.replica import FOUNDING, MemberChange, ReplicaStatus
from mdsproto.raft_pb2 import Hello, Message

if TYPE_CHECKING:
    import lmdb

log = structlog.get_logger()

_TEND_S: Final = 0.1
_READER_CHECK_S: Final = 10.0
_LAG_WINDOW_S: Final = 5.0
_SNAPSHOT_RETRY_S: Final = 1.0
_SNAPSHOT_PIN_S: Final = 30.0
_HAND_OVER_S: Final = 0.5


class _LagMeter:
    """The worst of the last one to two windows."""

    def __init__(self, now_s: float) -> None:
        self._since_s = now_s
        self._now_ms = 0.0
        self._before_ms = 0.0

    def note(self, now_s: float, lag_s: float) -> None:
        if now_s - self._since_s >= _LAG_WINDOW_S:
            self._since_s = now_s
            self._before_ms, self._now_ms = self._now_ms, 0.0
        self._now_ms = max(self._now_ms, lag_s * 1000)

    @property
    def worst_ms(self) -> float:
        return max(self._now_ms, self._before_ms)


class Node:
    """Everything of one consensus process but the process itself. ``finished`` gives the exit code."""

    def __init__(self, config: RaftConfig, env: lmdb.Environment, factory: MachineFactory) -> None:
        self.config = config
        self.env = env
        self._loop = asyncio.get_running_loop()
        self.finished: asyncio.Future[int] = self._loop.create_future()
        self._clock = time.monotonic
        self.engine = Engine(
            config, env, factory(env), now_ms=self._now_ms(), wall_ns=time.time_ns(), rng=SystemRandom(),
            measures=Measures(self._clock),
        )  # fmt: skip
        self._admission = Admission(self.engine, os.urandom(16))
        self._transport = Transport(config, self, self._ping())
        self._ping_term = self.engine.core.term
        self._local = None if config.socket_path is None else LocalServer(config.socket_path, self)
        self._roster_version = -1
        self._scheduled = False
        self._unfinished = False
        self._missed = False
        self._halted = False
        self._timer: asyncio.Handle | None = None
        self._timer_due_s = 0.0
        self._lag = _LagMeter(self._clock())
        self._pacer = Pacer(config.snapshot_bytes_per_s_max)
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving = False
        self._fetching = False
        self._fetch_after_s = 0.0

    async def start(self) -> None:
        await self._transport.start()
        self._follow_roster()
        if self._local is not None:
            await self._local.start()
        self._spawn(self._tend())
        self._schedule()

    async def stop(self) -> None:
        """Name a successor if this node leads, then go. Nothing is lost by not stopping so."""
        if not self._halted and self.engine.hand_over(self._now_ms()):
            self._schedule()
            end_s = self._clock() + _HAND_OVER_S
            while self.engine.core.is_leader and not self._halted and self._clock() < end_s:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        self._halted = True
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=1.0)
        if self._local is not None:
            await self._local.close()
        await self._transport.close()

    # From the front end (local.Consensus).

    def propose(self, tokens_and_payloads: Iterable[tuple[Token, bytes]]) -> None:
        now_ms = self._now_ms()
        for token, payload in tokens_and_payloads:
            self.engine.propose(token, payload, now_ms)
        self._schedule()

    def propose_bound(self, token: Token, payload: bytes, bound: Bound) -> None:
        self.engine.propose(token, payload, self._now_ms(), bound)
        self._schedule()

    def barrier(self, token: Token) -> None:
        self.engine.barrier(token, self._now_ms())
        self._schedule()

    def change_members(self, token: Token, change: MemberChange) -> None:
        self.engine.change_members(token, change)
        self._schedule()

    def status(self) -> ReplicaStatus:
        self.engine.loop_lag_ms = round(self._lag.worst_ms, 3)
        status = self.engine.status(self._now_ms())
        levels = self._admission.levels
        peers = {peer: replace(seen, feature_level=levels.get(peer, 0)) for peer, seen in status.peers.items()}
        return replace(status, peers=peers, role=status.role if self._admission.member else FOUNDING)

    # From the peers (transport.Handler).

    def introduce(self) -> Hello:
        return self._admission.introduce()

    def on_introduced(self, peer: str, body: Hello) -> bool:
        if self._halted:
            raise PeerError("this node is stopping")
        try:
            belongs = self._admission.meet(peer, body, self._now_ms())
        except DiskLost as error:
            self._halted = True
            if not self.finished.done():
                self.finished.set_exception(error)
            raise PeerError(str(error)) from error
        except StorageError as error:
            self._fail(error)
            raise PeerError("this node is stopping") from error
        self._follow_roster()
        self._take_early()
        return belongs

    def check_cluster(self, peer: str, body: Hello) -> None:
        self._admission.check(peer, body)

    def _take_early(self) -> None:
        """This node may be a member now: its engine hears of the connections that were made before."""
        for peer in self._admission.take_early():
            self.engine.connected(peer, self._now_ms())
            self._schedule()

    def on_connected(self, peer: str) -> None:
        log.info("raft peer connected", peer=peer)
        if self._admission.connected(peer) and not self._halted:
            self.engine.connected(peer, self._now_ms())
            self._schedule()

    def on_disconnected(self, peer: str) -> None:
        log.info("raft peer disconnected", peer=peer)
        if self._admission.disconnected(peer) and not self._halted:
            self.engine.disconnected(peer, self._now_ms())
            self._schedule()

    def on_frames(self, peer: str, frames: list[bytes]) -> None:
        if self._halted:
            return
        if not self._admission.member:
            if self._admission.founded_since(frames):
                self._transport.drop(peer)  # it comes back as a member, and tells what it founded
            return
        now_ms = self._now_ms()
        try:
            for frame in frames:
                self.engine.receive(peer, Message.FromString(frame), now_ms)
        except (PeerError, DecodeError):
            raise
        except Exception as error:
            self._fail(error)
            return
        self._schedule()

    def _follow_roster(self) -> None:
        """Be connected with whom the engine wants to be."""
        roster = self.engine.roster
        if roster.version != self._roster_version:
            self._roster_version = roster.version
            self._transport.follow(roster.peers)
            self._schedule()

    def on_snapshot_wanted(self, link: Link) -> None:
        if self._serving or self._halted or not self.engine.core.is_leader:
            snapshot_sender.refuse(link, "busy" if self._serving else "not the leader")
            return
        self._serving = True
        self._spawn(self._serve_snapshot(link))

    # The turn.

    def _now_ms(self) -> float:
        return self._clock() * 1000

    def _schedule(self) -> None:
        """A turn after everything that has arrived by now."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        if self._unfinished:
            self._missed = True
            return
        if self._halted:
            return
        now_ms = self._now_ms()
        try:
            early = self.engine.begin_turn(now_ms, time.time_ns())
            if early and self.config.send_early:
                # uvloop writes to its sockets between callbacks, so the commit waits for the next one.
                self._transport.send(early)
                self._unfinished = True
                self._loop.call_soon(self._finish_turn)
            else:
                self._finish(now_ms, early)
        except Exception as error:
            self._fail(error)

    def _finish_turn(self) -> None:
        """The second half of a turn whose entries are on their way already."""
        self._unfinished = False
        if self._halted:
            return
        began_s = self._clock()
        try:
            self._finish(began_s * 1000, [])
            self._pacer.note_commit((self._clock() - began_s) * 1000)
        except Exception as error:
            self._fail(error)
        if self._missed:
            self._missed = False
            self._schedule()

    def _finish(self, now_ms: float, messages: list[tuple[str, bytes]]) -> None:
        output = self.engine.finish_turn(now_ms)
        messages += output.messages
        if messages:
            self._transport.send(messages)
        if self._local is not None and (output.results or output.barriers or output.events):
            self._local.deliver(output.results, output.barriers, output.events)  # type: ignore[arg-type]
        if self._local is not None and output.changes:
            self._local.deliver_changes(output.changes)  # type: ignore[arg-type]
        if self._roster_version != self.engine.roster.version:
            self._follow_roster()
        if output.snapshot_from is not None:
            self._want_snapshot(output.snapshot_from)
        self._arm(now_ms)

    def _arm(self, now_ms: float) -> None:
        """One timer, moved only when something is due earlier: most turns leave it alone."""
        due_s = min(self.engine.deadline_ms(now_ms) / 1000, now_ms / 1000 + 60)
        if self._timer is not None:
            if due_s >= self._timer_due_s:
                return
            self._timer.cancel()
        self._timer_due_s = due_s
        self._timer = self._loop.call_later(max(due_s - self._clock(), 0.0), self._on_timer, due_s)

    def _on_timer(self, due_s: float) -> None:
        self._timer = None
        now_s = self._clock()
        self._note_lag(now_s, due_s)
        self._turn()

    def _note_lag(self, now_s: float, due_s: float) -> None:
        """A timer that was due at ``due_s`` has come now."""
        late_s = max(now_s - due_s, 0.0)
        self._lag.note(now_s, late_s)
        self.engine.measures.lag.note(late_s)

    def _fail(self, error: Exception) -> None:
        """Fail-stop: nothing more is promised. What was promised is on disk.

        A traceback is for a bug of ours; a full or broken disk is told to the operator in its own words.
        """
        self._halted = True
        self.engine.store.abandon()
        trace = None if isinstance(error, StorageError) else error
        log.critical("consensus stops", error=str(error), kind=type(error).__name__, exc_info=trace)
        if not self.finished.done():
            if isinstance(error, StorageError):
                self.finished.set_result(STORAGE_EXIT_CODE)
            else:
                self.finished.set_exception(error)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error if isinstance(error, Exception) else RuntimeError(repr(error)))

    async def _tend(self) -> None:
        """Housekeeping, and a second witness of the loop's lag."""
        check_s = self._clock()
        while True:
            due_s = self._clock() + _TEND_S
            await asyncio.sleep(_TEND_S)
            now_s = self._clock()
            self._note_lag(now_s, due_s)
            if self._ping_term != self.engine.core.term:
                self._ping_term = self.engine.core.term
                self._transport.ping = pack_frame(self._ping())
            self._transport.tend()
            if not self._halted and self._admission.settle(self._now_ms()):
                self._take_early()
                self._schedule()
            if now_s - check_s > _READER_CHECK_S:
                check_s = now_s
                self.env.reader_check()

    def _ping(self) -> bytes:
        message = Message(term=self.engine.core.term)
        message.ping.SetInParent()
        packed: bytes = message.SerializeToString()
        return packed

    # Snapshots.

    async def _serve_snapshot(self, link: Link) -> None:
        engine = self.engine
        index = engine.applied
        engine.pin_log(index)
        log.info("sending a snapshot", peer=link.peer, applied_index=index)
        try:
            await snapshot_sender.serve(link, self.env, engine.core.term, index, self._pacer)
            self._loop.call_later(_SNAPSHOT_PIN_S, self._unpin, index)
            engine.measures.snapshots["sent"] += 1
        except (SnapshotError, TimeoutError, OSError) as error:
            engine.measures.snapshots["not sent"] += 1
            log.warning("snapshot not sent", peer=link.peer, reason=str(error))
            self._unpin(index)
        finally:
            self._serving = False
            link.abort()

    def _unpin(self, index: int) -> None:
        if self.engine.pinned_index == index:
            self.engine.pin_log(None)

    def _want_snapshot(self, leader: str) -> None:
        if not self._fetching and self._clock() >= self._fetch_after_s:
            self._fetching = True
            self._spawn(self._fetch_snapshot(leader))

    async def _fetch_snapshot(self, leader: str) -> None:
        try:
            address = self.engine.roster.peers.get(leader)
            if address is None:
                raise SnapshotError("it is no member any more")
            directory = await snapshot.fetch(self.config, leader, address, self.introduce())
            index = self._install(directory)
        except SnapshotError as error:
            self.engine.measures.snapshots["not received"] += 1
            log.warning("snapshot not installed", peer=leader, reason=str(error))
            snapshot.discard_incoming(self.config.state_dir)
            self._schedule()
        else:
            log.info("snapshot installed; restarting", applied_index=index)
            if not self.finished.done():
                self.finished.set_result(RESTART_EXIT_CODE)
        finally:
            self._fetching = False
            self._fetch_after_s = self._clock() + _SNAPSHOT_RETRY_S

    def _install(self, directory: Path) -> int:
        """Put a received image in force; its applied index. ``SnapshotError``: nothing has changed.

        No await in here: the vote that the image gets must be the last this process gave. Whoever has stopped for
        another reason meanwhile, a failed disk above all, stays stopped.
        """
        if self._halted:
            raise SnapshotError("this node is stopping")
        self._halted = True
        try:
            index = snapshot.adopt(directory, self.engine.store, self.engine.applied)
        except SnapshotError:
            self._halted = self.finished.done() or self.engine.store.failed
            raise
        self.engine.store.commit()
        snapshot.switch(directory, self.config.state_dir)
        return index


async def run(
    config: RaftConfig,
    factory: MachineFactory,
    *,
    stop: asyncio.Event | None = None,
    on_ready: Callable[[Node], None] | None = None,
) -> int:
    """Run one node's consensus until ``stop`` is set or it must end; the process's exit code.

    0: stopped. ``RESTART_EXIT_CODE``: a snapshot was installed; end the front end and start both again.
    ``STORAGE_EXIT_CODE``: the storage failed. Raises ``ConfigError`` and ``OSError`` (address in use) at start,
    and whatever our own bug raised.
    """
    config.validate()
    try:
        snapshot.discard_incoming(config.state_dir)
        env = open_environment(config.state_dir)
        env.reader_check()
        node = Node(config, env, factory)
    except StorageError as error:  # no bug: the disk is full, or the state damaged
        log.critical("consensus stops", error=str(error), kind=type(error).__name__)
        return STORAGE_EXIT_CODE
    waiter: asyncio.Task[bool] | None = None
    try:
        await node.start()
        gc.collect()
        gc.freeze()
        if on_ready is not None:
            on_ready(node)
        waiter = asyncio.ensure_future((stop or asyncio.Event()).wait())
        ends: list[asyncio.Future[Any]] = [waiter, node.finished]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        return node.finished.result() if node.finished.done() else 0
    finally:
        if waiter is not None:
            waiter.cancel()
            with suppress(asyncio.CancelledError):
                await waiter
        await node.stop()
        env.close()
