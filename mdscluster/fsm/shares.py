"""Opens and share reservations (RFC 8881 §9.7 to §9.11): who has which file open, and what that denies others.

An open is one open-owner's hold on one file: opening again adds to it, CLOSE ends it whole. Three rows:

- ``state``: ``other`` -> the open (:class:`Open`);
- ``state_client``: client, type, file, owner -> ``other``: to find the same owner's open, and to drop a client's;
- ``state_file``: file -> how many opens read, write, deny reading and deny writing
  (:data:`~mdscluster.fsm.stateids.SUMMARY`). A conflict is judged by the sums alone, because an owner's own
  OPEN is no exception to the rule (§9.7; Linux's server does likewise).
  So the cost of an OPEN does not grow with the number of clients that have the file open.
"""

from __future__ import annotations

import hashlib
from struct import Struct
from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import lock_states
from mdscluster.fsm.stateids import OPEN_ACCESS_AT, SUMMARY, TYPE_OPEN, new_other, next_seqid
from mdscluster.fsm.tables import U64
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

_RECORD: Final = Struct(">QQIBBHIB")
_OWNER_KEY: Final = Struct(">QBQ")

READ: Final = nfs4.OPEN4_SHARE_ACCESS_READ
WRITE: Final = nfs4.OPEN4_SHARE_ACCESS_WRITE
FLAG_EXCLUSIVE: Final = 1
"""The open made its file by an exclusive create: the verifier is kept as long as it."""
_VERIFIER_SUFFIX: Final = b"V"


class Open(msgspec.Struct, gc=False):
    """One open: a union of what its owner asked for."""

    client_id: int
    fileid: int
    seqid: int
    access: int  # at stateids.OPEN_ACCESS_AT in the record
    deny: int
    pairs: int  # bit access << 2 | deny for every OPEN in it: what OPEN_DOWNGRADE may fall back to
    locks: int  # lock stateids got through it
    flags: int
    owner_key: bytes


_FIELDS: Final = 8
_astuple = msgspec.structs.astuple


def unpack_open(raw: bytes) -> Open:
    return Open(*(*_RECORD.unpack_from(raw), raw[_RECORD.size :]))


def save(cx: Compound, other: bytes, state: Open) -> None:
    cx.put(other, _RECORD.pack(*_astuple(state)[:_FIELDS]) + state.owner_key, db=cx.tables.state)


def owner_key(owner: bytes) -> bytes:
    """An owner's name as part of a key: itself, or a digest when it is long. The two differ in length."""
    return owner if len(owner) <= 64 else hashlib.blake2b(owner).digest() + b"\0"


def find(cx: Compound, fileid: int, key: bytes) -> bytes | None:
    """The ``other`` of the caller's open of a file under this owner key."""
    other: bytes | None = cx.get(_OWNER_KEY.pack(cx.client_id, TYPE_OPEN, fileid) + key, db=cx.tables.state_client)
    return other


def access_of(cx: Compound, fileid: int) -> int:
    """What the caller's opens of a file, under whatever owner, allow it together; 0 when it has none."""
    prefix = _OWNER_KEY.pack(cx.client_id, TYPE_OPEN, fileid)
    held = 0
    with cx.txn.cursor(db=cx.tables.state_client) as cursor:
        more = cursor.set_range(prefix)
        while more and held != READ | WRITE and cursor.key().startswith(prefix):
            held |= cx.get(cursor.value(), db=cx.tables.state)[OPEN_ACCESS_AT]
            more = cursor.next()
    return held


def has_opens(cx: Compound, fileid: int) -> bool:
    """Whether anybody has the file open: then it outlives its last link."""
    return cx.get(U64.pack(fileid), db=cx.tables.state_file) is not None


def conflict(cx: Compound, fileid: int, access: int, deny: int) -> bool:
    """Whether (request.access & file_state.deny) or (request.deny & file_state.access): NFS4ERR_SHARE_DENIED (§9.7)."""
    raw = cx.get(U64.pack(fileid), db=cx.tables.state_file)
    if raw is None:
        return False
    _, reading, writing, no_reading, no_writing = SUMMARY.unpack(raw)
    return bool(
        (access & READ and no_reading)
        or (access & WRITE and no_writing)
        or (deny & READ and reading)
        or (deny & WRITE and writing)
    )


def _count(cx: Compound, fileid: int, before: tuple[int, int], after: tuple[int, int], opens: int) -> None:
    """Bring a file's sums up to date: one open's (access, deny) went from ``before`` to ``after``."""
    key = U64.pack(fileid)
    table = cx.tables.state_file
    raw = cx.get(key, db=table)
    sums = (0, 0, 0, 0, 0) if raw is None else SUMMARY.unpack(raw)
    count = sums[0] + opens
    if not count:
        cx.delete(key, db=table)
        return
    (a0, d0), (a1, d1) = before, after
    cx.put(
        key,
        SUMMARY.pack(
            count,
            sums[1] + (a1 & 1) - (a0 & 1),
            sums[2] + (a1 >> 1) - (a0 >> 1),
            sums[3] + (d1 & 1) - (d0 & 1),
            sums[4] + (d1 >> 1) - (d0 >> 1),
        ),
        db=table,
    )


def create(cx: Compound, fileid: int, key: bytes, access: int, deny: int, flags: int = 0) -> nfs4.stateid4:
    """A first open of a file by an owner. Conflicts have been judged."""
    other = new_other(cx, TYPE_OPEN)
    record = _RECORD.pack(cx.client_id, fileid, 1, access, deny, 1 << (access << 2 | deny), 0, flags)
    cx.put(other, record + key, db=cx.tables.state)
    cx.put(_OWNER_KEY.pack(cx.client_id, TYPE_OPEN, fileid) + key, other, db=cx.tables.state_client)
    _count(cx, fileid, (0, 0), (access, deny), 1)
    return nfs4.stateid4(1, other)


def upgrade(cx: Compound, other: bytes, access: int, deny: int) -> nfs4.stateid4:
    """The same owner opens the file again: the open becomes the union, one sequence ID on (§9.10)."""
    state = unpack_open(cx.get(other, db=cx.tables.state))
    state.pairs |= 1 << (access << 2 | deny)
    return _change(cx, other, state, state.access | access, state.deny | deny)


def _change(cx: Compound, other: bytes, state: Open, access: int, deny: int) -> nfs4.stateid4:
    if (access, deny) != (state.access, state.deny):
        _count(cx, state.fileid, (state.access, state.deny), (access, deny), 0)
        state.access, state.deny = access, deny
    state.seqid = next_seqid(state.seqid)
    save(cx, other, state)
    return nfs4.stateid4(state.seqid, other)


def downgrade(cx: Compound, other: bytes, state: Open, access: int, deny: int) -> nfs4.stateid4 | None:
    """Fall back to less; None where that is NFS4ERR_INVAL.

    Access and deny must be the union of what some of the OPENs in effect, of this owner on this file,
    asked for (§18.18.3).
    """
    kept = seen_access = seen_deny = 0
    for bit in range(16):
        pair_access, pair_deny = bit >> 2, bit & 3
        if state.pairs >> bit & 1 and not pair_access & ~access and not pair_deny & ~deny:
            kept |= 1 << bit
            seen_access |= pair_access
            seen_deny |= pair_deny
    if (seen_access, seen_deny) != (access, deny):
        return None
    state.pairs = kept
    return _change(cx, other, state, access, deny)


def remove(cx: Compound, other: bytes, state: Open) -> None:
    """End an open, and with it the locks got through it. The file itself is the caller's business."""
    if state.locks:
        lock_states.remove_of_open(cx, other, state.client_id, state.fileid)
    cx.delete(other, db=cx.tables.state)
    cx.delete(
        _OWNER_KEY.pack(state.client_id, TYPE_OPEN, state.fileid) + state.owner_key, db=cx.tables.state_client
    )
    _count(cx, state.fileid, (state.access, state.deny), (0, 0), -1)
    if state.flags & FLAG_EXCLUSIVE:
        cx.delete(U64.pack(state.fileid) + _VERIFIER_SUFFIX, db=cx.tables.state_file)


def save_verifier(cx: Compound, fileid: int, verifier: bytes) -> None:
    """Keep the verifier of an exclusive create for as long as the open that made the file (§18.16.3)."""
    cx.put(U64.pack(fileid) + _VERIFIER_SUFFIX, verifier, db=cx.tables.state_file)


def has_verifier(cx: Compound, fileid: int, verifier: bytes) -> bool:
    """Whether the file was made by an exclusive create with this verifier, and that create is still open."""
    return bool(cx.get(U64.pack(fileid) + _VERIFIER_SUFFIX, db=cx.tables.state_file) == verifier)
