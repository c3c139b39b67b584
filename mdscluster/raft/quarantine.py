"""A node that came back empty under its old id: what it may not do until it knows what it once promised.

Its earlier self may have voted and may have acknowledged entries; it remembers neither. So it acknowledges nothing
until it has heard enough OTHER nodes; and until it has applied what a leader of at least their terms had committed by
then, an entry of such a term the last of it, it neither votes, nor stands, nor vouches for a read.

*What it acknowledged* (INV-2): any commit that it took part in was also held by one of any majority's worth of others,
in a term not above theirs. The majority is that of the newest membership heard of. Of a majority's worth of others of
one membership at least one holds the next one, if that was committed, and told it when it was connected: by and by this
is the present one.

*Where it voted* (INV-1) a majority's worth does not tell: the candidate that it voted for in term T may be the one not
heard, and nobody else in T yet. So a voter must hear from ALL other voters. That candidate was in T before it asked:
what it says on a later connection is of term T or above. So is the entry that is applied last in quarantine, and a
candidate of a term up to T stands with a log that ends in a lower one: it is refused for its log (Raft paper §5.4.1),
however late it asks. Two more rules make "all" mean what it should:

- All at one time. A candidate that loses its own disk forgets T, but won before that, if ever; of those who voted for
  it one knows T, and must be heard afterwards. So with every new connection the hearing begins anew.
- All of a committed membership, the leader's, and of every newer one. A candidate that was removed from a committed one
  gets no majority any more: it lacks the entry of its removal, which a majority of the others holds. As long as the
  removal is not committed this node must not help to commit it, for its earlier self may have helped the candidate.

A learner that was a voter once voted before the membership without it was committed, or for a candidate that lacks
that entry; a majority's worth of the others tells it of the terms that may have counted its vote.
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

    def connected(self) -> None:
        """A connection to any other node is new: what was heard before it may be older than a disk lost there."""
        self._heard.clear()

    def hear(self, peer: str, term: int) -> None:
        """A message of ``peer`` made in ``term``, on its present connection."""
        self._heard[peer] = max(term, self._heard.get(peer, 0))

    def admits(self, leader: str, leader_term: int, commit_index: int) -> bool:
        """Whether this append of ``leader`` may be taken and acknowledged."""
        newest = self._roster.newest
        if len(self._heard.keys() & newest.voters) < newest.quorum or leader_term < max(self._heard.values()):
            return False
        if not self._knows_its_votes(leader, commit_index):
            return False
        if self._goal is None:
            self._goal = (commit_index, leader_term)
        return True

    def _knows_its_votes(self, leader: str, commit_index: int) -> bool:
        """Whether what was heard bounds the terms that a voter voted in. No change makes a voter a learner."""
        node_id, known = self._roster.node_id, self._roster.since(leader)
        position, membership = known[0]
        voters = {voter for _, newer in known for voter in newer.voters}
        if node_id in membership.ids and node_id not in voters:
            return True
        return position[1] <= commit_index and (node_id not in voters or voters - {node_id} <= self._heard.keys())

    def applied(self, index: int, term: int) -> None:
        """Entries up to ``index`` are applied; the last is of ``term``."""
        if self.on and self._goal is not None and index >= self._goal[0] and term >= self._goal[1]:
            self.on = False
            self._store.set_quarantine(False)
