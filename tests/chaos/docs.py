"""docs/CHAOS.md: its lists come from the scenario table and the latest report (``./run chaos --write-docs``)."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from tests.chaos.report import Report, RunReport
from tests.chaos.scenarios import FIVE, SCENARIOS, Scenario
from tests.support.cluster import ROOT

LINE = 120
DOCUMENT = ROOT / "docs" / "CHAOS.md"


def write(report: Path, document: Path = DOCUMENT) -> None:
    """Fill in the parts between their marks; the report's only when there is one."""
    text = replaced(document.read_text(encoding="utf-8"), "scenarios", scenarios())
    if report.exists():
        text = replaced(text, "report", results(Report.load(report)))
    document.write_text(text, encoding="utf-8")


def replaced(text: str, part: str, content: str) -> str:
    """``text`` with what is between the marks of ``part`` exchanged. ValueError without such marks."""
    begin, end = f"<!-- {part}: written by ./run chaos --write-docs -->", f"<!-- end of {part} -->"
    found = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not found.search(text):
        raise ValueError(f"no part {part!r} in the document")
    return found.sub(lambda _: f"{begin}\n{content}\n{end}", text)


def scenarios() -> str:
    """Every scenario with what it does and promises."""
    return "\n\n".join(map(_scenario, SCENARIOS))


def _scenario(scenario: Scenario) -> str:
    bounds = scenario.bounds
    bound = f"longest stall under {bounds.longest_ms / 1000:.0f} s"
    if bounds.median_ms is not None:
        bound += f", median under {bounds.median_ms / 1000:.0f} s"
    if bounds.linux_ms is not None:
        bound += f" (Linux clients: {bounds.linux_ms / 1000:.0f} s)"
    facts = ["5 nodes" if scenario.nodes == FIVE else "3 or 5 nodes", bound]
    facts += ["with real Linux clients"] if scenario.linux else []
    facts += ["also without root"] if scenario.unprivileged else []
    text = f"**`{scenario.name}`**: {scenario.summary}. {scenario.story} *{'; '.join(facts)}.*"
    return textwrap.fill(text, LINE, break_long_words=False, break_on_hyphens=False)


def results(report: Report) -> str:
    """The latest report's table: a row for each scenario and cluster size, however often it ran."""
    machine = report.machine
    head = (
        f"Begun {report.began}, commit {report.commit}; `on_quorum_loss = \"{report.on_quorum_loss}\"`; {machine.cpus} "
        f"CPUs shared by servers, clients and Linux guests, fsync {machine.fsync_ms:.2f} ms. Of several runs the worst "
        "is shown.\n\n"
        "| Scenario | Nodes | Runs | Faults | Longest stall, ms | Median, ms | Linux, ms | Calls "
        "| Checked | Load | Verdict |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    groups: dict[tuple[str, int], list[RunReport]] = {}
    for run in report.runs:
        groups.setdefault((run.scenario, run.nodes), []).append(run)
    return head + "\n".join(map(_row, groups.values()))


def _row(runs: list[RunReport]) -> str:
    linux = max((ms for run in runs for client in run.linux for ms in client.stalls_ms), default=0.0)
    broken = [run for run in runs if not run.kept]
    verdict = "kept"
    if broken:
        names = dict.fromkeys(name for run in broken for name in run.broken)
        verdict = f"broken in {len(broken)}: {', '.join(names)}"
    cells = [
        runs[0].scenario, runs[0].nodes, len(runs), sum(len(run.faults) for run in runs),
        f"{max(run.longest_ms for run in runs):.0f}", f"{max(run.median_ms for run in runs):.0f}",
        f"{linux:.0f}" if linux else "",
        sum(run.operations["all"].count for run in runs if run.operations),
        sum(run.operations_checked for run in runs),
        f"{max(run.load_average for run in runs):.1f}", verdict,
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"
