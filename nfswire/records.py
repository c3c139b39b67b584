"""Record marking of ONC RPC over a byte stream (RFC 5531 section 11), without a socket."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from nfswire.xdr import Payload, XdrError

LAST_FRAGMENT = 0x80000000

_U32 = struct.Struct(">I")


def record_mark(length_bytes: int) -> bytes:
    """Mark of a record sent as a single fragment (RFC 5531 section 11)."""
    if not 0 <= length_bytes < LAST_FRAGMENT:
        raise XdrError("record too long for one fragment")
    return _U32.pack(LAST_FRAGMENT | length_bytes)


def frame(parts: Sequence[Payload]) -> list[bytes]:
    """``parts`` with the record mark before them."""
    framed: list[bytes] = [record_mark(sum(map(len, parts)))]
    framed.extend(parts)  # type: ignore[arg-type]
    return framed


class RecordError(XdrError):
    """A record longer, or in more fragments, than allowed: the stream cannot be followed further, close it."""


class RecordReader:
    """Record marking (RFC 5531 section 11) without a socket: ``feed`` bytes, iterate whole records.

    A record comes back as ``bytes`` where it is short and as a ``memoryview`` where copying would cost
    (``VIEW_BYTES_MIN`` and more); decoders take both. Memory is bounded by ``max_record_bytes`` and what was fed.
    """

    VIEW_BYTES_MIN = 16384

    __slots__ = ("_chunks", "_have", "_parts", "_parts_bytes", "_ready", "max_fragments", "max_record_bytes")

    def __init__(self, max_record_bytes: int, max_fragments: int) -> None:
        self.max_record_bytes = max_record_bytes
        self.max_fragments = max_fragments
        self._chunks: list[bytes] = []      # fed bytes not yet cut, in order
        self._have = 0                      # their length
        self._parts: list[Payload] = []     # whole fragments of the record under way
        self._parts_bytes = 0
        self._ready: list[Payload] = []

    def feed(self, data: bytes) -> None:
        """Take bytes from the stream. ``RecordError`` when a limit is passed."""
        self._chunks.append(data)
        self._have += len(data)
        if self._have < 4:
            return
        first = self._chunks[0]
        if len(first) < 4:
            first = b"".join(self._chunks)
            self._chunks = [first]
        length = self._check(_U32.unpack_from(first, 0)[0])
        if self._have < 4 + length:
            return
        self._cut(first if len(self._chunks) == 1 else b"".join(self._chunks))

    def _check(self, mark: int) -> int:
        """Length of the fragment that ``mark`` announces, held against the limits before any of it is kept."""
        length = mark & 0x7FFFFFFF
        if self._parts_bytes + length > self.max_record_bytes:
            raise RecordError(f"record longer than {self.max_record_bytes} bytes")
        if len(self._parts) >= self.max_fragments:
            raise RecordError(f"record in more than {self.max_fragments} fragments")
        return length

    def _cut(self, data: bytes) -> None:
        """Cut ``data`` into fragments, fragments into records; keep the rest."""
        pos, end = 0, len(data)
        while end - pos >= 4:
            mark = _U32.unpack_from(data, pos)[0]
            length = self._check(mark)
            start = pos + 4
            if end - start < length:
                break
            pos = start + length
            short = length < self.VIEW_BYTES_MIN
            fragment: Payload = data[start:pos] if short else memoryview(data)[start:pos]
            if mark & LAST_FRAGMENT and not self._parts:
                self._ready.append(fragment)
                continue
            self._parts.append(fragment)
            self._parts_bytes += length
            if mark & LAST_FRAGMENT:
                self._ready.append(b"".join(self._parts))
                self._parts = []
                self._parts_bytes = 0
        rest = data[pos:]
        self._chunks = [rest] if rest else []
        self._have = len(rest)

    def __iter__(self) -> Iterator[Payload]:
        """Whole records, each once, in order."""
        ready, self._ready = self._ready, []
        return iter(ready)
