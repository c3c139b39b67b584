"""Layout stateids: which client holds a layout of which file, and for what (RFC 8881 §12.5.2 to §12.5.5).

One state per (client, file). Only whole-file layouts are granted, so what a client holds is a set of
iomodes; the stateid's sequence ID counts every grant, return and recall, and survives a failover exactly.

Beside it stands what fencing needs to know: the epochs of the filehandles that are out. Those of the last grant
carry the newest, and none carries less than the oldest. And with which call the last grant was made: whoever recalls
the layout names it, so that a client whom the recall reaches before that call's reply waits for it (§2.10.6.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm.tables import U64, U64x2
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

TYPE_LAYOUT: Final = 3
"""First byte of a layout stateid's ``other``."""
_OWNER_SUFFIX: Final = b"\3"
_RECORD: Final = Struct(">QQIIIIIQ")
_GRANTED_BY: Final = Struct(">16sII")
"""Behind it, from feature level 8 on (:data:`mdscluster.fsm.features.GRANTS_IN_DOUBT`)."""
_OTHER: Final = Struct(">IQ")
_NEXT: Final = b"next_layout"

READ: Final = 1
RW: Final = 2


class LayoutState(msgspec.Struct):
    """What one client holds of one file. It begins as every state's record does (``stateids.HEAD``)."""

    client_id: int
    fileid: int
    seqid: int
    iomodes: int  # READ and RW, or-ed
    epoch: int  # of the filehandles last granted
    epoch_oldest: int = 0  # of the oldest that may be out
    granted_seqid: int = 0  # of the last grant: who returns with an older one has not seen that grant
    device: int = 0  # the device of every layout that is out
    granted_by: tuple[bytes, int, int] | None = None  # session, slot and sequence ID of the last grant's call


def other_of(cx: Compound, client_id: int, fileid: int) -> bytes | None:
    """The layout stateid's ``other`` of a client for a file."""
    key = U64x2.pack(fileid, client_id) + _OWNER_SUFFIX
    other: bytes | None = cx.get(key, db=cx.tables.state_owner)
    return other


def unpack(raw: bytes) -> LayoutState:
    state = LayoutState(*_RECORD.unpack_from(raw))
    if len(raw) > _RECORD.size:
        state.granted_by = _GRANTED_BY.unpack_from(raw, _RECORD.size)
    return state


def load(cx: Compound, other: bytes) -> LayoutState | None:
    raw = cx.get(other, db=cx.tables.state)
    return None if raw is None else unpack(raw)


def save(cx: Compound, other: bytes, state: LayoutState) -> None:
    *fixed, granted_by = msgspec.structs.astuple(state)
    raw = _RECORD.pack(*fixed)
    cx.put(other, raw if granted_by is None else raw + _GRANTED_BY.pack(*granted_by), db=cx.tables.state)


def create(cx: Compound, client_id: int, fileid: int) -> tuple[bytes, LayoutState]:
    """A new layout state, sequence ID 0 until the grant counts it."""
    counter = cx.get(_NEXT, db=cx.tables.meta)
    number = 1 if counter is None else U64.unpack(counter)[0]
    cx.put(_NEXT, U64.pack(number + 1), db=cx.tables.meta)
    other = _OTHER.pack(TYPE_LAYOUT << 24 | cx.settings.cluster_id & 0xFFFFFF, number)
    cx.put(U64x2.pack(fileid, client_id) + _OWNER_SUFFIX, other, db=cx.tables.state_owner)
    cx.put(U64.pack(client_id) + other, b"", db=cx.tables.state_client)
    return other, LayoutState(client_id, fileid, 0, 0, 0)


def remove(cx: Compound, other: bytes, state: LayoutState) -> None:
    cx.delete(other, db=cx.tables.state)
    cx.delete(U64x2.pack(state.fileid, state.client_id) + _OWNER_SUFFIX, db=cx.tables.state_owner)
    cx.delete(U64.pack(state.client_id) + other, db=cx.tables.state_client)


def of_file(cx: Compound, fileid: int) -> list[tuple[bytes, LayoutState]]:
    """Every layout of a file, by client."""
    prefix = U64.pack(fileid)
    found: list[bytes] = []
    with cx.txn.cursor(db=cx.tables.state_owner) as cursor:
        if cursor.set_range(prefix):
            for key, other in cursor:
                if not key.startswith(prefix):
                    break
                if len(key) == 17 and key.endswith(_OWNER_SUFFIX):
                    found.append(other)
    return list(_loaded(cx, found))


def of_client(cx: Compound, client_id: int) -> list[tuple[bytes, LayoutState]]:
    """Every layout of a client."""
    prefix = U64.pack(client_id) + bytes([TYPE_LAYOUT])
    found: list[bytes] = []
    with cx.txn.cursor(db=cx.tables.state_client) as cursor:
        if cursor.set_range(prefix):
            for key, _ in cursor:
                if not key.startswith(prefix):
                    break
                found.append(key[8:])
    return list(_loaded(cx, found))


def following(cx: Compound, after: bytes, limit: int) -> list[tuple[bytes, LayoutState]]:
    """The layouts of all clients behind this ``other`` (empty: from the start), at most ``limit``."""
    prefix = bytes([TYPE_LAYOUT])
    found: list[bytes] = []
    with cx.txn.cursor(db=cx.tables.state) as cursor:
        more = cursor.set_range(after or prefix)
        if more and cursor.key() == after:
            more = cursor.next()
        while more and len(found) < limit and cursor.key().startswith(prefix):
            found.append(cursor.key())
            more = cursor.next()
    return list(_loaded(cx, found))


def of_all(cx: Compound) -> list[tuple[bytes, LayoutState]]:
    """Every layout of every client."""
    return following(cx, b"", 1 << 62)


def _loaded(cx: Compound, others: list[bytes]) -> Iterator[tuple[bytes, LayoutState]]:
    for other in others:
        state = load(cx, other)
        assert state is not None, "a layout is indexed and not there"
        yield other, state


def next_seqid(seqid: int) -> int:
    """Sequence IDs of stateids wrap past 0, which means "the newest" (§8.2.2)."""
    return 1 if seqid == 0xFFFFFFFF else seqid + 1


def pack_stateid(other: bytes, seqid: int) -> nfs4.stateid4:
    return nfs4.stateid4(seqid, other)
