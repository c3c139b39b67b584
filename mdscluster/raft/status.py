"""A node's view of itself and of the others, for whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdscluster.replica import MemberStatus, PeerStatus, ReplicaStatus

if TYPE_CHECKING:
    from mdscluster.raft.engine import Engine


def report(engine: Engine) -> ReplicaStatus:
    """What ``engine`` knows, at the time it was given last."""
    core, journal, guards, roster = engine.core, engine.journal, engine.guards, engine.roster
    leads = core.is_leader
    answer, able = (guards.at_work(), guards.able()) if leads else (set(), set())
    peers = {}
    for peer, state in guards.peers.items():
        match = core.match_index(peer) if leads else 0
        peers[peer] = PeerStatus(
            connected=state.connected,
            match_index=match,
            lag_entries=journal.last_index - match if leads else -1,
            silent_ms=int(guards.now_ms - state.heard_ms) if state.heard_ms > 0 else -1,
            connections=engine.connections(peer),
            answers=peer in answer,
            able=peer in able,
            needs_snapshot=leads and state.needs_snapshot,
        )
    return ReplicaStatus(
        node_id=engine.config.node_id,
        role=engine.role,
        term=core.term,
        leader_id=core.leader_id or "",
        commit_index=core.commit_index,
        applied_index=engine.applied,
        last_log_index=journal.last_index,
        first_log_index=journal.first_index,
        has_quorum=guards.has_quorum() and not guards.lacks_log,
        reaches_majority=guards.reaches_majority(),
        leader_commit_index=guards.leader_commit_index,
        peers=peers,
        loop_lag_ms=engine.loop_lag_ms,
        quarantined=guards.quarantine.on,
        pending_proposals=engine.proposals.pending,
        members=[
            MemberStatus(m.id, m.number, m.voter, _shown(m.host, m.port), m.admin, m.nfs)
            for m in roster.membership.members
        ],
        membership_index=roster.position[1],
        membership_applied=roster.position[1] <= engine.applied,
        pending_barriers=engine.reads.pending,
        measured=engine.measures.told(),
    )


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
