"""The drill's short form, one round of some of it: whole machines of a deployed cluster are lost. All: ``./run drill``.

Without Linux clients; on 3 machines, two lost hosts on 5.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.test_scenarios import run

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.long, pytest.mark.usefixtures("root")]


def test_a_deployed_cluster_outlives_its_service_host(tmp_path: Path) -> None:
    """INV-1 to INV-9: keepalived, the metadata server, then the whole host killed where the service address is; the
    address moves, clients wait less than 2 s, the host is fenced within 5 s, boots, and rejoins, all by itself."""
    run("drill-medley", tmp_path)


def test_a_silent_service_host_that_lives_serves_nobody(tmp_path: Path) -> None:
    """INV-1 to INV-9: two hosts have the address. The silent one tells a client that reaches nobody else nothing, and
    fences nobody, though it reaches every BMC: what no killed process shows. It is fenced, and rejoins."""
    run("drill-isolate", tmp_path)


def test_three_of_five_hosts_go_on_without_the_two_that_are_lost(tmp_path: Path) -> None:
    """INV-1 to INV-9: two at once, the one with the service address among them; both are fenced, boot and rejoin."""
    run("drill-two-hosts", tmp_path)
