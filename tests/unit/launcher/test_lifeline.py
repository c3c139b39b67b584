"""Processes that die together, and the lock that says who runs where."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mdscluster.config import ConfigError
from mdsproto.lifeline import Child
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


def end_with_kill_9(parent: subprocess.Popen[str], pid: int) -> None:
    """Kill the parent; its child ends, too, soon."""
    assert not gone(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_kill_9_of_the_parent_ends_the_child() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        words = [parent.stdout.readline().strip() for _ in range(2)]
        assert "ready" in words
        pid = int(next(word for word in words if word != "ready"))
        end_with_kill_9(parent, pid)


def test_a_child_whose_parent_died_before_the_tie_exits() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD], env={**os.environ, "MDSCLUSTER_PARENT_PID": "1"}, capture_output=True, timeout=30
    )
    assert done.returncode == 1
    assert b"the parent process is gone" in done.stderr


FORKS = """
import os, signal, sys, time
from mdsproto.lifeline import Child
def say(text):
    os.write(1, f"{{text}}\\n".encode())  # at once, and whole: both processes speak
def run(await_go):
    say("waits as " + open("/proc/self/comm").read().strip())
    await_go()
    say("begins")
    {then}
try:
    child = Child("front", run)
    say(child.pid)
    {parent}
    say(f"ended {{child.await_end()}}")
finally:
    say("cleaned up")
"""


def forked(parent: str, then: str = "return 3") -> tuple[list[str], str]:
    """What parent and child printed, in order, but for the pid; and the standard error of both."""
    code = FORKS.format(parent=parent, then=then)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if not line.isdigit()], done.stderr


def test_a_child_begins_when_its_parent_says_so() -> None:
    """A front end must not touch a state that consensus has not opened. What its parent cleans up is not its own."""
    told, _ = forked("time.sleep(0.3); say('go'); child.begin()")
    assert told == ["waits as front", "go", "begins", "ended 3", "cleaned up"]


def test_a_child_never_begins_without_its_parent() -> None:
    """Nor does it outlive one that could not open the state, or that thought better of it."""
    told, _ = forked("time.sleep(0.3); os.close(child._go)")
    assert told == ["waits as front", "ended 0", "cleaned up"]
    told, _ = forked("time.sleep(0.3); child.send(signal.SIGTERM)")
    assert told == ["waits as front", "ended -15", "cleaned up"]


@pytest.mark.parametrize(
    ("then", "code", "said"),
    [("sys.exit(71)", 71, ""), ("sys.exit('no room')", 1, "no room"), ("1 / 0", 1, "ZeroDivisionError"),
     ("os.kill(os.getpid(), signal.SIGKILL)", -9, "")],
)  # fmt: skip
def test_a_parent_learns_how_its_child_ended(then: str, code: int, said: str) -> None:
    told, error = forked("child.begin()", then)
    assert told[-2:] == [f"ended {code}", "cleaned up"]
    assert said in error


def test_a_child_never_comes_back_into_what_forked_it() -> None:
    """Not even where its last words find no room, as on a full disk."""
    told, _ = forked("child.begin()", "os.dup2(os.open('/dev/full', os.O_WRONLY), 2); 1 / 0")
    assert told[-2:] == ["ended 1", "cleaned up"]
    assert told.count("cleaned up") == 1


def test_an_end_is_noticed_where_whoever_started_the_parent_ignores_the_ends_of_children() -> None:
    """Fail-stop: a node whose front end has died must not live on. What is ignored stays ignored over an exec."""
    code = FORKS.format(parent="child.begin()", then="return 3")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30,
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )  # fmt: skip
    assert "ended 3" in done.stdout, done.stderr


def test_a_child_that_has_ended_can_be_told_anything() -> None:
    told, _ = forked("child.send(signal.SIGKILL); time.sleep(0.3); child.begin(); child.send(signal.SIGTERM)")
    assert told[-2:] == ["ended -9", "cleaned up"]


def test_kill_9_of_the_parent_ends_a_forked_child() -> None:
    code = FORKS.format(parent="child.begin()", then="time.sleep(60)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        words = [parent.stdout.readline().strip() for _ in range(3)]
        pid = int(next(word for word in words if word.isdigit()))
        end_with_kill_9(parent, pid)


def test_a_process_with_threads_is_not_forked() -> None:
    """Its child would hold whatever locks the others held at that moment, for ever."""
    before = threading.Thread(target=time.sleep, args=(0.5,))
    before.start()
    with pytest.raises(RuntimeError, match="threads"):
        Child("front", lambda _: 0)
    before.join()


def test_one_process_per_directory(tmp_path: Path) -> None:
    assert running_pid(tmp_path) is None
    lock = NodeLock(tmp_path, "mds1")
    assert running_pid(tmp_path) == os.getpid()
    with pytest.raises(ConfigError, match=f"mds1 is running already, as process {os.getpid()}"):
        NodeLock(tmp_path, "mds1")
    lock.release()
    assert running_pid(tmp_path) is None
    NodeLock(tmp_path, "mds1").release()
