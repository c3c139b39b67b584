"""Driving a :class:`StateMachine` by COMPOUNDs, as one log entry each, with a clock that the test moves.

A script of operations in, statuses and results out::

    fs = Namespace(path)
    fs.ok(root(), mkdir(b"a"), getattr_(nfs4.FATTR4_TYPE))
    assert fs.fails(root(), lookup(b"b")) == nfs4.NFS4ERR_NOENT

Every COMPOUND is run over a read view first. If it only reads, ``apply`` must then answer with the same
bytes (INV-8: a front end's answer is the log's).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import Any

import lmdb
import msgspec

from mdscluster.fsm.commands import (
    COMPOUND_HEAD,
    KIND_SESSIONLESS,
    NO_SESSION,
    REPLY_HEAD,
    RESULT_RECALL,
    ConfigureCluster,
    Internal,
    pack_internal,
)
from mdscluster.fsm.compound import NEED_CHANGE, Compound, run
from mdscluster.fsm.machine import StateMachine
from mdscluster.fsm.operations import DISPATCH
from mdscluster.fsm.settings import Settings
from mdscluster.fsm.tables import root_fileid
from mdscluster.raft.solo import SoloReplica
from nfswire import nfs4
from nfswire.attributes import pack_fattr, unpack_fattr

_U32 = Struct(">I")
ANONYMOUS = nfs4.stateid4(0, bytes(12))
BYPASS = nfs4.stateid4(0xFFFFFFFF, b"\xff" * 12)
CURRENT = nfs4.stateid4(1, bytes(12))
ROOT = root_fileid()


@dataclass(frozen=True)
class Who:
    """The caller of a COMPOUND and what its export grants."""

    uid: int = 0
    gid: int = 0
    gids: tuple[int, ...] = ()
    flags: int = 0
    minor: int = 1


SUPERUSER = Who()
ALICE = Who(1000, 100)
BOB = Who(1001, 101)


@dataclass
class Reply:
    """Status, and (operation, status, decoded result) of each operation that ran."""

    status: int
    results: list[tuple[int, int, Any]]
    raw: bytes = field(repr=False)

    def __getitem__(self, op: int) -> Any:
        """The body of the last result of ``op``, which must have succeeded."""
        for number, status, result in reversed(self.results):
            if number == op:
                assert status == nfs4.NFS4_OK, name_of(status)
                return result
        raise KeyError(nfs4.OP_NAMES[op])

    @property
    def attributes(self) -> dict[int, Any]:
        return unpack_fattr(self[nfs4.OP_GETATTR].resok4.obj_attributes)

    @property
    def handle(self) -> bytes:
        handle: bytes = self[nfs4.OP_GETFH].resok4.object
        return handle


def name_of(status: int) -> str:
    return nfs4.STATUS_NAMES.get(status, str(status))


class Namespace:
    """A state machine of its own over a new environment in ``path``."""

    def __init__(self, path: Path, settings: Settings | None = None) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.env = lmdb.open(str(path), map_size=1 << 28, max_dbs=64, sync=False)
        self.machine: StateMachine = None  # type: ignore[assignment]  # made by SoloReplica
        self.replica = SoloReplica(self.env, self._make)
        self.events: list[bytes] = []
        self.replica.on_event = self.events.append
        chosen = settings or Settings(cluster_id=0x11223344)
        self.internal(ConfigureCluster(msgspec.msgpack.encode(chosen)))
        self.view = Compound(self.machine.tables, chosen)

    def _make(self, env: lmdb.Environment) -> StateMachine:
        self.machine = StateMachine(env)
        return self.machine

    def close(self) -> None:
        self.env.close()

    def internal(self, command: Internal) -> bytes:
        return self.replica.apply_entry([pack_internal(command)])[0]

    def send(self, *operations: bytes, who: Who = SUPERUSER) -> Reply | None:
        """Run a COMPOUND; None: it waits for a recall."""
        payload = pack_compound(operations, who)
        seen = self.look(payload)
        result = self.replica.apply_entry([payload])[0]
        if result[:1] == RESULT_RECALL:
            return None
        if seen is not None:
            assert seen == result, "a view answers otherwise than apply (INV-8)"
        return unpack_reply(result)

    def look(self, payload: bytes) -> bytes | None:
        """The same COMPOUND over a read view: its result, or None when it would change state."""
        cx = self.view
        self.machine._cx, kept = cx, self.machine._cx
        try:
            self.machine._decode(payload)
        finally:
            self.machine._cx = kept
        with self.env.begin() as txn:
            cx.bind_view(txn)
            dispatch = DISPATCH[cx.minor]
            status = run(cx, dispatch.handlers, dispatch.changes, dispatch.needs_fh)
        if status == NEED_CHANGE:
            return None
        assert status >= 0
        return REPLY_HEAD.pack(0, status, cx.ops_done) + b"".join(cx.res)

    def ok(self, *operations: bytes, who: Who = SUPERUSER) -> Reply:
        reply = self.send(*operations, who=who)
        assert reply is not None, "waits for a recall"
        assert reply.status == nfs4.NFS4_OK, (name_of(reply.status), reply.results)
        assert len(reply.results) == len(operations)
        return reply

    def fails(self, *operations: bytes, who: Who = SUPERUSER) -> str:
        """The name of the status with which the last operation failed; those before it must have succeeded."""
        reply = self.send(*operations, who=who)
        assert reply is not None, "waits for a recall"
        assert len(reply.results) == len(operations), (name_of(reply.status), reply.results)
        assert reply.status != nfs4.NFS4_OK
        return name_of(reply.status)

    @contextmanager
    def entry(self) -> Iterator[Compound]:
        """A log entry of the test's own making: the machine's COMPOUND, writable."""
        self.replica.index += 1
        with self.env.begin(write=True) as txn:
            self.machine.begin_entry(txn, self.replica.index, self.replica.wall_ns, self.replica.lease_ms)
            cx = self.machine._cx
            cx.reset()
            yield cx
            self.machine.end_entry()
        self.events += self.machine.take_events()

    def attributes(self, *path: bytes, who: Who = SUPERUSER, want: tuple[int, ...] = ()) -> dict[int, Any]:
        wanted = want or (
            nfs4.FATTR4_TYPE, nfs4.FATTR4_CHANGE, nfs4.FATTR4_SIZE, nfs4.FATTR4_FILEID, nfs4.FATTR4_MODE,
            nfs4.FATTR4_NUMLINKS, nfs4.FATTR4_OWNER, nfs4.FATTR4_OWNER_GROUP, nfs4.FATTR4_TIME_ACCESS,
            nfs4.FATTR4_TIME_METADATA, nfs4.FATTR4_TIME_MODIFY,
        )  # fmt: skip
        return self.ok(*at(*path), getattr_(*wanted), who=who).attributes

    def file(self, *path: bytes, who: Who = SUPERUSER, mode: int = 0o644) -> int:
        """Make a regular file as OPEN would; its fileid."""
        from mdscluster.fsm import files, settable

        directory = self.attributes(*path[:-1], want=(nfs4.FATTR4_FILEID,))[nfs4.FATTR4_FILEID]
        with self.entry() as cx:
            cx.uid, cx.gid, cx.gids = who.uid, who.gid, who.gids
            cx.set_current(directory)
            parent = cx.load()
            assert parent is not None
            inode = files.create_file(cx, parent, path[-1], settable.Wanted(1 << nfs4.FATTR4_MODE, mode))
        return inode.fileid

    def listing(self, *path: bytes, who: Who = SUPERUSER, maxcount: int = 4096) -> list[bytes]:
        return [entry.name for entry in self.entries(*path, who=who, maxcount=maxcount)]

    def entries(
        self, *path: bytes, who: Who = SUPERUSER, maxcount: int = 4096, want: tuple[int, ...] = (nfs4.FATTR4_FILEID,)
    ) -> list[Any]:
        """Every entry, read in as many READDIRs as maxcount makes necessary."""
        found: list[Any] = []
        cookie = 0
        while True:
            reply = self.ok(*at(*path), readdir(cookie, maxcount=maxcount, want=want), who=who)
            listed = reply[nfs4.OP_READDIR].resok4.reply
            found += listed.entries or []
            if listed.eof:
                return found
            cookie = found[-1].cookie


# ---------------------------------------------------------------- payloads
def pack_compound(operations: tuple[bytes, ...], who: Who) -> bytes:
    return (
        COMPOUND_HEAD.pack(
            KIND_SESSIONLESS, who.minor, who.flags, len(who.gids), 0, 0, len(operations), who.uid, who.gid,
            1 << 20, NO_SESSION,
        )
        + b"".join(_U32.pack(gid) for gid in who.gids)
        + b"".join(operations)
    )  # fmt: skip


def unpack_reply(result: bytes) -> Reply:
    kind, status, count = REPLY_HEAD.unpack_from(result)
    assert kind == 0, result
    pos = REPLY_HEAD.size
    results: list[tuple[int, int, Any]] = []
    for _ in range(count):
        op = _U32.unpack_from(result, pos)[0]
        if op == nfs4.OP_ILLEGAL:
            results.append((op, _U32.unpack_from(result, pos + 4)[0], None))
            pos += 8
            continue
        codec = nfs4.RES[op]
        assert codec is not None
        status_of_one = _U32.unpack_from(result, pos + 4)[0]  # its field's name differs from result to result
        value, pos = codec[0](result, pos + 4)
        results.append((op, status_of_one, value))
    assert pos == len(result), "bytes behind the last result"
    return Reply(status, results, result)


# ---------------------------------------------------------------- operations
def operation(op: int, arguments: Any = None) -> bytes:
    codec = nfs4.ARGS[op]
    if codec is None or arguments is None:
        return _U32.pack(op)
    return _U32.pack(op) + codec[1](arguments)


def root() -> bytes:
    return operation(nfs4.OP_PUTROOTFH)


def putfh(handle: bytes) -> bytes:
    return operation(nfs4.OP_PUTFH, nfs4.PUTFH4args(handle))


def getfh() -> bytes:
    return operation(nfs4.OP_GETFH)


def savefh() -> bytes:
    return operation(nfs4.OP_SAVEFH)


def restorefh() -> bytes:
    return operation(nfs4.OP_RESTOREFH)


def lookup(name: bytes) -> bytes:
    return operation(nfs4.OP_LOOKUP, nfs4.LOOKUP4args(name))


def lookupp() -> bytes:
    return operation(nfs4.OP_LOOKUPP)


def at(*path: bytes) -> tuple[bytes, ...]:
    """Operations that make the object at ``path`` the current filehandle."""
    return (root(), *(lookup(name) for name in path))


def mask(*attributes: int) -> int:
    return sum(1 << attribute for attribute in attributes)


def getattr_(*attributes: int) -> bytes:
    return operation(nfs4.OP_GETATTR, nfs4.GETATTR4args(mask(*attributes)))


def setattr_(values: dict[int, Any], stateid: nfs4.stateid4 = ANONYMOUS) -> bytes:
    return operation(nfs4.OP_SETATTR, nfs4.SETATTR4args(stateid, pack_fattr(values)))


def verify(values: dict[int, Any]) -> bytes:
    return operation(nfs4.OP_VERIFY, nfs4.VERIFY4args(pack_fattr(values)))


def nverify(values: dict[int, Any]) -> bytes:
    return operation(nfs4.OP_NVERIFY, nfs4.NVERIFY4args(pack_fattr(values)))


def access(bits: int) -> bytes:
    return operation(nfs4.OP_ACCESS, nfs4.ACCESS4args(bits))


def readlink() -> bytes:
    return operation(nfs4.OP_READLINK)


def create(
    kind: int, name: bytes, values: dict[int, Any] | None = None, *, target: bytes | None = None,
    device: tuple[int, int] = (0, 0),
) -> bytes:  # fmt: skip
    if kind == nfs4.NF4LNK:
        objtype = nfs4.createtype4(kind, linkdata=target if target is not None else b"target")
    elif kind in (nfs4.NF4BLK, nfs4.NF4CHR):
        objtype = nfs4.createtype4(kind, devdata=nfs4.specdata4(*device))
    else:
        objtype = nfs4.createtype4(kind)
    attributes = pack_fattr({nfs4.FATTR4_MODE: 0o755} if values is None else values)
    return operation(nfs4.OP_CREATE, nfs4.CREATE4args(objtype, name, attributes))


def mkdir(name: bytes, mode: int = 0o755) -> bytes:
    return create(nfs4.NF4DIR, name, {nfs4.FATTR4_MODE: mode})


def symlink(name: bytes, target: bytes) -> bytes:
    return create(nfs4.NF4LNK, name, {}, target=target)


def link(name: bytes) -> bytes:
    return operation(nfs4.OP_LINK, nfs4.LINK4args(name))


def remove(name: bytes) -> bytes:
    return operation(nfs4.OP_REMOVE, nfs4.REMOVE4args(name))


def rename(old: bytes, new: bytes) -> bytes:
    return operation(nfs4.OP_RENAME, nfs4.RENAME4args(old, new))


def readdir(
    cookie: int = 0, *, maxcount: int = 4096, dircount: int = 0, verifier: bytes = bytes(8),
    want: tuple[int, ...] = (nfs4.FATTR4_FILEID,),
) -> bytes:  # fmt: skip
    return operation(nfs4.OP_READDIR, nfs4.READDIR4args(cookie, verifier, dircount, maxcount, mask(*want)))


def secinfo(name: bytes) -> bytes:
    return operation(nfs4.OP_SECINFO, nfs4.SECINFO4args(name))


def secinfo_no_name(style: int) -> bytes:
    return operation(nfs4.OP_SECINFO_NO_NAME, style)


def moved(
    fs: Namespace, source: tuple[bytes, ...], old: bytes, target: tuple[bytes, ...], new: bytes, who: Who = SUPERUSER
) -> Reply:
    return fs.ok(*at(*source), savefh(), *at(*target), rename(old, new), who=who)
