"""READDIR: limits, cookies that stay good, attributes of entries (RFC 8881 §18.23)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdscluster.fsm.commands import COMPOUND_HEAD, KIND_SESSIONLESS, NO_SESSION
from nfswire import nfs4
from nfswire.attributes import unpack_fattr
from tests.unit.fsm.support.compounds import (
    ALICE,
    BOB,
    Namespace,
    Reply,
    at,
    create,
    getattr_,
    getfh,
    mkdir,
    readdir,
    remove,
    rename,
    root,
    savefh,
)

MODE = nfs4.FATTR4_MODE


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    yield namespace
    namespace.close()


def fill(fs: Namespace, count: int) -> list[bytes]:
    names = [b"entry%d" % i for i in range(count)]
    for name in names:
        fs.ok(root(), create(nfs4.NF4FIFO, name))
    return names


def body_bytes(reply: Reply) -> int:
    """Bytes of READDIR4resok: the reply's head is 9, PUTROOTFH's result 8, READDIR's number and status 8."""
    return len(reply.raw) - 9 - 8 - 8


def test_empty_directory(fs: Namespace) -> None:
    listed = fs.ok(root(), readdir())[nfs4.OP_READDIR].resok4.reply
    assert (listed.entries, listed.eof) == ([], True)
    fs.ok(root(), readdir(maxcount=16))
    assert fs.fails(root(), readdir(maxcount=15)) == "NFS4ERR_TOOSMALL"
    assert fs.fails(root(), readdir(maxcount=0)) == "NFS4ERR_TOOSMALL"


def test_maxcount_is_kept_to_the_byte(fs: Namespace) -> None:
    names = fill(fs, 30)
    for maxcount in range(16, 700, 4):
        reply = fs.send(root(), readdir(maxcount=maxcount))
        assert reply is not None
        if reply.status:
            assert reply.status == nfs4.NFS4ERR_TOOSMALL
            assert maxcount < 16 + 48
            continue
        assert body_bytes(reply) <= maxcount
        assert body_bytes(reply) + 52 > maxcount, "one more entry would have fitted"
        assert fs.listing(maxcount=maxcount) == names


def test_dircount_is_a_hint_that_we_take(fs: Namespace) -> None:
    fill(fs, 30)
    few = fs.ok(root(), readdir(maxcount=65536, dircount=100))[nfs4.OP_READDIR].resok4.reply
    assert not few.eof
    assert 1 <= len(few.entries) <= 5
    one = fs.ok(root(), readdir(maxcount=65536, dircount=1))[nfs4.OP_READDIR].resok4.reply
    assert len(one.entries) == 1


def test_bad_cookies_and_verifiers(fs: Namespace) -> None:
    fill(fs, 3)
    for cookie in (1, 2, 1 << 63, (1 << 64) - 1):
        assert fs.fails(root(), readdir(cookie)) == "NFS4ERR_BAD_COOKIE"
    assert fs.fails(root(), readdir(3, verifier=b"\1" * 8)) == "NFS4ERR_NOT_SAME"
    beyond = fs.ok(root(), readdir(1 << 40))[nfs4.OP_READDIR].resok4.reply
    assert (beyond.entries, beyond.eof) == ([], True)


def test_not_a_directory_and_no_permission(fs: Namespace) -> None:
    fs.file(b"f")
    assert fs.fails(*at(b"f"), readdir()) == "NFS4ERR_NOTDIR"
    fs.ok(root(), mkdir(b"d", 0o711))
    assert fs.fails(*at(b"d"), readdir(), who=BOB) == "NFS4ERR_ACCESS"
    fs.ok(root(), mkdir(b"e", 0o744))
    fs.ok(*at(b"e"), readdir(), who=ALICE)


def test_entries_carry_the_attributes_that_getattr_gives(fs: Namespace) -> None:
    fs.ok(root(), mkdir(b"d", 0o750))
    fs.ok(root(), create(nfs4.NF4CHR, b"c", {MODE: 0o600, nfs4.FATTR4_OWNER: b"7"}, device=(1, 5)))
    fs.file(b"f", who=ALICE)
    want = (
        nfs4.FATTR4_TYPE, nfs4.FATTR4_CHANGE, nfs4.FATTR4_SIZE, nfs4.FATTR4_FSID, nfs4.FATTR4_FILEHANDLE,
        nfs4.FATTR4_FILEID, MODE, nfs4.FATTR4_NUMLINKS, nfs4.FATTR4_OWNER, nfs4.FATTR4_OWNER_GROUP,
        nfs4.FATTR4_RAWDEV, nfs4.FATTR4_SPACE_FREE, nfs4.FATTR4_TIME_MODIFY, nfs4.FATTR4_MOUNTED_ON_FILEID,
    )  # fmt: skip
    for _ in range(2):
        for entry in fs.entries(want=(*want, nfs4.FATTR4_RDATTR_ERROR)):
            reply = fs.ok(*at(entry.name), getfh(), getattr_(*want))
            expected = {**reply.attributes, nfs4.FATTR4_RDATTR_ERROR: nfs4.NFS4_OK}
            assert unpack_fattr(entry.attrs) == expected
            assert reply.handle == expected[nfs4.FATTR4_FILEHANDLE]
        fs.ok(root(), savefh(), rename(b"d", b"e"))
        fs.ok(root(), savefh(), rename(b"e", b"d"))


def test_reply_stays_below_what_the_session_allows(fs: Namespace) -> None:
    fill(fs, 30)
    assert len(fs.ok(root(), readdir(maxcount=65536)).raw) > 309
    operations = root() + readdir(maxcount=65536)
    for room, status in ((300, 0), (40, nfs4.NFS4ERR_REP_TOO_BIG)):
        head = COMPOUND_HEAD.pack(KIND_SESSIONLESS, 1, 0, 0, 0, 0, 2, 0, 0, room, NO_SESSION)
        result = fs.look(head + operations)
        assert result is not None
        assert result[1:5] == status.to_bytes(4, "big")
        assert len(result) - 9 <= room


CHANGES = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "rename"]), st.integers(0, 40), st.integers(0, 40)), max_size=4
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGES, min_size=8, max_size=8))
def test_cookies_stay_good_while_the_directory_changes(
    tmp_path_factory: pytest.TempPathFactory, changes: list[list[tuple[str, int, int]]]
) -> None:
    """A reader meets every entry that was there all the time exactly once, and no name twice."""
    fs = Namespace(tmp_path_factory.mktemp("fs"))
    fs.ok(root(), mkdir(b"d"))
    for i in range(20):
        fs.ok(*at(b"d"), create(nfs4.NF4FIFO, b"n%d" % i))
    untouched = {b"n%d" % i for i in range(20)}
    seen: list[bytes] = []
    seen_cookies: list[int] = []
    cookie = 0
    for step in range(100):
        listed = fs.ok(*at(b"d"), readdir(cookie, maxcount=200))[nfs4.OP_READDIR].resok4.reply
        seen += [entry.name for entry in listed.entries]
        seen_cookies += [entry.cookie for entry in listed.entries]
        if listed.eof:
            break
        cookie = listed.entries[-1].cookie
        for what, one, two in changes[step] if step < len(changes) else []:
            name, other = b"n%d" % one, b"n%d" % two
            untouched -= {name, other}
            if what == "add":
                fs.send(*at(b"d"), create(nfs4.NF4FIFO, name))
            elif what == "remove":
                fs.send(*at(b"d"), remove(name))
            else:
                fs.send(*at(b"d"), savefh(), rename(name, other))
    fs.close()
    assert untouched <= set(seen)
    assert all(seen.count(name) == 1 for name in untouched)
    assert seen_cookies == sorted(set(seen_cookies))
    assert seen_cookies[0] > 2, "0, 1 and 2 are reserved"
