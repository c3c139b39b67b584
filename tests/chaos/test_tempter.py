"""What counts as asked of a node that is cut off: what reached its host, and nothing that a client merely sent."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mdscluster.nfs_frontend.quorum import REFUSING, SERVING
from nfswire.xdr import Payload
from tests.chaos.drill_judge import ASKED_MIN
from tests.chaos.tempter import OWN, SERVICE, Temptation, WiredRuntime, Words, _tempt
from tests.unit.nfs_frontend.test_server import Served

FILLER_BYTES = 16 << 20
"""More than all buffers between two sockets on one machine take."""
TIMEOUT_S, POLL_S = 20.0, 0.01
CONNECT_MS = 5_000
CUT_S = 3.0


class Silent:
    """A receiver that nothing comes to."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def record_received(self, record: Payload) -> None:
        raise AssertionError("nobody answers")

    def connection_lost(self, reason: str) -> None:
        self.lost.set()


def listener() -> socket.socket:
    """Its kernel takes connections in; nobody accepts them yet."""
    found = socket.create_server(("127.0.0.1", 0))
    found.setblocking(False)
    return found


async def until(runtime: WiredRuntime, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not true():
            await asyncio.sleep(POLL_S)
            runtime.look()


def test_a_change_was_asked_for_once_the_other_end_has_all_of_it() -> None:
    """INV-6: on an established connection, what waits in this host's queues has reached nobody."""

    async def script() -> None:
        reached: list[str] = []
        runtime = WiredRuntime(reached.append)
        with listener() as server:
            wire = await runtime.connect(server.getsockname(), Silent(), CONNECT_MS)
            wire.send([b"mkdir ", b"asked-000001"])
            assert reached == []
            await until(runtime, lambda: reached == ["asked-000001"])
            wire.send([b"no change"])
            wire.send([bytes(FILLER_BYTES), b"asked-000002"])
            wire.send([b"asked-000003"])
            for _ in range(20):
                await asyncio.sleep(POLL_S)
                runtime.look()
            assert reached == ["asked-000001"], "the other end has not taken it in"
            loop = asyncio.get_running_loop()
            connection, _ = await loop.sock_accept(server)
            with connection:
                wanted = FILLER_BYTES
                while wanted > 0:
                    wanted -= len(await loop.sock_recv(connection, 1 << 20))
                await until(runtime, lambda: len(reached) == 3)
            assert reached == ["asked-000001", "asked-000002", "asked-000003"], "each once, in order"
            wire.close()

    asyncio.run(script())


def test_a_connection_that_ends_tells_what_had_reached_the_other_end() -> None:
    """INV-6: a node without quorum ends connections that it took in: what it got counts, the rest does not."""

    async def script() -> None:
        reached: list[str] = []
        runtime, receiver = WiredRuntime(reached.append), Silent()
        with listener() as server:
            wire = await runtime.connect(server.getsockname(), receiver, CONNECT_MS)
            wire.send([b"asked-000001"])
            loop = asyncio.get_running_loop()
            connection, _ = await loop.sock_accept(server)
            assert await loop.sock_recv(connection, 100)
            wire.send([bytes(FILLER_BYTES), b"asked-000002"])
            await asyncio.sleep(POLL_S)
            connection.close()  # with unread bytes: a reset
            await asyncio.wait_for(receiver.lost.wait(), TIMEOUT_S)
            assert reached == ["asked-000001"]
            runtime.look()
            assert reached == ["asked-000001"]
            assert wire.closed

    asyncio.run(script())


def test_who_takes_no_connection_in_was_asked_for_nothing() -> None:
    """INV-6: an address without a listener, is an ``OSError`` as of every connection."""

    async def script() -> None:
        runtime = WiredRuntime(lambda name: None)
        with listener() as server:
            gone = server.getsockname()
        with pytest.raises(ConnectionRefusedError):
            await runtime.connect(gone, Silent(), CONNECT_MS)

    asyncio.run(script())


def test_a_node_that_refuses_is_asked_again_and_again(tmp_path: Path) -> None:
    """INV-6: closed at once by a node without quorum, the clients come back with what they ask for, and it counts. What
    is asked only afterwards, or was before, does not."""

    async def script() -> Temptation:
        node = await Served(tmp_path / "node").start()
        out = tmp_path / "tempter"
        out.mkdir()
        address = ("127.0.0.1", node.port)
        tempting = asyncio.create_task(_tempt({SERVICE: address, OWN: address}, out))
        await calm(out, 3)
        node.dispatcher.change_service(REFUSING)
        node.server.close_clients("this node has lost its quorum")
        cut = Temptation("mds1", time.monotonic())
        await asyncio.sleep(CUT_S)
        cut.until_s = time.monotonic()
        node.dispatcher.change_service(SERVING)
        await calm(out, 20)
        (out / "stop").touch()
        await asyncio.wait_for(tempting, TIMEOUT_S)
        words = msgspec.json.decode((out / "report.json").read_bytes(), type=Words)
        cut.attempts, cut.missing = words.attempts, words.missing
        await node.server.close()
        return cut

    cut = asyncio.run(script())
    assert cut.given_in == []
    assert cut.missing == []
    for place in (SERVICE, OWN):
        asked = [one for one in cut.asked if one.place == place]
        assert ASKED_MIN <= len(asked) < len(cut.acknowledged)
        assert max(len(one.reached_s) for one in asked) > 2, "sent again by each new connection"
    assert cut.until_s - cut.reached_until_s < CUT_S / 2


async def calm(out: Path, count: int) -> None:
    """Until so many changes were acknowledged at each address."""
    async with asyncio.timeout(TIMEOUT_S):
        progress = out / "progress"
        while not progress.exists() or int(progress.read_bytes()) < count:  # noqa: ASYNC110 - no event of a file
            await asyncio.sleep(POLL_S)
