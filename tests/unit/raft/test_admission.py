"""Who may speak with a node: cluster, membership, feature level, founding, in this order (docs/adr/0009 to 0018)."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from mdscluster.raft.admission import Admission
from mdscluster.raft.config import RaftConfig
from mdscluster.raft.engine import Engine
from mdscluster.raft.errors import OtherCluster, PeerError
from mdscluster.raft.founding import DiskLost
from mdscluster.raft.members import FEATURE_LEVEL, pack_at
from mdsproto.raft_pb2 import Hello, Message
from tests.simulation.consensus.cluster import open_env
from tests.simulation.consensus.machine import AppendMachine

IDS = ("n1", "n2", "n3")


class Server:
    """A node without its sockets, on a disk of its own."""

    def __init__(self, folder: Path, node_id: str, ids: tuple[str, ...] = IDS, **settings: Any) -> None:
        self.id = node_id
        self._folder, self._ids = folder, ids
        self._env = open_env(folder / node_id)
        self.start(**settings)

    def start(self, **settings: Any) -> None:
        """Again, on the same disk."""
        peers = {peer: (f"host-{peer}", 1) for peer in self._ids}
        config = RaftConfig(node_id=self.id, peers=peers, state_dir=self._folder / self.id, **settings)
        machine = AppendMachine(self._env)
        self.engine = Engine(config, self._env, machine, now_ms=0.0, wall_ns=0, rng=Random(1))
        self.admission = Admission(self.engine, (self.id + self._folder.name).encode())

    @property
    def quarantined(self) -> bool:
        return self.engine.guards.quarantine.on

    def says(self) -> Hello:
        body = self.admission.introduce()
        body.node_id = self.id
        return body

    def settle(self) -> bool:
        return self.admission.settle(float(self.engine.config.founding_wait_ms))

    def meet(self, *others: Server) -> bool:
        return all(self.admission.meet(other.id, other.says(), 0.0) for other in others)


@pytest.fixture
def founded(tmp_path: Path) -> list[Server]:
    servers = [Server(tmp_path / "first", node_id) for node_id in IDS]
    for server in servers:
        assert server.meet(*[other for other in servers if other is not server])
    for server in servers:
        assert server.settle()
        assert server.admission.member
        assert not server.quarantined
    return servers


def test_a_server_to_be_added_is_empty_on_purpose(founded: list[Server], tmp_path: Path) -> None:
    """INV-1: it is neither lost nor a founder, and in quarantine: its id may have voted in an earlier life."""
    new = Server(tmp_path / "first", "n4", (*IDS, "n4"), join=True)
    assert new.admission.member
    assert new.quarantined
    assert not founded[0].meet(new), "it is in no membership yet"
    assert new.meet(founded[0])


def test_a_server_that_was_removed_and_wiped_is_added_again(founded: list[Server], tmp_path: Path) -> None:
    """INV-1: the same id on another disk; by the setting of a server that is added it comes in, in quarantine."""
    again = Server(tmp_path / "second", "n3", join=True)
    assert again.meet(*founded[:2])
    assert again.admission.member
    assert again.quarantined


def test_an_empty_disk_started_by_mistake_first_is_in_quarantine_all_the_same(
    founded: list[Server], tmp_path: Path
) -> None:
    """INV-1, INV-2: without the setting it is told to end; with it, on a disk no longer blank, it must not vote."""
    again = Server(tmp_path / "second", "n3")
    with pytest.raises(DiskLost, match="join = true"):
        again.meet(founded[0])
    assert not again.quarantined
    again.start(join=True)
    assert again.quarantined
    again.start()
    assert again.admission.member
    assert again.quarantined


def test_the_setting_does_not_matter_once_a_server_is_a_member(founded: list[Server]) -> None:
    """``join = true`` stays in its file for ever: a restart must not take its vote."""
    founded[1].start(join=True)
    assert not founded[1].quarantined


def test_a_stranger_is_not_heard_about_disks(tmp_path: Path) -> None:
    """An empty node that meets one which is in no membership that it knows goes on waiting for its own."""
    stranger = Server(tmp_path / "other", "n9", ("n8", "n9", "n1"), join=True)
    empty = Server(tmp_path / "first", "n2")
    assert not empty.meet(stranger)
    assert not empty.admission.member


def test_who_is_refused_as_a_stranger_is_not_told_that_it_lost_its_disk(founded: list[Server], tmp_path: Path) -> None:
    """It was removed, and wiped: to rejoin would be no help."""
    again = Server(tmp_path / "second", "n3")
    body = founded[0].says()
    body.refused = "n1 knows of no member n3"
    assert again.admission.meet("n1", body, 0.0)
    assert not again.admission.member
    assert again.admission.levels == {}


def test_who_knows_less_than_the_cluster_uses_is_kept_out(founded: list[Server]) -> None:
    """INV-8, both ways: the one that is behind may be this node."""
    body = founded[1].says()
    body.feature_level = FEATURE_LEVEL - 1
    with pytest.raises(PeerError, match=f"the cluster uses {FEATURE_LEVEL}: upgrade it"):
        founded[0].admission.meet("n2", body, 0.0)
    body.feature_level = body.feature_level_committed = FEATURE_LEVEL + 1
    with pytest.raises(PeerError, match="upgrade this node"):
        founded[0].admission.meet("n2", body, 0.0)


def test_a_founder_hears_of_no_connection_before_it_is_a_member(tmp_path: Path) -> None:
    """INV-1: and afterwards of those that stand; nothing was lost on them."""
    a, b, c = (Server(tmp_path / "first", node_id) for node_id in IDS)
    assert a.meet(b, c)
    assert not a.admission.connected("n2")
    assert not a.admission.connected("n3")
    assert not a.admission.disconnected("n3")
    assert not a.settle()
    assert a.meet(c)
    assert not a.admission.connected("n3")
    assert a.admission.take_early() == []
    assert a.settle()
    assert a.admission.take_early() == ["n2", "n3"]
    assert a.admission.take_early() == []
    assert a.admission.disconnected("n3")
    assert a.meet(c)
    assert a.admission.connected("n3")


def test_a_node_alone_does_not_elect_itself_before_it_is_a_member(tmp_path: Path) -> None:
    """INV-2: a cluster that grew from it may still run, and tell it so."""
    alone = Server(tmp_path / "first", "n1", ("n1",))
    assert not alone.settle()
    for now_ms in range(0, 5_000, 100):
        alone.engine.turn(float(now_ms), 0)
    assert not alone.engine.core.is_leader
    assert alone.engine.core.term == 0
    assert alone.admission.settle(1e9)
    for now_ms in range(5_000, 6_000, 100):
        alone.engine.turn(float(now_ms), 0)
    assert alone.engine.core.is_leader
    alone.start()
    alone.engine.turn(700.0, 0)
    assert alone.engine.core.is_leader, "it waits only once"


def test_whoever_says_more_than_ping_has_become_a_member(tmp_path: Path) -> None:
    """Its connection is to begin anew, for what is said on it is lost; two empty nodes leave theirs alone."""
    ping, vote = Message(term=1, ping={}).SerializeToString(), Message(term=1, pre_vote={}).SerializeToString()
    assert not Admission.founded_since([ping, ping])
    assert Admission.founded_since([ping, vote])


def test_of_another_cluster_nothing_is_heard(founded: list[Server], tmp_path: Path) -> None:
    """INV-1, INV-2: its membership is not so much as a hint here, though it is newer."""
    again = [Server(tmp_path / "second", node_id) for node_id in IDS]
    for server in again:
        assert server.meet(*[other for other in again if other is not server])
    for server in again:
        assert server.settle()
    body = again[1].says()
    body.introduction = pack_at((9, 9), founded[0].engine.roster.membership.with_learner("n4", ("h", 1), "", ""))
    peers = dict(founded[0].engine.roster.peers)
    with pytest.raises(OtherCluster):
        founded[0].admission.meet("n2", body, 0.0)
    assert founded[0].engine.roster.peers == peers
    assert founded[0].admission.levels.keys() == {"n2", "n3"}
