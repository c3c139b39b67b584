"""All rules at once against whatever may be proposed, in random walks."""

from __future__ import annotations

from collections import Counter
from random import Random

import msgspec

from fencing import state as rules
from fencing.state import BACKOFF_MAX_MS, EVERYBODY, HISTORY_MAX, HOUR_MS, PHASE_OFF, PHASE_ON, TICKET_MS, State
from tests.unit.fencing.log import FIVE, LASTS_MS, LIMITS, Log

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
