"""What is rendered is read without a complaint by the programs that it is for: keepalived, nft, systemd."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from deploy import keepalived, packetfilter, tuning, units
from deploy.inventory import Inventory, Node, Vip
from deploy.reading import load
from deploy.render import render
from tests.support.cluster import ROOT
from tests.unit.deployment.support import write_inventory

pytestmark = pytest.mark.usefixtures("tools")
BIN = ROOT / ".venv" / "bin"
EXPOSURE_MAX = 20
"""Of systemd-analyze security, in tenths: 2.0 and less is its best grade."""
ONE_VIP = ('[[vips]]\naddress = "192.0.2.102/24"\npreferred = "mds2"\n\n[[vips]]\naddress = "192.0.2.103/24"\n'
           'preferred = "mds3"\n', "")  # fmt: skip
PATH = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "LC_ALL": "C"}


def call(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, env=PATH)


def needs_root(what: str) -> None:
    if os.geteuid() != 0:
        pytest.skip(f"only root can have {what}: NOT tested here")


def rendered(folder: Path, *changes: tuple[str, str]) -> tuple[Inventory, Path]:
    """The example with this checkout's programs, and its folder."""
    loaded = load(write_inventory(folder, ("/opt/mdscluster/bin", str(BIN)), *changes))
    render(loaded, folder / "out")
    return loaded.inventory, folder / "out"


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[Inventory, Path]:
    """Rendered once, and changed by nobody."""
    return rendered(tmp_path_factory.mktemp("example"))


# ---------------------------------------------------------------------- keepalived
IPV6 = [
    (f"192.0.2.{old}{length}", f"fd00:7::{old}{'/64' if length else ''}")
    for old, length in [(n, "/24") for n in (11, 12, 13, 101, 102, 103)] + [(n, "") for n in (21, 22, 23)]
]


TWO_NETWORKS = [
    (f'addresses = ["192.0.2.1{n}/24"]', f'addresses = ["10.0.0.1{n}/24", "192.0.2.1{n}/24"]') for n in (1, 2, 3)
]
"""The cluster's own, and the clients', where the service addresses are."""


@pytest.mark.parametrize(
    "changes", [(), (ONE_VIP,), tuple(IPV6), tuple(TWO_NETWORKS)], ids=["several", "one", "IPv6", "two networks"]
)
def test_keepalived_takes_the_file_without_a_word(tmp_path: Path, changes: tuple[tuple[str, str], ...]) -> None:
    """In a network namespace with the interface of the inventory; the script where it will be, in a view of our own."""
    needs_root("a network namespace with eth0")
    _, out = rendered(tmp_path, *changes)
    for host in ("mds1", "mds2", "mds3"):
        script = f"""
            set -e
            ip link add eth0 type veth peer name other
            mount -t tmpfs none /etc/keepalived 2>/dev/null || mount -t tmpfs none /mnt
            mkdir -p /tmp && mount -t tmpfs none /opt
            install -m 0755 {out}/{host}/vip-notify /opt/vip-notify
            sed 's,/etc/mdscluster/,/opt/,' {out}/{host}/keepalived.conf >/opt/keepalived.conf
            keepalived -t -f /opt/keepalived.conf
        """
        done = call("unshare", "--net", "--mount", "sh", "-c", script)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), host


def test_a_wrong_word_would_be_noticed(example: tuple[Inventory, Path], tmp_path: Path) -> None:
    """`keepalived -t` can fail: a word that it does not know."""
    needs_root("a network namespace")
    bad = (example[1] / "mds1" / "keepalived.conf").read_text().replace("advert_int", "advert_interval")
    (tmp_path / "bad.conf").write_text(bad)
    done = call("unshare", "--net", "keepalived", "-t", "-f", tmp_path / "bad.conf")
    assert done.returncode != 0
    assert "advert_interval" in done.stderr


def test_adverts_go_between_addresses_of_the_service_addresss_own_network(tmp_path: Path) -> None:
    """INV-7: from the cluster's network they would not arrive at the clients' interface, and all would be master."""
    spread = ("[install]", '[spread]\naddress = "192.0.2.100/24"\nby = "ipvs"\n[install]')
    _, out = rendered(tmp_path, *TWO_NETWORKS, spread)
    for number in (1, 2, 3):
        text = (out / f"mds{number}" / "keepalived.conf").read_text()
        sources = re.findall(r"unicast_src_ip (\S+)", text)
        peers = re.findall(r"unicast_peer \{\s*(\S+)\s+(\S+)\s*\}", text)
        assert sources == [f"192.0.2.1{number}"] * 4
        assert peers == [tuple(f"192.0.2.1{other}" for other in (1, 2, 3) if other != number)] * 4
        assert re.findall(r"real_server (\S+) 2049", text) == [f"192.0.2.1{other}" for other in (1, 2, 3)]
        assert re.findall(r"(\S+) 10\.0\.0\.", text) == ["connect_ip"] * 3, "where servers tell whether they are ready"


def test_a_single_address_stays_and_several_are_spread(example: tuple[Inventory, Path], tmp_path: Path) -> None:
    one, out = rendered(tmp_path, ONE_VIP)
    text = (out / "mds1" / "keepalived.conf").read_text()
    assert "\n    nopreempt\n" in text
    assert "vrrp_higher_prio_send_advert" not in text
    assert keepalived.stays(one)
    several, out = example
    text = (out / "mds1" / "keepalived.conf").read_text()
    assert "nopreempt" not in text
    assert "    vrrp_higher_prio_send_advert true\n    vrrp_garp_lower_prio_repeat 3\n" in text
    assert "    vrrp_version 3\n" in text
    assert text.count("    advert_int 0.2\n") == 3
    assert [best(several, vip) for vip in several.vips] == ["mds1", "mds2", "mds3"]


def best(inventory: Inventory, vip: Vip) -> str:
    return max(inventory.nodes, key=lambda node: keepalived.priority(inventory, node, vip)).id


def test_the_addresses_of_a_lost_node_go_to_different_nodes() -> None:
    """Active-active: with two addresses for each of three nodes, both others get one of a lost node's."""
    nodes = tuple(Node(f"mds{n}", (f"192.0.2.{n}/24",), "eth0") for n in (1, 2, 3))
    vips = tuple(Vip(f"192.0.2.{100 + n}/24", f"mds{n % 3 + 1}") for n in range(6))
    inventory = Inventory("x", nodes, (), (), vips)
    for lost in nodes:
        heirs = [keepalived.preference(inventory, vip)[1].id for vip in vips if vip.preferred == lost.id]
        assert sorted(heirs) == sorted(node.id for node in nodes if node != lost)
    for vip in vips:
        priorities = [keepalived.priority(inventory, node, vip) for node in keepalived.preference(inventory, vip)]
        assert priorities == sorted(set(priorities), reverse=True)
        assert all(1 < each < 255 for each in priorities)


def test_the_notify_script_leaves_the_state_where_the_server_finds_it(tmp_path: Path) -> None:
    """Run twice as keepalived does; each time the file is whole."""
    script = tmp_path / "vip-notify"
    script.write_text(keepalived.notify_script().replace(str(keepalived.VIP_STATE_DIR), str(tmp_path / "vip")))
    (tmp_path / "vip").mkdir()
    for state in ("BACKUP", "MASTER"):
        assert call("sh", script, "INSTANCE", "vip_192.0.2.101", state, "200").returncode == 0
        told = (tmp_path / "vip" / "vip_192.0.2.101").read_text()
        assert re.fullmatch(rf"{state} 200 \d+\.\d+\n", told)
    assert [file.name for file in (tmp_path / "vip").glob("[!.]*")] == ["vip_192.0.2.101"]


def test_of_two_notify_scripts_at_once_the_later_one_tells_how_things_stand(tmp_path: Path) -> None:
    """keepalived waits for none: an address that comes and goes must not be told as here. A late start counts, not a
    late end; nor does one of before bring back what was taken out."""
    script = tmp_path / "vip-notify"
    script.write_text(keepalived.notify_script().replace(str(keepalived.VIP_STATE_DIR), str(tmp_path / "vip")))
    (tmp_path / "vip").mkdir()
    file = tmp_path / "vip" / "vip_192.0.2.101"
    words = [str(script), "INSTANCE", file.name]

    def held_back(state: str) -> subprocess.Popen[bytes]:
        begun = subprocess.Popen(["sh", "-c", 'kill -STOP $$; exec sh "$@"', "sh", *words, state, "200"])
        stat = Path(f"/proc/{begun.pid}/stat")
        while ") T " not in stat.read_text():
            time.sleep(0.005)
        return begun

    for later in ("BACKUP", "DELETED"):
        earlier = held_back("MASTER")
        time.sleep(0.02)  # processes' times of start are told in hundredths of a second
        assert call("sh", *words, later, "200").returncode == 0
        earlier.send_signal(signal.SIGCONT)
        assert earlier.wait(10) == 0
        assert not file.exists() if later == "DELETED" else file.read_text().startswith("BACKUP ")


# ---------------------------------------------------------------------- nft
def test_nft_takes_the_rule_and_takes_it_again(example: tuple[Inventory, Path]) -> None:
    needs_root("a network namespace")
    _, out = example
    file = out / "mds1" / "vip.nft"
    script = f"nft -c -f {file} && nft -f {file} && nft -f {file} && nft list ruleset"
    done = call("unshare", "--net", "sh", "-ec", script)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for address in ("192.0.2.101", "192.0.2.102", "192.0.2.103"):
        assert done.stdout.count(f"ip saddr {address} tcp sport 2049 tcp flags") == 1
        assert done.stdout.count(f"ip daddr {address} tcp dport 2049 drop") == 1


def test_a_refusal_is_dropped_at_a_service_address_and_nowhere_else(
    example: tuple[Inventory, Path], tmp_path: Path
) -> None:
    """INV-7: a client without a server knocks again a second later instead of being sent away for three."""
    needs_root("a network namespace")
    inventory, _ = example
    (tmp_path / "vip.nft").write_text(packetfilter.render(inventory))
    knock = (
        "import socket,sys\n"
        "s = socket.socket(); s.settimeout(0.7)\n"
        "try: s.connect((sys.argv[1], 2049))\n"
        "except ConnectionRefusedError: print('refused')\n"
        "except TimeoutError: print('silence')\n"
    )
    script = f"""
        set -e
        ip link set lo up
        ip address add 192.0.2.101/32 dev lo
        ip address add 192.0.2.11/32 dev lo
        nft -f {tmp_path}/vip.nft
        python3 -c "$0" 192.0.2.101
        python3 -c "$0" 192.0.2.11
    """
    done = call("unshare", "--net", "sh", "-c", script, knock)
    assert done.stdout.split() == ["silence", "refused"], done.stderr


# ---------------------------------------------------------------------- systemd
def unit_files(out: Path) -> list[Path]:
    return sorted(out.glob("*/*.service"))


def test_systemd_verifies_every_unit_without_a_word(tmp_path: Path) -> None:
    _, out = rendered(tmp_path, ("[install]", '[install]\nwatchdog = "/dev/watchdog"'))
    found = unit_files(out)
    assert {file.name for file in found} == {
        units.GUARD_UNIT, units.MDS_UNIT, units.NFT_UNIT, *(f"mdscluster-ds-ds{n}.service" for n in (1, 2, 3))
    }  # fmt: skip
    for host in ("mds1", "ds1"):
        files = [file for file in found if file.parent.name == host]
        done = call("systemd-analyze", "verify", *files)
        said = done.stdout + done.stderr
        assert (done.returncode, said) == (0, ""), said


def test_a_wrong_unit_would_be_noticed(example: tuple[Inventory, Path], tmp_path: Path) -> None:
    _, out = example
    unit = tmp_path / units.MDS_UNIT
    unit.write_text((out / "mds1" / units.MDS_UNIT).read_text().replace("RestartSec=1", "RestartSecs=1"))
    assert "RestartSecs" in call("systemd-analyze", "verify", unit).stderr


@pytest.mark.parametrize("watchdog", ["", "/dev/watchdog"])
def test_systemd_gives_every_unit_its_best_grade(tmp_path: Path, watchdog: str) -> None:
    _, out = rendered(tmp_path, ("[install]", f'[install]\nwatchdog = "{watchdog}"'))
    for file in unit_files(out):
        done = call("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager", file)
        assert done.returncode == 0, f"{file.name}\n{done.stdout[-200:]}"
        assert re.search(r"Overall exposure level for \S+: [01]\.\d (OK|SAFE)", done.stdout), file.name


def test_users_and_folders_are_taken(example: tuple[Inventory, Path], tmp_path: Path) -> None:
    """In a root of its own, from nothing."""
    needs_root("files of other users")
    _, out = example
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    done = call("systemd-sysusers", f"--root={root}", out / "mds1" / units.SYSUSERS)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^mdscluster:x:\d+:\d+:mdscluster metadata server:/nonexistent:/usr/sbin/nologin$",
                     (root / "etc" / "passwd").read_text(), re.MULTILINE)  # fmt: skip
    done = call("systemd-tmpfiles", f"--root={root}", "--create", out / "mds1" / units.TMPFILES)
    assert done.returncode == 0, done.stderr
    assert (root / "run" / "mdscluster" / "vip-health").read_text() == str(keepalived.UNFIT)
    uid = int((root / "etc" / "passwd").read_text().split("mdscluster:x:")[1].split(":")[0])
    assert (root / "run" / "mdscluster").stat().st_uid == uid
    assert (root / "run" / "mdscluster-vip").stat().st_uid == 0


# ---------------------------------------------------------------------- the kernel
def test_every_kernel_setting_exists_and_says_why() -> None:
    """A comment stands above each group; a key that the kernel does not know would be an error at every start."""
    lines = tuning.SYSCTL.splitlines()
    settings = [number for number, line in enumerate(lines) if line and not line.startswith("#")]
    assert len(settings) >= 9
    for number in settings:
        key, _, value = lines[number].partition(" = ")
        assert Path("/proc/sys", *key.split(".")).exists(), key
        assert value
        above = next(line for line in reversed(lines[:number]) if not line or line.startswith("#"))
        assert above.startswith("#"), f"{key} has no reason"
    for text in tuning.FILES.values():
        assert "applied by nobody but you" in text


def test_tuning_is_never_part_of_the_installation(example: tuple[Inventory, Path]) -> None:
    """Its commands stand in a block that is not marked as one of the installation's."""
    _, out = example
    for host in out.glob("*/INSTALL.md"):
        for block in re.findall(r"```sh.*?\n(.*?)```", host.read_text(), re.DOTALL):
            assert "tuning/" not in block


def test_tuning_says_how_it_comes_into_force(example: tuple[Inventory, Path]) -> None:
    """A rule is for disks that come, and a module of the initial file system has read its options there."""
    _, out = example
    for host in out.glob("*/INSTALL.md"):
        text = host.read_text()
        assert text.index("60-mdscluster.rules") < text.index("udevadm trigger --action=change")
        assert text.index("mdscluster-nvme.modprobe.conf") < text.index("\nupdate-initramfs -u\n")
    assert "update-initramfs -u" in tuning.MODPROBE
    assert "udevadm trigger" in tuning.UDEV
