"""Until when the log has all renewals of leases that clients were promised (INV-7). Sans-IO; the leader's.

Front ends report to the log, a tenth of a lease apart, which clients they heard of. What a front end has not reported
yet is lost with it, and comes late when it stands still or is cut off. So a lease may run out only where every node has
reported since. A report is gathered after the outcome of the one before: it has all that was heard until the log's
lease time of that one. Where a node is silent for too long, or came back as another process, all leases begin anew, and
it is waited for no more until it reports, or comes and goes, again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from mdscluster.replica import PeerStatus

REPORT_S_MAX: Final = 5.0
_PERIODS_MISSED: Final = 2
_GONE: Final = -1


def report_period_s(lease_ms: int) -> float:
    """Time between two reports of a front end. Leases run out two or three of these late."""
    return min(REPORT_S_MAX, lease_ms / 10_000)


class _Node(msgspec.Struct):
    """What is known of a node's reports."""

    connection: int
    """The number of the connection to it; ``_GONE`` where there is none."""
    heard_ms: int
    """When its last report came, or when it began to be waited for; the leader's monotonic clock."""
    waited_for: bool
    process: int | None = None
    """Which front end it was that reported."""
    report_ms: int = 0
    """Its last report; the log's lease clock."""
    known_ms: int = 0
    """The one before: all that the node heard until then is in the log."""
    took_renewals: bool = False
    """An earlier process has taken along what it had heard: another one reports by now."""


class Renewals:
    """What the leader knows of the reports of all nodes, its own included."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._begun_ms = 0

    def begin(self, now_ms: int) -> None:
        """All leases begin anew now: nothing older is missed."""
        self._nodes.clear()
        self._begun_ms = now_ms

    def heed(self, nodes: Mapping[str, PeerStatus | None], now_ms: int) -> None:
        """Which nodes there are, and how they are connected; None: the leader itself."""
        for gone in self._nodes.keys() - nodes.keys():
            del self._nodes[gone]
        for node_id, status in nodes.items():
            connection = 0 if status is None else status.connections if status.connected else _GONE
            node = self._nodes.get(node_id)
            if node is None:
                self._nodes[node_id] = _Node(connection, now_ms, waited_for=connection != _GONE)
            elif node.connection != connection:
                node.connection = connection
                if not node.waited_for:  # since it is not, clients may have been with it
                    node.waited_for, node.heard_ms = True, now_ms

    def reported(self, node_id: str, process: int, lease_ms: int, now_ms: int) -> None:
        """A report is in the log at ``lease_ms`` of its lease clock."""
        node = self._nodes.get(node_id)
        if node is None:
            return
        if process == node.process:
            node.known_ms = node.report_ms
        elif node.process is not None:
            node.took_renewals = True
        node.process = process
        node.report_ms = lease_ms
        node.heard_ms, node.waited_for = now_ms, True

    def known_ms(self, lease_now_ms: int) -> int:
        """The log has all renewals until then (its lease clock), but of nodes that are waited for no more."""
        nodes = self._nodes.values()
        if any(node.took_renewals for node in nodes):
            return 0
        return min((node.known_ms for node in nodes if node.waited_for), default=lease_now_ms)

    def excuse_all(self, now_ms: int) -> None:
        """There is no client: nobody has anything to report."""
        for node in self._nodes.values():
            node.heard_ms, node.took_renewals = now_ms, False

    def missing(self, lease_ms: int, now_ms: int) -> set[str]:
        """Nodes whose renewals will not come, or not in time: all leases have to begin anew.

        Done at once, what dead clients hold is free soon. But again and again, a link that breaks every so often would
        keep them for ever, though the node behind it tells in the end what it heard: then it is waited for longer.
        """
        patience_ms = _PERIODS_MISSED * report_period_s(lease_ms) * 1000
        if now_ms - self._begun_ms < 2 * lease_ms:
            patience_ms = lease_ms / 2
        return {
            node_id
            for node_id, node in self._nodes.items()
            if node.took_renewals or (node.waited_for and now_ms - node.heard_ms > patience_ms)
        }

    def accept(self, missing: Iterable[str], now_ms: int) -> None:
        """All leases have begun anew, for these."""
        self._begun_ms = now_ms
        for node in (self._nodes[node_id] for node_id in missing):
            if node.took_renewals:
                node.took_renewals = False
            else:
                node.waited_for = False
