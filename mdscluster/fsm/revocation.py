"""Taking layouts away from those who do not give them back (RFC 8881 §12.5.6), in an order that keeps INV-5 and INV-6.

1. The leader sees that a recall, or a client's lease, has run out, and commits StartFence: the fence list grows.
2. It brings the list into force on every data server. From then on they refuse the handles.
3. Only then it commits RecallDone or FenceConfirmed, which name the version that is in force: what that version voids
   is gone, and whoever waits for it goes on. Nothing of it hangs on one leader: the next one finds the rows.

A client learns of it from the data servers, which answer NFS4ERR_STALE: Linux then gives the layout up and asks for
another. SEQ4_STATUS_RECALLABLE_STATE_REVOKED (§18.46.3), which stays until FREE_STATEID acknowledges the loss, is not
set: Linux frees no layout's stateid, but destroys all its layouts at every SEQUENCE with that flag, so one revoked
layout would end its pNFS for good. (Linux knfsd sets it for delegations only.)

Each command is judged again when it is applied, because two nodes may take themselves for the leader, and a client may
come back at any moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm import clients, cuts, features, fences, io_claims, layout_states, recalls
from mdscluster.fsm.compound import Compound
from mdscluster.fsm.layout_states import RW, LayoutState
from mdscluster.fsm.settings import DEFAULT
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm import commands
    from mdscluster.fsm.tables import Tables

FENCES_MAX: Final = 1_024
"""From so many fences on the list is collapsed: data servers hold it in memory and hear all of it with each change."""
_COLLAPSE_EVERY: Final = 128


def start_fence(cx: Compound, command: commands.StartFence) -> bytes:
    """A layout was not returned in time, or (no stateid) its client is dead or its lease has run out: fence."""
    if not command.stateid_other:
        if clients.is_lost(cx, command.client_id, command.judged_ms):
            _fence_client(cx, command.client_id)
        return b""
    record = recalls.load(cx.txn, cx.tables, command.stateid_other)
    if record is None or record.fence_epoch:
        return b""  # it came back meanwhile, or is being fenced
    if cx.lease_ms - record.started_lease_ms < cx.settings.recall_timeout_ms:
        return b""
    _fence_layout(cx, command.stateid_other, record)
    return b""


def _fence_layout(cx: Compound, other: bytes, record: recalls.Recall) -> None:
    record.fence_epoch = fences.raise_fence(cx, record.fileid, record.client_id)
    recalls.save(cx, other, record)
    _keep_short(cx)


def _fence_client(cx: Compound, client_id: int) -> None:
    if _is_claimed(cx, client_id):
        io_claims.revoke(cx, client_id)
        _keep_short(cx)
    if _has_unfenced(cx, client_id, layout_states.of_client(cx, client_id)):
        fences.raise_fence(cx, fences.EVERY, client_id)
        _keep_short(cx)


def _is_claimed(cx: Compound, client_id: int) -> bool:
    return features.level(cx.txn, cx.tables) >= features.MANDATES and io_claims.is_held(cx.txn, cx.tables, client_id)


def _has_unfenced(cx: Compound, client_id: int, layouts: list[tuple[bytes, LayoutState]]) -> bool:
    in_force = fences.of(cx, fences.EVERY, client_id)
    return any(state.epoch >= in_force for _, state in layouts)


def unfenced(txn: lmdb.Transaction, tables: Tables, client_ids: list[int]) -> tuple[list[int], list[int]]:
    """Of clients that are to be dropped: those for which StartFence would raise a fence, and those that hold layouts. A
    read view for the leader; nothing is decided by it."""
    cx = Compound(tables, DEFAULT)
    cx.bind_view(txn)
    to_fence, with_layouts = [], []
    for client_id in client_ids:
        layouts = layout_states.of_client(cx, client_id)
        if layouts:
            with_layouts.append(client_id)
        if _is_claimed(cx, client_id) or _has_unfenced(cx, client_id, layouts):
            to_fence.append(client_id)
    cx.unbind()
    return to_fence, with_layouts


def recall_done(cx: Compound, command: commands.RecallDone) -> bytes:
    """The client said NOMATCHING_LAYOUT, or every data server has the fence in force: the layout is gone.

    Who does not know of a layout may still be granted it: the recall can overtake the reply to LAYOUTGET, or that reply
    is lost with a node and comes again from the slot (§12.5.5.2). So its word alone ends nothing: its handles are
    fenced first, as if it had not answered.
    """
    other = command.stateid_other
    record = recalls.load(cx.txn, cx.tables, other)
    state = layout_states.load(cx, other)
    if record is None or state is None:
        return b""
    if not command.epoch:
        if features.level(cx.txn, cx.tables) < features.GRANTS_IN_DOUBT:
            recalls.returned(cx, other, state)
        elif not record.fence_epoch:
            _fence_layout(cx, other, record)
    elif 0 < record.fence_epoch <= command.epoch:
        revoked(cx, other, state)
    return b""


def fence_confirmed(cx: Compound, command: commands.FenceConfirmed) -> bytes:
    """Every data server has this version of the list: the client's layouts that its fence voids are gone.

    Not those of a later epoch: the client came back, and was granted them meanwhile.
    """
    in_force = fences.of(cx, fences.EVERY, command.client_id)
    if 0 < in_force <= command.epoch:
        for other, state in layout_states.of_client(cx, command.client_id):
            if state.epoch < in_force:
                revoked(cx, other, state)
    return b""


def claim_io(cx: Compound, command: commands.ClaimIo) -> bytes:
    """A front end claims the writing of a client's data; who had claimed it is fenced."""
    if clients.load(cx, command.client_id) is None:
        return b""
    epoch = io_claims.take(cx, command.client_id, command.holder)
    _keep_short(cx)
    return U64.pack(epoch)


def void_claims(cx: Compound, holders: set[bytes]) -> None:
    """Front ends' processes are gone for good: nobody has their claims any more."""
    for client_id in io_claims.held_by(cx, holders):
        io_claims.revoke(cx, client_id)
        _keep_short(cx)


def io_claims_in_force(cx: Compound, command: commands.IoClaimsInForce) -> bytes:
    """Every data server refuses what came before these claims."""
    for client_id in command.client_ids:
        io_claims.confirm(cx, client_id, command.epoch)
    return b""


def revoked(cx: Compound, other: bytes, state: LayoutState) -> None:
    """A layout is gone that was not given back."""
    if features.level(cx.txn, cx.tables) >= features.GRANTS_IN_DOUBT:
        if state.iomodes & RW:
            recalls.left_behind(cx, other, state.fileid)
        recalls.returned(cx, other, state)
        return
    recalls.returned(cx, other, state)
    if not state.iomodes & RW:
        return
    inode = cx.load_other(state.fileid)
    if inode is not None and not any(left.iomodes & RW for _, left in layout_states.of_file(cx, state.fileid)):
        cuts.begin(cx, inode, inode.size)
        cx.store(inode)


def _keep_short(cx: Compound) -> None:
    """Collapse a list that has grown long, up to the oldest layout that is out; recall those that stand in the way."""
    count = fences.count(cx)
    if count < FENCES_MAX or count % _COLLAPSE_EVERY:
        return
    layouts = layout_states.of_all(cx)
    fences.collapse(cx, min((state.epoch_oldest for _, state in layouts), default=fences.epoch(cx)))
    if fences.count(cx) > FENCES_MAX // 2:
        _, left = fences.fences(cx.txn, cx.tables)
        middle = sorted(epoch for _, _, epoch in left)[len(left) // 2]
        recalls.recall(cx, [(other, state) for other, state in layouts if state.epoch_oldest < middle])
