"""The host's side of ``guest/workload.py``: start it in a guest, read what it says, check what it leaves."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tests.kernel.rig.vm import Guest, GuestError, Job

PROGRAM = Path(__file__).resolve().parent.parent / "guest/workload.py"
JOBS = 6
"""Threads of the workload; each must go on after every failover."""


@dataclass(frozen=True)
class WorkloadState:
    """What the workload last wrote."""

    errors: list[tuple[float, str]]
    rounds: dict[str, dict[str, float]]
    """By round, by kind of call: the longest stall in milliseconds."""
    steps: dict[str, int]
    """By job: turns completed."""
    waiting_ms: dict[str, int]
    """Calls that have been waiting for over 200 ms right now."""
    slow: list[tuple[float, str, int]]
    """Calls of over 500 ms: when, which, how long (ms)."""
    alive: int

    def longest_ms(self, round_name: str) -> float:
        """The longest call of a round; one that is still waiting counts with what it has waited."""
        return max([self.longest_ended_ms(round_name), *self.waiting_ms.values()])

    def longest_ended_ms(self, round_name: str) -> float:
        """The longest call of a round that is over."""
        return max(self.rounds.get(round_name, {}).values(), default=0.0)


class Workload:
    """The application in a guest."""

    def __init__(self, guest: Guest, base: str = "/mnt/a/work") -> None:
        self.guest, self.base = guest, base
        self.folder = guest.run_dir / "workload"
        self.folder.mkdir()
        shutil.copy(PROGRAM, guest.run_dir / "workload.py")
        self.set_round("0")
        self.job: Job = guest.spawn(f"python3 /rig/workload.py run {base} /rig/workload")

    def set_round(self, name: str) -> None:
        """Calls that end from now on count for this round."""
        partial = self.folder / "round.tmp"
        partial.write_text(name)
        partial.rename(self.folder / "round")

    def state(self) -> WorkloadState:
        """What it last wrote (at most half a second old). GuestError when it has ended by itself."""
        if self.job.done():
            raise GuestError(f"the workload ended by itself:\n{self.job.output()[-3000:]}")
        raw = json.loads((self.folder / "status.json").read_text())
        return WorkloadState(
            errors=[(float(when), str(what)) for when, what in raw["errors"]],
            rounds=raw["rounds"],
            steps=raw["steps"],
            waiting_ms=raw["waiting_ms"],
            slow=[(w, k, ms) for w, k, ms in raw["slow"]],
            alive=raw["alive"],
        )

    def await_progress(self, turns: int = 3, timeout_s: float = 30.0) -> WorkloadState:
        """Wait until every job has done ``turns`` more turns than now. GuestError with what hangs otherwise."""
        deadline = time.monotonic() + timeout_s
        before: dict[str, int] | None = None
        while True:
            try:
                now = self.state()
            except FileNotFoundError:
                now = WorkloadState([], {}, {}, {}, [], JOBS)
            if now.errors:
                raise GuestError(f"the workload met errors: {now.errors[:5]}")
            if before is None:
                before = dict(now.steps)
            if len(now.steps) == JOBS and all(now.steps[name] >= before.get(name, 0) + turns for name in now.steps):
                return now
            if time.monotonic() > deadline:
                raise GuestError(f"no progress in {timeout_s} s: {before} -> {now.steps}, waiting {now.waiting_ms}")
            time.sleep(0.1)

    def stop(self, timeout_s: float = 60.0) -> Path:
        """End the work (the locks stay held until ``release``); returns the model's path on the host."""
        (self.folder / "stop").touch()
        deadline = time.monotonic() + timeout_s
        while not (self.folder / "model.json").exists():
            if self.job.done() or time.monotonic() > deadline:
                status = (self.folder / "status.json").read_text()
                raise GuestError(f"the workload does not stop:\n{self.job.output()[-3000:]}\n{status[-1500:]}")
            time.sleep(0.1)
        return self.folder / "model.json"

    def release(self) -> str:
        """Let go of the locks and end; the program's output. GuestError when it recorded an error."""
        (self.folder / "stop").unlink(missing_ok=True)
        return self.job.wait(30).check()


def verify(guest: Guest, model: Path, timeout_s: float = 120.0) -> str:
    """Compare, in any guest, the tree with the model that a workload left. GuestError names the differences."""
    if model.parent.parent != guest.run_dir:
        shutil.copy(model, guest.run_dir / "model.json")
        inside = "/rig/model.json"
    else:
        inside = "/rig/workload/model.json"
    shutil.copy(PROGRAM, guest.run_dir / "workload.py")
    return guest.run(f"python3 /rig/workload.py verify {inside}", timeout_s).check()


def try_locks(guest: Guest, base: str = "/mnt/a/work") -> dict[str, str]:
    """What a further client is told when it wants the workload's locks: ``granted`` or ``refused`` by name."""
    shutil.copy(PROGRAM, guest.run_dir / "workload.py")
    lines = guest.run(f"python3 /rig/workload.py locks {base}", 30).check().splitlines()
    return {name: rest for name, _, rest in (line.partition(" ") for line in lines)}
