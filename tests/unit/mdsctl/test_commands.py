"""Every command against a cluster of real processes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import tarfile
import termios
from pathlib import Path

import pytest

from tests.support.embedded import ROOT, TIMEOUT_S, Embedded
from tests.unit.mdsctl.commands import answer, text

pytestmark = pytest.mark.slow


def on_a_terminal(cluster: Embedded, columns: int, *words: str) -> tuple[str, int]:
    """What a terminal of so many columns gets to see, and the exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    command = [sys.executable, "-m", "mdscluster.mdsctl", "--cluster", str(cluster.file), *words]
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment | {"TERM": "xterm-256color"}
    ) as process:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # EIO: the other side is gone
            while piece := os.read(ours, 65_536):
                seen += piece
        os.close(ours)
        return seen.decode(), process.wait(TIMEOUT_S)


def test_status(cluster: Embedded) -> None:
    assert text(cluster, "status", "-v").startswith("quorum, led by mds")
    assert [node["id"] for node in answer(cluster, "status")["mds"]] == ["mds1", "mds2", "mds3"]


def test_digest(cluster: Embedded) -> None:
    """INV-8."""
    assert text(cluster, "digest").splitlines()[-1] == "equal"
    found = answer(cluster, "digest")
    assert found["equal"]
    assert len(set(found["digests"].values())) == 1
    assert sorted(found["digests"]) == ["mds1", "mds2", "mds3"]


def test_member_list(cluster: Embedded) -> None:
    found = answer(cluster, "member", "list")
    assert [member["id"] for member in found["members"] if member["voter"]] == ["mds1", "mds2", "mds3"]
    assert {member["role"] for member in found["members"]} == {"leader", "voter"}
    assert len(text(cluster, "member", "list").splitlines()) == 4


def test_nodes(cluster: Embedded) -> None:
    """Each side's word of every link."""
    found = answer(cluster, "nodes")
    leader = found["leader"]
    assert [node["leader_id"] for node in found["nodes"]] == [leader] * 3
    assert all(peer["connected"] for node in found["nodes"] for peer in node["peers"])
    lines = text(cluster, "nodes").splitlines()
    assert "mds2, mds3" in lines[1]


def test_watch(cluster: Embedded) -> None:
    done = cluster.mdsctl("watch", "--count", "3", "--interval", "0.2", "--json")
    looks = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, len(looks), looks[0]["rates"]) == (0, 3, {})
    assert sorted(looks[2]["rates"]) == ["mds1", "mds2", "mds3"]
    assert text(cluster, "watch", "--count", "2", "--interval", "0.1").count("quorum, led by") == 2


def test_watch_on_a_terminal_is_a_picture(cluster: Embedded) -> None:
    """80 columns: what is spare is left out, nothing is cut off."""
    shown, code = on_a_terminal(cluster, 80, "watch", "--count", "2", "--interval", "0.1")
    assert code == 0
    assert "\x1b[?1049h" in shown, "not on a screen of its own"
    assert "EACH SECOND" in shown
    assert "…" not in shown


def test_config_check(cluster: Embedded) -> None:
    node = cluster.nodes()["mds1"]["config"]
    assert "no fault found" in text(cluster, "config", "check", node)
    assert answer(cluster, "config", "check", cluster.nodes("ds")["ds1"]["config"])["id"] == "ds1"
    assert answer(cluster, "config", "check", str(cluster.file), code=2)["error"]


def test_support_bundle(cluster: Embedded, tmp_path: Path) -> None:
    """Complete where all is well; and without any secret, ever."""
    file = tmp_path / "bundle.tar.gz"
    found = answer(cluster, "support-bundle", str(file))
    assert found["missing"] == {}
    wanted = {"mds1/config.toml", "mds1/mds1.log", "ds2/config.toml"}
    told = ("status", "nodes", "members", "vip", "fence", "digest", "clients", "sessions", "layouts", "locks")
    wanted |= {f"{name}.json" for name in (*told, "cluster", "missing")}
    assert wanted <= {*found["contents"]}
    secrets = [path.read_bytes().strip() for path in (cluster.base_dir / "pki").glob("*.key")]
    assert len(secrets) > 3
    with tarfile.open(file) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            assert content is not None
            text_of = content.read()
            assert not any(secret in text_of for secret in secrets), entry.name
            assert b"PRIVATE KEY" not in text_of, entry.name
    assert "is there already" in answer(cluster, "support-bundle", str(file), code=2)["error"]


def test_a_refusal_says_why(cluster: Embedded) -> None:
    refused = cluster.mdsctl("member", "remove", "mds3")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("mdsctl: 2 voters would be left")
    failure = answer(cluster, "member", "remove", "mds9", code=1)
    assert "no member" in failure["error"]
    assert "mdsctl member list" in failure["advice"]


def test_without_the_operators_key(cluster: Embedded, tmp_path: Path) -> None:
    """Nothing is asked, and the missing file is named."""
    elsewhere = tmp_path / "cluster.json"
    elsewhere.write_text(cluster.file.read_text())
    done = cluster.mdsctl("--cluster", str(elsewhere), "status")
    assert done.returncode == 2
    assert "cannot read the certificate" in done.stderr
