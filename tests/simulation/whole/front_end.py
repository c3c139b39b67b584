"""A node whole: its engine (as at depth consensus) and, in a process of its own, the product's front end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import lmdb

from dataserver.heartbeats import CALL_TIMEOUT_S
from fencing.agents import Answer
from fencing.device import Device
from fencing.suspicion import Statement
from mdscluster import replica_async
from mdscluster.config import ClusterConfig, Export, Limits, NodeConfig, Peer, TlsPaths
from mdscluster.control import witnesses
from mdscluster.control.mandates import Superseded
from mdscluster.control.registry import Heard, Registry
from mdscluster.control.stonith_service import FencingService
from mdscluster.front_end import FrontEnd
from mdscluster.fsm import features
from mdscluster.fsm.commands import DataServerUpdate, unpack_internal
from mdscluster.fsm.session_records import EVENT_SESSION_GONE
from mdscluster.nfs_frontend.server import ClientConnection
from mdscluster.raft.engine import Output
from mdscluster.raft.local import FrontEndSession, LocalReplica, LocalServer, Token
from mdscluster.raft.proposals import Bound
from mdscluster.replica import MemberChange, MemberStatus, ReplicaStatus
from mdsproto import control_pb2, credentials, fencing_pb2
from mdsproto.configfile import Address
from mdsproto.mandate import Mandate, wire
from tests.simulation.consensus.cluster import Cluster, SimNode
from tests.simulation.whole.data_server import Certificate, Refused
from tests.simulation.whole.loop import SimLoop
from tests.simulation.whole.network import End, NodeRuntime, SimTransport, Stream, UnixEnd
from tests.simulation.whole.oracle import Missed, ObservedMachine
from tests.support.timeline import Process

if TYPE_CHECKING:
    from mdscluster.nfs_frontend.dispatcher import Dispatcher
    from mdscluster.nfs_frontend.request import Request
    from tests.simulation.whole.simulation import WholeSimulation

T = TypeVar("T")
START_MS = (30.0, 250.0)
"""How long a front end takes to start."""


class ReadEnvironment:
    """The node's environment as its front end has it: to read. (In one process LMDB may not be opened twice.)"""

    def __init__(self, node: WholeNode) -> None:
        self._env = node.env
        self._tables = node.machine.tables

    def begin(self) -> lmdb.Transaction:
        return self._env.begin()

    def open_db(self, key: bytes, txn: None = None, create: bool = False) -> Any:
        """A table that the state machine has opened; to open one takes a write transaction."""
        assert not create, "the front end does not write"
        return getattr(self._tables, key.decode().removeprefix("fsm_"))


class NodeProcess(Process):
    """A process on a node's machine: its clock is the machine's."""

    def __init__(self, node: WholeNode) -> None:
        super().__init__(node.world.timeline, node.id)
        self._node = node

    def now_ms(self) -> float:
        return self._node.now_ms

    def true_delay_ms(self, delay_ms: float) -> float:
        return delay_ms / self._node.clock.rate


class WholeNode(SimNode):
    """A node with a front end. ``world`` is the cluster it belongs to."""

    def __init__(self, cluster: Cluster, node_id: str, directory: Path) -> None:
        super().__init__(cluster, node_id, directory)
        self.front: SimFrontEnd | None = None
        self.local: LocalServer = None  # type: ignore[assignment]  # while down

    @property
    def world(self) -> WholeSimulation:
        world: Any = self.cluster
        return world

    def make_machine(self, env: lmdb.Environment) -> ObservedMachine:
        return ObservedMachine(env, self)

    def start(self, **changes: object) -> None:
        super().start(**changes)
        self._name_proposals()
        self.local = LocalServer(self.dir / "consensus.sock", Consensus(self))
        self.front = SimFrontEnd(self)

    def _name_proposals(self) -> None:
        """Tell the state machine which proposal each command was."""
        engine, machine, apply_group = self.engine, self.machine, self.engine._apply_group

        def named(origin: bytes, incarnation: int, first: int, payloads: Sequence[bytes]) -> None:
            machine.proposals_from((origin.decode(), incarnation, first))
            apply_group(origin, incarnation, first, payloads)

        engine._apply_group = named  # type: ignore[method-assign]

    def stop(self) -> None:
        if self.front is not None:
            self.front.die()
            self.front = None
        super().stop()

    def release(self, output: Output) -> None:
        super().release(output)
        for event in self.events:
            if event[:1] == EVENT_SESSION_GONE:
                self.world.oracle.session_gone(event[1:])
        self.events.clear()
        self.results.clear()
        self.barriers.clear()
        if output.results or output.barriers or output.events:
            self.local.deliver(output.results, output.barriers, output.events)  # type: ignore[arg-type]


class Consensus:
    """``mdscluster.raft.local.Consensus`` of one life of a node."""

    def __init__(self, node: WholeNode) -> None:
        self._node = node

    def propose(self, tokens_and_payloads: Iterable[tuple[Token, bytes]]) -> None:
        node = self._node
        for token, payload in tokens_and_payloads:
            node.engine.propose(token, payload, node.now_ms)
        node.world.wake(node.id)

    def propose_bound(self, token: Token, payload: bytes, bound: Bound) -> None:
        node, front = self._node, self._node.front
        assert front is not None, "both processes of a node live and die together"
        node.engine.propose(token, payload, node.now_ms, bound)
        missed = front.missed.pop(token.number, None)
        if missed is not None:
            proposals = node.engine.proposals
            node.world.oracle.missed[node.id, proposals.incarnation, proposals._last_number] = missed
        node.world.wake(node.id)

    def barrier(self, token: Token) -> None:
        node = self._node
        node.engine.barrier(token, node.now_ms)
        node.world.wake(node.id)

    def status(self) -> ReplicaStatus:
        """Every node runs this release, and says so when it connects."""
        status = self._node.engine.status(self._node.now_ms)
        known = {
            peer: replace(seen, feature_level=features.SUPPORTED if seen.connected else 0)
            for peer, seen in status.peers.items()
        }
        return replace(status, peers=known)

    def change_members(self, token: Token, change: MemberChange) -> None:
        raise NotImplementedError("no seed of this depth changes the membership")


class SimFrontEnd:
    """One life of a front end: what ``mdscluster.front_end.serve`` does, on simulated time and network."""

    def __init__(self, node: WholeNode) -> None:
        world = node.world
        self.node = node
        self.world = world
        self.process: Process = NodeProcess(node)
        self.loop = SimLoop(self.process, world.note_bug, self._connect_unix)
        self.runtime = NodeRuntime(self.loop, world.data_rng, world.net)
        self.front_end: FrontEnd | None = None
        self.confirmed_ms = float("-inf")
        self.life = f"{node.id} since {world.now_ms:.3f}"
        self.missed: dict[int, Missed] = {}
        """What proposals that a data server is down went by, by their numbers on the way to consensus."""
        self._last_connections: list[SimTransport] = []
        self.process.after(world.data_rng.uniform(*START_MS), self._start)

    def _connect_unix(self, protocol: asyncio.Protocol) -> asyncio.Transport:
        node, world = self.node, self.world
        session, engine = FrontEndSession(node.local), node.engine

        def to_consensus(data: bytes) -> None:
            if not node.up or node.engine is not engine:
                return
            if world.listens(node.id):
                world.guarded(node, session.data_received, data)
            elif not world.lives[node.id].halted:
                world.defer(node.id, to_consensus, data)

        def to_front_end(data: bytes) -> None:
            self.process.run(lambda: self.loop.io(protocol.data_received, data))

        session.connection_made(UnixEnd(world.timeline, to_front_end))
        transport = UnixEnd(world.timeline, to_consensus)
        protocol.connection_made(transport)
        return transport

    def _start(self) -> None:
        self.loop.io(lambda: self.loop.create_task(self._serve()))

    async def _serve(self) -> None:
        config = self.world.node_config(self.node)
        env: Any = ReadEnvironment(self.node)
        replica = LocalReplica(config.socket_path, env)
        await replica.connect()
        self._note_barriers(replica)
        self._note_proposals(replica)
        links = SimLinks(self)
        front_end = FrontEnd(
            config, replica, self.runtime, links, lambda: self.process.now_ms() / 1000, SimVoters(self).ask,
            self._ask_device,
        )  # fmt: skip
        self.front_end = front_end
        self._note_unconfirmed(front_end.dispatcher)
        self._note_heartbeats(front_end.registry)
        front_end.follow_membership(await replica_async.status(replica))
        self.world.net.listen(self.world.nfs_address(self.node.id), self.process, self._accept)
        jobs = (
            front_end.leader.run(), front_end.report_leases(), front_end.tick(), front_end.heed_quorum(),
            front_end.heed_membership(), front_end.stonith.run(),
        )  # fmt: skip
        for job in jobs:
            self.loop.create_task(job).add_done_callback(self._job_ended)
        self.world.note(self.node.id, "serves")

    async def _ask_device(self, device: Device, action: str, timeout_ms: int | None = None) -> Answer:
        return await self.world.ask_device(self.node.id, device, action, timeout_ms)

    def _note_barriers(self, replica: LocalReplica) -> None:
        """Note since when this node's state is known to hold all that was acknowledged: the last barrier confirmed."""
        barrier, world = replica.barrier, self.world

        def noted(done: Callable[[bool], None]) -> None:
            asked_ms = world.now_ms

            def confirmed(ok: bool) -> None:
                if ok:
                    self.confirmed_ms = max(self.confirmed_ms, asked_ms)
                done(ok)

            barrier(confirmed)

        replica.barrier = noted  # type: ignore[method-assign]

    def _note_proposals(self, replica: LocalReplica) -> None:
        """Tell the oracle when this front end proposes that a data server is down."""
        propose, oracle = replica.propose_in_term, self.world.oracle

        def noted(term: int, payload: bytes, otherwise: bytes, done: Callable[[bytes | None], None]) -> None:
            command = unpack_internal(payload)
            if isinstance(command, DataServerUpdate) and not command.up:
                number = replica._last_proposal + 1
                self.missed[number] = oracle.proposes_down(self.node.id, command.ds_id)
            propose(term, payload, otherwise, done)

        replica.propose_in_term = noted  # type: ignore[method-assign]

    def _note_unconfirmed(self, dispatcher: Dispatcher) -> None:
        """Tell the oracle what is answered without a quorum."""
        answer = dispatcher.reader._answer_read_only

        def noted(request: Request, status: int) -> None:
            answered = dispatcher.counters.calls["read-only"]
            answer(request, status)
            if dispatcher.counters.calls["read-only"] > answered:  # else it was put off
                name = (request.session_id, request.slot, request.sequence_id)
                self.world.oracle.unconfirmed[name] = self.confirmed_ms, self.life

        dispatcher.reader._answer_read_only = noted  # type: ignore[method-assign]

    def _note_heartbeats(self, registry: Registry) -> None:
        """Tell the oracle which data servers this front end hears of."""
        note, oracle = registry.note, self.world.oracle
        oracle.front_began(self.node.id)

        def noted(heard: Heard) -> None:
            note(heard)
            oracle.heartbeat(self.node.id, heard.ds_id)

        registry.note = noted  # type: ignore[method-assign]

    def _job_ended(self, task: asyncio.Task[None]) -> None:
        if self.process.alive:
            self.world.note_bug(f"{self.node.id}: a job of the front end ended: {task.exception()!r}")

    def _accept(self, stream: Stream) -> End:
        assert self.front_end is not None
        connection = ClientConnection(self.front_end.server)
        return SimTransport(self.loop, stream, self.world.client_ip(stream.a.name), connection)

    def serve(self, call: Callable[[FrontEnd], Coroutine[Any, Any, T]], done: Callable[[T | None], None]) -> None:
        """A call to one of its gRPC services arrives; None: this node does not serve yet."""
        front_end = self.front_end
        if front_end is None:
            done(None)
            return

        def answered(task: asyncio.Task[T]) -> None:
            if not task.cancelled():
                done(task.result())

        self.loop.io(lambda: self.loop.create_task(call(front_end)).add_done_callback(answered))

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
        """The reply; None when there was none in time, or it failed. :class:`Superseded`."""
        front = self._front
        server = front.world.data_servers[heard.ds_id]
        answer: asyncio.Future[Any] = front.loop.create_future()

        def settle(reply: Any) -> None:
            if not answer.done():
                answer.set_result(reply)

        def arrive() -> None:
            try:
                reply = call(server.control, Certificate(front.node.id, credentials.ROLE_MDS))
            except Refused as refusal:
                front.world.oracle.counts["refused by a data server"] += 1
                reply = refusal
            front.world.net.post(server.process, front.process, lambda: front.loop.io(settle, reply))

        front.world.net.post(front.process, server.process, arrive)
        front.loop.call_later(CALL_TIMEOUT_S, settle, None)
        reply = await answer
        if isinstance(reply, Refused):
            if reply.code is grpc.StatusCode.FAILED_PRECONDITION:
                raise Superseded(reply.details)
            return None
        return reply

    async def fence(
        self, heard: Heard, version: int, fences: list[tuple[int, int, int]], mandate: Mandate | None
    ) -> int:
        entries = [control_pb2.FenceEntry(fileid=f, client_id=c, min_epoch=e) for f, c, e in fences]
        request = control_pb2.FenceRequest(version=version, fences=entries, mandate=wire(mandate))
        reply = await self._call(heard, lambda control, context: control.Fence(request, context))
        return 0 if reply is None else int(reply.version)

    async def truncate(self, heard: Heard, fileid: int, size: int, serial: int, mandate: Mandate | None) -> bool:
        request = control_pb2.TruncateRequest(fileid=fileid, size_bytes=size, serial=serial, mandate=wire(mandate))
        self._front.world.oracle.counts["cuts asked for"] += 1
        reply = await self._call(heard, lambda control, context: control.Truncate(request, context))
        return reply is not None


class SimVoters:
    """Calls to other nodes' fencing service. They go where consensus' messages go: a hole on that way loses them."""

    def __init__(self, front: SimFrontEnd) -> None:
        self._front = front

    async def ask(self, member: MemberStatus) -> Statement | None:
        """An ``AskVoter``."""
        front, world = self._front, self._front.world
        there = world.whole(member.id).front
        answer: asyncio.Future[fencing_pb2.MissedReply | None] = front.loop.create_future()
        world.asked_voters.append((front.node.id, member.id))

        def settle(reply: fencing_pb2.MissedReply | None) -> None:
            if not answer.done():
                answer.set_result(reply)

        def back(reply: fencing_pb2.MissedReply | None) -> None:
            if there is not None and not world.network.lanes[member.id, front.node.id].holes:
                world.net.post(there.process, front.process, lambda: front.loop.io(settle, reply))

        def missed(other: FrontEnd) -> Coroutine[Any, Any, fencing_pb2.MissedReply]:
            context: Any = Certificate(front.node.id, credentials.ROLE_MDS)
            return FencingService(other.stonith).Missed(fencing_pb2.MissedRequest(), context)

        if there is not None and not world.network.lanes[front.node.id, member.id].holes:
            world.net.post(front.process, there.process, lambda: there.serve(missed, back))
        front.loop.call_later(witnesses.CALL_TIMEOUT_S, settle, None)
        reply = await answer
        return None if reply is None else witnesses.statement(reply)


def node_config(
    node_id: str, ids: list[str], data_dir: Path, key_file: Path, cluster: ClusterConfig, *, exclusive_writers: bool,
    on_quorum_loss: str,
) -> NodeConfig:
    """As ``mds.toml`` would give it."""
    nowhere = Address("127.0.0.1", 1)
    peers = tuple(Peer(peer, nowhere, nowhere, nowhere) for peer in ids)
    export = Export(networks=("10.0.0.0/8",), root_squash=False, exclusive_writers=exclusive_writers)
    return NodeConfig(
        node_id, data_dir, key_file, nowhere, TlsPaths(key_file, key_file, key_file), peers, (export,), cluster,
        limits=Limits(max_connections=64), on_quorum_loss=on_quorum_loss,
    )  # fmt: skip
