"""/health, /ready and /leader: each reason there is, and no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mdscluster.monitoring.health import LAG_ENTRIES_MAX, why_not_healthy, why_not_leader, why_not_ready
from mdscluster.replica import MemberStatus, ReplicaStatus

FINE = ReplicaStatus(
    node_id="mds1", role="leader", term=3, leader_id="mds1", commit_index=5_000, applied_index=5_000,
    last_log_index=5_000, first_log_index=1, has_quorum=True, leader_commit_index=5_000,
    members=[MemberStatus(f"mds{n}", n, True, "", "", "") for n in (1, 2, 3)],
)  # fmt: skip
FOLLOWS = replace(FINE, role="follower", leader_id="mds2")
LOST = ReplicaStatus("", "down", 0, "", 0, 0, 0, 0, False)


def test_a_node_that_is_well() -> None:
    for status in (FINE, FOLLOWS):
        assert why_not_healthy(status) == why_not_ready(status, "serving") == []
    assert why_not_leader(FINE) == []
    assert why_not_leader(FOLLOWS) == ["mds2 leads"]


@pytest.mark.parametrize("status", [None, LOST])
def test_consensus_that_does_not_answer_is_the_only_reason_then(status: ReplicaStatus | None) -> None:
    wanted = ["the consensus process does not answer"]
    assert why_not_healthy(status) == why_not_ready(status, "serving") == why_not_leader(status) == wanted


@pytest.mark.parametrize(
    ("status", "service", "reason"),
    [
        (replace(FOLLOWS, role="founding"), "serving", "has not met all the other"),
        (replace(FOLLOWS, quarantined=True), "serving", "came back empty"),
        (replace(FOLLOWS, has_quorum=False), "serving", "no quorum"),
        (FOLLOWS, "read-only", "does not serve: read-only"),
        (FOLLOWS, "refusing", "does not serve: refusing"),
        (replace(FOLLOWS, node_id="mds9"), "serving", "no member"),
        (replace(FOLLOWS, leader_commit_index=5_000 + LAG_ENTRIES_MAX + 1), "serving", "yet to apply 1001"),
    ],
)
def test_each_reason_not_to_be_ready(status: ReplicaStatus, service: str, reason: str) -> None:
    (found,) = why_not_ready(status, service)
    assert reason in found
    assert why_not_healthy(status) == []


def test_a_lag_within_the_bound_is_none() -> None:
    assert why_not_ready(replace(FOLLOWS, leader_commit_index=5_000 + LAG_ENTRIES_MAX), "serving") == []


def test_a_leader_that_nobody_answers_does_not_lead() -> None:
    assert why_not_leader(replace(FINE, has_quorum=False)) == ["it leads, and no majority answers it"]
    assert why_not_leader(replace(FOLLOWS, leader_id="")) == ["no leader is known"]
