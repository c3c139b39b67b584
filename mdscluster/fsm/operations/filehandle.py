"""Which object the COMPOUND works on: PUTFH and its kin, LOOKUP, LOOKUPP, SECINFO (RFC 8881 §16.2.3, §18).

PUTFH, LOOKUP and GETFH stand in nearly every COMPOUND, so they are written out straight: arguments read
where they lie, the record never made an object.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from mdscluster.fsm import access, files
from mdscluster.fsm.handles import GENERATION_AT, HANDLE_BYTES, handle_of, unpack_handle
from mdscluster.fsm.operations.table import Operation
from mdscluster.fsm.records import FILEHANDLE_MAGIC, INODE, Inode, unpack_inode
from mdscluster.fsm.tables import U32, U64, VOLUME_SHIFT
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

_OK: Final = nfs4.NFS4_OK
_BADXDR: Final = nfs4.NFS4ERR_BADXDR
_STALE: Final = nfs4.NFS4ERR_STALE
_DIRECTORY: Final = nfs4.NF4DIR
_LENGTH_AND_HANDLE: Final = Struct(">IHHIQQ")
_ARGUMENT_BYTES: Final = _LENGTH_AND_HANDLE.size
_TYPE_TO_GID: Final = Struct(">8xIIIII")  # of an inode's record: type, mode, nlink, uid, gid
assert INODE.size > _TYPE_TO_GID.size

_RESULT: Final = Struct(">II")
_PUTFH_OK: Final = _RESULT.pack(nfs4.OP_PUTFH, _OK)
_LOOKUP_OK: Final = _RESULT.pack(nfs4.OP_LOOKUP, _OK)
_GETFH_OK: Final = _RESULT.pack(nfs4.OP_GETFH, _OK) + U32.pack(HANDLE_BYTES)


def putfh(cx: Compound) -> int:
    """Set the current filehandle (§18.19). BADHANDLE: not one of ours; STALE: the object is gone."""
    pos = cx.pos
    after = pos + _ARGUMENT_BYTES
    data = cx.data
    if after > cx.end:
        return _putfh_other(cx)
    length, magic, volume, _, fileid, zero = _LENGTH_AND_HANDLE.unpack_from(data, pos)
    if length != HANDLE_BYTES:
        return _putfh_other(cx)
    if magic != FILEHANDLE_MAGIC or zero or not fileid or volume != fileid >> VOLUME_SHIFT:
        return nfs4.NFS4ERR_BADHANDLE
    raw = cx.get(data[pos + 12 : pos + 20], db=cx.tables.inode)
    if raw is None or raw[GENERATION_AT] != data[pos + 8 : pos + 12]:
        return _STALE
    cx.pos = after
    cx.fileid = fileid
    cx.raw = raw
    cx.inode = None
    cx.stateid = None
    cx.res.append(_PUTFH_OK)
    return _OK


def _putfh_other(cx: Compound) -> int:
    """A handle of another length, or a message that ends too soon."""
    handle, cx.pos = nfs4.unpack_nfs_fh4(cx.data, cx.pos)
    if cx.pos > cx.end:
        return _BADXDR
    assert unpack_handle(handle) is None, "only other lengths come here"
    return nfs4.NFS4ERR_BADHANDLE


def putrootfh(cx: Compound) -> int:
    """The root of the export (§18.21)."""
    cx.set_current(cx.root)
    cx.ok(nfs4.OP_PUTROOTFH)
    return _OK


def putpubfh(cx: Compound) -> int:
    """The public filehandle is the root (§18.20)."""
    cx.set_current(cx.root)
    cx.ok(nfs4.OP_PUTPUBFH)
    return _OK


def getfh(cx: Compound) -> int:
    """The current filehandle (§18.8)."""
    raw = cx.raw or cx.load_raw()
    if raw is None:
        return _STALE
    cx.res.append(_GETFH_OK + handle_of(raw))
    return _OK


def savefh(cx: Compound) -> int:
    """Save the current filehandle, and the current stateid with it (§18.28, §16.2.3.1.2)."""
    cx.saved_fileid = cx.fileid
    cx.saved_stateid = cx.stateid
    cx.ok(nfs4.OP_SAVEFH)
    return _OK


def restorefh(cx: Compound) -> int:
    """Make the saved filehandle and stateid the current ones (§18.27)."""
    if not cx.saved_fileid:
        return nfs4.NFS4ERR_NOFILEHANDLE
    if cx.saved_fileid != cx.fileid:
        cx.set_current(cx.saved_fileid)
    cx.stateid = cx.saved_stateid
    cx.ok(nfs4.OP_RESTOREFH)
    return _OK


def lookup(cx: Compound) -> int:
    """Make an entry of the current directory the current filehandle (§18.13)."""
    data = cx.data
    pos = cx.pos
    if pos + 4 > cx.end:
        return _BADXDR
    length: int = U32.unpack_from(data, pos)[0]
    stop = pos + 4 + length
    after = stop + (-length & 3)
    if after > cx.end:
        return _BADXDR
    name = data[pos + 4 : stop]
    raw = cx.raw or cx.load_raw()
    if raw is None:
        return _STALE
    kind, mode, _, uid, gid = _TYPE_TO_GID.unpack_from(raw)
    if kind != _DIRECTORY:
        return files.not_a_directory(kind)
    # What is in the table was checked when it was entered, so names are only judged when they are not found.
    found = cx.get(raw[:8] + name, db=cx.tables.dirent) if 0 < length <= 255 else None
    caller = cx.uid
    if caller:
        if caller == uid:
            mode >>= 6
        elif gid == cx.gid or gid in cx.gids:
            mode >>= 3
        if not mode & 1:
            return files.check_name(name) or nfs4.NFS4ERR_ACCESS
    if found is None:
        return files.check_name(name) or nfs4.NFS4ERR_NOENT
    cx.pos = after
    cx.fileid = U64.unpack_from(found)[0]
    cx.inode = None
    cx.raw = None
    cx.stateid = None
    cx.res.append(_LOOKUP_OK)
    return _OK


def _parent_of(cx: Compound, directory: Inode) -> int:
    """Status of going to the parent of ``directory``, which must be one, searchable, and not the root."""
    if directory.type != _DIRECTORY:
        return files.not_a_directory(directory.type)
    if cx.fileid == cx.root:
        return nfs4.NFS4ERR_NOENT
    return _OK if access.allowed(cx, directory, access.EXECUTE) else nfs4.NFS4ERR_ACCESS


def lookupp(cx: Compound) -> int:
    """Make the parent of the current directory the current filehandle (§18.14). NOENT: it is the root."""
    inode = cx.load()
    if inode is None:
        return _STALE
    status = _parent_of(cx, inode)
    if status:
        return status
    cx.set_current(inode.parent)
    cx.ok(nfs4.OP_LOOKUPP)
    return _OK


def _secinfo_result(cx: Compound, op: int) -> int:
    """AUTH_SYS, and nothing is left as current filehandle: "the current filehandle is consumed" (§18.29.3)."""
    cx.set_current(0)
    cx.res.append(Struct(">IIII").pack(op, _OK, 1, nfs4.AUTH_SYS))
    return _OK


def secinfo(cx: Compound) -> int:
    """How an entry of the current directory may be got at (§18.29)."""
    name, cx.pos = nfs4.unpack_component4(cx.data, cx.pos)
    if cx.pos > cx.end:
        return _BADXDR
    raw = cx.load_raw()
    if raw is None:
        return _STALE
    directory = unpack_inode(raw)
    if directory.type != _DIRECTORY:
        return nfs4.NFS4ERR_NOTDIR
    status = files.check_name(name)
    if status:
        return status
    if not access.allowed(cx, directory, access.EXECUTE):
        return nfs4.NFS4ERR_ACCESS
    if not files.find(cx, directory.fileid, name):
        return nfs4.NFS4ERR_NOENT
    return _secinfo_result(cx, nfs4.OP_SECINFO)


def secinfo_no_name(cx: Compound) -> int:
    """How the current filehandle, or its parent, may be got at (§18.45)."""
    style, cx.pos = nfs4.unpack_secinfo_style4(cx.data, cx.pos)
    if cx.pos > cx.end:
        return _BADXDR
    raw = cx.load_raw()
    if raw is None:
        return _STALE
    if style == nfs4.SECINFO_STYLE4_PARENT:
        status = _parent_of(cx, unpack_inode(raw))
        if status:
            return status
    return _secinfo_result(cx, nfs4.OP_SECINFO_NO_NAME)


OPERATIONS: Final[list[Operation]] = [
    Operation(nfs4.OP_PUTFH, putfh, needs_fh=False),
    Operation(nfs4.OP_PUTROOTFH, putrootfh, needs_fh=False),
    Operation(nfs4.OP_PUTPUBFH, putpubfh, needs_fh=False),
    Operation(nfs4.OP_GETFH, getfh),
    Operation(nfs4.OP_SAVEFH, savefh),
    Operation(nfs4.OP_RESTOREFH, restorefh, needs_fh=False),
    Operation(nfs4.OP_LOOKUP, lookup),
    Operation(nfs4.OP_LOOKUPP, lookupp),
    Operation(nfs4.OP_SECINFO, secinfo),
    Operation(nfs4.OP_SECINFO_NO_NAME, secinfo_no_name),
]
