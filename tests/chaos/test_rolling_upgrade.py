"""A cluster of an earlier release is upgraded node by node while it works; a node that goes back to what the cluster
has left behind is refused."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from mdscluster.fsm import features
from nfsclient.client import Client
from nfsclient.workloads import Report, exactly_once
from tests.support.embedded import Embedded
from tests.support.recalling import DATA, Recalls
from tests.support.releases import check_out, feature_level, previous_revision

pytestmark = pytest.mark.slow

LEVEL_4 = "603db7d1e7771082fe1240366908388c1a08577f"
"""The last revision before fencing, operators' commands and mandates; the next one knew level 7: none has 5 or 6."""
LEVEL_0 = "350fe72fdada1f3ea5f88e05f95a652e6cfc2c76"
"""The last revision before feature levels. What it keeps of clients and their layouts differs, and no level says so:
replicas that are mixed with it DIFFER while there are any (in digests), and agree again only when these are gone. So it
takes no layouts here, and is compared when its clients have left."""
RELEASES = (
    pytest.param("", id="previous-commit"),
    pytest.param(LEVEL_0, id="level-0"),
    pytest.param(LEVEL_4, id="level-4"),
    pytest.param("035afaa7c4aedefe7bf06342f679b78c798d5dcc", id="level-7", marks=pytest.mark.long),  # its first one
    pytest.param("be6b63c607040685157e5cdd257eae8b7985d75f", id="level-8", marks=pytest.mark.long),  # its last one
)
"""Earlier revisions; empty: the newest one whose servers are not those of this tree."""
CALLS, EVERY = 900, 220
CANNOT_RUN = 2
LAG_WHILE_WORKING = 200


class Upgrader:
    """Kills a node of the old release, each in turn, and starts it on the new one. Then layouts are recalled."""

    def __init__(self, cluster: Embedded, old: Path, recalls: Recalls | None) -> None:
        """``recalls``: None where no layouts are to be taken."""
        self.cluster = cluster
        self._old = old.resolve()
        self._recalls = recalls
        self.waiting = sorted(cluster.nodes())
        self.mixed: list[tuple[int, set[int], set[int]]] = []
        self._turn = asyncio.Lock()

    async def __call__(self, calls: int) -> None:
        async with self._turn:
            if not self.waiting:
                return
            node = self.waiting.pop(0)
            await asyncio.to_thread(self.cluster.kill, node)
            await asyncio.to_thread(self.cluster.start, node)
            status = await asyncio.to_thread(self.cluster.await_all, LAG_WHILE_WORKING)
            old = [node for node in self.cluster.nodes() if self.cluster.source(node) == self._old]
            self.mixed.append((len(old), *levels(status)))
            if self._recalls is not None:
                await self._recalls.turn()


def levels(status: dict[str, Any]) -> tuple[set[int], set[int]]:
    """(known, used) feature levels of the nodes; a release that does not say counts as 0."""
    nodes = status["mds"]
    return {node["feature_level_known"] for node in nodes}, {node["feature_level"] for node in nodes}


@pytest.mark.parametrize("revision", RELEASES)
def test_nodes_are_upgraded_one_by_one_under_load(tmp_path: Path, revision: str) -> None:
    """INV-2, INV-3, INV-7, INV-8: no call fails or runs twice, and the replicas agree, while releases are mixed.

    INV-5, INV-6: so do those that recall, take back and fence layouts.
    """
    old = check_out(revision or previous_revision(), tmp_path / "old")
    known_before = feature_level(old)
    with Embedded(tmp_path / "cluster", release=old) as cluster:
        assert levels(cluster.status())[0] == {known_before}, "vacuous: this is not the old release"
        recalls = Recalls(cluster.addresses())
        with_layouts = revision != LEVEL_0
        upgrader = Upgrader(cluster, old, recalls if with_layouts else None)

        async def run() -> Report:
            async with recalls, await Client.connect(cluster.addresses()) as client:
                if with_layouts:
                    await recalls.turn()
                report = await exactly_once(
                    client, calls=CALLS, seed=7, workers=8, disturb=upgrader, disturb_every=EVERY
                )
                if with_layouts:
                    await asyncio.to_thread(assert_equal_digests, cluster)  # with those of each phase, as it left them
                return report

        report = asyncio.run(run())
        print(report, upgrader.mixed, recalls.seen)
        assert report.ok, str(report)
        assert not upgrader.waiting, "vacuous: not every node was upgraded"
        assert [old_left for old_left, _, _ in upgrader.mixed] == [2, 1, 0], "vacuous: releases were not mixed"
        for _, known, used in upgrader.mixed[:-1]:
            assert known_before in known, "vacuous: no old node was left"
            assert max(used) <= max(known_before, features.BASE), "a new feature was used while an old node was there"
        if with_layouts:
            assert_layouts_were_recalled(upgrader, recalls)
        raised = await_levels(cluster, features.SUPPORTED)
        assert raised == ({features.SUPPORTED}, {features.SUPPORTED})
        assert_equal_digests(cluster)
        if known_before == features.SUPPORTED:
            takes_back(cluster, old)
        else:
            refuses_the_old(cluster, old, by_itself=known_before > 0)


def assert_layouts_were_recalled(upgrader: Upgrader, recalls: Recalls) -> None:
    """In each phase: those of the phase before, and those that were granted in it."""
    assert not recalls.lost, recalls.lost
    nodes = recalls.nodes
    for (_, _, used), seen in zip(upgrader.mixed, recalls.seen[1:], strict=True):
        assert seen["granted"] >= 3 * nodes, "vacuous: no layouts were granted"
        assert seen["written"] >= 3 * nodes * len(DATA), "vacuous: they were not used"
        assert min(seen["recalled"], seen["returned"]) >= 2 * nodes, "vacuous: layouts were not recalled and returned"
        if min(used) >= features.GRANTS_IN_DOUBT:
            assert seen["fenced"], "vacuous: nothing was fenced"


def assert_equal_digests(cluster: Embedded) -> None:
    digests = cluster.mdsctl("digest")
    assert (digests.returncode, digests.stdout.splitlines()[-1]) == (0, "equal"), digests.stdout


def await_levels(cluster: Embedded, level: int) -> tuple[set[int], set[int]]:
    deadline = time.monotonic() + 30
    while (found := levels(cluster.await_all()))[1] != {level} and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def takes_back(cluster: Embedded, old: Path) -> None:
    """A node may go back to a release that knows all that is in use."""
    victim = "mds3"
    cluster.kill(victim)
    cluster.start(victim, release=old)
    cluster.await_all()
    assert cluster.source(victim) == old.resolve(), "vacuous: this is not the old release"
    assert_equal_digests(cluster)


def refuses_the_old(cluster: Embedded, old: Path, *, by_itself: bool) -> None:
    """A node that goes back to a release which does not know what is in use is kept out: it sees that by itself, and
    ends, or its peers do. Either says why."""
    victim, other = "mds3", "mds2"
    cluster.kill(victim)
    cluster.start(victim, release=old)
    if by_itself:
        wanted, teller = f"the cluster uses features of level {features.SUPPORTED}, this release knows", victim
    else:
        wanted, teller = f"the cluster uses {features.SUPPORTED}: upgrade it", other
    deadline = time.monotonic() + 30
    while wanted not in cluster.by_hand_log(teller).read_text():
        assert time.monotonic() < deadline, cluster.by_hand_log(teller).read_text()[-2000:]
        time.sleep(0.2)
    if by_itself:
        assert cluster.exit_code(victim) == CANNOT_RUN
    else:
        cluster.kill(victim)
    cluster.start(victim)
    cluster.await_all()
