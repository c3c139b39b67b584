"""Processes that die together, and the lock that says who runs where."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mdscluster.config import ConfigError
from mdsproto.nodelock import NodeLock, running_pid

CHILD = """
import sys, time
from mdsproto.lifeline import die_with_parent
die_with_parent()
print("ready", flush=True)
time.sleep(60)
"""
PARENT = f"""
import os, subprocess, sys, time
env = {{**os.environ, "MDSCLUSTER_PARENT_PID": str(os.getpid())}}
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], env=env)
print(child.pid, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_kill_9_of_the_parent_ends_the_child() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        words = [parent.stdout.readline().strip() for _ in range(2)]
        assert "ready" in words
        pid = int(next(word for word in words if word != "ready"))
        assert not gone(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        deadline = time.monotonic() + 10
        while not gone(pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_child_whose_parent_died_before_the_tie_exits() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD], env={**os.environ, "MDSCLUSTER_PARENT_PID": "1"}, capture_output=True, timeout=30
    )
    assert done.returncode == 1
    assert b"the parent process is gone" in done.stderr


@pytest.mark.parametrize(("told", "begins"), [(b"g", True), (b"", False)])
def test_a_child_begins_when_its_parent_says_so_and_never_without_it(told: bytes, begins: bool) -> None:
    """A front end must not touch a state that consensus has not opened, nor outlive one that could not."""
    words = ("from mdsproto.lifeline import await_go", "print('waits', flush=True)", "await_go()", "print('begins')")
    environment = {**os.environ, "MDSCLUSTER_PARENT_PID": str(os.getpid())}
    with subprocess.Popen(
        [sys.executable, "-c", "; ".join(words)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == b"waits\n"
        silence = select.poll()
        silence.register(child.stdout, select.POLLIN)
        assert silence.poll(300) == []
        child.stdin.write(told)
        child.stdin.close()
        assert child.stdout.read() == (b"begins\n" if begins else b"")
        assert child.wait(10) == 0


def test_one_process_per_directory(tmp_path: Path) -> None:
    assert running_pid(tmp_path) is None
    lock = NodeLock(tmp_path, "mds1")
    assert running_pid(tmp_path) == os.getpid()
    with pytest.raises(ConfigError, match=f"mds1 is running already, as process {os.getpid()}"):
        NodeLock(tmp_path, "mds1")
    lock.release()
    assert running_pid(tmp_path) is None
    NodeLock(tmp_path, "mds1").release()
