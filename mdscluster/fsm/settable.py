"""Attributes that clients set: reading them from the wire, and carrying them out (RFC 8881 §5, §18.30).

Nothing of an inode is touched before every wanted attribute has been found good: SETATTR here is all
or nothing, so its ``attrsset`` is what was asked for, or empty.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from mdscluster.fsm import access, recalls
from mdscluster.fsm.attribute_plan import MAX_FILE_BYTES, SETTABLE, SUPPORTED
from mdscluster.fsm.compound import NEED_RECALL
from mdscluster.fsm.tables import U32, U64
from nfswire import nfs4
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.records import Inode

_TIME: Final = Struct(">qI")
_MODE_BITS: Final = 0o7777
_MODE: Final = 1 << nfs4.FATTR4_MODE
_SIZE: Final = 1 << nfs4.FATTR4_SIZE
_MASKED: Final = 1 << nfs4.FATTR4_MODE_SET_MASKED
_UMASK: Final = 1 << nfs4.FATTR4_MODE_UMASK
_TIMES: Final = 1 << nfs4.FATTR4_TIME_ACCESS_SET | 1 << nfs4.FATTR4_TIME_MODIFY_SET
_OWNERS: Final = 1 << nfs4.FATTR4_OWNER | 1 << nfs4.FATTR4_OWNER_GROUP
_LARGEST_ID: Final = 0xFFFFFFFE  # 2**32 - 1 is (uid_t)-1, "no change"
_BLOCK_BYTES: Final = 512

SERVER_TIME: Final = (-1, -1)
"""Stands for "the server's time" among wanted times."""


class Wanted:
    """The attributes of one SETATTR, CREATE or OPEN. -1 and None: not asked for."""

    __slots__ = ("atime", "btime", "gid", "mask", "mode", "mode_mask", "mtime", "size", "uid", "umask")

    def __init__(self, mask: int = 0, mode: int = -1) -> None:
        self.mask = mask
        """Every attribute that was asked for: ``attrsset`` when all went well."""
        self.mode = mode
        self.mode_mask = _MODE_BITS
        self.umask = 0
        self.size = -1
        self.uid = -1
        self.gid = -1
        self.atime: tuple[int, int] | None = None
        self.mtime: tuple[int, int] | None = None
        self.btime: tuple[int, int] | None = None


NOTHING: Final = Wanted()


def read(cx: Compound, *, creating: bool) -> Wanted | int:
    """Read a fattr4 at ``cx.pos``; a status when it cannot be set as it stands."""
    fattr, cx.pos = nfs4.unpack_fattr4(cx.data, cx.pos)
    return decode(fattr.attrmask, fattr.attr_vals, cx.minor, creating=creating)


def decode(mask: int, values: bytes, minor: int, *, creating: bool) -> Wanted | int:
    """What a fattr4 wants, or NFS4ERR_ATTRNOTSUPP, NFS4ERR_INVAL, NFS4ERR_BADOWNER, NFS4ERR_BADXDR (or XdrError).

    "If the attribute is not supported: NFS4ERR_ATTRNOTSUPP. If it may only be read: NFS4ERR_INVAL" (§5.5, §5.6).
    ``creating``: mode_umask is allowed and mode_set_masked is not (RFC 8275 §4, RFC 8881 §6.2.5).
    """
    if mask == _MODE and len(values) == 4:
        mode: int = U32.unpack(values)[0]
        return nfs4.NFS4ERR_INVAL if mode & ~_MODE_BITS else Wanted(mask, mode)
    if mask & ~SUPPORTED[minor]:
        return nfs4.NFS4ERR_ATTRNOTSUPP
    if mask & ~SETTABLE[minor] or mask & (_MASKED if creating else _UMASK):
        return nfs4.NFS4ERR_INVAL
    if (mask & (_MODE | _MASKED | _UMASK)).bit_count() > 1:
        return nfs4.NFS4ERR_INVAL
    wanted = Wanted(mask)
    pos = 0
    rest = mask
    while rest:
        low = rest & -rest
        rest ^= low
        status, pos = _READERS[low](wanted, values, pos)
        if status:
            return status
    return wanted if pos == len(values) else nfs4.NFS4ERR_BADXDR


def _need(values: bytes, pos: int, length: int) -> None:
    if pos + length > len(values):
        raise XdrError("fattr4: attribute values end too soon")


def _read_size(wanted: Wanted, values: bytes, pos: int) -> tuple[int, int]:
    _need(values, pos, 8)
    wanted.size = U64.unpack_from(values, pos)[0]
    return nfs4.NFS4_OK, pos + 8


def _read_mode(wanted: Wanted, values: bytes, pos: int) -> tuple[int, int]:
    """"NFS4ERR_INVAL if bits other than those defined are set" (§6.2.4)."""
    _need(values, pos, 4)
    wanted.mode = U32.unpack_from(values, pos)[0]
    return (nfs4.NFS4ERR_INVAL if wanted.mode & ~_MODE_BITS else 0), pos + 4


def _read_mode_masked(wanted: Wanted, values: bytes, pos: int) -> tuple[int, int]:
    status, pos = _read_mode(wanted, values, pos)
    _need(values, pos, 4)
    wanted.mode_mask = U32.unpack_from(values, pos)[0]
    return (nfs4.NFS4ERR_INVAL if wanted.mode_mask & ~_MODE_BITS else status), pos + 4


def _read_mode_umask(wanted: Wanted, values: bytes, pos: int) -> tuple[int, int]:
    """The mode before the umask, and the umask; we keep no default ACLs, so the umask holds (RFC 8275 §4)."""
    status, pos = _read_mode(wanted, values, pos)
    _need(values, pos, 4)
    wanted.umask = U32.unpack_from(values, pos)[0]
    return (nfs4.NFS4ERR_INVAL if wanted.umask & ~0o777 else status), pos + 4


def _read_id(values: bytes, pos: int) -> tuple[int, int]:
    """A user or group: its number in decimal, with or without "@domain". -1: no such name (NFS4ERR_BADOWNER)."""
    _need(values, pos, 4)
    length = U32.unpack_from(values, pos)[0]
    following = pos + 4 + length + (-length & 3)
    if following > len(values):
        raise XdrError("fattr4: owner")
    name = values[pos + 4 : pos + 4 + length].partition(b"@")[0]
    number = int(name) if 0 < len(name) <= 10 and name.isdigit() else -1
    return (number if number <= _LARGEST_ID else -1), following


def _read_owner(wanted: Wanted, values: bytes, pos: int) -> tuple[int, int]:
    wanted.uid, pos = _read_id(values, pos)
    return (nfs4.NFS4ERR_BADOWNER if wanted.uid < 0 else 0), pos


def _read_group(wanted: Wanted, values: bytes, pos: int) -> tuple[int, int]:
    wanted.gid, pos = _read_id(values, pos)
    return (nfs4.NFS4ERR_BADOWNER if wanted.gid < 0 else 0), pos


def _read_nfstime(values: bytes, pos: int) -> tuple[tuple[int, int], int, int]:
    """A time, its status and the position behind it. "nseconds of a billion or more are invalid" (§3.3.1)."""
    _need(values, pos, 12)
    time: tuple[int, int] = _TIME.unpack_from(values, pos)
    return time, (nfs4.NFS4ERR_INVAL if time[1] >= 1_000_000_000 else 0), pos + 12


def _read_settime(values: bytes, pos: int) -> tuple[tuple[int, int], int, int]:
    _need(values, pos, 4)
    how = U32.unpack_from(values, pos)[0]
    if how == nfs4.SET_TO_SERVER_TIME4:
        return SERVER_TIME, 0, pos + 4
    if how != nfs4.SET_TO_CLIENT_TIME4:
        raise XdrError("settime4: discriminant")
    return _read_nfstime(values, pos + 4)


def _read_atime(wanted: Wanted, values: bytes, pos: int) -> tuple[int, int]:
    wanted.atime, status, pos = _read_settime(values, pos)
    return status, pos


def _read_mtime(wanted: Wanted, values: bytes, pos: int) -> tuple[int, int]:
    wanted.mtime, status, pos = _read_settime(values, pos)
    return status, pos


def _read_btime(wanted: Wanted, values: bytes, pos: int) -> tuple[int, int]:
    wanted.btime, status, pos = _read_nfstime(values, pos)
    return status, pos


_READERS: Final = {
    _SIZE: _read_size,
    _MODE: _read_mode,
    1 << nfs4.FATTR4_OWNER: _read_owner,
    1 << nfs4.FATTR4_OWNER_GROUP: _read_group,
    1 << nfs4.FATTR4_TIME_ACCESS_SET: _read_atime,
    1 << nfs4.FATTR4_TIME_CREATE: _read_btime,
    1 << nfs4.FATTR4_TIME_MODIFY_SET: _read_mtime,
    _MASKED: _read_mode_masked,
    _UMASK: _read_mode_umask,
}


# ---------------------------------------------------------------- carrying out
def check_create(cx: Compound, wanted: Wanted, kind: int) -> int:
    """Whether a new object of this type may be given these attributes by the caller."""
    if wanted.size > 0 and kind != nfs4.NF4REG:
        return nfs4.NFS4ERR_INVAL
    if wanted.size > MAX_FILE_BYTES:
        return nfs4.NFS4ERR_FBIG
    if cx.uid == 0:
        return nfs4.NFS4_OK
    if wanted.uid not in (-1, cx.uid) or (wanted.gid != -1 and not access.in_group(cx, wanted.gid)):
        return nfs4.NFS4ERR_PERM
    return nfs4.NFS4_OK


def change(cx: Compound, inode: Inode, wanted: Wanted, *, open_for_write: bool) -> int:
    """Give ``inode`` the wanted attributes, stamped but not stored. Nothing is changed unless NFS4_OK.

    ``open_for_write``: the stateid shown allows writing, so size needs no further permission.
    NEED_RECALL: the file shrinks, and layouts or data servers come first.
    """
    status = _may_change(cx, inode, wanted, open_for_write=open_for_write)
    if status:
        return status
    if wanted.size >= 0:
        status = set_size(cx, inode, wanted.size)
        if status:
            return status
    _change_owners(cx, inode, wanted)
    if wanted.mode >= 0:
        inode.mode = (inode.mode & ~wanted.mode_mask) | (wanted.mode & wanted.mode_mask)
        if cx.uid != 0 and inode.type != nfs4.NF4DIR and not access.in_group(cx, inode.gid):
            inode.mode &= ~access.S_ISGID
    now = (cx.now_s, cx.now_ns)
    if wanted.atime is not None:
        inode.atime_s, inode.atime_ns = now if wanted.atime == SERVER_TIME else wanted.atime
    if wanted.mtime is not None:
        inode.mtime_s, inode.mtime_ns = now if wanted.mtime == SERVER_TIME else wanted.mtime
    if wanted.btime is not None:
        inode.btime_s, inode.btime_ns = wanted.btime
    inode.ctime_s, inode.ctime_ns = now
    inode.change += 1
    return nfs4.NFS4_OK


def _may_change(cx: Compound, inode: Inode, wanted: Wanted, *, open_for_write: bool) -> int:
    if cx.read_only:
        return nfs4.NFS4ERR_ROFS
    if wanted.size >= 0:
        if inode.type != nfs4.NF4REG:
            return nfs4.NFS4ERR_ISDIR if inode.type == nfs4.NF4DIR else nfs4.NFS4ERR_WRONG_TYPE
        if not open_for_write and not access.may_do_io(cx, inode, access.WRITE):
            return nfs4.NFS4ERR_ACCESS
    if cx.uid == 0:
        return nfs4.NFS4_OK
    owner = cx.uid == inode.uid
    if not owner:
        if wanted.mode >= 0 or wanted.btime is not None or wanted.mask & _OWNERS:
            return nfs4.NFS4ERR_PERM
        if wanted.mask & _TIMES:
            # POSIX utimensat(): any times for the owner; "now" for whoever may write.
            if wanted.atime not in (None, SERVER_TIME) or wanted.mtime not in (None, SERVER_TIME):
                return nfs4.NFS4ERR_PERM
            if not access.allowed(cx, inode, access.WRITE):
                return nfs4.NFS4ERR_ACCESS
    if wanted.uid not in (-1, inode.uid):
        return nfs4.NFS4ERR_PERM  # chown_restricted
    if wanted.gid not in (-1, inode.gid) and not access.in_group(cx, wanted.gid):
        return nfs4.NFS4ERR_PERM
    return nfs4.NFS4_OK


def _change_owners(cx: Compound, inode: Inode, wanted: Wanted) -> None:
    """A new owner of a file does not inherit the set-ID bits that the old one had chosen."""
    if wanted.uid < 0 and wanted.gid < 0:
        return
    if wanted.uid >= 0:
        inode.uid = wanted.uid
    if wanted.gid >= 0:
        inode.gid = wanted.gid
    if inode.type != nfs4.NF4DIR:
        access.clear_privileges(inode)


def set_size(cx: Compound, inode: Inode, size: int) -> int:
    """Cut or extend a regular file; stamped and not stored. NEED_RECALL: nothing was changed yet.

    OPEN uses it too, when it truncates an existing file (§18.16.3).
    """
    if size > MAX_FILE_BYTES:
        return nfs4.NFS4ERR_FBIG
    if recalls.recall_for_truncate(cx, inode, size):
        return NEED_RECALL
    inode.size = size
    inode.space_used = min(inode.space_used, blocks_bytes(size))
    access.drop_privileges(cx, inode)
    inode.mtime_s = inode.ctime_s = cx.now_s
    inode.mtime_ns = inode.ctime_ns = cx.now_ns
    inode.change += 1
    return nfs4.NFS4_OK


def blocks_bytes(size: int) -> int:
    """``size`` rounded up to whole blocks, as space_used counts."""
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES
