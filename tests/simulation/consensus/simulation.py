"""Random faults on a ``Cluster``: delays, one-way holes, isolation, resets, kills, power loss, pauses, snapshots."""

from __future__ import annotations

import heapq
from collections import Counter
from pathlib import Path
from typing import Any

from mdscluster.raft.errors import ConsensusBug
from tests.simulation.consensus.cluster import Cluster, SimNode

STEP_MS = 4.0
Event = tuple[float, int, str, tuple[Any, ...]]


class Simulation(Cluster):
    """``run_faults`` makes trouble, ``heal`` ends it; ``check`` holds INV-1, 2, 3, 4 and 8 against what happened."""

    def __init__(self, directory: Path, seed: int, size: int = 3, **options: Any) -> None:
        super().__init__(directory, size, seed=seed, keep_images=True, **options)
        self.latency_ms = dict.fromkeys(self.queues, 2.0)
        self.holes: Counter[tuple[str, str]] = Counter()
        self.paused: set[str] = set()
        self.in_flight: dict[tuple[str, str], list[tuple[float, bytes]]] = {key: [] for key in self.queues}
        self.events: list[Event] = []
        self.sequence = 0
        self.commands = 0
        self.highest_acked = 0
        self.barrier_floor: dict[object, int] = {}
        self.counts: Counter[str] = Counter()
        self.trouble = True

    # Network with delays; FIFO, as TCP is.

    def post(self, a: str, b: str, data: bytes) -> None:
        queue = self.in_flight[a, b]
        due = self.now_ms + self.latency_ms[a, b] * self.rng.uniform(0.5, 1.5)
        queue.append((max(due, queue[-1][0]) if queue else due, data))

    def connect(self, a: str, b: str) -> None:
        self.in_flight[a, b].clear()
        self.in_flight[b, a].clear()
        super().connect(a, b)

    def disconnect(self, a: str, b: str) -> None:
        self.in_flight[a, b].clear()
        self.in_flight[b, a].clear()
        super().disconnect(a, b)

    def step(self) -> None:
        """Some milliseconds: deliver what is due, give turns to whoever has something to do."""
        self.now_ms += self.rng.uniform(0.5, 1.5) * STEP_MS
        while self.events and self.events[0][0] <= self.now_ms:
            _, _, name, arguments = heapq.heappop(self.events)
            getattr(self, "_on_" + name)(*arguments)
        for node_id in self.rng.sample(self.ids, len(self.ids)):
            node = self.nodes[node_id]
            if not node.up or node_id in self.paused or node.engine.store.failed:
                continue
            for other in self.rng.sample(self.ids, len(self.ids)):
                if other != node_id and not node.engine.store.failed:
                    self._arrive(other, node_id)
            if node.engine.store.failed:
                continue
            node.turn()
            if node.engine.store.failed:
                continue
            if node.snapshot_from is not None:
                leader, node.snapshot_from = self.nodes[node.snapshot_from], None
                if leader.up and self.rng.random() < 0.2:
                    self._snapshot(node, leader)

    def _arrive(self, a: str, b: str) -> None:
        queue = self.in_flight[a, b]
        if self.holes[a, b]:
            return
        while queue and queue[0][0] <= self.now_ms:
            self.hand(a, b, queue.pop(0)[1])
            if self.rng.random() < 0.3:
                self.nodes[b].turn()
                if self.nodes[b].engine.store.failed:
                    return

    def _snapshot(self, node: SimNode, leader: SimNode) -> None:
        self.counts["snapshot"] += 1
        if node.install_snapshot(leader):
            self._kill(node.id, back_ms=5.0)

    def _kill(self, node_id: str, back_ms: float, power_loss: int | None = None) -> None:
        self.kill(node_id, power_loss=power_loss)
        self.paused.discard(node_id)
        self.at(back_ms, "start", node_id)

    def at(self, after_ms: float, name: str, *arguments: Any) -> None:
        self.sequence += 1
        heapq.heappush(self.events, (self.now_ms + after_ms, self.sequence, name, arguments))

    # Events.

    def _on_start(self, node_id: str) -> None:
        if self.nodes[node_id].up:
            return
        self.nodes[node_id].start()
        for other in self.ids:
            if other != node_id:
                self.at(self.rng.uniform(1, 60), "connect", node_id, other)

    def _on_connect(self, a: str, b: str) -> None:
        if not (self.nodes[a].up and self.nodes[b].up) or (a, b) in self.links:
            return
        if self.holes[a, b] or self.holes[b, a]:
            self.at(40, "connect", a, b)
        else:
            self.connect(a, b)

    def _on_reset(self, a: str, b: str) -> None:
        self.disconnect(a, b)
        self.at(self.rng.uniform(1, 80), "connect", a, b)

    def _on_unhole(self, a: str, b: str) -> None:
        self.holes[a, b] -= 1

    def _on_unslow(self, a: str, b: str) -> None:
        self.latency_ms[a, b] = 2.0

    def _on_resume(self, node_id: str) -> None:
        self.paused.discard(node_id)

    def _on_propose(self) -> None:
        up = [n for n in self.nodes.values() if n.up and n.id not in self.paused and not n.engine.store.failed]
        if up:
            node = self.rng.choice(up)
            for _ in range(self.rng.choice([1, 1, 2, 6])):
                self.commands += 1
                node.engine.propose(command := b"c%d" % self.commands, command, self.now_ms)
            if self.rng.random() < 0.5:
                self.commands += 1
                token = ("barrier", self.commands)
                self.barrier_floor[token] = self.highest_acked
                node.engine.barrier(token, self.now_ms)
        if self.trouble:
            self.at(self.rng.expovariate(1 / 25), "propose")

    def _on_fault(self) -> None:
        if not self.trouble:
            return
        rng = self.rng
        kind = rng.choice(["hole", "isolate", "reset", "kill", "power", "pause", "slow"])
        self.counts[kind] += 1
        getattr(self, "_fault_" + kind)()
        self.at(rng.expovariate(1 / 200), "fault")

    def _hole(self, a: str, b: str, ms: float) -> None:
        self.holes[a, b] += 1
        self.at(ms, "unhole", a, b)
        if ms > 1200:
            self.at(1200, "reset", a, b)

    def _fault_hole(self) -> None:
        a, b = self.rng.sample(self.ids, 2)
        ms = self.rng.choice([100, 300, 1000, 2000]) * self.rng.random()
        self._hole(a, b, ms)
        if self.rng.random() < 0.6:
            self._hole(b, a, ms)

    def _fault_isolate(self) -> None:
        group = set(self.rng.sample(self.ids, self.rng.randint(1, len(self.ids) // 2)))
        ms = self.rng.choice([300, 1000, 2500]) * self.rng.random()
        for a, b in self.queues:
            if (a in group) != (b in group):
                self._hole(a, b, ms)

    def _fault_reset(self) -> None:
        self._on_reset(*self.rng.sample(self.ids, 2))

    def _fault_kill(self) -> None:
        up = [node_id for node_id in self.ids if self.nodes[node_id].up]
        for node_id in self.rng.sample(up, min(len(up), 1 if self.rng.random() < 0.8 else 3)):
            self._kill(node_id, self.rng.uniform(20, 700))

    def _fault_power(self) -> None:
        """Power loss of some nodes, or of all at once."""
        up = [node_id for node_id in self.ids if self.nodes[node_id].up]
        for node_id in self.rng.sample(up, min(len(up), self.rng.choice([1, 1, len(self.ids)]))):
            images = self.nodes[node_id].images
            self._kill(node_id, self.rng.uniform(20, 700), power_loss=self.rng.randrange(len(images)))

    def _fault_pause(self) -> None:
        node_id = self.rng.choice(self.ids)
        self.paused.add(node_id)
        self.at(self.rng.choice([100, 500, 1200]) * self.rng.random(), "resume", node_id)

    def _fault_slow(self) -> None:
        a, b = self.rng.sample(self.ids, 2)
        self.latency_ms[a, b] = self.rng.choice([20.0, 60.0, 200.0])
        self.at(self.rng.uniform(100, 1500), "unslow", a, b)

    # What was promised.

    def dies_before_commit(self, node: SimNode) -> bool:
        if not self.trouble or self.rng.random() > 0.001:
            return False
        self.counts["died before commit"] += 1
        images = node.images
        power_loss = self.rng.randrange(len(images)) if self.rng.random() < 0.5 else None
        self.at(0, "kill", node.id, self.rng.uniform(20, 700), power_loss)
        node.engine.store.abandon()
        return True

    def _on_kill(self, node_id: str, back_ms: float, power_loss: int | None) -> None:
        if self.nodes[node_id].up:
            self._kill(node_id, back_ms, power_loss)

    def note_result(self, node: SimNode, token: object, result: bytes | None) -> None:
        self.counts["acked" if result is not None else "unknown"] += 1
        if result is not None:
            self.highest_acked = max(self.highest_acked, int(result))

    def note_barrier(self, node: SimNode, token: object, ok: bool) -> None:
        self.counts["barrier" if ok else "no barrier"] += 1
        if ok and len(node.history()) < self.barrier_floor[token]:
            self.violations.append(
                f"INV-4: barrier on {node.id} shows {len(node.history())} < {self.barrier_floor[token]}"
            )

    # Course.

    def run_faults(self, ms: float) -> None:
        self.start()
        self.at(0, "propose")
        self.at(500, "fault")
        self.course(ms)

    def course(self, ms: float) -> None:
        """Let things happen, until an invariant breaks."""
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            try:
                self.step()
            except ConsensusBug as error:
                self.violations.append(str(error))
            if self.violations:
                return

    def heal(self, limit_ms: float = 14_000) -> None:
        """No more faults: a leader must arise, everybody must propose with success and catch up."""
        self.trouble = False
        calm_ms = self.now_ms + 3_500
        end_ms = self.now_ms + limit_ms
        asked: dict[str, object] = {}
        wanted: dict[str, bytes] = {}
        while self.now_ms < end_ms:
            self.step()
            if self.now_ms < calm_ms:
                continue
            for node in self.nodes.values():
                if node.up and wanted.get(node.id) not in node.results and asked.get(node.id) is not node.engine:
                    asked[node.id] = node.engine  # A life that ended took its proposal's answer with it.
                    wanted[node.id] = command = b"last of %s at %d" % (node.id.encode(), self.now_ms)
                    node.engine.propose(command, command, self.now_ms)
            if all(node.up and wanted.get(node.id) in node.results for node in self.nodes.values()):
                if len({len(node.history()) for node in self.nodes.values()}) == 1:
                    return
        states = [(n.id, n.engine.status(self.now_ms)) if n.up else n.id for n in self.nodes.values()]
        raise AssertionError(f"no convergence: {states}")
