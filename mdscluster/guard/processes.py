"""Which processes are the node, and how they are ended. By pidfd: a number may be another process's by now."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal

from mdscluster.guard.words import NODE_NAME


def holder_of(lock_file: str) -> int:
    """The process that runs on a node's directory, by its lock (:mod:`mdsproto.nodelock`); 0: none does."""
    try:
        file = os.open(lock_file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(file, 32, 0).strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(file)
    return 0


class Processes:
    """The consensus process, which is the node, and its front end, as far as they are known.

    The node is whoever holds ``lock_file``; one that has not said a word yet is one if it has left its number in
    ``run_dir``, for tools that mend a node's state hold the lock, too, and have all the time they need. Not looked up
    in /proc: there the guard does not see a process that has a capability which it lacks itself (hidepid, proc(5)).
    """

    def __init__(self, lock_file: str, run_dir: str) -> None:
        self._lock_file = lock_file
        self._told_file = os.path.join(run_dir, NODE_NAME)
        self.node_pid = 0
        self.node_file = -1
        """Readable once the process has ended; -1: none is known."""
        self.front_end_pid = 0
        self.front_end_file = -1

    def find_node(self) -> bool:
        """Look whether a node runs that has not been heard of."""
        pid = holder_of(self._lock_file)
        return pid == _number_in(self._told_file) and self._take_node(pid)

    def meet(self, front_end_pid: int, node_pid: int) -> bool:
        """A front end speaks that is not the known one; whether it speaks of the node that runs here.

        Nobody else is ever ended on its word.
        """
        front_end = _open(front_end_pid)
        if front_end < 0 or (node_pid != self.node_pid and not self._take_node(node_pid)):
            _close(front_end)
            return False
        _close(self.front_end_file)
        self.front_end_pid, self.front_end_file = front_end_pid, front_end
        return True

    def _take_node(self, pid: int) -> bool:
        opened = _open(pid)
        if opened < 0 or holder_of(self._lock_file) != pid:  # in this order: a number may have changed its owner
            _close(opened)
            return False
        _close(self.node_file)
        self.node_pid, self.node_file = pid, opened
        return True

    def forget_front_end(self) -> None:
        """It has ended."""
        _close(self.front_end_file)
        self.front_end_pid, self.front_end_file = 0, -1

    def forget(self) -> None:
        """The node has ended."""
        self.forget_front_end()
        _close(self.node_file)
        self.node_pid, self.node_file = 0, -1

    def end(self) -> None:
        """SIGKILL, which ends stopped processes too. The front end would die with its parent, but why rely on it."""
        for file in (self.node_file, self.front_end_file):
            if file >= 0:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(file, signal.SIGKILL)


def _number_in(path: str) -> int:
    """A process id that a file holds; 0: none."""
    try:
        with open(path, "rb") as file:
            text = file.read(32).strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0


def _open(pid: int) -> int:
    """A pidfd; -1 when there is no such process."""
    if pid <= 0:
        return -1
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return -1


def _close(*files: int) -> None:
    for file in files:
        if file >= 0:
            os.close(file)
