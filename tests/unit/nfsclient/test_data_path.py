"""Layouts and I/O with one scripted MDS and scripted data servers, on simulated time."""

from __future__ import annotations

import pytest

from nfsclient.client import Client
from nfsclient.errors import NfsError
from nfsclient.file import File
from nfsclient.runtime import gather
from nfswire import nfs4
from tests.unit.nfsclient.support.scripted import DATA, UNIT, World


def test_written_in_parallel_committed_everywhere_and_read_back() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        assert world.size == 0
        await file.flush()
        assert world.size == len(DATA)
        assert await file.read(0, len(DATA) + 100) == DATA
        assert await file.read(100, 333) == DATA[100:433]
        await file.close()

    client = world.run(script)
    assert world.content() == DATA
    assert client.stats.bytes_read_mds == client.stats.bytes_written_mds == 0
    assert all(server.served.count("COMMIT") == 1 for server in world.servers)
    assert world.log.count("LAYOUTGET") == world.devices_asked == 1
    assert world.log.index("LAYOUTRETURN") < world.log.index("CLOSE")
    assert not client.stats.notes


def test_commit_through_the_mds_when_the_layout_says_so() -> None:
    world = World()
    world.flags = nfs4.NFL4_UFLG_COMMIT_THRU_MDS
    for server in world.servers:
        server.verifier = b"mdsmdsmd"

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        await file.flush()

    world.run(script)
    assert "COMMIT" in world.log
    assert not any("COMMIT" in server.served for server in world.servers)


def test_changed_verifier_makes_the_client_write_again() -> None:
    """INV-10: acknowledged by ``flush`` means on stable storage, though the server restarted before COMMIT."""
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        world.servers[1].restart()
        await file.flush()

    client = world.run(script)
    assert world.content() == DATA
    assert client.stats.verifier_changes == 1
    assert client.stats.bytes_written_mds == 0


def test_data_server_gone_before_commit_its_stripes_go_through_the_mds() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        world.servers[1].server.crash()
        world.servers[1].restart()
        await file.flush()

    client = world.run(script)
    assert world.content() == DATA
    assert client.stats.bytes_written_mds == 5 * UNIT


def test_dead_data_server_is_bypassed_stripe_by_stripe_and_reported() -> None:
    world = World()
    world.servers[2].server.down = True

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA, nfs4.FILE_SYNC4)
        started_ms = world.runtime.now_ms()
        assert await file.read(0, len(DATA)) == DATA
        assert world.runtime.now_ms() - started_ms < 100, "a server known to be dead is not waited for"
        await file.flush()

    client = world.run(script)
    assert client.stats.ds_failures == 1
    assert 0 < client.stats.bytes_written_mds < len(DATA) / 2
    assert "LAYOUTERROR" in world.log
    assert world.size == len(DATA)


def test_mute_data_server_costs_its_patience_once() -> None:
    world = World()
    world.servers[0].server.mute = True

    async def script(client: Client, file: File) -> None:
        await gather(world.runtime, (file.write(n * 100, DATA[n * 100:n * 100 + 100], 2) for n in range(10)))
        assert 2500 < world.runtime.now_ms() < 2600
        assert await file.read(0, len(DATA)) == DATA

    world.run(script)


def test_restarted_data_server_gets_a_new_session_and_the_request_again() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA, nfs4.FILE_SYNC4)
        world.servers[0].server.sequence_refusals = [nfs4.NFS4ERR_BADSESSION]
        world.servers[0].server.slots.clear()
        assert await file.read(0, len(DATA)) == DATA

    client = world.run(script)
    assert client.stats.ds_sessions == 4
    assert client.stats.bytes_read_mds == 0


@pytest.mark.parametrize("status", [nfs4.NFS4ERR_STALE, nfs4.NFS4ERR_PNFS_NO_LAYOUT, nfs4.NFS4ERR_BAD_STATEID])
def test_fenced_layout_is_given_back_and_another_one_used(status: int) -> None:
    """INV-6 from the client's side: a data server's refusal leads to a new layout, not to an error."""
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA, nfs4.FILE_SYNC4)
        world.servers[1].refuse = [status]
        assert await file.read(0, len(DATA)) == DATA
        world.servers[2].refuse = [status]
        await file.write(0, DATA[::-1], nfs4.FILE_SYNC4)
        await file.flush()

    client = world.run(script)
    assert world.content() == DATA[::-1]
    assert world.log.count("LAYOUTGET") == 4, "RW; READ after the first refusal; RW to write; RW after the second"
    assert world.log.count("LAYOUTRETURN") == 2
    assert client.stats.bytes_read_mds == client.stats.bytes_written_mds == 0


def test_layouts_refused_again_and_again_end_at_the_mds() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        world.servers[1].refuse = [nfs4.NFS4ERR_STALE] * 100
        await file.write(0, DATA, nfs4.FILE_SYNC4)

    world.run(script)
    assert world.content() == DATA


def test_no_layout_to_be_had_all_through_the_mds() -> None:
    world = World()
    world.layout_refusals = [nfs4.NFS4ERR_LAYOUTUNAVAILABLE] * 2

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        await file.flush()
        assert await file.read(0, len(DATA)) == DATA
        assert world.log.count("LAYOUTGET") == 1, "not asked for again at every call"

    client = world.run(script)
    assert client.stats.bytes_written_ds == 0


@pytest.mark.parametrize("status", [
    nfs4.NFS4ERR_LAYOUTTRYLATER, nfs4.NFS4ERR_RECALLCONFLICT, nfs4.NFS4ERR_DELAY, nfs4.NFS4ERR_GRACE])
def test_layout_not_now_is_waited_for(status: int) -> None:
    world = World()
    world.layout_refusals = [status] * 5

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        await file.flush()

    client = world.run(script)
    assert client.stats.bytes_written_mds == 0
    assert client.stats.status_count(status) == 5


def test_hole_reads_as_zeros_and_the_end_is_the_mds_size() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(5 * UNIT, b"far", nfs4.FILE_SYNC4)
        assert await file.read(0, 1000) == bytes(5 * UNIT) + b"far"
        await file.flush()
        world.servers[0].refuse = [nfs4.NFS4ERR_PNFS_IO_HOLE]
        assert await file.read(0, 10) == bytes(10)
        assert await file.read(5 * UNIT + 3, 10) == b""

    client = world.run(script)
    assert client.stats.bytes_read_mds == 0


def test_flush_that_fails_keeps_the_data_for_the_next() -> None:
    world = World()

    async def script(client: Client, file: File) -> None:
        await file.write(0, DATA)
        commit = world._layoutcommit
        world._layoutcommit = lambda args: nfs4.LAYOUTCOMMIT4res(nfs4.NFS4ERR_IO)  # type: ignore[method-assign]
        world._setattr = lambda args: nfs4.SETATTR4res(nfs4.NFS4ERR_IO, 0)  # type: ignore[method-assign]
        with pytest.raises(NfsError, match="SETATTR: NFS4ERR_IO"):
            await file.flush()
        world._layoutcommit = commit  # type: ignore[method-assign]
        world.servers[0].restart()
        await file.flush()

    world.run(script)
    assert world.content() == DATA
