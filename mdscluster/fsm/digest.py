"""A hash over the replicated state: equal at an equal applied index on every replica (INV-8)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from mdscluster.fsm.tables import LATER, TABLE_NAMES, U32, U64

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.tables import Tables

APPLIED_INDEX: Final = b"applied_index"


def digest(txn: lmdb.Transaction, tables: Tables) -> tuple[int, bytes]:
    """The applied index that ``txn`` shows, and the hash over every table at it."""
    h = hashlib.blake2b(digest_size=16)
    for name in TABLE_NAMES:
        table = getattr(tables, name)
        if name in LATER and not txn.stat(table)["entries"]:
            continue
        h.update(name.encode())
        with txn.cursor(db=table) as cursor:
            for key, value in cursor:
                h.update(U32.pack(len(key)) + key + U32.pack(len(value)) + value)
    raw = txn.get(APPLIED_INDEX, db=tables.meta)
    return (0 if raw is None else int(U64.unpack(raw)[0])), h.digest()
