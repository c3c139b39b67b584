"""This node's reports of the clients that it heard of; and no answer to any of them while a report is overdue (INV-7).

An answer renews the client's lease. Whoever judges leases has to know of that, or to know that there was none: so a
node answers only while its last report is young (:func:`~mdscluster.fsm.lease_reports.hold_ms`). One that stood still,
or had no quorum for a while, reports first, and what it is asked waits for that. In the usual course of things no
report is ever late, and all of this is one comparison.

A report says until when all is told that was heard. What lies in sockets was not heard of yet, and after a pause that
is all of the pause: so it is a time before which everything has been read since, two ticks ago or more.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from mdscluster.fsm.commands import RenewLeases, pack_internal
from mdscluster.fsm.lease_reports import hold_ms, lease_clock_ms, report_period_ms

if TYPE_CHECKING:
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

WAIT_S_MAX: Final = 10.0
"""How long an answer waits for a report."""
_MS: Final = 1_000


class Reporter(NamedTuple):
    """Who reports."""

    node_id: str
    process: int
    """A number of this process alone."""
    lease_ms: int
    """As this node is configured: a new cluster's settings are not committed yet when its front ends start."""


class _Waiting(NamedTuple):
    """Something to be answered."""

    done: Callable[[bool], None]
    behind: int
    """The last report that was under way when it came."""
    until_s: float


class LeaseReports:
    """Whom this node heard of, and what the log knows of that."""

    def __init__(
        self,
        replica: Replica,
        tables: Tables,
        clock_s: Callable[[], float],
        committed_lease_ms: Callable[[], int],
        reporter: Reporter | None,
    ) -> None:
        """Without a ``reporter`` nothing is reported, and no answer waits for it (tests)."""
        self._replica = replica
        self._tables = tables
        self._clock_s = clock_s
        self._committed_lease_ms = committed_lease_ms
        self._reporter = reporter
        self.touched: set[int] = set()
        """Clients heard of since the last report."""
        self._number = 0
        self._unsettled: dict[int, set[int]] = {}
        """Reports without an outcome yet, and whom they told of first."""
        self._settled_until_s = -math.inf if reporter is not None else math.inf
        """How long the last report that is known to be in the log holds."""
        self._heard_until_ms = self._tick_before_ms = self._last_tick_ms = 0
        self._waiting: list[_Waiting] = []

    def _lease_ms(self) -> int:
        assert self._reporter is not None
        return min(self._committed_lease_ms(), self._reporter.lease_ms)

    def period_s(self) -> float:
        """Time from one report to the next."""
        return report_period_ms(self._lease_ms()) / _MS

    @property
    def waiting(self) -> int:
        """How many answers wait for a report."""
        return len(self._waiting)

    @property
    def settled(self) -> bool:
        """Clients may be answered now."""
        return self._clock_s() <= self._settled_until_s

    def when_settled(self, done: Callable[[bool], None]) -> None:
        """``done(True)`` once what came until now may be answered; ``done(False)``: there was no report in time."""
        if self.settled:
            done(True)
            return
        self._waiting.append(_Waiting(done, self._number, self._clock_s() + WAIT_S_MAX))
        if not self._unsettled:
            self.report()

    def barrier(self, done: Callable[[bool], None]) -> None:
        """As the replica's (:meth:`~mdscluster.replica.Replica.barrier`), once clients may be answered."""
        if self.settled:
            self._replica.barrier(done)
        else:
            self.when_settled(lambda settled: self._replica.barrier(done) if settled else done(False))

    def give_up_waiting(self) -> None:
        """There is no quorum to report to."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.done(False)

    def tick(self) -> None:
        """Time passes. Between any two ticks the event loop has had a turn: all that had come has been read."""
        with self._replica.env.begin() as txn:
            now_ms = lease_clock_ms(txn, self._tables)
        self._heard_until_ms, self._tick_before_ms, self._last_tick_ms = (
            self._tick_before_ms, self._last_tick_ms, now_ms,
        )  # fmt: skip
        if not self._waiting:
            return
        now_s = self._clock_s()
        late = [each for each in self._waiting if each.until_s < now_s]
        self._waiting = [each for each in self._waiting if each.until_s >= now_s]
        for each in late:
            each.done(False)
        if self._waiting and not self._unsettled:
            self.report()  # the last one was refused

    def report(self) -> None:
        """Tell the log now."""
        assert self._reporter is not None
        touched, self.touched = self.touched, set()
        # A node's proposals run in their order, but one may have been refused, unknown yet to us.
        told = touched.union(*self._unsettled.values())
        self._number += 1
        self._unsettled[self._number] = touched
        good_until_s = self._clock_s() + hold_ms(self._lease_ms()) / _MS
        command = RenewLeases(sorted(told), self._reporter.node_id, self._reporter.process, self._heard_until_ms)
        self._replica.propose(
            pack_internal(command), functools.partial(self._reported, self._number, good_until_s)
        )

    def _reported(self, number: int, good_until_s: float, result: bytes | None) -> None:
        touched = self._unsettled.pop(number)
        if result is None:
            self.touched |= touched
            return
        self._settled_until_s = max(self._settled_until_s, good_until_s)
        if not self._waiting:
            return
        if self.settled:
            # Who came behind this report is not in it, and it may be the first one that anybody waits for.
            ready = [each for each in self._waiting if each.behind < number]
            self._waiting = [each for each in self._waiting if each.behind >= number]
            for each in ready:
                each.done(True)
        if self._waiting and not self._unsettled:
            self.report()
