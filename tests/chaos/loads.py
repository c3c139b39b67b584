"""The harness's side of ``load.py``: start the load processes, follow their calls, collect their reports."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from tests.chaos.load import HISTORY, RUSH_CALLS, Call, ClientReport, Hold, Orders, RushOrders, put
from tests.support.cluster import ROOT
from tests.support.lifeline import die_with_parent
from tests.support.linearizability.history import History

T = TypeVar("T")
READY_TIMEOUT_S = 30.0
FINISH_TIMEOUT_S = 90.0


class LoadError(RuntimeError):
    """A load process died, hangs, or left no report."""


class Load:
    """One load process."""

    def __init__(self, orders: Orders, wrap: Callable[[Sequence[str]], list[str]]) -> None:
        self.name = orders.name
        self.out = Path(orders.out)
        self.out.mkdir(parents=True)
        (self.out / "orders.json").write_bytes(msgspec.json.encode(orders))
        command = [sys.executable, "-m", "tests.chaos.load", str(self.out / "orders.json")]
        with (self.out / "log").open("ab") as log:
            self._process = subprocess.Popen(
                wrap(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True,
                preexec_fn=die_with_parent,
            )  # fmt: skip
        self._tail = 0
        self._done = 0
        self._rushes = 0

    def calls_done(self) -> int:
        """How many calls have ended. LoadError when the process has ended by itself."""
        if self._process.poll() is not None:
            raise LoadError(f"client {self.name} ended by itself:\n{self._log()}")
        path = self.out / "calls"
        if path.exists():
            with path.open("rb") as file:
                file.seek(self._tail)
                new = file.read()
            self._tail += len(new)
            self._done += new.count(b"\n")
        return self._done

    def ready(self) -> bool:
        """Whether it has mounted and works."""
        self.calls_done()
        return (self.out / "ready").exists()

    def rush(self, servers: Sequence[tuple[str, int]]) -> Callable[[], bool]:
        """Have one more client make changes without a pause at the first of the servers; whether it does by now."""
        self._rushes += 1
        put(self.out / f"rush{self._rushes}.json", msgspec.json.encode(RushOrders(list(servers))))
        ready = self.out / f"rush{self._rushes}.ready"
        return ready.exists

    def ask_to_stop(self) -> None:
        """It ends its calls, compares its tree with the model, and reports."""
        (self.out / "stop").touch()

    def finish(self) -> ClientReport:
        """Its report. LoadError when there is none."""
        self.ask_to_stop()
        try:
            self._process.wait(FINISH_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LoadError(f"client {self.name} does not end:\n{self._log()}") from None
        report = self.out / "report.json"
        if not report.exists():
            raise LoadError(f"client {self.name} left no report:\n{self._log()}")
        return msgspec.json.decode(report.read_bytes(), type=ClientReport)

    def calls(self) -> list[Call]:
        """Every call that ended."""
        return _lines(self.out / "calls", Call) + _lines(self.out / RUSH_CALLS, Call)

    def holds(self) -> list[Hold]:
        """Everything that was held."""
        return _lines(self.out / "holds", Hold)

    def history(self) -> History:
        """What it did to what all share, and what it was answered."""
        return History.load(self.out / HISTORY)

    def kill(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _log(self) -> str:
        return (self.out / "log").read_text(errors="replace")[-3000:]


def _lines(path: Path, kind: type[T]) -> list[T]:
    decode = msgspec.json.Decoder(kind).decode
    return [decode(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def await_ready(loads: Sequence[Load]) -> None:
    """Until all of them work. LoadError when one does not."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not all(load.ready() for load in loads):
        if time.monotonic() > deadline:
            late = [load.name for load in loads if not load.ready()]
            raise LoadError(f"clients {late} did not mount within {READY_TIMEOUT_S:.0f} s")
        time.sleep(0.1)
