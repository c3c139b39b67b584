"""Requests that wait do not hold up the others on their connection."""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataserver import lanes as lanes_module
from nfswire import nfs4
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.dataserver.support.wire import Wire, commit, compound, handle, putfh, read, write


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalServer]:
    with LocalServer(tmp_path / "data", lanes=4) as server:
        yield server


def _xid(reply: bytes) -> int:
    return int(struct.unpack_from(">I", reply)[0])


def test_reads_pass_a_slow_commit(server: LocalServer, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        begun.set()
        go_on.wait(10)

    monkeypatch.setattr(os, "fdatasync", slow)
    wire.do(putfh(handle()), write(0, b"data"))
    wire.send(compound(900, wire.sequence(1), putfh(handle()), commit()))
    assert begun.wait(5)
    for _ in range(3):
        assert wire.do(putfh(handle()), read(0, 4)).data == b"data"
    go_on.set()
    reply = wire.receive()
    assert _xid(reply) == 900
    assert struct.unpack_from(">I", reply, 24)[0] == 0


def test_stable_writes_wait_together(server: LocalServer, wire: Wire) -> None:
    """Four in lanes and one in the connection's own thread, which then takes nothing more: the back pressure."""
    go_on = threading.Event()
    server.report_answer = lambda _: go_on.wait(10)
    for slot in range(7):
        wire.send(compound(slot, wire.sequence(slot), putfh(handle()), write(slot, b"%d" % slot, nfs4.FILE_SYNC4)))
    deadline = time.monotonic() + 5
    while len(server.reports) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(server.reports) == 5
    go_on.set()
    assert sorted(_xid(wire.receive()) for _ in range(7)) == list(range(7))
    assert wire.do(putfh(handle()), read(0, 10), slot=20).data == b"0123456"


def test_idle_lanes_end_and_come_back(server: LocalServer, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "IDLE_TIMEOUT_S", 0.05)
    before = threading.active_count()
    for turn in range(20):
        assert wire.do(putfh(handle()), write(turn, b"x", nfs4.DATA_SYNC4)).status == 0
        if turn % 5 == 4:
            time.sleep(0.12)
            assert threading.active_count() == before
    for _ in range(120):  # at every distance from the moment when the lane ends
        assert wire.do(putfh(handle()), commit()).status == 0
        time.sleep(0.0008 * _)
    assert server.core.ledger.total().commits == 120


def test_lanes_end_with_their_connection(server: LocalServer) -> None:
    before = threading.active_count()
    wires = [server.session(b"c%d" % number) for number in range(3)]
    for wire in wires:
        wire.do(putfh(handle()), write(0, b"x", nfs4.FILE_SYNC4))
        wire.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before
    assert len(server.authority._tickets) == 0


def test_a_retransmission_in_a_lane(server: LocalServer, wire: Wire) -> None:
    first = wire.do(putfh(handle()), write(0, b"x", nfs4.FILE_SYNC4))
    again = wire.call(wire.sequence(step=0), putfh(handle()), write(0, b"x", nfs4.FILE_SYNC4))
    assert again.raw[4:] == first.raw[4:]
    assert len(server.reports) == 1
