"""What ``./run chaos`` chooses to run, prints, writes and exits with. No cluster is started here."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.chaos import __main__ as command
from tests.chaos import docs, stage
from tests.chaos.evidence import Check, Evidence, Power, Said, Switching
from tests.chaos.monitor import PowerEvent
from tests.chaos.page import page
from tests.chaos.report import Report, new_report, report_run
from tests.chaos.scenarios import BY_NAME, LINUX_ROUNDS_MIN, SCENARIOS
from tests.chaos.site import CLOSED_EVENT, SENT_AWAY
from tests.chaos.stage import Plan
from tests.chaos.test_judge import good
from tests.chaos.verdict import Verdict
from tests.chaos.witness import Knock

PLAN = Plan(BY_NAME["kill-leader"], nodes=3, rounds=1, seed=7, linux=True)


def chosen(monkeypatch: pytest.MonkeyPatch, *words: str, root: bool = True) -> list[Plan]:
    """What would be run."""
    monkeypatch.setattr(command, "is_root", lambda: root)
    return command.plans(command.parse(words), 1)


def test_by_default_every_scenario_runs_on_as_few_nodes_as_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left out, and those that need five get five."""
    plans = chosen(monkeypatch)
    assert [plan.scenario for plan in plans] == list(SCENARIOS)
    assert {plan.scenario.name for plan in plans if plan.nodes == 5} == {
        "kill-two-of-five", "isolate-minority", "swizzle", "drill-two-hosts",
    }  # fmt: skip


def test_without_root_the_kill_scenarios_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no Linux client is asked for."""
    plans = chosen(monkeypatch, root=False)
    assert {plan.scenario.name for plan in plans} == {"kill-leader", "kill-follower", "kill-all"}
    assert not any(plan.linux for plan in plans)
    assert command.WITHOUT_ROOT == "kill-leader, kill-follower, kill-all"


def test_the_command_in_the_report_repeats_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Same scenario, nodes, rounds, seed, clients, setting."""
    drilled = replace(PLAN, scenario=BY_NAME["drill-isolate"], on_quorum_loss=stage.READ_ONLY)
    for plan in (PLAN, replace(PLAN, linux=False), drilled):
        words = plan.command.split()[2:]
        monkeypatch.setattr(command, "is_root", lambda: True)
        arguments = command.parse(words)
        assert command.plans(arguments, arguments.seed) == [plan]


def test_minutes_bring_new_seeds() -> None:
    """Without them one seed; with them more, each its own."""
    assert list(command.seeds(5, None)) == [5]
    more = command.seeds(5, minutes=10)
    assert [next(more) for _ in range(3)] == [5, 6, 7]


def run(monkeypatch: pytest.MonkeyPatch, out: Path, evidence: Evidence) -> int:
    """``./run chaos`` with ``evidence`` for what would have happened."""
    monkeypatch.setattr(command, "perform", lambda plan, folder, tell: evidence)
    monkeypatch.setattr(command, "is_root", lambda: True)
    return command.main(["--scenario", "kill-leader", "--rounds", "1", "--seed", "7", "--out", str(out)])


def test_a_kept_run_exits_with_0_and_leaves_both_reports(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what was done, the longest stall, the verdict."""
    assert run(monkeypatch, tmp_path, good()) == 0
    assert re.search(r"kept +kill-leader +3 nodes +1 faults +longest stall 410 ms", capsys.readouterr().out)
    assert Report.load(tmp_path / "report.json").kept
    assert "✓ kept" in (tmp_path / "report.html").read_text()


def test_a_broken_promise_exits_with_1_and_says_how_to_repeat_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """INV-8 broken: exit status, line, command, page and JSON all say so."""
    evidence = good()
    evidence.digest = Check(False, "DIFFERENT: the replicas have diverged", 3)
    assert run(monkeypatch, tmp_path, evidence) == 1
    said = capsys.readouterr().out
    assert "BROKEN" in said
    assert "INV-8: DIFFERENT" in said
    assert f"repeat: {PLAN.command}" in said
    assert Report.load(tmp_path / "report.json").runs[0].broken == ["INV-8"]
    assert "✗ broken: INV-8" in (tmp_path / "report.html").read_text()


def test_a_cluster_that_does_not_come_up_is_a_broken_run(tmp_path: Path) -> None:
    """A report without faults, samples or calls can be written, and is no good one."""
    evidence = Evidence(10.0, ended_s=12.0, broken="no leader after 20 s")
    report = report_run(PLAN, evidence, "now")
    assert not report.kept
    assert "no leader after 20 s" in report.verdicts[0].text
    whole = new_report(tmp_path, stage.ON_QUORUM_LOSS)
    whole.runs.append(report)
    assert "no leader after 20 s" in page(whole)


def test_the_page_takes_nothing_from_outside_and_nothing_at_its_word(tmp_path: Path) -> None:
    """No script, no link out; what servers or clients said cannot become markup."""
    evidence = good()
    evidence.faults[0].what = "<script>alert(1)</script>"
    evidence.digest = Check(False, "<b>&", 3)
    whole = new_report(tmp_path, stage.ON_QUORUM_LOSS)
    whole.runs.append(report_run(PLAN, evidence, "now"))
    text = page(whole)
    assert "<script" not in text
    assert "<b>&" not in text
    assert not re.search(r"""(src|href)=["'](?!#)""", text)


def test_strict_promises_are_checked_where_they_are_made() -> None:
    """INV-4 is strict only under ``refuse`` (docs/adr/0011), and by the service address."""
    assert PLAN.on_quorum_loss == "refuse"
    for words in (["--scenario", "kill-leader"], []):
        with pytest.raises(SystemExit):
            command.parse([*words, "--on-quorum-loss", "read-only"])


def test_a_report_is_of_one_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table whose head says ``refuse`` holds no run of the other setting."""
    new_report(tmp_path, "refuse").save(tmp_path / "report.json")
    words = ["--drill", "--on-quorum-loss", "read-only", "--append", "--out", str(tmp_path)]
    monkeypatch.setattr(command, "is_root", lambda: True)
    assert command.main(words) == 2
    assert "--append" in capsys.readouterr().err


def test_in_the_document_runs_of_one_scenario_are_one_row_and_the_worst_counts(tmp_path: Path) -> None:
    """A promise that was broken once is not hidden behind the runs that kept it."""
    once = report_run(PLAN, good(), "then")
    worse = msgspec.structs.replace(
        once, longest_ms=2500.0, verdicts=[Verdict("INV-4", "one order", False, "none found")], kept=False
    )
    on_five = msgspec.structs.replace(once, nodes=5)
    report = msgspec.structs.replace(new_report(tmp_path, stage.ON_QUORUM_LOSS), runs=[once, on_five, worse])
    first, second = (row.split(" | ") for row in docs.results(report).splitlines()[-2:])
    assert (first[1], first[2], first[4], first[-1]) == ("3", "2", "2500", "broken in 1: INV-4 |")
    assert (second[1], second[2], second[4], second[-1]) == ("5", "1", f"{once.longest_ms:.0f}", "kept |")


def test_a_fence_of_a_server_that_started_too_slowly_is_said_wherever_the_verdict_is(tmp_path: Path) -> None:
    """On the terminal, on the page, in the document's table: such a run is kept, and not as good as others."""
    evidence = good()
    begun_s = evidence.faults[0].begun_s
    evidence.power = Power(
        [Knock(begun_s - 1, "mds1"), Knock(begun_s + 0.2, "mds2")],
        [PowerEvent(begun_s + 2.2, "intent", "mds1"), PowerEvent(begun_s + 3.0, "fenced", "mds1")],
        [Switching(begun_s + 2.5, "mds1", "off")], returns={"mds1": [begun_s + 2.4]},
    )  # fmt: skip
    once = report_run(PLAN, evidence, "then")
    assert once.kept, once.verdicts
    words = "fenced, as started again too slowly: mds1"
    assert words in command.line(once)
    evidence.power = None
    plain = report_run(PLAN, evidence, "then")
    assert words not in command.line(plain)
    report = msgspec.structs.replace(new_report(tmp_path, stage.ON_QUORUM_LOSS), runs=[once, plain, once])
    report.save(tmp_path / "report.json")
    assert [run.too_slow for run in Report.load(tmp_path / "report.json").runs] == [["mds1"], [], ["mds1"]]
    assert docs.results(report).endswith(f"| kept; {words}, mds1 |")
    assert page(report).count(f"✓ kept; {words}") == 2


def test_what_is_not_judged_is_said_wherever_the_verdict_is(tmp_path: Path) -> None:
    """On the terminal, on the page, in the document's table: what else was kept does not stand for it."""
    plan = replace(PLAN, scenario=BY_NAME["drill-isolate"])
    evidence = good()
    evidence.linux[0].stalls_ms = [300.0] * 3
    once = report_run(plan, evidence, "then")
    assert once.kept
    assert "Linux median stall: not judged (3 rounds)" in command.line(once)
    assert "repeat" not in command.line(once)
    evidence.linux[0].stalls_ms = [300.0] * LINUX_ROUNDS_MIN
    judged = report_run(plan, evidence, "then")
    assert "not judged" not in command.line(judged)
    report = msgspec.structs.replace(new_report(tmp_path, stage.ON_QUORUM_LOSS), runs=[once, judged])
    report.save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json").runs[0].unjudged == ["Linux median stall"]
    assert docs.results(report).endswith("| kept; not judged in 1: Linux median stall |")
    shown = page(report)
    assert shown.count("✓ kept; not judged: Linux median stall") == 1
    assert shown.count("– not judged</td>") == 1


def test_the_longest_that_clients_were_kept_without_a_quorum_is_told(tmp_path: Path) -> None:
    """In JSON, of all nodes and faults; nothing where it is not looked at, or where nobody was sent away."""
    evidence = good()
    plan = replace(PLAN, scenario=BY_NAME["mute-leader"])
    assert report_run(plan, evidence, "then").sent_away_ms is None
    evidence.faults[0].nodes = ("mds1", "mds3")
    evidence.said = [Said(10.0 + ms / 1000, node, "info", CLOSED_EVENT, SENT_AWAY[0])
                     for ms, node in ((900, "mds1"), (1000, "mds3"), (1900, "mds1"))]  # fmt: skip
    report = msgspec.structs.replace(new_report(tmp_path, stage.ON_QUORUM_LOSS), runs=[report_run(plan, evidence, "")])
    report.save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json").runs[0].sent_away_ms == pytest.approx(1000.0)
    assert report_run(PLAN, evidence, "then").sent_away_ms is None
