"""How a metadata server stops: consensus goes on until its front end has left."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mdscluster import server
from mdscluster.config import Fencing, Guard
from tests.unit.config.test_node_config import config


class FrontEnd:
    """One that lets go of its addresses and tells the log that it stops: that takes its time."""

    def __init__(self, leaves_s: float) -> None:
        self._leaves_s, self._until_s = leaves_s, float("inf")

    def begin(self) -> None:
        """It serves."""

    def terminate(self) -> None:
        self._until_s = time.monotonic() + self._leaves_s

    @property
    def runs(self) -> bool:
        return time.monotonic() < self._until_s


@pytest.mark.parametrize(("leaves_s", "runs"), [(0.3, False), (60.0, True)])
def test_consensus_waits_for_its_front_end_whatever_the_configuration_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves_s: float, runs: bool
) -> None:
    """INV-9: devices are taken up while it runs. Without consensus nobody hears that it stops in good order, and
    its power is cut. Not for ever: it may hang."""
    front_end: Any = FrontEnd(leaves_s)
    ran: list[bool] = []

    async def run(_: object, __: object, *, stop: asyncio.Event, on_ready: Callable[[object], None]) -> int:
        on_ready(None)
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        ran.append(front_end.runs)
        return 0

    monkeypatch.setattr(server.consensus, "run", run)
    monkeypatch.setattr(server, "FRONT_END_LEAVES_S", 1.0)
    never = SimpleNamespace(start=lambda: None)
    monkeypatch.setattr(server, "threading", SimpleNamespace(Timer=lambda *_: never))  # it would end this process
    assert asyncio.run(server._run(config(tmp_path, fencing=Fencing(), guard=Guard()), front_end)) == 0
    assert ran == [runs]
