"""READ, WRITE and COMMIT through the metadata server: over real data servers in this process, and over faked ones."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mdscluster.fsm import cuts, data_servers, fences, io_claims
from mdscluster.fsm.commands import Truncated
from mdscluster.nfs_frontend import loggable, proxy, stripes
from nfsclient.data_servers import DataServers, DataServerSettings
from nfsclient.handshake import Identity
from nfsclient.stats import Stats
from nfsclient.transport import AsyncioRuntime
from nfswire import dsfh, nfs4
from nfswire.attributes import pack_fattr
from tests.unit.dataserver.support.local import LocalServer
from tests.unit.nfs_frontend.nodes import (
    ANONYMOUS,
    CURRENT,
    getsize,
    layoutget,
    opening,
    putfh,
    result_of,
    setsize,
    size_in,
)
from tests.unit.nfs_frontend.proxies import (
    FILE_SYNC,
    UNIT,
    UNSTABLE,
    FakeServer,
    FakeServers,
    IoClient,
    PausedServers,
    ProxyWorld,
    commit,
    read,
    verifier_in,
    write,
    written,
)
from tests.unit.nfs_frontend.support import ROOT, mkdir, putroot


def setmode(mode: int) -> nfs4.nfs_argop4:
    wanted = pack_fattr({nfs4.FATTR4_MODE: mode})
    return nfs4.nfs_argop4(nfs4.OP_SETATTR, nfs4.SETATTR4args(ANONYMOUS, wanted))


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
async def test_behind_a_cut_at_a_dead_data_server_writes_end_at_once(io: IoClient, world: ProxyWorld) -> None:
    """Its stripes are an I/O error, as they are without a cut; the live ones go on."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"o" * 3 * UNIT))
    await io.ok(putfh(handle), setsize(10))
    with world.replica.env.begin() as txn:
        fileid = int.from_bytes(handle[8:16], "big")
        cut = cuts.of_file(txn, io.node.tables, fileid)
        striping = data_servers.striping_of(txn, io.node.tables, fileid)
    assert cut is not None
    assert striping is not None
    world.server_is(0, up=False)
    world.internal(Truncated(cut.fileid, cut.serial, [2, 3]))
    dead = striping.numbers.index(1)
    began = asyncio.get_running_loop().time()
    statuses = [await io.status(putfh(handle), write(stripe * UNIT, b"new")) for stripe in range(3)]
    assert statuses == ["NFS4ERR_IO" if stripe == dead else "NFS4_OK" for stripe in range(3)]
    assert asyncio.get_running_loop().time() - began < proxy._CUT_PATIENCE_S


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
    result = await io.run(*opening(b"f", io.client_id), read(0, 5, CURRENT), setsize(5))
    assert result.status == nfs4.NFS4ERR_DELAY
    assert [one.resop for one in result.resarray[1:]] == [
        nfs4.OP_PUTROOTFH, nfs4.OP_OPEN, nfs4.OP_READ, nfs4.OP_SETATTR,
    ]  # fmt: skip


@pytest.mark.asyncio
async def test_data_behind_a_change_is_not_in_the_log(
    io: IoClient, world: ProxyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-3: whatever the session's limits allow is answered: a command never holds a WRITE's data, however large."""
    commands: list[int] = []
    propose = world.replica.propose

    def watched(payload: bytes, done: Callable[[bytes | None], None]) -> None:
        commands.append(len(payload))
        propose(payload, done)

    monkeypatch.setattr(world.replica, "propose", watched)
    handle = await io.create(b"f")
    large = bytes(range(256)) * (1 << 12)
    result = await io.ok(putfh(handle), setmode(0o600), write(0, large), write(len(large) // 2, large[:99]), getsize())
    assert written(result).count == 99
    assert size_in(result) == len(large)
    data = large[: len(large) // 2] + large[:99] + large[len(large) // 2 + 99 :]
    assert await io.read(handle, 0, len(large)) == data
    assert max(commands) < 4096


@pytest.mark.asyncio
async def test_a_cut_command_is_gone_on_with_on_another_node(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """INV-3: the progress in the slot counts what was left away, so that any node goes on at the right operation."""
    handle = await io.create(b"f")
    record = io.record(putfh(handle), setmode(0o600), write(0, b"x" * 3 * UNIT), setmode(0o640), getsize())
    io.node.run_io = lambda dispatcher, request, done: None  # this node dies at the I/O
    io.node.receive(io.link, record, 0, len(record))
    await asyncio.sleep(0.1)
    other = world.front_end(servers)
    result = await io.deliver(record, other, world.connect())
    assert result is not None
    assert result.status == 0
    assert size_in(result) == 3 * UNIT
    assert written(result).count == 3 * UNIT


@pytest.mark.asyncio
async def test_a_read_beside_a_change_is_short(io: IoClient, world: ProxyWorld) -> None:
    """What it returned goes into the log with the reply; alone it is as long as the session allows."""
    handle = await io.create(b"f")
    large = bytes(range(256)) * (1 << 12)
    await io.ok(putfh(handle), write(0, large))
    for operations in ((setmode(0o600), read(0, len(large))), (read(0, len(large)), setmode(0o600))):
        resok = result_of(await io.ok(putfh(handle), *operations), nfs4.OP_READ).resok4
        assert not resok.eof
        assert loggable.RESULTS_BYTES_MAX - 200 < len(resok.data) <= loggable.RESULTS_BYTES_MAX
        assert bytes(resok.data) == large[: len(resok.data)]
    assert await io.read(handle, 0, len(large)) == large


@pytest.mark.asyncio
async def test_what_is_too_large_for_the_log_is_told(io: IoClient, world: ProxyWorld) -> None:
    """A client that gets no answer asks for ever."""
    handle = await io.create(b"f")
    blob = nfs4.LAYOUTCOMMIT4args(
        0, 1, False, ANONYMOUS, nfs4.newoffset4(False), nfs4.newtime4(False), nfs4.layoutupdate4(1, bytes(1 << 16))
    )
    operations = [nfs4.nfs_argop4(nfs4.OP_LAYOUTCOMMIT, blob)] * 17
    assert await io.status(putfh(handle), *operations) == "NFS4ERR_REQ_TOO_BIG"
    io.sequence -= 1  # SEQUENCE failed: the slot is as it was
    assert await io.status(putfh(handle), getsize()) == "NFS4_OK"


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


# ---------------------------------------------------------------- two nodes, one of them late
@pytest.mark.asyncio
async def test_a_write_that_was_answered_elsewhere_moves_no_data_when_its_copy_comes_late(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """INV-2, INV-3: it lay in a paused node's socket, on the connection that used its slot last."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"first"))
    other, elsewhere = world.front_end(servers), world.connect()
    old = io.record(putfh(handle), write(0, b"older", FILE_SYNC))
    for record in (old, io.record(putfh(handle), write(0, b"newer", FILE_SYNC))):
        answered = await io.deliver(record, other, elsewhere)
        assert answered is not None
        assert answered.status == 0
    late = await io.deliver(old)
    assert late is not None
    assert late.status == nfs4.NFS4ERR_SEQ_MISORDERED
    assert _held(servers) == b"newer"


def _held(servers: FakeServers) -> bytes:
    """What lies at the beginning of the only file."""
    found = [held for server in servers.each() for (_, stripe), held in server.objects.items() if stripe == 0]
    assert len(found) == 1
    return bytes(found[0][:5])


@pytest.mark.asyncio
@pytest.mark.parametrize("first", [True, False])
async def test_a_node_that_was_paused_as_it_wrote_writes_no_more_once_another_took_over(
    io: IoClient, world: ProxyWorld, servers: FakeServers, first: bool
) -> None:
    """INV-2, INV-3: whatever it had looked at and claimed before; the data servers refuse it."""
    handle = await io.create(b"f")
    if not first:
        await io.ok(putfh(handle), write(0, b"first"))
    paused = PausedServers(servers)
    node, link = world.front_end(paused), world.connect()
    old = io.record(putfh(handle), write(0, b"older", FILE_SYNC))
    late = asyncio.create_task(io.deliver(old, node, link))
    await paused.reached.wait()
    for record in (old, io.record(putfh(handle), write(0, b"newer", FILE_SYNC))):
        answered = await io.deliver(record)
        assert answered is not None
        assert answered.status == 0
    paused.go_on.set()
    result = await late
    assert result is None or result.status == nfs4.NFS4ERR_SEQ_MISORDERED
    assert _held(servers) == b"newer"
    own = dsfh.Capability(dsfh.FLAG_WRITE, 0, int.from_bytes(handle[8:16], "big"), io.client_id, 1)
    assert not dsfh.refused(servers.each()[0].fences, own), "the client's own layouts are in good order"


@pytest.mark.asyncio
async def test_no_data_moves_before_what_an_earlier_node_may_have_sent_is_refused(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """INV-2: the fence is in force first."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"first"))
    world.replica.on_event = lambda event: None
    node, link = world.front_end(servers), world.connect()
    calls = sum(server.calls for server in servers.each())
    writing = asyncio.create_task(io.deliver(io.record(putfh(handle), write(0, b"newer")), node, link))
    await asyncio.sleep(0.2)
    assert not writing.done()
    assert sum(server.calls for server in servers.each()) == calls
    world._on_event(fences.EVENT_FENCE)
    result = await writing
    assert result is not None
    assert result.status == 0


@pytest.mark.asyncio
async def test_what_an_earlier_holder_has_under_way_in_the_log_is_not_run_after_the_claim(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """INV-3: else it would be the answer to a request that the new holder is still moving data for."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"first"))
    propose = world.replica.propose
    held: asyncio.Future[tuple[bytes, Any]] = asyncio.get_running_loop().create_future()
    world.replica.propose = lambda payload, done: held.set_result((payload, done))  # type: ignore[method-assign]
    record = io.record(putfh(handle), write(0, b"again"))
    first = asyncio.create_task(io.deliver(record))
    await held
    world.replica.propose = propose  # type: ignore[method-assign]
    paused = PausedServers(servers)
    second = asyncio.create_task(io.deliver(record, world.front_end(paused), world.connect()))
    await paused.reached.wait()
    propose(*held.result())
    assert await first is None, "it was carried out, and answered, though another node is about to write"
    assert not second.done()
    paused.go_on.set()
    result = await second
    assert result is not None
    assert result.status == 0


@pytest.mark.asyncio
async def test_a_write_that_failed_is_answered_by_the_log(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """INV-3: its copy, late at another node, gets the same failure and moves nothing."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"first"))
    for server in servers.each():
        server.fails = [nfs4.NFS4ERR_NOSPC]
    record = io.record(putfh(handle), write(0, b"older"))
    assert (await io.deliver(record)).status == nfs4.NFS4ERR_NOSPC  # type: ignore[union-attr]
    for server in servers.each():
        server.fails = []
    late = await io.deliver(record, world.front_end(servers), world.connect())
    assert late is not None
    assert late.status == nfs4.NFS4ERR_NOSPC
    assert _held(servers) == b"first"


@pytest.mark.asyncio
async def test_after_a_write_of_unknown_fate_the_client_is_claimed_anew(
    io: IoClient, world: ProxyWorld, servers: FakeServers
) -> None:
    """INV-2: it may lie in a data server's socket still, and must not come after what is written next."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"first"))

    def claim() -> Any:
        with world.replica.env.begin() as txn:
            return io_claims.load(txn, io.node.tables, io.client_id)

    before = claim()
    await io.ok(putfh(handle), write(0, b"again"))
    assert claim() == before
    for server in servers.each():
        server.fails = [None]
    assert await io.status(putfh(handle), write(0, b"older")) == "NFS4ERR_DELAY"
    for server in servers.each():
        server.fails = []
    await io.ok(putfh(handle), write(UNIT, b"elsewhere"))
    assert claim() == before, "another data server is not concerned"
    await io.ok(putfh(handle), write(0, b"newer"))
    assert claim().epoch > before.epoch
    assert claim().in_force


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
