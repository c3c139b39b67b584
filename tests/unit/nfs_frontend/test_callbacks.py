"""The back channel: what Linux demands of a callback, lost counts, dead paths (RFC 8881 §2.10.3.1, §20.9)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdscluster.fsm import session_records
from mdscluster.nfs_frontend import backchannel
from mdscluster.nfs_frontend.callbacks import Callbacks
from nfswire import nfs4, rpc
from tests.unit.nfs_frontend.nodes import (
    ANONYMOUS,
    RECALL_MS,
    Cluster,
    Node,
    PnfsClient,
    layoutcommit,
    layoutreturn,
    putfh,
    result_of,
    setsize,
)
from tests.unit.nfs_frontend.support import putroot

FAULT = nfs4.SEQ4_STATUS_BACKCHANNEL_FAULT
DOWN = nfs4.SEQ4_STATUS_CB_PATH_DOWN
LARGE = nfs4.authsys_parms(7, b"a-client-of-ours", 0, 0, list(range(16)))
"""A credential with as many groups as there may be."""
LIST_BYTES = 28
"""What it takes in CB_SEQUENCE to name one call: a session, and a list of one slot and sequence ID."""


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def recalled(cluster: Cluster, holder: PnfsClient, by: PnfsClient, name: bytes, slot: int = 0) -> nfs4.stateid4:
    """``by`` makes the cluster recall a layout of ``holder``'s."""
    handle, opened = holder.open(name)
    layout, _ = holder.layout(handle, opened)
    holder.ok(putfh(handle), layoutcommit(layout, 999))
    assert by.status(putfh(handle), setsize(1, ANONYMOUS), slot=slot) == "no answer"
    return layout


def serve(client: PnfsClient) -> None:
    while client.serve():
        pass


def flags(client: PnfsClient) -> int:
    found: int = result_of(client.ok(putroot(), slot=7), nfs4.OP_SEQUENCE).sr_resok4.sr_status_flags
    return found


@pytest.mark.parametrize("minor", [1, 2])
def test_calls_carry_the_clients_credential_and_minor_version(cluster: Cluster, minor: int) -> None:
    """Linux denies CB_COMPOUND with AUTH_NONE, and looks the session up by the minor version as well."""
    a, b = PnfsClient(cluster, b"a", minor=minor), PnfsClient(cluster, b"b")
    recalled(cluster, a, b, b"f")
    serve(a)
    assert a.refused == []
    assert len(a.recalls) == 1
    a.move(1)
    a.bind()
    serve(a)
    assert a.refused == []
    assert len(a.recalls) == 2, "the other node asks as well: it was not given back yet"


def test_nodes_use_slots_of_their_own(cluster: Cluster) -> None:
    """A client takes nothing on a slot but the next sequence ID, and nodes do not share a count."""
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b")
    for i in range(6):
        recalled(cluster, a, b, b"f%d" % i, slot=i)
        serve(a)
        if i % 2:
            a.move(1 - cluster.nodes.index(a.link.node))
            a.bind()
            serve(a)
    assert a.refused == []
    assert set(a.back_sequences) == {0, 1}


def test_a_client_with_one_slot_is_called_by_every_node(cluster: Cluster) -> None:
    """The nodes share the slot then, and each finds the sequence ID out."""
    a, b = PnfsClient(cluster, b"a", back_slots=1), PnfsClient(cluster, b"b")
    for i in range(4):
        recalled(cluster, a, b, b"f%d" % i, slot=i)
        serve(a)
        a.move(1 - cluster.nodes.index(a.link.node))
        a.bind()
        serve(a)
    assert len({recall.clora_recall.lor_layout.lor_stateid.other for recall in a.recalls}) == 4
    assert not flags(a) & FAULT


def restart(cluster: Cluster, number: int) -> None:
    """A node comes back with no memory."""
    cluster.nodes[number] = Node(cluster, number)


def test_a_restarted_node_finds_its_count_again(cluster: Cluster) -> None:
    """Without a session reset, which would cost the client more than the recall is worth (INV-7)."""
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    for i in range(5):
        recalled(cluster, a, b, b"f%d" % i, slot=i)
        serve(a)
    assert a.back_sequences == {0: 5}
    restart(cluster, 0)
    a.move(0)
    a.recalls.clear()
    assert flags(a) & DOWN
    a.bind()
    serve(a)
    assert len(a.recalls) == 5, "those are still out"
    recalled(cluster, a, b, b"g", slot=6)
    serve(a)
    assert len(a.recalls) == 6
    assert not flags(a) & FAULT


def test_the_cached_answer_to_another_recall_is_never_taken_for_this_ones(cluster: Cluster) -> None:
    """INV-5: a client with a reply cache answers a repeated sequence ID with what it said then."""
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    a.verdict = lambda args: nfs4.NFS4ERR_NOMATCHING_LAYOUT
    recalled(cluster, a, b, b"f")
    serve(a)
    assert b.answer().status == 0
    restart(cluster, 0)
    a.move(0)
    a.bind()
    calls: list[tuple[int, int]] = []
    callback = a._callback

    def seen(record: bytes) -> bytes:
        call = rpc.unpack_call(record, 0, len(record))
        operations = nfs4.unpack_CB_COMPOUND4args(record, call.args_pos)[0].argarray
        calls.append((operations[0].arm.csa_sequenceid, len(operations)))
        return callback(record)

    a._callback = seen  # type: ignore[method-assign]
    a.recalls.clear()
    held = recalled(cluster, a, b, b"g")
    serve(a)
    assert calls == [(1, 1), (2, 2)], "the ID that was used already goes with no recall"
    assert [one.clora_recall.lor_layout.lor_stateid.other for one in a.recalls] == [held.other]


def test_a_slot_whose_count_cannot_be_found_asks_for_a_new_session(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backchannel, "PROBES_MAX", 20)
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    a.back_sequences[0] = 1_000_000
    recalled(cluster, a, b, b"f")
    serve(a)
    assert len(a.refused) == 21
    assert flags(a) & FAULT


def test_a_client_that_does_not_answer_loses_the_path_and_is_called_by_another(cluster: Cluster) -> None:
    """A connection that went dead without a sign must not swallow every further recall."""
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    first = recalled(cluster, a, b, b"f")
    second = recalled(cluster, a, b, b"g", slot=1)
    assert len(a.link.calls) == 1, "one at a time"
    a.link.calls.clear()
    cluster.advance(backchannel.ANSWER_MS + 500)
    assert flags(a) & DOWN
    assert not a.link.callback_replies
    a.bind()
    cluster.advance(4_000)
    serve(a)
    others = {recall.clora_recall.lor_layout.lor_stateid.other for recall in a.recalls}
    assert others == {first.other, second.other}


def test_a_late_answer_counts_for_nothing(cluster: Cluster) -> None:
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    recalled(cluster, a, b, b"f")
    (record,) = a.link.calls
    a.link.calls.clear()
    cluster.advance(backchannel.ANSWER_MS + 500)
    a.verdict = lambda args: nfs4.NFS4ERR_NOMATCHING_LAYOUT
    reply = a._callback(record)
    assert int.from_bytes(reply[:4], "big") not in a.link.callback_replies


def test_a_lost_connection_repeats_the_call_on_the_next(cluster: Cluster) -> None:
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    layout = recalled(cluster, a, b, b"f")
    a._callback(a.link.calls[0])  # it has heard it, and its answer is lost with the connection
    a.move(0)
    a.bind()
    cluster.advance(1_000)
    serve(a)
    assert [one.clora_recall.lor_layout.lor_stateid.other for one in a.recalls] == [layout.other] * 2
    assert a.refused == []


def test_refusals_are_repeated_more_and_more_slowly_until_the_time_is_up(cluster: Cluster) -> None:
    """Whatever the client says that means neither yes nor no: only a fence ends it."""
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    a.verdict = lambda args: nfs4.NFS4ERR_BADHANDLE
    recalled(cluster, a, b, b"f")
    for _ in range(120):
        cluster.advance(250)
        serve(a)
    assert 8 <= len(a.recalls) <= 20


def test_hundreds_of_recalls_go_out_one_by_one(cluster: Cluster) -> None:
    """The loss of a data server recalls everything on it: no recursion, nothing forgotten."""
    a = PnfsClient(cluster, b"a")
    a.verdict = lambda args: nfs4.NFS4ERR_NOMATCHING_LAYOUT
    for i in range(300):
        handle, opened = a.open(b"f%d" % i)
        a.layout(handle, opened)
    cluster.links.dead.add("ds1")
    cluster.advance(4_000)
    a.move(0)
    a.bind()
    cluster.advance(3_000, lead=False)
    serve(a)
    assert len(a.recalls) == 300
    callbacks: Callbacks = a.link.node.callbacks
    assert not callbacks._calling


def test_a_destroyed_session_is_forgotten(cluster: Cluster) -> None:
    a, b = PnfsClient(cluster, b"a"), PnfsClient(cluster, b"b", 1)
    layout = recalled(cluster, a, b, b"f")
    serve(a)
    handle, _ = b.open(b"f")
    a.ok(putfh(handle), layoutreturn(nfs4.stateid4(0, layout.other)))
    a.one(nfs4.OP_DESTROY_SESSION, nfs4.DESTROY_SESSION4args(a.session_id))
    callbacks = cluster.nodes[0].callbacks
    assert not callbacks._channels
    assert a.client_id not in callbacks._bound


@pytest.mark.parametrize(("spare", "named"), [(0, 0), (LIST_BYTES - 1, 0), (LIST_BYTES, LIST_BYTES)])
def test_a_recall_names_no_call_where_that_exceeds_what_the_client_offered(
    cluster: Cluster, spare: int, named: int
) -> None:
    """INV-5: who offers just what the recall itself takes (ca_maxrequestsize, RFC 8881 §2.10.6.4) hears it."""
    ample, b = PnfsClient(cluster, b"ample", system=LARGE), PnfsClient(cluster, b"b", 1)
    recalled(cluster, ample, b, b"f")
    (call,) = ample.link.calls
    needed = len(call) - LIST_BYTES
    assert needed >= session_records.MIN_CALLBACK_REQUEST_BYTES, "vacuous: no client may offer as little"
    a = PnfsClient(cluster, b"a", back_bytes=needed + spare, system=LARGE)
    layout = recalled(cluster, a, b, b"g", slot=1)
    (call,) = a.link.calls
    assert len(call) == needed + named
    serve(a)
    assert a.refused == []
    assert [one.clora_recall.lor_layout.lor_stateid.other for one in a.recalls] == [layout.other]


def test_a_client_that_offers_less_than_a_recall_takes_loses_its_layout_in_time(cluster: Cluster) -> None:
    """INV-6: it refuses every call, and who waits for the layout has it when data servers refuse its handles."""
    a = PnfsClient(cluster, b"a", back_bytes=session_records.MIN_CALLBACK_REQUEST_BYTES, system=LARGE)
    b = PnfsClient(cluster, b"b", 1)
    handle, opened = a.open(b"f")
    layout, handles = a.layout(handle, opened)
    a.ok(putfh(handle), layoutcommit(layout, 999))
    assert b.status(putfh(handle), setsize(1)) == "no answer"
    began_ms = cluster.now_ms
    while cluster.now_ms - began_ms < RECALL_MS + 2_000:
        serve(a)
        cluster.advance(250)
    assert a.recalls == []
    assert set(a.refused) == {"NFS4ERR_REQ_TOO_BIG"}
    assert len(a.refused) > 5, "it may come to its senses"
    assert not flags(a) & FAULT, "a new session would be no better"
    assert all(cluster.links.refuses(ds_id, fh) for ds_id in cluster.data_servers for fh in handles)
    assert b.status(putfh(handle), setsize(1), slot=1) == "NFS4_OK"
