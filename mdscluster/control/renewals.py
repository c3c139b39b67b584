"""Whether the log knows all renewals of leases that clients were promised (INV-7). Sans-IO; the leader's.

Front ends report to the log, a tenth of a lease apart, which clients they heard of. What a front end has not reported
yet is lost with it, and comes late when it stands still (a frozen machine still holds its connections). So before any
lease may run out, the leader looks whether each node is the one that it was, and has reported in the last two periods.
When one has not, all leases begin anew, once; a node that stays away is waited for no more until it reports again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from mdscluster.replica import PeerStatus

REPORT_S_MAX: Final = 5.0
_PERIODS_MISSED: Final = 2


def report_period_s(lease_ms: int) -> float:
    """Time between two reports of a front end: so short that who renews in the first four fifths of a lease keeps it.

    Later renewals may come too late: a lease is judged without waiting for the reports that are due.
    """
    return min(REPORT_S_MAX, lease_ms / 10_000)


class Renewals:
    """What the leader knows of the other nodes' reports. Times are its monotonic clock's, in ms."""

    def __init__(self) -> None:
        self._reported_ms: dict[str, int] = {}
        self._overdue: set[str] = set()
        self._connections: dict[str, int] = {}
        """Of the peers that are connected: another number, and a node may have restarted."""

    def reported(self, node_id: str, now_ms: int) -> None:
        """A report of this node is in the log."""
        self._reported_ms[node_id] = now_ms
        self._overdue.discard(node_id)

    def begin(self, peers: Mapping[str, PeerStatus], now_ms: int) -> None:
        """All leases begin anew now: nothing older is missed."""
        self.accept_losses(peers)
        self._overdue = peers.keys() - self._connections.keys()
        self._reported_ms = dict.fromkeys(peers, now_ms)

    def lost_one(self, peers: Mapping[str, PeerStatus]) -> bool:
        """Whether a node was lost since leases last began anew, or restarted. One that came is noted."""
        connected = _connected(peers)
        if any(connected.get(peer) != number for peer, number in self._connections.items()):
            return True
        self._connections = connected
        return False

    def accept_losses(self, peers: Mapping[str, PeerStatus]) -> None:
        """Leases have begun anew for the nodes that were lost: they are missed no second time for it."""
        connected = _connected(peers)
        self._overdue |= self._connections.keys() - connected.keys()
        self._connections = connected

    def missing(self, node_ids: Iterable[str], lease_ms: int, now_ms: int) -> set[str]:
        """Nodes that have ceased to report: what they heard of is not known."""
        patience_ms = _PERIODS_MISSED * report_period_s(lease_ms) * 1000
        return {
            node_id
            for node_id in node_ids
            if node_id not in self._overdue
            and now_ms - self._reported_ms.setdefault(node_id, now_ms) > patience_ms
        }

    def accept_missing(self, node_ids: set[str]) -> None:
        """Leases have begun anew for these."""
        self._overdue |= node_ids


def _connected(peers: Mapping[str, PeerStatus]) -> dict[str, int]:
    return {peer: seen.connections for peer, seen in peers.items() if seen.connected}
