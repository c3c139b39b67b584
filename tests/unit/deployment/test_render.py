"""What is rendered: accepted by the servers' own code, the same every time, whole or not at all, secrets kept."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
from cryptography import x509

from dataserver.config import DsConfig
from deploy import units, writing
from deploy.reading import load
from deploy.render import render
from deploy.servers import hosts
from mdscluster import leaving
from mdscluster.adminclient import ClusterFile
from mdscluster.config import ConfigError, Fencing, Guard, NodeConfig
from mdscluster.mdsctl import main
from mdscluster.pki import subject_names
from tests.support.cluster import ROOT
from tests.unit.deployment.support import (
    PDU_PASSWORD,
    PDU_PRIVACY,
    SECRETS,
    deploy_render,
    write_inventory,
)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The example, rendered."""
    deploy_render(write_inventory(tmp_path), tmp_path / "out")
    return tmp_path / "out"


def contents(tree: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file with its mode and the time of its last change."""
    return {
        str(file.relative_to(tree)): (file.read_bytes(), file.stat().st_mode & 0o777, file.stat().st_mtime_ns)
        for file in sorted(tree.rglob("*"))
        if file.is_file()
    }


# ---------------------------------------------------------------------- what the servers make of it
def test_every_server_accepts_its_configuration_and_its_certificate(out: Path) -> None:
    """As a host has it: paths are made the host's by giving the folder another name."""
    for number in (1, 2, 3):
        config = NodeConfig.load(out / f"mds{number}" / f"mds{number}" / f"mds{number}.toml")
        assert config.node_id == f"mds{number}"
        assert [str(peer.raft) for peer in config.peers] == [f"192.0.2.1{n}:20590" for n in (1, 2, 3)]
        assert str(config.nfs) == "0.0.0.0:2049"
        assert config.cluster.name == "files"
        assert config.cluster_key() == bytes.fromhex((out / "pki" / "cluster.key").read_text())
        names = subject_names(x509.load_pem_x509_certificate(config.tls.certificate.read_bytes()))
        assert names == {f"mds{number}", "mds.role.mdscluster", f"192.0.2.1{number}"}
        ds = DsConfig.load(out / f"ds{number}" / f"ds{number}" / f"ds{number}.toml")
        assert ds.cluster_name == "files"
        assert [str(peer.control) for peer in ds.mds] == [f"192.0.2.1{n}:20690" for n in (1, 2, 3)]
        ca = x509.load_pem_x509_certificate(ds.tls.ca.read_bytes())
        x509.load_pem_x509_certificate(ds.tls.certificate.read_bytes()).verify_directly_issued_by(ca)


def test_settings_of_the_inventory_reach_the_servers(tmp_path: Path) -> None:
    settings = (
        "[settings.raft]\nheartbeat_ms = 60\n[settings.cluster]\nds_lease_ms = 9000\n"
        '[settings.node]\non_quorum_loss = "refuse"\n[settings.data_server]\nheartbeat_ms = 500\n'
        "[settings.data_server.limits]\nmax_connections = 9\n"
    )
    ports = ("[install]", "[ports]\nraft = 7\n[install]")
    path = write_inventory(tmp_path, ("[settings.cluster]\n", settings + "# "), ports)
    deploy_render(path, tmp_path / "out")
    mds = NodeConfig.load(tmp_path / "out" / "mds1" / "mds1" / "mds1.toml")
    ds = DsConfig.load(tmp_path / "out" / "ds1" / "ds1" / "ds1.toml")
    assert (mds.raft.heartbeat_ms, mds.on_quorum_loss, mds.peer.raft.port) == (60, "refuse", 7)
    assert (ds.lease_ms, ds.heartbeat_ms, ds.limits.max_connections) == (9000, 500, 9)
    unit = (tmp_path / "out" / "mds1" / "mdscluster-mds.service").read_text()
    assert "\nAmbientCapabilities=CAP_NET_RAW CAP_NET_BIND_SERVICE\n" in unit


def test_when_servers_are_fenced_is_the_inventorys_to_say(tmp_path: Path) -> None:
    """A slow machine's suspect_ms, and the limits, without editing what was rendered; the devices stay."""
    wanted = "[settings.fencing]\nsuspect_ms = 5000\nnode_per_hour = 7\n[settings.cluster]"
    deploy_render(write_inventory(tmp_path, ("[settings.cluster]", wanted)), tmp_path / "out")
    made = NodeConfig.load(tmp_path / "out" / "mds1" / "mds1" / "mds1.toml").fencing
    assert (made.suspect_ms, made.node_per_hour) == (5_000, 7)
    assert dataclasses.replace(made, suspect_ms=2_000, node_per_hour=3, devices=()) == Fencing()
    assert [device.node for device in made.devices] == ["mds1", "mds2", "mds3", "mds3"]


def test_every_metadata_server_knows_what_keepalived_is_to_keep(tmp_path: Path) -> None:
    """INV-7: or an address of which no keepalived ever told would be missed by nobody. The spread address, too."""
    spread = ("[install]", '[spread]\naddress = "192.0.2.100/24"\n[install]')
    for out, changes, more in ((tmp_path / "plain", (), []), (tmp_path / "spread", (spread,), ["192.0.2.100"])):
        inventory = write_inventory(tmp_path, *changes)
        wanted = [str(vip.interface.ip) for vip in load(inventory).inventory.service_addresses]
        assert wanted == ["192.0.2.101", "192.0.2.102", "192.0.2.103", *more]
        deploy_render(inventory, out)
        for node in ("mds1", "mds2", "mds3"):
            assert [*NodeConfig.load(out / node / node / f"{node}.toml").service_addresses] == wanted


def test_a_weak_server_steps_back_for_as_long_as_others_need(tmp_path: Path) -> None:
    """Longer than RFC 5798's Master_Down_Interval, whatever the adverts' interval."""
    for changes, wanted_ms in (((), 1_000), ((("[install]", "[vrrp]\nadvert_interval_ms = 1000\n[install]"),), 4_000)):
        out = tmp_path / f"out-{wanted_ms}-{len(changes)}"
        deploy_render(write_inventory(tmp_path, *changes), out)
        assert NodeConfig.load(out / "mds1" / "mds1" / "mds1.toml").guard.step_back_ms == wanted_ms


def test_servers_and_what_moves_their_addresses_come_before_data_servers(out: Path) -> None:
    """A starved metadata server loses its addresses, then its leadership; a starved data server is slow."""
    for name in ("mdscluster-mds.service", "mdscluster-guard.service", "keepalived.service.d-mdscluster.conf"):
        assert "\nCPUWeight=1000\n" in (out / "mds1" / name).read_text(), name
    assert "CPUWeight" not in (out / "ds1" / "mdscluster-ds-ds1.service").read_text()


def test_every_metadata_server_has_a_guard_that_nothing_binds_to_it(tmp_path: Path) -> None:
    """With BindsTo= or PartOf= systemd would take it along when it restarts a server: just when it is needed."""
    watchdog = ("[install]", '[settings.guard]\nstall_ms = 6000\n[install]\nwatchdog = "/dev/watchdog"')
    deploy_render(write_inventory(tmp_path, watchdog), tmp_path / "out")
    host = tmp_path / "out" / "mds1"
    guard = NodeConfig.load(host / "mds1" / "mds1.toml").guard
    assert (guard.run_dir, guard.vip_dir) == ("/run/mdscluster", "/run/mdscluster-vip")
    assert (guard.stall_ms, guard.watchdog) == (6_000, "/dev/watchdog")
    texts = {name: (host / f"mdscluster-{name}.service").read_text() for name in ("mds", "guard")}
    for text in texts.values():
        keys = [line.split("=")[0] for line in text.splitlines() if not line.startswith("#")]
        assert not {"BindsTo", "PartOf", "Requires", "Requisite", "PropagatesStopTo"} & {*keys}
    assert "\nWants=network-online.target mdscluster-guard.service\n" in texts["mds"]
    assert "DeviceAllow=/dev/watchdog rw" in texts["guard"]
    assert "PrivateDevices=yes" in texts["mds"], "the device is the guard's"
    commands = (host / "INSTALL.md").read_text().splitlines()
    rule = next(number for number, line in enumerate(commands) if line.endswith("61-mdscluster-watchdog.rules"))
    assert commands[rule + 1] == "udevadm control --reload"
    assert commands[rule + 2].startswith("udevadm trigger "), "the device is there already: nobody adds it any more"


def test_a_server_that_crashed_is_started_again_long_before_it_would_be_fenced(out: Path) -> None:
    """INV-9 is for servers that stay away: of the time until one is suspected its unit may waste a tenth at most."""
    unit = (out / "mds1" / "mdscluster-mds.service").read_text()
    waits = [line.removeprefix("RestartSec=") for line in unit.splitlines() if line.startswith("RestartSec=")]
    assert [wait.endswith("ms") for wait in waits] == [True]
    assert int(waits[0].removesuffix("ms")) <= Fencing().suspect_ms / 10


def test_only_a_metadata_server_may_lower_a_priority_and_nobody_may_do_more(out: Path) -> None:
    """A backup's process does; what it takes beside that is refused to it like to all others."""
    for unit in out.glob("*/*.service"):
        filters = [line for line in unit.read_text().splitlines() if line.startswith("SystemCallFilter=")]
        assert filters[:2] == ["SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources"], unit
        assert filters[2:] == (["SystemCallFilter=setpriority"] if unit.name == units.MDS_UNIT else []), unit


def test_a_server_has_its_time_to_stop(out: Path) -> None:
    """INV-7, INV-9: the address leaves, the log is told, then it ends: each before whoever waits for it gives up."""
    assert leaving.FRONT_END_LEAVES_S >= leaving.ADDRESS_MS / 1000 + leaving.PRESENCE_S + 1.0
    assert leaving.STOP_S >= leaving.FRONT_END_LEAVES_S + leaving.FRONT_END_STOPS_S + 1.0
    unit = (out / "mds1" / "mdscluster-mds.service").read_text()
    (timeout_s,) = [line.removeprefix("TimeoutStopSec=") for line in unit.splitlines() if "TimeoutStopSec" in line]
    assert int(timeout_s) >= leaving.STOP_S + 5
    assert Guard().start_ms / 1000 >= int(timeout_s), "its guard leaves that to the unit"


def test_mdsctl_reads_the_cluster_file_beside_the_ca(out: Path) -> None:
    cluster = ClusterFile.load(out / "cluster.json")
    assert [(each.id, each.admin) for each in cluster.mds] == [(f"mds{n}", f"192.0.2.1{n}:20690") for n in (1, 2, 3)]
    assert (out / "pki" / "admin.pem").exists()


def test_a_node_that_waits_to_be_added_is_no_peer_of_the_others(tmp_path: Path) -> None:
    """INV-1: it starts without a vote, and nobody counts it."""
    new = '[[nodes]]\nid = "mds4"\naddresses = ["192.0.2.14/24"]\ninterface = "eth0"\njoin = true\n\n[[data_servers]]'
    deploy_render(write_inventory(tmp_path, ("[[data_servers]]", new)), tmp_path / "out")
    mine = NodeConfig.load(tmp_path / "out" / "mds4" / "mds4" / "mds4.toml")
    other = NodeConfig.load(tmp_path / "out" / "mds1" / "mds1" / "mds1.toml")
    assert mine.join
    assert [peer.id for peer in mine.peers] == ["mds1", "mds2", "mds3", "mds4"]
    assert [peer.id for peer in other.peers] == ["mds1", "mds2", "mds3"]
    guide = (tmp_path / "out" / "mds4" / "INSTALL.md").read_text()
    add = "mdsctl member add mds4 --raft 192.0.2.14:20590 --admin 192.0.2.14:20690 --nfs 192.0.2.14:2049"
    assert f"\n```\n{add}\n```\n" in guide, "whole, and in no block for the host"
    assert guide.index("systemctl enable --now") < guide.index(add)
    assert add.removeprefix("mdsctl ") in (ROOT / "docs" / "DEPLOY.md").read_text()
    assert "member add" not in (tmp_path / "out" / "mds1" / "INSTALL.md").read_text()


def test_the_hosts_that_are_there_are_told_of_a_node_that_waits_to_be_added(tmp_path: Path) -> None:
    """INV-6, INV-9: its keepalived would hear nobody and take every address; and nobody could fence it."""
    new = (
        '[[nodes]]\nid = "mds4"\naddresses = ["192.0.2.14/24"]\ninterface = "eth0"\njoin = true\n\n[[nodes.fencing]]\n'
        'agent = "fence_ipmilan"\npassword_file = "secrets/bmc-password"\nparameters = { ip = "198.51.100.14" }\n\n'
    )
    deploy_render(write_inventory(tmp_path, ("[[data_servers]]", new + "[[data_servers]]")), tmp_path / "out")
    for name in ("mds1", "mds2", "mds3"):
        folder = tmp_path / "out" / name
        assert "        192.0.2.14\n" in (folder / "keepalived.conf").read_text()
        devices = NodeConfig.load(folder / name / f"{name}.toml").fencing.devices_of("mds4")
        assert [device.agent for device in devices] == ["fence_ipmilan"]


def test_servers_on_one_address_share_a_host(tmp_path: Path) -> None:
    path = write_inventory(
        tmp_path,
        (
            'addresses = ["192.0.2.22"]',
            'addresses = ["192.0.2.21"]\nnfs_port = 2050\ncontrol_port = 20791\nmetrics_port = 20991',
        ),
        ('addresses = ["192.0.2.23"]', 'addresses = ["192.0.2.11"]\nnfs_port = 2050'),
    )
    found = {host.name: host.ids for host in hosts(load(path).inventory)}
    assert found == {"mds1": ("mds1", "ds3"), "mds2": ("mds2",), "mds3": ("mds3",), "ds1": ("ds1", "ds2")}
    deploy_render(path, tmp_path / "out")
    assert (tmp_path / "out" / "mds1" / "ds3" / "ds3.toml").exists()
    assert (tmp_path / "out" / "ds1" / "mdscluster-ds-ds2.service").exists()


# ---------------------------------------------------------------------- secrets
def test_secrets_are_the_owners_only_and_in_no_other_file(out: Path, tmp_path: Path) -> None:
    secrets = [(out / "pki" / name).read_text().strip() for name in ("ca.key", "cluster.key", "mds1.key", "admin.key")]
    secrets += SECRETS.values()
    found = set()
    for file in out.rglob("*"):
        if file.is_dir():
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
            continue
        text = file.read_text()
        for secret in secrets:
            if secret in text:
                found.add(secret)
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert found == set(secrets)
    assert not list(out.glob("*/*/ca.key")), "the CA's key stays with the operator"


def test_no_secret_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_inventory(tmp_path)
    assert main(["deploy", "render", "--inventory", str(path), "--out", str(tmp_path / "out")]) == 0
    said = capfd.readouterr()
    key = (tmp_path / "out" / "pki" / "cluster.key").read_text().strip()
    for secret in (*SECRETS.values(), key):
        assert secret not in said.out + said.err


def test_fencing_devices_are_in_the_inventorys_order_with_their_secrets(out: Path) -> None:
    found = tomllib.loads((out / "mds2" / "mds2" / "mds2.toml").read_text())["fencing"]["devices"]
    assert [(each["node"], each["agent"]) for each in found] == [
        ("mds1", "fence_ipmilan"), ("mds2", "fence_ipmilan"), ("mds3", "fence_ipmilan"), ("mds3", "fence_apc_snmp"),
    ]  # fmt: skip
    assert found[0]["options"] == [
        "ip=198.51.100.11", "ipmitool_timeout=1", "lanplus=1", "login_timeout=1", "power_timeout=5", "power_wait=0",
        "privlvl=operator", "shell_timeout=1", "username=fence",
    ]  # fmt: skip
    assert found[3]["secret_files"] == ["fencing/mds3-2-fence_apc_snmp.secret"]
    secret = out / "mds2" / "mds2" / "fencing" / "mds3-2-fence_apc_snmp.secret"
    assert secret.read_text() == f"password={PDU_PASSWORD}\nsnmp_priv_passwd={PDU_PRIVACY}\n"


# ---------------------------------------------------------------------- what a host needs
def test_install_md_names_the_packages_of_the_agents_of_the_inventory(out: Path, tmp_path: Path) -> None:
    """INV-9: every metadata server may have to use any device, also one of another node."""
    for name in ("mds1", "mds3"):
        text = (out / name / "INSTALL.md").read_text()
        assert "Debian packages: python3, keepalived, nftables, iproute2, fence-agents, ipmitool, snmp. " in text
    assert "Debian packages: python3. " in (out / "ds1" / "INSTALL.md").read_text()
    own = ('agent = "fence_apc_snmp"', 'agent = "/usr/local/sbin/our-pdu"')
    deploy_render(write_inventory(tmp_path, own), tmp_path / "out")
    text = (out / "mds1" / "INSTALL.md").read_text()
    assert "fence-agents, ipmitool. " in text
    assert "Of your own: `/usr/local/sbin/our-pdu`." in text


def test_a_new_ca_keeps_the_cluster_key(out: Path, tmp_path: Path) -> None:
    """INV-10: by the command of DEPLOY.md. Data servers prove by that key that they belong to the cluster."""
    guide = (ROOT / "docs/DEPLOY.md").read_text()
    (command,) = re.findall(r"^ *(find /srv/files/rendered/pki .*)$", guide, re.MULTILINE)
    before = {path.name: path.read_bytes() for path in (out / "pki").iterdir()}
    subprocess.run(["sh", "-ec", command.replace("/srv/files/rendered", str(out))], check=True, timeout=30)
    with pytest.raises(ConfigError, match=r"^pki/ca.pem missing, and the hosts have them: .* --new-ca makes a new CA"):
        deploy_render(tmp_path / "cluster.toml", out)
    assert main(["deploy", "render", "--inventory", str(tmp_path / "cluster.toml"), "--out", str(out), "--new-ca"]) == 0
    after = {path.name: path.read_bytes() for path in (out / "pki").iterdir()}
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] == before[name]} == {"cluster.key"}
    assert (out / "ds1" / "ds1" / "cluster.key").read_bytes() == before["cluster.key"]
    assert (out / "ds1" / "ds1" / "ca.pem").read_bytes() == after["ca.pem"]


def test_a_lost_pki_is_not_replaced_unasked(out: Path, tmp_path: Path) -> None:
    """INV-10: with another key and another CA every data server would be refused. The hosts' folders have the key."""
    before = contents(out)
    key = (out / "pki" / "cluster.key").read_bytes()
    shutil.rmtree(out / "pki")
    left = contents(out)
    with pytest.raises(ConfigError, match=r"^pki/ca.pem and pki/cluster.key missing, and the hosts have them"):
        deploy_render(tmp_path / "cluster.toml", out)
    assert contents(out) == left, "nothing was written"
    deploy_render(tmp_path / "cluster.toml", out, new_ca=True)
    assert (out / "pki" / "cluster.key").read_bytes() == key
    assert stat.S_IMODE((out / "pki" / "cluster.key").stat().st_mode) == 0o600
    after = contents(out)
    assert after["ds1/ds1/cluster.key"] == before["ds1/ds1/cluster.key"], "the hosts' is not even touched"
    ca = x509.load_pem_x509_certificate(after["mds1/mds1/ca.pem"][0])
    for name in ("mds1", "ds3"):
        x509.load_pem_x509_certificate(after[f"{name}/{name}/{name}.pem"][0]).verify_directly_issued_by(ca)


def test_a_new_ca_signs_what_the_lost_one_had_signed(out: Path, tmp_path: Path) -> None:
    """Of pki/ only the CA is gone: certificates that nobody can check any more do not stay."""
    for name in ("ca.pem", "ca.key"):
        (out / "pki" / name).unlink()
    deploy_render(tmp_path / "cluster.toml", out, new_ca=True)
    ca = x509.load_pem_x509_certificate((out / "pki" / "ca.pem").read_bytes())
    for name in ("mds1", "ds1", "admin"):
        x509.load_pem_x509_certificate((out / "pki" / f"{name}.pem").read_bytes()).verify_directly_issued_by(ca)
    before = contents(out)
    deploy_render(tmp_path / "cluster.toml", out, new_ca=True)
    assert contents(out) == before, "a CA that is there is kept, whatever is given"


def test_hosts_that_do_not_agree_on_the_cluster_key_are_told(out: Path, tmp_path: Path) -> None:
    """INV-10: of two keys only an operator knows which one the cluster has."""
    (out / "pki" / "cluster.key").unlink()
    (out / "ds2" / "ds2" / "cluster.key").write_text("7" * 64 + "\n")
    with pytest.raises(ConfigError, match=r"ds2/ds2/cluster.key, .* differ: put the one that the cluster has into"):
        deploy_render(tmp_path / "cluster.toml", out, new_ca=True)


# ---------------------------------------------------------------------- again and again
def test_a_second_rendering_changes_nothing_at_all(out: Path, tmp_path: Path) -> None:
    before = contents(out)
    inode = out.stat().st_ino
    rendered = render(load(tmp_path / "cluster.toml"), out)
    assert not rendered.written.any
    assert contents(out) == before
    assert out.stat().st_ino == inode
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cluster.toml", "out", "secrets"]


def test_only_what_the_inventory_changed_is_changed(out: Path, tmp_path: Path) -> None:
    """A service address more: no key, no certificate, no data server's configuration is touched."""
    before = contents(out)
    write_inventory(tmp_path, ("[[data_servers]]", '[[vips]]\naddress = "192.0.2.104/24"\n\n[[data_servers]]'))
    written = render(load(tmp_path / "cluster.toml"), out).written
    per_node = ("keepalived.conf", "keepalived.service.d-mdscluster.conf", "vip.nft")
    assert written.new == ()
    assert written.removed == ()
    changed = {f"mds{n}/{name}" for n in (1, 2, 3) for name in (*per_node, f"mds{n}/mds{n}.toml")}
    assert set(written.changed) == changed | {writing.MANIFEST}
    after = contents(out)
    assert {path for path in after if after[path] != before[path]} == set(written.changed)


def test_keys_and_the_ca_are_never_made_anew(out: Path, tmp_path: Path) -> None:
    """Also when a certificate is: an address was added, and the name of its cluster changed."""
    before = contents(out / "pki")
    more = ('"192.0.2.12/24"', '"192.0.2.12/24", "10.0.0.2/24"')
    write_inventory(tmp_path, more, ('name = "files"', 'name = "other"'))
    render(load(tmp_path / "cluster.toml"), out)
    after = contents(out / "pki")
    assert {path for path in after if after[path] != before.get(path)} == {"mds2.pem"}
    names = subject_names(x509.load_pem_x509_certificate((out / "mds2" / "mds2" / "mds2.pem").read_bytes()))
    assert "10.0.0.2" in names


def test_a_host_that_is_gone_is_gone_and_its_key_stays_with_the_ca(out: Path, tmp_path: Path) -> None:
    write_inventory(tmp_path, ('[[data_servers]]\nid = "ds3"\naddresses = ["192.0.2.23"]\n', ""))
    (out / "ds2" / "notes.txt").write_text("of an operator")
    written = render(load(tmp_path / "cluster.toml"), out).written
    assert not (out / "ds3").exists()
    assert "ds3/ds3/ds3.key" in written.removed
    assert (out / "pki" / "ds3.key").exists()
    assert (out / "ds2" / "notes.txt").read_text() == "of an operator"


def test_an_edited_file_is_not_overwritten_unless_it_is_asked_for(out: Path, tmp_path: Path) -> None:
    edited = out / "mds1" / "keepalived.conf"
    edited.write_text(edited.read_text() + "# mine\n")
    before = contents(out)
    with pytest.raises(ConfigError, match=r"edited by hand .*: mds1/keepalived\.conf .*--discard-edits"):
        deploy_render(tmp_path / "cluster.toml", out)
    assert contents(out) == before
    deploy_render(tmp_path / "cluster.toml", out, discard_edits=True)
    assert "# mine" not in edited.read_text()


def test_mdsctl_may_change_its_own_file(out: Path, tmp_path: Path) -> None:
    """`mdsctl member add` notes the new server there."""
    (out / "cluster.json").write_text("{}")
    assert render(load(tmp_path / "cluster.toml"), out).written.changed == ("cluster.json",)


# ---------------------------------------------------------------------- whole or not at all
def test_a_rendering_that_fails_half_way_leaves_everything_as_it_was(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(out)
    write_inventory(tmp_path, ('name = "files"', 'name = "other"'), ('id = "ds3"', 'id = "ds9"'))
    real, count = writing.write_atomically, iter(range(100))

    def fails(path: Path, content: bytes, *, mode: int = 0o644) -> None:
        if next(count) == 9:
            raise OSError(28, os.strerror(28), str(path))
        real(path, content, mode=mode)

    monkeypatch.setattr(writing, "write_atomically", fails)
    with pytest.raises(ConfigError, match=r"cannot write .*No space left on device"):
        deploy_render(tmp_path / "cluster.toml", out)
    assert contents(out) == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cluster.toml", "out", "secrets"]


def test_what_a_killed_rendering_left_is_removed_by_the_next(out: Path, tmp_path: Path) -> None:
    leftover = tmp_path / ".out.render-killed"
    (leftover / "pki").mkdir(parents=True)
    (leftover / "pki" / "ca.key").write_text("half")
    deploy_render(tmp_path / "cluster.toml", out)
    assert not leftover.exists()


def test_a_broken_inventory_changes_nothing_of_what_was_rendered(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(out)
    path = write_inventory(tmp_path, ('name = "files"', 'name = "other"'), ('preferred = "mds1"', 'preferred = "mds9"'))
    assert main(["deploy", "render", "--inventory", str(path), "--out", str(out)]) == 2
    assert "'mds9', and there is no such node" in capsys.readouterr().err
    assert contents(out) == before


def test_a_broken_inventory_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_inventory(tmp_path, ('preferred = "mds1"', 'preferred = "mds9"'))
    assert main(["deploy", "render", "--inventory", str(path), "--out", str(tmp_path / "out")]) == 2
    assert f"mdsctl: {path}:" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("x")
    with pytest.raises(ConfigError, match="was not written by `mdsctl deploy render`"):
        deploy_render(write_inventory(tmp_path), tmp_path / "home")


def test_a_ca_without_its_key_is_refused(out: Path, tmp_path: Path) -> None:
    (out / "pki" / "ca.key").unlink()
    before = contents(out)
    with pytest.raises(ConfigError, match="bring it back, or remove both"):
        deploy_render(tmp_path / "cluster.toml", out)
    assert contents(out) == before


def test_check_says_what_is_right_and_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_inventory(tmp_path)
    assert main(["deploy", "check", "--inventory", str(path)]) == 0
    assert "3 metadata servers, 3 data servers, 3 service addresses: no fault found" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_what_documents_say_to_type_is_in_everybodys_path(out: Path, tmp_path: Path) -> None:
    """`runuser -u mdscluster -- mdscluster rejoin`, `dataserver new-store`, `mdsctl config check`."""
    programs = {"mds1": "mdscluster mdsctl", "ds1": "dataserver mdsctl"}
    for host, names in programs.items():
        line = "ln -sfn " + "".join(f"/opt/mdscluster/bin/{name} " for name in names.split()) + "/usr/local/bin/"
        assert line in (out / host / "INSTALL.md").read_text().splitlines()
    there = ('bin_dir = "/opt/mdscluster/bin"', 'bin_dir = "/usr/local/bin"')
    deploy_render(write_inventory(tmp_path, there), tmp_path / "there")
    assert "ln -s" not in (tmp_path / "there" / "mds1" / "INSTALL.md").read_text()


def test_a_host_file_says_which_commands_it_needs(out: Path) -> None:
    """Each file of the folder is installed by a command of its INSTALL.md."""
    for host in ("mds1", "ds1"):
        text = (out / host / "INSTALL.md").read_text()
        for file in sorted((out / host).rglob("*")):
            if file.is_file() and file.name != "INSTALL.md":
                name = "*.secret" if file.suffix == ".secret" else str(file.relative_to(out / host))
                assert name in text, f"{name} in {host}"
