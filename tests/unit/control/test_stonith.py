"""One node's part in fencing, where a moment decides: proposals that take their time, and what is true afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from fencing.agents import Answer, Result
from fencing.device import Device
from fencing.state import State
from fencing.suspicion import Statement
from mdscluster.config import Fencing
from mdscluster.control import witnesses
from mdscluster.control.filed import Filed
from mdscluster.control.stonith import Stonith
from mdscluster.control.stonith_service import FencingService
from mdscluster.fsm import fencing_state
from mdscluster.fsm.commands import (
    FenceClaim,
    FenceOutcome,
    FenceProof,
    Internal,
    Maintenance,
    NodePresence,
    RaiseFeatures,
    pack_internal,
    unpack_internal,
)
from mdscluster.fsm.machine import StateMachine
from mdscluster.raft.environment import open_environment
from mdscluster.raft.solo import SoloReplica
from mdscluster.replica import FOLLOWER, LEADER, MemberStatus, PeerStatus, ReplicaStatus
from mdsproto import credentials, fencing_pb2
from mdsproto.configfile import save
from tests.unit.config.test_node_config import config

NODES = ("mds1", "mds2", "mds3")
PERIOD_MS = 250


class Held(SoloReplica):
    """A log whose answers to some commands wait until the test lets them go; and a status that the test sets."""

    def __init__(self, path: Path) -> None:
        super().__init__(open_environment(path, map_bytes=64 << 20), StateMachine)
        self.nodes = NODES
        self.hold: type | None = None
        self.held: list[Callable[[], None]] = []
        self.proposed: list[Internal] = []
        self.seen = dict.fromkeys(("mds2", "mds3"), PeerStatus(True, 1, 0, 40))
        self.role, self.term = LEADER, 3

    def propose(self, payload: bytes, done: Callable[[bytes | None], None]) -> None:
        command = unpack_internal(payload)
        self.proposed.append(command)
        if self.hold is not None and isinstance(command, self.hold):
            self.held.append(lambda: SoloReplica.propose(self, payload, done))
        else:
            super().propose(payload, done)

    def release(self) -> None:
        self.hold = None
        for go in self.held:
            go()
        self.held.clear()

    def status(self, done: Callable[[ReplicaStatus], None]) -> None:
        members = [MemberStatus(node, number, True, "", "", "") for number, node in enumerate(self.nodes)]
        members.append(MemberStatus("learner", 9, False, "", "", ""))
        leader = "mds1" if self.role == LEADER else "mds3"
        done(
            ReplicaStatus("mds1", self.role, self.term, leader, 9, 9, 9, 1, True, self.seen, members=members)
        )  # fmt: skip

    def of(self, kind: type) -> list[Internal]:
        return [command for command in self.proposed if isinstance(command, kind)]


class Bench:
    """mds1, and all the others as it sees them."""

    def __init__(self, path: Path) -> None:
        self.replica = Held(path)
        for command in (RaiseFeatures(5), NodePresence("mds2", 2), NodePresence("mds3", 3)):
            self.replica.apply_entry([pack_internal(command)])
        self.now_ms = 10_000
        self.asked: list[tuple[str, str]] = []
        self.answers = {"off": Answer(Result.DONE, ""), "on": Answer(Result.DONE, "")}
        self.power = Result.ON
        self.on_ask: Callable[[str], None] = lambda action: None
        self.voters_asked: list[str] = []
        self.statements: dict[str, Statement] = {}
        self.answer_voter: Callable[[str], Awaitable[Statement | None]] = self.say
        config = Fencing(devices=(Device("bmc-2", "mds2", "simulated", attempts=1),))
        self.stonith = Stonith(
            "mds1", 1, config, self.replica, self.replica.machine.tables, lambda: self.now_ms, lambda: True,
            self.ask_voter, self.ask,
        )  # fmt: skip

    async def ask_voter(self, member: MemberStatus) -> Statement | None:
        self.voters_asked.append(member.id)
        return await self.answer_voter(member.id)

    async def say(self, node: str) -> Statement | None:
        return self.statements.get(node)

    async def ask(self, device: Device, action: str, timeout_ms: int | None = None) -> Answer:
        self.asked.append((device.node, action))
        self.on_ask(action)
        if action in ("on", "off"):
            self.power = Result.OFF if action == "off" else Result.ON
            return self.answers[action]
        return Answer(self.power, "")

    async def passes(self, for_ms: int) -> None:
        for _ in range(for_ms // PERIOD_MS):
            self.now_ms += PERIOD_MS
            self.replica.advance(PERIOD_MS)
            await self.stonith.turn()
            for _ in range(20):
                await asyncio.sleep(0)

    def state(self) -> State:
        with self.replica.env.begin() as txn:
            return fencing_state.load(txn, self.replica.machine.tables)

    def lose(self, node: str) -> None:
        self.replica.seen[node] = PeerStatus(False, 1, 0, 5_000)

    def find(self, node: str) -> None:
        self.replica.seen[node] = PeerStatus(True, 1, 0, 40)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.replica.env.close()


def test_a_node_says_once_that_it_is_there(bench: Bench) -> None:
    asyncio.run(bench.passes(5_000))
    assert bench.replica.of(NodePresence) == [NodePresence("mds1", 1)]


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


# ---------------------------------------------------------------------- one that this process has not met
HAD_MET = Statement({"mds2": 2_900}, {"mds1"})


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

    async def never(node: str) -> Statement | None:
        await asyncio.Event().wait()
        return HAD_MET

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

    async def never(node: str) -> Statement | None:
        await asyncio.Event().wait()
        return None

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


class Caller:
    """A gRPC call's context."""

    def __init__(self, role: str) -> None:
        self.role = role

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_subject_alternative_name": [b"anna", credentials.role_name(self.role).encode()]}

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise PermissionError(details)


def ask_service(call: Callable[..., object], request: object, role: str = credentials.ROLE_ADMIN) -> Any:
    context: Any = Caller(role)
    return asyncio.run(call(request, context))  # type: ignore[arg-type]


def test_an_operator_sees_and_says_what_there_is(bench: Bench) -> None:
    service = FencingService(bench.stonith)
    refused = ask_service(service.Confirm, fencing_pb2.ConfirmRequest(node_id="mds2"))
    assert (refused.code, "nothing to confirm" in refused.text) == ("refused", True)
    bench.replica.apply_entry([pack_internal(Maintenance("mds2", True, "anna"))])

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        await bench.passes(4_000)

    asyncio.run(run())
    shown = ask_service(service.List, fencing_pb2.ListRequest(), credentials.ROLE_MDS)
    assert shown.enabled
    assert [(server.node_id, server.armed, list(server.devices)) for server in shown.servers] == [
        ("mds1", True, []), ("mds2", True, ["bmc-2"]), ("mds3", True, []),
    ]  # fmt: skip
    assert dict(shown.maintenance) == {"mds2": "anna"}
    assert dict(shown.held) == {"mds2": "maintenance is on (by anna)"}
    assert [(event.kind, event.text) for event in shown.history] == [("maintenance", "on, by anna")]
    looked = ask_service(service.Test, fencing_pb2.TestRequest(node_id="mds2"))
    assert [(device.name, device.power) for device in looked.devices] == [("bmc-2", "on")]


def test_other_servers_are_told_whom_this_one_misses(bench: Bench) -> None:
    """INV-9: by what it has seen itself, since its own start."""
    service = FencingService(bench.stonith)

    async def run() -> None:
        await bench.passes(4_000)
        bench.lose("mds2")
        await bench.passes(2_500)

    asyncio.run(run())
    said = ask_service(service.Missed, fencing_pb2.MissedRequest(), credentials.ROLE_MDS)
    assert (dict(said.missed_ms), list(said.heard)) == ({"mds2": 2_250}, ["mds3"])
    bench.now_ms += 5_000
    said = ask_service(service.Missed, fencing_pb2.MissedRequest())
    assert (dict(said.missed_ms), list(said.heard)) == ({}, []), "it stood still"


def test_only_an_operator_says_anything(bench: Bench) -> None:
    service = FencingService(bench.stonith)
    for call, request in (
        (service.Confirm, fencing_pb2.ConfirmRequest(node_id="mds2")),
        (service.Test, fencing_pb2.TestRequest(node_id="mds2")),
        (service.List, fencing_pb2.ListRequest()),
        (service.Missed, fencing_pb2.MissedRequest()),
    ):
        with pytest.raises(PermissionError, match="has not the role"):
            ask_service(call, request, credentials.ROLE_DS)
    assert bench.state().paused == {}
