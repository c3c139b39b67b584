"""Watching a data server: metrics, health and readiness over HTTP, in a thread of its own (docs/MONITORING.md).

The counters are those that connections keep anyway (:mod:`dataserver.counters`); they are summed when somebody asks. A
file system that hangs holds up one thread, however often it is asked for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from mdsproto import certcheck
from mdsproto.configfile import ConfigError
from nfswire import nfs4
from telemetry import exposition
from telemetry.exposition import Page
from telemetry.http import HttpServer, Response, as_json
from telemetry.once import Once

if TYPE_CHECKING:
    from dataserver.objects import Space
    from dataserver.server import Server

log = structlog.get_logger()

ALERTED: Final = ("NFS4ERR_IO", "NFS4ERR_NOSPC", "NFS4ERR_ROFS", "NFS4ERR_DQUOT")
"""What is answered when the disk is full or fails. On the page from the start: Prometheus' ``increase`` does not see a
series begin."""
_START_S: Final = 5.0
_JOIN_S: Final = 2.0
FRESH_S: Final = 0.5
"""A page is given again for so long. Short beside the second from which on a clock counts as wrong."""
DISK_S: Final = 2.0
"""A file system that does not say how full it is for so long does not answer."""


class Monitoring:
    """One data server's."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._started_s = time.time()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._listening = threading.Event()
        self._disk = ThreadPoolExecutor(1, "metrics-disk")
        self._pages = ThreadPoolExecutor(1, "metrics-page")
        self._space = Once(self._ask_space)
        self._page = Once(self._make_page, FRESH_S)

    def start(self) -> None:
        """Listen where the configuration says so. An address that cannot be had ends nothing, and is tried again."""
        if self._server.config.metrics.address is None:
            return
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="metrics", daemon=True)
        self._thread.start()
        self._listening.wait(_START_S)

    def stop(self) -> None:
        """End it."""
        if self._thread is not None and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_JOIN_S)

    async def _run(self) -> None:
        address = self._server.config.metrics.address
        assert address is not None
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        http = HttpServer({"/metrics": self.metrics, "/health": self.health, "/ready": self.ready})

        def refused(problem: OSError) -> None:
            log.error("metrics cannot be served yet", address=str(address), reason=str(problem))
            self._listening.set()

        async def begin() -> None:
            await http.listen_at_last(address.host, address.port, refused)
            log.info("serving metrics", address=str(address))
            self._listening.set()

        beginning = asyncio.create_task(begin())
        await self._stop.wait()
        beginning.cancel()
        await http.close()
        await self._page.settle(_JOIN_S)
        for executor in (self._disk, self._pages):
            executor.shutdown(wait=False)

    # ------------------------------------------------------------ what is answered
    async def health(self) -> Response:
        """200: the process works, and its file system answers."""
        return self._judged("healthy", await self._why_not_healthy())

    async def ready(self) -> Response:
        """200: a quorum was heard within the lease, and clients are served."""
        reasons = await self._why_not_healthy()
        if not self._server.authority.has_lease():
            reasons.append("no quorum of metadata servers was heard within the lease")
        elif not self._server.listener.is_open:
            reasons.append("the listener is not open yet")
        return self._judged("ready", reasons)

    async def _why_not_healthy(self) -> list[str]:
        try:
            await asyncio.wait_for(self._space.get(), DISK_S)
        except TimeoutError:
            return [f"data_dir does not answer within {DISK_S:g} s"]
        except OSError as problem:
            return [f"data_dir cannot be used: {problem.strerror}"]
        return []

    async def _ask_space(self) -> Space:
        return await asyncio.get_running_loop().run_in_executor(self._disk, self._server.store.space)

    def _judged(self, what: str, reasons: list[str]) -> Response:
        content = {"data_server": self._server.config.ds_id, what: not reasons, "reasons": reasons}
        return as_json(503 if reasons else 200, content)

    async def metrics(self) -> Response:
        """Everything, in Prometheus' text format."""
        return Response(200, await self._page.get(), exposition.CONTENT_TYPE)

    async def _make_page(self) -> bytes:
        try:
            space = await asyncio.wait_for(self._space.get(), DISK_S)
        except (TimeoutError, OSError):
            space = None  # /health tells why
        return await asyncio.get_running_loop().run_in_executor(self._pages, self._write, space)

    def _write(self, space: Space | None) -> bytes:
        page = Page(exposition.let_others_run)
        self._about_traffic(page)
        self._about_authority(page)
        self._about_host(page, space)
        return page.write()

    # ------------------------------------------------------------ gathering
    def _about_traffic(self, page: Page) -> None:
        server = self._server
        total = server.core.ledger.total()
        name, help = "mdscluster_ds_operations_total", "Operations done."
        for operation, count in (("read", total.reads), ("write", total.writes), ("commit", total.commits)):
            page.counter(name, help, count, operation=operation)
        name, help = "mdscluster_ds_bytes_total", "File data moved."
        for direction, count in (("read", total.read_bytes), ("written", total.written_bytes)):
            page.counter(name, help, count, direction=direction)
        page.counter("mdscluster_ds_compounds_total", "COMPOUNDs that took the general path.", total.compounds)
        page.counter("mdscluster_ds_replays_total", "Retransmissions answered once more.", total.replays)
        errors = dict.fromkeys(ALERTED, 0) | {
            nfs4.STATUS_NAMES.get(status, str(status)): count for status, count in total.errors.items()
        }
        page.counters("mdscluster_ds_statuses_total", "Results other than NFS4_OK.", errors, "status")
        help = "COMMITs and stable WRITEs, made durable."
        page.histogram("mdscluster_ds_sync_duration_seconds", help, total.sync)
        page.gauge("mdscluster_ds_connections", "Connections.", server.listener.connections)
        page.gauge("mdscluster_ds_sessions", "Sessions.", len(server.core.registry.sessions))

    def _about_authority(self, page: Page) -> None:
        server, authority = self._server, self._server.authority
        left_s = (authority.lease_until_ns - authority.clock_ns()) / 1e9 if authority.lease_until_ns else 0.0
        page.gauge("mdscluster_ds_lease_left_seconds", "How long I/O is served without another word.", max(left_s, 0.0))
        ready = authority.has_lease() and server.listener.is_open
        page.gauge("mdscluster_ds_ready", "1: clients are served.", ready)
        help = "The version of the list of void layouts that all I/O obeys."
        page.gauge("mdscluster_ds_fence_version", help, authority.version_in_force)
        help = "Deletions that were asked for and not done."
        page.gauge("mdscluster_ds_pending_deletes", help, server.deletions.pending)
        for mds, answers in sorted(server.heartbeats.answers().items()):
            help = "1: its last answer to a heartbeat renewed the lease."
            page.gauge("mdscluster_ds_metadata_server_answers", help, answers, metadata_server=mds)

    def _about_host(self, page: Page, space: Space | None) -> None:
        config = self._server.config
        exposition.about_build(page, "mdscluster_ds_build_info", "mdscluster")
        page.gauge("mdscluster_ds_start_time_seconds", "When this process began, Unix time.", self._started_s)
        page.gauge("mdscluster_ds_time_seconds", "This host's clock, Unix time.", time.time())
        for name, path in (("ca", config.tls.ca), ("own", config.tls.certificate)):
            help = "When a certificate ends, Unix time."
            page.gauge("mdscluster_ds_certificate_end_timestamp_seconds", help, _end_of(path), certificate=name)
        if space is not None:
            help = "Of the file system that data_dir is on."
            page.gauge("mdscluster_ds_size_bytes", help, space.capacity_bytes)
            page.gauge("mdscluster_ds_free_bytes", "What clients may still fill of it.", space.free_bytes)
        exposition.about_process(page, "mdscluster_ds")


def _end_of(certificate: Path) -> float:
    try:
        return certcheck.end_of(certificate).timestamp()
    except ConfigError:
        return float("nan")
