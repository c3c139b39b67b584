"""A front end that moves data, over data servers in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from tests.unit.nfs_frontend.proxies import (
    FakeServers,
    IoClient,
    ProxyWorld,
)


@pytest.fixture
def servers() -> FakeServers:
    return FakeServers()


@pytest_asyncio.fixture
async def world(tmp_path: Path, servers: FakeServers) -> ProxyWorld:
    return ProxyWorld(tmp_path / "state", sorted(servers.by_port))


@pytest_asyncio.fixture
async def io(world: ProxyWorld, servers: FakeServers) -> IoClient:
    return await IoClient(world, b"a", world.front_end(servers)).started()
