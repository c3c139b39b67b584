"""Fencing does not do what it is there for."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.chaos.alerts.scene import watching
from tests.support.troubled import Stage, staged, until
from tests.support.watched import NODES, Watched

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long]


def test_fencing_is_forgotten_in_maintenance_and_a_device_lies(tmp_path: Path) -> None:
    """INV-9: a server that stands still is reported off by its device, and goes on."""
    watched = Watched(tmp_path)
    with staged(watched) as stage, watching(stage) as it:
        forgotten = stage.follower()
        with it.raises("FencingSuspended", server=forgotten):
            assert it.cluster.mdsctl("node", "maintenance", forgotten, "on").returncode == 0
        with it.raises("FencingSuspended", server="*"):
            assert it.cluster.mdsctl("fence", "suspend").returncode == 0
        listed, *_ = stage.follow("MdsclusterFencingSuspended", NODE=forgotten)
        assert "suspended by admin" in listed.told, "the page leads to who it was"
        it.ends("FencingSuspended")
        watched.manner.write_text("well")  # it says what it was told to do, and does nothing
        victim = stage.follower()
        pid = it.cluster.pid(victim)
        with it.raises("FencingDeviceLied", server=victim):
            os.kill(pid, signal.SIGSTOP)
            try:
                until("it counts as fenced", lambda: fenced(stage, victim))
            finally:
                os.kill(pid, signal.SIGCONT)
        assert it.cluster.pid(victim) == pid, "it is the same process"
        history, tested, _, struck, asked, *_ = stage.follow(
            "MdsclusterFencingDeviceLied", may_fail=("(echo action=status",), NODE=victim
        )
        assert (struck.code, asked.told) == (0, "Status: OFF\n")
        assert it.cluster.pid(victim) == pid, "by the page's own lines it is seen that the device lies"
        told = {tuple(line.split()[2:4]): line for line in history.told.splitlines()}  # by server and what happened
        assert f"power-{victim}" in told[victim, "fenced"], "the page leads to the device"
        assert (victim, "lied") in told
        asked = [line.split()[:2] for line in tested.told.splitlines()[1:]]
        assert sorted(asked) == [[node, f"power-{victim}"] for node in NODES if node != victim]


def fenced(stage: Stage, server: str) -> bool:
    """By the history of the log."""
    history = stage.json("fence", "history")["history"]
    return any(event["node"] == server and event["kind"] == "fenced" for event in history)
