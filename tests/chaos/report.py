"""A run's evidence and verdicts as a report: typed, JSON both ways, times in seconds since the run began."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.chaos.drill_judge import fenced_ms, moved_ms, too_slow
from tests.chaos.evidence import Evidence
from tests.chaos.judge import calm, judge, leaderships, sent_away_ms, stood
from tests.chaos.monitor import Sample
from tests.chaos.stage import Plan
from tests.chaos.stalls import Distribution, by_operation, longest_per_fault_ms, measured, median
from tests.chaos.verdict import Verdict
from tests.support.cluster import ROOT

FORMAT = 1
BIN_S = 0.25
"""Of the throughput."""
STALL_BIN_S = 0.1
"""Of the stalls' picture: the longest call that began in each."""
SILENT_S = 1.0
"""A node without an answer for longer than this is drawn as silent."""
_FSYNCS = 21


class FaultReport(msgspec.Struct):
    """One fault on the time line."""

    what: str
    nodes: list[str]
    from_s: float
    to_s: float
    proofs: list[tuple[str, bool]]
    leader_before: str
    leader_after: str
    term_before: int
    term_after: int
    longest_ms: float | None
    """The longest that a client waited because of it; None: no call was under way."""


class Span(msgspec.Struct):
    """A node in a state for a while: ``leads`` (then with a term) or ``silent``."""

    node: str
    what: str
    from_s: float
    to_s: float
    term: int = 0


class LinuxReport(msgspec.Struct):
    """A real Linux client."""

    name: str
    stalls_ms: list[float]
    turns: int
    problems: list[str]


class RunReport(msgspec.Struct):
    """One run of one scenario."""

    scenario: str
    summary: str
    story: str
    nodes: int
    rounds: int
    seed: int
    command: str
    began: str
    duration_s: float
    kept: bool
    verdicts: list[Verdict]
    faults: list[FaultReport]
    longest_ms: float
    median_ms: float
    bound_longest_ms: float
    bound_median_ms: float | None
    operations: dict[str, Distribution]
    calm: Distribution | None
    """All calls before the first fault: what the machine gives when nothing is broken."""
    spans: list[Span]
    node_names: list[str]
    answers_per_bin: list[int]
    """Successful calls in every ``BIN_S``."""
    stalls_ms: list[float]
    """The longest call that began in every ``STALL_BIN_S``; 0: none began."""
    linux: list[LinuxReport]
    operations_checked: int
    load_average: float
    client_late_ms: float
    moved_ms: list[float] = []
    """Of a drill: how long after each fault another host served by the service address."""
    fenced_ms: list[float] = []
    """How long after its fault each lost node was fenced."""
    too_slow: list[str] = []
    """Who was fenced, each time, for a fault that asks for no fencing, as it was started again too slowly."""
    sent_away_ms: float | None = None
    """The longest that a node took to send its clients away; None: not looked at, or none did."""

    @property
    def broken(self) -> list[str]:
        """Names of the promises that were not kept."""
        return [verdict.name for verdict in self.verdicts if not verdict.kept]

    @property
    def unjudged(self) -> list[str]:
        """Names of the promises of which this run says nothing."""
        return [verdict.name for verdict in self.verdicts if not verdict.judged]


class Machine(msgspec.Struct):
    """What the figures were measured on."""

    cpus: int
    kernel: str
    python: str
    fsync_ms: float
    """Median of a small file's, where the nodes keep their state."""


class Report(msgspec.Struct):
    """Everything ``./run chaos`` did."""

    format: int
    began: str
    commit: str
    on_quorum_loss: str
    machine: Machine
    runs: list[RunReport]

    @property
    def kept(self) -> bool:
        return bool(self.runs) and all(run.kept for run in self.runs)

    def save(self, path: Path) -> None:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> Report:
        return msgspec.json.decode(path.read_bytes(), type=cls)


def fenced_as_slow(nodes: Sequence[str]) -> str:
    """``too_slow`` of one run or several, for wherever their verdict is shown; empty: nobody was."""
    return f"fenced, as started again too slowly: {', '.join(nodes)}" if nodes else ""


def new_report(folder: Path, on_quorum_loss: str) -> Report:
    """An empty one, of this commit on this machine."""
    machine = Machine(os.cpu_count() or 0, platform.release(), platform.python_version(), _fsync_ms(folder))
    return Report(FORMAT, _wall(), _commit(), on_quorum_loss, machine, [])


def report_run(plan: Plan, evidence: Evidence, began: str) -> RunReport:
    """Judge the evidence and put everything that a reader needs into one record."""
    scenario, origin = plan.scenario, evidence.begun_s
    verdicts = judge(scenario, plan.rounds, evidence)
    stalls = longest_per_fault_ms(evidence.calls, evidence.faults)
    undisturbed = [call.took_ms for call in calm(evidence)]
    checked = evidence.linearizable.count if evidence.linearizable is not None else 0
    faults = [
        FaultReport(
            f.what, list(f.nodes), f.begun_s - origin, f.ended_s - origin, f.proofs, f.leader_before, f.leader_after,
            f.term_before, f.term_after, None if stall is None else round(stall, 1),
        )
        for f, stall in zip(evidence.faults, stalls, strict=True)
    ]  # fmt: skip
    known = measured(stalls)
    duration_s = evidence.ended_s - origin
    moved, fenced = drill_times_ms(evidence)
    away = sent_away_ms(evidence)
    return RunReport(
        scenario.name, scenario.summary, scenario.story, plan.nodes, plan.rounds, plan.seed, plan.command, began,
        duration_s, stood(verdicts), verdicts, faults, max(known, default=0.0), median(known),
        scenario.bounds.longest_ms, scenario.bounds.median_ms, by_operation(evidence.calls),
        Distribution.of(undisturbed) if undisturbed else None,
        _spans(evidence.samples, origin), sorted({sample.node for sample in evidence.samples}),
        _answers(evidence, duration_s), _stall_bins(evidence, duration_s),
        [LinuxReport(c.name, c.stalls_ms, c.turns, c.problems) for c in evidence.linux], checked,
        max(evidence.load_averages, default=0.0), max((c.late_ms for c in evidence.clients), default=0.0),
        moved, fenced, too_slow(evidence.power, evidence.faults) if evidence.power is not None else [],
        None if scenario.sent_away_ms is None else max((ms for *_, ms in away if ms is not None), default=None),
    )  # fmt: skip


def drill_times_ms(evidence: Evidence) -> tuple[list[float], list[float]]:
    """After how long the service address was served from elsewhere, and after how long lost nodes were fenced."""
    if evidence.power is None:
        return [], []
    moved = moved_ms(evidence.power.knocks, evidence.faults)
    fenced = fenced_ms(evidence.power.events, evidence.faults)
    return [ms for ms in moved if ms is not None], [ms for *_, ms in fenced if ms is not None]


def _spans(samples: Sequence[Sample], origin: float) -> list[Span]:
    spans = [
        Span(node, "leads", first - origin, last - origin, term) for node, term, first, last in leaderships(samples)
    ]
    heard: dict[str, float] = {}
    for sample in samples:
        if not sample.role:
            continue
        if sample.at_s - heard.get(sample.node, sample.at_s) > SILENT_S:
            spans.append(Span(sample.node, "silent", heard[sample.node] - origin, sample.at_s - origin))
        heard[sample.node] = sample.at_s
    end_s = max((sample.at_s for sample in samples), default=origin)
    spans += [
        Span(node, "silent", at_s - origin, end_s - origin) for node, at_s in heard.items() if end_s - at_s > SILENT_S
    ]
    return spans


def _answers(evidence: Evidence, duration_s: float) -> list[int]:
    bins = [0] * (int(duration_s / BIN_S) + 1)
    for call in evidence.calls:
        place = int((call.completed_s - evidence.begun_s) / BIN_S)
        if call.status == "NFS4_OK" and 0 <= place < len(bins):
            bins[place] += 1
    return bins


def _stall_bins(evidence: Evidence, duration_s: float) -> list[float]:
    bins = [0.0] * (int(duration_s / STALL_BIN_S) + 1)
    for call in evidence.calls:
        place = int((call.invoked_s - evidence.begun_s) / STALL_BIN_S)
        if 0 <= place < len(bins):
            bins[place] = max(bins[place], round(call.took_ms, 1))
    return bins


def now() -> str:
    """The wall clock, for people."""
    return _wall()


def _wall() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _commit() -> str:
    shown = subprocess.run(
        ["git", "log", "-1", "--format=%h %cs %s"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return shown.stdout.strip() or "unknown"


def _fsync_ms(folder: Path) -> float:
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(_FSYNCS):
            begun = time.monotonic()
            os.pwrite(file.fileno(), b"x" * 4096, 0)
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - begun) * 1000)
    return round(median(times), 2)
