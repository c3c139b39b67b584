"""Reads and writes behind a cut that data servers have yet to make."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mdscluster.fsm import cuts, data_servers
from mdscluster.fsm.commands import Truncated
from mdscluster.nfs_frontend import proxy
from nfswire import nfs4
from tests.unit.nfs_frontend.nodes import (
    getsize,
    putfh,
    setsize,
)
from tests.unit.nfs_frontend.proxies import (
    UNIT,
    FakeServers,
    IoClient,
    ProxyWorld,
    write,
)


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
