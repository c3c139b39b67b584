"""Bare hosts, their BMCs, an operator's machine and clients, all as docs/DEPLOY.md supposes them; nothing is installed.

Addresses and names are those of ``deploy/cluster.example.toml``. Hosts are machines of namespaces with disks and power
switches (:mod:`tests.support.machine`, :mod:`tests.support.deployed`). What stands in for the world around them:

* ``ssh`` (which only rsync uses here) enters a machine's namespaces, by ``RSYNC_RSH``;
* the machines have no way to Debian's servers or PyPI: whatever apt-get is to install is part of the system that they
  share, and apt-get finds it there; pip gets the files of ``requirements.lock`` from a folder that was filled before;
* ``/srv`` of the operator's commands is a folder of the test's.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final

from tests.support import installing, simulators
from tests.support.cluster import OPERATOR, ROOT
from tests.support.debian import Unavailable, apt_install, need_tools
from tests.support.deployed import BMC_HOST, Outlets, boot
from tests.support.hanet import Hanet
from tests.support.machine import Machine
from tests.support.machines import PowerSwitch
from tests.support.power import Disk, shared_mounts

NETWORK: Final = "192.0.2"
TOOLS: Final = installing.TOOLS | simulators.TOOLS | {"rsync": "rsync"}
DEBIAN_PYTHON: Final = "/usr/bin/python3"
DATA_SERVERS: Final = 3
DISK_MIB: Final = 2048
_PROGRAMS: Final = "/opt/mdscluster"
_OPERATOR_OCTET, _MDS_OCTET, _DS_OCTET, _BMC_OCTET = 5, 11, 21, 41
_IPMI_PORT: Final = 623
_SUPPLIES: Final = """\
export APT_CONFIG=/shared/apt.conf
export PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS=/shared/wheels
"""
_SSH: Final = """\
#!/bin/sh
# ssh [-l USER] HOST COMMAND..., to a machine of namespaces.
while [ "$1" = -l ]; do shift 2; done
host=$1; shift
exec {folder}/enter-"$host" sh -c "$*"
"""


class Premises:
    """``with Premises(folder, nodes) as premises``: all is switched on."""

    def __init__(self, folder: Path, nodes: int, *, bare: bool = True) -> None:
        """``bare``: without the programs; they are there already, as on all machines of tests, if not."""
        self.folder, self._bare = folder, bare
        self.mds_ids = [f"mds{number + 1}" for number in range(nodes)]
        self.machines: dict[str, Machine] = {}
        self.net = Hanet("mdg", NETWORK)
        self.outlets: Outlets
        self.switch: PowerSwitch
        self._disks: dict[str, Disk] = {}
        self._bmcs: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}
        """By node: the password that it takes, and its process."""
        self._stack = ExitStack()

    def __enter__(self) -> Premises:
        try:
            self._build()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._stack.close()

    @property
    def srv(self) -> Path:
        """What the operator's commands know as /srv."""
        return self.folder / "srv"

    def bmc(self, node: str) -> str:
        """The address of a node's BMC."""
        return f"{NETWORK}.{_BMC_OCTET + self.mds_ids.index(node)}"

    def holders(self, address: str) -> list[str]:
        """Metadata servers' hosts that have this address on their interface."""
        return [name for name in self.mds_ids if address in self.net.addresses(name)]

    # ---- building

    def _build(self) -> None:
        need_tools(TOOLS)
        if ROOT.is_relative_to("/srv"):
            raise Unavailable("the guide's /srv would hide this checkout")
        self.srv.mkdir(parents=True)
        names = [*self.mds_ids, *(f"ds{number + 1}" for number in range(DATA_SERVERS))]
        self._stack.enter_context(shared_mounts(self.folder / "disks"))
        self._stack.enter_context(self.net)
        self.net.add_host(OPERATOR, _OPERATOR_OCTET)
        for name in names:
            first = _MDS_OCTET if name in self.mds_ids else _DS_OCTET
            self.net.add_host(name, first - 1 + int(name[-1]))
            disk = self._disks[name] = Disk(self.folder / f"disks/{name}.img", self.folder / "disks" / name, DISK_MIB)
            self._stack.callback(disk.remove)
            disk.create()
            (self.folder / "hosts" / name).mkdir(parents=True)
            self.machines[name] = Machine(name, self.folder / "hosts" / name, self.net.netns(name), disk.folder)
        self.outlets = Outlets(self.net, self.machines, self._disks)
        self._stack.callback(self.outlets.close)
        self.switch = self._stack.enter_context(PowerSwitch(self.folder / "switch", self.outlets))
        self._start_bmcs()
        for machine in self.machines.values():
            boot(machine)
            if self._bare:
                self._make_bare(machine)
            self.open_door(machine.name)

    def _start_bmcs(self) -> None:
        self.net.add_host(BMC_HOST, _BMC_OCTET - 1)
        self._stack.callback(self._end_bmcs)
        for number, node in enumerate(self.mds_ids):
            self.net.add_address_quietly(BMC_HOST, _BMC_OCTET + number)
            self.set_bmc(node)

    def _end_bmcs(self) -> None:
        for _, process in self._bmcs.values():
            _end(process)

    def set_bmc(self, node: str, manner: str = "honest", password: str = "") -> None:
        """Another BMC in the place of a node's. ``password``: that it takes; empty: as before."""
        known, process = self._bmcs.pop(node, (simulators.PASSWORD, None))
        if process is not None:
            _end(process)
        taken = password or known
        started = simulators.start_ipmi(
            self.switch.path, node, self.bmc(node), _IPMI_PORT, manner,
            lambda words: self.net.wrap(BMC_HOST, words), taken,
        )  # fmt: skip
        self._bmcs[node] = taken, started

    def _make_bare(self, machine: Machine) -> None:
        """No programs of ours. Theirs will lie on a file system of their own, which this system sees, too."""
        (machine.folder / "programs").mkdir()
        (machine.folder / "apt.conf").write_text('Dir::State::Lists "/nowhere/";\n')
        machine.run(
            f"rm -rf {_PROGRAMS} && mkdir {_PROGRAMS}\n"
            f"echo '/shared/programs {_PROGRAMS} none bind' >/etc/fstab && mount {_PROGRAMS}"
        )

    def open_door(self, name: str) -> None:
        """For ssh, until it boots anew."""
        machine = self.machines[name]
        words = " ".join(map(shlex.quote, machine.enter()))
        _write_script(self.folder / f"enter-{machine.name}", f'#!/bin/sh\nexec {words} "$@"\n')
        _write_script(self.folder / "ssh", _SSH.format(folder=self.folder))

    # ---- who runs a block

    def operator(self, block: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """On the operator's machine, in the folder of the checkout; ``sh -e``."""
        script = f"mount --bind {self.srv} /srv\ncd {ROOT}\n{block}"
        return subprocess.run(
            self.net.wrap(OPERATOR, ["unshare", "--mount", "sh", "-ec", script]),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s,
            env={**os.environ, "SHELL": "/bin/sh", "RSYNC_RSH": str(self.folder / "ssh")},
        )  # fmt: skip

    def supply(self, name: str, block: str) -> None:
        """Provide what a block wants of Debian's servers and of PyPI, for this host."""
        for line in block.splitlines():
            if line.startswith("apt-get install "):
                apt_install([package for package in line.split()[2:] if not _is_installed(package)])
        wheels = self.machines[name].folder / "wheels"
        tools = self.folder / "tools"
        python = str(tools / "bin/python")
        for words in (
            [DEBIAN_PYTHON, "-m", "venv", str(tools)],
            [python, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps", "--no-build-isolation",
             "-r", str(ROOT / "requirements.lock"), "-d", str(wheels)],
        ):  # fmt: skip
            done = subprocess.run(words, capture_output=True, text=True, timeout=600)
            if done.returncode:
                raise Unavailable(f"{' '.join(words[:4])}: {done.stderr.strip()[-400:]}")

    def host(self, name: str, block: str, timeout_s: float = 600.0) -> str:
        """On one host, as root."""
        return self.machines[name].run(_SUPPLIES + block, timeout_s=timeout_s).stdout

    def copy_programs(self, source: str) -> None:
        """Every other host gets what the first one has made, byte by byte: it would take each of them minutes."""
        made = self.machines[source].folder / "programs"
        for name, machine in self.machines.items():
            if name != source:
                shutil.rmtree(machine.folder / "programs/source")
                subprocess.run(["cp", "-al", f"{made}/.", str(machine.folder / "programs")], check=True)

    def sync(self) -> None:
        """What an operator installed has long been on disk when the first fault comes."""
        for disk in self._disks.values():
            subprocess.run(["sync", "--file-system", str(disk.folder)], check=True)


def _write_script(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


def _is_installed(package: str) -> bool:
    done = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Abbrev}", package], capture_output=True, text=True)
    return done.stdout.startswith("ii")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
