"""Builds what a scenario needs, runs it, takes everything down again, and hands over the evidence."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mdscluster.config import NodeConfig
from tests.chaos.chaos import Chaos, ChaosError
from tests.chaos.drill import WRONG_SIDE, Drill
from tests.chaos.evidence import Check, Evidence
from tests.chaos.hosts import Hosts
from tests.chaos.linux import LinuxClients, Served
from tests.chaos.load import Orders
from tests.chaos.loads import Load, LoadError, await_ready
from tests.chaos.monitor import Monitor
from tests.chaos.scenarios import Scenario
from tests.chaos.shim import Shim
from tests.chaos.site import Loopback, Namespaces, Site, said, tracebacks
from tests.chaos.witness import Witness
from tests.kernel.rig.vm import GuestError
from tests.support.cluster import NFS_PORT, OPERATOR, Cluster, ClusterError
from tests.support.debian import is_root
from tests.support.deployed import Deployed, machine_names
from tests.support.embedded import Embedded
from tests.support.hanet import Hanet
from tests.support.linearizability.checker import Report, check
from tests.support.linearizability.history import History, merged
from tests.support.power import Disk, shared_mounts

ON_QUORUM_LOSS: Final = "refuse"
"""Strict linearizability is promised by nodes that serve nothing without a quorum. The one place that says so."""
READ_ONLY: Final = "read-only"
"""What inventories render. Strict, too, for whoever uses the service address: nobody without a quorum has it."""
CLIENTS = 3
WITNESS = "witness"
"""The host that watches the service address."""
PACE_S = 0.06
CALM_S = 2.0
"""Undisturbed work before the first fault: what stalls are compared with."""
BETWEEN_S = 1.0
"""Undisturbed work after each fault."""
LINUX_DATA_SERVERS = 2
MACHINE_DISK_MIB = 2048
CHECK_LIMIT_S = 120.0
DIGESTS_MAX = 3
"""A node that is late once, on a busy machine, may answer yet."""
LOCK_CALLS = ("lock", "testlock", "unlock")
BROKEN = (ChaosError, LoadError, ClusterError, GuestError)
"""What a run ends with when something that should have followed did not."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """One run to be made."""

    scenario: Scenario
    nodes: int
    rounds: int
    seed: int
    linux: bool
    """Real Linux clients take part (where the scenario has them at all)."""
    on_quorum_loss: str = ON_QUORUM_LOSS
    """``READ_ONLY`` in a drill only; no client reads by a node's own address then."""

    @property
    def command(self) -> str:
        """What repeats it."""
        linux = "" if self.linux or not self.scenario.linux else " --no-linux"
        setting = "" if self.on_quorum_loss == ON_QUORUM_LOSS else f" --on-quorum-loss {self.on_quorum_loss}"
        return (
            f"./run chaos --scenario {self.scenario.name} --nodes {self.nodes} --rounds {self.rounds} "
            f"--seed {self.seed}{linux}{setting}"
        )


def perform(plan: Plan, folder: Path, tell: Tell = lambda _: None) -> Evidence:
    """Run it in ``folder`` (which must be empty). Unavailable where this machine does not allow it."""
    evidence = Evidence(time.monotonic())
    stage = _deployed if plan.scenario.deployed else _privileged if is_root() else _loopback
    try:
        with stage(plan, folder) as (chaos, linux):
            try:
                _play(plan, chaos, linux, evidence, tell)
            except BROKEN as problem:
                evidence.broken = str(problem)
            _collect(chaos, linux, evidence)
    except ClusterError as problem:  # it did not even come up
        evidence.broken = evidence.broken or str(problem)
        evidence.ended_s = time.monotonic()
    return evidence


def _play(plan: Plan, chaos: Chaos, linux: LinuxClients, evidence: Evidence, tell: Tell) -> None:
    await_ready(chaos.loads)
    chaos.settle()
    linux.begin()
    evidence.calm_from_s = time.monotonic()
    chaos.rest(CALM_S)
    for number in range(plan.rounds):
        chaos.round = number
        evidence.load_averages.append(os.getloadavg()[0])
        linux.begin_round(number)
        tell(f"round {number + 1} of {plan.rounds}")
        plan.scenario.script(chaos)
        linux.end_round(number)
        chaos.rest(BETWEEN_S)
    evidence.load_averages.append(os.getloadavg()[0])


def _collect(chaos: Chaos, linux: LinuxClients, evidence: Evidence) -> None:
    """Everything seen, also of a run that broke."""
    evidence.ended_s = time.monotonic()
    evidence.faults = chaos.faults
    if isinstance(chaos, Drill):
        evidence.power = chaos.power()
    for load in chaos.loads:
        load.ask_to_stop()
    for load in chaos.loads:
        try:
            evidence.clients.append(load.finish())
        except LoadError as problem:
            evidence.broken = evidence.broken or str(problem)
        evidence.calls += load.calls()
        evidence.holds += load.holds()
    evidence.linux = linux.finish()
    if len(evidence.clients) == len(chaos.loads):
        evidence.linearizable = linearizable([load.history() for load in chaos.loads])
    if not evidence.broken:
        evidence.digest = digest(chaos.site)
    chaos.monitor.stop()
    evidence.samples = sorted([*chaos.monitor.samples, *chaos.ends], key=lambda sample: sample.at_s)
    evidence.tracebacks = tracebacks(chaos.site)
    evidence.said = said(chaos.site)


def digest(site: Site) -> Check:
    """``mdsctl digest``: every node's whole replicated state. It asks again while somebody did not answer."""
    for _ in range(DIGESTS_MAX):
        try:
            status, text = site.digest()
        except ClusterError as problem:
            return Check(False, str(problem))
        found = compared(status, text, site.mds_ids)
        if not found.missing:
            break
    return found


def compared(status: int, text: str, nodes: Sequence[str]) -> Check:
    """What ``mdsctl digest --json`` has told, behind which there may be other words, of just these nodes."""
    try:
        digests = json.JSONDecoder().raw_decode(text.lstrip())[0]["digests"]
        missing = [name for name in nodes if not digests.get(name)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return Check(False, text.strip())
    told = [digests[name] for name in nodes if name not in missing]
    equal = len(set(told)) == 1
    return Check(status == 0 and equal and not missing, "equal" if equal else "DIFFERENT", len(told), missing=missing)


def linearizable(histories: Sequence[History]) -> Check:
    """The checker's verdict on what all hosts did to what they share."""
    report = check(merged(histories), limit_s=CHECK_LIMIT_S)
    met = contention(report)
    if report.ok:
        text = f"{report.operations} operations, {report.unknown} without an answer; "
        text += ", ".join(f"{count} {what}" for what, count in met.items())
    else:
        text = str(report)
    return Check(report.ok, text, report.operations, met)


def contention(report: Report) -> dict[str, int]:
    """How often clients got in each other's way, as their answers tell."""
    def refused(status: str, *calls: str) -> int:
        return sum(report.count(call, status) for call in calls)

    return {
        "lock operations": sum(
            n for (call, how), n in report.outcomes.items() if call in LOCK_CALLS and how != "unknown"
        ),
        "locks refused": refused("NFS4ERR_DENIED", *LOCK_CALLS),
        "opens refused": refused("NFS4ERR_SHARE_DENIED", "open"),
        "names refused": refused("NFS4ERR_EXIST", "create", "mkdir", "link")
        + refused("NFS4ERR_NOENT", "rename", "remove"),
    }


# ---------------------------------------------------------------------- building
def _tune(config: NodeConfig) -> NodeConfig:
    return replace(config, on_quorum_loss=ON_QUORUM_LOSS)


@contextlib.contextmanager
def _privileged(plan: Plan, folder: Path) -> Iterator[tuple[Chaos, LinuxClients]]:
    """Network namespaces, and what else the scenario needs."""
    scenario = plan.scenario
    servers = LINUX_DATA_SERVERS if plan.linux else 1
    shim = None
    if scenario.shim:
        shim = Shim(folder / "shim")
        shim.build()
    names = [f"mds{i + 1}" for i in range(plan.nodes)] + [f"ds{i + 1}" for i in range(servers)]
    clients = [f"client{i + 1}" for i in range(CLIENTS)]
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(Hanet("mdc"))
        disks = stack.enter_context(_disks(folder / "disks", names, scenario.disk_mib)) if scenario.disk_mib else {}
        cluster = Cluster(
            folder / "cluster", net, mds=plan.nodes, ds=servers, tune=_tune,
            data_dir=(lambda name: disks[name].folder / "data") if disks else None,
            environment=shim.environment if shim is not None else lambda _: {},
        )  # fmt: skip
        stack.enter_context(cluster)
        for number, client in enumerate(clients):
            net.add_host(client, 31 + number)
        linux = stack.enter_context(_linux(plan, net, cluster.service_address, folder))
        site = Namespaces(cluster)
        monitor, loads = _observers(plan, site, folder, stack)
        chaos = Chaos(site, monitor, loads, plan.seed, net=net, shim=shim, disks=disks, clients=clients)
        chaos.linux_ports = linux.ports
        yield chaos, linux


def _linux(plan: Plan, net: Hanet, service_address: str, folder: Path) -> LinuxClients:
    return LinuxClients(Served(net, service_address, folder / "linux") if plan.linux else None)


@contextlib.contextmanager
def _deployed(plan: Plan, folder: Path) -> Iterator[tuple[Chaos, LinuxClients]]:
    """Machines installed from an inventory."""
    servers = LINUX_DATA_SERVERS if plan.linux else 1
    clients = [f"client{i + 1}" for i in range(CLIENTS)]
    with contextlib.ExitStack() as stack:
        disks = stack.enter_context(_disks(folder / "disks", machine_names(plan.nodes, servers), MACHINE_DISK_MIB))
        net = stack.enter_context(Hanet("mdv"))
        cluster = stack.enter_context(Deployed(
            folder / "cluster", net, disks, plan.nodes, servers, on_quorum_loss=plan.on_quorum_loss,
        ))  # fmt: skip
        for number, client in enumerate([*clients, WRONG_SIDE, WITNESS]):
            net.add_host(client, 31 + number)
        linux = stack.enter_context(_linux(plan, net, cluster.service_address, folder))
        site = Hosts(cluster, by_own_address=plan.on_quorum_loss != READ_ONLY)
        witness = Witness(
            cluster.service_address, NFS_PORT, folder / "witness",
            {net.hardware_address(name): name for name in cluster.mds_ids}, lambda command: net.wrap(WITNESS, command),
        )  # fmt: skip
        stack.callback(witness.stop)
        monitor, loads = _observers(plan, site, folder, stack)
        drill = Drill(cluster, site, monitor, loads, plan.seed, witness, folder, clients)
        stack.callback(drill.close)
        drill.linux_ports = linux.ports
        yield drill, linux


@contextlib.contextmanager
def _loopback(plan: Plan, folder: Path) -> Iterator[tuple[Chaos, LinuxClients]]:
    """Processes on loopback, for those who are not root."""
    with contextlib.ExitStack() as stack:
        site = Loopback(stack.enter_context(Embedded(folder / "cluster", mds=plan.nodes)))
        monitor, loads = _observers(plan, site, folder, stack)
        yield Chaos(site, monitor, loads, plan.seed), stack.enter_context(LinuxClients(None))


def _observers(plan: Plan, site: Site, folder: Path, stack: contextlib.ExitStack) -> tuple[Monitor, list[Load]]:
    monitor = Monitor(
        site.cluster_file, folder / "monitor", lambda command: site.wrap(OPERATOR, command),
        fencing=plan.scenario.deployed,
    )  # fmt: skip
    stack.callback(monitor.stop)
    loads = []
    looked_at = list(zip(site.mds_ids, site.servers(), strict=True)) if plan.on_quorum_loss != READ_ONLY else []
    for number in range(CLIENTS):
        name = f"client{number + 1}"
        orders = Orders(
            name, str(folder / "clients" / name), site.known_to(number), plan.seed, PACE_S, number == 0,
            dict(looked_at[number::CLIENTS]),
        )  # fmt: skip
        loads.append(Load(orders, lambda command, host=name: site.wrap(host, command)))  # type: ignore[misc]
        stack.callback(loads[-1].kill)
    return monitor, loads


@contextlib.contextmanager
def _disks(folder: Path, names: list[str], size_mib: int) -> Iterator[dict[str, Disk]]:
    """A disk for every server."""
    with shared_mounts(folder):
        disks = {name: Disk(folder / f"{name}.img", folder / name, size_mib) for name in names}
        try:
            for disk in disks.values():
                disk.create()
            yield disks
        finally:
            for disk in disks.values():
                disk.remove()
