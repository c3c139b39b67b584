"""The part of a node's configuration that is about cutting nodes' power (docs/FENCING.md, docs/adr/0021)."""

from __future__ import annotations

from dataclasses import dataclass

from fencing import budget
from fencing.device import Device, DeviceError, same_outlet
from mdsproto.configfile import ConfigError


@dataclass(frozen=True, slots=True)
class Fencing:
    """Cutting the power of metadata servers that failed (docs/FENCING.md). Without devices nothing of it is done."""

    interval_ms: int = 500
    """A server that is silent for no longer than this is there: its messages come ten times a second."""
    suspect_ms: int = 2_000
    """One that is missing for this long is fenced, if a leader with a quorum misses it. Longer than a restart takes;
    guard.stall_ms and a restart where no machine shall be lost for a process that hangs."""
    power_on: bool = True
    """Restore its power afterwards, so that it comes back by itself. Otherwise it stays off until somebody looks."""
    node_per_hour: int = 3
    """A server that was fenced so often within an hour is left to the operator."""
    cluster_per_hour: int = 6
    """The same for all of them together."""
    devices: tuple[Device, ...] = ()
    """The ways to every server's power, each server's in the order in which they are tried. The same list on every
    metadata server: any of them may be asked to use it. Taken up without a restart."""

    def devices_of(self, node_id: str) -> tuple[Device, ...]:
        """One server's, in order."""
        return tuple(device for device in self.devices if device.node == node_id)

    def validate(self, election_max_ms: int) -> None:
        """:class:`ConfigError` for what cannot work. ``election_max_ms``: consensus' own time."""
        for name, least in (("interval_ms", 300), ("node_per_hour", 1), ("cluster_per_hour", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"fencing.{name} is {getattr(self, name)}: it must be at least {least}")
        least = 2 * self.interval_ms + election_max_ms
        if self.suspect_ms < least:
            raise ConfigError(
                f"fencing.suspect_ms is {self.suspect_ms}: it must be at least {least} (two intervals and an "
                "election), or servers are fenced that are merely late"
            )
        names = [device.name for device in self.devices]
        for device in self.devices:
            try:
                device.validate()
            except DeviceError as problem:
                raise ConfigError(f"fencing.devices: {problem}") from problem
            if not is_node_id(device.node):
                raise ConfigError(f"fencing device {device.name!r}: {device.node!r} is no node id")
            if names.count(device.name) > 1:
                raise ConfigError(f"fencing.devices: {device.name!r} is there twice")
        for node in dict.fromkeys(device.node for device in self.devices):
            if words := budget.excess(node, self.devices_of(node)):
                raise ConfigError(f"fencing.devices: {words}")
        for first, second in same_outlet(self.devices):
            raise ConfigError(
                f"fencing.devices: {first.name!r} of {first.node} and {second.name!r} of {second.node} are the same "
                f"power ({first.place}): who fences one of them would switch the other off"
            )


def is_node_id(text: str) -> bool:
    """Letters, digits and hyphens, at most 63: it stands in certificates."""
    return 0 < len(text) <= 63 and text.isascii() and text.replace("-", "x").isalnum() and not text.startswith("-")
