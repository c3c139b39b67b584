"""Byte-range locks: against a model that knows one lock per byte, and by the rules of RFC 8881 §9 and §18.10 to 12."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdscluster.fsm import ranges
from mdscluster.fsm.ranges import END, READ, WRITE, Range
from nfswire import nfs4
from tests.unit.fsm.support.compounds import CURRENT, Namespace, Reply, at, name_of, putfh, symlink
from tests.unit.fsm.support.sessions import (
    BOTH,
    STATE_TABLES,
    Caller,
    close,
    connect,
    expire,
    free_stateid,
    lock,
    lockt,
    locku,
    reply_of,
    rows,
    test_stateid,
)

READ_LT, WRITE_LT, READW_LT, WRITEW_LT = nfs4.READ_LT, nfs4.WRITE_LT, nfs4.READW_LT, nfs4.WRITEW_LT
LAST = 24  # the model's bytes: 0 to LAST, of which LAST stands for all that follow


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def me(fs: Namespace) -> Caller:
    return connect(fs, b"me")


@pytest.fixture
def you(fs: Namespace) -> Caller:
    return connect(fs, b"you")


# ---------------------------------------------------------------- the sets, byte by byte
spans = st.tuples(st.integers(0, LAST), st.integers(0, LAST)).map(lambda pair: (min(pair), max(pair)))


def to_bytes(held: list[Range]) -> dict[int, int]:
    return {byte: kind for first, last, kind in held for byte in range(first, min(last, LAST) + 1)}


@given(st.lists(st.tuples(spans, st.sampled_from([READ, WRITE, 0]))))
def test_a_set_is_what_each_byte_is(steps: list[tuple[tuple[int, int], int]]) -> None:
    """INV-5. Kind 0 unlocks. The set stays sorted, apart, and merged: one representation for equal locks (INV-8)."""
    held: list[Range] = []
    model: dict[int, int] = {}
    for (first, last), kind in steps:
        if kind:
            held = ranges.with_range(held, first, last, kind)
            model.update(dict.fromkeys(range(first, last + 1), kind))
        else:
            held = ranges.without(held, first, last)
            for byte in range(first, last + 1):
                model.pop(byte, None)
        assert to_bytes(held) == model
        for (_, last0, kind0), (first1, _, kind1) in pairwise(held):
            assert first1 > last0
            assert first1 > last0 + 1 or kind0 != kind1, "neighbours of one kind are one"


@given(st.lists(st.tuples(spans, st.sampled_from([READ, WRITE]))), spans, st.sampled_from([READ, WRITE]))
def test_a_conflict_is_found_where_a_byte_conflicts(
    steps: list[tuple[tuple[int, int], int]], span: tuple[int, int], kind: int
) -> None:
    held: list[Range] = []
    for (first, last), kind_ in steps:
        held = ranges.with_range(held, first, last, kind_)
    bytes_ = to_bytes(held)
    expected = any(WRITE in (kind, bytes_[byte]) for byte in range(span[0], span[1] + 1) if byte in bytes_)
    found = ranges.first_conflict(held, *span, kind)
    assert (found is not None) == expected
    if found is not None:
        assert found in held


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        (0, 1, (0, 0)), (0, END, (0, END)), (END, END, (END, END)), (7, END, (7, END)),
        (0, END - 1, (0, END - 2)), (1, END - 1, (1, END - 1)), (END - 1, 1, (END - 1, END - 1)),
        (0, 0, None), (2, END - 1, None), (END, 1, None), (END, 0, None), (1 << 63, 1 << 63, None),
    ],
)  # fmt: skip
def test_bounds(offset: int, length: int, expected: tuple[int, int] | None) -> None:
    assert ranges.bounds(offset, length) == expected


# ---------------------------------------------------------------- the whole machine against the model
class Model:
    """Who holds each byte: (client, owner) -> kind."""

    def __init__(self) -> None:
        self.bytes: list[dict[tuple[int, bytes], int]] = [{} for _ in range(LAST + 1)]

    def conflicts(self, who: tuple[int, bytes], first: int, last: int, kind: int) -> bool:
        return any(
            other != who and WRITE in (kind, held)
            for byte in range(first, last + 1)
            for other, held in self.bytes[byte].items()
        )

    def set(self, who: tuple[int, bytes], first: int, last: int, kind: int) -> None:
        for byte in range(first, last + 1):
            self.bytes[byte].pop(who, None)
            if kind:
                self.bytes[byte][who] = kind


steps = st.lists(
    st.tuples(
        st.integers(0, 1), st.sampled_from([b"p", b"q"]), st.sampled_from([READ_LT, WRITE_LT, READW_LT, WRITEW_LT, 0]),
        spans,
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(steps)
def test_two_clients_with_two_owners_each(script: list[tuple[int, bytes, int, tuple[int, int]]]) -> None:
    """INV-5: LOCK, LOCKT and LOCKU answer as the model of one lock per byte does. Kind 0 unlocks."""
    with tempfile.TemporaryDirectory() as folder:
        fs = Namespace(Path(folder))
        callers = [connect(fs, b"0"), connect(fs, b"1")]
        handle, _ = callers[0].create(b"file", owner=b"maker")
        opens = [caller.open(b"file", owner=b"opener")[1] for caller in callers]
        known: dict[tuple[int, bytes], nfs4.stateid4] = {}
        model = Model()
        for number, owner, locktype, (first, last) in script:
            caller, who = callers[number], (number, owner)
            length = END if last == LAST else last - first + 1
            if locktype == 0:
                if who in known:
                    reply = caller.ok(putfh(handle), locku(known[who], first, length))
                    known[who] = _stateid(reply, nfs4.OP_LOCKU)
                    model.set(who, first, last, 0)
                continue
            kind = READ if locktype in (READ_LT, READW_LT) else WRITE
            denied = "NFS4ERR_DENIED" if model.conflicts(who, first, last, kind) else "NFS4_OK"
            assert caller.status(putfh(handle), lockt(first, length, locktype, owner)) == denied
            shown = lock(known[who], first, length, locktype) if who in known else lock(
                opens[number], first, length, locktype, owner=owner
            )
            reply = caller.send(putfh(handle), shown)
            assert name_of(reply.status) == denied
            if denied == "NFS4_OK":
                known[who] = _stateid(reply, nfs4.OP_LOCK)
                model.set(who, first, last, kind)
            else:
                _check_denied(reply, model, who, kind, first, last)
        for caller, stateid in zip(callers, opens, strict=True):
            caller.close(handle, stateid)
        assert rows(fs, "lock") == 0
        fs.close()


def _stateid(reply: Reply, op: int) -> nfs4.stateid4:
    body = reply[op]
    stateid: nfs4.stateid4 = body.resok4.lock_stateid if op == nfs4.OP_LOCK else body.lock_stateid
    return stateid


def _check_denied(reply: Reply, model: Model, who: tuple[int, bytes], kind: int, first: int, last: int) -> None:
    """The lock that is named is really in the way."""
    denied = reply.results[-1][2].denied
    holder = (int(denied.owner.clientid & 0xFFFFFFFF) - 1, denied.owner.owner)
    assert holder != who
    assert WRITE in (kind, denied.locktype)
    stop = LAST if denied.length == END else denied.offset + denied.length - 1
    assert denied.offset <= last
    assert stop >= first
    assert all(model.bytes[byte].get(holder) == denied.locktype for byte in range(denied.offset, stop + 1))


# ---------------------------------------------------------------- rules
def test_lock_stateids_count_and_belong_to_owner_and_open(fs: Namespace, me: Caller) -> None:
    handle, opened = me.create(b"file")
    first = me.lock(handle, opened, 0, 10, owner=b"p")
    assert first.seqid == 1
    second = me.lock(handle, first, 20, 10)
    assert (second.seqid, second.other) == (2, first.other)
    again = me.lock(handle, opened, 40, 10, owner=b"p")
    assert (again.seqid, again.other) == (3, first.other), "a known owner introduced anew"
    assert me.lock(handle, opened, 60, 1, owner=b"q").other != first.other
    assert me.status(putfh(handle), lock(first, 80, 1)) == "NFS4ERR_OLD_STATEID"
    assert me.status(putfh(handle), locku(first, 0, 1)) == "NFS4ERR_OLD_STATEID"
    assert me.status(putfh(handle), lock(opened, 80, 1)) == "NFS4ERR_BAD_STATEID", "an open is no lock"
    assert me.status(putfh(handle), lock(again, 80, 1, owner=b"r")) == "NFS4ERR_BAD_STATEID", "nor the reverse"
    unlocked = me.ok(putfh(handle), locku(again, 0, END))[nfs4.OP_LOCKU].lock_stateid
    assert unlocked == nfs4.stateid4(4, first.other)
    me.ok(free_stateid(unlocked))
    assert me.status(putfh(handle), lock(unlocked, 0, 1)) == "NFS4ERR_BAD_STATEID"


def test_one_owner_through_two_opens_does_not_fight_itself(me: Caller) -> None:
    handle, first = me.create(b"file", owner=b"1")
    _, second = me.open(b"file", owner=b"2")
    one = me.lock(handle, first, 0, 10, owner=b"p")
    two = me.lock(handle, second, 0, 10, owner=b"p")
    assert one.other != two.other


def test_the_open_must_allow_the_kind(me: Caller) -> None:
    handle, both = me.create(b"file")
    _, reading = me.open(b"file", 1, owner=b"r")
    _, writing = me.open(b"file", 2, owner=b"w")
    assert me.status(putfh(handle), lock(reading, 0, 1, WRITE_LT, owner=b"p")) == "NFS4ERR_OPENMODE"
    assert me.status(putfh(handle), lock(writing, 0, 1, READ_LT, owner=b"p")) == "NFS4ERR_OPENMODE"
    held = me.lock(handle, reading, 0, 1, READ_LT, owner=b"p")
    assert me.status(putfh(handle), lock(held, 0, 1, WRITE_LT)) == "NFS4ERR_OPENMODE"
    me.lock(handle, both, 5, 1, WRITE_LT, owner=b"p")


def test_what_is_no_regular_file(fs: Namespace, me: Caller) -> None:
    fs.ok(*at(), symlink(b"link", b"x"))
    _, opened = me.create(b"file")
    assert me.status(*at(), lock(opened, 0, 1, owner=b"p")) == "NFS4ERR_ISDIR"
    assert me.status(*at(), lockt(0, 1)) == "NFS4ERR_ISDIR"
    assert me.status(*at(b"link"), lockt(0, 1)) == "NFS4ERR_SYMLINK"
    assert me.status(lockt(0, 1)) == "NFS4ERR_NOFILEHANDLE"
    other, _ = me.create(b"other")
    assert me.status(putfh(other), lock(opened, 0, 1, owner=b"p")) == "NFS4ERR_BAD_STATEID"


@pytest.mark.parametrize(("offset", "length"), [(0, 0), (END, 1), (1 << 63, 1 << 63)])
def test_ranges_that_are_none(me: Caller, offset: int, length: int) -> None:
    handle, opened = me.create(b"file")
    held = me.lock(handle, opened, 0, 1, owner=b"p")
    for operation in (lock(held, offset, length), lockt(offset, length), locku(held, offset, length)):
        assert me.status(putfh(handle), operation) == "NFS4ERR_INVAL"


def test_there_is_nothing_to_reclaim(me: Caller) -> None:
    handle, opened = me.create(b"file")
    assert me.status(putfh(handle), lock(opened, 0, 1, owner=b"p", reclaim=True)) == "NFS4ERR_NO_GRACE"


def test_stateids_of_another_client(me: Caller, you: Caller) -> None:
    handle, opened = me.create(b"file")
    held = me.lock(handle, opened, 0, 1, owner=b"p")
    assert you.status(putfh(handle), lock(opened, 0, 1, owner=b"p")) == "NFS4ERR_BAD_STATEID"
    assert you.status(putfh(handle), locku(held, 0, 1)) == "NFS4ERR_BAD_STATEID"
    assert you.status(free_stateid(held)) == "NFS4ERR_BAD_STATEID"


def test_close_releases_the_locks_got_through_it(fs: Namespace, me: Caller, you: Caller) -> None:
    handle, opened = me.create(b"file")
    held = me.lock(handle, opened, 0, END, owner=b"p")
    _, theirs = you.open(b"file")
    assert you.status(putfh(handle), lock(theirs, 5, 5, owner=b"p")) == "NFS4ERR_DENIED"
    assert me.status(free_stateid(held)) == "NFS4ERR_LOCKS_HELD"
    me.close(handle, opened)
    assert me.ok(test_stateid(held))[nfs4.OP_TEST_STATEID].tsr_resok4.tsr_status_codes == [nfs4.NFS4ERR_BAD_STATEID]
    you.lock(handle, theirs, 5, 5, owner=b"p")
    you.close(handle, theirs)
    assert rows(fs, "state", "state_file", "state_client", "lock") == 0


def test_the_current_stateid(me: Caller) -> None:
    handle, opened = me.create(b"file")
    me.ok(putfh(handle), lock(opened, 0, END, owner=b"p"), locku(CURRENT, 0, END))
    me.ok(putfh(handle), lock(opened, 0, END, owner=b"p"), locku(CURRENT, 0, END), close(opened))


def test_a_set_has_its_limit(fs: Namespace, me: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MAX_RANGES", 3)
    handle, opened = me.create(b"file")
    for i in range(3):
        held = me.lock(handle, opened, 10 * i, 1, owner=b"p")
    assert me.status(putfh(handle), lock(held, 40, 1)) == "NFS4ERR_SERVERFAULT"
    held = me.lock(handle, held, 0, 15)
    assert me.status(putfh(handle), locku(held, 5, 1)) == "NFS4_OK"
    assert me.status(putfh(handle), locku(nfs4.stateid4(0, held.other), 1, 1)) == "NFS4ERR_SERVERFAULT"


def test_malformed_arguments_are_badxdr(me: Caller) -> None:
    handle, opened = me.create(b"file")
    held = me.lock(handle, opened, 0, 1, owner=b"p")
    whole = [
        lock(opened, 0, 1, owner=b"p"), lock(held, 0, 1), lockt(0, 1), locku(held, 0, 1), test_stateid(held),
        free_stateid(held),
    ]  # fmt: skip
    for operation in whole:
        for length in range(4, len(operation), 4):
            reply = reply_of(me.fs.replica.apply_entry([me.payload(putfh(handle), operation[:length])])[0])
            assert reply.status == nfs4.NFS4ERR_BADXDR
    for operation in (lock(held, 0, 1, 9), lockt(0, 1, 0)):
        assert me.status(putfh(handle), operation) == "NFS4ERR_BADXDR", "no such type of lock"


def test_nothing_is_left_of_a_client_that_goes(fs: Namespace, me: Caller) -> None:
    for i in range(3):
        handle, opened = me.create(b"file %d" % i, BOTH)
        for owner in (b"p", b"q" * 80):
            me.lock(handle, opened, 0, 5, READ_LT, owner=owner)
    fs.replica.advance(90_001)
    assert expire(fs, me.client_id).removed == [me.client_id]
    assert rows(fs, *STATE_TABLES) == 0
