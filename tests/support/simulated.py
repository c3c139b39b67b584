"""Tasks, futures and timers of ``nfsclient.runtime.Runtime`` on simulated time: the whole client, deterministically."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, TypeVar

from tests.support.timeline import Process

T = TypeVar("T")


class Cancelled(BaseException):
    """A task was cancelled."""


class SimFuture:
    """A value to come."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.settled = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.waiting: list[Callable[[], None]] = []

    def done(self) -> bool:
        return self.settled

    def set_result(self, value: Any, /) -> None:
        self._settle(value, None)

    def set_exception(self, error: BaseException, /) -> None:
        self._settle(None, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        assert not self.settled
        self.settled, self.value, self.error = True, value, error
        for wake in self.waiting:
            self.process.after(0.0, wake)

    def __await__(self) -> Generator[SimFuture, None, Any]:
        if not self.settled:
            yield self
        if self.error is not None:
            raise self.error
        return self.value


class SimTask(SimFuture):
    """A coroutine being run."""

    def __init__(self, runtime: TaskRuntime, work: Coroutine[Any, Any, Any]) -> None:
        super().__init__(runtime.process)
        self.runtime = runtime
        self.work = work
        runtime.tasks[self] = None
        self.process.after(0.0, self.step)

    def step(self) -> None:
        if self.settled:
            return
        try:
            awaited: SimFuture = self.work.send(None)
        except StopIteration as stop:
            self.set_result(stop.value)
        except Exception as error:  # kept for whoever awaits the task; ``task_errors`` is for lost ones
            self.runtime.task_errors.append(error)
            self.set_exception(error)
        else:
            awaited.waiting.append(self.step)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        self.runtime.tasks.pop(self, None)
        super()._settle(value, error)

    def cancel(self) -> None:
        if not self.settled:
            try:
                self.work.throw(Cancelled())
            except (Cancelled, StopIteration):
                self._settle(None, Cancelled())


class SimTimer:
    """A call to be made."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None

    def fire(self) -> None:
        if self.call is not None:
            self.call()


class TaskRuntime:
    """All of ``Runtime`` but ``connect``, inside one process."""

    def __init__(self, process: Process, rng: random.Random) -> None:
        self.process = process
        self.tasks: dict[SimTask, None] = {}
        """Those that have not ended."""
        self.task_errors: list[Exception] = []
        self._random = rng

    def now_ms(self) -> float:
        return self.process.now_ms()

    def wall_s(self) -> float:
        return 1e9 + self.process.now_ms() / 1000

    def future(self) -> SimFuture:
        return SimFuture(self.process)

    def spawn(self, work: Coroutine[Any, Any, T]) -> SimTask:
        return SimTask(self, work)

    def call_later(self, delay_ms: float, call: Callable[[], None]) -> SimTimer:
        timer = SimTimer(call)
        self.process.after(delay_ms, timer.fire)
        return timer

    async def sleep(self, delay_ms: float) -> None:
        future = self.future()
        self.process.after(delay_ms, lambda: future.set_result(None))
        await future

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def drop_tasks(self) -> None:
        """The process is gone: end its coroutines, so that none is left for the interpreter to complain of."""
        for task in list(self.tasks):
            task.settled = True
            with suppress(RuntimeError):  # it awaits while it is being closed: let it
                task.work.close()
        self.tasks.clear()
