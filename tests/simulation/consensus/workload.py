"""What clients of the simulated cluster ask for: commands and read barriers, on any node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdscluster.raft.proposals import Bound

if TYPE_CHECKING:
    from tests.simulation.consensus.node import SimNode
    from tests.simulation.consensus.simulation import Simulation


class Workload:
    """Every command is asked for once; whoever gets no answer does not ask again."""

    def __init__(self, world: Simulation, mean_gap_ms: float, words: float = 0.0) -> None:
        """``words``: the share of what leaders are asked for that counts in their term only (docs/adr/0027). Whoever
        asks may not know yet that the node leads no more."""
        self._world = world
        self._mean_gap_ms = mean_gap_ms
        self._words = words
        self._number = 0

    def go(self) -> None:
        """Ask a random node, now and again and again."""
        world = self._world
        if not world.trouble:
            return
        listening = [node_id for node_id in world.ids if world.listens(node_id)]
        if listening:
            node_id = world.rng.choice(listening)
            self.propose_at(node_id, world.rng.choice([1, 1, 2, 6]))
            if world.rng.random() < 0.5:
                self._read(node_id)
        world.at(world.rng.expovariate(1 / self._mean_gap_ms), self.go)

    def propose_at(self, node_id: str, count: int = 1) -> None:
        world = self._world
        if not world.listens(node_id):
            return
        node = world.nodes[node_id]
        for _ in range(count):
            self._number += 1
            command = b"c%d" % self._number + b"." * world.rng.choice([0, 0, 20, 60])
            world.checks.invoked(command)
            node.engine.propose(command, command, node.now_ms, self._bound(node, command))
        world.wake(node_id)

    def _bound(self, node: SimNode, command: bytes) -> Bound | None:
        """What takes a word's place is a command as well: that it runs once is judged like any other's."""
        world, term = self._world, node.engine.core.term
        if not self._words or world.leaders.get(term) != node.id or world.rng.random() >= self._words:
            return None
        bound = Bound(term, b"instead of " + command)
        world.checks.said(node, command, bound)
        return bound

    def _read(self, node_id: str) -> None:
        world = self._world
        self._number += 1
        token = ("read", self._number)
        world.checks.invoked(token)
        node = world.nodes[node_id]
        node.engine.barrier(token, node.now_ms)
        world.wake(node_id)
