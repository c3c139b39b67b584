"""A ``Replica`` of one node in one process, without log or network: for tests and tools.

Synchronous: ``propose`` applies, commits and calls ``done`` before it returns. Time stands still
until the test moves it with ``advance``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mdscluster.raft.interface import MachineFactory
from mdscluster.replica import LEADER, ChangeOutcome, MemberChange, ReplicaStatus

if TYPE_CHECKING:
    import lmdb


def _ignore(event: bytes) -> None:
    """Nobody listens yet."""


class SoloReplica:
    """Applies each proposal as one entry of its own, straight into ``env``."""

    def __init__(
        self,
        env: lmdb.Environment,
        factory: MachineFactory,
        *,
        node_id: str = "mds1",
        wall_ns: int = 1_700_000_000_000_000_000,
    ) -> None:
        self.env = env
        self.on_event: Callable[[bytes], None] = _ignore
        self.machine = factory(env)
        self.node_id = node_id
        self.wall_ns = wall_ns
        self.lease_ms = 0
        self.index = 1
        self.available = True
        """False: behave as a node without quorum (every call fails)."""
        with env.begin(write=True) as txn:
            self.machine.open(txn)

    def advance(self, ms: int) -> None:
        """Let time pass; the next entry carries it."""
        self.wall_ns += ms * 1_000_000
        self.lease_ms += ms

    def propose(self, payload: bytes, done: Callable[[bytes | None], None]) -> None:
        if not self.available:
            done(None)
            return
        done(self.apply_entry([payload])[0])

    def propose_in_term(
        self, term: int, payload: bytes, otherwise: bytes, done: Callable[[bytes | None], None]
    ) -> None:
        self.propose(payload, done)  # there is no other term

    def apply_entry(self, payloads: Sequence[bytes]) -> list[bytes]:
        """Apply ``payloads`` as one log entry, as group commit does; the results in order."""
        machine = self.machine
        self.index += 1
        with self.env.begin(write=True) as txn:
            machine.begin_entry(txn, self.index, self.wall_ns, self.lease_ms)
            results = [machine.apply(payload) for payload in payloads]
            machine.end_entry()
        for event in machine.take_events():
            self.on_event(event)
        return results

    def barrier(self, done: Callable[[bool], None]) -> None:
        done(self.available)

    def change_members(self, change: MemberChange, done: Callable[[ChangeOutcome], None]) -> None:
        done(ChangeOutcome("refused", "this node is a cluster of its own"))

    def status(self, done: Callable[[ReplicaStatus], None]) -> None:
        done(
            ReplicaStatus(
                node_id=self.node_id,
                role=LEADER,
                term=1,
                leader_id=self.node_id,
                commit_index=self.index,
                applied_index=self.index,
                last_log_index=self.index,
                first_log_index=1,
                has_quorum=self.available,
            )
        )

    def digest(self) -> bytes:
        """INV-8."""
        with self.env.begin() as txn:
            return self.machine.digest(txn)
