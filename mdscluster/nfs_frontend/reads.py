"""Reads: from a barrier that they share to their turn on a view. Sans-IO.

What came in one turn of the event loop shares one barrier, and it is asked for before any of that is parsed: parsing
then costs no time of its own beside the barrier's round to the other nodes. A barrier counts for what had arrived when
it began, and for nothing else.

While the barrier is out, reads are run on the state that is here. If that is still the state when the barrier is
confirmed, what came out is the answer; where it changed meanwhile they are run again, and the next ones wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from mdscluster.nfs_frontend.turns import Turns

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.request import Connection, Request

_BARRIERS_IN_FLIGHT: Final = 3
_SLICE_S: Final = 0.005
"""How long reads are run before others have their turn: what sits in the sockets, and what consensus has to say."""

State = tuple[int, int]
"""LMDB's newest transaction, and how often the settings were loaded: all that a read's answer comes from."""


class Answer(NamedTuple):
    """What a read comes to, on some state."""

    request: Request
    status: int
    results: int
    body: bytes


class Guess:
    """What reads come to if the state does not change until their barrier is confirmed."""

    __slots__ = ("answers", "counts", "others", "state")

    def __init__(self, state: State, counts: list[int]) -> None:
        self.state = state
        """Which state they were run on."""
        self.answers: list[Answer] = []
        self.others: list[Request] = []
        """Those that must be run in earnest."""
        self.counts = counts
        """How often each operation was run, by its number."""


class Reader(Protocol):
    """Runs reads."""

    def state(self) -> State:
        """Names the state that is here now; no other state ever has the same name."""

    def run(self, requests: Iterable[Request]) -> None:
        """Run them on one view, and answer."""

    def guess(self, requests: list[Request]) -> Guess:
        """Run them on one view; answer nobody yet."""

    def answer(self, guess: Guess) -> None:
        """The state is the one that was guessed on."""

    def give_up(self, request: Request, reason: str) -> None:
        """Nothing can be answered."""


class Batch:
    """Reads that wait for the same barrier."""

    __slots__ = ("asked_s", "confirmed", "guess", "requests", "state", "whole")

    def __init__(self, asked_s: float, requests: list[Request], *, whole: bool) -> None:
        self.asked_s = asked_s
        self.requests = requests
        self.whole = whole
        """No more requests join it."""
        self.confirmed: bool | None = None
        """What the barrier said; None: nothing yet."""
        self.state: State | None = None
        """Which state was here while it waited."""
        self.guess: Guess | None = None


class Reads:
    """Every read of one node that waits: for a barrier, or for its turn."""

    def __init__(
        self,
        reader: Reader,
        barrier: Callable[[Callable[[bool], None]], None],
        defer: Callable[[Callable[[], None]], Any],
        clock_s: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._barrier = barrier
        self._defer = defer
        self._clock_s = clock_s
        self.unconfirmed = False
        """Reads are answered from what is here, without a barrier."""
        self._waiting: list[Request] = []  # for a barrier that is not asked for yet
        self._batches: list[Batch] = []  # their barriers are asked for
        self._open: Batch | None = None  # what is being parsed joins it
        self._reads_expected = False  # what arrived last held some
        self._steady = False  # the state did not change while the last batch waited
        self._turns = Turns()
        self._asking = False  # in this turn of the loop
        self._slice_scheduled = False

    @property
    def waiting(self) -> int:
        """How many reads wait: for a barrier, or for their turn."""
        batches = {id(batch): batch for batch in self._batches}
        return len(self._waiting) + len(self._turns) + sum(len(batch.requests) for batch in batches.values())

    # ------------------------------------------------------------ to a barrier
    def foresee(self) -> Batch | None:
        """Ask for the barrier of what has arrived and is not parsed; None: no reads are likely to be in it."""
        if not self._reads_expected or self.unconfirmed or len(self._batches) >= _BARRIERS_IN_FLIGHT:
            return None
        waiting, self._waiting = self._waiting, []
        return self._ask(waiting, whole=False)

    def open(self, batch: Batch | None) -> None:
        """What is parsed from now on had arrived when the barrier of ``batch`` was asked for."""
        self._open = batch

    def close(self) -> None:
        """All of it is parsed."""
        batch, self._open = self._open, None
        if batch is None:
            return
        self._reads_expected = bool(batch.requests)
        batch.whole = True
        if batch.confirmed is not None:
            self._end(batch)
        elif batch not in self._batches:  # it was given up meanwhile
            for request in batch.requests:
                self.wait(request)
        elif batch.requests:
            batch.state = self._reader.state()
            if self._steady:
                batch.guess = self._reader.guess(batch.requests)

    def wait(self, request: Request) -> None:
        """Run the request on a view that holds whatever was acknowledged before it came."""
        if self._open is not None:
            request.asked_s = self._open.asked_s
            self._open.requests.append(request)
            return
        self._reads_expected = True
        self._waiting.append(request)
        self._ask_later()

    def _ask_later(self) -> None:
        if not self._asking and len(self._batches) < _BARRIERS_IN_FLIGHT:
            self._asking = True
            self._defer(self._ask_for_waiting)

    def _ask_for_waiting(self) -> None:
        """One barrier for every read that waits; those that come while it is out share the next one."""
        self._asking = False
        if not self._waiting or (len(self._batches) >= _BARRIERS_IN_FLIGHT and not self.unconfirmed):
            return
        waiting, self._waiting = self._waiting, []
        if self.unconfirmed:
            self._may_run(waiting)
        else:
            self._ask(waiting, whole=True)

    def _ask(self, requests: list[Request], *, whole: bool) -> Batch:
        batch = Batch(self._clock_s(), requests, whole=whole)
        for request in requests:
            request.asked_s = batch.asked_s
        self._batches.append(batch)
        self._barrier(lambda confirmed: self._answered(batch, confirmed))
        return batch

    def _answered(self, batch: Batch, confirmed: bool) -> None:
        if batch not in self._batches:
            return  # given up
        self._batches.remove(batch)
        batch.confirmed = confirmed
        if self._waiting:
            self._ask_later()
        if batch.whole:
            self._end(batch)

    def _end(self, batch: Batch) -> None:
        if batch.confirmed:
            self._may_run(self._answer_guessed(batch))
        else:
            for request in batch.requests:
                self._reader.give_up(request, "no quorum for a read")

    def _answer_guessed(self, batch: Batch) -> list[Request]:
        """Answer what was guessed right; what is left to be run."""
        state, guess = batch.state, batch.guess
        if state is None:
            return batch.requests
        self._steady = self._reader.state() == state
        if guess is None or not self._steady or guess.state != state:
            return batch.requests
        self._reader.answer(guess)
        return guess.others

    # ------------------------------------------------------------ their turn
    def _may_run(self, requests: list[Request]) -> None:
        """What a confirmed barrier, or the want of a quorum, allows to be answered from this node's state."""
        for request in requests:
            self._turns.add(request)
        if self._turns and not self._slice_scheduled:
            self._run_slice()

    def _run_slice(self) -> None:
        """Run reads for a while; the rest in the loop's next turn.

        A later state than the barrier's is as good: it holds all that was acknowledged before the request came.
        """
        self._slice_scheduled = False
        self._reader.run(self._take_until(self._clock_s() + _SLICE_S))
        self._go_on()

    def _take_until(self, end_s: float) -> Iterator[Request]:
        turns, clock_s = self._turns, self._clock_s
        while (request := turns.next()) is not None:
            yield request
            if clock_s() > end_s:
                return

    def _go_on(self) -> None:
        if self._turns and not self._slice_scheduled:
            self._slice_scheduled = True
            self._defer(self._run_slice)

    # ------------------------------------------------------------ those that will not be run
    def take_all(self) -> list[Request]:
        """All that wait; they do no longer."""
        waiting = [*self._waiting, *self._turns.take_all()]
        for batch in self._batches:
            waiting += batch.requests
            batch.requests, batch.guess = [], None
        self._waiting = []
        self._batches.clear()
        return waiting

    def drained(self, connection: Connection) -> None:
        """The client takes its replies again: go on with what it asked."""
        self._turns.drained(connection)
        self._go_on()

    def lost(self, connection: Connection) -> None:
        """The connection is gone: nobody waits for what was to be read for it, unless it was asked again meanwhile."""
        for request in self._turns.take(connection):
            if request.connection is connection:
                self._reader.give_up(request, "connection lost")
            else:
                self._turns.add(request)
        self._go_on()
