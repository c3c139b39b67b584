"""Lists of what clients hold: whole however they are paged, and never long at a time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mdscluster.control.inspecting import PAGE_BYTES_MAX, PAGE_S, Inspector, take
from mdscluster.fsm import inspection
from mdscluster.fsm.commands import EvictClient, RaiseFeatures
from mdscluster.fsm.settings import Settings
from mdsproto import admin_pb2
from tests.unit.fsm.support.compounds import Namespace
from tests.unit.fsm.support.sessions import BOTH, END, Caller, connect
from tests.unit.fsm.test_state_sessions import give_layout


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state", Settings(cluster_id=7))
    made.internal(RaiseFeatures(6))
    yield made
    made.close()


def pages(fs: Namespace, method: str, limit: int, **wanted: int) -> list[Any]:
    """All rows, fetched so many at a time."""
    inspector = Inspector(fs.replica, fs.machine.tables)
    rows: list[Any] = []
    after = b""
    while True:
        request = admin_pb2.ListRequest(after=after, limit=limit, **wanted)
        page = asyncio.run(getattr(inspector, method)(request))
        assert page.confirmed
        assert len(page.rows) <= limit
        rows += page.rows
        after = page.next
        if not after:
            return rows


def busy(fs: Namespace) -> list[Caller]:
    """Five clients, each with two files open and locked, and a layout of one."""
    callers = [connect(fs, b"host %d" % number) for number in range(5)]
    for number, caller in enumerate(callers):
        for name in (b"a%d" % number, b"b%d" % number):
            handle, stateid = caller.create(name, BOTH)
            caller.lock(handle, stateid, 10, 5, owner=b"process")
        give_layout(fs, caller.client_id, int.from_bytes(handle[8:16], "big"))
    return callers


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_make_the_whole_list(fs: Namespace, limit: int) -> None:
    """Each row once, whatever the page's size."""
    callers = busy(fs)
    clients = pages(fs, "clients", limit)
    assert [row.client_id for row in clients] == sorted(caller.client_id for caller in callers)
    assert {(row.owner, row.sessions, row.opens, row.locks, row.layouts, row.state) for row in clients} == {
        (b"host %d" % number, 1, 2, 2, 1, "active") for number in range(5)
    }
    assert len({row.session_id for row in pages(fs, "sessions", limit)}) == 5
    assert len({row.stateid_other for row in pages(fs, "layouts", limit)}) == 5
    locks = pages(fs, "locks", limit)
    assert len({row.stateid_other for row in locks}) == len(locks) == 10
    assert {(one.first, one.last, one.write) for row in locks for one in row.ranges} == {(10, 14, True)}


@pytest.mark.parametrize("limit", [1, 100])
def test_one_client_or_one_file(fs: Namespace, limit: int) -> None:
    callers = busy(fs)
    wanted = callers[2].client_id
    assert [row.client_id for row in pages(fs, "clients", limit, client_id=wanted)] == [wanted]
    assert [row.client_id for row in pages(fs, "sessions", limit, client_id=wanted)] == [wanted]
    (layout,) = pages(fs, "layouts", limit, client_id=wanted)
    locks = pages(fs, "locks", limit, client_id=wanted)
    assert [row.client_id for row in locks] == [wanted] * 2
    assert [row.client_id for row in pages(fs, "layouts", limit, fileid=layout.fileid)] == [wanted]
    for extra in ({}, {"client_id": wanted}):
        (lock,) = pages(fs, "locks", limit, fileid=layout.fileid, **extra)
        assert (lock.fileid, lock.client_id, lock.owner) == (layout.fileid, wanted, b"process")
    other = callers[3].client_id
    assert pages(fs, "locks", limit, fileid=layout.fileid, client_id=other) == []
    assert pages(fs, "layouts", limit, fileid=layout.fileid, client_id=other) == []
    assert pages(fs, "clients", limit, client_id=99) == []


def test_states_and_leases_are_told(fs: Namespace) -> None:
    callers = busy(fs)
    fs.replica.advance(4_000)
    fs.internal(EvictClient(callers[0].client_id))
    rows = pages(fs, "clients", 100)
    assert [(row.state, row.sessions, row.locks) for row in rows][:2] == [("evicted", 0, 2), ("active", 1, 2)]
    assert rows[1].renewed_ms >= 4_000


def test_without_a_quorum_it_says_so(fs: Namespace) -> None:
    """INV-4: old state is shown as what it is."""
    busy(fs)
    fs.replica.barrier = lambda done: done(False)  # type: ignore[method-assign]
    page = asyncio.run(Inspector(fs.replica, fs.machine.tables).clients(admin_pb2.ListRequest()))
    assert (page.confirmed, len(page.rows)) == (False, 5)


def test_a_page_ends_when_its_time_or_room_is_up() -> None:
    """INV-7 by way of the loop: millions of locks are no reason to be late for clients."""
    clock = itertools.count()
    breaths: list[float] = []

    def rows() -> Iterator[tuple[bytes, int]]:
        for number in itertools.count():
            yield b"%d" % number, number

    def slow() -> float:
        return next(clock) * PAGE_S / 20

    def pack(number: int) -> admin_pb2.LockRow:
        return admin_pb2.LockRow(fileid=number)

    taken, following = take(rows(), pack, 1_000_000, slow, breaths.append)
    assert (len(taken), following) == (21, b"20")
    assert breaths == [0, 0]

    def large(number: int) -> admin_pb2.LockRow:
        return admin_pb2.LockRow(owner=bytes(PAGE_BYTES_MAX // 4))

    taken, following = take(rows(), large, 1_000_000, lambda: 0.0, breaths.append)
    assert (len(taken), following) == (4, b"3")


def test_counts_of_one_client_have_a_bound(fs: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "COUNTED_MAX", 3)
    caller = connect(fs, b"me")
    handle, stateid = caller.create(b"file", BOTH)
    for number in range(5):
        caller.lock(handle, stateid, number, END if number == 4 else 1, owner=b"%d" % number)
    (row,) = pages(fs, "clients", 10)
    assert (row.locks, row.opens) == (3, 1)
    assert len(pages(fs, "locks", 2)) == 5
