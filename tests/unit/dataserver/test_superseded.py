"""A data server, as a process, that hears several who take themselves for its leader (docs/adr/0026)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from mdsproto import control_pb2
from mdsproto.mandate import Mandate
from nfswire import nfs4
from tests.unit.dataserver.support.cluster import REPO, Cluster, wait_until
from tests.unit.dataserver.support.wire import putfh, read, write

CLUSTER, OTHER, ERA = 0x1111, 0x2222, 1_700_000_000_000_000_000
NEW = b"n" * 1000


def of_term(term: int, *, era: int = ERA, cluster_id: int = CLUSTER) -> Mandate:
    return Mandate(cluster_id, era, term)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    cluster.start_mds()
    yield cluster
    cluster.close()
    assert "Traceback" not in cluster.log()


def led_by(cluster: Cluster, mandate: Mandate) -> None:
    for mds in cluster.mds:
        mds.mandate = mandate


def wait_obeys(cluster: Cluster, mandate: Mandate) -> None:
    wait_until(lambda: Mandate.of(cluster.mds[0].beats[-1].obeys) == mandate)


def refusal(call: Callable[..., Any], request: Any) -> str:
    """In what words a call is refused."""
    with pytest.raises(grpc.RpcError) as refused:
        call(request, timeout=5)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    return str(refused.value.details())


def obey_anew(cluster: Cluster) -> subprocess.CompletedProcess[str]:
    """The operator's command."""
    command = [sys.executable, "-m", "dataserver", "obey-anew", "--config", str(cluster.file)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=20, check=False)


def delete(cluster: Cluster, fileid: int) -> None:
    """Have a file's objects deleted; whichever metadata server's heartbeat comes next is told that it is done."""
    cluster.mds[0].deletes = [control_pb2.DeleteRequest(sequence=1, fileid=fileid)]
    wait_until(lambda: any(1 in mds.deleted for mds in cluster.mds))
    cluster.mds[0].deletes = []


def test_a_cut_of_an_overtaken_leader_does_nothing_also_after_a_restart(cluster: Cluster) -> None:
    """INV-10: it was carried out for the next leader, the file was written again, and only then it comes."""
    led_by(cluster, of_term(5))
    cluster.start()
    wait_obeys(cluster, of_term(5))
    late = control_pb2.TruncateRequest(fileid=77, size_bytes=10, serial=3, mandate=of_term(5).wire())
    next_leaders = control_pb2.TruncateRequest(fileid=77, size_bytes=10, serial=3, mandate=of_term(6).wire())
    cluster.stub().Truncate(next_leaders, timeout=5)
    assert cluster.session().do(putfh(cluster.handle()), write(0, NEW, nfs4.FILE_SYNC4)).status == 0
    for mds in cluster.mds:
        mds.quorum = False  # nobody tells it again who leads
    cluster.kill()
    cluster.mds[0].beats.clear()
    cluster.start(serving=False)
    wait_until(lambda: bool(cluster.mds[0].beats))
    assert "later leader: term 6" in refusal(cluster.stub().Truncate, late)
    led_by(cluster, of_term(6))
    for mds in cluster.mds:
        mds.quorum = True
    wait_until(cluster.accepts)
    assert cluster.session().do(putfh(cluster.handle()), read(0, 4096)).data == NEW
    assert "refused: the caller is superseded" in cluster.log()


def test_all_that_an_overtaken_leader_says_is_refused(cluster: Cluster) -> None:
    """INV-6, INV-11: it hears of the next one by any metadata server's answer."""
    led_by(cluster, of_term(5))
    cluster.start()
    cluster.mds[1].mandate = of_term(6)
    wait_obeys(cluster, of_term(6))
    assert cluster.session().do(putfh(cluster.handle()), write(0, NEW)).status == 0
    stub, old = cluster.stub(), of_term(5).wire()
    deletion = control_pb2.DeleteRequest(sequence=1, fileid=77)
    fence = control_pb2.FenceEntry(fileid=77, min_epoch=2)
    for call, request in (
        (stub.Fence, control_pb2.FenceRequest(version=9, fences=[fence], mandate=old)),
        (stub.DeleteObjects, control_pb2.DeleteObjectsRequest(deletes=[deletion], mandate=old)),
        (stub.Truncate, control_pb2.TruncateRequest(fileid=77, mandate=old)),
        (stub.GetObjectSizes, control_pb2.GetObjectSizesRequest(fileids=[77], mandate=old)),
        (stub.Truncate, control_pb2.TruncateRequest(fileid=77)),
    ):
        refusal(call, request)
    cluster.mds[0].deletes = [deletion]
    time.sleep(0.5)
    assert not cluster.mds[0].deleted, "what came with an answer that is not obeyed"
    assert cluster.session().do(putfh(cluster.handle()), read(0, 4096)).data == NEW
    cluster.mds[1].quorum = False
    wait_until(lambda: not cluster.accepts())
    assert '"metadata server is not obeyed"' in cluster.log()
    cluster.mds[0].mandate = of_term(7)
    wait_until(cluster.accepts)
    assert stub.Fence(control_pb2.FenceRequest(version=9, mandate=of_term(7).wire()), timeout=5).version == 9


def test_another_cluster_does_not_get_it_before_the_operator_says_so(cluster: Cluster) -> None:
    """INV-11: a new cluster's files have the numbers of the old one's objects."""
    led_by(cluster, of_term(50))
    cluster.start()
    wait_obeys(cluster, of_term(50))
    cluster.terminate()
    founded = of_term(1, era=ERA + 1, cluster_id=OTHER)
    led_by(cluster, founded)
    cluster.mds[0].beats.clear()
    cluster.start(serving=False)
    wait_until(lambda: cluster.log().count("of another cluster") >= 2)
    time.sleep(0.5)
    assert not cluster.accepts()
    refusal(cluster.stub().Fence, control_pb2.FenceRequest(version=1, mandate=founded.wire()))

    running = obey_anew(cluster)
    assert (running.returncode, "running" in running.stderr) == (2, True)
    cluster.terminate()
    assert obey_anew(cluster).returncode == 0
    cluster.start()
    wait_obeys(cluster, founded)


def test_a_restored_cluster_gets_it_and_its_fences_count(cluster: Cluster) -> None:
    """INV-6, INV-11: terms and fence lists of the earlier life are higher; and a file that was deleted in it is served
    again, also after a restart."""
    led_by(cluster, of_term(500))
    for mds in cluster.mds:
        mds.fence_version, mds.fences = 900, [control_pb2.FenceEntry(client_id=5, min_epoch=100)]
    cluster.start()
    delete(cluster, 77)
    assert cluster.session().do(putfh(cluster.handle(epoch=100)), write(0, b"x")).status == nfs4.NFS4ERR_STALE
    restored = of_term(1, era=ERA + 1)
    for mds in cluster.mds:
        mds.fence_version, mds.fences = 40, [control_pb2.FenceEntry(client_id=5, min_epoch=30)]
        mds.mandate = restored
    wait_obeys(cluster, restored)
    wait_until(lambda: cluster.mds[0].beats[-1].fence_version == 40)
    for _ in "before", "after":
        wait_until(cluster.accepts)
        wire = cluster.session()
        assert wire.do(putfh(cluster.handle(epoch=29)), write(0, b"x")).status == nfs4.NFS4ERR_STALE
        assert wire.do(putfh(cluster.handle(epoch=30)), write(0, b"x")).status == 0
        cluster.kill()
        cluster.start()
    cluster.mds[1].mandate = of_term(501)
    time.sleep(0.3)
    assert Mandate.of(cluster.mds[0].beats[-1].obeys) == restored
    assert "the cluster was restored" in cluster.log()


def test_the_operator_is_told_what_is_given_away(cluster: Cluster) -> None:
    """INV-11: and nothing is where there was no data server, as where a disk is not mounted."""
    assert "mounted" in obey_anew(cluster).stderr
    assert not cluster.config.data_dir.exists()
    led_by(cluster, of_term(500))
    cluster.start()
    delete(cluster, 77)
    cluster.terminate()
    told = obey_anew(cluster)
    assert f"term 500 of cluster {CLUSTER:08x}" in told.stdout
    assert "objects" not in told.stdout
    cluster.start()
    assert cluster.session().do(putfh(cluster.handle()), write(0, b"x")).status == 0, "a file of that number is back"
    cluster.terminate()
    assert "keeps its objects" in obey_anew(cluster).stdout
