"""Bringing the committed fence list into force on every data server (INV-6).

A data server that answers has the list in force when it says so: it has then let all older I/O end. One that cannot be
reached counts once its lease must have run out. That lease is renewed by *any* metadata node that has a quorum behind
it, perhaps by one that reaches it while we do not; but whoever renews it does so behind a read barrier, and hands it
the list. So when a whole lease has passed since the list was committed, a data server either has it or serves nothing.
How long it has been silent towards this node says nothing of that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from mdscluster.control.mandates import Superseded
from mdscluster.fsm import data_servers, fences

if TYPE_CHECKING:
    from mdscluster.control.registry import Heard, Registry
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica
    from mdsproto.mandate import Mandate

SILENT_MS: Final = 3_000
"""Without a heartbeat for so long, a data server is not asked any more."""
MARGIN_MS: Final = 3_000
"""On top of a data server's lease: its last I/O ends, and clocks run at different rates."""

FenceList = list[tuple[int, int, int]]


class FenceLinks(Protocol):
    """How a data server is told."""

    async def fence(self, heard: Heard, version: int, fences: FenceList, mandate: Mandate | None) -> int:
        """Put a list in force; the version in force there, 0 when it could not be reached. :class:`Superseded`."""


class FencePusher:
    """What this node, as leader, knows of fences in force. ``clock_ms`` is monotonic."""

    def __init__(
        self,
        replica: Replica,
        tables: Tables,
        registry: Registry,
        links: FenceLinks,
        clock_ms: Callable[[], int],
        on_answer: Callable[[str, str], None],
        *,
        ds_lease_ms: int,
    ) -> None:
        """``on_answer``: gets each data server that answered, and why it does not obey; empty: it does."""
        self._replica = replica
        self._tables = tables
        self._registry = registry
        self._links = links
        self._clock_ms = clock_ms
        self._on_answer = on_answer
        self._patience_ms = ds_lease_ms + MARGIN_MS
        self._seen: list[tuple[int, int]] = []  # versions, and when this node first saw them committed
        self._expired = 0  # the newest version that was committed longer ago than any lease lasts

    async def push(self, mandate: Mandate | None) -> int:
        """Tell every data server that lacks the newest list; the version that all of them have in force.

        ``mandate``: of the term in which the fences are to be reported as in force.
        """
        with self._replica.env.begin() as txn:
            version, entries = fences.fences(txn, self._tables)
            servers = [one for one in data_servers.all_servers(txn, self._tables) if not one.lost]
        self._note(version)
        in_force = await asyncio.gather(*(self._tell(server.ds_id, version, entries, mandate) for server in servers))
        return min(in_force, default=version)

    def _note(self, version: int) -> None:
        """Remember when each version was first seen: its commit came before that."""
        now_ms = self._clock_ms()
        if not self._seen or self._seen[-1][0] < version:
            self._seen.append((version, now_ms))
        while self._seen and now_ms - self._seen[0][1] > self._patience_ms:
            self._expired = self._seen.pop(0)[0]

    async def _tell(self, ds_id: str, version: int, entries: FenceList, mandate: Mandate | None) -> int:
        """The version that this data server has in force, as far as is certain."""
        heard = self._registry.heard.get(ds_id)
        if heard is None or self._clock_ms() - heard.at_ms > SILENT_MS:
            return max(self._expired, heard.fence_version if heard is not None else 0)
        if heard.fence_version < version:
            # One that is alive and does not confirm has I/O of before under way: that has to end first.
            try:
                confirmed, refusal = await self._links.fence(heard, version, entries, mandate), ""
            except Superseded as superseded:
                confirmed, refusal = 0, str(superseded)
            if confirmed or refusal:
                self._on_answer(ds_id, refusal)
            heard.fence_version = max(heard.fence_version, confirmed)
        return heard.fence_version
