"""A snapshot as it is received: what the stream must be, and a disk that fails meanwhile."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mdscluster.raft import snapshot
from mdscluster.raft.config import RaftConfig
from mdscluster.raft.framing import pack_frame
from mdscluster.raft.snapshot import SnapshotError
from mdsproto.raft_pb2 import Hello, SnapshotChunk, SnapshotFrame, SnapshotHeader, SnapshotTrailer
from tests.simulation.consensus.installs import ERRORS

DATA = [b"a" * 1000, b"b" * 1000, b"c" * 10]


def frames() -> list[SnapshotFrame]:
    chunks = [SnapshotFrame(chunk=SnapshotChunk(sequence=i, data=data)) for i, data in enumerate(DATA)]
    return [SnapshotFrame(header=SnapshotHeader(term=1, applied_index=9)), *chunks, trailer(DATA)]


def trailer(data: list[bytes]) -> SnapshotFrame:
    """It agrees with these chunks."""
    told, digest = b"".join(data), hashlib.blake2b(b"".join(data), digest_size=32).digest()
    return SnapshotFrame(trailer=SnapshotTrailer(chunks=len(data), length_bytes=len(told), digest=digest))


def encoded(stream: list[SnapshotFrame]) -> bytes:
    return b"".join(pack_frame(frame.SerializeToString()) for frame in stream)


def receive(stream: list[SnapshotFrame], path: Path, *, cut_bytes: int = 0) -> None:
    async def run() -> None:
        reader = asyncio.StreamReader()
        data = encoded(stream)
        reader.feed_data(data[: len(data) - cut_bytes])
        reader.feed_eof()
        await snapshot._receive(reader, path)

    asyncio.run(run())


def test_the_stream_as_it_should_be(tmp_path: Path) -> None:
    receive(frames(), tmp_path / "image")
    assert (tmp_path / "image").read_bytes() == b"".join(DATA)


def _swap(f: list[SnapshotFrame]) -> None:
    f[1], f[2] = f[2], f[1]


def _corrupt(f: list[SnapshotFrame]) -> None:
    f[2].chunk.data = b"B" + f[2].chunk.data[1:]


def _newer(f: list[SnapshotFrame]) -> None:
    f[0].header.format = snapshot.FORMAT + 1


def _shorter(f: list[SnapshotFrame]) -> None:
    f[4].trailer.length_bytes -= 1


Mishap = tuple[Callable[[list[SnapshotFrame]], object], str]

OUT_OF_SEQUENCE: dict[str, Mishap] = {
    "chunk lost": (lambda f: f.pop(2), "chunk 1 is missing"),
    "chunk twice": (lambda f: f.insert(2, f[1]), "chunk 1 is missing"),
    "chunks swapped": (_swap, "chunk 0 is missing"),
}
MISHAPS: dict[str, Mishap] = {
    "no header": (lambda f: f.pop(0), "without a header"),
    **OUT_OF_SEQUENCE,
    "last chunk lost": (lambda f: f.pop(3), "does not agree with its trailer"),
    "bytes changed": (_corrupt, "does not agree with its trailer"),
    "another length": (_shorter, "does not agree with its trailer"),
    "no trailer": (lambda f: f.pop(), "0 bytes read on a total of 4"),
    "a format of the future": (_newer, "upgrade this node first"),
    "refused": (lambda f: f.__setitem__(0, SnapshotFrame(refused="busy")), "busy"),
}
"""What is done to the stream, and what it is refused for: each rule for itself, not the next one that notices too."""


@pytest.mark.parametrize("mishap", MISHAPS)
def test_a_stream_with_a_mishap_is_refused(tmp_path: Path, mishap: str) -> None:
    """INV-8, guard 4: sequence, length and digest are checked before anything is used."""
    stream = frames()
    happens, reason = MISHAPS[mishap]
    happens(stream)
    with pytest.raises((ValueError, EOFError), match=reason):
        receive(stream, tmp_path / "image")


@pytest.mark.parametrize("mishap", OUT_OF_SEQUENCE)
def test_a_stream_out_of_sequence_is_refused(tmp_path: Path, mishap: str) -> None:
    """INV-8, guard 4: the sequence is a rule for itself. A sender that lost its place tells in the trailer
    what it has sent, and neither length nor digest shows it."""
    stream = frames()
    happens, reason = OUT_OF_SEQUENCE[mishap]
    happens(stream)
    stream[-1] = trailer([frame.chunk.data for frame in stream if frame.HasField("chunk")])
    with pytest.raises(ValueError, match=reason):
        receive(stream, tmp_path / "image")


def test_a_stream_cut_short_is_refused(tmp_path: Path) -> None:
    for cut_bytes in (1, 50, 100, 1500):
        with pytest.raises(EOFError):
            receive(frames(), tmp_path / f"image {cut_bytes}", cut_bytes=cut_bytes)


class ShortFile:
    """A file that takes little at a time, as a nearly full disk does."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, data: memoryview) -> int:
        taken = bytes(data[:7])
        self.content += taken
        return len(taken)


def test_what_a_file_took_only_in_part_is_written_on() -> None:
    """A short write must not leave a hole that length and digest, taken of what arrived, do not see."""
    file = ShortFile()
    image = snapshot._Image(file)  # type: ignore[arg-type]
    image.add(b"0123456789" * 3)
    assert file.content == b"0123456789" * 3


def fetch(state_dir: Path) -> None:
    """n3 asks n1 for its state."""
    config = RaftConfig("n3", {"n1": ("127.0.0.1", 1), "n3": ("127.0.0.1", 2)}, state_dir)
    asyncio.run(snapshot.fetch(config, "n1", config.peers["n1"], Hello()))


def test_no_room_for_the_first_step_is_a_snapshot_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: it is tried again later, and consensus goes on."""

    def no_room(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "mkdir", no_room)
    with pytest.raises(SnapshotError, match="No space left on device"):
        fetch(tmp_path / "state")


@pytest.mark.parametrize("number", ERRORS)
@pytest.mark.parametrize("step", ["open", "write", "fdatasync", "fsync"])
def test_a_disk_that_fails_while_an_image_is_received_is_a_snapshot_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    """As above, at whatever step: nothing of what was received stays, for it may be what the disk has no room for."""
    data = encoded(frames())
    failed: list[str] = []

    def fail(*_: object, **__: object) -> None:
        failed.append(step)
        raise OSError(number, os.strerror(number))

    async def dial(*_: object, **__: object) -> tuple[asyncio.StreamReader, SimpleNamespace]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        return reader, SimpleNamespace(write=lambda data: None, close=lambda: None)

    monkeypatch.setattr(snapshot, "_FLUSH_BYTES", 1)
    monkeypatch.setattr(asyncio, "open_connection", dial)
    if step == "open":
        monkeypatch.setattr(Path, "open", fail)
    elif step == "write":
        monkeypatch.setattr(snapshot._Image, "add", fail)
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(SnapshotError, match=os.strerror(number)):
        fetch(tmp_path / "state")
    assert failed == [step]
    assert not snapshot.incoming_dir(tmp_path / "state").exists()
