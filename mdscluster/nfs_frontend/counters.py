"""Counts of what this node answered: every operation and every status that it sent."""

from __future__ import annotations

from collections import Counter
from struct import Struct
from typing import Final

from mdscluster.fsm.compound import COUNTS
from nfswire import nfs4
from nfswire.xdr import XdrError

_U32: Final = Struct(">I")


class Counters:
    """Status of every COMPOUND sent, by name when read. What failover must never send can be looked up here."""

    __slots__ = ("calls", "proposed", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.calls: Counter[str] = Counter()
        self.proposed = [0] * COUNTS

    def operations(self, run: list[int]) -> dict[str, int]:
        """Operations answered, by name: those that ran on a view here (``run``), and those that were proposed."""
        totals = [here + proposed for here, proposed in zip(run, self.proposed, strict=True)]
        return {nfs4.OP_NAMES.get(op, str(op)): n for op, n in enumerate(totals) if n}

    def count_proposed(self, data: bytes, pos: int, end: int, operations: int) -> None:
        """Count the operations of a COMPOUND that is about to be proposed; what runs in the log is not seen here."""
        counts = self.proposed
        try:
            for _ in range(operations):
                if pos + 4 > end:
                    return
                op = _U32.unpack_from(data, pos)[0]
                codec = nfs4.ARGS.get(op)
                if codec is None or op >= COUNTS:
                    return
                counts[op] += 1
                _, pos = codec[0](data, pos + 4)
        except XdrError:
            return  # it will be answered NFS4ERR_BADXDR

    def by_name(self) -> dict[str, int]:
        return {nfs4.STATUS_NAMES.get(status, str(status)): n for status, n in sorted(self.statuses.items())}
