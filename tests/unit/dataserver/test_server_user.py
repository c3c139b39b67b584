"""Who may give an operator's commands on a data directory: its server's own user."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataserver.cli import main
from tests.unit.dataserver.support.cluster import Cluster

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()


def belongs_to_the_server(place: Path) -> None:
    """As on a deployed host, where root types."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away: who may make a store is NOT tested here")
    os.chown(place, NOBODY.pw_uid, NOBODY.pw_gid)


@pytest.mark.parametrize("how", ["the directory", "a new disk"])
def test_root_makes_no_store_that_the_server_could_not_open(
    cluster: Cluster, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    """INV-10: it is told as whom to do it, and nothing is changed; else the unit would fail, and stay down."""
    data_dir = cluster.config.data_dir
    data_dir.mkdir()
    belongs_to_the_server(data_dir if how == "the directory" else cluster.config.tls.key)
    assert main(["new-store", "--config", str(cluster.file)]) == 2
    told = capsys.readouterr().err
    assert "ds1 runs as nobody, and could not open what root makes; nothing has changed" in told
    assert f"`runuser -u {NOBODY.pw_name} -- dataserver new-store --config FILE`" in told
    assert (f"install -d -m 0700 -o {NOBODY.pw_name}" in told) == (how == "a new disk")
    assert list(data_dir.iterdir()) == []


def test_root_makes_no_data_server_obey_anew(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    """What it obeyed stays as it is."""
    data_dir = cluster.config.data_dir
    assert main(["new-store", "--config", str(cluster.file)]) == 0, "as its own user"
    capsys.readouterr()
    belongs_to_the_server(data_dir)
    before = {place: place.stat().st_mtime_ns for place in data_dir.rglob("*")}
    assert main(["obey-anew", "--config", str(cluster.file)]) == 2
    assert f"`runuser -u {NOBODY.pw_name} -- dataserver obey-anew --config FILE`" in capsys.readouterr().err
    assert {place: place.stat().st_mtime_ns for place in data_dir.rglob("*")} == before
