"""A leader hands over to another voter (Raft thesis §3.10).

"The prior leader stops accepting new client requests": what is proposed waits, and is forwarded to the new leader. As
soon as the target has the whole log it is told to stand for election, and the others vote for it at once. Should it not
take over in time, this node goes on: so nothing waits for longer than ``HOLD_MS_MAX``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final

from mdscluster.raft.core import Core
from mdscluster.raft.guards import Guards
from mdscluster.raft.journal import LmdbJournal
from mdscluster.replica import KEEPS_UP_ENTRIES, ChangeOutcome

Token = Hashable

HOLD_MS_MAX: Final = 250.0
_NEVER: Final = float("inf")


class Transfer:
    """One node's; it says no while the node does not lead."""

    def __init__(
        self, core: Core, journal: LmdbJournal, guards: Guards, name_successor: Callable[[str], None]
    ) -> None:
        self._core = core
        self._journal = journal
        self._guards = guards
        self._roster = guards.roster
        self._name_successor = name_successor
        self._target = ""
        self._told = False
        self._until_ms = _NEVER
        self._token: Token | None = None
        self.results: list[tuple[Token, ChangeOutcome]] = []

    @property
    def holding(self) -> bool:
        """Nothing may be appended just now."""
        return bool(self._target)

    def deadline_ms(self) -> float:
        """When it is given up."""
        return self._until_ms

    def request(self, token: Token, node_id: str, now_ms: float) -> None:
        """Hand over to this voter (empty: to the best); ``token`` comes back in ``results``."""
        outcome = self._judge(node_id)
        if isinstance(outcome, str):
            self._begin(outcome, token, now_ms)
        else:
            self.results.append((token, outcome))

    def begin(self, now_ms: float) -> bool:
        """Hand over to the best voter; False when there is none. Nobody is told how it ends."""
        if self.holding:
            return True
        outcome = self._judge("")
        if isinstance(outcome, str):
            self._begin(outcome, None, now_ms)
        return isinstance(outcome, str)

    def advance(self, now_ms: float) -> None:
        """Before a tick."""
        if not self._target:
            return
        if not self._core.is_leader:
            self._end(ChangeOutcome("done", self._target))
        elif now_ms >= self._until_ms or self._target not in self._able():
            self._end(ChangeOutcome("behind", f"{self._target} did not take over in time: this node still leads"))
        elif not self._told and self._core.match_index(self._target) == self._journal.last_index:
            self._told = True
            self._name_successor(self._target)

    # Below.

    def _begin(self, target: str, token: Token | None, now_ms: float) -> None:
        self._target, self._token, self._told, self._until_ms = target, token, False, now_ms + HOLD_MS_MAX

    def _end(self, outcome: ChangeOutcome) -> None:
        if self._token is not None:
            self.results.append((self._token, outcome))
        self._target, self._token, self._until_ms = "", None, _NEVER

    def _judge(self, node_id: str) -> str | ChangeOutcome:
        """The voter to hand over to, or why there is none."""
        if not self._core.is_leader or not self._guards.has_quorum():
            return ChangeOutcome("not_leader", "this node does not lead")
        if self.holding:
            return ChangeOutcome("busy", f"this node is handing over to {self._target}")
        if node_id == self._roster.node_id:
            return ChangeOutcome("done", node_id)
        if node_id and node_id not in self._roster.membership.voters:
            known = node_id in self._roster.membership.ids
            return ChangeOutcome("refused", f"{node_id} {'does not vote yet' if known else 'is no member'}")
        able = self._able()
        if node_id and node_id not in able:
            return ChangeOutcome("behind", f"{node_id} is not connected, or catching up after it lost its disk")
        best = max(sorted({node_id} & able or able), key=self._core.match_index, default="")
        if not best:
            return ChangeOutcome("behind", "no other voter is at work")
        lag = self._journal.last_index - self._core.match_index(best)
        if lag > KEEPS_UP_ENTRIES:  # It is not waited for.
            return ChangeOutcome("behind", f"{best} is {lag} entries behind")
        return best

    def _able(self) -> set[str]:
        """The other voters that are connected, at work, and may vote."""
        peers = self._guards.peers
        others = self._roster.membership.voters & self._roster.others & self._guards.able()
        return {peer for peer in others if peers[peer].connected}
