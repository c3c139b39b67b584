"""A data server inside the test: real sockets, threads and files; the lease and the reports are the test's."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

from dataserver.authority import Authority
from dataserver.config import Limits
from dataserver.connection import LANES
from dataserver.core import Core, Identity
from dataserver.listener import Listener
from dataserver.objects import ObjectStore
from dataserver.sessions import Registry
from mdsproto.configfile import Address
from tests.unit.dataserver.support.wire import KEY, Wire

Report = tuple[int, int, int, int]


class LocalServer:
    """``with LocalServer(path) as server``. Random values are counters, so two servers given the same give the same."""

    def __init__(
        self,
        path: Path,
        *,
        fast: bool = True,
        lanes: int = LANES,
        limits: Limits | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
        lease_ms: int = 60_000,
        lease_wait_ms: int = 0,
        open_max: int = 64,
        verifier: bytes = b"",
    ) -> None:
        limits = limits or Limits()
        self.reports: list[Report] = []
        self.report_answer: Callable[[Report], bool] = lambda report: True
        verifiers = itertools.count(int.from_bytes(verifier, "big") or 1)
        draws = itertools.count(0x1000)
        self.store = ObjectStore(path, "ds1", lambda: next(verifiers).to_bytes(8, "big"), open_max=open_max)
        self.authority = Authority(KEY, clock_ns, lease_wait_ms=lease_wait_ms)
        self.core = Core(
            authority=self.authority,
            store=self.store,
            registry=Registry(sessions_max=limits.max_sessions, draw_id=lambda n: next(draws).to_bytes(n, "big")),
            limits=limits,
            identity=Identity.of("test", "ds1"),
            report_write=self._report,
            wall_ns=wall_ns,
        )
        if lease_ms:
            self.authority.renew(clock_ns(), lease_ms)
        address = Address("127.0.0.1", 0)
        self.listener = Listener(self.core, address, lambda: time.monotonic_ns() // 1_000_000, fast=fast, lanes=lanes)
        self.port = 0

    def _report(self, fileid: int, client_id: int, stripe: int, end_offset: int, mtime_ns: int) -> bool:
        report = (fileid, client_id, stripe, end_offset)
        self.reports.append(report)
        return self.report_answer(report)

    def __enter__(self) -> LocalServer:
        self.port = self.listener.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()
        self.store.close()

    def connect(self) -> Wire:
        return Wire(("127.0.0.1", self.port))

    def session(self, owner: bytes = b"owner") -> Wire:
        return self.connect().open_session(owner)
