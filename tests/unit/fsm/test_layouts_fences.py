"""Epochs, fences and revocation: INV-5 and INV-6 in the state machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.fsm import clients, features, fences, layout_states, recalls, revocation
from mdscluster.fsm.commands import FenceConfirmed, RaiseFeatures, RecallDone, RenewLeases, StartFence
from nfswire import dsfh, nfs4
from tests.unit.fsm.support.compounds import Namespace, at, getattr_, putfh, remove, setattr_
from tests.unit.fsm.support.layouts import (
    READ,
    again,
    attempt,
    capability,
    cut,
    get_layout,
    granted,
    layoutcommit,
    layoutget,
    layoutreturn,
    pending,
    servers,
)
from tests.unit.fsm.support.sessions import OTHER_VERIFIER, Caller, connect, expire

SIZE = nfs4.FATTR4_SIZE
LEASE_MS = 90_000
RECALL_MS = 20_000


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    namespace = Namespace(tmp_path)
    servers(namespace)
    yield namespace
    namespace.close()


def version(fs: Namespace) -> int:
    with fs.env.begin() as txn:
        return fences.fences(txn, fs.machine.tables)[0]


def refused(fs: Namespace, handle: bytes) -> bool:
    """What a data server with the present list says."""
    with fs.env.begin() as txn:
        entries = fences.fences(txn, fs.machine.tables)[1]
    return dsfh.refused([dsfh.Fence(*entry) for entry in entries], capability(fs, handle))


def first_handle(caller: Caller, handle: bytes, stateid: nfs4.stateid4) -> tuple[nfs4.stateid4, bytes]:
    layout, content = granted(caller.ok(putfh(handle), layoutget(stateid)))
    fh: bytes = content.nfl_fh_list[0]
    return layout, fh


def lapse(fs: Namespace, caller: Caller, *but: Caller) -> None:
    """A lease runs out, though not those of ``but``, and the fence of what its client held is in force."""
    fs.replica.advance(LEASE_MS + 1)
    fs.internal(RenewLeases([other.client_id for other in but]))
    fs.internal(StartFence(caller.client_id, b""))
    fs.internal(FenceConfirmed(caller.client_id, version(fs)))


def test_a_layout_counts_as_gone_only_when_its_fence_is_in_force(fs: Namespace) -> None:
    """INV-5, INV-6: late, fenced, confirmed, and only then granted to another."""
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = a.create(b"f")
    layout, fh = first_handle(a, handle, opened)
    a.ok(putfh(handle), layoutcommit(layout, 99))
    shrink = (putfh(handle), setattr_({SIZE: 0}))
    assert attempt(b, *shrink) is None
    fs.internal(StartFence(0, layout.other))
    assert not refused(fs, fh), "its time has not run out, whatever a leader thinks"
    fs.replica.advance(RECALL_MS)
    before = version(fs)
    fs.internal(RecallDone(layout.other, before))
    assert again(b, *shrink) is None, "no fence was raised"
    fs.internal(StartFence(0, layout.other))
    fs.internal(StartFence(0, layout.other))
    assert version(fs) == before + 1, "raised once"
    assert refused(fs, fh)
    fs.internal(RecallDone(layout.other, before))
    assert again(b, *shrink) is None, "data servers have an older list in force"
    fs.internal(RecallDone(layout.other, before + 1))
    reply = again(b, *shrink)
    assert reply is not None
    assert reply.status == 0
    assert a.status(putfh(handle), layoutcommit(layout, 999)) == "NFS4ERR_BAD_STATEID"
    assert a.status(putfh(handle), layoutreturn(layout)) == "NFS4ERR_BAD_STATEID"


def test_a_new_layout_of_the_same_client_is_not_hit_by_the_old_fence(fs: Namespace) -> None:
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = a.create(b"f")
    layout, old = first_handle(a, handle, opened)
    assert attempt(b, putfh(handle), setattr_({SIZE: 0})) is None
    fs.replica.advance(RECALL_MS)
    fs.internal(StartFence(0, layout.other))
    assert a.status(putfh(handle), layoutget(layout)) == "NFS4ERR_RECALLCONFLICT", "nothing new before it is over"
    fs.internal(RecallDone(layout.other, version(fs)))
    assert again(b, putfh(handle), setattr_({SIZE: 0})) is not None
    cut(fs)
    _, new = first_handle(a, handle, opened)
    assert refused(fs, old)
    assert not refused(fs, new)


def test_a_fence_on_one_file_leaves_the_others_alone(fs: Namespace) -> None:
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = a.create(b"f")
    layout, fenced = first_handle(a, handle, opened)
    _, kept = first_handle(a, *a.create(b"g"))
    theirs = first_handle(b, handle, b.open(b"f")[1])[1]
    assert attempt(b, putfh(handle), setattr_({SIZE: 0})) is None
    fs.replica.advance(RECALL_MS)
    fs.internal(StartFence(0, layout.other))
    assert refused(fs, fenced)
    assert not refused(fs, kept)
    assert not refused(fs, theirs)


def test_a_client_that_lives_is_not_fenced(fs: Namespace) -> None:
    """A leader's view may be old: lease and death are judged by the log."""
    a = connect(fs, b"a")
    _, fh = first_handle(a, *a.create(b"f"))
    fs.internal(StartFence(a.client_id, b""))
    assert not refused(fs, fh)
    fs.replica.advance(LEASE_MS + 1)
    fs.internal(RenewLeases([a.client_id]))
    fs.internal(StartFence(a.client_id, b""))
    assert not refused(fs, fh)


def test_a_lapsed_client_is_fenced_once_and_expired_behind_it(fs: Namespace) -> None:
    """INV-6: its opens, locks and layouts stand until every data server refuses it."""
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = a.create(b"f", deny=2)
    _, fh = first_handle(a, handle, opened)
    fs.replica.advance(LEASE_MS + 1)
    fs.internal(RenewLeases([b.client_id]))
    before = version(fs)
    fs.internal(StartFence(a.client_id, b""))
    fs.internal(StartFence(a.client_id, b""))
    assert version(fs) == before + 1
    assert refused(fs, fh)
    fs.internal(FenceConfirmed(a.client_id, before))
    assert expire(fs, a.client_id) == clients.Expired([], [a.client_id])
    fs.internal(FenceConfirmed(a.client_id, before + 1))
    assert expire(fs, a.client_id) == clients.Expired([a.client_id], [])
    assert refused(fs, fh), "a buried client's handles stay refused"


def test_layouts_granted_after_the_fence_are_not_taken_for_fenced(fs: Namespace) -> None:
    """INV-6: the client came back; data servers accept what it was granted then, so it must not count as gone."""
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = a.create(b"f")
    first_handle(a, handle, opened)
    fs.replica.advance(LEASE_MS + 1)
    fs.internal(RenewLeases([b.client_id]))
    fs.internal(StartFence(a.client_id, b""))
    fs.internal(RenewLeases([a.client_id]))
    _, new = first_handle(a, handle, opened)
    # Another client's fence raises the version that the leader then has in force everywhere.
    blocked = get_layout(b, *b.create(b"g"))
    fs.replica.advance(0)
    with fs.entry() as cx:
        state = layout_states.load(cx, blocked.other)
        assert state is not None
        recalls.recall(cx, [(blocked.other, state)])
    fs.replica.advance(RECALL_MS)
    fs.internal(StartFence(0, blocked.other))
    fs.internal(FenceConfirmed(a.client_id, version(fs)))
    assert not refused(fs, new)
    with fs.entry() as cx:
        assert len(layout_states.of_client(cx, a.client_id)) == 1


def test_a_restarted_client_is_fenced_without_waiting_for_a_lease(fs: Namespace) -> None:
    a = connect(fs, b"a")
    _, fh = first_handle(a, *a.create(b"f"))
    connect(fs, b"a", OTHER_VERIFIER)
    fs.internal(StartFence(a.client_id, b""))
    assert refused(fs, fh)


def test_what_a_revoked_writer_left_behind_the_end_is_cut(fs: Namespace) -> None:
    """It never committed it; when the file grows over it, zeros must be there."""
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = a.create(b"f")
    layout, _ = first_handle(a, handle, opened)
    a.ok(putfh(handle), layoutcommit(layout, 99))
    lapse(fs, a, b)
    (one,) = pending(fs).cuts
    assert dict(one.remaining) == {1: 100, 2: 100, 3: 100}
    theirs = b.open(b"f")[1]
    assert attempt(b, putfh(handle), layoutget(theirs)) is None
    cut(fs)
    assert again(b, putfh(handle), layoutget(theirs)) is not None


def test_while_others_write_nothing_of_theirs_is_cut(fs: Namespace) -> None:
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = a.create(b"f")
    first_handle(a, handle, opened)
    get_layout(b, handle, b.open(b"f")[1])
    lapse(fs, a, b)
    assert pending(fs).cuts == []


def test_what_a_revoked_writer_left_is_cut_when_the_last_writer_goes(fs: Namespace) -> None:
    """Others write meanwhile: they are asked to give back, and behind the last of them the end is cut."""
    fs.internal(RaiseFeatures(features.GRANTS_IN_DOUBT))
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = a.create(b"f")
    first_handle(a, handle, opened)
    theirs = get_layout(b, handle, b.open(b"f")[1])
    lapse(fs, a, b)
    assert pending(fs).cuts == []
    assert theirs.other in dict(pending(fs).recalls)
    b.ok(putfh(handle), layoutcommit(theirs, 99))
    b.ok(putfh(handle), layoutreturn(nfs4.stateid4(0, theirs.other), READ))
    assert pending(fs).cuts == []
    b.ok(putfh(handle), layoutreturn(nfs4.stateid4(0, theirs.other)))
    (one,) = pending(fs).cuts
    assert dict(one.remaining) == {1: 100, 2: 100, 3: 100}, "not what the other one has committed"
    cut(fs)
    theirs = get_layout(b, handle, b.open(b"f")[1])
    b.ok(putfh(handle), layoutreturn(theirs))
    assert pending(fs).cuts == [], "once"


def test_nothing_is_granted_before_what_a_revoked_writer_left_is_cut(fs: Namespace) -> None:
    """INV-6: two writers that take turns would put the cut off for ever, and what was never committed would show."""
    fs.internal(RaiseFeatures(features.REMAINS_FIRST))
    a, b, c, d = (connect(fs, owner) for owner in (b"a", b"b", b"c", b"d"))
    handle, opened = a.create(b"f")
    first_handle(a, handle, opened)
    b_opened, c_opened, d_opened = (one.open(b"f")[1] for one in (b, c, d))
    bs, cs = get_layout(b, handle, b_opened), get_layout(c, handle, c_opened)
    reads = get_layout(d, handle, d_opened, READ)
    lapse(fs, a, b, c, d)
    assert set(dict(pending(fs).recalls)) == {bs.other, cs.other, reads.other}, "also who only reads: it would see it"
    b.ok(putfh(handle), layoutreturn(nfs4.stateid4(0, bs.other)))
    assert attempt(b, putfh(handle), layoutget(b_opened)) is None
    c.ok(putfh(handle), layoutreturn(nfs4.stateid4(0, cs.other)))
    assert pending(fs).cuts == []
    assert again(b, putfh(handle), setattr_({SIZE: 1_000}, b_opened)) is None, "it does not grow over it"
    d.ok(putfh(handle), layoutreturn(nfs4.stateid4(0, reads.other)))
    (one,) = pending(fs).cuts
    assert dict(one.remaining) == {1: 0, 2: 0, 3: 0}
    assert again(b, putfh(handle), layoutget(b_opened)) is None
    cut(fs)
    assert again(b, putfh(handle), layoutget(b_opened)) is not None


def test_remains_of_before_the_feature_level_are_cut_too(fs: Namespace) -> None:
    """Who was granted a layout while the cluster was at a lower level is asked for it when the next one asks."""
    fs.internal(RaiseFeatures(features.GRANTS_IN_DOUBT))
    a, b, c = (connect(fs, owner) for owner in (b"a", b"b", b"c"))
    handle, opened = a.create(b"f")
    first_handle(a, handle, opened)
    b_opened, c_opened = b.open(b"f")[1], c.open(b"f")[1]
    bs = get_layout(b, handle, b_opened)
    lapse(fs, a, b, c)
    cs = get_layout(c, handle, c_opened)
    b.ok(putfh(handle), layoutreturn(nfs4.stateid4(0, bs.other)))
    assert pending(fs).cuts == []
    assert pending(fs).recalls == []
    fs.internal(RaiseFeatures(features.REMAINS_FIRST))
    assert attempt(b, putfh(handle), layoutget(b_opened)) is None
    assert set(dict(pending(fs).recalls)) == {cs.other}
    c.ok(putfh(handle), layoutreturn(nfs4.stateid4(0, cs.other)))
    assert len(pending(fs).cuts) == 1


def test_what_a_revoked_writer_left_goes_with_the_file(fs: Namespace) -> None:
    fs.internal(RaiseFeatures(features.GRANTS_IN_DOUBT))
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = a.create(b"f")
    first_handle(a, handle, opened)
    get_layout(b, handle, b.open(b"f")[1])
    lapse(fs, a, b)
    with fs.entry() as cx:
        ((_, theirs),) = layout_states.of_all(cx)
        recalls.forget_file(cx, theirs.fileid)
    with fs.env.begin() as txn:
        assert txn.stat(fs.machine.tables.recall)["entries"] == 0


@pytest.mark.parametrize("level", [features.GRANTS_IN_DOUBT - 1, features.GRANTS_IN_DOUBT])
def test_a_layout_that_its_client_does_not_know_of_is_fenced_before_it_is_gone(fs: Namespace, level: int) -> None:
    """INV-5, INV-6: the recall may have overtaken the grant, or the grant comes again from the slot after a failover.

    Below the feature level logs mean what they meant.
    """
    fs.internal(RaiseFeatures(level))
    a, b = connect(fs, b"a"), connect(fs, b"b")
    handle, opened = a.create(b"f")
    layout, fh = first_handle(a, handle, opened)
    a.ok(putfh(handle), layoutcommit(layout, 99))
    shrink = (putfh(handle), setattr_({SIZE: 0}))
    assert attempt(b, *shrink) is None
    before = version(fs)
    fs.internal(RecallDone(layout.other))
    fs.internal(RecallDone(layout.other))
    if level < features.GRANTS_IN_DOUBT:
        assert version(fs) == before
        assert again(b, *shrink) is not None
        return
    assert version(fs) == before + 1, "raised once"
    assert refused(fs, fh)
    assert again(b, *shrink) is None, "data servers have not heard of it"
    fs.internal(RecallDone(layout.other, before + 1))
    assert again(b, *shrink) is not None


@pytest.mark.parametrize("level", [features.GRANTS_IN_DOUBT - 1, features.GRANTS_IN_DOUBT])
def test_a_layout_knows_the_call_that_granted_it(fs: Namespace, level: int) -> None:
    """INV-8: and below the feature level its record is as it was."""
    fs.internal(RaiseFeatures(level))
    a = connect(fs, b"a")
    layout = get_layout(a, *a.create(b"f"))
    with fs.entry() as cx:
        state = layout_states.load(cx, layout.other)
        raw = cx.get(layout.other, db=cx.tables.state)
    assert state is not None
    if level < features.GRANTS_IN_DOUBT:
        assert state.granted_by is None
        assert len(raw) == 44
        return
    assert state.granted_by is not None
    session_id, slot, sequence_id = state.granted_by
    assert (session_id, slot) == (a.session_id, 0)
    with fs.env.begin() as txn:
        cached = txn.get(session_id + slot.to_bytes(4, "big"), db=fs.machine.tables.slot)
    assert sequence_id == int.from_bytes(cached[:4], "big")


def fenced_client(fs: Namespace, name: bytes) -> bytes:
    """A client that is fenced and buried; one of its handles."""
    caller = connect(fs, name)
    handle, opened = caller.create(name)
    _, fh = first_handle(caller, handle, opened)
    connect(fs, name, OTHER_VERIFIER)
    fs.internal(StartFence(caller.client_id, b""))
    fs.internal(FenceConfirmed(caller.client_id, version(fs)))
    assert expire(fs, caller.client_id).removed == [caller.client_id]
    fs.ok(*at(), remove(name))
    return fh


@pytest.fixture
def short_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation, "FENCES_MAX", 8)
    monkeypatch.setattr(revocation, "_COLLAPSE_EVERY", 2)


def test_the_fence_list_stays_short_and_the_buried_stay_refused(fs: Namespace, short_list: None) -> None:
    """INV-6 with bounded memory: fences of clients long gone become one."""
    old = [fenced_client(fs, b"client %d" % i) for i in range(20)]
    with fs.env.begin() as txn:
        assert len(fences.fences(txn, fs.machine.tables)[1]) <= 8
    assert all(refused(fs, fh) for fh in old)
    caller = connect(fs, b"lives")
    _, fh = first_handle(caller, *caller.create(b"lives"))
    assert not refused(fs, fh)


def test_an_old_layout_is_recalled_when_it_keeps_the_list_long(fs: Namespace, short_list: None) -> None:
    caller = connect(fs, b"old")
    handle, opened = caller.create(b"old")
    layout, fh = first_handle(caller, handle, opened)
    gone = [fenced_client(fs, b"client %d" % i) for i in range(12)]
    assert not refused(fs, fh), "nobody's living layout is voided"
    assert layout.other in dict(pending(fs).recalls)
    caller.ok(putfh(handle), layoutreturn(layout))
    gone += [fenced_client(fs, b"more %d" % i) for i in range(4)]
    with fs.env.begin() as txn:
        assert len(fences.fences(txn, fs.machine.tables)[1]) <= 8
    assert all(refused(fs, one) for one in gone)


def test_the_oldest_grant_of_a_layout_counts(fs: Namespace, short_list: None) -> None:
    """It was granted for reading long ago and for writing lately: the old filehandles are in use too."""
    caller = connect(fs, b"old")
    handle, opened = caller.create(b"old")
    _, content = granted(caller.ok(putfh(handle), layoutget(opened, READ)))
    for i in range(6):
        fenced_client(fs, b"client %d" % i)
    get_layout(caller, handle, opened)
    for i in range(6):
        fenced_client(fs, b"more %d" % i)
    assert not refused(fs, content.nfl_fh_list[0])
    caller.ok(putfh(handle), getattr_(SIZE))
