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
import time
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
WRITE_GAP_S: Final = 1.0
"""So much time lies between two writes, whoever comes and goes: they share a disk with clients' data."""
FORGET_S: Final = 10.0
"""Nobody is in a hurry to forget: to be told of what is over disturbs no client."""
AGAIN_S: Final = 5.0
"""After a write that failed."""
TELLINGS: Final = 3
"""How often each is told, a second after the other: a packet can get lost, and whoever is back is not disturbed."""
_TELLING_GAP_S: Final = 1.0
_HOPE_S: Final = 10.0
"""Who comes again before this data server listens is refused and goes to the metadata servers, Linux for two minutes.
So they are told later; but not much later, if it gets no lease."""
_BATCH: Final = 256
"""What a socket's buffer holds of tickles to hosts that have to be looked for first."""
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
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """``serving``: whether the listener is open. ``present``: connections that stand."""
        self._file = file
        self._serving = serving
        self._present = present
        self._tell = tell
        self._clock_s = clock_s
        self._stopping = threading.Event()
        for left in file.parent.glob(f"{file.name}.*"):  # of a write that was cut short
            left.unlink(missing_ok=True)
        self._former = self._written = read(file)
        self._began_s = clock_s()
        self._tellings = 0
        self._tell_at_s = 0.0
        self._write_at_s = 0.0
        self._forget_at_s = 0.0
        self._problem = ""

    def stop(self) -> None:
        """Let :meth:`run` end. What is noted stays: who starts next tells them, though most know already."""
        self._stopping.set()

    def run(self) -> None:
        """Until :meth:`stop`."""
        if not tickle.permitted():
            log.warning("clients will not be told that this data server is back: this needs CAP_NET_RAW")
        try:
            while not self._stopping.wait(PERIOD_S):
                self.turn()
        except Exception:
            log.critical("a bug: connections are not noted any more", exc_info=True)

    def turn(self) -> None:
        """What there is to do now."""
        now_s, serving = self._clock_s(), self._serving()
        if self._former and now_s >= self._tell_at_s and (serving or now_s - self._began_s >= _HOPE_S):
            self._tell_at_s = now_s + _TELLING_GAP_S
            self._tell_former()
        if serving:
            self._keep(self._former.union(self._present()), now_s)

    def _tell_former(self) -> None:
        by_address: dict[str, list[Ends]] = {}
        for ends in self._former.difference(self._present()):
            by_address.setdefault(ends.local, []).append(ends)
        sent = 0
        for address, paths in by_address.items():
            try:
                for first in range(0, len(paths), _BATCH):
                    sent += self._tell(address, paths[first : first + _BATCH])
            except OSError as problem:  # no such address here any more, or no CAP_NET_RAW
                log.warning("clients are not told that this data server is back", by=address, reason=problem.strerror)
        if not self._tellings and sent:
            log.info("clients of before are told that this data server is back", clients=sent)
        self._tellings += 1
        if self._tellings == TELLINGS:
            self._former = frozenset()

    def _keep(self, ends: frozenset[Ends], now_s: float) -> None:
        due_s = self._write_at_s if not ends <= self._written else self._forget_at_s
        if ends == self._written or now_s < due_s:
            return
        try:
            write_atomically(self._file, _packed(ends), mode=_MODE)
        except OSError as problem:  # a full disk may have room later
            self._write_at_s = self._forget_at_s = now_s + AGAIN_S
            if str(problem.strerror) != self._problem:
                self._problem = str(problem.strerror)
                log.warning("whoever is connected may not hear of a power loss: it is not noted", reason=self._problem)
            return
        self._written, self._problem = ends, ""
        self._write_at_s, self._forget_at_s = now_s + WRITE_GAP_S, now_s + FORGET_S


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
