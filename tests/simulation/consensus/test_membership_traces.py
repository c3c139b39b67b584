"""What goes wrong when a membership changes, one directed trace each; and with one rule switched off, that it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mdscluster.raft.core import Core
from mdscluster.raft.errors import ConsensusBug, PeerError
from mdscluster.raft.members import FEATURE_LEVEL, Membership
from mdscluster.raft.reconfiguration import Reconfiguration
from mdscluster.raft.roster import Roster
from mdscluster.replica import MemberChange
from mdsproto.raft_pb2 import Message, RequestVote
from tests.simulation.consensus.membership import Changing

MakeChanging = Callable[..., Changing]


@pytest.fixture
def make_changing(fast_dir: Path) -> Iterator[MakeChanging]:
    """n1, n2, n3 are the founders, n1 leads; n4 and n5 run, and wait to be added. No timer starts elections."""
    made: list[Changing] = []

    def make(size: int = 5, **options: Any) -> Changing:
        cluster = Changing(fast_dir / str(len(made)), size, **options)
        made.append(cluster)
        cluster.start(*cluster.founders)
        cluster.calm()
        cluster.elect("n1")
        cluster.settle()
        for node_id in cluster.ids[3:]:
            cluster.start(node_id)
        cluster.calm()
        return cluster

    yield make
    for cluster in made:
        cluster.close()


def run(cluster: Changing, ms: float = 600.0) -> None:
    """Everybody talks to everybody, with no timer for elections."""
    end_ms = cluster.now_ms + ms
    while cluster.now_ms < end_ms:
        cluster.calm()
        cluster.dial()
        for a, b in sorted(cluster.links):
            cluster.nodes[b].engine.guards.quarantine.hear(a, cluster.nodes[a].engine.core.term)  # as pings do
        cluster.settle(rounds=2)


def outcome(cluster: Changing, change: MemberChange) -> str:
    """What the change was answered last; empty: nothing yet."""
    return next((answer.code for token, answer in reversed(cluster.changes_done) if token is change), "")


def done(cluster: Changing, kind: str, member: str, leader: str = "n1") -> None:
    """Change, and see it committed everywhere."""
    change = cluster.change(leader, kind, member)
    run(cluster)
    assert outcome(cluster, change) == "done", cluster.changes_done


def grown(cluster: Changing, *, learners: str = "", voters: str = "") -> Changing:
    for number in learners + voters:
        done(cluster, "add", f"n{number}")
    for number in voters:
        done(cluster, "promote", f"n{number}")
    return cluster


def broken(cluster: Changing, trace: Callable[[Changing], None]) -> bool:
    """Whether the trace ends with a broken invariant, or a node stopped rather than break one."""
    try:
        trace(cluster)
        cluster.check()
    except ConsensusBug:
        return True
    except AssertionError as error:
        assert "INV-" in str(error) or "goes by" in str(error), error
        return True
    return False


def off(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """Switch one rule off: the mutation check. Production code has no switch."""
    always = lambda *_: True  # noqa: E731
    if rule == "own term":
        monkeypatch.setattr(Reconfiguration, "_own_term_committed", always)
    elif rule == "one at a time":
        monkeypatch.setattr(Reconfiguration, "_settled", always)
    elif rule == "roll back":
        monkeypatch.setattr(Roster, "truncated", lambda *_: None)
    elif rule == "in effect when appended":
        monkeypatch.setattr(Roster, "membership", property(lambda roster: roster.applied[1]))
    elif rule == "learners do not count":
        set_members = Core.set_members
        monkeypatch.setattr(
            Core,
            "set_members",
            lambda core, voters, learners, known: set_members(core, {*voters, *learners}, (), known),
        )
    else:
        assert rule == "", rule


# Safety.


@pytest.mark.parametrize("rule", ["", "own term"])
def test_two_leaders_change_the_same_membership(
    make_changing: MakeChanging, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    """INV-2, INV-8, the bug of single-server changes: of 4 voters n1 makes 5, n2 makes 3."""
    cluster = grown(make_changing(), learners="5", voters="4")
    off(monkeypatch, rule)
    assert broken(cluster, trace_two_leaders) == (rule != "")


def trace_two_leaders(cluster: Changing) -> None:
    cluster.change("n1", "promote", "n5")
    cluster.turn("n1")
    cluster.cut_off("n2", "n3", "n4")
    cluster.deliver("n1", "n5")
    cluster.cut_off("n1")
    cluster.elect("n2", "n2", "n3", "n4")
    cluster.cut_off("n1", "n4", "n5")
    for _ in range(3):
        cluster.change("n2", "remove", "n1")
        cluster.propose("n2", b"acknowledged %d" % len(cluster.changes_done))
        for _ in range(4):
            cluster.turn("n2", 5)
            cluster.cut_off("n1", "n4", "n5")
            cluster.deliver("n2", "n3")
            cluster.deliver("n3", "n2")
    cluster.cut_off("n2", "n3")
    cluster.kill("n2", "n3")
    cluster.settle("n1", "n4", "n5")  # n1 learns that it was deposed
    cluster.elect("n1", "n1", "n4", "n5")
    cluster.propose("n1", b"another")
    cluster.settle("n1", "n4", "n5")
    cluster.start("n2", "n3", connect=False)
    cluster.calm()
    cluster.propose("n2", b"late")
    run(cluster)


@pytest.mark.parametrize("rule", ["", "one at a time"])
def test_one_change_at_a_time(make_changing: MakeChanging, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """INV-2, INV-8: from 3 to 5 in one step, 3 of 5 and 2 of 3 do not meet."""
    cluster = grown(make_changing(), learners="45")
    off(monkeypatch, rule)
    assert broken(cluster, trace_two_at_once) == (rule != "")


def trace_two_at_once(cluster: Changing) -> None:
    for member in ("n4", "n5"):
        cluster.change("n1", "promote", member)
        cluster.turn("n1", 5)
        cluster.turn("n1", 5)
    cluster.propose("n1", b"acknowledged")
    for _ in range(4):
        cluster.turn("n1", 5)
        cluster.cut_off("n2", "n3")
        cluster.settle("n1", "n4", "n5", rounds=1, step_ms=5)
    cluster.cut_off("n2", "n3")
    cluster.kill("n1")
    cluster.elect("n2", "n2", "n3")
    cluster.propose("n2", b"another")
    cluster.settle("n2", "n3")
    cluster.start("n1")
    run(cluster)


@pytest.mark.parametrize("rule", ["", "roll back", "in effect when appended"])
def test_a_truncated_change_is_taken_back(
    make_changing: MakeChanging, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    """INV-8: n1 appends a change that nobody gets, and goes by it; n2 leads, and n1 gives it up with its entry."""
    cluster = grown(make_changing(), learners="4")
    off(monkeypatch, rule)
    assert broken(cluster, trace_truncated) == (rule != "")


def trace_truncated(cluster: Changing) -> None:
    before = cluster.membership("n1")
    change = cluster.change("n1", "promote", "n4")
    cluster.turn("n1")
    assert cluster.membership("n1").voters == {"n1", "n2", "n3", "n4"}, "n1 goes by what it appended"
    cluster.cut_off("n1")
    cluster.isolate("n1")
    cluster.elect("n2", "n2", "n3")
    cluster.propose("n2", b"another")
    cluster.settle("n2", "n3", "n4")
    run(cluster)
    assert cluster.membership("n1") == before, "INV-8: the change is in force though its entry is gone"
    assert outcome(cluster, change) == "unknown"
    done(cluster, "promote", "n4", "n2")


def test_an_uncommitted_removal_shuts_nobody_out(make_changing: MakeChanging) -> None:
    """n1 alone has appended the removal of n2, which then leads without it: n1 must let n2 in and give way.

    (Found by the simulator, seed 9 of its first version: n1 refused the connection for ever.)
    """
    cluster = make_changing(3)
    cluster.change("n1", "remove", "n2")
    cluster.turn("n1")
    assert cluster.membership("n1").voters == {"n1", "n3"}
    cluster.isolate("n1")
    cluster.elect("n2", "n2", "n3")
    cluster.settle("n2", "n3")
    run(cluster)
    assert cluster.membership("n1").voters == {"n1", "n2", "n3"}
    assert cluster["n1"].engine.applied == cluster["n2"].engine.applied
    cluster.check()


@pytest.mark.parametrize("rule", ["", "learners do not count"])
def test_learners_count_in_nothing(make_changing: MakeChanging, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """INV-2: n1 and two learners are no majority of three voters, for changes, reads or the leader's own patience."""
    off(monkeypatch, rule)
    cluster = grown(make_changing(), learners="45")
    cluster.kill("n2", "n3")
    cluster.propose("n1", b"x")
    cluster["n1"].engine.barrier("read", cluster.now_ms)
    cluster["n4"].engine.barrier("read", cluster.now_ms)
    cluster.settle("n1", "n4", "n5", rounds=10)
    counted = b"x" in cluster.acknowledged()
    assert counted == (rule != "")
    assert not cluster["n1"].barriers
    assert not cluster["n4"].barriers
    run(cluster, 1_000)
    assert not cluster["n1"].engine.guards.has_quorum()
    if not rule:
        assert not cluster["n1"].engine.core.is_leader


def test_a_learner_does_not_vouch_for_a_read(make_changing: MakeChanging) -> None:
    """INV-4: n1 was deposed without knowing, and the learner n4 asks it; only voters' word would count."""
    cluster = grown(make_changing(), learners="4")
    cluster.disconnect("n1", "n2")
    cluster.disconnect("n1", "n3")
    cluster.elect("n2", "n2", "n3")
    cluster.propose("n2", b"new")
    cluster.settle("n2", "n3")
    assert b"new" in cluster.acknowledged()
    cluster.cut_off("n2", "n3")
    cluster["n4"].engine.barrier("read", cluster.now_ms)
    cluster.settle("n1", "n4", rounds=3, step_ms=5)
    assert cluster["n1"].engine.core.is_leader, "the trace is pointless"
    assert "read" not in cluster["n4"].barriers or b"new" in cluster["n4"].history(), "INV-4: a stale read"


def test_a_learner_never_stands_and_a_stranger_does_not_vote_itself_in(make_changing: MakeChanging) -> None:
    """INV-1: whoever is no voter by its own log starts no election, however long it hears of no leader."""
    cluster = grown(make_changing(), learners="4")
    terms = {node_id: cluster[node_id].engine.core.term for node_id in ("n4", "n5")}
    for node_id in ("n4", "n5"):
        cluster.isolate(node_id)
        for _ in range(40):
            cluster.turn(node_id, 100)
        assert cluster[node_id].engine.core.term == terms[node_id]
        assert not cluster[node_id].engine.core.is_leader


def test_a_node_that_comes_back_empty_votes_only_when_it_has_caught_up(make_changing: MakeChanging) -> None:
    """INV-1: removed, wiped and added again, n3 reads in the log that it is a voter, long before it is one again."""
    cluster = make_changing(4)
    for i in range(30):
        cluster.propose("n1", b"filler %d" % i)
        cluster.settle(rounds=1)
        cluster.calm()
    done(cluster, "remove", "n3")
    cluster.kill("n3")
    cluster.wipe("n3")
    cluster.wiped.add("n3")
    cluster.start("n3", connect=False)
    cluster.calm()
    engine = cluster["n3"].engine
    assert engine.guards.quarantine.on
    assert not engine.roster.votes
    change = cluster.change("n1", "add", "n3")
    cluster.settle("n1", "n2")
    assert outcome(cluster, change) == "done"
    cluster.connect("n1", "n3")
    cluster.connect("n2", "n3")
    # A candidate of the very term that n3 may have voted in before: n2, with an older log than anybody's but n3's.
    cluster["n2"].engine._at(cluster.now_ms)
    cluster["n2"].engine.core.start_election()
    cluster["n2"].engine._work = True
    cluster.turn("n2")
    cluster.deliver("n2", "n3")
    votes = [data for data in cluster.queues["n3", "n2"] if cluster_message(data) == "vote"]
    assert not votes


def cluster_message(data: bytes) -> str | None:
    return Message.FromString(data).WhichOneof("body")


# Keeping at work.


def test_a_learner_becomes_a_voter_when_it_has_caught_up(make_changing: MakeChanging) -> None:
    """From 3 to 5, one after the other; then two of the first three die, and the others go on."""
    cluster = grown(make_changing())
    done(cluster, "add", "n4")
    cluster.isolate("n4")
    for i in range(80):
        cluster.propose("n1", b"%d" % i)
        cluster.settle(rounds=1)
        cluster.calm()
    behind = cluster.change("n1", "promote", "n4")
    cluster.settle("n1", "n2", "n3")
    assert outcome(cluster, behind) == "behind"
    run(cluster)
    done(cluster, "promote", "n4")
    done(cluster, "add", "n5")
    done(cluster, "promote", "n5")
    assert cluster.membership("n5").voters == {"n1", "n2", "n3", "n4", "n5"}
    cluster.kill("n1", "n2")
    cluster.elect("n4", "n3", "n4", "n5")
    cluster.propose("n5", b"still there")
    cluster.settle("n3", "n4", "n5")
    assert b"still there" in cluster.acknowledged()
    cluster.check()


def test_the_leader_hands_over_before_it_is_removed(make_changing: MakeChanging) -> None:
    """A leader is always a voter: its successor removes it, and it disturbs nobody afterwards."""
    cluster = grown(make_changing(), voters="4")
    change = cluster.change("n1", "remove", "n1")
    cluster.settle(rounds=6)
    assert outcome(cluster, change) == "handing_over"
    leader = next(node_id for node_id in cluster.ids if cluster[node_id].engine.core.is_leader)
    assert leader != "n1"
    done(cluster, "remove", "n1", leader)
    assert "n1" not in cluster.membership(leader).ids
    term = cluster[leader].engine.core.term
    for _ in range(100):
        cluster.dial()
        cluster.settle(rounds=1)
    assert cluster[leader].engine.core.term == term
    assert not cluster["n1"].engine.guards.has_quorum()
    with pytest.raises(PeerError):
        cluster[leader].engine.receive("n1", _vote_request(99), cluster.now_ms)


def _vote_request(term: int) -> Any:
    return Message(term=term, request_vote=RequestVote(last_index=1 << 40, last_term=term, transfer=True))


@pytest.mark.parametrize(
    ("kind", "member", "even_ok", "code"),
    [
        ("remove", "n3", False, "refused"),  # 2 would be left
        ("remove", "n3", True, "done"),
        ("remove", "n9", False, "done"),  # it is not there: as wished
        ("promote", "n9", False, "refused"),
        ("promote", "n3", False, "done"),
        ("add", "n3", False, "done"),
    ],
)
def test_what_is_refused(make_changing: MakeChanging, kind: str, member: str, even_ok: bool, code: str) -> None:
    """The answers of a leader of three voters."""
    cluster = make_changing(3)
    change = cluster.change("n1", kind, member, even_ok=even_ok)
    run(cluster, 200)
    assert outcome(cluster, change) == code


def test_what_would_break_the_quorum_is_refused(make_changing: MakeChanging) -> None:
    """n3 is dead: without n2, n1 and n3 were left, of which one is at work. An id or address is not taken twice."""
    cluster = make_changing(3)
    cluster.kill("n3")
    run(cluster, 700)
    change = cluster.change("n1", "remove", "n2")
    cluster.settle("n1", "n2")
    assert outcome(cluster, change) == "no_majority"
    taken = MemberChange("add", "n7", "host-n2", 1)
    cluster["n1"].engine.change_members(taken, taken)
    moved = MemberChange("add", "n2", "elsewhere", 1)
    cluster["n1"].engine.change_members(moved, moved)
    cluster.settle("n1", "n2")
    assert (outcome(cluster, taken), outcome(cluster, moved)) == ("refused", "refused")
    follower = cluster.change("n2", "remove", "n3")
    cluster.settle("n1", "n2")
    assert outcome(cluster, follower) == "not_leader"
    assert cluster["n1"].engine.roster.position == (0, 0)


def test_a_follower_that_slept_through_changes_finds_the_new_leader(make_changing: MakeChanging) -> None:
    """n3 knows n1 and n2 only; meanwhile n4 and n5 have come, n1 has gone, and n5 leads: n2 tells it of n5."""
    cluster = make_changing()
    cluster.isolate("n3")
    cluster.kill("n3")
    for member in ("n4", "n5"):
        change = cluster.change("n1", "add", member)
        run(cluster)
        assert outcome(cluster, change) == "done"
        done(cluster, "promote", member)
    cluster.elect("n5", "n2", "n4", "n5")
    run(cluster)
    done(cluster, "remove", "n1", "n5")
    cluster.kill("n1")
    cluster.start("n3", connect=False)
    cluster.calm()
    cluster.connect("n2", "n3")
    run(cluster)
    assert ("n3", "n5") in cluster.links
    assert cluster["n3"].engine.applied == cluster["n5"].engine.applied
    assert cluster.membership("n3") == cluster.membership("n5")


# Durability.


def test_a_restart_in_the_middle_of_a_change(make_changing: MakeChanging) -> None:
    """The membership is the log's: appended and not committed, n2 goes by it again after a restart; so it does when the
    entry has been trimmed, and power was lost."""
    cluster = grown(make_changing(log_keep_entries=16), learners="4")
    cluster.change("n1", "promote", "n4")
    cluster.turn("n1")
    cluster.deliver("n1", "n2")
    wanted = cluster.membership("n1")
    cluster.cut_off("n1")
    for loss in (None, 0):
        cluster.kill("n2", power_loss=loss)
        cluster.start("n2", connect=False)
        assert cluster.membership("n2") == wanted
        assert cluster["n2"].engine.roster.applied[1].voters == {"n1", "n2", "n3"}
    run(cluster)
    assert cluster.membership("n3") == wanted
    for i in range(60):
        cluster.propose("n1", b"%d" % i)
        cluster.settle(rounds=1)
        cluster.calm()
    position = cluster["n2"].engine.roster.position
    assert cluster["n2"].engine.journal.first_index > position[1]
    cluster.kill("n2", power_loss=0)
    cluster.start("n2", connect=False)
    assert (cluster["n2"].engine.roster.position, cluster.membership("n2")) == (position, wanted)


def test_a_snapshot_brings_the_membership_of_its_index(make_changing: MakeChanging) -> None:
    """n4 gets an image while a change is under way: the membership is that of the image's entry, and the log's then."""
    cluster = make_changing(log_keep_entries=16)
    for i in range(60):
        cluster.propose("n1", b"%d" % i)
        cluster.settle(rounds=1)
        cluster.calm()
    done(cluster, "add", "n4")
    assert cluster["n4"].snapshot_from == "n1"
    cluster.change("n1", "remove", "n3")
    cluster.turn("n1")
    assert cluster["n4"].install_snapshot(cluster["n1"])
    cluster.kill("n4")
    cluster.start("n4", connect=False)
    cluster.calm()
    assert cluster.membership("n4").ids == {"n1", "n2", "n3", "n4"}
    run(cluster)
    assert cluster.membership("n4").ids == {"n1", "n2", "n4"}
    assert not cluster["n4"].engine.guards.quarantine.on
    done(cluster, "promote", "n4")
    cluster.check()


def test_numbers_are_never_given_twice(make_changing: MakeChanging) -> None:
    """Whoever comes after one that went gets another number; those that stay keep theirs."""
    cluster = grown(make_changing(), voters="4")
    numbers = {member.id: member.number for member in cluster.membership("n1").members}
    done(cluster, "remove", "n4")
    done(cluster, "add", "n5")
    membership = cluster.membership("n2")
    assert {m.id: m.number for m in membership.members} == {"n1": 0, "n2": 1, "n3": 2, "n5": numbers["n4"] + 1}
    assert Membership.unpack(membership.pack()) == membership


def test_a_learner_that_was_never_heard_is_no_voter(make_changing: MakeChanging) -> None:
    """A new leader has patience with whoever it has not heard yet; that does not make n4, empty and silent, a voter.

    (Found by the simulator, seed 141: the log was so short that nothing at all was no lag.)
    """
    cluster = make_changing()
    cluster.kill("n4")
    change = cluster.change("n1", "add", "n4")
    run(cluster)
    assert outcome(cluster, change) == "done"
    cluster.elect("n2", "n2", "n3")
    cluster.settle()
    change = cluster.change("n2", "promote", "n4")
    cluster.settle(rounds=1)
    assert outcome(cluster, change) == "behind"


def test_a_hint_that_is_taken_back_shuts_nobody_out(make_changing: MakeChanging) -> None:
    """n1 told the newcomer n4 that n2 is removed, which was never committed; then n2 leads and n1 takes it back.

    (Found by the simulator, seed 213: n4 kept the highest membership that it ever heard of, without the leader in it.)
    """
    cluster = make_changing(4)
    change = cluster.change("n1", "add", "n4")
    cluster.settle("n1", "n2", "n3")
    assert outcome(cluster, change) == "done"
    cluster.isolate("n1")
    cluster.change("n1", "remove", "n2")
    cluster.turn("n1")
    cluster.connect("n1", "n4")
    assert cluster["n4"].engine.roster.newest.voters == {"n1", "n3"}
    cluster.elect("n2", "n2", "n3")
    cluster.settle("n2", "n3")
    run(cluster)
    assert cluster["n4"].engine.roster.newest.voters == {"n1", "n2", "n3"}
    assert cluster["n4"].engine.applied == cluster["n2"].engine.applied


@pytest.mark.parametrize("told", [True, False])
def test_a_quarantine_asks_everybody_of_the_present_membership(
    make_changing: MakeChanging, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """INV-1, INV-2: n3 comes back empty to a cluster of 5, with a file that knows 3: two others are not all.

    Without what others tell it acknowledges too early, and might take part in a commit that contradicts an older one.
    """
    if not told:
        monkeypatch.setattr(Roster, "newest", property(lambda roster: roster.membership))
        monkeypatch.setattr(Roster, "since", lambda roster, _: [(roster.position, roster.membership)])
    cluster = grown(make_changing(), voters="45")
    cluster.kill("n3")
    cluster.wipe("n3")
    cluster.start("n3", connect=False, replace=True)
    cluster.calm()

    def talk(*others: str) -> None:
        for other in others:
            if ("n3", other) not in cluster.links:
                cluster.connect("n3", other)
        for other in others:
            cluster["n3"].engine.guards.quarantine.hear(other, cluster[other].engine.core.term)
        cluster.settle("n3", *others, rounds=12)
        cluster.calm()

    talk("n1", "n2")
    assert (cluster["n3"].engine.journal.last_index == 1) == told
    talk("n1", "n2", "n4")
    assert (cluster["n3"].engine.journal.last_index == 1) == told
    talk("n1", "n2", "n4", "n5")
    assert cluster["n3"].engine.applied == cluster["n1"].engine.applied
    assert not cluster["n3"].engine.guards.quarantine.on


def test_a_wiped_voter_does_not_help_to_remove_whom_it_has_not_heard(make_changing: MakeChanging) -> None:
    """INV-1: n4 may have voted for n5. It waits until the others have committed n5's removal, and then not for n5."""
    cluster = grown(make_changing(), voters="45")
    cluster.kill("n4")
    cluster.wipe("n4")
    cluster.isolate("n5")
    change = cluster.change("n1", "remove", "n5")
    cluster.turn("n1")
    assert "n5" not in cluster.membership("n1").ids
    cluster.cut_off("n1")
    cluster.start("n4", connect=False, replace=True)
    cluster.calm()
    for other in ("n1", "n2", "n3"):
        cluster.connect("n4", other)
    quarantine = cluster["n4"].engine.guards.quarantine
    for other in ("n1", "n2", "n3"):
        quarantine.hear(other, cluster[other].engine.core.term)
    cluster.settle("n1", "n4")
    assert cluster["n4"].engine.journal.last_index == 1
    assert not outcome(cluster, change)
    run(cluster)
    assert outcome(cluster, change) == "done"
    assert not quarantine.on
    assert cluster["n4"].engine.applied == cluster["n1"].engine.applied


def test_a_leader_hands_over_to_a_voter(make_changing: MakeChanging) -> None:
    """A learner that is told to stand would not, and nobody would lead."""
    cluster = grown(make_changing(), learners="4")
    cluster.kill("n2", "n3")
    assert not cluster["n1"].engine.hand_over(cluster.now_ms)
    cluster.turn("n1")
    assert not any(cluster_message(data) == "timeout_now" for data in cluster.queues["n1", "n4"])


def test_no_change_while_an_older_release_runs(make_changing: MakeChanging) -> None:
    """A node of a release without memberships would refuse the entry, and everything behind it, for ever."""
    cluster = make_changing()
    machine = cluster["n1"].engine.machine
    machine.feature_level = FEATURE_LEVEL - 1  # the leader does not raise it before every member knows it
    change = cluster.change("n1", "add", "n4")
    cluster.settle("n1", "n2", "n3")
    assert outcome(cluster, change) == "busy"
    machine.feature_level = FEATURE_LEVEL
    done(cluster, "add", "n4")
