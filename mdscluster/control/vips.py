"""What keepalived did with this machine's service addresses, as its notify script leaves it (deploy/keepalived.py).

One file for each VRRP instance, named ``vip_ADDRESS``: its state, its priority, and when that changed. keepalived that
was killed tells nothing any more and leaves the address where it is: what the kernel has is asked of the kernel. One
that never got so far as to tell leaves no file: which addresses there should be is the node's configuration's to say.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mdscluster import rtnetlink
from mdscluster.control.filed import Filed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mdscluster.config import NodeConfig

MASTER: Final = "MASTER"
STOPPED: Final = "STOP"
VRRP_STATES: Final = (MASTER, "BACKUP", "FAULT", STOPPED)
UNKNOWN: Final = "UNKNOWN"
"""keepalived has told nothing of the address here: it does not run, does not take its file, or has another one."""
STATES: Final = (*VRRP_STATES, UNKNOWN)
_PREFIX: Final = "vip_"
_BYTES_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class VipState:
    """One service address here."""

    address: str
    state: str
    """``MASTER``: this machine has it. ``FAULT``: it may not have it. One of ``STATES``."""
    priority: int
    since_s: float
    """Wall clock; 0 with ``UNKNOWN``."""


def states(directory: str) -> list[VipState]:
    """Every address that is told of, in order. What cannot be read is left out: it is for people, and for hurry."""
    found = []
    try:
        files = sorted(Path(directory).glob(f"{_PREFIX}*")) if directory else []
    except OSError:
        files = []
    for file in files:
        try:
            with file.open("rb") as opened:
                state, priority, since = opened.read(_BYTES_MAX).decode().split()
            address = ipaddress.ip_address(file.name.removeprefix(_PREFIX).replace("_", ":"))
            found.append(VipState(str(address), state, int(priority), float(since)))
        except (OSError, ValueError):
            continue
    return found


def with_untold(told: list[VipState], known: Iterable[str]) -> list[VipState]:
    """``told``, and each address of ``known`` (as IP addresses are written) that it lacks as ``UNKNOWN``; in order."""
    lacking = {*known} - {state.address for state in told}
    return sorted([*told, *(VipState(address, UNKNOWN, 0, 0.0) for address in lacking)], key=lambda vip: vip.address)


class ServiceAddresses:
    """This machine's: those that its node's configuration names, and those that keepalived tells of."""

    def __init__(self, config: NodeConfig, file: Path | None = None) -> None:
        """``file``: the one that ``config`` was read from. It is read again when it was exchanged: keepalived takes its
        own file up while the node runs, and an address that was taken out would be missed until the node's restart."""
        self._directory = config.guard.vip_dir
        self.filed = Filed(config, file)

    def states(self) -> list[VipState]:
        """Every address, in order."""
        return with_untold(states(self._directory), self.filed.now().service_addresses)

    def kept(self, address: str) -> bool:
        """Whether keepalived's last word of an address was that it watches over it, wherever it is. No longer one that
        was stopped: an administrator may give a reader the address by hand then (docs/GUARD.md)."""
        return any(vip.address == address and vip.state != STOPPED for vip in states(self._directory))


def has_any(directory: str) -> bool:
    """Whether this machine has a service address."""
    return any(state.state == MASTER for state in states(directory))


def is_here(address: str) -> bool:
    """Whether this host has the address, by the kernel's word. Where the kernel does not say, it is not here.

    That it could be bound would tell nothing where ``ip_nonlocal_bind`` is set.
    """
    try:
        return str(ipaddress.ip_address(address)) in rtnetlink.addresses()
    except OSError:
        return False
