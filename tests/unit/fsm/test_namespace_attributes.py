"""GETATTR, SETATTR, VERIFY, NVERIFY, ACCESS, READLINK: values, refusals, permissions (RFC 8881 §5, §18)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mdscluster.fsm import attribute_plan, handles, shares
from mdscluster.fsm.commands import FLAG_NO_LAYOUTS, FLAG_READ_ONLY, DataServerUpdate
from mdscluster.fsm.records import Inode, pack_inode
from nfswire import nfs4
from nfswire.attributes import ATTRIBUTES, pack_fattr
from tests.unit.fsm.support.compounds import (
    ALICE,
    BOB,
    BYPASS,
    CURRENT,
    SUPERUSER,
    Namespace,
    Who,
    access,
    at,
    create,
    getattr_,
    getfh,
    link,
    mkdir,
    nverify,
    operation,
    readdir,
    readlink,
    remove,
    root,
    savefh,
    setattr_,
    symlink,
    verify,
)

MODE = nfs4.FATTR4_MODE
SIZE = nfs4.FATTR4_SIZE
OWNER = nfs4.FATTR4_OWNER
GROUP = nfs4.FATTR4_OWNER_GROUP
READ_ONLY = Who(flags=FLAG_READ_ONLY)
SERVER_TIME = nfs4.settime4(nfs4.SET_TO_SERVER_TIME4)


def client_time(seconds: int, nseconds: int = 0) -> Any:
    return nfs4.settime4(nfs4.SET_TO_CLIENT_TIME4, nfs4.nfstime4(seconds, nseconds))


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    yield namespace
    namespace.close()


# ---------------------------------------------------------------- GETATTR
@pytest.mark.parametrize("minor", [1, 2])
def test_supported_attrs_is_exactly_what_is_encoded(fs: Namespace, minor: int) -> None:
    who = Who(minor=minor)
    supported = fs.attributes(want=(nfs4.FATTR4_SUPPORTED_ATTRS,), who=who)[nfs4.FATTR4_SUPPORTED_ATTRS]
    writable_only = {nfs4.FATTR4_TIME_ACCESS_SET, nfs4.FATTR4_TIME_MODIFY_SET, nfs4.FATTR4_MODE_SET_MASKED,
                     nfs4.FATTR4_MODE_UMASK}  # fmt: skip
    named = {number for number in range(supported.bit_length()) if supported >> number & 1}
    assert named <= set(ATTRIBUTES)
    everything = tuple(number for number in range(96) if number not in writable_only)
    got = fs.ok(root(), getattr_(*everything), who=who).attributes
    assert set(got) == named - writable_only
    required = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 19, nfs4.FATTR4_SUPPATTR_EXCLCREAT}
    assert required <= named
    for number in named - writable_only:
        assert set(fs.ok(root(), getattr_(number), who=who).attributes) == {number}
    assert (nfs4.FATTR4_CHANGE_ATTR_TYPE in named) == (minor == 2)
    assert (nfs4.FATTR4_MODE_UMASK in named) == (minor == 2)


def test_unsupported_attributes_are_left_out(fs: Namespace) -> None:
    asked = (nfs4.FATTR4_TYPE, nfs4.FATTR4_ACL, nfs4.FATTR4_QUOTA_USED, nfs4.FATTR4_XATTR_SUPPORT, 95, 120)
    assert fs.ok(root(), getattr_(*asked)).attributes == {nfs4.FATTR4_TYPE: nfs4.NF4DIR}
    assert fs.ok(root(), getattr_()).attributes == {}
    assert fs.ok(root(), getattr_(nfs4.FATTR4_ACL)).attributes == {}


@pytest.mark.parametrize(
    "number", [nfs4.FATTR4_TIME_ACCESS_SET, nfs4.FATTR4_TIME_MODIFY_SET, nfs4.FATTR4_MODE_SET_MASKED]
)
def test_attributes_that_can_only_be_set(fs: Namespace, number: int) -> None:
    """"If a write-only attribute is asked for: NFS4ERR_INVAL" (§5.5)."""
    assert fs.fails(root(), getattr_(nfs4.FATTR4_TYPE, number)) == "NFS4ERR_INVAL"
    assert fs.fails(root(), readdir(want=(number,))) == "NFS4ERR_INVAL"


def test_values_follow_the_record(fs: Namespace) -> None:
    fs.ok(root(), create(nfs4.NF4BLK, b"b", {MODE: 0o640, OWNER: b"7", GROUP: b"8"}, device=(8, 17)))
    got = fs.ok(
        *at(b"b"), getfh(),
        getattr_(nfs4.FATTR4_TYPE, MODE, OWNER, GROUP, nfs4.FATTR4_RAWDEV, nfs4.FATTR4_FILEHANDLE, nfs4.FATTR4_FSID,
                 nfs4.FATTR4_FILEID, nfs4.FATTR4_MOUNTED_ON_FILEID, nfs4.FATTR4_TIME_CREATE),
    )  # fmt: skip
    values = got.attributes
    assert (values[nfs4.FATTR4_TYPE], values[MODE], values[OWNER], values[GROUP]) == (nfs4.NF4BLK, 0o640, b"7", b"8")
    assert values[nfs4.FATTR4_RAWDEV] == nfs4.specdata4(8, 17)
    assert values[nfs4.FATTR4_FILEHANDLE] == got.handle
    assert values[nfs4.FATTR4_FSID] == nfs4.fsid4(1, 0)
    assert values[nfs4.FATTR4_FILEID] == values[nfs4.FATTR4_MOUNTED_ON_FILEID]
    assert values[nfs4.FATTR4_TIME_CREATE] == nfs4.nfstime4(fs.replica.wall_ns // 10**9, 0)


def test_raw_record_and_inode_encode_alike(fs: Namespace) -> None:
    inode = Inode(
        1 << 48 | 5, 1, 0o644, 3, 1000, 2**32 - 2, 99, 12345, 16384, -5, 1, 2**40, 999_999_999, 3, 4, 5, 6, 7, 8,
        0, 0, 0x11223344, 0, 9,
    )  # fmt: skip
    plan = attribute_plan.plan_for(attribute_plan.SUPPORTED[1] & ~attribute_plan.WRITE_ONLY, 1, fs.view.settings)
    with fs.env.begin() as txn:
        fs.view.bind_view(txn)
        assert plan.encode_inode(fs.view, inode) == plan.encode(fs.view, pack_inode(inode))
    assert handles.handle_of(pack_inode(inode)) == handles.pack_handle(inode.fileid, inode.generation)
    assert handles.unpack_handle(handles.pack_handle(inode.fileid, 4)) == (inode.fileid, 4)


def test_space_and_layout_types(fs: Namespace) -> None:
    fs.internal(DataServerUpdate("ds1", "127.0.0.1", 1, True, 1000, 600))
    fs.internal(DataServerUpdate("ds2", "127.0.0.1", 2, True, 500, 100))
    space = fs.attributes(want=(nfs4.FATTR4_SPACE_TOTAL, nfs4.FATTR4_SPACE_FREE, nfs4.FATTR4_SPACE_AVAIL))
    assert space == {nfs4.FATTR4_SPACE_TOTAL: 1500, nfs4.FATTR4_SPACE_FREE: 700, nfs4.FATTR4_SPACE_AVAIL: 700}
    kinds = (nfs4.FATTR4_FS_LAYOUT_TYPES,)
    assert fs.attributes(want=kinds) == {kinds[0]: [nfs4.LAYOUT4_NFSV4_1_FILES]}
    assert fs.attributes(want=kinds, who=Who(flags=FLAG_NO_LAYOUTS)) == {kinds[0]: []}
    assert fs.attributes(want=kinds) == {kinds[0]: [nfs4.LAYOUT4_NFSV4_1_FILES]}


def test_memo_never_answers_for_an_older_record(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"d", 0o700))
    for mode in (0o700, 0o711, 0o700, 0o755):
        fs.ok(*at(b"d"), setattr_({MODE: mode}))
        assert fs.attributes(b"d")[MODE] == mode


# ---------------------------------------------------------------- SETATTR
def test_setattr_says_what_it_set_and_stamps(fs: Namespace) -> None:
    fs.file(b"f")
    before = fs.attributes(b"f")
    fs.replica.advance(5000)
    reply = fs.ok(*at(b"f"), setattr_({MODE: 0o600, OWNER: b"1000", GROUP: b"100"}))
    assert reply[nfs4.OP_SETATTR].attrsset == 1 << MODE | 1 << OWNER | 1 << GROUP
    after = fs.attributes(b"f")
    assert after[nfs4.FATTR4_CHANGE] > before[nfs4.FATTR4_CHANGE]
    assert after[nfs4.FATTR4_TIME_METADATA].seconds == before[nfs4.FATTR4_TIME_METADATA].seconds + 5
    assert after[nfs4.FATTR4_TIME_MODIFY] == before[nfs4.FATTR4_TIME_MODIFY]
    assert (after[MODE], after[OWNER], after[GROUP]) == (0o600, b"1000", b"100")


def test_failed_setattr_has_an_empty_attrsset_and_changes_nothing(fs: Namespace) -> None:
    fs.file(b"f")
    before = fs.attributes(b"f")
    assert fs.fails(*at(b"f"), setattr_({MODE: 0o600, OWNER: b"nobody"})) == "NFS4ERR_BADOWNER"
    reply = fs.send(*at(b"f"), setattr_({MODE: 0o600, OWNER: b"nobody"}))
    assert reply is not None
    assert reply.results[-1][2].attrsset == 0
    assert fs.attributes(b"f") == before


def raw_setattr(mask: int, values: bytes) -> bytes:
    return operation(nfs4.OP_SETATTR, nfs4.SETATTR4args(nfs4.stateid4(0, bytes(12)), nfs4.fattr4(mask, values)))


@pytest.mark.parametrize(
    ("mask", "values", "status"),
    [
        (1 << nfs4.FATTR4_ACL, b"\0\0\0\0", "NFS4ERR_ATTRNOTSUPP"),
        (1 << nfs4.FATTR4_ARCHIVE, b"\0\0\0\1", "NFS4ERR_ATTRNOTSUPP"),
        (1 << 95, b"", "NFS4ERR_ATTRNOTSUPP"),
        (1 << nfs4.FATTR4_CHANGE, bytes(8), "NFS4ERR_INVAL"),
        (1 << nfs4.FATTR4_FILEID, bytes(8), "NFS4ERR_INVAL"),
        (1 << nfs4.FATTR4_TIME_MODIFY, bytes(12), "NFS4ERR_INVAL"),
        (1 << nfs4.FATTR4_SUPPORTED_ATTRS, bytes(4), "NFS4ERR_INVAL"),
        (1 << MODE, b"\0\0\x10\0", "NFS4ERR_INVAL"),
        (1 << MODE, b"\xff\xff\xff\xff", "NFS4ERR_INVAL"),
        (1 << MODE, b"", "NFS4ERR_BADXDR"),
        (1 << MODE, bytes(8), "NFS4ERR_BADXDR"),
        (1 << SIZE, bytes(4), "NFS4ERR_BADXDR"),
        (1 << OWNER, b"\0\0\0\x09123", "NFS4ERR_BADXDR"),
        (1 << nfs4.FATTR4_TIME_MODIFY_SET, b"\0\0\0\2", "NFS4ERR_BADXDR"),
        (1 << MODE | 1 << nfs4.FATTR4_MODE_SET_MASKED, bytes(12), "NFS4ERR_INVAL"),
        (1 << nfs4.FATTR4_MODE_SET_MASKED, b"\0\0\0\0\0\1\0\0", "NFS4ERR_INVAL"),
        (0, b"\0\0\0\0", "NFS4ERR_BADXDR"),
    ],
)
def test_attributes_that_cannot_be_set(fs: Namespace, mask: int, values: bytes, status: str) -> None:
    fs.file(b"f")
    assert fs.fails(*at(b"f"), raw_setattr(mask, values)) == status


def test_mode_umask_is_for_creation_only(fs: Namespace) -> None:
    """RFC 8275 §4: NFSv4.2, and never in SETATTR."""
    umask = {nfs4.FATTR4_MODE_UMASK: nfs4.mode_umask4(0o777, 0o027)}
    v2 = Who(minor=2)
    fs.ok(root(), create(nfs4.NF4DIR, b"d", umask), who=v2)
    assert fs.attributes(b"d")[MODE] == 0o750
    assert fs.fails(*at(b"d"), setattr_(umask), who=v2) == "NFS4ERR_INVAL"
    assert fs.fails(root(), create(nfs4.NF4DIR, b"e", umask)) == "NFS4ERR_ATTRNOTSUPP"
    assert fs.fails(root(), create(nfs4.NF4DIR, b"e", {MODE: 0o700, **umask}), who=v2) == "NFS4ERR_INVAL"


def test_mode_set_masked(fs: Namespace) -> None:
    """"Only bits set to one in the mask word are changed ... only valid in a SETATTR" (§6.2.5)."""
    fs.file(b"f", mode=0o4755)
    masked = {nfs4.FATTR4_MODE_SET_MASKED: nfs4.mode_masked4(0o022, 0o077)}
    fs.ok(*at(b"f"), setattr_(masked))
    assert fs.attributes(b"f")[MODE] == 0o4722
    assert fs.fails(root(), create(nfs4.NF4DIR, b"d", masked)) == "NFS4ERR_INVAL"


@pytest.mark.parametrize(
    ("name", "number"),
    [(b"0", 0), (b"1000", 1000), (b"1000@example.org", 1000), (b"4294967294", 4294967294),
     (b"4294967295", None), (b"99999999999", None), (b"", None), (b"@x", None), (b"bob", None), (b"bob@x", None),
     (b"-1", None), (b"+1", None), (b" 1", None), ("１".encode(), None)],
)  # fmt: skip
def test_owners_are_numbers(fs: Namespace, name: bytes, number: int | None) -> None:
    fs.file(b"f")
    for attribute in (OWNER, GROUP):
        if number is None:
            assert fs.fails(*at(b"f"), setattr_({attribute: name})) == "NFS4ERR_BADOWNER"
        else:
            fs.ok(*at(b"f"), setattr_({attribute: name}))
            assert fs.attributes(b"f")[attribute] == str(number).encode()


def test_times(fs: Namespace) -> None:
    fs.file(b"f", who=ALICE)
    fs.replica.advance(60_000)
    now = nfs4.nfstime4(fs.replica.wall_ns // 10**9, 0)
    access_set, modify_set = nfs4.FATTR4_TIME_ACCESS_SET, nfs4.FATTR4_TIME_MODIFY_SET
    fs.ok(*at(b"f"), setattr_({access_set: client_time(-1, 999_999_999), modify_set: SERVER_TIME}), who=ALICE)
    got = fs.attributes(b"f")
    assert got[nfs4.FATTR4_TIME_ACCESS] == nfs4.nfstime4(-1, 999_999_999)
    assert got[nfs4.FATTR4_TIME_MODIFY] == got[nfs4.FATTR4_TIME_METADATA] == now
    fs.ok(*at(b"f"), setattr_({nfs4.FATTR4_TIME_CREATE: nfs4.nfstime4(5, 6)}), who=ALICE)
    assert fs.attributes(b"f", want=(nfs4.FATTR4_TIME_CREATE,))[nfs4.FATTR4_TIME_CREATE] == nfs4.nfstime4(5, 6)
    bad = nfs4.fattr4(1 << modify_set, b"\0\0\0\1" + bytes(8) + (10**9).to_bytes(4, "big"))
    assert fs.fails(*at(b"f"), raw_setattr(bad.attrmask, bad.attr_vals)) == "NFS4ERR_INVAL"
    # Of others: "now" with write permission, anything else never (POSIX utimensat).
    assert fs.fails(*at(b"f"), setattr_({modify_set: client_time(1)}), who=BOB) == "NFS4ERR_PERM"
    assert fs.fails(*at(b"f"), setattr_({modify_set: SERVER_TIME}), who=BOB) == "NFS4ERR_ACCESS"
    fs.ok(*at(b"f"), setattr_({MODE: 0o666}), who=ALICE)
    fs.ok(*at(b"f"), setattr_({modify_set: SERVER_TIME}), who=BOB)
    assert fs.fails(*at(b"f"), setattr_({modify_set: client_time(1)}), who=BOB) == "NFS4ERR_PERM"


def test_who_may_change_mode_and_owners(fs: Namespace) -> None:
    fs.ok(root(), setattr_({MODE: 0o777}))
    fs.file(b"f", who=ALICE)
    fs.ok(*at(b"f"), setattr_({MODE: 0o600}), who=ALICE)
    assert fs.fails(*at(b"f"), setattr_({MODE: 0o666}), who=BOB) == "NFS4ERR_PERM"
    assert fs.fails(*at(b"f"), setattr_({OWNER: b"1001"}), who=ALICE) == "NFS4ERR_PERM"
    assert fs.fails(*at(b"f"), setattr_({OWNER: b"1001"}), who=BOB) == "NFS4ERR_PERM"
    fs.ok(*at(b"f"), setattr_({OWNER: b"1000", GROUP: b"100"}), who=ALICE)
    assert fs.fails(*at(b"f"), setattr_({GROUP: b"101"}), who=ALICE) == "NFS4ERR_PERM"
    fs.ok(*at(b"f"), setattr_({GROUP: b"101"}), who=Who(1000, 100, (101,)))
    assert fs.attributes(b"f")[GROUP] == b"101"
    fs.ok(*at(b"f"), setattr_({OWNER: b"1001"}))
    assert fs.attributes(b"f")[OWNER] == b"1001"


def test_set_id_bits_do_not_outlive_chown_or_write(fs: Namespace) -> None:
    fs.file(b"f", mode=0o6755)
    fs.ok(*at(b"f"), setattr_({OWNER: b"1000"}))
    assert fs.attributes(b"f")[MODE] == 0o755
    fs.ok(*at(b"f"), setattr_({MODE: 0o6744}))
    fs.ok(*at(b"f"), setattr_({GROUP: b"100"}))
    assert fs.attributes(b"f")[MODE] == 0o2744, "set-group-ID without group execution means locking: it stays"
    fs.ok(*at(b"f"), setattr_({MODE: 0o6755}))
    fs.ok(*at(b"f"), setattr_({SIZE: 0}), who=ALICE)
    assert fs.attributes(b"f")[MODE] == 0o755
    fs.ok(*at(b"f"), setattr_({MODE: 0o2755}), who=Who(1000, 555))
    assert fs.attributes(b"f")[MODE] == 0o755, "set-group-ID of a group that the caller is not in"
    fs.ok(root(), mkdir(b"d", 0o2777))
    fs.ok(*at(b"d"), setattr_({OWNER: b"1000"}))
    assert fs.attributes(b"d")[MODE] == 0o2777


def test_size(fs: Namespace) -> None:
    fs.file(b"f", who=ALICE)
    fs.ok(*at(b"f"), setattr_({SIZE: 100 << 30}), who=ALICE)
    assert fs.attributes(b"f")[SIZE] == 100 << 30
    before = fs.attributes(b"f")
    fs.replica.advance(1000)
    fs.ok(*at(b"f"), setattr_({SIZE: 10}), who=ALICE)
    after = fs.attributes(b"f")
    assert after[SIZE] == 10
    assert after[nfs4.FATTR4_TIME_MODIFY].seconds == before[nfs4.FATTR4_TIME_MODIFY].seconds + 1
    assert fs.fails(*at(b"f"), setattr_({SIZE: 0}), who=BOB) == "NFS4ERR_ACCESS"
    assert fs.fails(*at(b"f"), setattr_({SIZE: 1 << 63}), who=ALICE) == "NFS4ERR_FBIG"
    fs.ok(*at(b"f"), setattr_({SIZE: (1 << 63) - 1}), who=ALICE)
    fs.ok(*at(b"f"), setattr_({SIZE: 3}, BYPASS), who=ALICE)
    assert fs.fails(root(), setattr_({SIZE: 0})) == "NFS4ERR_ISDIR"
    fs.ok(root(), symlink(b"l", b"t"))
    assert fs.fails(*at(b"l"), setattr_({SIZE: 0})) == "NFS4ERR_WRONG_TYPE"


def test_size_needs_a_stateid_that_is_good(fs: Namespace) -> None:
    fileid = fs.file(b"f")
    assert fs.fails(*at(b"f"), setattr_({SIZE: 0}, CURRENT)) == "NFS4ERR_BAD_STATEID"
    assert fs.fails(*at(b"f"), setattr_({SIZE: 0}, nfs4.stateid4(1, b"\x01" * 12))) == "NFS4ERR_BAD_STATEID"
    with fs.entry() as cx:
        shares.create(cx, fileid, b"owner", nfs4.OPEN4_SHARE_ACCESS_READ, nfs4.OPEN4_SHARE_DENY_WRITE)
    assert fs.fails(*at(b"f"), setattr_({SIZE: 0})) == "NFS4ERR_LOCKED"
    fs.ok(*at(b"f"), setattr_({MODE: 0o600}))


def test_open_for_writing_may_truncate_what_its_mode_forbids(fs: Namespace) -> None:
    fileid = fs.file(b"f", mode=0o600)
    with fs.entry() as cx:
        writing = shares.create(cx, fileid, b"w", nfs4.OPEN4_SHARE_ACCESS_WRITE, 0)
        reading = shares.create(cx, fileid, b"r", nfs4.OPEN4_SHARE_ACCESS_READ, 0)
    fs.ok(*at(b"f"), setattr_({SIZE: 7}, writing), who=BOB)
    assert fs.attributes(b"f")[SIZE] == 7
    assert fs.fails(*at(b"f"), setattr_({SIZE: 0}, reading), who=BOB) == "NFS4ERR_OPENMODE"


def test_read_only_export(fs: Namespace) -> None:
    fs.file(b"f")
    fs.ok(*at(b"f"), access(0x3F), getattr_(MODE), who=READ_ONLY)
    assert fs.fails(*at(b"f"), setattr_({MODE: 0o600}), who=READ_ONLY) == "NFS4ERR_ROFS"
    assert fs.fails(root(), mkdir(b"d"), who=READ_ONLY) == "NFS4ERR_ROFS"
    assert fs.fails(root(), remove(b"f"), who=READ_ONLY) == "NFS4ERR_ROFS"
    assert fs.fails(*at(b"f"), savefh(), root(), link(b"g"), who=READ_ONLY) == "NFS4ERR_ROFS"


# ---------------------------------------------------------------- VERIFY, NVERIFY
def test_verify_and_nverify(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"d", 0o750))
    fs.ok(*at(b"d"), verify({MODE: 0o750, OWNER: b"0", nfs4.FATTR4_TYPE: nfs4.NF4DIR}))
    assert fs.fails(*at(b"d"), verify({MODE: 0o751})) == "NFS4ERR_NOT_SAME"
    assert fs.fails(*at(b"d"), nverify({MODE: 0o750})) == "NFS4ERR_SAME"
    fs.ok(*at(b"d"), nverify({MODE: 0o751}))
    for compare in (verify, nverify):
        assert fs.fails(*at(b"d"), compare({nfs4.FATTR4_ARCHIVE: True})) == "NFS4ERR_ATTRNOTSUPP"
        assert fs.fails(*at(b"d"), compare({nfs4.FATTR4_TIME_MODIFY_SET: SERVER_TIME})) == "NFS4ERR_INVAL"
        assert fs.fails(*at(b"d"), compare({nfs4.FATTR4_RDATTR_ERROR: 0})) == "NFS4ERR_INVAL"


# ---------------------------------------------------------------- ACCESS, READLINK
ALL = 0x1FF
DIRECTORY = nfs4.ACCESS4_READ | nfs4.ACCESS4_LOOKUP | nfs4.ACCESS4_MODIFY | nfs4.ACCESS4_EXTEND | nfs4.ACCESS4_DELETE
FILE = nfs4.ACCESS4_READ | nfs4.ACCESS4_MODIFY | nfs4.ACCESS4_EXTEND | nfs4.ACCESS4_EXECUTE


def granted(fs: Namespace, name: bytes, who: Who, bits: int = ALL) -> tuple[int, int]:
    result = fs.ok(*at(name), access(bits), who=who)[nfs4.OP_ACCESS].resok4
    return result.supported, result.access


def test_access_of_root_and_others(fs: Namespace) -> None:
    fs.ok(root(), setattr_({MODE: 0o777}))
    fs.ok(root(), mkdir(b"d", 0o754), who=ALICE)
    fs.file(b"f", who=ALICE, mode=0o640)
    fs.file(b"x", who=ALICE, mode=0o750)
    assert granted(fs, b"d", SUPERUSER) == (DIRECTORY, DIRECTORY)
    assert granted(fs, b"d", ALICE) == (DIRECTORY, DIRECTORY)
    assert granted(fs, b"d", Who(1, 100)) == (DIRECTORY, nfs4.ACCESS4_READ | nfs4.ACCESS4_LOOKUP)
    assert granted(fs, b"d", BOB) == (DIRECTORY, nfs4.ACCESS4_READ)
    assert granted(fs, b"f", SUPERUSER) == (FILE, FILE & ~nfs4.ACCESS4_EXECUTE), "nobody may execute it"
    assert granted(fs, b"x", SUPERUSER) == (FILE, FILE)
    assert granted(fs, b"f", ALICE) == (FILE, FILE & ~nfs4.ACCESS4_EXECUTE)
    assert granted(fs, b"f", Who(1, 1, (100,))) == (FILE, nfs4.ACCESS4_READ)
    assert granted(fs, b"f", BOB) == (FILE, 0)
    assert granted(fs, b"f", READ_ONLY) == (FILE, nfs4.ACCESS4_READ)
    assert granted(fs, b"f", ALICE, nfs4.ACCESS4_READ) == (1, 1)
    assert granted(fs, b"f", ALICE, 0) == (0, 0)


def test_owner_has_the_owners_bits_even_if_others_have_more(fs: Namespace) -> None:
    fs.ok(root(), setattr_({MODE: 0o777}))
    fs.file(b"f", who=ALICE, mode=0o077)
    assert granted(fs, b"f", ALICE) == (FILE, 0)
    assert granted(fs, b"f", BOB) == (FILE, FILE)


def test_readlink(fs: Namespace) -> None:
    target = b"../a target \xff of any bytes"
    fs.ok(root(), symlink(b"l", target))
    assert fs.ok(*at(b"l"), readlink())[nfs4.OP_READLINK].resok4.link == target
    assert fs.attributes(b"l")[SIZE] == len(target)
    assert fs.attributes(b"l")[MODE] == 0o777
    assert fs.fails(root(), readlink()) == "NFS4ERR_WRONG_TYPE"
    fs.file(b"f")
    assert fs.fails(*at(b"f"), readlink()) == "NFS4ERR_WRONG_TYPE"


def test_pack_fattr_of_the_wire_package_agrees(fs: Namespace) -> None:
    """Our plans and the generated codecs encode the same values to the same bytes."""
    wanted = tuple(
        number for number in range(82)
        if attribute_plan.SUPPORTED[1] >> number & 1 and not attribute_plan.WRITE_ONLY >> number & 1
    )  # fmt: skip
    reply = fs.ok(root(), getattr_(*wanted))
    assert pack_fattr(reply.attributes) == reply[nfs4.OP_GETATTR].resok4.obj_attributes
