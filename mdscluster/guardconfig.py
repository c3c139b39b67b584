"""The part of a node's configuration that is about its guard (docs/GUARD.md, docs/adr/0024)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mdsproto.configfile import ConfigError

_RUN_DIR_BYTES_MAX: Final = 90
_LEAST: Final = {
    "status_ms": 100, "silence_ms": 150, "step_back_ms": 300, "lag_entries": 1, "stall_ms": 2_000, "start_ms": 10_000,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Guard:
    """A process of its own that judges this node (docs/GUARD.md). Without run_dir nothing of it is done."""

    run_dir: str = ""
    """Where the guard listens and tells keepalived whether this node may have service addresses (vip-health); its unit
    makes it. Empty: there is no guard."""
    vip_dir: str = ""
    """Where keepalived's notify script leaves the state of each service address, for the guard, mdsctl vip and metrics;
    empty: there is none."""
    status_ms: int = 150
    """A node whose consensus process owes an answer for this long is weak: if it has a service address it steps
    back once, and has it afterwards only if nobody better took it."""
    silence_ms: int = 200
    """The same for one that says nothing to its guard; it speaks twenty times a second."""
    step_back_ms: int = 1_000
    """How long a weak node lets go, for a fit one to take over: longer than three VRRP adverts and a little more. A
    silence that lasts for this long beyond its bound is no weakness any more: the node may have no service address."""
    settle_ms: int = 1_000
    """How long a node must be fit without a break before it is trusted like the others again."""
    lag_entries: int = 1_000
    """A node that is further behind the cluster's log is weak."""
    stall_ms: int = 5_000
    """A node whose consensus process or front end stands still for this long is ended, and started anew."""
    start_ms: int = 60_000
    """The same for one that was asked to stop, and for one that has not said a word since its start: the next start may
    take twice as long, up to sixteen times, until it has spoken."""
    quorum_ms: int = 0
    """A node that has lost its quorum for this long is ended, once for each loss. 0: never; it serves nobody a change
    meanwhile, and is back with the network, which a restart would only delay."""
    watchdog: str = ""
    """The device that resets this machine when the guard cannot tell the node's state, like /dev/watchdog."""
    watchdog_timeout_s: int = 15
    """How long after the last time that it could."""
    watchdog_required: bool = False
    """Without the device this node may not have service addresses. Otherwise its lack is logged."""

    def validate(self, lease_ms: int) -> None:
        """:class:`ConfigError` for what cannot work. ``lease_ms``: clients' lease."""
        for name in ("run_dir", "vip_dir", "watchdog"):
            path = getattr(self, name)
            if path and not Path(path).is_absolute():
                raise ConfigError(f"guard.{name} is {path!r}: it must be an absolute path")
        if len(self.run_dir.encode()) > _RUN_DIR_BYTES_MAX:
            raise ConfigError(f"guard.run_dir is longer than {_RUN_DIR_BYTES_MAX} bytes: a Unix socket must fit in")
        least = _LEAST | {"settle_ms": self.silence_ms} | ({"quorum_ms": 10_000} if self.quorum_ms else {})
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ConfigError(f"guard.{name} is {getattr(self, name)}: it must be at least {bound}")
        if self.start_ms < self.stall_ms:
            raise ConfigError(f"guard.start_ms must be at least guard.stall_ms ({self.stall_ms})")
        if self.stall_ms <= max(self.silence_ms, self.status_ms):
            raise ConfigError(f"guard.stall_ms is {self.stall_ms}: it must be more than guard.silence_ms and status_ms")
        if self.watchdog_required and not self.watchdog:
            raise ConfigError("guard.watchdog_required is set, and guard.watchdog names no device")
        least_s, most_s = -(-2 * self.stall_ms // 1000), lease_ms // 2000
        if self.watchdog and not least_s <= self.watchdog_timeout_s <= most_s:
            raise ConfigError(
                f"guard.watchdog_timeout_s is {self.watchdog_timeout_s}: it must be {least_s} (twice guard.stall_ms, "
                f"so that the node is ended first) to {most_s} (half of cluster.lease_ms)"
            )
