"""The fence agents of Debian against simulated BMCs: good ones, and every kind of bad one. Machines are processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fencing import procedure
from fencing.agents import Result, ask
from fencing.device import Device
from fencing.procedure import Outcome
from tests.chaos.conftest import unavailable
from tests.support.debian import Unavailable, need_tools
from tests.support.machines import PowerSwitch, Sleepers
from tests.support.simulators import TOOLS, ipmi_device, redfish_device, secret, start_ipmi, start_redfish

pytestmark = [pytest.mark.slow, pytest.mark.alone]

MACHINE = "mds2"


class Bench:
    """One machine, its power switch, and whatever BMCs a test starts for it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.machines = Sleepers([MACHINE])
        self.switch = PowerSwitch(directory / "switch", self.machines)
        self.ports = iter(range(20_000 + os.getpid() % 20_000, 65_000))
        self.bmcs: list[subprocess.Popen[bytes]] = []

    def ipmi(self, manner: str = "honest", password_file: Path | None = None) -> Device:
        port = next(self.ports)
        self.bmcs.append(start_ipmi(self.switch.path, MACHINE, "127.0.0.1", port, manner))
        return ipmi_device(MACHINE, "127.0.0.1", port, password_file or secret(self.directory))

    def redfish(self, password_file: Path | None = None) -> Device:
        port = next(self.ports)
        self.bmcs.append(start_redfish(self.switch.path, MACHINE, port, self.directory))
        return redfish_device(MACHINE, port, password_file or secret(self.directory))

    def nobody(self) -> Device:
        return ipmi_device(MACHINE, "127.0.0.1", next(self.ports), secret(self.directory))

    def cut(self, *devices: Device) -> Outcome:
        return asyncio.run(procedure.cut(devices, lambda: 60_000))

    def close(self) -> None:
        for bmc in self.bmcs:
            bmc.kill()
            bmc.wait()
        self.switch.__exit__(None, None, None)
        self.machines.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    try:
        need_tools(TOOLS)
    except Unavailable as reason:
        unavailable(reason)
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["ipmi", "redfish"])
def test_a_machine_is_switched_off_and_on(bench: Bench, kind: str) -> None:
    """INV-9: what the agent reports is what the process is."""
    device = bench.ipmi() if kind == "ipmi" else bench.redfish()
    assert asyncio.run(ask(device, "status")).result is Result.ON
    assert bench.cut(device) == Outcome(True, device.name)
    assert not bench.machines.is_on(MACHINE)
    assert bench.cut(device).done, "one that is off already is fenced, too"
    assert asyncio.run(procedure.restore([device], lambda: 60_000)).done
    assert bench.machines.is_on(MACHINE)
    assert bench.switch.log == [(MACHINE, "off"), (MACHINE, "on")]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("idle", "it took the command, and the power stayed on"),
        ("stuck", "it cannot be reached, or does not answer"),
        ("unreachable", "it cannot be reached, or does not answer"),
        ("ipmi password", "password or plug may be wrong"),
        ("redfish password", "refuses user name or password"),
    ],
)
def test_with_a_bad_bmc_it_is_not_fenced(bench: Bench, tmp_path: Path, bad: str, words: str) -> None:
    """INV-9: and the operator is told why. Nothing was switched."""
    wrong = secret(tmp_path, "wrong-one")
    device = {
        "idle": lambda: bench.ipmi("idle"),
        "stuck": lambda: bench.ipmi("stuck"),
        "unreachable": bench.nobody,
        "ipmi password": lambda: bench.ipmi(password_file=wrong),
        "redfish password": lambda: bench.redfish(password_file=wrong),
    }[bad]()
    outcome = bench.cut(device)
    assert not outcome.done
    assert words in outcome.text
    assert "wrong-one" not in outcome.text
    assert bench.machines.is_on(MACHINE)
    assert bench.switch.log == []


def test_an_agent_that_hangs_is_ended_and_the_next_device_tried(bench: Bench) -> None:
    """INV-9: with its own time-outs off, fence_ipmilan waits for a stuck BMC for ever."""
    patient = tuple(f"{key}_timeout=600" for key in ("login", "shell", "power"))
    stuck = bench.ipmi("stuck")
    hangs = replace(stuck, options=(*stuck.options[:2], "username=operator", "lanplus=1", *patient), timeout_ms=1_500)
    good = bench.redfish()
    alone = bench.cut(hangs)
    assert not alone.done
    assert "no answer within 1.5 s" in alone.text
    assert bench.cut(hangs, good) == Outcome(True, good.name)
    assert not bench.machines.is_on(MACHINE)


def test_an_option_that_is_no_option_is_not_taken_for_off(bench: Bench) -> None:
    """INV-9: whatever an agent makes of bad arguments."""
    device = Device("bad", MACHINE, "fence_ipmilan", ("lanplus=maybe", "no_such_option=1"), (), 8_000)
    assert asyncio.run(ask(device, "status")).result is Result.FAILED
    assert not bench.cut(device).done
