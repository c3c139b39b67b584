"""The faults of pysyncobj 0.3.17, one directed trace each, against the production journal, engine and messages.

Random simulation misses some of them. That each trace fails without the guard it is about is shown by the mutation
check (``./run sim --mutate``).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mdscluster.raft import core, outbox
from mdscluster.raft.errors import ConsensusBug, PeerError
from mdsproto.raft_pb2 import AppendEntries, Entry, Message
from tests.simulation.consensus.cluster import Cluster
from tests.simulation.fixtures import MakeCluster


def led(make_cluster: MakeCluster, size: int = 3, **options: object) -> Cluster:
    """A cluster whose n1 leads term 1 and has told everybody; no timer starts elections."""
    cluster = make_cluster(size, **options)
    cluster.start()
    cluster.calm()
    cluster.elect("n1")
    cluster.settle()
    assert cluster["n1"].engine.core.is_leader
    cluster.calm()
    return cluster


def holds(cluster: Cluster, trace: Callable[[Cluster], None]) -> None:
    """The trace ends with every invariant whole."""
    trace(cluster)
    cluster.check()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two entries of the traces fill an append message."""
    monkeypatch.setattr(core, "BATCH_BYTES", 100)
    monkeypatch.setattr(outbox, "BATCH_BYTES", 100)


def append_entries(cluster: Cluster, node: str, *commands: bytes) -> None:
    """One log entry for each command."""
    for command in commands:
        cluster.propose(node, command)
        cluster.turn(node)
        cluster.turn(node)


COMMANDS = tuple(b"command-%d" % i for i in range(6))


def trace_a(cluster: Cluster) -> None:
    """An ack moves nextIndex back while batches are under way; the repeated batch truncates what lies behind it."""
    append_entries(cluster, "n1", *COMMANDS)
    cluster.cut_off("n3")
    cluster.deliver("n1", "n2")
    cluster.deliver("n2", "n1", 1)
    cluster.turn("n1", 60)
    cluster.deliver("n2", "n1")
    cluster.turn("n1")
    cluster.cut_off("n3")
    cluster.deliver("n1", "n2", 1)
    die_and_elect(cluster)


def die_and_elect(cluster: Cluster) -> None:
    """n1 dies; n2 leads n2 and n3, then n1 returns."""
    cluster.kill("n1")
    cluster.elect("n2", "n2", "n3")
    cluster.settle("n2", "n3")
    cluster.start("n1")
    cluster.calm()
    cluster.settle()


@pytest.mark.usefixtures("small_batches")
def test_a_repeated_batch_drops_nothing_acknowledged(make_cluster: MakeCluster) -> None:
    """INV-2, fault A: needs only FIFO links and some batches in flight. Either rule alone mends it."""
    holds(led(make_cluster), trace_a)


@pytest.mark.usefixtures("small_batches")
def test_a_late_reset_drops_nothing_acknowledged(make_cluster: MakeCluster) -> None:
    """INV-2, rule 2: a second, legitimate reset arrives when everything has been acknowledged already."""
    holds(led(make_cluster), trace_late_reset)


def trace_late_reset(cluster: Cluster) -> None:
    append_entries(cluster, "n1", *COMMANDS)
    cluster.cut_off("n2", "n3")  # Lost: n2 has a gap now.
    for _ in range(2):
        cluster.turn("n1", 120)
        cluster.cut_off("n3")
        cluster.deliver("n1", "n2")
    resets = cluster.queues["n2", "n1"]
    late = resets.pop()
    cluster.deliver("n2", "n1")
    for _ in range(4):
        cluster.turn("n1", 60)
        cluster.deliver("n1", "n2")
        cluster.deliver("n2", "n1")
    cluster.cut_off("n3")
    assert len(cluster.acknowledged()) == len(COMMANDS)
    cluster.queues["n1", "n2"].clear()
    cluster.hand("n2", "n1", late)
    cluster.turn("n1", 120)
    cluster.deliver("n1", "n2", 1)
    cluster.cut_off("n3")
    die_and_elect(cluster)


@pytest.mark.usefixtures("small_batches")
def test_acknowledged_entries_are_not_sent_again(make_cluster: MakeCluster) -> None:
    """Rule 3: while acks trickle in, every entry goes over the wire once."""
    cluster = led(make_cluster)
    sent: list[int] = []
    append_entries(cluster, "n1", *COMMANDS)
    for _ in range(8):
        for data in cluster.queues["n1", "n2"]:
            body = Message.FromString(data).append
            sent += range(body.prev_index + 1, body.prev_index + 1 + len(body.entries))
        cluster.deliver("n1", "n2")
        cluster.deliver("n2", "n1", 1)
        cluster.turn("n1", 60)
    assert len(sent) == len(set(sent)), "rule 3: sent twice"


def test_b_ack_of_an_old_term_is_not_counted(make_cluster: MakeCluster) -> None:
    """INV-2, fault B: n2's ack to term 1 arrives when n1 leads term 3, and counts for other entries there."""
    holds(led(make_cluster, 5), trace_b)


def trace_b(cluster: Cluster) -> None:
    append_entries(cluster, "n1", *COMMANDS[:4])
    cluster.deliver("n1", "n2")
    late = list(cluster.queues["n2", "n1"])
    cluster.cut_off("n1")
    cluster.elect("n3", "n3", "n4", "n5")
    cluster.settle("n3", "n4", "n5")
    cluster.settle("n2", "n3", "n4", "n5")
    cluster.cut_off("n1")
    cluster.settle("n1", "n3", "n4", "n5")
    cluster.cut_off("n2")
    cluster.kill("n3")
    cluster.elect("n1", "n1", "n4", "n5")
    cluster.settle("n1", "n4", "n5")
    cluster.calm()
    assert cluster["n1"].engine.core.term == 3
    cluster.cut_off("n2")
    append_entries(cluster, "n1", b"x", b"y")
    cluster.cut_off("n2", "n5")
    cluster.deliver("n1", "n4")
    cluster.deliver("n4", "n1")
    for data in late:
        if Message.FromString(data).ack.next_index <= cluster["n1"].engine.journal.last_index + 1:
            cluster.hand("n2", "n1", data)
    cluster.turn("n1")
    cluster.turn("n1")
    cluster.kill("n1", "n4")
    cluster.start("n3")
    cluster.calm()
    cluster.elect("n5", "n2", "n3", "n5")
    cluster.settle("n2", "n3", "n5")


def test_c_no_tail_of_its_own_is_applied_while_a_snapshot_is_due(make_cluster: MakeCluster) -> None:
    """INV-2, INV-8, fault C: n1 has entries of its own, falls behind the log's beginning, and hears of commits."""
    holds(led(make_cluster, log_keep_entries=16), trace_c)


def trace_c(cluster: Cluster) -> None:
    append_entries(cluster, "n1", b"lost-1", b"lost-2", b"lost-3")
    cluster.cut_off("n1")
    cluster.isolate("n1")
    cluster.elect("n2", "n2", "n3")
    cluster.settle("n2", "n3")
    for i in range(60):
        append_entries(cluster, "n2", b"kept-%d" % i)
        cluster.settle("n2", "n3", rounds=1)
        cluster.calm()
    assert cluster["n2"].engine.journal.first_index > cluster["n1"].engine.journal.last_index
    cluster.connect("n1", "n2")
    cluster.settle("n1", "n2", "n3")
    assert cluster["n1"].snapshot_from == "n2"


def test_a_vote_counts_once(make_cluster: MakeCluster) -> None:
    """INV-1, rule 5: two candidates of one term, and one of them hears the same vote twice."""
    cluster = make_cluster(5)
    cluster.start()
    cluster.calm()
    for candidate in ("n1", "n2"):
        engine = cluster[candidate].engine
        engine._at(cluster.now_ms)
        engine.core.start_election()
        engine._work = True
        cluster.turn(candidate)
    for voter in ("n4", "n5"):
        cluster.deliver("n2", voter)
        cluster.deliver(voter, "n2")
    cluster.deliver("n1", "n3")
    vote = cluster.queues["n3", "n1"][0]
    for _ in range(2):
        cluster.hand("n3", "n1", vote)
        cluster.turn("n1")
    assert cluster["n2"].engine.core.is_leader
    assert not cluster.violations, cluster.violations


def test_a_returning_node_does_not_depose_the_leader(make_cluster: MakeCluster) -> None:
    """Rule 6: a node that was cut off for long comes back without an election."""
    cluster = make_cluster()
    cluster.start()
    leader = cluster.await_leader()
    term = cluster[leader].engine.core.term
    outcast = next(node_id for node_id in cluster.ids if node_id != leader)
    # Nothing reaches it, but the connections stand.
    for _ in range(100):
        cluster.settle(*(node_id for node_id in cluster.ids if node_id != outcast), rounds=1)
        cluster[outcast].turn()
        for node_id in cluster.ids:
            if node_id != outcast:
                cluster.drop(node_id, outcast)
                cluster.drop(outcast, node_id)
    cluster.run(1_000)
    assert cluster[cluster.await_leader()].engine.core.term == term, "liveness: an election for nothing"


def stand(cluster: Cluster, candidate: str) -> None:
    """A node stands for election, without a word to anybody before."""
    engine = cluster[candidate].engine
    engine._at(cluster.now_ms)
    engine.core.start_election()
    engine._work = True
    cluster.turn(candidate)


def test_a_vote_survives_power_loss(make_cluster: MakeCluster) -> None:
    """INV-1, fault I: n3 votes for n1, loses power, and is asked by n2 in the same term."""
    cluster = make_cluster()
    cluster.start()
    cluster.calm()
    stand(cluster, "n1")
    stand(cluster, "n2")
    request = cluster.queues["n2", "n3"][-1]
    cluster.deliver("n1", "n3")
    cluster.deliver("n3", "n1")
    assert cluster["n1"].engine.core.is_leader
    cluster.kill("n3", power_loss=0)
    cluster.start("n3")
    cluster.calm()
    cluster.hand("n2", "n3", request)
    cluster.turn("n3")
    cluster.deliver("n3", "n2")
    cluster.turn("n2")
    assert not cluster.violations, cluster.violations
    assert not cluster["n2"].engine.core.is_leader


def test_nothing_promised_leaves_before_the_commit(make_cluster: MakeCluster) -> None:
    """INV-1, INV-2: what leaves with a turn's first half is a leader's entries; a vote and an ack wait for the disk."""
    cluster = make_cluster()
    cluster.start()
    cluster.calm()
    stand(cluster, "n1")
    request = cluster.queues["n1", "n3"].pop()
    cluster.hand("n1", "n3", request)
    assert cluster["n3"].begin_turn() == []
    cluster["n3"].finish_turn()
    cluster.deliver("n1", "n2")
    cluster.deliver("n3", "n1")
    assert cluster["n1"].engine.core.is_leader
    cluster.propose("n1", b"x")
    cluster.turn("n1")
    for data in cluster.queues["n1", "n3"]:
        cluster.hand("n1", "n3", data)
    assert cluster["n3"].engine.journal.last_index > 1
    assert cluster["n3"].begin_turn() == []
    kinds = {Message.FromString(data).WhichOneof("body") for _, data in cluster["n3"].finish_turn().messages}
    assert kinds == {"ack"}


def test_e_an_exception_in_apply_stops_the_node_and_applies_nothing(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault H: stock repeats the command for ever, or runs it twice; here the node stops and its state is whole."""
    cluster = led(make_cluster, 1)
    node = cluster["n1"]
    with monkeypatch.context() as patch:
        patch.setattr(node.machine, "apply", lambda payload: 1 // 0)
        cluster.propose("n1", b"bad")
        with pytest.raises(ZeroDivisionError):
            cluster.turn("n1")
    node.kill()
    cluster.start("n1")
    assert node.history() == []
    assert node.engine.applied == node.engine.journal.last_index
    assert cluster.await_leader() == "n1"


def test_f_commit_index_never_exceeds_the_log(make_cluster: MakeCluster) -> None:
    """Fault F: what a restarted node calls committed is what it has applied."""
    cluster = led(make_cluster)
    append_entries(cluster, "n1", *COMMANDS)
    cluster.settle()
    cluster.kill("n2")
    cluster.start("n2", connect=False)
    engine = cluster["n2"].engine
    assert engine.core.commit_index == engine.applied == engine.journal.last_index


@pytest.mark.usefixtures("small_batches")
def test_j_a_conflicting_tail_and_a_long_backlog_converge(make_cluster: MakeCluster) -> None:
    """Fault J: stock resets for ever when the backlog exceeds a batch."""
    cluster = led(make_cluster)
    append_entries(cluster, "n1", *(b"lost-%d" % i for i in range(5)))
    cluster.cut_off("n1")
    cluster.elect("n2", "n2", "n3")
    cluster.settle("n2", "n3")
    append_entries(cluster, "n2", *(b"kept-%d" % i for i in range(40)))
    cluster.settle("n2", "n3")
    cluster.cut_off("n1")
    cluster.settle(rounds=6)
    assert cluster["n1"].history() == cluster["n2"].history()
    assert len(cluster["n1"].history()) >= 40
    cluster.check()


@pytest.mark.parametrize(
    "data", [b"", b"\x00cos\nsystem\n.", b"\x02add", b"\x03ver", b"\x01extra", b"\x4d\x02" + bytes(30)]
)
def test_k_entries_that_would_be_unpickled_are_refused(make_cluster: MakeCluster, data: bytes) -> None:
    """Fault K: pysyncobj unpickles entries of types 0, 2 and 3. None gets as far."""
    cluster = led(make_cluster)
    engine = cluster["n2"].engine
    last = engine.journal.last_index
    body = AppendEntries(prev_index=last, prev_term=1, commit_index=last + 1, entries=[Entry(term=1, data=data)])
    with pytest.raises(PeerError):
        engine.receive("n1", Message(term=1, append=body), cluster.now_ms)
    assert engine.journal.last_index == last


def test_a_conflict_with_a_committed_entry_stops_the_node(make_cluster: MakeCluster) -> None:
    """INV-2: no message makes a node give up what is committed."""
    cluster = led(make_cluster)
    append_entries(cluster, "n1", *COMMANDS)
    cluster.settle()
    engine = cluster["n2"].engine
    body = AppendEntries(prev_index=2, prev_term=1, commit_index=2, entries=[Entry(term=9, data=b"\x01")])
    with pytest.raises(ConsensusBug):
        engine.receive("n3", Message(term=9, append=body), cluster.now_ms)


def trace_lost_disk(cluster: Cluster) -> None:
    """n3 acknowledges an entry, loses its disk, and catches up to what was committed: not to that entry."""
    append_entries(cluster, "n1", *COMMANDS)
    cluster.settle()
    cluster.calm()
    append_entries(cluster, "n1", b"x")
    cluster.deliver("n1", "n3")
    cluster.deliver("n3", "n1")
    committed = cluster["n1"].engine.core.commit_index
    assert cluster["n1"].engine.core.match_index("n3") == committed + 1
    cluster.kill("n3")
    cluster.wipe("n3")
    cluster.start("n3", replace=True)
    cluster.calm()
    ping = Message(term=1)
    ping.ping.SetInParent()
    for other in ("n2", "n4", "n5"):
        cluster.hand(other, "n3", ping.SerializeToString())
    while cluster["n3"].engine.guards.quarantine.on:
        cluster.turn("n1", 60)
        while cluster["n3"].engine.journal.last_index < committed and cluster.deliver("n1", "n3", 1):
            cluster.deliver("n3", "n1")
        cluster.turn("n3")
    assert cluster["n3"].engine.journal.last_index == committed
    cluster.isolate("n3")
    for other in ("n4", "n5"):
        cluster.drop("n1", other)
    cluster.deliver("n1", "n2")
    cluster.deliver("n2", "n1")
    for _ in range(3):
        cluster.turn("n1", 10)
        for other in ("n4", "n5"):
            cluster.drop("n1", other)
    cluster.kill("n1", "n2")
    cluster.connect("n3", "n4")
    cluster.connect("n3", "n5")
    cluster.elect("n4", "n3", "n4", "n5")
    cluster.settle("n3", "n4", "n5")
    assert cluster["n4"].engine.core.is_leader
    cluster.start("n1", "n2")
    cluster.calm()
    cluster.settle()


@pytest.mark.usefixtures("small_batches")
def test_an_entry_lost_with_a_disk_is_not_counted(make_cluster: MakeCluster) -> None:
    """INV-2: what a node acknowledged before it lost its disk counts for nothing once it asks for it again."""
    holds(led(make_cluster, 5), trace_lost_disk)


def trace_figure_8(cluster: Cluster) -> None:
    """n1's entry of term 1 reaches a majority in term 3 only, and n5, which leads term 4, has another in its place."""
    cluster.propose("n2", b"old")
    cluster.turn("n2")
    cluster.deliver("n2", "n1")
    cluster.turn("n1")
    cluster.turn("n1")
    cluster.cut_off("n3", "n4", "n5")
    cluster.deliver("n1", "n2")
    cluster.kill("n1")
    cluster.elect("n5", "n3", "n4", "n5")
    assert cluster["n5"].engine.core.is_leader
    cluster.turn("n5", 60)
    cluster.kill("n5")
    cluster.start("n1")
    for _ in range(2):
        cluster.calm()
        cluster.elect("n1", "n1", "n2", "n3", "n4")
    engine = cluster["n1"].engine
    assert (engine.core.is_leader, engine.core.term) == (True, 3)
    old = engine.journal.last_index - 1
    cluster.drop("n1", "n2")
    for _ in range(4):  # n3 says where its log ends, and gets the old entry, and not the new one of term 3.
        cluster.turn("n1", 60)
        for data in cluster.queues["n1", "n3"]:
            message = Message.FromString(data)
            del message.append.entries[max(old - message.append.prev_index, 0) :]
            cluster.hand("n1", "n3", message.SerializeToString())
            cluster.turn("n3")
        cluster.drop("n1", "n3")
        cluster.deliver("n3", "n1")
        cluster.deliver("n1", "n2")
        cluster.deliver("n2", "n1")
    assert cluster["n3"].engine.journal.last_index == old
    cluster.turn("n1")
    cluster.cut_off("n3")
    cluster.kill("n1", "n2")
    cluster.start("n5")
    for _ in range(2):
        cluster.calm()
        cluster.elect("n5", "n3", "n4", "n5")
    assert cluster["n5"].engine.core.is_leader
    cluster.settle("n3", "n4", "n5")
    cluster.start("n1", "n2")
    cluster.calm()
    cluster.settle()


def test_an_older_terms_entry_is_not_committed_by_count(make_cluster: MakeCluster) -> None:
    """INV-2: only an entry of the leader's own term is committed by counting (Raft paper §5.4.2, figure 8)."""
    holds(led(make_cluster, 5), trace_figure_8)
