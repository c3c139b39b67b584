"""Real nodes with their guards, and what keepalived is told while they are stopped, killed, cut off and worked on.

No keepalived here (tests/chaos/installed/ has it): each guard's file is what is looked at. Times are printed.
"""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mdscluster.config import NodeConfig
from mdscluster.guardconfig import Guard
from tests.chaos.conftest import unavailable
from tests.support.cluster import Cluster
from tests.support.debian import Unavailable
from tests.support.guards import FIT, UNFIT, GuardProcess
from tests.support.hanet import Hanet

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.usefixtures("root")]

DEMOTED_S = 0.2
"""From the cause to the file, where the node itself is the cause: the promise, which the median of several keeps."""
BUSY_S = 0.15
"""What a machine that runs three nodes and their tests may add once."""
ROUNDS = 5
STALL_MS = 3_000


class Rig:
    """A cluster of three, each with its guard."""

    def __init__(self, cluster: Cluster, guards: dict[str, GuardProcess]) -> None:
        self.cluster, self.guards = cluster, guards

    def await_all_fit(self) -> None:
        self.cluster.wait_healthy()
        for guard in self.guards.values():
            guard.await_health(FIT, 20.0)

    def pids(self, name: str) -> list[int]:
        """The node's process and its front end."""
        process = self.cluster.nodes[name].process
        assert process is not None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [process.pid, *map(int, children)]

    def timed(self, name: str, pids: list[int], number: signal.Signals) -> float:
        """Seconds from just before the signal until keepalived reads that the node is not fit."""
        began = time.monotonic()
        self.signal(pids, number)
        self.guards[name].await_demotion()
        return time.monotonic() - began

    def signal(self, pids: list[int], number: signal.Signals) -> None:
        for pid in pids:
            os.kill(pid, number)

    def demoted(self, name: str, what: str, within_s: float = DEMOTED_S) -> None:
        """Its file says that it is not fit: unfit, or weak where it was that within the last minute."""
        taken_s = self.guards[name].await_demotion()
        time.sleep(0.05)  # the log comes second
        print(f"{what}: unfit after {taken_s * 1000:.0f} ms ({self.guards[name].reasons()[-1]})")
        assert taken_s < within_s + BUSY_S, what

    def demotions(self) -> dict[str, int]:
        """How often each node was found unfit."""
        return {name: len(guard.reasons()) for name, guard in self.guards.items()}

    def follower(self) -> str:
        leader = self.cluster.wait_leader()
        return next(name for name in self.cluster.mds_ids if name != leader)


def told(what: str, taken_s: list[float]) -> None:
    """Printed, shortest first."""
    print(f"{what}: unfit after {', '.join(f'{each * 1000:.0f}' for each in sorted(taken_s))} ms")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    base = tmp_path_factory.mktemp("guard")

    def with_guard(config: NodeConfig) -> NodeConfig:
        (base / "g" / config.node_id / "run").mkdir(parents=True)
        guard = Guard(run_dir=str(base / "g" / config.node_id / "run"), stall_ms=STALL_MS)
        return dataclasses.replace(config, guard=guard)

    with ExitStack() as stack:
        try:
            net = stack.enter_context(Hanet("mdg"))
            cluster = stack.enter_context(Cluster(base / "c", net, mds=3, ds=1, tune=with_guard))
        except Unavailable as reason:
            unavailable(reason)
        guards = {}
        for name in cluster.mds_ids:
            command = [sys.executable, "-m", "mdscluster", "guard", "--config", str(cluster.nodes[name].config)]
            guards[name] = stack.enter_context(GuardProcess(base / "g" / name, command))
        made = Rig(cluster, guards)
        made.await_all_fit()
        yield made


def test_nobody_loses_an_address_for_nothing(rig: Rig) -> None:
    """Ten seconds of an idle cluster. What a busy machine does to it is told: one step back for a node at most."""
    before = rig.demotions()
    fallen = {name: guard.falls() for name, guard in rig.guards.items()}
    time.sleep(10.0)
    for name, guard in rig.guards.items():
        print(name, guard.reasons()[before[name] :])
        assert guard.falls() - fallen[name] <= 1, guard.reasons()


@pytest.mark.parametrize("which", ["both", "consensus", "front end"])
def test_a_stopped_node_is_unfit_and_fit_again_when_it_goes_on(rig: Rig, which: str) -> None:
    """SIGSTOP of either process, or of both: ``systemctl kill --signal=STOP``. Its last word is up to 50 ms old, and
    200 ms after that (``silence_ms``), or 150 ms after consensus owes an answer (``status_ms``), it is weak."""
    rig.await_all_fit()
    name = rig.follower()
    pids = {"both": rig.pids(name), "consensus": rig.pids(name)[:1], "front end": rig.pids(name)[1:]}[which]
    taken = []
    for _ in range(ROUNDS):
        try:
            taken.append(rig.timed(name, pids, signal.SIGSTOP))
        finally:
            rig.signal(pids[::-1], signal.SIGCONT)
        assert rig.guards[name].await_health(FIT) > 0.9
        time.sleep(random.uniform(0.0, 0.05))  # its words come every 50 ms, and those of who looks had better not
    told(f"SIGSTOP of {which}", taken)
    assert statistics.median(taken) < DEMOTED_S
    assert max(taken) < DEMOTED_S + BUSY_S
    assert rig.cluster.nodes[name].alive


@pytest.mark.parametrize(
    "which",
    ["both", pytest.param("consensus", marks=pytest.mark.long), pytest.param("front end", marks=pytest.mark.long)],
)
def test_a_node_that_stays_stopped_is_ended_and_comes_back(rig: Rig, which: str) -> None:
    """INV-2: SIGKILL loses nothing; whoever keeps it running starts it anew."""
    rig.await_all_fit()
    name = rig.follower()
    pids = {"both": rig.pids(name), "consensus": rig.pids(name)[:1], "front end": rig.pids(name)[1:]}[which]
    process = rig.cluster.nodes[name].process
    assert process is not None
    rig.signal(pids, signal.SIGSTOP)
    began = time.monotonic()
    process.wait(STALL_MS / 1000 + 3)
    taken_s = time.monotonic() - began
    print(f"{which} stopped: ended after {taken_s:.2f} s")
    assert taken_s > STALL_MS / 1000 - 0.2
    rig.cluster.start(name)
    rig.await_all_fit()


@pytest.mark.parametrize("first", ["guard", pytest.param("node", marks=pytest.mark.long)])
def test_a_paused_machine_ends_nobody(rig: Rig, first: str) -> None:
    """All three processes stand still for 6 s, twice ``stall_ms``, as a virtual machine does: nobody has hung."""
    rig.await_all_fit()
    name = rig.follower()
    guard = rig.guards[name].process
    assert guard is not None
    pids = [guard.pid, *rig.pids(name)]
    rig.signal(pids, signal.SIGSTOP)
    time.sleep(2 * STALL_MS / 1000)
    rig.signal(pids if first == "guard" else pids[::-1], signal.SIGCONT)
    time.sleep(1.0)
    assert rig.pids(name) == pids[1:]
    ended = [event for event in rig.guards[name].events() if "ended" in event["event"]]
    assert pids[1] not in [event.get("pid") for event in ended]
    rig.await_all_fit()


def test_a_killed_node_is_unfit_at_once(rig: Rig) -> None:
    """INV-7: kill -9 of its process, from just before the signal; the leader's among them, as it comes."""
    taken = []
    for number in range(ROUNDS):
        rig.await_all_fit()
        name = rig.cluster.wait_leader() if number % 2 else rig.follower()
        taken.append(rig.timed(name, rig.pids(name)[:1], signal.SIGKILL))
        rig.guards[name].await_health(UNFIT, 0.5)
        rig.cluster.kill(name)  # it is dead: collected
        rig.cluster.start(name)
    told("SIGKILL", taken)
    assert statistics.median(taken) < DEMOTED_S
    assert max(taken) < DEMOTED_S + BUSY_S
    rig.await_all_fit()


def test_a_lost_leader_costs_nobody_else_an_address(rig: Rig) -> None:
    """INV-7: while the others elect a new one, all of them are without a leader, and keep what they have."""
    rig.await_all_fit()
    leader = rig.cluster.wait_leader()
    before = rig.demotions()
    rig.cluster.kill(leader)
    time.sleep(2.0)
    for name, guard in rig.guards.items():
        if name != leader:
            told = guard.reasons()[before[name] :]
            assert not {"it knows no leader", "it has no quorum"} & {*told}, told
            guard.await_health(FIT, 0.0 if not told else 2.0)
    rig.cluster.start(leader)
    rig.await_all_fit()


def test_an_isolated_node_is_unfit_as_soon_as_it_knows_and_is_not_ended(rig: Rig) -> None:
    """INV-6: it acknowledges nothing meanwhile. quorum_ms is 0: it waits for the network."""
    rig.await_all_fit()
    name = rig.follower()
    rig.cluster.net.isolate(name)
    try:
        rig.demoted(name, "isolation", within_s=0.45 + DEMOTED_S)  # half an election: what takes consensus to know
        rig.guards[name].await_health(UNFIT, 1.0)
        time.sleep(STALL_MS / 1000 + 1)
        assert rig.cluster.nodes[name].alive
    finally:
        rig.cluster.net.heal()
    assert rig.guards[name].await_health(FIT, 15.0) > 0.9


def test_a_node_that_is_asked_to_stop_is_unfit_first(rig: Rig) -> None:
    rig.await_all_fit()
    name = rig.follower()
    process = rig.cluster.nodes[name].process
    assert process is not None
    process.terminate()
    rig.demoted(name, "SIGTERM", within_s=0.05)
    assert "it stops" in rig.guards[name].reasons()[-3:]
    assert process.wait(10) == 0
    rig.cluster.start(name)
    rig.await_all_fit()


def test_maintenance_takes_the_address_and_spares_the_node(rig: Rig) -> None:
    """Whatever is done to it then is nobody's failure."""
    rig.await_all_fit()
    name = rig.follower()
    assert rig.cluster.mdsctl("node", "maintenance", name, "on")[0] == 0
    rig.guards[name].await_health(UNFIT, 1.0)
    assert rig.guards[name].reasons()[-1] == "it is in maintenance"
    pids = rig.pids(name)
    rig.signal(pids, signal.SIGSTOP)
    time.sleep(STALL_MS / 1000 + 1)
    rig.signal(pids[::-1], signal.SIGCONT)
    assert rig.cluster.nodes[name].alive
    assert rig.cluster.mdsctl("node", "maintenance", name, "off")[0] == 0
    rig.await_all_fit()


def _told_of(rig: Rig, name: str) -> str:
    code, said = rig.cluster.mdsctl("vip")
    assert code in (0, 1)
    return next(line for line in said.splitlines() if line.startswith(f"{name} "))


def test_the_operator_is_told(rig: Rig) -> None:
    """By ``mdsctl vip`` and ``mdsctl status``, from each node's own mouth."""
    rig.await_all_fit()
    name = rig.follower()
    assert _told_of(rig, name).split() == [name, "yes"]
    rig.cluster.mdsctl("node", "maintenance", name, "on")
    assert _told_of(rig, name).endswith("no: it is in maintenance")
    assert f"{name} may not have service addresses: it is in maintenance" in rig.cluster.mdsctl("status")[1]
    rig.cluster.mdsctl("node", "maintenance", name, "off")
    rig.await_all_fit()
