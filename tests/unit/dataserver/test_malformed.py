"""What is no request: nothing ends the connection but a record that is too long, and nothing ends the server."""

from __future__ import annotations

import itertools
import socket
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataserver import connection as connection_module
from dataserver.config import Limits
from nfswire import nfs4, rpc
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.dataserver.support.wire import CREDENTIAL, Wire, compound, handle, op, putfh, read, record, write

NULL = b"".join(rpc.pack_call(0x7FFFFFFF, nfs4.NFS4_PROGRAM, 4, 0, CREDENTIAL, []))


def alive(wire: Wire) -> list[bytes]:
    """Replies up to that of a NULL call: the connection works."""
    wire.sock.sendall(record(NULL))
    got = []
    while True:
        reply = wire.receive()
        if reply[:4] == b"\x7f\xff\xff\xff":
            return got
        got.append(reply)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.binary(max_size=400), max_size=5))
def test_random_records(server: LocalServer, records: list[bytes]) -> None:
    wire = server.connect()
    for body in records:
        wire.send(body)
    alive(wire)
    wire.close()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.one_of(
        st.binary(max_size=60),
        st.integers(0, 80).flatmap(lambda n: st.binary(max_size=100).map(lambda b: struct.pack(">I", n) + b)),
    ), max_size=4),
    st.integers(0, 3),
    st.integers(0, 100),
)  # fmt: skip
def test_random_operations(server: LocalServer, ops: list[bytes], minor: int, count: int) -> None:
    wire = server.session()
    body = b"".join((wire.sequence(), putfh(handle()), *ops))
    head = struct.pack(">III", 0, minor, count)
    wire.send(b"".join(rpc.pack_call(1, nfs4.NFS4_PROGRAM, 4, 1, CREDENTIAL, [head, body])))
    assert len(alive(wire)) == 1
    assert not any(s.locked() for s in server.core.registry.sessions[wire.session].busy)
    wire.close()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", None),
        (b"\0" * 7, None),
        (struct.pack(">II", 9, 1), None),  # a reply
        (struct.pack(">II", 9, 0), rpc.reply_garbage_args(9)),
        (struct.pack(">IIIIII", 9, 0, 3, 100003, 4, 1) + bytes(16), rpc.reply_rpc_mismatch(9)),
        (struct.pack(">IIIIII", 9, 0, 2, 100005, 4, 1) + bytes(16), rpc.reply_prog_unavail(9)),
        (struct.pack(">IIIIII", 9, 0, 2, 100003, 3, 1) + bytes(16), rpc.reply_prog_mismatch(9, 4, 4)),
        (struct.pack(">IIIIII", 9, 0, 2, 100003, 4, 2) + bytes(16), rpc.reply_proc_unavail(9)),
        (struct.pack(">IIIIIIII", 9, 0, 2, 100003, 4, 1, 6, 0) + bytes(8), rpc.reply_auth_error(9, rpc.AUTH_BADCRED)),
        (struct.pack(">IIIIII", 9, 0, 2, 100003, 4, 1) + bytes(16), rpc.reply_garbage_args(9)),
        (struct.pack(">IIIIII", 9, 0, 2, 100003, 4, 1) + bytes(16) + b"\xff\xff\xff\xff", rpc.reply_garbage_args(9)),
    ],
)  # fmt: skip
def test_rpc_level_refusals(server: LocalServer, body: bytes, expected: bytes | None) -> None:
    wire = server.connect()
    wire.send(body)
    assert alive(wire) == ([] if expected is None else [expected])
    wire.close()


def test_truncated_arguments_are_badxdr(wire: Wire) -> None:
    whole = write(0, b"12345678")
    for length in (5, 20, 31, len(whole) - 1):
        result = wire.do(putfh(handle()), whole[:length])
        assert result.ops[-1][:2] == (nfs4.OP_WRITE, nfs4.NFS4ERR_BADXDR)
    short = wire.do(putfh(handle()), b"")
    assert short.ops[-1][:2] == (nfs4.OP_ILLEGAL, nfs4.NFS4ERR_BADXDR)


def test_a_record_in_fragments(wire: Wire) -> None:
    message = compound(3, wire.sequence(), putfh(handle()), write(0, b"x" * 10_000))
    cuts = [0, 1, 30, 30, 5000, len(message)]
    for start, end in itertools.pairwise(cuts):
        last = 0x80000000 if end == len(message) else 0
        wire.sock.sendall(struct.pack(">I", last | end - start) + message[start:end])
    assert struct.unpack_from(">I", wire.receive(), 24)[0] == 0
    assert wire.do(putfh(handle()), read(0, 10_000)).data == b"x" * 10_000


def test_trickling_and_lumped_records(server: LocalServer, wire: Wire) -> None:
    message = record(compound(3, wire.sequence(), putfh(handle()), write(0, b"abc")))
    for byte in message:
        wire.sock.sendall(bytes((byte,)))
    assert struct.unpack_from(">I", wire.receive(), 24)[0] == 0
    lump = b"".join(
        record(compound(100 + n, wire.sequence(slot=n), putfh(handle()), write(5000 * n, bytes([n]) * 5000)))
        for n in range(1, 40)
    )
    wire.sock.sendall(lump)
    assert [struct.unpack_from(">I", wire.receive(), 0)[0] for _ in range(1, 40)] == list(range(101, 140))
    reads = [compound(n, wire.sequence(slot=n), putfh(handle()), read(5000 * n, 1)) for n in range(1, 40)]
    wire.sock.sendall(b"".join(map(record, reads)))
    assert [wire.receive()[-4] for _ in range(1, 40)] == list(range(1, 40))


@pytest.mark.parametrize("mark", [0xFFFFFFFF, 0x80000000 | (1 << 20) + (1 << 16) + 1, 0x7FFFFFFF])
def test_a_record_that_is_too_long_ends_the_connection(server: LocalServer, mark: int) -> None:
    wire = server.connect()
    wire.sock.sendall(struct.pack(">I", mark) + bytes(100))
    with pytest.raises(ConnectionError):
        wire.receive()
    again = server.connect()
    alive(again)
    again.close()
    wire.close()


def test_endless_fragments_end_the_connection(server: LocalServer) -> None:
    wire = server.connect()
    with pytest.raises(ConnectionError):
        for _ in range(1000):
            wire.sock.sendall(struct.pack(">I", 0))
            time.sleep(0)
        wire.receive()
    wire.close()


def test_connections_are_bounded(tmp_path: Path) -> None:
    with LocalServer(tmp_path / "data", limits=Limits(max_connections=3)) as server:
        wires = [server.session(b"o%d" % n) for n in range(3)]
        surplus = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        assert surplus.recv(1) == b""
        surplus.close()
        wires.pop().close()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and len(server.listener._connections) == 3:
            time.sleep(0.01)
        wires.append(server.session(b"late"))
        for wire in wires:
            assert wire.do(putfh(handle()), read(0, 1)).status == 0
            wire.close()


def test_slow_clients_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that does not arrive, replies that are not taken, a client that says nothing."""
    monkeypatch.setattr(connection_module, "RECORD_TIMEOUT_MS", 300)
    monkeypatch.setattr(connection_module, "IDLE_TIMEOUT_MS", 900)
    with LocalServer(tmp_path / "data") as server:
        half = server.connect()
        half.sock.sendall(record(NULL)[:20])
        idle = server.connect()
        deaf = server.session(b"deaf")
        deaf.do(putfh(handle()), write(0, bytes(1 << 20)))
        for slot in range(40):
            deaf.send(compound(slot, deaf.sequence(slot=slot), putfh(handle()), read(0, 1 << 20)))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and server.listener._connections:
            time.sleep(0.02)
        assert not server.listener._connections
        for wire in (half, idle, deaf):
            wire.close()


def test_a_bug_of_ours_does_not_end_the_connection(
    server: LocalServer, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(server.core, "read", broken)
    message = compound(3, wire.sequence(), putfh(handle()), read(0, 1))
    wire.send(message)
    assert wire.receive() == rpc.reply_system_err(3)
    monkeypatch.undo()
    assert wire.do(putfh(handle()), read(0, 1)).status == 0
    assert wire.do(op(nfs4.OP_PUTROOTFH)).status == 0


def test_fragments_are_limited_by_the_configuration(tmp_path: Path) -> None:
    """One more than ``limits.max_fragments`` ends the connection; as many are a record."""
    with LocalServer(tmp_path / "d", limits=Limits(max_fragments=3)) as server:
        for cuts, is_served in (([0, 9, 30], True), ([0, 9, 30, 40], False)):
            wire = server.session(b"%d" % len(cuts))
            message = compound(3, wire.sequence(), putfh(handle()), write(0, b"x" * 100))
            for start, end in itertools.pairwise([*cuts, len(message)]):
                last = 0x80000000 if end == len(message) else 0
                wire.sock.sendall(struct.pack(">I", last | end - start) + message[start:end])
            assert (wire.sock.recv(1) != b"") is is_served
            wire.close()
