"""Who belongs to the cluster: the membership as a value, and as a log entry of a kind of its own.

The entry holds the whole membership, so that any one of them tells everything. Layout::

    u8  0x4e          command type; pysyncobj's apply ignores it as it does our other entries
    u8  version       1
    MessagePack       [[id, number, voter, host, port, admin, nfs], ...], next number
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from struct import Struct
from typing import Final

import msgspec

MEMBERSHIP: Final = 0x4E
"""First byte of a membership entry."""
VERSION: Final = 1
FEATURE_LEVEL: Final = 2
"""No membership entry before the cluster is at this level: an older release refuses the entry and all behind it."""

Position = tuple[int, int]
"""(term, index) of the entry that a membership comes from: a later one is never smaller. (0, 0): of a file."""
START: Final[Position] = (0, 0)

_POSITION: Final = Struct(">QQ")
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Member:
    """One metadata server."""

    id: str
    number: int
    """Small, and never given to another member of this cluster."""
    voter: bool
    """False: a learner, which gets the log and counts in nothing."""
    host: str
    port: int
    """Its consensus listener."""
    admin: str = ""
    """``host:port`` of its control and admin listener; consensus only keeps it."""
    nfs: str = ""
    """``host:port`` of its NFS server; the same."""

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port


_Row = tuple[str, int, bool, str, int, str, str]
_decode = msgspec.msgpack.Decoder(tuple[list[_Row], int]).decode


@dataclass(frozen=True, slots=True)
class Membership:
    """All members, sorted by id. Immutable: a change makes another one."""

    members: tuple[Member, ...]
    next_number: int
    """The next new member's number."""
    voters: frozenset[str] = field(init=False)
    ids: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "voters", frozenset(member.id for member in self.members if member.voter))
        object.__setattr__(self, "ids", frozenset(member.id for member in self.members))

    @property
    def quorum(self) -> int:
        """Voters that make a majority."""
        return len(self.voters) // 2 + 1

    def find(self, node_id: str) -> Member | None:
        return next((member for member in self.members if member.id == node_id), None)

    # Changes, of at most one voter each.

    def with_learner(self, node_id: str, address: tuple[str, int], admin: str, nfs: str) -> Membership:
        """``node_id`` added, without a vote."""
        assert node_id not in self.ids
        new = Member(node_id, self.next_number, False, *address, admin, nfs)
        return Membership(tuple(sorted((*self.members, new), key=lambda member: member.id)), self.next_number + 1)

    def with_voter(self, node_id: str) -> Membership:
        """The learner ``node_id`` made a voter."""
        return replace_members(
            self, [replace(member, voter=member.voter or member.id == node_id) for member in self.members]
        )

    def without(self, node_id: str) -> Membership:
        """``node_id`` removed."""
        return replace_members(self, [member for member in self.members if member.id != node_id])

    # On the wire and in the log.

    def pack(self) -> bytes:
        """The log entry."""
        rows = [(m.id, m.number, m.voter, m.host, m.port, m.admin, m.nfs) for m in self.members]
        return bytes((MEMBERSHIP, VERSION)) + _encode((rows, self.next_number))

    @classmethod
    def unpack(cls, data: bytes) -> Membership:
        """``ValueError`` on anything that :meth:`pack` does not make."""
        if data[:2] != bytes((MEMBERSHIP, VERSION)):
            raise ValueError(f"membership of format {data[:2].hex()}; this release reads {MEMBERSHIP:x}{VERSION:02x}")
        try:
            rows, next_number = _decode(data[2:])
        except msgspec.MsgspecError as error:
            raise ValueError(f"no membership: {error}") from error
        return cls(tuple(Member(*row) for row in rows), next_number)


def replace_members(membership: Membership, members: list[Member]) -> Membership:
    """``members`` in the place of those of ``membership``."""
    return Membership(tuple(members), membership.next_number)


def pack_at(position: Position, membership: Membership) -> bytes:
    """A membership and where it comes from: how nodes tell each other, and how the state keeps it."""
    return _POSITION.pack(*position) + membership.pack()


def unpack_at(data: bytes) -> tuple[Position, Membership]:
    """``ValueError`` on anything that :func:`pack_at` does not make."""
    if len(data) < _POSITION.size:
        raise ValueError("no membership: too short")
    term, index = _POSITION.unpack_from(data)
    return (term, index), Membership.unpack(bytes(data[_POSITION.size :]))
