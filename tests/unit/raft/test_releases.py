"""The previous release's consensus process beside the present one: only the smaller id dials there, and it founds at
once (docs/adr/0018)."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from tests.support.releases import check_out
from tests.unit.raft.support.processes import ROOT, Processes, await_status, barrier, propose, status

PREVIOUS = "34d89d6bbbb01cdb8ae6375301032d2ecbcf3ca6"
"""The last revision in which only the smaller id dialled, and no cluster had an identity."""
LOOKS, EVERY_S = 4, 0.15


@pytest.fixture
def cluster() -> Iterator[Processes]:
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=parent, prefix="raft-") as name:
        processes = Processes(Path(name))
        yield processes
        processes.close()


async def connections(cluster: Processes) -> dict[tuple[str, str], int]:
    """How many connections of each pair have stood, as each side counts. Once all stand."""
    replicas = {node_id: await cluster.replica(node_id) for node_id in cluster.ids}
    for replica in replicas.values():
        await await_status(replica, lambda s: s.has_quorum and all(peer.connected for peer in s.peers.values()))
    return {
        (node_id, peer): state.connections
        for node_id, replica in replicas.items()
        for peer, state in (await status(replica)).peers.items()
    }


async def stands(cluster: Processes) -> None:
    """Nobody hangs up on anybody, and the cluster works."""
    before = await connections(cluster)
    for _ in range(LOOKS):
        await asyncio.sleep(EVERY_S)
        assert await connections(cluster) == before
    replica = await cluster.replica("n1")
    assert await propose(replica, b"x") is not None
    assert await barrier(replica)


def identity(cluster: Processes, node_id: str) -> bytes | None:
    """Of the cluster that the node is a member of, as its disk has it."""
    env = cluster.envs[node_id]
    db = env.open_db(b"raft_local", create=False)
    with env.begin(db=db) as txn:
        return txn.get(b"cluster")


@pytest.mark.parametrize("first", [["n1"], ["n2", "n3"]])
def test_releases_meet_and_are_upgraded_one_by_one(cluster: Processes, tmp_path: Path, first: list[str]) -> None:
    """INV-2: they found a cluster together; each pair keeps one connection, whoever of the two is ahead; and after the
    upgrade all know one identity."""
    old = check_out(PREVIOUS, tmp_path / "old")

    async def test() -> None:
        for node_id in cluster.ids:
            cluster.start(node_id, release=old if node_id in first else ROOT)
        await stands(cluster)
        for release in (old, ROOT):  # first they come back as they were: those who know their cluster look at them
            for node_id in reversed(first):
                cluster.kill(node_id)
                cluster.start(node_id, release=release)
                await stands(cluster)
        identities = {identity(cluster, node_id) for node_id in cluster.ids}
        assert len(identities) == 1
        assert identities.pop()
        logs = [(cluster.dir / node_id / "log").read_text() for node_id in cluster.ids]
        assert not any("raft connection refused" in text for text in logs)

    async def limited() -> None:
        try:
            await asyncio.wait_for(test(), 120)
        finally:
            await cluster.disconnect()

    uvloop.run(limited())
