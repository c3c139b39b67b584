"""The whole data server as a process: registration, lease, fences, deletion, reports, kill -9 and restart."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from dataserver.reports import PATIENCE_MIN_S
from mdsproto import control_pb2, control_pb2_grpc, credentials
from nfswire import nfs4
from tests.unit.dataserver.support.cluster import HEARTBEAT_MS, LEASE_MS, REPO, Cluster, wait_until
from tests.unit.dataserver.support.wire import commit, putfh, read, write


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    cluster.start_mds()
    yield cluster
    cluster.close()
    if (tmp_path / "ds1.log").exists():
        assert "Traceback" not in cluster.log()


def test_nothing_is_accepted_before_a_quorum_is_heard(cluster: Cluster) -> None:
    """INV-6: after a restart the fences are unknown; a refused connection sends Linux to the MDS at once."""
    for mds in cluster.mds:
        mds.quorum = False
    cluster.mds[1].fence_version = 7
    cluster.mds[1].fences = [control_pb2.FenceEntry(fileid=77, min_epoch=2)]
    cluster.start(serving=False)
    wait_until(lambda: bool(cluster.mds[0].beats))
    time.sleep(0.3)
    assert not cluster.accepts()
    cluster.mds[1].quorum = True
    wait_until(cluster.accepts)
    wire = cluster.session()
    assert wire.do(putfh(cluster.handle(epoch=1)), write(0, b"x")).status == nfs4.NFS4ERR_STALE
    assert wire.do(putfh(cluster.handle(epoch=2)), write(0, b"x")).status == 0
    beat = cluster.mds[1].beats[0]
    assert (beat.ds_id, beat.nfs_port, beat.control_port) == (
        "ds1", cluster.config.nfs.port, cluster.config.control.port,
    )  # fmt: skip
    assert beat.capacity_bytes >= beat.free_bytes > 0
    wait_until(lambda: cluster.mds[1].beats[-1].fence_version == 7)
    assert cluster.terminate() == 0


def test_commit_survives_kill_and_the_verifier_changes(cluster: Cluster) -> None:
    """INV-10. The verifier tells the client to send again what it has not had committed."""
    cluster.start()
    wire = cluster.session()
    written = wire.do(putfh(cluster.handle()), write(0, b"committed"))
    assert wire.do(putfh(cluster.handle()), commit()).status == 0
    stable = wire.do(putfh(cluster.handle(78)), write(5, b"stable", nfs4.DATA_SYNC4))
    assert stable.status == 0
    wire.do(putfh(cluster.handle(79)), write(0, b"in the page cache"))
    instance = cluster.mds[0].beats[-1].instance
    cluster.kill()
    cluster.start()
    again = cluster.session()
    assert again.session != wire.session
    assert again.do(putfh(cluster.handle()), read(0, 100)).data == b"committed"
    assert again.do(putfh(cluster.handle(78)), read(5, 100)).data == b"stable"
    committed = again.do(putfh(cluster.handle()), commit())
    assert committed.last.resok4.writeverf != written.last.resok4.writeverf
    again.session, again.sequences = wire.session, {}
    assert again.do(putfh(cluster.handle())).status == nfs4.NFS4ERR_BADSESSION
    assert cluster.mds[0].beats[-1].instance != instance


def test_fence_call(cluster: Cluster) -> None:
    """INV-6: when Fence has been answered, the handle is dead; the version is reported from then on."""
    cluster.start()
    wire = cluster.session()
    assert wire.do(putfh(cluster.handle()), write(0, b"x")).status == 0
    fences = [control_pb2.FenceEntry(client_id=5, min_epoch=3)]
    for mds in cluster.mds:
        mds.fence_version, mds.fences = 4, fences
    reply = cluster.stub().Fence(control_pb2.FenceRequest(version=4, fences=fences), timeout=5)
    assert reply.version == 4
    assert wire.do(putfh(cluster.handle()), write(0, b"y")).status == nfs4.NFS4ERR_STALE
    assert wire.do(putfh(cluster.handle(client_id=6)), read(0, 1)).data == b"x"
    wait_until(lambda: all(mds.beats[-1].fence_version == 4 for mds in cluster.mds))


def test_lost_lease_closes_the_door(cluster: Cluster) -> None:
    """INV-6: no quorum within the lease: no I/O; then connections are closed, so that clients go to the MDS."""
    cluster.start()
    wire = cluster.session()
    assert wire.do(putfh(cluster.handle()), write(0, b"x")).status == 0
    for mds in cluster.mds:
        mds.quorum = False
    time.sleep(LEASE_MS / 1000 + 0.3)
    began = time.monotonic()
    with pytest.raises(ConnectionError):
        wire.do(putfh(cluster.handle()), write(0, b"too late"))
    assert time.monotonic() - began < 4
    wait_until(lambda: not cluster.accepts())
    cluster.mds[0].quorum = True
    wait_until(cluster.accepts)
    assert cluster.session().do(putfh(cluster.handle()), read(0, 9)).data == b"x"


def test_one_mds_of_two_is_enough(cluster: Cluster) -> None:
    cluster.start()
    wire = cluster.session()
    cluster.mds[0].stop()
    time.sleep(LEASE_MS / 1000 + 0.5)
    done = wire.do(putfh(cluster.handle()), write(0, b"x", nfs4.FILE_SYNC4))
    assert done.status == 0
    assert [w.fileid for w in cluster.mds[1].reports[0]] == [77]


def test_reports_are_batched(cluster: Cluster) -> None:
    """Threads that wait while a call is out share the next one."""
    cluster.start()
    gate = cluster.mds[0].report_gate
    gate.clear()
    first = cluster.session()
    wires = [first]
    for _ in range(7):
        wires.append(cluster.session().share(first))
    statuses: list[int] = []

    def work(number: int) -> None:
        done = wires[number].do(
            putfh(cluster.handle(100 + number)), write(number, b"x", nfs4.FILE_SYNC4), slot=number
        )
        statuses.append(done.status)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(PATIENCE_MIN_S / 3)  # after PATIENCE_MIN_S the other metadata server is asked
    gate.set()
    for thread in threads:
        thread.join(10)
    assert statuses == [0] * 8
    batches = cluster.mds[0].reports
    assert sorted(w.fileid for batch in batches for w in batch) == list(range(100, 108))
    assert len(batches) <= 3
    ends = {w.fileid: (w.end_offset, w.client_id, w.stripe) for batch in batches for w in batch}
    assert ends[103] == (4, 5, 0)
    assert all(abs(w.mtime_ns - time.time_ns()) < 60 * 10**9 for batch in batches for w in batch)


def test_a_report_is_tried_at_every_mds(cluster: Cluster) -> None:
    cluster.mds[0].commits = False
    cluster.start()
    done = cluster.session().do(putfh(cluster.handle()), write(0, b"x", nfs4.FILE_SYNC4))
    assert done.status == 0
    assert cluster.mds[1].reports


def test_deletion_by_heartbeat(cluster: Cluster) -> None:
    """INV-11: deleted when asked, told when durable, and not brought back by a late WRITE, even after a restart."""
    cluster.start()
    wire = cluster.session()
    for fileid in (77, 78):
        wire.do(putfh(cluster.handle(fileid)), write(0, b"x"))
    for mds in cluster.mds:
        mds.deletes = [control_pb2.DeleteRequest(sequence=s, fileid=f) for s, f in ((9, 77), (10, 5))]
    wait_until(lambda: {9, 10} <= {*cluster.mds[0].deleted, *cluster.mds[1].deleted})
    assert wire.do(putfh(cluster.handle(77)), write(0, b"late")).status == nfs4.NFS4ERR_STALE
    sizes = cluster.stub().GetObjectSizes(control_pb2.GetObjectSizesRequest(fileids=[77, 78]), timeout=5)
    assert [(s.fileid, s.size_bytes) for s in sizes.objects] == [(78, 1)]
    cluster.kill()
    cluster.start()
    again = cluster.session()
    assert again.do(putfh(cluster.handle(77)), write(0, b"later")).status == nfs4.NFS4ERR_STALE
    assert again.do(putfh(cluster.handle(78)), read(0, 5)).data == b"x"


def test_control_service(cluster: Cluster) -> None:
    cluster.start()
    wire = cluster.session()
    stub = cluster.stub()
    for stripe in (0, 3):
        wire.do(putfh(cluster.handle(stripe=stripe)), write(1000, b"x" * 1000))
    found = stub.GetObjectSizes(control_pb2.GetObjectSizesRequest(fileids=[77]), timeout=5).objects
    assert [(s.stripe, s.size_bytes) for s in found] == [(0, 2000), (3, 2000)]
    assert all(s.used_bytes and s.mtime_ns for s in found)
    stub.Truncate(control_pb2.TruncateRequest(fileid=77, size_bytes=1500), timeout=5)
    assert wire.do(putfh(cluster.handle()), read(0, 4096)).data == bytes(1000) + b"x" * 500
    assert stub.Statfs(control_pb2.StatfsRequest(), timeout=5).objects == 2
    one = control_pb2.DeleteRequest(sequence=1, fileid=77, stripes=[3])
    assert stub.DeleteObjects(control_pb2.DeleteObjectsRequest(deletes=[one]), timeout=5).deleted == [1]
    assert wire.do(putfh(cluster.handle()), read(1000, 1)).data == b"x", "the file lives, one stripe moved"
    whole = control_pb2.DeleteRequest(sequence=2, fileid=77)
    for _ in range(2):
        assert stub.DeleteObjects(control_pb2.DeleteObjectsRequest(deletes=[whole]), timeout=5).deleted == [2]
    assert stub.Statfs(control_pb2.StatfsRequest(), timeout=5).objects == 0


def test_a_cut_that_comes_late_does_nothing(cluster: Cluster) -> None:
    """INV-10: a metadata server that was paused repeats a cut; the file was written again since."""
    cluster.start()
    wire = cluster.session()
    stub = cluster.stub()
    cut = control_pb2.TruncateRequest(fileid=77, size_bytes=10, serial=3)
    stub.Truncate(cut, timeout=5)
    wire.do(putfh(cluster.handle()), write(0, b"x" * 1000))
    stub.Truncate(cut, timeout=5)
    stub.Truncate(control_pb2.TruncateRequest(fileid=77, size_bytes=5, serial=2), timeout=5)
    assert wire.do(putfh(cluster.handle()), read(0, 4096)).data == b"x" * 1000
    stub.Truncate(control_pb2.TruncateRequest(fileid=77, size_bytes=20, serial=4), timeout=5)
    assert wire.do(putfh(cluster.handle()), read(0, 4096)).data == b"x" * 20


def test_only_metadata_servers_may_ask(cluster: Cluster) -> None:
    cluster.start()
    paths = cluster.pki.issue("ds2", credentials.ROLE_DS, ["127.0.0.1"])
    other = credentials.channel_credentials(cluster.pki.ca, paths.certificate, paths.key)
    with grpc.secure_channel(
        str(cluster.config.control), other, options=credentials.channel_options("ds1")
    ) as channel:
        stub = control_pb2_grpc.DataServerControlStub(channel)
        for call, request in (
            (stub.Fence, control_pb2.FenceRequest(version=99)),
            (stub.DeleteObjects, control_pb2.DeleteObjectsRequest()),
            (stub.Truncate, control_pb2.TruncateRequest()),
            (stub.Statfs, control_pb2.StatfsRequest()),
            (stub.GetObjectSizes, control_pb2.GetObjectSizesRequest()),
        ):
            with pytest.raises(grpc.RpcError) as refusal:
                call(request, timeout=5)  # type: ignore[operator]
            assert refusal.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_sigterm_is_orderly(cluster: Cluster) -> None:
    cluster.start()
    wire = cluster.session()
    wire.do(putfh(cluster.handle()), write(0, b"x"))
    assert cluster.terminate() == 0
    assert '"event": "data server stopped"' in cluster.log()
    with pytest.raises(ConnectionError):
        wire.do(putfh(cluster.handle()), read(0, 1))


def test_mistakes_are_told_in_the_operators_words(cluster: Cluster) -> None:
    cluster.start()
    second = subprocess.run(
        [sys.executable, "-m", "dataserver", "serve", "--config", str(cluster.file)],
        cwd=REPO, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert second.returncode == 2
    assert "is running already" in second.stderr
    assert "Traceback" not in second.stderr
    cluster.terminate()
    missing = subprocess.run(
        [sys.executable, "-m", "dataserver", "check", "--config", str(cluster.path / "no.toml")],
        cwd=REPO, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert missing.returncode == 2
    assert missing.stderr.startswith("dataserver: ")


def test_a_refused_data_server_serves_nothing(cluster: Cluster) -> None:
    """INV-10: its store is not the registered one; it says so and why, and its connections end."""
    cluster.start()
    first = cluster.mds[0].beats[-1]
    assert len(first.store_id) == 16
    assert not first.new_store
    for mds in cluster.mds:
        mds.refused = "foreign store: mount the disk"
    wait_until(lambda: not cluster.accepts())
    assert "foreign store: mount the disk" in cluster.log()
    for mds in cluster.mds:
        mds.refused = ""
    wait_until(cluster.accepts)
    assert cluster.mds[0].beats[-1].store_id == first.store_id


def test_a_removed_data_server_waits_for_the_operator(cluster: Cluster) -> None:
    """INV-10: it was started again, perhaps by a boot. It asks at its usual pace, says once what is to be done, and
    ends in good order. Its store, if empty, is presented again by the operator's word."""
    cluster.start()
    store = cluster.mds[0].beats[-1].store_id
    cluster.terminate()
    told = "was removed from this cluster. Leave it stopped"
    for mds in cluster.mds:
        mds.refused = told
        mds.beats.clear()
    cluster.start(serving=False)
    wait_until(lambda: bool(cluster.mds[0].beats))
    began_s, seen = time.monotonic(), len(cluster.mds[0].beats)
    wait_until(lambda: len(cluster.mds[0].beats) >= seen + 8)
    assert time.monotonic() - began_s > 7 * HEARTBEAT_MS / 1000 * 0.9
    assert not cluster.accepts()
    assert not any(beat.new_store for beat in cluster.mds[0].beats)
    assert cluster.terminate() == 0
    assert cluster.log().count(told) == len(cluster.mds), "each refuses, and each is told of once"
    command = [sys.executable, "-m", "dataserver", "new-store", "--config", str(cluster.file)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    for mds in cluster.mds:
        mds.refused = ""
        mds.beats.clear()
    cluster.start()
    assert (cluster.mds[0].beats[0].new_store, cluster.mds[0].beats[0].store_id) == (True, store)


def test_a_new_store_takes_a_lost_ones_place_by_the_operators_word_only(cluster: Cluster) -> None:
    """INV-10: the word goes with the store that it was given for, once."""
    cluster.start()
    lost = cluster.mds[0].beats[-1].store_id
    assert cluster.session().do(putfh(cluster.handle()), write(0, b"x")).status == 0
    cluster.terminate()

    def new_store() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dataserver", "new-store", "--config", str(cluster.file)]
        return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=20, check=False)

    refused = new_store()
    assert refused.returncode == 2
    assert "holds objects" in refused.stderr
    cluster.config.data_dir.rename(cluster.path / "away")
    done = new_store()
    assert done.returncode == 0, done.stderr
    assert "lost" in done.stdout
    for mds in cluster.mds:
        mds.quorum = False
        mds.beats.clear()
    cluster.start(serving=False)
    wait_until(lambda: bool(cluster.mds[0].beats))
    beat = cluster.mds[0].beats[-1]
    assert beat.new_store
    assert beat.store_id != lost
    for mds in cluster.mds:
        mds.quorum = True
    wait_until(cluster.accepts)
    wait_until(lambda: not cluster.mds[0].beats[-1].new_store)
    cluster.terminate()
    cluster.mds[0].beats.clear()
    cluster.start()
    assert not cluster.mds[0].beats[0].new_store
    assert cluster.mds[0].beats[0].store_id == beat.store_id
