"""docs/DEPLOY.md: its commands do what it says, in the order in which they stand there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.cluster import ROOT
from tests.support.guide import Guide
from tests.unit.deployment.support import SECRETS

GUIDE = ROOT / "docs" / "DEPLOY.md"
PLACE = "/srv/files"


def run(commands: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-ec", commands], capture_output=True, text=True, cwd=ROOT, timeout=120,
        env={**os.environ, "SHELL": "/bin/sh"},
    )  # fmt: skip


def test_the_commands_of_the_guide_work_one_after_the_other(tmp_path: Path) -> None:
    """As they are, but for the folder. The cluster of the example is nowhere, and mdsctl says so.

    What needs hosts is carried out by tests/chaos/test_guide.py.
    """
    guide = Guide(GUIDE)
    inventory, check, render = (
        guide.take(word).replace(PLACE, str(tmp_path)) for word in ("cluster.example", "check", "render")
    )
    status, renew = (
        next(block for block in guide.left() if word in block).replace(PLACE, str(tmp_path))
        for word in ("status", "renew")
    )
    for _ in range(2):
        done = run(inventory)
        assert done.returncode == 0, done.stderr
    done = run(check)
    assert done.returncode == 2
    assert "must hold one line, the secret itself" in done.stderr, "the passwords have not been written yet"
    for name, secret in SECRETS.items():
        (tmp_path / "secrets" / name).write_text(secret)
    (tmp_path / "cluster.toml").write_text((tmp_path / "cluster.toml").read_text() + "# mine\n")
    assert run(inventory).returncode == 0, "given again, it takes nothing back"
    assert "# mine" in (tmp_path / "cluster.toml").read_text()
    for commands, words in (
        (check, "3 metadata servers, 3 data servers, 3 service addresses: no fault found"),
        (render, f"new      {tmp_path}/rendered/mds1/INSTALL.md"),
        (render, f"{tmp_path}/rendered: nothing has changed"),
        (renew, "kept     mds1         until "),
    ):
        done = run(commands)
        assert done.returncode == 0, done.stderr
        assert words in done.stdout
    done = run(status)
    assert done.returncode == 1
    assert "NO QUORUM" in done.stdout


def test_every_file_of_a_host_is_in_the_guides_table() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for name in ("INSTALL.md", "*.service", "keepalived.conf", "vip-notify", "vip.nft", "mdscluster.sysusers",
                 "mdscluster.tmpfiles", "tuning/", "keepalived.service.d-mdscluster.conf"):  # fmt: skip
        assert f"`{name}`" in text, name
