"""Filehandles at the data servers: capabilities that need no state to check.

Layout (40 bytes, big-endian): version 1, flags, stripe index, fileid, clientid, epoch, then a 16-byte MAC over those 24
bytes, keyed BLAKE2b under the cluster's key. Whoever holds the key can say whether a handle was issued, to which
client, for which object and in which epoch; whoever does not cannot change a bit of it (INV-6).
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable

import msgspec

VERSION = 1
FLAG_WRITE = 1
KEY_BYTES_MIN = 16
KEY_BYTES_MAX = 64
MAC_BYTES = 16

PROXIED = 1 << 63
"""Set in the client ID of handles by which a metadata server writes for a client (client IDs leave the bit free)."""

_HEAD = struct.Struct(">BBHQQI")
HEAD_BYTES = _HEAD.size
HANDLE_BYTES = HEAD_BYTES + MAC_BYTES


class Capability(msgspec.Struct, frozen=True, gc=False):
    """What a genuine handle says: this client may read (and write) this stripe of this file, as of this epoch."""

    flags: int
    stripe_index: int
    fileid: int
    clientid: int
    epoch: int

    @property
    def may_write(self) -> bool:
        """True where WRITE and COMMIT are allowed."""
        return bool(self.flags & FLAG_WRITE)


class Fence(msgspec.Struct, frozen=True, gc=False):
    """Handles that match (0 matches any) and carry an epoch below ``epoch_min`` are void."""

    fileid: int
    clientid: int
    epoch_min: int

    def refuses(self, handle: Capability) -> bool:
        """True where the handle is revoked by this fence."""
        return (
            handle.epoch < self.epoch_min
            and self.fileid in (0, handle.fileid)
            and self.clientid in (0, handle.clientid)
        )


def is_proxied(clientid: int) -> bool:
    """Whether a metadata server does this I/O, for a client or for itself (0): it commits sizes and times itself."""
    return not clientid or bool(clientid & PROXIED)


def refused(fences: Iterable[Fence], handle: Capability) -> bool:
    """True where any fence revokes the handle."""
    return any(fence.refuses(handle) for fence in fences)


def pack_ds_fh(key: bytes, flags: int, stripe_index: int, fileid: int, clientid: int, epoch: int) -> bytes:
    """The filehandle for one stripe of one file. ``ValueError`` for a key that is too short or a value out of range."""
    _check_key(key)
    try:
        head = _HEAD.pack(VERSION, flags, stripe_index, fileid, clientid, epoch)
    except struct.error as error:
        raise ValueError(f"data-server filehandle: {error}") from None
    return head + _mac(key, head)


def unpack_ds_fh(key: bytes, handle: bytes) -> Capability | None:
    """What ``handle`` allows, or None where it is not a genuine one (answer NFS4ERR_BADHANDLE)."""
    _check_key(key)
    if len(handle) != HANDLE_BYTES:
        return None
    head = handle[:HEAD_BYTES]
    if not hmac.compare_digest(_mac(key, head), handle[HEAD_BYTES:]):
        return None
    version, flags, stripe_index, fileid, clientid, epoch = _HEAD.unpack(head)
    return Capability(flags, stripe_index, fileid, clientid, epoch) if version == VERSION else None


def _mac(key: bytes, head: bytes) -> bytes:
    return hashlib.blake2b(head, digest_size=MAC_BYTES, key=key).digest()


def _check_key(key: bytes) -> None:
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise ValueError(f"the cluster key must have {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes")
