"""What clients leave free: a metadata server may have to live on it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from dataserver.objects import ObjectStore, Space
from dataserver.reserve import Reserve, reserve_of
from nfswire import nfs4
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.dataserver.support.wire import handle, putfh, read, write

MIB = 1 << 20
GIB = 1 << 30
BLOCK = 4096


class Disk:
    """Says how full it is as it is told, and counts how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capacity_bytes: int, free_bytes: int) -> None:
        self.capacity_bytes, self.free_bytes, self.asked = capacity_bytes, free_bytes, 0
        monkeypatch.setattr(os, "statvfs", self._statvfs)

    def _statvfs(self, _: object) -> SimpleNamespace:
        self.asked += 1
        blocks, free = self.capacity_bytes // BLOCK, self.free_bytes // BLOCK
        return SimpleNamespace(f_frsize=BLOCK, f_blocks=blocks, f_bavail=free)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "d", "ds1", lambda: bytes(8), reserve_bytes=100 * MIB)


@pytest.mark.parametrize(
    ("capacity", "wanted", "reserve"),
    [(64 * MIB, -1, 64 * MIB // 20), (5 * GIB, -1, 256 * MIB), (10 * GIB, -1, 256 * MIB), (100 * GIB, -1, 2 * GIB),
     (1 << 50, -1, 10 * GIB), (100 * GIB, 0, 0), (100 * GIB, 7 * GIB, 7 * GIB), (10 * GIB, 7 * GIB, 5 * GIB)],
)  # fmt: skip
def test_how_much_it_is(capacity: int, wanted: int, reserve: int) -> None:
    """A tiny file system is not refused altogether."""
    assert reserve_of(capacity, wanted) == reserve


def test_what_would_grow_is_refused_and_all_else_goes_on(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-10: what was written can be read, written over, cut and deleted; and deletions make room."""
    disk = Disk(monkeypatch, 10 * GIB, 101 * MIB)
    entry = store.get_or_create(5, 0)
    assert store.write(entry, b"x" * 2 * BLOCK, 4 * BLOCK) == 2 * BLOCK
    store.sync(entry)  # some file systems tell data from holes only then
    disk.free_bytes = 99 * MIB
    assert store.space() == Space(10 * GIB, 0)
    for offset in (0, 3 * BLOCK, 5 * BLOCK, 6 * BLOCK, 1 << 40):  # holes, and behind the end
        with pytest.raises(OSError, match="No space left on device") as refused:
            store.write(entry, b"y" * 2 * BLOCK, offset)
        assert refused.value.errno == errno.ENOSPC
    assert store.size(entry) == 6 * BLOCK
    assert store.write(entry, b"z" * 2 * BLOCK, 4 * BLOCK) == 2 * BLOCK
    with pytest.raises(OSError, match="No space left on device"):
        store.get_or_create(6, 0)
    assert store.get(6, 0) is None
    store.truncate(5, [0], BLOCK)
    assert store.delete([(5, [0])]) == 1
    disk.free_bytes = 102 * MIB
    assert store.write(store.get_or_create(6, 0), b"x", 0) == 1


def test_a_client_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS4ERR_NOSPC, on the straight path and the general one."""
    for fast in (True, False):
        with LocalServer(tmp_path / str(fast), fast=fast) as server:
            wire = server.session()
            assert wire.do(putfh(handle()), write(0, b"there")).status == 0
            monkeypatch.setattr(server.store, "_reserve", Reserve(lambda: (GIB, 0), -1))
            assert wire.do(putfh(handle()), write(1 << 20, b"x")).status == nfs4.NFS4ERR_NOSPC
            assert wire.do(putfh(handle(78)), write(0, b"x")).status == nfs4.NFS4ERR_NOSPC
            assert wire.do(putfh(handle()), read(0, 100)).data == b"there"
            wire.close()


def test_the_file_system_is_asked_the_more_often_the_nearer_it_is(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for each request while it is far away; and the reserve is never touched."""
    disk = Disk(monkeypatch, 10 * GIB, 164 * MIB)
    entry = store.get_or_create(5, 0)
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: len(data))
    asked: list[int] = []
    with pytest.raises(OSError, match="No space left on device"):
        for number in range(1000):
            store.write(entry, bytes(MIB), number * MIB)
            disk.free_bytes -= MIB // 2  # as if half of it were written over
            asked.append(disk.asked)
    assert asked[62] == 1
    assert asked[63] == asked[90] == 2
    assert asked[-1] > 5
    assert 100 * MIB <= disk.free_bytes <= 101 * MIB
