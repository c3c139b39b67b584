"""``mdsctl watch``: what a server did between two looks."""

from __future__ import annotations

from pathlib import Path

from mdscluster.adminclient import Answer, ClusterFile, Target
from mdscluster.mdsctl.view import Grid, plain
from mdscluster.mdsctl.watch import Rates, view
from mdsproto import admin_pb2

TARGET = Target("mds1", "10.0.0.1:7002", "10.0.0.1:2049")
CLUSTER = ClusterFile(Path("cluster.json"), (TARGET,), ())


def look(uptime_s: float, ok: int, stale: int, applied: int, **operations: int) -> list[Answer]:
    reply = admin_pb2.StatusReply(
        node_id="mds1", role="leader", uptime_s=uptime_s, applied_index=applied,
        statuses={"NFS4_OK": ok, "NFS4ERR_DELAY": stale}, operations=operations,
    )  # fmt: skip
    return [Answer(TARGET, reply)]


def test_rates_are_what_happened_since_the_last_look() -> None:
    rates = Rates()
    assert rates.note(look(10, 1000, 5, 50, GETATTR=700), 100.0) == {}
    found = rates.note(look(12, 1200, 7, 150, GETATTR=900, WRITE=10), 102.0)["mds1"]
    assert found == {
        "compounds_per_s": 101.0,
        "operations_per_s": 105.0,
        "refused_per_s": 1.0,
        "applied_per_s": 50.0,
        "operations": {"GETATTR": 100.0, "WRITE": 5.0},
    }
    lines = plain(view(CLUSTER, look(12, 0, 0, 0), {"mds1": found}))
    assert lines[-1].split() == ["mds1", "101", "105", "1", "50", "GETATTR", "100,", "WRITE", "5"]


def test_a_restarted_server_has_no_rate_at_first() -> None:
    """Its counters begin anew: a difference would be nonsense."""
    rates = Rates()
    rates.note(look(5000, 9000, 0, 50), 100.0)
    assert rates.note(look(1, 10, 0, 60), 101.0) == {}
    assert rates.note(look(2, 30, 0, 60), 102.0)["mds1"]["compounds_per_s"] == 20.0
    rates.note([Answer(TARGET, None, "down")], 103.0)
    assert rates.note(look(4, 70, 0, 60), 104.0)["mds1"]["compounds_per_s"] == 20.0


def test_narrow_terminals_lose_spare_columns_only() -> None:
    grid = Grid(["NAME", "WIDE", "COUNT", "END"], [["n", "w" * 30, "7", "e"]], right=(2, 3), spare=("WIDE", "COUNT"))
    assert grid.fitted(200) is grid
    narrow = grid.fitted(20)
    assert (narrow.head, narrow.rows, list(narrow.right)) == (["NAME", "COUNT", "END"], [["n", "7", "e"]], [1, 2])
    assert grid.fitted(1).head == ["NAME", "END"]
