"""When the membership may change, and what became of a change: the leader's part (Raft thesis §4.1 to §4.3).

A change is judged directly before the tick that appends it, by what is true then. It is answered when its entry, or
another one in its place, is applied. Of these rules depends that two majorities always meet:

1. Only a leader that has committed an entry of its own term. (Else two leaders might each build on the same old
   membership; the majorities of what they build need not meet.)
2. Only when the last membership in the log is applied: one change at a time.
3. A change moves at most one voter (``Membership`` offers no other).
4. A leader does not remove itself: pysyncobj counts whoever leads. It hands over, and its successor removes it.
5. Only at a feature level that says that every node can read the entry (docs/adr/0014).

The others keep a cluster at work: a learner becomes a voter when it keeps up and may vote (a quarantined voter would
be one more to wait for), and the new voters must have a majority that acknowledges now.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

from mdscluster.raft.core import Core
from mdscluster.raft.guards import Guards
from mdscluster.raft.journal import LmdbJournal
from mdscluster.raft.members import FEATURE_LEVEL, Membership
from mdscluster.replica import ChangeOutcome, MemberChange

PROMOTE_LAG_ENTRIES: Final = 64
"""A learner this close behind the log's end keeps up."""

_LEVEL_TEXT: Final = (
    f"changes of the membership need feature level {FEATURE_LEVEL}, the cluster uses {{level}}: it is raised by itself "
    "once every metadata server is connected and runs a release that knows it (mdsctl status shows who does not)"
)

Token = Hashable

DONE: Final = ChangeOutcome("done", "")


class Reconfiguration:
    """One node's; it says no while the node does not lead."""

    def __init__(
        self,
        core: Core,
        journal: LmdbJournal,
        guards: Guards,
        feature_level: Callable[[], int],
        hand_over: Callable[[], bool],
    ) -> None:
        self._core = core
        self._journal = journal
        self._guards = guards
        self._roster = guards.roster
        self._feature_level = feature_level
        self._hand_over = hand_over
        self._asked: list[tuple[Token, MemberChange]] = []
        self._appending: Token | None = None
        self._pending: tuple[Token, tuple[int, int]] | None = None
        self.results: list[tuple[Token, ChangeOutcome]] = []

    def request(self, token: Token, change: MemberChange) -> None:
        """``token`` comes back in ``results``."""
        self._asked.append((token, change))

    def take_entry(self, applied: int) -> bytes | None:
        """Before a tick: the entry that it may append. All that cannot be done now is answered."""
        asked, self._asked = self._asked, []
        entry: bytes | None = None
        for token, change in asked:
            outcome = self._judge(change, applied) if entry is None else _busy()
            if isinstance(outcome, Membership):
                self._appending, entry = token, outcome.pack()
            else:
                self.results.append((token, outcome))
        return entry

    def ticked(self, before: tuple[int, int]) -> None:
        """After the tick: whether the entry was appended, which changed the membership's position from ``before``."""
        token, self._appending = self._appending, None
        if token is None:
            return
        if self._roster.position == before:
            self.results.append((token, self._not_leader()))
            return
        if self._pending is not None:  # Of an earlier leadership, and truncated since.
            self.results.append((self._pending[0], _unknown()))
        self._pending = (token, self._roster.position)

    def applied(self, index: int, term: int) -> None:
        """An entry was applied."""
        if self._pending is not None and index >= self._pending[1][1]:
            token, position = self._pending
            self._pending = None
            self.results.append((token, DONE if (term, index) == position else _unknown()))

    def take_results(self) -> list[tuple[Token, ChangeOutcome]]:
        results, self.results = self.results, []
        return results

    # The rules.

    def _judge(self, change: MemberChange, applied: int) -> Membership | ChangeOutcome:
        if not self._core.is_leader:
            return self._not_leader()
        if not self._guards.has_quorum():
            return ChangeOutcome("not_leader", "this leader has lost its quorum")
        if not self._own_term_committed():
            return ChangeOutcome("busy", "this leader has only just been elected")
        if not self._settled(applied):
            return _busy()
        if (level := self._feature_level()) < FEATURE_LEVEL:
            return ChangeOutcome("busy", _LEVEL_TEXT.format(level=level))
        return {"add": self._add, "promote": self._promote, "remove": self._remove}[change.kind](change)

    def _own_term_committed(self) -> bool:
        return self._journal.term_at(self._core.commit_index) == self._core.term

    def _settled(self, applied: int) -> bool:
        return self._roster.position[1] <= applied

    def _add(self, change: MemberChange) -> Membership | ChangeOutcome:
        membership = self._roster.membership
        known = membership.find(change.id)
        wanted = ((change.host, change.port), change.admin, change.nfs)
        if known is not None:
            if (known.address, known.admin, known.nfs) == wanted:
                return DONE
            return _refused(f"{change.id} is a member already, at other addresses: remove it first")
        for member in membership.members:
            for taken, address in zip((member.address, member.admin, member.nfs), wanted, strict=True):
                if taken == address and taken:
                    shown = f"{taken[0]}:{taken[1]}" if isinstance(taken, tuple) else taken
                    return _refused(f"{shown} is {member.id}'s address")
        return membership.with_learner(change.id, *wanted)

    def _promote(self, change: MemberChange) -> Membership | ChangeOutcome:
        membership = self._roster.membership
        if change.id not in membership.ids:
            return _refused(f"{change.id} is no member: add it first")
        if change.id in membership.voters:
            return DONE
        lag = self._journal.last_index - self._core.match_index(change.id)
        able = self._guards.able()
        if change.id not in able or lag > PROMOTE_LAG_ENTRIES:
            reach = "catching up" if self._guards.peers[change.id].connected else "not connected"
            return ChangeOutcome("behind", f"{change.id} is {reach}, {lag} entries to go")
        return self._with_majority(membership.with_voter(change.id), able)

    def _remove(self, change: MemberChange) -> Membership | ChangeOutcome:
        membership, node_id = self._roster.membership, change.id
        if node_id not in membership.ids:
            return DONE
        changed = membership.without(node_id)
        if node_id not in membership.voters:
            return changed
        if not changed.voters:
            return _refused(f"{node_id} is the only voter")
        if len(changed.voters) % 2 == 0 and not change.even_ok:
            return _refused(
                f"{len(changed.voters)} voters would be left, which survive no more failures than "
                f"{len(changed.voters) - 1}; say --even if that is meant"
            )
        outcome = self._with_majority(changed, self._guards.able())
        if isinstance(outcome, Membership) and node_id == self._roster.node_id:
            self._hand_over()
            return ChangeOutcome("handing_over", f"{node_id} leads: it hands over first")
        return outcome

    @staticmethod
    def _with_majority(membership: Membership, able: set[str]) -> Membership | ChangeOutcome:
        alive = membership.voters & able
        if len(alive) >= membership.quorum:
            return membership
        return ChangeOutcome(
            "no_majority",
            f"of the {len(membership.voters)} voters that this leaves only {len(alive)} are at work "
            f"({', '.join(sorted(alive))}); {membership.quorum} are needed",
        )

    def _not_leader(self) -> ChangeOutcome:
        return ChangeOutcome("not_leader", "this node does not lead")


def _busy() -> ChangeOutcome:
    return ChangeOutcome("busy", "another change of the membership is under way")


def _refused(text: str) -> ChangeOutcome:
    return ChangeOutcome("refused", text)


def _unknown() -> ChangeOutcome:
    return ChangeOutcome("unknown", "another leader took over; look at the membership")
