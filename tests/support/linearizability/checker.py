"""The verdict on a history: every model judges its calls, every part is searched, a violation is made small."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from tests.support.linearizability.counterexample import Judge, Shrinker, TimeIsUp, Violation, describe
from tests.support.linearizability.history import History, Operation
from tests.support.linearizability.locks import LockModel
from tests.support.linearizability.model import Footprint, Model
from tests.support.linearizability.namespace import NamespaceModel
from tests.support.linearizability.opens import OpenModel
from tests.support.linearizability.partition import partition
from tests.support.linearizability.replicas import ordered
from tests.support.linearizability.search import Result, Search, Verdict

ModelClass: TypeAlias = Callable[[History], Model]
MODELS: tuple[ModelClass, ...] = (NamespaceModel, LockModel, OpenModel)
SHRINKING_CPU_S = 30.0
"""So much CPU time may be spent on making a counterexample small, whatever the check itself took: of a large history
each try may cost as much as the check."""


class Report(msgspec.Struct):
    """What came of a check. ``str`` is for people."""

    verdict: Verdict
    operations: int
    unknown: int
    concurrency: int
    parts: dict[str, int]
    """Number of parts judged apart, by model."""
    configurations: int
    outcomes: Counter[tuple[str, str]]
    problems: list[str]
    """A violation's counterexample, or what could not be decided in time."""
    elapsed_s: float

    @property
    def ok(self) -> bool:
        """The history is linearizable. An undecided one is not ok, and neither is an empty one."""
        return self.verdict is Verdict.LINEARIZABLE and self.operations > 0

    def count(self, call: str, outcome: str) -> int:
        """How often ``call`` (``"create"``) ended so (``"NFS4ERR_EXIST"``): was there any contention?"""
        return self.outcomes[call, outcome]

    def __str__(self) -> str:
        parts = ", ".join(f"{count} of {name}" for name, count in self.parts.items() if count)
        loud = self.verdict.value if self.verdict is Verdict.LINEARIZABLE else self.verdict.value.upper()
        head = (
            f"{loud}: {self.operations} operations ({self.unknown} of unknown outcome, up to {self.concurrency} at a "
            f"time) in {parts or 'no parts'}; {self.configurations} configurations, {self.elapsed_s:.2f} s")
        counts = ", ".join(f"{call} {outcome} {n}" for (call, outcome), n in sorted(self.outcomes.items()))
        return "\n".join([head, f"  {counts}", *self.problems])


def check(history: History, *, limit_s: float = 60.0, clock: Callable[[], float] = time.monotonic,
          models: Sequence[ModelClass] = MODELS, shrinking_cpu_s: float = SHRINKING_CPU_S,
          cpu_clock: Callable[[], float] = time.thread_time) -> Report:
    """Judge ``history`` within about ``limit_s`` seconds of ``clock``. A violation is made small within about
    ``shrinking_cpu_s`` seconds of CPU time more, and says so if that was not enough.
    """
    started = clock()
    report = Report(
        Verdict.LINEARIZABLE, len(history), sum(o.answer is None for o in history), history.concurrency(), {}, 0,
        history.outcomes(), [], 0.0)

    def expired() -> bool:
        return clock() - started > limit_s

    for make in models:
        model = ordered(make(history), history.operations)
        parts = split(model)
        report.parts[model.name] = len(parts)
        for operations, footprints in parts:
            result = Search(model, operations, footprints, expired).run()
            report.configurations += result.configurations
            if result.verdict is Verdict.UNDECIDED:
                report.problems.append(_undecided(model, operations, result, clock() - started))
                report.verdict = result.verdict
            elif result.verdict is Verdict.VIOLATION:
                found = _violation(operations, history, result)
                report.problems = [_counterexample(make, found, shrinking_cpu_s, cpu_clock)]
                report.verdict = result.verdict
                report.elapsed_s = clock() - started
                return report
    report.elapsed_s = clock() - started
    return report


def split(model: Model) -> list[tuple[list[Operation], list[Footprint]]]:
    """The model's operations in parts, each sorted by invocation. Smallest parts first."""
    operations = sorted(model.operations(), key=lambda o: (o.invoked_ms, o.ends_ms))
    footprints = [model.footprint(operation) for operation in operations]
    # Whether a call without an answer read anything, nobody will know.
    kept = [n for n, o in enumerate(operations) if o.answer is not None or footprints[n].writes or footprints[n].adds]
    operations, footprints = [operations[n] for n in kept], [footprints[n] for n in kept]
    parts = sorted(partition(footprints), key=len)
    return [([operations[n] for n in part], [footprints[n] for n in part]) for part in parts]


def _violation(operations: list[Operation], whole: History, result: Result) -> Violation:
    return Violation(History(operations, whole.directories), [operations[n] for n in result.order])


def _counterexample(make: ModelClass, found: Violation, limit_s: float, clock: Callable[[], float]) -> str:
    """``found``, made small within ``limit_s`` seconds of ``clock``, for people."""
    end_s = clock() + limit_s
    shrinker = Shrinker(found, _judge(make, lambda: clock() > end_s))
    shrinker.run()
    note = "everything else may be left out" if shrinker.finished else (
        f"making it smaller was stopped after {limit_s:.0f} s of CPU time: more may be left out")
    return describe(make(shrinker.small.history).name, shrinker.small, note)


def _judge(make: ModelClass, expired: Callable[[], bool]) -> Judge:
    """Whether a history violates the model, for sure; with the part that does."""

    def judge(history: History) -> Violation | None:
        if expired():
            raise TimeIsUp
        model = ordered(make(history), history.operations)
        for operations, footprints in split(model):
            result = Search(model, operations, footprints, expired).run()
            if result.verdict is Verdict.VIOLATION:
                return _violation(operations, history, result)
        return None

    return judge


def _undecided(model: Model, operations: Sequence[Operation], result: Result, elapsed_s: float) -> str:
    ordered = [operations[n] for n in result.order if operations[n].answer is not None]
    reached = max((o.ends_ms for o in ordered), default=0.0)
    return (
        f"*** UNDECIDED after {elapsed_s:.1f} s: a part of {len(operations)} operations of {model.name}; "
        f"{result.configurations} configurations tried, {len(ordered)} operations ordered at best, up to "
        f"{reached:.3f} ms. This is no proof of anything: use fewer clients, more names, or a longer limit.")
