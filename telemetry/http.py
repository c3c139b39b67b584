"""A read-only HTTP/1.1 server in the event loop, for whoever watches: GET and HEAD of a few paths, nothing else.

The protocol is h11's: it has no socket in it, reads strictly, and bounds what it holds. This is the thin shell around
it. A handler is a coroutine, called when a request is complete. Connections are few, and idle ones are closed.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, cast

import h11
import structlog

log = structlog.get_logger()

HEAD_BYTES_MAX: Final = 8_192
CONNECTIONS_MAX: Final = 32
IDLE_S: Final = 150.0
"""How long a connection may wait for a request: well above any usual interval between two scrapes."""
DRAIN_S: Final = 30.0
"""How long a client may take to read an answer."""
HANDLER_S: Final = 10.0
"""Prometheus gives up after this long, too, unless told otherwise."""
RETRY_S: Final = 5.0
"""An address that cannot be had is tried again after so long."""


class Response(NamedTuple):
    """What is answered."""

    status: int
    body: bytes
    content_type: str = "application/json"


Handler = Callable[[], Awaitable[Response]]


def as_json(status: int, content: Mapping[str, Any]) -> Response:
    """A table as an answer."""
    return Response(status, json.dumps(content).encode() + b"\n")


class HttpServer:
    """Answers ``paths`` at one address. What a handler raises is a bug of ours: told in the log, and answered 500."""

    def __init__(self, paths: Mapping[str, Handler]) -> None:
        self._paths = dict(paths)
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> int:
        """Listen; the port. ``OSError`` when the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, port, reuse_address=True, backlog=16)
        sock: socket.socket = self._server.sockets[0]
        return int(sock.getsockname()[1])

    async def listen_at_last(self, host: str, port: int, on_refusal: Callable[[OSError], None]) -> None:
        """Listen, and try again for as long as it takes: an address may come up later than who listens on it.

        ``on_refusal`` is told the first time.
        """
        told = False
        while True:
            try:
                await self.listen(host, port)
            except OSError as problem:
                if not told:
                    on_refusal(problem)
                told = True
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.end()

    async def answer(self, method: bytes, target: bytes) -> Response:
        """What a request gets."""
        path = target.partition(b"?")[0].decode("ascii", "replace")
        handler = self._paths.get(path)
        if handler is None:
            return as_json(404, {"error": "there is no such path", "paths": sorted(self._paths)})
        if method not in (b"GET", b"HEAD"):
            return as_json(405, {"error": "read only"})
        try:
            return await asyncio.wait_for(handler(), HANDLER_S)
        except TimeoutError:
            return as_json(503, {"error": f"no answer within {HANDLER_S:g} s"})
        except Exception as error:
            log.error("a bug: what was asked over HTTP could not be answered", path=path, exc_info=error)
            return as_json(500, {"error": "a bug of this server; it is in its log"})


class _Connection(asyncio.Protocol):
    """One client of ours: one request at a time, and no more of an answer in memory than one.

    It waits for a request (:data:`IDLE_S`), answers it, and waits until the answer is out of this process's memory
    (:data:`DRAIN_S`); then comes the next. While a request is answered it is read from, so that its going away is
    noticed; while an answer is on its way it is not.
    """

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._undrained = False

    # ------------------------------------------------------------ asyncio's side
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if len(self._server._connections) >= CONNECTIONS_MAX:
            self._transport.abort()
            return
        self._server._connections.add(self)
        self._transport.set_write_buffer_limits(high=0)  # `pause_writing` as soon as anything must wait
        self._end_after(IDLE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server._connections.discard(self)
        self._cancel_timer()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        if self._busy and len(self._http.trailing_data[0]) > HEAD_BYTES_MAX:
            self.end()  # it goes on and on, and does not wait for an answer
        self._advance()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        """The client does not take its answer as fast as it is given."""
        self._undrained = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It has taken all of it."""
        self._undrained = False
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.resume_reading()
        if self._task is None:
            self._next()

    def end(self) -> None:
        """At once."""
        if self._transport is not None:
            self._transport.abort()

    def _end_after(self, seconds: float) -> None:
        """Nothing waits for ever."""
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ------------------------------------------------------------ requests
    @property
    def _busy(self) -> bool:
        """A request is being answered, or its answer is on its way."""
        return self._task is not None or self._undrained

    def _advance(self) -> None:
        """Take in what has come, until a request is complete or more must come."""
        if self._busy:
            return
        try:
            while True:
                event = self._http.next_event()
                if isinstance(event, h11.Request):
                    self._cancel_timer()  # from here on the time is ours
                    self._task = asyncio.ensure_future(self._serve(event.method, event.target))
                    self._task.add_done_callback(self._served)
                    return
                if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                    return
        except h11.RemoteProtocolError as error:
            self._refuse(error)

    async def _serve(self, method: bytes, target: bytes) -> None:
        self._send(await self._server.answer(method, target), body=method != b"HEAD")

    def _served(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled() or self._transport is None:
            return
        task.result()
        # A body that comes with a request is nobody's: the connection ends with the answer.
        try:
            while isinstance(self._http.next_event(), h11.EndOfMessage | h11.Data):
                pass
            self._http.start_next_cycle()
        except h11.ProtocolError:
            self._close()
            return
        if self._undrained:
            self._end_after(DRAIN_S)
        else:
            self._next()

    def _next(self) -> None:
        """The last answer is gone: another request may come, or is here already."""
        self._end_after(IDLE_S)
        self._advance()

    def _send(self, response: Response, *, body: bool) -> None:
        if self._transport is None:
            return
        headers = [
            ("content-type", response.content_type),
            ("content-length", str(len(response.body))),
            ("cache-control", "no-store"),
        ]
        out = self._http.send(h11.Response(status_code=response.status, headers=headers)) or b""
        if body:
            out += self._http.send(h11.Data(data=response.body)) or b""
        out += self._http.send(h11.EndOfMessage()) or b""
        self._transport.write(out)

    def _refuse(self, error: h11.RemoteProtocolError) -> None:
        """What is no HTTP gets an answer, where one can be sent, and the connection ends."""
        if self._transport is None:
            return
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(as_json(error.error_status_hint, {"error": str(error)}), body=True)
        self._close()

    def _close(self) -> None:
        """As soon as all is sent, and not later than that takes."""
        if self._transport is not None:
            self._transport.close()
            self._end_after(DRAIN_S)
