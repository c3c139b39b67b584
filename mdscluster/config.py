"""Configuration of a metadata server: one TOML file, one frozen dataclass.

``NodeConfig.load(path)`` reads and validates. What the cluster must agree on (``[cluster]``) each leader
commits from its own file as it takes office, where the log says otherwise; what counts on every node is the log's
word, so that nodes whose files differ cannot diverge.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fencing.device import Device
from mdscluster.fencingconfig import Fencing, is_node_id
from mdscluster.guardconfig import Guard
from mdsproto.configfile import Address, ConfigError, load
from mdsproto.keyfile import read_cluster_key

__all__ = [
    "Address", "ClusterConfig", "ConfigError", "Device", "Export", "Fencing", "Guard", "Limits", "Metrics",
    "NodeConfig", "Peer", "RaftTimes", "TlsPaths",
]  # fmt: skip

ON_QUORUM_LOSS: Final = ("read-only", "refuse")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
IO_BYTES_MAX: Final = 4 << 20
HEADER_ROOM_BYTES: Final = 4096
"""What a READ's or WRITE's COMPOUND needs beside its payload."""


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """Certificates of the cluster's own CA (``mdscluster pki`` makes them; ``run up`` does it by itself)."""

    ca: Path
    """The CA's certificate, PEM: the only one trusted."""
    certificate: Path
    """This node's certificate, PEM. Its DNS subject names must hold the node id and the role."""
    key: Path
    """This node's private key, PEM, readable by the service's user only."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A metadata server of the cluster, as the others reach it."""

    id: str
    """Its node id, as in its certificate."""
    raft: Address
    """Consensus: only metadata servers connect to it."""
    admin: Address
    """Control and admin gRPC: data servers and mdsctl connect to it."""
    nfs: Address
    """Where clients reach this node's own NFS server, whoever holds the service address."""


@dataclass(frozen=True, slots=True)
class Export:
    """Who may mount, and with which rights. The first export whose networks hold the client's address counts."""

    path: str = "/"
    """The exported directory; for now the root only."""
    networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    """Client networks in CIDR notation."""
    read_only: bool = False
    """Refuse changes with NFS4ERR_ROFS."""
    root_squash: bool = True
    """Treat uid 0 and gid 0 as nobody (65534), also in the list of groups."""
    layouts: bool = True
    """Grant pNFS layouts; otherwise all data flows through the metadata servers."""
    exclusive_writers: bool = False
    """A second writer waits until the first has committed and returned its layout (visibility like a local disk)."""


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """What all nodes must agree on: the log's word counts, into which each leader puts its own as it takes office."""

    name: str = "mdscluster"
    """Server owner and scope that clients see, on every node the same. Changed, it costs clients their locks."""
    lease_ms: int = 90_000
    """How long a silent client's opens, locks and layouts are kept."""
    ds_lease_ms: int = 6_000
    """A data server that has heard no quorum for this long refuses I/O; it is counted as down a little later."""
    stripe_unit_bytes: int = 1 << 20
    """Bytes that go to one data server before the next one's turn. A multiple of 65536."""
    stripe_width: int = 0
    """Data servers a new file is striped over; 0: all that are up."""
    recall_timeout_ms: int = 20_000
    """How long a client may keep a recalled layout before it is revoked and fenced at the data servers."""
    max_sessions_per_client: int = 64
    """CREATE_SESSION beyond this is refused."""
    max_slots: int = 64
    """Requests that one session may have under way."""
    max_operations: int = 64
    """Operations in one COMPOUND."""
    max_io_bytes: int = 1 << 20
    """Largest READ and WRITE (rsize, wsize)."""
    max_request_bytes: int = (1 << 20) + (1 << 16)
    """Largest COMPOUND accepted; it must hold a WRITE of max_io_bytes."""
    max_response_bytes: int = (1 << 20) + (1 << 16)
    """Largest reply; it must hold a READ of max_io_bytes."""
    max_cached_reply_bytes: int = 8192
    """Largest reply kept for a retransmission, per slot, on every node."""


@dataclass(frozen=True, slots=True)
class RaftTimes:
    """Consensus timing. The defaults suit one machine and one room; see docs/ARCHITECTURE.md before lowering them."""

    heartbeat_ms: int = 50
    """An idle leader's interval between messages to each follower."""
    election_min_ms: int = 300
    """A follower that heard no leader for this long may vote for another. At least four heartbeats."""
    election_max_ms: int = 600
    """Elections start after a random silence between election_min_ms and this."""


@dataclass(frozen=True, slots=True)
class Limits:
    """This node's own bounds: what one client, or many, may take of it."""

    max_connections: int = 4096
    """NFS connections. When there are more, the one that is longest without a session is closed, else the new one."""
    max_record_bytes: int = 2 << 20
    """Largest RPC record; the connection of a sender of a larger one is closed."""
    max_unsent_bytes: int = 8 << 20
    """Reply bytes that wait for a client that does not read, before its requests are no longer run or read either."""
    max_requests_in_flight: int = 256
    """Requests of one connection under way at once; further ones stay unread. At least cluster.max_slots."""
    max_requests_bytes: int = 16 << 20
    """The same, in bytes."""
    max_sessionless_bytes: int = 64 << 20
    """Parts of records held for all connections by which no request in a session has come yet."""
    record_timeout_ms: int = 30_000
    """A record that has begun must be whole after this long."""
    sessionless_timeout_ms: int = 60_000
    """A connection by which no request in a session came for this long is closed. With one, clients may idle."""
    keepalive_s: int = 60
    """A silent client is probed after this long, and its connection closed when it does not answer for as long."""
    max_snapshot_bytes_per_s: int = 128 << 20
    """A node that is far behind gets this one's state no faster than this; slower when this node's commits suffer."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Watching this node (docs/MONITORING.md). Nothing of it listens unless ``listen`` says where."""

    listen: str = ""
    """HOST:PORT for HTTP: /metrics for Prometheus, /health, /ready, /leader. Read only and not encrypted: an address
    of the management network. Empty: none."""
    slow_ms: int = 1_000
    """An operation that takes longer is told in the log, with its request's ID. 0: none is."""

    @property
    def address(self) -> Address | None:
        """``listen``, parsed; None: nowhere."""
        return Address.parse(self.listen, "metrics.listen") if self.listen else None


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """One metadata server."""

    node_id: str
    """This node's id: one of the peers', and a name in its certificate."""
    data_dir: Path
    """Where the log and the metadata live. Its file system must keep what fsync promised."""
    cluster_key_file: Path
    """The key that signs data-server filehandles: 64 hexadecimal digits, the same on every node and data server."""
    nfs: Address
    """Where this node's NFS server listens. 0.0.0.0 or [::] lets it answer on a service address that moves in."""
    tls: TlsPaths
    """Mutual TLS between the cluster's parts."""
    peers: tuple[Peer, ...]
    """Every metadata server, this one included: an odd number. Once the membership was changed (docs/MEMBERSHIP.md) the
    log's word counts, and of these only this node's own entry."""
    exports: tuple[Export, ...] = (Export(),)
    """Who may mount, and with which rights; the first that matches a client's address counts."""
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    """What all nodes must agree on, the same on every node. Each leader commits its own as it takes office; what
    counts is what was committed last."""
    raft: RaftTimes = field(default_factory=RaftTimes)
    """Consensus timing, the same on every node."""
    limits: Limits = field(default_factory=Limits)
    """What clients may take of this node."""
    fencing: Fencing = field(default_factory=Fencing)
    """Cutting the power of metadata servers that failed (docs/FENCING.md). Without devices nothing of it is done."""
    guard: Guard = field(default_factory=Guard)
    """A process of its own that judges this node (docs/GUARD.md). Without run_dir nothing of it is done."""
    metrics: Metrics = field(default_factory=Metrics)
    """Watching this node (docs/MONITORING.md)."""
    service_addresses: tuple[str, ...] = ()
    """The IP addresses that keepalived moves between the metadata servers. One of which it has told nothing on this
    host is shown as UNKNOWN by mdsctl vip and metrics. Taken up without a restart."""
    propose_deadline_ms: int = 30_000
    """A change that found no quorum for this long is given up: the client's connection is closed, so that it sends the
    request again, here or to another node, and is given its outcome there."""
    barrier_deadline_ms: int = 10_000
    """The same for a read."""
    on_quorum_loss: str = "read-only"
    """What a node does while it has no quorum, once it has closed its client connections so that they look for a node
    with one. read-only: it answers those who come back what reads the state it applied last, which others may have left
    behind, and changes nothing. refuse: it accepts no client."""
    join: bool = False
    """This empty node is to be added to a running cluster (docs/MEMBERSHIP.md): no voter before the cluster says so."""
    log_level: str = "info"
    """debug, info, warning or error."""

    @classmethod
    def load(cls, path: Path) -> NodeConfig:
        """Read, check and return the file's configuration; :class:`ConfigError` names what is wrong."""
        config = load(cls, path, _revise)
        try:
            config.validate()
        except ConfigError as problem:
            raise ConfigError(f"{path}: {problem}") from problem
        return config

    @property
    def peer(self) -> Peer:
        """This node's own entry."""
        return next(peer for peer in self.peers if peer.id == self.node_id)

    @property
    def state_dir(self) -> Path:
        """The LMDB environment."""
        return self.data_dir / "state"

    @property
    def socket_path(self) -> Path:
        """Where the front end finds its consensus process."""
        return self.data_dir / "consensus.sock"

    def cluster_key(self) -> bytes:
        """The 32 bytes in ``cluster_key_file``."""
        return read_cluster_key(self.cluster_key_file)

    def validate(self) -> None:
        """Raise :class:`ConfigError`, in the operator's words, for what cannot work. Opens no file."""
        self._validate_peers()
        self._validate_exports()
        self._validate_cluster()
        self.fencing.validate(self.raft.election_max_ms)
        self.guard.validate(self.cluster.lease_ms)
        self._validate_service_addresses()
        self._validate_metrics()
        raft, limits = self.raft, self.limits
        _at_least("raft.heartbeat_ms", raft.heartbeat_ms, 5)
        if raft.election_min_ms < 4 * raft.heartbeat_ms:
            raise ConfigError(
                f"raft.election_min_ms is {raft.election_min_ms}: with heartbeats every {raft.heartbeat_ms} ms it must "
                f"be at least {4 * raft.heartbeat_ms}, or one late heartbeat starts an election"
            )
        if raft.election_max_ms < raft.election_min_ms + 50:
            raise ConfigError(
                "raft.election_max_ms must be at least 50 ms above raft.election_min_ms, "
                "or candidates meet again and again"
            )
        _at_least("limits.max_connections", limits.max_connections, 1)
        _at_least("limits.max_unsent_bytes", limits.max_unsent_bytes, 1 << 16)
        _at_least("limits.max_requests_in_flight", limits.max_requests_in_flight, self.cluster.max_slots)
        _at_least("limits.max_requests_bytes", limits.max_requests_bytes, limits.max_record_bytes)
        _at_least("limits.max_sessionless_bytes", limits.max_sessionless_bytes, limits.max_record_bytes)
        _at_least("limits.record_timeout_ms", limits.record_timeout_ms, 1_000)
        _at_least("limits.sessionless_timeout_ms", limits.sessionless_timeout_ms, 1_000)
        _at_least("limits.keepalive_s", limits.keepalive_s, 5)
        _at_least("limits.max_snapshot_bytes_per_s", limits.max_snapshot_bytes_per_s, 1 << 20)
        if limits.max_record_bytes < self.cluster.max_request_bytes:
            raise ConfigError(
                f"limits.max_record_bytes must be at least cluster.max_request_bytes ({self.cluster.max_request_bytes})"
            )
        _at_least("propose_deadline_ms", self.propose_deadline_ms, 1_000)
        _at_least("barrier_deadline_ms", self.barrier_deadline_ms, 1_000)
        _one_of("on_quorum_loss", self.on_quorum_loss, ON_QUORUM_LOSS)
        _one_of("log_level", self.log_level, LOG_LEVELS)
        if len(str(self.socket_path).encode()) > 107:
            raise ConfigError(
                f"data_dir is too long: {self.socket_path} must fit into 107 bytes (a Unix socket's name)"
            )

    def _validate_peers(self) -> None:
        ids = [peer.id for peer in self.peers]
        for peer_id in ids:
            if not is_node_id(peer_id):
                raise ConfigError(f"peers: {peer_id!r} is no node id: letters, digits and hyphens, at most 63")
        for peer_id in sorted(set(ids)):
            if ids.count(peer_id) > 1:
                raise ConfigError(f"peers: {peer_id} is there twice")
        if self.node_id not in ids:
            raise ConfigError(f"node_id {self.node_id!r} is not among the peers ({', '.join(ids) or 'there are none'})")
        if len(ids) % 2 == 0 and not self.join:
            raise ConfigError(
                f"{len(ids)} metadata servers survive no more failures than {len(ids) - 1}: use an odd number (3 or 5)"
            )
        seen: dict[Address, str] = {}
        for peer in self.peers:
            for kind, address in (("raft", peer.raft), ("admin", peer.admin), ("nfs", peer.nfs)):
                _check_host(f"peers: {peer.id}.{kind}", address)
                other = seen.setdefault(address, f"{peer.id}.{kind}")
                if other != f"{peer.id}.{kind}":
                    raise ConfigError(f"peers: {peer.id}.{kind} and {other} are both {address}")

    def _validate_exports(self) -> None:
        if not self.exports:
            raise ConfigError("exports: without an [[exports]] table nobody can mount")
        for number, export in enumerate(self.exports):
            if export.path != "/":
                raise ConfigError(f'exports[{number}].path is {export.path!r}: only "/" can be exported so far')
            if not export.networks:
                raise ConfigError(f"exports[{number}].networks is empty: nobody could mount it")
            for network in export.networks:
                try:
                    ipaddress.ip_network(network)
                except ValueError as problem:
                    raise ConfigError(
                        f"exports[{number}].networks: {problem} (CIDR notation, like 192.168.7.0/24)"
                    ) from problem

    def _validate_cluster(self) -> None:
        cluster = self.cluster
        if not cluster.name or len(cluster.name.encode()) > 255 or not cluster.name.isprintable():
            raise ConfigError("cluster.name must be 1 to 255 printable bytes")
        _at_least("cluster.lease_ms", cluster.lease_ms, 5_000)
        _at_least("cluster.ds_lease_ms", cluster.ds_lease_ms, 1_000)
        _at_least("cluster.recall_timeout_ms", cluster.recall_timeout_ms, 1_000)
        if (
            cluster.stripe_unit_bytes < 1 << 16
            or cluster.stripe_unit_bytes % (1 << 16)
            or cluster.stripe_unit_bytes >= 1 << 32
        ):
            raise ConfigError(
                f"cluster.stripe_unit_bytes is {cluster.stripe_unit_bytes}: it must be a multiple of 65536 below 4 GiB"
            )
        if not 0 <= cluster.stripe_width <= 256:
            raise ConfigError("cluster.stripe_width must be 0 (all data servers) to 256, the most that Linux takes")
        _at_least("cluster.max_sessions_per_client", cluster.max_sessions_per_client, 1)
        _between("cluster.max_slots", cluster.max_slots, 1, 1024)
        _between("cluster.max_operations", cluster.max_operations, 16, 1024)
        _between("cluster.max_io_bytes", cluster.max_io_bytes, 4096, IO_BYTES_MAX)
        _between("cluster.max_cached_reply_bytes", cluster.max_cached_reply_bytes, 512, 1 << 20)
        for name in ("max_request_bytes", "max_response_bytes"):
            if getattr(cluster, name) < cluster.max_io_bytes + HEADER_ROOM_BYTES:
                raise ConfigError(
                    f"cluster.{name} must be at least {HEADER_ROOM_BYTES} bytes more than "
                    f"cluster.max_io_bytes ({cluster.max_io_bytes})"
                )

    def _validate_service_addresses(self) -> None:
        for address in self.service_addresses:
            try:
                plain = str(ipaddress.ip_address(address))
            except ValueError as problem:
                raise ConfigError(
                    f"service_addresses: {address!r} is not an IP address (without a network)"
                ) from problem
            if address != plain:
                raise ConfigError(f"service_addresses: write {address} as {plain}")
            if self.service_addresses.count(address) > 1:
                raise ConfigError(f"service_addresses: {address} is there twice")
        if self.service_addresses and not self.guard.vip_dir:
            raise ConfigError("service_addresses needs guard.vip_dir: where keepalived's notify script tells of them")

    def _validate_metrics(self) -> None:
        _at_least("metrics.slow_ms", self.metrics.slow_ms, 0)
        address = self.metrics.address
        if address is None:
            return
        _check_host("metrics.listen", address, may_be_any=True)
        for kind, taken in (("raft", self.peer.raft), ("admin", self.peer.admin), ("nfs", self.nfs)):
            if address.clashes(taken):
                raise ConfigError(f"metrics.listen is {address}: {kind} listens on {taken}")


_RENAMED_ON_QUORUM_LOSS: Final = {"close": "refuse", "hold": "read-only"}


def _revise(table: dict[str, Any]) -> None:
    """Files of 0.1 are read as what they meant: a rolling upgrade needs no new file."""
    chosen = table.get("on_quorum_loss")
    if isinstance(chosen, str):
        table["on_quorum_loss"] = _RENAMED_ON_QUORUM_LOSS.get(chosen, chosen)
    if table.pop("replace", False) is not False:
        raise ConfigError(
            "replace is no setting any more: a node that lost its disk joins again with "
            "`mdscluster rejoin --config FILE`"
        )


def _check_host(where: str, address: Address, *, may_be_any: bool = False) -> None:
    """Raise :class:`ConfigError` unless it is an IP address, and one of a host unless ``may_be_any``."""
    try:
        host = ipaddress.ip_address(address.host)
    except ValueError as problem:
        raise ConfigError(
            f"{where}: {address.host!r} is not an IP address "
            "(names are not used: a name server's failure would be ours)"
        ) from problem
    if host.is_unspecified and not may_be_any:
        raise ConfigError(f"{where}: {address.host} says where to listen, not where to reach a node")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"{name} is {value}: it must be at least {least}")


def _between(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ConfigError(f"{name} is {value}: it must be {least} to {most}")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}: it must be one of {', '.join(choices)}")
