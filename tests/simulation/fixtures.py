"""Clusters that end with their test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mdscluster.raft import core, outbox
from tests.simulation.consensus.cluster import Cluster
from tests.simulation.consensus.membership import Changing

MakeCluster = Callable[..., Cluster]
MakeChanging = Callable[..., Changing]


@pytest.fixture
def fast_dir() -> Iterator[Path]:
    """A directory in memory where there is one: what is simulated needs no real disk."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=parent, prefix="raft-test-") as name:
        yield Path(name)


@pytest.fixture
def make_cluster(fast_dir: Path) -> Iterator[MakeCluster]:
    """Build a cluster; further arguments are ``Cluster``'s."""
    made: list[Cluster] = []

    def make(size: int = 3, **options: Any) -> Cluster:
        cluster = Cluster(fast_dir / str(len(made)), size, **options)
        made.append(cluster)
        return cluster

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture
def make_changing(fast_dir: Path) -> Iterator[MakeChanging]:
    """n1, n2, n3 are the founders, n1 leads; n4 and n5 run, and wait to be added. No timer starts elections."""
    made: list[Changing] = []

    def make(size: int = 5, **options: Any) -> Changing:
        cluster = Changing(fast_dir / str(len(made)), size, **options)
        made.append(cluster)
        cluster.start(*cluster.founders)
        cluster.calm()
        cluster.elect("n1")
        cluster.settle()
        for node_id in cluster.ids[3:]:
            cluster.start(node_id)
        cluster.calm()
        return cluster

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two entries of the traces fill an append message."""
    monkeypatch.setattr(core, "BATCH_BYTES", 100)
    monkeypatch.setattr(outbox, "BATCH_BYTES", 100)
