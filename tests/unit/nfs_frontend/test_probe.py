"""The node's question to its own NFS listener, over real sockets, with listeners of every kind of illness."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mdscluster.config import Limits
from mdscluster.nfs_frontend.probe import CONNECTION_MS, Probe
from nfswire import rpc
from tests.unit.nfs_frontend.test_server import Served

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Asked:
    """A probe whose time is the test's."""

    def __init__(self, port: int) -> None:
        self.now_ms = 0
        self.probe = Probe("0.0.0.0", port, lambda: self.now_ms)

    async def ask(self, times: int = 1) -> int:
        """So often, every 100 ms; how long the last answer is ago then."""
        for _ in range(times):
            self.now_ms += 100
            self.probe.ask(self.now_ms)
            for _ in range(40):
                await asyncio.sleep(0.002)
                if self.probe.age_ms(self.now_ms) == 0:
                    break
        return self.probe.age_ms(self.now_ms)


async def listener(serve: Serve) -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.asyncio
async def test_a_listener_that_answers(tmp_path: Path) -> None:
    """NULL calls over one connection, which is made anew now and then."""
    node = await Served(tmp_path).start()
    asked = Asked(node.port)
    assert await asked.ask(times=5) == 0
    assert len(node.server.connections) == 1
    (first,) = node.server.connections
    asked.now_ms += CONNECTION_MS
    assert await asked.ask(times=3) == 0
    await node.until_connections(1)
    assert first not in node.server.connections
    asked.probe.close()
    await node.server.close()


@pytest.mark.asyncio
async def test_a_listener_that_is_full_lives(tmp_path: Path) -> None:
    """INV-7: a node with all the clients it may have closes what it does not know. It must not lose them for that."""
    node = await Served(tmp_path).start()
    node.server.limits = Limits(max_connections=0)
    asked = Asked(node.port)
    assert await asked.ask(times=6) <= 100
    asked.probe.close()
    await node.server.close()


@pytest.mark.asyncio
async def test_a_listener_that_takes_connections_and_says_nothing() -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server, port = await listener(silent)
    asked = Asked(port)
    assert await asked.ask(times=4) == 400
    asked.probe.close()
    gone.set()
    server.close()


@pytest.mark.asyncio
async def test_a_listener_that_talks_nonsense() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(100):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server, port = await listener(babble)
    asked = Asked(port)
    assert await asked.ask(times=4) == 400
    asked.probe.close()
    server.close()


@pytest.mark.asyncio
async def test_no_listener_and_then_one(tmp_path: Path) -> None:
    node = await Served(tmp_path).start()
    port = node.port
    await node.server.close()
    await asyncio.sleep(0.01)
    asked = Asked(port)
    assert await asked.ask(times=3) == 300
    await node.server.listen("127.0.0.1", port)
    assert await asked.ask(times=2) == 0
    asked.probe.close()
    await node.server.close()


@pytest.mark.asyncio
async def test_a_call_that_was_lost_is_given_up_after_a_second() -> None:
    """One connection that goes on and says nothing, and a listener that is well otherwise."""
    asked_by: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(asked_by)
        asked_by.append(0)
        while len(call := await reader.read(1000)) > 8:
            asked_by[number] += 1
            if number:
                reply = rpc.reply_success(int.from_bytes(call[4:8], "big"))
                writer.write(rpc.record_mark(len(reply)) + reply)
        writer.close()

    server, port = await listener(serve)
    asked = Asked(port)
    assert await asked.ask(times=10) == 1_000, "not answered is not answered"
    assert await asked.ask(times=3) == 0
    assert (asked_by[0], len(asked_by)) == (1, 2)
    asked.probe.close()
    await asyncio.sleep(0.01)  # until the listener has seen it
    server.close()


@pytest.mark.asyncio
async def test_a_pause_of_this_process_is_not_the_listener_s(tmp_path: Path) -> None:
    node = await Served(tmp_path).start()
    asked = Asked(node.port)
    assert await asked.ask(times=2) == 0
    asked.now_ms += 6_000
    asked.probe.forgive(6_000, asked.now_ms)
    assert asked.probe.age_ms(asked.now_ms) == 0
    asked.probe.close()
    await node.server.close()


@pytest.mark.asyncio
async def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A name server that fails later is not this listener's illness."""
    node = await Served(tmp_path).start()
    asked = Asked(node.port)
    asked.probe = Probe("localhost.example", node.port, lambda: asked.now_ms)
    looked_up: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        looked_up.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    for _ in range(3):
        assert await asked.ask(times=2) == 0
        asked.now_ms += CONNECTION_MS
    assert looked_up == ["localhost.example"]
    asked.probe.close()
    await node.server.close()
