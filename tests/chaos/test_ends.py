"""The judge finds servers that end by themselves, and blames nobody for an end that a fault or a snapshot explains."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.chaos.ends import CRITICAL, judge_ends, rebirths
from tests.chaos.evidence import Evidence, Fault, Said
from tests.chaos.monitor import ENDED, PERIOD_S, Sample
from tests.chaos.site import Site, said, telling

CALM_S, ENDED_S = 8.0, 40.0
INSTALLED = "snapshot installed; restarting"


def lived(node: str, born_s: float, from_s: float, until_s: float, late_s: float = 0.0) -> list[Sample]:
    """What a node says in one life, each time ``late_s`` after it was true."""
    count = int((until_s - from_s) / PERIOD_S)
    times = [from_s + number * PERIOD_S for number in range(count)]
    return [Sample(at_s + late_s, node, "follower", 1, True, uptime_s=at_s - born_s) for at_s in times]


def good() -> Evidence:
    """mds1 is killed at 10 s and is back at 12 s; mds2, and it alone, is stopped at 20 s and is back at 23 s."""
    samples = [
        *lived("mds1", 1.0, 5.0, 10.0), Sample(11.0, "mds1"), *lived("mds1", 11.8, 12.0, 45.0),
        *lived("mds2", 1.2, 5.0, 20.6), Sample(20.15, "mds2", ENDED, uptime_s=19.5), *lived("mds2", 22.6, 23.0, 45.0),
        *lived("mds3", 1.1, 5.0, 45.0),
    ]  # fmt: skip
    faults = [Fault("kill -9 of mds1", ("mds1",), 10.0, 1, ended_s=14.0), Fault("restart", ("mds2",), 20.0, 2)]
    return Evidence(0.0, CALM_S, ENDED_S, faults, samples)


def reborn(evidence: Evidence, node: str, gone_s: float, born_s: float, again_s: float) -> None:
    """The node ends once more at ``gone_s`` and answers again from ``again_s`` on."""
    evidence.samples = [sample for sample in evidence.samples if sample.node != node or sample.at_s < gone_s]
    evidence.samples += lived(node, born_s, again_s, 45.0)


def in_order(evidence: Evidence) -> Evidence:
    evidence.samples.sort(key=lambda sample: sample.at_s)
    return evidence


def test_ends_that_a_fault_explains_are_right() -> None:
    """Killed; or stopped in good order: told by the age of its whole service, while its last answer is on its way."""
    verdict = judge_ends(in_order(good()))
    assert verdict.kept, verdict
    assert verdict.text.startswith("processes ended 2 times")


def before_it_was_calm(e: Evidence) -> None:
    """Power on, or a start that was repeated, before anybody worked."""
    reborn(e, "mds3", 6.0, 6.9, 7.2)
    e.said.append(Said(6.0, "mds3", CRITICAL, "consensus stops"))


def after_the_end(e: Evidence) -> None:
    """While histories are checked."""
    reborn(e, "mds3", 41.0, 42.0, 42.3)


def everybody_at_once(e: Evidence) -> None:
    """kill-all, power-loss-all: each of them is named; storage without power may be told as critical."""
    e.faults.append(Fault("every node loses power", ("mds1", "mds2", "mds3", "ds1"), 30.0, 2))
    for node in ("mds1", "mds2", "mds3"):
        reborn(e, node, 30.1, 31.0, 31.4)
        e.said.append(Said(29.9, node, CRITICAL, "consensus stops"))
    e.said.append(Said(30.1, "ds1", CRITICAL, "the storage failed"))


def fenced(e: Evidence) -> None:
    """Named by those whom the cluster must fence."""
    e.faults.append(Fault("silence", (), 30.0, 2, fences=("mds3",)))
    reborn(e, "mds3", 33.0, 36.0, 36.5)


def twice_for_one_fault(e: Evidence) -> None:
    """Frozen: its guard ends it, it starts, is fenced, and boots."""
    e.faults.append(Fault("SIGSTOP", ("mds3",), 30.0, 2))
    reborn(e, "mds3", 30.0, 32.0, 32.5)
    reborn(e, "mds3", 34.0, 36.0, 36.5)


def snapshot(e: Evidence) -> None:
    """It fell behind while nobody looked: its process starts anew on what it got."""
    reborn(e, "mds3", 31.0, 31.5, 32.0)
    e.said.append(Said(31.1, "mds3", "info", INSTALLED))


def late_answers(e: Evidence) -> None:
    """A loaded node's, up to the time-out: its time of birth seems to change by all of that."""
    e.samples = [sample for sample in e.samples if sample.node != "mds3"]
    e.samples += [*lived("mds3", 1.1, 5.0, 20.0), *lived("mds3", 1.1, 20.0, 30.0, late_s=0.99)]
    e.samples += lived("mds3", 1.1, 31.0, 45.0)


def silence(e: Evidence) -> None:
    """It answered nothing for ten seconds, and is the same process."""
    e.samples = [sample for sample in e.samples if sample.node != "mds3" or not 25.0 < sample.at_s < 35.0]


@pytest.mark.parametrize(
    "event",
    [
        before_it_was_calm, after_the_end, everybody_at_once, fenced, twice_for_one_fault, snapshot, late_answers,
        silence,
    ],
)  # fmt: skip
def test_nobody_is_blamed_for_what_is_right(event: Callable[[Evidence], None]) -> None:
    """Power-on, the end of a run, faults of everybody, fencing, a snapshot, and mere lateness."""
    evidence = good()
    event(evidence)
    verdict = judge_ends(in_order(evidence))
    assert verdict.kept, verdict


def beside_a_fault(e: Evidence) -> None:
    reborn(e, "mds3", 11.0, 12.0, 12.4)


def before_the_first_fault(e: Evidence) -> None:
    reborn(e, "mds3", 8.5, 9.0, 9.4)


def in_anothers_time(e: Evidence) -> None:
    """It was killed in the round before, and this round's fault is another one's."""
    reborn(e, "mds1", 21.0, 22.0, 22.3)


def as_all_packets_suffer(e: Evidence) -> None:
    """A fault of the network names nobody."""
    e.faults.append(Fault("2 % of all packets are lost", (), 30.0, 2))
    reborn(e, "mds3", 31.0, 32.0, 32.3)


def after_a_snapshot(e: Evidence) -> None:
    """Of which another one's log tells, and its own long before."""
    snapshot(e)
    e.said[0] = Said(31.1, "mds2", "info", INSTALLED)
    e.said.append(Said(15.0, "mds3", "info", INSTALLED))


def critical_alone(e: Evidence) -> None:
    e.said.append(Said(30.0, "mds3", CRITICAL, "a bug: what a client sent could not be handled"))


def critical_in_anothers_time(e: Evidence) -> None:
    e.said.append(Said(21.0, "mds1", CRITICAL, "consensus stops"))


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (beside_a_fault, "mds3 ended by itself, and was started again 12.0 s into the run"),
        (before_the_first_fault, "mds3 ended by itself, and was started again 9.0 s into the run"),
        (in_anothers_time, "mds1 ended by itself, and was started again 22.0 s into the run"),
        (as_all_packets_suffer, "mds3 ended by itself, and was started again 32.0 s into the run"),
        (after_a_snapshot, "mds3 ended by itself, and was started again 31.5 s into the run"),
        (critical_alone, "mds3 logged 'a bug: what a client sent could not be handled' 30.0 s into the run"),
        (critical_in_anothers_time, "mds1 logged 'consensus stops' 21.0 s into the run"),
    ],
)
def test_an_end_that_nothing_explains_is_found(event: Callable[[Evidence], None], text: str) -> None:
    """A front end that died, a full disk, a guard's sentence: its unit starts the node again before clients notice."""
    evidence = good()
    event(evidence)
    verdict = judge_ends(in_order(evidence))
    assert not verdict.kept, verdict
    assert verdict.text == text


def test_a_run_without_a_server_to_look_at_proves_nothing() -> None:
    """Silent ones, and those of before, do not count; nor does anything in a run that never came to work."""
    evidence = in_order(good())
    evidence.samples = [Sample(7.0, "mds1", "leader", 1, uptime_s=6.0), Sample(9.0, "mds1")]
    assert judge_ends(evidence).text.startswith("vacuous")
    evidence = in_order(good())
    evidence.calm_from_s = 0.0
    assert judge_ends(evidence).text.startswith("vacuous")


def test_a_rebirth_is_told_with_the_looks_around_it() -> None:
    """From the last answer of the earlier process to the first of the later one."""
    (first, _) = rebirths(in_order(good()).samples)
    assert (first.node, round(first.seen_s, 2), first.again_s) == ("mds1", 9.8, 12.0)
    assert first.born_s == pytest.approx(11.8)


def test_what_bears_on_an_end_is_read_from_logs() -> None:
    """In a file or a journal, as structlog writes it: what is critical, and snapshots; by time.monotonic()."""
    def line(level: str, event: str) -> str:
        return json.dumps({"event": event, "node": "mds2", "level": level, "timestamp": "2026-01-02T03:04:05.500000Z"})

    log = [
        "Started mdscluster-mds.service - mdscluster metadata server mds2.", line("info", "serving NFS"),
        line(CRITICAL, "consensus stops"), line("warning", 'a client said "critical"'), line("info", INSTALLED),
        line("warning", "a word of a snapshot installed elsewhere"), line("warning", "snapshot not installed"),
        line(CRITICAL, "cut short")[:-4], '"critical"', '{"critical": 1}',
    ]  # fmt: skip
    at_s = 1767323045.5
    assert telling("\n".join(log), at_s - 100.0) == [
        Said(100.0, "mds2", CRITICAL, "consensus stops"), Said(100.0, "mds2", "info", INSTALLED),
    ]  # fmt: skip


def test_every_servers_log_is_read(tmp_path: Path) -> None:
    """By the time of now: what was logged this moment was logged this moment. One without a log has said nothing."""
    log = tmp_path / "mds1.log"
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    log.write_text(json.dumps({"event": "consensus stops", "node": "mds1", "level": CRITICAL, "timestamp": stamp}))
    site = SimpleNamespace(logs=lambda: {"mds1": log, "mds2": tmp_path / "mds2.log"})
    (one,) = said(cast(Site, site))
    assert (one.node, one.event) == ("mds1", "consensus stops")
    assert one.at_s == pytest.approx(time.monotonic(), abs=1.0)
