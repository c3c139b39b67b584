"""Clients on the wrong side: they reach only a node that is cut off from the others, and go on asking for changes.

``python -m tests.chaos.tempter SERVICE_ADDRESS OWN_ADDRESS PORT OUT`` makes folders, many at a time, until OUT/stop
exists, and then looks which of them are there. One client asks at the service address, which the node gives up soon
after the cut; another one at the node's own. ``Tempter`` is the harness's side. What such a node acknowledges while it
is cut off is a broken promise (INV-6), whatever becomes of it afterwards.

Only what reached the node was asked of it: its TCP has acknowledged all of the request. A connection alone proves
nothing, as a client believes in one for seconds after the address has gone from the other end.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from nfsclient import Client
from nfsclient.channel import ChannelSettings
from nfsclient.client import Settings
from nfsclient.errors import NfsClientError
from nfsclient.runtime import Address, Receiver
from nfsclient.transport import AsyncioRuntime, SocketConnection
from nfswire.xdr import Payload
from tests.chaos.load import put
from tests.chaos.loads import LoadError
from tests.support.cluster import ROOT
from tests.support.lifeline import die_with_parent

PATIENCE = ChannelSettings(connect_timeout_ms=400.0, reply_timeout_ms=5_000.0)
PAUSE_S, UNDER_WAY_MAX, END_S = 0.1, 24, 30.0
READY_TIMEOUT_S, FINISH_TIMEOUT_S = 30.0, 60.0
SERVICE, OWN = "service address", "node's own address"
_NAME = re.compile(rb"asked-[0-9]{6}")
_MARK_BYTES = 4
"""Of a record (RFC 5531 section 11)."""
_BYTES_ACKED = struct.Struct("=120xQ")
"""``tcpi_bytes_acked`` of ``struct tcp_info`` (linux/tcp.h; RFC 4898 tcpEStatsAppHCThruOctetsAcked)."""


class Attempt(msgspec.Struct, array_like=True):
    """One change that was asked for; times are those of time.monotonic()."""

    place: str
    """Where: SERVICE or OWN."""
    invoked_s: float
    reached_s: list[float] = []
    """By when it had reached a server's host: once for each connection that it was sent by."""
    acknowledged_s: float | None = None


class Words(msgspec.Struct):
    """The process's last words."""

    attempts: list[Attempt]
    missing: list[str]
    """Acknowledged, and not there afterwards."""


@dataclass
class Temptation:
    """What a node that was cut off was asked, and what it said."""

    node: str
    from_s: float = 0.0
    """It was cut off by then."""
    until_s: float = 0.0
    """And at least until then."""
    attempts: list[Attempt] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> list[Attempt]:
        """At any time."""
        return [one for one in self.attempts if one.acknowledged_s is not None]

    @property
    def tried(self) -> list[Attempt]:
        """What clients wanted to ask of it while it was cut off."""
        return [one for one in self.attempts if self.from_s < one.invoked_s < self.until_s]

    @property
    def asked(self) -> list[Attempt]:
        """What they asked: it reached the node."""
        return [one for one in self.tried if any(at_s < self.until_s for at_s in one.reached_s)]

    @property
    def reached_until_s(self) -> float:
        """When it was last asked for one of these while it was cut off."""
        times = [at_s for one in self.asked for at_s in one.reached_s if at_s < self.until_s]
        return max(times, default=self.from_s)

    @property
    def given_in(self) -> list[Attempt]:
        """Acknowledged by a node that could not know."""
        return [one for one in self.tried if one.acknowledged_s is not None and one.acknowledged_s < self.until_s]


# ---------------------------------------------------------------------- the process
class Wire(SocketConnection):
    """A connection that tells which changes have reached the other end's host."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, receiver: Receiver, reached: Callable[[str], None]
    ) -> None:
        super().__init__(loop, sock, receiver)
        self.closed = False
        self._socket, self._reached = sock, reached
        self._begun_bytes = self._acknowledged_bytes()  # Linux counts the SYN
        self._sent_bytes = 0
        self._under_way: deque[tuple[int, str]] = deque()

    def send(self, parts: Sequence[Payload]) -> None:
        """As every connection; what is lost on the way, or only queued, is not told of."""
        record = b"".join(parts)
        self._sent_bytes += _MARK_BYTES + len(record)
        name = _NAME.search(record)
        if name is not None:
            self._under_way.append((self._sent_bytes, name[0].decode()))
        super().send(parts)

    def look(self) -> None:
        """Tell of what has been acknowledged by the other end's TCP since."""
        if self.closed:
            return
        acknowledged = self._acknowledged_bytes() - self._begun_bytes
        while self._under_way and self._under_way[0][0] <= acknowledged:
            self._reached(self._under_way.popleft()[1])

    def close(self) -> None:
        """A last look, then as every connection: the count outlives a reset."""
        self.look()
        self.closed = True
        super().close()

    def _acknowledged_bytes(self) -> int:
        (count,) = _BYTES_ACKED.unpack(self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size))
        return int(count)


class WiredRuntime(AsyncioRuntime):
    """A client's runtime whose connections are each a ``Wire``. ``reached`` gets the name of each change that was."""

    def __init__(self, reached: Callable[[str], None]) -> None:
        super().__init__()
        self._told = reached
        self._wires: list[Wire] = []

    async def connect(self, address: Address, receiver: Receiver, timeout_ms: float) -> Wire:
        """A TCP connection to a numeric address; ``OSError`` when there is none within ``timeout_ms``."""
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(timeout_ms / 1000):
                await loop.sock_connect(sock, address)
        except BaseException:
            sock.close()
            raise
        wire = Wire(loop, sock, receiver, self._told)
        self._wires = [*(each for each in self._wires if not each.closed), wire]
        return wire

    def look(self) -> None:
        """See ``Wire.look``."""
        for wire in self._wires:
            wire.look()


async def _tempt(places: dict[str, Address], out: Path) -> None:
    """``places``: SERVICE and OWN -> where that is."""
    base, attempts = f"/tempted-{out.name}", dict[str, Attempt]()
    runtime = WiredRuntime(lambda name: attempts[name].reached_s.append(time.monotonic()))
    async with AsyncExitStack() as stack:
        clients: dict[str, Client] = {}
        for place, address in places.items():
            connected = await Client.connect([address], settings=Settings(channel=PATIENCE), runtime=runtime)
            clients[place] = await stack.enter_async_context(connected)
        await clients[SERVICE].mkdir(base)

        async def ask(place: str, name: str) -> None:
            attempts[name] = attempt = Attempt(place, time.monotonic())
            with suppress(NfsClientError):
                await clients[place].mkdir(f"{base}/{name}")
                attempt.acknowledged_s = time.monotonic()

        under_way: dict[str, set[asyncio.Task[None]]] = {place: set() for place in places}
        asked = 0
        while not (out / "stop").exists():
            for place, tasks in under_way.items():
                if len(tasks) < UNDER_WAY_MAX:
                    asked += 1
                    task = asyncio.create_task(ask(place, f"asked-{asked:06d}"))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
            runtime.look()
            done = Counter(attempt.place for attempt in attempts.values() if attempt.acknowledged_s is not None)
            put(out / "progress", b"%d" % min(done[place] for place in places))
            await asyncio.sleep(PAUSE_S)
        left = set[asyncio.Task[None]]().union(*under_way.values())
        if left:
            await asyncio.wait(left, timeout=END_S)
        there = {entry.name.decode() for entry in await clients[SERVICE].readdir(base)}
    acknowledged = {name for name, attempt in attempts.items() if attempt.acknowledged_s is not None}
    put(out / "report.json", msgspec.json.encode(Words(list(attempts.values()), sorted(acknowledged - there))))


# ---------------------------------------------------------------------- the harness's side
class Tempter:
    """Starts that process."""

    def __init__(
        self, service_address: str, own_address: str, port: int, out: Path, wrap: Callable[[Sequence[str]], list[str]]
    ) -> None:
        self._out = out
        out.mkdir(parents=True)
        command = [sys.executable, "-m", "tests.chaos.tempter", service_address, own_address, str(port), str(out)]
        with (out / "log").open("ab") as log:
            self._process = subprocess.Popen(
                wrap(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True,
                preexec_fn=die_with_parent,
            )  # fmt: skip

    def acknowledged(self) -> int:
        """How many changes were acknowledged at each address at least. LoadError when it has died."""
        if self._process.poll() is not None:
            raise LoadError(f"the client on the wrong side ended by itself:\n{self._log()}")
        with suppress(FileNotFoundError):
            return int((self._out / "progress").read_bytes())
        return 0

    def await_work(self) -> None:
        """Until changes of its are acknowledged, as nothing is broken yet."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while self.acknowledged() < 3:
            if time.monotonic() > deadline:
                raise LoadError(f"the client on the wrong side did not mount:\n{self._log()}")
            time.sleep(0.05)

    def finish(self) -> Words:
        """Its last words, when the node can answer again."""
        (self._out / "stop").touch()
        try:
            self._process.wait(FINISH_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LoadError(f"the client on the wrong side does not end:\n{self._log()}") from None
        report = self._out / "report.json"
        if not report.exists():
            raise LoadError(f"the client on the wrong side left no report:\n{self._log()}")
        return msgspec.json.decode(report.read_bytes(), type=Words)

    def kill(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _log(self) -> str:
        return (self._out / "log").read_text(errors="replace")[-3000:]


if __name__ == "__main__":
    service, own, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    asyncio.run(_tempt({SERVICE: (service, port), OWN: (own, port)}, Path(sys.argv[4])))
