"""A child that never outlives its parent: a front end its consensus process, a node the ``run up`` that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1

PARENT_VARIABLE: Final = "MDSCLUSTER_PARENT_PID"
"""Environment variable in which a parent tells its child its own pid."""

GO: Final = b"g"
"""What a parent writes to the standard input of a child that waits to begin (:func:`await_go`)."""


def parent_pid() -> int:
    """The process that this one must not outlive, as it was told; 0: none."""
    return int(os.environ.get(PARENT_VARIABLE, "0"))


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent's main thread ends. Call it first thing in the child's ``main``.

    Between fork and this call the parent may already have died; then the child belongs to somebody else,
    which the pid in :data:`PARENT_VARIABLE` shows, and it exits at once. Started by hand, without that
    variable, a process is tied to nobody.
    """
    expected = os.environ.get(PARENT_VARIABLE)
    if expected is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl(PR_SET_PDEATHSIG): {os.strerror(error)}")
    if os.getppid() != int(expected):
        sys.exit("mdscluster: the parent process is gone")


def await_go() -> None:
    """Return when the parent says so; end this process when it thought better of it. Without a parent: at once."""
    if parent_pid() and sys.stdin.buffer.read(1) != GO:
        sys.exit(0)
