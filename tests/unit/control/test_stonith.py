"""One node's part in fencing, where a moment decides: proposals that take their time, and what is true afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from fencing.agents import Answer, Result
from fencing.device import Device
from mdscluster.config import Fencing
from mdscluster.control import stonith
from mdscluster.control.filed import Filed
from mdscluster.control.stonith import Stonith
from mdscluster.fsm.commands import FenceClaim, FenceOutcome, FenceProof, Maintenance, NodePresence, pack_internal
from mdscluster.replica import FOLLOWER
from mdsproto.configfile import save
from tests.unit.config.test_node_config import config
from tests.unit.control.bench import PERIOD_MS, Bench

SUSPECT_MS = Fencing().suspect_ms


def test_a_node_says_once_that_it_is_there(bench: Bench) -> None:
    asyncio.run(bench.passes(5_000))
    assert bench.replica.of(NodePresence) == [NodePresence("mds1", 1)]


def test_it_looks_at_the_moment_in_which_a_node_is_suspected(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not at the next of its periods: INV-9 has seconds for a fence, and agents need most of them."""
    monkeypatch.setattr(stonith, "PERIOD_S", 30.0)

    async def run() -> bool:
        looked = asyncio.Event()

        async def look() -> None:
            looked.set()

        with monkeypatch.context() as patched:
            patched.setattr(bench.stonith, "turn", look)
            task = asyncio.create_task(bench.stonith.run())
            try:
                await asyncio.wait_for(looked.wait(), 0.6)
            except TimeoutError:
                pass
            task.cancel()
        return looked.is_set()

    async def course() -> None:
        await bench.passes(5_000)
        assert not await run(), "nobody is missing"
        bench.lose("mds2")
        await bench.passes(SUSPECT_MS)
        assert await run(), "a period before it is"
        await bench.passes(PERIOD_MS)
        assert bench.replica.of(FenceProof)
        assert not await run(), "it is suspected already"

    asyncio.run(course())


def test_without_devices_it_does_nothing(bench: Bench) -> None:
    idle = Stonith(
        "mds1", 1, Fencing(), bench.replica, bench.replica.machine.tables, lambda: 0, lambda: True, bench.ask_voter,
        bench.ask,
    )  # fmt: skip
    assert not idle.enabled

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(idle.run(), 0.6)
        await idle.leave()

    asyncio.run(run())
    assert bench.replica.proposed == []


def test_devices_of_a_server_that_is_to_be_added_are_taken_up_without_a_restart(bench: Bench, tmp_path: Path) -> None:
    """INV-9: a cluster that grows could not fence its new servers until each old one was restarted. The first device of
    all is taken up, too."""
    file = tmp_path / "mds1.toml"
    before = config(tmp_path, fencing=Fencing())
    devices = tuple(Device(f"bmc-{n}", f"mds{n}", "fence_ipmilan", (f"ip=198.51.100.{n}",)) for n in (1, 2, 3, 4))
    save(before, file)
    filed = Filed(before, file)
    stonith = Stonith(
        "mds1", 1, before.fencing, bench.replica, bench.replica.machine.tables, lambda: 0, lambda: True,
        bench.ask_voter, bench.ask, lambda: filed.now().fencing.devices,
    )  # fmt: skip

    async def run() -> None:
        running = asyncio.create_task(stonith.run())
        await asyncio.sleep(0.6)
        assert bench.replica.proposed == []
        for known in (devices[:3], devices):
            save(replace(before, fencing=Fencing(devices=known)), file)
            await asyncio.sleep(0.6)
            assert stonith.devices == {device.node: [device.name] for device in known}
            assert bench.replica.of(NodePresence) == [NodePresence("mds1", 1)]
        file.write_text("node_id = ")
        await asyncio.sleep(0.6)
        assert [*stonith.devices] == ["mds1", "mds2", "mds3", "mds4"], "what was known stays"
        asked = await stonith.test("mds4")
        assert [device.name for device, _ in asked] == ["bmc-4"]
        running.cancel()
        await stonith.close()

    asyncio.run(run())


def test_it_fences_and_restores(bench: Bench) -> None:
    """INV-9: the whole course, by one node."""

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        await bench.passes(4_000)
        await asyncio.sleep(0.5)
        await bench.passes(1_000)
        await bench.stonith.idle()

    asyncio.run(run())
    assert bench.asked == [("mds2", "off"), ("mds2", "status"), ("mds2", "on"), ("mds2", "status")]
    assert [event.kind for event in bench.state().history] == ["intent", "fenced", "powered on"]
    assert bench.state().nodes["mds2"].down, "until it says that it is there"


@pytest.mark.parametrize("stays", [True, False])
def test_one_that_speaks_after_its_power_was_cut_is_not_fenced(bench: Bench, stays: bool) -> None:
    """INV-9: its device takes the command, and says "off" when asked. No pass has seen it speak yet, and its connection
    may have ended again."""

    def speak(action: str) -> None:
        if action == "status":
            bench.find("mds2")
            if not stays:
                bench.lose("mds2")

    bench.on_ask = speak

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        await bench.passes(SUSPECT_MS + 2 * PERIOD_MS)
        await bench.stonith.idle()

    asyncio.run(run())
    assert bench.asked == [("mds2", "off"), ("mds2", "status")]
    assert [event.kind for event in bench.state().history] == ["intent", "failed"]
    assert "says that the power is off, and mds2 is heard" in bench.state().intents["mds2"].failure


@pytest.mark.parametrize(("reads_back_s", "waits"), [(0.0, True), (stonith.PROOF_S, False)])
def test_its_silence_counts_from_when_the_command_was_taken(bench: Bench, reads_back_s: float, waits: bool) -> None:
    """INV-9: within 5 s; while its power is read back it has time enough to show that it lives."""
    answered_s = 0.0

    async def ask(device: Device, action: str, timeout_ms: int | None = None) -> Answer:
        nonlocal answered_s
        answer = await bench.ask(device, action, timeout_ms)
        if (action, bench.power) == ("status", Result.OFF):
            await asyncio.sleep(reads_back_s)
            answered_s = asyncio.get_running_loop().time()
        return answer

    async def run() -> float:
        bench.stonith._ask = ask
        await bench.passes(4_000)
        bench.lose("mds2")
        await bench.passes(SUSPECT_MS + 2 * PERIOD_MS)
        await bench.stonith.idle()
        return asyncio.get_running_loop().time() - answered_s

    waited_s = asyncio.run(run())
    assert [event.kind for event in bench.state().history] == ["intent", "fenced"]
    assert (waited_s >= stonith.PROOF_S - 0.01) is waits, waited_s


@pytest.mark.parametrize("meanwhile", ["it is heard again", "another leads", "another term"])
def test_a_proof_that_takes_its_time_decides_only_what_is_still_true(bench: Bench, meanwhile: str) -> None:
    """INV-9: this leader is cut off as it proposes; the proof is committed when it is back, and nothing else."""

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        bench.replica.hold = FenceProof
        await bench.passes(4_000)
        assert bench.replica.held, "vacuous: nothing was decided"
        if meanwhile == "it is heard again":
            bench.find("mds2")
        elif meanwhile == "another leads":
            bench.replica.role = FOLLOWER
        else:
            bench.replica.term += 1
        await bench.passes(PERIOD_MS)
        bench.replica.release()
        await asyncio.sleep(0.01)
        assert bench.state().watch is not None
        assert bench.state().intents == {}

    asyncio.run(run())


def test_power_is_not_cut_of_one_that_is_heard_when_the_claim_is_in_force(bench: Bench) -> None:
    """INV-9: the claim took its time, and the link is back."""

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        bench.replica.hold = FenceClaim
        await bench.passes(4_000)
        assert bench.replica.held, "vacuous: nobody wanted to"
        bench.find("mds2")
        await bench.passes(PERIOD_MS)
        bench.replica.release()
        await asyncio.sleep(0.01)
        assert "mds2 is heard" in bench.state().intents["mds2"].failure
        await bench.passes(4_000)
        await bench.stonith.idle()

    asyncio.run(run())
    assert bench.asked == []
    assert [event.kind for event in bench.state().history] == ["intent", "failed", "withdrawn"]


def test_maintenance_in_the_middle_stops_it(bench: Bench) -> None:
    """INV-9: the device has failed once; the next one is not tried any more."""
    bench.answers["off"] = Answer(Result.FAILED, "refused")
    second = Device("pdu-2", "mds2", "simulated", attempts=1)
    bench.stonith._config = replace(bench.stonith._config, devices=(*bench.stonith._config.devices, second))
    bench.on_ask = lambda action: bench.replica.apply_entry([pack_internal(Maintenance("mds2", True, "ops"))]) and None

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        await bench.passes(30_000)
        await bench.stonith.idle()

    asyncio.run(run())
    assert bench.asked == [("mds2", "off")]
    outcomes = bench.replica.of(FenceOutcome)
    assert len(outcomes) == 1
    assert not outcomes[0].done  # type: ignore[union-attr]


def test_a_node_that_leaves_begins_nothing_and_says_so(bench: Bench) -> None:
    async def run() -> None:
        await bench.passes(4_000)
        await bench.stonith.close()
        await bench.stonith.leave()
        bench.lose("mds2")
        await bench.passes(1_000)

    asyncio.run(run())
    assert bench.replica.of(NodePresence)[-1] == NodePresence("mds1", 1, here=False)
    assert not bench.state().nodes["mds1"].armed
    assert bench.asked == []


def test_the_operators_test_switches_nothing(bench: Bench) -> None:
    looked = asyncio.run(bench.stonith.test("mds2"))
    assert [(device.name, answer.result) for device, answer in looked] == [("bmc-2", Result.ON)]
    assert bench.asked == [("mds2", "status")]
