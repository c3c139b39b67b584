"""Alerts that disks, clocks, clients, releases and power devices bring about: of real servers, by a real Prometheus.

What needs nothing but processes that end and start is in test_monitoring.py. Of the product's rules only `for` is cut
here, as it is up to six hours (how long an alert waits is promtool's to judge); thresholds and windows are as they are.
No alert counts that was there before its trouble.

**What is not as it would be**: a slow disk and a wrong clock are so in the eyes of one server (tests/chaos/shim.c), and
the limit of a server's state is lowered (tests/chaos/patches), as nobody fills 205 GiB here. A later release is the
present one under another number.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mdscluster.config
from deploy import monitoring
from mdscluster.config import NodeConfig
from mdsproto.configfile import save
from nfsclient.channel import ChannelSettings
from nfsclient.client import Client, Settings
from nfsclient.errors import NfsClientError, NfsError
from nfswire import nfs4
from tests.chaos.conftest import unavailable
from tests.chaos.shim import Shim
from tests.chaos.test_rolling_upgrade import LEVEL_4
from tests.support.cluster import ROOT
from tests.support.debian import Unavailable, is_root
from tests.support.embedded import Embedded
from tests.support.lifeline import die_with_parent
from tests.support.ports import free_port
from tests.support.power import Small
from tests.support.prometheus import Prometheus, complete, hasty, values
from tests.support.releases import check_out, renumbered
from tests.support.troubled import Stage, left_behind, place_data, staged, until
from tests.support.watched import ADDRESS, NODES, Load, Watched

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long]

PATCHES = Path(__file__).with_name("patches")
WITHIN_S = 60.0
FULL = "ds2"
LATE, ROOM_MIB, LEFT_MIB = "mds3", 512, 16
"""A late follower's disk, and what is left on it: less than a snapshot takes, more than the server itself."""
LAG_ENTRIES = 10_000
"""A follower that lacks more than so many raises MdsclusterFollowerLag."""
SLOW_FSYNC_MS = 150
OFF_S = 90.0
DATA = b"of both data servers" * (4 << 20 >> 4)
"""More than is left on a data server that is full."""
STILL_S, RUNS_S = 0.25, 0.75
"""Stopped for longer than MdsclusterLoopLag allows, and for less than an election takes."""
CROWD, SLOTS = 48, 64
"""Clients, each with so many requests under way: half as many more than MdsclusterQueueDepth allows."""
HANG_S = 60.0
RECALL_MS = 2_000
WAITERS = 8
STATE_BYTES = 64 << 20
TEXT_BYTES = 4_000
_HOLDER = """
import asyncio, sys
from nfsclient import Client
from nfswire import nfs4

async def main():
    async with await Client.connect([(sys.argv[1], int(sys.argv[2]))]) as client:
        file = await client.open("/held", create=nfs4.UNCHECKED4)
        while True:
            await file.write(0, bytes(4 << 20))
            await file.commit()
            print("committed", flush=True)
            await asyncio.sleep(0.05)

asyncio.run(main())
"""


class Scene:
    """A cluster in trouble, and who watches it."""

    def __init__(self, stage: Stage, prometheus: Prometheus) -> None:
        self.stage, self.cluster, self.prometheus = stage, stage.cluster, prometheus

    @contextlib.contextmanager
    def raises(self, *names: str, within_s: float = WITHIN_S, **labels: str) -> Iterator[None]:
        """The trouble that is made inside raises these alerts, with these labels, which are not there before it."""
        until(f"{names} are there before their trouble", lambda: not self._told(names, labels))
        began_s = time.monotonic()
        yield
        deadline = time.monotonic() + within_s
        seen: dict[str, dict[str, Any]] = {}
        while missing := set(names) - seen.keys():
            seen = self._told(names, labels) | seen
            assert time.monotonic() < deadline, f"never raised: {missing}; firing: {self.prometheus.firing()}"
            time.sleep(0.5)
        complete(seen)
        print(f"{', '.join(names)}: after {time.monotonic() - began_s:.0f} s")

    def _told(self, names: tuple[str, ...], labels: dict[str, str]) -> dict[str, dict[str, Any]]:
        alerts = [alert for alert in self.prometheus.alerts() if labels.items() <= alert["labels"].items()]
        named = {alert["labels"]["alertname"].removeprefix("Mdscluster"): alert for alert in alerts}
        return {name: alert for name, alert in named.items() if name in names}

    def ends(self, name: str, within_s: float = WITHIN_S) -> None:
        """The alert goes when its trouble has gone."""
        self.prometheus.wait_until(lambda firing: name not in firing, f"{name} does not end", within_s)

    def page_of_leader(self) -> str:
        return self.stage.page(self.stage.leader())


@contextlib.contextmanager
def watching(stage: Stage) -> Iterator[Scene]:
    """Whoever watches asks once a second."""
    watched = stage.watched
    rules = hasty(monitoring.rules())
    try:
        prometheus = Prometheus.watching(watched.folder / "prometheus", "files", watched.mds, watched.ds, rules)
    except Unavailable as reason:
        unavailable(reason)
    with prometheus:
        yield Scene(stage, prometheus)


@contextlib.contextmanager
def scene(watched: Watched) -> Iterator[Scene]:
    """Nobody is fenced in it: who stands still for a while is to go on."""
    with staged(watched) as stage:
        assert stage.cluster.mdsctl("fence", "suspend").returncode == 0
        with watching(stage) as made:
            yield made


@contextlib.contextmanager
def at_work(cluster: Embedded) -> Iterator[Load]:
    load = Load(cluster)
    load.start()
    try:
        yield load
    finally:
        load.stop()


@pytest.fixture
def shim(tmp_path: Path) -> Shim:
    made = Shim(tmp_path / "shim")
    try:
        made.build()
    except Unavailable as reason:
        unavailable(reason)
    return made


def restart(stage: Stage, server: str, kind: str, shim: Shim, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the library tells it how slow its disk and how wrong its clock is."""
    stage.cluster.kill(server)
    with monkeypatch.context() as environment:
        for name, value in shim.environment(server).items():
            environment.setenv(name, value)
        stage.cluster.start(server, kind)


# ---------------------------------------------------------------------- one host
@contextlib.contextmanager
def in_pulses(pid: int) -> Iterator[None]:
    """A process does not get its processor for long enough at a time."""
    enough = threading.Event()

    def pulse() -> None:
        while not enough.wait(RUNS_S):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(STILL_S)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=pulse, daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def test_a_slow_disk_a_wrong_clock_a_processor_that_others_have(
    tmp_path: Path, shim: Shim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one follower; the alert names it."""
    with scene(Watched(tmp_path)) as it, at_work(it.cluster):
        victim = it.stage.follower()
        restart(it.stage, victim, "mds", shim, monkeypatch)
        it.cluster.await_all(200)
        until("it is ready", lambda: it.stage.ready(victim))
        with it.raises("FsyncSlow", node=victim):
            shim.delay_syncs(victim, SLOW_FSYNC_MS)
        shim.delay_syncs(victim, 0)
        assert shim.struck(victim)[0] > 0
        with it.raises("ClockWrong", node=victim):
            shim.shift_clock(victim, OFF_S)
        shim.shift_clock(victim, 0.0)
        it.ends("ClockWrong")
        with contextlib.ExitStack() as until_raised, it.raises("LoopLag", node=victim, loop="consensus"):
            until_raised.enter_context(in_pulses(it.cluster.pid(victim)))


# ---------------------------------------------------------------------- many clients, and one that does not answer
class Crowd(threading.Thread):
    """Many clients of one server, with all requests under way that they may have."""

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(daemon=True)
        self._address = address
        self._enough = threading.Event()
        self.answered = 0

    def run(self) -> None:
        asyncio.run(self._work())

    def stop(self) -> None:
        self._enough.set()
        self.join(60)

    async def _work(self) -> None:
        patient = Settings(channel=ChannelSettings(reply_timeout_ms=60_000.0, reply_timeout_max_ms=60_000.0))
        clients = [await Client.connect([self._address], settings=patient) for _ in range(CROWD)]
        tasks = [
            asyncio.create_task(self._ask(client, f"/{number}-{slot}"))
            for number, client in enumerate(clients) for slot in range(SLOTS)
        ]  # fmt: skip
        await asyncio.to_thread(self._enough.wait)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in clients:
            client.abandon()
        await asyncio.sleep(0.1)

    async def _ask(self, client: Client, name: str) -> None:
        while True:
            with contextlib.suppress(NfsClientError):
                await client.symlink(name, "x")
                self.answered += 1
                await client.remove(name)
                self.answered += 1


def test_requests_pile_up_while_a_majority_stands_still(tmp_path: Path) -> None:
    """INV-6: none of them is answered meanwhile."""
    with scene(Watched(tmp_path)) as it:
        last = it.stage.leader()
        others = [it.cluster.pid(name) for name in NODES if name != last]
        node = it.cluster.nodes()[last]
        crowd = Crowd((node["host"], node["nfs_port"]))
        crowd.start()
        try:
            until("the crowd is served", lambda: crowd.answered > CROWD * SLOTS)
            try:
                with it.raises("QueueDepth", node=last, queue="proposals"):
                    for pid in others:
                        os.kill(pid, signal.SIGSTOP)
                    time.sleep(2)
                    answered = crowd.answered
                assert crowd.answered == answered
            finally:
                for pid in others:
                    os.kill(pid, signal.SIGCONT)
            it.ends("QueueDepth")
        finally:
            crowd.stop()


async def want(address: tuple[str, int], done: threading.Event) -> None:
    """Cut a file that somebody else has a layout of, many times at once."""
    patient = Settings(channel=ChannelSettings(reply_timeout_ms=30_000.0))
    async with await Client.connect([address], settings=patient) as client:
        async with await client.open("/own", create=nfs4.UNCHECKED4) as own:
            await own.truncate(1)
        await asyncio.sleep(3)  # Prometheus' rate does not see a series begin
        async with await client.open("/held") as file:
            await asyncio.gather(*(file.truncate(size) for size in range(WAITERS)))
    done.set()


def test_a_data_servers_disk_hangs_and_nobody_gets_a_layout_back(
    tmp_path: Path, shim: Shim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-6: a layout is not reported as revoked while what was written under it is under way on a data server."""
    watched = Watched(tmp_path)
    for node in watched.plan.mds:
        config = NodeConfig.load(node.config)
        save(dataclasses.replace(
            config, cluster=dataclasses.replace(config.cluster, recall_timeout_ms=RECALL_MS)
        ), node.config)  # fmt: skip
    with scene(watched) as it:
        restart(it.stage, FULL, "ds", shim, monkeypatch)
        until("it is up", lambda: it.stage.data_server(FULL)["state"] == "up")
        first, *_, other = it.cluster.addresses()
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, first[0], str(first[1])], stdout=subprocess.PIPE, text=True, cwd=ROOT,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "committed\n"
            shim.delay_syncs(FULL, int(HANG_S * 1000))
            time.sleep(1)
            holder.send_signal(signal.SIGSTOP)  # with a COMMIT under way: it neither answers a recall nor gives up
            shim.delay_syncs(FULL, 0)
            done = threading.Event()
            waiter = threading.Thread(target=lambda: asyncio.run(want(other, done)), daemon=True)
            with it.raises("SlowOperations", "RecallOverdue", within_s=HANG_S):
                waiter.start()
            assert not done.is_set()
            until("what was waited for is done", done.is_set, 2 * HANG_S)
            assert shim.struck(FULL)[0] > 0
            it.ends("RecallOverdue")
        finally:
            holder.kill()
            holder.communicate()


# ---------------------------------------------------------------------- room
@pytest.fixture
def small(tmp_path: Path) -> Iterator[Callable[[Path, int], Small]]:
    """Makes small file systems."""
    made: list[Small] = []

    def make(folder: Path, size_mib: int) -> Small:
        try:
            if not is_root():
                raise Unavailable("mounting needs root")
            made.append(Small(folder, size_mib))
        except Unavailable as reason:
            unavailable(reason)
        return made[-1]

    yield make
    for one in made:
        one.remove()


def test_a_follower_is_far_behind_and_has_no_room(tmp_path: Path, small: Callable[[Path, int], Small]) -> None:
    """And with room again it is as the others are, and the alert of its disk ends."""
    disk = small(tmp_path / "cluster" / LATE, ROOM_MIB)
    with scene(Watched(tmp_path)) as it:
        def lags() -> bool:
            found = values(it.page_of_leader(), "mdscluster_raft_peer_lag_entries", peer=LATE)
            return bool(found) and found[0] > LAG_ENTRIES

        with it.raises("FollowerLag", peer=LATE):
            left_behind(it.stage, LATE, enough=lags)
        disk.fill(LEFT_MIB << 20)
        with it.raises("DiskNearlyFull", "SnapshotsFail", within_s=120.0, node=LATE):
            it.cluster.start(LATE)
        disk.free()
        it.ends("DiskNearlyFull")
        it.cluster.await_all(200)
        it.ends("FollowerLag")


def test_the_state_nears_its_limit(tmp_path: Path) -> None:
    """Of every server, as all have the same: a limit of 64 MiB."""
    watched = Watched(tmp_path)
    (watched.plan.base_dir / "map_bytes").write_text(str(STATE_BYTES))
    with staged(watched, PATCHES) as stage, watching(stage) as it:
        with it.raises("StateNearlyFull"):
            asyncio.run(fill(stage))
        assert stage.cluster.mdsctl("digest").returncode == 0


async def fill(stage: Stage) -> None:
    """Symbolic links with long texts, until it is enough for the alert."""
    enough = asyncio.Event()

    async def look() -> None:
        page = ""
        while not page or values(page, "mdscluster_state_used_bytes")[0] < 0.81 * STATE_BYTES:
            await asyncio.sleep(0.2)
            page = await asyncio.to_thread(stage.page, "mds1")
        assert values(page, "mdscluster_state_size_bytes") == [STATE_BYTES]
        enough.set()

    async with await Client.connect(stage.cluster.addresses()) as client:
        async def make(number: int) -> None:
            made = 0
            while not enough.is_set():
                await client.symlink(f"/{number}-{made}", "x" * TEXT_BYTES)
                made += 1

        await asyncio.wait_for(asyncio.gather(look(), *map(make, range(16))), 120)


def test_a_data_server_is_full_and_then_loses_its_store(
    tmp_path: Path, small: Callable[[Path, int], Small]
) -> None:
    """INV-10: programs are told, and so is whoever watches; what was acknowledged is there while there is no room."""
    disk = small(tmp_path / "small", 96)
    watched = Watched(tmp_path)
    place_data(watched, FULL, disk.folder)
    with scene(watched) as it:
        it.cluster.await_all(200)
        asyncio.run(write(it.stage, "/kept"))
        with it.raises("DataServerSpace", data_server=FULL):
            disk.fill(256 << 10)
        with (
            it.raises("DataServerErrors", node=FULL, status="NFS4ERR_NOSPC"),
            pytest.raises(NfsError, match="NFS4ERR_NOSPC"),
        ):
            asyncio.run(write(it.stage, "/late"))
        assert asyncio.run(read(it.stage, "/kept")) == DATA

        def replace() -> None:
            disk.free()
            shutil.rmtree(disk.folder / "data")

        with it.raises("DataServerLost"):
            it.stage.follow(
                "MdsclusterDataServerErrors", DS=FULL, before={"dataserver new-store": replace},
                after={"systemctl start": lambda: until(
                    "it is up", lambda: it.stage.data_server(FULL)["state"] == "up"
                )},
            )  # fmt: skip
        it.ends("DataServerSpace")


async def read(stage: Stage, name: str) -> bytes:
    async with (
        await Client.connect(stage.cluster.addresses()) as client,
        await client.open(name, nfs4.OPEN4_SHARE_ACCESS_READ) as file,
    ):
        return await file.read(0, len(DATA))


async def write(stage: Stage, name: str) -> None:
    """On both data servers."""
    async with (
        await Client.connect(stage.cluster.addresses()) as client,
        await client.open(name, create=nfs4.UNCHECKED4) as file,
    ):
        await file.write(0, DATA)
        await file.flush()


# ---------------------------------------------------------------------- releases
def test_an_upgrade_is_left_half_done(tmp_path: Path) -> None:
    """Two servers are upgraded, from a release that knew less; and one of them once more."""
    old = check_out(LEVEL_4, tmp_path / "old")
    later = renumbered("0.2.0", tmp_path / "later")
    with Embedded(tmp_path / "cluster", release=old) as cluster:
        watched = {name: f"{ADDRESS}:{free_port()}" for name in NODES}

        def upgrade(name: str, release: Path = ROOT) -> None:
            file = Path(cluster.nodes()[name]["config"])
            metrics = mdscluster.config.Metrics(watched[name])
            cluster.kill(name)
            save(dataclasses.replace(NodeConfig.load(file), metrics=metrics), file)
            cluster.start(name, release=release)
            cluster.await_all(200)

        rules = hasty(monitoring.rules())
        try:
            prometheus = Prometheus.watching(tmp_path / "prometheus", "files", watched, {}, rules)
        except Unavailable as reason:
            unavailable(reason)
        with prometheus:
            upgrade("mds1")
            upgrade("mds2")
            complete(prometheus.wait_for(("FeatureLevelLag",), WITHIN_S))
            assert "ReleasesMixed" not in prometheus.firing()
            upgrade("mds2", later)
            complete(prometheus.wait_for(("ReleasesMixed",), WITHIN_S))
            assert "FeatureLevelLag" in prometheus.firing(), "one server is still of the old release"
            upgrade("mds3", later)
            prometheus.wait_until(lambda firing: "FeatureLevelLag" not in firing, "the level is not raised", WITHIN_S)
            assert "ReleasesMixed" in prometheus.firing()
            upgrade("mds1", later)
            prometheus.wait_until(lambda firing: "ReleasesMixed" not in firing, "all are of one release", WITHIN_S)


# ---------------------------------------------------------------------- fencing
def test_fencing_is_forgotten_in_maintenance_and_a_device_lies(tmp_path: Path) -> None:
    """INV-9: a server that stands still is reported off by its device, and goes on."""
    watched = Watched(tmp_path)
    with staged(watched) as stage, watching(stage) as it:
        with it.raises("FencingSuspended", server="*"):
            assert it.cluster.mdsctl("fence", "suspend").returncode == 0
        assert it.cluster.mdsctl("fence", "resume").returncode == 0
        it.ends("FencingSuspended")
        watched.manner.write_text("well")  # it says what it was told to do, and does nothing
        victim = stage.follower()
        pid = it.cluster.pid(victim)
        with it.raises("FencingDeviceLied", server=victim):
            os.kill(pid, signal.SIGSTOP)
            try:
                until("it counts as fenced", lambda: fenced(stage, victim))
            finally:
                os.kill(pid, signal.SIGCONT)
        assert it.cluster.pid(victim) == pid, "it is the same process"


def fenced(stage: Stage, server: str) -> bool:
    """By the history of the log."""
    history = stage.json("fence", "history")["history"]
    return any(event["node"] == server and event["kind"] == "fenced" for event in history)
