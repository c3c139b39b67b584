"""What the kernel says of this host's addresses (rtnetlink(7)): all of them when it is asked, changes as they happen.

Trying to bind an address tells nothing of it where ``ip_nonlocal_bind`` is set: there any address can be bound
(ip(7), ``ip_nonlocal_bind``). What is asked for here are the addresses of the interfaces themselves.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

GROUPS: Final = 0x10 | 0x100  # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
"""What a socket is bound to that wants to hear of changes."""
RECEIVE_BYTES: Final = 1 << 16
"""Room for the largest message that the kernel sends at once."""
_MESSAGE: Final = Struct("=IHHII")
_ADDRESS: Final = Struct("=BBBBI")
_ATTRIBUTE: Final = Struct("=HH")
_ERROR: Final = Struct("=i")
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_RTM_NEWADDR: Final = 20
_RTM_DELADDR: Final = 21
_RTM_GETADDR: Final = 22
_NLM_F_REQUEST_DUMP: Final = 0x1 | 0x300
_NLM_F_MULTI: Final = 0x2
_NLM_F_DUMP_INTR: Final = 0x10
EVERY_ADDRESS: Final = _MESSAGE.pack(_MESSAGE.size + _ADDRESS.size, _RTM_GETADDR, _NLM_F_REQUEST_DUMP, 0, 0) + bytes(
    _ADDRESS.size
)
"""The request for all addresses, of every interface and family."""
_NOT_USABLE: Final = 0x40 | 0x08  # IFA_F_TENTATIVE, IFA_F_DADFAILED
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)
"""There are others (AF_MCTP, AF_PHONET), whose addresses are no IP addresses."""
_ANSWER_S: Final = 1.0
"""The kernel answers while it is asked: who waits for longer is not answered."""
_ATTEMPTS: Final = 5


class AddressNews(NamedTuple):
    """What the kernel tells of an address."""

    here: bool
    interface: int
    """Its index."""
    address: str
    changed: bool
    """It has just come or gone, rather than being told because all were asked for."""


class _Message(NamedTuple):
    """One netlink message; ``body`` and ``end`` are positions in what was read."""

    kind: int
    flags: int
    body: int
    end: int


def address_news(data: bytes) -> Iterator[AddressNews]:
    """What one read of a netlink socket brought.

    An IPv6 address that is still being tried out cannot be used: it is told again when it can.
    """
    for message in _messages(data):
        if message.kind in (_RTM_NEWADDR, _RTM_DELADDR) and message.end - message.body >= _ADDRESS.size:
            family, _, flags, _, index = _ADDRESS.unpack_from(data, message.body)
            if family not in _FAMILIES:
                continue
            found = dict(_attributes(data, message.body + _ADDRESS.size, message.end))
            raw = found.get(_IFA_LOCAL, found.get(_IFA_ADDRESS))
            if raw is not None and (message.kind == _RTM_DELADDR or not flags & _NOT_USABLE):
                address = str(ipaddress.ip_address(raw))
                yield AddressNews(message.kind == _RTM_NEWADDR, index, address, not message.flags & _NLM_F_MULTI)


def addresses() -> frozenset[str]:
    """All addresses that this host can be reached by, in their canonical form, whatever interface they are on.

    ``OSError``: the kernel does not say.
    """
    for _ in range(_ATTEMPTS):
        found = _dump()
        if found is not None:
            return found
    raise OSError(errno.EAGAIN, "this host's addresses change faster than they can be read")


def _dump() -> frozenset[str] | None:
    """One answer to the request for all; None when addresses came or went meanwhile, so that it may lack some."""
    found: set[str] = set()
    whole = True
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(_ANSWER_S)
        netlink.bind((0, 0))
        netlink.send(EVERY_ADDRESS)
        while True:
            data = netlink.recv(RECEIVE_BYTES)
            found.update(news.address for news in address_news(data) if news.here)
            for message in _messages(data):
                whole = whole and not message.flags & _NLM_F_DUMP_INTR
                if message.kind == _NLMSG_ERROR:
                    raise _refusal(data, message)
                if message.kind == _NLMSG_DONE:
                    if message.end - message.body >= _ERROR.size and _ERROR.unpack_from(data, message.body)[0]:
                        raise _refusal(data, message)  # it broke off
                    return frozenset(found) if whole else None


def _refusal(data: bytes, message: _Message) -> OSError:
    """Why the kernel does not answer."""
    if message.end - message.body < _ERROR.size:
        return OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
    (code,) = _ERROR.unpack_from(data, message.body)
    return OSError(-code, os.strerror(-code))


def _messages(data: bytes) -> Iterator[_Message]:
    """Those that are whole: nothing is read behind the end of the data, whatever a message says of its length."""
    pos = 0
    while pos + _MESSAGE.size <= len(data):
        length, kind, flags, *_ = _MESSAGE.unpack_from(data, pos)
        if length < _MESSAGE.size or pos + length > len(data):
            return
        yield _Message(kind, flags, pos + _MESSAGE.size, pos + length)
        pos += (length + 3) & ~3


def _attributes(data: bytes, pos: int, end: int) -> Iterator[tuple[int, bytes]]:
    while pos + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, pos)
        if length < _ATTRIBUTE.size or pos + length > end:
            return
        yield kind, data[pos + _ATTRIBUTE.size : pos + length]
        pos += (length + 3) & ~3
