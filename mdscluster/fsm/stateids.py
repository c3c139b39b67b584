"""Stateids (RFC 8881 §8.2): what they are made of, which are special, and whether one may be used.

``other`` is a type (1 byte), 24 bits of the cluster's ID, and a counter that is never used again. Its
record in the ``state`` table begins alike for every type (:data:`HEAD`); the rest belongs to the module
of the type: opens in :mod:`~mdscluster.fsm.shares`, locks in :mod:`~mdscluster.fsm.lock_states`, layouts
in :mod:`~mdscluster.fsm.layout_states`.

State is keyed by client too (``state_client``): client ID, type, and then what the type looks it up by.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from mdscluster.fsm.layout_states import TYPE_LAYOUT
from mdscluster.fsm.tables import U32, U64
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.records import Inode

TYPE_OPEN: Final = 1
TYPE_LOCK: Final = 2

HEAD: Final = Struct(">QQI")
"""Client ID, fileid, sequence ID: how every state record begins."""
_OTHER: Final = Struct(">IQ")
_NEXT: Final = b"next_state"

ZEROS: Final = bytes(12)
ONES: Final = b"\xff" * 12
_NEWEST: Final = 0xFFFFFFFF

ANONYMOUS: Final = nfs4.stateid4(0, ZEROS)
BYPASS: Final = nfs4.stateid4(_NEWEST, ONES)
INVALID: Final = nfs4.stateid4(_NEWEST, ZEROS)
"""What CLOSE returns: never valid again (§18.2.3)."""


def new_other(cx: Compound, type_: int) -> bytes:
    """An ``other`` that was never used before."""
    meta = cx.tables.meta
    raw = cx.get(_NEXT, db=meta)
    number = 1 if raw is None else U64.unpack(raw)[0]
    cx.put(_NEXT, U64.pack(number + 1), db=meta)
    return _OTHER.pack(type_ << 24 | cx.settings.cluster_id & 0xFFFFFF, number)


def next_seqid(seqid: int) -> int:
    """What follows a sequence ID when the state changes; 0 is skipped, because it means the newest (§8.2.2)."""
    return 1 if seqid == _NEWEST else seqid + 1


def substitute_current(cx: Compound, stateid: nfs4.stateid4) -> nfs4.stateid4:
    """The current stateid where ``stateid`` stands for it (§16.2.3.1.2); INVALID where there is none."""
    if stateid.seqid == 1 and stateid.other == ZEROS:
        current: nfs4.stateid4 | None = cx.stateid
        return INVALID if current is None else current
    return stateid


def is_regular(stateid: nfs4.stateid4) -> bool:
    """Whether it stands for state of its own: all zeros and all ones are special (§8.2.3)."""
    return stateid.other not in (ZEROS, ONES)


def judge(raw: bytes | None, client_id: int, seqid: int) -> int:
    """Status of a stateid whose record is ``raw``, shown by ``client_id`` with this sequence ID (§8.2.4).

    Sequence ID 0 is the newest; one ahead of the current one is NFS4ERR_BAD_STATEID, one behind it
    NFS4ERR_OLD_STATEID. State of another client is NFS4ERR_BAD_STATEID.
    """
    if raw is None:
        return nfs4.NFS4ERR_BAD_STATEID
    owner, _, current = HEAD.unpack_from(raw)
    if owner != client_id:
        return nfs4.NFS4ERR_BAD_STATEID
    if seqid in (0, current):
        return nfs4.NFS4_OK
    ahead = (seqid - current) & 0xFFFFFFFF
    return nfs4.NFS4ERR_BAD_STATEID if ahead < 0x80000000 else nfs4.NFS4ERR_OLD_STATEID


def check_io(cx: Compound, stateid: nfs4.stateid4, write: bool, inode: Inode) -> int:
    """Whether READ (``write`` False), WRITE or a change of size may go ahead under this stateid (§8.2.3, §9.1.2).

    NFS4ERR_OPENMODE: not opened for writing. NFS4ERR_LOCKED: without an open, and an open denies it.
    A file opened only for writing may be read: clients read to fill up pages. Permission is not judged here.
    """
    stateid = substitute_current(cx, stateid)
    other = stateid.other
    if other in (ZEROS, ONES):
        return _check_special(cx, stateid, write, inode.fileid)
    state = cx.tables.state
    raw = cx.get(other, db=state)
    if other[0] == TYPE_LAYOUT:
        return nfs4.NFS4ERR_BAD_STATEID  # layout stateids go to LAYOUT* only (§12.5.2)
    status = judge(raw, cx.client_id, stateid.seqid)
    if status:
        return status
    if HEAD.unpack_from(raw)[1] != inode.fileid:
        return nfs4.NFS4ERR_BAD_STATEID
    if write:
        if other[0] == TYPE_LOCK:
            # A lock's stateid allows what the open allows that it was got through.
            raw = cx.get(raw[LOCK_OPEN_AT], db=state)
        if not raw[OPEN_ACCESS_AT] & nfs4.OPEN4_SHARE_ACCESS_WRITE:
            return nfs4.NFS4ERR_OPENMODE
    return nfs4.NFS4_OK


OPEN_ACCESS_AT: Final = HEAD.size
"""Where the share access lies in an open's record."""
LOCK_OPEN_AT: Final = slice(HEAD.size, HEAD.size + 12)
"""Where the open's ``other`` lies in a lock's record."""

SUMMARY: Final = Struct(">5I")
"""Per file in ``state_file``: opens, opens for reading, for writing, denying reading, denying writing."""


def _check_special(cx: Compound, stateid: nfs4.stateid4, write: bool, fileid: int) -> int:
    """The anonymous stateid obeys share reservations; the bypass stateid does only when it writes (§8.2.3)."""
    bypass = stateid.other == ONES
    if stateid.seqid != (_NEWEST if bypass else 0):
        return nfs4.NFS4ERR_BAD_STATEID
    if bypass and not write:
        return nfs4.NFS4_OK
    raw = cx.get(U64.pack(fileid), db=cx.tables.state_file)
    denied = raw is not None and SUMMARY.unpack(raw)[4 if write else 3]
    return nfs4.NFS4ERR_LOCKED if denied else nfs4.NFS4_OK


def test(cx: Compound, stateid: nfs4.stateid4) -> int:
    """One status of TEST_STATEID. Special stateids cannot be tested (§18.48.3)."""
    if not is_regular(stateid):
        return nfs4.NFS4ERR_BAD_STATEID
    return judge(cx.get(stateid.other, db=cx.tables.state), cx.client_id, stateid.seqid)


def pack(stateid: nfs4.stateid4) -> bytes:
    """16 bytes, as on the wire."""
    return U32.pack(stateid.seqid) + stateid.other
