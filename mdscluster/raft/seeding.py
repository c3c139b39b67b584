"""A disk that begins with a restored state instead of an empty one.

Its log begins at the entry that the state is of, as behind a snapshot: so a server that joins later, or lost its disk,
gets the whole state, and never a log to be replayed on nothing. It has promised nothing, and founds a cluster with
others like an empty one does, but only with those that were seeded alike (``Founding.meet``).
"""

from __future__ import annotations

import os
from typing import Final

from mdscluster.raft.entry import NO_OP
from mdscluster.raft.store import Store

_TERM: Final = 0
"""No leader wrote it. Every leader's term is higher."""


def seed(store: Store, index: int, lease_ms: int, identity: bytes) -> None:
    """Make an unused store's beginning this entry; the caller commits. ``identity``: of the state that was restored."""
    assert index > 1, "entry 1 is every log's first"
    txn = store.txn
    txn.drop(store.log, delete=False)
    txn.put(index.to_bytes(8, "big"), _TERM.to_bytes(8, "big") + bytes((NO_OP,)), db=store.log)
    store.set_applied(index, _TERM, lease_ms)
    store.set_seed(identity)
    store.set_disk_id(os.urandom(16))
