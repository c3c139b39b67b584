"""What is wrong with an inventory that was read: each finding is a path in the file and words for the operator.

``check`` runs every check of the table below, so that an operator sees all mistakes at once. What a server's own
configuration refuses (``NodeConfig.validate``, ``DsConfig.validate``) is told as it says it, last.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from deploy import agents, servers, spread_checks
from deploy.inventory import DataServer, FenceDevice, Inventory, IpAddress, Node
from deploy.positions import TomlPath
from fencing import budget
from fencing.device import Device, file_told, is_secret, plain_key, same_outlet
from mdsproto.configfile import ConfigError

Finding = tuple[TomlPath, str]
RESERVED_IDS: Final = {
    "admin": "mdsctl's certificate", "ca": "the CA's files", "cluster": "the cluster key's file",
    "monitoring": "Prometheus' and Grafana's files", "pki": "the CA's folder",
}  # fmt: skip
SCRAPE_INTERVAL_S_MAX: Final = 15
RESTART_MS: Final = 5_000
"""Beyond ``guard.stall_ms``: until a server that its guard has ended is back."""
_INTERFACE_BYTES_MAX: Final = 15
_GUARD_GIVEN: Final = {
    "run_dir": "the units make it", "vip_dir": "the notify script knows it", "watchdog": "install.watchdog names it",
}  # fmt: skip


def check(inventory: Inventory, base: Path) -> tuple[list[Finding], list[Finding]]:
    """Mistakes and notes. ``base``: the folder that secret files are relative to."""
    mistakes = [finding for each in _CHECKS for finding in each(inventory)]
    mistakes += _secrets(inventory, base)
    if not mistakes:  # they would say it once more, in words that know no inventory
        mistakes += _own_words(inventory)
    return mistakes, [] if mistakes else list(_notes(inventory))


# ---------------------------------------------------------------------- names and numbers
def _names(inventory: Inventory) -> Iterator[Finding]:
    if not inventory.name or not inventory.name.isprintable() or len(inventory.name.encode()) > 255:
        yield ("name",), "name must be 1 to 255 printable bytes"
    if inventory.settings.cluster.name != type(inventory.settings.cluster)().name:
        yield ("settings", "cluster", "name"), "the cluster's name is the key 'name' at the top"
    for key, why in _GUARD_GIVEN.items():
        if getattr(inventory.settings.guard, key):
            yield ("settings", "guard", key), f"settings.guard.{key} cannot be chosen: {why}"
    if inventory.settings.guard.watchdog_required and not inventory.install.watchdog:
        words = "settings.guard.watchdog_required needs install.watchdog, which names no device"
        yield ("settings", "guard", "watchdog_required"), words
    seen: dict[str, str] = {}
    for path, server in _servers(inventory):
        kind = "node" if isinstance(server, Node) else "data server"
        if not _is_id(server.id):
            yield (*path, "id"), f"{server.id!r} is no id: small letters, digits and hyphens, at most 63"
        elif server.id in RESERVED_IDS:
            yield (*path, "id"), f"{server.id!r} cannot be an id: {RESERVED_IDS[server.id]} would have that name"
        elif server.id in seen:
            yield (*path, "id"), f"the id {server.id!r} is used twice: a {seen[server.id]} above has it already"
        seen.setdefault(server.id, kind)


def _is_id(text: str) -> bool:
    plain = text.isascii() and text.replace("-", "x").isalnum() and text == text.lower()
    return 0 < len(text) <= 63 and plain and not text.startswith("-")


def _numbers(inventory: Inventory) -> Iterator[Finding]:
    count = len(inventory.founders)
    if not count:
        yield ("nodes",), "every node has join = true: a new cluster needs nodes that found it"
    elif count % 2 == 0:
        words = f"{count} metadata servers survive no more failures than {count - 1}: use an odd number (3 or 5)"
        if count < len(inventory.nodes):
            words += "; take join = true out of all new nodes together, or of none"
        yield ("nodes",), words
    elif count < 3 and inventory.vips:
        yield ("vips",), "a service address needs nodes to move to: at least 3 metadata servers"
    if not inventory.data_servers:
        yield ("data_servers",), "without a data server no file can hold data"
    if not 50 <= inventory.vrrp.advert_interval_ms <= 5_000 or inventory.vrrp.advert_interval_ms % 10:
        yield (
            ("vrrp", "advert_interval_ms"),
            f"vrrp.advert_interval_ms is {inventory.vrrp.advert_interval_ms}: it must be 50 to 5000, and a multiple of "
            "10 (VRRPv3 counts in hundredths of a second)",
        )
    interval_s, slow_ms = inventory.metrics.scrape_interval_s, inventory.metrics.slow_ms
    if not 1 <= interval_s <= SCRAPE_INTERVAL_S_MAX:
        words = (
            f"metrics.scrape_interval_s is {interval_s}: it must be 1 to {SCRAPE_INTERVAL_S_MAX}, "
            "which the alert rules are written for"
        )
        yield ("metrics", "scrape_interval_s"), words
    if slow_ms < 0:
        yield ("metrics", "slow_ms"), f"metrics.slow_ms is {slow_ms}: it must be at least 0"


def _places(inventory: Inventory) -> Iterator[Finding]:
    install = inventory.install
    for key in ("bin_dir", "config_dir", "data_dir"):
        path = getattr(install, key)
        if not _is_absolute(path):
            yield ("install", key), f"install.{key} is {path!r}: it must be an absolute path without blanks"
    for key in ("user", "ds_user"):
        user = getattr(install, key)
        if not _is_id(user) or len(user) > 31 or user[0].isdigit() or user == "root":
            yield ("install", key), f"install.{key} is {user!r}: it must be a user name of its own, not root"
    if install.watchdog and not install.watchdog.startswith("/dev/"):
        words = f"install.watchdog is {install.watchdog!r}: it must be a device, like /dev/watchdog"
        yield ("install", "watchdog"), words
    for path, server in _servers(inventory):
        if server.data_dir and not _is_absolute(server.data_dir):
            yield (*path, "data_dir"), f"data_dir is {server.data_dir!r}: it must be an absolute path without blanks"


def _is_absolute(path: str) -> bool:
    """Also free of what systemd, keepalived or a shell would take for something else."""
    return path.startswith("/") and not set(path) & set(" \t\n\"'\\%$#{}!*?[]()<>|&;`~") and ".." not in path.split("/")


# ---------------------------------------------------------------------- addresses
def _addresses(inventory: Inventory) -> Iterator[Finding]:
    """Every address can be one, and belongs to one host. Only then networks and ports are looked at."""
    broken = list(_unreadable(inventory))
    yield from broken
    if not broken:
        shared = list(_owners(inventory))
        yield from shared
        yield from _one_family(inventory)
        yield from _vips(inventory)
        yield from spread_checks.check(inventory)
        if not shared:  # or the ports of two hosts would be counted as one's
            yield from _ports(inventory)


def _unreadable(inventory: Inventory) -> Iterator[Finding]:
    for path, server in _servers(inventory):
        if not server.addresses:
            yield (*path, "addresses"), f"{server.id} has no address"
        for number, text in enumerate(server.addresses):
            at = (*path, "addresses", number)
            yield from ((at, words) for words in _address_faults(text, needs_network=isinstance(server, Node)))
    for number, vip in enumerate(inventory.vips):
        at = ("vips", number, "address")
        yield from ((at, words) for words in _address_faults(vip.address, needs_network=True))
    for number, node in enumerate(inventory.nodes):
        name = node.interface
        if not name or len(name.encode()) > _INTERFACE_BYTES_MAX or set(name) & set(" \t\n/:{}#!\"'"):
            yield ("nodes", number, "interface"), f"{name!r} is no network interface's name, like \"eth0\""


def _address_faults(text: str, *, needs_network: bool) -> Iterator[str]:
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        yield f"{text!r} is no IP address (names are not used: a name server's failure would be ours)"
        return
    network = interface.network
    if needs_network and "/" not in text:
        like = "64" if interface.version == 6 else "24"
        yield f'{text!r} lacks the length of its network, like "{text}/{like}"'
    if interface.ip.is_unspecified or interface.ip.is_multicast or interface.ip.is_link_local:
        yield f"{text!r} is no address of one host that others could reach"
    elif network.num_addresses > 2 and interface.ip in (network.network_address, network.broadcast_address):
        yield f"{text!r} is the network's own address or its broadcast address, not a host's"


def _owners(inventory: Inventory) -> Iterator[Finding]:
    """An address belongs to one host, and no host's address is a service address. Data servers may share a host's."""
    owners: dict[IpAddress, tuple[str, str]] = {}  # who has it, and on which host
    for path, server in _servers(inventory):
        host = servers.host_of(inventory, server)
        for number, text in enumerate(server.addresses):
            address = ipaddress.ip_interface(text).ip
            owner, of_host = owners.get(address, ("", host))
            if owner and (owner == server.id or of_host != host or isinstance(server, Node)):
                yield (*path, "addresses", number), f"{address} is given twice: {owner} has it already"
            owners.setdefault(address, (server.id, host))
    for number, vip in enumerate(inventory.vips):
        address = vip.interface.ip
        if address in owners:
            yield (
                ("vips", number, "address"),
                f"{address} is given twice: {owners[address][0]} has it already, and a service address is nobody's own",
            )
        owners.setdefault(address, ("another VIP", ""))


def _one_family(inventory: Inventory) -> Iterator[Finding]:
    """A metadata server listens on 0.0.0.0 or on [::], and [::] takes no IPv4 here."""
    version = inventory.nodes[0].address.version
    first: list[tuple[TomlPath, IpAddress]] = [
        ((*path, "addresses", 0), server.address) for path, server in _servers(inventory)
    ]
    first += [(("vips", number, "address"), vip.interface.ip) for number, vip in enumerate(inventory.vips)]
    for path, address in first:
        if address.version != version:
            yield path, (
                f"{address} is IPv{address.version}, and {inventory.nodes[0].id}'s first address is IPv{version}: "
                "the addresses that servers are reached by must be of one kind"
            )


def _vips(inventory: Inventory) -> Iterator[Finding]:
    ids = [node.id for node in inventory.nodes]
    routers: dict[int, str] = {}
    for number, vip in enumerate(inventory.vips):
        path: TomlPath = ("vips", number)
        for node in inventory.nodes:
            if not any(vip.interface.network == interface.network for interface in node.interfaces):
                has = ", ".join(str(interface.network) for interface in node.interfaces)
                yield (
                    (*path, "address"),
                    f"{vip.address} is in no network of {node.id}'s {node.interface} ({has}): it could not move there",
                )
        if vip.preferred and vip.preferred not in ids:
            yield (
                (*path, "preferred"),
                f"preferred is {vip.preferred!r}, and there is no such node ({', '.join(ids)})",
            )
        router = inventory.router_id(vip)
        if not 1 <= router <= 255:
            yield (*path, "router_id"), f"router_id is {router}: it must be 1 to 255"
        elif router in routers:
            at = (*path, "router_id" if vip.router_id else "address")
            yield at, f"router_id {router} is used twice: {routers[router]} has it already"
        routers.setdefault(router, vip.address)


def _ports(inventory: Inventory) -> Iterator[Finding]:
    """On every host each port has one listener. A metadata server's NFS listens on all of the host's addresses."""
    ports = inventory.ports
    for key in ("nfs", "raft", "admin", "ds_nfs", "ds_control", "metrics", "ds_metrics"):
        if not 1 <= getattr(ports, key) <= 65535:
            yield ("ports", key), f"ports.{key} is {getattr(ports, key)}: it must be 1 to 65535"
    for number, data_server in enumerate(inventory.data_servers):
        for name in ("nfs_port", "control_port", "metrics_port"):
            port = getattr(data_server, name)
            if not 0 <= port <= 65535:
                yield ("data_servers", number, name), f"{name} is {port}: it must be 1 to 65535"
    used: dict[tuple[str, int], str] = {}
    for path, server in _servers(inventory):
        host = servers.host_of(inventory, server)
        for at, port, what in _listeners(inventory, server):
            other = used.setdefault((host, port), what)
            if other != what:
                words = f"port {port} is used twice on {server.address}: for {other} and for {what}"
                yield at if isinstance(server, Node) else (*path, *at), words


def _listeners(inventory: Inventory, server: Node | DataServer) -> Iterator[tuple[TomlPath, int, str]]:
    """Where its port is set, the port, and what listens there."""
    if isinstance(server, Node):
        for key, what in (("nfs", "NFS"), ("raft", "consensus"), ("admin", "administration")):
            yield ("ports", key), getattr(inventory.ports, key), f"{server.id}'s {what}"
        if inventory.metrics.enabled:
            yield ("ports", "metrics"), inventory.ports.metrics, f"{server.id}'s metrics"
        return
    nfs, control = ("nfs_port" if server.nfs_port else "id"), ("control_port" if server.control_port else "id")
    yield (nfs,), inventory.ds_nfs_port(server), f"{server.id}'s NFS"
    yield (control,), inventory.ds_control_port(server), f"{server.id}'s control"
    if inventory.metrics.enabled:
        key = "metrics_port" if server.metrics_port else "id"
        yield (key,), inventory.ds_metrics_port(server), f"{server.id}'s metrics"


# ---------------------------------------------------------------------- fencing
def _devices(inventory: Inventory) -> Iterator[tuple[TomlPath, Node, FenceDevice]]:
    for number, node in enumerate(inventory.nodes):
        for place, device in enumerate(node.fencing):
            yield ("nodes", number, "fencing", place), node, device


def _fencing(inventory: Inventory) -> Iterator[Finding]:
    hosts = {text.split("/")[0] for node in inventory.nodes for text in node.addresses}
    for path, node, device in _devices(inventory):
        if words := agents.refusal(device.agent):
            yield (*path, "agent"), words
        for key, value in device.parameters.items():
            at = (*path, "parameters", key)
            if is_secret(key):
                how = "password_file" if plain_key(key) in ("password", "passwd") else f"secrets.{key}"
                yield at, f"{key} is a secret: write it into a file of mode 0600 and name that with {how}"
            elif plain_key(key) == "action":
                yield at, "action is not for the inventory: it is off, on or status, as the case may be"
            elif key in ("ip", "ipaddr") and value in hosts:
                yield at, f"{value} is the address of a node, not of the device that turns {node.id} off"
            elif "\n" in value or "\n" in key:
                yield at, f"{key} must be one line"
        if not 500 <= device.timeout_ms <= 120_000:
            yield (*path, "timeout_ms"), f"timeout_ms is {device.timeout_ms}: it must be 500 to 120000"
        if not 1 <= device.attempts <= 5:
            yield (*path, "attempts"), f"attempts is {device.attempts}: it must be 1 to 5"
        for key in device.secret_files.keys() & device.parameters.keys():
            yield (*path, "parameters", key), f"{key} is given twice: as a parameter and as a secret"
    for number, node in enumerate(inventory.nodes):
        if words := budget.excess(node.id, node.fencing):
            longest = max(range(len(node.fencing)), key=lambda place: budget.budget_ms(node.fencing[place : place + 1]))
            yield ("nodes", number, "fencing", longest, "timeout_ms"), words


def _outlets(inventory: Inventory) -> Iterator[Finding]:
    """No device is two nodes': a line that was copied would switch a healthy one off. Both lines are told."""
    places = {
        Device(
            str(number), node.id, device.agent, tuple(f"{key}={value}" for key, value in device.parameters.items()),
            tuple(map(Path, device.secret_files.values())),
        ): path
        for number, (path, node, device) in enumerate(_devices(inventory))
    }  # fmt: skip
    for first, second in same_outlet(places):
        for device, other in ((first, second), (second, first)):
            yield (*places[device], "parameters", "ip"), (
                f"{device.node} and {other.node} have the same power device ({first.place}): "
                f"who fences {device.node} would switch {other.node} off"
            )


def _secrets(inventory: Inventory, base: Path) -> Iterator[Finding]:
    for path, _, device in _devices(inventory):
        if device.password_file and "password" in device.secrets:
            yield (*path, "secrets", "password"), "password is given twice: as password_file and in secrets"
        for key, name in device.secret_files.items():
            at = (*path, "password_file") if name == device.password_file else (*path, "secrets", key)
            if words := secret_fault(base / name):
                yield at, words


def secret_fault(file: Path) -> str:
    """Why the file cannot be taken for a secret; its content is never told."""
    try:
        mode = file.stat().st_mode
        content = file.read_bytes()
    except OSError as problem:
        return f"cannot read the secret in {file_told(file)}: {problem.strerror}"
    if mode & 0o077:
        return f"{file} can be read by others (mode {mode & 0o777:04o}): chmod 0600 {file}"
    if not content.strip() or b"\n" in content.strip() or b"\0" in content:
        return f"{file} must hold one line, the secret itself"
    return ""


# ---------------------------------------------------------------------- the servers' own words, and notes
def _own_words(inventory: Inventory) -> Iterator[Finding]:
    """A value below [settings] or [[exports]] that a server would refuse."""
    configs: list[Callable[[], object]] = [lambda: servers.node_config(inventory, inventory.nodes[0]).validate()]
    configs += [lambda: servers.ds_config(inventory, inventory.data_servers[0]).validate()]
    for make, table in zip(configs, ("", "data_server"), strict=True):
        try:
            make()
        except ConfigError as problem:
            words = str(problem)
            yield _place(words, table), words


def _place(words: str, table: str) -> TomlPath:
    """Where in the file the value stands that a server's refusal begins with, like ``raft.heartbeat_ms is 1``."""
    name = words.replace(":", " ").split(" ", 1)[0]
    if name.startswith("exports["):
        number, _, key = name.removeprefix("exports[").partition("]")
        return ("exports", int(number), key.removeprefix("."))
    parts: TomlPath = tuple(name.split("."))
    if table:
        return ("settings", table, *parts)
    return ("settings", *(parts if len(parts) > 1 else ("node", *parts)))


def _notes(inventory: Inventory) -> Iterator[Finding]:
    if not inventory.service_addresses:
        yield (), "there is no [[vips]] table: clients must mount a node's own address, and it does not move"
    without = [node for node in inventory.nodes if not node.fencing]
    for number, node in enumerate(inventory.nodes):
        if node in without:
            yield ("nodes", number), f"{node.id} has no fencing device: when it falls silent, nobody can turn it off"
    if inventory.settings.data_server.fsync is False:
        yield ("settings", "data_server", "fsync"), "fsync = false: data servers lie about durability"
    yield from _crashes(inventory)
    for path, node, device in _devices(inventory):
        if not device.secret_files and device.agent in agents.AGENTS and "identity_file" not in device.parameters:
            yield path, f"{node.id}'s {device.agent} has no password_file"


def _crashes(inventory: Inventory) -> Iterator[Finding]:
    """A data server that shares its host with a metadata server goes down with that one's power."""
    settings = inventory.settings
    least = settings.guard.stall_ms + RESTART_MS
    if settings.fencing.suspect_ms >= least:
        return
    for host in servers.hosts(inventory):
        if host.node and host.node.fencing and host.data_servers:
            names = " and ".join(server.id for server in host.data_servers)
            yield ("nodes", inventory.nodes.index(host.node)), (
                f"{host.node.id} has a fencing device and shares its host with {names}: when it hangs or is away for "
                f"longer than settings.fencing.suspect_ms ({settings.fencing.suspect_ms}), all on it lose their power; "
                f"{least} leaves the time to end it and start it again"
            )


def _servers(inventory: Inventory) -> Iterator[tuple[TomlPath, Node | DataServer]]:
    nodes: Iterator[tuple[TomlPath, Node | DataServer]] = (
        (("nodes", number), node) for number, node in enumerate(inventory.nodes)
    )
    data_servers: Iterator[tuple[TomlPath, Node | DataServer]] = (
        (("data_servers", number), server) for number, server in enumerate(inventory.data_servers)
    )
    return itertools.chain(nodes, data_servers)


_CHECKS: Final[tuple[Callable[[Inventory], Iterator[Finding]], ...]] = (
    _names, _numbers, _places, _addresses, _fencing, _outlets,
)  # fmt: skip
