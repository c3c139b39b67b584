"""Fencing of nodes in the log: who is to be fenced, who carries it out, and what came of it (docs/adr/0021).

Not to be confused with :mod:`mdscluster.fsm.fences`, which keeps clients from data servers. The rules are
:mod:`fencing.state`'s; here they meet the tables. The whole state is one row of a few kilobytes, written only when it
changes: when nodes come and go, and when one is being fenced.

A process that was fenced, or that another of its node has followed, is superseded: what it claimed to write for clients
is void from the same entry on, and its I/O is refused as soon as data servers have that fence in force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from fencing import state as rules
from fencing.state import Limits, Now, State, Verdict
from mdscluster.fsm import features, revocation
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.commands import (
        FenceClaim,
        FenceConfirm,
        FenceIntent,
        FenceOutcome,
        FenceProof,
        FenceWithdrawal,
        Maintenance,
        NodePresence,
    )
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.tables import Tables

EVENT_NODE_FENCING: Final = b"N"  # something of it changed: those who decide and those who carry out look again
_ROW: Final = b"state"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(State).decode
decode_verdict = msgspec.msgpack.Decoder(Verdict).decode
"""The own result of every command here."""


def raw_state(txn: lmdb.Transaction, tables: Tables) -> bytes:
    """The row as it lies there: cheap to compare with what was seen last. Empty: nothing yet."""
    raw = txn.get(_ROW, db=tables.node_fencing)
    return b"" if raw is None else bytes(raw)


def decode_state(raw: bytes) -> State:
    """What :func:`raw_state` gave."""
    return _decode(raw) if raw else State()


def load(txn: lmdb.Transaction, tables: Tables) -> State:
    """Nodes, open intents, maintenance and history, as committed."""
    return decode_state(raw_state(txn, tables))


def in_maintenance(txn: lmdb.Transaction, tables: Tables) -> list[str]:
    """Nodes that an operator works on, by name: they are not to be fenced, and not to lead."""
    return sorted(load(txn, tables).paused.keys() - {rules.EVERYBODY})


def presence(cx: Compound, command: NodePresence) -> bytes:
    """NodePresence."""
    state, now = _begin(cx)
    if not command.here:
        return _end(cx, state, rules.node_leaves(state, now, command.node_id, command.process))
    verdict = rules.node_here(state, now, command.node_id, command.process, gives_back=_gives_back(cx))
    return _end(cx, state, verdict)


def prove(cx: Compound, command: FenceProof) -> bytes:
    """FenceProof."""
    state, now = _begin(cx)
    return _end(cx, state, rules.prove(state, now, command.node_id, command.term))


def intend(cx: Compound, command: FenceIntent) -> bytes:
    """FenceIntent."""
    state, now = _begin(cx)
    limits = Limits(command.node_per_hour, command.cluster_per_hour)
    verdict = rules.intend(
        state, now, command.ticket, command.node_id, command.voters, limits, command.reason, command.power_on
    )
    return _end(cx, state, verdict)


def withdraw(cx: Compound, command: FenceWithdrawal) -> bytes:
    """FenceWithdrawal."""
    state, now = _begin(cx)
    verdict = rules.withdraw(
        state, now, command.ticket, command.node_id, command.number, command.reason, command.well,
        gives_back=_gives_back(cx),
    )  # fmt: skip
    return _end(cx, state, verdict)


def claim(cx: Compound, command: FenceClaim) -> bytes:
    """FenceClaim."""
    state, now = _begin(cx)
    verdict = rules.claim(
        state, now, command.node_id, command.number, command.executor, command.process, command.lasts_ms
    )
    return _end(cx, state, verdict)


def outcome(cx: Compound, command: FenceOutcome) -> bytes:
    """FenceOutcome."""
    state, now = _begin(cx)
    verdict = rules.outcome(
        state, now, command.node_id, command.number, command.executor, command.process, command.attempt, command.done,
        command.text,
    )  # fmt: skip
    return _end(cx, state, verdict)


def confirm(cx: Compound, command: FenceConfirm) -> bytes:
    """FenceConfirm."""
    state, now = _begin(cx)
    return _end(cx, state, rules.confirm(state, now, command.node_id, command.by))


def maintain(cx: Compound, command: Maintenance) -> bytes:
    """Maintenance."""
    state, now = _begin(cx)
    return _end(cx, state, rules.maintain(state, now, command.node_id, command.on, command.by))


def _begin(cx: Compound) -> tuple[State, Now]:
    return load(cx.txn, cx.tables), Now(cx.lease_ms, cx.now_s * 1_000_000_000 + cx.now_ns)


def _gives_back(cx: Compound) -> bool:
    """Whether a decision that nobody tried to carry out counts no more once it is taken back (docs/adr/0014)."""
    return features.level(cx.txn, cx.tables) >= features.UNTRIED


def _end(cx: Compound, state: State, verdict: Verdict) -> bytes:
    raw, before = _encode(state), raw_state(cx.txn, cx.tables)
    if raw != before:
        cx.put(_ROW, raw, db=cx.tables.node_fencing)
        cx.events.items.append(EVENT_NODE_FENCING)
        if features.level(cx.txn, cx.tables) >= features.MANDATES:
            _void_claims(cx, _at_work(decode_state(before)) - _at_work(state))
    return _encode(verdict)


def _at_work(state: State) -> set[int]:
    """Processes that are not known to be gone."""
    return {node.process for node in state.nodes.values() if not node.down}


def _void_claims(cx: Compound, gone: set[int]) -> None:
    """Nothing that these processes still have on its way to data servers for a client may count (docs/adr/0012)."""
    if gone:  # else every claim would be read for nothing
        revocation.void_claims(cx, {U64.pack(process) for process in gone})
