"""A cluster as its operator would have it: rendered from an inventory, installed by INSTALL.md on machines with disks.

Each metadata server's machine has a power switch and a BMC (IPMI) in the inventory; the BMCs are in a network that no
fault touches. Whoever cuts a machine's power cuts all of it: nothing is said any more, what was not fsynced is gone,
and its addresses with it. Power restored, it boots from its disk, and what was enabled starts by itself.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from deploy.reading import load
from deploy.render import render
from mdsproto.configfile import ConfigError
from tests.support import installing, simulators
from tests.support.cluster import NFS_PORT, OPERATOR, ROOT, SERVICE_OCTET, ClusterError
from tests.support.debian import Unavailable, need_tools
from tests.support.hanet import Hanet
from tests.support.machine import BIN_DIR, Machine
from tests.support.machines import PowerSwitch
from tests.support.power import Disk

TOOLS = installing.TOOLS | simulators.TOOLS
BMC_HOST = "bmcs"
"""All BMCs are in one namespace, a port each."""
_BMC_OCTET, _OPERATOR_OCTET, _MDS_OCTET, _DS_OCTET = 40, 5, 11, 21
_BMC_PORT = 6231
_SERVES_WITHIN_S = 40.0
_AT_ONCE = 2
"""Machines that are installed at the same time."""


class Outlets:
    """The power of machines (:class:`tests.support.machines.Power`)."""

    def __init__(self, net: Hanet, machines: dict[str, Machine], disks: dict[str, Disk]) -> None:
        self._net, self._machines, self._disks = net, machines, disks
        self._on = dict.fromkeys(machines, True)
        self._locks = {name: threading.Lock() for name in machines}
        self.boots: list[threading.Thread] = []
        self.problems: list[str] = []
        """Machines that did not come up again."""

    def is_on(self, machine: str) -> bool:
        """Never "off" of a machine of which anything still runs."""
        return self._on[machine] or self._machines[machine].running

    def cut(self, machine: str) -> None:
        with self._locks[machine]:
            if self.is_on(machine):
                self._net.lose_power(machine)  # first of all: a machine without power says no goodbye
                self._disks[machine].cut_power()
                self._machines[machine].cut()
                self._on[machine] = False

    def restore(self, machine: str) -> None:
        """At once; the machine boots meanwhile, in a thread, as a BMC does not wait for it."""
        if not self.is_on(machine):
            self._on[machine] = True
            self.boots.append(threading.Thread(target=self._boot, args=(machine,), name=f"{machine} boots"))
            self.boots[-1].start()

    def _boot(self, machine: str) -> None:
        with self._locks[machine]:
            try:
                self._machines[machine].stop()
                self._disks[machine].power_cycle()
                self._net.regain_power(machine)
                boot(self._machines[machine])
            except Unavailable as problem:
                self.problems.append(str(problem))

    def crash(self, machine: str) -> None:
        """Every process ends, and the power stays on: the kernel goes on answering for the addresses it has."""
        with self._locks[machine]:
            self._machines[machine].stop()

    def close(self) -> None:
        """Wait until nothing is booting any more, then end all of them."""
        for thread in self.boots:
            thread.join()
        for machine in self._machines.values():
            machine.stop()


def boot(machine: Machine) -> None:
    """Power on. What it logs is kept outside, as it may end at any moment."""
    machine.boot()
    machine.follow_journal(journal(machine))


def journal(machine: Machine) -> Path:
    """Everything that it has logged in all its lives."""
    return machine.folder / "journal.log"


class Deployed:
    """``with Deployed(...) as cluster``: it serves by the service address, which one host has."""

    def __init__(
        self, folder: Path, net: Hanet, disks: dict[str, Disk], mds: int, ds: int, *, on_quorum_loss: str,
    ) -> None:  # fmt: skip
        """``disks``: one for each of ``machine_names(mds, ds)``."""
        self._on_quorum_loss = on_quorum_loss
        self.folder, self.net, self.disks = folder, net, disks
        self.mds_ids, self.ds_ids = _ids("mds", mds), _ids("ds", ds)
        self.machines: dict[str, Machine] = {}
        self.out = folder / "rendered"
        self._stack = ExitStack()
        self.outlets: Outlets
        self.switch: PowerSwitch

    @property
    def service_address(self) -> str:
        """What clients mount."""
        return f"{self.net.network}.{SERVICE_OCTET}"

    @property
    def cluster_file(self) -> Path:
        """For mdsctl."""
        return self.out / "cluster.json"

    def address(self, name: str) -> str:
        """A host's own."""
        return self.net.hosts[name]

    def __enter__(self) -> Deployed:
        try:
            self._build()
        except BaseException as problem:
            self._stack.close()
            if isinstance(problem, AssertionError):  # a command of INSTALL.md failed
                raise ClusterError(str(problem)) from problem
            raise
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._stack.close()

    # ---- building

    def _build(self) -> None:
        need_tools(TOOLS)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.net.add_host(OPERATOR, _OPERATOR_OCTET)
        bmc_address = self.net.add_host(BMC_HOST, _BMC_OCTET)
        for ids, first in ((self.mds_ids, _MDS_OCTET), (self.ds_ids, _DS_OCTET)):
            for number, name in enumerate(ids):
                self.net.add_host(name, first + number)
        inventory = self.folder / "cluster.toml"
        inventory.write_text(self._inventory(bmc_address))
        password = self.folder / "bmc-password"
        password.write_text(simulators.PASSWORD)
        password.chmod(0o600)
        try:
            render(load(inventory), self.out)
        except ConfigError as problem:
            raise ClusterError(str(problem)) from problem
        for name in (*self.mds_ids, *self.ds_ids):
            folder = self.folder / "hosts" / name
            folder.mkdir(parents=True)
            self.machines[name] = Machine(name, folder, self.net.netns(name), self.disks[name].folder)
        self.outlets = Outlets(self.net, self.machines, self.disks)
        self._stack.callback(self.outlets.close)
        self.switch = self._stack.enter_context(PowerSwitch(self.folder / "switch", self.outlets))
        for number, name in enumerate(self.mds_ids):
            bmc = simulators.start_ipmi(
                self.switch.path, name, bmc_address, _BMC_PORT + number,
                wrap=lambda command: self.net.wrap(BMC_HOST, command),
            )  # fmt: skip
            self._stack.callback(_end, bmc)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._install, self.machines))
        self._start()

    def _install(self, name: str) -> None:
        machine = self.machines[name]
        boot(machine)
        installing.copy_rendered(machine, self.out / name)
        installing.carry_out(machine, "sh")

    def _start(self) -> None:
        for name, machine in self.machines.items():
            installing.carry_out(machine, "sh start")
            # What an operator installs has long been on disk when the first fault comes.
            subprocess.run(["sync", "--file-system", str(self.disks[name].folder)], check=True)
        self.wait("mdsctl sees a quorum", lambda: self.mdsctl("status")[0] == 0)
        self.wait("every data server is up", lambda: self.mdsctl("status")[1].count(" up ") >= len(self.ds_ids))
        self.wait("one host has the service address", lambda: len(self.holders()) == 1)

    def _inventory(self, bmc_address: str) -> str:
        network = self.net.network
        options = dict(option.split("=", 1) for option in simulators.IPMI_OPTIONS)
        text = 'name = "drilled"\n'
        for number, name in enumerate(self.mds_ids):
            parameters = {"ip": bmc_address, "ipport": str(_BMC_PORT + number), **options}
            told = ", ".join(f'{key} = "{value}"' for key, value in parameters.items())
            text += f'[[nodes]]\nid = "{name}"\naddresses = ["{self.address(name)}/24"]\ninterface = "eth0"\n'
            text += f'[[nodes.fencing]]\nagent = "fence_ipmilan"\nparameters = {{ {told} }}\n'
            text += 'password_file = "bmc-password"\ntimeout_ms = 8000\nattempts = 1\n'
        for name in self.ds_ids:
            text += f'[[data_servers]]\nid = "{name}"\naddresses = ["{self.address(name)}"]\n'
        text += f'[[vips]]\naddress = "{self.service_address}/24"\n'
        text += f'[[exports]]\nnetworks = ["{network}.0/24"]\nroot_squash = false\n'
        text += f'[install]\nbin_dir = "{BIN_DIR}"\n'
        # A drill fails more often in an hour than any operator would want to be fenced for.
        text += "[settings.fencing]\nnode_per_hour = 1000\ncluster_per_hour = 1000\n"
        return text + f'[settings.node]\non_quorum_loss = "{self._on_quorum_loss}"\n'

    # ---- looking at it

    def holders(self) -> list[str]:
        """Hosts with the service address on their interface, whether anybody reaches them or not."""
        return [name for name in self.mds_ids if self.service_address in self.net.addresses(name)]

    def mdsctl(self, *words: str, timeout_s: float = 90.0) -> tuple[int, str]:
        """On the operator's host; exit status and output."""
        command = [sys.executable, "-m", "mdscluster.mdsctl", "--cluster", str(self.cluster_file), *words]
        done = subprocess.run(
            self.net.wrap(OPERATOR, command), capture_output=True, text=True, cwd=ROOT, timeout=timeout_s, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def wait(self, what: str, condition: Callable[[], Any], timeout_s: float = _SERVES_WITHIN_S) -> None:
        """ClusterError, with the ends of the journals, when it does not come true in time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise ClusterError(f"not within {timeout_s:.0f} s: {what}\n{self.log_tails()}")
            time.sleep(0.1)

    def log_tails(self, lines: int = 15) -> str:
        """The ends of the machines' journals."""
        parts = []
        for name, machine in self.machines.items():
            if (log := journal(machine)).exists():
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
                parts.append(f"--- {name} ({'running' if machine.running else 'dead'})\n{tail}")
        return "\n".join(parts)


def machine_names(mds: int, ds: int) -> list[str]:
    """What the machines of such a cluster are called."""
    return [*_ids("mds", mds), *_ids("ds", ds)]


def _ids(kind: str, count: int) -> list[str]:
    return [f"{kind}{number + 1}" for number in range(count)]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


assert NFS_PORT == 2049, "what an inventory says of the port when it says nothing"
