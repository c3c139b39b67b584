"""The whole cluster, its clients and its faults: ``Simulation``'s course, with everything around consensus."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from fencing.agents import Answer
from fencing.device import Device
from mdscluster.config import ClusterConfig, NodeConfig
from mdscluster.control.service import ControlService
from mdscluster.fsm import data_servers, digest
from mdscluster.fsm.commands import RenewLeases, pack_internal
from mdscluster.raft.local import Token
from mdsproto.keyfile import read_cluster_key
from nfsclient.errors import status_name
from nfsclient.runtime import Address
from tests.simulation.consensus.faults import Nemesis
from tests.simulation.consensus.node import SimNode
from tests.simulation.consensus.simulation import DISK_MS, Life, Simulation
from tests.simulation.result import Trace
from tests.simulation.whole.clients import Generation, SimClient
from tests.simulation.whole.data_server import SimDataServer
from tests.simulation.whole.faults import CLIENT_FAULT_MS, CLIENT_FAULTS, CLOCK_RATES, NODE_FAULT_MS, NODE_FAULTS
from tests.simulation.whole.front_end import WholeNode, node_config
from tests.simulation.whole.network import Network
from tests.simulation.whole.oracle import ObservedMachine, Oracle
from tests.simulation.whole.workload import WORKERS, Looker, prepare
from tests.support.linearizability import History, Operation, Recorder, SharedNames, check
from tests.support.timeline import Process

T = TypeVar("T")
DATA_SERVERS: Final = 2
NFS_PORT: Final = 2049


class WorldTimeline:
    """The simulation's own events, for processes."""

    def __init__(self, world: Simulation) -> None:
        self._world = world

    @property
    def now_ms(self) -> float:
        return self._world.now_ms

    def at(self, when_ms: float, action: Callable[[], None]) -> None:
        self._world.at(max(0.0, when_ms - self._world.now_ms), action)


class Burst:
    """Changes without a client, where a fault wants many."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._number = 0
        self.results: list[object] = []
        self.out: list[bytes] = []

    def propose_at(self, node_id: str, count: int = 1) -> None:
        """As a front end would that reports no leases."""
        world = self._world
        if world.listens(node_id):
            self._number += 1
            node = world.nodes[node_id]
            node.engine.propose(Token(self, self._number), pack_internal(RenewLeases([])), node.now_ms)  # type: ignore[arg-type]
            world.wake(node_id)

    def flush(self) -> None:
        """Nobody waits for the outcome."""
        self.results.clear()


class WholeSimulation(Simulation):
    """Nodes with front ends, data servers and clients. One seed decides everything."""

    node_class = WholeNode

    def __init__(
        self, directory: Path, seed: int, size: int = 3, *, clients: int | None = None, trace: Trace | None = None,
        exclusive_writers: bool = False, lease_ms: int = 5_000, on_quorum_loss: str = "refuse", **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(directory, seed, size, trace=trace, **options)
        self.timeline = WorldTimeline(self)
        self.seed = seed
        self.names: SharedNames = None  # type: ignore[assignment]  # until the tree is made
        self.client_rng = random.Random(f"clients {seed}")
        self.data_rng = random.Random(f"data {seed}")
        self.net = Network(self.timeline, random.Random(f"network {seed}"))
        self.exclusive_writers = exclusive_writers
        self.on_quorum_loss = on_quorum_loss
        self.lease_ms = lease_ms
        self.lease_promise_ms = lease_ms / CLOCK_RATES[-1] - 1
        """A client is not dropped sooner than this after a request that was answered; by the fastest leader's clock."""
        self.ds_lease_ms = 1_000
        self.stripe_unit_bytes = 1 << 16
        self.cluster_config = ClusterConfig(
            name="sim", lease_ms=lease_ms, ds_lease_ms=self.ds_lease_ms, recall_timeout_ms=1_500,
            stripe_unit_bytes=self.stripe_unit_bytes, max_slots=16, max_io_bytes=1 << 16,
            max_request_bytes=1 << 17, max_response_bytes=1 << 17,
        )  # fmt: skip
        self.key_file = directory / "cluster.key"
        directory.mkdir(parents=True, exist_ok=True)
        self.key_file.write_text("5a" * 32 + "\n")
        self.key_file.chmod(0o600)
        self.key = read_cluster_key(self.key_file)
        self.oracle = Oracle(self)
        self.recorder = Recorder()
        self.lost_opens: list[Operation] = []
        """Ends of opens that no client asked for: its lease ran out, or it died."""
        workload: Any = Burst(self)
        self.workload = workload
        self.nfs_ids: dict[Address, str] = {self.nfs_address(node_id): node_id for node_id in self.ids}
        servers = [SimDataServer(self, number + 1, self.key_file) for number in range(DATA_SERVERS)]
        self.data_servers = {server.ds_id: server for server in servers}
        self.clients = [SimClient(self, f"c{i + 1}") for i in range(clients or 2 + seed % 3)]
        for client in self.clients:
            for kind, think_ms in WORKERS:
                rng = random.Random(f"{seed} {client.name} {kind.__name__}")
                client.workers.append(kind(client, rng, think_ms))
        if on_quorum_loss == "read-only":
            self.clients += [self._looker(node_id) for node_id in self.ids[:2]]
        self.frozen: set[str] = set()
        """Nodes whose front end alone is paused."""
        self.graveyard: list[Any] = []
        self.asked_voters: list[tuple[str, str]] = []
        """(leader, whom it asked for a statement), in order."""
        self.healed = False
        """The faults are over, and what they broke is mended."""

    def _looker(self, node_id: str) -> SimClient:
        """A client that only looks, and only at one node: it stays where others who want more are sent away."""
        client = SimClient(self, f"l{node_id[1:]}", [self.nfs_address(node_id)])
        client.workers.append(Looker(client, random.Random(f"{self.seed} {client.name}"), 40.0))
        return client

    # What the parts ask of the world.

    def clock_ms(self) -> float:
        return self.timeline.now_ms

    def nfs_address(self, node_id: str) -> Address:
        return f"10.0.0.{node_id[1:]}", NFS_PORT

    @staticmethod
    def client_ip(name: str) -> str:
        """The address that a client's, or another node's, connections come from."""
        return f"10.0.9.{int(name[1:]) if name[1:].isdigit() else 200}"

    def node_config(self, node: WholeNode) -> NodeConfig:
        return node_config(
            node.id, self.ids, node.dir, self.key_file, self.cluster_config,
            exclusive_writers=self.exclusive_writers, on_quorum_loss=self.on_quorum_loss,
        )  # fmt: skip

    async def ask_device(self, node_id: str, device: Device, action: str, timeout_ms: int | None) -> Answer:
        """A node asks a power device."""
        raise NotImplementedError("there are none here: tests/simulation/whole/power.py has some")

    def ask_node(
        self, source: Process, node_id: str, call: Callable[[ControlService], Coroutine[Any, Any, T]],
        done: Callable[[T | None], None],
    ) -> None:  # fmt: skip
        """A data server calls a metadata node's control service, over the network."""
        front = self.whole(node_id).front
        if front is None:
            source.after(1.0, lambda: done(None))
            return

        def answer(reply: T | None) -> None:
            self.net.post(front.process, source, lambda: done(reply))

        self.net.post(source, front.process, lambda: front.serve(lambda serving: call(serving.control), answer))

    def holder_of(self, session_id: bytes) -> Generation | None:
        """The living generation with this session."""
        for client in self.clients:
            generation = client.generation
            if generation is not None and generation.client is not None:
                session = generation.client.mds.core.session
                if session is not None and session.session_id == session_id:
                    return generation
        return None

    def holder_of_client(self, client_id: int) -> Generation | None:
        for client in self.clients:
            generation = client.generation
            if generation is not None and generation.client is not None:
                session = generation.client.mds.core.session
                if session is not None and session.client_id == client_id:
                    return generation
        return None

    # What is told.

    def note_violation(self, text: str) -> None:
        self.violated(text)

    def note_bug(self, text: str) -> None:
        self.violated(f"bug: {text}")

    def trace_call(self, generation: Generation, what: str, status: int) -> None:
        self.counts["operations"] += 1
        if self.trace is not None:
            self.note(generation.name, f"{what}: {status_name(status)}")

    def note_result(self, node: SimNode, token: object, result: bytes | None) -> None:
        self.counts["acked" if result is not None else "unknown outcome"] += 1

    def note_barrier(self, node: SimNode, token: object, ok: bool) -> None:
        self.counts["barrier" if ok else "no barrier"] += 1

    # Both processes of a node stop and go on together, unless its front end alone is frozen.

    def pause(self, node_id: str, ms: float) -> None:
        super().pause(node_id, ms)
        front = self.whole(node_id).front
        if front is not None:
            front.process.pause()

    def _resume(self, node_id: str, life: Life) -> None:
        super()._resume(node_id, life)
        front = self.whole(node_id).front
        if front is not None and life is self.lives[node_id]:
            front.process.resume()

    def whole(self, node_id: str) -> WholeNode:
        node = self.nodes[node_id]
        assert isinstance(node, WholeNode)
        return node

    # Course.

    def run_for(self, ms: float) -> None:
        """Let time pass; a violation ends it."""
        self.run_until(self.now_ms + ms)

    def wait_for(self, condition: Callable[[], bool], limit_ms: float, what: Callable[[], str]) -> None:
        """Let time pass until ``condition``; that it never comes is a violation of liveness."""
        end_ms = self.now_ms + limit_ms
        while not condition() and not self.violations:
            if self.now_ms > end_ms:
                self.violated(f"liveness: after {limit_ms / 1000:.0f} s {what()}")
                return
            self.run_for(20)

    def run(self, faults_ms: float) -> None:
        """All of it: start, faults, healing, and what must hold in the end."""
        self.set_up()
        if not self.violations:
            for client in self.clients:
                client.start()
            self.run_for(300)
            self.trouble = True
            Nemesis(self, NODE_FAULT_MS, faults=NODE_FAULTS).strike()
            Nemesis(self, CLIENT_FAULT_MS, faults=CLIENT_FAULTS).strike()
            self.run_for(faults_ms)
        if not self.violations:
            self.mend()
            if self.lease_ms < faults_ms / 4:
                self.forget_somebody()
            self.healed = True
            self.finish()

    def set_up(self) -> None:
        """Nodes, data servers, and the tree that the clients expect."""
        for node_id in self.ids:
            self.begin(node_id)
        for server in self.data_servers.values():
            server.start()
        self.wait_for(self._ready, 5_000, lambda: "the cluster is not ready")
        setup = SimClient(self, "c0")
        generation = Generation(setup, 1)
        done: list[None] = []

        async def work() -> None:
            client = await generation.mount(list(self.nfs_ids), 1)
            await prepare(client)
            self.names = await SharedNames.prepare(
                client, "/s/names", self.recorder, seed=self.seed, directories=2, names=4
            )
            await client.close()
            done.append(None)

        generation.runtime.spawn(work())
        self.wait_for(lambda: bool(done), 5_000, lambda: "the tree is not made")
        generation.process.die()
        self.graveyard.append(generation)

    def _ready(self) -> bool:
        """A leader has committed its settings and both data servers."""
        for node in self.nodes.values():
            if not node.up or not isinstance(node.machine, ObservedMachine):
                return False
            with node.env.begin() as txn:
                up = [s.up for s in data_servers.all_servers(txn, node.machine.tables)]
            if len(up) < DATA_SERVERS or not all(up):
                return False
        return True

    def forget_somebody(self) -> None:
        """A client is silent while nothing is broken: what it held is free in the end.

        Every process that a node has been is waited for, and a new leader judges nothing at first: each for a lease and
        a quarter. Reports take three tenths.
        """
        self.run_for(300)
        living = [each.generation for each in self.clients if each.generation and each.generation.client]
        silent = next((each for each in living if not (each.lost or each.process.paused)), None)
        if silent is None:
            return
        elections, began_ms = self.counts["elections"], self.now_ms
        self.counts["silence"] += 1
        self.note("**", f"{silent.name} says nothing any more")
        silent.process.pause()
        self.run_for(2.7 * self.lease_ms)
        # It may have been told to go on: the end of a pause from before the mending.
        silent_all_the_time = silent.process.paused and silent.renewed_ms <= began_ms
        if silent_all_the_time and not silent.lost and self.counts["elections"] == elections:
            self.note_violation(f"liveness: {silent.name} was silent for 2.7 leases, and kept its state")
        silent.process.resume()

    def mend(self) -> None:
        """No more faults, and what they broke is mended at once."""
        self.note("**", "no more faults")
        self.trouble = False
        self.network.heal()
        for node in self.nodes.values():
            node.disk.fault = None
            node.clock.set_rate(1.0, self.now_ms)
            self.disk_ms[node.id] = DISK_MS
        self.net.heal()
        for client in self.clients:
            if client.generation is not None:
                client.generation.process.resume()
        for server in self.data_servers.values():
            server.process.resume()
            server.start_again()

    def finish(self) -> None:
        """Every client ends its work; nothing that was acknowledged is missing; replicas are equal."""

        def idle() -> bool:
            return all(client.idle == len(client.workers) for client in self.clients)

        def lazy() -> str:
            names = [f"{c.name} {type(w).__name__}" for c in self.clients for w in c.workers if not w.ended]
            return f"these have not ended: {', '.join(names)}"

        self.wait_for(idle, 40_000, lazy)
        if not self.violations:
            self.wait_for(self._equal, 10_000, lambda: "the replicas are not equal")
        if not self.violations:
            report = check(self.history(), limit_s=20.0, clock=time.process_time)
            if not report.ok:
                self.violated(f"INV-4: {report}")

    def history(self) -> History:
        """What clients asked and were told, and the ends that lost clients' opens may have had."""
        history = self.recorder.history()
        history.operations.extend(self.lost_opens)
        return history

    def _equal(self) -> bool:
        """Equal applied index, and then (INV-8) equal state."""
        found: dict[int, dict[bytes, str]] = {}
        for node in self.nodes.values():
            with node.env.begin() as txn:
                index, value = digest.digest(txn, node.machine.tables)
            found.setdefault(index, {})[value] = node.id
        for index, values in found.items():
            if len(values) > 1:
                self.violated(f"INV-8: at index {index} differ {sorted(values.values())}")
        return len(found) == 1

    def course(self) -> str:
        """A hash of all that happened."""
        parts = (
            sorted(self.counts.items()), sorted(self.oracle.counts.items()), self.committed, self.rng.getstate(),
            self.client_rng.getstate(), self.data_rng.getstate(), self.history().operations,
        )  # fmt: skip
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    def close(self) -> None:
        for client in self.clients:
            client.end()
        for server in self.data_servers.values():
            server.process.die()
        super().close()
        for dead in self.graveyard:
            dead.bury()
