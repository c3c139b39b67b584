"""Counts of what this node answered: operations, statuses, how long it took; and in the log what took too long."""

from __future__ import annotations

import math
from collections import Counter
from struct import Struct
from typing import TYPE_CHECKING, Final

import structlog

from mdscluster.fsm.compound import COUNTS
from nfswire import nfs4
from nfswire.xdr import XdrError
from telemetry.allowance import Allowance
from telemetry.histogram import BUCKETS, Histogram

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.request import Request

log = structlog.get_logger()

_U32: Final = Struct(">I")
LOGGED: Final = frozenset(
    (
        nfs4.NFS4ERR_IO, nfs4.NFS4ERR_NXIO, nfs4.NFS4ERR_SERVERFAULT, nfs4.NFS4ERR_BADHANDLE, nfs4.NFS4ERR_GRACE,
        nfs4.NFS4ERR_NO_GRACE, nfs4.NFS4ERR_BADXDR, nfs4.NFS4ERR_STALE_CLIENTID, nfs4.NFS4ERR_BADSESSION,
        nfs4.NFS4ERR_DEADSESSION, nfs4.NFS4ERR_BAD_STATEID, nfs4.NFS4ERR_EXPIRED, nfs4.NFS4ERR_ADMIN_REVOKED,
        nfs4.NFS4ERR_SEQ_MISORDERED, nfs4.NFS4ERR_SEQ_FALSE_RETRY,
    )
)  # fmt: skip
"""Statuses that are told in the log, with the request's ID: no program on a client brings them about."""
TOLD_PER_S: Final = 20
"""No more operations than this are told of in a second: a client that sends nonsense must not fill the disk."""
FREED_ALREADY: Final = "freed already"
"""FREE_STATEID of a lock stateid that is gone: NFS4ERR_BAD_STATEID, and no sign of lost state. Linux sends it when a
file's locks are given up and does not wait for it before it sends CLOSE, which frees them too (RFC 8881 §18.2.3); where
the two cross, it comes second, and Linux takes no notice of the answer. A state that had been lost would have been
missed by the LOCKU before it."""
EVENTS: Final = ("given up", "replayed", "put off", "delayed without quorum", "read-only", FREED_ALREADY)
"""What may befall requests. Counted from 0: Prometheus does not see a series begin."""


class Counters:
    """Status of every COMPOUND sent, by name when read. What failover must never send can be looked up here; what looks
    like it, and is not, is among ``calls`` instead (``FREED_ALREADY``)."""

    __slots__ = ("_buckets", "_sums", "calls", "moved", "proposed", "run", "slow_s", "statuses", "tells")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.calls: Counter[str] = Counter(dict.fromkeys(EVENTS, 0))
        self.proposed = [0] * COUNTS
        self.run = [0] * COUNTS
        """How often each operation was run on a view here, and how often proposed, by its number."""
        # A histogram of each operation, in pieces: one list less to reach through for every request.
        self._buckets = [[0] * BUCKETS for _ in range(COUNTS)]
        self._sums = [0.0] * COUNTS
        self.moved = {"read": 0, "written": 0}
        """Bytes of file data for clients without layouts."""
        self.tells = Allowance(TOLD_PER_S)
        self.slow_s = math.inf
        """What takes longer is told in the log."""

    def answered(self, request: Request, status: int, now_s: float) -> None:
        """A request in a session has its reply, and it is sent."""
        seconds = now_s - request.came_s
        op = request.op
        self._buckets[op][int(seconds * 1_000_000.0).bit_length()] += 1
        self._sums[op] += seconds
        if not self._count(op, status):
            return
        if seconds > self.slow_s or (status and status in LOGGED):
            self._tell(op, status, seconds, now_s, request.connection.peer, request)

    def answered_again(self, request: Request, status: int) -> None:
        """A reply from its slot was sent: again, or for the first time, as whoever asked first had gone by then."""
        self.calls["replayed"] += 1
        self._count(request.op, status)

    def _count(self, op: int, status: int) -> bool:
        if status == nfs4.NFS4ERR_BAD_STATEID and op == nfs4.OP_FREE_STATEID:
            self.calls[FREED_ALREADY] += 1
            return False
        self.statuses[status] += 1
        return True

    def answered_outside(self, peer: str, op: int, status: int, seconds: float, now_s: float) -> None:
        """A COMPOUND has its reply that is no request with an ID: outside of a session, or not to be understood."""
        if seconds > self.slow_s or (status and status in LOGGED):
            self._tell(op, status, seconds, now_s, peer)

    def note(self, op: int, seconds: float) -> None:
        """An operation outside of a session was done."""
        self.proposed[op] += 1
        self._buckets[op][int(seconds * 1_000_000.0).bit_length()] += 1
        self._sums[op] += seconds

    def duration(self, op: int) -> Histogram:
        """Of COMPOUNDs that were for this operation: from arrival to reply. 0: for nothing that is known, or for a
        filehandle alone."""
        return Histogram(self._buckets[op], self._sums[op])

    def turned_away(self, request: Request, status: int, now_s: float) -> None:
        """A request was refused before anything of it was begun."""
        if status in LOGGED:
            self._tell(request.op, status, now_s - request.came_s, now_s, request.connection.peer, request)

    def given_up(self, request: Request, reason: str, now_s: float) -> None:
        """A request gets no reply: its client asks again."""
        self.calls["given up"] += 1
        if not request.connection.closed and self.tells.take(now_s):
            log.info("operation given up", request=request.name, reason=reason, untold=self.tells.refused_before)

    def _tell(
        self, op: int, status: int, seconds: float, now_s: float, peer: str, request: Request | None = None
    ) -> None:
        """``operation failed`` is what the runbook sends the operator to, however long it took."""
        if not self.tells.take(now_s):
            return
        named = {} if request is None else {"request": request.name}
        log.warning(
            "operation failed" if status in LOGGED else "slow operation", **named,
            operation=name_of(op), status=nfs4.STATUS_NAMES.get(status, str(status)), seconds=round(seconds, 6),
            peer=peer, untold=self.tells.refused_before,
        )  # fmt: skip

    def operations(self) -> dict[str, int]:
        """Operations answered, by name: those that ran on a view here, and those that were proposed."""
        totals = [here + proposed for here, proposed in zip(self.run, self.proposed, strict=True)]
        return {nfs4.OP_NAMES.get(op, str(op)): n for op, n in enumerate(totals) if n}

    def count_proposed(self, data: bytes, pos: int, end: int, operations: int) -> None:
        """Count the operations of a COMPOUND that is about to be proposed; what runs in the log is not seen here."""
        counts = self.proposed
        try:
            for _ in range(operations):
                if pos + 4 > end:
                    return
                op = _U32.unpack_from(data, pos)[0]
                codec = nfs4.ARGS.get(op)
                if codec is None or op >= COUNTS:
                    return
                counts[op] += 1
                _, pos = codec[0](data, pos + 4)
        except XdrError:
            return  # it will be answered NFS4ERR_BADXDR

    def by_name(self) -> dict[str, int]:
        return {nfs4.STATUS_NAMES.get(status, str(status)): n for status, n in sorted(self.statuses.items())}


def name_of(op: int) -> str:
    """An operation's name, as the RFCs have it; of 0 ``none``."""
    return nfs4.OP_NAMES.get(op, str(op)) if op else "none"
