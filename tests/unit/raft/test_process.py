"""What the consensus process says and does when it has to stop."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.environment import open_environment
from mdscluster.raft.errors import ConsensusBug, StorageError
from mdscluster.raft.interface import STORAGE_EXIT_CODE
from mdscluster.raft.process import Node
from mdscluster.raft.process import run as run_node
from tests.simulation.consensus.machine import AppendMachine


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
