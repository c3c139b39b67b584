"""Requests that wait for layouts to come back, or for a cut to be carried out (RFC 8881 §12.5.5).

The state machine refused them without using up their slot, and told which file they wait for. They are proposed again,
under the same identity, when it says that something of that file is done, and now and then besides: an event may come
before its request does. A request is answered in bounded time: NFS4ERR_DELAY after :data:`PATIENCE_MS`, and only when
no proposal of it is under way, so that it cannot be carried out after it was put off (INV-3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.request import Request

PATIENCE_MS: Final = 10_000
"""Far below the 60 s after which Linux takes a connection for dead."""
REPEAT_MS: Final = 1_000
"""Shorter than a reservation in the state machine, which this renews."""


class WaitingRoom:
    """Parked requests, by file. Time is passed in by :meth:`tick`, every few 100 ms."""

    def __init__(self, propose: Callable[[Request], None], put_off: Callable[[Request], None]) -> None:
        self._propose = propose
        self._put_off = put_off
        self._parked: dict[int, list[Request]] = {}
        self._done: set[int] = set()  # files of which something was done since the last tick
        self._now_ms = 0
        self._repeated_ms = 0

    def __len__(self) -> int:
        return sum(map(len, self._parked.values()))

    def park(self, request: Request, fileid: int) -> None:
        """The state machine refused ``request`` until something of this file is done."""
        first = request.waiting_since_ms is None
        if request.waiting_since_ms is None:
            request.waiting_since_ms = self._now_ms
        if self._now_ms - request.waiting_since_ms >= PATIENCE_MS:
            self._put_off(request)
        elif first and fileid in self._done:
            self._propose(request)  # the event came first
        else:
            self._parked.setdefault(fileid, []).append(request)

    def returned(self, fileid: int) -> None:
        """Something of this file is done: those who wait for it try again, in the order in which they came."""
        self._done.add(fileid)
        for request in self._parked.pop(fileid, ()):
            self._propose(request)

    def take_all(self) -> list[Request]:
        """Everything that waits, and waits no more."""
        parked, self._parked = self._parked, {}
        return [request for requests in parked.values() for request in requests]

    def tick(self, now_ms: int) -> None:
        """Time has passed."""
        self._now_ms = now_ms
        self._done.clear()
        if now_ms - self._repeated_ms >= REPEAT_MS:
            self._repeated_ms = now_ms
            parked, self._parked = self._parked, {}
            for requests in parked.values():
                for request in requests:
                    self._propose(request)
