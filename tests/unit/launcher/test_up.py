"""``run up`` with real processes: serving, a node killed and started again by hand, all stopped, all back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mdsproto.nodelock import LOCK_FILE
from tests.support.ports import free_base_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT_S = 60


def wait(what: str, condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


class Up:
    """A running ``mdscluster up``."""

    def __init__(self, base_dir: Path, port: int) -> None:
        self.base_dir = base_dir
        self.output = base_dir.with_suffix(".out")
        words = ["up", "--base-dir", str(base_dir), "--port", str(port), "--mds", "3", "--ds", "1"]
        with self.output.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mdscluster", *words], stdout=out, stderr=out, cwd=ROOT
            )

    def cluster(self) -> dict[str, Any]:
        """``cluster.json``, as soon as it is there."""
        file = self.base_dir / "cluster.json"

        def served() -> bool:
            assert self.process.poll() is None, self.output.read_text()
            return file.exists()

        wait("cluster.json", served)
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def says(self, text: str) -> bool:
        return text in self.output.read_text()

    def mdsctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mdscluster.mdsctl", "--cluster", str(self.base_dir / "cluster.json"), *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=TIMEOUT_S)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.mdsctl("status", "--json").stdout)
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT_S)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def starts(tmp_path: Path) -> Iterator[Callable[[], Up]]:
    port = free_base_port()
    made: list[Up] = []

    def start() -> Up:
        made.append(Up(tmp_path / "c", port))
        return made[-1]

    yield start
    for up in made:
        if up.process.poll() is None:
            up.process.kill()
            up.process.wait()


def test_up_serves_survives_a_kill_stops_and_comes_back(starts: Callable[[], Up]) -> None:
    up = starts()
    cluster = up.cluster()
    pids = {node["id"]: node["pid"] for node in cluster["mds"] + cluster["ds"]}
    assert list(pids) == ["mds1", "mds2", "mds3", "ds1"]
    wait("how to mount it", lambda: up.says("mount -t nfs4 -o vers=4.2,port="))
    status = up.status()
    assert status["quorum"]
    assert [node["state"] for node in status["ds"]] == ["up"]
    for pid in pids.values():
        assert os.getpgid(pid) == pid, "each node can be killed as a group of its own"

    for node in ("mds1", "mds2", "mds3"):
        (front_end,) = Path(f"/proc/{pids[node]}/task/{pids[node]}/children").read_text().split()
        held = [os.readlink(file) for file in Path(f"/proc/{front_end}/fd").iterdir()]
        assert not any(file.endswith(LOCK_FILE) for file in held), "the node is its parent, for whoever asks the lock"

    leader = status["leader"]
    os.killpg(pids[leader], signal.SIGKILL)
    wait("the news of its death", lambda: up.says(f"{leader} died of SIGKILL. Start it again with:"))
    assert wait("a new leader", lambda: up.status()["leader"] not in (None, leader))
    config = next(node["config"] for node in cluster["mds"] if node["id"] == leader)
    by_hand = subprocess.Popen([sys.executable, "-m", "mdscluster", "serve", "--config", config], cwd=ROOT)
    try:
        wait("the news of its return", lambda: up.says(f"{leader} is back, as process {by_hand.pid}"))
        wait("all nodes", lambda: all(node["reachable"] for node in up.status()["mds"]))
        listed = {node["id"]: node["pid"] for node in up.cluster()["mds"]}
        assert listed[leader] == by_hand.pid
        digest = up.mdsctl("digest")
        assert (digest.returncode, digest.stdout.splitlines()[-1]) == (0, "equal")
    finally:
        if not up.process.poll():
            assert up.stop() == 0
        by_hand.wait(TIMEOUT_S)
    assert by_hand.returncode == 0
    assert not (up.base_dir / "cluster.json").exists()
    assert not any(alive(pid) for pid in pids.values())

    again = starts()
    assert [node["id"] for node in again.cluster()["mds"]] == ["mds1", "mds2", "mds3"]
    assert again.status()["mds"][0]["applied_index"] >= status["mds"][0]["applied_index"]
    assert again.stop() == 0


def test_kill_9_of_up_leaves_nothing_behind(starts: Callable[[], Up]) -> None:
    up = starts()
    cluster = up.cluster()
    up.process.kill()
    up.process.wait()
    for node in cluster["mds"] + cluster["ds"]:
        wait(f"the end of {node['id']}", lambda pid=node["pid"]: not alive(pid))


def test_no_quorum_is_told(starts: Callable[[], Up]) -> None:
    """INV-6: with a minority left, mdsctl says NO QUORUM and exits with 1."""
    up = starts()
    for node in up.cluster()["mds"][:2]:
        os.kill(node["pid"], signal.SIGKILL)

    def told() -> bool:
        done = up.mdsctl("status")
        return done.returncode == 1 and done.stdout.startswith("NO QUORUM")

    wait("NO QUORUM", told)
    assert up.stop() == 0


def test_a_second_up_in_the_same_place_is_refused(starts: Callable[[], Up]) -> None:
    up = starts()
    up.cluster()
    second = starts()
    assert second.process.wait(TIMEOUT_S) == 2
    assert second.says("is running already, as process")
    assert up.stop() == 0
