"""Fencing with the product's consensus, state machine and front ends, on simulated time; devices judge them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mdscluster.fsm import io_claims
from mdscluster.fsm.commands import FenceConfirm, FenceProof, Internal, Maintenance, unpack_internal
from mdscluster.replica import LEADER, Replica, ReplicaStatus
from nfswire import dsfh, nfs4
from tests.simulation.whole.clients import Generation
from tests.simulation.whole.power import FOREVER_MS, HANGS, HONEST, IDLE, LIAR, REFUSES, PoweredSimulation
from tests.simulation.whole.powered import Make, leader_of, offs, split, stonith, wait, wait_for


@pytest.mark.parametrize("whom", ["leader", "follower"])
@pytest.mark.parametrize("how", ["its process dies", "it falls silent"])
def test_a_node_that_fails_is_fenced_once_and_comes_back(make: Make, whom: str, how: str) -> None:
    """INV-9: within 5 s; its power is restored; it is not fenced for the same failure again."""
    world = make()
    leader = leader_of(world)
    lost = leader if whom == "leader" else next(node for node in world.ids if node != leader)
    began_ms = world.now_ms
    if how == "its process dies":
        world.end(lost, FOREVER_MS)
    else:
        split(world, [lost], [node for node in world.ids if node != lost], ms=6_000)
    wait_for(world, lambda: world.kinds(lost) == ["intent", "fenced"], 5_000, "it is not fenced")
    took_ms = world.now_ms - began_ms
    print(f"{how}, {whom}: fenced after {took_ms:.0f} ms")
    assert took_ms < 5_000
    assert offs(world) == [lost]
    wait_for(world, lambda: "back" in world.kinds(lost), 15_000, "it is not back")
    wait(world, 20_000)
    assert offs(world) == [lost]
    assert world.committed_state().intents == {}
    assert world.committed_state().nodes[lost].armed


@pytest.mark.parametrize("apart_ms", [0, 300, 700])
def test_of_two_hosts_lost_one_after_the_other_the_second_does_not_wait_for_the_first(
    make: Make, apart_ms: int
) -> None:
    """INV-9: each within 5 s of its own loss. In the drill the second one was decided a second later."""
    world = make(5)
    first, second = [node for node in world.ids if node != leader_of(world)][:2]
    world.end(first, FOREVER_MS, power=True)
    wait(world, apart_ms)
    world.end(second, FOREVER_MS, power=True)
    began_ms = world.now_ms
    wait_for(world, lambda: "intent" in world.kinds(second), 5_000, "nobody means to fence it")
    took_ms = world.now_ms - began_ms
    print(f"{apart_ms} ms apart: the second is to be fenced after {took_ms:.0f} ms")
    assert took_ms < world.fencing.suspect_ms + 700
    wait_for(world, lambda: sorted(offs(world)) == sorted([first, second]), 5_000, "not both are fenced")


@pytest.mark.parametrize(("size", "minority"), [(3, 1), (5, 2), (5, 1)])
def test_of_two_halves_that_fence_each_other_only_the_majority_does(make: Make, size: int, minority: int) -> None:
    """INV-9: the leader is in the smaller half, and alive."""
    world = make(size)
    leader = leader_of(world)
    small = [leader, *[node for node in world.ids if node != leader][: minority - 1]]
    large = [node for node in world.ids if node not in small]
    split(world, small, large, ms=30_000)
    wait_for(world, lambda: sorted(offs(world)) == sorted(small), 8_000, "the minority is not fenced")
    assert {asked.by for asked in world.asked} <= set(large)
    wait(world, 60_000)
    assert sorted(offs(world)) == sorted(small), "nobody is fenced twice, and none of the majority"
    assert set(world.has_power.values()) == {True}
    assert world.committed_state().intents == {}


class Deluded:
    """A node's door to consensus, through which it looks like a leader with a quorum, in the term that it led in."""

    def __init__(self, replica: Replica, term: int, wanted: list[Internal]) -> None:
        self._replica, self._term, self._wanted = replica, term, wanted
        self.env = replica.env

    def status(self, done: Callable[[ReplicaStatus], None]) -> None:
        def told(found: ReplicaStatus) -> None:
            done(
                replace(
                    found, role=LEADER, term=self._term, has_quorum=True, reaches_majority=True, leader_id=found.node_id
                )
            )

        self._replica.status(told)

    def propose(self, payload: bytes, done: Callable[[bytes | None], None]) -> None:
        self._wanted.append(unpack_internal(payload))
        self._replica.propose(payload, done)

    def barrier(self, done: Callable[[bool], None]) -> None:
        done(True)


def delude(world: PoweredSimulation, node_id: str) -> list[Internal]:
    """Its part in fencing takes itself for the leader from now on, and all others for lost; what it proposes."""
    wanted: list[Internal] = []
    deluded: Any = stonith(world, node_id)
    deluded._replica = Deluded(deluded._replica, world.nodes[node_id].engine.core.term, wanted)
    deluded._serving = lambda: True
    lost = [other for other in world.ids if other != node_id]
    deluded._suspicions.suspected = lambda: dict.fromkeys(lost, 60_000)
    deluded._suspicions.missing = lambda: set(lost)
    deluded._suspicions.well = lambda: set()
    return wanted


@pytest.mark.parametrize(("size", "minority"), [(3, 1), (5, 2)])
@pytest.mark.parametrize("manner", [HONEST, HANGS])
def test_of_two_halves_that_both_mean_to_only_the_majority_does(
    make: Make, size: int, minority: int, manner: str
) -> None:
    """INV-9: the smaller one takes itself for the larger, also when it is back: nothing but the log is in its way.

    Where its own devices hang nobody is fenced, and what it wanted reaches the others at last: too late.
    """
    world = make(size)
    leader = leader_of(world)
    small = [leader, *[node for node in world.ids if node != leader][: minority - 1]]
    large = [node for node in world.ids if node not in small]
    wanted = delude(world, leader)
    for node in small:
        world.manner[node] = manner
    split(world, small, large, ms=12_000)
    wait_for(world, lambda: any(isinstance(one, FenceProof) for one in wanted), 8_000, "it does not want to")
    wait_for(world, lambda: {*small} <= {one.node for one in world.committed_state().history}, 8_000, "nor the others")
    wait(world, 60_000)
    assert sorted(offs(world)) == (sorted(small) if manner == HONEST else [])
    assert {asked.node for asked in world.asked} <= set(small)
    assert {asked.by for asked in world.asked} <= set(large)
    assert not [event for event in world.committed_state().history if event.node in large]
    assert world.committed_state().intents == {}


def test_the_smaller_half_is_not_fenced_after_all_when_its_devices_cannot_be_reached_until_it_is_back(
    make: Make,
) -> None:
    """INV-9: the partition cuts the way to the devices, too. Nothing of what either half wanted comes later."""
    world = make(5)
    leader = leader_of(world)
    small = [leader, next(node for node in world.ids if node != leader)]
    large = [node for node in world.ids if node not in small]
    world.unreachable = {(node, target) for node in large for target in small}
    split(world, small, large, ms=12_000)
    wait_for(world, lambda: len(world.committed_state().intents) == 2, 8_000, "nothing was decided")
    world.at(14_000, world.unreachable.clear)
    wait(world, 60_000)
    assert offs(world) == []
    assert world.committed_state().intents == {}
    assert all(world.kinds(node)[-1] == "withdrawn" for node in small)


def test_without_a_majority_nobody_is_fenced(make: Make) -> None:
    """INV-9."""
    world = make(5)
    n1, n2, n3, n4, n5 = world.ids
    split(world, [n1, n2], [n3, n4], [n5], ms=20_000)
    wait(world, 60_000)
    assert world.asked == []
    assert world.committed_state().history == []


def test_a_restart_that_is_quick_is_no_failure(make: Make) -> None:
    world = make()
    for node in world.ids:
        world.end(node, 1_000)
        wait(world, 10_000)
    assert world.asked == []


def test_a_node_that_stops_in_good_order_is_not_fenced(make: Make) -> None:
    world = make()
    leader = leader_of(world)
    front = world.whole(leader).front
    assert front is not None
    leaving = stonith(world, leader)

    async def stop() -> None:
        await leaving.close()
        await leaving.leave()

    front.loop.io(lambda: front.loop.create_task(stop()))
    wait_for(world, lambda: not world.committed_state().nodes[leader].armed, 1_000, "it has not left")
    world.end(leader, 30_000)
    wait(world, 60_000)
    assert world.asked == []
    assert world.committed_state().nodes[leader].armed, "it is back"


def test_an_executor_that_dies_in_the_middle_is_followed_by_another(make: Make) -> None:
    """INV-9: when its claim is over, or it is back and says so; never two at once (the devices judge it)."""
    world = make(5)
    leader = leader_of(world)
    lost = next(node for node in world.ids if node != leader)
    world.takes_ms = 2_000
    world.end(lost, FOREVER_MS)
    wait_for(world, lambda: any(asked.action == "off" for asked in world.asked), 8_000, "nobody is at it")
    executor = world.asked[0].by
    world.end(executor, 1_500)
    wait_for(world, lambda: "fenced" in world.kinds(lost), 40_000, "nobody took over")
    assert offs(world) == [lost]
    wait(world, 30_000)
    assert world.kinds(executor) == []


def test_an_executor_that_dies_after_the_power_was_cut_leaves_no_doubt(make: Make) -> None:
    """INV-9: not fenced, until another has read the power back."""
    world = make(5)
    leader = leader_of(world)
    lost = next(node for node in world.ids if node != leader)
    world.end(lost, FOREVER_MS)
    wait_for(world, lambda: offs(world) == [lost], 8_000, "nobody is at it")
    assert not world.committed_state().nodes[lost].down
    world.end(world.switched[0].by, 1_000)
    wait_for(world, lambda: "fenced" in world.kinds(lost), 40_000, "nobody took over")
    wait_for(world, lambda: "back" in world.kinds(lost), 40_000, "it is not back")
    wait(world, 20_000)
    assert world.committed_state().intents == {}


@pytest.mark.parametrize("manner", [IDLE, HANGS, REFUSES])
def test_a_bad_device_fences_nobody_and_the_service_goes_on(make: Make, manner: str) -> None:
    """INV-9: tried again and again, later and later; and given up when the node is there again."""
    world = make()
    lost = next(node for node in world.ids if node != leader_of(world))
    world.manner[lost] = manner
    split(world, [lost], [node for node in world.ids if node != lost], ms=40_000)
    wait_for(world, lambda: len(offs(world)) == 0 and "failed" in world.kinds(lost), 20_000, "nothing was tried")
    wait(world, 15_000)
    intent = world.committed_state().intents[lost]
    assert intent.attempts >= 2
    assert {asked.by for asked in world.asked if asked.action == "off"} == set(world.ids) - {lost}, "each in turn"
    assert not world.committed_state().nodes[lost].down
    leader_of(world)
    wait_for(world, lambda: world.kinds(lost)[-1] == "withdrawn", 60_000, "it is not withdrawn")
    tried = len(world.asked)
    wait(world, 60_000)
    assert len(world.asked) == tried


def test_a_device_that_lies_of_a_node_that_speaks_is_not_believed(make: Make) -> None:
    """INV-9: it says that the power is off, and the node is heard: a link came back while it was being fenced."""
    world = make()
    leader = leader_of(world)
    lost = next(node for node in world.ids if node != leader)
    world.manner[lost] = LIAR
    world.takes_ms = 1_500
    split(world, [lost], [node for node in world.ids if node != lost], ms=4_500)
    wait_for(world, lambda: "failed" in world.kinds(lost), 20_000, "it was believed")
    assert "is heard" in world.committed_state().history[-1].text
    wait_for(world, lambda: world.kinds(lost)[-1] == "withdrawn", 20_000, "it is not withdrawn")
    assert "fenced" not in world.kinds(lost)


def test_a_device_that_lies_of_a_node_that_is_cut_off_is_found_out_later(make: Make) -> None:
    """INV-9: nobody can know before; the operator is told. And no loop comes of it."""
    world = make()
    lost = next(node for node in world.ids if node != leader_of(world))
    world.manner[lost] = LIAR
    split(world, [lost], [node for node in world.ids if node != lost], ms=15_000)
    wait_for(world, lambda: "fenced" in world.kinds(lost), 8_000, "it is not fenced")
    wait_for(world, lambda: "lied" in world.kinds(lost), 30_000, "nobody noticed")
    wait(world, 30_000)
    assert world.committed_state().nodes[lost].armed
    assert world.kinds(lost).count("intent") == 1


def test_what_a_fenced_node_writes_late_for_a_client_is_refused(make: Make) -> None:
    """INV-6: its device lies, so it goes on; and no other node has written for that client since."""
    world = make()
    lost = next(node for node in world.ids if node != leader_of(world))
    client = world.clients[0]
    generation = client.generation = Generation(client, 1)
    done: list[None] = []

    async def work() -> None:
        mounted = await generation.mount([world.nfs_address(lost)], 1)
        mounted.layouts.enabled = False
        file = await mounted.open("/s/data0", nfs4.OPEN4_SHARE_ACCESS_BOTH)
        await file.write(0, b"x" * 64, nfs4.FILE_SYNC4)
        done.append(None)

    generation.runtime.spawn(work())
    wait_for(world, lambda: bool(done), 5_000, "it does not write")
    assert generation.client is not None
    session = generation.client.mds.core.session
    assert session is not None
    node = world.whole(lost)
    with node.env.begin() as txn:
        claim = io_claims.load(txn, node.machine.tables, session.client_id)
    assert claim is not None, "vacuous: it wrote through a layout"
    handle = dsfh.pack_ds_fh(world.key, dsfh.FLAG_WRITE, 0, 7, io_claims.identity(session.client_id), claim.epoch)
    world.manner[lost] = LIAR
    split(world, [lost], [node for node in world.ids if node != lost], ms=15_000)
    generation.process.pause()
    assert all(server.accepts(handle) for server in world.data_servers.values())
    wait_for(world, lambda: "fenced" in world.kinds(lost), 8_000, "it is not fenced")
    wait(world, 1_000)
    assert world.whole(lost).up, "it was to go on"
    assert not any(server.accepts(handle) for server in world.data_servers.values())


def test_one_device_that_only_some_reach_is_enough(make: Make) -> None:
    world = make()
    leader = leader_of(world)
    lost = next(node for node in world.ids if node != leader)
    world.unreachable = {(leader, lost)}
    world.end(lost, FOREVER_MS)
    wait_for(world, lambda: "fenced" in world.kinds(lost), 20_000, "the other one did not try")
    assert {switched.by for switched in world.switched if switched.action == "off"} == set(world.ids) - {lost, leader}


def test_a_node_that_fails_again_and_again_is_left_to_the_operator(make: Make) -> None:
    """A fencing loop ends by itself."""
    world = make()
    lost = next(node for node in world.ids if node != leader_of(world))
    for _ in range(world.fencing.node_per_hour):
        fenced = len(offs(world))
        world.end(lost, FOREVER_MS)
        wait_for(world, lambda fenced=fenced: len(offs(world)) > fenced, 8_000, "it is not fenced")  # type: ignore[misc]
        wait_for(world, lambda: world.committed_state().nodes[lost].armed, 20_000, "it is not back")
        wait(world, 6_000)
    world.end(lost, FOREVER_MS)
    wait(world, 60_000)
    assert len(offs(world)) == world.fencing.node_per_hour
    assert "times within the hour" in stonith(world, leader_of(world)).held[lost]


def test_maintenance_suspends_it_and_the_end_of_it_takes_it_up(make: Make) -> None:
    world = make()
    lost = next(node for node in world.ids if node != leader_of(world))
    world.propose(Maintenance(lost, True, "ops"), leader_of(world))
    wait(world, 500)
    world.end(lost, FOREVER_MS)
    wait(world, 20_000)
    assert world.asked == []
    world.propose(Maintenance(lost, False, "ops"), leader_of(world))
    wait_for(world, lambda: offs(world) == [lost], 6_000, "it is not taken up")


def test_the_operator_confirms_what_no_device_can(make: Make) -> None:
    """INV-9: rack without power: the BMC is dead, too."""
    world = make()
    lost = next(node for node in world.ids if node != leader_of(world))
    world.manner[lost] = HANGS
    world.end(lost, FOREVER_MS, power=True)
    wait_for(world, lambda: "failed" in world.kinds(lost), 20_000, "nothing was tried")
    world.propose(FenceConfirm(lost, "ops"), leader_of(world))
    wait_for(world, lambda: world.committed_state().nodes[lost].down, 1_000, "it does not count")
    tried = len(world.asked)
    wait(world, 60_000)
    assert len(world.asked) <= tried + 1, "only what was under way"
    assert world.committed_state().intents == {}


@pytest.mark.parametrize("frozen", ["front end", "node"])
def test_a_leader_that_stood_still_fences_nobody_when_it_goes_on(make: Make, frozen: str) -> None:
    """INV-9: the others look silent to it."""
    world = make()
    leader = leader_of(world)
    world.manner[leader] = HANGS  # or it would not go on
    if frozen == "node":
        world.pause(leader, 12_000)
    front = world.whole(leader).front
    assert front is not None
    front.process.pause()
    world.at(12_000, front.process.resume)
    wait(world, 60_000)
    assert {asked.node for asked in world.asked} <= {leader}
    assert world.committed_state().intents == {}
