"""``keepalived.conf`` of a metadata server: VRRP version 3, unicast, one instance for each service address.

VRRP knows no quorum. An address says where to knock, not who may answer: what is answered there is consensus's to say.
What keepalived needs to know of it, it reads in one file (:data:`HEALTH_FILE`) that the metadata server's guard writes.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from keepalived_config import KeepAlivedConfigBlock as Block
from keepalived_config import KeepAlivedConfigComment as Comment
from keepalived_config import KeepAlivedConfigParam as Param

from deploy import spreading
from deploy.inventory import Inventory, Node, Vip
from mdscluster.guard import footing
from mdscluster.guard.words import HEALTH_NAME

RUN_DIR: Final = PurePosixPath("/run/mdscluster")
"""The metadata server's and its guard's own; their units make it."""
HEALTH_FILE: Final = RUN_DIR / HEALTH_NAME
"""A weight, added to the priority: ``0``, the node may have addresses; -150, as a last resort; :data:`UNFIT`, it may
not. Exchanged as a whole (written beside, renamed): an empty file changes nothing for keepalived (measured with 2.2.7),
and one that keepalived made is root's.
"""
UNFIT: Final = footing.UNFIT
"""A weight below keepalived's least priority: the instance goes into its fault state and lets go of the address."""
STEP_BACK_ADVERTS: Final = 4
"""Adverts that a weak node steps back for: the others wait for three of them, and less than one more (RFC 5798 §6.1,
Master_Down_Interval)."""
VIP_STATE_DIR: Final = PurePosixPath("/run/mdscluster-vip")
"""Where the notify script writes one file for each instance: state, priority and time of its last change. Root's: the
script runs as root, since ``keepalived -t`` of 2.2.7 ends itself (exit code 143) over any other ``script_user``.
"""
NOTIFY_SCRIPT: Final = "vip-notify"
_HEALTH: Final = "mds_health"
_PRIORITY_PREFERRED: Final = 250
_PRIORITIES: Final = 90
"""All nodes' lie within: less than a weight of -150 by so much that a busy host's weak node comes behind a fit one."""
_PRIORITY_STEP_MAX: Final = 40
"""Of two backups the one behind waits longer: an advert's interval / 256 for each point (RFC 5798 §6.1), here
31 ms of 200 ms. Closer together, both take the address where a host is busy, and it moves twice."""


def render(inventory: Inventory, node: Node) -> str:
    """The file for ``node``, which passes ``keepalived -t``."""
    notify = PurePosixPath(inventory.install.config_dir) / NOTIFY_SCRIPT
    blocks = [_global(inventory, node), _health_file()]
    blocks += [_instance(inventory, node, vip, str(notify)) for vip in inventory.service_addresses]
    if inventory.spread.address and inventory.spread.by == "ipvs":
        blocks.append(spreading.virtual_server(inventory))
    return "\n\n".join(block.to_str() for block in blocks) + "\n"


def instance_name(vip: Vip) -> str:
    """After the address: an inventory's order may change without an instance becoming another one."""
    return f"vip_{str(vip.interface.ip).replace(':', '_')}"


def preference(inventory: Inventory, vip: Vip) -> tuple[Node, ...]:
    """The nodes in the order in which they shall have ``vip``.

    Behind the preferred one the others follow, beginning elsewhere for each further address of the same preferred
    node: when it is lost, its addresses go to different nodes.
    """
    nodes, vips = inventory.nodes, inventory.service_addresses
    preferred = [_preferred(inventory, other) for other in vips]
    number = vips.index(vip)
    first = preferred[number]
    others = [nodes[(first + step) % len(nodes)] for step in range(1, len(nodes))]
    turn = preferred[:number].count(first) % len(others) if others else 0
    return (nodes[first], *others[turn:], *others[:turn])


def _preferred(inventory: Inventory, vip: Vip) -> int:
    """The number of the node that has the address while all are well."""
    ids = [node.id for node in inventory.nodes]
    return ids.index(vip.preferred) if vip.preferred else inventory.service_addresses.index(vip) % len(ids)


def priority(inventory: Inventory, node: Node, vip: Vip) -> int:
    """Its VRRP priority: the higher, the sooner."""
    step = min(_PRIORITY_STEP_MAX, _PRIORITIES // max(1, len(inventory.nodes) - 1))
    return _PRIORITY_PREFERRED - step * preference(inventory, vip).index(node)


def stays(inventory: Inventory) -> bool:
    """Whether an address remains where it is when a better node comes back: a single one is not to be spread."""
    return len(inventory.service_addresses) == 1


def _global(inventory: Inventory, node: Node) -> Block:
    block = Block("global_defs")
    _add(block, "router_id", node.id)
    _add(block, "vrrp_version", "3", "adverts below a second need it")
    _add(block, "enable_script_security")
    _add(block, "script_user", "root")
    if not stays(inventory):
        why = "whoever loses an address to a better node says so at once: without both, it was out of reach for 7 s"
        _add(block, "vrrp_higher_prio_send_advert", "true", why)
        _add(block, "vrrp_garp_lower_prio_repeat", "3")
    return block


def _health_file() -> Block:
    block = Block("track_file", _HEALTH, comments=[Comment("written by the metadata server's guard")])
    _add(block, "file", f'"{HEALTH_FILE}"')
    _add(block, "weight", "1")
    _add(block, "init_file", str(UNFIT), "until the guard has said otherwise")
    return block


def _instance(inventory: Inventory, node: Node, vip: Vip, notify: str) -> Block:
    interface = vip.interface
    block = Block("vrrp_instance", instance_name(vip))
    _add(block, "state", "BACKUP")
    _add(block, "interface", node.interface)
    _add(block, "virtual_router_id", str(inventory.router_id(vip)))
    _add(block, "priority", str(priority(inventory, node, vip)))
    _add(block, "advert_int", f"{inventory.vrrp.advert_interval_ms / 1000:g}")
    if stays(inventory):
        _add(block, "nopreempt")
    # Of the address' own network: adverts between other networks' addresses do not arrive at this interface, and
    # everybody would be master.
    _add(block, "unicast_src_ip", str(node.address_in(interface.network)))
    peers = Block("unicast_peer")
    for other in inventory.nodes:
        if other != node:
            _add(peers, str(other.address_in(interface.network)))
    addresses, tracked = Block("virtual_ipaddress"), Block("track_file")
    _add(addresses, f"{interface} dev {node.interface}")
    _add(tracked, _HEALTH)
    for inner in (peers, addresses, tracked):
        block.add_param(inner)
    _add(block, "notify", f'"{notify}"')
    _add(block, "notify_deleted")
    return block


def _add(block: Block, name: str, value: str = "", why: str = "") -> None:
    block.add_param(Param(name, value, comments=[Comment(why)] if why else None))


def notify_script() -> str:
    """What keepalived runs when an instance changes its state, and its unit around keepalived's life."""
    return f"""#!/bin/sh
# keepalived runs this when a service address comes or goes: vip-notify INSTANCE NAME STATE PRIORITY
# It tells the log, and leaves the state in {VIP_STATE_DIR}/NAME, where the metadata server finds it.
# keepalived's unit runs `vip-notify begins` before keepalived starts, which then tells of every address it has, and
# `vip-notify ended` after it, however it ended: killed, it told nobody that it has no address any more.
set -eu
cd {VIP_STATE_DIR}
begun=$(cut -d ' ' -f 22 /proc/$$/stat)
# keepalived waits for no script: of two that run at once the one that was started later tells how things stand, and one
# that an earlier keepalived started tells nothing.
alone() {{
    exec 9>.lock
    flock 9
}}
newest() {{ # NAME
    alone
    last=$(cat -- ".order_$1" 2>/dev/null || cat .begins 2>/dev/null) || last=
    [ -n "$last" ] || last="0 0"
    [ "${{last% *}}" -lt "$begun" ] || {{ [ "${{last% *}}" -eq "$begun" ] && [ "${{last#* }}" -lt $$ ]; }} || exit 0
    echo "$begun $$" >".order_$1"
}}
leave() {{ # NAME STATE PRIORITY
    new=$(mktemp -- ".$1.XXXXXX")
    printf '%s %s %s\\n' "$2" "$3" "$(date +%s.%N)" >"$new"
    chmod 0644 -- "$new"
    mv -f -- "$new" "$1"
}}
case $1 in
begins)
    alone
    rm -f -- vip_* .order_*
    echo "$begun $$" >.begins
    ;;
ended)
    for name in vip_*; do
        [ -e "$name" ] || continue
        newest "$name"
        grep -q '^STOP ' "$name" || leave "$name" STOP 0
    done
    ;;
*)
    logger -t mdscluster-vip -- "$2 is $3 (priority $4)"
    newest "$2"
    if [ "$3" = DELETED ]; then # taken out of keepalived's file
        rm -f -- "$2"
    else
        leave "$2" "$3" "$4"
    fi
    ;;
esac
"""
