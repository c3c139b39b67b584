"""The leader's side of a snapshot: its whole environment, streamed at a pace that its own work does not feel.

One read transaction, compacted by LMDB in a thread of its own into a pipe; a second thread reads the pipe, keeps the
digest and makes the frames. The event loop only writes a frame now and then: memory is bounded by the pipe and one
frame, and the pace is :class:`Pacer`'s. While it lasts LMDB cannot use again the pages that are freed, so the file
grows by what is written meanwhile; a pace too slow costs more than it spares, hence its floor.

The threads keep the process's priority: one of a lower, preempted while it holds the interpreter's lock, would hold up
the event loop with it. Seen on a busy machine: the leader lost its office over a snapshot.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import lmdb

from mdscluster.raft.framing import pack_frame
from mdscluster.raft.link import Link
from mdscluster.raft.snapshot import FORMAT, STALL_S, SnapshotError
from mdsproto.raft_pb2 import SnapshotChunk, SnapshotFrame, SnapshotHeader, SnapshotTrailer

CHUNK_BYTES: Final = 128 << 10
"""Encrypting one keeps the event loop for about a tenth of a millisecond."""
_SAMPLES: Final = 64


class Pacer:
    """How fast a snapshot may be sent: so fast that commits stay about as quick as they were before it. No clock.

    Commits are noted all the time; ``begin`` takes the slower ones of the last as the measure. Each one that is slower
    than twice the measure lowers the rate, each that is not raises it a little: so little that the rate comes to rest
    where one commit in two hundred is slower. Nothing noted: nothing to be spared.
    """

    FLOOR: Final = 16 << 20
    """Bytes a second, unless less is allowed."""
    _TOLERANCE: Final = 2.0
    _SLOWER: Final = 0.005
    """The share of commits that may take longer than that."""
    _BACK: Final = 0.8
    _ON: Final = _BACK ** (-_SLOWER / (1 - _SLOWER))

    def __init__(self, bytes_per_s_max: int) -> None:
        self._recent_ms: deque[float] = deque(maxlen=_SAMPLES)
        self._usual_ms = float("inf")
        self.most = float(bytes_per_s_max)
        self.least = min(float(self.FLOOR), self.most)
        self.rate = self.most

    def begin(self) -> None:
        """A snapshot begins: what commits take now is the usual."""
        ordered = sorted(self._recent_ms)
        self._usual_ms = ordered[len(ordered) * 9 // 10] if len(ordered) >= _SAMPLES // 4 else float("inf")
        self.rate = self.most if self._usual_ms == float("inf") else min(4 * self.least, self.most)

    def end(self) -> None:
        self._usual_ms = float("inf")

    def note_commit(self, took_ms: float) -> None:
        """A commit of the leader's took so long."""
        self._recent_ms.append(took_ms)
        if self._usual_ms == float("inf"):
            return
        if took_ms > self._TOLERANCE * self._usual_ms:
            self.rate = max(self.least, self.rate * self._BACK)
        else:
            self.rate = min(self.most, self.rate * self._ON)

    def pause_s(self, sent_bytes: int) -> float:
        """How long to wait after so many bytes."""
        return sent_bytes / self.rate


async def serve(link: Link, env: lmdb.Environment, term: int, applied_index: int, pacer: Pacer) -> None:
    """Stream the environment down ``link``. Its last frame is the trailer; without one the receiver keeps nothing."""
    loop = asyncio.get_running_loop()
    copy = _Copy(env)
    threads = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
    pacer.begin()
    try:
        header = SnapshotHeader(term=term, applied_index=applied_index, format=FORMAT)
        link.write(_frame(SnapshotFrame(header=header)))
        due_s = loop.time()
        while frame := await loop.run_in_executor(threads, copy.next_frame):
            link.write(frame)
            async with asyncio.timeout(STALL_S):
                await link.drained()
            if link.closed.done():
                raise SnapshotError("the receiver went away")
            due_s = max(due_s + pacer.pause_s(len(frame)), loop.time() - 0.01)
            await asyncio.sleep(max(0.0, due_s - loop.time()))
    finally:
        pacer.end()
        # In the thread that reads, behind whatever it still does. Ends the copying, if it goes on, with EPIPE.
        await loop.run_in_executor(threads, copy.close)
        threads.shutdown(wait=False)
    if copy.failure is not None:
        raise SnapshotError(f"copying the environment failed: {copy.failure}")
    link.write(_frame(SnapshotFrame(trailer=copy.trailer())))
    await asyncio.wait_for(link.closed, STALL_S * 4)  # the receiver makes it durable first


def refuse(link: Link, reason: str) -> None:
    """Not now."""
    link.write(_frame(SnapshotFrame(refused=reason)))
    link.close()


def _frame(frame: SnapshotFrame) -> bytes:
    return pack_frame(frame.SerializeToString())


class _Copy:
    """LMDB's compacting copy, as frames. ``next_frame`` blocks, and belongs to one thread."""

    def __init__(self, env: lmdb.Environment) -> None:
        self.failure: Exception | None = None
        self._env = env
        self._digest = hashlib.blake2b(digest_size=32)
        self._length = self._sequence = 0
        self._read_fd, self._write_fd = os.pipe()
        fcntl.fcntl(self._write_fd, fcntl.F_SETPIPE_SZ, 1 << 20)
        self._thread = threading.Thread(target=self._copy, name="snapshot copy", daemon=True)
        self._thread.start()

    def _copy(self) -> None:
        try:
            self._env.copyfd(self._write_fd, compact=True)
        except (lmdb.Error, OSError) as error:
            self.failure = error
        finally:
            os.close(self._write_fd)

    def next_frame(self) -> bytes:
        """The next chunk's frame; empty behind the last."""
        parts: list[bytes] = []
        size = 0
        while size < CHUNK_BYTES and (part := os.read(self._read_fd, CHUNK_BYTES - size)):
            parts.append(part)
            size += len(part)
        if not size:
            return b""
        data = b"".join(parts)
        self._digest.update(data)
        self._length += size
        frame = SnapshotFrame(chunk=SnapshotChunk(sequence=self._sequence, data=data))
        self._sequence += 1
        return _frame(frame)

    def close(self) -> None:
        """Let go of the read transaction; returns when that has happened."""
        os.close(self._read_fd)
        self._thread.join()

    def trailer(self) -> SnapshotTrailer:
        return SnapshotTrailer(chunks=self._sequence, length_bytes=self._length, digest=self._digest.digest())
