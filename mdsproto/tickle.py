"""Packets of a server that has taken an address over, or is back: gratuitous ARP; tickle ACKs to former clients.

A client of a server that is gone would notice when its TCP repeats something, after seconds. A tickle ACK makes it
notice at once: to an ACK outside of its window the client's TCP says what would fit (RFC 9293 §3.10.7.4), by an ACK
that arrives here, where there is no such connection, and this kernel's reset ends it. Where there is one by now, since
the client has come back from the same port, the client's answer only repeats what is known.

Raw sockets need CAP_NET_RAW. They are open only while something is sent, as they would get a copy of all traffic.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from struct import Struct
from typing import Final, Protocol

_TCP: Final = Struct(">HHIIBBHHH")
_PSEUDO: Final = Struct(">4s4sBBH")
_HEADER_WORDS: Final = 5 << 4
_ACK: Final = 0x10
_WINDOW: Final = 1024
_CHECKSUM_AT: Final = 16
_IPV6_CHECKSUM: Final = 7  # of Linux; not in the socket module
_ARP: Final = Struct(">HHBBH6s4s6s4s")
_ETHERNET: Final = 1
_ETHERTYPE_IP: Final = 0x0800
_ETHERTYPE_ARP: Final = 0x0806
_EVERYBODY: Final = b"\xff" * 6


class Path(Protocol):
    """Both ends of a TCP connection, of one address family; addresses as text."""

    @property
    def local(self) -> str: ...
    @property
    def local_port(self) -> int: ...
    @property
    def remote(self) -> str: ...
    @property
    def remote_port(self) -> int: ...


def permitted() -> bool:
    """Whether this process may send such packets."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP).close()
    except PermissionError:
        return False
    return True


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes."""
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def segment(path: Path) -> bytes:
    """A bare ACK that fits no connection; over IPv6 without checksum, which the kernel fills in there."""
    bare = _TCP.pack(path.local_port, path.remote_port, 0, 0, _HEADER_WORDS, _ACK, _WINDOW, 0, 0)
    local, remote = ipaddress.ip_address(path.local), ipaddress.ip_address(path.remote)
    if local.version == 6:
        return bare
    pseudo = _PSEUDO.pack(local.packed, remote.packed, 0, socket.IPPROTO_TCP, len(bare))
    sum_ = checksum(pseudo + bare)
    return bare[:_CHECKSUM_AT] + sum_.to_bytes(2, "big") + bare[_CHECKSUM_AT + 2 :]


def tickle(address: str, paths: Iterable[Path]) -> int:
    """Send one tickle ACK for each path, all with ``address`` as their local end; how many left. OSError: none can."""
    version = ipaddress.ip_address(address).version
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    sent = 0
    with socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_TCP) as raw:
        if family == socket.AF_INET6:
            raw.setsockopt(socket.IPPROTO_IPV6, _IPV6_CHECKSUM, _CHECKSUM_AT)
        raw.bind((address, 0))
        for path in paths:
            try:
                raw.sendto(segment(path), (path.remote, 0))
            except OSError:  # no route to this one, or no room: it has its own TCP to find out
                continue
            sent += 1
    return sent


def announce(interface: str, address: str) -> bool:
    """Gratuitous ARP, as request and as reply, since some listeners heed only one; False where there is no ARP."""
    if ipaddress.ip_address(address).version != 4:
        return False
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHERTYPE_ARP)) as raw:
        raw.bind((interface, _ETHERTYPE_ARP))
        _, _, _, hardware, own = raw.getsockname()
        if hardware != _ETHERNET:
            return False
        ip = ipaddress.ip_address(address).packed
        head = _EVERYBODY + own + _ETHERTYPE_ARP.to_bytes(2, "big")
        for operation, target in ((1, bytes(6)), (2, _EVERYBODY)):
            raw.send(head + _ARP.pack(_ETHERNET, _ETHERTYPE_IP, 6, 4, operation, own, ip, target, ip))
    return True
