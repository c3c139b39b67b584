"""What the consensus process says and does when it has to stop."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mdscluster.raft import snapshot
from mdscluster.raft.config import RaftConfig
from mdscluster.raft.environment import open_environment
from mdscluster.raft.errors import ConsensusBug, PeerError, StorageError
from mdscluster.raft.founding import DiskLost
from mdscluster.raft.interface import STORAGE_EXIT_CODE
from mdscluster.raft.process import Node
from mdscluster.raft.process import run as run_node
from mdscluster.raft.snapshot import SnapshotError
from mdsproto.raft_pb2 import Hello, Message
from tests.simulation.consensus.directed import append_entries
from tests.simulation.consensus.installs import ERRORS, FAILING_STEPS, failing_at
from tests.simulation.consensus.machine import AppendMachine
from tests.simulation.fixtures import MakeCluster


def failed(tmp_path: Path, error: Exception) -> tuple[dict[str, object], asyncio.Future[int]]:
    """What a node logs when ``error`` stops it, and how it ends."""

    async def run() -> asyncio.Future[int]:
        config = RaftConfig("n1", {"n1": ("127.0.0.1", 1)}, tmp_path / "state")
        env = open_environment(config.state_dir)
        try:
            node = Node(config, env, AppendMachine)
            node._fail(error)
            return node.finished
        finally:
            env.close()

    with capture_logs() as logs:
        finished = asyncio.run(run())
    return dict(next(entry for entry in logs if entry["event"] == "consensus stops")), finished


def test_a_full_disk_is_told_to_the_operator_without_a_traceback(tmp_path: Path) -> None:
    """A disk that fills up is no bug: one line in the disk's own words, and the exit code for storage."""
    line, finished = failed(tmp_path, StorageError("cannot make the log durable: No space left on device"))
    assert (line["log_level"], line["exc_info"]) == ("critical", None)
    assert "No space left on device" in str(line["error"])
    assert finished.result() == STORAGE_EXIT_CODE


@pytest.mark.parametrize("fault", ["full", "damaged"])
def test_a_state_that_cannot_be_opened_is_told_without_a_traceback(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is there stays as it is. The unit starts it again: somebody will make room."""
    config = RaftConfig("n1", {"n1": ("127.0.0.1", 1)}, tmp_path / "state")
    config.state_dir.mkdir()
    (config.state_dir / "data.mdb").write_bytes(b"damaged" * 2_000)

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if fault == "full":
        monkeypatch.setattr(os, "posix_fallocate", full)
    with capture_logs() as logs:
        assert asyncio.run(run_node(config, AppendMachine)) == STORAGE_EXIT_CODE
    line = next(entry for entry in logs if entry["event"] == "consensus stops")
    assert line["log_level"] == "critical"
    assert line.get("exc_info") is None
    assert str(config.state_dir) in line["error"]
    assert ("No space left on device" in line["error"]) == (fault == "full")
    assert (config.state_dir / "data.mdb").read_bytes() == b"damaged" * 2_000


def test_no_part_of_the_lock_file_waits_for_room(tmp_path: Path) -> None:
    """LMDB maps it: a hole that is used first when the disk is full ends the process with SIGBUS."""
    open_environment(tmp_path).close()
    found = os.stat(tmp_path / "lock.mdb")
    assert found.st_blocks * 512 >= found.st_size >= 32_000


def test_a_bug_is_told_with_its_traceback(tmp_path: Path) -> None:
    """Whoever mends it needs to see where."""
    bug = ConsensusBug("applied beyond the log")
    line, finished = failed(tmp_path, bug)
    assert line["exc_info"] is bug
    with pytest.raises(ConsensusBug):
        finished.result()


def full_disk(node: Node) -> None:
    node._fail(StorageError("cannot make the log durable: No space left on device"))


def lost_disk(node: Node) -> None:
    def meet(*_: object) -> bool:
        raise DiskLost("the cluster has run, and this disk is empty")

    node._admission.meet = meet  # type: ignore[assignment, method-assign]
    with pytest.raises(PeerError):
        node.on_introduced("n2", Hello())


def stops(node: Node) -> None:
    """As the first of what ``stop`` does. It goes on to cancel the transfer, which may have ended by then."""
    node._halted = True


@pytest.mark.parametrize("image", ["failed", "is here", "is old"])
@pytest.mark.parametrize("cause", [full_disk, lost_disk, stops])
def test_a_transfer_that_ends_undoes_no_fail_stop(
    cause: Callable[[Node], None], image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-1, INV-2: a vote of the turn whose commit failed is in the outbox, and a snapshot's transfer is under way.

    Whatever becomes of the transfer, the vote stays where it is, and no image is put in force.
    """
    sent: list[object] = []
    in_force: list[Path] = []

    async def run() -> None:
        config = RaftConfig("n1", dict.fromkeys(("n1", "n2", "n3"), ("127.0.0.1", 1)), tmp_path / "state")
        env = open_environment(config.state_dir)
        stopped = asyncio.Event()

        async def fetch(*_: object) -> Path:
            await stopped.wait()
            if image == "failed":
                raise SnapshotError("No space left on device")
            return tmp_path / "image"

        def adopt(*_: object) -> int:
            if image == "is old":
                raise SnapshotError("the image is of entry 1, this node has applied 1")
            return 9

        monkeypatch.setattr(snapshot, "fetch", fetch)
        monkeypatch.setattr(snapshot, "adopt", adopt)
        monkeypatch.setattr(snapshot, "switch", lambda directory, state_dir: in_force.append(directory))
        node = Node(config, env, AppendMachine)
        monkeypatch.setattr(node._transport, "send", sent.extend)
        try:
            node._want_snapshot("n2")
            node._turn()
            sent.clear()
            vote = Message(term=1)
            vote.vote.SetInParent()
            node.engine.outbox.put("n2", vote)
            cause(node)
            stopped.set()
            while node._fetching:  # noqa: ASYNC110
                await asyncio.sleep(0)
            for _ in range(5):
                node._schedule()
                await asyncio.sleep(0)
            assert node._halted
            if node.finished.done():
                node.finished.exception()  # looked at, or asyncio complains of it
        finally:
            await node.stop()
            env.close()

    asyncio.run(run())
    assert sent == []
    assert in_force == []


@pytest.mark.parametrize("number", ERRORS)
@pytest.mark.parametrize("step", range(len(FAILING_STEPS)), ids=FAILING_STEPS)
def test_a_disk_that_fails_in_an_install_ends_the_process(
    make_cluster: MakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, number: int
) -> None:
    """INV-1, INV-2: nothing leaves any more, and it ends as for any failed disk, without a traceback."""
    cluster = make_cluster(1)
    cluster.start()
    cluster.elect("n1")
    append_entries(cluster, "n1", b"x")
    sent: list[object] = []

    async def run() -> int:
        config = RaftConfig("n1", dict.fromkeys(("n1", "n2", "n3"), ("127.0.0.1", 1)), tmp_path / "state")
        env = open_environment(config.state_dir)

        async def fetch(*_: object) -> Path:
            image = snapshot.incoming_dir(config.state_dir)
            image.mkdir()
            cluster["n1"].env.copy(str(image), compact=True)
            return image

        monkeypatch.setattr(snapshot, "fetch", fetch)
        node = Node(config, env, AppendMachine)
        monkeypatch.setattr(node._transport, "send", sent.extend)
        vote = Message(term=1)
        vote.vote.SetInParent()
        try:
            with failing_at(step, cluster["n1"].disk, number):
                node._want_snapshot("n2")
                async with asyncio.timeout(5):
                    code = await node.finished
            node.engine.outbox.put("n2", vote)
            node._schedule()
            await asyncio.sleep(0)
            return code
        finally:
            await node.stop()
            env.close()

    with capture_logs() as logs:
        assert asyncio.run(run()) == STORAGE_EXIT_CODE
    line = next(entry for entry in logs if entry["event"] == "consensus stops")
    assert os.strerror(number) in line["error"]
    assert line["exc_info"] is None
    assert sent == []


def test_a_node_whose_image_is_old_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guard 4: nothing has failed, so the halt around the install ends with it."""
    sent: list[object] = []

    async def run() -> None:
        config = RaftConfig("n1", dict.fromkeys(("n1", "n2", "n3"), ("127.0.0.1", 1)), tmp_path / "state")
        env = open_environment(config.state_dir)

        async def fetch(*_: object) -> Path:
            return tmp_path / "image"

        def adopt(*_: object) -> int:
            assert node._halted, "it could vote meanwhile"
            raise SnapshotError("the image is of entry 1, this node has applied 1")

        monkeypatch.setattr(snapshot, "fetch", fetch)
        monkeypatch.setattr(snapshot, "adopt", adopt)
        node = Node(config, env, AppendMachine)
        monkeypatch.setattr(node._transport, "send", sent.extend)
        vote = Message(term=1)
        vote.vote.SetInParent()
        try:
            node._want_snapshot("n2")
            while node._fetching:  # noqa: ASYNC110
                await asyncio.sleep(0)
            assert not node._halted
            node.engine.outbox.put("n2", vote)
            await asyncio.sleep(0)
            assert sent == [("n2", vote.SerializeToString())]
        finally:
            await node.stop()
            env.close()

    asyncio.run(run())
