"""The log entry's envelope: a leader's stamp and the proposals that were pending in one turn.

Layout, big endian::

    u8  0x4d          command type; pysyncobj's apply ignores every type but 0, 2 and 3 (which it would unpickle)
    u8  version       1
    u64 wall_ns       the leader's wall clock at the append
    u64 lease_ms      a clock that only grows: advances while a leader is in office
    u16 groups        then each group:
      u8  n, n bytes  origin node id
      u64 incarnation of the origin
      u64 number      of the group's first proposal; the others follow without gaps
      u32 count       then each proposal: u32 length, payload
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

from mdscluster.raft.members import MEMBERSHIP, Membership
from mdscluster.raft.members import VERSION as MEMBERSHIP_VERSION

NO_OP: Final = 1
"""First byte of the entry a new leader appends (pysyncobj's)."""
COMMAND: Final = 0x4D
"""First byte of our entries."""
VERSION: Final = 1

_HEAD: Final = Struct(">BBQQH")
_GROUP: Final = Struct(">QQI")
_U32: Final = Struct(">I")
HEAD_BYTES: Final = _HEAD.size


class Group(NamedTuple):
    """Consecutive proposals of one origin."""

    origin: bytes
    incarnation: int
    first_number: int
    payloads: Sequence[bytes]


def pack_group(out: list[bytes], group: Group) -> None:
    """Append one group's bytes to ``out``."""
    origin, incarnation, number, payloads = group
    out.append(bytes((len(origin),)) + origin + _GROUP.pack(incarnation, number, len(payloads)))
    pack = _U32.pack
    for payload in payloads:
        out.append(pack(len(payload)))
        out.append(payload)


def pack_entry(wall_ns: int, lease_ms: int, groups: Sequence[Group]) -> bytes:
    """One entry's bytes."""
    out = [_HEAD.pack(COMMAND, VERSION, wall_ns, lease_ms, len(groups))]
    for group in groups:
        pack_group(out, group)
    return b"".join(out)


def acceptable(data: bytes) -> bool:
    """Whether a peer's entry may enter the log: anything but a no-op and our own would be unpickled somewhere."""
    if not data:
        return False
    if data[0] == NO_OP:
        return len(data) == 1
    if data[0] == MEMBERSHIP:
        try:
            Membership.unpack(data)
        except ValueError:
            return False
        return True
    return data[0] == COMMAND and len(data) >= HEAD_BYTES and data[1] == VERSION


def is_newer(data: bytes) -> bool:
    """Whether a later release wrote this entry."""
    if len(data) < 2:
        return False
    return (data[0] == COMMAND and data[1] > VERSION) or (data[0] == MEMBERSHIP and data[1] > MEMBERSHIP_VERSION)


def unpack_stamp(data: bytes) -> tuple[int, int]:
    """``(wall_ns, lease_ms)`` of a command entry."""
    _, _, wall_ns, lease_ms, _ = _HEAD.unpack_from(data)
    return wall_ns, lease_ms


def unpack_groups(data: bytes) -> Iterator[Group]:
    """The entry's groups in order. Raises ``ValueError`` or ``struct.error`` on a malformed entry."""
    _, version, _, _, groups = _HEAD.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"log entry of format {version}; this release reads {VERSION}")
    pos = HEAD_BYTES
    length_at = _U32.unpack_from
    for _ in range(groups):
        start = pos + 1
        pos = start + data[pos]
        origin = data[start:pos]
        incarnation, number, count = _GROUP.unpack_from(data, pos)
        pos += _GROUP.size
        payloads = []
        for _ in range(count):
            (length,) = length_at(data, pos)
            pos += 4
            payloads.append(data[pos : pos + length])
            pos += length
        yield Group(origin, incarnation, number, payloads)
    if pos != len(data):
        raise ValueError("log entry's length does not agree with its contents")
