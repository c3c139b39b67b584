"""A ``Runtime`` on simulated time with scripted servers: the whole client runs in it, deterministically, no asyncio."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from nfsclient.compound import CHANGING
from nfsclient.handshake import CALLBACK_PROGRAM
from nfsclient.runtime import Address, Connection, Receiver
from nfswire import nfs4, rpc
from nfswire.xdr import Payload, pack_u32
from tests.support.simulated import SimTask, TaskRuntime
from tests.support.timeline import Process, Timeline

T = TypeVar("T")
LATENCY_MS = 1.0


class SimRuntime(TaskRuntime):
    """Time moves from event to event. Servers are ``SimServer`` objects at addresses."""

    def __init__(self, seed: int = 1) -> None:
        self.timeline = Timeline()
        super().__init__(Process(self.timeline, "client"), random.Random(seed))
        self.servers: dict[Address, SimServer] = {}
        self.attempts: list[tuple[float, Address]] = []

    @property
    def clock_ms(self) -> float:
        return self.timeline.now_ms

    def at(self, when_ms: float, call: Callable[[], None]) -> None:
        self.timeline.at(when_ms, call)

    def run(self, work: Coroutine[Any, Any, T], limit_ms: float = 1e7) -> T:
        """Run until ``work`` is done; its result."""
        task = SimTask(self, work)
        while not task.settled:
            assert not self.timeline.idle, "nothing will ever happen any more"
            self.timeline.step()
            assert self.clock_ms <= limit_ms, "too much simulated time"
        if task.error is not None:
            raise task.error
        result: T = task.value
        return result

    async def connect(self, address: Address, receiver: Receiver, timeout_ms: float) -> Connection:
        self.attempts.append((self.clock_ms, address))
        await self.sleep(LATENCY_MS)
        server = self.servers.get(address)
        if server is None or server.down:
            raise ConnectionRefusedError("refused")
        connection = SimConnection(self, server, receiver)
        server.connections.append(connection)
        return connection


class SimConnection:
    """A connection to a ``SimServer``; records arrive after ``LATENCY_MS``."""

    def __init__(self, runtime: SimRuntime, server: SimServer, receiver: Receiver) -> None:
        self.runtime = runtime
        self.server = server
        self.receiver = receiver
        self.open = True

    def send(self, parts: Sequence[Payload]) -> None:
        record = b"".join(parts)
        self.runtime.at(self.runtime.clock_ms + LATENCY_MS, lambda: self._arrived(record))

    def _arrived(self, record: bytes) -> None:
        if self.open:
            self.server.record_received(self, record)

    def answer(self, record: bytes) -> None:
        """From the server to the client."""
        self.runtime.at(self.runtime.clock_ms + LATENCY_MS, lambda: self._deliver(record))

    def _deliver(self, record: bytes) -> None:
        if self.open:
            self.receiver.record_received(record)

    def break_(self) -> None:
        """The network cuts it."""
        if self.open:
            self.open = False
            self.receiver.connection_lost("cut")

    def close(self) -> None:
        self.open = False


Handler = Callable[[list[tuple[int, Any]]], "list[tuple[int, Any]] | None"]
"""Takes the operations after SEQUENCE, returns their results (their RES types); None: no answer at all."""


class SimServer:
    """Answers the handshake and SEQUENCE itself, from a reply cache that nodes may share; the rest is the script's."""

    def __init__(self, runtime: SimRuntime, address: Address, handler: Handler, flags: int = 0,
                 slots: dict[int, tuple[int, bytes]] | None = None) -> None:
        self.runtime = runtime
        self.handler = handler
        self.flags = flags
        self.slots = {} if slots is None else slots     # slot -> sequence ID and cached reply
        self.down = False
        self.mute = False           # takes requests, answers nothing
        self.connections: list[SimConnection] = []
        self.received: list[bytes] = []
        self.executed: list[list[tuple[int, Any]]] = []
        self.callback_answers: list[bytes] = []
        self.stale_sessions = 0             # CREATE_SESSIONs to come that find their client ID replaced
        self.sequence_refusals: list[int] = []      # statuses that the next SEQUENCEs get
        self.on_executed: Callable[[], None] = lambda: None     # before the reply leaves
        runtime.servers[address] = self

    def crash(self) -> None:
        """Down, and every connection cut."""
        self.down = True
        connections, self.connections = self.connections, []
        for connection in connections:
            connection.break_()

    def record_received(self, connection: SimConnection, record: bytes) -> None:
        xid, kind = rpc.peek(record)
        if kind == rpc.REPLY:
            self.callback_answers.append(record)
            return
        self.received.append(record)
        if self.mute:
            return
        call = rpc.unpack_call(record, 0, len(record))
        compound, _ = nfs4.unpack_COMPOUND4args(record, call.args_pos)
        operations = [(item.argop, item.arm) for item in compound.argarray]
        results = self._bare(operations) if operations[0][0] != nfs4.OP_SEQUENCE else None
        if results is not None:
            connection.answer(self._reply(xid, results))
            return
        reply = self._in_session(xid, operations[0][1], operations[1:])
        if reply is not None:
            connection.answer(reply)

    def _in_session(self, xid: int, sequence: nfs4.SEQUENCE4args, operations: list[tuple[int, Any]]) -> bytes | None:
        if self.sequence_refusals:
            refusal = nfs4.SEQUENCE4res(self.sequence_refusals.pop(0))
            return self._reply(xid, [(nfs4.OP_SEQUENCE, refusal)])
        last, cached = self.slots.get(sequence.sa_slotid, (0, b""))
        if sequence.sa_sequenceid == last:
            return pack_u32(xid) + cached[4:]
        changing = any(op in CHANGING for op, _ in operations)
        assert sequence.sa_sequenceid == last + 1 or not changing, "misordered"
        assert sequence.sa_cachethis == changing
        self.executed.append(operations)
        results = self.handler(operations)
        if results is None:
            return None
        resok = nfs4.SEQUENCE4resok(sequence.sa_sessionid, sequence.sa_sequenceid, sequence.sa_slotid, 63, 63, 0)
        reply = self._reply(xid, [(nfs4.OP_SEQUENCE, nfs4.SEQUENCE4res(0, resok)), *results])
        self.slots[sequence.sa_slotid] = sequence.sa_sequenceid, reply
        self.on_executed()
        return reply

    def _bare(self, operations: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
        op, args = operations[0]
        if op == nfs4.OP_EXCHANGE_ID:
            resok: Any = nfs4.EXCHANGE_ID4resok(
                7, 1, self.flags, nfs4.state_protect4_r(0), nfs4.server_owner4(0, b"owner"), b"scope", [])
            return [(op, nfs4.EXCHANGE_ID4res(0, resok))]
        if op == nfs4.OP_CREATE_SESSION and self.stale_sessions:
            self.stale_sessions -= 1
            return [(op, nfs4.CREATE_SESSION4res(nfs4.NFS4ERR_STALE_CLIENTID))]
        if op == nfs4.OP_CREATE_SESSION:
            resok = nfs4.CREATE_SESSION4resok(
                b"0123456789abcdef", args.csa_sequence, args.csa_flags, args.csa_fore_chan_attrs,
                args.csa_back_chan_attrs)
            return [(op, nfs4.CREATE_SESSION4res(0, resok))]
        if op == nfs4.OP_BIND_CONN_TO_SESSION:
            resok = nfs4.BIND_CONN_TO_SESSION4resok(args.bctsa_sessid, nfs4.CDFS4_BOTH, False)
            return [(op, nfs4.BIND_CONN_TO_SESSION4res(0, resok))]
        assert op in (nfs4.OP_DESTROY_SESSION, nfs4.OP_DESTROY_CLIENTID)
        return [(op, nfs4.DESTROY_SESSION4res(0) if op == nfs4.OP_DESTROY_SESSION else nfs4.DESTROY_CLIENTID4res(0))]

    def _reply(self, xid: int, results: list[tuple[int, Any]]) -> bytes:
        status = _status(results[-1]) if results else 0
        body = nfs4.COMPOUND4res(status, b"", [nfs4.nfs_resop4(op, result) for op, result in results])
        return rpc.reply_success(xid) + nfs4.pack_COMPOUND4res(body)

    def call_back(self, sequence_id: int, op: int, args: Any, slot: int = 0) -> None:
        """A callback on the newest connection."""
        sequence = nfs4.CB_SEQUENCE4args(b"0123456789abcdef", sequence_id, slot, 0, True, [])
        compound = nfs4.CB_COMPOUND4args(b"", 2, 0, [
            nfs4.nfs_cb_argop4(nfs4.OP_CB_SEQUENCE, sequence), nfs4.nfs_cb_argop4(op, args)])
        call = rpc.pack_call(sequence_id, CALLBACK_PROGRAM, 1, 1, rpc.AUTH_NONE, [nfs4.pack_CB_COMPOUND4args(compound)])
        self.connections[-1].answer(b"".join(call))

    def callback_statuses(self) -> list[int]:
        """COMPOUND statuses of the answers to callbacks."""
        found = []
        for record in self.callback_answers:
            reply = rpc.unpack_reply(record, 0, len(record))
            found.append(nfs4.unpack_CB_COMPOUND4res(record, reply.results_pos)[0].status)
        return found


def _status(result: tuple[int, Any]) -> int:
    encoded = nfs4.RES[result[0]][1](result[1])
    return int.from_bytes(encoded[:4], "big")
