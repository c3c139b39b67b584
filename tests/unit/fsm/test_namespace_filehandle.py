"""PUTFH and its kin, LOOKUP, LOOKUPP, SECINFO: scripts of operations, then statuses (RFC 8881 §18)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm.commands import COMPOUND_HEAD, KIND_SESSIONLESS, NO_SESSION
from mdscluster.fsm.compound import run
from mdscluster.fsm.operations import DISPATCH
from mdscluster.fsm.settings import Settings
from nfswire import nfs4
from tests.unit.fsm.support.compounds import (
    ALICE,
    BOB,
    ROOT,
    Namespace,
    Who,
    access,
    at,
    create,
    getattr_,
    getfh,
    link,
    lookup,
    lookupp,
    mkdir,
    nverify,
    operation,
    putfh,
    readdir,
    readlink,
    remove,
    rename,
    restorefh,
    root,
    savefh,
    secinfo,
    secinfo_no_name,
    setattr_,
    symlink,
    unpack_reply,
    verify,
)


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    yield namespace
    namespace.close()


def test_root_is_a_directory_and_its_own_handle_leads_back(fs: Namespace) -> None:
    handle = fs.ok(root(), getfh()).handle
    assert len(handle) == 24
    assert fs.ok(putfh(handle), getattr_(nfs4.FATTR4_TYPE)).attributes == {nfs4.FATTR4_TYPE: nfs4.NF4DIR}
    assert fs.ok(operation(nfs4.OP_PUTPUBFH), getfh()).handle == handle


NEEDS_FH = {
    "LOOKUP": lookup(b"x"), "LOOKUPP": lookupp(), "GETFH": getfh(), "SAVEFH": savefh(), "GETATTR": getattr_(1),
    "SETATTR": setattr_({}), "READDIR": readdir(), "READLINK": readlink(), "CREATE": mkdir(b"d"), "LINK": link(b"l"),
    "REMOVE": remove(b"x"), "RENAME": rename(b"x", b"y"), "SECINFO": secinfo(b"x"),
    "SECINFO_NO_NAME": secinfo_no_name(0), "RESTOREFH": restorefh(),
}  # fmt: skip


@pytest.mark.parametrize("name", NEEDS_FH)
def test_without_a_filehandle(fs: Namespace, name: str) -> None:
    assert fs.fails(NEEDS_FH[name]) == "NFS4ERR_NOFILEHANDLE"


def test_link_and_rename_need_a_saved_filehandle(fs: Namespace) -> None:
    assert fs.fails(root(), link(b"l")) == "NFS4ERR_NOFILEHANDLE"
    assert fs.fails(root(), rename(b"a", b"b")) == "NFS4ERR_NOFILEHANDLE"


def test_handles_that_are_not_ours(fs: Namespace) -> None:
    handle = fs.ok(root(), getfh()).handle
    for bad in (b"", b"x", handle[:-1], handle + b"\0", b"XX" + handle[2:], handle[:-1] + b"\1", bytes(24)):
        assert fs.fails(putfh(bad)) == "NFS4ERR_BADHANDLE", bad
    other_volume = handle[:2] + b"\0\2" + handle[4:]
    assert fs.fails(putfh(other_volume)) == "NFS4ERR_BADHANDLE"


def test_handle_of_another_cluster_is_stale(fs: Namespace, tmp_path: Path) -> None:
    other = Namespace(tmp_path / "other", Settings(cluster_id=0x55667788))
    handle = other.ok(root(), getfh()).handle
    other.close()
    assert fs.fails(putfh(handle)) == "NFS4ERR_STALE"


def test_handle_of_a_removed_object_is_stale_and_never_anybody_elses(fs: Namespace) -> None:
    handle = fs.ok(root(), mkdir(b"d"), getfh()).handle
    fs.ok(root(), remove(b"d"))
    fs.ok(root(), mkdir(b"d"))
    assert fs.fails(putfh(handle)) == "NFS4ERR_STALE"


def test_object_that_vanishes_within_the_compound_is_stale(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"d"))
    assert fs.fails(root(), savefh(), lookup(b"d"), savefh(), lookupp(), remove(b"d"), restorefh(), getattr_(1)) == (
        "NFS4ERR_STALE"
    )


def test_lookup_walks_and_lookupp_walks_back(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"a"), mkdir(b"b"), mkdir(b"c"))
    top = fs.ok(root(), getfh()).handle
    assert fs.ok(*at(b"a", b"b", b"c"), lookupp(), lookupp(), lookupp(), getfh()).handle == top
    assert fs.fails(root(), lookupp()) == "NFS4ERR_NOENT"


BAD_NAMES = [
    (b"", "NFS4ERR_INVAL"),
    (b"x" * 256, "NFS4ERR_NAMETOOLONG"),
    (b"x" * 4000, "NFS4ERR_NAMETOOLONG"),
    (b"a/b", "NFS4ERR_BADCHAR"),
    (b"a\0b", "NFS4ERR_BADCHAR"),
    (b".", "NFS4ERR_BADNAME"),
    (b"..", "NFS4ERR_BADNAME"),
    (b"\xc0\xaf", "NFS4ERR_INVAL"),
    (b"\xff", "NFS4ERR_INVAL"),
    (b"\xed\xa0\x80", "NFS4ERR_INVAL"),
    (b"\xf5\x80\x80\x80", "NFS4ERR_INVAL"),
]


@pytest.mark.parametrize(("name", "status"), BAD_NAMES)
def test_names_that_cannot_be(fs: Namespace, name: bytes, status: str) -> None:
    """RFC 8881 §14.4 and the error lists of each operation."""
    fs.ok(root(), mkdir(b"d"))
    assert fs.fails(root(), lookup(name)) == status
    assert fs.fails(root(), secinfo(name)) == status
    assert fs.fails(root(), mkdir(name)) == status
    assert fs.fails(root(), remove(name)) == status
    assert fs.fails(root(), savefh(), rename(name, b"x")) == status
    assert fs.fails(root(), savefh(), rename(b"d", name)) == status
    assert fs.fails(root(), create(nfs4.NF4FIFO, b"p%d" % len(name)), savefh(), root(), link(name)) == status
    assert b"d" in fs.listing()


@pytest.mark.parametrize("name", [b"x" * 255, "größe".encode(), "日本".encode(), b"a b", b"...", b"-"])
def test_names_that_can_be(fs: Namespace, name: bytes) -> None:
    fs.ok(root(), mkdir(name))
    fs.ok(*at(name))
    assert fs.listing() == [name]


def test_lookup_below_what_is_no_directory(fs: Namespace) -> None:
    fs.ok(root(), symlink(b"l", b"target"))
    fs.ok(root(), create(nfs4.NF4FIFO, b"p"))
    fs.file(b"f")
    assert fs.fails(*at(b"l"), lookup(b"x")) == "NFS4ERR_SYMLINK"
    assert fs.fails(*at(b"p"), lookup(b"x")) == "NFS4ERR_NOTDIR"
    assert fs.fails(*at(b"f"), lookup(b"x")) == "NFS4ERR_NOTDIR"
    assert fs.fails(*at(b"l"), lookupp()) == "NFS4ERR_SYMLINK"
    assert fs.fails(*at(b"f"), lookupp()) == "NFS4ERR_NOTDIR"
    assert fs.fails(*at(b"f"), secinfo(b"x")) == "NFS4ERR_NOTDIR"
    assert fs.fails(root(), lookup(b"missing")) == "NFS4ERR_NOENT"


def test_search_permission(fs: Namespace) -> None:
    fs.ok(root(), create(nfs4.NF4DIR, b"d", {nfs4.FATTR4_MODE: 0o710, nfs4.FATTR4_OWNER: b"1000",
                                             nfs4.FATTR4_OWNER_GROUP: b"100"}), mkdir(b"e"))  # fmt: skip
    fs.ok(*at(b"d", b"e"), who=ALICE)
    assert fs.fails(*at(b"d"), lookup(b"e"), who=BOB) == "NFS4ERR_ACCESS"
    assert fs.fails(*at(b"d"), lookup(b"missing"), who=BOB) == "NFS4ERR_ACCESS"
    assert fs.fails(*at(b"d"), lookup(b""), who=BOB) == "NFS4ERR_INVAL"
    assert fs.fails(*at(b"d"), secinfo(b"e"), who=BOB) == "NFS4ERR_ACCESS"
    fs.ok(*at(b"d", b"e"), who=Who(1001, 100))
    fs.ok(*at(b"d", b"e"), who=Who(1001, 101, (7, 100)))
    assert fs.fails(*at(b"d", b"e"), lookupp(), lookupp(), lookupp(), who=ALICE) == "NFS4ERR_NOENT"


def test_saved_and_restored(fs: Namespace) -> None:
    reply = fs.ok(root(), savefh(), mkdir(b"a"), restorefh(), getattr_(nfs4.FATTR4_FILEID, nfs4.FATTR4_NUMLINKS))
    assert reply.attributes[nfs4.FATTR4_FILEID] == 1 << 48 | 1
    assert reply.attributes[nfs4.FATTR4_NUMLINKS] == 3, "the restored directory is the changed one"


def test_secinfo_consumes_the_filehandle(fs: Namespace) -> None:
    """"The current filehandle is consumed" (§18.29.3, §18.45.3)."""
    fs.ok(root(), mkdir(b"d"))
    reply = fs.ok(root(), secinfo(b"d"))
    assert [row.flavor for row in reply[nfs4.OP_SECINFO].resok4] == [nfs4.AUTH_SYS]
    assert fs.fails(root(), secinfo(b"d"), getfh()) == "NFS4ERR_NOFILEHANDLE"
    assert fs.fails(root(), secinfo(b"x")) == "NFS4ERR_NOENT"
    fs.ok(root(), secinfo_no_name(nfs4.SECINFO_STYLE4_CURRENT_FH))
    assert fs.fails(root(), secinfo_no_name(0), getfh()) == "NFS4ERR_NOFILEHANDLE"
    assert fs.fails(root(), secinfo_no_name(nfs4.SECINFO_STYLE4_PARENT)) == "NFS4ERR_NOENT"
    fs.ok(*at(b"d"), secinfo_no_name(nfs4.SECINFO_STYLE4_PARENT))
    fs.file(b"f")
    assert fs.fails(*at(b"f"), secinfo_no_name(nfs4.SECINFO_STYLE4_PARENT)) == "NFS4ERR_NOTDIR"


CUT_SHORT = {
    "PUTFH": putfh(bytes(24)), "LOOKUP": lookup(b"abcdefgh"), "GETATTR": getattr_(1, 33), "READDIR": readdir(),
    "SETATTR": setattr_({nfs4.FATTR4_MODE: 0o644}), "CREATE": create(nfs4.NF4BLK, b"name"), "LINK": link(b"name"),
    "REMOVE": remove(b"name"), "RENAME": rename(b"old", b"new"), "SECINFO": secinfo(b"name"),
    "SYMLINK": symlink(b"name", b"target"),
}  # fmt: skip


@pytest.mark.parametrize("name", CUT_SHORT)
def test_arguments_cut_short_are_badxdr(fs: Namespace, name: str) -> None:
    """A message that ends anywhere within an operation's arguments gives NFS4ERR_BADXDR and changes nothing."""
    whole = CUT_SHORT[name]
    for length in range(4, len(whole), 4):
        before = fs.replica.digest()
        operations = root() + savefh() + whole[:length]
        head = COMPOUND_HEAD.pack(KIND_SESSIONLESS, 1, 0, 0, 0, 0, 3, 0, 0, 1 << 20, NO_SESSION)
        seen = fs.look(head + operations)
        reply = unpack_reply(fs.replica.apply_entry([head + operations])[0])
        assert reply.status == nfs4.NFS4ERR_BADXDR, length
        assert seen is None or seen == reply.raw
        assert name == "PUTFH" or fs.listing() == []
        assert before != b""


@pytest.mark.parametrize(
    "whole",
    [putfh(bytes(24)), lookup(b"abcdefgh"), getattr_(1, 33), readdir(), secinfo(b"name"), secinfo_no_name(0),
     verify({nfs4.FATTR4_MODE: 0}), nverify({nfs4.FATTR4_MODE: 0}), access(1)],
)  # fmt: skip
def test_a_view_does_not_read_into_the_next_record(fs: Namespace, whole: bytes) -> None:
    """A connection's buffer holds more than this record: what lies behind its end is not its own."""
    fs.ok(root(), mkdir(b"name"))
    with fs.env.begin() as txn:
        for length in range(4, len(whole), 4):
            cx = fs.view
            cx.reset()
            cx.bind_view(txn)
            cx.data = root() + whole + bytes(64)
            cx.ops_left = 2
            cx.end = 4 + length
            cx.root = ROOT
            dispatch = DISPATCH[1]
            status = run(cx, dispatch.handlers, dispatch.changes, dispatch.needs_fh)
            assert status == nfs4.NFS4ERR_BADXDR, length


def test_unknown_operations(fs: Namespace) -> None:
    for op in (0, 2, 76, 79, 80, 10044, 0x80000026):
        reply = fs.look(
            COMPOUND_HEAD.pack(KIND_SESSIONLESS, 1, 0, 0, 0, 0, 2, 0, 0, 1 << 20, NO_SESSION)
            + root()
            + op.to_bytes(4, "big")
        )
        assert reply is not None
        assert unpack_reply(reply).results[-1] == (nfs4.OP_ILLEGAL, nfs4.NFS4ERR_OP_ILLEGAL, None), op
