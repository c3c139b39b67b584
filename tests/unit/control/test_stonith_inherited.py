"""What was decided before a process was there, and is applied here only afterwards (INV-9)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mdscluster.fsm.commands import FenceClaim, FenceIntent, FenceProof, NodePresence, pack_internal
from mdscluster.replica import FOLLOWER, ReplicaStatus
from tests.unit.control.bench import NODES, PERIOD_MS, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.replica.role = FOLLOWER
    yield made
    made.replica.env.close()


def decide(bench: Bench) -> None:
    """mds3 leads, and has had mds2 fenced: as the log has it, now."""
    bench.replica.apply_entry([pack_internal(FenceProof("mds3", 3))])
    watch = bench.state().watch
    assert watch is not None
    intent = FenceIntent("mds2", watch.ticket, "not heard", list(NODES), 3, 6, True)
    bench.replica.apply_entry([pack_internal(intent)])
    assert "mds2" in bench.state().intents


def test_what_is_applied_together_with_its_own_word_was_decided_before_it(bench: Bench) -> None:
    """INV-9: it boots, and lacks the intent; it says that it is there before anybody leads. Then both come at once."""

    async def run() -> None:
        bench.lose("mds2")
        bench.replica.hold = NodePresence
        await bench.passes(500)
        assert bench.replica.held, "vacuous: it has not said yet that it is there"
        decide(bench)
        bench.replica.release()
        await bench.passes(10_000)
        assert bench.state().nodes["mds1"].process == 1, "vacuous: it could claim nothing"

    asyncio.run(run())
    assert "mds2" in bench.state().intents
    assert bench.replica.of(FenceClaim) == []


@pytest.mark.parametrize("decided", ["while it was cut off", "afterwards"])
def test_what_a_node_had_missed_while_it_was_cut_off_comes_after_it_reaches_a_majority(
    bench: Bench, decided: str
) -> None:
    """INV-9: as after a loss of power that it survived: others boot, one of them leads, and the log comes last. What is
    decided once a barrier has shown it all is as good as ever."""
    status, waiting, reaches = bench.replica.status, list[Callable[[bool], None]](), True

    def seen(done: Callable[[ReplicaStatus], None]) -> None:
        status(lambda found: done(replace(found, reaches_majority=reaches, has_quorum=reaches)))

    async def run() -> None:
        nonlocal reaches
        await bench.passes(4_000)
        bench.replica.status = seen  # type: ignore[method-assign]
        bench.replica.barrier = waiting.append  # type: ignore[method-assign]
        reaches = False
        for node in ("mds2", "mds3"):
            bench.lose(node)
        await bench.passes(3_000)
        reaches = True
        bench.find("mds3")
        await bench.passes(500)
        waiting.pop()(False)  # the leader that was to confirm it is gone
        await bench.passes(500)
        if decided == "while it was cut off":
            decide(bench)
        await bench.passes(500)
        waiting.pop()(True)
        await bench.passes(PERIOD_MS)
        if decided == "afterwards":
            decide(bench)
        await bench.passes(10_000)
        assert "mds2" in bench.state().intents
        await bench.stonith.close()

    asyncio.run(run())
    assert len(bench.replica.of(FenceClaim)) == (decided == "afterwards")
