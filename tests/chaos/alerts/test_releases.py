"""Servers of several releases."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import mdscluster.config
from deploy import monitoring
from mdscluster.config import NodeConfig
from mdsproto.configfile import save
from tests.chaos.alerts.scene import WITHIN_S
from tests.chaos.conftest import unavailable
from tests.chaos.test_rolling_upgrade import LEVEL_4
from tests.support.cluster import ROOT
from tests.support.debian import Unavailable
from tests.support.embedded import Embedded
from tests.support.ports import free_port
from tests.support.prometheus import Prometheus, complete, hasty
from tests.support.releases import check_out, renumbered
from tests.support.watched import ADDRESS, NODES

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long]


def test_an_upgrade_is_left_half_done(tmp_path: Path) -> None:
    """Two servers are upgraded, from a release that knew less; and one of them once more."""
    old = check_out(LEVEL_4, tmp_path / "old")
    later = renumbered("0.2.0", tmp_path / "later")
    with Embedded(tmp_path / "cluster", release=old) as cluster:
        watched = {name: f"{ADDRESS}:{free_port()}" for name in NODES}

        def upgrade(name: str, release: Path = ROOT) -> None:
            file = Path(cluster.nodes()[name]["config"])
            metrics = mdscluster.config.Metrics(watched[name])
            cluster.kill(name)
            save(dataclasses.replace(NodeConfig.load(file), metrics=metrics), file)
            cluster.start(name, release=release)
            cluster.await_all(200)

        rules = hasty(monitoring.rules())
        try:
            prometheus = Prometheus.watching(tmp_path / "prometheus", "files", watched, {}, rules)
        except Unavailable as reason:
            unavailable(reason)
        with prometheus:
            upgrade("mds1")
            upgrade("mds2")
            complete(prometheus.wait_for(("FeatureLevelLag",), WITHIN_S))
            assert "ReleasesMixed" not in prometheus.firing()
            upgrade("mds2", later)
            complete(prometheus.wait_for(("ReleasesMixed",), WITHIN_S))
            assert "FeatureLevelLag" in prometheus.firing(), "one server is still of the old release"
            upgrade("mds3", later)
            prometheus.wait_until(lambda firing: "FeatureLevelLag" not in firing, "the level is not raised", WITHIN_S)
            assert "ReleasesMixed" in prometheus.firing()
            upgrade("mds1", later)
            prometheus.wait_until(lambda firing: "ReleasesMixed" not in firing, "all are of one release", WITHIN_S)
