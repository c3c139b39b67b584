"""A leader hands over: to whom it is told, with nothing lost, and for a moment only."""

from __future__ import annotations

import pytest

from mdscluster.raft.transfer import HOLD_MS_MAX
from mdscluster.replica import ChangeOutcome, MemberChange
from tests.simulation.consensus.cluster import Cluster
from tests.simulation.consensus.node import SimNode
from tests.simulation.fixtures import MakeCluster
from tests.unit.raft.support.clusters import bodies, elected


class Asked:
    """Asks nodes, and keeps what came of it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._told: dict[object, ChangeOutcome] = {}
        cluster.note_change = self._note  # type: ignore[method-assign]

    def _note(self, node: SimNode, token: object, outcome: ChangeOutcome) -> None:
        self._told[token] = outcome

    def __call__(self, at: str, to: str = "") -> str:
        """A token for this request."""
        token = f"{len(self._told)} {at} {to}"
        self._cluster[at].engine.change_members(token, MemberChange("transfer", to))
        return token

    def outcome(self, token: str) -> ChangeOutcome:
        return self._told[token]


def leaders(cluster: Cluster) -> list[str]:
    return [node.id for node in cluster.nodes.values() if node.up and node.engine.core.is_leader]


@pytest.mark.parametrize("size", [3, 5])
def test_the_named_voter_takes_over_under_load(make_cluster: MakeCluster, size: int) -> None:
    """INV-2: what is proposed at every node all the time is carried out, once, whoever leads. And soon."""
    cluster, leader, others = elected(make_cluster, size)
    target = others[-1]
    asked = Asked(cluster)
    asked_ms = cluster.now_ms
    token = asked(leader, target)
    number = 0
    while leaders(cluster) != [target]:
        assert cluster.now_ms - asked_ms < 100, f"{leaders(cluster)} lead"
        for node_id in cluster.ids:
            cluster.propose(node_id, b"%d" % number)
            number += 1
        cluster.settle(rounds=1, step_ms=2)
    cluster.run(300)
    for node in cluster.nodes.values():
        assert sorted(node.history()) == sorted(b"%d" % n for n in range(number))
    assert asked.outcome(token) == ChangeOutcome("done", target)
    cluster.check()


def test_a_target_that_is_silent_delays_nothing_for_long(make_cluster: MakeCluster) -> None:
    """INV-7: it stands still as it is named. The old leader goes on with what waited."""
    cluster, leader, others = elected(make_cluster)
    target = others[0]
    awake = [node_id for node_id in cluster.ids if node_id != target]
    asked = Asked(cluster)
    asked_ms = cluster.now_ms
    token = asked(leader, target)
    cluster.propose(leader, b"meanwhile")
    while b"meanwhile" not in cluster[leader].history():
        cluster.settle(*awake, rounds=1, step_ms=5)
        assert cluster.now_ms - asked_ms < HOLD_MS_MAX + 50
    assert cluster.now_ms - asked_ms > HOLD_MS_MAX / 2, "vacuous: nothing waited"
    assert asked.outcome(token).code == "behind"
    assert leaders(cluster) == [leader]
    cluster.check()


def test_the_target_is_told_once_it_has_the_whole_log(make_cluster: MakeCluster) -> None:
    """INV-7: told before, it would stand with a shorter log than the others, lose, and leave the cluster without a
    leader for an election time-out."""
    cluster, leader, others = elected(make_cluster)
    target = others[0]
    cluster.propose(leader, b"x")
    cluster.turn(leader, 5)
    Asked(cluster)(leader, target)
    for _ in range(3):
        cluster.turn(leader, 5)
        assert "timeout_now" not in bodies(cluster, leader, target)
    while leaders(cluster) != [target]:
        cluster.settle(rounds=1, step_ms=2)
    cluster.check()


def test_what_comes_behind_the_leaders_word_does_not_put_the_election_off(make_cluster: MakeCluster) -> None:
    """INV-7: a heartbeat right behind it, taken in the same turn, made the target wait for an election time-out."""
    cluster, leader, others = elected(make_cluster)
    target = others[0]
    Asked(cluster)(leader, target)
    cluster.turn(leader, 1)
    assert "timeout_now" in bodies(cluster, leader, target)
    while bodies(cluster, leader, target)[-1] != "append":
        cluster.turn(leader, 10)
    cluster.deliver(leader, target, turn=False)
    cluster.turn(target, 1)
    assert "request_vote" in bodies(cluster, target, others[1])
    cluster.settle(rounds=1, step_ms=1)
    assert leaders(cluster) == [target]
    cluster.check()


def test_who_cannot_lead_is_refused(make_cluster: MakeCluster) -> None:
    cluster, leader, others = elected(make_cluster)
    asked = Asked(cluster)

    def told(at: str, to: str) -> ChangeOutcome:
        token = asked(at, to)
        cluster.settle(rounds=1)
        return asked.outcome(token)

    assert told(leader, "n9") == ChangeOutcome("refused", "n9 is no member")
    assert told(others[0], leader).code == "not_leader"
    assert told(leader, leader) == ChangeOutcome("done", leader)
    cluster.kill(others[0])
    cluster.run(100)
    refused = told(leader, others[0])
    assert (refused.code, "not connected" in refused.text) == ("behind", True)
    assert leaders(cluster) == [leader]


def test_a_stopping_leader_hands_over_under_load(make_cluster: MakeCluster) -> None:
    """INV-7: there is always something that the successor has not acknowledged yet; that must not keep it from it."""
    cluster, leader, _ = elected(make_cluster)
    cluster.propose(leader, b"a")
    cluster.turn(leader)
    asked_ms = cluster.now_ms
    assert cluster[leader].engine.hand_over(cluster.now_ms)
    number = 0
    while leader in leaders(cluster) or not leaders(cluster):
        cluster.propose(leader, b"more %d" % number)
        number += 1
        cluster.settle(rounds=1, step_ms=2)
        assert cluster.now_ms - asked_ms < 100
    cluster.check()
