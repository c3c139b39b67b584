"""Who is read for next: a few requests of each connection in turn. Sans-IO."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.request import Connection, Request

_FEW: Final = 8


class Turns:
    """Requests that may be run now, and those of connections that do not take their replies (*congested*)."""

    def __init__(self) -> None:
        self._ready: dict[Connection, deque[Request]] = {}  # by connection; whose turn is next comes first
        self._stuck: dict[Connection, deque[Request]] = {}
        self._queue: deque[Request] = deque()  # of the connection whose turn it is: the first of those ready
        self._left = 0  # how many of it may be run before it is another's turn

    def __bool__(self) -> bool:
        return bool(self._ready)

    def __len__(self) -> int:
        return sum(map(len, (*self._ready.values(), *self._stuck.values())))

    def add(self, request: Request) -> None:
        """The request may be run; in its connection's order."""
        connection = request.connection
        queue = self._stuck.get(connection) or self._ready.get(connection)
        if queue is None:
            self._ready[connection] = deque((request,))
        else:
            queue.append(request)

    def next(self) -> Request | None:
        """The next request; None: every connection that has one must read its replies first."""
        ready = self._ready
        while ready:
            connection, queue = next(iter(ready.items()))
            if connection.congested:
                del ready[connection]
                self._stuck[connection] = queue
                continue
            if queue is not self._queue:
                self._queue, self._left = queue, _FEW
            request = queue.popleft()
            self._left -= 1
            if not queue:
                del ready[connection]
            elif not self._left:
                ready[connection] = ready.pop(connection)  # behind all others
                self._left = _FEW
            return request
        return None

    def drained(self, connection: Connection) -> None:
        """The connection takes replies again."""
        queue = self._stuck.pop(connection, None)
        if queue:
            self._ready[connection] = queue

    def take(self, connection: Connection) -> list[Request]:
        """All requests of a connection, no longer waiting."""
        return [*self._ready.pop(connection, ()), *self._stuck.pop(connection, ())]

    def take_all(self) -> list[Request]:
        """Everything, no longer waiting."""
        return [request for connection in [*self._ready, *self._stuck] for request in self.take(connection)]
