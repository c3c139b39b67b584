"""Data servers, devices, and how files are striped over them (RFC 8881 §13.3 to §13.5).

A *device* is an ordered list of data servers with their addresses; GETDEVICEINFO describes it. Device
IDs are stable and never used again: when an address changes, files get a device with a new ID, because
Linux treats a change notification as a deletion.

A file's *striping* is fixed when it is first written: the numbers of its data servers, in stripe
order, and the stripe unit. Striping is sparse: an object's offsets are the file's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import features
from mdscluster.fsm.records import unpack_inode
from mdscluster.fsm.tables import U64
from nfswire import nfs4

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.commands import DataServerUpdate, EnsureStriping
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.records import Inode
    from mdscluster.fsm.tables import Tables

DEVICE_ID: Final = Struct(">IIQ")  # cluster ID, zero, device number: 16 bytes, deviceid4
SPACE: Final = Struct(">QQ")  # total and free bytes over all data servers, for the space attributes
WIDTH_MAX: Final = 256
"""Linux takes no device of more data servers (NFS4_PNFS_MAX_MULTI_CNT)."""
STALE_KEY: Final = b"S"
"""In the table of recalls: layouts may be out whose device has changed -> the ``other`` seen to last."""
_SPACE_KEY: Final = b"space"
DRAINS_KEY: Final = b"drains"
_LOST_KEY: Final = b"lost_stores"
_NEXT_DEVICE: Final = b"next_device"


class DataServer(msgspec.Struct, array_like=True):
    """A registered data server. ``number`` is how layouts and devices name it; it is never used again."""

    ds_id: str
    number: int
    host: str
    port: int
    up: bool
    capacity_bytes: int
    free_bytes: int
    instance: int
    store_id: bytes = b""
    """The identity of its data directory; no other may serve in its place (INV-10). Empty: not told yet."""
    lost: bool = False
    """Its store was given up: its objects are gone for good (:mod:`mdscluster.fsm.lost_stores`), or the data server was
    removed (:mod:`mdscluster.fsm.draining`). The registration stays, under another ID."""


class Device(msgspec.Struct, array_like=True, frozen=True):
    """The data servers behind a device ID, in stripe order, with the addresses they had when it was made."""

    numbers: list[int]
    addresses: list[tuple[str, int]]


class Striping(msgspec.Struct, array_like=True, frozen=True):
    """How one file lies on data servers: their numbers in stripe order, and bytes per stripe."""

    numbers: list[int]
    stripe_unit_bytes: int


_encode = msgspec.msgpack.Encoder().encode
_decode_server = msgspec.msgpack.Decoder(DataServer).decode
_decode_device = msgspec.msgpack.Decoder(Device).decode
decode_striping = msgspec.msgpack.Decoder(Striping).decode


def all_servers(txn: lmdb.Transaction, tables: Tables) -> list[DataServer]:
    """Every registered data server, by ID."""
    with txn.cursor(db=tables.data_server) as cursor:
        return [_decode_server(value) for _, value in cursor]


def registered(txn: lmdb.Transaction, tables: Tables, ds_id: str) -> DataServer | None:
    """A data server's registration."""
    raw = txn.get(ds_id.encode(), db=tables.data_server)
    return None if raw is None else _decode_server(raw)


def save(cx: Compound, key: bytes, server: DataServer) -> None:
    """Write a registration, and the space of all of them."""
    cx.put(key, _encode(server), db=cx.tables.data_server)
    servers = all_servers(cx.txn, cx.tables)
    space = SPACE.pack(sum(s.capacity_bytes for s in servers), sum(s.free_bytes for s in servers))
    cx.put(_SPACE_KEY, space, db=cx.tables.meta)


def next_number(cx: Compound) -> int:
    """The next data server's; none is ever used again, as registrations are never removed."""
    return int(cx.txn.stat(cx.tables.data_server)["entries"]) + 1


def note_lost(cx: Compound, number: int) -> None:
    """The store behind this number is lost: nothing has to be cut or deleted there any more."""
    numbers = lost_numbers(cx) | {number}
    cx.put(_LOST_KEY, msgspec.msgpack.encode(sorted(numbers)), db=cx.tables.meta)


def lost_numbers(cx: Compound) -> set[int]:
    """Numbers whose store is lost."""
    raw = cx.get(_LOST_KEY, db=cx.tables.meta)
    return set() if raw is None else set(msgspec.msgpack.decode(raw, type=list[int]))


def drains(txn: lmdb.Transaction, tables: Tables) -> dict[int, int]:
    """Numbers of data servers that get no new files (:mod:`mdscluster.fsm.draining`) -> serial of the drain."""
    raw = txn.get(DRAINS_KEY, db=tables.meta)
    return {} if raw is None else dict(msgspec.msgpack.decode(raw, type=list[tuple[int, int]]))


def given_up(txn: lmdb.Transaction, tables: Tables, store_id: bytes) -> DataServer | None:
    """The registration under which a store was given up last, or removed with its data server. None: it never was.

    It says nothing of the present: a store that was taken in again has a later registration as well.
    """
    gone = (s for s in all_servers(txn, tables) if s.lost and store_id and s.store_id == store_id)
    return max(gone, key=lambda server: server.number, default=None)


def may_register(cx: Compound, store_id: bytes, known_as: int) -> bool:
    """Whether a store may become a data server's, for who knows that it was given up last as number ``known_as``.

    Metadata servers look before they propose. But every one of them proposes, and a proposal may be late: the store may
    have been given up in between, and a word that was given before that does not count for what came after it.
    """
    if features.level(cx.txn, cx.tables) < features.STORES_STAY_AWAY:
        return True
    gone = given_up(cx.txn, cx.tables, store_id)
    return bool(store_id) and (0 if gone is None else gone.number) == known_as


def number_of(txn: lmdb.Transaction, tables: Tables, ds_id: str) -> int:
    """A data server's number; 0 when it never registered."""
    server = registered(txn, tables, ds_id)
    return 0 if server is None else server.number


def update(cx: Compound, command: DataServerUpdate) -> bytes:
    """A data server registered, moved, or went up or down. Returns its number, as 8 bytes; nothing when it is refused.

    Without a store it tells of a registered one; from feature level 9 on it registers none that was removed meanwhile.

    When it moved or went down, layouts through it are no good any more: the leader has to recall them, and
    since that is noted in the same entry, whichever leader there is will (:mod:`~mdscluster.fsm.recalls`).
    """
    before = registered(cx.txn, cx.tables, command.ds_id)
    store_id = command.store_id
    number = next_number(cx) if before is None else before.number
    if before is not None:
        if before.store_id and store_id and store_id != before.store_id:
            return b""  # another store does not become this one by saying so: see ReplaceStore
    registers = before is None or (store_id and not before.store_id)
    if registers and not may_register(cx, store_id, command.given_up):
        return b""
    if before is not None:
        store_id = store_id or before.store_id
        if before.up and (not command.up or (before.host, before.port) != (command.host, command.port)):
            cx.put(STALE_KEY, b"", db=cx.tables.recall)
    server = DataServer(
        command.ds_id, number, command.host, command.port, command.up,
        command.capacity_bytes, command.free_bytes, command.instance, store_id,
    )  # fmt: skip
    save(cx, command.ds_id.encode(), server)
    return U64.pack(number)


def space(cx: Compound) -> tuple[int, int]:
    """Total and free bytes over all data servers, as last reported."""
    raw = cx.get(_SPACE_KEY, db=cx.tables.meta)
    return (0, 0) if raw is None else SPACE.unpack(raw)


def striping_of(txn: lmdb.Transaction, tables: Tables, fileid: int) -> Striping | None:
    """A file's striping; None before its first layout or write."""
    raw = txn.get(U64.pack(fileid), db=tables.layout)
    return None if raw is None else decode_striping(raw)


def ensure_striping(cx: Compound, inode: Inode) -> Striping | None:
    """The file's striping, chosen now if it has none: over data servers that are up and not drained, the first in turn.

    Over all of them, or as many as the cluster's ``stripe_width`` says. None when there is no such data server.
    """
    striping = striping_of(cx.txn, cx.tables, inode.fileid)
    if striping is not None:
        return striping
    drained = drains(cx.txn, cx.tables)
    up = sorted(s.number for s in all_servers(cx.txn, cx.tables) if s.up and s.number not in drained)
    if not up:
        return None
    first = inode.fileid % len(up)
    width = min(cx.settings.stripe_width or len(up), WIDTH_MAX)
    striping = Striping((up[first:] + up[:first])[:width], cx.settings.stripe_unit_bytes)
    cx.put(U64.pack(inode.fileid), _encode(striping), db=cx.tables.layout)
    return striping


def ensure(cx: Compound, command: EnsureStriping) -> bytes:
    """Choose a file's striping before a proxy write. Empty when the file is gone or no data server is up."""
    raw = cx.get(U64.pack(command.fileid), db=cx.tables.inode)
    striping = None if raw is None else ensure_striping(cx, unpack_inode(raw))
    return b"" if striping is None else _encode(striping)


def device_for(cx: Compound, numbers: list[int]) -> int | None:
    """The device of these data servers at their present addresses; None when one of them is down."""
    servers = {server.number: server for server in all_servers(cx.txn, cx.tables)}
    chosen = [servers[number] for number in numbers]
    if not all(server.up for server in chosen):
        return None
    raw = _encode(Device(numbers, [(server.host, server.port) for server in chosen]))
    by_content = b"=" + hashlib.blake2b(raw, digest_size=32).digest()
    known = cx.get(by_content, db=cx.tables.device)
    if known is not None:
        return int(U64.unpack(known)[0])
    counter = cx.get(_NEXT_DEVICE, db=cx.tables.meta)
    number = 1 if counter is None else U64.unpack(counter)[0]
    cx.put(_NEXT_DEVICE, U64.pack(number + 1), db=cx.tables.meta)
    cx.put(U64.pack(number), raw, db=cx.tables.device)
    cx.put(by_content, U64.pack(number), db=cx.tables.device)
    return int(number)


def current_devices(cx: Compound) -> Callable[[int], bool]:
    """A judge of device numbers: whether every data server of the device is up, at the address it had."""
    present = {s.number: (s.host, s.port) for s in all_servers(cx.txn, cx.tables) if s.up}
    judged: dict[int, bool] = {}

    def is_current(number: int) -> bool:
        known = judged.get(number)
        if known is None:
            raw = cx.get(U64.pack(number), db=cx.tables.device)
            known = raw is not None
            if known:
                content = _decode_device(raw)
                pairs = zip(content.numbers, content.addresses, strict=True)
                known = all(present.get(ds) == tuple(address) for ds, address in pairs)
            judged[number] = known
        return known

    return is_current


def device(cx: Compound, deviceid: bytes) -> Device | None:
    """The device behind a deviceid4; None when it is not ours or not known."""
    cluster, zero, number = DEVICE_ID.unpack(deviceid)
    if cluster != cx.settings.cluster_id or zero:
        return None
    raw = cx.get(U64.pack(number), db=cx.tables.device)
    return None if raw is None else _decode_device(raw)


def device_numbers(txn: lmdb.Transaction, tables: Tables, number: int) -> list[int]:
    """The data servers of a device, in stripe order; none when it is not known."""
    raw = txn.get(U64.pack(number), db=tables.device)
    return [] if raw is None else _decode_device(raw).numbers


def pack_device_address(content: Device) -> bytes:
    """The body of device_addr4 for the files layout (§13.3): one stripe index per data server."""
    out: list[bytes] = []
    nfs4.append_nfsv4_1_file_layout_ds_addr4(
        out,
        nfs4.nfsv4_1_file_layout_ds_addr4(
            list(range(len(content.addresses))),
            [[nfs4.netaddr4(*universal_address(host, port))] for host, port in content.addresses],
        ),
    )
    return b"".join(out)


def universal_address(host: str, port: int) -> tuple[bytes, bytes]:
    """netaddr4 of a TCP address: network identifier and universal address (RFC 5665 §5.2.3.3)."""
    netid = b"tcp6" if ":" in host else b"tcp"
    return netid, f"{host}.{port >> 8}.{port & 255}".encode()
