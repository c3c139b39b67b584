"""Front ends that move data, data servers in memory with faults, and clients without pNFS. In an event loop."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec

from mdscluster.fsm import fences, io_claims
from mdscluster.fsm.commands import ConfigureCluster, DataServerUpdate, IoClaimsInForce, pack_internal
from mdscluster.fsm.settings import Settings
from mdscluster.nfs_frontend.dispatcher import Dispatcher
from mdscluster.nfs_frontend.proxy import ProxyIo
from nfsclient.data_servers import DataServerFailed
from nfswire import dsfh, nfs4
from tests.unit.dataserver.support.wire import KEY
from tests.unit.nfs_frontend.nodes import ANONYMOUS, getfh, handle_in, opening, putfh, result_of
from tests.unit.nfs_frontend.support import Client, FakeConnection, World

UNIT = 1 << 16
UNSTABLE, FILE_SYNC = nfs4.UNSTABLE4, nfs4.FILE_SYNC4


def read(offset: int, count: int, stateid: nfs4.stateid4 = ANONYMOUS) -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_READ, nfs4.READ4args(stateid, offset, count))


def write(
    offset: int, data: bytes, stable: int = UNSTABLE, stateid: nfs4.stateid4 = ANONYMOUS
) -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_WRITE, nfs4.WRITE4args(stateid, offset, stable, data))


def commit(offset: int = 0, count: int = 0) -> nfs4.nfs_argop4:
    return nfs4.nfs_argop4(nfs4.OP_COMMIT, nfs4.COMMIT4args(offset, count))


class FakeServer:
    """One data server in memory, with faults."""

    def __init__(self) -> None:
        self.objects: dict[tuple[int, int], bytearray] = {}
        self.verifier = b"verifier"
        self.takes: int = 1 << 30
        self.fails: list[int | None] = []
        self.fences: list[dsfh.Fence] = []
        self.calls = 0
        self.commits = 0

    def _enter(self, handle: bytes) -> tuple[int, int]:
        self.calls += 1
        if self.fails:
            raise DataServerFailed(self, self.fails.pop(0), "on demand")  # type: ignore[arg-type]
        capability = dsfh.unpack_ds_fh(KEY, handle)
        assert capability is not None
        if dsfh.refused(self.fences, capability):
            raise DataServerFailed(self, nfs4.NFS4ERR_STALE, "fenced")  # type: ignore[arg-type]
        return capability.fileid, capability.stripe_index

    @property
    def name(self) -> str:
        return "fake"

    async def read(self, handle: bytes, stateid: nfs4.stateid4, offset: int, count: int) -> nfs4.READ4resok:
        key = self._enter(handle)
        await asyncio.sleep(0)
        return nfs4.READ4resok(True, bytes(self.objects.get(key, b"")[offset : offset + count]))

    async def write(
        self, handle: bytes, stateid: nfs4.stateid4, offset: int, stable: int, data: memoryview
    ) -> nfs4.WRITE4resok:
        key = self._enter(handle)
        await asyncio.sleep(0)
        taken = bytes(data[: self.takes])
        held = self.objects.setdefault(key, bytearray())
        held.extend(bytes(max(0, offset + len(taken) - len(held))))
        held[offset : offset + len(taken)] = taken
        return nfs4.WRITE4resok(len(taken), stable, self.verifier)

    async def commit(self, handle: bytes) -> bytes:
        self._enter(handle)
        self.commits += 1
        return self.verifier


class FakeServers:
    """By address, as nfsclient.data_servers.DataServers."""

    def __init__(self) -> None:
        self.by_port = {1001: FakeServer(), 1002: FakeServer(), 1003: FakeServer()}

    def at(self, addresses: tuple[tuple[str, int], ...]) -> FakeServer:
        return self.by_port[addresses[0][1]]

    def each(self) -> list[FakeServer]:
        return list(self.by_port.values())


class PausedServers:
    """The same data servers, seen from a node that is paused as it is about to write: ``go_on`` ends that."""

    def __init__(self, servers: FakeServers) -> None:
        self._servers = servers
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    def at(self, addresses: tuple[tuple[str, int], ...]) -> Any:
        return _PausedServer(self, self._servers.at(addresses))


class _PausedServer:
    def __init__(self, paused: PausedServers, server: FakeServer) -> None:
        self._paused = paused
        self._server = server
        self.read = server.read
        self.commit = server.commit

    async def write(self, *args: Any) -> nfs4.WRITE4resok:
        self._paused.reached.set()
        await self._paused.go_on.wait()
        return await self._server.write(*args)


class ProxyWorld(World):
    """Two front ends that move data; in an event loop."""

    def __init__(self, path: Path, ports: list[int]) -> None:
        super().__init__(path)
        settings = Settings(cluster_id=0x1234567, name=b"test", capability_key=KEY, stripe_unit_bytes=UNIT)
        self.internal(ConfigureCluster(msgspec.msgpack.encode(settings)))
        self.ports = ports
        self.servers: list[Any] = []
        self.replica.on_event = self._on_event
        for number in range(len(ports)):
            self.server_is(number, up=True)

    def _on_event(self, event: bytes) -> None:
        """A leader whose data servers answer at once."""
        if event != fences.EVENT_FENCE:
            return
        tables = self.replica.machine.tables
        with self.replica.env.begin() as txn:
            version, entries = fences.fences(txn, tables)
            claims = io_claims.pending(txn, tables)
        for servers in self.servers:
            for server in servers.each():
                server.fences = [dsfh.Fence(*entry) for entry in entries]
        self.internal(IoClaimsInForce([client_id for client_id, _ in claims], version))

    def internal(self, command: Any) -> None:
        self.replica.propose(pack_internal(command), lambda _: None)

    def server_is(self, number: int, *, up: bool) -> None:
        self.internal(DataServerUpdate(f"ds{number + 1}", "127.0.0.1", self.ports[number], up, 1 << 40, 1 << 39))

    def front_end(self, servers: Any) -> Dispatcher:
        loop = asyncio.get_running_loop()
        node = Dispatcher(self.replica, loop.call_soon, clock_s=loop.time)
        node.reload_settings()
        node.run_io = ProxyIo(node, servers, os.urandom(8)).start
        if isinstance(servers, FakeServers):
            self.servers.append(servers)
        return node


class IoClient(Client):
    """A client without pNFS."""

    def __init__(self, world: World, owner: bytes, node: Dispatcher) -> None:
        super().__init__(world, owner)
        self.node = node
        self.link = world.connect()
        self.sequence = 0

    async def started(self) -> IoClient:
        args = nfs4.EXCHANGE_ID4args(
            nfs4.client_owner4(b"verifier", self.owner), 0, nfs4.state_protect4_a(nfs4.SP4_NONE), []
        )
        known = self.call(self.node, self.link, [nfs4.nfs_argop4(nfs4.OP_EXCHANGE_ID, args)])
        self.client_id = known.resarray[0].arm.eir_resok4.eir_clientid
        channel = nfs4.channel_attrs4(0, 2 << 20, 2 << 20, 8192, 32, 4, [])
        create = nfs4.CREATE_SESSION4args(
            self.client_id, known.resarray[0].arm.eir_resok4.eir_sequenceid, 0, channel, channel, 0x40000000, []
        )
        made = self.call(self.node, self.link, [nfs4.nfs_argop4(nfs4.OP_CREATE_SESSION, create)])
        self.session_id = made.resarray[0].arm.csr_resok4.csr_sessionid
        await self.ok(nfs4.nfs_argop4(nfs4.OP_RECLAIM_COMPLETE, nfs4.RECLAIM_COMPLETE4args(False)))
        return self

    def record(self, *operations: nfs4.nfs_argop4) -> bytes:
        self.sequence += 1
        return self.compound(self.sequence, list(operations), cache=False)

    async def deliver(
        self, record: bytes, node: Dispatcher | None = None, link: FakeConnection | None = None
    ) -> nfs4.COMPOUND4res | None:
        """The reply; None when the connection was closed instead."""
        node, link = node or self.node, link or self.link
        before = len(link.sent)
        node.receive(link, record, 0, len(record))
        for _ in range(1000):
            if len(link.sent) > before:
                return self.decode(link.sent[-1])
            if link.aborted is not None:
                return None
            await asyncio.sleep(0.01)
        raise AssertionError("no answer")

    async def run(self, *operations: nfs4.nfs_argop4) -> nfs4.COMPOUND4res:
        result = await self.deliver(self.record(*operations))
        assert result is not None
        return result

    async def ok(self, *operations: nfs4.nfs_argop4) -> nfs4.COMPOUND4res:
        result = await self.run(*operations)
        assert result.status == 0, nfs4.STATUS_NAMES.get(result.status)
        return result

    async def status(self, *operations: nfs4.nfs_argop4) -> str:
        return nfs4.STATUS_NAMES[(await self.run(*operations)).status]

    async def create(self, name: bytes) -> bytes:
        return handle_in(await self.ok(*opening(name, self.client_id), getfh()))

    async def read(self, handle: bytes, offset: int, count: int) -> bytes:
        return bytes(result_of(await self.ok(putfh(handle), read(offset, count)), nfs4.OP_READ).resok4.data)


def written(result: nfs4.COMPOUND4res) -> Any:
    return result_of(result, nfs4.OP_WRITE).resok4


def verifier_in(result: nfs4.COMPOUND4res) -> bytes:
    verifier: bytes = result_of(result, nfs4.OP_COMMIT).resok4.writeverf
    return verifier
