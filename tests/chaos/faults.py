"""Faults on a node's processes and storage, each with a proof that it took effect."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from tests.support.power import Disk

FILLER = "filler"
STOPPED = frozenset("Tt")
_CHUNK_BYTES = 1 << 20
_STOPS_WITHIN_S = 1.0


def processes(pid: int) -> list[int]:
    """A node's processes: consensus first, then the front end, its child."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *map(int, children)]


def freeze(pid: int) -> list[int]:
    """SIGSTOP all of a node's processes at once; those that were stopped."""
    stopped = processes(pid)
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    return stopped


def thaw(pids: Iterable[int]) -> None:
    """SIGCONT, the front end first: it finds consensus still asleep, the nastier order."""
    for pid in reversed(list(pids)):
        os.kill(pid, signal.SIGCONT)


def frozen(pids: Iterable[int]) -> bool:
    """Whether every one of the processes stands still: at once, or as soon as it is out of an fsync or a page fault."""
    end_s = time.monotonic() + _STOPS_WITHIN_S
    waiting = list(pids)
    while waiting := [pid for pid in waiting if _state(pid) not in STOPPED]:
        if time.monotonic() > end_s:
            return False
        time.sleep(0.005)
    return True


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def fill(disk: Disk) -> int:
    """Take every free block of the disk; how many bytes that were."""
    filler = disk.folder / FILLER
    with filler.open("ab") as file:
        size = chunk = 0
        for chunk in (_CHUNK_BYTES, 4096):
            try:
                while True:
                    os.posix_fallocate(file.fileno(), size, chunk)
                    size += chunk
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return size


def free(disk: Disk) -> None:
    """Give the blocks back."""
    (disk.folder / FILLER).unlink(missing_ok=True)


def wipe(folder: Path) -> None:
    """Everything that a node had stored is gone."""
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
