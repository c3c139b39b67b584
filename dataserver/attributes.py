"""The few attributes that a data server has to tell (RFC 8881 §5; §13.9.2.3: sizes and times here bind nobody)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dataserver.objects import OFFSET_MAX, status_of
from nfswire import nfs4
from nfswire.attributes import bitmap, pack_fattr

if TYPE_CHECKING:
    from dataserver.authority import Grant
    from dataserver.core import Core

ROOT_HANDLE: Final = b"dataserver-root"
"""Shorter than a capability, so never mistaken for one. It leads nowhere: there is no name space here."""

SUPPORTED: Final = bitmap(
    nfs4.FATTR4_SUPPORTED_ATTRS, nfs4.FATTR4_TYPE, nfs4.FATTR4_FH_EXPIRE_TYPE, nfs4.FATTR4_CHANGE, nfs4.FATTR4_SIZE,
    nfs4.FATTR4_LINK_SUPPORT, nfs4.FATTR4_SYMLINK_SUPPORT, nfs4.FATTR4_NAMED_ATTR, nfs4.FATTR4_FSID,
    nfs4.FATTR4_UNIQUE_HANDLES, nfs4.FATTR4_LEASE_TIME, nfs4.FATTR4_RDATTR_ERROR, nfs4.FATTR4_FILEHANDLE,
    nfs4.FATTR4_FILEID, nfs4.FATTR4_MAXFILESIZE, nfs4.FATTR4_MAXREAD, nfs4.FATTR4_MAXWRITE, nfs4.FATTR4_SPACE_USED,
    nfs4.FATTR4_TIME_MODIFY, nfs4.FATTR4_SUPPATTR_EXCLCREAT,
)  # fmt: skip
_LEASE_TIME_S: Final = 90


def root_attributes(core: Core, wanted: int) -> nfs4.fattr4:
    """Of the root, which exists only to be asked for the lease time."""
    return _pick(core, wanted, ROOT_HANDLE, nfs4.NF4DIR, 1, (0, 0, 0))


def object_attributes(core: Core, grant: Grant, handle: bytes, wanted: int) -> nfs4.fattr4 | int:
    """Of an object; one that was never written has size zero. A status where the file system fails."""
    try:
        found = core.store.stat(grant.fileid, (grant.stripe,))
    except OSError as error:
        return status_of(error)
    told = (found[0].size_bytes, found[0].mtime_ns, found[0].used_bytes) if found else (0, 0, 0)
    return _pick(core, wanted, handle, nfs4.NF4REG, grant.fileid, told)


def _pick(core: Core, wanted: int, handle: bytes, kind: int, fileid: int, told: tuple[int, int, int]) -> nfs4.fattr4:
    size, mtime_ns, used = told
    values: dict[int, Any] = {
        nfs4.FATTR4_SUPPORTED_ATTRS: SUPPORTED,
        nfs4.FATTR4_TYPE: kind,
        nfs4.FATTR4_FH_EXPIRE_TYPE: nfs4.FH4_PERSISTENT,
        nfs4.FATTR4_CHANGE: mtime_ns,
        nfs4.FATTR4_SIZE: size,
        nfs4.FATTR4_LINK_SUPPORT: False,
        nfs4.FATTR4_SYMLINK_SUPPORT: False,
        nfs4.FATTR4_NAMED_ATTR: False,
        nfs4.FATTR4_FSID: nfs4.fsid4(0, 0),
        nfs4.FATTR4_UNIQUE_HANDLES: False,
        nfs4.FATTR4_LEASE_TIME: _LEASE_TIME_S,
        nfs4.FATTR4_RDATTR_ERROR: 0,
        nfs4.FATTR4_FILEHANDLE: handle,
        nfs4.FATTR4_FILEID: fileid,
        nfs4.FATTR4_MAXFILESIZE: OFFSET_MAX,
        nfs4.FATTR4_MAXREAD: core.limits.max_io_bytes,
        nfs4.FATTR4_MAXWRITE: core.limits.max_io_bytes,
        nfs4.FATTR4_SPACE_USED: used,
        nfs4.FATTR4_TIME_MODIFY: divmod(mtime_ns, 1_000_000_000),
        nfs4.FATTR4_SUPPATTR_EXCLCREAT: 0,
    }
    return pack_fattr({number: value for number, value in values.items() if wanted >> number & 1})
