"""Room runs out: of a metadata server's disk, of its state, of a data server's disk."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from nfsclient.client import Client
from nfsclient.errors import NfsError
from nfswire import nfs4
from tests.chaos.alerts.scene import scene, watching
from tests.chaos.conftest import MakeSmall
from tests.support.prometheus import values
from tests.support.troubled import Stage, left_behind, place_data, staged, until
from tests.support.watched import Watched

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long]

PATCHES = Path(__file__).parents[1] / "patches"
FULL = "ds2"
LATE, ROOM_MIB, LEFT_MIB = "mds3", 512, 16
"""A late follower's disk, and what is left on it: less than a snapshot takes, more than the server itself."""
LAG_ENTRIES = 10_000
"""A follower that lacks more than so many raises MdsclusterFollowerLag."""
DATA = b"of both data servers" * (4 << 20 >> 4)
"""More than is left on a data server that is full."""
STATE_BYTES = 64 << 20
TEXT_BYTES = 4_000


def test_a_follower_is_far_behind_and_has_no_room(tmp_path: Path, make_small: MakeSmall) -> None:
    """And with room again it is as the others are, and the alert of its disk ends."""
    disk = make_small(tmp_path / "cluster" / LATE, ROOM_MIB)
    with scene(Watched(tmp_path)) as it:
        def lags() -> bool:
            found = values(it.page_of_leader(), "mdscluster_raft_peer_lag_entries", peer=LATE)
            return bool(found) and found[0] > LAG_ENTRIES

        with it.raises("FollowerLag", peer=LATE):
            left_behind(it.stage, LATE, enough=lags)
        disk.fill(LEFT_MIB << 20)
        with it.raises("DiskNearlyFull", "SnapshotsFail", "ApplyLag", within_s=120.0, node=LATE):
            it.cluster.start(LATE)
        told = it.stage.follow("MdsclusterDiskNearlyFull")
        assert f" {disk.folder}\n" in told[0].told, "the page leads to the disk"
        disk.free()
        it.ends("DiskNearlyFull")
        it.cluster.await_all(200)
        it.ends("FollowerLag")
        it.ends("ApplyLag")


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


def test_a_data_server_is_full_and_then_loses_its_store(tmp_path: Path, make_small: MakeSmall) -> None:
    """INV-10: programs are told, and so is whoever watches; what was acknowledged is there while there is no room."""
    disk = make_small(tmp_path / "small", 96)
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
        it.stage.follow("MdsclusterDataServerSpace", DS=FULL)
        asyncio.run(write(it.stage, "/spared"))  # on the other one alone
        assert it.cluster.mdsctl("ds", "drain", FULL, "--off").returncode == 0

        def replace() -> None:
            disk.free()
            shutil.rmtree(disk.folder / "data")

        with it.raises("DataServerLost"):
            it.stage.follow(
                "MdsclusterDataServerErrors", DS=FULL, before={"install -d": replace},
                after={"systemctl start": lambda: until(
                    "it is up", lambda: it.stage.data_server(FULL)["state"] == "up"
                )},
            )  # fmt: skip
        it.ends("DataServerSpace")
        (lost,) = [one["id"] for one in it.stage.json("ds", "list")["data_servers"] if one["state"] == "lost"]
        listed, _, refused = it.stage.follow("MdsclusterDataServerLost", may_fail=("mdsctl ds remove",), LOST=lost)
        assert lost in listed.told
        left = it.stage.json("ds", "drain", lost)["files"]
        assert left >= 1
        assert (refused.code, f"{left} files had data there" in refused.told) == (1, True)
        asyncio.run(delete(it.stage, "/kept", "/late"))
        until("no file is left", lambda: it.stage.json("ds", "drain", lost)["files"] == 0)
        it.stage.follow("MdsclusterDataServerLost", LOST=lost)
        assert lost not in {one["id"] for one in it.stage.json("ds", "list")["data_servers"]}
        it.ends("DataServerLost")
        assert it.stage.data_server(FULL)["state"] == "up"


async def delete(stage: Stage, *names: str) -> None:
    async with await Client.connect(stage.cluster.addresses()) as client:
        for name in names:
            await client.remove(name)


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
