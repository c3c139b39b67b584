"""Which data servers are up, where they are and how much room they have: what heartbeats say, committed.

A failure is found within seconds by missed heartbeats, not by the client's 60 s timeouts. What follows from it (layouts
that are recalled, devices that are made anew) is the state machine's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import structlog

from mdscluster.fsm import data_servers
from mdscluster.fsm.commands import DataServerUpdate, Internal

if TYPE_CHECKING:
    from mdscluster.control.registry import Heard, Registry
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

log = structlog.get_logger()

DS_DOWN_MS: Final = 3_000
"""Silence after which a data server counts as down: long before the 60 s that a client would wait."""
STOOD_STILL_MS: Final = 1_000
"""Between two looks: the process stood still, and what was sent to it meanwhile waits to be read."""
_SPACE_STEP: Final = 64  # report free space again when it moved by a 64th of the capacity


class Liveness:
    """Compares what was heard with what is committed."""

    def __init__(
        self,
        replica: Replica,
        tables: Tables,
        registry: Registry,
        propose: Callable[[Internal], Awaitable[bytes | None]],
    ) -> None:
        self._replica = replica
        self._tables = tables
        self._registry = registry
        self._propose = propose
        self._looked_ms = self._since_ms = 0

    async def judge(self, now_ms: int, since_ms: int) -> None:
        """Commit what has changed. ``since_ms``: when this node began to lead."""
        if now_ms - self._looked_ms > STOOD_STILL_MS:
            self._since_ms = now_ms
        self._looked_ms, since_ms = now_ms, max(since_ms, self._since_ms)
        with self._replica.env.begin() as txn:
            known = {server.ds_id: server for server in data_servers.all_servers(txn, self._tables)}
        # Not of who is heard and not registered: it was when its heartbeat was noted, and has been removed since.
        for ds_id, before in sorted(known.items()):
            update = judge(before, self._registry.heard.get(ds_id), now_ms, since_ms)
            if update is not None:
                if before.up != update.up:
                    log.warning("data server", ds=ds_id, state="up" if update.up else "down")
                await self._propose(update)


def judge(
    server: data_servers.DataServer, heard: Heard | None, now_ms: int, since_ms: int
) -> DataServerUpdate | None:
    """What is to be committed of a data server; None: nothing new.

    A silence counts from ``since_ms`` on only: before it led, this node may have been cut off itself, from data servers
    that all the others heard.
    """
    up = heard is not None and now_ms - heard.at_ms < DS_DOWN_MS
    if not up and now_ms - since_ms <= DS_DOWN_MS:
        return None
    if heard is None:
        if not server.up:
            return None
        return DataServerUpdate(
            server.ds_id, server.host, server.port, False, server.capacity_bytes, server.free_bytes, server.instance
        )
    moved = abs(server.free_bytes - heard.free_bytes) * _SPACE_STEP > max(heard.capacity_bytes, 1)
    same = (server.host, server.port, server.up, server.instance, server.capacity_bytes)
    if moved or same != (heard.host, heard.port, up, heard.instance, heard.capacity_bytes):
        return _update(heard, up)
    return None


def _update(heard: Heard, up: bool) -> DataServerUpdate:
    return DataServerUpdate(
        heard.ds_id, heard.host, heard.port, up, heard.capacity_bytes, heard.free_bytes, heard.instance
    )
