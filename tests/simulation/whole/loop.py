"""An asyncio event loop on simulated time, one for each life of a front end: the product's coroutines run on it.

It has what the front end uses of a loop, and nothing that waits for the machine: callbacks, timers, futures, tasks, and
the one Unix socket to the node's consensus process.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any

from tests.support.timeline import Process


class SimLoop(asyncio.AbstractEventLoop):
    """``on_bug`` hears of exceptions that nobody caught; ``connect_unix`` connects a protocol to the node's socket."""

    def __init__(
        self,
        process: Process,
        on_bug: Callable[[str], None],
        connect_unix: Callable[[asyncio.Protocol], asyncio.Transport],
    ) -> None:
        self.process = process
        self._on_bug = on_bug
        self._connect_unix = connect_unix
        self._ready: deque[asyncio.Handle] = deque()
        self._due = False
        self._tasks: dict[asyncio.Task[Any], None] = {}

    # Callbacks.

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        if not self._due:
            self._due = True
            self.process.after(0.0, self._iterate)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self.process.after(max(0.0, when * 1000 - self.process.now_ms()), lambda: self._fire(handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It will be passed over when it comes due."""

    def _fire(self, handle: asyncio.TimerHandle) -> None:
        if not handle.cancelled():
            self._ready.append(handle)
            if not self._due:
                self._iterate()

    def io(self, callback: Callable[..., object], *args: Any) -> None:
        """Something came in: a callback of its own turn."""
        self._ready.append(asyncio.Handle(callback, args, self, None))
        if not self._due:
            self._iterate()

    def _iterate(self) -> None:
        """One turn of the loop: what is ready now. What that makes ready has its turn afterwards, at the same time."""
        self._due = True
        ready, self._ready = self._ready, deque()
        with self.running():
            for handle in ready:
                if not handle.cancelled() and self.process.alive:
                    handle._run()
        self._due = bool(self._ready) and self.process.alive
        if self._due:
            self.process.after(0.0, self._iterate)

    def running(self) -> _Running:
        """A context in which this is the running loop: production code called in it finds it."""
        return _Running(self)

    def time(self) -> float:
        return self.process.now_ms() / 1000

    # Futures and tasks.

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # as narrow as the front end's use of it
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name or "task", context=context)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    async def create_unix_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], path: str, **_: Any
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        protocol = protocol_factory()
        return self._connect_unix(protocol), protocol

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self.process.alive:
            self._on_bug(f"{self.process.name}: {context.get('message')}: {context.get('exception')!r}")

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self.process.alive

    def is_closed(self) -> bool:
        return not self.process.alive

    def drop_tasks(self) -> None:
        """The process is gone: end its coroutines, so that none is left for the interpreter to complain of."""
        for task in list(self._tasks):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine = task.get_coro()
            if isinstance(coroutine, Coroutine | Generator):
                with self.running():
                    coroutine.close()
        self._tasks.clear()
        self._ready.clear()


class _Running:
    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self._before: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> None:
        self._before = events._get_running_loop()
        events._set_running_loop(self._loop)

    def __exit__(self, *_: object) -> None:
        events._set_running_loop(self._before)
