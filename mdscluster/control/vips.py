"""What keepalived did with this machine's service addresses, as its notify script leaves it (deploy/keepalived.py).

One file for each VRRP instance, named ``vip_ADDRESS``: its state, its priority, and when that changed. keepalived that
was killed tells nothing any more and leaves the address where it is: what the kernel has is asked of the kernel.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mdscluster import rtnetlink

MASTER: Final = "MASTER"
VRRP_STATES: Final = (MASTER, "BACKUP", "FAULT", "STOP")
_PREFIX: Final = "vip_"
_BYTES_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class VipState:
    """One service address here."""

    address: str
    state: str
    """``MASTER``: this machine has it. ``FAULT``: it may not have it. One of ``VRRP_STATES``."""
    priority: int
    since_s: float
    """Wall clock."""


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
