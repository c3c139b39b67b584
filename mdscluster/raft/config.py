"""Settings of one consensus process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mdscluster.raft.members import FEATURE_LEVEL, Member, Membership
from mdscluster.replica import PAYLOAD_BYTES_MAX


class ConfigError(ValueError):
    """The configuration cannot work; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """Mutual TLS between the nodes: the peer's certificate must name its node id as a DNS subject name."""

    ca: Path
    """Certificate of the cluster's CA, PEM."""
    certificate: Path
    """This node's certificate, PEM."""
    key: Path
    """This node's private key, PEM."""
    role: str = ""
    """A name that a peer's certificate must hold beside its id; empty: none."""


@dataclass(frozen=True, slots=True)
class RaftConfig:
    """One node's consensus. Equal on all nodes but for ``node_id`` and paths."""

    node_id: str
    """This node's id, a key of ``peers``."""
    peers: dict[str, tuple[str, int]]
    """Every node, this one included: id -> (host, port) of its consensus listener. Counts until the log holds a
    membership; then only this node's own entry does, for listening."""
    state_dir: Path
    """The LMDB environment's directory. Its file system must honour fsync and atomic rename."""
    services: dict[str, tuple[str, str]] = field(default_factory=dict)
    """id -> addresses of its admin and NFS listeners, for whoever asks the membership."""
    socket_path: Path | None = None
    """Unix socket for the local front end; None: no local server."""
    tls: TlsConfig | None = None
    """None only in unit tests: peers are then not authenticated."""
    cluster_id: str = "mds"
    """Nodes of another cluster are refused."""
    replace: bool = False
    """An empty node that takes the place of a lost one: it may not vote until it has caught up with a live leader."""
    join: bool = False
    """An empty node that is to be added to a cluster: as ``replace``, and no voter before the cluster says so."""

    feature_level: int = FEATURE_LEVEL
    """The highest feature level that this release knows."""

    heartbeat_ms: int = 50
    """An idle leader's interval between messages to each follower."""
    election_min_ms: int = 300
    """A follower that heard no leader for this long may vote for another."""
    election_max_ms: int = 600
    """Elections start after a random silence between ``election_min_ms`` and this."""
    propose_deadline_ms: int = 30_000
    """A proposal without a result for this long is answered "outcome unknown"."""
    barrier_deadline_ms: int = 10_000
    """A read barrier not confirmed for this long is answered "no quorum"."""
    commit_notice_ms: int = 3
    """How long a commit may stay untold to a follower that proposed nothing in it; new entries usually carry it."""
    send_early: bool = True
    """A leader sends entries to the others while its own disk writes them; it counts itself only afterwards."""
    entry_bytes_max: int = 256 << 10
    """Proposals are packed into one log entry up to this size."""
    payload_bytes_max: int = PAYLOAD_BYTES_MAX
    """A larger command is refused."""
    pending_bytes_max: int = 64 << 20
    """Commands of this node waiting for their outcome; more are refused at once."""
    log_keep_entries: int = 50_000
    """Applied entries kept for followers that are behind; one further behind gets a snapshot."""
    log_keep_bytes: int = 64 << 20
    """The same, in bytes of entries."""
    snapshot_bytes_per_s_max: int = 128 << 20
    """A snapshot is sent no faster than this; slower when the leader's commits suffer."""
    window_bytes: int = 8 << 20
    """Unacknowledged log bytes under way to one follower."""
    connection_timeout_ms: int = 2_000
    """A connection that brought nothing for this long is given up and dialled again."""
    ping_ms: int = 100
    """A connection by which nothing was sent for this long gets a ping: so a node knows whom it can reach, long before
    a connection is given up."""
    dial_interval_ms: int = 100
    """Pause between attempts to reach a node."""
    founding_wait_ms: int = 1_500
    """An empty node that has met all others of ``peers``, all of them empty, waits this long before it founds a cluster
    with them: members that it does not know of reach it within that and object (docs/adr/0018 has the sum)."""

    other_ids: tuple[str, ...] = field(init=False, default=())
    """The other nodes of ``peers``, sorted."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "other_ids", tuple(sorted(set(self.peers) - {self.node_id})))

    @property
    def tls_role(self) -> str:
        """The name that a peer's certificate must hold beside its id; empty: none."""
        return "" if self.tls is None else self.tls.role

    def membership(self) -> Membership:
        """The membership as long as the log holds none: all are voters, but for a node that joins."""
        members = []
        for number, (node_id, (host, port)) in enumerate(sorted(self.peers.items())):
            voter = not (self.join and node_id == self.node_id)
            members.append(Member(node_id, number, voter, host, port, *self.services.get(node_id, ("", ""))))
        return Membership(tuple(members), len(members))

    def validate(self) -> None:
        """Raise ``ConfigError`` in the operator's words."""
        if self.node_id not in self.peers:
            raise ConfigError(f"node_id {self.node_id!r} is not among the peers {sorted(self.peers)}")
        if len(self.peers) % 2 == 0 and not self.join:
            raise ConfigError(
                f"{len(self.peers)} voting nodes survive no more failures than {len(self.peers) - 1}: use an odd number"
            )
        if self.heartbeat_ms * 3 >= self.election_min_ms:
            raise ConfigError(
                "election_min_ms must be more than three heartbeats, or a late heartbeat starts an election"
            )
        if self.election_max_ms <= self.election_min_ms:
            raise ConfigError("election_max_ms must be larger than election_min_ms, or candidates collide for ever")
        if self.payload_bytes_max > 1 << 20 or self.entry_bytes_max > 1 << 20:
            raise ConfigError("entries and commands above 1 MiB are not supported")
        if self.log_keep_entries < 16:
            raise ConfigError("log_keep_entries below 16 would send every slow follower a snapshot")
