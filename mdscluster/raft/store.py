"""The tick's one write transaction, and the small records that live beside the log.

``raft_local`` belongs to this node (term, vote, incarnation, quarantine) and never travels;
``raft_state`` is replicated (applied index, membership, proposers) and belongs to the state machine's tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from struct import Struct
from typing import Final

import lmdb
import msgspec

from mdscluster.raft import incarnation
from mdscluster.raft.environment import words
from mdscluster.raft.errors import FormatError, StorageError
from mdscluster.raft.measures import Measures
from mdscluster.raft.members import Membership, Position, pack_at, unpack_at

_U64: Final = Struct(">Q")
_APPLIED: Final = Struct(">QQQ")
_PROPOSER: Final = Struct(">QQ")
FORMAT: Final = 1
"""Of the environment: which databases there are and what their records hold. It travels with a snapshot."""
_FORMAT: Final = b"format"
_VOTE: Final = b"vote"
_INCARNATION: Final = b"incarnation"
_QUARANTINE: Final = b"quarantine"
_DISK: Final = b"disk"
_FOUNDERS: Final = b"founders"
_CLUSTER: Final = b"cluster"
_SEED: Final = b"seed"
_KEY_APPLIED: Final = b"applied"
_KEY_MEMBERSHIP: Final = b"membership"
_PROPOSER_PREFIX: Final = b"p:"


class Store:
    """Everything consensus writes goes through ``txn``, begun on first use and ended once a tick by ``commit``.

    Any LMDB error surfaces as ``StorageError`` and is final: the process must end (condition 5: fsync is
    never retried, for the kernel may have dropped the pages it could not write).
    """

    def __init__(self, env: lmdb.Environment, measures: Measures | None = None) -> None:
        self.env = env
        self._measures = measures or Measures()
        self._txn: lmdb.Transaction | None = None
        self._promised = False
        self.failed = False
        txn = self.txn
        self.log: Final = env.open_db(b"raft_log", txn=txn)
        self.local: Final = env.open_db(b"raft_local", txn=txn)
        self.state: Final = env.open_db(b"raft_state", txn=txn)
        self._check_format()

    @property
    def txn(self) -> lmdb.Transaction:
        """The current tick's write transaction."""
        if self._txn is None:
            self.check()
            self._txn = self.env.begin(write=True)
        return self._txn

    def check(self) -> None:
        """``StorageError`` once a commit has failed: what was not made durable then must not be promised later."""
        if self.failed:
            raise StorageError("storage failed earlier")

    def _check_format(self) -> None:
        """Refuse what a later release wrote. Before there was a mark, the format was 1."""
        raw = self.txn.get(_FORMAT, db=self.state)
        if raw is None:
            self.txn.put(_FORMAT, _U64.pack(FORMAT), db=self.state)
        elif (found := _U64.unpack(raw)[0]) > FORMAT:
            self.abandon()
            raise FormatError(
                f"the state in {self.env.path()} has format {found}, this release reads up to {FORMAT}: "
                "install the release that wrote it, or a later one"
            )

    @contextmanager
    def reading(self) -> Iterator[lmdb.Transaction]:
        """A transaction that sees this tick's writes too, without beginning a write transaction for it."""
        if self._txn is not None:
            yield self._txn
        else:
            with self.env.begin() as txn:
                yield txn

    def promise(self) -> None:
        """What this tick writes must survive power loss before any message of the tick leaves."""
        self._promised = True

    def commit(self) -> bool:
        """End the tick's transaction; False when there was nothing to write.

        The commit makes the pages durable and leaves the meta page to the next one: power loss may undo
        the newest commit, never harm an older one. So an apply, which the log can repeat, costs one flush;
        log, term and vote cost two.
        """
        txn = self._txn
        if txn is None:
            self.check()
            return False
        self._txn = None
        began_s = self._measures.clock_s()
        try:
            txn.commit()
            if self._promised:
                self.env.sync(True)
        except lmdb.Error as error:
            self.failed = True
            raise StorageError(f"cannot make the log durable: {words(self.env.path(), error)}") from error
        self._promised = False
        self._measures.fsync.note(self._measures.clock_s() - began_s)
        return True

    def abandon(self) -> None:
        """Drop the open transaction (after a failure, or when the node is stopped mid-tick)."""
        self.failed = True
        txn, self._txn = self._txn, None
        if txn is not None:
            txn.abort()

    # Term and vote: INV-1.

    def vote(self) -> tuple[int, str | None]:
        """``(term, voted for)`` as made durable last."""
        raw = self.txn.get(_VOTE, db=self.local)
        if raw is None:
            return 0, None
        return _U64.unpack_from(raw)[0], bytes(raw[8:]).decode() or None

    def set_vote(self, term: int, voted_for: str | None) -> None:
        self.txn.put(_VOTE, _U64.pack(term) + (voted_for or "").encode(), db=self.local)
        self._promised = True

    # Applied index and the clock of leases.

    def applied(self) -> tuple[int, int, int]:
        """``(index, term, lease_ms)`` of the entry applied last; index 1 is the first entry of every log."""
        raw = self.txn.get(_KEY_APPLIED, db=self.state)
        if raw is None:
            return 1, 0, 0
        index, term, lease_ms = _APPLIED.unpack(raw)
        return int(index), int(term), int(lease_ms)

    def set_applied(self, index: int, term: int, lease_ms: int) -> None:
        self.txn.put(_KEY_APPLIED, _APPLIED.pack(index, term, lease_ms), db=self.state)

    # Membership.

    def membership(self) -> tuple[Position, Membership] | None:
        """The membership applied last, and its entry's place; None as long as the log never held one."""
        raw = self.txn.get(_KEY_MEMBERSHIP, db=self.state)
        return None if raw is None else unpack_at(bytes(raw))

    def set_membership(self, position: Position, membership: Membership) -> None:
        self.txn.put(_KEY_MEMBERSHIP, pack_at(position, membership), db=self.state)

    # Proposers: exactly once.

    def proposers(self) -> dict[bytes, tuple[int, int]]:
        """Origin -> ``(incarnation, number)`` of its last applied proposal."""
        result: dict[bytes, tuple[int, int]] = {}
        with self.txn.cursor(db=self.state) as cursor:
            if cursor.set_range(_PROPOSER_PREFIX):
                for key, value in cursor:
                    if not key.startswith(_PROPOSER_PREFIX):
                        break
                    result[key[len(_PROPOSER_PREFIX) :]] = _PROPOSER.unpack(value)
        return result

    def set_proposer(self, origin: bytes, applied: tuple[int, int]) -> None:
        self.txn.put(_PROPOSER_PREFIX + origin, _PROPOSER.pack(*applied), db=self.state)

    # This node's incarnation and quarantine.

    def next_incarnation(self, node_id: str, wall_ms: int, mark: int) -> int:
        """A number larger than any this node is known to have used before: here, or in what was applied.

        The wall clock helps only a node whose disk was replaced and that has applied nothing yet; should it be behind,
        ``Proposals`` notices. Only the ``mark``, drawn at random, keeps it from one of the numbers that were used by
        earlier selves on a lost disk and that it has yet to meet.
        """
        applied = self.proposers().get(node_id.encode(), (0, 0))[0]
        number = max(incarnation.above(max(self.incarnation(), applied), mark), incarnation.at(wall_ms, mark))
        self.set_incarnation(number)
        return number

    def incarnation(self) -> int:
        """The number used last; 0 before the first."""
        raw = self.txn.get(_INCARNATION, db=self.local)
        return 0 if raw is None else int(_U64.unpack(raw)[0])

    def set_incarnation(self, number: int) -> None:
        self.txn.put(_INCARNATION, _U64.pack(number), db=self.local)
        self._promised = True

    # This disk and those that it founded the cluster with.

    def disk_id(self) -> bytes:
        """Empty before the first use."""
        return bytes(self.txn.get(_DISK, db=self.local) or b"")

    def set_disk_id(self, disk_id: bytes) -> None:
        if disk_id != self.disk_id():
            self.txn.put(_DISK, disk_id, db=self.local)
            self._promised = True

    def founders(self) -> dict[str, bytes] | None:
        """Node id -> disk; None while this node is no member."""
        raw = self.txn.get(_FOUNDERS, db=self.local)
        return None if raw is None else dict(msgspec.msgpack.decode(raw, type=dict[str, bytes]))

    def set_founders(self, founders: dict[str, bytes]) -> None:
        self.txn.put(_FOUNDERS, msgspec.msgpack.encode(founders), db=self.local)
        self._promised = True

    def cluster(self) -> bytes:
        """Identity of the cluster that this node is a member of; empty as long as it is unknown."""
        return bytes(self.txn.get(_CLUSTER, db=self.local) or b"")

    def set_cluster(self, identity: bytes) -> None:
        self.txn.put(_CLUSTER, identity, db=self.local)
        self._promised = True

    def seed(self) -> bytes:
        """Identity of the state that this disk began with; empty: it began empty."""
        return bytes(self.txn.get(_SEED, db=self.local) or b"")

    def set_seed(self, identity: bytes) -> None:
        self.txn.put(_SEED, identity, db=self.local)
        self._promised = True

    def unused(self) -> bool:
        """This disk was prepared, or started on by mistake, and has promised nothing yet."""
        entries = self.txn.stat(self.log)["entries"]
        return self.founders() is None and self.vote() == (0, None) and self.applied()[0] <= 1 and entries <= 1

    def local_records(self) -> list[tuple[bytes, bytes]]:
        """Everything that is this node's own and does not travel."""
        with self.txn.cursor(db=self.local) as cursor:
            return [(bytes(key), bytes(value)) for key, value in cursor]

    def replace_local(self, records: list[tuple[bytes, bytes]]) -> None:
        """Make these this node's own, and nothing else."""
        self.txn.drop(self.local, delete=False)
        for key, value in records:
            self.txn.put(key, value, db=self.local)
        self._promised = True

    def quarantined(self) -> bool:
        return self.txn.get(_QUARANTINE, db=self.local) == b"1"

    def set_quarantine(self, on: bool) -> None:
        self.txn.put(_QUARANTINE, b"1" if on else b"0", db=self.local)
        self._promised = True
