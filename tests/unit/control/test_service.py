"""What data servers are told (proto: Control): nothing that a quorum does not stand behind."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import grpc
import pytest

from mdscluster.control import admission
from mdscluster.control.registry import Registry
from mdscluster.control.service import ControlService
from mdscluster.fsm import cuts, data_servers, eras, features, fences, io_claims
from mdscluster.fsm.commands import (
    BeginEra,
    DataServerUpdate,
    DrainDataServer,
    RaiseFeatures,
    ReportWrite,
    RetireDataServer,
)
from mdscluster.fsm.draining import Verdict
from mdscluster.fsm.machine import load_settings
from mdscluster.fsm.tables import U64x2
from mdsproto import control_pb2, credentials, possession
from mdsproto.mandate import Mandate
from nfswire import nfs4
from tests.unit.fsm.support.compounds import Namespace, at, putfh, remove, setattr_
from tests.unit.fsm.support.layouts import fileid_of, get_layout, layoutreturn, servers
from tests.unit.fsm.support.sessions import connect

STORE, OTHER = b"s" * 16, b"o" * 16
KEY = bytes(32)  # the settings of the fixture


class Refused(Exception):
    pass


class Context:
    """A gRPC call's context. ``left_s``: how long its caller goes on to wait."""

    left_s = 0.3

    def time_remaining(self) -> float:
        return self.left_s

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Refused(code, details)


@pytest.fixture
def fs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    monkeypatch.setattr(credentials, "caller_is", lambda context, node_id, role: node_id != "stranger")
    namespace = Namespace(tmp_path)
    servers(namespace)
    return namespace


def beat(
    fs: Namespace, registry: Registry | None = None, key: bytes = KEY, **request: Any
) -> control_pb2.HeartbeatReply:
    service = ControlService(fs.replica, fs.machine.tables, registry or Registry(), lambda: 5, ds_lease_ms=6_000)
    fields = {"ds_id": "ds1", "nfs_host": "127.0.0.1", "nfs_port": 2049, "store_id": STORE, "instance": 1, **request}
    proof = possession.prove(key, fields["ds_id"], fields["store_id"], fields["instance"])
    fields = {"proof": proof, **fields}
    return asyncio.run(service.Heartbeat(control_pb2.HeartbeatRequest(**fields), Context()))  # type: ignore[arg-type]


def test_a_heartbeat_brings_the_whole_list_when_it_is_another(fs: Namespace) -> None:
    with fs.entry() as cx:
        version = fences.raise_fence(cx, 5, 77)
        version = fences.raise_fence(cx, 0, 78)
    registry = Registry()
    reply = beat(fs, registry, fence_version=version - 1)
    assert reply.quorum_backed
    assert (reply.fence_version, reply.lease_ms) == (version, 6_000)
    assert [(f.fileid, f.client_id, f.min_epoch) for f in reply.fences] == [(0, 78, version), (5, 77, version - 1)]
    assert registry.heard["ds1"].fence_version == version - 1
    assert not beat(fs, fence_version=version).fences


def test_without_a_quorum_it_renews_nothing(fs: Namespace) -> None:
    """INV-6: the data server's lease runs out unless another node stands behind it."""
    with fs.entry() as cx:
        fences.raise_fence(cx, 5, 77)
    fs.replica.available = False
    reply = beat(fs)
    assert not reply.quorum_backed
    assert not reply.fences
    assert not reply.fence_version


def test_deletions_are_asked_for_until_they_are_acknowledged(fs: Namespace) -> None:
    """INV-11."""
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    get_layout(caller, handle, opened)
    caller.close(handle, opened)
    fs.ok(*at(), remove(b"f"))
    (wanted,) = beat(fs).deletes
    assert wanted.fileid == fileid_of(handle)
    assert [one.sequence for one in beat(fs).deletes] == [wanted.sequence]
    assert not beat(fs, deleted=[wanted.sequence]).deletes
    assert len(beat(fs, ds_id="ds2").deletes) == 1


def test_stable_writes_are_committed_before_they_are_answered(fs: Namespace) -> None:
    """INV-10: several reports of a file are one command."""
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    get_layout(caller, handle, opened)
    service = ControlService(fs.replica, fs.machine.tables, Registry(), lambda: 5, ds_lease_ms=6_000)

    def report(*ends: int) -> bool:
        writes = [
            control_pb2.WriteReport(fileid=fileid_of(handle), client_id=caller.client_id, end_offset=end, mtime_ns=end)
            for end in ends
        ]
        request = control_pb2.ReportWritesRequest(ds_id="ds1", writes=writes)
        reply = asyncio.run(service.ReportWrites(request, Context()))  # type: ignore[arg-type]
        return bool(reply.committed)

    before = fs.replica.index
    assert report(300, 100, 200)
    assert fs.replica.index == before + 1
    assert fs.attributes(b"f")[nfs4.FATTR4_SIZE] == 300
    fs.replica.available = False
    assert not report(500)


def test_a_report_that_comes_late_does_not_undo_a_cut(fs: Namespace) -> None:
    """INV-4: it sat in a node that stood still, while the file was truncated; the others of its batch count."""
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    layout = get_layout(caller, handle, opened)
    other, opened_other = caller.create(b"g")
    get_layout(caller, other, opened_other)
    service = ControlService(fs.replica, fs.machine.tables, Registry(), lambda: 5, ds_lease_ms=6_000)

    proxied = io_claims.identity(caller.client_id)
    wrote = ((handle, caller.client_id), (other, caller.client_id), (other, 0), (other, proxied))

    def report() -> control_pb2.ReportWritesReply:
        writes = [
            control_pb2.WriteReport(fileid=fileid_of(one), client_id=client_id, end_offset=300, mtime_ns=1)
            for one, client_id in wrote
        ]
        request = control_pb2.ReportWritesRequest(ds_id="ds1", writes=writes)
        return asyncio.run(service.ReportWrites(request, Context()))  # type: ignore[arg-type]

    assert not report().refused
    caller.ok(putfh(handle), layoutreturn(layout))
    caller.ok(putfh(handle), setattr_({nfs4.FATTR4_SIZE: 0}, opened))
    reply = report()
    assert reply.committed
    assert list(reply.refused) == [0]
    assert fs.attributes(b"f")[nfs4.FATTR4_SIZE] == 0
    assert fs.attributes(b"g")[nfs4.FATTR4_SIZE] == 300
    late = ReportWrite(fileid_of(other), 900, 1, caller.client_id, 7)  # proposed before a cut, committed after it
    fs.internal(late)
    assert fs.attributes(b"g")[nfs4.FATTR4_SIZE] == 300


def test_a_report_whose_data_server_waits_no_more_is_not_made(fs: Namespace) -> None:
    """INV-4: another node has answered, the client has truncated the file since, and has a layout again."""
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    get_layout(caller, handle, opened)
    service = ControlService(fs.replica, fs.machine.tables, Registry(), lambda: 5, ds_lease_ms=6_000)
    write = control_pb2.WriteReport(fileid=fileid_of(handle), client_id=caller.client_id, end_offset=300, mtime_ns=1)
    request = control_pb2.ReportWritesRequest(ds_id="ds1", writes=[write])
    context = Context()
    context.left_s = 0.0  # this node stood still
    before = fs.replica.index
    assert not asyncio.run(service.ReportWrites(request, context)).committed  # type: ignore[arg-type]
    assert fs.replica.index == before
    assert fs.attributes(b"f")[nfs4.FATTR4_SIZE] == 0


def test_only_the_data_server_itself_speaks_for_it(fs: Namespace) -> None:
    with pytest.raises(Refused):
        beat(fs, ds_id="stranger")


# ---------------------------------------------------------------- the store's identity
def row(fs: Namespace, ds_id: str = "ds1") -> data_servers.DataServer:
    with fs.replica.env.begin() as txn:
        found = data_servers.registered(txn, fs.machine.tables, ds_id)
    assert found is not None
    return found


def test_another_store_under_a_known_id_is_refused(fs: Namespace) -> None:
    """INV-10: an empty directory (a disk that is not mounted) would serve acknowledged data as zeros."""
    registry = Registry()
    assert beat(fs, registry).quorum_backed
    registry.heard.clear()
    reply = beat(fs, registry, store_id=OTHER, deleted=[1])
    assert not reply.quorum_backed
    assert "not mounted" in reply.refused
    assert "dataserver new-store" in reply.refused
    assert not registry.heard
    assert registry.refused(5)["ds1"].state == "foreign store"
    assert row(fs).store_id == STORE
    assert beat(fs, registry).quorum_backed
    assert not registry.refused(5)


def test_nothing_is_served_before_the_store_is_registered(fs: Namespace) -> None:
    """INV-10: of two stores that start under one new ID only one gets a lease."""
    assert beat(fs, ds_id="ds9").quorum_backed
    assert row(fs, "ds9").store_id == STORE
    assert row(fs, "ds9").up
    assert not beat(fs, ds_id="ds9", store_id=OTHER).quorum_backed


def test_without_the_clusters_key_nothing_is_served(fs: Namespace) -> None:
    """INV-10: it would take every filehandle for a forgery; so it is given no stripes, and its operator is told why."""
    registry = Registry()
    reply = beat(fs, registry, key=b"w" * 32, ds_id="ds9")
    assert not reply.quorum_backed
    assert "cluster_key_file" in reply.refused
    assert registry.refused(5)["ds9"].state == "wrong key"
    assert not registry.heard
    assert not beat(fs, proof=b"").quorum_backed
    assert not beat(fs, instance=2, proof=possession.prove(KEY, "ds1", STORE, 1)).quorum_backed
    with fs.replica.env.begin() as txn:
        assert data_servers.registered(txn, fs.machine.tables, "ds9") is None
    assert beat(fs, registry, ds_id="ds9").quorum_backed


def test_a_heartbeat_without_an_identity_is_refused(fs: Namespace) -> None:
    """INV-10: a release that knows none cannot tell its own store from another."""
    assert "upgrade" in beat(fs, store_id=b"").refused


def test_the_operators_word_gives_up_a_store_and_its_stripes_are_an_error(fs: Namespace) -> None:
    """INV-10, INV-11: a lost store's stripes never turn into holes of the new one, and nothing waits for it."""
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    get_layout(caller, handle, opened)
    beat(fs)
    before = row(fs)
    with fs.entry() as cx:
        inode = cx.load_other(fileid_of(handle))
        assert inode is not None
        cuts.begin(cx, inode, 0)
        cx.store(inode)
    caller2 = connect(fs, b"other")
    gone, opened2 = caller2.create(b"g")
    get_layout(caller2, gone, opened2)
    caller2.close(gone, opened2)
    fs.ok(*at(), remove(b"g"))
    assert beat(fs, store_id=OTHER, new_store=True).quorum_backed
    after = row(fs)
    assert (after.store_id, after.number) == (OTHER, 4)
    with fs.replica.env.begin() as txn:
        tables = fs.machine.tables
        servers = {server.number: server for server in data_servers.all_servers(txn, tables)}
        striping = data_servers.striping_of(txn, tables, fileid_of(handle))
        cut = cuts.of_file(txn, tables, fileid_of(handle))
        owed = [number for number, _ in (U64x2.unpack(key) for key, _ in txn.cursor(db=tables.deletion))]
    assert striping is not None
    assert before.number in striping.numbers
    assert servers[before.number].lost
    assert not servers[before.number].up
    assert cut is not None
    assert before.number not in dict(cut.remaining)
    assert sorted(owed) == [2, 3]
    fs.ok(*at(), remove(b"f"))
    assert beat(fs, store_id=OTHER, new_store=True).quorum_backed
    assert row(fs).number == 4
    assert not beat(fs).quorum_backed


def remove_ds(fs: Namespace, ds_id: str = "ds1", level: int = features.STORES_STAY_AWAY) -> None:
    """As by ``mdsctl ds drain`` and ``mdsctl ds remove``, when it is stopped."""
    fs.internal(RaiseFeatures(level))
    fs.internal(DrainDataServer(ds_id, True))
    server = row(fs, ds_id)
    fs.internal(DataServerUpdate(ds_id, server.host, server.port, False, 0, 0, server.instance))
    with fs.env.begin() as txn:
        serial = data_servers.drains(txn, fs.machine.tables)[server.number]
    assert Verdict(fs.internal(RetireDataServer(ds_id, serial))[1]) is Verdict.DONE


def is_known(fs: Namespace, ds_id: str = "ds1") -> bool:
    with fs.env.begin() as txn:
        return data_servers.registered(txn, fs.machine.tables, ds_id) is not None


@pytest.mark.parametrize("level", [6, features.STORES_STAY_AWAY])
def test_a_removed_data_server_that_is_started_again_gets_no_files(fs: Namespace, level: int) -> None:
    """INV-10: nor by the next boot, nor under another ID. It is told what to do, and the status says so; also while
    releases are mixed."""
    registry = Registry()
    assert beat(fs, registry).quorum_backed
    remove_ds(fs, level=level)
    registry.heard.clear()
    for ds_id in ("ds1", "ds9"):
        reply = beat(fs, registry, ds_id=ds_id)
        assert not reply.quorum_backed
        for words in ("was removed from this cluster", "systemctl disable", "dataserver new-store"):
            assert words in reply.refused
        assert registry.refused(5)[ds_id].state == "removed"
        assert not is_known(fs, ds_id)
    assert not registry.heard


def test_a_removed_data_server_comes_back_empty_by_the_operators_word(fs: Namespace) -> None:
    """INV-10: as a new one, with a number of its own; and once, until it is removed again."""
    registry = Registry()
    assert beat(fs, registry).quorum_backed
    assert row(fs).number == 1
    remove_ds(fs)
    assert beat(fs, registry).refused
    assert beat(fs, registry, new_store=True).quorum_backed
    assert (row(fs).number, row(fs).store_id, row(fs).up) == (4, STORE, True)
    assert not registry.refused(5)
    assert beat(fs, registry).quorum_backed, "the word was taken"
    remove_ds(fs)
    assert beat(fs, registry).refused


def test_a_new_data_server_may_have_a_removed_ones_id(fs: Namespace) -> None:
    """INV-10: with a store of its own. The removed one is told that it was removed, and not to come back instead."""
    assert beat(fs).quorum_backed
    remove_ds(fs)
    assert beat(fs, store_id=OTHER).quorum_backed
    assert (row(fs).number, row(fs).store_id) == (4, OTHER)
    assert "was removed" in beat(fs).refused
    assert beat(fs, store_id=OTHER).quorum_backed


def test_a_drained_data_server_that_restarts_is_taken_as_it_is(fs: Namespace) -> None:
    assert beat(fs).quorum_backed
    fs.internal(RaiseFeatures(features.STORES_STAY_AWAY))
    fs.internal(DrainDataServer("ds1", True))
    assert beat(fs, instance=2).quorum_backed
    assert row(fs).number == 1


def test_a_lost_store_that_turns_up_is_told_so(fs: Namespace) -> None:
    """INV-10: as long as another serves in its place, the wrong disk may be mounted; when that other one is removed, it
    does not take its place."""
    assert beat(fs).quorum_backed
    fs.internal(RaiseFeatures(features.STORES_STAY_AWAY))
    assert beat(fs, store_id=OTHER, new_store=True).quorum_backed
    assert "not mounted" in beat(fs).refused
    remove_ds(fs)
    assert "was given up as lost" in beat(fs).refused
    assert "was removed" in beat(fs, store_id=OTHER).refused
    assert not is_known(fs)


def test_a_removal_between_the_look_and_the_registration_counts(
    fs: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-10: what this node has judged is not what is committed when its proposal is."""
    propose = fs.replica.propose
    late: list[Any] = []

    def removed_first(*arguments: Any, **named: Any) -> Any:
        if not late:
            late.append(arguments)
            fs.internal(RaiseFeatures(features.STORES_STAY_AWAY))
            fs.internal(DataServerUpdate("ds9", "127.0.0.1", 2049, True, 0, 0, 1, STORE))  # another node was first
            remove_ds(fs, "ds9")
        return propose(*arguments, **named)

    monkeypatch.setattr(fs.replica, "propose", removed_first)
    assert not beat(fs, ds_id="ds9").quorum_backed
    assert late
    assert not is_known(fs, "ds9")
    assert "was removed" in beat(fs, ds_id="ds9").refused


def test_the_word_for_a_new_store_names_the_one_that_is_given_up(fs: Namespace) -> None:
    """INV-10: see ``test_draining``: a late one gives up no other. The first store may be taken in again."""
    assert beat(fs).quorum_backed
    fs.internal(RaiseFeatures(features.STORES_STAY_AWAY))
    assert beat(fs, store_id=OTHER, new_store=True).quorum_backed
    assert (row(fs).number, row(fs).store_id) == (4, OTHER)
    assert beat(fs, new_store=True).quorum_backed, "the operator has found the first disk, and emptied it"
    assert (row(fs).number, row(fs).store_id) == (5, STORE)


def test_a_store_that_was_registered_since_the_look_is_not_given_up_without_the_word(
    fs: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-10: of two stores that start under one new ID the second is not taken for the first one's replacement."""
    judge = admission.judge

    def overtaken(*arguments: Any) -> admission.Refusal | None:
        refusal = judge(*arguments)
        fs.internal(DataServerUpdate("ds9", "127.0.0.1", 2049, True, 0, 0, 1, OTHER))  # by another node
        return refusal

    monkeypatch.setattr(admission, "judge", overtaken)
    assert not beat(fs, ds_id="ds9").quorum_backed
    assert (row(fs, "ds9").number, row(fs, "ds9").store_id) == (4, OTHER)


def with_era(fs: Namespace) -> Mandate:
    """The cluster's mandate in term 1, the fixture's."""
    fs.internal(RaiseFeatures(features.MANDATES))
    fs.internal(BeginEra())
    with fs.env.begin() as txn:
        settings = load_settings(txn, fs.machine.tables)
        return Mandate(settings.cluster_id, eras.current(txn, fs.machine.tables), 1)


def test_an_answer_says_for_whom_it_speaks(fs: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-10: so a data server hears of a new leader from any node; and from none of a term in which nobody leads."""
    assert not beat(fs).HasField("mandate"), "below the level"
    own = with_era(fs)
    reply = beat(fs)
    assert (reply.quorum_backed, Mandate.of(reply.mandate)) == (True, own)
    assert Mandate.of(beat(fs, store_id=b"").mandate) == own, "a refusal, too"
    status = fs.replica.status
    monkeypatch.setattr(
        fs.replica, "status", lambda done: status(lambda known: done(dataclasses.replace(known, leader_id="", term=2)))
    )
    reply = beat(fs)
    assert not reply.quorum_backed
    assert not reply.HasField("mandate")


def test_a_data_server_that_obeys_others_is_refused(fs: Namespace) -> None:
    """INV-11: its objects are of other files. What it says that it has deleted is not ours, either."""
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    get_layout(caller, handle, opened)
    caller.close(handle, opened)
    own = with_era(fs)
    assert beat(fs, obeys=own.wire()).quorum_backed
    fs.ok(*at(), remove(b"f"))
    (wanted,) = beat(fs, obeys=own.wire()).deletes
    for obeys, state in (
        (Mandate(own.cluster_id + 1, 1, 1), "another cluster's"),
        (Mandate(own.cluster_id, own.era + 1, 1), "later life"),
        (Mandate(own.cluster_id, own.era, 2), "later life"),
    ):  # fmt: skip
        registry = Registry()
        reply = beat(fs, registry, obeys=obeys.wire(), deleted=[wanted.sequence] if obeys.term == 1 else [])
        assert not reply.quorum_backed
        assert reply.refused
        assert registry.refused(5)["ds1"].state == state
    earlier = Mandate(own.cluster_id, own.era - 1, 900)
    assert [one.sequence for one in beat(fs, obeys=earlier.wire()).deletes] == [wanted.sequence]


def test_what_is_of_another_life_is_not_taken_for_ours(fs: Namespace) -> None:
    """INV-6, INV-11: both lives were restored from one backup, and have the same versions and sequences. A data server
    that names nobody yet may be of either; one of an earlier release does not know how to say it, and is believed."""
    own = with_era(fs)
    caller = connect(fs, b"me")
    handle, opened = caller.create(b"f")
    assert beat(fs, obeys=own.wire()).quorum_backed
    get_layout(caller, handle, opened)
    caller.close(handle, opened)
    fs.ok(*at(), remove(b"f"))
    with fs.entry() as cx:
        version = fences.raise_fence(cx, 5, 77)
    (wanted,) = beat(fs, obeys=own.wire()).deletes
    earlier = Mandate(own.cluster_id, own.era - 1, 900)
    said = {"fence_version": version, "deleted": [wanted.sequence]}
    for obeys in (earlier.wire(), control_pb2.Mandate()):
        registry = Registry()
        reply = beat(fs, registry, obeys=obeys, **said)
        assert [(f.fileid, f.client_id, f.min_epoch) for f in reply.fences] == [(5, 77, version)], "the whole list"
        assert registry.heard["ds1"].fence_version == 0
        assert [one.sequence for one in reply.deletes] == [wanted.sequence]
    registry = Registry()
    reply = beat(fs, registry, obeys=own.wire(), **said)
    assert (list(reply.fences), list(reply.deletes)) == ([], [])
    assert registry.heard["ds1"].fence_version == version
    assert not beat(fs, **said).fences, "of an earlier release"


def test_a_cluster_without_an_era_takes_none_that_obeys_one(fs: Namespace) -> None:
    """INV-11: an old cluster's data servers find a new one under the same key, before its level is raised."""
    with fs.env.begin() as txn:
        cluster_id = load_settings(txn, fs.machine.tables).cluster_id
    registry = Registry()
    old = Mandate(cluster_id + 1, 100, 9)
    reply = beat(fs, registry, ds_id="ds9", obeys=old.wire())
    assert not reply.quorum_backed
    assert registry.refused(5)["ds9"].state == "another cluster's"
    ours = Mandate(cluster_id, 100, 9)  # perhaps: this life of it has none yet
    assert beat(fs).quorum_backed
    registry = Registry()
    for ds_id in ("ds1", "ds9"):
        reply = beat(fs, registry, ds_id=ds_id, obeys=ours.wire(), deleted=[1])
        assert (reply.quorum_backed, reply.refused) == (False, "")
    assert not registry.heard
    with fs.env.begin() as txn:
        assert data_servers.registered(txn, fs.machine.tables, "ds9") is None


def test_a_restored_cluster_takes_none_before_its_era_begins(fs: Namespace) -> None:
    """INV-11: whatever it hands out before, another life of it may have handed out."""
    own = with_era(fs)
    assert beat(fs, obeys=own.wire()).quorum_backed
    with fs.entry() as cx:
        eras.end(cx)
    registry = Registry()
    assert not beat(fs, registry).quorum_backed
    assert not registry.heard
    fs.internal(BeginEra())
    assert beat(fs, registry, obeys=own.wire()).quorum_backed
