"""One metadata node: the consensus process is the node, the NFS front end its child.

The two share a fate (fail-stop). When consensus dies, the kernel kills the front end
(:mod:`mdsproto.lifeline`); when the front end dies, the node exits, and whoever looks after it
(systemd, ``run up``'s operator) starts it again. A node that is half alive would hold its clients'
connections and answer nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
import uvloop

from mdscluster.config import ConfigError, NodeConfig
from mdscluster.fsm import features
from mdscluster.fsm.machine import StateMachine
from mdscluster.guard.words import NODE_NAME
from mdscluster.leaving import FRONT_END_LEAVES_S, FRONT_END_STOPS_S, STOP_S
from mdscluster.logs import configure_logs
from mdscluster.raft import process as consensus
from mdscluster.raft.config import ConfigError as RaftConfigError
from mdscluster.raft.config import RaftConfig, TlsConfig
from mdscluster.raft.errors import FormatError
from mdscluster.raft.founding import DiskLost
from mdscluster.raft.interface import RESTART_EXIT_CODE
from mdsproto import certcheck
from mdsproto.configfile import CONFIG_EXIT_CODE, SYSTEM_EXIT_CODE, SystemRefusal, refused
from mdsproto.credentials import ROLE_MDS, role_name
from mdsproto.lifeline import Child, die_with_parent
from mdsproto.nodelock import NodeLock

log = structlog.get_logger()

FRONT_END_DIED_EXIT_CODE: Final = 70
"""EX_SOFTWARE: the front end ended although nobody had asked it to."""
STOP_TIMED_OUT_EXIT_CODE: Final = 124
"""As of timeout(1): asked to stop, the node hung."""
PAUSE_S: Final = 1.0
"""A node that the system refused something waits so long before it ends: its unit starts it again at once, which is
right after a crash only."""
_LOOK_S: Final = 0.02


def serve(config_path: Path) -> int:
    """Run the node until SIGTERM or SIGINT; the exit code. Raises ``ConfigError`` for what the operator must mend, and
    its ``SystemRefusal`` when another start may do better."""
    die_with_parent()
    config = NodeConfig.load(config_path)
    config.cluster_key()
    configure_logs(config.log_level, node=config.node_id)
    certcheck.require_own(config.tls.ca, config.tls.certificate, config.tls.key, config.node_id, ROLE_MDS)
    told, _ = certcheck.days(config.tls.ca, config.tls.certificate)
    if told:
        log.warning("certificate", reason=told)
    front_end = FrontEnd(config, config_path)
    try:
        lock = NodeLock(config.data_dir, config.node_id)
        _tell_guard(config)
        code = uvloop.run(_run(config, front_end))
    except (RaftConfigError, ssl.SSLError, FormatError, DiskLost, features.TooNew) as problem:
        raise ConfigError(f"{config.node_id} cannot run: {problem}") from problem
    except OSError as problem:  # an address that is not up yet, as a rule
        told = f"{config.node_id} cannot run: {problem}"
        # One that has run could be started: another start tells whether it still can.
        raise (SystemRefusal(told) if front_end.begun else refused(told, problem)) from problem
    finally:
        front_end.stop()
    if code == RESTART_EXIT_CODE:
        # A snapshot was installed. The same process starts anew: its pid is what the operator knows the node by.
        log.info("starting anew on the installed snapshot")
        lock.release()
        os.execv(sys.executable, [sys.executable, "-m", "mdscluster", "serve", "--config", str(config_path)])
    return code


def _tell_guard(config: NodeConfig) -> None:
    """Leave this node's process id for its guard, which ends a node that never comes to say a word."""
    if config.guard.run_dir:
        try:
            Path(config.guard.run_dir, NODE_NAME).write_text(f"{os.getpid()}\n", encoding="ascii")
        except OSError as problem:
            log.warning("the guard's folder cannot be used", run_dir=config.guard.run_dir, reason=problem.strerror)


async def _run(config: NodeConfig, front_end: FrontEnd) -> int:
    stop = asyncio.Event()

    async def stop_after_front_end() -> None:
        # It lets go of its service addresses, and tells the cluster that this node stops in good order, or the others
        # would have its power cut. What it knows of power devices may be newer than this process' configuration.
        until = loop.time() + FRONT_END_LEAVES_S
        while front_end.runs and loop.time() < until:  # noqa: ASYNC110 - a thread knows, and has no event of this loop
            await asyncio.sleep(_LOOK_S)
        stop.set()

    leaving: list[asyncio.Task[None]] = []

    def terminate() -> None:
        # The front end first: it would take the loss of consensus for a failure.
        front_end.terminate()
        leaving.append(loop.create_task(stop_after_front_end()))
        watchdog = threading.Timer(STOP_S, give_up)
        watchdog.daemon = True
        watchdog.start()

    def give_up() -> None:
        log.error("the node did not stop in time: it ends now", timeout_s=STOP_S)
        os._exit(STOP_TIMED_OUT_EXIT_CODE)  # nothing is lost by it: what was promised is on disk

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, terminate)
    return await consensus.run(raft_config(config), StateMachine, stop=stop, on_ready=lambda _: front_end.begin())


def raft_config(config: NodeConfig) -> RaftConfig:
    """The part of a node's configuration that consensus knows."""
    return RaftConfig(
        node_id=config.node_id,
        peers={peer.id: (peer.raft.host, peer.raft.port) for peer in config.peers},
        state_dir=config.state_dir,
        socket_path=config.socket_path,
        services={peer.id: (str(peer.admin), str(peer.nfs)) for peer in config.peers},
        tls=TlsConfig(config.tls.ca, config.tls.certificate, config.tls.key, role_name(ROLE_MDS)),
        cluster_id=config.cluster.name,
        join=config.join,
        feature_level=features.SUPPORTED,
        heartbeat_ms=config.raft.heartbeat_ms,
        election_min_ms=config.raft.election_min_ms,
        election_max_ms=config.raft.election_max_ms,
        propose_deadline_ms=config.propose_deadline_ms,
        barrier_deadline_ms=config.barrier_deadline_ms,
        snapshot_bytes_per_s_max=config.limits.max_snapshot_bytes_per_s,
    )


class FrontEnd:
    """The child process and the thread that waits for its end."""

    def __init__(self, config: NodeConfig, config_path: Path) -> None:
        """Fork the child, which loads the rest of its code while consensus opens the state, and then waits for
        :meth:`begin`."""

        def run(await_go: Callable[[], None]) -> int:
            from mdscluster import front_end

            return front_end.run(config, config_path, await_go)

        self._child = Child("mds-front-end", run)
        self._stopping = threading.Event()
        self.begun = False
        """Consensus has opened the state and listens."""
        context = contextvars.copy_context()  # what the log binds
        threading.Thread(target=context.run, args=(self._watch,), name="front-end watch", daemon=True).start()

    def _watch(self) -> None:
        code = self._child.await_end()
        if not self._stopping.is_set():
            log.error("the front end died: the node stops", exit_code=code)
            if code == SYSTEM_EXIT_CODE:
                time.sleep(PAUSE_S)
            if code in (CONFIG_EXIT_CODE, SYSTEM_EXIT_CODE):
                os._exit(code)
            # At once: whatever was promised is on disk already, and an orderly stop might hang on the same fault.
            os._exit(FRONT_END_DIED_EXIT_CODE)

    def begin(self) -> None:
        """Consensus has opened the state and listens on its local socket: serve."""
        self.begun = True
        self._child.begin()

    @property
    def runs(self) -> bool:
        """Whether the child is there."""
        return not self._child.ended_within(0.0)

    def terminate(self) -> None:
        """Ask the child to end; does not wait."""
        self._stopping.set()
        self._child.send(signal.SIGTERM)

    def stop(self) -> None:
        """End the child, politely at first; returns when it is gone."""
        self.terminate()
        if not self._child.ended_within(FRONT_END_STOPS_S):
            log.warning("the front end did not stop in time", timeout_s=FRONT_END_STOPS_S)
            self._child.send(signal.SIGKILL)
            self._child.ended_within(None)
