"""Fixed records of the namespace, as they lie in LMDB.

An inode is a packed struct, not a self-describing encoding: GETATTR and READDIR read
millions of them, and fixed offsets can be read where they lie (docs/adr: record encoding).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

import msgspec

INODE: Final = Struct(">Q5I3Q" + "qI" * 4 + "2I2Q2IQ")


class Inode(msgspec.Struct, gc=False):
    """One file-system object. Times are (seconds, nanoseconds) since 1970."""

    fileid: int
    type: int  # nfs_ftype4
    mode: int
    nlink: int
    uid: int
    gid: int
    change: int  # grows with every change, and only grows (change_attr_type MONOTONIC_INCR)
    size: int  # bytes; of a directory: its number of entries
    space_used: int  # bytes
    atime_s: int
    atime_ns: int
    mtime_s: int
    mtime_ns: int
    ctime_s: int
    ctime_ns: int
    btime_s: int  # time_create
    btime_ns: int
    rdev_major: int
    rdev_minor: int
    parent: int  # of a directory: its parent's fileid, for LOOKUPP and RENAME's loop check; else 0
    next_cookie: int  # of a directory: the cookie of the next entry; cookies are never used again
    generation: int
    flags: int
    cuts: int  # how often it was cut shorter: a write that began before the last cut must not count after it


#: Index of each field in the unpacked tuple, for straight-line readers.
FIELD: Final = {name: i for i, name in enumerate(Inode.__struct_fields__)}

_astuple = msgspec.structs.astuple


def unpack_inode(raw: bytes) -> Inode:
    return Inode(*INODE.unpack(raw))


def pack_inode(inode: Inode) -> bytes:
    return INODE.pack(*_astuple(inode))


DIRENT: Final = Struct(">QQ")  # child fileid, cookie
FIRST_COOKIE: Final = 3  # 0 means "from the start"; 1 and 2 are reserved (RFC 8881 §18.23.3)

#: MDS filehandle: magic, volume, generation, fileid, eight zero bytes. The same on every node.
FILEHANDLE: Final = Struct(">HHIQQ")
FILEHANDLE_MAGIC: Final = 0x4D44  # "MD"
