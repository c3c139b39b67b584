"""The configuration of every server, as its own code reads it; and which servers share a host."""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from dataserver.config import DsConfig, MdsPeer
from dataserver.config import Metrics as DsMetrics
from dataserver.config import TlsPaths as DsTlsPaths
from deploy import fencing_devices
from deploy.inventory import DataServer, Inventory, Node
from deploy.keepalived import RUN_DIR, STEP_BACK_ADVERTS, VIP_STATE_DIR
from mdscluster.config import Address, Fencing, Metrics, NodeConfig, Peer, TlsPaths


@dataclass(frozen=True, slots=True)
class Host:
    """A machine: named after its first server."""

    name: str
    node: Node | None
    data_servers: tuple[DataServer, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Its servers' ids."""
        return (*((self.node.id,) if self.node else ()), *(server.id for server in self.data_servers))


def hosts(inventory: Inventory) -> tuple[Host, ...]:
    """Every machine, in the inventory's order: servers that share their first address share a machine."""
    names: dict[str, str] = {}
    for server in inventory.servers:
        names.setdefault(host_of(inventory, server), server.id)
    return tuple(
        Host(
            name,
            next((node for node in inventory.nodes if host_of(inventory, node) == key), None),
            tuple(server for server in inventory.data_servers if host_of(inventory, server) == key),
        )
        for key, name in names.items()
    )


def host_of(inventory: Inventory, server: Node | DataServer) -> str:
    """What tells its machine from others: the first address of whoever of the inventory has that address first."""
    for other in inventory.servers:
        if server.address in {ipaddress.ip_interface(text).ip for text in other.addresses}:
            return str(other.address)
    raise AssertionError(f"{server.id} is not in the inventory")


def node_config(inventory: Inventory, node: Node) -> NodeConfig:
    """A metadata server's configuration. One that waits to be added lists itself; the others do not know it yet."""
    etc, ports, settings = Path(inventory.install.config_dir), inventory.ports, inventory.settings
    listed = inventory.founders if not node.join else (*inventory.founders, node)
    return NodeConfig(
        node_id=node.id,
        data_dir=Path(inventory.data_dir(node)),
        cluster_key_file=etc / node.id / "cluster.key",
        nfs=Address("0.0.0.0" if node.address.version == 4 else "::", ports.nfs),
        tls=TlsPaths(etc / node.id / "ca.pem", etc / node.id / f"{node.id}.pem", etc / node.id / f"{node.id}.key"),
        peers=tuple(
            Peer(
                peer.id,
                Address(str(peer.address), ports.raft),
                Address(str(peer.address), ports.admin),
                Address(str(peer.address), ports.nfs),
            )
            for peer in listed
        ),
        exports=inventory.exports,
        cluster=dataclasses.replace(settings.cluster, name=inventory.name),
        raft=settings.raft,
        limits=settings.limits,
        propose_deadline_ms=settings.node.propose_deadline_ms,
        barrier_deadline_ms=settings.node.barrier_deadline_ms,
        on_quorum_loss=settings.node.on_quorum_loss,
        join=node.join,
        guard=dataclasses.replace(
            settings.guard, run_dir=str(RUN_DIR), vip_dir=str(VIP_STATE_DIR) if inventory.service_addresses else "",
            step_back_ms=max(settings.guard.step_back_ms, STEP_BACK_ADVERTS * inventory.vrrp.advert_interval_ms),
            watchdog=inventory.install.watchdog,
        ),
        fencing=Fencing(**dataclasses.asdict(settings.fencing), devices=fencing_devices.devices(inventory, node)),
        metrics=Metrics(
            listen=str(Address(str(node.address), ports.metrics)) if inventory.metrics.enabled else "",
            slow_ms=inventory.metrics.slow_ms,
        ),
        service_addresses=tuple(str(vip.interface.ip) for vip in inventory.service_addresses),
        log_level=settings.node.log_level,
    )


def ds_config(inventory: Inventory, server: DataServer) -> DsConfig:
    """A data server's configuration."""
    etc, settings = Path(inventory.install.config_dir) / server.id, inventory.settings
    return DsConfig(
        ds_id=server.id,
        data_dir=Path(inventory.data_dir(server)),
        cluster_key_file=etc / "cluster.key",
        nfs=Address(str(server.address), inventory.ds_nfs_port(server)),
        control=Address(str(server.address), inventory.ds_control_port(server)),
        tls=DsTlsPaths(etc / "ca.pem", etc / f"{server.id}.pem", etc / f"{server.id}.key"),
        mds=tuple(
            MdsPeer(node.id, Address(str(node.address), inventory.ports.admin)) for node in inventory.founders
        ),
        cluster_name=inventory.name,
        lease_ms=settings.cluster.ds_lease_ms,
        heartbeat_ms=settings.data_server.heartbeat_ms,
        limits=settings.data_server.limits,
        metrics=DsMetrics(
            str(Address(str(server.address), inventory.ds_metrics_port(server))) if inventory.metrics.enabled else ""
        ),
        fsync=settings.data_server.fsync,
        log_level=settings.data_server.log_level,
    )
