"""An empty disk and a lost one (docs/adr/0013)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.founding import DiskLost, Founding
from mdscluster.raft.store import Store
from mdsproto.raft_pb2 import Hello
from tests.simulation.consensus.cluster import open_env

IDS = ("n1", "n2", "n3")


class Disk:
    """A node's disk, and the node that runs on it."""

    def __init__(self, path: Path, node_id: str, *, empty: bool = True) -> None:
        self.id = node_id
        self.env = open_env(path / node_id)
        self._config = RaftConfig(node_id=node_id, peers=dict.fromkeys(IDS, ("h", 1)), state_dir=path / node_id)
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

    def meet(self, *others: Disk) -> None:
        for other in others:
            if self.founding.meet(other.id, other.says()):
                self.store.commit()


@pytest.fixture
def disks(tmp_path: Path) -> list[Disk]:
    return [Disk(tmp_path / "first", node_id) for node_id in IDS]


def found(disks: list[Disk]) -> None:
    for disk in disks:
        disk.meet(*[other for other in disks if other is not disk])
    assert all(disk.founding.done for disk in disks)


def test_a_cluster_is_founded_when_each_has_met_all(disks: list[Disk]) -> None:
    """INV-1: with one node missing nobody may vote, for the missing one may hold a cluster that has run."""
    a, b, c = disks
    a.meet(b)
    b.meet(a)
    assert not a.founding.done
    assert a.founding.missing == ["n3"]
    a.meet(c)
    assert a.founding.done
    assert not b.founding.done


def test_who_founded_first_knows_the_disks_of_those_who_still_wait(disks: list[Disk]) -> None:
    """Members say with whom: a node that restarts before it has met all is not taken for one that lost its disk."""
    a, b, c = disks
    a.meet(b, c)
    b.start()
    b.meet(a)
    assert not b.founding.done
    b.meet(c)
    assert b.founding.done
    c.meet(b, a)
    assert c.founding.done


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
    assert not b.founding.done
    assert not c.founding.done
    with pytest.raises(DiskLost):
        b.meet(disks[0])


def test_a_disk_lost_between_meeting_and_founding_is_noticed(disks: list[Disk], tmp_path: Path) -> None:
    a, b, c = disks
    a.meet(b, c)
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
        Disk(tmp_path, "n2").founding.meet("n1", Hello(node_id="n1"))
