"""A client on the wrong side: it reaches only a node that is cut off from the others, and goes on asking for changes.

``python -m tests.chaos.tempter ADDRESS PORT OUT`` makes folders, many at a time, until OUT/stop exists, and then looks
which of them are there. ``Tempter`` is the harness's side. What such a node acknowledges while it is cut off is a
broken promise (INV-6), whatever becomes of it afterwards.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from nfsclient import Client
from nfsclient.channel import ChannelSettings
from nfsclient.client import Settings
from nfsclient.errors import NfsClientError
from tests.chaos.load import put
from tests.chaos.loads import LoadError
from tests.support.cluster import ROOT
from tests.support.lifeline import die_with_parent

PATIENCE = ChannelSettings(connect_timeout_ms=400.0, reply_timeout_ms=5_000.0)
PAUSE_S, UNDER_WAY_MAX, END_S = 0.1, 24, 30.0
READY_TIMEOUT_S, FINISH_TIMEOUT_S = 30.0, 60.0


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One change that was asked for and acknowledged."""

    invoked_s: float
    acknowledged_s: float


class Words(msgspec.Struct):
    """The process's last words."""

    asked: int
    acknowledged: list[Attempt]
    missing: list[str]
    """Acknowledged, and not there afterwards."""


@dataclass
class Temptation:
    """What a node that was cut off was asked, and what it said."""

    node: str
    from_s: float = 0.0
    """It was cut off by then."""
    until_s: float = 0.0
    """And at least until then."""
    asked: int = 0
    """Changes that were asked for between the two."""
    acknowledged: list[Attempt] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def given_in(self) -> list[Attempt]:
        """Acknowledged by a node that could not know."""
        return [one for one in self.acknowledged if one.invoked_s > self.from_s and one.acknowledged_s < self.until_s]


# ---------------------------------------------------------------------- the process
async def _tempt(address: str, port: int, out: Path) -> None:
    base = f"/tempted-{out.name}"
    asked, done = 0, dict[str, Attempt]()
    async with await Client.connect([(address, port)], settings=Settings(channel=PATIENCE)) as client:
        await client.mkdir(base)

        async def ask(name: str) -> None:
            invoked_s = time.monotonic()
            with suppress(NfsClientError):
                await client.mkdir(f"{base}/{name}")
                done[name] = Attempt(invoked_s, time.monotonic())

        under_way: set[asyncio.Task[None]] = set()
        while not (out / "stop").exists():
            if len(under_way) < UNDER_WAY_MAX:
                task = asyncio.create_task(ask(f"d{asked}"))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                asked += 1
            put(out / "progress", b"%d %d" % (asked, len(done)))
            await asyncio.sleep(PAUSE_S)
        if under_way:
            await asyncio.wait(under_way, timeout=END_S)
        there = {entry.name.decode() for entry in await client.readdir(base)}
    words = Words(asked, list(done.values()), sorted(done.keys() - there))
    put(out / "report.json", msgspec.json.encode(words))


# ---------------------------------------------------------------------- the harness's side
class Tempter:
    """Starts that process."""

    def __init__(
        self, address: str, port: int, out: Path, wrap: Callable[[Sequence[str]], list[str]]
    ) -> None:
        self._out = out
        out.mkdir(parents=True)
        command = [sys.executable, "-m", "tests.chaos.tempter", address, str(port), str(out)]
        with (out / "log").open("ab") as log:
            self._process = subprocess.Popen(
                wrap(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True,
                preexec_fn=die_with_parent,
            )  # fmt: skip

    def counts(self) -> tuple[int, int]:
        """How many changes it has asked for, and how many were acknowledged. LoadError when it has died."""
        if self._process.poll() is not None:
            raise LoadError(f"the client on the wrong side ended by itself:\n{self._log()}")
        with suppress(FileNotFoundError):
            asked, acknowledged = (self._out / "progress").read_bytes().split()
            return int(asked), int(acknowledged)
        return 0, 0

    def await_work(self) -> None:
        """Until changes of its are acknowledged, as nothing is broken yet."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while self.counts()[1] < 3:
            if time.monotonic() > deadline:
                raise LoadError(f"the client on the wrong side did not mount:\n{self._log()}")
            time.sleep(0.05)

    def finish(self) -> Words:
        """Its last words, when the node can answer again."""
        (self._out / "stop").touch()
        try:
            self._process.wait(FINISH_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LoadError(f"the client on the wrong side does not end:\n{self._log()}") from None
        report = self._out / "report.json"
        if not report.exists():
            raise LoadError(f"the client on the wrong side left no report:\n{self._log()}")
        return msgspec.json.decode(report.read_bytes(), type=Words)

    def kill(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _log(self) -> str:
        return (self._out / "log").read_text(errors="replace")[-3000:]


if __name__ == "__main__":
    asyncio.run(_tempt(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
