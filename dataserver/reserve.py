"""What clients leave free of a data server's file system.

A metadata server's log and state may lie on the same one. Were clients able to fill it, no metadata server could make
anything durable any more, and so nobody could remove a file: the cluster would not come out of it by itself. So a WRITE
that needs a new block is refused (NFS4ERR_NOSPC) while less than the reserve is free.

The system is asked how much is free with each heartbeat, and a WRITE only counts itself against what there was beyond
the reserve. It asks itself when that is used up: the more often, the nearer the reserve. Threads may count over each
other, and who else writes to the file system is seen by the next question only; both are small beside the reserve.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger()

BY_SIZE: Final = -1
"""As setting: of :func:`reserve_of`'s choice."""
_MIB: Final = 1 << 20
_LEAST: Final = 256 * _MIB
_MOST: Final = 10 * 1024 * _MIB


def reserve_of(capacity_bytes: int, wanted_bytes: int = BY_SIZE) -> int:
    """The reserve of a file system of this size, bytes.

    By its size: a fiftieth, at most 10 GiB, and at least 256 MiB, of a small one a twentieth. Of what is wanted, at
    most half the file system.
    """
    if wanted_bytes != BY_SIZE:
        return min(wanted_bytes, capacity_bytes // 2)
    return min(max(capacity_bytes // 50, min(_LEAST, capacity_bytes // 20)), _MOST)


class Reserve:
    """Of one file system. Called from any thread."""

    def __init__(self, look: Callable[[], tuple[int, int]], wanted_bytes: int) -> None:
        """``look``: the file system's size and what is free of it, bytes; ``OSError``."""
        self._look = look
        self._wanted_bytes = wanted_bytes
        self._left_bytes = 0
        """Beyond the reserve, at the last look, less what was written since."""
        self._reached = False

    def look(self) -> tuple[int, int]:
        """The file system's size, and what clients may still fill of it, bytes. ``OSError``."""
        capacity_bytes, free_bytes = self._look()
        reserve_bytes = reserve_of(capacity_bytes, self._wanted_bytes)
        self._left_bytes = left_bytes = max(free_bytes - reserve_bytes, 0)
        # Twice the reserve is free before it counts as left behind, or it would be told of again and again.
        if self._reached != (left_bytes <= (reserve_bytes if self._reached else 0)):
            self._reached = not self._reached
            told = "no more is taken of clients: the reserve is reached" if self._reached else "more is taken again"
            log.warning(told, free_bytes=free_bytes, reserve_bytes=reserve_bytes)
        return capacity_bytes, left_bytes

    def admits(self, size_bytes: int) -> bool:
        """Whether so much may be taken now; counted, if it may. ``OSError``."""
        self._left_bytes -= size_bytes
        if self._left_bytes >= 0:
            return True
        self.look()
        self._left_bytes -= size_bytes
        return self._left_bytes >= 0
