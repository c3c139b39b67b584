"""Metrics as Prometheus reads them: families made when somebody asks, written by its own library.

A :class:`Page` is made anew for every scrape, filled from counters that lie around anyway, and forgotten. So nothing is
registered, locked or looked up while requests are served.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.samples import Sample

from telemetry.histogram import Histogram

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_BREATH_SAMPLES: Final = 32
_BREATH_S: Final = 50e-6


def let_others_run() -> None:
    """Let go of the interpreter's lock for a moment, for an event loop that may wait for it in another thread.

    That a loop is served sooner for it could not be measured on two cores: no bound may be built on this.
    """
    time.sleep(_BREATH_S)


class Page:
    """The families of one scrape, in the order in which they were first named.

    ``breathe`` is called every few samples, while they are taken in and while they are written: by whoever makes a page
    in a thread beside an event loop, which then is late by no more than a few samples take.
    """

    def __init__(self, breathe: Callable[[], None] = lambda: None) -> None:
        self._families: dict[str, Metric] = {}
        self._breathe = breathe

    def gauge(self, name: str, help: str, value: float, **labels: str) -> None:
        """A value that goes up and down."""
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = GaugeMetricFamily(name, help, labels=list(labels))
        assert isinstance(family, GaugeMetricFamily)
        family.add_metric(list(labels.values()), value)

    def counter(self, name: str, help: str, value: float, **labels: str) -> None:
        """A value that only grows, until the process ends; ``name`` ends with ``_total``."""
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = CounterMetricFamily(name, help, labels=list(labels))
        assert isinstance(family, CounterMetricFamily)
        family.add_metric(list(labels.values()), value)

    def counters(self, name: str, help: str, values: Mapping[str, float], label: str) -> None:
        """One for each key of ``values``."""
        for key, value in sorted(values.items()):
            self.counter(name, help, value, **{label: key})

    def histogram(self, name: str, help: str, found: Histogram, **labels: str) -> None:
        """Durations; ``name`` ends with ``_seconds``."""
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = HistogramMetricFamily(name, help, labels=list(labels))
        assert isinstance(family, HistogramMetricFamily)
        family.add_metric(list(labels.values()), buckets=found.cumulative(), sum_value=found.sum_s)
        self._breathe()

    def states(self, name: str, help: str, states: Iterable[str], present: str, label: str, **labels: str) -> None:
        """One of several states: 1 for the present one, 0 for every other, so that all of them exist."""
        for state in states:
            self.gauge(name, help, float(state == present), **labels, **{label: state})

    def add(self, families: Iterable[Metric]) -> None:
        """What a collector of the library says."""
        for family in families:
            self._families[family.name] = family

    def names(self) -> list[str]:
        """Every family's."""
        return list(self._families)

    def write(self) -> bytes:
        """The text."""
        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """As a registry, for the library's writer."""
        for family in self._families.values():
            family.samples = _Breathing(family.samples, self._breathe)
            yield family


class _Breathing(list[Sample]):
    """A family's samples, with pauses between them for whoever runs through."""

    def __init__(self, samples: list[Sample], breathe: Callable[[], None]) -> None:
        super().__init__(samples)
        self._breathe = breathe

    def __iter__(self) -> Iterator[Sample]:
        for number, sample in enumerate(super().__iter__(), 1):
            yield sample
            if number % _BREATH_SAMPLES == 0:
                self._breathe()
        self._breathe()


def about_process(page: Page, namespace: str, pid: int | str = "self") -> None:
    """Processor time, memory, open files of a process: the library's own collector."""
    page.add(_Process(namespace=namespace, pid=lambda: pid, registry=None).collect())


def about_build(page: Page, name: str, distribution: str) -> None:
    """Which release this is, on which Python. From a source tree that was never installed: ``unknown``."""
    try:
        release = version(distribution)
    except PackageNotFoundError:
        release = "unknown"
    python = platform.python_version()
    page.gauge(name, "The release that runs, and what it runs on.", 1.0, version=release, python=python)


class _Process(ProcessCollector):
    """Our units hide /proc/stat, where the library looks for the time of the host's start and gives up without it."""

    def _boot_time(self) -> float:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
