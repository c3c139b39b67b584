"""Record marking into final buffers, and the socket shell over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfsclient.transport import DIRECT_BYTES_MIN, RECORD_BYTES_MAX, AsyncioRuntime, RecordSplitter, SocketConnection
from nfswire import rpc
from nfswire.xdr import Payload


def split(stream: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Feed ``stream`` in parts of about ``sizes``, as ``recv_into`` would."""
    splitter, records, pos, turn = RecordSplitter(), [], 0, 0
    while pos < len(stream):
        room = splitter.buffer()
        size = min(len(room), sizes[turn % len(sizes)], len(stream) - pos)
        room[:size] = stream[pos:pos + size]
        records += [bytes(record) for record in splitter.filled(size)]
        pos += size
        turn += 1
    return records


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.sampled_from([0, 1, 3, 100, DIRECT_BYTES_MIN - 1, DIRECT_BYTES_MIN, 200_000]), max_size=6),
       fragments=st.integers(1, 3), sizes=st.lists(st.integers(1, 70_000), min_size=1, max_size=5),
       seed=st.integers(0, 99))
def test_any_stream_in_any_parts_gives_its_records(lengths: list[int], fragments: int, sizes: list[int],
                                                   seed: int) -> None:
    rng = random.Random(seed)
    records = [rng.randbytes(length) for length in lengths]
    stream = b""
    for record in records:
        step = max(1, -(-len(record) // fragments))
        cuts = [record[start:start + step] for start in range(0, len(record), step)] or [b""]
        for number, cut in enumerate(cuts):
            last = 0x80000000 if number == len(cuts) - 1 else 0
            stream += (len(cut) | last).to_bytes(4, "big") + cut
    if stream and max(sizes) < 50:
        sizes = [*sizes, 4096]  # not millions of turns
    assert split(stream, sizes) == records


def test_record_longer_than_allowed_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(rpc.RecordError):
        split((0x80000000 | (RECORD_BYTES_MAX + 1)).to_bytes(4, "big"), [4])
    with pytest.raises(rpc.RecordError):
        split(b"\0\0\0\0" * 5000, [4096])


class Peer:
    """What a connection brought."""

    def __init__(self) -> None:
        self.records: asyncio.Queue[Payload] = asyncio.Queue()
        self.lost: asyncio.Queue[str] = asyncio.Queue()

    def record_received(self, record: Payload) -> None:
        self.records.put_nowait(record)

    def connection_lost(self, reason: str) -> None:
        self.lost.put_nowait(reason)


async def pair() -> tuple[SocketConnection, Peer, SocketConnection, Peer]:
    here, there = socket.socketpair()
    here.setblocking(False)
    there.setblocking(False)
    loop, near, far = asyncio.get_running_loop(), Peer(), Peer()
    return SocketConnection(loop, here, near), near, SocketConnection(loop, there, far), far


def test_large_and_small_records_both_ways_in_order() -> None:
    async def script() -> None:
        near, near_peer, far, far_peer = await pair()
        payload = random.Random(1).randbytes(8 << 20)
        for number in range(4):
            near.send([b"head%d" % number, memoryview(payload)])
            far.send([b"small%d" % number])
        for number in range(4):
            assert await far_peer.records.get() == b"head%d" % number + payload
            assert await near_peer.records.get() == b"small%d" % number
        near.close()
        assert "closed" in await far_peer.lost.get()
        assert near_peer.lost.empty()

    asyncio.run(asyncio.wait_for(script(), 30))


def test_torn_record_ends_with_the_connection() -> None:
    async def script() -> None:
        near, _, _, far_peer = await pair()
        near.send([b"whole"])
        near.send_torn([b"x" * 100], 50)
        await asyncio.sleep(0)
        near.close()
        assert await far_peer.records.get() == b"whole"
        await far_peer.lost.get()
        assert far_peer.records.empty()

    asyncio.run(asyncio.wait_for(script(), 10))


def test_connect_refused_and_timed_out_are_os_errors() -> None:
    async def script() -> None:
        runtime = AsyncioRuntime()
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = unused.getsockname()
            with pytest.raises(ConnectionRefusedError):
                await runtime.connect(address, Peer(), 1000)
            unused.listen(0)
            waiting = [socket.socket() for _ in range(4)]
            try:
                for sock in waiting:  # fill the backlog: the next SYN is dropped
                    sock.setblocking(False)
                    sock.connect_ex(address)
                with pytest.raises(OSError):
                    await runtime.connect(address, Peer(), 200)
            finally:
                for sock in waiting:
                    sock.close()

    asyncio.run(asyncio.wait_for(script(), 10))


def test_a_first_packet_that_was_lost_costs_no_second_of_waiting() -> None:
    """Who dials while a service address moves is connected as soon as somebody has it, not when TCP repeats its SYN."""

    async def script() -> None:
        runtime, loop = AsyncioRuntime(), asyncio.get_running_loop()
        with socket.socket() as listener, ExitStack() as stack:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            full = stack.enter_context(socket.create_connection(listener.getsockname()))
            began_s = loop.time()
            dialled = loop.create_task(runtime.connect(listener.getsockname(), Peer(), 2000))
            await asyncio.sleep(0.2)
            assert not dialled.done(), "the backlog is full: nothing is answered yet"
            answered, _ = listener.accept()
            stack.enter_context(answered)
            connection = await dialled
            assert loop.time() - began_s < 0.9, "waited for TCP to repeat its SYN"
            connection.close()
            assert full.fileno() >= 0

    asyncio.run(asyncio.wait_for(script(), 10))


def test_of_several_that_dialled_one_connection_is_kept() -> None:
    """Those that come through later are hung up on: a server is left with no connection that nobody uses."""

    async def script() -> None:
        runtime, loop = AsyncioRuntime(), asyncio.get_running_loop()
        turns = [asyncio.Event(), asyncio.Event()]
        connect, asked = loop.sock_connect, 0

        async def late(sock: socket.socket, address: Any) -> None:
            nonlocal asked
            turn, asked = turns[asked], asked + 1
            await connect(sock, address)  # reached at once; told of it when the test says so
            with contextlib.suppress(asyncio.CancelledError):
                await turn.wait()

        with socket.socket() as listener, patch.object(loop, "sock_connect", late, create=True):
            listener.bind(("127.0.0.1", 0))
            listener.listen(8)
            listener.setblocking(False)
            dialled = loop.create_task(runtime.connect(listener.getsockname(), Peer(), 2000))
            ends = [(await loop.sock_accept(listener))[0] for _ in range(2)]
            turns[1].set()
            connection = await dialled
            ended = [asyncio.wait_for(loop.sock_recv(end, 1), 0.5) for end in ends]
            got = await asyncio.gather(*ended, return_exceptions=True)
            assert sorted(type(one).__name__ for one in got) == ["TimeoutError", "bytes"], got
            connection.close()
            for end in ends:
                end.close()

    asyncio.run(asyncio.wait_for(script(), 10))
