"""Frames of the consensus transport: a u32 length (big endian), then that many bytes. No I/O."""

from __future__ import annotations

from struct import Struct
from typing import Final

from mdscluster.raft.errors import PeerError

FRAME_BYTES_MAX: Final = 8 << 20
_LENGTH: Final = Struct(">I")


def pack_frame(data: bytes) -> bytes:
    """One frame."""
    return _LENGTH.pack(len(data)) + data


def pack_frames(frames: list[bytes]) -> bytes:
    """Several frames, one after the other."""
    parts: list[bytes] = []
    for data in frames:
        parts.append(_LENGTH.pack(len(data)))
        parts.append(data)
    return b"".join(parts)


class FrameReader:
    """Cuts a byte stream into frames, however it arrives. The first frame may be held to a smaller size."""

    def __init__(self, first_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._limit = first_bytes_max
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are whole now; the rest waits for more. ``PeerError``: a frame too large to believe in."""
        if self._buffer:
            data = self._buffer + data
        frames: list[bytes] = []
        pos, end = 0, len(data)
        while end - pos >= 4:
            (length,) = _LENGTH.unpack_from(data, pos)
            if length > self._limit:
                raise PeerError(f"frame of {length} bytes")
            if end - pos - 4 < length:
                break
            frames.append(data[pos + 4 : pos + 4 + length])
            pos += 4 + length
            self._limit = FRAME_BYTES_MAX
        self._buffer = data[pos:] if pos < end else b""
        return frames
