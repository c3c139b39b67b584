"""The embedded cluster on paper: ids, ports, certificates and configuration files under one directory.

What ``run up`` was first asked for is kept in ``DIR/up.toml``; a second ``up`` on the same directory
uses it again, with every configuration file as it lies there, edited or not.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from dataserver.config import DsConfig, MdsPeer
from dataserver.config import TlsPaths as DsTlsPaths
from mdscluster.config import Address, ConfigError, Export, NodeConfig, Peer, TlsPaths
from mdscluster.pki import ClusterPki
from mdsproto.configfile import load, save, write_atomically
from mdsproto.credentials import ROLE_ADMIN, ROLE_DS, ROLE_MDS

RAFT_OFFSET: Final = 100
ADMIN_OFFSET: Final = 200
DS_CONTROL_OFFSET: Final = 300
NODES_MAX: Final = 99
"""Metadata and data servers together, so that port ranges do not run into each other."""
ADMIN_ID: Final = "admin"


@dataclass(frozen=True, slots=True)
class UpConfig:
    """What ``run up`` was asked for."""

    mds: int = 3
    """Metadata servers."""
    ds: int = 3
    """Data servers."""
    address: str = "127.0.0.1"
    """The IP address that everything listens on."""
    port: int = 20490
    """First NFS port: metadata servers, then data servers."""

    def validate(self) -> None:
        """Raise :class:`ConfigError`, in the operator's words."""
        if self.mds < 1 or self.mds % 2 == 0:
            raise ConfigError(f"{self.mds} metadata servers: it must be an odd number; 3 survive one failure, 5 two")
        if self.ds < 1:
            raise ConfigError("without a data server no file can hold data: --ds must be at least 1")
        if self.mds + self.ds > NODES_MAX:
            raise ConfigError(f"{self.mds} + {self.ds} servers on one machine: at most {NODES_MAX} together")
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError as problem:
            raise ConfigError(f"--address: {problem}") from problem
        if address.is_unspecified:
            raise ConfigError(f"--address {self.address}: give the address that clients will use, not a wildcard")
        last = self.port + DS_CONTROL_OFFSET + NODES_MAX
        if self.port < 1 or last > 65535:
            raise ConfigError(
                f"--port {self.port}: ports up to {last} are used; it must be 1 to {65535 - last + self.port}"
            )


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """One server: where it is and what it is started with."""

    id: str
    kind: Literal["mds", "ds"]
    nfs: Address
    config: Path
    data_dir: Path
    admin: Address
    """gRPC: the metadata server's admin and control listener, the data server's control listener."""

    @property
    def module(self) -> str:
        """What ``python -m`` runs."""
        return "mdscluster" if self.kind == "mds" else "dataserver"

    @property
    def restart_command(self) -> str:
        """How an operator starts it again."""
        return f"{self.module} serve --config {self.config}"

    @property
    def log(self) -> Path:
        """Its standard error, when it was started by ``up``."""
        return self.data_dir / "log" / f"{self.id}.log"


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """All servers of an embedded cluster under ``base_dir``."""

    base_dir: Path
    settings: UpConfig

    @classmethod
    def open(
        cls, base_dir: Path, mds: int | None = None, ds: int | None = None, address: str | None = None,
        port: int | None = None,
    ) -> ClusterPlan:  # fmt: skip
        """The cluster in ``base_dir``, or a new one as asked; what is asked must agree with what is there.

        Data servers may be added to a cluster that is there.
        """
        base_dir = base_dir.expanduser().absolute()
        asked = {"mds": mds, "ds": ds, "address": address, "port": port}
        given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        file = base_dir / "up.toml"
        present = load(UpConfig, file) if file.exists() else None
        settings = replace(present or UpConfig(), **given)
        settings.validate()
        if present is not None and replace(settings, ds=present.ds) != present:
            raise ConfigError(
                f"{base_dir} holds a cluster of {present.mds} metadata servers on {present.address}, ports from "
                f"{present.port}: leave --mds, --address and --port out to start it again, or name another --base-dir"
            )
        if present is not None and settings.ds < present.ds:
            raise ConfigError(f"{base_dir} has files on {present.ds} data servers: none of them can be left out")
        return cls(base_dir, settings)

    @property
    def cluster_file(self) -> Path:
        """What tools read: who is where."""
        return self.base_dir / "cluster.json"

    @property
    def pki(self) -> ClusterPki:
        """Its CA and certificates."""
        return ClusterPki(self.base_dir / "pki")

    @property
    def mds(self) -> list[PlannedNode]:
        """The metadata servers."""
        return [self._node("mds", number) for number in range(self.settings.mds)]

    @property
    def ds(self) -> list[PlannedNode]:
        """The data servers."""
        return [self._node("ds", number) for number in range(self.settings.ds)]

    def _node(self, kind: Literal["mds", "ds"], number: int) -> PlannedNode:
        host, port = self.settings.address, self.settings.port
        name = f"{kind}{number + 1}"
        if kind == "mds":
            nfs, admin = port + number, port + ADMIN_OFFSET + number
        else:
            nfs, admin = port + self.settings.mds + number, port + DS_CONTROL_OFFSET + number
        directory = self.base_dir / name
        return PlannedNode(name, kind, Address(host, nfs), directory / f"{name}.toml", directory, Address(host, admin))

    def prepare(self) -> None:
        """Make whatever is missing: directories, CA, keys, certificates, configuration files."""
        try:
            self.base_dir.mkdir(parents=True, exist_ok=True)
            for node in self.mds + self.ds:
                (node.data_dir / "log").mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise ConfigError(f"cannot use {self.base_dir}: {problem.strerror}") from problem
        self.pki.create()
        self.pki.issue(ADMIN_ID, ROLE_ADMIN, [])
        for node in self.mds:
            self._write_config(node, ROLE_MDS)
        for node in self.ds:
            self._write_config(node, ROLE_DS)
        save(
            self.settings, self.base_dir / "up.toml", header="Written by `run up`, which reads it when it comes again."
        )

    def _write_config(self, node: PlannedNode, role: str) -> None:
        paths = self.pki.issue(node.id, role, [self.settings.address])
        if node.config.exists():
            return
        if node.kind == "mds":
            tls = TlsPaths(self.pki.ca, paths.certificate, paths.key)
            save(self.mds_config(node, tls), node.config, header=f"Start it with: {node.restart_command}")
        else:
            ds_tls = DsTlsPaths(self.pki.ca, paths.certificate, paths.key)
            save(self.ds_config(node, ds_tls), node.config, header=f"Start it with: {node.restart_command}")

    def mds_config(self, node: PlannedNode, tls: TlsPaths) -> NodeConfig:
        """A metadata server's configuration. Root is not squashed: a newcomer mounts as root and wants to write."""
        host, port = self.settings.address, self.settings.port
        peers = tuple(
            Peer(other.id, Address(host, port + RAFT_OFFSET + number), other.admin, other.nfs)
            for number, other in enumerate(self.mds)
        )
        return NodeConfig(
            node_id=node.id,
            data_dir=node.data_dir,
            cluster_key_file=self.pki.cluster_key,
            nfs=node.nfs,
            tls=tls,
            peers=peers,
            exports=(Export(networks=("0.0.0.0/0", "::/0"), root_squash=False),),
        )

    def ds_config(self, node: PlannedNode, tls: DsTlsPaths) -> DsConfig:
        """A data server's configuration."""
        return DsConfig(
            ds_id=node.id,
            data_dir=node.data_dir,
            cluster_key_file=self.pki.cluster_key,
            nfs=node.nfs,
            control=node.admin,
            tls=tls,
            mds=tuple(MdsPeer(other.id, other.admin) for other in self.mds),
        )

    def write_cluster_file(self, pids: dict[str, int]) -> None:
        """``cluster.json``: node id -> pid from ``pids``; written atomically, so that it is whole when it is there.

        Metadata servers that ``mdsctl member add`` noted there stay.
        """
        own = {node.id for node in self.mds}
        try:
            present = json.loads(self.cluster_file.read_text(encoding="utf-8"))["mds"]
        except FileNotFoundError:
            present = []

        def entry(node: PlannedNode) -> dict[str, Any]:
            found: dict[str, Any] = {"id": node.id, "host": node.nfs.host, "nfs_port": node.nfs.port}
            if node.kind == "mds":
                found["admin"] = str(node.admin)
            return found | {"pid": pids[node.id], "config": str(node.config)}

        mds = [*(entry(node) for node in self.mds), *(node for node in present if node["id"] not in own)]
        content = {"export": "/", "mds": mds, "ds": [entry(node) for node in self.ds]}
        write_atomically(self.cluster_file, json.dumps(content, indent=2).encode() + b"\n")
