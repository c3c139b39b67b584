"""The judge itself: what excuses an entry of the log that has a data server for down."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.simulation.whole.oracle import Missed, Oracle, Proposal

LONG_MS = 3_000.0
"""As long as production waits."""


class World:
    """Nodes n1 and n2 and a data server, as far as the judge asks for them."""

    def __init__(self) -> None:
        self.now_ms = 10_000.0
        self.data_servers = {"ds1": None}
        self.violations: list[str] = []
        self.leaders: dict[int, str] = {}
        self.led_ms: dict[int, float] = {}
        cores = {node_id: SimpleNamespace(term=0, is_leader=False) for node_id in ("n1", "n2")}
        self.nodes = {node_id: SimpleNamespace(engine=SimpleNamespace(core=core)) for node_id, core in cores.items()}
        world: Any = self
        self.oracle = Oracle(world)
        for node_id in self.nodes:
            self.oracle.front_began(node_id)

    def note_violation(self, text: str) -> None:
        self.violations.append(text)

    def leads(self, node_id: str, term: int) -> None:
        for other, node in self.nodes.items():
            node.engine.core.is_leader = other == node_id
            node.engine.core.term = term
        self.leaders[term], self.led_ms[term] = node_id, self.now_ms

    def pass_ms(self, ms: float, *hearing: str) -> None:
        """Time passes; these nodes hear the data server up to its end."""
        self.now_ms += ms
        for node_id in hearing:
            self.oracle.heartbeat(node_id, "ds1")

    def propose(self, node_id: str, number: int = 1) -> Proposal:
        """A node proposes that the data server is down."""
        proposal = node_id, 7, number
        self.oracle.missed[proposal] = self.oracle.proposes_down(node_id, "ds1")
        return proposal

    def commit(self, term: int, proposal: Proposal) -> list[str]:
        """The proposal is committed in an entry of this term; the violations."""
        self.oracle.counted(40, term, "ds1", proposal, up=False, was_up=True)
        return self.violations


@pytest.fixture
def world() -> World:
    """n1 leads term 1, and has missed the data server for as long as is needed; n2 hears it."""
    world = World()
    world.leads("n1", 1)
    world.pass_ms(LONG_MS, "n2")
    return world


def test_what_the_leader_missed_as_he_proposed_counts_whenever_it_is_committed(world: World) -> None:
    """INV-7: he may have heard of it since, and so has the next leader, who commits what was in the log."""
    proposal = world.propose("n1")
    world.pass_ms(10, "n1", "n2")
    world.leads("n2", 2)
    world.pass_ms(500, "n1", "n2")
    assert world.commit(1, proposal) == []
    assert world.oracle.missed[proposal] == Missed(1, LONG_MS)


@pytest.mark.parametrize("hears", [False, True])
def test_a_proposal_that_gets_into_the_next_leaders_log(world: World, hears: bool) -> None:
    """INV-7: that the next leader does not hear the data server either is no excuse, as he may have been cut off."""
    world.pass_ms(LONG_MS)
    proposal = world.propose("n1")
    world.leads("n2", 2)
    world.pass_ms(1_000, *(("n2",) if hears else ()))
    assert len(world.commit(2, proposal)) == 1


def test_a_proposal_of_his_own_from_an_earlier_term_is_no_other(world: World) -> None:
    """INV-7: who leads anew, and has heard the data server since, must not count it down by what he missed then."""
    proposal = world.propose("n1")
    world.leads("n2", 2)
    world.pass_ms(500, "n1", "n2")
    world.leads("n1", 3)
    world.pass_ms(500)
    assert len(world.commit(3, proposal)) == 1


def test_a_lost_proposal_excuses_no_later_leader_that_was_cut_off(world: World) -> None:
    """INV-7: n2 was cut off, and counts the data server down as soon as it leads. That n1 once missed it, and that its
    proposal was never committed, does not make that right; nor does it for n1 itself, in another term."""
    world.propose("n1")
    world.pass_ms(60_000, "n1", "n2")
    world.pass_ms(LONG_MS, "n1")
    world.leads("n2", 2)
    world.pass_ms(200)
    assert len(world.commit(2, world.propose("n2"))) == 1
    world.pass_ms(LONG_MS, "n2")
    world.leads("n1", 3)
    world.pass_ms(200)
    assert len(world.commit(3, world.propose("n1", 2))) == 2


@pytest.mark.parametrize("earlier", ["n1", "n2"])
def test_a_lost_proposal_excuses_no_leader_that_hears_the_data_server(world: World, earlier: str) -> None:
    """INV-7: neither another's nor one of his own."""
    world.propose("n1")
    world.pass_ms(LONG_MS, "n1", "n2")
    if earlier == "n2":
        world.leads("n2", 2)
        world.pass_ms(LONG_MS, "n1")
        world.propose("n2")
    world.pass_ms(5_000, "n1", "n2")
    world.leads("n2", 3)
    world.pass_ms(LONG_MS, "n2")
    assert len(world.commit(3, world.propose("n2", 2))) == 1


def test_a_leader_that_has_missed_it_by_now_may_commit_what_anybody_proposed(world: World) -> None:
    """INV-7: he would propose the same himself."""
    world.leads("n2", 2)
    proposal = world.propose("n1")
    assert world.oracle.missed[proposal] == Missed(0, 0.0), "it does not lead"
    world.pass_ms(LONG_MS)
    assert world.commit(2, proposal) == []
