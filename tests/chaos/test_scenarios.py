"""A handful of scenarios in their short form: one round, no Linux clients. All of them: ``./run chaos``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.conftest import unavailable
from tests.chaos.judge import judge
from tests.chaos.scenarios import BY_NAME
from tests.chaos.stage import Plan, perform
from tests.support.debian import Unavailable

pytestmark = [pytest.mark.slow, pytest.mark.alone]

SHORT = (
    ("pause-leader", 3),
    ("isolate-leader-with-clients", 3),
    ("kill-two-of-five", 5),
    ("isolate-minority", 5),
    ("deaf-leader", 3),
    ("full-disk-leader", 3),
    ("power-loss-all", 3),
    pytest.param("clock-forward", 3, marks=pytest.mark.long),
    pytest.param("mute-leader", 3, marks=pytest.mark.long),
)
"""Scenarios, and on how many nodes."""
SEED = 1


def run(name: str, nodes: int, folder: Path) -> None:
    """Every promise of one scenario, judged as ``./run chaos`` judges it."""
    plan = Plan(BY_NAME[name], nodes=nodes, rounds=1, seed=SEED, linux=False)
    try:
        evidence = perform(plan, folder)
    except Unavailable as reason:
        unavailable(reason)
    verdicts = judge(plan.scenario, plan.rounds, evidence)
    broken = [f"{verdict.name}: {verdict.promise}: {verdict.text}" for verdict in verdicts if not verdict.kept]
    assert not broken, "\n".join([*broken, f"repeat: {plan.command}"])


@pytest.mark.parametrize(("name", "nodes"), SHORT)
@pytest.mark.usefixtures("root")
def test_promises_hold_while_a_fault_lasts(name: str, nodes: int, tmp_path: Path) -> None:
    """INV-1 to INV-8 on real processes: nothing lost, doubled, stale or granted twice, and stalls within bounds."""
    run(name, nodes, tmp_path)


def test_promises_hold_when_the_leader_is_killed(tmp_path: Path) -> None:
    """INV-1 to INV-8, and a stall under 2 s, on loopback where we are not root."""
    run("kill-leader", 3, tmp_path)
