"""The composition root: a data server from its configuration, with the clocks, the randomness and the threads."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

from dataserver.authority import Authority
from dataserver.config import ConfigError, DsConfig
from dataserver.control import ControlService, MdsLinks, start_control_server
from dataserver.core import Core, Identity
from dataserver.deletions import Deletions
from dataserver.directory import Directory
from dataserver.heartbeats import Heartbeats
from dataserver.leadership import Leadership, MandateFile
from dataserver.life import Life
from dataserver.listener import Listener
from dataserver.monitoring import Monitoring
from dataserver.objects import ObjectStore
from dataserver.reports import Reporter
from dataserver.sessions import Registry
from dataserver.tombstones import FILE as TOMBSTONES_FILE
from dataserver.tombstones import Tombstones
from dataserver.whereabouts import FILE as CONNECTIONS_FILE
from dataserver.whereabouts import Whereabouts
from mdsproto.configfile import refused

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger()

REPORT_DEADLINE_MS: Final = 10_000
"""How long a FILE_SYNC4 WRITE waits for the MDS: longer than any election."""
LEASE_WAIT_MS: Final = 5_000
"""How long a request waits for a lapsed lease."""
LAPSE_MS: Final = 2_000
"""How long a lease may have lapsed before the connections are closed."""
SUPERVISE_S: Final = 0.1
TRAFFIC_LOG_S: Final = 60
TOMBSTONES_MAX: Final = 65_536
OPEN_OBJECTS_MAX: Final = 8_192
DESCRIPTORS_WANTED: Final = 65_536
_DESCRIPTORS_BESIDE: Final = 512
"""Shards, gRPC, listeners, logs."""
_SWITCH_INTERVAL_S: Final = 0.001
_JOIN_TIMEOUT_S: Final = 5.0


def clock_ns() -> int:
    """Monotonic, and counting while the machine is suspended: a lease must not outlive a pause of the whole machine."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Server:
    """One data server, all of it."""

    def __init__(self, config: DsConfig, *, fast: bool = True) -> None:
        """Opens the store and the channels, listens nowhere yet. :class:`ConfigError`, ``OSError``."""
        self.config = config
        key = config.cluster_key()
        open_max = _open_objects(config)
        # A verifier of 8 random bytes is another one after every restart without anything having to be kept.
        self.store = ObjectStore(
            config.data_dir, config.ds_id, lambda: os.urandom(8), fsync=config.fsync, open_max=open_max,
            reserve_bytes=config.limits.reserve_bytes,
        )  # fmt: skip
        tombstones = Tombstones(config.data_dir / TOMBSTONES_FILE, TOMBSTONES_MAX)
        self.life = Life()
        self.authority = Authority(
            key, clock_ns, self.life, lease_wait_ms=LEASE_WAIT_MS, deleted=tombstones.ids()
        )
        self.deletions = Deletions(self.authority, self.store, tombstones, clock_ns, self.life)
        self._mandates = MandateFile(config.data_dir)
        known = self._mandates.known
        self.leadership = Leadership(known, self._mandates.keep, self.life)
        self.directory = Directory(config, known.era if known is not None else 0)
        self.links = MdsLinks(config, self.directory.mds)
        self.life.ends_with(self._begin_anew)
        self.core = Core(
            authority=self.authority,
            store=self.store,
            registry=Registry(sessions_max=config.limits.max_sessions, draw_id=os.urandom),
            limits=config.limits,
            identity=Identity.of(config.cluster_name, config.ds_id),
            report_write=Reporter(config.ds_id, self.links.reports, clock_ns, deadline_ms=REPORT_DEADLINE_MS),
            wall_ns=time.time_ns,
        )
        self.heartbeats = Heartbeats(
            config, int.from_bytes(os.urandom(8), "big"), key, self.links.beats, self.authority, self.store,
            self.deletions, self.leadership, self.life, self._follow,
        )  # fmt: skip
        self.listener = Listener(self.core, config.nfs, clock_ms, fast=fast)
        self.whereabouts = Whereabouts(
            config.data_dir / CONNECTIONS_FILE, lambda: self.listener.is_open, self.listener.ends
        )
        self.monitoring = Monitoring(self)
        self._stopping = threading.Event()

    def _begin_anew(self, era: int, restored: bool) -> None:
        """Another life of the cluster begins, with other metadata servers if it was restored."""
        if restored:
            self.directory.begin_anew(era)
            self.links.follow(self.directory.mds)

    def _follow(self, era: int, membership_index: int, mds: dict[str, str]) -> None:
        if self.directory.follow(era, membership_index, mds):
            self.links.follow(self.directory.mds)

    def run(self) -> None:
        """Serve until :meth:`stop`. ``OSError`` when an address cannot be had."""
        service = ControlService(self.authority, self.store, self.deletions, self.leadership, self.life)
        control = start_control_server(self.config, service)
        whereabouts = threading.Thread(target=self.whereabouts.run, name="whereabouts", daemon=True)
        deletions = threading.Thread(target=self.deletions.run, name="delete", daemon=True)
        for thread in (*self.heartbeats.threads(), deletions, whereabouts):
            thread.start()
        self.monitoring.start()
        log.info("data server started", nfs=str(self.config.nfs), data_dir=str(self.config.data_dir))
        gc.collect()
        gc.freeze()
        try:
            self._supervise()
        finally:
            self.monitoring.stop()
            self.listener.close()
            self.whereabouts.stop()
            self.heartbeats.stop()
            self.deletions.stop()
            control.stop(grace=1.0).wait()
            self.links.close()
            whereabouts.join(_JOIN_TIMEOUT_S)
            self._mandates.close()
            self.store.close()
            log.info("data server stopped", **self.traffic())

    def stop(self) -> None:
        """Let :meth:`run` end in good order; may be called from a signal handler."""
        self._stopping.set()

    def _supervise(self) -> None:
        """Open the listener with the lease, close it when the lease has lapsed (see :mod:`dataserver.listener`)."""
        told, logged_ns = self.traffic(), clock_ns()
        while not self._stopping.wait(SUPERVISE_S):
            self.links.refresh()
            now_ns = clock_ns()
            if self.authority.has_lease():
                if not self.listener.is_open:
                    self.listener.open()
                    log.info("serving", nfs=str(self.config.nfs), fences=self.authority.version_in_force)
            elif self.listener.is_open and now_ns - self.authority.lease_until_ns > LAPSE_MS * 1_000_000:
                log.warning("no quorum heard within the lease: connections are closed")
                self.listener.close()
            if now_ns - logged_ns > TRAFFIC_LOG_S * 1_000_000_000:
                logged_ns = now_ns
                if (traffic := self.traffic()) != told:
                    told = traffic
                    log.info("served so far", **traffic)

    def traffic(self) -> dict[str, int]:
        """Counters since start, flat."""
        total = self.core.ledger.total()
        flat = {name: getattr(total, name) for name in total.__struct_fields__ if name not in ("errors", "sync")}
        return flat | {f"status_{status}": count for status, count in sorted(total.errors.items())}


def _open_objects(config: DsConfig) -> int:
    """How many objects may be open at once, after raising the limit on descriptors as far as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_WANTED if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    room = soft - config.limits.max_connections - _DESCRIPTORS_BESIDE
    if room < 64:
        raise ConfigError(
            f"the limit on open files is {soft}: limits.max_connections {config.limits.max_connections} needs at "
            f"least {config.limits.max_connections + _DESCRIPTORS_BESIDE + 64} (LimitNOFILE= or ulimit -n)"
        )
    return min(room, OPEN_OBJECTS_MAX)


def serve(config: DsConfig) -> int:
    """Run in the foreground until SIGTERM or SIGINT; the exit code. :class:`ConfigError`; its
    :class:`~mdsproto.configfile.SystemRefusal` when another start may do better."""
    # A thread that comes back from a system call waits for the GIL no longer than this, were another one busy.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        server = Server(config)
    except OSError as problem:
        raise refused(str(problem), problem) from problem
    stop: Callable[[int, object], None] = lambda *_: server.stop()  # noqa: E731
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        server.run()
    except OSError as problem:  # an address that is not up yet, as a rule
        raise refused(str(problem), problem) from problem
    return 0
