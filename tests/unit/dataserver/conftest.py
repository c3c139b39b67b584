"""Fixtures: a server in this process and a client with a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.dataserver.support.local import LocalServer
from tests.unit.dataserver.support.wire import Wire


@pytest.fixture(params=["lanes", "fast", "general"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalServer]:
    """The straight-line path, with and without lanes, and the table must all pass."""
    lanes = 8 if request.param == "lanes" else 0
    with LocalServer(tmp_path / "data", fast=request.param != "general", lanes=lanes) as server:
        yield server


@pytest.fixture
def wire(server: LocalServer) -> Iterator[Wire]:
    wire = server.session()
    yield wire
    wire.close()
