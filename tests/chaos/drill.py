"""``Drill``: what a drill's script may do to whole machines, and how it waits for what should follow by itself.

Nobody helps: systemd starts what ended, keepalived moves the service address, the cluster has a lost machine's power
cut and restored by its BMC, and the machine boots and rejoins. A drill only breaks things, waits, and looks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.chaos.chaos import Chaos, ChaosError
from tests.chaos.evidence import Fault, Power, Switching
from tests.chaos.hosts import Hosts
from tests.chaos.loads import Load
from tests.chaos.monitor import Monitor, returns
from tests.chaos.tempter import Temptation, Tempter
from tests.chaos.witness import Witness, served_by
from tests.support.cluster import NFS_PORT, OPERATOR
from tests.support.deployed import BMC_HOST, Deployed
from tests.support.lifeline import alive

WRONG_SIDE = "tempter"
"""The client host that is cut off together with a node."""
ENDS_WITHIN_S = 2.0
MOVES_WITHIN_S, FENCED_WITHIN_S, BACK_WITHIN_S = 15.0, 30.0, 60.0
"""After that a drill gives up. What is promised is judged (drill_judge)."""


class Drill(Chaos):
    """One installed cluster under test."""

    def __init__(
        self, cluster: Deployed, site: Hosts, monitor: Monitor, loads: Sequence[Load], seed: int, witness: Witness,
        folder: Path, clients: Sequence[str],
    ) -> None:  # fmt: skip
        super().__init__(site, monitor, loads, seed, net=cluster.net, clients=clients)
        self.cluster, self.witness = cluster, witness
        self.temptations: list[Temptation] = []
        self._folder = folder
        self._tempter: Tempter | None = None
        self._temptation: Temptation

    def power(self) -> Power:
        """What only a drill has seen."""
        switch = self.cluster.switch
        switched = [Switching(at_s, *what) for at_s, what in zip(switch.at_s, switch.log, strict=False)]
        self.monitor.latest()
        answers: dict[str, list[float]] = {}
        for sample in self.monitor.samples:
            if sample.role:
                answers.setdefault(sample.node, []).append(sample.at_s)
        back = returns(self.monitor.samples)
        return Power(self.witness.knocks(), self.monitor.events, switched, self.temptations, answers, back)

    # ---- who is who

    def holder(self, *, leads: bool) -> str:
        """The host that has the service address; ``leads``: leadership is moved there first, by the operator's tool."""
        self._until(lambda: bool(self._one_holder()), BACK_WITHIN_S, lambda: self._address())
        holder = self._one_holder()
        if leads and self.leader() != holder:
            status, said = self.cluster.mdsctl("leader", "transfer", holder)
            if status:
                raise ChaosError(f"mdsctl leader transfer {holder}: {said.strip()}")
            self._until(lambda: self.leader() == holder, MOVES_WITHIN_S, f"{holder} does not lead")
        return holder

    def companion(self, name: str) -> str:
        """Another node, by seed."""
        return self.random.choice([node for node in self.nodes if node != name])

    def _one_holder(self) -> str:
        """Who alone has the address and answers there; empty: nobody does, or several have it."""
        holders, answers = self.cluster.holders(), self.witness.now()
        return answers if holders == [answers] else ""

    def _address(self) -> str:
        return f"{self.cluster.holders()} have the service address, and {self.witness.now() or 'nobody'} answers there"

    # ---- faults

    @contextlib.contextmanager
    def strike(self, what: str, nodes: Iterable[str], *, fences: Iterable[str] = ()) -> Iterator[Fault]:
        """As ``fault``; ``fences``: whom the cluster must fence for it. Another leader if one of them led."""
        nodes = tuple(nodes)
        with self.fault(what, nodes, new_leader=self.leader() in nodes) as fault:
            fault.fences = tuple(fences)
            yield fault

    def kill_server(self, name: str) -> None:
        """``kill -9`` of the metadata server; its unit starts it again at once."""
        pid = self.site.pid(name)
        self.site.kill(name)
        self.prove(f"the metadata server of {name} is gone", not alive(pid))

    def kill_keepalived(self, name: str) -> None:
        """``kill -9`` of all of keepalived; its unit takes the address off and starts it again."""
        machine = self.cluster.machines[name]
        pids = [machine.host_pid(int(pid)) for pid in machine.run("pidof keepalived").stdout.split()]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        end_s = time.monotonic() + ENDS_WITHIN_S
        while any(map(alive, pids)) and time.monotonic() < end_s:  # until its systemd has seen it
            time.sleep(0.005)
        self.prove(f"keepalived on {name} is gone", bool(pids) and not any(map(alive, pids)))

    def crash(self, *names: str) -> None:
        """Every process of the host ends at once, keepalived's too; its kernel keeps its addresses."""
        held = [name for name in names if name in self.cluster.holders()]
        ends = [threading.Thread(target=self.cluster.outlets.crash, args=(name,)) for name in names]
        for end in ends:
            end.start()
        for end, name in zip(ends, names, strict=True):
            end.join()
            self.prove(f"nothing runs on {name} any more", not self.cluster.machines[name].running)
        for name in held:
            kept = self.cluster.service_address in self.net.addresses(name)
            self.prove(f"{name} still has the service address", kept)

    def unplug(self, name: str) -> None:
        """Link down, which the host sees."""
        self.net.unplug(name)
        carrier = self.cluster.machines[name].run("cat /sys/class/net/eth0/operstate", check=False).stdout.strip()
        self.prove(f"the link of {name} is down", carrier not in ("", "up"))

    def plug(self, name: str) -> None:
        """The cable is back."""
        self.net.plug(name)

    def isolate(self, *names: str, keep: Iterable[str] = ()) -> None:
        """Silently: links stay up, packets vanish. The network of the BMCs is another one, and goes on."""
        super().isolate(*names, keep=[BMC_HOST, *keep])

    def tempt(self, name: str) -> None:
        """From now on a host asks for changes at the service address and at the node's own: the one that
        ``isolate_with_tempter`` takes to the node's side of the cut."""
        self._temptation = Temptation(name)
        self._tempter = Tempter(
            self.cluster.service_address, self.cluster.address(name), NFS_PORT,
            self._folder / f"tempter{len(self.temptations) + 1}", lambda command: self.site.wrap(WRONG_SIDE, command),
        )  # fmt: skip
        self._tempter.await_work()

    def isolate_with_tempter(self, name: str) -> None:
        """The node and one client reach each other, and nobody else."""
        assert self._tempter is not None, "tempt(name) comes first"
        self.isolate(name, keep=[WRONG_SIDE])
        self.net.isolate(WRONG_SIDE, keep=[name, OPERATOR])
        self._temptation.from_s = time.monotonic()

    def heal(self) -> None:
        if self._tempter is not None:
            self._temptation.until_s = time.monotonic()
        super().heal()

    def end_temptation(self) -> None:
        """When its node answers again: what the client on the wrong side was told, and what is there of it."""
        assert self._tempter is not None, "nobody was tempted"
        words = self._tempter.finish()
        self._temptation.attempts, self._temptation.missing = words.attempts, words.missing
        self.temptations.append(self._temptation)
        self._tempter = None

    # ---- waiting for what follows

    def await_moved(self, *lost: str) -> None:
        """Until another host than the lost ones serves by the address, and every client has been answered there."""
        assert self._fault is not None
        begun_s = self._fault.begun_s

        def moved() -> bool:
            turns = served_by(self.witness.knocks(), begun_s, float("inf"))
            return bool(turns) and turns[-1][0] not in lost

        self._until(moved, MOVES_WITHIN_S, lambda: f"the service address does not move: {self._address()}")
        if self._fault.wants_new_leader:
            self.await_new_leader(*lost)
        self.await_progress()

    def await_fenced(self, *names: str) -> None:
        """Until the cluster has committed that they are fenced, and their power was restored."""
        for kind in ("fenced", "powered on"):
            self._until(
                lambda kind=kind: set(names) <= self._told(kind),  # type: ignore[misc]
                FENCED_WITHIN_S, lambda kind=kind: f"not {kind}: {set(names) - self._told(kind)}",  # type: ignore[misc]
            )  # fmt: skip

    def _told(self, kind: str) -> set[str]:
        assert self._fault is not None
        self.monitor.latest()
        begun_s = self._fault.begun_s
        return {event.node for event in self.monitor.events if event.kind == kind and event.at_s > begun_s}

    def not_fenced(self, name: str) -> None:
        """A proof that nobody cut this node's power."""
        self.prove(f"{name} was not fenced", name not in self._told("fenced"))

    def rejoin(self) -> None:
        """Until every node follows again, and exactly one host has the service address and serves by it."""
        try:
            self.settle(timeout_s=BACK_WITHIN_S)
        except ChaosError as problem:
            raise ChaosError("; ".join([str(problem), *self.cluster.outlets.problems])) from problem
        self._paused.clear()  # whoever was frozen has been switched off since
        self._until(lambda: bool(self._one_holder()), MOVES_WITHIN_S, self._address)
        self.prove("one host has the service address, and serves by it", bool(self._one_holder()))

    def close(self) -> None:
        """End what is still running of it."""
        if self._tempter is not None:
            self._tempter.kill()
