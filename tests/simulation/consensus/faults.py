"""Faults at depth consensus: one row each, and how often it is chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Final

from tests.simulation.disk import COMMIT_FAILS, SYNC_FAILS

if TYPE_CHECKING:
    from tests.simulation.consensus.simulation import Simulation

Fault = Callable[["Simulation"], str | None]
"""Makes trouble and tells what it did; None when it cannot be done now."""


def _two(world: Simulation) -> tuple[str, str]:
    a, b = world.rng.sample(world.ids, 2)
    return a, b


def _up(world: Simulation) -> list[str]:
    return [node_id for node_id in world.ids if world.nodes[node_id].up]


def _leader(world: Simulation) -> str | None:
    leaders = [node for node in world.nodes.values() if node.up and node.engine.core.is_leader]
    return max(leaders, key=lambda node: node.engine.core.term).id if leaders else None


def _somebody(world: Simulation) -> str | None:
    """An up node; the leader more often than chance would have it, for its death is the harder case."""
    leader = _leader(world)
    if leader is not None and world.rng.random() < 0.3:
        return leader
    up = _up(world)
    return world.rng.choice(up) if up else None


def _ms(world: Simulation, *scales_ms: float) -> float:
    return world.rng.choice(scales_ms) * world.rng.random()


def _back_ms(world: Simulation, longest_ms: float = 500.0) -> float:
    """How soon a process is started again: at once, as a service manager does, or later."""
    return world.rng.uniform(1, 12) if world.rng.random() < 0.4 else world.rng.uniform(10, longest_ms)


# The network.


def _one_way(world: Simulation) -> str:
    """One direction is cut; what was sent meanwhile arrives late, or the connection is given up."""
    a, b = _two(world)
    ms = _ms(world, 100, 400, 1000)
    world.network.hole(a, b, ms)
    return f"{a} is not heard by {b} for {ms:.0f} ms"


def _both_ways(world: Simulation) -> str:
    """Among three nodes this is the partition that is not transitive: both still reach the third."""
    a, b = _two(world)
    ms = _ms(world, 100, 400, 1000, 2000)
    for x, y in ((a, b), (b, a)):
        world.network.hole(x, y, ms * world.rng.uniform(1.0, 1.3))
    return f"{a} and {b} do not hear each other for {ms:.0f} ms"


def _isolate(world: Simulation) -> str:
    group = world.rng.sample(world.ids, world.rng.randint(1, len(world.ids) // 2))
    ms = _ms(world, 300, 800, 1800)
    for a, b in world.network.lanes:
        if (a in group) != (b in group):
            world.network.hole(a, b, ms * world.rng.uniform(1.0, 1.2))
    return f"{', '.join(sorted(group))} cut off for {ms:.0f} ms"


def _ring(world: Simulation) -> str | None:
    """Every node reaches its two neighbours only."""
    if len(world.ids) < 5:
        return None
    order = world.rng.sample(world.ids, len(world.ids))
    ms = _ms(world, 400, 1200)
    for i, a in enumerate(order):
        for b in (order[(i + 2) % len(order)], order[(i - 2) % len(order)]):
            world.network.hole(a, b, ms)
    return f"only neighbours in {', '.join(order)} hear each other for {ms:.0f} ms"


def _reset(world: Simulation) -> str:
    a, b = _two(world)
    world.network.reset(world.network.link(a, b), slow=world.rng.random() < 0.3)
    return f"connection of {a} and {b} reset"


def _slow_link(world: Simulation) -> str:
    a, b = _two(world)
    latency_ms, ms = world.rng.choice([10.0, 40.0, 150.0]), world.rng.uniform(100, 900)
    world.network.slow_down(a, b, latency_ms, ms)
    return f"{a} to {b} takes {latency_ms:.0f} ms, for {ms:.0f} ms"


# Processes and machines.


def _kill(world: Simulation) -> str | None:
    first = _somebody(world)
    if first is None:
        return None
    others = [node_id for node_id in _up(world) if node_id != first]
    doomed = [first]
    if world.rng.random() < 0.2:
        doomed += world.rng.sample(others, min(len(others), world.rng.choice([1, len(others)])))
    for node_id in doomed:
        world.end(node_id, _back_ms(world))
    return f"kill -9 {', '.join(doomed)}"


def _power(world: Simulation) -> str | None:
    """One machine, some, or all; those whose process is down already too."""
    count = world.rng.choice([1, 1, 2, len(world.ids)])
    doomed = world.rng.sample(world.ids, count)
    for node_id in doomed:
        undo = world.rng.random() < 0.7
        node = world.nodes[node_id]
        if node.up:
            world.end(node_id, _back_ms(world), power=True, undo=undo)
        elif node.dir.exists():
            node.lose_power(undo=undo)
    return f"power loss of {', '.join(doomed)}"


def _stop(world: Simulation) -> str | None:
    """An orderly end: a leader names its successor."""
    node_id = _somebody(world)
    if node_id is None or not world.listens(node_id):
        return None
    node = world.nodes[node_id]
    node.engine.hand_over(node.now_ms)
    world.wake(node_id)
    life = world.lives[node_id]
    back_ms = _back_ms(world, 300)

    def gone() -> None:
        if life is world.lives[node_id]:
            world.end(node_id, back_ms)

    world.at(world.rng.uniform(1, 40), gone)
    return f"{node_id} is asked to stop"


def _pause(world: Simulation) -> str | None:
    node_id = _somebody(world)
    if node_id is None:
        return None
    ms = _ms(world, 100, 500, 1200)
    world.pause(node_id, ms)
    return f"{node_id} pauses for {ms:.0f} ms"


def _lag(world: Simulation) -> str | None:
    """A node misses so much that it needs a snapshot."""
    leader = _leader(world)
    if leader is None:
        return None
    follower = world.rng.choice([node_id for node_id in world.ids if node_id != leader])
    ms = world.rng.uniform(300, 700)
    for other in world.ids:
        if other != follower:
            world.network.hole(other, follower, ms)
            world.network.hole(follower, other, ms)
    for i in range(80):
        world.at(i * ms / 80, world.workload.propose_at, leader)
    return f"{follower} cut off for {ms:.0f} ms under a burst of changes"


def _wipe(world: Simulation) -> str | None:
    """A machine is replaced by an empty one. Only a minority may be without memory at a time."""
    ill = [
        node.id
        for node in world.nodes.values()
        if node.wiped or (node.engine is not None and node.engine.guards.quarantine.on)
    ]
    node_id = world.rng.choice(world.ids)
    if len(ill) - (node_id in ill) + 1 > (len(world.ids) - 1) // 2:
        return None
    node = world.nodes[node_id]
    world.end(node_id, world.rng.uniform(20, 400))
    if node.dir.exists():
        node.wipe()
    return f"{node_id} is replaced by an empty machine"


# Clocks.


def _clock_jump(world: Simulation) -> str:
    node_id = world.rng.choice(world.ids)
    jump_ms = world.rng.choice([-1, 1]) * world.rng.choice([50, 5_000, 3_600_000, 90_000_000]) * world.rng.random()
    world.nodes[node_id].clock.jump_ms = jump_ms
    return f"wall clock of {node_id} jumps to {jump_ms:+.0f} ms"


def _drift(world: Simulation) -> str:
    node_id = world.rng.choice(world.ids)
    rate = world.rng.choice([0.7, 0.9, 0.99, 1.0, 1.01, 1.1, 1.4])
    world.nodes[node_id].clock.set_rate(rate, world.now_ms)
    return f"clock of {node_id} runs at {rate}"


# Disks.


def _slow_disk(world: Simulation) -> str:
    node_id = world.rng.choice(world.ids)
    ms, flush_ms = world.rng.uniform(100, 700), world.rng.choice([5.0, 30.0, 120.0])
    usual_ms = min(world.disk_ms.values())
    world.disk_ms[node_id] = flush_ms
    world.at(ms, world.disk_ms.__setitem__, node_id, usual_ms)
    return f"disk of {node_id} takes {flush_ms:.0f} ms to flush, for {ms:.0f} ms"


def _disk_fails(world: Simulation, where: str, text: str, ms: float) -> str | None:
    node_id = _somebody(world)
    if node_id is None:
        return None
    disk = world.nodes[node_id].disk
    disk.fault = fault = (where, text)

    def mended() -> None:
        if disk.fault is fault:
            disk.fault = None

    world.at(ms, mended)
    return f"{where} fails on {node_id} for {ms:.0f} ms: {text}"


def _disk_full(world: Simulation) -> str | None:
    return _disk_fails(world, COMMIT_FAILS, "No space left on device", world.rng.uniform(20, 500))


def _io_error(world: Simulation) -> str | None:
    where = world.rng.choice([COMMIT_FAILS, SYNC_FAILS])
    return _disk_fails(world, where, "Input/output error", world.rng.uniform(5, 100))


FAULTS: Final[dict[str, tuple[float, Fault]]] = {
    "one-way cut": (1.0, _one_way),
    "cut of a pair": (1.0, _both_ways),
    "isolation": (1.5, _isolate),
    "ring": (0.7, _ring),
    "reset": (1.0, _reset),
    "slow link": (1.0, _slow_link),
    "kill": (1.5, _kill),
    "power loss": (1.5, _power),
    "stop": (0.7, _stop),
    "pause": (1.2, _pause),
    "lag": (0.6, _lag),
    "wipe": (0.5, _wipe),
    "clock jump": (0.7, _clock_jump),
    "drift": (0.7, _drift),
    "slow disk": (0.7, _slow_disk),
    "disk full": (0.5, _disk_full),
    "I/O error": (0.7, _io_error),
}


class Nemesis:
    """Chooses faults of a table, one after the other, while there is to be trouble."""

    def __init__(
        self,
        world: Simulation,
        mean_gap_ms: float,
        faults: Mapping[str, tuple[float, Fault]] | None = None,
        without: Collection[str] = (),
    ) -> None:
        self._world = world
        self._mean_gap_ms = mean_gap_ms
        table = FAULTS if faults is None else faults
        self._faults = {name: row for name, row in table.items() if name not in without}
        self._names = list(self._faults)
        self._weights = [weight for weight, _ in self._faults.values()]

    def strike(self) -> None:
        world = self._world
        if not world.trouble:
            return
        (name,) = world.rng.choices(self._names, self._weights)
        told = self._faults[name][1](world)
        if told is not None:
            world.counts[name] += 1
            world.note("**", told)
        world.at(world.rng.expovariate(1 / self._mean_gap_ms), self.strike)
