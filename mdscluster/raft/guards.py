"""What pysyncobj 0.3.17 gets wrong, put right between it and the network.

Every message passes here, both ways. The rules, and the fault of stock pysyncobj that each one mends:

1. Acks carry the term they were made in and count in no other (an old ack was counted in a later leadership).
2. Entries the log already holds are stripped before pysyncobj sees them, so only a real conflict truncates; and an
   ack covers only what was verified (a repeated batch dropped acknowledged entries that lay behind it).
3. An ack never moves nextIndex back, and a gap is answered with one reset (batches in flight were sent twice;
   every one of them was answered with a reset, for ever).
4. A follower behind the log's beginning is sent no entries and told no commit index beyond what it was
   verified to hold, until a snapshot has really been installed (it applied its own divergent tail).
5. A vote counts once per voter and term.
6. PreVote and leader stickiness; a sender with an old term is told so; a node that came back empty does not vote.

Guard 7, reconciling log and state at start, is ``LmdbJournal``'s: they change in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.core import Core, PyMessage
from mdscluster.raft.elections import NEVER_MS, Elections, Peer
from mdscluster.raft.entry import acceptable
from mdscluster.raft.errors import ConsensusBug, PeerError
from mdscluster.raft.journal import LmdbJournal, LogEntry
from mdscluster.raft.outbox import Append, Outbox
from mdscluster.raft.quarantine import Quarantine
from mdscluster.raft.roster import Roster
from mdscluster.raft.store import Store
from mdsproto.raft_pb2 import Ack, AppendEntries, Entry, Message, RequestVote


class Guards(Elections):
    """Sits between ``Core`` and the peers. ``now_ms`` is set by the engine before every call."""

    def __init__(
        self,
        config: RaftConfig,
        roster: Roster,
        store: Store,
        journal: LmdbJournal,
        outbox: Outbox,
        rng: Random,
        now_ms: float,
    ) -> None:
        super().__init__(config, roster, journal, outbox, Quarantine(roster, store), rng, now_ms)
        self._rejected: tuple[str, int, int, float] = ("", 0, 0, NEVER_MS)
        self._last_ack: tuple[str, int, int, float] = ("", 0, 0, NEVER_MS)
        self.lacks_log = False
        """The leader's log begins after what is committed here: only a snapshot helps, until an append fits again."""
        self.leader_commit_index = 0
        """As the last append said, whether or not this node holds what is committed there."""
        self._passed_over: set[str] = set()
        """Leaders whose appends this node might not take yet (quarantine)."""
        self._handlers: dict[str, Callable[[str, Message], None]] = {
            "append": self._on_append,
            "ack": self._on_ack,
            "request_vote": self._on_request_vote,
            "vote": self._on_vote,
            "pre_vote": self._on_pre_vote,
            "pre_vote_granted": self._on_pre_vote_granted,
            "higher_term": self._on_higher_term,
            "timeout_now": self._on_timeout_now,
        }

    def attach(self, core: Core) -> None:
        self.core = core
        self.follow_roster()

    # Membership.

    def follow_roster(self) -> None:
        """The roster changed: keep what there is to keep of whoever stays, count and send by it."""
        roster = self.roster
        for peer in self.peers.keys() - roster.peers.keys():
            self._starve(peer, self.peers.pop(peer))
        self.outbox.follow(roster.peers)
        for peer in sorted(roster.peers.keys() - self.peers.keys()):
            self.peers[peer] = Peer()
        voters = roster.membership.voters & roster.others
        self.core.set_members(voters, roster.others - voters, roster.peers)

    def tell_membership(self, introduction: bytes) -> None:
        """Whoever is connected and slept through the change learns whom to be connected with."""
        message = Message(term=self.core.term, membership={"introduction": introduction})
        for peer, state in self.peers.items():
            if state.connected:
                self.outbox.put(peer, message)

    # Connections.

    def connected(self, peer: str) -> None:
        """A new connection; anything an older one still held is lost."""
        self.disconnected(peer)
        self.quarantine.connected()
        state = self.peers[peer]
        state.connected = True
        state.heard_ms = self.now_ms
        self._feed(peer, state)
        if self.core.is_leader:
            self.core.speak()  # before the peer asks for votes: it may have met a quorum without this node
        elif not self._sticky() and self._reaches_quorum() and not self._reaches_quorum(but=peer):
            # Nobody could be elected so far: those that start together would only wait for their silence to be over.
            self._hasten_election()

    def disconnected(self, peer: str) -> None:
        state = self.peers[peer]
        if state.connected and peer == self.core.leader_id and not self.core.is_leader:
            # Most likely its process died, which its kernel told us at once. If others still hear it they refuse.
            self._heard_leader_ms = NEVER_MS
            self._hasten_election(lost=peer)
        state.connected = False
        self._starve(peer, state)
        self._passed_over.discard(peer)
        self.outbox.clear(peer)

    def _feed(self, peer: str, state: Peer) -> None:
        if state.connected and not state.fed and not (state.needs_snapshot and self.core.is_leader):
            state.fed = True
            self.core.connect(peer)

    def _starve(self, peer: str, state: Peer) -> None:
        if state.fed:
            state.fed = False
            self.core.disconnect(peer)

    # Outgoing: what pysyncobj sends.

    def send(self, peer: str, message: PyMessage) -> None:
        """pysyncobj's transport. Nothing leaves before the tick's commit."""
        kind = message["type"]
        if kind == "append_entries":
            self._send_append(peer, message)
        elif kind == "next_node_idx":
            self._send_ack(peer, message["next_node_idx"], success=message["success"], reset=message["reset"])
        elif kind == "request_vote":
            body = RequestVote(
                last_index=message["last_log_index"], last_term=message["last_log_term"], transfer=self._transfer
            )
            self.outbox.put(peer, Message(term=message["term"], request_vote=body))
        elif kind == "response_vote":
            reply = Message(term=message["term"])
            reply.vote.SetInParent()
            self.outbox.put(peer, reply)
        # apply_command: a command queued in the tick that lost the leadership; its origin sends it again.

    def _send_append(self, peer: str, message: PyMessage) -> None:
        state = self.peers[peer]
        if "prevLogIdx" not in message or message["prevLogIdx"] is None:
            self._need_snapshot(peer, state)
            return
        if not state.fed:
            return
        assert "transmission" not in message, "entries are smaller than a batch"
        append = Append(
            message["term"], message["prevLogIdx"], message["prevLogTerm"], message["commit_index"], message["entries"]
        )
        self.outbox.put_append(peer, append)
        self.outbox.last_broadcast_ms = self.now_ms
        if self.outbox.full(peer):
            self._starve(peer, state)

    def _send_ack(self, peer: str, next_index: int, *, success: bool, reset: bool) -> None:
        term = self.core.term  # Guard 1: the term of now, whatever becomes of it.
        ack = Ack(next_index=next_index, success=success, reset=reset, quarantined=self.quarantine.on)
        self.outbox.put(peer, Message(term=term, ack=ack))
        self._last_ack = (peer, term, next_index if success else -1, self.now_ms)

    def _need_snapshot(self, peer: str, state: Peer) -> None:
        """Guard 4: the follower is behind the log's beginning."""
        state.needs_snapshot = True
        self._starve(peer, state)

    # Before and after each tick.

    def before_tick(self) -> None:
        """Timers: elections of a node without a leader, probes of a leader to followers it does not feed."""
        if self.core.is_leader:
            self._reset_timer()
            self._probe_starved()
            if self.now_ms >= self.deadline_ms():
                self.outbox.last_broadcast_ms = self.now_ms
        elif self._transfer and self._transfer_term == self.core.term and self._may_stand():
            self.core.start_election()  # again: a heartbeat that came behind the leader's word has put it off
        elif self.now_ms >= self._deadline_ms:
            self._reset_timer()
            self._start_pre_vote()

    def after_tick(self) -> None:
        """A node that no longer leads has no windows to keep."""
        self._transfer = False
        if self.core.is_leader:
            return
        for peer, state in self.peers.items():
            state.needs_snapshot = False
            if state.connected and not state.fed:
                self._feed(peer, state)

    def deadline_ms(self) -> float:
        """When the next tick is due if nothing arrives."""
        if self.core.is_leader:
            return self.outbox.last_broadcast_ms + self.config.heartbeat_ms + 0.1
        return self._deadline_ms

    def became_leader(self) -> None:
        """Called once for each leadership, before its first tick ends."""
        self.outbox.last_broadcast_ms = self.now_ms
        self.lacks_log = False
        for state in self.peers.values():
            state.needs_snapshot = state.able = False
            state.acked_ms = self.now_ms

    def has_quorum(self) -> bool:
        """A leader: enough followers acknowledged within the election timeout. Others: a leader was heard."""
        if self.core.is_leader:
            return self.roster.is_quorum(self.at_work())
        limit = self.now_ms - self.config.election_max_ms
        return self.core.leader_id is not None and self._heard_leader_ms > limit

    def reaches_majority(self) -> bool:
        """Anything was heard from enough voters lately: if no leader is at work now, one can be elected."""
        limit = self.now_ms - (self.config.election_min_ms + self.config.election_max_ms) / 2
        heard = {peer for peer, state in self.peers.items() if state.heard_ms > limit}
        return self.roster.is_quorum(heard | {self.config.node_id})

    def at_work(self) -> set[str]:
        """Leader: who acknowledged within the election timeout, this node included."""
        limit = self.now_ms - self.config.election_max_ms
        return {peer for peer, state in self.peers.items() if state.acked_ms > limit} | {self.config.node_id}

    def able(self) -> set[str]:
        """Leader: who is at work, and said in this leadership that it may vote."""
        return {peer for peer in self.at_work() if peer == self.config.node_id or self.peers[peer].able}

    def _probe_starved(self) -> None:
        """Keep followers loyal that get no entries for now, and learn where they stand.

        The message claims nothing beyond what they were verified to hold, or the log's first entry.
        """
        journal, term = self.journal, self.core.term
        for peer, state in self.peers.items():
            if not state.connected or peer not in self.roster.others:
                continue
            if state.fed:
                if self.core.next_index(peer) <= journal.first_index:
                    self._need_snapshot(peer, state)
                else:
                    continue
            if not state.needs_snapshot and self.outbox.drained(peer):
                self._feed(peer, state)
                continue
            if self.now_ms - state.probed_ms < self.config.heartbeat_ms:
                continue
            state.probed_ms = self.now_ms
            prev = (
                journal.first_index if state.needs_snapshot else max(self.core.match_index(peer), journal.first_index)
            )
            self.outbox.put_append(peer, Append(term, prev, journal.term_at(prev), self.core.commit_index, []))
            if state.needs_snapshot:
                offer = Message(term=term)
                offer.snapshot_offer.first_index = journal.first_index
                self.outbox.put(peer, offer)

    # Incoming.

    def receive(self, peer: str, kind: str, message: Message) -> None:
        """One message of ``peer``. Raises ``PeerError`` for what no correct node sends."""
        self._handlers[kind](peer, message)

    def _on_append(self, peer: str, message: Message) -> None:
        core = self.core
        if self.stale(peer, message.term):
            return
        if core.is_leader and message.term == core.term:
            raise ConsensusBug(f"two leaders in term {core.term}: {self.config.node_id} and {peer}")
        body = message.append
        for entry in body.entries:
            if not acceptable(entry.data):
                raise PeerError(f"{peer} sent a log entry of a kind that this release does not know")
        self._heard_leader_ms = self.now_ms
        self.leader_commit_index = body.commit_index
        self._reset_timer()
        self._pre_votes = None
        if self.quarantine.on and not self.quarantine.admits(peer, message.term, body.commit_index):
            self._passed_over.add(peer)
            return
        if self.quarantine.on:
            applied = self.journal.getRaftCommitIndex()
            self.quarantine.applied(applied, self.journal.term_at(applied))  # An image may have brought it all.
        if peer in self._passed_over:
            # The leader waits for an answer to what came too early, perhaps with a full window: have it sent again.
            self._passed_over.discard(peer)
            self.core.deliver(peer, {"type": "append_entries", "term": message.term, "commit_index": 0})
            next_index = min(body.prev_index, self.journal.last_index) + 1
            self._send_ack(peer, next_index, success=False, reset=True)
            return
        self._append(peer, message.term, body)

    def _append(self, peer: str, term: int, body: AppendEntries) -> None:
        """Guard 2. ``prev`` and ``skip`` walk over what the log already holds."""
        journal = self.journal
        prev, prev_term, entries = body.prev_index, body.prev_term, body.entries
        count, skip = len(entries), 0
        first, last = journal.first_index, journal.last_index
        if prev < first:
            # What lies before our first entry is applied, so committed, so the same in the leader's log.
            skip = min(first - prev, count)
            if prev + skip < first:
                self._touch(peer, term, body.commit_index, prev + skip)
                return
            prev, prev_term = first, journal.term_at(first)
        if prev > last or journal.term_at(prev) != prev_term:
            self._reject(peer, term, prev, first, last)
            return
        self._rejected = ("", 0, 0, NEVER_MS)
        self.lacks_log = False
        while skip < count and prev < last and journal.term_at(prev + 1) == entries[skip].term:
            prev += 1
            skip += 1
        if skip == count:
            self._touch(peer, term, body.commit_index, prev)
            return
        self._deliver_append(peer, term, body.commit_index, prev, entries[skip:])

    def _deliver_append(self, peer: str, term: int, commit: int, prev: int, entries: list[Entry]) -> None:
        """New entries, directly behind ``prev``, which we hold. pysyncobj truncates what conflicts, adds and acks."""
        if prev < self.core.commit_index and prev < self.journal.last_index:
            raise ConsensusBug(f"{peer} (term {term}) conflicts with committed entry {prev + 1}")
        new: list[LogEntry] = [(entry.data, prev + 1 + i, entry.term) for i, entry in enumerate(entries)]
        self.core.deliver(
            peer,
            {
                "type": "append_entries",
                "term": term,
                "commit_index": commit,
                "entries": new,
                "prevLogIdx": prev,
                "prevLogTerm": self.journal.term_at(prev),
            },
        )

    def _touch(self, peer: str, term: int, commit: int, match: int) -> None:
        """Nothing new: keep the tail, take the term, the leader and the commit index, ack what was verified.

        An append without prevLogIdx has just that effect in pysyncobj, and it answers nothing.
        """
        self.core.deliver(peer, {"type": "append_entries", "term": term, "commit_index": min(commit, match)})
        who, acked_term, acked, when_ms = self._last_ack
        if (who, acked_term, acked) == (peer, term, match + 1) and self.now_ms - when_ms < self.config.heartbeat_ms / 2:
            return  # It just heard this.
        self._send_ack(peer, match + 1, success=True, reset=False)

    def _reject(self, peer: str, term: int, prev: int, first: int, last: int) -> None:
        """Guard 3: one reset for a gap, even if a whole pipeline of appends runs into it."""
        journal = self.journal
        next_index = last + 1
        if prev <= last:
            # Skip the whole conflicting term, but nothing that is committed.
            next_index, conflicting = prev, journal.term_at(prev)
            floor = max(self.core.commit_index, first)
            while next_index - 1 > floor and journal.term_at(next_index - 1) == conflicting:
                next_index -= 1
        who, in_term, index, when_ms = self._rejected
        again = (
            (who, in_term) == (peer, term)
            and next_index >= index
            and self.now_ms - when_ms < 2 * self.config.heartbeat_ms
        )
        if not again:
            self._rejected = (peer, term, next_index, self.now_ms)
        self.core.deliver(peer, {"type": "append_entries", "term": term, "commit_index": 0})
        self._send_ack(peer, next_index, success=False, reset=not again)

    def on_snapshot_offer(self, leader: str, term: int, first_index: int) -> bool:
        """Whether this node needs it: that log begins after what is committed here, and its first entry was rejected.

        The rejected one may lie within this log: a tail of our own that nobody else has.
        """
        needed = self._rejected[:2] == (leader, term) and self.core.commit_index < first_index
        self.lacks_log = self.lacks_log or needed
        return needed

    def _on_ack(self, peer: str, message: Message) -> None:
        core, ack, state = self.core, message.ack, self.peers[peer]
        if message.term != core.term or not core.is_leader:  # Guard 1.
            self._learn_term(peer, message.term)
            return
        if peer not in self.roster.others:
            return  # Removed since.
        if ack.next_index > self.journal.last_index + 1 and ack.success:
            raise PeerError(
                f"{peer} acknowledged entry {ack.next_index - 1}, the log ends at {self.journal.last_index}"
            )
        state.acked_ms = self.now_ms
        state.able = not ack.quarantined
        if ack.reset:
            self.outbox.forget_in_flight(peer)
        elif ack.success:
            self.outbox.acknowledged(peer, ack.next_index)
        self._deliver_ack(peer, ack)
        if ack.success or ack.reset:
            state.needs_snapshot = core.next_index(peer) <= self.journal.first_index
        if state.needs_snapshot:
            self._starve(peer, state)
        elif self.outbox.drained(peer):
            self._feed(peer, state)

    def _deliver_ack(self, peer: str, ack: Ack) -> None:
        """Guard 3: only a reset may move nextIndex back.

        It moves matchIndex back too: whoever asks for entries that it acknowledged once may have lost them with its
        disk, and must not be counted for them any more.
        """
        core = self.core
        if ack.reset and core.match_index(peer) >= ack.next_index:
            core.set_match_index(peer, max(ack.next_index - 1, 0))
        before = core.next_index(peer)
        core.deliver(
            peer,
            {"type": "next_node_idx", "next_node_idx": ack.next_index, "reset": ack.reset, "success": ack.success},
        )
        if not ack.reset and core.next_index(peer) < before:
            core.set_next_index(peer, before)
