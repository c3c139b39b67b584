"""The sender of a snapshot: what it sends, what it leaves behind, and that commits come first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import lmdb
import pytest

from mdscluster.raft import snapshot, snapshot_sender
from mdscluster.raft.snapshot import SnapshotError
from mdscluster.raft.snapshot_sender import Pacer
from mdsproto.raft_pb2 import SnapshotFrame
from tests.simulation.consensus.cluster import open_env

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


def begun() -> Pacer:
    """Of a sender that begins now. Commits have taken 2 ms up to here."""
    pacer = Pacer(MOST)
    for _ in range(64):
        pacer.note_commit(2.0)
    pacer.begin()
    return pacer


def test_a_snapshot_is_as_fast_as_commits_allow() -> None:
    """Slower when they take more than twice what they took before it; faster again when they do not."""
    pacer = begun()
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
    pacer = begun()
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
