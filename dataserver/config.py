"""Configuration of a data server: one TOML file, one frozen dataclass."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dataserver.reserve import BY_SIZE
from mdsproto.configfile import Address, ConfigError, load
from mdsproto.keyfile import read_cluster_key

__all__ = ["Address", "ConfigError", "DsConfig", "Limits", "MdsPeer", "Metrics", "TlsPaths"]

LOG_LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """Certificates of the cluster's own CA."""

    ca: Path
    """The CA's certificate, PEM: the only one trusted."""
    certificate: Path
    """This data server's certificate, PEM. Its DNS subject names must hold its id and role."""
    key: Path
    """Its private key, PEM, readable by the service's user only."""


@dataclass(frozen=True, slots=True)
class MdsPeer:
    """A metadata server, as data servers reach it."""

    id: str
    """Its node id, as in its certificate."""
    control: Address
    """Its control and admin gRPC listener."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take of this data server."""

    max_connections: int = 256
    """NFS connections, each with a thread and its buffers; further ones are closed at once."""
    max_sessions: int = 4096
    """Sessions; the longest unused gives way."""
    max_slots: int = 64
    """Requests that one session may have under way."""
    max_operations: int = 32
    """Operations in one COMPOUND."""
    max_io_bytes: int = 1 << 20
    """Largest READ and WRITE."""
    max_record_bytes: int = (1 << 20) + (1 << 16)
    """Largest RPC record; a sender of a larger one is cut off. It must hold a WRITE of max_io_bytes."""
    max_fragments: int = 64
    """Fragments of one record (RFC 5531 §11); a sender of more is cut off. Clients in use send one."""
    reserve_bytes: int = BY_SIZE
    """What clients leave free of the file system that data_dir is on, so that they never fill it for a metadata server
    that is on it, too: a WRITE that needs a new block gets NFS4ERR_NOSPC then. 0: nothing. -1: a fiftieth of the file
    system, at most 10 GiB, and at least 256 MiB (of one below 5 GiB, a twentieth). Never more than half of it."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Watching this data server (docs/MONITORING.md). Nothing of it listens unless ``listen`` says where."""

    listen: str = ""
    """HOST:PORT for HTTP: /metrics for Prometheus, /health, /ready. Read only and not encrypted: an address of the
    management network. Empty: none."""

    @property
    def address(self) -> Address | None:
        """``listen``, parsed; None: nowhere."""
        return Address.parse(self.listen, "metrics.listen") if self.listen else None


@dataclass(frozen=True, slots=True)
class DsConfig:
    """One data server."""

    ds_id: str
    """This data server's id, a name in its certificate. Its objects belong to it: never give them another id."""
    data_dir: Path
    """Where the objects live: a local file system that keeps what fsync promised."""
    cluster_key_file: Path
    """The key that signs filehandles: 64 hexadecimal digits, the same on every node and data server."""
    nfs: Address
    """Where clients reach it: listened on, and told to the metadata servers."""
    control: Address
    """Where metadata servers reach it."""
    tls: TlsPaths
    """Mutual TLS between the cluster's parts."""
    mds: tuple[MdsPeer, ...]
    """Every metadata server."""
    cluster_name: str = "mdscluster"
    """The cluster's name; the data server's own owner and scope are made of it and ds_id."""
    lease_ms: int = 6_000
    """Refuse I/O when no quorum was heard for this long, until a metadata server names another value."""
    heartbeat_ms: int = 1_000
    """Interval between heartbeats; several must fit into the lease."""
    limits: Limits = field(default_factory=Limits)
    """What clients may take of this data server."""
    metrics: Metrics = field(default_factory=Metrics)
    """Watching this data server (docs/MONITORING.md)."""
    fsync: bool = True
    """False makes COMMIT and stable WRITE lie about durability: for benchmarks of the network only."""
    log_level: str = "info"
    """debug, info, warning or error."""

    @classmethod
    def load(cls, path: Path) -> DsConfig:
        """Read, check and return the file's configuration; :class:`ConfigError` names what is wrong."""
        config = load(cls, path)
        try:
            config.validate()
        except ConfigError as problem:
            raise ConfigError(f"{path}: {problem}") from problem
        return config

    def cluster_key(self) -> bytes:
        """The 32 bytes in ``cluster_key_file``."""
        return read_cluster_key(self.cluster_key_file)

    def validate(self) -> None:
        """Raise :class:`ConfigError`, in the operator's words, for what cannot work. Opens no file."""
        if not self.ds_id or not self.ds_id.isascii() or not self.ds_id.replace("-", "x").isalnum():
            raise ConfigError(f"ds_id {self.ds_id!r} is no id: letters, digits and hyphens")
        for name, address in (("nfs", self.nfs), ("control", self.control)):
            _check_host(name, address)
        if self.nfs == self.control:
            raise ConfigError(f"nfs and control are both {self.nfs}")
        self._validate_metrics()
        if not self.mds:
            raise ConfigError("mds: without an [[mds]] table it cannot join a cluster")
        for peer in self.mds:
            _check_host(f"mds: {peer.id}.control", peer.control)
        if self.lease_ms < 3 * self.heartbeat_ms:
            raise ConfigError(
                f"lease_ms is {self.lease_ms}: with heartbeats every {self.heartbeat_ms} ms it must be at "
                f"least {3 * self.heartbeat_ms}, or one lost heartbeat stops all I/O"
            )
        for name, least, most in (
            ("max_connections", 1, 65_536),
            ("max_sessions", 1, 1 << 20),
            ("max_slots", 1, 1024),
            ("max_operations", 8, 1024),
            ("max_io_bytes", 4096, 4 << 20),
            ("max_fragments", 1, 65_536),
            ("reserve_bytes", BY_SIZE, 1 << 50),
        ):
            value = getattr(self.limits, name)
            if not least <= value <= most:
                raise ConfigError(f"limits.{name} is {value}: it must be {least} to {most}")
        if self.limits.max_record_bytes < self.limits.max_io_bytes + 4096:
            raise ConfigError(
                "limits.max_record_bytes must be at least 4096 more than limits.max_io_bytes "
                f"({self.limits.max_io_bytes})"
            )
        if self.heartbeat_ms < 50:
            raise ConfigError("heartbeat_ms below 50 burdens every metadata server for nothing")
        if self.log_level not in LOG_LEVELS:
            raise ConfigError(f"log_level is {self.log_level!r}: it must be one of {', '.join(LOG_LEVELS)}")


    def _validate_metrics(self) -> None:
        address = self.metrics.address
        if address is None:
            return
        _check_host("metrics.listen", address, may_be_any=True)
        for kind, taken in (("nfs", self.nfs), ("control", self.control)):
            if address.clashes(taken):
                raise ConfigError(f"metrics.listen is {address}: {kind} listens on {taken}")


def _check_host(where: str, address: Address, *, may_be_any: bool = False) -> None:
    try:
        host = ipaddress.ip_address(address.host)
    except ValueError as problem:
        raise ConfigError(f"{where}: {address.host!r} is not an IP address") from problem
    if host.is_unspecified and not may_be_any:
        raise ConfigError(f"{where}: {address.host} is not an address that others could reach")
