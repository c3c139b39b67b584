"""READ, WRITE and COMMIT through the metadata server: over real data servers in this process, and over faked ones."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from mdscluster.fsm import cuts, fences
from mdscluster.fsm.commands import ConfigureCluster, DataServerUpdate, Truncated, pack_internal
from mdscluster.fsm.settings import Settings
from mdscluster.nfs_frontend import proxy, stripes
from mdscluster.nfs_frontend.dispatcher import Dispatcher
from mdscluster.nfs_frontend.proxy import ProxyIo
from nfsclient.data_servers import DataServerFailed, DataServers, DataServerSettings
from nfsclient.handshake import Identity
from nfsclient.stats import Stats
from nfsclient.transport import AsyncioRuntime
from nfswire import dsfh, nfs4
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.dataserver.support.wire import KEY
from tests.unit.nfs_frontend.nodes import (
    ANONYMOUS,
    CURRENT,
    getfh,
    getsize,
    handle_in,
    layoutget,
    opening,
    putfh,
    result_of,
    setsize,
)
from tests.unit.nfs_frontend.support import ROOT, Client, FakeConnection, World, mkdir, putroot

UNIT = 1 << 16
UNSTABLE, FILE_SYNC = nfs4.UNSTABLE4, nfs4.FILE_SYNC4


def read(offset: int, count: int, stateid: nfs4.stateid4 = ANONYMOUS) -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_READ, nfs4.READ4args(stateid, offset, count))


def write(
    offset: int, data: bytes, stable: int = UNSTABLE, stateid: nfs4.stateid4 = ANONYMOUS
) -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_WRITE, nfs4.WRITE4args(stateid, offset, stable, data))


def commit(offset: int = 0, count: int = 0) -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_COMMIT, nfs4.COMMIT4args(offset, count))


class FakeServer:
    """One data server in memory, with faults."""

    def __init__(self) -> None:
        self.objects: dict[tuple[int, int], bytearray] = {}
        self.verifier = b"verifier"
        self.takes: int = 1 << 30
        self.fails: list[int | None] = []
        self.fences: list[dsfh.Fence] = []
        self.calls = 0
        self.commits = 0

    def _enter(self, handle: bytes) -> tuple[int, int]:
        self.calls += 1
        if self.fails:
            raise DataServerFailed(self, self.fails.pop(0), "on demand")  # type: ignore[arg-type]
        capability = dsfh.unpack_ds_fh(KEY, handle)
        assert capability is not None
        if dsfh.refused(self.fences, capability):
            raise DataServerFailed(self, nfs4.NFS4ERR_STALE, "fenced")  # type: ignore[arg-type]
        return capability.fileid, capability.stripe_index

    @property
    def name(self) -> str:
        return "fake"

    async def read(self, handle: bytes, stateid: nfs4.stateid4, offset: int, count: int) -> nfs4.READ4resok:
        key = self._enter(handle)
        await asyncio.sleep(0)
        return nfs4.READ4resok(True, bytes(self.objects.get(key, b"")[offset : offset + count]))

    async def write(
        self, handle: bytes, stateid: nfs4.stateid4, offset: int, stable: int, data: memoryview
    ) -> nfs4.WRITE4resok:
        key = self._enter(handle)
        await asyncio.sleep(0)
        taken = bytes(data[: self.takes])
        held = self.objects.setdefault(key, bytearray())
        held.extend(bytes(max(0, offset + len(taken) - len(held))))
        held[offset : offset + len(taken)] = taken
        return nfs4.WRITE4resok(len(taken), stable, self.verifier)

    async def commit(self, handle: bytes) -> bytes:
        self._enter(handle)
        self.commits += 1
        return self.verifier


class FakeServers:
    """By address, as nfsclient.data_servers.DataServers."""

    def __init__(self) -> None:
        self.by_port = {1001: FakeServer(), 1002: FakeServer(), 1003: FakeServer()}

    def at(self, addresses: tuple[tuple[str, int], ...]) -> FakeServer:
        return self.by_port[addresses[0][1]]

    def each(self) -> list[FakeServer]:
        return list(self.by_port.values())


class ProxyWorld(World):
    """Two front ends that move data; in an event loop."""

    def __init__(self, path: Path, ports: list[int]) -> None:
        super().__init__(path)
        settings = Settings(cluster_id=0x1234567, name=b"test", capability_key=KEY, stripe_unit_bytes=UNIT)
        self.internal(ConfigureCluster(msgspec.msgpack.encode(settings)))
        self.ports = ports
        for number in range(len(ports)):
            self.server_is(number, up=True)

    def internal(self, command: Any) -> None:
        self.replica.propose(pack_internal(command), lambda _: None)

    def server_is(self, number: int, *, up: bool) -> None:
        self.internal(DataServerUpdate(f"ds{number + 1}", "127.0.0.1", self.ports[number], up, 1 << 40, 1 << 39))

    def front_end(self, servers: Any) -> Dispatcher:
        node = Dispatcher(self.replica, asyncio.get_running_loop().call_soon)
        node.reload_settings()
        node.run_io = ProxyIo(node, servers).start
        return node


class IoClient(Client):
    """A client without pNFS."""

    def __init__(self, world: World, owner: bytes, node: Dispatcher) -> None:
        super().__init__(world, owner)
        self.node = node
        self.link = world.connect()
        self.sequence = 0

    async def started(self) -> IoClient:
        args = nfs4.EXCHANGE_ID4args(
            nfs4.client_owner4(b"verifier", self.owner), 0, nfs4.state_protect4_a(nfs4.SP4_NONE), []
        )
        known = self.call(self.node, self.link, [nfs4.nfs_argop4(nfs4.OP_EXCHANGE_ID, args)])
        self.client_id = known.resarray[0].arm.eir_resok4.eir_clientid
        channel = nfs4.channel_attrs4(0, 2 << 20, 2 << 20, 8192, 32, 4, [])
        create = nfs4.CREATE_SESSION4args(
            self.client_id, known.resarray[0].arm.eir_resok4.eir_sequenceid, 0, channel, channel, 0x40000000, []
        )
        made = self.call(self.node, self.link, [nfs4.nfs_argop4(nfs4.OP_CREATE_SESSION, create)])
        self.session_id = made.resarray[0].arm.csr_resok4.csr_sessionid
        await self.ok(nfs4.nfs_argop4(nfs4.OP_RECLAIM_COMPLETE, nfs4.RECLAIM_COMPLETE4args(False)))
        return self

    def record(self, *operations: nfs4.nfs_argop4) -> bytes:
        self.sequence += 1
        return self.compound(self.sequence, list(operations), cache=False)

    async def deliver(
        self, record: bytes, node: Dispatcher | None = None, link: FakeConnection | None = None
    ) -> nfs4.COMPOUND4res | None:
        """The reply; None when the connection was closed instead."""
        node, link = node or self.node, link or self.link
        before = len(link.sent)
        node.receive(link, record, 0, len(record))
        for _ in range(1000):
            if len(link.sent) > before:
                return self.decode(link.sent[-1])
            if link.aborted is not None:
                return None
            await asyncio.sleep(0.01)
        raise AssertionError("no answer")

    async def run(self, *operations: nfs4.nfs_argop4) -> nfs4.COMPOUND4res:
        result = await self.deliver(self.record(*operations))
        assert result is not None
        return result

    async def ok(self, *operations: nfs4.nfs_argop4) -> nfs4.COMPOUND4res:
        result = await self.run(*operations)
        assert result.status == 0, nfs4.STATUS_NAMES.get(result.status)
        return result

    async def status(self, *operations: nfs4.nfs_argop4) -> str:
        return nfs4.STATUS_NAMES[(await self.run(*operations)).status]

    async def create(self, name: bytes) -> bytes:
        return handle_in(await self.ok(*opening(name, self.client_id), getfh()))

    async def read(self, handle: bytes, offset: int, count: int) -> bytes:
        return bytes(result_of(await self.ok(putfh(handle), read(offset, count)), nfs4.OP_READ).resok4.data)


def written(result: nfs4.COMPOUND4res) -> Any:
    return result_of(result, nfs4.OP_WRITE).resok4


def verifier_in(result: nfs4.COMPOUND4res) -> bytes:
    verifier: bytes = result_of(result, nfs4.OP_COMMIT).resok4.writeverf
    return verifier


# ---------------------------------------------------------------- real data servers
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
@pytest.fixture
def servers() -> FakeServers:
    return FakeServers()


@pytest_asyncio.fixture
async def world(tmp_path: Path, servers: FakeServers) -> ProxyWorld:
    return ProxyWorld(tmp_path / "state", sorted(servers.by_port))


@pytest_asyncio.fixture
async def io(world: ProxyWorld, servers: FakeServers) -> IoClient:
    return await IoClient(world, b"a", world.front_end(servers)).started()


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
async def test_behind_a_cut_are_zeros_before_it_is_made_and_writes_wait_for_it(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """Bytes that were cut off do not come back when the file grows; and a write is not cut off with them."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"o" * 3 * UNIT))
    await io.ok(putfh(handle), setsize(10))
    await io.ok(putfh(handle), setsize(3 * UNIT))
    assert await io.read(handle, 0, 3 * UNIT) == b"o" * 10 + bytes(3 * UNIT - 10)
    writing = asyncio.create_task(io.deliver(io.record(putfh(handle), write(UNIT, b"new"), getsize())))
    await asyncio.sleep(0.1)
    assert not writing.done()
    tables = io.node.tables
    with world.replica.env.begin() as txn:
        cut = cuts.of_file(txn, tables, int.from_bytes(handle[8:16], "big"))
    assert cut is not None
    for port, server in servers.by_port.items():
        for key in server.objects:
            del server.objects[key][10:]
        number = port - 1000
        assert number in dict(cut.remaining)
    world.internal(Truncated(cut.fileid, cut.serial, [number for number, _ in cut.remaining]))
    result = await writing
    assert result is not None
    assert result.status == 0
    assert await io.read(handle, 0, 3 * UNIT) == b"o" * 10 + bytes(UNIT - 10) + b"new" + bytes(2 * UNIT - 3)


@pytest.mark.asyncio
async def test_a_write_does_not_wait_for_ever_for_a_cut(io: IoClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "_CUT_PATIENCE_S", 0.05)
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"o" * 100))
    await io.ok(putfh(handle), setsize(10))
    assert await io.status(putfh(handle), write(0, b"new")) == "NFS4ERR_DELAY"


@pytest.mark.asyncio
async def test_a_cut_during_a_write_makes_the_client_write_again(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """INV-10: its data may have gone with the cut, so it is not acknowledged."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"o" * 100))
    other = await IoClient(world, b"b", world.front_end(servers)).started()
    for server in servers.each():
        original = server.write

        async def overtaken(*args: Any, original: Any = original) -> nfs4.WRITE4resok:
            result: nfs4.WRITE4resok = await original(*args)
            await other.ok(putfh(handle), setsize(10))
            return result

        server.write = overtaken  # type: ignore[method-assign]
    assert await io.status(putfh(handle), write(50, b"new")) == "NFS4ERR_DELAY"
    assert await io.read(handle, 0, 100) == b"o" * 10


@pytest.mark.asyncio
async def test_what_changed_state_before_its_io_is_not_put_off_as_a_whole(io: IoClient, world: ProxyWorld) -> None:
    """INV-3: its first part is in the log, so what has to wait behind the I/O is NFS4ERR_DELAY in its place."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"o" * 100))
    other = await IoClient(world, b"b", io.node).started()
    opened = result_of(await other.ok(*opening(b"f", other.client_id)), nfs4.OP_OPEN).resok4.stateid
    await other.ok(putfh(handle), layoutget(opened))
    result = await io.run(*opening(b"f", io.client_id), write(0, b"new", stateid=CURRENT), setsize(5))
    assert result.status == nfs4.NFS4ERR_DELAY
    assert [one.resop for one in result.resarray[1:]] == [
        nfs4.OP_PUTROOTFH, nfs4.OP_OPEN, nfs4.OP_WRITE, nfs4.OP_SETATTR,
    ]  # fmt: skip
    assert await io.read(handle, 0, 5) == b"newoo"


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
