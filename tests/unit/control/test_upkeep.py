"""Who may be taken out of office, and that a leader in maintenance leaves it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mdscluster.control.upkeep import Office, Upkeep, at_work, objection
from mdscluster.fsm import features, fencing_state
from mdscluster.fsm.commands import RESULT_REFUSED, Maintenance, pack_internal
from mdscluster.leaving import MOVED_MS
from mdscluster.replica import (
    FOLLOWER,
    KEEPS_UP_ENTRIES,
    LEADER,
    ChangeOutcome,
    MemberChange,
    MemberStatus,
    PeerStatus,
    ReplicaStatus,
)
from tests.unit.fsm.support.compounds import Namespace
from tests.unit.nfs_frontend.nodes import Cluster


def status(voters: int, *silent: str, learners: tuple[str, ...] = ()) -> ReplicaStatus:
    """As mds1, which leads, tells it."""
    ids = [f"mds{n + 1}" for n in range(voters)]
    members = [MemberStatus(node, n, True, "", "", "") for n, node in enumerate(ids)]
    members += [MemberStatus(node, 90, False, "", "", "") for node in learners]
    there = {node: node not in silent for node in ids[1:]}
    peers = {node: PeerStatus(up, 1, 4 - n, 0, answers=up, able=up) for n, (node, up) in enumerate(there.items())}
    return ReplicaStatus("mds1", LEADER, 3, "mds1", 1, 1, 1, 1, True, peers, members=members)


def but(seen: ReplicaStatus, node: str, **changes: Any) -> ReplicaStatus:
    """With another word of one peer, which stays connected."""
    return replace(seen, peers=seen.peers | {node: replace(seen.peers[node], **changes)})


QUARANTINED = but(status(3), "mds3", able=False)
FAR_BEHIND = but(status(3), "mds3", lag_entries=KEEPS_UP_ENTRIES + 1)


@pytest.mark.parametrize(
    ("seen", "node", "away", "reason"),
    [
        (status(3), "mds2", [], ""),
        (status(3), "mds1", [], ""),
        (status(3, "mds3"), "mds3", [], ""),
        (status(3, "mds3"), "mds2", [], "only 1 of 3 voters would be at work, 2 are needed for a quorum: first bring"),
        (status(3, "mds3"), "mds1", [], "mds3 (not at work)"),
        (status(3), "mds1", ["mds2"], "mds2 (in maintenance)"),
        (status(3), "mds2", ["mds2"], ""),
        (status(5), "mds1", ["mds2"], ""),
        (status(5, "mds3"), "mds1", ["mds2"], "only 2 of 5"),
        (status(3, learners=("mds9",)), "mds9", ["mds2"], ""),
        (status(3), "mds7", [], "mds7 is no member"),
        (QUARANTINED, "mds1", [], "only 1 of 3 voters would be at work"),
        (QUARANTINED, "mds1", [], "first bring back mds3 (has no vote yet)"),
        (QUARANTINED, "mds3", [], ""),
        (but(status(5), "mds3", able=False), "mds1", [], ""),
        (but(status(5), "mds3", able=False), "mds1", ["mds2"], "mds2 (in maintenance), mds3 (has no vote yet)"),
        (but(status(3), "mds3", answers=False, able=False), "mds2", [], "mds3 (not at work)"),
        (but(status(3), "mds3", needs_snapshot=True), "mds1", [], "mds3 (needs a snapshot)"),
        (FAR_BEHIND, "mds1", [], "mds3 (257 entries behind)"),
        (FAR_BEHIND, "mds3", [], ""),
        (but(status(3), "mds3", lag_entries=KEEPS_UP_ENTRIES), "mds1", [], ""),
    ],
)
def test_a_quorum_stays_at_work(seen: ReplicaStatus, node: str, away: list[str], reason: str) -> None:
    """INV-7: nothing is taken away that clients would miss. Who is connected, and cannot commit what they ask, is none
    of those who do without it."""
    found = objection(seen, node, away)
    assert reason in found
    assert bool(found) == bool(reason)


def test_a_node_that_does_not_lead_counts_on_nobody() -> None:
    """Only a leader hears who may vote and how far they are."""
    told = {node: PeerStatus(True, 0, -1, 0) for node in ("mds1", "mds3")}
    assert at_work(replace(status(3), node_id="mds2", role=FOLLOWER, peers=told)) == ["mds2"]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    made = Cluster(tmp_path)
    made.replica.status = lambda done: done(status(3))  # type: ignore[method-assign]
    return made


def away(cluster: Cluster) -> list[str]:
    with cluster.replica.env.begin() as txn:
        return fencing_state.in_maintenance(txn, cluster.nodes[0].dispatcher.tables)


def ask(cluster: Cluster, node: str, on: bool, patience_s: float = 0.0) -> str:
    upkeep = Upkeep(cluster.replica, cluster.nodes[0].dispatcher.tables, patience_s)
    return asyncio.run(upkeep.set_maintenance(node, on, "anna")).code


def test_it_is_in_the_log_from_its_level_on(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-8."""
    fs = Namespace(tmp_path / "old")
    assert fs.internal(Maintenance("mds2", True, "anna")) == RESULT_REFUSED
    fs.close()
    with monkeypatch.context() as patched:
        patched.setattr(features, "level", lambda txn, tables: 4)
        assert ask(cluster, "mds2", True) == "refused"
    assert away(cluster) == []
    assert ask(cluster, "mds2", True) == "done"
    assert away(cluster) == ["mds2"]
    assert ask(cluster, "mds1", True) == "refused"
    assert ask(cluster, "mds2", False) == "done"
    assert away(cluster) == []
    assert ask(cluster, "mds1", True) == "done"


@pytest.mark.parametrize(
    ("then", "patience_s", "code"),
    [
        (status(3), 60.0, "done"),
        (FAR_BEHIND, 0.2, "refused"),
        (replace(status(3), node_id="mds2", role=FOLLOWER), 60.0, "unknown"),
    ],
    ids=["it catches up", "it does not", "another one leads meanwhile"],
)
def test_who_is_in_the_way_for_a_moment_is_waited_for(
    cluster: Cluster, then: ReplicaStatus, patience_s: float, code: str
) -> None:
    """A leader that was only just elected has yet to hear from some that they may vote, and how far they are."""
    looks = iter([QUARANTINED, FAR_BEHIND])
    cluster.replica.status = lambda done: done(next(looks, then))  # type: ignore[method-assign]
    assert ask(cluster, "mds1", True, patience_s) == code
    assert away(cluster) == (["mds1"] if code == "done" else [])


def test_who_is_not_connected_is_not_waited_for(cluster: Cluster) -> None:
    looks = iter([status(3, "mds3")])
    cluster.replica.status = lambda done: done(next(looks))  # type: ignore[method-assign]
    assert ask(cluster, "mds1", True, patience_s=60.0) == "refused"


def test_two_operators_at_once_do_not_take_a_quorum_away(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-7: each saw all three at work when it asked."""
    propose = cluster.replica.propose

    def slowly(command: bytes, done: Callable[[bytes | None], None]) -> None:
        asyncio.get_running_loop().call_later(0.01, propose, command, done)

    monkeypatch.setattr(cluster.replica, "propose", slowly)

    async def both() -> list[str]:
        upkeep = Upkeep(cluster.replica, cluster.nodes[0].dispatcher.tables)
        asked = [upkeep.set_maintenance(node, True, who) for node, who in (("mds2", "anna"), ("mds3", "ben"))]
        return [reply.code for reply in await asyncio.gather(*asked)]

    assert asyncio.run(both()) == ["done", "refused"]
    assert away(cluster) == ["mds2"]


def test_a_leader_in_maintenance_hands_over_to_who_is_not(cluster: Cluster) -> None:
    office = Office(cluster.replica, cluster.nodes[0].dispatcher.tables)
    asked: list[MemberChange] = []

    def change(wanted: MemberChange, done: Callable[[ChangeOutcome], None]) -> None:
        asked.append(wanted)
        done(ChangeOutcome("behind", "not now"))

    cluster.replica.change_members = change  # type: ignore[method-assign]
    assert not asyncio.run(office.leave(status(3), 0))
    for node in ("mds1", "mds3"):
        cluster.replica.apply_entry([pack_internal(Maintenance(node, True, "anna"))])
    assert not asyncio.run(office.leave(status(3), 1_000))
    assert asked == [MemberChange("transfer", "mds2")], "mds3 has less lag, but is in maintenance"
    assert not asyncio.run(office.leave(status(3), 1_250))
    assert len(asked) == 1, "clients had to wait for it: not again at once"
    asyncio.run(office.leave(status(3), 7_000))
    assert len(asked) == 2


def test_a_leader_in_maintenance_hands_over_to_nobody_who_cannot_lead(cluster: Cluster) -> None:
    """INV-7: clients wait for an attempt that fails; and the next one comes as soon as somebody can."""
    office = Office(cluster.replica, cluster.nodes[0].dispatcher.tables)
    asked: list[MemberChange] = []

    def change(wanted: MemberChange, done: Callable[[ChangeOutcome], None]) -> None:
        asked.append(wanted)
        done(ChangeOutcome("done", wanted.id))

    cluster.replica.change_members = change  # type: ignore[method-assign]
    cluster.replica.apply_entry([pack_internal(Maintenance("mds1", True, "anna"))])
    nobody = but(QUARANTINED, "mds2", lag_entries=KEEPS_UP_ENTRIES + 1)
    for now_ms in (0, 1_000, 1_250):
        assert not asyncio.run(office.leave(nobody, now_ms))
    assert asked == []
    assert asyncio.run(office.leave(QUARANTINED, 1_500))
    assert asked == [MemberChange("transfer", "mds2")], "mds3 has less lag, and no vote"


def test_the_service_address_goes_first(cluster: Cluster) -> None:
    """INV-7: who is moved to another node finds a leader there. An address that stays holds nobody up for long."""
    here = True
    office = Office(cluster.replica, cluster.nodes[0].dispatcher.tables, lambda: not here)
    asked: list[MemberChange] = []

    def change(wanted: MemberChange, done: Callable[[ChangeOutcome], None]) -> None:
        asked.append(wanted)
        done(ChangeOutcome("behind", "not now"))

    cluster.replica.change_members = change  # type: ignore[method-assign]
    cluster.replica.apply_entry([pack_internal(Maintenance("mds1", True, "anna"))])
    asyncio.run(office.leave(status(3), 10_000))
    assert asked == []
    here = False
    asyncio.run(office.leave(status(3), 10_250))
    assert asked == [], "it has gone from here, and is not elsewhere yet"
    asyncio.run(office.leave(status(3), 10_250 + MOVED_MS))
    assert len(asked) == 1
    here = True
    cluster.replica.apply_entry([pack_internal(Maintenance("mds1", False, "anna"))])
    asyncio.run(office.leave(status(3), 20_000))
    cluster.replica.apply_entry([pack_internal(Maintenance("mds1", True, "anna"))])
    for now_ms in (20_250, 21_000):
        asyncio.run(office.leave(status(3), now_ms))
    assert len(asked) == 1
    asyncio.run(office.leave(status(3), 21_250))
    assert len(asked) == 2, "its keepalived may be dead"
