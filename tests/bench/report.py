"""docs/BENCHMARKS.md from what was measured."""

from __future__ import annotations

import dataclasses
import os
import platform
import re
import statistics
from dataclasses import dataclass, field
from typing import Any, Final

from tests.bench.profile import Profile

SNAPSHOTS: Final = re.compile(r"<!-- snapshots: .*?<!-- end of snapshots -->\n", re.DOTALL)
"""The part of the document that ``./run bench snapshot --write-docs`` writes; ``./run bench`` leaves it as it is."""
NAMES = {
    "open": "open (create) + close",
    "mkdir": "mkdir + remove",
    "readdir": "readdir of 100",
    "dsread": "data server READ",
    "dswrite": "data server WRITE, COMMIT at the end",
    "dswritesync": "data server WRITE, FILE_SYNC4",
}


@dataclass(frozen=True)
class Measured:
    """One load at one depth, ours and Ganesha's."""

    name: str
    inflight: int
    unit: str
    ours: float
    peer: float
    ours_us: tuple[float, ...]
    """Median and 99th percentile of one call in microseconds."""
    peer_us: tuple[float, ...]
    goal: float | None
    """The ratio to reach."""
    spread: tuple[int, ...]
    """Our rate in every turn."""

    @property
    def ratio(self) -> float:
        """Ours to Ganesha's."""
        return self.ours / self.peer if self.peer else 0.0

    def line(self) -> str:
        """For the terminal."""
        verdict = (
            "" if self.goal is None else f"  goal {self.goal:g}: {'reached' if self.ratio >= self.goal else 'MISSED'}"
        )
        ours, peer = f"{self.ours:8.0f} {self.unit}", f"{self.peer:8.0f}"
        return (
            f"{self.name:12} {self.inflight:3} in flight: ours {ours}, Ganesha {peer}, ratio {self.ratio:.2f}{verdict}"
        )


@dataclass
class Results:
    """A run."""

    quick: bool
    turns: int
    seconds: float
    measured: list[Measured] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stalls_ms: list[float] = field(default_factory=list)
    probe_calls: int = 0
    memory_idle: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    peer_memory: float = 0.0
    profiles: list[Profile] = field(default_factory=list)
    flush_us: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        found = dataclasses.asdict(self)
        found["measured"] = [dataclasses.asdict(m) | {"ratio": round(m.ratio, 3)} for m in self.measured]
        return found


def write_report(results: Results, earlier: str = "") -> str:
    """The document. ``earlier``: the one that it takes the place of."""
    snapshots = SNAPSHOTS.findall(earlier)
    parts = [_head(results), _rates(results), _failover(results), *snapshots, _memory(results), _profile(results)]
    if results.failures:
        parts.insert(1, "**Not measured:**\n\n" + "\n".join(f"- {text}" for text in results.failures) + "\n")
    return "\n".join(parts)


def _head(results: Results) -> str:
    cpus, kernel = os.cpu_count(), platform.release()
    note = " A quick run: too short to quote." if results.quick else ""
    return f"""# Benchmarks

Written by `./run bench`: our cluster of three metadata and three data servers (`./run up`) and NFS-Ganesha (VFS)
on one machine with {cpus} cores (Linux {kernel}), client included, in turn: {results.turns} turns of
{results.seconds:g} s each, medians.{note} Our changes are replicated and fsynced on three nodes before the reply and
our reads are linearizable; Ganesha's changes are neither replicated nor fsynced. The load generator is
`tests/bench/nfsload.c`.
"""


def _rates(results: Results) -> str:
    rows = ["| | in flight | ours | Ganesha | ratio | to reach | ours p50 / p99 µs | Ganesha p50 / p99 µs |"]
    rows.append("|---|---|---|---|---|---|---|---|")
    for m in results.measured:
        wanted = "" if m.goal is None else f"{m.goal:g} {'✓' if m.ratio >= m.goal else '✗'}"
        latency = [f"{us[0]:.0f} / {us[1]:.0f}" for us in (m.ours_us, m.peer_us)]
        cells = [NAMES.get(m.name, m.name), m.inflight, f"{m.ours:,.0f} {m.unit}", f"{m.peer:,.0f} {m.unit}"]
        cells += [f"**{m.ratio:.2f}**", wanted, *latency]
        rows.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "## Rates\n\n" + "\n".join(rows) + "\n"


def _failover(results: Results) -> str:
    if not results.stalls_ms:
        return "## Failover\n\nNot measured in this run.\n"
    p50, longest = statistics.median(results.stalls_ms), max(results.stalls_ms)
    return f"""## Failover

{len(results.stalls_ms)} times `kill -9` of the leader while a client connected to it makes and removes a directory
without a break (`tests/bench/prober.py`; {results.probe_calls:,} calls, none failed, none executed twice). Longest
call per kill: **median {p50:.0f} ms, longest {longest:.0f} ms**.
"""


def _memory(results: Results) -> str:
    rows = ["| process | idle MiB | after the load MiB |", "|---|---|---|"]
    for name in sorted(results.memory):
        rows.append(f"| {name} | {results.memory_idle.get(name, 0):.0f} | {results.memory[name]:.0f} |")
    rows.append(f"| Ganesha | | {results.peer_memory:.0f} |")
    return "## Memory (resident)\n\n" + "\n".join(rows) + "\n"


def _profile(results: Results) -> str:
    title = "## Where a request's time goes\n\n"
    if not results.profiles:
        return title + "Not measured in this run.\n"
    processes = list(results.profiles[0].cpu_us)
    rows = ["| µs of CPU a request | " + " | ".join(processes) + " | all |", "|---" * (len(processes) + 2) + "|"]
    for p in results.profiles:
        cells = [f"{p.cpu_us[name]:.1f}" for name in processes] + [f"{sum(p.cpu_us.values()):.1f}"]
        rows.append(f"| {NAMES.get(p.name, p.name)}, {p.inflight} in flight | " + " | ".join(cells) + " |")
    parts = [
        title,
        "CPU time by process while the load runs at the leader (pairs count as one request). At 1 in flight it is the\n"
        "waits that count: a change waits for the disk, a read for the round trip of its read barrier. Writing and\n"
        f"flushing 4 KiB took **{results.flush_us:.0f} µs** (median) on this disk during the run.\n\n",
        "\n".join(rows) + "\n",
    ]
    for process in results.profiles[0].areas:
        parts.append(_areas(results.profiles, process))
    return "".join(parts)


def _areas(profiles: list[Profile], process: str) -> str:
    """What one of the leader's processes does, load by load."""
    areas = sorted({area for p in profiles for area in p.areas[process]})
    rows = [f"| {process} | " + " | ".join(NAMES.get(p.name, p.name) for p in profiles) + " |"]
    rows.append("|---" * (len(profiles) + 1) + "|")
    for area in areas:
        rows.append(f"| {area} | " + " | ".join(f"{p.areas[process].get(area, 0):.0%}" for p in profiles) + " |")
    lines = []
    for p in profiles:
        seen = ", ".join(f"`{name}` {share:.0%}" for share, name in p.functions[process])
        lines.append(f"- {NAMES.get(p.name, p.name)}: {seen}")
    return (
        f"\n### The leader's {process}\n\n" + "\n".join(rows) + "\n\nFunctions in which most samples fell, "
        "what they call in C included:\n\n" + "\n".join(lines) + "\n"
    )
