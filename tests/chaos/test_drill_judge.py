"""The judge of a drill finds each kind of broken promise, and drills that prove nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.drill_judge import fenced_ms, judge_drill, moved_ms
from tests.chaos.evidence import Fault, Power, Switching
from tests.chaos.monitor import PowerEvent
from tests.chaos.tempter import Attempt, Temptation
from tests.chaos.verdict import Verdict
from tests.chaos.witness import Knock, served_by

BOUND_MS = 5_000


def fault() -> Fault:
    return Fault("mds1 falls silent", ("mds1",), 10.0, 1, fences=("mds1",))


def good() -> Power:
    """mds1 had the address until it was cut off at 10 s; mds2 took it over, and mds1 was fenced after 3.4 s."""
    knocks = [Knock(9.0, "mds1"), Knock(10.3, ""), Knock(10.7, "mds2"), Knock(20.0, "mds2")]
    events = [PowerEvent(12.5, "intent", "mds1"), PowerEvent(13.4, "fenced", "mds1")]
    switched = [Switching(13.0, "mds1", "off"), Switching(13.9, "mds1", "on")]
    acknowledged = [Attempt(8.0, 8.1), Attempt(9.9, 10.05), Attempt(15.0, 21.0)]
    return Power(knocks, events, switched, [Temptation("mds1", 10.1, 19.0, 40, acknowledged)])


def broken(power: Power, faults: list[Fault]) -> list[str]:
    return [verdict.name for verdict in judge_drill(power, faults, BOUND_MS) if not verdict.kept]


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
    p.temptations[0].acknowledged.append(Attempt(15.0, 15.2))


def forgets(p: Power) -> None:
    p.temptations[0].missing.append("d7")


def hardly_asked(p: Power) -> None:
    p.temptations[0].asked = 1


def never_worked(p: Power) -> None:
    p.temptations[0].acknowledged.clear()


def cut_before_decided(p: Power) -> None:
    p.switched[0] = Switching(12.0, "mds1", "off")


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
        (hardly_asked, ["INV-6"]),
        (never_worked, ["INV-6"]),
        (cut_before_decided, ["INV-9"]),
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


def test_nobody_is_blamed_where_a_node_was_restarted_too_slowly() -> None:
    """INV-9: a server that was killed, and that its unit did not start again in time, may be fenced."""
    killed = Fault("kill -9", ("mds1",), 10.0, 1)
    verdicts: list[Verdict] = judge_drill(good(), [killed], BOUND_MS)
    assert [verdict.name for verdict in verdicts if not verdict.kept] == []


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
