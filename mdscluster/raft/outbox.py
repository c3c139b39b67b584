"""Messages of one tick: made during it, sent after its commit.

Consecutive appends to a follower become one message; a message that only says "committed" waits a
moment for company; and a follower that does not acknowledge gets no more than a window's worth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from mdscluster.raft.core import BATCH_BYTES
from mdscluster.raft.journal import LogEntry
from mdsproto.raft_pb2 import Entry, Message


class Append:
    """An append_entries message under construction."""

    __slots__ = ("commit_index", "entries", "prev_index", "prev_term", "size", "term")

    def __init__(self, term: int, prev_index: int, prev_term: int, commit_index: int, entries: list[LogEntry]) -> None:
        self.term = term
        self.prev_index = prev_index
        self.prev_term = prev_term
        self.commit_index = commit_index
        self.entries = entries
        self.size = sum(len(entry[0]) for entry in entries)

    @property
    def last_index(self) -> int:
        return self.prev_index + len(self.entries)

    def take_over(self, newer: Append) -> bool:
        """Become this message and ``newer`` in one, when it continues where this one ends."""
        if newer.term != self.term or newer.prev_index != self.last_index or self.size + newer.size > BATCH_BYTES:
            return False
        self.entries = self.entries + newer.entries
        self.size += newer.size
        self.commit_index = max(self.commit_index, newer.commit_index)
        return True

    def pack(self) -> bytes:
        message = Message(term=self.term)
        body = message.append
        body.prev_index = self.prev_index
        body.prev_term = self.prev_term
        body.commit_index = self.commit_index
        if self.entries:
            body.entries.extend([Entry(term=term, data=data) for data, _, term in self.entries])
        packed: bytes = message.SerializeToString()
        return packed


class _Peer:
    __slots__ = ("commit_told", "held", "held_since_ms", "in_flight", "in_flight_bytes", "last_append_ms", "queue")

    def __init__(self) -> None:
        self.queue: list[Append | bytes] = []
        self.held: Append | None = None
        self.held_since_ms = 0.0
        self.in_flight: deque[tuple[int, int]] = deque()
        self.in_flight_bytes = 0
        self.last_append_ms = 0.0
        self.commit_told = 0


class Outbox:
    """What is to be sent to whom. ``heartbeat_ms`` and ``notice_ms`` bound how long a commit notice may wait."""

    def __init__(self, peers: Iterable[str], *, window_bytes: int, heartbeat_ms: float, notice_ms: float) -> None:
        self._peers = {peer: _Peer() for peer in peers}
        self._window_bytes = window_bytes
        self._heartbeat_ms = heartbeat_ms
        self._notice_ms = notice_ms
        self._packed: tuple[tuple[int, int, int, int], bytes] | None = None
        self.last_broadcast_ms = 0.0
        """When the leader last sent, or found it needless to send, to every follower."""

    def follow(self, peers: Iterable[str]) -> None:
        """Whom there may be messages for from now on."""
        wanted = set(peers)
        for peer in self._peers.keys() - wanted:
            del self._peers[peer]
        for peer in sorted(wanted - self._peers.keys()):
            self._peers[peer] = _Peer()

    def put(self, peer: str, message: Message) -> None:
        """Queue any message but an append. One to whoever is no peer any more is lost."""
        state = self._peers.get(peer)
        if state is None:
            return
        self._release(state)
        state.queue.append(message.SerializeToString())

    def put_append(self, peer: str, message: Append) -> None:
        """Queue an append; joins the one before it where it can."""
        state = self._peers[peer]
        if message.entries:
            state.in_flight.append((message.last_index, message.size))
            state.in_flight_bytes += message.size
        held, state.held = state.held, None
        if held is not None and not held.take_over(message):
            state.queue.append(held)
            held = None
        joined = held if held is not None else message
        last = state.queue[-1] if state.queue else None
        if isinstance(last, Append) and last.take_over(joined):
            return
        state.queue.append(joined)

    def full(self, peer: str) -> bool:
        """The follower owes acknowledgements for a whole window."""
        return self._peers[peer].in_flight_bytes >= self._window_bytes

    def drained(self, peer: str) -> bool:
        """Half the window is free again."""
        return self._peers[peer].in_flight_bytes * 2 <= self._window_bytes

    def acknowledged(self, peer: str, next_index: int) -> None:
        """Entries below ``next_index`` have arrived."""
        state = self._peers[peer]
        while state.in_flight and state.in_flight[0][0] < next_index:
            state.in_flight_bytes -= state.in_flight.popleft()[1]

    def forget_in_flight(self, peer: str) -> None:
        """The follower starts over from an older entry, or its connection is gone."""
        state = self._peers[peer]
        state.in_flight.clear()
        state.in_flight_bytes = 0

    def clear(self, peer: str) -> None:
        """The connection is gone, and everything queued with it."""
        self.forget_in_flight(peer)
        state = self._peers[peer]
        state.queue.clear()
        state.held = None
        state.commit_told = 0
        state.last_append_ms = 0.0

    def last_append_ms(self, peer: str) -> float:
        return self._peers[peer].last_append_ms

    def take(self, now_ms: float, urgent: Iterable[str]) -> list[tuple[str, bytes]]:
        """Everything to be sent now, in order for each peer. ``urgent`` peers wait for the commit index."""
        out: list[tuple[str, bytes]] = []
        for peer, state in self._peers.items():
            waited = state.held is not None and now_ms - state.held_since_ms >= self._notice_ms
            if waited or peer in urgent:
                self._release(state)
            queue = state.queue
            if not queue:
                continue
            state.queue = []
            for message in queue:
                if isinstance(message, bytes):
                    out.append((peer, message))
                elif not waited and len(queue) == 1 and peer not in urgent and self._may_wait(state, message, now_ms):
                    state.held = message
                    state.held_since_ms = now_ms
                else:
                    state.commit_told = message.commit_index
                    state.last_append_ms = now_ms
                    out.append((peer, self._pack(message)))
        return out

    def take_appends(self, now_ms: float) -> list[tuple[str, bytes]]:
        """A leader's appends that carry entries, and whatever is queued before them is an append too."""
        out: list[tuple[str, bytes]] = []
        for peer, state in self._peers.items():
            queue = state.queue
            while queue and isinstance(append := queue[0], Append) and (append.entries or len(queue) > 1):
                del queue[0]
                state.commit_told = append.commit_index
                state.last_append_ms = now_ms
                out.append((peer, self._pack(append)))
        return out

    def deadline_ms(self) -> float:
        """When ``take`` must be called again at the latest."""
        return min(
            (state.held_since_ms + self._notice_ms for state in self._peers.values() if state.held),
            default=float("inf"),
        )

    def _may_wait(self, state: _Peer, message: Append, now_ms: float) -> bool:
        """A message without entries may wait as long as the next heartbeat is not due and it is no probe."""
        return (
            not message.entries
            and self._notice_ms > 0
            and message.commit_index > state.commit_told > 0
            and now_ms - state.last_append_ms + self._notice_ms < self._heartbeat_ms
        )

    @staticmethod
    def _release(state: _Peer) -> None:
        if state.held is not None:
            state.queue.append(state.held)
            state.held = None

    def _pack(self, message: Append) -> bytes:
        """The followers usually get the same bytes: pack once."""
        key = (message.term, message.prev_index, message.commit_index, len(message.entries))
        if self._packed is not None and self._packed[0] == key:
            return self._packed[1]
        packed = message.pack()
        if len(packed) <= BATCH_BYTES:
            self._packed = (key, packed)
        return packed
