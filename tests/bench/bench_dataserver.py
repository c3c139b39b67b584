"""Data-server READ and WRITE, MB/s, beside what the loopback itself moves: ``python -m tests.bench.bench_dataserver``.

A data server process of its own, a metadata server that only grants the lease, and clients in a third process, each
request 1 MiB (or ``--size``) of a file that is in the page cache. "1x8" is one connection with eight requests in
flight, "8x1" eight connections with one. WRITE is UNSTABLE4, as Linux sends it. Medians of ``--runs``. Where the
machine is shared, trust the server's CPU time per request more than the rates.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from multiprocessing.queues import Queue
from pathlib import Path

from nfswire import nfs4
from tests.unit.dataserver.support.cluster import Cluster
from tests.unit.dataserver.support.wire import STATEID, Wire, compound, op, putfh, record

SPAN_BYTES = 64 << 20
SPAWN = multiprocessing.get_context("spawn")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SHAPES = ((1, 1), (1, 8), (8, 1))
FILE_ID = 77


def _request(wire: Wire, slot: int, fh: bytes, kind: str, offset: int, size: int) -> bytes:
    """A record, but for the data of a WRITE."""
    if kind == "read":
        third = op(nfs4.OP_READ, nfs4.READ4args(STATEID, offset, size))
    else:
        third = op(nfs4.OP_WRITE, nfs4.WRITE4args(STATEID, offset, nfs4.UNSTABLE4, b""))[:-4] + struct.pack(">I", size)
    head = record(compound(slot, wire.sequence(slot), putfh(fh), third))
    if kind == "write":
        head = struct.pack(">I", 0x80000000 | len(head) - 4 + size) + head[4:]
    return head


def _drive(wire: Wire, slots: range, fh: bytes, kind: str, size: int, stop_at: float, moved: list[int]) -> None:
    """Keep ``len(slots)`` requests in flight on one connection until ``stop_at``."""
    data = memoryview(bytearray(os.urandom(size)))
    answer = memoryview(bytearray(size + 4096))
    sock = wire.sock
    sock.settimeout(None)
    offset = (slots[0] * 7 * size) % SPAN_BYTES
    total = 0

    def send(slot: int) -> None:
        nonlocal offset
        offset = (offset + size) % SPAN_BYTES
        head = _request(wire, slot, fh, kind, offset, size)
        if kind == "write":
            sock.sendall(head, socket.MSG_MORE)
            sock.sendall(data)
        else:
            sock.sendall(head)

    for slot in slots:
        send(slot)
    flying = len(slots)
    while flying:
        sock.recv_into(answer, 8, socket.MSG_WAITALL)
        mark, xid = struct.unpack_from(">II", answer)
        length = (mark & 0x7FFFFFFF) - 4
        got = sock.recv_into(answer[8:], length, socket.MSG_WAITALL)
        assert got == length
        assert struct.unpack_from(">I", answer, 28)[0] == 0, "the data server refused"
        total += size
        if time.monotonic() < stop_at:
            send(xid)
        else:
            flying -= 1
    moved.append(total)


def _client(address: tuple[str, int], fh: bytes, kind: str, shape: tuple[int, int], size: int, seconds: float,
            result: Queue[tuple[float, float]]) -> None:  # fmt: skip
    """One process with a thread per connection; puts (MB/s, seconds)."""
    connections, depth = shape
    wires = [Wire(address).open_session(b"bench%d" % number) for number in range(connections)]
    moved: list[int] = []
    began = time.monotonic()
    threads = [
        threading.Thread(target=_drive, args=(wire, range(depth), fh, kind, size, began + seconds, moved))
        for wire in wires
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    result.put((sum(moved) / took / 1e6, took))
    for wire in wires:
        wire.close()


def _loopback_client(address: tuple[str, int], connections: int, size: int, seconds: float,
                     result: Queue[tuple[float, float]]) -> None:  # fmt: skip
    """The sending end of the loopback's own measure."""
    moved: list[int] = []
    stop_at = time.monotonic() + seconds

    def run() -> None:
        data = bytes(size)
        total = 0
        with socket.create_connection(address) as sock:
            while time.monotonic() < stop_at:
                sock.sendall(data)
                total += size
        moved.append(total)

    began = time.monotonic()
    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result.put((sum(moved) / (time.monotonic() - began) / 1e6, 0.0))


def loopback(connections: int, size: int, seconds: float) -> float:
    """MB/s of plain sendall and recv_into between two processes, nothing done with the data."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result: Queue[tuple[float, float]] = SPAWN.Queue()
        address = ("127.0.0.1", listener.getsockname()[1])
        child = SPAWN.Process(target=_loopback_client, args=(address, connections, size, seconds, result))
        child.start()

        def sink(sock: socket.socket) -> None:
            buffer = bytearray(size)
            with sock:
                while sock.recv_into(buffer, 0, socket.MSG_WAITALL):
                    pass

        threads = [threading.Thread(target=sink, args=(listener.accept()[0],)) for _ in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = result.get()[0]
        child.join()
        return rate


def cpu_s(pid: int) -> float:
    """CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def measure(cluster: Cluster, kind: str, shape: tuple[int, int], size: int, seconds: float) -> tuple[float, float]:
    """MB/s, and the data server's CPU time in microseconds per request."""
    result: Queue[tuple[float, float]] = SPAWN.Queue()
    address = (cluster.config.nfs.host, cluster.config.nfs.port)
    assert cluster.process is not None
    before = cpu_s(cluster.process.pid)
    child = SPAWN.Process(target=_client, args=(address, cluster.handle(FILE_ID), kind, shape, size, seconds, result))
    child.start()
    rate, took = result.get(timeout=120)
    child.join()
    used = cpu_s(cluster.process.pid) - before
    return rate, used * 1e6 / (rate * 1e6 * took / size)


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--size", type=int, default=1 << 20, help="bytes of one READ or WRITE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-ds-") as directory:
        cluster = Cluster(Path(directory), mds=1)
        try:
            cluster.start_mds()
            cluster.start()
            measure(cluster, "write", (1, 1), 1 << 20, 2.0)  # the span is filled, and in the page cache
            print(f"{options.size} bytes a request; median (range) of {options.runs}; load {os.getloadavg()[0]:.1f}")
            limits = {}
            for connections in (1, 8):
                rates = sorted(loopback(connections, options.size, options.seconds) for _ in range(options.runs))
                limits[connections] = statistics.median(rates)
                print(f"loopback {connections}  {limits[connections]:6.0f} MB/s ({rates[0]:.0f} to {rates[-1]:.0f})")
            for kind in ("write", "read"):
                for shape in SHAPES:
                    results = [
                        measure(cluster, kind, shape, options.size, options.seconds) for _ in range(options.runs)
                    ]
                    rates = sorted(rate for rate, _ in results)
                    rate, cpu = statistics.median(rates), statistics.median(cpu for _, cpu in results)
                    print(
                        f"{kind:5s} {shape[0]}x{shape[1]}   {rate:6.0f} MB/s ({rates[0]:.0f} to {rates[-1]:.0f}), "
                        f"{rate / limits[shape[0]]:.2f} of loopback, {cpu:.0f} us CPU a request"
                    )
        finally:
            cluster.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
