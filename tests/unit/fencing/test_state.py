"""What a log decides about nodes' power: one rule a test, and all of them at once against whatever may be proposed."""

from __future__ import annotations

from collections import Counter
from random import Random

import msgspec
import pytest

from fencing import state as rules
from fencing.state import (
    BACKOFF_MAX_MS,
    EVERYBODY,
    HISTORY_MAX,
    HOUR_MS,
    PHASE_OFF,
    PHASE_ON,
    POWER_ON_ATTEMPTS,
    TICKET_MS,
    UNTRIED,
    UNTRIED_MAX,
    Limits,
    Now,
    State,
    Verdict,
)

THREE, FIVE = ["mds1", "mds2", "mds3"], ["mds1", "mds2", "mds3", "mds4", "mds5"]
LIMITS = Limits(3, 6)
LASTS_MS = 30_000


class Log:
    """A log that applies commands to one state."""

    def __init__(self, voters: list[str] = THREE, *, gives_back: bool = True) -> None:
        self.state = State()
        self.gives_back = gives_back
        self.voters = voters
        self.ms = 1_000
        for number, node in enumerate(voters, 1):
            assert self.here(node, number)

    @property
    def now(self) -> Now:
        return Now(self.ms, self.ms * 1_000_000)

    def here(self, node: str, process: int) -> Verdict:
        return rules.node_here(self.state, self.now, node, process, gives_back=self.gives_back)

    def process(self, node: str) -> int:
        return self.state.nodes[node].process

    def ticket(self, leader: str = "mds1", term: int = 7) -> int:
        return rules.prove(self.state, self.now, leader, term).number

    def intend(self, node: str, ticket: int | None = None, limits: Limits = LIMITS, power_on: bool = True) -> Verdict:
        proof = self.ticket() if ticket is None else ticket
        return rules.intend(self.state, self.now, proof, node, self.voters, limits, "not heard", power_on)

    def claim(self, node: str, executor: str = "mds1", process: int | None = None) -> Verdict:
        number = self.state.intents[node].number if node in self.state.intents else 99
        own = self.process(executor) if process is None else process
        return rules.claim(self.state, self.now, node, number, executor, own, LASTS_MS)

    def outcome(self, node: str, done: bool, executor: str = "mds1", attempt: int = 1, text: str = "ipmi") -> Verdict:
        number = self.state.intents[node].number if node in self.state.intents else 99
        own = self.process(executor)
        return rules.outcome(self.state, self.now, node, number, executor, own, attempt, done, text)

    def withdraw(self, node: str, well: bool = True) -> Verdict:
        number = self.state.intents[node].number if node in self.state.intents else 99
        return rules.withdraw(
            self.state, self.now, self.ticket(), node, number, "heard again", well, gives_back=self.gives_back
        )

    def kinds(self) -> list[str]:
        return [event.kind for event in self.state.history]


def fenced(log: Log, node: str = "mds2") -> None:
    """Through the whole of it, up to the power being off."""
    assert log.intend(node)
    assert log.claim(node)
    assert log.outcome(node, done=True)


# ---------------------------------------------------------------------- deciding
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


def test_the_history_is_bounded() -> None:
    log = Log()
    for turn in range(HISTORY_MAX):
        rules.maintain(log.state, log.now, "mds2", turn % 2 == 0, "ops")
    fenced(log)
    assert len(log.state.history) == HISTORY_MAX
    assert log.kinds()[-2:] == ["intent", "fenced"]


# ---------------------------------------------------------------------- all at once
WALKS, STEPS = 500, 150


class Walk:
    """Anything may be proposed, in any order: late, twice, or by a node that is wrong about everything (INV-9)."""

    def __init__(self, seed: int, happened: Counter[str]) -> None:
        self.rng = Random(seed)
        self.happened = happened
        self.log = Log(FIVE)
        self.term = 1
        self.tickets = [0]
        self.was_well = dict.fromkeys(FIVE, True)
        self.claims: dict[int, tuple[str, int, int]] = {}
        self.verified: set[int] = set()
        self.moves = (
            self.time_passes, self.one_decides, self.one_decides, self.a_late_decision_arrives, self.one_claims,
            self.one_claims, self.an_outcome_arrives, self.an_outcome_arrives, self.a_node_is_there,
            self.one_is_withdrawn, self.the_operator_confirms, self.maintenance,
        )  # fmt: skip

    def run(self) -> None:
        for _ in range(STEPS):
            self.rng.choice(self.moves)()
            self.check()

    def node(self) -> str:
        return self.rng.choice(FIVE)

    def target(self) -> str:
        """Mostly one that an intent is open against."""
        return self.rng.choice(sorted(self.log.state.intents) or FIVE) if self.rng.random() < 0.9 else self.node()

    def time_passes(self) -> None:
        self.log.ms += self.rng.choice([1, 500, 3_000, LASTS_MS + 1, 2 * BACKOFF_MAX_MS, HOUR_MS])

    def one_decides(self) -> None:
        self.term += self.rng.random() < 0.5
        self.tickets.append(self.log.ticket(self.node(), self.term))
        self._intend("intent", self.tickets[-1])

    def a_late_decision_arrives(self) -> None:
        self._intend("late intent", self.rng.choice(self.tickets[-4:]))

    def _intend(self, what: str, ticket: int) -> None:
        log, node = self.log, self.node()
        watch, before = log.state.watch, dict(log.state.intents)
        if not log.intend(node, ticket):
            return
        self.happened[what] += 1
        assert watch is not None
        assert watch.ticket == ticket
        assert log.ms - watch.at_ms <= TICKET_MS
        assert node != watch.node
        assert node not in before
        assert watch.node not in before or before[watch.node].phase == PHASE_ON
        assert self.was_well[node], "fenced twice for one failure"
        assert not {EVERYBODY, node} & log.state.paused.keys()
        self.was_well[node] = False

    def one_claims(self) -> None:
        log, node, executor = self.log, self.target(), self.node()
        intent = log.state.intents.get(node)
        held_until_ms = intent.claim.until_ms if intent is not None and intent.claim else -1
        right = self.rng.random() < 0.9
        process = log.process(executor) if right else 999
        if not log.claim(node, executor, process):
            return
        assert intent is not None
        self.happened["claim"] += 1
        self.happened["taken over"] += held_until_ms >= 0
        assert executor != node
        assert executor not in log.state.intents or log.state.intents[executor].phase == PHASE_ON
        assert not log.state.nodes[executor].down
        assert right
        assert held_until_ms < log.ms, "two at once"
        assert not {EVERYBODY, node} & log.state.paused.keys()
        self.claims[intent.number] = (executor, process, intent.attempts)

    def an_outcome_arrives(self) -> None:
        log, node = self.log, self.target()
        executor, attempt, done = self.node(), self.rng.randint(1, 4), self.rng.random() < 0.6
        intent = log.state.intents.get(node)
        if intent is not None and intent.claim is not None and self.rng.random() < 0.6:
            executor, attempt = intent.claim.executor, intent.claim.attempt
        phase, process = ("", 0) if intent is None else (intent.phase, log.process(executor))
        held = intent is not None and intent.claim is not None
        if log.outcome(node, done, executor, attempt):
            assert intent is not None
            assert held
            self.happened["done" if done else "failed"] += 1
            assert self.claims[intent.number] == (executor, process, attempt)
            if done and phase == PHASE_OFF:
                self.verified.add(intent.number)

    def a_node_is_there(self) -> None:
        node = self.node()
        if self.log.here(node, self.rng.choice([self.log.process(node), self.rng.randint(100, 1 << 60)])):
            self.happened["here"] += 1
            self.was_well[node] = True

    def one_is_withdrawn(self) -> None:
        node = self.target()
        intent = self.log.state.intents.get(node)
        claimed = intent is not None and intent.claim is not None and intent.claim.until_ms >= self.log.ms
        if self.log.withdraw(node):
            assert intent is not None
            self.happened["withdrawn"] += 1
            assert not claimed
            assert intent.number not in self.verified
            self.was_well[node] = True

    def the_operator_confirms(self) -> None:
        node = self.target() if self.rng.random() < 0.2 else self.node()
        intent = self.log.state.intents.get(node)
        if rules.confirm(self.log.state, self.log.now, node, "ops"):
            assert intent is not None
            self.happened["confirmed"] += 1
            self.verified.add(intent.number)

    def maintenance(self) -> None:
        """On, now and then; whatever was on is off."""
        paused = list(self.log.state.paused)
        if paused or self.rng.random() < 0.3:
            for node in paused or [self.rng.choice([EVERYBODY, *FIVE])]:
                rules.maintain(self.log.state, self.log.now, node, not paused, "ops")

    def check(self) -> None:
        state = self.log.state
        gone = {node for node in FIVE if node in state.intents or state.nodes[node].down}
        assert len(gone) <= 2, "more than a minority"
        told = {event.intent for event in state.history if event.kind in ("fenced", "confirmed")}
        assert told <= self.verified
        assert all(intent.number in self.verified for intent in state.intents.values() if intent.phase == PHASE_ON)
        off = {node for node in FIVE if state.nodes[node].down}
        told_off = {event.node for event in state.history if event.kind in ("fenced", "confirmed")}
        assert off <= told_off or len(state.history) == HISTORY_MAX
        recent = [[at for at in node.intents_ms if self.log.ms - at < HOUR_MS] for node in state.nodes.values()]
        assert max(map(len, recent)) <= LIMITS.node_per_hour
        assert sum(map(len, recent)) <= LIMITS.cluster_per_hour
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State) == state


def test_whatever_is_proposed() -> None:
    """INV-9: no rule is broken, and each was put to the test; a failure names its seed."""
    happened: Counter[str] = Counter()
    for seed in range(WALKS):
        try:
            Walk(seed, happened).run()
        except AssertionError as problem:
            problem.add_note(f"seed {seed}")
            raise
    wanted = {"intent", "late intent", "claim", "taken over", "done", "failed", "here", "withdrawn", "confirmed"}
    assert not wanted - {kind for kind, times in happened.items() if times >= 100}, f"vacuous: {happened}"
