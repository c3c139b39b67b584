"""Byte-range locks (RFC 8881 §9.1, §18.10 to §18.12): pure functions over sorted ranges, and where they lie.

A range is ``(first, last, kind)``: both bytes belong to it, and 2**64 - 1 as ``last`` means "to the end
of the file, whatever its size". A *set* is a sorted list of ranges that do not overlap, and in which
neighbours of one kind have been merged; so equal locks have one representation (INV-8).

One row per lock stateid lies in the ``lock`` table, under the file: who holds it, then its ranges.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm.tables import U64
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

END: Final = 0xFFFFFFFFFFFFFFFF
"""As a length: to the end of the file. As a last byte: likewise."""
MAX_RANGES: Final = 4096
"""Ranges in one set; each change rewrites the set, so it must not grow without bound."""

READ: Final = nfs4.READ_LT
WRITE: Final = nfs4.WRITE_LT

Range = tuple[int, int, int]

_HOLDER: Final = Struct(">QH")  # client ID, length of the owner that follows
_RANGE: Final = Struct(">QQB")


def bounds(offset: int, length: int) -> tuple[int, int] | None:
    """First and last byte of a request, or None where the answer is NFS4ERR_INVAL.

    That is: a length of zero, or one (other than END) that added to the offset exceeds 2**64 - 1 (§18.10.3).
    """
    if length == END:
        return offset, END
    if length == 0 or offset > END - length:
        return None
    # Beyond the last byte that has an offset there is nothing: offset + length is at most 2**64 - 1.
    return offset, offset + length - 1


def kind_of(locktype: int) -> int:
    """READ or WRITE; the blocking forms ask only that the client be told, and we queue nobody (§18.10.3)."""
    return READ if locktype in (nfs4.READ_LT, nfs4.READW_LT) else WRITE


def without(ranges: list[Range], first: int, last: int) -> list[Range]:
    """The set without these bytes: ranges are cut, split or dropped."""
    kept: list[Range] = []
    for start, stop, kind in ranges:
        if stop < first or start > last:
            kept.append((start, stop, kind))
            continue
        if start < first:
            kept.append((start, first - 1, kind))
        if stop > last:
            kept.append((last + 1, stop, kind))
    return kept


def with_range(ranges: list[Range], first: int, last: int, kind: int) -> list[Range]:
    """The set with these bytes locked as ``kind``: an owner's new lock replaces what it had there (§9.2)."""
    merged: list[Range] = []
    for start, stop, other in sorted([*without(ranges, first, last), (first, last, kind)]):
        if merged and merged[-1][2] == other and merged[-1][1] + 1 == start:
            merged[-1] = (merged[-1][0], stop, other)
        else:
            merged.append((start, stop, other))
    return merged


def first_conflict(ranges: list[Range], first: int, last: int, kind: int) -> Range | None:
    """The first range of somebody else's set that forbids a lock of ``kind`` on these bytes."""
    for held in ranges:
        start, stop, other = held
        if start > last:
            return None
        if stop >= first and WRITE in (kind, other):
            return held
    return None


class Held(msgspec.Struct):
    """The ranges behind one lock stateid."""

    client_id: int
    owner: bytes
    ranges: list[Range]


def _pack(held: Held) -> bytes:
    return b"".join(
        (_HOLDER.pack(held.client_id, len(held.owner)), held.owner, *(_RANGE.pack(*range_) for range_ in held.ranges))
    )


def unpack(raw: bytes) -> Held:
    """A row of the table."""
    client_id, length = _HOLDER.unpack_from(raw)
    pos = _HOLDER.size
    owner = raw[pos : pos + length]
    return Held(client_id, owner, list(_RANGE.iter_unpack(raw[pos + length :])))


def load(cx: Compound, fileid: int, other: bytes) -> list[Range]:
    """The ranges of a lock stateid; empty when it holds none."""
    raw = cx.get(U64.pack(fileid) + other, db=cx.tables.lock)
    return [] if raw is None else unpack(raw).ranges


def save(cx: Compound, fileid: int, other: bytes, held: Held) -> None:
    """Write a set back; a set without ranges has no row."""
    key = U64.pack(fileid) + other
    if held.ranges:
        cx.put(key, _pack(held), db=cx.tables.lock)
    else:
        cx.delete(key, db=cx.tables.lock)


def holds(cx: Compound, fileid: int, other: bytes) -> bool:
    return cx.get(U64.pack(fileid) + other, db=cx.tables.lock) is not None


def find_conflict(
    cx: Compound, fileid: int, client_id: int, owner: bytes, first: int, last: int, kind: int
) -> tuple[Held, Range] | None:
    """Whose lock forbids this one, and its range (INV-5). An owner's own locks never do (§9.2)."""
    prefix = U64.pack(fileid)
    with cx.txn.cursor(db=cx.tables.lock) as cursor:
        found = cursor.set_range(prefix)
        while found:
            key, raw = cursor.item()
            if not key.startswith(prefix):
                return None
            held = unpack(raw)
            if held.client_id != client_id or held.owner != owner:
                conflict = first_conflict(held.ranges, first, last, kind)
                if conflict is not None:
                    return held, conflict
            found = cursor.next()
    return None
