"""Scenarios that chance meets too rarely, of what clients hold, hear and see: each one fault, where it hurts most."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nfsclient import LockDenied, NfsError
from nfsclient.file import File
from nfswire import nfs4
from tests.simulation.whole.oracle import Claim
from tests.simulation.whole.stage import MakeStage, Stage
from tests.support.linearizability import History, check


def test_a_retransmission_to_another_node_gets_the_first_reply(make_stage: MakeStage) -> None:
    """INV-3: the reply is lost, the node dies; a second run would answer NFS4ERR_EXIST."""
    stage = make_stage()
    world, leader = stage.world, stage.leader()
    first, second = stage.others(leader)
    c1 = stage.mount(0, first, second)
    client = stage.client(c1)
    stage.lose_replies(first, c1)
    made = stage.start(c1, client.mkdir("/once"))
    stage.wait(150)
    assert not made, "the reply was to be lost"
    world.end(first, 5_000)
    stage.result(c1, made, 5_000)
    assert stage.node_of(c1) == second
    assert client.stats.retransmissions >= 1
    entries = stage.run(c1, client.readdir("/"))
    assert [entry.name for entry in entries].count(b"once") == 1


def test_a_node_that_dies_with_a_change_just_made_has_the_reply(make_stage: MakeStage) -> None:
    """INV-3: as above, and the other node died between the commit that brought the change and its next entry."""
    stage = make_stage()
    world, leader = stage.world, stage.leader()
    first, second = stage.others(leader)
    c1 = stage.mount(0, first, second)
    client = stage.client(c1)
    stage.lose_replies(first, c1)
    node = world.whole(second)

    def names() -> int:
        with node.env.begin() as txn:
            return int(txn.stat(node.machine.tables.dirent)["entries"])

    before = names()
    made = stage.start(c1, client.mkdir("/once"))
    world.run_until(world.now_ms + 1_000, stop=lambda: names() > before)
    assert (names(), made) == (before + 1, [])
    world.end(second, 20)
    stage.wait(600)
    assert not made, "the reply was to be lost"
    world.end(first, 5_000)
    stage.result(c1, made, 5_000)
    assert stage.node_of(c1) == second
    entries = stage.run(c1, client.readdir("/"))
    assert [entry.name for entry in entries].count(b"once") == 1


def test_a_slot_of_which_the_new_node_knows_less(make_stage: MakeStage) -> None:
    """INV-7: reads are not replicated; neither a read nor a change after them is misordered on another node."""
    stage = make_stage()
    world, nodes = stage.world, stage.world.ids
    c1 = stage.mount(0, *nodes)
    client = stage.client(c1)
    for turn in range(6):
        for _ in range(3):
            stage.run(c1, client.getattr("/"))
        if turn % 2:
            stage.run(c1, client.mkdir(f"/d{turn}"))
        before = stage.node_of(c1)
        for stream in list(world.net.streams):
            if stream.a.name == "c1":
                stream.reset()
        stage.run(c1, client.getattr("/"))
        assert stage.node_of(c1) != before
    assert client.stats.failover_statuses() == {}
    assert client.stats.reconnects >= 6


def _lock_at_a_follower(stage: Stage) -> tuple[str, Any, Any, File]:
    """A follower, and a client that is there with a lock."""
    first, second = stage.others(stage.leader())
    generation = stage.mount(0, first, second)
    file = stage.open(generation, "/s/lock0")
    stage.run(generation, file.lock(0, 10))
    return first, generation, stage.client(generation), file


def test_a_lock_survives_its_node_and_the_leader(make_stage: MakeStage) -> None:
    """INV-5 and INV-7: whoever died, the lock is held until its owner gives it up, and then it is free."""
    stage = make_stage()
    leader = stage.leader()
    first, second = stage.others(leader)
    c1, c2 = stage.mount(0, leader, first, second), stage.mount(1, second)
    mine, theirs = stage.open(c1, "/s/lock0"), stage.open(c2, "/s/lock0")
    stage.run(c1, mine.lock(0, 10))
    stage.world.end(leader, 4_000)
    stage.leader()
    with pytest.raises(LockDenied):
        stage.run(c2, theirs.lock(5, 10))
    stage.run(c1, mine.locku(0, 10))
    assert stage.node_of(c1) != leader
    stage.run(c2, theirs.lock(5, 10))
    assert stage.client(c1).stats.failover_statuses() == {}


@pytest.mark.parametrize("jump_ms", [3_600_000.0, -3_600_000.0])
def test_a_lease_runs_out_by_the_logs_clock_alone(make_stage: MakeStage, jump_ms: float) -> None:
    """INV-7: wall clocks jump and leaders change; who renews keeps its lock, who is silent loses it, in its time."""
    stage = make_stage()
    world, leader = stage.world, stage.leader()
    first, second = stage.others(leader)
    c1, c2 = stage.mount(0, first, second, leader), stage.mount(1, second, first, leader)
    mine, theirs = stage.open(c1, "/s/lock0"), stage.open(c2, "/s/lock1")
    stage.run(c1, mine.lock(0, 10))
    stage.run(c2, theirs.lock(0, 10))
    stage.wait(world.lease_ms / 5)  # the log knows of them by now, and they need not renew yet
    for node in world.nodes.values():
        node.clock.jump_ms = jump_ms
    stage.wait(world.lease_ms)
    world.end(leader, 300)
    stage.leader()
    for node in world.nodes.values():
        node.clock.jump_ms = -jump_ms
    stage.wait(2 * world.lease_ms)
    assert not c1.lost
    assert not c2.lost, "both have renewed all the time"
    silent_ms = world.now_ms
    c2.process.pause()
    world.wait_for(lambda: c2.lost, 2 * world.lease_ms, lambda: "the lease of a silent client does not run out")
    stage.check()
    assert world.now_ms - silent_ms > 0.6 * world.lease_ms
    other = stage.open(c1, "/s/lock1")
    stage.run(c1, other.lock(0, 10))


def test_a_renewal_that_died_with_its_node_counts(make_stage: MakeStage) -> None:
    """INV-7: a node answers a client, and dies before it could tell the log that the lease is renewed."""
    stage = make_stage()
    world = stage.world
    first, c1, client, mine = _lock_at_a_follower(stage)
    stage.wait(world.lease_ms / 10 + 100)  # it is reported
    assert client.mds._renewer is not None
    client.mds._renewer.cancel()
    stage.wait(0.8 * world.lease_ms)
    dispatcher = world.whole(first).front.front_end.dispatcher  # type: ignore[union-attr]
    world.wait_for(lambda: not dispatcher.reports.touched, 2_000, lambda: "leases are not reported")
    reported = stage.run(c1, client.getattr("/"))
    assert reported.type == nfs4.NF4DIR
    assert dispatcher.reports.touched, "the renewal was to be lost"
    world.end(first, 60_000)
    c1.process.pause()
    stage.wait(0.6 * world.lease_ms)
    assert not c1.lost
    c1.process.resume()
    stage.run(c1, mine.locku(0, 10))


def test_a_renewal_that_is_reported_late_counts(make_stage: MakeStage) -> None:
    """INV-7: a node answers a client in its lease's last moment, and stands still before its next report is due."""
    stage = make_stage()
    world = stage.world
    first, c1, client, mine = _lock_at_a_follower(stage)
    assert client.mds._renewer is not None
    client.mds._renewer.cancel()
    front = world.whole(first).front
    assert front is not None
    dispatcher = front.front_end.dispatcher
    world.wait_for(lambda: not dispatcher.reports.touched, 2_000, lambda: "leases are not reported")
    stage.wait(0.99 * world.lease_ms)
    stage.run(c1, client.getattr("/"))
    assert dispatcher.reports.touched, "the renewal was to be reported later"
    front.process.pause()
    stage.wait(0.15 * world.lease_ms)
    assert not c1.lost
    front.process.resume()
    stage.wait(0.5 * world.lease_ms)
    assert not c1.lost
    stage.run(c1, mine.locku(0, 10))


def test_a_node_without_quorum_acknowledges_nothing(make_stage: MakeStage) -> None:
    """INV-6: neither a change nor a read is answered where nobody stands behind it; what was asked runs once."""
    stage = make_stage()
    world, leader = stage.world, stage.leader()
    c1 = stage.mount(0, leader)
    client = stage.client(c1)
    for a, b in world.network.lanes:
        if leader in (a, b):
            world.network.hole(a, b, 6_000)
    made = stage.start(c1, client.mkdir("/later"))
    read = stage.start(c1, client.getattr("/"))
    stage.wait(5_500)
    assert not made
    assert not read
    world.wait_for(lambda: bool(made and read), 10_000, lambda: "no answer after the cut")
    stage.check()


def test_what_a_node_without_quorum_shows_is_a_state_since_it_lost_it(make_stage: MakeStage) -> None:
    """INV-4 under ``read-only``: the old state, but none older; no change is acknowledged; and then all is as it was.

    What it shows is not linearizable, which the same history shows with the time at which the look really began.
    """
    stage = make_stage(on_quorum_loss="read-only")
    world, leader = stage.world, stage.leader()
    c1, c2 = stage.mount(0, leader), stage.mount(1, *stage.others(leader))
    looks, changes = stage.client(c1), stage.client(c2)
    directory = world.names.directories[0]
    stage.run(c2, changes.mkdir((directory, "n0")))
    for a, b in world.network.lanes:
        if leader in (a, b):
            world.network.hole(a, b, 6_000)
    stage.run(c2, changes.mkdir((directory, "n1")), 5_000)
    asked_ms = world.now_ms
    assert stage.run(c1, looks.lookup((directory, "n0")), 4_000)
    for _ in range(2):
        with pytest.raises(NfsError):
            stage.run(c1, looks.lookup((directory, "n1")), 1_000)
    assert c1.unconfirmed >= 3
    made = stage.start(c1, looks.mkdir((directory, "n2")))
    stage.wait(1_000)
    assert not made
    world.wait_for(lambda: bool(made), 10_000, lambda: "no answer after the cut")
    assert stage.run(c1, looks.lookup((directory, "n1")))
    history = world.history()
    assert check(history, limit_s=20.0).ok
    old = next(o for o in history if o.client == c1.name and o.answer and o.answer.status == nfs4.NFS4ERR_NOENT)
    assert old.invoked_ms < asked_ms
    for found, right in ((1, True), (0, False)):
        forged = _with_one_found(history, c1.name, found)
        assert check(forged, limit_s=20.0).ok == right, "two looks at one node may not go backwards in time"
    history.operations[history.operations.index(old)] = msgspec.structs.replace(old, invoked_ms=asked_ms)
    assert not check(history, limit_s=20.0).ok


def _with_one_found(history: History, client: str, number: int) -> History:
    """As if the look of this number, of those that did not find a name while there was no quorum, had found it."""
    operations = list(history.operations)
    looks = [n for n, o in enumerate(operations) if o.client == client and o.answer and o.answer.replica]
    missed = [n for n in looks if operations[n].answer.status == nfs4.NFS4ERR_NOENT]  # type: ignore[union-attr]
    newest = next(o.answer for o in reversed(operations) if o.call == operations[missed[number]].call and o.answer)
    old = operations[missed[number]].answer
    assert newest.object is not None
    assert old is not None
    answer = msgspec.structs.replace(newest, replica=old.replica)
    operations[missed[number]] = msgspec.structs.replace(operations[missed[number]], answer=answer)
    return History(operations, history.directories)


def test_claims_conflict_as_they_should() -> None:
    """The judge of INV-5 itself."""
    holders: list[Any] = [object(), object()]
    write = Claim("lock", holders[0], "/f", 0, 9, 3, 2)
    assert write.conflicts(Claim("lock", holders[1], "/f", 9, 9, 2, 1))
    assert not write.conflicts(Claim("lock", holders[1], "/f", 10, 19, 3, 2))
    assert not write.conflicts(Claim("lock", holders[0], "/f", 0, 9, 3, 2))
    read = Claim("lock", holders[0], "/f", 0, 9, 2, 1)
    assert not read.conflicts(Claim("lock", holders[1], "/f", 0, 9, 2, 1))
    assert read.conflicts(Claim("lock", holders[1], "/f", 0, 9, 3, 2))
    denies_writing = Claim("open", holders[0], "/f", 0, 0, 2, 1)
    assert denies_writing.conflicts(Claim("open", holders[1], "/f", 0, 0, 0, 2))
    assert not denies_writing.conflicts(Claim("open", holders[1], "/f", 0, 0, 0, 1))
