"""Before a node is hit, a client works at it without a pause: what a fault needs to be a test of exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.chaos.chaos import Chaos, ChaosError

SERVERS = [("10.0.0.1", 2049), ("10.0.0.2", 2049), ("10.0.0.3", 2049)]


class Asked:
    """Stands for a load process: its client is at work after ``after_s``."""

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s
        self.orders: list[list[tuple[str, int]]] = []
        self.ready_s = 0.0

    def rush(self, servers: Sequence[tuple[str, int]]) -> Callable[[], bool]:
        self.orders.append(list(servers))
        self.ready_s = time.monotonic() + self.after_s
        return lambda: time.monotonic() > self.ready_s


def chaos(load: Asked) -> Chaos:
    """Over a cluster that only has names."""
    site = SimpleNamespace(mds_ids=["mds1", "mds2", "mds3"], servers=lambda: SERVERS)
    monitor = SimpleNamespace(term=lambda: 1, leader=lambda: "mds1")
    return Chaos(cast(Any, site), cast(Any, monitor), [cast(Any, load)], seed=1)


def test_no_fault_begins_before_a_client_works_at_the_node_to_be_hit() -> None:
    """INV-3: it begins at that node; of several at the first, and data servers are none of them."""
    load = Asked(0.1)
    made = chaos(load)
    with made.fault("power loss", ["ds1", "mds2", "mds3"]) as fault:
        assert fault.begun_s > load.ready_s
    assert load.orders == [[SERVERS[1], SERVERS[2], SERVERS[0]]]


def test_a_fault_of_no_node_asks_for_no_client() -> None:
    """Packets lost everywhere hit everybody."""
    load = Asked(0.0)
    with chaos(load).fault("loss"):
        pass
    assert load.orders == []


def test_without_such_a_client_nothing_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-3: the run fails loudly, rather than prove nothing."""
    monkeypatch.setattr("tests.chaos.chaos.RUSH_TIMEOUT_S", 0.1)
    made = chaos(Asked(60.0))
    with pytest.raises(ChaosError, match="no client works at mds1"), made.fault("kill", ["mds1"]):
        pass
    assert made.faults == []
