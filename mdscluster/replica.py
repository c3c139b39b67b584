"""What the front end and the control plane see of consensus: propose, read barrier, status.

Nothing here names pysyncobj, a socket or NFS. ``mdscluster.raft.local`` implements it over a
Unix socket to the consensus process, ``mdscluster.raft.solo`` in one process for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

from telemetry.histogram import Histogram

if TYPE_CHECKING:
    import lmdb

PAYLOAD_BYTES_MAX = 1 << 20
"""A larger command is refused."""
KEEPS_UP_ENTRIES: Final = 256
"""A voter that lacks no more of its leader's log keeps up: it is handed over to, and counted on when another one is to
be stopped. It has the rest in a fraction of a second. Under load a healthy one lacks what is under way: an entry for
each turn of its leader, so a few, and after a pause of a tenth of a second some dozens."""

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
    connections: int = 0
    """How many connections to it have stood since this node's start: another number, and it may have restarted."""
    feature_level: int = 0
    """The highest that its release knows; 0 when it is not connected."""
    answers: bool = False
    """It acknowledged within the election timeout; False unless this node is the leader."""
    able: bool = False
    """It ``answers``, and said in this leadership that it may vote: not while it is quarantined."""
    needs_snapshot: bool = False
    """The log begins after what it holds; False unless this node is the leader."""


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """A member of the cluster, as the log has it."""

    id: str
    number: int
    """Never given to another member."""
    voter: bool
    """False: a learner; it gets the log and counts in nothing."""
    raft: str
    admin: str
    nfs: str
    """Addresses, ``host:port``; empty when the node's file does not tell."""


@dataclass(frozen=True, slots=True)
class MemberChange:
    """What an operator may ask of the leader: one change at a time."""

    kind: Literal["add", "promote", "remove", "transfer"]
    """Add a learner; make a learner a voter; remove either. transfer: hand over, which changes no membership."""
    id: str
    """transfer: to whom; empty: to whoever is best."""
    host: str = ""
    port: int = 0
    """add: where its consensus listens."""
    admin: str = ""
    nfs: str = ""
    even_ok: bool = False
    """remove: an even number of voters may be left."""


@dataclass(frozen=True, slots=True)
class ChangeOutcome:
    """What became of a change."""

    code: Literal["done", "not_leader", "busy", "behind", "no_majority", "handing_over", "refused", "unknown"]
    """done: committed, or so already. not_leader, busy, handing_over: ask (the new leader) again. behind, no_majority:
    not as long as it is so. refused: it would not work. unknown: look at the membership."""
    text: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a node's consensus has measured since its start."""

    commit: Histogram = field(default_factory=Histogram)
    """Leader: from an entry's append until a majority holds it."""
    apply: Histogram = field(default_factory=Histogram)
    """What was committed in a turn, applied."""
    fsync: Histogram = field(default_factory=Histogram)
    """A turn's transaction, made durable."""
    lag: Histogram = field(default_factory=Histogram)
    """How late timers of the consensus loop came."""
    leader_changes: int = 0
    """How often another leader, or the same in another term, was seen after the first."""
    snapshots: dict[str, int] = field(default_factory=dict)
    """``sent``, ``not sent``, ``not received`` -> how many. With one that was received, another process begins."""


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
    """Leader: a majority answered lately. Otherwise: a leader was heard within the election timeout, and this node can
    follow its log; not while it waits for a snapshot, for no read can be confirmed here then."""
    peers: dict[str, PeerStatus] = field(default_factory=dict)
    loop_lag_ms: float = 0.0
    """The longest that the consensus loop was late in the last seconds; near the election timeout it elects falsely."""
    quarantined: bool = False
    """The node came back empty and may not vote until it has caught up."""
    pending_proposals: int = 0
    """Proposals of this node whose outcome is not known yet."""
    members: list[MemberStatus] = field(default_factory=list)
    """The membership in effect here, sorted by id."""
    membership_index: int = 0
    """The log entry that it comes from; 0: the configuration file."""
    membership_applied: bool = True
    """That entry is committed and applied here."""
    leader_commit_index: int = 0
    """The last commit index that a leader told this node: what is committed here may be less, while it catches up."""
    reaches_majority: bool = True
    """A majority of the voters was heard from lately. If not, no election can succeed here, and whoever leads here has
    no quorum either."""
    pending_barriers: int = 0
    """Read barriers of this node that are not confirmed yet."""
    measured: Measured = field(default_factory=Measured)
    """For whoever watches."""

    @property
    def newest_commit_index(self) -> int:
        """The newest entry that this node knows to be committed anywhere. What is committed here is applied in the
        same turn; so only what a leader told says what is still to come, from a log or in a snapshot."""
        return max(self.commit_index, self.leader_commit_index)

    @property
    def behind(self) -> int:
        """How many committed entries this node knows of and has not applied."""
        return self.newest_commit_index - self.applied_index


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

    def propose_in_term(
        self, term: int, payload: bytes, otherwise: bytes, done: Callable[[bytes | None], None]
    ) -> None:
        """What this node proposes since it leads in ``term``: as ``propose``, but it never gets into the log of a later
        one, whose leader may know better. ``otherwise``, which changes nothing, goes there in its place, and ``done``
        gets ``None``.
        """

    def barrier(self, done: Callable[[bool], None]) -> None:
        """``done(True)``: ``env`` now shows every change acknowledged anywhere before this call (INV-4).

        ``done(False)``: no quorum confirmed it within the deadline; nothing may be answered from ``env``.
        """

    def status(self, done: Callable[[ReplicaStatus], None]) -> None:
        """This node's view of the cluster."""

    def change_members(self, change: MemberChange, done: Callable[[ChangeOutcome], None]) -> None:
        """Change the membership, if this node leads; ``done`` gets the outcome once the change is committed or not."""
