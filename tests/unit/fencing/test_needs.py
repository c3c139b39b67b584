"""What a fence agent needs on a host: told before it is needed, and the lists agree with the agents themselves."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.agents import AGENTS, UNFIT
from fencing import needs
from fencing.device import Device, is_secret
from tests.support.fenceagents import metadata_of

IPMI = Device("bmc", "mds2", "fence_ipmilan", ("ip=10.0.0.1",))


@pytest.mark.parametrize(
    ("device", "packages"),
    [
        (IPMI, ("fence-agents", "ipmitool")),
        (replace(IPMI, agent="fence_apc_snmp"), ("fence-agents", "snmp")),
        (replace(IPMI, agent="fence_apc"), ("fence-agents", "telnet")),
        (replace(IPMI, agent="fence_apc", options=("ssh=1",)), ("fence-agents", "openssh-client")),
        (replace(IPMI, agent="fence_apc", options=("secure=yes",)), ("fence-agents", "openssh-client")),
        (replace(IPMI, agent="fence_redfish"), ("fence-agents",)),
        (replace(IPMI, agent="/usr/local/sbin/our-pdu"), ()),
    ],
)
def test_the_packages_of_an_agent(device: Device, packages: tuple[str, ...]) -> None:
    """INV-9: without ipmitool nothing is fenced, and fence-agents does not bring it."""
    assert needs.packages(device) == packages


@pytest.fixture
def bench(tmp_path: Path) -> Device:
    """A device of which nothing is missing: its agent and what that calls are in a folder of the test's."""
    for name in ("agent", "ipmitool"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    secret = tmp_path / "bmc.secret"
    secret.write_text("password=x\n")
    secret.chmod(0o600)
    return Device("bmc", "mds2", str(tmp_path / "agent"), ("ip=10.0.0.1",), (secret,))


def test_of_a_device_that_lacks_nothing_nothing_is_said(bench: Device) -> None:
    assert needs.fault(bench, os.getuid()) == ""


def test_what_is_missing_is_told(bench: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-9: before the server that is to be fenced has failed."""
    reader, (secret,) = os.getuid(), bench.secret_files
    monkeypatch.setattr("fencing.device.AGENT_DIRECTORIES", (tmp_path,))
    (tmp_path / "fence_ipmilan").symlink_to("agent")
    ipmi = replace(bench, agent="fence_ipmilan", options=(f"ipmitool_path={tmp_path}/ipmitool",))
    assert needs.fault(ipmi, reader) == ""
    (tmp_path / "ipmitool").unlink()
    assert f"calls {tmp_path}/ipmitool, and that is not there: install it (on Debian: apt install ipmitool)" in (
        needs.fault(ipmi, reader)
    )
    assert "install it (on Debian: apt install fence-agents)" in needs.fault(replace(bench, agent="fence_apc"), reader)
    assert "bmc.secret belongs to" in needs.fault(bench, reader + 1)
    secret.chmod(0o640)
    assert "has mode 0640" in needs.fault(bench, reader)
    secret.unlink()
    assert "cannot read" in needs.fault(bench, reader)
    (tmp_path / "agent").chmod(0o644)
    assert "chmod 755" in needs.fault(replace(bench, secret_files=()), reader)


# ---------------------------------------------------------------------- the agents' own word
PROGRAMS = {"ipmitool_path", "snmpget_path", "snmpset_path", "snmpwalk_path", "amttool_path", "powerman_path",
            "openstack_path"}  # fmt: skip
LOGINS = {"ssh_path", "telnet_path"}
SECRET_WORDS = ("passw", "secret", "token", "apikey", "community", "access_key", "hexadecimal")
NOT_THE_SECRET = ("_script", "_file")
"""A program that tells it, a file that holds it."""


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, str]]:
    """What every agent of Debian's takes."""
    return metadata_of(AGENTS)


@pytest.mark.slow
def test_the_lists_agree_with_the_agents(told: dict[str, dict[str, str]]) -> None:
    """INV-9: each program that an agent's own metadata names is known here, at its place."""
    for agent in AGENTS - UNFIT.keys():
        called = {each.parameter: each.path for each in needs.programs(Device("x", "mds2", agent))}
        assert called.keys() >= told[agent].keys() & PROGRAMS, agent
        assert bool(called.keys() & LOGINS) == bool(told[agent].keys() & LOGINS), agent
        for parameter, path in called.items():
            assert told[agent][parameter] == path, agent


@pytest.mark.slow
def test_every_secret_of_the_agents_is_known(told: dict[str, dict[str, str]]) -> None:
    """A parameter whose name says that it is secret may stand in no file that others can read."""
    found = {
        parameter for parameters in told.values() for parameter in parameters
        if any(word in parameter for word in SECRET_WORDS) and not parameter.endswith(NOT_THE_SECRET)
    }  # fmt: skip
    assert {"password", "community", "apikey", "token", "secret_key"} <= found
    assert {parameter for parameter in found if not is_secret(parameter)} == set()
