"""Recalls of layouts, and who waits for them (RFC 8881 §12.5.5).

Whatever must not happen while a layout is out is refused with NEED_RECALL, and the recall is committed instead: a row
in ``recall`` and an event to every front end. The one that holds the client's back channel calls it; whichever sees
LAYOUTRETURN commits it; then the request that waits is proposed again. Who does not answer in time is fenced
(:mod:`~mdscluster.fsm.revocation`). All of it survives the loss of any node, because all of it is in the log.

Who waits for a file's layouts *reserves* it for a moment, and says so again each time it is proposed: meanwhile nobody
else is granted a layout, or a client that takes a layout again as soon as it has returned it could keep out the
others for ever.

Rows of the table: ``other`` (12 bytes) -> :class:`Recall`; "W" + fileid -> :class:`Reservation`; "T" + fileid: see
:mod:`~mdscluster.fsm.cuts`; "S": see :func:`start_recall`; "L" + fileid -> nothing: see :func:`left_behind`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import cuts, data_servers, features, layout_states
from mdscluster.fsm.cuts import EVENT_RETURNED, EVENT_TRUNCATE, Cut
from mdscluster.fsm.data_servers import STALE_KEY
from mdscluster.fsm.fences import EVENT_FENCE, fences
from mdscluster.fsm.layout_states import RW, LayoutState, next_seqid
from mdscluster.fsm.tables import U64
from nfswire import nfs4

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm import commands
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.records import Inode
    from mdscluster.fsm.tables import Tables

__all__ = ["EVENT_DELETE", "EVENT_FENCE", "EVENT_RECALL", "EVENT_RETURNED", "EVENT_TRUNCATE", "Recall", "fences"]

EVENT_RECALL: Final = b"R"  # + stateid.other: a layout is to be recalled
EVENT_DELETE: Final = b"X"  # the deletion queue grew

KEY_BYTES: Final = 12
"""Of a recall in the table, which holds other rows, too."""
RESERVED_MS: Final = 3_000
"""How long a reservation outlives the last word of who made it, on the log's lease clock."""
_RESERVATION: Final = b"W"
_LEFT_BEHIND: Final = b"L"
_LOOKED_AT_MAX: Final = 2_048
"""Layouts that one command looks at for devices that have changed."""


class Recall(msgspec.Struct, array_like=True):
    """A layout being recalled."""

    client_id: int
    fileid: int
    seqid: int
    changed: bool  # its device has: the client had better not write through it any more (§20.3.3)
    started_lease_ms: int
    fence_epoch: int = 0  # not 0: it was not returned in time, and this version of the fence list voids it


class Reservation(msgspec.Struct, array_like=True):
    """Who waits until a file's layouts are back, and until when on the lease clock that counts."""

    client_id: int
    until_lease_ms: int


_encode = msgspec.msgpack.Encoder().encode
_decode_recall = msgspec.msgpack.Decoder(Recall).decode
_decode_reservation = msgspec.msgpack.Decoder(Reservation).decode


# ---------------------------------------------------------------- what other operations ask
def recall_for_truncate(cx: Compound, inode: Inode, size: int) -> bool:
    """Whether setting the size has to wait for layouts. If it has not, and objects may reach further, they are cut.

    The caller's own layouts are recalled too: it goes on writing through a layout that it keeps, and the cut would
    come behind that. ``inode`` may be changed and is not stored.
    """
    layouts = layout_states.of_file(cx, inode.fileid)
    # With a write layout out, objects may be longer than the size we know; so they may where a revoked writer's is.
    grows = size >= inode.size and not any(state.iomodes & RW for _, state in layouts)
    if grows and not _remains_first(cx, inode.fileid):
        return False
    if layouts:
        _wait_for(cx, inode.fileid, layouts)
        return True
    cuts.begin(cx, inode, size)
    release(cx, inode.fileid)
    return False


def open_conflict(cx: Compound, inode: Inode, access: int) -> bool:
    """On an export with exclusive writers: whether an OPEN must wait for another client's layout."""
    if not cx.exclusive_writers:
        return False
    if _layout_conflict(cx, inode, RW if access & nfs4.OPEN4_SHARE_ACCESS_WRITE else layout_states.READ):
        return True
    release(cx, inode.fileid)
    return False


def grant_must_wait(cx: Compound, inode: Inode, wanted: int) -> bool:
    """Whether a layout cannot be granted yet: for another client's layout or reservation, or a cut under way."""
    cx.waits_for = inode.fileid
    raw = cx.get(_RESERVATION + U64.pack(inode.fileid), db=cx.tables.recall)
    if raw is not None:
        reservation = _decode_reservation(raw)
        if reservation.client_id != cx.client_id and cx.lease_ms <= reservation.until_lease_ms:
            return True
    if cx.exclusive_writers and _layout_conflict(cx, inode, wanted):
        return True
    if _remains_first(cx, inode.fileid):
        layouts = layout_states.of_file(cx, inode.fileid)
        recall(cx, layouts)  # of a cluster that was at a lower level until now, there may be some that were not
        if layouts:
            return True
    return cuts.of_file(cx.txn, cx.tables, inode.fileid) is not None


def _layout_conflict(cx: Compound, inode: Inode, wanted: int) -> bool:
    """Recall layouts of other clients that conflict with ``wanted`` (write-write and read-write)."""
    conflicting = [
        (other, state)
        for other, state in layout_states.of_file(cx, inode.fileid)
        if state.client_id != cx.client_id and (wanted == RW or state.iomodes & RW)
    ]
    if conflicting:
        _wait_for(cx, inode.fileid, conflicting)
    return bool(conflicting)


def client_has_layouts(cx: Compound, client_id: int) -> bool:
    """Whether data servers might still accept I/O under layouts of this client."""
    return bool(layout_states.of_client(cx, client_id))


def being_recalled(cx: Compound, other: bytes) -> bool:
    return cx.get(other, db=cx.tables.recall) is not None


def returned(cx: Compound, other: bytes, state: LayoutState) -> None:
    """A layout is gone: forget it and its recall, and tell who waits."""
    layout_states.remove(cx, other, state)
    if cx.get(other, db=cx.tables.recall) is not None:
        cx.delete(other, db=cx.tables.recall)
    _clear_up(cx, state.fileid)
    cx.events.items.append(EVENT_RETURNED + U64.pack(state.fileid))


def kept(cx: Compound, other: bytes, state: LayoutState) -> None:
    """A layout was given back in part."""
    layout_states.save(cx, other, state)
    _clear_up(cx, state.fileid)


def left_behind(cx: Compound, other: bytes, fileid: int) -> None:
    """A writer's layout is being taken away. What it wrote behind the file's end, and never committed, must not show
    when the file grows: it is cut off as soon as nobody holds a layout any more. Those who do are asked to hurry, and
    nobody is granted one before it, or two writers that take turns would put the cut off for ever.

    What one of them commits meanwhile (LAYOUTCOMMIT, a proxied WRITE) does show what lies before it.
    """
    cx.put(_LEFT_BEHIND + U64.pack(fileid), b"", db=cx.tables.recall)
    recall(cx, [(one, state) for one, state in _that_put_off_the_cut(cx, fileid) if one != other])


def _that_put_off_the_cut(cx: Compound, fileid: int) -> list[tuple[bytes, LayoutState]]:
    layouts = layout_states.of_file(cx, fileid)
    if features.level(cx.txn, cx.tables) >= features.REMAINS_FIRST:
        return layouts  # also who only reads: through a layout it would see what is being cut
    return [(other, state) for other, state in layouts if state.iomodes & RW]


def _remains_first(cx: Compound, fileid: int) -> bool:
    """Whether something that a revoked writer left has to be cut off before anything else."""
    if cx.get(_LEFT_BEHIND + U64.pack(fileid), db=cx.tables.recall) is None:
        return False
    return features.level(cx.txn, cx.tables) >= features.REMAINS_FIRST


def _clear_up(cx: Compound, fileid: int) -> None:
    key = _LEFT_BEHIND + U64.pack(fileid)
    if cx.get(key, db=cx.tables.recall) is None or _that_put_off_the_cut(cx, fileid):
        return
    cx.delete(key, db=cx.tables.recall)
    inode = cx.load_other(fileid)
    if inode is not None:
        cuts.begin(cx, inode, inode.size)
        cx.store(inode)


def forget_file(cx: Compound, fileid: int) -> None:
    """The file is gone, and nobody had it open: its layouts go with it, and a cut that was under way."""
    for key in (_LEFT_BEHIND + U64.pack(fileid), _RESERVATION + U64.pack(fileid)):
        if cx.get(key, db=cx.tables.recall) is not None:
            cx.delete(key, db=cx.tables.recall)
    for other, state in layout_states.of_file(cx, fileid):
        returned(cx, other, state)
    cuts.forget(cx, fileid)


# ---------------------------------------------------------------- waiting
def _wait_for(cx: Compound, fileid: int, layouts: list[tuple[bytes, LayoutState]]) -> None:
    """The caller has to wait for these: recall them, and let nobody else get one before it."""
    cx.waits_for = fileid
    recall(cx, layouts)
    key = _RESERVATION + U64.pack(fileid)
    raw = cx.get(key, db=cx.tables.recall)
    if raw is not None:
        held = _decode_reservation(raw)
        if held.client_id != cx.client_id and cx.lease_ms <= held.until_lease_ms:
            return  # somebody waits for longer
    cx.put(key, _encode(Reservation(cx.client_id, cx.lease_ms + RESERVED_MS)), db=cx.tables.recall)


def release(cx: Compound, fileid: int) -> None:
    """What the caller waited for is done, if it did; or a reservation has run out."""
    key = _RESERVATION + U64.pack(fileid)
    raw = cx.get(key, db=cx.tables.recall)
    if raw is None:
        return
    held = _decode_reservation(raw)
    if held.client_id == cx.client_id or cx.lease_ms > held.until_lease_ms:
        cx.delete(key, db=cx.tables.recall)
        cx.events.items.append(EVENT_RETURNED + U64.pack(fileid))


def recall(cx: Compound, layouts: list[tuple[bytes, LayoutState]], *, changed: bool = False) -> None:
    """Commit the recall of these layouts; those under recall already stay as they are.

    The stateid's sequence ID grows with a recall as with a grant (§12.5.3), which tells the client which came first.
    """
    for other, state in layouts:
        if being_recalled(cx, other):
            continue
        state.seqid = next_seqid(state.seqid)
        layout_states.save(cx, other, state)
        record = Recall(state.client_id, state.fileid, state.seqid, changed, cx.lease_ms)
        cx.put(other, _encode(record), db=cx.tables.recall)
        cx.events.items.append(EVENT_RECALL + other)


# ---------------------------------------------------------------- internal commands
def start_recall(cx: Compound, command: commands.StartRecall) -> bytes:
    """Recall a file's layouts, a client's, or the next ones whose device has changed.

    A data server that went down or moved leaves the row "S" behind. While it is there, the leader sends this command;
    each looks at so many layouts that an entry stays small, and the last one takes the row away. Layouts that do not
    run through that data server are left alone.
    """
    if command.fileid:
        recall(cx, layout_states.of_file(cx, command.fileid))
    elif command.client_id:
        recall(cx, layout_states.of_client(cx, command.client_id))
    else:
        _recall_stale(cx)
    return b""


def _recall_stale(cx: Compound) -> None:
    after = cx.get(STALE_KEY, db=cx.tables.recall)
    if after is None:
        return
    is_current = data_servers.current_devices(cx)
    layouts = layout_states.following(cx, after, _LOOKED_AT_MAX)
    recall(cx, [(other, state) for other, state in layouts if not is_current(state.device)], changed=True)
    if len(layouts) < _LOOKED_AT_MAX:
        cx.delete(STALE_KEY, db=cx.tables.recall)
    else:
        cx.put(STALE_KEY, layouts[-1][0], db=cx.tables.recall)


def save(cx: Compound, other: bytes, record: Recall) -> None:
    cx.put(other, _encode(record), db=cx.tables.recall)


# ---------------------------------------------------------------- read views
def load(txn: lmdb.Transaction, tables: Tables, other: bytes) -> Recall | None:
    """A layout's recall, while it is under way."""
    raw = txn.get(other, db=tables.recall)
    return None if raw is None else _decode_recall(raw)


class Pending(msgspec.Struct):
    """What is under way, for the leader and for a front end to which a client comes."""

    recalls: list[tuple[bytes, Recall]]
    cuts: list[Cut]
    stale: bool
    """Layouts may be out whose device has changed."""


def pending(txn: lmdb.Transaction, tables: Tables) -> Pending:
    """Every recall and cut under way."""
    found = Pending([], [], False)
    with txn.cursor(db=tables.recall) as cursor:
        for key, value in cursor:
            if len(key) == KEY_BYTES:
                found.recalls.append((key, _decode_recall(value)))
            elif key == STALE_KEY:
                found.stale = True
            elif key.startswith(cuts.PREFIX):
                found.cuts.append(cuts.decode(value))
    return found
