"""Random changes of the membership under random faults; the directed traces catch what chance rarely finds."""

from __future__ import annotations

import pytest

from tests.simulation.runner import run_one


@pytest.mark.parametrize("seed", range(6))
def test_seed(seed: int) -> None:
    """INV-1, INV-2, INV-3, INV-4, INV-8 while a cluster is founded, and members are added, promoted, removed and
    replaced, 2 to 5 voters.

    ``./run sim --depth membership`` runs more of them.
    """
    result = run_one("membership", seed, 3)
    assert not result.violations
    assert result.counts["acked"] > 30, "vacuous run"
    assert result.counts["founded"], "vacuous run"
    assert sum(count for name, count in result.counts.items() if name.endswith(" done")), "vacuous run"
