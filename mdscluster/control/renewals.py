"""Until when the log has all renewals of leases that clients were promised (INV-7). Sans-IO; the leader's.

Front ends report to the log which clients they heard of, and answer nobody any more when their last report is older
than :func:`~mdscluster.fsm.lease_reports.hold_ms` (:mod:`mdscluster.nfs_frontend.lease_reports`). So a lease may run
out only where every front end has reported since. One that is silent may have taken along what it heard; but a lease
after it last can have answered anybody nothing of that is left, and it is waited for no more.

No connection and no membership is looked at, and a front end that restarted is another one. All times are the log's
lease clock, in milliseconds.
"""

from __future__ import annotations

from typing import NamedTuple

from mdscluster.fsm.lease_reports import Report, hold_ms, report_period_ms


def patience_ms(lease_ms: int) -> int:
    """After so much silence a front end answers nobody: what it allows itself, by a clock that may be slow."""
    return hold_ms(lease_ms) * 5 // 4


class _Last(NamedTuple):
    """A front end's last report."""

    reported_ms: int
    """When the log took it."""
    heard_until_ms: int
    """All that it heard until then is in the log."""


class Renewals:
    """What the leader knows of the reports of all front ends, its own included: of those that are waited for."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], _Last] = {}
        self._begun_ms = 0

    def begin(self, now_ms: int) -> None:
        """All leases begin anew, or there are none. Who reported before, and is lost since, is covered by that."""
        self._last.clear()
        self._begun_ms = now_ms

    def reported(self, report: Report, lease_ms: int) -> None:
        """A report is in the log."""
        heard_until_ms = report.heard_until_ms
        if not report.process:  # an earlier release does not say: it reports every so often
            heard_until_ms = report.reported_ms - 2 * report_period_ms(lease_ms)
        self._last[report.node_id, report.process] = _Last(report.reported_ms, heard_until_ms)

    def known_ms(self, lease_ms: int, log_ms: int) -> int:
        """Until when leases may be judged where the log's clock is ``log_ms``: all renewals until then that still count
        are in the log. 0: none may be, for who reported last before leases began anew may have answered since.
        """
        promised_ms = lease_ms + patience_ms(lease_ms)
        for front_end, last in list(self._last.items()):
            if log_ms - last.reported_ms > promised_ms:
                del self._last[front_end]
        known_ms = min((last.heard_until_ms for last in self._last.values()), default=log_ms)
        return known_ms if known_ms >= self._begun_ms + promised_ms else 0
