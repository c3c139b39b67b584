"""Helper threads of a connection, for requests that wait for the disk or for the MDS.

Linux sends all its I/O to a data server over one connection (or few, with nconnect). A COMMIT may take as long as
there is dirty data, and a FILE_SYNC4 WRITE waits for fsync and a quorum; served by the connection's own thread they
would hold up every READ and WRITE behind them. ONC RPC lets replies go out of order, so such a request is copied and
handed to a lane. Several at once then also share one report to the MDS. When all lanes are busy the connection's thread
runs the request itself, which is the back pressure.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dataserver.fastpath import FastPath

if TYPE_CHECKING:
    from dataserver.authority import Ticket
    from dataserver.core import Core
    from dataserver.counters import Counters

IDLE_TIMEOUT_S: Final = 5.0
"""A lane that had nothing to do for so long ends."""

Serve = Callable[[FastPath, "Ticket", "Counters", bytes], None]
"""Runs one record and sends its reply; raises nothing."""


class Lanes:
    """Up to ``limit`` threads, made when first needed. :meth:`offer` is called by the connection's thread only."""

    def __init__(self, core: Core, limit: int, serve: Serve) -> None:
        self._core = core
        self._limit = limit
        self._serve = serve
        self._records: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._free = 0
        self._tickets: set[Ticket] = set()
        self._closed = False

    def offer(self, record: bytes | memoryview) -> bool:
        """Hand over a record, copied; False: no lane is free."""
        with self._lock:
            if not self._free:
                if len(self._tickets) >= self._limit or self._closed:
                    return False
                self._start()
            self._free -= 1
        self._records.put(bytes(record))
        return True

    def _start(self) -> None:
        ticket = self._core.authority.ticket()
        self._tickets.add(ticket)
        self._free += 1
        threading.Thread(target=self._run, args=(ticket,), name="nfs-lane", daemon=True).start()

    def close(self) -> None:
        """The connection is being ended by us: what waits in a lane must not be run."""
        with self._lock:
            self._closed = True
            tickets = list(self._tickets)
        for ticket in tickets:
            self._core.authority.close(ticket)

    def end(self) -> None:
        """The connection has ended: lanes finish what they do, and end."""
        with self._lock:
            self._closed = True
            for _ in self._tickets:
                self._records.put(None)

    def _run(self, ticket: Ticket) -> None:
        counters = self._core.ledger.open()
        fast = FastPath(self._core, ticket, counters, memoryview(b""))
        try:
            while True:
                try:
                    record = self._records.get(timeout=IDLE_TIMEOUT_S)
                except queue.Empty:
                    with self._lock:
                        if not self._free:
                            continue  # a record is on its way to the last free lane, which may be this one
                        self._free -= 1
                        self._tickets.discard(ticket)
                    return
                if record is None:
                    return
                self._serve(fast, ticket, counters, record)
                with self._lock:
                    self._free += 1
        finally:
            with self._lock:
                self._tickets.discard(ticket)
            self._core.authority.drop(ticket)
            self._core.ledger.close(counters)
