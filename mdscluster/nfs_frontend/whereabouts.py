"""Notes in the log where clients are connected to this node, for whoever takes a service address over from it.

Opened and closed connections are gathered for a moment and proposed together. Only connections in use by a session
count: what scanners and strangers do costs the log nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any, Final

from mdscluster import replica_async
from mdscluster.fsm import client_connections, features
from mdscluster.fsm.commands import NoteConnections, pack_internal

if TYPE_CHECKING:
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

PERIOD_S: Final = 0.1
PATHS_MAX: Final = 4096
"""In one command."""
EARLIER_S: Final = 60.0
"""So long after its start a node leaves in the log what its earlier self had: whose end nobody was told of at a service
address (:mod:`mdscluster.silence`) must be found there by whoever has the address next, this node or another."""


def path_of(local: Any, remote: Any) -> bytes | None:
    """The path of a connection, from what the socket says of its ends; None where it is none of TCP."""
    if not (isinstance(local, tuple) and isinstance(remote, tuple)):
        return None
    return client_connections.pack(client_connections.Path(local[0], local[1], remote[0], remote[1]))


class Whereabouts:
    """This node's connections, and which of them the log does not know yet."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._began_s = clock_s()
        self._standing: dict[bytes, object] = {}
        """By path, its connection: one that is lost may be told of when the client has come back from the same port."""
        self._noted: set[bytes] = set()
        self._anew = True
        """What the log has of this node is an earlier self's, or not known: it is to be forgotten."""

    @property
    def standing(self) -> Container[bytes]:
        """The paths of connections that are used."""
        return self._standing.keys()

    def opened(self, path: bytes, connection: object) -> None:
        """A client uses a connection."""
        self._standing[path] = connection

    def closed(self, path: bytes, connection: object) -> None:
        """The connection is gone."""
        if self._standing.get(path) is connection:
            del self._standing[path]

    def change(self, node_id: str) -> NoteConnections | None:
        """What the log has to be told, as far as one command takes; None: nothing."""
        anew = self._anew and self._clock_s() - self._began_s >= EARLIER_S
        noted = set() if anew else self._noted
        opened = sorted(self._standing.keys() - noted)[:PATHS_MAX]
        closed = sorted(noted - self._standing.keys())[:PATHS_MAX]
        if not (opened or closed or anew):
            return None
        return NoteConnections(node_id, opened, closed, anew)

    def told(self, change: NoteConnections, *, done: bool) -> None:
        """The outcome of a change; if it is not known, all is told anew."""
        if change.anew or not done:
            self._noted.clear()
        if done:
            self._noted.update(change.opened)
            self._noted.difference_update(change.closed)
        self._anew = not done or (self._anew and not change.anew)

    async def report(self, node_id: str, replica: Replica, tables: Tables) -> None:
        """Tell the log what it does not know, if it may hold that."""
        while (change := self.change(node_id)) is not None:
            with replica.env.begin() as txn:
                if not features.permitted(change, features.level(txn, tables)):
                    return
            done = await replica_async.propose(replica, pack_internal(change)) is not None
            self.told(change, done=done)
            if not done:
                return

    async def keep(self, node_id: str, replica: Replica, tables: Tables, serving: Callable[[], bool]) -> None:
        """Report again and again; not where nothing can be committed, as that would pile up."""
        while True:
            await asyncio.sleep(PERIOD_S)
            if serving():
                await self.report(node_id, replica, tables)
