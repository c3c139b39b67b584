"""Runs one fence agent, and sees to it that nothing of the agent is left when its time is over.

A program of its own (``python -I -S guard.py UNTIL_S OUTPUT_BYTES_MAX AGENT``), between the node and the agent: an
agent that outlived its node could cut the power of a server long after others have dealt with it. It ends the agent and
everything the agent started, in sessions of their own too (it is their subreaper, prctl(2)),

- when the agent has ended, or its time is over (UNTIL_S on the monotonic clock: also when somebody stood still before);
- when its standard input is closed: whoever asked is gone, or wants it to stop.

Standard input: what the agent gets on its own, then a NUL byte. Standard output: what the agent says (both streams), up
to a bound. Exit status: the agent's, or one of those below.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

EXIT_TIMED_OUT = 124
EXIT_ABANDONED = 125
EXIT_NOT_STARTED = 126
EXIT_SIGNALLED = 123
"""The agent was ended by a signal that did not come from here."""
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_REAP_S = 2.0
_CHUNK = 4096
_libc = ctypes.CDLL(None, use_errno=True)


def main(deadline: float, output_bytes_max: int, agent: str) -> int:
    """Run it; the exit status."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    told = _read_input(deadline)
    if told is None:
        return EXIT_ABANDONED
    if time.monotonic() >= deadline:
        return EXIT_TIMED_OUT
    try:
        process = subprocess.Popen(
            [agent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=_die_with_guard, close_fds=True,
        )  # fmt: skip
    except OSError as problem:
        _say(f"{agent}: {problem.strerror}".encode(), output_bytes_max)
        return EXIT_NOT_STARTED
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError):  # an agent that reads nothing has ended, or fails by itself
        process.stdin.write(told)
        process.stdin.close()
    try:
        return _watch(process, process.stdout.fileno(), deadline, output_bytes_max)
    finally:
        _end_all()


def _die_with_guard() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _read_input(deadline: float) -> bytes | None:
    """What comes before the NUL byte; None when it does not come."""
    told = b""
    while not told.endswith(b"\0"):
        readable, _, _ = select.select([0], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(0, _CHUNK) if readable else b""
        if not chunk:
            return None
        told += chunk
    return told[:-1]


def _watch(process: subprocess.Popen[bytes], output: int, deadline: float, room: int) -> int:
    """Until the agent has ended, its time is over, or nobody waits for it any more."""
    ended = os.pidfd_open(process.pid)
    os.set_blocking(output, False)
    waiting = [ended, output, 0]
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return EXIT_TIMED_OUT
        readable, _, _ = select.select(waiting, [], [], left_s)
        if output in readable:
            chunk = os.read(output, _CHUNK)
            room -= _say(chunk, room)
            if not chunk:
                waiting.remove(output)
        if 0 in readable:
            return EXIT_ABANDONED
        if ended in readable:
            code = process.wait()
            with contextlib.suppress(BlockingIOError):  # others may hold the pipe open: only what is there by now
                while chunk := os.read(output, _CHUNK):
                    room -= _say(chunk, room)
            return code if 0 <= code < EXIT_SIGNALLED else EXIT_SIGNALLED


def _say(chunk: bytes, room: int) -> int:
    """Pass on what there is room for; how much that was. What is too much is read and dropped: no agent may block."""
    shown = chunk[: max(0, room)]
    with contextlib.suppress(OSError):
        os.write(1, shown)
    return len(shown)


def _end_all() -> None:
    """SIGKILL for everything below this process, until nothing is left."""
    deadline = time.monotonic() + _REAP_S
    while time.monotonic() < deadline:
        for pid in _descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def _descendants(pid: int) -> list[int]:
    """All processes below one; what ends meanwhile may be missing."""
    found: list[int] = []
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = [int(word) for word in file.read().split()]
    except OSError:
        return found
    for child in children:
        found += [child, *_descendants(child)]
    return found


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
