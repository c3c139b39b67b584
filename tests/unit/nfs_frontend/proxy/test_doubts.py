"""Doubts about what is still on its way to a data server: each belongs to one claim (docs/adr/0012)."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from mdscluster.fsm import fences
from mdscluster.nfs_frontend import claims
from mdscluster.nfs_frontend.claims import Claims
from nfsclient.data_servers import DataServerFailed
from nfswire import nfs4
from tests.unit.nfs_frontend.nodes import putfh
from tests.unit.nfs_frontend.proxies import FILE_SYNC, FakeServer, FakeServers, IoClient, ProxyWorld, write


class Lost:
    """The next WRITE to a data server: its connection breaks at once, but it lies in the socket still."""

    def __init__(self, server: FakeServer) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self._original = server.write

        async def write(*args: Any) -> nfs4.WRITE4resok:
            server.write = self._original  # type: ignore[method-assign]
            self.sent.append(args)
            raise DataServerFailed(server, None, "reset")  # type: ignore[arg-type]

        server.write = write  # type: ignore[assignment, method-assign]

    async def arrive(self) -> nfs4.WRITE4resok:
        (args,) = self.sent
        return await self._original(*args)


@pytest.mark.asyncio
async def test_a_doubt_that_arises_as_its_claim_comes_into_force_is_kept(
    io: IoClient, world: ProxyWorld, servers: FakeServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-2: a WRITE waits for the claim and looks now and then; another one is sent in time, and its fate unknown."""
    handle = await io.create(b"f")
    await io.ok(putfh(handle), write(0, b"first", FILE_SYNC))
    (owner,) = [server for server in servers.each() if server.objects]
    record = io.record(putfh(handle), write(0, b"there", FILE_SYNC))
    assert await io.deliver(record, world.front_end(servers), world.connect()) is not None
    monkeypatch.setattr(claims, "_POLL_S", 1.0)
    monkeypatch.setattr(world.replica, "on_event", lambda event: None)
    record = io.record(putfh(handle), write(0, b"newer", FILE_SYNC))
    waiting = asyncio.create_task(io.deliver(record, link=world.connect()))
    await asyncio.sleep(0.1)
    lost = Lost(owner)
    monkeypatch.undo()
    world._on_event(fences.EVENT_FENCE)
    record = io.compound(1, [putfh(handle), write(0, b"older", FILE_SYNC)], slot=1)
    result = await io.deliver(record, link=world.connect())
    assert result is not None
    assert result.status == nfs4.NFS4ERR_DELAY
    assert lost.sent
    assert not waiting.done()
    result = await waiting
    assert result is not None
    assert result.status == 0
    with pytest.raises(DataServerFailed, match="fenced"):
        await lost.arrive()
    assert await io.read(handle, 0, 5) == b"newer"


@pytest.mark.asyncio
async def test_a_new_claim_has_no_doubts_and_an_earlier_one_is_all_doubt(io: IoClient) -> None:
    """INV-2: the fence of the new one refuses all that the doubts were about; and nothing is remembered for ever."""
    held = Claims(io.node, os.urandom(8))
    client = io.client_id
    first = await held.hold(client)
    held.doubt_at(client, first, 1)
    assert [held.is_doubtful(client, first, server) for server in (1, 2)] == [True, False]
    held.lost(client, first)
    assert [held.is_doubtful(client, first, server) for server in (1, 2)] == [True, True], "nothing is claimed"
    second = await held.hold(client)
    assert second > first
    held.doubt_at(client, first, 2)
    assert [held.is_doubtful(client, second, server) for server in (1, 2)] == [False, False]
    assert [held.is_doubtful(client, first, server) for server in (1, 2)] == [True, True]


@pytest.mark.asyncio
async def test_who_lost_an_earlier_claim_does_not_void_the_present_one(io: IoClient) -> None:
    """INV-2: else WRITEs that come together take the claim from each other until none has a try left."""
    held = Claims(io.node, os.urandom(8))
    first = await held.hold(io.client_id)
    held.lost(io.client_id, first)
    second = await held.hold(io.client_id)
    held.lost(io.client_id, first)
    assert await held.hold(io.client_id) == second
    held.lost(io.client_id, second)
    assert await held.hold(io.client_id) > second
