"""The client against NFS-Ganesha, a server that others wrote. Skipped where it is not installed."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
from collections.abc import Awaitable, Callable, Iterator

import pytest

from nfsclient import EXCLUSIVE4_1, GUARDED4, UNCHECKED4, Client, Event, LockDenied, NfsError, Settings
from nfsclient.cuts import Cutter, CuttingRuntime
from nfsclient.results import STAT, Handle
from nfsclient.transport import AsyncioRuntime
from nfsclient.workloads import exactly_once
from nfswire import nfs4
from tests.support.debian import Unavailable
from tests.support.ganesha import Ganesha

TIMEOUT_S = 60.0

pytestmark = pytest.mark.skipif(
    shutil.which("ganesha.nfsd") is None, reason="NFS-Ganesha is not installed: the client is NOT tested against it")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ganesha]:
    """A Ganesha of our own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        with Ganesha(tmp_path_factory.mktemp("ganesha"), port=port) as running:
            yield running
    except Unavailable as reason:
        pytest.skip(f"Ganesha does not start, so the client is NOT tested against it: {reason}")


def run(server: Ganesha, script: Callable[[Client], Awaitable[None]], minor: int = 2,
        history: Callable[[Event], None] | None = None, cutter: Cutter | None = None) -> Client:
    """Run ``script`` with a connected client."""

    async def whole() -> Client:
        runtime = AsyncioRuntime() if cutter is None else CuttingRuntime(AsyncioRuntime(), cutter)
        client = await Client.connect([("127.0.0.1", server.port)], minor, root=server.export, runtime=runtime,
                                      history=history, settings=Settings())
        try:
            await script(client)
        except BaseException:
            client.abandon()
            raise
        if cutter is not None:
            cutter.armed = False
        await client.close()
        return client

    return asyncio.run(asyncio.wait_for(whole(), TIMEOUT_S))


@pytest.mark.parametrize("minor", [1, 2])
def test_namespace(server: Ganesha, minor: int) -> None:
    async def script(client: Client) -> None:
        base = f"/names{minor}"
        made = await client.mkdir(base, 0o750)
        assert (await client.lookup(base)) == made.handle
        assert (await client.getattr(base)).mode == 0o750
        with pytest.raises(NfsError) as refused:
            await client.mkdir(base)
        assert refused.value.status == nfs4.NFS4ERR_EXIST
        await client.symlink(f"{base}/soft", "where to")
        assert await client.readlink(f"{base}/soft") == b"where to"
        await client.mknod((made.handle, "pipe"), nfs4.NF4FIFO)
        async with await client.open((made.handle, b"file"), create=GUARDED4, mode=0o600) as file:
            handle = file.handle
        await client.link(handle, f"{base}/hard")
        await client.rename(f"{base}/hard", (made.handle, "harder"))
        assert (await client.getattr(handle)).numlinks == 2
        await client.setattr(handle, {nfs4.FATTR4_MODE: 0o444})
        listed = {entry.name: entry.attributes for entry in await client.readdir(base, STAT)}
        assert set(listed) == {b"soft", b"pipe", b"file", b"harder"}
        assert listed[b"file"].fileid == listed[b"harder"].fileid
        assert listed[b"file"].mode == 0o444
        granted = await client.access(base)
        assert granted.granted & nfs4.ACCESS4_LOOKUP
        for name in listed:
            await client.remove((made.handle, name))
        await client.remove(base)
        with pytest.raises(NfsError) as gone:
            await client.getattr(made.handle)
        assert gone.value.status == nfs4.NFS4ERR_STALE

    client = run(server, script, minor)
    assert client.stats.session_failures == 0
    assert not client.stats.notes


def test_long_directory_and_deep_path_take_several_requests(server: Ganesha) -> None:
    async def script(client: Client) -> None:
        deep = "/" + "/".join(f"level{n}" for n in range(60))
        for depth in range(1, 61):
            await client.mkdir("/".join(deep.split("/")[:depth + 1]))
        where = await client.lookup(deep)
        await asyncio.gather(*(client.mkdir((where, f"entry-{n:04}")) for n in range(300)))
        entries = await client.readdir(where, bytes_max=4096)
        assert sorted(entry.name for entry in entries) == [b"entry-%04d" % n for n in range(300)]
        assert len({entry.cookie for entry in entries}) == 300

    client = run(server, script)
    assert client.stats.statuses[nfs4.OP_READDIR, 0] >= 3


@pytest.mark.parametrize("mode", [UNCHECKED4, GUARDED4, EXCLUSIVE4_1])
def test_data_through_the_mds(server: Ganesha, mode: int) -> None:
    data = random.Random(mode).randbytes((5 << 20) + 123)

    async def script(client: Client) -> None:
        path = f"/data{mode}"
        async with await client.open(path, create=mode, mode=0o640) as file:
            await file.write(0, data)
            await file.flush()
            assert await file.read(0, len(data) + 1000) == data
            assert await file.read(len(data), 10) == b""
            await file.write(len(data) + 10, b"behind a hole", nfs4.FILE_SYNC4)
            assert await file.read(len(data), 100) == bytes(10) + b"behind a hole"
            await file.truncate(1000)
            assert await file.read(0, 5000) == data[:1000]
            assert (await file.getattr()).mode == 0o640
        if mode != UNCHECKED4:
            with pytest.raises(NfsError) as refused:
                await client.open(path, create=mode)
            assert refused.value.status == nfs4.NFS4ERR_EXIST

    client = run(server, script)
    assert client.stats.bytes_written_mds >= len(data)


def test_opens_and_locks(server: Ganesha) -> None:
    async def script(client: Client) -> None:
        file = await client.open("/locked", create=UNCHECKED4)
        again = await client.open(file.handle, nfs4.OPEN4_SHARE_ACCESS_READ)
        await file.lock(0, 100)
        await file.lock(200, 100, nfs4.READ_LT)
        with pytest.raises(LockDenied) as denied:
            await again.lock(50, 100, nfs4.READ_LT)
        assert (denied.value.denied.offset, denied.value.denied.length) == (0, 100)
        held = await again.lockt(250, 1)
        assert held is not None
        assert held.locktype == nfs4.READ_LT
        assert await again.lockt(250, 1, nfs4.READ_LT) is None
        await file.locku(0, 100)
        await again.lock(50, 100, nfs4.READ_LT)
        await again.locku()
        with pytest.raises(NfsError, match="NFS4ERR_INVAL"):  # "not a union of opens that were made" (section 18.18)
            await file.open_downgrade(nfs4.OPEN4_SHARE_ACCESS_READ)
        reader = await client.open("/locked", nfs4.OPEN4_SHARE_ACCESS_READ, owner=b"both")
        assert await client.open(file.handle, owner=b"both") is reader
        await reader.open_downgrade(nfs4.OPEN4_SHARE_ACCESS_READ)
        assert reader.access == nfs4.OPEN4_SHARE_ACCESS_READ
        await reader.close()
        denying = client.open("/locked", nfs4.OPEN4_SHARE_ACCESS_WRITE, nfs4.OPEN4_SHARE_DENY_READ)
        with pytest.raises(NfsError) as refused:
            await denying
        assert refused.value.status == nfs4.NFS4ERR_SHARE_DENIED
        await again.close()
        await file.locku()
        await file.close()

    run(server, script)


@pytest.mark.parametrize("seed", [1, 2])
def test_exactly_once_with_connections_cut_at_random_points(server: Ganesha, seed: int) -> None:
    """INV-3, the client's half: retransmission under the same slot and sequence ID over a new connection."""
    cutter = Cutter(seed, sends_per_cut=60)

    async def script(client: Client) -> None:
        report = await exactly_once(client, f"/once{seed}", calls=1500, seed=seed)
        assert report.ok, str(report)
        assert report.retransmissions > 10, "vacuous: nothing was cut"
        assert report.refused_as_expected > 100

    run(server, script, cutter=cutter)
    assert set(cutter.cuts) == {"before", "inside", "after", "reply"}


def test_history_tells_of_every_call(server: Ganesha) -> None:
    events: list[Event] = []

    async def script(client: Client) -> None:
        await client.mkdir("/told")
        with pytest.raises(NfsError):
            await client.mkdir("/told")
        await client.remove("/told")

    run(server, script, history=events.append)
    begun = [event for event in events if event.completed_ms is None]
    events = [event for event in events if event.completed_ms is not None]
    assert [event.op for event in begun] == [event.op for event in events] == ["mkdir", "mkdir", "remove"]
    assert all(event.completed_ms is not None and event.invoked_ms <= event.completed_ms for event in events)
    assert isinstance(events[0].result.handle, Handle)
    assert isinstance(events[1].result, NfsError)
    assert events[2].args == ("/told",)
