"""A node that takes a service address over tells the clients: what it knows, what it sends, when it does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Collection
from pathlib import Path as FilePath

import pytest

from mdscluster.fsm import client_connections
from mdscluster.fsm.client_connections import Path, pack
from mdscluster.fsm.commands import NoteConnections, RaiseFeatures, pack_internal
from mdscluster.nfs_frontend import takeover
from mdscluster.nfs_frontend.takeover import Takeovers
from mdscluster.nfs_frontend.whereabouts import EARLIER_S, PATHS_MAX, Whereabouts, path_of
from mdscluster.rtnetlink import AddressNews, address_news
from mdsproto import tickle
from tests.unit.nfs_frontend.support import World

SERVICE, SPREAD, OTHERS = "10.0.0.100", "10.0.0.99", "10.0.0.11"
CONNECTION = object()


def path(port: int) -> bytes:
    return pack(Path(SERVICE, 2049, "10.0.0.31", port))


# ------------------------------------------------------------ what is noted


class Clock:
    """Seconds."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def long_here() -> Whereabouts:
    """What an earlier self had need not be kept any more."""
    clock = Clock()
    here = Whereabouts(clock)
    clock.now_s += EARLIER_S
    return here


def test_what_an_earlier_self_had_stays_in_the_log_for_a_while() -> None:
    """INV-7: nobody told its clients of its end, and whoever has the address next must find them."""
    clock = Clock()
    here = Whereabouts(clock)
    assert here.change("mds1") is None
    here.opened(path(1), CONNECTION)
    first = here.change("mds1")
    assert first == NoteConnections("mds1", [path(1)], [], False)
    here.told(first, done=False)
    again = here.change("mds1")
    assert again == first, "its outcome is not known, and it takes nothing back"
    here.told(again, done=True)
    assert here.change("mds1") is None
    clock.now_s += EARLIER_S
    forgets = here.change("mds1")
    assert forgets == NoteConnections("mds1", [path(1)], [], True)
    here.told(forgets, done=True)
    assert here.change("mds1") is None


def test_a_node_forgets_its_earlier_self_first_and_then_tells_what_changed() -> None:
    """A restart leaves nothing behind; an outcome that is not known has all told anew."""
    here = long_here()
    here.opened(path(1), CONNECTION)
    first = here.change("mds1")
    assert first == NoteConnections("mds1", [path(1)], [], True)
    here.told(first, done=True)
    assert here.change("mds1") is None
    here.opened(path(2), CONNECTION)
    here.closed(path(1), CONNECTION)
    second = here.change("mds1")
    assert second == NoteConnections("mds1", [path(2)], [path(1)], False)
    here.told(second, done=False)
    assert here.change("mds1") == NoteConnections("mds1", [path(2)], [], True)


def test_what_came_and_went_meanwhile_costs_the_log_nothing() -> None:
    here = long_here()
    first = here.change("mds1")
    assert first is not None
    here.told(first, done=True)
    here.opened(path(1), CONNECTION)
    here.closed(path(1), CONNECTION)
    assert here.change("mds1") is None


def test_a_connection_that_is_lost_late_takes_no_newer_one_along() -> None:
    """The client has come back from the same port, to the same node, before the loss of its old connection was told."""
    here = long_here()
    here.opened(path(1), CONNECTION)
    newer = object()
    here.opened(path(1), newer)
    here.closed(path(1), CONNECTION)
    assert here.change("mds1") == NoteConnections("mds1", [path(1)], [], True)
    here.closed(path(1), newer)
    assert here.change("mds1") == NoteConnections("mds1", [], [], True)


def test_many_connections_are_told_in_parts() -> None:
    """A command has a bounded size, and in the end all are told."""
    here = long_here()
    everything = {pack(Path(SERVICE, 2049, f"10.0.{port >> 8}.1", port)) for port in range(2 * PATHS_MAX + 5)}
    for each in everything:
        here.opened(each, CONNECTION)
    told: set[bytes] = set()
    while (change := here.change("mds1")) is not None:
        assert len(change.opened) <= PATHS_MAX
        assert change.anew == (not told)
        told.update(change.opened)
        here.told(change, done=True)
    assert told == everything


def test_what_is_no_tcp_connection_has_no_path() -> None:
    assert path_of("/run/socket", "") is None
    assert path_of((SERVICE, 2049), ("10.0.0.31", 7)) == path(7)
    assert path_of(("::ffff:" + SERVICE, 2049, 0, 0), ("::ffff:10.0.0.31", 7, 0, 0)) == path(7)


def test_nothing_is_noted_before_every_node_knows_how(tmp_path: FilePath) -> None:
    """INV-8: an earlier release cannot decode the command (docs/adr/0014). Then what is here is told."""
    world = World(tmp_path)
    here, tables = long_here(), world.replica.machine.tables
    here.opened(path(1), CONNECTION)
    proposed: list[bytes] = []
    propose = world.replica.propose
    world.replica.propose = lambda payload, done: (proposed.append(payload), propose(payload, done))  # type: ignore[method-assign, assignment]
    asyncio.run(here.report("mds1", world.replica, tables))
    assert not proposed
    propose(pack_internal(RaiseFeatures(3)), lambda _: None)
    asyncio.run(here.report("mds1", world.replica, tables))
    assert len(proposed) == 1
    with world.replica.env.begin() as txn:
        assert client_connections.lost_to(txn, tables, "mds2", SERVICE.__eq__, ()) == {SERVICE: [path(1)]}


# ------------------------------------------------------------ what the kernel tells


def message(
    kind: int, index: int, *attributes: tuple[int, bytes], flags: int = 0, message_flags: int = 0
) -> bytes:
    body = struct.pack("=BBBBI", socket.AF_INET, 24, flags, 0, index)
    for number, value in attributes:
        body += struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)
    return struct.pack("=IHHII", 16 + len(body), kind, message_flags, 0, 0) + body


def test_arrivals_are_told_from_everything_else() -> None:
    """rtnetlink(7): IFA_LOCAL is the address where both are given. An address on trial (RFC 4862 §5.4) is not here yet,
    and comes once more; other messages are passed over."""
    v4, v6 = socket.inet_aton(SERVICE), socket.inet_pton(socket.AF_INET6, "fd00::64")
    data = (
        message(21, 2, (2, v4)) + message(20, 2, (1, socket.inet_aton("10.0.0.1")), (3, b"eth0\0"), (2, v4))
        + message(16, 3, (1, v6)) + message(20, 3, (1, v6), flags=0x40) + message(20, 3, (1, v6), flags=0x08)
        + message(20, 3, (1, v6), flags=0x80) + message(20, 4, (2, v4), message_flags=0x2)
    )  # fmt: skip
    assert list(address_news(data)) == [
        AddressNews(False, 2, SERVICE, True), AddressNews(True, 2, SERVICE, True),
        AddressNews(True, 3, "fd00::64", True), AddressNews(True, 4, SERVICE, False),
    ]  # fmt: skip


@pytest.mark.parametrize("length", range(32))
def test_half_a_message_is_no_arrival(length: int) -> None:
    """Nothing raises, whatever is missing: neither where the data ends too soon nor where the message says so."""
    data = message(20, 2, (2, socket.inet_aton(SERVICE)))
    assert len(data) == 32
    assert list(address_news(data[:length])) == []
    assert list(address_news(struct.pack("=I", length) + data[4:])) == []


# ------------------------------------------------------------ what is sent


def test_a_tickle_is_a_bare_ack_with_a_right_checksum() -> None:
    """RFC 9293 §3.1: the sum over pseudo-header and segment, checksum included, is all ones."""
    each = Path(SERVICE, 2049, "10.0.0.31", 833)
    raw = tickle.segment(each)
    source, target, sequence, ack, words, flags, *_ = struct.unpack(">HHIIBBHHH", raw)
    assert (source, target, sequence, ack, words, flags) == (2049, 833, 0, 0, 0x50, 0x10)
    pseudo = socket.inet_aton(each.local) + socket.inet_aton(each.remote) + struct.pack(">BBH", 0, 6, len(raw))
    assert tickle.checksum(pseudo + raw) == 0


class Sent:
    """What would have gone out, where nothing may be sent."""

    def __init__(self) -> None:
        self.announced: list[tuple[str, str]] = []
        self.tickled: list[tuple[str, list[Path]]] = []

    def announce(self, interface: str, address: str) -> bool:
        self.announced.append((interface, address))
        return True

    def tickle(self, address: str, paths: list[Path]) -> int:
        self.tickled.append((address, list(paths)))
        return len(paths)


class Moved:
    """This node's own connections: what they are told. Of mds2's, that of port 3 stands."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def standing(self) -> Collection[bytes]:
        return {path(3)}

    def address_left(self, address: str) -> None:
        self.told.append(("left", address))

    def address_came(self, address: str, here: Collection[str]) -> None:
        assert address in here
        self.told.append(("came", address))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The packets themselves need root and a network: tests/chaos/test_takeover.py."""
    packets = Sent()
    monkeypatch.setattr(tickle, "announce", packets.announce)
    monkeypatch.setattr(tickle, "tickle", packets.tickle)
    monkeypatch.setattr(tickle, "permitted", lambda: True)
    monkeypatch.setattr(takeover, "AGAIN_S", (0.0, 0.01))
    return packets


async def arrive(
    world: World, serving: Callable[[], bool] = lambda: True, addresses: Collection[str] = (SERVICE,)
) -> None:
    """The service address arrives at mds2."""
    takeovers = Takeovers("mds2", world.replica, world.replica.machine.tables, serving, Moved())
    ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with contextlib.closing(ours), contextlib.closing(kernel):
        for address in addresses:
            kernel.send(message(20, socket.if_nametoindex("lo"), (2, socket.inet_aton(address))))
            takeovers._read(ours)
        await takeovers.idle()


def test_the_clients_of_the_predecessor_are_told(tmp_path: FilePath, sent: Sent) -> None:
    """Every one of them, more than once as packets get lost; and no client of this node's own.

    They stay noted: the predecessor may still have them, and take the address back.
    """
    world = World(tmp_path)
    for command in (
        RaiseFeatures(3), NoteConnections("mds1", [path(1), path(2)], []), NoteConnections("mds2", [path(3)], [])
    ):  # fmt: skip
        world.replica.propose(pack_internal(command), lambda _: None)
    asyncio.run(arrive(world))
    lost = [client_connections.unpack(path(1)), client_connections.unpack(path(2))]
    assert sent.announced == [("lo", SERVICE)]
    assert sent.tickled == [(SERVICE, lost)] * 2
    with world.replica.env.begin() as txn:
        assert client_connections.nodes(txn, world.replica.machine.tables) == ["mds1", "mds2"]


def test_with_any_address_the_clients_of_one_that_is_spread_are_told(
    tmp_path: FilePath, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-7: they came to the predecessor by the spread address, which other nodes pass on here now, and which no
    interface of this one need have. Nobody tells of the ends of others' own addresses, or of loopback."""
    monkeypatch.setattr(takeover, "_ends_here", lambda address: address != OTHERS)
    world = World(tmp_path)
    spread = [Path(SPREAD, 2049, "10.0.0.31", port) for port in (1, 2)]
    for command in (
        RaiseFeatures(3), NoteConnections("mds1", [path(1), pack(spread[0])], []),
        NoteConnections("mds3", [pack(Path(OTHERS, 2049, "10.0.0.31", 5)), pack(spread[1])], []),
        NoteConnections("mds3", [pack(Path("127.0.0.1", 2049, "127.0.0.1", 6))], []),
    ):  # fmt: skip
        world.replica.propose(pack_internal(command), lambda _: None)
    asyncio.run(arrive(world))
    assert sent.announced == [("lo", SERVICE)]
    assert sorted(sent.tickled) == sorted([(SERVICE, [client_connections.unpack(path(1))]), (SPREAD, spread)] * 2)


def test_when_addresses_come_together_each_client_is_told_by_one(
    tmp_path: FilePath, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "_ends_here", lambda _: True)
    world = World(tmp_path)
    spread = Path(SPREAD, 2049, "10.0.0.31", 1)
    for command in (RaiseFeatures(3), NoteConnections("mds1", [pack(spread)], [])):
        world.replica.propose(pack_internal(command), lambda _: None)
    asyncio.run(arrive(world, addresses=[SERVICE, OTHERS]))
    assert sent.announced == [("lo", SERVICE), ("lo", OTHERS)]
    assert sent.tickled == [(SPREAD, [spread])] * 2
    asyncio.run(arrive(world, addresses=[SERVICE]))
    assert len(sent.tickled) == 4, "and told again the next time"


def test_the_clients_of_an_earlier_self_are_told(tmp_path: FilePath, sent: Sent) -> None:
    """INV-7: it was killed, said nothing, and has the address again."""
    world = World(tmp_path)
    for command in (RaiseFeatures(3), NoteConnections("mds2", [path(3), path(4)], [])):
        world.replica.propose(pack_internal(command), lambda _: None)
    asyncio.run(arrive(world))
    assert sent.tickled == [(SERVICE, [client_connections.unpack(path(4))])] * 2


def test_a_node_without_quorum_calls_nobody_before_it_has_one(tmp_path: FilePath, sent: Sent) -> None:
    """INV-4: until then clients are better served elsewhere. After a loss of power the address may come first."""
    world = World(tmp_path)
    world.replica.propose(pack_internal(RaiseFeatures(3)), lambda _: None)
    world.replica.propose(pack_internal(NoteConnections("mds1", [path(1)], [])), lambda _: None)
    looks: list[int] = []

    def serving() -> bool:
        looks.append(len(sent.announced) + len(sent.tickled))
        return len(looks) > 3

    asyncio.run(arrive(world, serving))
    assert looks == [0, 0, 0, 0]
    assert sent.tickled == [(SERVICE, [client_connections.unpack(path(1))])] * 2


def test_an_address_that_has_gone_again_is_not_announced(tmp_path: FilePath, sent: Sent) -> None:
    """INV-4: whoever waited for a quorum meanwhile would draw the clients of its successor to itself."""
    world = World(tmp_path)
    quorum = False

    async def run() -> None:
        nonlocal quorum
        takeovers = Takeovers("mds2", world.replica, world.replica.machine.tables, lambda: quorum, Moved())
        ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.closing(ours), contextlib.closing(kernel):
            for kind in (20, 20, 21):
                kernel.send(message(kind, socket.if_nametoindex("lo"), (2, socket.inet_aton(SERVICE))))
                takeovers._read(ours)
                await asyncio.sleep(0)
                assert len(takeovers._tasks) == (kind == 20)
        quorum = True
        await asyncio.sleep(3 * takeover._POLL_S)

    asyncio.run(run())
    assert not sent.announced
    assert not sent.tickled


def test_whom_the_predecessor_has_forgotten_meanwhile_is_told_too(tmp_path: FilePath, sent: Sent) -> None:
    """After a loss of power of all: it is back, and tells anew what it has, before this node has a quorum."""
    world = World(tmp_path)
    for command in (RaiseFeatures(3), NoteConnections("mds1", [path(1)], [])):
        world.replica.propose(pack_internal(command), lambda _: None)
    looks: list[None] = []

    def serving() -> bool:
        if not looks:
            back = NoteConnections("mds1", [path(2)], [], anew=True)
            world.replica.propose(pack_internal(back), lambda _: None)
        looks.append(None)
        return len(looks) > 1

    asyncio.run(arrive(world, serving))
    assert sent.tickled == [(SERVICE, [client_connections.unpack(path(1)), client_connections.unpack(path(2))])] * 2


def test_an_address_that_is_here_already_counts_where_others_had_clients_by_it(tmp_path: FilePath, sent: Sent) -> None:
    """A node that starts under the address is told of it by nobody (a loss of power of all). Others are its own affair.

    With the kernel's own answer, of the loopback interface.
    """
    world = World(tmp_path)
    lost = Path("127.0.0.1", 2049, "127.0.0.1", 833)

    async def run() -> None:
        takeovers = Takeovers("mds2", world.replica, world.replica.machine.tables, lambda: True, Moved())
        takeovers.watch()
        async with asyncio.timeout(5):
            while len(sent.tickled) < 2:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.01)
            await takeovers.idle()
        takeovers.close()

    for command in (RaiseFeatures(3), NoteConnections("mds1", [pack(lost)], [])):
        world.replica.propose(pack_internal(command), lambda _: None)
    asyncio.run(run())
    assert sent.announced == [("lo", "127.0.0.1")]
    assert sent.tickled == [("127.0.0.1", [lost])] * 2


@pytest.mark.parametrize("permitted", [True, False])
def test_its_own_connections_hear_of_every_move(
    tmp_path: FilePath, sent: Sent, monkeypatch: pytest.MonkeyPatch, permitted: bool
) -> None:
    """INV-7: also where nobody may be told."""
    monkeypatch.setattr(tickle, "permitted", lambda: permitted)
    world, moved = World(tmp_path), Moved()

    async def run() -> None:
        takeovers = Takeovers("mds2", world.replica, world.replica.machine.tables, lambda: True, moved)
        ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.closing(ours), contextlib.closing(kernel):
            for kind, flags in ((20, 0x2), (21, 0), (20, 0), (21, 0)):
                address = (2, socket.inet_aton(SERVICE))
                kernel.send(message(kind, socket.if_nametoindex("lo"), address, message_flags=flags))
                takeovers._read(ours)
            await takeovers.idle()

    asyncio.run(run())
    assert moved.told == [("came", SERVICE), ("left", SERVICE), ("came", SERVICE), ("left", SERVICE)]


def heard(tmp_path: FilePath, *messages: bytes) -> list[tuple[str, str]]:
    """What a node's connections hear when the kernel says this; nothing at all: news were lost."""
    world, moved = World(tmp_path), Moved()

    async def run() -> None:
        takeovers = Takeovers("mds2", world.replica, world.replica.machine.tables, lambda: True, moved)
        ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.closing(ours), contextlib.closing(kernel):
            for each in messages:
                if each:
                    kernel.send(each)
                ours.setblocking(False)
                takeovers._read(ours)
            takeovers.close()

    asyncio.run(run())
    return moved.told


def test_an_address_that_another_interface_still_has_has_not_left(tmp_path: FilePath, sent: Sent) -> None:
    address = (2, socket.inet_aton(SERVICE))
    told = heard(tmp_path, message(20, 1, address), message(20, 2, address), message(21, 1, address))
    assert told == [("came", SERVICE)] * 2
    assert heard(tmp_path, message(20, 1, address), message(21, 1, address))[-1] == ("left", SERVICE)


def test_an_address_to_which_packets_end_here_all_the_same_has_not_left(tmp_path: FilePath, sent: Sent) -> None:
    """INV-7: clients of the address that spreads them go on when only that moves (docs/DEPLOY.md). Of the loopback
    interface's own one that is true always, whatever is said of it."""
    address = (2, socket.inet_aton("127.0.0.1"))
    assert heard(tmp_path, message(20, 1, address), message(21, 1, address)) == [("came", "127.0.0.1")]


def test_what_was_missed_may_have_been_a_departure(tmp_path: FilePath, sent: Sent) -> None:
    """INV-7: the kernel had more to tell than fitted (ENOBUFS). Better one reconnection than a client that waits."""
    address = (2, socket.inet_aton(SERVICE))
    told = heard(tmp_path, message(20, 1, address), b"", message(20, 1, address, message_flags=0x2))
    assert told == [("came", SERVICE), ("left", SERVICE), ("came", SERVICE)]


def test_what_is_asked_for_ends_no_takeover(tmp_path: FilePath, sent: Sent) -> None:
    """The answer to "which addresses are here" may come just behind the news that one has arrived."""
    world = World(tmp_path)

    async def run() -> None:
        takeovers = Takeovers("mds2", world.replica, world.replica.machine.tables, lambda: True, Moved())
        ours, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.closing(ours), contextlib.closing(kernel):
            for flags in (0, 0x2):
                address = (2, socket.inet_aton(SERVICE))
                kernel.send(message(20, socket.if_nametoindex("lo"), address, message_flags=flags))
                takeovers._read(ours)
            await takeovers.idle()

    asyncio.run(run())
    assert sent.announced == [("lo", SERVICE)]


def test_many_clients_are_told_in_parts(tmp_path: FilePath, sent: Sent) -> None:
    """Requests have their turn between: 10,000 packets take almost half a second."""
    world = World(tmp_path)
    paths = sorted(pack(Path(SERVICE, 2049, "10.0.0.31", port)) for port in range(1, 1000))
    for command in (RaiseFeatures(3), NoteConnections("mds1", paths, [])):
        world.replica.propose(pack_internal(command), lambda _: None)
    asyncio.run(arrive(world))
    assert max(len(told) for _, told in sent.tickled) <= takeover._BATCH
    assert [each for _, told in sent.tickled for each in told] == [client_connections.unpack(raw) for raw in paths] * 2
