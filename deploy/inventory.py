"""The inventory: what an operator writes, in one file, about a whole cluster.

One frozen dataclass a table, a docstring for each key. ``reading.load`` reads the file, ``checks`` say what is wrong.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Final

from dataserver.config import Limits as DsLimits
from mdscluster.config import ClusterConfig, Export, Fencing, Guard, Limits, RaftTimes

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

ROUTER_ID_FIRST: Final = 51
"""VIPs get virtual router ids from here on, in the inventory's order (keepalived's examples begin here, too)."""
ROUTER_ID_SPREAD: Final = ROUTER_ID_FIRST - 1
"""The spread address' own: it does not shift when a VIP is added. Hosts whose keepalived has yet to be told would take
one id for two addresses."""
_SPREAD_PORT_OFFSET: Final = 18_442


@dataclass(frozen=True, slots=True)
class FenceDevice:
    """One way to make sure that a node is off."""

    agent: str
    """A ClusterLabs fence agent, like "fence_ipmilan" (Debian package fence-agents), or the absolute path of a program
    on the hosts that keeps the same contract."""
    parameters: dict[str, str] = field(default_factory=dict)
    """What the agent is told, as its man page names it; no secrets: this is world-readable."""
    password_file: str = ""
    """A file that holds the agent's password and nothing else, mode 0600; relative to the inventory."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Other secret parameters, each with the file that holds it."""
    timeout_ms: int = 15_000
    """An agent that takes longer for one action has failed."""
    attempts: int = 2
    """How often it is tried before the next device is."""

    @property
    def secret_files(self) -> dict[str, str]:
        """Secret parameter -> file."""
        return ({"password": self.password_file} if self.password_file else {}) | self.secrets


@dataclass(frozen=True, slots=True)
class Node:
    """A metadata server."""

    id: str
    """Its node id, a name in its certificate. Never given to another machine."""
    addresses: tuple[str, ...]
    """This host's own addresses with their networks, like "192.0.2.11/24". By the first one the others reach it; with
    the first one in a service address' network it takes part in that one's VRRP."""
    interface: str
    """The network interface that service addresses come to; the addresses in their networks are on it."""
    data_dir: str = ""
    """Where its log and metadata live; empty: install.data_dir/ID."""
    join: bool = False
    """It is being added to a running cluster (docs/DEPLOY.md). Take it out again once all that are being added vote."""
    fencing: tuple[FenceDevice, ...] = ()
    """How others turn this node off: tried in this order."""

    @property
    def interfaces(self) -> tuple[IpInterface, ...]:
        """``addresses``, parsed."""
        return tuple(ipaddress.ip_interface(text) for text in self.addresses)

    @property
    def address(self) -> IpAddress:
        """Where the others reach it."""
        return self.interfaces[0].ip

    def address_in(self, network: IpNetwork) -> IpAddress:
        """Its first address in ``network``, a service address'; the checks have seen to it that there is one."""
        return next(interface.ip for interface in self.interfaces if interface.network == network)


@dataclass(frozen=True, slots=True)
class DataServer:
    """A data server. One on a metadata server's address runs on its host."""

    id: str
    """Its id, a name in its certificate. The objects in its data_dir belong to it."""
    addresses: tuple[str, ...]
    """This host's own addresses. By the first one clients and metadata servers reach it."""
    data_dir: str = ""
    """Where its objects live; empty: install.data_dir/ID."""
    nfs_port: int = 0
    """0: ports.ds_nfs. Several data servers on one host need ports of their own."""
    control_port: int = 0
    """0: ports.ds_control."""
    metrics_port: int = 0
    """0: ports.ds_metrics."""

    @property
    def address(self) -> IpAddress:
        """Where the others reach it."""
        return ipaddress.ip_interface(self.addresses[0]).ip


@dataclass(frozen=True, slots=True)
class Vip:
    """A service address: clients mount it, keepalived keeps it on a node that is well."""

    address: str
    """With its network, like "192.0.2.100/24", which must be one of every node's interface."""
    preferred: str = ""
    """The node that has it while all are well. Several VIPs without: spread over the nodes in order. One: it stays."""
    router_id: int = 0
    """VRRP's virtual router id, 1 to 255, unique in its network; 0: counted from 51 in the inventory's order."""

    @property
    def interface(self) -> IpInterface:
        """``address``, parsed."""
        return ipaddress.ip_interface(self.address)


@dataclass(frozen=True, slots=True)
class Spread:
    """One more service address, whose clients are spread over the nodes (deploy/spreading.py)."""

    address: str = ""
    """With its network, like "192.0.2.100/24"; empty: there is none. IPv4 only."""
    by: str = "nft"
    """"nft": packets are passed on to the other service addresses, of which every node needs one to prefer. "ipvs": to
    the nodes, by the kernel's load balancer, where it has one."""
    port: int = 0
    """nft: TCP port by which nodes pass packets on; nothing listens there. 0: ports.nfs + 18442 (20491)."""
    router_id: int = 0
    """VRRP's virtual router id; 0: 50, the one before those of [[vips]]."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where servers listen; the same on every host."""

    nfs: int = 2049
    """Metadata servers: NFS."""
    raft: int = 20590
    """Metadata servers: consensus."""
    admin: int = 20690
    """Metadata servers: control and admin."""
    ds_nfs: int = 2049
    """Data servers: NFS."""
    ds_control: int = 20790
    """Data servers: control."""
    metrics: int = 20890
    """Metadata servers: HTTP for whoever watches, if metrics.enabled."""
    ds_metrics: int = 20990
    """Data servers: the same."""


@dataclass(frozen=True, slots=True)
class Install:
    """Where things are on the hosts."""

    bin_dir: str = "/opt/mdscluster/bin"
    """The folder with mdscluster and dataserver: the bin of a virtual environment."""
    config_dir: str = "/etc/mdscluster"
    """Configuration, certificates and keys."""
    data_dir: str = "/var/lib/mdscluster"
    """Logs, metadata and objects, a folder for each server; a mount point as a rule."""
    user: str = "mdscluster"
    """The metadata server's own user and group."""
    ds_user: str = "mdscluster-ds"
    """The data servers' own user and group."""
    watchdog: str = ""
    """The device by which a metadata server's guard resets its host, like "/dev/watchdog"; empty: it gets none."""


@dataclass(frozen=True, slots=True)
class Vrrp:
    """How fast a service address moves."""

    advert_interval_ms: int = 200
    """Between two adverts of the node that has the address; the others wait for three of them and a little more."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Watching the cluster (docs/MONITORING.md): every server answers Prometheus on its first address, and
    ``monitoring/`` is rendered: whom to scrape, alert rules, a dashboard."""

    enabled: bool = False
    """HTTP, read only, not encrypted: let nobody but the watching hosts reach these ports."""
    scrape_interval_s: int = 15
    """How often Prometheus asks: 1 to 15, which the alert rules are written for."""
    slow_ms: int = 1_000
    """A metadata server tells in its log of operations that take longer. 0: of none."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Of every metadata server; what they mean is told in deploy/mds.example.toml."""

    propose_deadline_ms: int = 30_000
    barrier_deadline_ms: int = 10_000
    on_quorum_loss: str = "read-only"
    log_level: str = "info"


_FENCING: Final = Fencing()


@dataclass(frozen=True, slots=True)
class FencingSettings:
    """When failed metadata servers are turned off, where they have devices; docs/FENCING.md tells what follows what."""

    interval_ms: int = _FENCING.interval_ms
    suspect_ms: int = _FENCING.suspect_ms
    """A server that systemd starts again must be back within this: more where machines are slow, and where data servers
    shall not lose their host for one process that hangs (settings.guard.stall_ms and 5000 more)."""
    power_on: bool = _FENCING.power_on
    node_per_hour: int = _FENCING.node_per_hour
    cluster_per_hour: int = _FENCING.cluster_per_hour


@dataclass(frozen=True, slots=True)
class DataServerSettings:
    """Of every data server; what they mean is told in deploy/ds.example.toml."""

    heartbeat_ms: int = 1_000
    fsync: bool = True
    log_level: str = "info"
    limits: DsLimits = field(default_factory=DsLimits)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is to differ from the defaults."""

    node: NodeSettings = field(default_factory=NodeSettings)
    """Metadata servers, each for itself."""
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    """What all must agree on: each leader commits its own file's as it takes office."""
    raft: RaftTimes = field(default_factory=RaftTimes)
    """Consensus timing."""
    fencing: FencingSettings = field(default_factory=FencingSettings)
    """When a failed metadata server is turned off, and how often."""
    limits: Limits = field(default_factory=Limits)
    """What clients may take of a metadata server."""
    guard: Guard = field(default_factory=Guard)
    """How metadata servers are judged (docs/GUARD.md)."""
    data_server: DataServerSettings = field(default_factory=DataServerSettings)
    """Data servers, each for itself."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """A whole cluster."""

    name: str
    """The cluster's name. Changed, it costs clients their locks."""
    nodes: tuple[Node, ...]
    """Metadata servers: an odd number, 3 or 5."""
    data_servers: tuple[DataServer, ...]
    """Where file data lives."""
    exports: tuple[Export, ...]
    """Who may mount, and with which rights; the first that matches a client's address counts."""
    vips: tuple[Vip, ...] = ()
    """Service addresses."""
    spread: Spread = field(default_factory=Spread)
    """One service address more, for clients that are to be spread over the nodes."""
    ports: Ports = field(default_factory=Ports)
    """Where servers listen."""
    install: Install = field(default_factory=Install)
    """Where things are on the hosts."""
    vrrp: Vrrp = field(default_factory=Vrrp)
    """How fast a service address moves."""
    metrics: Metrics = field(default_factory=Metrics)
    """Watching it."""
    settings: Settings = field(default_factory=Settings)
    """What is to differ from the defaults."""

    @property
    def servers(self) -> tuple[Node | DataServer, ...]:
        """All of them, metadata servers first."""
        return (*self.nodes, *self.data_servers)

    @property
    def founders(self) -> tuple[Node, ...]:
        """The metadata servers that do not wait to be added."""
        return tuple(node for node in self.nodes if not node.join)

    @property
    def service_addresses(self) -> tuple[Vip, ...]:
        """All that keepalived keeps: the VIPs and, behind them, the spread address."""
        spread = self.spread
        router_id = spread.router_id or ROUTER_ID_SPREAD
        return (*self.vips, *((Vip(spread.address, router_id=router_id),) if spread.address else ()))

    @property
    def spread_address(self) -> IpAddress:
        """``spread.address``, without its network."""
        return ipaddress.ip_interface(self.spread.address).ip

    @property
    def spread_port(self) -> int:
        """By which nodes pass packets on."""
        return self.spread.port or (self.ports.nfs + _SPREAD_PORT_OFFSET) % 65_536

    def router_id(self, vip: Vip) -> int:
        """The service address' virtual router id."""
        return vip.router_id or ROUTER_ID_FIRST + self.service_addresses.index(vip)

    def data_dir(self, server: Node | DataServer) -> str:
        """Where a server's data lives on its host."""
        return server.data_dir or f"{self.install.data_dir}/{server.id}"

    def ds_nfs_port(self, server: DataServer) -> int:
        """Where a data server's NFS listens."""
        return server.nfs_port or self.ports.ds_nfs

    def ds_control_port(self, server: DataServer) -> int:
        """Where a data server's control listener is."""
        return server.control_port or self.ports.ds_control

    def ds_metrics_port(self, server: DataServer) -> int:
        """Where a data server answers Prometheus."""
        return server.metrics_port or self.ports.ds_metrics
