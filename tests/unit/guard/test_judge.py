"""What the guard concludes, and when: scripts of what it hears, on a clock of their own."""

from __future__ import annotations

import pytest

from mdscluster.guard.footing import APART_MS, FIT, LAST_RESORT, SPREAD_MS, SPREAD_STEPS, UNFIT
from mdscluster.guard.judge import NO_NODE, NO_WORD_YET, SETTLING, SILENT, Judge
from mdscluster.guard.settings import Settings
from mdscluster.guard.words import Word

PERIOD_MS = 50


class Script:
    """A node, a guard, and the time."""

    def __init__(self, node: str = "mds1", **settings: int) -> None:
        self.holds = True
        self.judge = Judge(
            Settings(node_id=node, run_dir="/r", lock_file="/l", **settings),  # type: ignore[arg-type]
            lambda: self.holds,
        )
        self.now_ms = 1_000_000

    def start(self) -> Script:
        self.judge.node_here(self.now_ms)
        return self

    def say(self, reason: str = "", for_ms: int = PERIOD_MS, *, grows: bool = False, **details: object) -> Script:
        """One word a period. ``grows``: a silence or loss that begins now."""
        for step in range(0, for_ms, PERIOD_MS):
            told = {name: step if grows else value for name, value in details.items()}
            self.judge.heard(Word(self.now_ms, 7, reason, **told))  # type: ignore[arg-type]
            self.now_ms += PERIOD_MS
        return self

    def silence(self, for_ms: int) -> Script:
        self.now_ms += for_ms
        return self

    @property
    def unfit(self) -> str:
        return self.judge.standing(self.now_ms)[1]

    @property
    def weight(self) -> int:
        return self.judge.standing(self.now_ms)[0]

    @property
    def sentence(self) -> str:
        return self.judge.sentence(self.now_ms)

    @property
    def told(self) -> bool:
        return self.judge.can_be_told(self.now_ms)


@pytest.fixture
def fit() -> Script:
    """A node that has been fit for a minute."""
    script = Script().start().say(for_ms=60_000)
    assert script.unfit == ""
    return script


# ---------------------------------------------------------------------- addresses
def test_nobody_is_fit_before_it_was_for_a_second() -> None:
    """Until then it is better than nobody: where a cluster starts, its address is not kept waiting."""
    script = Script()
    assert (script.weight, script.unfit) == (UNFIT, NO_NODE)
    assert (script.start().weight, script.unfit) == (UNFIT, NO_WORD_YET)
    assert (script.say(for_ms=1_000 - PERIOD_MS).weight, script.unfit) == (LAST_RESORT, SETTLING)
    assert (script.say(for_ms=2 * PERIOD_MS).weight, script.unfit) == (FIT, "")


def test_an_unfit_word_counts_at_once_and_a_fit_one_after_a_second(fit: Script) -> None:
    """No flapping: one bad word in a second keeps the node from being counted as fit."""
    for _ in range(3):
        assert (fit.say("it knows no leader").weight, fit.unfit) == (UNFIT, "it knows no leader")
        assert (fit.say(for_ms=900).weight, fit.unfit) == (LAST_RESORT, SETTLING)
    assert fit.say(for_ms=150).weight == FIT


def test_a_node_that_is_unable_has_no_address_for_as_long_as_that_lasts(fit: Script) -> None:
    for _ in range(100):
        assert fit.say("it has no quorum", 1_000).weight == UNFIT


def test_a_node_that_falls_silent_is_unfit_after_200_ms_and_stays_it(fit: Script) -> None:
    """The last word may be a period old then."""
    last = fit.now_ms - PERIOD_MS
    fit.now_ms = last + 199
    assert fit.unfit == ""
    for silent_ms in range(200, 4_000, 50):
        fit.now_ms = last + silent_ms
        assert (fit.weight, fit.unfit) == (UNFIT, SILENT), silent_ms
    assert (fit.say(for_ms=900).weight, fit.unfit) == (LAST_RESORT, SETTLING), "a silence is a break"


def test_a_weak_node_steps_back_once_and_is_the_last_resort_then(fit: Script) -> None:
    """INV-7: whoever is fit takes the address within that time. If nobody is, a weak node serves better than none."""
    weights = [fit.say("it is behind the cluster's log", weak=True).weight for _ in range(1_000 // PERIOD_MS)]
    assert set(weights) == {UNFIT}
    weights = [fit.say("it is behind the cluster's log", weak=True).weight for _ in range(50_000 // PERIOD_MS)]
    assert set(weights) == {LAST_RESORT}
    assert fit.say(for_ms=900).weight == LAST_RESORT
    assert fit.say(for_ms=150).weight == FIT


def test_a_weak_node_without_an_address_is_the_last_resort_at_once(fit: Script) -> None:
    """INV-7: it has nothing to give away, and another one may be about to give away more. Nor when it got it so."""
    fit.holds = False
    assert fit.say("its consensus process does not answer", weak=True).weight == LAST_RESORT
    fit.holds = True
    weights = [fit.say("its consensus process does not answer", weak=True).weight for _ in range(120_000 // PERIOD_MS)]
    first = weights.index(UNFIT)
    assert APART_MS <= first * PERIOD_MS < APART_MS + SPREAD_MS * SPREAD_STEPS
    assert weights.count(UNFIT) == 1_000 // PERIOD_MS


def test_who_took_an_address_while_it_was_fit_steps_back_when_it_is_weak(fit: Script) -> None:
    """An earlier weakness without an address is no excuse."""
    fit.holds = False
    assert fit.say("its front end stood still", weak=True).weight == LAST_RESORT
    assert fit.say(for_ms=1_100).weight == FIT
    fit.holds = True
    assert fit.say("its front end stood still", weak=True).weight == UNFIT


def test_of_two_late_at_one_moment_only_the_one_with_the_address_steps_back() -> None:
    """Seen in the drill: both stepped back, and a third one that had just been started got the address."""
    scripts = [Script(node).start().say(for_ms=2_000) for node in ("mds1", "mds3")]
    scripts[1].holds = False
    assert [script.weight for script in scripts] == [FIT, FIT]
    weights = [script.say("its consensus process does not answer", weak=True).weight for script in scripts]
    assert weights == [UNFIT, LAST_RESORT]


def test_nobody_steps_back_twice_in_a_minute(fit: Script) -> None:
    """A node that is starved is late again and again, and so, as a rule, are the others: the address stays."""
    weights = []
    for _ in range(50):
        weights.append(fit.say("its front end stood still", weak=True).weight)
        weights += [fit.say().weight for _ in range(900 // PERIOD_MS)]
    assert weights[:20] == [UNFIT] * 20
    assert set(weights[20:]) == {LAST_RESORT}


def test_a_weakness_that_lasts_steps_back_again_some_day(fit: Script) -> None:
    """Somebody may be fit by then; ``nopreempt`` lets nobody take an address that is advertised."""
    weights = [fit.say("its front end stood still", weak=True).weight for _ in range(120_000 // PERIOD_MS)]
    assert weights.count(UNFIT) == 2 * 1_000 // PERIOD_MS
    second_ms = weights.index(UNFIT, 1_000 // PERIOD_MS) * PERIOD_MS
    assert APART_MS <= second_ms < APART_MS + SPREAD_MS * SPREAD_STEPS


def test_nodes_that_are_starved_together_step_back_together_only_once() -> None:
    times = []
    for node in ("mds1", "mds2", "mds3", "mds4", "mds5"):
        script = Script(node).start().say(for_ms=2_000)
        assert script.weight == FIT
        weights = [script.say("its front end stood still", weak=True).weight for _ in range(90_000 // PERIOD_MS)]
        assert weights[0] == UNFIT
        times.append(weights.index(UNFIT, 30_000 // PERIOD_MS) * PERIOD_MS)
    assert min(later - before for before, later in zip(sorted(times), sorted(times)[1:], strict=False)) >= 2_000


def test_who_was_away_has_stepped_back_already() -> None:
    """A machine that was paused says that it stood still when it goes on: others have had their time by then."""
    script = Script().start().say(for_ms=2_000).silence(6_000)
    assert script.weight == UNFIT
    assert script.say("its front end stood still", weak=True).weight == LAST_RESORT


def test_a_silence_of_a_weak_node_that_lasts_is_no_weakness(fit: Script) -> None:
    """It stepped back lately, so it keeps its address at first; a node that is frozen does not keep it for long."""
    assert fit.say("its front end stood still", weak=True).weight == UNFIT
    assert fit.say(for_ms=3_000).weight == FIT
    last = fit.now_ms - PERIOD_MS
    fit.now_ms = last + 1_199
    assert (fit.weight, fit.unfit) == (LAST_RESORT, SILENT)
    fit.now_ms = last + 1_200
    assert (fit.weight, fit.unfit) == (UNFIT, SILENT)


def test_a_silence_that_was_not_looked_at_is_a_break_too(fit: Script) -> None:
    """The guard was not running itself: what came meanwhile lies in its socket."""
    fit.silence(150).say()
    assert fit.unfit == SETTLING


def test_a_word_counts_from_when_it_was_said(fit: Script) -> None:
    """Not from when it is read: it may have waited while both stood still."""
    said_ms = fit.now_ms
    fit.silence(300)
    fit.judge.heard(Word(said_ms, 7))
    assert fit.unfit == SILENT


def test_the_end_of_a_process_is_known_at_once(fit: Script) -> None:
    fit.judge.front_end_gone(fit.now_ms)
    assert fit.unfit == NO_WORD_YET
    fit.judge.node_gone()
    assert fit.unfit == NO_NODE
    assert fit.start().say(for_ms=500).unfit == SETTLING, "the next process begins anew"


def test_the_guard_wakes_when_something_changes_by_itself(fit: Script) -> None:
    """Every answer that time alone changes has been announced by ``due_ms``."""
    before = (fit.weight, fit.unfit, fit.sentence)
    for _ in range(10):
        due_ms = fit.judge.due_ms(fit.now_ms)
        if due_ms is None:
            break
        fit.now_ms = due_ms - 1
        assert (fit.weight, fit.unfit, fit.sentence) == before
        fit.now_ms = due_ms
        before = (fit.weight, fit.unfit, fit.sentence)
    assert before == (UNFIT, SILENT, "its front end has not said a word for 5000 ms")
    settling = Script().start().say(for_ms=900)
    assert settling.judge.due_ms(settling.now_ms) == settling.now_ms + 100


# ---------------------------------------------------------------------- self-fencing
def test_a_front_end_that_stands_still_is_ended_once(fit: Script) -> None:
    last = fit.now_ms - PERIOD_MS
    fit.now_ms = last + 4_999
    assert fit.sentence == ""
    fit.now_ms = last + 5_000
    assert fit.sentence == "its front end has not said a word for 5000 ms"
    fit.judge.executed()
    assert fit.silence(60_000).sentence == ""


def test_a_consensus_process_that_stands_still_is_ended(fit: Script) -> None:
    """Its front end says so, and so is heard all the time."""
    fit.say("its consensus process does not answer", 5_000, grows=True, consensus_silent_ms=0)
    assert fit.sentence == ""
    fit.say("its consensus process does not answer", consensus_silent_ms=5_000)
    assert fit.sentence == "its consensus process has not answered for 5000 ms"


def test_a_node_in_a_minority_is_left_alone(fit: Script) -> None:
    """INV-6 holds without it: it acknowledges nothing. A restart would only delay its return."""
    fit.say("it reaches no majority", 600_000, grows=True, quorum_lost_ms=0)
    assert fit.sentence == ""
    assert fit.told, "and its machine is not reset either"


def test_a_lost_quorum_ends_it_where_that_is_wanted() -> None:
    script = Script(quorum_ms=30_000).start().say(for_ms=2_000)
    script.say("it reaches no majority", 30_000, grows=True, quorum_lost_ms=0)
    assert script.sentence == ""
    script.say("it reaches no majority", quorum_lost_ms=30_000)
    assert script.sentence == "it has lost its quorum for 30000 ms"
    script.judge.executed()
    script.judge.node_gone()
    script.start().say("it reaches no majority", 120_000, quorum_lost_ms=-1)
    assert script.sentence == "", "once for each loss: the new process never had one to lose"


def test_a_node_that_says_nothing_from_its_start_on_is_ended_much_later() -> None:
    """Also when the guard was started anew and finds a node that is frozen already."""
    script = Script().start().silence(59_999)
    assert script.sentence == ""
    assert script.silence(1).sentence == "it has not said a word within 60000 ms of its start"


def test_a_front_end_that_is_started_anew_has_that_time_too(fit: Script) -> None:
    """A snapshot was installed: the consensus process goes on as the same process."""
    fit.judge.front_end_gone(fit.now_ms)
    assert fit.silence(59_000).sentence == ""
    assert fit.silence(1_000).sentence != ""


def test_nothing_happens_to_a_node_that_an_operator_works_on(fit: Script) -> None:
    fit.say("it is in maintenance", spared=True)
    assert fit.silence(600_000).sentence == ""
    assert fit.told


def test_a_start_that_takes_too_long_each_time_is_given_more(fit: Script) -> None:
    """A large state on a slow disk: ended after a minute, each time anew, it would never be there."""
    fit.judge.node_gone()
    waited = []
    for _ in range(6):
        began_ms = fit.start().now_ms
        while not fit.sentence:
            fit.silence(1_000)
        waited.append((fit.now_ms - began_ms) // 60_000)
        fit.judge.executed()
        fit.judge.node_gone()
    assert waited == [1, 2, 4, 8, 16, 16]
    assert "within 960000 ms" in fit.start().silence(960_000).sentence
    assert fit.say().sentence == ""
    fit.judge.front_end_gone(fit.now_ms)
    assert fit.silence(60_000).sentence != "", "it has spoken: what was before is forgotten"


def test_an_operator_s_work_outlasts_the_node_s_processes(fit: Script) -> None:
    """Stopped, mended and started again in maintenance, it may take its time; until it says itself that it is over."""
    fit.say("it is in maintenance", spared=True)
    fit.judge.front_end_gone(fit.now_ms)
    assert fit.silence(600_000).sentence == ""
    fit.judge.node_gone()
    fit.start()
    assert fit.silence(600_000).sentence == ""
    assert fit.told
    assert fit.say().silence(5_000).sentence != ""


def test_a_node_that_stops_has_its_time_to_stop(fit: Script) -> None:
    fit.say("it stops", stopping=True)
    assert fit.silence(30_000).sentence == ""
    assert fit.silence(30_000).sentence != ""


def test_while_the_guard_stood_still_nobody_was_silent(fit: Script) -> None:
    """A machine that was paused: all its processes were, and the first to run again may be the guard."""
    fit.silence(20_000)
    fit.judge.slept(19_000, fit.now_ms)
    assert fit.unfit == SILENT, "whether it is well is not known"
    assert fit.sentence == ""
    assert fit.silence(4_000).sentence != "", "what it does not say from now on counts"
    assert fit.say().silence(5_000).sentence != "", "and what was forgiven is forgotten"


def test_a_word_that_waited_while_the_guard_stood_still_is_as_old_as_it_was(fit: Script) -> None:
    """A machine that was paused for 6 s, and a last word in the guard's socket: it is read after the pause."""
    said_ms = fit.now_ms
    fit.silence(6_000)
    fit.judge.slept(5_950, fit.now_ms)
    fit.judge.heard(Word(said_ms, 7))
    assert fit.sentence == ""
    assert fit.silence(4_900).sentence == ""
    assert fit.silence(100).sentence != "", "what it does not say from now on counts"


def test_what_was_said_while_the_guard_alone_stood_still_leaves_less_to_forgive(fit: Script) -> None:
    fit.silence(6_000)
    fit.judge.slept(5_950, fit.now_ms)
    fit.judge.heard(Word(fit.now_ms - 1_000, 7))
    assert fit.silence(4_999).sentence == ""
    assert fit.silence(1).sentence != ""


# ---------------------------------------------------------------------- watchdog
def test_the_watchdog_is_petted_while_the_node_can_be_told() -> None:
    script = Script()
    assert script.told, "no node: nothing runs that could do harm"
    assert script.start().told
    assert script.silence(59_000).told
    assert script.say("it knows no leader").told, "unfit, but it says so"
    assert not script.silence(1_000).told
    assert script.say().told
    assert not script.say("its consensus process does not answer", consensus_silent_ms=1_000).told


def test_the_watchdog_is_not_petted_between_the_sentence_and_the_end(fit: Script) -> None:
    """A process in the middle of a hung disk's I/O does not die: then the machine has to."""
    fit.silence(5_000)
    fit.judge.executed()
    assert not fit.say().told, "it spoke again? It has SIGKILL before it"
    fit.judge.node_gone()
    assert fit.told
