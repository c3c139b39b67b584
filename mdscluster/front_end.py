"""The front-end process of a metadata node: NFS server, callbacks, proxy I/O, control and admin services.

A child of the consensus process, which is the node: when that dies, this dies with it (:mod:`mdscluster.server`).
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc
import structlog
import uvloop

from fencing import agents
from mdscluster import replica_async
from mdscluster.config import ConfigError, NodeConfig
from mdscluster.control.admin import AdminService
from mdscluster.control.guarding import PATIENCE_ELECTIONS, Guarding
from mdscluster.control.leader import LeaderJobs
from mdscluster.control.links import DataServerLinks
from mdscluster.control.registry import Registry
from mdscluster.control.service import ControlService
from mdscluster.control.stonith import Stonith
from mdscluster.control.stonith_service import FencingService
from mdscluster.control.vips import ServiceAddresses
from mdscluster.control.witnesses import VoterLinks
from mdscluster.fsm import lease_reports, recalls
from mdscluster.fsm.clients import any_client
from mdscluster.fsm.fencing_state import EVENT_NODE_FENCING
from mdscluster.fsm.machine import EVENT_SETTINGS
from mdscluster.fsm.session_records import EVENT_SESSION_GONE
from mdscluster.fsm.settings import Settings
from mdscluster.fsm.tables import U64
from mdscluster.nfs_frontend.callbacks import Callbacks
from mdscluster.nfs_frontend.dispatcher import Dispatcher
from mdscluster.nfs_frontend.exports import ExportRule, make_rule
from mdscluster.nfs_frontend.lease_reports import Reporter
from mdscluster.nfs_frontend.proxy import ProxyIo
from mdscluster.nfs_frontend.quorum import SERVING, QuorumWatch
from mdscluster.nfs_frontend.server import NfsServer
from mdscluster.nfs_frontend.takeover import Takeovers
from mdscluster.raft.environment import open_environment
from mdscluster.raft.local import LocalReplica
from mdscluster.replica import ReplicaStatus
from mdsproto import admin_pb2_grpc, control_pb2_grpc, credentials, fencing_pb2_grpc, lifeline
from mdsproto.configfile import CONFIG_EXIT_CODE, SYSTEM_EXIT_CODE, SystemRefusal, refused
from nfsclient.data_servers import DataServers, DataServerSettings
from nfsclient.handshake import Identity
from nfsclient.stats import Stats
from nfsclient.transport import AsyncioRuntime
from nfswire import rpc
from telemetry.histogram import Histogram

if TYPE_CHECKING:
    from fencing.procedure import Ask
    from mdscluster.control.leader import Links
    from mdscluster.control.witnesses import AskVoter
    from mdscluster.monitoring.service import Monitoring
    from mdscluster.replica import Replica
    from nfsclient.runtime import Runtime

log = structlog.get_logger()

_LAG_PERIOD_S: Final = 0.1
_QUORUM_PERIOD_S: Final = 0.125
_TICK_S: Final = 0.25
_MEMBERSHIP_PERIOD_S: Final = 1.0
_CONNECT_TIMEOUT_S: Final = 30.0


class FrontEnd:
    """Everything that lives in this process, tied together.

    Sockets, clocks and randomness are passed in: ``runtime`` for the I/O that this node does for its clients, ``links``
    to the data servers' control side, a monotonic clock, the ways to other metadata servers and to power devices. So a
    simulator runs a front end whole.
    """

    def __init__(
        self, config: NodeConfig, replica: Replica, runtime: Runtime, links: Links, clock_s: Callable[[], float],
        ask_voter: AskVoter, ask_device: Ask = agents.ask, node_pid: int = 0, config_file: Path | None = None,
    ) -> None:  # fmt: skip
        """``node_pid``: the consensus process, for the guard; 0: none. ``config_file``: where ``config`` is from."""
        loop = asyncio.get_running_loop()
        self.config = config
        self.service_addresses = ServiceAddresses(config, config_file)
        filed = self.service_addresses.filed
        self.replica = replica
        self.lag_ms = 0.0
        self.lag = Histogram()

        def clock_ms() -> int:
            return int(clock_s() * 1000)

        self.clock_ms = clock_ms
        verifier = runtime.random_bytes(8)
        reporter = Reporter(config.node_id, U64.unpack(verifier)[0], config.cluster.lease_ms)
        self.dispatcher = Dispatcher(replica, loop.call_soon, clock_s=clock_s, reporter=reporter)
        if config.metrics.slow_ms:
            self.dispatcher.counters.slow_s = config.metrics.slow_ms / 1000
        identity = Identity(f"{config.cluster.name}/{config.node_id}".encode(), verifier)
        self.proxy = ProxyIo(
            self.dispatcher,
            DataServers(
                runtime, identity, 1, rpc.AuthSys(0, config.node_id.encode(), 0, 0, ()), DataServerSettings(),
                config.cluster.max_io_bytes, Stats(),
            ),
            verifier,
        )
        self.dispatcher.run_io = self.proxy.start
        node_number = sorted(peer.id for peer in config.peers).index(config.node_id)
        self.callbacks = Callbacks(self.dispatcher, node_number, loop.call_later)
        self.server = NfsServer(
            self.dispatcher, self.callbacks, export_rules(config), config.limits, clock_ms(),
            self.service_addresses.kept,
        )  # fmt: skip
        self._membership_index = 0
        self.quorum = QuorumWatch(
            replica, self.dispatcher, self.server.close_clients, config.on_quorum_loss,
            patience_ms=int(config.raft.election_max_ms * PATIENCE_ELECTIONS),
            hopeless_ms=config.raft.election_min_ms,
        )  # fmt: skip
        self.takeovers = Takeovers(config.node_id, replica, self.dispatcher.tables, self.serving, self.server)
        self.guarding: Guarding | None = None
        if config.guard.run_dir and node_pid:
            self.guarding = Guarding(config, node_pid, replica, self.dispatcher.tables, self.service)
        self.registry = Registry()
        self.leader = LeaderJobs(
            replica, self.dispatcher.tables, self.registry, links, clock_ms,
            ds_lease_ms=config.cluster.ds_lease_ms, wanted=wanted_settings(config),
            draw_cluster_id=lambda: int.from_bytes(runtime.random_bytes(4), "big") >> 1 | 1,
            address_gone=self._address_gone,
        )  # fmt: skip
        self.control = ControlService(
            replica, self.dispatcher.tables, self.registry, clock_ms, ds_lease_ms=config.cluster.ds_lease_ms
        )
        self.stonith = Stonith(
            config.node_id, reporter.process or 1, config.fencing, replica, self.dispatcher.tables, clock_ms,
            self.serving, ask_voter, ask_device, lambda: filed.now().fencing.devices,
        )  # fmt: skip
        replica.on_event = self.on_event

    def on_event(self, event: bytes) -> None:
        """What ``apply`` said on this node, after the commit."""
        kind = event[:1]
        if kind == recalls.EVENT_RECALL:
            self.callbacks.recall(event[1:])
        elif kind == recalls.EVENT_RETURNED:
            self.dispatcher.waiting.returned(U64.unpack_from(event, 1)[0])
        elif kind == EVENT_SESSION_GONE:
            self.dispatcher.forget_session(event[1:])
            self.callbacks.session_gone(event[1:])
        elif kind == lease_reports.EVENT_REPORTED:
            self.leader.reported(lease_reports.unpack_event(event))
        elif kind == EVENT_SETTINGS:
            self.dispatcher.reload_settings()
        elif kind in (recalls.EVENT_FENCE, recalls.EVENT_TRUNCATE):
            self.leader.wake.set()
        elif kind == EVENT_NODE_FENCING:
            self.stonith.wake.set()
            if self.guarding is not None:
                self.guarding.wake.set()

    def _address_gone(self) -> bool:
        """Whether no service address is here, as far as that is known."""
        return self.guarding is None or self.guarding.address_gone()

    # ------------------------------------------------------------ what admin and monitoring see of it
    def connections(self) -> int:
        return len(self.server.connections)

    def service(self) -> str:
        return self.quorum.service

    def serving(self) -> bool:
        """Whether this node has a quorum, as far as it knows."""
        return self.quorum.service == SERVING

    def statuses(self) -> dict[str, int]:
        return self.dispatcher.counters.by_name()

    def operations(self) -> dict[str, int]:
        counters = self.dispatcher.counters
        return {**counters.operations(), **+counters.calls}

    # ------------------------------------------------------------ background work
    async def report_leases(self) -> None:
        """Tell the log which clients were heard of: often enough that no answer ever waits for that."""
        reports = self.dispatcher.reports
        while True:
            await asyncio.sleep(reports.period_s())
            # Without a quorum there is nobody to tell, and a report would only wait; who is heard of later tells first.
            if self.dispatcher.service == SERVING and (reports.touched or self._has_clients()):
                reports.report()  # also that it heard of nobody

    def _has_clients(self) -> bool:
        with self.replica.env.begin() as txn:
            return any_client(txn, self.dispatcher.tables)

    async def tick(self) -> None:
        """Tell connections, and the requests that wait for layouts, how late it is."""
        while True:
            await asyncio.sleep(_TICK_S)
            self.dispatcher.waiting.tick(self.clock_ms())
            self.dispatcher.reports.tick()
            self.server.tick(self.clock_ms())

    async def heed_quorum(self) -> None:
        """Watch whether this node has a quorum, and do what ``on_quorum_loss`` says while it has none."""
        while True:
            before_ms = self.clock_ms()
            await asyncio.sleep(_QUORUM_PERIOD_S)
            self.quorum.slept(self.clock_ms() - before_ms - int(_QUORUM_PERIOD_S * 1000))
            self.quorum.tick(await replica_async.status(self.replica), self.clock_ms())

    def follow_membership(self, status: ReplicaStatus) -> None:
        """This node's number is the cluster's to give; tell the operator of a file that names another cluster."""
        own = next((member for member in status.members if member.id == self.config.node_id), None)
        if own is not None:
            self.callbacks.node_number = own.number
        if status.membership_index == self._membership_index:
            return
        self._membership_index = status.membership_index
        committed = {(member.id, member.raft, member.admin) for member in status.members}
        filed = {(peer.id, str(peer.raft), str(peer.admin)) for peer in self.config.peers}
        if own is None:
            log.warning("this node is no member of the cluster", membership_index=status.membership_index)
        elif committed != filed:
            log.info(
                "the cluster's membership counts, not the peers of the configuration file",
                membership_index=status.membership_index, members=sorted(member.id for member in status.members),
            )  # fmt: skip

    async def heed_membership(self) -> None:
        """Follow changes of the membership."""
        while True:
            await asyncio.sleep(_MEMBERSHIP_PERIOD_S)
            self.follow_membership(await replica_async.status(self.replica))

    async def measure_lag(self) -> None:
        """The longest that this loop was late in the last seconds."""
        while True:
            worst = 0.0
            for _ in range(20):
                before = time.monotonic()
                await asyncio.sleep(_LAG_PERIOD_S)
                late_s = time.monotonic() - before - _LAG_PERIOD_S
                self.lag.note(late_s)
                worst = max(worst, late_s * 1000)
                self.lag_ms = max(self.lag_ms, worst)
            self.lag_ms = worst

    async def serve_grpc(self) -> grpc.aio.Server:
        """Control and admin services on the node's admin address. ``OSError`` when it cannot be had."""
        config = self.config
        server = grpc.aio.server(options=credentials.server_options())
        control_pb2_grpc.add_ControlServicer_to_server(self.control, server)
        admin = AdminService(self.replica, self.dispatcher.tables, self.registry, self, self.clock_ms)
        admin_pb2_grpc.add_AdminServicer_to_server(admin, server)
        fencing_pb2_grpc.add_FencingServicer_to_server(FencingService(self.stonith), server)
        tls = config.tls
        own = credentials.server_credentials(tls.ca, tls.certificate, tls.key)
        try:
            server.add_secure_port(str(config.peer.admin), own)
        except RuntimeError as problem:
            raise OSError(f"cannot listen on {config.peer.admin}: {problem}") from problem
        await server.start()
        return server


def export_rules(config: NodeConfig) -> list[ExportRule]:
    return [
        make_rule(
            list(export.networks), read_only=export.read_only, root_squash=export.root_squash,
            layouts=export.layouts, exclusive_writers=export.exclusive_writers,
        )
        for export in config.exports
    ]  # fmt: skip


def wanted_settings(config: NodeConfig) -> Settings:
    """The part of a node's configuration that every replica must agree on."""
    cluster = config.cluster
    return Settings(
        name=cluster.name.encode(),
        capability_key=config.cluster_key(),
        lease_ms=cluster.lease_ms,
        stripe_unit_bytes=cluster.stripe_unit_bytes,
        max_sessions_per_client=cluster.max_sessions_per_client,
        max_slots=cluster.max_slots,
        max_request_bytes=cluster.max_request_bytes,
        max_response_bytes=cluster.max_response_bytes,
        max_cached_reply_bytes=cluster.max_cached_reply_bytes,
        max_operations=cluster.max_operations,
        max_io_bytes=cluster.max_io_bytes,
        recall_timeout_ms=cluster.recall_timeout_ms,
        stripe_width=cluster.stripe_width,
    )


async def serve(config: NodeConfig, config_file: Path) -> None:
    """Run until SIGTERM, or until the consensus process is gone. ``ConfigError`` when an address cannot be had, its
    ``SystemRefusal`` where that may pass."""
    began_s = time.monotonic()
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    consensus_lost = asyncio.Event()

    front_end: FrontEnd | None = None

    def lose_consensus() -> None:
        consensus_lost.set()
        stop.set()
        if front_end is not None:
            front_end.server.stop_listening()

    env = open_environment(config.state_dir, readonly=True)
    replica = LocalReplica(config.socket_path, env)
    replica.on_lost = lose_consensus
    await replica.connect(_CONNECT_TIMEOUT_S)
    certificate = config.tls.ca, config.tls.certificate, config.tls.key
    links, voters = DataServerLinks(*certificate), VoterLinks(*certificate)
    front_end = FrontEnd(
        config, replica, AsyncioRuntime(), links, time.monotonic, voters.ask,
        node_pid=lifeline.parent_pid() or os.getpid(), config_file=config_file,
    )  # fmt: skip
    front_end.follow_membership(await replica_async.status(replica))
    try:
        grpc_server = await front_end.serve_grpc()
        try:
            await front_end.server.listen(config.nfs.host, config.nfs.port)
        except OSError:
            await grpc_server.stop(0.0)
            raise
    except OSError as problem:
        raise refused(str(problem), problem) from problem
    jobs = [
        asyncio.create_task(job)
        for job in (
            front_end.leader.run(), front_end.report_leases(), front_end.tick(), front_end.measure_lag(),
            front_end.heed_quorum(), front_end.heed_membership(), front_end.stonith.run(),
            front_end.server.whereabouts.keep(
                config.node_id, replica, front_end.dispatcher.tables, front_end.serving
            ),
        )
    ]
    if front_end.guarding is not None:
        jobs.append(asyncio.create_task(front_end.guarding.run()))
    front_end.takeovers.watch()
    log.info("serving NFS", address=str(config.nfs))
    monitoring = await _monitor(front_end)
    gc.collect()
    gc.freeze()  # what lives from the start is not looked at again
    waiter = asyncio.create_task(stop.wait())
    await asyncio.wait([waiter, *jobs], return_when=asyncio.FIRST_COMPLETED)
    if front_end.guarding is not None:
        await _leave(front_end.guarding, can_serve=stop.is_set() and not consensus_lost.is_set())
    if replica.failure is not None:
        raise replica.failure
    for job in jobs:
        if job.done():
            job.result()  # a job ends only by a bug: stop the node rather than limp on
    await front_end.stonith.close()
    await front_end.stonith.leave()
    for job in jobs:
        job.cancel()
    if front_end.guarding is not None:
        front_end.guarding.close()
    if monitoring is not None:
        await monitoring.close()
    front_end.takeovers.close()
    await front_end.server.close()
    # Whoever watches the counters has missed what was sent since they were read last.
    log.info("NFS service ended", uptime_s=round(time.monotonic() - began_s, 3), statuses=front_end.statuses())
    await grpc_server.stop(0.2)
    await links.close()
    await voters.close()
    await replica.close()


async def _monitor(front_end: FrontEnd) -> Monitoring | None:
    """Serve metrics, where the configuration wants them. Half of what this process loads is for them: it is loaded when
    NFS is served, and beside it, as clients wait for servers to start when all of them have died."""
    if front_end.config.metrics.address is None:
        return None
    service = await asyncio.to_thread(importlib.import_module, "mdscluster.monitoring.service")
    monitoring: Monitoring = service.Monitoring(front_end, front_end.clock_ms)
    await monitoring.listen()
    return monitoring


async def _leave(guarding: Guarding, *, can_serve: bool) -> None:
    """No address may be here any more. While this node can still serve it does, until the others have them."""
    if can_serve:
        await guarding.leave()
    else:
        guarding.stop()


def run(config: NodeConfig, config_file: Path, await_go: Callable[[], None]) -> int:
    """Of the child process: serve once ``await_go`` comes back; the exit code."""
    await_go()
    try:
        uvloop.run(serve(config, config_file))
    except ConfigError as problem:  # not up yet, as a rule: the node ends with it, and is started again
        log.error("an address cannot be had", reason=str(problem))
        return SYSTEM_EXIT_CODE if isinstance(problem, SystemRefusal) else CONFIG_EXIT_CODE
    return 0
