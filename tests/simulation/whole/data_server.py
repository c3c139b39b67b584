"""Data servers: the product's authority, sessions, operations, heartbeats and control service, objects kept in memory.

Threads, sockets and the disk are left out; what decides whether an I/O is accepted is the product's own code. As no
thread waits in it, a request is one moment here: I/O that is under way while a fence comes is not simulated.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import grpc

from dataserver import compound
from dataserver.authority import Authority
from dataserver.config import DsConfig, Limits, MdsPeer, TlsPaths
from dataserver.control import ControlService
from dataserver.core import Core, Identity
from dataserver.counters import Counters
from dataserver.deletions import Deletions
from dataserver.heartbeats import CALL_TIMEOUT_S, Heartbeats
from dataserver.leadership import Leadership
from dataserver.life import Life
from dataserver.objects import Space
from dataserver.sessions import Registry
from mdsproto import control_pb2, credentials
from mdsproto.configfile import Address
from mdsproto.mandate import Mandate
from nfswire import dsfh, rpc
from tests.simulation.whole.network import Network, Stream
from tests.support.timeline import Process

if TYPE_CHECKING:
    from tests.simulation.whole.simulation import WholeSimulation

CONTROL_PORT = 2300
IO_BYTES_MAX = 1 << 16
_MARK = struct.Struct(">I")


class Refused(Exception):
    """The other side ended the call."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code, self.details = code, details


class Certificate:
    """What gRPC would tell of a caller: the names in its certificate, and how long it waits: for ever."""

    def __init__(self, name: str, role: str) -> None:
        self._names = [name.encode(), credentials.role_name(role).encode()]

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_subject_alternative_name": self._names}

    def time_remaining(self) -> None:
        return None

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Refused(code, details)


class MemoryObject:
    """One object. ``durable`` is what a power failure leaves."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.durable = b""
        self.suspect = False


class MemoryDirectory:
    """``dataserver.datadir.DataDir``: the store's identity."""

    replaces = False

    def __init__(self, store_id: bytes) -> None:
        self.store_id = store_id

    def set_replaces(self, *, replaces: bool) -> None:
        self.replaces = replaces


class MemoryStore:
    """``dataserver.objects.ObjectStore`` without a file system."""

    def __init__(self, rng: Random, store_id: bytes) -> None:
        self._rng = rng
        self.directory = MemoryDirectory(store_id)
        self.objects: dict[tuple[int, int], MemoryObject] = {}
        self.verifier = rng.randbytes(8)

    def restart(self, *, power_loss: bool) -> None:
        self.verifier = self._rng.randbytes(8)
        if power_loss:
            for entry in self.objects.values():
                entry.data = bytearray(entry.durable)

    def get(self, fileid: int, stripe: int) -> MemoryObject | None:
        return self.objects.get((fileid, stripe))

    def get_or_create(self, fileid: int, stripe: int) -> MemoryObject:
        return self.objects.setdefault((fileid, stripe), MemoryObject())

    def read(self, entry: MemoryObject, view: memoryview, offset: int) -> int:
        piece = entry.data[offset : offset + len(view)]
        view[: len(piece)] = piece
        return len(piece)

    def size(self, entry: MemoryObject) -> int:
        return len(entry.data)

    def write(self, entry: MemoryObject, data: bytes | memoryview, offset: int) -> int:
        entry.data.extend(bytes(max(0, offset + len(data) - len(entry.data))))
        entry.data[offset : offset + len(data)] = data
        return len(data)

    def sync(self, entry: MemoryObject) -> None:
        entry.durable = bytes(entry.data)

    def delete(self, fileids: Iterable[tuple[int, Iterable[int]]]) -> int:
        wanted = {fileid for fileid, _ in fileids}
        found = [key for key in self.objects if key[0] in wanted]
        for key in found:
            del self.objects[key]
        return len(found)

    def truncate(self, fileid: int, stripes: Iterable[int], size_bytes: int) -> None:
        for key, entry in self.objects.items():
            if key[0] == fileid:
                del entry.data[size_bytes:]
                entry.durable = bytes(entry.data)

    def space(self) -> Space:
        return Space(1 << 40, 1 << 39)


class Tombstones:
    """``dataserver.tombstones.Tombstones`` on a disk that keeps everything."""

    def __init__(self) -> None:
        self.ids: dict[int, None] = {}

    def add(self, fileids: Iterable[int]) -> list[int]:
        self.ids.update(dict.fromkeys(fileids))
        return []

    def clear(self) -> None:
        self.ids.clear()


class SimDataServer:
    """One data server, through all its lives."""

    def __init__(self, world: WholeSimulation, number: int, key_file: Path) -> None:
        self.world = world
        self.ds_id = f"ds{number}"
        self.network: Network = world.net
        host = f"10.0.1.{number}"
        self.address = (host, 2049)
        mds = tuple(MdsPeer(node_id, Address("127.0.0.1", 1)) for node_id in world.ids)
        self.config = DsConfig(
            self.ds_id, key_file.parent, key_file, Address(host, 2049), Address(host, CONTROL_PORT),
            TlsPaths(key_file, key_file, key_file), mds, lease_ms=world.ds_lease_ms,
            heartbeat_ms=world.ds_lease_ms // 4, limits=Limits(max_io_bytes=IO_BYTES_MAX),
        )  # fmt: skip
        self.key = self.config.cluster_key()
        self.store = MemoryStore(world.data_rng, self.ds_id.encode().ljust(16, b"-"))
        self.tombstones = Tombstones()
        self.mandate: Mandate | None = None
        """What ``dataserver.leadership.MandateFile`` would hold."""
        self.instance = 0
        self._certificate = Certificate(self.ds_id, credentials.ROLE_DS)
        self.process = Process(world.timeline, self.ds_id)
        self.process.alive = False

    def start(self) -> None:
        world = self.world
        self.instance += 1
        self.process = Process(world.timeline, self.ds_id, rate=world.data_rng.uniform(0.99, 1.01))
        self._reported: dict[int, int] = {}  # by file: up to where a quorum knows of stable writes
        self.life = Life()
        self.authority = Authority(self.key, self.clock_ns, self.life, lease_wait_ms=0, deleted=self.tombstones.ids)
        store: Any = self.store
        tombstones: Any = self.tombstones
        self.deletions = Deletions(self.authority, store, tombstones, self.clock_ns, self.life)
        self.core = Core(
            authority=self.authority, store=store,
            registry=Registry(sessions_max=64, draw_id=world.data_rng.randbytes), limits=self.config.limits,
            identity=Identity.of("sim", self.ds_id), report_write=self._report_write, wall_ns=self.clock_ns,
        )  # fmt: skip
        self.leadership = Leadership(self.mandate, self._keep_mandate, self.life)
        self.heartbeats = Heartbeats(
            self.config, self.instance, self.key, {peer.id: self._no_beat for peer in self.config.mds},
            self.authority, store, self.deletions, self.leadership, self.life,
        )  # fmt: skip
        self.heartbeats.threads()  # none is wanted, now or later
        self.control = ControlService(self.authority, store, self.deletions, self.leadership, self.life)
        self.network.listen(self.address, self.process, lambda stream: _Connection(self, stream))
        for peer in self.config.mds:
            self.process.after(world.data_rng.uniform(1, self.config.heartbeat_ms), lambda to=peer.id: self._beat(to))  # type: ignore[misc]

    def _keep_mandate(self, mandate: Mandate) -> None:
        self.mandate = mandate

    def start_again(self) -> None:
        """Unless it runs."""
        if not self.process.alive:
            self.world.note(self.ds_id, "starts")
            self.start()

    def kill(self, *, power_loss: bool) -> None:
        self.process.die()
        self.store.restart(power_loss=power_loss)

    def clock_ns(self) -> int:
        return int((self.process.now_ms() + 1) * 1_000_000)

    @staticmethod
    def _no_beat(request: control_pb2.HeartbeatRequest, timeout_s: float) -> control_pb2.HeartbeatReply:
        raise AssertionError("a heartbeat is a question and an answer here")

    def _report_write(self, fileid: int, client_id: int, stripe: int, end_offset: int, mtime_ns: int) -> bool:
        """Whether a quorum has committed the report. The product waits for it; here the writer has to come again."""
        if self._reported.get(fileid, 0) >= end_offset:
            del self._reported[fileid]
            return True
        write = control_pb2.WriteReport(
            fileid=fileid, client_id=client_id, stripe=stripe, end_offset=end_offset, mtime_ns=mtime_ns
        )
        request = control_pb2.ReportWritesRequest(ds_id=self.ds_id, writes=[write])
        context: Any = self._certificate

        def end(reply: control_pb2.ReportWritesReply | None) -> None:
            if reply is not None and reply.committed and not reply.refused:
                self._reported[fileid] = max(self._reported.get(fileid, 0), end_offset)

        node_id = self.world.data_rng.choice(self.world.ids)
        self.world.ask_node(self.process, node_id, lambda control: control.ReportWrites(request, context), end)
        return False

    # Heartbeats.

    def _beat(self, mds_id: str) -> None:
        question, request = self.heartbeats.ask()
        process, ended = self.process, False

        def end(reply: control_pb2.HeartbeatReply | None) -> None:
            nonlocal ended
            if ended:
                return
            ended = True
            if reply is None:
                self.heartbeats.unanswered(question)
            elif self.heartbeats.answered(mds_id, question, reply):
                self.deletions.work()  # its thread has its turn
                self.world.oracle.lease_renewed(self)
            process.after(self.config.heartbeat_ms, lambda: self._beat(mds_id))

        context: Any = self._certificate
        self.world.ask_node(self.process, mds_id, lambda control: control.Heartbeat(request, context), end)
        process.after(CALL_TIMEOUT_S * 1000, lambda: end(None))

    # What is asked of it.

    def accepts(self, handle: bytes) -> bool:
        """Whether an I/O with this handle would be accepted now, as ``dataserver.compound`` decides it."""
        if not self.process.alive:
            return False
        ticket = self.authority.ticket()
        table = self.authority.enter(ticket)
        self.authority.drop(ticket)
        return table is not None and not isinstance(table.judge(handle), int)

    def capability(self, handle: bytes) -> dsfh.Capability | None:
        return dsfh.unpack_ds_fh(self.key, handle)


class _Connection:
    """A client's connection to a data server."""

    def __init__(self, server: SimDataServer, stream: Stream) -> None:
        self._server, self._stream = server, stream
        self._ticket = server.authority.ticket()
        self._counters = Counters()
        self._scratch = memoryview(bytearray(IO_BYTES_MAX + 4096))
        self._buffer = b""

    def received(self, data: bytes) -> None:
        data = self._buffer + data
        pos = 0
        while len(data) - pos >= 4:
            end = pos + 4 + (_MARK.unpack_from(data, pos)[0] & 0x7FFFFFFF)
            if end > len(data):
                break
            record = data[pos + 4 : end]
            reply = compound.serve(
                self._server.core, self._ticket, self._counters, self._scratch, record, 0, len(record)
            )
            if reply:
                self._stream.send(
                    self._server.process, rpc.record_mark(sum(map(len, reply))) + b"".join(map(bytes, reply))
                )
            pos = end
        self._buffer = data[pos:]

    def lost(self, reason: str) -> None:
        self._server.authority.drop(self._ticket)
