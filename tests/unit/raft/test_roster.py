"""Memberships as values, and which one a node goes by."""

from __future__ import annotations

import pytest

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.entry import acceptable
from mdscluster.raft.members import Member, Membership, pack_at, unpack_at
from mdscluster.raft.roster import Roster


def make(*voters: str, learners: tuple[str, ...] = ()) -> Membership:
    ids = sorted((*voters, *learners))
    members = tuple(Member(node_id, n, node_id in voters, f"host-{node_id}", 1) for n, node_id in enumerate(ids))
    return Membership(members, len(ids))


ABC = make("a", "b", "c")


def test_a_change_moves_at_most_one_voter() -> None:
    """INV-2: so majorities of neighbours meet. Numbers stay, and are not given twice."""
    grown = ABC.with_learner("d", ("host-d", 1), "admin", "nfs")
    assert (grown.voters, grown.quorum, grown.next_number) == (ABC.voters, 2, 4)
    assert grown.find("d") == Member("d", 3, False, "host-d", 1, "admin", "nfs")
    four = grown.with_voter("d")
    assert (four.voters, four.quorum) == (frozenset("abcd"), 3)
    fewer = four.without("a")
    assert (fewer.voters, fewer.quorum, fewer.next_number) == (frozenset("bcd"), 2, 4)
    again = fewer.without("d").with_learner("e", ("host-e", 1), "", "")
    assert again.find("e") == Member("e", 4, False, "host-e", 1)


def test_a_membership_comes_back_from_its_entry() -> None:
    grown = ABC.with_learner("d", ("fd00::4", 7001), "[fd00::4]:7002", "[fd00::4]:2049")
    assert Membership.unpack(grown.pack()) == grown
    assert unpack_at(pack_at((7, 9), grown)) == ((7, 9), grown)
    assert acceptable(grown.pack())


@pytest.mark.parametrize("data", [b"\x4e", b"\x4e\x02\x92\x90\x00", b"\x4e\x01garbage", b"\x4e\x01", ABC.pack() + b"x"])
def test_what_is_no_membership_is_refused(data: bytes) -> None:
    """Fault K: an entry that nobody can read never enters a log."""
    assert not acceptable(data)
    with pytest.raises(ValueError):
        unpack_at(data)


def test_the_last_membership_in_the_log_counts() -> None:
    """Thesis §4.1: in effect when appended, void when truncated, the base of all when applied."""
    roster = Roster("a", ABC)
    four = ABC.with_learner("d", ("host-d", 1), "", "").with_voter("d")
    roster.appended(5, 2, b"\x4dother")
    roster.appended(6, 2, four.pack())
    assert (roster.membership, roster.position) == (four, (2, 6))
    assert roster.others == frozenset("bcd")
    roster.truncated(6)
    assert (roster.membership, roster.position) == (ABC, (0, 0))
    roster.appended(6, 3, four.pack())
    roster.appended(7, 3, four.without("b").pack())
    assert roster.apply(6) == ((3, 6), four)
    assert roster.membership == four.without("b")
    roster.truncated(7)
    assert roster.membership == four
    assert roster.apply(8) is None


def test_whoever_is_in_a_membership_of_the_log_may_connect() -> None:
    """An uncommitted removal, and one that is told and taken back, shut nobody out."""
    roster = Roster("a", ABC)
    roster.appended(6, 2, ABC.without("b").pack())
    assert "b" in roster.peers
    assert "b" not in roster.others
    roster.apply(6)
    assert "b" not in roster.peers
    roster.hear("c", (3, 9), ABC.with_learner("e", ("host-e", 5), "", ""))
    assert roster.peers["e"] == ("host-e", 5)
    assert "e" not in roster.others
    roster.hear("c", (2, 6), ABC.without("b"))
    assert "e" not in roster.peers


def test_only_news_changes_the_version() -> None:
    """Each change is told to everybody: what is no change must not be."""
    roster = Roster("a", ABC)
    for _ in range(2):
        roster.hear("b", (1, 3), ABC.without("c"))
    assert roster.version == 2
    roster.hear("c", (0, 0), ABC)
    assert roster.version == 2


def test_a_node_that_joins_is_no_voter(tmp_path: object) -> None:
    """INV-1: its file lists it among the peers, and does not make it a voter."""
    peers = {node_id: (f"host-{node_id}", 1) for node_id in "abcd"}
    config = RaftConfig(node_id="d", peers=peers, state_dir=tmp_path, join=True)  # type: ignore[arg-type]
    config.validate()
    membership = config.membership()
    assert membership.voters == frozenset("abc")
    assert not Roster("d", membership).votes
    assert Roster("a", membership).votes
