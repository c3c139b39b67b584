"""Filehandles of the metadata service (RFC 8881 §4): the same on every node, and for ever.

A handle names its volume, so that volumes can move to Raft groups of their own. The generation is
the cluster's ID: a handle of another cluster, or of one that was made anew, is stale rather than
somebody else's file. Fileids are never used again, so nothing else needs telling apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm.records import FILEHANDLE, FILEHANDLE_MAGIC
from mdscluster.fsm.tables import U64, VOLUME_SHIFT

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.tables import Tables

HANDLE_BYTES: Final = FILEHANDLE.size
GENERATION_AT: Final = slice(124, 128)
"""Where the generation lies in an inode's record."""

_PREFIX: Final = FILEHANDLE_MAGIC.to_bytes(2, "big")
_SUFFIX: Final = bytes(8)


def pack_handle(fileid: int, generation: int) -> bytes:
    """The handle of an object."""
    return FILEHANDLE.pack(FILEHANDLE_MAGIC, fileid >> VOLUME_SHIFT, generation, fileid, 0)


def handle_of(raw: bytes) -> bytes:
    """The handle of the object whose inode record is ``raw``."""
    return _PREFIX + raw[0:2] + raw[GENERATION_AT] + raw[0:8] + _SUFFIX


def unpack_handle(handle: bytes) -> tuple[int, int] | None:
    """(fileid, generation), or None when no server of this kind made it (NFS4ERR_BADHANDLE)."""
    if len(handle) != HANDLE_BYTES:
        return None
    magic, volume, generation, fileid, zero = FILEHANDLE.unpack(handle)
    if magic != FILEHANDLE_MAGIC or volume != fileid >> VOLUME_SHIFT or zero or not fileid:
        return None
    return fileid, generation


def filehandle(txn: lmdb.Transaction, tables: Tables, fileid: int) -> bytes | None:
    """The handle of an object that exists; None when it does not."""
    raw = txn.get(U64.pack(fileid), db=tables.inode)
    return None if raw is None else handle_of(raw)
