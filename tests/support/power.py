"""Disks in trouble: a loop-mounted ext4 whose un-fsynced writes are thrown away, or that fails; and a small one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.debian import Unavailable, is_root, need_tools

_GOINGDOWN = 0x8004587D  # _IOR('X', 125, __u32): ext4 and XFS
_NOLOGFLUSH = 2  # drop everything that is not on disk, the journal's last transactions too
_TOOLS = {"mkfs.ext4": "e2fsprogs", "mount": "mount", "losetup": "mount"}


class Disk:
    """One node's disk: a sparse image, mounted at ``folder``."""

    def __init__(self, image: Path, folder: Path, size_mib: int = 2048) -> None:
        self.image, self.folder, self.size_mib = image, folder, size_mib

    def create(self) -> None:
        """Make and mount it. Raises Unavailable where that is not allowed."""
        if not is_root():
            raise Unavailable("mounting needs root")
        need_tools(_TOOLS)
        self.image.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.image, "wb") as f:
            f.truncate(self.size_mib << 20)
        _run("mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1", str(self.image))
        self.mount()

    def mount(self) -> None:
        """Mount it; ext4 replays its journal, as after a power loss."""
        _run("mount", "-o", "loop", str(self.image), str(self.folder))

    def cut_power(self) -> None:
        """From now on nothing reaches the disk, and what was not fsynced is gone. Every later call on it fails."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _GOINGDOWN, struct.pack("I", _NOLOGFLUSH))
        finally:
            os.close(handle)

    def give_up(self) -> None:
        """What the kernel does when the device fails it: from now on the file system can only be read."""
        _run("mount", "-o", "remount,abort", str(self.folder))

    def power_cycle(self) -> None:
        """Unmount and mount again; whoever used the disk must be dead by now."""
        deadline = time.monotonic() + 5
        while subprocess.run(["umount", str(self.folder)], capture_output=True).returncode:
            if time.monotonic() > deadline:
                _run("umount", str(self.folder))
            time.sleep(0.1)  # a killed process's children end a moment later
        # Whoever still has it mounted elsewhere keeps the dead file system, and mounting would find that one.
        while _run("losetup", "--associated", str(self.image)):
            if time.monotonic() > deadline:
                raise Unavailable(f"{self.image} is still in use")
            time.sleep(0.02)
        self.mount()

    def remove(self) -> None:
        """Unmount and delete it."""
        subprocess.run(["umount", str(self.folder)], capture_output=True)
        self.image.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class Small:
    """A file system of a few MiB, in memory."""

    def __init__(self, folder: Path, size_mib: int) -> None:
        """Mounted at ``folder``, which must not be there yet. Raises Unavailable where that is not allowed."""
        self.folder = folder
        folder.mkdir(parents=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder))

    def fill(self, left_bytes: int = 0) -> None:
        """Take all room but this."""
        self.free()
        room = os.statvfs(self.folder)
        with (self.folder / "filler").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(4096, room.f_bavail * room.f_frsize - left_bytes))

    def free(self) -> None:
        """Give it back."""
        (self.folder / "filler").unlink(missing_ok=True)

    def remove(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


@contextlib.contextmanager
def shared_mounts(folder: Path) -> Iterator[None]:
    """Let what is unmounted below ``folder`` be unmounted everywhere.

    ``ip netns exec`` gives every process a mount namespace of its own. Where the host's mounts are private, those
    copies would keep a dead disk's file system alive, and mounting its image again would find that one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "--bind", str(folder), str(folder))
    try:
        _run("mount", "--make-shared", str(folder))
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True)


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
