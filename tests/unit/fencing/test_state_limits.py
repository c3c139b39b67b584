"""What counts towards the limits by the hour, and how much of it the history keeps."""

from __future__ import annotations

import pytest

from fencing import state as rules
from fencing.state import HISTORY_MAX, HOUR_MS, UNTRIED, UNTRIED_MAX, Limits
from tests.unit.fencing.log import LASTS_MS, Log, fenced


def test_limits_by_the_hour() -> None:
    """A node that fails again and again, or a cluster: something that fencing does not mend."""
    log = Log()
    for process in (20, 21):
        fenced(log)
        log.here("mds2", process)
    assert "2 times within the hour" in log.intend("mds2", limits=Limits(2, 6)).text
    assert "nodes were to be fenced 2 times within the hour" in log.intend("mds3", limits=Limits(2, 2)).text
    log.ms += HOUR_MS
    assert log.intend("mds2", limits=Limits(2, 2))
    assert len(log.state.nodes["mds2"].intents_ms) == 1, "what is older is forgotten"


@pytest.mark.parametrize("how", ["heard again", "started anew"])
def test_what_nobody_tried_does_not_count(how: str) -> None:
    """A network that comes and goes does not use up the limit of a node that then fails. Earlier ones still count."""
    log = Log()
    fenced(log)
    log.here("mds2", 20)
    log.ms += 5_000
    for process in range(21, 31):
        assert log.intend("mds2", limits=Limits(2, 2)), "mds2's limit, or the cluster's"
        assert log.state.nodes["mds2"].intents_ms == [1_000, log.ms], "while it is open it counts"
        assert log.withdraw("mds2") if how == "heard again" else log.here("mds2", process)
        assert log.state.nodes["mds2"].intents_ms == [1_000]
        assert log.state.history[-1].text.endswith(UNTRIED)
        log.ms += 5_000
    fenced(log)
    log.here("mds2", 99)
    assert "2 times within the hour" in log.intend("mds2", limits=Limits(2, 6)).text


@pytest.mark.parametrize("came_of_it", ["it failed", "nothing was heard", "its executor died"])
@pytest.mark.parametrize("how", ["heard again", "started anew"])
def test_what_was_tried_counts_though_it_is_taken_back(how: str, came_of_it: str) -> None:
    """INV-9: a power device may have done it all the same. A loop of such attempts ends by itself."""
    log = Log()
    for process in (22, 23):
        assert log.intend("mds2", limits=Limits(2, 6))
        assert log.claim("mds2")
        if came_of_it == "it failed":
            assert log.outcome("mds2", done=False, text="no answer")
        elif came_of_it == "its executor died":
            assert log.here("mds1", 100 + process)
        else:
            log.ms += LASTS_MS + 1
        assert log.withdraw("mds2") if how == "heard again" else log.here("mds2", process)
        assert not log.state.history[-1].text.endswith(UNTRIED)
    assert "2 times within the hour" in log.intend("mds2", limits=Limits(2, 6)).text


def test_what_the_operator_confirmed_counts_though_nobody_tried() -> None:
    """INV-9: its power was off."""
    log = Log()
    assert log.intend("mds2")
    assert rules.confirm(log.state, log.now, "mds2", "ops")
    assert log.here("mds2", 22)
    assert log.state.nodes["mds2"].intents_ms == [1_000]


def test_to_earlier_releases_what_nobody_tried_counts() -> None:
    """INV-8: as they take it the limit is used up, and the lines of the history are theirs."""
    log = Log(gives_back=False)
    assert log.intend("mds2")
    assert log.withdraw("mds2")
    assert log.intend("mds2")
    assert log.here("mds2", 22)
    assert log.state.nodes["mds2"].intents_ms == [1_000, 1_000]
    assert "2 times within the hour" in log.intend("mds2", limits=Limits(2, 6)).text
    texts = [event.text for event in log.state.history if event.kind != "intent"]
    assert texts == ["heard again", "it was started anew before its power was cut"]


def test_what_nobody_tried_does_not_push_the_rest_out_of_the_history() -> None:
    """No limit bounds it: a network may come and go for ever."""
    log = Log()
    fenced(log)
    log.here("mds2", 22)
    before = list(log.state.history)
    for _ in range(HISTORY_MAX):
        assert log.intend("mds3")
        assert log.withdraw("mds3")
    assert log.state.history[: len(before)] == before
    newest = [event.intent for event in log.state.history[len(before) :]]
    assert len(newest) == UNTRIED_MAX
    assert newest == sorted(newest), "the newest, in order"
    assert log.kinds()[-4:] == ["intent", "withdrawn"] * 2


def test_the_history_is_bounded() -> None:
    log = Log()
    for turn in range(HISTORY_MAX):
        rules.maintain(log.state, log.now, "mds2", turn % 2 == 0, "ops")
    fenced(log)
    assert len(log.state.history) == HISTORY_MAX
    assert log.kinds()[-2:] == ["intent", "fenced"]
