"""A node whole: its engine (as at depth consensus) and, in a process of its own, the product's front end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataserver.heartbeats import CALL_TIMEOUT_S
from mdscluster.config import ClusterConfig, Export, Limits, NodeConfig, Peer, TlsPaths
from mdscluster.control.registry import Heard
from mdscluster.front_end import FrontEnd
from mdscluster.nfs_frontend.server import ClientConnection
from mdscluster.raft.engine import Output
from mdscluster.raft.local import FrontEndSession, LocalReplica, LocalServer, Token
from mdscluster.replica import ReplicaStatus
from mdsproto import control_pb2, credentials
from mdsproto.configfile import Address
from tests.simulation.consensus.cluster import Cluster, SimNode
from tests.simulation.whole.data_server import Certificate
from tests.simulation.whole.loop import SimLoop
from tests.simulation.whole.network import End, NodeRuntime, SimTransport, Stream, UnixEnd
from tests.support.timeline import Process

if TYPE_CHECKING:
    from tests.simulation.whole.simulation import WholeSimulation

START_MS = (30.0, 250.0)
"""How long a front end takes to start."""


class WholeNode(SimNode):
    """A node with a front end. ``world`` is the cluster it belongs to."""

    def __init__(self, cluster: Cluster, node_id: str, directory: Path) -> None:
        super().__init__(cluster, node_id, directory)
        self.front: SimFrontEnd | None = None
        self.process: Process | None = None
        self.local: LocalServer | None = None

    @property
    def world(self) -> WholeSimulation:
        world: Any = self.cluster
        return world

    def start(self, **changes: object) -> None:
        super().start(**changes)
        self.process = Process(self.world.timeline, f"{self.id}.consensus")
        self.local = LocalServer(self.dir / "consensus.sock", Consensus(self))
        self.front = SimFrontEnd(self)

    def kill(self, power_loss: int | None = None) -> None:
        if self.front is not None and self.process is not None:
            self.front.die()
            self.process.die()
            self.front = None
        super().kill(power_loss)

    def turn(self) -> Output:
        output = super().turn()
        if self.local is not None and (output.results or output.barriers or output.events):
            self.local.deliver(output.results, output.barriers, output.events)  # type: ignore[arg-type]
        return output

    def pause(self, *, consensus: bool, front_end: bool) -> None:
        """Stop what is named, let the rest run."""
        if self.process is not None and self.front is not None:
            for process, stop in ((self.process, consensus), (self.front.process, front_end)):
                if stop:
                    process.pause()
                else:
                    process.resume()


class Consensus:
    """``mdscluster.raft.local.Consensus`` of one life of a node."""

    def __init__(self, node: WholeNode) -> None:
        self._node = node
        self._engine = node.engine

    def propose(self, tokens_and_payloads: Iterable[tuple[Token, bytes]]) -> None:
        for token, payload in tokens_and_payloads:
            self._engine.propose(token, payload, self._node.cluster.now_ms)

    def barrier(self, token: Token) -> None:
        self._engine.barrier(token, self._node.cluster.now_ms)

    def status(self) -> ReplicaStatus:
        return self._engine.status(self._node.cluster.now_ms)


class SimFrontEnd:
    """One life of a front end: what ``mdscluster.front_end.serve`` does, on simulated time and network."""

    def __init__(self, node: WholeNode) -> None:
        world = node.world
        self.node = node
        self.world = world
        self.process = Process(world.timeline, node.id)
        self.loop = SimLoop(self.process, world.note_bug, self._connect_unix)
        self.runtime = NodeRuntime(self.loop, world.data_rng, world.network)
        self.front_end: FrontEnd | None = None
        self._last_connections: list[SimTransport] = []
        self.process.after(world.data_rng.uniform(*START_MS), self._start)

    def _connect_unix(self, protocol: asyncio.Protocol) -> asyncio.Transport:
        local, process = self.node.local, self.node.process
        assert local is not None
        assert process is not None
        session = FrontEndSession(local)
        session.connection_made(UnixEnd(self.process, lambda data: self.loop.io(protocol.data_received, data)))
        transport = UnixEnd(process, session.data_received)
        protocol.connection_made(transport)
        return transport

    def _start(self) -> None:
        self.loop.io(lambda: self.loop.create_task(self._serve()))

    async def _serve(self) -> None:
        config = self.world.node_config(self.node)
        replica = LocalReplica(config.socket_path, self.node.env)
        await replica.connect()
        links = SimLinks(self)
        front_end = FrontEnd(config, replica, self.runtime, links, lambda: int(self.process.now_ms()))
        self.front_end = front_end
        self.world.network.listen(self.world.nfs_address(self.node.id), self.process, self._accept)
        for job in (front_end.leader.run(), front_end.report_leases(), front_end.tick(), front_end.heed_quorum()):
            self.loop.create_task(job).add_done_callback(self._job_ended)
        self.world.note(self.node.id, "serves")

    def _job_ended(self, task: asyncio.Task[None]) -> None:
        if self.process.alive:
            self.world.note_bug(f"{self.node.id}: a job of the front end ended: {task.exception()!r}")

    def _accept(self, stream: Stream) -> End:
        assert self.front_end is not None
        connection = ClientConnection(self.front_end.server)
        return SimTransport(self.loop, stream, self.world.client_ip(stream.a.name), connection)

    def heartbeat(
        self, request: control_pb2.HeartbeatRequest, who: Certificate,
        done: Callable[[control_pb2.HeartbeatReply | None], None],
    ) -> None:  # fmt: skip
        """A data server's heartbeat arrives."""
        front_end = self.front_end
        if front_end is None:
            done(None)
            return
        context: Any = who

        def answered(task: asyncio.Task[control_pb2.HeartbeatReply]) -> None:
            if not task.cancelled():
                done(task.result())

        self.loop.io(
            lambda: self.loop.create_task(front_end.control.Heartbeat(request, context)).add_done_callback(answered)
        )

    def die(self) -> None:
        self.process.die()
        self.world.graveyard.append(self)

    def bury(self) -> None:
        """End its coroutines, for the interpreter's sake."""
        self.loop.drop_tasks()


class SimLinks:
    """Calls to data servers' control service, over the simulated network."""

    def __init__(self, front: SimFrontEnd) -> None:
        self._front = front

    async def _call(self, heard: Heard, call: Callable[[Any, Any], Any]) -> Any:
        """The reply; None when there was none in time."""
        front = self._front
        server = front.world.data_servers[heard.ds_id]
        answer: asyncio.Future[Any] = front.loop.create_future()

        def settle(reply: Any) -> None:
            if not answer.done():
                answer.set_result(reply)

        def arrive() -> None:
            reply = call(server.control, Certificate(front.node.id, credentials.ROLE_MDS))
            front.world.network.post(server.process, front.process, lambda: front.loop.io(settle, reply))

        front.world.network.post(front.process, server.process, arrive)
        front.loop.call_later(CALL_TIMEOUT_S, settle, None)
        return await answer

    async def fence(self, heard: Heard, version: int, fences: list[tuple[int, int, int]]) -> int:
        entries = [control_pb2.FenceEntry(fileid=f, client_id=c, min_epoch=e) for f, c, e in fences]
        request = control_pb2.FenceRequest(version=version, fences=entries)
        reply = await self._call(heard, lambda control, context: control.Fence(request, context))
        return 0 if reply is None else int(reply.version)

    async def truncate(self, heard: Heard, fileid: int, size: int, serial: int) -> bool:
        request = control_pb2.TruncateRequest(fileid=fileid, size_bytes=size, serial=serial)
        reply = await self._call(heard, lambda control, context: control.Truncate(request, context))
        return reply is not None


def node_config(
    node_id: str, ids: list[str], data_dir: Path, key_file: Path, cluster: ClusterConfig, *, exclusive_writers: bool
) -> NodeConfig:
    """As ``mds.toml`` would give it."""
    nowhere = Address("127.0.0.1", 1)
    peers = tuple(Peer(peer, nowhere, nowhere, nowhere) for peer in ids)
    export = Export(networks=("10.0.0.0/8",), root_squash=False, exclusive_writers=exclusive_writers)
    return NodeConfig(
        node_id, data_dir, key_file, nowhere, TlsPaths(key_file, key_file, key_file), peers, (export,), cluster,
        limits=Limits(max_connections=64),
    )  # fmt: skip
