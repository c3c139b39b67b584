"""What takes things off a host again: only what the host is not to have any more."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.deployment.support import deploy_render, write_inventory

KEPT = {"systemd/system/others.service", "mdscluster/ds1/ds1.key", "mdscluster/mds1/mds1.key"}
"""Of others, and keys: those are the operator's to remove."""

SECRETS = ("mdscluster/mds1/fencing/mds1-1-fence_ipmilan.secret", "mdscluster/mds1/fencing/mds1-2-fence_apc.secret")
"""Of a device of the example, and of one that was taken out."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The example, rendered."""
    deploy_render(write_inventory(tmp_path), tmp_path / "out")
    return tmp_path / "out"


class Old:
    """What was put on a host at one time or another, in a folder; and a systemctl that only notes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.etc, self.log = folder / "etc", folder / "systemctl.log"
        self.bin, self.commands = folder / "bin", folder / "commands"
        for path in ("systemd/system/keepalived.service.d", "systemd/system/nftables.service.d", "keepalived",
                     "sysctl.d", "tmpfiles.d", "mdscluster/ds1", "mdscluster/mds1/fencing"):  # fmt: skip
            (self.etc / path).mkdir(parents=True)
        self.bin.mkdir()
        (self.bin / "systemctl").write_text(f'#!/bin/sh\necho "$*" >>{self.log}\n')
        (self.bin / "systemctl").chmod(0o755)
        for unit in (
            "mdscluster-mds", "mdscluster-guard", "mdscluster-nft", "mdscluster-spread", "mdscluster-ds-ds1",
            "mdscluster-ds-ds9", "others",
        ):  # fmt: skip
            (self.etc / f"systemd/system/{unit}.service").touch()
        for path in (
            "systemd/system/keepalived.service.d/mdscluster.conf", "keepalived/keepalived.conf",
            "systemd/system/nftables.service.d/mdscluster.conf",
            "sysctl.d/91-mdscluster-spread.conf", "tmpfiles.d/mdscluster.conf", "mdscluster/ds1/ds1.key",
            "mdscluster/mds1/mds1.key", *SECRETS,
        ):  # fmt: skip
            (self.etc / path).touch()
        self.commands.mkdir()
        for program in ("mdscluster", "dataserver", "mdsctl"):
            (self.commands / program).symlink_to(f"/opt/mdscluster/bin/{program}")

    def linked(self) -> set[str]:
        return {file.name for file in self.commands.iterdir()}

    def clear(self, host: Path, *words: str) -> list[str]:
        """Run the script of a host's folder here; what it told systemd."""
        script = host / "no-longer-wanted"
        here = script.with_name("here")
        text = script.read_text().replace("/etc/", f"{self.etc}/").replace("/usr/local/bin/", f"{self.commands}/")
        here.write_text(text)
        self.log.write_text("")
        path = f"{self.bin}:{os.environ['PATH']}"
        subprocess.run(["sh", here, *words], check=True, env={"PATH": path}, stdout=subprocess.DEVNULL, timeout=30)
        here.unlink()
        return self.log.read_text().splitlines()

    def left(self) -> set[str]:
        return {str(path.relative_to(self.etc)) for path in self.etc.rglob("*") if path.is_file()}


def test_what_a_host_is_not_to_have_any_more_is_stopped_and_disabled(out: Path, tmp_path: Path) -> None:
    """INV-10: a data server that was removed would come back with the next boot, as a new one, and get files."""
    old = Old(tmp_path / "old")
    before = old.left()
    gone = ["disable --now mdscluster-ds-ds1.service", "disable --now mdscluster-ds-ds9.service",
            "disable --now mdscluster-spread.service"]  # fmt: skip
    assert old.clear(out / "mds1") == [*gone, "daemon-reload"], "no [spread], no data server on this host"
    assert before - old.left() == {
        "systemd/system/mdscluster-ds-ds1.service", "systemd/system/mdscluster-ds-ds9.service",
        "systemd/system/mdscluster-spread.service", "sysctl.d/91-mdscluster-spread.conf", SECRETS[1],
    }  # fmt: skip
    assert old.linked() == {"mdscluster", "mdsctl"}, "what this host has no server for is typed there no more"
    assert old.clear(out / "mds1") == ["daemon-reload"], "once more: there is nothing left to do"
    told = old.clear(out / "ds1")
    assert told[0] == "disable --now keepalived.service", "the address leaves while its server still answers"
    assert told[1:] == [f"disable --now mdscluster-{name}.service" for name in ("guard", "mds", "nft")] + [
        "daemon-reload"
    ]
    assert old.left() == KEPT
    assert old.linked() == {"mdsctl"}, "this folder has a data server's unit: its link was gone before"


def test_a_command_of_somebody_else_stays(out: Path, tmp_path: Path) -> None:
    old = Old(tmp_path / "old")
    (old.commands / "mdsctl").unlink()
    (old.commands / "mdsctl").write_text("of an administrator")
    old.clear(out / "mds1", "all")
    assert old.linked() == {"mdsctl"}


def test_all_of_a_host_can_be_taken_away(out: Path, tmp_path: Path) -> None:
    """A host that is no longer in the inventory has no new folder: the old one's script does it."""
    old = Old(tmp_path / "old")
    assert len([line for line in old.clear(out / "mds1", "all") if line.startswith("disable --now")]) == 7
    assert old.left() == KEPT
    assert old.linked() == set()
    with pytest.raises(subprocess.CalledProcessError):
        old.clear(out / "mds1", "everything")
