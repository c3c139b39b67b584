"""Write verifiers of proxied WRITEs and COMMITs, while data servers restart and requests overlap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from nfswire import nfs4
from tests.unit.nfs_frontend.nodes import putfh
from tests.unit.nfs_frontend.proxies import (
    FILE_SYNC,
    UNIT,
    FakeServer,
    FakeServers,
    IoClient,
    ProxyWorld,
    commit,
    verifier_in,
    write,
    written,
)

RESTARTED = b"restart!"


class Striped:
    """A file over three data servers, all of it stable, its verifiers known; and two clients of one node."""

    def __init__(self, handle: bytes, servers: FakeServers, one: IoClient, other: IoClient) -> None:
        self.handle = handle
        self.one = one
        self.other = other
        held = {stripe: server for server in servers.each() for _, stripe in server.objects}
        self.by_stripe = [held[stripe] for stripe in range(3)]
        self.stable = bytes(self._object(0))

    def _object(self, stripe: int) -> bytearray:
        (held,) = [held for (_, index), held in self.by_stripe[stripe].objects.items() if index == stripe]
        return held

    def lose_power(self) -> FakeServer:
        """Of the first stripe's data server, which then starts again."""
        self._object(0)[:] = self.stable
        self.by_stripe[0].verifier = RESTARTED
        return self.by_stripe[0]

    async def verifier_of_commit(self) -> bytes:
        return verifier_in(await self.one.ok(putfh(self.handle), commit()))


@pytest_asyncio.fixture
async def striped(tmp_path: Path) -> AsyncIterator[Striped]:
    servers = FakeServers()
    world = ProxyWorld(tmp_path, sorted(servers.by_port))
    node = world.front_end(servers)
    one, other = await IoClient(world, b"a", node).started(), await IoClient(world, b"b", node).started()
    handle = await one.create(b"f")
    await one.ok(putfh(handle), write(0, b"-" * 3 * UNIT, FILE_SYNC))
    await one.ok(putfh(handle), commit())
    yield Striped(handle, servers, one, other)


class Held:
    """One call of a data server is carried out at once; its answer comes when ``release`` is set."""

    def __init__(self, server: FakeServer, name: str) -> None:
        self.carried_out = asyncio.Event()
        self.release = asyncio.Event()
        original = getattr(server, name)

        async def call(*args: Any) -> Any:
            setattr(server, name, original)
            result = await original(*args)
            self.carried_out.set()
            await self.release.wait()
            return result

        setattr(server, name, call)


@pytest.mark.asyncio
async def test_a_write_vouches_with_what_it_was_told_itself(striped: Striped) -> None:
    """INV-10: its data was lost while another data server was slow; that another request knows so is no help."""
    slow = Held(striped.by_stripe[1], "write")
    writing = asyncio.create_task(striped.one.run(putfh(striped.handle), write(0, b"A" * 2 * UNIT)))
    await slow.carried_out.wait()
    assert await striped.other.read(striped.handle, 0, 1) == b"A"
    striped.lose_power()
    await striped.other.ok(putfh(striped.handle), write(UNIT - 1, b"B", FILE_SYNC))
    slow.release.set()
    verifier = written(await writing).writeverf
    assert await striped.other.read(striped.handle, 0, 1) == b"-"
    assert await striped.verifier_of_commit() != verifier, "the client would drop data that is lost"


@pytest.mark.asyncio
async def test_a_commit_vouches_with_what_it_was_told_itself(striped: Striped) -> None:
    """INV-10: an older answer of the data server, late, must not take the restart back that the COMMIT was told of."""
    verifier = written(await striped.one.ok(putfh(striped.handle), write(0, b"A"))).writeverf
    late = Held(striped.by_stripe[0], "write")
    writing = asyncio.create_task(striped.other.run(putfh(striped.handle), write(1, b"B")))
    await late.carried_out.wait()
    restarted = striped.lose_power()
    slow = Held(striped.by_stripe[1], "commit")
    commits = restarted.commits
    committing = asyncio.create_task(striped.one.run(putfh(striped.handle), commit()))
    await slow.carried_out.wait()
    assert restarted.commits > commits
    late.release.set()
    assert written(await writing).writeverf == verifier, "B was lost as well, and this says so to its client"
    slow.release.set()
    assert verifier_in(await committing) != verifier, "the client would drop data that is lost"


@pytest.mark.asyncio
async def test_a_restart_after_its_commit_was_answered_does_not_make_the_client_write_again(striped: Striped) -> None:
    """INV-10: what the data server told the COMMIT counts, not what it told somebody later."""
    verifier = written(await striped.one.ok(putfh(striped.handle), write(0, b"A" * 2 * UNIT))).writeverf
    slow = Held(striped.by_stripe[1], "commit")
    committing = asyncio.create_task(striped.one.run(putfh(striped.handle), commit()))
    await slow.carried_out.wait()
    striped.by_stripe[0].verifier = RESTARTED
    await striped.other.ok(putfh(striped.handle), write(UNIT - 1, b"B", FILE_SYNC))
    slow.release.set()
    assert verifier_in(await committing) == verifier


@pytest.mark.asyncio
async def test_two_verifiers_of_one_data_server_within_a_write(striped: Striped) -> None:
    """INV-10: it restarted between two stripe units: what it took first may be lost, so the client comes again."""
    first = striped.by_stripe[0]
    original = first.write

    async def restarting(*args: Any) -> nfs4.WRITE4resok:
        result = await original(*args)
        first.verifier = RESTARTED
        return nfs4.WRITE4resok(result.count, result.committed, b"verifier" if args[2] == 0 else RESTARTED)

    first.write = restarting  # type: ignore[assignment, method-assign]
    assert await striped.one.status(putfh(striped.handle), write(0, b"A" * 4 * UNIT)) == "NFS4ERR_DELAY"
    verifier = written(await striped.one.ok(putfh(striped.handle), write(UNIT, b"A" * 3 * UNIT))).writeverf
    assert await striped.verifier_of_commit() == verifier
