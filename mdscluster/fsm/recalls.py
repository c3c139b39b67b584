"""Recalls, revocation and fencing of layouts, and truncation on data servers (RFC 8881 §12.5.5, §12.5.6).

Whatever must not happen while a layout is out is refused with NEED_RECALL, and the recall is committed
instead: a row in ``recall`` and an event to every front end. The one that holds the client's back channel
calls it; whichever sees LAYOUTRETURN commits it; then the request that waits is proposed again. A client
that does not answer in time is fenced at the data servers first, and only then does its layout count as
gone (INV-5, INV-6). All of it survives the loss of any node, because all of it is in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import data_servers, layout_states
from mdscluster.fsm.layout_states import RW, LayoutState, next_seqid
from mdscluster.fsm.tables import U64, U64x2
from nfswire import nfs4

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm import commands
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.records import Inode
    from mdscluster.fsm.tables import Tables

EVENT_RECALL: Final = b"R"  # + stateid.other: a layout is to be recalled
EVENT_RETURNED: Final = b"D"  # + fileid: something that requests may wait for is done
EVENT_FENCE: Final = b"F"  # the fence table grew: data servers must hear of it
EVENT_TRUNCATE: Final = b"T"  # + fileid: objects are to be truncated
EVENT_DELETE: Final = b"X"  # the deletion queue grew

_EPOCH: Final = b"epoch"
_TRUNCATE_PREFIX: Final = b"T"
_WHOLE_CLIENT: Final = 0


class Recall(msgspec.Struct, array_like=True):
    """A layout being recalled. ``fencing``: it was not returned in time, and data servers are being told."""

    client_id: int
    fileid: int
    seqid: int
    iomode: int
    started_lease_ms: int
    fencing: bool


class Truncation(msgspec.Struct, array_like=True):
    """A file being cut on its data servers. ``done``: they have, and the SETATTR that asked may go on."""

    fileid: int
    size: int
    numbers: list[int]
    done: bool


_encode = msgspec.msgpack.Encoder().encode
_decode_recall = msgspec.msgpack.Decoder(Recall).decode
_decode_truncation = msgspec.msgpack.Decoder(Truncation).decode


# ---------------------------------------------------------------- what other operations ask
def recall_for_truncate(cx: Compound, inode: Inode, size: int) -> bool:
    """Whether cutting the file to ``size`` has to wait: for layouts of others, then for its data servers.

    Stale bytes behind a cut must not come back when the file grows again, so the objects are cut
    before the new size is committed. Meanwhile no layout of the file is granted.
    """
    layouts = layout_states.of_file(cx, inode.fileid)
    if size >= inode.size and not any(state.iomodes & RW for _, state in layouts):
        return False  # with a write layout out, objects may be longer than the size we know
    others = [(other, state) for other, state in layouts if state.client_id != cx.client_id]
    if others:
        _recall(cx, others, nfs4.LAYOUTIOMODE4_ANY)
        return True
    striping = data_servers.striping_of(cx.txn, cx.tables, inode.fileid)
    if striping is None:
        return False
    key = _TRUNCATE_PREFIX + U64.pack(inode.fileid)
    raw = cx.get(key, db=cx.tables.recall)
    pending = None if raw is None else _decode_truncation(raw)
    if pending is not None and pending.size == size and pending.done:
        cx.delete(key, db=cx.tables.recall)
        return False
    if pending is None or pending.done or size < pending.size:
        cx.put(key, _encode(Truncation(inode.fileid, size, striping.numbers, False)), db=cx.tables.recall)
        cx.events.items.append(EVENT_TRUNCATE + U64.pack(inode.fileid))
    return True


def truncating(cx: Compound, fileid: int) -> bool:
    """Whether the file is being cut on its data servers at the moment."""
    raw = cx.get(_TRUNCATE_PREFIX + U64.pack(fileid), db=cx.tables.recall)
    return raw is not None and not _decode_truncation(raw).done


def forget_truncation(cx: Compound, fileid: int) -> None:
    """The file is about to be written again: a cut that is done says nothing any more."""
    key = _TRUNCATE_PREFIX + U64.pack(fileid)
    raw = cx.get(key, db=cx.tables.recall)
    if raw is not None and _decode_truncation(raw).done:
        cx.delete(key, db=cx.tables.recall)


def open_conflict(cx: Compound, inode: Inode, access: int) -> bool:
    """On an export with exclusive writers: whether an OPEN must wait for another client's layout."""
    if not cx.exclusive_writers:
        return False
    return layout_conflict(cx, inode, RW if access & nfs4.OPEN4_SHARE_ACCESS_WRITE else layout_states.READ)


def layout_conflict(cx: Compound, inode: Inode, wanted: int) -> bool:
    """Recall layouts of other clients that conflict with ``wanted`` (write-write and read-write)."""
    conflicting = [
        (other, state)
        for other, state in layout_states.of_file(cx, inode.fileid)
        if state.client_id != cx.client_id and (wanted == RW or state.iomodes & RW)
    ]
    if conflicting:
        _recall(cx, conflicting, nfs4.LAYOUTIOMODE4_ANY)
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
    cx.events.items.append(EVENT_RETURNED + U64.pack(state.fileid))


def forget_file(cx: Compound, fileid: int) -> None:
    """The file is gone, and nobody had it open: its layouts go with it, and a cut that was under way."""
    for other, state in layout_states.of_file(cx, fileid):
        returned(cx, other, state)
    key = _TRUNCATE_PREFIX + U64.pack(fileid)
    if cx.get(key, db=cx.tables.recall) is not None:
        cx.delete(key, db=cx.tables.recall)
        cx.events.items.append(EVENT_RETURNED + U64.pack(fileid))


def _recall(cx: Compound, layouts: list[tuple[bytes, LayoutState]], iomode: int) -> None:
    """Commit the recall of these layouts; those under recall already stay as they are.

    "The server increments the seqid of the layout stateid" with a recall, as with a grant (§12.5.3).
    """
    for other, state in layouts:
        if being_recalled(cx, other):
            continue
        state.seqid = next_seqid(state.seqid)
        layout_states.save(cx, other, state)
        record = Recall(state.client_id, state.fileid, state.seqid, iomode, cx.lease_ms, False)
        cx.put(other, _encode(record), db=cx.tables.recall)
        cx.events.items.append(EVENT_RECALL + other)


# ---------------------------------------------------------------- epochs and fences
def epoch(cx: Compound) -> int:
    """The epoch that filehandles are granted in now."""
    raw = cx.get(_EPOCH, db=cx.tables.meta)
    return 1 if raw is None else int(U64.unpack(raw)[0])


def _fence(cx: Compound, fileid: int, client_id: int) -> None:
    """From the next epoch on: data servers refuse older handles of this client (of one file, or 0: of all)."""
    following = epoch(cx) + 1
    cx.put(_EPOCH, U64.pack(following), db=cx.tables.meta)
    cx.put(U64x2.pack(fileid, client_id), U64.pack(following), db=cx.tables.fence)
    cx.events.items.append(EVENT_FENCE)


def fences(txn: lmdb.Transaction, tables: Tables) -> tuple[int, list[tuple[int, int, int]]]:
    """The fence table for the data servers: its version (the epoch), and (fileid, clientid, least epoch)."""
    raw = txn.get(_EPOCH, db=tables.meta)
    version = 1 if raw is None else U64.unpack(raw)[0]
    with txn.cursor(db=tables.fence) as cursor:
        return version, [(*U64x2.unpack(key), U64.unpack(value)[0]) for key, value in cursor]


# ---------------------------------------------------------------- internal commands
def start_recall(cx: Compound, command: commands.StartRecall) -> bytes:
    """Recall a file's layouts, a client's, or all: a device changed, or an operator asked."""
    if command.fileid:
        layouts = layout_states.of_file(cx, command.fileid)
    elif command.client_id:
        layouts = layout_states.of_client(cx, command.client_id)
    else:
        layouts = layout_states.of_all(cx)
    _recall(cx, layouts, nfs4.LAYOUTIOMODE4_ANY)
    return b""


def start_fence(cx: Compound, command: commands.StartFence) -> bytes:
    """A layout was not returned in time, or (no stateid) a client's lease ran out: fence before anything else."""
    if not command.stateid_other:
        _fence(cx, _WHOLE_CLIENT, command.client_id)
        return b""
    raw = cx.get(command.stateid_other, db=cx.tables.recall)
    if raw is None:
        return b""  # it came back meanwhile
    record = _decode_recall(raw)
    if not record.fencing:
        record.fencing = True
        cx.put(command.stateid_other, _encode(record), db=cx.tables.recall)
        _fence(cx, record.fileid, record.client_id)
    return b""


def recall_done(cx: Compound, command: commands.RecallDone) -> bytes:
    """The client said NOMATCHING_LAYOUT, or every data server has confirmed the fence: the layout is gone."""
    raw = cx.get(command.stateid_other, db=cx.tables.recall)
    state = layout_states.load(cx, command.stateid_other)
    if raw is None or state is None or (command.fenced and not _decode_recall(raw).fencing):
        return b""
    returned(cx, command.stateid_other, state)
    return b""


def fence_confirmed(cx: Compound, command: commands.FenceConfirmed) -> bytes:
    """Every data server refuses this client's handles: its layouts are gone, and it may be expired."""
    if cx.get(U64x2.pack(_WHOLE_CLIENT, command.client_id), db=cx.tables.fence) is not None:
        for other, state in layout_states.of_client(cx, command.client_id):
            if state.epoch < command.epoch:
                returned(cx, other, state)
    return b""


def truncated(cx: Compound, command: commands.Truncated) -> bytes:
    """The data servers have cut a file's objects to this size (or smaller)."""
    key = _TRUNCATE_PREFIX + U64.pack(command.fileid)
    raw = cx.get(key, db=cx.tables.recall)
    if raw is not None:
        record = _decode_truncation(raw)
        if record.size == command.size:
            record.done = True
            cx.put(key, _encode(record), db=cx.tables.recall)
            cx.events.items.append(EVENT_RETURNED + U64.pack(command.fileid))
    return b""


# ---------------------------------------------------------------- read views for front ends
def load(txn: lmdb.Transaction, tables: Tables, other: bytes) -> Recall | None:
    """A layout's recall, while it is under way."""
    raw = txn.get(other, db=tables.recall)
    return None if raw is None else _decode_recall(raw)


def pending(txn: lmdb.Transaction, tables: Tables) -> tuple[list[tuple[bytes, Recall]], list[Truncation]]:
    """Every recall and truncation under way."""
    recalls: list[tuple[bytes, Recall]] = []
    truncations: list[Truncation] = []
    with txn.cursor(db=tables.recall) as cursor:
        for key, value in cursor:
            if len(key) == 12:
                recalls.append((key, _decode_recall(value)))
            else:
                record = _decode_truncation(value)
                if not record.done:
                    truncations.append(record)
    return recalls, truncations
