"""When this node last heard of each data server, and what it said.

Every data server tells every metadata server, so a new leader knows at once who is alive. Time is an
argument (milliseconds of a monotonic clock).
"""

from __future__ import annotations

from typing import Final

import msgspec
import structlog

from mdscluster.control.admission import Refusal

log = structlog.get_logger()

_REFUSED_MS: Final = 5_000
"""How long a refusal is told of after the last heartbeat that was refused."""


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
        self._refused: dict[str, tuple[Refusal, int]] = {}

    def note(self, heard: Heard) -> None:
        """A heartbeat of a data server that may serve."""
        self.heard[heard.ds_id] = heard
        self._refused.pop(heard.ds_id, None)

    def refuse(self, ds_id: str, refusal: Refusal, now_ms: int) -> None:
        """A data server that may not serve: logged once, told of as long as it comes again."""
        known = self._refused.get(ds_id)
        if known is None or known[0] != refusal:
            log.error("data server refused", ds=ds_id, state=refusal.state, reason=refusal.reason)
        self._refused[ds_id] = (refusal, now_ms)

    def refused(self, now_ms: int) -> dict[str, Refusal]:
        """Data servers that are being refused, by ID."""
        return {ds_id: one for ds_id, (one, at_ms) in self._refused.items() if now_ms - at_ms <= _REFUSED_MS}

    def silent_ms(self, ds_id: str, now_ms: int) -> int | None:
        """Milliseconds since the last heartbeat; None: never heard by this node."""
        heard = self.heard.get(ds_id)
        return None if heard is None else now_ms - heard.at_ms
