"""What documents tell the operator of a deployed cluster to do on a bad day, as it stands there, on three machines."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.reading import load
from deploy.render import render
from deploy.units import MDS_UNIT
from tests.chaos.conftest import unavailable
from tests.support.cluster import OPERATOR, ROOT
from tests.support.debian import Unavailable
from tests.support.guide import ANOTHER_CA, Guide
from tests.support.installed import (
    NODES,
    Site,
    await_all_fit,
    carry_out,
    copy_rendered,
    installed,
    inventory,
    succeed,
    wait,
)
from tests.support.runbook import OnMachines

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

NEW_OCTET = 19
_KEEPS = """
import asyncio, sys
from nfsclient import Client
from nfswire import nfs4

async def main():
    async with await Client.connect([(sys.argv[1], 2049)]) as client:
        file = await client.open("/kept", create=nfs4.UNCHECKED4)
        await file.write(0, b"kept" * 1_000_000, nfs4.UNSTABLE4)
        await file.close()

asyncio.run(main())
"""
_WRITES = _KEEPS.replace("/kept", "/after")
_READS = """
import asyncio, sys
from nfsclient import Client

async def main():
    async with await Client.connect([(sys.argv[1], 2049)]) as client:
        file = await client.open("/kept")
        print(bytes(await file.read(0, 5_000_000)) == b"kept" * 1_000_000)
        await file.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Rendered, installed and serving."""
    try:
        with installed(tmp_path_factory.mktemp("site"), "mdo") as made:
            yield made
    except Unavailable as reason:
        unavailable(reason)


def config(name: str) -> str:
    return f"/etc/mdscluster/{name}/{name}.toml"


def test_what_documents_say_to_type_is_found(site: Site) -> None:
    """By a root as Debian makes one, and as the service's user."""
    for number, (name, machine) in enumerate(site.machines.items(), 1):
        machine.run(f"runuser -u mdscluster -- mdscluster check --config {config(name)}")
        machine.run(f"runuser -u mdscluster-ds -- dataserver check --config {config(f'ds{number}')}")
        machine.run(f"mdsctl config check {config(name)}")


def test_a_new_ca_by_the_steps_of_the_guide(site: Site, tmp_path: Path) -> None:
    """INV-2, INV-10: servers of two CAs do not speak to each other, and no file is lost by it."""
    told, _ = site.client(_KEEPS).communicate(timeout=60)
    assert told == "", told
    guide = Guide(ROOT / "docs" / "DEPLOY.md", only=ANOTHER_CA)

    def give(word: str) -> None:
        """The next block, on the operator's machine."""
        block = guide.take(word).replace("/srv/files/rendered", str(site.out)).replace("/srv/files", str(tmp_path))
        done = subprocess.run(
            site.net.wrap(OPERATOR, ["sh", "-ec", block]), capture_output=True, text=True, cwd=ROOT, timeout=120,
            check=False, env={**os.environ, "SHELL": "/bin/sh"},
        )  # fmt: skip
        assert done.returncode == 0, f"{block}{done.stdout}{done.stderr}"

    (tmp_path / "cluster.toml").write_text(inventory(site.net))
    give("fence suspend")
    stop = guide.take("systemctl stop", "sh host")
    for machine in site.machines.values():
        machine.run(stop)
    before = (site.out / "pki" / "ca.pem").read_bytes()
    give("--new-ca")
    assert (site.out / "pki" / "ca.pem").read_bytes() != before
    copy_rendered(site)
    for mark in ("sh", "sh start"):
        for name in NODES:
            carry_out(site, name, mark)
    wait("every data server is up", lambda: site.mdsctl("status").stdout.count(" up ") >= len(NODES), 90.0)
    give("fence resume")
    assert guide.left() == [], "this test knows nothing of these commands"
    await_all_fit(site)
    assert site.client(_READS).communicate(timeout=60)[0].strip() == "True"


def test_another_address_by_the_steps_of_the_guide(site: Site, tmp_path: Path) -> None:
    """INV-2, INV-4: a member is removed and added again, empty. Its host keeps the old address as its second one."""
    network, machine = site.net.network, site.machines["mds3"]
    text = (ROOT / "docs" / "MEMBERSHIP.md").read_text(encoding="utf-8")
    (mark,) = re.findall(r"`(sed -i .*?)`", text, re.DOTALL)
    old, new = f"{network}.{NODES['mds3']}", f"{network}.{NEW_OCTET}"
    machine.run(f"ip address add {new}/24 dev eth0")
    wait("it may be removed", lambda: site.mdsctl("member", "remove", "mds3", "--even").returncode == 0, 60.0)
    machine.run(f"systemctl stop {MDS_UNIT}; mv /var/lib/mdscluster/mds3 /var/lib/mdscluster/before")
    changed = inventory(site.net).replace(f'addresses = ["{old}/24"]', f'addresses = ["{new}/24", "{old}/24"]')
    (tmp_path / "cluster.toml").write_text(changed)
    notes = render(load(tmp_path / "cluster.toml"), site.out).notes
    assert [note.split(" was reached at ")[0] for note in notes if "was reached" in note] == ["mds3"]
    copy_rendered(site)
    for name in NODES:
        carry_out(site, name, "sh")
        site.machines[name].run("systemctl reload keepalived")
    machine.run(mark.replace("mds2", "mds3"))
    carry_out(site, "mds3", "sh start")
    succeed(site, "member", "add", "mds3", "--raft", f"{new}:20590", "--admin", f"{new}:20690", "--nfs", f"{new}:2049")
    assert f"{new}:20590" in site.mdsctl("member", "list").stdout
    carry_out(site, "mds3", "sh")
    machine.run(f"systemctl restart {MDS_UNIT}")
    await_all_fit(site)
    assert site.mdsctl("digest").stdout.splitlines()[-1] == "equal"
    assert site.client(_READS).communicate(timeout=60)[0].strip() == "True"


def new_disk(site: Site, name: str, server: str) -> None:
    """Where its ``data_dir`` was there is an empty folder, which is root's as a new disk is."""
    folder = f"/var/lib/mdscluster/{server}"
    site.machines[name].run(f"mv {folder} {folder}.old && mkdir -m 0755 {folder}")


def answer(site: Site, *words: str) -> Any:
    return json.loads(site.mdsctl(*words, "--json").stdout)


def votes(site: Site, name: str) -> bool:
    """Whether it has caught up."""
    (node,) = [one for one in answer(site, "status")["mds"] if one["id"] == name]
    return bool(node["reachable"] and not node["quarantined"])


def data_servers(site: Site) -> dict[str, str]:
    """Each, and each lost store, with its state."""
    return {one["id"]: one["state"] for one in answer(site, "ds", "list")["data_servers"]}


def test_a_metadata_servers_disk_is_replaced_by_the_runbook(site: Site) -> None:
    """INV-2: by its very commands; the state is its server's own, so that the unit starts."""
    name = next(name for name in NODES if name not in site.holders())
    OnMachines(site.net, site.machines, site.out / "cluster.json", {}).follow(
        "MdsclusterFsyncSlow", NODE=name, before={"install -d": lambda: new_disk(site, name, name)},
        after={"systemctl start": lambda: wait("it has caught up", lambda: votes(site, name), 60.0)},
    )  # fmt: skip
    await_all_fit(site)
    assert site.mdsctl("digest").stdout.splitlines()[-1] == "equal"
    assert site.client(_READS).communicate(timeout=60)[0].strip() == "True"


def test_a_data_servers_disk_is_replaced_by_the_runbook(site: Site) -> None:
    """INV-10: by its very commands. A store of root is refused with the same words, and nothing is made."""
    name, server = "mds2", "ds2"
    machine, folder = site.machines[name], f"/var/lib/mdscluster/{server}"

    def replace() -> None:
        new_disk(site, name, server)
        refused = machine.run(f"dataserver new-store --config {config(server)}", check=False)
        assert refused.returncode == 2, refused.stdout + refused.stderr
        assert f"install -d -m 0700 -o mdscluster-ds -g mdscluster-ds {folder}" in refused.stderr
        assert "runuser -u mdscluster-ds -- dataserver new-store --config" in refused.stderr
        assert machine.run(f"ls -A {folder}").stdout == ""

    OnMachines(site.net, site.machines, site.out / "cluster.json", {}).follow(
        "MdsclusterDataServerErrors", NODE=name, DS=server, before={"install -d": replace},
        after={"systemctl start": lambda: wait("it is up", lambda: data_servers(site)[server] == "up")},
    )  # fmt: skip
    assert machine.unit(f"mdscluster-ds-{server}.service", "ActiveState") == "active"
    assert [state for one, state in data_servers(site).items() if one.startswith(f"{server}/lost-")] == ["lost"]
    assert site.client(_WRITES).communicate(timeout=60)[0] == "", "files are laid on the new store"
