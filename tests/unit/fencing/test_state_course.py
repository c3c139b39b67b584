"""From a decision to its end: who carries it out, what failed, whose power comes back, what the operator says."""

from __future__ import annotations

import pytest

from fencing import state as rules
from fencing.state import BACKOFF_MAX_MS, POWER_ON_ATTEMPTS, Verdict
from tests.unit.fencing.log import FIVE, LASTS_MS, Log, fenced


# ---------------------------------------------------------------------- carrying out
def test_one_executor_at_a_time() -> None:
    """INV-9: until its outcome, or its time is over."""
    log = Log()
    log.intend("mds2")
    assert log.claim("mds2", "mds1") == Verdict(1)
    assert "mds1 is at it" in log.claim("mds2", "mds3").text
    log.ms += LASTS_MS
    assert not log.claim("mds2", "mds3")
    log.ms += 1
    assert log.claim("mds2", "mds3") == Verdict(2)
    assert "mds3 is at it now" in log.outcome("mds2", done=True, executor="mds1").text, "it comes too late"
    assert not log.state.nodes["mds2"].down
    assert log.outcome("mds2", done=True, executor="mds3", attempt=2)


@pytest.mark.parametrize("how", ["restarted", "fenced", "stopped"])
def test_another_takes_over_from_an_executor_that_died(how: str) -> None:
    """INV-9: at once where it is certain that nothing of it acts any more."""
    log = Log(FIVE)
    log.intend("mds2")
    log.claim("mds2", "mds3")
    if how == "restarted":
        log.here("mds3", 33)
    elif how == "stopped":
        assert rules.node_leaves(log.state, log.now, "mds3", log.process("mds3"))
    else:
        fenced(log, "mds3")
    assert log.claim("mds2", "mds4") == Verdict(2)
    assert log.state.intents["mds2"].failure == "mds3 died over it"


def test_the_target_never_carries_it_out() -> None:
    log = Log()
    log.intend("mds2")
    assert "no node fences itself" in log.claim("mds2", "mds2").text


def test_an_executor_that_was_restarted_without_saying_so_does_not_claim() -> None:
    log = Log()
    log.intend("mds2")
    assert "was restarted since" in log.claim("mds2", "mds3", process=34).text
    assert "was restarted since" in log.claim("mds2", "mds1", process=0).text


def test_what_failed_is_tried_again_later_and_later() -> None:
    log = Log()
    log.intend("mds2")
    pauses = []
    for attempt in range(1, 9):
        assert log.claim("mds2").number == attempt
        assert log.outcome("mds2", done=False, attempt=attempt, text="no answer")
        began = log.ms
        assert "too early" in log.claim("mds2").text
        log.ms = log.state.intents["mds2"].not_before_ms
        pauses.append(log.ms - began)
    assert pauses[:3] == [2_000, 4_000, 8_000]
    assert max(pauses) == pauses[-1] == BACKOFF_MAX_MS
    assert log.kinds() == ["intent", "failed"], "the same again and again is told once"
    assert not log.state.nodes["mds2"].down


def test_power_that_does_not_come_back_is_left_to_the_operator() -> None:
    """It is fenced all the same."""
    log = Log()
    fenced(log)
    for attempt in range(1, POWER_ON_ATTEMPTS + 1):
        log.ms = log.state.intents["mds2"].not_before_ms
        assert log.claim("mds2")
        assert log.outcome("mds2", done=False, attempt=attempt, text="no answer")
    assert log.state.intents == {}
    assert log.state.nodes["mds2"].down
    assert log.kinds()[-1] == "still off"


def test_power_stays_off_where_it_is_to() -> None:
    log = Log()
    assert log.intend("mds2", power_on=False)
    log.claim("mds2")
    log.outcome("mds2", done=True)
    assert log.state.intents == {}
    assert log.state.nodes["mds2"].down


# ---------------------------------------------------------------------- coming back
def test_a_node_that_is_heard_again_is_not_fenced_any_more() -> None:
    """No loop: the intent is taken back, and a later failure is a new one."""
    log = Log()
    log.intend("mds2")
    log.claim("mds2")
    assert "is being cut" in log.withdraw("mds2").text
    log.outcome("mds2", done=False, text="no answer")
    assert log.withdraw("mds2")
    assert log.state.intents == {}
    assert log.state.nodes["mds2"].armed
    assert log.intend("mds2")


def test_a_node_whose_power_is_off_is_not_withdrawn() -> None:
    log = Log()
    fenced(log)
    assert "its power is off" in log.withdraw("mds2").text


def test_a_member_no_more_is_forgotten() -> None:
    log = Log()
    log.intend("mds2")
    assert log.withdraw("mds2", well=False)
    assert "mds2" not in log.state.nodes


def test_a_node_that_restarts_by_itself_is_out_of_it_unless_somebody_is_at_it() -> None:
    log = Log()
    log.intend("mds2")
    assert "an intent against this process is open" in log.here("mds2", 2).text
    log.claim("mds2")
    assert "not out of it yet" in log.here("mds2", 22).text
    assert not log.state.nodes["mds2"].armed
    log.outcome("mds2", done=False)
    assert log.here("mds2", 22)
    assert log.state.intents == {}
    assert log.state.nodes["mds2"] == rules.Node(22, True, False, [1_000])


@pytest.mark.parametrize("power_on", [True, False])
def test_a_device_that_lied_is_found_out(power_on: bool) -> None:
    """INV-9: it said off, and the same process goes on."""
    log = Log()
    log.intend("mds2", power_on=power_on)
    log.claim("mds2")
    log.outcome("mds2", done=True)
    log.here("mds2", 2)
    assert log.kinds()[-1] == "lied"
    assert not log.state.nodes["mds2"].down
    assert log.state.intents == {}


# ---------------------------------------------------------------------- the operator
def test_the_operators_word_counts_as_verified() -> None:
    """INV-9: somebody has looked. The power is left as it is."""
    log = Log()
    assert "nothing to confirm" in rules.confirm(log.state, log.now, "mds2", "ops").text
    log.intend("mds2")
    log.claim("mds2")
    assert rules.confirm(log.state, log.now, "mds2", "ops")
    assert log.state.nodes["mds2"].down
    assert log.state.intents == {}
    assert not log.outcome("mds2", done=False), "whoever was at it comes too late"
    assert log.kinds() == ["intent", "confirmed"]
    assert "nothing to confirm" in rules.confirm(log.state, log.now, "mds2", "ops").text
