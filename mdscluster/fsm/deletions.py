"""Reading the deletion queue: what each data server still has to delete (INV-11)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from mdscluster.fsm.data_servers import all_servers
from mdscluster.fsm.files import decode_deletion
from mdscluster.fsm.tables import U64

if TYPE_CHECKING:
    import lmdb

    from mdscluster.fsm.tables import Tables


def of_server(txn: lmdb.Transaction, tables: Tables, ds_id: str, most: int) -> list[tuple[int, int]]:
    """Up to ``most`` queue entries for a data server, oldest first: (sequence, fileid)."""
    number = next((server.number for server in all_servers(txn, tables) if server.ds_id == ds_id), 0)
    found: list[tuple[int, int]] = []
    with txn.cursor(db=tables.deletion) as cursor:
        for key, value in cursor:
            entry = decode_deletion(value)
            if number in entry.numbers:
                found.append((U64.unpack(key)[0], entry.fileid))
                if len(found) == most:
                    break
    return found


def pending(txn: lmdb.Transaction, tables: Tables) -> Counter[int]:
    """Entries that wait, by the data server's number."""
    counts: Counter[int] = Counter()
    with txn.cursor(db=tables.deletion) as cursor:
        for _, value in cursor:
            counts.update(decode_deletion(value).numbers)
    return counts
