"""Attributes (RFC 8881 section 5, RFC 7862 section 12.2, RFC 8275, RFC 8276): one row each, and fattr4 in and out.

Values are what the generated codecs take and give: integers, ``bytes`` (owners, filehandles), ``bool``,
``nfs4.nfstime4``, ``nfs4.fsid4``, ``nfs4.settime4`` and so on; a bitmap is an integer. For a time, a pair
``(seconds, nseconds)`` is accepted too.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nfswire import nfs4
from nfswire.xdr import XdrError


class UnknownAttribute(XdrError):
    """The mask names an attribute that no RFC known here defines; servers answer NFS4ERR_ATTRNOTSUPP."""

    def __init__(self, number: int) -> None:
        super().__init__(f"attribute {number} is unknown")
        self.number = number


class Attribute(msgspec.Struct, frozen=True):
    """One attribute; ``readable`` by GETATTR and READDIR, ``settable`` by SETATTR and at creation."""

    number: int
    name: str
    xdr_type: str
    readable: bool
    settable: bool


WRITE_ONLY = frozenset({
    nfs4.FATTR4_TIME_ACCESS_SET, nfs4.FATTR4_TIME_MODIFY_SET, nfs4.FATTR4_LAYOUT_HINT, nfs4.FATTR4_RETENTION_SET,
    nfs4.FATTR4_RETENTEVT_SET, nfs4.FATTR4_MODE_SET_MASKED, nfs4.FATTR4_MODE_UMASK,
})
"""GETATTR and READDIR of these is NFS4ERR_INVAL (RFC 8881 section 5.5), so are VERIFY and NVERIFY."""

READ_WRITE = frozenset({
    nfs4.FATTR4_SIZE, nfs4.FATTR4_ACL, nfs4.FATTR4_ARCHIVE, nfs4.FATTR4_HIDDEN, nfs4.FATTR4_MIMETYPE, nfs4.FATTR4_MODE,
    nfs4.FATTR4_OWNER, nfs4.FATTR4_OWNER_GROUP, nfs4.FATTR4_SYSTEM, nfs4.FATTR4_TIME_BACKUP, nfs4.FATTR4_TIME_CREATE,
    nfs4.FATTR4_DACL, nfs4.FATTR4_SACL, nfs4.FATTR4_RETENTION_HOLD, nfs4.FATTR4_SEC_LABEL,
})

_TIMES = frozenset({
    nfs4.FATTR4_TIME_ACCESS, nfs4.FATTR4_TIME_BACKUP, nfs4.FATTR4_TIME_CREATE, nfs4.FATTR4_TIME_DELTA,
    nfs4.FATTR4_TIME_METADATA, nfs4.FATTR4_TIME_MODIFY, nfs4.FATTR4_DIR_NOTIF_DELAY, nfs4.FATTR4_DIRENT_NOTIF_DELAY,
})


def _table() -> dict[int, Attribute]:
    """A row for every FATTR4_* constant, in numerical order."""
    rows = {}
    for number in sorted(nfs4.FATTR):
        name = nfs4.FATTR4_NAMES[number]
        settable = number in WRITE_ONLY or number in READ_WRITE
        rows[number] = Attribute(number, name, nfs4.FATTR4_TYPES[number], number not in WRITE_ONLY, settable)
    return rows


ATTRIBUTES: dict[int, Attribute] = _table()
BY_NAME: dict[str, Attribute] = {row.name: row for row in ATTRIBUTES.values()}
KNOWN_MASK: int = sum(1 << number for number in ATTRIBUTES)
READABLE_MASK: int = sum(1 << row.number for row in ATTRIBUTES.values() if row.readable)
SETTABLE_MASK: int = sum(1 << row.number for row in ATTRIBUTES.values() if row.settable)


def numbers(mask: int) -> list[int]:
    """The attributes of a bitmap in the order in which their values are packed."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


def bitmap(*attributes: int) -> int:
    """The bitmap of the given attribute numbers."""
    mask = 0
    for number in attributes:
        mask |= 1 << number
    return mask


def pack_attribute(number: int, value: Any) -> bytes:
    """One attribute's value. ``UnknownAttribute``; ``XdrError`` where the value does not fit the type."""
    codec = nfs4.FATTR.get(number)
    if codec is None:
        raise UnknownAttribute(number)
    if number in _TIMES and isinstance(value, tuple):
        value = nfs4.nfstime4(*value)
    return codec[1](value)


def pack_fattr(values: dict[int, Any]) -> nfs4.fattr4:
    """Attributes by number, as fattr4: mask, and values in ascending order of number (RFC 8881 section 3.3.9)."""
    mask = 0
    parts = []
    for number in sorted(values):
        parts.append(pack_attribute(number, values[number]))
        mask |= 1 << number
    return nfs4.fattr4(mask, b"".join(parts))


def unpack_fattr(attributes: nfs4.fattr4) -> dict[int, Any]:
    """Values by attribute number. ``UnknownAttribute``; ``XdrError`` where values are malformed, short or too long."""
    data = attributes.attr_vals
    values: dict[int, Any] = {}
    pos = 0
    for number in numbers(attributes.attrmask):
        codec = nfs4.FATTR.get(number)
        if codec is None:
            raise UnknownAttribute(number)
        values[number], pos = codec[0](data, pos)
    if pos != len(data):
        raise XdrError("fattr4: bytes left over after the last attribute")
    return values
