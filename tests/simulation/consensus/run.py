"""One seed at depth consensus: what kind of cluster it is, its troubles, its healing, and the verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

from mdscluster.raft import core, outbox
from tests.simulation.consensus.faults import FAULTS, Nemesis
from tests.simulation.consensus.node import SimNode
from tests.simulation.consensus.simulation import DISK_MS, Simulation
from tests.simulation.consensus.workload import Workload
from tests.simulation.result import SeedResult, Trace

TROUBLE_MS: Final = 4_000.0
HEALING_MS: Final = 10_000.0
_FAULT_GAP_MS: Final = 110.0
_ASK_GAP_MS: Final = 12.0
_WORDS: Final = 0.5
"""Of what leaders are asked for."""
_SMALL_BATCH_BYTES: Final = 700

FLOORS: Final = {
    "acked": 60.0,
    "barrier": 15.0,
    "word replaced": 3.0,
    "elections": 3.0,
    "starts": 8.0,
    "snapshots": 0.2,
    "torn": 0.05,
    "fail-stop": 0.2,
    "death in a turn": 0.2,
    "death in an install": 0.02,
    "failure in an install": 0.02,
    **{name: 0.1 for name in FAULTS if name != "ring"},
}
"""What a seed does in the mean, at the least (``Depth.floors``)."""


def profile(seed: int) -> tuple[dict[str, Any], bool]:
    """Settings of a seed's cluster, and whether its append messages are small, so that many are under way."""
    rng = Random(f"profile {seed}")
    small = rng.random() < 0.5
    heartbeat_ms, election_min_ms, election_max_ms = rng.choice([(50, 300, 600), (25, 100, 200), (20, 70, 90)])
    settings = {
        "heartbeat_ms": heartbeat_ms,
        "election_min_ms": election_min_ms,
        "election_max_ms": election_max_ms,
        "log_keep_entries": rng.choice([16, 36, 56]),
        "commit_notice_ms": rng.choice([0, 3]),
        "send_early": rng.random() < 0.75,
        "propose_deadline_ms": rng.choice([400, 5_000, 30_000]),
        "barrier_deadline_ms": rng.choice([300, 3_000, 10_000]),
        "connection_timeout_ms": rng.choice([600, 1_500]),
        "window_bytes": rng.choice([400, 8 << 20]),
        "entry_bytes_max": 150 if small else 256 << 10,
    }
    return settings, small


@contextmanager
def batch_bytes(small: bool) -> Iterator[None]:
    """pysyncobj sends so many bytes in a message at the most."""
    if not small:
        yield
        return
    with patch.object(core, "BATCH_BYTES", _SMALL_BATCH_BYTES), patch.object(outbox, "BATCH_BYTES", _SMALL_BATCH_BYTES):
        yield


def run_seed(seed: int, nodes: int, directory: Path, trace: Trace | None = None) -> SeedResult:
    """Trouble, healing, and the check of everything promised."""
    settings, small = profile(seed)
    world = Simulation(directory, seed, nodes, trace=trace, **settings)
    world.note("**", f"{nodes} nodes, {'small' if small else 'large'} messages, {settings}")
    try:
        with batch_bytes(small):
            trouble(world, words=_WORDS)
            heal(world)
            if not world.violations:
                world.checks.words()
                world.check()
    except AssertionError as error:
        world.violated(str(error))
    finally:
        world.close()
    return SeedResult(seed, nodes, tuple(world.violations), dict(world.counts), digest(world))


def trouble(
    world: Simulation,
    founders: Sequence[str] = (),
    without: Collection[str] = (),
    apart_ms: float = 0.0,
    words: float = 0.0,
) -> None:
    """Everything at once, for ``TROUBLE_MS``; all faults but those ``without``. Nodes start within ``apart_ms``.
    ``words``: as the ``Workload`` has it."""
    world.trouble = True
    world.workload = Workload(world, _ASK_GAP_MS, words)
    for node_id in founders or world.ids:
        if apart_ms:
            world.at(world.rng.uniform(0, apart_ms), world.begin, node_id)
        else:
            world.begin(node_id)
    world.at(50, world.workload.go)
    world.at(400, Nemesis(world, _FAULT_GAP_MS, without=without).strike)
    world.run_until(world.now_ms + TROUBLE_MS)


def heal(world: Simulation, members: Callable[[], list[SimNode]] | None = None) -> None:
    """No more faults: a leader must arise, and everybody must propose with success, read, and catch up.

    ``members`` says who everybody is now; by itself it is every node.
    """
    if world.violations:
        return
    world.trouble = False
    world.note("**", "no more faults")
    world.network.heal()
    for node in world.nodes.values():
        node.disk.fault = None
        node.clock.set_rate(1.0, world.now_ms)
        world.disk_ms[node.id] = DISK_MS
    end_ms = world.now_ms + HEALING_MS
    asked: dict[str, tuple[object, bytes, object]] = {}
    everybody = members or (lambda: list(world.nodes.values()))
    while world.now_ms < end_ms and not world.violations:
        world.run_until(world.now_ms + 25)
        nodes = everybody()
        for node in nodes:
            _ask_once(world, node, asked)
        if nodes and all(_answered(node, asked) for node in nodes) and len({node.count() for node in nodes}) == 1:
            world.installs.check()
            return
    if not world.violations:
        states = [_state(node, asked) for node in world.nodes.values()]
        world.violated(f"liveness: no convergence {HEALING_MS:.0f} ms after the last fault: {'; '.join(states)}")


def _ask_once(world: Simulation, node: SimNode, asked: dict[str, tuple[object, bytes, object]]) -> None:
    """A command and a read of each process; a process that ends takes their answers with it."""
    if not world.listens(node.id) or (node.id in asked and asked[node.id][0] is node.engine):
        return
    command = b"last of %s at %d" % (node.id.encode(), world.now_ms)
    read = ("last read", node.id, world.now_ms)
    asked[node.id] = (node.engine, command, read)
    for token in (command, read):
        world.checks.invoked(token)
    node.engine.propose(command, command, node.now_ms)
    node.engine.barrier(read, node.now_ms)
    world.wake(node.id)


def _answered(node: SimNode, asked: dict[str, tuple[object, bytes, object]]) -> bool:
    if not node.up or node.id not in asked:
        return False
    engine, command, read = asked[node.id]
    if engine is node.engine and (node.results.get(command, b"") is None or node.barriers.get(read) is False):
        del asked[node.id]  # It gave up in time; ask again.
        return False
    return engine is node.engine and command in node.results and read in node.barriers


def _state(node: SimNode, asked: dict[str, tuple[object, bytes, object]]) -> str:
    if not node.up:
        return f"{node.id} is down"
    status = node.engine.status(node.now_ms)
    _, command, read = asked.get(node.id, (None, b"", None))
    return (
        f"{node.id} {status.role} of term {status.term}, leader {status.leader_id or 'none'}, applied "
        f"{status.applied_index} of {status.last_log_index}{', quarantined' if status.quarantined else ''}, "
        f"{'answered' if command in node.results else 'no answer'}, {'read' if read in node.barriers else 'no read'}"
    )


def digest(world: Simulation) -> str:
    """Of all that was committed, of what happened, and of every random number drawn."""
    course = repr((sorted(world.counts.items()), sorted(world.committed.items()), world.rng.getstate(), world.now_ms))
    return hashlib.blake2b(course.encode(), digest_size=16).hexdigest()
