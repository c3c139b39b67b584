"""An empty disk and a lost one, a cluster and another of its name (docs/adr/0013, 0018)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.errors import OtherCluster
from mdscluster.raft.founding import DiskLost, Founding
from mdscluster.raft.store import Store
from mdsproto.raft_pb2 import Hello
from tests.simulation.consensus.cluster import open_env

IDS = ("n1", "n2", "n3")
WAIT_MS = 1_000.0


class Disk:
    """A node's disk, and the node that runs on it. Time stands still but where a test says otherwise."""

    def __init__(self, path: Path, node_id: str, *, empty: bool = True) -> None:
        self.id = node_id
        self.env = open_env(path / node_id)
        self._config = RaftConfig(
            node_id=node_id,
            peers=dict.fromkeys((*IDS, node_id), ("h", 1)),
            state_dir=path / node_id,
            founding_wait_ms=int(WAIT_MS),
        )
        self._empty = empty
        self.start()

    def start(self) -> Founding:
        """Again, on the same disk."""
        store = Store(self.env)
        self.founding = Founding(self._config, store, (self.id + str(id(self.env))).encode(), empty=self._empty)
        store.commit()
        self.store = store
        return self.founding

    def says(self) -> Hello:
        body = Hello(node_id=self.id)
        self.founding.introduce(body)
        return body

    def meet(self, *others: Disk, at_ms: float = 0.0) -> None:
        for other in others:
            body = other.says()
            self.founding.check(other.id, body)
            if self.founding.meet(other.id, body, at_ms):
                self.store.commit()

    def settle(self, at_ms: float = WAIT_MS) -> bool:
        settled = self.founding.settle(at_ms)
        self.store.commit()
        return settled


@pytest.fixture
def disks(tmp_path: Path) -> list[Disk]:
    return [Disk(tmp_path / "first", node_id) for node_id in IDS]


def found(disks: list[Disk]) -> None:
    for disk in disks:
        disk.meet(*[other for other in disks if other is not disk])
    for disk in disks:
        assert disk.settle()


def test_a_cluster_is_founded_when_each_has_met_all(disks: list[Disk]) -> None:
    """INV-1: with one node missing nobody may vote, for the missing one may hold a cluster that has run."""
    a, b, c = disks
    a.meet(b)
    b.meet(a)
    assert not a.settle(1e9)
    assert a.founding.missing == ["n3"]
    a.meet(c)
    assert a.settle()
    assert a.founding.done
    assert not b.founding.done


def test_all_must_have_been_there_for_a_while(disks: list[Disk]) -> None:
    """INV-2: only then has every member that runs had the chance to object. Whoever goes begins the wait anew, for it
    may have been told what the others were not; so does a disk that is another one than before."""
    a, b, c = disks
    a.meet(b, at_ms=0.0)
    a.meet(c, at_ms=400.0)
    assert not a.settle(399.0 + WAIT_MS)
    a.founding.parted("n2")
    assert not a.settle(1e9)
    a.meet(b, at_ms=2e9)
    assert not a.settle(2e9 + WAIT_MS - 1)
    a.founding.meet("n2", Hello(disk=b"another"), 3e9)
    assert not a.settle(3e9 + WAIT_MS - 1)
    a.founding.meet("n2", Hello(disk=b"another"), 3e9 + WAIT_MS - 1)  # the same once more changes nothing
    assert a.settle(3e9 + WAIT_MS)


def test_a_member_that_nobody_knew_objects_before_the_founding(disks: list[Disk], tmp_path: Path) -> None:
    """INV-2: all whom the files name lost their disks; n4, which was added later, still runs."""
    found(disks)
    grown = Disk(tmp_path / "first", "n4", empty=False)
    grown.meet(*disks)
    again = [Disk(tmp_path / "second", node_id) for node_id in IDS]
    for disk in again:
        disk.meet(*[other for other in again if other is not disk])
    assert not again[0].founding.missing
    with pytest.raises(DiskLost, match=r"the disk of n1 is empty .* but n4 belongs to a cluster that has run"):
        again[0].meet(grown, at_ms=WAIT_MS / 2)


def test_who_founded_first_knows_the_disks_of_those_who_still_wait(disks: list[Disk]) -> None:
    """Members say with whom: a node that restarts before it has met all is not taken for one that lost its disk. It
    never promised anything, so it is a member from then on: of the same cluster as the others."""
    a, b, c = disks
    a.meet(b, c)
    assert a.settle()
    b.start()
    b.meet(a)
    assert b.founding.done
    c.meet(b)
    assert c.founding.done
    assert a.founding.cluster == b.founding.cluster == c.founding.cluster != b""
    assert [disk.store.founders() for disk in disks] == [
        {other.id: other.founding.disk for other in disks if other is not disk} for disk in disks
    ]


def test_a_member_stays_one(disks: list[Disk]) -> None:
    """It needs nobody to say so again, and it never asks a lost peer's disk."""
    found(disks)
    assert all(disk.start().done for disk in disks)


def test_a_lost_disk_is_told_from_an_empty_one(disks: list[Disk], tmp_path: Path) -> None:
    """INV-1, INV-2: its earlier self may have voted and acknowledged; the operator is told the command."""
    found(disks)
    lost = Disk(tmp_path / "second", "n3")
    with pytest.raises(DiskLost, match="mdscluster rejoin --config FILE"):
        lost.meet(disks[0])
    assert not lost.founding.done


def test_two_lost_disks_do_not_make_a_cluster(disks: list[Disk], tmp_path: Path) -> None:
    """INV-2: two of three nodes come back empty, and the one that holds everything is away."""
    found(disks)
    b, c = Disk(tmp_path / "second", "n2"), Disk(tmp_path / "second", "n3")
    for _ in range(3):
        b.meet(c)
        c.meet(b)
    assert not b.settle(1e9)
    assert not c.settle(1e9)
    with pytest.raises(DiskLost):
        b.meet(disks[0])


def test_a_disk_lost_between_meeting_and_founding_is_noticed(disks: list[Disk], tmp_path: Path) -> None:
    a, b, c = disks
    a.meet(b, c)
    assert a.settle()
    again = Disk(tmp_path / "second", "n3")
    again.meet(b)
    with pytest.raises(DiskLost):
        again.meet(a)


def test_a_disk_with_a_log_belongs_to_a_member(tmp_path: Path) -> None:
    """It ran under a release before there were disk identities; an empty node that meets it is not let in."""
    upgraded = Disk(tmp_path / "first", "n1", empty=False)
    assert upgraded.founding.done
    with pytest.raises(DiskLost):
        Disk(tmp_path / "second", "n2").meet(upgraded)


def test_a_release_that_does_not_say_counts_as_one_that_has_run(tmp_path: Path) -> None:
    with pytest.raises(DiskLost):
        Disk(tmp_path, "n2").founding.meet("n1", Hello(node_id="n1"), 0.0)


def as_the_previous_release_says(disk: Disk) -> Hello:
    body = disk.says()
    body.ClearField("cluster")
    return body


def without_identity(disk: Disk) -> None:
    """The disk as the previous release left it."""
    disk.store.txn.delete(b"cluster", db=disk.store.local)
    disk.store.commit()


def two_clusters(disks: list[Disk], tmp_path: Path) -> tuple[list[Disk], list[Disk]]:
    """An older one that has grown to n4, and what its first three nodes founded on other disks when n4 was away."""
    found(disks)
    grown = Disk(tmp_path / "first", "n4", empty=False)
    grown.meet(disks[0])
    again = [Disk(tmp_path / "second", node_id) for node_id in IDS]
    found(again)
    return [*disks, grown], again


def test_a_cluster_tells_another_of_its_name(disks: list[Disk], tmp_path: Path) -> None:
    """INV-2, INV-8: founders, those who were added, and after a restart: all of one cluster agree, and none of them
    hears a member of the other."""
    older, newer = two_clusters(disks, tmp_path)
    for disk in (*older, *newer):
        disk.start()
    for mine, theirs in ((older, newer), (newer, older)):
        for disk in mine:
            disk.meet(*[other for other in mine if other is not disk])
            for other in theirs:
                with pytest.raises(OtherCluster, match=f"{other.id} belongs to ANOTHER cluster .* rejoin --set-aside"):
                    disk.meet(other)


def test_the_previous_release_is_known_by_its_founders(disks: list[Disk], tmp_path: Path) -> None:
    """INV-2: a rolling upgrade keeps the guard: a founder's identity follows from what it noted and says already."""
    older, newer = two_clusters(disks, tmp_path)
    expected = older[0].founding.cluster
    for disk in older[:3]:
        assert older[3].founding.cluster == expected
        older[3].founding.check(disk.id, as_the_previous_release_says(disk))
        with pytest.raises(OtherCluster):
            newer[0].founding.check(disk.id, as_the_previous_release_says(disk))
        without_identity(disk)
        assert disk.start().cluster == expected, "after its upgrade"
        assert disk.store.cluster() == expected


def test_an_added_member_learns_its_cluster_of_a_founder(disks: list[Disk], tmp_path: Path) -> None:
    """A member that was added, or let in again, under the previous release knows it from the first that does; of those
    who cannot know it, or are no members, it learns nothing."""
    found(disks)
    grown, other = Disk(tmp_path / "first", "n4", empty=False), Disk(tmp_path / "first", "n5", empty=False)
    grown.meet(other, Disk(tmp_path / "second", "n1"))
    assert grown.founding.cluster == b""
    assert grown.founding.meet("n2", as_the_previous_release_says(disks[1]), 0.0)
    assert grown.founding.cluster == disks[0].founding.cluster
    other.meet(grown)
    assert other.founding.cluster == disks[0].founding.cluster


def test_a_node_alone_waits_too(tmp_path: Path) -> None:
    """INV-2: its cluster may have grown, and its file not."""
    env = open_env(tmp_path / "n1")
    config = RaftConfig(node_id="n1", peers={"n1": ("h", 1)}, state_dir=tmp_path / "n1")
    founding = Founding(config, Store(env), b"disk", empty=True)
    assert not founding.done
    assert not founding.settle(5e5)
    assert not founding.settle(5e5 + config.founding_wait_ms - 1)
    assert founding.settle(5e5 + config.founding_wait_ms)
    assert founding.cluster
