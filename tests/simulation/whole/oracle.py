"""What was promised, held against what happens, at the moment at which it happens.

Clients' claims are judged by what clients were *told*: a lock is held from the moment its client hears so until that
client asks for its end, or its lease has run out by a committed command. So nothing here depends on how the product
keeps its state.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mdscluster.fsm import clients, layout_states
from mdscluster.fsm.commands import (
    KIND_INTERNAL,
    ExpireClients,
    FenceConfirmed,
    RecallDone,
    unpack_internal,
)
from mdscluster.fsm.machine import StateMachine
from nfsclient.stats import FAILOVER_STATUSES
from nfswire import dsfh, nfs4

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.layout_states import LayoutState
    from tests.simulation.whole.clients import Generation
    from tests.simulation.whole.data_server import SimDataServer
    from tests.simulation.whole.front_end import WholeNode
    from tests.simulation.whole.simulation import WholeSimulation

DIGEST_EVERY: Final = 64
"""Replicas' digests are compared at every so-manieth log index."""

FORBIDDEN: Final = frozenset((*FAILOVER_STATUSES, nfs4.NFS4ERR_RETRY_UNCACHED_REP, nfs4.NFS4ERR_OLD_STATEID))
"""What no client may hear whose lease did not run out (INV-7)."""
_LAYOUT_OPS: Final = (nfs4.OP_LAYOUTGET, nfs4.OP_LAYOUTRETURN, nfs4.OP_LAYOUTCOMMIT, nfs4.OP_LAYOUTERROR)


@dataclass(frozen=True)
class Claim:
    """What a client was told it holds: no other client may be told so of what conflicts."""

    kind: str  # "lock", "open" or "layout"
    holder: Generation
    where: str
    first: int
    last: int
    excludes: int  # bits that others must not have
    has: int  # bits that it has

    def conflicts(self, other: Claim) -> bool:
        return (
            (self.kind, self.where) == (other.kind, other.where)
            and self.holder is not other.holder
            and self.first <= other.last
            and other.first <= self.last
            and bool(self.excludes & other.has or self.has & other.excludes)
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.where} [{self.first}, {self.last}] has {self.has} excludes {self.excludes}"


@dataclass
class Oracle:
    """Every invariant that is about more than one node's log."""

    world: WholeSimulation
    claims: dict[object, Claim] = field(default_factory=dict)
    revoked: dict[bytes, None] = field(default_factory=dict)
    """Filehandles that no data server may accept any more."""
    layouts_gone: set[object] = field(default_factory=set)
    """Keys of layouts that were revoked: who was paused meanwhile may still be told of the grant, and is fenced."""
    digests: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    unconfirmed: dict[tuple[bytes, int, int], float] = field(default_factory=dict)
    """Answers of nodes without quorum under ``read-only`` that nobody has heard yet, by session, slot and sequence ID:
    since when the node's state was known to hold all that was acknowledged."""
    sessions_gone: dict[bytes, float] = field(default_factory=dict)
    """When sessions ended. A client that stood still while it mounted may not have known its own yet."""
    counts: Counter[str] = field(default_factory=Counter)

    def violation(self, text: str) -> None:
        self.world.note_violation(text)

    # INV-5.

    def told(self, key: object, claim: Claim) -> None:
        """A client heard that it holds something."""
        if claim.holder.lost or key in self.layouts_gone:
            return
        self.counts[f"{claim.kind} told"] += 1
        for other in self.claims.values():
            if claim.conflicts(other):
                self.violation(
                    f"INV-5: {claim.holder.name} was told that it holds {claim}, "
                    f"while {other.holder.name} holds {other}"
                )
        self.claims[key] = claim

    def released(self, key: object) -> None:
        """A client asks for the end of what it holds, and relies on it no more."""
        self.claims.pop(key, None)

    def released_layouts(self, holder: Generation) -> None:
        """A client gives back every layout that it has."""
        for key in [k for k, claim in self.claims.items() if claim.holder is holder and claim.kind == "layout"]:
            del self.claims[key]

    def lost_all(self, holder: Generation) -> None:
        """A client's state has ended by a committed command, or it died."""
        for key in [key for key, claim in self.claims.items() if claim.holder is holder]:
            del self.claims[key]

    # INV-7.

    def heard(self, holder: Generation, status: int, last_op: int) -> None:
        """A metadata server's answer reached a client; ``last_op`` is the operation that it ended with."""
        if status not in FORBIDDEN or holder.lost:
            return
        if holder.stale_is_right and status == nfs4.NFS4ERR_STALE:
            return
        if last_op in _LAYOUT_OPS and (holder.revoked or status == nfs4.NFS4ERR_OLD_STATEID):
            return  # what was taken away cannot be returned; LAYOUT* of one client may cross on the way (§12.5.3)
        if holder.client is None and status == nfs4.NFS4ERR_STALE_CLIENTID:
            return  # while it mounts: two of its EXCHANGE_IDs crossed on the way (§18.35.5, case 4)
        session = None if holder.client is None else holder.client.mds.core.session
        if session is not None and session.session_id in self.sessions_gone:
            self._lost(holder, self.sessions_gone[session.session_id])
            return
        if holder.client is None and status == nfs4.NFS4ERR_BADSESSION:
            silent_ms = self.world.now_ms - holder.renewed_ms
            if silent_ms >= self.world.lease_promise_ms:  # it stood still while it mounted, its session just made
                self.world.note(holder.name, f"mounts anew, after {silent_ms:.0f} ms of silence")
                holder.lost = True
                return
        self.violation(
            f"INV-7: {holder.name}, whose lease did not run out, heard {nfs4.STATUS_NAMES[status]} "
            f"of {nfs4.OP_NAMES.get(last_op, last_op)}"
        )

    def session_gone(self, session_id: bytes) -> None:
        """A committed command ended a session; heard from each node, the first time counts."""
        self.sessions_gone.setdefault(session_id, self.world.now_ms)
        holder = self.world.holder_of(session_id)
        if holder is not None and not holder.lost:
            self._lost(holder, self.world.now_ms)

    def _lost(self, holder: Generation, gone_ms: float) -> None:
        """The state of a client has ended by a committed command."""
        holder.give_up_opens()
        holder.lost = True
        self.lost_all(holder)
        self.counts["lease ran out"] += 1
        silent_ms = gone_ms - holder.renewed_ms
        self.world.note(holder.name, f"its session has ended; last renewed {silent_ms:.0f} ms ago")
        # Who comes back when its lease has run out may be answered once more before that is committed: it is judged by
        # what was in the log two or three reports ago, each a tenth of a lease apart.
        too_late = gone_ms - holder.late_ms < self.world.lease_ms / 3
        if silent_ms < self.world.lease_promise_ms and not too_late:
            self.violation(
                f"INV-7: the state of {holder.name} was dropped {silent_ms:.0f} ms after a request that was answered; "
                f"the lease is {self.world.lease_ms} ms"
            )

    # INV-6.

    def layout_revoked(self, other: bytes, state: LayoutState) -> None:
        """It is committed that a layout is gone that was not given back."""
        self.claims.pop(("layout", other), None)
        self.layouts_gone.add(("layout", other))
        holder = self.world.holder_of_client(state.client_id)
        if holder is not None:
            holder.revoked = True
        for epoch in sorted({state.epoch, state.epoch_oldest}):
            for stripe in range(len(self.world.data_servers)):
                handle = dsfh.pack_ds_fh(self.world.key, dsfh.FLAG_WRITE, stripe, state.fileid, state.client_id, epoch)
                if handle in self.revoked:
                    continue
                self.revoked[handle] = None
                self.counts["handles revoked"] += 1
                for server in self.world.data_servers.values():
                    self._must_refuse(server, handle)

    def lease_renewed(self, server: SimDataServer) -> None:
        """A data server may serve again, or for longer."""
        self.counts["data server renewed"] += 1
        for handle in self.revoked:
            self._must_refuse(server, handle)

    def _must_refuse(self, server: SimDataServer, handle: bytes) -> None:
        if server.accepts(handle):
            capability = server.capability(handle)
            assert capability is not None
            self.violation(
                f"INV-6: {server.ds_id} accepts I/O on file {capability.fileid:x} by client {capability.clientid:x}, "
                f"epoch {capability.epoch}, whose revocation is committed"
            )

    # INV-8.

    def digest(self, node_id: str, index: int, value: bytes) -> None:
        """A replica's digest in front of an entry."""
        self.counts["digest"] += 1
        first, known = self.digests.setdefault(index, (node_id, value))
        if known != value:
            self.violation(f"INV-8: before index {index}, {node_id} differs from {first}")


class ObservedMachine(StateMachine):
    """The product's state machine, which tells the oracle what the log decides."""

    def __init__(self, env: lmdb.Environment, node: WholeNode) -> None:
        super().__init__(env)
        self._node = node
        self._oracle = node.world.oracle

    def begin_entry(self, txn: lmdb.Transaction, index: int, wall_ns: int, lease_ms: int) -> None:
        if index % DIGEST_EVERY == 0:
            self._oracle.digest(self._node.id, index, self.digest(txn))
        super().begin_entry(txn, index, wall_ns, lease_ms)

    def apply(self, payload: bytes) -> bytes:
        if payload[0] != KIND_INTERNAL:
            return super().apply(payload)
        command = unpack_internal(payload)
        if not isinstance(command, RecallDone | FenceConfirmed | ExpireClients):
            return super().apply(payload)
        cx = self._cx
        cx.reset()
        before: list[tuple[bytes, LayoutState]] = []
        if isinstance(command, FenceConfirmed):
            before = layout_states.of_client(cx, command.client_id)
        elif isinstance(command, RecallDone):
            state = layout_states.load(cx, command.stateid_other)
            before = [] if state is None else [(command.stateid_other, state)]
        result = super().apply(payload)
        if isinstance(command, ExpireClients):
            for client_id in clients.decode_expired(result[1:]).removed:
                self._node.world.note(self._node.id, f"applied: the lease of client {client_id:x} has run out")
        for other, state in before:
            fenced = isinstance(command, FenceConfirmed) or command.epoch > 0
            if fenced and layout_states.load(cx, other) is None:
                self._oracle.layout_revoked(other, state)
        return result
