"""``mdsctl config check``: faults that a server would only show once it is started."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mdscluster.config import ConfigError
from mdscluster.mdsctl.configcheck import examine
from mdscluster.pki import NODE_DAYS, ClusterPki
from mdscluster.plan import ClusterPlan, UpConfig
from mdsproto.configfile import save


@pytest.fixture
def plan(tmp_path: Path) -> ClusterPlan:
    """Files, keys and certificates as ``run up`` makes them."""
    made = ClusterPlan(tmp_path / "c", UpConfig(mds=3, ds=1))
    made.prepare()
    return made


@pytest.mark.parametrize("name", ["mds1", "ds1"])
def test_good_files_have_no_fault(plan: ClusterPlan, name: str) -> None:
    node = next(node for node in (*plan.mds, *plan.ds) if node.id == name)
    found = examine(node.config)
    assert (found["id"], found["notes"]) == (name, [])


def test_what_deserves_a_look_is_noted(plan: ClusterPlan) -> None:
    node = plan.mds[0]
    plan.pki.paths("mds1").key.chmod(0o644)
    node.config.write_text(re.sub(r'(?m)^data_dir = .*$', 'data_dir = "absent"', node.config.read_text()))
    notes = examine(node.config)["notes"]
    assert any("chmod 600" in note for note in notes)
    assert any("is its file system mounted?" in note for note in notes)


def swap_key(pki: ClusterPki) -> None:
    pki.paths("mds1").key.write_bytes(pki.paths("mds2").key.read_bytes())


def swap_certificate(pki: ClusterPki) -> None:
    pki.paths("mds1").certificate.write_bytes(pki.paths("mds2").certificate.read_bytes())


def other_authority(pki: ClusterPki) -> None:
    for path in (pki.ca, pki.ca_key):
        path.unlink()
    pki.create()


def ended(pki: ClusterPki) -> None:
    for path in pki.paths("mds1").certificate, pki.paths("mds1").key:
        path.unlink()
    pki.issue("mds1", "mds", ["127.0.0.1"], datetime.now(UTC) - timedelta(days=NODE_DAYS + 2))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (swap_key, "is not the key of"),
        (swap_certificate, "it must name mds1"),
        (other_authority, "of another CA"),
        (ended, "ended on"),
        (lambda pki: pki.cluster_key.unlink(), "cluster.key"),
    ],
)
def test_faults_are_told(plan: ClusterPlan, harm: Callable[[ClusterPki], None], words: str) -> None:
    harm(plan.pki)
    with pytest.raises(ConfigError, match=words):
        examine(plan.mds[0].config)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot read"), ("a = ", "not valid TOML"), ("a = 1", "neither node_id"), ('node_id = "x"', "missing")],
)
def test_what_is_no_servers_file(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "x.toml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=words):
        examine(file)


def test_a_written_file_can_be_read_back(plan: ClusterPlan, tmp_path: Path) -> None:
    """What the project itself writes is never refused."""
    from mdscluster.config import NodeConfig

    copy = plan.mds[0].config.with_name("copy.toml")
    save(NodeConfig.load(plan.mds[0].config), copy)
    assert examine(copy)["id"] == "mds1"
