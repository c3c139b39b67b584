"""What becomes of a file's data: orphans, the deletion queue, truncation, writes that others made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mdscluster.fsm import data_servers, deletions, files, layout_states, recalls, shares
from mdscluster.fsm.commands import FLAG_PROXIED, DataServerUpdate, ObjectsDeleted, ReportWrite
from mdscluster.fsm.tables import U64
from nfswire import nfs4
from tests.unit.fsm.support.compounds import (
    ALICE,
    ANONYMOUS,
    BOB,
    ROOT,
    SUPERUSER,
    Namespace,
    Who,
    at,
    getattr_,
    getfh,
    link,
    lookup,
    mkdir,
    moved,
    operation,
    pack_compound,
    putfh,
    remove,
    root,
    savefh,
    setattr_,
    unpack_reply,
)

MODE = nfs4.FATTR4_MODE
NLINK = nfs4.FATTR4_NUMLINKS
CHANGE = nfs4.FATTR4_CHANGE


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    namespace.ok(root(), setattr_({MODE: 0o777}))
    yield namespace
    namespace.close()


# ---------------------------------------------------------------- orphans, deletion queue
def with_layout(fs: Namespace, fileid: int) -> None:
    for i in (1, 2, 3):
        fs.internal(DataServerUpdate(f"ds{i}", "127.0.0.1", 20490 + i, True, 1 << 40, 1 << 39))
    with fs.entry() as cx:
        inode = cx.load_other(fileid)
        assert inode is not None
        assert data_servers.ensure_striping(cx, inode) is not None


def queue(fs: Namespace) -> dict[str, list[tuple[int, int]]]:
    with fs.env.begin() as txn:
        tables = fs.machine.tables
        found = {ds: files.deletions_for(txn, tables, ds, 100) for ds in ("ds1", "ds2", "ds3")}
        for ds, entries in found.items():
            assert deletions.pending_deletes(txn, tables, ds) == len(entries)
    return found


def test_last_unlink_passes_the_objects_to_the_queue(fs: Namespace) -> None:
    """INV-11: data objects belong to a live file or to the deletion queue."""
    fileid = fs.file(b"f")
    with_layout(fs, fileid)
    fs.ok(*at(b"f"), savefh(), root(), link(b"g"))
    fs.ok(root(), remove(b"f"))
    assert queue(fs) == {"ds1": [], "ds2": [], "ds3": []}
    fs.events.clear()
    fs.ok(root(), remove(b"g"))
    assert queue(fs) == {"ds1": [(1, fileid)], "ds2": [(1, fileid)], "ds3": [(1, fileid)]}
    assert recalls.EVENT_DELETE in fs.events
    with fs.env.begin() as txn:
        assert txn.get(U64.pack(fileid), db=fs.machine.tables.layout) is None
    fs.internal(ObjectsDeleted("ds2", [1]))
    fs.internal(ObjectsDeleted("ds2", [1, 99]))
    fs.internal(ObjectsDeleted("stranger", [1]))
    assert queue(fs) == {"ds1": [(1, fileid)], "ds2": [], "ds3": [(1, fileid)]}
    fs.internal(ObjectsDeleted("ds1", [1]))
    fs.internal(ObjectsDeleted("ds3", [1]))
    assert queue(fs) == {"ds1": [], "ds2": [], "ds3": []}


def test_queue_is_worked_off_in_order(fs: Namespace) -> None:
    ids = [fs.file(b"f%d" % i) for i in range(5)]
    for fileid in ids:
        with_layout(fs, fileid)
    for i in range(5):
        fs.ok(root(), remove(b"f%d" % i))
    with fs.env.begin() as txn:
        assert files.deletions_for(txn, fs.machine.tables, "ds2", 3) == [(i + 1, ids[i]) for i in range(3)]


def test_rename_over_a_file_frees_it(fs: Namespace) -> None:
    old = fs.file(b"old")
    fs.file(b"new")
    with_layout(fs, old)
    moved(fs, (), b"new", (), b"old")
    assert queue(fs)["ds1"] == [(1, old)]


def test_open_file_outlives_its_last_link(fs: Namespace) -> None:
    """INV-11: nothing is freed early. The orphan keeps its handle, attributes and data until the last close."""
    fileid = fs.file(b"f")
    with_layout(fs, fileid)
    handle = fs.ok(*at(b"f"), getfh()).handle
    with fs.entry() as cx:
        first = shares.create(cx, fileid, b"one", nfs4.OPEN4_SHARE_ACCESS_BOTH, 0)
        second = shares.create(cx, fileid, b"two", nfs4.OPEN4_SHARE_ACCESS_READ, 0)
    fs.ok(root(), remove(b"f"))
    assert fs.fails(root(), lookup(b"f")) == "NFS4ERR_NOENT"
    assert fs.ok(putfh(handle), getattr_(NLINK)).attributes == {NLINK: 0}
    fs.ok(putfh(handle), setattr_({nfs4.FATTR4_SIZE: 5}, first))
    assert fs.fails(putfh(handle), savefh(), root(), link(b"again")) == "NFS4ERR_NOENT"
    close(fs, fileid, first)
    fs.ok(putfh(handle), getattr_(NLINK))
    assert queue(fs)["ds1"] == []
    close(fs, fileid, second)
    assert fs.fails(putfh(handle)) == "NFS4ERR_STALE"
    assert queue(fs)["ds1"] == [(1, fileid)]


def close(fs: Namespace, fileid: int, stateid: nfs4.stateid4) -> None:
    """What CLOSE does to the file."""
    with fs.entry() as cx:
        shares.remove(cx, stateid.other, shares.unpack_open(cx.get(stateid.other, db=cx.tables.state)))
        inode = cx.load_other(fileid)
        assert inode is not None
        files.maybe_delete(cx, inode)


def test_idle_layouts_go_with_the_file(fs: Namespace) -> None:
    fileid = fs.file(b"f")
    with_layout(fs, fileid)
    with fs.entry() as cx:
        other, state = layout_states.create(cx, 7, fileid)
        state.iomodes = layout_states.RW
        layout_states.save(cx, other, state)
    fs.ok(root(), remove(b"f"))
    with fs.entry() as cx:
        assert layout_states.of_file(cx, fileid) == []
    assert queue(fs)["ds1"] == [(1, fileid)]


def test_shrinking_waits_for_layouts_and_not_for_data_servers(fs: Namespace) -> None:
    """INV-5: nobody writes under a layout while the objects are cut; metadata waits for no data server."""
    fileid = fs.file(b"f")
    fs.ok(*at(b"f"), setattr_({nfs4.FATTR4_SIZE: 100}))
    with_layout(fs, fileid)
    with fs.entry() as cx:
        other, state = layout_states.create(cx, 7, fileid)
        state.iomodes = layout_states.RW
        layout_states.save(cx, other, state)
    before = fs.attributes(b"f")
    assert fs.send(*at(b"f"), setattr_({nfs4.FATTR4_SIZE: 10, MODE: 0o600})) is None
    assert fs.attributes(b"f") == before, "refused until the layout is back: nothing has changed"
    reply = fs.send(root(), mkdir(b"d"), *at(b"f"), setattr_({nfs4.FATTR4_SIZE: 10}))
    assert reply is not None
    assert reply.status == nfs4.NFS4ERR_DELAY, "what ran before it cannot run again"
    with fs.entry() as cx:
        recalls.returned(cx, other, state)
    fs.ok(*at(b"f"), setattr_({nfs4.FATTR4_SIZE: 10}))
    assert recalls.EVENT_TRUNCATE + fileid.to_bytes(8, "big") in fs.events
    fs.ok(*at(b"f"), setattr_({nfs4.FATTR4_SIZE: 200}))


# ---------------------------------------------------------------- writes that others made
def proxied(offset: int, count: int, stateid: nfs4.stateid4 = ANONYMOUS) -> bytes:
    arguments = nfs4.OP_PROXY_WRITE4args(stateid, offset, count, nfs4.FILE_SYNC4, b"verifier")
    return operation(nfs4.OP_PROXY_WRITE, arguments)


def write(fs: Namespace, *operations: bytes, who: Who = SUPERUSER) -> Any:
    """Straight into the log: a view does not know PROXY_WRITE."""
    who = dataclasses.replace(who, flags=who.flags | FLAG_PROXIED)
    sent = Who(who.uid, who.gid, who.gids, FLAG_PROXIED)
    return unpack_reply(fs.replica.apply_entry([pack_compound(operations, sent)])[0])


def test_a_client_cannot_forge_a_proxied_write(fs: Namespace) -> None:
    """Only what the front end marks as proxied may hold PROXY_WRITE, and only once."""
    fs.file(b"f", who=ALICE)
    forged = unpack_reply(fs.replica.apply_entry([pack_compound((*at(b"f"), proxied(0, 9)), ALICE)])[0])
    assert forged.status == nfs4.NFS4ERR_OP_ILLEGAL
    twice = write(fs, *at(b"f"), proxied(0, 5), proxied(0, 9), who=ALICE)
    assert twice.status == nfs4.NFS4ERR_OP_ILLEGAL
    assert fs.attributes(b"f")[nfs4.FATTR4_SIZE] == 5


def test_proxied_write(fs: Namespace) -> None:
    fs.file(b"f", who=ALICE, mode=0o4755)
    before = fs.attributes(b"f")
    fs.replica.advance(1000)
    result = write(fs, *at(b"f"), proxied(4096, 1000), who=ALICE)[nfs4.OP_WRITE].resok4
    assert (result.count, result.committed, result.writeverf) == (1000, nfs4.FILE_SYNC4, b"verifier")
    after = fs.attributes(b"f")
    assert after[nfs4.FATTR4_SIZE] == 5096
    assert after[CHANGE] > before[CHANGE]
    assert after[nfs4.FATTR4_TIME_MODIFY].seconds == before[nfs4.FATTR4_TIME_MODIFY].seconds + 1
    assert after[MODE] == 0o755
    assert fs.attributes(b"f", want=(nfs4.FATTR4_SPACE_USED,))[nfs4.FATTR4_SPACE_USED] == 1024
    write(fs, *at(b"f"), proxied(0, 10), who=ALICE)
    assert fs.attributes(b"f")[nfs4.FATTR4_SIZE] == 5096


def test_proxied_write_refusals(fs: Namespace) -> None:
    fs.file(b"f", who=ALICE)
    forged = fs.replica.apply_entry([pack_compound((*at(b"f"), proxied(0, 1)), SUPERUSER)])[0]
    assert unpack_reply(forged).status == nfs4.NFS4ERR_OP_ILLEGAL
    assert write(fs, *at(b"f"), proxied(0, 1), proxied(0, 1)).status == nfs4.NFS4ERR_OP_ILLEGAL, "one at most"
    assert write(fs, *at(b"f"), proxied(0, 1), who=BOB).status == nfs4.NFS4ERR_ACCESS
    assert write(fs, root(), proxied(0, 1)).status == nfs4.NFS4ERR_ISDIR
    assert write(fs, *at(b"f"), proxied((1 << 63) - 1, 1)).status == nfs4.NFS4ERR_FBIG
    bad = write(fs, *at(b"f"), proxied(0, 1, nfs4.stateid4(1, b"\1" * 12)))
    assert bad.status == nfs4.NFS4ERR_BAD_STATEID
    assert bad.results[-1][0] == nfs4.OP_WRITE
    assert fs.attributes(b"f")[nfs4.FATTR4_SIZE] == 1


def test_reported_write(fs: Namespace) -> None:
    fileid = fs.file(b"f")
    before = fs.attributes(b"f")
    fs.internal(ReportWrite(fileid, 1 << 20, fs.replica.wall_ns + 7))
    after = fs.attributes(b"f")
    assert after[nfs4.FATTR4_SIZE] == 1 << 20
    assert after[nfs4.FATTR4_TIME_MODIFY].nseconds == 7
    assert after[CHANGE] > before[CHANGE]
    fs.internal(ReportWrite(fileid, 10, 5))
    again = fs.attributes(b"f")
    assert again[nfs4.FATTR4_SIZE] == 1 << 20
    assert again[nfs4.FATTR4_TIME_MODIFY] == after[nfs4.FATTR4_TIME_MODIFY]
    fs.internal(ReportWrite(fileid + 1000, 10, 5))
    fs.internal(ReportWrite(ROOT, 10, 5))


def test_a_reported_write_clears_set_user_id(fs: Namespace) -> None:
    """A data server knows no user: a program that anybody wrote to does not run as its owner."""
    fileid = fs.file(b"f")
    for mode, left in ((0o6777, 0o777), (0o6767, 0o2767)):
        fs.ok(*at(b"f"), setattr_({nfs4.FATTR4_MODE: mode}))
        fs.internal(ReportWrite(fileid, 4, 5))
        assert fs.attributes(b"f")[nfs4.FATTR4_MODE] == left
