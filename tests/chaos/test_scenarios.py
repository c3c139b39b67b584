"""Every scenario in its short form: one round, no Linux clients; most of them with LONG=1. In full: ``./run chaos``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.conftest import unavailable
from tests.chaos.judge import judge
from tests.chaos.scenarios import BY_NAME, SCENARIOS
from tests.chaos.stage import Plan, perform
from tests.support.debian import Unavailable

pytestmark = [pytest.mark.slow, pytest.mark.alone]

WITHOUT_ROOT = "kill-leader"
"""Has a test of its own, as it needs no root."""
ALWAYS = (
    "pause-leader",
    "isolate-leader-with-clients",
    "kill-two-of-five",
    "isolate-minority",
    "deaf-leader",
    "full-disk-leader",
    "power-loss-all",
)
"""Those that ``./run test`` plays without LONG, too."""
REST = [scenario.name for scenario in SCENARIOS if not scenario.deployed and scenario.name != WITHOUT_ROOT]
SEED = 1
MEDIAN = "median stall"
"""Of one fault the longest stall is known, and no median: isolate-minority's single rounds take 0.72 to 1.02 s."""


def run(name: str, folder: Path) -> None:
    """Every promise of one scenario, judged as ``./run chaos`` judges it, on as few nodes as will do."""
    scenario = BY_NAME[name]
    plan = Plan(scenario, nodes=min(scenario.nodes), rounds=1, seed=SEED, linux=False)
    try:
        evidence = perform(plan, folder)
    except Unavailable as reason:
        unavailable(reason)
    verdicts = judge(plan.scenario, plan.rounds, evidence)
    broken = [
        f"{verdict.name}: {verdict.promise}: {verdict.text}" for verdict in verdicts
        if not verdict.kept and not (verdict.name == MEDIAN and len(evidence.faults) == 1)
    ]  # fmt: skip
    assert not broken, "\n".join([*broken, f"repeat: {plan.command}"])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in ALWAYS else [pytest.mark.long]) for name in REST]
)
@pytest.mark.usefixtures("root")
def test_promises_hold_while_a_fault_lasts(name: str, tmp_path: Path) -> None:
    """INV-1 to INV-8 on real processes: nothing lost, doubled, stale or granted twice, and stalls within bounds."""
    run(name, tmp_path)


def test_promises_hold_when_the_leader_is_killed(tmp_path: Path) -> None:
    """INV-1 to INV-8, and a stall under 2 s, on loopback where we are not root."""
    run(WITHOUT_ROOT, tmp_path)
