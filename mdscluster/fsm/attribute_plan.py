"""Encoding attributes straight out of an inode's record (RFC 8881 §5), one plan per attribute mask.

The record is big-endian, as XDR is, so most attributes are slices of it. A plan knows which slices
follow each other, with which constants between them; to encode is then one ``Struct.unpack`` and one
``bytes.join``. And because the result is a function of the record alone, a plan remembers it under the
record's own bytes: the memo cannot go stale. Attributes that depend on more (free space, layout types)
are computed each time.

One table names every attribute that is supported; ``supported_attrs`` is made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from mdscluster.fsm import data_servers
from mdscluster.fsm.records import INODE, Inode, pack_inode
from mdscluster.fsm.tables import U32, U64
from nfswire import nfs4
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.settings import Settings

MAX_FILE_BYTES: Final = (1 << 63) - 1
MAX_LINKS: Final = (1 << 31) - 1
MAX_NAME_BYTES: Final = 255
FILES_TOTAL: Final = 1 << 40
"""What statfs reports; fileids themselves last for 2**48."""

#: The record cut into the pieces that attributes are made of: fileid, type, mode, nlink, uid, gid, change,
#: size, space_used, atime, mtime, ctime, btime, rdev, generation.
_PIECES: Final = Struct(">8s4s4s4s4s4s8s8s8s12s12s12s12s8s16x4s12x")
assert _PIECES.size == INODE.size

# Places in the tuple that a plan picks from: the pieces, then what is made of them, then the plan's constants.
_FILEID, _TYPE, _MODE, _NLINK, _UID, _GID, _CHANGE, _SIZE, _SPACE, _ATIME, _MTIME, _CTIME, _BTIME, _RDEV = range(14)
_OWNER, _GROUP, _FSID, _HANDLE, _CONSTANTS = range(15, 20)

_TRUE: Final = b"\0\0\0\1"
_FALSE: Final = b"\0\0\0\0"
_HANDLE_HEAD: Final = b"\0\0\0\x18MD"
_FSID_HEAD: Final = bytes(6)
_ZERO8: Final = bytes(8)

#: Attributes that are slices of the record, or made of such slices.
_FROM_RECORD: Final = {
    nfs4.FATTR4_TYPE: _TYPE,
    nfs4.FATTR4_CHANGE: _CHANGE,
    nfs4.FATTR4_SIZE: _SIZE,
    nfs4.FATTR4_FSID: _FSID,
    nfs4.FATTR4_FILEHANDLE: _HANDLE,
    nfs4.FATTR4_FILEID: _FILEID,
    nfs4.FATTR4_MODE: _MODE,
    nfs4.FATTR4_NUMLINKS: _NLINK,
    nfs4.FATTR4_OWNER: _OWNER,
    nfs4.FATTR4_OWNER_GROUP: _GROUP,
    nfs4.FATTR4_RAWDEV: _RDEV,
    nfs4.FATTR4_SPACE_USED: _SPACE,
    nfs4.FATTR4_TIME_ACCESS: _ATIME,
    nfs4.FATTR4_TIME_CREATE: _BTIME,
    nfs4.FATTR4_TIME_METADATA: _CTIME,
    nfs4.FATTR4_TIME_MODIFY: _MTIME,
    nfs4.FATTR4_MOUNTED_ON_FILEID: _FILEID,
}

#: The same for every object: what the settings and the minor version make of them.
_CONSTANT: Final[dict[int, Callable[[Settings, int], bytes]]] = {
    nfs4.FATTR4_SUPPORTED_ATTRS: lambda _, minor: bitmap(SUPPORTED[minor]),
    nfs4.FATTR4_FH_EXPIRE_TYPE: lambda *_: U32.pack(nfs4.FH4_PERSISTENT),
    nfs4.FATTR4_LINK_SUPPORT: lambda *_: _TRUE,
    nfs4.FATTR4_SYMLINK_SUPPORT: lambda *_: _TRUE,
    nfs4.FATTR4_NAMED_ATTR: lambda *_: _FALSE,
    nfs4.FATTR4_UNIQUE_HANDLES: lambda *_: _TRUE,
    nfs4.FATTR4_LEASE_TIME: lambda settings, _: U32.pack(max(1, settings.lease_ms // 1000)),
    nfs4.FATTR4_RDATTR_ERROR: lambda *_: U32.pack(nfs4.NFS4_OK),
    nfs4.FATTR4_CANSETTIME: lambda *_: _TRUE,
    nfs4.FATTR4_CASE_INSENSITIVE: lambda *_: _FALSE,
    nfs4.FATTR4_CASE_PRESERVING: lambda *_: _TRUE,
    nfs4.FATTR4_CHOWN_RESTRICTED: lambda *_: _TRUE,
    nfs4.FATTR4_HOMOGENEOUS: lambda *_: _TRUE,
    nfs4.FATTR4_MAXFILESIZE: lambda *_: U64.pack(MAX_FILE_BYTES),
    nfs4.FATTR4_MAXLINK: lambda *_: U32.pack(MAX_LINKS),
    nfs4.FATTR4_MAXNAME: lambda *_: U32.pack(MAX_NAME_BYTES),
    nfs4.FATTR4_MAXREAD: lambda settings, _: U64.pack(settings.max_io_bytes),
    nfs4.FATTR4_MAXWRITE: lambda settings, _: U64.pack(settings.max_io_bytes),
    nfs4.FATTR4_NO_TRUNC: lambda *_: _TRUE,
    nfs4.FATTR4_TIME_DELTA: lambda *_: Struct(">qI").pack(0, 1),
    nfs4.FATTR4_LAYOUT_BLKSIZE: lambda settings, _: U32.pack(settings.stripe_unit_bytes),
    nfs4.FATTR4_SUPPATTR_EXCLCREAT: lambda _, minor: bitmap(EXCLUSIVE_CREATE[minor]),
    # It only grows, and yet MONOTONIC_INCR must not be said: data reaches the data servers without it, and a Linux
    # client that was told so takes over the size of an OPEN from before its own writes, and appends in the wrong place.
    nfs4.FATTR4_CHANGE_ATTR_TYPE: lambda *_: U32.pack(nfs4.NFS4_CHANGE_TYPE_IS_UNDEFINED),
}


def _files_free(cx: Compound) -> bytes:
    raw = cx.get(b"next_fileid" + U64.pack(cx.fileid)[:2], db=cx.tables.meta)
    return U64.pack(FILES_TOTAL - (0 if raw is None else U64.unpack(raw)[0]))


def _layout_types(cx: Compound) -> bytes:
    """An export without layouts says so here, and Linux then asks for none."""
    return _TRUE + U32.pack(nfs4.LAYOUT4_NFSV4_1_FILES) if cx.layouts_allowed else _FALSE


#: What depends on more than the record and the settings.
_COMPUTED: Final[dict[int, Callable[[Compound], bytes]]] = {
    nfs4.FATTR4_FILES_AVAIL: _files_free,
    nfs4.FATTR4_FILES_FREE: _files_free,
    nfs4.FATTR4_FILES_TOTAL: lambda _: U64.pack(FILES_TOTAL),
    nfs4.FATTR4_SPACE_AVAIL: lambda cx: U64.pack(data_servers.space(cx)[1]),
    nfs4.FATTR4_SPACE_FREE: lambda cx: U64.pack(data_servers.space(cx)[1]),
    nfs4.FATTR4_SPACE_TOTAL: lambda cx: U64.pack(data_servers.space(cx)[0]),
    nfs4.FATTR4_FS_LAYOUT_TYPES: _layout_types,
}


def _mask(*attributes: int) -> int:
    return sum(1 << attribute for attribute in attributes)


_WRITE_ONLY_42: Final = _mask(nfs4.FATTR4_MODE_UMASK)
_ONLY_42: Final = _mask(nfs4.FATTR4_CHANGE_ATTR_TYPE) | _WRITE_ONLY_42

#: "An attempt to GETATTR a set-only attribute: NFS4ERR_INVAL" (§5.5).
WRITE_ONLY: Final = (
    _mask(nfs4.FATTR4_TIME_ACCESS_SET, nfs4.FATTR4_TIME_MODIFY_SET, nfs4.FATTR4_MODE_SET_MASKED) | _WRITE_ONLY_42
)

_ALL: Final = _mask(*_FROM_RECORD, *_CONSTANT, *_COMPUTED) | WRITE_ONLY
_SETTABLE: Final = WRITE_ONLY | _mask(
    nfs4.FATTR4_SIZE, nfs4.FATTR4_MODE, nfs4.FATTR4_OWNER, nfs4.FATTR4_OWNER_GROUP, nfs4.FATTR4_TIME_CREATE
)

#: By minor version, as attribute masks.
SUPPORTED: Final[dict[int, int]] = {1: _ALL & ~_ONLY_42, 2: _ALL}
SETTABLE: Final[dict[int, int]] = {1: _SETTABLE & ~_ONLY_42, 2: _SETTABLE}
#: With EXCLUSIVE4_1 the verifier is kept in the times, and a mask needs an old mode to work on (§5.8.1.14).
EXCLUSIVE_CREATE: Final[dict[int, int]] = {
    minor: settable
    & ~_mask(nfs4.FATTR4_TIME_ACCESS_SET, nfs4.FATTR4_TIME_MODIFY_SET, nfs4.FATTR4_MODE_SET_MASKED)
    for minor, settable in SETTABLE.items()
}


def bitmap(mask: int) -> bytes:
    """``mask`` as a bitmap4, without words of zeros at its end."""
    words = -(-mask.bit_length() // 32)
    return Struct(f">{words + 1}I").pack(words, *(mask >> 32 * i & 0xFFFFFFFF for i in range(words)))


_MEMO_MAX: Final = 4096
_PLANS_MAX: Final = 32
_owners: dict[bytes, bytes] = {}


def _owner(number: bytes) -> bytes:
    """A user or group number (as it lies in the record) as utf8str_mixed: its decimal digits (§5.9)."""
    digits = str(U32.unpack(number)[0]).encode()
    encoded = U32.pack(len(digits)) + digits + bytes(-len(digits) & 3)
    if len(_owners) >= _MEMO_MAX:
        _owners.clear()
    _owners[number] = encoded
    return encoded


class Plan:
    """How to encode the attributes of one mask. ``memo`` maps records to their fattr4; look there first."""

    __slots__ = ("_bitmap", "_computed", "_constants", "_pick", "_with_handle", "mask", "memo", "refused", "settings")

    def __init__(self, requested: int, minor: int, settings: Settings) -> None:
        self.refused = bool(requested & WRITE_ONLY & SUPPORTED[minor])
        """NFS4ERR_INVAL: an attribute that can only be set was asked for."""
        self.mask = requested & SUPPORTED[minor] & ~WRITE_ONLY
        """What is encoded: "attributes that the server does not support are left out" (§18.7.3)."""
        self.settings = settings
        self.memo: dict[bytes, bytes] = {}
        self._bitmap = bitmap(self.mask)
        self._constants: list[bytes] = []
        self._computed: list[Callable[[Compound], bytes]] = []
        places: list[int] = []
        constant = False
        for attribute in range(self.mask.bit_length()):
            if not self.mask >> attribute & 1:
                continue
            if attribute in _CONSTANT:
                value = _CONSTANT[attribute](settings, minor)
                if constant:  # joined with the constant before it
                    self._constants[-1] += value
                else:
                    places.append(_CONSTANTS + len(self._constants))
                    self._constants.append(value)
                constant = True
                continue
            constant = False
            if attribute in _COMPUTED:
                places.append(-1 - len(self._computed))
                self._computed.append(_COMPUTED[attribute])
            else:
                places.append(_FROM_RECORD[attribute])
        # Two places more, of an empty string, so that the getter gives a tuple even for an empty mask.
        empty = _CONSTANTS + len(self._constants)
        self._constants.append(b"")
        self._computed.reverse()
        self._with_handle = bool(self.mask >> nfs4.FATTR4_FILEHANDLE & 1)
        self._pick: Callable[[tuple[bytes, ...]], tuple[bytes, ...]] = itemgetter(*places, empty, empty)

    def encode(self, cx: Compound, raw: bytes) -> bytes:
        """The fattr4 of the object whose inode record is ``raw``."""
        known = self.memo.get(raw)
        if known is not None:
            return known
        pieces = _PIECES.unpack(raw)
        fileid = pieces[_FILEID]
        uid = pieces[_UID]
        gid = pieces[_GID]
        volume = fileid[:2]
        everything = (
            *pieces,
            _owners.get(uid) or _owner(uid),
            _owners.get(gid) or _owner(gid),
            _FSID_HEAD + volume + _ZERO8,
            b"".join((_HANDLE_HEAD, volume, pieces[14], fileid, _ZERO8)) if self._with_handle else b"",
            *self._constants,
        )
        if self._computed:
            everything += tuple([compute(cx) for compute in self._computed])
        values = b"".join(self._pick(everything))
        encoded = self._bitmap + U32.pack(len(values)) + values
        if not self._computed:
            if len(self.memo) >= _MEMO_MAX:
                self.memo.clear()
            self.memo[raw] = encoded
        return encoded

    def encode_inode(self, cx: Compound, inode: Inode) -> bytes:
        """Like :meth:`encode`, for whoever holds an inode rather than its record."""
        return self.encode(cx, pack_inode(inode))


#: By minor version and by the request's bitmap4 as it came: a hit costs one slice and one look-up.
PLANS: Final[dict[int, dict[bytes, Plan]]] = {1: {}, 2: {}}


def plan_for(mask: int, minor: int, settings: Settings) -> Plan:
    """The plan for a mask; plans are kept until the settings change."""
    plans = PLANS[minor]
    key = bitmap(mask)
    plan = plans.get(key)
    if plan is None or plan.settings is not settings:
        plan = Plan(mask, minor, settings)
        if len(plans) >= _PLANS_MAX:
            plans.clear()
        plans[key] = plan
    return plan


def read_request(cx: Compound) -> Plan:
    """The plan for the bitmap4 at ``cx.pos``, which is left behind."""
    data: Any = cx.data
    pos = cx.pos
    if pos + 4 > cx.end:
        raise XdrError("bitmap4: truncated")
    stop = pos + 4 + 4 * data[pos + 3]
    plan = PLANS[cx.minor].get(data[pos:stop])
    if plan is not None and plan.settings is cx.settings and stop <= cx.end:
        cx.pos = stop
        return plan
    mask, cx.pos = nfs4.unpack_bitmap4(cx.data, pos)
    if cx.pos > cx.end:
        raise XdrError("bitmap4: truncated")
    plan = plan_for(mask, cx.minor, cx.settings)
    given = data[pos : cx.pos]
    PLANS[cx.minor][given] = plan
    return plan
