"""READ, WRITE and COMMIT at the metadata server, for clients without pNFS (RFC 8881 §18.3, §18.22, §18.32).

The state machine moves no data: it stops at them, and the front end asks the data servers. A WRITE then
comes back, through the log, as PROXY_WRITE: data that lies on the data servers already, whose size and
times are to be taken over. Its result is WRITE's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mdscluster.fsm import access, files, stateids
from mdscluster.fsm.attribute_plan import MAX_FILE_BYTES
from mdscluster.fsm.compound import NEED_IO
from mdscluster.fsm.operations.table import Operation
from mdscluster.fsm.tables import U32
from nfswire import nfs4

if TYPE_CHECKING:
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.records import Inode


def data_operation(cx: Compound) -> int:
    """Leave READ, WRITE or COMMIT to the front end; in the log, behind a change, the COMPOUND is interrupted."""
    return NEED_IO


def may_do_io(cx: Compound, stateid: nfs4.stateid4, inode: Inode, *, write: bool) -> int:
    """Whether READ or WRITE may go ahead: stateid, type, permission. Asked before data moves, and again in the log."""
    if write and cx.read_only:
        return nfs4.NFS4ERR_ROFS
    if inode.type != nfs4.NF4REG:
        return nfs4.NFS4ERR_ISDIR if inode.type == nfs4.NF4DIR else nfs4.NFS4ERR_WRONG_TYPE
    status = stateids.check_io(cx, stateid, write, inode)
    if status:
        return status
    if stateids.is_regular(stateids.substitute_current(cx, stateid)):
        return nfs4.NFS4_OK
    if write:
        permitted = access.may_do_io(cx, inode, access.WRITE)
    else:  # whoever may execute a file may read it for that
        permitted = access.may_do_io(cx, inode, access.READ) or access.allowed(cx, inode, access.EXECUTE)
    return nfs4.NFS4_OK if permitted else nfs4.NFS4ERR_ACCESS


def proxy_write(cx: Compound) -> int:
    """Take over what a proxied WRITE did to size, space, mtime and change attribute. Only the log holds it."""
    args, cx.pos = nfs4.unpack_OP_PROXY_WRITE4args(cx.data, cx.pos)
    inode = cx.load()
    if inode is None:
        return nfs4.NFS4ERR_STALE
    status = may_do_io(cx, args.stateid, inode, write=True)
    if status:
        return status
    if args.offset + args.count > MAX_FILE_BYTES:
        return nfs4.NFS4ERR_FBIG
    if cx.cuts_seen not in (-1, inode.cuts):
        return nfs4.NFS4ERR_DELAY  # the file was cut meanwhile, and perhaps the data with it: the client writes again
    if args.count:
        files.wrote(cx, inode, args.offset + args.count, args.count)
        cx.store(inode)
    cx.res.append(U32.pack(nfs4.OP_WRITE))
    nfs4.append_WRITE4res(
        cx.res, nfs4.WRITE4res(nfs4.NFS4_OK, nfs4.WRITE4resok(args.count, args.committed, args.writeverf))
    )
    return nfs4.NFS4_OK


OPERATIONS: Final[list[Operation]] = [
    Operation(nfs4.OP_READ, data_operation),
    Operation(nfs4.OP_WRITE, data_operation),
    Operation(nfs4.OP_COMMIT, data_operation),
    Operation(nfs4.OP_PROXY_WRITE, proxy_write, changes=True),
]
