"""docs/BENCHMARKS.md from what was measured."""

from __future__ import annotations

import dataclasses
import io
import os
import platform
import pstats
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROFILE_LINES = 40


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

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        found = dataclasses.asdict(self)
        found["measured"] = [dataclasses.asdict(m) | {"ratio": round(m.ratio, 3)} for m in self.measured]
        return found


def write_report(results: Results, profile: Path | None) -> str:
    """The document."""
    parts = [_head(results), _rates(results), _failover(results), _memory(results), _profile(profile)]
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
        names = {"open": "open (create) + close", "mkdir": "mkdir + remove", "dsread": "data server READ"}
        names |= {"dswrite": "data server WRITE, COMMIT at the end", "dswritesync": "data server WRITE, FILE_SYNC4"}
        latency = [f"{us[0]:.0f} / {us[1]:.0f}" for us in (m.ours_us, m.peer_us)]
        cells = [names.get(m.name, m.name), m.inflight, f"{m.ours:,.0f} {m.unit}", f"{m.peer:,.0f} {m.unit}"]
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


def _profile(profile: Path | None) -> str:
    title = "## Where a request's time goes\n\n"
    if profile is None:
        return title + "No profile was given (`--profile FILE`: a text, or the output of cProfile).\n"
    try:
        out = io.StringIO()
        pstats.Stats(str(profile), stream=out).strip_dirs().sort_stats("tottime").print_stats(PROFILE_LINES)
        text = out.getvalue().strip()
    except (ValueError, EOFError, TypeError):
        text = profile.read_text(errors="replace").strip()
    return title + "```\n" + text + "\n```\n"
