"""Fencing of metadata servers (STONITH): the leader's decisions and the executors' work (docs/adr/0021).

Not to be confused with :mod:`mdscluster.control.fencing`, which keeps clients from data servers. One pass runs four
times a second on every node, and when the log tells something new. Nothing of it lies on a client's way: it commits a
few commands when nodes come and go, and agents are processes of their own, which this one only waits for.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from fencing import agents, policy, procedure
from fencing.agents import Answer
from fencing.budget import budget_ms
from fencing.policy import Decisions, Observed
from fencing.state import (
    CLAIM_MS_MAX,
    PHASE_OFF,
    PHASE_ON,
    POWER_ON_ATTEMPTS,
    Intent,
    Limits,
    State,
    Verdict,
    holds_claim,
)
from fencing.suspicion import Sighting, Suspicions
from mdscluster import replica_async
from mdscluster.control import witnesses
from mdscluster.fsm import features, fencing_state
from mdscluster.fsm.commands import (
    RESULT_DONE,
    FenceClaim,
    FenceIntent,
    FenceOutcome,
    FenceProof,
    FenceWithdrawal,
    Internal,
    NodePresence,
    pack_internal,
)
from mdscluster.fsm.lease_reports import lease_clock_ms
from mdscluster.leaving import PRESENCE_S
from mdscluster.replica import LEADER

if TYPE_CHECKING:
    from fencing.device import Device
    from fencing.procedure import Ask
    from fencing.suspicion import Statement
    from mdscluster.config import Fencing
    from mdscluster.control.witnesses import AskVoter, Evidence
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica, ReplicaStatus

log = structlog.get_logger()

PERIOD_S: Final = 0.25
CLAIM_MARGIN_MS: Final = 5_000
"""An executor stops so long before its claim ends: clocks differ, and an agent takes a moment to end."""
AGAIN_MS: Final = 1_000
"""After a command was refused, or others had nothing to say."""
PROOF_S: Final = 0.3
"""So long a server must be silent once its device has taken the command, reading back included: pings come ten times a
second."""
UNDER_WAY_S: Final = 0.15
"""What a server said before its power was cut may be heard so much later."""


class _Look(NamedTuple):
    """What a pass sees."""

    status: ReplicaStatus
    state: State
    log_now_ms: int
    """The log's clock, as far as it can be known here."""


def _leads(status: ReplicaStatus) -> bool:
    """With a quorum, and while nobody joins or leaves."""
    return status.role == LEADER and status.has_quorum and status.membership_applied


def _voters(status: ReplicaStatus) -> list[str]:
    return [member.id for member in status.members if member.voter]


class Stonith:
    """One node's part. ``process``: the number of this process, never 0. ``serving``: whether it has a quorum."""

    def __init__(
        self, node_id: str, process: int, config: Fencing, replica: Replica, tables: Tables,
        clock_ms: Callable[[], int], serving: Callable[[], bool], ask_voter: AskVoter, ask: Ask = agents.ask,
        devices_now: Callable[[], tuple[Device, ...]] | None = None,
    ) -> None:  # fmt: skip
        """``devices_now``: what the configuration file names now, where that is another than ``config``'s: the devices
        of a server that is to be added are taken up without a restart."""
        self._node_id = node_id
        self._process = process
        self._config = config
        self._devices_now = devices_now
        self._limits = Limits(config.node_per_hour, config.cluster_per_hour)
        self._replica = replica
        self._tables = tables
        self._clock_ms = clock_ms
        self._serving = serving
        self._ask = ask
        self._ask_voter = ask_voter
        self._suspicions = Suspicions(config.interval_ms, config.suspect_ms)
        self._raw: bytes | None = None
        self._state = State()
        self._log_base = (-1, 0)  # the log's clock when it last moved, and our own then
        self._acting: asyncio.Task[None] | None = None
        self._executions: dict[str, asyncio.Task[None]] = {}
        self._begun: dict[str, tuple[int, str, int]] = {}
        """Server -> under which claim its devices were asked last: intent, phase, attempt."""
        self._inherited_until = 0
        self._catching_up: asyncio.Task[bool] | None = None
        """Its result: whether all that was decided before is applied here. None: not begun."""
        self._confirmed: set[int] = set()
        self._claimable_since: dict[tuple[int, str, int], int] = {}
        self._not_before_ms: dict[str, int] = {}
        self._leaving = False
        self.held: dict[str, str] = {}
        """Servers that this leader misses and does not have fenced -> why."""
        self.outcomes = Counter({"fenced": 0, "not fenced": 0, "powered on": 0, "not powered on": 0})
        """What came of this process's attempts."""
        self.wake = asyncio.Event()

    @property
    def enabled(self) -> bool:
        """Whether there is any device."""
        return bool(self._config.devices)

    @property
    def devices(self) -> dict[str, list[str]]:
        """Server -> the names of its devices here, in order."""
        named: dict[str, list[str]] = {}
        for device in self._config.devices:
            named.setdefault(device.node, []).append(device.name)
        return named

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await asyncio.wait_for(self.wake.wait(), self._pause_s())
            except TimeoutError:
                pass
            self.wake.clear()
            self._take_devices_up()
            if self.enabled:
                await self.turn()

    def _pause_s(self) -> float:
        """Until the next pass: no later than the moment in which a node is suspected, as fences have seconds."""
        due_ms = self._suspicions.next_ms()
        return PERIOD_S if due_ms is None else min(PERIOD_S, due_ms / 1000)

    def _take_devices_up(self) -> None:
        """What is under way goes on with the devices that it began with."""
        devices = self._config.devices if self._devices_now is None else self._devices_now()
        if devices != self._config.devices:
            self._config = replace(self._config, devices=devices)
            log.info("fencing devices are taken up", devices=[device.name for device in devices])

    async def turn(self) -> None:
        """One pass. It never waits for a commit: who observes must not stand still."""
        status = await replica_async.status(self._replica)
        now_ms = self._clock_ms()
        sightings = {peer: Sighting(seen.connected, seen.silent_ms) for peer, seen in status.peers.items()}
        self._suspicions.observe(sightings, now_ms, reaches_majority=status.reaches_majority)
        look = self._look(status, now_ms)
        self._note_what_is_inherited(look.state)
        if self._acting is None or self._acting.done():
            if self._acting is not None:
                self._acting.result()  # a bug: it ends the node
            self._acting = asyncio.create_task(self._act(look))
        self._execute_what_is_due(look, now_ms)

    async def idle(self) -> None:
        """Return when nothing is under way."""
        tasks = [task for task in (self._acting, *self._executions.values()) if task is not None]
        await asyncio.gather(*tasks)

    async def leave(self) -> None:
        """Tell the log that this node stops in good order, after ``close``: its silence is no failure."""
        if self.enabled and self._serving():
            try:
                await asyncio.wait_for(self.propose(NodePresence(self._node_id, self._process, here=False)), PRESENCE_S)
            except TimeoutError:
                log.warning("the cluster could not be told that this node stops: it may fence it")

    async def close(self) -> None:
        """End what is under way, and begin nothing any more: agents must not outlive this process."""
        self._leaving = True
        under_way = self._acting, self._catching_up, *self._executions.values()
        tasks = [task for task in under_way if task is not None and not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def test(self, node_id: str) -> list[tuple[Device, Answer]]:
        """What each device of a server says of its power now; nothing is switched."""
        return await procedure.look(self._config.devices_of(node_id), self._ask)

    def statement(self) -> Statement:
        """Whom this process had met and misses, and whom it hears: for a leader that was started since."""
        return self._suspicions.statement(self._clock_ms())

    def state(self) -> State:
        """As committed here."""
        with self._replica.env.begin() as txn:
            return fencing_state.load(txn, self._tables)

    def at_it(self, intent: Intent) -> str:
        """Who carries an intent out, and may have an agent under way; empty: nobody. By the log's clock as of the last
        entry: a claim counts rather for too long."""
        with self._replica.env.begin() as txn:
            clock_ms = lease_clock_ms(txn, self._tables)
        return intent.claim.executor if intent.claim is not None and clock_ms <= intent.claim.until_ms else ""

    # ------------------------------------------------------------ what there is
    def _look(self, status: ReplicaStatus, now_ms: int) -> _Look:
        with self._replica.env.begin() as txn:
            raw = fencing_state.raw_state(txn, self._tables)
            last = lease_clock_ms(txn, self._tables)
        if raw != self._raw:
            self._raw, self._state = raw, fencing_state.decode_state(raw)
        if last != self._log_base[0]:
            self._log_base = (last, now_ms)
        return _Look(status, self._state, last + now_ms - self._log_base[1])

    async def propose(self, command: Internal) -> Verdict | None:
        """Commit one of fencing's commands. None: no outcome, or the cluster is not at the feature level yet."""
        with self._replica.env.begin() as txn:
            if not features.permitted(command, features.level(txn, self._tables)):
                return None
        result = await replica_async.propose(self._replica, pack_internal(command))
        if result is None or result[:1] != RESULT_DONE:
            return None
        return fencing_state.decode_verdict(result[1:])

    def _is_known(self, state: State) -> bool:
        known = state.nodes.get(self._node_id)
        return known is not None and known.process == self._process

    def _note_what_is_inherited(self, state: State) -> None:
        """What was decided before this process is known, or reaches a majority again, may be applied here after that: a
        node that was away lacks it, and gets it in one turn with its own word that it is there. A barrier shows it all.
        """
        if not self._is_known(state) or self._suspicions.has_forgotten:
            self._confirmed.clear()
            if self._catching_up is not None:
                self._catching_up.cancel()
                self._catching_up = None
        elif self._leaving:
            return
        elif self._catching_up is None or (self._catching_up.done() and not self._catching_up.result()):
            self._catching_up = asyncio.create_task(self._catch_up())
        if self._catching_up is None or not self._catching_up.done():
            self._inherited_until = state.last_number

    async def _catch_up(self) -> bool:
        if not await replica_async.barrier(self._replica):
            return False
        self._inherited_until = self.state().last_number
        return True

    def _inherited(self, state: State) -> set[int]:
        """Intents of before this process had said that it is there, or was without a majority, and by nobody's word
        its own since."""
        numbers = {intent.number for intent in state.intents.values() if intent.number <= self._inherited_until}
        return numbers - self._confirmed

    # ------------------------------------------------------------ deciding
    async def _act(self, look: _Look) -> None:
        await self._say_that_we_are_here(look)
        if _leads(look.status):
            await self._lead(look)
        else:
            self.held = {}

    async def _say_that_we_are_here(self, look: _Look) -> None:
        known, intent = look.state.nodes.get(self._node_id), look.state.intents.get(self._node_id)
        is_known = known is not None and known.process == self._process and known.armed
        under_fire = intent is not None and intent.phase == PHASE_OFF and intent.process == self._process
        if is_known or under_fire or self._leaving or not self._serving() or not self._may("here"):
            return
        self._wait("here")
        if known is not None and known.down and known.process == self._process:
            log.error("this node counts as fenced, and was not: a device of it lies")
        await self.propose(NodePresence(self._node_id, self._process))

    async def _lead(self, look: _Look) -> None:
        decisions, evidence = self._decide(look), None
        # What needs nobody else's word comes first: answers may take a second.
        if decisions.unmet and not (decisions.fence or decisions.withdraw) and self._may("ask"):
            self._wait("ask")
            but = {self._node_id, *self._suspicions.missing()}
            evidence = await witnesses.gather(self._ask_voter, look.status.members, but, self._clock_ms)
            look = self._look(await replica_async.status(self._replica), self._clock_ms())
            if not _leads(look.status):
                return
            decisions = self._decide(look, evidence)
            self._confirmed.update(decisions.confirmed)
        self._tell_held(decisions)
        # Again only after a while, but another server that is lost meanwhile does not wait for that.
        concerned = {f"lead {node}" for node in (*decisions.fence, *(each.intent.node for each in decisions.withdraw))}
        if not any(map(self._may, concerned)):
            return
        for one in concerned:
            self._wait(one)
        ticket = await self.propose(FenceProof(self._node_id, look.status.term))
        now = self._look(await replica_async.status(self._replica), self._clock_ms())
        if not ticket or not _leads(now.status) or now.status.term != look.status.term:
            return
        decisions = self._decide(now, evidence)  # the proof may have taken its time: what was true before it is over
        for withdrawal in decisions.withdraw:
            node, number = withdrawal.intent.node, withdrawal.intent.number
            command = FenceWithdrawal(node, number, ticket.number, withdrawal.reason, withdrawal.well)
            self._tell("an intent to fence is withdrawn", node, withdrawal.reason, await self.propose(command))
        for node, reason in decisions.fence.items():
            intent = FenceIntent(
                node, ticket.number, reason, _voters(now.status), self._limits.node_per_hour,
                self._limits.cluster_per_hour, self._config.power_on,
            )  # fmt: skip
            self._tell("a server is to be fenced", node, reason, await self.propose(intent))

    def _decide(self, look: _Look, evidence: Evidence | None = None) -> Decisions:
        told = evidence.statements if evidence is not None and evidence.fresh(self._clock_ms()) else None
        seen = Observed(
            self._suspicions.suspected(), self._suspicions.well(), self._suspicions.never_met(), told,
            self._inherited(look.state),
        )  # fmt: skip
        members = [member.id for member in look.status.members]
        return policy.decide(
            self._node_id, _voters(look.status), members, look.state, seen, self._limits, look.log_now_ms
        )

    def _tell_held(self, decisions: Decisions) -> None:
        before = {node: self.held[node] for node in decisions.unmet if node in self.held}  # until others are asked anew
        held = {**before, **decisions.held}
        for node, reason in held.items():
            if self.held.get(node) != reason:
                log.warning("a server is missing, and is not fenced", server=node, reason=reason)
        self.held = held

    def _tell(self, event: str, node: str, reason: str, verdict: Verdict | None) -> None:
        if verdict:
            log.error(event, request=f"intent-{verdict.number}", server=node, reason=reason)
        elif verdict is not None:
            log.info("refused: " + event, server=node, reason=verdict.text)

    def _may(self, what: str) -> bool:
        return self._clock_ms() >= self._not_before_ms.get(what, 0)

    def _wait(self, what: str) -> None:
        self._not_before_ms[what] = self._clock_ms() + AGAIN_MS

    # ------------------------------------------------------------ carrying out
    def _execute_what_is_due(self, look: _Look, now_ms: int) -> None:
        for node, task in list(self._executions.items()):
            if task.done():
                del self._executions[node]
                task.result()
        status = look.status
        if not status.has_quorum or self._leaving:
            return
        self._give_back_what_was_not_begun(look)
        found = policy.claimable(
            self._node_id, self._process, status.leader_id, _voters(status), look.state, self._suspicions.missing(),
            look.log_now_ms, self._inherited(look.state), self._suspicions.met(),
        )  # fmt: skip
        since: dict[tuple[int, str, int], int] = {}
        for intent, waits_ms in found:
            key = intent.number, intent.phase, intent.attempts
            since[key] = self._claimable_since.get(key, now_ms)
            due = now_ms - since[key] >= waits_ms and self._may("claim " + intent.node)
            if due and intent.node not in self._executions:
                self._executions[intent.node] = asyncio.create_task(self._execute(intent))
        self._claimable_since = since

    async def _execute(self, intent: Intent) -> None:
        """Claim an intent, carry out its phase, and commit what came of it."""
        node, devices = intent.node, self._config.devices_of(intent.node)
        lasts_ms = min(budget_ms(devices) + 2 * CLAIM_MARGIN_MS, CLAIM_MS_MAX)
        until_ms = self._clock_ms() + lasts_ms - CLAIM_MARGIN_MS  # counted from before the claim can be in force
        self._wait("claim " + node)
        verdict = await self.propose(FenceClaim(node, intent.number, self._node_id, self._process, lasts_ms))
        if not verdict or not await replica_async.barrier(self._replica):
            return
        attempt = verdict.number
        now = self.state().intents.get(node)
        if now is not None and now.phase != intent.phase:
            return  # the claim took its time, and another server has cut the power meanwhile: once is enough
        self._begun[node] = (intent.number, intent.phase, attempt)

        def is_heard() -> bool:
            return intent.phase == PHASE_OFF and node not in self._suspicions.missing()

        def left_ms() -> int:
            """Nothing is begun when the claim is over or lost, fencing was suspended, or the server is heard again."""
            held = holds_claim(self.state(), node, intent.number, self._node_id, self._process, attempt)
            return max(0, until_ms - self._clock_ms()) if held and not is_heard() else 0

        log.warning("fencing", request=f"intent-{intent.number}", server=node, phase=intent.phase, attempt=attempt)
        switch = procedure.cut if intent.phase == PHASE_OFF else procedure.restore
        result = await switch(devices, left_ms, self._ask)
        if is_heard() or (result.done and intent.phase == PHASE_OFF and await self._still_heard(node, result.taken_s)):
            said = f"{result.text} says that the power is off, and" if result.done else f"{result.text}:"
            result = procedure.Outcome(False, f"{said} {node} is heard")
        aim = "fenced" if intent.phase == PHASE_OFF else "powered on"
        self.outcomes[aim if result.done else f"not {aim}"] += 1
        name = f"intent-{intent.number}"
        if result.done:
            log.warning(aim, request=name, server=node, by=result.text)
        else:
            log.error(f"not {aim}", request=name, server=node, reason=result.text)
        await self._commit(
            FenceOutcome(node, intent.number, self._node_id, self._process, attempt, result.done, result.text),
            lambda: until_ms - self._clock_ms(),
        )

    def _give_back_what_was_not_begun(self, look: _Look) -> None:
        """A claim that had no outcome in time stays in line and may commit later, and one may be in force that nothing
        confirms: it would keep everybody off until its end, a node that is well again included.

        Of such a claim it must be certain that no device was asked under it. Of this process' own it is: it begins one
        claim of a node at a time, and remembers it. What an earlier process began nobody knows: its time tells.
        """
        for node, intent in look.state.intents.items():
            held = intent.claim
            if held is None or (held.executor, held.process) != (self._node_id, self._process):
                continue
            begun = self._begun.get(node) == (intent.number, intent.phase, held.attempt)
            if begun or node in self._executions or look.log_now_ms > held.until_ms:
                continue
            if intent.phase == PHASE_ON and intent.attempts >= POWER_ON_ATTEMPTS:
                continue  # "not done" would be the last word; when its time is over it is tried once more
            if self._may("claim " + node):
                self._executions[node] = asyncio.create_task(self._give_back(intent, held.attempt))

    async def _give_back(self, intent: Intent, attempt: int) -> None:
        """Commands of one node are applied in their order: a claim that it may make later is not meant by this one."""
        self._wait("claim " + intent.node)
        text = "it was not told in time that it may begin, and has done nothing"
        log.warning("a claim is given back", request=f"intent-{intent.number}", server=intent.node, reason=text)
        await self.propose(
            FenceOutcome(intent.node, intent.number, self._node_id, self._process, attempt, False, text)
        )  # fmt: skip

    async def _still_heard(self, node: str, taken_s: float) -> bool:
        """Whether a server speaks that has no power, by what is said. ``taken_s``: when the command was taken.

        Reading back takes about as long as the proof needs, so this hardly ever waits: fences have seconds.
        """
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, taken_s + PROOF_S - loop.time()))
        status = await replica_async.status(self._replica)
        peer = status.peers.get(node)
        without_power_ms = (loop.time() - taken_s - UNDER_WAY_S) * 1000
        return peer is None or 0 <= peer.silent_ms < without_power_ms  # its connection may have ended since

    async def _commit(self, outcome: FenceOutcome, left_ms: Callable[[], int]) -> None:
        """Until the log has it, or has no use for it any more."""
        while await self.propose(outcome) is None and left_ms() > 0:  # noqa: ASYNC110 - an event will not tell
            await asyncio.sleep(AGAIN_MS / 1000)
