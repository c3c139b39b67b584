"""The ``Runtime`` on asyncio and TCP sockets: the one module here that opens sockets and reads clocks.

Records are received into their final buffer and sent with ``sendmsg`` from the caller's buffers, so READ and WRITE
payloads are copied by the kernel only. Small records queued in one turn of the event loop leave in one system call.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

from nfsclient.runtime import Address, Connection, Receiver
from nfswire import rpc
from nfswire.xdr import Payload

T = TypeVar("T")

SCRATCH_BYTES = 128 << 10
DIRECT_BYTES_MIN = 16 << 10
"""Fragments of this size and more are received straight into a buffer of their own."""
RECORD_BYTES_MAX = 64 << 20
FRAGMENTS_MAX = 4096
SEND_PARTS_MAX = 512
DIAL_AGAIN_S = 0.15
"""Within this time a server of the same network has answered a SYN, or has not got it."""
LAST_FRAGMENT = 0x80000000

_MARK = struct.Struct(">I")
_AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]


class RecordSplitter:
    """Cuts a byte stream into RPC records (RFC 5531 section 11), large ones without copying.

    ``buffer`` says where the next bytes are to be put; ``filled`` takes note of them and returns whole records.
    """

    def __init__(self) -> None:
        self._scratch = memoryview(bytearray(SCRATCH_BYTES))
        self._kept = 0                              # bytes in the scratch that are no whole fragment yet
        self._large: memoryview | None = None       # fragment being received into its own buffer
        self._large_filled = 0
        self._large_is_last = False
        self._fragments: list[Payload] = []         # whole fragments of the record under way
        self._record_bytes = 0

    def buffer(self) -> memoryview:
        """Free space for ``recv_into``; never empty."""
        if self._large is not None:
            return self._large[self._large_filled:]
        return self._scratch[self._kept:]

    def filled(self, count: int) -> list[Payload]:
        """``count`` bytes were put into ``buffer()``. ``rpc.RecordError`` when a record is too long."""
        records: list[Payload] = []
        if self._large is not None:
            self._large_filled += count
            if self._large_filled == len(self._large):
                fragment, self._large = self._large, None
                self._add(fragment, self._large_is_last, records)
            return records
        pos, end = 0, self._kept + count
        while end - pos >= 4:
            mark = _MARK.unpack_from(self._scratch, pos)[0]
            length = mark & ~LAST_FRAGMENT
            self._check(length)
            start = pos + 4
            if end - start >= length:
                pos = start + length
                self._add(bytes(self._scratch[start:pos]), bool(mark & LAST_FRAGMENT), records)
                continue
            if length >= DIRECT_BYTES_MIN:
                self._large = memoryview(bytearray(length))
                self._large_filled = end - start
                self._large[:end - start] = self._scratch[start:end]
                self._large_is_last = bool(mark & LAST_FRAGMENT)
                pos = end
            break
        self._kept = end - pos
        if pos and self._kept:
            self._scratch[:self._kept] = bytes(self._scratch[pos:end])
        return records

    def _check(self, length: int) -> None:
        if self._record_bytes + length > RECORD_BYTES_MAX or len(self._fragments) >= FRAGMENTS_MAX:
            raise rpc.RecordError(f"record of more than {RECORD_BYTES_MAX} bytes or {FRAGMENTS_MAX} fragments")

    def _add(self, fragment: Payload, last: bool, records: list[Payload]) -> None:
        self._fragments.append(fragment)
        self._record_bytes += len(fragment)
        if last:
            records.append(self._fragments[0] if len(self._fragments) == 1 else b"".join(self._fragments))
            self._fragments = []
            self._record_bytes = 0


class SocketConnection:
    """A connected, non-blocking TCP socket that carries records."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, receiver: Receiver) -> None:
        self._loop = loop
        self._sock = sock
        self._receiver = receiver
        self._splitter = RecordSplitter()
        self._queue: deque[Payload] = deque()
        self._flush_due = False
        self._writer_on = False
        self._open = True
        loop.add_reader(sock, self._readable)

    def send(self, parts: Sequence[Payload]) -> None:
        """Queue one record; it leaves at the end of this turn of the event loop."""
        if not self._open:
            return
        self._queue.append(rpc.record_mark(sum(map(len, parts))))
        self._queue.extend(parts)
        if not self._flush_due and not self._writer_on:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def send_torn(self, parts: Sequence[Payload], count: int) -> None:
        """Send the first ``count`` bytes of a record, mark included, and nothing after them (fault injection)."""
        whole = rpc.record_mark(sum(map(len, parts))) + b"".join(parts)
        self._queue.append(whole[:count])
        self._flush()

    def close(self) -> None:
        """Drop the connection without telling the receiver."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._sock)
        if self._writer_on:
            self._loop.remove_writer(self._sock)
        self._queue.clear()
        self._sock.close()

    def _lost(self, reason: str) -> None:
        if self._open:
            self.close()
            self._receiver.connection_lost(reason)

    def _flush(self) -> None:
        """Send what is queued; wait for room when the socket is full."""
        self._flush_due = False
        if not self._open:
            return
        queue = self._queue
        try:
            while queue:
                sent = self._sock.sendmsg(list(itertools.islice(queue, SEND_PARTS_MAX)))
                while sent:
                    part = queue.popleft()
                    if len(part) > sent:
                        queue.appendleft(memoryview(part)[sent:])
                        break
                    sent -= len(part)
                while queue and not len(queue[0]):
                    queue.popleft()
        except (BlockingIOError, InterruptedError):
            if not self._writer_on:
                self._writer_on = True
                self._loop.add_writer(self._sock, self._flush)
            return
        except OSError as error:
            self._lost(str(error))
            return
        if self._writer_on:
            self._writer_on = False
            self._loop.remove_writer(self._sock)

    def _readable(self) -> None:
        try:
            count = self._sock.recv_into(self._splitter.buffer())
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(str(error))
            return
        if not count:
            self._lost("closed by the server")
            return
        try:
            records = self._splitter.filled(count)
        except rpc.RecordError as error:
            self._lost(str(error))
            return
        for record in records:
            if not self._open:
                return
            self._receiver.record_received(record)


def _hang_up(dialled: asyncio.Task[socket.socket]) -> None:
    """Another was first: close what this one has reached, or take note that it reached nobody."""
    if not dialled.cancelled() and dialled.exception() is None:
        dialled.result().close()


class AsyncioRuntime:
    """``Runtime`` of the running event loop (asyncio's own or uvloop)."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()

    def now_ms(self) -> float:
        return time.monotonic_ns() / 1e6

    def wall_s(self) -> float:
        return time.time()

    def future(self) -> asyncio.Future[Any]:
        return self._loop.create_future()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(work)
        self._tasks.add(task)  # the loop itself holds tasks weakly only
        task.add_done_callback(self._tasks.discard)
        return task

    def call_later(self, delay_ms: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay_ms / 1000, call)

    async def sleep(self, delay_ms: float) -> None:
        await asyncio.sleep(delay_ms / 1000)

    async def connect(self, address: Address, receiver: Receiver, timeout_ms: float) -> Connection:
        """A TCP connection; ``OSError`` when there is none within ``timeout_ms``."""
        async with asyncio.timeout(timeout_ms / 1000):
            found = await self._loop.getaddrinfo(address[0], address[1], type=socket.SOCK_STREAM)
            sock = await self._first_of(found[0])
        return SocketConnection(self._loop, sock, receiver)

    async def _first_of(self, where: _AddressInfo) -> socket.socket:
        """A connected socket: of several that dial one after the other, the first to hear anything.

        A SYN that went to a host which had just lost a service address is not answered, and TCP repeats it after a
        whole second only (RFC 6298 section 2.1). Whoever has the address by then answers the next one that dials.
        """
        dialling: set[asyncio.Task[socket.socket]] = set()
        try:
            while True:
                dialling.add(self._loop.create_task(self._dial(where)))
                done, _ = await asyncio.wait(dialling, timeout=DIAL_AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
                if done:
                    first = done.pop()
                    dialling.discard(first)
                    return first.result()
        finally:
            for task in dialling:
                task.cancel()
                task.add_done_callback(_hang_up)

    async def _dial(self, where: _AddressInfo) -> socket.socket:
        family, kind, protocol, _, sockaddr = where
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.sock_connect(sock, sockaddr)
        except BaseException:
            sock.close()
            raise
        return sock

    def random_bytes(self, count: int) -> bytes:
        return os.urandom(count)
