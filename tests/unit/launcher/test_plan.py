"""The embedded cluster on paper."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from dataserver.config import DsConfig
from mdscluster.cli import main
from mdscluster.config import ConfigError, NodeConfig
from mdscluster.plan import ClusterPlan


def test_ports_are_consecutive_from_the_base(tmp_path: Path) -> None:
    plan = ClusterPlan.open(tmp_path, mds=3, ds=2, port=3000)
    assert [node.nfs.port for node in plan.mds + plan.ds] == [3000, 3001, 3002, 3003, 3004]
    assert [node.admin.port for node in plan.mds] == [3200, 3201, 3202]
    assert [node.admin.port for node in plan.ds] == [3300, 3301]


def test_every_file_that_is_written_is_valid_and_they_agree(tmp_path: Path) -> None:
    plan = ClusterPlan.open(tmp_path)
    plan.prepare()
    nodes = [NodeConfig.load(node.config) for node in plan.mds]
    servers = [DsConfig.load(node.config) for node in plan.ds]
    assert [node.node_id for node in nodes] == ["mds1", "mds2", "mds3"]
    assert [server.ds_id for server in servers] == ["ds1", "ds2", "ds3"]
    assert len({node.cluster_key() for node in nodes} | {server.cluster_key() for server in servers}) == 1
    assert len({node.peers for node in nodes}) == 1
    assert [peer.raft.port for peer in nodes[0].peers] == [20590, 20591, 20592]
    for server in servers:
        assert [(peer.id, peer.control) for peer in server.mds] == [(peer.id, peer.admin) for peer in nodes[0].peers]
        assert server.cluster_name == nodes[0].cluster.name
        assert server.lease_ms == nodes[0].cluster.ds_lease_ms
    for paths in [node.tls for node in nodes] + [server.tls for server in servers]:
        assert paths.ca.exists()
        assert paths.certificate.exists()
        assert paths.key.exists()


def test_a_second_up_keeps_everything(tmp_path: Path) -> None:
    ClusterPlan.open(tmp_path, mds=1, ds=2, port=3000).prepare()
    edited = tmp_path / "mds1" / "mds1.toml"
    edited.write_text(edited.read_text() + "# a note of the operator's\n")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    again = ClusterPlan.open(tmp_path)
    again.prepare()
    assert (again.settings.mds, again.settings.ds, again.settings.port) == (1, 2, 3000)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_data_servers_may_be_added(tmp_path: Path) -> None:
    ClusterPlan.open(tmp_path, ds=1).prepare()
    ClusterPlan.open(tmp_path, ds=2).prepare()
    assert len(ClusterPlan.open(tmp_path).ds) == 2
    assert (tmp_path / "ds2" / "ds2.toml").exists()


@pytest.mark.parametrize("other", [dict(mds=5), dict(address="127.0.0.2"), dict(port=3001), dict(ds=1)])
def test_another_cluster_in_the_same_place_is_refused(tmp_path: Path, other: dict[str, object]) -> None:
    ClusterPlan.open(tmp_path, port=3000).prepare()
    with pytest.raises(ConfigError, match=r"another --base-dir|none of them can be left out"):
        ClusterPlan.open(tmp_path, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (dict(mds=2), "odd number"),
        (dict(mds=-1), "odd number"),
        (dict(ds=0), "--ds must be at least 1"),
        (dict(ds=97), "at most 99"),
        (dict(address="localhost"), "--address"),
        (dict(address="0.0.0.0"), "not a wildcard"),
        (dict(port=65200), "--port 65200"),
        (dict(port=0), "--port 0"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, asked: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        ClusterPlan.open(tmp_path, **asked)  # type: ignore[arg-type]
    assert words in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_cluster_json_has_the_promised_form(tmp_path: Path) -> None:
    plan = ClusterPlan.open(tmp_path, mds=1, ds=1, address="127.0.0.1", port=3000)
    plan.write_cluster_file({"mds1": 11, "ds1": 12})
    assert json.loads(plan.cluster_file.read_text()) == {
        "export": "/",
        "mds": [
            {
                "id": "mds1",
                "host": "127.0.0.1",
                "nfs_port": 3000,
                "admin": "127.0.0.1:3200",
                "pid": 11,
                "config": str(tmp_path / "mds1" / "mds1.toml"),
            }
        ],
        "ds": [
            {
                "id": "ds1",
                "host": "127.0.0.1",
                "nfs_port": 3001,
                "pid": 12,
                "config": str(tmp_path / "ds1" / "ds1.toml"),
            }
        ],
    }


@pytest.mark.parametrize("base", ["a-file", "a-file/below", "read-only"])
def test_a_directory_that_cannot_be_used_is_told_in_the_operators_words(
    tmp_path: Path, base: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a-file").touch()
    if base == "read-only":

        def refuse(path: Path, *_: object, **__: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(Path, "mkdir", refuse)  # permissions do not bind user 0, who may run this
    assert main(["up", "--base-dir", str(tmp_path / base)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("mdscluster: cannot use ")
    assert str(tmp_path / base) in told
