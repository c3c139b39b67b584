"""A child that never outlives its parent: a front end its consensus process, a node the ``run up`` that started it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Final, NoReturn

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15

PARENT_VARIABLE: Final = "MDSCLUSTER_PARENT_PID"
"""Environment variable in which a parent tells its child its own pid."""

_GO: Final = b"g"


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
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(expected):
        sys.exit("mdscluster: the parent process is gone")


class Child:
    """A forked process that has all its parent had loaded by then, and waits for :meth:`begin`.

    Make it on the main thread, since the parent-death signal follows the thread that forked; before there is another
    thread or an event loop, for only the calling thread lives on in a child; and without anything open that the child
    must not hold (locks, listeners).
    """

    def __init__(self, name: str, run: Callable[[Callable[[], None]], int]) -> None:
        """``run(await_go)`` is called in the child as soon as it is there, and gives its exit code. ``await_go`` comes
        back when :meth:`begin` was called, and ends the child if its parent thought better of it. ``name``: what ps(1)
        and top(1) call the child, 15 bytes at most."""
        if threading.active_count() > 1:
            raise RuntimeError("a process with threads cannot be forked safely")
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, as by whoever did the exec, no end is told
        gc.freeze()  # collections leave the pages alone that both processes share
        parent, (go, self._go) = os.getpid(), os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            _be_child(parent, name, self._go, lambda: run(lambda: _await_go(go)))
        os.close(go)
        self._file = os.pidfd_open(self.pid)
        self._ended = threading.Event()

    def begin(self) -> None:
        """Let it go on: its ``await_go`` comes back."""
        with contextlib.suppress(BrokenPipeError):  # it has just died, which its end tells
            os.write(self._go, _GO)

    def await_end(self) -> int:
        """Block until it has ended; its exit code, negative: the signal. For one thread only, which has nothing else to
        do: by it alone the end is noticed."""
        _, status = os.waitpid(self.pid, 0)
        self._ended.set()
        return os.waitstatus_to_exitcode(status)

    def ended_within(self, timeout_s: float | None) -> bool:
        """Whether it ends in this time, as :meth:`await_end` notices it. None: wait for its end."""
        return self._ended.wait(timeout_s)

    def send(self, number: signal.Signals) -> None:
        """A signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._file, number)


def _await_go(go: int) -> None:
    if os.read(go, 1) != _GO:
        sys.exit(0)


def _be_child(parent: int, name: str, go: int, run: Callable[[], int]) -> NoReturn:
    """Never comes back into the code that forked: what that has yet to clean up is its own."""
    code = 1
    try:
        try:
            os.close(go)  # the parent's end: were it open here, the parent's end would never be noticed
            os.environ[PARENT_VARIABLE] = str(parent)
            die_with_parent()
            _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()))
            code = int(run())
        except SystemExit as end:
            if end.code is None or isinstance(end.code, int):
                code = end.code or 0
            else:
                print(end.code, file=sys.stderr)
        except BaseException:  # as the interpreter does at the end of a process
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)  # also where the log is full


def _prctl(option: int, argument: int | ctypes.c_char_p) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}): {os.strerror(error)}")
