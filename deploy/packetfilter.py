"""The nftables rule that keeps a node from refusing connections to an address that is about to move.

A server that dies leaves its kernel behind, which refuses connections until the address has moved; a refused Linux
client waits 3 s before it tries again. Unanswered, its TCP repeats the SYN after 1 s (measured: 1.1 s instead of
3.1 s).
"""

from __future__ import annotations

from deploy.inventory import Inventory

TABLE = "mdscluster_vip"


def render(inventory: Inventory) -> str:
    """For ``nft -f``, which takes it as a whole; loading it again replaces it."""
    rules = "".join(
        f"        {'ip6' if vip.interface.version == 6 else 'ip'} saddr {vip.interface.ip} tcp sport "
        f"{inventory.ports.nfs} tcp sequence 0 tcp flags & (rst | ack | syn) == (rst | ack) drop\n"
        for vip in inventory.service_addresses
    )
    return f"""\
# Nobody is refused at a service address: not while its server is dead, and the address has not moved yet.
# It drops nothing but the refusal: a reset with sequence number 0 and ACK set.
table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
    chain output {{
        type filter hook output priority 0; policy accept;
{rules}    }}
}}
"""
