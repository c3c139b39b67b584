"""A disk without room, for real: each command says so in a line, what was there is whole, and with room it works again.

Servers whose disk fills up under load are in the scenarios (``full-disk-leader``, ``full-disk-follower``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from dataserver.reserve import reserve_of
from dataserver.server import TOMBSTONES_MAX
from dataserver.tombstones import FILE as TOMBSTONES
from dataserver.tombstones import Tombstones
from mdscluster.config import NodeConfig
from mdscluster.raft.interface import STORAGE_EXIT_CODE
from mdsproto.configfile import SYSTEM_EXIT_CODE, save
from tests.chaos import faults
from tests.chaos.conftest import MakeDisk, MakeSmall, unavailable
from tests.support.cluster import ROOT, Cluster
from tests.support.debian import Unavailable
from tests.support.embedded import Embedded
from tests.support.hanet import Hanet
from tests.support.power import Disk, Small
from tests.support.troubled import until
from tests.unit.deployment.support import write_inventory

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

FULL = "No space left on device"
SHARED_MIB = 256
FREES_WITHIN_S = 20.0
LEFT = (0, 4 << 10, 24 << 10, 64 << 10)
"""How much is left on the disk, from nothing to what some steps of a command find enough."""


@pytest.fixture
def small(tmp_path: Path, make_small: MakeSmall) -> Small:
    return make_small(tmp_path / "small", 16)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Whose disks have room."""
    with Embedded(tmp_path_factory.mktemp("full") / "cluster") as made:
        made.await_all()
        yield made


@contextlib.contextmanager
def serving(tmp_path: Path, prefix: str, disk: Disk, *names: str) -> Iterator[Cluster]:
    """Three metadata servers and a data server; those of ``names`` have their data on the disk. A host ``client1``.

    ``prefix``: :class:`.Hanet`'s.
    """

    def data_dir(name: str) -> Path:
        return (disk.folder if name in names else tmp_path) / name

    try:
        with Hanet(prefix) as net, Cluster(tmp_path / "cluster", net, mds=3, ds=1, data_dir=data_dir) as cluster:
            net.add_host("client1", 31)
            yield cluster
    except Unavailable as reason:
        unavailable(reason)


def mdsctl(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mdscluster.mdsctl", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)


def refused(done: subprocess.CompletedProcess[str], code: int) -> str:
    """In one or two lines, for people; these lines."""
    assert done.returncode == code, done.stderr
    assert FULL in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    return done.stderr


def contents(tree: Path) -> dict[str, bytes]:
    return {str(file.relative_to(tree)): file.read_bytes() for file in sorted(tree.rglob("*")) if file.is_file()}


# ---------------------------------------------------------------------- the operator's machine
def test_a_rendering_that_finds_no_room_leaves_the_last_one(small: Small) -> None:
    words = ("deploy", "render", "--inventory", str(write_inventory(small.folder)), "--out", str(small.folder / "out"))
    small.fill(64 << 10)
    refused(mdsctl(*words), 2)
    assert not (small.folder / "out").exists()
    small.free()
    assert mdsctl(*words).returncode == 0
    before = contents(small.folder / "out")
    write_inventory(small.folder, ('name = "files"', 'name = "other"'), ('id = "ds3"', 'id = "ds9"'))
    for left in LEFT[:3]:
        small.fill(left)
        assert "cannot write " in refused(mdsctl(*words), 2)
        assert contents(small.folder / "out") == before
        assert sorted(each.name for each in small.folder.iterdir()) == ["cluster.toml", "filler", "out", "secrets"]
    small.free()
    assert mdsctl(*words).returncode == 0
    assert contents(small.folder / "out") != before


def test_a_renewal_that_finds_no_room_leaves_good_certificates(small: Small) -> None:
    """Each is the old one or the new one, whole; given again with room, all are new."""
    out = small.folder / "out"
    rendered = mdsctl("deploy", "render", "--inventory", str(write_inventory(small.folder)), "--out", str(out))
    assert rendered.returncode == 0, rendered.stderr
    before = contents(out)
    for left in LEFT[:3]:
        small.fill(left)
        done = mdsctl("certs", "renew", "--out", str(out), "--all", "--ca")
        if left == 0 or done.returncode:  # it needs little: each new file takes an old one's place
            refused(done, 2)
        now = contents(out)
        assert now.keys() == before.keys()
        assert [path for path in now if path.endswith(".key") and now[path] != before[path]] == []
        ca = x509.load_pem_x509_certificate(now["pki/ca.pem"])
        for path, content in now.items():
            if path.endswith(".pem") and not path.endswith("ca.pem"):
                x509.load_pem_x509_certificate(content).verify_directly_issued_by(ca)
    small.free()
    assert mdsctl("certs", "renew", "--out", str(out), "--all").returncode == 0
    after = contents(out)
    assert all(after[f"pki/{name}.pem"] != before[f"pki/{name}.pem"] for name in ("mds1", "ds3", "admin"))
    assert after["mds1/mds1/mds1.pem"] == after["pki/mds1.pem"]


def test_a_backup_that_finds_no_room_is_not_there(small: Small, cluster: Embedded) -> None:
    """Neither for itself nor to be verified; and no half of one can be taken for a whole one."""
    file, said = small.folder / "backup", ""
    for left in LEFT:
        small.fill(left)
        done = cluster.mdsctl("backup", "create", str(file))
        refused(done, 1)
        said += done.stderr
        assert [each.name for each in small.folder.iterdir()] == ["filler"]
    assert f"cannot write {file}.part: {FULL}" in said
    assert f"cannot verify {file}.part" in said
    small.free()
    assert cluster.mdsctl("backup", "create", str(file)).returncode == 0
    whole = file.read_bytes()
    for left in LEFT:
        small.fill(left)
        refused(cluster.mdsctl("backup", "verify", str(file)), 1)
    small.free()
    assert cluster.mdsctl("backup", "verify", str(file)).returncode == 0
    assert file.read_bytes() == whole


def test_a_support_bundle_that_finds_no_room_is_not_there(small: Small, cluster: Embedded) -> None:
    small.fill(4 << 10)
    refused(cluster.mdsctl("support-bundle", str(small.folder / "bundle.tar.gz")), 1)
    assert [each.name for each in small.folder.iterdir()] == ["filler"]
    small.free()
    assert cluster.mdsctl("support-bundle", str(small.folder / "bundle.tar.gz")).returncode == 0


# ---------------------------------------------------------------------- a metadata server's host
def moved(cluster: Embedded, small: Small) -> tuple[Path, NodeConfig]:
    """The configuration of a server whose data is to lie on the small disk."""
    config = NodeConfig.load(Path(cluster.nodes()["mds3"]["config"]))
    config = dataclasses.replace(config, data_dir=small.folder / "mds3")
    file = cluster.base_dir / "moved.toml"
    save(config, file)
    return file, config


def test_a_state_that_finds_no_room_is_not_half_there(small: Small, cluster: Embedded) -> None:
    """``rejoin`` and ``backup restore``: what was there before stays, and with room again they work."""
    config_file, config = moved(cluster, small)
    rejoin = ("rejoin", "--config", str(config_file))
    said = ""
    for left in LEFT[:3]:
        small.fill(left)
        said += refused(cluster.command(*rejoin), 2)
        assert not config.state_dir.exists()
    assert re.search(rf"cannot make a state in \S+: .*{FULL}.*; nothing has changed", said), said
    small.free()
    assert cluster.command(*rejoin).returncode == 0
    before = contents(config.state_dir)
    file = cluster.base_dir / "for-restore"
    assert cluster.mdsctl("backup", "create", str(file)).returncode == 0
    restore = ("backup", "restore", str(file), "--config", str(config_file), "--set-aside")
    (config.state_dir / "data.mdb").write_bytes(b"damaged")
    said = ""
    for left in LEFT[:3]:
        small.fill(left)
        said += refused(cluster.mdsctl(*restore), 2)
        refused(cluster.command(*rejoin, "--set-aside"), 2)
        assert (config.state_dir / "data.mdb").read_bytes() == b"damaged"
        assert sorted(each.name for each in config.data_dir.iterdir()) == ["node.pid", "state"]
    assert re.search(rf"cannot write \S+: .*{FULL}.*; nothing has changed", said), said
    small.free()
    assert cluster.mdsctl(*restore).returncode == 0
    assert len(list(config.data_dir.glob("state.aside-*"))) == 1
    assert before


def test_a_server_that_finds_no_room_at_its_start_says_so(small: Small, cluster: Embedded) -> None:
    """Exit code 71 or 74, which its unit answers with another start: somebody will make room."""
    config_file, config = moved(cluster, small)
    config.state_dir.mkdir(parents=True)
    small.fill()
    done = cluster.command("serve", "--config", str(config_file))
    assert done.returncode in (SYSTEM_EXIT_CODE, STORAGE_EXIT_CODE), done.stderr
    assert FULL in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_server_with_a_state_on_a_full_disk_is_never_given_up(tmp_path: Path, make_disk: MakeDisk) -> None:
    """It serves while its environment finds room in itself, or ends with exit code 74; with room it is back."""
    disk = make_disk(tmp_path / "image", tmp_path / "disk", 64)
    with serving(tmp_path, "mdh", disk, "mds3") as cluster:
        cluster.wait_healthy()
        cluster.kill("mds3")
        faults.fill(disk)
        cluster.start("mds3")
        process = cluster.nodes["mds3"].process
        assert process is not None
        try:
            code = process.wait(10)
        except subprocess.TimeoutExpired:
            code = None
        assert code in (None, STORAGE_EXIT_CODE)
        log = cluster.nodes["mds3"].config.with_suffix(".log").read_text()
        assert "Traceback" not in log
        assert code is None or FULL in log
        faults.free(disk)
        if code is not None:
            cluster.start("mds3")
        cluster.wait_healthy()


# ---------------------------------------------------------------------- a data server's host
_CLIENT = """
import asyncio, sys, time
from nfsclient import Client
from nfsclient.errors import NfsClientError
from nfswire import nfs4

SIZE = 4 << 20

async def write(client, name, byte):
    file = await client.open(name, create=nfs4.UNCHECKED4)
    try:
        await file.write(0, byte * SIZE)
        await file.flush()
    finally:
        await file.close()

async def read(client, name, byte):
    file = await client.open(name, nfs4.OPEN4_SHARE_ACCESS_READ)
    assert await file.read(0, SIZE) == byte * SIZE
    await file.close()

async def main(host, what):
    async with await Client.connect([(host, 2049)]) as client:
        if what == "before":
            await write(client, "/kept", b"k")
            await write(client, "/spare", b"s")
            await write(client, "/gone", b"g")
            await client.remove("/gone")
        elif what == "full":
            try:
                await write(client, "/late", b"l")
            except NfsClientError as problem:
                print(problem)
            else:
                print("written")
            await read(client, "/kept", b"k")
            await client.mkdir(f"/names-go-on-{time.time()}")
        elif what == "until it is refused":
            for number in range(1000):
                try:
                    await write(client, f"/filler-{number}", b"f")
                except NfsClientError as problem:
                    print(problem)
                    break
        elif what == "remove what filled it":
            for entry in await client.readdir("/"):
                if entry.name.startswith(b"filler-"):
                    await client.remove("/" + entry.name.decode())
        elif what == "remove":
            await client.remove("/spare")
            await client.remove("/late")
        else:
            await read(client, "/kept", b"k")
            await write(client, "/later", b"m")
            await read(client, "/later", b"m")
    print("done", what)

asyncio.run(main(*sys.argv[1:]))
"""


def client(cluster: Cluster, what: str) -> str:
    """What a program on ``client1`` prints that does this."""
    words = [sys.executable, "-c", _CLIENT, cluster.nodes["mds1"].address, what]
    done = subprocess.run(cluster.net.wrap("client1", words), capture_output=True, text=True, cwd=ROOT, timeout=90)
    assert f"done {what}" in done.stdout, done.stdout + done.stderr
    return done.stdout


def await_room(disk: Disk, blocks: int) -> None:
    """Until more than so many blocks are free."""
    until("what was removed makes room", lambda: os.statvfs(disk.folder).f_bavail > blocks, FREES_WITHIN_S)


def test_a_full_data_server_refuses_writes_keeps_all_and_starts_again(tmp_path: Path, make_disk: MakeDisk) -> None:
    """INV-10: ENOSPC to the program that writes; what was written is read, also after a restart on the full disk; what
    is removed makes room again."""
    disk = make_disk(tmp_path / "image", tmp_path / "disk", 64)
    with serving(tmp_path, "mdf", disk, "ds1") as cluster:
        client(cluster, "before")
        deleted = cluster.nodes["ds1"].data_dir / TOMBSTONES
        until("something is deleted", lambda: deleted.stat().st_size > 0, FREES_WITHIN_S)
        faults.fill(disk)
        assert "NOSPC" in client(cluster, "full")
        log = cluster.nodes["ds1"].config.with_suffix(".log")
        heard = log.read_text().count("metadata server answers")
        cluster.kill("ds1")
        cluster.start("ds1")
        cluster.wait_for(lambda _: log.read_text().count("metadata server answers") > heard, "ds1 is alone", 30.0)
        assert "NOSPC" in client(cluster, "full")
        client(cluster, "remove")
        free = os.statvfs(disk.folder).f_bavail
        await_room(disk, free)
        faults.free(disk)
        client(cluster, "after")
        assert "Traceback" not in cluster.nodes["ds1"].config.with_suffix(".log").read_text()


def test_clients_cannot_fill_the_disk_that_the_metadata_lies_on(tmp_path: Path, make_disk: MakeDisk) -> None:
    """INV-7: all servers on one file system, and a program that writes until it is refused: no metadata server ends for
    it, names are made, and what is removed makes room."""
    disk = make_disk(tmp_path / "image", tmp_path / "disk", SHARED_MIB)
    with serving(tmp_path, "mdg", disk, "mds1", "mds2", "mds3", "ds1") as cluster:
        client(cluster, "before")
        assert "NOSPC" in client(cluster, "until it is refused")
        room = os.statvfs(disk.folder)
        capacity, free = room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize
        assert reserve_of(capacity) * 0.8 < free < reserve_of(capacity) + (8 << 20)
        assert "NOSPC" in client(cluster, "full")  # and a name is made
        client(cluster, "remove")
        client(cluster, "remove what filled it")
        await_room(disk, 2 * room.f_bavail)
        client(cluster, "after")
        for name in cluster.nodes:
            assert "consensus stops" not in cluster.nodes[name].config.with_suffix(".log").read_text()


def test_deletions_are_remembered_on_a_full_disk(tmp_path: Path, make_disk: MakeDisk) -> None:
    """INV-11: also after a start on it, and as many as are remembered at all."""
    disk = make_disk(tmp_path / "image", tmp_path / "disk", 32)
    path = disk.folder / TOMBSTONES
    Tombstones(path, TOMBSTONES_MAX).add([1])
    faults.fill(disk)
    stones = Tombstones(path, TOMBSTONES_MAX)
    for first in range(2, TOMBSTONES_MAX, 1000):
        stones.add(range(first, first + 1000))
    assert Tombstones(path, TOMBSTONES_MAX).ids() == stones.ids()
