"""Counts of what this node answered: every operation and every status that it sent."""

from __future__ import annotations

from collections import Counter

from nfswire import nfs4


class Counters:
    """Status of every COMPOUND sent, by name when read. What failover must never send can be looked up here."""

    __slots__ = ("calls", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.calls: Counter[str] = Counter()

    def by_name(self) -> dict[str, int]:
        return {nfs4.STATUS_NAMES.get(status, str(status)): n for status, n in sorted(self.statuses.items())}
