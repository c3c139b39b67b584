"""A guard as a process of its own, and nodes that are nothing but what a guard sees of one."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from mdscluster.guard.settings import Settings
from tests.support.lifeline import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
FIT, LAST_RESORT, UNFIT = "0", "-150", "-254"
_FAKE = """
import fcntl, os, signal, socket, sys, time
sys.path.insert(0, sys.argv[1])
from mdscluster.guard.words import Word, pack
from tests.support.lifeline import die_with_parent
run_dir, lock_file = sys.argv[2:4]
lock = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o644)
fcntl.flock(lock, fcntl.LOCK_EX)
os.pwrite(lock, b"%d\\n" % os.getpid(), 0)
open(run_dir + "/node", "w").write(str(os.getpid()))
node = os.getpid()
pid = os.fork()
if pid:
    os.waitpid(pid, 0)
    sys.exit(70)
os.close(lock)
die_with_parent()
print(os.getpid(), flush=True)  # whoever reads it may stop both: from here on neither is left behind
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
reason = ""
silent = 0
def heed(number, frame):
    global reason
    reason = {signal.SIGUSR1: "it knows no leader", signal.SIGHUP: "it is behind the cluster's log"}.get(number, "")
for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
    signal.signal(number, heed)
state = os.path.join(os.path.dirname(lock_file), "consensus-silent")
while True:
    began = float(open(state).read()) if os.path.exists(state) else 0.0
    silent = int((time.time() - began) * 1000) if began else 0
    weak = reason.startswith("it is behind")
    reason_now = reason or ("hangs" if silent else "")
    word = Word(time.monotonic_ns() // 1000000, node, reason_now, weak=weak, consensus_silent_ms=silent)
    try:
        out.sendto(pack(word), run_dir + "/guard.sock")
    except OSError:
        pass
    time.sleep(0.05)
"""


class FakeNode:
    """Two processes, as a node is: one holds the lock, its child says twenty times a second that all is well."""

    def __init__(self, run_dir: Path, lock_file: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _FAKE, str(ROOT), str(run_dir), str(lock_file)],
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent, cwd=ROOT,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.front_end_pid = int(self.process.stdout.readline())
        self._state = lock_file.parent / "consensus-silent"

    def stop(self) -> None:
        """SIGSTOP, both: what ``systemctl kill --signal=STOP`` does."""
        for pid in (self.process.pid, self.front_end_pid):
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        for pid in (self.front_end_pid, self.process.pid):
            os.kill(pid, signal.SIGCONT)

    def say(self, *, fit: bool = False, weak: bool = False) -> None:
        """From its next word on."""
        os.kill(self.front_end_pid, signal.SIGUSR2 if fit else signal.SIGHUP if weak else signal.SIGUSR1)

    def hang_consensus(self) -> None:
        """Its front end says from now on that the other process does not answer."""
        self._state.write_text(str(time.time()))

    def end(self) -> None:
        """SIGKILL, and collected."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class GuardProcess:
    """``with GuardProcess(folder) as guard``: it runs. ``run_dir`` is ``folder/run``."""

    def __init__(self, folder: Path, command: list[str] | None = None, **settings: Any) -> None:
        """``command``: how it is started, where it is not by its settings."""
        self.run_dir, self.lock_file = folder / "run", folder / "node.pid"
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self.log = folder / "guard.log"
        given = Settings(node_id="mds1", run_dir=str(self.run_dir), lock_file=str(self.lock_file), **settings)
        script = str(ROOT / "mdscluster" / "guard" / "__main__.py")
        self._command = command or [sys.executable, "-I", "-S", script, *given.to_words()]
        self._log_begins = 0
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> GuardProcess:
        with self.log.open("ab") as log:
            self._log_begins = log.tell()
            self.process = subprocess.Popen(self._command, stderr=log, preexec_fn=die_with_parent, cwd=ROOT)
        deadline = time.monotonic() + 10
        while '"guarding"' not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.005)
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    @property
    def health(self) -> str:
        """What keepalived reads. Always one of three, never part of it."""
        said = (self.run_dir / "vip-health").read_text()
        assert said in (f"{FIT}\n", f"{LAST_RESORT}\n", f"{UNFIT}\n")
        return said.strip()

    def await_health(self, wanted: str, timeout_s: float = 10.0) -> float:
        """Seconds until keepalived reads this."""
        began = time.monotonic()
        while self.health != wanted:
            assert time.monotonic() - began < timeout_s, f"{wanted} was not written: {self.said()}"
            time.sleep(0.002)
        return time.monotonic() - began

    def await_demotion(self, timeout_s: float = 10.0) -> float:
        """Seconds until keepalived reads that the node is not fit: unfit, or weak and back from that lately."""
        began = time.monotonic()
        while self.health == FIT:
            assert time.monotonic() - began < timeout_s, f"it is still fit: {self.said()}"
            time.sleep(0.002)
        return time.monotonic() - began

    def said(self) -> str:
        """Its log."""
        return self.log.read_bytes()[self._log_begins :].decode()

    def events(self) -> list[dict[str, Any]]:
        """The same, taken apart."""
        return [json.loads(line) for line in self.said().splitlines()]

    def await_reason(self, *wanted: str, timeout_s: float = 5.0) -> None:
        """Wait until the node is unfit for one of these reasons."""
        deadline = time.monotonic() + timeout_s
        while (self.reasons() or [""])[-1] not in wanted:
            assert time.monotonic() < deadline, f"none of {wanted}: {self.reasons()}"
            time.sleep(0.005)

    def reasons(self) -> list[str]:
        """Why the node was unfit, or a last resort, in order."""
        told = [event for event in self.events() if event["event"].startswith("the node may")]
        return [event["reason"] for event in told if "reason" in event]

    def falls(self) -> int:
        """How often it was taken from a node that might have service addresses, if only as a last resort."""
        told = [event["event"] for event in self.events() if event["event"].startswith("the node may")]
        unfit = "the node may not have service addresses"
        return sum(now == unfit != before for before, now in itertools.pairwise(told))
