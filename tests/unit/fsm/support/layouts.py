"""Layout operations, data servers and what a layout holds, for scripts of COMPOUNDs."""

from __future__ import annotations

from typing import Any

from mdscluster.fsm import recalls
from mdscluster.fsm.commands import RESULT_RECALL, DataServerUpdate, Truncated
from nfswire import dsfh, nfs4
from tests.unit.fsm.support.compounds import Namespace, Reply, operation, putfh
from tests.unit.fsm.support.sessions import Caller, reply_of

READ, RW, ANY = nfs4.LAYOUTIOMODE4_READ, nfs4.LAYOUTIOMODE4_RW, nfs4.LAYOUTIOMODE4_ANY
FILES = nfs4.LAYOUT4_NFSV4_1_FILES
WHOLE = 0xFFFFFFFFFFFFFFFF


def layoutget(
    stateid: nfs4.stateid4, iomode: int = RW, *, offset: int = 0, length: int = WHOLE, minlength: int = 4096,
    maxcount: int = 4096, kind: int = FILES,
) -> bytes:  # fmt: skip
    return operation(
        nfs4.OP_LAYOUTGET,
        nfs4.LAYOUTGET4args(False, kind, iomode, offset, length, minlength, stateid, maxcount),
    )


def layoutcommit(
    stateid: nfs4.stateid4, last: int | None, *, offset: int = 0, length: int = WHOLE,
    time: nfs4.nfstime4 | None = None,
) -> bytes:  # fmt: skip
    return operation(
        nfs4.OP_LAYOUTCOMMIT,
        nfs4.LAYOUTCOMMIT4args(
            offset, length, False, stateid,
            nfs4.newoffset4(last is not None, last), nfs4.newtime4(time is not None, time),
            nfs4.layoutupdate4(FILES, b""),
        ),
    )  # fmt: skip


def layoutreturn(
    stateid: nfs4.stateid4, iomode: int = ANY, *, offset: int = 0, length: int = WHOLE, kind: int = FILES
) -> bytes:
    file = nfs4.layoutreturn_file4(offset, length, stateid, b"")
    what = nfs4.layoutreturn4(nfs4.LAYOUTRETURN4_FILE, file)
    return operation(nfs4.OP_LAYOUTRETURN, nfs4.LAYOUTRETURN4args(False, kind, iomode, what))


def return_many(kind: int, iomode: int = ANY) -> bytes:
    """Everything of a file system, or of the client."""
    return operation(nfs4.OP_LAYOUTRETURN, nfs4.LAYOUTRETURN4args(False, FILES, iomode, nfs4.layoutreturn4(kind)))


def getdeviceinfo(device: bytes, maxcount: int = 4096, kind: int = FILES) -> bytes:
    notify = 1 << nfs4.NOTIFY_DEVICEID4_CHANGE | 1 << nfs4.NOTIFY_DEVICEID4_DELETE
    return operation(nfs4.OP_GETDEVICEINFO, nfs4.GETDEVICEINFO4args(device, kind, maxcount, notify))


def granted(reply: Reply) -> tuple[nfs4.stateid4, nfs4.nfsv4_1_file_layout4]:
    """The stateid and the layout that LAYOUTGET gave."""
    resok = reply[nfs4.OP_LAYOUTGET].logr_resok4
    (layout,) = resok.logr_layout
    assert (layout.lo_offset, layout.lo_length) == (0, WHOLE)
    body = layout.lo_content.loc_body
    content, end = nfs4.unpack_nfsv4_1_file_layout4(body, 0)
    assert end == len(body)
    return resok.logr_stateid, content


def capability(fs: Namespace, handle: bytes) -> dsfh.Capability:
    found = dsfh.unpack_ds_fh(bytes(32), handle)
    assert found is not None
    return found


def get_layout(caller: Caller, handle: bytes, stateid: nfs4.stateid4, iomode: int = RW) -> nfs4.stateid4:
    return granted(caller.ok(putfh(handle), layoutget(stateid, iomode)))[0]


def fileid_of(handle: bytes) -> int:
    return int.from_bytes(handle[8:16], "big")


def server(fs: Namespace, name: str, *, up: bool = True, port: int = 0) -> None:
    """A data server as a heartbeat of it would have it committed."""
    fs.internal(DataServerUpdate(name, "127.0.0.1", port or 20490 + int(name[2:]), up, 1 << 40, 1 << 39))


def servers(fs: Namespace, count: int = 3) -> None:
    for i in range(count):
        server(fs, f"ds{i + 1}")


def pending(fs: Namespace) -> recalls.Pending:
    with fs.env.begin() as txn:
        return recalls.pending(txn, fs.machine.tables)


def cut(fs: Namespace) -> None:
    """Every data server does what it was told to."""
    for one in pending(fs).cuts:
        fs.internal(Truncated(one.fileid, one.serial, [number for number, _ in one.remaining]))


def device_of(content: Any) -> bytes:
    device: bytes = content.nfl_deviceid
    return device


def attempt(caller: Caller, *operations: bytes) -> Reply | None:
    """Propose a COMPOUND for the first time; None: it waits for a file's layouts (:func:`again`)."""
    return _outcome(caller, caller.payload(*operations))


def again(caller: Caller, *operations: bytes) -> Reply | None:
    """Propose it again under the same identity, as a front end does."""
    return _outcome(caller, caller.payload(*operations, sequence=caller.sequence))


def _outcome(caller: Caller, payload: bytes) -> Reply | None:
    result = caller.fs.replica.apply_entry([payload])[0]
    return None if result[:1] == RESULT_RECALL else reply_of(result)
