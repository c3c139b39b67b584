"""Simulated time: what happens when, in an order given by the calls alone, and processes that pause and die."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from typing import Protocol

Action = Callable[[], None]
ROUNDING_MS = 1e-6
"""So much later a timer fires, lest a process whose clock runs at a rate of its own find it early, by a last bit."""


class Timeline:
    """Events by time, and by the order in which they were planned where the time is the same."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self._events: list[tuple[float, int, Action]] = []
        self._order = itertools.count()

    def at(self, when_ms: float, action: Action) -> None:
        """Plan ``action``; what lies in the past happens as soon as possible."""
        heapq.heappush(self._events, (when_ms, next(self._order), action))

    @property
    def idle(self) -> bool:
        """Nothing will ever happen any more."""
        return not self._events

    def step(self) -> None:
        """Let the next event happen."""
        when_ms, _, action = heapq.heappop(self._events)
        if when_ms > self.now_ms:
            self.now_ms = when_ms
        action()

    def run_until(self, end_ms: float) -> None:
        """Let everything up to ``end_ms`` happen, what arises from it included."""
        events = self._events
        while events and events[0][0] <= end_ms:
            self.step()
        self.now_ms = max(self.now_ms, end_ms)


class Clockwork(Protocol):
    """Where events are planned: a ``Timeline``, or a simulator's own."""

    @property
    def now_ms(self) -> float: ...
    def at(self, when_ms: float, action: Action) -> None: ...


class Process:
    """A process: nothing happens in it while it is paused, and never again once it has died.

    Its clock may run faster or slower than the world's (``rate``); delays are by its own clock.
    """

    def __init__(self, timeline: Clockwork, name: str, rate: float = 1.0) -> None:
        self.timeline = timeline
        self.name = name
        self.rate = rate
        self.alive = True
        self.paused = False
        self.on_death: list[Action] = []
        """Called when it dies: what its kernel does with what it held."""
        self._waiting: deque[Action] = deque()

    def now_ms(self) -> float:
        """Its monotonic clock."""
        return self.timeline.now_ms * self.rate

    def run(self, action: Action) -> None:
        """Do it now; when the process is paused, as soon as it goes on."""
        if not self.alive:
            return
        if self.paused:
            self._waiting.append(action)
        else:
            action()

    def after(self, delay_ms: float, action: Action) -> None:
        """Do it after a while."""
        timeline = self.timeline
        wait_ms = self.true_delay_ms(delay_ms) + ROUNDING_MS if delay_ms > 0 else 0.0
        timeline.at(timeline.now_ms + wait_ms, lambda: self.run(action))

    def true_delay_ms(self, delay_ms: float) -> float:
        """How long the world takes for a delay by this process's clock."""
        return delay_ms / self.rate

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        """What has come due meanwhile happens now, in its order."""
        if not self.paused:
            return
        self.paused = False
        waiting, self._waiting = self._waiting, deque()
        for action in waiting:
            self.run(action)

    def die(self) -> None:
        if self.alive:
            self.alive = False
            self._waiting.clear()
            for action in self.on_death:
                action()
