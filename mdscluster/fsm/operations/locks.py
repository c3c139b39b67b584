"""LOCK, LOCKT, LOCKU, TEST_STATEID and FREE_STATEID (RFC 8881 §18.10 to §18.12, §18.38, §18.48)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm import lock_states, ranges, shares, stateids
from mdscluster.fsm.compound import U32x2
from mdscluster.fsm.lock_states import Lock
from mdscluster.fsm.operations.table import Operation
from mdscluster.fsm.ranges import END, WRITE, Held, Range
from mdscluster.fsm.stateids import TYPE_LOCK, TYPE_OPEN
from mdscluster.fsm.tables import U32
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

_ANY_TYPE: Final = (nfs4.READ_LT, nfs4.WRITE_LT, nfs4.READW_LT, nfs4.WRITEW_LT)


def not_a_regular_file(kind: int) -> int:
    """How LOCK and OPEN refuse an object that is no regular file (§15.1.2.4, §15.1.2.9)."""
    if kind == nfs4.NF4DIR:
        return nfs4.NFS4ERR_ISDIR
    return nfs4.NFS4ERR_SYMLINK if kind == nfs4.NF4LNK else nfs4.NFS4ERR_WRONG_TYPE


def _check_file(cx: Compound) -> int:
    inode = cx.load()
    if inode is None:
        return nfs4.NFS4ERR_STALE
    return nfs4.NFS4_OK if inode.type == nfs4.NF4REG else not_a_regular_file(inode.type)


def show(cx: Compound, stateid: nfs4.stateid4, type_: int) -> tuple[int, bytes, bytes]:
    """Find the state of this type behind a stateid shown for the current file: status, ``other``, record."""
    stateid = stateids.substitute_current(cx, stateid)
    other = stateid.other
    raw = cx.get(other, db=cx.tables.state) if other[0] == type_ else None
    if raw is None:
        return nfs4.NFS4ERR_BAD_STATEID, other, b""
    status = stateids.judge(raw, cx.client_id, stateid.seqid)
    if not status and stateids.HEAD.unpack_from(raw)[1] != cx.fileid:
        status = nfs4.NFS4ERR_BAD_STATEID
    return status, other, raw


def _answer(cx: Compound, op: int, stateid: nfs4.stateid4) -> int:
    """NFS4_OK with a stateid, which becomes the current one (§16.2.3.1.2)."""
    cx.stateid = stateid
    cx.res.append(U32x2.pack(op, nfs4.NFS4_OK))
    cx.res.append(stateids.pack(stateid))
    return nfs4.NFS4_OK


def _denied(cx: Compound, op: int, holder: Held, held: Range) -> int:
    """NFS4ERR_DENIED, with the lock that is in the way."""
    first, last, kind = held
    length = END if last == END else last - first + 1
    denied = nfs4.LOCK4denied(first, length, kind, nfs4.state_owner4(holder.client_id, holder.owner))
    cx.res.append(U32x2.pack(op, nfs4.NFS4ERR_DENIED))
    cx.res.append(nfs4.pack_LOCK4denied(denied))
    cx.failure_encoded = True
    return nfs4.NFS4ERR_DENIED


def lock(cx: Compound) -> int:
    """Lock a byte range (§18.10). Nobody is queued: a client that wants to wait asks again."""
    args, cx.pos = nfs4.unpack_LOCK4args(cx.data, cx.pos)
    if args.locktype not in _ANY_TYPE:
        return nfs4.NFS4ERR_BADXDR
    bounds = ranges.bounds(args.offset, args.length)
    if bounds is None:
        return nfs4.NFS4ERR_INVAL
    status = _check_file(cx)
    if status:
        return status
    kind = ranges.kind_of(args.locktype)
    if args.locker.new_lock_owner:
        new = args.locker.open_owner
        assert new is not None
        status, open_other, raw = show(cx, new.open_stateid, TYPE_OPEN)
        if status:
            return status
        owner = new.lock_owner.owner
        other = lock_states.find(cx, cx.fileid, open_other, shares.owner_key(owner))
        if other is not None:
            state = lock_states.unpack_lock(cx.get(other, db=cx.tables.state))
        else:
            state = Lock(cx.client_id, cx.fileid, 0, open_other, owner)
    else:
        known = args.locker.lock_owner
        assert known is not None
        status, other, raw = show(cx, known.lock_stateid, TYPE_LOCK)
        if status:
            return status
        state = lock_states.unpack_lock(raw)
        raw = cx.get(state.open_other, db=cx.tables.state)
    if args.reclaim:
        return nfs4.NFS4ERR_NO_GRACE  # there is no grace period here, ever (INV-7)
    opened = shares.unpack_open(raw)
    if not opened.access & (shares.WRITE if kind == WRITE else shares.READ):
        return nfs4.NFS4ERR_OPENMODE
    return _take(cx, other, state, opened, (*bounds, kind))


def _take(cx: Compound, other: bytes | None, state: Lock, opened: shares.Open, wanted: Range) -> int:
    """Grant the range, unless somebody else's lock forbids it (INV-5). ``other`` None: a new lock stateid."""
    first, last, kind = wanted
    conflict = ranges.find_conflict(cx, state.fileid, state.client_id, state.owner, first, last, kind)
    if conflict is not None:
        return _denied(cx, nfs4.OP_LOCK, *conflict)
    held = [] if other is None else ranges.load(cx, state.fileid, other)
    held = ranges.with_range(held, first, last, kind)
    if len(held) > ranges.MAX_RANGES:
        return nfs4.NFS4ERR_SERVERFAULT
    if other is None:
        other = lock_states.create(cx, state.fileid, state.open_other, shares.owner_key(state.owner))
        opened.locks += 1
        shares.save(cx, state.open_other, opened)
    return _store(cx, nfs4.OP_LOCK, other, state, held)


def _store(cx: Compound, op: int, other: bytes, state: Lock, held: list[Range]) -> int:
    state.seqid = stateids.next_seqid(state.seqid)
    lock_states.save(cx, other, state)
    ranges.save(cx, state.fileid, other, Held(state.client_id, state.owner, held))
    return _answer(cx, op, nfs4.stateid4(state.seqid, other))


def lockt(cx: Compound) -> int:
    """Whether a lock would be granted (§18.11)."""
    args, cx.pos = nfs4.unpack_LOCKT4args(cx.data, cx.pos)
    if args.locktype not in _ANY_TYPE:
        return nfs4.NFS4ERR_BADXDR
    bounds = ranges.bounds(args.offset, args.length)
    if bounds is None:
        return nfs4.NFS4ERR_INVAL
    status = _check_file(cx)
    if status:
        return status
    kind = ranges.kind_of(args.locktype)
    # The owner's client ID in the arguments is ignored: it is the session's (§18.11.3).
    conflict = ranges.find_conflict(cx, cx.fileid, cx.client_id, args.owner.owner, *bounds, kind)
    if conflict is not None:
        return _denied(cx, nfs4.OP_LOCKT, *conflict)
    cx.ok(nfs4.OP_LOCKT)
    return nfs4.NFS4_OK


def locku(cx: Compound) -> int:
    """Unlock a byte range (§18.12); bytes that are not locked are no error, and the lock type does not matter."""
    args, cx.pos = nfs4.unpack_LOCKU4args(cx.data, cx.pos)
    if args.locktype not in _ANY_TYPE:
        return nfs4.NFS4ERR_BADXDR
    bounds = ranges.bounds(args.offset, args.length)
    if bounds is None:
        return nfs4.NFS4ERR_INVAL
    status = _check_file(cx)
    if status:
        return status
    status, other, raw = show(cx, args.lock_stateid, TYPE_LOCK)
    if status:
        return status
    held = ranges.without(ranges.load(cx, cx.fileid, other), *bounds)
    if len(held) > ranges.MAX_RANGES:
        return nfs4.NFS4ERR_SERVERFAULT
    return _store(cx, nfs4.OP_LOCKU, other, lock_states.unpack_lock(raw), held)


def test_stateid(cx: Compound) -> int:
    """The status of each of the caller's stateids (§18.48)."""
    cx.tight = True  # there may be many
    args, cx.pos = nfs4.unpack_TEST_STATEID4args(cx.data, cx.pos)
    statuses = [stateids.test(cx, stateid) for stateid in args.ts_stateids]
    cx.res.append(U32x2.pack(nfs4.OP_TEST_STATEID, nfs4.NFS4_OK) + U32.pack(len(statuses)))
    cx.res.extend(map(U32.pack, statuses))
    return nfs4.NFS4_OK


def free_stateid(cx: Compound) -> int:
    """Give up a lock stateid that holds no locks (§18.38); anything else that is alive is NFS4ERR_LOCKS_HELD."""
    args, cx.pos = nfs4.unpack_FREE_STATEID4args(cx.data, cx.pos)
    stateid = stateids.substitute_current(cx, args.fsa_stateid)
    status = stateids.test(cx, stateid)
    if status:
        return status
    other = stateid.other
    if other[0] != TYPE_LOCK:
        return nfs4.NFS4ERR_LOCKS_HELD
    state = lock_states.unpack_lock(cx.get(other, db=cx.tables.state))
    if ranges.holds(cx, state.fileid, other):
        return nfs4.NFS4ERR_LOCKS_HELD
    opened = shares.unpack_open(cx.get(state.open_other, db=cx.tables.state))
    opened.locks -= 1
    shares.save(cx, state.open_other, opened)
    lock_states.remove(cx, other, state, shares.owner_key(state.owner))
    cx.ok(nfs4.OP_FREE_STATEID)
    return nfs4.NFS4_OK


OPERATIONS: Final[list[Operation]] = [
    Operation(nfs4.OP_LOCK, lock, changes=True),
    Operation(nfs4.OP_LOCKT, lockt),
    Operation(nfs4.OP_LOCKU, locku, changes=True),
    Operation(nfs4.OP_TEST_STATEID, test_stateid, needs_fh=False),
    Operation(nfs4.OP_FREE_STATEID, free_stateid, changes=True, needs_fh=False),
]
