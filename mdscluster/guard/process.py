"""The guard's process: a socket, a file, a clock. What is concluded is :mod:`mdscluster.guard.judge`'s.

Run as a script by an interpreter without site packages (``mdscluster guard`` does it), so that it starts at once, fits
into a few pages, and has nothing in it that could fail together with the node.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import time

from mdscluster.guard.addresses import may_have_one
from mdscluster.guard.device import Watchdog
from mdscluster.guard.footing import FIT, LAST_RESORT, UNFIT
from mdscluster.guard.judge import Judge
from mdscluster.guard.outside import HealthFile, Log, ServiceManager
from mdscluster.guard.processes import Processes
from mdscluster.guard.settings import Settings, from_words
from mdscluster.guard.words import SOCKET_NAME, WORD_BYTES_MAX, unpack

EXIT_ANOTHER = 75
"""EX_TEMPFAIL: another guard runs here."""
PERIOD_MS = 500
"""The longest that it waits: for the service manager's watchdog, and to look for a node that says nothing."""
PET_MS = 1_000
LATE_MS = 100
"""Woken so much later than it wanted, it stood still."""
DIES_MS = 2_000
_CREDENTIALS = struct.Struct("iII")
_STANDINGS = {
    FIT: "the node may have service addresses",
    LAST_RESORT: "the node may have service addresses as a last resort",
    UNFIT: "the node may not have service addresses",
}


def now_ms() -> int:
    """CLOCK_MONOTONIC, as in words."""
    return time.monotonic_ns() // 1_000_000


class AnotherGuard(Exception):
    """One runs in this folder already."""


class Guard:
    """One guard. ``OSError`` when it cannot begin, or can no longer say what has to be said; :class:`AnotherGuard`."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self._settings = settings
        self._log = log
        self._judge = Judge(settings, lambda: may_have_one(settings.vip_dir))
        self._processes = Processes(settings.lock_file, settings.run_dir)
        self._health = HealthFile(settings.run_dir)
        self._manager = ServiceManager()
        self._weight: int | None = None
        self._reason = ""
        self._refused_pid = 0
        self._routine_ms = -PERIOD_MS
        self._petted_ms = -PET_MS
        self._ended_ms: int | None = None
        self._watchdog: Watchdog | None = None
        self._watchdog_told = ""
        self._poll = select.poll()
        self._stopping = False
        self._lock = os.open(os.path.join(settings.run_dir, "guard.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise AnotherGuard from problem
        self._tell(now_ms())  # before anything else
        self._socket = _listen(os.path.join(settings.run_dir, SOCKET_NAME))
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        for file in (self._socket.fileno(), self._woken):
            self._poll.register(file, select.POLLIN)

    def _on_signal(self, number: int, frame: object) -> None:
        self._stopping = True

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        self._manager.tell("READY=1")
        self._log("info", "guarding", run_dir=self._settings.run_dir, watchdog=self._settings.watchdog or "none")
        at_ms = now_ms()
        while not self._stopping:
            self._turn(at_ms)
            due_ms = at_ms + self._wait_ms(at_ms)
            happened = {file for file, _ in self._poll.poll(max(due_ms - now_ms(), 0))}
            at_ms = self._awake(due_ms)
            self._take_in(happened)
            at_ms = self._awake(at_ms)
        self._log("info", "the guard stops")
        self._say(UNFIT, "the guard stops")
        if self._watchdog is not None:
            self._watchdog.disarm()

    def _awake(self, due_ms: int) -> int:
        """The time. If that is late, this process has stood still; asked after every step, for it may be in any."""
        at_ms = now_ms()
        late_ms = at_ms - due_ms
        if late_ms >= LATE_MS:
            self._judge.slept(late_ms, at_ms)
            self._log("warning", "the guard stood still", late_ms=late_ms)
        return at_ms

    # ------------------------------------------------------------ what comes in
    def _take_in(self, happened: set[int]) -> None:
        if self._woken in happened:
            os.read(self._woken, 512)
        if self._socket.fileno() in happened:  # words first: one that came before the end says why
            self._hear()
        processes = self._processes
        if processes.front_end_file in happened:
            self._poll.unregister(processes.front_end_file)
            processes.forget_front_end()
            self._judge.front_end_gone(now_ms())
        if processes.node_file in happened:
            self._forget_node()

    def _forget_node(self) -> None:
        processes = self._processes
        for file in (processes.node_file, processes.front_end_file):
            if file >= 0:
                self._poll.unregister(file)
        self._log("info", "the node has ended", pid=processes.node_pid)
        processes.forget()
        self._judge.node_gone()
        self._ended_ms = None

    def _hear(self) -> None:
        while True:
            try:
                data, control, _, _ = self._socket.recvmsg(WORD_BYTES_MAX, socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                return
            for level, kind, body in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                    pid, uid, _ = _CREDENTIALS.unpack(body)
                    self._heard(data, pid, uid)

    def _heard(self, data: bytes, pid: int, uid: int) -> None:
        try:
            word = unpack(data)
        except ValueError as problem:
            self._refuse(pid, str(problem))
            return
        processes = self._processes
        if pid != processes.front_end_pid or word.node_pid != processes.node_pid:
            before = (processes.node_pid, processes.node_file, processes.front_end_file)
            if uid not in (os.getuid(), 0) or not processes.meet(pid, word.node_pid):
                self._refuse(pid, "it speaks of no node that runs here")
                return
            self._follow(*before)
        if word.at_ms <= now_ms():
            self._judge.heard(word)

    def _follow(self, node_pid: int, node_file: int, front_end_file: int) -> None:
        """A new front end has been met: watch its processes, and no others."""
        processes = self._processes
        for old, new in ((node_file, processes.node_file), (front_end_file, processes.front_end_file)):
            if old >= 0 and old != new:
                with contextlib.suppress(KeyError):
                    self._poll.unregister(old)
            self._poll.register(new, select.POLLIN)
        if processes.node_pid != node_pid:
            self._judge.node_here(now_ms())
            self._ended_ms = None
        self._log("info", "the node speaks", pid=processes.node_pid, front_end_pid=processes.front_end_pid)

    def _refuse(self, pid: int, reason: str) -> None:
        if pid != self._refused_pid:
            self._refused_pid = pid
            self._log("warning", "a word is not taken", pid=pid, reason=reason)

    # ------------------------------------------------------------ what goes out
    def _turn(self, at_ms: int) -> None:
        if at_ms - self._routine_ms >= PERIOD_MS:
            self._routine_ms = at_ms
            self._routine(at_ms)
        self._mind_watchdog(at_ms)
        self._tell(at_ms)
        self._execute(at_ms)

    def _routine(self, at_ms: int) -> None:
        """Twice a second."""
        self._manager.tell("WATCHDOG=1")
        if self._processes.node_file < 0 and self._processes.find_node():
            self._poll.register(self._processes.node_file, select.POLLIN)
            self._judge.node_here(at_ms)
        if self._health.mend():
            self._log("warning", "somebody else has written what keepalived is told: it is written anew")

    def _tell(self, at_ms: int) -> None:
        weight, reason = self._judge.standing(at_ms)
        if weight != UNFIT and self._settings.watchdog_required and self._watchdog is None:
            weight, reason = UNFIT, self._watchdog_told
        if (self._weight, self._reason) != (weight, reason):
            self._say(weight, reason)

    def _say(self, weight: int, reason: str) -> None:
        if weight != self._weight:
            self._health.write(weight)
        self._weight, self._reason = weight, reason
        told = _STANDINGS[weight]
        if reason:
            self._log("warning", told, reason=reason)
        else:
            self._log("info", told)
        self._manager.tell(f"STATUS={told}{': ' if reason else ''}{reason}")

    def _execute(self, at_ms: int) -> None:
        """Carry out a sentence; once, since SIGKILL is not forgotten by a process that cannot die yet."""
        reason = self._judge.sentence(at_ms)
        if reason:
            self._processes.end()
            self._judge.executed()
            self._ended_ms = at_ms
            self._log("error", "the node is ended", pid=self._processes.node_pid, reason=reason)
        elif self._ended_ms is not None and at_ms - self._ended_ms >= DIES_MS:
            self._ended_ms = None
            self._log("critical", "the node does not die: its machine has to be reset", pid=self._processes.node_pid)

    def _mind_watchdog(self, at_ms: int) -> None:
        if not self._settings.watchdog or at_ms - self._petted_ms < PET_MS:
            return
        self._petted_ms = at_ms
        if self._watchdog is None:
            self._open_watchdog()
        elif self._judge.can_be_told(at_ms):
            self._watchdog.pet()

    def _open_watchdog(self) -> None:
        path, wanted_s = self._settings.watchdog, self._settings.watchdog_timeout_s
        try:
            self._watchdog = Watchdog(path, wanted_s)
        except OSError as problem:
            told = f"the watchdog {path} cannot be opened: {problem.strerror}"
            if told != self._watchdog_told:
                self._watchdog_told = told
                self._log("error", told)
            return
        got = self._watchdog.timeout_s
        self._log("info", "the watchdog runs", device=path, timeout_s="its own" if got is None else got)

    def _wait_ms(self, at_ms: int) -> int:
        due_ms = self._judge.due_ms(at_ms)
        return PERIOD_MS if due_ms is None else max(0, min(PERIOD_MS, due_ms - at_ms))


def _listen(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # before anybody can send: or his word is nobody's
    before = os.umask(0o177)
    try:
        listening.bind(path)
    finally:
        os.umask(before)
    return listening


def main(words: list[str]) -> int:
    """Guard until told to stop; the exit code."""
    settings = from_words(words)
    log = Log(settings.node_id)
    try:
        Guard(settings, log).run()
    except AnotherGuard:
        log("error", "another guard runs here", run_dir=settings.run_dir)
        return EXIT_ANOTHER
    except OSError as problem:
        log("critical", "the guard cannot go on", reason=str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
