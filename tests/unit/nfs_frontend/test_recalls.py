"""Layouts through the front ends: granted, recalled wherever the back channel is, fenced, waited for. INV-5, INV-6."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdscluster.fsm import recalls
from mdscluster.fsm.commands import RecallDone, RenewLeases, pack_internal
from mdscluster.nfs_frontend.waiting import PATIENCE_MS
from nfswire import nfs4
from tests.unit.nfs_frontend.nodes import (
    CURRENT,
    LEASE_MS,
    READ,
    RECALL_MS,
    REPORT_MS,
    Cluster,
    Link,
    PnfsClient,
    getdeviceinfo,
    getsize,
    granted,
    layoutcommit,
    layoutget,
    layoutreturn,
    opening,
    putfh,
    remove,
    result_of,
    setsize,
    size_in,
)
from tests.unit.nfs_frontend.support import mkdir, putroot


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_grant_device_commit_return(cluster: Cluster) -> None:
    """What a client does with a file, OPEN and LAYOUTGET in one COMPOUND as Linux sends them."""
    a = PnfsClient(cluster, b"a")
    result = a.ok(*opening(b"f", a.client_id), layoutget(CURRENT))
    layout, handles = granted(result)
    assert len(handles) == 3
    body = result_of(result, nfs4.OP_LAYOUTGET).logr_resok4.logr_layout[0].lo_content.loc_body
    device = nfs4.unpack_nfsv4_1_file_layout4(body, 0)[0].nfl_deviceid
    info = result_of(a.ok(getdeviceinfo(device)), nfs4.OP_GETDEVICEINFO).gdir_resok4
    assert info.gdir_device_addr.da_layout_type == nfs4.LAYOUT4_NFSV4_1_FILES
    handle, _ = a.open(b"f")
    a.ok(putfh(handle), layoutcommit(layout, (5 << 20) - 1))
    assert size_in(a.ok(putfh(handle), getsize())) == 5 << 20
    a.ok(putfh(handle), layoutreturn(layout))


def test_a_layout_goes_on_on_another_node(cluster: Cluster) -> None:
    """INV-7: the stateid's sequence ID survives exactly."""
    a = PnfsClient(cluster, b"a")
    handle, opened = a.open(b"f")
    first, _ = a.layout(handle, opened, READ)
    a.move(1)
    second, _ = a.layout(handle, first)
    assert (second.seqid, second.other) == (first.seqid + 1, first.other)
    a.ok(putfh(handle), layoutcommit(second, 99))
    a.move(0)
    a.ok(putfh(handle), layoutreturn(second))


@pytest.mark.parametrize("home", [0, 1])
def test_a_recall_reaches_the_client_whichever_node_holds_its_back_channel(cluster: Cluster, home: int) -> None:
    """INV-5: the other client's truncation is answered when the layout is back, and not before."""
    a, b = PnfsClient(cluster, b"a", home), PnfsClient(cluster, b"b", 0)
    handle, opened = a.open(b"f")
    layout, _ = a.layout(handle, opened)
    a.ok(putfh(handle), layoutcommit(layout, 999))
    assert b.status(putfh(handle), setsize(10), getsize()) == "no answer"
    assert a.serve() == 1
    (recall,) = a.recalls
    recalled = recall.clora_recall.lor_layout
    assert (recalled.lor_fh, recalled.lor_offset, recalled.lor_length) == (handle, 0, 0xFFFFFFFFFFFFFFFF)
    assert recalled.lor_stateid == nfs4.stateid4(layout.seqid + 1, layout.other)
    assert not recall.clora_changed
    before = b.answers()
    a.ok(putfh(handle), layoutcommit(layout, 1999))
    assert b.answers() == before
    a.ok(putfh(handle), layoutreturn(recalled.lor_stateid))
    assert b.answers() == before + 1, "without waiting for a timer"
    assert size_in(b.answer()) == 10


def test_a_client_that_forgot_its_layout_says_so(cluster: Cluster) -> None:
    """NOMATCHING_LAYOUT ends the recall (§12.5.5.1) once data servers refuse what it may not have heard of yet (INV-6);
    for the one who truncates its own file as well."""
    a = PnfsClient(cluster, b"a")
    handle, opened = a.open(b"f")
    layout, handles = a.layout(handle, opened)
    a.ok(putfh(handle), layoutcommit(layout, 999))
    a.verdict = lambda args: nfs4.NFS4ERR_NOMATCHING_LAYOUT
    before = a.answers()
    assert a.status(*opening(b"f", a.client_id, size=0), getsize()) == "no answer"
    a.serve()
    assert a.answers() == before, "its word alone is not enough"
    cluster.lead()
    assert all(cluster.links.refuses(ds_id, fh) for ds_id in cluster.data_servers for fh in handles)
    assert a.answers() == before + 1
    assert size_in(a.answer()) == 0


@pytest.mark.parametrize("node", [0, 1])
def test_a_recall_names_the_call_that_granted_the_layout(cluster: Cluster, node: int) -> None:
    """§2.10.6.3: its reply may be on its way yet, or lost with the node that gave it. The client waits for it then."""
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b")
    handle, opened = a.open(b"f")
    a.layout(handle, opened)
    granting = a.sequences[0]
    a.ok(putroot(), slot=3)
    if node:
        a.move(1)
        a.bind()
    a.waiting_for = {(0, granting)}
    assert b.status(putfh(handle), setsize(10)) == "no answer"
    a.serve()
    cluster.advance(250)
    a.serve()
    assert a.recalls == [], "it judges nothing before it has the reply"
    a.waiting_for = set()
    cluster.advance(500)
    a.serve()
    assert len(a.recalls) == 1
    assert a.refused == [], "and the slot was not used up meanwhile"


def test_a_client_that_says_delay_is_asked_again(cluster: Cluster) -> None:
    """The grant's reply may be on its way; the recall is the same one, sequence ID and all."""
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b")
    handle, opened = a.open(b"f")
    a.layout(handle, opened)
    answers = iter([nfs4.NFS4ERR_DELAY, nfs4.NFS4ERR_DELAY, 0])
    a.verdict = lambda args: next(answers)
    assert b.status(putfh(handle), setsize(10)) == "no answer"
    a.serve()
    for _ in range(8):
        cluster.advance(250)
        a.serve()
    assert len(a.recalls) == 3
    assert len({recall.clora_recall.lor_layout.lor_stateid.seqid for recall in a.recalls}) == 1


def test_a_client_that_moves_while_it_is_recalled_hears_it_on_the_other_node(cluster: Cluster) -> None:
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b")
    handle, opened = a.open(b"f")
    a.layout(handle, opened)
    a.link.calls.clear()
    assert b.status(putfh(handle), setsize(10)) == "no answer"
    a.move(1)
    flags = result_of(a.ok(putroot()), nfs4.OP_SEQUENCE).sr_resok4.sr_status_flags
    assert flags & nfs4.SEQ4_STATUS_CB_PATH_DOWN, "it must be told to bind its back channel"
    assert a.link.calls == []
    a.bind()
    while a.serve():
        pass
    assert len(a.recalls) == 1
    assert not result_of(a.ok(putroot()), nfs4.OP_SEQUENCE).sr_resok4.sr_status_flags


# ---------------------------------------------------------------- revocation
def test_a_client_that_does_not_answer_is_fenced_and_only_then_is_its_layout_gone(tmp_path: Path) -> None:
    """INV-5, INV-6: at the moment of the grant every data server refuses the old handles and takes the new ones."""
    cluster = Cluster(tmp_path, exclusive=True)
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    handle, opened = a.open(b"f")
    theirs = b.open(b"f")[1]
    _, old = a.layout(handle, opened)
    asked_ms = cluster.now_ms
    while True:
        before = b.answers()
        assert b.status(putfh(handle), layoutget(theirs)) in ("no answer", "NFS4_OK")
        while b.answers() == before:
            cluster.advance(250)
        if b.answer().status != nfs4.NFS4ERR_DELAY:
            break
        assert not any(cluster.links.refuses(ds, old[0]) for ds in cluster.data_servers), "it has its time"
    _, new = granted(b.answer())
    assert RECALL_MS <= cluster.now_ms - asked_ms < RECALL_MS + 2_000
    for ds in cluster.data_servers:
        assert all(cluster.links.refuses(ds, one) for one in old)
        assert not any(cluster.links.refuses(ds, one) for one in new)
    assert a.status(putfh(handle), layoutget(opened)) == "no answer", "it may come again, and waits in its turn"


def test_no_layout_is_granted_while_one_data_server_has_not_confirmed(tmp_path: Path) -> None:
    """INV-6: it is alive and says that older I/O is still under way."""
    cluster = Cluster(tmp_path, exclusive=True)
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    handle, opened = a.open(b"f")
    theirs = b.open(b"f")[1]
    a.layout(handle, opened)
    cluster.links.busy.add("ds3")
    assert b.status(putfh(handle), layoutget(theirs)) == "no answer"
    cluster.advance(RECALL_MS + 20_000)
    assert b.answer().status == nfs4.NFS4ERR_DELAY
    before = b.answers()
    assert b.status(putfh(handle), layoutget(theirs)) == "no answer"
    cluster.links.busy.clear()
    cluster.advance(500)
    assert b.answers() == before + 1
    granted(b.answer())


def test_a_lapsed_client_is_fenced_before_its_opens_go(cluster: Cluster) -> None:
    """INV-6, with a data server that the leader cannot reach: only a whole lease after the fence was committed."""
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    handle, opened = a.open(b"f")
    _, old = a.layout(handle, opened)

    def renewed() -> None:
        cluster.replica.propose(pack_internal(RenewLeases([b.client_id])), lambda _: None)

    for _ in range(LEASE_MS // REPORT_MS):
        cluster.advance(REPORT_MS)
        renewed()
    cluster.links.dead.add("ds2")
    for _ in range(5 * REPORT_MS // 1_000):
        if cluster.links.refuses("ds1", old[0]):
            break
        cluster.advance(1_000)
        renewed()
    assert cluster.links.refuses("ds1", old[0])
    assert a.session_id in cluster.nodes[0].dispatcher.sessions, "ds2 may still take its writes"
    cluster.advance(4_000)
    renewed()
    assert a.session_id in cluster.nodes[0].dispatcher.sessions
    cluster.advance(6_000)
    assert a.session_id not in cluster.nodes[0].dispatcher.sessions
    assert a.status(putroot()) == "NFS4ERR_BADSESSION"


# ---------------------------------------------------------------- exclusive writers
def test_the_second_writer_waits_for_commit_and_return(tmp_path: Path) -> None:
    """INV-5: its OPEN is answered when the first has given its layout back, and it sees what that wrote."""
    cluster = Cluster(tmp_path, exclusive=True)
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    handle, opened = a.open(b"f")
    layout, _ = a.layout(handle, opened)
    before = b.answers()
    assert b.status(*opening(b"f", b.client_id), getsize(), layoutget(CURRENT)) == "no answer"
    a.serve()
    a.ok(putfh(handle), layoutcommit(layout, 4095))
    assert b.answers() == before
    a.ok(putfh(handle), layoutreturn(layout))
    assert b.answers() == before + 1
    assert size_in(b.answer()) == 4096
    granted(b.answer())
    assert a.status(putfh(handle), layoutget(opened)) == "no answer", "and the other way round"


# ---------------------------------------------------------------- waiting
def test_a_request_that_waits_is_put_off_in_bounded_time_and_its_slot_is_free(cluster: Cluster) -> None:
    """NFS4ERR_DELAY long before Linux loses patience; the request was not carried out, and never will be (INV-3)."""
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b")
    handle, opened = a.open(b"f")
    layout, _ = a.layout(handle, opened)
    a.ok(putfh(handle), layoutcommit(layout, 999))
    a.verdict = lambda args: nfs4.NFS4ERR_DELAY
    record = b.record(putfh(handle), setsize(10))
    before = b.answers()
    assert b.send(b.dispatcher, b.link, record) is None
    assert b.send(b.dispatcher, b.link, record) is None, "a retransmission waits with it"
    cluster.advance(PATIENCE_MS + 1_500)
    assert b.answers() == before + 1
    assert b.answer().status == nfs4.NFS4ERR_DELAY
    assert [one.resop for one in b.answer().resarray] == [nfs4.OP_SEQUENCE, nfs4.OP_PUTFH]
    assert b.send(b.dispatcher, b.link, record) == b.link.sent[-1], "the same answer to a retransmission"
    a.ok(putfh(handle), layoutreturn(nfs4.stateid4(0, layout.other)))
    cluster.advance(3_000)
    late = Link(cluster.nodes[1], cluster.rule)
    assert b.decode(b.send(late.node.dispatcher, late, record)).status == nfs4.NFS4ERR_DELAY, "and on other nodes"
    assert size_in(b.ok(putfh(handle), getsize())) == 1000, "it was put off for good"
    b.ok(putfh(handle), setsize(10))
    assert len(cluster.nodes[0].dispatcher.waiting) == 0


def test_an_event_that_comes_before_its_request_is_not_missed(cluster: Cluster) -> None:
    """Both may be in one message from consensus, events first."""
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b")
    handle, opened = a.open(b"f")
    layout, _ = a.layout(handle, opened)
    propose = cluster.replica.propose
    held: list[object] = []

    def returned_at_once(payload: bytes, done: object) -> None:
        def late(result: bytes | None) -> None:
            if result is not None and result[:1] == b"\2" and not held:
                held.append(result)
                propose(pack_internal(RecallDone(layout.other)), lambda _: None)
                cluster.lead()
            done(result)  # type: ignore[operator]

        propose(payload, late)

    cluster.replica.propose = returned_at_once  # type: ignore[method-assign, assignment]
    assert b.status(putfh(handle), setsize(10)) == "NFS4_OK"
    assert held


def test_waiting_requests_do_not_hold_up_others(cluster: Cluster) -> None:
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b")
    handle, opened = a.open(b"f")
    a.layout(handle, opened)
    assert b.status(putfh(handle), setsize(10)) == "no answer"
    b.ok(putroot(), mkdir(b"d"), slot=1)
    assert b.status(putroot(), remove(b"d"), slot=1) == "NFS4_OK"


# ---------------------------------------------------------------- cuts and data servers
def test_others_are_recalled_and_objects_cut_before_anybody_writes(cluster: Cluster) -> None:
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    handle, opened = a.open(b"f")
    layout, _ = a.layout(handle, opened)
    a.ok(putfh(handle), layoutcommit(layout, 9999))
    theirs = b.open(b"f")[1]
    assert b.status(putfh(handle), setsize(10, theirs)) == "no answer"
    a.serve()
    a.ok(putfh(handle), layoutreturn(layout))
    assert b.answer().status == 0
    assert cluster.links.cuts == []
    before = b.answers()
    assert b.status(putfh(handle), layoutget(theirs)) == "no answer"
    cluster.lead()
    fileid = int.from_bytes(handle[8:16], "big")
    assert sorted(cluster.links.cuts) == [(ds, fileid, 10) for ds in ("ds1", "ds2", "ds3")]
    assert b.answers() == before + 1
    granted(b.answer())


def test_a_data_server_that_is_down_holds_up_no_metadata(cluster: Cluster) -> None:
    """Layouts through it are recalled, new ones are unavailable, truncation and the rest go on; then it comes back."""
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    handle, opened = a.open(b"f")
    layout, _ = a.layout(handle, opened)
    a.ok(putfh(handle), layoutcommit(layout, 9999))
    cluster.links.dead.add("ds2")
    cluster.advance(4_000)
    assert a.serve() == 1
    assert a.recalls[0].clora_changed, "it had better not write through it any more"
    a.ok(putfh(handle), layoutreturn(layout))
    assert a.status(putfh(handle), layoutget(opened)) == "NFS4ERR_LAYOUTUNAVAILABLE"
    b.ok(putroot(), mkdir(b"d"))
    b.ok(putfh(handle), setsize(10))
    new, fresh = a.open(b"g")
    assert len(a.layout(new, fresh)[1]) == 2
    cluster.lead()
    assert {ds for ds, _, _ in cluster.links.cuts} == {"ds1", "ds3"}
    cluster.links.dead.clear()
    before = a.answers()
    cluster.advance(500)
    assert {ds for ds, _, _ in cluster.links.cuts} == {"ds1", "ds2", "ds3"}
    a.layout(handle, opened)
    assert a.answers() == before + 1


def test_a_new_leader_finishes_what_the_old_one_began(tmp_path: Path) -> None:
    """INV-5, INV-6: nothing of a revocation, a cut or a lost data server is known to one leader only."""
    cluster = Cluster(tmp_path)
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    handle, opened = a.open(b"f")
    _, old = a.layout(handle, opened)
    other, fresh = a.open(b"g")
    a.layout(other, fresh)
    before = b.answers()
    assert b.status(putfh(handle), setsize(10)) == "no answer"
    cluster.advance(RECALL_MS - 1_000)
    assert b.answer().status == nfs4.NFS4ERR_DELAY
    assert b.status(putfh(handle), setsize(10)) == "no answer"
    cluster.leader = cluster.new_leader()
    before = b.answers()
    cluster.advance(3_000)
    assert b.answers() == before + 1
    assert b.answer().status == 0
    assert all(cluster.links.refuses(ds, old[0]) for ds in cluster.data_servers)
    with cluster.replica.env.begin() as txn:
        assert recalls.pending(txn, cluster.nodes[0].dispatcher.tables).recalls == []
