"""What must hold at every step of a simulated cluster, and at its end."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from mdscluster.raft.entry import COMMAND, unpack_stamp
from mdsproto.raft_pb2 import Message

if TYPE_CHECKING:
    from mdscluster.raft.proposals import Bound
    from tests.simulation.consensus.node import SimNode
    from tests.simulation.consensus.simulation import Life, Simulation


class _Word(NamedTuple):
    """A command that is bound to a term."""

    bound: Bound
    node: SimNode
    life: Life
    """Of the process that proposed it."""


class _Pace(NamedTuple):
    """Where a leader's own clock and that of leases stood when it was first seen in its term."""

    life: Life
    term: int
    at_ms: float
    lease_ms: float


class Checks:
    """INV-1, 2, 3, 4, 7 and 8, beside those that every ``Cluster`` checks."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._votes: dict[tuple[str, int], str] = {}
        self._floors: dict[object, int] = {}
        self._highest_acked = 0
        self._positions: dict[int, bytes] = {}
        self._lease_ms = 0
        self._seen = self._checked = 0
        self._terms: dict[str, int] = {}
        self._words: dict[bytes, _Word] = {}
        self._paces: dict[str, _Pace] = {}

    # INV-1.

    def heard(self, a: str, b: str, message: Message) -> None:
        """A node's votes, as others hear of them: one in a term, for whoever it may be. And who leads: a leader that
        dies in its first turn is not observed."""
        kind = message.WhichOneof("body")
        if kind == "vote":
            self._vote(a, message.term, b)
        elif kind == "request_vote":
            self._vote(a, message.term, a)
        elif kind == "append":
            self._world.led_ms.setdefault(message.term, self._world.now_ms)
            if (known := self._world.leaders.setdefault(message.term, a)) != a:
                self._world.violated(f"INV-1: term {message.term} has leaders {known} and {a}")

    def _vote(self, voter: str, term: int, candidate: str) -> None:
        known = self._votes.setdefault((voter, term), candidate)
        if known != candidate:
            self._world.violated(f"INV-1: {voter} voted for {known} and for {candidate} in term {term}")

    # INV-8, and the clock of leases, which only grows, and no faster than its leader's (ADR 5).

    def observe(self, node: SimNode) -> None:
        self._judge_pace(node)
        world = self._world
        core = node.engine.core
        if core.is_leader and world.leaders.get(core.term) == node.id and self._terms.get(node.id) != core.term:
            self._terms[node.id] = core.term
            world.led_ms.setdefault(core.term, world.now_ms)
            world.counts["elections"] += 1
            world.note(node.id, f"leads term {core.term}, log to {node.engine.journal.last_index}")
        if self._seen < len(world.committed):
            self._judge_clock()

    def _judge_pace(self, node: SimNode) -> None:
        """Within a term the clock of leases is no faster than its leader's own."""
        engine = node.engine
        if not engine.core.is_leader:
            return
        life, term, since = self._world.lives[node.id], engine.core.term, self._paces.get(node.id)
        if since is None or (since.life, since.term) != (life, term):
            self._paces[node.id] = _Pace(life, term, engine._clock_at_ms, engine._clock_ms)
            return
        passed_ms, counted_ms = node.now_ms - since.at_ms, engine._clock_ms - since.lease_ms
        if counted_ms > passed_ms + 1e-3:
            self._world.violated(
                f"INV-7: the clock of leases has gone on by {counted_ms:.3f} ms in {passed_ms:.3f} ms of {node.id}"
            )

    def _judge_clock(self) -> None:
        """Not every entry is seen: some are applied and dropped from the log in the same turn. Those that are seen late
        are passed over."""
        world = self._world
        for index, (_, data) in islice(world.committed.items(), self._seen, None):
            if index > self._checked and data[0] == COMMAND:
                self._checked, lease_ms = index, unpack_stamp(data)[1]
                if lease_ms < self._lease_ms:
                    world.violated(f"INV-7: the clock of leases goes back at entry {index}")
                self._lease_ms = lease_ms
        self._seen = len(world.committed)

    # A leader's word counts in its term only (INV-7, docs/adr/0027).

    def said(self, node: SimNode, word: bytes, bound: Bound) -> None:
        """What a leader says: a command that is bound to its term."""
        self._words[word] = _Word(bound, node, self._world.lives[node.id])

    def ran(self, node: SimNode, index: int, command: bytes) -> None:
        word = self._words.get(command)
        if word is not None and (term := node.engine.journal.term_at(index)) != word.bound.term:
            self._world.violated(
                f"INV-7: {command!r} counts in term {word.bound.term} only, and {node.id} runs it from entry {index} "
                f"of term {term}"
            )

    def words(self) -> None:
        """At the end. Whatever a living process proposed has run by now, or what takes its place: it has proposed more
        since, and that was answered."""
        world = self._world
        ran = {command for node in world.nodes.values() for command in node.history()}
        for command, (bound, node, life) in self._words.items():
            if bound.otherwise not in ran:
                continue
            world.counts["word replaced"] += 1
            if command in ran:
                world.violated(f"INV-3: {command!r} ran, and what takes its place, too")
            if node.results.get(command) is not None:
                world.violated(f"INV-7: {command!r} did not run, and {node.id} was told its outcome")
            if life is world.lives[node.id] and command not in node.results:
                world.violated(f"liveness: {command!r} did not run, and {node.id} was not told so")

    # INV-3 and INV-4. The result of a command is how many had run with it.

    def invoked(self, token: object) -> None:
        """A proposal or barrier begins: whatever was acknowledged by now comes before it."""
        self._floors[token] = self._highest_acked

    def result(self, node: SimNode, token: object, result: bytes | None) -> None:
        world = self._world
        world.counts["acked" if result is not None else "unknown outcome"] += 1
        world.note(node.id, f"answers {token!r}: {'unknown' if result is None else result.decode()}")
        if result is None:
            return
        position = int(result)
        assert isinstance(token, bytes)
        if self._positions.setdefault(position, token) != token:
            world.violated(f"INV-3: {token!r} and {self._positions[position]!r} both ran as number {position}")
        if position <= self._floors.get(token, 0):
            world.violated(
                f"INV-4: {token!r} ran as number {position}, though {self._floors[token]} were acknowledged before it"
            )
        self._highest_acked = max(self._highest_acked, position)

    def barrier(self, node: SimNode, token: object, *, ok: bool) -> None:
        world = self._world
        world.counts["barrier" if ok else "no barrier"] += 1
        if not ok:
            return
        shown = node.count()
        world.note(node.id, f"answers {token!r}: a read shows {shown} commands")
        if shown < self._floors[token]:
            world.violated(
                f"INV-4: a read on {node.id} shows {shown} commands, {self._floors[token]} were acknowledged before it"
            )
