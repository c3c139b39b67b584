"""The straight-line path against the table: the same requests, the same bytes, the same state afterwards."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dataserver.config import Limits
from dataserver.fastpath import SENDFILE_BYTES_MIN
from dataserver.sessions import Session
from nfswire import nfs4, rpc
from nfswire.dsfh import Fence
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.dataserver.support.wire import (
    CREDENTIAL,
    Wire,
    commit,
    compound,
    getattr_,
    handle,
    op,
    putfh,
    read,
    record,
    write,
)

LIMITS = Limits(max_io_bytes=256 * 1024, max_record_bytes=256 * 1024 + 4096)
WALL = 1_700_000_000 * 10**9


@contextmanager
def twins(tmp_path: Path) -> Iterator[tuple[LocalServer, LocalServer]]:
    now = [10**12]

    def make(name: str, fast: bool) -> LocalServer:
        clocks = {"clock_ns": lambda: now[0], "wall_ns": lambda: WALL}
        return LocalServer(tmp_path / name, fast=fast, lanes=0, limits=LIMITS, **clocks)

    with make("fast", True) as fast, make("table", False) as table:
        for server in (fast, table):
            server.report_answer = lambda report: report[3] % 5 != 0
        yield fast, table


def _requests(draw: random.Random, session: Session, count: int) -> Iterator[bytes]:
    """Mostly well-formed I/O on few slots, with everything else that a client may do wrong."""
    earlier: list[bytes] = []
    files = [1, 2, 3]
    handles: list[Callable[[], bytes]] = [
        lambda: handle(draw.choice(files), stripe=draw.choice([0, 1])),
        lambda: handle(draw.choice(files), stripe=draw.choice([0, 1])),
        lambda: handle(draw.choice(files), write=False),
        lambda: handle(9, epoch=0),
        lambda: draw.randbytes(40),
        lambda: b"short",
    ]
    offsets = [0, 1, 100, 4096, 1 << 20, (1 << 63) - 2, (1 << 64) - 1]
    sizes = [0, 1, 3, 4, 500, 5000, SENDFILE_BYTES_MIN, 200_001, 256 * 1024, 300_000]
    other = rpc.pack_credential(rpc.AuthSys(2, b"abc", 1, 2, (3, 4)))
    credentials = [CREDENTIAL, bytes(8), other, b"\0\0\0\6" + bytes(4)]

    def one() -> bytes:
        kind = draw.randrange(12)
        offset = draw.choice(offsets)
        if kind < 4:
            return read(offset, draw.choice(sizes))
        if kind < 8:
            size = min(draw.choice(sizes), 256 * 1024)
            return write(offset, draw.randbytes(size), draw.choice([0, 0, 1, 2, 2]))
        if kind < 10:
            return commit(offset, draw.choice([0, 1, 0xFFFFFFFF]))
        attributes = getattr_(1 << nfs4.FATTR4_SIZE | 2)
        return draw.choice([attributes, b"\0\0\0\x18", b"\0\0\0\x07", b"\xff\xff\xff\xff", b""])

    for xid in range(count):
        slot = draw.randrange(4) if draw.random() < 0.97 else draw.choice([63, 64, 1 << 31])
        number = 1
        if slot < 4:
            number = session.sequences[slot] + draw.choice([1] * 30 + [0, 2])
        highest = draw.choice([0, 3, 63] * 10 + [64])
        arguments = nfs4.SEQUENCE4args(session.session_id, number, slot, highest, draw.random() < 0.1)
        sequence = op(nfs4.OP_SEQUENCE, arguments)
        operations = [sequence, putfh(draw.choice(handles)()), one()]
        while draw.random() < 0.1:
            operations.append(one())
        if draw.random() < 0.03:
            operations.pop(draw.randrange(len(operations)))
        message = compound(
            xid, *operations, minor=draw.choice([1] * 10 + [2] * 5 + [0, 3]), tag=draw.choice([b""] * 9 + [b"tag"]),
            credential=draw.choice([CREDENTIAL] * 8 + credentials),
        )  # fmt: skip
        if draw.random() < 0.05:
            damaged = bytearray(message)
            for _ in range(draw.randrange(1, 4)):
                damaged[draw.randrange(8, min(len(damaged), 260))] ^= 1 << draw.randrange(8)
            message = bytes(damaged)
        if draw.random() < 0.03:
            message = message[: draw.randrange(24, len(message))] + bytes(draw.randrange(4))
        if earlier and draw.random() < 0.05:
            message = earlier[-1]  # a retransmission
        earlier.append(message)
        if len(message) <= LIMITS.max_record_bytes:
            yield message


def _exchange(wire: Wire, message: bytes) -> bytes:
    """The reply, found by a NULL call behind it: some messages have none."""
    null = b"".join(rpc.pack_call(0x7FFFFFFF, nfs4.NFS4_PROGRAM, 4, 0, CREDENTIAL, []))
    wire.sock.sendall(record(message) + record(null))
    got = b""
    while True:
        reply = wire.receive()
        if reply[:4] == b"\x7f\xff\xff\xff":
            return got
        got += reply


def _resynchronise(fast: LocalServer, table: LocalServer) -> None:
    for left, right in zip(fast.core.registry.sessions.values(), table.core.registry.sessions.values(), strict=True):
        assert left.session_id == right.session_id
        assert left.sequences == right.sequences
        assert left.replies == right.replies
        assert left.prints == right.prints
        assert not any(lock.locked() for lock in (*left.busy, *right.busy))


@pytest.mark.parametrize("seed", range(8))
def test_both_paths_answer_with_the_same_bytes(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    with twins(tmp_path) as (fast, table):
        for server in (fast, table):
            server.authority.fence(1, [Fence(9, 0, 1)], drain_timeout_s=1)
        wires = [server.session() for server in (fast, table)]
        assert wires[0].session == wires[1].session
        for message in _requests(draw, table.core.registry.sessions[wires[0].session], 600):
            answers = [_exchange(wire, message) for wire in wires]
            assert answers[0] == answers[1], message[:300].hex()
            _resynchronise(fast, table)
        totals = [server.core.ledger.total() for server in (fast, table)]
        assert totals[0] == totals[1]
        assert totals[0].reads > 10
        assert totals[0].writes > 5
        assert totals[0].replays
        for fileid in (1, 2, 3):
            sizes = [[(s.stripe, s.size_bytes) for s in server.store.stat(fileid)] for server in (fast, table)]
            assert sizes[0] == sizes[1]
        assert fast.reports == table.reports
        for wire in wires:
            wire.close()


def test_the_ordinary_request_takes_the_straight_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the differential test would compare the table with itself."""
    with LocalServer(tmp_path / "data", lanes=0) as server:
        wire = server.session()

        def table(*_: object) -> list[bytes]:
            raise AssertionError("went by the table")

        monkeypatch.setattr("dataserver.compound.serve", table)
        for io in (write(0, b"x", 2), write(0, bytes(300_000)), read(0, 3), read(0, 300_000), commit()):
            assert wire.do(putfh(handle()), io).status == 0
        assert wire.do(putfh(handle(key=bytes(32))), read(0, 1)).status == nfs4.NFS4ERR_BADHANDLE
        wire.close()


def test_layout_of_the_precompiled_shapes() -> None:
    """SEQUENCE+PUTFH+READ, counted by hand from RFC 8881's XDR."""
    from dataserver import fastpath

    assert fastpath._ARGS.size == 8 + 12 + 36 + 8 + 40 + 4
    assert fastpath.READ_HEAD_BYTES == 4 + 24 + 12 + 44 + 8 + 16
    assert struct.calcsize(">16sQI") == 28
