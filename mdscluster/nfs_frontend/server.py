"""The NFS listener and its connections: who may stay when there are too many, and for how long without a word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Container
from typing import TYPE_CHECKING

import structlog

from mdscluster.nfs_frontend.connection import ClientConnection
from mdscluster.nfs_frontend.whereabouts import Whereabouts

if TYPE_CHECKING:
    from mdscluster.config import Limits
    from mdscluster.nfs_frontend.callbacks import Callbacks
    from mdscluster.nfs_frontend.dispatcher import Dispatcher
    from mdscluster.nfs_frontend.exports import ExportRule
    from mdscluster.nfs_frontend.reads import Batch

log = structlog.get_logger()


class NfsServer:
    """The listener and its connections. Time is passed in by :meth:`tick`."""

    def __init__(
        self, dispatcher: Dispatcher, callbacks: Callbacks, rules: list[ExportRule], limits: Limits, now_ms: int,
        is_service_address: Callable[[str], bool] = lambda address: False,
    ) -> None:  # fmt: skip
        """``is_service_address``: whether one of this node's addresses is of those that move to where a quorum is."""
        self.dispatcher = dispatcher
        self.callbacks = callbacks
        self.rules = rules
        self.limits = limits
        self.now_ms = now_ms
        self.is_service_address = is_service_address
        self.whereabouts = Whereabouts(dispatcher.clock_s)
        self.connections: dict[ClientConnection, None] = {}
        """Those that stand, oldest first."""
        self._strangers: dict[ClientConnection, None] = {}
        """Those by which no request in a session has come yet, oldest first."""
        self._held_bytes = 0
        self._away: set[str] = set()
        """Addresses that have left this node."""
        self._arrived: list[tuple[ClientConnection, bytes]] = []
        self._unflushed: list[ClientConnection] = []
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self.ends = False
        """It listens no more, and whoever is sent away from now on hears of it by another node."""

    async def listen(self, host: str, port: int) -> None:
        """Bind before the service address can arrive here: a refused client backs off for 3 s and more."""
        self._server = await self._loop.create_server(
            lambda: ClientConnection(self), host, port, reuse_address=True, backlog=1024
        )

    def tick(self, now_ms: int) -> None:
        """Time has passed: drop who has begun a record and does not end it, and who says nothing that matters."""
        self.now_ms = now_ms
        limits = self.limits
        for connection in list(self.connections):
            since_ms = connection.partial_since_ms
            if since_ms is not None and now_ms - since_ms > limits.record_timeout_ms:
                connection.abort("a record does not arrive")
        for connection in list(self._strangers):
            if now_ms - connection.opened_ms <= limits.sessionless_timeout_ms:
                break  # they are in the order of their coming
            connection.abort("no session in time")

    # ------------------------------------------------------------ what connections say
    def admit(self, connection: ClientConnection) -> bool:
        """Whether a new connection may stay. When there are too many, the oldest without a session has to go."""
        if len(self.connections) >= self.limits.max_connections:
            if not self._strangers:
                return False
            oldest = next(iter(self._strangers))
            oldest.abort("too many connections, and this one has no session")
            self.leave(oldest)
        self.connections[connection] = None
        self._strangers[connection] = None
        return True

    def leave(self, connection: ClientConnection) -> None:
        """It is gone."""
        self.connections.pop(connection, None)
        self._strangers.pop(connection, None)
        if connection.path is not None:
            self.whereabouts.closed(connection.path, connection)

    def known(self, connection: ClientConnection) -> None:
        """A request in a session has come by it. It may be gone again already."""
        self._strangers.pop(connection, None)
        if connection.path is not None and connection in self.connections:
            self.whereabouts.opened(connection.path, connection)

    def note_held(self, delta_bytes: int) -> None:
        """Parts of records that are held for strangers have become more, or less."""
        self._held_bytes += delta_bytes
        while delta_bytes > 0 and self._held_bytes > self.limits.max_sessionless_bytes:
            largest = max(self._strangers, key=lambda connection: connection.held_bytes, default=None)
            if largest is None or not largest.held_bytes:
                return
            largest.abort("too much is held for clients without a session")
            largest.drop_buffer()
            self.leave(largest)

    def arrived(self, connection: ClientConnection, data: bytes) -> None:
        """Bytes came by a connection. All that come in one turn of the loop are taken in together, in the next."""
        if not self._arrived:
            self._loop.call_soon(self._turn)
        self._arrived.append((connection, data))

    def _turn(self) -> None:
        """Take in what has arrived; first send the barrier on its way that reads among it will wait for."""
        arrived, self._arrived = self._arrived, []
        self.dispatcher.turn_s = self.dispatcher.clock_s()
        batch = self.dispatcher.reads.foresee()
        if batch is None:
            self._take_in(None, arrived)
        else:
            # Sockets are written between two turns: the barrier leaves before anything is parsed.
            self._loop.call_soon(self._take_in, batch, arrived)

    def _take_in(self, batch: Batch | None, arrived: list[tuple[ClientConnection, bytes]]) -> None:
        reads = self.dispatcher.reads
        reads.open(batch)
        for connection, data in arrived:
            try:
                connection.take(data)
            except Exception as error:  # it must not silence the others, nor be asked again and again on this one
                log.critical("a bug: what a client sent could not be handled", peer=connection.peer, exc_info=error)
                connection.abort("a bug of this server")
        reads.close()

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._loop.call_soon(callback)

    def flush_later(self, connection: ClientConnection) -> None:
        if not self._unflushed:
            self._loop.call_soon(self._flush)
        self._unflushed.append(connection)

    def _flush(self) -> None:
        waiting, self._unflushed = self._unflushed, []
        for connection in waiting:
            connection.flush()

    def close_clients(self, reason: str) -> None:
        """Drop every client, so that they find a node with quorum."""
        for connection in list(self.connections):
            connection.abort(reason)

    def standing(self) -> Container[bytes]:
        """The paths of the connections that sessions use."""
        return self.whereabouts.standing

    def address_left(self, address: str) -> None:
        """A service address has gone to another node, and with it whoever came by it. They stay in the log for now:
        who has the address next reads there whom to tell."""
        self._away.add(address)

    def address_came(self, address: str, here: Collection[str]) -> None:
        """It is back. What is left of connections of before would answer their clients, which had others since.

        ``here``: all addresses of this node. By none of them come those whom another node passes on by this one
        (deploy/spreading.py): they may be of before, too.
        """
        if address not in self._away:
            return
        self._away.discard(address)
        for connection in [one for one in self.connections if one.address == address or one.address not in here]:
            connection.abort("its address was elsewhere meanwhile")

    def stop_listening(self) -> None:
        """Take no new clients; before those that are here are sent away.

        One that came anew to a process that ends would be taken in by the kernel, and may never hear that it was in
        vain: when the process is gone, the service address has gone, too, and with it the reset. Linux then waits for
        its keepalive, 30 s.
        """
        self.ends = True
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        self.stop_listening()
        self.close_clients("the server stops")
