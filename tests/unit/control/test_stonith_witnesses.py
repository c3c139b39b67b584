"""A leader that has not met whom it misses: it asks those who may have, and what their answers are good for."""

from __future__ import annotations

import asyncio

import pytest

from fencing.suspicion import Statement
from mdscluster.control import witnesses
from mdscluster.fsm.commands import FenceProof, NodePresence, pack_internal
from mdscluster.replica import FOLLOWER
from tests.unit.control.bench import NODES, PERIOD_MS, Bench

HAD_MET = Statement({"mds2": 2_900}, {"mds1"})


async def never(node: str) -> Statement | None:
    """Its answer does not come."""
    await asyncio.Event().wait()
    return None


def test_what_another_voter_had_met_is_fenced_for_a_leader_that_was_just_started(bench: Bench) -> None:
    """INV-9: it is asked once it is needed, and only who can know: no learner, not this node, none that is missing."""
    bench.statements["mds3"] = HAD_MET

    async def run() -> None:
        bench.lose("mds2")
        await bench.passes(2_000)
        assert bench.voters_asked == [], "the leader itself does not miss it for long enough"
        await bench.passes(1_000)

    asyncio.run(run())
    assert bench.voters_asked == ["mds3"]
    events = [event for event in bench.state().history if event.kind == "intent"]
    assert len(events) == 1
    assert events[0].text == "mds1 (term 3): not heard for 2.0 s; mds3 had met it, and misses it for 2.9 s"
    assert bench.stonith.held == {}


def test_no_answer_is_no_evidence_and_is_asked_for_again_in_measure(bench: Bench) -> None:
    """INV-9: an older release says nothing. The reason that the operator sees does not come and go."""
    told: list[str] = []

    async def run() -> None:
        bench.lose("mds2")
        for _ in range(40):
            await bench.passes(PERIOD_MS)
            told.extend(bench.stonith.held.values())

    asyncio.run(run())
    assert len(bench.voters_asked) == 8, "once a second, from when it is suspected"
    assert bench.replica.of(FenceProof) == []
    own = "mds1 has not met it since it was started itself, or was without a majority"
    assert set(told) == {f"{own}, and nobody else answers who might have"}
    assert len(told) == 40 - 9 + 1


def test_a_voter_that_does_not_answer_holds_up_nothing(bench: Bench) -> None:
    """INV-9: who observes must not stand still; and answers are waited for a second at most."""
    bench.answer_voter = never

    async def run() -> None:
        bench.lose("mds2")
        began_s = asyncio.get_running_loop().time()
        await bench.passes(10_000)
        assert asyncio.get_running_loop().time() - began_s < 0.9, "turns wait for it"
        assert bench.voters_asked == ["mds3"], "one question at a time"
        await asyncio.sleep(1.2)
        await bench.passes(PERIOD_MS)
        assert bench.voters_asked == ["mds3"] * 2
        await bench.stonith.close()
        assert len(asyncio.all_tasks()) == 1, "nothing goes on after the end"

    asyncio.run(run())
    assert bench.replica.of(FenceProof) == []


def test_what_needs_no_witness_is_decided_first(bench: Bench) -> None:
    """INV-9: two of five are lost at once; this leader has met one of them, and nobody answers about the other."""
    bench.answer_voter = never
    bench.replica.nodes = (*NODES, "mds4", "mds5")
    for number, node in enumerate(bench.replica.nodes[3:], 4):
        bench.find(node)
        bench.replica.apply_entry([pack_internal(NodePresence(node, number))])
    bench.lose("mds2")

    async def run() -> None:
        await bench.passes(1_500)
        bench.find("mds2")
        await bench.passes(1_000)
        bench.lose("mds2")
        bench.lose("mds4")
        await bench.passes(2_250)
        assert set(bench.stonith._suspicions.never_met()) == {"mds2"}, "vacuous: not both at once"
        assert set(bench.state().intents) == {"mds4"}
        assert bench.voters_asked == []
        await bench.passes(PERIOD_MS)
        assert bench.voters_asked == ["mds3", "mds5"]
        await bench.stonith.close()

    asyncio.run(run())


@pytest.mark.parametrize("meanwhile", ["nothing", "it is heard again", "too long ago", "another leads"])
def test_a_statement_decides_only_what_is_true_when_the_proof_is_there(bench: Bench, meanwhile: str) -> None:
    """INV-9: what others said belongs to that moment."""
    bench.statements["mds3"] = HAD_MET

    async def run() -> None:
        bench.lose("mds2")
        bench.replica.hold = FenceProof
        await bench.passes(3_000)
        assert len(bench.replica.held) == 1, "vacuous: nothing was decided"
        bench.statements.clear()
        if meanwhile == "it is heard again":
            bench.find("mds2")
        elif meanwhile == "another leads":
            bench.replica.role = FOLLOWER
        await bench.passes(witnesses.EVIDENCE_MS if meanwhile == "too long ago" else PERIOD_MS)
        bench.replica.release()
        await asyncio.sleep(0.01)
        assert bench.state().watch is not None
        assert set(bench.state().intents) == ({"mds2"} if meanwhile == "nothing" else set())

    asyncio.run(run())


def test_another_leader_during_the_answers_ends_it(bench: Bench) -> None:
    """INV-9."""

    async def overtaken(node: str) -> Statement | None:
        bench.replica.role = FOLLOWER
        return HAD_MET

    bench.answer_voter = overtaken

    async def run() -> None:
        bench.lose("mds2")
        await bench.passes(4_000)

    asyncio.run(run())
    assert bench.voters_asked == ["mds3"]
    assert bench.replica.of(FenceProof) == []
