"""CREATE, LINK, REMOVE, RENAME (RFC 8881 §18.4, §18.9, §18.25, §18.26)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm import files, handles
from mdscluster.fsm.attribute_plan import MAX_LINKS
from mdscluster.fsm.tables import root_fileid
from nfswire import nfs4
from tests.unit.fsm.support.compounds import (
    ALICE,
    BOB,
    ROOT,
    SUPERUSER,
    Namespace,
    Who,
    at,
    create,
    getattr_,
    getfh,
    link,
    lookup,
    mkdir,
    moved,
    operation,
    putfh,
    readlink,
    remove,
    rename,
    root,
    savefh,
    setattr_,
    symlink,
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
