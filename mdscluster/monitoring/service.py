"""The HTTP side of a metadata node: gathers what its parts know, and answers /metrics, /health, /ready, /leader.

It lives in the front end's loop and is given nothing to do while nobody asks. A scrape asks consensus for its status
(one message each way on the local socket); the page is made in a thread of its own, one at a time for all who ask. What
runs in the loop itself is a few dozen microseconds of copying.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import structlog

from mdscluster import replica_async
from mdscluster.control import vips
from mdscluster.monitoring import census, health, pages
from mdscluster.monitoring.decisions import Decisions
from mdscluster.monitoring.room import Room
from mdscluster.replica import ReplicaStatus
from mdsproto import certcheck
from mdsproto.configfile import ConfigError
from telemetry import exposition
from telemetry.exposition import Page
from telemetry.histogram import Histogram
from telemetry.http import HttpServer, Response, as_json
from telemetry.once import Once

if TYPE_CHECKING:
    from mdscluster.config import NodeConfig
    from mdscluster.control.registry import Heard, Registry
    from mdscluster.control.stonith import Stonith
    from mdscluster.control.vips import ServiceAddresses
    from mdscluster.monitoring.census import Counted
    from mdscluster.nfs_frontend.dispatcher import Dispatcher
    from mdscluster.replica import Replica

log = structlog.get_logger()

STATUS_S: Final = 2.0
"""A consensus process that does not answer for so long does not work."""
FRESH_S: Final = 0.5
"""A page is given again for so long. Short beside the second from which on a clock counts as wrong."""
_CLOSE_S: Final = 2.0


class FrontEndView(Protocol):
    """What is read of the front end."""

    config: NodeConfig
    replica: Replica
    dispatcher: Dispatcher
    registry: Registry
    stonith: Stonith
    service_addresses: ServiceAddresses
    lag: Histogram
    lag_ms: float

    def service(self) -> str: ...
    def connections(self) -> int: ...


class _Taken(NamedTuple):
    """What a page is made of, as it was at one moment."""

    status: ReplicaStatus | None
    service: str
    ready: bool
    depths: dict[str, int]
    connections: int
    statuses: dict[str, int]
    calls: dict[str, int]
    held: dict[str, str]
    outcomes: dict[str, int]
    heard: dict[str, Heard]
    refused: dict[str, str]


class Monitoring:
    """One node's. ``clock_ms``: the clock that the registry's times are of."""

    def __init__(self, front_end: FrontEndView, clock_ms: Callable[[], int]) -> None:
        self._front_end = front_end
        self._clock_ms = clock_ms
        self._census = census.Census(front_end.replica.env, front_end.dispatcher.tables)
        self._room = Room(front_end.replica.env)
        self._decisions = Decisions()
        self._executor = ThreadPoolExecutor(1, "metrics")
        self._beginning: asyncio.Task[None] | None = None
        self._page = Once(self._make_page, FRESH_S)
        self._started_s = time.time()
        self._ends: dict[Path, tuple[int, float]] = {}  # certificate -> when the file was written, when it ends
        self._http = HttpServer(
            {"/metrics": self.metrics, "/health": self.health, "/ready": self.ready, "/leader": self.leader}
        )

    async def listen(self) -> None:
        """Where the configuration says so; nowhere when it says nothing.

        An address that cannot be had ends nothing: whoever watches finds that nobody answers there. It is tried again
        every few seconds, as it may not be up yet.
        """
        address = self._front_end.config.metrics.address
        if address is None:
            return
        first = asyncio.Event()

        def refused(problem: OSError) -> None:
            log.error("metrics cannot be served yet", address=str(address), reason=str(problem))
            first.set()

        async def begin() -> None:
            await self._http.listen_at_last(address.host, address.port, refused)
            log.info("serving metrics", address=str(address))
            first.set()

        self._beginning = asyncio.create_task(begin())
        await first.wait()

    async def close(self) -> None:
        """End everything."""
        if self._beginning is not None:
            self._beginning.cancel()
        await self._http.close()
        await self._census.close()
        await self._page.settle(_CLOSE_S)  # it reads the environment
        self._executor.shutdown(wait=False)

    # ------------------------------------------------------------ what is answered
    async def health(self) -> Response:
        """200: both of the node's processes work."""
        status = await self._status()
        return self._judged("healthy", health.why_not_healthy(status), status)

    async def ready(self) -> Response:
        """200: it serves, with a quorum behind it, and has caught up."""
        status = await self._status()
        return self._judged("ready", health.why_not_ready(status, self._front_end.service()), status)

    async def leader(self) -> Response:
        """200: this node leads."""
        status = await self._status()
        return self._judged("leads", health.why_not_leader(status), status)

    def _judged(self, what: str, reasons: list[str], status: ReplicaStatus | None) -> Response:
        content = {
            "node": self._front_end.config.node_id,
            what: not reasons,
            "reasons": reasons,
            "leader": "" if status is None else status.leader_id,
            "term": 0 if status is None else status.term,
        }
        return as_json(503 if reasons else 200, content)

    async def metrics(self) -> Response:
        """Everything, in Prometheus' text format."""
        return Response(200, await self._page.get(), exposition.CONTENT_TYPE)

    async def _make_page(self) -> bytes:
        status = await self._status()
        counted = await self._census.counted()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._write, self._take(status), counted)

    # ------------------------------------------------------------ gathering
    async def _status(self) -> ReplicaStatus | None:
        try:
            return await asyncio.wait_for(replica_async.status(self._front_end.replica), STATUS_S)
        except TimeoutError:
            return None

    def _take(self, status: ReplicaStatus | None) -> _Taken:
        """What must not change under whoever reads it, copied in the loop. Lists of counters may, by some requests."""
        front_end = self._front_end
        dispatcher, service = front_end.dispatcher, front_end.service()
        depths = {
            "reads": dispatcher.reads.waiting,
            "layout_returns": len(dispatcher.waiting),
            "lease_reports": dispatcher.reports.waiting,
        }
        if status is not None:
            depths |= {"proposals": status.pending_proposals, "barriers": status.pending_barriers}
        counters = dispatcher.counters
        return _Taken(
            status, service, not health.why_not_ready(status, service), depths, front_end.connections(),
            counters.by_name(), dict(counters.calls), dict(front_end.stonith.held), dict(front_end.stonith.outcomes),
            dict(front_end.registry.heard),
            {ds: refusal.state for ds, refusal in front_end.registry.refused(self._clock_ms()).items()},
        )  # fmt: skip

    def _write(self, taken: _Taken, counted: Counted | None) -> bytes:
        """In a thread: counters, tables, files, and the text."""
        front_end = self._front_end
        dispatcher, stonith, status = front_end.dispatcher, front_end.stonith, taken.status
        page = Page(exposition.let_others_run)
        page.gauge("mdscluster_ready", "1: /ready answers 200.", taken.ready)
        if status is not None:
            pages.about_raft(page, status)
            pages.about_loops(page, status, front_end.lag, front_end.lag_ms)
        pages.about_nfs(page, dispatcher.counters, taken.service, taken.statuses, taken.calls)
        page.gauge("mdscluster_nfs_connections", "Clients' connections to this node.", taken.connections)
        pages.about_proxy(page, dispatcher.counters.moved)
        pages.about_queues(page, taken.depths)
        state = stonith.state()
        pages.about_fencing(
            page, state, enabled=stonith.enabled, held=taken.held, outcomes=taken.outcomes,
            decided=self._decisions.count(state),
        )  # fmt: skip
        with front_end.replica.env.begin() as txn:
            rows = census.look(txn, dispatcher.tables)
        pages.about_state(page, rows, counted, dispatcher.settings.recall_timeout_ms / 1000)
        now_ms = self._clock_ms()
        silent = {ds_id: now_ms - heard.at_ms for ds_id, heard in taken.heard.items()}
        pages.about_data_servers(page, rows, counted, taken.refused, silent)
        found = front_end.service_addresses.states()
        pages.about_vips(page, [(vip, vips.is_here(vip.address)) for vip in found])
        self._about_host(page)
        return page.write()

    def _about_host(self, page: Page) -> None:
        config, room = self._front_end.config, self._room
        exposition.about_build(page, "mdscluster_build_info", "mdscluster")
        page.gauge("mdscluster_start_time_seconds", "When this process began, Unix time.", self._started_s)
        page.gauge("mdscluster_time_seconds", "This host's clock, Unix time.", time.time())
        for name, path in (("ca", config.tls.ca), ("own", config.tls.certificate)):
            help = "When a certificate ends, Unix time."
            page.gauge("mdscluster_certificate_end_timestamp_seconds", help, self._end_of(path), certificate=name)
        space = os.statvfs(config.data_dir)
        help = "Of the file system that data_dir is on."
        page.gauge("mdscluster_data_dir_size_bytes", help, space.f_blocks * space.f_frsize)
        page.gauge("mdscluster_data_dir_free_bytes", help, space.f_bavail * space.f_frsize)
        help = "Of the environment of log and metadata, what holds something."
        page.gauge("mdscluster_state_used_bytes", help, room.used_bytes())
        help = "The most that was ever in use of it, which is its file's size: what was freed is used again."
        page.gauge("mdscluster_state_high_water_bytes", help, room.high_water_bytes())
        page.gauge("mdscluster_state_size_bytes", "How large it may become.", room.size_bytes())
        exposition.about_process(page, "mdscluster_front_end", "self")
        exposition.about_process(page, "mdscluster_consensus", os.getppid())

    def _end_of(self, certificate: Path) -> float:
        """Read anew when the file was replaced. What cannot be read has no end: NaN."""
        try:
            written_ns = certificate.stat().st_mtime_ns
            known = self._ends.get(certificate)
            if known is None or known[0] != written_ns:
                self._ends[certificate] = known = (written_ns, certcheck.end_of(certificate).timestamp())
        except (OSError, ConfigError):
            return float("nan")
        return known[1]
