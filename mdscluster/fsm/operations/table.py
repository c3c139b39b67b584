"""One row per NFS operation that the state machine runs: the dispatch table, and its only source."""

from __future__ import annotations

import msgspec

from mdscluster.fsm.compound import PROXY_WRITE_PLACE, TABLE_SIZE, Handler
from nfswire import nfs4


class Operation(msgspec.Struct, frozen=True):
    """How one operation is run."""

    number: int
    """nfs_opnum4."""
    handler: Handler
    changes: bool = False
    """It changes replicated state: a read view stops at it, and the COMPOUND is proposed."""
    needs_fh: bool = True
    """Without a current filehandle it is NFS4ERR_NOFILEHANDLE."""
    first_minor: int = 1
    """The first minor version that has it."""


class Dispatch:
    """The table of one minor version, in the form that :func:`mdscluster.fsm.compound.run` reads."""

    __slots__ = ("changes", "handlers", "needs_fh")

    def __init__(self, minor: int, operations: list[Operation]) -> None:
        self.handlers: list[Handler | None] = [None] * TABLE_SIZE
        self.changes = [False] * TABLE_SIZE
        self.needs_fh = [False] * TABLE_SIZE
        for operation in operations:
            if operation.first_minor <= minor:
                n = PROXY_WRITE_PLACE if operation.number == nfs4.OP_PROXY_WRITE else operation.number
                assert self.handlers[n] is None, f"two rows for operation {n}"
                self.handlers[n] = operation.handler
                self.changes[n] = operation.changes
                self.needs_fh[n] = operation.needs_fh
