"""The judge of a chaos run finds what it is there to find: each kind of broken promise, and runs that prove nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.evidence import Check, Evidence, Fault, LinuxClient
from tests.chaos.judge import CALLS_MIN, judge, overlaps, stood
from tests.chaos.load import Call, ClientReport, Hold
from tests.chaos.monitor import Sample, statuses_sent
from tests.chaos.scenarios import BY_NAME
from tests.chaos.stalls import longest_per_fault_ms

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
    client = ClientReport("client1", "fine", 60, [], [], retransmissions=3, reconnects=1)
    return Evidence(
        0.0, 8.0, 15.0, [fault], samples, calls, holds, [client],
        [LinuxClient("Linux", [300.0], 50)], digest=Check(True, "equal", 3),
        linearizable=Check(True, "300 operations", 300),
    )  # fmt: skip


def broken(evidence: Evidence) -> list[str]:
    """The names of the promises that were not kept."""
    return [verdict.name for verdict in judge(SCENARIO, 1, evidence) if not verdict.kept]


def test_a_good_run_stands() -> None:
    """INV-1 to INV-8: nothing to find, nothing found."""
    assert stood(judge(SCENARIO, 1, good())), judge(SCENARIO, 1, good())


def two_leaders(e: Evidence) -> None:
    e.samples.append(Sample(12.1, "mds3", "leader", 2, True, 9))


def lost_change(e: Evidence) -> None:
    e.clients[0].problems.append("/exactly-client1/w0/d1: 'n7' is missing")


def call_without_answer(e: Evidence) -> None:
    e.clients[0].failures.append("holds: Unavailable: no answer for 120 s")


def stale_read(e: Evidence) -> None:
    e.linearizable = Check(False, "not linearizable", 300)


def unchecked_history(e: Evidence) -> None:
    e.linearizable = Check(True, "0 operations", 0)


def two_holders(e: Evidence) -> None:
    e.holds.append(Hold("byte range 0", "client3", 2.4, 2.45))


def grace_sent(e: Evidence) -> None:
    e.samples.append(Sample(13.0, "mds2", "leader", 2, True, 9, uptime_s=13.0, statuses={"NFS4ERR_GRACE": 1}))


def bad_session_received(e: Evidence) -> None:
    e.clients[0].failover_statuses["NFS4ERR_BADSESSION"] = 1


def replicas_differ(e: Evidence) -> None:
    e.digest = Check(False, "mds1 aa\nDIFFERENT", 3)


def traceback(e: Evidence) -> None:
    e.tracebacks.append("mds2")


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


def never_compared(e: Evidence) -> None:
    e.clients[0].exactly_once_calls = 0


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        (two_leaders, "INV-1"), (lost_change, "INV-2"), (lost_change, "INV-3"), (call_without_answer, "INV-2"),
        (stale_read, "INV-4"), (unchecked_history, "INV-4"), (two_holders, "INV-5"), (grace_sent, "INV-7"),
        (bad_session_received, "INV-7"), (replicas_differ, "INV-8"), (traceback, "logs"),
        (slow_call, "longest stall"), (slow_call, "median stall"), (linux_error, "Linux client"),
        (linux_stall, "Linux longest stall"), (no_effect, "run"), (no_proof, "run"), (no_new_leader, "run"),
        (no_fault, "run"), (no_fault, "longest stall"), (nobody_worked, "run"), (nothing_held, "run"),
        (not_finished, "run"), (never_compared, "INV-2"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)  # fmt: skip
def test_a_broken_promise_is_found(harm: Callable[[Evidence], None], name: str) -> None:
    """INV-1 to INV-8: one thing is wrong, and the verdict that is about it says so."""
    evidence = good()
    harm(evidence)
    assert name in broken(evidence)


@pytest.mark.parametrize(("new_terms", "stands"), [(0, True), (1, True), (2, False), (-1, False)])
def test_elections_that_the_fault_does_not_call_for_are_found(new_terms: int, stands: bool) -> None:
    """INV-1's price: a leader that loses its office over nothing, or again and again, serves nobody meanwhile."""
    evidence = good()
    evidence.faults[0].wants_new_leader = False
    evidence.faults[0].term_after = evidence.faults[0].term_before + new_terms
    (verdict,) = [found for found in judge(BY_NAME["bridge-partition"], 1, evidence) if found.name == "terms"]
    assert verdict.kept == stands, verdict
    assert "terms" not in [found.name for found in judge(SCENARIO, 1, evidence)]


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
