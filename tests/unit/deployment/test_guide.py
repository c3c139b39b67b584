"""docs/DEPLOY.md: its commands do what it says, in the order in which they stand there."""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
from pathlib import Path

from deploy import packetfilter
from deploy.install import packages
from deploy.inventory import Ports
from deploy.reading import load
from deploy.servers import hosts
from tests.support import installing, simulators
from tests.support.cluster import ROOT
from tests.support.guide import Guide
from tests.unit.deployment.support import SECRETS, write_inventory

GUIDE = ROOT / "docs" / "DEPLOY.md"
RUNBOOK = ROOT / "docs" / "RUNBOOK.md"
PLACE = "/srv/files"


def run(commands: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-ec", commands], capture_output=True, text=True, cwd=ROOT, timeout=120,
        env={**os.environ, "SHELL": "/bin/sh"},
    )  # fmt: skip


def test_the_commands_of_the_guide_work_one_after_the_other(tmp_path: Path) -> None:
    """As they are, but for the folder. The cluster of the example is nowhere, and mdsctl says so.

    What needs hosts is carried out by tests/chaos/test_guide.py.
    """
    guide = Guide(GUIDE)
    inventory, check, render = (
        guide.take(word).replace(PLACE, str(tmp_path)) for word in ("cluster.example", "check", "render")
    )
    status, renew = (
        next(block for block in guide.left() if word in block).replace(PLACE, str(tmp_path))
        for word in ("status", "renew")
    )
    for _ in range(2):
        done = run(inventory)
        assert done.returncode == 0, done.stderr
    done = run(check)
    assert done.returncode == 2
    assert "must hold one line, the secret itself" in done.stderr, "the passwords have not been written yet"
    for name, secret in SECRETS.items():
        (tmp_path / "secrets" / name).write_text(secret)
    (tmp_path / "cluster.toml").write_text((tmp_path / "cluster.toml").read_text() + "# mine\n")
    assert run(inventory).returncode == 0, "given again, it takes nothing back"
    assert "# mine" in (tmp_path / "cluster.toml").read_text()
    for commands, words in (
        (check, "3 metadata servers, 3 data servers, 3 service addresses: no fault found"),
        (render, f"new      {tmp_path}/rendered/mds1/INSTALL.md"),
        (render, f"{tmp_path}/rendered: nothing has changed"),
        (renew, "kept     mds1         until "),
    ):
        done = run(commands)
        assert done.returncode == 0, done.stderr
        assert words in done.stdout
    (shell,) = re.findall(r"`(MDSCTL_CLUSTER=\S+ ./run shell)`", RUNBOOK.read_text(encoding="utf-8"))
    for commands in (status, f"{shell} -c 'mdsctl status'".replace(PLACE, str(tmp_path))):
        done = run(commands)
        assert done.returncode == 1, done.stderr
        assert "NO QUORUM" in done.stdout


def test_the_packet_filter_by_hand_is_the_rendered_one() -> None:
    """INV-7: rules of an earlier release would let the kernel refuse clients, or swallow what a server means."""
    (found,) = re.findall(r"^```nft\n(.*?)^```", (ROOT / "deploy" / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert found == packetfilter.rules([ipaddress.ip_address("192.0.2.100")], Ports().nfs)


OF_DEBIANS_BASE = {"bsdutils"}
"""What no Debian is without (Essential: yes)."""
OF_TESTS_ONLY = {"openssl"}
"""What tests look at certificates with."""


def test_the_packages_that_hosts_need_are_in_the_guide(tmp_path: Path) -> None:
    """INV-9: fence-agents brings no ipmitool, and hosts of the tests share this system's /usr: there nobody misses it.

    What the rendered hosts of the example need, and what the tests' clusters of these files need beside Debian's base.
    """
    (line,) = re.findall(r"^apt-get install (.*)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    named = {*line.split()}
    inventory = load(write_inventory(tmp_path)).inventory
    wanted = {"mds1": {"python3", "keepalived", "nftables", "iproute2", "fence-agents", "ipmitool", "snmp"},
              "ds1": {"python3"}}  # fmt: skip
    for host in hosts(inventory):
        found = {*packages(inventory, host)}
        assert found == wanted.get(host.name, found)
        assert found - {"python3"} <= named, host.name
    assert "python3-venv" in named
    tools = {*installing.TOOLS.values(), *simulators.TOOLS.values()}
    assert tools >= {"keepalived", "fence-agents", "ipmitool"}
    assert tools - OF_DEBIANS_BASE - OF_TESTS_ONLY <= named


def test_every_file_of_a_host_is_in_the_guides_table() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for name in ("INSTALL.md", "*.service", "keepalived.conf", "vip-notify", "vip.nft", "mdscluster.sysusers",
                 "mdscluster.tmpfiles", "tuning/", "keepalived.service.d-mdscluster.conf",
                 "nftables.service.d-mdscluster.conf", "no-longer-wanted"):  # fmt: skip
        assert f"`{name}`" in text, name
