"""Results that servers send all the time, packed whole: operation number, status and body in one struct call.

Each function gives what stands in ``resarray`` for one operation (``nfs_resop4``), byte for byte what the generated
codecs would give; a test holds them together. Shown in ``nfswire.nfs4``.
"""

from __future__ import annotations

from struct import Struct

from nfswire.nfs4_const import (
    OP_ACCESS,
    OP_COMMIT,
    OP_CREATE,
    OP_GETATTR,
    OP_GETFH,
    OP_LINK,
    OP_READ,
    OP_REMOVE,
    OP_RENAME,
    OP_SEQUENCE,
    OP_SETATTR,
    OP_WRITE,
)
from nfswire.xdr import PADS, Buffer, pack_bitmap

__all__ = [
    "pack_op_access",
    "pack_op_commit",
    "pack_op_create",
    "pack_op_getattr",
    "pack_op_getfh",
    "pack_op_link",
    "pack_op_read_head",
    "pack_op_remove",
    "pack_op_rename",
    "pack_op_sequence",
    "pack_op_setattr",
    "pack_op_status",
    "pack_op_write",
    "pack_reply_head",
    "unpack_compound_sequence",
]

_II = Struct(">II")
_III = Struct(">III")
_IIII = Struct(">IIII")
_SEQUENCE = Struct(">II16sIIIII")
_CINFO = Struct(">IIIQQ")
_CINFO2 = Struct(">IIIQQIQQ")
_WRITE = Struct(">IIII8s")
_COMMIT = Struct(">II8s")
_HEAD = Struct(">IIIIIIIII")
_HEAD_TAGGED = Struct(">IIIIIIII")
_COMPOUND = Struct(">IIII16sIIII")
COMPOUND_SEQUENCE_BYTES = _COMPOUND.size

_statuses: dict[tuple[int, int], bytes] = {}


def pack_reply_head(xid: int, status: int, results: int, tag: bytes = b"") -> bytes:
    """RPC success, then the front of COMPOUND4res: status, tag, number of results. No record mark."""
    if not tag:
        return _HEAD.pack(xid, 1, 0, 0, 0, 0, status, 0, results)
    length = len(tag)
    head = _HEAD_TAGGED.pack(xid, 1, 0, 0, 0, 0, status, length)
    return b"".join((head, tag, PADS[length & 3], results.to_bytes(4, "big")))


def pack_op_status(op: int, status: int) -> bytes:
    """A result that has no body at this status: every failure but those whose union says otherwise.

    SETATTR's result always carries a bitmap, here an empty one.
    """
    known = _statuses.get((op, status))
    if known is None:
        known = _III.pack(op, status, 0) if op == OP_SETATTR else _II.pack(op, status)
        if len(_statuses) > 8192:
            _statuses.clear()
        _statuses[op, status] = known
    return known


def pack_op_sequence(session: bytes, sequence: int, slot: int, highest: int, target_highest: int, flags: int) -> bytes:
    """SEQUENCE, NFS4_OK."""
    return _SEQUENCE.pack(OP_SEQUENCE, 0, session, sequence, slot, highest, target_highest, flags)


def pack_op_getfh(handle: bytes) -> bytes:
    """GETFH, NFS4_OK."""
    length = len(handle)
    return b"".join((_III.pack(OP_GETFH, 0, length), handle, PADS[length & 3]))


def pack_op_getattr(mask: int, values: bytes) -> bytes:
    """GETATTR, NFS4_OK; ``values`` are the packed attributes, a multiple of four bytes."""
    return b"".join((_II.pack(OP_GETATTR, 0), pack_bitmap(mask), len(values).to_bytes(4, "big"), values))


def pack_op_access(supported: int, access: int) -> bytes:
    """ACCESS, NFS4_OK."""
    return _IIII.pack(OP_ACCESS, 0, supported, access)


def pack_op_read_head(eof: bool, length: int) -> bytes:
    """READ, NFS4_OK, up to the data: ``length`` bytes of data and ``PADS[length & 3]`` follow."""
    return _IIII.pack(OP_READ, 0, eof, length)


def pack_op_write(count: int, committed: int, verifier: bytes) -> bytes:
    """WRITE, NFS4_OK."""
    return _WRITE.pack(OP_WRITE, 0, count, committed, verifier)


def pack_op_commit(verifier: bytes) -> bytes:
    """COMMIT, NFS4_OK."""
    return _COMMIT.pack(OP_COMMIT, 0, verifier)


def pack_op_setattr(mask: int) -> bytes:
    """SETATTR, NFS4_OK, with the attributes that were set."""
    return _II.pack(OP_SETATTR, 0) + pack_bitmap(mask)


def pack_op_create(atomic: bool, before: int, after: int, mask: int) -> bytes:
    """CREATE, NFS4_OK."""
    return _CINFO.pack(OP_CREATE, 0, atomic, before, after) + pack_bitmap(mask)


def pack_op_remove(atomic: bool, before: int, after: int) -> bytes:
    """REMOVE, NFS4_OK."""
    return _CINFO.pack(OP_REMOVE, 0, atomic, before, after)


def pack_op_link(atomic: bool, before: int, after: int) -> bytes:
    """LINK, NFS4_OK."""
    return _CINFO.pack(OP_LINK, 0, atomic, before, after)


def pack_op_rename(atomic: bool, source: tuple[int, int], target: tuple[int, int]) -> bytes:
    """RENAME, NFS4_OK; ``source`` and ``target`` are (before, after) of the two directories."""
    return _CINFO2.pack(OP_RENAME, 0, atomic, *source, atomic, *target)


def unpack_compound_sequence(buf: Buffer, pos: int) -> tuple[int, int, bytes, int, int, int, int, int] | None:
    """The front of an ordinary request in one struct call: empty tag, then SEQUENCE as the first operation.

    Gives (minorversion, numops, session, sequence, slot, highest slot, cachethis, new_pos), or None where the
    request is not of that shape (then the generated codecs say what it is).
    """
    if len(buf) - pos < COMPOUND_SEQUENCE_BYTES:
        return None
    tag, minor, ops, op, session, sequence, slot, highest, cache = _COMPOUND.unpack_from(buf, pos)
    if tag or op != OP_SEQUENCE or cache > 1 or not ops:
        return None
    return minor, ops, session, sequence, slot, highest, cache, pos + COMPOUND_SEQUENCE_BYTES
