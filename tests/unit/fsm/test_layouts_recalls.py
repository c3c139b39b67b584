"""Recalls, truncation under layouts, data servers that go or move (RFC 8881 §12.5.5). INV-5, INV-8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm import layout_states, recalls
from mdscluster.fsm.commands import FLAG_EXCLUSIVE_WRITERS, FLAG_PROXIED, RecallDone, StartRecall, Truncated
from nfswire import nfs4
from tests.unit.fsm.support.compounds import Namespace, Who, at, getattr_, pack_compound, putfh, remove, setattr_
from tests.unit.fsm.support.layouts import (
    READ,
    RW,
    again,
    attempt,
    cut,
    fileid_of,
    get_layout,
    granted,
    layoutcommit,
    layoutget,
    layoutreturn,
    pending,
    servers,
)
from tests.unit.fsm.support.sessions import READ as OPEN_READ
from tests.unit.fsm.support.sessions import Caller, connect, open_, unchecked

SIZE = nfs4.FATTR4_SIZE
EXCLUSIVE = Who(flags=FLAG_EXCLUSIVE_WRITERS)


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    servers(namespace)
    yield namespace
    namespace.close()


def size(fs: Namespace, name: bytes = b"f") -> int:
    found: int = fs.attributes(name, want=(SIZE,))[SIZE]
    return found


def sized(fs: Namespace, caller: Caller, length: int, name: bytes = b"f") -> tuple[bytes, nfs4.stateid4]:
    """A file written through a layout that was given back: its handle, and an open of it."""
    handle, opened = caller.create(name)
    layout = get_layout(caller, handle, opened)
    caller.ok(putfh(handle), layoutcommit(layout, length - 1))
    caller.ok(putfh(handle), layoutreturn(layout))
    return handle, opened


def events(fs: Namespace, kind: bytes) -> list[bytes]:
    return [event[1:] for event in fs.events if event[:1] == kind]


# ---------------------------------------------------------------- truncation
def test_a_truncation_waits_for_every_layout_and_then_for_nothing(fs: Namespace) -> None:
    """INV-5: nobody writes under a layout while the objects are cut, not even the one who truncates."""
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = sized(fs, a, 1000)
    mine = get_layout(a, handle, opened)
    theirs = get_layout(b, handle, b.open(b"f")[1], READ)
    shrink = (putfh(handle), setattr_({SIZE: 10}, opened))
    fs.events.clear()
    assert attempt(a, *shrink) is None
    assert sorted(events(fs, recalls.EVENT_RECALL)) == sorted([mine.other, theirs.other])
    assert again(a, *shrink) is None
    assert len(events(fs, recalls.EVENT_RECALL)) == 2, "recalled once"
    a.fs.internal(RecallDone(mine.other))
    recalled = dict(pending(fs).recalls)[theirs.other]
    assert recalled.seqid == theirs.seqid + 1
    assert size(fs) == 1000
    b.ok(putfh(handle), layoutreturn(nfs4.stateid4(recalled.seqid, theirs.other)))
    reply = again(a, *shrink)
    assert reply is not None
    assert reply.status == 0, "data servers are not waited for"
    assert size(fs) == 10
    assert again(a, *shrink) == reply, "INV-3"


def test_a_holder_may_commit_while_it_is_recalled(fs: Namespace) -> None:
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = sized(fs, a, 1000)
    layout = get_layout(a, handle, opened)
    shrink = (putfh(handle), setattr_({SIZE: 2000}))
    assert attempt(b, *shrink) is None, "with a write layout out, the objects may be longer than we know"
    assert a.status(putfh(handle), layoutget(layout)) == "NFS4ERR_RECALLCONFLICT"
    a.ok(putfh(handle), layoutcommit(layout, 2999))
    a.ok(putfh(handle), layoutreturn(layout))
    reply = again(b, *shrink)
    assert reply is not None
    assert reply.status == 0
    assert size(fs) == 2000
    (one,) = pending(fs).cuts
    assert dict(one.remaining) == {1: 2000, 2: 2000, 3: 2000}


def test_open_that_truncates_does_the_same(fs: Namespace) -> None:
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = sized(fs, a, 1000)
    layout = get_layout(a, handle, opened)
    truncating = (*at(), open_(b"f", how=unchecked({SIZE: 0})))
    assert attempt(b, *truncating) is None
    a.ok(putfh(handle), layoutreturn(layout))
    reply = again(b, *truncating)
    assert reply is not None
    assert reply.status == 0
    assert size(fs) == 0


def test_until_objects_are_cut_there_is_no_layout(fs: Namespace) -> None:
    """Bytes behind a cut must not come back when the file grows: nothing is written before they are gone."""
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = sized(fs, a, 1000)
    fs.events.clear()
    a.ok(putfh(handle), setattr_({SIZE: 10}, opened))
    assert events(fs, recalls.EVENT_TRUNCATE) == [handle[8:16]]
    a.ok(putfh(handle), setattr_({SIZE: 5000}, opened))
    theirs = b.open(b"f")[1]
    wanted = (putfh(handle), layoutget(theirs, READ))
    assert attempt(b, *wanted) is None
    (one,) = pending(fs).cuts
    assert dict(one.remaining) == {1: 10, 2: 10, 3: 10}
    fs.internal(Truncated(one.fileid, one.serial, [1, 2]))
    assert again(b, *wanted) is None, "one data server has not cut it"
    fs.events.clear()
    fs.internal(Truncated(one.fileid, one.serial, [3]))
    assert events(fs, recalls.EVENT_RETURNED) == [handle[8:16]]
    reply = again(b, *wanted)
    assert reply is not None
    assert reply.status == 0


def test_a_report_of_an_older_cut_says_nothing_of_the_present_one(fs: Namespace) -> None:
    """A leader that was paused reports late: the file was written and cut again since."""
    a = connect(fs, b"a")
    handle, opened = sized(fs, a, 1000)
    a.ok(putfh(handle), setattr_({SIZE: 10}, opened))
    (first,) = pending(fs).cuts
    cut(fs)
    layout = get_layout(a, handle, opened)
    a.ok(putfh(handle), layoutcommit(layout, 999))
    a.ok(putfh(handle), layoutreturn(layout))
    a.ok(putfh(handle), setattr_({SIZE: 10}, opened))
    fs.internal(Truncated(first.fileid, first.serial, [1, 2, 3]))
    assert len(pending(fs).cuts) == 1
    cut(fs)
    assert pending(fs).cuts == []


def test_a_cut_behind_a_cut_keeps_the_smaller_size_where_nothing_was_written(fs: Namespace) -> None:
    a = connect(fs, b"a")
    handle, opened = sized(fs, a, 1000)
    a.ok(putfh(handle), setattr_({SIZE: 10}, opened))
    (first,) = pending(fs).cuts
    fs.internal(Truncated(first.fileid, first.serial, [2]))
    a.ok(putfh(handle), setattr_({SIZE: 500}, opened))
    a.ok(putfh(handle), setattr_({SIZE: 400}, opened))
    (second,) = pending(fs).cuts
    assert dict(second.remaining) == {1: 10, 2: 400, 3: 10}, "on 2 something may have been written since"


def test_growing_waits_for_nobody(fs: Namespace) -> None:
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = sized(fs, a, 1000)
    get_layout(b, handle, b.open(b"f")[1], READ)
    a.ok(putfh(handle), setattr_({SIZE: 5000}, opened))
    assert pending(fs).cuts == []


def test_a_proxied_write_that_a_cut_overtook_is_not_counted_as_done(fs: Namespace) -> None:
    """INV-10: its data may have been cut off after it was written and before it was committed."""
    a = connect(fs, b"a")
    handle, opened = sized(fs, a, 1000)
    write = nfs4.OP_PROXY_WRITE4args(opened, 500, 100, nfs4.FILE_SYNC4, bytes(8))
    operations = (putfh(handle), nfs4.OP_PROXY_WRITE.to_bytes(4, "big") + nfs4.pack_OP_PROXY_WRITE4args(write))

    def outcome(cuts_seen: int) -> int:
        machine = fs.machine
        payload = pack_compound(operations, Who(flags=FLAG_PROXIED))
        with fs.entry() as cx:
            machine._decode(payload)
            cx.cuts_seen = cuts_seen
            cx.client_id = a.client_id
            return int.from_bytes(machine._run()[1:5], "big")

    assert outcome(0) == 0
    a.ok(putfh(handle), setattr_({SIZE: 10}, opened))
    assert outcome(0) == nfs4.NFS4ERR_DELAY
    assert size(fs) == 10
    assert outcome(1) == 0
    assert size(fs) == 600


# ---------------------------------------------------------------- exclusive writers
def test_a_second_writer_waits_until_the_first_has_committed_and_returned(fs: Namespace) -> None:
    """INV-5: OPEN and LAYOUTGET, on an export that asks for exclusive writers."""
    a, b = connect(fs, b"a", who=EXCLUSIVE), connect(fs, b"b", who=EXCLUSIVE)
    handle, opened = a.create(b"f")
    layout = get_layout(a, handle, opened)
    opening = (*at(), open_(b"f", OPEN_READ))
    assert attempt(b, *opening) is None
    a.ok(putfh(handle), layoutcommit(layout, 4095))
    assert again(b, *opening) is None, "committed, not returned"
    a.ok(putfh(handle), layoutreturn(layout))
    reply = again(b, *opening)
    assert reply is not None
    theirs = reply[nfs4.OP_OPEN].resok4.stateid
    layout = get_layout(a, handle, opened)
    getting = (putfh(handle), layoutget(theirs, READ), getattr_(SIZE))
    assert attempt(b, *getting) is None
    a.ok(putfh(handle), layoutcommit(layout, 8191))
    a.ok(putfh(handle), layoutreturn(layout))
    reply = again(b, *getting)
    assert reply is not None
    assert reply.attributes == {SIZE: 8192}


def test_readers_do_not_exclude_each_other_but_a_writer_excludes_them(fs: Namespace) -> None:
    a, b, c = (connect(fs, name, who=EXCLUSIVE) for name in (b"a", b"b", b"c"))
    handle, opened = a.create(b"f")
    first = get_layout(a, handle, opened, READ)
    second = get_layout(b, handle, b.open(b"f", OPEN_READ)[1], READ)
    assert attempt(c, *at(), open_(b"f")) is None
    assert {other for other, _ in pending(fs).recalls} == {first.other, second.other}


def test_elsewhere_layouts_are_shared(fs: Namespace) -> None:
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = a.create(b"f")
    get_layout(a, handle, opened)
    get_layout(b, handle, b.open(b"f")[1])
    assert pending(fs).recalls == []


def test_who_waits_is_not_overtaken_by_who_just_returned(fs: Namespace) -> None:
    """A client that takes its layout again at once would keep out the one who waits."""
    a, b = connect(fs, b"a", who=EXCLUSIVE), connect(fs, b"b", who=EXCLUSIVE)
    handle, opened = a.create(b"f")
    theirs = b.open(b"f")[1]
    layout = get_layout(a, handle, opened)
    getting = (putfh(handle), layoutget(theirs))
    assert attempt(b, *getting) is None
    a.ok(putfh(handle), layoutreturn(layout))
    retaking = (putfh(handle), layoutget(opened))
    assert attempt(a, *retaking) is None
    assert pending(fs).recalls == []
    reply = again(b, *getting)
    assert reply is not None
    stateid, _ = granted(reply)
    assert again(a, *retaking) is None, "now the other way round"
    b.ok(putfh(handle), layoutreturn(stateid))
    reply = again(a, *retaking)
    assert reply is not None
    assert reply.status == 0


def test_a_reservation_ends_with_who_made_it(fs: Namespace) -> None:
    a, b = connect(fs, b"a", who=EXCLUSIVE), connect(fs, b"b", who=EXCLUSIVE)
    handle, opened = a.create(b"f")
    theirs = b.open(b"f")[1]
    layout = get_layout(a, handle, opened)
    assert attempt(b, putfh(handle), layoutget(theirs)) is None
    a.ok(putfh(handle), layoutreturn(layout))
    retaking = (putfh(handle), layoutget(opened))
    assert attempt(a, *retaking) is None
    fs.replica.advance(recalls.RESERVED_MS + 1)
    reply = again(a, *retaking)
    assert reply is not None
    assert reply.status == 0
    a.ok(putfh(handle), layoutreturn(granted(reply)[0]))
    with fs.env.begin() as txn:
        assert txn.stat(fs.machine.tables.recall)["entries"] == 0


# ---------------------------------------------------------------- recalls that end otherwise
def test_nomatching_layout_ends_a_recall_once(fs: Namespace) -> None:
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = sized(fs, a, 100)
    layout = get_layout(a, handle, opened)
    assert attempt(b, putfh(handle), setattr_({SIZE: 0})) is None
    fs.internal(RecallDone(layout.other))
    assert again(b, putfh(handle), setattr_({SIZE: 0})) is not None
    cut(fs)
    new = get_layout(a, handle, opened)
    fs.internal(RecallDone(layout.other))
    fs.internal(RecallDone(new.other))
    assert a.status(putfh(handle), layoutreturn(new)) == "NFS4_OK", "nobody recalled this one"


def test_a_file_removed_while_it_is_recalled_leaves_nothing(fs: Namespace) -> None:
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = sized(fs, a, 100)
    get_layout(a, handle, opened)
    a.close(handle, opened)
    assert attempt(b, putfh(handle), setattr_({SIZE: 0})) is None
    a.ok(*at(), remove(b"f"))
    reply = again(b, putfh(handle), setattr_({SIZE: 0}))
    assert reply is not None
    assert reply.status == nfs4.NFS4ERR_STALE
    with fs.env.begin() as txn:
        assert txn.stat(fs.machine.tables.recall)["entries"] == 0


def test_an_operator_recalls_a_file_or_a_client(fs: Namespace) -> None:
    a = connect(fs, b"a")
    layouts = {}
    for name in (b"f", b"g"):
        handle, opened = a.create(name)
        layouts[handle] = get_layout(a, handle, opened)
    first, second = layouts
    fs.internal(StartRecall(fileid_of(first), 0))
    assert [other for other, _ in pending(fs).recalls] == [layouts[first].other]
    fs.internal(StartRecall(0, a.client_id))
    assert {other for other, _ in pending(fs).recalls} == {layouts[first].other, layouts[second].other}


def test_layout_states_do_not_collide_with_other_state(fs: Namespace) -> None:
    a = connect(fs, b"a")
    handle, opened = a.create(b"f")
    a.lock(handle, opened, 0, 10, owner=b"process")
    get_layout(a, handle, opened)
    with fs.entry() as cx:
        assert len(layout_states.of_file(cx, fileid_of(handle))) == 1
        assert len(layout_states.of_client(cx, a.client_id)) == 1
        assert len(layout_states.of_all(cx)) == 1
    assert a.status(putfh(handle), setattr_({SIZE: 1}, get_layout(a, handle, opened, RW))) == "NFS4ERR_BAD_STATEID"
