"""Production code of consensus with one rule switched off, from outside: production code has no switch for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from mdscluster.raft import snapshot
from mdscluster.raft.admission import Admission
from mdscluster.raft.core import Core
from mdscluster.raft.elections import Elections
from mdscluster.raft.engine import Engine
from mdscluster.raft.errors import StorageError
from mdscluster.raft.founding import Founding
from mdscluster.raft.guards import Guards
from mdscluster.raft.journal import LmdbJournal
from mdscluster.raft.proposals import Proposals
from mdscluster.raft.quarantine import Quarantine
from mdscluster.raft.readindex import ReadIndex
from mdscluster.raft.store import Store
from mdsproto.raft_pb2 import Ack, AppendEntries, Hello, Message, ReadConfirmed, SnapshotFrame, SnapshotTrailer


@contextmanager
def replaced(*changes: tuple[Any, str, Any]) -> Iterator[None]:
    """Each attribute has another value meanwhile. A property stands in for an attribute of the instances."""
    with ExitStack() as stack:
        for owner, name, value in changes:
            stack.enter_context(patch.object(owner, name, value, create=isinstance(value, property)))
        yield


def _always(value: object) -> property:
    return property(lambda self: value, lambda self, told: None)


# Durability.


def without_flush() -> Any:
    """A commit's meta page is never flushed."""
    return replaced((Store, "_promised", _always(False)))


def log_without_flush() -> Any:
    """Entries are acknowledged with a commit that power loss may undo. Terms and votes are flushed."""
    return replaced((Store, "promise", lambda self: None))


def send_before_commit() -> Any:
    """Acks and votes leave with a turn's first half."""
    begin = Engine.begin_turn

    def begin_turn(self: Engine, now_ms: float, wall_ns: int) -> list[tuple[str, bytes]]:
        return begin(self, now_ms, wall_ns) + self.outbox.take(now_ms, self._urgent)

    return replaced((Engine, "begin_turn", begin_turn))


def the_only_voter_sends_early() -> Any:
    """The only voter's entries leave for its learners before its commit, as committed."""
    begin = Engine.begin_turn

    def begin_turn(self: Engine, now_ms: float, wall_ns: int) -> list[tuple[str, bytes]]:
        return begin(self, now_ms, wall_ns) + (self.outbox.take_appends(now_ms) if self.core.is_leader else [])

    return replaced((Engine, "begin_turn", begin_turn))


def failed_commit_unnoticed() -> Any:
    """A commit that failed, or whose flush did, counts as done."""
    commit = Store.commit

    def careless(self: Store) -> bool:
        try:
            return commit(self)
        except StorageError:
            self.failed = self._promised = False
            return True

    return replaced((Store, "commit", careless))


def without_vote() -> Any:
    """The term is kept, and whom the node voted for in it is not."""
    set_vote = Store.set_vote
    return replaced((Store, "set_vote", lambda self, term, who: set_vote(self, term, None)))


def truncation_without_promise() -> Any:
    """A tail that was dropped is dropped with a commit that power loss may undo, unless something is added with it."""
    delete = LmdbJournal.deleteEntriesFrom

    def unpromised(self: LmdbJournal, entryFrom: int) -> None:
        with patch.object(self._store, "promise", lambda: None):
            delete(self, entryFrom)

    return replaced((LmdbJournal, "deleteEntriesFrom", unpromised))


# The guards (``raft/guards.py`` numbers them).


def without_term_stamp() -> Any:
    """Rule 1: an ack counts whatever term it was made in."""
    on_ack = Guards._on_ack

    def trusting(self: Guards, peer: str, message: Message) -> None:
        if self.core.is_leader:
            message.term = self.core.term
        on_ack(self, peer, message)

    return replaced((Guards, "_on_ack", trusting))


def _append_as_it_came(self: Guards, peer: str, term: int, body: AppendEntries) -> None:
    entries = [(entry.data, body.prev_index + 1 + i, entry.term) for i, entry in enumerate(body.entries)]
    message = {"type": "append_entries", "term": term, "commit_index": body.commit_index, "entries": entries}
    self.core.deliver(peer, {**message, "prevLogIdx": body.prev_index, "prevLogTerm": body.prev_term})


def _ack_as_it_came(self: Guards, peer: str, ack: Ack) -> None:
    message = {"type": "next_node_idx", "next_node_idx": ack.next_index}
    self.core.deliver(peer, {**message, "reset": ack.reset, "success": ack.success})


_reject = Guards._reject


def _reject_always(self: Guards, peer: str, term: int, prev: int, first: int, last: int) -> None:
    self._rejected = ("", 0, 0, -1e12)
    _reject(self, peer, term, prev, first, last)


_TRUNCATION = ((Guards, "_append", _append_as_it_came),)
_NEXT_INDEX = ((Guards, "_deliver_ack", _ack_as_it_came), (Guards, "_reject", _reject_always))


def without_truncation_rule() -> Any:
    """Rule 2: pysyncobj gets every append as it came, and truncates behind prevLogIdx whatever is there."""
    return replaced(*_TRUNCATION)


def without_next_index_rule() -> Any:
    """Rule 3: acks move nextIndex back, and every message that runs into a gap is answered with a reset."""
    return replaced(*_NEXT_INDEX)


def stock() -> Any:
    """Rules 2 and 3, as pysyncobj is."""
    return replaced(*_TRUNCATION, *_NEXT_INDEX)


def count_a_lost_disk() -> Any:
    """Rule 3: what a follower acknowledged counts for ever, though it asks for it again."""
    return replaced((Core, "set_match_index", lambda self, peer, index: None))


def commit_without_match() -> Any:
    """Rule 4: a follower that does not match is told the commit index all the same."""
    append = Guards._append

    def credulous(self: Guards, peer: str, term: int, body: AppendEntries) -> None:
        append(self, peer, term, body)
        if not body.entries:
            self.core.deliver(peer, {"type": "append_entries", "term": term, "commit_index": body.commit_index})

    return replaced((Guards, "_append", credulous))


def commit_beyond_match() -> Any:
    """Rule 4: a follower takes the commit index of an append that verified less of its log."""

    touch = Guards._touch

    def credulous(self: Guards, peer: str, term: int, commit: int, match: int) -> None:
        touch(self, peer, term, commit, match)
        self.core.deliver(peer, {"type": "append_entries", "term": term, "commit_index": commit})

    return replaced((Guards, "_touch", credulous))


def vote_for_any_log() -> Any:
    """A vote goes to whoever asks first, though its log lacks what the voter's has (Raft paper §5.4.1)."""
    on_request = Elections._on_request_vote

    def generous(self: Elections, peer: str, message: Message) -> None:
        message.request_vote.last_term = 1 << 40
        on_request(self, peer, message)

    return replaced((Elections, "_on_request_vote", generous))


def without_vote_count() -> Any:
    """Rule 5: the same voter counts as often as it is heard."""

    def on_vote(self: Guards, peer: str, message: Message) -> None:
        self.core.deliver(peer, {"type": "response_vote", "term": message.term})

    return replaced((Guards, "_on_vote", on_vote))


def without_pre_vote() -> Any:
    """Rule 6: whoever misses the leader stands at once, in a term of its own."""
    return replaced((Elections, "_start_pre_vote", lambda self: self.core.start_election()))


def without_stickiness() -> Any:
    """Rule 6: whoever hears a leader votes another one in all the same."""
    return replaced((Elections, "_sticky", lambda self: False))


def without_quarantine() -> Any:
    """Rule 6: a node that came back empty votes and acknowledges at once."""
    return replaced((Quarantine, "on", _always(False)))


def quarantine_of_a_majority() -> Any:
    """A wiped voter takes part again when it has heard a majority's worth of others."""
    return replaced((Quarantine, "_knows_its_votes", lambda self, leader, commit_index: True))


def quarantine_heard_piecemeal() -> Any:
    """What a wiped voter heard before somebody came back counts on."""
    return replaced((Quarantine, "connected", lambda self: None))


def _careless_in_quarantine(rule: str) -> Any:
    """A node in quarantine handles such a message as if it were in none; all else it does as it should."""
    handle = getattr(Elections, rule)

    def careless(self: Elections, peer: str, message: Message) -> None:
        with patch.object(self, "quarantine", SimpleNamespace(on=False)):
            handle(self, peer, message)

    return replaced((Elections, rule, careless))


def vote_in_quarantine() -> Any:
    """A wiped voter votes for whoever asks it for its vote."""
    return _careless_in_quarantine("_on_request_vote")


def pre_vote_in_quarantine() -> Any:
    """A wiped voter grants pre-votes."""
    return _careless_in_quarantine("_on_pre_vote")


# Founding and admission.


def founded_by_some() -> Any:
    """An empty node founds the cluster without those that it has not met."""
    return replaced((Founding, "missing", property(lambda self: [])))


def founders_unknown() -> Any:
    """A member does not say with which disks it founded the cluster."""
    introduce = Founding.introduce

    def silent(self: Founding, body: Hello) -> None:
        introduce(self, body)
        body.founders.clear()

    return replaced((Founding, "introduce", silent))


def member_at_once() -> Any:
    """A node takes part before it is a member."""
    return replaced((Admission, "member", _always(True)))


# Commits and reads.


def _commit_to(choose: Callable[[Core, list[int]], int]) -> Any:
    """A leader's commit index is what ``choose`` says, given what the nodes hold, the most first."""
    tick = Core.tick

    def careless(self: Core) -> None:
        if self.is_leader:
            journal: LmdbJournal = self._obj._SyncObj__raftLog
            held = sorted([journal.last_index, *(self.match_index(peer) for peer in self._nodes)], reverse=True)
            index = choose(self, held)
            if index > self.commit_index:
                self._obj._SyncObj__raftCommitIndex = index
        tick(self)

    return replaced((Core, "tick", careless))


def commit_older_terms() -> Any:
    """An entry of an earlier term is committed once a majority holds it (Raft paper §5.4.2, figure 8)."""
    return _commit_to(lambda core, held: held[len(held) // 2])


def commit_by_minority() -> Any:
    """One node short of a majority is enough."""
    return _commit_to(lambda core, held: held[len(held) // 2 - 1])


def without_read_confirmation() -> Any:
    """A leader answers reads without asking whether it still leads."""

    def at_once(self: ReadIndex, requester: Any, waiters: Any, now_ms: float) -> None:
        self._answer(requester, self._core.commit_index, waiters)

    return replaced((ReadIndex, "_confirm", at_once))


def _confirm_if(may: Callable[[ReadIndex, int], bool]) -> Any:
    """A follower vouches for a leader of the given term if ``may`` says so."""

    def on_confirm(self: ReadIndex, peer: str, term: int, number: int) -> None:
        if may(self, term):
            self._outbox.put(peer, Message(term=term, read_confirmed=ReadConfirmed(id=number)))

    return replaced((ReadIndex, "on_confirm", on_confirm))


def confirm_in_any_term() -> Any:
    """A follower vouches for a read in a term that it knows to be over."""
    return _confirm_if(lambda self, term: not self._guards.quarantine.on)


def confirm_without_memory() -> Any:
    """A wiped follower vouches for a read in any term that its empty disk does not know to be over."""
    return _confirm_if(lambda self, term: term >= self._core.term)


def confirm_in_quarantine() -> Any:
    """A replaced follower vouches for reads as soon as it is in the leader's term."""
    return _confirm_if(lambda self, term: term == self._core.term)


def read_in_quarantine() -> Any:
    """A replaced follower asks its leader for reads, which counts as its word, as soon as it knows one."""
    run = ReadIndex.run

    def eager(self: ReadIndex, *arguments: Any) -> None:
        with patch.object(self._guards, "quarantine", SimpleNamespace(on=False)):
            run(self, *arguments)

    return replaced((ReadIndex, "run", eager))


def read_before_own_commit() -> Any:
    """A new leader answers reads before it has committed an entry of its own term."""
    return replaced((ReadIndex, "_may_answer", lambda self: self._core.is_leader))


def read_before_apply() -> Any:
    """A barrier is answered before this node has applied what the leader had committed."""
    release = ReadIndex.release
    return replaced((ReadIndex, "release", lambda self, applied: release(self, 1 << 60)))


# Proposals, snapshots, time.


def without_numbers() -> Any:
    """Whatever is in the log runs, as often as it is there."""
    return replaced((Proposals, "select", lambda self, group: (group.first_number, group.payloads)))


def late_words() -> Any:
    """What a leader proposed on its own authority gets into the log of a later one (INV-7)."""
    return replaced((Proposals, "_payload", lambda self, number, term: self._pending[number].payload))


def number_of_a_lost_disk() -> Any:
    """A replaced node keeps a number lower than its predecessor's."""
    return replaced((Proposals, "_outlive", lambda self, incarnation: None))


def snapshot_may_go_back() -> Any:
    """An image older than the node's own state is put in force."""
    adopt = snapshot.adopt
    return replaced((snapshot, "adopt", lambda directory, own, applied_index: adopt(directory, own, -1)))


def snapshot_drops_what_follows() -> Any:
    """An image is put in force over a log that holds its last entry, and more."""
    return replaced((snapshot, "_has_caught_up", lambda own, index, term: False))


def snapshot_without_vote() -> Any:
    """An installed image makes the node forget whom it voted for."""
    adopt = snapshot.adopt

    def forgetful(directory: Path, own: Store, applied_index: int) -> int:
        with patch.object(own, "vote", lambda: (0, None)):
            return adopt(directory, own, applied_index)

    return replaced((snapshot, "adopt", forgetful))


def snapshot_without_term() -> Any:
    """An installed image leaves the node in its own term, though the image's state is of a later one."""
    adopt, set_vote = snapshot.adopt, Store.set_vote

    def outdated(directory: Path, own: Store, applied_index: int) -> int:
        vote = own.vote()
        with patch.object(Store, "set_vote", lambda self, term, who: set_vote(self, *vote)):
            return adopt(directory, own, applied_index)

    return replaced((snapshot, "adopt", outdated))


def _stream_told_otherwise(tell: Callable[[SnapshotFrame, list[bytes]], None]) -> Any:
    """The receiver of a snapshot sees each frame as ``tell`` makes it. It is given the chunks so far as well."""
    receive, read = snapshot._receive, snapshot._next

    async def credulous(reader: Any, path: Path) -> None:
        chunks: list[bytes] = []

        async def read_and_tell(reader: Any) -> SnapshotFrame:
            frame = await read(reader)
            if frame.HasField("chunk"):
                chunks.append(frame.chunk.data)
            tell(frame, chunks)
            return frame

        with patch.object(snapshot, "_next", read_and_tell):
            await receive(reader, path)

    return replaced((snapshot, "_receive", credulous))


def snapshot_sequence_unchecked() -> Any:
    """Chunks are taken in whatever order and number they come."""

    def numbered(frame: SnapshotFrame, chunks: list[bytes]) -> None:
        if frame.HasField("chunk"):
            frame.chunk.sequence = len(chunks) - 1

    return _stream_told_otherwise(numbered)


def snapshot_trailer_unchecked() -> Any:
    """Whatever was received has the length and the digest that the trailer tells."""

    def agreed(frame: SnapshotFrame, chunks: list[bytes]) -> None:
        if frame.HasField("trailer"):
            data = b"".join(chunks)
            digest = hashlib.blake2b(data, digest_size=32).digest()
            frame.trailer.CopyFrom(SnapshotTrailer(chunks=len(chunks), length_bytes=len(data), digest=digest))

    return _stream_told_otherwise(agreed)


def lease_clock_counts_twice() -> Any:
    """A turn's end sets the clock of leases back to when the turn began, and what came meanwhile is counted again."""
    begin, finish = Engine.begin_turn, Engine.finish_turn
    began_ms: dict[int, float] = {}

    def begin_turn(self: Engine, now_ms: float, wall_ns: int) -> list[tuple[str, bytes]]:
        began_ms[id(self)] = now_ms
        return begin(self, now_ms, wall_ns)

    def at(self: Engine, now_ms: float) -> None:
        self.guards.now_ms = now_ms
        self.core.set_time(now_ms)
        self._clock_ms += max(now_ms - self._clock_at_ms, 0.0)
        self._clock_at_ms = now_ms

    return replaced(
        (Engine, "begin_turn", begin_turn), (Engine, "_at", at),
        (Engine, "finish_turn", lambda self, now_ms: finish(self, began_ms[id(self)])),
    )  # fmt: skip


def lease_clock_restarts() -> Any:
    """A new leader does not go on from the clock of leases that the log has."""
    return replaced((Engine, "_last_lease_ms", lambda self: 0))
