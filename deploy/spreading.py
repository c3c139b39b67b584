"""One address for all clients, spread over the nodes: what a host needs beside ``keepalived.conf``.

Clients mount ``spread.address``. keepalived keeps it on one node, as any service address; what arrives there is passed
on to the node that the client's address hashes to.

**nft** (``spread.by = "nft"``, where the kernel has no IPVS): packets are rewritten and keep no state. The holder sends
them to one of the other service addresses, of which each is on a node that is well: keepalived's business, too, so
nothing here watches anybody's health. There they are turned back into packets for the spread address, which every node
takes for its own without having it on an interface, and without answering ARP for it (the local route, ``arp_ignore``).
So servers see their clients' own addresses, answer them directly, and connections survive a move of the spread address.
A port of its own between nodes tells these packets from those of clients that mounted the other address itself.

**ipvs**: keepalived's ``virtual_server``, direct routing, one real server a node. Rendered, and read by
``keepalived -t``; not exercised by any test here, as the machines that tests run on have no IPVS in their kernel.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from keepalived_config import KeepAlivedConfigBlock as Block
from keepalived_config import KeepAlivedConfigParam as Param

from deploy.inventory import Inventory, Node

TABLE: Final = "mdscluster_spread"
NFT_FILE: Final = "spread.nft"
SYSCTL_FILE: Final = "spread.sysctl.conf"
UNIT: Final = "mdscluster-spread.service"
_SEED: Final = "0x6d647363"
"""The same on every node: a client's node does not change when the spread address moves."""
_CHECK_S: Final = 1
WITH_NFTABLES: Final = """\
# nftables.service flushes all rules, ours as well, whether it is reloaded (/etc/nftables.conf begins with `flush
# ruleset`), restarted, or stopped and started: what it does is done here after it. Started while this is active, it
# loads them itself (a drop-in).
After=nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
"""
"""Of a unit that loads rules, which is also WantedBy= that one: PartOf= stops it and starts nothing."""


def nft(inventory: Inventory, node: Node) -> str:
    """For ``nft -f`` on ``node``, which takes it as a whole; loading it again replaces it."""
    address, port, inner = inventory.spread_address, inventory.ports.nfs, inventory.spread_port
    targets = [str(vip.interface.ip) for vip in inventory.vips]
    mapped = ", ".join(f"{number} : {target}" for number, target in enumerate(targets))
    return f"""\
# Spreads the clients of {address} over the service addresses, by the hash of their own address. No state is kept.
table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
    chain prerouting {{
        type filter hook prerouting priority raw - 10; policy accept;
        # Whoever has the address: to the client's node.
        iifname "{node.interface}" ip daddr {address} tcp dport {port} notrack ip daddr set \\
            jhash ip saddr mod {len(targets)} seed {_SEED} map {{ {mapped} }} tcp dport set {inner}
        # The client's node (perhaps this one): as the client sent it.
        iifname "{node.interface}" ip daddr {{ {", ".join(targets)} }} tcp dport {inner} fib daddr type local notrack \\
            ip daddr set {address} tcp dport set {port}
    }}
    chain output {{
        type filter hook output priority raw - 10; policy accept;
        ip saddr {address} tcp sport {port} notrack
    }}
}}
"""


def sysctl(inventory: Inventory, node: Node) -> str:
    """Kernel settings without which it does not work; ``INSTALL.md`` applies them, in sight."""
    name = node.interface.replace(".", "/")
    lines = [
        f"# Spreading the clients of {inventory.spread_address} (docs/DEPLOY.md): without these it does not work.",
        "# The spread address is every node's own, and only its holder may answer ARP for it, or name it in its own.",
        f"net.ipv4.conf.{name}.arp_ignore = 1",
        f"net.ipv4.conf.{name}.arp_announce = 2",
        "# A router's word that a packet is too large for the way to a client goes to the holder, not to the client's",
        "# node: so that one finds it out by itself, when nothing gets through.",
        "net.ipv4.tcp_mtu_probing = 1",
    ]
    if inventory.spread.by == "nft":
        lines += [
            "# Its holder passes packets on to other nodes, and does not advise clients to go there themselves.",
            f"net.ipv4.conf.{name}.forwarding = 1",
            "net.ipv4.conf.all.send_redirects = 0",
            f"net.ipv4.conf.{name}.send_redirects = 0",
        ]
    return "\n".join(lines) + "\n"


def unit(inventory: Inventory, comment: str, sandbox: str) -> str:
    """Loads the rules, and makes the spread address this host's own. ``comment``: the cluster's name, made harmless."""
    route = f"local {inventory.spread_address}/32 dev lo table local"
    # Unloaded in any case: a unit that is changed is stopped by its new commands.
    unload = f"ExecStop=-/usr/sbin/nft delete table ip {TABLE}\n"
    load = f"ExecStart=/usr/sbin/nft -f {inventory.install.config_dir}/{NFT_FILE}\n"
    again = load.replace("ExecStart=", "ExecReload=")
    after, by = WITH_NFTABLES, "multi-user.target nftables.service"
    if inventory.spread.by != "nft":
        load, again, after, by = "", "", "", "multi-user.target"
    return f"""\
# Cluster {comment}. Written by `mdsctl deploy render`.
[Unit]
Description=mdscluster spreads the clients of {inventory.spread_address}
Before=keepalived.service
After=network.target
{after}RequiresMountsFor={inventory.install.config_dir}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/ip route replace {route}
{load}{again}{unload}ExecStop=-/usr/sbin/ip route del {route}
CapabilityBoundingSet=CAP_NET_ADMIN
RestrictAddressFamilies=AF_NETLINK
IPAddressDeny=any
PrivateDevices=yes
{sandbox}
[Install]
WantedBy={by}
"""


def virtual_server(inventory: Inventory) -> Block:
    """keepalived's IPVS block: source hashing, direct routing, a check of each node: whether it is ready, or where
    ``metrics.enabled`` is off, and nobody can be asked that, whether it listens."""
    port, network = inventory.ports.nfs, ipaddress.ip_interface(inventory.spread.address).network
    block = Block("virtual_server", f"{inventory.spread_address} {port}")
    for name, value in (
        ("delay_loop", str(_CHECK_S)), ("lvs_sched", "sh"), ("lvs_method", "DR"), ("protocol", "TCP"),
    ):  # fmt: skip
        block.add_param(Param(name, value))
    for node in inventory.nodes:
        real = Block("real_server", f"{node.address_in(network)} {port}")
        check = Block("HTTP_GET" if inventory.metrics.enabled else "TCP_CHECK")
        if inventory.metrics.enabled:
            url = Block("url", "")
            url.add_param(Param("path", "/ready"))
            url.add_param(Param("status_code", "200"))
            check.add_param(url)
            check.add_param(Param("connect_ip", str(node.address)))
            check.add_param(Param("connect_port", str(inventory.ports.metrics)))
        for name in ("connect_timeout", "delay_before_retry"):
            check.add_param(Param(name, str(_CHECK_S)))
        check.add_param(Param("retry", "1"))
        real.add_param(Param("weight", "1"))
        real.add_param(check)
        block.add_param(real)
    return block
