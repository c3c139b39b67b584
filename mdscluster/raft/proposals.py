"""Exactly once: this node's proposals on their way into the log, and out of it.

Each proposal is named (origin node, incarnation of its process, number). The origin sends it to whoever leads,
and again, in order, whenever the leader, its term or the connection changes; apply takes the next number of an
incarnation and passes over every other. The result is that of the origin's own apply.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.entry import Group, pack_entry
from mdscluster.raft.incarnation import above, mark_of
from mdscluster.raft.outbox import Outbox
from mdscluster.raft.store import Store
from mdsproto.raft_pb2 import Forward, Message

_AGAIN_MS: Final = 1_000
_AGAIN_MS_MAX: Final = 16_000
_FORWARD_BYTES_MAX: Final = 1 << 20

Token = Hashable
"""Whatever the caller wants back with the result."""


class Bound(NamedTuple):
    """What a leader proposes on its own authority: a later one may know better."""

    term: int
    """It counts only if it goes into the log of this term."""
    otherwise: bytes
    """What goes there in its place, for its number must run: a command that changes nothing."""


class _Pending(NamedTuple):
    token: Token
    payload: bytes
    deadline_ms: float
    bound: Bound | None = None


class Proposals:
    """The origin's side, the leader's (``on_forward``, ``take_entries``) and apply's (``select``, ``resolve``)."""

    def __init__(self, config: RaftConfig, store: Store, outbox: Outbox, incarnation: int) -> None:
        self._config = config
        self._store = store
        self._outbox = outbox
        self._me = config.node_id.encode()
        self.incarnation = incarnation
        self.results: list[tuple[Token, bytes | None]] = []
        # Origin.
        self._pending: dict[int, _Pending] = {}
        self._expiry: deque[tuple[float, int]] = deque()
        self._pending_bytes = 0
        self._last_number = 0
        self._sent_number = 0
        self._route: tuple[str, int, int] | None = None
        self._head = 0
        self._head_ms = 0.0
        self._again_ms = _AGAIN_MS
        # Leader.
        self._inbox: list[Group] = []
        self._inbox_term = 0
        self._appended: dict[bytes, tuple[int, int]] = {}
        # Apply.
        self._applied = store.proposers()
        self._touched: set[bytes] = set()

    @property
    def pending(self) -> int:
        return len(self._pending)

    # Origin.

    def submit(self, token: Token, payload: bytes, now_ms: float, bound: Bound | None = None) -> None:
        """Take one command. Refused (unknown outcome, though it never ran) when it or the backlog is too large."""
        size = len(payload)
        if size > self._config.payload_bytes_max or self._pending_bytes + size > self._config.pending_bytes_max:
            self.results.append((token, None))
            return
        self._last_number = number = self._last_number + 1
        deadline_ms = now_ms + self._config.propose_deadline_ms
        self._pending[number] = _Pending(token, payload, deadline_ms, bound)
        self._expiry.append((deadline_ms, number))
        self._pending_bytes += size

    def unsent(self) -> bool:
        return self._sent_number < self._last_number

    def route(self, leader: str | None, term: int, connection: int, now_ms: float) -> None:
        """Send what the present leader has not been sent. ``connection`` numbers the connections to it."""
        if leader is None:
            self._route = None  # else the head's next repetition would stay due, turn after turn
            return
        if not self._pending:
            return
        head = next(iter(self._pending))
        key = (leader, term, connection)
        again = False
        if key != self._route:
            self._route = key
            self._sent_number = head - 1
            self._head, self._head_ms, self._again_ms = head, now_ms, _AGAIN_MS
        elif head != self._head:
            self._head, self._head_ms, self._again_ms = head, now_ms, _AGAIN_MS
        elif now_ms - self._head_ms >= self._again_ms:
            # No progress: something was lost on the way. Ever more slowly, for it may just be a slow disk.
            again = True
            self._sent_number = head - 1
            self._head_ms = now_ms
            self._again_ms = min(2 * self._again_ms, _AGAIN_MS_MAX)
        if self._sent_number == self._last_number:
            return
        first = self._sent_number + 1
        self._sent_number = self._last_number
        payloads = [self._payload(number, term) for number in range(first, self._last_number + 1)]
        if leader == self._config.node_id:
            self._accept(Group(self._me, self.incarnation, first, payloads), term, again=again)
        else:
            self._forward(leader, term, first, payloads, again=again)

    def _payload(self, number: int, term: int) -> bytes:
        """What goes under this number into the log of ``term``.

        The log of an earlier one may still come to hold what it replaces, and then that has run: nobody knows.
        """
        entry = self._pending[number]
        if entry.bound is None or entry.bound.term == term:
            return entry.payload
        if entry.token is not None:
            self.results.append((entry.token, None))
        self._pending_bytes += len(entry.bound.otherwise) - len(entry.payload)
        self._pending[number] = entry._replace(token=None, payload=entry.bound.otherwise, bound=None)
        return entry.bound.otherwise

    def _forward(self, leader: str, term: int, first: int, payloads: list[bytes], *, again: bool) -> None:
        start = 0
        while start < len(payloads):
            end, size = start, 0
            while end < len(payloads) and (end == start or size + len(payloads[end]) <= _FORWARD_BYTES_MAX):
                size += len(payloads[end])
                end += 1
            body = Forward(
                incarnation=self.incarnation, first_number=first + start, payloads=payloads[start:end], again=again
            )
            self._outbox.put(leader, Message(term=term, forward=body))
            start = end

    def expire(self, now_ms: float) -> None:
        """Answer "unknown" to whoever waited too long; the proposals themselves stay in line."""
        while self._expiry and self._expiry[0][0] <= now_ms:
            number = self._expiry.popleft()[1]
            entry = self._pending.get(number)
            if entry is not None and entry.token is not None:
                self.results.append((entry.token, None))
                self._pending[number] = entry._replace(token=None)

    def deadline_ms(self) -> float:
        """When something is due here if nothing else happens."""
        if not self._pending:
            return float("inf")
        again_ms = self._head_ms + self._again_ms if self._route is not None else float("inf")
        return min(again_ms, self._expiry[0][0] if self._expiry else float("inf"))

    # Leader.

    def on_forward(self, peer: str, body: Forward, term: int) -> None:
        """A follower's proposals; kept only while this node leads in ``term``."""
        group = Group(peer.encode(), body.incarnation, body.first_number, list(body.payloads))
        self._accept(group, term, again=body.again)

    def _accept(self, group: Group, term: int, *, again: bool) -> None:
        if term != self._inbox_term:
            self._inbox_term = term
            self._inbox.clear()
            self._appended.clear()
        origin, incarnation, first, payloads = group
        last = first + len(payloads) - 1
        known_incarnation, known = self._appended.get(origin, (0, 0))
        if incarnation < known_incarnation:
            return
        if incarnation == known_incarnation and not again:
            # Appended in this term already: it will commit, or this node will lose the term.
            skip = max(known + 1 - first, 0)
            if skip >= len(payloads):
                return
            if skip:
                group = Group(origin, incarnation, first + skip, payloads[skip:])
            elif first > known + 1:
                return  # A gap: something was lost on the way; the origin sends it all again.
        self._appended[origin] = (incarnation, max(last, known) if incarnation == known_incarnation else last)
        self._inbox.append(group)

    def discard_inbox(self) -> None:
        """This node does not lead: its followers send elsewhere."""
        self._inbox.clear()

    def take_entries(self, wall_ns: int, lease_ms: int) -> list[bytes]:
        """Everything that came in this turn, as entries of bounded size."""
        if not self._inbox:
            return []
        groups, self._inbox = self._inbox, []
        limit = self._config.entry_bytes_max
        entries: list[bytes] = []
        batch: list[Group] = []
        size = 0
        for group in groups:
            part: list[bytes] = []
            first = group.first_number
            for payload in group.payloads:
                if size and size + len(payload) > limit:
                    if part:
                        batch.append(group._replace(first_number=first, payloads=part))
                        first += len(part)
                        part = []
                    entries.append(pack_entry(wall_ns, lease_ms, batch))
                    batch, size = [], 0
                part.append(payload)
                size += len(payload) + 4
            if part:
                batch.append(group._replace(first_number=first, payloads=part))
        if batch:
            entries.append(pack_entry(wall_ns, lease_ms, batch))
        return entries

    # Apply.

    def select(self, group: Group) -> tuple[int, Sequence[bytes]]:
        """The proposals of ``group`` that run now: ``(number of the first, payloads)``. The others ran, or must wait.

        Deterministic: the answer depends on the log alone.
        """
        origin, incarnation, first, payloads = group
        known_incarnation, known = self._applied.get(origin, (0, 0))
        if incarnation > known_incarnation:
            known = 0
        elif incarnation < known_incarnation:
            return first, ()
        if incarnation > self.incarnation and origin == self._me:
            self._outlive(incarnation)
        skip = known + 1 - first
        if skip < 0 or skip >= len(payloads):
            return first, ()
        self._applied[origin] = (incarnation, first + len(payloads) - 1)
        self._touched.add(origin)
        return first + skip, payloads[skip:] if skip else payloads

    def resolve(self, origin: bytes, incarnation: int, number: int, result: bytes) -> None:
        """A proposal ran here; its origin, if that is this process, gets the result after the commit."""
        if origin != self._me or incarnation != self.incarnation:
            return
        entry = self._pending.pop(number, None)
        if entry is None:
            return
        self._pending_bytes -= len(entry.payload)
        if entry.token is not None:
            self.results.append((entry.token, result))

    def _outlive(self, incarnation: int) -> None:
        """Go on above an earlier self of this node, which used a higher number than this process was given.

        Its disk is lost, and the clock of the machine in its place is behind. From here on the log passes over what
        was proposed under the lower number, on every node, and nothing that is still pending has run: so it may be
        proposed anew.
        """
        self.incarnation = above(incarnation, mark_of(self.incarnation))
        self._store.set_incarnation(self.incarnation)
        pending = [self._pending[number] for number in sorted(self._pending)]
        self._pending = dict(enumerate(pending, 1))
        self._expiry = deque((entry.deadline_ms, number) for number, entry in self._pending.items())
        self._last_number = len(pending)
        self._sent_number = 0
        self._route = None

    def save(self) -> None:
        """Write the proposers that moved, in the transaction that applied their proposals."""
        for origin in self._touched:
            self._store.set_proposer(origin, self._applied[origin])
        self._touched.clear()

    def take_results(self) -> list[tuple[Token, bytes | None]]:
        results, self.results = self.results, []
        return results
