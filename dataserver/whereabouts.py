"""Where clients are connected, kept on disk for whoever starts here after a power loss.

A machine that loses its power says no goodbye. What a client had sent, and the machine's kernel acknowledged, just
before that is repeated by nobody: the client's TCP is done, and its RPC waits for a reply. Linux finds out by its
keepalive, after up to a minute (packets of a chaos run: 57 s). So a data server that begins to serve tells whom its
predecessor served by a tickle ACK (mdsproto/tickle.py), and they come again.

The file is a hint, and nothing else may depend on it: it is written a moment after a connection came, and read once.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from mdsproto import tickle
from mdsproto.configfile import write_atomically

if TYPE_CHECKING:
    import socket
    from pathlib import Path

log = structlog.get_logger()

FILE: Final = "connections"
PERIOD_S: Final = 0.2
TELLINGS: Final = 3
"""How often each is told, a second after the other: a packet can get lost, and whoever is back is not disturbed."""
_TELLING_GAP_S: Final = 1.0
_MODE: Final = 0o600


class Ends(NamedTuple):
    """Both ends of a connection (:class:`mdsproto.tickle.Path`)."""

    local: str
    local_port: int
    remote: str
    remote_port: int


def ends_of(sock: socket.socket) -> Ends:
    """Of a connection. ``OSError`` where it was reset already."""
    (local, local_port), (remote, remote_port) = sock.getsockname()[:2], sock.getpeername()[:2]
    return Ends(_plain(local), local_port, _plain(remote), remote_port)


def _plain(address: str) -> str:
    """Without a zone, and of IPv4 where the socket was for both."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


class Whereabouts:
    """The file, and the thread that keeps it; :meth:`run` is the thread."""

    def __init__(
        self, file: Path, serving: Callable[[], bool], present: Callable[[], Collection[Ends]],
        tell: Callable[[str, Iterable[tickle.Path]], int] = tickle.tickle,
    ) -> None:  # fmt: skip
        """``serving``: whether the listener is open: who comes again must not be refused. ``present``: connections
        that stand."""
        self._file = file
        self._serving = serving
        self._present = present
        self._tell = tell
        self._stopping = threading.Event()
        self._former = read(file)
        self._written: frozenset[Ends] | None = None
        self._tellings = 0
        self._problem = ""

    def stop(self) -> None:
        """Let :meth:`run` end. Every connection has been closed: nobody will have to be told of that."""
        self._stopping.set()

    def run(self) -> None:
        """Until :meth:`stop`."""
        gap = max(1, round(_TELLING_GAP_S / PERIOD_S))
        turn = 0
        while not self._stopping.wait(PERIOD_S):
            if self._serving():
                if self._former and turn % gap == 0:
                    self._tell_former()
                turn += 1
                self._keep(frozenset(self._present()) | self._former)
        self._keep(frozenset())

    def _tell_former(self) -> None:
        by_address: dict[str, list[Ends]] = {}
        for ends in self._former:
            by_address.setdefault(ends.local, []).append(ends)
        sent = 0
        for address, paths in by_address.items():
            try:
                sent += self._tell(address, paths)
            except OSError as problem:  # no such address here any more, or no CAP_NET_RAW
                self._warn(f"clients of {address} are not told that this data server is back: {problem.strerror}")
        if not self._tellings and sent:
            log.info("clients of before are told that this data server is back", clients=sent)
        self._tellings += 1
        if self._tellings == TELLINGS:
            self._former = frozenset()

    def _keep(self, ends: frozenset[Ends]) -> None:
        if ends == self._written:
            return
        try:
            write_atomically(self._file, _packed(ends), mode=_MODE)
            self._written = ends
        except OSError as problem:  # tried again: a full disk may have room later
            self._warn(f"connections are not noted: {problem.strerror}")

    def _warn(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            log.warning("whoever is connected may not hear of a power loss", reason=problem)


def _packed(ends: Iterable[Ends]) -> bytes:
    return "".join(f"{' '.join(map(str, each))}\n" for each in sorted(ends)).encode()


def read(file: Path) -> frozenset[Ends]:
    """What a predecessor noted; nothing where it cannot be read. Lines that make no sense are passed over."""
    found = set()
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        try:
            local, local_port, remote, remote_port = line.decode().split()
            ends = Ends(_plain(local), int(local_port), _plain(remote), int(remote_port))
        except ValueError:
            continue
        same_family = ("." in ends.local) == ("." in ends.remote)
        if same_family and 0 < ends.local_port < 65536 and 0 < ends.remote_port < 65536:
            found.add(ends)
    return frozenset(found)
