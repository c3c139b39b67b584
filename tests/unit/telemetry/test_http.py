"""The HTTP server, spoken to in bytes, with whatever comes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from telemetry import http
from telemetry.http import CONNECTIONS_MAX, HEAD_BYTES_MAX, HttpServer, Response, as_json


async def _fine() -> Response:
    return Response(200, b"all is well\n", "text/plain")


async def _bug() -> Response:
    raise KeyError("a bug")


async def _slow() -> Response:
    await asyncio.sleep(60)
    return await _fine()


class Large:
    """Answers that fill any socket's buffers soon, counted."""

    BYTES = 1 << 20

    def __init__(self) -> None:
        self.made = 0

    async def __call__(self) -> Response:
        self.made += 1
        return Response(200, bytes(self.BYTES), "text/plain")


Run = Callable[[Awaitable[None]], None]


def _run(main: Awaitable[None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(main, 20)

    asyncio.run(bounded())


def _run_uvloop(main: Awaitable[None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(main, 20)

    uvloop.run(bounded())


both_loops = pytest.mark.parametrize("run_loop", [_run, _run_uvloop], ids=["asyncio", "uvloop"])
"""A data server's is asyncio's, a front end's uvloop's: their transports count what waits in different ways."""


def run(
    talk: Callable[[int], Awaitable[None]], run_loop: Run = _run, large: Large | None = None
) -> None:
    """Let ``talk`` speak to a server at a port."""

    async def main() -> None:
        server = HttpServer({"/fine": _fine, "/bug": _bug, "/slow": _slow, "/large": large or Large()})
        port = await server.listen("127.0.0.1", 0)
        try:
            await talk(port)
        finally:
            await server.close()

    run_loop(main())


async def exchange(port: int, request: bytes) -> bytes:
    """All that is answered until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 15)
    await close(writer)
    return answer


async def ended(reader: asyncio.StreamReader) -> bool:
    """Wait until the server has ended the connection without a word."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 5) == b""
    return True


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def get(path: str, more: str = "", *, method: str = "GET", close: bool = True) -> bytes:
    ending = "Connection: close\r\n" if close else ""
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{more}{ending}\r\n".encode()


@pytest.mark.parametrize(
    ("request_bytes", "status", "body"),
    [
        (get("/fine"), b"200", b"all is well\n"),
        (get("/fine?x=1"), b"200", b"all is well\n"),
        (get("/fine", method="HEAD"), b"200", b""),
        (get("/nothing"), b"404", b"/fine"),
        (get("/fine", method="DELETE"), b"405", b"read only"),
        (get("/fine", "Content-Length: 3\r\n", method="POST") + b"abc", b"405", b"read only"),
        (b"nonsense\r\n\r\n", b"400", b"error"),
        (b"GET /fine HTTP/1.1\r\n\r\n", b"400", b"Host"),
        (b"GET /" + b"x" * (HEAD_BYTES_MAX + 1), b"431", b"error"),
    ],
)
def test_every_request_has_its_answer(request_bytes: bytes, status: bytes, body: bytes) -> None:
    async def talk(port: int) -> None:
        answer = await exchange(port, request_bytes)
        assert answer.startswith(b"HTTP/1.1 " + status), answer
        found = answer.partition(b"\r\n\r\n")[2]
        assert (body in found) if body else found == b""

    run(talk)


def test_a_bug_of_a_handler_is_answered_and_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    async def talk(port: int) -> None:
        assert (await exchange(port, get("/bug"))).startswith(b"HTTP/1.1 500")
        assert (await exchange(port, get("/fine"))).startswith(b"HTTP/1.1 200")

    run(talk)


def test_a_handler_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HANDLER_S", 0.05)

    async def talk(port: int) -> None:
        assert (await exchange(port, get("/slow"))).startswith(b"HTTP/1.1 503")

    run(talk)


def test_requests_that_come_together_are_answered_in_their_order_on_one_connection() -> None:
    """As Prometheus keeps its connection; pipelining is the worst case of that."""

    async def talk(port: int) -> None:
        answer = await exchange(port, get("/fine", close=False) + get("/nothing", close=False) + get("/fine"))
        assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]

    run(talk)


def test_a_request_may_come_a_byte_at_a_time() -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in get("/fine"):
            writer.write(bytes((byte,)))
            await writer.drain()
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        await close(writer)

    run(talk)


def test_there_are_only_so_many_connections_and_idle_ones_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "IDLE_S", 2.0)

    async def talk(port: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS_MAX)]
        refused, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(ended(refused), 1.0), "one too many ends at once, not as an idle one"
        await close(writer)
        for reader, writer in held:
            assert await ended(reader)
            await close(writer)
        assert (await exchange(port, get("/fine"))).startswith(b"HTTP/1.1 200")

    run(talk)


def test_a_client_that_goes_while_it_is_answered_leaves_nothing_behind() -> None:
    async def talk(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get("/slow"))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()
        await asyncio.sleep(0.05)
        others = [task for task in asyncio.all_tasks() if "_serve" in repr(task)]
        assert not others

    run(talk)


def test_who_sends_on_without_waiting_for_an_answer_is_cut_off() -> None:
    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get("/slow", close=False))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(get("/fine", "X: " + "x" * HEAD_BYTES_MAX + "\r\n"))
        assert await ended(reader)
        await close(writer)

    run(talk)


async def unread(port: int, requests: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that has sent these and reads nothing, and whose buffers are small."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 10)
    writer.write(requests)
    return reader, writer


@both_loops
def test_what_nobody_reads_is_not_made(run_loop: Run) -> None:
    """A hundred requests sent at once, and no answer taken: one waits in memory, and those behind it are not begun."""
    large = Large()

    async def talk(port: int) -> None:
        reader, writer = await unread(port, get("/large", close=False) * 100)
        await asyncio.sleep(1.0)
        begun = large.made
        assert 1 <= begun < 20, "as many as fit into the kernel's buffers"
        await asyncio.sleep(0.5)
        assert large.made == begun
        found = 0
        while found < 100 * large.BYTES:  # whoever does read gets all of it, in order
            found += len(await reader.read(1 << 20))
        assert large.made == 100
        await close(writer)

    run(talk, run_loop, large)


@both_loops
def test_who_never_takes_an_answer_does_not_hold_its_connection(run_loop: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DRAIN_S", 0.5)
    monkeypatch.setattr(http, "CONNECTIONS_MAX", 1)

    async def talk(port: int) -> None:
        for ending in (False, True):
            _, writer = await unread(port, get("/large", close=ending) * 50)
            await asyncio.sleep(1.2)
            assert (await exchange(port, get("/fine"))).startswith(b"HTTP/1.1 200"), "the only place is free again"
            await close(writer)

    run(talk, run_loop)


@both_loops
def test_a_connection_is_not_idle_while_it_is_answered(run_loop: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time counts from the answer's end: an interval between scrapes just below it keeps its connection."""
    monkeypatch.setattr(http, "IDLE_S", 0.6)
    taken = []

    async def takes_long() -> Response:
        await asyncio.sleep(1.0)
        taken.append(1)
        return await _fine()

    async def main() -> None:
        server = HttpServer({"/long": takes_long, "/fine": _fine})
        port = await server.listen("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path in ("/long", "/fine", "/fine"):
            writer.write(get(path, close=False))
            answer = await asyncio.wait_for(reader.readuntil(b"all is well\n"), 5)
            assert answer.startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.4)
        assert await ended(reader), "and then it is idle"
        await close(writer)
        await server.close()

    run_loop(main())
    assert taken == [1]


def test_a_table_as_json() -> None:
    assert as_json(503, {"ready": False, "reasons": ["x"]}).body == b'{"ready": false, "reasons": ["x"]}\n'
