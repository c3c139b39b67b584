"""systemd units of a host: every server under its own user, with the capabilities it uses and no others.

What each of them may is told by what the code does: a metadata server opens raw sockets to tell clients of a takeover
(``mdsproto/tickle.py``, CAP_NET_RAW), listens to the kernel's news of addresses (AF_NETLINK), and lets who writes a
backup step behind it (``mdscluster/backup/dump.py``, setpriority). A data server opens raw sockets to tell clients that
it is back (``dataserver/whereabouts.py``). A guard needs nothing: it ends processes of its own user only. Ports below
1024 need CAP_NET_BIND_SERVICE.
"""

from __future__ import annotations

from typing import Final

from deploy import spreading
from deploy.inventory import DataServer, Inventory, Node
from deploy.keepalived import HEALTH_FILE, NOTIFY_SCRIPT, RUN_DIR, UNFIT, VIP_STATE_DIR

MDS_UNIT: Final = "mdscluster-mds.service"
GUARD_UNIT: Final = "mdscluster-guard.service"
NFT_UNIT: Final = "mdscluster-nft.service"
KEEPALIVED_DROP_IN: Final = "keepalived.service.d-mdscluster.conf"
NFTABLES_DROP_IN: Final = "nftables.service.d-mdscluster.conf"
SYSUSERS: Final = "mdscluster.sysusers"
TMPFILES: Final = "mdscluster.tmpfiles"
WATCHDOG_RULE: Final = "61-mdscluster-watchdog.rules"
_PRIVILEGED_PORTS: Final = 1024
_OPEN_FILES_SPARE: Final = 1024
"""Beside clients' connections: the log, LMDB, sockets to other servers."""

_SANDBOX: Final = """\
# What the service cannot do, whatever is done to it.
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateMounts=yes
PrivateTmp=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077
# A core would hold keys and clients' data.
LimitCORE=0
"""

_BACKUPS_GIVE_WAY: Final = """\
# A process that writes a backup steps behind the others. Without CAP_SYS_NICE nobody is made more urgent by it.
SystemCallFilter=setpriority
"""
"""Comes after :data:`_SANDBOX`, which takes it away."""


_CPU_WEIGHT: Final = "CPUWeight=1000\n"
"""Ten times what everything else on the host has, its data servers included, where there is too little for all."""
_RUNTIME_DIRECTORY: Final = f"""\
# The health file for keepalived; it outlives its writers, since a file that is gone says nothing to keepalived.
RuntimeDirectory={RUN_DIR.name}
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
"""


def _say_unfit(who: str) -> str:
    """The command that writes the health file; ``who``: two of them may be at it at once."""
    return f"/bin/sh -c 'echo {UNFIT} >{HEALTH_FILE}.{who} && mv -f {HEALTH_FILE}.{who} {HEALTH_FILE}'"


def ds_unit_name(server: DataServer) -> str:
    """A host may have several data servers."""
    return f"mdscluster-ds-{server.id}.service"


def mds_unit(inventory: Inventory, node: Node) -> str:
    """The metadata server's unit."""
    install, ports = inventory.install, inventory.ports
    capabilities = ["CAP_NET_RAW", *_bind(ports.nfs, ports.raft, ports.admin, ports.metrics)]
    data_dir = inventory.data_dir(node)
    files = inventory.settings.limits.max_connections + _OPEN_FILES_SPARE
    return f"""\
# Metadata server {node.id} of cluster {_comment(inventory.name)}. Written by `mdsctl deploy render`.
[Unit]
Description=mdscluster metadata server {node.id}
Documentation=https://www.rfc-editor.org/rfc/rfc8881
Wants=network-online.target {GUARD_UNIT}
# Started after its guard, and so stopped before it: the guard sees both.
After=network-online.target {NFT_UNIT} {GUARD_UNIT}
RequiresMountsFor={data_dir}
# It starts again for as long as it takes: a node that stays away after the tenth crash is a node fewer for the quorum.
StartLimitIntervalSec=0

[Service]
Type=exec
User={install.user}
Group={install.user}
ExecStart={install.bin_dir}/mdscluster serve --config {install.config_dir}/{node.id}/{node.id}.toml
# However it ended: the service address must not stay here. Its guard says so first, if it is well itself.
ExecStopPost={_say_unfit("server")}
# Exit code 2: the configuration cannot work, or an operator is needed; it says why in its log.
# 71, 74: an address is not up, a disk has no room: it starts again for as long as it takes.
Restart=always
# At once: a server that is away for longer than [fencing] suspect_ms is fenced, and a start takes a part of that.
RestartSec=100ms
RestartPreventExitStatus=2
# The front end is its parent's to stop; whoever hangs is killed.
KillMode=mixed
TimeoutStopSec=15
LimitNOFILE={files}
# Starved of its processor it loses its addresses, then its leadership. Data servers have 100. Nice= is for hosts whose
# kernel has no processor controller.
{_CPU_WEIGHT}Nice=-5
OOMScoreAdjust=-900
AmbientCapabilities={" ".join(capabilities)}
CapabilityBoundingSet={" ".join(capabilities)}
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_UNIX
PrivateDevices=yes
ReadWritePaths={data_dir}
{_RUNTIME_DIRECTORY}{_SANDBOX}{_BACKUPS_GIVE_WAY}
[Install]
WantedBy=multi-user.target
"""


def guard_unit(inventory: Inventory, node: Node) -> str:
    """The unit of a metadata server's guard.

    Nothing binds it to what it guards. With BindsTo= or PartOf= it would be stopped or started anew together with the
    server, and by every restart that systemd makes of its own accord (it queues a restart job, which takes dependent
    units along): just when it is needed. Nor may the server depend on it: without a guard a node loses its addresses,
    and has no reason to stop serving.
    """
    install = inventory.install
    return f"""\
# Guard of metadata server {node.id} of cluster {_comment(inventory.name)}. Written by `mdsctl deploy render`.
[Unit]
Description=mdscluster guard of metadata server {node.id}
# No BindsTo=, PartOf= or Requires= between it and {MDS_UNIT}, on purpose: neither takes the other along.
Before=keepalived.service
RequiresMountsFor={inventory.data_dir(node)}
StartLimitIntervalSec=0

[Service]
Type=notify
User={install.user}
Group={install.user}
ExecStart={install.bin_dir}/mdscluster guard --config {install.config_dir}/{node.id}/{node.id}.toml
# However it ended: nobody vouches for this node any more. keepalived reads this file at once.
ExecStopPost={_say_unfit("guard")}
Restart=always
RestartSec=100ms
# Exit code 2: the configuration cannot work. 75: another guard runs here. It says why in its log.
RestartPreventExitStatus=2 75
# A guard that hangs is killed; SIGKILL, since another signal does not end a process that was stopped.
WatchdogSec=2
WatchdogSignal=SIGKILL
TimeoutStartSec=30
TimeoutStopSec=5
# It judges by the millisecond, and needs next to nothing.
{_CPU_WEIGHT}Nice=-10
OOMScoreAdjust=-950
MemorySwapMax=0
TasksMax=8
AmbientCapabilities=
CapabilityBoundingSet=
RestrictAddressFamilies=AF_UNIX
PrivateNetwork=yes
IPAddressDeny=any
{_devices(install.watchdog)}{_RUNTIME_DIRECTORY}{_SANDBOX}
[Install]
WantedBy=multi-user.target
"""


def ds_unit(inventory: Inventory, server: DataServer) -> str:
    """A data server's unit."""
    install = inventory.install
    ports = (inventory.ds_nfs_port(server), inventory.ds_control_port(server), inventory.ds_metrics_port(server))
    capabilities = " ".join(["CAP_NET_RAW", *_bind(*ports)])
    data_dir = inventory.data_dir(server)
    limits = inventory.settings.data_server.limits
    return f"""\
# Data server {server.id} of cluster {_comment(inventory.name)}. Written by `mdsctl deploy render`.
[Unit]
Description=mdscluster data server {server.id}
Documentation=https://www.rfc-editor.org/rfc/rfc8881
Wants=network-online.target
After=network-online.target
RequiresMountsFor={data_dir}
StartLimitIntervalSec=0

[Service]
Type=exec
User={install.ds_user}
Group={install.ds_user}
ExecStart={install.bin_dir}/dataserver serve --config {install.config_dir}/{server.id}/{server.id}.toml
# Exit code 2: the configuration cannot work, or an operator is needed; it says why in its log.
# 71, 74: an address is not up, a disk has no room: it starts again for as long as it takes.
Restart=always
RestartSec=1
RestartPreventExitStatus=2
TimeoutStopSec=15
LimitNOFILE={max(65536, 4 * limits.max_connections + _OPEN_FILES_SPARE)}
# A thread for each connection.
TasksMax={2 * limits.max_connections + 512}
OOMScoreAdjust=-800
AmbientCapabilities={capabilities}
CapabilityBoundingSet={capabilities}
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
PrivateDevices=yes
ReadWritePaths={data_dir}
{_SANDBOX}
[Install]
WantedBy=multi-user.target
"""


def nft_unit(inventory: Inventory) -> str:
    """Loads the packet filter rule of the service addresses before the metadata server can refuse anybody."""
    return f"""\
# Cluster {_comment(inventory.name)}. Written by `mdsctl deploy render`.
[Unit]
Description=mdscluster packet filter rule for the service addresses
Before=network-pre.target {MDS_UNIT}
Wants=network-pre.target
{spreading.WITH_NFTABLES}DefaultDependencies=no
Conflicts=shutdown.target
RequiresMountsFor={inventory.install.config_dir}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {inventory.install.config_dir}/vip.nft
ExecReload=/usr/sbin/nft -f {inventory.install.config_dir}/vip.nft
ExecStop=-/usr/sbin/nft delete table inet mdscluster_vip
CapabilityBoundingSet=CAP_NET_ADMIN
RestrictAddressFamilies=AF_NETLINK
IPAddressDeny=any
PrivateDevices=yes
{_SANDBOX}
[Install]
WantedBy=multi-user.target nftables.service
"""


def nftables_drop_in(inventory: Inventory) -> str:
    """nftables.service loads our rules behind its own where our units do not.

    They do when it is reloaded, restarted, or started while they are not active. Where it alone is started (enabled
    later, or again after its file was wrong) they are active, and that it wants them starts nothing.
    """
    names = ["vip.nft", *([spreading.NFT_FILE] if inventory.spread.address and inventory.spread.by == "nft" else [])]
    lines = "".join(f"ExecStartPost=-/usr/sbin/nft -f {inventory.install.config_dir}/{name}\n" for name in names)
    return f"""\
# Cluster {_comment(inventory.name)}. Written by `mdsctl deploy render`.
[Service]
# What it loads begins with `flush ruleset`; where our units are active, systemd does not start them again after it.
{lines}"""


def spread_unit(inventory: Inventory) -> str:
    """Spreads clients over the nodes (:mod:`deploy.spreading`)."""
    return spreading.unit(inventory, _comment(inventory.name), _SANDBOX)


def keepalived_drop_in(inventory: Inventory, node: Node) -> str:
    """keepalived comes back by itself, and while it is away this node has no service address."""
    leave = "".join(
        f"ExecStopPost=-/usr/sbin/ip address del {vip.interface} dev {node.interface}\n"
        for vip in inventory.service_addresses
    )
    notify = f"{inventory.install.config_dir}/{NOTIFY_SCRIPT}"
    return f"""\
# Cluster {_comment(inventory.name)}. Written by `mdsctl deploy render`.
[Unit]
After={MDS_UNIT} {GUARD_UNIT}
StartLimitIntervalSec=0

[Service]
Restart=always
RestartSec=1
# What is told of addresses is told by the keepalived that runs, and of those that it has: see the script.
ExecStartPre=-{notify} begins
# Killed, keepalived leaves its addresses on the interface, where another node has taken them over by then. They are
# taken off before it is told that nobody keeps them any more.
{leave}ExecStopPost=-{notify} ended
# Its adverts are counted by the millisecond.
{_CPU_WEIGHT}"""


def sysusers(inventory: Inventory, *, mds: bool, ds: bool) -> str:
    """Users for systemd-sysusers."""
    install = inventory.install
    lines = [f"# Cluster {_comment(inventory.name)}. Written by `mdsctl deploy render`."]
    lines += [f'u {install.user} - "mdscluster metadata server" /nonexistent /usr/sbin/nologin'] if mds else []
    lines += [f'u {install.ds_user} - "mdscluster data server" /nonexistent /usr/sbin/nologin'] if ds else []
    return "\n".join(dict.fromkeys(lines)) + "\n"


def tmpfiles(inventory: Inventory) -> str:
    """What keepalived finds before the guard has ever run."""
    user = inventory.install.user
    return f"""\
# Cluster {_comment(inventory.name)}. Written by `mdsctl deploy render`.
d {RUN_DIR} 0755 {user} {user} -
f {HEALTH_FILE} 0644 {user} {user} - {UNFIT}
d {VIP_STATE_DIR} 0755 root root -
"""


def watchdog_rule(inventory: Inventory) -> str:
    """A udev rule: the guard may open the watchdog."""
    return f"""\
# Cluster {_comment(inventory.name)}. Written by `mdsctl deploy render`.
KERNEL=="watchdog*", SUBSYSTEM=="watchdog|misc", GROUP="{inventory.install.user}", MODE="0660"
"""


def _devices(watchdog: str) -> str:
    if not watchdog:
        return "PrivateDevices=yes\n"
    return f"DevicePolicy=closed\nDeviceAllow={watchdog} rw\n"


def _bind(*ports: int) -> list[str]:
    return ["CAP_NET_BIND_SERVICE"] if any(port < _PRIVILEGED_PORTS for port in ports) else []


def _comment(text: str) -> str:
    """Text of an operator in a comment: one that ends with a backslash would go on in the next line."""
    return repr(text).replace("\\", "/")
