"""docs/RUNBOOK.md where a host is at fault: no room for a snapshot, a disk that fails, a clock that is wrong.

Disks are real ones (a small file system in memory, an ext4 that the kernel has given up). A clock is not: to set one
would change that of this machine, and with it of every other test. Here it is wrong in the eyes of one server
(tests/chaos/shim.c), and ``systemctl restart chrony`` is the ONE COMMAND OF THE PAGE THAT IS NOT GIVEN: what NTP does
then, a step to the right time, is done to that server's clock instead. That chrony steps the clock is not tested.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataserver import leadership
from dataserver.monitoring import ALERTED
from nfsclient.client import Client
from nfsclient.errors import NfsError
from nfswire import nfs4
from tests.chaos.conftest import MakeSmall, unavailable
from tests.chaos.shim import Shim
from tests.support.debian import Unavailable, need_tools
from tests.support.power import Disk, Small
from tests.support.prometheus import values
from tests.support.troubled import Stage, left_behind, place_data, staged, until
from tests.support.watched import Watched

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

LATE = "mds3"
ROOM_MIB, LEFT_MIB = 512, 16
"""Of the late follower's disk, and what is left on it: less than a snapshot takes, more than the server itself."""
FULL = "No space left on device"
FAILURES = 2
"""More than so many raise MdsclusterSnapshotsFail."""
FAILING = "ds2"
DATA = b"of both data servers" * (3 << 16)
"""Larger than two stripe units: it lies on both data servers."""
OFF_S = 90.0
RIGHT_S = 1.0
"""A clock that is off by more than this raises MdsclusterClockWrong."""


# ---------------------------------------------------------------------- snapshots
@pytest.fixture
def small(tmp_path: Path, make_small: MakeSmall) -> Small:
    """The whole disk of the follower that will be late."""
    return make_small(tmp_path / "cluster" / LATE, ROOM_MIB)


@pytest.mark.long
def test_a_follower_has_no_room_for_a_snapshot(tmp_path: Path, small: Small) -> None:
    """INV-8: it goes on with what it has, and has all that the others have once there is room. Nothing is restarted."""
    with staged(Watched(tmp_path)) as stage:
        assert stage.cluster.mdsctl("fence", "suspend").returncode == 0  # it will be away for longer than a while
        left_behind(stage, LATE)
        small.fill(LEFT_MIB << 20)
        stage.cluster.start(LATE)
        until("snapshots fail again and again", lambda: failures(stage) > FAILURES, 90.0)
        pid = stage.cluster.pid(LATE)
        told = stage.follow("MdsclusterSnapshotsFail", NODE=LATE, before={"mdsctl nodes": small.free})
        assert FULL in told[0].told, "the page leads to the reason"
        stage.cluster.await_all(200)
        until("it is ready", lambda: stage.ready(LATE))
        until("it began anew with the snapshot that it got", lambda: failures(stage) == 0)
        assert stage.cluster.pid(LATE) == pid, "by itself"
        assert stage.cluster.mdsctl("digest").returncode == 0


def failures(stage: Stage) -> float:
    """By the late follower's own count; NaN while it does not answer."""
    found = values(stage.page(LATE), "mdscluster_raft_snapshots_total", outcome="not received")
    return found[0] if found else float("nan")


# ---------------------------------------------------------------------- data servers
@pytest.fixture
def disks(tmp_path: Path) -> Iterator[tuple[Disk, Disk]]:
    """A data server's, which is in place, and the one that it will get."""
    folder = tmp_path / "disk"
    both = Disk(tmp_path / "old.img", folder, 256), Disk(tmp_path / "new.img", folder, 256)
    try:
        both[0].create()
    except Unavailable as reason:
        unavailable(reason)
    yield both
    for disk in both:
        disk.remove()


@pytest.mark.long
def test_a_data_servers_disk_fails(tmp_path: Path, disks: tuple[Disk, Disk]) -> None:
    """INV-10: the kernel makes its file system read-only. What was written is read and copied; nothing that was
    acknowledged reads as zeros afterwards; and programs get no more errors."""
    old, new = disks
    watched = Watched(tmp_path)
    place_data(watched, FAILING, old.folder)
    with staged(watched) as stage:
        asyncio.run(write(stage, "/kept"))
        asyncio.run(write(stage, "/left"))
        assert errors(stage) == 0
        # A data server that cannot remember who leads obeys nobody: the page says so.
        until("it has remembered who leads", lambda: leadership.read(old.folder / "data") is not None)
        old.give_up()
        with pytest.raises(NfsError, match="NFS4ERR_ROFS"):
            asyncio.run(write(stage, "/late"))
        until("MdsclusterDataServerErrors has a reason", lambda: errors(stage) > 0)

        def copy() -> None:
            asyncio.run(write(stage, "/copy", asyncio.run(read(stage, "/kept"))))

        def replace() -> None:
            assert subprocess.run(["umount", str(old.folder)], capture_output=True).returncode == 0
            new.create()

        stage.follow(
            "MdsclusterDataServerErrors", DS=FAILING,
            before={"systemctl stop": copy, "install -d": replace},
            after={"systemctl start": lambda: until("it is up", lambda: is_up(stage))},
        )  # fmt: skip
        assert not stage.data_server(FAILING)["drained"], "it takes new files"
        asyncio.run(write(stage, "/after"))
        for name in ("/copy", "/after"):
            assert asyncio.run(read(stage, name)) == DATA
        with pytest.raises(NfsError, match="NFS4ERR_IO"):
            asyncio.run(read(stage, "/left"))
        assert errors(stage) == 0


def is_up(stage: Stage) -> bool:
    return bool(stage.data_server(FAILING)["state"] == "up")


def errors(stage: Stage) -> float:
    """What raises the alert, as the data server counts it."""
    page = stage.page(FAILING)
    found = [value for status in ALERTED for value in values(page, "mdscluster_ds_statuses_total", status=status)]
    assert len(found) == len(ALERTED), "each is told of from the start"
    return sum(found)


async def write(stage: Stage, name: str, data: bytes = DATA) -> None:
    async with (
        await Client.connect(stage.cluster.addresses()) as client,
        await client.open(name, create=nfs4.UNCHECKED4) as file,
    ):
        await file.write(0, data)
        await file.flush()


async def read(stage: Stage, name: str) -> bytes:
    async with (
        await Client.connect(stage.cluster.addresses()) as client,
        await client.open(name, nfs4.OPEN4_SHARE_ACCESS_READ) as file,
    ):
        return await file.read(0, len(DATA))


# ---------------------------------------------------------------------- clocks
def test_a_hosts_clock_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page tells whose clock it is. THE CLOCK IS SET BY THIS TEST, not by chrony: see above."""
    shim = Shim(tmp_path / "shim")
    try:
        shim.build()
        need_tools({"curl": "curl", "timedatectl": "systemd"})
    except Unavailable as reason:
        unavailable(reason)
    with staged(Watched(tmp_path)) as stage:
        victim = stage.follower()
        stage.cluster.kill(victim)
        with monkeypatch.context() as environment:
            for name, value in shim.environment(victim).items():
                environment.setenv(name, value)
            stage.cluster.start(victim)
        stage.cluster.await_all(200)
        until("it is ready", lambda: stage.ready(victim))
        assert abs(off_s(stage, victim)) < RIGHT_S
        shim.shift_clock(victim, OFF_S)
        until("its clock is wrong", lambda: off_s(stage, victim) > RIGHT_S)
        assert shim.struck(victim)[1] > 0

        def stepped() -> str:
            shim.shift_clock(victim, 0.0)
            return "as chrony steps the clock when it starts"

        stage.operator.stand_ins["systemctl restart chrony"] = stepped
        # Where no D-Bus answers, as in a container, there is nobody who could tell.
        told = stage.follow("MdsclusterClockWrong", NODE=victim, may_fail=("timedatectl",))
        shown, right, asked, _ = told
        assert float(shown.told.split()[-1]) - float(right.told) == pytest.approx(OFF_S, abs=5.0), "it is seen whose"
        assert asked.code != 127, f"no such command: {asked.told}"
        until("its clock is right", lambda: abs(off_s(stage, victim)) < RIGHT_S)
        assert stage.ready(victim)


def off_s(stage: Stage, node: str) -> float:
    """How far a server's clock is ahead, as Prometheus would find with the next scrape; NaN while it does not answer.

    A page is given again for half a second, which is no error of a clock.
    """
    found = values(stage.page(node), "mdscluster_time_seconds")
    return found[0] - time.time() if found else float("nan")
