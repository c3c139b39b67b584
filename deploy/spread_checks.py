"""What is wrong with the spread address of an inventory (``[spread]``); told as :mod:`deploy.checks` tells."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from deploy.inventory import Inventory, Spread
from deploy.positions import TomlPath

Finding = tuple[TomlPath, str]
WAYS = ("nft", "ipvs")


def check(inventory: Inventory) -> Iterator[Finding]:
    """Only after all other addresses were found good."""
    spread = inventory.spread
    if not spread.address:
        if spread != Spread():
            yield ("spread",), "without an address nothing is spread: set spread.address, or leave [spread] out"
        return
    at = ("spread", "address")
    try:
        interface = ipaddress.ip_interface(spread.address)
    except ValueError:
        yield at, f"{spread.address!r} is no IP address"
        return
    if interface.version != 4:
        yield at, f"{interface.ip} is IPv6: clients are spread by IPv4 only"
        return
    yield from _address(inventory, interface)
    yield from _way(inventory)


def _address(inventory: Inventory, interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> Iterator[Finding]:
    at = ("spread", "address")
    for server in inventory.servers:
        if interface.ip in {ipaddress.ip_interface(text).ip for text in server.addresses}:
            yield at, f"{interface.ip} is given twice: {server.id} has it already"
    if interface.ip in {vip.interface.ip for vip in inventory.vips}:
        yield at, f"{interface.ip} is given twice: it is one of [[vips]] already"
    for node in inventory.nodes:
        if not any(interface.network == own.network for own in node.interfaces):
            has = ", ".join(str(own.network) for own in node.interfaces)
            yield at, f"{interface} is in no network of {node.id}'s {node.interface} ({has}): it could not move there"
    router = inventory.router_id(inventory.service_addresses[-1])
    if not 1 <= router <= 255:
        yield ("spread", "router_id"), f"router_id is {router}: it must be 1 to 255"
    elif router in {inventory.router_id(vip) for vip in inventory.vips}:
        yield ("spread", "router_id"), f"router_id {router} is used twice: one of [[vips]] has it already"


def _way(inventory: Inventory) -> Iterator[Finding]:
    spread, port = inventory.spread, inventory.spread_port
    if spread.by not in WAYS:
        yield ("spread", "by"), f"spread.by is {spread.by!r}: it must be {' or '.join(map(repr, WAYS))}"
        return
    if len(inventory.founders) < 3:
        yield ("spread", "address"), "a service address needs nodes to move to: at least 3 metadata servers"
    if spread.by == "ipvs":
        return
    preferred = {vip.preferred for vip in inventory.vips}
    without = [node.id for node in inventory.nodes if node.id not in preferred]
    if without:
        yield ("spread", "by"), (
            f"clients are spread over the service addresses, and none of [[vips]] is preferred by {', '.join(without)}"
        )
    ports = inventory.ports
    if not 1 <= port <= 65535:
        yield ("spread", "port"), f"spread.port is {port}: it must be 1 to 65535"
    elif port in (ports.nfs, ports.raft, ports.admin, ports.ds_nfs, ports.ds_control):
        yield ("spread", "port"), f"spread.port is {port}, which is one of [ports] already: nothing may listen there"
