"""A tiny NFSv4.1 client that only wants to know how long a call can take while nodes are killed.

It makes and removes a directory, one call after the other, each sent once per session slot and sequence id: when a
connection breaks the same bytes go to the next server (RFC 8881 section 2.10.6.1), so EEXIST or ENOENT would mean
that a call was executed twice. Encoded by hand, independently of the project's own wire code.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import threading
import time
from dataclasses import dataclass

PUTROOTFH, LOOKUP, CREATE, REMOVE, EXCHANGE_ID, CREATE_SESSION, SEQUENCE = 24, 15, 6, 28, 42, 43, 53
RECLAIM_COMPLETE = 58
DELAY = 10008
REPLY_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 0.5
BETWEEN_ATTEMPTS_S = 0.02


class ProbeError(RuntimeError):
    """The server answered what a single execution would not have given."""


@dataclass(frozen=True)
class Slow:
    """A call that took long."""

    began_s: float
    """time.monotonic() when it was first sent."""
    took_ms: float
    attempts: int


def _opaque(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


class Prober(threading.Thread):
    """Runs until ``stop()``; then ``slow`` and ``calls`` tell what was felt."""

    def __init__(self, servers: list[tuple[str, int]], note_ms: float = 20.0, folder: str = "") -> None:
        super().__init__(name="prober", daemon=True)
        self.servers, self.note_ms = servers, note_ms
        self.slow: list[Slow] = []
        self.calls = 0
        self.retransmitted = 0
        self.failure: BaseException | None = None
        self._to_folder = struct.pack(">I", LOOKUP) + _opaque(folder.encode()) if folder else b""
        self._at = 0
        self._move = False
        self._stop_wanted = threading.Event()
        self._socket: socket.socket | None = None
        self._xid = itertools.count(1)
        self._session = b""
        self._sequence = 1

    # ---- for the thread that kills

    def use(self, server: tuple[str, int]) -> None:
        """Go on at this server from the next call on."""
        self._at, self._move = self.servers.index(server), True

    def stop(self) -> None:
        """End; raises what went wrong, if anything did."""
        self._stop_wanted.set()
        self.join(60)
        if self.failure is not None:
            raise self.failure

    def longest_ms(self, since_s: float) -> float:
        """The longest call begun after (or 1 s before) ``since_s``; 0 when all were fast."""
        return max((s.took_ms for s in self.slow if s.began_s > since_s - 1), default=0.0)

    # ---- the client

    def run(self) -> None:
        """Mount and work."""
        try:
            self._mount()
            name = f"probe.{os.getpid()}".encode()
            while not self._stop_wanted.is_set():
                kind = struct.pack(">II", CREATE, 2) + _opaque(name) + struct.pack(">IIIII", 2, 0, 2, 4, 0o755)
                self._call(kind)
                self._call(struct.pack(">I", REMOVE) + _opaque(name))
        except BaseException as problem:  # handed to whoever calls stop()
            self.failure = problem
        finally:
            if self._socket is not None:
                self._socket.close()

    def _mount(self) -> None:
        owner = f"prober-{os.getpid()}-{time.time_ns()}".encode()
        verifier = struct.pack(">Q", time.time_ns())
        body = self._exchange(
            [struct.pack(">I", EXCHANGE_ID) + verifier + _opaque(owner) + struct.pack(">III", 0, 0, 0)]
        )
        client_id, sequence_id = struct.unpack_from(">QI", body, 8)
        channel = struct.pack(">7I", 0, 1 << 20, 1 << 20, 8192, 16, 1, 0)
        request = struct.pack(">IQII", CREATE_SESSION, client_id, sequence_id, 0) + channel * 2
        body = self._exchange([request + struct.pack(">III", 0x40000000, 1, 0)])
        self._session = body[8:24]
        self._call(struct.pack(">II", RECLAIM_COMPLETE, 0), at_root=False)

    def _call(self, operation: bytes, at_root: bool = True) -> None:
        """One operation in the session, timed; NFS4ERR_DELAY is waited out and counts as part of the stall."""
        began, sent = time.monotonic(), self.retransmitted
        while True:
            sequence = struct.pack(">I", SEQUENCE) + self._session + struct.pack(">IIII", self._sequence, 0, 0, 1)
            way = [struct.pack(">I", PUTROOTFH), self._to_folder] if at_root else []
            operations = [part for part in (sequence, *way, operation) if part]
            status = self._exchange_status(operations)
            self._sequence += 1
            if status != DELAY:
                break
            time.sleep(BETWEEN_ATTEMPTS_S)
        took_ms = (time.monotonic() - began) * 1e3
        self.calls += 1
        if took_ms >= self.note_ms:
            self.slow.append(Slow(began, took_ms, 1 + self.retransmitted - sent))
        if status:
            raise ProbeError(f"call {self.calls} answered {status} after {took_ms:.0f} ms")

    def _exchange_status(self, operations: list[bytes]) -> int:
        status, rest = self._round_trip(operations)
        number, of_sequence = struct.unpack_from(">II", rest, 0)
        if number == SEQUENCE and of_sequence:
            raise ProbeError(f"SEQUENCE answered {of_sequence}")
        return status

    def _exchange(self, operations: list[bytes]) -> bytes:
        status, rest = self._round_trip(operations)
        if status:
            raise ProbeError(f"operation {struct.unpack_from('>I', operations[0])[0]} answered {status}")
        return rest

    def _round_trip(self, operations: list[bytes]) -> tuple[int, bytes]:
        """Send until answered, to one server after the other; COMPOUND status and the results."""
        xid = next(self._xid)
        head = struct.pack(">6I", xid, 0, 2, 100003, 4, 1)
        credential = struct.pack(">III", 1, 28, 0) + _opaque(b"probe") + struct.pack(">III", 0, 0, 0)
        body = head + credential + struct.pack(">II", 0, 0) + struct.pack(">III", 0, 1, len(operations))
        message = body + b"".join(operations)
        record = struct.pack(">I", 0x80000000 | len(message)) + message
        while True:
            try:
                reply = self._send_and_wait(record, xid)
                break
            except OSError:
                self._disconnect()
                self._at = (self._at + 1) % len(self.servers)
                self.retransmitted += 1
                time.sleep(BETWEEN_ATTEMPTS_S)
        accepted = struct.unpack_from(">6I", reply, 0)
        if accepted[2] or accepted[5]:
            raise ProbeError(f"RPC not accepted: {accepted}")
        status, tag_length = struct.unpack_from(">II", reply, 24)
        return status, reply[32 + tag_length + (-tag_length % 4) + 4 :]

    def _send_and_wait(self, record: bytes, xid: int) -> bytes:
        if self._move:
            self._disconnect()
            self._move = False
        if self._socket is None:
            self._socket = socket.create_connection(self.servers[self._at], CONNECT_TIMEOUT_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.settimeout(REPLY_TIMEOUT_S)
        self._socket.sendall(record)
        while True:
            reply = self._record(self._socket)
            if struct.unpack_from(">II", reply, 0) == (xid, 1):
                return reply

    def _record(self, connection: socket.socket) -> bytes:
        parts, last = [], 0
        while not last:
            (mark,) = struct.unpack(">I", _exactly(connection, 4))
            last = mark & 0x80000000
            parts.append(_exactly(connection, mark & 0x7FFFFFFF))
        return b"".join(parts)

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        if not chunk:
            raise ConnectionError("closed")
        data += chunk
    return data
