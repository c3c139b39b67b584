"""Who is read for next: one request of each connection in turn. Sans-IO."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.request import Connection, Request


class Turns:
    """Requests that may be run now, and those of connections that do not take their replies (*congested*)."""

    def __init__(self) -> None:
        self._ready: dict[Connection, deque[Request]] = {}  # by connection; whose turn is next comes first
        self._stuck: dict[Connection, deque[Request]] = {}

    def __bool__(self) -> bool:
        return bool(self._ready)

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
            connection = next(iter(ready))
            queue = ready.pop(connection)
            if connection.congested:
                self._stuck[connection] = queue
                continue
            request = queue.popleft()
            if queue:
                ready[connection] = queue
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
