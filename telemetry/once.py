"""One answer for everybody who asks at the same time: what takes work, or may hang, is done once for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Makes answers one at a time, in one event loop."""

    def __init__(
        self, make: Callable[[], Coroutine[Any, Any, T]], fresh_s: float = 0.0,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """``fresh_s``: an answer is given again as long as it was begun no longer ago."""
        self._make = make
        self._fresh_s = fresh_s
        self._clock_s = clock_s
        self._task: asyncio.Task[T] | None = None
        self._begun_s = 0.0

    async def get(self) -> T:
        """The answer that is being made, or else a new one. What ``make`` raises is raised to everybody who waits.

        Who gives up waiting ends nothing: the answer is the others', or the next one's.
        """
        task = self._task
        if task is None or (task.done() and not self._is_fresh(task)):
            self._begun_s = self._clock_s()
            task = self._task = asyncio.create_task(self._make())
        return await asyncio.shield(task)

    def _is_fresh(self, task: asyncio.Task[T]) -> bool:
        good = not task.cancelled() and task.exception() is None
        return good and self._clock_s() - self._begun_s < self._fresh_s

    async def settle(self, patience_s: float) -> None:
        """Wait for an answer that is being made, and not for ever."""
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task], timeout=patience_s)
