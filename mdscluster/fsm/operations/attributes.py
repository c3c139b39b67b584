"""GETATTR, SETATTR, VERIFY, NVERIFY, ACCESS and READLINK (RFC 8881 §18.1, §18.7, §18.15, §18.24, §18.30, §18.31)."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from mdscluster.fsm import access, settable, stateids
from mdscluster.fsm.attribute_plan import PLANS, SUPPORTED, WRITE_ONLY, bitmap, plan_for, read_request
from mdscluster.fsm.operations.table import Operation
from mdscluster.fsm.tables import U32, U64
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

_OK: Final = nfs4.NFS4_OK
_STALE: Final = nfs4.NFS4ERR_STALE
_DIRECTORY: Final = nfs4.NF4DIR
_RESULT: Final = Struct(">II")
_GETATTR_OK: Final = _RESULT.pack(nfs4.OP_GETATTR, _OK)
_SETATTR_OK: Final = _RESULT.pack(nfs4.OP_SETATTR, _OK)
_ACCESS_RESULT: Final = Struct(">IIII")
_TYPE_TO_GID: Final = Struct(">8xIIIII")  # of an inode's record: type, mode, nlink, uid, gid

_READ: Final = nfs4.ACCESS4_READ
_LOOKUP: Final = nfs4.ACCESS4_LOOKUP
_DELETE: Final = nfs4.ACCESS4_DELETE
_EXECUTE: Final = nfs4.ACCESS4_EXECUTE
_WRITE: Final = nfs4.ACCESS4_MODIFY | nfs4.ACCESS4_EXTEND
_OF_DIRECTORY: Final = _READ | _LOOKUP | _WRITE | _DELETE
_OF_FILE: Final = _READ | _WRITE | _EXECUTE

#: ACCESS bits by the rwx bits that the caller has, of directories and of everything else.
_DIRECTORY_BITS: Final = [
    (_READ if rwx & 4 else 0) | (_WRITE | _DELETE if rwx & 2 else 0) | (_LOOKUP if rwx & 1 else 0) for rwx in range(8)
]
_FILE_BITS: Final = [
    (_READ if rwx & 4 else 0) | (_WRITE if rwx & 2 else 0) | (_EXECUTE if rwx & 1 else 0) for rwx in range(8)
]


def getattr_(cx: Compound) -> int:
    """Attributes of the current object (§18.7). INVAL: one that can only be set was asked for."""
    data = cx.data
    pos = cx.pos
    stop = pos + 4 + 4 * data[pos + 3] if pos + 4 <= cx.end else cx.end + 1
    plan = PLANS[cx.minor].get(data[pos:stop])
    if plan is None or plan.settings is not cx.settings or stop > cx.end:
        plan = read_request(cx)
    else:
        cx.pos = stop
    raw = cx.raw or cx.load_raw()
    if raw is None:
        return _STALE
    if plan.refused:
        return nfs4.NFS4ERR_INVAL
    res = cx.res
    res.append(_GETATTR_OK)
    res.append(plan.memo.get(raw) or plan.encode(cx, raw))
    return _OK


def access_(cx: Compound) -> int:
    """What the caller may do, as far as we can tell beforehand (§18.1)."""
    pos = cx.pos
    if pos + 4 > cx.end:
        return nfs4.NFS4ERR_BADXDR
    wanted: int = U32.unpack_from(cx.data, pos)[0]
    cx.pos = pos + 4
    raw = cx.raw or cx.load_raw()
    if raw is None:
        return _STALE
    kind, mode, _, uid, gid = _TYPE_TO_GID.unpack_from(raw)
    rwx = access.bits(cx, mode, uid, gid)
    if kind == _DIRECTORY:
        wanted &= _OF_DIRECTORY
        granted = _DIRECTORY_BITS[rwx if cx.uid else 7]
    else:
        wanted &= _OF_FILE
        granted = _FILE_BITS[rwx]
    if cx.read_only:
        granted &= ~(_WRITE | _DELETE)
    cx.res.append(_ACCESS_RESULT.pack(nfs4.OP_ACCESS, _OK, wanted, wanted & granted))
    return _OK


def setattr_(cx: Compound) -> int:
    """Set attributes of the current object, all or none (§18.30). A new size needs a stateid, or permission.

    NEED_RECALL when the file shrinks under layouts, or its data servers have to cut it first.
    """
    stateid, cx.pos = nfs4.unpack_stateid4(cx.data, cx.pos)
    wanted = settable.read(cx, creating=False)
    inode = cx.load()
    if inode is None:
        return _STALE
    if isinstance(wanted, int):
        return wanted
    open_for_write = False
    if wanted.size >= 0 and inode.type == nfs4.NF4REG:
        status = stateids.check_io(cx, stateid, True, inode)
        if status:
            return status
        open_for_write = stateids.is_regular(stateids.substitute_current(cx, stateid))
    if wanted.mask:
        status = settable.change(cx, inode, wanted, open_for_write=open_for_write)
        if status:
            return status
        cx.store(inode)
    cx.res.append(_SETATTR_OK)
    cx.res.append(bitmap(wanted.mask))
    return _OK


def _same(cx: Compound) -> int:
    """Compare a fattr4 with the object's own: NFS4ERR_SAME or NFS4ERR_NOT_SAME, or why that cannot be told."""
    fattr, cx.pos = nfs4.unpack_fattr4(cx.data, cx.pos)
    if cx.pos > cx.end:
        return nfs4.NFS4ERR_BADXDR
    raw = cx.load_raw()
    if raw is None:
        return _STALE
    mask = fattr.attrmask
    # "If an attribute that can only be set, or rdattr_error, is given: NFS4ERR_INVAL" (§18.31.3).
    if mask & (WRITE_ONLY & SUPPORTED[cx.minor] | 1 << nfs4.FATTR4_RDATTR_ERROR):
        return nfs4.NFS4ERR_INVAL
    if mask & ~SUPPORTED[cx.minor]:
        return nfs4.NFS4ERR_ATTRNOTSUPP
    plan = plan_for(mask, cx.minor, cx.settings)
    values = plan.encode(cx, raw)[len(bitmap(mask)) + 4 :]
    return nfs4.NFS4ERR_SAME if values == fattr.attr_vals else nfs4.NFS4ERR_NOT_SAME


def verify(cx: Compound) -> int:
    """Go on only if the attributes are the same (§18.31)."""
    status = _same(cx)
    if status != nfs4.NFS4ERR_SAME:
        return status
    cx.ok(nfs4.OP_VERIFY)
    return _OK


def nverify(cx: Compound) -> int:
    """Go on only if the attributes differ (§18.15)."""
    status = _same(cx)
    if status != nfs4.NFS4ERR_NOT_SAME:
        return status
    cx.ok(nfs4.OP_NVERIFY)
    return _OK


def readlink(cx: Compound) -> int:
    """The target of a symbolic link (§18.24). "If it is not of type NF4LNK: NFS4ERR_WRONG_TYPE"."""
    cx.tight = True  # it may be long
    raw = cx.load_raw()
    if raw is None:
        return _STALE
    if U32.unpack_from(raw, 8)[0] != nfs4.NF4LNK:
        return nfs4.NFS4ERR_WRONG_TYPE
    target = cx.get(U64.pack(cx.fileid), db=cx.tables.symlink)
    length = len(target)
    cx.res.append(Struct(">III").pack(nfs4.OP_READLINK, _OK, length) + target + bytes(-length & 3))
    return _OK


OPERATIONS: Final[list[Operation]] = [
    Operation(nfs4.OP_GETATTR, getattr_),
    Operation(nfs4.OP_ACCESS, access_),
    Operation(nfs4.OP_SETATTR, setattr_, changes=True),
    Operation(nfs4.OP_VERIFY, verify),
    Operation(nfs4.OP_NVERIFY, nverify),
    Operation(nfs4.OP_READLINK, readlink),
]
