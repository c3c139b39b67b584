"""The operations of NFSv4.1 and 4.2 that run over the state machine's tables.

Each module holds a handful of handlers that belong together, and lists them in ``OPERATIONS``.
"""

from __future__ import annotations

from typing import Final

from mdscluster.fsm.operations import attributes, directory, filehandle, layouts, locks, opens, proxy, readdir, sessions
from mdscluster.fsm.operations.table import Dispatch, Operation

OPERATIONS: Final[list[Operation]] = [
    *filehandle.OPERATIONS,
    *attributes.OPERATIONS,
    *directory.OPERATIONS,
    *readdir.OPERATIONS,
    *sessions.OPERATIONS,
    *opens.OPERATIONS,
    *locks.OPERATIONS,
    *layouts.OPERATIONS,
    *proxy.OPERATIONS,
]

#: By minor version. Minor version 0 is not served: it has no sessions.
DISPATCH: Final = {minor: Dispatch(minor, OPERATIONS) for minor in (1, 2)}

__all__ = ["DISPATCH", "OPERATIONS", "Dispatch", "Operation"]
