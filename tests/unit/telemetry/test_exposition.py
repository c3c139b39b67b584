"""What is written is what Prometheus' own parser reads."""

from __future__ import annotations

import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

from telemetry.exposition import Page, about_build, about_process
from telemetry.histogram import Histogram


def samples(page: Page) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """By name and labels."""
    families = text_string_to_metric_families(page.write().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_families_of_every_kind() -> None:
    page = Page()
    page.gauge("depth", "Depth.", 3, queue="a")
    page.gauge("depth", "Depth.", 4, queue='b"\n\\')
    page.counters("done_total", "Done.", {"x": 1, "y": 2}, "what")
    page.states("role", "Role.", ("leader", "follower"), "follower", "role", of="z")
    histogram = Histogram()
    histogram.note(0.001)
    page.histogram("took_seconds", "Took.", histogram, op="READ")
    found = samples(page)
    assert found["depth", (("queue", "a"),)] == 3
    assert found["depth", (("queue", 'b"\n\\'),)] == 4
    assert found["done_total", (("what", "y"),)] == 2
    assert found["role", (("of", "z"), ("role", "leader"))] == 0
    assert found["role", (("of", "z"), ("role", "follower"))] == 1
    assert found["took_seconds_count", (("op", "READ"),)] == 1
    assert found["took_seconds_sum", (("op", "READ"),)] == pytest.approx(0.001)
    assert found["took_seconds_bucket", (("le", "0.001024"), ("op", "READ"))] == 1
    assert found["took_seconds_bucket", (("le", "0.000512"), ("op", "READ"))] == 0


def test_it_lets_others_run_between_families() -> None:
    breaths: list[None] = []
    page = Page(lambda: breaths.append(None))
    for number in range(5):
        page.gauge(f"g{number}", "G.", number)
    page.write()
    assert len(breaths) == 5


def test_it_lets_others_run_within_a_long_family() -> None:
    """A histogram for each operation is some hundred samples."""
    breaths: list[None] = []
    page = Page(lambda: breaths.append(None))
    for number in range(20):
        page.histogram("took_seconds", "Took.", Histogram(), op=str(number))
    assert len(breaths) == 20
    written = page.write().count(b"\ntook_seconds")
    assert written > 400
    assert len(breaths) >= 20 + written // 32


def test_processes_are_told_of_where_proc_stat_is_hidden() -> None:
    """As our units hide it (ProcSubset=pid): the library alone would then say nothing at all."""
    page = Page()
    about_process(page, "x", os.getpid())
    about_build(page, "x_build_info", "mdscluster")
    about_build(page, "y_build_info", "no such distribution")
    found = {name: value for (name, _), value in samples(page).items()}
    assert found["x_process_resident_memory_bytes"] > 1 << 20
    assert found["x_process_cpu_seconds_total"] > 0
    assert found["x_build_info"] == found["y_build_info"] == 1
    assert b'version="unknown"' in page.write()
