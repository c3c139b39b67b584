"""Earlier revisions of this project, to be run beside the present one."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ("mdscluster", "dataserver", "mdsproto", "nfswire", "fencing", "telemetry")
"""The packages that a metadata or data server consists of."""
_SUPPORTED = re.compile(r"^SUPPORTED: Final = (\d+)$", re.MULTILINE)


def check_out(revision: str, folder: Path) -> Path:
    """The source tree of ``revision`` in ``folder``. Nothing of the repository is changed.

    A clone without that revision ends the test: as a failure under CI, else as a skip that says what to do.
    """
    packed = _git("archive", revision)
    if packed.returncode:
        _not_here(f"a rolling upgrade from {revision}", packed)
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return folder


def renumbered(version: str, folder: Path) -> Path:
    """The present source tree in ``folder``, which calls itself another release: only its metadata differ."""
    folder.mkdir(parents=True)
    for package in ROOT.iterdir():
        if (package / "__init__.py").exists():
            (folder / package.name).symlink_to(package)
    told = folder / f"mdscluster-{version}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: mdscluster\nVersion: {version}\n")
    return folder


def previous_revision() -> str:
    """The newest commit in the line of first parents whose servers are not those of the tree in hand.

    That is HEAD where the tree has changes of its own, else the parent of the last commit that changed a server. Where
    the history does not reach back so far, the test ends as :func:`check_out` says.
    """
    changed = _git("diff", "--quiet", "HEAD", "--", *SERVERS).returncode == 1
    last = _git("log", "--first-parent", "--max-count=1", "--format=%H", "HEAD", "--", *SERVERS).stdout.decode().strip()
    before = _git("rev-parse", "--verify", "HEAD" if changed else f"{last}^1")
    if before.returncode:
        _not_here("a rolling upgrade from the previous commit", before)
    return before.stdout.decode().strip()


def feature_level(release: Path) -> int:
    """The highest feature level that a source tree knows; 0 before there were any."""
    file = release / "mdscluster" / "fsm" / "features.py"
    if not file.exists():
        return 0
    found = _SUPPORTED.search(file.read_text())
    assert found, f"{file} does not say which feature level it knows"
    return int(found[1])


def _git(*words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=False)
    except FileNotFoundError as problem:
        return subprocess.CompletedProcess(words, 127, b"", str(problem).encode())


def _not_here(what: str, why: subprocess.CompletedProcess[bytes]) -> NoReturn:
    reason = (
        f"NOT TESTED: {what}. This clone does not have it ({why.stderr.decode(errors='replace').strip()}): "
        "git fetch --unshallow"
    )
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
