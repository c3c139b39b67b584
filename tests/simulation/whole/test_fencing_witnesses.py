"""Who had met a server that is missing: without such a word nobody is fenced, after a start or an outage."""

from __future__ import annotations

import pytest

from fencing.state import State
from mdscluster.fsm import fencing_state
from mdscluster.fsm.commands import Maintenance
from tests.simulation.whole.power import FOREVER_MS, HANGS, HONEST, PoweredSimulation
from tests.simulation.whole.powered import Make, lead, leader_of, offs, restart, split, stonith, wait, wait_for


def test_a_cluster_that_starts_as_a_whole_fences_nobody(make: Make) -> None:
    """Power came back; one machine takes minutes, and goes up and down before it stays."""
    world = make()
    late = world.ids[0]
    for node in world.ids:
        world.end(node, 3_000 if node != late else 90_000, power=True)
    world.at(92_000, world.end, late, 10_000)
    leader_of_two_ms = 20_000
    wait(world, leader_of_two_ms)
    assert leader_of(world) != late
    wait(world, 100_000)
    assert world.asked == []
    assert world.committed_state().history == []
    leader_of(world)
    wait(world, 10_000)
    world.end(late, FOREVER_MS)
    wait_for(world, lambda: offs(world) == [late], 6_000, "a new failure counts")


@pytest.mark.parametrize(("size", "late"), [(3, 1), (5, 2)])
def test_a_cluster_that_starts_as_a_whole_has_no_witness(make: Make, size: int, late: int) -> None:
    """INV-9: all power was lost, and the last machines take 20 s. Whoever leads asks the others, the more as the leader
    is killed and started again: nobody has met those that are late, though the log knows them all."""
    world = make(size)
    late_ones = world.ids[:late]
    for node in world.ids:
        world.end(node, 20_000 if node in late_ones else 3_000, power=True)
    wait(world, 8_000)
    restart(world, leader_of(world))
    wait(world, 6_000)
    leader = leader_of(world)
    assert world.committed_state().history == []
    assert world.asked_voters, "vacuous: nobody was asked"
    assert {node: "none of" in reason for node, reason in stonith(world, leader).held.items()} == dict.fromkeys(
        late_ones, True
    )
    restart(world, leader)
    wait(world, 15_000)
    assert world.asked == []
    assert world.committed_state().history == []
    assert stonith(world, leader_of(world)).held == {}


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("whom", ["leader", "follower"])
def test_a_host_that_dies_while_its_successor_in_office_has_just_started_is_fenced(
    make: Make, whom: str, size: int
) -> None:
    """INV-9: two faults within seconds, as in the drill: a server is killed and starts again, then another one's host
    dies. The first leads, and has never met the dead one; the others have, and say so. Within 5 s, once."""
    world = make(size)
    leader = leader_of(world)
    other, fresh = [node for node in world.ids if node != leader][:2]
    lost = leader if whom == "leader" else other
    restart(world, fresh)
    wait(world, 900)
    began_ms = world.now_ms
    world.end(lost, FOREVER_MS, power=True)
    lead(world, fresh)
    wait_for(world, lambda: "fenced" in world.kinds(lost), 5_000, "it is not fenced")
    took_ms = world.now_ms - began_ms
    print(f"{size} nodes, {whom}: fenced after {took_ms:.0f} ms")
    assert took_ms < 5_000
    assert leader_of(world) == fresh, "vacuous: another one has decided"
    intent = next(event for event in world.committed_state().history if event.kind == "intent")
    assert intent.text.startswith(f"{fresh} (")
    assert "had met it, and misses it for" in intent.text
    wait(world, 12_000)
    assert offs(world) == [lost]
    assert world.committed_state().nodes[lost].armed, "it is back"


def test_a_server_that_comes_late_to_a_start_may_rely_on_those_that_were_there(make: Make) -> None:
    """INV-9: after a start of the whole cluster two have met for long; the third comes, and leads when one is lost."""
    world = make()
    witness, lost, late = world.ids
    for node in world.ids:
        world.end(node, 15_000 if node == late else 3_000, power=True)
    wait(world, 14_000)
    assert world.asked == []
    wait_for(world, lambda: world.nodes[late].up, 2_000, "it does not start")
    wait(world, 700)
    world.end(lost, FOREVER_MS, power=True)
    lead(world, late)
    wait_for(world, lambda: "fenced" in world.kinds(lost), 5_000, "it is not fenced")
    assert f"{late} (" in world.committed_state().history[0].text
    assert f"{witness} had met it" in world.committed_state().history[0].text
    wait(world, 12_000)
    assert offs(world) == [lost]


def test_one_that_the_leader_hears_is_not_fenced_whatever_others_miss(make: Make) -> None:
    """INV-9: the link between two others is broken; the leader was started a moment ago."""
    world = make()
    witness, lost, fresh = world.ids
    restart(world, fresh)
    wait(world, 300)
    lead(world, fresh)
    split(world, [witness], [lost], ms=15_000)
    wait(world, 10_000)
    assert lost in stonith(world, witness).statement().missed_ms, "vacuous: nobody would say anything"
    assert leader_of(world) == fresh
    wait(world, 10_000)
    assert world.asked_voters == []
    assert world.asked == []
    assert world.committed_state().history == []


@pytest.mark.parametrize("size", [3, 5])
def test_one_that_another_server_hears_is_not_fenced_for_a_leader_that_has_not_met_it(make: Make, size: int) -> None:
    """INV-9: it runs, and links are broken. Of five, two others have lost it as well, and one hears it. The operator is
    told."""
    world = make(size)
    fresh, lost, hearing, *missing = world.ids
    restart(world, fresh)
    wait(world, 300)
    lead(world, fresh)
    split(world, [fresh, *missing], [lost], ms=15_000)
    wait(world, 10_000)
    assert leader_of(world) == fresh, "vacuous: another one has decided"
    assert all(lost in stonith(world, node).statement().missed_ms for node in missing)
    assert (
        stonith(world, fresh).held[lost]
        == f"{fresh} has not met it since it was started itself, or was without a majority, and {hearing} can hear it"
    )
    wait(world, 15_000)
    assert world.asked == []
    assert world.committed_state().history == []
    assert stonith(world, leader_of(world)).held == {}


def test_a_witness_that_stands_still_says_nothing_until_it_has_watched_again(make: Make) -> None:
    """INV-9: its front end stops for 6 s, with the question unanswered; what it says then is of afterwards."""
    world = make()
    witness, lost, fresh = world.ids
    restart(world, fresh)
    wait(world, 900)
    world.end(lost, FOREVER_MS, power=True)
    lead(world, fresh)
    front = world.whole(witness).front
    assert front is not None
    front.process.pause()
    wait(world, 6_000)
    assert world.asked_voters, "vacuous: nobody was asked"
    assert stonith(world, fresh).held[lost].endswith("nobody else answers who might have")
    front.process.resume()
    wait(world, world.fencing.suspect_ms - 500)
    assert world.committed_state().history == [], "it knows nothing of while it stood still"
    wait_for(world, lambda: offs(world) == [lost], 5_000, "it is not fenced")
    asked = len(world.asked_voters)
    wait(world, 12_000)
    assert len(world.asked_voters) == asked, "nobody is asked without need"


@pytest.mark.parametrize("size", [3, 5])
def test_after_a_loss_of_power_that_took_the_quorum_nobody_is_fenced_for_booting(make: Make, size: int) -> None:
    """INV-9: a minority keeps its power; of the others enough for a majority are back soon, one takes longer."""
    world = make(size)
    survivors, lost = world.ids[: size // 2], world.ids[size // 2 :]
    for node in lost:
        world.end(node, 40_000 if node == lost[-1] else 20_000, power=True)
    wait(world, 38_000)
    assert leader_of(world), "vacuous: there is no quorum"
    assert all(not stonith(world, survivor).statement().missed_ms for survivor in survivors), "a witness"
    wait(world, 30_000)
    assert world.asked == []
    assert world.committed_state().history == []
    world.end(lost[-1], FOREVER_MS)
    wait_for(world, lambda: offs(world) == [lost[-1]], 6_000, "a new failure counts")


def test_a_port_that_is_slower_than_the_others_after_an_outage_costs_no_power(make: Make) -> None:
    """INV-9: a switch fails, and comes back port by port: the server behind the last one runs."""
    world = make()
    first, second, slow = world.ids
    split(world, [first], [second], [slow], ms=20_000)
    split(world, [slow], [first, second], ms=25_000)
    wait(world, 24_000)
    assert leader_of(world) != slow, "vacuous: the others have no quorum"
    wait(world, 20_000)
    assert world.asked == []
    assert world.committed_state().history == []
    split(world, [slow], [first, second], ms=FOREVER_MS)
    wait_for(world, lambda: offs(world) == [slow], 6_000, "a new failure counts")


# ---------------------------------------------------------------------- intents of before
def open_intent(world: PoweredSimulation, lost: str) -> None:
    """Against a server whose device does not answer: it stays open."""
    world.manner[lost] = HANGS
    world.end(lost, FOREVER_MS)
    wait_for(world, lambda: "failed" in world.kinds(lost), 20_000, "nobody tries")
    assert lost in world.committed_state().intents


@pytest.mark.parametrize("size", [3, 5])
def test_an_intent_of_before_a_loss_of_all_power_cuts_nobody_who_boots(make: Make, size: int) -> None:
    """INV-9: it was open when all power was lost, and is when power is back. Its server takes longer to boot than the
    others; whoever leads is killed, and hands over, meanwhile."""
    world = make(size)
    lost = next(node for node in world.ids if node != leader_of(world))
    open_intent(world, lost)
    for node in world.ids:
        if node != lost:
            world.end(node, 3_000, power=True)
    world.at(60_000, world.begin, lost)
    world.manner[lost] = HONEST
    before = len(world.asked)
    wait(world, 15_000)
    assert lost in world.committed_state().intents, "vacuous: it is closed"
    assert "none of" in stonith(world, leader_of(world)).held[lost], "the operator is told"
    restart(world, leader_of(world))
    wait(world, 8_000)
    lead(world, next(node for node in world.ids if node not in (lost, leader_of(world))))
    wait(world, 60_000)
    assert world.asked[before:] == [], "nobody's power was touched"
    assert world.kinds(lost)[-1] == "back"
    assert world.committed_state().intents == {}
    world.end(lost, FOREVER_MS)
    wait_for(world, lambda: offs(world) == [lost], 6_000, "a new failure counts")


def test_an_intent_that_a_node_lacked_when_it_booted_cuts_nobody_who_boots(make: Make) -> None:
    """INV-9: it was away when that was decided, and boots first. It says that it is there before anybody leads, and its
    front end stands still while that is applied there behind all that it had missed."""
    world = make(5)
    lost, away, *others = [node for node in world.ids if node != leader_of(world)]
    others.append(leader_of(world))

    def known_to_itself() -> State:
        node = world.nodes[away]
        with node.env.begin() as txn:
            return fencing_state.load(txn, node.machine.tables)

    world.propose(Maintenance(away, True, "ops"))
    wait(world, 500)
    world.end(away, FOREVER_MS, power=True)
    open_intent(world, lost)
    for node in others:
        world.end(node, 4_000, power=True)
    world.manner[lost] = HONEST
    world.begin(away)
    wait(world, 2_000)
    own, front, before = stonith(world, away), world.whole(away).front, len(world.asked)
    assert front is not None
    assert lost not in known_to_itself().intents, "vacuous: it had seen the decision"
    front.process.pause()
    wait_for(world, lambda: own._is_known(known_to_itself()), 10_000, "its word is not taken")
    assert lost in known_to_itself().intents
    front.process.resume()
    wait(world, 15_000)
    assert lost in world.committed_state().intents, "vacuous: it is closed"
    world.begin(lost)
    wait(world, 10_000)
    assert world.asked[before:] == [], "nobody's power was touched"
    assert world.kinds(lost)[-1] == "back"


@pytest.mark.parametrize("size", [3, 5])
def test_an_intent_of_before_an_outage_of_the_quorum_cuts_nobody_who_boots(make: Make, size: int) -> None:
    """INV-9: a minority keeps its power, and all that it had met it has met before."""
    world = make(size)
    leader = leader_of(world)
    lost, *others = [node for node in world.ids if node != leader]
    open_intent(world, lost)
    for node in others[: size // 2]:
        world.end(node, 20_000, power=True)
    world.at(60_000, world.begin, lost)
    world.manner[lost] = HONEST
    wait(world, 10_000)
    before = len(world.asked)
    wait(world, 80_000)
    assert world.asked[before:] == [], "nobody's power was touched"
    assert world.kinds(lost)[-1] == "back"


@pytest.mark.parametrize("size", [3, 5])
def test_an_intent_outlives_the_leader_that_decided_it(make: Make, size: int) -> None:
    """INV-9: its process is killed and started again, and leads; others had met the server that is lost: it is fenced
    once its device answers, also when they are started again after their word."""
    world = make(size)
    leader = leader_of(world)
    lost = next(node for node in world.ids if node != leader)
    open_intent(world, lost)
    restart(world, leader)
    wait(world, 1_000)
    lead(world, leader)
    wait(world, 6_000)
    for node in world.ids:
        if node not in (leader, lost):
            restart(world, node)
            wait(world, 3_000)
    assert leader_of(world) == leader
    world.manner[lost] = HONEST
    wait_for(world, lambda: "fenced" in world.kinds(lost), 120_000, "it is not fenced")
    wait(world, 12_000)
    assert offs(world) == [lost]
