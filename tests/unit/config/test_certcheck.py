"""A server says what is wrong with its certificate; others would only hang up."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dataserver.cli import main as dataserver
from fencing.device import Device
from mdscluster.cli import main as mdscluster
from mdscluster.config import ConfigError, Fencing, NodeConfig
from mdscluster.mdsctl import main as mdsctl
from mdscluster.mdsctl.configcheck import examine
from mdscluster.pki import CA_DAYS, NODE_DAYS, ClusterPki
from mdscluster.plan import ClusterPlan
from mdsproto.certcheck import days, require_own
from mdsproto.configfile import save


@pytest.fixture
def plan(tmp_path: Path) -> ClusterPlan:
    """A cluster that could run."""
    made = ClusterPlan.open(tmp_path / "c", 3, 1, "127.0.0.1", 24000)
    made.prepare()
    return made


def config(plan: ClusterPlan) -> Path:
    return plan.mds[0].config


def commands(plan: ClusterPlan) -> list[int]:
    """The exit codes of check for the metadata and the data server."""
    return [
        mdscluster(["check", "--config", str(config(plan))]),
        dataserver(["check", "--config", str(plan.ds[0].config)]),
    ]


def test_a_good_one_is_not_spoken_of(plan: ClusterPlan, capsys: pytest.CaptureFixture[str]) -> None:
    tls = NodeConfig.load(config(plan)).tls
    require_own(tls.ca, tls.certificate, tls.key, "mds1", "mds")
    assert days(tls.ca, tls.certificate) == ("", True)
    assert commands(plan) == [0, 0]
    assert capsys.readouterr().err == ""


def test_a_foreign_certificate_ends_a_server_with_the_reason(
    plan: ClusterPlan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2: no restart mends it. Nothing in the data directory has changed."""
    other = ClusterPki(tmp_path / "other")
    other.create()
    for name, role in (("mds1", "mds"), ("ds1", "ds")):
        other.issue(name, role, ["127.0.0.1"])
        paths, own = other.paths(name), plan.pki.paths(name)
        own.certificate.write_bytes(paths.certificate.read_bytes())
        own.key.write_bytes(paths.key.read_bytes())
    before = sorted((plan.base_dir / "mds1").rglob("*"))
    assert commands(plan) == [2, 2]
    assert capsys.readouterr().err.count("is of another CA than") == 2
    for program, file in (("mdscluster", config(plan)), ("dataserver", plan.ds[0].config)):
        done = subprocess.run(
            [sys.executable, "-m", program, "serve", "--config", str(file)], capture_output=True, text=True, timeout=30
        )
        assert (done.returncode, "is of another CA than" in done.stderr) == (2, True), done.stderr
    assert sorted((plan.base_dir / "mds1").rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "role", "words"),
    [("mds2", "mds", "is made for mds1, mds.role.mdscluster: it must name mds2"),
     ("mds1", "ds", "it must name ds.role.mdscluster")],
)  # fmt: skip
def test_another_servers_certificate_is_told(plan: ClusterPlan, name: str, role: str, words: str) -> None:
    tls = NodeConfig.load(config(plan)).tls
    with pytest.raises(ConfigError, match=words):
        require_own(tls.ca, tls.certificate, tls.key, name, role)


def test_a_key_of_another_certificate_is_told(plan: ClusterPlan) -> None:
    tls = NodeConfig.load(config(plan)).tls
    with pytest.raises(ConfigError, match=r"admin\.key is not the key of .*mds1\.pem"):
        require_own(tls.ca, tls.certificate, plan.pki.paths("admin").key, "mds1", "mds")


@pytest.mark.parametrize("content", [b"", b"text"])
def test_what_is_no_certificate_or_key_is_told(plan: ClusterPlan, content: bytes) -> None:
    tls = NodeConfig.load(config(plan)).tls
    tls.key.write_bytes(content)
    with pytest.raises(ConfigError, match=r"mds1\.key is no private key that can be used"):
        require_own(tls.ca, tls.certificate, tls.key, "mds1", "mds")
    tls.certificate.write_bytes(content)
    with pytest.raises(ConfigError, match=r"mds1\.pem is no certificate"):
        require_own(tls.ca, tls.certificate, tls.key, "mds1", "mds")
    tls.certificate.unlink()
    with pytest.raises(ConfigError, match=r"cannot read the certificate .*mds1\.pem: No such file"):
        require_own(tls.ca, tls.certificate, tls.key, "mds1", "mds")


@pytest.mark.parametrize(
    ("days_from_now", "words", "usable"),
    [
        (-30, r"is good from .* on: is the clock of this host right\?", False),
        (0, "", True),
        (NODE_DAYS - 20, r"mds1\.pem ends on .*: renew it", True),
        (NODE_DAYS + 1, r"mds1\.pem ended on .*: renew it", False),
        (CA_DAYS + 1, r"ca\.pem ended on .*: renew it", False),
    ],
)
def test_days_are_told_and_end_nothing(plan: ClusterPlan, days_from_now: int, words: str, usable: bool) -> None:
    """A host whose clock is not set yet must not keep its server from starting later."""
    tls = NodeConfig.load(config(plan)).tls
    told, can = days(tls.ca, tls.certificate, datetime.now(UTC) + timedelta(days=days_from_now))
    assert can == usable
    assert re.search(words, told) if words else told == ""


def test_check_refuses_one_that_has_ended(plan: ClusterPlan, capsys: pytest.CaptureFixture[str]) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=NODE_DAYS + 5)
    for name, role in (("mds1", "mds"), ("ds1", "ds")):
        plan.pki.issue(name, role, ["127.0.0.1"], long_ago, timedelta.max)
    before = sorted(plan.base_dir.rglob("*"))
    assert commands(plan) == [2, 2]
    told = capsys.readouterr().err
    assert (told.count("ended on"), told.count("renew it (mdsctl certs renew)")) == (2, 2)
    assert sorted(plan.base_dir.rglob("*")) == before


def test_check_misses_what_fencing_needs(
    plan: ClusterPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """INV-9: on every metadata server, for every device of its file; a server starts without it, and cannot fence."""
    secret = tmp_path / "bmc.secret"
    secret.write_text("password=x\n")
    secret.chmod(0o600)
    for name in ("fence_ipmilan", "ipmitool"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr("fencing.device.AGENT_DIRECTORIES", (tmp_path,))
    options = ("ip=10.0.0.2", f"ipmitool_path={tmp_path}/ipmitool")
    devices = (Device("bmc-mds2", "mds2", "fence_ipmilan", options, (secret,)),)
    save(dataclasses.replace(NodeConfig.load(config(plan)), fencing=Fencing(devices=devices)), config(plan))
    words = ["check", "--config", str(config(plan))]
    assert mdscluster(words) == 0
    assert examine(config(plan))["notes"] == []
    for file, told in (("ipmitool", "apt install ipmitool"), ("fence_ipmilan", "apt install fence-agents"),
                       ("bmc.secret", "bmc.secret")):  # fmt: skip
        moved = (tmp_path / file).rename(tmp_path / "away")
        capsys.readouterr()
        assert mdscluster(words) == 2
        said = capsys.readouterr().err
        assert "fencing device 'bmc-mds2' of mds2: " in said
        assert told in said
        assert [told in note for note in examine(config(plan))["notes"]] == [True]
        moved.rename(tmp_path / file)
    assert mdscluster(words) == 0


def test_mdsctl_says_what_is_wrong_with_its_own_one(plan: ClusterPlan, capsys: pytest.CaptureFixture[str]) -> None:
    """No server would: each only hangs up."""
    target = {"id": "mds1", "host": "127.0.0.1", "nfs_port": 1, "admin": "127.0.0.1:1"}
    plan.cluster_file.write_text(json.dumps({"export": "/", "mds": [target], "ds": []}))
    command = ["--cluster", str(plan.cluster_file), "status"]
    plan.pki.issue("admin", "admin", [], datetime.now(UTC) - timedelta(days=NODE_DAYS + 5), timedelta.max)
    assert mdsctl(command) == 2
    assert re.search(r"/pki/admin\.pem ended on \S+: renew it \(mdsctl certs renew\)", capsys.readouterr().err)
    assert mdsctl(["certs", "renew", "--out", str(plan.base_dir)]) == 0
    capsys.readouterr()
    assert mdsctl(command) == 1, "nobody answers here, and it asks"
    assert "admin.pem" not in capsys.readouterr().err
    plan.pki.paths("admin").certificate.write_bytes(plan.pki.paths("mds1").certificate.read_bytes())
    assert mdsctl(command) == 2
    assert "is made for mds1, mds.role.mdscluster: it must name admin" in capsys.readouterr().err
