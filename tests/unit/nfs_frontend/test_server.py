"""The listener over real sockets: what one client may make a node hold, and what the others feel of it (INV-7)."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mdscluster.config import Limits
from mdscluster.fsm import client_connections
from mdscluster.nfs_frontend.callbacks import Callbacks
from mdscluster.nfs_frontend.connection import ClientConnection
from mdscluster.nfs_frontend.dispatcher import Dispatcher
from mdscluster.nfs_frontend.exports import make_rule
from mdscluster.nfs_frontend.quorum import READ_ONLY
from mdscluster.nfs_frontend.server import NfsServer
from nfswire import nfs4
from tests.unit.nfs_frontend.support import Client, World, mkdir, putroot

LIMITS = Limits(
    max_connections=8, max_unsent_bytes=1 << 18, max_requests_in_flight=64, max_sessionless_bytes=4 << 20,
)  # fmt: skip
ENTRIES = 800
PIPELINED = 1500


class Served(World):
    """One node that listens on a port of its own."""

    async def start(self) -> Served:
        self.sockets: list[socket.socket] = []
        loop = asyncio.get_running_loop()
        self.dispatcher = Dispatcher(self.replica, loop.call_soon, clock_s=time.monotonic)
        callbacks = Callbacks(self.dispatcher, 0, loop.call_later)
        self.service_addresses: set[str] = set()
        self.server = NfsServer(
            self.dispatcher, callbacks, [make_rule(["0.0.0.0/0"], root_squash=False)], LIMITS, 0,
            self.service_addresses.__contains__,
        )  # fmt: skip
        await self.server.listen("127.0.0.1", 0)
        assert self.server._server is not None
        self.port = self.server._server.sockets[0].getsockname()[1]
        return self

    async def dial(self, receive_bytes: int = 0) -> socket.socket:
        sock = socket.socket()
        self.sockets.append(sock)
        sock.setblocking(False)
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        return sock

    async def until_connections(self, count: int) -> None:
        for _ in range(200):
            if len(self.server.connections) == count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{len(self.server.connections)} connections")


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[Served]:
    served = await Served(tmp_path).start()
    yield served
    for sock in served.sockets:
        sock.close()
    await served.server.close()
    await asyncio.sleep(0)


def marked(record: bytes) -> bytes:
    return struct.pack(">I", 0x80000000 | len(record)) + record


async def ask(sock: socket.socket, record: bytes) -> bytes:
    """Send a record, receive one."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, marked(record))
    head = b""
    while len(head) < 4:
        head += await loop.sock_recv(sock, 4 - len(head)) or _closed()
    left = struct.unpack(">I", head)[0] & 0x7FFFFFFF
    body = b""
    while len(body) < left:
        body += await loop.sock_recv(sock, left - len(body)) or _closed()
    return body


def _closed() -> bytes:
    raise ConnectionResetError("closed by the server")


async def session(node: Served, sock: socket.socket, owner: bytes, slots: int = 64) -> Client:
    client = Client(node, owner)
    exchange = nfs4.EXCHANGE_ID4args(
        nfs4.client_owner4(b"verifier", owner), 0, nfs4.state_protect4_a(nfs4.SP4_NONE), []
    )
    made = await _call(client, sock, nfs4.nfs_argop4(nfs4.OP_EXCHANGE_ID, exchange))
    known = made.resarray[0].arm.eir_resok4
    client.client_id = known.eir_clientid
    channel = nfs4.channel_attrs4(0, 1 << 20, 1 << 20, 8192, 64, slots, [])
    create = nfs4.CREATE_SESSION4args(client.client_id, known.eir_sequenceid, 0, channel, channel, 0x40000000, [])
    made = await _call(client, sock, nfs4.nfs_argop4(nfs4.OP_CREATE_SESSION, create))
    client.session_id = made.resarray[0].arm.csr_resok4.csr_sessionid
    return client


async def _call(client: Client, sock: socket.socket, operation: nfs4.nfs_argop4) -> nfs4.COMPOUND4res:
    record = client.raw(nfs4.pack_COMPOUND4args(nfs4.COMPOUND4args(b"", 1, [operation])))
    return client.decode(await ask(sock, record))


def readdir() -> nfs4.nfs_argop4:
    wanted = 1 << nfs4.FATTR4_TYPE | 1 << nfs4.FATTR4_CHANGE | 1 << nfs4.FATTR4_FILEID | 1 << nfs4.FATTR4_OWNER
    return nfs4.nfs_argop4(nfs4.OP_READDIR, nfs4.READDIR4args(0, bytes(8), 0, 1 << 20, wanted))


@pytest.mark.asyncio
async def test_who_does_not_read_its_replies_waits_alone(node: Served) -> None:
    """INV-7: thousands of READDIRs of one client hold up nobody else, and fill no memory."""
    sock = await node.dial(4096)
    flood = await session(node, sock, b"flood")
    for first in range(0, ENTRIES, 40):
        names = [mkdir(b"%040d" % number) for number in range(first, first + 40)]
        made = flood.compound(1 + first // 40, [one for name in names for one in (putroot(), name)][:60])
        assert Client.decode(await ask(sock, made)).status == 0
    other = await node.dial()
    client = await session(node, other, b"other")
    requests = [flood.compound(n, [putroot(), readdir()], slot=1, cache=False) for n in range(1, PIPELINED + 1)]
    sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(sock, b"".join(map(marked, requests))))
    longest_s = 0.0
    for number in range(1, 60):
        began_s = time.monotonic()
        assert Client.decode(await ask(other, client.compound(number, [putroot()]))).status == 0
        longest_s = max(longest_s, time.monotonic() - began_s)
        await asyncio.sleep(0.01)
    assert longest_s < 0.5, f"another client waited for {longest_s:.3f} s"
    (connection,) = [one for one in node.server.connections if one.congested]
    assert connection.in_flight <= LIMITS.max_requests_in_flight
    assert connection._transport is not None
    assert connection._transport.get_write_buffer_size() < LIMITS.max_unsent_bytes + (1 << 17)
    loop = asyncio.get_running_loop()
    total = 0
    while not sending.done() or connection.in_flight or connection._buffer:
        total += len(await asyncio.wait_for(loop.sock_recv(sock, 1 << 20), 10))
    assert total > 20 * LIMITS.max_unsent_bytes, "and who begins to read gets all of it"


@pytest.mark.asyncio
async def test_idle_connections_lock_nobody_out(node: Served) -> None:
    """INV-7: those without a session go first, the oldest of them; those with one stay."""
    kept = await node.dial()
    client = await session(node, kept, b"kept")
    assert Client.decode(await ask(kept, client.compound(1, [putroot()]))).status == 0
    for _ in range(3 * LIMITS.max_connections):
        await node.dial()
    await node.until_connections(LIMITS.max_connections)
    newcomer = await node.dial()
    await session(node, newcomer, b"newcomer")
    assert Client.decode(await ask(kept, client.compound(2, [putroot()]))).status == 0
    node.server.tick(LIMITS.sessionless_timeout_ms + 1)
    await node.until_connections(1)
    assert Client.decode(await ask(kept, client.compound(3, [putroot()]))).status == 0, "with a session it may idle"


@pytest.mark.asyncio
async def test_records_that_do_not_end_are_bounded_in_time_and_memory(node: Served) -> None:
    """INV-7: half records of clients that nobody knows."""
    loop = asyncio.get_running_loop()
    half = struct.pack(">I", 0x80000000 | 2 << 20) + bytes((2 << 20) - 8)
    for _ in range(LIMITS.max_connections):
        sock = await node.dial()
        await asyncio.wait_for(loop.sock_sendall(sock, half), 5)
    await asyncio.sleep(0.05)
    held = sum(connection.held_bytes for connection in node.server.connections)
    assert 0 < held <= LIMITS.max_sessionless_bytes
    node.server.tick(LIMITS.record_timeout_ms + 1)
    await node.until_connections(0)
    assert node.server._held_bytes == 0


@pytest.mark.asyncio
async def test_a_connection_that_was_reset_before_it_was_accepted_is_dropped(node: Served) -> None:
    """INV-7: there is no peer to name."""

    class Gone(asyncio.Transport):
        aborted = False

        def abort(self) -> None:
            self.aborted = True

    connection, transport = ClientConnection(node.server), Gone()
    connection.connection_made(transport)
    assert transport.aborted
    assert connection not in node.server.connections


@pytest.mark.asyncio
async def test_connections_are_noted_for_as_long_as_they_stand(node: Served) -> None:
    """Once by them a session is used; and not one that was gone when its first request had had its turn."""
    noted = node.server.whereabouts
    assert noted.change("n") is None
    sock = await node.dial()
    await node.until_connections(1)
    (connection,) = node.server.connections
    assert noted.change("n") is None, "a stranger"
    connection.note_session()
    change = noted.change("n")
    assert change is not None
    assert [client_connections.unpack(path)[:2] for path in change.opened] == [("127.0.0.1", node.port)]
    noted.told(change, done=True)
    sock.close()
    await node.until_connections(0)
    gone = noted.change("n")
    assert gone is not None
    assert (gone.opened, gone.closed) == ([], change.opened)
    noted.told(gone, done=True)
    connection.note_session()
    assert noted.change("n") is None, "it would be noted for good"


async def is_reset(sock: socket.socket) -> bool:
    """Whether the connection ends by a reset; False where it stands, or ends otherwise."""
    try:
        async with asyncio.timeout(0.3):
            await asyncio.get_running_loop().sock_recv(sock, 1)
    except ConnectionResetError:
        return True
    except TimeoutError:
        pass
    return False


@pytest.mark.asyncio
async def test_a_connection_that_is_closed_leaves_nothing_in_the_kernel(node: Served) -> None:
    """INV-7: where its client cannot be reached (the node is cut off), it could not end; and when the service address
    is back, it would answer for the node, and the client that comes from the same port would wait for a minute."""
    sock = await node.dial()
    await node.until_connections(1)
    node.server.close_clients("this node has lost its quorum")
    assert await is_reset(sock)
    await node.until_connections(0)


@pytest.mark.asyncio
async def test_nor_does_one_whose_client_was_done_already(node: Served) -> None:
    """INV-7: what it has not read yet keeps the connection, and would for as long as nobody reaches it."""
    sock = await node.dial(4096)
    await node.until_connections(1)
    (connection,) = node.server.connections
    assert connection._transport is not None
    connection._transport.write(bytes(8 << 20))
    sock.shutdown(socket.SHUT_WR)
    while not connection._transport.is_closing():  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.01)
    assert connection in node.server.connections
    node.server.close_clients("this node has lost its quorum")
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(5):
            while await asyncio.get_running_loop().sock_recv(sock, 1 << 20):
                pass


@pytest.mark.asyncio
async def test_connections_by_an_address_that_was_elsewhere_end_when_it_is_back(node: Served) -> None:
    """INV-7: their clients have new ones. Not before, as it may be away for too short a time for anybody to notice; and
    none that came since, or by another address."""
    old = await node.dial()
    await node.until_connections(1)
    here = {"127.0.0.1", "127.0.0.2"}
    node.server.address_came("127.0.0.1", here)
    node.server.address_left("127.0.0.2")
    node.server.address_came("127.0.0.2", here)
    node.server.address_left("127.0.0.1")
    assert not await is_reset(old)
    node.server.address_came("127.0.0.1", here)
    assert await is_reset(old)
    await node.until_connections(0)
    new = await node.dial()
    await node.until_connections(1)
    node.server.address_came("127.0.0.1", here)
    assert not await is_reset(new)


@pytest.mark.asyncio
async def test_so_do_those_that_another_node_passed_on_by_that_address(node: Served) -> None:
    """INV-7: their own address is none of this node's interfaces (deploy/spreading.py)."""
    spread = await node.dial()
    await node.until_connections(1)
    node.server.address_left("127.0.0.2")
    node.server.address_came("127.0.0.2", {"127.0.0.2"})
    assert await is_reset(spread)


@pytest.mark.asyncio
async def test_without_a_quorum_nobody_is_accepted_at_a_service_address(node: Served) -> None:
    """INV-4: a client that comes back to an address which should have left would be told an old state, on and on."""
    loop = asyncio.get_running_loop()
    node.service_addresses.add("127.0.0.1")
    await node.dial()
    await node.until_connections(1)
    node.dispatcher.change_service(READ_ONLY)
    with pytest.raises(ConnectionResetError):
        late = await node.dial()
        await asyncio.wait_for(loop.sock_recv(late, 1), 2)
    node.service_addresses.clear()
    await node.dial()
    await node.until_connections(2)
