"""What ``mdsctl deploy render`` wrote is put onto machines by the commands of its INSTALL.md, as they stand there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.support.machine import Machine

TOOLS = {"keepalived": "keepalived", "nft": "nftables", "logger": "bsdutils", "openssl": "openssl"}


def commands(guide: Path, mark: str) -> list[str]:
    """The blocks of this mark in an INSTALL.md."""
    found = re.findall(rf"^```{mark}\n(.*?)^```", guide.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"{guide} has no block {mark}"
    return found


def chapter(guide: Path, heading: str) -> list[str]:
    """The blocks of an INSTALL.md below the heading that begins so, whatever their marks."""
    begins = rf"^## {re.escape(heading)}[^\n]*\n(.*?)(?=^## |\Z)"
    (found,) = re.findall(begins, guide.read_text(), re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", found, re.DOTALL | re.MULTILINE)
    assert blocks, f"{guide} has no block below {heading}"
    return blocks


def copy_rendered(machine: Machine, rendered: Path) -> None:
    """The host's folder, as rsync would bring it; whatever was there before is replaced."""
    inside = machine.folder / "rendered"
    subprocess.run(["rm", "-rf", str(inside)], check=True)
    subprocess.run(["cp", "-a", str(rendered), str(inside)], check=True)


def carry_out(machine: Machine, mark: str) -> None:
    """Run the blocks of this mark in the folder that was copied."""
    for block in commands(machine.folder / "rendered" / "INSTALL.md", mark):
        machine.run(f"cd /shared/rendered\n{block}", timeout_s=120.0)
