"""What clients hold, for an operator to look at: read views, in the order of keys, from any key on.

A cluster has ten thousand clients and millions of locks. So nothing here makes a list of all: each function yields rows
one by one, with a *place* to go on behind, in another transaction if need be. Between two of them rows come and go;
what is there all the time is seen exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import clients, data_servers, layout_states, lock_states, ranges, recalls
from mdscluster.fsm.session_records import SessionView
from mdscluster.fsm.stateids import TYPE_LOCK, TYPE_OPEN
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.tables import Tables

COUNTED_MAX: Final = 1_000
"""Sessions, opens, locks and layouts of one client are counted up to this many of each."""


class ClientRow(msgspec.Struct):
    """A client. Counts stop at ``COUNTED_MAX``."""

    client_id: int
    owner: bytes
    principal: int
    state: str
    """``active``, ``unconfirmed`` (no session yet), ``dead`` or ``evicted`` (until its layouts are fenced)."""
    created_s: int
    renewed_ms: int
    """How long ago it last renewed its lease, on the log's clock; -1: it has none any more."""
    sessions: int
    opens: int
    locks: int
    layouts: int


class SessionRow(msgspec.Struct):
    """A session."""

    session_id: bytes
    client_id: int
    slots: int
    back_slots: int
    back_channel: bool
    max_request_bytes: int
    max_response_bytes: int
    max_operations: int


class LayoutRow(msgspec.Struct):
    """A layout that is out."""

    other: bytes
    client_id: int
    fileid: int
    seqid: int
    iomodes: int
    epoch: int
    data_servers: list[int]
    """Numbers, in stripe order."""
    recalled_ms: int
    """How long ago its recall began, on the log's clock; -1: it is not being recalled."""


class LockRow(msgspec.Struct):
    """The byte ranges that a lock-owner holds of a file."""

    fileid: int
    other: bytes
    client_id: int
    owner: bytes
    ranges: list[tuple[int, int, int]]
    """First byte, last byte (2**64 - 1: to the end, whatever it is), READ_LT or WRITE_LT."""


Place = bytes
"""Opaque: behind a row. Empty: at the beginning."""


def all_clients(txn: lmdb.Transaction, tables: Tables, after: Place) -> Iterator[tuple[Place, ClientRow]]:
    """Every client, by ID."""
    now_ms = _lease_now(txn, tables)
    with txn.cursor(db=tables.client) as cursor:
        for key, value in _behind(cursor, after, b""):
            if len(key) == U64.size:
                yield key, _client(txn, tables, U64.unpack(key)[0], value, now_ms)


def one_client(txn: lmdb.Transaction, tables: Tables, client_id: int) -> ClientRow | None:
    """A client; None: there is none of this ID."""
    raw = txn.get(U64.pack(client_id), db=tables.client)
    return None if raw is None else _client(txn, tables, client_id, raw, _lease_now(txn, tables))


def sessions(
    txn: lmdb.Transaction, tables: Tables, after: Place, client_id: int = 0
) -> Iterator[tuple[Place, SessionRow]]:
    """Every session, or a client's."""
    with txn.cursor(db=tables.session) as cursor:
        for key, value in _behind(cursor, after, U64.pack(client_id) if client_id else b""):
            view = SessionView(value)
            yield key, SessionRow(
                key, view.client_id, view.slots, view.back_slots, view.back_channel, view.max_request_bytes,
                view.max_response_bytes, view.max_operations,
            )  # fmt: skip


def layouts(
    txn: lmdb.Transaction, tables: Tables, after: Place, client_id: int = 0, fileid: int = 0
) -> Iterator[tuple[Place, LayoutRow]]:
    """Every layout, or a client's, a file's, or that of a client for a file."""
    now_ms = _lease_now(txn, tables)
    for place, other in _layouts_of(txn, tables, after, client_id, fileid):
        state = layout_states.unpack(_record(txn, tables, other))
        device = data_servers.device_numbers(txn, tables, state.device)
        recall = recalls.load(txn, tables, other)
        yield place, LayoutRow(
            other, state.client_id, state.fileid, state.seqid, state.iomodes, state.epoch, device,
            -1 if recall is None else max(now_ms - recall.started_lease_ms, 0),
        )  # fmt: skip


def locks(
    txn: lmdb.Transaction, tables: Tables, after: Place, client_id: int = 0, fileid: int = 0
) -> Iterator[tuple[Place, LockRow]]:
    """Every lock-owner's ranges, or a client's, on a file, or both."""
    on_file = U64.pack(fileid) if fileid else b""
    if not client_id:
        with txn.cursor(db=tables.lock) as cursor:
            for key, value in _behind(cursor, after, on_file):
                yield key, _lock(key, value)
        return
    with txn.cursor(db=tables.state_client) as cursor:
        for place, other in _behind(cursor, after, U64.pack(client_id) + bytes((TYPE_LOCK,)) + on_file):
            state = lock_states.unpack_lock(_record(txn, tables, other))
            key = U64.pack(state.fileid) + other
            raw = txn.get(key, db=tables.lock)
            if raw is not None:  # else it holds nothing just now
                yield place, _lock(key, raw)


# ---------------------------------------------------------------- below
def _behind(cursor: lmdb.Cursor, after: Place, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Rows with this prefix behind a place."""
    found = cursor.set_range(max(after, prefix)) if after or prefix else cursor.first()
    if found and after and cursor.key() == after:
        found = cursor.next()
    while found and cursor.key().startswith(prefix):
        yield bytes(cursor.key()), bytes(cursor.value())
        found = cursor.next()


def _layouts_of(
    txn: lmdb.Transaction, tables: Tables, after: Place, client_id: int, fileid: int
) -> Iterator[tuple[Place, bytes]]:
    """``other`` of each layout: by the index that leads straight to those wanted."""
    type_ = bytes((layout_states.TYPE_LAYOUT,))
    if fileid:
        with txn.cursor(db=tables.state_owner) as cursor:
            prefix = U64.pack(fileid) + (U64.pack(client_id) if client_id else b"")
            yield from ((key, other) for key, other in _behind(cursor, after, prefix) if other.startswith(type_))
    elif client_id:
        with txn.cursor(db=tables.state_client) as cursor:
            yield from ((key, key[U64.size :]) for key, _ in _behind(cursor, after, U64.pack(client_id) + type_))
    else:
        with txn.cursor(db=tables.state) as cursor:
            yield from ((key, key) for key, _ in _behind(cursor, after, type_))


def _record(txn: lmdb.Transaction, tables: Tables, other: bytes) -> bytes:
    raw = txn.get(other, db=tables.state)
    assert raw is not None, "a state is indexed and not there"
    return raw


def _client(txn: lmdb.Transaction, tables: Tables, client_id: int, raw: bytes, now_ms: int) -> ClientRow:
    record = clients.decode(raw)
    renewed = clients.renewed_ms(txn, tables, client_id)
    prefix = U64.pack(client_id)

    def count(type_: int) -> int:
        return _count(txn, tables.state_client, prefix + bytes((type_,)))

    return ClientRow(
        client_id, record.owner_id, record.principal, _state(record), record.created_s,
        -1 if renewed is None else max(now_ms - renewed, 0), _count(txn, tables.session, prefix),
        count(TYPE_OPEN), count(TYPE_LOCK), count(layout_states.TYPE_LAYOUT),
    )  # fmt: skip


def _state(record: clients.Client) -> str:
    if record.flags & clients.EVICTED:
        return "evicted"
    if record.flags & clients.DEAD:
        return "dead"
    return "active" if record.flags & clients.CONFIRMED else "unconfirmed"


def _count(txn: lmdb.Transaction, table: lmdb._Database, prefix: bytes) -> int:
    counted = 0
    with txn.cursor(db=table) as cursor:
        for _ in _behind(cursor, b"", prefix):
            counted += 1
            if counted == COUNTED_MAX:
                break
    return counted


def _lock(key: bytes, raw: bytes) -> LockRow:
    held = ranges.unpack(raw)
    return LockRow(U64.unpack_from(key)[0], key[U64.size :], held.client_id, held.owner, held.ranges)


def _lease_now(txn: lmdb.Transaction, tables: Tables) -> int:
    raw = txn.get(b"lease_ms", db=tables.meta)
    return 0 if raw is None else int(U64.unpack(raw)[0])
