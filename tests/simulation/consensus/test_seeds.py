"""Seeds: equal everywhere, able to fail, and those that once found something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.consensus import mutants
from tests.simulation.consensus.simulation import Simulation
from tests.simulation.disk import COMMIT_FAILS
from tests.simulation.runner import run_one

ROOT = Path(__file__).resolve().parents[3]


def traced(seed: int, nodes: int, hash_seed: str) -> str:
    """Digest of a seed's trace, made by a process of its own."""
    code = (
        "import hashlib, sys\n"
        "from tests.simulation.runner import run_one\n"
        "lines = []\n"
        f"result = run_one('consensus', {seed}, {nodes}, lines.append)\n"
        "assert len(lines) > 500, 'vacuous'\n"
        "print(result.digest, hashlib.sha256('\\n'.join(lines).encode()).hexdigest())\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("seed", "nodes"), [(1, 3), (4, 5)])
def test_a_seed_is_the_same_in_every_process(seed: int, nodes: int) -> None:
    """Whatever order a process gives its sets: the trace is the same, line for line, and so is the digest."""
    first = traced(seed, nodes, "0")
    assert first == traced(seed, nodes, "4711")
    digest, _ = first.split()
    assert digest == run_one("consensus", seed, nodes).digest, "tracing changed the course"


def test_seeds_differ() -> None:
    assert run_one("consensus", 1, 3).digest != run_one("consensus", 2, 3).digest


def test_the_simulation_can_fail() -> None:
    """INV-2, INV-8: with pysyncobj's own truncation some seed breaks, soon."""
    with mutants.stock():
        assert any(run_one("consensus", seed, 3).violations for seed in range(10))


def _with_broken_disks(directory: Path) -> Simulation:
    """A cluster that would elect somebody, were there a disk on which a vote can be written."""
    world = Simulation(directory, 1)
    for node_id in world.ids:
        world.begin(node_id)
        world.nodes[node_id].disk.fault = (COMMIT_FAILS, "Input/output error")
    world.run_until(world.now_ms + 3_000)
    world.close()
    return world


def test_a_node_whose_commit_failed_must_have_stopped(fast_dir: Path) -> None:
    """INV-1, INV-2: it may promise nothing any more. One that goes on is seen at once, before it does any harm."""
    stopping = _with_broken_disks(fast_dir / "stopping")
    assert not stopping.violations, stopping.violations
    assert stopping.counts["fail-stop"] > 0, "vacuous: no commit has failed"
    with mutants.failed_commit_unnoticed():
        (violation,) = _with_broken_disks(fast_dir / "going on").violations
    assert violation.endswith("has failed, and it goes on")
