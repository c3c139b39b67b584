"""Decisions to fence are counted, and nothing else that the log numbers."""

from __future__ import annotations

import pytest

from fencing import state as rules
from fencing.state import HISTORY_MAX, UNTRIED_MAX, Limits, Now, State
from mdscluster.monitoring.decisions import Decisions

VOTERS = ("mds1", "mds2", "mds3")


def fence(state: State, node: str, ms: int, *, gives_back: bool = True) -> None:
    """mds1 proves that it leads, has ``node`` fenced, takes it back, and is well with it."""
    ticket = rules.prove(state, Now(ms), "mds1", 3).number
    verdict = rules.intend(state, Now(ms), ticket, node, VOTERS, Limits(1_000, 1_000), "silent", True)
    assert verdict, verdict.text
    assert rules.withdraw(
        state, Now(ms), ticket, node, verdict.number, "it is heard again", well=True, gives_back=gives_back
    )


def armed() -> State:
    state = State(nodes={}, intents={}, paused={}, history=[])
    for number, node in enumerate(VOTERS, 1):
        rules.node_here(state, Now(0), node, number, gives_back=True)
    return state


def test_leaders_proofs_are_no_decisions() -> None:
    """A leader proves itself again and again: the log's last number says nothing of fencing."""
    state, decisions = armed(), Decisions()
    for ms in range(50):
        rules.prove(state, Now(ms), "mds1", 3)
    assert decisions.count(state) == 0
    fence(state, "mds2", 60)
    assert state.last_number == 52
    assert [decisions.count(state) for _ in range(2)] == [1, 1]


@pytest.mark.parametrize(("gives_back", "room"), [(False, HISTORY_MAX), (True, UNTRIED_MAX)])
def test_the_count_outlives_the_history(gives_back: bool, room: int) -> None:
    """Which has room for a hundred lines, and for fifty of what nobody tried; two for each of these. A count
    that fell would be a new beginning for a rate.
    """
    state, decisions = armed(), Decisions()
    for number in range(1, HISTORY_MAX):
        fence(state, "mds3", number, gives_back=gives_back)
        assert decisions.count(state) == number
    assert len(state.history) == room


def test_a_node_that_starts_begins_with_what_the_history_knows() -> None:
    """So that a restart is, as a rule, no step for whoever looks."""
    state = armed()
    for number in range(3):
        fence(state, "mds2", number)
    assert Decisions().count(state) == 3
