"""Frames between the front end and its consensus process, on a Unix socket. Little endian; both ends are one release.

A frame is u32 length of what follows, u8 kind, body::

    P  u64 id of the first, u32 count, count * u32 length, payloads       propose
    L  u64 id, u64 term, u32 length, payload, otherwise                   propose for this term only (proposals.Bound)
    R  u32 count, count * u64 id, count * i32 length (-1: unknown), ...   results
    B  u64 id                                                             barrier
    b  u64 id, u8 ok
    S  u64 id                                                             status
    s  u64 id, MessagePack of ReplicaStatus
    M  u64 id, MessagePack of MemberChange                                change of the membership
    m  u64 id, MessagePack of ChangeOutcome
    E  u32 count, count * u32 length, events
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct, pack, unpack_from
from typing import Final

PROPOSE: Final = ord("P")
PROPOSE_BOUND: Final = ord("L")
RESULTS: Final = ord("R")
BARRIER: Final = ord("B")
BARRIER_DONE: Final = ord("b")
STATUS: Final = ord("S")
STATUS_DONE: Final = ord("s")
EVENTS: Final = ord("E")
CHANGE: Final = ord("M")
CHANGE_DONE: Final = ord("m")

FRAME_BYTES_MAX: Final = 128 << 20
_HEAD: Final = Struct("<IB")
_NUMBERED: Final = Struct("<IBQ")
_PROPOSE: Final = Struct("<IBQI")
_BOUND: Final = Struct("<IBQQI")
_COUNTED: Final = Struct("<IBI")
_U32: Final = Struct("<I")
_U64: Final = Struct("<Q")
HEAD_BYTES: Final = _HEAD.size


def pack_propose(first_id: int, payloads: Sequence[bytes]) -> bytes:
    lengths = pack(f"<{len(payloads)}I", *map(len, payloads))
    body = b"".join(payloads)
    return _PROPOSE.pack(13 + len(lengths) + len(body), PROPOSE, first_id, len(payloads)) + lengths + body


def unpack_propose(frame: bytes) -> tuple[int, list[bytes]]:
    """``frame`` begins with the kind, as in every function here."""
    (first_id,) = _U64.unpack_from(frame, 1)
    return first_id, _unpack_blobs(frame, 9)


def pack_bound(number: int, term: int, payload: bytes, otherwise: bytes) -> bytes:
    size = _BOUND.size - 4 + len(payload) + len(otherwise)
    return _BOUND.pack(size, PROPOSE_BOUND, number, term, len(payload)) + payload + otherwise


def unpack_bound(frame: bytes) -> tuple[int, int, bytes, bytes]:
    """Number, term, payload, and what is proposed otherwise."""
    number, term, length = unpack_from("<QQI", frame, 1)
    end = _BOUND.size - 4 + length
    if end > len(frame):
        raise ValueError("a bound proposal is cut off")
    return number, term, frame[_BOUND.size - 4 : end], frame[end:]


def pack_results(results: Sequence[tuple[int, bytes | None]]) -> bytes:
    count = len(results)
    ids = pack(f"<{count}Q", *[number for number, _ in results])
    lengths = pack(f"<{count}i", *[-1 if payload is None else len(payload) for _, payload in results])
    body = b"".join([payload for _, payload in results if payload])
    return _COUNTED.pack(5 + len(ids) + len(lengths) + len(body), RESULTS, count) + ids + lengths + body


def unpack_results(frame: bytes) -> list[tuple[int, bytes | None]]:
    (count,) = _U32.unpack_from(frame, 1)
    ids = unpack_from(f"<{count}Q", frame, 5)
    lengths = unpack_from(f"<{count}i", frame, 5 + 8 * count)
    pos = 5 + 12 * count
    results: list[tuple[int, bytes | None]] = []
    for number, length in zip(ids, lengths, strict=True):
        if length < 0:
            results.append((number, None))
        else:
            results.append((number, frame[pos : pos + length]))
            pos += length
    return results


def pack_events(events: Sequence[bytes]) -> bytes:
    lengths = pack(f"<{len(events)}I", *map(len, events))
    body = b"".join(events)
    return _COUNTED.pack(5 + len(lengths) + len(body), EVENTS, len(events)) + lengths + body


def unpack_events(frame: bytes) -> list[bytes]:
    return _unpack_blobs(frame, 1)


def pack_numbered(kind: int, number: int, body: bytes = b"") -> bytes:
    return _NUMBERED.pack(9 + len(body), kind, number) + body


def unpack_numbered(frame: bytes) -> tuple[int, bytes]:
    return _U64.unpack_from(frame, 1)[0], frame[9:]


def _unpack_blobs(frame: bytes, pos: int) -> list[bytes]:
    (count,) = _U32.unpack_from(frame, pos)
    lengths = unpack_from(f"<{count}I", frame, pos + 4)
    pos += 4 + 4 * count
    blobs = []
    for length in lengths:
        blobs.append(frame[pos : pos + length])
        pos += length
    return blobs


class FrameReader:
    """Bytes in, whole frames out (from the kind on)."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """``ValueError`` on a frame that cannot be one."""
        if self._buffer:
            data = self._buffer + data
        frames: list[bytes] = []
        pos, end = 0, len(data)
        while end - pos >= 4:
            (length,) = _U32.unpack_from(data, pos)
            if not 1 <= length <= FRAME_BYTES_MAX:
                raise ValueError(f"frame of {length} bytes")
            if end - pos - 4 < length:
                break
            frames.append(data[pos + 4 : pos + 4 + length])
            pos += 4 + length
        self._buffer = data[pos:] if pos < end else b""
        return frames
