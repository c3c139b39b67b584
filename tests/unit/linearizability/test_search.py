"""INV-4: parts, rules and memory of the search change its cost and never its verdict.

Small histories, most of them spoilt, are judged by the checker and by a search without any of that. Spoilt ones cover
both verdicts: the tests count them.
"""

from __future__ import annotations

import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.linearizability import History, Operation, Verdict, check, checker
from tests.support.linearizability.calls import Answer, Create, GetAttr, MkDir, Remove, Rename
from tests.support.linearizability.checker import ModelClass
from tests.support.linearizability.counterexample import only_looks
from tests.support.linearizability.generate import spoilt, valid_history
from tests.support.linearizability.locks import LockModel
from tests.support.linearizability.namespace import NamespaceModel
from tests.support.linearizability.opens import OpenModel
from tests.support.linearizability.reference import SMALL, Names, Server
from tests.support.linearizability.replicas import ordered
from tests.unit.linearizability.histories import naively_linearizable

_MODELS: dict[str, ModelClass] = {"locks": LockModel, "opens": OpenModel}
SERVERS: dict[str, tuple[Callable[[], Server], ModelClass]] = {
    name: (make, _MODELS.get(name, NamespaceModel)) for name, make in SMALL.items()
}


def naive_and_clever(name: str, seed: int, operations: int, clients: int, spoil: int) -> tuple[bool, Verdict]:
    """Both verdicts on a random history."""
    make, model = SERVERS[name]
    rng = random.Random(seed)
    history = valid_history(make(), rng, operations, clients, unknown=0.15)
    for _ in range(spoil):
        history = spoilt(history, rng)
    return naively_linearizable(history, model), check(history, limit_s=60, models=[model]).verdict


@pytest.mark.parametrize("name", SERVERS)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1 << 40), operations=st.integers(1, 9), clients=st.integers(1, 4), spoil=st.integers(0, 3))
def test_the_search_agrees_with_a_naive_one(name: str, seed: int, operations: int, clients: int, spoil: int) -> None:
    naive, clever = naive_and_clever(name, seed, operations, clients, spoil)
    assert clever is (Verdict.LINEARIZABLE if naive else Verdict.VIOLATION)


def as_of_a_replica(history: History, rng: random.Random) -> History:
    """Some looks come from one replica, and may show a state of long before they were asked; perhaps it goes back."""
    operations = sorted(history.operations, key=lambda o: o.ends_ms)
    looks = [n for n, o in enumerate(operations) if o.answer is not None and only_looks(o) and rng.random() < 0.8]
    places = list(range(len(looks)))
    if rng.random() < 0.5:
        rng.shuffle(places)
    for number, place in zip(looks, places, strict=True):
        operation = operations[number]
        answer = msgspec.structs.replace(operation.answer, replica=("n1", place))  # type: ignore[type-var]
        invoked_ms = operation.invoked_ms * rng.random()
        operations[number] = msgspec.structs.replace(operation, invoked_ms=invoked_ms, answer=answer)
    return History(operations, history.directories)


def replicas_naive_and_clever(name: str, seed: int, operations: int, clients: int) -> tuple[bool, Verdict, bool]:
    """Both verdicts on a history with looks at a replica, and whether it would do without their order."""
    make, model = SERVERS[name]
    rng = random.Random(seed)
    history = as_of_a_replica(valid_history(make(), rng, operations, clients, unknown=0.15), rng)
    naive = naively_linearizable(history, lambda one: ordered(model(one), one.operations))
    return naive, check(history, limit_s=60, models=[model]).verdict, naively_linearizable(history, model)


@pytest.mark.parametrize("name", SERVERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1 << 40), operations=st.integers(2, 9), clients=st.integers(1, 4))
def test_the_search_agrees_with_a_naive_one_on_replicas(name: str, seed: int, operations: int, clients: int) -> None:
    naive, clever, _ = replicas_naive_and_clever(name, seed, operations, clients)
    assert clever is (Verdict.LINEARIZABLE if naive else Verdict.VIOLATION)


def test_the_order_of_a_replicas_answers_matters() -> None:
    """Else that comparison would be vacuous: some histories are wrong for this alone."""
    found = [replicas_naive_and_clever(name, seed, 7, 2) for name in SERVERS for seed in range(40)]
    assert sum(without and not naive for naive, _, without in found) >= 10
    assert sum(naive for naive, _, _ in found) >= 100


@pytest.mark.parametrize("name", SERVERS)
def test_spoilt_histories_are_of_both_kinds(name: str) -> None:
    """Else the comparison would be vacuous."""
    verdicts = Counter(naive_and_clever(name, seed, 8, 3, 1)[1] for seed in range(150))
    assert verdicts[Verdict.VIOLATION] >= 20 <= verdicts[Verdict.LINEARIZABLE], verdicts
    assert not verdicts[Verdict.UNDECIDED]


@pytest.mark.parametrize("name", SERVERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1 << 40), clients=st.integers(1, 8), unknown=st.sampled_from([0.0, 0.01, 0.05]))
def test_valid_histories_are_accepted(name: str, seed: int, clients: int, unknown: float) -> None:
    """Answers of a server that runs one call at a time, somewhere within each call's interval."""
    history = valid_history(SERVERS[name][0](), random.Random(seed), 120, clients, unknown=unknown)
    report = check(history, limit_s=60)
    assert report.ok, str(report)


def test_the_limit_is_kept_and_told_loudly() -> None:
    """A clock that jumps past the limit: no verdict, and not ok."""
    history = valid_history(Names(2, 4, told=False), random.Random(1), 400, 8)
    ticks = iter(range(0, 10**9, 40))
    report = check(history, limit_s=60, clock=lambda: float(next(ticks)))
    assert report.verdict is Verdict.UNDECIDED
    assert not report.ok
    assert "*** UNDECIDED" in str(report)


def with_a_stale_read(history: History) -> History:
    """In the last hundredth one more client asks for a directory's change attribute, and is told the value before the
    newest that somebody had been told by then. The attribute only grows: no order explains that.
    """
    directory = history.directories[0]
    ends = sorted(o.ends_ms for o in history if o.answer is not None)
    asked_ms = ends[len(ends) * 99 // 100]
    told = [
        o.answer.moved[1]
        for o in history
        if isinstance(o.call, Create | MkDir | Remove | Rename)
        and o.call.directory == directory
        and o.answer is not None
        and o.answer.moved is not None
        and o.ends_ms < asked_ms
    ]
    stale = Operation("late", GetAttr(directory), asked_ms, asked_ms + 1, Answer(change=max(told) - 1))
    return History([*history.operations, stale], history.directories)


def test_making_a_violation_small_has_a_limit_of_its_own() -> None:
    """INV-4: it stops when its CPU time is up, with a violation as small as it got, and says so. The clock of the check
    itself stands still meanwhile.
    """
    wrong = with_a_stale_read(valid_history(Names(2, 4, kinds="cmldrR"), random.Random(1), 120, 4))

    def checked(tick_s: float) -> str:
        ticks = itertools.count()
        report = check(wrong, clock=lambda: 0.0, shrinking_cpu_s=30, cpu_clock=lambda: next(ticks) * tick_s)
        assert report.verdict is Verdict.VIOLATION
        return str(report)

    def size(text: str) -> int:
        found = re.search(r"no order of these (\d+) operations", text)
        assert found, text
        return int(found[1])

    stopped = "making it smaller was stopped after 30 s of CPU time"
    whole, some, small = checked(31), checked(1.5), checked(0)
    assert stopped in whole
    assert stopped in some
    assert "everything else may be left out" in small
    assert size(whole) > size(some) > size(small)
    assert all("The longest order that can be explained:\n      1. " in text for text in (whole, some, small))


@pytest.mark.slow
def test_ten_thousand_operations_are_decided_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-4: rightly answered ones, and the same with one stale read near the end.

    The minute is one of CPU. Renames across directories and their change attributes tie all calls into one part. Making
    the violation small has a time limit of its own, and is left out.
    """
    monkeypatch.setattr(checker, "_counterexample", lambda *_: "*** VIOLATION")
    history = valid_history(Names(3, 8, kinds="cmldrR"), random.Random(1), 10_000, 8, unknown=0.002)
    right = check(history, limit_s=60, clock=time.process_time)
    wrong = check(with_a_stale_read(history), limit_s=60, clock=time.process_time)
    print(f"{right}\n{wrong}")
    assert (right.operations, right.concurrency, right.parts["namespace"]) == (10_000, 8, 1)
    unknown = [right.count(call, "unknown") for call in ("create", "mkdir", "remove", "rename")]
    assert sum(unknown) > 0, "vacuous: the outcome of every change is known"
    assert right.verdict is Verdict.LINEARIZABLE
    assert wrong.verdict is Verdict.VIOLATION
    assert max(right.elapsed_s, wrong.elapsed_s) < 60
