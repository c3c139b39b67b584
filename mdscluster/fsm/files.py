"""The namespace's moving parts: inodes, directory entries, links, and the deletion queue.

What operations and other modules build on. Functions that take an :class:`Inode` change it and store
it, unless they say otherwise; they assume that permission was checked.

A file whose last link is gone lives on while somebody has it open (an *orphan*: nlink 0). When the last
open goes too, its record is removed and its data objects pass to the deletion queue in the same
transaction, so at any moment they belong to a file or to the queue (INV-11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm import access, deletions, layout_states, shares
from mdscluster.fsm.attribute_plan import MAX_NAME_BYTES
from mdscluster.fsm.commands import REPORT_REFUSED
from mdscluster.fsm.records import DIRENT, FIRST_COOKIE, Inode
from mdscluster.fsm.settable import NOTHING, Wanted, blocks_bytes
from mdscluster.fsm.tables import DEFAULT_VOLUME, U32, U64, VOLUME_SHIFT, U64x2, root_fileid
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm import commands
    from mdscluster.fsm.compound import Compound

MAX_SYMLINK_BYTES: Final = 4096
_NEXT_FILEID: Final = b"next_fileid"  # + volume (u16)
_FIRST_NUMBER: Final = 2  # 1 is the volume's root
_DEFAULT_MODE: Final = {nfs4.NF4DIR: 0o755, nfs4.NF4LNK: 0o777}


# ---------------------------------------------------------------- names and entries
def check_name(name: bytes) -> int:
    """Whether ``name`` can name an entry (RFC 8881 §14.4, §18.4.3 and others).

    Empty or not UTF-8: NFS4ERR_INVAL. Too long: NFS4ERR_NAMETOOLONG. A slash or NUL: NFS4ERR_BADCHAR.
    "." and "..": NFS4ERR_BADNAME.
    """
    if not name:
        return nfs4.NFS4ERR_INVAL
    if len(name) > MAX_NAME_BYTES:
        return nfs4.NFS4ERR_NAMETOOLONG
    if b"/" in name or b"\0" in name:
        return nfs4.NFS4ERR_BADCHAR
    if name in (b".", b".."):
        return nfs4.NFS4ERR_BADNAME
    if not name.isascii():
        try:
            name.decode()
        except UnicodeDecodeError:
            return nfs4.NFS4ERR_INVAL
    return nfs4.NFS4_OK


def find(cx: Compound, directory: int, name: bytes) -> int:
    """The fileid that ``name`` stands for, or 0. The name may be any bytes of at most 255."""
    raw = cx.get(U64.pack(directory) + name, db=cx.tables.dirent)
    return 0 if raw is None else int(U64.unpack_from(raw)[0])


def not_a_directory(kind: int) -> int:
    """How LOOKUP, LOOKUPP and OPEN refuse an object that should have been a directory."""
    return nfs4.NFS4ERR_SYMLINK if kind == nfs4.NF4LNK else nfs4.NFS4ERR_NOTDIR


def add_entry(cx: Compound, directory: Inode, name: bytes, fileid: int, cookie: int = 0) -> None:
    """Enter ``name``; the directory is stamped and not stored. Cookies are never used again (§18.23.3).

    ``cookie``: keep this one (a rename within the directory), so that a reader meets the entry once.
    """
    if not cookie:
        cookie = directory.next_cookie
        directory.next_cookie = cookie + 1
    length = len(name)
    tables = cx.tables
    cx.put(U64.pack(directory.fileid) + name, DIRENT.pack(fileid, cookie), db=tables.dirent)
    # The listing holds the name in XDR, so that READDIR copies it as it lies.
    value = b"".join((U64.pack(fileid), U32.pack(length), name, bytes(-length & 3)))
    cx.put(U64x2.pack(directory.fileid, cookie), value, db=tables.dirlist)
    directory.size += 1
    stamp_modified(cx, directory)


def remove_entry(cx: Compound, directory: Inode, name: bytes, cookie: int) -> None:
    """Take ``name`` out; the directory is stamped and not stored."""
    cx.delete(U64.pack(directory.fileid) + name, db=cx.tables.dirent)
    cx.delete(U64x2.pack(directory.fileid, cookie), db=cx.tables.dirlist)
    directory.size -= 1
    stamp_modified(cx, directory)


# ---------------------------------------------------------------- stamps
def stamp_modified(cx: Compound, inode: Inode) -> None:
    """Content changed: mtime, ctime and the change attribute. Not stored."""
    inode.mtime_s = inode.ctime_s = cx.now_s
    inode.mtime_ns = inode.ctime_ns = cx.now_ns
    inode.change += 1


def stamp_changed(cx: Compound, inode: Inode) -> None:
    """Metadata changed: ctime and the change attribute. Not stored."""
    inode.ctime_s = cx.now_s
    inode.ctime_ns = cx.now_ns
    inode.change += 1


def wrote(cx: Compound, inode: Inode, end_offset: int, count: int) -> None:
    """``count`` bytes were written, the last before ``end_offset``: size, space and stamps. Not stored.

    Space is an estimate: data servers know which blocks of a sparse file exist. It never exceeds the size
    by more than a block.
    """
    inode.size = max(inode.size, end_offset)
    inode.space_used = max(inode.space_used, min(inode.space_used + blocks_bytes(count), blocks_bytes(inode.size)))
    access.drop_privileges(cx, inode)
    stamp_modified(cx, inode)


# ---------------------------------------------------------------- creating
def create_root(cx: Compound, volume: int = DEFAULT_VOLUME) -> None:
    """Make the volume's root directory, unless it is there already."""
    fileid = root_fileid(volume)
    if cx.get(U64.pack(fileid), db=cx.tables.inode) is None:
        cx.store(_new_inode(cx, fileid, nfs4.NF4DIR, 0o755, 0, 0, fileid))


def _new_fileid(cx: Compound, volume: int) -> int:
    key = _NEXT_FILEID + volume.to_bytes(2, "big")
    raw = cx.get(key, db=cx.tables.meta)
    number: int = _FIRST_NUMBER if raw is None else U64.unpack(raw)[0]
    cx.put(key, U64.pack(number + 1), db=cx.tables.meta)
    return volume << VOLUME_SHIFT | number


def _new_inode(cx: Compound, fileid: int, kind: int, mode: int, uid: int, gid: int, parent: int) -> Inode:
    s, ns = cx.now_s, cx.now_ns
    directory = kind == nfs4.NF4DIR
    return Inode(
        fileid, kind, mode, 2 if directory else 1, uid, gid, 1, 0, 0,
        s, ns, s, ns, s, ns, s, ns,
        0, 0, parent if directory else 0, FIRST_COOKIE if directory else 0, cx.settings.cluster_id & 0xFFFFFFFF, 0, 0,
    )  # fmt: skip


def check_new_name(cx: Compound, directory: Inode, name: bytes) -> int:
    """Whether the caller may enter ``name`` in ``directory``, apart from its existing already.

    NFS4ERR_NOTDIR, what :func:`check_name` says, NFS4ERR_ROFS, NFS4ERR_ACCESS.
    """
    if directory.type != nfs4.NF4DIR:
        return nfs4.NFS4ERR_NOTDIR
    return check_name(name) or access.may_change_directory(cx, directory)


def create_file(
    cx: Compound, directory: Inode, name: bytes, wanted: Wanted = NOTHING, kind: int = nfs4.NF4REG
) -> Inode:
    """Make an object named ``name`` and store both it and ``directory``.

    Assumes that :func:`check_new_name` and ``settable.check_create`` said NFS4_OK and the name is free.
    In a set-group-ID directory it gets the directory's group, and a directory the bit as well.
    Of a symbolic link or device, the caller stores target or device number.
    """
    if wanted.mode >= 0:
        mode = wanted.mode & ~wanted.umask
    else:
        mode = _DEFAULT_MODE.get(kind, 0o600)
    gid = cx.gid
    if directory.mode & access.S_ISGID:
        gid = directory.gid
        if kind == nfs4.NF4DIR:
            mode |= access.S_ISGID
    inode = _new_inode(cx, _new_fileid(cx, directory.fileid >> VOLUME_SHIFT), kind, mode, cx.uid, gid, directory.fileid)
    if wanted.mask:
        _give_attributes(cx, inode, wanted)
    if kind == nfs4.NF4DIR:
        directory.nlink += 1
    add_entry(cx, directory, name, inode.fileid)
    cx.store(directory)
    cx.store(inode)
    return inode


def _give_attributes(cx: Compound, inode: Inode, wanted: Wanted) -> None:
    if wanted.uid >= 0:
        inode.uid = wanted.uid
    if wanted.gid >= 0:
        inode.gid = wanted.gid
    if wanted.size > 0:
        inode.size = wanted.size
    # SERVER_TIME is what a new inode has anyway; it stands as negative nanoseconds.
    if wanted.atime is not None and wanted.atime[1] >= 0:
        inode.atime_s, inode.atime_ns = wanted.atime
    if wanted.mtime is not None and wanted.mtime[1] >= 0:
        inode.mtime_s, inode.mtime_ns = wanted.mtime
    if wanted.btime is not None:
        inode.btime_s, inode.btime_ns = wanted.btime
    if cx.uid != 0 and inode.type != nfs4.NF4DIR and not access.in_group(cx, inode.gid):
        inode.mode &= ~access.S_ISGID


# ---------------------------------------------------------------- removing
def unlink(cx: Compound, inode: Inode) -> None:
    """One link fewer (a directory: gone). The entry itself is the caller's to remove."""
    if inode.type == nfs4.NF4DIR:
        cx.delete(U64.pack(inode.fileid), db=cx.tables.inode)
        return
    inode.nlink -= 1
    if inode.nlink or not maybe_delete(cx, inode):
        stamp_changed(cx, inode)
        cx.store(inode)


def maybe_delete(cx: Compound, inode: Inode) -> bool:
    """Remove the object if neither a link nor an open holds it any more; whether it is gone.

    Called when a link goes, and by CLOSE and expiry when an open goes. Nobody has the file open, so layouts
    that are still out are idle: their clients have flushed before CLOSE.
    """
    fileid = inode.fileid
    if inode.nlink or shares.has_opens(cx, fileid):
        return False
    key = U64.pack(fileid)
    tables = cx.tables
    if inode.type == nfs4.NF4REG:
        deletions.enqueue(cx, fileid)
    elif inode.type == nfs4.NF4LNK:
        cx.delete(key, db=tables.symlink)
    cx.delete(key, db=tables.inode)
    return True


# ---------------------------------------------------------------- internal commands
def report_write(cx: Compound, command: commands.ReportWrite) -> bytes:
    """A data server made a stable write, for which no LAYOUTCOMMIT will come: take over size and mtime.

    One that comes late, from a node that stood still, must not make a file that was cut meanwhile grow again: nobody
    has a layout when a file is cut, so who wrote must have one, and the file as many cuts as when the report came in.

    Set-user-ID and set-group-ID go, as with any write: a data server knows no user, and this one may not be user 0.
    """
    inode = cx.load_other(command.fileid)
    if inode is None or inode.type != nfs4.NF4REG:
        return b""
    if command.cuts not in (-1, inode.cuts) or (command.client_id and not _may_write(cx, command)):
        return REPORT_REFUSED
    grown = command.end_offset - inode.size
    inode.size = max(inode.size, command.end_offset)
    if grown > 0:
        inode.space_used = min(inode.space_used + blocks_bytes(grown), blocks_bytes(inode.size))
    access.clear_privileges(inode)
    stamp_changed(cx, inode)
    mtime = divmod(command.mtime_ns, 1_000_000_000)
    if mtime > (inode.mtime_s, inode.mtime_ns):
        inode.mtime_s, inode.mtime_ns = mtime
    cx.store(inode)
    return b""


def _may_write(cx: Compound, command: commands.ReportWrite) -> bool:
    """Whether who wrote has a layout to write."""
    other = layout_states.other_of(cx, command.client_id, command.fileid)
    state = None if other is None else layout_states.load(cx, other)
    return state is not None and bool(state.iomodes & layout_states.RW)


# The queue's own commands and views, for those who know the namespace by this module.
objects_deleted = deletions.objects_deleted
deletions_for = deletions.deletions_for
pending_deletes = deletions.pending_deletes
