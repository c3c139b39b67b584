"""The guard as a process, with nodes that are stopped and killed under it. Times are measured and told (pytest -s)."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.guard.addresses import may_have_one
from mdscluster.guard.outside import HealthFile
from mdscluster.guard.settings import Settings
from mdscluster.guard.words import Word, pack
from tests.support.guards import FIT, LAST_RESORT, ROOT, UNFIT, FakeNode, GuardProcess
from tests.support.lifeline import die_with_parent

pytestmark = [pytest.mark.slow, pytest.mark.alone]

DEMOTED_S = 0.2
"""What is promised, from the cause to the file; the machine that tests run on may be busy."""
BUSY_S = 0.15
RESIDENT_KIB_MAX = 16_000


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[GuardProcess]:
    with GuardProcess(tmp_path, stall_ms=1_500) as running:
        yield running


@pytest.fixture
def node(guard: GuardProcess) -> Iterator[FakeNode]:
    """It has been fit for long enough."""
    fake = FakeNode(guard.run_dir, guard.lock_file)
    taken_s = guard.await_health(FIT)
    assert taken_s >= 0.9, "it has to be fit for a second first"
    yield fake
    fake.end()


def demoted(guard: GuardProcess, what: str) -> None:
    taken_s = guard.await_health(UNFIT)
    print(f"{what}: unfit after {taken_s * 1000:.0f} ms")
    assert taken_s < DEMOTED_S + BUSY_S, what


def test_the_file_says_unfit_before_anybody_has_spoken(guard: GuardProcess) -> None:
    assert guard.health == UNFIT
    assert guard.reasons() == ["no node is running"]


def test_a_node_that_is_stopped_loses_its_addresses_and_is_ended(guard: GuardProcess, node: FakeNode) -> None:
    """SIGSTOP of the node's processes: the case that the guard is a process of its own for."""
    node.stop()
    stopped = time.monotonic()
    demoted(guard, "SIGSTOP")
    assert node.process.wait(5) == -signal.SIGKILL
    taken_s = time.monotonic() - stopped
    assert 1.4 < taken_s < 2.2, "stall_ms"
    time.sleep(0.1)
    told = guard.reasons()
    assert told[-1] == "no node is running"
    assert "no word comes from the node" in told[-3:], "between them, perhaps, that one of its processes ended first"
    ended = [event for event in guard.events() if event["event"] == "the node is ended"]
    assert [event["pid"] for event in ended] == [node.process.pid]
    assert not Path(f"/proc/{node.front_end_pid}/fd").exists() or _is_zombie(node.front_end_pid)


def _is_zombie(pid: int) -> bool:
    return ") Z " in Path(f"/proc/{pid}/stat").read_text()


def test_a_short_stop_costs_the_address_and_nothing_else(guard: GuardProcess, node: FakeNode) -> None:
    node.stop()
    demoted(guard, "SIGSTOP")
    time.sleep(0.5)
    node.go_on()
    assert 0.9 < guard.await_health(FIT) < 1.6
    assert node.process.poll() is None


def test_a_killed_node_is_unfit_at_once(guard: GuardProcess, node: FakeNode) -> None:
    """Its end is seen, not its silence."""
    node.process.kill()
    taken_s = guard.await_health(UNFIT)
    print(f"SIGKILL: unfit after {taken_s * 1000:.0f} ms")
    assert taken_s < BUSY_S
    guard.await_reason("no node is running")


def test_what_the_node_says_counts_at_its_next_word(guard: GuardProcess, node: FakeNode) -> None:
    node.say(fit=False)
    demoted(guard, "unfit by its own word")
    guard.await_reason("it knows no leader")
    node.say(fit=True)
    assert guard.await_health(FIT) > 0.9


def test_a_weak_node_steps_back_and_is_the_last_resort_then(guard: GuardProcess, node: FakeNode) -> None:
    """INV-7: unfit for a second, for others to take over; then better than nobody, until it is well."""
    node.say(weak=True)
    demoted(guard, "weak by its own word")
    assert guard.health == UNFIT
    assert 0.85 < guard.await_health(LAST_RESORT) < 1.0 + BUSY_S
    guard.await_reason("it is behind the cluster's log")
    node.say(fit=True)
    assert guard.await_health(FIT) > 0.9
    node.say(weak=True)
    guard.await_demotion()
    assert guard.health == LAST_RESORT, "once in a minute"


def test_a_node_whose_consensus_hangs_is_ended(guard: GuardProcess, node: FakeNode) -> None:
    """Nobody decides that: a node may always end itself."""
    node.hang_consensus()
    demoted(guard, "consensus hangs, by the front end's word")
    assert node.process.wait(5) == -signal.SIGKILL
    ended = [event["reason"] for event in guard.events() if event["event"] == "the node is ended"]
    assert ended == ["its consensus process has not answered for 1500 ms"]


def test_the_next_node_is_guarded_like_the_first(guard: GuardProcess, node: FakeNode) -> None:
    node.process.kill()
    node.process.wait()
    guard.await_health(UNFIT)
    second = FakeNode(guard.run_dir, guard.lock_file)
    try:
        guard.await_health(FIT)
        second.stop()
        demoted(guard, "SIGSTOP of the next one")
        assert second.process.wait(5) == -signal.SIGKILL
    finally:
        second.end()


_STOPS_ITSELF = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from mdscluster.guard import process
flag, take_in = sys.argv[2], process.Guard._take_in
def stops(self, happened):
    take_in(self, happened)
    if os.path.exists(flag):
        os.unlink(flag)
        os.kill(os.getpid(), signal.SIGSTOP)
process.Guard._take_in = stops
sys.exit(process.main(sys.argv[3:]))
"""


def test_a_pause_that_finds_the_guard_at_work_is_nobody_s_silence(tmp_path: Path) -> None:
    """A machine that is paused while the guard does not wait, but works: not in its poll, where it noticed before."""
    flag = tmp_path / "stop"
    plain = GuardProcess(tmp_path, stall_ms=1_500)
    words = plain._command[plain._command.index("node_id=mds1") :]
    command = [sys.executable, "-c", _STOPS_ITSELF, str(ROOT), str(flag), *words]
    with GuardProcess(tmp_path, command) as guard:
        node = FakeNode(guard.run_dir, guard.lock_file)
        try:
            guard.await_health(FIT)
            node.stop()
            flag.touch()
            assert guard.process is not None
            stat = Path(f"/proc/{guard.process.pid}/stat")
            deadline = time.monotonic() + 2
            while ") T " not in stat.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.005)
            time.sleep(3.0)
            guard.process.send_signal(signal.SIGCONT)
            time.sleep(0.3)
            node.go_on()
            guard.await_health(FIT)
            assert node.process.poll() is None
            told = [event["event"] for event in guard.events()]
            assert "the guard stood still" in told
            assert "the node is ended" not in told
        finally:
            node.end()


def test_what_keepalived_says_decides_whether_a_weak_node_steps_back(tmp_path: Path) -> None:
    """INV-7: whoever has no address gives none away; where keepalived has said nothing, it may have one."""
    folder = tmp_path / "vips"
    folder.mkdir()
    with GuardProcess(tmp_path, vip_dir=str(folder)) as guard:
        node = FakeNode(guard.run_dir, guard.lock_file)
        try:
            guard.await_health(FIT)
            (folder / "vip_192.0.2.1").write_text("BACKUP 200 1.0\n")
            node.say(weak=True)
            assert guard.await_demotion() < DEMOTED_S + BUSY_S
            time.sleep(0.3)
            assert guard.health == LAST_RESORT
            assert guard.falls() == 0
            node.say(fit=True)
            guard.await_health(FIT)
            (folder / "vip_192.0.2.2").write_text("MASTER 200 2.0\n")
            node.say(weak=True)
            demoted(guard, "a weakness of the one with the address")
        finally:
            node.end()


@pytest.mark.parametrize(
    ("files", "may"),
    [
        ({}, True),
        ({"vip_192.0.2.1": "BACKUP 200 1.0\n"}, False),
        ({"vip_192.0.2.1": "FAULT 200 1.0\n", "vip_192.0.2.2": "MASTER 160 1.0\n"}, True),
        ({".vip_192.0.2.1.x": "MASTER 200 1.0\n", "vip_192.0.2.1": "STOP 0 1.0\n"}, False),
    ],
)
def test_who_may_have_an_address(tmp_path: Path, files: dict[str, str], may: bool) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert may_have_one(str(tmp_path)) is may
    assert may_have_one(str(tmp_path / "missing"))
    assert may_have_one("")


def test_a_new_guard_takes_over_from_one_that_was_killed(tmp_path: Path) -> None:
    """The file is what the dead one left (its unit writes it: tests/chaos/installed/); the new one says unfit."""
    first = GuardProcess(tmp_path)
    with first:
        node = FakeNode(first.run_dir, first.lock_file)
        first.await_health(FIT)
        assert first.process is not None
        first.process.kill()
        first.process.wait()
    try:
        assert first.health == FIT
        with GuardProcess(tmp_path) as second:
            assert second.reasons()[-1] in ("no node is running", "the node has not said a word yet")
            second.await_health(FIT)
    finally:
        node.end()


def test_a_new_guard_ends_a_node_that_was_frozen_before(tmp_path: Path) -> None:
    """It finds it by the node's lock, without a word of it."""
    with GuardProcess(tmp_path) as first:
        node = FakeNode(first.run_dir, first.lock_file)
        first.await_health(FIT)
        node.stop()
        assert first.process is not None
        first.process.kill()
        first.process.wait()
    try:
        with GuardProcess(tmp_path, start_ms=1_000):
            assert node.process.wait(5) == -signal.SIGKILL
    finally:
        node.end()


def test_a_tool_that_mends_the_node_s_state_is_left_alone(tmp_path: Path) -> None:
    """`backup restore` and `rejoin` hold the lock, and may take their time."""
    with GuardProcess(tmp_path, start_ms=300) as guard:
        tool = FakeNode(guard.run_dir, guard.lock_file)
        tool.stop()
        (guard.run_dir / "node").write_text("1\n")
    try:
        with GuardProcess(tmp_path, start_ms=300) as guard:
            time.sleep(1.5)
            assert tool.process.poll() is None
            assert guard.reasons() == ["no node is running"]
    finally:
        tool.end()


def test_an_orderly_stop_leaves_the_node_running_and_unfit(guard: GuardProcess, node: FakeNode) -> None:
    assert guard.process is not None
    guard.process.terminate()
    assert guard.process.wait(5) == 0
    assert guard.health == UNFIT
    assert node.process.poll() is None


def test_only_the_node_that_runs_here_is_listened_to(guard: GuardProcess, tmp_path: Path) -> None:
    """A word that names a process without the lock (here: the one that says it) is not taken, nor is nonsense."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for data in (b"", b"hello", pack(Word(time.monotonic_ns() // 1_000_000, os.getpid()))):
            stranger.sendto(data, str(guard.run_dir / "guard.sock"))
    deadline = time.monotonic() + 5
    while not any(event["event"] == "a word is not taken" for event in guard.events()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.1)
    assert guard.reasons() == ["no node is running"]
    assert (guard.run_dir / "guard.sock").stat().st_mode & 0o777 == 0o600


def test_there_is_one_guard(guard: GuardProcess, tmp_path: Path) -> None:
    second = GuardProcess(tmp_path)
    done = subprocess.run(second._command, capture_output=True, text=True, timeout=10)
    assert done.returncode == 75
    assert "another guard runs here" in done.stderr


def test_who_does_not_read_the_log_is_not_waited_for(tmp_path: Path) -> None:
    """A full pipe on standard error, as from a journal that hangs: the guard judges, and ends, all the same."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    guard = GuardProcess(tmp_path, stall_ms=1_500)
    process = subprocess.Popen(guard._command, stderr=writer, preexec_fn=die_with_parent, cwd=ROOT)
    guard.process = process
    os.close(writer)
    deadline = time.monotonic() + 10
    while not (guard.run_dir / "vip-health").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    node = FakeNode(guard.run_dir, guard.lock_file)
    try:
        guard.await_health(FIT)
        node.stop()
        demoted(guard, "SIGSTOP, with a log that nobody reads")
        assert node.process.wait(5) == -signal.SIGKILL
    finally:
        node.end()
        process.kill()
        process.wait()
        os.close(reader)


def test_what_somebody_else_told_keepalived_is_told_anew(guard: GuardProcess, node: FakeNode) -> None:
    """A file that is gone, above all: keepalived takes it for a 0."""
    health = guard.run_dir / "vip-health"
    node.say(fit=False)
    guard.await_health(UNFIT)
    health.unlink()
    deadline = time.monotonic() + 2
    while not health.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert guard.health == UNFIT
    health.write_text("0\n")
    assert guard.await_health(UNFIT) < 1.2
    assert "somebody else has written" in guard.said()


def test_where_there_is_no_room_for_a_new_file_the_old_one_is_overwritten(tmp_path: Path) -> None:
    """A full /run. A folder in the new file's place stands for it."""
    health = HealthFile(str(tmp_path))
    health.write(0)
    (tmp_path / ".vip-health.new").mkdir()
    for weight in (-254, -150, 0, -254):
        health.write(weight)
        assert (tmp_path / "vip-health").read_text() == f"{weight}\n"
    (tmp_path / "vip-health").unlink()
    with pytest.raises(OSError, match="vip-health"):
        health.write(0)


class Manager:
    """What a service manager hears, and when."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(self.address)

    def heard(self) -> list[str]:
        found: list[str] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(4096).decode())
        return found

    def close(self) -> None:
        self._socket.close()


def test_the_service_manager_hears_twice_a_second_that_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WatchdogSec is 2 s. Not with each of the node's twenty words."""
    manager = Manager(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    with GuardProcess(tmp_path) as guard:
        node = FakeNode(guard.run_dir, guard.lock_file)
        try:
            guard.await_health(FIT)
            time.sleep(0.1)  # it is told after the file
            told = manager.heard()
            assert told.index("READY=1") <= 1
            assert "STATUS=the node may have service addresses" in told
            time.sleep(2.0)
            assert 2 <= manager.heard().count("WATCHDOG=1") <= 5
        finally:
            node.end()
    manager.close()


def test_it_is_small(guard: GuardProcess, node: FakeNode) -> None:
    assert guard.process is not None
    status = Path(f"/proc/{guard.process.pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0])
    threads = int(status.split("Threads:")[1].split()[0])
    print(f"{resident} KiB resident")
    assert resident < RESIDENT_KIB_MAX
    assert threads == 1


# ---------------------------------------------------------------------- the watchdog, whose part a pipe plays
def written(reader: int, within_s: float) -> bytes:
    """What comes first in this time; empty: nothing."""
    waiting = select.poll()  # select() takes no descriptor above 1023, of which a long run of tests has many
    waiting.register(reader, select.POLLIN)
    readable = waiting.poll(within_s * 1000)
    return os.read(reader, 100) if readable else b""


def test_the_watchdog_is_petted_while_the_node_can_be_told_and_disarmed_in_the_end(tmp_path: Path) -> None:
    """A pipe takes what a device would: it has no time-out to set, so the driver's own counts."""
    device = tmp_path / "watchdog"
    os.mkfifo(device)
    reader = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
    with GuardProcess(tmp_path, watchdog=str(device), watchdog_required=True, stall_ms=3_000) as guard:
        node = FakeNode(guard.run_dir, guard.lock_file)
        guard.await_health(FIT)
        assert set(written(reader, 2.0)) == {ord("1")}, "petted, and nothing else"
        node.stop()
        time.sleep(1.2)
        written(reader, 0.0)
        assert written(reader, 1.3) == b"", "a node that cannot be told: the machine's time runs out"
        assert node.process.wait(5) == -signal.SIGKILL
        assert set(written(reader, 2.0)) == {ord("1")}, "it is dead: that is known"
        node.end()
    assert written(reader, 0.0).endswith(b"V"), "the magic close"
    os.close(reader)


def test_without_the_watchdog_that_is_required_nobody_is_fit(tmp_path: Path) -> None:
    """Patroni's rule: open before a role is taken. It is taken as soon as the device is there."""
    device = tmp_path / "watchdog"
    with GuardProcess(tmp_path, watchdog=str(device), watchdog_required=True) as guard:
        node = FakeNode(guard.run_dir, guard.lock_file)
        try:
            time.sleep(1.6)
            assert guard.health == UNFIT
            assert guard.reasons()[-1] == f"the watchdog {device} cannot be opened: No such file or directory"
            device.touch()
            guard.await_health(FIT)
        finally:
            node.end()


def test_no_package_beside_it_is_taken_for_one_of_pythons(tmp_path: Path) -> None:
    """Installed, it stands beside everybody's packages: one that is named like a module of Python's is there."""
    copy = tmp_path / "site-packages" / "mdscluster"
    shutil.copytree(ROOT / "mdscluster" / "guard", copy / "guard")
    (copy.parent / "socket.py").write_text("raise SystemExit('a stranger')\n")
    settings = Settings(node_id="mds1", run_dir=str(tmp_path / "missing"), lock_file=str(tmp_path / "lock"))
    command = [sys.executable, "-I", "-S", str(copy / "guard" / "__main__.py"), *settings.to_words()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert "a stranger" not in done.stderr
    assert "the guard cannot go on" in done.stderr
