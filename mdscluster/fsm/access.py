"""Who may do what: mode bits, owner and group list (RFC 8881 §6.2.4, POSIX.1 file access permissions).

User 0 may do everything, except to execute what nobody may execute. Exports squash identities
before a command is proposed, so what is judged here can be trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.records import Inode

READ: Final = 4
WRITE: Final = 2
EXECUTE: Final = 1  # of a directory: search

S_ISUID: Final = 0o4000
S_ISGID: Final = 0o2000
S_ISVTX: Final = 0o1000
S_IXGRP: Final = 0o010


def bits(cx: Compound, mode: int, uid: int, gid: int) -> int:
    """READ, WRITE and EXECUTE as the caller has them on an object with this mode and these owners."""
    caller = cx.uid
    if caller == 0:
        return 7 if mode & 0o111 else 6
    if caller == uid:
        return mode >> 6 & 7
    if gid == cx.gid or gid in cx.gids:
        return mode >> 3 & 7
    return mode & 7


def allowed(cx: Compound, inode: Inode, wanted: int) -> bool:
    """Whether the caller has all of ``wanted``. User 0 may search every directory."""
    if cx.uid == 0 and (inode.type == nfs4.NF4DIR or not wanted & EXECUTE):
        return True
    return not wanted & ~bits(cx, inode.mode, inode.uid, inode.gid)


def may_do_io(cx: Compound, inode: Inode, wanted: int) -> bool:
    """Like :func:`allowed`, for I/O and truncation without an open: a file's owner may always.

    "the server should allow the owner of the file": permission was checked at OPEN, and POSIX lets
    a descriptor outlive a chmod (RFC 8881 §18.22.4, §18.32.4).
    """
    return cx.uid == inode.uid or allowed(cx, inode, wanted)


def in_group(cx: Compound, gid: int) -> bool:
    return gid == cx.gid or gid in cx.gids


def is_owner(cx: Compound, inode: Inode) -> bool:
    """Whether the caller may change mode and times: the owner, or user 0."""
    return cx.uid == 0 or cx.uid == inode.uid


def may_change_directory(cx: Compound, directory: Inode) -> int:
    """Status of an attempt to add or remove entries: NFS4_OK, NFS4ERR_ROFS or NFS4ERR_ACCESS."""
    if cx.read_only:
        return nfs4.NFS4ERR_ROFS
    return nfs4.NFS4_OK if allowed(cx, directory, WRITE | EXECUTE) else nfs4.NFS4ERR_ACCESS


def sticky_forbids(cx: Compound, directory: Inode, child: Inode) -> bool:
    """In a sticky directory only the owners of the entry or of the directory remove or rename it."""
    return bool(directory.mode & S_ISVTX) and cx.uid not in (0, directory.uid, child.uid)


def drop_privileges(cx: Compound, inode: Inode) -> None:
    """A write by anybody but user 0 clears set-user-ID, and set-group-ID where the group may execute."""
    if cx.uid != 0 and inode.mode & (S_ISUID | S_ISGID):
        clear_privileges(inode)


def clear_privileges(inode: Inode) -> None:
    inode.mode &= ~S_ISUID
    if inode.mode & S_IXGRP:
        inode.mode &= ~S_ISGID
