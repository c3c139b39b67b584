"""Having files cut on their data servers: a queue for each of them, so that one that is dead or slow delays no other.

A cut is a row of the state machine (:mod:`mdscluster.fsm.cuts`) that names the data servers which have not carried it
out. Here every data server that can be reached has at most one batch under way; one that cannot waits for its return,
however many cuts are due there. One that does not carry its cuts out is asked again after a pause that grows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

from mdscluster import replica_async
from mdscluster.control.mandates import Superseded
from mdscluster.fsm import cuts, data_servers
from mdscluster.fsm.commands import Internal, Truncated

if TYPE_CHECKING:
    from mdscluster.control.registry import Heard, Registry
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica
    from mdsproto.mandate import Mandate

BATCH: Final = 64
"""Calls under way to one data server."""
SILENT_MS: Final = 3_000
"""Without a heartbeat for so long, a data server is not asked."""
PAUSE_MIN_MS: Final = 250
PAUSE_MAX_MS: Final = 5_000


class CutLinks(Protocol):
    """How a data server is told."""

    async def truncate(
        self, heard: Heard, fileid: int, size: int, serial: int, mandate: Mandate | None
    ) -> bool:
        """Carry out a cut of a file on one data server; False when it did not, or could not be reached.
        :class:`Superseded`: it has heard a later mandate."""


class _Queue:
    """One data server's."""

    __slots__ = ("failed", "not_before_ms", "pause_ms", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.failed: set[int] = set()  # files that were not cut when last asked: the others come first
        self.pause_ms = 0
        self.not_before_ms = 0

    def is_free(self, now_ms: int) -> bool:
        """Whether a batch may begin. Raises what the last one raised: only a bug does."""
        if self.task is not None and self.task.done():
            task, self.task = self.task, None
            task.result()
        return self.task is None and now_ms >= self.not_before_ms

    def next_of(self, due: list[int]) -> list[int]:
        fresh = [fileid for fileid in due if fileid not in self.failed]
        if not fresh:
            self.failed.clear()
        return (fresh or due)[:BATCH]


class Cutter:
    """The leader's. ``clock_ms`` is monotonic; ``wake`` is called when a batch is done, as more may be due.

    ``on_answer`` gets each data server that answered, and why it does not obey; empty: it does.
    """

    def __init__(
        self,
        replica: Replica,
        tables: Tables,
        registry: Registry,
        links: CutLinks,
        clock_ms: Callable[[], int],
        propose: Callable[[Internal], Awaitable[bytes | None]],
        wake: Callable[[], None],
        on_answer: Callable[[str, str], None],
    ) -> None:
        self._replica = replica
        self._tables = tables
        self._registry = registry
        self._links = links
        self._clock_ms = clock_ms
        self._propose = propose
        self._wake = wake
        self._on_answer = on_answer
        self._queues: dict[int, _Queue] = {}  # by data server's number

    def start(self, pending: list[cuts.Cut], mandate: Mandate | None) -> None:
        """Begin a batch at every data server that owes cuts, can be reached, and has none under way.

        ``mandate``: of the term in which these cuts were found to be due.
        """
        if not pending:
            return
        due: dict[int, list[int]] = {}
        for cut in pending:
            for number, _ in cut.remaining:
                due.setdefault(number, []).append(cut.fileid)
        with self._replica.env.begin() as txn:
            by_number = {server.number: server for server in data_servers.all_servers(txn, self._tables)}
        for number, files in due.items():
            heard = self._reachable(by_number.get(number))
            queue = self._queues.setdefault(number, _Queue())
            if queue.is_free(self._clock_ms()) and heard is not None:
                batch = self._batch(queue, number, heard, queue.next_of(files), mandate)
                queue.task = asyncio.get_running_loop().create_task(batch)

    async def idle(self) -> None:
        """Return when nothing is under way."""
        tasks = [queue.task for queue in self._queues.values() if queue.task is not None and not queue.task.done()]
        await asyncio.gather(*tasks)

    def _reachable(self, server: data_servers.DataServer | None) -> Heard | None:
        if server is None or not server.up:
            return None
        heard = self._registry.heard.get(server.ds_id)
        return heard if heard is not None and self._clock_ms() - heard.at_ms <= SILENT_MS else None

    async def _batch(
        self, queue: _Queue, number: int, heard: Heard, files: list[int], mandate: Mandate | None
    ) -> None:
        # An old leader must not cut what was written since. Looking again behind a barrier, directly before, spares the
        # data server most of that; what is overtaken by a pause even so is refused there, by the mandate.
        if not await replica_async.barrier(self._replica):
            return
        failed = await self._carry_out(number, heard, files, mandate)
        queue.failed.update(failed)
        if len(failed) < len(files):
            queue.pause_ms = 0
            self._wake()
        else:
            queue.pause_ms = min(max(PAUSE_MIN_MS, 2 * queue.pause_ms), PAUSE_MAX_MS)
            queue.not_before_ms = self._clock_ms() + queue.pause_ms

    async def _carry_out(
        self, number: int, heard: Heard, files: list[int], mandate: Mandate | None
    ) -> list[int]:
        """Have these files cut there; those that were not."""
        with self._replica.env.begin() as txn:
            current = [cuts.of_file(txn, self._tables, fileid) for fileid in files]
        owed = [cut for cut in current if cut is not None and number in dict(cut.remaining)]
        done = await asyncio.gather(*(self._cut(number, heard, cut, mandate) for cut in owed))
        return [cut.fileid for cut, is_done in zip(owed, done, strict=True) if not is_done]

    async def _cut(self, number: int, heard: Heard, cut: cuts.Cut, mandate: Mandate | None) -> bool:
        size = dict(cut.remaining)[number]
        try:
            if not await self._links.truncate(heard, cut.fileid, size, cut.serial, mandate):
                return False
        except Superseded as refusal:
            self._on_answer(heard.ds_id, str(refusal))
            return False
        self._on_answer(heard.ds_id, "")
        return await self._propose(Truncated(cut.fileid, cut.serial, [number])) is not None
