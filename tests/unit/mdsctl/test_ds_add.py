"""``mdsctl ds add``: what a new data server's configuration takes from its model, and which models are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dataserver.config import DsConfig, Metrics
from mdscluster.mdsctl import main
from mdscluster.mdsctl.ds import _configuration
from mdscluster.plan import ClusterPlan
from mdsproto.configfile import Address, save
from tests.unit.deployment.support import deploy_render, write_inventory

HOST = "10.0.0.3"


@pytest.fixture
def like(tmp_path: Path) -> Path:
    """A data server's file as ``run up`` makes it."""
    plan = ClusterPlan.open(tmp_path / "c", 3, 1, "127.0.0.1", 24000)
    plan.prepare()
    return plan.ds[0].config


def made(like: Path, host: str, listen: str) -> tuple[DsConfig, list[str]]:
    save(replace(DsConfig.load(like), metrics=Metrics(listen)), like)
    return _configuration("ds2", Address(host, 2049), Address(host, 20790), like, like.parent / "ds2", [])


@pytest.mark.parametrize(
    ("listen", "wanted"), [("", ""), ("127.0.0.1:20990", f"{HOST}:20990"), ("0.0.0.0:20990", "0.0.0.0:20990")]
)
def test_it_answers_prometheus_at_its_own_address(like: Path, listen: str, wanted: str) -> None:
    """The model's address is another host's: a data server that cannot listen there would not start."""
    config, notes = made(like, HOST, listen)
    assert config.metrics.listen == wanted
    assert notes == []
    assert config.tls.certificate.exists(), "made beside the model's, where the CA is"


def test_on_the_models_address_its_port_is_taken(like: Path) -> None:
    for listen in ("127.0.0.1:20990", "0.0.0.0:20990"):
        config, notes = made(like, "127.0.0.1", listen)
        assert config.metrics.listen == ""
        assert ["set metrics.listen" in note for note in notes] == [True]


@pytest.mark.parametrize("which", ["the cluster", "the model"])
def test_what_is_rendered_is_refused(
    tmp_path: Path, like: Path, which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next rendering would know nothing of it, and a rendered file's paths are those of its host. Nothing is asked,
    nothing written."""
    out = tmp_path / "rendered"
    deploy_render(write_inventory(tmp_path), out)
    cluster = out / "cluster.json" if which == "the cluster" else like.parents[1] / "cluster.json"
    model = like if which == "the cluster" else out / "ds1" / "ds1" / "ds1.toml"
    cluster.touch()
    words = ["--cluster", cluster, "ds", "add", "ds9", "--nfs", f"{HOST}:2049", "--control", f"{HOST}:20790",
             "--like", model, "--out", tmp_path / "new.toml", "--data-dir", tmp_path / "data"]  # fmt: skip
    before = sorted(tmp_path.rglob("*"))
    assert main([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert "was rendered from an inventory" in said
    assert "add the data server to the inventory, render, install it" in said
    assert sorted(tmp_path.rglob("*")) == before
