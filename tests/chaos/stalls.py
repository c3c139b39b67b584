"""How long clients were kept waiting: distributions by operation, and the longest call of each fault."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.evidence import Fault
from tests.chaos.load import Call


@dataclass(frozen=True)
class Distribution:
    """Latencies of one kind of call, in milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, latencies_ms: Sequence[float]) -> Distribution:
        """Of at least one latency; percentiles by nearest rank."""
        ordered = sorted(latencies_ms)

        def rank(percent: float) -> float:
            return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

        return cls(len(ordered), rank(50), rank(99), ordered[-1])


def by_operation(calls: Sequence[Call]) -> dict[str, Distribution]:
    """By name of the operation; ``all`` first."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        kinds[call.operation].append(call.took_ms)
    if not kinds:
        return {}
    everything = [took for took_all in kinds.values() for took in took_all]
    return {"all": Distribution.of(everything), **{name: Distribution.of(kinds[name]) for name in sorted(kinds)}}


def longest_per_fault_ms(calls: Sequence[Call], faults: Sequence[Fault]) -> list[float | None]:
    """For each fault the longest call that was under way between its beginning and the next fault's; None: none was.

    One that the next fault met as well counts here with what it had waited by then, and there with all of it.
    """
    ends = [*(fault.begun_s for fault in faults[1:]), float("inf")][: len(faults)]
    return [
        max(
            ((min(c.completed_s, end) - c.invoked_s) * 1000
             for c in calls if c.completed_s > fault.begun_s and c.invoked_s < end),
            default=None,
        )
        for fault, end in zip(faults, ends, strict=True)
    ]  # fmt: skip


def measured(stalls_ms: Sequence[float | None]) -> list[float]:
    """Those of faults in which a call was under way: a fault without one tells nothing, least of all a short stall."""
    return [ms for ms in stalls_ms if ms is not None]


def unmeasured(calls: Sequence[Call], faults: Sequence[Fault]) -> list[str]:
    """Faults, in the administrator's words, in which no call was under way: what would be said of them is vacuous."""
    stalls_ms = longest_per_fault_ms(calls, faults)
    return [fault.what for fault, ms in zip(faults, stalls_ms, strict=True) if ms is None]


def median(values: Sequence[float]) -> float:
    """0 of nothing."""
    return statistics.median(values) if values else 0.0
