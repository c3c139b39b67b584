"""The spread address: what is rendered for it, that nft and keepalived read it, and what an inventory may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import keepalived, spreading
from deploy.reading import load
from deploy.render import render
from deploy.servers import node_config
from mdscluster.config import NodeConfig
from mdscluster.mdsctl import main
from mdsproto.configfile import ConfigError
from tests.unit.deployment.support import write_inventory
from tests.unit.deployment.test_tools import EXPOSURE_MAX, call, needs_root, rendered

NODES = ("mds1", "mds2", "mds3")


def with_spread(*lines: str, address: str = "192.0.2.100/24") -> tuple[str, str]:
    table = "\n".join(["[spread]", f'address = "{address}"', *lines])
    return "[[data_servers]]", f"{table}\n\n[[data_servers]]"


def test_without_it_nothing_of_it_is_rendered(tmp_path: Path) -> None:
    _, out = rendered(tmp_path)
    assert not list(out.rglob("*spread*"))
    assert "spread" not in "".join(path.read_text() for path in out.rglob("INSTALL.md"))


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(("by", "watched"), [("nft", True), ("ipvs", True), ("ipvs", False)])
def test_each_program_reads_what_is_for_it(tmp_path: Path, by: str, watched: bool) -> None:
    """IPVS is not exercised: here keepalived is asked only whether it understands the file."""
    needs_root("a network namespace with eth0")
    metrics = [] if watched else [("enabled = true", "enabled = false")]
    inventory, out = rendered(tmp_path, with_spread(f'by = "{by}"'), *metrics)
    assert inventory.metrics.enabled is watched
    for host in NODES:
        checks = f"nft -c -f {out}/{host}/{spreading.NFT_FILE}" if by == "nft" else "true"
        script = f"""
            set -e
            ip link add eth0 type veth peer name other
            {checks}
            nft -c -f {out}/{host}/vip.nft
            sysctl -qp {out}/{host}/{spreading.SYSCTL_FILE}
            mount -t tmpfs none /etc/keepalived 2>/dev/null || mount -t tmpfs none /mnt
            mount -t tmpfs none /opt
            install -m 0755 {out}/{host}/vip-notify /opt/vip-notify
            sed 's,/etc/mdscluster/,/opt/,' {out}/{host}/keepalived.conf >/opt/keepalived.conf
            keepalived -t -f /opt/keepalived.conf
        """
        done = call("unshare", "--net", "--mount", "sh", "-c", script)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), host
        text = (out / host / "keepalived.conf").read_text()
        assert text.count("vrrp_instance") == 4
        assert text.count("real_server") == (3 if by == "ipvs" else 0)
        assert text.count("path /ready") == (3 if by == "ipvs" and watched else 0), "one without a quorum has to go"
        filtered = [line for line in (out / host / "vip.nft").read_text().splitlines() if "192.0.2.100" in line]
        if by == "nft":
            assert len(filtered) == 3, "at the spread address a dead server says nothing, either"
        else:
            assert len(filtered) == 1, "what comes to IPVS may be another's, and it finds out by itself"
            assert "sequence 0 " in filtered[0], "nobody is refused there, either"
    assert [inventory.router_id(vip) for vip in inventory.service_addresses] == [51, 52, 53, 50]


def test_a_further_service_address_changes_no_router_id(tmp_path: Path) -> None:
    """INV-7: hosts are told one after the other, and two addresses under one id would both be gone meanwhile."""
    for name in "before", "after":
        (tmp_path / name).mkdir()
    before, _ = rendered(tmp_path / "before", with_spread())
    one_more = '[spread]\naddress', '[[vips]]\naddress = "192.0.2.104/24"\npreferred = "mds1"\n\n[spread]\naddress'
    after, _ = rendered(tmp_path / "after", with_spread(), one_more)
    ids = [{vip.address: one.router_id(vip) for vip in one.service_addresses} for one in (before, after)]
    assert len(ids[1]) == 5
    assert ids[1].items() > ids[0].items()


def test_large_packets_are_found_to_be_too_large(tmp_path: Path) -> None:
    """What a router says of one goes to the spread address' holder, which has no such connection."""
    _, out = rendered(tmp_path, with_spread('by = "ipvs"'))
    assert "net.ipv4.tcp_mtu_probing = 1" in (out / "mds1" / spreading.SYSCTL_FILE).read_text()


@pytest.mark.usefixtures("tools")
def test_a_wrong_word_would_be_noticed(tmp_path: Path) -> None:
    """`keepalived -t` reads virtual_server, though there may be no IPVS."""
    needs_root("a network namespace with eth0")
    _, out = rendered(tmp_path, with_spread('by = "ipvs"'))
    bad = (out / "mds1" / "keepalived.conf").read_text().replace("lvs_sched sh", "lvs_schedule sh")
    (tmp_path / "bad.conf").write_text(bad)
    script = f"ip link add eth0 type veth peer name other; keepalived -t -f {tmp_path}/bad.conf"
    done = call("unshare", "--net", "sh", "-c", script)
    assert done.returncode != 0
    assert "lvs_schedule" in done.stderr


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("by", ["nft", "ipvs"])
def test_its_unit_is_verified_and_has_the_best_grade(tmp_path: Path, by: str) -> None:
    _, out = rendered(tmp_path, with_spread(f'by = "{by}"'))
    unit = out / "mds2" / spreading.UNIT
    done = call("systemd-analyze", "verify", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    done = call("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager", unit)
    assert done.returncode == 0, done.stdout[-200:]


def test_installing_it_is_told(tmp_path: Path) -> None:
    _, out = rendered(tmp_path, with_spread())
    guide = (out / "mds1" / "INSTALL.md").read_text()
    for words in (
        "sysctl -p /etc/sysctl.d/91-mdscluster-spread.conf", "nft -c -f /etc/mdscluster/spread.nft",
        f"/etc/systemd/system/{spreading.UNIT}", f"systemctl enable --now mdscluster-nft.service {spreading.UNIT}",
    ):  # fmt: skip
        assert words in guide, words
    unit = (out / "mds1" / spreading.UNIT).read_text()
    assert "ip route replace local 192.0.2.100/32 dev lo table local" in unit
    assert "192.0.2.100/24 dev eth0" in (out / "mds1" / "keepalived.service.d-mdscluster.conf").read_text()


@pytest.mark.parametrize("by", ["", "nft", "ipvs"])
def test_nftables_service_loads_what_a_host_has_of_ours(tmp_path: Path, by: str) -> None:
    """INV-7: when it is started while our units are active, nothing else does."""
    wanted = ["vip.nft", "spread.nft"] if by == "nft" else ["vip.nft"]
    _, out = rendered(tmp_path, *([with_spread(f'by = "{by}"')] if by else []))
    name = "nftables.service.d-mdscluster.conf"
    lines = [line for line in (out / "mds1" / name).read_text().splitlines() if not line.startswith("#")]
    assert lines == ["[Service]", *(f"ExecStartPost=-/usr/sbin/nft -f /etc/mdscluster/{file}" for file in wanted)]
    guide = (out / "mds1" / "INSTALL.md").read_text()
    for file in wanted:
        assert f"install -m 0644 {file} /etc/mdscluster/" in guide
    assert f"install -D -m 0644 {name} /etc/systemd/system/nftables.service.d/mdscluster.conf" in guide
    assert not (out / "ds1" / name).exists()


def test_one_address_alone_stays_where_it_is_but_not_beside_others(tmp_path: Path) -> None:
    inventory, _ = rendered(tmp_path, with_spread())
    assert not keepalived.stays(inventory)


ONE_FEWER = '[[vips]]\naddress = "192.0.2.103/24"\npreferred = "mds3"\n', ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((with_spread(address="192.0.2.300/24"),), "is no IP address"),
        ((with_spread(address="fd00::1/64"),), "by IPv4 only"),
        ((with_spread(address="192.0.2.11/24"),), "mds1 has it already"),
        ((with_spread(address="192.0.2.102/24"),), "it is one of"),
        ((with_spread(address="10.0.0.1/24"),), "in no network of mds1's eth0"),
        ((with_spread('by = "magic"'),), "must be 'nft' or 'ipvs'"),
        ((with_spread("port = 20590"),), "is one of [ports] already"),
        ((with_spread("port = 70000"),), "must be 1 to 65535"),
        ((with_spread("router_id = 52"),), "router_id 52 is used twice"),
        ((with_spread("router_id = 999"),), "must be 1 to 255"),
        ((with_spread(), ONE_FEWER), "none of [[vips]] is preferred by mds3"),
        (((with_spread()[0], '[spread]\nby = "ipvs"\n\n[[data_servers]]'),), "without an address"),
    ],
)
def test_mistakes_are_told_with_their_line(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], words: str
) -> None:
    path = write_inventory(tmp_path, *changes)
    with pytest.raises(ConfigError) as mistake:
        load(path)
    assert words in str(mistake.value)
    assert f"{path.name}:" in str(mistake.value)


def without_vips(text: str) -> str:
    """The inventory with no [[vips]] at all."""
    return text[: text.index("[[vips]]")] + text[text.index("# [spread]") :]


def test_by_ipvs_the_spread_address_may_be_the_only_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """INV-7: it is a service address like any: its state is told to the server and its guard, and so to the alerts;
    and nobody is told that clients must mount a node's own address."""
    text = without_vips(write_inventory(tmp_path).read_text(encoding="utf-8"))
    path = write_inventory(tmp_path, with_spread('by = "ipvs"'), text=text)
    loaded = load(path)
    assert loaded.inventory.vips == ()
    assert loaded.notes == ()
    assert main(["deploy", "check", "--inventory", str(path)]) == 0
    assert "3 data servers, 1 service addresses: no fault found" in capsys.readouterr().out
    render(loaded, tmp_path / "out")
    for node in NODES:
        guard = NodeConfig.load(tmp_path / "out" / node / node / f"{node}.toml").guard
        assert guard.vip_dir == str(keepalived.VIP_STATE_DIR)
        assert (tmp_path / "out" / node / "keepalived.conf").read_text().count("vrrp_instance") == 1
    (tmp_path / "none").mkdir()
    without = load(write_inventory(tmp_path / "none", text=text))
    assert ["no [[vips]] table" in note for note in without.notes] == [True]
    assert node_config(without.inventory, without.inventory.nodes[0]).guard.vip_dir == ""


def test_packet_rules_go_also_when_the_way_changes(tmp_path: Path) -> None:
    """systemd stops a unit by the commands that it has now: those of ipvs must unload what nft has loaded."""
    _, out = rendered(tmp_path, with_spread('by = "ipvs"'))
    unit = (out / "mds1" / spreading.UNIT).read_text()
    assert f"\nExecStop=-/usr/sbin/nft delete table ip {spreading.TABLE}\n" in unit


def test_by_ipvs_the_other_addresses_do_not_matter(tmp_path: Path) -> None:
    inventory, _ = rendered(tmp_path, with_spread('by = "ipvs"'), ONE_FEWER)
    assert len(inventory.service_addresses) == 3
