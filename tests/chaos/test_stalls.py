"""How long clients waited, and what is judged by it.

A fault in which no call was measured tells nothing: not a stall of 0, and not one that others may make up for.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.evidence import Evidence, Fault
from tests.chaos.judge import judge
from tests.chaos.load import Call
from tests.chaos.monitor import Sample
from tests.chaos.page import page
from tests.chaos.report import new_report, report_run
from tests.chaos.scenarios import BY_NAME, LINUX_ROUNDS_MIN, SCENARIOS
from tests.chaos.stage import ON_QUORUM_LOSS, Plan
from tests.chaos.stalls import longest_per_fault_ms, measured, median, unmeasured
from tests.chaos.test_judge import good, verdict_on
from tests.chaos.verdict import Verdict

SCENARIO = BY_NAME["kill-leader"]


def three_faults(*, second_measured: bool) -> Evidence:
    """The good run with two faults more, at 20 and 30 s; during the second nobody may have worked."""
    evidence = good()
    first = evidence.faults[0]
    evidence.faults += [replace(first, what=f"kill -9 of {name}", begun_s=at_s) for name, at_s in
                        (("mds2", 20.0), ("mds3", 30.0))]  # fmt: skip
    evidence.calls += [Call("client1", "mkdir", 30.1, 30.3, "NFS4_OK")]
    if second_measured:
        evidence.calls += [Call("client1", "mkdir", 20.1, 20.2, "NFS4_OK")]
    return evidence


def verdicts(evidence: Evidence) -> dict[str, Verdict]:
    return {one.name: one for one in judge(SCENARIO, len(evidence.faults), evidence)}


def test_every_fault_needs_a_call_before_the_next() -> None:
    """What comes after the next fault's beginning says nothing of this one; the three verdicts name it."""
    names = ("run", "longest stall", "median stall")
    found = verdicts(three_faults(second_measured=True))
    assert all(found[name].kept for name in names), found
    assert found["longest stall"].text == "410 ms in 3 faults"
    found = verdicts(three_faults(second_measured=False))
    for name in names:
        assert not found[name].kept, found[name]
        assert "vacuous: no call was under way during kill -9 of mds2" in found[name].text


def test_the_median_is_that_of_faults_with_calls() -> None:
    """A fault without any would count as the shortest stall of all."""
    found = verdicts(three_faults(second_measured=False))
    assert found["median stall"].text.startswith("305 ms;")
    assert found["longest stall"].text.startswith("410 ms in 2 faults;")


def test_the_window_of_a_fault_ends_with_the_next() -> None:
    """A call that ended as the fault began was not under way, nor one that began with the next fault."""
    faults = [Fault("one", (), 10.0, 1), Fault("two", (), 20.0, 1), Fault("three", (), 30.0, 1)]
    calls = [
        Call("c", "mkdir", 9.0, 10.0, "NFS4_OK"), Call("c", "mkdir", 20.0, 20.5, "NFS4_OK"),
        Call("c", "mkdir", 31.0, 31.1, "NFS4_OK"),
    ]  # fmt: skip
    stalls = longest_per_fault_ms(calls, faults)
    assert stalls[0] is None
    assert measured(stalls) == pytest.approx([500, 100])
    assert median(measured(stalls)) == pytest.approx(300)
    assert unmeasured(calls, faults) == ["one"]
    assert unmeasured([*calls, Call("c", "mkdir", 9.5, 20.5, "NFS4_OK")], faults) == []


def test_the_report_shows_which_fault_has_no_measurement(tmp_path: Path) -> None:
    """Nothing, where a 0 would look like a fault that nobody felt."""
    report = report_run(Plan(SCENARIO, nodes=3, rounds=3, seed=7, linux=True), three_faults(second_measured=False), "")
    assert [fault.longest_ms for fault in report.faults] == [pytest.approx(410), None, pytest.approx(200)]
    assert [report.longest_ms, report.median_ms] == pytest.approx([410, 305])
    whole = new_report(tmp_path, ON_QUORUM_LOSS)
    whole.runs.append(report)
    assert "no call" in page(whole)


def test_the_stall_of_a_fault_is_the_longest_call_until_the_next() -> None:
    """A call belongs to every fault that it was under way in, and to none that came after its end."""
    faults = [Fault("one", (), 10.0, 1), Fault("two", (), 20.0, 1)]
    calls = [
        Call("c", "mkdir", 5.0, 9.0, "NFS4_OK"), Call("c", "mkdir", 9.5, 10.5, "NFS4_OK"),
        Call("c", "mkdir", 19.9, 20.3, "NFS4_OK"),
    ]  # fmt: skip
    assert longest_per_fault_ms(calls, faults) == pytest.approx([1000, 400])
    calls.append(Call("c", "mkdir", 18.5, 20.5, "NFS4_OK"))
    assert longest_per_fault_ms(calls, faults) == pytest.approx([1500, 2000]), "what it waited for the next is not its"


@pytest.mark.parametrize(
    ("scenario", "stalls_ms", "kept"),
    [
        ("pause-leader", [700.0, 1600.0, 600.0, 1700.0, 650.0], True),
        ("pause-leader", [1600.0, 1600.0, 600.0, 1700.0, 650.0], False),
        ("pause-leader", [0.0] * LINUX_ROUNDS_MIN, False),
        ("drill-isolate", [1600.0] * LINUX_ROUNDS_MIN, False),
        ("kill-leader", [1100.0] * LINUX_ROUNDS_MIN, False),
        ("drill-kill-host", [700.0] * LINUX_ROUNDS_MIN, True),
        ("power-loss-all", [1100.0] * LINUX_ROUNDS_MIN, None),
    ],
)
def test_the_median_of_linux_clients_is_judged_where_it_is_promised(
    scenario: str, stalls_ms: list[float], kept: bool | None
) -> None:
    """The bound on what a failover costs: under 1 s for Linux, too, but where nobody can serve (None)."""
    evidence = good()
    evidence.linux[0].stalls_ms = stalls_ms
    found = [one.kept for one in judge(BY_NAME[scenario], 1, evidence) if one.name == "Linux median stall"]
    assert found == ([] if kept is None else [kept])


@pytest.mark.parametrize("scenario", ["pause-leader", "drill-kill-server"])
def test_the_median_of_too_few_rounds_is_told_not_to_be_judged(scenario: str) -> None:
    """Nobody takes a bound for kept, or broken, that three rounds say nothing of."""
    evidence = good()
    evidence.linux[0].stalls_ms = [1600.0] * 3
    verdict = verdict_on("Linux median stall", evidence, scenario)
    assert (verdict.judged, verdict.kept, verdict.text) == (False, True, "not judged (3 rounds)")
    evidence.linux[0].stalls_ms = [600.0] * LINUX_ROUNDS_MIN
    assert verdict_on("Linux median stall", evidence, scenario).judged
    evidence.linux.clear()
    assert not [one for one in judge(BY_NAME[scenario], 1, evidence) if not one.judged], "no Linux client, no median"


def test_a_median_is_promised_to_linux_clients_too() -> None:
    """Whoever reads "median under 1 s" need not ask for whom; and rounds are enough to judge it."""
    for one in SCENARIOS:
        if one.linux and one.bounds.median_ms is not None:
            assert one.bounds.linux_median_ms == one.bounds.median_ms, one.name
            assert one.deployed or one.rounds >= LINUX_ROUNDS_MIN, one.name


def test_a_start_of_all_servers_is_judged_by_its_median_where_processors_suffice() -> None:
    """kill-all: of 3 nodes, 6 processes load their code at once; of 5 it is 10, which no host of its own has."""
    evidence = good()
    evidence.samples += [Sample(9.0, "mds3", "follower", 1, True, 5, uptime_s=9.0)]
    evidence.calls.append(Call("client1", "mkdir", 9.99, 11.2, "NFS4_OK"))
    assert not verdict_on("median stall", evidence, "kill-all").kept
    evidence.samples += [Sample(9.0, f"mds{n}", "follower", 1, True, 5, uptime_s=9.0) for n in (4, 5)]
    verdict = verdict_on("median stall", evidence, "kill-all")
    assert (verdict.kept, verdict.judged, verdict.text) == (True, False, "1210 ms; not judged on 5 nodes")
    evidence.calls.append(Call("client1", "mkdir", 9.99, 12.2, "NFS4_OK"))
    assert not verdict_on("longest stall", evidence, "kill-all").kept
