"""Buckets by the length of a number of microseconds, against the plain definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.allowance import Allowance
from telemetry.histogram import BOUNDS, Histogram

_durations = st.floats(min_value=0, max_value=1e5, allow_nan=False)


@given(st.lists(_durations, max_size=50))
def test_every_bucket_holds_what_was_not_longer_than_its_bound(durations: list[float]) -> None:
    """Prometheus' "le": counted in whole microseconds, so a bound itself belongs to the bucket above at most by one."""
    histogram = Histogram()
    for seconds in durations:
        histogram.note(seconds)
    told = histogram.cumulative()
    assert [bound for bound, _ in told] == [*BOUNDS, "+Inf"]
    for bound, count in told:
        limit = math.inf if bound == "+Inf" else float(bound)
        assert count == sum(int(seconds * 1_000_000) < limit * 1_000_000 for seconds in durations)
    assert histogram.count == len(durations)
    assert histogram.sum_s == pytest.approx(sum(durations))


def test_a_clock_that_went_back_is_no_time_at_all() -> None:
    histogram = Histogram()
    histogram.note(0.25)
    histogram.note(-5.0)
    assert histogram.cumulative()[0][1] == 1
    assert (histogram.count, histogram.sum_s) == (2, 0.25), "a sum is a counter: it must never fall"


@given(st.lists(_durations, max_size=20), st.lists(_durations, max_size=20))
def test_two_are_added_as_if_they_had_been_one(first: list[float], second: list[float]) -> None:
    one, other, whole = Histogram(), Histogram(), Histogram()
    for seconds in first:
        one.note(seconds)
        whole.note(seconds)
    for seconds in second:
        other.note(seconds)
        whole.note(seconds)
    one.add(other)
    assert one.counts == whole.counts
    assert one.sum_s == pytest.approx(whole.sum_s)


def test_so_many_a_second_and_what_was_left_out_is_told_next_time() -> None:
    allowance = Allowance(2)
    assert [allowance.take(10.0) for _ in range(5)] == [True, True, False, False, False]
    assert allowance.take(11.5)
    assert allowance.refused_before == 3
    assert allowance.take(11.6)
    assert allowance.refused_before == 0
