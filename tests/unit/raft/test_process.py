"""What the consensus process says and does when it has to stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mdscluster.raft.config import RaftConfig
from mdscluster.raft.environment import open_environment
from mdscluster.raft.errors import ConsensusBug, StorageError
from mdscluster.raft.interface import STORAGE_EXIT_CODE
from mdscluster.raft.process import Node
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


def test_a_bug_is_told_with_its_traceback(tmp_path: Path) -> None:
    """Whoever mends it needs to see where."""
    bug = ConsensusBug("applied beyond the log")
    line, finished = failed(tmp_path, bug)
    assert line["exc_info"] is bug
    with pytest.raises(ConsensusBug):
        finished.result()
