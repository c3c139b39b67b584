"""XDR primitives (RFC 4506) that the generated codecs and the hand-written ones stand on.

Every decoder of this package takes ``(buf, pos)`` and returns ``(value, new_pos)``. It raises ``XdrError`` for anything
that is not a well-formed encoding, and nothing else; it allocates no more than a small multiple of the bytes it was
given, because every count is checked against what is left before memory is taken.
"""

from __future__ import annotations

import struct
from typing import TypeAlias

Buffer: TypeAlias = "bytes | memoryview"
"""What decoders read: ``bytes`` is the fastest; ``memoryview`` (format B) saves the copy of a large record."""

Payload: TypeAlias = "bytes | memoryview"
"""READ and WRITE data: decoders give a memoryview of the buffer, encoders take either."""

BITMAP_WORDS_MAX = 16
_BITMAP_CACHE_MAX = 4096

PADS: tuple[bytes, bytes, bytes, bytes] = (b"", b"\0\0\0", b"\0\0", b"\0")
"""Zero bytes that follow an opaque of length n: ``PADS[n & 3]``."""

_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
unpack_u32 = _U32.unpack_from
pack_u32 = _U32.pack

_bitmaps: dict[int, bytes] = {}


class XdrError(Exception):
    """The bytes are no encoding of the type, or the value does not fit it. Servers answer GARBAGE_ARGS or BADXDR."""


def unpack_uint32(buf: Buffer, pos: int) -> tuple[int, int]:
    """One unsigned integer (RFC 4506 section 4.2)."""
    try:
        value: int = _U32.unpack_from(buf, pos)[0]
    except struct.error:
        raise XdrError("uint32: truncated") from None
    return value, pos + 4


def unpack_uint64(buf: Buffer, pos: int) -> tuple[int, int]:
    """One unsigned hyper integer (RFC 4506 section 4.5)."""
    try:
        value: int = _U64.unpack_from(buf, pos)[0]
    except struct.error:
        raise XdrError("uint64: truncated") from None
    return value, pos + 8


def unpack_opaque(buf: Buffer, pos: int, length_max: int) -> tuple[bytes, int]:
    """Variable-length opaque data (RFC 4506 section 4.10) of at most ``length_max`` bytes, copied out of ``buf``."""
    length, start = unpack_uint32(buf, pos)
    stop = start + length
    new_pos = stop + (-length & 3)
    if length > length_max or new_pos > len(buf):
        raise XdrError("opaque: length")
    return bytes(buf[start:stop]), new_pos


def pack_opaque(data: Payload) -> bytes:
    """Length, bytes and padding of variable-length opaque data."""
    length = len(data)
    return b"".join((_U32.pack(length), data, PADS[length & 3]))


def unpack_bitmap(buf: Buffer, pos: int, words: int) -> int:
    """``words`` words at ``pos`` as one integer, attribute n in bit n (RFC 8881 section 3.3.7)."""
    if words > BITMAP_WORDS_MAX:
        raise XdrError("bitmap4: more words than any attribute needs")
    try:
        parts = struct.unpack_from(f">{words}I", buf, pos)
    except struct.error:
        raise XdrError("bitmap4: truncated") from None
    value = 0
    for word in reversed(parts):
        value = value << 32 | word
    return value


def pack_bitmap(value: int) -> bytes:
    """The shortest encoding of a bitmap, count included. Few differ, so they are remembered."""
    known = _bitmaps.get(value)
    if known is not None:
        return known
    if value < 0 or value >> 32 * BITMAP_WORDS_MAX:
        raise XdrError("bitmap4: value out of range")
    words = (value.bit_length() + 31) // 32
    made = struct.pack(f">{words + 1}I", words, *(value >> 32 * i & 0xFFFFFFFF for i in range(words)))
    if len(_bitmaps) >= _BITMAP_CACHE_MAX:
        _bitmaps.clear()
    _bitmaps[value] = made
    return made
