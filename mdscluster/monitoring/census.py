"""What lies in the tables, counted for whoever watches: in a thread, in short transactions, never twice at once.

What LMDB knows by itself (how many rows a table has) is asked at each scrape. What has to be run through is counted a
piece at a time, and not again before :data:`FRESH_S` have passed: opens, locks and layouts share a table, recalls have
ages, deletions are owed by one data server each. So a scrape costs a bounded time even with millions of any of them,
and nothing at all when nobody scrapes.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import cuts, data_servers, draining, features, recalls
from mdscluster.fsm.layout_states import TYPE_LAYOUT
from mdscluster.fsm.lease_reports import lease_clock_ms
from mdscluster.fsm.stateids import TYPE_LOCK, TYPE_OPEN
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.data_servers import DataServer
    from mdscluster.fsm.tables import Tables

FRESH_S: Final = 10.0
PATIENCE_S: Final = 0.25
"""How long a scrape waits for a count that is under way; then it gets the last one."""
_PIECE_ROWS: Final = 512
_BREATH_S: Final = 0.0005
"""Behind a piece: longer than a piece takes, so counting takes less than half of one processor."""


class Rows(msgspec.Struct):
    """What a look at the tables has found."""

    clients: int
    sessions: int
    client_connections: int
    inodes: int
    fences: int
    feature_level: int
    data_servers: list[DataServer]
    drained: set[int]


def look(txn: lmdb.Transaction, tables: Tables) -> Rows:
    """What costs the same however many there are; of data servers there are few."""
    return Rows(
        clients=txn.stat(tables.client)["entries"] // 2,  # a record and a lease each
        sessions=txn.stat(tables.session)["entries"],
        client_connections=txn.stat(tables.client_connection)["entries"],
        inodes=txn.stat(tables.inode)["entries"],
        fences=txn.stat(tables.fence)["entries"],
        feature_level=features.level(txn, tables),
        data_servers=[s for s in data_servers.all_servers(txn, tables) if draining.REMOVED not in s.ds_id],
        drained=set(data_servers.drains(txn, tables)),
    )


class Counted(msgspec.Struct):
    """What was run through, as it was then."""

    opens: int = 0
    locks: int = 0
    layouts: int = 0
    recalls: int = 0
    oldest_recall_s: float = 0.0
    """How long ago the oldest had begun, on the log's clock; 0: none. Its fence may not be in force yet."""
    cuts: int = 0
    deletions: Counter[int] = msgspec.field(default_factory=Counter)
    """By data server's number: files whose objects it has to delete yet."""


class Census:
    """Counts when it is asked, in a thread of its own."""

    def __init__(
        self, env: lmdb.Environment, tables: Tables, clock_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._env = env
        self._tables = tables
        self._clock_s = clock_s
        self._sleep = sleep
        self._executor = ThreadPoolExecutor(1, "census")
        self._last: Counted | None = None
        self._counted_s = float("-inf")
        self._counting: asyncio.Task[None] | None = None
        self._closing = False

    async def counted(self) -> Counted | None:
        """As counted last; counted anew if that was long ago and does not take long. None: never yet."""
        if self._counting is None and self._clock_s() - self._counted_s >= FRESH_S:
            self._counting = asyncio.create_task(self._count())
        if self._counting is not None:
            await asyncio.wait([self._counting], timeout=PATIENCE_S)
        return self._last

    async def close(self) -> None:
        """End a count that is under way."""
        self._closing = True
        if self._counting is not None:
            await asyncio.wait([self._counting])
        self._executor.shutdown(wait=False)

    async def _count(self) -> None:
        try:
            self._last = await asyncio.get_running_loop().run_in_executor(self._executor, self.count)
            self._counted_s = self._clock_s()
        finally:
            self._counting = None

    def count(self) -> Counted:
        """Run through the tables once. Rows that come or go meanwhile may be counted or not."""
        found = Counted()
        self._count_states(found)
        self._count_recalls(found)
        for _, keys in self._pieces(self._tables.deletion):
            found.deletions.update(U64.unpack_from(key)[0] for key in keys)
        return found

    def _count_states(self, found: Counted) -> None:
        of_type = [0] * 256
        for _, keys in self._pieces(self._tables.state):
            for key in keys:
                of_type[key[0]] += 1
        found.opens, found.locks, found.layouts = of_type[TYPE_OPEN], of_type[TYPE_LOCK], of_type[TYPE_LAYOUT]

    def _count_recalls(self, found: Counted) -> None:
        """The age is as of now: told later it must not have grown, as the layout may be back meanwhile."""
        oldest_ms: int | None = None
        now_ms = 0
        for txn, keys in self._pieces(self._tables.recall):
            now_ms = lease_clock_ms(txn, self._tables)
            for key in keys:
                if key.startswith(cuts.PREFIX) and len(key) == cuts.KEY_BYTES:
                    found.cuts += 1
                elif len(key) == recalls.KEY_BYTES and (record := recalls.load(txn, self._tables, key)) is not None:
                    found.recalls += 1
                    began_ms = record.started_lease_ms
                    oldest_ms = began_ms if oldest_ms is None else min(oldest_ms, began_ms)
        if oldest_ms is not None:
            found.oldest_recall_s = (now_ms - oldest_ms) / 1000

    def _pieces(self, table: lmdb._Database) -> Iterator[tuple[lmdb.Transaction, list[bytes]]]:
        """A table's keys, some at a time, each time in another transaction, with a pause behind it."""
        after: bytes | None = None
        while not self._closing:
            with self._env.begin() as txn, txn.cursor(db=table) as cursor:
                there = cursor.first() if after is None else cursor.set_range(after + b"\0")
                keys = list(islice(cursor.iternext(values=False), _PIECE_ROWS)) if there else []
                if keys:
                    yield txn, keys
            self._sleep(_BREATH_S)
            if len(keys) < _PIECE_ROWS:
                return
            after = keys[-1]
