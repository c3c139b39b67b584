"""The drill's short form: whole machines of a deployed cluster are lost. All of it: ``./run drill``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.test_scenarios import run

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long, pytest.mark.usefixtures("root")]


def test_a_deployed_cluster_outlives_its_service_host(tmp_path: Path) -> None:
    """INV-1 to INV-9: keepalived, the metadata server, then the whole host killed where the service address is; the
    address moves, clients wait less than 2 s, the host is fenced within 5 s, boots, and rejoins, all by itself."""
    run("drill-medley", tmp_path)
