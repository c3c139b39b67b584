"""What calls return: typed values instead of fattr4 and XDR unions."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from nfswire import nfs4
from nfswire.attributes import bitmap, unpack_fattr


class Handle(msgspec.Struct, frozen=True):
    """A filehandle of the metadata server: names an object for ever, wherever it is moved."""

    fh: bytes


Location: TypeAlias = "str | bytes | Handle | tuple[Handle, str | bytes]"
"""Which object: a path from the mounted root ("/" separates), a handle, or a path from a handle. No symlink is
followed.
"""


def components(path: str | bytes) -> list[bytes]:
    """Names of a path; empty ones and "." are left out."""
    raw = path.encode() if isinstance(path, str) else path
    return [name for name in raw.split(b"/") if name not in (b"", b".")]


STAT = bitmap(
    nfs4.FATTR4_TYPE, nfs4.FATTR4_CHANGE, nfs4.FATTR4_SIZE, nfs4.FATTR4_FSID, nfs4.FATTR4_FILEID, nfs4.FATTR4_MODE,
    nfs4.FATTR4_NUMLINKS, nfs4.FATTR4_OWNER, nfs4.FATTR4_OWNER_GROUP, nfs4.FATTR4_RAWDEV, nfs4.FATTR4_SPACE_USED,
    nfs4.FATTR4_TIME_ACCESS, nfs4.FATTR4_TIME_METADATA, nfs4.FATTR4_TIME_MODIFY,
)
"""The attributes that ``Attributes`` has fields for."""


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes of an object; those not asked for, or not supported, are None. Times are (seconds, nanoseconds)."""

    type: int | None = None             # nfs4.NF4REG, NF4DIR, ...
    change: int | None = None
    size: int | None = None             # bytes
    fsid: tuple[int, int] | None = None
    fileid: int | None = None
    mode: int | None = None
    numlinks: int | None = None
    owner: bytes | None = None
    group: bytes | None = None
    rawdev: tuple[int, int] | None = None
    space_used: int | None = None       # bytes
    time_access: tuple[int, int] | None = None
    time_metadata: tuple[int, int] | None = None
    time_modify: tuple[int, int] | None = None
    others: dict[int, Any] = {}

    @classmethod
    def decode(cls, encoded: nfs4.fattr4) -> Attributes:
        """From fattr4; ``XdrError`` when malformed."""
        values: dict[str, Any] = {}
        others: dict[int, Any] = {}
        for number, value in unpack_fattr(encoded).items():
            name = _FIELDS.get(number)
            if name is None:
                others[number] = value
            elif isinstance(value, nfs4.nfstime4):
                values[name] = (value.seconds, value.nseconds)
            elif isinstance(value, nfs4.fsid4):
                values[name] = (value.major, value.minor)
            elif isinstance(value, nfs4.specdata4):
                values[name] = (value.specdata1, value.specdata2)
            else:
                values[name] = value
        return cls(**values, others=others)


_FIELDS = {
    nfs4.FATTR4_TYPE: "type", nfs4.FATTR4_CHANGE: "change", nfs4.FATTR4_SIZE: "size", nfs4.FATTR4_FSID: "fsid",
    nfs4.FATTR4_FILEID: "fileid", nfs4.FATTR4_MODE: "mode", nfs4.FATTR4_NUMLINKS: "numlinks",
    nfs4.FATTR4_OWNER: "owner", nfs4.FATTR4_OWNER_GROUP: "group", nfs4.FATTR4_RAWDEV: "rawdev",
    nfs4.FATTR4_SPACE_USED: "space_used", nfs4.FATTR4_TIME_ACCESS: "time_access",
    nfs4.FATTR4_TIME_METADATA: "time_metadata", nfs4.FATTR4_TIME_MODIFY: "time_modify",
}


class DirEntry(msgspec.Struct, frozen=True):
    """One entry of a directory."""

    name: bytes
    cookie: int
    attributes: Attributes


class Change(msgspec.Struct, frozen=True):
    """change_info4: the directory's change attribute around an operation; ``atomic``: nothing came between."""

    atomic: bool
    before: int
    after: int

    @classmethod
    def decode(cls, info: nfs4.change_info4) -> Change:
        return cls(info.atomic, info.before, info.after)


class Created(msgspec.Struct, frozen=True):
    """A new object, and how its directory changed."""

    handle: Handle
    change: Change


class Access(msgspec.Struct, frozen=True):
    """ACCESS: bits that the server can judge, and those that it grants."""

    supported: int
    granted: int


class Held(msgspec.Struct, frozen=True):
    """A conflicting byte-range lock, as LOCKT reports it."""

    offset: int
    length: int
    locktype: int
    client_id: int
    owner: bytes
