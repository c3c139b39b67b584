"""The search for one order of concurrent operations that explains all answers (Wing & Gong 1993, Lowe 2017).

A *configuration* is the set of operations ordered so far, and the state they lead to. The search goes depth first:
an operation may come next when no unordered one was answered before it was invoked. Operations lie in a linked list by
invocation, and in one by answer; taking one out (lift) and putting it back (unlift) costs the same at any length of
history. Configurations that failed are remembered, so each is tried once (Lowe's improvement, as in Porcupine).

Four rules keep histories of many clients tractable. Each only leaves out orders that some other order stands for:

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
4. *Back to what matters* (conflict-directed backjumping). A configuration C that leads nowhere has a set F of unordered
   operations to blame: T, and what is to blame for each configuration that C leads to by an operation of T. Where the
   last operation x of C conflicts with nothing in F, leaving x out leads nowhere either, and no alternative to x is
   tried. Proof: let s complete B = C without x. What precedes, in s, the first element t of T lies in W without T, or
   is x; it does not conflict with t, so s may begin with t. Then B and t lead somewhere; but they are C and t without
   x, for which F says, by induction, that they do not. (Operations ordered by rule 1 had no alternative: one that
   conflicts with F joins it.)

States are compared by fingerprint: the exclusive or of a random 128-bit number for every (key, value). Two different
states of a search of a million configurations agree with a probability below 2**-88.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, TypeAlias

import msgspec

from tests.support.linearizability.history import Operation
from tests.support.linearizability.model import Effect, Footprint, Key, Model
from tests.support.linearizability.replicas import is_replica

CHECKS_PER_CLOCK = 64
_NONE: frozenset[Key] = frozenset()
CONFIGURATIONS_MAX = 4_000_000
"""Each takes about 200 bytes."""


Configuration: TypeAlias = "tuple[int, int, int, int]"


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
    """A configuration: the moves that led to it, the alternatives left, and what is to blame if they all fail."""

    moves: int
    configuration: Configuration
    alternatives: Iterator[tuple[int, Effect]]
    blame: Footprint


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
        self._only_reads = [all(map(is_replica, f.writes)) and not f.adds for f in footprints]
        self._compared = [0] * count        # bits: operations that it was compared with
        self._rivals = [0] * count          # bits: those that it conflicts with
        self._numbers: dict[tuple[Key, Any], int] = {}
        self._random = random.Random(0)
        # Linked lists; index ``count`` is the head of both.
        self._head = count
        self._next, self._back = _linked(self.known, count)
        by_end = sorted(self.known, key=lambda n: (self._ends[n], n))
        self._later, self._earlier = _linked(by_end, count)
        self._turns: list[_Turn] = []
        self._failed: dict[Configuration, Footprint] = {}
        self._checks = 0
        self._ordered = 0           # bit n: known operation n is ordered
        self._taken = 0             # bit n: unknown operation n is ordered

    # -- the search

    def run(self) -> Result:
        """Find an order, or that there is none."""
        best: list[int] = []
        while True:
            while self._look():
                pass
            if self._next[self._head] == self._head:
                return self._result(Verdict.LINEARIZABLE, [m.number for m in self.order])
            self._turns.append(self._arrive())
            self._checks += 1
            move = next(self._turns[-1].alternatives, None)
            if move is None and len(self.order) > len(best):
                best = [m.number for m in self.order]
            if self._checks % CHECKS_PER_CLOCK == 0 and (self.expired() or len(self._failed) > CONFIGURATIONS_MAX):
                return self._result(Verdict.UNDECIDED, best)
            while move is None:
                if not self._retreat():
                    return self._result(Verdict.VIOLATION, best)
                move = next(self._turns[-1].alternatives, None)
            self._do(*move)

    def _result(self, verdict: Verdict, order: list[int]) -> Result:
        return Result(verdict, order, self._checks)

    def _arrive(self) -> _Turn:
        here = self._configuration()
        blame = self._failed.get(here)
        if blame is not None:
            return _Turn(len(self.order), here, iter(()), blame)
        turn = _Turn(len(self.order), here, iter(()), Footprint())
        turn.alternatives = self._alternatives(turn)
        return turn

    def _retreat(self) -> bool:
        """The last configuration has failed: back to one whose next alternative may do better (rule 4)."""
        turn = self._turns.pop()
        blame = self._failed[turn.configuration] = turn.blame
        while self.order:
            last = self.order[-1].number
            chosen_at = self._turns[-1].moves if self._turns else -1
            matters = self._footprints[last].conflicts(blame)
            if matters and len(self.order) > chosen_at + 1:
                blame |= self._footprints[last]     # ordered by rule 1: there was no choice
            self._undo()
            if len(self.order) == chosen_at:
                if matters:
                    self._turns[-1].blame |= blame
                    return True
                self._failed[self._turns.pop().configuration] = blame
        return False

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
                if len(effects) == 1 and all(is_replica(key) for key, _ in effects[0]):
                    self._do(number, effects[0])
                    found = True
        return found

    def _configuration(self) -> Configuration:
        first = self._next[self._head]
        return first, self._ordered >> first, self._taken, self.fingerprint

    def _chosen(self) -> list[int]:
        """Rules 2 and 3: the operations to be tried. The most urgent first, then what is closest to it by conflicts."""
        first = self._later[self._head]
        deadline_ms = self._ends[first]
        window = self._window()
        window += [n for n in self.unknown if not self._taken >> n & 1 and self._invoked[n] <= deadline_ms]
        window.sort(key=lambda n: (self._ends[n], n))
        rest = sum(1 << n for n in window) ^ 1 << first
        chosen, ring = [first], [first]
        while ring and rest:
            close = 0
            for number in ring:
                close |= self._rivals_among(number, rest)
            rest ^= close
            ring = [n for n in window if close >> n & 1] if close else []
            chosen += ring
        return chosen

    def _alternatives(self, turn: _Turn) -> Iterator[tuple[int, Effect]]:
        """What fits next, with every effect that it may have; at the end ``turn`` knows whom to blame.

        The most urgent operation first, then what lets it come next. This is asked for more only when everything is
        again as it was at the turn.
        """
        step = self.model.step
        first = self._later[self._head]
        urgent = self.operations[first]
        for effect in step(self.state, first, urgent.call, urgent.answer):
            yield first, effect
        chosen = self._chosen()
        helpful: list[tuple[int, Effect]] = []
        others: list[tuple[int, Effect]] = []
        for number in chosen[1:]:
            operation = self.operations[number]
            for effect in step(self.state, number, operation.call, operation.answer):
                (helpful if self._fits_after(effect, first, urgent) else others).append((number, effect))
        yield from helpful
        yield from others
        reads, writes, adds = zip(*[self._footprints[n] for n in chosen], strict=True)
        turn.blame |= Footprint(_NONE.union(*reads), _NONE.union(*writes), _NONE.union(*adds))

    def _fits_after(self, effect: Effect, number: int, operation: Operation) -> bool:
        """Whether ``operation`` might come next after ``effect``."""
        state = self.state
        before = [(key, state.get(key)) for key, _ in effect]
        _put(state, effect)
        fits = bool(self.model.step(state, number, operation.call, operation.answer))
        _put(state, before)
        return fits

    def _rivals_among(self, number: int, others: int) -> int:
        """Which of ``others`` (bits) conflict with an operation. Each pair is compared once."""
        fresh = others & ~self._compared[number]
        if fresh:
            mine = self._footprints[number]
            self._compared[number] |= fresh
            while fresh:
                other = fresh.bit_length() - 1
                fresh ^= 1 << other
                if mine.conflicts(self._footprints[other]):
                    self._rivals[number] |= 1 << other
        return others & self._rivals[number]

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
        _put(self.state, move.before)
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


def _put(state: dict[Key, Any], values: Iterable[tuple[Key, Any]]) -> None:
    for key, value in values:
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value


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
