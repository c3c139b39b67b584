"""A restored state begins anew: what happened after the backup is unknown, and must not be mixed with what will happen.

Clients hold what the backup does not know, and data servers hold objects and handles of later times. So all client
state goes, and what was said and done about fencing servers, which were others. Every number that is handed out, or
that others compare, jumps far ahead of all that can have been used since: no file gets the objects of a later one that
had its number, no handle of before passes the fence, no client takes its cache for current, and no cut is taken for one
that was carried out.

All of this is the same on every node that restores the same backup, and so it is the same whenever that is restored
again. What tells these lives apart is decided by the log, when the first of them to lead begins its era, and before a
client gets in (:mod:`mdscluster.fsm.eras`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm import clients, cuts, eras, layout_states, numbers, revocation
from mdscluster.fsm.records import pack_inode, unpack_inode
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

JUMP: Final = 1 << 30
"""Of 64-bit numbers: at 10,000 a second, more than a day's."""
JUMP_32: Final = 1 << 24
"""Of those that have 32 bits on the wire: client IDs and epochs of filehandles."""


def begin_anew(cx: Compound) -> int:
    """Bring a restored state there; how many clients it had. The same on every node that restores the same backup.

    The log's time is the backup's."""
    gone = _drop_clients(cx)
    cx.txn.drop(cx.tables.node_fencing, delete=False)
    eras.end(cx)
    numbers.advance(cx, JUMP, JUMP_32)
    _age_inodes(cx)
    _age_recalls(cx)
    cx.events.items.clear()
    return gone


def _drop_clients(cx: Compound) -> int:
    for other, state in layout_states.of_all(cx):
        revocation.revoked(cx, other, state)
    with cx.txn.cursor(db=cx.tables.client) as cursor:
        known = [U64.unpack(key)[0] for key, _ in cursor if len(key) == U64.size]
    for client_id in known:
        clients.bury(cx, client_id, clients.decode(cx.get(U64.pack(client_id), db=cx.tables.client)))
    for table in (cx.tables.io_claim, cx.tables.client_connection):
        cx.txn.drop(table, delete=False)
    return len(known)


def _age_inodes(cx: Compound) -> None:
    with cx.txn.cursor(db=cx.tables.inode) as cursor:
        more = cursor.first()
        while more:
            inode = unpack_inode(bytes(cursor.value()))
            inode.change += JUMP
            inode.cuts += JUMP
            cursor.put(cursor.key(), pack_inode(inode))
            more = cursor.next()


def _age_recalls(cx: Compound) -> None:
    """Cuts are still to be carried out; nobody waits for layouts any more."""
    with cx.txn.cursor(db=cx.tables.recall) as cursor:
        rows = [(bytes(key), bytes(value)) for key, value in cursor]
    for key, value in rows:
        if key.startswith(cuts.PREFIX):
            cut = cuts.decode(value)
            cut.serial += JUMP
            cx.put(key, cuts.encode(cut), db=cx.tables.recall)
        else:
            cx.delete(key, db=cx.tables.recall)
