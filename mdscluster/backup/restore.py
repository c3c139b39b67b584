"""From a backup to the state of a new cluster's node, and to the certainty that it is whole."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import lmdb
import msgspec

from mdscluster.backup.stream import CorruptBackup, Head, Reader
from mdscluster.config import ConfigError, NodeConfig
from mdscluster.fsm import digest, restoring
from mdscluster.fsm.compound import Compound
from mdscluster.fsm.machine import load_settings
from mdscluster.fsm.tables import TABLE_NAMES, Tables
from mdscluster.raft import seeding
from mdscluster.raft.environment import open_environment, sync_directory, words
from mdscluster.raft.errors import StorageError
from mdscluster.raft.store import Store
from mdscluster.rejoin import make_room
from mdsproto.nodelock import NodeLock
from mdsproto.serveruser import require_server_user

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROWS_AT_ONCE: Final = 50_000
_SEED_BYTES: Final = 16


class Restored(msgspec.Struct):
    """What came of it."""

    head: Head
    rows: int
    clients: int
    """That the backup knew; they are unknown now."""


class Unverified(Exception):
    """There was no room to read a backup: nobody knows whether it is whole. The text is for the operator."""


def verify(file: Path, work_dir: Path | None = None) -> Restored:
    """Read a backup whole and compare its digest, in a place that is removed again.

    :class:`CorruptBackup` when it is not whole, :class:`Unverified` when the place does not do.
    """
    with Reader(file) as reader:
        try:
            with tempfile.TemporaryDirectory(prefix="mdsctl-verify-", dir=work_dir) as place:
                env = open_environment(Path(place))
                try:
                    rows = _fill(env, reader)
                finally:
                    env.close()
        except (StorageError, lmdb.Error, OSError) as problem:
            where = work_dir or tempfile.gettempdir()
            raise Unverified(
                f"cannot verify {file}: no use can be made of {where} for it: {words(where, problem)}"
            ) from problem
        return Restored(reader.head, rows, 0)


def restore(file: Path, config: NodeConfig, *, set_aside: bool = False) -> Restored:
    """Make the node's state from a backup. Every metadata server of the new cluster is to be made from the same one.

    ``ConfigError`` when the node runs, has a state, or is another user's; :class:`CorruptBackup`: nothing has changed.
    """
    require_server_user(config.node_id, config.data_dir, config.tls.key, "mdsctl backup restore FILE --config FILE")
    lock = NodeLock(config.data_dir, config.node_id)
    incoming = config.state_dir.with_name(config.state_dir.name + ".restored")
    try:
        shutil.rmtree(incoming, ignore_errors=True)  # what an interrupted one left
        with Reader(file) as reader:
            if reader.head.applied_index < 2:
                raise CorruptBackup(f"{file} is of a cluster that had nothing yet")
            env = open_environment(incoming)
            try:
                rows = _fill(env, reader)
                gone = _begin_anew(env, reader.head)
                env.sync(True)
            finally:
                env.close()
            (incoming / "lock.mdb").unlink(missing_ok=True)
            make_room(config.state_dir, config.node_id, set_aside=set_aside)
            incoming.rename(config.state_dir)
            sync_directory(config.state_dir)
            sync_directory(config.data_dir)
            return Restored(reader.head, rows, gone)
    except (StorageError, lmdb.Error) as problem:
        told = words(config.data_dir, problem)
        raise ConfigError(f"cannot write {incoming}: {told}; nothing has changed") from problem
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
        lock.release()


def _fill(env: lmdb.Environment, reader: Reader) -> int:
    """Put all rows into an empty environment; how many. :class:`CorruptBackup` unless their digest is the backup's."""
    with env.begin(write=True) as txn:
        tables = Tables(env, txn)
    rows, batch = 0, []
    for row in reader.rows():
        batch.append(row)
        rows += 1
        if len(batch) >= _ROWS_AT_ONCE:
            _put(env, tables, batch)
            batch.clear()
    _put(env, tables, batch)
    with env.begin() as txn:
        index, value = digest.digest(txn, tables)
    if (index, value.hex()) != (reader.head.applied_index, reader.head.digest):
        raise CorruptBackup(
            f"its content has the digest {value.hex()} at entry {index}; it says {reader.head.digest} at entry "
            f"{reader.head.applied_index}: it is damaged, or was written by a faulty server"
        )
    return rows


def _put(env: lmdb.Environment, tables: Tables, batch: list[tuple[str, bytes, bytes]]) -> None:
    with env.begin(write=True) as txn:
        for name, rows in _by_table(batch):
            if name not in TABLE_NAMES:
                raise CorruptBackup(f"it has a table {name!r}, which this release does not know")
            with txn.cursor(db=getattr(tables, name)) as cursor:
                cursor.putmulti(rows, append=True)


def _by_table(batch: list[tuple[str, bytes, bytes]]) -> Iterator[tuple[str, list[tuple[bytes, bytes]]]]:
    found: dict[str, list[tuple[bytes, bytes]]] = {}
    for name, key, value in batch:
        found.setdefault(name, []).append((key, value))
    yield from found.items()


def _begin_anew(env: lmdb.Environment, head: Head) -> int:
    """The state's own part, and consensus's."""
    store = Store(env)
    txn = store.txn
    tables = Tables(env, txn)
    cx = Compound(tables, load_settings(txn, tables))
    cx.bind_batch(txn, head.created_s * 1_000_000_000, head.lease_ms)  # the same on every node
    cx.reset()
    gone = restoring.begin_anew(cx)
    identity = hashlib.blake2b(f"{head.applied_index} {head.digest}".encode(), digest_size=_SEED_BYTES).digest()
    seeding.seed(store, head.applied_index, head.lease_ms, identity)
    store.commit()
    return gone
