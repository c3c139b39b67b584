"""``./run chaos``: break a cluster of real processes, scenario by scenario, and judge what its clients saw."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.chaos import docs
from tests.chaos.page import page
from tests.chaos.report import Report, RunReport, fenced_as_slow, new_report, now, report_run
from tests.chaos.scenarios import ANY, BY_NAME, FIVE, SCENARIOS, Scenario
from tests.chaos.stage import ON_QUORUM_LOSS, READ_ONLY, Plan, perform
from tests.support.cluster import ROOT
from tests.support.debian import Unavailable, is_root

OUT = ROOT / "chaos-report"
WITHOUT_ROOT = ", ".join(scenario.name for scenario in SCENARIOS if scenario.unprivileged)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="./run chaos", description="Break a cluster of real processes and judge what its clients saw.",
        epilog="Exit status: 0 every promise was kept, 1 one was not, 2 wrong usage, 3 not possible on this machine. "
        f"As root: network namespaces, disks, clocks, Linux clients. As an ordinary user: {WITHOUT_ROOT}, on loopback.",
    )  # fmt: skip
    parser.add_argument("--scenario", action="append", metavar="NAME", choices=sorted(BY_NAME), default=[],
                        help="only this one (may be given several times); see --list")  # fmt: skip
    parser.add_argument("--drill", action="store_true",
                        help="only the drill: whole machines, keepalived, fencing (./run drill)")  # fmt: skip
    parser.add_argument("--nodes", type=int, choices=ANY, help="cluster size (default: 3, and 5 where 3 are too few)")
    parser.add_argument("--rounds", type=int, metavar="N", help="faults in each run (default: the scenario's own)")
    parser.add_argument("--minutes", type=float, metavar="M", help="go on, with new seeds, until M minutes are over")
    parser.add_argument("--seed", type=int, help="of what is left to chance (default: 1)", default=1)
    parser.add_argument("--out", type=Path, metavar="DIR", default=OUT, help="report.json, report.html (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep logs and histories of good runs too, under DIR")
    parser.add_argument("--on-quorum-loss", choices=(ON_QUORUM_LOSS, READ_ONLY), default=ON_QUORUM_LOSS,
                        help="what nodes do without a quorum; read-only: only in a drill, where all clients know the "
                        "service address only (default: %(default)s)")  # fmt: skip
    parser.add_argument("--no-linux", action="store_true", help="without real Linux clients")
    parser.add_argument("--append", action="store_true", help="add to the report in DIR rather than begin a new one")
    parser.add_argument("--list", action="store_true", help="what the scenarios are, and end")
    parser.add_argument("--write-docs", action="store_true",
                        help="write docs/CHAOS.md (with --drill: DRILL.md) from the table and DIR's report, and end")
    arguments = parser.parse_args(words)
    if arguments.on_quorum_loss == READ_ONLY:
        named = [BY_NAME[name] for name in arguments.scenario]
        if not (arguments.drill or named) or not all(scenario.deployed for scenario in named):
            parser.error("--on-quorum-loss read-only: only the drill's scenarios can be judged; add --drill")
    return arguments


def plans(arguments: argparse.Namespace, seed: int) -> list[Plan]:
    """What is to be run, in order."""
    chosen = [scenario for scenario in SCENARIOS if not arguments.scenario or scenario.name in arguments.scenario]
    if arguments.drill:
        chosen = [scenario for scenario in chosen if scenario.deployed]
    made, setting = [], arguments.on_quorum_loss
    for scenario in chosen:
        nodes = arguments.nodes or min(scenario.nodes)
        if nodes in scenario.nodes and (is_root() or scenario.unprivileged):
            linux = scenario.linux and is_root() and not arguments.no_linux
            made.append(Plan(scenario, nodes, arguments.rounds or scenario.rounds, seed, linux, setting))
    return made


def seeds(first: int, minutes: float | None) -> Iterator[int]:
    """The first seed, and as many more as there is time for."""
    end_s = time.monotonic() + (minutes or 0) * 60
    seed = first
    while True:
        yield seed
        if time.monotonic() >= end_s:
            return
        seed += 1


def run_one(plan: Plan, out: Path, keep: bool) -> RunReport:
    """One run with its line on the terminal; what it left behind stays if it was bad."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    began = now()
    label = f"{plan.scenario.name}, {plan.nodes} nodes, seed {plan.seed}"
    say = (lambda text: print(f"\r{label}: {text}\033[K", end="", flush=True)) if sys.stdout.isatty() else _silent
    say("building")
    try:
        report = report_run(plan, perform(plan, folder, say), began)
        if keep or not report.kept:
            _keep(folder, out / f"{plan.scenario.name}-{plan.nodes}-{plan.seed}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say("")
    print(("\r" if sys.stdout.isatty() else "") + line(report), flush=True)
    return report


def _silent(text: str) -> None:
    """No terminal, no progress."""


def line(report: RunReport) -> str:
    """What happened, the longest stall, the verdict."""
    linux = max((ms for client in report.linux for ms in client.stalls_ms), default=0.0)
    beside = f", Linux {linux:.0f} ms" if linux else ""
    text = (
        f"{'kept  ' if report.kept else 'BROKEN'}  {report.scenario:<27} {report.nodes} nodes  "
        f"{len(report.faults)} faults  longest stall {report.longest_ms:.0f} ms (median {report.median_ms:.0f}{beside})"
    )
    for verdict in report.verdicts:
        if not (verdict.kept and verdict.judged):
            text += f"\n        {verdict.name}: {verdict.text}"
    text += f"\n        {fenced_as_slow(report.too_slow)}" if report.too_slow else ""
    return text if report.kept else f"{text}\n        repeat: {report.command}"


def _keep(folder: Path, to: Path) -> None:
    """Logs, histories and configuration; neither disks nor the nodes' state."""
    shutil.rmtree(to, ignore_errors=True)
    skip = shutil.ignore_patterns("disks", "data", "pki", "*.so", "state", "*.sock", "switch", "rendered", "machine")
    shutil.copytree(folder, to, ignore=skip)


def write(report: Report, out: Path) -> None:
    """Both forms of the report; after every run, so that an interrupted evening is not lost."""
    out.mkdir(parents=True, exist_ok=True)
    report.save(out / "report.json")
    (out / "report.html").write_text(page(report), encoding="utf-8")


def show_list() -> None:
    """The table, for a terminal."""
    for scenario in SCENARIOS:
        print(f"{scenario.name:<28}{scenario.summary}{_marks(scenario)}")


def _marks(scenario: Scenario) -> str:
    marks = ["5 nodes"] if scenario.nodes == FIVE else []
    marks += ["drill"] if scenario.deployed else []
    marks += ["Linux clients"] if scenario.linux else []
    marks += ["without root too"] if scenario.unprivileged else []
    return f"  [{', '.join(marks)}]" if marks else ""


def main(words: Sequence[str]) -> int:
    """Run and report; the exit status."""
    arguments = parse(words)
    if arguments.list:
        show_list()
        return 0
    if arguments.write_docs:
        docs.write(arguments.out / "report.json", drill=arguments.drill)
        return 0
    if not is_root():
        print(f"Not root: only {WITHOUT_ROOT}, on loopback. Everything else: sudo ./run chaos", file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # take everything down on the way out
    if not plans(arguments, arguments.seed):
        print("nothing to run: this scenario needs another number of nodes, or root (./run chaos --list)",
              file=sys.stderr)  # fmt: skip
        return 2
    earlier = arguments.out / "report.json"
    made: list[RunReport] = []
    report = new_report(Path(tempfile.gettempdir()), arguments.on_quorum_loss)
    if arguments.append and earlier.exists():
        now, report = report, Report.load(earlier)
        if report.commit != now.commit:
            print(f"--append: {earlier} is of another commit ({report.commit})", file=sys.stderr)
            return 2
        if report.on_quorum_loss != arguments.on_quorum_loss:
            print(f"--append: {earlier} is of on_quorum_loss = {report.on_quorum_loss!r}", file=sys.stderr)
            return 2
    try:
        for seed in seeds(arguments.seed, arguments.minutes):
            for plan in plans(arguments, seed):
                made.append(run_one(plan, arguments.out, arguments.keep))
                report.runs.append(made[-1])
                write(report, arguments.out)
    except Unavailable as reason:
        print(f"not possible on this machine: {reason}", file=sys.stderr)
        return 3
    kept = sum(run.kept for run in made)
    print(f"{kept} of {len(made)} runs kept every promise; {arguments.out / 'report.html'}")
    return 0 if kept == len(made) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
