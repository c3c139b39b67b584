"""Processes that die together, and the lock that says who runs where."""

from __future__ import annotations

import os
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


def test_one_process_per_directory(tmp_path: Path) -> None:
    assert running_pid(tmp_path) is None
    lock = NodeLock(tmp_path, "mds1")
    assert running_pid(tmp_path) == os.getpid()
    with pytest.raises(ConfigError, match=f"mds1 is running already, as process {os.getpid()}"):
        NodeLock(tmp_path, "mds1")
    lock.release()
    assert running_pid(tmp_path) is None
    NodeLock(tmp_path, "mds1").release()
