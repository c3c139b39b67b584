from __future__ import annotations

from typing import Final

from mdscluster.fsm.operations.table import Operation

OPERATIONS: Final[list[Operation]] = []
