"""A backup is whole or refused; a restored state is the backup's, and then begins anew."""

from __future__ import annotations

import gzip
import io
import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from mdscluster.backup import restore, stream
from mdscluster.backup.stream import CorruptBackup
from mdscluster.config import ConfigError, NodeConfig
from mdscluster.fsm import clients, cuts, data_servers, digest, features, fences
from mdscluster.fsm.commands import DataServerUpdate, EnsureStriping, RaiseFeatures
from mdscluster.fsm.records import unpack_inode
from mdscluster.fsm.restoring import JUMP
from mdscluster.fsm.settings import Settings
from mdscluster.fsm.tables import U32, U64, Tables
from mdscluster.plan import ClusterPlan, UpConfig
from mdscluster.raft.environment import open_environment
from mdscluster.raft.store import Store
from mdscluster.rejoin import rejoin
from nfswire import nfs4
from tests.unit.fsm.support.compounds import Namespace, at, putfh, remove, setattr_
from tests.unit.fsm.support.sessions import BOTH, END, WRITE, connect
from tests.unit.fsm.test_state_sessions import give_layout

NOBODY = pwd.getpwnam("nobody")
OLD_TABLES = ("client", "client_owner", "session", "slot", "state", "state_file", "state_client", "state_owner", "lock")


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    """A state with a bit of everything."""
    made = Namespace(tmp_path / "source", Settings(cluster_id=7, name=b"backed up"))
    made.internal(RaiseFeatures(4))
    for number in (1, 2):
        made.internal(DataServerUpdate(f"ds{number}", "127.0.0.1", 2049 + number, True, 1 << 40, 1 << 39, 1, b"store"))
    caller = connect(made, b"me")
    handle, stateid = caller.create(b"file", BOTH, WRITE)
    made.internal(EnsureStriping(fileid_of(handle)))
    caller.lock(handle, stateid, 0, END, owner=b"process")
    give_layout(made, caller.client_id, fileid_of(handle))
    orphan, _ = caller.create(b"orphan")
    made.internal(EnsureStriping(fileid_of(orphan)))
    caller.ok(*at(), remove(b"orphan"))
    for number in range(200):
        connect(made, b"client %d" % number)
    yield made
    made.close()


def fileid_of(handle: bytes) -> int:
    return int.from_bytes(handle[8:16], "big")


def dump(fs: Namespace, file: Path) -> stream.Head:
    with file.open("wb") as out:
        return stream.write(fs.env, out, node="mds2", created_s=1_700_000_000)


@pytest.fixture
def config(tmp_path: Path) -> NodeConfig:
    plan = ClusterPlan(tmp_path / "new", UpConfig())
    plan.prepare()
    return NodeConfig.load(plan.mds[0].config)


def test_a_backup_is_what_digest_says(fs: Namespace, tmp_path: Path) -> None:
    """INV-8: equal digest at the entry it is of."""
    file = tmp_path / "backup"
    head = dump(fs, file)
    with fs.env.begin() as txn:
        index, value = digest.digest(txn, fs.machine.tables)
    assert (head.applied_index, head.digest, head.cluster) == (index, value.hex(), "backed up")
    found = restore.verify(file, tmp_path)
    assert found.head == head
    assert found.rows > 600
    assert [path for path in tmp_path.iterdir() if path.name.startswith("mdsctl-verify")] == []


def damaged(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Damage inside the compression, which has a checksum of its own."""

    def harm(file: Path) -> None:
        file.write_bytes(gzip.compress(change(gzip.decompress(file.read_bytes())), 1))

    return harm


def newer(plain: bytes) -> bytes:
    return plain.replace(b'"format":1', b'"format":9')


def of_a_higher_level(plain: bytes) -> bytes:
    """With a head of its own length: the number of a level may be longer than the one that it takes the place of."""
    rest = plain.removeprefix(stream.MAGIC)
    head_end = U32.size + U32.unpack_from(rest)[0]
    head = msgspec.json.decode(rest[U32.size : head_end], type=stream.Head)
    packed = msgspec.json.encode(msgspec.structs.replace(head, feature_level=features.SUPPORTED + 1))
    return stream.MAGIC + U32.pack(len(packed)) + packed + rest[head_end:]


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda file: file.write_bytes(b"hello"), "is no backup"),
        (lambda file: file.write_bytes(gzip.compress(b"hello " * 100)), "is no backup"),
        (lambda file: file.unlink(), "cannot read"),
        (lambda file: file.write_bytes(file.read_bytes()[:-30]), "damaged or not whole"),
        (lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]), "damaged or not whole"),
        (damaged(lambda plain: plain[:-33]), "ends too early"),
        (damaged(lambda plain: plain[:-200] + bytes([plain[-200] ^ 1]) + plain[-199:]), "damaged|does not know|digest"),
        (damaged(newer), "format 9"),
        (damaged(of_a_higher_level), f"level {features.SUPPORTED + 1}, this release knows up"),
        (damaged(lambda plain: plain.replace(b'"node":"mds2"', b'"node":"mds9"')), "checksum does not fit"),
    ],
)
def test_what_is_not_whole_is_refused(
    fs: Namespace, tmp_path: Path, config: NodeConfig, harm: Callable[[Path], None], words: str
) -> None:
    """INV-2: and nothing is changed."""
    file = tmp_path / "backup"
    dump(fs, file)
    harm(file)
    with pytest.raises(CorruptBackup, match=words):
        restore.verify(file, tmp_path)
    with pytest.raises(CorruptBackup, match=words):
        restore.restore(file, config)
    assert not config.state_dir.exists()


def test_a_wrong_digest_is_found_though_the_file_is_whole(fs: Namespace, tmp_path: Path) -> None:
    """INV-8: a server that wrote nonsense, with a checksum over it."""
    file = tmp_path / "backup"
    with fs.env.begin(write=True) as txn:
        txn.put(b"applied_index", U64.pack(999), db=fs.machine.tables.meta)
    out = io.BytesIO()
    real = digest.digest
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(digest, "digest", lambda txn, tables: (999, bytes(16)))
        stream.write(fs.env, out, node="mds2", created_s=1)
    assert digest.digest is real
    file.write_bytes(out.getvalue())
    with pytest.raises(CorruptBackup, match="has the digest"):
        restore.verify(file, tmp_path)


def test_a_restored_state_begins_anew(fs: Namespace, tmp_path: Path, config: NodeConfig) -> None:
    """INV-6, INV-10, INV-11: clients are gone, orphans with them; old handles are void; no number comes twice."""
    file = tmp_path / "backup"
    head = dump(fs, file)
    with fs.env.begin() as txn:
        epoch_before = fences.fences(txn, fs.machine.tables)[0]
        before = {bytes(k): unpack_inode(bytes(v)) for k, v in txn.cursor(db=fs.machine.tables.inode)}
    found = restore.restore(file, config)
    assert found.clients == 201
    env = open_environment(config.state_dir)
    store = Store(env)
    assert (store.applied(), store.seed() != b"", store.vote()) == (
        (head.applied_index, 0, head.lease_ms), True, (0, None),
    )  # fmt: skip
    store.abandon()
    tables = Tables(env)
    with env.begin() as txn:
        assert {name: txn.stat(getattr(tables, name))["entries"] for name in OLD_TABLES} == dict.fromkeys(OLD_TABLES, 0)
        assert digest.digest(txn, tables)[0] == head.applied_index
        version, listed = fences.fences(txn, tables)
        assert listed == [(fences.EVERY, fences.EVERY, version)]
        assert version > epoch_before + 1_000_000
        after = {bytes(k): unpack_inode(bytes(v)) for k, v in txn.cursor(db=tables.inode)}
        assert len(after) == len(before) - 1, "the orphan is gone"
        assert all(inode.change >= before[key].change + JUMP for key, inode in after.items())
        assert txn.stat(tables.deletion)["entries"] == 2, "its objects are to be deleted at both data servers"
        assert len(data_servers.all_servers(txn, tables)) == 2
        assert not clients.any_client(txn, tables)
    env.close()


def test_cuts_under_way_are_still_carried_out(fs: Namespace, tmp_path: Path, config: NodeConfig) -> None:
    """INV-10: else what was cut off would come back when the file grows."""
    caller = connect(fs, b"cutter")
    handle, stateid = caller.create(b"cut", BOTH)
    fs.internal(EnsureStriping(fileid_of(handle)))
    for size in (100_000, 10):
        caller.ok(putfh(handle), setattr_({nfs4.FATTR4_SIZE: size}, stateid))
    file = tmp_path / "backup"
    dump(fs, file)
    restore.restore(file, config)
    env = open_environment(config.state_dir, readonly=True)
    tables = Tables(env)
    with env.begin() as txn:
        cut = cuts.of_file(txn, tables, fileid_of(handle))
        raw = txn.get(handle[8:16], db=tables.inode)
    env.close()
    assert cut is not None
    assert raw is not None
    assert dict(cut.remaining) == {1: 10, 2: 10}
    assert cut.serial == unpack_inode(bytes(raw)).cuts


def test_a_state_that_is_there_is_not_overwritten(fs: Namespace, tmp_path: Path, config: NodeConfig) -> None:
    """INV-2: it may hold what no other node holds."""
    file = tmp_path / "backup"
    dump(fs, file)
    restore.restore(file, config)
    first = (config.state_dir / "data.mdb").read_bytes()
    with pytest.raises(ConfigError, match="is not empty"):
        restore.restore(file, config)
    assert (config.state_dir / "data.mdb").read_bytes() == first
    restore.restore(file, config, set_aside=True)
    assert list(config.data_dir.glob("state.aside-*"))


def made_by_root(place: Path) -> None:
    """What root finds there: the directory of another user."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away: who may make a state is NOT tested here")
    os.chown(place, NOBODY.pw_uid, NOBODY.pw_gid)


@pytest.mark.parametrize("how", ["the directory", "the one above", "a new disk"])
def test_nobody_makes_a_state_that_the_server_cannot_open(
    fs: Namespace, tmp_path: Path, config: NodeConfig, how: str
) -> None:
    """INV-2: root is refused, restoring and rejoining, and told as whom to do it; nothing is changed."""
    file = tmp_path / "backup"
    dump(fs, file)
    if how == "the one above":
        shutil.rmtree(config.data_dir, ignore_errors=True)
        made_by_root(config.data_dir.parent)
    else:
        config.data_dir.mkdir(parents=True, exist_ok=True)
        made_by_root(config.data_dir if how == "the directory" else config.tls.key)
    before = sorted(tmp_path.rglob("*"))
    for command in (lambda: restore.restore(file, config, set_aside=True), lambda: rejoin(config, set_aside=True)):
        with pytest.raises(ConfigError, match=f"runuser -u {NOBODY.pw_name} -- md") as refused:
            command()
        assert (f"install -d -m 0700 -o {NOBODY.pw_name}" in str(refused.value)) == (how == "a new disk")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_servers_own_user_restores(fs: Namespace, tmp_path: Path, config: NodeConfig) -> None:
    """And nobody else, whoever that is."""
    file = tmp_path / "backup"
    dump(fs, file)
    me = os.geteuid()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: me + 1)
        with pytest.raises(ConfigError, match=r"nothing has changed.*`sudo -u \S+ mdsctl backup restore"):
            restore.restore(file, config)
    assert not config.state_dir.exists()
    restore.restore(file, config)
    assert (config.state_dir / "data.mdb").stat().st_uid == me
