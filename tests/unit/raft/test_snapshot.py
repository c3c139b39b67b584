"""Snapshots: the stream's rules, and a crash at every step of putting one in force."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import lmdb
import pytest

from mdscluster.raft import snapshot, snapshot_sender
from mdscluster.raft.config import RaftConfig
from mdscluster.raft.environment import open_environment
from mdscluster.raft.errors import StorageError
from mdscluster.raft.framing import pack_frame
from mdscluster.raft.snapshot import SnapshotError
from mdscluster.raft.snapshot_sender import Pacer
from mdsproto.raft_pb2 import Hello, SnapshotChunk, SnapshotFrame, SnapshotHeader, SnapshotTrailer
from tests.simulation.consensus.cluster import Cluster, open_env
from tests.simulation.consensus.directed import append_entries
from tests.simulation.consensus.installs import ERRORS, FAILING_STEPS, RENAMED, failing_at
from tests.simulation.consensus.node import keep_file
from tests.simulation.fixtures import MakeCluster


def behind(make_cluster: MakeCluster, *, n2_keeps: int = 16) -> Cluster:
    """n3 missed so much that n1's log begins after its end; it is connected again and was offered a snapshot."""
    cluster = make_cluster(log_keep_entries=16)
    cluster.start("n1", "n3")
    cluster.start("n2", log_keep_entries=n2_keeps)
    cluster.calm()
    cluster.elect("n1")
    cluster.settle()
    cluster.propose("n1", b"before")
    cluster.settle()
    cluster.isolate("n3")
    for i in range(60):
        cluster.propose("n1", b"missed %d" % i)
        cluster.settle("n1", "n2", rounds=1)
        cluster.calm()
    cluster.connect("n3", "n1")
    cluster.connect("n3", "n2")
    cluster.settle(rounds=8)
    assert cluster["n3"].snapshot_from == "n1"
    assert cluster["n3"].history() == [b"before"]
    return cluster


def test_a_follower_behind_the_log_gets_the_state(make_cluster: MakeCluster) -> None:
    """Its term and vote stay its own; log and state are the leader's; then it follows as before."""
    cluster = behind(make_cluster)
    vote = cluster["n3"].engine.store.vote()
    assert cluster["n3"].install_snapshot(cluster["n1"])
    cluster.kill("n3")
    cluster.start("n3")
    assert cluster["n3"].engine.store.vote() == vote
    assert len(cluster["n3"].history()) == 61
    cluster.propose("n1", b"after")
    cluster.run(500)
    assert [len(node.history()) for node in cluster.nodes.values()] == [62, 62, 62]
    cluster.check()


def test_an_image_of_a_later_term_brings_its_term(make_cluster: MakeCluster) -> None:
    """INV-1: n3 has heard of no term but the first when it gets a state of the second. It never goes by a log of a term
    later than its own (it could stand, and vote, in terms that are over), and its vote of the first counts no more."""
    cluster = behind(make_cluster)
    node = cluster["n3"]
    cluster.isolate("n3")
    cluster.kill("n1")
    cluster.start("n1", connect=False)
    cluster.connect("n1", "n2")
    cluster.calm()
    cluster.elect("n2", "n1", "n2")
    cluster.propose("n2", b"of term 2")
    cluster.settle("n1", "n2")
    (term, voted_for), image_term = node.engine.store.vote(), cluster["n1"].engine.store.applied()[1]
    cluster["n1"].engine.store.commit()
    assert (term, voted_for, image_term) == (1, "n1", 2)
    assert node.install_snapshot(cluster["n1"])
    cluster.kill("n3")
    cluster.start("n3", connect=False)
    assert (node.engine.journal.last_term, node.engine.store.vote()) == (2, (2, None))
    for peer in ("n1", "n2"):
        cluster.connect("n3", peer)
    cluster.run(500)
    assert node.history() == cluster["n2"].history()
    cluster.check()


def test_no_room_for_the_first_step_is_a_snapshot_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: it is tried again later, and consensus goes on."""

    def no_room(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    config = RaftConfig("n3", {"n1": ("127.0.0.1", 1), "n3": ("127.0.0.1", 2)}, tmp_path / "state")
    monkeypatch.setattr(Path, "mkdir", no_room)
    with pytest.raises(SnapshotError, match="No space left on device"):
        asyncio.run(snapshot.fetch(config, "n1", config.peers["n1"], Hello()))


@pytest.mark.parametrize("number", ERRORS)
@pytest.mark.parametrize("step", ["open", "write", "fdatasync", "fsync"])
def test_a_disk_that_fails_while_an_image_is_received_is_a_snapshot_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    """As above, at whatever step: nothing of what was received stays, for it may be what the disk has no room for."""
    data = b"".join(pack_frame(frame.SerializeToString()) for frame in frames())
    config = RaftConfig("n3", {"n1": ("127.0.0.1", 1), "n3": ("127.0.0.1", 2)}, tmp_path / "state")
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
        asyncio.run(snapshot.fetch(config, "n1", config.peers["n1"], Hello()))
    assert failed == [step]
    assert not snapshot.incoming_dir(config.state_dir).exists()


def test_reads_of_a_node_that_waits_for_a_snapshot_are_refused_in_time(make_cluster: MakeCluster) -> None:
    """INV-4: it hears its leader, which confirms its barriers for an index that it will not reach: none may wait on."""
    cluster = behind(make_cluster)
    node = cluster["n3"]
    patience_ms = node.engine.config.barrier_deadline_ms
    asked_ms = cluster.now_ms
    node.engine.barrier("first", node.now_ms)
    cluster.run(300)
    node.engine.barrier("second", node.now_ms)
    cluster.run(300)
    assert node.barriers == {}
    assert not node.engine.reads._new
    assert not node.engine.reads._sent
    assert node.engine.reads.deadline_ms(node.now_ms) <= asked_ms + patience_ms + 10, "no timer would end the wait"
    cluster.run(patience_ms, step_ms=50)
    assert node.barriers == {"first": False, "second": False}
    node.engine.barrier("third", node.now_ms)
    cluster.run(300)
    assert node.barriers.keys() == {"first", "second"}
    assert node.engine.reads.deadline_ms(node.now_ms) < float("inf")


def test_a_node_that_waits_for_a_snapshot_does_not_count_itself_as_serving(make_cluster: MakeCluster) -> None:
    """INV-4: its front end goes by ``has_quorum``; with the snapshot installed it serves again."""
    cluster = behind(make_cluster)
    node = cluster["n3"]
    for _ in range(5):
        cluster.run(200)
        assert not node.engine.status(node.now_ms).has_quorum
        assert cluster["n1"].engine.status(cluster["n1"].now_ms).has_quorum
    assert node.install_snapshot(cluster["n1"])
    cluster.kill("n3")
    cluster.start("n3")
    cluster.run(300)
    node.engine.barrier("read", node.now_ms)
    cluster.run(100)
    assert node.engine.status(node.now_ms).has_quorum
    assert node.barriers == {"read": True}


def test_a_leader_with_a_longer_log_makes_the_snapshot_needless(make_cluster: MakeCluster) -> None:
    """n2's log goes back to where n3's ends: led by n2, n3 catches up from it, and serves again."""
    cluster = behind(make_cluster, n2_keeps=50_000)
    node = cluster["n3"]
    node.engine.barrier("read", node.now_ms)
    cluster.kill("n1")
    cluster.elect("n2", "n2", "n3")
    cluster.run(500)
    assert cluster["n2"].engine.core.is_leader
    assert len(node.history()) == 61
    assert node.engine.status(node.now_ms).has_quorum
    assert node.barriers == {"read": True}


def caught_up_meanwhile(make_cluster: MakeCluster) -> tuple[Cluster, Path]:
    """n1's image, whose last entry only n1 knows to be committed, is on its way to n3; n2 leads now, has given n3 that
    entry and ``answered``, and knows this to be committed. n3 knows neither to be.
    """
    cluster = behind(make_cluster, n2_keeps=50_000)
    cluster.disconnect("n3", "n2")
    append_entries(cluster, "n1", b"last of the image")
    cluster.deliver("n1", "n2", 1)
    cluster.deliver("n2", "n1")
    index = cluster["n1"].engine.applied
    assert cluster["n2"].engine.core.commit_index < index == cluster["n2"].engine.journal.last_index
    image = cluster["n3"].receive_image(cluster["n1"])
    cluster.isolate("n1")
    cluster.connect("n2", "n3")
    cluster.calm()
    cluster.elect("n2", "n2", "n3")
    cluster.propose("n2", b"answered")
    for _ in range(20):
        cluster.turn("n2", 60)
        if cluster.acknowledged()[-1:] == [b"answered"]:
            break
        cluster.deliver("n2", "n3")
        cluster.deliver("n3", "n2")
    assert b"answered" in cluster.acknowledged()
    node = cluster["n3"]
    assert node.engine.applied < index < node.engine.journal.last_index
    return cluster, image


def test_an_image_that_comes_late_drops_nothing_acknowledged(make_cluster: MakeCluster) -> None:
    """INV-2: n3 has acknowledged more than the image has. n2 is lost: what n3 holds is the only copy that is left.

    Nor is n3 stuck: it leads, and applies what it holds.
    """
    cluster, image = caught_up_meanwhile(make_cluster)
    if cluster["n3"].adopt_image(image):
        cluster.kill("n3")
        cluster.start("n3")
    cluster.kill("n2")
    cluster.connect("n1", "n3")
    cluster.await_leader()
    cluster.run(500)
    cluster.check()
    assert len(cluster["n3"].history()) == len(cluster["n1"].history()) == 63


def test_the_installed_node_can_lead(make_cluster: MakeCluster) -> None:
    cluster = behind(make_cluster)
    cluster["n3"].install_snapshot(cluster["n1"])
    cluster.kill("n3")
    cluster.start("n3")
    cluster.run(500)
    cluster.kill("n1")
    cluster.calm()
    cluster.elect("n3")
    cluster.run(300)
    assert cluster["n3"].engine.core.is_leader
    cluster.start("n1")
    cluster.run(500)
    cluster.check()


def test_an_offered_follower_keeps_its_leader(make_cluster: MakeCluster) -> None:
    """While the image travels the follower stays loyal: no election, no commit of what it lacks."""
    cluster = behind(make_cluster)
    term = cluster["n1"].engine.core.term
    cluster.run(3_000)
    assert cluster["n1"].engine.core.is_leader
    assert cluster["n1"].engine.core.term == term
    assert cluster["n3"].engine.core.commit_index <= cluster["n3"].engine.journal.last_index
    cluster.check()


def test_a_tail_of_its_own_does_not_hide_that_a_follower_is_behind(make_cluster: MakeCluster) -> None:
    """n3 led alone for a while: its log reaches into the others', which begin after what it has committed."""
    cluster = make_cluster(log_keep_entries=16)
    cluster.start()
    cluster.calm()
    cluster.elect("n3")
    cluster.settle()
    cluster.calm()
    for i in range(60):
        cluster.propose("n3", b"lost %d" % i)
        cluster.turn("n3")
        cluster.turn("n3")
    cluster.isolate("n3")
    cluster.calm()
    cluster.elect("n1", "n1", "n2")
    for i in range(40):
        cluster.propose("n1", b"kept %d" % i)
        cluster.settle("n1", "n2", rounds=1)
        cluster.calm()
    journal = cluster["n1"].engine.journal
    assert cluster["n3"].engine.core.commit_index < journal.first_index < cluster["n3"].engine.journal.last_index
    cluster.connect("n3", "n1")
    cluster.connect("n3", "n2")
    cluster.settle(rounds=8)
    assert cluster["n3"].snapshot_from == "n1"
    assert cluster["n3"].engine.journal.last_index > cluster["n1"].engine.applied
    assert cluster["n3"].install_snapshot(cluster["n1"])
    cluster.kill("n3")
    cluster.start("n3")
    cluster.run(500)
    assert len(cluster["n3"].history()) >= 40
    cluster.check()


def test_never_back(make_cluster: MakeCluster) -> None:
    """Guard 4: an image that is not ahead of this node's state is thrown away, and the node goes on."""
    cluster = behind(make_cluster)
    assert not cluster["n1"].install_snapshot(cluster["n3"])
    cluster.propose("n1", b"goes on")
    cluster.settle("n1", "n2")
    assert cluster["n1"].results[b"goes on"] is not None


class Crash(Exception):
    """The process dies here."""


STEPS: list[tuple[str, str, bool]] = [
    ("copy", "mdscluster.raft.snapshot.adopt", False),
    ("adopt: before its commit", "mdscluster.raft.store.Store.commit", False),
    ("adopted, before the flush", "mdscluster.raft.snapshot._fsync", False),
    ("before the rename", "os.rename", False),
]


@pytest.mark.parametrize(("step", "target"), [(step, target) for step, target, _ in STEPS])
def test_a_crash_before_the_rename_changes_nothing(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch, step: str, target: str
) -> None:
    """INV-1, INV-2: the old state is whole; what was received is thrown away; a second transfer succeeds."""
    cluster = behind(make_cluster)
    node = cluster["n3"]
    vote, applied = node.engine.store.vote(), node.engine.applied
    node.engine.store.commit()

    def crash(*_: object) -> None:
        raise Crash(step)

    with monkeypatch.context() as patch:
        patch.setattr(target, crash)
        with pytest.raises(Crash):
            node.install_snapshot(cluster["n1"])
    cluster.kill("n3")
    snapshot.discard_incoming(node.dir)
    cluster.start("n3")
    assert (node.engine.store.vote(), node.engine.applied) == (vote, applied)
    node.engine.store.commit()
    node.snapshot_from = None
    cluster.run(300)
    assert node.snapshot_from == "n1"
    assert node.install_snapshot(cluster["n1"])
    cluster.kill("n3")
    cluster.start("n3")
    cluster.run(300)
    assert len(node.history()) == 61
    cluster.check()


def test_a_crash_after_the_rename_is_an_installed_snapshot(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = behind(make_cluster)
    node = cluster["n3"]
    calls: list[Path] = []

    def crash_second(path: Path) -> None:
        calls.append(path)
        if len(calls) == 2:
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "_fsync", crash_second)
        with pytest.raises(Crash):
            node.install_snapshot(cluster["n1"])
    cluster.kill("n3")
    cluster.start("n3")
    assert len(node.history()) == 61
    cluster.run(300)
    cluster.check()


@pytest.mark.parametrize("power", [False, True])
@pytest.mark.parametrize("number", ERRORS)
@pytest.mark.parametrize("step", range(len(FAILING_STEPS)), ids=FAILING_STEPS)
def test_a_disk_that_fails_in_an_install_stops_the_node(
    make_cluster: MakeCluster, step: int, number: int, power: bool
) -> None:
    """INV-1, INV-2: it is started again on the state that it had, or on the image, each whole; then it catches up.

    ``power``: it is lost as well, and the rename with it if that was not flushed.
    """
    cluster = behind(make_cluster)
    node = cluster["n3"]
    vote = node.engine.store.vote()
    node.engine.store.commit()
    image = node.receive_image(cluster["n1"])
    kept = keep_file(node)
    with failing_at(step, node.disk, number), pytest.raises(StorageError, match=os.strerror(number)):
        node.adopt_image(image)
    cluster.kill("n3")
    installed = step == RENAMED and not power
    if installed:
        node.disk.replaced()
    elif power:
        os.replace(kept, node.dir / "data.mdb")
        node.lose_power(undo=True)
    cluster.start("n3")
    assert node.engine.store.vote() == vote
    node.engine.store.commit()
    assert (node.engine.applied == cluster["n1"].engine.applied) == installed
    if not installed:
        node.snapshot_from = None
        cluster.run(300)
        assert node.snapshot_from == "n1"
        assert node.install_snapshot(cluster["n1"])
        cluster.kill("n3")
        cluster.start("n3")
    cluster.run(300)
    assert len(node.history()) == 61
    cluster.check()


def test_the_file_that_a_node_starts_on_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INV-2: the process died between the rename and its flush. What is promised in the image must not go with it."""
    flushed: list[tuple[int, bool]] = []
    fsync = os.fsync

    def watched(fd: int) -> None:
        flushed.append((os.fstat(fd).st_ino, (tmp_path / "data.mdb").exists()))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", watched)
    open_environment(tmp_path).close()
    assert (tmp_path.stat().st_ino, True) in flushed


def test_a_node_whose_file_cannot_be_made_durable_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-2: as above, and the flush fails at the start as well."""

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="Input/output error"):
        open_environment(tmp_path)
    monkeypatch.undo()
    open_environment(tmp_path).close()


# The stream.

DATA = [b"a" * 1000, b"b" * 1000, b"c" * 10]


def frames() -> list[SnapshotFrame]:
    digest = hashlib.blake2b(b"".join(DATA), digest_size=32).digest()
    chunks = [SnapshotFrame(chunk=SnapshotChunk(sequence=i, data=data)) for i, data in enumerate(DATA)]
    trailer = SnapshotFrame(trailer=SnapshotTrailer(chunks=3, length_bytes=2010, digest=digest))
    return [SnapshotFrame(header=SnapshotHeader(term=1, applied_index=9)), *chunks, trailer]


def receive(stream: list[SnapshotFrame], path: Path, *, cut_bytes: int = 0) -> None:
    async def run() -> None:
        reader = asyncio.StreamReader()
        data = b"".join(pack_frame(frame.SerializeToString()) for frame in stream)
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


MISHAPS: dict[str, tuple[Callable[[list[SnapshotFrame]], object], str]] = {
    "no header": (lambda f: f.pop(0), "without a header"),
    "chunk lost": (lambda f: f.pop(2), "chunk 1 is missing"),
    "chunk twice": (lambda f: f.insert(2, f[1]), "chunk 1 is missing"),
    "chunks swapped": (_swap, "chunk 0 is missing"),
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
    """Guard 4: sequence, length and digest are checked before anything is used."""
    stream = frames()
    happens, reason = MISHAPS[mishap]
    happens(stream)
    with pytest.raises((ValueError, EOFError), match=reason):
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


# The sender.


MOST = 256 << 20


class FakeLink:
    """Keeps what is written. It goes away when it was written so many frames."""

    def __init__(self, frames_max: int = 1 << 30) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.written: list[bytes] = []
        self.frames_max = frames_max

    def write(self, data: bytes) -> None:
        self.written.append(data)
        if len(self.written) >= self.frames_max:
            self.closed.set_result(None)

    async def drained(self) -> None:
        await asyncio.sleep(0)


def filled(directory: Path, megabytes: int) -> lmdb.Environment:
    directory.mkdir()
    env = open_env(directory)
    db = env.open_db(b"filled")
    with env.begin(write=True, db=db) as txn:
        for number in range(megabytes):
            txn.put(b"%d" % number, bytes((number % 251,)) * (1 << 20))
    return env


def test_what_is_sent_is_the_environment_as_it_was(tmp_path: Path) -> None:
    """One read transaction: what is written while it travels is not in it."""
    env = filled(tmp_path / "sender", 8)

    async def run() -> None:
        link, pacer = FakeLink(), Pacer(MOST)
        sending = asyncio.ensure_future(snapshot_sender.serve(link, env, 3, 7, pacer))  # type: ignore[arg-type]
        while len(link.written) < 10:  # noqa: ASYNC110
            await asyncio.sleep(0)
        db = env.open_db(b"filled")
        with env.begin(write=True, db=db) as txn:
            txn.put(b"late", b"too late")
        while not SnapshotFrame.FromString(link.written[-1][4:]).HasField("trailer"):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        link.closed.set_result(None)
        await sending
        assert max(map(len, link.written)) <= snapshot_sender.CHUNK_BYTES + 100
        reader = asyncio.StreamReader()
        reader.feed_data(b"".join(link.written))
        reader.feed_eof()
        (tmp_path / "receiver").mkdir()
        await snapshot._receive(reader, tmp_path / "receiver" / "data.mdb")

    asyncio.run(run())
    env.close()
    copy = open_env(tmp_path / "receiver")
    with copy.begin(db=copy.open_db(b"filled")) as txn:
        assert txn.stat(copy.open_db(b"filled"))["entries"] == 8
        assert txn.get(b"5") == bytes((5,)) * (1 << 20)
    copy.close()


def test_a_receiver_that_goes_away_leaves_no_reader_behind(tmp_path: Path) -> None:
    """A read transaction that stayed would keep LMDB from ever using a freed page again."""
    env = filled(tmp_path / "sender", 16)

    async def run() -> None:
        link = FakeLink(frames_max=5)
        with pytest.raises(SnapshotError, match="went away"):
            await snapshot_sender.serve(link, env, 3, 7, Pacer(MOST))  # type: ignore[arg-type]

    asyncio.run(run())
    assert all(line.endswith("-") for line in env.readers().splitlines()[1:]), env.readers()
    env.close()


def test_a_snapshot_is_as_fast_as_commits_allow() -> None:
    """Slower when they take more than twice what they took before it; faster again when they do not."""
    pacer = Pacer(MOST)
    for _ in range(64):
        pacer.note_commit(2.0)
    pacer.begin()
    start = pacer.rate
    for _ in range(20):
        pacer.note_commit(3.9)
    assert pacer.rate > start
    for _ in range(200):
        pacer.note_commit(4.1)
    assert pacer.rate == pacer.FLOOR
    assert pacer.pause_s(1 << 20) == pytest.approx((1 << 20) / pacer.FLOOR)
    for _ in range(3_000):
        pacer.note_commit(2.0)
    assert pacer.rate == MOST


@pytest.mark.parametrize(("good", "change"), [(198, "slower"), (199, "rests"), (200, "faster")])
def test_one_commit_in_two_hundred_may_be_slow(good: int, change: str) -> None:
    """That is where the rate comes to rest: the p99 of commits is at most twice the usual."""
    pacer = Pacer(MOST)
    for _ in range(64):
        pacer.note_commit(2.0)
    pacer.begin()
    start = pacer.rate
    for _ in range(30):
        for took_ms in (*[2.0] * good, 5.0):
            pacer.note_commit(took_ms)
    ratio = pacer.rate / start
    assert ("rests" if ratio == pytest.approx(1) else "slower" if ratio < 1 else "faster") == change, ratio


def test_an_idle_leader_spares_nothing() -> None:
    pacer = Pacer(MOST)
    pacer.begin()
    assert pacer.rate == MOST
    pacer.note_commit(1_000.0)
    assert pacer.rate == MOST
