"""Fencing with the product's consensus, state machine and front ends, on simulated time; devices judge them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mdscluster.control.stonith import Stonith
from mdscluster.fsm import io_claims
from mdscluster.fsm.commands import FenceConfirm, FenceProof, Internal, Maintenance, unpack_internal
from mdscluster.raft.local import Token
from mdscluster.replica import LEADER, MemberChange, Replica, ReplicaStatus
from nfswire import dsfh, nfs4
from tests.simulation.whole.clients import Generation
from tests.simulation.whole.power import FOREVER_MS, HANGS, HONEST, IDLE, LIAR, REFUSES, PoweredSimulation

Make = Callable[..., PoweredSimulation]


@pytest.fixture
def make(fast_dir: Path) -> Iterator[Make]:
    made: list[PoweredSimulation] = []

    def build(size: int = 3, seed: int = 1, **options: Any) -> PoweredSimulation:
        made.append(PoweredSimulation(fast_dir / str(len(made)), seed, size, clients=1, **options))
        made[-1].set_up()
        check(made[-1])
        assert made[-1].switched == []
        return made[-1]

    yield build
    for world in made:
        world.close()


def check(world: PoweredSimulation) -> None:
    assert not world.violations, world.violations


def wait(world: PoweredSimulation, ms: float) -> None:
    world.run_for(ms)
    check(world)


def wait_for(world: PoweredSimulation, condition: Callable[[], bool], limit_ms: float, what: str) -> None:
    world.wait_for(condition, limit_ms, lambda: what)
    check(world)


def leader_of(world: PoweredSimulation) -> str:
    def found() -> list[str]:
        nodes = [node for node in world.nodes.values() if node.up and node.engine.core.is_leader]
        return [node.id for node in nodes if node.engine.guards.has_quorum()]

    wait_for(world, lambda: len(found()) == 1, 5_000, "nobody leads")
    return found()[0]


def split(world: PoweredSimulation, *groups: list[str], ms: float = FOREVER_MS) -> None:
    """Nodes of different groups do not hear each other; data servers and clients do not matter here."""
    of = {node: number for number, group in enumerate(groups) for node in group}
    for a, b in world.network.lanes:
        if a in of and b in of and of[a] != of[b]:
            world.network.hole(a, b, ms)


def stonith(world: PoweredSimulation, node_id: str) -> Stonith:
    front = world.whole(node_id).front
    assert front is not None
    assert front.front_end is not None
    return front.front_end.stonith


def lead(world: PoweredSimulation, node_id: str) -> None:
    """Whoever leads hands over to this node."""
    leader = leader_of(world)
    if leader != node_id:
        engine = world.nodes[leader].engine
        engine.change_members(Token(world.workload, id(node_id)), MemberChange("transfer", node_id))  # type: ignore[arg-type]
        world.wake(leader)
    wait_for(world, lambda: leader_of(world) == node_id, 1_500, f"{node_id} does not lead")


def restart(world: PoweredSimulation, node_id: str) -> None:
    """Its process is killed and started again at once: it has met nobody."""
    world.end(node_id, 300)
    wait_for(world, lambda: world.nodes[node_id].up, 1_000, "it does not start")


def offs(world: PoweredSimulation) -> list[str]:
    return [switched.node for switched in world.switched if switched.action == "off"]


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


def test_a_cluster_that_starts_as_a_whole_fences_nobody(make: Make) -> None:
    """Power came back; one machine takes minutes, and goes up and down before it stays."""
    world = make()
    late = world.ids[0]
    for node in world.ids:
        world.end(node, 3_000 if node != late else 90_000, power=True)
    world.at(92_000, world.end, late, 10_000)
    leader_of_two_ms = 20_000
    wait(world, leader_of_two_ms)
    assert leader_of(world) != late
    wait(world, 100_000)
    assert world.asked == []
    assert world.committed_state().history == []
    leader_of(world)
    wait(world, 10_000)
    world.end(late, FOREVER_MS)
    wait_for(world, lambda: offs(world) == [late], 6_000, "a new failure counts")


@pytest.mark.parametrize(("size", "late"), [(3, 1), (5, 2)])
def test_a_cluster_that_starts_as_a_whole_has_no_witness(make: Make, size: int, late: int) -> None:
    """INV-9: all power was lost, and the last machines take 20 s. Whoever leads asks the others, the more as the leader
    is killed and started again: nobody has met those that are late, though the log knows them all."""
    world = make(size)
    late_ones = world.ids[:late]
    for node in world.ids:
        world.end(node, 20_000 if node in late_ones else 3_000, power=True)
    wait(world, 8_000)
    restart(world, leader_of(world))
    wait(world, 6_000)
    leader = leader_of(world)
    assert world.committed_state().history == []
    assert world.asked_voters, "vacuous: nobody was asked"
    assert {node: "none of" in reason for node, reason in stonith(world, leader).held.items()} == dict.fromkeys(
        late_ones, True
    )
    restart(world, leader)
    wait(world, 15_000)
    assert world.asked == []
    assert world.committed_state().history == []
    assert stonith(world, leader_of(world)).held == {}


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("whom", ["leader", "follower"])
def test_a_host_that_dies_while_its_successor_in_office_has_just_started_is_fenced(
    make: Make, whom: str, size: int
) -> None:
    """INV-9: two faults within seconds, as in the drill: a server is killed and starts again, then another one's host
    dies. The first leads, and has never met the dead one; the others have, and say so. Within 5 s, once."""
    world = make(size)
    leader = leader_of(world)
    other, fresh = [node for node in world.ids if node != leader][:2]
    lost = leader if whom == "leader" else other
    restart(world, fresh)
    wait(world, 900)
    began_ms = world.now_ms
    world.end(lost, FOREVER_MS, power=True)
    lead(world, fresh)
    wait_for(world, lambda: "fenced" in world.kinds(lost), 5_000, "it is not fenced")
    took_ms = world.now_ms - began_ms
    print(f"{size} nodes, {whom}: fenced after {took_ms:.0f} ms")
    assert took_ms < 5_000
    assert leader_of(world) == fresh, "vacuous: another one has decided"
    intent = next(event for event in world.committed_state().history if event.kind == "intent")
    assert intent.text.startswith(f"{fresh} (")
    assert "had met it, and misses it for" in intent.text
    wait(world, 12_000)
    assert offs(world) == [lost]
    assert world.committed_state().nodes[lost].armed, "it is back"


def test_a_server_that_comes_late_to_a_start_may_rely_on_those_that_were_there(make: Make) -> None:
    """INV-9: after a start of the whole cluster two have met for long; the third comes, and leads when one is lost."""
    world = make()
    witness, lost, late = world.ids
    for node in world.ids:
        world.end(node, 15_000 if node == late else 3_000, power=True)
    wait(world, 14_000)
    assert world.asked == []
    wait_for(world, lambda: world.nodes[late].up, 2_000, "it does not start")
    wait(world, 700)
    world.end(lost, FOREVER_MS, power=True)
    lead(world, late)
    wait_for(world, lambda: "fenced" in world.kinds(lost), 5_000, "it is not fenced")
    assert f"{late} (" in world.committed_state().history[0].text
    assert f"{witness} had met it" in world.committed_state().history[0].text
    wait(world, 12_000)
    assert offs(world) == [lost]


def test_one_that_the_leader_hears_is_not_fenced_whatever_others_miss(make: Make) -> None:
    """INV-9: the link between two others is broken; the leader was started a moment ago."""
    world = make()
    witness, lost, fresh = world.ids
    restart(world, fresh)
    wait(world, 300)
    lead(world, fresh)
    split(world, [witness], [lost], ms=15_000)
    wait(world, 10_000)
    assert lost in stonith(world, witness).statement().missed_ms, "vacuous: nobody would say anything"
    assert leader_of(world) == fresh
    wait(world, 10_000)
    assert world.asked_voters == []
    assert world.asked == []
    assert world.committed_state().history == []


@pytest.mark.parametrize("size", [3, 5])
def test_one_that_another_server_hears_is_not_fenced_for_a_leader_that_has_not_met_it(make: Make, size: int) -> None:
    """INV-9: it runs, and links are broken. Of five, two others have lost it as well, and one hears it. The operator is
    told."""
    world = make(size)
    fresh, lost, hearing, *missing = world.ids
    restart(world, fresh)
    wait(world, 300)
    lead(world, fresh)
    split(world, [fresh, *missing], [lost], ms=15_000)
    wait(world, 10_000)
    assert leader_of(world) == fresh, "vacuous: another one has decided"
    assert all(lost in stonith(world, node).statement().missed_ms for node in missing)
    assert (
        stonith(world, fresh).held[lost]
        == f"{fresh} has not met it since it was started itself, and {hearing} can hear it"
    )
    wait(world, 15_000)
    assert world.asked == []
    assert world.committed_state().history == []
    assert stonith(world, leader_of(world)).held == {}


def test_a_witness_that_stands_still_says_nothing_until_it_has_watched_again(make: Make) -> None:
    """INV-9: its front end stops for 6 s, with the question unanswered; what it says then is of afterwards."""
    world = make()
    witness, lost, fresh = world.ids
    restart(world, fresh)
    wait(world, 900)
    world.end(lost, FOREVER_MS, power=True)
    lead(world, fresh)
    front = world.whole(witness).front
    assert front is not None
    front.process.pause()
    wait(world, 6_000)
    assert world.asked_voters, "vacuous: nobody was asked"
    assert stonith(world, fresh).held[lost].endswith("nobody else answers who might have")
    front.process.resume()
    wait(world, world.fencing.suspect_ms - 500)
    assert world.committed_state().history == [], "it knows nothing of while it stood still"
    wait_for(world, lambda: offs(world) == [lost], 5_000, "it is not fenced")
    asked = len(world.asked_voters)
    wait(world, 12_000)
    assert len(world.asked_voters) == asked, "nobody is asked without need"


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
