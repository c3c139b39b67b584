"""CREATE, LINK, REMOVE and RENAME (RFC 8881 §18.4, §18.9, §18.25, §18.26).

A change of a directory and its ``change_info4`` are one atom here, so ``atomic`` is always TRUE.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from mdscluster.fsm import access, files, settable
from mdscluster.fsm.attribute_plan import MAX_LINKS, bitmap
from mdscluster.fsm.operations.table import Operation
from mdscluster.fsm.records import DIRENT, Inode
from mdscluster.fsm.tables import U64, VOLUME_SHIFT
from nfswire import nfs4
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.settable import Wanted

_OK: Final = nfs4.NFS4_OK
_STALE: Final = nfs4.NFS4ERR_STALE
_CHANGED: Final = Struct(">IIIQQ")  # operation, status, atomic, before, after
_CHANGED_TOO: Final = Struct(">IQQ")
_TWO: Final = Struct(">II")
_DEVICES: Final = (nfs4.NF4BLK, nfs4.NF4CHR)
_CREATABLE: Final = (nfs4.NF4DIR, nfs4.NF4LNK, nfs4.NF4BLK, nfs4.NF4CHR, nfs4.NF4SOCK, nfs4.NF4FIFO)


def _read_opaque(cx: Compound) -> bytes:
    """Variable-length opaque data at ``cx.pos``, of any length that the message holds."""
    data = cx.data
    pos = cx.pos
    if pos + 4 <= cx.end:
        stop = pos + 4 + int.from_bytes(data[pos : pos + 4], "big")
        after = stop + (pos - stop & 3)
        if after <= cx.end:
            cx.pos = after
            return data[pos + 4 : stop]
    raise XdrError("opaque: truncated")


def create(cx: Compound) -> int:
    """Make a directory, symbolic link, device, FIFO or socket (§18.4). BADTYPE: files are made by OPEN."""
    data = cx.data
    pos = cx.pos
    if pos + 4 > cx.end:
        return nfs4.NFS4ERR_BADXDR
    kind = int.from_bytes(data[pos : pos + 4], "big")
    cx.pos = pos + 4
    target = b""
    device = (0, 0)
    if kind == nfs4.NF4LNK:
        target = _read_opaque(cx)
    elif kind in _DEVICES:
        if cx.pos + 8 > cx.end:
            return nfs4.NFS4ERR_BADXDR
        device = _TWO.unpack_from(data, cx.pos)
        cx.pos += 8
    name = _read_opaque(cx)
    wanted = settable.read(cx, creating=True)
    directory = cx.load()
    if directory is None:
        return _STALE
    if kind not in _CREATABLE:
        return nfs4.NFS4ERR_BADTYPE
    if isinstance(wanted, int):
        return wanted
    status = _may_create(cx, directory, name, kind, target, wanted)
    if status:
        return status
    before = directory.change
    inode = files.create_file(cx, directory, name, wanted, kind)
    if kind == nfs4.NF4LNK:
        inode.size = len(target)
        cx.put(U64.pack(inode.fileid), target, db=cx.tables.symlink)
        cx.store(inode)
    elif kind in _DEVICES:
        inode.rdev_major, inode.rdev_minor = device
        cx.store(inode)
    cx.set_current(inode.fileid)
    cx.res.append(_CHANGED.pack(nfs4.OP_CREATE, _OK, 1, before, directory.change) + bitmap(wanted.mask))
    return _OK


def _may_create(cx: Compound, directory: Inode, name: bytes, kind: int, target: bytes, wanted: Wanted) -> int:
    status = files.check_new_name(cx, directory, name)
    if status:
        return status
    if kind == nfs4.NF4LNK:
        if not target or b"\0" in target:
            return nfs4.NFS4ERR_INVAL
        if len(target) > files.MAX_SYMLINK_BYTES:
            return nfs4.NFS4ERR_NAMETOOLONG
    if files.find(cx, directory.fileid, name):
        return nfs4.NFS4ERR_EXIST
    if kind == nfs4.NF4DIR and directory.nlink >= MAX_LINKS:
        return nfs4.NFS4ERR_MLINK
    if kind in _DEVICES and cx.uid != 0:
        return nfs4.NFS4ERR_PERM
    return settable.check_create(cx, wanted, kind)


def link(cx: Compound) -> int:
    """Another name, in the current directory, for the saved filehandle's object (§18.9)."""
    name = _read_opaque(cx)
    if not cx.saved_fileid:
        return nfs4.NFS4ERR_NOFILEHANDLE
    directory = cx.load()
    inode = cx.load_other(cx.saved_fileid)
    if directory is None or inode is None:
        return _STALE
    if inode.type == nfs4.NF4DIR:
        return nfs4.NFS4ERR_ISDIR
    status = files.check_new_name(cx, directory, name)
    if status:
        return status
    if inode.fileid >> VOLUME_SHIFT != directory.fileid >> VOLUME_SHIFT:
        return nfs4.NFS4ERR_XDEV
    if files.find(cx, directory.fileid, name):
        return nfs4.NFS4ERR_EXIST
    if not inode.nlink:
        return nfs4.NFS4ERR_NOENT  # unlinked and still open: it does not come back
    if inode.nlink >= MAX_LINKS:
        return nfs4.NFS4ERR_MLINK
    before = directory.change
    inode.nlink += 1
    files.stamp_changed(cx, inode)
    files.add_entry(cx, directory, name, inode.fileid)
    cx.store(inode)
    cx.store(directory)
    cx.res.append(_CHANGED.pack(nfs4.OP_LINK, _OK, 1, before, directory.change))
    return _OK


def _entry(cx: Compound, directory: Inode, name: bytes) -> tuple[Inode, int] | None:
    """The object behind a name and the entry's cookie."""
    raw = cx.get(U64.pack(directory.fileid) + name, db=cx.tables.dirent)
    if raw is None:
        return None
    fileid, cookie = DIRENT.unpack(raw)
    inode = cx.load_other(fileid)
    assert inode is not None, f"the entry of {fileid} outlived it"
    return inode, cookie


def remove(cx: Compound) -> int:
    """Remove an entry of the current directory, whatever it names (§18.25). NOTEMPTY for a directory in use."""
    name = _read_opaque(cx)
    directory = cx.load()
    if directory is None:
        return _STALE
    status = files.check_new_name(cx, directory, name)
    if status:
        return status
    entry = _entry(cx, directory, name)
    if entry is None:
        return nfs4.NFS4ERR_NOENT
    inode, cookie = entry
    if access.sticky_forbids(cx, directory, inode):
        return nfs4.NFS4ERR_ACCESS
    if inode.type == nfs4.NF4DIR:
        if inode.size:
            return nfs4.NFS4ERR_NOTEMPTY
        directory.nlink -= 1
    before = directory.change
    files.remove_entry(cx, directory, name, cookie)
    files.unlink(cx, inode)
    cx.store(directory)
    cx.res.append(_CHANGED.pack(nfs4.OP_REMOVE, _OK, 1, before, directory.change))
    return _OK


def rename(cx: Compound) -> int:
    """Move an entry from the saved directory to the current one (§18.26).

    What the new name stood for is removed, if both are directories (and it is empty) or neither is. Two
    names of one object: nothing happens. A directory does not move below itself: NFS4ERR_INVAL.
    """
    old_name = _read_opaque(cx)
    new_name = _read_opaque(cx)
    if not cx.saved_fileid:
        return nfs4.NFS4ERR_NOFILEHANDLE
    target = cx.load()
    source = cx.load_other(cx.saved_fileid)
    if target is None or source is None:
        return _STALE
    status = files.check_new_name(cx, source, old_name) or files.check_new_name(cx, target, new_name)
    if status:
        return status
    if source.fileid >> VOLUME_SHIFT != target.fileid >> VOLUME_SHIFT:
        return nfs4.NFS4ERR_XDEV
    found = _entry(cx, source, old_name)
    if found is None:
        return nfs4.NFS4ERR_NOENT
    inode, cookie = found
    # An object that is one of the two directories must be that very record: both would be stored.
    inode = target if inode.fileid == target.fileid else source if inode.fileid == source.fileid else inode
    replaced = _entry(cx, target, new_name)
    before = (source.change, target.change)
    if replaced is None or replaced[0].fileid != inode.fileid:
        status = _may_move(cx, source, target, inode, None if replaced is None else replaced[0])
        if status:
            return status
        _move(cx, source, target, inode, old_name, new_name, cookie, replaced)
    cx.res.append(
        _CHANGED.pack(nfs4.OP_RENAME, _OK, 1, before[0], source.change)
        + _CHANGED_TOO.pack(1, before[1], target.change)
    )
    return _OK


def _may_move(cx: Compound, source: Inode, target: Inode, inode: Inode, replaced: Inode | None) -> int:
    if access.sticky_forbids(cx, source, inode):
        return nfs4.NFS4ERR_ACCESS
    directory = inode.type == nfs4.NF4DIR
    if directory and source.fileid != target.fileid:
        if _is_below(cx, target, inode.fileid):
            return nfs4.NFS4ERR_INVAL
        if not access.allowed(cx, inode, access.WRITE):
            return nfs4.NFS4ERR_ACCESS  # its ".." changes
    if replaced is None:
        if directory and source.fileid != target.fileid and target.nlink >= MAX_LINKS:
            return nfs4.NFS4ERR_MLINK
        return _OK
    if access.sticky_forbids(cx, target, replaced):
        return nfs4.NFS4ERR_ACCESS
    # "either both are non-directories or both are directories ...; if not, NFS4ERR_EXIST" (§18.26.3)
    if directory != (replaced.type == nfs4.NF4DIR):
        return nfs4.NFS4ERR_EXIST
    return nfs4.NFS4ERR_NOTEMPTY if directory and replaced.size else _OK


def _is_below(cx: Compound, directory: Inode, ancestor: int) -> bool:
    """Whether ``directory`` is ``ancestor`` or lies somewhere below it."""
    fileid, parent = directory.fileid, directory.parent
    while fileid != ancestor:
        if parent == fileid:
            return False  # the volume's root
        fileid = parent
        inode = cx.load_other(fileid)
        assert inode is not None, f"directory {fileid} is gone and has children"
        parent = inode.parent
    return True


def _move(
    cx: Compound, source: Inode, target: Inode, inode: Inode, old_name: bytes, new_name: bytes, cookie: int,
    replaced: tuple[Inode, int] | None,
) -> None:  # fmt: skip
    """Carry a rename out. Within one directory the entry keeps its cookie, so a reader meets it once."""
    same = source.fileid == target.fileid
    if same:
        target = source
    if replaced is not None:
        files.remove_entry(cx, target, new_name, replaced[1])
        if replaced[0].type == nfs4.NF4DIR:
            target.nlink -= 1
        files.unlink(cx, replaced[0])
    files.remove_entry(cx, source, old_name, cookie)
    files.add_entry(cx, target, new_name, inode.fileid, cookie if same else 0)
    if inode.type == nfs4.NF4DIR and not same:
        source.nlink -= 1
        target.nlink += 1
        inode.parent = target.fileid
    files.stamp_changed(cx, inode)
    cx.store(inode)
    cx.store(source)
    if not same:
        cx.store(target)


OPERATIONS: Final[list[Operation]] = [
    Operation(nfs4.OP_CREATE, create, changes=True),
    Operation(nfs4.OP_LINK, link, changes=True),
    Operation(nfs4.OP_REMOVE, remove, changes=True),
    Operation(nfs4.OP_RENAME, rename, changes=True),
]
