"""INSTALL.md of a host: the commands that put its folder where it belongs. A test runs them as they stand there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from deploy import clearing, fencing_devices, keepalived, spreading, units
from deploy.clearing import COMMANDS, DROP_IN, KEEPALIVED_CONF, NFTABLES_DROP_IN, SPREAD_SYSCTL, TMPFILES
from deploy.inventory import DataServer, Inventory, Node
from deploy.servers import Host, node_config
from fencing import needs

NFT_FILE: Final = "vip.nft"


def guide(inventory: Inventory, host: Host) -> str:
    """The whole document. Blocks marked ``sh`` are commands for root in this folder, copied to the host."""
    etc = inventory.install.config_dir
    parts = [
        f"# {host.name}: {' and '.join(host.ids)} of cluster {inventory.name}",
        "Written by `mdsctl deploy render`. Copy this folder to the host, readable by root only (it holds keys), and "
        "run the commands in it as root. They may be run again: after a new rendering they bring the host up to it.\n\n"
        f"Debian packages: {', '.join(packages(inventory, host))}. `{inventory.install.bin_dir}` must hold "
        f"{' and '.join(_programs(host))} (docs/DEPLOY.md)."
        + "".join(f" Of your own: `{program}`." for program in _own_agents(inventory, host)),
        "## Users and folders\n\n" + _sh(_folders(inventory, host)),
        "## Configuration, certificates, keys\n\n" + _sh(_configuration(inventory, host)),
        "## Services\n\n" + _sh(_services(inventory, host)),
        "## Checks\n\nEach ends with exit code 0.\n\n" + _sh(_checks(inventory, host)),
        "## Start\n\n" + _start(inventory, host),
        "## Kernel settings\n\nNothing above has applied them. Read `tuning/`, strike out what does not fit, then:\n\n"
        "```\n"
        "install -m 0644 tuning/90-mdscluster.sysctl.conf /etc/sysctl.d/90-mdscluster.conf && sysctl --system\n"
        "install -m 0644 tuning/60-mdscluster.rules /etc/udev/rules.d/60-mdscluster.rules && udevadm control --reload\n"
        "udevadm trigger --action=change --subsystem-match=block\n"
        "install -m 0644 tuning/mdscluster-nvme.modprobe.conf /etc/modprobe.d/mdscluster-nvme.conf\n"
        "update-initramfs -u\n"
        "```\n\n"
        "`udevadm trigger` is for disks that are there already. The last two lines are in force after a restart; "
        "`update-initramfs` is for hosts with the root file system on NVMe, whose kernel reads that file from there.",
        "## Renewed certificates\n\nAfter `mdsctl certs renew`, copy the folder again. Running servers take them up by "
        "themselves within seconds; nothing is restarted.\n\n"
        + _sh((line for name in host.ids for line in _renewal(etc, name)), mark="sh renew"),
        "## No longer wanted\n\nWhere the inventory has lost something that this host had (a data server, service "
        "addresses): copying the folder stops nothing. This does, and keeps it from coming back with the next boot; "
        "where there is nothing of that kind, it does nothing. What is to be done before and after: docs/DEPLOY.md.\n\n"
        + _sh([f"sh ./{clearing.SCRIPT}"], mark="sh clear"),
    ]
    return "\n\n".join(parts) + "\n"


def packages(inventory: Inventory, host: Host) -> tuple[str, ...]:
    """The Debian packages that this host needs: those of every node's fence agents, since it may have to ask any."""
    found = ["python3"]
    if host.node and inventory.service_addresses:
        found += ["keepalived", "nftables", "iproute2"]
    if host.node:
        found += [each for device in fencing_devices.devices(inventory, host.node) for each in needs.packages(device)]
    return tuple(dict.fromkeys(found))


def _own_agents(inventory: Inventory, host: Host) -> list[str]:
    """Programs of the operator's own that are to be on this host."""
    devices = fencing_devices.devices(inventory, host.node) if host.node else ()
    return list(dict.fromkeys(device.agent for device in devices if device.agent.startswith("/")))


def _sh(lines: Iterable[str], mark: str = "sh") -> str:
    return f"```{mark}\n" + "\n".join(lines) + "\n```"


def _programs(host: Host) -> list[str]:
    return [*(["`mdscluster`"] if host.node else []), *(["`dataserver`"] if host.data_servers else [])]


def _servers(inventory: Inventory, host: Host) -> list[tuple[Node | DataServer, str]]:
    """Each server with its user."""
    install = inventory.install
    found: list[tuple[Node | DataServer, str]] = [(host.node, install.user)] if host.node else []
    return [*found, *((server, install.ds_user) for server in host.data_servers)]


def _folders(inventory: Inventory, host: Host) -> list[str]:
    etc = inventory.install.config_dir
    lines = [
        f"install -D -m 0644 {units.SYSUSERS} /etc/sysusers.d/mdscluster.conf",
        "systemd-sysusers /etc/sysusers.d/mdscluster.conf",
        f"install -d -m 0755 {etc}",
        *_commands(inventory, host),
    ]
    for server, user in _servers(inventory, host):
        lines.append(f"install -d -m 0750 -o root -g {user} {etc}/{server.id}")
        lines.append(f"install -d -m 0700 -o {user} -g {user} {inventory.data_dir(server)}")
    if host.node:
        lines.append(f"install -D -m 0644 {units.TMPFILES} {TMPFILES}")
        lines.append(f"systemd-tmpfiles --create {TMPFILES}")
    return lines


def _commands(inventory: Inventory, host: Host) -> list[str]:
    """Links: nobody's PATH has ``bin_dir``, and a bad day is no time to look for it."""
    bin_dir = inventory.install.bin_dir
    if bin_dir == COMMANDS:
        return []
    programs = [*(["mdscluster"] if host.node else []), *(["dataserver"] if host.data_servers else []), "mdsctl"]
    return [f"ln -sfn {' '.join(f'{bin_dir}/{program}' for program in programs)} {COMMANDS}/"]


def _configuration(inventory: Inventory, host: Host) -> list[str]:
    etc = inventory.install.config_dir
    lines = []
    for server, user in _servers(inventory, host):
        name = server.id
        lines.append(f"install -m 0644 {name}/{name}.toml {name}/ca.pem {name}/{name}.pem {etc}/{name}/")
        lines.append(f"install -m 0600 -o {user} -g {user} {name}/{name}.key {name}/cluster.key {etc}/{name}/")
    if host.node and any(node.fencing for node in inventory.nodes):
        name, user = host.node.id, inventory.install.user
        if any(device.secret_files for node in inventory.nodes for device in node.fencing):
            lines.append(f"install -d -m 0750 -o root -g {user} {etc}/{name}/fencing")
            lines.append(f"install -m 0600 -o {user} -g {user} {name}/fencing/*.secret {etc}/{name}/fencing/")
    return lines


def _services(inventory: Inventory, host: Host) -> list[str]:
    etc = inventory.install.config_dir
    names = [units.ds_unit_name(server) for server in host.data_servers]
    lines = []
    if host.node:
        names = [units.GUARD_UNIT, units.MDS_UNIT, *names]
        if inventory.install.watchdog:
            lines += [
                f"install -D -m 0644 {units.WATCHDOG_RULE} /etc/udev/rules.d/{units.WATCHDOG_RULE}",
                "udevadm control --reload",
                "udevadm trigger --settle --subsystem-match=watchdog --subsystem-match=misc",
            ]
        if inventory.service_addresses:
            names.insert(0, units.NFT_UNIT)
            lines += [
                f"install -m 0644 {NFT_FILE} {etc}/",
                f"install -D -m 0644 {units.NFTABLES_DROP_IN} {NFTABLES_DROP_IN}",
                f"install -m 0755 {keepalived.NOTIFY_SCRIPT} {etc}/",
                f"install -D -m 0644 {KEEPALIVED_CONF} /etc/keepalived/keepalived.conf",
                f"install -D -m 0644 {units.KEEPALIVED_DROP_IN} {DROP_IN}",
            ]
        if inventory.spread.address:
            names.insert(0, spreading.UNIT)
            lines += [f"install -m 0644 {spreading.NFT_FILE} {etc}/"] if inventory.spread.by == "nft" else []
            lines += [
                f"install -D -m 0644 {spreading.SYSCTL_FILE} {SPREAD_SYSCTL}",
                f"sysctl -p {SPREAD_SYSCTL}",
            ]
    return [*lines, f"install -m 0644 {' '.join(names)} /etc/systemd/system/"]


def _checks(inventory: Inventory, host: Host) -> list[str]:
    bin_dir, etc = inventory.install.bin_dir, inventory.install.config_dir
    lines, names = [], []
    if host.node:
        lines.append(f"{bin_dir}/mdscluster check --config {etc}/{host.node.id}/{host.node.id}.toml")
        names += [units.GUARD_UNIT, units.MDS_UNIT]
        if inventory.service_addresses:
            lines += [f"nft -c -f {etc}/{NFT_FILE}", "keepalived -t -f /etc/keepalived/keepalived.conf"]
            names.append(units.NFT_UNIT)
        if inventory.spread.address:
            lines += [f"nft -c -f {etc}/{spreading.NFT_FILE}"] if inventory.spread.by == "nft" else []
            names.append(spreading.UNIT)
    for server in host.data_servers:
        lines.append(f"{bin_dir}/dataserver check --config {etc}/{server.id}/{server.id}.toml")
        names.append(units.ds_unit_name(server))
    return [*lines, "systemd-analyze verify " + " ".join(f"/etc/systemd/system/{name}" for name in names)]


def _start(inventory: Inventory, host: Host) -> str:
    names = [units.ds_unit_name(server) for server in host.data_servers]
    lines = ["systemctl daemon-reload"]
    if host.node:
        names = [units.GUARD_UNIT, units.MDS_UNIT, *names]
        if inventory.service_addresses:
            spread = [spreading.UNIT] if inventory.spread.address else []
            names = [units.NFT_UNIT, *spread, *names, "keepalived.service"]
    lines.append(f"systemctl enable --now {' '.join(names)}")
    text = _sh(lines, mark="sh start")
    if host.node and host.node.join:
        peer = node_config(inventory, host.node).peer
        add = f"mdsctl member add {peer.id} --raft {peer.raft} --admin {peer.admin} --nfs {peer.nfs}"
        text = (
            "This node waits to be added (docs/DEPLOY.md, \"From 3 to 5 metadata servers\"). **Before it starts** "
            "every metadata server that is there must have its new folder, and its keepalived must have been reloaded: "
            f"one that hears nobody takes every service address. Then start it:\n\n{text}\n\n"
            f"Then, on the operator's machine:\n\n```\n{add}\n```\n\nWhen all that wait vote, take `join` out of "
            "the inventory and render again."
        )
    elif host.node:
        text = f"A new cluster serves once every metadata server has been started.\n\n{text}"
    return f"{text}\n\n{_again(inventory, host)}"


def _again(inventory: Inventory, host: Host) -> str:
    """What a changed file needs."""
    restarted = [f"`{units.ds_unit_name(server)}`" for server in host.data_servers]
    text = ""
    if host.node:
        restarted.insert(0, f"`{units.MDS_UNIT} {units.GUARD_UNIT}`")
        if inventory.service_addresses:
            text = (
                f" keepalived takes its file up with `systemctl reload keepalived`, the packet filter with `systemctl "
                f"reload {units.NFT_UNIT}`; neither is felt."
            )
    return (
        f"Where these services run already, a changed `.toml`, unit or key, or another CA, needs `systemctl restart` "
        f"of {' or '.join(restarted)}: one host after the other, the next one when `mdsctl status` shows no lag.{text}"
    )


def _renewal(etc: str, name: str) -> list[str]:
    """One rename each: a server that looks meanwhile finds the old file or the new one, never half of it."""
    return [
        f"install -m 0644 {name}/{file} {etc}/{name}/{file}.new && mv -f {etc}/{name}/{file}.new {etc}/{name}/{file}"
        for file in ("ca.pem", f"{name}.pem")
    ]
