"""A follower behind the log's beginning gets the leader's whole environment, on a connection of its own.

The leader streams it (``snapshot_sender``). The receiver writes it beside its own, checks length and digest, makes it
this node's own (its term and vote, a log that begins at the image's applied entry), and only then renames it over the
live file: one atomic step. Whatever a crash leaves before it is thrown away at start; after it the new state is in
force. The process must then end with ``RESTART_EXIT_CODE`` and be started again, front end included.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from io import FileIO
from pathlib import Path
from struct import Struct
from typing import Final

import structlog
from google.protobuf.message import DecodeError

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.entry import NO_OP
from mdscluster.raft.environment import open_environment
from mdscluster.raft.errors import StorageError
from mdscluster.raft.framing import FRAME_BYTES_MAX
from mdscluster.raft.store import Store
from mdscluster.raft.tls import client_context
from mdscluster.raft.transport import hello
from mdsproto.raft_pb2 import Hello, SnapshotFrame

log = structlog.get_logger()

FORMAT: Final = 1
"""Of the image. Releases before it was sent had the same."""
STALL_S: Final = 15.0
_FLUSH_BYTES: Final = 4 << 20
"""Written, and then made durable at once: a heap of unwritten pages would hold up every other fsync of the disk."""
_LENGTH: Final = Struct(">I")
_DATA: Final = "data.mdb"


class SnapshotError(Exception):
    """This transfer failed; another may be tried."""


def incoming_dir(state_dir: Path) -> Path:
    """Where an image is received. Whatever is there at start was never in force."""
    return state_dir.with_name(state_dir.name + ".incoming")


def discard_incoming(state_dir: Path) -> None:
    """Throw away what a crash left of a transfer."""
    shutil.rmtree(incoming_dir(state_dir), ignore_errors=True)


# The follower's side.


async def fetch(config: RaftConfig, leader: str, address: tuple[str, int], introduction: Hello) -> Path:
    """Receive the leader's image, verified and durable, and not yet in force; the directory it is in.

    ``introduction``: what this node says of itself besides its name.
    ``SnapshotError``: nothing was kept, and nothing has changed.
    """
    host, port = address
    directory = incoming_dir(config.state_dir)
    discard_incoming(config.state_dir)
    try:
        context = client_context(config.tls) if config.tls else None
        directory.mkdir(parents=True)
        connecting = asyncio.open_connection(
            host, port, ssl=context, server_hostname=leader if context else None, limit=1 << 20
        )
        reader, writer = await asyncio.wait_for(connecting, STALL_S)
        try:
            writer.write(hello(config, Hello.SNAPSHOT, introduction))
            await _receive(reader, directory / _DATA)
        finally:
            writer.close()
    except (OSError, EOFError, TimeoutError, DecodeError, ValueError) as error:
        discard_incoming(config.state_dir)
        raise SnapshotError(str(error) or type(error).__name__) from error
    except BaseException:
        discard_incoming(config.state_dir)
        raise
    return directory


async def _receive(reader: asyncio.StreamReader, path: Path) -> None:
    """Header, chunks in sequence, trailer: anything else is an error (guard 4)."""
    frame = await _next(reader)
    if frame.WhichOneof("body") == "refused":
        raise ValueError(frame.refused)
    if frame.WhichOneof("body") != "header":
        raise ValueError("snapshot without a header")
    if frame.header.format > FORMAT:
        raise ValueError(
            f"the leader's snapshot has format {frame.header.format}, this release reads up to {FORMAT}: "
            "upgrade this node first"
        )
    log.info("receiving a snapshot", applied_index=frame.header.applied_index)
    with path.open("xb", buffering=0) as file:
        image = _Image(file)
        sequence = 0
        while True:
            frame = await _next(reader)
            kind = frame.WhichOneof("body")
            if kind == "trailer":
                break
            if kind != "chunk" or frame.chunk.sequence != sequence:
                raise ValueError(f"snapshot chunk {sequence} is missing")
            sequence += 1
            await asyncio.to_thread(image.add, frame.chunk.data)
        trailer = frame.trailer
        if (trailer.chunks, trailer.length_bytes, trailer.digest) != (sequence, image.length, image.digest()):
            raise ValueError("snapshot does not agree with its trailer")
        await asyncio.to_thread(os.fsync, file.fileno())


class _Image:
    """The file that is being received; one thread at a time."""

    def __init__(self, file: FileIO) -> None:
        self.length = 0
        self._file = file
        self._digest = hashlib.blake2b(digest_size=32)
        self._unflushed = 0

    def add(self, data: bytes) -> None:
        self._digest.update(data)
        self.length += len(data)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self._unflushed += len(data)
        if self._unflushed >= _FLUSH_BYTES:
            self._unflushed = 0
            os.fdatasync(self._file.fileno())

    def digest(self) -> bytes:
        return self._digest.digest()


async def _next(reader: asyncio.StreamReader) -> SnapshotFrame:
    (length,) = _LENGTH.unpack(await asyncio.wait_for(reader.readexactly(4), STALL_S))
    if length > FRAME_BYTES_MAX:
        raise ValueError(f"frame of {length} bytes")
    return SnapshotFrame.FromString(await asyncio.wait_for(reader.readexactly(length), STALL_S))


# Putting it in force.


def adopt(directory: Path, own: Store, applied_index: int) -> int:
    """Make the image in ``directory`` this node's: its own records, term and vote among them, and a log of one entry.

    The engine stands still from here on. Returns the image's applied index; ``SnapshotError`` when it is not
    ahead of ``applied_index`` (guard 4: never go back), or when this node's log has caught up with it meanwhile.
    """
    term, voted_for = own.vote()
    records = own.local_records()
    env = open_environment(directory)
    try:
        store = Store(env)
        txn = store.txn
        index, index_term, _ = store.applied()
        if index <= applied_index:
            raise SnapshotError(f"the image is of entry {index}, this node has applied {applied_index}")
        if _has_caught_up(own, index, index_term):
            raise SnapshotError(f"this node's log has caught up with the image: it holds entry {index}")
        raw = txn.get(_index_key(index), db=store.log)
        if raw is None or _term_of(raw) != index_term:
            raise SnapshotError("the image's log does not hold its applied entry")
        txn.drop(store.log, delete=False)
        store.replace_local(records)
        txn.put(_index_key(index), bytes(raw[:8]) + bytes((NO_OP,)), db=store.log)
        if index_term > term:
            term, voted_for = index_term, None
        store.set_vote(term, voted_for)
        store.commit()
    finally:
        env.close()
    return index


def _has_caught_up(own: Store, index: int, term: int) -> bool:
    """The log holds the image's last entry, and with it (log matching) all that led to it.

    Then what follows it must stay (Raft paper §7, step 6 of InstallSnapshot): a leader that this node got to know since
    may have counted its acknowledgement of it. All of the image will be applied from the log, as soon as a leader tells
    that it is committed. A tail that has another entry there, or ends before it, may go: the image's are committed.
    """
    raw = own.txn.get(_index_key(index), db=own.log)
    return raw is not None and _term_of(raw) == term


def switch(directory: Path, state_dir: Path) -> None:
    """One rename puts the image in force. The old environment must not be written after it.

    ``StorageError``: whether it is in force, the next start finds out, and makes so for good (``open_environment``).
    """
    try:
        _fsync(directory / _DATA)
        os.rename(directory / _DATA, state_dir / _DATA)
        _fsync(state_dir)
    except OSError as error:
        raise StorageError(f"cannot put the snapshot in force: {error}") from error


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _index_key(index: int) -> bytes:
    return index.to_bytes(8, "big")


def _term_of(raw: bytes) -> int:
    return int.from_bytes(raw[:8], "big")
