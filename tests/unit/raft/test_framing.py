"""The transport's frames, however the stream cuts them."""

from __future__ import annotations

import pytest

from mdscluster.raft.errors import PeerError
from mdscluster.raft.framing import FRAME_BYTES_MAX, FrameReader, pack_frame, pack_frames

FRAMES = [b"hello", b"", b"x" * 5000, b"last"]


@pytest.mark.parametrize("piece_bytes", [1, 3, 4, 7, 4999, 1 << 20])
def test_frames_survive_any_cut(piece_bytes: int) -> None:
    stream, reader, got = pack_frames(FRAMES), FrameReader(), list[bytes]()
    for at in range(0, len(stream), piece_bytes):
        got += reader.feed(stream[at : at + piece_bytes])
    assert got == FRAMES
    assert stream == b"".join(map(pack_frame, FRAMES))


def test_the_first_frame_is_held_to_its_own_size() -> None:
    """Whoever has not said who it is makes us keep no more than a Hello."""
    with pytest.raises(PeerError):
        FrameReader(100).feed(pack_frame(b"x" * 101))
    assert FrameReader(100).feed(pack_frame(b"x" * 100) + pack_frame(b"y" * 5000)) == [b"x" * 100, b"y" * 5000]


def test_a_frame_beyond_belief_is_refused_by_its_length() -> None:
    with pytest.raises(PeerError):
        FrameReader().feed((FRAME_BYTES_MAX + 1).to_bytes(4, "big"))
