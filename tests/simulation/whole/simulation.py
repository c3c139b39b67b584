"""The whole cluster, its clients and its faults: ``Simulation``'s course, with everything around consensus."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from mdscluster.config import ClusterConfig, NodeConfig
from mdscluster.fsm import data_servers, digest
from mdscluster.raft.errors import ConsensusBug
from mdsproto import control_pb2
from mdsproto.keyfile import read_cluster_key
from nfsclient.errors import status_name
from nfsclient.runtime import Address
from tests.simulation.consensus.cluster import SimNode
from tests.simulation.result import Trace
from tests.simulation.whole.clients import Generation, SimClient
from tests.simulation.whole.data_server import Certificate, SimDataServer
from tests.simulation.whole.faults import Faults
from tests.simulation.whole.front_end import WholeNode, node_config
from tests.simulation.whole.history import History
from tests.simulation.whole.network import Network
from tests.simulation.whole.oracle import ObservedMachine, Oracle
from tests.simulation.whole.workload import WORKERS, prepare
from tests.support.timeline import Process, Timeline

DATA_SERVERS: Final = 2
NFS_PORT: Final = 2049


class WholeSimulation(Faults):
    """Nodes with front ends, data servers and clients. One seed decides everything."""

    node_class = WholeNode

    def __init__(
        self, directory: Path, seed: int, size: int = 3, *, clients: int | None = None, trace: Trace | None = None,
        exclusive_writers: bool = False, lease_ms: int = 5_000, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(directory, seed, size, **options)
        self.trace = trace
        self.timeline = Timeline()
        self.timeline.now_ms = self.now_ms
        self.client_rng = random.Random(f"clients {seed}")
        self.data_rng = random.Random(f"data {seed}")
        self.network = Network(self.timeline, random.Random(f"network {seed}"))
        self.exclusive_writers = exclusive_writers
        self.lease_ms = lease_ms
        self.lease_promise_ms = 0.8 * lease_ms
        """A client is not dropped sooner than this after a request that was answered: reports take a tenth."""
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
        self.history = History()
        self.nfs_ids: dict[Address, str] = {self.nfs_address(node_id): node_id for node_id in self.ids}
        servers = [SimDataServer(self, number + 1, self.key_file) for number in range(DATA_SERVERS)]
        self.data_servers = {server.ds_id: server for server in servers}
        self.clients = [SimClient(self, f"c{i + 1}") for i in range(clients or 2 + seed % 3)]
        for client in self.clients:
            for kind, think_ms in WORKERS:
                rng = random.Random(f"{seed} {client.name} {kind.__name__}")
                client.workers.append(kind(client, rng, think_ms))
        self.frozen: set[str] = set()
        """Nodes whose front end alone is paused."""
        self.graveyard: list[Any] = []
        self.healed = False
        """The faults are over, and what they broke is mended."""

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
            node.id, self.ids, node.dir, self.key_file, self.cluster_config, exclusive_writers=self.exclusive_writers
        )

    def make_machine(self, node: SimNode) -> Any:
        assert isinstance(node, WholeNode)
        return ObservedMachine(node.env, node)

    def ask_node(
        self, source: Process, node_id: str, request: control_pb2.HeartbeatRequest, who: Certificate, done: Any
    ) -> None:
        """A data server's heartbeat to a metadata node, over the network."""
        node = self.nodes[node_id]
        assert isinstance(node, WholeNode)
        front = node.front
        if front is None:
            source.after(1.0, lambda: done(None))
            return

        def answer(reply: control_pb2.HeartbeatReply | None) -> None:
            self.network.post(front.process, source, lambda: done(reply))

        self.network.post(source, front.process, lambda: front.heartbeat(request, who, answer))

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

    def note(self, who: str, what: str) -> None:
        if self.trace is not None:
            self.trace(f"{self.timeline.now_ms:10.1f} {who:8} {what}")

    def note_violation(self, text: str) -> None:
        self.note("!", text)
        self.violations.append(text)

    def note_bug(self, text: str) -> None:
        self.note_violation(f"bug: {text}")

    def trace_call(self, generation: Generation, what: str, status: int) -> None:
        self.counts["operations"] += 1
        if self.trace is not None:
            self.note(generation.name, f"{what}: {status_name(status)}")

    def note_result(self, node: SimNode, token: object, result: bytes | None) -> None:
        self.counts["acked" if result is not None else "unknown"] += 1

    def note_barrier(self, node: SimNode, token: object, ok: bool) -> None:
        self.counts["barrier" if ok else "no barrier"] += 1

    # Steps.

    def step(self) -> None:
        super().step()
        for node in self.nodes.values():
            assert isinstance(node, WholeNode)
            if node.up:
                stopped = node.id in self.paused
                node.pause(consensus=stopped, front_end=stopped or node.id in self.frozen)
        self.timeline.run_until(self.now_ms)

    def observe(self, node: SimNode) -> None:
        super().observe(node)
        for event in node.events:
            if event[:1] == b"S":
                self.oracle.session_gone(event[1:])
        node.events.clear()

    def run_for(self, ms: float) -> None:
        """Let time pass; a violation ends it."""
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms and not self.violations:
            self._step()

    def run_until(self, condition: Callable[[], bool], limit_ms: float, what: str) -> None:
        """Let time pass until ``condition``; that it never comes is a violation of liveness."""
        end_ms = self.now_ms + limit_ms
        while not condition() and not self.violations:
            if self.now_ms > end_ms:
                self.note_violation(f"liveness: {what} after {limit_ms / 1000:.0f} s")
                return
            self._step()

    def _step(self) -> None:
        try:
            self.step()
        except ConsensusBug as error:
            self.note_violation(str(error))

    # Course.

    def run(self, faults_ms: float) -> None:
        """All of it: start, faults, healing, and what must hold in the end."""
        self.begin()
        if not self.violations:
            for client in self.clients:
                client.start()
            self.run_for(300)
            self.trouble = True
            self.at(0, "fault")
            self.at(200, "client_fault")
            self.run_for(faults_ms)
        if not self.violations:
            self.end_faults()
        if not self.violations:
            self.finish()

    def begin(self) -> None:
        """Nodes, data servers, and the tree that the clients expect."""
        self.trouble = False
        self.start()
        for server in self.data_servers.values():
            server.start()
        self.run_until(self._ready, 5_000, "the cluster is not ready")
        setup = SimClient(self, "c0")
        generation = Generation(setup, 1)
        done: list[None] = []

        async def work() -> None:
            client = await generation.mount()
            await prepare(client)
            await client.close()
            done.append(None)

        generation.runtime.spawn(work())
        self.run_until(lambda: bool(done), 5_000, "the tree could not be made")
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

    def finish(self) -> None:
        """Every client ends its work; nothing that was acknowledged is missing; replicas are equal."""
        self.run_until(
            lambda: all(client.idle == len(client.workers) for client in self.clients), 40_000,
            "some worker makes no progress: " + ", ".join(
                f"{client.name} {type(worker).__name__}" for client in self.clients for worker in client.workers
                if not worker.healed
            ),
        )  # fmt: skip
        if self.violations:
            return
        self.run_until(self._equal, 5_000, "the replicas do not become equal")
        for violation in self.history.violations():
            self.note_violation(violation)

    def _equal(self) -> bool:
        """Equal applied index, and then (INV-8) equal state."""
        found: dict[int, dict[bytes, str]] = {}
        for node in self.nodes.values():
            with node.env.begin() as txn:
                index, value = digest.digest(txn, node.machine.tables)
            found.setdefault(index, {})[value] = node.id
        for index, values in found.items():
            if len(values) > 1:
                self.note_violation(f"INV-8: at index {index} differ {sorted(values.values())}")
        return len(found) == 1

    def course(self) -> str:
        """A hash of all that happened."""
        parts = (
            sorted(self.counts.items()), sorted(self.oracle.counts.items()), self.committed, self.rng.getstate(),
            self.client_rng.getstate(), self.data_rng.getstate(), [str(o) for o in self.history.operations],
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
