"""READDIR (RFC 8881 §18.23): one cursor over the directory's listing, in order of cookies.

Cookies are given once and never again, so they stay good however the directory changes, on every node.
The verifier has nothing to tell apart and is always zero.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from mdscluster.fsm import access
from mdscluster.fsm.attribute_plan import Plan, read_request
from mdscluster.fsm.operations.table import Operation
from mdscluster.fsm.records import FIRST_COOKIE, unpack_inode
from mdscluster.fsm.tables import U64, U64x2
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

_ARGUMENTS: Final = Struct(">QQII")  # cookie, verifier, dircount, maxcount
_HEAD: Final = Struct(">IIQ").pack(nfs4.OP_READDIR, nfs4.NFS4_OK, 0)
_FRAME_BYTES: Final = 16  # of READDIR4resok without entries: verifier, end of the list, eof
_RESULT_HEAD_BYTES: Final = 8
_LARGEST_BYTES: Final = 1 << 16
"""However much is asked for: a listing of 1 MiB takes 0.2 s, in which a front end serves nobody else."""
_LARGEST_COOKIE: Final = (1 << 63) - 1
_ENTRY: Final = b"\0\0\0\1"
_MORE: Final = b"\0\0\0\0\0\0\0\0"
_EOF: Final = b"\0\0\0\0\0\0\0\1"


def readdir(cx: Compound) -> int:
    """Entries behind a cookie, with their attributes (§18.23).

    maxcount bounds the bytes of READDIR4resok; dircount, a hint, those of names and cookies. TOOSMALL: not
    even one entry fits. NOT_SAME: a verifier that we never gave. BAD_COOKIE: one of the reserved cookies.
    """
    pos = cx.pos
    if pos + _ARGUMENTS.size > cx.end:
        return nfs4.NFS4ERR_BADXDR
    cookie, verifier, dircount, maxcount = _ARGUMENTS.unpack_from(cx.data, pos)
    cx.pos = pos + _ARGUMENTS.size
    plan = read_request(cx)
    raw = cx.raw or cx.load_raw()
    if raw is None:
        return nfs4.NFS4ERR_STALE
    directory = unpack_inode(raw)
    if directory.type != nfs4.NF4DIR:
        return nfs4.NFS4ERR_NOTDIR
    if plan.refused:
        return nfs4.NFS4ERR_INVAL
    if cookie:
        if not FIRST_COOKIE <= cookie <= _LARGEST_COOKIE:
            return nfs4.NFS4ERR_BAD_COOKIE
        if verifier:
            return nfs4.NFS4ERR_NOT_SAME
    if not access.allowed(cx, directory, access.READ):
        return nfs4.NFS4ERR_ACCESS
    cx.tight = True
    room = cx.room() - _RESULT_HEAD_BYTES
    limit = min(maxcount, room, cx.settings.max_io_bytes, _LARGEST_BYTES)
    entries: list[bytes] = []
    eof = _entries(cx, plan, cookie, limit - _FRAME_BYTES, dircount or maxcount, entries)
    if limit < _FRAME_BYTES or (not entries and not eof):
        return nfs4.NFS4ERR_TOOSMALL if limit == maxcount else nfs4.NFS4ERR_REP_TOO_BIG
    cx.res.append(_HEAD)
    cx.res += entries
    cx.res.append(_EOF if eof else _MORE)
    return nfs4.NFS4_OK


def _entries(cx: Compound, plan: Plan, cookie: int, room: int, names_room: int, entries: list[bytes]) -> bool:
    """Append what fits of the entries behind ``cookie``; whether the last one is among them."""
    get = cx.get
    table = cx.tables.inode
    known = plan.memo.get
    append = entries.append
    prefix = U64.pack(cx.fileid)
    with cx.txn.cursor(db=cx.tables.dirlist) as cursor:
        if not cursor.set_range(U64x2.pack(cx.fileid, cookie + 1)):
            return True
        for key, value in cursor:
            if key[:8] != prefix:
                return True
            raw = get(value[:8], db=table)
            attributes = known(raw) or plan.encode(cx, raw)
            # The mark that an entry follows (4) and the cookie (8) stand for the fileid (8) in front of the name.
            size = len(value)
            names_room -= size
            room -= size + 4 + len(attributes)
            if room < 0 or (names_room < 0 and entries):
                return False
            append(b"".join((_ENTRY, key[8:], value[8:], attributes)))
    return True


OPERATIONS: Final[list[Operation]] = [Operation(nfs4.OP_READDIR, readdir)]
