"""Fencing under random faults, from seeds: nodes die, stand still and are cut off, devices fail in every way."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from mdscluster.config import Fencing
from tests.simulation.whole.power import FOREVER_MS, HANGS, HONEST, IDLE, LIAR, REFUSES, PoweredSimulation

STORM_MS, CALM_MS = 90_000.0, 150_000.0


class Storm:
    """A few faults at a time, long enough for suspicion."""

    def __init__(self, world: PoweredSimulation, seed: int) -> None:
        self.world, self.rng = world, Random(f"storm {seed}")

    def node(self) -> str:
        return self.rng.choice(self.world.ids)

    def run(self) -> None:
        faults = [self.kill, self.kill, self.split, self.split, self.pause, self.freeze, self.spoil, self.reach]
        end_ms = self.world.now_ms + STORM_MS
        while self.world.now_ms < end_ms and not self.world.violations:
            self.rng.choice(faults)()
            self.world.run_for(self.rng.uniform(500, 7_000))

    def kill(self) -> None:
        back_ms = self.rng.choice([800.0, 6_000.0, 25_000.0, FOREVER_MS])
        self.world.end(self.node(), back_ms, power=self.rng.random() < 0.5)

    def split(self) -> None:
        world, ms = self.world, self.rng.uniform(500, 15_000)
        side = {node: self.rng.random() < 0.4 for node in world.ids}
        one_way = self.rng.random() < 0.2
        for a, b in world.network.lanes:
            if side[a] != side[b] and not (one_way and side[a]):
                world.network.hole(a, b, ms)

    def pause(self) -> None:
        self.world.pause(self.node(), self.rng.uniform(300, 9_000))

    def freeze(self) -> None:
        front = self.world.whole(self.node()).front
        if front is not None and not front.process.paused:
            front.process.pause()
            self.world.at(self.rng.uniform(300, 20_000), front.process.resume)

    def spoil(self) -> None:
        self.world.manner[self.node()] = self.rng.choice([HONEST, HONEST, HONEST, IDLE, LIAR, HANGS, REFUSES])
        self.world.takes_ms = self.rng.choice([50.0, 150.0, 2_500.0])

    def reach(self) -> None:
        self.world.unreachable = {(a, b) for a in self.world.ids for b in self.world.ids if self.rng.random() < 0.2}

    def mend(self) -> None:
        """Everything works again; whoever died for good and was not fenced is started by hand."""
        world = self.world
        world.network.heal()
        world.manner = dict.fromkeys(world.ids, HONEST)
        world.unreachable.clear()
        for node in world.ids:
            world.begin(node)


@pytest.mark.parametrize(("seed", "size"), [(1, 3), (2, 3), (3, 5)])
def test_a_storm(fast_dir: Path, seed: int, size: int) -> None:
    """INV-9: every device judges who asks it. INV-1, INV-2, INV-4: by the checks at depth consensus. In the end all is
    well by itself."""
    unlimited = Fencing(node_per_hour=1_000, cluster_per_hour=1_000)
    world = PoweredSimulation(fast_dir, seed, size, clients=1, fencing=unlimited)
    try:
        world.set_up()
        storm = Storm(world, seed)
        storm.run()
        storm.mend()

        def well() -> bool:
            if not all(node.up for node in world.nodes.values()):
                return False
            state = world.committed_state()
            return not state.intents and all(node.armed and not node.down for node in state.nodes.values())

        world.wait_for(well, CALM_MS, lambda: f"not all is well: {world.has_power} {world.committed_state().intents}")
        fenced = [event for event in world.committed_state().history if event.kind == "fenced"]
        print(f"seed {seed}: {len(world.switched)} switched, {len(world.asked)} asked, {len(fenced)} fenced")
        assert not world.violations, world.violations
        assert fenced, "vacuous: nobody was fenced"
    finally:
        world.close()
