"""Bad input gets the RFCs' error, never an exception, and never ends the server."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nfswire import nfs4, rpc
from tests.unit.nfs_frontend.support import ROOT, Client, FakeConnection, World, getattr_size, mkdir, putroot

_numbers = itertools.count()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(Path(tmp_path_factory.mktemp("state")))


def test_rpc_errors(world: World) -> None:
    """RFC 5531 §9: program, version and procedure that are not served; another RPC version."""
    node, client = world.node(), Client(world)

    def call(program: int, version: int, procedure: int) -> rpc.Reply:
        record = b"".join(rpc.pack_call(7, program, version, procedure, ROOT, [b""]))
        reply = client.send(node, world.connect(), record)
        assert reply is not None
        return rpc.unpack_reply(reply, 0, len(reply))

    assert call(100003, 4, 0).status == 0
    assert call(100005, 4, 0).status == 1  # PROG_UNAVAIL
    mismatch = call(100003, 3, 0)
    assert (mismatch.status, mismatch.low, mismatch.high) == (2, 4, 4)  # PROG_MISMATCH
    assert call(100003, 4, 2).status == 3  # PROC_UNAVAIL
    assert call(100003, 4, 1).status == 4  # GARBAGE_ARGS: a COMPOUND without arguments


def test_minor_versions(world: World) -> None:
    """RFC 8881 §2.7: 1 and 2 are served."""
    node, connection, client = world.node(), world.connect(), Client(world)
    for minor in (0, 3):
        assert client.call(node, connection, [putroot()], minor).status == nfs4.NFS4ERR_MINOR_VERS_MISMATCH
    for minor in (1, 2):
        assert client.call(node, connection, [putroot()], minor).status == nfs4.NFS4ERR_OP_NOT_IN_SESSION
        assert client.call(node, connection, [], minor).status == 0


@pytest.mark.parametrize("op", [0, 1, 2, 77, 10000, 0xFFFFFFFF])
def test_an_operation_that_does_not_exist_is_illegal(world: World, op: int) -> None:
    """RFC 8881 §15.1.3.4: NFS4ERR_OP_ILLEGAL with OP_ILLEGAL in its place."""
    node, connection, client = world.node(), world.connect(), Client(world)
    body = struct.pack(">IIII", 0, 1, 1, op)
    result = client.decode(client.send(node, connection, client.raw(body)))
    assert result.status == nfs4.NFS4ERR_OP_ILLEGAL
    assert result.resarray[0].resop == nfs4.OP_ILLEGAL


def test_truncated_operations_are_bad_xdr(world: World) -> None:
    """Cut at every byte, a COMPOUND gets a reply: GARBAGE_ARGS in its head, NFS4ERR_BADXDR behind it."""
    node, connection, client = world.node(), world.connect(), Client(world)
    client.start(node, connection)
    whole = client.compound(1, [putroot(), mkdir(b"name"), getattr_size()])
    head = len(whole) - len(nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"", 1, [])))
    sequence_id = 1
    for cut in range(head + 60, len(whole), 4):
        record = client.compound(sequence_id, [putroot(), mkdir(b"name"), getattr_size()])[:cut]
        reply = client.send(node, connection, record)
        assert reply is not None, f"no reply to a record cut at {cut}"
        answer = rpc.unpack_reply(reply, 0, len(reply))
        if answer.status == 0:
            result = client.decode(reply)
            assert result.status != 0
            if result.resarray and result.resarray[0].arm.sr_status == 0:
                sequence_id += 1


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400), flips=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=6))
def test_random_records_never_raise(world: World, data: bytes, flips: list[tuple[int, int]]) -> None:
    """Neither random bytes nor a mutilated COMPOUND raise, and the node goes on serving."""
    # Owners of its own each time: a client may have only so many sessions.
    number = next(_numbers)
    node, client = world.node(), Client(world, b"fuzz %d" % number)
    connection = world.connect()
    client.send(node, world.connect(), data)
    client.start(node, connection)
    record = bytearray(client.compound(1, [putroot(), mkdir(b"fuzz"), getattr_size()]))
    for at, value in flips:
        record[at % len(record)] = value
    client.send(node, world.connect(), bytes(record))
    healthy = world.connect()
    again = Client(world, b"witness %d" % number)
    again.start(node, healthy)
    assert again.decode(again.send(node, healthy, again.compound(1, [putroot(), getattr_size()]))).status == 0


@pytest.mark.parametrize("tag", [b"", b"abcdefgh"])
def test_operations_that_are_announced_and_not_there_are_garbage(world: World, tag: bytes) -> None:
    """RFC 5531 §9: the arguments cannot be decoded. Not NFS4_OK, as if they had been run."""
    client = Client(world)
    body = struct.pack(">I", len(tag)) + tag + struct.pack(">II", 1, 5)
    reply = client.send(world.node(), world.connect(), client.raw(body))
    assert reply is not None
    assert rpc.unpack_reply(reply, 0, len(reply)).status == rpc.GARBAGE_ARGS


def test_a_record_is_not_completed_from_the_next_one(world: World) -> None:
    """RFC 5531 §11: two records came in one segment; the first ends within its last operation."""
    node, connection, client = world.node(), world.connect(), Client(world, b"neighbours")
    client.start(node, connection)
    states = nfs4.TEST_STATEID4args([nfs4.stateid4(0, bytes(12))] * 4)
    cut = client.compound(1, [nfs4.nfs_argop4(nfs4.OP_TEST_STATEID, states)])[:-32]
    following = client.compound(2, [putroot()])
    segment = b"".join(struct.pack(">I", 0x80000000 | len(one)) + one for one in (cut, following))
    before = len(connection.sent)
    node.receive(connection, segment, 4, 4 + len(cut))
    node.receive(connection, segment, 8 + len(cut), len(segment))
    world.turn()
    statuses = [client.decode(reply).status for reply in connection.sent[before:]]
    assert statuses == [nfs4.NFS4ERR_BADXDR, 0]


def test_strangers_are_refused_before_anything_is_kept_of_them(world: World) -> None:
    """Else who may not mount could fill max_clients. NULL is answered, as a ping; all else is AUTH_TOOWEAK."""
    node, stranger, client = world.node(), FakeConnection(None), Client(world, b"stranger")
    index = world.replica.index
    owner = nfs4.EXCHANGE_ID4args(
        nfs4.client_owner4(b"verifier", b"stranger"), 0, nfs4.state_protect4_a(nfs4.SP4_NONE), []
    )
    compound = nfs4.COMPOUND4args(b"", 1, [nfs4.nfs_argop4(nfs4.OP_EXCHANGE_ID, owner)])
    for _ in range(2):
        reply = client.send(node, stranger, client.raw(nfs4.pack_COMPOUND4args(compound)))
        assert reply is not None
        refused = rpc.unpack_reply(reply, 0, len(reply))
        assert not refused.accepted
        assert refused.low == rpc.AUTH_TOOWEAK
    assert world.replica.index == index
    ping = b"".join(rpc.pack_call(7, 100003, 4, 0, ROOT, [b""]))
    assert client.send(node, stranger, ping) == rpc.reply_success(7)
