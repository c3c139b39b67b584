"""One node's consensus, without socket or clock: messages, proposals, barriers in; messages and results out.

A turn: whatever arrived since the last one has been handed to ``receive``, ``propose`` and ``barrier``. ``turn`` then
lets pysyncobj elect, replicate and commit, applies what is committed, and ends with one LMDB commit. Only after that
do messages and results leave (INV-1, INV-2). A turn that changed nothing durable opens no transaction at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.core import Core
from mdscluster.raft.entry import COMMAND, unpack_groups, unpack_stamp
from mdscluster.raft.errors import PeerError
from mdscluster.raft.guards import Guards
from mdscluster.raft.incarnation import MARK_BITS, count_of
from mdscluster.raft.interface import StateMachine
from mdscluster.raft.journal import LmdbJournal
from mdscluster.raft.measures import Measures
from mdscluster.raft.members import START, pack_at, unpack_at
from mdscluster.raft.outbox import Outbox
from mdscluster.raft.proposals import Bound, Proposals, Token
from mdscluster.raft.readindex import ReadIndex
from mdscluster.raft.reconfiguration import Reconfiguration
from mdscluster.raft.roster import Roster
from mdscluster.raft.status import report
from mdscluster.raft.store import Store
from mdscluster.raft.transfer import Transfer
from mdscluster.replica import CANDIDATE, FOLLOWER, LEADER, ChangeOutcome, MemberChange, ReplicaStatus
from mdsproto.raft_pb2 import Message

if TYPE_CHECKING:
    import lmdb

LEASE_STEP_MS_MAX: Final = 2_000
"""A leader acts several times a second; what lies between two acts beyond this, it stood still."""
_NO_PIN: Final = 1 << 62
_PIN_BYTES_FACTOR: Final = 16
_READ_KINDS: Final = frozenset(
    ("read_request", "read_reply", "read_confirm", "read_confirmed", "ping", "snapshot_offer")
)


@dataclass(slots=True)
class Output:
    """What a turn brought. ``messages`` may be sent, and the rest be told, now."""

    messages: list[tuple[str, bytes]] = field(default_factory=list)
    results: list[tuple[Token, bytes | None]] = field(default_factory=list)
    barriers: list[tuple[Token, bool]] = field(default_factory=list)
    changes: list[tuple[Token, ChangeOutcome]] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    snapshot_from: str | None = None
    """The leader says this node needs a snapshot, and this is the leader."""


class Engine:
    """A node. Every ``now_ms`` is one monotonic clock's; ``wall_ns`` is only stamped into entries."""

    def __init__(
        self,
        config: RaftConfig,
        env: lmdb.Environment,
        machine: StateMachine,
        *,
        now_ms: float,
        wall_ns: int,
        rng: Random,
        measures: Measures | None = None,
    ) -> None:
        config.validate()
        self.config = config
        self.machine = machine
        self.measures = measures or Measures()
        self.store = Store(env, self.measures)
        position, membership = self.store.membership() or (START, config.membership())
        self.roster = Roster(config.node_id, membership, position)
        self.journal = LmdbJournal(self.store, self.roster)
        if (config.replace or config.join) and self.store.unused():
            self.store.set_quarantine(True)
        self.outbox = Outbox(
            self.roster.peers,
            window_bytes=config.window_bytes,
            heartbeat_ms=config.heartbeat_ms,
            notice_ms=config.commit_notice_ms,
        )
        self.guards = Guards(config, self.roster, self.store, self.journal, self.outbox, rng, now_ms)
        self.core = Core(
            config.node_id,
            tuple(self.roster.peers),
            self.journal,
            self.guards.send,
            heartbeat_ms=config.heartbeat_ms,
            fallback_ms=config.election_max_ms,
        )
        self.guards.attach(self.core)
        number = self.store.next_incarnation(config.node_id, wall_ns // 1_000_000, rng.getrandbits(MARK_BITS))
        self.proposals = Proposals(config, self.store, self.outbox, number)
        first_id = count_of(number) << 20 & (1 << 62) - 1
        self.reads = ReadIndex(config, self.core, self.journal, self.guards, self.outbox, first_id)
        self.changes = Reconfiguration(
            self.core, self.journal, self.guards, lambda: self.machine.feature_level, self._hand_over
        )
        self.transfer = Transfer(self.core, self.journal, self.guards, self._name_successor)
        self._roster_version = self.roster.version
        self.loop_lag_ms = 0.0
        """Set by the shell."""
        self.applied, _, self._lease_ms = self.store.applied()
        self._connections: Counter[str] = Counter()
        self._work = True
        self._office: int | None = None  # the term that this node leads in
        self._clock_ms = 0.0  # of leases, while this node leads
        self._clock_at_ms = now_ms
        self.pinned_index = _NO_PIN
        self._snapshot_from: str | None = None
        self._urgent: set[str] = set()
        self._events: list[bytes] = []
        machine.open(self.store.txn)
        self.store.commit()

    # Inputs.

    def connected(self, peer: str, now_ms: float) -> None:
        """A new connection to ``peer`` stands; it replaces any older one."""
        self._at(now_ms)
        self._connections[peer] += 1
        self.guards.connected(peer)
        self._work = True

    def disconnected(self, peer: str, now_ms: float) -> None:
        self._at(now_ms)
        if peer in self.guards.peers:
            self.guards.disconnected(peer)
        self._work = True

    def introduction(self) -> bytes:
        """What a connection begins with: the membership in effect here."""
        return pack_at(self.roster.position, self.roster.membership)

    def introduced(self, peer: str, introduction: bytes, now_ms: float) -> bool:
        """``peer``'s introduction (empty: it has nothing to tell); whether there may be a connection. ``PeerError``
        when it makes no sense."""
        self._at(now_ms)
        try:
            if introduction:
                self.roster.hear(peer, *unpack_at(introduction))
        except ValueError as error:
            raise PeerError(f"{peer}: {error}") from error
        self._follow_roster()
        return peer in self.guards.peers

    def _follow_roster(self) -> None:
        """Directly after whatever may have changed the roster: from here on everything counts by it."""
        if self._roster_version != self.roster.version:
            self._roster_version = self.roster.version
            self.guards.follow_roster()
            self.guards.tell_membership(self.introduction())
            self._work = True

    def receive(self, peer: str, message: Message, now_ms: float) -> None:
        """One message from the present connection of ``peer``. ``PeerError``: close that connection."""
        self._at(now_ms)
        guards = self.guards
        if peer not in guards.peers:
            raise PeerError(f"{peer} is no member of this cluster")
        guards.peers[peer].heard_ms = now_ms
        if guards.quarantine.on:
            guards.quarantine.hear(peer, message.term)
        kind = message.WhichOneof("body")
        if kind is None:
            raise PeerError(f"{peer} sent a message of a kind that this release does not know")
        if kind in _READ_KINDS:
            self._receive_read(peer, kind, message, now_ms)
            return
        if kind == "forward":
            self._work = True
            if self.core.is_leader:
                self.proposals.on_forward(peer, message.forward, self.core.term)
            return
        if kind == "membership":
            self.introduced(peer, message.membership.introduction, now_ms)
            return
        guards.receive(peer, kind, message)
        self._follow_roster()
        busy = self.core.commit_index < self.journal.last_index or self.transfer.holding
        if kind != "ack" or not self.core.is_leader or busy:
            self._work = True  # Otherwise an ack changes nothing that a tick would act on.
        self._note_office(now_ms)

    def _receive_read(self, peer: str, kind: str, message: Message, now_ms: float) -> None:
        """Messages that change nothing durable: no tick of pysyncobj, no transaction."""
        if kind == "read_request":
            self.reads.on_request(peer, message.term, message.read_request.id, now_ms)
        elif kind == "read_reply":
            self.reads.on_reply(message.read_reply, now_ms)
        elif kind == "read_confirm":
            self.reads.on_confirm(peer, message.term, message.read_confirm.id)
        elif kind == "read_confirmed":
            self.reads.on_confirmed(peer, message.term, message.read_confirmed.id, now_ms)
        elif kind == "snapshot_offer" and message.term == self.core.term:
            if self.guards.on_snapshot_offer(peer, message.term, message.snapshot_offer.first_index):
                self._snapshot_from = peer

    def propose(self, token: Token, payload: bytes, now_ms: float, bound: Bound | None = None) -> None:
        """Run ``payload`` exactly once, if it is not ``bound`` to a term that passes meanwhile; ``token`` comes back in
        ``Output.results``."""
        self.proposals.submit(token, payload, now_ms, bound)
        self._work = True

    def change_members(self, token: Token, change: MemberChange) -> None:
        """Change the membership, if this node leads and the rules allow it; ``token`` comes back in
        ``Output.changes``."""
        if change.kind == "transfer":
            self.transfer.request(token, change.id, self.guards.now_ms)
        else:
            self.changes.request(token, change)
        self._work = True

    def barrier(self, token: Token, now_ms: float) -> None:
        """A read barrier that begins now; ``token`` comes back in ``Output.barriers``."""
        self.reads.request(token, now_ms)

    # The turn.

    def turn(self, now_ms: float, wall_ns: int) -> Output:
        """Do what is due, make it durable, and say what may leave. ``StorageError``: the process must end."""
        early = self.begin_turn(now_ms, wall_ns)
        output = self.finish_turn(now_ms)
        output.messages[:0] = early
        return output

    def begin_turn(self, now_ms: float, wall_ns: int) -> list[tuple[str, bytes]]:
        """The turn up to its commit; a leader's entries, which may leave already.

        The others may write them while this node's disk does (Raft thesis §10.2.1): a leader counts itself for an
        entry in a later turn, and so after its own commit. The only voter has no others to wait for, counts itself in
        the same turn, and sends its learners nothing before its commit. Nothing else leaves so early. More may be
        received, but no other turn begun, before ``finish_turn``.
        """
        self.store.check()
        self._at(now_ms)
        self._urgent, self._events = set(), []
        due_ms = min(self.guards.deadline_ms(), self.proposals.deadline_ms(), self.transfer.deadline_ms())
        if self._work or now_ms >= due_ms:
            self._work = False
            self._tick(now_ms, wall_ns)
            self._urgent, self._events = self._apply()
            self._follow_roster()
            if self.core.is_leader and not self._only_voter():
                return self.outbox.take_appends(now_ms)
        return []

    def finish_turn(self, now_ms: float) -> Output:
        """Commit, and everything that may leave only after it."""
        self._at(now_ms)
        leader = self._reachable_leader()
        self.reads.run(leader, self._connections.get(leader or "", 0), self.applied, now_ms)
        self.store.commit()
        output = Output(self.outbox.take(now_ms, self._urgent), events=self._events)
        if self.proposals.results:
            output.results = self.proposals.take_results()
        if self.reads.results:
            output.barriers = self.reads.take_results()
        if self.changes.results:
            output.changes = self.changes.take_results()
        if self.transfer.results:
            output.changes += self.transfer.results
            self.transfer.results = []
        if self._snapshot_from is not None:
            output.snapshot_from, self._snapshot_from = self._snapshot_from, None
        return output

    def deadline_ms(self, now_ms: float) -> float:
        """``turn`` must be called by then, even if nothing arrives."""
        return min(
            self.guards.deadline_ms(),
            self.outbox.deadline_ms(),
            self.proposals.deadline_ms(),
            self.reads.deadline_ms(now_ms),
            self.transfer.deadline_ms(),
        )

    def _at(self, now_ms: float) -> None:
        """Time goes on, and not back to what a caller read before others were here: leases would count it twice."""
        now_ms = max(now_ms, self._clock_at_ms)
        self.guards.now_ms = now_ms
        self.core.set_time(now_ms)
        self._clock_ms += min(now_ms - self._clock_at_ms, LEASE_STEP_MS_MAX)
        self._clock_at_ms = now_ms

    def _tick(self, now_ms: float, wall_ns: int) -> None:
        core, proposals = self.core, self.proposals
        self.guards.before_tick()
        proposals.expire(now_ms)
        leader = self._reachable_leader()
        proposals.route(leader, core.term, self._connections.get(leader or "", 0), now_ms)
        self.transfer.advance(now_ms)
        if self.transfer.holding:
            pass  # what is proposed waits for the next leader
        elif core.is_leader:
            self._note_office(now_ms)
            for data in proposals.take_entries(wall_ns, self._lease_now()):
                core.append(data)
        else:
            proposals.discard_inbox()
        entry = None if self.transfer.holding else self.changes.take_entry(self.applied)
        position = self.roster.position
        if entry is not None:
            core.append(entry)
        term = core.term if core.is_leader else None
        core.tick()
        if term == core.term and not core.is_leader:
            self._step_aside()
        self._follow_roster()
        self.changes.ticked(position)
        self._note_office(now_ms)
        if self._only_voter():
            while core.is_leader and core.commit_index < self.journal.last_index:
                core.tick()
        self.guards.after_tick()
        self._measure(now_ms)
        if core.is_leader and leader != self.config.node_id and proposals.pending:
            self._work = True  # Just elected: what waits here goes into the log in the next turn.

    def _only_voter(self) -> bool:
        return self.roster.membership.voters == {self.config.node_id}

    def _measure(self, now_ms: float) -> None:
        core, measures = self.core, self.measures
        leader = self._reachable_leader()  # of the term that the tick ended in, which may be another than it began in
        if leader is not None:
            measures.led_by(leader, core.term)
        if core.is_leader:
            measures.appended(core.term, self.journal.last_index, now_ms)
            measures.committed(core.commit_index, now_ms)

    def _reachable_leader(self) -> str | None:
        leader = self.core.leader_id
        if leader is None or leader == self.config.node_id:
            return leader if self.core.is_leader else None
        state = self.guards.peers.get(leader)
        return leader if state is not None and state.connected else None

    # A leader's clock.

    def _note_office(self, now_ms: float) -> None:
        """Notice that this node took or left office."""
        core = self.core
        if not core.is_leader:
            self._office = None
        elif self._office != core.term:
            self._office, self._clock_ms = core.term, float(self._last_lease_ms())
            self.guards.became_leader()
            self._work = True

    def _last_lease_ms(self) -> int:
        """The clock of leases as the log's end has it, committed or not: it must never go back."""
        for index in range(self.journal.last_index, self.applied, -1):
            data = self.journal.entry(index)[0]
            if data[0] == COMMAND:
                return unpack_stamp(data)[1]
        return self._lease_ms

    def _lease_now(self) -> int:
        """The clock of leases. It counts the time in which this node ran: were the whole cluster paused, nobody had the
        chance to renew anything, and all leases would run out at once (INV-7)."""
        assert self._office is not None, "only a leader stamps entries"
        return int(self._clock_ms)

    # Apply.

    def _apply(self) -> tuple[set[str], list[bytes]]:
        """Apply what is committed, in this tick's transaction; the origins that wait for it, and the events."""
        target = self.core.applied_index
        if target == self.applied:
            return set(), []
        origins: set[bytes] = set()
        began_s = self.measures.clock_s()
        txn, journal, machine = self.store.txn, self.journal, self.machine
        term = 0
        for index in range(self.applied + 1, target + 1):
            data, _, term = journal.entry(index)
            if data[0] != COMMAND:
                if (applied := self.roster.apply(index)) is not None:
                    self.store.set_membership(*applied)
                self.changes.applied(index, term)
                continue
            wall_ns, self._lease_ms = unpack_stamp(data)
            machine.begin_entry(txn, index, wall_ns, self._lease_ms)
            for group in unpack_groups(data):
                self._apply_group(group.origin, group.incarnation, *self.proposals.select(group))
                origins.add(group.origin)
            machine.end_entry()
        self.applied = target
        self.store.set_applied(target, term, self._lease_ms)
        self.proposals.save()
        journal.set_applied(target)
        self.guards.quarantine.applied(target, term)
        self._trim()
        self.measures.apply.note(self.measures.clock_s() - began_s)
        urgent = {origin.decode() for origin in origins} if self.core.is_leader else set()
        return urgent, machine.take_events()

    def _apply_group(self, origin: bytes, incarnation: int, first: int, payloads: Sequence[bytes]) -> None:
        apply = self.machine.apply
        mine = incarnation == self.proposals.incarnation
        for number, payload in enumerate(payloads, first):
            result = apply(payload)
            if mine:
                self.proposals.resolve(origin, incarnation, number, result)

    def _trim(self) -> None:
        config = self.config
        if self.pinned_index == _NO_PIN:
            self.journal.trim(config.log_keep_entries, config.log_keep_bytes, _NO_PIN)
        else:
            factor = _PIN_BYTES_FACTOR
            self.journal.trim(config.log_keep_entries, config.log_keep_bytes, self.pinned_index)
            self.journal.trim(1 << 62, config.log_keep_bytes * factor, _NO_PIN)

    def pin_log(self, index: int | None) -> None:
        """While a snapshot of ``index`` is under way, keep what follows it; None: no more."""
        self.pinned_index = _NO_PIN if index is None else index

    # Operations.

    def hand_over(self, now_ms: float) -> bool:
        """A leader that is about to stop hands over; False when there is nobody to take over."""
        self._at(now_ms)
        return self._hand_over()

    def _hand_over(self) -> bool:
        begun = self.transfer.begin(self.guards.now_ms)
        self._work = self._work or begun
        return begun

    def _step_aside(self) -> None:
        """Too few acknowledgements arrive: this node leads no more. If it is only deaf, the others hear it still, and
        would stay loyal for another election time-out unless it named one of them."""
        others = sorted(self.roster.membership.voters & self.roster.others)
        if others:
            self._name_successor(max(others, key=self.core.match_index))

    def _name_successor(self, peer: str) -> None:
        message = Message(term=self.core.term)
        message.timeout_now.SetInParent()
        self.outbox.put(peer, message)

    @property
    def role(self) -> str:
        if self.core.is_leader:
            return LEADER
        return FOLLOWER if self.core.leader_id is not None else CANDIDATE

    def connections(self, peer: str) -> int:
        """How many connections to ``peer`` have stood since this node's start."""
        return self._connections[peer]

    def status(self, now_ms: float) -> ReplicaStatus:
        """This node's view."""
        self._at(now_ms)
        return report(self)
