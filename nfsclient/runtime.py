"""What the client needs of the world, as Protocols: time, waiting, tasks, connections, randomness.

No other module of this package but ``transport`` (asyncio and sockets) and the command-line shells imports asyncio or
reads a clock, so a simulator that brings its own ``Runtime`` runs the whole client on simulated time and a simulated
network.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from nfswire.xdr import Payload

T = TypeVar("T")
Address: TypeAlias = "tuple[str, int]"
"""Host and TCP port."""


class Future(Protocol[T]):
    """A value to come. ``asyncio.Future`` is one."""

    def set_result(self, value: T, /) -> None: ...
    def set_exception(self, error: BaseException, /) -> None: ...
    def done(self) -> bool: ...
    def __await__(self) -> Generator[Any, None, T]: ...


T_co = TypeVar("T_co", covariant=True)


class Task(Protocol[T_co]):
    """A coroutine running beside its creator."""

    def cancel(self) -> object: ...
    def done(self) -> bool: ...
    def __await__(self) -> Generator[Any, None, T_co]: ...


class Timer(Protocol):
    """A call that will be made later."""

    def cancel(self) -> None: ...


class Receiver(Protocol):
    """Who takes what a connection brings."""

    def record_received(self, record: Payload) -> None:
        """One whole RPC record, without its mark."""

    def connection_lost(self, reason: str) -> None:
        """Called once when the peer closed or the connection broke; not after an own ``close``."""


class Connection(Protocol):
    """A byte stream to a server that carries whole RPC records."""

    def send(self, parts: Sequence[Payload]) -> None:
        """Queue one record. The parts are not copied: they must not change until they are answered."""

    def close(self) -> None:
        """Drop the connection, and with it what is still queued."""


class Runtime(Protocol):
    """Clock, scheduler, network and randomness of one client."""

    def now_ms(self) -> float:
        """Monotonic time in milliseconds."""

    def wall_s(self) -> float:
        """Wall clock, seconds since 1970 (only for timestamps that are sent to a server)."""

    def future(self) -> Future[Any]: ...
    def spawn(self, work: Coroutine[Any, Any, T]) -> Task[T]: ...
    def call_later(self, delay_ms: float, call: Callable[[], None]) -> Timer: ...
    async def sleep(self, delay_ms: float) -> None: ...

    async def connect(self, address: Address, receiver: Receiver, timeout_ms: float) -> Connection:
        """Connect or raise ``OSError`` (``TimeoutError`` is one)."""

    def random_bytes(self, count: int) -> bytes: ...


async def gather(runtime: Runtime, works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all side by side; wait for all; then raise the first error, if any. Results in the order given."""
    coroutines = list(works)
    if len(coroutines) == 1:
        return [await coroutines[0]]
    tasks = [runtime.spawn(work) for work in coroutines]
    results: list[T] = []
    failure: Exception | None = None
    try:
        for task in tasks:
            try:
                results.append(await task)
            except Exception as error:  # every task is awaited before the first failure is raised again
                failure = failure or error
    except BaseException:
        for task in tasks:
            task.cancel()
        raise
    if failure is not None:
        raise failure
    return results


async def within(runtime: Runtime, work: Coroutine[Any, Any, T], timeout_ms: float) -> T | None:
    """Result of ``work``, or None when it takes longer than ``timeout_ms``; then it is cancelled."""
    ended: Future[T | None] = runtime.future()

    async def run() -> None:
        try:
            result = await work
        except Exception as error:  # handed to the waiting caller below
            if not ended.done():
                ended.set_exception(error)
        else:
            if not ended.done():
                ended.set_result(result)

    def timed_out() -> None:
        if not ended.done():
            ended.set_result(None)

    task = runtime.spawn(run())
    timer = runtime.call_later(timeout_ms, timed_out)
    try:
        return await ended
    finally:
        timer.cancel()
        task.cancel()


class Lock:
    """Mutual exclusion among the tasks of one runtime, first come first served."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._held = False
        self._waiting: list[Future[None]] = []

    async def __aenter__(self) -> None:
        while self._held:
            turn: Future[None] = self._runtime.future()
            self._waiting.append(turn)
            await turn
        self._held = True

    async def __aexit__(self, *exc: object) -> None:
        self._held = False
        while self._waiting:
            turn = self._waiting.pop(0)
            if not turn.done():
                turn.set_result(None)
                break
