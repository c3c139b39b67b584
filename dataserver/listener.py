"""The NFS listener: a thread per connection, at most so many, open only while there is a lease.

While I/O would be refused it is better not to be there at all. Linux sleeps 15 s on NFS4ERR_DELAY from a data server,
and again as long as it lasts, which holds up even the return of a recalled layout. A refused connection sends it to the
MDS at once (fs/nfs/filelayout: ECONNREFUSED, then "Retry through MDS"). So the listener opens with the first lease and
not before, and when a lease has lapsed for ``lapse_ms`` it closes, with every connection.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog

from dataserver.connection import LANES, Connection

if TYPE_CHECKING:
    from dataserver.core import Core
    from dataserver.whereabouts import Ends
    from mdsproto.configfile import Address

log = structlog.get_logger()

_BACKLOG: Final = 128
_JOIN_TIMEOUT_S: Final = 5.0


class Listener:
    """Accepts connections at ``address``."""

    def __init__(
        self, core: Core, address: Address, clock_ms: Callable[[], int], *, fast: bool = True, lanes: int = LANES
    ) -> None:
        self._core = core
        self._address = address
        self._clock_ms = clock_ms
        self._fast = fast
        self._lanes = lanes
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        self._acceptor: threading.Thread | None = None

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._connections)

    def ends(self) -> set[Ends]:
        """Of the connections that there are."""
        with self._lock:
            return {connection.ends for connection in self._connections}

    def open(self) -> int:
        """Listen; returns the port. ``OSError`` when the address cannot be had."""
        family = socket.AF_INET6 if ipaddress.ip_address(self._address.host).version == 6 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self._address.host, self._address.port))
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
        self._socket = sock
        self._acceptor = threading.Thread(target=self._accept, args=(sock,), name="accept", daemon=True)
        self._acceptor.start()
        return int(sock.getsockname()[1])

    def close(self) -> None:
        """Refuse new connections, end the present ones, and wait a little for their threads."""
        sock, self._socket = self._socket, None
        if sock is None:
            return
        try:
            sock.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        except OSError:
            pass
        if self._acceptor is not None:
            self._acceptor.join(_JOIN_TIMEOUT_S)
        sock.close()
        with self._lock:
            present = list(self._connections.items())
        for connection, _ in present:
            connection.close()
        for _, thread in present:
            thread.join(_JOIN_TIMEOUT_S)

    def _accept(self, sock: socket.socket) -> None:
        while self._socket is sock:
            try:
                client, peer = sock.accept()
            except OSError as error:
                if self._socket is sock:
                    # Out of descriptors, or the client was gone already; neither may end the listener.
                    log.warning("a connection was not accepted", reason=error.strerror)
                    threading.Event().wait(0.05)
                continue
            with self._lock:
                full = len(self._connections) >= self._core.limits.max_connections
            if full or self._socket is not sock:
                log.warning("connection refused: there are max_connections of them", peer=peer[0])
                client.close()
                continue
            self._start(client)

    def _start(self, client: socket.socket) -> None:
        try:
            connection = Connection(self._core, client, self._clock_ms, fast=self._fast, lanes=self._lanes)
        except OSError as error:
            log.info("connection closed", reason=error.strerror)  # reset before it began
            client.close()
            return
        thread = threading.Thread(target=self._serve, args=(connection,), name="nfs", daemon=True)
        with self._lock:
            self._connections[connection] = thread
        thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            with self._lock:
                self._connections.pop(connection, None)
