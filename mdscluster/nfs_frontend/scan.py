"""Looking into a COMPOUND without running it: whether it changes state, and where.

Handlers decide what an operation does; here its number is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm.compound import COUNTS
from mdscluster.fsm.operations import DISPATCH
from mdscluster.nfs_frontend.wire import U32, U32x2
from nfswire import nfs4
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

CHANGES: Final = 1
"""An operation that changes replicated state is in it."""
WRITES: Final = 2
"""A WRITE is in it: data, and behind it the file's size."""

#: Operations that tell nothing of whether a COMPOUND changes state; the scan in front of it skips them.
_NEUTRAL: Final = frozenset(
    (nfs4.OP_PUTROOTFH, nfs4.OP_PUTPUBFH, nfs4.OP_SAVEFH, nfs4.OP_RESTOREFH, nfs4.OP_GETFH)
)
#: Operations whose only argument is variable and opaque.
_OPAQUE: Final = frozenset((nfs4.OP_PUTFH, nfs4.OP_LOOKUP))


def principal(data: bytes, pos: int, end: int, operations: int) -> int:
    """The first operation that is not about filehandles: what the COMPOUND is for. 0: none, or none that is known."""
    for _ in range(operations):
        if pos + 8 > end:  # at most one operation, without an argument
            op = U32.unpack_from(data, pos)[0] if pos + 4 <= end else 0
            return 0 if op in _NEUTRAL or op >= COUNTS else int(op)
        op, length = U32x2.unpack_from(data, pos)
        if op == nfs4.OP_PUTFH:
            pos += 8 + ((length + 3) & ~3)
        elif op in _NEUTRAL:
            pos += 4
        else:
            return int(op) if op < COUNTS else 0
    return 0


def begins_with_change(op: int, minor: int) -> bool:
    """Whether a COMPOUND's :func:`principal` operation changes state.

    A hint that saves a read barrier: a wrong "no" only costs that barrier.
    """
    changes = DISPATCH[minor].changes
    return op < len(changes) and changes[op]


def effects(data: bytes, pos: int, end: int, operations: int, minor: int) -> int:
    """Which effects these operations might have, were they all run: :data:`CHANGES` and :data:`WRITES`.

    What cannot be read might have any: a handler may be more tolerant than the decoder that is used here.
    """
    changes = DISPATCH[minor].changes
    found = 0
    try:
        for _ in range(operations):
            if pos + 4 > end:
                return found  # the run ends here, with NFS4ERR_BADXDR
            op = U32.unpack_from(data, pos)[0]
            pos += 4
            if op in _NEUTRAL:
                continue
            if op in _OPAQUE and pos + 4 <= end:
                pos += 4 + ((U32.unpack_from(data, pos)[0] + 3) & ~3)
                continue
            if op == nfs4.OP_WRITE:
                found |= WRITES
            elif op < len(changes) and changes[op]:
                found |= CHANGES
            codec = nfs4.ARGS.get(op)
            if codec is None:
                return found  # the run ends here, with NFS4ERR_OP_ILLEGAL or NFS4ERR_NOTSUPP
            pos = codec[0](data, pos)[1]
    except XdrError:
        return CHANGES | WRITES
    return found


def effects_left(cx: Compound) -> int:
    """Which :func:`effects` a COMPOUND that failed would have had behind where it failed.

    Where there are any the failure is an answer that only the log may give: it uses the slot's sequence ID up on
    every node, so that no copy of the request that comes late, anywhere, can have those effects (INV-3).
    """
    if cx.ops_left < 1:
        return 0
    return effects(cx.data, cx.op_start, cx.end, cx.ops_left, cx.minor)
