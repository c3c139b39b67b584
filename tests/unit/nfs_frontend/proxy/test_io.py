"""READ, WRITE and COMMIT through the metadata server: over real data servers in this process, and over faked ones."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mdscluster.fsm import fences
from mdscluster.nfs_frontend import proxy, stripes
from nfsclient.data_servers import DataServers, DataServerSettings
from nfsclient.handshake import Identity
from nfsclient.stats import Stats
from nfsclient.transport import AsyncioRuntime
from nfswire import dsfh, nfs4
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.nfs_frontend.nodes import (
    putfh,
    result_of,
    setsize,
)
from tests.unit.nfs_frontend.proxies import (
    FILE_SYNC,
    UNIT,
    UNSTABLE,
    FakeServer,
    FakeServers,
    IoClient,
    ProxyWorld,
    commit,
    read,
    verifier_in,
    write,
    written,
)
from tests.unit.nfs_frontend.support import ROOT, mkdir, putroot


@pytest.fixture
def local(tmp_path: Path) -> Iterator[list[LocalServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(LocalServer(tmp_path / f"ds{i}")) for i in range(3)]


@pytest_asyncio.fixture
async def client(tmp_path: Path, local: list[LocalServer]) -> AsyncIterator[IoClient]:
    world = ProxyWorld(tmp_path / "state", [server.port for server in local])
    servers = DataServers(
        AsyncioRuntime(), Identity(b"mds1", b"verifier"), 1, ROOT, DataServerSettings(), 1 << 20, Stats()
    )
    yield await IoClient(world, b"a", world.front_end(servers)).started()
    for server in servers.all():
        server.abandon()
    await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_what_is_written_is_read_back_and_holes_are_zeros(client: IoClient) -> None:
    handle = await client.create(b"f")
    data = bytes(range(256)) * 1600  # six stripe units and a bit
    result = written(await client.ok(putfh(handle), write(1000, data)))
    assert (result.count, result.committed) == (len(data), UNSTABLE)
    tail = 20 * UNIT + 5
    await client.ok(putfh(handle), write(tail, b"tail", FILE_SYNC))
    model = bytes(1000) + data
    model += bytes(tail - len(model)) + b"tail"
    for offset, count in ((0, 10), (990, 20), (1000, len(data)), (UNIT - 3, 6), (10 * UNIT, 3 * UNIT), (tail - 9, 99)):
        assert await client.read(handle, offset, count) == model[offset : offset + count]
    result = result_of(await client.ok(putfh(handle), read(tail, 4)), nfs4.OP_READ).resok4
    assert result.eof
    assert not result_of(await client.ok(putfh(handle), read(0, 4)), nfs4.OP_READ).resok4.eof
    assert await client.read(handle, tail + 4, 10) == b""
    assert await client.read(handle, 1 << 62, 10) == b""


@pytest.mark.asyncio
async def test_write_and_commit_give_one_verifier_until_a_data_server_restarts(
    client: IoClient, local: list[LocalServer]
) -> None:
    """INV-10: else a client writes again for ever, or does not when it has to."""
    handle = await client.create(b"f")
    first = written(await client.ok(putfh(handle), write(0, b"x" * 100)))
    second = written(await client.ok(putfh(handle), write(UNIT, b"y" * 100)))
    assert first.writeverf == second.writeverf
    assert verifier_in(await client.ok(putfh(handle), commit())) == first.writeverf
    assert verifier_in(await client.ok(putfh(handle), commit(UNIT, 100))) == first.writeverf
    local[0].store.verifier = b"restart!"
    for unit in (2, 3, 4):
        await client.ok(putfh(handle), write(unit * UNIT, b"z"))
    assert verifier_in(await client.ok(putfh(handle), commit())) != first.writeverf


# ---------------------------------------------------------------- faked data servers
@pytest.mark.asyncio
async def test_short_writes_are_continued(io: IoClient, servers: FakeServers) -> None:
    handle = await io.create(b"f")
    for server in servers.each():
        server.takes = 1000
    data = bytes(range(250)) * 300
    assert written(await io.ok(putfh(handle), write(7, data))).count == len(data)
    assert await io.read(handle, 7, len(data)) == data


@pytest.mark.asyncio
async def test_a_data_server_that_restarts_within_a_write_makes_the_client_write_again(
    io: IoClient, servers: FakeServers
) -> None:
    """INV-10: the first part may be lost, though the last part's verifier is the new one."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"x"))
    for server in servers.each():
        server.takes = 40
        original = server.write

        async def restarting(*args: Any, server: FakeServer = server, original: Any = original) -> nfs4.WRITE4resok:
            result: nfs4.WRITE4resok = await original(*args)
            server.verifier = struct.pack(">Q", server.calls)
            return result

        server.write = restarting  # type: ignore[method-assign]
    assert await io.status(putfh(handle), write(0, b"y" * 100)) == "NFS4ERR_DELAY"


@pytest.mark.asyncio
async def test_two_front_ends_give_the_same_verifier(io: IoClient, world: ProxyWorld, servers: FakeServers) -> None:
    """A WRITE through one node may be committed through another (INV-7)."""
    handle = await io.create(b"f")
    first = written(await io.ok(putfh(handle), write(0, b"x" * 100)))
    other = await IoClient(world, b"b", world.front_end(servers)).started()
    assert verifier_in(await other.ok(putfh(handle), commit())) == first.writeverf
    again = await IoClient(world, b"c", world.front_end(servers)).started()
    assert written(await again.ok(putfh(handle), write(2 * UNIT, b"z"))).writeverf == first.writeverf


@pytest.mark.asyncio
async def test_a_retransmitted_write_gets_the_first_reply_and_moves_no_data(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """INV-3: else it would undo what somebody else wrote since."""
    handle = await io.create(b"f")
    record = io.record(putfh(handle), write(0, b"first"))
    first = await io.deliver(record)
    assert first is not None
    other_node = world.front_end(servers)
    other = await IoClient(world, b"b", other_node).started()
    await other.ok(putfh(handle), write(0, b"later"))
    for node, link in ((io.node, io.link), (other_node, world.connect()), (io.node, world.connect())):
        again = await io.deliver(record, node, link)
        assert again is not None
        assert again.resarray[1:] == first.resarray[1:]
    assert await other.read(handle, 0, 5) == b"later"


@pytest.mark.asyncio
async def test_errors_of_data_servers(io: IoClient, world: ProxyWorld, servers: FakeServers) -> None:
    """One that says nothing is waited for until it counts as down: then its stripes, and only they, are in error."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, bytes(3 * UNIT)))
    told = {
        None: "NFS4ERR_DELAY", nfs4.NFS4ERR_DELAY: "NFS4ERR_DELAY", nfs4.NFS4ERR_NOSPC: "NFS4ERR_NOSPC",
        nfs4.NFS4ERR_IO: "NFS4ERR_IO", nfs4.NFS4ERR_BADHANDLE: "NFS4ERR_IO",
    }  # fmt: skip
    for failure, status in told.items():
        for server in servers.each():
            server.fails = [failure]
        assert await io.status(putfh(handle), write(0, bytes(3 * UNIT))) == status
        assert not any(server.fails for server in servers.each()), "every piece has ended before the answer"
    world.server_is(0, up=False)
    statuses = [await io.status(putfh(handle), read(unit * UNIT, 10)) for unit in range(3)]
    assert sorted(statuses) == ["NFS4ERR_IO", "NFS4_OK", "NFS4_OK"]
    assert await io.status(putfh(handle), write(0, bytes(3 * UNIT))) == "NFS4ERR_IO"
    assert await io.status(putfh(handle), commit(0, 3 * UNIT)) == "NFS4ERR_IO"
    assert sorted([await io.status(putfh(handle), commit(u * UNIT, 10)) for u in range(3)]) == sorted(statuses)
    await io.ok(putroot(), mkdir(b"d"))


@pytest.mark.asyncio
async def test_without_data_servers_there_is_no_room(io: IoClient, world: ProxyWorld) -> None:
    for number in range(3):
        world.server_is(number, up=False)
    handle = await io.create(b"f")
    assert await io.status(putfh(handle), write(0, b"x")) == "NFS4ERR_NOSPC"
    assert await io.read(handle, 0, 10) == b""
    await io.ok(putfh(handle), commit())
    await io.ok(putfh(handle), setsize(100))
    assert await io.read(handle, 90, 100) == bytes(10)


@pytest.mark.asyncio
async def test_an_epoch_that_was_voided_is_looked_up_again(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """A collapsed fence list voids everything below it, this node's handles too."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"data"))
    machine: Any = world.replica.machine
    place = stripes.Place.__init__

    def old(self: stripes.Place, *args: Any) -> None:
        place(self, *args)
        self.epoch = 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stripes.Place, "__init__", old)
        with world.replica.env.begin(write=True) as txn:
            machine.begin_entry(txn, 99, 1, 1)
            epoch = fences.raise_fence(machine._cx, fences.EVERY, fences.EVERY)
        for server in servers.each():
            server.fences = [dsfh.Fence(0, 0, epoch)]
        assert await io.read(handle, 0, 4) == b"data"


@pytest.mark.asyncio
async def test_a_node_that_was_paused_moves_no_data(
    io: IoClient, servers: FakeServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-6: what it looked up before may not hold any more, and it cannot know."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"data"))
    monkeypatch.setattr(stripes, "FRESH_S", -1.0)
    calls = sum(server.calls for server in servers.each())
    assert await io.status(putfh(handle), write(0, b"late")) == "NFS4ERR_DELAY"
    assert sum(server.calls for server in servers.each()) == calls


@pytest.mark.asyncio
async def test_a_view_that_is_old_is_confirmed_by_a_quorum_first(
    io: IoClient, world: ProxyWorld, servers: FakeServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-6: a node without quorum writes nothing."""
    handle = await io.create(b"f")
    monkeypatch.setattr(proxy, "_CONFIRM_AGAIN_S", -1.0)
    asked = 0
    barrier = world.replica.barrier

    def counted(done: Any) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            barrier(done)
        else:
            done(False)

    world.replica.barrier = counted  # type: ignore[method-assign]
    assert await io.status(putfh(handle), write(0, b"late")) == "NFS4ERR_DELAY"
    assert asked == 2
    assert not any(server.calls for server in servers.each())


@pytest.mark.asyncio
async def test_a_view_is_as_old_as_its_barrier_was_asked_for(
    io: IoClient, world: ProxyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-4, INV-6: the node slept between the barrier's confirmation and the read: what it knows is old by then."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"data"))
    asked = slept_s = 0
    barrier = world.replica.barrier
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(io.node, "clock_s", lambda: loop.time() + slept_s)

    def counted(done: Any) -> None:
        nonlocal asked, slept_s
        asked += 1
        slept_s += 10 * (asked == 2)
        barrier(done)

    world.replica.barrier = counted  # type: ignore[method-assign]
    assert await io.read(handle, 0, 4) == b"data"
    assert asked == 1
    assert await io.read(handle, 0, 4) == b"data"
    assert asked == 3


@pytest.mark.asyncio
async def test_a_bug_of_ours_leaves_no_client_waiting(io: IoClient, servers: FakeServers) -> None:
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"data"))
    for server in servers.each():
        server.read = None  # type: ignore[assignment, method-assign]
    record = io.record(putfh(handle), read(0, 4))
    assert await io.deliver(record) is None
    assert io.link.aborted is not None
    session = io.node.sessions[io.session_id]
    assert session.busy[0] is None


@pytest.mark.asyncio
async def test_types_offsets_and_stateids_are_checked_before_data_moves(io: IoClient, servers: FakeServers) -> None:
    handle = await io.create(b"f")
    await io.ok(putroot(), mkdir(b"d"))
    assert await io.status(putroot(), read(0, 1)) == "NFS4ERR_ISDIR"
    assert await io.status(putroot(), write(0, b"x")) == "NFS4ERR_ISDIR"
    assert await io.status(putroot(), commit()) == "NFS4ERR_ISDIR"
    assert await io.status(putfh(handle), write((1 << 63) - 1, b"xx")) == "NFS4ERR_FBIG"
    bad = nfs4.stateid4(1, b"\1" + bytes(11))
    assert await io.status(putfh(handle), write(0, b"x", stateid=bad)) == "NFS4ERR_BAD_STATEID"
    assert await io.status(putfh(handle), commit((1 << 64) - 1, 5)) == "NFS4ERR_INVAL"
    assert written(await io.ok(putfh(handle), write(0, b""))).count == 0
    assert not any(server.calls for server in servers.each())


# ---------------------------------------------------------------- what it takes of the node
@pytest.mark.asyncio
async def test_io_under_way_holds_no_place_among_the_readers(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """INV-7: LMDB has a few hundred of them, and a node without one stops."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"data"))
    go_on = asyncio.Event()
    for server in servers.each():
        original = server.read

        async def slow(*args: Any, original: Any = original) -> nfs4.READ4resok:
            await go_on.wait()
            result: nfs4.READ4resok = await original(*args)
            return result

        server.read = slow  # type: ignore[method-assign]
    clients = [await IoClient(world, b"r%d" % i, io.node).started() for i in range(40)]
    before = len(world.replica.env.readers().splitlines())
    reading = [asyncio.create_task(client.read(handle, 0, 4)) for client in clients]
    await asyncio.sleep(0.2)
    assert len(world.replica.env.readers().splitlines()) <= before + 2
    go_on.set()
    assert await asyncio.gather(*reading) == [b"data"] * 40
