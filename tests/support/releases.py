"""Earlier revisions of this project, to be run beside the present one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def check_out(revision: str, folder: Path) -> Path:
    """The source tree of ``revision`` in ``folder``. Nothing of the repository is changed.

    A clone without that revision ends the test: as a failure under CI, else as a skip that says what to do.
    """
    packed = subprocess.run(["git", "-C", str(ROOT), "archive", revision], capture_output=True, check=False)
    if packed.returncode:
        reason = (
            f"NOT TESTED: a rolling upgrade from {revision}. This clone does not have it "
            f"({packed.stderr.decode(errors='replace').strip()}): git fetch --unshallow"
        )
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
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
