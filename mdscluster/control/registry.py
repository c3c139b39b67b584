"""When this node last heard of each data server, and what it said.

Every data server tells every metadata server, so a new leader knows at once who is alive. Time is an
argument (milliseconds of a monotonic clock).
"""

from __future__ import annotations

import msgspec


class Heard(msgspec.Struct):
    """A data server's last heartbeat as it reached this node."""

    ds_id: str
    instance: int
    host: str
    port: int
    control_host: str
    control_port: int
    capacity_bytes: int
    free_bytes: int
    fence_version: int
    at_ms: int

    @property
    def control_address(self) -> str:
        host = f"[{self.control_host}]" if ":" in self.control_host else self.control_host
        return f"{host}:{self.control_port}"


class Registry:
    """Data servers by ID."""

    def __init__(self) -> None:
        self.heard: dict[str, Heard] = {}

    def note(self, heard: Heard) -> None:
        self.heard[heard.ds_id] = heard

    def silent_ms(self, ds_id: str, now_ms: int) -> int | None:
        """Milliseconds since the last heartbeat; None: never heard by this node."""
        heard = self.heard.get(ds_id)
        return None if heard is None else now_ms - heard.at_ms
