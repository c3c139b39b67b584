"""The form of a backup: a gzip stream of a head, the rows of every table, and a checksum.

``MAGIC``; u32 length and JSON of :class:`Head`; then blocks: u8 1, u16 length, a table's name; u8 2, u32 and u32
lengths, key and value of a row of that table; u8 0 and the BLAKE2b (32 bytes) of all before it. Big endian.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import IO, TYPE_CHECKING, Final

import msgspec

from mdscluster.fsm import digest, features
from mdscluster.fsm.machine import load_settings
from mdscluster.fsm.tables import TABLE_NAMES, U64, Tables

if TYPE_CHECKING:
    import lmdb

MAGIC: Final = b"mdscluster backup\n"
FORMAT: Final = 1
_COMPRESSION: Final = 1
"""The quickest: rows are small and much alike."""
_HEAD_BYTES_MAX: Final = 1 << 20
_ROW_BYTES_MAX: Final = 64 << 20

_U16: Final = Struct(">H")
_U32: Final = Struct(">I")
_LENGTHS: Final = Struct(">II")
_END, _TABLE, _ROW = 0, 1, 2


class Head(msgspec.Struct):
    """What a backup is of."""

    format: int
    cluster: str
    node: str
    """Who wrote it."""
    created_s: int
    applied_index: int
    """The log's entry that it shows the state after."""
    digest: str
    """Of that state, hexadecimal: what ``mdsctl digest`` tells at that entry (INV-8)."""
    lease_ms: int
    feature_level: int


class CorruptBackup(Exception):
    """It cannot be read, or is not whole. The text is for the operator."""


def write(env: lmdb.Environment, file: IO[bytes], *, node: str, created_s: int) -> Head:
    """Write the state as it is now. One read transaction, however long it takes: later commits are not in it."""
    tables = Tables(env)
    with (
        env.begin() as txn,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=_COMPRESSION, mtime=0) as zipped,
    ):
        index, value = digest.digest(txn, tables)
        lease = txn.get(b"lease_ms", db=tables.meta)
        head = Head(
            FORMAT, load_settings(txn, tables).name.decode("utf-8", "replace"), node, created_s, index, value.hex(),
            0 if lease is None else int(U64.unpack(lease)[0]), features.level(txn, tables),
        )  # fmt: skip
        sink = _Hashing(zipped)
        packed = msgspec.json.encode(head)
        sink.write(MAGIC + _U32.pack(len(packed)) + packed)
        for name in TABLE_NAMES:
            encoded = name.encode()
            sink.write(bytes((_TABLE,)) + _U16.pack(len(encoded)) + encoded)
            with txn.cursor(db=getattr(tables, name)) as cursor:
                for key, row in cursor:
                    sink.write(bytes((_ROW,)) + _LENGTHS.pack(len(key), len(row)) + key + row)
        sink.write(bytes((_END,)))
        zipped.write(sink.hash.digest())
    return head


class _Hashing:
    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self.hash = hashlib.blake2b(digest_size=32)

    def write(self, data: bytes) -> None:
        self.hash.update(data)
        self._file.write(data)


class Reader:
    """Reads a backup from its beginning. All raises :class:`CorruptBackup`; only the end tells that it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hash = hashlib.blake2b(digest_size=32)
        try:
            self._file = gzip.GzipFile(path, "rb")
        except OSError as problem:
            raise CorruptBackup(f"cannot read {path}: {problem.strerror}") from problem
        try:
            self.head = self._read_head()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def rows(self) -> Iterator[tuple[str, bytes, bytes]]:
        """(table, key, value) of each row, and the checksum last."""
        table = ""
        while True:
            kind = self._take(1)[0]
            if kind == _ROW:
                key_bytes, row_bytes = _LENGTHS.unpack(self._take(_LENGTHS.size))
                if key_bytes + row_bytes > _ROW_BYTES_MAX:
                    raise self._corrupt("a row is impossibly long")
                yield table, self._take(key_bytes), self._take(row_bytes)
            elif kind == _TABLE:
                table = self._take(_U16.unpack(self._take(_U16.size))[0]).decode("utf-8", "replace")
            elif kind == _END:
                expected = self._hash.digest()
                if self._take(len(expected)) != expected:
                    raise self._corrupt("its checksum does not fit")
                return
            else:
                raise self._corrupt("there is something that no release writes")

    def _read_head(self) -> Head:
        if self._take(len(MAGIC)) != MAGIC:
            raise CorruptBackup(f"{self._path} is no backup of an mdscluster")
        length = _U32.unpack(self._take(_U32.size))[0]
        if length > _HEAD_BYTES_MAX:
            raise self._corrupt("its head is impossibly long")
        try:
            head = msgspec.json.decode(self._take(length), type=Head)
        except msgspec.DecodeError as problem:
            raise self._corrupt(str(problem)) from problem
        if head.format > FORMAT:
            raise CorruptBackup(
                f"{self._path} has format {head.format}, this release reads up to {FORMAT}: use the one that wrote it"
            )
        if head.feature_level > features.SUPPORTED:
            raise CorruptBackup(
                f"{self._path} is of a cluster that uses features of level {head.feature_level}, this release knows up "
                f"to {features.SUPPORTED}: use the release that the cluster ran"
            )
        return head

    def _take(self, count: int) -> bytes:
        try:
            data = self._file.read(count)
        except gzip.BadGzipFile as problem:
            raise CorruptBackup(f"{self._path} is no backup of an mdscluster, or damaged: {problem}") from problem
        except (EOFError, zlib.error) as problem:
            raise self._corrupt(str(problem)) from problem
        except OSError as problem:
            raise CorruptBackup(f"cannot read {self._path}: {problem.strerror}") from problem
        if len(data) < count:
            raise self._corrupt("it ends too early")
        self._hash.update(data)
        return data

    def _corrupt(self, why: str) -> CorruptBackup:
        return CorruptBackup(f"{self._path} is damaged or not whole: {why}")
