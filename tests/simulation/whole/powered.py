"""What directed tests of fencing do to a simulated cluster with power devices, and how they look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mdscluster.control.stonith import Stonith
from mdscluster.raft.local import Token
from mdscluster.replica import MemberChange
from tests.simulation.whole.power import FOREVER_MS, PoweredSimulation

Make = Callable[..., PoweredSimulation]


@pytest.fixture
def make(fast_dir: Path) -> Iterator[Make]:
    made: list[PoweredSimulation] = []

    def build(size: int = 3, seed: int = 1, **options: Any) -> PoweredSimulation:
        made.append(PoweredSimulation(fast_dir / str(len(made)), seed, size, clients=1, **options))
        made[-1].set_up()
        check(made[-1])
        assert made[-1].switched == []
        return made[-1]

    yield build
    for world in made:
        world.close()


def check(world: PoweredSimulation) -> None:
    assert not world.violations, world.violations


def wait(world: PoweredSimulation, ms: float) -> None:
    world.run_for(ms)
    check(world)


def wait_for(world: PoweredSimulation, condition: Callable[[], bool], limit_ms: float, what: str) -> None:
    world.wait_for(condition, limit_ms, lambda: what)
    check(world)


def leader_of(world: PoweredSimulation) -> str:
    def found() -> list[str]:
        nodes = [node for node in world.nodes.values() if node.up and node.engine.core.is_leader]
        return [node.id for node in nodes if node.engine.guards.has_quorum()]

    wait_for(world, lambda: len(found()) == 1, 5_000, "nobody leads")
    return found()[0]


def split(world: PoweredSimulation, *groups: list[str], ms: float = FOREVER_MS) -> None:
    """Nodes of different groups do not hear each other; data servers and clients do not matter here."""
    of = {node: number for number, group in enumerate(groups) for node in group}
    for a, b in world.network.lanes:
        if a in of and b in of and of[a] != of[b]:
            world.network.hole(a, b, ms)


def stonith(world: PoweredSimulation, node_id: str) -> Stonith:
    front = world.whole(node_id).front
    assert front is not None
    assert front.front_end is not None
    return front.front_end.stonith


def lead(world: PoweredSimulation, node_id: str) -> None:
    """Whoever leads hands over to this node."""
    leader = leader_of(world)
    if leader != node_id:
        engine = world.nodes[leader].engine
        engine.change_members(Token(world.workload, id(node_id)), MemberChange("transfer", node_id))  # type: ignore[arg-type]
        world.wake(leader)
    wait_for(world, lambda: leader_of(world) == node_id, 1_500, f"{node_id} does not lead")


def restart(world: PoweredSimulation, node_id: str) -> None:
    """Its process is killed and started again at once: it has met nobody."""
    world.end(node_id, 300)
    wait_for(world, lambda: world.nodes[node_id].up, 1_000, "it does not start")


def offs(world: PoweredSimulation) -> list[str]:
    return [switched.node for switched in world.switched if switched.action == "off"]
