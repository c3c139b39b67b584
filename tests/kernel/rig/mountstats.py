"""Reads ``/proc/self/mountstats``: what the kernel's NFS client counted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class OpStats:
    """One operation's line of the per-op table."""

    operations: int
    """Requests begun."""
    transmissions: int
    """Transmissions, retransmissions included."""
    timeouts: int
    """Major timeouts."""
    errors: int
    """Requests that ended with an error status (kernels before 5.3 have no such column: 0)."""


@dataclass(frozen=True)
class MountStats:
    """One NFS mount's counters."""

    device: str
    """``ADDRESS:/EXPORT``."""
    options: str
    """The ``opts:`` line."""
    pnfs: str
    """The layout driver in use, such as ``LAYOUT_NFSV4_1_FILES``; ``not configured`` without pNFS."""
    bytes: dict[str, int] = field(default_factory=dict)
    """The ``bytes:`` line by name."""
    operations: dict[str, OpStats] = field(default_factory=dict)
    """By name: ``READ``, ``LAYOUTGET``, ..."""

    def count(self, operation: str) -> int:
        """How many requests of this kind the client sent to the server that it mounted."""
        found = self.operations.get(operation)
        return found.operations if found else 0


_BYTES = ("normal_read", "normal_write", "direct_read", "direct_write", "server_read", "server_write")


def parse_mountstats(text: str) -> dict[str, MountStats]:
    """Every NFS mount by mount point."""
    found = {}
    for block in re.split(r"(?m)^(?=device )", text):
        head = re.match(r"device (\S+) mounted on (\S+) with fstype nfs4? ", block)
        if head:
            found[head.group(2)] = _parse_block(head.group(1), block)
    return found


def _parse_block(device: str, block: str) -> MountStats:
    options = re.search(r"(?m)^\s*opts:\s*(.*)$", block)
    pnfs = re.search(r"pnfs=([^,\n]*)", block)
    counts = re.search(r"(?m)^\s*bytes:\s*(.*)$", block)
    operations = {}
    _, _, table = block.partition("per-op statistics")
    for name, numbers in re.findall(r"(?m)^\s*([A-Z_0-9]+):\s+([\d ]+)$", table):
        columns = [int(n) for n in numbers.split()]
        errors = columns[8] if len(columns) > 8 else 0
        operations[name] = OpStats(columns[0], columns[1], columns[2], errors)
    return MountStats(
        device=device,
        options=options.group(1) if options else "",
        pnfs=pnfs.group(1).strip() if pnfs else "",
        bytes=dict(zip(_BYTES, (int(n) for n in counts.group(1).split()), strict=False)) if counts else {},
        operations=operations,
    )
