"""Scenarios that chance meets too rarely, of data and their servers: each one fault, where it hurts most."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mdscluster.fsm.commands import DataServerUpdate
from nfsclient.file import File
from nfswire import nfs4
from tests.simulation.whole.oracle import SILENCE_MS, Missed
from tests.simulation.whole.stage import MakeStage, Stage


def test_a_layout_is_revoked_while_a_data_server_is_cut_off(make_stage: MakeStage) -> None:
    """INV-5 and INV-6: no data server, cut off or not, takes I/O under the old layout once another is granted."""
    stage = make_stage(exclusive_writers=True)
    world = stage.world
    c1, c2 = stage.mount(0), stage.mount(1)
    file = stage.open(c1, "/s/data0")
    stage.run(c1, file.write(0, b"x" * 16))
    assert stage.client(c1).stats.layouts_granted == 1
    c1.process.pause()
    for node_id in world.ids:
        world.net.hole("ds1", node_id)
        world.net.hole(node_id, "ds1")
    cut_ms = world.now_ms
    # The oracle asks every data server whether it would take the old layout's I/O, when the revocation is committed.
    asked = stage.start(c2, stage.client(c2).open("/s/data0", nfs4.OPEN4_SHARE_ACCESS_BOTH))
    world.wait_for(lambda: bool(asked), 20_000, lambda: "the other client's open waits for ever")
    stage.check()
    assert world.oracle.counts["lease ran out"] <= 1
    assert world.oracle.revoked, "nothing was revoked"
    assert world.now_ms - cut_ms > world.ds_lease_ms, "no sooner than the cut-off server's lease has run out"
    assert not any(server.accepts(handle) for server in world.data_servers.values() for handle in world.oracle.revoked)


def test_a_recall_that_reaches_its_client_before_the_grant(make_stage: MakeStage) -> None:
    """INV-5, INV-6: both are in one batch, so the client says NOMATCHING_LAYOUT, and then hears of the layout."""
    stage = make_stage()
    world, leader = stage.world, stage.leader()
    world.clients[0].heedless = True
    c1, c2 = stage.mount(0, leader), stage.mount(1, leader)
    mine, theirs = stage.open(c1, "/s/data0"), stage.open(c2, "/s/data0")
    for follower in stage.others(leader):
        world.pause(follower, 40)
    written = stage.start(c1, mine.write(0, b"x" * 16))
    stage.wait(10)
    stage.run(c2, theirs.truncate(0))
    assert world.oracle.counts["recall before its grant"] == 1
    assert world.oracle.counts["handles revoked"] > 0
    stage.result(c1, written)


@pytest.mark.parametrize("through", ["layout", "metadata server"])
def test_a_silent_client_is_dropped_only_when_data_servers_refuse_its_data(make_stage: MakeStage, through: str) -> None:
    """INV-6: one of them is cut off, so that takes longer than the client's lease; its lock is held until then."""
    stage = make_stage(lease_ms=1_500)
    world = stage.world
    c1, c2 = stage.mount(0), stage.mount(1)
    stage.client(c1).layouts.enabled = through == "layout"
    file, mine = stage.open(c1, "/s/data0"), stage.open(c1, "/s/lock0")
    stage.run(c1, mine.lock(0, 10))
    stage.run(c1, file.write(0, b"x" * 16, nfs4.FILE_SYNC4))
    assert stage.client(c1).stats.layouts_granted == (through == "layout")
    theirs = stage.open(c2, "/s/lock0")
    silent_ms = world.now_ms
    c1.process.pause()
    stage.wait(0.9 * world.lease_ms)
    for node_id in world.ids:
        world.net.hole("ds1", node_id)
        world.net.hole(node_id, "ds1")
    world.wait_for(lambda: c1.lost, 20_000, lambda: "its lease does not run out")
    stage.check()
    assert world.oracle.counts["handles revoked" if through == "layout" else "claims dropped"]
    assert not any(server.accepts(handle) for server in world.data_servers.values() for handle in world.oracle.revoked)
    assert world.now_ms - silent_ms > 0.9 * world.lease_ms + world.ds_lease_ms, "no sooner than that server's own lease"
    stage.run(c2, theirs.lock(0, 10))


def test_a_failover_is_no_io_error(make_stage: MakeStage) -> None:
    """INV-7: data that go through metadata servers while leaders change; the data servers are well all the time."""
    stage = make_stage()
    world = stage.world
    leader = stage.leader()
    c1 = stage.mount(0, *stage.others(leader), leader)
    stage.client(c1).layouts.enabled = False
    file = stage.open(c1, "/s/data0")
    for turn in range(2):
        stage.run(c1, file.write(turn * 16, b"x" * 16, nfs4.FILE_SYNC4))
        world.end(stage.leader(), 100)
        stage.leader()
        assert stage.run(c1, file.read(turn * 16, 16)) == b"x" * 16
    stage.wait(1_000)
    assert not world.oracle.counts["data server counted down"]


def test_a_new_leader_that_was_cut_off_from_data_servers_gives_them_time(make_stage: MakeStage) -> None:
    """INV-7: the leader before heard them all the time. Once every data server was down for a moment, and programs got
    ENOSPC and EIO, because a node that had been cut off was elected as soon as it was back."""
    stage = make_stage()
    world, leader = stage.world, stage.leader()
    stage.wait(2_000)
    for ds_id in world.data_servers:
        for other in stage.others(leader):
            world.net.hole(ds_id, other)
    stage.wait(5_000)
    world.end(leader, 10_000)
    assert stage.leader() != leader
    stage.wait(1_000)
    world.net.heal()
    stage.wait(4_000)
    assert not world.oracle.counts["data server counted down"]
    stage.check()


def _miss_and_cut_off(stage: Stage, leader: str, *, deaf: bool, ms: float) -> None:
    """Let the leader miss ds1, and be cut off as it proposes so: it does not hear the others if it is to be ``deaf``,
    and else is not heard by them, for so long."""
    world, proposes_down = stage.world, stage.world.oracle.proposes_down

    def cut_off(node_id: str, ds_id: str) -> Missed:
        for other in stage.others(leader):
            world.network.hole(*((other, leader) if deaf else (leader, other)), ms)
        return proposes_down(node_id, ds_id)

    world.oracle.proposes_down = cut_off  # type: ignore[method-assign]
    world.net.hole("ds1", leader)
    world.wait_for(lambda: bool(world.oracle.missed), 5_000, lambda: "the leader misses nobody")
    stage.wait(20)
    world.oracle.proposes_down = proposes_down  # type: ignore[method-assign]
    assert not world.oracle.counts["data server counted down"]


def _propose_down(stage: Stage, node_id: str) -> None:
    """The node's front end proposes that ds1 is down, whatever it has heard."""
    front = stage.world.whole(node_id).front
    assert front is not None
    assert front.front_end is not None
    jobs, down = front.front_end.leader, DataServerUpdate("ds1", "127.0.0.1", 2049, False, 1 << 30, 1 << 30)
    front.loop.io(lambda: front.loop.create_task(jobs.propose(down)))


def test_a_leader_that_missed_a_data_server_dies_before_that_is_committed(make_stage: MakeStage) -> None:
    """INV-7, and its judge: the next leader, who has heard of that data server all the time, commits the entry. It is
    of the term of the one that had missed it."""
    stage = make_stage()
    world, leader = stage.world, stage.leader()
    term = world.nodes[leader].engine.core.term
    _miss_and_cut_off(stage, leader, deaf=True, ms=5_000)
    world.end(leader, 4_000)
    assert stage.leader() != leader
    stage.wait(1_000)
    assert world.oracle.counts["data server counted down"] == 1
    assert max(world.leaders) > term
    assert world.oracle.down["ds1"][-1][1] < float("inf"), "the next leader has heard of it"
    stage.check()


@pytest.mark.parametrize("hears", [True, False])
def test_what_a_leader_missed_dies_with_his_term(make_stage: MakeStage, hears: bool) -> None:
    """INV-7: who led before missed a data server, and was cut off before that left him. He is back, and hands over what
    he has proposed, but for this: another leads, who may hear that data server (seed 77 of 5 nodes), or has missed it
    for as long (seed 226 of 3)."""
    stage = make_stage()
    world, before = stage.world, stage.leader()
    others = stage.others(before)
    if not hears:
        for other in others:
            world.net.hole("ds1", other)
    _miss_and_cut_off(stage, before, deaf=False, ms=1_500)
    world.wait_for(
        lambda: any(world.nodes[other].engine.core.is_leader for other in others), 1_400, lambda: "no other leads"
    )
    assert world.oracle.missed, "nothing was proposed"
    led_ms = world.led_ms[max(world.leaders)]
    world.run_for(SILENCE_MS + 2_000)
    stage.check()
    assert world.leaders[max(world.leaders)] in others
    assert not world.nodes[before].engine.proposals.pending, "what he had proposed was handed over"
    counted = [at_ms for at_ms, _ in world.oracle.down.get("ds1", ())]
    if hears:
        assert counted == []
    else:
        assert len(counted) == 1
        assert counted[0] - led_ms >= SILENCE_MS


@pytest.mark.parametrize("proposer", ["the leader", "who led before"])
def test_the_log_has_a_data_server_for_down_of_which_its_leader_has_heard(make_stage: MakeStage, proposer: str) -> None:
    """The judge of INV-7 itself: that another does not hear of it, who led before, is no excuse."""
    stage = make_stage()
    world, leader = stage.world, stage.leader()
    proposed_by = leader
    if proposer == "who led before":
        world.end(leader, 300)
        leader = stage.leader()
        stage.wait(1_000)
        world.net.hole("ds1", proposed_by)
        stage.wait(4_000)
    assert stage.leader() == leader
    assert (leader == proposed_by) == (proposer == "the leader")
    _propose_down(stage, proposed_by)
    world.run_for(500)
    assert len(world.violations) == 1
    assert f"has ds1 for down, of which {leader}, who led, heard, or" in world.violations[0]


def test_what_a_leader_missed_excuses_its_own_proposal_and_no_other(make_stage: MakeStage) -> None:
    """The judge of INV-7 itself: a leader that was cut off from a data server has it counted as down as soon as it
    leads. That who led before had missed it, too, and had proposed so, which was lost, is no excuse."""
    stage = make_stage()
    world, before = stage.world, stage.leader()
    term = world.nodes[before].engine.core.term
    for other in stage.others(before):
        world.net.hole("ds1", other)
    _miss_and_cut_off(stage, before, deaf=False, ms=5_000)
    world.end(before, 10_000)
    leader = stage.leader()
    assert leader != before
    stage.wait(100)
    (missed,) = world.oracle.missed.values()
    assert missed.term == term
    assert missed.ms >= SILENCE_MS
    _propose_down(stage, leader)
    world.run_for(500)
    led_ms = world.now_ms - world.led_ms[max(world.leaders)]
    assert led_ms < SILENCE_MS, "it has missed the data server itself by now"
    assert len(world.violations) == 1
    assert f"has ds1 for down, of which {leader}, who led, heard, or" in world.violations[0]


def _stand_still_in_a_cut(stage: Stage, node_id: str, ms: float) -> list[float]:
    """The node stops, whole, between its last look whether it leads and the first message of a cut; when it did."""
    front = stage.world.whole(node_id).front
    assert front is not None
    assert front.front_end is not None
    links: Any = front.front_end.leader._links
    truncate, stopped = links.truncate, []

    async def held(*arguments: Any) -> bool:
        if not stopped:
            stopped.append(stage.world.now_ms)
            stage.world.pause(node_id, ms)
        await asyncio.sleep(0.001)
        return bool(await truncate(*arguments))

    links.truncate = held
    return stopped


def _rewritten_behind_a_paused_leader(make_stage: MakeStage) -> tuple[Stage, str, Any, File]:
    """A leader stands still with a cut on its way. The next one has carried it out, and the file was written again."""
    stage = make_stage()
    leader = stage.leader()
    first, second = stage.others(leader)
    c1 = stage.mount(0, first, second)
    file = stage.open(c1, "/s/data0")
    stage.run(c1, file.write(0, b"old" * 50_000))
    stage.run(c1, file.flush())
    stopped = _stand_still_in_a_cut(stage, leader, 6_000)
    stage.run(c1, file.truncate(9))
    stage.world.wait_for(lambda: bool(stopped), 1_000, lambda: "the leader cuts nothing")
    others = [stage.world.nodes[node_id].engine.core for node_id in (first, second)]
    stage.world.wait_for(lambda: any(core.is_leader for core in others), 3_000, lambda: "no other leads")
    stage.run(c1, file.write(0, b"new" * 50_000), 3_000)
    stage.run(c1, file.flush())
    assert stage.world.lives[leader].paused, "the old leader was to stand still all the time"
    return stage, leader, c1, file


def _restart_data_servers(stage: Stage) -> None:
    for server in stage.world.data_servers.values():
        server.kill(power_loss=True)
        server.start_again()


def _wait_refused(stage: Stage, leader: str) -> None:
    """The old leader goes on, is refused, and follows."""
    world = stage.world
    world.wait_for(lambda: not world.lives[leader].paused, 8_000, lambda: "it does not go on")
    world.wait_for(lambda: world.oracle.counts["cuts asked for"] >= 4, 4_000, lambda: "its cut does not come")
    stage.wait(1_000)


def test_a_cut_that_an_overtaken_leader_sends_late_does_nothing(make_stage: MakeStage) -> None:
    """INV-10: data servers that were restarted since do not know that it was carried out; they know who leads."""
    stage, leader, c1, file = _rewritten_behind_a_paused_leader(make_stage)
    _restart_data_servers(stage)
    _wait_refused(stage, leader)
    assert stage.run(c1, file.read(0, 150_000)) == b"new" * 50_000
    assert stage.world.oracle.counts["refused by a data server"] >= 2
    assert stage.world.whole(leader).up
    assert stage.leader() != leader


def test_a_cut_that_an_overtaken_leader_sends_before_a_data_server_has_heard_anybody(make_stage: MakeStage) -> None:
    """INV-10: the first that data servers hear after their restart; nobody has told them again who leads."""
    stage, leader, c1, file = _rewritten_behind_a_paused_leader(make_stage)
    net = stage.world.net
    for ds_id in stage.world.data_servers:
        for node_id in stage.world.ids:
            net.hole(ds_id, node_id)
            if node_id != leader:
                net.hole(node_id, ds_id)
    _restart_data_servers(stage)
    _wait_refused(stage, leader)
    assert stage.world.oracle.counts["refused by a data server"] >= 2
    net.heal()
    stage.wait(2_000)
    assert stage.run(c1, file.read(0, 150_000)) == b"new" * 50_000
