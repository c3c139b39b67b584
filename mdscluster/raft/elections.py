"""When an election starts, who votes for whom, and what counts: guards 5 and 6.

PreVote (Raft thesis §9.6): a node asks before it raises its term. Stickiness (§4.2.3): nobody votes in a higher term
within the minimum election timeout of hearing a leader. pysyncobj's own election timer is never reached.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.core import Core
from mdscluster.raft.journal import LmdbJournal
from mdscluster.raft.outbox import Outbox
from mdscluster.raft.quarantine import Quarantine
from mdscluster.raft.roster import Roster
from mdsproto.raft_pb2 import Message

NEVER_MS: Final = -1e12
HASTENED_MS: Final = (10.0, 30.0)
"""How soon the first voter asks for votes when its leader's connection broke, or when it reaches a quorum at last."""
TURN_MS: Final = 40.0
"""So much later the next one does: two at the same moment would share the votes, and wait for an election time-out."""


@dataclass(slots=True)
class Peer:
    """What the guards know of another node."""

    connected: bool = False
    fed: bool = False
    """pysyncobj believes it connected, so it sends it entries. Less than ``connected``: not while a window is
    full or a snapshot is needed."""
    needs_snapshot: bool = False
    heard_ms: float = NEVER_MS
    acked_ms: float = NEVER_MS
    """When it last acknowledged an append of this leadership."""
    probed_ms: float = NEVER_MS
    able: bool = False
    """Its last acknowledgement of this leadership said that it may vote."""


@dataclass(slots=True)
class _PreVotes:
    term: int
    granted: set[str] = field(default_factory=set)


class Elections:
    """The part of the guards that deals in votes. ``now_ms`` is set by the engine before every call."""

    def __init__(
        self,
        config: RaftConfig,
        roster: Roster,
        journal: LmdbJournal,
        outbox: Outbox,
        quarantine: Quarantine,
        rng: Random,
        now_ms: float,
    ) -> None:
        self.config = config
        self.roster = roster
        self.journal = journal
        self.outbox = outbox
        self.quarantine = quarantine
        self.now_ms = now_ms
        self.member = True
        """This node belongs to a cluster. One that has yet to found it stands for nothing (docs/adr/0018)."""
        self.peers = {peer: Peer() for peer in roster.peers}
        self.core: Core = None  # type: ignore[assignment]  # set by attach(), before anything else is called
        self._rng = rng
        self._heard_leader_ms = NEVER_MS
        self._deadline_ms = now_ms + rng.uniform(config.election_min_ms, config.election_max_ms)
        self._pre_votes: _PreVotes | None = None
        self._votes: tuple[int, set[str]] = (0, set())
        self._transfer = False
        self._transfer_term = 0

    def stale(self, peer: str, term: int) -> bool:
        """The sender's term is old: tell it, or a leader nobody follows would go on."""
        if term >= self.core.term:
            return False
        reply = Message(term=self.core.term)
        reply.higher_term.SetInParent()
        self.outbox.put(peer, reply)
        return True

    def _on_request_vote(self, peer: str, message: Message) -> None:
        core, body = self.core, message.request_vote
        if self.stale(peer, message.term) or self.quarantine.on:
            return
        if message.term > core.term and not body.transfer and self._sticky():
            return
        core.deliver(
            peer,
            {
                "type": "request_vote",
                "term": message.term,
                "last_log_term": body.last_term,
                "last_log_index": body.last_index,
            },
        )
        if self.journal.getVotedForNodeId() == peer:
            self._reset_timer()

    def _on_vote(self, peer: str, message: Message) -> None:
        if peer not in self.roster.membership.voters:
            return
        term, voters = self._votes
        if term != message.term:
            self._votes = (message.term, voters := set())
        if peer in voters:  # Guard 5.
            return
        voters.add(peer)
        self.core.deliver(peer, {"type": "response_vote", "term": message.term})

    def _on_pre_vote(self, peer: str, message: Message) -> None:
        if self.stale(peer, message.term) or self.quarantine.on or self._sticky():
            return
        body = message.pre_vote
        if (body.last_term, body.last_index) >= (self.journal.last_term, self.journal.last_index):
            reply = Message(term=message.term)
            reply.pre_vote_granted.SetInParent()
            self.outbox.put(peer, reply)

    def _on_pre_vote_granted(self, peer: str, message: Message) -> None:
        votes = self._pre_votes
        if votes is not None and votes.term == message.term == self.core.term:
            votes.granted.add(peer)
            self._maybe_elect()

    def _on_higher_term(self, peer: str, message: Message) -> None:
        self._learn_term(peer, message.term)

    def _on_timeout_now(self, peer: str, message: Message) -> None:
        """The leader hands over (it is stopping): stand for election at once."""
        if message.term == self.core.term and self.core.leader_id == peer and self._may_stand():
            self._transfer, self._transfer_term = True, message.term
            self._pre_votes = None
            self._reset_timer()
            self.core.start_election()

    def _learn_term(self, peer: str, term: int) -> None:
        if term > self.core.term:
            self.core.adopt_term(peer, term)

    def _start_pre_vote(self) -> None:
        if not self._may_stand():
            return
        self._pre_votes = _PreVotes(self.core.term)
        body = {"last_index": self.journal.last_index, "last_term": self.journal.last_term}
        for peer, state in self.peers.items():
            if state.connected and peer in self.roster.membership.voters:
                self.outbox.put(peer, Message(term=self.core.term, pre_vote=body))
        self._maybe_elect()

    def _maybe_elect(self) -> None:
        votes = self._pre_votes
        if votes is not None and self.roster.is_quorum({self.config.node_id, *votes.granted}):
            self._pre_votes = None
            self._reset_timer()
            self.core.start_election()

    def _may_stand(self) -> bool:
        """Only a voter does, as its own log says: pysyncobj counts whoever stands as one."""
        return self.member and self.roster.votes and not self.quarantine.on

    def _sticky(self) -> bool:
        """A leader was heard within the minimum election timeout, or this node leads."""
        return self.core.is_leader or self.now_ms - self._heard_leader_ms < self.config.election_min_ms

    def _reaches_quorum(self, but: str = "") -> bool:
        """Whether this node and those it is connected with, ``but`` for one, could elect a leader."""
        reached = {peer for peer, state in self.peers.items() if state.connected and peer != but}
        return self.roster.is_quorum({self.config.node_id, *reached})

    def _hasten_election(self, lost: str = "") -> None:
        """Ask for votes soon, each voter in its turn, but for the ``lost`` one. Whoever hears a leader refuses.

        All count the turns alike as long as they are in one term; in another one somebody else is first.
        """
        voters = sorted(self.roster.membership.voters - {lost})
        if self.config.node_id in voters:
            turn = (voters.index(self.config.node_id) + self.core.term) % len(voters)
            due_ms = self.now_ms + turn * TURN_MS + self._rng.uniform(*HASTENED_MS)
            self._deadline_ms = min(self._deadline_ms, due_ms)

    def _reset_timer(self) -> None:
        self._deadline_ms = self.now_ms + self._rng.uniform(self.config.election_min_ms, self.config.election_max_ms)
