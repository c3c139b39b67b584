"""Guards with one rule switched off each: the mutation check of the directed traces. Production code has no switch."""

from __future__ import annotations

from mdscluster.raft.guards import Guards
from mdsproto.raft_pb2 import Ack, AppendEntries, Message


class WithoutTermStamp(Guards):
    """Rule 1 off: an ack counts whatever term it was made in."""

    def _on_ack(self, peer: str, message: Message) -> None:
        if self.core.is_leader:
            message.term = self.core.term
        super()._on_ack(peer, message)


class WithoutTruncationRule(Guards):
    """Rule 2 off: pysyncobj gets every append as it came, and truncates behind prevLogIdx whatever is there."""

    def _append(self, peer: str, term: int, body: AppendEntries) -> None:
        entries = [(entry.data, body.prev_index + 1 + i, entry.term) for i, entry in enumerate(body.entries)]
        message = {"type": "append_entries", "term": term, "commit_index": body.commit_index, "entries": entries}
        self.core.deliver(peer, {**message, "prevLogIdx": body.prev_index, "prevLogTerm": body.prev_term})


class WithoutNextIndexRule(Guards):
    """Rule 3 off: acks move nextIndex back, and every message that runs into a gap is answered with a reset."""

    def _deliver_ack(self, peer: str, ack: Ack) -> None:
        message = {"type": "next_node_idx", "next_node_idx": ack.next_index}
        self.core.deliver(peer, {**message, "reset": ack.reset, "success": ack.success})

    def _reject(self, peer: str, term: int, prev: int, first: int, last: int) -> None:
        self._rejected = ("", 0, 0, -1e12)
        super()._reject(peer, term, prev, first, last)


class Stock(WithoutTruncationRule, WithoutNextIndexRule):
    """Rules 2 and 3 off, as pysyncobj is."""


class WithoutSnapshotRule(Guards):
    """Rule 4 off: a follower that does not match is told the commit index all the same."""

    def _append(self, peer: str, term: int, body: AppendEntries) -> None:
        super()._append(peer, term, body)
        if not body.entries:
            commit = {"type": "append_entries", "term": term, "commit_index": body.commit_index}
            self.core.deliver(peer, commit)


class WithoutVoteCount(Guards):
    """Rule 5 off: the same voter counts as often as it is heard."""

    def _on_vote(self, peer: str, message: Message) -> None:
        self.core.deliver(peer, {"type": "response_vote", "term": message.term})


class WithoutPreVote(Guards):
    """Rule 6 off: whoever misses the leader stands at once, and everybody listens."""

    def _start_pre_vote(self) -> None:
        self.core.start_election()

    def _sticky(self) -> bool:
        return False
