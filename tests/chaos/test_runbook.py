"""The procedures of docs/RUNBOOK.md: the very commands of the page, given on a cluster of real processes in trouble.

What needs a host of its own (keepalived, clocks, disks) is followed elsewhere, or by nobody: `ELSEWHERE` says which.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mdscluster.config import NodeConfig
from nfsclient.client import Client
from nfsclient.cluster_file import read_cluster_file
from nfswire import nfs4
from tests.chaos.conftest import unavailable
from tests.support.cluster import ROOT
from tests.support.debian import Unavailable, need_tools
from tests.support.embedded import Embedded
from tests.support.prometheus import get
from tests.support.runbook import FIRST, Operator, commands
from tests.support.watched import NODES, Watched

pytestmark = [pytest.mark.slow, pytest.mark.alone]

ELSEWHERE = {
    "MdsclusterFollowerLag": "tests/chaos/test_membership.py",  # mdsctl member replace
    "MdsclusterSnapshotsFail": "",  # nothing is typed: room is made
    "MdsclusterClockWrong": "",  # timedatectl, chrony
    "MdsclusterCertificateEndsSoon": "tests/unit/deployment/test_guide.py",  # mdsctl certs renew
    "MdsclusterCertificateUnreadable": "tests/chaos/test_certificates.py",  # renewed files are taken up
    "MdsclusterDataServerLost": "tests/unit/mdsctl/test_ds.py",  # mdsctl ds drain, remove
    "MdsclusterDataServerErrors": "",  # a disk is replaced
    "MdsclusterVipNoHolder": "",  # keepalived is restarted
    "MdsclusterVipTwoHolders": "",  # an address is taken off by hand
    "MdsclusterVipStateWrong": "",  # keepalived is restarted
}
"""Sections without a block of commands -> the test that runs what they name; empty: none does."""
ASKING = {
    FIRST, "MdsclusterNodeNotReady", "MdsclusterForbiddenStatusSent", "MdsclusterSlowOperations",
    "MdsclusterLeaderFlapping", "MdsclusterApplyLag", "MdsclusterLoopLag", "MdsclusterQueueDepth",
    "MdsclusterDiskNearlyFull", "MdsclusterStateNearlyFull", "MdsclusterFeatureLevelLag", "MdsclusterReleasesMixed",
    "MdsclusterDataServerSpace", "MdsclusterDataServerNotReady", "MdsclusterRecallOverdue",
    "MdsclusterFencingSuspended",
}  # fmt: skip
STOPPING = {
    "MdsclusterNoQuorum", "MdsclusterNodeDown", "MdsclusterNodeRestarts", "MdsclusterFsyncSlow",
    "MdsclusterDataServerDown", "MdsclusterDataServerUnreachable", "MdsclusterFencingFailed",
    "MdsclusterServerMissing", "MdsclusterServerFenced",
}  # fmt: skip


class Stage:
    """A cluster, its operator, and clients who get in the way."""

    def __init__(self, watched: Watched, cluster: Embedded, folder: Path) -> None:
        self.watched = watched
        self.cluster = cluster
        self.operator = Operator(cluster, folder, watched.mds | watched.ds)
        self.follow = self.operator.follow

    def leader(self) -> str:
        return str(self.cluster.status()["leader"])

    def follower(self) -> str:
        leader = self.leader()
        return next(name for name in NODES if name != leader)

    def json(self, *words: str) -> Any:
        done = self.cluster.mdsctl(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def clients(self) -> list[str]:
        return [client["client_id"] for client in self.json("clients", "list")["clients"]]

    def ready(self, node: str) -> bool:
        with contextlib.suppress(OSError):
            return get(f"http://{self.watched.mds[node]}/ready")[0] == 200
        return False

    def beside_a_client(self, act: Callable[[str], None]) -> None:
        """While a client has a file open and a layout of it."""

        async def main() -> None:
            found = read_cluster_file(self.cluster.file)
            before = set(self.clients())
            client = await Client.connect(found.addresses, root=found.export)
            try:
                file = await client.open("/held", create=nfs4.UNCHECKED4)
                await file.write(0, bytes(1 << 16))
                (client_id,) = set(await asyncio.to_thread(self.clients)) - before
                await asyncio.to_thread(act, client_id)
            finally:
                client.abandon()  # it is evicted, and has nothing to give back
                await asyncio.sleep(0.1)

        asyncio.run(main())


def until(what: str, condition: Callable[[], Any], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    try:
        need_tools({"curl": "curl"})
    except Unavailable as problem:
        unavailable(problem)
    watched = Watched(tmp_path)
    with Embedded(tmp_path / "cluster", ds=2) as cluster:
        cluster.await_all(200)
        yield Stage(watched, cluster, tmp_path)


def test_every_section_is_followed_or_says_by_whom() -> None:
    """A procedure without a test is one that somebody in trouble tries first."""
    page = commands()
    with_commands = {name for name, lines in page.items() if lines}
    assert with_commands == ASKING | STOPPING
    assert page.keys() - with_commands == ELSEWHERE.keys()
    for place in filter(None, ELSEWHERE.values()):
        assert (ROOT / place).is_file(), place


@pytest.mark.long
def test_procedures_that_stop_nothing(stage: Stage, tmp_path: Path) -> None:
    """Looking, handing over, sending a client away, sparing a data server."""
    follow = stage.follow
    told = follow(FIRST, NODE="mds1")
    assert json.loads(told[-1].told)["ready"]
    assert json.loads(follow("MdsclusterNodeNotReady", NODE="mds2")[0].told)["ready"]
    assert json.loads(follow("MdsclusterDataServerNotReady", DS="ds1")[0].told)["ready"]
    for section in ("FeatureLevelLag", "ReleasesMixed", "DiskNearlyFull", "QueueDepth"):
        assert follow(f"Mdscluster{section}")[-1].told
    follow("MdsclusterForbiddenStatusSent")
    with tarfile.open(tmp_path / "bundle.tar.gz") as bundle:
        assert len(bundle.getnames()) > 5
    hand_over(stage)
    for section in ("SlowOperations", "StateNearlyFull", "RecallOverdue"):

        def evict(client: str, section: str = section) -> None:
            told = follow(f"Mdscluster{section}", CLIENT=client)
            assert client in "".join(typed.told for typed in told)
            assert client not in stage.clients()

        stage.beside_a_client(evict)
    follow("MdsclusterDataServerSpace", DS="ds2")
    drained = {one["id"]: one["drained"] for one in stage.json("ds", "list")["data_servers"]}
    assert drained == {"ds1": False, "ds2": True}
    assert stage.cluster.mdsctl("ds", "drain", "ds2", "--off").returncode == 0
    assert stage.operator.followed == ASKING


def hand_over(stage: Stage) -> None:
    """Another one leads each time; who is in maintenance does not come back into office, until that is taken off."""
    for section in ("ApplyLag", "LoopLag"):
        leader = stage.leader()
        stage.follow(f"Mdscluster{section}")
        until("another one leads", lambda leader=leader: stage.leader() not in ("", leader))
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
        until("it is down", lambda: states(stage)["ds2"] == "down")
        follow(f"Mdscluster{section}", DS="ds2")
        until("it is up", lambda: states(stage)["ds2"] == "up")
    a_node_is_not_fenced(stage)
    assert stage.operator.followed == STOPPING


def states(stage: Stage) -> dict[str, str]:
    return {one["id"]: one["state"] for one in stage.json("ds", "list")["data_servers"]}


def a_majority_is_down(stage: Stage) -> None:
    last, *victims = NODES
    for victim in victims:
        stage.cluster.kill(victim)
    until("no quorum is left", lambda: not stage.ready(last))
    for victim in victims:
        stage.follow("MdsclusterNoQuorum", NODE=victim)
    stage.cluster.await_all(200)
    until("it serves again", lambda: stage.ready(last))


def a_disk_is_replaced(stage: Stage) -> None:
    """The new disk is empty by the time that the page says so."""
    cluster = stage.cluster
    node = stage.follower()
    state = NodeConfig.load(Path(cluster.nodes()[node]["config"])).state_dir
    give = stage.operator._give

    def with_new_disk(command: str, names: dict[str, str]) -> Any:
        if "rejoin" in command:
            shutil.rmtree(state)
        typed = give(command, names)
        if command.startswith("systemctl start"):
            cluster.await_all(200)
        return typed

    stage.operator._give = with_new_disk  # type: ignore[method-assign]
    stage.follow("MdsclusterFsyncSlow", NODE=node)
    stage.operator._give = give  # type: ignore[method-assign]
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
