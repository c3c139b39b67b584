"""What a node answers to /health, /ready and /leader: pure judgements over what it knows of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.nfs_frontend.quorum import SERVING
from mdscluster.replica import FOUNDING, LEADER

if TYPE_CHECKING:
    from mdscluster.replica import ReplicaStatus

LAG_ENTRIES_MAX: Final = 1_000
"""A node that has applied all but so many of the entries that it knows to be committed has caught up."""
DOWN: Final = "down"
"""The role in a status that nobody gave: the consensus process does not answer."""


def why_not_healthy(status: ReplicaStatus | None) -> list[str]:
    """Reasons for 503 on /health; none: both processes work. ``status``: None when consensus gave none in time."""
    if status is None or status.role == DOWN:
        return ["the consensus process does not answer"]
    return []


def why_not_ready(status: ReplicaStatus | None, service: str) -> list[str]:
    """Reasons for 503 on /ready; none: it serves with a quorum behind it, and has caught up."""
    reasons = why_not_healthy(status)
    if status is None or reasons:
        return reasons
    if status.role == FOUNDING:
        reasons.append("it has not met all the other metadata servers yet")
    if status.quarantined:
        reasons.append("it came back empty, and has not caught up yet")
    if not status.has_quorum:
        reasons.append("it has no quorum")
    if service != SERVING:
        reasons.append(f"it does not serve: {service}")
    if status.members and all(member.id != status.node_id for member in status.members):
        reasons.append("it is no member of the cluster")
    if status.behind > LAG_ENTRIES_MAX:
        reasons.append(f"it has yet to apply {status.behind} committed entries")
    return reasons


def why_not_leader(status: ReplicaStatus | None) -> list[str]:
    """Reasons for 503 on /leader; none: it leads, and a majority answers it."""
    reasons = why_not_healthy(status)
    if status is None or reasons:
        return reasons
    if status.role != LEADER:
        return [f"{status.leader_id} leads" if status.leader_id else "no leader is known"]
    return [] if status.has_quorum else ["it leads, and no majority answers it"]
