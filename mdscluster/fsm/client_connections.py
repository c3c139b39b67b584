"""Where clients are connected, so that whoever takes a service address over can tell them (docs/adr/0019).

A *path* names a TCP connection by both ends, the server's first: address (4 or 16 bytes), port (2 bytes), twice.
Rows are hints: a node notes its connections a moment after they came, and those of a node that died stay until it is
back, or a member no more. Nothing else may depend on them.
"""

from __future__ import annotations

import ipaddress
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    import lmdb

    from mdscluster.fsm.commands import NoteConnections
    from mdscluster.fsm.compound import Compound
    from mdscluster.fsm.tables import Tables

_PORT: Final = Struct(">H")
_END: Final = b"\0"


class Path(NamedTuple):
    """Both ends of a connection, of one address family."""

    local: str
    local_port: int
    remote: str
    remote_port: int


def pack(path: Path) -> bytes:
    """The path as a row has it. ValueError for what is no address."""
    local, remote = _packed(path.local), _packed(path.remote)
    return local + _PORT.pack(path.local_port) + remote + _PORT.pack(path.remote_port)


def unpack(raw: bytes) -> Path:
    """The inverse of :func:`pack`."""
    half = len(raw) // 2
    ends = []
    for end in (raw[:half], raw[half:]):
        ends += [str(ipaddress.ip_address(end[:-2])), _PORT.unpack(end[-2:])[0]]
    return Path(*ends)


def _packed(address: str) -> bytes:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed.packed


def note(cx: Compound, command: NoteConnections) -> bytes:
    """NoteConnections."""
    table, prefix = cx.tables.client_connection, command.node_id.encode() + _END
    if command.anew:
        with cx.txn.cursor(db=table) as cursor:
            found = cursor.set_range(prefix)
            while found and cursor.key().startswith(prefix):
                found = cursor.delete()
    for path in command.closed:
        cx.delete(prefix + path, db=table)
    for path in command.opened:
        cx.put(prefix + path, b"", db=table)
    return b""


def nodes(txn: lmdb.Transaction, tables: Tables) -> list[str]:
    """The nodes of which connections are known."""
    return [node.decode() for node in _nodes(txn, tables)]


def _nodes(txn: lmdb.Transaction, tables: Tables) -> Iterator[bytes]:
    with txn.cursor(db=tables.client_connection) as cursor:
        found = cursor.first()
        while found:
            node = bytes(cursor.key()).partition(_END)[0]
            yield node
            found = cursor.set_range(node + b"\1")


def lost_to(
    txn: lmdb.Transaction, tables: Tables, node_id: str, ends_here: Callable[[str], bool], standing: Container[bytes]
) -> dict[str, list[bytes]]:
    """What others had at addresses that are ``node_id``'s now (``ends_here``, asked once for each): address -> paths.
    Among them an earlier self of this node, of which nothing is ``standing``."""
    lost: dict[str, list[bytes]] = {}
    addresses: dict[bytes, str] = {}
    own = node_id.encode()
    with txn.cursor(db=tables.client_connection) as cursor:
        for key, _ in cursor:
            node, _, path = bytes(key).partition(_END)
            local = path[: len(path) // 2 - _PORT.size]
            if local not in addresses:
                address = str(ipaddress.ip_address(local))
                addresses[local] = address if ends_here(address) else ""
            if addresses[local] and (node != own or path not in standing):
                lost.setdefault(addresses[local], []).append(path)
    return lost
