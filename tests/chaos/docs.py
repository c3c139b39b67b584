"""docs/CHAOS.md: its lists come from the scenario table and the latest report (``./run chaos --write-docs``)."""

from __future__ import annotations

import re
from pathlib import Path

from tests.chaos.report import Report, RunReport
from tests.chaos.scenarios import FIVE, SCENARIOS, Scenario
from tests.support.cluster import ROOT

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
    facts = ["5 nodes" if scenario.nodes == FIVE else "3 or 5 nodes", bound]
    facts += ["with real Linux clients"] if scenario.linux else []
    facts += ["also without root"] if scenario.unprivileged else []
    return f"**`{scenario.name}`**: {scenario.summary}. {scenario.story} *{'; '.join(facts)}.*"


def results(report: Report) -> str:
    """The latest report's table."""
    machine = report.machine
    head = (
        f"Begun {report.began}, commit {report.commit}; `on_quorum_loss = \"{report.on_quorum_loss}\"`; {machine.cpus} "
        f"CPUs shared by servers, clients and Linux guests, fsync {machine.fsync_ms:.2f} ms.\n\n"
        "| Scenario | Nodes | Faults | Longest stall, ms | Median, ms | Linux, ms | Calls "
        "| Checked | Load | Verdict |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(map(_row, report.runs))


def _row(run: RunReport) -> str:
    linux = max((ms for client in run.linux for ms in client.stalls_ms), default=0.0)
    calls = run.operations["all"].count if run.operations else 0
    verdict = "kept" if run.kept else f"broken: {', '.join(run.broken)}"
    cells = [
        run.scenario, run.nodes, len(run.faults), f"{run.longest_ms:.0f}", f"{run.median_ms:.0f}",
        f"{linux:.0f}" if linux else "", calls, run.operations_checked, f"{run.load_average:.1f}", verdict,
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"
