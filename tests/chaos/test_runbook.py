"""The procedures of docs/RUNBOOK.md: the very commands of the page, given on a cluster of real processes in trouble.

What needs hosts (keepalived), disks or clocks of its own is followed in modules of its own: `IN` says which.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdscluster.config import NodeConfig
from tests.chaos.conftest import unavailable
from tests.support.debian import Unavailable, need_tools
from tests.support.prometheus import get
from tests.support.runbook import FIRST, commands, in_sentences
from tests.support.tracing import functions, reached
from tests.support.troubled import Stage, staged, until
from tests.support.watched import NODES, Watched

pytestmark = [pytest.mark.slow, pytest.mark.alone]

REPLACED = "tests/chaos/test_membership.py::test_the_cluster_grows_and_is_replaced_under_load"
ELSEWHERE = {
    "MdsclusterFollowerLag": (REPLACED, r"member\('replace'"),
    "MdsclusterCertificateUnreadable": (
        "tests/chaos/test_runbook_deployed.py::test_a_damaged_certificate_is_copied_anew",
        r"install_blocks\('MdsclusterCertificateUnreadable'\)",
    ),
}
"""Sections without a block of commands -> the test that runs what they name, and how it does."""
IN_SENTENCES = {
    "mdsctl member replace": (REPLACED, r"member\('replace'"),
    "mdsctl member remove": (REPLACED, r"member\('remove'"),
    "mdsctl ds add": ("tests/unit/mdsctl/test_ds.py::test_one_is_added_and_another_removed", r"'ds', 'add'"),
}
"""Commands that change something and stand in no block: they need another machine, or a document of their own."""
IN = {
    "MdsclusterSnapshotsFail": "tests/chaos/test_runbook_hosts.py",
    "MdsclusterClockWrong": "tests/chaos/test_runbook_hosts.py",
    "MdsclusterCertificateEndsSoon": "tests/chaos/test_certificates.py",
    "MdsclusterDataServerLost": "tests/chaos/alerts/test_room.py",
    "MdsclusterDataServerErrors": "tests/chaos/test_runbook_hosts.py",
    "MdsclusterVipNoHolder": "tests/chaos/test_runbook_vips.py",
    "MdsclusterVipTwoHolders": "tests/chaos/test_runbook_vips.py",
    "MdsclusterVipStateWrong": "tests/chaos/test_runbook_vips.py",
    "MdsclusterVipStandbyNotReady": "tests/chaos/test_runbook_vips.py",
}
"""Sections that are followed in another module."""
RAISED = {
    "MdsclusterQueueDepth": "tests/chaos/alerts/test_clients.py",
    "MdsclusterRecallOverdue": "tests/chaos/alerts/test_clients.py",
    "MdsclusterFencingSuspended": "tests/chaos/alerts/test_fencing.py",
    "MdsclusterFencingDeviceLied": "tests/chaos/alerts/test_fencing.py",
    "MdsclusterFeatureLevelLag": "tests/chaos/alerts/test_releases.py",
    "MdsclusterReleasesMixed": "tests/chaos/alerts/test_releases.py",
    "MdsclusterDataServerErrors": "tests/chaos/alerts/test_room.py",
    "MdsclusterDataServerSpace": "tests/chaos/alerts/test_room.py",
    "MdsclusterDiskNearlyFull": "tests/chaos/alerts/test_room.py",
    "MdsclusterLeaderFlapping": "tests/chaos/test_monitoring.py",
}
"""Sections that are followed where Prometheus has raised their alert, too: there the page must lead to the cause."""
ASKING = {
    FIRST, "MdsclusterNodeNotReady", "MdsclusterForbiddenStatusSent", "MdsclusterSlowOperations",
    "MdsclusterLeaderFlapping", "MdsclusterApplyLag", "MdsclusterLoopLag", "MdsclusterQueueDepth",
    "MdsclusterDiskNearlyFull", "MdsclusterStateNearlyFull", "MdsclusterFeatureLevelLag", "MdsclusterReleasesMixed",
    "MdsclusterDataServerSpace", "MdsclusterDataServerNotReady", "MdsclusterRecallOverdue",
    "MdsclusterFencingSuspended", "MdsclusterFencingDeviceLied",
}  # fmt: skip
ASKED_OFF = "(echo action=status"
"""An agent's exit code is 2 then: this device says what it was told, and switches nothing."""
STOPPING = {
    "MdsclusterNoQuorum", "MdsclusterNodeDown", "MdsclusterNodeRestarts", "MdsclusterFsyncSlow",
    "MdsclusterDataServerDown", "MdsclusterDataServerUnreachable", "MdsclusterFencingFailed",
    "MdsclusterServerMissing", "MdsclusterServerFenced", "MdsclusterNodeNotReady", "MdsclusterDataServerNotReady",
}  # fmt: skip


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    try:
        need_tools({"curl": "curl"})
    except Unavailable as problem:
        unavailable(problem)
    with staged(Watched(tmp_path)) as made:
        yield made


def test_every_section_is_followed_or_says_by_whom() -> None:
    """A procedure without a test is one that somebody in trouble tries first."""
    page = commands()
    with_commands = {name for name, lines in page.items() if lines}
    assert with_commands == ASKING | STOPPING | IN.keys()
    assert page.keys() - with_commands == ELSEWHERE.keys()
    assert in_sentences() == IN_SENTENCES.keys()
    for what, (test, words) in [*ELSEWHERE.items(), *IN_SENTENCES.items()]:
        assert re.search(words, reached(test)), f"{what}: {test} does not do it"
    for section, place in [*IN.items(), *RAISED.items()]:
        assert follow_it(section, place), f"{place} does not follow {section}"


def test_a_section_is_followed_by_tests_that_are_there() -> None:
    """Words in a comment, or in a helper that nobody calls, follow nothing."""
    (test,) = follow_it("MdsclusterFencingDeviceLied", "tests/chaos/alerts/test_fencing.py")
    assert test == "test_fencing_is_forgotten_in_maintenance_and_a_device_lies"
    assert follow_it("MdsclusterNoQuorum", "tests/chaos/alerts/test_fencing.py") == []
    by_helper = follow_it("MdsclusterNoQuorum", "tests/chaos/test_runbook.py")
    assert by_helper == ["test_procedures_that_stop_or_start_something"]
    with pytest.raises(AssertionError, match="there is no test"):
        reached("tests/chaos/test_membership.py::test_that_was_renamed")


def follow_it(section: str, place: str) -> list[str]:
    """The tests of a module that follow this section of the page."""
    return [
        name for name in functions(place)
        if name.startswith("test_") and re.search(rf"\bfollow\(\s*'{section}'", reached(f"{place}::{name}"))
    ]  # fmt: skip


@pytest.mark.long
def test_procedures_that_stop_nothing(stage: Stage, tmp_path: Path) -> None:
    """Looking, handing over, sending a client away, sparing a data server."""
    follow = stage.follow
    told = follow(FIRST, NODE="mds1")
    assert json.loads(told[-1].told)["ready"]
    assert json.loads(follow("MdsclusterNodeNotReady", NODE="mds2")[0].told)["ready"]
    assert json.loads(follow("MdsclusterDataServerNotReady", DS="ds1")[0].told)["ready"]
    for section in ("ApplyLag", "FeatureLevelLag", "ReleasesMixed", "DiskNearlyFull", "QueueDepth"):
        assert follow(f"Mdscluster{section}", NODE="mds1")[-1].told
    follow("MdsclusterForbiddenStatusSent", NODE="mds1")
    with tarfile.open(tmp_path / "bundle.tar.gz") as bundle:
        names = {name.partition("/")[2] for name in bundle.getnames()}
    assert {"status.json", "fence.json", "vip.json", "digest.json", "mds1/config.toml", "ds1/metrics.txt"} <= names
    with gzip.open(tmp_path / f"{socket.gethostname()}.log.gz", "rt") as log:
        assert "mds1" in log.read()
    hand_over(stage)
    stage.watched.manner.write_text("well")  # its power device's
    _, tested, _, _, asked, *_ = follow("MdsclusterFencingDeviceLied", may_fail=(ASKED_OFF,), NODE="mds1")
    assert "mds1" in tested.told
    assert (asked.code, asked.told) == (2, "Status: OFF\n")
    stage.watched.manner.write_text("broken")
    for section in ("SlowOperations", "StateNearlyFull", "RecallOverdue"):

        def evict(client: str, section: str = section) -> None:
            told = follow(f"Mdscluster{section}", CLIENT=client)
            assert client in "".join(typed.told for typed in told)
            assert client not in stage.clients()

        stage.beside_a_client(evict)
    follow("MdsclusterDataServerSpace", DS="ds2")
    assert [stage.data_server(one)["drained"] for one in ("ds1", "ds2")] == [False, True]
    assert stage.cluster.mdsctl("ds", "drain", "ds2", "--off").returncode == 0
    assert stage.operator.followed == ASKING


def hand_over(stage: Stage) -> None:
    """Another one leads each time; who is in maintenance does not come back into office, until that is taken off."""
    leader = stage.leader()
    stage.follow("MdsclusterLoopLag")
    until("another one leads", lambda: stage.leader() not in ("", leader))
    weak = stage.leader()
    stage.follow("MdsclusterLeaderFlapping", NODE=weak)
    until("it is out of office", lambda: stage.leader() not in ("", weak))
    stage.follow("MdsclusterFencingSuspended", NODE=weak)
    assert stage.cluster.mdsctl("node", "maintenance", weak, "on").returncode == 0, "it was taken off"
    assert stage.cluster.mdsctl("node", "maintenance", weak, "off").returncode == 0


@pytest.mark.long
def test_procedures_that_stop_or_start_something(stage: Stage) -> None:
    """INV-2, INV-6: each trouble is made, its section followed, and all is as before."""
    cluster, follow = stage.cluster, stage.follow
    assert cluster.mdsctl("fence", "suspend").returncode == 0  # until it is its turn
    victim = stage.follower()
    cluster.kill(victim)
    follow("MdsclusterNodeDown", NODE=victim)
    cluster.await_all(200)
    follow("MdsclusterNodeRestarts", NODE=victim)
    cluster.await_all(200)
    a_majority_is_down(stage)
    a_disk_is_replaced(stage)
    for section in ("DataServerDown", "DataServerUnreachable"):
        os.kill(cluster.pid("ds2"), signal.SIGTERM)
        until("it is down", lambda: stage.data_server("ds2")["state"] == "down")
        follow(f"Mdscluster{section}", DS="ds2")
        until("it is up", lambda: stage.data_server("ds2")["state"] == "up")
    a_node_is_not_fenced(stage)
    assert stage.operator.followed == STOPPING


def a_majority_is_down(stage: Stage) -> None:
    last, *victims = NODES
    for victim in victims:
        stage.cluster.kill(victim)
    until("no quorum is left", lambda: not stage.ready(last))
    said = stage.follow("MdsclusterNodeNotReady", may_fail=("mdsctl nodes",), NODE=last)[0].told
    assert "it has no quorum" in json.loads(said)["reasons"], "the page leads to the reason"
    until("nor does a data server hear one", lambda: get(f"http://{stage.watched.ds['ds1']}/ready")[0] == 503)
    said = stage.follow("MdsclusterDataServerNotReady", DS="ds1")[0].told
    assert "no quorum of metadata servers was heard within the lease" in json.loads(said)["reasons"]
    for victim in victims:
        stage.follow("MdsclusterNoQuorum", NODE=victim)
    stage.cluster.await_all(200)
    until("it serves again", lambda: stage.ready(last))


def a_disk_is_replaced(stage: Stage) -> None:
    """The new disk is empty by the time that the page says so."""
    cluster = stage.cluster
    node = stage.follower()
    state = NodeConfig.load(Path(cluster.nodes()[node]["config"])).state_dir
    stage.follow(
        "MdsclusterFsyncSlow", NODE=node, before={"install -d": lambda: shutil.rmtree(state)},
        after={"systemctl start": lambda: cluster.await_all(200)},
    )  # fmt: skip
    assert cluster.mdsctl("digest").returncode == 0


def a_node_is_not_fenced(stage: Stage) -> None:
    """Missing while fencing is suspended; then its device is broken; and by the operator's word it is off."""
    victim = stage.follower()
    left = [place for node, place in stage.watched.mds.items() if node != victim]
    stage.cluster.kill(victim)
    until("it is missed", lambda: any("fencing_held_servers 1" in get(f"http://{place}/metrics")[1] for place in left))
    stage.follow("MdsclusterServerMissing")
    until("an attempt fails", lambda: "the device is broken" in stage.cluster.mdsctl("fence", "history").stdout)
    told = stage.follow("MdsclusterFencingFailed", may_fail=("mdsctl fence test",), NODE=victim)
    assert "by your word" in told[-1].told
    assert victim in stage.follow("MdsclusterServerFenced")[-1].told
    stage.cluster.start(victim)
    stage.cluster.await_all(200)
