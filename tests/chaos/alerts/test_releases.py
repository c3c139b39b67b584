"""Servers of several releases."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import mdscluster.config
from deploy import monitoring
from mdscluster.config import NodeConfig
from mdscluster.fsm import features
from mdsproto.configfile import save
from tests.chaos.alerts.scene import WITHIN_S
from tests.chaos.conftest import unavailable
from tests.chaos.test_rolling_upgrade import LEVEL_4
from tests.support.cluster import ROOT
from tests.support.debian import Unavailable, need_tools
from tests.support.embedded import Embedded
from tests.support.ports import free_port
from tests.support.prometheus import Prometheus, complete, hasty
from tests.support.releases import check_out, renumbered
from tests.support.runbook import OnProcesses
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

        follow = OnProcesses(cluster, tmp_path, watched).follow
        rules = hasty(monitoring.rules())
        try:
            need_tools({"curl": "curl"})
            prometheus = Prometheus.watching(tmp_path / "prometheus", "files", watched, {}, rules)
        except Unavailable as reason:
            unavailable(reason)
        with prometheus:
            upgrade("mds1")
            upgrade("mds2")
            complete(prometheus.wait_for(("FeatureLevelLag",), WITHIN_S))
            (listed,) = follow("MdsclusterFeatureLevelLag")
            lines = {line.split()[0]: line for line in listed.told.splitlines()}
            held_back = [name for name in NODES if f" of {features.SUPPORTED} " not in lines[name]]
            assert held_back == ["mds3"], "the page leads to who holds it back"
            assert "ReleasesMixed" not in prometheus.firing()
            upgrade("mds2", later)
            complete(prometheus.wait_for(("ReleasesMixed",), WITHIN_S))
            assert "FeatureLevelLag" in prometheus.firing(), "one server is still of the old release"
            ((told,), (other,)) = (follow("MdsclusterReleasesMixed", NODE=name) for name in ("mds2", "mds1"))
            assert 'version="0.2.0"' in told.told, "the page leads to who was upgraded"
            assert 'version="0.2.0"' not in other.told
            assert 'version="' in other.told
            upgrade("mds3", later)
            prometheus.wait_until(lambda firing: "FeatureLevelLag" not in firing, "the level is not raised", WITHIN_S)
            assert "ReleasesMixed" in prometheus.firing()
            upgrade("mds1", later)
            prometheus.wait_until(lambda firing: "ReleasesMixed" not in firing, "all are of one release", WITHIN_S)
