"""What front ends tell the log of the clients that they heard of, and how often (docs/adr/0005)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mdscluster.fsm.tables import U64, U64x3

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.tables import Tables

EVENT_REPORTED: Final = b"L"  # + Report, packed
_PERIOD_MS_MAX: Final = 5_000
_PERIODS_HELD: Final = 2


def report_period_ms(lease_ms: int) -> int:
    """Time between two reports of a front end."""
    return min(_PERIOD_MS_MAX, lease_ms // 10)


def hold_ms(lease_ms: int) -> int:
    """How old a front end's last report may be for it to answer clients: from its gathering, by its own clock."""
    return _PERIODS_HELD * report_period_ms(lease_ms)


def lease_clock_ms(txn: lmdb.Transaction, tables: Tables) -> int:
    """The log's lease clock as of the last applied entry."""
    raw = txn.get(b"lease_ms", db=tables.meta)
    return 0 if raw is None else int(U64.unpack(raw)[0])


class Report(NamedTuple):
    """That a front end has told which clients it heard of, for the leader's jobs; times of the log's lease clock."""

    node_id: str
    process: int
    heard_until_ms: int
    """What it heard until then is in this report, or in an earlier one."""
    reported_ms: int
    """When the log took it."""


def pack_event(report: Report) -> bytes:
    """An ``EVENT_REPORTED``."""
    numbers = U64x3.pack(report.process, report.heard_until_ms, report.reported_ms)
    return EVENT_REPORTED + numbers + report.node_id.encode()


def unpack_event(event: bytes) -> Report:
    """The inverse of :func:`pack_event`."""
    return Report(event[1 + U64x3.size :].decode(), *U64x3.unpack_from(event, 1))
