"""What a front end notes of each request: how long it took, and in the log, by its ID, what an operator should know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import structlog

from mdscluster.nfs_frontend import counters as counting
from mdscluster.nfs_frontend.dispatcher import Dispatcher
from nfswire import nfs4
from tests.unit.nfs_frontend.support import Client, World, getattr_size, mkdir, putroot


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "state")


@pytest.fixture
def told() -> Any:
    with structlog.testing.capture_logs() as captured:
        yield captured


class Clock:
    """Stands still until it is moved."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def node_of(world: World, clock: Clock, slow_s: float = 1.0) -> Dispatcher:
    node = Dispatcher(world.replica, world.deferred.append, clock_s=clock)
    node.counters.slow_s = slow_s
    node.turn_s = clock()
    return node


def ask(world: World, client: Client, node: Dispatcher, clock: Clock, record: bytes, takes_s: float) -> None:
    """A request that takes so long from its turn's beginning to its answer."""
    connection = world.connect()
    node.turn_s = clock()
    node.receive(connection, record, 0, len(record))
    clock.now_s += takes_s
    world.turn()
    assert connection.sent


def test_durations_go_to_the_operation_that_a_compound_is_for(world: World) -> None:
    clock, client = Clock(), Client(world)
    node = node_of(world, clock)
    client.start(node, world.connect())
    ask(world, client, node, clock, client.compound(2, [putroot(), mkdir(b"d"), nfs4.nfs_argop4(nfs4.OP_GETFH)]), 0.0)
    ask(world, client, node, clock, client.compound(3, [putroot(), getattr_size()]), 0.003)
    ask(world, client, node, clock, client.compound(4, [putroot()]), 0.1)
    of = node.counters.duration
    assert of(nfs4.OP_CREATE).count == 1
    assert (of(nfs4.OP_GETATTR).count, of(nfs4.OP_GETATTR).sum_s) == (1, pytest.approx(0.003))
    assert (of(0).count, of(0).sum_s) == (1, pytest.approx(0.1))  # for nothing but a filehandle
    assert of(nfs4.OP_PUTROOTFH).count == of(nfs4.OP_GETFH).count == 0


def test_sessionless_operations_are_counted_and_timed_too(world: World) -> None:
    node = node_of(world, Clock())
    Client(world).start(node, world.connect())
    done = node.counters.operations()
    assert done["EXCHANGE_ID"] == done["CREATE_SESSION"] == 1
    assert node.counters.duration(nfs4.OP_EXCHANGE_ID).count == 1


def test_a_slow_operation_is_told_and_a_quick_one_is_not(world: World, told: list[dict[str, Any]]) -> None:
    clock, client = Clock(), Client(world)
    node = node_of(world, clock, slow_s=0.5)
    client.start(node, world.connect())
    ask(world, client, node, clock, client.compound(2, [putroot(), getattr_size()]), 0.4)
    assert not [line for line in told if line["event"] == "slow operation"]
    ask(world, client, node, clock, client.compound(3, [putroot(), getattr_size()], slot=1), 0.6)
    (line,) = [line for line in told if line["event"] == "slow operation"]
    assert line["request"] == f"{client.session_id.hex()}-1-3"
    assert (line["operation"], line["status"], line["seconds"]) == ("GETATTR", "NFS4_OK", pytest.approx(0.6))
    json.dumps(line)


def test_nothing_is_slow_where_nobody_wants_to_know(world: World, told: list[dict[str, Any]]) -> None:
    clock, client = Clock(), Client(world)
    node = Dispatcher(world.replica, world.deferred.append, clock_s=clock)
    client.start(node, world.connect())
    ask(world, client, node, clock, client.compound(2, [putroot(), getattr_size()]), 1e6)
    assert not told


def test_a_request_has_the_same_id_on_whichever_node_it_is_sent_again(
    world: World, told: list[dict[str, Any]]
) -> None:
    """It follows an operation over nodes: session, slot and sequence ID are the client's, and stand in the log."""
    clock, client = Clock(), Client(world)
    nodes = [node_of(world, clock, slow_s=0.1) for _ in range(2)]
    client.start(nodes[0], world.connect())
    for node in nodes:
        ask(world, client, node, clock, client.compound(2, [putroot(), getattr_size()]), 0.2)
    names = {line["request"] for line in told if line["event"] == "slow operation"}
    assert names == {f"{client.session_id.hex()}-0-2"}
    assert sum(line["event"] == "slow operation" for line in told) == 2


def test_statuses_that_no_program_brings_about_are_told_others_are_not(
    world: World, told: list[dict[str, Any]]
) -> None:
    clock, client = Clock(), Client(world)
    node = node_of(world, clock)
    client.start(node, world.connect())
    lookup = nfs4.nfs_argop4(nfs4.OP_LOOKUP, nfs4.LOOKUP4args(b"nobody"))
    ask(world, client, node, clock, client.compound(2, [putroot(), lookup]), 0.0)
    assert not told
    forged = nfs4.nfs_argop4(nfs4.OP_PUTFH, nfs4.PUTFH4args(b"forged"))
    ask(world, client, node, clock, client.compound(3, [forged, getattr_size()]), 0.0)
    (line,) = told
    assert (line["event"], line["status"], line["log_level"]) == ("operation failed", "NFS4ERR_BADHANDLE", "warning")


def test_a_client_cannot_fill_the_log_with_nonsense(world: World, told: list[dict[str, Any]]) -> None:
    clock, client = Clock(), Client(world)
    node = node_of(world, clock)
    client.start(node, world.connect())
    forged = nfs4.nfs_argop4(nfs4.OP_PUTFH, nfs4.PUTFH4args(b"forged"))
    for number in range(2, 2 + counting.TOLD_PER_S + 30):
        ask(world, client, node, clock, client.compound(number, [forged]), 0.0)
    assert len(told) == counting.TOLD_PER_S
    clock.now_s += 1.0
    ask(world, client, node, clock, client.compound(99, [forged]), 0.0)
    assert told[-1]["untold"] == 30


def test_a_request_in_a_session_that_never_was_is_told(world: World, told: list[dict[str, Any]]) -> None:
    """INV-7: the alert on NFS4ERR_BADSESSION sends the operator to this line."""
    clock, client = Clock(), Client(world)
    client.session_id = b"\xee" * 16
    node = node_of(world, clock)
    ask(world, client, node, clock, client.compound(7, [putroot(), getattr_size()]), 0.0)
    (line,) = told
    assert (line["request"], line["status"]) == ("ee" * 16 + "-0-7", "NFS4ERR_BADSESSION")
    assert node.counters.by_name() == {"NFS4ERR_BADSESSION": 1}


def test_what_failed_after_long_has_failed(world: World, told: list[dict[str, Any]]) -> None:
    """The runbook sends the operator to ``operation failed``, whatever else can be said of it."""
    clock, client = Clock(), Client(world)
    node = node_of(world, clock, slow_s=0.5)
    client.start(node, world.connect())
    forged = nfs4.nfs_argop4(nfs4.OP_PUTFH, nfs4.PUTFH4args(b"forged"))
    ask(world, client, node, clock, client.compound(2, [forged, getattr_size()]), 0.6)
    (line,) = told
    assert (line["event"], line["seconds"]) == ("operation failed", pytest.approx(0.6))


def test_what_is_answered_outside_of_a_session_is_told_too(world: World, told: list[dict[str, Any]]) -> None:
    """INV-7: what is counted as sent is told, wherever it was answered; there is no request's ID there."""
    clock, client = Clock(), Client(world)
    node = node_of(world, clock)
    channel = nfs4.channel_attrs4(0, 1 << 20, 1 << 20, 8192, 32, 4, [])
    create = nfs4.CREATE_SESSION4args(0xDEAD, 1, 0, channel, channel, 0x40000000, [])
    bind = nfs4.BIND_CONN_TO_SESSION4args(b"\xee" * 16, nfs4.CDFC4_FORE, False)
    unknown = {"NFS4ERR_STALE_CLIENTID": (nfs4.OP_CREATE_SESSION, create),
               "NFS4ERR_BADSESSION": (nfs4.OP_BIND_CONN_TO_SESSION, bind)}  # fmt: skip
    for number, (status, (op, args)) in enumerate(unknown.items(), 1):
        result = client.call(node, world.connect(), [nfs4.nfs_argop4(op, args)])
        assert nfs4.STATUS_NAMES[result.status] == status
        assert len(told) == number
        line = told[-1]
        assert (line["event"], line["status"], line["peer"]) == ("operation failed", status, "127.0.0.1")
        assert line["operation"] == nfs4.OP_NAMES[op]
        assert "request" not in line
    assert node.counters.by_name() == dict.fromkeys(unknown, 1)


def test_a_sequence_that_is_cut_off_is_told(world: World, told: list[dict[str, Any]]) -> None:
    clock, client = Clock(), Client(world)
    node = node_of(world, clock)
    body = nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"", 1, [])).removesuffix(bytes(4))
    cut_off = client.raw(body + b"\0\0\0\1" + nfs4.OP_SEQUENCE.to_bytes(4, "big") + bytes(8))
    result = client.decode(client.send(node, world.connect(), cut_off))
    assert result.status == nfs4.NFS4ERR_BADXDR
    (line,) = told
    assert (line["event"], line["operation"], line["status"]) == ("operation failed", "SEQUENCE", "NFS4ERR_BADXDR")


def test_giving_up_everything_does_not_fill_the_log(world: World, told: list[dict[str, Any]]) -> None:
    """As when the quorum is lost with thousands of requests under way."""
    clock, client = Clock(), Client(world)
    node = node_of(world, clock)
    client.start(node, world.connect())
    waiting = counting.TOLD_PER_S + 30
    for number in range(waiting):
        connection = world.connect()
        record = client.compound(2 + number, [putroot(), getattr_size()])
        node.receive(connection, record, 0, len(record))
    node.change_service("refusing")
    given_up = [line for line in told if line["event"] == "operation given up"]
    assert node.counters.calls["given up"] >= waiting
    assert len(given_up) == counting.TOLD_PER_S
    assert all(line["request"].startswith(client.session_id.hex()) for line in given_up)


def test_what_may_befall_requests_is_counted_from_nothing(world: World) -> None:
    assert dict(node_of(world, Clock()).counters.calls) == dict.fromkeys(counting.EVENTS, 0)


def test_a_lock_state_that_was_freed_by_the_close_before_is_no_lost_state(
    world: World, told: list[dict[str, Any]]
) -> None:
    """INV-7: Linux sends FREE_STATEID and CLOSE without waiting for either; where they cross, nothing has been lost.

    Found by a drill (freeze, 3 nodes, seed 42). NFS4ERR_BAD_STATEID to any other operation is lost state.
    """
    clock, client = Clock(), Client(world)
    node = node_of(world, clock)
    client.start(node, world.connect())
    gone = nfs4.stateid4(1, b"\x02" + bytes(11))
    free = nfs4.nfs_argop4(nfs4.OP_FREE_STATEID, nfs4.FREE_STATEID4args(gone))
    before = dict(node.counters.by_name())
    result = client.decode(client.send(node, world.connect(), client.compound(2, [free])))
    assert result.status == nfs4.NFS4ERR_BAD_STATEID, "the client is told the truth"
    assert node.counters.by_name() == before
    assert node.counters.calls[counting.FREED_ALREADY] == 1
    assert not told
    close = nfs4.nfs_argop4(nfs4.OP_CLOSE, nfs4.CLOSE4args(0, gone))
    client.send(node, world.connect(), client.compound(3, [putroot(), close]))
    assert node.counters.by_name() == {**before, "NFS4ERR_BAD_STATEID": 1}
    assert [line["operation"] for line in told] == ["CLOSE"]
