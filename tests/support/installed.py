"""Three machines in memory, installed from an inventory by the commands of INSTALL.md: a small cluster as deployed.

Each has a metadata and a data server, keepalived, the packet filter rule, and every unit as it is rendered. Nobody has
power to cut here (tests/support/deployed.py has machines with disks, switches and BMCs).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy import keepalived
from deploy.reading import load
from deploy.render import render
from tests.support import installing
from tests.support.cluster import OPERATOR, ROOT
from tests.support.debian import need_tools
from tests.support.hanet import Hanet
from tests.support.machine import BIN_DIR, Machine

NODES = {"mds1": 11, "mds2": 12, "mds3": 13}
VIP = 100
INTERFACE = "eth0"
CLIENT = "client1"
FIT = "0"
_CALLS_BEFORE = 10
PATIENT_CLIENT = """
import asyncio, itertools, os, sys, time
from nfsclient import ChannelSettings, Client, Settings

async def main():
    patient = Settings(channel=ChannelSettings(reply_timeout_ms=60_000.0))
    client = await Client.connect([(sys.argv[1], 2049)], settings=patient)
    end = float("inf")
    for number in itertools.count():
        began = time.monotonic()
        if began > end:
            break
        if end == float("inf") and os.path.exists(sys.argv[2]):
            end = began + 1.5
        await client.mkdir(f"/{sys.argv[3]}{number}")
        print(f"{time.monotonic() - began:.3f}", flush=True)
        await asyncio.sleep(0.02)

asyncio.run(main())
"""
"""It goes on for 1.5 s after the file in its second argument has come. Asleep, it does not notice the first 20 ms."""


@dataclass
class Site:
    """The cluster."""

    net: Hanet
    machines: dict[str, Machine]
    out: Path
    of_all: bool = True
    """Whether there is a service address that is at home nowhere."""

    @property
    def vip(self) -> str:
        return f"{self.net.network}.{VIP}"

    def holders(self) -> list[str]:
        """Machines with the service address on their interface."""
        return [
            name for name, machine in self.machines.items()
            if f" {self.vip}/" in machine.run(f"ip -o address show dev {INTERFACE}").stdout
        ]  # fmt: skip

    def client(self, program: str, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, self.vip, *words]
        return subprocess.Popen(
            self.net.wrap(CLIENT, command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        )

    def mdsctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mdscluster.mdsctl", "--cluster", str(self.out / "cluster.json"), *words]
        return subprocess.run(
            self.net.wrap(OPERATOR, command), capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
        )


def inventory(net: Hanet, *, spread: bool = False, several: bool = False) -> str:
    """``several``: each node is the home of a service address. ``spread``: and there is one more, from which clients
    are spread over these."""
    text = 'name = "deployed"\n'
    for name, octet in NODES.items():
        text += f'[[nodes]]\nid = "{name}"\naddresses = ["{net.network}.{octet}/24"]\ninterface = "{INTERFACE}"\n'
    for number, octet in enumerate(NODES.values(), 1):
        text += f'[[data_servers]]\nid = "ds{number}"\naddresses = ["{net.network}.{octet}"]\nnfs_port = 2050\n'
    if spread or several:
        for number, name in enumerate(NODES, VIP + 1):
            text += f'[[vips]]\naddress = "{net.network}.{number}/24"\npreferred = "{name}"\n'
    else:
        text += f'[[vips]]\naddress = "{net.network}.{VIP}/24"\n'
    if spread:
        text += f'[spread]\naddress = "{net.network}.{VIP}/24"\n'
    text += f'[[exports]]\nnetworks = ["{net.network}.0/24"]\nroot_squash = false\n'
    return text + f'[install]\nbin_dir = "{BIN_DIR}"\n'


@contextmanager
def installed(
    base: Path, family: str, more: str = "", *, spread: bool = False, several: bool = False
) -> Iterator[Site]:
    """Rendered, installed and serving. ``family``: of the network's names. ``more``: of the inventory.
    ``spread``, ``several``: :func:`inventory`'s.

    Raises Unavailable where machines cannot be made.
    """
    with ExitStack() as stack:
        need_tools(installing.TOOLS)
        net = stack.enter_context(Hanet(family))
        for name, octet in {**NODES, OPERATOR: 5, CLIENT: 31}.items():
            net.add_host(name, octet)
        (base / "cluster.toml").write_text(inventory(net, spread=spread, several=several) + more)
        render(load(base / "cluster.toml"), base / "out")
        machines = {
            name: stack.enter_context(Machine(name, base / "hosts" / name, net.netns(name), sets_network=spread))
            for name in NODES
        }
        made = Site(net, machines, base / "out", of_all=spread or not several)
        copy_rendered(made)
        for name in NODES:
            carry_out(made, name, "sh")
        for name in NODES:
            carry_out(made, name, "sh start")
        wait("mdsctl sees a quorum", lambda: made.mdsctl("status").returncode == 0, 90.0)
        wait("every data server is up", lambda: made.mdsctl("status").stdout.count(" up ") >= len(NODES))
        await_all_fit(made)
        yield made


def carry_out(site: Site, name: str, mark: str) -> None:
    installing.carry_out(site.machines[name], mark)


def copy_rendered(site: Site) -> None:
    for name, machine in site.machines.items():
        installing.copy_rendered(machine, site.out / name)


def wait(what: str, condition: Callable[[], Any], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.1)


def succeed(site: Site, *words: str) -> None:
    """mdsctl, and it works."""
    done = site.mdsctl(*words)
    assert done.returncode == 0, done.stderr


def health(machine: Machine) -> str:
    """What its guard tells keepalived."""
    return machine.run(f"cat {keepalived.HEALTH_FILE}").stdout.strip()


def await_all_fit(site: Site) -> None:
    """Every node may have the address again, and one has it, if there is one for all."""
    wait("every node is fit", lambda: all(health(machine) == FIT for machine in site.machines.values()))
    if site.of_all:
        wait("one machine has the service address", lambda: len(site.holders()) == 1)


def waits_around(site: Site, name: str, action: Callable[[], None]) -> list[float]:
    """What each call of a client that makes directories all the time took, in seconds, with ``action`` after the tenth.

    It asks until after the action's end, however long that takes. ``name``: of the directories, another one each time.
    """
    over = site.out.parent / f"{name}.over"
    client = site.client(PATIENT_CLIENT, str(over), name)
    assert client.stdout is not None
    try:
        said = [client.stdout.readline() for _ in range(_CALLS_BEFORE)]
        action()
        over.touch()
        said += client.communicate(timeout=90)[0].splitlines()
    except BaseException:
        client.kill()
        client.communicate()
        raise
    assert client.returncode == 0, said
    return [float(line) for line in said]
