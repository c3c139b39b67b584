"""Configuration of a metadata server: what is refused, and in which words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdscluster.config import (
    Address,
    ClusterConfig,
    ConfigError,
    Device,
    Export,
    Fencing,
    Guard,
    Limits,
    Metrics,
    NodeConfig,
    Peer,
    RaftTimes,
    TlsPaths,
)
from mdsproto.configfile import dump, save


def peer(number: int, **changes: object) -> Peer:
    ports = (7000 + number, 7100 + number, 2049 + number)
    made = Peer(f"mds{number}", *(Address("10.0.0.1", port) for port in ports))
    return replace(made, **changes)  # type: ignore[arg-type]


def config(base: Path = Path("/srv/mds1"), **changes: object) -> NodeConfig:
    made = NodeConfig(
        node_id="mds1",
        data_dir=base,
        cluster_key_file=base / "cluster.key",
        nfs=Address("0.0.0.0", 2049),
        tls=TlsPaths(base / "ca.pem", base / "mds1.pem", base / "mds1.key"),
        peers=(peer(1), peer(2), peer(3)),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    made = config(tmp_path, exports=(Export(networks=("10.0.0.0/8",)), Export(read_only=True)))
    file = tmp_path / "mds1.toml"
    save(made, file, header="two\nlines")
    assert NodeConfig.load(file) == made
    text = file.read_text()
    assert text.startswith("# two\n# lines\n")
    assert "# How long a silent client's opens, locks and layouts are kept.\nlease_ms = 90000" in text


def test_service_addresses_are_plain_and_have_a_place_to_be_told_of() -> None:
    with_dir = Guard(vip_dir="/run/mdscluster-vip")
    config(guard=with_dir, service_addresses=("192.0.2.101", "fd00::64")).validate()
    for addresses, guard, words in (
        (("192.0.2.101/24",), with_dir, "'192.0.2.101/24' is not an IP address (without a network)"),
        (("files.example.org",), with_dir, "'files.example.org' is not an IP address"),
        (("fd00:0::64",), with_dir, "write fd00:0::64 as fd00::64"),
        (("192.0.2.101", "192.0.2.101"), with_dir, "192.0.2.101 is there twice"),
        (("192.0.2.101",), Guard(), "service_addresses needs guard.vip_dir"),
    ):
        with pytest.raises(ConfigError) as refused:
            config(guard=guard, service_addresses=addresses).validate()
        assert words in str(refused.value)


def test_devices_are_saved_in_their_order(tmp_path: Path) -> None:
    devices = (
        Device("bmc-1", "mds1", "fence_ipmilan", ("ip=10.0.0.1",), (tmp_path / "bmc.secret",)),
        Device("pdu-1", "mds1", "/usr/local/sbin/pdu"),
        Device("bmc-2", "mds2", "fence_redfish", timeout_ms=3_000),
    )
    made = config(tmp_path, fencing=Fencing(suspect_ms=4_000, devices=devices))
    save(made, tmp_path / "mds1.toml")
    read = NodeConfig.load(tmp_path / "mds1.toml")
    assert read == made
    assert [device.name for device in read.fencing.devices_of("mds1")] == ["bmc-1", "pdu-1"]


def test_the_folder_may_move(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    save(config(here), here / "mds1.toml")
    here.rename(there)
    assert NodeConfig.load(there / "mds1.toml") == config(there)


def test_defaults_are_sound() -> None:
    config().validate()
    config(peers=(peer(1),)).validate()


BAD = [
    (dict(node_id="mds9"), "node_id 'mds9' is not among the peers (mds1, mds2, mds3)"),
    (dict(peers=()), "there are none"),
    (dict(peers=(peer(1), peer(2))), "2 metadata servers survive no more failures than 1: use an odd number"),
    (dict(peers=(peer(1), peer(2), peer(2))), "mds2 is there twice"),
    (dict(peers=(peer(1), peer(2), peer(3, id="mds 3"))), "'mds 3' is no node id"),
    (
        dict(peers=(peer(1), peer(2), peer(3, raft=Address("10.0.0.1", 7001)))),
        "mds3.raft and mds1.raft are both 10.0.0.1:7001",
    ),
    (dict(peers=(peer(1), peer(2), peer(3, nfs=Address("0.0.0.0", 1)))), "says where to listen, not where to reach"),
    (dict(peers=(peer(1), peer(2), peer(3, nfs=Address("mds3.example", 1)))), "is not an IP address"),
    (dict(exports=()), "without an [[exports]] table nobody can mount"),
    (dict(exports=(Export(path="/data"),)), 'only "/" can be exported so far'),
    (dict(exports=(Export(networks=()),)), "nobody could mount it"),
    (dict(exports=(Export(networks=("10.0.0.0/33",)),)), "exports[0].networks"),
    (
        dict(raft=RaftTimes(heartbeat_ms=100)),
        "election_min_ms is 300: with heartbeats every 100 ms it must be at least 400",
    ),
    (dict(raft=RaftTimes(election_max_ms=310)), "at least 50 ms above"),
    (dict(cluster=ClusterConfig(name="")), "cluster.name"),
    (dict(cluster=ClusterConfig(lease_ms=10)), "cluster.lease_ms is 10: it must be at least 5000"),
    (dict(cluster=ClusterConfig(stripe_unit_bytes=1000)), "multiple of 65536"),
    (dict(cluster=ClusterConfig(stripe_unit_bytes=1 << 32)), "below 4 GiB"),
    (dict(cluster=ClusterConfig(stripe_width=300)), "256"),
    (
        dict(cluster=ClusterConfig(max_request_bytes=1 << 20)),
        "cluster.max_request_bytes must be at least 4096 bytes more",
    ),
    (dict(cluster=ClusterConfig(max_operations=2)), "it must be 16 to 1024"),
    (
        dict(limits=Limits(max_record_bytes=1 << 20)),
        "limits.max_record_bytes must be at least cluster.max_request_bytes",
    ),
    (dict(propose_deadline_ms=1), "propose_deadline_ms is 1: it must be at least 1000"),
    (dict(on_quorum_loss="panic"), "on_quorum_loss is 'panic': it must be one of read-only, refuse"),
    (dict(log_level="loud"), "log_level is 'loud'"),
    (dict(data_dir=Path("/" + "x" * 120)), "data_dir is too long"),
    (dict(fencing=Fencing(interval_ms=100)), "fencing.interval_ms is 100: it must be at least 300"),
    (
        dict(fencing=Fencing(suspect_ms=1_000)),
        "fencing.suspect_ms is 1000: it must be at least 1600 (two intervals and an election)",
    ),
    (dict(fencing=Fencing(node_per_hour=0)), "fencing.node_per_hour is 0"),
    (dict(metrics=Metrics("mds1:20890")), "metrics.listen: 'mds1' is not an IP address"),
    (dict(metrics=Metrics("10.0.0.1")), "metrics.listen: '10.0.0.1' is not HOST:PORT"),
    (dict(metrics=Metrics("10.0.0.1:7001")), "metrics.listen is 10.0.0.1:7001: raft listens on 10.0.0.1:7001"),
    (dict(metrics=Metrics("10.0.0.9:2049")), "metrics.listen is 10.0.0.9:2049: nfs listens on 0.0.0.0:2049"),
    (dict(metrics=Metrics("0.0.0.0:7101")), "metrics.listen is 0.0.0.0:7101: admin listens on 10.0.0.1:7101"),
    (dict(metrics=Metrics("10.0.0.1:20890", slow_ms=-1)), "metrics.slow_ms is -1: it must be at least 0"),
    (dict(fencing=Fencing(devices=(Device("a", "mds2", ""),))), "fencing.devices: fencing device 'a': '' is neither"),
    (dict(fencing=Fencing(devices=(Device("a", "mds 2", "x"),))), "fencing device 'a': 'mds 2' is no node id"),
    (dict(fencing=Fencing(devices=(Device("a", "mds2", "x"),) * 2)), "fencing.devices: 'a' is there twice"),
    (
        dict(fencing=Fencing(devices=(
            Device("a", "mds2", "x", timeout_ms=120_000), Device("b", "mds2", "y"), Device("c", "mds2", "z"),
        ))),
        "fencing.devices: mds2's devices may take 654 s in all",
    ),
    (
        dict(fencing=Fencing(devices=(Device("a", "mds1", "x", ("ip=h",)), Device("b", "mds2", "x", ("ip=h",))))),
        "fencing.devices: 'a' of mds1 and 'b' of mds2 are the same power (x ip=h)",
    ),
]


@pytest.mark.parametrize(("changes", "words"), BAD, ids=[words[:40] for _, words in BAD])
def test_what_cannot_work_is_refused_in_the_operators_words(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        config(**changes).validate()
    assert words in str(refusal.value)


BAD_FILES = [
    ("node_id = ", "not valid TOML"),
    ("node_id = 7", "node_id must be a text in quotes, not 7"),
    ('node_idd = "mds1"', "there is no setting 'node_idd'; did you mean 'node_id'?"),
    ("[raft]\nheartbeat_ms = true", "raft.heartbeat_ms must be a whole number, not true"),
    ("[raft]\nheartbeat_ms = 1.5", "raft.heartbeat_ms must be a whole number, not 1.5"),
    ("[raft]\nheartbeat = 1", "there is no setting 'raft.heartbeat'; did you mean 'heartbeat_ms'?"),
    ("raft = 1", "raft must be a table, like [raft], not 1"),
    ('nfs = "10.0.0.1"', "nfs: '10.0.0.1' is not HOST:PORT"),
    ('nfs = "10.0.0.1:70000"', "is not HOST:PORT"),
    ('nfs = "fd00::1:2049"', "put an IPv6 address into brackets"),
    ("peers = 1", "peers must be a list, not 1"),
    ('[[fencing.devices]]\noptions = "password=x"', "fencing.devices[0].options must be a list, not a text"),
    ('[[peers]]\nid = "mds1"', "missing: peers[0].raft, peers[0].admin, peers[0].nfs"),
    ('node_id = "mds1"', "missing: data_dir, cluster_key_file, nfs, tls, peers"),
]


@pytest.mark.parametrize(("text", "words"), BAD_FILES, ids=[words[:40] for _, words in BAD_FILES])
def test_a_bad_file_is_refused_with_its_name_and_place(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "mds1.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        NodeConfig.load(file)
    assert words in str(refusal.value)
    assert str(file) in str(refusal.value)


@pytest.mark.parametrize(("old", "new"), [("close", "refuse"), ("hold", "read-only")])
def test_an_older_releases_file_is_read_as_what_it_meant(tmp_path: Path, old: str, new: str) -> None:
    """A rolling upgrade needs no new file."""
    file = tmp_path / "mds1.toml"
    save(config(tmp_path), file)
    file.write_text(file.read_text().replace('on_quorum_loss = "read-only"', f'on_quorum_loss = "{old}"'))
    assert NodeConfig.load(file).on_quorum_loss == new


def test_the_old_setting_of_a_lost_disk_is_answered_with_the_command(tmp_path: Path) -> None:
    """It was false in every file that was written by itself; true is refused, for it would be overlooked."""
    file = tmp_path / "mds1.toml"
    save(config(tmp_path), file)
    written = file.read_text()
    file.write_text("replace = false\n" + written)
    assert NodeConfig.load(file) == config(tmp_path)
    file.write_text("replace = true\n" + written)
    with pytest.raises(ConfigError, match="mdscluster rejoin --config FILE"):
        NodeConfig.load(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        NodeConfig.load(tmp_path / "none.toml")


@pytest.mark.parametrize("key", ["", "zz", "00" * 31, "00" * 33])
def test_a_bad_cluster_key_is_refused(tmp_path: Path, key: str) -> None:
    (tmp_path / "cluster.key").write_text(key)
    with pytest.raises(ConfigError, match="cluster key"):
        config(tmp_path).cluster_key()


@given(st.ip_addresses(), st.integers(1, 65535))
def test_an_address_is_read_as_it_is_written(host: object, port: int) -> None:
    address = Address(str(host), port)
    assert Address.parse(str(address)) == address


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_refusal(text: str) -> None:
    try:
        Address.parse(text)
    except ConfigError:
        return
    assert text.count(":") >= 1


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_survives_the_file(text: str) -> None:
    import tomllib

    written = dump(replace(ClusterConfig(), name=text), Path("/"))
    assert tomllib.loads(written)["name"] == text
