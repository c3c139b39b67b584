"""Deciding that a node is to be fenced: who may be, on whose word, how many at a time; and what maintenance stops."""

from __future__ import annotations

import pytest

from fencing import state as rules
from fencing.state import EVERYBODY, TICKET_MS
from tests.unit.fencing.log import FIVE, THREE, Log, fenced


def test_a_node_is_fenced_once_for_a_failure() -> None:
    """INV-9: one intent; another only when it was there again."""
    log = Log()
    fenced(log)
    assert log.state.nodes["mds2"].down
    assert "decided already" in log.intend("mds2").text  # its power is to come back
    assert log.claim("mds2")
    assert log.outcome("mds2", done=True)
    assert log.state.intents == {}
    assert "has not been well since" in log.intend("mds2").text
    assert log.here("mds2", 22)
    assert not log.state.nodes["mds2"].down
    assert log.intend("mds2")
    assert log.kinds() == ["intent", "fenced", "powered on", "back", "intent"]


def test_a_decision_without_a_fresh_proof_counts_for_nothing() -> None:
    """INV-9: it may have been made before a partition, and arrive after it."""
    log = Log()
    ticket = log.ticket("mds1", 7)
    log.ms += TICKET_MS + 1
    assert "too old" in log.intend("mds2", ticket).text
    ticket = log.ticket("mds1", 7)
    log.ticket("mds3", 8)
    assert "another node leads" in log.intend("mds2", ticket).text
    assert "mds3 leads since" in rules.prove(log.state, log.now, "mds1", 7).text
    assert not log.intend("mds2", 0)
    assert not log.intend("mds2", 12345)


def test_a_leader_does_not_fence_itself_nor_strangers() -> None:
    log = Log()
    assert "does not fence itself" in log.intend("mds1").text
    assert "only voters" in log.intend("mds9").text


def test_a_node_that_was_never_there_is_not_fenced() -> None:
    """A cluster that is being set up; and one whose new node has never come."""
    log = Log()
    log.voters = FIVE
    assert "never said that it was there" in log.intend("mds4").text


def test_a_node_that_stopped_in_good_order_is_not_fenced() -> None:
    log = Log()
    assert not rules.node_leaves(log.state, log.now, "mds2", 77), "an older process of it has nothing to say"
    assert log.state.nodes["mds2"].armed
    assert rules.node_leaves(log.state, log.now, "mds2", 2)
    assert "stopped in good order" in log.intend("mds2").text
    log.here("mds2", 22)
    assert log.intend("mds2")


@pytest.mark.parametrize(("voters", "most"), [(THREE, 1), (FIVE, 2)])
def test_never_more_than_a_minority_is_fenced_at_a_time(voters: list[str], most: int) -> None:
    """INV-9, INV-2: also counting those whose power is off; so two halves can never fence each other."""
    log = Log(voters)
    for node in voters[1 : most + 1]:
        assert log.intend(node)
    assert "no majority could be left" in log.intend(voters[-1]).text
    for node in voters[1 : most + 1]:
        assert log.claim(node)
        assert log.outcome(node, done=True)
    assert "no majority could be left" in log.intend(voters[-1]).text
    log.here(voters[1], 22)
    assert log.intend(voters[-1])


def test_who_is_to_be_fenced_decides_nothing() -> None:
    """INV-9: it leads again before that is withdrawn; the others must not be fenced by it."""
    log = Log(FIVE)
    assert log.intend("mds2")
    ticket = log.ticket("mds2", 8)
    assert "against mds2 itself is open" in log.intend("mds3", ticket).text
    log.intend("mds4", log.ticket("mds1", 9))
    assert "to be fenced itself" in log.claim("mds4", "mds2").text


def test_maintenance_suspends_it() -> None:
    log = Log()
    for paused in (EVERYBODY, "mds2"):
        rules.maintain(log.state, log.now, paused, True, "ops")
        assert "maintenance is on (by ops)" in log.intend("mds2").text
        rules.maintain(log.state, log.now, paused, False, "ops")
    assert log.intend("mds2")
    rules.maintain(log.state, log.now, EVERYBODY, True, "ops")
    assert "maintenance" in log.claim("mds2").text
    rules.maintain(log.state, log.now, EVERYBODY, False, "ops")
    assert log.claim("mds2")
    rules.maintain(log.state, log.now, "mds2", True, "ops")
    intent = log.state.intents["mds2"]
    assert not rules.holds_claim(log.state, "mds2", intent.number, "mds1", 1, 1), "whoever is at it stops"
