"""Random faults under seeds; the directed traces beside it catch what chance rarely finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdscluster.raft.errors import ConsensusBug
from tests.simulation.consensus import ablations
from tests.simulation.consensus.simulation import Simulation


@pytest.mark.parametrize(("seed", "size"), [(seed, 3) for seed in range(14)] + [(100 + seed, 5) for seed in range(6)])
def test_seed(fast_dir: Path, seed: int, size: int) -> None:
    """INV-1, INV-2, INV-3, INV-4, INV-8 under kills, power loss, pauses, holes, resets, slow links and snapshots."""
    options = {"log_keep_entries": 16 + seed % 3 * 20, "commit_notice_ms": seed % 2 * 3}
    simulation = Simulation(fast_dir, seed, size, **options)
    simulation.run_faults(8_000)
    if not simulation.violations:
        simulation.heal()
    simulation.check()
    assert simulation.counts["acked"] > 50, "vacuous run"
    assert simulation.counts["barrier"] > 10, "vacuous run"
    simulation.close()


def test_the_simulation_can_fail(fast_dir: Path) -> None:
    """Mutation check: with pysyncobj's own truncation some seed breaks, or a node stops rather than break."""
    for seed in range(40):
        simulation = Simulation(fast_dir / str(seed), seed, guards_class=ablations.Stock)
        try:
            simulation.run_faults(8_000)
            if simulation.violations:
                return
            simulation.heal()
            simulation.check()
        except (AssertionError, ConsensusBug):
            return
        finally:
            simulation.close()
    pytest.fail("40 seeds without a trace of the fault")
