"""The faults of pysyncobj 0.3.17, one directed trace each, against the production journal, engine and messages.

Random simulation misses some of them. That each trace fails without the guard it is about is shown by the mutation
check (``./run sim --mutate``).
"""

from __future__ import annotations

import pytest

from mdscluster.raft.errors import ConsensusBug, PeerError
from mdsproto.raft_pb2 import AppendEntries, Entry, Message
from tests.simulation.consensus.cluster import Cluster, open_env
from tests.simulation.consensus.directed import COMMANDS, append_entries, holds, led
from tests.simulation.fixtures import MakeCluster


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


def test_h_an_exception_in_apply_stops_the_node_and_applies_nothing(
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


def test_d_a_restart_keeps_a_tail_that_is_not_applied(make_cluster: MakeCluster) -> None:
    """INV-2, fault D: stock clears a journal that does not fit its dump. n2 acknowledged, applied nothing, and dies."""
    cluster = led(make_cluster)
    append_entries(cluster, "n1", *COMMANDS)
    cluster.drop("n1", "n3")
    cluster.deliver("n1", "n2")
    node = cluster["n2"]
    last, applied = node.engine.journal.last_index, node.engine.applied
    assert last >= applied + len(COMMANDS)
    for power_loss in (None, 0):
        cluster.kill("n2", power_loss=power_loss)
        cluster.start("n2", connect=False)
        assert (node.engine.journal.last_index, node.engine.applied) == (last, applied)
    cluster.deliver("n2", "n1")
    cluster.kill("n1")
    cluster.connect("n2", "n3")
    cluster.calm()
    cluster.elect("n2", "n2", "n3")
    cluster.settle("n2", "n3")
    assert set(COMMANDS) <= set(node.history())


def test_e_a_state_that_does_not_fit_its_log_is_refused(make_cluster: MakeCluster) -> None:
    """Fault E: stock swallows whatever is wrong with a snapshot, and acknowledges a log that does not match it."""
    cluster = led(make_cluster)
    append_entries(cluster, "n1", *COMMANDS)
    cluster.settle()
    cluster.isolate("n3")
    cluster.calm()
    append_entries(cluster, "n1", *(b"missed-%d" % i for i in range(5)))
    cluster.settle("n1", "n2")
    node = cluster["n3"]
    directory = node.receive_image(cluster["n1"])
    env = open_env(directory)
    with env.begin(write=True) as txn:
        log = env.open_db(b"raft_log", txn=txn)
        with txn.cursor(db=log) as cursor:
            cursor.last()
            cursor.delete()
    env.close()
    before = node.engine.applied
    assert not node.adopt_image(directory)
    assert node.engine.applied == before
    cluster.kill("n3")
    cluster.start("n3")
    assert node.engine.applied == before


@pytest.mark.parametrize("kind", [b"\x02add", b"\x02rem"])
def test_g_the_log_cannot_change_the_membership(make_cluster: MakeCluster, kind: bytes) -> None:
    """Fault G: pysyncobj's own changes of membership are unsound; no entry, from whomever, can make one."""
    cluster = led(make_cluster)
    engine = cluster["n2"].engine
    last = engine.journal.last_index
    body = AppendEntries(prev_index=last, prev_term=1, commit_index=last, entries=[Entry(term=1, data=kind)])
    with pytest.raises(PeerError):
        engine.receive("n1", Message(term=1, append=body), cluster.now_ms)
    assert sorted(engine.core._nodes) == ["n1", "n3"]
    assert engine.journal.last_index == last


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


def test_j_a_leader_whose_follower_needs_a_snapshot_does_not_spin(make_cluster: MakeCluster) -> None:
    """Fault J: stock sends without a pause while a dump is pending. Here it is a message or two for each heartbeat."""
    cluster = led(make_cluster, log_keep_entries=16)
    cluster.isolate("n3")
    for i in range(60):
        append_entries(cluster, "n1", b"missed-%d" % i)
        cluster.settle("n1", "n2", rounds=1)
        cluster.calm()
    cluster.connect("n1", "n3")
    cluster.settle("n1", "n3")
    assert cluster["n3"].snapshot_from == "n1"
    engine, sent = cluster["n1"].engine, 0
    for _ in range(20):
        due_ms = engine.deadline_ms(cluster.now_ms)
        assert due_ms - cluster.now_ms > 10
        cluster.turn("n1", due_ms - cluster.now_ms)
        sent += len(cluster.queues["n1", "n3"])
        cluster.deliver("n1", "n3")
        cluster.deliver("n3", "n1")
        cluster.deliver("n1", "n2")
        cluster.deliver("n2", "n1")
    assert 20 <= sent <= 60


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
