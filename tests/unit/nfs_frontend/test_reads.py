"""Which barrier a read may share, and when what was run before it is confirmed may be answered (INV-4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from mdscluster.fsm.commands import ConfigureCluster, pack_internal
from mdscluster.fsm.settings import Settings
from mdscluster.nfs_frontend.quorum import READ_ONLY, SERVING
from mdscluster.nfs_frontend.reads import Answer, Guess, Reads, State
from mdscluster.nfs_frontend.request import Request
from mdscluster.nfs_frontend.server import NfsServer
from nfswire import nfs4
from tests.unit.nfs_frontend.support import Client, FakeConnection, World, getattr_size, mkdir, putroot


class FakeReader:
    """A state that is a number; what a read comes to is that number."""

    def __init__(self) -> None:
        self.now = 1
        self.log: list[tuple[str, Any, int]] = []
        self.guessed = 0

    def state(self) -> State:
        return self.now, 0

    def run(self, requests: Iterable[Any]) -> None:
        self.log += [("run", request.name, self.now) for request in requests]

    def guess(self, requests: list[Any]) -> Guess:
        self.guessed += len(requests)
        guess = Guess((self.now, 0), [])
        guess.answers = [Answer(request, 0, 0, bytes(self.now)) for request in requests]
        return guess

    def answer(self, guess: Guess) -> None:
        self.log += [("guess", answer.request.name, len(answer.body)) for answer in guess.answers]  # type: ignore[attr-defined]

    def give_up(self, request: Any, reason: str) -> None:
        self.log.append(("given up", request.name, 0))


class Bench:
    """Reads over such a state, with barriers that are held."""

    def __init__(self) -> None:
        self.barriers: list[Callable[[bool], None]] = []
        self.deferred: list[Callable[[], None]] = []
        self.reader = FakeReader()
        replica: Any = SimpleNamespace(barrier=self.barriers.append)
        self.reads = Reads(self.reader, replica.barrier, self.deferred.append, lambda: 0.0)
        self.connection = FakeConnection(None)

    def request(self, name: str) -> Any:
        return SimpleNamespace(name=name, connection=self.connection, asked_s=0.0)

    def turn(self) -> None:
        while self.deferred:
            self.deferred.pop(0)()

    def arrive(self, *names: str) -> None:
        """Requests come in one turn of the loop."""
        reads = self.reads
        reads.open(reads.foresee())
        for name in names:
            reads.wait(self.request(name))
        reads.close()
        self.turn()

    def confirm(self, confirmed: bool = True) -> None:
        self.barriers.pop(0)(confirmed)
        self.turn()

    def settle(self) -> None:
        """Reads are expected, and the state is known to stand still."""
        for name in ("first", "second"):
            self.arrive(name)
            self.confirm()
        self.reader.log.clear()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_came_after_a_barrier_was_asked_for_waits_for_the_next(bench: Bench) -> None:
    """INV-4: a barrier says nothing of what was acknowledged after it began, and a later read may know of that."""
    bench.settle()
    early = bench.reads.foresee()
    assert early is not None
    bench.reads.wait(bench.request("late"))  # parsed outside of what had arrived by then
    bench.reads.open(early)
    bench.reads.wait(bench.request("early"))
    bench.reads.close()
    bench.turn()
    assert len(bench.barriers) == 2
    bench.confirm()
    assert [name for _, name, _ in bench.reader.log] == ["early"]
    bench.confirm()
    assert [name for _, name, _ in bench.reader.log] == ["early", "late"]


def test_what_arrives_while_the_barrier_leaves_is_not_parsed_under_it() -> None:
    """INV-4: the server cuts off what has arrived before it asks; the socket's next bytes are the next batch's."""
    calls: list[Callable[[], None]] = []
    taken: list[tuple[object, bytes]] = []
    current: list[object] = [None]
    reads = SimpleNamespace(
        foresee=lambda: "barrier", open=lambda batch: current.__setitem__(0, batch),
        close=lambda: current.__setitem__(0, None),
    )  # fmt: skip
    server = NfsServer.__new__(NfsServer)
    server._arrived = []
    server.dispatcher = SimpleNamespace(reads=reads, clock_s=lambda: 0.0)  # type: ignore[assignment]
    server._loop = SimpleNamespace(call_soon=lambda f, *a: calls.append(lambda: f(*a)))  # type: ignore[assignment]
    connection: Any = SimpleNamespace(take=lambda data: taken.append((current[0], data)))
    server.arrived(connection, b"a")
    server.arrived(connection, b"b")
    calls.pop(0)()  # the barrier is asked for
    server.arrived(connection, b"c")
    calls.pop(0)()
    assert [*taken] == [("barrier", b"a"), ("barrier", b"b")], "and not what came since"
    assert len(calls) == 1, "which has a turn of its own"


def test_a_bug_that_one_clients_bytes_meet_is_not_anothers_silence() -> None:
    """INV-3: what came in the same turn by other connections is taken in, and that turn's reads are still run."""
    log: list[str] = []
    reads = SimpleNamespace(open=lambda batch: None, close=lambda: log.append("closed"))
    server = NfsServer.__new__(NfsServer)
    server.dispatcher = SimpleNamespace(reads=reads, clock_s=lambda: 0.0)  # type: ignore[assignment]

    def bug(data: bytes) -> None:
        raise RuntimeError("a bug")

    bad: Any = SimpleNamespace(take=bug, peer="192.0.2.1", abort=lambda reason: log.append("aborted"))
    good: Any = SimpleNamespace(take=lambda data: log.append("taken"))
    server._take_in(None, [(bad, b""), (good, b"")])
    assert log == ["aborted", "taken", "closed"]


def test_a_guess_is_answered_when_the_barrier_is_confirmed_and_not_before(bench: Bench) -> None:
    """INV-4: it was run on this node's own state, of which nobody knows yet whether it is the newest."""
    bench.settle()
    bench.arrive("a")
    assert bench.reader.guessed
    assert not bench.reader.log
    bench.confirm()
    assert bench.reader.log == [("guess", "a", 1)]


def test_a_guess_on_a_state_that_has_changed_is_thrown_away(bench: Bench) -> None:
    """INV-4: what the barrier brought may be what the reader must see."""
    bench.settle()
    bench.arrive("a")
    bench.reader.now = 2
    bench.confirm()
    assert bench.reader.log == [("run", "a", 2)]
    guessed = bench.reader.guessed
    bench.arrive("b")
    bench.confirm()
    assert bench.reader.guessed == guessed, "while the state changes, guessing is work for nothing"
    bench.arrive("c")
    assert bench.reader.guessed == guessed + 1, "it stood still for a barrier: guess again"


def test_a_guess_without_a_barrier_is_no_answer(bench: Bench) -> None:
    """INV-4: a node that lost its quorum gives up what it guessed."""
    bench.settle()
    bench.arrive("a")
    bench.confirm(False)
    assert bench.reader.log == [("given up", "a", 0)]


def test_nothing_is_lost_when_the_quorum_goes_while_requests_are_parsed(bench: Bench) -> None:
    """INV-3: whoever was parsed under a barrier that was given up waits for another."""
    bench.settle()
    early = bench.reads.foresee()
    assert bench.reads.take_all() == []
    bench.reads.open(early)
    bench.reads.wait(bench.request("a"))
    bench.reads.close()
    bench.turn()
    bench.confirm()  # of the barrier that nobody waits for any more
    assert not bench.reader.log
    bench.confirm()
    assert [name for _, name, _ in bench.reader.log] == ["a"]


def test_a_barrier_may_be_confirmed_before_parsing_ends(bench: Bench) -> None:
    """INV-3: each request is run once, whichever comes first."""
    bench.settle()
    bench.reads.open(bench.reads.foresee())
    bench.reads.wait(bench.request("a"))
    bench.barriers.pop(0)(True)
    bench.reads.wait(bench.request("b"))
    assert not bench.reader.log
    bench.reads.close()
    bench.turn()
    assert bench.reader.log == [("run", "a", 1), ("run", "b", 1)]


# ---------------------------------------------------------------------- over the product's own state


def test_a_read_shows_what_was_committed_while_it_waited(tmp_path: Path) -> None:
    """INV-4: run once for nothing on the state before, and answered from the one behind the barrier."""
    world = World(tmp_path)
    node, connection, client = world.node(), world.connect(), Client(world)
    client.start(node, connection)
    other = Client(world, b"other")
    other.start(node, connection)

    def ask(sequence_id: int) -> bytes:
        """Read the root's change attribute under a barrier asked for before the request is parsed."""
        record = client.compound(sequence_id, [putroot(), getattr_size()], cache=False)
        node.reads.open(node.reads.foresee())
        node.receive(connection, record, 0, len(record))
        node.reads.close()
        world.turn()
        before = len(connection.sent)
        if sequence_id == 9:
            assert other.decode(other.send(node, connection, other.compound(1, [putroot(), mkdir(b"d")]))).status == 0
        for done in held[:]:
            held.remove(done)
            done(True)
        world.turn()
        assert len(connection.sent) > before
        return connection.sent[-1][-8:]  # the attribute is the last thing in the reply

    held: list[Callable[[bool], None]] = []
    world.replica.barrier = held.append  # type: ignore[assignment, method-assign]
    seen = [ask(sequence_id) for sequence_id in range(1, 9)]
    assert len(set(seen)) == 1
    counts = sum(node.counters.run)
    guessed = node.reader.guess
    used: list[int] = []

    def counted(requests: list[Request]) -> Guess:
        used.append(len(requests))
        return guessed(requests)

    node.reader.guess = counted  # type: ignore[method-assign]
    assert ask(9) > seen[0]
    assert used == [1], "vacuous: nothing was guessed"
    assert sum(node.counters.run) == counts + 2, "what was run for nothing is not counted as answered"


def test_a_guess_made_with_old_settings_is_thrown_away(tmp_path: Path) -> None:
    """INV-4: settings are committed before the front end is told; what it guesses in between has the old ones."""
    world = World(tmp_path)
    node, connection, client = world.node(), world.connect(), Client(world)
    client.start(node, connection)
    held: list[Callable[[bool], None]] = []
    world.replica.barrier = held.append  # type: ignore[assignment, method-assign]
    lease_time = nfs4.nfs_argop4(nfs4.OP_GETATTR, nfs4.GETATTR4args(1 << nfs4.FATTR4_LEASE_TIME))

    def ask(sequence_id: int) -> int:
        record = client.compound(sequence_id, [putroot(), lease_time], cache=False)
        node.reads.open(node.reads.foresee())
        node.receive(connection, record, 0, len(record))
        node.reads.close()
        world.turn()
        if sequence_id == 6:
            node.reload_settings()  # the event comes, before the barrier's answer
        held.pop(0)(True)
        return int.from_bytes(connection.sent[-1][-4:], "big")

    for sequence_id in range(1, 6):
        assert ask(sequence_id) != 30
    settings = Settings(cluster_id=0x1234567, name=b"test", lease_ms=30_000)
    world.replica.propose(pack_internal(ConfigureCluster(msgspec.msgpack.encode(settings))), lambda _: None)
    assert ask(6) == 30


def test_reads_allowed_without_a_barrier_wait_for_one_when_the_quorum_is_back(bench: Bench) -> None:
    """INV-4: the quorum's return ends the licence to answer from this node's own state, for those that wait too."""
    world = bench  # the dispatcher's change_service, as far as reads are concerned
    world.reads.unconfirmed = True
    world.reads.wait(world.request("a"))
    waiting = world.reads.take_all()
    world.reads.unconfirmed = False
    for request in waiting:
        world.reads.wait(request)
    world.turn()
    assert not world.reader.log
    world.confirm()
    assert [name for _, name, _ in world.reader.log] == ["a"]


def test_the_dispatcher_asks_anew_for_reads_that_wait_when_the_quorum_is_back(tmp_path: Path) -> None:
    """INV-4: as above, over the dispatcher."""
    world = World(tmp_path)
    node, connection, client = world.node(), world.connect(), Client(world)
    client.start(node, connection)
    held: list[Callable[[bool], None]] = []
    world.replica.barrier = held.append  # type: ignore[assignment, method-assign]
    node.change_service(READ_ONLY)
    record = client.compound(1, [putroot(), nfs4.nfs_argop4(nfs4.OP_GETFH)], cache=False)
    before = len(connection.sent)
    node.receive(connection, record, 0, len(record))
    node.change_service(SERVING)
    world.turn()
    assert len(connection.sent) == before
    assert len(held) == 1
    held[0](True)
    assert len(connection.sent) == before + 1
