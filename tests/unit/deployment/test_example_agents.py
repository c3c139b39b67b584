"""What the examples tell fence agents is what Debian's agents take: their own metadata says so, and one is run."""

from __future__ import annotations

import asyncio
import re
import tomllib
from dataclasses import replace
from pathlib import Path

from deploy import fencing_devices
from deploy.reading import load
from fencing.agents import Result, ask
from fencing.device import Device
from tests.support.cluster import ROOT
from tests.support.fenceagents import metadata, need_agents
from tests.unit.deployment.support import PDU_PASSWORD, PDU_PRIVACY, deploy_render, write_inventory

SHORT_TIMES = {"power_wait": "0", "login_timeout": "1", "shell_timeout": "1", "power_timeout": "5",
               "ipmitool_timeout": "1"}  # fmt: skip
"""Of docs/FENCING.md: with fence_ipmilan's own power_wait fencing would take 2 s longer."""


def of_the_inventory(tmp_path: Path) -> list[Device]:
    """Of the example inventory, with the secrets as they are rendered."""
    deploy_render(write_inventory(tmp_path), tmp_path / "out")
    inventory = load(tmp_path / "cluster.toml").inventory
    return [
        replace(device, secret_files=tuple(
            tmp_path / "out" / "mds1" / "mds1" / "fencing" / file.name for file in device.secret_files
        ))
        for device in fencing_devices.devices(inventory, inventory.nodes[0])
    ]  # fmt: skip


def of_a_text(text: str) -> list[Device]:
    return [
        Device(each["name"], each["node"], each["agent"], tuple(each["options"]))
        for each in tomllib.loads(text)["fencing"]["devices"]
    ]


def of_the_document() -> list[Device]:
    (block,) = re.findall(r"```toml\n(\[fencing\].*?)```", (ROOT / "docs/FENCING.md").read_text(), re.DOTALL)
    return of_a_text(block)


def of_the_servers_file() -> list[Device]:
    return of_a_text((ROOT / "deploy/mds.example.toml").read_text())


def told(device: Device) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (*device.options, *device.secrets()))


def test_every_parameter_exists(tmp_path: Path) -> None:
    """INV-9: an agent ignores what it does not know, with a warning that nobody reads."""
    need_agents()
    devices = [*of_the_inventory(tmp_path), *of_the_document(), *of_the_servers_file()]
    assert {device.agent for device in devices} == {"fence_ipmilan", "fence_apc_snmp"}
    for device in devices:
        unknown = told(device).keys() - metadata(device.agent).keys()
        assert unknown == set(), device.name


def test_the_examples_have_the_times_that_fencing_was_measured_with(tmp_path: Path) -> None:
    """INV-9: fenced within 5 s. All three say the same."""
    devices = (*of_the_inventory(tmp_path), *of_the_document(), *of_the_servers_file())
    bmcs = [device for device in devices if device.agent == "fence_ipmilan"]
    assert len(bmcs) == 7
    for device in bmcs:
        assert SHORT_TIMES.items() <= told(device).items(), device.name
        assert told(device)["privlvl"] == "operator", "a BMC refuses an operator that asks for more"


OUTLET_STATE = ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.3"
OUTLET_CONTROL = ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.3"
RACK_PDU = ".1.3.6.1.4.1.318.1.3.4.5"
_SNMP = f"""\
#!/bin/sh
# snmpget, snmpset and snmpwalk for an outlet of APC's (PowerNet-MIB): every call is noted.
cd "$(dirname "$0")"
echo "$(basename "$0") $*" >>calls
case "$(basename "$0") $*" in
"snmpwalk "*" .1.3.6.1.2.1.1.2.0") echo ".1.3.6.1.2.1.1.2.0 {RACK_PDU}" ;;
"snmpget "*" {OUTLET_STATE}") echo "{OUTLET_STATE} $(cat power)" ;;
"snmpset "*" {OUTLET_CONTROL} i 1") echo 1 >power ;;
"snmpset "*" {OUTLET_CONTROL} i 2") echo 2 >power ;;
*) exit 1 ;;
esac
"""


def test_the_outlet_is_asked_as_snmp_3_wants_it(tmp_path: Path) -> None:
    """INV-9: the real fence_apc_snmp, and instead of net-snmp's programs ones that note what they are told."""
    need_agents()
    (device,) = [each for each in of_the_inventory(tmp_path) if each.agent == "fence_apc_snmp"]
    (tmp_path / "power").write_text("1\n")
    options = list(device.options)
    for word in ("get", "set", "walk"):
        program = tmp_path / f"snmp{word}"
        program.write_text(_SNMP)
        program.chmod(0o755)
        options.append(f"snmp{word}_path={program}")
    asked = replace(device, options=tuple(options))
    assert asyncio.run(ask(asked, "status")).result is Result.ON
    assert asyncio.run(ask(asked, "off")).result is Result.DONE
    assert asyncio.run(ask(asked, "status")).result is Result.OFF
    calls = (tmp_path / "calls").read_text().splitlines()
    assert {call.split()[0] for call in calls} == {"snmpget", "snmpset", "snmpwalk"}
    for call in calls:
        for words in ("-v 3", "-u fence", "-a SHA", "-x AES", f"-A {PDU_PASSWORD}", f"-X {PDU_PRIVACY}"):
            assert f" {words} " in call, call
        assert " -l authpriv " in call.lower()
