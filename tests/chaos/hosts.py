"""The site of a drill: machines installed from an inventory, on which systemd and keepalived do their own part."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from deploy.units import MDS_UNIT
from tests.chaos.site import rotated
from tests.support.cluster import NFS_PORT
from tests.support.deployed import Deployed, journal
from tests.support.lifeline import alive

_END_S = 5.0
_ROOT_ON_DISK = "up"
"""Where a machine's root is on its disk (tests/support/machine.py)."""


class Hosts:
    """A :class:`tests.chaos.site.Site`. Servers that end are started again by their unit, not by a scenario."""

    service_on = ""
    """Nothing here moves the service address: keepalived does."""

    def __init__(self, cluster: Deployed, *, by_own_address: bool) -> None:
        """``by_own_address``: some clients know every server; else all know the service address only."""
        self.cluster, self._by_own_address = cluster, by_own_address

    @property
    def mds_ids(self) -> list[str]:
        return self.cluster.mds_ids

    @property
    def cluster_file(self) -> Path:
        return self.cluster.cluster_file

    def servers(self) -> list[tuple[str, int]]:
        return [(self.cluster.address(name), NFS_PORT) for name in self.mds_ids]

    def known_to(self, number: int) -> list[tuple[str, int]]:
        """The service address only, as a mount does; every second host knows every server instead, if any does."""
        if self._by_own_address and number % 2:
            return rotated(self.servers(), number)
        return [(self.cluster.service_address, NFS_PORT)]

    def wrap(self, host: str, command: Sequence[str]) -> list[str]:
        return self.cluster.net.wrap(host, command)

    def pid(self, name: str) -> int:
        machine = self.cluster.machines[name]
        return machine.host_pid(int(machine.unit(MDS_UNIT, "MainPID")))

    def alive(self, name: str) -> bool:
        machine = self.cluster.machines[name]
        return machine.running and machine.unit(MDS_UNIT, "MainPID") != "0"

    def kill(self, *names: str) -> None:
        pids = [self.pid(name) for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + _END_S
        while any(map(alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.005)

    def terminate(self, name: str) -> None:
        self.cluster.machines[name].run(f"systemctl stop {MDS_UNIT}")

    def start(self, name: str) -> None:
        self.cluster.machines[name].run(f"systemctl start {MDS_UNIT}")

    def start_replacement(self, name: str) -> None:
        config = f"/etc/mdscluster/{name}/{name}.toml"
        self.cluster.machines[name].run(f"runuser -u mdscluster -- mdscluster rejoin --config {config}")
        self.start(name)

    def data_dir(self, name: str) -> Path:
        return self.cluster.disks[name].folder / _ROOT_ON_DISK / "var/lib/mdscluster" / name

    def logs(self) -> dict[str, Path]:
        return {name: journal(machine) for name, machine in self.cluster.machines.items()}

    def move_service(self, name: str, keeps: Collection[str] = ()) -> None:
        raise NotImplementedError("keepalived moves the service address")

    def drop_service(self, name: str) -> None:
        raise NotImplementedError("keepalived moves the service address")

    def digest(self) -> tuple[int, str]:
        return self.cluster.mdsctl("digest", "--json")
