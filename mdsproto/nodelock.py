"""One process per data directory, and how to find it: a lock file that holds the running process's id."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from mdsproto.configfile import ConfigError, refused

LOCK_FILE: Final = "node.pid"

# ``running_pid`` holds the lock for an instant to see whether it is free; a starting node must not trip over that.
_ATTEMPTS: Final = 10
_PAUSE_S: Final = 0.05


class NodeLock:
    """Held for as long as the process lives; the kernel lets go of it at its death, however it died."""

    def __init__(self, data_dir: Path, who: str) -> None:
        """Take the lock or raise :class:`ConfigError`. The directory is made if missing."""
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            self._file = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as problem:
            raise refused(f"cannot use {data_dir} for {who}: {problem.strerror}", problem) from problem
        for attempt in range(_ATTEMPTS):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as problem:
                if attempt < _ATTEMPTS - 1:
                    time.sleep(_PAUSE_S)
                    continue
                other = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
                os.close(self._file)
                raise ConfigError(f"{who} is running already, as process {other or '?'}, in {data_dir}") from problem
        try:
            # In place: a block that is given back on a full disk may be somebody else's a moment later.
            os.ftruncate(self._file, os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0))
        except OSError as problem:
            os.close(self._file)
            raise refused(f"cannot use {data_dir} for {who}: {problem.strerror}", problem) from problem

    def release(self) -> None:
        """Let go of it before the process ends."""
        os.close(self._file)


def running_pid(data_dir: Path) -> int | None:
    """The process that runs on ``data_dir``; None when there is none."""
    try:
        file = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(file, 32, 0).decode("ascii", "replace").partition("\n")[0]
        return int(text) if text.isdigit() else None
    finally:
        os.close(file)
    return None
