"""The numbers that a cluster hands out, and how they leave behind what another of its lives has handed out.

No number is used twice in one life of a cluster: file IDs name objects on data servers, client IDs, sessions, stateids
and devices are what clients hold, and epochs tell which filehandles at data servers are void. Of a cluster that is
restored from a backup nobody knows what was handed out after the backup. So its numbers advance beyond all that can
have been (:mod:`mdscluster.fsm.restoring`, :mod:`mdscluster.fsm.eras`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm import fences
from mdscluster.fsm.tables import U64, U64x2

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

_COUNTER_PREFIX: Final = b"next_"
_NEXT_CLIENT: Final = b"next_client"
_EPOCH: Final = b"epoch"


def advance(cx: Compound, by: int, by_32: int) -> None:
    """Hand nothing out that is less than ``by`` ahead, ``by_32`` where there are 32 bits on the wire: client IDs and
    the epochs of filehandles. One fence over everything, in the place of all others, voids every handle of before."""
    with cx.txn.cursor(db=cx.tables.meta) as cursor:
        counters = [(bytes(key), U64.unpack(value)[0]) for key, value in cursor if key.startswith(_COUNTER_PREFIX)]
    for key, number in counters:
        cx.put(key, U64.pack(number + (by_32 if key == _NEXT_CLIENT else by)), db=cx.tables.meta)
    epoch = fences.epoch(cx) + by_32
    cx.put(_EPOCH, U64.pack(epoch), db=cx.tables.meta)
    cx.txn.drop(cx.tables.fence, delete=False)
    cx.put(U64x2.pack(fences.EVERY, fences.EVERY), U64.pack(epoch), db=cx.tables.fence)
