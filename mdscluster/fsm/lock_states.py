"""Lock stateids: one lock-owner's byte-range locks on one file, got through one open (RFC 8881 §8.2.1).

The same owner's locks through another open have another stateid; they do not conflict. Rows: ``state``
(:data:`_RECORD`, then the owner), ``state_client`` (client, type, file, open, owner -> ``other``) and, while
it holds ranges, ``lock`` (see ranges.py).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm.stateids import TYPE_LOCK, new_other
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

_RECORD: Final = Struct(">QQI12s")
_KEY: Final = Struct(">QBQ8s")


class Lock(msgspec.Struct, gc=False):
    """One lock stateid."""

    client_id: int
    fileid: int
    seqid: int
    open_other: bytes  # at stateids.LOCK_OPEN_AT in the record
    owner: bytes


def _key(client_id: int, fileid: int, open_other: bytes, owner_key: bytes) -> bytes:
    return _KEY.pack(client_id, TYPE_LOCK, fileid, open_other[4:]) + owner_key


def unpack_lock(raw: bytes) -> Lock:
    return Lock(*(*_RECORD.unpack_from(raw), raw[_RECORD.size :]))


def save(cx: Compound, other: bytes, state: Lock) -> None:
    record = _RECORD.pack(state.client_id, state.fileid, state.seqid, state.open_other)
    cx.put(other, record + state.owner, db=cx.tables.state)


def find(cx: Compound, fileid: int, open_other: bytes, owner_key: bytes) -> bytes | None:
    """The ``other`` of the caller's lock stateid for this open and owner."""
    other: bytes | None = cx.get(_key(cx.client_id, fileid, open_other, owner_key), db=cx.tables.state_client)
    return other


def create(cx: Compound, fileid: int, open_other: bytes, owner_key: bytes) -> bytes:
    """A new ``other``; its record is the caller's to save, and the open's count to raise."""
    other = new_other(cx, TYPE_LOCK)
    cx.put(_key(cx.client_id, fileid, open_other, owner_key), other, db=cx.tables.state_client)
    return other


def remove(cx: Compound, other: bytes, state: Lock, owner_key: bytes) -> None:
    """Drop a lock stateid that holds nothing any more. The open's count is the caller's to lower."""
    cx.delete(_key(state.client_id, state.fileid, state.open_other, owner_key), db=cx.tables.state_client)
    cx.delete(other, db=cx.tables.state)


def remove_of_open(cx: Compound, open_other: bytes, client_id: int, fileid: int) -> None:
    """Release every lock got through an open, and the stateids."""
    prefix = _key(client_id, fileid, open_other, b"")
    with cx.txn.cursor(db=cx.tables.state_client) as cursor:
        found = cursor.set_range(prefix)
        while found:
            key, other = cursor.item()
            if not key.startswith(prefix):
                return
            cx.delete(U64.pack(fileid) + other, db=cx.tables.lock)
            cx.delete(other, db=cx.tables.state)
            found = cursor.delete()
