"""Which membership is in effect here: the last one in the log, committed or not (Raft thesis §4.1).

The journal tells of every entry appended and truncated. What is below all of them is the applied membership, kept in
the replicated state, or, as long as the log never held one, the configuration file's. Beside it stands what each other
node told last, if that is newer: hints, which say whom to connect to and are counted in nothing but a quarantine.
"""

from __future__ import annotations

from mdscluster.raft.members import MEMBERSHIP, START, Membership, Position


class Roster:
    """``version`` changes whenever anything here does."""

    def __init__(self, node_id: str, base: Membership, position: Position = START) -> None:
        self.node_id = node_id
        self.version = 0
        self._held: list[tuple[Position, Membership]] = [(position, base)]
        self._told: dict[str, tuple[Position, Membership]] = {}
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
        """In effect here, or told by another node and newer. Who told one that is never committed takes it back."""
        return max([self._held[-1], *self._told.values()], key=lambda held: held[0])[1]

    def since(self, peer: str) -> list[tuple[Position, Membership]]:
        """The membership that ``peer`` goes by, and behind it every newer one known here."""
        first = self._told.get(peer, self._held[-1])
        return [first, *(held for held in (self._held[-1], *self._told.values()) if held[0] > first[0])]

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

    def hear(self, peer: str, position: Position, membership: Membership) -> None:
        """``peer`` goes by ``membership`` now; what it told before is void."""
        told = (position, membership) if position > self.position else None
        if told != self._told.pop(peer, None):
            if told is not None:
                self._told[peer] = told
            self._changed()
        elif told is not None:
            self._told[peer] = told

    def _changed(self) -> None:
        self.version += 1
        self._told = {peer: told for peer, told in self._told.items() if told[0] > self.position}
        known = [*self._held, *sorted(self._told.values(), key=lambda told: told[0])]
        members = [member for _, membership in known for member in membership.members]
        self.peers = {member.id: member.address for member in members if member.id != self.node_id}
        self.others = self.membership.ids - {self.node_id}
