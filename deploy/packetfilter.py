"""The nftables rules by which a host without a server says nothing at an address that is about to move.

A server that dies leaves its kernel behind, which resets its connections, and refuses new ones, until the address has
moved. A client that hears of it comes again too early: refused, Linux waits 3 s before it tries again; unanswered, its
TCP repeats the SYN after 1 s. One that hears nothing is told by the next holder, a moment after the address has moved
(docs/adr/0019). What a living server resets on purpose is marked (:mod:`mdscluster.silence`), and what answers a packet
for which there is neither connection nor listener any more is not sent, as that is not let in.

Where IPVS spreads the clients of one address over the nodes, it finds out by itself that a server is gone, and what
comes to its holder is not for that host's server: at that address nobody is refused, and all else is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from deploy.inventory import Inventory
from mdscluster.silence import RESET_MARK

TABLE = "mdscluster_vip"


def render(inventory: Inventory) -> str:
    """For ``nft -f``, which takes it as a whole; loading it again replaces it."""
    addresses = [vip.interface.ip for vip in inventory.service_addresses]
    passed_on = [inventory.spread_address] if inventory.spread.by == "ipvs" and inventory.spread.address else []
    return rules([each for each in addresses if each not in passed_on], inventory.ports.nfs, passed_on)


def rules(
    addresses: Iterable[IPv4Address | IPv6Address],
    port: int,
    passed_on: Iterable[IPv4Address | IPv6Address] = (),
) -> str:
    """The table for service addresses at which servers listen on ``port``; ``passed_on``: those of IPVS."""
    families = [("ip6" if address.version == 6 else "ip", address) for address in addresses]
    swallowed = "".join(
        f"        {family} daddr {address} tcp dport {port} socket transparent {{ 0, 1 }} accept\n"
        f"        {family} daddr {address} tcp dport {port} drop\n"
        for family, address in families
    )
    unsaid = "".join(
        f"        {family} saddr {address} tcp sport {port} tcp flags & (rst | ack) == (rst | ack) "
        f"meta mark != {RESET_MARK:#x} drop\n"
        for family, address in families
    )
    unsaid += "".join(
        f"        ip saddr {address} tcp sport {port} tcp sequence 0 "
        f"tcp flags & (rst | ack | syn) == (rst | ack) drop\n"
        for address in passed_on
    )
    return f"""\
# A host says nothing at a service address while its server is dead: the next holder tells the clients.
table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
    chain input {{
        type filter hook input priority 0; policy accept;
        # What belongs to a connection, or to a server that listens, is let in; all else would be answered by a reset.
{swallowed}    }}
    chain output {{
        type filter hook output priority 0; policy accept;
        # Resets (with ACK) of connections whose server died, and refusals; none that a server means.
{unsaid}    }}
}}
"""
