"""The search for one order of concurrent operations that explains all answers (Wing & Gong 1993, Lowe 2017).

A *configuration* is the set of operations ordered so far, and the state they lead to. The search goes depth first:
an operation may come next when no unordered one was answered before it was invoked. Operations lie in a linked list by
invocation, and in one by answer; taking one out (lift) and putting it back (unlift) costs the same at any length of
history. Configurations that failed are remembered, so each is tried once (Lowe's improvement, as in Porcupine).

Three rules keep histories of many clients tractable. Each only leaves out orders that some other order stands for:

1. *Looking costs nothing.* An operation that only reads (by its ``Footprint``: a refusal does too), that may come next
   and whose answer fits, comes next, without alternatives. Let s be any order that completes the history from here.
   Move the operation to its front: it fits there, all others see the states that they saw before, and nothing had to
   precede it.
2. *Conflicts only.* Let m be the unordered operation that was answered first, W those that may come next, T the
   smallest part of W that has m in it and, with every operation, all of W that it conflicts with (``Footprint``). Only
   T is tried. Proof: an order s that completes the history contains m, so it has a first element t of T. What precedes
   t in s lies in W (else m would come before it) but not in T, so it does not conflict with t, and t may as well come
   first.
3. *Unknown outcomes last.* An operation without an answer is tried after the others, and never has to be.

States are compared by fingerprint: the exclusive or of a random 128-bit number for every (key, value). Two different
states of a search of a million configurations agree with a probability below 2**-88.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any

import msgspec

from tests.support.linearizability.history import Operation
from tests.support.linearizability.model import Effect, Footprint, Key, Model

CHECKS_PER_CLOCK = 64
CONFIGURATIONS_MAX = 4_000_000
"""Each takes about 200 bytes."""


class Verdict(Enum):
    """What a search found."""

    LINEARIZABLE = "linearizable"
    VIOLATION = "violation"
    UNDECIDED = "undecided"


class Result(msgspec.Struct):
    """Verdict on one partition. ``order``: a linearization, or the longest found; both as numbers of operations."""

    verdict: Verdict
    order: list[int]
    configurations: int


class _Move(msgspec.Struct):
    """An operation that was given its place, and what to restore when it is taken back."""

    number: int
    effect: Effect
    before: list[tuple[Key, Any]]
    fingerprint: int


class _Turn(msgspec.Struct):
    """A configuration with alternatives: those left, and how many moves there were when it was reached."""

    moves: int
    alternatives: Iterator[tuple[int, Effect]]


class Search:
    """One search over ``operations``, which must be sorted by invocation. ``expired``: the time is up."""

    def __init__(self, model: Model, operations: Sequence[Operation], footprints: Sequence[Footprint],
                 expired: Callable[[], bool]) -> None:
        self.model = model
        self.operations = operations
        self.expired = expired
        self.state: dict[Key, Any] = {}
        self.fingerprint = 0
        self.order: list[_Move] = []
        count = len(operations)
        self.known = [n for n in range(count) if operations[n].answer is not None]
        self.unknown = [n for n in range(count) if operations[n].answer is None]
        self._invoked = [o.invoked_ms for o in operations]
        self._ends = [o.ends_ms for o in operations]
        self._footprints = footprints
        self._only_reads = [not f.writes and not f.adds for f in footprints]
        self._rivals: dict[tuple[int, int], bool] = {}
        self._numbers: dict[tuple[Key, Any], int] = {}
        self._random = random.Random(0)
        # Linked lists; index ``count`` is the head of both.
        self._head = count
        self._next, self._back = _linked(self.known, count)
        by_end = sorted(self.known, key=lambda n: (self._ends[n], n))
        self._later, self._earlier = _linked(by_end, count)
        self._ordered = 0           # bit n: known operation n is ordered
        self._taken = 0             # bit n: unknown operation n is ordered

    # -- the search

    def run(self) -> Result:
        """Find an order, or that there is none."""
        seen: set[tuple[int, int, int, int]] = set()
        turns: list[_Turn] = []
        best: list[int] = []
        checks = 0
        while True:
            while self._look():
                pass
            if self._next[self._head] == self._head:
                return Result(Verdict.LINEARIZABLE, [m.number for m in self.order], len(seen))
            if len(self.order) > len(best):
                best = [m.number for m in self.order]
            here = self._configuration()
            alternatives: Iterator[tuple[int, Effect]] = iter(())
            if here not in seen:
                seen.add(here)
                alternatives = self._alternatives()
            turns.append(_Turn(len(self.order), alternatives))
            checks += 1
            if checks % CHECKS_PER_CLOCK == 0 and (self.expired() or len(seen) > CONFIGURATIONS_MAX):
                return Result(Verdict.UNDECIDED, best, len(seen))
            while True:
                if not turns:
                    return Result(Verdict.VIOLATION, best, len(seen))
                turn = turns[-1]
                while len(self.order) > turn.moves:
                    self._undo()
                move = next(turn.alternatives, None)
                if move is not None:
                    self._do(*move)
                    break
                turns.pop()

    def _window(self) -> list[int]:
        """Known operations that may come next."""
        following, invoked = self._next, self._invoked
        deadline_ms = self._ends[self._later[self._head]]
        window = []
        number = following[self._head]
        while number != self._head and invoked[number] <= deadline_ms:
            window.append(number)
            number = following[number]
        return window

    def _look(self) -> bool:
        """Rule 1: order what only reads and fits; whether there was any.

        A reading that narrows what is known of the state (its effect is not empty) has to wait for its turn.
        """
        if self._next[self._head] == self._head:
            return False
        step, state, operations, only_reads = self.model.step, self.state, self.operations, self._only_reads
        found = False
        for number in self._window():
            if only_reads[number]:
                operation = operations[number]
                effects = step(state, number, operation.call, operation.answer)
                if len(effects) == 1 and not effects[0]:
                    self._do(number, ())
                    found = True
        return found

    def _configuration(self) -> tuple[int, int, int, int]:
        first = self._next[self._head]
        return first, self._ordered >> first, self._taken, self.fingerprint

    def _alternatives(self) -> Iterator[tuple[int, Effect]]:
        """Rules 2 and 3: what may come next, with every effect that fits. The most urgent first."""
        first = self._later[self._head]
        deadline_ms = self._ends[first]
        window = self._window()
        window += [n for n in self.unknown if not self._taken >> n & 1 and self._invoked[n] <= deadline_ms]
        chosen, fresh = {first}, [first]
        rest = [n for n in window if n != first]
        while fresh and rest:
            number = fresh.pop()
            close = [n for n in rest if self._conflict(number, n)]
            if close:
                chosen.update(close)
                fresh += close
                rest = [n for n in rest if n not in chosen]
        # State and window are what they are now: the generator must not look at them later.
        found = []
        for number in sorted(chosen, key=lambda n: (self._ends[n], n)):
            operation = self.operations[number]
            for effect in self.model.step(self.state, number, operation.call, operation.answer):
                found.append((number, effect))
        return iter(found)

    def _conflict(self, one: int, other: int) -> bool:
        pair = (one, other) if one < other else (other, one)
        known = self._rivals.get(pair)
        if known is None:
            known = self._rivals[pair] = self._footprints[one].conflicts(self._footprints[other])
        return known

    # -- moves

    def _do(self, number: int, effect: Effect) -> None:
        """Order an operation next (lift)."""
        state = self.state
        move = _Move(number, effect, [(key, state.get(key)) for key, _ in effect], self.fingerprint)
        for key, value in effect:
            self._set(key, value)
        self.order.append(move)
        if self._ends[number] == float("inf"):
            self._taken |= 1 << number
            return
        self._ordered |= 1 << number
        _lift(self._next, self._back, number)
        _lift(self._later, self._earlier, number)

    def _undo(self) -> None:
        """Take the last one back (unlift)."""
        move = self.order.pop()
        number = move.number
        for key, value in move.before:
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        self.fingerprint = move.fingerprint
        if self._ends[number] == float("inf"):
            self._taken &= ~(1 << number)
            return
        self._ordered ^= 1 << number
        _unlift(self._next, self._back, number)
        _unlift(self._later, self._earlier, number)

    def _set(self, key: Key, value: Any) -> None:
        old = self.state.get(key)
        if old is not None:
            self.fingerprint ^= self._number(key, old)
        if value is None:
            self.state.pop(key, None)
        else:
            self.state[key] = value
            self.fingerprint ^= self._number(key, value)

    def _number(self, key: Key, value: Any) -> int:
        number = self._numbers.get((key, value))
        if number is None:
            number = self._numbers[key, value] = self._random.getrandbits(128)
        return number


def _linked(numbers: Sequence[int], head: int) -> tuple[list[int], list[int]]:
    """Both directions of a circular list through ``head``."""
    following, back = [head] * (head + 1), [head] * (head + 1)
    last = head
    for number in numbers:
        following[last], back[number] = number, last
        last = number
    following[last], back[head] = head, last
    return following, back


def _lift(following: list[int], back: list[int], number: int) -> None:
    following[back[number]], back[following[number]] = following[number], back[number]


def _unlift(following: list[int], back: list[int], number: int) -> None:
    """Exact inverse of ``_lift``, if what was lifted later was put back before."""
    following[back[number]] = back[following[number]] = number
