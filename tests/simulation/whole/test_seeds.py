"""Random seeds at depth whole; ``./run sim`` runs many more. And: a seed has one course, wherever it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.whole.run import run_seed

ROOT = Path(__file__).resolve().parents[3]
_ONE_SEED = """
import sys
from pathlib import Path
from tests.simulation.whole.run import run_seed
print(run_seed(int(sys.argv[1]), 3, Path(sys.argv[2])).digest)
"""


@pytest.mark.parametrize(("seed", "nodes"), [(0, 3), (1, 3), (2, 3), (100, 5)])
def test_seed(fast_dir: Path, seed: int, nodes: int) -> None:
    """INV-1 to INV-8 under faults of nodes, disks, clocks, networks, data servers and clients."""
    result = run_seed(seed, nodes, fast_dir)
    assert result.ok, result.violations
    assert result.counts["operations"] > 50, "vacuous run"


def test_a_seed_is_the_same_in_every_process(fast_dir: Path) -> None:
    """Neither the order of a set nor an address in memory shows in a seed's course."""
    digests = set()
    for number, hash_seed in enumerate(("1", "4711")):
        made = subprocess.run(
            [sys.executable, "-c", _ONE_SEED, "7", str(fast_dir / str(number))],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=True, timeout=600,
        )  # fmt: skip
        digests.add(made.stdout.split()[-1])
    assert len(digests) == 1
