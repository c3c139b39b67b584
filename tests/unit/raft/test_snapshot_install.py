"""Putting a snapshot in force: a crash, and a disk that fails, at every step of it; and what a node then starts on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mdscluster.raft import snapshot
from mdscluster.raft.environment import open_environment
from mdscluster.raft.errors import StorageError
from tests.simulation.consensus.installs import ERRORS, FAILING_STEPS, RENAMED, failing_at
from tests.simulation.consensus.node import keep_file
from tests.simulation.fixtures import MakeCluster
from tests.unit.raft.support.snapshots import behind, install_later


class Crash(Exception):
    """The process dies here."""


CRASHES: list[tuple[str, str]] = [
    ("copy", "mdscluster.raft.snapshot.adopt"),
    ("adopt: before its commit", "mdscluster.raft.store.Store.commit"),
    ("adopted, before the flush", "mdscluster.raft.snapshot._fsync"),
    ("before the rename", "os.rename"),
]


@pytest.mark.parametrize(("step", "target"), CRASHES)
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
    install_later(cluster)
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
        install_later(cluster)
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
