"""Whether a node is fit to have service addresses: whoever comes to it is served now. Pure: signs in, a judgement out.

An address is a hint, and nothing is promised by it (docs/adr/0024). So what counts is what a client would feel: when a
node is unfit its clients connect anew elsewhere, in a fraction of a second; while one keeps an address that cannot
serve, they wait for as long as that lasts. Hence three rules:

- A node that is *unable* to serve has no address, as long as that lasts.
- One that is *weak* serves badly, or will be unable if that goes on: it gives its addresses to a better one, if any is
  there (:mod:`mdscluster.guard.footing`). Whether one is it cannot know: others may suffer from the same.
- An election is neither, for as long as it may take: in it nobody knows a leader, and no other node would serve better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from mdscluster.replica import FOUNDING, ReplicaStatus

SERVING: Final = "serving"
"""What a front end calls its service while it has a quorum (:mod:`mdscluster.nfs_frontend.quorum`)."""
NO_ANSWER: Final = "its consensus process does not answer"
NO_MAJORITY: Final = "it reaches no majority"
NO_LISTENER: Final = "its NFS listener does not answer"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of what is still well. Milliseconds, but for the entries."""

    status_ms: int
    """For an answer of the consensus process; and how late the front end's loop may be."""
    probe_ms: int
    """For an answer of the node's own NFS listener."""
    step_back_ms: int
    """An answer that is so much later does not come: the node is not weak, but unable."""
    election_ms: int
    """For a leader to be elected, while a majority is reached; and for a majority to be reached again."""
    lag_entries: int
    """Of the log, behind what is committed."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What can be seen of the node now."""

    now_ms: int
    status: ReplicaStatus | None
    """The last that the consensus process said of itself; None: it has said nothing yet."""
    status_age_ms: int
    """Since the last question that it answered was asked."""
    probe_age_ms: int
    """Since the last NULL call was sent that the node's own NFS listener answered."""
    late_ms: int
    """How late the front end's loop just was."""
    service: str
    """What the front end does for clients."""
    maintenance: bool
    """An operator works on this node."""
    stopping: bool
    """It was asked to stop."""


class Judgement(NamedTuple):
    """What is said of a node."""

    reason: str
    """Why it is not fit; empty: it is."""
    weak: bool = False
    """For that reason it serves badly, but it serves."""


class Fitness:
    """Keeps what a look at one moment cannot tell: since when there is no leader, no majority, and no quorum."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._leaderless_since_ms: int | None = None
        self._alone_since_ms: int | None = None
        self._lost_since_ms: int | None = None
        self._had_quorum = False

    def judge(self, signs: Signs) -> Judgement:
        """Of this moment. Called in the order of time."""
        self._note(signs)
        if reason := self._unable(signs):
            return Judgement(reason)
        reason = self._weak(signs)
        return Judgement(reason, weak=bool(reason))

    def quorum_lost_ms(self, now_ms: int) -> int:
        """Since when a quorum is lost that this process has had; -1: it has one, or never had."""
        return -1 if self._lost_since_ms is None or not self._had_quorum else now_ms - self._lost_since_ms

    def _note(self, signs: Signs) -> None:
        status, now_ms = signs.status, signs.now_ms
        if status is None:
            return
        has_leader = status.has_quorum and bool(status.leader_id)
        has_quorum = status.has_quorum and status.reaches_majority
        self._had_quorum = self._had_quorum or has_quorum
        self._leaderless_since_ms = _since(self._leaderless_since_ms, now_ms, ended=has_leader)
        self._alone_since_ms = _since(self._alone_since_ms, now_ms, ended=status.reaches_majority)
        self._lost_since_ms = _since(self._lost_since_ms, now_ms, ended=has_quorum)

    def _unable(self, signs: Signs) -> str:
        """Why it cannot serve; empty: it can."""
        bounds, status = self._bounds, signs.status
        if signs.stopping:
            return "it stops"
        if signs.maintenance:
            return "it is in maintenance"
        if status is None or signs.status_age_ms >= bounds.status_ms + bounds.step_back_ms:
            return NO_ANSWER
        if signs.probe_age_ms >= bounds.probe_ms + bounds.step_back_ms:
            return NO_LISTENER
        if status.quarantined or status.role == FOUNDING:
            return "it has an empty disk, and has not caught up yet"
        if status.members and status.node_id not in {member.id for member in status.members}:
            return "it is no member of the cluster"
        if self._too_long(self._alone_since_ms, signs.now_ms):
            return NO_MAJORITY
        if signs.service != SERVING:
            return "it has no quorum"
        if status.reaches_majority and self._too_long(self._leaderless_since_ms, signs.now_ms):
            return "it knows no leader"
        return ""

    def _weak(self, signs: Signs) -> str:
        """Why it serves badly, or may soon be unable to; empty: it is well."""
        bounds, status = self._bounds, signs.status
        assert status is not None
        if not status.reaches_majority:
            return NO_MAJORITY
        if signs.late_ms >= bounds.status_ms:
            return "its front end stood still"
        if signs.status_age_ms >= bounds.status_ms:
            return NO_ANSWER
        if status.behind > bounds.lag_entries:
            return "it is behind the cluster's log"
        return NO_LISTENER if signs.probe_age_ms >= bounds.probe_ms else ""

    def _too_long(self, since_ms: int | None, now_ms: int) -> bool:
        """Longer than an election may take; at once where there was never a quorum to lose: nobody depends on that."""
        return since_ms is not None and (not self._had_quorum or now_ms - since_ms >= self._bounds.election_ms)


def _since(since_ms: int | None, now_ms: int, *, ended: bool) -> int | None:
    """Since when something lasts."""
    if ended:
        return None
    return now_ms if since_ms is None else since_ms
