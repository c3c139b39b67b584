"""Benchmarks that are checks fail when they should, and leave each other's part of the document alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.bench_snapshot import GROWTH_MAX_MIB, SAMPLES_MIN, Snapshot, broken, section
from tests.bench.report import SNAPSHOTS, Results, write_report

GOOD = Snapshot(
    seconds=4.0, until_it_follows=2.0, changes=400, before_p50=4.0, before_p99=10.0, during_p50=5.0, during_p99=15.0,
    during_max=40.0, sender_grew_mib=3.0, receiver_grew_mib=9.0, load_average=1.0,
)  # fmt: skip
SLOW = replace(GOOD, during_p99=21.0)
STATE_MIB = 700.0


@pytest.mark.parametrize(
    ("snapshots", "state_mib", "words"),
    [
        ([SLOW, GOOD, SLOW], STATE_MIB, "2.10 times the usual"),
        ([GOOD, replace(GOOD, sender_grew_mib=GROWTH_MAX_MIB + 1)], STATE_MIB, "the sender grew by 33 MiB"),
        ([GOOD, replace(GOOD, receiver_grew_mib=GROWTH_MAX_MIB + 1)], STATE_MIB, "the receiver grew by 33 MiB"),
        ([GOOD], 100.0, "vacuous: a state of 100 MiB"),
        ([GOOD, replace(GOOD, changes=SAMPLES_MIN - 1)], STATE_MIB, "vacuous: 99 changes"),
    ],
)
def test_a_bound_that_a_snapshot_breaks_is_told(snapshots: list[Snapshot], state_mib: float, words: str) -> None:
    """Each alone."""
    (problem,) = broken(snapshots, state_mib)
    assert words in problem


def test_one_slow_snapshot_of_three_is_noise() -> None:
    assert broken([GOOD, SLOW, GOOD], STATE_MIB) == []


def test_a_new_report_keeps_what_is_known_of_snapshots() -> None:
    """``./run bench`` writes the document anew, ``./run bench snapshot`` one part of it."""
    part = section([GOOD, GOOD, SLOW], 1_000_000, STATE_MIB, 100.0, "nothing")
    first = write_report(Results(quick=False, turns=5, seconds=4.0), part)
    assert SNAPSHOTS.findall(first) == [part]
    assert write_report(Results(quick=False, turns=5, seconds=4.0), first) == first
