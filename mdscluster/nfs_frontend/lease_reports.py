"""This node's reports of the clients that it heard of; and no answer to any of them while a report is overdue (INV-7).

An answer renews the client's lease. Whoever judges leases has to know of that, or to know that there was none: so a
node answers only while its last report is young (:func:`~mdscluster.fsm.lease_reports.hold_ms`). One that stood still,
or had no quorum for a while, reports first: changes have the report before them in the log, reads wait for it. In the
usual course of things none is ever late, and all of this is one comparison.
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

_MS: Final = 1_000


class Reporter(NamedTuple):
    """Who reports."""

    node_id: str
    process: int
    """A number of this process alone."""
    lease_ms: int
    """As this node is configured: a new cluster's settings are not committed yet when its front ends start."""


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
        never = -math.inf if reporter is not None else math.inf
        self._lined_until_s = never
        """Until then, whatever is proposed has a report before it that is young enough."""
        self._settled_until_s = never
        """The same of a report that is known to be in the log."""
        self._waiting: list[Callable[[bool], None]] = []

    def _lease_ms(self) -> int:
        assert self._reporter is not None
        return min(self._committed_lease_ms(), self._reporter.lease_ms)

    def period_s(self) -> float:
        """Time from one report to the next."""
        return report_period_ms(self._lease_ms()) / _MS

    @property
    def settled(self) -> bool:
        """Clients may be answered now."""
        return self._clock_s() <= self._settled_until_s

    def before_change(self) -> None:
        """A change is about to be proposed: a report has to be in the log before it."""
        if self._clock_s() > self._lined_until_s:
            self.report()

    def barrier(self, done: Callable[[bool], None]) -> None:
        """As the replica's (:meth:`~mdscluster.replica.Replica.barrier`), once clients may be answered."""
        if self.settled:
            self._replica.barrier(done)
        else:
            self._waiting.append(done)
            self.before_change()

    def report(self) -> None:
        """Tell the log now."""
        assert self._reporter is not None
        with self._replica.env.begin() as txn:
            heard_until_ms = lease_clock_ms(txn, self._tables)
        touched, self.touched = self.touched, set()
        # A node's proposals run in their order, but one may have been refused, unknown yet to us.
        told = touched.union(*self._unsettled.values())
        self._number += 1
        self._unsettled[self._number] = touched
        good_until_s = self._clock_s() + hold_ms(self._lease_ms()) / _MS
        self._lined_until_s = good_until_s
        command = RenewLeases(sorted(told), self._reporter.node_id, self._reporter.process, heard_until_ms)
        self._replica.propose(
            pack_internal(command), functools.partial(self._reported, self._number, good_until_s)
        )

    def _reported(self, number: int, good_until_s: float, result: bytes | None) -> None:
        touched = self._unsettled.pop(number)
        if result is None:
            self.touched |= touched
            self._lined_until_s = self._settled_until_s
        else:
            self._settled_until_s = max(self._settled_until_s, good_until_s)
        if not self._waiting:
            return
        if self.settled:
            waiting, self._waiting = self._waiting, []
            for done in waiting:
                self._replica.barrier(done)
        elif result is None and not self._unsettled:
            waiting, self._waiting = self._waiting, []
            for done in waiting:
                done(False)
        else:
            self.before_change()  # it took too long
