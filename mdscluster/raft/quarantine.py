"""A node that came back empty under its old id: what it may not do until it knows what it once promised.

Its earlier self may have voted and may have acknowledged entries; it remembers neither. So until it has heard
a majority's worth of OTHER nodes it acknowledges nothing (any commit its earlier self took part in was also held
by one of those, in a term not above theirs), and until it has applied what a leader of at least that term had
committed it neither votes, nor stands, nor vouches for a read.

The majority is that of the newest membership heard of. Of a majority's worth of others of one membership at least one
holds the next one, if that was committed, and told it when it was connected: by and by this is the present one.
"""

from __future__ import annotations

from mdscluster.raft.roster import Roster
from mdscluster.raft.store import Store


class Quarantine:
    """Durable: it is lifted in the tick that applied the last entry that was missing."""

    def __init__(self, roster: Roster, store: Store) -> None:
        self.on = store.quarantined()
        self._roster = roster
        self._store = store
        self._heard: dict[str, int] = {}
        self._goal: tuple[int, int] | None = None

    def hear(self, peer: str, term: int) -> None:
        """A message of ``peer`` made in ``term``, on a connection of this process's life."""
        self._heard[peer] = max(term, self._heard.get(peer, 0))

    def admits(self, leader_term: int, commit_index: int) -> bool:
        """Whether an append of this leader may be taken and acknowledged."""
        membership = self._roster.newest
        heard = self._heard.keys() & membership.voters
        if len(heard) < membership.quorum or leader_term < max(self._heard.values()):
            return False
        if self._goal is None:
            self._goal = (commit_index, leader_term)
        return True

    def applied(self, index: int, term: int) -> None:
        """Entries up to ``index`` are applied; the last is of ``term``."""
        if self.on and self._goal is not None and index >= self._goal[0] and term >= self._goal[1]:
            self.on = False
            self._store.set_quarantine(False)
