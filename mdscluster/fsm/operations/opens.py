"""OPEN, OPEN_DOWNGRADE and CLOSE (RFC 8881 §18.16, §18.18, §18.2).

OPEN with CREATE makes the file and its open in one transaction; it is the path that creating small files
lives by, so results are packed straight.

There is no grace period (INV-7), hence nothing can be reclaimed; and there are no delegations yet.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from mdscluster.fsm import access, clients, files, recalls, settable, shares, stateids
from mdscluster.fsm.compound import NEED_RECALL, U32x2
from mdscluster.fsm.operations.locks import not_a_regular_file, show
from mdscluster.fsm.operations.table import Operation
from mdscluster.fsm.settable import NOTHING, Wanted
from mdscluster.fsm.stateids import TYPE_OPEN
from nfswire import nfs4
from nfswire.xdr import pack_bitmap

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.records import Inode

_READ: Final = nfs4.OPEN4_SHARE_ACCESS_READ
_WRITE: Final = nfs4.OPEN4_SHARE_ACCESS_WRITE
_BOTH: Final = nfs4.OPEN4_SHARE_ACCESS_BOTH
_WANT: Final = nfs4.OPEN4_SHARE_ACCESS_WANT_DELEG_MASK
#: Bits beside access: wishes for delegations, and RFC 9754's (timestamps, open XOR delegation), which only widen them.
_WISHES: Final = (
    _WANT
    | nfs4.OPEN4_SHARE_ACCESS_WANT_SIGNAL_DELEG_WHEN_RESRC_AVAIL
    | nfs4.OPEN4_SHARE_ACCESS_WANT_PUSH_DELEG_WHEN_UNCONTENDED
    | 0x300000
)

#: "ond_why": each wish (§18.16.3), and how it is answered: a whole open_delegation4. RESOURCE: and we shall not signal.
_DELEGATION: Final = {
    nfs4.OPEN4_SHARE_ACCESS_WANT_NO_PREFERENCE: Struct(">I").pack(nfs4.OPEN_DELEGATE_NONE),
    nfs4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG: U32x2.pack(nfs4.OPEN_DELEGATE_NONE_EXT, nfs4.WND4_NOT_WANTED),
    nfs4.OPEN4_SHARE_ACCESS_WANT_CANCEL: U32x2.pack(nfs4.OPEN_DELEGATE_NONE_EXT, nfs4.WND4_CANCELLED),
    **dict.fromkeys(
        (
            nfs4.OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
            nfs4.OPEN4_SHARE_ACCESS_WANT_WRITE_DELEG,
            nfs4.OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
        ),
        Struct(">III").pack(nfs4.OPEN_DELEGATE_NONE_EXT, nfs4.WND4_RESOURCE, 0),
    ),
}

#: A file that lost its last link lives on while it is open, so clients need no ".nfs" names for it.
_RESULT_FLAGS: Final = nfs4.OPEN4_RESULT_LOCKTYPE_POSIX | nfs4.OPEN4_RESULT_PRESERVE_UNLINKED
_OPEN_RESULT: Final = Struct(">III12sIQQI")
_CLOSE_ARGS: Final = Struct(">II12s")
_CLOSED: Final = U32x2.pack(nfs4.OP_CLOSE, nfs4.NFS4_OK) + stateids.pack(stateids.INVALID)
_NLINK_AT: Final = slice(16, 20)
_NO_LINK: Final = bytes(4)
_SIZE: Final = 1 << nfs4.FATTR4_SIZE


def open_(cx: Compound) -> int:
    """Open a regular file, and make it where that is asked for (§18.16)."""
    args, cx.pos = nfs4.unpack_OPEN4args(cx.data, cx.pos)
    share = args.share_access
    if not share & _BOTH or share & ~(_BOTH | _WISHES) or args.share_deny & ~3 or share & _WANT not in _DELEGATION:
        return nfs4.NFS4ERR_INVAL
    claim = args.claim.claim
    if claim not in (nfs4.CLAIM_NULL, nfs4.CLAIM_FH):
        return _CLAIMS[claim]
    if not clients.reclaim_is_complete(cx):
        return nfs4.NFS4ERR_GRACE
    if cx.read_only and share & _WRITE:
        return nfs4.NFS4ERR_ROFS
    if claim == nfs4.CLAIM_NULL:
        return _open_name(cx, args)
    if args.openhow.opentype == nfs4.OPEN4_CREATE:
        return nfs4.NFS4ERR_INVAL
    inode = cx.load()
    if inode is None:
        return nfs4.NFS4ERR_STALE
    return _open_inode(cx, args, inode, (0, 0), truncate=False, trusted=False)


#: How the claims are refused that we have nothing for: nothing is ever reclaimed, nothing is delegated.
_CLAIMS: Final = {
    nfs4.CLAIM_PREVIOUS: nfs4.NFS4ERR_NO_GRACE,
    nfs4.CLAIM_DELEGATE_CUR: nfs4.NFS4ERR_BAD_STATEID,
    nfs4.CLAIM_DELEG_CUR_FH: nfs4.NFS4ERR_BAD_STATEID,
    nfs4.CLAIM_DELEGATE_PREV: nfs4.NFS4ERR_NOTSUPP,
    nfs4.CLAIM_DELEG_PREV_FH: nfs4.NFS4ERR_NOTSUPP,
}


def _open_name(cx: Compound, args: nfs4.OPEN4args) -> int:
    """CLAIM_NULL: a name in the current directory."""
    name = args.claim.file
    assert name is not None
    directory = cx.load()
    if directory is None:
        return nfs4.NFS4ERR_STALE
    if directory.type != nfs4.NF4DIR:
        return files.not_a_directory(directory.type)
    status = files.check_name(name)
    if status:
        return status
    if not access.allowed(cx, directory, access.EXECUTE):
        return nfs4.NFS4ERR_ACCESS
    fileid = files.find(cx, directory.fileid, name)
    how = args.openhow.how
    if how is None:
        if not fileid:
            return nfs4.NFS4ERR_NOENT
        truncate = trusted = False
    else:
        wanted = _wanted(cx, how)
        if isinstance(wanted, int):
            return wanted
        if not fileid:
            return _create(cx, args, how, directory, name, wanted)
        status = _may_exist(cx, how, fileid)
        if status:
            return status
        trusted = how.mode in (nfs4.EXCLUSIVE4, nfs4.EXCLUSIVE4_1)
        truncate = how.mode == nfs4.UNCHECKED4 and wanted.size == 0
    inode = cx.load_other(fileid)
    assert inode is not None, "an entry names an inode that is not there"
    return _open_inode(cx, args, inode, (directory.change, directory.change), truncate=truncate, trusted=trusted)


def _wanted(cx: Compound, how: nfs4.createhow4) -> Wanted | int:
    """The attributes that a create is to set; a status where they are bad."""
    if how.mode == nfs4.EXCLUSIVE4:
        return NOTHING
    fattr = how.createattrs
    if how.ch_createboth is not None:
        fattr = how.ch_createboth.cva_attrs
    assert fattr is not None
    return settable.decode(fattr.attrmask, fattr.attr_vals, cx.minor, creating=True)


def _verifier(how: nfs4.createhow4) -> bytes | None:
    return how.ch_createboth.cva_verf if how.ch_createboth is not None else how.createverf


def _may_exist(cx: Compound, how: nfs4.createhow4, fileid: int) -> int:
    """Whether a create may find its file there (§18.16.3).

    GUARDED4: never. Exclusive: if the verifiers match, this is the same create again.
    """
    if how.mode == nfs4.UNCHECKED4:
        return nfs4.NFS4_OK
    verifier = _verifier(how)
    if verifier is not None and shares.has_verifier(cx, fileid, verifier):
        return nfs4.NFS4_OK
    return nfs4.NFS4ERR_EXIST


def _create(
    cx: Compound, args: nfs4.OPEN4args, how: nfs4.createhow4, directory: Inode, name: bytes, wanted: Wanted
) -> int:
    """Make the file and open it; whatever its mode says, its maker may use this open."""
    status = access.may_change_directory(cx, directory) or settable.check_create(cx, wanted, nfs4.NF4REG)
    if status:
        return status
    before = directory.change
    inode = files.create_file(cx, directory, name, wanted)
    flags = 0
    verifier = _verifier(how)
    if verifier is not None:
        shares.save_verifier(cx, inode.fileid, verifier)
        flags = shares.FLAG_EXCLUSIVE
    key = shares.owner_key(args.owner.owner)
    stateid = shares.create(cx, inode.fileid, key, args.share_access & _BOTH, args.share_deny, flags)
    return _opened(cx, args, inode, stateid, (before, directory.change), wanted.mask)


def _open_inode(
    cx: Compound, args: nfs4.OPEN4args, inode: Inode, changes: tuple[int, int], *, truncate: bool, trusted: bool
) -> int:
    """Open what exists. ``trusted``: an exclusive create that comes again, so permission was not asked."""
    if inode.type != nfs4.NF4REG:
        return not_a_regular_file(inode.type)
    wanted = args.share_access & _BOTH
    deny = args.share_deny
    if not trusted and not _permitted(cx, inode, wanted, deny):
        return nfs4.NFS4ERR_ACCESS
    if truncate and not wanted & _WRITE:
        return nfs4.NFS4ERR_INVAL
    if shares.conflict(cx, inode.fileid, wanted, deny):
        return nfs4.NFS4ERR_SHARE_DENIED
    if recalls.open_conflict(cx, inode, wanted):
        return NEED_RECALL
    if truncate:
        status = settable.set_size(cx, inode, 0)
        if status:
            return status
        cx.store(inode)
    key = shares.owner_key(args.owner.owner)
    other = shares.find(cx, inode.fileid, key)
    if other is None:
        stateid = shares.create(cx, inode.fileid, key, wanted, deny)
    else:
        stateid = shares.upgrade(cx, other, wanted, deny)
    return _opened(cx, args, inode, stateid, changes, _SIZE if truncate else 0)


def _permitted(cx: Compound, inode: Inode, wanted: int, deny: int) -> bool:
    """Mode bits. What may be executed may be read, as the kernel's client must read it to execute it.

    To deny others to read takes permission to write: else every reader could lock everybody out.
    """
    if cx.uid == 0:
        return True
    held = access.bits(cx, inode.mode, inode.uid, inode.gid)
    if wanted == _READ and not deny:
        return bool(held & (access.READ | access.EXECUTE))
    needed = (access.READ if wanted & _READ else 0) | (access.WRITE if wanted & _WRITE or deny & _READ else 0)
    return not needed & ~held


def _opened(
    cx: Compound, args: nfs4.OPEN4args, inode: Inode, stateid: nfs4.stateid4, changes: tuple[int, int], attrset: int
) -> int:
    """NFS4_OK: the file becomes the current filehandle, its open the current stateid."""
    cx.set_current(inode.fileid, inode)
    cx.stateid = stateid
    cx.res.append(
        _OPEN_RESULT.pack(nfs4.OP_OPEN, nfs4.NFS4_OK, stateid.seqid, stateid.other, 1, *changes, _RESULT_FLAGS)
        + pack_bitmap(attrset)
        + _DELEGATION[args.share_access & _WANT]
    )
    return nfs4.NFS4_OK


def open_downgrade(cx: Compound) -> int:
    """Give up part of what an open allows and denies (§18.18)."""
    args, cx.pos = nfs4.unpack_OPEN_DOWNGRADE4args(cx.data, cx.pos)
    wanted = args.share_access & ~_WISHES
    if not wanted or wanted & ~_BOTH or args.share_deny & ~3:
        return nfs4.NFS4ERR_INVAL
    status, other, raw = show(cx, args.open_stateid, TYPE_OPEN)
    if status:
        return status
    stateid = shares.downgrade(cx, other, shares.unpack_open(raw), wanted, args.share_deny)
    if stateid is None:
        return nfs4.NFS4ERR_INVAL
    cx.stateid = stateid
    cx.res.append(U32x2.pack(nfs4.OP_OPEN_DOWNGRADE, nfs4.NFS4_OK))
    cx.res.append(stateids.pack(stateid))
    return nfs4.NFS4_OK


def close(cx: Compound) -> int:
    """End an open, and release the locks got through it (§18.2). A file without links goes with its last open."""
    pos = cx.pos
    if pos + _CLOSE_ARGS.size > cx.end:
        return nfs4.NFS4ERR_BADXDR
    _, seqid, other = _CLOSE_ARGS.unpack_from(cx.data, pos)
    cx.pos = pos + _CLOSE_ARGS.size
    status, other, raw = show(cx, nfs4.stateid4(seqid, other), TYPE_OPEN)
    if status:
        return status
    shares.remove(cx, other, shares.unpack_open(raw))
    record = cx.load_raw()
    if record is not None and record[_NLINK_AT] == _NO_LINK:
        inode = cx.load()
        if inode is not None and files.maybe_delete(cx, inode):
            cx.inode = cx.raw = None
    cx.stateid = stateids.INVALID
    cx.res.append(_CLOSED)
    return nfs4.NFS4_OK


OPERATIONS: Final[list[Operation]] = [
    Operation(nfs4.OP_OPEN, open_, changes=True),
    Operation(nfs4.OP_OPEN_DOWNGRADE, open_downgrade, changes=True),
    Operation(nfs4.OP_CLOSE, close, changes=True),
]
