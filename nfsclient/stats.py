"""Statistics of one client: latencies and the longest stall per call, every status received, reconnections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from nfsclient.errors import NfsClientError, NfsError, op_name, status_name
from nfsclient.runtime import Runtime
from nfswire import nfs4

T = TypeVar("T")

BUCKETS = 40
"""Latency histogram: bucket n counts calls that took less than 2**n microseconds."""

LOST_STATE = (
    nfs4.NFS4ERR_GRACE, nfs4.NFS4ERR_NO_GRACE, nfs4.NFS4ERR_RECLAIM_BAD, nfs4.NFS4ERR_RECLAIM_CONFLICT,
    nfs4.NFS4ERR_STALE_CLIENTID, nfs4.NFS4ERR_BADSESSION, nfs4.NFS4ERR_DEADSESSION, nfs4.NFS4ERR_BADSLOT,
    nfs4.NFS4ERR_BAD_STATEID, nfs4.NFS4ERR_STALE_STATEID, nfs4.NFS4ERR_EXPIRED, nfs4.NFS4ERR_ADMIN_REVOKED,
    nfs4.NFS4ERR_DELEG_REVOKED, nfs4.NFS4ERR_BADHANDLE, nfs4.NFS4ERR_FHEXPIRED,
)
"""What a server says, and says only, when it does not have what a correct client was given: its client ID, session,
slot, stateid or filehandle; or when it wants to have it reclaimed (RFC 8881 section 15.1). To a client that was never
silent for a lease, and whom no administrator evicted, no server may send any of it, whoever hears it (INV-7).

Not among them: NFS4ERR_SEQ_MISORDERED and SEQ_FALSE_RETRY are also right for a copy of a request that arrives after its
client has gone on elsewhere (section 2.10.6.1), NFS4ERR_OLD_STATEID for operations of one owner that cross on the way
(section 8.2.2), NFS4ERR_STALE for what another client has removed. A client that hears them judges better.
"""
FAILOVER_STATUSES = (*LOST_STATE, nfs4.NFS4ERR_SEQ_MISORDERED, nfs4.NFS4ERR_SEQ_FALSE_RETRY, nfs4.NFS4ERR_STALE)
"""Statuses that no client may see because of the loss of a minority of nodes (INV-7)."""


class Latency:
    """Latencies of one kind of call, in milliseconds."""

    __slots__ = ("buckets", "count", "longest_ms", "total_ms")

    def __init__(self) -> None:
        self.count = 0
        self.total_ms = 0.0
        self.longest_ms = 0.0
        self.buckets = [0] * BUCKETS

    def add(self, elapsed_ms: float) -> None:
        """One call took so long."""
        self.count += 1
        self.total_ms += elapsed_ms
        if elapsed_ms > self.longest_ms:
            self.longest_ms = elapsed_ms
        self.buckets[min(int(elapsed_ms * 1000).bit_length(), BUCKETS - 1)] += 1

    def percentile_ms(self, percent: float) -> float:
        """Upper bound (a power of two microseconds) of the latency that ``percent`` of the calls stayed under."""
        wanted = self.count * percent / 100
        seen = 0
        for exponent, count in enumerate(self.buckets):
            seen += count
            if seen >= wanted and seen:
                return min(2.0 ** exponent / 1000, self.longest_ms)
        return self.longest_ms


class Event(msgspec.Struct, frozen=True):
    """One call as a linearizability checker wants it, told when it begins and again when it ends.

    ``result`` is the value, or the exception it ended with. A call that ended with ``Unavailable``, was cancelled, or
    has not ended at all, may or may not have happened.
    """

    number: int
    """Of the call, among those of its client."""
    invoked_ms: float
    completed_ms: float | None
    """None: it has only just begun, and there is no result."""
    op: str
    args: tuple[Any, ...]
    """Those given by name come last, as (name, value)."""
    subject: Any
    """The object whose method was called: the ``Client``, or a ``File``."""
    result: Any = None


History = Callable[[Event], None]


class Stats:
    """Counters of one client, over its metadata server and all data servers."""

    def __init__(self) -> None:
        self.calls: dict[str, Latency] = {}
        self.statuses: Counter[tuple[int | None, int]] = Counter()
        self.longest_stall_ms = 0.0
        self.longest_stall_call = ""
        self.connections = 0
        self.reconnects = 0
        self.retransmissions = 0
        self.changes_in_doubt = 0       # of these: changes whose connection was lost before their reply came
        self.reply_timeouts = 0
        self.retries = 0                # calls sent anew after DELAY and the like
        self.reexecutions = 0           # uncached requests run again after RETRY_UNCACHED_REP
        self.session_failures = 0
        self.ds_sessions = 0
        self.ds_failures = 0
        self.verifier_changes = 0
        self.layouts_granted = 0
        self.layouts_recalled = 0
        self.bytes_read_ds = 0
        self.bytes_read_mds = 0
        self.bytes_written_ds = 0
        self.bytes_written_mds = 0
        self.callbacks: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()    # unusual things that were coped with, by what they were

    def status(self, op: int | None, status: int) -> None:
        """The server answered ``status`` to operation ``op``."""
        self.statuses[op, status] += 1

    def status_count(self, status: int) -> int:
        """How often ``status`` was received, by any operation."""
        return sum(count for (_, seen), count in self.statuses.items() if seen == status)

    def failover_statuses(self) -> dict[str, int]:
        """Those of ``FAILOVER_STATUSES`` that were received; empty is what INV-7 promises."""
        found = {status_name(status): self.status_count(status) for status in FAILOVER_STATUSES}
        return {name: count for name, count in found.items() if count}

    def call_took(self, name: str, elapsed_ms: float) -> None:
        """A call of the client's interface took so long, retries and reconnections included."""
        self.calls.setdefault(name, Latency()).add(elapsed_ms)
        if elapsed_ms > self.longest_stall_ms:
            self.longest_stall_ms, self.longest_stall_call = elapsed_ms, name

    def reset_stall(self) -> float:
        """The longest stall so far; starts a new period."""
        longest, self.longest_stall_ms, self.longest_stall_call = self.longest_stall_ms, 0.0, ""
        return longest

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        plain: dict[str, Any] = {
            name: value for name, value in vars(self).items() if isinstance(value, int | float | str)}
        plain["statuses"] = {f"{op_name(op)} {status_name(status)}": count
                             for (op, status), count in sorted(self.statuses.items(), key=str)}
        plain["callbacks"] = dict(self.callbacks)
        plain["notes"] = dict(self.notes)
        plain["calls"] = {
            name: {"count": calls.count, "mean_ms": round(calls.total_ms / max(calls.count, 1), 3),
                   "p50_ms": calls.percentile_ms(50), "p99_ms": calls.percentile_ms(99),
                   "max_ms": round(calls.longest_ms, 3)}
            for name, calls in sorted(self.calls.items())
        }
        return plain


class Recorder:
    """Times calls of the client's interface, and tells the history hook of them."""

    def __init__(self, runtime: Runtime, stats: Stats, history: History | None) -> None:
        self.runtime = runtime
        self.stats = stats
        self.history = history
        self._calls = 0

    async def run(self, name: str, args: tuple[Any, ...], subject: Any, work: Coroutine[Any, Any, T]) -> T:
        """Await ``work``; record how long it took and, for the history, what came of it."""
        self._calls += 1
        number = self._calls
        invoked_ms = self.runtime.now_ms()
        if self.history is not None:
            self.history(Event(number, invoked_ms, None, name, args, subject))
        outcome: Any = None
        try:
            result = await work
            outcome = result
            return result
        except NfsClientError as error:
            outcome = error
            raise
        except BaseException as error:  # cancelled: the outcome is unknown
            outcome = error
            raise
        finally:
            completed_ms = self.runtime.now_ms()
            self.stats.call_took(name, completed_ms - invoked_ms)
            if self.history is not None:
                self.history(Event(number, invoked_ms, completed_ms, name, args, subject, outcome))


def error_status(error: BaseException) -> int | None:
    """The nfsstat4 of a refusal, None for anything else."""
    return error.status if isinstance(error, NfsError) else None
