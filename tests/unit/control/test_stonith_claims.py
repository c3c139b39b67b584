"""Claims that come after their time: nobody carries them out, and nobody else may until they are given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fencing.agents import Answer, Result
from fencing.state import PHASE_ON
from mdscluster.control.stonith import AGAIN_MS
from mdscluster.fsm.commands import FenceClaim, FenceIntent, FenceOutcome, FenceProof, NodePresence, pack_internal
from tests.unit.control.bench import NODES, PERIOD_MS, Bench


async def claim_in_vain(bench: Bench, because: str) -> None:
    """mds1 is to carry out what is decided against mds2, and hears nothing of its claim, which is in force then."""
    if because == "nothing confirms it":
        bench.replica.barrier = lambda done: done(False)  # type: ignore[method-assign]
        while not bench.replica.of(FenceClaim):
            await bench.passes(PERIOD_MS)
        del bench.replica.barrier
    else:
        bench.replica.hold = FenceClaim
        while not bench.replica.held:
            await bench.passes(PERIOD_MS)
        bench.replica.expire()
        bench.replica.release()
    claim = bench.state().intents["mds2"].claim
    assert claim is not None, "vacuous: it is not in force"
    assert claim.executor == "mds1"


@pytest.mark.parametrize("because", ["it comes after its time", "nothing confirms it"])
def test_a_claim_that_nobody_carries_out_is_given_back(bench: Bench, because: str) -> None:
    """INV-9: at once, or the server would not be fenced for as long as its devices may take, by whomever."""

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        await claim_in_vain(bench, because)
        await bench.passes(2 * AGAIN_MS)
        intent = bench.state().intents["mds2"]
        assert (intent.claim, intent.attempts) == (None, 1)
        assert bench.asked == []
        await bench.passes(4_000)
        await bench.stonith.idle()

    asyncio.run(run())
    assert bench.asked[:2] == [("mds2", "off"), ("mds2", "status")]
    assert [event.kind for event in bench.state().history][:3] == ["intent", "failed", "fenced"]
    assert len(bench.replica.of(FenceOutcome)) == 2, "it was given back again and again"


def test_a_server_that_is_well_again_is_not_kept_off_by_a_claim_that_nobody_carries_out(bench: Bench) -> None:
    """INV-9: until it ended, its leader could not take the decision back."""

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        await claim_in_vain(bench, "it comes after its time")
        bench.find("mds2")
        await bench.passes(4_000)

    asyncio.run(run())
    assert bench.state().intents == {}
    assert bench.state().nodes["mds2"].armed
    assert bench.asked == []


def test_a_claim_under_which_a_device_was_asked_is_left_to_its_time(bench: Bench) -> None:
    """INV-9: what came of it is not in the log yet, and "not done" would be no true word."""

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        bench.replica.hold = FenceOutcome
        while not bench.replica.of(FenceClaim):
            await bench.passes(PERIOD_MS)
        until_ms = bench.now_ms + bench.replica.of(FenceClaim)[0].lasts_ms  # type: ignore[union-attr]
        while not bench.replica.held:
            await bench.passes(PERIOD_MS)
            await asyncio.sleep(0.01)
        claim = bench.state().intents["mds2"].claim
        assert claim is not None
        execution = bench.stonith._executions["mds2"]
        await bench.passes(until_ms - bench.now_ms - 3_000)
        bench.replica.expire()
        await bench.passes(PERIOD_MS)
        assert execution.done(), "vacuous: it is still at it"
        assert bench.state().intents["mds2"].claim == claim
        told = len(bench.replica.of(FenceOutcome))
        await bench.passes(2 * AGAIN_MS)
        assert len(bench.replica.of(FenceOutcome)) == told
        bench.replica.held.clear()
        await bench.stonith.close()

    asyncio.run(run())
    assert bench.asked == [("mds2", "off"), ("mds2", "status")]


def test_a_claim_that_is_just_being_taken_up_is_not_given_back(bench: Bench) -> None:
    """INV-9: or two servers would be at it."""
    waiting: list[Callable[[bool], None]] = []

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        bench.replica.barrier = waiting.append  # type: ignore[method-assign]
        while not waiting:
            await bench.passes(PERIOD_MS)
        await bench.passes(5 * AGAIN_MS)
        assert bench.replica.of(FenceOutcome) == []
        waiting.pop()(True)
        del bench.replica.barrier
        await bench.passes(PERIOD_MS)
        await bench.stonith.idle()

    asyncio.run(run())
    assert [event.kind for event in bench.state().history] == ["intent", "fenced"]


def test_a_claim_of_an_earlier_process_is_left_to_its_time(bench: Bench) -> None:
    """INV-9: nobody knows what that had begun."""
    for command in (NodePresence("mds1", 7), FenceProof("mds3", 3)):
        bench.replica.apply_entry([pack_internal(command)])
    watch = bench.state().watch
    assert watch is not None
    bench.replica.apply_entry(
        [pack_internal(FenceIntent("mds2", watch.ticket, "not heard", list(NODES), 3, 6, True))]
    )  # fmt: skip
    bench.replica.apply_entry(
        [pack_internal(FenceClaim("mds2", bench.state().intents["mds2"].number, "mds1", 7, 60_000))]
    )  # fmt: skip

    async def run() -> None:
        bench.lose("mds2")
        bench.replica.hold = NodePresence
        await bench.passes(4_000)
        assert bench.state().intents["mds2"].claim is not None
        await bench.stonith.close()

    asyncio.run(run())
    assert bench.replica.of(FenceOutcome) == []


def test_the_last_attempt_to_power_on_is_not_used_up_by_a_claim_that_nobody_carries_out(bench: Bench) -> None:
    """INV-9: its power would stay off, and nobody would have tried; after the claim's time somebody does."""
    bench.answers["on"] = Answer(Result.FAILED, "refused")

    def attempts_on() -> int:
        intent = bench.state().intents["mds2"]
        return intent.attempts if intent.phase == PHASE_ON and intent.claim is None else 0

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        while "mds2" not in bench.state().intents or attempts_on() < 2:
            await bench.passes(PERIOD_MS)
            await asyncio.sleep(0.01)
        await bench.stonith.idle()
        await claim_in_vain(bench, "it comes after its time")
        await bench.passes(10_000)
        assert "mds2" in bench.state().intents
        bench.answers["on"] = Answer(Result.DONE, "")
        await bench.passes(60_000)
        await bench.stonith.idle()

    asyncio.run(run())
    assert [event.kind for event in bench.state().history][-1] == "powered on"


def test_a_claim_that_comes_when_another_server_has_cut_the_power_cuts_nothing(bench: Bench) -> None:
    """INV-9: it was made to cut the power, and counts for bringing it back now: "off" would pass for "powered on"."""

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        bench.replica.hold = FenceClaim
        while not bench.replica.held:
            await bench.passes(PERIOD_MS)
        number = bench.state().intents["mds2"].number
        claim = FenceClaim("mds2", number, "mds3", 3, 60_000)
        fenced = FenceOutcome("mds2", number, "mds3", 3, 1, True, "bmc-2")
        bench.replica.apply_entry([pack_internal(claim), pack_internal(fenced)])
        assert bench.state().intents["mds2"].phase == PHASE_ON
        bench.replica.release()
        await bench.passes(8_000)
        await bench.stonith.idle()

    asyncio.run(run())
    assert bench.asked == [("mds2", "on"), ("mds2", "status")]
    assert [event.kind for event in bench.state().history] == ["intent", "fenced", "failed", "powered on"]
