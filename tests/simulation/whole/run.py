"""One seed at depth whole, as the command line runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.simulation.logs import bugs_in_logs
from tests.simulation.result import SeedResult, Trace
from tests.simulation.whole.faults import CLIENT_FAULTS, NODE_FAULTS
from tests.simulation.whole.simulation import WholeSimulation

FAULTS_MS: Final = 10_000.0
LEASE_MS: Final = 5_000
SHORT_LEASE_MS: Final = 1_500
"""So short that leases run out between two leaders: each of them begins all leases anew."""
FLOORS: Final = {
    "operations": 300.0,
    "acked": 300.0,
    "elections": 2.0,
    "lock told": 20.0,
    "open told": 20.0,
    "layout told": 4.0,
    "write data": 3.0,
    "digest": 3.0,
    "data server renewed": 50.0,
    "lease ran out": 0.1,
    "read without quorum": 0.05,
    "handles revoked": 0.1,
    "client dropped": 0.1,
    "EIO heard": 0.008,
    "snapshots": 0.06,
    "torn": 0.5,
    "fail-stop": 0.2,
    "death in a turn": 2.0,
    "death in an install": 0.02,
    **{name: 0.1 for name in (*NODE_FAULTS, *CLIENT_FAULTS) if name != "ring"},
}
"""What a seed does in the mean, at the least (``Depth.floors``)."""


def run_seed(seed: int, nodes: int, directory: Path, trace: Trace | None = None) -> SeedResult:
    """Faults, healing, and the check of everything promised."""
    simulation = make(seed, nodes, directory, trace)
    with bugs_in_logs(simulation.note_bug):
        try:
            simulation.run(FAULTS_MS)
        finally:
            simulation.close()
    counts = {**simulation.counts, **simulation.oracle.counts}
    return SeedResult(seed, nodes, tuple(simulation.violations), counts, simulation.course())


def make(seed: int, nodes: int, directory: Path, trace: Trace | None = None) -> WholeSimulation:
    """The world of a seed. What it varies besides chance: log length, commit notices, exclusive writers, and what nodes
    do without a quorum. Under ``read-only`` what is told so must be of some state since the quorum was lost."""
    return WholeSimulation(
        directory, seed, nodes, trace=trace, lease_ms=SHORT_LEASE_MS if seed % 3 == 1 else LEASE_MS,
        exclusive_writers=seed % 2 == 0, on_quorum_loss="read-only" if seed % 5 == 3 else "refuse",
        log_keep_entries=64 + seed % 3 * 200, commit_notice_ms=seed % 2 * 3, propose_deadline_ms=8_000,
        barrier_deadline_ms=4_000,
    )  # fmt: skip
