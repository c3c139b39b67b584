"""A node without a quorum: what it goes on answering, what it never does, and how it comes back (docs/adr/0011)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mdscluster.fsm.operations import DISPATCH
from mdscluster.nfs_frontend.dispatcher import Dispatcher
from mdscluster.nfs_frontend.quorum import CLOSE_AFTER_MS, READ_ONLY, REFUSING, SERVING, QuorumWatch
from mdscluster.replica import ReplicaStatus
from nfswire import nfs4
from tests.unit.nfs_frontend.nodes import CURRENT, layoutget, opening
from tests.unit.nfs_frontend.support import Client, FakeConnection, World, getattr_size, mkdir, putroot

PATIENCE_MS = 900
DELAY = nfs4.NFS4ERR_DELAY


class Watched(World):
    """A node, its clients' connections, its watch, and the clock."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.now_ms = 10_000
        self.front = self.node()
        self.connections: list[FakeConnection] = []
        self.watch = self.policy("read-only")

    def policy(self, on_quorum_loss: str) -> QuorumWatch:
        self.watch = QuorumWatch(
            self.replica, self.front, self._close, on_quorum_loss, patience_ms=PATIENCE_MS, hopeless_ms=200
        )
        return self.watch

    def _close(self, reason: str) -> None:
        for connection in self.connections:
            if not connection.closed:
                connection.abort(reason)

    def connect(self) -> FakeConnection:
        self.connections.append(super().connect())
        return self.connections[-1]

    def wait(self, ms: int, *, quarantined: bool = False, reaches_majority: bool = True) -> None:
        for _ in range(ms // 100):
            self.now_ms += 100
            status = ReplicaStatus(
                "mds1", "follower", 1, "", 1, 1, 1, 1, self.replica.available, {}, 0.0, quarantined,
                reaches_majority=reaches_majority,
            )  # fmt: skip
            self.watch.tick(status, self.now_ms)
            self.turn()

    def lose_quorum(self) -> FakeConnection:
        """Until the node has noticed; a new connection."""
        self.replica.available = False
        self.wait(PATIENCE_MS + 200)
        return self.connect()


@pytest.fixture
def world(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


@pytest.fixture
def client(world: Watched) -> Client:
    """It has made a session and the directory ``d``; its next sequence ID is 2."""
    client = Client(world)
    connection = world.connect()
    client.start(world.front, connection)
    assert client.decode(client.send(world.front, connection, client.compound(1, [putroot(), mkdir(b"d")]))).status == 0
    return client


def lookup(name: bytes) -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_LOOKUP, nfs4.LOOKUP4args(name))


def put_off(client: Client, reply: bytes | None) -> bool:
    """SEQUENCE itself was answered NFS4ERR_DELAY: the same request may be sent again, slot and all."""
    result = client.decode(reply)
    return result.status == DELAY and [op.resop for op in result.resarray] == [nfs4.OP_SEQUENCE]


def hold_barriers(world: World) -> list[Callable[[bool], None]]:
    held: list[Callable[[bool], None]] = []
    world.replica.barrier = held.append  # type: ignore[method-assign]
    return held


# ---------------------------------------------------------------------- with a quorum: no read without a barrier


def reading_operations() -> list[tuple[int, int]]:
    return [
        (minor, op)
        for minor, dispatch in DISPATCH.items()
        for op, handler in enumerate(dispatch.handlers)
        if handler is not None and not dispatch.changes[op]
    ]


@pytest.mark.parametrize(
    ("minor", "op"), reading_operations(), ids=[f"4.{m} {nfs4.OP_NAMES[op]}" for m, op in reading_operations()]
)
def test_no_operation_that_reads_is_answered_before_its_barrier(
    world: Watched, client: Client, minor: int, op: int
) -> None:
    """INV-4: a paused old leader's own state answers nothing, whatever the operation and whatever its arguments."""
    connection = world.connect()
    held = hold_barriers(world)
    moved: list[object] = []
    world.front.run_io = lambda node, request, _: (moved.append(op), node.reply(request, 0, 0, b""))[1]
    sequence = nfs4.nfs_argop4(nfs4.OP_SEQUENCE, nfs4.SEQUENCE4args(client.session_id, 2, 0, 3, False))
    head = nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"", minor, [sequence, putroot()]))
    head = head[:8] + (3).to_bytes(4, "big") + head[12:]  # three operations, the last of them raw
    assert client.send(world.front, connection, client.raw(head + op.to_bytes(4, "big") + bytes(64))) is None
    assert connection.aborted is None
    assert len(held) == 1, "answered or proposed without a barrier"
    assert not moved
    held[0](True)
    assert len(connection.sent) == 1


def test_a_session_is_not_looked_up_before_a_barrier(world: Watched, client: Client) -> None:
    """INV-4: SEQUENCE of a session that this node does not know, and BIND_CONN_TO_SESSION."""
    other, connection = world.node(), world.connect()
    held = hold_barriers(world)
    assert client.send(other, connection, client.compound(2, [])) is None
    bind = nfs4.nfs_argop4(
        nfs4.OP_BIND_CONN_TO_SESSION,
        nfs4.BIND_CONN_TO_SESSION4args(client.session_id, nfs4.CDFC4_FORE_OR_BOTH, False),
    )
    record = client.raw(nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"", 1, [bind])))
    assert client.send(other, connection, record) is None
    assert len(held) == 2
    for done in held:
        done(True)
    assert len(connection.sent) == 2


def test_an_election_is_not_noticed(world: Watched, client: Client) -> None:
    """Requests that come during one wait for it; no connection is closed."""
    connection = world.connect()
    held = hold_barriers(world)
    read = client.compound(2, [putroot(), getattr_size()])
    assert client.send(world.front, connection, read) is None
    world.replica.available = False
    world.wait(PATIENCE_MS - 100)
    world.replica.available = True
    world.wait(2_000)
    assert world.watch.service == SERVING
    held[0](True)
    assert connection.aborted is None
    assert client.decode(connection.sent[-1]).status == 0


# ---------------------------------------------------------------------- read-only


def test_reads_go_on_and_changes_are_put_off(world: Watched, client: Client) -> None:
    """INV-6: nothing is acknowledged, nothing is even proposed; a COMPOUND that mixes is put off as a whole."""
    before = [connection for connection in world.connections if not connection.closed]
    connection = world.lose_quorum()
    assert world.watch.service == READ_ONLY
    assert all(old.closed for old in before), "clients were not sent to look for another node"
    proposed: list[bytes] = []
    world.replica.propose = lambda payload, done: proposed.append(payload)  # type: ignore[method-assign, assignment]
    reply = client.decode(client.send(world.front, connection, client.compound(2, [putroot(), lookup(b"d")])))
    assert reply.status == 0
    assert client.decode(client.send(world.front, connection, client.compound(3, []))).status == 0
    for ops in ([putroot(), mkdir(b"e")], [putroot(), getattr_size(), mkdir(b"e"), getattr_size()]):
        assert put_off(client, client.send(world.front, connection, client.compound(4, ops)))
    assert not proposed
    counted = world.front.counters
    assert counted.calls["read-only"] == 2
    assert counted.calls["delayed without quorum"] == 2
    assert counted.by_name()["NFS4ERR_DELAY"] == 2


def test_nothing_is_granted(world: Watched, client: Client) -> None:
    """INV-5, INV-6: opens, locks and layouts, and whatever makes or ends a session."""
    connection = world.lose_quorum()
    opened = nfs4.open_to_lock_owner4(0, CURRENT, 0, nfs4.state_owner4(0, b"l"))
    lock = nfs4.LOCK4args(nfs4.WRITE_LT, False, 0, 1, nfs4.locker4(True, open_owner=opened))
    for ops in (
        opening(b"f", client.client_id),
        [putroot(), nfs4.nfs_argop4(nfs4.OP_LOCK, lock)],
        [putroot(), layoutget(CURRENT)],
    ):
        assert put_off(client, client.send(world.front, connection, client.compound(2, ops)))
    destroy = nfs4.nfs_argop4(nfs4.OP_DESTROY_SESSION, nfs4.DESTROY_SESSION4args(client.session_id))
    assert client.call(world.front, connection, [destroy]).status == DELAY
    exchange = nfs4.EXCHANGE_ID4args(
        nfs4.client_owner4(b"verifier", b"new"), 0, nfs4.state_protect4_a(nfs4.SP4_NONE), []
    )
    assert client.call(world.front, connection, [nfs4.nfs_argop4(nfs4.OP_EXCHANGE_ID, exchange)]).status == DELAY


def test_no_data_is_moved(world: Watched, client: Client) -> None:
    """INV-6: a READ through this node would be under an epoch that it cannot vouch for."""
    connection = world.lose_quorum()
    started: list[object] = []
    world.front.run_io = lambda *_: started.append(_)
    read = nfs4.nfs_argop4(nfs4.OP_READ, nfs4.READ4args(nfs4.stateid4(0, bytes(12)), 0, 10))
    assert put_off(client, client.send(world.front, connection, client.compound(2, [putroot(), read])))
    assert not started


def test_what_this_node_may_merely_not_know_is_not_denied(world: Watched, client: Client) -> None:
    """INV-7: of a session, a handle, a stateid or a device that others made meanwhile it cannot say that it is gone."""
    connection = world.lose_quorum()
    get_handle = client.compound(2, [putroot(), lookup(b"d"), nfs4.nfs_argop4(nfs4.OP_GETFH)])
    handle = client.decode(client.send(world.front, connection, get_handle)).resarray[-1].arm.resok4.object
    unborn = handle[:-1] + bytes((handle[-1] ^ 0x40,))
    device = nfs4.GETDEVICEINFO4args(bytes(16), nfs4.LAYOUT4_NFSV4_1_FILES, 4096, 0)
    for ops in (
        [nfs4.nfs_argop4(nfs4.OP_PUTFH, nfs4.PUTFH4args(unborn)), getattr_size()],
        [nfs4.nfs_argop4(nfs4.OP_GETDEVICEINFO, device)],
    ):
        assert put_off(client, client.send(world.front, connection, client.compound(3, ops)))
    missing = client.decode(client.send(world.front, connection, client.compound(3, [putroot(), lookup(b"no")])))
    assert missing.status == nfs4.NFS4ERR_NOENT
    client.session_id = client.session_id[:-1] + b"\xff"
    assert put_off(client, client.send(world.front, connection, client.compound(1, [putroot()])))
    bind = nfs4.nfs_argop4(
        nfs4.OP_BIND_CONN_TO_SESSION,
        nfs4.BIND_CONN_TO_SESSION4args(client.session_id, nfs4.CDFC4_FORE_OR_BOTH, False),
    )
    assert client.call(world.front, connection, [bind]).status == DELAY


def test_a_change_put_off_runs_once_when_it_is_sent_again(world: Watched, client: Client) -> None:
    """INV-3: the slot was not used up; the same request, sent again, is the first that runs."""
    connection = world.lose_quorum()
    record = client.compound(2, [putroot(), mkdir(b"e")])
    for _ in range(3):
        assert put_off(client, client.send(world.front, connection, record))
    world.replica.available = True
    world.wait(200)
    assert world.watch.service == SERVING
    first = client.send(world.front, connection, record)
    assert client.decode(first).status == 0
    assert client.send(world.front, connection, record) == first


def test_a_change_under_way_when_the_quorum_was_lost_runs_once(world: Watched, client: Client) -> None:
    """INV-3: its client comes back with it before it has an outcome, and is never told that it did not run."""
    connection = world.connect()
    held: list[tuple[bytes, Callable[[bytes | None], None]]] = []
    propose = world.replica.propose
    world.replica.propose = lambda payload, done: held.append((payload, done))  # type: ignore[method-assign]
    record = client.compound(2, [putroot(), mkdir(b"e")])
    assert client.send(world.front, connection, record) is None
    back = world.lose_quorum()
    assert connection.closed
    assert put_off(client, client.send(world.front, back, record))
    other = world.node()
    other.change_service(READ_ONLY)
    assert put_off(client, client.send(other, world.connect(), record)), "another node knows nothing of it"
    world.replica.available = True
    world.replica.propose = propose  # type: ignore[method-assign]
    world.wait(200)
    payload, done = held[0]
    propose(payload, done)
    answer = client.decode(client.send(world.front, back, record))
    assert answer.status == 0, "EEXIST: it ran twice"


def test_a_node_that_hears_from_no_majority_sends_its_clients_away_soon(world: Watched, client: Client) -> None:
    """To wait is for elections, and none can succeed there: a minority's leader and who follows it serve nobody."""
    watch = world.policy("refuse")
    connection = world.connect()
    held = hold_barriers(world)  # it hears a leader, which has no quorum either
    world.wait(200, reaches_majority=False)
    assert not connection.closed
    world.wait(100, reaches_majority=False)
    assert connection.closed
    assert watch.service == "refusing"
    held.pop()(True)
    assert watch.service == "serving"


def test_reads_that_waited_for_a_barrier_do_not_block_their_slot(world: Watched, client: Client) -> None:
    """Given up with their connection; sent again they are answered at once, not when the old barrier fails."""
    connection = world.connect()
    held = hold_barriers(world)
    records = [client.compound(2, [putroot(), getattr_size()], slot=slot) for slot in (0, 1, 2)]
    for record in records:
        assert client.send(world.front, connection, record) is None
    back = world.lose_quorum()
    for record in records:
        assert client.decode(client.send(world.front, back, record)).status == 0
    for done in held:
        done(False)
    assert not back.closed


def test_a_client_that_wants_changes_is_sent_away(world: Watched, client: Client) -> None:
    """NFS4ERR_DELAY within a bound, then its connection ends; who only reads stays until it is made to look around."""
    writer, reader = world.lose_quorum(), world.connect()
    assert client.decode(client.send(world.front, reader, client.compound(2, [putroot()], slot=1))).status == 0
    assert put_off(client, client.send(world.front, writer, client.compound(2, [putroot(), mkdir(b"e")])))
    world.wait(CLOSE_AFTER_MS - 100)
    assert not writer.closed
    world.wait(300)
    assert writer.closed
    assert not reader.closed
    world.wait(world.front.settings.lease_ms // 4)
    assert reader.closed, "its lease runs out at the others, and it never looks for them"


def test_back_to_linearizable_before_anything_is_answered(world: Watched, client: Client) -> None:
    """INV-4: a confirmed barrier ends it; then every read waits for its own, a repeated one too."""
    connection = world.lose_quorum()
    read = client.compound(2, [putroot(), getattr_size()], cache=True)
    stale = client.decode(client.send(world.front, connection, read))
    assert stale.status == 0
    world.replica.available = True
    world.wait(200)
    assert world.watch.service == SERVING
    assert not connection.closed
    other = Client(world, b"other")
    other.start(world.node(), world.connect())
    elsewhere = other.compound(1, [putroot(), mkdir(b"new")])
    assert other.decode(other.send(world.node(), world.connect(), elsewhere)).status == 0
    held = hold_barriers(world)
    assert client.send(world.front, connection, read) is None, "an old answer was given again"
    assert client.send(world.front, connection, client.compound(2, [putroot(), getattr_size()], slot=1)) is None
    for done in held:
        done(True)
    for reply in connection.sent[-2:]:
        assert client.decode(reply).resarray[-1] != stale.resarray[-1]


def test_has_quorum_alone_does_not_end_it(world: Watched, client: Client) -> None:
    """INV-4: a follower that heard a leader again has not yet applied what was acknowledged meanwhile."""
    world.lose_quorum()
    held = hold_barriers(world)
    world.watch._probing = False
    world.replica.available = True
    world.wait(5_000)
    assert world.watch.service == READ_ONLY
    assert len(held) == 1
    held[0](False)
    world.wait(200)
    assert len(held) == 2
    held[1](True)
    assert world.watch.service == SERVING


# ---------------------------------------------------------------------- refuse


def test_refuse_closes_everything(world: Watched, client: Client) -> None:
    """INV-4, INV-6: strictly linearizable, for nothing at all is answered."""
    world.policy("refuse")
    before = list(world.connections)
    world.lose_quorum()
    assert world.watch.service == REFUSING
    assert all(connection.closed for connection in before)
    world.replica.available = True
    world.wait(200)
    assert world.watch.service == SERVING


def test_a_node_that_lost_its_disk_shows_nothing_until_it_has_caught_up(world: Watched, client: Client) -> None:
    """INV-7: an empty state is a prefix too, but no answer."""
    world.replica.available = False
    world.wait(PATIENCE_MS + 200, quarantined=True)
    assert world.watch.service == REFUSING


def test_dispatchers_serve_until_they_are_told(world: Watched) -> None:
    assert Dispatcher(world.replica, world.deferred.append).service == SERVING


def test_a_node_that_stood_still_sends_its_clients_away(world: Watched, client: Client) -> None:
    """INV-7: frozen (SIGSTOP, a suspended machine) for longer than a failover, it is not waited for; a busy one is.

    Chaos found a Linux client that waited 31 s: its requests lay acknowledged in the frozen node's sockets.
    """
    connection = world.connect()
    world.watch.slept(PATIENCE_MS - 1)
    assert not connection.closed
    world.watch.slept(PATIENCE_MS)
    assert connection.closed
    assert world.watch.service == SERVING, "whether there is a quorum is another question"
