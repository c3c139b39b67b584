"""What of ``[guard]`` cannot work, in the operator's words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mdscluster.guardconfig import Guard
from mdsproto.configfile import ConfigError

GOOD = Guard(run_dir="/run/mdscluster", watchdog="/dev/watchdog")


@pytest.mark.parametrize("good", [Guard(), GOOD, replace(GOOD, watchdog_timeout_s=45), replace(GOOD, quorum_ms=10_000)])
def test_what_can_work(good: Guard) -> None:
    good.validate(lease_ms=90_000)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"run_dir": "run"}, "guard.run_dir is 'run': it must be an absolute path"),
        ({"run_dir": "/" + "x" * 90}, "guard.run_dir is longer than 90 bytes"),
        ({"status_ms": 50}, "guard.status_ms is 50: it must be at least 100"),
        ({"silence_ms": 100}, "guard.silence_ms is 100: it must be at least 150"),
        ({"settle_ms": 100}, "guard.settle_ms is 100: it must be at least 200"),
        ({"stall_ms": 1_999}, "guard.stall_ms is 1999: it must be at least 2000"),
        ({"stall_ms": 3_000, "silence_ms": 3_000, "settle_ms": 3_000}, "guard.stall_ms is 3000: it must be more than"),
        ({"stall_ms": 3_000, "status_ms": 3_001}, "guard.stall_ms is 3000: it must be more than guard.silence_ms"),
        ({"step_back_ms": 299}, "guard.step_back_ms is 299: it must be at least 300"),
        ({"watchdog_required": True, "watchdog": ""}, "guard.watchdog_required is set, and guard.watchdog names no"),
        ({"stall_ms": 20_000, "start_ms": 15_000}, "guard.start_ms must be at least guard.stall_ms (20000)"),
        ({"quorum_ms": 1}, "guard.quorum_ms is 1: it must be at least 10000"),
        ({"watchdog_timeout_s": 9}, "it must be 10 (twice guard.stall_ms, so that the node is ended first) to 45"),
        ({"watchdog_timeout_s": 46}, "guard.watchdog_timeout_s is 46"),
    ],
)
def test_what_cannot(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        replace(GOOD, **change).validate(lease_ms=90_000)
    assert words in str(refused.value)
