"""Nothing that a test started may outlive it, not even when the test itself is killed."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """For ``preexec_fn``: SIGKILL when the thread that started this process ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stop_with_parent() -> None:
    """For ``preexec_fn``: SIGTERM instead, for a process that has children to end."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def alive(pid: int) -> bool:
    """Whether a process with this id is there."""
    return os.path.exists(f"/proc/{pid}")
