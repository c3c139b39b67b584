"""Clients: their records, their leases, and how all that they hold goes away (RFC 8881 §2.4, §8.3, §18.35).

A client ID is the cluster's ID (32 bits) and a counter, so one of another cluster is NFS4ERR_STALE_CLIENTID.
Rows in ``client``: client ID -> :class:`Client`; client ID + "L" -> when it last renewed its lease, on the
log's lease clock (milliseconds). They are apart because renewals are many and the record is not small.

A lease never runs out by a local clock: the leader proposes ``ExpireClients``, and whether the lease has run
out is judged here again, by the log's time (INV-8). While a client holds layouts, data servers may still
accept its I/O: so such a client is not dropped before its layouts have been fenced (INV-6). One that went
away by itself (it restarted, or another principal took its name) loses everything else at once, and is *dead*:
its record stays only until the leader has fenced it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import features, files, io_claims, lease_reports, recalls, session_records, shares
from mdscluster.fsm.fences import EVENT_FENCE
from mdscluster.fsm.session_records import EVENT_SESSION_GONE, SessionView, session_client_id
from mdscluster.fsm.settings import DEFAULT, Settings
from mdscluster.fsm.stateids import TYPE_OPEN
from mdscluster.fsm.tables import U64, U64x2

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm import commands
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.tables import Tables

__all__ = ["EVENT_SESSION_GONE", "SessionView", "session_client_id"]

CONFIRMED: Final = 1
"""A session was made under it (§2.4.1)."""
RECLAIM_COMPLETE: Final = 2
"""The client said RECLAIM_COMPLETE: it opens and locks normally."""
DEAD: Final = 4
"""Gone but for its layouts, which are to be fenced."""

EVICTED: Final = 8
"""Sent away by the operator: without sessions, and all that it holds goes once its layouts are fenced."""
_LOST: Final = DEAD | EVICTED

_LEASE_SUFFIX: Final = b"L"
_NEXT: Final = b"next_client"
_LEASE_FLOOR: Final = b"lease_floor"
_SETTINGS: Final = b"settings"
_FLAGS_AT: Final = 1  # of a record: behind the head of a msgpack array of at most 15


class Client(msgspec.Struct, array_like=True):
    """One client record, confirmed or not."""

    flags: int  # first: _FLAGS_AT
    owner_id: bytes  # co_ownerid
    verifier: bytes  # co_verifier: another one tells that the client restarted
    principal: int  # the user of EXCHANGE_ID
    next_sequence: int  # csa_sequence of the next CREATE_SESSION
    session_reply: bytes  # CREATE_SESSION4resok of the last one; empty before the first
    implementation: tuple[bytes, bytes]  # domain and name, as the client gave them
    created_s: int  # the log's wall time


class Expired(msgspec.Struct, array_like=True):
    """Result of ExpireClients: dropped with all their state; and those whose layouts must be fenced first."""

    removed: list[int]
    holding_layouts: list[int]


_encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Client).decode
_decode_settings = msgspec.msgpack.Decoder(Settings).decode
decode_expired = msgspec.msgpack.Decoder(Expired).decode


# ---------------------------------------------------------------- records
def load(cx: Compound, client_id: int) -> Client | None:
    """A client that lives; None where the answer is NFS4ERR_STALE_CLIENTID."""
    raw = cx.get(U64.pack(client_id), db=cx.tables.client)
    if raw is None or raw[_FLAGS_AT] & _LOST:
        return None
    return decode(raw)


def save(cx: Compound, client_id: int, client: Client) -> None:
    cx.put(U64.pack(client_id), _encode(client), db=cx.tables.client)


def reclaim_is_complete(cx: Compound) -> bool:
    """Whether the caller may open and lock: before RECLAIM_COMPLETE it is NFS4ERR_GRACE (§18.51.3)."""
    raw = cx.get(U64.pack(cx.client_id), db=cx.tables.client)
    return raw is not None and bool(raw[_FLAGS_AT] & RECLAIM_COMPLETE)


def create(cx: Compound, client: Client) -> int:
    """Store a new record with a lease of its own; its client ID."""
    raw = cx.get(_NEXT, db=cx.tables.meta)
    number = 1 if raw is None else U64.unpack(raw)[0]
    cx.put(_NEXT, U64.pack(number + 1), db=cx.tables.meta)
    client_id: int = (cx.settings.cluster_id & 0xFFFFFFFF) << 32 | number & 0xFFFFFFFF
    save(cx, client_id, client)
    renew(cx, client_id)
    return client_id


def too_many(cx: Compound) -> bool:
    """Whether the cluster serves as many clients as it may."""
    return bool(cx.txn.stat(cx.tables.client)["entries"] >= 2 * cx.settings.max_clients)


def owner_key(owner_id: bytes) -> bytes:
    return hashlib.blake2b(owner_id, digest_size=16).digest()


def of_owner(cx: Compound, owner_id: bytes) -> tuple[int, int]:
    """The client IDs of an owner: the confirmed and the unconfirmed one, 0 for none."""
    raw = cx.get(owner_key(owner_id), db=cx.tables.client_owner)
    return (0, 0) if raw is None else U64x2.unpack(raw)


def set_owner(cx: Compound, owner_id: bytes, confirmed: int, unconfirmed: int) -> None:
    key = owner_key(owner_id)
    if confirmed or unconfirmed:
        cx.put(key, U64x2.pack(confirmed, unconfirmed), db=cx.tables.client_owner)
    else:
        cx.delete(key, db=cx.tables.client_owner)


def _forget_owner(cx: Compound, client_id: int, client: Client) -> None:
    confirmed, unconfirmed = of_owner(cx, client.owner_id)
    if client_id in (confirmed, unconfirmed):
        set_owner(
            cx,
            client.owner_id,
            0 if confirmed == client_id else confirmed,
            0 if unconfirmed == client_id else unconfirmed,
        )


def has_state(cx: Compound, client_id: int) -> bool:
    """Whether the client has sessions, opens, locks or layouts: NFS4ERR_CLIENTID_BUSY (§18.50.3)."""
    prefix = U64.pack(client_id)
    for table in (cx.tables.session, cx.tables.state_client):
        with cx.txn.cursor(db=table) as cursor:
            if cursor.set_range(prefix) and cursor.key().startswith(prefix):
                return True
    return False


# ---------------------------------------------------------------- leases
def renew(cx: Compound, client_id: int) -> None:
    cx.put(U64.pack(client_id) + _LEASE_SUFFIX, U64.pack(cx.lease_ms), db=cx.tables.client)


def lapsed(cx: Compound, client_id: int, judged_ms: int = 0) -> bool:
    """Whether the client's lease has run out by the log's time; had run out at ``judged_ms``, unless that is 0."""
    raw = cx.get(U64.pack(client_id) + _LEASE_SUFFIX, db=cx.tables.client)
    if raw is None:
        return True
    renewed = max(U64.unpack(raw)[0], _floor(cx.txn, cx.tables))
    now = min(cx.lease_ms, judged_ms) if judged_ms else cx.lease_ms
    return bool(now - renewed > cx.settings.lease_ms)


def _floor(txn: lmdb.Transaction, tables: Tables) -> int:
    raw = txn.get(_LEASE_FLOOR, db=tables.meta)
    return 0 if raw is None else int(U64.unpack(raw)[0])


def is_lost(cx: Compound, client_id: int, judged_ms: int) -> bool:
    """Whether the client is dead, evicted, or its lease has run out (:func:`lapsed`): its layouts are to be fenced."""
    raw = cx.get(U64.pack(client_id), db=cx.tables.client)
    return raw is not None and (bool(raw[_FLAGS_AT] & _LOST) or lapsed(cx, client_id, judged_ms))


def renew_leases(cx: Compound, command: commands.RenewLeases) -> bytes:
    """A front end has heard of these clients. A client that is gone stays gone."""
    now = U64.pack(cx.lease_ms)
    table = cx.tables.client
    for client_id in command.client_ids:
        key = U64.pack(client_id) + _LEASE_SUFFIX
        if cx.get(key, db=table) is not None:
            cx.put(key, now, db=table)
    if command.node_id:
        report = lease_reports.Report(command.node_id, command.process, command.heard_until_ms, cx.lease_ms)
        cx.events.items.append(lease_reports.pack_event(report))
    return b""


def leader_started(cx: Compound, command: commands.LeaderStarted) -> bytes:
    """Every lease counts as renewed now: renewals that only the lost leader had heard of must not be missed (INV-7)."""
    cx.put(_LEASE_FLOOR, U64.pack(cx.lease_ms), db=cx.tables.meta)
    return b""


def renewed_ms(txn: lmdb.Transaction, tables: Tables, client_id: int) -> int | None:
    """When the client last renewed its lease, on the log's lease clock; None: it has none."""
    raw = txn.get(U64.pack(client_id) + _LEASE_SUFFIX, db=tables.client)
    return None if raw is None else max(int(U64.unpack(raw)[0]), _floor(txn, tables))


# Read views for the leader, which proposes to expire these clients; nothing is decided by them.
def any_client(txn: lmdb.Transaction, tables: Tables) -> bool:
    """Whether anybody has a lease."""
    return bool(txn.stat(tables.client)["entries"])


def clients_lapsed(txn: lmdb.Transaction, tables: Tables, lease_ms: int) -> list[int]:
    """Clients whose lease has run out at ``lease_ms`` on the log's lease clock."""
    raw = txn.get(_SETTINGS, db=tables.meta)
    length = (DEFAULT if raw is None else _decode_settings(raw)).lease_ms
    oldest = lease_ms - length
    if _floor(txn, tables) >= oldest:
        return []
    with txn.cursor(db=tables.client) as cursor:
        return [
            U64.unpack_from(key)[0] for key, value in cursor if len(key) == 9 and U64.unpack(value)[0] < oldest
        ]


def clients_dead(txn: lmdb.Transaction, tables: Tables) -> list[int]:
    """Clients that are gone but for layouts, which are to be fenced: dead or evicted."""
    with txn.cursor(db=tables.client) as cursor:
        return [U64.unpack(key)[0] for key, value in cursor if len(key) == 8 and value[_FLAGS_AT] & _LOST]


def expire_clients(cx: Compound, command: commands.ExpireClients) -> bytes:
    """Drop the clients whose lease has run out by the log's time (INV-8); an :class:`Expired`, encoded.

    One that holds layouts, or is written for, keeps everything until that is fenced: its locks protect what may still
    be written.
    """
    removed: list[int] = []
    holding: list[int] = []
    for client_id in command.client_ids:
        if not is_lost(cx, client_id, command.judged_ms):
            continue
        if recalls.client_has_layouts(cx, client_id) or _is_written_for(cx, client_id):
            holding.append(client_id)
            continue
        bury(cx, client_id, decode(cx.get(U64.pack(client_id), db=cx.tables.client)))
        removed.append(client_id)
    return _encode(Expired(removed, holding))


def _is_written_for(cx: Compound, client_id: int) -> bool:
    """Whether a data server may still accept what a metadata server writes for the client: it may stand still with that
    since before the lease ran out. Releases below that level took it for granted of all but evicted clients."""
    if features.level(cx.txn, cx.tables) >= features.MANDATES:
        return io_claims.is_open(cx, client_id)
    raw = cx.get(U64.pack(client_id), db=cx.tables.client)
    return bool(raw[_FLAGS_AT] & EVICTED) and io_claims.has_unconfirmed(cx, client_id)


def may_write(cx: Compound, client_id: int) -> bool:
    """Whether a data server may still accept anything of a client whose lease ran out, written by itself or for it:
    then it keeps its name, too. Releases below that level did not look."""
    if features.level(cx.txn, cx.tables) < features.MANDATES:
        return False
    return recalls.client_has_layouts(cx, client_id) or io_claims.is_open(cx, client_id)


def waits_for_fence(cx: Compound, client_id: int) -> bool:
    """Whether a client that restarted has to keep what it held before: a metadata server may still write for it, what
    the locks protect (INV-5, INV-6). From here on nobody may any more, and the fence says so to all data servers.

    Its own I/O ended with it. Releases below that level did not wait.
    """
    if features.level(cx.txn, cx.tables) < features.MANDATES or not io_claims.is_open(cx, client_id):
        return False
    if io_claims.is_held(cx.txn, cx.tables, client_id):
        io_claims.revoke(cx, client_id)
    return True


def end_session(cx: Compound, session_id: bytes) -> None:
    """The client ends a session, and with it its interest in what it asked for by it and was not answered: no metadata
    server that still has a WRITE of that on its way shall get it through. Releases below that level left it alone."""
    client_id = session_client_id(cx.get(session_id, db=cx.tables.session))
    session_records.remove(cx, session_id)
    if features.level(cx.txn, cx.tables) >= features.MANDATES and io_claims.is_held(cx.txn, cx.tables, client_id):
        io_claims.revoke(cx, client_id)


def evict(cx: Compound, command: commands.EvictClient) -> bytes:
    """Send a client away that may be alive; one byte: whether there was such a client.

    It can ask for nothing more from here on, and is a new client when it comes back. What it holds stays as long as
    data servers may accept its I/O: until the leader, as with a lease that ran out, has fenced it and says
    ExpireClients (INV-5, INV-6). When its record is gone, all is gone.
    """
    client = load(cx, command.client_id)
    if client is None:
        return b"\0"
    for session_id in session_records.of_client(cx, command.client_id):
        session_records.remove(cx, session_id)
    io_claims.revoke(cx, command.client_id)
    client.flags |= EVICTED
    save(cx, command.client_id, client)
    cx.events.items.append(EVENT_FENCE)
    return b"\1"


# ---------------------------------------------------------------- the end
def bury(cx: Compound, client_id: int, client: Client) -> None:
    """Drop a client and all it holds. Where layouts remain, its record stays as DEAD until they are fenced."""
    for session_id in session_records.of_client(cx, client_id):
        session_records.remove(cx, session_id)
    _drop_opens(cx, client_id)
    io_claims.forget(cx, client_id)
    _forget_owner(cx, client_id, client)
    key = U64.pack(client_id)
    cx.delete(key + _LEASE_SUFFIX, db=cx.tables.client)
    if recalls.client_has_layouts(cx, client_id):
        client.flags |= DEAD
        client.session_reply = b""
        save(cx, client_id, client)
    else:
        cx.delete(key, db=cx.tables.client)


def _drop_opens(cx: Compound, client_id: int) -> None:
    """End every open of a client, with its locks; files that only these opens kept alive are deleted."""
    prefix = U64.pack(client_id) + bytes([TYPE_OPEN])
    found: list[bytes] = []
    with cx.txn.cursor(db=cx.tables.state_client) as cursor:
        more = cursor.set_range(prefix)
        while more and cursor.key().startswith(prefix):
            found.append(cursor.value())
            more = cursor.next()
    for other in found:
        state = shares.unpack_open(cx.get(other, db=cx.tables.state))
        shares.remove(cx, other, state)
        inode = cx.load_other(state.fileid)
        if inode is not None and not inode.nlink:
            files.maybe_delete(cx, inode)
