"""LAYOUTGET, LAYOUTCOMMIT, LAYOUTRETURN and GETDEVICEINFO for the files layout (RFC 8881 ch. 12 and 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm import data_servers, files, layout_states, recalls, stateids
from mdscluster.fsm.compound import NEED_RECALL
from mdscluster.fsm.layout_states import READ, RW, LayoutState, next_seqid
from mdscluster.fsm.operations.table import Operation
from mdscluster.fsm.records import Inode, pack_inode
from mdscluster.fsm.tables import U32, U64
from nfswire import dsfh, nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound

_WHOLE: Final = 0xFFFFFFFFFFFFFFFF
#: Linux keeps a device in its cache only when it is promised both notifications.
_NOTIFICATIONS: Final = 1 << nfs4.NOTIFY_DEVICEID4_CHANGE | 1 << nfs4.NOTIFY_DEVICEID4_DELETE


def layoutget(cx: Compound) -> int:
    """Grant a layout of the current filehandle's whole file (§18.43).

    Whole files only: Linux sends anything else back to the MDS. A conflict on an export with exclusive
    writers recalls first and answers afterwards.
    """
    args, cx.pos = nfs4.unpack_LAYOUTGET4args(cx.data, cx.pos)
    inode = cx.load()
    if inode is None:
        return nfs4.NFS4ERR_STALE
    status = _may_lay_out(cx, inode, args)
    if status:
        return status
    wanted = RW if args.loga_iomode == nfs4.LAYOUTIOMODE4_RW else READ
    status = _check_stateid(cx, args.loga_stateid, inode, wanted)
    if status:
        return status
    if recalls.truncating(cx, inode.fileid):
        return _try_later(cx)
    other = layout_states.other_of(cx, cx.client_id, inode.fileid)
    if other is not None and recalls.being_recalled(cx, other):
        return nfs4.NFS4ERR_RECALLCONFLICT
    if cx.exclusive_writers and recalls.layout_conflict(cx, inode, wanted):
        return NEED_RECALL
    striping = data_servers.ensure_striping(cx, inode)
    device = None if striping is None else data_servers.device_for(cx, striping.numbers)
    if striping is None or device is None:
        return nfs4.NFS4ERR_LAYOUTUNAVAILABLE
    if wanted == RW:
        recalls.forget_truncation(cx, inode.fileid)
    if other is None:
        other, state = layout_states.create(cx, cx.client_id, inode.fileid)
    else:
        loaded = layout_states.load(cx, other)
        assert loaded is not None
        state = loaded
    state.seqid = next_seqid(state.seqid)
    state.iomodes |= wanted
    state.epoch = recalls.epoch(cx)
    content = _pack_content(cx, inode, striping, device, wanted, state.epoch)
    if 64 + len(content) > args.loga_maxcount:
        return nfs4.NFS4ERR_TOOSMALL
    layout_states.save(cx, other, state)
    stateid = layout_states.pack_stateid(other, state.seqid)
    cx.stateid = stateid
    layout = nfs4.layout4(
        0, _WHOLE, args.loga_iomode, nfs4.layout_content4(nfs4.LAYOUT4_NFSV4_1_FILES, content)
    )
    result = nfs4.LAYOUTGET4res(0, nfs4.LAYOUTGET4resok(False, stateid, [layout]))
    cx.res.append(U32.pack(nfs4.OP_LAYOUTGET))
    nfs4.append_LAYOUTGET4res(cx.res, result)
    return 0


def _may_lay_out(cx: Compound, inode: Inode, args: nfs4.LAYOUTGET4args) -> int:
    if inode.type != nfs4.NF4REG:
        return nfs4.NFS4ERR_ISDIR if inode.type == nfs4.NF4DIR else nfs4.NFS4ERR_WRONG_TYPE
    if args.loga_iomode not in (nfs4.LAYOUTIOMODE4_READ, nfs4.LAYOUTIOMODE4_RW):
        return nfs4.NFS4ERR_BADIOMODE
    # "loga_minlength greater than loga_length: NFS4ERR_INVAL"; likewise past the largest offset (§18.43.3).
    if args.loga_length < args.loga_minlength:
        return nfs4.NFS4ERR_INVAL
    if args.loga_length == 0 or (args.loga_length != _WHOLE and args.loga_offset + args.loga_length > _WHOLE):
        return nfs4.NFS4ERR_INVAL
    if args.loga_minlength != _WHOLE and args.loga_offset + args.loga_minlength > _WHOLE:
        return nfs4.NFS4ERR_INVAL
    if args.loga_layout_type != nfs4.LAYOUT4_NFSV4_1_FILES:
        return nfs4.NFS4ERR_UNKNOWN_LAYOUTTYPE
    if not cx.layouts_allowed:
        return nfs4.NFS4ERR_LAYOUTUNAVAILABLE
    if args.loga_iomode == nfs4.LAYOUTIOMODE4_RW and cx.read_only:
        return nfs4.NFS4ERR_ROFS
    return 0


def _check_stateid(cx: Compound, stateid: nfs4.stateid4, inode: Inode, wanted: int) -> int:
    """The stateid of LAYOUTGET: an open, lock or delegation at first, the layout's own from then on (§12.5.2)."""
    stateid = stateids.substitute_current(cx, stateid)
    if stateid.other[0] == layout_states.TYPE_LAYOUT:
        return _check_layout_stateid(cx, stateid, inode)[0]
    if not stateids.is_regular(stateid):
        return nfs4.NFS4ERR_BAD_STATEID
    return stateids.check_io(cx, stateid, wanted == RW, inode)


def _check_layout_stateid(
    cx: Compound, stateid: nfs4.stateid4, inode: Inode | None
) -> tuple[int, LayoutState | None]:
    state = layout_states.load(cx, stateid.other) if stateid.other[0] == layout_states.TYPE_LAYOUT else None
    if state is None or state.client_id != cx.client_id or (inode is not None and state.fileid != inode.fileid):
        return nfs4.NFS4ERR_BAD_STATEID, None
    if stateid.seqid > state.seqid:
        return nfs4.NFS4ERR_BAD_STATEID, None
    return 0, state


def _try_later(cx: Compound) -> int:
    """NFS4ERR_LAYOUTTRYLATER carries whether we shall signal availability: we shall not."""
    cx.res.append(U32.pack(nfs4.OP_LAYOUTGET))
    nfs4.append_LAYOUTGET4res(
        cx.res, nfs4.LAYOUTGET4res(nfs4.NFS4ERR_LAYOUTTRYLATER, logr_will_signal_layout_avail=False)
    )
    cx.failure_encoded = True
    return nfs4.NFS4ERR_LAYOUTTRYLATER


def _pack_content(
    cx: Compound, inode: Inode, striping: data_servers.Striping, device: int, wanted: int, epoch: int
) -> bytes:
    """nfsv4_1_file_layout4: sparse, one capability filehandle per data server (§13.3)."""
    flags = dsfh.FLAG_WRITE if wanted == RW else 0
    handles = [
        dsfh.pack_ds_fh(cx.settings.capability_key, flags, stripe, inode.fileid, cx.client_id, epoch)
        for stripe in range(len(striping.numbers))
    ]
    out: list[bytes] = []
    nfs4.append_nfsv4_1_file_layout4(
        out,
        nfs4.nfsv4_1_file_layout4(
            data_servers.DEVICE_ID.pack(cx.settings.cluster_id, 0, device),
            striping.stripe_unit_bytes & nfs4.NFL4_UFLG_STRIPE_UNIT_SIZE_MASK,
            0,
            0,
            handles,
        ),
    )
    return b"".join(out)


def layoutcommit(cx: Compound) -> int:
    """Take over size and times that the client reached at the data servers (§18.42)."""
    args, cx.pos = nfs4.unpack_LAYOUTCOMMIT4args(cx.data, cx.pos)
    inode = cx.load()
    if inode is None:
        return nfs4.NFS4ERR_STALE
    if inode.type != nfs4.NF4REG:
        return nfs4.NFS4ERR_ISDIR if inode.type == nfs4.NF4DIR else nfs4.NFS4ERR_WRONG_TYPE
    if cx.read_only:
        return nfs4.NFS4ERR_ROFS
    if args.loca_reclaim:
        return nfs4.NFS4ERR_NO_GRACE  # there is no grace period here, ever (INV-7)
    status, state = _check_layout_stateid(cx, stateids.substitute_current(cx, args.loca_stateid), inode)
    if status or state is None:
        return status
    if not state.iomodes & RW:
        return nfs4.NFS4ERR_BADIOMODE
    if args.loca_layoutupdate.lou_type != nfs4.LAYOUT4_NFSV4_1_FILES:
        return nfs4.NFS4ERR_UNKNOWN_LAYOUTTYPE
    end = inode.size
    if args.loca_last_write_offset.no_newoffset:
        last = args.loca_last_write_offset.no_offset
        assert last is not None
        # "The last write offset must lie in the range that is committed" (§18.42.3).
        if last < args.loca_offset or (args.loca_length != _WHOLE and last >= args.loca_offset + args.loca_length):
            return nfs4.NFS4ERR_INVAL
        end = max(end, last + 1)
    grown = end > inode.size
    inode.size = end
    inode.space_used = max(inode.space_used, end)
    files.stamp_modified(cx, inode)
    if args.loca_time_modify.nt_timechanged:
        time = args.loca_time_modify.nt_time
        assert time is not None
        inode.mtime_s, inode.mtime_ns = time.seconds, time.nseconds
    cx.put(U64.pack(inode.fileid), pack_inode(inode), db=cx.tables.inode)
    size = nfs4.newsize4(True, end) if grown else nfs4.newsize4(False)
    cx.res.append(U32.pack(nfs4.OP_LAYOUTCOMMIT))
    nfs4.append_LAYOUTCOMMIT4res(cx.res, nfs4.LAYOUTCOMMIT4res(0, nfs4.LAYOUTCOMMIT4resok(size)))
    return 0


def layoutreturn(cx: Compound) -> int:
    """Give layouts back: of the current file, of the file system, or all of the client's (§18.44)."""
    args, cx.pos = nfs4.unpack_LAYOUTRETURN4args(cx.data, cx.pos)
    if args.lora_iomode not in (nfs4.LAYOUTIOMODE4_READ, nfs4.LAYOUTIOMODE4_RW, nfs4.LAYOUTIOMODE4_ANY):
        return nfs4.NFS4ERR_BADIOMODE
    if args.lora_layout_type != nfs4.LAYOUT4_NFSV4_1_FILES:
        return nfs4.NFS4ERR_UNKNOWN_LAYOUTTYPE
    if args.lora_reclaim:
        return nfs4.NFS4ERR_NO_GRACE
    kind = args.lora_layoutreturn.lr_returntype
    if kind == nfs4.LAYOUTRETURN4_ALL:
        return _return_many(cx, args.lora_iomode)
    if not cx.fileid:
        return nfs4.NFS4ERR_NOFILEHANDLE
    if kind == nfs4.LAYOUTRETURN4_FSID:
        return _return_many(cx, args.lora_iomode)
    inode = cx.load()
    if inode is None:
        return nfs4.NFS4ERR_STALE
    given = args.lora_layoutreturn.lr_layout
    assert given is not None
    stateid = stateids.substitute_current(cx, given.lrf_stateid)
    status, state = _check_layout_stateid(cx, stateid, inode)
    if status or state is None:
        return status
    if given.lrf_offset == 0 and given.lrf_length == _WHOLE:
        state.iomodes &= ~_returned_modes(args.lora_iomode)
    if not state.iomodes:
        recalls.returned(cx, stateid.other, state)
        return _layoutreturn_result(cx, None)
    state.seqid = next_seqid(state.seqid)
    layout_states.save(cx, stateid.other, state)
    return _layoutreturn_result(cx, layout_states.pack_stateid(stateid.other, state.seqid))


def _returned_modes(iomode: int) -> int:
    return {nfs4.LAYOUTIOMODE4_READ: READ, nfs4.LAYOUTIOMODE4_RW: RW}.get(iomode, READ | RW)


def _return_many(cx: Compound, iomode: int) -> int:
    for other, state in layout_states.of_client(cx, cx.client_id):
        state.iomodes &= ~_returned_modes(iomode)
        if state.iomodes:
            layout_states.save(cx, other, state)
        else:
            recalls.returned(cx, other, state)
    return _layoutreturn_result(cx, None)


def _layoutreturn_result(cx: Compound, stateid: nfs4.stateid4 | None) -> int:
    present = nfs4.layoutreturn_stateid(stateid is not None, stateid)
    cx.res.append(U32.pack(nfs4.OP_LAYOUTRETURN))
    nfs4.append_LAYOUTRETURN4res(cx.res, nfs4.LAYOUTRETURN4res(0, present))
    return 0


def getdeviceinfo(cx: Compound) -> int:
    """The addresses behind a device ID (§18.40)."""
    args, cx.pos = nfs4.unpack_GETDEVICEINFO4args(cx.data, cx.pos)
    if args.gdia_layout_type != nfs4.LAYOUT4_NFSV4_1_FILES:
        return nfs4.NFS4ERR_UNKNOWN_LAYOUTTYPE
    content = data_servers.device(cx, args.gdia_device_id)
    if content is None:
        return nfs4.NFS4ERR_NOENT
    body = data_servers.pack_device_address(content)
    needed = 4 + 4 + len(body)  # device_addr4 as it goes on the wire
    if args.gdia_maxcount and args.gdia_maxcount < needed:
        cx.res.append(U32.pack(nfs4.OP_GETDEVICEINFO))
        nfs4.append_GETDEVICEINFO4res(
            cx.res, nfs4.GETDEVICEINFO4res(nfs4.NFS4ERR_TOOSMALL, gdir_mincount=needed)
        )
        cx.failure_encoded = True
        return nfs4.NFS4ERR_TOOSMALL
    granted = args.gdia_notify_types & _NOTIFICATIONS
    result = nfs4.GETDEVICEINFO4resok(nfs4.device_addr4(nfs4.LAYOUT4_NFSV4_1_FILES, body), granted)
    cx.res.append(U32.pack(nfs4.OP_GETDEVICEINFO))
    nfs4.append_GETDEVICEINFO4res(cx.res, nfs4.GETDEVICEINFO4res(0, result))
    return 0


OPERATIONS: Final[list[Operation]] = [
    Operation(nfs4.OP_LAYOUTGET, layoutget, changes=True),
    Operation(nfs4.OP_LAYOUTCOMMIT, layoutcommit, changes=True),
    Operation(nfs4.OP_LAYOUTRETURN, layoutreturn, changes=True, needs_fh=False),
    Operation(nfs4.OP_GETDEVICEINFO, getdeviceinfo, needs_fh=False),
]
