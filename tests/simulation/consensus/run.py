"""One seed at depth consensus, as the command line runs it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from tests.simulation.consensus.simulation import Simulation
from tests.simulation.result import SeedResult, Trace

FAULTS_MS: Final = 8_000.0
FLOORS: Final = {"acked": 100.0, "barrier": 20.0, "kill": 2.0, "power": 2.0, "isolate": 2.0, "hole": 2.0}
"""What a seed does in the mean, at the least (``Depth.floors``)."""


def run_seed(seed: int, nodes: int, directory: Path, trace: Trace | None = None) -> SeedResult:
    """Faults, healing, and the check of everything promised."""
    options = {"log_keep_entries": 16 + seed % 3 * 20, "commit_notice_ms": seed % 2 * 3}
    simulation = Simulation(directory, seed, nodes, **options)
    violations: list[str] = []
    try:
        simulation.run_faults(FAULTS_MS)
        if not simulation.violations:
            simulation.heal()
        simulation.check()
    except AssertionError as error:
        violations.append(str(error))
    finally:
        simulation.close()
    course = repr((sorted(simulation.counts.items()), simulation.committed, simulation.rng.getstate()))
    digest = hashlib.blake2b(course.encode(), digest_size=16).hexdigest()
    return SeedResult(seed, nodes, tuple(violations), dict(simulation.counts), digest)
