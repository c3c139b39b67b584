"""Linearizable reads without a log entry: ReadIndex (Raft thesis §6.4), its rounds numbered afresh each time.

A barrier taken on node F while F is in term T may be answered with the commit index of the leader L of T, read
after the barrier began, once a majority was in no later term than T after the barrier began. Then no later leader
can have committed anything before the barrier, for its voters would overlap that majority; and what earlier terms
committed is in L's commit index, as an entry of T is committed. F's own request, stamped with T, is such a
testimony, and so is L being leader: with three nodes one message each way is a whole round.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.core import Core
from mdscluster.raft.guards import Guards
from mdscluster.raft.journal import LmdbJournal
from mdscluster.raft.outbox import Outbox
from mdsproto.raft_pb2 import Message, ReadConfirm, ReadConfirmed, ReadReply, ReadRequest

_WIDEN_MS: Final = 5
"""A confirmation asked of the fewest possible followers for this long is then asked of all."""
_RETRY_MS: Final = 10
_ABANDON_MS: Final = 1_000
"""A round without an answer for this long starts again under a new number."""

Token = Hashable


@dataclass(slots=True)
class _Waiter:
    token: Token
    deadline_ms: float


@dataclass(slots=True)
class _Confirmation:
    """A leader's round: ``requester`` is a follower and its round's number, or None for this node's own."""

    term: int
    index: int
    missing: int
    started_ms: float
    requester: tuple[str, int] | None
    waiters: list[_Waiter]
    asked: list[str] = field(default_factory=list)
    confirmed: set[str] = field(default_factory=set)
    widened: bool = False


class ReadIndex:
    """Barriers of this node, and the leader's part for the others."""

    def __init__(
        self, config: RaftConfig, core: Core, journal: LmdbJournal, guards: Guards, outbox: Outbox, first_id: int
    ) -> None:
        self._config = config
        self._core = core
        self._journal = journal
        self._guards = guards
        self._outbox = outbox
        self._id = first_id
        self.results: list[tuple[Token, bool]] = []
        self._new: list[_Waiter] = []
        self._sent: dict[int, tuple[float, list[_Waiter]]] = {}
        self._applying: list[tuple[int, int, list[_Waiter]]] = []
        """A heap of what is confirmed and waits for an entry to be applied here. A node that needs a snapshot hears its
        leader and applies nothing: these, too, have a deadline."""
        self._route: tuple[str, int, int, int] | None = None
        self._retry_ms = 0.0
        self._parked: list[tuple[str, int, int]] = []
        self._confirmations: dict[int, _Confirmation] = {}
        self._rtt_ms: dict[str, float] = {}

    @property
    def pending(self) -> int:
        """Barriers of this node that are not confirmed yet."""
        groups = [group for _, group in self._sent.values()] + [group for _, _, group in self._applying]
        groups += [round_.waiters for round_ in self._confirmations.values()]
        return len(self._new) + sum(map(len, groups))

    # This node's barriers.

    def request(self, token: Token, now_ms: float) -> None:
        """A barrier that begins now."""
        self._new.append(_Waiter(token, now_ms + self._config.barrier_deadline_ms))

    def run(self, leader: str | None, connection: int, applied: int, now_ms: float) -> None:
        """End of a turn: start rounds for what is new, answer what is applied, time out what waited too long."""
        route = None if leader is None else (leader, self._core.term, connection, self._guards.roster.version)
        if route != self._route:
            self._route = route
            self._restart_rounds()
        if self._confirmations:
            self._tend_confirmations(now_ms)
        if self._sent:
            self._tend_rounds(now_ms)
        if self._parked:
            self._unpark(now_ms)
        if self._new and now_ms >= self._retry_ms and route is not None and not self._guards.quarantine.on:
            self._start_round(route[0], now_ms)
        self.release(applied)
        if self._new and self._new[0].deadline_ms <= now_ms:
            self._new = self._expire(self._new, now_ms)
        if any(group[0].deadline_ms <= now_ms for _, _, group in self._applying):
            kept = [(index, number, self._expire(group, now_ms)) for index, number, group in self._applying]
            self._applying = [entry for entry in kept if entry[2]]
            heapq.heapify(self._applying)

    def _expire(self, waiters: list[_Waiter], now_ms: float) -> list[_Waiter]:
        """Answer those that waited too long; the others."""
        self.results += [(waiter.token, False) for waiter in waiters if waiter.deadline_ms <= now_ms]
        return [waiter for waiter in waiters if waiter.deadline_ms > now_ms]

    def release(self, applied: int) -> None:
        """Entries up to ``applied`` are applied and will be committed to LMDB before any result is handed out."""
        waiting = self._applying
        while waiting and waiting[0][0] <= applied:
            self.results += [(waiter.token, True) for waiter in heapq.heappop(waiting)[2]]

    def deadline_ms(self, now_ms: float) -> float:
        """When ``run`` is due if nothing else happens."""
        due = float("inf")
        if self._new:
            due = max(self._retry_ms, now_ms + 1) if self._route is not None else self._new[0].deadline_ms
        for _, _, group in self._applying:
            due = min(due, group[0].deadline_ms)
        for started_ms, _ in self._sent.values():
            due = min(due, started_ms + _ABANDON_MS)
        for round_ in self._confirmations.values():
            due = min(due, round_.started_ms + (_ABANDON_MS if round_.widened else _WIDEN_MS))
        return due

    def take_results(self) -> list[tuple[Token, bool]]:
        results, self.results = self.results, []
        return results

    def _start_round(self, leader: str, now_ms: float) -> None:
        waiters, self._new = self._new, []
        self._id += 1
        if leader != self._config.node_id:
            self._sent[self._id] = (now_ms, waiters)
            self._outbox.put(leader, Message(term=self._core.term, read_request=ReadRequest(id=self._id)))
        elif not self._may_answer():
            self._again(waiters, now_ms)
        else:
            self._confirm(None, waiters, now_ms)

    def _again(self, waiters: list[_Waiter], now_ms: float) -> None:
        self._put_back(waiters)
        self._retry_ms = now_ms + _RETRY_MS

    def _put_back(self, waiters: list[_Waiter]) -> None:
        """Every group of waiters is kept in the order of their deadlines."""
        self._new = sorted(waiters + self._new, key=lambda waiter: waiter.deadline_ms)

    def _restart_rounds(self) -> None:
        """Another leader, term, connection or membership: whatever was asked is asked again, under a new number.

        A round is counted against one membership. What followers asked of a leader that stays is parked.
        """
        waiters = [waiter for _, group in self._sent.values() for waiter in group]
        waiters += [waiter for round_ in self._confirmations.values() for waiter in round_.waiters]
        core = self._core
        kept = [(round_.requester, round_.term) for round_ in self._confirmations.values() if core.is_leader]
        self._parked = [entry for entry in self._parked if core.is_leader and entry[2] == core.term]
        self._parked += [(*asker, term) for asker, term in kept if asker is not None and term == core.term]
        self._sent.clear()
        self._confirmations.clear()
        self._retry_ms = 0.0
        self._put_back(waiters)

    def _tend_rounds(self, now_ms: float) -> None:
        for number, (started_ms, waiters) in list(self._sent.items()):
            if now_ms - started_ms >= _ABANDON_MS:
                del self._sent[number]
                self._again(waiters, now_ms)

    def _confirmed(self, index: int, waiters: list[_Waiter]) -> None:
        self._id += 1
        heapq.heappush(self._applying, (index, self._id, waiters))

    def on_reply(self, body: ReadReply, now_ms: float) -> None:
        """The leader's answer; one to a round given up long ago is passed over."""
        started = self._sent.pop(body.id, None)
        if started is None:
            return
        if body.ok:
            self._confirmed(body.index, started[1])
        else:
            self._again(started[1], now_ms)

    # The leader's part.

    def _rtt(self, peer: str) -> float:
        return self._rtt_ms.get(peer, 1.0)

    def _may_answer(self) -> bool:
        """Only a leader that has committed an entry of its own term knows the commit index of the earlier ones."""
        core = self._core
        return core.is_leader and self._journal.term_at(core.commit_index) == core.term

    def on_request(self, peer: str, term: int, number: int, now_ms: float) -> None:
        """A follower asks; that it was in our term when it asked is its own confirmation."""
        if not self._core.is_leader or term != self._core.term:
            self._guards.stale(peer, term)
            self._reply(peer, number, None)
        elif not self._may_answer():
            self._parked.append((peer, number, term))
        else:
            self._confirm((peer, number), [], now_ms)

    def _unpark(self, now_ms: float) -> None:
        if self._core.is_leader and not self._may_answer():
            return
        parked, self._parked = self._parked, []
        for peer, number, term in parked:
            self.on_request(peer, term, number, now_ms)

    def _reply(self, peer: str, number: int, index: int | None) -> None:
        body = ReadReply(id=number, ok=index is not None, index=index or 0)
        self._outbox.put(peer, Message(term=self._core.term, read_reply=body))

    def _confirm(self, requester: tuple[str, int] | None, waiters: list[_Waiter], now_ms: float) -> None:
        index = self._core.commit_index
        membership = self._guards.roster.membership
        missing = membership.quorum - 1
        if requester is not None and requester[0] in membership.voters:
            missing -= 1  # It testified by asking.
        if missing <= 0:
            self._answer(requester, index, waiters)
            return
        self._id += 1
        round_ = _Confirmation(self._core.term, index, missing, now_ms, requester, waiters)
        self._confirmations[self._id] = round_
        others = [
            peer
            for peer, state in self._guards.peers.items()
            if state.connected and peer in membership.voters and (requester is None or peer != requester[0])
        ]
        others.sort(key=self._rtt)
        self._ask(self._id, round_, others[:missing])

    def _ask(self, number: int, round_: _Confirmation, peers: list[str]) -> None:
        for peer in peers:
            round_.asked.append(peer)
            self._outbox.put(peer, Message(term=round_.term, read_confirm=ReadConfirm(id=number)))

    def _answer(self, requester: tuple[str, int] | None, index: int, waiters: list[_Waiter]) -> None:
        if requester is None:
            self._confirmed(index, waiters)
        else:
            self._reply(requester[0], requester[1], index)

    def _tend_confirmations(self, now_ms: float) -> None:
        for number, round_ in list(self._confirmations.items()):
            age_ms = now_ms - round_.started_ms
            if age_ms >= _ABANDON_MS:
                del self._confirmations[number]
                self._again(round_.waiters, now_ms)
            elif age_ms >= _WIDEN_MS and not round_.widened:
                round_.widened = True
                for peer in round_.asked:
                    self._rtt_ms[peer] = max(self._rtt(peer), age_ms)
                voters = self._guards.roster.membership.voters - {self._config.node_id}
                others = [
                    peer
                    for peer in sorted(voters)
                    if peer not in round_.asked and (round_.requester is None or peer != round_.requester[0])
                ]
                self._ask(number, round_, others)

    def on_confirmed(self, peer: str, term: int, number: int, now_ms: float) -> None:
        """A follower was in our term after the round began."""
        round_ = self._confirmations.get(number)
        if round_ is None or term != round_.term or term != self._core.term or not self._core.is_leader:
            return
        if peer in round_.confirmed or peer not in round_.asked:
            return
        round_.confirmed.add(peer)
        self._rtt_ms[peer] = self._rtt(peer) + (now_ms - round_.started_ms - self._rtt(peer)) * 0.2
        if len(round_.confirmed) >= round_.missing:
            del self._confirmations[number]
            self._answer(round_.requester, round_.index, round_.waiters)

    # Any follower's part.

    def on_confirm(self, peer: str, term: int, number: int) -> None:
        """Testify that this node is in the leader's term; a node in another term keeps silent or says so."""
        if self._guards.stale(peer, term) or term != self._core.term or self._guards.quarantine.on:
            return
        self._outbox.put(peer, Message(term=term, read_confirmed=ReadConfirmed(id=number)))
