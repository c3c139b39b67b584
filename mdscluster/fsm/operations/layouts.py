"""LAYOUTGET, LAYOUTCOMMIT, LAYOUTRETURN and GETDEVICEINFO for the files layout (RFC 8881 ch. 12 and 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm import access, data_servers, features, fences, files, layout_states, recalls, shares, stateids
from mdscluster.fsm.attribute_plan import MAX_FILE_BYTES
from mdscluster.fsm.compound import NEED_RECALL
from mdscluster.fsm.layout_states import READ, RW, LayoutState, next_seqid
from mdscluster.fsm.operations.table import Operation
from mdscluster.fsm.tables import U32
from nfswire import dsfh, nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.records import Inode

STATES_MAX: Final = 4_000_000
"""Opens, locks and layouts in the cluster; with more, clients go through the MDS instead of getting layouts."""
_WHOLE: Final = 0xFFFFFFFFFFFFFFFF
_LAYOUT_HEAD_BYTES: Final = 4 + 8 + 8 + 4 + 4 + 4
"""Of logr_layout: how many there are, then the fields in front of loc_body, and its length."""
#: Linux keeps a device in its cache only when it is promised both notifications.
_NOTIFICATIONS: Final = 1 << nfs4.NOTIFY_DEVICEID4_CHANGE | 1 << nfs4.NOTIFY_DEVICEID4_DELETE


def layoutget(cx: Compound) -> int:
    """Grant a layout of the current filehandle's whole file (§18.43).

    Whole files only: Linux sends anything else back to the MDS, and any minimum length is met by it. What has to be
    waited for (another client's layout where an export has exclusive writers, a cut under way) is waited for here.
    A refusal leaves no layout behind.
    """
    args, cx.pos = nfs4.unpack_LAYOUTGET4args(cx.data, cx.pos)
    inode = cx.load()
    if inode is None:
        return nfs4.NFS4ERR_STALE
    wanted = RW if args.loga_iomode == nfs4.LAYOUTIOMODE4_RW else READ
    status = _may_lay_out(cx, inode, args) or _check_stateid(cx, args.loga_stateid, inode, wanted)
    if status:
        return status
    other = layout_states.other_of(cx, cx.client_id, inode.fileid)
    state = None if other is None else layout_states.load(cx, other)
    if other is not None and recalls.being_recalled(cx, other):
        return nfs4.NFS4ERR_RECALLCONFLICT
    striping = data_servers.ensure_striping(cx, inode)
    device = None if striping is None else data_servers.device_for(cx, striping.numbers)
    if striping is None or device is None:
        return nfs4.NFS4ERR_LAYOUTUNAVAILABLE
    epoch = fences.epoch(cx)
    content = _pack_content(cx, inode, striping, device, wanted, epoch)
    if _LAYOUT_HEAD_BYTES + len(content) > args.loga_maxcount:
        return nfs4.NFS4ERR_TOOSMALL
    if other is not None and state is not None and state.device != device:
        # One stateid stands for one device: what runs through the old one is to be given back first.
        recalls.recall(cx, [(other, state)], changed=True)
        return nfs4.NFS4ERR_RECALLCONFLICT
    if recalls.grant_must_wait(cx, inode, wanted):
        return NEED_RECALL
    recalls.release(cx, inode.fileid)
    if wanted == RW and cx.uid and inode.mode & (access.S_ISUID | access.S_ISGID):
        # What is written through a layout, and committed at the data servers only, nobody tells of.
        before = inode.mode
        access.drop_privileges(cx, inode)
        if inode.mode != before:
            files.stamp_changed(cx, inode)
            cx.store(inode)
    if other is None or state is None:
        if cx.txn.stat(cx.tables.state)["entries"] >= STATES_MAX:
            return nfs4.NFS4ERR_LAYOUTUNAVAILABLE
        other, state = layout_states.create(cx, cx.client_id, inode.fileid)
        state.epoch_oldest = epoch
        state.device = device
    state.granted_seqid = state.seqid = next_seqid(state.seqid)
    state.iomodes |= wanted
    state.epoch = epoch
    if features.level(cx.txn, cx.tables) >= features.GRANTS_IN_DOUBT:
        state.granted_by = cx.session_id, cx.slot, cx.sequence_id
    layout_states.save(cx, other, state)
    stateid = cx.stateid = layout_states.pack_stateid(other, state.seqid)
    layout = nfs4.layout4(
        0, _WHOLE, args.loga_iomode, nfs4.layout_content4(nfs4.LAYOUT4_NFSV4_1_FILES, content)
    )
    result = nfs4.LAYOUTGET4res(0, nfs4.LAYOUTGET4resok(False, stateid, [layout]))
    cx.res.append(U32.pack(nfs4.OP_LAYOUTGET))
    nfs4.append_LAYOUTGET4res(cx.res, result)
    return 0


def _may_lay_out(cx: Compound, inode: Inode, args: nfs4.LAYOUTGET4args) -> int:
    if inode.type != nfs4.NF4REG:
        return nfs4.NFS4ERR_WRONG_TYPE
    if args.loga_iomode not in (nfs4.LAYOUTIOMODE4_READ, nfs4.LAYOUTIOMODE4_RW):
        return nfs4.NFS4ERR_BADIOMODE
    # "loga_minlength greater than loga_length: NFS4ERR_INVAL"; likewise past the largest offset (§18.43.3).
    if args.loga_length < args.loga_minlength or args.loga_length == 0:
        return nfs4.NFS4ERR_INVAL
    if _overflows(args.loga_offset, args.loga_length) or _overflows(args.loga_offset, args.loga_minlength):
        return nfs4.NFS4ERR_INVAL
    if args.loga_layout_type != nfs4.LAYOUT4_NFSV4_1_FILES:
        return nfs4.NFS4ERR_UNKNOWN_LAYOUTTYPE
    if not cx.layouts_allowed:
        return nfs4.NFS4ERR_LAYOUTUNAVAILABLE
    if args.loga_iomode == nfs4.LAYOUTIOMODE4_RW and cx.read_only:
        return nfs4.NFS4ERR_ROFS
    return 0


def _overflows(offset: int, length: int) -> bool:
    """Whether a range ends behind the largest offset; a length of all ones means "to the end"."""
    return length != _WHOLE and offset + length > _WHOLE


def _check_stateid(cx: Compound, stateid: nfs4.stateid4, inode: Inode, wanted: int) -> int:
    """The stateid of LAYOUTGET: an open or lock at first, the layout's own from then on (§12.5.2, §18.43.3).

    A client that shows an open although it has a layout has forgotten it, or its first LAYOUTGETs run in parallel:
    it gets the same stateid, one sequence ID on. A layout's stateid says nothing of the mode of its opens, so those
    are looked at: who opened for reading does not come to write by a layout that it was given for reading.
    """
    stateid = stateids.substitute_current(cx, stateid)
    if stateid.other[0] == layout_states.TYPE_LAYOUT:
        status, _ = _check_layout_stateid(cx, stateid, inode)
        if not status and wanted == RW and not shares.access_of(cx, inode.fileid) & shares.WRITE:
            status = nfs4.NFS4ERR_OPENMODE
        return status
    if not stateids.is_regular(stateid):
        return nfs4.NFS4ERR_BAD_STATEID
    return stateids.check_io(cx, stateid, wanted == RW, inode)


def _check_layout_stateid(
    cx: Compound, stateid: nfs4.stateid4, inode: Inode
) -> tuple[int, LayoutState | None]:
    """A layout stateid may be behind: LAYOUT* run in parallel, and recalls count too (§12.5.3). It is never ahead."""
    state = layout_states.load(cx, stateid.other) if stateid.other[0] == layout_states.TYPE_LAYOUT else None
    if state is None or state.client_id != cx.client_id or state.fileid != inode.fileid:
        return nfs4.NFS4ERR_BAD_STATEID, None
    if stateid.seqid and _ahead(stateid.seqid, state.seqid) > 0:
        return nfs4.NFS4ERR_BAD_STATEID, None
    return 0, state


def _ahead(seqid: int, of: int) -> int:
    """How far one sequence ID is ahead of another; they wrap around (§8.2.2)."""
    distance = (seqid - of) & 0xFFFFFFFF
    return distance if distance < 0x80000000 else distance - 0x100000000


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
    """Take over size and times that the client reached at the data servers (§18.42).

    Also while the layout is being recalled: to commit is what a client does before it returns it. Until the layout
    is gone nobody else has a conflicting one, and the file was not cut.
    """
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
    if _overflows(args.loca_offset, args.loca_length):
        return nfs4.NFS4ERR_INVAL
    end = 0
    if args.loca_last_write_offset.no_newoffset:
        last = args.loca_last_write_offset.no_offset
        assert last is not None
        # "The last write offset must lie in the range that is committed" (§18.42.3).
        if last < args.loca_offset or (args.loca_length != _WHOLE and last >= args.loca_offset + args.loca_length):
            return nfs4.NFS4ERR_INVAL
        if last >= MAX_FILE_BYTES:
            return nfs4.NFS4ERR_FBIG
        end = last + 1
    time = args.loca_time_modify.nt_time
    if time is not None and time.nseconds >= 1_000_000_000:
        return nfs4.NFS4ERR_INVAL
    grown = end > inode.size
    files.wrote(cx, inode, end, max(end - args.loca_offset, 0))
    if time is not None:
        inode.mtime_s, inode.mtime_ns = time.seconds, time.nseconds
    cx.store(inode)
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
    if given.lrf_length == 0 or _overflows(given.lrf_offset, given.lrf_length):
        return nfs4.NFS4ERR_INVAL
    stateid = stateids.substitute_current(cx, given.lrf_stateid)
    status, state = _check_layout_stateid(cx, stateid, inode)
    if status or state is None:
        return status
    if stateid.seqid and _ahead(stateid.seqid, state.granted_seqid) < 0:
        # It has not seen the last grant, so it cannot mean to give that back (§12.5.5.2.1): to take it for gone would
        # leave a client writing under a layout that another one may be given. It comes again with the newest.
        return nfs4.NFS4ERR_OLD_STATEID
    if given.lrf_offset == 0 and given.lrf_length == _WHOLE:
        state.iomodes &= ~_returned_modes(args.lora_iomode)
    if not state.iomodes:
        recalls.returned(cx, stateid.other, state)
        return _layoutreturn_result(cx, None)
    # A part of the range: only whole files are granted, so it is held until all of it comes back.
    state.seqid = next_seqid(state.seqid)
    recalls.kept(cx, stateid.other, state)
    cx.stateid = layout_states.pack_stateid(stateid.other, state.seqid)
    return _layoutreturn_result(cx, cx.stateid)


def _returned_modes(iomode: int) -> int:
    return {nfs4.LAYOUTIOMODE4_READ: READ, nfs4.LAYOUTIOMODE4_RW: RW}.get(iomode, READ | RW)


def _return_many(cx: Compound, iomode: int) -> int:
    for other, state in layout_states.of_client(cx, cx.client_id):
        state.iomodes &= ~_returned_modes(iomode)
        if state.iomodes:
            recalls.kept(cx, other, state)
        else:
            recalls.returned(cx, other, state)
    return _layoutreturn_result(cx, None)


def _layoutreturn_result(cx: Compound, stateid: nfs4.stateid4 | None) -> int:
    present = nfs4.layoutreturn_stateid(stateid is not None, stateid)
    cx.res.append(U32.pack(nfs4.OP_LAYOUTRETURN))
    nfs4.append_LAYOUTRETURN4res(cx.res, nfs4.LAYOUTRETURN4res(0, present))
    return 0


def getdeviceinfo(cx: Compound) -> int:
    """The addresses behind a device ID (§18.40).

    Both notifications are granted, or Linux would not keep the device: they are never due, because a device ID never
    changes its meaning and is never deleted.
    """
    cx.tight = True  # there may be many addresses
    args, cx.pos = nfs4.unpack_GETDEVICEINFO4args(cx.data, cx.pos)
    if args.gdia_layout_type != nfs4.LAYOUT4_NFSV4_1_FILES:
        return nfs4.NFS4ERR_UNKNOWN_LAYOUTTYPE
    content = data_servers.device(cx, args.gdia_device_id)
    if content is None:
        return nfs4.NFS4ERR_NOENT
    # "gdia_maxcount set to zero ... da_addr_body will be of zero length": only notifications are asked for.
    body = data_servers.pack_device_address(content) if args.gdia_maxcount else b""
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
