"""The whole cluster with power devices: nodes whose machines can be switched off, and watched executors (INV-9)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from fencing.agents import Answer, Result
from fencing.device import Device
from fencing.state import PHASE_OFF, State
from mdscluster.config import Fencing, NodeConfig
from mdscluster.fsm import features, fencing_state
from mdscluster.fsm.commands import Internal, RaiseFeatures, pack_internal
from mdscluster.raft.local import Token
from tests.simulation.whole.front_end import WholeNode
from tests.simulation.whole.simulation import WholeSimulation

FOREVER_MS: Final = 1e9
BOOT_MS: Final = 3_000.0
HONEST, IDLE, LIAR, HANGS, REFUSES = "honest", "idle", "liar", "hangs", "refuses"


class Switched(NamedTuple):
    """A device has done something."""

    at_ms: float
    node: str
    action: str
    by: str


class PoweredSimulation(WholeSimulation):
    """Every node has a device, ``bmc-NODE``. What it does is judged by what the log has decided."""

    def __init__(
        self, directory: Path, seed: int, size: int = 3, *, fencing: Fencing | None = None, **options: Any
    ) -> None:
        devices = tuple(self._device(f"n{number + 1}") for number in range(size))
        self.fencing = replace(fencing or Fencing(), devices=devices)
        super().__init__(directory, seed, size, **options)
        self.ping_ms = float(self.config("n1", directory).ping_ms)  # suspicion rests on it
        self.has_power = dict.fromkeys(self.ids, True)
        self.manner = dict.fromkeys(self.ids, HONEST)
        self.unreachable: set[tuple[str, str]] = set()
        """(node, whose device it does not reach)."""
        self.takes_ms = 150.0
        self.switched: list[Switched] = []
        self.asked: list[Switched] = []

    @staticmethod
    def _device(node_id: str) -> Device:
        return Device(f"bmc-{node_id}", node_id, "simulated", timeout_ms=4_000, attempts=1)

    def node_config(self, node: WholeNode) -> NodeConfig:
        return replace(super().node_config(node), fencing=self.fencing)

    def set_up(self) -> None:
        """And everybody's release knows fencing, and everybody has said that it is there."""
        super().set_up()
        self.propose(RaiseFeatures(features.SUPPORTED))

        def all_known() -> bool:
            return set(self.committed_state().nodes) == set(self.ids)

        self.wait_for(all_known, 5_000, lambda: "not every node has said that it is there")
        self.run_for(self.fencing.suspect_ms + 1_000)  # and everybody has been seen well

    # The log.

    def propose(self, command: Internal, node_id: str = "") -> None:
        """As some front end would."""
        node = self.nodes[node_id or next(node.id for node in self.nodes.values() if node.up)]
        node.engine.propose(Token(self.workload, id(command)), pack_internal(command), node.now_ms)
        self.wake(node.id)

    def committed_state(self) -> State:
        """As applied where most is applied."""
        node = max((node for node in self.nodes.values() if node.up), key=lambda node: node.engine.applied)
        with node.env.begin() as txn:
            return fencing_state.load(txn, node.machine.tables)

    def kinds(self, node_id: str) -> list[str]:
        """The history of a node."""
        return [event.kind for event in self.committed_state().history if event.node == node_id]

    # Power.

    def begin(self, node_id: str, **changes: object) -> None:
        if self.has_power[node_id]:
            super().begin(node_id, **changes)

    def end(self, node_id: str, back_ms: float, *, power: bool = False, undo: bool = False) -> None:
        super().end(node_id, back_ms, power=power, undo=undo)

    def _switch(self, node_id: str, action: str, by: str) -> None:
        self.switched.append(Switched(self.now_ms, node_id, action, by))
        self.note(node_id, f"power {action}, by {by}")
        if action == "off":
            self.has_power[node_id] = False
            self.end(node_id, FOREVER_MS, power=True)
            off = [node for node, on in self.has_power.items() if not on]
            if len(off) > (len(self.ids) - 1) // 2:
                self.violated(f"INV-9: more than a minority was switched off: {off}")
        elif not self.has_power[node_id]:
            self.has_power[node_id] = True
            self.at(BOOT_MS, self.begin, node_id)

    async def ask_device(self, node_id: str, device: Device, action: str, timeout_ms: int | None) -> Answer:
        target, manner = device.node, self.manner[device.node]
        began_ms = self.now_ms
        limit_ms = min(device.timeout_ms, device.timeout_ms if timeout_ms is None else timeout_ms)
        self.asked.append(Switched(began_ms, target, action, node_id))
        if action == "off":
            self._judge(node_id, target)
        if (node_id, target) in self.unreachable or manner == HANGS:
            await asyncio.sleep(limit_ms / 1000)
            return Answer(Result.TIMED_OUT, "no answer")
        await asyncio.sleep(self.takes_ms / 1000)
        if self.now_ms - began_ms > limit_ms:
            return Answer(Result.TIMED_OUT, "no answer")  # it stood still: the guard has ended the agent
        if manner == REFUSES:
            return Answer(Result.FAILED, "password refused")
        if action == "status":
            off = not self.has_power[target] or (manner == LIAR and self._was_told_off(target))
            return Answer(Result.OFF if off else Result.ON, "")
        if manner == HONEST or action == "on":
            self._switch(target, action, node_id)
        return Answer(Result.DONE, "")

    def _was_told_off(self, target: str) -> bool:
        return any(asked.node == target and asked.action == "off" for asked in self.asked)

    def _judge(self, executor: str, target: str) -> None:
        """Power is cut only for a committed decision, by the one that the log has chosen for it."""
        intent = self.committed_state().intents.get(target)
        if intent is None or intent.phase != PHASE_OFF:
            self.violated(f"INV-9: {executor} cuts the power of {target}, which nothing in the log says")
        elif intent.claim is None or intent.claim.executor != executor:
            self.violated(f"INV-9: {executor} cuts the power of {target}, and has no claim to")
        elif executor == target:
            self.violated(f"INV-9: {executor} cuts its own power")
