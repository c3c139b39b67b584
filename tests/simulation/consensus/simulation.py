"""Nodes of a ``Cluster`` run by events on a simulated clock, as the consensus process runs one (``raft/process.py``).

A turn follows whatever arrived, and whatever is due. It has two halves; between them and after the second the disk
takes its time, and a node may die at any point of that. Everything random comes from one generator.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import lmdb

from mdscluster.raft.engine import Output
from mdscluster.raft.errors import ConsensusBug, PeerError, StorageError
from mdscluster.raft.interface import STORAGE_EXIT_CODE
from mdscluster.replica import ChangeOutcome
from mdsproto.raft_pb2 import Message
from tests.simulation.consensus.checks import Checks
from tests.simulation.consensus.cluster import Cluster, SimNode
from tests.simulation.consensus.installs import Installs
from tests.simulation.consensus.network import Network
from tests.simulation.consensus.trace import describe
from tests.simulation.consensus.workload import Workload
from tests.simulation.result import Trace

DISK_MS: Final = 0.3
"""What a flush takes on a healthy disk."""
TEND_MS: Final = 100.0
_DEATHS_IN_TURNS: Final = 0.003
_SPIN_TURNS: Final = 400
"""More turns than this in ``_SPIN_MS`` are no work but a loop."""
_SPIN_MS: Final = 50.0
_NEVER: Final = float("inf")

Event = tuple[float, int, Callable[..., None], tuple[Any, ...]]


@dataclass(slots=True)
class Life:
    """What the shell of a process keeps (``raft/process.py``); a new one with each start."""

    turn_due: bool = False
    in_turn: bool = False
    """Between the two halves, or until the disk has written: no other turn may begin."""
    busy: bool = False
    """The disk writes: the process does nothing else."""
    missed: bool = False
    paused: bool = False
    halted: bool = False
    timer_ms: float = _NEVER
    deferred: list[tuple[Callable[..., None], tuple[Any, ...]]] = field(default_factory=list)
    roster_version: int = -1
    turns: int = 0
    turns_since_ms: float = 0.0


class Simulation(Cluster):
    """A cluster that moves by itself. ``run`` it; faults and workload put events into it."""

    def __init__(
        self, directory: Path, seed: int, size: int = 3, *, trace: Trace | None = None, **options: Any
    ) -> None:
        super().__init__(directory, size, seed=seed, **options)
        self.trace = trace
        self.network = Network(self)
        self.checks = Checks(self)
        self.installs = Installs(self, seed)
        self.lives = {node_id: Life() for node_id in self.ids}
        self.disk_ms = dict.fromkeys(self.ids, DISK_MS)
        self.led_ms: dict[int, float] = {}
        """When the leader of each term was first known to lead."""
        self.counts: Counter[str] = Counter()
        self.trouble = False
        self.workload: Workload = None  # type: ignore[assignment]  # set by whoever runs the simulation
        self.timeout_ms = float(self.config("n1", directory).connection_timeout_ms)
        self.ping_ms = self.timeout_ms / 4
        """Rarer than in production (``RaftConfig.ping_ms``): followers know later whom they reach."""
        self.send_early = self.config("n1", directory).send_early
        self._events: list[Event] = []
        self._sequence = 0
        self._disk_failed: list[SimNode] = []
        for node in self.nodes.values():
            node.disk.on_failure = partial(self._disk_failed.append, node)

    # Time.

    def at(self, after_ms: float, what: Callable[..., None], *arguments: Any) -> None:
        self._sequence += 1
        heapq.heappush(self._events, (self.now_ms + after_ms, self._sequence, what, arguments))

    def run_until(self, end_ms: float, *, stop: Callable[[], bool] | None = None) -> None:
        """Let time pass, until a violation or, if given, ``stop``."""
        events = self._events
        while events and events[0][0] <= end_ms and not self.violations:
            self.now_ms, _, what, arguments = heapq.heappop(events)
            what(*arguments)
            if self._disk_failed:
                self._must_have_stopped()
            if stop is not None and stop():
                return
        self.now_ms = max(self.now_ms, end_ms) if not self.violations else self.now_ms

    def note(self, who: str, text: str) -> None:
        if self.trace is not None:
            self.trace(f"{self.now_ms - 1000.0:10.2f} ms  {who:<4} {text}")

    def violated(self, text: str) -> None:
        self.violations.append(text)
        self.note("!!", text)

    # Processes.

    def listens(self, node_id: str) -> bool:
        """The node's process takes what arrives."""
        life = self.lives[node_id]
        return self.nodes[node_id].up and not (life.paused or life.busy or life.halted)

    def defer(self, node_id: str, what: Callable[..., None], *arguments: Any) -> None:
        """``what`` happens when the node's process listens again."""
        self.lives[node_id].deferred.append((what, arguments))

    def begin(self, node_id: str, **changes: object) -> None:
        """Start a process, and try again later when its storage refuses."""
        node = self.nodes[node_id]
        if node.up:
            return
        try:
            node.start(replace=node.wiped, **changes)
        except (StorageError, lmdb.Error) as error:
            self.note(node_id, f"cannot start: {error}")
            self.at(self.rng.uniform(50, 200), self.begin, node_id)
            return
        self.lives[node_id] = Life()
        self.counts["starts"] += 1
        self.note(
            node_id,
            f"starts: applied {node.engine.applied}, log to {node.engine.journal.last_index}, "
            f"term {node.engine.core.term}",
        )
        self.network.started(node_id)
        self._arm(node)
        self._tend(node_id, self.lives[node_id])

    def end(self, node_id: str, back_ms: float, *, power: bool = False, undo: bool = False) -> None:
        """The process dies where it stands; with ``power`` its machine does. It comes back after a time."""
        node = self.nodes[node_id]
        if not node.up:
            return
        node.stop()
        self._gone(node_id, back_ms, power=power)
        if power:
            node.lose_power(undo=undo)

    def _gone(self, node_id: str, back_ms: float, *, power: bool) -> None:
        self.lives[node_id] = Life()
        self.installs.died(node_id)
        self.network.died(node_id, power=power)
        self.at(back_ms, self.begin, node_id)

    def pause(self, node_id: str, ms: float) -> None:
        life = self.lives[node_id]
        life.paused = True
        self.at(ms, self._resume, node_id, life)

    def _resume(self, node_id: str, life: Life) -> None:
        if life is self.lives[node_id] and life.paused:
            life.paused = False
            self.note(node_id, "goes on")
            self._catch_up(node_id, life)

    def _catch_up(self, node_id: str, life: Life) -> None:
        """The process listens again: what had to wait happens now."""
        deferred, life.deferred = life.deferred, []
        for what, arguments in deferred:
            what(*arguments)
        self.network.pump_to(node_id)
        if life.missed and self.nodes[node_id].up:
            life.missed = False
            self.wake(node_id)

    # What reaches a process.

    def connected(self, node_id: str, peer: str) -> None:
        node = self.nodes[node_id]
        self.guarded(node, node.engine.connected, peer, node.now_ms)
        self.wake(node_id)

    def disconnected(self, node_id: str, peer: str) -> None:
        node = self.nodes[node_id]
        self.guarded(node, node.engine.disconnected, peer, node.now_ms)
        self.wake(node_id)

    def met_in_vain(self, node_id: str, peer: str) -> None:
        """A connection was gone between the introduction and its beginning here."""

    def introduce(self, a: str, b: str) -> bool:
        """Both tell their membership as a connection begins; whether each finds the other in one that it knows."""
        pairs = [(self.nodes[a], b), (self.nodes[b], a)]
        told = [node.engine.introduction() for node, _ in pairs]
        agreed = [
            self.guarded(node, node.engine.introduced, peer, introduction, node.now_ms)
            for (node, peer), introduction in zip(pairs, reversed(told), strict=True)
        ]
        for node, _ in pairs:
            self._follow_roster(node)
        return all(agreed)

    def _follow_roster(self, node: SimNode) -> None:
        """Be connected with whom the engine wants to be."""
        life = self.lives[node.id]
        if node.up and life.roster_version != node.engine.roster.version:
            life.roster_version = node.engine.roster.version
            self.network.drop_others(node.id, node.engine.roster.peers)
            self.wake(node.id)

    def arrive(self, a: str, b: str, frame: bytes) -> None:
        node = self.nodes[b]
        if a not in node.engine.roster.peers:
            self.network.drop_others(b, node.engine.roster.peers)
            return
        message = Message.FromString(frame)
        if self.trace is not None and (text := describe(message)):
            self.note(b, f"<- {a}: {text}")
        self.checks.heard(a, b, message)
        self.guarded(node, node.engine.receive, a, message, node.now_ms)
        self._follow_roster(node)
        self.wake(b)

    def post(self, a: str, b: str, data: bytes) -> None:
        self.network.send(a, [(b, data)])

    def guarded(self, node: SimNode, what: Callable[..., Any], *arguments: Any) -> Any:
        """Call into the engine. Its storage may fail (fail-stop); anything else that it raises is a bug."""
        try:
            return what(*arguments)
        except (StorageError, lmdb.Error) as error:
            if not node.disk.failed:
                raise
            self.counts["fail-stop"] += 1
            self.note(node.id, f"stops with exit code {STORAGE_EXIT_CODE}: {error}")
            self.end(node.id, self.rng.uniform(30, 500))
        except (ConsensusBug, PeerError) as error:
            self.violated(f"bug: {node.id} stops, {type(error).__name__}: {error}")
        return None

    def _must_have_stopped(self) -> None:
        """Fail-stop: whose commit or flush has failed in this step is gone before the next one, whoever was told."""
        for node in self._disk_failed:
            if node.up and node.disk.failed:
                self.violated(f"INV-1, INV-2: a commit of {node.id} has failed, and it goes on")
        self._disk_failed.clear()

    # Turns.

    def wake(self, node_id: str) -> None:
        """A turn after everything that has arrived by now."""
        life = self.lives[node_id]
        if not life.turn_due and self.nodes[node_id].up:
            life.turn_due = True
            self.at(self.rng.uniform(0.01, 0.2), self._turn, node_id, life)

    def _turn(self, node_id: str, life: Life) -> None:
        life.turn_due = False
        node = self.nodes[node_id]
        if life is not self.lives[node_id] or not node.up or life.halted:
            return
        if life.in_turn or life.paused:
            life.missed = True
            return
        self._watch_for_spinning(node_id, life)
        early = self.guarded(node, node.begin_turn)
        if early is None:
            return
        life.in_turn = True
        if early and self.send_early:
            self.network.send(node_id, early)
            self.at(self.rng.uniform(0.01, 0.1), self._finish_turn, node_id, life, [])
        else:
            self._finish_turn(node_id, life, early)

    def _finish_turn(self, node_id: str, life: Life, messages: list[tuple[str, bytes]]) -> None:
        node = self.nodes[node_id]
        if life is not self.lives[node_id] or not node.up:
            return
        if life.paused:
            self.defer(node_id, self._finish_turn, node_id, life, messages)
            return
        writes = node.engine.store._txn is not None
        if writes and self.trouble and self.rng.random() < _DEATHS_IN_TURNS and self._die_in_turn(node):
            return
        output = self.guarded(node, node.engine.finish_turn, node.now_ms)
        if output is None:
            return
        output.messages[:0] = messages
        if writes:
            life.busy = True
            self.at(self.disk_ms[node_id] * self.rng.uniform(0.5, 1.5), self._released, node_id, life, output)
        else:
            self._released(node_id, life, output)

    def _released(self, node_id: str, life: Life, output: Output) -> None:
        node = self.nodes[node_id]
        if life is not self.lives[node_id] or not node.up:
            return
        if life.paused:
            self.defer(node_id, self._released, node_id, life, output)
            return
        life.busy = life.in_turn = False
        messages, output.messages = output.messages, []
        node.release(output)
        if messages:
            self.network.send(node_id, messages)
        self._follow_roster(node)
        if node.snapshot_from is not None:
            leader, node.snapshot_from = node.snapshot_from, None
            self.installs.wanted(node, leader)
        self._arm(node)
        self._catch_up(node_id, life)

    def _die_in_turn(self, node: SimNode) -> bool:
        """Its early messages sent, a node dies before its commit, in it, or before anything else leaves."""
        self.counts["death in a turn"] += 1
        back_ms = self.rng.uniform(20, 600)
        how = self.rng.choice(["before its commit", "in its commit", "after its commit"])
        self.note(node.id, f"dies {how}")
        if how == "before its commit":
            self.end(node.id, back_ms, power=self.rng.random() < 0.5, undo=True)
            return True
        if how == "in its commit":
            node.disk.remember()
        if self.guarded(node, node.engine.finish_turn, node.now_ms) is None:
            return True
        if how == "after its commit":
            self.end(node.id, back_ms, power=self.rng.random() < 0.5, undo=self.rng.random() < 0.5)
            return True
        node.stop()
        whole = node.disk.tear(self.rng)
        (node.dir / "lock.mdb").unlink()
        self.counts["torn"] += 1
        self.note(node.id, f"lost power in a commit, {whole} of its pages are whole on disk")
        self._gone(node.id, back_ms, power=True)
        return True

    def _arm(self, node: SimNode) -> None:
        """One timer, moved only when something is due earlier."""
        life = self.lives[node.id]
        due_ms = node.clock.true_ms(node.engine.deadline_ms(node.now_ms))
        due_ms = min(max(due_ms, self.now_ms + 0.02), self.now_ms + 60_000)
        if due_ms < life.timer_ms:
            life.timer_ms = due_ms
            self.at(due_ms - self.now_ms, self._on_timer, node.id, life, due_ms)

    def _on_timer(self, node_id: str, life: Life, due_ms: float) -> None:
        if life is self.lives[node_id] and life.timer_ms == due_ms:
            life.timer_ms = _NEVER
            self._turn(node_id, life)

    def _tend(self, node_id: str, life: Life) -> None:
        node = self.nodes[node_id]
        if life is not self.lives[node_id] or not node.up:
            return
        if self.listens(node_id):
            message = Message(term=node.engine.core.term)
            message.ping.SetInParent()
            self.network.tend(node_id, message.SerializeToString())
        self.at(TEND_MS, self._tend, node_id, life)

    def _watch_for_spinning(self, node_id: str, life: Life) -> None:
        life.turns += 1
        if self.now_ms - life.turns_since_ms > _SPIN_MS:
            life.turns, life.turns_since_ms = 0, self.now_ms
        elif life.turns > _SPIN_TURNS:
            self.violated(f"liveness: {node_id} spins, {life.turns} turns in {_SPIN_MS:.0f} ms")

    # What comes out of a process.

    def observe(self, node: SimNode) -> None:
        super().observe(node)
        self.checks.observe(node)

    def note_run(self, node: SimNode, index: int, command: bytes) -> None:
        self.checks.ran(node, index, command)

    def note_result(self, node: SimNode, token: object, result: bytes | None) -> None:
        self.checks.result(node, token, result)

    def note_change(self, node: SimNode, token: object, outcome: ChangeOutcome) -> None:
        self.counts[f"change {outcome.code}"] += 1
        self.note(node.id, f"answers {token}: {outcome.code}")

    def note_barrier(self, node: SimNode, token: object, ok: bool) -> None:
        self.checks.barrier(node, token, ok=ok)
