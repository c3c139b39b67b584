"""OPEN, OPEN_DOWNGRADE, CLOSE: create modes, share reservations, stateids (RFC 8881 §9.7 to §9.11, §18.16)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from mdscluster.fsm import stateids
from mdscluster.fsm.commands import FLAG_READ_ONLY
from nfswire import nfs4
from nfswire.attributes import pack_fattr
from tests.unit.fsm.support.compounds import (
    ALICE,
    ANONYMOUS,
    BOB,
    BYPASS,
    CURRENT,
    SUPERUSER,
    Namespace,
    Who,
    at,
    create,
    getattr_,
    getfh,
    lookup,
    mkdir,
    name_of,
    operation,
    putfh,
    remove,
    restorefh,
    savefh,
    setattr_,
    symlink,
)
from tests.unit.fsm.support.sessions import (
    BOTH,
    READ,
    WRITE,
    Caller,
    close,
    connect,
    create_session,
    downgrade,
    exclusive,
    exclusive_1,
    free_stateid,
    guarded,
    introduce,
    open_,
    rows,
    test_stateid,
    unchecked,
)

OPEN_ROWS = ("state", "state_file", "state_client")
MODE, SIZE = nfs4.FATTR4_MODE, nfs4.FATTR4_SIZE


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state")
    made.ok(*at(), setattr_({MODE: 0o777}))
    yield made
    made.close()


@pytest.fixture
def me(fs: Namespace) -> Caller:
    return connect(fs, b"me")


@pytest.fixture
def you(fs: Namespace) -> Caller:
    return connect(fs, b"you")


def result(caller: Caller, *operations: bytes, who: Who | None = None) -> nfs4.OPEN4resok:
    made: nfs4.OPEN4resok = caller.ok(*operations, who=who)[nfs4.OP_OPEN].resok4
    return made


# ---------------------------------------------------------------- making
def test_a_create_makes_and_opens_and_leaves_nothing_but_the_file(fs: Namespace, me: Caller) -> None:
    change = fs.attributes()[nfs4.FATTR4_CHANGE]
    made = result(me, *at(), open_(b"file", how=guarded(0o600)), getfh())
    assert made.stateid.seqid == 1
    assert made.stateid.other[0] == stateids.TYPE_OPEN
    assert made.cinfo == nfs4.change_info4(True, change, change + 1)
    assert made.attrset == 1 << MODE
    assert made.rflags == nfs4.OPEN4_RESULT_LOCKTYPE_POSIX | nfs4.OPEN4_RESULT_PRESERVE_UNLINKED
    assert made.delegation.delegation_type == nfs4.OPEN_DELEGATE_NONE
    assert fs.attributes(b"file")[MODE] == 0o600
    closed = me.ok(*at(b"file"), close(made.stateid))[nfs4.OP_CLOSE]
    assert closed.open_stateid == stateids.INVALID
    assert rows(fs, *OPEN_ROWS) == 0


def test_guarded_refuses_what_is_there(me: Caller) -> None:
    me.create(b"file")
    assert me.status(*at(), open_(b"file", how=guarded())) == "NFS4ERR_EXIST"


def test_unchecked_opens_what_is_there_and_sets_nothing(fs: Namespace, me: Caller) -> None:
    me.create(b"file")
    made = result(me, *at(), open_(b"file", owner=b"2", how=unchecked({MODE: 0o777, SIZE: 9})))
    assert made.attrset == 0
    assert fs.attributes(b"file")[MODE] == 0o644


def test_unchecked_with_size_0_truncates(fs: Namespace, me: Caller) -> None:
    _, stateid = me.create(b"file")
    me.ok(*at(b"file"), setattr_({SIZE: 100}, stateid))
    made = result(me, *at(), open_(b"file", how=unchecked({SIZE: 0})))
    assert made.attrset == 1 << SIZE
    assert fs.attributes(b"file")[SIZE] == 0
    assert made.stateid == nfs4.stateid4(2, stateid.other), "the same owner: the same open"
    assert me.status(*at(), open_(b"file", READ, how=unchecked({SIZE: 0}))) == "NFS4ERR_INVAL"


def test_a_new_file_may_start_with_a_size(fs: Namespace, me: Caller) -> None:
    assert result(me, *at(), open_(b"file", how=unchecked({SIZE: 9}))).attrset == 1 << MODE | 1 << SIZE
    assert fs.attributes(b"file")[SIZE] == 9


@pytest.mark.parametrize("make", [exclusive, exclusive_1])
def test_an_exclusive_create_is_known_by_its_verifier(fs: Namespace, me: Caller, make: type) -> None:
    first = result(me, *at(), open_(b"file", how=make(b"verifier")))
    again = result(me, *at(), open_(b"file", how=make(b"verifier")))
    assert again.stateid == nfs4.stateid4(2, first.stateid.other)
    assert me.status(*at(), open_(b"file", how=make(b"somebody"))) == "NFS4ERR_EXIST"
    me.ok(*at(b"file"), close(again.stateid))
    assert me.status(*at(), open_(b"file", how=make(b"verifier"))) == "NFS4ERR_EXIST"
    assert rows(fs, *OPEN_ROWS) == 0, "the verifier went with the open"


def test_exclusive_4_1_sets_attributes(fs: Namespace, me: Caller) -> None:
    assert result(me, *at(), open_(b"file", how=exclusive_1(b"verifier", 0o640))).attrset == 1 << MODE
    assert fs.attributes(b"file")[MODE] == 0o640


def test_the_maker_may_use_what_the_mode_denies(me: Caller) -> None:
    handle, _ = me.open(b"file", BOTH, how=guarded(0o000), who=ALICE)
    assert me.status(*at(), open_(b"file", READ, owner=b"2"), who=ALICE) == "NFS4ERR_ACCESS"
    assert handle


def test_bad_attributes_make_no_file(fs: Namespace, me: Caller) -> None:
    change = nfs4.createhow4(nfs4.UNCHECKED4, createattrs=nfs4.fattr4(1 << nfs4.FATTR4_CHANGE, bytes(8)))
    assert me.status(*at(), open_(b"file", how=change)) == "NFS4ERR_INVAL"
    short = nfs4.createhow4(nfs4.UNCHECKED4, createattrs=nfs4.fattr4(1 << SIZE, bytes(3)))
    assert me.status(*at(), open_(b"file", how=short)) == "NFS4ERR_BADXDR"
    owner = nfs4.createhow4(nfs4.GUARDED4, createattrs=pack_fattr({nfs4.FATTR4_OWNER: b"1001"}))
    assert me.status(*at(), open_(b"file", how=owner), who=ALICE) == "NFS4ERR_PERM"
    assert fs.listing() == []
    assert rows(fs, *OPEN_ROWS) == 0


# ---------------------------------------------------------------- what cannot be opened
def test_names_and_types(fs: Namespace, me: Caller) -> None:
    fs.ok(*at(), mkdir(b"dir"))
    fs.ok(*at(), symlink(b"link", b"dir"))
    fs.ok(*at(), create(nfs4.NF4FIFO, b"fifo"))
    me.create(b"file")
    for name, status in {
        b"none": "NFS4ERR_NOENT", b"dir": "NFS4ERR_ISDIR", b"link": "NFS4ERR_SYMLINK", b"fifo": "NFS4ERR_WRONG_TYPE",
        b"": "NFS4ERR_INVAL", b"..": "NFS4ERR_BADNAME", b"a/b": "NFS4ERR_BADCHAR", b"n" * 256: "NFS4ERR_NAMETOOLONG",
    }.items():  # fmt: skip
        assert me.status(*at(), open_(name)) == status, name
    assert me.status(*at(), open_(b"dir", how=unchecked())) == "NFS4ERR_ISDIR"
    assert me.status(*at(), open_(b"dir", how=guarded())) == "NFS4ERR_EXIST"
    assert me.status(*at(b"file"), open_(b"x")) == "NFS4ERR_NOTDIR"
    assert me.status(*at(b"link"), open_(b"x")) == "NFS4ERR_SYMLINK"
    assert me.status(open_(b"x")) == "NFS4ERR_NOFILEHANDLE"


@pytest.mark.parametrize(
    ("access", "deny"), [(0, 0), (4, 0), (BOTH, 4), (BOTH | 0x600, 0), (BOTH | 0x1000000, 0), (0x100, 0)]
)
def test_invalid_share_bits(me: Caller, access: int, deny: int) -> None:
    assert me.status(*at(), open_(b"file", access, deny, how=unchecked())) == "NFS4ERR_INVAL"


@pytest.mark.parametrize(
    ("want", "kind", "why"),
    [
        (0x100, nfs4.OPEN_DELEGATE_NONE_EXT, nfs4.WND4_RESOURCE),
        (0x200, nfs4.OPEN_DELEGATE_NONE_EXT, nfs4.WND4_RESOURCE),
        (0x300, nfs4.OPEN_DELEGATE_NONE_EXT, nfs4.WND4_RESOURCE),
        (0x400, nfs4.OPEN_DELEGATE_NONE_EXT, nfs4.WND4_NOT_WANTED),
        (0x500, nfs4.OPEN_DELEGATE_NONE_EXT, nfs4.WND4_CANCELLED),
        (0x10000, nfs4.OPEN_DELEGATE_NONE, None),
        (0x100000, nfs4.OPEN_DELEGATE_NONE, None),
    ],
)
def test_wishes_for_a_delegation(me: Caller, want: int, kind: int, why: int | None) -> None:
    answer = result(me, *at(), open_(b"file", READ | want, how=unchecked())).delegation
    assert answer.delegation_type == kind
    assert (answer.od_whynone.ond_why if answer.od_whynone else None) == why


@pytest.mark.parametrize(
    ("claim", "status"),
    [
        (nfs4.CLAIM_PREVIOUS, "NFS4ERR_NO_GRACE"),
        (nfs4.CLAIM_DELEGATE_CUR, "NFS4ERR_BAD_STATEID"),
        (nfs4.CLAIM_DELEG_CUR_FH, "NFS4ERR_BAD_STATEID"),
        (nfs4.CLAIM_DELEGATE_PREV, "NFS4ERR_NOTSUPP"),
        (nfs4.CLAIM_DELEG_PREV_FH, "NFS4ERR_NOTSUPP"),
    ],
)
def test_there_is_nothing_to_reclaim(me: Caller, claim: int, status: str) -> None:
    handle, _ = me.create(b"file")
    assert me.status(putfh(handle), open_(None, claim=claim)) == status


def test_before_reclaim_complete_only_reclaims_are_in_order(fs: Namespace) -> None:
    made = introduce(fs, b"new")
    session = fs.ok(create_session(made.eir_clientid, 1))[nfs4.OP_CREATE_SESSION].csr_resok4
    caller = Caller(fs, made.eir_clientid, session.csr_sessionid)
    assert caller.status(*at(), open_(b"file", how=guarded())) == "NFS4ERR_GRACE"
    assert caller.status(*at(), open_(None, claim=nfs4.CLAIM_PREVIOUS)) == "NFS4ERR_NO_GRACE"


def test_open_by_filehandle(me: Caller) -> None:
    handle, stateid = me.create(b"file")
    opened = result(me, putfh(handle), open_(None, READ, owner=b"2", claim=nfs4.CLAIM_FH))
    assert opened.stateid.other != stateid.other
    assert me.status(putfh(handle), open_(None, how=guarded(), claim=nfs4.CLAIM_FH)) == "NFS4ERR_INVAL"
    assert me.status(*at(), open_(None, claim=nfs4.CLAIM_FH)) == "NFS4ERR_ISDIR"


# ---------------------------------------------------------------- permission
def test_mode_bits(fs: Namespace, me: Caller) -> None:
    fs.file(b"file", who=ALICE, mode=0o640)
    stranger, friend = BOB, Who(1002, 100)
    for who, access, allowed in [
        (ALICE, BOTH, True), (friend, READ, True), (friend, WRITE, False), (friend, BOTH, False),
        (stranger, READ, False), (SUPERUSER, BOTH, True),
    ]:  # fmt: skip
        status = me.status(*at(), open_(b"file", access, owner=b"%d" % who.uid), who=who)
        assert status == ("NFS4_OK" if allowed else "NFS4ERR_ACCESS"), (who, access)


def test_what_may_be_executed_may_be_read(fs: Namespace, me: Caller) -> None:
    fs.file(b"program", who=ALICE, mode=0o711)
    me.open(b"program", READ, who=BOB)
    assert me.status(*at(), open_(b"program", BOTH), who=BOB) == "NFS4ERR_ACCESS"


def test_readers_cannot_lock_everybody_out(fs: Namespace, me: Caller) -> None:
    fs.file(b"file", who=ALICE, mode=0o644)
    assert me.status(*at(), open_(b"file", READ, READ), who=BOB) == "NFS4ERR_ACCESS"


def test_directories_are_searched_and_written(fs: Namespace, me: Caller) -> None:
    fs.ok(*at(), mkdir(b"closed", 0o700))
    fs.ok(*at(), mkdir(b"fixed", 0o755))
    assert me.status(*at(b"closed"), open_(b"file"), who=ALICE) == "NFS4ERR_ACCESS"
    assert me.status(*at(b"fixed"), open_(b"file", how=guarded()), who=ALICE) == "NFS4ERR_ACCESS"
    assert me.status(*at(b"fixed"), open_(b"file"), who=ALICE) == "NFS4ERR_NOENT"


def test_a_read_only_export(fs: Namespace, me: Caller) -> None:
    me.create(b"file")
    fixed = Who(flags=FLAG_READ_ONLY)
    assert me.status(*at(), open_(b"file", WRITE), who=fixed) == "NFS4ERR_ROFS"
    assert me.status(*at(), open_(b"new", READ, how=unchecked()), who=fixed) == "NFS4ERR_ROFS"
    me.ok(*at(), open_(b"file", READ, how=unchecked()), who=fixed)


# ---------------------------------------------------------------- share reservations
@pytest.mark.parametrize("same_client", [False, True])
def test_share_matrix(fs: Namespace, me: Caller, you: Caller, same_client: bool) -> None:
    """INV-5: every (access, deny) against every other; conflicts are the RFC's formula and nothing else (§9.7)."""
    other = me if same_client else you
    me.close(*me.create(b"file"))
    for (a1, d1), (a2, d2) in product(product((READ, WRITE, BOTH), range(4)), repeat=2):
        handle, stateid = me.open(b"file", a1, d1, b"1")
        reply = other.send(*at(), open_(b"file", a2, d2, b"2"))
        assert name_of(reply.status) == ("NFS4ERR_SHARE_DENIED" if a2 & d1 or d2 & a1 else "NFS4_OK"), (a1, d1, a2, d2)
        if not reply.status:
            other.close(handle, reply[nfs4.OP_OPEN].resok4.stateid)
        me.close(handle, stateid)
        assert rows(fs, *OPEN_ROWS) == 0


def test_reservations_are_checked_against_the_owner_itself(me: Caller) -> None:
    """"with no exception for an existing OPEN for the same open-owner" (§9.7)."""
    me.create(b"file", READ, WRITE)
    assert me.status(*at(), open_(b"file", WRITE)) == "NFS4ERR_SHARE_DENIED"


def test_anonymous_io_obeys_reservations(fs: Namespace, me: Caller, you: Caller) -> None:
    handle, stateid = me.create(b"file", BOTH, BOTH)
    fileid = int.from_bytes(handle[8:16], "big")

    def check(caller: Caller, shown: nfs4.stateid4, write: bool) -> str:
        with fs.entry() as cx:
            cx.client_id = caller.client_id
            cx.set_current(fileid)
            inode = cx.load()
            assert inode is not None
            return name_of(stateids.check_io(cx, shown, write, inode))

    assert [check(you, ANONYMOUS, write) for write in (False, True)] == ["NFS4ERR_LOCKED"] * 2
    assert [check(you, BYPASS, write) for write in (False, True)] == ["NFS4_OK", "NFS4ERR_LOCKED"]
    assert check(you, stateid, False) == "NFS4ERR_BAD_STATEID", "another client's"
    assert check(me, stateid, True) == "NFS4_OK"
    assert check(me, nfs4.stateid4(0, stateid.other), True) == "NFS4_OK"
    assert check(me, nfs4.stateid4(2, stateid.other), True) == "NFS4ERR_BAD_STATEID"
    assert check(me, nfs4.stateid4(7, bytes(12)), False) == "NFS4ERR_BAD_STATEID"
    assert check(me, stateids.INVALID, False) == "NFS4ERR_BAD_STATEID"
    me.close(handle, stateid)
    assert [check(you, ANONYMOUS, write) for write in (False, True)] == ["NFS4_OK"] * 2
    handle, stateid = me.open(b"file", READ)
    assert [check(me, stateid, write) for write in (False, True)] == ["NFS4_OK", "NFS4ERR_OPENMODE"]
    handle, stateid = me.open(b"file", WRITE, owner=b"2")
    assert [check(me, stateid, write) for write in (False, True)] == ["NFS4_OK", "NFS4_OK"]


# ---------------------------------------------------------------- stateids
def test_an_upgrade_counts_on_and_a_downgrade_falls_back(fs: Namespace, me: Caller, you: Caller) -> None:
    handle, first = me.create(b"file", READ)
    _, second = me.open(b"file", WRITE)
    assert (second.seqid, second.other) == (2, first.other)
    assert me.status(putfh(handle), downgrade(first, READ)) == "NFS4ERR_OLD_STATEID"
    assert me.status(putfh(handle), downgrade(nfs4.stateid4(3, first.other), READ)) == "NFS4ERR_BAD_STATEID"
    assert you.status(putfh(handle), downgrade(second, READ)) == "NFS4ERR_BAD_STATEID"
    assert you.status(*at(), open_(b"file", READ, WRITE)) == "NFS4ERR_SHARE_DENIED"
    reply = me.ok(putfh(handle), downgrade(second, READ))[nfs4.OP_OPEN_DOWNGRADE].resok4
    assert reply.open_stateid == nfs4.stateid4(3, first.other)
    you.close(*you.open(b"file", READ, WRITE))
    assert me.status(putfh(handle), downgrade(reply.open_stateid, BOTH)) == "NFS4ERR_INVAL"


@pytest.mark.parametrize(
    ("opens", "fall_back", "allowed"),
    [
        ([(BOTH, 0)], (READ, 0), False),  # no OPEN asked for less
        ([(READ, 0), (WRITE, 0)], (BOTH, 0), True),
        ([(READ, 0), (WRITE, 0)], (WRITE, 0), True),
        ([(READ, READ)], (READ, 0), False),
        ([(BOTH, 0)], (0, 0), False),
        ([(BOTH, 0)], (BOTH, 4), False),
    ],
)
def test_downgrade_needs_an_open_that_asked_for_it(
    me: Caller, opens: list[tuple[int, int]], fall_back: tuple[int, int], allowed: bool
) -> None:
    me.close(*me.create(b"file"))
    for access, deny in opens:
        handle, stateid = me.open(b"file", access, deny)
    assert me.status(putfh(handle), downgrade(stateid, *fall_back)) == ("NFS4_OK" if allowed else "NFS4ERR_INVAL")


def test_the_current_stateid(me: Caller) -> None:
    """RFC 8881 §16.2.3.1.2."""
    me.ok(*at(), open_(b"a", how=guarded()), close(CURRENT))
    me.ok(*at(), open_(b"b", how=guarded()), setattr_({SIZE: 8}, CURRENT), close(CURRENT))
    assert me.status(*at(), open_(b"c", how=guarded()), *at(), lookup(b"c"), close(CURRENT)) == "NFS4ERR_BAD_STATEID"
    assert me.status(*at(b"c"), close(CURRENT)) == "NFS4ERR_BAD_STATEID"
    me.ok(*at(), open_(b"d", how=guarded()), savefh(), *at(), restorefh(), close(CURRENT))
    assert me.status(*at(), open_(b"e", how=guarded()), close(CURRENT), close(CURRENT)) == "NFS4ERR_BAD_STATEID"


def test_test_and_free_stateid(me: Caller, you: Caller) -> None:
    handle, stateid = me.create(b"file")
    unknown = nfs4.stateid4(1, stateid.other[:-1] + b"\x7f")
    newest = nfs4.stateid4(0, stateid.other)
    shown = (stateid, newest, unknown, ANONYMOUS, CURRENT, nfs4.stateid4(5, stateid.other))
    statuses = me.ok(test_stateid(*shown))[nfs4.OP_TEST_STATEID].tsr_resok4.tsr_status_codes
    bad = nfs4.NFS4ERR_BAD_STATEID
    assert statuses == [0, 0, bad, bad, bad, bad]
    assert you.ok(test_stateid(stateid))[nfs4.OP_TEST_STATEID].tsr_resok4.tsr_status_codes == [bad]
    assert me.status(free_stateid(stateid)) == "NFS4ERR_LOCKS_HELD"
    assert me.status(*at(), open_(b"new", how=guarded()), free_stateid(CURRENT)) == "NFS4ERR_LOCKS_HELD"
    assert me.status(free_stateid(unknown)) == "NFS4ERR_BAD_STATEID"
    assert handle


def test_close_takes_the_right_stateid(me: Caller, you: Caller) -> None:
    handle, stateid = me.create(b"file")
    other_handle, _ = me.create(b"other")
    assert me.status(putfh(other_handle), close(stateid)) == "NFS4ERR_BAD_STATEID"
    assert you.status(putfh(handle), close(stateid)) == "NFS4ERR_BAD_STATEID"
    me.ok(putfh(handle), close(nfs4.stateid4(0, stateid.other)))
    assert me.status(putfh(handle), close(stateid)) == "NFS4ERR_BAD_STATEID"


def test_a_removed_file_lives_until_it_is_closed(fs: Namespace, me: Caller, you: Caller) -> None:
    """OPEN4_RESULT_PRESERVE_UNLINKED, and INV-11."""
    handle, stateid = me.create(b"file")
    _, second = you.open(b"file")
    me.ok(*at(), remove(b"file"))
    me.close(handle, stateid)
    you.ok(putfh(handle), getattr_(SIZE))
    assert you.status(putfh(handle), close(second), getattr_(SIZE)) == "NFS4ERR_STALE"
    assert rows(fs, *OPEN_ROWS) == 0


def test_long_owners_are_told_apart(me: Caller) -> None:
    me.close(*me.create(b"file"))
    owners = [b"x" * 64, b"x" * 65, b"x" * 1024, b"x" * 1023 + b"y", b""]
    others = {me.open(b"file", owner=owner)[1].other for owner in owners}
    assert len(others) == len(owners)
    assert me.open(b"file", owner=owners[2])[1].seqid == 2


# ---------------------------------------------------------------- malformed
def test_malformed_arguments_are_badxdr(me: Caller) -> None:
    handle, stateid = me.create(b"file")
    for whole in (open_(b"new", how=guarded()), close(stateid), downgrade(stateid, READ), free_stateid(stateid)):
        for length in range(4, len(whole), 4):
            payload = me.payload(putfh(handle), whole[:length])
            result_ = me.fs.replica.apply_entry([payload])[0]
            status = int.from_bytes(result_[1:5], "big")
            assert status == nfs4.NFS4ERR_BADXDR, (name_of(status), length)
    operation_ = operation(nfs4.OP_OPEN, nfs4.OPEN4args(
        0, BOTH, 0, nfs4.state_owner4(0, b"o"), nfs4.openflag4(0), nfs4.open_claim4(nfs4.CLAIM_FH)
    ))  # fmt: skip
    assert me.status(putfh(handle), operation_[:-4] + b"\0\0\0\x09") == "NFS4ERR_BADXDR", "no such claim"
