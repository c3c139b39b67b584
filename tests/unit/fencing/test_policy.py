"""What a leader decides, and who carries it out."""

from __future__ import annotations

from fencing.policy import TURN_MS, Decisions, Observed, claimable, decide, turn
from fencing.state import EVERYBODY, Intent, Limits, Now, State, claim, intend, maintain, node_here, outcome, prove
from fencing.suspicion import Statement

VOTERS = ["a", "b", "c"]
LIMITS = Limits(3, 6)


def cluster(voters: list[str] = VOTERS) -> State:
    state = State()
    for number, node in enumerate(voters, 1):
        node_here(state, Now(0), node, number, gives_back=True)
    return state


def decided(state: State, node: str, voters: list[str] = VOTERS) -> Intent:
    ticket = prove(state, Now(0), "a", 1).number
    assert intend(state, Now(0), ticket, node, voters, LIMITS, "not heard", True)
    return state.intents[node]


def decisions(state: State, seen: Observed, leader: str = "a", members: list[str] = VOTERS) -> Decisions:
    return decide(leader, VOTERS, members, state, seen, LIMITS, 1_000)


def test_a_suspected_voter_is_to_be_fenced() -> None:
    made = decisions(cluster(), Observed({"b": 2_750}, {"c"}))
    assert made.fence == {"b": "not heard for 2.8 s"}
    assert (made.withdraw, made.held) == ([], {})


def test_learners_and_strangers_are_not() -> None:
    assert decisions(cluster(), Observed({"d": 9_000}, set())) == Decisions()


def test_what_may_not_be_done_is_told() -> None:
    """The operator has to know that nobody deals with it."""
    state = cluster()
    maintain(state, Now(0), EVERYBODY, True, "ops")
    assert decisions(state, Observed({"b": 9_000}, {"c"})).held == {"b": "maintenance is on (by ops)"}
    never_met = Observed({}, {"c"}, {"b": 9_000})
    assert decisions(state, never_met) == Decisions(held={"b": "maintenance is on (by ops)"}), "nobody need be asked"
    assert decisions(State(), never_met) == Decisions(), "it is not there yet"


def asked(never_met: list[str], voters: list[str] = VOTERS, state: State | None = None, **said: Statement) -> Decisions:
    """Decisions of a, with what others say of those that it has not met."""
    seen = Observed({}, {"c"}, dict.fromkeys(never_met, 3_100), said)
    return decide("a", voters, voters, state or cluster(voters), seen, LIMITS, 1_000)


def had_met(**missed_ms: int) -> Statement:
    return Statement(missed_ms, ())


def test_others_are_asked_about_one_that_the_leader_has_not_met() -> None:
    """INV-9: it fences nobody because the log knows him."""
    assert decisions(cluster(), Observed({}, {"c"}, {"b": 3_100})) == Decisions(unmet=["b"])


def test_one_that_another_voter_had_met_and_misses_is_to_be_fenced() -> None:
    """INV-9: the leader was started after it was lost, or a moment before."""
    made = asked(["b"], c=had_met(b=2_900))
    assert made == Decisions(fence={"b": "not heard for 3.1 s; c had met it, and misses it for 2.9 s"})


def test_one_that_nobody_says_he_had_met_is_not() -> None:
    """INV-9: a cluster that starts as a whole."""
    own = "a has not met it since it was started itself, or was without a majority"
    assert asked(["b"], c=had_met()) == Decisions(held={"b": f"{own}, and none of c says that it had"})
    assert asked(["b"]) == Decisions(held={"b": f"{own}, and nobody else answers who might have"})


def test_one_that_any_witness_hears_is_not() -> None:
    """INV-9: links are broken, and it runs."""
    five = ["a", "b", "c", "d", "e"]
    made = asked(["b"], five, c=had_met(b=9_000), d=Statement({}, {"b"}), e=Statement({}, {"a", "c"}))
    own = "a has not met it since it was started itself, or was without a majority"
    assert made == Decisions(held={"b": f"{own}, and d can hear it"})


def test_what_makes_no_sense_is_ignored() -> None:
    """INV-9: of the leader itself, of strangers, of one that the leader hears or that the log has disarmed; and what
    anybody says who is no voter, the leader, or the one that it is about."""
    nonsense = had_met(a=9_000, c=9_000, x=9_000)
    assert asked([], c=nonsense, x=had_met(b=9_000)) == Decisions()
    made = asked(["b"], c=nonsense, x=had_met(b=9_000), a=had_met(b=9_000), b=had_met(b=9_000))
    assert (made.fence, made.held["b"].endswith("none of c says that it had")) == ({}, True)
    state = cluster()
    state.nodes["b"].armed = False
    assert asked(["b"], state=state, c=had_met(b=9_000)) == Decisions()


def test_whoever_is_to_be_fenced_itself_is_no_witness() -> None:
    """INV-9: nor who was, and has not said since that it is there."""
    five = ["a", "b", "c", "d", "e"]
    state = cluster(five)
    decided(state, "c", five)
    made = asked(["b"], five, state, c=had_met(b=9_000))
    assert (made.fence, "nobody else answers" in made.held["b"]) == ({}, True)
    claim(state, Now(0), "c", state.intents["c"].number, "d", 4, 5_000)
    outcome(state, Now(0), "c", state.intents["c"].number, "d", 4, 1, True, "ipmi")
    claim(state, Now(0), "c", state.intents["c"].number, "d", 4, 5_000)
    outcome(state, Now(0), "c", state.intents["c"].number, "d", 4, 1, True, "ipmi")
    assert state.intents == {}
    assert asked(["b"], five, state, c=had_met(b=9_000)).fence == {}
    node_here(state, Now(0), "c", 33, gives_back=True)
    assert set(asked(["b"], five, state, c=had_met(b=9_000)).fence) == {"b"}


def test_an_intent_of_before_is_carried_out_by_who_has_met_its_node_since() -> None:
    """INV-9: all power was lost with it open, and the node boots. Power that is off is given back by anybody."""
    state = cluster()
    intent = decided(state, "c")
    assert claimable("b", 2, "a", VOTERS, state, {"c"}, 0) == [(intent, TURN_MS)]
    assert claimable("b", 2, "a", VOTERS, state, {"c"}, 0, {intent.number}, {"a"}) == []
    assert claimable("b", 2, "a", VOTERS, state, {"c"}, 0, {intent.number}, {"c"}) == [(intent, TURN_MS)]
    assert claimable("b", 2, "a", VOTERS, state, {"c"}, 0, {intent.number - 1}, {"a"}) == [(intent, TURN_MS)]
    claim(state, Now(0), "c", intent.number, "b", 2, 5_000)
    outcome(state, Now(0), "c", intent.number, "b", 2, 1, True, "ipmi")
    assert [each for each, _ in claimable("b", 2, "a", VOTERS, state, {"c"}, 0, {intent.number}, {"a"})] == [intent]


def test_others_are_asked_whether_an_intent_of_before_still_holds() -> None:
    """INV-9: as they are for a new decision; while somebody is at it, or this process has met the node, nobody is."""
    five = ["a", "b", "c", "d", "e"]
    state = cluster(five)
    intent = decided(state, "b", five)

    def made(never_met: dict[str, int], **said: Statement) -> Decisions:
        seen = Observed({}, {"c"}, never_met, said or None, {intent.number})
        return decide("a", five, five, state, seen, LIMITS, 1_000)

    missed = {"b": 3_100}
    assert made(missed) == Decisions(unmet=["b"])
    assert made({}) == Decisions()
    assert made(missed, c=had_met(b=2_900)) == Decisions(confirmed=[intent.number])
    refused = made(missed, c=had_met(b=2_900), d=Statement({}, {"b"}))
    assert (refused.confirmed, refused.held["b"].endswith("d can hear it")) == ([], True)
    refused = made(missed, c=had_met())
    assert (refused.confirmed, refused.held["b"].endswith("none of c says that it had")) == ([], True)
    claim(state, Now(0), "b", intent.number, "c", 3, 5_000)
    assert made(missed) == Decisions()


def test_a_statement_lifts_no_bound() -> None:
    """INV-9: no more than a minority."""
    state = cluster()
    decided(state, "c")
    made = asked(["b"], state=state, c=had_met(b=9_000))
    assert (made.fence, "no majority could be left" in made.held["b"]) == ({}, True)


def test_whoever_is_away_for_a_known_reason_is_not_told_of() -> None:
    """It was fenced and starts again, or it stopped in good order."""
    state = cluster()
    state.nodes["b"].armed = False
    assert decisions(state, Observed({"b": 9_000}, {"c"})) == Decisions()


def test_it_is_not_decided_twice() -> None:
    state = cluster()
    decided(state, "b")
    assert decisions(state, Observed({"b": 9_000}, {"c"})) == Decisions()


def test_one_that_is_heard_again_is_left_alone() -> None:
    state = cluster()
    intent = decided(state, "b")
    made = decisions(state, Observed({}, {"b", "c"}))
    assert [(w.intent, w.well) for w in made.withdraw] == [(intent, True)]
    assert claim(state, Now(1_000), "b", intent.number, "c", 3, 5_000)
    assert decisions(state, Observed({}, {"b", "c"})).withdraw == [], "not while somebody is at it"


def test_a_leader_takes_back_what_is_open_against_itself() -> None:
    """It leads a quorum: it is well."""
    state = cluster()
    decided(state, "b")
    assert [w.well for w in decisions(state, Observed({}, {"c"}), leader="b").withdraw] == [True]


def test_a_member_no_more_is_left_alone() -> None:
    state = cluster()
    decided(state, "b")
    assert [w.well for w in decisions(state, Observed({}, {"c"}), members=["a", "c"]).withdraw] == [False]


def test_the_leader_is_asked_first_and_each_attempt_another() -> None:
    """One node's way to the device may be broken where another's is not."""
    five = ["a", "b", "c", "d", "e"]
    intent = Intent(1, "b", 2, "", "c", 1, 0, True)
    assert [turn(intent, "c", five, node) for node in five] == [1, -1, 0, 2, 3]
    intent.attempts = 1
    assert [turn(intent, "c", five, node) for node in five] == [0, -1, 3, 1, 2]
    assert turn(intent, "c", five, "learner") == -1
    assert turn(intent, "b", five, "a") >= 0, "the target counts in nothing, not even where it leads"


def test_an_executor_leaves_others_their_chance() -> None:
    state = cluster()
    intent = decided(state, "b")
    assert claimable("a", 1, "a", VOTERS, state, {"b"}, 1_000) == [(intent, 0)]
    assert claimable("c", 3, "a", VOTERS, state, {"b"}, 1_000) == [(intent, TURN_MS)]
    assert claimable("b", 2, "a", VOTERS, state, {"b"}, 1_000) == []


def test_nobody_cuts_the_power_of_one_that_it_hears() -> None:
    """A link that is broken between two nodes only; or one that has just come back."""
    state = cluster()
    decided(state, "b")
    assert claimable("c", 3, "a", VOTERS, state, set(), 1_000) == []
    assert claimable("c", 3, "b", VOTERS, state, {"b"}, 1_000) == [], "nor its leader's"


def test_power_comes_back_whether_it_is_heard_or_not() -> None:
    state = cluster()
    intent = decided(state, "b")
    claim(state, Now(0), "b", intent.number, "a", 1, 5_000)
    outcome(state, Now(0), "b", intent.number, "a", 1, 1, True, "ipmi")
    assert claimable("a", 1, "a", VOTERS, state, set(), 1_000) == [(intent, 0)]
