"""Feature levels: which commands the log may hold (docs/adr/0014).

Every release knows commands up to some level. The cluster has a level too, committed in the state machine, and no
command above it is proposed or carried out. The leader raises it once every member of the cluster runs a release that
knows the new level; it never goes back. So releases may be mixed while nodes are upgraded one by one, and a node that
is too old for the cluster says so instead of diverging.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm.commands import (
    BeginEra,
    DrainDataServer,
    EvictClient,
    ExpireClients,
    FenceClaim,
    FenceConfirm,
    FenceIntent,
    FenceOutcome,
    FenceProof,
    FenceWithdrawal,
    Internal,
    Maintenance,
    NodePresence,
    NoteConnections,
    RaiseFeatures,
    RetireDataServer,
    StartFence,
)
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.tables import Tables

BASE: Final = 1
"""Of a cluster in whose log nothing was ever raised: release 0.1."""
SUPPORTED: Final = 9
"""The highest level that this release knows.

1: everything in :mod:`mdscluster.fsm.commands` but what is named below. 2: RaiseFeatures, membership entries
(:data:`mdscluster.raft.members.FEATURE_LEVEL`). 3: NoteConnections. 4: ``judged_ms`` of ExpireClients and StartFence,
which earlier releases would pass over. 5: fencing of nodes (:mod:`mdscluster.fsm.fencing_state`). 6: EvictClient,
DrainDataServer, RetireDataServer. 7: BeginEra, and with it mandates (:mod:`mdscluster.fsm.eras`); claims to write for
clients end with the process that is fenced or followed by another (:mod:`mdscluster.fsm.fencing_state`) and outlive
their client until they are fenced (:mod:`mdscluster.fsm.io_claims`); a client whose lease ran out, or that restarts, is
kept until nobody can write for it (:mod:`mdscluster.fsm.clients`); a restored cluster takes nobody in before its era.
8: a layout tells with which call it was granted (:mod:`mdscluster.fsm.layout_states`), one that its client does not
know of is fenced before it is gone, and what a revoked writer left is cut off when the last writer goes
(:mod:`mdscluster.fsm.revocation`); a decision to fence that is taken back before anybody tried does not count towards
the limits per hour (:mod:`fencing.state`). 9: where a revoked writer left something, nobody is granted a layout before
it is cut off, and those that only read give theirs back, too (:func:`mdscluster.fsm.recalls.left_behind`); a store that
was given up, or removed with its data server, is not registered again without the operator's word
(:func:`mdscluster.fsm.data_servers.may_register`).
"""
JUDGED: Final = 4
MANDATES: Final = 7
GRANTS_IN_DOUBT: Final = 8
UNTRIED: Final = 8
REMAINS_FIRST: Final = 9
STORES_STAY_AWAY: Final = 9
_NODE_FENCING: Final = (
    NodePresence, FenceProof, FenceIntent, FenceWithdrawal, FenceClaim, FenceOutcome, FenceConfirm, Maintenance
)  # fmt: skip
_OPERATORS: Final = (EvictClient, DrainDataServer, RetireDataServer)
_NEEDS: Final[dict[type, int]] = {
    RaiseFeatures: BASE, NoteConnections: 3, **dict.fromkeys(_NODE_FENCING, 5), **dict.fromkeys(_OPERATORS, 6),
    BeginEra: MANDATES,
}  # fmt: skip
"""Commands above BASE. RaiseFeatures itself is proposed only when every node knows it, and so needs no level first."""
_KEY: Final = b"feature_level"


class TooNew(Exception):
    """The cluster uses features that this release does not know. The text is for the operator."""


def level(txn: lmdb.Transaction, tables: Tables) -> int:
    """The cluster's level. :class:`TooNew` when this release cannot follow."""
    raw = txn.get(_KEY, db=tables.meta)
    found = BASE if raw is None else int(U64.unpack(raw)[0])
    check(found)
    return found


def check(wanted: int) -> None:
    """:class:`TooNew` unless this release knows the level."""
    if wanted > SUPPORTED:
        raise TooNew(
            f"the cluster uses features of level {wanted}, this release knows up to {SUPPORTED}: "
            "install the release that the other metadata servers run"
        )


def raise_to(txn: lmdb.Transaction, tables: Tables, wanted: int) -> int:
    """Commit a level; the one in force from now on, which is never lower than before."""
    check(wanted)
    found = max(level(txn, tables), wanted)
    txn.put(_KEY, U64.pack(found), db=tables.meta)
    return found


def shortfall(command: Internal, at_level: int) -> str:
    """Why the log may not hold ``command`` at that level, for an operator who asked for it; empty when it may."""
    if permitted(command, at_level):
        return ""
    return (
        f"it needs feature level {_NEEDS[type(command)]}, the cluster uses {at_level}: every metadata server must run "
        "a release that knows it, and be connected (mdsctl nodes)"
    )


def permitted(command: Internal, at_level: int) -> bool:
    """Whether the log may hold ``command`` while the cluster is at that level."""
    if isinstance(command, ExpireClients | StartFence) and command.judged_ms:
        return at_level >= JUDGED
    return _NEEDS.get(type(command), BASE) <= at_level
