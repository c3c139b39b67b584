"""The judge of a drill finds each kind of broken promise, and drills that prove nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.drill_judge import fenced_ms, judge_drill, moved_ms, too_slow
from tests.chaos.evidence import Fault, Power, Switching
from tests.chaos.monitor import ENDED, PowerEvent, Sample, returns
from tests.chaos.tempter import OWN, SERVICE, Attempt, Temptation
from tests.chaos.verdict import Verdict
from tests.chaos.witness import Knock, served_by

BOUND_MS = 5_000


def fault() -> Fault:
    return Fault("mds1 falls silent", ("mds1",), 10.0, 1, fences=("mds1",))


def good() -> Power:
    """mds1 had the address until it was cut off at 10 s; mds2 took it over, and mds1 was fenced after 3.4 s.

    Of what a client asked mds1 for, four changes reached it while it was cut off.
    """
    knocks = [Knock(9.0, "mds1"), Knock(10.3, ""), Knock(10.7, "mds2"), Knock(20.0, "mds2")]
    events = [PowerEvent(12.5, "intent", "mds1"), PowerEvent(13.4, "fenced", "mds1")]
    switched = [Switching(13.0, "mds1", "off"), Switching(13.9, "mds1", "on")]
    attempts = [
        Attempt(SERVICE, 8.0, [8.05], 8.1), Attempt(SERVICE, 9.9, [9.95], 10.15),
        *(Attempt(SERVICE, at_s, [at_s + 0.1]) for at_s in (10.2, 10.5)), Attempt(SERVICE, 12.0),
        Attempt(OWN, 11.0, [11.1, 12.1, 17.6]), Attempt(OWN, 15.0, [15.1, 20.5], 21.0),
        Attempt(OWN, 18.0, [20.5], 21.0),
    ]  # fmt: skip
    return Power(knocks, events, switched, [Temptation("mds1", 10.1, 19.0, attempts)])


def broken(power: Power, faults: list[Fault]) -> list[str]:
    return [verdict.name for verdict in judge_drill(power, faults, BOUND_MS) if not verdict.kept]


def verdict_on(name: str, power: Power, faults: list[Fault]) -> Verdict:
    """The one verdict of this name."""
    (verdict,) = [found for found in judge_drill(power, faults, BOUND_MS) if found.name == name]
    return verdict


def test_a_good_drill_stands() -> None:
    """A change asked for before the cut and told after it, and one told after healing, are nobody's fault."""
    verdicts = judge_drill(good(), [fault()], BOUND_MS)
    assert all(verdict.kept for verdict in verdicts), verdicts
    assert [verdict.name for verdict in verdicts] == ["service address", "INV-9", "INV-6", "fenced"]


def comes_back(p: Power) -> None:
    p.knocks += [Knock(21.0, "mds1")]


def flaps(p: Power) -> None:
    p.knocks += [Knock(21.0, "mds3"), Knock(22.0, "mds2")]


def never_moves(p: Power) -> None:
    p.knocks[:] = [Knock(9.0, "mds1"), Knock(10.3, "")]


def gives_in(p: Power) -> None:
    p.temptations[0].attempts.append(Attempt(OWN, 15.0, [15.1], 15.2))


def forgets(p: Power) -> None:
    p.temptations[0].missing.append("d7")


def hardly_reached(p: Power) -> None:
    """The client wanted to ask for many changes, and all but two of them waited for a connection."""
    for one in p.temptations[0].attempts[5:]:
        one.reached_s = []
    p.temptations[0].attempts += [Attempt(SERVICE, 13 + n / 10) for n in range(40)]


def reached_after_healing(p: Power) -> None:
    """What waited for a connection reached it when it had a quorum again."""
    for one in p.temptations[0].attempts[2:]:
        one.reached_s = [19.5]


def never_worked(p: Power) -> None:
    for one in p.temptations[0].attempts:
        one.acknowledged_s = None


def cut_before_decided(p: Power) -> None:
    p.switched[0] = Switching(12.0, "mds1", "off")


def cut_anew_without_decision(p: Power) -> None:
    """Rounds later: what was decided then allows nothing now."""
    p.events += [PowerEvent(14.0, "powered on", "mds1"), PowerEvent(18.0, "back", "mds1")]
    p.switched += [Switching(40.0, "mds1", "off")]


def cut_again_after_fenced(p: Power) -> None:
    """By an executor that comes too late: the power was seen off, and is to be restored."""
    p.switched[1:] = [Switching(13.6, "mds1", "off"), Switching(13.9, "mds1", "on")]


def cut_after_withdrawal(p: Power) -> None:
    """It was well after all, and everybody had agreed on that."""
    p.events += [PowerEvent(30.0, "intent", "mds1"), PowerEvent(31.0, "withdrawn", "mds1")]
    p.switched += [Switching(31.5, "mds1", "off")]


def cut_although_back(p: Power) -> None:
    """Its new process had said that it was there before anybody claimed the intent; maintenance decides nothing."""
    p.events += [
        PowerEvent(30.0, "intent", "mds1"), PowerEvent(31.0, "back", "mds1"), PowerEvent(31.1, "maintenance", "mds1"),
    ]  # fmt: skip
    p.switched += [Switching(31.5, "mds1", "off")]


def another_one_cut(p: Power) -> None:
    p.switched += [Switching(14.0, "mds3", "off")]


def counted_with_power(p: Power) -> None:
    p.switched.clear()


def fenced_without_reason(p: Power) -> None:
    p.events += [PowerEvent(15.0, "intent", "mds3"), PowerEvent(16.0, "fenced", "mds3")]
    p.switched += [Switching(15.5, "mds3", "off")]


def late(p: Power) -> None:
    p.events[1] = PowerEvent(15.4, "fenced", "mds1")
    p.switched[1] = Switching(15.9, "mds1", "on")


def never_fenced(p: Power) -> None:
    p.events.clear()
    p.switched.clear()


@pytest.mark.parametrize(
    ("spoil", "names"),
    [
        (comes_back, ["service address"]),
        (flaps, ["service address"]),
        (never_moves, ["service address"]),
        (gives_in, ["INV-6"]),
        (forgets, ["INV-6"]),
        (hardly_reached, ["INV-6"]),
        (reached_after_healing, ["INV-6"]),
        (never_worked, ["INV-6"]),
        (cut_before_decided, ["INV-9"]),
        (cut_anew_without_decision, ["INV-9"]),
        (cut_again_after_fenced, ["INV-9"]),
        (cut_after_withdrawal, ["INV-9"]),
        (cut_although_back, ["INV-9"]),
        (another_one_cut, ["INV-9"]),
        (counted_with_power, ["INV-9"]),
        (fenced_without_reason, ["INV-9"]),
        (late, ["fenced"]),
        (never_fenced, ["fenced"]),
    ],
)
def test_a_broken_promise_is_found(spoil: Callable[[Power], None], names: list[str]) -> None:
    """INV-6, INV-9, one host at the service address, fenced in time: each by its own evidence, and no other."""
    power = good()
    spoil(power)
    assert broken(power, [fault()]) == names


def test_one_intent_may_take_many_attempts() -> None:
    """INV-9: device after device, executor after executor, until the power was seen off; and again for a new intent."""
    power = good()
    power.switched.insert(0, Switching(12.7, "mds1", "off"))
    power.events.insert(1, PowerEvent(12.9, "failed", "mds1"))
    power.events += [PowerEvent(14.0, "powered on", "mds1"), PowerEvent(18.0, "back", "mds1")]
    power.events += [PowerEvent(32.0, "intent", "mds1"), PowerEvent(33.0, "fenced", "mds1")]
    power.switched += [Switching(32.5, "mds1", "off")]
    assert verdict_on("INV-9", power, [fault(), Fault("mds1 falls silent again", ("mds1",), 30.0, 2)]).kept


def test_the_verdict_tells_how_many_changes_reached_the_node() -> None:
    """INV-6: what only waited for a connection was asked of nobody; the verdict tells where, and until when."""
    assert verdict_on("INV-6", good(), [fault()]).text.startswith(
        "4 changes reached nodes that were cut off (2 at the service address, 2 at the node's own address), up to 7.5 s"
    )
    power = good()
    hardly_reached(power)
    assert verdict_on("INV-6", power, [fault()]).text.startswith("vacuous: 2 of 46 changes")


KILLED = Fault("kill -9", ("mds1",), 10.0, 1)
"""It names nobody who must be fenced."""


def test_nobody_is_blamed_where_a_node_was_restarted_too_slowly() -> None:
    """INV-9: a server that was killed, and that its unit did not start again in time, may be fenced: it is told. It
    answers for the last time a little after its end, as seen here, and for the first time as it is being decided."""
    power = good()
    power.answers["mds1"] = [9.8, 9.95, 10.3, 12.3, 12.6]
    power.returns["mds1"] = [2.0, 12.3, 18.0]
    assert broken(power, [KILLED]) == []
    assert "(mds1: away for longer than" in verdict_on("INV-9", power, [KILLED]).text
    assert "left alone" not in verdict_on("INV-9", power, [KILLED]).text
    assert too_slow(power, [KILLED]) == ["mds1"]


@pytest.mark.parametrize("answers", [[9.9, 11.4, 11.55], [9.9 + n / 5 for n in range(20)]])
def test_one_that_was_back_is_not_to_be_fenced(answers: list[float]) -> None:
    """INV-9: nor one that had never been away, like a server whose keepalived was killed. Where a fault asks for it, it
    is: who is cut off from the others answers whoever asks."""
    power = good()
    power.answers["mds1"] = answers
    assert broken(power, [KILLED]) == ["INV-9"]
    assert "mds1 was fenced, and had answered before" in verdict_on("INV-9", power, [KILLED]).text
    assert too_slow(power, [KILLED]) == []
    assert broken(power, [fault()]) == []
    assert "away for longer" not in verdict_on("INV-9", power, [fault()]).text
    assert too_slow(power, [fault()]) == []


def test_one_that_was_heard_again_in_time_is_not_to_be_fenced() -> None:
    """INV-9: also where that was decided so soon afterwards that its answers do not tell; and who had ended with its
    host, and must be fenced, may be back as soon as it likes."""
    power = good()
    power.events[0] = PowerEvent(12.2, "intent", "mds1")
    power.answers["mds1"] = [9.95, 11.75, 11.9]
    power.returns["mds1"] = [2.0, 11.75]
    assert broken(power, [KILLED]) == ["INV-9"]
    assert "mds1 was fenced, and had been heard again after 1750 ms" in verdict_on("INV-9", power, [KILLED]).text
    assert too_slow(power, [KILLED]) == []
    assert broken(power, [fault()]) == []
    power.returns["mds1"] = [2.0, 11.85]
    assert broken(power, [KILLED]) == []
    assert too_slow(power, [KILLED]) == ["mds1"]


def test_the_verdict_tells_how_often_a_killed_server_was_spared() -> None:
    """INV-9: a drill in which none was back in time shows nothing of that. What follows another fault is that one's."""
    power = Power(knocks=good().knocks, returns={"mds1": [2.0, 11.3, 31.9, 50.0], "mds2": [2.0, 11.1]})
    again = Fault("kill -9 again", ("mds1",), 30.0, 2)
    last = Fault("mds1 falls silent", ("mds1",), 40.0, 3, fences=("mds1",))
    told = verdict_on("INV-9", power, [KILLED, again, last]).text
    assert told.endswith("; 2 times a server that had ended was heard again after 1300 to 1900 ms, and left alone")
    assert too_slow(power, [KILLED, again, last]) == []


def test_a_server_is_back_when_it_has_a_quorum() -> None:
    """Each of its processes once. The last words of one that stopped in good order are no process' (they go by another
    clock); one that loses its quorum and gets it back has not been away."""
    def sample(at_s: float, uptime_s: float, *, has_quorum: bool, role: str = "follower") -> Sample:
        return Sample(at_s, "mds1", role, has_quorum=has_quorum, uptime_s=uptime_s)

    samples = [
        sample(1.0, 0.2, has_quorum=False), sample(1.2, 0.4, has_quorum=True), sample(2.0, 1.2, has_quorum=False),
        sample(3.0, 2.2, has_quorum=True), sample(3.1, 0.05, has_quorum=False, role=ENDED), Sample(3.3, "mds1"),
        sample(4.0, 0.1, has_quorum=False), sample(4.2, 0.3, has_quorum=True), sample(4.4, 0.5, has_quorum=True),
        Sample(5.0, "mds2", "leader", has_quorum=True, uptime_s=9.0),
    ]  # fmt: skip
    assert returns(samples) == {"mds1": [1.2, 4.2], "mds2": [5.0]}


def test_the_next_fault_may_bring_the_address_back() -> None:
    """What one host lost by one fault it may get by the next; times are counted from each fault's own beginning."""
    second = Fault("mds2 falls silent", ("mds2",), 30.0, 2, fences=("mds2",))
    power = good()
    power.knocks += [Knock(30.8, "mds1")]
    power.events += [PowerEvent(33.0, "intent", "mds2"), PowerEvent(34.0, "fenced", "mds2")]
    power.switched += [Switching(33.5, "mds2", "off")]
    faults = [fault(), second]
    assert broken(power, faults) == []
    assert [round(ms or 0) for ms in moved_ms(power.knocks, faults)] == [700, 800]
    assert [round(ms or 0) for *_, ms in fenced_ms(power.events, faults)] == [3400, 4000]


def test_silence_is_nobodys_turn() -> None:
    """Between two answers of one host it may have been silent; that alone is no other host."""
    knocks = [Knock(1.0, "mds1"), Knock(2.0, ""), Knock(3.0, "mds1"), Knock(4.0, "mds2")]
    assert served_by(knocks, 0.0, 9.0) == [("mds1", 1.0), ("mds2", 4.0)]
