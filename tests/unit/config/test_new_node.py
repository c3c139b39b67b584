"""``mdscluster new-node``: the configuration of a server that is to be added."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.writing import WRITTEN_BY
from mdscluster.cli import main
from mdscluster.config import Address, NodeConfig, Peer
from mdscluster.plan import ClusterPlan
from mdscluster.server import raft_config
from mdsproto.configfile import save

WORDS = ["--raft", "10.0.0.4:7001", "--admin", "10.0.0.4:7002", "--nfs", "10.0.0.4:2049"]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A planned cluster of three."""
    ClusterPlan.open(tmp_path / "c", 3, 1, "127.0.0.1", 24000).prepare()
    return tmp_path / "c"


def new_node(base: Path, node_id: str, out: Path) -> int:
    like = base / "mds1" / "mds1.toml"
    words = ["new-node", node_id, "--like", str(like), "--out", str(out), "--data-dir", str(base / node_id)]
    return main([*words, *WORDS])


def test_it_joins_and_is_no_voter(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """INV-1: whatever its file lists, a new node starts without a vote. All else is as on the node it was made from."""
    out = base / "mds4.toml"
    assert new_node(base, "mds4", out) == 0
    config, like = NodeConfig.load(out), NodeConfig.load(base / "mds1" / "mds1.toml")
    assert config.join
    assert config.peers == (
        *like.peers,
        Peer("mds4", Address("10.0.0.4", 7001), Address("10.0.0.4", 7002), Address("10.0.0.4", 2049)),
    )
    assert (config.cluster, config.raft, config.exports) == (like.cluster, like.raft, like.exports)
    membership = raft_config(config).membership()
    assert membership.voters == {"mds1", "mds2", "mds3"}
    told = capsys.readouterr().out
    assert "mdsctl member add mds4 --raft 10.0.0.4:7001" in told
    assert f"mdscluster pki --directory {base / 'pki'} mds4=10.0.0.4" in told


@pytest.mark.parametrize(
    ("listen", "wanted"),
    [("", ""), ("127.0.0.1:20890", "10.0.0.4:20890"), ("0.0.0.0:20890", "0.0.0.0:20890"), ("10.0.0.4:20890", "")],
)
def test_it_answers_prometheus_at_its_own_address(base: Path, listen: str, wanted: str) -> None:
    """Nobody can listen on the model's; on the same address the port is taken."""
    like = base / "mds1" / "mds1.toml"
    present = NodeConfig.load(like)
    save(replace(present, metrics=replace(present.metrics, listen=listen)), like)
    assert new_node(base, "mds4", base / "mds4.toml") == 0
    assert NodeConfig.load(base / "mds4.toml").metrics.listen == wanted


def test_a_rendered_file_is_no_model(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its secrets and keys are another host's, and the next rendering would not know the new server."""
    like = base / "mds1" / "mds1.toml"
    save(NodeConfig.load(like), like, header=f"{WRITTEN_BY}: change the inventory, not this.")
    assert new_node(base, "mds4", base / "mds4.toml") == 2
    told = capsys.readouterr().err
    assert f"{like} was rendered from an inventory" in told
    assert "Add it to the inventory with join = true" in told
    assert not (base / "mds4.toml").exists()


def test_an_id_or_file_that_is_there_is_refused(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new_node(base, "mds2", base / "new.toml") == 2
    assert "mds2 is one of the peers" in capsys.readouterr().err
    assert new_node(base, "mds4", base / "mds1" / "mds1.toml") == 2
    assert "is there already" in capsys.readouterr().err
