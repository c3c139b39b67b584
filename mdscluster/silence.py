"""A dead server says nothing at a service address: what its host's packet filter has to know for that.

Whoever hears of a server's end comes again at once, before the address has moved: to a host without a server, which
loses the SYN, and TCP repeats that after a second. So a process that ends is heard by nobody there: its kernel resets
its connections (SO_LINGER 0), and the filter (deploy/packetfilter.py) drops these resets, and what clients send after
that. Who has the address next tells the clients (docs/adr/0019). What a living server resets on purpose is marked.
"""

from __future__ import annotations

import socket
from struct import Struct
from typing import Final

RESET_MARK: Final = 0x6D6473
"""SO_MARK of a connection that is reset on purpose."""
_LINGER: Final = Struct("ii")
"""struct linger of socket(7)."""
_AT_ONCE: Final = _LINGER.pack(1, 0)
_IN_ORDER: Final = _LINGER.pack(0, 0)


def end_by_reset(sock: socket.socket) -> None:
    """However this connection ends, nothing of it stays in the kernel, and nobody is told but by the reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)


def end_in_order(sock: socket.socket) -> None:
    """Its other side is done: what it has been sent must arrive."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _IN_ORDER)


def mark(sock: socket.socket) -> None:
    """Let the reset pass. OSError without CAP_NET_RAW (Linux 5.17) or CAP_NET_ADMIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, RESET_MARK)


def unmarkable() -> str | None:
    """Why this process can mark nothing; None: it can."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        try:
            mark(sock)
        except OSError as problem:
            return problem.strerror
    return None
