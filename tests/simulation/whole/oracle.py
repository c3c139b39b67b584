"""What was promised, held against what happens, at the moment at which it happens.

Clients' claims are judged by what clients were *told*: a lock is held from the moment its client hears so until that
client asks for its end, or its lease has run out by a committed command. So nothing here depends on how the product
keeps its state.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from mdscluster.control.liveness import DS_DOWN_MS
from mdscluster.fsm import clients, data_servers, features, io_claims, layout_states
from mdscluster.fsm.commands import (
    KIND_INTERNAL,
    DataServerUpdate,
    ExpireClients,
    FenceConfirmed,
    RecallDone,
    unpack_internal,
)
from mdscluster.fsm.machine import StateMachine
from mdscluster.fsm.tables import U64
from nfsclient.stats import FAILOVER_STATUSES
from nfswire import dsfh, nfs4
from tests.simulation.whole.faults import CLOCK_RATES

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.io_claims import IoClaim
    from mdscluster.fsm.layout_states import LayoutState
    from tests.simulation.whole.clients import Generation
    from tests.simulation.whole.data_server import SimDataServer
    from tests.simulation.whole.front_end import WholeNode
    from tests.simulation.whole.simulation import WholeSimulation

SILENCE_MS: Final = DS_DOWN_MS / CLOCK_RATES[-1] - 1
"""Of a data server, before it may count as down: by the clock of the fastest leader."""
DIGEST_EVERY: Final = 64
"""Replicas' digests are compared at every so-manieth log index."""

FORBIDDEN: Final = frozenset((*FAILOVER_STATUSES, nfs4.NFS4ERR_RETRY_UNCACHED_REP, nfs4.NFS4ERR_OLD_STATEID))
"""What no client may hear whose lease did not run out (INV-7)."""
_IO_OPS: Final = (nfs4.OP_READ, nfs4.OP_WRITE, nfs4.OP_COMMIT)
"""Where NFS4ERR_IO and NFS4ERR_NOSPC may be right; ``DataWorker`` judges when."""
_LAYOUT_OPS: Final = (nfs4.OP_LAYOUTGET, nfs4.OP_LAYOUTRETURN, nfs4.OP_LAYOUTCOMMIT, nfs4.OP_LAYOUTERROR)

Proposal = tuple[str, int, int]
"""The name of a proposal (``raft/proposals.py``): its node, the incarnation of its process, its number there."""


class Missed(NamedTuple):
    """What a proposal that a data server is down went by."""

    term: int
    """That its node led in; 0: it did not lead."""
    ms: float
    """For how long of this term its node had not heard of the data server."""


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
    unconfirmed: dict[tuple[bytes, int, int], tuple[float, str]] = field(default_factory=dict)
    """Answers of nodes without quorum under ``read-only`` that nobody has heard yet, by session, slot and sequence ID:
    since when the node's state was known to hold all that was acknowledged, and which life of a node gave it."""
    sessions_gone: dict[bytes, float] = field(default_factory=dict)
    """When sessions ended. A client that stood still while it mounted may not have known its own yet."""
    down: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """When the log had each data server for down: from and to, in ms."""
    heard_ms: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each node (first) last heard of each data server; when its front end began, if it has not yet."""
    missed: dict[Proposal, Missed] = field(default_factory=dict)
    """What each proposal that a data server is down went by. It speaks for the command which that proposal became, and
    for no other: one that is lost excuses nothing."""
    updates_seen: set[Proposal] = field(default_factory=set)
    """Commands that say how a data server is: replicas apply each several times."""
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
        if status in (nfs4.NFS4ERR_IO, nfs4.NFS4ERR_NOSPC) and last_op not in _IO_OPS and not holder.lost:
            self.violation(f"INV-7: {holder.name} heard {nfs4.STATUS_NAMES[status]} of {nfs4.OP_NAMES[last_op]}")
        if status not in FORBIDDEN or holder.lost:
            return
        if holder.stale_is_right and status == nfs4.NFS4ERR_STALE:
            return
        if last_op in _LAYOUT_OPS and (status == nfs4.NFS4ERR_OLD_STATEID or holder.knows_revoked_layout()):
            return  # LAYOUT* of one client may cross on the way (§12.5.3); what was taken away cannot be returned
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

    # INV-7: I/O errors. A data server that the log has for down is one, and it has to be silent first.

    def front_began(self, node_id: str) -> None:
        """A front end starts, and has heard of no data server."""
        for ds_id in self.world.data_servers:
            self.heard_ms[node_id, ds_id] = self.world.now_ms

    def heartbeat(self, node_id: str, ds_id: str) -> None:
        """A node has taken note of a data server."""
        self.heard_ms[node_id, ds_id] = self.world.now_ms

    def proposes_down(self, node_id: str, ds_id: str) -> Missed:
        """A node's front end wants it in the log that a data server is down. What comes of it may be committed much
        later, when that front end has heard of it, or is gone. What it did not hear before it led counts for nothing:
        it may have been cut off itself."""
        core, now_ms = self.world.nodes[node_id].engine.core, self.world.now_ms
        if not core.is_leader:
            return Missed(0, 0.0)
        led_ms = now_ms - self.world.led_ms.get(core.term, now_ms)
        return Missed(core.term, min(self._silence_ms(node_id, ds_id), led_ms))

    def counted(self, index: int, term: int, ds_id: str, proposal: Proposal, *, up: bool, was_up: bool) -> None:
        """It is committed, by an entry of ``term``, whether a data server is up, ``was_up`` before. Who led in that
        term had missed it when he proposed so, or has missed it by now. What was proposed in an earlier term, by one
        who was cut off since, never counts (seeds 226 of 3 nodes, 77 of 5)."""
        now_ms, times = self.world.now_ms, self.down.setdefault(ds_id, [])
        if up and not was_up:
            times[-1] = times[-1][0], now_ms
        if up or not was_up:
            return
        self.counts["data server counted down"] += 1
        times.append((now_ms, float("inf")))
        leader = self.world.leaders[term]
        silence_ms = min(self._silence_ms(leader, ds_id), now_ms - self.world.led_ms[term])
        missed = self.missed.get(proposal, Missed(0, 0.0))
        proposed_ms = missed.ms if missed.term == term else 0.0
        if max(proposed_ms, silence_ms) < SILENCE_MS:
            self.violation(
                f"INV-7: entry {index} of term {term} has {ds_id} for down, of which {leader}, who led, heard, or "
                f"began to lead, {silence_ms:.0f} ms ago"
            )

    def _silence_ms(self, node_id: str, ds_id: str) -> float:
        return self.world.now_ms - self.heard_ms.get((node_id, ds_id), 0.0)

    def trouble_since(self, since_ms: float, *, everywhere: bool = False) -> bool:
        """Whether the log has had a data server for down at any time since; ``everywhere``: each of them."""
        found = [any(end_ms >= since_ms for _, end_ms in self.down.get(ds_id, ())) for ds_id in self.world.data_servers]
        return all(found) if everywhere else any(found)

    # INV-6.

    def layout_revoked(self, other: bytes, state: LayoutState) -> None:
        """It is committed that a layout is gone that was not given back."""
        self.claims.pop(("layout", other), None)
        self.layouts_gone.add(("layout", other))
        holder = self.world.holder_of_client(state.client_id)
        if holder is not None:
            holder.revoked.add(other)
        for epoch in sorted({state.epoch, state.epoch_oldest}):
            if self._void(state.fileid, state.client_id, epoch):
                self.counts["handles revoked"] += 1

    def client_dropped(self, client_id: int, claim: IoClaim | None, fileids: list[int]) -> None:
        """It is committed that a client is gone whose lease ran out: no metadata server may write for it any more.

        ``claim``: as it stood before. Without a holder it has raised a fence, which voids what is below its epoch.
        ``fileids``: files that have data.
        """
        self.counts["client dropped"] += 1
        if claim is None:
            return
        epoch = claim.epoch if claim.holder else claim.epoch - 1
        for fileid in fileids:
            if self._void(fileid, io_claims.identity(client_id), epoch):
                self.counts["claims dropped"] += 1

    def _void(self, fileid: int, client_id: int, epoch: int) -> bool:
        """From now on no data server may accept these handles; whether that is news."""
        news = False
        for stripe in range(len(self.world.data_servers)):
            handle = dsfh.pack_ds_fh(self.world.key, dsfh.FLAG_WRITE, stripe, fileid, client_id, epoch)
            if handle in self.revoked:
                continue
            news = True
            self.revoked[handle] = None
            for server in self.world.data_servers.values():
                self._must_refuse(server, handle)
        return news

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
        self._index = 0
        self._proposal: Proposal = ("", 0, 0)
        self._next = self._proposal

    def begin_entry(self, txn: lmdb.Transaction, index: int, wall_ns: int, lease_ms: int) -> None:
        if index % DIGEST_EVERY == 0:
            self._oracle.digest(self._node.id, index, self.digest(txn))
        super().begin_entry(txn, index, wall_ns, lease_ms)
        self._index = index

    def proposals_from(self, first: Proposal) -> None:
        """What is applied next was proposed as ``first``; the others follow it without gaps."""
        self._next = first

    def apply(self, payload: bytes) -> bytes:
        self._proposal = origin, incarnation, number = self._next
        self._next = origin, incarnation, number + 1
        if payload[0] != KIND_INTERNAL:
            return super().apply(payload)
        command = unpack_internal(payload)
        if isinstance(command, DataServerUpdate):
            return self._apply_update(payload, command.ds_id)
        if not isinstance(command, RecallDone | FenceConfirmed | ExpireClients):
            return super().apply(payload)
        cx = self._cx
        cx.reset()
        before: list[tuple[bytes, LayoutState]] = []
        lived: dict[int, IoClaim | None] = {}
        if isinstance(command, FenceConfirmed):
            before = layout_states.of_client(cx, command.client_id)
        elif isinstance(command, ExpireClients):
            for client_id in command.client_ids:
                before += layout_states.of_client(cx, client_id)
                if clients.load(cx, client_id) is not None:
                    lived[client_id] = io_claims.load(cx.txn, cx.tables, client_id)
        else:
            state = layout_states.load(cx, command.stateid_other)
            before = [] if state is None else [(command.stateid_other, state)]
        at_once = isinstance(command, RecallDone) and not command.epoch
        forgiving = at_once and features.level(cx.txn, cx.tables) < features.GRANTS_IN_DOUBT
        result = super().apply(payload)
        dropped = [client_id for client_id in lived if clients.load(cx, client_id) is None]
        for client_id in dropped:
            self._node.world.note(self._node.id, f"applied: the lease of client {client_id:x} has run out")
            self._oracle.client_dropped(client_id, lived[client_id], self._striped())
        for other, state in before:
            gone = layout_states.load(cx, other) is None or state.client_id in dropped  # with its locks
            if gone and not forgiving:
                self._oracle.layout_revoked(other, state)
        return result

    def _apply_update(self, payload: bytes, ds_id: str) -> bytes:
        before = data_servers.registered(self._cx.txn, self._cx.tables, ds_id)
        result = super().apply(payload)
        after = data_servers.registered(self._cx.txn, self._cx.tables, ds_id)
        proposal, index = self._proposal, self._index
        if proposal not in self._oracle.updates_seen and before is not None and after is not None:
            self._oracle.updates_seen.add(proposal)
            term = self._node.engine.journal.term_at(index)
            self._oracle.counted(index, term, ds_id, proposal, up=after.up, was_up=before.up)
        return result

    def _striped(self) -> list[int]:
        """Files that lie on data servers."""
        with self._cx.txn.cursor(db=self._cx.tables.layout) as cursor:
            return [U64.unpack(key)[0] for key, _ in cursor if len(key) == U64.size]
