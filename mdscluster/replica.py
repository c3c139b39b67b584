"""What the front end and the control plane see of consensus: propose, read barrier, status.

Nothing here names pysyncobj, a socket or NFS. ``mdscluster.raft.local`` implements it over a
Unix socket to the consensus process, ``mdscluster.raft.solo`` in one process for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import lmdb

LEADER = "leader"
CANDIDATE = "candidate"
FOLLOWER = "follower"
FOUNDING = "founding"
"""An empty node that has not met all the others yet: it takes no part in anything."""


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """Another node, as this node sees it."""

    connected: bool
    """A mutually authenticated connection is up."""
    match_index: int
    """The last log index it is known to hold durably; 0 unless this node is the leader."""
    lag_entries: int
    """Entries it still lacks; -1 unless this node is the leader."""
    silent_ms: int
    """Milliseconds since it was last heard; -1 when never."""
    feature_level: int = 0
    """The highest that its release knows; 0 when it is not connected."""


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One node's own view of the cluster. Never authoritative: it may be a moment old."""

    node_id: str
    role: str
    """``leader``, ``candidate``, ``follower`` or ``founding``."""
    term: int
    leader_id: str
    """Empty when no leader is known."""
    commit_index: int
    applied_index: int
    last_log_index: int
    first_log_index: int
    has_quorum: bool
    """Leader: a majority answered lately. Otherwise: a leader was heard within the election timeout."""
    peers: dict[str, PeerStatus] = field(default_factory=dict)
    loop_lag_ms: float = 0.0
    """The longest that the consensus loop was late in the last seconds; near the election timeout it elects falsely."""
    quarantined: bool = False
    """The node came back empty and may not vote until it has caught up."""
    pending_proposals: int = 0
    """Proposals of this node whose outcome is not known yet."""


class Replica(Protocol):
    """A node's door to the replicated state machine.

    All calls of one event-loop turn travel together; callbacks run on the same loop and never
    from inside the call itself, except for ``solo.SoloReplica``, which is synchronous.
    """

    env: lmdb.Environment
    """The node's LMDB environment; read-only in the front end."""
    on_event: Callable[[bytes], None]
    """Gets every event the state machine emitted, once, after its change is committed and visible in ``env``."""

    def propose(self, payload: bytes, done: Callable[[bytes | None], None]) -> None:
        """Run one command exactly once; ``done`` gets its result after it was applied on THIS node.

        ``None``: the outcome is unknown (deadline, node restarting): it may or may not run, at most once.
        """

    def barrier(self, done: Callable[[bool], None]) -> None:
        """``done(True)``: ``env`` now shows every change acknowledged anywhere before this call (INV-4).

        ``done(False)``: no quorum confirmed it within the deadline; nothing may be answered from ``env``.
        """

    def status(self, done: Callable[[ReplicaStatus], None]) -> None:
        """This node's view of the cluster."""
