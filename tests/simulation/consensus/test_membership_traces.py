"""What goes wrong when a membership changes, one directed trace each; and with one rule switched off, that it does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mdscluster.raft.core import Core
from mdscluster.raft.errors import ConsensusBug
from mdscluster.raft.reconfiguration import Reconfiguration
from mdscluster.raft.roster import Roster
from tests.simulation.consensus import mutants
from tests.simulation.consensus.changes import cluster_message, done, grown, outcome, run
from tests.simulation.consensus.membership import Changing
from tests.simulation.fixtures import MakeChanging


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


@pytest.mark.parametrize("early", [False, True])
def test_the_only_voter_dies_before_its_commit(
    make_changing: MakeChanging, monkeypatch: pytest.MonkeyPatch, early: bool
) -> None:
    """INV-2, INV-8: it needs nobody's copy, so what a learner hears of as committed is on the voter's disk, or it is
    lost with a client told. A learner answered its client then, and ended by the next entry of that index."""
    if early:
        with mutants.the_only_voter_sends_early():
            assert broken(make_changing(2, founders=1), trace_the_only_voter_dies)
    else:
        assert not broken(make_changing(2, founders=1), trace_the_only_voter_dies)


def trace_the_only_voter_dies(cluster: Changing) -> None:
    cluster.start("n2", connect=False)
    cluster.calm()
    change = cluster.change("n1", "add", "n2")
    run(cluster)
    assert outcome(cluster, change) == "done"
    assert cluster.membership("n2").voters == {"n1"}
    cluster.propose("n2", b"of a learner's client")
    cluster.turn("n2")
    while cluster.queues["n2", "n1"]:
        cluster.hand("n2", "n1", cluster.queues["n2", "n1"].popleft())
    cluster["n1"].post(cluster["n1"].begin_turn())
    cluster.deliver("n1", "n2")
    cluster.kill("n1", power_loss=0)
    cluster.start("n1", connect=False)
    cluster.calm()
    cluster.elect("n1")
    cluster.propose("n1", b"another")
    cluster.settle("n1")
    cluster.dial()
    run(cluster, 400)


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
