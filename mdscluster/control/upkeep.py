"""Taking a metadata server out of office, so that it can be stopped unnoticed (proto: Admin.SetMaintenance).

A node in maintenance serves and votes as before. It only gives away its service addresses, as it counts as unfit
(:mod:`mdscluster.control.fitness`), then leads no more, for a leader in maintenance hands over to a voter that is not,
and is not fenced, whatever is done to it (:mod:`fencing.state`, which keeps who is in maintenance). In this order: who
moves to another node while nobody leads would wait for both.
That it may be stopped is what the operator wants to know: so it is refused when too few would be left, of those who
commit what is asked at once: connected, answering, with a vote, and with the leader's log.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import structlog

from fencing.state import EVERYBODY
from mdscluster import replica_async
from mdscluster.fsm import features, fencing_state
from mdscluster.fsm.commands import RESULT_REFUSED, Maintenance, pack_internal
from mdscluster.leaving import MOVED_MS
from mdscluster.replica import KEEPS_UP_ENTRIES, LEADER, MemberChange, ReplicaStatus
from mdsproto import admin_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

log = structlog.get_logger()

Reply = admin_pb2.MaintenanceReply

_PAUSE_MS: Final = 5_000
_LOOK_S: Final = 0.05
PATIENCE_S: Final = 1.0
"""How long a voter that is connected may be in the way. A leader that was only just elected has not heard from all of
them, and under load one that is well can be behind for a moment."""
ADDRESS_MS: Final = 1_000
"""How long a leader waits for its service addresses to be elsewhere."""


class Upkeep:
    """Marks nodes, one at a time: each decision knows what became of the one before, so that two operators who each
    take a node out of office at the same moment do not leave too few."""

    def __init__(self, replica: Replica, tables: Tables, patience_s: float = PATIENCE_S) -> None:
        self._replica = replica
        self._tables = tables
        self._patience_s = patience_s
        self._turn = asyncio.Lock()

    async def set_maintenance(self, node_id: str, on: bool, by: str) -> Reply:
        """Mark a node, or take the mark away; asked at the leader, which knows who is at work. ``by``: for the history.

        Of :data:`fencing.state.EVERYBODY` it only suspends fencing: somebody has to lead.
        """
        async with self._turn:
            return await self._set_maintenance(node_id, on, by)

    async def _set_maintenance(self, node_id: str, on: bool, by: str) -> Reply:
        replica, tables = self._replica, self._tables
        if not await replica_async.barrier(replica):
            return Reply(code="unknown", text="no quorum: nothing was changed")
        status = await replica_async.status(replica)
        with replica.env.begin() as txn:
            level = features.level(txn, tables)
            away = fencing_state.in_maintenance(txn, tables)
        if sparing := on and node_id != EVERYBODY:
            status = await self._settled(status, node_id, away)
        if status.role != LEADER:
            return Reply(code="unknown", text="another metadata server leads now")
        if sparing and (reason := objection(status, node_id, away)):
            return Reply(code="refused", text=reason)
        command = Maintenance(node_id, on, by)
        if too_early := features.shortfall(command, level):
            return Reply(code="refused", text=too_early)
        result = await replica_async.propose(replica, pack_internal(command))
        if result is None or result == RESULT_REFUSED:
            return Reply(code="unknown", text="no quorum confirmed it: it may still happen")
        return Reply(code="done")

    async def _settled(self, status: ReplicaStatus, node_id: str, away: list[str]) -> ReplicaStatus:
        """The status once nothing is in the way that may pass; at the latest when patience has run out."""
        until_s = time.monotonic() + self._patience_s
        while _may_pass(status, {node_id, *away}) and objection(status, node_id, away) and time.monotonic() < until_s:
            await asyncio.sleep(_LOOK_S)
            status = await replica_async.status(self._replica)
        return status


def objection(status: ReplicaStatus, node_id: str, away: list[str]) -> str:
    """Why a node cannot be spared; empty when it can. By the leader's view of who is at work."""
    voters = sorted(member.id for member in status.members if member.voter)
    if node_id not in {member.id for member in status.members}:
        return f"{node_id} is no member"
    if node_id not in voters:
        return ""
    left = [node for node in at_work(status) if node != node_id and node not in away]
    needed = len(voters) // 2 + 1
    if len(left) >= needed:
        return ""
    others = [node for node in voters if node not in left and node != node_id]
    told = ", ".join(f"{node} ({'in maintenance' if node in away else why_not(status, node)})" for node in others)
    return (
        f"without {node_id} only {len(left)} of {len(voters)} voters would be at work, {needed} are needed for a quorum"
        + (f": first bring back {told}" if told else "")
    )


def at_work(status: ReplicaStatus) -> list[str]:
    """Voters that commit with the leader, itself included; nobody but this node where it does not lead."""
    return sorted(member.id for member in status.members if member.voter and not why_not(status, member.id))


def why_not(status: ReplicaStatus, node_id: str) -> str:
    """Why the leader does not count on a voter; empty: it does."""
    if node_id == status.node_id:
        return ""
    peer = status.peers.get(node_id)
    if peer is None or not peer.connected or not peer.answers:
        return "not at work"
    if not peer.able:
        return "has no vote yet"
    if peer.needs_snapshot:
        return "needs a snapshot"
    return f"{peer.lag_entries} entries behind" if peer.lag_entries > KEEPS_UP_ENTRIES else ""


def _may_pass(status: ReplicaStatus, but: set[str]) -> bool:
    """Whether this node leads, and somebody else is connected that it does not count on."""
    return status.role == LEADER and any(
        member.voter and member.id in status.peers and status.peers[member.id].connected and why_not(status, member.id)
        for member in status.members
        if member.id not in but
    )


class Office:
    """One of the leader's jobs: hand over if this node is in maintenance and somebody else is not.

    ``address_gone``: whether no service address is on this machine, as far as that is known.
    """

    def __init__(self, replica: Replica, tables: Tables, address_gone: Callable[[], bool] = lambda: True) -> None:
        self._replica = replica
        self._tables = tables
        self._address_gone = address_gone
        self._address_here = False
        self._address_gone_ms = -MOVED_MS
        self._not_before_ms = 0
        self._away_since_ms: int | None = None

    async def leave(self, status: ReplicaStatus, now_ms: int) -> bool:
        """Whether this node leads no more. Clients had to wait for a failed attempt: the next one comes much later."""
        moved = self._address_moved(now_ms)
        with self._replica.env.begin() as txn:
            away = fencing_state.in_maintenance(txn, self._tables)
        if status.node_id not in away:
            self._away_since_ms = None
            return False
        if self._away_since_ms is None:
            self._away_since_ms = now_ms
        if now_ms < self._not_before_ms or (now_ms - self._away_since_ms < ADDRESS_MS and not moved):
            return False
        able = [node for node in at_work(status) if node not in away]
        if not able:
            return False
        best = min(able, key=lambda node: (status.peers[node].lag_entries, node))
        outcome = await replica_async.change_members(self._replica, MemberChange("transfer", best))
        self._not_before_ms = now_ms + _PAUSE_MS
        log.info("in maintenance: handing over", to=best, outcome=outcome.code, reason=outcome.text)
        return outcome.code == "done"

    def _address_moved(self, now_ms: int) -> bool:
        """Whether the service addresses are elsewhere by now, those that were here when it was last asked included."""
        if not self._address_gone():
            self._address_here = True
            return False
        if self._address_here:
            self._address_here, self._address_gone_ms = False, now_ms
        return now_ms - self._address_gone_ms >= MOVED_MS
