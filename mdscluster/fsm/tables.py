"""The LMDB tables of the state machine and the keys they are read by.

Every table that belongs to files is keyed by a *fileid*, 64 bits: the volume in the upper 16,
a number that is never used again in the lower 48. So a key names its volume, and volumes can
later move to Raft groups of their own without a change of format.

Integers in keys are big-endian: LMDB sorts bytes, and a cursor over a prefix then yields
entries in numeric order (directory cookies, byte ranges, queues).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

import lmdb

U32: Final = Struct(">I")
U64: Final = Struct(">Q")
U64x2: Final = Struct(">QQ")
U64x3: Final = Struct(">QQQ")

VOLUME_SHIFT: Final = 48
DEFAULT_VOLUME: Final = 1


def root_fileid(volume: int = DEFAULT_VOLUME) -> int:
    """The fileid of a volume's root directory."""
    return volume << VOLUME_SHIFT | 1


def volume_of(fileid: int) -> int:
    return fileid >> VOLUME_SHIFT


#: One row per table: name, then what a key and a value hold.
TABLE_NAMES: Final = (
    "meta",  # name -> counters and settings
    # --- namespace
    "inode",  # fileid -> records.INODE
    "dirent",  # parent fileid + name -> child fileid + cookie
    "dirlist",  # parent fileid + cookie -> child fileid + name (in XDR)
    "symlink",  # fileid -> target
    # --- client state
    "client",  # clientid -> client record
    "client_owner",  # digest of co_ownerid -> confirmed and unconfirmed clientid
    "session",  # sessionid -> session record
    "slot",  # sessionid + slot -> sequence ID, user and digest of the request, cached reply
    "state",  # stateid.other -> state record (open, lock, layout)
    "state_file",  # fileid + type + stateid.other -> what conflicts are judged by
    "state_client",  # clientid + stateid.other -> nothing (what dies with the client)
    "state_owner",  # fileid + clientid + type + owner digest -> stateid.other
    "lock",  # fileid + stateid.other -> byte ranges
    # --- layouts and data servers
    "layout",  # fileid -> how the file is striped
    "device",  # deviceid -> the data servers behind it
    "data_server",  # data-server id -> registration
    "recall",  # stateid.other -> a recall under way
    "fence",  # fileid + clientid -> epoch
    "io_claim",  # clientid -> which front end writes for it, without a layout
    "deletion",  # data server's number + sequence -> fileid whose objects it has to delete
    # --- since feature level 3
    "client_connection",  # node id + 0 + both ends of a client's TCP connection to it -> nothing
    # --- since feature level 5
    "node_fencing",  # one row: fencing.state.State
)
SINCE_LEVEL_3: Final = frozenset(("client_connection",))
SINCE_LEVEL_5: Final = frozenset(("node_fencing",))
LATER: Final = SINCE_LEVEL_3 | SINCE_LEVEL_5
"""Tables that earlier releases do not have: as long as they are empty, a digest does not show them (INV-8)."""


class Tables:
    """Handles of the open tables, one attribute each."""

    __slots__ = TABLE_NAMES

    meta: lmdb._Database
    inode: lmdb._Database
    dirent: lmdb._Database
    dirlist: lmdb._Database
    symlink: lmdb._Database
    client: lmdb._Database
    client_owner: lmdb._Database
    session: lmdb._Database
    slot: lmdb._Database
    state: lmdb._Database
    state_file: lmdb._Database
    state_client: lmdb._Database
    state_owner: lmdb._Database
    lock: lmdb._Database
    layout: lmdb._Database
    device: lmdb._Database
    data_server: lmdb._Database
    recall: lmdb._Database
    fence: lmdb._Database
    io_claim: lmdb._Database
    deletion: lmdb._Database
    client_connection: lmdb._Database
    node_fencing: lmdb._Database

    def __init__(self, env: lmdb.Environment, txn: lmdb.Transaction | None = None) -> None:
        """Open every table; inside ``txn`` (a write transaction) missing ones are created."""
        for name in TABLE_NAMES:
            setattr(self, name, env.open_db(b"fsm_" + name.encode(), txn=txn, create=txn is not None))
