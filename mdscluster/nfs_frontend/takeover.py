"""What a node does when a service address arrives at it: tell the clients of the node that had it before. And when one
leaves: remember which of its own connections that concerns, as nothing of them may be there when it is back.

Where one address is spread over the nodes (deploy/spreading.py), what comes to a node by it follows the other service
addresses: with each that arrives, clients of the spread one may have lost their node, and are told, too. To whom it has
not happened, that is one repeated ACK.

Whoever moved the address (keepalived, an operator), the kernel tells of its arrival here over netlink (rtnetlink(7)).
Clients of a dead or silent node then come at once instead of when their TCP next repeats something.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
from collections.abc import Callable, Collection, Container
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from mdscluster import rtnetlink, silence
from mdscluster.fsm import client_connections
from mdsproto import tickle

if TYPE_CHECKING:
    from mdscluster.fsm.tables import Tables
    from mdscluster.replica import Replica

log = structlog.get_logger()

AGAIN_S: Final = (0.0, 0.6, 1.2)
"""When tickles are sent, after the arrival: a client answers one in half a second at most, and packets get lost."""
_POLL_S: Final = 0.1
_DISCARD: Final = 9
_BATCH: Final = 256
"""So many tickles take about 10 ms; others have their turn between."""


class Connections(Protocol):
    """This node's own."""

    def address_left(self, address: str) -> None: ...
    def address_came(self, address: str, here: Collection[str]) -> None: ...
    def standing(self) -> Container[bytes]: ...


class Takeovers:
    """Watches for addresses that arrive, and tells the clients that were connected to them elsewhere."""

    def __init__(
        self, node_id: str, replica: Replica, tables: Tables, serving: Callable[[], bool], connections: Connections
    ) -> None:
        """``serving``: whether this node has a quorum."""
        self._node_id = node_id
        self._replica = replica
        self._tables = tables
        self._serving = serving
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._netlink: socket.socket | None = None
        self._tasks: dict[tuple[int, str], asyncio.Task[None]] = {}
        """By interface and address: one each, and none for an address that has gone again."""
        self._here: dict[str, set[int]] = {}
        """The addresses of this node, each with its interfaces."""
        self._telling: set[bytes] = set()
        """The paths that a task is at: several addresses may have come together."""

    def watch(self) -> None:
        """Begin. Clients are told where this process may send what is to be sent."""
        if not tickle.permitted():
            log.warning("clients will not be told of takeovers, nor that a server died: this needs CAP_NET_RAW")
        elif (problem := silence.unmarkable()) is not None:
            log.warning("resets cannot be marked, and vip.nft drops them: this needs Linux 5.17", reason=problem)
        try:
            netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
            netlink.bind((0, rtnetlink.GROUPS))
            netlink.send(rtnetlink.EVERY_ADDRESS)  # a machine that starts may have one already
        except OSError as problem:
            log.warning("takeovers will not be noticed: no netlink here", reason=problem.strerror)
            return
        self._netlink = netlink
        self._loop.add_reader(netlink.fileno(), self._read, netlink)

    def close(self) -> None:
        """End."""
        if self._netlink is not None:
            self._loop.remove_reader(self._netlink.fileno())
            self._netlink.close()
            self._netlink = None
        for task in self._tasks.values():
            task.cancel()

    async def idle(self) -> None:
        """Return when no takeover is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    def _read(self, netlink: socket.socket) -> None:
        try:
            data = netlink.recv(rtnetlink.RECEIVE_BYTES)
        except OSError as problem:  # ENOBUFS: more came than fitted, and an arrival may have been among it
            log.warning("changes of this machine's addresses were missed", reason=problem.strerror)
            for address in self._here:  # each may have been elsewhere, and be back
                self._connections.address_left(address)
            self._here.clear()
            self._loop.call_later(_POLL_S, self._ask, netlink)
            return
        for news in rtnetlink.address_news(data):
            self._note(news)
            key = news.interface, news.address
            if key in self._tasks and news.here and not news.changed:
                continue  # as is known
            under_way = self._tasks.pop(key, None)
            if under_way is not None:
                under_way.cancel()
            if news.here and tickle.permitted():
                task = self._tasks[key] = self._loop.create_task(self._took_over(*key, arrived=news.changed))
                task.add_done_callback(functools.partial(self._ended, key))

    def _note(self, news: rtnetlink.AddressNews) -> None:
        """Keep up with what is here, and tell this node's connections."""
        interfaces = self._here.setdefault(news.address, set())
        if news.here:
            interfaces.add(news.interface)
            self._connections.address_came(news.address, self._here)
            return
        interfaces.discard(news.interface)
        if not interfaces:
            del self._here[news.address]
            if not _ends_here(news.address):
                self._connections.address_left(news.address)

    def _ask(self, netlink: socket.socket) -> None:
        """Have all addresses told; again later where the kernel is busy telling."""
        if netlink is not self._netlink:
            return
        try:
            netlink.send(rtnetlink.EVERY_ADDRESS)
        except OSError:
            self._loop.call_later(_POLL_S, self._ask, netlink)

    def _ended(self, key: tuple[int, str], task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]

    async def _took_over(self, index: int, address: str, *, arrived: bool) -> None:
        """Tell everybody where the address is, and the clients that lost their connections by it."""
        lost = self._lost_to(address)
        # Before this node has a quorum, clients are better served elsewhere. Who had the address may be back until
        # then, and have forgotten them.
        while not self._serving():  # noqa: ASYNC110 - rare; it saves an event
            await asyncio.sleep(_POLL_S)
        for each, paths in self._lost_to(address).items():
            lost.setdefault(each, set()).update(paths)
        lost = {each: left for each, paths in lost.items() if (left := paths - self._telling)}
        if not (arrived or lost):
            return
        concerned = {path for paths in lost.values() for path in paths}
        self._telling |= concerned
        told = 0
        try:
            tickle.announce(socket.if_indextoname(index), address)
            for after_s, before_s in zip(AGAIN_S, (0.0, *AGAIN_S), strict=False):
                await asyncio.sleep(after_s - before_s)
                told = max(told, await _tell(lost))
        except OSError as problem:  # the address has gone on already, or its interface has
            log.warning("clients could not be told of a takeover", address=address, reason=problem.strerror)
        finally:
            self._telling -= concerned
        said = "an address arrived" if arrived else "clients of a server that ended here are told"
        log.info(said, address=address, told=told, of=len(concerned))

    def _lost_to(self, arrived: str) -> dict[str, set[bytes]]:
        """By address: the paths by it that lead elsewhere, and can no more."""

        def ends_here(address: str) -> bool:
            return address == arrived or (not ipaddress.ip_address(address).is_loopback and _ends_here(address))

        with self._replica.env.begin() as txn:
            lost = client_connections.lost_to(
                txn, self._tables, self._node_id, ends_here, self._connections.standing()
            )
        return {address: set(paths) for address, paths in lost.items()}


async def _tell(lost: dict[str, set[bytes]]) -> int:
    """A tickle for each path; how many left."""
    sent = 0
    for address, raws in lost.items():
        paths = [client_connections.unpack(raw) for raw in sorted(raws)]
        for start in range(0, len(paths), _BATCH):
            sent += tickle.tickle(address, paths[start : start + _BATCH])
            await asyncio.sleep(0)
    return sent


def _ends_here(address: str) -> bool:
    """Whether packets to an address end here, if no interface has it, too: another node may pass them on
    (deploy/spreading.py). Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, _DISCARD))
        except OSError:  # no way to it
            return False
        return str(probe.getsockname()[0]) == address
