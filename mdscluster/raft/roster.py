"""Which membership is in effect here: the last one in the log, committed or not (Raft thesis §4.1).

The journal tells of every entry appended and truncated. What is below all of them is the applied membership, kept in
the replicated state, or, as long as the log never held one, the configuration file's. Beside it stands the newest
membership that another node told of: a hint, which says whom to connect to and is counted in nothing but a quarantine.
"""

from __future__ import annotations

from mdscluster.raft.members import MEMBERSHIP, START, Membership, Position


class Roster:
    """``version`` changes whenever anything here does."""

    def __init__(self, node_id: str, base: Membership, position: Position = START) -> None:
        self.node_id = node_id
        self.version = 0
        self._held: list[tuple[Position, Membership]] = [(position, base)]
        self._hint: tuple[Position, Membership] | None = None
        self.others: frozenset[str] = frozenset()
        """The other members in effect, learners too: a leader sends to them, and nobody else's acks mean anything."""
        self.peers: dict[str, tuple[str, int]] = {}
        """Whom to be connected with, and where: the others of every membership that is applied, in the log or hinted
        at. Not only of the one in effect: if that is never committed, its leader's successor may be missing in it."""
        self._changed()

    # In effect.

    @property
    def membership(self) -> Membership:
        return self._held[-1][1]

    @property
    def position(self) -> Position:
        return self._held[-1][0]

    @property
    def applied(self) -> tuple[Position, Membership]:
        """The last one whose entry is applied."""
        return self._held[0]

    @property
    def votes(self) -> bool:
        """Whether this node is a voter."""
        return self.node_id in self.membership.voters

    @property
    def newest(self) -> Membership:
        """In effect here, or heard of and newer."""
        return self.membership if self._hint is None else self._hint[1]

    def is_quorum(self, ids: set[str]) -> bool:
        """Whether the voters among ``ids`` are a majority."""
        return len(ids & self.membership.voters) >= self.membership.quorum

    # From the journal.

    def appended(self, index: int, term: int, data: bytes) -> None:
        """An entry is in the log; passes over all but memberships."""
        if data[0] == MEMBERSHIP:
            self._held.append(((term, index), Membership.unpack(data)))
            self._changed()

    def truncated(self, index: int) -> None:
        """Entries from ``index`` on are gone, none of them applied."""
        kept = [held for held in self._held if held[0][1] < index] or self._held[:1]
        if len(kept) < len(self._held):
            self._held = kept
            self._changed()

    def apply(self, index: int) -> tuple[Position, Membership] | None:
        """The membership entry at ``index`` is applied; what the state has to keep."""
        for at in range(1, len(self._held)):
            if self._held[at][0][1] == index:
                del self._held[:at]
                self._changed()
                return self._held[0]
        return None

    # From other nodes.

    def hear(self, position: Position, membership: Membership) -> None:
        """Another node told its membership."""
        if position > self.position and (self._hint is None or position > self._hint[0]):
            self._hint = (position, membership)
            self._changed()

    def _changed(self) -> None:
        self.version += 1
        if self._hint is not None and self._hint[0] <= self.position:
            self._hint = None
        known = [*self._held, *([] if self._hint is None else [self._hint])]
        members = [member for _, membership in known for member in membership.members]
        self.peers = {member.id: member.address for member in members if member.id != self.node_id}
        self.others = self.membership.ids - {self.node_id}
