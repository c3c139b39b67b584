"""Backup and restore of a cluster of real processes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import threading
from pathlib import Path
from typing import Any

import lmdb
import pytest

from mdscluster.adminclient import AdminClient, ClusterFile
from mdscluster.backup import restore as restoring
from mdscluster.backup import stream
from mdscluster.config import NodeConfig
from mdscluster.fsm import digest as digesting
from mdscluster.fsm.tables import Tables
from mdscluster.pki import ClusterPki
from mdscluster.plan import ClusterPlan, UpConfig
from nfsclient.client import Client
from nfsclient.errors import NfsClientError
from nfsclient.file import File
from nfswire import nfs4
from tests.support.embedded import Embedded
from tests.unit.mdsctl.commands import answer, await_level, text

pytestmark = [pytest.mark.slow, pytest.mark.alone]

DATA = os.urandom(3 << 20)
ATTEMPTS = 15
"""How many backups are made until one is of an entry at which a node was asked for its digest."""


async def write(cluster: Embedded, name: str) -> None:
    async with (
        await Client.connect(cluster.addresses()) as client,
        await client.open(name, create=nfs4.UNCHECKED4) as file,
    ):
        await file.write(0, DATA)
        await file.flush()


class Digests:
    """What nodes say of their state, at whatever entry they are, as often as can be asked: one thread for each."""

    def __init__(self, cluster: Embedded) -> None:
        self.told: dict[int, set[str]] = {}
        """By entry."""
        self._done = threading.Event()
        self._client = AdminClient(ClusterFile.load(cluster.file).mds, ClusterPki(cluster.base_dir / "pki"))
        self._threads = [threading.Thread(target=self._ask, args=(name,)) for name in cluster.nodes()]

    def __enter__(self) -> Digests:
        self._client.__enter__()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
        self._client.__exit__()

    def _ask(self, name: str) -> None:
        while not self._done.is_set():
            reply = self._client.digest(name, 0, 20.0)
            self.told.setdefault(reply.applied_index, set()).add(reply.digest.hex())


async def backup_under_load(cluster: Embedded, folder: Path) -> tuple[Path, dict[str, Any], int, int]:
    """A backup, and what was answered; and how many directories were acknowledged before it was asked for, and when it
    was there. While the load goes on nodes have told the digest of the very entry that it is of: else it is made anew,
    as a busy cluster goes past most entries before anybody can ask."""
    made, done = 0, False

    async def work() -> None:
        nonlocal made
        async with await Client.connect(cluster.addresses()) as client:
            while not done:
                await client.mkdir(f"/d{made}")
                made += 1
                await asyncio.sleep(0.01)

    worker = asyncio.create_task(work())
    try:
        with Digests(cluster) as digests:
            for number in range(ATTEMPTS):
                await asyncio.sleep(1)
                file, before = folder / f"backup{number}", made
                found = await asyncio.to_thread(answer, cluster, "backup", "create", str(file))
                after = made
                nodes = digests.told.get(found["applied_index"])
                if nodes is not None:
                    print(f"backup {number + 1} is of one of {len(digests.told)} entries that nodes told the digest of")
                    assert nodes == {found["digest"]}
                    return file, found, before, after
    finally:
        done = True
        await worker
    raise AssertionError(f"no node told its digest at the entry of any of {ATTEMPTS} backups")


async def look(cluster: Embedded) -> tuple[set[str], bytes]:
    async with await Client.connect(cluster.addresses()) as client:
        names = {entry.name.decode() for entry in await client.readdir("/")}
        async with await client.open("/kept", nfs4.OPEN4_SHARE_ACCESS_READ) as file:
            return names, await file.read(0, len(DATA))


def restore(cluster: Embedded, file: Path, configs: list[str], digest: object) -> None:
    """On every node's empty folder; and never on one that is not."""
    for config in configs:
        shutil.rmtree(Path(config).parent / "state")
        done = cluster.mdsctl("backup", "restore", str(file), "--config", config, "--json")
        assert done.returncode == 0, done.stderr
        assert str(digest) in done.stdout
    again = cluster.mdsctl("backup", "restore", str(file), "--config", configs[0])
    assert (again.returncode, "is not empty" in again.stderr) == (2, True)


def held_by_a_new_node(file: Path, folder: Path) -> tuple[int, str]:
    """The entry and the digest of what a restore has put into a new node's state, before that begins anew."""
    plan = ClusterPlan(folder, UpConfig())
    plan.prepare()
    seen: list[tuple[int, str]] = []

    def look(env: lmdb.Environment, _: stream.Head) -> int:
        tables = Tables(env)
        with env.begin() as txn:
            index, value = digesting.digest(txn, tables)
        seen.append((index, value.hex()))
        return 0

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(restoring, "_begin_anew", look)
        restoring.restore(file, NodeConfig.load(plan.mds[0].config))
    (told,) = seen
    return told


def compare_quiet(cluster: Embedded, folder: Path) -> None:
    """A backup's digest is that of the nodes at its index."""
    for _ in range(20):
        quiet = folder / "quiet"
        quiet.unlink(missing_ok=True)
        now = answer(cluster, "digest")
        copy = answer(cluster, "backup", "create", str(quiet))
        if copy["applied_index"] == now["applied_index"]:
            assert {copy["digest"]} == set(now["digests"].values())
            return
    raise AssertionError("an idle cluster was never at one entry for two commands")


async def hold(cluster: Embedded) -> tuple[Client, File]:
    """A client that has an open, a layout and a lock."""
    client = await Client.connect(cluster.addresses())
    held = await client.open("/held", create=nfs4.UNCHECKED4)
    await held.write(0, DATA)
    await held.flush()
    await held.lock(0, 10)
    return client, held


async def expect_a_new_beginning(cluster: Embedded, held: File) -> None:
    """Whoever holds it has nothing any more, and nobody else has to wait for that."""
    with pytest.raises(NfsClientError):
        async with asyncio.timeout(20):
            await held.write(0, b"x" * 4096)
            await held.flush()
    async with await Client.connect(cluster.addresses()) as other:
        file_now = await other.open("/held")
        await file_now.lock(0, 10)
        assert await file_now.read(0, len(DATA)) == DATA
        await file_now.close()


def test_backup_under_load_and_a_new_cluster_from_it(tmp_path: Path) -> None:
    """INV-2, INV-6, INV-8: all that was acknowledged before is in it; its digest is what the nodes had at its entry,
    under load, and what a new node has of it; the new nodes are alike, and who joins later too; sessions and handles
    are of a time that it knows nothing of: who held something has to begin anew."""
    base = tmp_path / "c"

    async def run() -> None:
        with Embedded(base, ds=2) as cluster:
            await asyncio.to_thread(await_level, cluster)
            client, held = await hold(cluster)
            await write(cluster, "/kept")
            file, found, before, after = await backup_under_load(cluster, tmp_path)
            assert after - before > 10, "vacuous: no load"
            told = await asyncio.to_thread(held_by_a_new_node, file, tmp_path / "new")
            assert told == (found["applied_index"], found["digest"])
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            verified = await asyncio.to_thread(answer, cluster, "backup", "verify", str(file))
            assert verified["digest"] == found["digest"]
            again = await asyncio.to_thread(answer, cluster, "backup", "create", str(file), code=2)
            assert "is there already" in again["error"]
            await asyncio.to_thread(compare_quiet, cluster, tmp_path)
            await write(cluster, "/later")
            configs = [node["config"] for node in cluster.nodes().values()]
        await asyncio.to_thread(restore, cluster, file, configs, found["digest"])
        with Embedded(base, ds=2) as cluster:
            await asyncio.to_thread(cluster.await_all)
            await expect_a_new_beginning(cluster, held)
            client.abandon()
            names, data = await look(cluster)
            assert {f"d{number}" for number in range(before)} <= names
            assert "later" not in names
            assert data == DATA
            await asyncio.to_thread(one_joins_later, cluster, configs[2])

    asyncio.run(run())


def one_joins_later(cluster: Embedded, config: str) -> None:
    """It gets the state, not a log to be replayed on nothing."""
    assert text(cluster, "digest").splitlines()[-1] == "equal"
    cluster.kill("mds3")
    assert answer(cluster, "digest", code=1)["missing"] == ["mds3"], "INV-8 of it is not known"
    shutil.rmtree(Path(config).parent / "state")
    told = json.loads(cluster.mdsctl("node", "rejoin", "--config", config, "--json").stdout)
    assert told == {"node": "mds3"}
    cluster.start("mds3")
    cluster.await_all()
    assert text(cluster, "digest").splitlines()[-1] == "equal", "a log was replayed on nothing"
