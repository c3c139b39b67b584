"""docs/CHAOS.md and docs/DRILL.md: their lists come from the scenario table and the latest reports.

``./run chaos --write-docs`` and ``./run drill --write-docs`` write them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.report import Report, RunReport, fenced_as_slow
from tests.chaos.scenarios import ANY, FIVE, LINUX_ROUNDS_MIN, SCENARIOS, Scenario
from tests.chaos.stalls import median
from tests.support.cluster import ROOT

LINE = 120
DOCUMENT = ROOT / "docs" / "CHAOS.md"
DRILL = ROOT / "docs" / "DRILL.md"
_FIRST = ("Scenario", "Nodes", "Runs", "Faults", "Longest stall, ms", "Median, ms", "Linux, ms")
_LAST = ("Calls", "Checked", "Load", "Verdict")
COLUMNS = (*_FIRST, *_LAST)
DRILL_COLUMNS = (*_FIRST, "Address moved, ms", "Fenced, ms", *_LAST)


def write(report: Path, *, drill: bool = False) -> None:
    """Fill in the parts between their marks; the report's only when there is one."""
    document = DRILL if drill else DOCUMENT
    text = replaced(document.read_text(encoding="utf-8"), "scenarios", scenarios(drill=drill))
    if report.exists():
        text = replaced(text, "report", results(Report.load(report), drill=drill))
    document.write_text(text, encoding="utf-8")


def replaced(text: str, part: str, content: str) -> str:
    """``text`` with what is between the marks of ``part`` exchanged. ValueError without such marks."""
    begin, end = f"<!-- {part}: written by ./run chaos --write-docs -->", f"<!-- end of {part} -->"
    found = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not found.search(text):
        raise ValueError(f"no part {part!r} in the document")
    return found.sub(lambda _: f"{begin}\n{content}\n{end}", text)


def scenarios(*, drill: bool = False) -> str:
    """Every scenario with what it does and promises; ``drill``: those of the drill only."""
    return "\n\n".join(_scenario(scenario) for scenario in SCENARIOS if scenario.deployed or not drill)


def _scenario(scenario: Scenario) -> str:
    bounds = scenario.bounds
    bound = f"longest stall under {bounds.longest_ms / 1000:.0f} s"
    if bounds.median_ms is not None:
        bound += f", median under {bounds.median_ms / 1000:.0f} s"
        bound += "" if bounds.median_on == ANY else f" on {' or '.join(map(str, bounds.median_on))} nodes"
    if bounds.fenced_ms is not None:
        bound += f", fenced within {bounds.fenced_ms / 1000:.0f} s"
    if bounds.linux_ms is not None:
        bound += f" (Linux clients: {bounds.linux_ms / 1000:.0f} s)"
    facts = ["drill"] if scenario.deployed else []
    facts += ["5 nodes" if scenario.nodes == FIVE else "3 or 5 nodes", bound]
    if scenario.terms_max is not None:
        facts.append(f"at most {scenario.terms_max} new terms" if scenario.terms_max else "no new term")
    if scenario.hand_over_ms is not None:
        facts.append(f"one new term and a stall under {scenario.hand_over_ms:.0f} ms when it is the leader's turn")
    if scenario.sent_away_ms is not None:
        facts.append(f"clients sent away within {scenario.sent_away_ms / 1000:.1f} s")
    facts += [_linux(scenario)] if scenario.linux else []
    facts += ["also without root"] if scenario.unprivileged else []
    text = f"**`{scenario.name}`**: {scenario.summary}. {scenario.story} *{'; '.join(facts)}.*"
    return textwrap.fill(text, LINE, break_long_words=False, break_on_hyphens=False)


def _linux(scenario: Scenario) -> str:
    """Which of the bounds hold for Linux clients, where not all of them do, or not as often as it is played."""
    told = "with real Linux clients"
    if scenario.bounds.median_ms is not None and scenario.bounds.linux_median_ms is None:
        return f"{told} (no bound for their median)"
    if scenario.bounds.linux_median_ms is not None and scenario.rounds < LINUX_ROUNDS_MIN:
        rounds = f"judged from {LINUX_ROUNDS_MIN} rounds on, and {scenario.rounds} are played unless more are asked for"
        return f"{told} (their median is {rounds})"
    return told


def results(report: Report, *, drill: bool = False) -> str:
    """The latest report's table: a row for each scenario and cluster size, however often it ran."""
    machine = report.machine
    columns = DRILL_COLUMNS if drill else COLUMNS
    head = (
        f"Begun {report.began}, commit {report.commit}; `on_quorum_loss = \"{report.on_quorum_loss}\"`; {machine.cpus} "
        f"CPUs shared by servers, clients and Linux guests, fsync {machine.fsync_ms:.2f} ms. Of several runs the worst "
        "is shown.\n\n"
        f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|\n"
    )
    groups: dict[tuple[str, int], list[RunReport]] = {}
    for run in report.runs:
        groups.setdefault((run.scenario, run.nodes), []).append(run)
    return head + "\n".join(_row(runs, columns) for runs in groups.values())


def _row(runs: list[RunReport], columns: Sequence[str]) -> str:
    linux = max((ms for run in runs for client in run.linux for ms in client.stalls_ms), default=0.0)
    broken = [run for run in runs if not run.kept]
    verdict = "kept"
    if broken:
        names = dict.fromkeys(name for run in broken for name in run.broken)
        verdict = f"broken in {len(broken)}: {', '.join(names)}"
    if unjudged := [run for run in runs if run.unjudged]:
        names = dict.fromkeys(name for run in unjudged for name in run.unjudged)
        verdict += f"; not judged in {len(unjudged)}: {', '.join(names)}"
    if told := fenced_as_slow([node for run in runs for node in run.too_slow]):
        verdict += f"; {told}"
    middle = max((median(client.stalls_ms) for run in runs for client in run.linux), default=0.0)
    cells = {
        "Scenario": runs[0].scenario,
        "Nodes": runs[0].nodes,
        "Runs": len(runs),
        "Faults": sum(len(run.faults) for run in runs),
        "Longest stall, ms": f"{max(run.longest_ms for run in runs):.0f}",
        "Median, ms": f"{max(run.median_ms for run in runs):.0f}",
        "Linux, ms": f"{middle:.0f} / {linux:.0f}" if linux else "",
        "Address moved, ms": _spread([ms for run in runs for ms in run.moved_ms]),
        "Fenced, ms": _spread([ms for run in runs for ms in run.fenced_ms]),
        "Calls": sum(run.operations["all"].count for run in runs if run.operations),
        "Checked": sum(run.operations_checked for run in runs),
        "Load": f"{max(run.load_average for run in runs):.1f}",
        "Verdict": verdict,
    }
    return "| " + " | ".join(str(cells[column]) for column in columns) + " |"


def _spread(values: Sequence[float]) -> str:
    """Median and longest."""
    return f"{median(values):.0f} / {max(values):.0f}" if values else ""
