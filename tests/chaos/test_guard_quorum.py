"""``guard.quorum_ms`` on real nodes: who has lost a quorum for that long is ended by its guard, and nobody else.

On loopback, without keepalived: what a guard writes for it is looked at in test_guard.py.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from mdscluster.config import NodeConfig
from mdscluster.guardconfig import Guard
from mdsproto.configfile import save
from tests.support.embedded import Embedded
from tests.support.guards import UNFIT, GuardProcess

pytestmark = [pytest.mark.slow, pytest.mark.alone]

QUORUM_MS = 10_000
"""The shortest that a configuration may say."""
LATE_S = 2.0
"""What consensus takes to know (0.45 s), the node's next word, the end of a killed process, and a busy machine."""


def guarded(cluster: Embedded, folder: Path) -> dict[str, GuardProcess]:
    """Every node starts anew, and has a guard that ends it without a quorum; none of the guards runs yet."""
    guards = {}
    for name, node in cluster.nodes().items():
        config = Path(node["config"])
        command = [sys.executable, "-m", "mdscluster", "guard", "--config", str(config)]
        guards[name] = GuardProcess(folder / name, command)
        run_dir = str(guards[name].run_dir)
        save(replace(NodeConfig.load(config), guard=Guard(run_dir=run_dir, quorum_ms=QUORUM_MS)), config)
        cluster.kill(name)
    return guards


def ended(guard: GuardProcess) -> list[str]:
    """Why its node was ended, each time."""
    return [str(event["reason"]) for event in guard.events() if event["event"] == "the node is ended"]


def test_a_node_that_lost_its_quorum_is_ended_after_that_time_and_not_before(tmp_path: Path) -> None:
    """INV-2, INV-6: not with one peer lost for longer than that, for there is a quorum; with both lost at the time that
    is configured, once. It comes back, and nothing is lost."""
    with Embedded(tmp_path / "c") as cluster, ExitStack() as stack:
        cluster.await_all()
        guards = guarded(cluster, tmp_path / "g")
        for name, guard in guards.items():
            stack.enter_context(guard)
            cluster.start(name)
        cluster.await_all()
        cluster.kill("mds3")
        began_s = time.monotonic()
        time.sleep(QUORUM_MS / 1000 + LATE_S)
        pids = {name: cluster.pid(name) for name in ("mds1", "mds2")}
        assert cluster.status()["quorum"]
        assert [ended(guard) for guard in guards.values()] == [[], [], []], "two of three are a quorum"

        print(f"{time.monotonic() - began_s:.1f} s without one of three: nobody was ended")
        cluster.kill("mds2")
        began_s = time.monotonic()
        guards["mds1"].await_health(UNFIT, 5.0)
        code = cluster.exit_code("mds1")
        taken_s = time.monotonic() - began_s
        print(f"ended {taken_s:.2f} s after both peers were killed, with {code}")
        assert QUORUM_MS / 1000 <= taken_s < QUORUM_MS / 1000 + LATE_S
        (reason,) = ended(guards["mds1"])
        assert reason.startswith("it has lost its quorum for 1"), reason

        for name in ("mds1", "mds2", "mds3"):
            cluster.start(name)
        cluster.await_all()
        assert all(cluster.pid(name) != pid for name, pid in pids.items())
        assert len(ended(guards["mds1"])) == 1
        assert cluster.mdsctl("digest").returncode == 0
