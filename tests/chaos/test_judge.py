"""The judge of a chaos run finds what it is there to find: each kind of broken promise, and runs that prove nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from mdscluster.config import RaftTimes
from nfswire import nfs4
from tests.chaos.evidence import Check, Evidence, Fault, LinuxClient, Said, Spell, Withheld
from tests.chaos.judge import (
    BLOCKS_MIN,
    CALLS_MIN,
    CALM_SHARE,
    CONTENTION_MIN,
    LOOKS_MIN,
    OPERATIONS_MIN,
    judge,
    overlaps,
    stood,
)
from tests.chaos.load import Call, ClientReport, Hold
from tests.chaos.lookers import Wait
from tests.chaos.monitor import ENDED, ENDED_EVENT, Sample, last_words, statuses_sent
from tests.chaos.scenarios import BY_NAME, HAND_OVER_MS, LINUX_ROUNDS_MIN, SCENARIOS, SENT_AWAY_MS
from tests.chaos.site import CLOSED_EVENT, LEADS_EVENT, SENT_AWAY, Site, telling
from tests.chaos.stage import DIGESTS_MAX, compared, contention, digest
from tests.chaos.verdict import Verdict
from tests.support.linearizability import check
from tests.support.linearizability.calls import Answer, Create, Lock, Lookup, Open, Remove, Unlock
from tests.unit.linearizability.histories import history, op

SCENARIO = BY_NAME["kill-leader"]


def good() -> Evidence:
    """A run in which everything went well: mds1 led until it was killed at 10 s, then mds2."""
    fault = Fault(
        "kill -9 of mds1", ("mds1",), 10.0, 1, wants_new_leader=True, ended_s=14.0, term_after=2,
        leader_before="mds1", leader_after="mds2", proofs=[("the process of mds1 is gone", True)],
    )  # fmt: skip
    samples = [
        Sample(9.0, "mds1", "leader", 1, True, 5, uptime_s=9.0, statuses={"NFS4_OK": 100}),
        Sample(12.0, "mds2", "leader", 2, True, 9, uptime_s=12.0, statuses={"NFS4_OK": 80}),
    ]
    calls = [Call("client1", "mkdir", 8 + n * 0.1, 8.05 + n * 0.1, "NFS4_OK") for n in range(CALLS_MIN + 10)]
    calls.append(Call("client1", "open", 9.99, 10.4, "NFS4_OK"))
    holds = [Hold("byte range 0", f"client{n % 2 + 1}", float(n), n + 0.5) for n in range(8)]
    client = ClientReport(
        "client1", "fine", 60, [], [], retransmissions=3, reconnects=1, changes_in_doubt=2, blocks=BLOCKS_MIN,
        looks={"mds1": LOOKS_MIN, "mds2": LOOKS_MIN}, waits=[Wait("mds1", 12.0, 12.7)],
    )  # fmt: skip
    return Evidence(
        0.0, 8.0, 15.0, [fault], samples, calls, holds, [client],
        [LinuxClient("Linux", [300.0] * LINUX_ROUNDS_MIN, 50)], digest=Check(True, "equal", 3),
        linearizable=Check(True, "300 operations", 300, dict(CONTENTION_MIN)),
    )  # fmt: skip


def broken(evidence: Evidence) -> list[str]:
    """The names of the promises that were not kept."""
    return [verdict.name for verdict in judge(SCENARIO, 1, evidence) if not verdict.kept]


def test_a_good_run_stands() -> None:
    """INV-1 to INV-8: nothing to find, nothing found."""
    assert stood(judge(SCENARIO, 1, good())), judge(SCENARIO, 1, good())


def two_leaders(e: Evidence) -> None:
    e.samples.append(Sample(12.1, "mds3", "leader", 2, True, 9))


def two_leaders_unseen(e: Evidence) -> None:
    """Between two looks."""
    e.said.append(Said(12.1, "mds3", "info", LEADS_EVENT, term=2))


def lost_change(e: Evidence) -> None:
    e.clients[0].problems.append("/exactly-client1/w0/d1: 'n7' is missing")


def call_without_answer(e: Evidence) -> None:
    e.clients[0].failures.append("holds: Unavailable: no answer for 120 s")


def stale_read(e: Evidence) -> None:
    e.linearizable = Check(False, "not linearizable", 300)


def unchecked_history(e: Evidence) -> None:
    e.linearizable = Check(True, "0 operations", 0)


def short_history(e: Evidence) -> None:
    e.linearizable = Check(True, "199 operations", OPERATIONS_MIN - 1, dict(CONTENTION_MIN))


def nothing_in_doubt(e: Evidence) -> None:
    """Requests were sent again over new connections, but no change among them."""
    e.clients[0].changes_in_doubt = 0


def two_holders(e: Evidence) -> None:
    e.holds.append(Hold("byte range 0", "client3", 2.4, 2.45))


def grace_sent(e: Evidence) -> None:
    e.samples.append(Sample(13.0, "mds2", "leader", 2, True, 9, uptime_s=13.0, statuses={"NFS4ERR_GRACE": 1}))


def bad_session_received(e: Evidence) -> None:
    e.clients[0].failover_statuses["NFS4ERR_BADSESSION"] = 1


def replicas_differ(e: Evidence) -> None:
    e.digest = Check(False, "mds1 aa\nDIFFERENT", 3)


def replica_not_compared(e: Evidence) -> None:
    e.digest = Check(True, "equal", 2, missing=["mds3"])


def traceback(e: Evidence) -> None:
    e.tracebacks.append("mds2")


def ended_by_itself(e: Evidence) -> None:
    """mds2, to which nothing was done: its unit starts it again at once."""
    e.samples.append(Sample(13.0, "mds2", "follower", 2, True, 9, uptime_s=0.5))


def critical(e: Evidence) -> None:
    e.said.append(Said(12.5, "mds2", "critical", "consensus stops"))


def slow_call(e: Evidence) -> None:
    e.calls.append(Call("client1", "mkdir", 9.9, 12.0, "NFS4_OK"))


def linux_error(e: Evidence) -> None:
    e.linux[0].problems.append("the workload met errors: EIO")


def linux_stall(e: Evidence) -> None:
    e.linux[0].stalls_ms.append(2500.0)


def no_effect(e: Evidence) -> None:
    e.faults[0].proofs = [("the process of mds1 is gone", False)]


def no_proof(e: Evidence) -> None:
    e.faults[0].proofs = []


def no_new_leader(e: Evidence) -> None:
    e.faults[0].term_after, e.faults[0].leader_after = 1, "mds1"


def no_fault(e: Evidence) -> None:
    e.faults.clear()


def nobody_worked(e: Evidence) -> None:
    del e.calls[5:]


def nothing_held(e: Evidence) -> None:
    e.holds.clear()


def not_finished(e: Evidence) -> None:
    e.broken = "the cluster does not come together"


def no_data(e: Evidence) -> None:
    e.clients[0].blocks = BLOCKS_MIN - 1


def unanswered_looks(e: Evidence) -> None:
    e.clients[0].looks["mds2"] = LOOKS_MIN - 1


def never_compared(e: Evidence) -> None:
    e.clients[0].exactly_once_calls = 0


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        (two_leaders, "INV-1"), (two_leaders_unseen, "INV-1"), (lost_change, "INV-2"), (lost_change, "INV-3"),
        (call_without_answer, "INV-2"),
        (nothing_in_doubt, "INV-3"), (stale_read, "INV-4"), (unchecked_history, "INV-4"), (short_history, "INV-4"),
        (two_holders, "INV-5"), (grace_sent, "INV-7"),
        (bad_session_received, "INV-7"), (replicas_differ, "INV-8"),
        (replica_not_compared, "INV-8"), (traceback, "logs"),
        (ended_by_itself, "ends"), (critical, "ends"),
        (slow_call, "longest stall"), (slow_call, "median stall"), (linux_error, "Linux client"),
        (linux_stall, "Linux longest stall"), (no_effect, "run"), (no_proof, "run"), (no_new_leader, "run"),
        (no_fault, "run"), (no_fault, "longest stall"), (nobody_worked, "run"), (nothing_held, "run"),
        (not_finished, "run"), (never_compared, "INV-2"),
        (no_data, "INV-2"), (unanswered_looks, "INV-4"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)  # fmt: skip
def test_a_broken_promise_is_found(harm: Callable[[Evidence], None], name: str) -> None:
    """INV-1 to INV-8: one thing is wrong, and the verdict that is about it says so."""
    evidence = good()
    harm(evidence)
    assert name in broken(evidence)


def verdict_on(name: str, evidence: Evidence, scenario: str = "kill-leader") -> Verdict:
    """The one verdict of this name."""
    (verdict,) = [found for found in judge(BY_NAME[scenario], 1, evidence) if found.name == name]
    return verdict


def test_exactly_once_is_vacuous_where_nothing_was_repeated_in_doubt() -> None:
    """INV-3: where the fault takes no replies away nobody need repeat anything, and the verdict tells how many did."""
    evidence = good()
    assert verdict_on("INV-3", evidence).text.startswith("2 times a change was sent again")
    nothing_in_doubt(evidence)
    assert verdict_on("INV-3", evidence).text.startswith("vacuous")
    assert not verdict_on("INV-3", evidence, "bridge-partition").kept
    for scenario in ("clock-back", "lossy-network", "flapping-link"):
        verdict = verdict_on("INV-3", evidence, scenario)
        assert verdict.kept, verdict
        assert verdict.text.startswith("0 times a change was sent again"), verdict


def test_the_stale_read_trap_is_laid_in_each_round() -> None:
    """INV-4: who only looks must have asked a node that stood still, or was cut off, what it could not answer."""
    evidence = good()
    traps = ["pause-leader", "isolate-leader-with-clients", "isolate-minority", "mute-leader", "deaf-leader"]
    assert [scenario.name for scenario in SCENARIOS if scenario.trap] == traps
    for scenario in (*traps, "kill-leader"):
        assert verdict_on("INV-4", evidence, scenario).kept
    evidence.clients[0].waits = []
    assert "vacuous: kill -9 of mds1: no look lay at mds1" in verdict_on("INV-4", evidence, "pause-leader").text
    assert not any(verdict_on("INV-4", evidence, scenario).kept for scenario in traps)
    assert verdict_on("INV-4", evidence, "kill-leader").kept, "it answers nobody any more"


@pytest.mark.parametrize(
    ("waits", "kept"),
    [
        ([Wait("mds1", 12.0, 12.6)], True),
        ([Wait("mds2", 12.5, 13.2)] * 9, False),  # where they were answered late, but not by a node that was hit
        ([Wait("mds1", 11.9, 14.0)], False),  # nobody else served yet: what it knows may still be told
        ([Wait("mds1", 14.1, 14.8)], False),  # the fault is over
    ],
)
def test_a_trap_is_laid_at_the_node_that_was_hit_while_another_led(waits: list[Wait], kept: bool) -> None:
    """INV-4: a look that waited anywhere, or for any reason, is no trap."""
    evidence = good()
    evidence.samples.append(replace(evidence.samples[-1], at_s=13.9, uptime_s=13.9))
    evidence.samples.append(replace(evidence.samples[-1], at_s=14.9, uptime_s=14.9))
    evidence.clients[0].waits = waits
    assert verdict_on("INV-4", evidence, "pause-leader").kept == kept


def test_each_fault_and_each_node_has_a_trap_of_its_own() -> None:
    """INV-4: many looks in one round do not make up for another; and two nodes that are cut off are two."""
    evidence = good()
    first = evidence.faults[0]
    evidence.faults[0] = replace(first, nodes=("mds1", "mds3"))
    assert "no look lay at mds3" in verdict_on("INV-4", evidence, "pause-leader").text
    assert verdict_on("INV-4", evidence, "isolate-minority").text.endswith("asked while another led (1 of 2)")
    evidence = good()
    evidence.faults.append(replace(first, what="the second", begun_s=20.0, ended_s=24.0, term_before=2))
    evidence.samples.append(Sample(21.0, "mds3", "leader", 3, True, 9, uptime_s=21.0))
    evidence.clients[0].waits *= 9
    assert verdict_on("INV-4", evidence, "pause-leader").text == (
        "vacuous: the second: no look lay at mds1 while another led"
    )
    evidence.clients[0].waits.append(Wait("mds1", 21.0, 22.0))
    assert verdict_on("INV-4", evidence, "pause-leader").text.endswith(
        "10 looks left waiting, 10 at nodes that were hit, asked while another led (2 of 2)"
    )


def test_a_look_is_no_trap_once_the_node_has_sent_its_clients_away() -> None:
    """INV-4: nobody reads any more what is asked then, however long it waits."""
    evidence = good()
    (wait,) = evidence.clients[0].waits
    for at_s, kept in ((wait.from_s, False), (wait.from_s + 0.1, True)):
        evidence.said = [closed(at_s)]
        for scenario in ("isolate-leader-with-clients", "isolate-minority", "mute-leader", "deaf-leader"):
            assert verdict_on("INV-4", evidence, scenario).kept is kept, (scenario, at_s)


def handed_over() -> Evidence:
    """mds1 led and was restarted; mds2 took over at once."""
    evidence = good()
    evidence.calls[-1] = Call("client1", "open", 10.0, 10.1, "NFS4_OK")
    return evidence


def elected_twice(e: Evidence) -> None:
    e.samples.append(Sample(14.5, "mds2", "leader", 3, True, 9, uptime_s=14.5))


def waited_for_an_election(e: Evidence) -> None:
    e.calls.append(Call("client1", "open", 10.0, 10.0 + HAND_OVER_MS / 1000, "NFS4_OK"))


def nobody_called(e: Evidence) -> None:
    e.calls = [call for call in e.calls if call.completed_s < 10.0]


def a_follower_was_restarted(e: Evidence) -> None:
    e.faults[0].nodes = ("mds3",)


def nobody_leads(e: Evidence) -> None:
    e.faults[0].leader_after = ""


@pytest.mark.parametrize(
    ("harm", "name", "said"),
    [
        (no_new_leader, "hand over", "no other leader took over"),
        (nobody_leads, "hand over", "no other leader took over"),
        (elected_twice, "hand over", "2 new terms"),
        (a_follower_was_restarted, "hand over", "vacuous: the leader was restarted 0 times in 1 rounds"),
        (waited_for_an_election, "hand over stall", "a client waited 300 ms"),
        (nobody_called, "hand over stall", "vacuous"),
    ],
)
def test_a_leader_that_hands_over_costs_less_than_an_election(
    harm: Callable[[Evidence], None], name: str, said: str
) -> None:
    """A leader that names nobody, or one that cannot lead, is found: by its terms, or by who waited."""
    assert verdict_on("hand over", handed_over(), "rolling-restart").kept
    verdict = verdict_on("hand over stall", handed_over(), "rolling-restart")
    assert (verdict.kept, verdict.judged, verdict.text) == (True, True, "100 ms at most")
    evidence = handed_over()
    harm(evidence)
    verdict = verdict_on(name, evidence, "rolling-restart")
    assert not verdict.kept
    assert said in verdict.text
    assert name not in [found.name for found in judge(SCENARIO, 1, evidence)]
    assert RaftTimes().election_min_ms >= HAND_OVER_MS


def test_a_machine_that_is_starved_is_given_more_time_for_its_hand_overs() -> None:
    """As much as a call takes with nothing broken, and no more than that."""
    evidence = handed_over()
    waited_for_an_election(evidence)
    evidence.calls.append(Call("client1", "open", 9.0, 9.0 + HAND_OVER_MS * CALM_SHARE / 1000, "NFS4_OK"))
    verdict = verdict_on("hand over stall", evidence, "rolling-restart")
    assert (verdict.kept, verdict.name, verdict.promise) == (True, "hand over stall", "under 450 ms")
    assert verdict.text == "300 ms at most; a call took 150 ms before anything was broken"
    evidence.calls[-1] = Call("client1", "open", 9.0, 9.0 + HAND_OVER_MS * CALM_SHARE / 1001, "NFS4_OK")
    assert not verdict_on("hand over stall", evidence, "rolling-restart").kept


def closed(at_s: float, node: str = "mds1") -> Said:
    """A client's connection, for want of a quorum."""
    return Said(at_s, node, "info", CLOSED_EVENT, SENT_AWAY[1])


@pytest.mark.parametrize(
    ("said", "kept", "text"),
    [
        ([closed(10.9), closed(11.8)], True, "1 times, after 900 ms at most"),
        ([], False, "mds1 sent no client away"),
        ([closed(9.9), closed(14.1), closed(10.9, "mds2")], False, "mds1 sent no client away"),
        ([closed(10 + SENT_AWAY_MS / 1000)], False, "mds1 sent its clients away after 1500 ms"),
        ([Said(10.9, "mds1", "critical", "consensus stops")], False, "mds1 sent no client away"),
    ],
)
def test_a_node_that_keeps_its_clients_without_a_quorum_is_found(said: list[Said], kept: bool, text: str) -> None:
    """Whom no majority hears must send them to one that has: each node that is cut off, soon, by its own log."""
    evidence = good()
    evidence.said = said
    for scenario in ("isolate-leader-with-clients", "isolate-minority", "mute-leader", "deaf-leader"):
        verdict = verdict_on("sent away", evidence, scenario)
        assert verdict.kept == kept, verdict
        assert text in verdict.text
    evidence.faults[0].nodes = ("mds1", "mds3")
    assert "mds3 sent no client away" in verdict_on("sent away", evidence, "isolate-minority").text
    assert "sent away" not in [found.name for found in judge(SCENARIO, 1, evidence)]
    evidence.faults = []
    assert "vacuous" in verdict_on("sent away", evidence, "mute-leader").text


def test_what_bears_on_leaders_and_clients_is_read_from_the_log() -> None:
    """Which connections are closed for want of a quorum: not those that clients close, or a server that stops; and who
    leads in which term. Half a line is none."""

    def line(**words: str | int) -> str:
        return json.dumps({**words, "node": "mds2", "level": "info", "timestamp": "2026-01-02T03:04:05.500000Z"})

    log = [line(event=CLOSED_EVENT, reason=reason) for reason in (*SENT_AWAY, "the server stops")]
    log += [line(event=CLOSED_EVENT), log[0][:-4], line(event="operation given up", reason=SENT_AWAY[0])]
    log += [line(event=LEADS_EVENT, term=7), line(event=LEADS_EVENT)]
    found = telling("\n".join(log), 1767323045.5 - 100.0)
    assert found == [
        *(Said(100.0, "mds2", "info", CLOSED_EVENT, reason) for reason in SENT_AWAY),
        Said(100.0, "mds2", "info", LEADS_EVENT, term=7),
    ]


NODES = ["mds1", "mds2", "mds3"]


@pytest.mark.parametrize(
    ("digests", "status", "check", "text"),
    [
        ("aaa", 0, Check(True, "equal", 3), "3 nodes, equal digests"),
        ("aa", 0, Check(False, "equal", 2, missing=["mds3"]), "no digest of mds3"),
        ("a", 4, Check(False, "equal", 1, missing=["mds2", "mds3"]), "no digest of mds2, mds3"),
        ("aba", 3, Check(False, "DIFFERENT", 3), "DIFFERENT"),
        ("aba", 0, Check(False, "DIFFERENT", 3), "DIFFERENT"),
        ("ab", 3, Check(False, "DIFFERENT", 2, missing=["mds3"]), "no digest of mds3; DIFFERENT"),
        ("aaa", 1, Check(False, "equal", 3), "mdsctl digest failed"),
    ],
)  # fmt: skip
def test_a_replica_that_did_not_answer_is_not_equal(digests: str, status: int, check: Check, text: str) -> None:
    """INV-8: two of three that are equal say nothing of the third, whatever the command ends with."""
    values = dict(zip(NODES, digests, strict=False))
    answer = json.dumps({"applied_index": 7, "equal": len({*digests}) == 1, "digests": values}, indent=1)
    evidence = good()
    evidence.digest = compared(status, answer + "\na word on standard error", NODES)
    assert evidence.digest == check
    verdict = verdict_on("INV-8", evidence)
    assert (verdict.kept, verdict.text) == (check.ok, text)


@pytest.mark.parametrize("answer", ["", "NO QUORUM: digests cannot be compared now", "[]", "{}", '{"digests": 1}'])
def test_an_answer_without_digests_compares_nothing(answer: str) -> None:
    """INV-8: the command failed; what it said is shown."""
    evidence = good()
    evidence.digest = compared(1, answer, NODES)
    verdict = verdict_on("INV-8", evidence)
    assert not verdict.kept
    assert verdict.text == (answer or "mdsctl digest said nothing")


def test_a_replica_that_is_late_once_is_asked_again() -> None:
    """INV-8: on a busy machine a node may miss the command's time. One that never answers is missed in the end."""

    def site(*answers: str) -> Site:
        left = [json.dumps({"digests": dict(zip(NODES, digests, strict=False))}) for digests in answers]
        return cast(Site, SimpleNamespace(mds_ids=NODES, digest=lambda: (0, left.pop(0))))

    assert digest(site("aa", "aaa", "aa")) == Check(True, "equal", 3)
    assert digest(site(*["aa"] * DIGESTS_MAX)).missing == ["mds3"]


def test_an_election_after_a_fault_is_its_own_too() -> None:
    """Also behind the last one, and between its end and the next one's beginning."""
    evidence = good()
    fault = replace(evidence.faults[0], term_after=1, proofs=[("x", True)])
    evidence.faults = [fault]
    del evidence.samples[1]
    assert verdict_on("terms", evidence, "clock-back").kept
    evidence.samples.append(Sample(14.5, "mds2", "leader", 2, True, 9, uptime_s=14.5))
    assert not verdict_on("terms", evidence, "clock-back").kept
    evidence.faults.append(replace(fault, begun_s=14.6, term_before=2, term_after=2))
    assert verdict_on("terms", evidence, "clock-back").text.count("1 new terms") == 1


def test_whoever_loses_a_leader_must_have_repeated_something() -> None:
    """INV-3: no scenario that ends, cuts off or freezes the leader is left out."""
    assert [one.name for one in SCENARIOS if one.new_leader and not one.in_doubt] == []
    assert all(BY_NAME[name].in_doubt for name in ("kill-all", "power-loss-all", "drill-kill-host", "drill-isolate"))


@pytest.mark.parametrize("what", CONTENTION_MIN)
def test_linearizable_is_vacuous_without_contention(what: str) -> None:
    """INV-4: clients that never met are answered alike by servers that know nothing of each other."""
    evidence = good()
    assert evidence.linearizable is not None
    evidence.linearizable.met[what] -= 1
    verdict = verdict_on("INV-4", evidence)
    assert not verdict.kept
    assert what in verdict.text


def test_contention_is_counted_from_what_clients_were_answered() -> None:
    """INV-4: refusals by another's lock, open or name; what had no answer does not count."""
    met = contention(
        check(
            history(
                op(Lock("f", "a", 0, 10), 0, 1),
                op(Lock("f", "b", 5, 10), 2, 3, Answer(nfs4.NFS4ERR_DENIED)),
                op(Unlock("f", "a", 0, 10), 4, 5),
                op(Lock("f", "c", 0, 10), 6),
                op(Open("g", "a", 1, 3), 0, 1),
                op(Open("g", "b", 1), 2, 3, Answer(nfs4.NFS4ERR_SHARE_DENIED)),
                op(Create("d0", "x"), 0, 1, Answer(object="o1")),
                op(Create("d0", "x"), 2, 3, Answer(nfs4.NFS4ERR_EXIST)),
                op(Remove("d0", "y"), 2, 3, Answer(nfs4.NFS4ERR_NOENT)),
                op(Lookup("d0", "y"), 2, 3, Answer(nfs4.NFS4ERR_NOENT)),
            )
        )
    )
    assert met == {"lock operations": 3, "locks refused": 1, "opens refused": 1, "names refused": 2}


LOST = (
    "GRACE", "NO_GRACE", "RECLAIM_BAD", "RECLAIM_CONFLICT", "STALE_CLIENTID", "BADSESSION", "DEADSESSION", "BADSLOT",
    "BAD_STATEID", "STALE_STATEID", "EXPIRED", "ADMIN_REVOKED", "DELEG_REVOKED", "BADHANDLE", "FHEXPIRED",
    "SERVERFAULT", "IO",
)  # fmt: skip


@pytest.mark.parametrize("name", LOST)
def test_every_status_that_tells_of_lost_state_is_found(name: str) -> None:
    """INV-7: whoever heard it, in whichever of a node's lives. Where data servers lost power, too, an EIO is right."""
    evidence, status = good(), f"NFS4ERR_{name}"
    evidence.samples.append(Sample(13.0, "mds2", "leader", 2, True, 9, uptime_s=13.0, statuses={status: 1}))
    verdict = verdict_on("INV-7", evidence)
    assert not verdict.kept
    assert status in verdict.text
    assert verdict_on("INV-7", evidence, "power-loss-all").kept == (status == "NFS4ERR_IO")


def test_where_data_servers_lose_power_their_sessions_are_gone() -> None:
    """INV-7: a client is told so by them. A metadata server that says it has lost a session all the same."""
    evidence = good()
    evidence.clients[0].failover_statuses["NFS4ERR_BADSESSION"] = 1
    assert verdict_on("INV-7", evidence, "power-loss-all").kept
    assert not verdict_on("INV-7", evidence, "kill-all").kept
    evidence.samples.append(
        Sample(13.0, "mds2", "leader", 2, True, 9, uptime_s=13.0, statuses={"NFS4ERR_BADSESSION": 1})
    )
    assert not verdict_on("INV-7", evidence, "power-loss-all").kept


@pytest.mark.parametrize("status", ["NFS4ERR_SEQ_MISORDERED", "NFS4ERR_OLD_STATEID", "NFS4ERR_STALE", "NFS4ERR_DELAY"])
def test_what_servers_may_rightly_say_breaks_nothing(status: str) -> None:
    """INV-7: late copies of requests, operations that cross, removed files, and "not now" tell of no lost state."""
    evidence = good()
    evidence.samples.append(Sample(13.0, "mds2", "leader", 2, True, 9, uptime_s=13.0, statuses={status: 1}))
    assert verdict_on("INV-7", evidence).kept


@pytest.mark.parametrize(("new_terms", "stands"), [(0, True), (1, True), (2, False), (-1, False)])
def test_elections_that_the_fault_does_not_call_for_are_found(new_terms: int, stands: bool) -> None:
    """INV-1's price: a leader that loses its office over nothing, or again and again, serves nobody meanwhile."""
    evidence = good()
    evidence.faults[0].wants_new_leader = False
    evidence.faults[0].term_after = evidence.faults[0].term_before + new_terms
    del evidence.samples[1]
    (verdict,) = [found for found in judge(BY_NAME["bridge-partition"], 1, evidence) if found.name == "terms"]
    assert verdict.kept == stands, verdict
    assert "terms" not in [found.name for found in judge(SCENARIO, 1, evidence)]


def withheld() -> Evidence:
    """mds3 came back empty after 10 s; mds1 was dead until 14 s, and mds2 alone when it asked it for a pre-vote."""
    evidence = good()
    evidence.faults[0].withheld = Withheld("mds3", 11.0, 14.0)
    evidence.samples = [Sample(9.0, "mds1", "leader", 1, True, 5, uptime_s=9.0, statuses={"NFS4_OK": 100})]
    evidence.samples += [
        Sample(11.0 + n * 0.2, "mds3", "follower", 1, quarantined=True, uptime_s=n * 0.2, connected=["mds2"])
        for n in range(15)
    ]
    evidence.samples.append(Sample(14.8, "mds2", "leader", 2, True, 9, uptime_s=12.0))
    return evidence


def elected_meanwhile(e: Evidence) -> None:
    e.samples.append(Sample(12.0, "mds2", "leader", 2, True, 9))


def elected_before_it_was_seen(e: Evidence) -> None:
    e.samples.append(Sample(10.9, "mds2", "leader", 2, True, 9))


def left_quarantine(e: Evidence) -> None:
    e.samples[5] = replace(e.samples[5], quarantined=False)


def met_nobody(e: Evidence) -> None:
    e.samples = [replace(sample, connected=[]) for sample in e.samples]


def not_seen(e: Evidence) -> None:
    del e.samples[4:15]


def not_withheld(e: Evidence) -> None:
    e.faults[0].withheld = None


def withheld_for_a_moment(e: Evidence) -> None:
    e.faults[0].withheld = Withheld("mds3", 13.0, 14.0)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (elected_meanwhile, "mds2 was elected in term 2"), (elected_before_it_was_seen, "mds2 was elected in term 2"),
        (left_quarantine, "mds3 left quarantine"), (met_nobody, "vacuous"), (not_seen, "vacuous"),
        (not_withheld, "vacuous"), (withheld_for_a_moment, "vacuous"),
    ],
)  # fmt: skip
def test_a_vote_out_of_quarantine_is_found(harm: Callable[[Evidence], None], said: str) -> None:
    """INV-1: nobody is elected by a node that does not know where it voted; and somebody must have lacked its vote."""
    assert verdict_on("vote", withheld(), "wiped-follower-vote").kept
    evidence = withheld()
    harm(evidence)
    verdict = verdict_on("vote", evidence, "wiped-follower-vote")
    assert not verdict.kept
    assert said in verdict.text
    assert "vote" not in [found.name for found in judge(BY_NAME["wiped-follower"], 1, evidence)]


FIRST, SECOND, THIRD = (
    Spell("kill", "mds1", 10.0, 11.5, 12.0), Spell("slow disk", "mds2", 10.5, 13.0, 13.2),
    Spell("pause", "mds3", 12.1, 14.0, 14.5),
)  # fmt: skip


@pytest.mark.parametrize(
    ("spells", "kept", "said"),
    [
        ([FIRST, SECOND, THIRD], True, "3 troubles, 2 nodes at once at most"),
        ([], False, "vacuous: 0 troubles"),
        ([FIRST], False, "vacuous: 1 troubles"),
        ([FIRST, THIRD], False, "pause mds3 overlaps nothing before it"),
        ([FIRST, replace(SECOND, node="mds1")], False, "slow disk mds1 overlaps nothing before it"),
        ([FIRST, replace(SECOND, begun_s=11.4)], False, "slow disk mds2 overlaps nothing before it"),
        ([FIRST, replace(SECOND, undone_s=10.6)], False, "slow disk mds2 overlaps nothing before it"),
        ([replace(FIRST, back_s=12.2), SECOND, THIRD], False, "mds1, mds2, mds3 of 5 nodes in trouble at once"),
    ],
)
def test_troubles_that_do_not_overlap_or_hit_a_majority_are_found(spells: list[Spell], kept: bool, said: str) -> None:
    """A mix of faults is one only while they last together, on nodes that are spare."""
    evidence = good()
    evidence.samples += [Sample(9.0, f"mds{n}", "follower", 1, True, 5, uptime_s=9.0) for n in (3, 4, 5)]
    evidence.faults[0].spells = spells
    verdict = verdict_on("overlap", evidence, "swizzle")
    assert verdict.kept == kept, verdict
    assert said in verdict.text
    assert "overlap" not in [found.name for found in judge(SCENARIO, 1, evidence)]


def test_holds_of_one_client_or_one_after_the_other_do_not_overlap() -> None:
    """INV-5: handing over at the same instant is fine; so is a client's own next hold."""
    one = Hold("byte range 0", "client1", 1.0, 2.0)
    assert overlaps([one, Hold("byte range 0", "client2", 2.0, 3.0), Hold("byte range 1", "client2", 1.5, 1.6)]) == []
    assert overlaps([one, Hold("byte range 0", "client2", 1.5, 1.6)])


def test_a_long_hold_is_compared_with_all_that_follow_it() -> None:
    """INV-5: a hold within which another client's lies is found even when its own next hold comes first."""
    long, own = Hold("byte range 0", "client1", 1.0, 9.0), Hold("byte range 0", "client1", 2.0, 2.5)
    assert overlaps([long, own, Hold("byte range 0", "client2", 3.0, 4.0)])


def test_statuses_are_added_up_over_a_nodes_lives() -> None:
    """INV-7: a counter that begins again at a restart loses nothing."""
    lives = [
        Sample(1.0, "mds1", "follower", uptime_s=1.0, statuses={"NFS4_OK": 5}),
        Sample(2.0, "mds1", "follower", uptime_s=2.0, statuses={"NFS4_OK": 7}),
        Sample(2.5, "mds1"),
        Sample(5.0, "mds1", "follower", uptime_s=0.5, statuses={"NFS4_OK": 2, "NFS4ERR_GRACE": 1}),
    ]
    assert statuses_sent(lives) == {"NFS4_OK": 9, "NFS4ERR_GRACE": 1}


def test_what_a_server_sent_last_counts_too() -> None:
    """INV-7: its own last word adds what nobody asked it for any more; who ends without a word adds nothing."""
    log = "\n".join(
        json.dumps({"event": event, "uptime_s": uptime_s, "statuses": {"NFS4_OK": 9, "NFS4ERR_GRACE": grace}})
        for event, uptime_s, grace in ((ENDED_EVENT, 1.0, 0), (ENDED_EVENT, 2.1, 1), ("consensus stopped", 2.2, 3))
    )
    seen = [
        Sample(2.0, "mds1", "follower", uptime_s=2.0, statuses={"NFS4_OK": 7}),
        Sample(5.0, "mds1", "follower", uptime_s=0.5, statuses={"NFS4_OK": 2}),
    ]
    said = last_words("mds1", log, 2.2)
    assert said == Sample(2.2, "mds1", ENDED, uptime_s=2.1, statuses={"NFS4_OK": 9, "NFS4ERR_GRACE": 1})
    assert statuses_sent([seen[0], said, seen[1]]) == {"NFS4_OK": 11, "NFS4ERR_GRACE": 1}
    assert last_words("mds1", log.replace(ENDED_EVENT, "killed"), 2.2) is None
