"""A ``Runtime`` whose connections are cut at random, seeded points: before, inside and after a request, and before its
reply.

For tests of exactly-once. It wraps any other runtime whose connections can send the beginning of a record only.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar, cast

from nfsclient.runtime import Address, Connection, Future, Receiver, Runtime, Task, Timer
from nfswire.xdr import Payload

T = TypeVar("T")
AFTER_MS_MAX = 5.0
PLACES = ("before", "inside", "after", "reply")
"""Nothing of the request leaves; a part of it; all of it; all of it, and its reply is lost."""


class TearableConnection(Connection, Protocol):
    """A connection that can break in the middle of a record."""

    def send_torn(self, parts: Sequence[Payload], count: int) -> None:
        """Send the first ``count`` bytes of the record and nothing after them."""


class Cutter:
    """Decides where connections are cut: at about every ``sends_per_cut``-th request, while ``armed``."""

    def __init__(self, seed: int, sends_per_cut: float, places: Sequence[str] = PLACES) -> None:
        self.places = places
        self.random = random.Random(seed)
        self.sends_per_cut = sends_per_cut
        self.armed = True
        self.cuts: Counter[str] = Counter()

    def choose(self) -> str | None:
        """Where to cut around the request that is about to be sent; None: nowhere."""
        if not self.armed or self.random.random() * self.sends_per_cut >= 1:
            return None
        return self.random.choice(self.places)


class CuttingRuntime:
    """``inner`` with ``cutter`` in its connections."""

    def __init__(self, inner: Runtime, cutter: Cutter) -> None:
        self.inner = inner
        self.cutter = cutter

    def now_ms(self) -> float:
        return self.inner.now_ms()

    def wall_s(self) -> float:
        return self.inner.wall_s()

    def future(self) -> Future[Any]:
        return self.inner.future()

    def spawn(self, work: Coroutine[Any, Any, T]) -> Task[T]:
        return self.inner.spawn(work)

    def call_later(self, delay_ms: float, call: Callable[[], None]) -> Timer:
        return self.inner.call_later(delay_ms, call)

    async def sleep(self, delay_ms: float) -> None:
        await self.inner.sleep(delay_ms)

    def random_bytes(self, count: int) -> bytes:
        return self.inner.random_bytes(count)

    async def connect(self, address: Address, receiver: Receiver, timeout_ms: float) -> Connection:
        """A connection that will be cut sooner or later."""
        cut = _CutConnection(self, receiver)
        cut.inner = cast(TearableConnection, await self.inner.connect(address, cut, timeout_ms))
        return cut


class _CutConnection:
    """Connection for the client, and receiver for the real connection."""

    def __init__(self, runtime: CuttingRuntime, receiver: Receiver) -> None:
        self._runtime = runtime
        self._receiver = receiver
        self._open = True
        self._cut_at_reply = False
        self._torn = False      # a record was sent in part: anything behind it would be taken for its rest
        self.inner: TearableConnection

    def send(self, parts: Sequence[Payload]) -> None:
        if not self._open or self._torn:
            return
        where = self._runtime.cutter.choose()
        if where is None:
            self.inner.send(parts)
            return
        self._runtime.cutter.cuts[where] += 1
        if where == "reply":
            self.inner.send(parts)
            self._cut_at_reply = True
            return
        delay_ms = 0.0
        if where == "inside":
            self._torn = True
            self.inner.send_torn(parts, self._runtime.cutter.random.randrange(1, 4 + sum(map(len, parts))))
            delay_ms = 0.1
        elif where == "after":
            self.inner.send(parts)
            delay_ms = self._runtime.cutter.random.random() * AFTER_MS_MAX
        self._runtime.call_later(delay_ms, self._cut)

    def close(self) -> None:
        self._open = False
        self.inner.close()

    def _cut(self) -> None:
        if self._open:
            self.close()
            self._receiver.connection_lost("cut by the test")

    def record_received(self, record: Payload) -> None:
        if self._cut_at_reply:
            self._cut()
        elif self._open:
            self._receiver.record_received(record)

    def connection_lost(self, reason: str) -> None:
        if self._open:
            self._open = False
            self._receiver.connection_lost(reason)
