"""Runs seeds in worker processes, and adds up what they tell."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from tests.simulation.result import DEPTHS, SeedResult, Trace

SEED_SECONDS_MAX: Final = 180
"""Of CPU. A seed takes a few; one that takes so many has lost its way. How long it waits for a CPU is no fault."""
SEEDS_FOR_FLOORS: Final = 30
"""With fewer seeds the mean says nothing, and a run is vacuous only if a seed says so itself."""
EVENTS_FOR_FLOORS: Final = 4.0
"""A floor that asks for fewer events of all the seeds together is not asked for: rare ones come in bunches, a dozen in
one seed and none in the next twenty, and whether fifty seeds have any is chance (reads without a quorum: seed 33 alone
of the first fifty, until a change elsewhere gave it another course)."""
_SEEDS_A_TASK: Final = 4


@dataclass(slots=True)
class Totals:
    """A run's sum."""

    depth: str
    nodes: int
    seeds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[SeedResult] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Of all workers: what the seeds cost, whatever else the machine does."""

    def add(self, result: SeedResult) -> None:
        self.seeds += 1
        self.counts.update(result.counts)
        if not result.ok:
            self.failures.append(result)

    def below(self, floors: Mapping[str, float]) -> list[str]:
        """Kinds of events that happened too rarely for the run to prove anything."""
        if self.seeds < SEEDS_FOR_FLOORS:
            return []
        return [
            f"{kind}: {self.counts[kind] / self.seeds:.2f} in the mean of the seeds, {floor} at the least"
            for kind, floor in floors.items()
            if self.counts[kind] < floor * self.seeds and floor * self.seeds >= EVENTS_FOR_FLOORS
        ]


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """A directory in memory where there is one: what is simulated needs no real disk."""
    shm = Path("/dev/shm")
    fast = shm if shm.is_dir() and os.access(shm, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=parent or fast, prefix="sim-") as name:
        yield Path(name)


def run_one(depth: str, seed: int, nodes: int, trace: Trace | None = None, parent: Path | None = None) -> SeedResult:
    """One seed in this process; whatever is raised is a violation of it."""
    run_seed = DEPTHS[depth].run_seed()
    with scratch(parent) as directory:
        try:
            return run_seed(seed, nodes, directory, trace)
        except Exception as error:
            if trace is not None:
                traceback.print_exc()
            place = traceback.extract_tb(error.__traceback__)[-1]
            told = f"bug: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
            return SeedResult(seed, nodes, (told,), {}, "")


class _Lost(Exception):
    """A seed worked too long."""


def _alarm(signum: int, frame: FrameType | None) -> None:
    raise _Lost(f"no end after {SEED_SECONDS_MAX} s of CPU")


def _work(depth: str, seeds: Sequence[int], nodes: int, parent: Path) -> list[SeedResult]:
    """A worker's task."""
    signal.signal(signal.SIGPROF, _alarm)
    results = []
    for seed in seeds:
        signal.setitimer(signal.ITIMER_PROF, SEED_SECONDS_MAX)
        results.append(run_one(depth, seed, nodes, parent=parent))
        signal.setitimer(signal.ITIMER_PROF, 0)
    return results


def _workers_cpu_s() -> float:
    """Of workers that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _interrupted_by_term(pool: ProcessPoolExecutor) -> Iterator[None]:
    """An end by SIGTERM leaves no worker and no file behind."""

    def end(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def run_seeds(
    depth: str, seeds: range, nodes: int, jobs: int, progress: Callable[[Totals, int], None] | None = None
) -> Totals:
    """All of ``seeds`` on ``jobs`` processes. ``progress`` is called with what is done, and of how many."""
    DEPTHS[depth].run_seed()  # Missing: say so here, not in every worker.
    totals = Totals(depth, nodes)
    began_s, began_cpu_s = time.monotonic(), _workers_cpu_s()
    tasks = iter([seeds[i : i + _SEEDS_A_TASK] for i in range(0, len(seeds), _SEEDS_A_TASK)])
    context = multiprocessing.get_context("spawn")
    with scratch() as parent, ProcessPoolExecutor(jobs, mp_context=context) as pool, _interrupted_by_term(pool):
        waiting: set[Future[list[SeedResult]]] = set()
        while True:
            while len(waiting) < jobs + 1 and (task := next(tasks, None)) is not None:
                waiting.add(pool.submit(_work, depth, task, nodes, parent))
            if not waiting:
                break
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                for result in future.result():
                    totals.add(result)
            totals.seconds = time.monotonic() - began_s
            if progress is not None:
                progress(totals, len(seeds))
    totals.cpu_seconds = _workers_cpu_s() - began_cpu_s
    totals.failures.sort(key=lambda result: result.seed)
    return totals
