"""Whether a node is fit to have service addresses, weak, or unable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mdscluster.control.fitness import Bounds, Fitness, Judgement, Signs
from mdscluster.replica import CANDIDATE, FOLLOWER, FOUNDING, MemberStatus, ReplicaStatus

BOUNDS = Bounds(status_ms=150, probe_ms=200, step_back_ms=1_000, election_ms=900, lag_entries=1_000)
MEMBERS = [MemberStatus(f"mds{n}", n, True, "", "", "") for n in (1, 2, 3)]
STATUS = ReplicaStatus("mds2", FOLLOWER, 3, "mds1", 500, 500, 500, 1, True, members=MEMBERS, leader_commit_index=500)
WELL = Signs(
    now_ms=10_000, status=STATUS, status_age_ms=50, probe_age_ms=100, late_ms=1, service="serving", maintenance=False,
    stopping=False,
)  # fmt: skip
ELECTION = replace(STATUS, role=CANDIDATE, leader_id="", has_quorum=False)
ALONE = replace(ELECTION, reaches_majority=False)
FIT = Judgement("")


def judge(signs: Signs) -> Judgement:
    """Where it was fit for a long time before."""
    fitness = Fitness(BOUNDS)
    assert fitness.judge(replace(WELL, now_ms=0)) == FIT
    return fitness.judge(signs)


def test_a_node_that_is_well_is_fit() -> None:
    assert judge(WELL) == FIT
    assert judge(replace(WELL, status=replace(STATUS, members=[]))) == FIT, "the membership of the file is in effect"
    edge = replace(WELL, status_age_ms=149, probe_age_ms=199, late_ms=149)
    assert judge(replace(edge, status=replace(STATUS, leader_commit_index=1_500))) == FIT


@pytest.mark.parametrize(
    ("signs", "reason"),
    [
        (replace(WELL, stopping=True), "it stops"),
        (replace(WELL, maintenance=True), "it is in maintenance"),
        (replace(WELL, status_age_ms=1_150), "its consensus process does not answer"),
        (replace(WELL, status=None), "its consensus process does not answer"),
        (replace(WELL, probe_age_ms=1_200), "its NFS listener does not answer"),
        (replace(WELL, service="read-only"), "it has no quorum"),
        (replace(WELL, service="refusing"), "it has no quorum"),
        (replace(WELL, status=replace(STATUS, quarantined=True)), "it has an empty disk, and has not caught up yet"),
        (replace(WELL, status=replace(STATUS, role=FOUNDING)), "it has an empty disk, and has not caught up yet"),
        (replace(WELL, status=replace(STATUS, node_id="mds4")), "it is no member of the cluster"),
    ],
)
def test_who_cannot_serve_is_unable_whatever_else_is_wrong(signs: Signs, reason: str) -> None:
    """INV-6's neighbour: a node without a quorum drops its addresses, also where it has other troubles."""
    assert judge(signs) == Judgement(reason)
    assert judge(replace(signs, late_ms=700)) == Judgement(reason)


@pytest.mark.parametrize(
    ("signs", "reason"),
    [
        (replace(WELL, late_ms=150), "its front end stood still"),
        (replace(WELL, late_ms=60_000), "its front end stood still"),
        (replace(WELL, status_age_ms=150), "its consensus process does not answer"),
        (replace(WELL, status_age_ms=1_149), "its consensus process does not answer"),
        (replace(WELL, probe_age_ms=200), "its NFS listener does not answer"),
        (replace(WELL, probe_age_ms=1_199), "its NFS listener does not answer"),
        (replace(WELL, status=ALONE), "it reaches no majority"),
        (replace(WELL, status=replace(STATUS, applied_index=9, commit_index=1_010)), "it is behind the cluster's log"),
        (replace(WELL, status=replace(STATUS, leader_commit_index=1_501)), "it is behind the cluster's log"),
    ],
)
def test_who_serves_badly_is_weak(signs: Signs, reason: str) -> None:
    """At once, also where it was fit for a long time before. Others may suffer from the same: it cannot know."""
    assert judge(signs) == Judgement(reason, weak=True)


def test_an_election_takes_no_address_from_anybody() -> None:
    """INV-7's other half: all nodes are without a leader then, and an address that leaves all is back a second late."""
    fitness = Fitness(BOUNDS)
    assert fitness.judge(WELL) == FIT
    for now_ms in range(11_000, 11_900, 50):
        assert fitness.judge(replace(WELL, now_ms=now_ms, status=ELECTION)) == FIT
    assert fitness.judge(replace(WELL, now_ms=11_900, status=ELECTION)) == Judgement("it knows no leader")
    assert fitness.judge(replace(WELL, now_ms=11_950)) == FIT
    assert fitness.judge(replace(WELL, now_ms=12_700, status=ELECTION)) == FIT, "the next one has its own time"


def test_a_majority_that_is_out_of_reach_for_longer_than_an_election_is_lost() -> None:
    """Weak at first: a switch that starts anew cuts all nodes off, for a moment. Then the address must not be here: who
    is cut off together with this node would be kept from the others, who may have a majority."""
    fitness = Fitness(BOUNDS)
    assert fitness.judge(WELL) == FIT
    for now_ms in range(11_000, 11_900, 50):
        told = fitness.judge(replace(WELL, now_ms=now_ms, status=ALONE))
        assert told == Judgement("it reaches no majority", weak=True)
    for now_ms in range(11_900, 30_000, 50):
        told = fitness.judge(replace(WELL, now_ms=now_ms, status=ALONE))
        assert told == Judgement("it reaches no majority")
    assert fitness.judge(replace(WELL, now_ms=30_000)) == FIT


@pytest.mark.parametrize(("status", "reason"), [(ELECTION, "it knows no leader"), (ALONE, "it reaches no majority")])
def test_a_node_that_never_had_a_quorum_waits_for_it_unfit(status: ReplicaStatus, reason: str) -> None:
    """It has just started, and meets the others: nobody's address depends on it."""
    assert Fitness(BOUNDS).judge(replace(WELL, status=status)) == Judgement(reason)


def test_since_when_a_quorum_is_lost() -> None:
    """Counted for a quorum that this process had: a node that starts into a partition has lost nothing."""
    fitness = Fitness(BOUNDS)
    fitness.judge(replace(WELL, status=ALONE))
    assert fitness.quorum_lost_ms(20_000) == -1
    fitness.judge(replace(WELL, now_ms=20_000))
    assert fitness.quorum_lost_ms(20_000) == -1
    for now_ms in (21_000, 22_000):
        fitness.judge(replace(WELL, now_ms=now_ms, status=ALONE))
    assert fitness.quorum_lost_ms(22_500) == 1_500
    fitness.judge(replace(WELL, now_ms=23_000))
    assert fitness.quorum_lost_ms(23_000) == -1
