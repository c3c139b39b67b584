"""The drill's machines lose power as machines do, or what it shows would be worth little."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.conftest import unavailable
from tests.support.debian import Unavailable
from tests.support.deployed import Outlets, boot, journal
from tests.support.hanet import Hanet
from tests.support.lifeline import alive
from tests.support.machine import Machine
from tests.support.power import Disk, shared_mounts

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

_INSTALL = """
cat >/etc/systemd/system/sleeper.service <<UNIT
[Service]
ExecStart=/bin/sleep 1000
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable --now sleeper.service
nft 'table inet mine { }'
ip address add 10.77.0.100/24 dev eth0
"""


class Bench:
    """One machine with a disk and a switch."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        stack.enter_context(shared_mounts(folder / "disks"))
        self.net = stack.enter_context(Hanet("mdp"))
        self.net.add_host("m1", 11)
        self.disk = Disk(folder / "disks/m1.img", folder / "disks/m1", 512)
        self.disk.create()
        stack.callback(self.disk.remove)
        self.machine = Machine("m1", folder / "m1", self.net.netns("m1"), self.disk.folder)
        (folder / "m1").mkdir()
        self.outlets = Outlets(self.net, {"m1": self.machine}, {"m1": self.disk})
        stack.callback(self.outlets.close)
        boot(self.machine)

    def restore(self) -> None:
        self.outlets.restore("m1")
        for thread in self.outlets.boots:
            thread.join()
        assert self.outlets.problems == []


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        try:
            yield Bench(tmp_path, stack)
        except Unavailable as reason:
            unavailable(reason)


def test_a_machine_without_power_loses_what_it_had_not_fsynced_and_boots_by_itself(bench: Bench) -> None:
    """And its addresses and packet filter; what was enabled starts again."""
    machine = bench.machine
    machine.run(_INSTALL)
    await_journal(machine, 1)
    subprocess.run(["sync", "--file-system", str(bench.disk.folder)], check=True)
    machine.run("echo later >/root/later")
    sleeper = machine.host_pid(int(machine.unit("sleeper.service", "MainPID")))
    bench.outlets.cut("m1")
    assert not alive(sleeper)
    assert not bench.outlets.is_on("m1")
    assert bench.net.addresses("m1") == []
    bench.restore()
    assert machine.unit("sleeper.service", "ActiveState") == "active"
    assert machine.run("cat /root/later", check=False).returncode != 0
    assert machine.run("nft list ruleset").stdout == ""
    assert bench.net.addresses("m1") == ["10.77.0.11"]
    await_journal(machine, 2)


def await_journal(machine: Machine, starts: int) -> None:
    """Whoever follows the machine's journal needs a moment; what it has not read before a power cut is lost."""
    deadline = time.monotonic() + 5
    while journal(machine).read_text().count("Started sleeper.service") < starts:
        assert time.monotonic() < deadline, f"the journal of life {starts} is not kept"
        time.sleep(0.05)


def test_a_crashed_machine_has_power_and_keeps_its_addresses(bench: Bench) -> None:
    """INV-9: nobody must be able to take it for one without power; only its BMC ends that."""
    bench.machine.run(_INSTALL)
    sleeper = bench.machine.host_pid(int(bench.machine.unit("sleeper.service", "MainPID")))
    bench.outlets.crash("m1")
    assert not os.path.exists(f"/proc/{sleeper}")
    assert bench.outlets.is_on("m1")
    assert "10.77.0.100" in bench.net.addresses("m1")
    bench.outlets.cut("m1")
    assert not bench.outlets.is_on("m1")
    assert bench.net.addresses("m1") == []
    bench.restore()
    assert bench.outlets.is_on("m1")
