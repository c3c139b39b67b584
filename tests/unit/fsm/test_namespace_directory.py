"""CREATE, LINK, REMOVE, RENAME, orphans and the deletion queue (RFC 8881 §18.4, §18.9, §18.25, §18.26)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mdscluster.fsm import data_servers, deletions, files, handles, layout_states, recalls, shares
from mdscluster.fsm.attribute_plan import MAX_LINKS
from mdscluster.fsm.commands import FLAG_PROXIED, DataServerUpdate, ObjectsDeleted, ReportWrite
from mdscluster.fsm.tables import U64, root_fileid
from nfswire import nfs4
from tests.unit.fsm.support.compounds import (
    ALICE,
    ANONYMOUS,
    BOB,
    ROOT,
    SUPERUSER,
    Namespace,
    Reply,
    Who,
    at,
    create,
    getattr_,
    getfh,
    link,
    lookup,
    mkdir,
    operation,
    pack_compound,
    putfh,
    readlink,
    remove,
    rename,
    root,
    savefh,
    setattr_,
    symlink,
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


def change_of(fs: Namespace, *path: bytes) -> int:
    change: int = fs.attributes(*path)[CHANGE]
    return change


def moved(
    fs: Namespace, source: tuple[bytes, ...], old: bytes, target: tuple[bytes, ...], new: bytes, who: Who = SUPERUSER
) -> Reply:
    return fs.ok(*at(*source), savefh(), *at(*target), rename(old, new), who=who)


def not_moved(
    fs: Namespace, source: tuple[bytes, ...], old: bytes, target: tuple[bytes, ...], new: bytes, who: Who = SUPERUSER
) -> str:
    return fs.fails(*at(*source), savefh(), *at(*target), rename(old, new), who=who)


# ---------------------------------------------------------------- CREATE
@pytest.mark.parametrize(
    "kind", [nfs4.NF4DIR, nfs4.NF4LNK, nfs4.NF4BLK, nfs4.NF4CHR, nfs4.NF4SOCK, nfs4.NF4FIFO]
)
def test_create_each_type(fs: Namespace, kind: int) -> None:
    before = change_of(fs)
    fs.replica.advance(1000)
    reply = fs.ok(root(), create(kind, b"x", {MODE: 0o640}, device=(3, 4)), getfh(), getattr_(nfs4.FATTR4_TYPE, NLINK))
    made = reply[nfs4.OP_CREATE].resok4
    assert made.cinfo == nfs4.change_info4(True, before, change_of(fs))
    assert made.cinfo.after > before
    assert made.attrset == 1 << MODE
    assert reply.attributes == {nfs4.FATTR4_TYPE: kind, NLINK: 2 if kind == nfs4.NF4DIR else 1}
    assert fs.ok(*at(b"x"), getfh()).handle == reply.handle
    assert fs.attributes(b"x")[MODE] == 0o640
    now = nfs4.nfstime4(fs.replica.wall_ns // 10**9, 0)
    assert fs.attributes()[nfs4.FATTR4_TIME_MODIFY] == fs.attributes()[nfs4.FATTR4_TIME_METADATA] == now
    assert fs.fails(root(), create(kind, b"x")) == "NFS4ERR_EXIST"


@pytest.mark.parametrize("kind", [nfs4.NF4REG, nfs4.NF4ATTRDIR, nfs4.NF4NAMEDATTR])
def test_create_refuses_other_types(fs: Namespace, kind: int) -> None:
    assert fs.fails(root(), create(kind, b"x")) == "NFS4ERR_BADTYPE"


def test_create_refusals(fs: Namespace) -> None:
    fs.file(b"f")
    assert fs.fails(*at(b"f"), mkdir(b"d")) == "NFS4ERR_NOTDIR"
    assert fs.fails(root(), symlink(b"l", b"")) == "NFS4ERR_INVAL"
    assert fs.fails(root(), symlink(b"l", b"x" * 4097)) == "NFS4ERR_NAMETOOLONG"
    assert fs.ok(root(), symlink(b"l", b"x" * 4096), readlink())[nfs4.OP_READLINK].resok4.link == b"x" * 4096
    assert fs.fails(root(), create(nfs4.NF4BLK, b"b"), who=ALICE) == "NFS4ERR_PERM"
    assert fs.fails(root(), create(nfs4.NF4DIR, b"d", {nfs4.FATTR4_OWNER: b"1001"}), who=ALICE) == "NFS4ERR_PERM"
    assert fs.fails(root(), create(nfs4.NF4DIR, b"d", {nfs4.FATTR4_OWNER_GROUP: b"7"}), who=ALICE) == "NFS4ERR_PERM"
    assert fs.fails(root(), create(nfs4.NF4DIR, b"d", {nfs4.FATTR4_OWNER: b"bob"})) == "NFS4ERR_BADOWNER"
    assert fs.fails(root(), create(nfs4.NF4DIR, b"d", {nfs4.FATTR4_SIZE: 5})) == "NFS4ERR_INVAL"
    assert fs.fails(root(), create(nfs4.NF4DIR, b"d", {nfs4.FATTR4_ARCHIVE: True})) == "NFS4ERR_ATTRNOTSUPP"
    fs.ok(root(), setattr_({MODE: 0o755}))
    assert fs.fails(root(), mkdir(b"d"), who=ALICE) == "NFS4ERR_ACCESS"
    assert fs.listing() == [b"f", b"l"]


def test_new_objects_belong_to_the_caller_and_to_the_group_of_a_setgid_directory(fs: Namespace) -> None:
    owners = (nfs4.FATTR4_OWNER, nfs4.FATTR4_OWNER_GROUP, MODE)
    fs.ok(root(), mkdir(b"plain", 0o777), who=ALICE)
    assert fs.attributes(b"plain", want=owners) == dict(zip(owners, (b"1000", b"100", 0o777), strict=True))
    fs.ok(root(), mkdir(b"shared", 0o2777), who=BOB)
    assert fs.attributes(b"shared")[MODE] == 0o2777
    fs.ok(*at(b"shared"), mkdir(b"below", 0o755), who=ALICE)
    assert fs.attributes(b"shared", b"below", want=owners) == dict(zip(owners, (b"1000", b"101", 0o2755), strict=True))
    fs.file(b"shared", b"file", who=ALICE, mode=0o2755)
    got = fs.attributes(b"shared", b"file", want=owners)
    assert got == dict(zip(owners, (b"1000", b"101", 0o755), strict=True)), "no set-group-ID of a foreign group"


def test_link_counts_of_directories(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"a"), mkdir(b"b"))
    fs.ok(*at(b"a"), mkdir(b"c"))
    assert (fs.attributes()[NLINK], fs.attributes(b"a")[NLINK]) == (3, 4)
    moved(fs, (b"a",), b"b", (), b"b")
    assert (fs.attributes()[NLINK], fs.attributes(b"a")[NLINK]) == (4, 3)
    fs.ok(*at(b"a"), remove(b"c"))
    fs.ok(root(), remove(b"a"), remove(b"b"))
    assert fs.attributes()[NLINK] == 2


def test_too_many_links(fs: Namespace) -> None:
    fileid = fs.file(b"f")
    with fs.entry() as cx:
        for number in (fileid, ROOT):
            inode = cx.load_other(number)
            assert inode is not None
            inode.nlink = MAX_LINKS
            cx.store(inode)
    assert fs.fails(*at(b"f"), savefh(), root(), link(b"g")) == "NFS4ERR_MLINK"
    assert fs.fails(root(), mkdir(b"d")) == "NFS4ERR_MLINK"


# ---------------------------------------------------------------- LINK
def test_link(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"d"))
    fs.file(b"f")
    before = fs.attributes(b"f")
    fs.replica.advance(1000)
    reply = fs.ok(*at(b"f"), savefh(), *at(b"d"), link(b"g"), lookup(b"g"), getfh())
    assert reply[nfs4.OP_LINK].resok4.cinfo.atomic
    after = fs.attributes(b"d", b"g")
    assert after[nfs4.FATTR4_FILEID] == before[nfs4.FATTR4_FILEID]
    assert (before[NLINK], after[NLINK]) == (1, 2)
    assert after[CHANGE] > before[CHANGE]
    assert after[nfs4.FATTR4_TIME_METADATA] != before[nfs4.FATTR4_TIME_METADATA]
    assert after[nfs4.FATTR4_TIME_MODIFY] == before[nfs4.FATTR4_TIME_MODIFY]
    fs.ok(root(), remove(b"f"))
    assert fs.attributes(b"d", b"g")[NLINK] == 1


def test_other_volumes_are_other_file_systems(fs: Namespace) -> None:
    with fs.entry() as cx:
        files.create_root(cx, 2)
    fs.file(b"f")
    other = handles.pack_handle(root_fileid(2), 0x11223344)
    assert fs.fails(*at(b"f"), savefh(), putfh(other), link(b"g")) == "NFS4ERR_XDEV"
    assert fs.fails(root(), savefh(), putfh(other), rename(b"f", b"g")) == "NFS4ERR_XDEV"
    fs.ok(putfh(other), mkdir(b"d"), getfh())
    fsid = (nfs4.FATTR4_FSID,)
    assert fs.ok(putfh(other), getattr_(*fsid)).attributes == {fsid[0]: nfs4.fsid4(2, 0)}


def test_link_refusals(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"d", 0o755))
    fs.file(b"f")
    assert fs.fails(*at(b"d"), savefh(), root(), link(b"e")) == "NFS4ERR_ISDIR"
    assert fs.fails(*at(b"f"), savefh(), *at(b"f"), link(b"e")) == "NFS4ERR_NOTDIR"
    assert fs.fails(*at(b"f"), savefh(), root(), link(b"d")) == "NFS4ERR_EXIST"
    assert fs.fails(*at(b"f"), savefh(), *at(b"d"), link(b"g"), who=ALICE) == "NFS4ERR_ACCESS"
    handle = fs.ok(*at(b"f"), getfh()).handle
    assert fs.fails(putfh(handle), savefh(), root(), remove(b"f"), link(b"g")) == "NFS4ERR_STALE"


# ---------------------------------------------------------------- REMOVE
def test_remove(fs: Namespace) -> None:
    fs.file(b"f")
    before = change_of(fs)
    reply = fs.ok(root(), remove(b"f"))
    assert reply[nfs4.OP_REMOVE].resok4.cinfo == nfs4.change_info4(True, before, change_of(fs))
    assert fs.fails(root(), remove(b"f")) == "NFS4ERR_NOENT"
    fs.ok(root(), mkdir(b"d"), mkdir(b"e"))
    assert fs.fails(root(), remove(b"d")) == "NFS4ERR_NOTEMPTY"
    fs.file(b"g")
    assert fs.fails(*at(b"g"), remove(b"x")) == "NFS4ERR_NOTDIR"
    fs.ok(*at(b"d"), remove(b"e"))
    fs.ok(root(), remove(b"d"))
    assert fs.listing() == [b"g"]
    fs.ok(root(), setattr_({MODE: 0o755}))
    assert fs.fails(root(), remove(b"g"), who=ALICE) == "NFS4ERR_ACCESS"


def test_sticky_directory(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"tmp", 0o1777))
    fs.file(b"tmp", b"a", who=ALICE)
    fs.file(b"tmp", b"b", who=BOB)
    assert fs.fails(*at(b"tmp"), remove(b"a"), who=BOB) == "NFS4ERR_ACCESS"
    assert not_moved(fs, (b"tmp",), b"a", (b"tmp",), b"c", who=BOB) == "NFS4ERR_ACCESS"
    assert not_moved(fs, (b"tmp",), b"b", (b"tmp",), b"a", who=BOB) == "NFS4ERR_ACCESS"
    moved(fs, (b"tmp",), b"a", (b"tmp",), b"c", who=ALICE)
    fs.ok(*at(b"tmp"), remove(b"c"), who=ALICE)
    fs.ok(*at(b"tmp"), remove(b"b"))


def test_symbolic_links_leave_nothing(fs: Namespace) -> None:
    fs.ok(root(), symlink(b"l", b"target"))
    fs.ok(root(), remove(b"l"))
    with fs.env.begin() as txn:
        assert txn.stat(fs.machine.tables.symlink)["entries"] == 0
        assert txn.stat(fs.machine.tables.inode)["entries"] == 1


# ---------------------------------------------------------------- RENAME
def test_rename_within_a_directory(fs: Namespace) -> None:
    fs.file(b"f")
    before = fs.attributes(b"f")
    cookie = fs.entries()[0].cookie
    reply = moved(fs, (), b"f", (), b"g")
    result = reply[nfs4.OP_RENAME].resok4
    assert result.source_cinfo == result.target_cinfo
    assert result.source_cinfo.after == change_of(fs)
    assert result.source_cinfo.atomic
    after = fs.attributes(b"g")
    assert after[nfs4.FATTR4_FILEID] == before[nfs4.FATTR4_FILEID]
    assert after[CHANGE] > before[CHANGE]
    assert [(entry.name, entry.cookie) for entry in fs.entries()] == [(b"g", cookie)], "a reader meets it once"


def test_rename_across_directories(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"a"))
    fs.ok(root(), mkdir(b"b"))
    fs.ok(*at(b"a"), mkdir(b"d"), mkdir(b"below"))
    before = (change_of(fs, b"a"), change_of(fs, b"b"))
    result = moved(fs, (b"a",), b"d", (b"b",), b"e")[nfs4.OP_RENAME].resok4
    assert result.source_cinfo == nfs4.change_info4(True, before[0], change_of(fs, b"a"))
    assert result.target_cinfo == nfs4.change_info4(True, before[1], change_of(fs, b"b"))
    assert (fs.attributes(b"a")[NLINK], fs.attributes(b"b")[NLINK]) == (2, 3)
    there = fs.ok(*at(b"b"), getfh()).handle
    assert fs.ok(*at(b"b", b"e"), operation(nfs4.OP_LOOKUPP), getfh()).handle == there
    assert fs.listing(b"a") == []
    assert fs.listing(b"b", b"e") == [b"below"]


def test_rename_over_what_is_there(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"d"), mkdir(b"inside"))
    fs.ok(root(), mkdir(b"empty"))
    fs.file(b"f")
    fs.file(b"g")
    fileid = fs.attributes(b"f")[nfs4.FATTR4_FILEID]
    assert not_moved(fs, (), b"f", (), b"d") == "NFS4ERR_EXIST"
    assert not_moved(fs, (), b"f", (), b"empty") == "NFS4ERR_EXIST"
    assert not_moved(fs, (), b"d", (), b"f") == "NFS4ERR_EXIST"
    assert not_moved(fs, (), b"empty", (), b"d") == "NFS4ERR_NOTEMPTY"
    moved(fs, (), b"f", (), b"g")
    assert fs.attributes(b"g")[nfs4.FATTR4_FILEID] == fileid
    moved(fs, (), b"d", (), b"empty")
    assert fs.listing(b"empty") == [b"inside"]
    assert sorted(fs.listing()) == [b"empty", b"g"]
    assert fs.attributes()[NLINK] == 3
    assert fs.attributes()[nfs4.FATTR4_SIZE] == 2


def test_rename_between_names_of_one_file_does_nothing(fs: Namespace) -> None:
    """"If oldname and newname both refer to the same file ... RENAME should perform no action" (§18.26.3)."""
    fs.file(b"f")
    fs.ok(*at(b"f"), savefh(), root(), link(b"g"))
    before = change_of(fs)
    for old, new in ((b"f", b"g"), (b"f", b"f"), (b"g", b"f")):
        result = moved(fs, (), old, (), new)[nfs4.OP_RENAME].resok4
        assert result.source_cinfo == result.target_cinfo == nfs4.change_info4(True, before, before)
    assert fs.listing() == [b"f", b"g"]
    assert fs.attributes(b"f")[NLINK] == 2


def test_directory_does_not_move_below_itself(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"a"), mkdir(b"b"), mkdir(b"c"))
    assert not_moved(fs, (), b"a", (b"a",), b"x") == "NFS4ERR_INVAL"
    assert not_moved(fs, (), b"a", (b"a", b"b", b"c"), b"x") == "NFS4ERR_INVAL"
    assert not_moved(fs, (b"a",), b"b", (b"a", b"b"), b"x") == "NFS4ERR_INVAL"
    moved(fs, (b"a", b"b"), b"c", (), b"c")
    moved(fs, (), b"a", (b"c",), b"a")
    assert fs.listing(b"c", b"a") == [b"b"]


def test_rename_onto_an_ancestor(fs: Namespace) -> None:
    """The replaced directory is not empty: the one that is moved lies in it."""
    fs.ok(root(), mkdir(b"a"), mkdir(b"b"))
    assert not_moved(fs, (b"a",), b"b", (), b"a") == "NFS4ERR_NOTEMPTY"


def test_rename_of_the_target_directory_itself(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"a"))
    assert not_moved(fs, (), b"a", (b"a",), b"a") == "NFS4ERR_INVAL"
    assert fs.listing() == [b"a"]


def test_rename_of_a_saved_directory(fs: Namespace) -> None:
    """Source directory, target directory and moved object may be the same records."""
    fs.ok(root(), mkdir(b"a"), mkdir(b"b"), savefh())
    fs.file(b"a", b"f")
    reply = fs.ok(*at(b"a"), savefh(), rename(b"f", b"g"), getattr_(CHANGE))
    assert reply.attributes[CHANGE] == reply[nfs4.OP_RENAME].resok4.target_cinfo.after


def test_rename_refusals(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"d", 0o755))
    fs.file(b"f", who=ALICE)
    assert not_moved(fs, (), b"x", (), b"y") == "NFS4ERR_NOENT"
    assert not_moved(fs, (b"f",), b"x", (), b"y") == "NFS4ERR_NOTDIR"
    assert not_moved(fs, (), b"f", (b"f",), b"y") == "NFS4ERR_NOTDIR"
    assert not_moved(fs, (), b"f", (b"d",), b"f", who=ALICE) == "NFS4ERR_ACCESS"
    fs.ok(root(), mkdir(b"open", 0o777))
    assert not_moved(fs, (), b"d", (b"open",), b"d", who=ALICE) == "NFS4ERR_ACCESS", "its '..' would change"
    moved(fs, (), b"f", (b"open",), b"f", who=ALICE)


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


def test_file_times_do_not_go_back_with_a_new_leaders_clock(fs: Namespace) -> None:
    """INV-8: the time is the log's, and the latest stamp counts."""
    fs.ok(*at(), mkdir(b"a"))
    before = fs.attributes(b"a")[nfs4.FATTR4_TIME_METADATA]
    fs.replica.wall_ns -= 60_000_000_000
    fs.ok(*at(), mkdir(b"b"))
    after = fs.attributes(b"b")[nfs4.FATTR4_TIME_METADATA]
    assert (after.seconds, after.nseconds) >= (before.seconds, before.nseconds)
    fs.replica.wall_ns += 120_000_000_000
    fs.ok(*at(), mkdir(b"c"))
    assert fs.attributes(b"c")[nfs4.FATTR4_TIME_METADATA].seconds > after.seconds
