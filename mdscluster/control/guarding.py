"""The front end's side of the guard (docs/adr/0024): looks at the node, and says twenty times a second what it sees.

Not on a client's way: a question to the consensus process and a datagram each, some ten microseconds. What is looked at
is judged by :mod:`mdscluster.control.fitness`; what becomes of it is the guard's (:mod:`mdscluster.guard`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from fencing.state import EVERYBODY
from mdscluster.control import vips
from mdscluster.control.fitness import Bounds, Fitness, Judgement, Signs
from mdscluster.fsm import fencing_state
from mdscluster.guard.footing import FIT, LAST_RESORT, UNFIT
from mdscluster.guard.words import HEALTH_NAME, SOCKET_NAME, Word, pack
from mdscluster.leaving import ADDRESS_MS, MOVED_MS
from mdscluster.nfs_frontend.probe import Probe

if TYPE_CHECKING:
    from mdscluster.config import NodeConfig
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica, ReplicaStatus

log = structlog.get_logger()

PERIOD_MS: Final = 50
PROBE_EVERY: Final = 2
"""Of these periods."""
PATIENCE_ELECTIONS: Final = 1.5
"""Of the longest election, as for clients' requests (mdscluster/front_end.py)."""
_LEAVE_LOOK_S: Final = 0.01


def monotonic_ms() -> int:
    """CLOCK_MONOTONIC, which the guard judges words by."""
    return time.monotonic_ns() // 1_000_000


class Guarding:
    """One node's. ``service``: what its front end does for clients now."""

    def __init__(
        self, config: NodeConfig, node_pid: int, replica: Replica, tables: Tables, service: Callable[[], str],
        clock_ms: Callable[[], int] = monotonic_ms,
    ) -> None:  # fmt: skip
        guard = config.guard
        self._node_id = config.node_id
        self._node_pid = node_pid
        self._replica = replica
        self._tables = tables
        self._service = service
        self._clock_ms = clock_ms
        self._guard = guard
        bounds = Bounds(
            guard.status_ms, guard.status_ms + PERIOD_MS, guard.step_back_ms,
            int(config.raft.election_max_ms * PATIENCE_ELECTIONS), guard.lag_entries,
        )  # fmt: skip
        self._fitness = Fitness(bounds)
        self._probe = Probe(config.nfs.host, config.nfs.port, clock_ms)
        self._socket: socket.socket | None = None
        self._address = str(Path(guard.run_dir) / SOCKET_NAME)
        self._health = str(Path(guard.run_dir) / HEALTH_NAME)
        self._status: ReplicaStatus | None = None
        self._answered_ms = clock_ms()
        self._asked = False
        self._owed_since_ms: int | None = None
        self._raw_state: bytes | None = None
        self._maintenance = self._spared = False
        self._stopping = False
        self._told = ""
        self._turns = 0
        self.judgement = Judgement("it has just started")
        """What this node says of itself."""
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """For ever."""
        due_ms = self._clock_ms()
        while True:
            due_ms = self.turn(self._clock_ms() - due_ms)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), max(due_ms - self._clock_ms(), 0) / 1000)
            self.wake.clear()

    def turn(self, late_ms: int = 0) -> int:
        """Look, and say it; when the next look is due. ``late_ms``: by how much this one is late, if it is."""
        now_ms = self._clock_ms()
        if late_ms > 0:
            self._forgive(late_ms, now_ms)
        self._look_at_state()
        if not self._asked:
            self._asked = True
            if self._owed_since_ms is None:
                self._owed_since_ms = now_ms
            self._replica.status(lambda status: self._take_status(status, now_ms))
        if self._turns % PROBE_EVERY == 0:
            self._probe.ask(now_ms)
        self._turns += 1
        signs = Signs(
            now_ms=now_ms, status=self._status, status_age_ms=now_ms - self._answered_ms,
            probe_age_ms=self._probe.age_ms(now_ms), late_ms=late_ms, service=self._service(),
            maintenance=self._maintenance, stopping=self._stopping,
        )  # fmt: skip
        self.judgement = self._fitness.judge(signs)
        self._say(now_ms)
        return self._due_ms(now_ms)

    def _due_ms(self, now_ms: int) -> int:
        """The next look; sooner where consensus owes an answer that is about to come too late."""
        too_late_ms = self._answered_ms + self._guard.status_ms
        return min(now_ms + PERIOD_MS, too_late_ms) if too_late_ms > now_ms else now_ms + PERIOD_MS

    def _forgive(self, late_ms: int, now_ms: int) -> None:
        """Time in which this process stood still is nobody's silence: what was answered meanwhile is still unread."""
        self._answered_ms = min(self._answered_ms + late_ms, now_ms)
        if self._owed_since_ms is not None:
            self._owed_since_ms = min(self._owed_since_ms + late_ms, now_ms)
        self._probe.forgive(late_ms, now_ms)

    def _take_status(self, status: ReplicaStatus, asked_ms: int) -> None:
        self._asked = False
        if status.node_id:  # else the connection to the consensus process is lost: nobody has answered
            self._status, self._owed_since_ms = status, None
            self._answered_ms = max(self._answered_ms, asked_ms)

    def _look_at_state(self) -> None:
        with self._replica.env.begin() as txn:
            raw = fencing_state.raw_state(txn, self._tables)
        if raw != self._raw_state:
            self._raw_state = raw
            paused = fencing_state.decode_state(raw).paused
            self._maintenance = self._node_id in paused
            self._spared = self._maintenance or EVERYBODY in paused

    def _say(self, now_ms: int) -> None:
        owed_ms = 0 if self._owed_since_ms is None else now_ms - self._owed_since_ms
        word = Word(
            now_ms, self._node_pid, self.judgement.reason, weak=self.judgement.weak,
            consensus_silent_ms=owed_ms, quorum_lost_ms=self._fitness.quorum_lost_ms(now_ms), spared=self._spared,
            stopping=self._stopping,
        )  # fmt: skip
        told = ""
        try:
            if self._socket is None:
                self._socket = _connected(self._address)
            self._socket.send(pack(word))
        except OSError as problem:
            told = problem.strerror or str(problem)
            self._hang_up()  # a guard that was started anew listens on a socket of its own
        if told != self._told:
            self._told = told
            if told:
                log.warning("the guard does not hear this node", socket=self._address, reason=told)
            else:
                log.info("the guard hears this node")

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # ------------------------------------------------------------ what others ask
    def standing(self) -> tuple[str, bool]:
        """Why this node is not fit for service addresses, empty: it is; whether it may have one as a last resort."""
        weight = self._weight()
        if weight == FIT or self.judgement.reason:
            return self.judgement.reason, weight == LAST_RESORT
        return "its guard does not let it (yet)", weight == LAST_RESORT

    def _weight(self) -> int:
        """What keepalived is told."""
        try:
            with open(self._health, "rb") as file:
                return int(file.read(16))
        except (OSError, ValueError):
            return UNFIT

    def address_gone(self) -> bool:
        """Whether no service address is here any more."""
        return not vips.has_any(self._guard.vip_dir)

    # ------------------------------------------------------------ the end
    def stop(self) -> None:
        """This node stops, or is about to be unable to serve: say so at once."""
        self._stopping = True
        self.turn()

    async def leave(self) -> None:
        """Say so, and wait for the service addresses to be elsewhere: clients are served until then."""
        self.stop()
        began_ms = self._clock_ms()
        here_ms = began_ms - MOVED_MS
        while (now_ms := self._clock_ms()) - began_ms < ADDRESS_MS:
            if not self.address_gone():
                here_ms = now_ms
            elif now_ms - here_ms >= MOVED_MS:
                break
            await asyncio.sleep(_LEAVE_LOOK_S)  # a shell script writes it

    def close(self) -> None:
        """End."""
        self._probe.close()
        self._hang_up()


def _connected(address: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made
