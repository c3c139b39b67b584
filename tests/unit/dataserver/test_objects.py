"""The object store: durability, lost writes, deletion, the data directory (INV-10, INV-11)."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from pathlib import Path

import pytest

from dataserver.datadir import DataDir
from dataserver.objects import ObjectStore, status_of
from dataserver.tombstones import Tombstones
from mdsproto.configfile import ConfigError
from nfswire import nfs4
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.dataserver.support.wire import Wire, commit, handle, putfh, write


def make_store(path: Path, **options: int) -> ObjectStore:
    numbers = itertools.count(1)
    return ObjectStore(path, "ds1", lambda: next(numbers).to_bytes(8, "big"), **options)


class Syncs:
    """Records what is synced, and fails on demand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data: list[int] = []
        self.directories: list[int] = []
        self.fail = 0
        monkeypatch.setattr(os, "fdatasync", self._data)
        monkeypatch.setattr(os, "fsync", self._directory)

    def _data(self, fd: int) -> None:
        self.data.append(fd)
        if self.fail:
            self.fail -= 1
            raise OSError(errno.EIO, "lost")

    def _directory(self, fd: int) -> None:
        self.directories.append(fd)


def test_a_new_name_is_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-10: COMMIT makes the directory entry durable too."""
    store = make_store(tmp_path / "d")
    syncs = Syncs(monkeypatch)
    shard = store.directory.shard_of(5)
    entry = store.get_or_create(5, 0)
    store.write(entry, b"x", 0)
    assert not syncs.data
    store.sync(entry)
    store.sync(entry)
    assert syncs.data == [entry.fd, entry.fd]
    assert syncs.directories == [shard.fd]
    other = store.get_or_create(5 + 256, 0)
    store.sync(other)
    assert syncs.directories == [shard.fd, shard.fd]


def test_names_of_a_dead_process_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was created before a crash may not be durable yet: the first sync asks for it again."""
    store = make_store(tmp_path / "d")
    store.write(store.get_or_create(5, 0), b"x", 0)
    store.close()
    again = make_store(tmp_path / "d")
    syncs = Syncs(monkeypatch)
    entry = again.get(5, 0)
    assert entry is not None
    again.sync(entry)
    assert syncs.directories == [again.directory.shard_of(5).fd]


def test_a_failed_sync_changes_the_verifier(
    server: LocalServer, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-10: the kernel drops what it could not write, and the next fsync succeeds; the client must send it again."""
    written = wire.do(putfh(handle()), write(0, b"precious"))
    syncs = Syncs(monkeypatch)
    syncs.fail = 1
    assert wire.do(putfh(handle()), commit()).status == nfs4.NFS4ERR_IO
    again = wire.do(putfh(handle()), commit())
    assert again.status == 0
    assert again.last.resok4.writeverf != written.last.resok4.writeverf


def test_a_stable_write_is_not_acknowledged_when_another_sync_lost_it(
    server: LocalServer, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is told to one caller only: the verifier says it to the others."""
    entry = server.store.get_or_create(77, 0)
    real_write = server.store.write

    def write_then_lose(*args: object) -> int:
        count = real_write(*args)  # type: ignore[arg-type]
        syncs.fail = 1
        with pytest.raises(OSError):
            server.store.sync(entry)
        return count

    syncs = Syncs(monkeypatch)
    monkeypatch.setattr(server.store, "write", write_then_lose)
    assert wire.do(putfh(handle()), write(0, b"x", nfs4.FILE_SYNC4)).status == nfs4.NFS4ERR_IO
    assert not server.reports


def test_waiting_syncs_share_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(tmp_path / "d")
    entry = store.get_or_create(5, 0)
    begun, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def slow(fd: int) -> None:
        calls.append(fd)
        begun.set()
        go_on.wait(5)

    monkeypatch.setattr(os, "fdatasync", slow)
    threads = [threading.Thread(target=store.sync, args=(entry,))]
    threads[0].start()
    assert begun.wait(5)
    threads += [threading.Thread(target=store.sync, args=(entry,)) for _ in range(5)]
    for thread in threads[1:]:
        thread.start()
    while sum(thread.is_alive() for thread in threads) < 6:
        pass
    threading.Event().wait(0.1)
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert len(calls) == 2, "the one under way serves none of the later ones; the next serves all"


def test_evicted_objects_are_synced_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(tmp_path / "d", open_max=4)
    syncs = Syncs(monkeypatch)
    syncs.fail = 1
    verifier = store.verifier
    for fileid in range(20):
        store.write(store.get_or_create(fileid, 0), b"x", 0)
    assert syncs.data
    assert store.verifier != verifier, "a loss found at eviction is told, too"


def test_full_device(server: LocalServer, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, status in (
        (errno.ENOSPC, nfs4.NFS4ERR_NOSPC), (errno.EDQUOT, nfs4.NFS4ERR_DQUOT), (errno.EIO, nfs4.NFS4ERR_IO),
        (errno.EFBIG, nfs4.NFS4ERR_FBIG), (errno.EROFS, nfs4.NFS4ERR_ROFS), (errno.EMFILE, nfs4.NFS4ERR_DELAY),
        (errno.EBADF, nfs4.NFS4ERR_IO),
    ):  # fmt: skip
        assert status_of(OSError(number, "")) == status

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "pwrite", full)
    assert wire.do(putfh(handle()), write(0, b"x")).status == nfs4.NFS4ERR_NOSPC
    parts = iter([3])
    monkeypatch.setattr(os, "pwrite", lambda *_: next(parts, None) or full())
    assert wire.do(putfh(handle()), write(0, b"123456")).last.resok4.count == 3


def test_short_reads_are_made_sure_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that fails on the way must not be taken for the object's end."""
    store = make_store(tmp_path / "d")
    entry = store.get_or_create(5, 0)
    store.write(entry, b"0123456789", 0)
    view = memoryview(bytearray(10))
    real = os.preadv

    def half(fd: int, buffers: tuple[memoryview], offset: int) -> int:
        return real(fd, (buffers[0][:4],), offset)

    monkeypatch.setattr(os, "preadv", half)
    assert store.read(entry, view, 0) == 10
    assert bytes(view) == b"0123456789"

    def fail(fd: int, buffers: tuple[memoryview], offset: int) -> int:
        if offset:
            raise OSError(errno.EIO, "bad sector")
        return half(fd, buffers, offset)

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(OSError):
        store.read(entry, view, 0)


def test_truncate_cuts_and_never_extends(tmp_path: Path) -> None:
    store = make_store(tmp_path / "d")
    for stripe, size in ((0, 100), (1, 5000)):
        store.write(store.get_or_create(5, stripe), b"x" * size, 0)
    store.truncate(5, (), 1000)
    assert [(s.stripe, s.size_bytes) for s in store.stat(5)] == [(0, 100), (1, 1000)]
    store.truncate(5, (1,), 0)
    store.truncate(6, (), 0)
    assert [(s.stripe, s.size_bytes) for s in store.stat(5)] == [(0, 100), (1, 0)]
    assert store.stat(6) == []


def test_delete_is_idempotent_and_finds_all_stripes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(tmp_path / "d")
    for stripe in (0, 3, 200):
        store.write(store.get_or_create(5, stripe), b"x", 0)
    assert store.count() == 3
    syncs = Syncs(monkeypatch)
    assert store.delete([(5, ()), (6, ())]) == 3
    assert set(syncs.directories) == {store.directory.shard_of(5).fd, store.directory.shard_of(6).fd}
    assert store.count() == 0
    assert store.delete([(5, ())]) == 0
    assert store.get(5, 0) is None
    assert store.space().capacity_bytes >= store.space().free_bytes > 0


def test_the_stripe_width_is_remembered(tmp_path: Path) -> None:
    store = make_store(tmp_path / "d")
    store.write(store.get_or_create(5, 9), b"x", 0)
    store.close()
    again = make_store(tmp_path / "d")
    assert again.directory.stripe_width == 16
    assert [s.stripe for s in again.stat(5)] == [9]
    assert again.verifier
    again.close()


def test_whose_directory_it_is(tmp_path: Path) -> None:
    first = DataDir(tmp_path / "d", "ds1")
    with pytest.raises(ConfigError, match="is running already"):
        DataDir(tmp_path / "d", "ds1")
    first.close()
    with pytest.raises(ConfigError, match="belongs to data server 'ds1'"):
        DataDir(tmp_path / "d", "ds2")
    (tmp_path / "d" / "dataserver.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot be read"):
        DataDir(tmp_path / "d", "ds1")
    (tmp_path / "d" / "dataserver.json").unlink()
    with pytest.raises(ConfigError, match="holds objects but no"):
        DataDir(tmp_path / "d", "ds1")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        DataDir(tmp_path / "file", "ds1")


def test_tombstones(tmp_path: Path) -> None:
    """INV-11: deleted files stay deleted across restarts, the newest of them."""
    path = tmp_path / "tombstones"
    stones = Tombstones(path, 4)
    assert stones.add([1, 2, 2, 3]) == []
    assert stones.add([3, 4, 5]) == [1]
    with path.open("ab") as file:
        file.write(b"\0\0\0")  # a crash in the middle of an append
    again = Tombstones(path, 4)
    assert again.ids() == [2, 3, 4, 5]
    for fileid in range(10, 50):
        again.add([fileid])
    assert Tombstones(path, 4).ids() == [46, 47, 48, 49]
    assert path.stat().st_size <= 2 * 8 * 4


def test_tombstones_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-11: a start makes no file anew, and a list that cannot be cut back stays long: deletions are what makes room.
    What was written in part only is taken back, and asked for again."""
    path = tmp_path / "tombstones"
    Tombstones(path, 4).add(range(1, 7))
    inode = path.stat().st_ino

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("dataserver.tombstones.write_atomically", full)
    monkeypatch.setattr(Tombstones, "_take_room", lambda self: None)
    stones = Tombstones(path, 4)
    assert (stones.ids(), path.stat().st_ino) == ([3, 4, 5, 6], inode)
    for fileid in range(7, 27):
        assert stones.add([fileid]) == [fileid - 4]
    assert Tombstones(path, 4).ids() == [23, 24, 25, 26]

    whole = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: whole(fd, data[:5]))
    with pytest.raises(OSError, match="No space left on device"):
        stones.add([50])
    monkeypatch.setattr(os, "write", whole)
    assert Tombstones(path, 4).ids() == stones.ids() == [23, 24, 25, 26]
    stones.add([50])
    assert Tombstones(path, 4).ids() == [24, 25, 26, 50]


def test_tombstones_on_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-11: what could not be made durable, or taken back, costs nothing that was remembered before or after."""
    stones = Tombstones(tmp_path / "tombstones", 9)
    stones.add([1])

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def add(fileid: int, *failing: str) -> None:
        """``failing``: calls of the system that do."""
        whole = os.write
        with monkeypatch.context() as patched, pytest.raises(OSError, match=r"Input/output|No space"):
            for call in failing:
                patched.setattr(os, call, fails)
            if "fdatasync" not in failing:
                patched.setattr(os, "write", lambda fd, data: whole(fd, data[:5]))
            stones.add([fileid])

    def known() -> list[int]:
        """As a start would know them."""
        return Tombstones(tmp_path / "tombstones", 9).ids()

    add(2, "fdatasync")
    assert known() == stones.ids() == [1]
    add(3, "fdatasync", "ftruncate")
    stones.add([4])
    add(5)
    assert stones.ids() == [1, 4]
    assert known() == [1, 3, 4], "one that nobody was told of does no harm"
    add(6, "ftruncate")
    stones.add([7])
    assert known() == [1, 3, 4, 7]


def test_a_store_keeps_its_identity(tmp_path: Path) -> None:
    """INV-10: what tells a data directory from an empty one. One of format 1 gets an identity when it is opened."""
    directory = DataDir(tmp_path / "d", "ds1")
    directory.widen(2)
    first = directory.store_id
    directory.close()
    again = DataDir(tmp_path / "d", "ds1")
    assert again.store_id == first
    again.close()
    other = DataDir(tmp_path / "e", "ds1")
    assert other.store_id != first
    other.close()
    (tmp_path / "e" / "dataserver.json").write_text('{"format": 1, "ds_id": "ds1", "stripe_width": 4}')
    given = DataDir(tmp_path / "e", "ds1")
    assert given.stripe_width == 4
    identity = given.store_id
    given.close()
    kept = DataDir(tmp_path / "e", "ds1")
    assert kept.store_id == identity
    kept.close()
