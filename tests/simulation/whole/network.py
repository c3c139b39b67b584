"""TCP between simulated processes: ordered, delayed, cut, or swallowed by a hole until it closes; and Unix sockets."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Protocol

from nfsclient.runtime import Address, Receiver
from nfsclient.transport import AsyncioRuntime, RecordSplitter
from nfswire import rpc
from nfswire.xdr import Payload
from tests.simulation.whole.loop import SimLoop
from tests.support.simulated import SimFuture, TaskRuntime
from tests.support.timeline import Clockwork, Process

UNIX_MS = 0.02
"""What a message between the processes of one node takes."""
HOLE_POLL_MS = 20.0


Heard = Callable[[bytes, "float | None"], None]


class End(Protocol):
    """Who is told what one end of a stream brings."""

    def received(self, data: bytes) -> None: ...
    def lost(self, reason: str) -> None: ...


class _Nobody:
    """Whoever connected has gone before the connection stood."""

    def received(self, data: bytes) -> None:
        """Lost."""

    def lost(self, reason: str) -> None:
        """Nobody minds."""


class Pipe:
    """One direction of a stream."""

    def __init__(self, network: Network, source: Process, target: Process) -> None:
        self.network = network
        self.source, self.target = source, target
        self.end: End = _Nobody()
        self.open = True
        self._queue: deque[tuple[float, bytes | None]] = deque()
        self._last_ms = 0.0
        self._held = False

    def put(self, data: bytes | None) -> None:
        """Bytes, or None: the stream was closed behind them."""
        timeline = self.network.timeline
        delay_ms = self.network.latency_ms * self.network.rng.uniform(0.5, 1.5)
        due_ms = self._last_ms = max(self._last_ms, timeline.now_ms + delay_ms)
        self._queue.append((due_ms, data))
        timeline.at(due_ms, self._due)

    def _due(self) -> None:
        if self._held:
            return
        if self.network.holes[self.source.name, self.target.name]:
            self._held = True
            self.network.held.append(self)
            return
        self._deliver()

    def _deliver(self) -> None:
        if not self._queue:
            return
        _, data = self._queue.popleft()
        self.target.run(lambda: self._hand(data))

    def _hand(self, data: bytes | None) -> None:
        if not self.open:
            return
        if data is None:
            self.open = False
            self.end.lost("closed by the peer")
        else:
            self.end.received(data)

    def release(self) -> None:
        """The hole has closed: what was lost in it is sent again."""
        self._held = False
        now_ms = self.network.timeline.now_ms
        while self._queue and self._queue[0][0] <= now_ms and not self._held:
            self._deliver()


class Stream:
    """A connection: two pipes, first the connecting process's."""

    def __init__(self, network: Network, a: Process, b: Process) -> None:
        self.network = network
        self.a, self.b = a, b
        self.pipes = {a.name: Pipe(network, a, b), b.name: Pipe(network, b, a)}
        network.streams[self] = None

    def send(self, source: Process, data: bytes) -> None:
        pipe = self.pipes[source.name]
        if pipe.open and source.alive:
            pipe.put(data)

    def close(self, source: Process) -> None:
        """``source`` closes: it hears nothing more, the other end does when what was sent before has arrived."""
        other = self.b if source is self.a else self.a
        self.pipes[other.name].open = False
        if self.pipes[source.name].open:
            self.pipes[source.name].put(None)
        self.network.streams.pop(self, None)

    def reset(self) -> None:
        """The network breaks it: both ends hear so, and what was under way is lost."""
        self.network.streams.pop(self, None)
        for pipe in self.pipes.values():
            if pipe.open:
                pipe._queue.clear()
                pipe.put(None)


class Network:
    """Who listens where, and the streams that stand."""

    def __init__(self, timeline: Clockwork, rng: Random, latency_ms: float = 0.4) -> None:
        self.timeline = timeline
        self.rng = rng
        self.latency_ms = latency_ms
        self.holes: Counter[tuple[str, str]] = Counter()
        """(from, to) by processes' names: how many faults swallow everything on that way now."""
        self.held: list[Pipe] = []
        self.streams: dict[Stream, None] = {}
        self._listeners: dict[Address, tuple[Process, Callable[[Stream], End]]] = {}

    def listen(self, address: Address, process: Process, accept: Callable[[Stream], End]) -> None:
        """``accept`` is called in ``process`` for each connection; it must attach nothing itself."""
        self._listeners[address] = (process, accept)
        process.on_death.append(lambda: self._gone(process))

    def _gone(self, process: Process) -> None:
        """Its kernel closes what it held."""
        self._listeners = {at: entry for at, entry in self._listeners.items() if entry[0] is not process}
        for stream in list(self.streams):
            if process in (stream.a, stream.b):
                self.streams.pop(stream)
                stream.pipes[process.name].put(None)

    def hole(self, a: str, b: str) -> None:
        self.holes[a, b] += 1

    def unhole(self, a: str, b: str) -> None:
        self.holes[a, b] = max(0, self.holes[a, b] - 1)
        held, self.held = self.held, []
        for pipe in held:
            if self.holes[pipe.source.name, pipe.target.name]:
                self.held.append(pipe)
            else:
                pipe.release()

    def heal(self) -> None:
        """No hole any more."""
        for pair in list(self.holes):
            while self.holes[pair] > 0:
                self.unhole(*pair)

    def post(self, source: Process, target: Process, action: Callable[[], None]) -> None:
        """A message of a standing connection: late, when there is a hole; lost, when either end dies before."""
        due_ms = self.timeline.now_ms + self.latency_ms * self.rng.uniform(0.5, 1.5)
        self.timeline.at(due_ms, lambda: self._posted(source, target, action))

    def _posted(self, source: Process, target: Process, action: Callable[[], None]) -> None:
        if not source.alive:
            return
        if self.holes[source.name, target.name]:
            self.timeline.at(self.timeline.now_ms + HOLE_POLL_MS, lambda: self._posted(source, target, action))
        else:
            target.run(action)

    def connect(self, process: Process, address: Address, done: Callable[[Stream | None], None]) -> None:
        """Connect; ``done`` gets None when nobody listens, and is never called when a hole swallows the attempt."""
        entry = self._listeners.get(address)
        round_trip_ms = 2 * self.latency_ms * self.rng.uniform(0.5, 1.5)
        if entry is None:
            process.after(round_trip_ms, lambda: done(None))
            return
        target, accept = entry
        if self.holes[process.name, target.name] or self.holes[target.name, process.name]:
            return

        def stand() -> None:
            if not target.alive:
                done(None)
                return
            stream = Stream(self, process, target)
            late = _Late(stream, target, accept)
            stream.pipes[process.name].end = late
            target.run(late.begin)  # its kernel has accepted; the process itself may be paused
            done(stream)

        process.after(round_trip_ms, stand)


class _Late:
    """The far end of a new stream, before the process there has taken notice of it."""

    def __init__(self, stream: Stream, target: Process, accept: Callable[[Stream], End]) -> None:
        self._stream, self._accept = stream, accept
        self._end: End | None = None

    def begin(self) -> None:
        self._end = self._accept(self._stream)
        self._stream.pipes[self._stream.a.name].end = self._end

    def received(self, data: bytes) -> None:
        if self._end is not None:
            self._end.received(data)

    def lost(self, reason: str) -> None:
        if self._end is not None:
            self._end.lost(reason)


class RecordConnection:
    """The client's end, as ``nfsclient.runtime.Connection``: records out and in, by the product's own splitter."""

    def __init__(self, process: Process, stream: Stream, receiver: Receiver, heard: Heard) -> None:
        self._process, self._stream, self._receiver, self._heard = process, stream, receiver, heard
        self._splitter = RecordSplitter()
        self._sent_ms: dict[bytes, float] = {}
        self._open = True

    def send(self, parts: Sequence[Payload]) -> None:
        if self._open:
            record = b"".join(parts)
            self._sent_ms[record[:4]] = self._stream.network.timeline.now_ms
            self._stream.send(self._process, rpc.record_mark(len(record)) + record)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._stream.close(self._process)

    def received(self, data: bytes) -> None:
        pos = 0
        while pos < len(data):
            room = self._splitter.buffer()
            piece = data[pos : pos + len(room)]
            room[: len(piece)] = piece
            pos += len(piece)
            for record in self._splitter.filled(len(piece)):
                if self._open:
                    whole = bytes(record)
                    self._heard(whole, self._sent_ms.pop(whole[:4], None))
                    self._receiver.record_received(record)

    def lost(self, reason: str) -> None:
        if self._open:
            self._open = False
            self._receiver.connection_lost(reason)


class NetRuntime(TaskRuntime):
    """A ``Runtime`` whose connections go over the simulated network.

    ``heard`` gets every record that arrives, with its sender's address and when what it answers was sent.
    """

    def __init__(
        self, process: Process, rng: Random, network: Network,
        heard: Callable[[Address, bytes, float | None], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(process, rng)
        self._network = network
        self._heard = heard or (lambda address, record, sent_ms: None)

    async def connect(self, address: Address, receiver: Receiver, timeout_ms: float) -> RecordConnection:
        answer = SimFuture(self.process)

        def done(stream: Stream | None) -> None:
            if not answer.done():
                answer.set_result(stream)
            elif stream is not None:
                stream.close(self.process)

        def overdue() -> None:
            if not answer.done():
                answer.set_exception(TimeoutError("no answer to SYN"))

        self._network.connect(self.process, address, done)
        self.process.after(timeout_ms, overdue)
        stream: Stream | None = await answer
        if stream is None:
            raise ConnectionRefusedError("refused")
        connection = RecordConnection(
            self.process, stream, receiver, lambda record, sent_ms: self._heard(address, record, sent_ms)
        )
        stream.pipes[stream.b.name].end = connection
        return connection


class NodeRuntime(AsyncioRuntime):
    """The product's asyncio runtime on a simulated loop, network and clock: I/O that a front end does for clients."""

    def __init__(self, loop: SimLoop, rng: Random, network: Network) -> None:
        with loop.running():
            super().__init__()
        self._sim_loop, self._rng, self._network = loop, rng, network

    def now_ms(self) -> float:
        return self._sim_loop.process.now_ms()

    def wall_s(self) -> float:
        return 1e9 + self.now_ms() / 1000

    def random_bytes(self, count: int) -> bytes:
        return self._rng.randbytes(count)

    async def connect(self, address: Address, receiver: Receiver, timeout_ms: float) -> RecordConnection:
        process = self._sim_loop.process
        answer: asyncio.Future[Stream | None] = self._sim_loop.create_future()

        def done(stream: Stream | None) -> None:
            if not answer.done():
                answer.set_result(stream)
            elif stream is not None:
                stream.close(process)

        self._network.connect(process, address, lambda stream: self._sim_loop.io(done, stream))
        async with asyncio.timeout(timeout_ms / 1000):
            stream = await answer
        if stream is None:
            raise ConnectionRefusedError("refused")
        connection = RecordConnection(process, stream, receiver, lambda record, sent_ms: None)
        stream.pipes[stream.b.name].end = _InLoop(self._sim_loop, connection)
        return connection


class _InLoop:
    """Hands what arrives to an end within a turn of the loop."""

    def __init__(self, loop: SimLoop, end: End) -> None:
        self._loop, self._end = loop, end

    def received(self, data: bytes) -> None:
        self._loop.io(self._end.received, data)

    def lost(self, reason: str) -> None:
        self._loop.io(self._end.lost, reason)


class SimTransport(asyncio.Transport):
    """The far end of a stream as an asyncio transport, for the front end's NFS connections."""

    def __init__(self, loop: SimLoop, stream: Stream, peername: str, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": (peername, 1023), "socket": None})
        self._loop, self._stream, self._protocol = loop, stream, protocol
        self._open = True
        loop.io(protocol.connection_made, self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._open:
            self._stream.send(self._loop.process, bytes(data))

    def abort(self) -> None:
        if self._open:
            self._open = False
            self._stream.close(self._loop.process)
            self._loop.call_soon(self._protocol.connection_lost, None)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever held back."""

    def get_write_buffer_size(self) -> int:
        return 0

    def received(self, data: bytes) -> None:
        if self._open:
            self._loop.io(self._protocol.data_received, data)

    def lost(self, reason: str) -> None:
        if self._open:
            self._open = False
            self._loop.io(self._protocol.connection_lost, None)


class UnixEnd(asyncio.Transport):
    """One end of the socket between a front end and its consensus process, which live and die together."""

    def __init__(self, timeline: Clockwork, deliver: Callable[[bytes], Any]) -> None:
        super().__init__()
        self._timeline, self._deliver = timeline, deliver

    def write(self, data: bytes | bytearray | memoryview) -> None:
        packed = bytes(data)
        self._timeline.at(self._timeline.now_ms + UNIX_MS, lambda: self._deliver(packed))
