"""What an operator does on the hosts and to the cluster, by the commands of the documents; and what is refused."""

from __future__ import annotations

import json
import shutil
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from deploy import keepalived, units
from deploy.reading import load
from deploy.render import render
from tests.chaos.installed.programs import DELETER, HOLDER, WRITER
from tests.support import runbook
from tests.support.cluster import OPERATOR
from tests.support.installed import (
    NODES,
    Site,
    await_all_fit,
    carry_out,
    copy_rendered,
    health,
    inventory,
    succeed,
    wait,
)
from tests.support.machine import BIN_DIR

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

BACK_WITHIN_S = 5.0
"""A data server joins within a heartbeat or two of its start."""


def answer(site: Site, *words: str) -> Any:
    """The JSON that a command answers."""
    done = site.mdsctl(*words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def clients(site: Site) -> set[str]:
    return {client["client_id"] for client in answer(site, "clients", "list")["clients"]}


def is_level_raised(node: dict[str, Any]) -> bool:
    return bool(node["feature_level"] == node["feature_level_known"])


def test_what_an_operator_asks_of_servers_in_their_sandbox(site: Site, tmp_path: Path) -> None:
    """INV-8: a backup whose digest is right; members, data servers, a client that has to go."""
    assert [member["id"] for member in answer(site, "member", "list")["members"]] == list(NODES)
    backup = str(tmp_path / "backup")
    made = answer(site, "backup", "create", backup)
    assert answer(site, "backup", "verify", backup)["digest"] == made["digest"]
    wait("all that this release knows is in use", lambda: all(map(is_level_raised, answer(site, "nodes")["nodes"])))
    for off in (False, True):
        answer(site, "ds", "drain", "ds2", *(["--off"] if off else []))
        drained = {each["id"]: each["drained"] for each in answer(site, "ds", "list")["data_servers"]}
        assert drained == {"ds1": False, "ds2": not off, "ds3": False}
    before = clients(site)
    holder = site.client(HOLDER)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "it is open\n"
        (client,) = clients(site) - before
        assert answer(site, "clients", "evict", client) == {"client_id": client, "evicted": True}
        assert client not in clients(site)
    finally:
        holder.kill()
        holder.communicate()


def test_a_support_bundle_and_the_logs_of_the_hosts(site: Site, tmp_path: Path) -> None:
    """What docs/RUNBOOK.md has collected, by its own lines: all of it is there, and no secret."""
    bundle, line = tmp_path / "bundle.tar.gz", runbook.commands()["MdsclusterForbiddenStatusSent"][-1]
    found = answer(site, "support-bundle", str(bundle))
    assert [name.split()[0] for name in found["missing"]] == ["logs"], found["missing"]
    assert line in "".join(found["missing"].values()), "the command says how they are taken along"
    told = {"status", "nodes", "members", "vip", "fence", "digest", "clients", "sessions", "layouts", "locks"}
    assert {f"{each}.json" for each in told} | {"cluster.json", "missing.json"} <= {*found["contents"]}
    for name in NODES:
        server = name.replace("mds", "ds")
        rendered = {f"{name}/{name}.toml", f"{server}/{server}.toml", units.MDS_UNIT, "keepalived.conf"}
        wanted = {f"rendered/{name}/{file}" for file in rendered} | {f"{name}/metrics.txt", f"{server}/metrics.txt"}
        assert wanted <= {*found["contents"]}
    secrets = [path.read_bytes().strip() for path in site.out.rglob("*.key")]
    assert len(secrets) > 10
    with tarfile.open(bundle) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            assert content is not None
            text = content.read()
            assert text
            assert not any(secret in text for secret in (*secrets, b"PRIVATE KEY")), entry.name
    for name, machine in site.machines.items():
        told_there = machine.run(f"cd /tmp && {line} && zcat {name}.log.gz").stdout
        ds_unit = f"mdscluster-ds-{name.replace('mds', 'ds')}.service"
        for unit in (units.MDS_UNIT, units.GUARD_UNIT, ds_unit, "keepalived.service"):
            logged = machine.journal(unit).splitlines()
            assert logged, unit
            assert logged[0] in told_there, unit


def test_renewed_certificates_reach_running_servers(site: Site) -> None:
    """By the commands of INSTALL.md; nothing is restarted, and the next connection finds the new certificate."""
    pids = {name: machine.unit(units.MDS_UNIT, "MainPID") for name, machine in site.machines.items()}
    assert site.mdsctl("certs", "renew", "--out", str(site.out), "--all").returncode == 0
    copy_rendered(site)
    for name in NODES:
        carry_out(site, name, "sh renew")
    wanted = {name: (site.out / name / name / f"{name}.pem").read_text() for name in NODES}
    for name, machine in site.machines.items():
        assert machine.run(f"cat /etc/mdscluster/{name}/{name}.pem").stdout == wanted[name]
        where = f"-connect {site.net.network}.{NODES[name]}:20690 -CAfile {site.out}/pki/ca.pem"
        own = f"-cert {site.out}/pki/admin.pem -key {site.out}/pki/admin.key"
        look = f"openssl s_client {where} {own} -alpn h2 </dev/null 2>/dev/null | openssl x509"
        assert site.net.run(OPERATOR, ["sh", "-c", look]) == wanted[name]
    assert pids == {name: machine.unit(units.MDS_UNIT, "MainPID") for name, machine in site.machines.items()}


def test_a_configuration_that_cannot_work_is_not_tried_again_and_again(site: Site) -> None:
    """Exit code 2 ends it; the reason is in its log, and the address is not on that machine."""
    machine = next(machine for name, machine in site.machines.items() if name not in site.holders())
    file = f"/etc/mdscluster/{machine.name}/{machine.name}.toml"
    machine.run(f"cp {file} {file}.good && sed -i 's/^log_level.*/log_level = \"loud\"/' {file}")
    machine.run(f"systemctl restart {units.MDS_UNIT}", check=False)
    wait("it has failed", lambda: machine.unit(units.MDS_UNIT, "ActiveState") == "failed", 15.0)
    time.sleep(1.5)
    assert machine.unit(units.MDS_UNIT, "ExecMainStatus") == "2"
    assert machine.unit(units.MDS_UNIT, "NRestarts") in ("0", "1")
    assert "log_level is 'loud': it must be one of" in machine.journal(units.MDS_UNIT)
    assert health(machine) == str(keepalived.UNFIT)
    machine.run(f"mv {file}.good {file} && systemctl restart {units.MDS_UNIT}")
    wait("all are back", lambda: site.mdsctl("status").stdout.count("DOWN") == 0)


def test_servers_whose_address_is_not_up_yet_wait_for_it(site: Site) -> None:
    """As at a boot where the switch is slower than the servers. Each is started again, not faster than about
    every second, and serves when the address is there."""
    name = next(name for name in site.machines if name not in site.holders())
    machine, address = site.machines[name], f"{site.net.network}.{NODES[name]}/24"
    both = [units.MDS_UNIT, f"mdscluster-ds-ds{[*NODES].index(name) + 1}.service"]
    machine.run(f"systemctl stop {' '.join(both)}")
    site.net.run(name, ["sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=0"])
    site.net.run(name, ["ip", "address", "del", address, "dev", "eth0"])
    try:
        machine.run(f"systemctl start {' '.join(both)}")
        began = time.monotonic()
        time.sleep(6.0)
        for unit in both:
            tries, waited_s = int(machine.unit(unit, "NRestarts")), time.monotonic() - began
            assert 1 <= tries <= waited_s / 0.9, unit
            assert machine.unit(unit, "ExecMainStatus") in ("0", "71"), unit  # 0: it runs in this moment
            assert machine.unit(unit, "ActiveState") != "failed", unit
            assert "its unit starts it again until it serves" in machine.journal(unit)
        assert health(machine) == str(keepalived.UNFIT)
    finally:
        site.net.run(name, ["ip", "address", "add", address, "brd", "+", "dev", "eth0"])
        site.net.run(name, ["sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1"])
    wait("all are back", lambda: site.mdsctl("status").stdout.count("DOWN") == 0)
    wait("its servers stay", lambda: all(machine.unit(unit, "ActiveState") == "active" for unit in both))
    await_all_fit(site)


def test_a_new_cluster_of_a_backup_by_nobody_but_the_service_user(site: Site, tmp_path: Path) -> None:
    """INV-8: as docs/OPERATIONS.md says. What root would make the servers could not open: it is refused, and nothing
    has changed."""
    backup = tmp_path / "backup"
    answer(site, "backup", "create", str(backup))
    for machine in site.machines.values():
        machine.run(f"systemctl stop {units.MDS_UNIT}")
    for name, machine in site.machines.items():
        shutil.copy(backup, machine.folder / "backup")
        machine.run("install -m 0600 -o mdscluster -g mdscluster /shared/backup /tmp/backup")
        config = f"/etc/mdscluster/{name}/{name}.toml"
        restore = f"{BIN_DIR}/python3 -m mdscluster.mdsctl backup restore /tmp/backup --config {config} --set-aside"
        rejoin = f"{BIN_DIR}/mdscluster rejoin --config {config} --set-aside"
        listing = f"find /var/lib/mdscluster/{name} -printf '%p %U %s %T@\\n' | sort"
        before = machine.run(listing).stdout
        for command in (restore, rejoin):
            refused = machine.run(command, check=False)
            assert refused.returncode == 2, refused.stdout + refused.stderr
            assert "runuser -u mdscluster -- " in refused.stderr
        assert machine.run(listing).stdout == before
        machine.run(f"runuser -u mdscluster -- {restore}")
        machine.run("rm /tmp/backup")
    for machine in site.machines.values():
        machine.run(f"systemctl start {units.MDS_UNIT}")
    wait("it serves again", lambda: site.mdsctl("status").stdout.count(" up ") >= len(NODES), 60.0)
    await_all_fit(site)


def test_a_data_server_that_was_taken_away_does_not_come_back_with_the_next_boot(site: Site, tmp_path: Path) -> None:
    """INV-10: by the commands of DEPLOY.md. Were its unit still enabled, it would ask for files again and again."""
    unit = "mdscluster-ds-ds3.service"
    machine = site.machines["mds3"]
    site.client(WRITER).communicate(timeout=60)
    told, _ = site.client(DELETER).communicate(timeout=60)
    assert told == "", told
    succeed(site, "ds", "drain", "ds3")
    wait("no file is left there", lambda: "no file has data there" in site.mdsctl("ds", "drain", "ds3").stdout)
    text = inventory(site.net)
    third = text.index('[[data_servers]]\nid = "ds3"')
    (tmp_path / "cluster.toml").write_text(text[:third] + text[text.index("[[vips]]") :])
    render(load(tmp_path / "cluster.toml"), site.out)
    copy_rendered(site)
    carry_out(site, "mds3", "sh clear")
    assert machine.unit(unit, "LoadState") == "not-found"
    assert machine.unit(unit, "ActiveState") == "inactive"
    wait("it counts as down, and is removed", lambda: site.mdsctl("ds", "remove", "ds3").returncode == 0)
    machine.run("systemctl daemon-reload; systemctl start multi-user.target")  # what a boot starts
    time.sleep(BACK_WITHIN_S)
    listed = site.mdsctl("ds", "list").stdout
    assert "ds2" in listed
    assert "ds3" not in listed
    assert machine.unit(units.MDS_UNIT, "ActiveState") == "active", "the metadata server there goes on"


def test_after_all_that_the_replicas_agree(site: Site) -> None:
    """INV-8."""
    digests = site.mdsctl("digest")
    assert (digests.returncode, digests.stdout.splitlines()[-1]) == (0, "equal"), digests.stdout
