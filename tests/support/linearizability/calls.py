"""What clients ask and what they are answered, as the sequential models see it.

Objects, files and directories go by an ID of the history's own (for ``nfsclient`` the filehandle in hexadecimal, which
names an object for ever), lock and open owners by a string that no two owners share. Statuses are nfsstat4 numbers.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

How: TypeAlias = Literal["unchecked", "guarded", "exclusive"]
Kind: TypeAlias = Literal["read", "write"]

TO_THE_END = 0xFFFFFFFFFFFFFFFF
"""Length of a byte range that has no end."""


class Call(msgspec.Struct, frozen=True, tag_field="call", tag=str.lower):
    """One operation's arguments."""


class Create(Call, frozen=True):
    """Make a regular file (OPEN with CREATE). Answers its ``object``."""

    directory: str
    name: str
    how: How = "guarded"


class MkDir(Call, frozen=True):
    """Make a directory. Answers its ``object``."""

    directory: str
    name: str


class Lookup(Call, frozen=True):
    """Which ``object`` a name stands for."""

    directory: str
    name: str


class ReadDir(Call, frozen=True):
    """All entries. ``whole``: the server took them from one state (one reply); else each holds for itself only."""

    directory: str
    whole: bool = True


class Rename(Call, frozen=True):
    """Move an entry, within a directory or to another. What had the new name is removed."""

    directory: str
    name: str
    to_directory: str
    to_name: str


class Link(Call, frozen=True):
    """One more name for a file."""

    object: str
    directory: str
    name: str


class Remove(Call, frozen=True):
    """Take a name away."""

    directory: str
    name: str


class SetSize(Call, frozen=True):
    """Set a file's size, in bytes."""

    object: str
    size: int


class GetAttr(Call, frozen=True):
    """An object's ``size``, ``nlink`` and ``change`` (those that the answer holds are checked)."""

    object: str


class Lock(Call, frozen=True):
    """Lock ``length`` bytes. Refused with NFS4ERR_DENIED and the ``holder``."""

    file: str
    owner: str
    offset: int
    length: int
    kind: Kind = "write"


class TestLock(Call, frozen=True):
    """Whether a lock would be granted: NFS4_OK, or NFS4ERR_DENIED and the ``holder``."""

    __test__ = False  # no test, whatever its name begins with
    file: str
    owner: str
    offset: int
    length: int
    kind: Kind = "write"


class Unlock(Call, frozen=True):
    """Unlock bytes; those that are not locked are no error."""

    file: str
    owner: str
    offset: int
    length: int


class Open(Call, frozen=True):
    """Open a file: ``access`` and ``deny`` are 1 for reading, 2 for writing. Another open of an owner adds to it."""

    file: str
    owner: str
    access: int
    deny: int = 0


class Downgrade(Call, frozen=True):
    """Keep only part of an open."""

    file: str
    owner: str
    access: int
    deny: int = 0


class Close(Call, frozen=True):
    """End an owner's open of a file, and release its locks. With unknown outcome: the owner's client has died."""

    file: str
    owner: str


class Holder(msgspec.Struct, frozen=True, omit_defaults=True):
    """The lock in the way, as NFS4ERR_DENIED reports it."""

    owner: str
    offset: int
    length: int
    kind: Kind = "write"


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A status, and of the results those that are known. What is None is not checked."""

    status: int = 0
    object: str | None = None
    entries: dict[str, str] | None = None
    """Of ``ReadDir``: object by name."""
    moved: tuple[int, int] | None = None
    """The directory's change attribute before and after, if atomic (change_info4); of ``Rename`` the source's."""
    moved_target: tuple[int, int] | None = None
    size: int | None = None
    nlink: int | None = None
    change: int | None = None
    holder: Holder | None = None
    replica: tuple[str, int] | None = None
    """Which replica gave it from a state that others may have left behind, and as its how-manieth answer to this
    client: what it showed first is not newer than what it showed later."""


AnyCall: TypeAlias = (
    Create | MkDir | Lookup | ReadDir | Rename | Link | Remove | SetSize | GetAttr
    | Lock | TestLock | Unlock | Open | Downgrade | Close
)
