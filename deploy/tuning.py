"""Settings of the kernel that suit a cluster's hosts. They are proposed, each with its reason, and never applied: an
operator reads them, strikes out what does not fit, and installs the rest (INSTALL.md of the host).
"""

from __future__ import annotations

from typing import Final

_HEAD: Final = "# Read before you install it: written by `mdsctl deploy render`, applied by nobody but you.\n"

SYSCTL: Final = (
    _HEAD
    + """
# Dirty pages begin to be written early and in small portions. With the defaults (10 and 20 % of memory) a data server
# with 256 GiB piles up 25 GiB, and an fsync of a log on the same host waits behind them.
vm.dirty_background_ratio = 2
vm.dirty_ratio = 10
vm.dirty_expire_centisecs = 1000

# A server that was swapped out misses heartbeats: the others elect a new leader for nothing.
vm.swappiness = 1

# Socket buffers: a client with 10 Gbit/s and 1 ms of round trip has 1.25 MB under way, 100 Gbit/s ten times as much.
# The kernel grows buffers by itself up to these bounds (least, default, most, in bytes).
net.core.rmem_max = 16777216
net.core.wmem_max = 16777216
net.ipv4.tcp_rmem = 4096 131072 16777216
net.ipv4.tcp_wmem = 4096 65536 16777216

# After a takeover all clients of a node connect within a second.
net.core.somaxconn = 4096
net.ipv4.tcp_max_syn_backlog = 8192
"""
)

UDEV: Final = (
    _HEAD
    + """
# NVMe orders requests itself ("elevator=none" on old kernels' command lines). An I/O scheduler only adds latency.
# Disks that are there already get it by `udevadm trigger` or a restart of the machine.
ACTION=="add|change", SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", KERNEL=="nvme[0-9]*n[0-9]*", \\
    ATTR{queue/scheduler}="none"
"""
)

MODPROBE: Final = (
    _HEAD
    + """
# A disk that does not answer for this long (seconds; the default is 30) is reset, then given up with an error. A
# metadata server stops at the first error of its log's disk, and the others go on without it: better soon than late.
# On network disks (Amazon EBS and the like) strike it out: they may take longer without being lost.
# In force after a restart of the machine; also as nvme_core.io_timeout=10 on the kernel's command line. With the root
# file system on NVMe the module is loaded before this file can be read: `update-initramfs -u` takes it along.
options nvme_core io_timeout=10
"""
)

FILES: Final = {
    "tuning/90-mdscluster.sysctl.conf": SYSCTL,
    "tuning/60-mdscluster.rules": UDEV,
    "tuning/mdscluster-nvme.modprobe.conf": MODPROBE,
}
