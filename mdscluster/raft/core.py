"""The seam to pysyncobj 0.3.17: one object that owns a ``SyncObj`` and touches its privates, nothing else does.

pysyncobj elects, replicates and commits. No method of it is overridden. What is arranged here:

- its journal, transport and clock are ours (``createJournal`` for the moment of construction, the
  ``Transport`` argument, the module's ``monotonicTime``): it reads no real clock and opens nothing;
- it never applies: our entries carry a command type its apply passes over, and the engine applies them;
- it never compacts, never unpickles, never changes membership by itself, never forwards a command;
- whom it counts and sends to is set from outside (``set_members``): other voters, and learners as its read-only nodes;
- its own election timer is set out of reach: ``guards`` decides when an election starts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pysyncobj.syncobj as syncobj
from pysyncobj import SyncObj, SyncObjConf
from pysyncobj.node import Node
from pysyncobj.transport import Transport
from pysyncobj.version import VERSION as PYSYNCOBJ_VERSION

from mdscluster.raft.errors import ConsensusBug
from mdscluster.raft.journal import LmdbJournal

REQUIRED_VERSION: Final = "0.3.17"
BATCH_BYTES: Final = 3 << 19
"""Entries of one append message; larger than any entry, so pysyncobj never splits one (it would pickle it)."""
_PRIVATES: Final = (
    "_SyncObj__raftNextIndex",
    "_SyncObj__raftMatchIndex",
    "_SyncObj__raftLastApplied",
    "_SyncObj__raftElectionDeadline",
    "_SyncObj__otherNodes",
    "_SyncObj__readonlyNodes",
    "_SyncObj__lastResponseTime",
    "_SyncObj__newAppendEntriesTime",
)
_MODULE_NAMES: Final = ("createJournal", "createPoller", "PIPE_NOTIFIER_ENABLED", "monotonicTime")
_NEVER_S: Final = 1e8

PyMessage = dict[str, Any]
"""pysyncobj's message."""


class _TickClock:
    """pysyncobj's clock: stands at the time the engine was given last. Several cores of one process share it."""

    now_s = 1.0

    def read(self) -> float:
        return self.now_s


_CLOCK: Final = _TickClock()


class _NoPoller:
    """pysyncobj polls nothing: the event loop is ours."""

    def subscribe(self, *_: object) -> None:
        """Nothing to watch."""

    def unsubscribe(self, *_: object) -> None:
        """Nothing was watched."""

    def poll(self, _timeout: float) -> None:
        """Never waits."""


class _PeerNode(Node):  # type: ignore[misc]  # pysyncobj is untyped
    """A node of which there is one object: compared by identity, which saves Python-level calls in every tick."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__
    __ne__ = object.__ne__


class _Seam(Transport):  # type: ignore[misc]  # pysyncobj is untyped
    """Hands pysyncobj's messages to the guards, and theirs to pysyncobj."""

    def __init__(self, send: Callable[[str, PyMessage], None]) -> None:
        super().__init__(None, None, None)
        self._send = send

    def send(self, node: Node, message: PyMessage) -> bool:
        self._send(node.id, message)
        return True

    def destroy(self) -> None:
        """Nothing is held."""


def check_pysyncobj() -> None:
    """Raise ``ConsensusBug`` unless this is the release that was read, simulated and guarded."""
    if PYSYNCOBJ_VERSION != REQUIRED_VERSION:
        raise ConsensusBug(
            f"pysyncobj {PYSYNCOBJ_VERSION} is installed; the guards are proven for {REQUIRED_VERSION} only"
        )
    for name in _MODULE_NAMES:
        if not hasattr(syncobj, name):
            raise ConsensusBug(f"pysyncobj.syncobj has no {name}")


@contextmanager
def _arranged(journal: LmdbJournal) -> Iterator[None]:
    create_journal = syncobj.createJournal
    create_poller = syncobj.createPoller
    syncobj.createJournal = lambda _name: journal
    syncobj.createPoller = lambda _kind: _NoPoller()
    try:
        yield
    finally:
        syncobj.createJournal = create_journal
        syncobj.createPoller = create_poller


class Core:
    """A ``SyncObj`` with types. Time is given by ``set_time``; messages go out through ``send``."""

    def __init__(
        self,
        node_id: str,
        other_ids: tuple[str, ...],
        journal: LmdbJournal,
        send: Callable[[str, PyMessage], None],
        *,
        heartbeat_ms: int,
        fallback_ms: int,
    ) -> None:
        check_pysyncobj()
        syncobj.PIPE_NOTIFIER_ENABLED = False
        syncobj.monotonicTime = _CLOCK.read
        logging.getLogger("pysyncobj").setLevel(logging.CRITICAL)
        self._nodes = {peer: _PeerNode(peer) for peer in other_ids}
        self._journal = journal
        self._seam = _Seam(send)
        conf = SyncObjConf(
            autoTick=False,
            raftMinTimeout=_NEVER_S,
            raftMaxTimeout=2 * _NEVER_S,
            connectionTimeout=4 * _NEVER_S,
            appendEntriesPeriod=heartbeat_ms / 1000,
            leaderFallbackTimeout=fallback_ms / 1000,
            appendEntriesUseBatch=False,
            appendEntriesBatchSizeBytes=BATCH_BYTES,
            logCompactionMinEntries=10**15,
            logCompactionMinTime=10**15,
            commandsWaitLeader=False,
            commandsQueueSize=0,
            dynamicMembershipChange=False,
        )
        with _arranged(journal):
            self._obj = SyncObj(_PeerNode(node_id), list(self._nodes.values()), conf, transport=self._seam)
        for name in _PRIVATES:
            if not hasattr(self._obj, name):
                raise ConsensusBug(f"pysyncobj's SyncObj has no {name}")
        self._next: dict[Node, int] = self._obj._SyncObj__raftNextIndex
        self._match: dict[Node, int] = self._obj._SyncObj__raftMatchIndex
        self._answered: dict[Node, float] = self._obj._SyncObj__lastResponseTime
        # What is applied on disk is applied; pysyncobj would count from 1 again.
        self._obj._SyncObj__raftLastApplied = journal.getRaftCommitIndex()

    # State.

    @property
    def term(self) -> int:
        return int(self._obj.raftCurrentTerm)

    @property
    def commit_index(self) -> int:
        return int(self._obj.raftCommitIndex)

    @property
    def applied_index(self) -> int:
        """Up to where entries may be applied: committed, and passed by pysyncobj's own (empty) apply."""
        return int(self._obj.raftLastApplied)

    @property
    def is_leader(self) -> bool:
        return bool(self._obj._isLeader())

    @property
    def leader_id(self) -> str | None:
        leader = self._obj._getLeader()
        return None if leader is None else str(leader.id)

    def next_index(self, peer: str) -> int:
        """Index of the next entry to send to ``peer``; leader only."""
        return self._next.get(self._nodes[peer], 0)

    def set_next_index(self, peer: str, index: int) -> None:
        self._next[self._nodes[peer]] = index

    def match_index(self, peer: str) -> int:
        """The last entry ``peer`` acknowledged; leader only."""
        return self._match.get(self._nodes[peer], 0)

    def set_match_index(self, peer: str, index: int) -> None:
        self._match[self._nodes[peer]] = index

    # Inputs.

    def set_time(self, now_ms: float) -> None:
        """All that follows happens at ``now_ms`` (any monotonic origin, above 0)."""
        _CLOCK.now_s = now_ms / 1000

    def set_members(self, voters: Iterable[str], learners: Iterable[str], known: Iterable[str]) -> None:
        """Count the other ``voters``, send to them and to ``learners``; messages may come from anybody ``known``.

        Called after each append or truncation that changed the membership, before anything else: then pysyncobj,
        which counts at the beginning of a tick and appends at its end, counts by the membership in effect.
        """
        nodes, obj = self._nodes, self._obj
        for peer in sorted({*known} - nodes.keys()):
            nodes[peer] = _PeerNode(peer)
        sets = ((obj._SyncObj__otherNodes, voters), (obj._SyncObj__readonlyNodes, learners))
        members: set[Node] = set()
        for held, wanted in sets:
            held.clear()
            held.update(nodes[peer] for peer in wanted)
            members |= held
        for node in members - self._next.keys():
            self._next[node] = self._journal.last_index + 1
            self._match[node] = 0
            self._answered[node] = _CLOCK.now_s
        for node in self._next.keys() - members:
            for table in (self._next, self._match, self._answered):
                table.pop(node, None)

    def tick(self) -> None:
        """Commit what a quorum holds, send what is due, append what was queued."""
        self._obj.doTick(0)

    def append(self, data: bytes) -> None:
        """Queue an entry; the next tick appends it if this node still leads, and forgets it otherwise."""
        self._obj._applyCommand(data, None)

    def deliver(self, peer: str, message: PyMessage) -> None:
        self._seam._onMessageReceived(self._nodes[peer], message)

    def connect(self, peer: str) -> None:
        """pysyncobj may send to ``peer``."""
        self._seam._onNodeConnected(self._nodes[peer])

    def disconnect(self, peer: str) -> None:
        """pysyncobj sends nothing more to ``peer``, not even the rest of what it is sending just now."""
        self._seam._onNodeDisconnected(self._nodes[peer])

    def speak(self) -> None:
        """Leader: send everybody a heartbeat, or what is due, in the next tick."""
        self._obj._SyncObj__newAppendEntriesTime = 0

    def start_election(self) -> None:
        """Stand for election in the next tick."""
        self._obj._SyncObj__raftElectionDeadline = 0

    def adopt_term(self, peer: str, term: int) -> None:
        """Step down into a higher term: a vote request that no log can grant has just this effect."""
        self.deliver(peer, {"type": "request_vote", "term": term, "last_log_term": -1, "last_log_index": -1})
