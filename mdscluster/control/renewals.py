"""Until when the log has all renewals of leases that clients were promised (INV-7). Sans-IO; the leader's.

Front ends report to the log which clients they heard of, and answer nobody any more when their last report is older
than :func:`~mdscluster.fsm.lease_reports.hold_ms` (:mod:`mdscluster.nfs_frontend.lease_reports`). So a lease may run
out only where every node has reported since. A node that is silent for longer than that has nothing new to tell: what
it had heard until then may be lost, so all leases begin anew once, and from then on it is not waited for until it
reports.

All times are the log's lease clock, in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mdscluster.fsm.lease_reports import Report, hold_ms, report_period_ms


def patience_ms(lease_ms: int) -> int:
    """After so much silence a node answers nobody: what it allows itself, by a clock that may be slow."""
    return hold_ms(lease_ms) * 5 // 4


class _Node(msgspec.Struct):
    """What is known of a node's reports."""

    process: int
    """Which front end it was that reported."""
    reported_ms: int
    """When the log took its last report."""
    known_ms: int
    """All that it heard until then is in the log."""
    took_renewals: bool = False
    """An earlier process has taken along what it had heard: another one reports by now."""


class Renewals:
    """What the leader knows of the reports of all nodes, its own included: of those that are waited for."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._begun_ms = 0

    def begin(self, now_ms: int) -> None:
        """All leases begin anew, or there are none. Who reported before, and is lost since, is covered by that."""
        self._nodes.clear()
        self._begun_ms = now_ms

    def reported(self, report: Report, lease_ms: int) -> None:
        """A report is in the log."""
        known_ms = report.heard_until_ms
        if not report.process:  # an earlier release does not say: it reports every so often
            known_ms = report.reported_ms - 2 * report_period_ms(lease_ms)
        node = self._nodes.setdefault(report.node_id, _Node(report.process, report.reported_ms, known_ms))
        node.took_renewals |= report.process != node.process
        node.process, node.reported_ms, node.known_ms = report.process, report.reported_ms, known_ms

    def known_ms(self, lease_ms: int, now_ms: int) -> int:
        """Until when leases may be judged: the log has all renewals until then that count. 0: none may.

        Who reported last before leases began anew may have answered for a while since, and be lost.
        """
        nodes = self._nodes.values()
        known_ms = min((node.known_ms for node in nodes), default=now_ms)
        if known_ms < self._begun_ms + lease_ms + patience_ms(lease_ms) or any(node.took_renewals for node in nodes):
            return 0
        return known_ms

    def missing(self, lease_ms: int, now_ms: int) -> dict[str, int]:
        """Nodes whose renewals will not come, or not in time, and their last reports: all leases have to begin anew.

        Done at once, what dead clients hold is free soon. But again and again, a link that breaks every so often would
        keep them for ever, though the node behind it tells in the end what it heard: then it is waited for longer.
        """
        silence_ms = patience_ms(lease_ms)
        if now_ms - self._begun_ms < 2 * lease_ms:
            silence_ms = lease_ms // 2
        return {
            node_id: node.reported_ms
            for node_id, node in self._nodes.items()
            if node.took_renewals or now_ms - node.reported_ms > silence_ms
        }

    def accept(self, missing: Mapping[str, int], now_ms: int) -> None:
        """All leases have begun anew, for these. Who has reported meanwhile is still waited for."""
        self._begun_ms = now_ms
        for node_id, reported_ms in missing.items():
            node = self._nodes[node_id]
            if node.took_renewals:
                node.took_renewals = False
            elif node.reported_ms == reported_ms:
                del self._nodes[node_id]
