"""One node's fencing with all that it works on at a test's command: the log, the others, their power, the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from fencing.agents import Answer, Result
from fencing.device import Device
from fencing.state import State
from fencing.suspicion import Statement
from mdscluster.config import Fencing
from mdscluster.control.stonith import Stonith
from mdscluster.fsm import fencing_state
from mdscluster.fsm.commands import Internal, NodePresence, RaiseFeatures, pack_internal, unpack_internal
from mdscluster.fsm.machine import StateMachine
from mdscluster.raft.environment import open_environment
from mdscluster.raft.solo import SoloReplica
from mdscluster.replica import LEADER, MemberStatus, PeerStatus, ReplicaStatus

NODES = ("mds1", "mds2", "mds3")
PERIOD_MS = 250


class Held(SoloReplica):
    """A log whose answers to some commands wait until the test lets them go; and a status that the test sets."""

    def __init__(self, path: Path) -> None:
        super().__init__(open_environment(path, map_bytes=64 << 20), StateMachine)
        self.nodes = NODES
        self.hold: type | None = None
        self.held: list[tuple[bytes, Callable[[bytes | None], None]]] = []
        self.proposed: list[Internal] = []
        self.seen = dict.fromkeys(("mds2", "mds3"), PeerStatus(True, 1, 0, 40))
        self.role, self.term = LEADER, 3

    def propose(self, payload: bytes, done: Callable[[bytes | None], None]) -> None:
        command = unpack_internal(payload)
        self.proposed.append(command)
        if self.hold is not None and isinstance(command, self.hold):
            self.held.append((payload, done))
        else:
            super().propose(payload, done)

    def release(self) -> None:
        self.hold = None
        held, self.held = self.held, []
        for payload, done in held:
            super().propose(payload, done)

    def expire(self) -> None:
        """Whoever waits is told that there was no outcome in time; the commands stay in line."""
        for _, done in self.held:
            done(None)
        self.held = [(payload, lambda result: None) for payload, _ in self.held]

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
            for node, seen in self.replica.seen.items():
                if not seen.connected:
                    self.replica.seen[node] = replace(seen, silent_ms=seen.silent_ms + PERIOD_MS)
            for _ in range(20):
                await asyncio.sleep(0)

    def state(self) -> State:
        with self.replica.env.begin() as txn:
            return fencing_state.load(txn, self.replica.machine.tables)

    def lose(self, node: str) -> None:
        self.replica.seen[node] = PeerStatus(False, 1, 0, 40)

    def find(self, node: str) -> None:
        self.replica.seen[node] = PeerStatus(True, 1, 0, 40)
