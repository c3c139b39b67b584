"""A cluster of real processes for the commands that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.embedded import Embedded


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One for all; no test leaves it changed."""
    with Embedded(tmp_path_factory.mktemp("mdsctl") / "c", ds=2) as running:
        running.await_all(lag_entries=200)
        yield running
