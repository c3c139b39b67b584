"""A host is at fault: its disk, its clock, its processor."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.alerts.scene import restart, scene
from tests.chaos.shim import Shim
from tests.support.embedded import Embedded
from tests.support.troubled import until
from tests.support.watched import Load, Watched

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long]

SLOW_FSYNC_MS = 150
OFF_S = 90.0
STILL_S, RUNS_S = 0.25, 0.75
"""Stopped for longer than MdsclusterLoopLag allows, and for less than an election takes."""


@contextlib.contextmanager
def at_work(cluster: Embedded) -> Iterator[Load]:
    load = Load(cluster)
    load.start()
    try:
        yield load
    finally:
        load.stop()


@contextlib.contextmanager
def in_pulses(pid: int) -> Iterator[None]:
    """A process does not get its processor for long enough at a time."""
    enough = threading.Event()

    def pulse() -> None:
        while not enough.wait(RUNS_S):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(STILL_S)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=pulse, daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def test_a_slow_disk_a_wrong_clock_a_processor_that_others_have(
    tmp_path: Path, shim: Shim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one follower; the alert names it."""
    with scene(Watched(tmp_path)) as it, at_work(it.cluster):
        victim = it.stage.follower()
        restart(it.stage, victim, "mds", shim, monkeypatch)
        it.cluster.await_all(200)
        until("it is ready", lambda: it.stage.ready(victim))
        with it.raises("FsyncSlow", node=victim):
            shim.delay_syncs(victim, SLOW_FSYNC_MS)
        shim.delay_syncs(victim, 0)
        assert shim.struck(victim)[0] > 0
        with it.raises("ClockWrong", node=victim):
            shim.shift_clock(victim, OFF_S)
        shim.shift_clock(victim, 0.0)
        it.ends("ClockWrong")
        with contextlib.ExitStack() as until_raised, it.raises("LoopLag", node=victim, loop="consensus"):
            until_raised.enter_context(in_pulses(it.cluster.pid(victim)))
