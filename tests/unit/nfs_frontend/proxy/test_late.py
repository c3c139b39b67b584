"""Two nodes that write for one client, one of them late (docs/adr/0012)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mdscluster.fsm import fences, io_claims
from nfswire import dsfh, nfs4
from tests.unit.nfs_frontend.nodes import (
    putfh,
)
from tests.unit.nfs_frontend.proxies import (
    FILE_SYNC,
    UNIT,
    FakeServers,
    IoClient,
    PausedServers,
    ProxyWorld,
    write,
)


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
