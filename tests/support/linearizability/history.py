"""Histories: operations with the time they were invoked and answered, in memory and as JSON lines.

The first line of the file is the header, every other one an operation. A history that a chaos run has kept is checked
again by ``python -m tests.support.linearizability FILE``.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from nfsclient.errors import status_name
from tests.support.linearizability.calls import Answer, AnyCall

FORMAT = "mdscluster history 1"


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of one client.

    Without an answer the outcome is unknown: it may take effect at any time after its invocation, or never. Times are
    milliseconds of one clock. Equal times are concurrent.
    """

    client: str
    call: AnyCall
    invoked_ms: float
    completed_ms: float | None = None
    answer: Answer | None = None

    def __post_init__(self) -> None:
        assert (self.answer is None) == (self.completed_ms is None), "an answer comes at a time"
        assert self.completed_ms is None or self.invoked_ms <= self.completed_ms, "answered before it was asked"

    @property
    def ends_ms(self) -> float:
        """When it must have taken effect."""
        return float("inf") if self.completed_ms is None else self.completed_ms


class _Header(msgspec.Struct, frozen=True):
    format: str
    directories: list[str]


class History(msgspec.Struct):
    """Operations in any order. ``directories``: those that existed, empty, when it began; names are made in these."""

    operations: list[Operation] = []
    directories: list[str] = []

    def __len__(self) -> int:
        return len(self.operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def add(self, operation: Operation) -> None:
        self.operations.append(operation)

    def until(self, time_ms: float) -> History:
        """What was known at ``time_ms``: later answers are still to come. Linearizable if the whole is."""
        kept = []
        for operation in self.operations:
            if operation.invoked_ms > time_ms:
                continue
            if operation.ends_ms > time_ms:
                operation = msgspec.structs.replace(operation, completed_ms=None, answer=None)
            kept.append(operation)
        return History(kept, self.directories)

    def concurrency(self) -> int:
        """The largest number of answered operations under way at once."""
        events = [(o.invoked_ms, 0, 1) for o in self.operations if o.answer is not None]
        events += [(o.ends_ms, 1, -1) for o in self.operations if o.answer is not None]
        most = now = 0
        for _, _, step in sorted(events):
            now += step
            most = max(most, now)
        return most

    def outcomes(self) -> Counter[tuple[str, str]]:
        """How often each call ended how: ``("create", "NFS4ERR_EXIST")``; ``"unknown"`` without an answer."""
        return Counter(
            (type(o.call).__name__.lower(), "unknown" if o.answer is None else status_name(o.answer.status))
            for o in self.operations
        )

    def save(self, path: Path) -> None:
        """Write JSON lines; compressed when the name ends in ``.gz``."""
        encode = msgspec.json.encode
        lines = [encode(_Header(FORMAT, self.directories)), *map(encode, self.operations), b""]
        content = b"\n".join(lines)
        path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)

    @classmethod
    def load(cls, path: Path) -> History:
        """Read what ``save`` wrote; ``ValueError`` (msgspec's too) when it is something else."""
        content = path.read_bytes()
        lines = (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()
        header = msgspec.json.decode(lines[0] if lines else b"", type=_Header)
        if header.format != FORMAT:
            raise ValueError(f"{path} has format {header.format!r}, not {FORMAT!r}")
        decoder = msgspec.json.Decoder(Operation)
        return cls([decoder.decode(line) for line in lines[1:]], header.directories)


def merged(histories: Iterable[History]) -> History:
    """One history of several clients' (same clock)."""
    whole = History([], [])
    for history in histories:
        whole.operations += history.operations
        whole.directories += [d for d in history.directories if d not in whole.directories]
    return whole
