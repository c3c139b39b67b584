"""Running the operations of one COMPOUND over a transaction (RFC 8881 §15.1, §16.2).

The same handlers run in two places. In a front end they run over a read view, to answer what
only reads. As soon as one of them would change state, the run stops with NEED_CHANGE, and the
whole COMPOUND is proposed; every replica then runs it again, in ``apply``, inside the batch's
write transaction. So a COMPOUND's permission checks, its changes and its reply are one atom.

The COMPOUND travels through the log as the client sent it, in XDR.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from mdscluster.fsm.records import Inode, pack_inode, unpack_inode
from mdscluster.fsm.tables import U32, U64, Tables
from nfswire import nfs4
from nfswire.xdr import XdrError

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.settings import Settings

U32x2: Final = Struct(">II")

COUNTS: Final = 80
"""Length of ``Compound.counts``: how often each operation was run, by its number."""

RESULT_BYTES_MAX: Final = 1024
"""No operation's result is longer, but for those that turn measuring on themselves (``Compound.tight``)."""
_FAILURE_BYTES: Final = 12  # the longest result of an operation that failed
_CHANGE_RESULT_BYTES: Final = 160  # the longest result of an operation that changes state, layouts apart

# Outcomes of a run that are not statuses of the protocol. They never leave this node.
NEED_CHANGE: Final = -1  # a read view met an operation that changes state
NEED_IO: Final = -2  # READ, WRITE or COMMIT: the front end moves the data, then runs on
NEED_RECALL: Final = -3  # refused until layouts that conflict are back; nothing was changed, the slot is not consumed

TABLE_SIZE: Final = 80  # places of a dispatch table: operation numbers, and behind them
PROXY_WRITE_PLACE: Final = TABLE_SIZE - 1  # the private operation that only the log holds

#: ``handler(cx) -> status``. It reads its arguments at ``cx.pos`` and leaves ``cx.pos`` behind them,
#: and appends its whole result, operation number and status included, to ``cx.res`` when it succeeds.
#: On failure it returns the status only, unless its result has a body then too: it appends that and
#: sets ``cx.failure_encoded``.
Handler = Callable[["Compound"], int]


class Events:
    """What ``apply`` tells the front end of its own node, after the commit."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: list[bytes] = []


class Compound:
    """One COMPOUND in progress: its input, its current and saved filehandle, its results."""

    __slots__ = (
        "cache_this",
        "changed",
        "claim",
        "client_id",
        "client_network",
        "counts",
        "cut_bytes",
        "cuts_seen",
        "data",
        "delete",
        "end",
        "events",
        "exclusive_writers",
        "failure_encoded",
        "fileid",
        "get",
        "gid",
        "gids",
        "inode",
        "layouts_allowed",
        "lease_ms",
        "max_response_bytes",
        "minor",
        "now_ns",
        "now_s",
        "op_start",
        "ops_done",
        "ops_left",
        "pos",
        "proxied",
        "put",
        "raw",
        "read_only",
        "res",
        "root",
        "saved_fileid",
        "saved_stateid",
        "sequence_id",
        "session_id",
        "settings",
        "slot",
        "stateid",
        "tables",
        "tight",
        "txn",
        "uid",
        "volume",
        "waits_for",
        "writable",
    )  # fmt: skip

    def __init__(self, tables: Tables, settings: Settings) -> None:
        self.tables = tables
        self.settings = settings
        self.events = Events()
        self.counts = [0] * COUNTS
        self.txn: lmdb.Transaction = None  # type: ignore[assignment]  # bound by bind_view() or bind_batch() before use
        self.get: Any = None
        self.put: Any = None
        self.delete: Any = None
        self.writable = False
        self.now_s = 0
        self.now_ns = 0
        self.lease_ms = 0
        self.gids: tuple[int, ...] = ()
        self.volume = 1
        self.root = 0
        self.reset()

    def bind_view(self, txn: lmdb.Transaction) -> None:
        """Run over a read transaction: what would change state stops with NEED_CHANGE."""
        self.txn = txn
        self.get = txn.get
        self.put = self.delete = None
        self.writable = False
        self._forget_inode()  # an older view's, if a COMPOUND goes on over this one

    def unbind(self) -> None:
        """Let go of the view. Whoever keeps a transaction object keeps its place in LMDB's table of readers, which are
        few, even when the transaction has ended."""
        self.txn = None  # type: ignore[assignment]
        self.get = None
        self._forget_inode()

    def _forget_inode(self) -> None:
        self.inode: Inode | None = None  # of fileid, once somebody needed it
        self.raw: bytes | None = None  # its record as it lies in the table: what reading operations work on

    def bind_batch(self, txn: lmdb.Transaction, wall_ns: int, lease_ms: int) -> None:
        """Run inside the batch's write transaction, at the log's time."""
        self.txn = txn
        self.get = txn.get
        self.put = txn.put
        self.delete = txn.delete
        self.writable = True
        self.now_s, self.now_ns = divmod(wall_ns, 1_000_000_000)
        self.lease_ms = lease_ms

    def reset(self) -> None:
        """Forget the last COMPOUND; identity and input are set by the caller afterwards."""
        self.res: list[bytes] = []
        self.failure_encoded = False
        self.changed = False  # an operation of this COMPOUND has changed state
        self.ops_done = 0
        self.data: bytes = b""
        self.pos = self.end = self.op_start = 0
        self.ops_left = 0
        self.minor = 1
        self.uid = self.gid = 0
        self.read_only = False
        self.layouts_allowed = True
        self.exclusive_writers = False
        self.client_id = 0
        self.session_id = b""
        self.slot = self.sequence_id = 0
        self.fileid = 0  # 0: no current filehandle
        self.inode = self.raw = None
        self.saved_fileid = 0
        self.stateid: Any = None  # the current stateid, nfs4.stateid4 (RFC 8881 §16.2.3.1.2)
        self.saved_stateid: Any = None
        self.max_response_bytes = 0xFFFFFFFF  # for the results behind SEQUENCE's
        self.tight = False  # the results might become longer than that: every operation is measured
        self.cache_this = False
        self.proxied = False  # the front end has put a PROXY_WRITE in the place of a WRITE
        self.cuts_seen = -1  # how often the file had been cut when that WRITE's data was moved; -1: not told
        self.claim = 0  # the epoch of the claim under which the front end writes for the client (docs/adr/0012)
        self.cut_bytes = 0  # of the operations, left away behind the end of the input: the run stops before them
        self.waits_for = 0  # with NEED_RECALL: the file that has to be waited for

    def limit_reply(self, most_bytes: int, *, cache_this: bool) -> None:
        """How large the results behind SEQUENCE's may become. Set ``ops_left`` before.

        Where all of them fit in any case, nothing is measured.
        """
        self.max_response_bytes = most_bytes
        self.cache_this = cache_this
        self.tight = most_bytes < self.ops_left * RESULT_BYTES_MAX

    def room(self) -> int:
        """How many bytes more the present operation may append, so that the next one can still fail."""
        return self.max_response_bytes - sum(map(len, self.res)) - (_FAILURE_BYTES if self.ops_left > 1 else 0)

    def load(self) -> Inode | None:
        """The current filehandle's inode, or None when the object is gone (NFS4ERR_STALE).

        Whoever changes it must :meth:`store` it before its operation ends.
        """
        inode = self.inode
        if inode is None:
            raw = self.load_raw()
            if raw is None:
                return None
            inode = self.inode = unpack_inode(raw)
        if self.writable:
            self.raw = None  # the caller may change the inode
        return inode

    def load_raw(self) -> bytes | None:
        """The record behind :meth:`load`, for operations that only read: twice as fast."""
        if self.raw is None:
            self.raw = self.get(U64.pack(self.fileid), db=self.tables.inode)
        return self.raw

    def load_other(self, fileid: int) -> Inode | None:
        """Any object's inode. The current filehandle's is shared with :meth:`load`, so that no change is lost."""
        if fileid == self.fileid:
            return self.load()
        raw = self.get(U64.pack(fileid), db=self.tables.inode)
        return None if raw is None else unpack_inode(raw)

    def store(self, inode: Inode) -> None:
        """Write an inode back. Every change of one ends here."""
        raw = pack_inode(inode)
        self.put(U64.pack(inode.fileid), raw, db=self.tables.inode)
        if inode.fileid == self.fileid:
            self.inode = inode
            self.raw = raw

    def set_current(self, fileid: int, inode: Inode | None = None) -> None:
        """Make ``fileid`` the current filehandle; the current stateid is forgotten (§16.2.3.1.2)."""
        self.fileid = fileid
        self.inode = inode
        self.raw = None
        self.stateid = None

    def ok(self, op: int) -> None:
        """Append the result of an operation that says nothing but NFS4_OK."""
        self.res.append(U32x2.pack(op, 0))


def run(cx: Compound, handlers: list[Handler | None], changes: list[bool], needs_fh: list[bool]) -> int:
    """Run what is left of the COMPOUND; return its status, or NEED_CHANGE, NEED_IO, NEED_RECALL.

    After NEED_*, ``cx.op_start`` is the offset of the operation that asked, and nothing of it has
    been appended. Malformed arguments give NFS4ERR_BADXDR; an operation that this minor version
    does not have, NFS4ERR_OP_ILLEGAL; one that we lack, NFS4ERR_NOTSUPP (RFC 8881 §15.2, §16.2.3).
    """
    data, end, writable, counts = cx.data, cx.end, cx.writable, cx.counts
    known = len(handlers) - 1  # the last place is PROXY_WRITE's, which no client may ask for
    unpack_from = U32.unpack_from
    before = 0
    while cx.ops_left:
        start = cx.op_start = cx.pos
        if start + 4 > end:
            return _fail(cx, nfs4.OP_ILLEGAL, nfs4.NFS4ERR_BADXDR)
        op: int = unpack_from(data, start)[0]
        cx.pos = start + 4
        if op >= known:
            if op != nfs4.OP_PROXY_WRITE or not cx.proxied:
                return _fail(cx, nfs4.OP_ILLEGAL, nfs4.NFS4ERR_OP_ILLEGAL)
            cx.proxied = False  # one, put there by the front end; a second is the client's forgery
            op = known
        handler = handlers[op]
        if handler is None:
            return _fail(cx, *_absent(op, cx.minor))
        changing = changes[op]
        if changing and not writable:
            cx.pos = start
            return NEED_CHANGE
        if needs_fh[op] and not cx.fileid:
            return _fail(cx, op, nfs4.NFS4ERR_NOFILEHANDLE)
        if cx.tight:
            if status := _check_room(cx, changing):
                return _fail(cx, op, status)
            before = len(cx.res)
        try:
            status = handler(cx)
        except XdrError:
            status = nfs4.NFS4ERR_BADXDR
        if status:
            if status == NEED_RECALL and cx.changed:
                # An earlier operation of this COMPOUND took effect, so it cannot be run again as a whole.
                status = nfs4.NFS4ERR_DELAY
            if status < 0:
                cx.pos = start
                return status
            return _fail(cx, op, status)
        if changing:
            cx.changed = True
        elif cx.tight and (status := _check_room(cx, False)):
            del cx.res[before:]
            return _fail(cx, op, status)
        counts[op] += 1
        cx.ops_done += 1
        cx.ops_left -= 1
    return 0


def _check_room(cx: Compound, changing: bool) -> int:
    """Whether the reply stays within what the session allows.

    "If the reply would exceed ca_maxresponsesize: NFS4ERR_REP_TOO_BIG; ca_maxresponsesize_cached, with
    sa_cachethis set: NFS4ERR_REP_TOO_BIG_TO_CACHE" (§18.36.3). What changes state must know beforehand.
    """
    if cx.room() >= (_CHANGE_RESULT_BYTES if changing else 0):
        return 0
    return nfs4.NFS4ERR_REP_TOO_BIG_TO_CACHE if cx.cache_this else nfs4.NFS4ERR_REP_TOO_BIG


def _fail(cx: Compound, op: int, status: int) -> int:
    if op < len(cx.counts):
        cx.counts[op] += 1
    cx.ops_done += 1
    if not cx.failure_encoded:
        if op == PROXY_WRITE_PLACE:
            op = nfs4.OP_WRITE
        cx.res.append(U32x2.pack(op, status))
        if op == nfs4.OP_SETATTR:
            cx.res.append(b"\0\0\0\0")  # SETATTR4res carries attrsset whatever its status (§18.30.2)
    return status


#: The last operation of each minor version (RFC 8881 §18.51, RFC 7862 §15, RFC 8276 §8.4).
_LAST_OPERATION: Final = {1: nfs4.OP_RECLAIM_COMPLETE, 2: nfs4.OP_REMOVEXATTR}


def _absent(op: int, minor: int) -> tuple[int, int]:
    if nfs4.OP_ACCESS <= op <= _LAST_OPERATION.get(minor, nfs4.OP_RECLAIM_COMPLETE):
        return op, nfs4.NFS4ERR_NOTSUPP
    return nfs4.OP_ILLEGAL, nfs4.NFS4ERR_OP_ILLEGAL
