"""Passing a backup on: whole, one at a time, and never as if it were whole when it is not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from mdscluster.backup.restore import verify
from mdscluster.control import backing_up as backing_up_module
from mdscluster.control.backing_up import BackingUp, CannotBackUp
from mdscluster.fsm.settings import Settings
from mdscluster.replica import Replica
from tests.unit.fsm.support.compounds import Namespace
from tests.unit.fsm.support.sessions import connect


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "state", Settings(cluster_id=7))
    for number in range(50):
        connect(made, b"client %d" % number)
    yield made
    made.close()


def children() -> set[str]:
    """Living ones of this process, by id."""
    found = set()
    for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        if ") Z " not in Path(f"/proc/{pid}/stat").read_text():
            found.add(pid)
    return found


async def receive(backing_up: BackingUp) -> bytes:
    return b"".join([piece async for piece in backing_up.pieces()])


def test_another_process_writes_it(fs: Namespace, tmp_path: Path) -> None:
    """INV-8: and its digest is that of the state."""
    file = tmp_path / "backup"
    file.write_bytes(asyncio.run(receive(BackingUp(fs.replica))))
    found = verify(file, tmp_path)
    assert (found.head.digest, found.head.node) == (fs.replica.digest().hex(), fs.replica.node_id)


def test_a_sandbox_that_refuses_a_lower_priority_gets_its_backup(
    fs: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-8: as a filter of system calls refuses it; the lower priority is a courtesy, the backup is not."""
    marker = tmp_path / "refused"
    (tmp_path / "sitecustomize.py").write_text(
        "import os, pathlib\n"
        "def refuse(step):\n"
        f"    pathlib.Path({str(marker)!r}).touch()\n"
        "    raise PermissionError(1, 'Operation not permitted')\n"
        "os.nice = refuse\n"
    )
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    file = tmp_path / "backup"
    file.write_bytes(asyncio.run(receive(BackingUp(fs.replica))))
    assert marker.exists(), "vacuous: nothing was refused"
    assert verify(file, tmp_path).head.digest == fs.replica.digest().hex()


def test_one_at_a_time(fs: Namespace) -> None:
    """And who stops listening leaves nothing behind that is in the way of the next."""

    async def run() -> None:
        backing_up = BackingUp(fs.replica)
        first = backing_up.pieces()
        assert await anext(first)
        with pytest.raises(CannotBackUp, match="under way already"):
            await anext(backing_up.pieces())
        await first.aclose()  # type: ignore[attr-defined]
        assert await receive(backing_up)

    asyncio.run(run())


def test_who_takes_nothing_of_it_does_not_hold_the_state_for_ever(
    fs: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of LMDB keeps all that was freed since: the environment grows. Another backup may be made then."""
    monkeypatch.setattr(backing_up_module, "STALLED_S", 0.2)

    async def run() -> None:
        backing_up = BackingUp(fs.replica)
        others = children()
        first = backing_up.pieces()
        assert await anext(first)
        writer = children() - others
        assert len(writer) == 1
        await asyncio.sleep(0.5)
        assert not children() & writer, "it still reads"
        assert await receive(backing_up)
        with pytest.raises(CannotBackUp, match=r"nobody has taken a piece of it for 0\.2 s"):
            await anext(first)
        assert await receive(backing_up)

    asyncio.run(run())


def test_a_failure_is_told(fs: Namespace) -> None:
    """INV-2: what ends early is no backup. INV-4: nor is what may lack the latest."""
    gone = SimpleNamespace(path=lambda: "/nonexistent")
    broken = SimpleNamespace(env=gone, barrier=fs.replica.barrier, status=fs.replica.status)
    with pytest.raises(CannotBackUp, match=r"failed: .*nonexistent"):
        asyncio.run(receive(BackingUp(cast(Replica, broken))))
    backing_up = BackingUp(fs.replica)
    fs.replica.available = False
    with pytest.raises(CannotBackUp, match="no quorum"):
        asyncio.run(receive(backing_up))
